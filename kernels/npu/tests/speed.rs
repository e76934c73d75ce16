//! Cycles on the emulated array: near the limits of channels and multipliers, and near what was predicted. Host memory is as fast as the channels there.

mod common;

use common::{Fill, Fractions, Machine, ProductMachine, TopMachine, fractions, gaussian};
use unicorn_kernels_npu::{Scale, Shape, Threshold, Weights, cost};

/// Runs a shape, compares results and prediction.
fn measure(weights: Weights, outputs: usize, inputs: usize, tokens: usize) -> (u64, Fractions) {
    let shape = Shape { weights, inputs, tokens };
    let mut machine = Machine::new(shape);
    let result = machine.prove(outputs, Fill::Random(1), Fill::Random(2));
    let cost = cost(shape, outputs).unwrap();
    let cycles = result.report.cycles;
    assert!(cycles.abs_diff(cost.cycles) * 20 <= cycles, "{shape:?} x {outputs}: {cycles} cycles, {} predicted", cost.cycles);
    assert_eq!(cost.products, (outputs * inputs * tokens) as u64);
    assert_eq!(cost.read + cost.written, 4 * result.report.host_words());
    for core in &result.report.cores {
        assert_eq!((core.bank_stalls, core.stream_stalls, core.hasty), (0, 0, 0), "{shape:?}: {core:?}");
    }
    (cycles, fractions(outputs * inputs * tokens, weights.bytes(outputs * inputs), &result.report))
}

/// The gate of Gemma 3n E2B: weights come as fast as eight channels bring them.
#[test]
fn the_gate_runs_at_the_speed_of_the_channels() {
    let (one, f) = measure(Weights::Int8, 8192, 2048, 1);
    assert!(f.weights > 0.95, "{}", f.weights);
    let (half, f) = measure(Weights::Int4, 8192, 2048, 1);
    assert!(f.weights > 0.95, "{}", f.weights);
    assert!(half * 19 < one * 10, "int4 takes half the time: {half}, {one}");
}

/// Several tokens cost hardly more than one.
#[test]
fn tokens_share_the_weights() {
    let (one, _) = measure(Weights::Int8, 2048, 2048, 1);
    let (four, _) = measure(Weights::Int8, 2048, 2048, 4);
    assert!(four * 100 < one * 102, "{four}, {one}");
}

/// 64 tokens: int4 weights keep the multipliers busy. With int8 weights the channels bring half of what the multipliers could take, 32 bytes a cycle for
/// 64 tokens being 2048 of 4096 products; more tokens help.
#[test]
fn chunks_of_a_prompt_run_near_the_limits() {
    let (_, f) = measure(Weights::Int4, 2048, 2048, 64);
    assert!(f.products > 0.7, "{}", f.products);
    let (_, f) = measure(Weights::Int8, 2048, 2048, 64);
    assert!(f.reads > 0.97 && f.products > 0.43, "{} {}", f.reads, f.products);
    let (_, f) = measure(Weights::Int8, 2048, 2048, 96);
    assert!(f.products > 0.6, "{}", f.products);
}

/// Shapes of the demo model and gathered rows: the prediction holds where the way in counts.
#[test]
fn small_runs_are_predicted() {
    for (outputs, inputs, tokens) in [(512, 256, 1), (256, 512, 1), (512, 256, 16), (512, 256, 64), (256, 512, 64), (410, 2048, 1), (512, 2048, 64)] {
        measure(Weights::Int8, outputs, inputs, tokens);
        measure(Weights::Int4, outputs, inputs, tokens);
    }
}

/// Lists of active neurons and their products: a hundredth of what the gate before them takes, and near the prediction.
#[test]
fn active_neurons_are_predicted() {
    for (neurons, tokens, room, busiest) in [(512, 1, 32, 20), (2000, 5, 96, 20), (8192, 1, 96, 32), (8192, 9, 96, 40), (16384, 2, 128, 70)] {
        let mut machine = TopMachine::new(neurons, Threshold::TWENTIETH, room);
        let values: Vec<Vec<i32>> = (0..tokens as u64).map(|seed| gaussian(seed, 40_000, neurons)).collect();
        let (report, _) = machine.prove(&values, neurons, &vec![16383; neurons], &vec![Scale::new(1e-4).unwrap(); tokens]);
        let predicted = machine.kernel.cost(tokens, busiest).unwrap();
        assert!(report.cycles.abs_diff(predicted.cycles) * 10 <= report.cycles, "{neurons} x {tokens}: {} for {}", report.cycles, predicted.cycles);
        assert_eq!(predicted.read + predicted.written, 4 * report.host_words());
        assert!(neurons != 8192 || report.cycles < 6000 * tokens as u64);
    }
    let mut machine = ProductMachine::new();
    for neurons in [1, 410, 513, 3000] {
        let values: Vec<i32> = gaussian(1, 1500, neurons).into_iter().map(i32::abs).collect();
        let (report, _) = machine.prove(&values, &gaussian(2, 40_000, neurons), &vec![16383; neurons]);
        let predicted = machine.kernel.cost(neurons).unwrap();
        assert!(report.cycles.abs_diff(predicted.cycles) * 20 <= report.cycles, "{neurons}: {} for {}", report.cycles, predicted.cycles);
        assert_eq!(predicted.read + predicted.written, 4 * report.host_words());
    }
}
