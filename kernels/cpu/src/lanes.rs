//! Sixteen f32 lanes: the one vocabulary in which the sparse and attention kernels are written. A kernel is generic over [`Lanes`], so its order of
//! operations stands once and every variant gives the same bits. Here: the trait and the portable lanes; the x86 ones are in `wide.rs`. No kernels here.
//!
//! The rule of safety: lanes of an instruction set may be made only where the host has it. Kernels keep it by being reachable only through `select`
//! functions; every function generic over lanes is `inline(always)`, so that it is compiled within the caller that enables the instruction set.

#[cfg(target_arch = "x86_64")]
pub(crate) mod wide;

use half::{bf16, f16};

/// Lanes of a vector.
pub(crate) const LANES: usize = 16;

/// Sixteen f32.
pub(crate) trait Lanes: Copy {
    /// Vector registers that can hold sixteen lanes (what a tile may use).
    const REGISTERS: usize;
    /// The 64 codes of a pair of quantised groups.
    type Codes: Copy;
    /// The 64 bytes of input that meet them.
    type Input: Copy;

    /// All lanes `value`.
    fn splat(value: f32) -> Self;
    /// Lanes 0..8 `even`, lanes 8..16 `odd`.
    fn pair(even: f32, odd: f32) -> Self;
    /// # Safety
    /// 16 readable f32.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// 16 readable f16.
    unsafe fn load_f16(from: *const u16) -> Self;
    /// # Safety
    /// 16 readable bf16.
    unsafe fn load_bf16(from: *const u16) -> Self;
    /// # Safety
    /// 16 writable f32.
    unsafe fn store(self, to: *mut f32);
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self * other`
    fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once.
    fn fma(self, factor: Self, addend: Self) -> Self;
    /// `if self > other { self } else { other }`
    fn max(self, other: Self) -> Self;
    /// Adds halves: `s[l] += s[l + 8]`, then + 4, + 2, + 1.
    fn sum(self) -> f32;
    /// The largest lane, folded by halves as [`Lanes::sum`].
    fn largest(self) -> f32;
    /// Writes `base + l` for every lane `l` that is not zero, ascending, and returns how many.
    ///
    /// # Safety
    /// 16 writable elements, whatever the count.
    unsafe fn nonzero(self, base: u32, to: *mut u32) -> usize;
    /// `2^n`, `n` the integer in the low bits of a lane (see [`exp`]).
    fn power(self) -> Self;
    /// `if x < limit { 0 } else { self }`
    fn zero_below(self, x: Self, limit: f32) -> Self;

    /// Unpacks a pair of Q4 groups.
    ///
    /// # Safety
    /// 32 readable bytes.
    unsafe fn unpack_q4(from: *const u8) -> Self::Codes;
    /// Unpacks a pair of Q8 groups.
    ///
    /// # Safety
    /// 64 readable bytes.
    unsafe fn unpack_q8(from: *const u8) -> Self::Codes;
    /// Loads 64 input bytes, none of them -128, to meet codes of that bias.
    ///
    /// # Safety
    /// 64 readable bytes.
    unsafe fn input(from: *const i8, bias: u8) -> Self::Input;
    /// Lane `l` = sum over columns `4 l .. 4 l + 4` of `(code - bias) * x`, exact.
    fn dot(codes: Self::Codes, input: Self::Input) -> Self;
    /// The 64 values of a pair of Q4 groups: `(code - 8) * scale`.
    ///
    /// # Safety
    /// 32 readable bytes.
    unsafe fn decode_q4(from: *const u8, even: f32, odd: f32) -> [Self; 4];
    /// The values of 16 Q8 codes: `(code - 128) * scale`.
    ///
    /// # Safety
    /// 16 readable bytes.
    unsafe fn decode_q8(from: *const u8, scale: f32) -> Self;
}

/// Below this, [`exp`] is 0.
pub(crate) const EXP_FLOOR: f32 = -87.0;

/// `e^x` for `x` up to 88, within 2 units in the last place; 0 below [`EXP_FLOOR`]; NaN stays NaN.
///
/// `n = round(x log2 e)` (to even, by adding and taking away 1.5 * 2^23); `r = x - n ln 2` in two fused steps; `1 + r + r^2 p(r)` with the
/// polynomial known from Cephes' `expf`, by Horner in fused steps; times `2^n`.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = L::splat(EXP_FLOOR).max(x);
    let shifted = clamped.fma(L::splat(std::f32::consts::LOG2_E), L::splat(ROUND));
    let n = shifted.add(L::splat(-ROUND));
    let r = n.fma(L::splat(-LN2_HIGH), clamped);
    let r = n.fma(L::splat(-LN2_LOW), r);
    let mut p = L::splat(1.987_569_1e-4);
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p.fma(r, L::splat(c));
    }
    let value = p.fma(r.mul(r), r).add(L::splat(1.0));
    value.mul(shifted.power()).zero_below(x, EXP_FLOOR)
}

/// Hints that the cache line at `at` is read soon; `at` need not be valid.
#[inline(always)]
pub(crate) fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, and SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Portable lanes.
#[derive(Clone, Copy)]
pub(crate) struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn each(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for (a, b) in out.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        Self(out)
    }

    #[inline(always)]
    fn fold(mut self, f: impl Fn(f32, f32) -> f32) -> f32 {
        for half in [8, 4, 2, 1] {
            for l in 0..half {
                self.0[l] = f(self.0[l], self.0[l + half]);
            }
        }
        self.0[0]
    }
}

impl Lanes for Plain {
    const REGISTERS: usize = 8;
    type Codes = [i8; 64];
    type Input = [i8; 64];

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    fn pair(even: f32, odd: f32) -> Self {
        let mut out = [even; LANES];
        out[8..].fill(odd);
        Self(out)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[u16; LANES]>().read_unaligned() }.map(|v| f16::from_bits(v).to_f32()))
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[u16; LANES]>().read_unaligned() }.map(|v| bf16::from_bits(v).to_f32()))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.each(other, |a, b| a * b)
    }
    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        let mut out = addend.0;
        for (l, c) in out.iter_mut().enumerate() {
            *c = self.0[l].mul_add(factor.0[l], *c);
        }
        Self(out)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.each(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        self.fold(|a, b| a + b)
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        self.fold(|a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn nonzero(self, base: u32, to: *mut u32) -> usize {
        let mut count = 0;
        for (l, v) in self.0.into_iter().enumerate() {
            // SAFETY: at most `l` were counted before.
            unsafe { *to.add(count) = base + l as u32 };
            count += usize::from(v != 0.0);
        }
        count
    }
    #[inline(always)]
    fn power(self) -> Self {
        Self(self.0.map(|v| f32::from_bits((v.to_bits() << 23).wrapping_add(0x3f80_0000))))
    }
    #[inline(always)]
    fn zero_below(self, x: Self, limit: f32) -> Self {
        self.each(x, |v, x| if x < limit { 0.0 } else { v })
    }

    #[inline(always)]
    unsafe fn unpack_q4(from: *const u8) -> [i8; 64] {
        // SAFETY: the caller's promise.
        let bytes = unsafe { from.cast::<[u8; 32]>().read_unaligned() };
        let mut out = [0; 64];
        for (i, b) in bytes.into_iter().enumerate() {
            out[i] = (b & 15) as i8 - 8;
            out[i + 32] = (b >> 4) as i8 - 8;
        }
        out
    }
    #[inline(always)]
    unsafe fn unpack_q8(from: *const u8) -> [i8; 64] {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<[u8; 64]>().read_unaligned() }.map(|c| (c ^ 128) as i8)
    }
    #[inline(always)]
    unsafe fn input(from: *const i8, _: u8) -> [i8; 64] {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<[i8; 64]>().read_unaligned() }
    }
    #[inline(always)]
    fn dot(codes: [i8; 64], x: [i8; 64]) -> Self {
        let mut out = [0i32; LANES];
        for i in 0..64 {
            out[i / 4] += i32::from(codes[i]) * i32::from(x[i]);
        }
        Self(out.map(|v| v as f32))
    }
    #[inline(always)]
    unsafe fn decode_q4(from: *const u8, even: f32, odd: f32) -> [Self; 4] {
        // SAFETY: the caller's promise.
        let codes = unsafe { Self::unpack_q4(from) };
        let mut out = [Self::splat(0.0); 4];
        for (i, c) in codes.into_iter().enumerate() {
            out[i / LANES].0[i % LANES] = f32::from(c) * if i < 32 { even } else { odd };
        }
        out
    }
    #[inline(always)]
    unsafe fn decode_q8(from: *const u8, scale: f32) -> Self {
        // SAFETY: the caller's promise.
        let codes = unsafe { from.cast::<[u8; LANES]>().read_unaligned() };
        Self(codes.map(|c| (i32::from(c) - 128) as f32 * scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_and_underflows_to_zero() {
        let at = |x: f32| exp(Plain::splat(x)).0[0];
        let mut worst = 0f64;
        for i in 0..=1_740_000 {
            let x = -(i as f32) / 20_000.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(at(x)) - exact).abs() / exact / f64::from(f32::EPSILON));
        }
        // A relative error of 1 epsilon is at most 2 units in the last place.
        assert!(worst < 1.0, "worst error {worst} epsilon");
        assert_eq!([at(0.0), at(-87.1), at(-1e30), at(f32::NEG_INFINITY)], [1.0, 0.0, 0.0, 0.0]);
        assert!(at(f32::NAN).is_nan());
    }
}
