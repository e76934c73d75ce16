//! A step is a set of rows: prompt chunks, single tokens and several sequences at once are all rows.

use crate::hal::accelerator::Accelerator;
use crate::hal::cpu::{Cpu, RowInputs};
use crate::hal::profile::Line;
use crate::hal::roster::{Kind, Roster, Standing};
use crate::sample::best;
use crate::{Error, Result};
use std::sync::Arc;
use unicorn_artifact::plan::{KV_BLOCK, Part};

pub use crate::hal::roster::OnFailure;

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

    /// As [`Stepper::step`], where of the logits only the largest among the first `vocabulary` ids is wanted: `sink` gets the row's index, the id (of
    /// equals the lowest) and its logit. A device that holds the logits need not send them all.
    ///
    /// # Errors
    /// As [`Stepper::step`].
    fn step_best(&mut self, rows: &[Row], vocabulary: usize, sink: &mut dyn FnMut(usize, u32, f32)) -> Result<()> {
        self.step(rows, &mut |row, logits| {
            let (id, logit) = best(&logits[..vocabulary.min(logits.len())]);
            sink(row, id, logit);
        })
    }

    /// As [`Stepper::step`], where of the logits only the largest [`TOP`](unicorn_artifact::gpu::TOP) among the first `vocabulary` ids are wanted: `sink` gets the row's index and
    /// either those (and perhaps more) with their ids, or all. A device that holds the logits need not send them all.
    ///
    /// # Errors
    /// As [`Stepper::step`].
    fn step_top(&mut self, rows: &[Row], _vocabulary: usize, sink: &mut dyn FnMut(usize, Logits<'_>)) -> Result<()> {
        self.step(rows, &mut |row, logits| sink(row, Logits::All(logits)))
    }
}

/// Logits of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Logits<'a> {
    /// By id.
    All(&'a [f32]),
    /// Ids and logits, in any order: the largest [`TOP`](unicorn_artifact::gpu::TOP) at least.
    Top(&'a [(u32, f32)]),
}

/// What is wanted of logits, and where it goes.
enum Goal<'a> {
    All(&'a mut dyn FnMut(usize, &[f32])),
    /// The best among so many ids.
    Best(usize, &'a mut dyn FnMut(usize, u32, f32)),
    /// The largest among so many ids.
    Top(usize, &'a mut dyn FnMut(usize, Logits<'_>)),
}

/// How much of a row's logits a step must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Best,
    Top,
}

/// Delivers each row once, in order, even if the step is begun anew.
struct Sink<'a> {
    goal: Goal<'a>,
    /// Rows before this one are delivered.
    next: usize,
}

impl Sink<'_> {
    /// Whether a row is still to be delivered; from now on it counts as delivered.
    fn turn(&mut self, row: usize) -> bool {
        let due = row >= self.next;
        self.next = self.next.max(row + 1);
        due
    }

    fn logits(&mut self, row: usize, logits: &[f32]) {
        if !self.turn(row) {
            return;
        }
        match &mut self.goal {
            Goal::All(sink) => sink(row, logits),
            Goal::Top(_, sink) => sink(row, Logits::All(logits)),
            Goal::Best(vocabulary, sink) => {
                let (id, logit) = best(&logits[..(*vocabulary).min(logits.len())]);
                sink(row, id, logit);
            }
        }
    }

    fn top(&mut self, row: usize, logits: &[(u32, f32)]) {
        if self.turn(row)
            && let Goal::Top(_, sink) = &mut self.goal
        {
            sink(row, Logits::Top(logits));
        }
    }

    fn best(&mut self, row: usize, id: u32, logit: f32) {
        if self.turn(row)
            && let Goal::Best(_, sink) = &mut self.goal
        {
            sink(row, id, logit);
        }
    }
}

