//! Which commands may run without waiting for each other: decided once per entry at load from what each command touches.

use unicorn_artifact::command::{Command, StateId};
use unicorn_artifact::plan::{Entry, Plan};

/// How a command is divided into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// By rows: within a phase the same row always falls to the same chunk.
    Rows,
    /// In some other way.
    Other,
}

/// Commands that run together: chunk `c` of the phase is chunk `c` of each of them in order.
#[derive(Debug)]
pub struct Phase {
    /// Which commands of the entry, and how each is divided.
    pub commands: std::ops::Range<usize>,
    /// Whether all are divided by rows.
    pub by_rows: bool,
}

/// The phases of an entry.
#[derive(Debug)]
pub struct Phases {
    /// In order; together all commands.
    pub phases: Vec<Phase>,
    /// One per command.
    pub splits: Vec<Split>,
}

#[derive(Clone)]
struct Access {
    start: u64,
    end: u64,
    buffer: u32,
    write: bool,
    split: Split,
}

/// Element-wise regions at least this wide are divided by columns when there are fewer rows than threads.
const WIDE: u32 = 2048;

/// The split of a command when there are at least as many rows as threads (`many`) or not.
pub fn split(plan: &Plan, command: &Command, many: bool) -> Split {
    match command {
        Command::MatMul { .. } | Command::MatMulInt8 { .. } | Command::SparseUp { .. } | Command::SparseDown { .. } | Command::Attention { .. } => {
            Split::Other
        }
        Command::Region { region, repeat: 1, .. } if !many => {
            let region = &plan.regions[*region as usize];
            if region.width >= WIDE && !region.reduces() { Split::Other } else { Split::Rows }
        }
        _ => Split::Rows,
    }
}

impl Phases {
    /// Divides one entry. `many`: there are at least as many rows as threads; `alone`: commands that are a phase each, since another device may do them.
    pub fn new(plan: &Plan, entry: &Entry, many: bool, alone: &[usize]) -> Self {
        let mut since: Vec<Access> = Vec::new();
        let mut states: Vec<(StateId, bool)> = Vec::new();
        let mut phases: Vec<Phase> = Vec::new();
        let mut splits = Vec::with_capacity(entry.commands.len());
        for (at, command) in entry.commands.iter().enumerate() {
            let split = split(plan, command, many);
            let accesses = accesses(plan, entry, command, split);
            let state = match command {
                Command::KvAppend { state, .. } => Some((*state, true)),
                Command::Attention { state, .. } => Some((*state, false)),
                _ => None,
            };
            let conflicts = accesses.iter().any(|a| since.iter().any(|b| conflict(a, b)))
                || state.is_some_and(|(id, write)| states.iter().any(|&(other, wrote)| id == other && (write || wrote)));
            let apart = alone.contains(&at) || at > 0 && alone.contains(&(at - 1));
            match phases.last_mut() {
                Some(phase) if !conflicts && !apart => {
                    phase.commands.end = at + 1;
                    phase.by_rows &= split == Split::Rows;
                }
                _ => {
                    since.clear();
                    states.clear();
                    phases.push(Phase { commands: at..at + 1, by_rows: split == Split::Rows });
                }
            }
            since.extend(accesses);
            states.extend(state);
            splits.push(split);
        }
        Self { phases, splits }
    }
}

fn accesses(plan: &Plan, entry: &Entry, command: &Command, split: Split) -> Vec<Access> {
    let (read, written) = command.buffers(&plan.regions);
    let access = |id: u32, write: bool| {
        let buffer = &entry.buffers[id as usize];
        Access { start: buffer.offset, end: buffer.offset + buffer.row_bytes() * u64::from(entry.rows), buffer: id, write, split }
    };
    read.into_iter().map(|id| access(id, false)).chain(written.into_iter().map(|id| access(id, true))).collect()
}

/// Two accesses of which one writes conflict, unless both are by rows and to the very same buffer: then each chunk meets only its own rows.
fn conflict(a: &Access, b: &Access) -> bool {
    let same_rows = a.split == Split::Rows && b.split == Split::Rows && a.buffer == b.buffer;
    (a.write || b.write) && a.start < b.end && b.start < a.end && !same_rows
}
