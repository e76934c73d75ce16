//! Vector arithmetic of 32 and 16 bits. Approximations of the hardware (`v_rcp_f32` and its like, one unit in the last place off at most) are computed in
//! double and rounded, so that they are nearer than the hardware's.

use super::alu64;
use super::fault::Fault;
use super::features::twice;
use super::lanes::{moves, read, written};
use super::wave::{Lanes, Wave};
use crate::float::{self, flush, from_half, max32, med32, min32, to_half};
use crate::isa::{Kind, Operands, Vop};

type L<'a> = &'a Lanes;

#[inline(always)]
fn i1(a: L<'_>, out: &mut Lanes, f: impl Fn(u32) -> u32) {
    for l in 0..32 {
        out[l] = f(a[l]);
    }
}

#[inline(always)]
fn i2(a: L<'_>, b: L<'_>, out: &mut Lanes, f: impl Fn(u32, u32) -> u32) {
    for l in 0..32 {
        out[l] = f(a[l], b[l]);
    }
}

#[inline(always)]
fn i3(a: L<'_>, b: L<'_>, c: L<'_>, out: &mut Lanes, f: impl Fn(u32, u32, u32) -> u32) {
    for l in 0..32 {
        out[l] = f(a[l], b[l], c[l]);
    }
}

#[inline(always)]
fn f1(a: L<'_>, out: &mut Lanes, f: impl Fn(f32) -> f32) {
    i1(a, out, |x| f(f32::from_bits(x)).to_bits());
}

#[inline(always)]
fn f2(a: L<'_>, b: L<'_>, out: &mut Lanes, f: impl Fn(f32, f32) -> f32) {
    i2(a, b, out, |x, y| f(f32::from_bits(x), f32::from_bits(y)).to_bits());
}

#[inline(always)]
fn f3(a: L<'_>, b: L<'_>, c: L<'_>, out: &mut Lanes, f: impl Fn(f32, f32, f32) -> f32) {
    i3(a, b, c, out, |x, y, z| f(f32::from_bits(x), f32::from_bits(y), f32::from_bits(z)).to_bits());
}

#[inline(always)]
fn h1(a: L<'_>, out: &mut Lanes, f: impl Fn(f32) -> f32) {
    i1(a, out, |x| to_half(f(from_half(x))));
}

#[inline(always)]
fn h2(a: L<'_>, b: L<'_>, out: &mut Lanes, f: impl Fn(f32, f32) -> f32) {
    i2(a, b, out, |x, y| to_half(f(from_half(x), from_half(y))));
}

#[inline(always)]
fn h3(a: L<'_>, b: L<'_>, c: L<'_>, out: &mut Lanes, f: impl Fn(f32, f32, f32) -> f32) {
    i3(a, b, c, out, |x, y, z| to_half(f(from_half(x), from_half(y), from_half(z))));
}

/// A fused multiply-add of halves, rounded once: the double holds product and sum closely enough (53 bits where 33 can meet).
#[inline(always)]
pub fn fma_half(a: u32, b: u32, c: u32) -> u32 {
    float::double_to_half(f64::from(from_half(a)).mul_add(f64::from(from_half(b)), f64::from(from_half(c))))
}

const fn s24(value: u32) -> i32 {
    ((value << 8) as i32) >> 8
}

const fn signed(value: u32) -> i32 {
    value as u16 as i16 as i32
}

