//! Rows times activations, added up: on the emulated array, against plain integers.

mod common;

use common::{Fill, SumMachine};
use unicorn_kernels_npu::{NpuError, SumKernel, SumShape, Weights};

const BOTH: [Weights; 2] = [Weights::Int8, Weights::Int4];

#[test]
fn extremes() {
    let extremes = [Fill::All(-128), Fill::All(127), Fill::All(0), Fill::Turns(-128, 127), Fill::Turns(0, -1), Fill::Random(3)];
    for weights in BOTH {
        let mut machine = SumMachine::new(weights, 200, 3);
        for w in extremes {
            extremes.into_iter().for_each(|x| drop(machine.prove(70, w, x)));
        }
        for at in [0, 1, 7, 8, 63, 64, 199, 200, 1601, 13_999] {
            machine.prove(70, Fill::Single(at, 7), Fill::Random(4));
            machine.prove(70, Fill::Random(5), Fill::Single(at, -128));
        }
    }
}

#[test]
fn sizes_that_fit_nothing() {
    for weights in BOTH {
        for (outputs, tokens, rows) in
            [(1, 1, 1), (129, 2, 63), (257, 1, 65), (384, 4, 130), (1024, 1, 64), (1025, 3, 7), (2048, 2, 100), (3072, 1, 65)]
        {
            SumMachine::new(weights, outputs, tokens).prove(rows, Fill::Random(5), Fill::Random(6));
        }
    }
}

/// Gathered neurons of Gemma 3n E2B and of the demo model, as many as there happen to be, one run after the other.
#[test]
fn one_container_takes_any_number_of_rows() {
    for (outputs, counts) in [(2048, [410, 1, 64, 65, 500]), (256, [26, 512, 1, 100, 64])] {
        let mut machine = SumMachine::new(Weights::Int8, outputs, 1);
        for (run, rows) in counts.into_iter().enumerate() {
            let report = machine.prove(rows, Fill::Random(run as u64), Fill::Random(100 + run as u64));
            let cost = machine.kernel.cost(rows).unwrap();
            assert!(report.cycles.abs_diff(cost.cycles) * 10 <= report.cycles, "{rows} rows: {} cycles, {} predicted", report.cycles, cost.cycles);
            assert_eq!(cost.read + cost.written, 4 * report.host_words());
        }
    }
}

#[test]
fn the_most_rows_are_right() {
    for weights in BOTH {
        let mut machine = SumMachine::new(weights, 2048, 4);
        let most = machine.kernel.most_rows();
        machine.prove(most, Fill::Random(1), Fill::Random(2));
        assert!(matches!(machine.kernel.run(most + 1), Err(NpuError::SumRows { rows, .. }) if rows == most + 1));
        assert!(matches!(machine.kernel.run(0), Err(NpuError::SumRows { .. })));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (outputs, tokens) in [(0, 1), (3073, 1), (256, 0), (256, 5)] {
        assert!(matches!(SumKernel::new(SumShape { weights: Weights::Int8, outputs, tokens }), Err(NpuError::Sum { .. })));
    }
}