/// The real stepper: one plan on the host and its devices. Nothing is allocated after it is made.
#[derive(Debug)]
pub struct Session {
    cpu: Cpu,
    gpu: Option<Accelerator>,
    /// What becomes of a step whose GPU fails.
    on_failure: OnFailure,
    /// With a GPU: the tokens of each slot, from which the host makes its keys and values if the GPU is lost.
    history: Vec<Vec<u32>>,
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
        let whole = cpu.whole_entries();
        let of = |part| plan.entries_of(part).filter(|(at, _)| *at < whole).map(|(at, e)| (e.rows as usize, at)).collect::<Vec<_>>();
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
            gpu: None,
            on_failure: OnFailure::Fail,
            history: vec![],
        }
    }

    /// Gives the session a GPU that runs its part of every entry.
    pub fn with_gpu(mut self, gpu: Accelerator, on_failure: OnFailure) -> Self {
        let context = self.cpu.plan().model.context as usize;
        self.history = self.lengths.iter().map(|_| Vec::with_capacity(if on_failure == OnFailure::GoOn { context } else { 0 })).collect();
        self.roster().set(Kind::Gpu, Standing::Runs(gpu.info().name.clone()));
        (self.gpu, self.on_failure) = (Some(gpu), on_failure);
        self
    }

    /// Goes on with the host alone. What the GPU held of sequences is gone.
    pub fn without_gpu(&mut self) {
        self.gpu = None;
        self.roster().set(Kind::Gpu, Standing::Unused);
        self.reset();
    }

    /// Forgets all sequences.
    pub fn reset(&mut self) {
        self.lengths.fill((0, 0));
    }

    /// The GPU, if it has one.
    pub fn gpu(&self) -> Option<&Accelerator> {
        self.gpu.as_ref()
    }

    /// The GPU, for probes.
    pub fn gpu_mut(&mut self) -> Option<&mut Accelerator> {
        self.gpu.as_mut()
    }

    /// Who runs what, now and whenever it is asked.
    pub fn roster(&self) -> &Arc<Roster> {
        self.cpu.roster()
    }

    /// The device, for what it says of itself.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The device, to switch what tests compare.
    pub fn cpu_mut(&mut self) -> &mut Cpu {
        &mut self.cpu
    }

    /// Starts to time commands on the host and launches on the GPU anew, or stops; gives what was timed since the last call, host and GPU.
    ///
    /// # Errors
    /// What the GPU's driver says.
    pub fn set_profile(&mut self, on: bool) -> Result<(Vec<Line>, Vec<Line>)> {
        let host = self.cpu.set_profile(on).map_or(vec![], |profile| profile.lines(self.cpu.plan()));
        let part = self.cpu.plan().gpu.as_ref().filter(|_| on);
        let gpu = self.gpu.as_mut().map_or(Ok(vec![]), |gpu| gpu.set_profile(part))?;
        Ok((host, gpu))
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

    fn run_tail(&mut self, rows: &[Row], sink: &mut Sink<'_>) -> Result<()> {
        let entry = smallest(&self.tails, self.tail.tokens.len());
        let text = self.cpu.plan().model.text_vocabulary as usize;
        // A device looks among the ids of text.
        let wanted = match &sink.goal {
            Goal::Best(vocabulary, _) if *vocabulary == text => Wanted::Best,
            Goal::Top(vocabulary, _) if *vocabulary == text && self.gpu.as_ref().is_some_and(|gpu| gpu.finds_top(entry)) => Wanted::Top,
            _ => Wanted::All,
        };
        run(&mut self.cpu, self.gpu.as_mut(), entry, self.tail.inputs(), wanted == Wanted::Best)?;
        let count = self.tail.picks.len();
        let width = self.cpu.plan().model.vocabulary as usize;
        let gpu = self.gpu.as_mut().filter(|gpu| gpu.has_logits(entry));
        let wanting = self.tail.picks.iter().enumerate().filter(|(_, row)| rows[**row as usize].logits).map(|(at, &row)| (at, row as usize));
        match (gpu, wanted) {
            (Some(gpu), Wanted::Best) => {
                let found: &[(u32, f32)] = gpu.best(entry, count)?;
                wanting.for_each(|(at, row)| sink.best(row, found[at].0, found[at].1));
            }
            (Some(gpu), Wanted::Top) => {
                gpu.find_top(entry, count)?;
                for (at, row) in wanting {
                    match gpu.largest(at) {
                        Some(found) => sink.top(row, found),
                        None => sink.logits(row, gpu.logits_of(entry, at..at + 1)?),
                    }
                }
            }
            (gpu, _) => {
                let fetched = gpu.map(|gpu| gpu.logits(entry, count)).transpose()?;
                for (at, row) in wanting {
                    sink.logits(row, fetched.map_or_else(|| self.cpu.logits(entry, at), |all| &all[at * width..(at + 1) * width]));
                }
            }
        }
        self.tail.clear();
        Ok(())
    }

    fn run(&mut self, rows: &[Row], sink: &mut Sink<'_>) -> Result<()> {
        self.check(rows)?;
        if self.gpu.is_none() || self.on_failure == OnFailure::Fail {
            return self.run_checked(rows, sink);
        }
        self.remember(rows);
        let failed = match self.run_checked(rows, sink) {
            Err(Error::Gpu(error)) => error,
            other => return other,
        };
        tracing::error!("the GPU failed, the host goes on without it: {failed}");
        self.roster().lose(Kind::Gpu, failed.to_string());
        self.gpu = None;
        self.replay(rows)?;
        self.run_checked(rows, sink)
    }

    /// Keeps the tokens of a step.
    fn remember(&mut self, rows: &[Row]) {
        for row in rows {
            let tokens = &mut self.history[row.slot as usize];
            tokens.truncate(row.position as usize);
            tokens.push(row.token);
        }
    }

    /// Makes the host's keys and values for everything that came before `rows`.
    fn replay(&mut self, rows: &[Row]) -> Result<()> {
        let most = self.bodies.last().map_or(1, |b| b.0);
        for slot in 0..self.history.len() {
            let first = rows.iter().find(|r| r.slot as usize == slot).map(|r| r.position as usize);
            let tokens = std::mem::take(&mut self.history[slot]);
            let before = &tokens[..first.unwrap_or(tokens.len())];
            for (number, part) in before.chunks(most).enumerate() {
                self.body.clear();
                for (at, &token) in part.iter().enumerate() {
                    self.body.push(Row { token, slot: slot as u32, position: (number * most + at) as u32, logits: false }, at);
                }
                let entry = smallest(&self.bodies, part.len());
                run(&mut self.cpu, None, entry, self.body.inputs(), false)?;
            }
        }
        Ok(())
    }

    /// Runs rows that keep the rules.
    fn run_checked(&mut self, rows: &[Row], sink: &mut Sink<'_>) -> Result<()> {
        self.body.clear();
        self.tail.clear();
        for (at, &row) in rows.iter().enumerate() {
            self.body.push(row, at);
        }
        let split = self.split;
        let wanting = || rows.iter().enumerate().filter(|(_, row)| row.logits || !split);
        let most = self.tails.last().map_or(1, |t| t.0);
        let at_once = wanting().count() <= most;
        if at_once {
            wanting().for_each(|(at, &row)| self.tail.push(row, at));
        }
        if let Some(gpu) = &mut self.gpu {
            let count = self.tail.tokens.len();
            gpu.announce((count > 0).then(|| (smallest(&self.tails, count), self.tail.inputs())))?;
        }
        let entry = smallest(&self.bodies, rows.len());
        run(&mut self.cpu, self.gpu.as_mut(), entry, self.body.inputs(), false)?;
        if !at_once {
            for (at, &row) in wanting() {
                self.tail.push(row, at);
                if self.tail.tokens.len() == most {
                    self.run_tail(rows, sink)?;
                }
            }
        }
        if self.tail.tokens.is_empty() { Ok(()) } else { self.run_tail(rows, sink) }
    }
}