twice! {
    /// Executes a vector instruction.
    fn vop(w: &mut Wave, op: Vop, o: &Operands) -> Result<(), Fault> {
        let kinds = op.src();
        let dst = op.dst();
        if dst.registers() == 2 || kinds.iter().any(|kind| kind.registers() == 2) {
            return alu64::vop(w, op, o);
        }
        if moves(w, op, o)? {
            return Ok(());
        }
        // What only moves bits keeps denormals.
        let flushes = w.flush && !matches!(op, Vop::CndmaskB32 | Vop::LdexpF32);
        let (mut room_a, mut room_b, mut room_c) = ([0; 32], [0; 32], [0; 32]);
        let kind = |i: usize| kinds.get(i).copied().unwrap_or(Kind::Nil);
        let a = read(w, o, 0, kind(0), flushes, &mut room_a);
        let b = if kinds.len() > 1 { read(w, o, 1, kind(1), flushes, &mut room_b) } else { a };
        let old = &w.v[usize::from(o.dst)];
        let c = if op.accumulates() {
            if dst == Kind::F16 && o.high & 8 != 0 {
                room_c = old.map(|value| value >> 16);
                &room_c
            } else {
                old
            }
        } else if kinds.len() > 2 && kind(2) != Kind::Mask {
            read(w, o, 2, kind(2), flushes, &mut room_c)
        } else {
            a
        };
        let mut out = [0; 32];
        let mask = written(w, o);
        match op {
            Vop::AddCoU32 | Vop::SubCoU32 | Vop::SubrevCoU32 | Vop::AddCoCiU32 | Vop::SubCoCiU32 | Vop::SubrevCoCiU32 => {
                let carry = carries(w, op, o, a, b, &mut out);
                w.put32(o.dst, mask, &out);
                w.set_s(o.mask, carry & mask);
                return Ok(());
            }
            Vop::DivScaleF32 => {
                let scaled = div_scale(a, b, c, &mut out);
                w.put32(o.dst, mask, &out);
                w.set_s(o.mask, scaled & mask);
                return Ok(());
            }
            Vop::CndmaskB32 | Vop::CndmaskB16 => {
                let choose = w.one32(o.src[2]);
                for l in 0..32 {
                    out[l] = if choose >> l & 1 != 0 { b[l] } else { a[l] };
                }
            }
            Vop::DivFmasF32 => {
                let scaled = w.s[usize::from(crate::isa::register::VCC)];
                f3(a, b, c, &mut out, f32::mul_add);
                for (l, value) in out.iter_mut().enumerate() {
                    let factor = if scaled >> l & 1 != 0 { 4_294_967_296.0 } else { 1.0 };
                    *value = (f32::from_bits(*value) * factor).to_bits();
                }
            }
            _ if o.clamp && !dst.is_float() => saturated(op, a, b, &mut out)?,
            _ => compute(op, a, b, c, &mut out)?,
        }
        if dst.is_float() && (o.omod != 0 || o.clamp || flushes) {
            adjust(dst, o, flushes, &mut out);
        }
        if dst.is_half() {
            w.put16(o.dst, o.high & 8 != 0, mask, &out);
        } else {
            w.put32(o.dst, mask, &out);
        }
        Ok(())
    }
}

twice! {
    /// Executes two instructions at once: both read before one writes.
    fn dual(w: &mut Wave, halves: &[crate::isa::Half; 2]) -> Result<(), Fault> {
        let mut results = [[0; 32]; 2];
        for (half, out) in halves.iter().zip(&mut results) {
            let (mut room_a, mut room_b, mut room_c) = ([0; 32], [0; 32], [0; 32]);
            let float = w.flush && half.op.dst() == Kind::F32 && half.op != Vop::CndmaskB32;
            let get = |i: usize, room: &mut Lanes| -> Lanes {
                let value = *w.all32(half.src[i], room);
                if float { value.map(|x| flush(f32::from_bits(x)).to_bits()) } else { value }
            };
            let a = get(0, &mut room_a);
            let b = if half.op == Vop::MovB32 { a } else { get(1, &mut room_b) };
            match half.op {
                Vop::CndmaskB32 => {
                    let choose = w.one32(half.src[2]);
                    for l in 0..32 {
                        out[l] = if choose >> l & 1 != 0 { b[l] } else { a[l] };
                    }
                }
                Vop::MovB32 => *out = a,
                Vop::AddF32 => f2(&a, &b, out, |x, y| x + y),
                Vop::MulF32 => f2(&a, &b, out, |x, y| x * y),
                Vop::FmacF32 => f3(&a, &b, &w.v[usize::from(half.dst)], out, f32::mul_add),
                op if op.src().len() > 2 => {
                    let c = get(2, &mut room_c);
                    compute(op, &a, &b, &c, out)?;
                }
                op => compute(op, &a, &b, &a, out)?,
            }
            if float {
                *out = out.map(|x| flush(f32::from_bits(x)).to_bits());
            }
        }
        let exec = w.exec();
        for (half, out) in halves.iter().zip(&results) {
            w.put32(half.dst, exec, out);
        }
        Ok(())
    }
}

