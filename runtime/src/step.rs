//! A step is a set of rows: prompt chunks, single tokens and several sequences at once are all rows.

use crate::hal::cpu::{Cpu, RowInputs};
use crate::{Error, Result};
use unicorn_artifact::plan::{KV_BLOCK, Part};

/// One row of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its token.
    pub token: u32,
    /// The sequence slot whose keys and values it sees and extends.
    pub slot: u32,
    /// Its position in that sequence. Rows of one slot come in ascending, gapless positions, after all positions stepped before.
    pub position: u32,
    /// Whether its logits are wanted.
    pub logits: bool,
}

/// What a stepper can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of one step at most.
    pub rows: usize,
    /// Sequences at once.
    pub slots: usize,
    /// Positions of one sequence.
    pub context: usize,
    /// Logits of one row.
    pub vocabulary: usize,
    /// Positions that can be taken back: a slot that holds `n` positions can go on from any length `> n - rewind` (or from 0).
    pub rewind: usize,
}

/// Something that runs steps: the real session, or a stand-in in tests of what is above.
pub trait Stepper: Send {
    /// What it can hold.
    fn limits(&self) -> Limits;

    /// Runs one step. `sink` is called once for each row that wants logits, in order, with the row's index and its `vocabulary` logits (after the soft cap).
    ///
    /// # Errors
    /// [`crate::Error::Step`] when the rows break a rule of [`Row`] or a limit, or a device fails; the slots named are then undefined.
    fn step(&mut self, rows: &[Row], sink: &mut dyn FnMut(usize, &[f32])) -> Result<()>;
}

/// The real stepper: one plan on the CPU. Nothing is allocated after it is made.
#[derive(Debug)]
pub struct Session {
    cpu: Cpu,
    /// Run the tail only for the rows that want logits.
    split: bool,
    /// Positions held by each slot, and the most it held since it began at 0: rings are overwritten up to there.
    lengths: Vec<(u32, u32)>,
    rewind: usize,
    /// Entry numbers by ascending row count.
    bodies: Vec<(usize, usize)>,
    tails: Vec<(usize, usize)>,
    body: Columns,
    tail: Columns,
}

/// Rows as columns, the form a device takes.
#[derive(Debug, Default)]
struct Columns {
    tokens: Vec<u32>,
    slots: Vec<u32>,
    positions: Vec<u32>,
    picks: Vec<u32>,
}

impl Columns {
    fn with_capacity(rows: usize) -> Self {
        let column = || Vec::with_capacity(rows);
        Self { tokens: column(), slots: column(), positions: column(), picks: column() }
    }

    fn clear(&mut self) {
        self.tokens.clear();
        self.slots.clear();
        self.positions.clear();
        self.picks.clear();
    }

    fn push(&mut self, row: Row, pick: usize) {
        self.tokens.push(row.token);
        self.slots.push(row.slot);
        self.positions.push(row.position);
        self.picks.push(pick as u32);
    }

    fn inputs(&self) -> RowInputs<'_> {
        RowInputs { tokens: &self.tokens, slots: &self.slots, positions: &self.positions, picks: &self.picks }
    }
}

impl Session {
    /// A session with empty slots. `split` as in [`crate::load::Options`].
    pub fn new(cpu: Cpu, split: bool) -> Self {
        let plan = cpu.plan();
        let of = |part| plan.entries_of(part).map(|(at, e)| (e.rows as usize, at)).collect::<Vec<_>>();
        let (bodies, tails) = (of(Part::Body), of(Part::Tail));
        let rows = |entries: &[(usize, usize)]| entries.last().map_or(0, |e| e.0);
        let ring = plan.states.iter().map(|s| s.capacity).min().unwrap_or(u32::MAX);
        let context = plan.model.context;
        // A ring that holds the whole context can go back anywhere; a sliding one must still hold the window before the row it goes on from.
        let rewind = if ring >= context { context } else { (ring + 2).saturating_sub(plan.model.window + KV_BLOCK).min(context) };
        Self {
            split,
            lengths: vec![(0, 0); plan.model.slots as usize],
            rewind: rewind as usize,
            body: Columns::with_capacity(rows(&bodies)),
            tail: Columns::with_capacity(rows(&tails)),
            bodies,
            tails,
            cpu,
        }
    }