/// Runs an entry where it belongs.
fn run(cpu: &mut Cpu, gpu: Option<&mut Accelerator>, entry: usize, inputs: RowInputs<'_>, best: bool) -> Result<()> {
    match gpu {
        Some(gpu) => gpu.run(entry, inputs, cpu, best),
        None => cpu.run(entry, inputs),
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
        self.run(rows, &mut Sink { goal: Goal::All(sink), next: 0 })
    }

    fn step_best(&mut self, rows: &[Row], vocabulary: usize, sink: &mut dyn FnMut(usize, u32, f32)) -> Result<()> {
        self.run(rows, &mut Sink { goal: Goal::Best(vocabulary, sink), next: 0 })
    }

    fn step_top(&mut self, rows: &[Row], vocabulary: usize, sink: &mut dyn FnMut(usize, Logits<'_>)) -> Result<()> {
        self.run(rows, &mut Sink { goal: Goal::Top(vocabulary, sink), next: 0 })
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

    fn step_best(&mut self, rows: &[Row], vocabulary: usize, sink: &mut dyn FnMut(usize, u32, f32)) -> Result<()> {
        (**self).step_best(rows, vocabulary, sink)
    }

    fn step_top(&mut self, rows: &[Row], vocabulary: usize, sink: &mut dyn FnMut(usize, Logits<'_>)) -> Result<()> {
        (**self).step_top(rows, vocabulary, sink)
    }
}
