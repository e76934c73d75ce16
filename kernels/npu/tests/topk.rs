//! The active neurons that the emulated array lists are those of the definition, value by value; the definition is near the formulas in float64.

mod common;

use common::{Fill, Machine, Random, TopMachine, gaussian};
use unicorn_kernels_npu::{Active, NpuError, Scale, Shape, Threshold, TopKernel, Weights, scaled};

/// The magnitude that gate results of 2,048 int8 weights do not exceed, with the multipliers that it leaves room for.
const LARGEST: u32 = 2048 << 14;
const MULTIPLIER: u16 = 16383;

/// Gate results of all kinds.
#[derive(Clone, Copy, Debug)]
enum Gate {
    /// Sums of random bytes: nearly Gaussian, about this wide.
    Gaussian(u64, i32),
    Equal(i32),
    /// One value among others, all equal.
    Outlier {
        at: usize,
        value: i32,
        others: i32,
    },
    Turns(i32, i32),
    /// Gaussian, and none above zero.
    Negative(u64),
    /// From the least to the largest.
    Ramp,
}

impl Gate {
    const ALL: [Gate; 17] = [
        Gate::Gaussian(1, 40_000),
        Gate::Gaussian(2, 3_000_000),
        Gate::Gaussian(3, 30),
        Gate::Equal(0),
        Gate::Equal(1),
        Gate::Equal(-70_001),
        Gate::Equal(LARGEST as i32),
        Gate::Equal(-(LARGEST as i32)),
        Gate::Outlier { at: 0, value: LARGEST as i32, others: 0 },
        Gate::Outlier { at: 777, value: LARGEST as i32, others: -(LARGEST as i32) },
        Gate::Outlier { at: 99_999, value: -(LARGEST as i32), others: 12_345 },
        Gate::Outlier { at: 31, value: 9, others: 5 },
        Gate::Turns(LARGEST as i32, -(LARGEST as i32)),
        Gate::Turns(-1_000_000, -999_996),
        Gate::Turns(0, 5),
        Gate::Negative(4),
        Gate::Ramp,
    ];

    fn values(self, count: usize) -> Vec<i32> {
        match self {
            Gate::Gaussian(seed, width) => gaussian(seed, width, count),
            Gate::Equal(value) => vec![value; count],
            Gate::Outlier { at, value, others } => (0..count).map(|i| if i == at % count { value } else { others }).collect(),
            Gate::Turns(a, b) => (0..count).map(|i| if i % 2 == 0 { a } else { b }).collect(),
            Gate::Negative(seed) => gaussian(seed, 40_000, count).into_iter().map(|v| -v.abs() - 1_000_000).collect(),
            Gate::Ramp => (0..count).map(|i| (i as i64 * 2 * i64::from(LARGEST) / count as i64) as i32 - LARGEST as i32).collect(),
        }
    }
}

fn scale() -> Scale {
    Scale::new(1.0 / 5000.0).unwrap()
}

/// One token after the other of all kinds, in one run.
fn prove_all(machine: &mut TopMachine, row: usize) -> Vec<usize> {
    let neurons = machine.kernel.threshold.neurons;
    let tokens: Vec<Vec<i32>> = Gate::ALL.iter().map(|gate| gate.values(neurons)).collect();
    machine.prove(&tokens, row, &vec![MULTIPLIER; neurons], &vec![scale(); tokens.len()]).1
}

#[test]
fn extremes() {
    let mut machine = TopMachine::new(8192, Threshold::TWENTIETH, 96);
    let counts = prove_all(&mut machine, 8192);
    assert!((300..500).contains(&counts[0]) && (300..500).contains(&counts[1]), "{counts:?}");
    // Equal gates have no active neuron, an outlier is alone, and half of all in turn are not far enough from the mean.
    assert_eq!(counts[3..15], [0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0], "{counts:?}");
    // Without deviations it is the mean that counts.
    let counts = prove_all(&mut TopMachine::new(2000, 0.0, 224), 2000);
    assert_eq!(counts[10..15], [1999, 1, 1000, 1000, 1000], "{counts:?}");
}

