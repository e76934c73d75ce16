//! Attention of one row over one KV head, for the query heads that share it.
//!
//! # Order of operations
//! Positions are taken in blocks of 16 cut at absolute multiples of 16, so neither the ring's capacity nor its start shows in the result.
//! * Score of a position: from 0, `fma(key[d], query[d], score)`, `d` ascending; then times `scale`. Positions not seen score minus infinity.
//! * Weight: `exp(score - largest score)`, `exp` as in `sparse/lanes.rs`; exactly 0 where not seen.
//! * Sum of weights: 16 partial sums by `position % 16`, blocks ascending, halves added at the end (+ 8, + 4, + 2, + 1).
//! * Output: from 0, `fma(weight, value[d], out[d])`, seen positions ascending; then times `1 / sum`.

#![allow(clippy::needless_range_loop, reason = "an index names the same tile in several arrays")]

#[cfg(target_arch = "x86_64")]
use crate::lanes::wide::{Avx2, Avx512};
use crate::lanes::{LANES, Lanes, Plain, exp, prefetch};
use crate::{Attention, Isa};

#[cfg(test)]
mod tests;

/// Positions whose values are added in one pass over the outputs.
const RUN: usize = 2 * LANES;

/// Dimensions of a key between what is read and what is fetched: a kilobyte. Blocks of keys follow each other in memory but for the end of the ring.
const AHEAD: usize = 32;

/// The kernel of [`crate::Kernels::attention`]. Plain where `isa` is not of this architecture.
pub fn select(isa: Isa) -> unsafe fn(&Attention) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2,
        _ => plain,
    }
}

