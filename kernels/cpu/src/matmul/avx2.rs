//! Products with AVX2 and FMA: one register holds eight outputs, half a panel. A tile is `H` half panels times `R` rows of accumulators.

#![allow(clippy::needless_range_loop, reason = "tiles are indexed by panel and row, and the loops are unrolled")]

use super::blocking::{AHEAD, Block, WAITING, drive};
use crate::MatMul;
use std::arch::x86_64::*;
use unicorn_artifact::tensor::{Format, GROUP, PANEL, panel_group_bytes};

const HALF: usize = PANEL / 2;

/// Block, first half panel, first row.
type FloatTile = unsafe fn(&Block, usize, usize);
/// Block, rows of the block, first half panel, first row.
type Tile = unsafe fn(&Block, usize, usize, usize);

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
    let (kernel, halves, step): (Tile, usize, usize) = match rows {
        1 => (tile::<2, 1, Q4>, 2, 1),
        2 => (tile::<2, 2, Q4>, 2, 2),
        _ => (tile::<1, 4, Q4>, 1, 4),
    };
    for half in (0..block.panels * 2).step_by(halves) {
        for row in (0..rows).step_by(step) {
            // SAFETY: only half panels and rows of the block are named.
            unsafe { kernel(block, rows, half, row) };
        }
    }
}

/// # Safety
/// The block is valid and the host has the instructions.
unsafe fn floats(block: &Block, rows: usize) {
    let (many, one, step): (FloatTile, FloatTile, usize) = match rows {
        1 => (float_tile::<4, 1>, float_tile::<2, 1>, 1),
        2 => (float_tile::<4, 2>, float_tile::<2, 2>, 2),
        _ => (float_tile::<2, 4>, float_tile::<2, 4>, 4),
    };
    let wide = if rows <= 2 { 4 } else { 2 };
    let mut half = 0;
    while half < block.panels * 2 {
        let (kernel, halves) = if half + wide <= block.panels * 2 { (many, wide) } else { (one, 2) };
        for row in (0..rows).step_by(step) {
            // SAFETY: only half panels and rows of the block are named.
            unsafe { kernel(block, half, row) };
        }
        half += halves;
    }
}

/// The accumulators of a tile before its first column.
///
/// # Safety
/// The block is valid and has the half panels and rows.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load<const H: usize, const R: usize>(block: &Block, half: usize, row: usize) -> [[__m256; R]; H] {
    let mut acc = [[_mm256_setzero_ps(); R]; H];
    if !block.first {
        for h in 0..H {
            let mask = mask(block, half + h);
            for r in 0..R {
                // SAFETY: masked to the outputs that exist (the address is not formed in bounds where none does).
                acc[h][r] = unsafe { _mm256_maskload_ps(block.out.wrapping_add((row + r) * block.out_stride + (half + h) * HALF), mask) };
            }
        }
    }
    acc
}

/// # Safety
/// The block is valid and has the half panels and rows.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn store<const H: usize, const R: usize>(block: &Block, half: usize, row: usize, acc: &[[__m256; R]; H]) {
    for h in 0..H {
        let mask = mask(block, half + h);
        for r in 0..R {
            // SAFETY: masked to the outputs that exist (the address is not formed in bounds where none does).
            unsafe { _mm256_maskstore_ps(block.out.wrapping_add((row + r) * block.out_stride + (half + h) * HALF), mask, acc[h][r]) };
        }
    }
}

