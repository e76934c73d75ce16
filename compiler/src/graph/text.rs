//! Graphs as text that parses back: `parse(print(g)) == g`. Only the form is checked here; what a graph may say is `verify`'s business.
//!
//! One line a node: its outputs with type and name, then the op with its settings, then the inputs. A fused region follows in braces, a line for each
//! slot and operation. Values that no node makes are declared by `value`; the last line lists the outputs.
//! ```text
//! %0: weight[1, 256] = weight(tensor="norm.weight", transpose=false, clamp=none, scale=1.0, format=f32)
//! %2: rows[256] "hidden" = rms_norm(epsilon=1e-6) %1, %0
//! %3: rows[256] = fused(width=256) %2 {
//!   row
//!   out_row
//!   0: load 0
//!   1: store 1 0
//! }
//! outputs %3
//! ```
//! Numbers are in the shortest form that reads back to the same f32.

mod parse;

pub use parse::{ParseError, parse};

use super::{Graph, Op, Type, ValueId};
use std::fmt::Write;
use unicorn_artifact::region::{Operand, Region, RegionOp};

/// The text of a graph.
pub fn print(graph: &Graph) -> String {
    let mut text = String::new();
    let mut made = vec![false; graph.values.len()];
    for output in graph.nodes.iter().flat_map(|n| &n.outputs) {
        if let Some(flag) = made.get_mut(output.0 as usize) {
            *flag = true;
        }
    }
    for (number, _) in made.iter().enumerate().filter(|(_, made)| !**made) {
        push(&mut text, format_args!("value {}\n", declared(graph, ValueId(number as u32))));
    }
    for node in &graph.nodes {
        let outputs: Vec<String> = node.outputs.iter().map(|v| declared(graph, *v)).collect();
        push(&mut text, format_args!("{} = {}{}", outputs.join(", "), node.op.name(), settings(&node.op)));
        push(&mut text, format_args!("{}", list(&node.inputs)));
        if let Op::Fused(region) = &node.op {
            print_region(&mut text, region);
        }
        text.push('\n');
    }
    push(&mut text, format_args!("outputs{}\n", list(&graph.outputs)));
    text
}

fn push(text: &mut String, what: std::fmt::Arguments) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(what);
}

fn list(values: &[ValueId]) -> String {
    values.iter().enumerate().map(|(at, v)| format!("{} %{}", if at == 0 { "" } else { "," }, v.0)).collect()
}

fn declared(graph: &Graph, id: ValueId) -> String {
    let Some(value) = graph.values.get(id.0 as usize) else { return format!("%{}", id.0) };
    let ty = match value.ty {
        Type::Rows(width) => format!("rows[{width}]"),
        Type::Weight(rows, cols) => format!("weight[{rows}, {cols}]"),
    };
    let name = if value.name.is_empty() { String::new() } else { format!(" {}", quoted(&value.name)) };
    format!("%{}: {ty}{name}", id.0)
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || c.is_whitespace() && c != ' ' => push(&mut out, format_args!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out + "\""
}

fn float(x: f32) -> String {
    if x.is_nan() { format!("bits:{:x}", x.to_bits()) } else { format!("{x:?}") }
}

fn optional(x: Option<f32>) -> String {
    x.map_or("none".into(), float)
}

fn settings(op: &Op) -> String {
    let fields: Vec<(&str, String)> = match op {
        Op::Weight(w) => vec![
            ("tensor", quoted(&w.tensor)),
            ("transpose", w.transpose.to_string()),
            ("clamp", optional(w.clamp)),
            ("scale", float(w.scale)),
            ("format", w.format.name().into()),
        ],
        Op::Handoff(number) => vec![("number", number.to_string())],
        Op::Embed(scale) | Op::EmbedPerLayer(scale) => vec![("scale", float(*scale))],
        Op::RmsNorm(epsilon) => vec![("epsilon", float(*epsilon))],
        Op::HeadNorm { head_dim, epsilon, theta } => {
            vec![("head_dim", head_dim.to_string()), ("epsilon", float(*epsilon)), ("theta", optional(*theta))]
        }
        Op::Attention { kv_heads, head_dim, window, scale } => attention(*kv_heads, *head_dim, *window, *scale),
        Op::CachedAttention { state, kv_heads, head_dim, window, scale } => {
            let mut fields = attention(*kv_heads, *head_dim, *window, *scale);
            fields.insert(0, ("state", state.to_string()));
            fields
        }
        Op::KvAppend(state) => vec![("state", state.to_string())],
        Op::Scale(x) | Op::AddImm(x) | Op::MaxImm(x) | Op::Clamp(x) => vec![("by", float(*x))],
        Op::Slice(start, len) | Op::RowSlice(start, len) => vec![("start", start.to_string()), ("len", len.to_string())],
        Op::Fused(region) => vec![("width", region.width.to_string())],
        Op::MatMul
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Div
        | Op::Transpose
        | Op::Sqrt
        | Op::Tanh
        | Op::Gelu
        | Op::Mean
        | Op::SparseUp
        | Op::SparseDown => vec![],
    };
    if fields.is_empty() {
        return String::new();
    }
    format!("({})", fields.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", "))
}

fn attention(kv_heads: u32, head_dim: u32, window: u32, scale: f32) -> Vec<(&'static str, String)> {
    vec![("kv_heads", kv_heads.to_string()), ("head_dim", head_dim.to_string()), ("window", window.to_string()), ("scale", float(scale))]
}

fn print_region(text: &mut String, region: &Region) {
    text.push_str(" {\n");
    for operand in &region.operands {
        let line = match operand {
            Operand::Row => "row".into(),
            Operand::Const => "const".into(),
            Operand::Scalars(n) => format!("scalars {n}"),
            Operand::ConstScalars(n) => format!("const_scalars {n}"),
            Operand::OutRow => "out_row".into(),
            Operand::OutScalars(n) => format!("out_scalars {n}"),
        };
        push(text, format_args!("  {line}\n"));
    }
    for (at, op) in region.ops.iter().enumerate() {
        let line = match *op {
            RegionOp::Load(s) => format!("load {s}"),
            RegionOp::LoadScalar(s, i) => format!("load_scalar {s} {i}"),
            RegionOp::Imm(x) => format!("imm {}", float(x)),
            RegionOp::Add(a, b) => format!("add {a} {b}"),
            RegionOp::Sub(a, b) => format!("sub {a} {b}"),
            RegionOp::Mul(a, b) => format!("mul {a} {b}"),
            RegionOp::Div(a, b) => format!("div {a} {b}"),
            RegionOp::Max(a, b) => format!("max {a} {b}"),
            RegionOp::Sqrt(a) => format!("sqrt {a}"),
            RegionOp::Tanh(a) => format!("tanh {a}"),
            RegionOp::Gelu(a) => format!("gelu {a}"),
            RegionOp::Sum(a) => format!("sum {a}"),
            RegionOp::Store(s, a) => format!("store {s} {a}"),
            RegionOp::StoreScalar(s, i, a) => format!("store_scalar {s} {i} {a}"),
        };
        push(text, format_args!("  {at}: {line}\n"));
    }
    text.push('}');
}

#[cfg(test)]
mod tests;