unsafe fn plain(a: &Attention) {
    // SAFETY: the contract of `Kernels`.
    unsafe { attention::<Plain>(a) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2(a: &Attention) {
    // SAFETY: the contract of `Kernels`.
    unsafe { attention::<Avx2>(a) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn avx512(a: &Attention) {
    // SAFETY: the contract of `Kernels`.
    unsafe { attention::<Avx512>(a) }
}

/// Splits the group into parts that share loads of keys and values.
///
/// # Safety
/// The contract of `Kernels`.
#[inline(always)]
unsafe fn attention<L: Lanes>(a: &Attention) {
    let mut head = 0;
    // SAFETY: heads `head .. head + G` lie in the group.
    unsafe {
        while head < a.group {
            // Tiles (blocks of keys, vectors of values) that keep enough sums in flight without spilling.
            match (a.group - head, L::REGISTERS >= 32) {
                (1, true) => head += heads::<L, 1, 8, 8>(a, head),
                (2..4, true) => head += heads::<L, 2, 4, 8>(a, head),
                (_, true) => head += heads::<L, 4, 2, 4>(a, head),
                (1, false) => head += heads::<L, 1, 4, 4>(a, head),
                (2..4, false) => head += heads::<L, 2, 2, 2>(a, head),
                (_, false) => head += heads::<L, 4, 1, 1>(a, head),
            }
        }
    }
}

/// The heads `head .. head + G`; returns `G`.
///
/// # Safety
/// The contract of `Kernels`; the heads lie in the group.
#[inline(always)]
unsafe fn heads<L: Lanes, const G: usize, const BLOCKS: usize, const VECTORS: usize>(a: &Attention, head: usize) -> usize {
    let (first, blocks) = (a.first / LANES, a.last / LANES - a.first / LANES + 1);
    let width = blocks * LANES;
    // SAFETY: at most `capacity + 32` scores a head; the blocks seen are blocks of the ring.
    unsafe {
        let query = a.query.add(head * a.head_dim);
        let out = a.out.add(head * a.head_dim);
        let key = |block: usize| a.keys.add((first + block) % (a.capacity / LANES) * LANES * a.head_dim);
        let mut block = 0;
        while block + BLOCKS <= blocks {
            let mut keys = [a.keys; BLOCKS];
            for (b, keys) in keys.iter_mut().enumerate() {
                *keys = key(block + b);
            }
            scores::<L, G, BLOCKS>(a, query, keys, a.scratch.add(block * LANES), width);
            block += BLOCKS;
        }
        while block < blocks {
            scores::<L, G, 1>(a, query, [key(block)], a.scratch.add(block * LANES), width);
            block += 1;
        }
        let mut inverse = [0f32; G];
        for g in 0..G {
            let scores = a.scratch.add(g * width);
            for unseen in (0..a.first % LANES).chain(a.last - first * LANES + 1..width) {
                *scores.add(unseen) = f32::NEG_INFINITY;
            }
            inverse[g] = 1.0 / softmax::<L>(scores, blocks);
        }
        let mut column = 0;
        while column < G * a.head_dim {
            L::splat(0.0).store(out.add(column));
            column += LANES;
        }
        let mut position = a.first;
        while position <= a.last {
            let place = position % a.capacity;
            let count = (a.last + 1 - position).min(a.capacity - place).min(RUN);
            let weights = a.scratch.add(position - first * LANES);
            values::<L, G, VECTORS>(a, a.values.add(place * a.head_dim), weights, width, count, out);
            position += count;
        }
        for g in 0..G {
            for d in (0..a.head_dim).step_by(LANES) {
                let out = out.add(g * a.head_dim + d);
                L::load(out).mul(L::splat(inverse[g])).store(out);
            }
        }
    }
    G
}

/// Scores of `BLOCKS` blocks of 16 positions for `G` heads, to rows of `to` that are `width` apart.
///
/// # Safety
/// `query` is `[G, head_dim]`, each of `keys` `[head_dim][16]`; `to` takes `16 * BLOCKS` scores in each of `G` rows.
#[inline(always)]
unsafe fn scores<L: Lanes, const G: usize, const BLOCKS: usize>(
    a: &Attention,
    query: *const f32,
    keys: [*const u16; BLOCKS],
    to: *mut f32,
    width: usize,
) {
    let mut sums = [[L::splat(0.0); G]; BLOCKS];
    // SAFETY: the caller's promise.
    unsafe {
        for d in 0..a.head_dim {
            let mut key = [L::splat(0.0); BLOCKS];
            for b in 0..BLOCKS {
                key[b] = L::load_f16(keys[b].add(d * LANES));
            }
            if d % 2 == 0 {
                keys.iter().for_each(|keys| prefetch(keys.wrapping_add((d + AHEAD) * LANES).cast()));
            }
            for g in 0..G {
                let q = L::splat(*query.add(g * a.head_dim + d));
                for b in 0..BLOCKS {
                    sums[b][g] = key[b].fma(q, sums[b][g]);
                }
            }
        }
        for b in 0..BLOCKS {
            for g in 0..G {
                sums[b][g].mul(L::splat(a.scale)).store(to.add(g * width + b * LANES));
            }
        }
    }
}

/// Turns scores into weights and returns their sum.
///
/// # Safety
/// `16 * blocks` scores, at least one of them finite for a meaningful result.
#[inline(always)]
unsafe fn softmax<L: Lanes>(scores: *mut f32, blocks: usize) -> f32 {
    let (mut largest, mut sum) = (L::splat(f32::NEG_INFINITY), L::splat(0.0));
    // SAFETY: the caller's promise.
    unsafe {
        for block in 0..blocks {
            largest = L::load(scores.add(block * LANES)).max(largest);
        }
        let shift = L::splat(-largest.largest());
        for block in 0..blocks {
            let at = scores.add(block * LANES);
            let weight = exp(L::load(at).add(shift));
            weight.store(at);
            sum = sum.add(weight);
        }
    }
    sum.sum()
}

/// Adds `count` weighted values to `out`, `[G, head_dim]`.
///
/// # Safety
/// `values` is `[count, head_dim]`; `weights` holds `count` weights in each of `G` rows `width` apart.
#[inline(always)]
unsafe fn values<L: Lanes, const G: usize, const VECTORS: usize>(
    a: &Attention,
    values: *const u16,
    weights: *const f32,
    width: usize,
    count: usize,
    out: *mut f32,
) {
    let mut d = 0;
    // SAFETY: columns `d .. d + 16 * VECTORS` lie in the head.
    unsafe {
        while d + VECTORS * LANES <= a.head_dim {
            tile::<L, G, VECTORS>(a, values.add(d), weights, width, count, out.add(d));
            d += VECTORS * LANES;
        }
        while d + LANES <= a.head_dim {
            tile::<L, G, 1>(a, values.add(d), weights, width, count, out.add(d));
            d += LANES;
        }
    }
}

/// [`values`] for `VECTORS` vectors of columns.
///
/// # Safety
/// As [`values`], for these columns.
#[inline(always)]
unsafe fn tile<L: Lanes, const G: usize, const VECTORS: usize>(
    a: &Attention,
    values: *const u16,
    weights: *const f32,
    width: usize,
    count: usize,
    out: *mut f32,
) {
    let mut sums = [[L::splat(0.0); VECTORS]; G];
    // SAFETY: the caller's promise.
    unsafe {
        for g in 0..G {
            for v in 0..VECTORS {
                sums[g][v] = L::load(out.add(g * a.head_dim + v * LANES));
            }
        }
        for p in 0..count {
            let mut value = [L::splat(0.0); VECTORS];
            for v in 0..VECTORS {
                value[v] = L::load_f16(values.add(p * a.head_dim + v * LANES));
            }
            // These columns of the run that follows.
            for v in (0..VECTORS).step_by(2) {
                prefetch(values.wrapping_add((p + RUN) * a.head_dim + v * LANES).cast());
            }
            for g in 0..G {
                let weight = L::splat(*weights.add(g * width + p));
                for v in 0..VECTORS {
                    sums[g][v] = weight.fma(value[v], sums[g][v]);
                }
            }
        }
        for g in 0..G {
            for v in 0..VECTORS {
                sums[g][v].store(out.add(g * a.head_dim + v * LANES));
            }
        }
    }
}
