//! GELU values times up results on the emulated array are those of the definition, byte by byte; the definition is near the products in float64. And all
//! kernels of a sparse layer, one after the other, are near the layer's formula.

mod common;

use common::{Fill, Machine, ProductMachine, Random, SumMachine, TopMachine};
use unicorn_kernels_npu::{NpuError, Quantised, Scale, Shape, Threshold, Weights, product};

const LARGEST: i32 = 1 << 23;

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Random, up to this.
    Random(u64, i32),
    All(i32),
    Turns(i32, i32),
    /// Zeros but for one place.
    Single(usize, i32),
}

impl Kind {
    fn values(self, count: usize) -> Vec<i32> {
        match self {
            Kind::Random(seed, most) => {
                let mut random = Random(seed);
                let mut one = || ((i64::from(random.byte()) << 8 | i64::from(random.byte() as u8)) * i64::from(most)) >> 15;
                (0..count).map(|_| one() as i32).collect()
            }
            Kind::All(value) => vec![value; count],
            Kind::Turns(a, b) => (0..count).map(|i| if i % 2 == 0 { a } else { b }).collect(),
            Kind::Single(at, value) => (0..count).map(|i| if i == at % count { value } else { 0 }).collect(),
        }
    }
}

/// Values, up results and multipliers of all kinds: pairs whose largest lie together, apart, or nowhere.
fn kinds() -> Vec<(Kind, Kind, u16)> {
    // With a multiplier of 16,383 these are the largest up results that there may be.
    let up = 2048 << 14;
    let mut all = Vec::new();
    for values in [Kind::Random(1, 5000), Kind::Random(2, LARGEST), Kind::Random(3, 3), Kind::All(0), Kind::All(1), Kind::All(LARGEST)] {
        for ups in [
            Kind::Random(4, 300_000),
            Kind::Random(5, up),
            Kind::Random(6, 12),
            Kind::All(0),
            Kind::All(-up),
            Kind::Turns(up, -up),
            Kind::Turns(-5, 4),
        ] {
            all.push((values, ups, 16383));
        }
    }
    for at in [0, 31, 32, 511, 77_777] {
        all.push((Kind::Single(at, LARGEST), Kind::Random(7, up), 16383));
        all.push((Kind::Random(8, 5000), Kind::Single(at, -up), 16383));
        all.push((Kind::Single(at, 1), Kind::Single(at + 1, 1), 32767));
    }
    all.push((Kind::Random(9, 5000), Kind::Random(10, 1 << 21), 1));
    all.push((Kind::Random(9, 5000), Kind::Random(10, 1 << 21), 0));
    all.push((Kind::Random(9, 5000), Kind::Random(10, 1 << 24), 32767));
    all
}

fn magnitudes(kind: Kind, count: usize) -> Vec<i32> {
    kind.values(count).into_iter().map(|v| v.abs().min(LARGEST)).collect()
}

#[test]
fn extremes() {
    let mut machine = ProductMachine::new();
    for (values, ups, multiplier) in kinds() {
        machine.prove(&magnitudes(values, 530), &ups.values(530), &vec![multiplier; 530]);
    }
}

/// As many active neurons as there happen to be, one run after the other.
#[test]
fn one_container_takes_any_number_of_neurons() {
    let mut machine = ProductMachine::new();
    for (seed, neurons) in [410, 1, 511, 512, 513, 33, 2211, 16384, 31].into_iter().enumerate() {
        let mut random = Random(seed as u64);
        let multipliers: Vec<u16> = (0..neurons).map(|_| (i32::from(random.byte()) * 128 + 16384) as u16).collect();
        let seed = 100 * seed as u64;
        machine.prove(&magnitudes(Kind::Random(seed, 9000), neurons), &Kind::Random(seed + 1, 200_000).values(neurons), &multipliers);
    }
}

