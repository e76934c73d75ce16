//! Which registers an instruction touches, and what it starts that is over only later.

use super::{Body, Ds, Global, Kind, Operands, Segment, Smem, Sop1, Sopk, Sopp, Source, register};

/// A set of vector and scalar registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Registers {
    v: [u64; 4],
    s: [u64; 2],
}

impl Registers {
    /// Adds vector registers.
    pub fn add_v(&mut self, n: u8, count: u8) {
        for i in 0..count {
            let n = usize::from(n.wrapping_add(i));
            self.v[n / 64] |= 1 << (n % 64);
        }
    }

    /// Adds scalar registers.
    pub fn add_s(&mut self, n: u8, count: u8) {
        for i in 0..count {
            let n = usize::from(n.wrapping_add(i) & 127);
            if n != usize::from(register::NULL) {
                self.s[n / 64] |= 1 << (n % 64);
            }
        }
    }

    /// All that are in one of both.
    pub fn join(&mut self, other: &Self) {
        self.v.iter_mut().zip(other.v).for_each(|(mine, theirs)| *mine |= theirs);
        self.s.iter_mut().zip(other.s).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// The name of one that is in both.
    pub fn common(&self, other: &Self) -> Option<String> {
        let find = |mine: &[u64], theirs: &[u64]| {
            let place = mine.iter().zip(theirs).position(|(a, b)| a & b != 0)?;
            Some(64 * place + (mine[place] & theirs[place]).trailing_zeros() as usize)
        };
        find(&self.v, &other.v).map(|n| format!("v{n}")).or_else(|| find(&self.s, &other.s).map(|n| format!("s{n}")))
    }
}

/// What an instruction starts, or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that lasts.
    None,
    /// A load into vector registers from the device's memory; over in order.
    Vector,
    /// A load from any memory, which counts as one of both.
    Flat,
    /// A load from the workgroup's memory; over in order.
    Shared,
    /// A change of the workgroup's memory.
    SharedStore,
    /// A scalar load; over in any order.
    Scalar,
    /// Waits until at most so many are under way: of the device's memory, and of the workgroup's and scalar ones.
    Wait(u8, u8),
    /// A barrier.
    Barrier,
}

/// What an instruction does to registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// Registers it reads or writes at once.
    pub now: Registers,
    /// Registers written when what it starts is over.
    pub later: Registers,
    /// What it starts.
    pub effect: Effect,
}

/// More than any counter holds.
const ANY: u8 = 64;

