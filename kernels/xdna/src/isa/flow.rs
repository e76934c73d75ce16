//! Which bundle may follow which: jumps with their five delay bundles, calls, and zero-overhead loops.
//! Jumps to an address in a register go nowhere known: what follows them is not seen from here.

use std::collections::BTreeMap;

use super::bundle::Bundle;
use super::hazard::{self, Flow, Hazard, InFlight};
use super::instruction::{Instruction, Operand};
use super::meaning::Meaning;
use super::opcode::Opcode;
use super::register::Register;

/// Bundles behind a jump that run before it takes effect.
pub const DELAY: usize = 5;

/// From the address of a bundle that writes a loop register to that of the loop's last bundle, in bytes, at least.
pub const SETUP_DISTANCE: u32 = 112;

/// A fault in the shape of a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// A jump to an address at which no bundle starts.
    #[error("the jump at {pc:#x} goes to {target:#x}, where no bundle starts")]
    Target {
        /// Address of the jump.
        pc: u32,
        /// Where it goes.
        target: u32,
    },
    /// A jump to an address that is not a multiple of sixteen.
    #[error("the jump at {pc:#x} goes to {target:#x}, which is not a multiple of 16")]
    Unaligned {
        /// Address of the jump.
        pc: u32,
        /// Where it goes.
        target: u32,
    },
    /// A jump among the delay bundles of another.
    #[error("the jump at {pc:#x} stands in a delay bundle of the jump at {before:#x}")]
    Delay {
        /// Address of the jump.
        pc: u32,
        /// Address of the other.
        before: u32,
    },
    /// A jump with fewer than five bundles behind it.
    #[error("the jump at {pc:#x} has fewer than five bundles behind it")]
    Short {
        /// Address of the jump.
        pc: u32,
    },
    /// A loop whose start or last bundle is not where it can be.
    #[error("zero-overhead loop {start:#x} to {last:#x}: {fault}")]
    Loop {
        /// Value of `ls`.
        start: u32,
        /// Value of `le`.
        last: u32,
        /// What is wrong.
        fault: &'static str,
    },
    /// A loop whose bounds are no constants.
    #[error("{register} is written at {pc:#x} by other than a movxm of a constant: the loop cannot be followed")]
    Bounds {
        /// Address of the write.
        pc: u32,
        /// The loop register.
        register: Register,
    },
    /// A loop register written too close to the loop's end.
    #[error("the write of {register} at {pc:#x} lies {actual} bytes before the loop's last bundle at {last:#x}; {SETUP_DISTANCE} are needed")]
    Setup {
        /// Address of the write.
        pc: u32,
        /// The loop register.
        register: Register,
        /// Value of `le`.
        last: u32,
        /// From the one to the other.
        actual: u32,
    },
}

/// A program as a graph of bundles.
#[derive(Debug)]
pub struct Graph {
    /// Indices of the bundles that may come next.
    pub next: Vec<Vec<usize>>,
    /// Start and last bundle of each zero-overhead loop.
    pub loops: Vec<(usize, usize)>,
}

/// Finds the ways through a program.
///
/// # Errors
/// Jumps and loops that cannot be.
pub fn graph(program: &[(u32, Bundle)]) -> Result<Graph, FlowError> {
    let at: BTreeMap<u32, usize> = program.iter().enumerate().map(|(index, (pc, _))| (*pc, index)).collect();
    let mut next: Vec<Vec<usize>> = (0..program.len()).map(|index| if index + 1 < program.len() { vec![index + 1] } else { Vec::new() }).collect();
    let mut before: Option<usize> = None;
    let (mut calls, mut returns): (Vec<(usize, Option<u32>)>, Vec<usize>) = (Vec::new(), Vec::new());
    for (index, (pc, bundle)) in program.iter().enumerate() {
        let Some(jump) = bundle.instructions().find(|i| i.meaning().is_jump()) else { continue };
        if let Some(before) = before.filter(|&before| index - before <= DELAY) {
            return Err(FlowError::Delay { pc: *pc, before: program[before].0 });
        }
        before = Some(index);
        let last = next.get_mut(index + DELAY).ok_or(FlowError::Short { pc: *pc })?;
        let target = jump.operands().iter().find_map(|operand| match operand {
            Operand::Immediate(target) => Some(*target as u32),
            Operand::Register(_) => None,
        });
        match jump.meaning() {
            Meaning::JumpIfZero | Meaning::JumpIfNotZero | Meaning::DecrementJump => {}
            // Within the caller, a call goes on behind itself.
            Meaning::Call | Meaning::CallIndirect => calls.push((index + DELAY, target)),
            Meaning::Return => {
                last.clear();
                returns.push(index + DELAY);
            }
            _ => last.clear(),
        }
        if let Some(target) = target {
            if target % 16 != 0 {
                return Err(FlowError::Unaligned { pc: *pc, target });
            }
            let target = *at.get(&target).ok_or(FlowError::Target { pc: *pc, target })?;
            if jump.meaning() != Meaning::Call {
                last.push(target);
            }
        }
    }
    let loops = loops(program, &at)?;
    connect(&mut next, &calls, &returns, &at);
    for &(start, last) in &loops {
        let late = program[..=last].iter().rev().take(DELAY + 1).any(|(_, bundle)| bundle.instructions().any(|i| i.meaning().is_jump()));
        if late {
            return Err(FlowError::Loop { start: program[start].0, last: program[last].0, fault: "a jump's delay bundles reach its last bundle" });
        }
        next[last].push(start);
    }
    Ok(Graph { next, loops })
}

