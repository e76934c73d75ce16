//! Runs kernels on the emulated array, compares every result with plain integers, and prints a table of cycles: `cycles [SHAPE...]` with shapes such as
//! `int8:8192x2048x1` (outputs, inputs, tokens), `int8+` for sums of rows (inputs are the rows), `top:8192x1` for lists of active neurons (neurons, tokens),
//! `product:410` for their products; without any, those of Gemma 3n E2B and of the demo model.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Fill, Machine, ProductMachine, SumMachine, TopMachine, fractions, gaussian};
use unicorn_kernels_npu::{Cost, Scale, Shape, Threshold, Weights, cost};
use unicorn_kernels_xdna::emulator::Report;

const ALL: [&str; 26] = [
    "int8:8192x2048x1",
    "int4:8192x2048x1",
    "int8:8192x2048x4",
    "int4:8192x2048x4",
    "int8:410x2048x1",
    "int4:410x2048x1",
    "int8:2048x2048x1",
    "int8:2048x2048x8",
    "int4:2048x2048x8",
    "int8:8192x2048x64",
    "int4:8192x2048x64",
    "int8:8192x2048x96",
    "int4:8192x2048x96",
    "int8:2048x2048x32",
    "int8:512x2048x64",
    "int8:512x256x1",
    "int4:512x256x1",
    "int8:256x512x1",
    "int8:512x256x16",
    "int8:512x256x64",
    "int4:512x256x64",
    "int8:256x512x64",
    "int8+:2048x410x1",
    "int4+:2048x410x1",
    "int8+:2048x1600x4",
    "int8+:256x26x1",
];

const ACTIVE: [&str; 8] = ["top:8192x1", "top:8192x4", "top:8192x64", "top:16384x1", "top:512x1", "product:410", "product:820", "product:26"];

type Failure = Box<dyn std::error::Error>;
/// Runs a shape and prints a row: its text, format and sizes.
type Row = fn(&str, &str, &[usize]) -> Result<(), Failure>;

fn percent(x: f64) -> String {
    format!("{:.1} %", 100.0 * x)
}

/// Kernels over matrices.
fn matrix(text: &str, format: &str, sizes: &[usize]) -> Result<(), Failure> {
    let [outputs, inputs, tokens] = *sizes else { return Err(format!("{text}: not a shape such as int8:8192x2048x1").into()) };
    let weights = if format.starts_with("int4") { Weights::Int4 } else { Weights::Int8 };
    let (w, x) = (Fill::Random(1), Fill::Random(2));
    let (report, predicted) = if format.ends_with('+') {
        let mut machine = SumMachine::new(weights, outputs, tokens);
        (machine.prove(inputs, w, x), machine.kernel.cost(inputs)?.cycles)
    } else {
        let shape = Shape { weights, inputs, tokens };
        (Machine::new(shape).prove(outputs, w, x).report, cost(shape, outputs)?.cycles)
    };
    let f = fractions(outputs * inputs * tokens, weights.bytes(outputs * inputs), &report);
    let cells = [percent(f.products), percent(f.reads), percent(f.weights)].join(" | ");
    println!("| {format} | {outputs} x {inputs} x {tokens} | {} | {predicted} | {cells} |", report.cycles);
    Ok(())
}

/// Kernels over active neurons.
fn active(text: &str, format: &str, sizes: &[usize]) -> Result<(), Failure> {
    let (report, predicted): (Report, Cost) = match (format, sizes) {
        ("top", &[neurons, tokens]) => {
            let mut machine = TopMachine::new(neurons, Threshold::TWENTIETH, 96);
            let values: Vec<Vec<i32>> = (0..tokens as u64).map(|seed| gaussian(seed, 40_000, neurons)).collect();
            let (report, _) = machine.prove(&values, neurons, &vec![16383; neurons], &vec![Scale::new(1.0 / 10_000.0)?; tokens]);
            // A twentieth, and half of that again in the slice that has the most.
            (report, machine.kernel.cost(tokens, (neurons * 3).div_ceil(16 * 40))?)
        }
        ("product", &[neurons]) => {
            let mut machine = ProductMachine::new();
            let values: Vec<i32> = gaussian(1, 1500, neurons).into_iter().map(i32::abs).collect();
            (machine.prove(&values, &gaussian(2, 40_000, neurons), &vec![16383; neurons]).0, machine.kernel.cost(neurons)?)
        }
        _ => return Err(format!("{text}: not top:8192x1 or product:410").into()),
    };
    let cycles = report.cycles as f64;
    let busiest = report.cores.iter().map(|core| core.bundles).max().unwrap_or(0) as f64;
    let cells = [predicted.read as f64 / (32.0 * cycles), predicted.written as f64 / (16.0 * cycles), busiest / cycles].map(percent).join(" | ");
    println!("| {text} | {} | {} | {cells} |", report.cycles, predicted.cycles);
    Ok(())
}

fn main() -> Result<(), Failure> {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let of = |all: &[&str], is: bool| -> Vec<String> {
        let all = if named.is_empty() { all.iter().map(ToString::to_string).collect() } else { named.clone() };
        all.into_iter().filter(|text| (text.starts_with("top") || text.starts_with("product")) == is).collect()
    };
    let tables: [(_, _, Row); 2] = [
        (
            of(&ALL, false),
            "weights | outputs x inputs x tokens | cycles | predicted | of 4096 MAC/cycle | shim reads of 32 B/cycle | weights of 32 B/cycle",
            matrix,
        ),
        (
            of(&ACTIVE, true),
            "active neurons | cycles | predicted | shim reads of 32 B/cycle | shim writes of 16 B/cycle | busiest core at work",
            active,
        ),
    ];
    for (texts, head, row) in tables.into_iter().filter(|(texts, ..)| !texts.is_empty()) {
        println!("| {head} |\n|{}", " --- |".repeat(head.split(" | ").count()));
        for text in texts {
            let (format, sizes) = text.split_once(':').ok_or_else(|| format!("{text}: not a shape such as int8:8192x2048x1"))?;
            let sizes: Vec<usize> = sizes.split('x').map(str::parse).collect::<Result<_, _>>()?;
            row(&text, format, &sizes)?;
        }
    }
    Ok(())
}
