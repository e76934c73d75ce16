//! One f32 row to one row of activations, by groups of 32.
//!
//! Order of operations: peak = largest magnitude; scale = peak / 127; inverse = 127 / peak; code = round-half-even(x * inverse). A group whose inverse is
//! not finite (all zeros, or too small) has scale 0 and codes 0. A group that holds an infinity or not-a-number has scale NaN and codes 0, so that
//! the trouble stays visible downstream. The largest magnitude is found on the bit patterns, where every order gives the same answer.

use crate::Isa;
use unicorn_artifact::tensor::GROUP;

/// The variant of `isa`: `(input, cols, out)`. Contract: `cols` is a multiple of 32, `input` is valid for `cols` elements, `out` for
/// `activation_row_bytes(cols)` bytes and 4-byte aligned, and the host has the instruction set.
pub fn select(isa: Isa) -> unsafe fn(*const f32, usize, *mut u8) {
    match isa {
        Isa::Plain => plain,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => x86::avx2,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => x86::avx512,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => plain,
    }
}

/// Scale and inverse of a group or row by the bits of its largest magnitude; an inverse of 0 makes all codes 0.
pub(crate) fn factors(peak_bits: u32) -> (f32, f32) {
    let peak = f32::from_bits(peak_bits);
    let inverse = 127.0 / peak;
    if !peak.is_finite() {
        (f32::NAN, 0.0)
    } else if !inverse.is_finite() {
        (0.0, 0.0)
    } else {
        (peak / 127.0, inverse)
    }
}

