//! A plan as text: what `--dump` and `inspect --plan` show. One line per thing, stable, made to be compared with `diff`.

use crate::command::{Argument, Command};
use crate::npu::NpuPlan;
use crate::plan::{Entry, Plan};
use std::fmt::Write;

/// The whole plan.
pub fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    let m = &plan.model;
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "model `{}`: {} layers, hidden {}, vocabulary {} (text {}), context {}, slots {}, window {}",
        m.name, m.layers, m.hidden, m.vocabulary, m.text_vocabulary, m.context, m.slots, m.window
    );
    let _ = writeln!(
        out,
        "memory: weights {}, states {}, arena {}, scratch {} a thread; streamed from the file {}",
        plan.weight_bytes,
        plan.state_bytes,
        plan.arena_bytes,
        plan.scratch_bytes(),
        plan.streamed_bytes
    );
    for (at, w) in plan.weights.iter().enumerate() {
        let place = if w.streamed { "streamed" } else { "resident" };
        let _ = writeln!(out, "w{at}: {}[{}, {}] {} {place} @{} `{}`", w.format.name(), w.rows, w.cols, w.layout.name(), w.offset, w.name);
    }
    for (at, s) in plan.states.iter().enumerate() {
        let _ = writeln!(out, "s{at}: {} heads of {}, {} positions @{} `{}`", s.kv_heads, s.head_dim, s.capacity, s.offset, s.name);
    }
    for (at, h) in plan.handoffs.iter().enumerate() {
        let _ = writeln!(out, "h{at}: [{}] @{} `{}`", h.width, h.offset, h.name);
    }
    for (at, r) in plan.regions.iter().enumerate() {
        let _ = writeln!(out, "r{at}: width {}, {:?}", r.width, r.operands);
        for (value, op) in r.ops.iter().enumerate() {
            let _ = writeln!(out, "  {value} = {op:?}");
        }
    }
    for e in &plan.entries {
        entry(&mut out, e);
    }
    if let Some(part) = &plan.npu {
        npu(&mut out, part);
    }
    out
}

fn npu(out: &mut String, npu: &NpuPlan) {
    let _ = writeln!(out, "npu {}: weights {}, buffers {} in all, code {}", npu.target, npu.weight_bytes, npu.buffer_bytes(), npu.code_bytes);
    for (at, c) in npu.configurations.iter().enumerate() {
        let _ = writeln!(
            out,
            "  c{at}: `{}` {} bytes @{} (image {} @{}), {} columns, {} tokens of {}, activations {}, results {}",
            c.title,
            c.container.bytes,
            c.container.offset,
            c.image.bytes,
            c.image.offset,
            c.columns,
            c.tokens.len(),
            c.inputs.len(),
            c.activation_bytes,
            c.result_bytes
        );
    }
    for (at, s) in npu.streams.iter().enumerate() {
        let _ =
            writeln!(out, "  i{at}: c{} x {} outputs, {} bytes @{}, {} cycles", s.configuration, s.outputs, s.code.bytes, s.code.offset, s.cycles);
    }
    for w in &npu.weights {
        let _ = writeln!(out, "  w{}: {} bytes @{}", w.weight, w.bytes, w.offset);
    }
    for (at, entry) in npu.entries.iter().enumerate().filter(|(_, e)| !e.calls.is_empty()) {
        let calls: Vec<_> = entry.calls.iter().map(|c| format!("{} by i{}", c.command, c.stream)).collect();
        let _ = writeln!(out, "  entry {at}: {}", calls.join(", "));
    }
}

fn entry(out: &mut String, entry: &Entry) {
    let _ = writeln!(out, "entry {:?} rows {} logits {:?}", entry.part, entry.rows, entry.logits);
    for (at, b) in entry.buffers.iter().enumerate() {
        let _ = writeln!(out, "  b{at}: {:?}[{}] @{} `{}`", b.elements, b.width, b.offset, b.name);
    }
    for (at, c) in entry.commands.iter().enumerate() {
        let _ = writeln!(out, "  {at}: {}", command(c));
    }
}

/// One command on one line.
pub fn command(command: &Command) -> String {
    let name = command.name();
    match command {
        Command::Embed { table, scale, out } | Command::EmbedPerLayer { table, scale, out } => format!("b{out} = {name} w{table} * {scale}"),
        Command::Quantize { input, out } | Command::QuantizeInt8 { input, out } => format!("b{out} = {name} b{input}"),
        Command::MatMul { input, products } => {
            let products: Vec<_> = products.iter().map(|p| format!("b{} = w{}", p.out, p.weight)).collect();
            format!("{name} b{input}: {}", products.join(", "))
        }
        Command::MatMulInt8 { input, weight, out } => format!("b{out} = {name} b{input} w{weight}"),
        Command::SparseUp { gate, input, weight } => format!("b{gate} *= {name} b{input} w{weight}"),
        Command::SparseDown { hidden, weight, out } => format!("b{out} = {name} b{hidden} w{weight}"),
        Command::RopeTable { theta, out } => format!("b{out} = {name} theta {theta}"),
        Command::HeadNorm { input, head_dim, epsilon, weight, table, out } => {
            let weight = weight.map_or(String::new(), |w| format!(" * w{w}"));
            let table = table.map_or(String::new(), |t| format!(" rotated by b{t}"));
            format!("b{out} = {name} b{input} heads of {head_dim} + {epsilon}{weight}{table}")
        }
        Command::KvAppend { state, key, value } => format!("s{state} {name} b{key}, b{value}"),
        Command::Attention { state, query, window, scale, out } => format!("b{out} = {name} s{state} b{query} window {window} * {scale}"),
        Command::Region { region, repeat, arguments } => {
            let arguments: Vec<_> = arguments
                .iter()
                .map(|a| match a {
                    Argument::Buffer { buffer, offset } => format!("b{buffer}+{offset}"),
                    Argument::Weight { weight, offset } => format!("w{weight}+{offset}"),
                })
                .collect();
            format!("{name} r{region} x {repeat}: {}", arguments.join(", "))
        }
        Command::Gather { handoff, out } => format!("b{out} = {name} h{handoff}"),
    }
}
