//! The lanes of x86: AVX2 (two registers) and AVX-512. Nothing here decides an order of operations but the halves of a sum, which is that of the trait.
//!
//! Every `unsafe` block here rests on the rule of safety in `lanes.rs` and on the promise of the trait method about its pointer.

use super::Lanes;
use std::arch::x86_64::*;

/// Lanes in two 256-bit registers. Needs AVX2, FMA, F16C.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256, __m256);

/// Lanes in one 512-bit register. Needs AVX-512 F, BW, DQ, VL, VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

/// Adds or compares quarter by quarter: from 4 lanes to 1.
#[inline(always)]
fn fold4(s: __m128, f: impl Fn(__m128, __m128) -> __m128) -> f32 {
    // SAFETY: SSE only.
    unsafe {
        let s = f(s, _mm_movehl_ps(s, s));
        _mm_cvtss_f32(f(s, _mm_shuffle_ps::<1>(s, s)))
    }
}

impl Avx2 {
    #[inline(always)]
    fn each(self, other: Self, f: impl Fn(__m256, __m256) -> __m256) -> Self {
        Self(f(self.0, other.0), f(self.1, other.1))
    }

    /// `(code - bias) * scale` of the eight i32 codes.
    #[inline(always)]
    fn scaled(codes: __m256i, bias: i32, scale: __m256) -> __m256 {
        // SAFETY: see the file's head.
        unsafe { _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(codes, _mm256_set1_epi32(bias))), scale) }
    }
}

impl Lanes for Avx2 {
    const REGISTERS: usize = 8;
    type Codes = [__m256i; 2];
    type Input = [__m256i; 2];

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see the file's head.
        let v = unsafe { _mm256_set1_ps(value) };
        Self(v, v)
    }
    #[inline(always)]
    fn pair(even: f32, odd: f32) -> Self {
        // SAFETY: see the file's head.
        unsafe { Self(_mm256_set1_ps(even), _mm256_set1_ps(odd)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the file's head.
        unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: see the file's head.
        unsafe { Self(_mm256_cvtph_ps(_mm_loadu_si128(from.cast())), _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast()))) }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: see the file's head.
        unsafe {
            let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            let high = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(8).cast()));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(low)), _mm256_castsi256_ps(_mm256_slli_epi32::<16>(high)))
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the file's head.
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the file's head.
        self.each(other, |a, b| unsafe { _mm256_add_ps(a, b) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see the file's head.
        self.each(other, |a, b| unsafe { _mm256_mul_ps(a, b) })
    }
    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see the file's head.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0), _mm256_fmadd_ps(self.1, factor.1, addend.1)) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see the file's head.
        self.each(other, |a, b| unsafe { _mm256_max_ps(a, b) })
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: see the file's head.
        unsafe {
            let s = _mm256_add_ps(self.0, self.1);
            fold4(_mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps::<1>(s)), |a, b| _mm_add_ps(a, b))
        }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: see the file's head.
        unsafe {
            let s = _mm256_max_ps(self.0, self.1);
            fold4(_mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps::<1>(s)), |a, b| _mm_max_ps(a, b))
        }
    }
    #[inline(always)]
    unsafe fn nonzero(self, base: u32, to: *mut u32) -> usize {
        // SAFETY: see the file's head.
        unsafe {
            let mask = |v: __m256| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(v, _mm256_setzero_ps())) as u32;
            let (mut mask, mut count) = (mask(self.0) | mask(self.1) << 8, 0);
            while mask != 0 {
                *to.add(count) = base + mask.trailing_zeros();
                mask &= mask - 1;
                count += 1;
            }
            count
        }
    }
    #[inline(always)]
    fn power(self) -> Self {
        // SAFETY: see the file's head.
        self.each(self, |v, _| unsafe {
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32::<23>(_mm256_castps_si256(v)), _mm256_set1_epi32(0x3f80_0000)))
        })
    }
    #[inline(always)]
    fn zero_below(self, x: Self, limit: f32) -> Self {
        // SAFETY: see the file's head.
        self.each(x, |v, x| unsafe { _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(x, _mm256_set1_ps(limit)), v) })
    }

    #[inline(always)]
    unsafe fn unpack_q4(from: *const u8) -> [__m256i; 2] {
        // SAFETY: see the file's head.
        unsafe {
            let (bytes, low, bias) = (_mm256_loadu_si256(from.cast()), _mm256_set1_epi8(15), _mm256_set1_epi8(8));
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low);
            [_mm256_sub_epi8(_mm256_and_si256(bytes, low), bias), _mm256_sub_epi8(high, bias)]
        }
    }
    #[inline(always)]
    unsafe fn unpack_q8(from: *const u8) -> [__m256i; 2] {
        // SAFETY: see the file's head.
        unsafe {
            let bias = _mm256_set1_epi8(-128);
            [_mm256_xor_si256(_mm256_loadu_si256(from.cast()), bias), _mm256_xor_si256(_mm256_loadu_si256(from.add(32).cast()), bias)]
        }
    }
    #[inline(always)]
    unsafe fn input(from: *const i8, _: u8) -> [__m256i; 2] {
        // SAFETY: see the file's head.
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())] }
    }
    #[inline(always)]
    fn dot(codes: [__m256i; 2], x: [__m256i; 2]) -> Self {
        // Magnitude times signed x: two products are at most 2 * 128 * 127, so the 16-bit sums never saturate.
        // SAFETY: see the file's head.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let s0 = _mm256_maddubs_epi16(_mm256_abs_epi8(codes[0]), _mm256_sign_epi8(x[0], codes[0]));
            let s1 = _mm256_maddubs_epi16(_mm256_abs_epi8(codes[1]), _mm256_sign_epi8(x[1], codes[1]));
            Self(_mm256_cvtepi32_ps(_mm256_madd_epi16(s0, ones)), _mm256_cvtepi32_ps(_mm256_madd_epi16(s1, ones)))
        }
    }
    #[inline(always)]
    unsafe fn decode_q4(from: *const u8, even: f32, odd: f32) -> [Self; 4] {
        // SAFETY: see the file's head.
        unsafe {
            let (even, odd, low) = (_mm256_set1_ps(even), _mm256_set1_ps(odd), _mm256_set1_epi32(15));
            let mut out = [Self::splat(0.0); 4];
            for half in 0..2 {
                let a = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.add(16 * half).cast()));
                let b = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.add(16 * half + 8).cast()));
                out[half] = Self(Self::scaled(_mm256_and_si256(a, low), 8, even), Self::scaled(_mm256_and_si256(b, low), 8, even));
                out[half + 2] = Self(Self::scaled(_mm256_srli_epi32::<4>(a), 8, odd), Self::scaled(_mm256_srli_epi32::<4>(b), 8, odd));
            }
            out
        }
    }
    #[inline(always)]
    unsafe fn decode_q8(from: *const u8, scale: f32) -> Self {
        // SAFETY: see the file's head.
        unsafe {
            let scale = _mm256_set1_ps(scale);
            let (a, b) = (_mm_loadl_epi64(from.cast()), _mm_loadl_epi64(from.add(8).cast()));
            Self(Self::scaled(_mm256_cvtepu8_epi32(a), 128, scale), Self::scaled(_mm256_cvtepu8_epi32(b), 128, scale))
        }
    }
}

