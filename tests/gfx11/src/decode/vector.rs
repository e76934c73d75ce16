//! Vector instructions: short, long, packed and double.

use super::{Reader, Unknown, bits};
use crate::isa::{Body, Compare, Dpp, Half, Kind, Operands, Packed, Source, Vop, register};

const NONE: Operands = Operands {
    dst: 0,
    mask: register::VCC,
    src: [Source::Inline(128); 3],
    neg: 0,
    abs: 0,
    high: 0,
    high_high: 0,
    omod: 0,
    clamp: false,
    long: false,
    dpp: None,
};

/// The first source: it may be lanes of neighbours, told by a further word.
fn first(r: &mut Reader<'_>, operands: &mut Operands, code: u32) -> Result<Source, Unknown> {
    if !matches!(code, 233 | 234 | 250) {
        return r.source(code);
    }
    let word = r.word()?;
    if code == 250 {
        if !operands.long {
            operands.neg = (bits(word, 20, 1) | bits(word, 22, 1) << 1) as u8;
            operands.abs = (bits(word, 21, 1) | bits(word, 23, 1) << 1) as u8;
        }
        let control = bits(word, 8, 9) as u16;
        if !matches!(control, 0..=0xFF | 0x101..=0x10F | 0x111..=0x11F | 0x121..=0x12F | 0x140 | 0x141 | 0x150..=0x16F) {
            return Err(r.unknown("dpp control"));
        }
        operands.dpp = Some(Dpp::Row {
            control,
            fetch_inactive: bits(word, 18, 1) != 0,
            zero: bits(word, 19, 1) != 0,
            rows: bits(word, 28, 4) as u8,
            banks: bits(word, 24, 4) as u8,
        });
    } else {
        operands.dpp = Some(Dpp::Eight { select: word >> 8, fetch_inactive: code == 234 });
    }
    Ok(Source::V(bits(word, 0, 8) as u8))
}

/// In the short encoding the highest bit of a register's number chooses the half.
fn half(kind: Kind, source: Source, bit: u8, high: &mut u8) -> Source {
    match source {
        Source::V(n) if kind.is_half() && n & 0x80 != 0 => {
            *high |= 1 << bit;
            Source::V(n & 0x7F)
        }
        other => other,
    }
}

pub(super) fn short(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let mut o = NONE;
    let (src0, second, dst) = (bits(word, 0, 9), Source::V(bits(word, 9, 8) as u8), bits(word, 17, 8) as u8);
    if word >> 25 == 0b011_1110 {
        let op = r.row("VOPC", bits(word, 17, 8), Compare::from_code)?;
        let kinds = op.src();
        let first = first(r, &mut o, src0)?;
        o.src[0] = half(kinds[0], first, 0, &mut o.high);
        o.src[1] = half(kinds[1], second, 1, &mut o.high);
        o.dst = if op.exec { register::EXEC } else { register::VCC };
        return Ok(Body::Compare(op, o));
    }
    let one = word >> 25 == 0b011_1111;
    let op = if one {
        r.row("VOP1", bits(word, 9, 8), |code| if code < 128 { Vop::from_code(384 + code) } else { None })?
    } else {
        r.row("VOP2", bits(word, 25, 6), |code| Vop::from_code(256 + code))?
    };
    let kinds = op.src();
    let Source::V(dst) = half(op.dst(), Source::V(dst), 3, &mut o.high) else { unreachable!("a register stays one") };
    o.dst = dst;
    if let Some(kind) = kinds.first() {
        let first = first(r, &mut o, src0)?;
        o.src[0] = half(*kind, first, 0, &mut o.high);
    }
    match op {
        Vop::FmamkF32 | Vop::FmamkF16 => {
            o.src[1] = Source::Literal(r.literal()?);
            o.src[2] = half(kinds[2], second, 2, &mut o.high);
        }
        _ if !one => o.src[1] = half(kinds[1], second, 1, &mut o.high),
        _ => {}
    }
    match op {
        Vop::FmaakF32 | Vop::FmaakF16 => o.src[2] = Source::Literal(r.literal()?),
        Vop::CndmaskB32 | Vop::AddCoCiU32 | Vop::SubCoCiU32 | Vop::SubrevCoCiU32 => o.src[2] = Source::S(register::VCC),
        _ => {}
    }
    Ok(Body::Vop(op, o))
}