/// The modifiers of a float's result, in the order of the hardware.
fn adjust(kind: Kind, o: &Operands, flushes: bool, out: &mut Lanes) {
    for value in out.iter_mut() {
        let mut x = if kind == Kind::F16 { from_half(*value) } else { f32::from_bits(*value) };
        x *= [1.0, 2.0, 4.0, 0.5][usize::from(o.omod & 3)];
        if o.clamp {
            // NaN becomes zero.
            x = if x > 0.0 { x.min(1.0) } else { 0.0 };
        }
        *value = match kind {
            Kind::F16 => to_half(x),
            _ if flushes => flush(x).to_bits(),
            _ => x.to_bits(),
        };
    }
}

fn carries(w: &Wave, op: Vop, o: &Operands, a: L<'_>, b: L<'_>, out: &mut Lanes) -> u32 {
    let with = matches!(op, Vop::AddCoCiU32 | Vop::SubCoCiU32 | Vop::SubrevCoCiU32);
    let carry = if with { w.one32(o.src[2]) } else { 0 };
    let mut result = 0;
    for l in 0..32 {
        let (x, y, c) = (u64::from(a[l]), u64::from(b[l]), u64::from(carry >> l & 1));
        // Differences below zero have their upper half set.
        let sum = match op {
            Vop::AddCoU32 | Vop::AddCoCiU32 => x + y + c,
            Vop::SubCoU32 | Vop::SubCoCiU32 => x.wrapping_sub(y + c),
            _ => y.wrapping_sub(x + c),
        };
        out[l] = sum as u32;
        result |= ((sum >> 32) as u32 & 1) << l;
    }
    result
}

/// Scales a division's operand so that no step in between leaves the range; the mask says where the quotient must be scaled back.
fn div_scale(a: L<'_>, b: L<'_>, c: L<'_>, out: &mut Lanes) -> u32 {
    let mut mask = 0;
    for l in 0..32 {
        let [s0, s1, s2] = [a[l], b[l], c[l]].map(f32::from_bits);
        let denormal = |x: f32| x != 0.0 && x.abs() < f32::MIN_POSITIVE;
        let (up, down) = (|x: f32| x * 18_446_744_073_709_551_616.0, |x: f32| x / 18_446_744_073_709_551_616.0);
        let (value, scaled) = if s2 == 0.0 || s1 == 0.0 {
            (f32::from_bits(0x7FC0_0000), false)
        } else if float::exponent32(s2) - float::exponent32(s1) >= 96 {
            (if s0 == s1 { up(s0) } else { s0 }, true)
        } else if denormal(s1) {
            (up(s0), false)
        } else if denormal(1.0 / s1) && denormal(s2 / s1) {
            (if s0 == s1 { up(s0) } else { s0 }, true)
        } else if denormal(1.0 / s1) {
            (down(s0), false)
        } else if denormal(s2 / s1) {
            (if s0 == s2 { up(s0) } else { s0 }, true)
        } else if float::exponent32(s2) <= 23 {
            (up(s0), false)
        } else {
            (s0, false)
        };
        out[l] = value.to_bits();
        mask |= u32::from(scaled) << l;
    }
    mask
}

/// A quotient with its special cases put right: `q` of `denominator` and `numerator`.
fn div_fixup(q: f32, denominator: f32, numerator: f32) -> f32 {
    let sign = (denominator.to_bits() ^ numerator.to_bits()) & 0x8000_0000;
    let signed = |bits: u32| f32::from_bits(bits & 0x7FFF_FFFF | sign);
    if numerator.is_nan() {
        f32::from_bits(numerator.to_bits() | 0x40_0000)
    } else if denominator.is_nan() {
        f32::from_bits(denominator.to_bits() | 0x40_0000)
    } else if denominator == 0.0 && numerator == 0.0 || denominator.is_infinite() && numerator.is_infinite() {
        f32::from_bits(0xFFC0_0000)
    } else if denominator == 0.0 || numerator.is_infinite() {
        signed(0x7F80_0000)
    } else if denominator.is_infinite() || numerator == 0.0 || float::exponent32(numerator) - float::exponent32(denominator) < -150 {
        signed(0)
    } else {
        signed(q.to_bits())
    }
}

