//! Between lanes and accumulators: shifts up, rounded and saturated shifts down, packing, and float conversions.
//!
//! Rounding modes by number: 0 toward minus infinity, 1 toward plus infinity, 2 and 3 toward and away from zero; to nearest with ties 8 down, 9 up, 10 toward
//! zero, 11 away from zero, 12 to even, 13 to odd. Saturation: bit 0 on, bit 1 symmetric (the least value is minus the largest).

use super::lanes::{Vector, get, put};
use crate::isa::meaning::{Resize, Srs, Ups};

/// Whether the kept part goes up by one, for a number cut below its lowest kept bit. `None` for a mode number without meaning.
fn round_up(mode: u32, negative: bool, odd: bool, half: bool, more: bool) -> Option<bool> {
    let any = half || more;
    Some(match mode {
        0 => false,
        1 => any,
        2 => negative && any,
        3 => !negative && any,
        8 => half && more,
        9 => half,
        10 => half && (more || negative),
        11 => half && (more || !negative),
        12 => half && (more || odd),
        13 => half && (more || !odd),
        _ => return None,
    })
}

/// Limits of `bits` under a saturation mode.
fn clamp(value: i128, bits: u32, signed: bool, saturation: u32) -> i64 {
    if saturation & 1 == 0 {
        return value as i64;
    }
    let (low, high) = match signed {
        true => (-(1i128 << (bits - 1)) + i128::from(saturation >> 1 & 1), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    };
    value.clamp(low, high) as i64
}

/// One lane shifted right by `shift` (from -4 on; left below 0), rounded and saturated.
fn srs_lane(value: i64, shift: i32, bits: u32, signed: bool, rounding: u32, saturation: u32) -> Option<i64> {
    // Four bits below the point, so that a shift of -4 is none at all.
    let wide = i128::from(value) << 4;
    let by = (shift + 4).clamp(0, 120) as u32;
    let kept = wide >> by;
    let half = by > 0 && wide >> (by - 1) & 1 != 0;
    let more = by > 1 && wide & ((1i128 << (by - 1)) - 1) != 0;
    let up = round_up(rounding, value < 0, kept & 1 != 0, half, more)?;
    Some(clamp(kept + i128::from(up), bits, signed, saturation))
}

/// Accumulator lanes down to lanes of a vector; as many as `from` bytes hold. `None` for a rounding mode without meaning.
pub(super) fn srs(kind: Srs, from: &[u8], shift: u32, signed: bool, rounding: u32, saturation: u32) -> Option<Vector> {
    let mut out = [0; 64];
    let (wide, narrow) = (u32::from(kind.from), u32::from(kind.to));
    for i in 0..from.len() * 8 / wide as usize {
        let value = get(from, wide, i, true);
        put(&mut out, narrow, i, srs_lane(value, shift as i32, narrow, signed, rounding, saturation)?);
    }
    Some(out)
}

/// Lanes of a vector up to accumulator lanes filling `out`, shifted left by the low six bits of `shift`.
pub(super) fn ups(kind: Ups, from: &[u8], shift: u32, signed: bool, saturation: u32, out: &mut [u8]) {
    let (narrow, wide) = (u32::from(kind.from), u32::from(kind.to));
    for i in 0..out.len() * 8 / wide as usize {
        let value = i128::from(get(from, narrow, i, signed)) << (shift & 63);
        put(out, wide, i, clamp(value, wide, true, saturation));
    }
}

/// Lanes narrowed without shift; the low half of the result.
pub(super) fn pack(kind: Resize, from: &Vector, signed: bool, saturation: u32) -> Vector {
    let mut out = [0; 64];
    let (wide, narrow) = (u32::from(kind.from), u32::from(kind.to));
    for i in 0..512 / wide as usize {
        // The wide side has the narrow side's sign.
        put(&mut out, narrow, i, clamp(i128::from(get(from, wide, i, signed)), narrow, signed, saturation));
    }
    out
}

/// Lanes widened; `from` is as long as the result needs.
pub(super) fn unpack(kind: Resize, from: &[u8], signed: bool) -> Vector {
    let mut out = [0; 64];
    let (narrow, wide) = (u32::from(kind.from), u32::from(kind.to));
    for i in 0..512 / wide as usize {
        put(&mut out, wide, i, get(from, narrow, i, signed));
    }
    out
}

/// float32 to bfloat16.
fn to_bf16(bits: u32, rounding: u32) -> Option<u16> {
    let short = (bits >> 16) as u16;
    if bits >> 23 & 255 == 255 {
        // A NaN whose upper bits are those of infinity stays a NaN.
        let lost = bits & 0x7F_FFFF != 0 && short & 0x7F == 0;
        return Some(short + u16::from(lost));
    }
    let (negative, odd) = (bits >> 31 != 0, short & 1 != 0);
    let (half, more) = (bits >> 15 & 1 != 0, bits & 0x7FFF != 0);
    let any = half || more;
    // The magnitude goes up: away from zero.
    let up = match rounding {
        0 => negative && any,
        1 => !negative && any,
        2 => false,
        3 => any,
        8 => half && (more || negative),
        9 => half && (more || !negative),
        10 => half && more,
        11 => half,
        12 => half && (more || odd),
        13 => half && (more || !odd),
        _ => return None,
    };
    Some(short.wrapping_add(u16::from(up)))
}

/// Sixteen float32 to bfloat16, in the low half. `None` for a rounding mode without meaning.
pub(super) fn narrow_floats(from: &[u8], rounding: u32) -> Option<Vector> {
    let mut out = [0; 64];
    for i in 0..16 {
        put(&mut out, 16, i, to_bf16(get(from, 32, i, false) as u32, rounding)?.into());
    }
    Some(out)
}

/// Sixteen bfloat16 to float32: exact.
pub(super) fn widen_floats(from: &[u8]) -> Vector {
    let mut out = [0; 64];
    for i in 0..16 {
        put(&mut out, 32, i, get(from, 16, i, false) << 16);
    }
    out
}

/// Sixteen bfloat16 times a power of two, rounded down to 32-bit integers; NaN gives the largest. The power is the low six bits, signed.
pub(super) fn floor(from: &[u8], shift: u32) -> Vector {
    let power = ((shift << 26) as i32 >> 26) as f64;
    let mut out = [0; 64];
    for i in 0..16 {
        let value = f64::from(f32::from_bits((get(from, 16, i, false) as u32) << 16));
        let down = (value * power.exp2()).floor();
        // A float cast saturates; it would make zero of a NaN.
        let whole = if value.is_nan() { i32::MAX } else { down as i32 };
        put(&mut out, 32, i, whole.into());
    }
    out
}
