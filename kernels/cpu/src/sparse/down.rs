//! `out[r] = sum over active j of hidden[r][j] * weight[j]`: one row adds several records a pass; several rows decode a record once for all its rows.

#![allow(clippy::needless_range_loop, reason = "an index names the same tile in several arrays")]

use super::active::{Active, BLOCK, ROWS};
use super::lanes::{LANES, Lanes};
use super::record::{Record, SEGMENT, TILE};
use crate::SparseDown;
use std::mem::MaybeUninit;

/// Records added in one pass over the output of a single row.
const TOGETHER: usize = 4;
/// Columns of a block of several rows: its outputs stay in the first-level cache.
const COLUMNS: usize = 2 * TILE;
/// Records between the one in use and the one prefetched, for several rows.
const AHEAD: usize = 4;

/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
pub(super) unsafe fn down<L: Lanes, R: Record>(a: &SparseDown) {
    // SAFETY: `columns` of every row are ours to write.
    unsafe {
        each_vector::<L>(a, |_| L::splat(0.0));
        rows::<L, R>(a);
        // A product may round to -0 where adding a zero would give +0: make the sign of a zero sum the same in both.
        each_vector::<L>(a, |out| L::load(out).add(L::splat(0.0)));
    }
}

/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
unsafe fn each_vector<L: Lanes>(a: &SparseDown, value: impl Fn(*const f32) -> L) {
    for row in 0..a.rows {
        let mut column = a.columns.start;
        while column < a.columns.end {
            // SAFETY: within `columns` of a row.
            unsafe {
                let out = a.out.add(row * a.outputs + column);
                value(out).store(out);
            }
            column += LANES;
        }
    }
}

/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
unsafe fn rows<L: Lanes, R: Record>(a: &SparseDown) {
    let mut active = Active::new();
    let mut shared = Shared { tile: [[0.0; COLUMNS]; ROWS], factors: [MaybeUninit::uninit(); ROWS * BLOCK] };
        let mut first = 0;
        while first < a.neurons {
            let count = (a.neurons - first).min(BLOCK);
            for row in 0..a.rows {
            // SAFETY: rows `row .. row + rows` and neurons `first .. first + count` exist.
            unsafe {
                active.collect(a.hidden.add(row * a.neurons + first), a.neurons, 1, count, a.dense);
                if true {
                    single::<L, R>(a, &active, row, first);
                } else {
                    several::<L, R>(a, &active, &mut shared, row, 1, first);
                }
            }
            }
            first += BLOCK;
    }
}

/// # Safety
/// `active` names neurons from `first` for row `row`.
#[inline(always)]
unsafe fn single<L: Lanes, R: Record>(a: &SparseDown, active: &Active, row: usize, first: usize) {
    let mut at = 0;
    // SAFETY: `at + M <= active.len()`.
    unsafe {
        while at + TOGETHER <= active.len() {
            records::<L, R, TOGETHER>(a, active, row, first, at);
            at += TOGETHER;
        }
        while at < active.len() {
            records::<L, R, 1>(a, active, row, first, at);
            at += 1;
        }
    }
}

/// Adds records `at .. at + M` of the list to one row.
///
/// # Safety
/// The list has them; `active` names neurons from `first` for row `row`.
#[inline(always)]
unsafe fn records<L: Lanes, R: Record, const M: usize>(a: &SparseDown, active: &Active, row: usize, first: usize, at: usize) {
    let bytes = R::bytes(a.outputs);
    let (mut record, mut ahead, mut factor) = ([a.weight; M], [a.weight; M], [L::splat(0.0); M]);
    // SAFETY: the neurons exist, and every tile lies within `columns`.
    unsafe {
        for m in 0..M {
            let neuron = first + active.get(at + m).0;
            record[m] = a.weight.add(neuron * bytes);
            ahead[m] = a.weight.add((first + active.ahead(at + m, M)) * bytes);
            factor[m] = L::splat(*a.hidden.add(row * a.neurons + neuron));
        }
        let out = a.out.add(row * a.outputs);
        let mut column = a.columns.start;
        while column < a.columns.end {
            let end = a.columns.end.min(column + SEGMENT);
            let mut scales = [[0f32; LANES]; M];
            for m in 0..M {
                scales[m] = R::scales::<L>(record[m], column);
            }
            let mut group = 0;
            while column + TILE <= end {
                for ahead in ahead {
                    R::prefetch_tile(ahead, a.outputs, column);
                }
                add_tile::<L, R, M>(record, factor, &scales, group, a.outputs, column, TILE / LANES, out);
                column += TILE;
                group += 2;
            }
            if column < end {
                add_tile::<L, R, M>(record, factor, &scales, group, a.outputs, column, (end - column) / LANES, out);
                column = end;
            }
        }
    }
}

