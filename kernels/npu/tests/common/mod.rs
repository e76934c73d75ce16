//! What tests and examples share: kernels on the emulated array, and the same in plain integers.
#![allow(dead_code)]

use unicorn_kernels_npu::{
    Active, Kernel, NpuError, ProductKernel, Quantised, Run, Scale, Shape, Statistics, SumKernel, SumShape, Threshold, TopKernel, Weights,
    pack_weights, product,
};
use unicorn_kernels_xdna::array::{Direction, TileKind};
use unicorn_kernels_xdna::container::{txn::Txn, xclbin::Xclbin};
use unicorn_kernels_xdna::emulator::{Npu, Report};

/// A small random generator, the same for ever.
pub struct Random(pub u64);

impl Random {
    pub fn byte(&mut self) -> i8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as i8
    }
}

/// What fills a matrix.
#[derive(Clone, Copy, Debug)]
pub enum Fill {
    Random(u64),
    All(i8),
    /// One value and the other in turn.
    Turns(i8, i8),
    /// Zeros but for one place.
    Single(usize, i8),
}

impl Fill {
    pub fn values(self, count: usize) -> Vec<i8> {
        match self {
            Fill::Random(seed) => {
                let mut random = Random(seed);
                (0..count).map(|_| random.byte()).collect()
            }
            Fill::All(value) => vec![value; count],
            Fill::Turns(a, b) => (0..count).map(|i| if i % 2 == 0 { a } else { b }).collect(),
            Fill::Single(at, value) => (0..count).map(|i| if i == at % count { value } else { 0 }).collect(),
        }
    }
}

/// Nearly Gaussian numbers with about this standard deviation.
pub fn gaussian(seed: u64, width: i32, count: usize) -> Vec<i32> {
    let mut random = Random(seed);
    // Twelve bytes have a standard deviation of 256.
    let mut one = || ((0..12).map(|_| i64::from(random.byte())).sum::<i64>() * i64::from(width) / 256) as i32;
    (0..count).map(|_| one()).collect()
}

/// The value that four bits stand for.
pub fn nibble(value: i8) -> i8 {
    (value << 4) >> 4
}

/// The product in plain integers: `[token][output]`.
pub fn reference(shape: Shape, outputs: usize, weights: &[i8], activations: &[i8]) -> Vec<Vec<i32>> {
    let weight = |value: i8| match shape.weights {
        Weights::Int8 => i32::from(value),
        Weights::Int4 => i32::from(nibble(value)),
    };
    let row = |token: usize| &activations[token * shape.inputs..(token + 1) * shape.inputs];
    let dot = |output: usize, token: usize| {
        weights[output * shape.inputs..(output + 1) * shape.inputs].iter().zip(row(token)).map(|(w, x)| weight(*w) * i32::from(*x)).sum()
    };
    (0..shape.tokens).map(|token| (0..outputs).map(|output| dot(output, token)).collect()).collect()
}

/// An array with a kernel in it, loaded from the bytes of its container.
pub struct Machine {
    pub kernel: Kernel,
    npu: Npu,
}

pub struct Result {
    pub run: Run,
    pub report: Report,
    pub values: Vec<Vec<i32>>,
    pub statistics: Vec<Statistics>,
}

impl Machine {
    pub fn new(shape: Shape) -> Self {
        let kernel = Kernel::new(shape).unwrap_or_else(|e| panic!("{shape:?}: {e}"));
        let bytes = kernel.container().unwrap().write().unwrap();
        let mut npu = Npu::new();
        npu.load_xclbin(&Xclbin::read(&bytes).unwrap()).unwrap();
        Self { kernel, npu }
    }

    /// Runs the kernel over weights and activations; the stream goes through its bytes, too.
    pub fn run(&mut self, outputs: usize, weights: &[i8], activations: &[i8]) -> Result {
        let run = self.kernel.run(outputs).unwrap_or_else(|e| panic!("{e}"));
        self.execute(run, pack_weights(&self.kernel.cut, weights), activations)
    }

    /// Executes a run over packed weights.
    pub fn execute(&mut self, run: Run, mut weights: Vec<u8>, activations: &[i8]) -> Result {
        let (shape, outputs) = (self.kernel.cut.shape, run.outputs);
        let mut activations = self.kernel.activations().pack(activations);
        let mut out = vec![0xA5; run.buffers[2]];
        assert_eq!([weights.len(), activations.len(), out.len()], run.buffers);
        let stream = Txn::read(&run.stream.write().unwrap()).unwrap();
        self.npu.set_limit(20_000_000);
        let report = self.npu.run(&stream, &mut [&mut weights, &mut activations, &mut out]).unwrap_or_else(|e| panic!("{shape:?} x {outputs}: {e}"));
        let words: Vec<i32> = out.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect();
        let values = (0..shape.tokens).map(|token| words[token * run.row..token * run.row + outputs].to_vec()).collect();
        let statistics = run.statistics(shape.tokens, &out);
        Result { run, report, values, statistics }
    }