/// # Safety
/// See [`select`].
unsafe fn plain(input: *const f32, cols: usize, out: *mut u8) {
    let groups = cols / GROUP;
    // SAFETY: the caller grants `cols` floats in, and out the codes, then a 4-byte aligned f32 and i32 per group (`cols` is a multiple of 32).
    let (input, codes, scales, sums) = unsafe {
        (
            std::slice::from_raw_parts(input, cols),
            std::slice::from_raw_parts_mut(out.cast::<i8>(), cols),
            std::slice::from_raw_parts_mut(out.add(cols).cast::<f32>(), groups),
            std::slice::from_raw_parts_mut(out.add(cols + groups * 4).cast::<i32>(), groups),
        )
    };
    for (group, (values, codes)) in input.chunks_exact(GROUP).zip(codes.chunks_exact_mut(GROUP)).enumerate() {
        let (scale, inverse) = factors(values.iter().fold(0, |m, v| m.max(v.abs().to_bits())));
        let mut sum = 0;
        for (code, value) in codes.iter_mut().zip(values) {
            // Not-a-number times the inverse 0 of its group converts to 0.
            *code = (value * inverse).round_ties_even() as i8;
            sum += i32::from(*code);
        }
        scales[group] = scale;
        sums[group] = sum;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{GROUP, factors};
    use std::arch::x86_64::*;

    /// # Safety
    /// See [`super::select`].
    #[target_feature(enable = "avx2,fma,f16c")]
    pub unsafe fn avx2(input: *const f32, cols: usize, out: *mut u8) {
        let groups = cols / GROUP;
        let magnitude = _mm256_set1_epi32(0x7fff_ffff);
        for group in 0..groups {
            // SAFETY: within the ranges that the caller grants: 32 floats and 32 codes of this group, one scale and one sum after the codes.
            unsafe {
                let load = |i: usize| _mm256_loadu_ps(input.add(group * GROUP + i * 8));
                let x = [load(0), load(1), load(2), load(3)];
                let bits = |v| _mm256_and_si256(_mm256_castps_si256(v), magnitude);
                let m = _mm256_max_epi32(_mm256_max_epi32(bits(x[0]), bits(x[1])), _mm256_max_epi32(bits(x[2]), bits(x[3])));
                let m = _mm_max_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256::<1>(m));
                let m = _mm_max_epi32(m, _mm_shuffle_epi32::<0b01_00_11_10>(m));
                let m = _mm_max_epi32(m, _mm_shuffle_epi32::<0b10_11_00_01>(m));
                let (scale, inverse) = factors(_mm_cvtsi128_si32(m) as u32);
                let codes = if inverse == 0.0 {
                    _mm256_setzero_si256()
                } else {
                    let inverse = _mm256_set1_ps(inverse);
                    let q = |v| _mm256_cvtps_epi32(_mm256_mul_ps(v, inverse));
                    let packed = _mm256_packs_epi16(_mm256_packs_epi32(q(x[0]), q(x[1])), _mm256_packs_epi32(q(x[2]), q(x[3])));
                    _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
                };
                let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), codes);
                let s = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                let s = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256::<1>(s));
                let s = _mm_add_epi32(s, _mm_shuffle_epi32::<0b01_00_11_10>(s));
                let s = _mm_add_epi32(s, _mm_shuffle_epi32::<0b10_11_00_01>(s));
                _mm256_storeu_si256(out.add(group * GROUP).cast(), codes);
                out.add(cols + group * 4).cast::<f32>().write_unaligned(scale);
                out.add(cols + (groups + group) * 4).cast::<i32>().write_unaligned(_mm_cvtsi128_si32(s));
            }
        }
    }

    /// # Safety
    /// See [`super::select`].
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub unsafe fn avx512(input: *const f32, cols: usize, out: *mut u8) {
        let groups = cols / GROUP;
        let magnitude = _mm512_set1_epi32(0x7fff_ffff);
        for group in 0..groups {
            // SAFETY: within the ranges that the caller grants: 32 floats and 32 codes of this group, one scale and one sum after the codes.
            unsafe {
                let low = _mm512_loadu_ps(input.add(group * GROUP));
                let high = _mm512_loadu_ps(input.add(group * GROUP + 16));
                let bits = |v| _mm512_and_si512(_mm512_castps_si512(v), magnitude);
                let (scale, inverse) = factors(_mm512_reduce_max_epi32(_mm512_max_epi32(bits(low), bits(high))) as u32);
                let (low, high) = if inverse == 0.0 {
                    (_mm512_setzero_si512(), _mm512_setzero_si512())
                } else {
                    let inverse = _mm512_set1_ps(inverse);
                    (_mm512_cvtps_epi32(_mm512_mul_ps(low, inverse)), _mm512_cvtps_epi32(_mm512_mul_ps(high, inverse)))
                };
                let sum = _mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
                _mm_storeu_si128(out.add(group * GROUP).cast(), _mm512_cvtepi32_epi8(low));
                _mm_storeu_si128(out.add(group * GROUP + 16).cast(), _mm512_cvtepi32_epi8(high));
                out.add(cols + group * 4).cast::<f32>().write_unaligned(scale);
                out.add(cols + (groups + group) * 4).cast::<i32>().write_unaligned(sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, variants};
    use unicorn_artifact::tensor::activation_row_bytes;

    fn run(isa: Isa, row: &[f32]) -> Vec<u32> {
        let mut out = vec![0xdead_beefu32; activation_row_bytes(row.len()) / 4 + 1];
        // SAFETY: sizes as the contract wants; `variants` names only what the host has.
        unsafe { select(isa)(row.as_ptr(), row.len(), out.as_mut_ptr().cast()) };
        assert_eq!(out.pop(), Some(0xdead_beef), "written past the end");
        out
    }

    #[test]
    fn values_come_back_within_half_a_step() {
        let row = Random(3).values(320);
        let out = run(Isa::Plain, &row);
        for (k, x) in row.iter().enumerate() {
            let code = out[k / 4].to_le_bytes()[k % 4] as i8;
            let scale = f32::from_bits(out[80 + k / GROUP]);
            assert!((f32::from(code) * scale - x).abs() <= scale * 0.5001, "element {k}");
        }
        for group in 0..10 {
            let sum: i32 = (0..GROUP).map(|i| i32::from(out[(group * GROUP + i) / 4].to_le_bytes()[i % 4] as i8)).sum();
            assert_eq!(out[90 + group] as i32, sum);
            assert_eq!(f32::from_bits(out[80 + group]), row[group * GROUP..][..GROUP].iter().fold(0f32, |m, v| m.max(v.abs())) / 127.0);
        }
    }

    #[test]
    fn wide_equals_plain() {
        let mut random = Random(4);
        for round in 0..200 {
            let cols = 32 * (1 + round % 9);
            let mut row = random.values(cols);
            let special = [0.0, -0.0, 1e-44, -1e-38, 3e-37, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.5, 1.5, -2.5, 127.0];
            if round % 3 == 1 {
                let factor = special[round / 3 % special.len()];
                row.iter_mut().for_each(|v| *v *= factor);
            } else if round % 3 == 2 {
                let at = random.below(cols);
                row[at] = special[round / 3 % special.len()];
            }
            for isa in variants() {
                assert_eq!(run(isa, &row), run(Isa::Plain, &row), "{} {row:?}", isa.name());
            }
        }
    }

    #[test]
    fn groups_without_a_scale() {
        let mut row = vec![0f32; 96];
        row[40] = f32::NAN;
        row[70] = 1e-44;
        let out = run(Isa::Plain, &row);
        assert_eq!(out[..24], [0; 24]);
        assert_eq!(out[24], 0);
        assert!(f32::from_bits(out[25]).is_nan());
        assert_eq!(out[26..], [0; 4]);
    }
}
