//! Wide = plain = a float reference, whatever the rows, panels and values.

use super::*;
use crate::pack::{pack_panels, unpack_panel_row};
use crate::quantize;
use crate::testing::{Random, variants};
use unicorn_artifact::tensor::{Format, GROUP, PANEL, activation_row_bytes, panel_bytes};

const FORMATS: [Format; 3] = [Format::Q4, Format::Q8, Format::Bf16];

struct Case {
    format: Format,
    rows: usize,
    cols: usize,
    outputs: usize,
    weight: Vec<u8>,
    /// 4-byte aligned and no more: the first word is skipped.
    input: Vec<u32>,
}

impl Case {
    fn new(format: Format, rows: usize, cols: usize, weights: &[f32], x: &[f32]) -> Self {
        let outputs = weights.len() / cols;
        let mut input = vec![0u32];
        if format.is_quantised() {
            let words = activation_row_bytes(cols) / 4;
            for row in x.chunks_exact(cols) {
                let mut out = vec![0u32; words];
                // SAFETY: one row of `cols` floats in, the bytes of one row of activations out.
                unsafe { quantize::select(Isa::Plain)(row.as_ptr(), cols, out.as_mut_ptr().cast()) };
                input.extend(out);
            }
        } else {
            input.extend(x.iter().map(|v| v.to_bits()));
        }
        Self { format, rows, cols, outputs, weight: pack_panels(format, weights, outputs, cols), input }
    }

    fn random(random: &mut Random, format: Format, rows: usize, cols: usize, outputs: usize) -> Self {
        let weights = random.values(outputs * cols);
        let x = random.values(rows * cols);
        Self::new(format, rows, cols, &weights, &x)
    }

    fn row_words(&self) -> usize {
        if self.format.is_quantised() { activation_row_bytes(self.cols) / 4 } else { self.cols }
    }

    /// Rows `first .. first + rows` over the panel ranges, in order; checks that nothing else was written.
    fn run(&self, isa: Isa, first: usize, rows: usize, cuts: &[usize]) -> Vec<u32> {
        let kernel = match self.format {
            Format::Q4 => select_q4(isa),
            Format::Q8 => select_q8(isa),
            Format::Bf16 | Format::F32 | Format::Int8 => select_bf16(isa),
        };
        let stride = self.outputs + 3;
        let mut out = vec![f32::from_bits(0x7fc0_1234); rows * stride];
        let ends = cuts.iter().copied().chain([self.outputs.div_ceil(PANEL)]);
        let mut start = 0;
        for end in ends {
            let args = MatMul {
                input: self.input[1 + first * self.row_words()..].as_ptr().cast(),
                cols: self.cols,
                rows,
                weight: self.weight.as_ptr(),
                panels: start..end,
                outputs: self.outputs,
                out: out.as_mut_ptr(),
                out_stride: stride,
            };
            // SAFETY: all ranges are as the arguments say; `variants` names only what the host has.
            unsafe { kernel(&args) };
            start = end;
        }
        for row in out.chunks_exact(stride) {
            assert!(row[self.outputs..].iter().all(|v| v.to_bits() == 0x7fc0_1234), "written past the outputs");
        }
        out.chunks_exact(stride)
            .flat_map(|row| row[..self.outputs].iter().map(|v| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() }))
            .collect()
    }

    /// Every variant equals plain, R rows equal R times one row, and any cut of the panels gives the same.
    fn check(&self, random: &mut Random) {
        let what = format!("{} rows {} cols {} outputs {}", self.format.name(), self.rows, self.cols, self.outputs);
        let plain = self.run(Isa::Plain, 0, self.rows, &[]);
        for isa in variants() {
            assert_eq!(self.run(isa, 0, self.rows, &[]), plain, "{} {what}", isa.name());
            let single: Vec<u32> = (0..self.rows).flat_map(|r| self.run(isa, r, 1, &[])).collect();
            assert_eq!(single, plain, "{} row by row, {what}", isa.name());
            let panels = self.outputs.div_ceil(PANEL);
            let mut cuts = [random.below(panels + 1), random.below(panels + 1)];
            cuts.sort();
            assert_eq!(self.run(isa, 0, self.rows, &cuts), plain, "{} cut at {cuts:?}, {what}", isa.name());
        }
    }
}

