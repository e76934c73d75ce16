//! Products of signed bytes with one scale a row on either side: rows of activations are rounded, multiplied with a matrix that an NPU reads as well, and the
//! exact sums scaled at the end.
//!
//! # Order of operations
//! * rounding: peak = largest magnitude of the row; scale = peak / 127; inverse = 127 / peak; code = round-half-even(x * inverse), with the same rules as
//!   in `quantize` for rows that are zero, too small, or not finite;
//! * product: the sum of products of codes, exact in i32 and so free of any order; `f32(sum) * (weight scale * input scale)`, each of the three rounded once.
//!   No fused multiplication stands here: [`scale`] does the last step wherever the sums come from.

use crate::Isa;
use crate::quantize::factors;
use std::ops::Range;

/// Arguments of [`crate::Kernels::matmul_int8`]: outputs `outputs`, all rows.
#[derive(Clone, Debug)]
pub struct MatMulInt8 {
    /// First input row: codes, then the scale; rows follow each other.
    pub input: *const u8,
    /// Input columns, K: a multiple of 32, at most `MAX_INT8`.
    pub cols: usize,
    /// Input rows.
    pub rows: usize,
    /// Codes of weight row 0.
    pub weight: *const i8,
    /// Scale of weight row 0.
    pub scales: *const f32,
    /// Rows of the weight to compute.
    pub outputs: Range<usize>,
    /// Output row 0, column 0.
    pub out: *mut f32,
    /// Elements from one output row to the next.
    pub out_stride: usize,
}

/// Quantises a row: `(input, cols, out)`. Contract: `cols` is a multiple of 32, `input` is valid for `cols` elements, `out` for `int8_row_bytes(cols)` bytes
/// and 4-byte aligned, and the host has the instruction set.
pub fn select_quantize(isa: Isa) -> unsafe fn(*const f32, usize, *mut u8) {
    match isa {
        Isa::Plain => quantize,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => x86::quantize,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => quantize,
    }
}

/// The product of `isa`. Contract: see [`crate::Kernels`]; input codes are not -128, as [`select_quantize`] makes them.
pub fn select_matmul(isa: Isa) -> unsafe fn(&MatMulInt8) {
    match isa {
        Isa::Plain => matmul,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => x86::avx2,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => x86::avx512,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => matmul,
    }
}

/// The end of a product for some outputs of a row: what is done with the sums of whoever made them.
///
/// # Panics
/// If the three are not of one length.
pub fn scale(sums: &[i32], scales: &[f32], input_scale: f32, out: &mut [f32]) {
    assert!(sums.len() == scales.len() && sums.len() == out.len(), "a sum and a scale for each output");
    for ((out, sum), scale) in out.iter_mut().zip(sums).zip(scales) {
        *out = *sum as f32 * (*scale * input_scale);
    }
}

/// # Safety
/// See [`select_quantize`].
unsafe fn quantize(input: *const f32, cols: usize, out: *mut u8) {
    // SAFETY: the caller grants `cols` floats in, and `cols` codes and an aligned f32 out.
    let (input, codes) = unsafe { (std::slice::from_raw_parts(input, cols), std::slice::from_raw_parts_mut(out.cast::<i8>(), cols)) };
    let (scale, inverse) = factors(input.iter().fold(0, |m, v| m.max(v.abs().to_bits())));
    for (code, value) in codes.iter_mut().zip(input) {
        // Not-a-number times the inverse 0 of its row converts to 0.
        *code = (value * inverse).round_ties_even() as i8;
    }
    // SAFETY: as above.
    unsafe { out.add(cols).cast::<f32>().write(scale) };
}