/// Integer results that stop at their ends.
fn saturated(op: Vop, a: L<'_>, b: L<'_>, out: &mut Lanes) -> Result<(), Fault> {
    use Vop::*;
    match op {
        AddNcU32 => i2(a, b, out, u32::saturating_add),
        SubNcU32 => i2(a, b, out, u32::saturating_sub),
        SubrevNcU32 => i2(a, b, out, |x, y| y.saturating_sub(x)),
        AddNcI32 => i2(a, b, out, |x, y| (x as i32).saturating_add(y as i32) as u32),
        SubNcI32 => i2(a, b, out, |x, y| (x as i32).saturating_sub(y as i32) as u32),
        AddNcU16 => i2(a, b, out, |x, y| (x + y).min(0xFFFF)),
        SubNcU16 => i2(a, b, out, u32::saturating_sub),
        AddNcI16 => i2(a, b, out, |x, y| (signed(x) + signed(y)).clamp(-32768, 32767) as u32),
        SubNcI16 => i2(a, b, out, |x, y| (signed(x) - signed(y)).clamp(-32768, 32767) as u32),
        _ => return Err(Fault::Missing("clamp of this integer instruction")),
    }
    Ok(())
}

fn norm(value: f32, signed: bool) -> u32 {
    let (low, scale) = if signed { (-1.0, 32767.0) } else { (0.0, 65535.0) };
    let value = if value.is_nan() { 0.0 } else { value.clamp(low, 1.0) };
    (value * scale).round_ties_even() as i32 as u32 & 0xFFFF
}

fn perm(high: u32, low: u32, select: u32) -> u32 {
    let bytes = (u64::from(high) << 32 | u64::from(low)).to_le_bytes();
    u32::from_le_bytes(select.to_le_bytes().map(|s| match s {
        0..=7 => bytes[usize::from(s)],
        8..=11 => ((bytes[usize::from(2 * (s - 8) + 1)] as i8) >> 7) as u8,
        12 => 0,
        _ => 0xFF,
    }))
}

fn sad(a: u32, b: u32, c: u32) -> u32 {
    a.to_le_bytes().into_iter().zip(b.to_le_bytes()).fold(c, |sum, (x, y)| sum.wrapping_add(u32::from(x.abs_diff(y))))
}