impl Uses {
    /// Of an instruction.
    pub fn of(body: &Body) -> Self {
        let mut uses = Self { now: Registers::default(), later: Registers::default(), effect: Effect::None };
        let now = &mut uses.now;
        match body {
            Body::Sop2(op, dst, src) => {
                now.add_s(*dst, op.dst().registers());
                src.iter().zip(op.src()).for_each(|(source, kind)| add(now, *source, *kind));
            }
            Body::Sop1(op, dst, src) => {
                now.add_s(*dst, op.dst().registers());
                if let ([kind], false) = (op.src(), matches!(op, Sop1::SendmsgRtnB32 | Sop1::SendmsgRtnB64)) {
                    add(now, *src, *kind);
                }
            }
            Body::Sopc(op, src) => src.iter().zip(op.src()).for_each(|(source, kind)| add(now, *source, *kind)),
            Body::Sopk(op, dst, imm, _) => match op {
                Sopk::WaitcntVmcnt => uses.effect = Effect::Wait(count(*imm), ANY),
                Sopk::WaitcntLgkmcnt => uses.effect = Effect::Wait(ANY, count(*imm)),
                Sopk::WaitcntVscnt | Sopk::WaitcntExpcnt | Sopk::SetregImm32B32 | Sopk::Version => {}
                _ => now.add_s(*dst, if *op == Sopk::CallB64 { 2 } else { 1 }),
            },
            Body::Sopp(op, imm) => match op {
                Sopp::Waitcnt => uses.effect = Effect::Wait((imm >> 10) as u8, (imm >> 4 & 63) as u8),
                Sopp::Barrier => uses.effect = Effect::Barrier,
                Sopp::CbranchVccz | Sopp::CbranchVccnz => now.add_s(register::VCC, 1),
                _ => {}
            },
            Body::Smem(op, dst, base, offset, ..) => {
                let count = match op {
                    Smem::LoadB32 => 1,
                    Smem::LoadB64 => 2,
                    Smem::LoadB128 => 4,
                    Smem::LoadB256 => 8,
                    Smem::LoadB512 => 16,
                    Smem::Gl1Inv | Smem::DcacheInv => return uses,
                };
                now.add_s(*base, 2);
                now.add_s(*offset, 1);
                uses.later.add_s(*dst, count);
                uses.effect = Effect::Scalar;
            }
            Body::Vop(op, o) => {
                operands(now, o, op.dst(), op.src());
                if op.writes_mask() {
                    now.add_s(o.mask, 1);
                }
                if op.text().starts_with("v_div_fmas") {
                    now.add_s(register::VCC, 1);
                }
            }
            Body::Compare(op, o) => {
                op.src().into_iter().enumerate().for_each(|(i, kind)| add(now, o.src[i], kind));
                now.add_s(o.dst, 1);
            }
            Body::Packed(op, o) => operands(now, o, op.dst(), op.src()),
            Body::Dual(halves) => {
                for half in halves {
                    now.add_v(half.dst, 1);
                    half.op.src().iter().enumerate().for_each(|(i, kind)| add(now, half.src[i], *kind));
                }
            }
            Body::Ds(op, dst, address, data, _) => {
                if *op == Ds::Nop {
                    return uses;
                }
                now.add_v(*address, 1);
                op.src().iter().zip(data).for_each(|(kind, data)| now.add_v(*data, kind.registers()));
                uses.later.add_v(*dst, op.dst().registers());
                let changes = !op.src().is_empty() && !matches!(op, Ds::BpermuteB32 | Ds::PermuteB32);
                uses.effect = if changes { Effect::SharedStore } else { Effect::Shared };
            }
            Body::Global(a) => {
                match (a.segment, a.base) {
                    (Segment::Scratch, base) => {
                        now.add_v(a.address, u8::from(a.vector_address));
                        base.into_iter().for_each(|base| now.add_s(base, 1));
                    }
                    (_, Some(base)) => {
                        now.add_v(a.address, 1);
                        now.add_s(base, 2);
                    }
                    (_, None) => now.add_v(a.address, 2),
                }
                a.op.src().iter().for_each(|kind| now.add_v(a.data, kind.registers()));
                if gives_back(a.op, a.cache[0]) {
                    uses.later.add_v(a.dst, a.op.dst().registers());
                    uses.effect = if a.segment == Segment::Flat { Effect::Flat } else { Effect::Vector };
                }
            }
            Body::Invalidate(_) => {}
        }
        uses
    }
}

const fn gives_back(op: Global, glc: bool) -> bool {
    !matches!(op.dst(), Kind::Nil) && (!op.is_atomic() || glc)
}

fn count(imm: u16) -> u8 {
    imm.min(u16::from(ANY)) as u8
}

fn add(registers: &mut Registers, source: Source, kind: Kind) {
    match source {
        Source::V(n) => registers.add_v(n, kind.registers()),
        Source::S(n) => registers.add_s(n, kind.registers().min(2)),
        Source::Inline(_) | Source::Literal(_) => {}
    }
}

fn operands(now: &mut Registers, o: &Operands, dst: Kind, src: &[Kind]) {
    src.iter().enumerate().for_each(|(i, kind)| add(now, o.src[i], *kind));
    match dst {
        Kind::Scalar => now.add_s(o.dst, 1),
        kind => now.add_v(o.dst, kind.registers()),
    }
}
