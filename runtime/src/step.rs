//! A step is a set of rows: prompt chunks, single tokens and several sequences at once are all rows.

use crate::Result;

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