#[test]
fn sizes_that_fit_nothing() {
    for (n, neurons) in [1, 2, 31, 129, 512, 2047, 3001, 4097, 16384].into_iter().enumerate() {
        let (deviations, room) = [(Threshold::TWENTIETH, 224), (0.3, 1)][n % 2];
        prove_all(&mut TopMachine::new(neurons, deviations, room), neurons + n % 5);
    }
}

/// Multipliers of all sizes, scales of all sizes, run after run on an array that keeps its state.
#[test]
fn scales_of_all_sizes() {
    let mut machine = TopMachine::new(1500, 1.0, 160);
    for seed in 0..8 {
        let mut random = Random(seed);
        let multipliers: Vec<u16> = (0..1500).map(|i| (i32::from(random.byte()) * 64 + 8192) as u16 >> (i % 15)).collect();
        let tokens: Vec<Vec<i32>> = (0..3).map(|n| Gate::Gaussian(10 * seed + n, 1_000_000).values(1500)).collect();
        let scales = [2.0_f64.powi(-4 * seed as i32), 3.9, 1e-9].map(|real| Scale::new(real).unwrap());
        let (_, counts) = machine.prove(&tokens, 1500, &multipliers, &scales);
        assert!(counts.iter().all(|count| (40..500).contains(count)), "{counts:?}");
    }
}

#[test]
fn the_most_tokens_are_right() {
    let tokens: Vec<Vec<i32>> = (0..64).map(|seed| Gate::Gaussian(seed, 40_000).values(600)).collect();
    let scales: Vec<Scale> = (1..65).map(|n| Scale::new(1.0 / (100.0 * f64::from(n))).unwrap()).collect();
    let mut machine = TopMachine::new(600, Threshold::TWENTIETH, 32);
    machine.prove(&tokens, 704, &vec![9999; 600], &scales);
}

/// What has no room is told, not cut off in silence.
#[test]
fn a_full_record_says_so() {
    let mut machine = TopMachine::new(4096, Threshold::TWENTIETH, 32);
    // The first core has all large values: 200 of its 256 neurons.
    let values: Vec<i32> = (0..4096).map(|i| if i < 200 { 5_000_000 + i } else { i % 7 }).collect();
    let (_, counts) = machine.prove(std::slice::from_ref(&values), 4096, &vec![MULTIPLIER; 4096], &[scale()]);
    assert_eq!(counts, [200]);
    let run = machine.kernel.run(1, 4096).unwrap();
    let mut records = vec![0; run.buffers[2]];
    records[..4].copy_from_slice(&200_u32.to_le_bytes());
    assert!(matches!(machine.kernel.active(&run, &records, 0), Err(NpuError::Full { token: 0, active: 200, room: 32 })));
    assert!(matches!(machine.kernel.active(&run, &records, 1), Err(NpuError::Record { token: 1, .. })));
    assert!(matches!(machine.kernel.active(&run, &records[..40], 0), Err(NpuError::Record { token: 0, .. })));
    // Nor does a number that no core can have written lead anywhere.
    records[..4].fill(0xFF);
    assert!(matches!(machine.kernel.active(&run, &records, 0), Err(NpuError::Full { .. })));
}

/// Mean and standard deviation of the population, as float64 has them.
fn moments(z: &[f64]) -> (f64, f64) {
    let mean = z.iter().sum::<f64>() / z.len() as f64;
    (mean, (z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / z.len() as f64).sqrt())
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
}

/// The bounds that the definition gives for the cutoff.
#[test]
fn the_cutoff_is_near_the_formula() {
    for neurons in [1, 2, 3, 100, 1000, 8192, 16384] {
        for deviations in [0.0, 0.001, 0.5, Threshold::TWENTIETH, 8.0] {
            let threshold = Threshold::new(neurons, deviations).unwrap();
            for gate in Gate::ALL {
                let z: Vec<i32> = gate.values(neurons).iter().map(|acc| scaled(*acc, MULTIPLIER)).collect();
                let (mean, deviation) = moments(&z.iter().map(|z| f64::from(*z)).collect::<Vec<_>>());
                let off = f64::from(threshold.cutoff(&z)) - (mean + deviations * deviation);
                let bound = 2.0 + deviations + deviations * deviation * (-13_f64).exp2();
                assert!(off.abs() <= bound, "{neurons} x {gate:?}, {deviations}: {off} of {bound}");
            }
        }
    }
}

