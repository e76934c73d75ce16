//! Where threads must wait for each other: decided once per entry at load from what each command touches.

use unicorn_artifact::command::{Command, StateId};
use unicorn_artifact::plan::{Entry, Plan};

/// How a command is divided among threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// By rows: the same row always falls to the same thread.
    Rows,
    /// In some other way.
    Other,
}

/// For each command: how it is split, and whether all threads must meet before it.
#[derive(Debug)]
pub struct Steps {
    /// One per command.
    pub steps: Vec<(Split, bool)>,
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
        Command::MatMul { .. } | Command::SparseUp { .. } | Command::SparseDown { .. } | Command::Attention { .. } => Split::Other,
        Command::Region { region, repeat: 1, .. } if !many => {
            let region = &plan.regions[*region as usize];
            if region.width >= WIDE && !region.reduces() { Split::Other } else { Split::Rows }
        }
        _ => Split::Rows,
    }
}

impl Steps {
    /// Plans the meetings of one entry.
    pub fn new(plan: &Plan, entry: &Entry, many: bool) -> Self {
        let mut since: Vec<Access> = Vec::new();
        let mut states: Vec<(StateId, bool)> = Vec::new();
        let mut steps = Vec::with_capacity(entry.commands.len());
        for command in &entry.commands {
            let split = split(plan, command, many);
            let accesses = accesses(plan, entry, command, split);
            let state = match command {
                Command::KvAppend { state, .. } => Some((*state, true)),
                Command::Attention { state, .. } => Some((*state, false)),
                _ => None,
            };
            let meet = accesses.iter().any(|a| since.iter().any(|b| conflict(a, b)))
                || state.is_some_and(|(id, write)| states.iter().any(|&(other, wrote)| id == other && (write || wrote)));
            if meet {
                since.clear();
                states.clear();
            }
            since.extend(accesses);
            states.extend(state);
            steps.push((split, meet));
        }
        Self { steps }
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

/// Two accesses of which one writes conflict, unless both are by rows and to the very same buffer: then each thread meets only its own rows.
fn conflict(a: &Access, b: &Access) -> bool {
    let same_rows = a.split == Split::Rows && b.split == Split::Rows && a.buffer == b.buffer;
    (a.write || b.write) && a.start < b.end && b.start < a.end && !same_rows
}
