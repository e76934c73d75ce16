use super::*;
use crate::testing::{Random, variants};
use half::{bf16, f16};
use unicorn_artifact::tensor::{Format, GROUP, activation_row_bytes, quantise_q4, quantise_q8, row_bytes, row_groups};

const FORMATS: [Format; 3] = [Format::Q4, Format::Q8, Format::Bf16];

/// One row in `Layout::Rows`, and the values it stands for.
fn record(format: Format, values: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let (mut scales, mut codes, mut exact) = (vec![], vec![], vec![]);
    if format == Format::Bf16 {
        let rounded: Vec<bf16> = values.iter().map(|v| bf16::from_f32(*v)).collect();
        return (rounded.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect(), rounded.iter().map(|v| v.to_f32()).collect());
    }
    for group in values.as_chunks::<GROUP>().0 {
        let (scale, group) = if format == Format::Q4 { quantise_q4(group) } else { quantise_q8(group) };
        exact.extend(group.iter().map(|c| (i32::from(*c) - format.bias()) as f32 * scale.to_f32()));
        scales.push(scale);
        codes.extend(group);
    }
    scales.resize(row_groups(values.len()), f16::ZERO);
    codes.resize(scales.len() * GROUP, format.bias() as u8);
    if format == Format::Q4 {
        codes = codes.as_chunks::<{ 2 * GROUP }>().0.iter().flat_map(|pair| (0..GROUP).map(|i| pair[i] | pair[i + GROUP] << 4)).collect();
    }
    (scales.iter().flat_map(|s| s.to_bits().to_le_bytes()).chain(codes).collect(), exact)
}

/// One activation row, and the values it stands for.
fn activations(values: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let (mut codes, mut scales, mut sums, mut exact) = (vec![], vec![], vec![], vec![]);
    for group in values.as_chunks::<GROUP>().0 {
        let scale = group.iter().fold(0f32, |m, v| m.max(v.abs())) / 127.0;
        let group = group.map(|v| if scale > 0.0 { (v / scale).round_ties_even() as i8 } else { 0 });
        exact.extend(group.map(|c| f32::from(c) * scale));
        sums.extend(group.iter().map(|c| i32::from(*c)).sum::<i32>().to_le_bytes());
        scales.extend(scale.to_le_bytes());
        codes.extend(group.map(|c| c as u8));
    }
    codes.extend(scales);
    codes.extend(sums);
    (codes, exact)
}

struct Case {
    format: Format,
    rows: usize,
    neurons: usize,
    cols: usize,
    /// `[rows, neurons]`, mostly zeros of both signs.
    gate: Vec<f32>,
    /// Input rows of `up`, as bytes and as values `[rows, cols]`.
    input: Box<[u8]>,
    input_bytes: usize,
    input_values: Vec<f32>,
    /// `[neurons, cols]`.
    weight: Box<[u8]>,
    weight_values: Vec<f32>,
}

impl Case {
    fn new(r: &mut Random, format: Format, rows: usize, neurons: usize, cols: usize) -> Self {
        let one_in = 1 + r.below(12);
        let mut gate = vec![0f32; rows * neurons];
        for g in &mut gate {
            *g = if r.below(one_in) == 0 { r.value() } else { 0.0 * r.value() };
        }
        let (mut input, mut input_values, mut weight, mut weight_values) = (vec![], vec![], vec![], vec![]);
        for _ in 0..rows {
            let values: Vec<f32> = (0..cols).map(|_| r.value()).collect();
            let plain = || (values.iter().flat_map(|v| v.to_le_bytes()).collect(), values.clone());
            let (bytes, values) = if format == Format::Bf16 { plain() } else { activations(&values) };
            input.extend(bytes);
            input_values.extend(values);
        }
        for _ in 0..neurons {
            let values: Vec<f32> = (0..cols).map(|_| r.value()).collect();
            let (bytes, values) = record(format, &values);
            assert_eq!(bytes.len(), row_bytes(format, cols).unwrap());
            weight.extend(bytes);
            weight_values.extend(values);
        }
        let input_bytes = if format == Format::Bf16 { cols * 4 } else { activation_row_bytes(cols) };
        // Exact allocations, so that a sanitizer sees a read beyond them.
        let (input, weight) = (input.into_boxed_slice(), weight.into_boxed_slice());
        Self { format, rows, neurons, cols, gate, input, input_bytes, input_values, weight, weight_values }
    }

    fn random(r: &mut Random, format: Format) -> Self {
        let granule = if format == Format::Bf16 { 16 } else { 32 };
        let (rows, neurons, cols) = ([1, 1, 2, 3, 7, 64, 70][r.below(7)], 1 + r.below(90), granule * (1 + r.below(40)));
        Self::new(r, format, rows, neurons, cols)
    }

    fn kernel(&self) -> usize {
        FORMATS.iter().position(|f| *f == self.format).unwrap()
    }