pub(super) fn long(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let second = r.word()?;
    let code = bits(word, 16, 10);
    let mut o = Operands {
        dst: bits(word, 0, 8) as u8,
        neg: bits(second, 29, 3) as u8,
        abs: bits(word, 8, 3) as u8,
        high: bits(word, 11, 4) as u8,
        omod: bits(second, 27, 2) as u8,
        clamp: bits(word, 15, 1) != 0,
        long: true,
        ..NONE
    };
    let sources = [bits(second, 0, 9), bits(second, 9, 9), bits(second, 18, 9)];
    if code < 256 {
        let op = r.row("VOPC in VOP3", code, Compare::from_code)?;
        o.src[0] = first(r, &mut o, sources[0])?;
        o.src[1] = r.source(sources[1])?;
        return Ok(Body::Compare(op, o));
    }
    let op = r.row("VOP3", code, |code| Vop::from_code(code).filter(|op| !op.only_short()))?;
    if op.writes_mask() {
        (o.mask, o.abs, o.high) = (bits(word, 8, 7) as u8, 0, 0);
    }
    for i in 0..op.src().len() {
        o.src[i] = if i == 0 { first(r, &mut o, sources[0])? } else { r.source(sources[i])? };
    }
    Ok(Body::Vop(op, o))
}

pub(super) fn packed(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let op = r.row("VOP3P", bits(word, 16, 7), Packed::from_code)?;
    if bits(word, 24, 2) != 0 {
        return Err(r.unknown("an encoding for interpolation"));
    }
    let second = r.word()?;
    let mut o = Operands {
        dst: bits(word, 0, 8) as u8,
        neg: bits(second, 29, 3) as u8,
        abs: bits(word, 8, 3) as u8,
        high: bits(word, 11, 3) as u8,
        high_high: (bits(second, 27, 2) | bits(word, 14, 1) << 2) as u8,
        clamp: bits(word, 15, 1) != 0,
        long: true,
        ..NONE
    };
    for (i, low) in (0..op.src().len()).zip([0, 9, 18]) {
        let code = bits(second, low, 9);
        o.src[i] = if i == 0 { first(r, &mut o, code)? } else { r.source(code)? };
    }
    Ok(Body::Packed(op, o))
}

fn dual_op(code: u32) -> Option<Vop> {
    Some(match code {
        0 => Vop::FmacF32,
        1 => Vop::FmaakF32,
        2 => Vop::FmamkF32,
        3 => Vop::MulF32,
        4 => Vop::AddF32,
        5 => Vop::SubF32,
        6 => Vop::SubrevF32,
        7 => Vop::MulDx9ZeroF32,
        8 => Vop::MovB32,
        9 => Vop::CndmaskB32,
        10 => Vop::MaxF32,
        11 => Vop::MinF32,
        16 => Vop::AddNcU32,
        17 => Vop::LshlrevB32,
        18 => Vop::AndB32,
        _ => return None,
    })
}

pub(super) fn dual(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let second = r.word()?;
    // The first half knows only the opcodes below 16.
    let x = r.row("VOPD", bits(word, 22, 4), dual_op)?;
    let y = r.row("VOPD", bits(word, 17, 5), dual_op)?;
    let dst_x = bits(second, 24, 8) as u8;
    // The two destinations differ in their lowest bit.
    let dst_y = (bits(second, 17, 7) << 1) as u8 | (!dst_x & 1);
    let x = one_of_two(r, x, dst_x, bits(word, 0, 9), bits(word, 9, 8) as u8)?;
    let y = one_of_two(r, y, dst_y, bits(second, 0, 9), bits(second, 9, 8) as u8)?;
    Ok(Body::Dual([x, y]))
}

fn one_of_two(r: &mut Reader<'_>, op: Vop, dst: u8, src0: u32, src1: u8) -> Result<Half, Unknown> {
    let (first, second) = (r.source(src0)?, Source::V(src1));
    let src = match op {
        Vop::FmamkF32 => [first, Source::Literal(r.literal()?), second],
        Vop::FmaakF32 => [first, second, Source::Literal(r.literal()?)],
        _ => [first, second, Source::S(register::VCC)],
    };
    Ok(Half { op, dst, src })
}
