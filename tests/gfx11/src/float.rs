//! Floats of 16 bits, and the arithmetic that differs from IEEE 754 in details: zeros of both signs, NaN in `min`, denormals.

/// Half to float, exactly.
#[inline(always)]
pub fn from_half(bits: u32) -> f32 {
    let magnitude = bits & 0x7FFF;
    // The exponents differ by 112; the product is exact, for denormals too.
    let value = f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000);
    let special = if magnitude >= 0x7C00 { 0x7F80_0000 } else { 0 };
    f32::from_bits(value.to_bits() | special | (bits & 0x8000) << 16)
}

/// Float to half, to the nearest, ties to even. A NaN stays one, quiet, with the high bits of its payload.
#[inline(always)]
pub fn to_half(value: f32) -> u32 {
    let bits = value.to_bits();
    let (sign, magnitude) = ((bits >> 16) & 0x8000, bits & 0x7FFF_FFFF);
    // Below the smallest normal half, adding 0.5 moves the bits to where a denormal half has them, rounded by the addition.
    let small = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3F00_0000);
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude.wrapping_add(0xC800_0FFF).wrapping_add(odd) >> 13;
    let huge = if magnitude > 0x7F80_0000 { 0x7E00 | ((magnitude >> 13) & 0x3FF) } else { 0x7C00 };
    let result = if magnitude >= 0x4780_0000 {
        huge
    } else if magnitude < 0x3880_0000 {
        small
    } else {
        normal
    };
    sign | result
}

/// Double to half, rounded once.
pub fn double_to_half(value: f64) -> u32 {
    // Rounding to odd keeps what a second rounding needs to know.
    let near = value as f32;
    let exact = f64::from(near) == value || value.is_nan() || near.is_infinite();
    let toward_zero = if f64::from(near).abs() > value.abs() { f32::from_bits(near.to_bits() - 1) } else { near };
    to_half(if exact { near } else { f32::from_bits(toward_zero.to_bits() | 1) })
}

/// Float to half, toward zero.
pub fn to_half_truncated(value: f32) -> u32 {
    let nearest = to_half(value);
    if !value.is_nan() && from_half(nearest).abs() > value.abs() { nearest - 1 } else { nearest }
}

/// The upper half of a float.
#[inline(always)]
pub fn from_brain(bits: u32) -> f32 {
    f32::from_bits(bits << 16)
}

/// Float to the float of 16 bits with its exponent, to the nearest, ties to even.
#[inline(always)]
pub fn to_brain(value: f32) -> u32 {
    let bits = value.to_bits();
    if value.is_nan() { bits >> 16 | 0x40 } else { bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16 }
}

/// A denormal becomes a zero of its sign.
#[inline(always)]
pub fn flush(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits(if bits & 0x7F80_0000 == 0 { bits & 0x8000_0000 } else { bits })
}

macro_rules! extremes {
    ($min:ident, $max:ident, $float:ty, $quiet:literal) => {
        /// The lesser, where -0 is less than +0, and a number is less than a NaN.
        #[inline(always)]
        pub fn $min(a: $float, b: $float) -> $float {
            let first = if a < b || (a == b && a.is_sign_negative()) { a } else { b };
            let kept = if b.is_nan() { a } else { first };
            if kept.is_nan() { <$float>::from_bits(kept.to_bits() | $quiet) } else { kept }
        }

        /// The greater, where +0 is greater than -0, and a number is greater than a NaN.
        #[inline(always)]
        pub fn $max(a: $float, b: $float) -> $float {
            let first = if a > b || (a == b && !a.is_sign_negative()) { a } else { b };
            let kept = if b.is_nan() { a } else { first };
            if kept.is_nan() { <$float>::from_bits(kept.to_bits() | $quiet) } else { kept }
        }
    };
}

extremes!(min32, max32, f32, 0x40_0000);
extremes!(min64, max64, f64, 0x8_0000_0000_0000);

/// The middle of three; with a NaN among them the least.
#[inline(always)]
pub fn med32(a: f32, b: f32, c: f32) -> f32 {
    let greatest = max32(max32(a, b), c);
    if a.is_nan() || b.is_nan() || c.is_nan() {
        min32(min32(a, b), c)
    } else if greatest == a {
        max32(b, c)
    } else if greatest == b {
        max32(a, c)
    } else {
        max32(a, b)
    }
}

/// `value` times two to the power of `exponent`, rounded once.
pub fn ldexp(value: f64, exponent: i32) -> f64 {
    let step = |value: f64, e: i32| value * f64::from_bits(((1023 + e) as u64) << 52);
    let e = exponent.clamp(-2200, 2200);
    // Each step up is exact, or infinite for good; going down, only the last may round.
    if e >= 0 {
        (0..3).fold((value, e), |(v, e), _| (step(v, e.min(1000)), e - e.min(1000))).0
    } else if value.is_normal() {
        let own = ((value.to_bits() >> 52) & 0x7FF) as i32 - 1023;
        // First to the smallest normal numbers or to the result, then the rest at once.
        let exact = e.max(-1022 - own).max(-2044);
        let (half, other) = (exact / 2, exact - exact / 2);
        step(step(value, half), other) * power_below(e - exact)
    } else {
        value * power_below(e)
    }
}

/// A power of two that may be below all doubles.
fn power_below(e: i32) -> f64 {
    match e {
        ..=-1075 => 0.0,
        -1074..=-1023 => f64::from_bits(1u64 << (e + 1074)),
        _ => f64::from_bits(((1023 + e) as u64) << 52),
    }
}

/// The exponent field's value of a float.
pub const fn exponent32(value: f32) -> i32 {
    ((value.to_bits() >> 23) & 0xFF) as i32
}

/// The exponent field's value of a double.
pub const fn exponent64(value: f64) -> i32 {
    ((value.to_bits() >> 52) & 0x7FF) as i32
}

/// Mantissa in [0.5, 1) and exponent, as `frexp` of C gives them; not for zero, infinities and NaN.
pub fn frexp(value: f64) -> (f64, i32) {
    if value == 0.0 || !value.is_finite() {
        return (value, 0);
    }
    let (scaled, extra) = if value.is_normal() { (value, 0) } else { (value * f64::from_bits(0x4350_0000_0000_0000), -54) };
    let bits = scaled.to_bits();
    let exponent = ((bits >> 52) & 0x7FF) as i32 - 1022;
    (f64::from_bits((bits & !(0x7FF << 52)) | 1022 << 52), exponent + extra)
}

/// Sine of a whole turn's fraction. AMD's hardware answers 0 for what is far outside.
pub fn sin_turns(value: f64) -> f64 {
    let turn = value - value.floor();
    (turn * std::f64::consts::TAU).sin()
}

/// Cosine of a whole turn's fraction.
pub fn cos_turns(value: f64) -> f64 {
    let turn = value - value.floor();
    (turn * std::f64::consts::TAU).cos()
}
