//! The register file as flat arrays, and results on their way into it.
//!
//! A result of a bundle issued at time t with write cycle w is in the file from time t + w on; a reader with the same bypass sees it one bundle earlier.

use crate::isa::{Bypass, Control, Register, Status};

/// Times a result can be under way: more than the longest latency.
pub(super) const RING: usize = 16;
/// Scalar registers of all kinds.
const SCALARS: usize = 105;
/// Vector registers in 256-bit units.
const UNITS: usize = 64;

/// Where a register stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A scalar.
    Scalar(u8),
    /// A pair of scalars, the low one.
    Pair(u8),
    /// Consecutive 256-bit units: first, count.
    Vector(u8, u8),
    /// A modifier group: its number.
    D(u8),
    /// Two modifier groups: the lower number.
    D3(u8),
    /// Sparse operands: not modelled.
    Sparse,
}

pub(super) const P: u8 = 32;
pub(super) const M: u8 = 40;
pub(super) const DN: u8 = 48;
pub(super) const DJ: u8 = 56;
pub(super) const DC: u8 = 64;
const S: u8 = 72;
const CONTROL: u8 = 76;
const STATUS: u8 = 88;
pub(super) const LS: u8 = 98;
pub(super) const LE: u8 = 99;
pub(super) const LC: u8 = 100;
pub(super) const LR: u8 = 101;
pub(super) const SP: u8 = 102;
const DP: u8 = 103;
const CORE_ID: u8 = 104;
const ACCUMULATORS: u8 = 28;

/// Index of a mode register.
pub(super) fn control(c: Control) -> u8 {
    CONTROL + Control::ALL.iter().position(|x| *x == c).unwrap_or(0) as u8
}

/// Index of a status register.
pub(super) fn status(s: Status) -> u8 {
    STATUS + Status::ALL.iter().position(|x| *x == s).unwrap_or(0) as u8
}

/// Where a register stands.
pub(super) fn place(register: Register) -> Place {
    match register {
        Register::R(n) => Place::Scalar(n),
        Register::L(n) => Place::Pair(16 + 2 * n),
        Register::P(n) => Place::Scalar(P + n),
        Register::M(n) => Place::Scalar(M + n),
        Register::Dn(n) => Place::Scalar(DN + n),
        Register::Dj(n) => Place::Scalar(DJ + n),
        Register::Dc(n) => Place::Scalar(DC + n),
        Register::D(n) => Place::D(n),
        Register::D3(n) => Place::D3(n),
        Register::S(n) => Place::Scalar(S + n),
        Register::Wl(n) => Place::Vector(2 * n, 1),
        Register::Wh(n) => Place::Vector(2 * n + 1, 1),
        Register::X(n) => Place::Vector(2 * n, 2),
        Register::Q(n) => Place::Vector(24 + n, 1),
        Register::Amll(n) => Place::Vector(ACCUMULATORS + 4 * n, 1),
        Register::Amlh(n) => Place::Vector(ACCUMULATORS + 4 * n + 1, 1),
        Register::Amhl(n) => Place::Vector(ACCUMULATORS + 4 * n + 2, 1),
        Register::Amhh(n) => Place::Vector(ACCUMULATORS + 4 * n + 3, 1),
        Register::Bml(n) => Place::Vector(ACCUMULATORS + 4 * n, 2),
        Register::Bmh(n) => Place::Vector(ACCUMULATORS + 4 * n + 2, 2),
        Register::Cm(n) => Place::Vector(ACCUMULATORS + 4 * n, 4),
        Register::Y(_) | Register::Ql(_) | Register::Qh(_) | Register::Qwl(_) | Register::Qwh(_) | Register::Qx(_) => Place::Sparse,
        Register::Control(c) => Place::Scalar(control(c)),
        Register::Status(s) => Place::Scalar(status(s)),
        Register::Ls => Place::Scalar(LS),
        Register::Le => Place::Scalar(LE),
        Register::Lc => Place::Scalar(LC),
        Register::Lr => Place::Scalar(LR),
        Register::Sp => Place::Scalar(SP),
        Register::Dp => Place::Scalar(DP),
        Register::CoreId => Place::Scalar(CORE_ID),
    }
}

/// A value as wide as its register: pointers and loop addresses 20 bits, modifiers 20 bits with sign, shifts 6 bits, modes 4 and flags.
fn fitted(index: u8, value: u32) -> u32 {
    match index {
        P..M | LS | LE | LR | SP | DP => value & 0xF_FFFF,
        M..S => ((value << 12) as i32 >> 12) as u32,
        _ => value,
    }
}