impl Lanes for Avx512 {
    const REGISTERS: usize = 32;
    type Codes = __m512i;
    /// Bytes, and what the bias adds to each lane, negative.
    type Input = (__m512i, __m512i);

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    fn pair(even: f32, odd: f32) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_mask_broadcastss_ps(_mm512_set1_ps(even), 0xff00, _mm_set_ss(odd)) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) })
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast())))) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the file's head.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: see the file's head.
        unsafe {
            let s = _mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            fold4(_mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps::<1>(s)), |a, b| _mm_add_ps(a, b))
        }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: see the file's head.
        unsafe {
            let s = _mm256_max_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            fold4(_mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps::<1>(s)), |a, b| _mm_max_ps(a, b))
        }
    }
    #[inline(always)]
    unsafe fn nonzero(self, base: u32, to: *mut u32) -> usize {
        // SAFETY: see the file's head.
        unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps());
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let indices = _mm512_add_epi32(lanes, _mm512_set1_epi32(base as i32));
            _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi32(mask, indices));
            mask.count_ones() as usize
        }
    }
    #[inline(always)]
    fn power(self) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.0)), _mm512_set1_epi32(0x3f80_0000))) })
    }
    #[inline(always)]
    fn zero_below(self, x: Self, limit: f32) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x.0, _mm512_set1_ps(limit)), self.0) })
    }

    #[inline(always)]
    unsafe fn unpack_q4(from: *const u8) -> __m512i {
        // SAFETY: see the file's head.
        unsafe {
            let twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(from.cast()));
            let shifted = _mm512_srlv_epi64(twice, _mm512_set_epi64(4, 4, 4, 4, 0, 0, 0, 0));
            _mm512_and_si512(shifted, _mm512_set1_epi8(15))
        }
    }
    #[inline(always)]
    unsafe fn unpack_q8(from: *const u8) -> __m512i {
        // SAFETY: see the file's head.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn input(from: *const i8, bias: u8) -> (__m512i, __m512i) {
        // SAFETY: see the file's head.
        unsafe {
            let (x, zero) = (_mm512_loadu_si512(from.cast()), _mm512_setzero_si512());
            (x, _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, _mm512_set1_epi8(bias as i8), x)))
        }
    }
    #[inline(always)]
    fn dot(codes: __m512i, (x, bias): (__m512i, __m512i)) -> Self {
        // SAFETY: see the file's head.
        Self(unsafe { _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(bias, codes, x)) })
    }
    #[inline(always)]
    unsafe fn decode_q4(from: *const u8, even: f32, odd: f32) -> [Self; 4] {
        // The sixteen values a nibble can mean, scaled once a group, then looked up; a lookup reads only the low four bits of its index.
        // SAFETY: see the file's head.
        unsafe {
            let values = _mm512_setr_ps(-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0);
            let (even, odd) = (_mm512_mul_ps(values, _mm512_set1_ps(even)), _mm512_mul_ps(values, _mm512_set1_ps(odd)));
            let a = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
            let b = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.add(16).cast()));
            [
                Self(_mm512_permutexvar_ps(a, even)),
                Self(_mm512_permutexvar_ps(b, even)),
                Self(_mm512_permutexvar_ps(_mm512_srli_epi32::<4>(a), odd)),
                Self(_mm512_permutexvar_ps(_mm512_srli_epi32::<4>(b), odd)),
            ]
        }
    }
    #[inline(always)]
    unsafe fn decode_q8(from: *const u8, scale: f32) -> Self {
        // SAFETY: see the file's head.
        unsafe {
            let codes = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
            let centred = _mm512_cvtepi32_ps(_mm512_sub_epi32(codes, _mm512_set1_epi32(128)));
            Self(_mm512_mul_ps(centred, _mm512_set1_ps(scale)))
        }
    }
}