/// The bounds that the definition gives for GELU, over all scales and arguments.
#[test]
fn gelu_is_near_the_formula() {
    let mut worst = 0.0_f64;
    for power in -30..8 {
        let real = 1.3 * f64::from(power).exp2() / 64.0;
        let scale = Scale::new(real).unwrap();
        for step in 0..4000 {
            let u = (1.0064_f64.powi(step).min(16_777_215.0)) as i32;
            let off = f64::from(scale.gelu(u)) * Scale::UNIT - gelu(f64::from(u) * real) / real;
            worst = worst.max((off.abs() - 2.0) / f64::from(u));
        }
    }
    assert!(worst <= (-12_f64).exp2(), "{worst}");
}

/// Scales become multipliers to half a unit, and never leave the range.
#[test]
fn multipliers_stand_for_their_scales() {
    let threshold = Threshold::new(5, 1.0).unwrap();
    let scales = [0.5, 0.0, 1e-4, 0.123, 0.25];
    for largest in [1, 2048 << 10, LARGEST, i32::MAX as u32] {
        let (multipliers, unit) = threshold.multipliers(&scales, largest).unwrap();
        for (multiplier, scale) in multipliers.iter().zip(scales) {
            assert!((f64::from(*multiplier) * unit - 65536.0 * f64::from(scale)).abs() <= 0.5 * unit);
            for acc in [largest.min(i32::MAX as u32) as i32, -(largest as i32)] {
                assert!((-(1 << 23)..1 << 23).contains(&scaled(acc, *multiplier)));
            }
        }
        assert!(*multipliers.iter().max().unwrap() >= 255);
    }
    assert_eq!(threshold.multipliers(&[0.0; 5], LARGEST).unwrap().0, [0; 5]);
    assert!(matches!(threshold.multipliers(&scales, u32::MAX), Err(NpuError::Scales { .. })));
    for scales in [&[1.0; 4][..], &[1.0, f32::NAN, 1.0, 1.0, 1.0], &[1.0, -1.0, 1.0, 1.0, 1.0], &[f32::INFINITY; 5]] {
        assert!(matches!(threshold.multipliers(scales, LARGEST), Err(NpuError::Scales { .. })));
    }
}