    /// Neurons `0..split` and the rest are separate calls; so is every row if `alone`.
    fn up(&self, isa: Isa, dense: bool, split: usize, alone: bool) -> Vec<u32> {
        let mut gate = self.gate.clone();
        for (first, rows) in if alone { (0..self.rows).map(|r| (r, 1)).collect() } else { vec![(0, self.rows)] } {
            for neurons in [0..split, split..self.neurons] {
                let args = SparseUp {
                    gate: gate[first * self.neurons..].as_mut_ptr(),
                    gate_stride: self.neurons,
                    input: self.input[first * self.input_bytes..].as_ptr(),
                    cols: self.cols,
                    rows,
                    weight: self.weight.as_ptr(),
                    neurons,
                    dense,
                };
                // SAFETY: the buffers have the sizes that the arguments say; `isa` is within what the host has.
                unsafe { select_up(isa)[self.kernel()](&args) };
            }
        }
        gate.into_iter().map(f32::to_bits).collect()
    }

    /// Columns `0..split` and the rest are separate calls; so is every row if `alone`.
    fn down(&self, isa: Isa, dense: bool, split: usize, alone: bool) -> Vec<u32> {
        let mut out = vec![f32::NAN; self.rows * self.cols];
        for (first, rows) in if alone { (0..self.rows).map(|r| (r, 1)).collect() } else { vec![(0, self.rows)] } {
            for columns in [0..split, split..self.cols] {
                let args = SparseDown {
                    hidden: self.gate[first * self.neurons..].as_ptr(),
                    neurons: self.neurons,
                    rows,
                    weight: self.weight.as_ptr(),
                    outputs: self.cols,
                    columns,
                    out: out[first * self.cols..].as_mut_ptr(),
                    dense,
                };
                // SAFETY: the buffers have the sizes that the arguments say; `isa` is within what the host has.
                unsafe { select_down(isa)[self.kernel()](&args) };
            }
        }
        out.into_iter().map(f32::to_bits).collect()
    }

    fn weight(&self, neuron: usize) -> &[f32] {
        &self.weight_values[neuron * self.cols..][..self.cols]
    }
}

#[test]
fn up_is_the_same_in_every_variant_and_near_the_exact_result() {
    let mut r = Random(3);
    for round in 0..90 {
        let case = Case::random(&mut r, FORMATS[round % 3]);
        let expected = case.up(Isa::Plain, false, 0, false);
        for isa in variants() {
            for dense in [false, true] {
                for alone in [false, true] {
                    let split = r.below(case.neurons + 1);
                    let same = case.up(isa, dense, split, alone) == expected;
                    assert!(same, "round {round}: {:?} {} dense {dense} alone {alone} split {split}", case.format, isa.name());
                }
            }
        }
        for (i, (bits, gate)) in expected.iter().zip(&case.gate).enumerate() {
            let input = case.input_values[i / case.neurons * case.cols..].iter();
            let dot: f64 = case.weight(i % case.neurons).iter().zip(input).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            let exact = f64::from(*gate) * dot;
            assert!((f64::from(f32::from_bits(*bits)) - exact).abs() < 1e-4, "round {round}: {exact}");
            assert!(*gate != 0.0 || gate.to_bits() == *bits);
        }
    }
}

#[test]
fn down_is_the_same_in_every_variant_and_near_the_exact_result() {
    let mut r = Random(4);
    for round in 0..90 {
        let case = Case::random(&mut r, FORMATS[round % 3]);
        let expected = case.down(Isa::Plain, false, 0, false);
        for isa in variants() {
            for dense in [false, true] {
                for alone in [false, true] {
                    let split = r.below(case.cols / 64 + 1) * 64;
                    let same = case.down(isa, dense, split, alone) == expected;
                    assert!(same, "round {round}: {:?} {} dense {dense} alone {alone} split {split}", case.format, isa.name());
                }
            }
        }
        for (i, bits) in expected.iter().enumerate() {
            let hidden = &case.gate[i / case.cols * case.neurons..][..case.neurons];
            let sum = |(j, h): (usize, &f32)| f64::from(*h) * f64::from(case.weight(j)[i % case.cols]);
            let exact: f64 = hidden.iter().enumerate().map(sum).sum();
            assert!((f64::from(f32::from_bits(*bits)) - exact).abs() < 1e-4, "round {round}: {exact}");
        }
    }
}

#[test]
fn more_neurons_than_a_block() {
    let mut r = Random(5);
    for format in FORMATS {
        let case = Case::new(&mut r, format, 2, 2 * active::block(1) + 77, 64);
        let (up, down) = (case.up(Isa::Plain, true, 5, true), case.down(Isa::Plain, true, 0, true));
        for isa in variants() {
            assert!(case.up(isa, false, 1100, false) == up && case.down(isa, false, 64, false) == down, "{format:?} {}", isa.name());
        }
    }
}

#[test]
fn a_product_that_underflows_leaves_a_positive_zero() {
    let mut case = Case::new(&mut Random(6), Format::Bf16, 1, 3, 16);
    case.weight = (0..3 * 16).flat_map(|_| bf16::from_f32(-1e-30).to_bits().to_le_bytes()).collect();
    case.gate = vec![0.0, 1e-30, 0.0];
    for isa in variants() {
        for dense in [false, true] {
            assert_eq!(case.down(isa, dense, 0, false), [0; 16]);
        }
    }
}