/// Which of the eight outputs of a half panel exist.
#[target_feature(enable = "avx2")]
#[inline]
fn mask(block: &Block, half: usize) -> __m256i {
    let lanes = block.outputs.saturating_sub(half * HALF).min(HALF);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// # Safety
/// The block is valid, has half panels `half .. half + H` (of one panel) and rows `row .. row + R` of `rows`; the host has the instructions.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn tile<const H: usize, const R: usize, const Q4: bool>(block: &Block, rows: usize, half: usize, row: usize) {
    let record_bytes = const { panel_group_bytes(if Q4 { Format::Q4 } else { Format::Q8 }) };
    let (nibble, ones, flip) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1), _mm256_set1_epi8(-128));
    // SAFETY: `depth` groups of the rows and of the half panels exist.
    unsafe {
        let mut acc = load::<H, R>(block, half, row);
        let mut x = block.x;
        let mut record = block.weight.add(half / 2 * block.panel_bytes);
        for _ in 0..block.depth {
            let (scales, sums) = (x.add(rows * GROUP).cast::<f32>().add(row), x.add(rows * (GROUP + 4)).cast::<i32>().add(row));
            let four = |r: usize, i: usize| _mm256_set1_epi32(x.add((row + r) * GROUP + i * 4).cast::<i32>().read());
            let code = |h: usize, i: usize| _mm256_loadu_si256(record.add(PANEL * 2 + i * 64 + (half + h) % 2 * 32).cast());
            if row == 0 && half.is_multiple_of(2) {
                for line in 0..record_bytes.div_ceil(64) {
                    if rows <= WAITING {
                        _mm_prefetch::<_MM_HINT_T0>(record.wrapping_add(AHEAD + line * 64).cast());
                    } else {
                        _mm_prefetch::<_MM_HINT_T1>(record.wrapping_add(block.panel_bytes + line * 64).cast());
                    }
                }
            }
            let mut sum = [[_mm256_setzero_si256(); R]; H];
            if Q4 {
                // Pairs in 16 bits: eight of at most 2 * 15 * 127 stay below 2^15.
                for i in 0..4 {
                    for h in 0..H {
                        let both = code(h, i);
                        let low = _mm256_and_si256(both, nibble);
                        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), nibble);
                        for r in 0..R {
                            sum[h][r] = _mm256_add_epi16(sum[h][r], _mm256_maddubs_epi16(low, four(r, 2 * i)));
                            sum[h][r] = _mm256_add_epi16(sum[h][r], _mm256_maddubs_epi16(high, four(r, 2 * i + 1)));
                        }
                    }
                }
                for h in 0..H {
                    for r in 0..R {
                        sum[h][r] = _mm256_add_epi32(_mm256_madd_epi16(sum[h][r], ones), _mm256_set1_epi32(sums.add(r).read()));
                    }
                }
            } else {
                // |code - 128| times x with the sign of code - 128: pairs of at most 2 * 128 * 127 do not saturate.
                for i in 0..8 {
                    for h in 0..H {
                        let signed = _mm256_xor_si256(code(h, i), flip);
                        let size = _mm256_abs_epi8(signed);
                        for r in 0..R {
                            let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(four(r, i), signed));
                            sum[h][r] = _mm256_add_epi32(sum[h][r], _mm256_madd_epi16(pairs, ones));
                        }
                    }
                }
            }
            for h in 0..H {
                let w_scale = _mm256_cvtph_ps(_mm_loadu_si128(record.add((half + h) % 2 * HALF * 2).cast()));
                for r in 0..R {
                    let scale = _mm256_mul_ps(w_scale, _mm256_set1_ps(scales.add(r).read()));
                    acc[h][r] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum[h][r]), acc[h][r]);
                }
            }
            x = x.add(rows * (GROUP + 8));
            record = record.add(record_bytes);
        }
        store(block, half, row, &acc);
    }
}

/// # Safety
/// The block is valid, has half panels `half .. half + H` and rows `row .. row + R`; the host has the instructions.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn float_tile<const H: usize, const R: usize>(block: &Block, half: usize, row: usize) {
    // SAFETY: `depth` columns of the rows and of the half panels exist.
    unsafe {
        let mut acc = load::<H, R>(block, half, row);
        let x = block.x.cast::<f32>().add(row * block.x_stride);
        for k in 0..block.depth {
            if row == 0 {
                for panel in 0..H / 2 {
                    let at = (half / 2 + H / 2 + panel) * block.panel_bytes + k * PANEL * 2;
                    _mm_prefetch::<_MM_HINT_T1>(block.weight.wrapping_add(at).cast());
                }
            }
            let mut w = [_mm256_setzero_ps(); H];
            for h in 0..H {
                let at = (half + h) / 2 * block.panel_bytes + k * PANEL * 2 + (half + h) % 2 * HALF * 2;
                let upper = _mm_loadu_si128(block.weight.add(at).cast());
                w[h] = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(upper)));
            }
            for r in 0..R {
                let value = _mm256_set1_ps(x.add(r * block.x_stride + k).read());
                for h in 0..H {
                    acc[h][r] = _mm256_fmadd_ps(w[h], value, acc[h][r]);
                }
            }
        }
        store(block, half, row, &acc);
    }
}