    /// Runs and compares, values and statistics.
    pub fn prove(&mut self, outputs: usize, weights: Fill, activations: Fill) -> Result {
        let shape = self.kernel.cut.shape;
        let (w, x) = (weights.values(outputs * shape.inputs), activations.values(shape.tokens * shape.inputs));
        let result = self.run(outputs, &w, &x);
        let want = reference(shape, outputs, &w, &x);
        for (token, (got, want)) in result.values.iter().zip(&want).enumerate() {
            let wrong = got.iter().zip(want).position(|(a, b)| a != b);
            assert!(wrong.is_none(), "{shape:?} x {outputs}, {weights:?} by {activations:?}: token {token}, output {wrong:?} of {}", got.len());
        }
        for (token, (got, values)) in result.statistics.iter().zip(&want).enumerate() {
            let sum = values.iter().map(|v| i64::from(*v)).sum();
            let squares = values.iter().map(|v| i128::from(*v) * i128::from(*v)).sum();
            assert_eq!(*got, Statistics { sum, squares }, "{shape:?} x {outputs}, token {token}");
        }
        result
    }
}

/// An array with a kernel of sums in it.
pub struct SumMachine {
    pub kernel: SumKernel,
    npu: Npu,
}

impl SumMachine {
    pub fn new(weights: Weights, outputs: usize, tokens: usize) -> Self {
        let kernel = SumKernel::new(SumShape { weights, outputs, tokens }).unwrap_or_else(|e| panic!("{e}"));
        let bytes = kernel.container().unwrap().write().unwrap();
        let mut npu = Npu::new();
        npu.load_xclbin(&Xclbin::read(&bytes).unwrap()).unwrap();
        Self { kernel, npu }
    }

    /// Runs and compares.
    pub fn prove(&mut self, rows: usize, weights: Fill, activations: Fill) -> Report {
        let shape = self.kernel.shape;
        self.sums(&weights.values(rows * shape.outputs), &activations.values(rows * shape.tokens)).0
    }

    /// The same for given numbers: also the sums, `[token][column]`, one behind the other.
    pub fn sums(&mut self, w: &[i8], x: &[i8]) -> (Report, Vec<i32>) {
        let shape = self.kernel.shape;
        let rows = w.len() / shape.outputs;
        let run = self.kernel.run(rows).unwrap_or_else(|e| panic!("{e}"));
        let mut packed = self.kernel.pack_weights(w);
        let mut given = self.kernel.activations(rows).pack(x);
        let mut out = vec![0xA5; run.buffers[2]];
        assert_eq!([packed.len(), given.len(), out.len()], run.buffers);
        let stream = Txn::read(&run.stream.write().unwrap()).unwrap();
        self.npu.set_limit(5_000_000);
        let report = self.npu.run(&stream, &mut [&mut packed, &mut given, &mut out]).unwrap_or_else(|e| panic!("{shape:?} x {rows}: {e}"));
        for core in &report.cores {
            assert_eq!((core.bank_stalls, core.stream_stalls, core.hasty), (0, 0, 0), "{shape:?}: {core:?}");
        }
        let words: Vec<i32> = out.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect();
        let mut sums = Vec::new();
        for token in 0..shape.tokens {
            for column in 0..shape.outputs {
                let weight = |row: usize| match shape.weights {
                    Weights::Int8 => w[row * shape.outputs + column],
                    Weights::Int4 => nibble(w[row * shape.outputs + column]),
                };
                let want: i32 = (0..rows).map(|row| i32::from(weight(row)) * i32::from(x[token * rows + row])).sum();
                let got = words[token * run.row + column];
                assert_eq!(got, want, "{shape:?} x {rows}: token {token}, column {column}");
                sums.push(got);
            }
        }
        (report, sums)
    }
}

/// What a run made of the array, as fractions.
pub struct Fractions {
    /// Products asked for, of 256 a cycle and core.
    pub products: f64,
    /// Bytes read from host memory, of 4 a cycle and channel.
    pub reads: f64,
    /// Bytes of weights without padding, of the same.
    pub weights: f64,
}

/// Fractions of a run with so many products and bytes of weights.
pub fn fractions(products: usize, weights: usize, report: &Report) -> Fractions {
    let shim = report.channels.iter().filter(|(c, _)| c.tile.kind() == TileKind::Shim && c.direction == Direction::Mm2s);
    let read: u64 = shim.map(|(_, words)| 4 * words).sum();
    let cycles = report.cycles as f64;
    Fractions { products: products as f64 / (16.0 * 256.0 * cycles), reads: read as f64 / (32.0 * cycles), weights: weights as f64 / (32.0 * cycles) }
}

/// An array with a kernel for active neurons in it.
pub struct TopMachine {
    pub kernel: TopKernel,
    npu: Npu,
}

impl TopMachine {
    pub fn new(neurons: usize, deviations: f64, room: usize) -> Self {
        let kernel = TopKernel::new(Threshold::new(neurons, deviations).unwrap(), room).unwrap_or_else(|e| panic!("{e}"));
        let bytes = kernel.container().unwrap().write().unwrap();
        let mut npu = Npu::new();
        npu.load_xclbin(&Xclbin::read(&bytes).unwrap()).unwrap();
        Self { kernel, npu }
    }

