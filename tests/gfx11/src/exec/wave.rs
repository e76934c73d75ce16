//! The registers of a wave, and how operands are read and results written.

use super::watch::Watch;
use crate::isa::{Source, register};

/// One register of all 32 lanes.
pub type Lanes = [u32; 32];

/// The same of 64 bits.
pub type Wide = [u64; 32];

/// The floats that need no literal: in halves, floats, doubles.
const FLOATS: [(u16, u32, u64); 9] = [
    (0x3800, 0x3F00_0000, 0x3FE0_0000_0000_0000),
    (0xB800, 0xBF00_0000, 0xBFE0_0000_0000_0000),
    (0x3C00, 0x3F80_0000, 0x3FF0_0000_0000_0000),
    (0xBC00, 0xBF80_0000, 0xBFF0_0000_0000_0000),
    (0x4000, 0x4000_0000, 0x4000_0000_0000_0000),
    (0xC000, 0xC000_0000, 0xC000_0000_0000_0000),
    (0x4400, 0x4080_0000, 0x4010_0000_0000_0000),
    (0xC400, 0xC080_0000, 0xC010_0000_0000_0000),
    (0x3118, 0x3E22_F983, 0x3FC4_5F30_6DC9_C882),
];

/// 32 lanes with their registers.
#[derive(Debug, Clone)]
pub struct Wave {
    /// Vector registers; more than a kernel may use, so that every number is one.
    pub v: Box<[Lanes; 256]>,
    /// Scalar registers, special ones at their numbers.
    pub s: [u32; 128],
    /// The scalar condition.
    pub scc: bool,
    /// Index of the next instruction.
    pub pc: usize,
    /// Whether floats lose their denormals.
    pub flush: bool,
    /// Instructions executed so far.
    pub steps: u64,
    /// The private memory of all lanes.
    pub scratch: Vec<u8>,
    /// Its loads, if somebody watches.
    pub watch: Option<Box<Watch>>,
}

impl Wave {
    /// A wave with junk in its registers, for real ones begin with junk too.
    #[expect(clippy::new_without_default, reason = "junk is no default")]
    pub fn new() -> Self {
        Self { v: Box::new([[JUNK; 32]; 256]), s: [0; 128], scc: false, pc: 0, flush: false, steps: 0, scratch: Vec::new(), watch: None }
    }

    /// Which lanes are active.
    #[inline(always)]
    pub fn exec(&self) -> u32 {
        self.s[register::EXEC as usize]
    }

    /// A scalar register.
    #[inline(always)]
    pub fn set_s(&mut self, n: u8, value: u32) {
        if n != register::NULL {
            self.s[usize::from(n & 127)] = value;
        }
    }

    /// Two scalar registers.
    pub fn set_s64(&mut self, n: u8, value: u64) {
        if n != register::NULL {
            self.set_s(n, value as u32);
            self.set_s(n + 1, (value >> 32) as u32);
        }
    }

    /// Two scalar registers.
    pub fn s64(&self, n: u8) -> u64 {
        if n == register::NULL { 0 } else { u64::from(self.s[usize::from(n)]) | u64::from(self.s[usize::from((n + 1) & 127)]) << 32 }
    }

    /// A value that is the same in all lanes, of 32 bits.
    #[inline(always)]
    pub fn one32(&self, source: Source) -> u32 {
        match source {
            Source::V(n) => self.v[usize::from(n)][0],
            Source::S(n) => self.s[usize::from(n & 127)],
            Source::Literal(word) => word,
            Source::Inline(code @ 240..=248) => FLOATS[usize::from(code - 240)].1,
            Source::Inline(code) => self.integer(code) as u32,
        }
    }

    /// As [`Wave::one32`], of 16 bits.
    pub fn one16(&self, source: Source) -> u32 {
        match source {
            Source::Inline(code @ 240..=248) => u32::from(FLOATS[usize::from(code - 240)].0),
            other => self.one32(other) & 0xFFFF,
        }
    }

    /// As [`Wave::one32`], of 64 bits. A literal is the high half of a double, and the low half of anything else.
    pub fn one64(&self, source: Source, double: bool) -> u64 {
        match source {
            Source::V(n) => u64::from(self.v[usize::from(n)][0]) | u64::from(self.v[usize::from(n.wrapping_add(1))][0]) << 32,
            Source::S(n) => self.s64(n),
            Source::Literal(word) if double => u64::from(word) << 32,
            Source::Literal(word) => u64::from(word),
            Source::Inline(code @ 240..=248) => FLOATS[usize::from(code - 240)].2,
            Source::Inline(code) => self.integer(code) as u64,
        }
    }

    #[inline(always)]
    fn integer(&self, code: u8) -> i64 {
        match code {
            0..=192 => i64::from(code) - 128,
            253 => i64::from(self.scc),
            _ => 192 - i64::from(code),
        }
    }

    /// A source of 32 bits in all lanes; `room` holds it where it is no register.
    #[inline(always)]
    pub fn all32<'a>(&'a self, source: Source, room: &'a mut Lanes) -> &'a Lanes {
        match source {
            Source::V(n) => &self.v[usize::from(n)],
            other => {
                *room = [self.one32(other); 32];
                room
            }
        }
    }

    /// A source of 64 bits in all lanes.
    pub fn all64(&self, source: Source, double: bool) -> Wide {
        match source {
            Source::V(n) => {
                let (low, high) = (&self.v[usize::from(n)], &self.v[usize::from(n.wrapping_add(1))]);
                std::array::from_fn(|l| u64::from(low[l]) | u64::from(high[l]) << 32)
            }
            other => [self.one64(other, double); 32],
        }
    }

    /// Writes the lanes of `mask`.
    #[inline(always)]
    pub fn put32(&mut self, n: u8, mask: u32, value: &Lanes) {
        let row = &mut self.v[usize::from(n)];
        if mask == u32::MAX {
            *row = *value;
        } else {
            for l in 0..32 {
                let keep = (mask >> l & 1).wrapping_sub(1);
                row[l] = row[l] & keep | value[l] & !keep;
            }
        }
    }

    /// Writes the lanes of `mask` of two registers.
    pub fn put64(&mut self, n: u8, mask: u32, value: &Wide) {
        self.put32(n, mask, &std::array::from_fn(|l| value[l] as u32));
        self.put32(n.wrapping_add(1), mask, &std::array::from_fn(|l| (value[l] >> 32) as u32));
    }

    /// Writes one half of the lanes of `mask`.
    #[inline(always)]
    pub fn put16(&mut self, n: u8, high: bool, mask: u32, value: &Lanes) {
        let row = self.v[usize::from(n)];
        let merged: Lanes = std::array::from_fn(|l| if high { row[l] & 0xFFFF | value[l] << 16 } else { row[l] & 0xFFFF_0000 | value[l] & 0xFFFF });
        self.put32(n, mask, &merged);
    }
}

/// What registers hold at first: a NaN, and an address that is nowhere.
pub const JUNK: u32 = 0xFFC0_DEAD;
