//! `gate[r][j] *= dot(weight[j], input[r])` for the active pairs of row and neuron: neuron by neuron, so that a record is read once for all its rows.

#![allow(clippy::needless_range_loop, reason = "an index names the same tile in several arrays")]

use super::active::{Active, BLOCK, ROWS};
use super::lanes::Lanes;
use super::record::Record;
use crate::SparseUp;

/// Records between the one in use and the one prefetched.
const AHEAD: usize = 2;

/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
pub(super) unsafe fn up<L: Lanes, R: Record>(a: &SparseUp) {
    let mut active = Active::new();
    let mut row = 0;
    while row < a.rows {
        let rows = (a.rows - row).min(ROWS);
        let mut first = a.neurons.start;
        while first < a.neurons.end {
            let count = (a.neurons.end - first).min(BLOCK);
            // SAFETY: rows `row .. row + rows` and neurons `first .. first + count` lie within the arguments' ranges.
            unsafe {
                active.collect(a.gate.add(row * a.gate_stride + first), a.gate_stride, rows, count, a.dense);
                block::<L, R>(a, &active, row, first);
            }
            first += BLOCK;
        }
        row += ROWS;
    }
}

/// # Safety
/// `active` names neurons from `first` and rows from `row`, all within the arguments' ranges.
#[inline(always)]
unsafe fn block<L: Lanes, R: Record>(a: &SparseUp, active: &Active, row: usize, first: usize) {
    let bytes = R::bytes(a.cols);
    for at in 0..active.len() {
        let (neuron, mut rows) = active.get(at);
        let neuron = first + neuron;
        // SAFETY: the caller's promise.
        unsafe {
            let record = a.weight.add(neuron * bytes);
            let ahead = a.weight.wrapping_add((first + active.ahead(at, AHEAD)) * bytes);
            while rows.count_ones() >= 4 {
                some::<L, R, 4>(a, record, ahead, neuron, row, &mut rows);
            }
            if rows.count_ones() >= 2 {
                some::<L, R, 2>(a, record, ahead, neuron, row, &mut rows);
            }
            if rows != 0 {
                some::<L, R, 1>(a, record, ahead, neuron, row, &mut rows);
            }
        }
    }
}

/// Takes the first `M` of `rows`.
///
/// # Safety
/// At least `M` bits of `rows` are set; each names a row from `row` on; `record` belongs to `neuron`.
#[inline(always)]
unsafe fn some<L: Lanes, R: Record, const M: usize>(
    a: &SparseUp,
    record: *const u8,
    ahead: *const u8,
    neuron: usize,
    row: usize,
    rows: &mut u64,
) {
    let (mut inputs, mut gates) = ([a.input; M], [a.gate; M]);
    // SAFETY: the caller's promise.
    unsafe {
        for m in 0..M {
            let r = row + rows.trailing_zeros() as usize;
            *rows &= *rows - 1;
            inputs[m] = a.input.add(r * R::input_bytes(a.cols));
            gates[m] = a.gate.add(r * a.gate_stride + neuron);
        }
        let dots = R::dots::<L, M>(record, a.cols, inputs, ahead);
        for m in 0..M {
            // An inactive gate stays as it is, to the sign of its zero.
            if *gates[m] != 0.0 {
                *gates[m] *= dots[m];
            }
        }
    }
}