    /// Runs over tokens' gate results, `row` words apart, and compares with the definition. Gives the number of active neurons of each token.
    pub fn prove(&mut self, tokens: &[Vec<i32>], row: usize, multipliers: &[u16], scales: &[Scale]) -> (Report, Vec<usize>) {
        let (report, found) = self.run(tokens, row, multipliers, scales);
        let counts = tokens.iter().zip(scales).zip(found).enumerate().map(|(token, ((values, scale), found))| {
            let want = self.kernel.threshold.active(values, multipliers, *scale);
            match found {
                Ok(got) => assert!(got == want, "token {token}: {}", difference(&got, &want)),
                Err(NpuError::Full { active, .. }) => assert_eq!(active, want.neurons.len()),
                Err(e) => panic!("{e}"),
            }
            want.neurons.len()
        });
        (report, counts.collect())
    }

    /// Runs and gives what the records say of each token.
    pub fn run(
        &mut self,
        tokens: &[Vec<i32>],
        row: usize,
        multipliers: &[u16],
        scales: &[Scale],
    ) -> (Report, Vec<std::result::Result<Active, NpuError>>) {
        let run = self.kernel.run(tokens.len(), row).unwrap_or_else(|e| panic!("{e}"));
        let mut setup = self.kernel.setup(multipliers).unwrap();
        scales.iter().enumerate().for_each(|(token, scale)| self.kernel.scale(&mut setup, token, *scale));
        // What stands between and behind the tokens does not matter.
        let mut gate: Vec<u8> = (0..run.buffers[1]).map(|i| (i * 151 + 7) as u8).collect();
        for (token, values) in tokens.iter().enumerate() {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            gate[4 * row * token..4 * row * token + bytes.len()].copy_from_slice(&bytes);
        }
        let mut records = vec![0xA5; run.buffers[2]];
        assert_eq!(setup.len(), run.buffers[0]);
        let stream = Txn::read(&run.stream.write().unwrap()).unwrap();
        self.npu.set_limit(5_000_000);
        let report = self.npu.run(&stream, &mut [&mut setup, &mut gate, &mut records]).unwrap_or_else(|e| panic!("{e}"));
        for core in &report.cores {
            assert_eq!((core.bank_stalls, core.stream_stalls, core.hasty), (0, 0, 0), "{core:?}");
        }
        (report, (0..tokens.len()).map(|token| self.kernel.active(&run, &records, token)).collect())
    }
}

fn difference(got: &Active, want: &Active) -> String {
    let at = got.neurons.iter().zip(&want.neurons).position(|(a, b)| a != b);
    let first = at.map(|at| (at, got.neurons[at], want.neurons[at]));
    format!("cutoff {} for {}, {} neurons for {}, first difference {first:?}", got.cutoff, want.cutoff, got.neurons.len(), want.neurons.len())
}

/// An array with a kernel of products in it.
pub struct ProductMachine {
    pub kernel: ProductKernel,
    npu: Npu,
}

impl ProductMachine {
    pub fn new() -> Self {
        let kernel = ProductKernel::new().unwrap_or_else(|e| panic!("{e}"));
        let bytes = kernel.container().unwrap().write().unwrap();
        let mut npu = Npu::new();
        npu.load_xclbin(&Xclbin::read(&bytes).unwrap()).unwrap();
        Self { kernel, npu }
    }

    /// Runs and compares with the definition.
    pub fn prove(&mut self, values: &[i32], ups: &[i32], multipliers: &[u16]) -> (Report, Quantised) {
        let run = self.kernel.run(values.len()).unwrap_or_else(|e| panic!("{e}"));
        let mut packed = run.pack(values, multipliers).unwrap();
        let mut given: Vec<u8> = (0..run.buffers[1]).map(|i| (i * 151 + 7) as u8).collect();
        ups.iter().zip(given.as_chunks_mut::<4>().0).for_each(|(up, to)| *to = up.to_le_bytes());
        let mut out = vec![0xA5; run.buffers[2]];
        assert_eq!(packed.len(), run.buffers[0]);
        let stream = Txn::read(&run.stream.write().unwrap()).unwrap();
        self.npu.set_limit(5_000_000);
        let report = self.npu.run(&stream, &mut [&mut packed, &mut given, &mut out]).unwrap_or_else(|e| panic!("{e}"));
        for core in &report.cores {
            assert_eq!((core.bank_stalls, core.stream_stalls, core.hasty), (0, 0, 0), "{core:?}");
        }
        let (got, want) = (run.read(&out).unwrap(), product(values, ups, multipliers));
        let at = got.values.iter().zip(&want.values).position(|(a, b)| a != b);
        assert!(got == want, "{} neurons: first difference at {at:?}, unit {} for {}", values.len(), got.unit, want.unit);
        (report, got)
    }
}
