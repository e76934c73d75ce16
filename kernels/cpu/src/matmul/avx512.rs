//! Products with AVX-512 and VNNI: one register holds the sixteen outputs of a panel. A tile is `P` panels times `R` rows of accumulators.

#![allow(clippy::needless_range_loop, reason = "tiles are indexed by panel and row, and the loops are unrolled")]

use super::blocking::{AHEAD, Block, WAITING, drive};
use crate::MatMul;
use std::arch::x86_64::*;
use unicorn_artifact::tensor::{Format, GROUP, PANEL, panel_group_bytes};

/// # Safety
/// See [`crate::Kernels`]; `cols` is a multiple of 32.
pub unsafe fn q4(args: &MatMul) {
    // SAFETY: the caller's contract; `quantised` stays within its block.
    unsafe { drive(args, Format::Q4, quantised::<true>) }
}

/// # Safety
/// See [`crate::Kernels`]; `cols` is a multiple of 32.
pub unsafe fn q8(args: &MatMul) {
    // SAFETY: the caller's contract; `quantised` stays within its block.
    unsafe { drive(args, Format::Q8, quantised::<false>) }
}

/// # Safety
/// See [`crate::Kernels`]; input is f32.
pub unsafe fn bf16(args: &MatMul) {
    // SAFETY: the caller's contract; `floats` stays within its block.
    unsafe { drive(args, Format::Bf16, floats) }
}

/// # Safety
/// The block is valid and the host has the instructions.
unsafe fn quantised<const Q4: bool>(block: &Block, rows: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        match rows {
            16 => panels::<2>(block, tile::<2, 16, 4, Q4>, tile::<1, 16, 4, Q4>),
            8 => panels::<1>(block, tile::<1, 8, 4, Q4>, tile::<1, 8, 4, Q4>),
            4 => panels::<1>(block, tile::<1, 4, 4, Q4>, tile::<1, 4, 4, Q4>),
            2 => panels::<2>(block, tile::<2, 2, 2, Q4>, tile::<1, 2, 2, Q4>),
            1 => panels::<2>(block, tile::<2, 1, 1, Q4>, tile::<1, 1, 1, Q4>),
            _ => unreachable!("blocks have 16, 8, 4, 2 or 1 rows"),
        }
    }
}

/// # Safety
/// The block is valid and the host has the instructions.
unsafe fn floats(block: &Block, rows: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        match rows {
            16 => panels::<1>(block, float_tile::<1, 16>, float_tile::<1, 16>),
            8 => panels::<2>(block, float_tile::<2, 8>, float_tile::<1, 8>),
            4 => panels::<4>(block, float_tile::<4, 4>, float_tile::<1, 4>),
            2 => panels::<4>(block, float_tile::<4, 2>, float_tile::<1, 2>),
            1 => panels::<4>(block, float_tile::<4, 1>, float_tile::<1, 1>),
            _ => unreachable!("blocks have 16, 8, 4, 2 or 1 rows"),
        }
    }
}

/// Runs `many` on tiles of `P` panels and `one` on the panels left over. The panels of a tile are a fixed step apart, so that with few rows each of the `P`
/// streams of weights is contiguous from tile to tile.
///
/// # Safety
/// The block is valid; both stay within the panels they are given.
unsafe fn panels<const P: usize>(block: &Block, many: unsafe fn(&Block, usize, usize, usize), one: unsafe fn(&Block, usize, usize, usize)) {
    let step = block.panels / P;
    // SAFETY: only panels of the block are named.
    unsafe {
        many(block, 0, step, step);
        one(block, step * P, block.panels, 1);
    }
}

/// The accumulators of a tile before its first column.
///
/// # Safety
/// The block is valid and has the panels and rows.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load<const P: usize, const R: usize>(block: &Block, panel: usize, step: usize) -> [[__m512; R]; P] {
    let mut acc = [[_mm512_setzero_ps(); R]; P];
    if !block.first {
        for p in 0..P {
            let mask = 0xffff >> (PANEL - block.lanes(panel + p * step));
            for r in 0..R {
                // SAFETY: masked to the outputs that exist.
                acc[p][r] = unsafe { _mm512_maskz_loadu_ps(mask, block.out.add(r * block.out_stride + (panel + p * step) * PANEL)) };
            }
        }
    }
    acc
}

/// # Safety
/// The block is valid and has the panels and rows.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn store<const P: usize, const R: usize>(block: &Block, panel: usize, step: usize, acc: &[[__m512; R]; P]) {
    for p in 0..P {
        let mask = 0xffff >> (PANEL - block.lanes(panel + p * step));
        for r in 0..R {
            // SAFETY: masked to the outputs that exist.
            unsafe { _mm512_mask_storeu_ps(block.out.add(r * block.out_stride + (panel + p * step) * PANEL), mask, acc[p][r]) };
        }
    }
}

/// The codes of one group record: register `i` holds columns `4 i .. 4 i + 4` of each output.
///
/// # Safety
/// `record` is a whole group record.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
unsafe fn codes<const Q4: bool>(record: *const u8) -> [__m512i; 8] {
    let mut codes = [_mm512_setzero_si512(); 8];
    let nibble = _mm512_set1_epi8(15);
    if Q4 {
        for i in 0..4 {
            // SAFETY: the record's codes start at byte 32 and are 256 bytes.
            let both = unsafe { _mm512_loadu_si512(record.add(PANEL * 2 + i * 64).cast()) };
            codes[2 * i] = _mm512_and_si512(both, nibble);
            codes[2 * i + 1] = _mm512_and_si512(_mm512_srli_epi16::<4>(both), nibble);
        }
    } else {
        for i in 0..8 {
            // SAFETY: the record's codes start at byte 32 and are 512 bytes.
            codes[i] = unsafe { _mm512_loadu_si512(record.add(PANEL * 2 + i * 64).cast()) };
        }
    }
    codes
}

