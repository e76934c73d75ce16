use super::*;
use crate::testing::{Random, variants};
use half::f16;

/// Keys and values by absolute position, `[last + 1][head_dim]`, and queries `[group][head_dim]`.
struct Case {
    group: usize,
    head_dim: usize,
    first: usize,
    last: usize,
    keys: Vec<u16>,
    values: Vec<u16>,
    query: Vec<f32>,
}

impl Case {
    fn new(r: &mut Random, group: usize, head_dim: usize, first: usize, last: usize) -> Self {
        let mut halves = |n: usize| (0..n).map(|_| f16::from_f32(r.value()).to_bits()).collect::<Vec<_>>();
        let (keys, values) = (halves((last + 1) * head_dim), halves((last + 1) * head_dim));
        let query = (0..group * head_dim).map(|_| r.value()).collect();
        Self { group, head_dim, first, last, keys, values, query }
    }

    /// Runs on a ring of `capacity` whose unseen places hold NaN.
    fn run(&self, isa: Isa, capacity: usize) -> Vec<u32> {
        let nan = f16::NAN.to_bits();
        let (mut keys, mut values) = (vec![nan; capacity * self.head_dim], vec![nan; capacity * self.head_dim]);
        for position in self.first..=self.last {
            let place = position % capacity;
            for d in 0..self.head_dim {
                keys[place / 16 * 16 * self.head_dim + d * 16 + place % 16] = self.keys[position * self.head_dim + d];
                values[place * self.head_dim + d] = self.values[position * self.head_dim + d];
            }
        }
        let mut out = vec![f32::NAN; self.group * self.head_dim];
        let mut scratch = vec![f32::NAN; self.group * (capacity + 32)];
        let args = Attention {
            query: self.query.as_ptr(),
            group: self.group,
            head_dim: self.head_dim,
            keys: keys.as_ptr(),
            values: values.as_ptr(),
            capacity,
            first: self.first,
            last: self.last,
            scale: 0.5,
            out: out.as_mut_ptr(),
            scratch: scratch.as_mut_ptr(),
        };
        // SAFETY: the buffers have the sizes that the arguments say; `isa` is within what the host has.
        unsafe { select(isa)(&args) };
        out.into_iter().map(f32::to_bits).collect()
    }

    fn exact(&self) -> Vec<f64> {
        let half = |v: u16| f64::from(f16::from_bits(v).to_f32());
        let mut out = vec![0f64; self.group * self.head_dim];
        for g in 0..self.group {
            let score = |p: usize| -> f64 {
                let keys = self.keys[p * self.head_dim..].iter();
                0.5 * self.query[g * self.head_dim..][..self.head_dim].iter().zip(keys).map(|(q, k)| f64::from(*q) * half(*k)).sum::<f64>()
            };
            let scores: Vec<f64> = (self.first..=self.last).map(score).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
            for (p, s) in (self.first..=self.last).zip(&scores) {
                for d in 0..self.head_dim {
                    out[g * self.head_dim + d] += (s - largest).exp() / sum * half(self.values[p * self.head_dim + d]);
                }
            }
        }
        out
    }
}

#[test]
fn every_variant_and_capacity_gives_the_same_bits_near_the_exact_result() {
    let mut r = Random(1);
    for round in 0..60 {
        let (group, head_dim) = (1 + r.below(9), 16 * (1 + r.below(17)));
        let last = r.below(300);
        let window = [1, 16, 32, 64, 301][r.below(5)];
        let first = (last + 1).saturating_sub(window);
        let case = Case::new(&mut r, group, head_dim, first, last);
        // The smallest ring that holds the window, one that wraps elsewhere, and one that never wraps.
        let least = (last - first + 1).next_multiple_of(16);
        let expected = case.run(Isa::Plain, least);
        for isa in variants() {
            for capacity in [least, least + 16, 304] {
                assert!(case.run(isa, capacity) == expected, "round {round}: {} with {capacity} places, {first}..={last}", isa.name());
            }
        }
        for (i, (bits, exact)) in expected.iter().zip(case.exact()).enumerate() {
            let value = f64::from(f32::from_bits(*bits));
            assert!((value - exact).abs() < 2e-5, "round {round}, element {i}: {value} against {exact}");
        }
    }
}

#[test]
fn a_position_far_below_the_largest_weighs_nothing() {
    let mut case = Case::new(&mut Random(2), 2, 16, 0, 20);
    for d in 0..16 {
        case.query[d] = 100.0;
        for p in 0..=20 {
            case.keys[p * 16 + d] = f16::from_f32(if p == 7 { 1.0 } else { -1.0 }).to_bits();
        }
    }
    for isa in variants() {
        let out = case.run(isa, 32);
        let value: Vec<u32> = case.values[7 * 16..8 * 16].iter().map(|v| f16::from_bits(*v).to_f32().to_bits()).collect();
        assert_eq!(out[..16], value);
    }
}