/// # Safety
/// `column + 16 * vectors <= outputs`; `group + 2 <= 16`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one inlined step of a loop")]
unsafe fn add_tile<L: Lanes, R: Record, const M: usize>(
    record: [*const u8; M],
    factor: [L; M],
    scales: &[[f32; LANES]; M],
    group: usize,
    outputs: usize,
    column: usize,
    vectors: usize,
    out: *mut f32,
) {
    let mut sums = [L::splat(0.0); 4];
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..vectors {
            sums[v] = L::load(out.add(column + v * LANES));
        }
        for m in 0..M {
            let pair = scales[m].as_ptr().add(group).cast::<[f32; 2]>().read();
            let weights = R::tile::<L>(record[m], outputs, column, vectors, pair);
            for v in 0..vectors {
                sums[v] = factor[m].fma(weights[v], sums[v]);
            }
        }
        for v in 0..vectors {
            sums[v].store(out.add(column + v * LANES));
        }
    }
}

/// What several rows need beside the list of active neurons. Aligned, so that no vector of the tile crosses a cache line.
#[repr(C, align(64))]
struct Shared {
    /// The outputs of a block of columns, row by row. A copy, because rows of `out` may lie a multiple of 4096 bytes apart and then evict each other.
    tile: [[f32; COLUMNS]; ROWS],
    /// The hidden values of the active pairs, neuron by neuron.
    factors: [MaybeUninit<f32>; ROWS * BLOCK],
}

/// # Safety
/// `active` names neurons from `first` and `rows` rows from `row`.
#[inline(always)]
unsafe fn several<L: Lanes, R: Record>(a: &SparseDown, active: &Active, shared: &mut Shared, row: usize, rows: usize, first: usize) {
    let mut count = 0;
    for at in 0..active.len() {
        let (neuron, mut mask) = active.get(at);
        while mask != 0 {
            let r = row + mask.trailing_zeros() as usize;
            mask &= mask - 1;
            // SAFETY: the row and the neuron exist.
            shared.factors[count].write(unsafe { *a.hidden.add(r * a.neurons + first + neuron) });
            count += 1;
        }
    }
    let mut column = a.columns.start;
    while column < a.columns.end {
        let width = (a.columns.end - column).min(COLUMNS);
        // SAFETY: the columns lie within `columns` of the rows; `factors` holds a value for every pair of the list.
        unsafe {
            for r in 0..rows {
                std::ptr::copy_nonoverlapping(a.out.add((row + r) * a.outputs + column), shared.tile[r].as_mut_ptr(), width);
            }
            if width == COLUMNS {
                columns::<L, R>(a, active, shared, first, column, COLUMNS / LANES);
            } else {
                columns::<L, R>(a, active, shared, first, column, width / LANES);
            }
            for r in 0..rows {
                std::ptr::copy_nonoverlapping(shared.tile[r].as_ptr(), a.out.add((row + r) * a.outputs + column), width);
            }
        }
        column += width;
    }
}

/// Adds every record of the list to `vectors` vectors from `column` of its rows, in the tile.
///
/// # Safety
/// `active` names neurons from `first` and rows of the tile, and `factors` holds their values; `vectors <= COLUMNS / 16` vectors lie within `columns`.
#[inline(always)]
unsafe fn columns<L: Lanes, R: Record>(a: &SparseDown, active: &Active, shared: &mut Shared, first: usize, column: usize, vectors: usize) {
    let bytes = R::bytes(a.outputs);
    let mut factor = shared.factors.as_ptr().cast::<f32>();
    for at in 0..active.len() {
        let (neuron, mut rows) = active.get(at);
        // SAFETY: the caller's promise.
        unsafe {
            let record = a.weight.add((first + neuron) * bytes);
            let ahead = a.weight.add((first + active.ahead(at, AHEAD)) * bytes);
            let scales = R::scales::<L>(record, column);
            let mut weights = [[L::splat(0.0); 4]; COLUMNS / TILE];
            for t in 0..vectors.div_ceil(4) {
                R::prefetch_tile(ahead, a.outputs, column + t * TILE);
                let part = (vectors - t * 4).min(4);
                weights[t] = R::tile::<L>(record, a.outputs, column + t * TILE, part, [scales[2 * t], scales[2 * t + 1]]);
            }
            while rows != 0 {
                let out = shared.tile.as_mut_ptr().add(rows.trailing_zeros() as usize).cast::<f32>();
                rows &= rows - 1;
                let h = L::splat(*factor);
                factor = factor.add(1);
                for v in 0..vectors {
                    let to = out.add(v * LANES);
                    h.fma(weights[v / 4][v % 4], L::load(to)).store(to);
                }
            }
        }
    }
}
