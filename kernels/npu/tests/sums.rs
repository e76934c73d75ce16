//! Rows times activations, added up: on the emulated array, against plain integers.

mod common;

use common::{Fill, nibble};
use unicorn_kernels_npu::{NpuError, SumKernel, SumShape, Weights};
use unicorn_kernels_xdna::container::{txn::Txn, xclbin::Xclbin};
use unicorn_kernels_xdna::emulator::{Npu, Report};

const BOTH: [Weights; 2] = [Weights::Int8, Weights::Int4];

struct Machine {
    kernel: SumKernel,
    npu: Npu,
}

impl Machine {
    fn new(weights: Weights, outputs: usize, tokens: usize) -> Self {
        let kernel = SumKernel::new(SumShape { weights, outputs, tokens }).unwrap_or_else(|e| panic!("{e}"));
        let bytes = kernel.container().unwrap().write().unwrap();
        let mut npu = Npu::new();
        npu.load_xclbin(&Xclbin::read(&bytes).unwrap()).unwrap();
        Self { kernel, npu }
    }

    fn prove(&mut self, rows: usize, weights: Fill, activations: Fill) -> Report {
        let shape = self.kernel.shape;
        let (w, x) = (weights.values(rows * shape.outputs), activations.values(rows * shape.tokens));
        let run = self.kernel.run(rows).unwrap_or_else(|e| panic!("{e}"));
        let mut packed = self.kernel.pack_weights(&w);
        let mut given = self.kernel.activations(rows).pack(&x);
        let mut out = vec![0xA5; run.buffers[2]];
        assert_eq!([packed.len(), given.len(), out.len()], run.buffers);
        let stream = Txn::read(&run.stream.write().unwrap()).unwrap();
        self.npu.set_limit(5_000_000);
        let report = self.npu.run(&stream, &mut [&mut packed, &mut given, &mut out]).unwrap_or_else(|e| panic!("{shape:?} x {rows}: {e}"));
        for core in &report.cores {
            assert_eq!((core.bank_stalls, core.stream_stalls, core.hasty), (0, 0, 0), "{shape:?}: {core:?}");
        }
        let words: Vec<i32> = out.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect();
        for token in 0..shape.tokens {
            for column in 0..shape.outputs {
                let weight = |row: usize| match shape.weights {
                    Weights::Int8 => w[row * shape.outputs + column],
                    Weights::Int4 => nibble(w[row * shape.outputs + column]),
                };
                let want: i32 = (0..rows).map(|row| i32::from(weight(row)) * i32::from(x[token * rows + row])).sum();
                let got = words[token * run.row + column];
                assert_eq!(got, want, "{shape:?} x {rows}, {weights:?} by {activations:?}: token {token}, column {column}");
            }
        }
        report
    }
}

#[test]
fn extremes() {
    let extremes = [Fill::All(-128), Fill::All(127), Fill::All(0), Fill::Turns(-128, 127), Fill::Turns(0, -1), Fill::Random(3)];
    for weights in BOTH {
        let mut machine = Machine::new(weights, 200, 3);
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
            Machine::new(weights, outputs, tokens).prove(rows, Fill::Random(5), Fill::Random(6));
        }
    }
}

/// Gathered neurons of Gemma 3n E2B and of the demo model, as many as there happen to be, one run after the other.
#[test]
fn one_container_takes_any_number_of_rows() {
    for (outputs, counts) in [(2048, [410, 1, 64, 65, 500]), (256, [26, 512, 1, 100, 64])] {
        let mut machine = Machine::new(Weights::Int8, outputs, 1);
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
        let mut machine = Machine::new(weights, 2048, 4);
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
