//! `gate[r][j] *= dot(weight[j], input[r])` for the active pairs of row and neuron: several neurons of a row at a time; rows take turns on a block of
//! neurons.

#![allow(clippy::needless_range_loop, reason = "an index names the same neuron in several arrays")]

use super::active::{Active, block};
use super::record::Record;
use crate::SparseUp;
use crate::lanes::Lanes;

/// Records whose dots are computed together.
const TOGETHER: usize = 4;

/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
pub(super) unsafe fn up<L: Lanes, R: Record>(a: &SparseUp) {
    let mut active = Active::new();
    let mut first = a.neurons.start;
    while first < a.neurons.end {
        let count = (a.neurons.end - first).min(block(a.rows));
        for row in 0..a.rows {
            // SAFETY: the row and neurons `first .. first + count` lie within the arguments' ranges; every neuron listed is one of them.
            unsafe {
                let gate = a.gate.add(row * a.gate_stride + first);
                let input = a.input.add(row * R::input_bytes(a.cols));
                active.collect::<L>(gate, count, a.dense);
                let mut at = 0;
                while at + TOGETHER <= active.len() {
                    some::<L, R, TOGETHER>(a, &active, at, first, input, gate);
                    at += TOGETHER;
                }
                if at + 2 <= active.len() {
                    some::<L, R, 2>(a, &active, at, first, input, gate);
                    at += 2;
                }
                if at < active.len() {
                    some::<L, R, 1>(a, &active, at, first, input, gate);
                }
            }
        }
        first += count;
    }
}

/// Neurons `at .. at + M` of the list.
///
/// # Safety
/// The list has them; `input` is a row, and `gate` its gates of the block from neuron `first` on.
#[inline(always)]
unsafe fn some<L: Lanes, R: Record, const M: usize>(a: &SparseUp, active: &Active, at: usize, first: usize, input: *const u8, gate: *mut f32) {
    let bytes = R::bytes(a.cols);
    let (mut records, mut ahead) = ([a.weight; M], [a.weight; M]);
    // SAFETY: the caller's promise.
    unsafe {
        for m in 0..M {
            records[m] = a.weight.add((first + active.get(at + m)) * bytes);
            ahead[m] = a.weight.add((first + active.get(at + m + M)) * bytes);
        }
        let dots = R::dots::<L, M>(records, a.cols, input, ahead);
        for m in 0..M {
            let gate = gate.add(active.get(at + m));
            // An inactive gate stays as it is, to the sign of its zero.
            if *gate != 0.0 {
                *gate *= dots[m];
            }
        }
    }
}
