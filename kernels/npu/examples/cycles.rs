//! Runs kernels on the emulated array, compares every result with plain integers, and prints a table of cycles: `cycles [SHAPE...]` with shapes such as
//! `int8:8192x2048x1` (outputs, inputs, tokens), `int8+` for sums of rows (inputs are the rows); without any, those of Gemma 3n E2B and of the demo model.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Fill, Machine, SumMachine, fractions};
use unicorn_kernels_npu::{Shape, Weights, cost};

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let all = if named.is_empty() { ALL.iter().map(ToString::to_string).collect() } else { named };
    println!("| weights | outputs x inputs x tokens | cycles | predicted | of 4096 MAC/cycle | shim reads of 32 B/cycle | weights of 32 B/cycle |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for text in all {
        let wrong = || format!("{text}: not a shape such as int8:8192x2048x1");
        let (format, sizes) = text.split_once(':').ok_or_else(wrong)?;
        let sizes: Vec<usize> = sizes.split('x').map(str::parse).collect::<Result<_, _>>()?;
        let [outputs, inputs, tokens] = sizes[..] else { return Err(wrong().into()) };
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
        let percent = |x: f64| format!("{:.1} %", 100.0 * x);
        let cells = [percent(f.products), percent(f.reads), percent(f.weights)].join(" | ");
        println!("| {format} | {outputs} x {inputs} x {tokens} | {} | {predicted} | {cells} |", report.cycles);
    }
    Ok(())
}
