//! Words to instructions. Facts: AMD's "RDNA3 ISA" document, chapter 15.

mod memory;
mod scalar;
mod vector;

use crate::isa::{Body, Source};
use std::fmt;

/// Words that are no instruction this machine knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unknown {
    /// The encoding they belong to, by their first bits.
    pub encoding: &'static str,
    /// Its opcode field.
    pub opcode: u32,
    /// Which field says something unknown, or what is missing.
    pub field: &'static str,
    /// The words.
    pub words: Vec<u32>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} opcode {} ({}), words", self.encoding, self.opcode, self.field)?;
        self.words.iter().try_for_each(|word| write!(f, " {word:08x}"))
    }
}

/// The words at the place of decoding, and how many were used.
struct Reader<'a> {
    words: &'a [u32],
    used: usize,
    encoding: &'static str,
    opcode: u32,
    literal: Option<u32>,
}

impl Reader<'_> {
    fn word(&mut self) -> Result<u32, Unknown> {
        let word = self.words.get(self.used).copied().ok_or_else(|| self.unknown("the code ends within"))?;
        self.used += 1;
        Ok(word)
    }

    /// The literal, which all sources that want one share.
    fn literal(&mut self) -> Result<u32, Unknown> {
        if let Some(literal) = self.literal {
            return Ok(literal);
        }
        let literal = self.word()?;
        self.literal = Some(literal);
        Ok(literal)
    }

    /// A source by its nine bits.
    fn source(&mut self, code: u32) -> Result<Source, Unknown> {
        Ok(match code {
            0..=127 => Source::S(code as u8),
            128..=208 | 240..=248 | 253 => Source::Inline(code as u8),
            255 => Source::Literal(self.literal()?),
            256..=511 => Source::V((code - 256) as u8),
            _ => return Err(self.unknown("source operand")),
        })
    }

    fn unknown(&self, field: &'static str) -> Unknown {
        let words = self.words[..self.words.len().min(self.used.max(2))].to_vec();
        Unknown { encoding: self.encoding, opcode: self.opcode, field, words }
    }

    /// The row of an opcode, or the error that says there is none.
    fn row<T>(&mut self, encoding: &'static str, opcode: u32, from_code: impl Fn(u32) -> Option<T>) -> Result<T, Unknown> {
        (self.encoding, self.opcode) = (encoding, opcode);
        from_code(opcode).ok_or_else(|| self.unknown("opcode"))
    }
}

/// `count` bits of a word from bit `low` on.
const fn bits(word: u32, low: u32, count: u32) -> u32 {
    (word >> low) & ((1 << count) - 1)
}

/// Decodes the instruction at the front: what it is, and how many words it takes.
///
/// # Errors
/// [`Unknown`], with the fields.
pub fn decode(words: &[u32]) -> Result<(Body, usize), Unknown> {
    let mut reader = Reader { words, used: 0, encoding: "no words", opcode: 0, literal: None };
    let first = reader.word()?;
    let r = &mut reader;
    let body = match first >> 26 {
        0..=31 => vector::short(r, first),
        32..=47 => scalar::decode(r, first),
        0b110010 => vector::dual(r, first),
        0b110011 => vector::packed(r, first),
        0b110101 => vector::long(r, first),
        0b110110 => memory::ds(r, first),
        0b110111 => memory::global(r, first),
        0b111000 => memory::buffer(r, first),
        0b111101 => scalar::smem(r, first),
        other => {
            (r.encoding, r.opcode) = ("encoding", other);
            Err(r.unknown("first six bits"))
        }
    }?;
    Ok((body, reader.used))
}
