//! Vector arithmetic with an operand or a result of 64 bits.

use super::fault::Fault;
use super::lanes::{read_wide, written};
use super::wave::{Wave, Wide};
use crate::float::{self, max64, min64};
use crate::isa::{Kind, Operands, Vop, register};

pub(super) fn vop(w: &mut Wave, op: Vop, o: &Operands) -> Result<(), Fault> {
    let kinds = op.src();
    if o.dpp.is_some() {
        return Err(Fault::Missing("lanes of neighbours of 64 bits"));
    }
    let zero = [0; 32];
    let get = |i: usize| kinds.get(i).map_or(zero, |kind| read_wide(w, o, i, *kind, w.flush));
    let (a, b, c) = (get(0), get(1), get(2));
    let mask = written(w, o);
    let mut out = [0; 32];
    let mut answers = 0u32;
    for l in 0..32 {
        if mask >> l & 1 == 0 {
            continue;
        }
        let (value, answer) = match op {
            Vop::DivFmasF64 => {
                let factor = if w.s[usize::from(register::VCC)] >> l & 1 != 0 { 18_446_744_073_709_551_616.0 } else { 1.0 };
                let [x, y, z] = [a[l], b[l], c[l]].map(f64::from_bits);
                ((x.mul_add(y, z) * factor).to_bits(), false)
            }
            _ => one(op, a[l], b[l], c[l])?,
        };
        out[l] = value;
        answers |= u32::from(answer) << l;
    }
    if op.dst().is_float() && (o.omod != 0 || o.clamp) {
        adjust(op.dst(), o, &mut out);
    } else if o.clamp {
        return Err(Fault::Missing("clamp of this integer instruction"));
    }
    if op.dst().registers() == 2 {
        w.put64(o.dst, mask, &out)
    } else {
        w.put32(o.dst, mask, &out.map(|value| value as u32))
    }
    if op.writes_mask() {
        w.set_s(o.mask, answers & mask);
    }
    Ok(())
}

fn adjust(kind: Kind, o: &Operands, out: &mut Wide) {
    for value in out.iter_mut() {
        let mut x = if kind == Kind::F64 { f64::from_bits(*value) } else { f64::from(f32::from_bits(*value as u32)) };
        x *= [1.0, 2.0, 4.0, 0.5][usize::from(o.omod & 3)];
        if o.clamp {
            x = if x > 0.0 { x.min(1.0) } else { 0.0 };
        }
        *value = if kind == Kind::F64 { x.to_bits() } else { u64::from((x as f32).to_bits()) };
    }
}

fn one(op: Vop, a: u64, b: u64, c: u64) -> Result<(u64, bool), Fault> {
    use Vop::*;
    let [x, y, z] = [a, b, c].map(f64::from_bits);
    let value = match op {
        CvtI32F64 => u64::from(x as i32 as u32),
        CvtU32F64 => u64::from(x as u32),
        CvtF64I32 => f64::from(a as i32).to_bits(),
        CvtF64U32 => f64::from(a as u32).to_bits(),
        CvtF32F64 => u64::from((x as f32).to_bits()),
        CvtF64F32 => f64::from(f32::from_bits(a as u32)).to_bits(),
        TruncF64 => x.trunc().to_bits(),
        CeilF64 => x.ceil().to_bits(),
        RndneF64 => x.round_ties_even().to_bits(),
        FloorF64 => x.floor().to_bits(),
        FractF64 => (x - x.floor()).to_bits(),
        RcpF64 => (1.0 / x).to_bits(),
        RsqF64 => (1.0 / x.sqrt()).to_bits(),
        SqrtF64 => x.sqrt().to_bits(),
        FrexpExpI32F64 => u64::from(float::frexp(x).1 as u32),
        FrexpMantF64 => float::frexp(x).0.to_bits(),
        AddF64 => (x + y).to_bits(),
        MulF64 => (x * y).to_bits(),
        MinF64 => min64(x, y).to_bits(),
        MaxF64 => max64(x, y).to_bits(),
        FmaF64 => x.mul_add(y, z).to_bits(),
        LdexpF64 => float::ldexp(x, b as i32).to_bits(),
        DivFixupF64 => div_fixup(x, y, z).to_bits(),
        DivScaleF64 => {
            let (value, scaled) = div_scale(x, y, z);
            return Ok((value.to_bits(), scaled));
        }
        LshlrevB64 => b << (a & 63),
        LshrrevB64 => b >> (a & 63),
        AshrrevI64 => ((b as i64) >> (a & 63)) as u64,
        MadU64U32 => {
            let (sum, over) = (u64::from(a as u32) * u64::from(b as u32)).overflowing_add(c);
            return Ok((sum, over));
        }
        MadI64I32 => {
            let sum = i128::from(a as i32) * i128::from(b as i32) + i128::from(c as i64);
            return Ok((sum as u64, (sum >> 64) & 1 != 0));
        }
        _ => return Err(Fault::Missing("this vector instruction of 64 bits")),
    };
    Ok((value, false))
}

fn div_scale(s0: f64, s1: f64, s2: f64) -> (f64, bool) {
    let denormal = |x: f64| x != 0.0 && x.abs() < f64::MIN_POSITIVE;
    let (up, down) = (|x: f64| float::ldexp(x, 128), |x: f64| float::ldexp(x, -128));
    if s2 == 0.0 || s1 == 0.0 {
        (f64::NAN, false)
    } else if float::exponent64(s2) - float::exponent64(s1) >= 768 {
        (if s0 == s1 { up(s0) } else { s0 }, true)
    } else if denormal(s1) {
        (up(s0), false)
    } else if denormal(1.0 / s1) && denormal(s2 / s1) {
        (if s0 == s1 { up(s0) } else { s0 }, true)
    } else if denormal(1.0 / s1) {
        (down(s0), false)
    } else if denormal(s2 / s1) {
        (if s0 == s2 { up(s0) } else { s0 }, true)
    } else if float::exponent64(s2) <= 53 {
        (up(s0), false)
    } else {
        (s0, false)
    }
}

fn div_fixup(q: f64, denominator: f64, numerator: f64) -> f64 {
    let sign = (denominator.to_bits() ^ numerator.to_bits()) & (1 << 63);
    let signed = |x: f64| f64::from_bits(x.to_bits() & !(1 << 63) | sign);
    if numerator.is_nan() {
        numerator
    } else if denominator.is_nan() {
        denominator
    } else if denominator == 0.0 && numerator == 0.0 || denominator.is_infinite() && numerator.is_infinite() {
        f64::from_bits(0xFFF8_0000_0000_0000)
    } else if denominator == 0.0 || numerator.is_infinite() {
        signed(f64::INFINITY)
    } else if denominator.is_infinite() || numerator == 0.0 || float::exponent64(numerator) - float::exponent64(denominator) < -1075 {
        signed(0.0)
    } else {
        signed(q)
    }
}
