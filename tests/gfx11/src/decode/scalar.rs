//! Scalar instructions.

use super::{Reader, Unknown, bits};
use crate::isa::{Body, Kind, Smem, Sop1, Sop2, Sopc, Sopk, Sopp};

pub(super) fn decode(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let dst = bits(word, 16, 7) as u8;
    match bits(word, 23, 7) {
        0b111_1101 => {
            let op = r.row("SOP1", bits(word, 8, 8), Sop1::from_code)?;
            let src = r.source(bits(word, 0, 8))?;
            Ok(Body::Sop1(op, dst, src))
        }
        0b111_1110 => {
            let op = r.row("SOPC", bits(word, 16, 7), Sopc::from_code)?;
            Ok(Body::Sopc(op, [r.source(bits(word, 0, 8))?, r.source(bits(word, 8, 8))?]))
        }
        0b111_1111 => {
            let op = r.row("SOPP", bits(word, 16, 7), Sopp::from_code)?;
            Ok(Body::Sopp(op, bits(word, 0, 16) as u16))
        }
        code if code >= 0b110_0000 => {
            let op = r.row("SOPK", bits(word, 23, 5), Sopk::from_code)?;
            let literal = if op == Sopk::SetregImm32B32 { r.literal()? } else { 0 };
            Ok(Body::Sopk(op, dst, bits(word, 0, 16) as u16, literal))
        }
        code => {
            let op = r.row("SOP2", code, Sop2::from_code)?;
            debug_assert!(op.dst() != Kind::Nil);
            Ok(Body::Sop2(op, dst, [r.source(bits(word, 0, 8))?, r.source(bits(word, 8, 8))?]))
        }
    }
}

pub(super) fn smem(r: &mut Reader<'_>, word: u32) -> Result<Body, Unknown> {
    let op = r.row("SMEM", bits(word, 18, 8), Smem::from_code)?;
    let second = r.word()?;
    // 21 bits with a sign.
    let offset = ((bits(second, 0, 21) << 11) as i32) >> 11;
    let cache = [bits(word, 14, 1) != 0, bits(word, 13, 1) != 0];
    Ok(Body::Smem(op, bits(word, 6, 7) as u8, (bits(word, 0, 6) << 1) as u8, bits(second, 25, 7) as u8, offset, cache))
}
