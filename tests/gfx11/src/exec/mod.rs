//! Executing instructions: one wave until it ends, or until it waits at a barrier.

mod alu;
mod alu64;
mod compare;
mod fault;
mod features;
mod global;
mod lanes;
mod lds;
mod matrix;
mod packed;
mod scalar;
mod watch;
mod wave;

pub use fault::Fault;
pub use global::Reach;
pub use watch::Watch;
pub use wave::{JUNK, Lanes, Wave};

use crate::isa::{Body, Sopp, register};
use crate::program::Program;

/// Why a wave stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At `s_endpgm`.
    End,
    /// At a barrier.
    Barrier,
    /// Others shall have a turn.
    Turn,
}

/// Instructions of one turn, so that waves that wait for each other through memory all go on.
const TURN: u64 = 1 << 20;

/// Runs a wave until it stops. `counts` has one number an instruction.
///
/// # Errors
/// [`Fault`]; the instruction is the one before `wave.pc`.
pub fn run(program: &Program, w: &mut Wave, lds: &mut [u8], reach: &mut Reach<'_>, counts: &mut [u64], limit: u64) -> Result<Stop, Fault> {
    let turn = w.steps + TURN;
    loop {
        let Some(inst) = program.code.get(w.pc) else {
            w.pc += 1;
            return Err(program.stopped.clone().map_or(Fault::PastEnd, Fault::Unknown));
        };
        counts[w.pc] += 1;
        w.pc += 1;
        w.steps += 1;
        if let Some(watch) = &mut w.watch {
            watch.step(&program.uses()[w.pc - 1])?;
        }
        match &inst.body {
            Body::Vop(op, o) => alu::vop(w, *op, o)?,
            Body::Dual(halves) => alu::dual(w, halves)?,
            Body::Packed(op, o) => packed::packed(w, *op, o)?,
            Body::Compare(op, o) => compare::compare(w, *op, o)?,
            Body::Global(access) => global::global(w, reach, access)?,
            Body::Ds(op, dst, address, data, offset) => lds::ds(w, lds, *op, *dst, *address, *data, *offset)?,
            Body::Smem(op, dst, base, offset, imm, _) => global::smem(w, reach, *op, *dst, *base, *offset, *imm)?,
            Body::Sop2(op, dst, src) => scalar::sop2(w, *op, *dst, *src),
            Body::Sop1(op, dst, src) => scalar::sop1(w, *op, *dst, *src)?,
            Body::Sopc(op, src) => scalar::sopc(w, *op, *src),
            Body::Sopk(op, dst, imm, literal) => scalar::sopk(w, *op, *dst, *imm, *literal)?,
            Body::Invalidate(_) => {}
            Body::Sopp(op, imm) => {
                if let Some(stop) = control(program, w, *op, *imm)? {
                    return Ok(stop);
                }
                if w.steps >= turn {
                    if w.steps >= limit {
                        return Err(Fault::Limit(w.steps));
                    }
                    return Ok(Stop::Turn);
                }
            }
        }
    }
}

/// Branches, waits and the end.
fn control(program: &Program, w: &mut Wave, op: Sopp, imm: u16) -> Result<Option<Stop>, Fault> {
    use Sopp::*;
    let vcc = w.s[usize::from(register::VCC)];
    let taken = match op {
        Endpgm => return Ok(Some(Stop::End)),
        Barrier => return Ok(Some(Stop::Barrier)),
        Branch => true,
        CbranchScc0 => !w.scc,
        CbranchScc1 => w.scc,
        CbranchVccz => vcc == 0,
        CbranchVccnz => vcc != 0,
        CbranchExecz => w.exec() == 0,
        CbranchExecnz => w.exec() != 0,
        RoundMode | DenormMode => {
            scalar::short_mode(w, op == RoundMode, imm)?;
            false
        }
        Trap => return Err(Fault::Trap(imm)),
        CodeEnd => return Err(Fault::PastEnd),
        Setkill | Sethalt => return Err(Fault::Missing("stopping a wave otherwise than by its end")),
        // All memory accesses are over when the next instruction begins, and nobody listens to messages.
        Nop
        | Sleep
        | SetInstPrefetchDistance
        | Clause
        | DelayAlu
        | WaitcntDepctr
        | Waitcnt
        | WaitIdle
        | WaitEvent
        | Wakeup
        | Setprio
        | Sendmsg
        | Ttracedata
        | TtracedataImm
        | IcacheInv => false,
    };
    if taken {
        let here = program.code[w.pc - 1].at;
        let target = i64::from(here) + 4 + 4 * i64::from(imm as i16);
        w.pc = program.find(target).ok_or(Fault::Branch(target))?;
    }
    Ok(None)
}
