//! A schedule played back: which write does each read find, and which should it?
//! Written apart from the schedulers, which it judges.

use std::collections::{BTreeMap, BTreeSet};

use super::hazard::Effects;
use super::register::Register;
use super::table::{Bypass, Stage};

/// One run of an instruction: which instruction, and in which pass of the loop.
pub(super) type Run = (usize, usize);

/// A read of a register part whose value differs between the two orders.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("instruction {reader} in pass {pass} reads {register} from {found:?} instead of {wanted:?}")]
pub struct Mismatch {
    /// Index of the reading instruction; past the last: what stands in the register at the end.
    pub reader: usize,
    /// Its pass.
    pub pass: usize,
    /// The register part.
    pub register: Register,
    /// The writer whose value it should find: instruction and pass; none is the value from before.
    pub wanted: Option<(usize, usize)>,
    /// The writer whose value it finds.
    pub found: Option<(usize, usize)>,
}

type Reads = BTreeMap<(Run, Register), Option<Run>>;

/// What each read finds if the runs go one after the other.
fn one_by_one(effects: &[Effects], passes: usize) -> Reads {
    let (mut reads, mut current) = (Reads::new(), BTreeMap::<Register, Run>::new());
    for pass in 0..passes {
        for (index, effect) in effects.iter().enumerate() {
            for touch in effect.touches.iter().filter(|touch| touch.read.is_some()) {
                reads.insert(((index, pass), touch.register), current.get(&touch.register).copied());
            }
            for touch in effect.touches.iter().filter(|touch| touch.write.is_some()) {
                current.insert(touch.register, (index, pass));
            }
        }
    }
    for (register, run) in current {
        reads.insert(((effects.len(), passes), register), Some(run));
    }
    reads
}

/// What each read finds if the runs start at the given cycles, in a pipeline that waits for nothing.
fn pipelined(effects: &[Effects], starts: &BTreeMap<Run, i64>, passes: usize) -> Reads {
    let mut writes: BTreeMap<Register, Vec<(i64, Stage, Run)>> = BTreeMap::new();
    for (&run, &start) in starts {
        for touch in &effects[run.0].touches {
            if let Some(stage) = touch.write {
                writes.entry(touch.register).or_default().push((start, stage, run));
            }
        }
    }
    let find = |register: Register, at: i64, stage: Stage| {
        let seen = writes.get(&register).into_iter().flatten().filter(|(start, write, _)| {
            let early = i64::from(write.bypass != Bypass::None && write.bypass == stage.bypass);
            start + i64::from(write.cycle) - early < at + i64::from(stage.cycle)
        });
        seen.max_by_key(|(start, write, _)| start + i64::from(write.cycle)).map(|&(.., run)| run)
    };
    let mut reads = Reads::new();
    for (&run, &start) in starts {
        for touch in &effects[run.0].touches {
            if let Some(stage) = touch.read {
                reads.insert((run, touch.register), find(touch.register, start, stage));
            }
        }
    }
    let registers: BTreeSet<Register> = writes.keys().copied().collect();
    for register in registers {
        reads.insert(((effects.len(), passes), register), find(register, i64::MAX / 2, Stage { cycle: 1, bypass: Bypass::None }));
    }
    reads
}

/// Compares the two orders, for instructions run `passes` times, each run starting at the cycle that `starts` has for it.
pub(super) fn compare(effects: &[Effects], starts: &BTreeMap<Run, i64>, passes: usize) -> Result<(), Mismatch> {
    let (wanted, found) = (one_by_one(effects, passes), pipelined(effects, starts, passes));
    for (&((reader, pass), register), &wanted) in &wanted {
        let found = found.get(&((reader, pass), register)).copied().flatten();
        if found != wanted {
            return Err(Mismatch { reader, pass, register, wanted, found });
        }
    }
    Ok(())
}