#[derive(Debug, Clone, Copy)]
struct VectorResult {
    unit: u8,
    count: u8,
    bypass: Bypass,
    bytes: [u8; 128],
}

/// Registers, and results under way.
pub(super) struct File {
    scalars: [u32; SCALARS],
    units: [[u8; 32]; UNITS],
    scalar_ring: [Vec<(u8, u32)>; RING],
    vector_ring: [Vec<VectorResult>; RING],
}

impl File {
    pub(super) fn new() -> File {
        File { scalars: [0; SCALARS], units: [[0; 32]; UNITS], scalar_ring: Default::default(), vector_ring: Default::default() }
    }

    /// Takes in the results of time `now`.
    #[inline]
    pub(super) fn commit(&mut self, now: u64) {
        let slot = now as usize % RING;
        for &(index, value) in &self.scalar_ring[slot] {
            self.scalars[usize::from(index)] = fitted(index, value);
        }
        for r in &self.vector_ring[slot] {
            for (unit, part) in self.units[usize::from(r.unit)..].iter_mut().zip(r.bytes.as_chunks().0).take(r.count.into()) {
                *unit = *part;
            }
        }
        self.scalar_ring[slot].clear();
        self.vector_ring[slot].clear();
    }

    /// Takes in everything under way, in the order of its times.
    pub(super) fn settle(&mut self, now: u64) {
        (0..RING as u64).for_each(|i| self.commit(now + i));
    }

    #[inline]
    pub(super) fn scalar(&self, index: u8) -> u32 {
        self.scalars[usize::from(index)]
    }

    #[inline]
    pub(super) fn write_scalar(&mut self, index: u8, value: u32, at: u64) {
        self.scalar_ring[at as usize % RING].push((index, value));
    }

    /// At once: loop counts, which the fetch unit changes itself.
    pub(super) fn set_scalar(&mut self, index: u8, value: u32) {
        self.scalars[usize::from(index)] = fitted(index, value);
    }

    /// `count` units as a reader with a bypass sees them at time `now`.
    #[inline]
    pub(super) fn vector<const N: usize>(&self, unit: u8, count: u8, bypass: Bypass, now: u64) -> [u8; N] {
        let mut out = [0; N];
        for (i, part) in out.chunks_exact_mut(32).take(count.into()).enumerate() {
            part.copy_from_slice(&self.units[usize::from(unit) + i]);
        }
        let ahead = &self.vector_ring[(now + 1) as usize % RING];
        if bypass != Bypass::None && !ahead.is_empty() {
            for r in ahead.iter().filter(|r| r.bypass == bypass) {
                for i in 0..r.count {
                    if let Some(to) = (r.unit + i).checked_sub(unit).filter(|to| *to < count) {
                        let (to, from) = (32 * usize::from(to), 32 * usize::from(i));
                        out[to..to + 32].copy_from_slice(&r.bytes[from..from + 32]);
                    }
                }
            }
        }
        out
    }

    #[inline]
    pub(super) fn write_vector(&mut self, unit: u8, count: u8, bypass: Bypass, value: &[u8], at: u64) {
        let mut bytes = [0; 128];
        let n = 32 * usize::from(count);
        bytes[..n].copy_from_slice(&value[..n]);
        self.vector_ring[at as usize % RING].push(VectorResult { unit, count, bypass, bytes });
    }

    /// A register's bytes, for people and tests.
    pub(super) fn bytes(&self, register: Register) -> Option<Vec<u8>> {
        match place(register) {
            Place::Scalar(n) => Some(self.scalar(n).to_le_bytes().to_vec()),
            Place::Pair(n) => Some([self.scalar(n).to_le_bytes(), self.scalar(n + 1).to_le_bytes()].concat()),
            Place::Vector(u, n) => Some(self.units[usize::from(u)..usize::from(u + n)].concat()),
            Place::D(_) | Place::D3(_) | Place::Sparse => None,
        }
    }

    /// Sets a register at once; `None` if it has no bytes of its own or another number of them.
    pub(super) fn set_bytes(&mut self, register: Register, bytes: &[u8]) -> Option<()> {
        if bytes.len() != self.bytes(register)?.len() {
            return None;
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        match place(register) {
            Place::Scalar(n) => self.set_scalar(n, word(0)),
            Place::Pair(n) => (0..2).for_each(|i| self.set_scalar(n + i, word(4 * usize::from(i)))),
            Place::Vector(u, n) => (0..usize::from(n)).for_each(|i| self.units[usize::from(u) + i].copy_from_slice(&bytes[32 * i..32 * i + 32])),
            Place::D(_) | Place::D3(_) | Place::Sparse => return None,
        }
        Some(())
    }
}