/// `T` rows (a divisor of `R`) advance together, so that their integer sums do not wait for each other.
///
/// # Safety
/// The block is valid, has `R` rows and, for each of the panels `panel .. to`, the `P` panels that begin with it and are `step` apart; the host has the
/// instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn tile<const P: usize, const R: usize, const T: usize, const Q4: bool>(block: &Block, panel: usize, to: usize, step: usize) {
    // SAFETY: `depth` groups of `R` rows and of `P` panels exist.
    unsafe {
        for panel in panel..to {
            let mut acc = load::<P, R>(block, panel, step);
            let mut x = block.x;
            let mut record = block.weight.add(panel * block.panel_bytes);
            for _ in 0..block.depth {
                let at = |p: usize| record.add(p * step * block.panel_bytes);
                if R <= WAITING {
                    // One record after the other: the shortest way from one fetch to the next.
                    for p in 0..P {
                        let ahead = at(p).wrapping_add(AHEAD);
                        group::<1, R, T, Q4, _MM_HINT_T0>([at(p)], [ahead], x, std::slice::from_mut(&mut acc[p]));
                    }
                } else {
                    // Together: every load of activations serves all of them.
                    let (mut records, mut ahead) = ([record; P], [record; P]);
                    for p in 0..P {
                        (records[p], ahead[p]) = (at(p), at(p).wrapping_add(block.panel_bytes));
                    }
                    group::<P, R, T, Q4, _MM_HINT_T1>(records, ahead, x, &mut acc);
                }
                x = x.add(R * (GROUP + 8));
                record = record.add(const { panel_group_bytes(if Q4 { Format::Q4 } else { Format::Q8 }) });
            }
            store(block, panel, step, &acc);
        }
    }
}

/// Adds one group's products: `acc` has a row of accumulators for each record. The records at `ahead` are prefetched, last: what is read now goes first.
///
/// # Safety
/// `records` are whole group records, `x` is the group's part of a block of `R` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
#[inline]
unsafe fn group<const P: usize, const R: usize, const T: usize, const Q4: bool, const HINT: i32>(
    records: [*const u8; P],
    ahead: [*const u8; P],
    x: *const u8,
    acc: &mut [[__m512; R]],
) {
    let record_bytes = const { panel_group_bytes(if Q4 { Format::Q4 } else { Format::Q8 }) };
    // SAFETY: the caller's promise.
    unsafe {
        let (scales, sums) = (x.add(R * GROUP).cast::<f32>(), x.add(R * (GROUP + 4)).cast::<i32>());
        let mut w = [[_mm512_setzero_si512(); 8]; P];
        let mut w_scale = [_mm512_setzero_ps(); P];
        for p in 0..P {
            w_scale[p] = _mm512_cvtph_ps(_mm256_loadu_si256(records[p].cast()));
            w[p] = codes::<Q4>(records[p]);
        }
        for first in 0..R / T {
            let mut sum = [[_mm512_setzero_si512(); T]; P];
            for t in 0..T {
                let bias = _mm512_set1_epi32(sums.add(first * T + t).read());
                for p in 0..P {
                    sum[p][t] = bias;
                }
            }
            for i in 0..8 {
                for t in 0..T {
                    let four = _mm512_set1_epi32(x.add((first * T + t) * GROUP + i * 4).cast::<i32>().read());
                    for p in 0..P {
                        sum[p][t] = _mm512_dpbusd_epi32(sum[p][t], w[p][i], four);
                    }
                }
            }
            for t in 0..T {
                let r = first * T + t;
                let x_scale = _mm512_set1_ps(scales.add(r).read());
                for p in 0..P {
                    acc[p][r] = _mm512_fmadd_ps(_mm512_mul_ps(w_scale[p], x_scale), _mm512_cvtepi32_ps(sum[p][t]), acc[p][r]);
                }
            }
        }
        for p in 0..P {
            for line in 0..record_bytes.div_ceil(64) {
                _mm_prefetch::<HINT>(ahead[p].wrapping_add(line * 64).cast());
            }
        }
    }
}

/// # Safety
/// As [`tile`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn float_tile<const P: usize, const R: usize>(block: &Block, panel: usize, to: usize, step: usize) {
    // SAFETY: `depth` columns of `R` rows and of `P` panels exist.
    unsafe {
        for panel in panel..to {
            let mut acc = load::<P, R>(block, panel, step);
            let x = block.x.cast::<f32>();
            let weight = block.weight.add(panel * block.panel_bytes);
            for k in 0..block.depth {
                let mut w = [_mm512_setzero_ps(); P];
                for p in 0..P {
                    let upper = _mm256_loadu_si256(weight.add(p * step * block.panel_bytes + k * PANEL * 2).cast());
                    _mm_prefetch::<_MM_HINT_T1>(weight.wrapping_add((1 + p * step) * block.panel_bytes + k * PANEL * 2).cast());
                    w[p] = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(upper)));
                }
                for r in 0..R {
                    let value = _mm512_set1_ps(x.add(r * block.x_stride + k).read());
                    for p in 0..P {
                        acc[p][r] = _mm512_fmadd_ps(w[p], value, acc[p][r]);
                    }
                }
            }
            store(block, panel, step, &acc);
        }
    }
}
