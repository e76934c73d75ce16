//! Packed halves, mixed precision and dot products.

use super::alu::fma_half;
use super::fault::Fault;
use super::features::twice;
use super::lanes::{read, written};
use super::matrix;
use super::wave::{Lanes, Wave};
use crate::float::{flush, from_brain, from_half, max32, min32, to_half};
use crate::isa::{Kind, Operands, Packed, Source};

/// The halves of a source that make the low and the high result, signs changed if they are floats.
fn halves(o: &Operands, i: usize, value: &Lanes, float: bool, low: &mut Lanes, high: &mut Lanes) {
    let (pick_low, pick_high) = (o.high >> i & 1 != 0, o.high_high >> i & 1 != 0);
    let sign = |bits: u8| if float && bits >> i & 1 != 0 { 0x8000 } else { 0 };
    let (sign_low, sign_high) = (sign(o.neg), sign(o.abs));
    for l in 0..32 {
        low[l] = (if pick_low { value[l] >> 16 } else { value[l] & 0xFFFF }) ^ sign_low;
        high[l] = (if pick_high { value[l] >> 16 } else { value[l] & 0xFFFF }) ^ sign_high;
    }
}

const fn s(value: u32) -> i32 {
    value as u16 as i16 as i32
}

/// Two bytes or nibbles each with its sign or without.
#[inline(always)]
fn dot(a: u32, b: u32, c: u32, o: &Operands, width: u32, with_signs: bool) -> u32 {
    let part = |value: u32, i: u32, signed: bool| {
        let top = value << (32 - width * (i + 1));
        if signed { i64::from((top as i32) >> (32 - width)) } else { i64::from(top >> (32 - width)) }
    };
    let (sa, sb) = (with_signs && o.neg & 1 != 0, with_signs && o.neg & 2 != 0);
    let sum: i64 = (0..32 / width).map(|i| part(a, i, sa) * part(b, i, sb)).sum();
    match (with_signs, o.clamp) {
        (true, true) => (i64::from(c as i32) + sum).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as u32,
        (false, true) => (i64::from(c) + sum).min(i64::from(u32::MAX)) as u32,
        (_, false) => c.wrapping_add(sum as u32),
    }
}

/// A source of a mixed instruction: a float, or one half of a register as a float.
#[inline(always)]
fn mixed(w: &Wave, o: &Operands, i: usize, out: &mut [f32; 32]) {
    let mut room = [0; 32];
    let is_half = o.high_high >> i & 1 != 0;
    let value = match (is_half, o.src[i]) {
        (true, Source::Inline(_)) => {
            room = [w.one16(o.src[i]); 32];
            &room
        }
        (_, source) => w.all32(source, &mut room),
    };
    let high = o.high >> i & 1 != 0;
    let (neg, abs) = (o.neg >> i & 1 != 0, o.abs >> i & 1 != 0);
    for l in 0..32 {
        let mut x = if is_half { from_half(if high { value[l] >> 16 } else { value[l] & 0xFFFF }) } else { f32::from_bits(value[l]) };
        if w.flush && !is_half {
            x = flush(x);
        }
        let bits = x.to_bits() & if abs { 0x7FFF_FFFF } else { u32::MAX } ^ if neg { 0x8000_0000 } else { 0 };
        out[l] = f32::from_bits(bits);
    }
}