/// What each lane computes on its own.
#[inline(always)]
fn compute(op: Vop, a: L<'_>, b: L<'_>, c: L<'_>, out: &mut Lanes) -> Result<(), Fault> {
    use Vop::*;
    let double = |f: fn(f64) -> f64| move |x: f32| f(f64::from(x)) as f32;
    match op {
        AddF32 => f2(a, b, out, |x, y| x + y),
        SubF32 => f2(a, b, out, |x, y| x - y),
        SubrevF32 => f2(a, b, out, |x, y| y - x),
        MulF32 => f2(a, b, out, |x, y| x * y),
        MulDx9ZeroF32 => f2(a, b, out, |x, y| if x == 0.0 || y == 0.0 { 0.0 } else { x * y }),
        FmacDx9ZeroF32 => f3(a, b, c, out, |x, y, z| if x == 0.0 || y == 0.0 { z } else { x.mul_add(y, z) }),
        FmacF32 | FmaF32 | FmaakF32 => f3(a, b, c, out, f32::mul_add),
        // The constant stands in the middle, and so do its sources here.
        FmamkF32 => f3(a, b, c, out, f32::mul_add),
        MinF32 => f2(a, b, out, min32),
        MaxF32 => f2(a, b, out, max32),
        Min3F32 => f3(a, b, c, out, |x, y, z| min32(min32(x, y), z)),
        Max3F32 => f3(a, b, c, out, |x, y, z| max32(max32(x, y), z)),
        Med3F32 => f3(a, b, c, out, med32),
        MaxminF32 => f3(a, b, c, out, |x, y, z| min32(max32(x, y), z)),
        MinmaxF32 => f3(a, b, c, out, |x, y, z| max32(min32(x, y), z)),
        DivFixupF32 => f3(a, b, c, out, div_fixup),
        LdexpF32 => i2(a, b, out, |x, y| {
            let power = f64::from_bits(((1023 + (y as i32).clamp(-400, 400)) as u64) << 52);
            ((f64::from(f32::from_bits(x)) * power) as f32).to_bits()
        }),
        MulI32I24 => i2(a, b, out, |x, y| s24(x).wrapping_mul(s24(y)) as u32),
        MulHiI32I24 => i2(a, b, out, |x, y| ((i64::from(s24(x)) * i64::from(s24(y))) >> 32) as u32),
        MulU32U24 => i2(a, b, out, |x, y| (x & 0xFF_FFFF).wrapping_mul(y & 0xFF_FFFF)),
        MulHiU32U24 => i2(a, b, out, |x, y| ((u64::from(x & 0xFF_FFFF) * u64::from(y & 0xFF_FFFF)) >> 32) as u32),
        MadI32I24 => i3(a, b, c, out, |x, y, z| (s24(x).wrapping_mul(s24(y)) as u32).wrapping_add(z)),
        MadU32U24 => i3(a, b, c, out, |x, y, z| (x & 0xFF_FFFF).wrapping_mul(y & 0xFF_FFFF).wrapping_add(z)),
        MinI32 => i2(a, b, out, |x, y| (x as i32).min(y as i32) as u32),
        MaxI32 => i2(a, b, out, |x, y| (x as i32).max(y as i32) as u32),
        MinU32 => i2(a, b, out, u32::min),
        MaxU32 => i2(a, b, out, u32::max),
        Min3I32 => i3(a, b, c, out, |x, y, z| (x as i32).min(y as i32).min(z as i32) as u32),
        Max3I32 => i3(a, b, c, out, |x, y, z| (x as i32).max(y as i32).max(z as i32) as u32),
        Min3U32 => i3(a, b, c, out, |x, y, z| x.min(y).min(z)),
        Max3U32 => i3(a, b, c, out, |x, y, z| x.max(y).max(z)),
        Med3I32 => i3(a, b, c, out, |x, y, z| {
            let (x, y, z) = (x as i32, y as i32, z as i32);
            x.max(y).min(z).max(x.min(y)) as u32
        }),
        Med3U32 => i3(a, b, c, out, |x, y, z| x.max(y).min(z).max(x.min(y))),
        MaxminU32 => i3(a, b, c, out, |x, y, z| x.max(y).min(z)),
        MinmaxU32 => i3(a, b, c, out, |x, y, z| x.min(y).max(z)),
        MaxminI32 => i3(a, b, c, out, |x, y, z| (x as i32).max(y as i32).min(z as i32) as u32),
        MinmaxI32 => i3(a, b, c, out, |x, y, z| (x as i32).min(y as i32).max(z as i32) as u32),
        LshlrevB32 => i2(a, b, out, |x, y| y << (x & 31)),
        LshrrevB32 => i2(a, b, out, |x, y| y >> (x & 31)),
        AshrrevI32 => i2(a, b, out, |x, y| ((y as i32) >> (x & 31)) as u32),
        AndB32 => i2(a, b, out, |x, y| x & y),
        OrB32 => i2(a, b, out, |x, y| x | y),
        XorB32 => i2(a, b, out, |x, y| x ^ y),
        XnorB32 => i2(a, b, out, |x, y| !(x ^ y)),
        AddNcU32 | AddNcI32 => i2(a, b, out, u32::wrapping_add),
        SubNcU32 | SubNcI32 => i2(a, b, out, u32::wrapping_sub),
        SubrevNcU32 => i2(a, b, out, |x, y| y.wrapping_sub(x)),
        CvtPkRtzF16F32 => i2(a, b, out, |x, y| float::to_half_truncated(f32::from_bits(x)) | float::to_half_truncated(f32::from_bits(y)) << 16),
        MovB32 => *out = *a,
        NotB32 => i1(a, out, |x| !x),
        BfrevB32 => i1(a, out, u32::reverse_bits),
        ClzI32U32 => i1(a, out, |x| if x == 0 { u32::MAX } else { x.leading_zeros() }),
        CtzI32B32 => i1(a, out, |x| if x == 0 { u32::MAX } else { x.trailing_zeros() }),
        ClsI32 => i1(a, out, |x| {
            let differing = x ^ ((x as i32) >> 31) as u32;
            if differing == 0 { u32::MAX } else { differing.leading_zeros() }
        }),
        CvtF32I32 => i1(a, out, |x| (x as i32 as f32).to_bits()),
        CvtF32U32 => i1(a, out, |x| (x as f32).to_bits()),
        CvtU32F32 => i1(a, out, |x| f32::from_bits(x) as u32),
        CvtI32F32 => i1(a, out, |x| f32::from_bits(x) as i32 as u32),
        CvtNearestI32F32 => i1(a, out, |x| (f64::from(f32::from_bits(x)) + 0.5).floor() as i32 as u32),
        CvtFloorI32F32 => i1(a, out, |x| f32::from_bits(x).floor() as i32 as u32),
        CvtOffF32I4 => i1(a, out, |x| ((((x << 28) as i32) >> 28) as f32 / 16.0).to_bits()),
        CvtF32Ubyte0 => i1(a, out, |x| ((x & 0xFF) as f32).to_bits()),
        CvtF32Ubyte1 => i1(a, out, |x| ((x >> 8 & 0xFF) as f32).to_bits()),
        CvtF32Ubyte2 => i1(a, out, |x| ((x >> 16 & 0xFF) as f32).to_bits()),
        CvtF32Ubyte3 => i1(a, out, |x| ((x >> 24) as f32).to_bits()),
        CvtF16F32 => i1(a, out, |x| to_half(f32::from_bits(x))),
        CvtF32F16 => i1(a, out, |x| from_half(x).to_bits()),
        FractF32 => f1(a, out, |x| x - x.floor()),
        TruncF32 => f1(a, out, f32::trunc),
        CeilF32 => f1(a, out, f32::ceil),
        RndneF32 => f1(a, out, f32::round_ties_even),
        FloorF32 => f1(a, out, f32::floor),
        // These lose denormals on both sides, whatever the mode.
        ExpF32 => f1(a, out, |x| flush(f64::from(x).exp2() as f32)),
        LogF32 => f1(a, out, |x| f64::from(flush(x)).log2() as f32),
        RcpF32 | RcpIflagF32 => f1(a, out, |x| flush(1.0 / flush(x))),
        RsqF32 => f1(a, out, |x| (1.0 / f64::from(flush(x)).sqrt()) as f32),
        SqrtF32 => f1(a, out, |x| flush(x).sqrt()),
        SinF32 => f1(a, out, double(float::sin_turns)),
        CosF32 => f1(a, out, double(float::cos_turns)),
        FrexpExpI32F32 => i1(a, out, |x| float::frexp(f64::from(f32::from_bits(x))).1 as u32),
        FrexpMantF32 => f1(a, out, |x| float::frexp(f64::from(x)).0 as f32),
        BfeU32 => i3(a, b, c, out, |x, y, z| (u64::from(x >> (y & 31)) & ((1 << (z & 31)) - 1)) as u32),
        BfeI32 => i3(a, b, c, out, |x, y, z| {
            let (offset, width) = (y & 31, z & 31);
            let shifted = (x as i32) >> offset;
            if width == 0 { 0 } else { (shifted << (32 - width) >> (32 - width)) as u32 }
        }),
        BfiB32 => i3(a, b, c, out, |x, y, z| x & y | !x & z),
        BfmB32 => i2(a, b, out, |x, y| (((1u64 << (x & 31)) - 1) << (y & 31)) as u32),
        LerpU8 => i3(a, b, c, out, |x, y, z| {
            (0..4).fold(0, |sum, i| sum | (((x >> (8 * i) & 0xFF) + (y >> (8 * i) & 0xFF) + (z >> (8 * i) & 1)) >> 1) << (8 * i))
        }),
        AlignbitB32 => i3(a, b, c, out, |x, y, z| ((u64::from(x) << 32 | u64::from(y)) >> (z & 31)) as u32),
        AlignbyteB32 => i3(a, b, c, out, |x, y, z| ((u64::from(x) << 32 | u64::from(y)) >> (8 * (z & 3))) as u32),
        SadU8 => i3(a, b, c, out, sad),
        SadHiU8 => i3(a, b, c, out, |x, y, z| (sad(x, y, 0) << 16).wrapping_add(z)),
        SadU16 => i3(a, b, c, out, |x, y, z| (x & 0xFFFF).abs_diff(y & 0xFFFF).wrapping_add((x >> 16).abs_diff(y >> 16)).wrapping_add(z)),
        SadU32 => i3(a, b, c, out, |x, y, z| x.abs_diff(y).wrapping_add(z)),
        PermB32 => i3(a, b, c, out, perm),
        XadU32 => i3(a, b, c, out, |x, y, z| (x ^ y).wrapping_add(z)),
        LshlAddU32 => i3(a, b, c, out, |x, y, z| (x << (y & 31)).wrapping_add(z)),
        AddLshlU32 => i3(a, b, c, out, |x, y, z| x.wrapping_add(y) << (z & 31)),
        Add3U32 => i3(a, b, c, out, |x, y, z| x.wrapping_add(y).wrapping_add(z)),
        LshlOrB32 => i3(a, b, c, out, |x, y, z| x << (y & 31) | z),
        AndOrB32 => i3(a, b, c, out, |x, y, z| x & y | z),
        Or3B32 => i3(a, b, c, out, |x, y, z| x | y | z),
        Xor3B32 => i3(a, b, c, out, |x, y, z| x ^ y ^ z),
        BcntU32B32 => i2(a, b, out, |x, y| x.count_ones().wrapping_add(y)),
        MbcntLoU32B32 => {
            for l in 0..32 {
                out[l] = (a[l] & ((1u32 << l) - 1)).count_ones().wrapping_add(b[l]);
            }
        }
        // There are no lanes above 31.
        MbcntHiU32B32 => *out = *b,
        MulLoU32 => i2(a, b, out, u32::wrapping_mul),
        MulHiU32 => i2(a, b, out, |x, y| ((u64::from(x) * u64::from(y)) >> 32) as u32),
        MulHiI32 => i2(a, b, out, |x, y| ((i64::from(x as i32) * i64::from(y as i32)) >> 32) as u32),
        CvtPkI16F32 => i2(a, b, out, |x, y| u32::from(f32::from_bits(x) as i16 as u16) | u32::from(f32::from_bits(y) as i16 as u16) << 16),
        CvtPkU16F32 => i2(a, b, out, |x, y| u32::from(f32::from_bits(x) as u16) | u32::from(f32::from_bits(y) as u16) << 16),
        CvtPkNormI16F32 => i2(a, b, out, |x, y| norm(f32::from_bits(x), true) | norm(f32::from_bits(y), true) << 16),
        CvtPkNormU16F32 => i2(a, b, out, |x, y| norm(f32::from_bits(x), false) | norm(f32::from_bits(y), false) << 16),
        CvtPkU16U32 => i2(a, b, out, |x, y| x.min(0xFFFF) | y.min(0xFFFF) << 16),
        CvtPkI16I32 => i2(a, b, out, |x, y| {
            let half = |v: u32| (v as i32).clamp(-32768, 32767) as u32 & 0xFFFF;
            half(x) | half(y) << 16
        }),
        _ => return compute16(op, a, b, c, out),
    }
    Ok(())
}

