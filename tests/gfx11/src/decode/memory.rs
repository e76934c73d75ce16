//! Vector memory instructions.

use super::{Reader, Unknown, bits};
use crate::isa::{Access, Body, Ds, Global, Segment, register};

pub(super) fn ds(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let op = r.row("DS", bits(word, 18, 8), Ds::from_code)?;
    let second = r.word()?;
    if bits(word, 17, 1) != 0 {
        return Err(r.unknown("gds"));
    }
    let data = [bits(second, 8, 8) as u8, bits(second, 16, 8) as u8];
    Ok(Body::Ds(op, bits(second, 24, 8) as u8, bits(second, 0, 8) as u8, data, [bits(word, 0, 8) as u8, bits(word, 8, 8) as u8]))
}

pub(super) fn global(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let op = r.row("GLOBAL", bits(word, 18, 7), Global::from_code)?;
    let second = r.word()?;
    let segment = match bits(word, 16, 2) {
        0 => Segment::Flat,
        1 => Segment::Scratch,
        2 => Segment::Global,
        _ => return Err(r.unknown("segment")),
    };
    // 13 bits with a sign.
    let offset = ((bits(word, 0, 13) << 19) as i32) >> 19;
    let base = Some(bits(second, 16, 7) as u8).filter(|base| *base != register::NULL && segment != Segment::Flat);
    Ok(Body::Global(Access {
        op,
        segment,
        dst: bits(second, 24, 8) as u8,
        address: bits(second, 0, 8) as u8,
        data: bits(second, 8, 8) as u8,
        base,
        vector_address: segment != Segment::Scratch || bits(second, 23, 1) != 0,
        offset,
        cache: [bits(word, 14, 1) != 0, bits(word, 15, 1) != 0, bits(word, 13, 1) != 0],
    }))
}

/// Of the buffer instructions only those that clean caches.
pub(super) fn buffer(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let level = r.row("MUBUF", bits(word, 18, 8), |opcode| match opcode {
        43 => Some(0),
        44 => Some(1),
        _ => None,
    })?;
    r.word()?;
    Ok(Body::Invalidate(level))
}