/// Turns calls with known targets into ways to the callee and from its returns back.
fn connect(next: &mut [Vec<usize>], calls: &[(usize, Option<u32>)], returns: &[usize], at: &BTreeMap<u32, usize>) {
    let within = next.to_vec();
    for (last, target) in calls {
        let Some(&entry) = target.as_ref().and_then(|target| at.get(target)) else { continue };
        let (mut seen, mut open) = (vec![false; within.len()], vec![entry]);
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut seen[index], true) {
                open.extend(&within[index]);
            }
        }
        let behind = std::mem::replace(&mut next[*last], vec![entry]);
        for &end in returns.iter().filter(|end| seen[**end]) {
            next[end].extend(&behind);
        }
    }
}

/// The zero-overhead loops that moves of constants to `ls` and `le` set up, each `le` with the nearest `ls`.
fn loops(program: &[(u32, Bundle)], at: &BTreeMap<u32, usize>) -> Result<Vec<(usize, usize)>, FlowError> {
    for (pc, bundle) in program {
        for instruction in bundle.instructions().filter(|i| i.opcode() != Opcode::MOVXM_lng_cg) {
            if let Some(register) = loop_register(instruction).filter(|register| *register != Register::Lc) {
                return Err(FlowError::Bounds { pc: *pc, register });
            }
        }
    }
    let constants = |register| {
        let moves = program.iter().enumerate().flat_map(|(index, (_, bundle))| bundle.instructions().map(move |i| (index, i)));
        moves
            .filter(move |(_, i)| i.opcode() == Opcode::MOVXM_lng_cg && i.register(0) == Some(register))
            .filter_map(|(index, i)| Some((index, i.immediate(1)? as u32)))
    };
    let (starts, mut found) = (constants(Register::Ls).collect::<Vec<_>>(), Vec::new());
    for (index, last) in constants(Register::Le) {
        let Some(&(_, start)) = starts.iter().min_by_key(|(other, _)| other.abs_diff(index)) else {
            return Err(FlowError::Loop { start: 0, last, fault: "le is set and ls nowhere" });
        };
        let fault = |fault| FlowError::Loop { start, last, fault };
        let (first, end) = (*at.get(&start).ok_or(fault("no bundle starts at ls"))?, *at.get(&last).ok_or(fault("no bundle starts at le"))?);
        if start % 16 != 0 {
            return Err(fault("ls is not a multiple of 16"));
        }
        if last % 16 != 0 || program[end].1.bytes() != super::bundle::FULL {
            return Err(fault("the last bundle must have sixteen bytes, at a multiple of 16"));
        }
        if end < first {
            return Err(fault("le lies before ls"));
        }
        for (pc, bundle) in program[..end].iter().rev().take_while(|(pc, _)| last - pc < SETUP_DISTANCE) {
            if let Some(register) = bundle.instructions().find_map(loop_register) {
                return Err(FlowError::Setup { pc: *pc, register, last, actual: last - pc });
            }
        }
        found.push((first, end));
    }
    Ok(found)
}

/// The loop register that an instruction writes.
fn loop_register(instruction: &Instruction) -> Option<Register> {
    instruction.touched().find(|(r, access)| matches!(r, Register::Ls | Register::Le | Register::Lc) && access.write().is_some()).map(|(r, _)| r)
}

/// Every hazard of a program whose ways are known. `in_flight` says what each bundle may read of registers whose write is under way.
#[must_use]
pub fn hazards(program: &[(u32, Bundle)], graph: &Graph, in_flight: &[InFlight]) -> Vec<Hazard> {
    let bundles: Vec<_> = program.iter().map(|(_, bundle)| hazard::effects(bundle)).collect();
    Flow { bundles: &bundles, next: &graph.next, in_flight }.check()
}