/// The definition against float64: half a step, and what 16 leading bits leave.
#[test]
fn bytes_are_near_the_products() {
    for count in [1, 2, 410, 3000] {
        for (values, ups, multiplier) in kinds() {
            let (y, acc) = (magnitudes(values, count), ups.values(count));
            let Quantised { values: bytes, unit } = product(&y, &acc, &vec![multiplier; count]);
            let t: Vec<f64> = acc.iter().map(|acc| f64::from(*acc) * f64::from(multiplier) / 65536.0).collect();
            let most_t = t.iter().fold(1.0, |most: f64, t| most.max(t.abs() + 1.0));
            let most_y = f64::from(*y.iter().max().unwrap());
            let mut largest = 0.0_f64;
            for ((byte, y), t) in bytes.iter().zip(&y).zip(&t) {
                let (y, got) = (f64::from(*y), f64::from(*byte) * unit);
                let bound = 0.53 * unit + (-14_f64).exp2() * (most_y * t.abs() + most_t * y) + (-28_f64).exp2() * most_y * most_t + y;
                assert!((got - y * t).abs() <= bound, "{values:?} {ups:?}: {got} for {}", y * t);
                largest = largest.max((y * t).abs());
            }
            // All bits of a byte are used.
            let most = bytes.iter().map(|b| b.unsigned_abs()).max().unwrap();
            assert!(most == 127 || most == 0 && largest <= 2.0 * most_y, "{values:?} {ups:?}: {most}, {largest}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let machine = ProductMachine::new();
    for neurons in [0, 16385] {
        assert!(matches!(machine.kernel.run(neurons), Err(NpuError::Products { .. })));
    }
    let run = machine.kernel.run(3).unwrap();
    assert!(run.pack(&[1, 2, LARGEST], &[0, 1, 32767]).is_ok());
    for (values, multipliers) in [
        (&[1, 2][..], &[1, 2, 3][..]),
        (&[1, 2, 3], &[1, 2]),
        (&[1, -1, 2], &[1, 2, 3]),
        (&[1, LARGEST + 1, 2], &[1, 2, 3]),
        (&[1, 2, 3], &[1, 2, 32768]),
    ] {
        assert!(matches!(run.pack(values, multipliers), Err(NpuError::Products { .. })));
    }
    assert!(matches!(run.read(&vec![0; 512]), Err(NpuError::Products { .. })));
    // Words that no core can have written lead nowhere.
    assert!(run.read(&vec![0xFF; run.buffers[2]]).is_ok());
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
}

/// A sparse layer: gate, list, gathered up rows, products, gathered down rows. Against the formula over the same weights and activations in float64; what
/// is left is the rounding of the products to bytes.
#[test]
fn a_sparse_layer_is_near_its_formula() {
    let (hidden, neurons) = (256, 2000);
    let mut random = Random(1);
    let x = Fill::Random(2).values(hidden);
    let [gate, up, down] = [3, 4, 5].map(|seed| Fill::Random(seed).values(neurons * hidden));
    let mut scales = || (0..neurons).map(|_| 0.000_04 + f32::from(random.byte()).abs() * 1e-7).collect::<Vec<f32>>();
    let (gate_scales, up_scales) = (scales(), scales());
    let unit = 0.004;

    let shape = Shape { weights: Weights::Int8, inputs: hidden, tokens: 1 };
    let mut matrix = Machine::new(shape);
    let gated = matrix.run(neurons, &gate, &x);
    let mut top = TopMachine::new(neurons, Threshold::TWENTIETH, 64);
    let threshold = top.kernel.threshold;
    let (gate_multipliers, gate_unit) = threshold.multipliers(&gate_scales, (hidden as u32) << 14).unwrap();
    let (up_multipliers, up_unit) = threshold.multipliers(&up_scales, (hidden as u32) << 14).unwrap();
    let z = gate_unit * unit;
    let scale = Scale::new(z).unwrap();
    top.prove(&gated.values, gated.run.row, &gate_multipliers, &[scale]);
    let active = threshold.active(&gated.values[0], &gate_multipliers, scale);
    assert!((50..200).contains(&active.neurons.len()), "{}", active.neurons.len());

    let rows: Vec<usize> = active.neurons.iter().map(|(neuron, _)| *neuron as usize).collect();
    let gather = |from: &[i8]| rows.iter().flat_map(|row| from[row * hidden..(row + 1) * hidden].to_vec()).collect::<Vec<i8>>();
    let upped = matrix.run(rows.len(), &gather(&up), &x);
    let values: Vec<i32> = active.neurons.iter().map(|(_, value)| *value).collect();
    let multipliers: Vec<u16> = rows.iter().map(|row| up_multipliers[*row]).collect();
    let (_, bytes) = ProductMachine::new().prove(&values, &upped.values[0], &multipliers);

    let mut sums = SumMachine::new(Weights::Int8, hidden, 1);
    let (_, out) = sums.sums(&gather(&down), &bytes.values);
    let real = bytes.unit * Scale::UNIT * z * up_unit * unit;

    let dot = |matrix: &[i8], row: usize| (0..hidden).map(|i| f64::from(matrix[row * hidden + i]) * f64::from(x[i])).sum::<f64>() * unit;
    let g: Vec<f64> = (0..neurons).map(|row| dot(&gate, row) * f64::from(gate_scales[row])).collect();
    let mean = g.iter().sum::<f64>() / neurons as f64;
    let deviation = (g.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / neurons as f64).sqrt();
    let h = |row: usize| gelu((g[row] - mean - Threshold::TWENTIETH * deviation).max(0.0)) * dot(&up, row) * f64::from(up_scales[row]);
    let h: Vec<f64> = (0..neurons).map(h).collect();
    let want: Vec<f64> = (0..hidden).map(|c| (0..neurons).map(|row| h[row] * f64::from(down[row * hidden + c])).sum()).collect();
    let power = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>();
    let off = power(&mut want.iter().zip(&out).map(|(want, got)| want - f64::from(*got) * real));
    let ratio = (off / power(&mut want.iter().copied())).sqrt();
    // Bytes are off by half a step at most, and by a step over the root of 12 in the mean: what that makes of the sums is all that they are off by.
    for (byte, row) in bytes.values.iter().zip(&rows) {
        assert!(
            (f64::from(*byte) * real - h[*row]).abs() <= 0.5 * real + 2e-3 * h[*row].abs(),
            "neuron {row}: {byte} steps of {real} for {}",
            h[*row]
        );
    }
    let weights = power(&mut rows.iter().flat_map(|row| &down[row * hidden..(row + 1) * hidden]).map(|w| f64::from(*w)));
    let expected = real * (weights / 12.0 / power(&mut want.iter().copied())).sqrt();
    assert!((0.7..1.3).contains(&(ratio / expected)), "{ratio}, {expected} from rounding alone");
    println!("{} active neurons, relative error {ratio:.5}, {expected:.5} from rounding to bytes", rows.len());
}