/// From weights and activations to active neurons: the list kernel takes the gate kernel's buffer as it is, and both together are near
/// the layer's formula over the same bytes.
#[test]
fn the_gate_s_results_are_taken_as_they_are() {
    let (neurons, inputs, tokens) = (1000, 256, 2);
    let mut random = Random(9);
    let mut gate = Machine::new(Shape { weights: Weights::Int8, inputs, tokens });
    let (w, x) = (Fill::Random(11).values(neurons * inputs), Fill::Random(12).values(tokens * inputs));
    let result = gate.run(neurons, &w, &x);
    let scales: Vec<f32> = (0..neurons).map(|_| 0.002 + f32::from(random.byte()).abs() * 1e-5).collect();
    let units = [0.003, 0.000_2];
    let mut machine = TopMachine::new(neurons, Threshold::TWENTIETH, 64);
    let threshold = machine.kernel.threshold;
    let (multipliers, factor) = threshold.multipliers(&scales, (inputs as u32) << 14).unwrap();
    let unit = |token: usize| Scale::new(factor * units[token]).unwrap();
    let (_, counts) = machine.prove(&result.values, result.run.row, &multipliers, &[unit(0), unit(1)]);
    assert!(counts.iter().all(|count| (20..90).contains(count)), "{counts:?}");
    for (token, values) in result.values.iter().enumerate() {
        let real: Vec<f64> = values.iter().zip(&scales).map(|(acc, s)| f64::from(*acc) * f64::from(*s) * units[token]).collect();
        let (mean, deviation) = moments(&real);
        let found = threshold.active(values, &multipliers, unit(token));
        let mut dense = vec![0.0; neurons];
        for (neuron, value) in found.neurons {
            dense[neuron as usize] = f64::from(value) * Scale::UNIT * factor * units[token];
        }
        for (neuron, (got, z)) in dense.iter().zip(&real).enumerate() {
            let want = gelu((z - mean - Threshold::TWENTIETH * deviation).max(0.0));
            assert!((got - want).abs() <= 1e-3 * deviation, "token {token}, neuron {neuron}: {got} for {want}, deviation {deviation}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (neurons, deviations) in [(0, 1.0), (16385, 1.0), (8, -1.0), (8, 9.0), (8, f64::NAN), (8, f64::INFINITY), (8, 1e-9)] {
        assert!(matches!(Threshold::new(neurons, deviations), Err(NpuError::Threshold { .. })), "{neurons} {deviations}");
    }
    let threshold = Threshold::new(300, 1.0).unwrap();
    for room in [0, 225] {
        assert!(matches!(TopKernel::new(threshold, room), Err(NpuError::Room { .. })));
    }
    for real in [0.0, -1.0, 4.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Scale::new(real), Err(NpuError::Scale { .. })));
    }
    let kernel = TopKernel::new(threshold, 5).unwrap();
    for (tokens, row) in [(0, 300), (65, 300), (1, 299), (2, (1 << 20) + 1)] {
        assert!(matches!(kernel.run(tokens, row), Err(NpuError::Tokens { .. })), "{tokens} {row}");
    }
    assert!(kernel.run(64, 1 << 20).is_ok());
    assert!(matches!(kernel.setup(&[1; 299]), Err(NpuError::Scales { .. })));
    assert!(matches!(kernel.setup(&[32768; 300]), Err(NpuError::Scales { .. })));
    let mut setup = kernel.setup(&[1; 300]).unwrap();
    let before = setup.clone();
    kernel.scale(&mut setup, 64, scale());
    assert_eq!(setup, before);
    kernel.scale(&mut setup[..10], 0, scale());
}

/// Memory may hold anything: of numbers that no gate can have made nothing is said, but they do no harm, neither here nor on cores.
#[test]
fn numbers_that_no_gate_makes_do_no_harm() {
    let pairs = [(i32::MIN, i32::MIN), (i32::MIN, i32::MAX), (i32::MAX, i32::MAX), (0, i32::MIN), (-7, i32::MAX)];
    for neurons in [1, 3, 700, 16384] {
        let threshold = Threshold::new(neurons, 8.0).unwrap();
        for (a, b) in pairs {
            let found = threshold.active(&Gate::Turns(a, b).values(neurons), &vec![u16::MAX; neurons], scale());
            assert!(found.neurons.len() <= neurons);
        }
    }
    assert_eq!([0, -1].map(|u| scale().gelu(u)), [0, -1]);
    let mut machine = TopMachine::new(700, Threshold::TWENTIETH, 160);
    let tokens = pairs.map(|(a, b)| Gate::Turns(a, b).values(700));
    let (_, found) = machine.run(&tokens, 700, &vec![32767; 700], &[scale(); 5]);
    for found in found {
        assert!(matches!(&found, Ok(Active { neurons, .. }) if neurons.is_sorted()) || matches!(found, Err(NpuError::Full { .. })));
    }
    // The array is none the worse for it.
    prove_all(&mut machine, 700);
}

/// The same call gives the same bytes.
#[test]
fn containers_and_streams_are_reproducible() {
    let make = || {
        let kernel = TopKernel::new(Threshold::new(2048, 1.5).unwrap(), 64).unwrap();
        (kernel.container().unwrap().write().unwrap(), kernel.run(3, 2048).unwrap().stream.write().unwrap())
    };
    assert_eq!(make(), make());
}