/// # Safety
/// See [`select_matmul`].
unsafe fn matmul(a: &MatMulInt8) {
    for row in 0..a.rows {
        // SAFETY: the row's codes and its scale, which is aligned since `cols` is a multiple of 4.
        let (x, x_scale) = unsafe {
            let x = a.input.add(row * (a.cols + 4));
            (std::slice::from_raw_parts(x.cast::<i8>(), a.cols), x.add(a.cols).cast::<f32>().read())
        };
        for n in a.outputs.clone() {
            // SAFETY: row `n` of the weight, its scale, and its place in the output.
            unsafe {
                let w = std::slice::from_raw_parts(a.weight.add(n * a.cols), a.cols);
                let sum: i32 = w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum();
                *a.out.add(row * a.out_stride + n) = sum as f32 * (*a.scales.add(n) * x_scale);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{MatMulInt8, factors, scale};
    use crate::lanes::prefetch;
    use std::arch::x86_64::*;

    /// # Safety
    /// See [`super::select_quantize`].
    #[target_feature(enable = "avx2")]
    pub unsafe fn quantize(input: *const f32, cols: usize, out: *mut u8) {
        let magnitude = _mm256_set1_epi32(0x7fff_ffff);
        // SAFETY: within the ranges that the caller grants: blocks of 32 floats and codes, and the scale behind all codes.
        unsafe {
            let load = |at: usize| _mm256_loadu_ps(input.add(at));
            let mut m = _mm256_setzero_si256();
            for at in (0..cols).step_by(8) {
                m = _mm256_max_epi32(m, _mm256_and_si256(_mm256_castps_si256(load(at)), magnitude));
            }
            let m = _mm_max_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256::<1>(m));
            let m = _mm_max_epi32(m, _mm_shuffle_epi32::<0b01_00_11_10>(m));
            let m = _mm_max_epi32(m, _mm_shuffle_epi32::<0b10_11_00_01>(m));
            let (scale, inverse) = factors(_mm_cvtsi128_si32(m) as u32);
            let by = _mm256_set1_ps(inverse);
            for at in (0..cols).step_by(32) {
                let codes = if inverse == 0.0 {
                    _mm256_setzero_si256()
                } else {
                    let q = |i: usize| _mm256_cvtps_epi32(_mm256_mul_ps(load(at + i * 8), by));
                    let packed = _mm256_packs_epi16(_mm256_packs_epi32(q(0), q(1)), _mm256_packs_epi32(q(2), q(3)));
                    _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
                };
                _mm256_storeu_si256(out.add(at).cast(), codes);
            }
            out.add(cols).cast::<f32>().write_unaligned(scale);
        }
    }

    /// Rows of the weight that are multiplied together.
    const TOGETHER: usize = 4;

    /// First bytes of as many rows, those that are wanted twice or not at all included.
    type Rows = [*const i8; TOGETHER];
    /// By input row, then weight row.
    type Sums = [[i32; TOGETHER]; TOGETHER];

    /// Goes through a product in blocks of up to four weight rows and four input rows; weights stay in the first-level cache while all input rows meet them.
    ///
    /// # Safety
    /// See [`super::select_matmul`]; `sums(weights, inputs, cols)`, for 1, 2 and 4 inputs, reads `cols` bytes from each pointer.
    #[inline(always)]
    unsafe fn drive(a: &MatMulInt8, sums: [unsafe fn(&Rows, &Rows, usize) -> Sums; 3]) {
        for first in a.outputs.clone().step_by(TOGETHER) {
            let count = (a.outputs.end - first).min(TOGETHER);
            let mut row = 0;
            while row < a.rows {
                let (rows, kernel) = match a.rows - row {
                    1 => (1, sums[0]),
                    2..TOGETHER => (2, sums[1]),
                    _ => (TOGETHER, sums[2]),
                };
                // SAFETY: rows of the weight and of the input that exist: beyond the last weight row of the block the last one stands again. Outputs of these
                // rows and columns are granted.
                unsafe {
                    let weights: [_; TOGETHER] = std::array::from_fn(|n| a.weight.add((first + n.min(count - 1)) * a.cols));
                    let inputs: [_; TOGETHER] = std::array::from_fn(|r| a.input.add((row + r.min(rows - 1)) * (a.cols + 4)).cast::<i8>());
                    let made = kernel(&weights, &inputs, a.cols);
                    let scales = std::slice::from_raw_parts(a.scales.add(first), count);
                    for r in 0..rows {
                        let out = std::slice::from_raw_parts_mut(a.out.add((row + r) * a.out_stride + first), count);
                        scale(&made[r][..count], scales, inputs[r].add(a.cols).cast::<f32>().read_unaligned(), out);
                    }
                }
                row += rows;
            }
        }
    }

    /// With one row of inputs weights are met once, and waited for: the same place of the next block of rows is fetched.
    #[inline(always)]
    fn ahead(row: *const i8, at: usize, cols: usize) {
        prefetch(row.wrapping_add(at + TOGETHER * cols).cast());
    }

    /// # Safety
    /// See [`super::select_matmul`].
    #[target_feature(enable = "avx2")]
    pub unsafe fn avx2(a: &MatMulInt8) {
        // SAFETY: the caller's promise, and the host has AVX2.
        unsafe { drive(a, [sums_avx2::<1>, sums_avx2::<2>, sums_avx2::<4>]) }
    }

    /// # Safety
    /// See [`drive`].
    #[target_feature(enable = "avx2")]
    unsafe fn sums_avx2<const R: usize>(weights: &[*const i8; TOGETHER], inputs: &[*const i8; TOGETHER], cols: usize) -> [[i32; TOGETHER]; TOGETHER] {
        let ones = _mm256_set1_epi16(1);
        let mut sums = [[_mm256_setzero_si256(); TOGETHER]; R];
        for at in (0..cols).step_by(32) {
            // SAFETY: 32 of the `cols` bytes, a multiple of 32.
            let load = |from: *const i8| unsafe { _mm256_loadu_si256(from.add(at).cast()) };
            let x: [__m256i; R] = std::array::from_fn(|r| load(inputs[r]));
            for n in 0..TOGETHER {
                if R == 1 {
                    ahead(weights[n], at, cols);
                }
                let w = load(weights[n]);
                let magnitude = _mm256_abs_epi8(w);
                for r in 0..R {
                    // Pairs stay below 2 * 128 * 127, so nothing saturates.
                    let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(x[r], w));
                    sums[r][n] = _mm256_add_epi32(sums[r][n], _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        let mut out = [[0; TOGETHER]; TOGETHER];
        for r in 0..R {
            let [a, b, c, d] = sums[r];
            let four = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
            let four = _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four));
            // SAFETY: four words of room.
            unsafe { _mm_storeu_si128(out[r].as_mut_ptr().cast(), four) };
        }
        out
    }

    /// # Safety
    /// See [`super::select_matmul`].
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub unsafe fn avx512(a: &MatMulInt8) {
        // SAFETY: the caller's promise, and the host has AVX-512 with VNNI.
        unsafe { drive(a, [sums_avx512::<1>, sums_avx512::<2>, sums_avx512::<4>]) }
    }

    /// The instruction multiplies unsigned by signed bytes: weights get 128 more, and 128 times the sum of inputs is taken off.
    ///
    /// # Safety
    /// See [`drive`].
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn sums_avx512<const R: usize>(weights: &Rows, inputs: &Rows, cols: usize) -> Sums {
        let sign = _mm512_set1_epi8(-128);
        let mut sums = [[_mm512_setzero_si512(); TOGETHER]; R];
        let mut over = [_mm512_setzero_si512(); R];
        for at in (0..cols).step_by(64) {
            let lanes: __mmask64 = if cols - at < 64 { 0xffff_ffff } else { u64::MAX };
            // SAFETY: 64 of the `cols` bytes, or the last 32.
            let load = |from: *const i8| unsafe { _mm512_maskz_loadu_epi8(lanes, from.add(at)) };
            let x: [__m512i; R] = std::array::from_fn(|r| load(inputs[r]));
            for r in 0..R {
                over[r] = _mm512_dpbusd_epi32(over[r], sign, x[r]);
            }
            for n in 0..TOGETHER {
                if R == 1 {
                    ahead(weights[n], at, cols);
                }
                let w = _mm512_xor_si512(load(weights[n]), sign);
                for r in 0..R {
                    sums[r][n] = _mm512_dpbusd_epi32(sums[r][n], w, x[r]);
                }
            }
        }
        let mut out = [[0; TOGETHER]; TOGETHER];
        for r in 0..R {
            for n in 0..TOGETHER {
                out[r][n] = _mm512_reduce_add_epi32(_mm512_sub_epi32(sums[r][n], over[r]));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, variants};
    use unicorn_artifact::tensor::{Format, int8_row_bytes, quantise_int8};

    fn rounded(isa: Isa, row: &[f32]) -> Vec<u32> {
        let mut out = vec![0xdead_beefu32; int8_row_bytes(row.len()) / 4 + 1];
        // SAFETY: sizes as the contract wants; `variants` names only what the host has.
        unsafe { select_quantize(isa)(row.as_ptr(), row.len(), out.as_mut_ptr().cast()) };
        assert_eq!(out.pop(), Some(0xdead_beef), "written past the end");
        out
    }

    fn codes(row: &[u32]) -> Vec<i8> {
        row[..row.len() - 1].iter().flat_map(|w| w.to_le_bytes()).map(|b| b as i8).collect()
    }

    #[test]
    fn rows_round_as_weights_do_and_alike_everywhere() {
        let mut random = Random(31);
        let special = [0.0, -0.0, 1e-44, -1e-38, 3e-37, 1e30, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.5, -2.5, 127.0];
        for round in 0..120 {
            let cols = 32 * (1 + round % 7);
            let mut row = random.values(cols);
            if round % 2 == 1 {
                let at = random.below(cols);
                row[at] = special[round / 2 % special.len()];
            }
            let plain = rounded(Isa::Plain, &row);
            for isa in variants() {
                assert_eq!(rounded(isa, &row), plain, "{} {row:?}", isa.name());
            }
            let made = f32::from_bits(plain[cols / 4]);
            if row.iter().all(|v| v.abs() <= 1e38) {
                let mut own = vec![0; cols];
                assert_eq!((quantise_int8(&row, &mut own), own), (made, codes(&plain)));
            } else {
                // Weights of this size become zero; an activation that is not finite stays visible.
                assert_eq!(made.is_nan(), row.iter().any(|v| !v.is_finite()), "{row:?}");
            }
        }
    }

    /// A product in 64-bit integers and one f64 multiplication: the sum is exact, the scaling within two roundings.
    fn formula(weight: &[i8], x: &[i8], weight_scale: f32, x_scale: f32) -> (i64, f64) {
        let sum: i64 = weight.iter().zip(x).map(|(w, x)| i64::from(*w) * i64::from(*x)).sum();
        (sum, sum as f64 * f64::from(weight_scale) * f64::from(x_scale))
    }

    #[test]
    fn products_are_exact_sums_scaled_once_in_every_variant() {
        let mut random = Random(32);
        for (cols, outputs, rows) in [(32, 1, 1), (64, 5, 2), (96, 7, 3), (256, 33, 4), (2048, 9, 5), (65536, 4, 1), (160, 16, 17)] {
            for extreme in [false, true] {
                let byte = |random: &mut Random, low: i32| if extreme { [low, 127][random.below(2)] } else { random.below(255) as i32 - 127 } as i8;
                // Weights of a damaged file may be -128; activations never are.
                let weight: Vec<i8> = (0..outputs * cols).map(|_| byte(&mut random, -128)).collect();
                let scales: Vec<f32> = random.values(outputs);
                let mut input = vec![0u32; rows * int8_row_bytes(cols) / 4];
                for row in input.chunks_exact_mut(cols / 4 + 1) {
                    row[..cols / 4].fill_with(|| u32::from_le_bytes(std::array::from_fn(|_| byte(&mut random, -127) as u8)));
                    row[cols / 4] = random.values(1)[0].abs().to_bits();
                }
                let run = |isa: Isa, part: Range<usize>| {
                    let mut out = vec![f32::NAN; rows * outputs];
                    let arguments = MatMulInt8 {
                        input: input.as_ptr().cast(),
                        cols,
                        rows,
                        weight: weight.as_ptr(),
                        scales: scales.as_ptr(),
                        outputs: part,
                        out: out.as_mut_ptr(),
                        out_stride: outputs,
                    };
                    // SAFETY: sizes as the contract wants; `variants` names only what the host has.
                    unsafe { select_matmul(isa)(&arguments) };
                    out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                let plain = run(Isa::Plain, 0..outputs);
                for (r, row) in input.chunks_exact(cols / 4 + 1).enumerate() {
                    let (x, x_scale) = (codes(row), f32::from_bits(row[cols / 4]));
                    for n in 0..outputs {
                        let got = f32::from_bits(plain[r * outputs + n]);
                        let (sum, want) = formula(&weight[n * cols..][..cols], &x, scales[n], x_scale);
                        assert_eq!(got, sum as f32 * (scales[n] * x_scale));
                        assert!((f64::from(got) - want).abs() <= want.abs() * 2e-7, "{got} for {want}");
                    }
                }
                for isa in variants() {
                    assert_eq!(run(isa, 0..outputs), plain, "{} [{outputs}, {cols}] x {rows}", isa.name());
                    let middle = outputs / 3..outputs - outputs / 4;
                    let part = run(isa, middle.clone());
                    for (at, (got, want)) in part.iter().zip(&plain).enumerate() {
                        let mine = middle.contains(&(at % outputs));
                        assert_eq!(*got, if mine { *want } else { f32::NAN.to_bits() }, "{} part", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn a_packed_matrix_is_what_the_kernel_reads() {
        let (rows, cols) = (3, 64);
        let values = Random(33).values(rows * cols);
        let packed = crate::pack::pack_matrix(&values, rows, cols);
        assert_eq!(Some(packed.len()), unicorn_artifact::tensor::weight_bytes(Format::Int8, unicorn_artifact::tensor::Layout::Matrix, rows, cols));
        let mut back = vec![0f32; cols];
        for row in 0..rows {
            crate::pack::unpack_matrix_row(&packed, rows, row, &mut back);
            let mut want = values[row * cols..][..cols].to_vec();
            unicorn_artifact::tensor::round_trip(Format::Int8, &mut want);
            assert_eq!(back, want);
        }
    }
}