twice! {
    /// Executes a packed instruction.
    fn packed(w: &mut Wave, op: Packed, o: &Operands) -> Result<(), Fault> {
        use Packed::*;
        if op.dst() == Kind::X8 {
            return matrix::wmma(w, op, o);
        }
        if o.dpp.is_some() {
            return Err(Fault::Missing("lanes of neighbours of a packed instruction"));
        }
        let mask = written(w, o);
        let mut out = [0; 32];
        if matches!(op, FmaMixF32 | FmaMixloF16 | FmaMixhiF16) {
            let (mut a, mut b, mut c) = ([0.0; 32], [0.0; 32], [0.0; 32]);
            mixed(w, o, 0, &mut a);
            mixed(w, o, 1, &mut b);
            mixed(w, o, 2, &mut c);
            let flushes = w.flush;
            for l in 0..32 {
                let mut x = a[l].mul_add(b[l], c[l]);
                if flushes && op == FmaMixF32 {
                    x = flush(x);
                }
                if o.clamp {
                    x = if x > 0.0 { x.min(1.0) } else { 0.0 };
                }
                out[l] = if op == FmaMixF32 { x.to_bits() } else { to_half(x) };
            }
            match op {
                FmaMixF32 => w.put32(o.dst, mask, &out),
                _ => w.put16(o.dst, op == FmaMixhiF16, mask, &out),
            }
            return Ok(());
        }
        // Constants of packed floats are halves; those of all others are words.
        let float = matches!(op, PkFmaF16 | PkAddF16 | PkMulF16 | PkMinF16 | PkMaxF16 | Dot2F32F16 | Dot2F32Bf16);
        let mut rooms = [[0; 32]; 3];
        for (i, room) in rooms.iter_mut().enumerate().take(op.src().len()) {
            *room = match o.src[i] {
                Source::Inline(_) if float && op.src()[i] == Kind::Pair => [w.one16(o.src[i]); 32],
                source => *w.all32(source, &mut [0; 32]),
            };
        }
        let [a, b, c] = &rooms;
        match op {
            Dot4I32Iu8 => {
                for l in 0..32 {
                    out[l] = dot(a[l], b[l], c[l], o, 8, true);
                }
            }
            Dot4U32U8 => {
                for l in 0..32 {
                    out[l] = dot(a[l], b[l], c[l], o, 8, false);
                }
            }
            Dot8I32Iu4 => {
                for l in 0..32 {
                    out[l] = dot(a[l], b[l], c[l], o, 4, true);
                }
            }
            Dot8U32U4 => {
                for l in 0..32 {
                    out[l] = dot(a[l], b[l], c[l], o, 4, false);
                }
            }
            _ => {
                let mut parts = [[[0; 32]; 2]; 3];
                for (i, part) in parts.iter_mut().enumerate() {
                    let [low, high] = part;
                    halves(o, i, &rooms[i], float, low, high);
                }
                let [a, b, c] = &parts;
                if matches!(op, Dot2F32F16 | Dot2F32Bf16) {
                    let mut room = [0; 32];
                    let plain = Operands { high: 0, abs: o.abs & 4, neg: o.neg & 4, ..*o };
                    let sum = read(w, &plain, 2, Kind::F32, false, &mut room);
                    for l in 0..32 {
                        let float = if op == Dot2F32F16 { from_half } else { from_brain };
                        let low = f64::from(float(a[0][l])) * f64::from(float(b[0][l]));
                        let high = f64::from(float(a[1][l])) * f64::from(float(b[1][l]));
                        let x = (f64::from(f32::from_bits(sum[l])) + low + high) as f32;
                        out[l] = (if o.clamp { if x > 0.0 { x.min(1.0) } else { 0.0 } } else { x }).to_bits();
                    }
                } else {
                    for l in 0..32 {
                        let low = each(op, a[0][l], b[0][l], c[0][l], o.clamp)?;
                        let high = each(op, a[1][l], b[1][l], c[1][l], o.clamp)?;
                        out[l] = low & 0xFFFF | high << 16;
                    }
                }
            }
        }
        w.put32(o.dst, mask, &out);
        Ok(())
    }
}

/// One half of a packed instruction.
#[inline(always)]
fn each(op: Packed, a: u32, b: u32, c: u32, clamp: bool) -> Result<u32, Fault> {
    use Packed::*;
    let float = |x: f32| to_half(if clamp { if x > 0.0 { x.min(1.0) } else { 0.0 } } else { x });
    let (x, y) = (from_half(a), from_half(b));
    let value = match op {
        PkFmaF16 if clamp => float(from_half(fma_half(a, b, c))),
        PkFmaF16 => fma_half(a, b, c),
        PkAddF16 => float(x + y),
        PkMulF16 => float(x * y),
        PkMinF16 => float(min32(x, y)),
        PkMaxF16 => float(max32(x, y)),
        PkAddI16 if clamp => (s(a) + s(b)).clamp(-32768, 32767) as u32,
        PkSubI16 if clamp => (s(a) - s(b)).clamp(-32768, 32767) as u32,
        PkMadI16 if clamp => (i64::from(s(a)) * i64::from(s(b)) + i64::from(s(c))).clamp(-32768, 32767) as u32,
        PkAddU16 if clamp => (a + b).min(0xFFFF),
        PkSubU16 if clamp => a.saturating_sub(b),
        PkMadU16 if clamp => (u64::from(a) * u64::from(b) + u64::from(c)).min(0xFFFF) as u32,
        PkAddI16 | PkAddU16 => a.wrapping_add(b),
        PkSubI16 | PkSubU16 => a.wrapping_sub(b),
        PkMadI16 | PkMadU16 => a.wrapping_mul(b).wrapping_add(c),
        PkMulLoU16 => a.wrapping_mul(b),
        PkLshlrevB16 => b << (a & 15),
        PkLshrrevB16 => b >> (a & 15),
        PkAshrrevI16 => (s(b) >> (a & 15)) as u32,
        PkMaxI16 => s(a).max(s(b)) as u32,
        PkMinI16 => s(a).min(s(b)) as u32,
        PkMaxU16 => a.max(b),
        PkMinU16 => a.min(b),
        _ => return Err(Fault::Missing("this packed instruction")),
    };
    Ok(value)
}
