//! `out[r] = sum over active j of hidden[r][j] * weight[j]`: several records are added in one pass over a row's output; rows take turns on a block of
//! neurons. (Decoding a record once for all its rows would read and write a row's output once a record, which costs more than it saves.)

#![allow(clippy::needless_range_loop, reason = "an index names the same tile in several arrays")]

use super::active::{Active, block};
use super::record::{Record, SEGMENT, TILE};
use crate::SparseDown;
use crate::lanes::{LANES, Lanes};

/// Records added in one pass over the output.
const TOGETHER: usize = 4;

/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
pub(super) unsafe fn down<L: Lanes, R: Record>(a: &SparseDown) {
    let mut active = Active::new();
    // SAFETY: `columns` of every row are ours to write; every neuron listed exists.
    unsafe {
        each_vector(a, |out| L::splat(0.0).store(out));
        let mut first = 0;
        while first < a.neurons {
            let count = (a.neurons - first).min(block(a.rows));
            for row in 0..a.rows {
                let hidden = a.hidden.add(row * a.neurons + first);
                let out = a.out.add(row * a.outputs);
                active.collect::<L>(hidden, count, a.dense);
                let mut at = 0;
                while at + TOGETHER <= active.len() {
                    some::<L, R, TOGETHER>(a, &active, at, first, hidden, out);
                    at += TOGETHER;
                }
                if at + 2 <= active.len() {
                    some::<L, R, 2>(a, &active, at, first, hidden, out);
                    at += 2;
                }
                if at < active.len() {
                    some::<L, R, 1>(a, &active, at, first, hidden, out);
                }
            }
            first += count;
        }
        // A product may round to -0 where adding a zero would give +0: make the sign of a zero sum the same in both.
        each_vector(a, |out| L::load(out).add(L::splat(0.0)).store(out));
    }
}

/// Calls `f` with every vector of `columns` in every row.
///
/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
unsafe fn each_vector(a: &SparseDown, f: impl Fn(*mut f32)) {
    for row in 0..a.rows {
        for column in a.columns.clone().step_by(LANES) {
            // SAFETY: within `columns` of a row.
            f(unsafe { a.out.add(row * a.outputs + column) });
        }
    }
}

/// Adds records `at .. at + M` of the list to one row's output.
///
/// # Safety
/// The list has them; `hidden` holds the row's values of the block from neuron `first` on, `out` is the row's output.
#[inline(always)]
unsafe fn some<L: Lanes, R: Record, const M: usize>(a: &SparseDown, active: &Active, at: usize, first: usize, hidden: *const f32, out: *mut f32) {
    let bytes = R::bytes(a.outputs);
    let (mut records, mut ahead, mut factors) = ([a.weight; M], [a.weight; M], [L::splat(0.0); M]);
    // SAFETY: the neurons exist, and every tile lies within `columns`.
    unsafe {
        for m in 0..M {
            records[m] = a.weight.add((first + active.get(at + m)) * bytes);
            ahead[m] = a.weight.add((first + active.get(at + m + M)) * bytes);
            factors[m] = L::splat(*hidden.add(active.get(at + m)));
        }
        let mut column = a.columns.start;
        while column < a.columns.end {
            let width = SEGMENT.min(a.columns.end - column);
            let mut scales = [[0f32; LANES]; M];
            for m in 0..M {
                scales[m] = R::scales::<L>(records[m], column);
            }
            let tile = |t: usize, vectors: usize| {
                add::<L, R, M>(&records, &factors, &scales, t, a.outputs, column + t * TILE, vectors, out.add(column + t * TILE));
            };
            if width == SEGMENT {
                ahead.into_iter().for_each(|ahead| R::prefetch(ahead, a.outputs, column, SEGMENT));
                for t in 0..SEGMENT / TILE {
                    tile(t, TILE / LANES);
                }
            } else {
                ahead.into_iter().for_each(|ahead| R::prefetch(ahead, a.outputs, column, width));
                for t in 0..width / TILE {
                    tile(t, TILE / LANES);
                }
                if !width.is_multiple_of(TILE) {
                    tile(width / TILE, width % TILE / LANES);
                }
            }
            column += width;
        }
    }
}

/// Adds `vectors` vectors of tile `t` of a segment, which begins at `column`, to `out`.
///
/// # Safety
/// `column + 16 * vectors <= outputs`; `t` is less than 8; `out` is the output of that column.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one inlined step of a loop")]
unsafe fn add<L: Lanes, R: Record, const M: usize>(
    records: &[*const u8; M],
    factors: &[L; M],
    scales: &[[f32; LANES]; M],
    t: usize,
    outputs: usize,
    column: usize,
    vectors: usize,
    out: *mut f32,
) {
    let mut sums = [L::splat(0.0); TILE / LANES];
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..vectors {
            sums[v] = L::load(out.add(v * LANES));
        }
        for m in 0..M {
            let weights = R::tile::<L>(records[m], outputs, column, vectors, scales[m].as_ptr().add(2 * t));
            for v in 0..vectors {
                sums[v] = factors[m].fma(weights[v], sums[v]);
            }
        }
        for v in 0..vectors {
            sums[v].store(out.add(v * LANES));
        }
    }
}