    /// The device, for what it says of itself.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The device, to switch what tests compare.
    pub fn cpu_mut(&mut self) -> &mut Cpu {
        &mut self.cpu
    }

    fn check(&mut self, rows: &[Row]) -> Result<()> {
        let limits = self.limits();
        let fault = |why: String| Err(Error::Step(why));
        if rows.is_empty() || rows.len() > limits.rows {
            return fault(format!("{} rows, not 1..={}", rows.len(), limits.rows));
        }
        for (at, row) in rows.iter().enumerate() {
            let Some(&(length, most)) = self.lengths.get(row.slot as usize) else {
                return fault(format!("row {at}: slot {} of {}", row.slot, limits.slots));
            };
            if row.token as usize >= limits.vocabulary || row.position as usize >= limits.context {
                return fault(format!("row {at}: token {} of {}, position {} of {}", row.token, limits.vocabulary, row.position, limits.context));
            }
            let continues = rows[..at].iter().rev().find(|r| r.slot == row.slot).map(|r| r.position + 1);
            let fits = match continues {
                Some(next) => row.position == next,
                None => row.position == 0 || (row.position <= length && (most - row.position) < self.rewind.max(1) as u32),
            };
            if !fits {
                return fault(format!("row {at}: position {} in slot {}, which holds {length}", row.position, row.slot));
            }
        }
        for row in rows {
            let (length, most) = &mut self.lengths[row.slot as usize];
            *length = row.position + 1;
            *most = if row.position == 0 { 1 } else { (*most).max(*length) };
        }
        Ok(())
    }

    fn run_tail(&mut self, rows: &[Row], sink: &mut dyn FnMut(usize, &[f32])) -> Result<()> {
        let entry = smallest(&self.tails, self.tail.tokens.len());
        self.cpu.run(entry, self.tail.inputs()).map_err(|e| Error::Step(format!("reading a per-layer embedding: {e}")))?;
        for (at, &row) in self.tail.picks.iter().enumerate() {
            if rows[row as usize].logits {
                sink(row as usize, self.cpu.logits(entry, at));
            }
        }
        self.tail.clear();
        Ok(())
    }
}

/// The entry with the fewest rows that holds `rows`.
fn smallest(entries: &[(usize, usize)], rows: usize) -> usize {
    entries.iter().find(|e| e.0 >= rows).or(entries.last()).map_or(0, |e| e.1)
}

impl Stepper for Session {
    fn limits(&self) -> Limits {
        let model = &self.cpu.plan().model;
        Limits {
            rows: self.bodies.last().map_or(0, |b| b.0),
            slots: model.slots as usize,
            context: model.context as usize,
            vocabulary: model.vocabulary as usize,
            rewind: self.rewind,
        }
    }

    fn step(&mut self, rows: &[Row], sink: &mut dyn FnMut(usize, &[f32])) -> Result<()> {
        self.check(rows)?;
        self.body.clear();
        self.tail.clear();
        for (at, &row) in rows.iter().enumerate() {
            self.body.push(row, at);
        }
        let entry = smallest(&self.bodies, rows.len());
        self.cpu.run(entry, self.body.inputs()).map_err(|e| Error::Step(format!("reading a per-layer embedding: {e}")))?;
        let most = self.tails.last().map_or(1, |t| t.0);
        for (at, &row) in rows.iter().enumerate() {
            if row.logits || !self.split {
                self.tail.push(row, at);
                if self.tail.tokens.len() == most {
                    self.run_tail(rows, sink)?;
                }
            }
        }
        if self.tail.tokens.is_empty() { Ok(()) } else { self.run_tail(rows, sink) }
    }
}

/// A borrowed stepper is one, too.
impl<S: Stepper + ?Sized> Stepper for &mut S {
    fn limits(&self) -> Limits {
        (**self).limits()
    }

    fn step(&mut self, rows: &[Row], sink: &mut dyn FnMut(usize, &[f32])) -> Result<()> {
        (**self).step(rows, sink)
    }
}