/// What has an operand or a result of 16 bits.
#[inline(always)]
fn compute16(op: Vop, a: L<'_>, b: L<'_>, c: L<'_>, out: &mut Lanes) -> Result<(), Fault> {
    use Vop::*;
    let s = signed;
    let double = |f: fn(f64) -> f64| move |x: u32| float::double_to_half(f(f64::from(from_half(x))));
    match op {
        AddF16 => h2(a, b, out, |x, y| x + y),
        SubF16 => h2(a, b, out, |x, y| x - y),
        SubrevF16 => h2(a, b, out, |x, y| y - x),
        MulF16 => h2(a, b, out, |x, y| x * y),
        FmacF16 | FmaF16 | FmaakF16 | FmamkF16 => i3(a, b, c, out, |x, y, z| fma_half(x, y, z & 0xFFFF)),
        MaxF16 => h2(a, b, out, max32),
        MinF16 => h2(a, b, out, min32),
        Min3F16 => h3(a, b, c, out, |x, y, z| min32(min32(x, y), z)),
        Max3F16 => h3(a, b, c, out, |x, y, z| max32(max32(x, y), z)),
        Med3F16 => h3(a, b, c, out, med32),
        MaxminF16 => h3(a, b, c, out, |x, y, z| min32(max32(x, y), z)),
        MinmaxF16 => h3(a, b, c, out, |x, y, z| max32(min32(x, y), z)),
        LdexpF16 => i2(a, b, out, |x, y| float::double_to_half(float::ldexp(f64::from(from_half(x)), s(y)))),
        DivFixupF16 => return Err(Fault::Missing("v_div_fixup_f16")),
        MovB16 => *out = *a,
        NotB16 => i1(a, out, |x| !x),
        CvtF16U16 => i1(a, out, |x| to_half((x & 0xFFFF) as f32)),
        CvtF16I16 => i1(a, out, |x| to_half(s(x) as f32)),
        CvtU16F16 => i1(a, out, |x| u32::from(from_half(x) as u16)),
        CvtI16F16 => i1(a, out, |x| u32::from(from_half(x) as i16 as u16)),
        RcpF16 => i1(a, out, double(f64::recip)),
        SqrtF16 => i1(a, out, double(f64::sqrt)),
        RsqF16 => i1(a, out, double(|x| 1.0 / x.sqrt())),
        LogF16 => i1(a, out, double(f64::log2)),
        ExpF16 => i1(a, out, double(f64::exp2)),
        SinF16 => i1(a, out, double(float::sin_turns)),
        CosF16 => i1(a, out, double(float::cos_turns)),
        FrexpMantF16 => h1(a, out, |x| float::frexp(f64::from(x)).0 as f32),
        FrexpExpI16F16 => i1(a, out, |x| float::frexp(f64::from(from_half(x))).1 as u32),
        FloorF16 => h1(a, out, f32::floor),
        CeilF16 => h1(a, out, f32::ceil),
        TruncF16 => h1(a, out, f32::trunc),
        RndneF16 => h1(a, out, f32::round_ties_even),
        FractF16 => h1(a, out, |x| x - x.floor()),
        SatPkU8I16 => i1(a, out, |x| s(x).clamp(0, 255) as u32 | (s(x >> 16).clamp(0, 255) as u32) << 8),
        CvtNormI16F16 => i1(a, out, |x| norm(from_half(x), true)),
        CvtNormU16F16 => i1(a, out, |x| norm(from_half(x), false)),
        CvtI32I16 => i1(a, out, |x| s(x) as u32),
        CvtU32U16 => i1(a, out, |x| x & 0xFFFF),
        MadU16 => i3(a, b, c, out, |x, y, z| x.wrapping_mul(y).wrapping_add(z)),
        MadI16 => i3(a, b, c, out, |x, y, z| x.wrapping_mul(y).wrapping_add(z)),
        MadU32U16 => i3(a, b, c, out, |x, y, z| x.wrapping_mul(y).wrapping_add(z)),
        MadI32I16 => i3(a, b, c, out, |x, y, z| (s(x) * s(y)).wrapping_add(z as i32) as u32),
        Min3I16 => i3(a, b, c, out, |x, y, z| s(x).min(s(y)).min(s(z)) as u32),
        Max3I16 => i3(a, b, c, out, |x, y, z| s(x).max(s(y)).max(s(z)) as u32),
        Med3I16 => i3(a, b, c, out, |x, y, z| s(x).max(s(y)).min(s(z)).max(s(x).min(s(y))) as u32),
        Min3U16 => i3(a, b, c, out, |x, y, z| x.min(y).min(z)),
        Max3U16 => i3(a, b, c, out, |x, y, z| x.max(y).max(z)),
        Med3U16 => i3(a, b, c, out, |x, y, z| x.max(y).min(z).max(x.min(y))),
        AddNcU16 | AddNcI16 => i2(a, b, out, u32::wrapping_add),
        SubNcU16 | SubNcI16 => i2(a, b, out, u32::wrapping_sub),
        MulLoU16 => i2(a, b, out, u32::wrapping_mul),
        MaxU16 => i2(a, b, out, u32::max),
        MinU16 => i2(a, b, out, u32::min),
        MaxI16 => i2(a, b, out, |x, y| s(x).max(s(y)) as u32),
        MinI16 => i2(a, b, out, |x, y| s(x).min(s(y)) as u32),
        LshlrevB16 => i2(a, b, out, |x, y| y << (x & 15)),
        LshrrevB16 => i2(a, b, out, |x, y| y >> (x & 15)),
        AshrrevI16 => i2(a, b, out, |x, y| (s(y) >> (x & 15)) as u32),
        AndB16 => i2(a, b, out, |x, y| x & y),
        OrB16 => i2(a, b, out, |x, y| x | y),
        XorB16 => i2(a, b, out, |x, y| x ^ y),
        PackB32F16 => i2(a, b, out, |x, y| x | y << 16),
        CvtPkNormI16F16 => i2(a, b, out, |x, y| norm(from_half(x), true) | norm(from_half(y), true) << 16),
        CvtPkNormU16F16 => i2(a, b, out, |x, y| norm(from_half(x), false) | norm(from_half(y), false) << 16),
        CvtPkU8F32 => return Err(Fault::Missing("v_cvt_pk_u8_f32, whose rounding is not documented")),
        Dot2F16F16 | Dot2Bf16Bf16 => return Err(Fault::Missing("dot products with a sum of 16 bits")),
        PkFmacF16 => i3(a, b, c, out, |x, y, z| fma_half(x & 0xFFFF, y & 0xFFFF, z & 0xFFFF) | fma_half(x >> 16, y >> 16, z >> 16) << 16),
        _ => return Err(Fault::Missing("this vector instruction")),
    }
    Ok(())
}