#[test]
fn variants_agree_on_random_shapes() {
    let mut random = Random(11);
    for format in FORMATS {
        for _ in 0..60 {
            let cols = if format == Format::Bf16 { 1 + random.below(200) } else { GROUP * (1 + random.below(7)) };
            let (rows, outputs) = (1 + random.below(70), 1 + random.below(170));
            Case::random(&mut random, format, rows, cols, outputs).check(&mut random);
        }
    }
}

#[test]
fn variants_agree_across_chunks() {
    let mut random = Random(12);
    for format in FORMATS {
        for (rows, cols, outputs) in [(1, 4160, 70), (3, 4160, 33), (1, 16416, 17), (20, 2080, 600), (37, 1056, 40)] {
            Case::random(&mut random, format, rows, cols, outputs).check(&mut random);
        }
    }
}

#[test]
fn variants_agree_on_extreme_values() {
    let mut random = Random(13);
    let (cols, outputs) = (96, 40);
    for format in FORMATS {
        for (w, x) in [(0.0, 1.0), (1.0, 0.0), (-1e4, 1e30), (1e-7, -1e-30), (3e4, f32::MAX), (1.0, f32::INFINITY), (1.0, f32::NAN), (1.0, 1e-44)] {
            for same in [false, true] {
                let mut draw = |count, factor: f32| -> Vec<f32> {
                    random
                        .values(count)
                        .iter()
                        .map(|v| {
                            if same {
                                factor
                            } else if *v > 0.9 {
                                v * 100.0
                            } else {
                                v * factor
                            }
                        })
                        .collect()
                };
                let (weights, input) = (draw(outputs * cols, w), draw(19 * cols, x));
                Case::new(format, 19, cols, &weights, &input).check(&mut random);
            }
        }
    }
}

#[test]
fn every_code_pair_is_exact() {
    // Codes that packing never writes (the whole byte) against the largest activations: sums stay exact integers.
    let mut random = Random(14);
    for format in [Format::Q4, Format::Q8] {
        let mut case = Case::random(&mut random, format, 18, 64, 48);
        for record in case.weight.chunks_exact_mut(unicorn_artifact::tensor::panel_group_bytes(format)) {
            let fill = [0x00, 0xff, random.next() as u8][random.below(3)];
            record[PANEL * 2..].fill(fill);
        }
        for row in case.input[1..].chunks_exact_mut(activation_row_bytes(64) / 4) {
            let code = [127i8, -127][random.below(2)];
            row[..16].fill(u32::from_le_bytes([code as u8; 4]));
            row[18..20].fill((i32::from(code) * 32) as u32);
        }
        case.check(&mut random);
    }
}

#[test]
fn plain_is_near_the_sum_of_what_is_stored() {
    let mut random = Random(15);
    for format in FORMATS {
        let case = Case::random(&mut random, format, 5, 320, 37);
        let out = case.run(Isa::Plain, 0, 5, &[]);
        let size = panel_bytes(format, 320).unwrap();
        for n in 0..37 {
            let mut weight = vec![0f32; 320];
            unpack_panel_row(format, &case.weight[n / PANEL * size..][..size], n % PANEL, &mut weight);
            for r in 0..5 {
                let row = &case.input[1 + r * case.row_words()..][..case.row_words()];
                let x = |k: usize| {
                    if format == Format::Bf16 {
                        f64::from(f32::from_bits(row[k]))
                    } else {
                        f64::from(row[k / 4].to_le_bytes()[k % 4] as i8) * f64::from(f32::from_bits(row[80 + k / GROUP]))
                    }
                };
                let exact: f64 = (0..320).map(|k| f64::from(weight[k]) * x(k)).sum();
                let size: f64 = (0..320).map(|k| (f64::from(weight[k]) * x(k)).abs()).sum();
                let got = f64::from(f32::from_bits(out[r * 37 + n]));
                assert!((got - exact).abs() <= size * 1e-6, "{} row {r} output {n}: {got} against {exact}", format.name());
            }
        }
    }
}

#[test]
fn nothing_to_do() {
    let mut random = Random(16);
    for format in FORMATS {
        let case = Case::random(&mut random, format, 2, 64, 20);
        for isa in variants().into_iter().chain([Isa::Plain]) {
            assert_eq!(case.run(isa, 0, 0, &[]), Vec::<u32>::new());
            assert_eq!(case.run(isa, 1, 1, &[0, 0, 1, 1]), case.run(Isa::Plain, 1, 1, &[]));
        }
    }
}
