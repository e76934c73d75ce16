//! Every result of the emulated array is that of plain integers: weights and activations of all kinds, sizes that fit nothing, runs one after the other.

mod common;

use common::{Fill, Machine};
use unicorn_kernels_npu::{Kernel, NpuError, Shape, Weights, Window};

const BOTH: [Weights; 2] = [Weights::Int8, Weights::Int4];

fn machine(weights: Weights, inputs: usize, tokens: usize) -> Machine {
    Machine::new(Shape { weights, inputs, tokens })
}

/// The extremes of what bytes can hold, and what shows a wrong place at once.
fn fills() -> Vec<(Fill, Fill)> {
    let extremes = [Fill::All(-128), Fill::All(127), Fill::All(0), Fill::Turns(-128, 127), Fill::Turns(0, -1), Fill::Random(3)];
    let mut all: Vec<_> = extremes.iter().flat_map(|w| extremes.iter().map(move |x| (*w, *x))).collect();
    for at in [0, 1, 7, 8, 63, 64, 255, 256, 1000, 4242, 99_999] {
        all.push((Fill::Single(at, 7), Fill::Random(at as u64)));
        all.push((Fill::Random(at as u64), Fill::Single(at, -128)));
    }
    all
}

#[test]
fn extremes_on_cores_with_rows_of_their_own() {
    for weights in BOTH {
        let mut machine = machine(weights, 600, 3);
        for (w, x) in fills() {
            machine.prove(130, w, x);
        }
    }
}

#[test]
fn extremes_on_cores_with_tokens_of_their_own() {
    for weights in BOTH {
        for tokens in [17, 50, 96] {
            let mut machine = machine(weights, 300, tokens);
            for (w, x) in fills() {
                machine.prove(70, w, x);
            }
        }
    }
}

/// The largest results and sums of squares that there can be.
#[test]
fn the_largest_sums_are_exact() {
    let mut machine = machine(Weights::Int8, 3072, 2);
    let result = machine.prove(1024, Fill::All(-128), Fill::All(-128));
    assert_eq!(result.values[1][1023], 3072 << 14);
    assert_eq!(result.statistics[1].squares, 1024 * (3072_i128 << 14).pow(2));
}

#[test]
fn sizes_that_fit_nothing() {
    for weights in BOTH {
        for (inputs, tokens, outputs) in [(1, 1, 1), (15, 2, 17), (129, 8, 63), (255, 1, 65), (1025, 5, 257), (2047, 1, 100), (3071, 7, 1)] {
            machine(weights, inputs, tokens).prove(outputs, Fill::Random(5), Fill::Random(6));
        }
        for (inputs, tokens, outputs) in
            [(1, 9, 1), (130, 33, 17), (300, 32, 63), (513, 10, 129), (1023, 64, 65), (2047, 63, 33), (1500, 65, 40), (2000, 95, 9)]
        {
            machine(weights, inputs, tokens).prove(outputs, Fill::Random(7), Fill::Random(8));
        }
    }
}

/// The gathered rows of sparse layers: one container, any number of rows, run after run on an array that keeps its state.
#[test]
fn one_container_takes_any_number_of_rows() {
    for (tokens, counts) in [(1, [410, 1, 448, 64, 65, 1000]), (4, [100, 3, 300, 64, 16, 410]), (40, [16, 410, 1, 64, 17, 128])] {
        let mut machine = machine(Weights::Int8, 512, tokens);
        for (run, outputs) in counts.into_iter().enumerate() {
            machine.prove(outputs, Fill::Random(run as u64), Fill::Random(100 + run as u64));
        }
    }
}

/// A product over many inputs is the sum of products over columns of the matrix, which lies as it is.
#[test]
fn wide_matrices_are_taken_in_windows() {
    let (inputs, outputs) = (1200, 96);
    for tokens in [2, 40] {
        let whole = Shape { weights: Weights::Int8, inputs, tokens };
        let (w, x) = (Fill::Random(1).values(inputs * outputs), Fill::Random(2).values(inputs * tokens));
        let mut sums = vec![vec![0; outputs]; tokens];
        let mut machine = machine(Weights::Int8, 500, tokens);
        for begin in [0, 500, 1000] {
            let run = machine.kernel.run_within(outputs, Window { row: inputs, begin }).unwrap();
            // What the last window takes beyond the row is multiplied by zeros.
            let part: Vec<i8> = x.chunks(inputs).flat_map(|token| (begin..begin + 500).map(|i| token.get(i).copied().unwrap_or(0))).collect();
            let mut bytes: Vec<u8> = w.iter().map(|w| *w as u8).collect();
            bytes.resize(run.buffers[0], 0x5A);
            let result = machine.execute(run, bytes, &part);
            for (sums, values) in sums.iter_mut().zip(&result.values) {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        assert_eq!(sums, common::reference(whole, outputs, &w, &x));
    }
    let kernel = Kernel::new(Shape { weights: Weights::Int8, inputs: 500, tokens: 2 }).unwrap();
    assert!(matches!(kernel.run_within(96, Window { row: 1201, begin: 0 }), Err(NpuError::Unsupported { .. })));
}

/// Runs with more than 64 steps a column take several tasks.
#[test]
fn long_runs_take_several_tasks() {
    // Five tasks and six, the later ones when the queue has room again; twice, so that nothing is left over.
    let mut one = machine(Weights::Int4, 128, 1);
    one.prove(4 * 64 * 64 * 4 + 500, Fill::Random(1), Fill::Random(2));
    one.prove(4 * 64 * 64 * 4 + 1, Fill::Random(5), Fill::Random(6));
    machine(Weights::Int8, 128, 12).prove(4 * 16 * 64 * 4 + 100, Fill::Random(3), Fill::Random(4));
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |inputs, tokens| {
        let shape = Shape { weights: Weights::Int8, inputs, tokens };
        matches!(Kernel::new(shape), Err(NpuError::Unsupported { shape: named, .. }) if named == shape)
    };
    assert!(refused(0, 1) && refused(256, 0) && refused(256, 97) && refused(3073, 1) && refused(2049, 64) && refused(2049, 96));
    assert!(!refused(3072, 1) && !refused(2048, 64) && !refused(2048, 96));
    let kernel = Kernel::new(Shape { weights: Weights::Int8, inputs: 256, tokens: 1 }).unwrap();
    let most = kernel.most_outputs();
    assert_eq!(most, 1 << 20);
    assert!(matches!(kernel.run(0), Err(NpuError::Rows { .. })));
    assert!(matches!(kernel.run(most + 1), Err(NpuError::Rows { outputs, most: named, .. }) if outputs == most + 1 && named == most));
    assert_eq!(kernel.run(most).unwrap().outputs, most);
}

/// Weights that need no padding are used as they lie: rows of bytes.
#[test]
fn whole_rows_of_int8_are_their_own_packing() {
    let kernel = Kernel::new(Shape { weights: Weights::Int8, inputs: 2048, tokens: 1 }).unwrap();
    let values = Fill::Random(9).values(2048 * 64);
    let packed = unicorn_kernels_npu::pack_weights(&kernel.cut, &values);
    assert!(packed.iter().map(|b| *b as i8).eq(values));
}

/// The same call gives the same bytes.
#[test]
fn containers_and_streams_are_reproducible() {
    let make = || {
        let kernel = Kernel::new(Shape { weights: Weights::Int4, inputs: 512, tokens: 4 }).unwrap();
        (kernel.container().unwrap().write().unwrap(), kernel.run(300).unwrap().stream.write().unwrap())
    };
    assert_eq!(make(), make());
}
