//! How 16 cores come to one number: what each has goes from core to core through the memories that neighbours share, up each column and east along the
//! top, joined on the way; the last core makes a word of it, which goes back west and down.
//!
//! A core reads and writes the memory of its neighbours to the south, west and north, and their locks. So a core takes the record of the one below it (those
//! at the top also of the one to the west), and hands the word to the same. Nothing is overwritten too early: a core has a new record only when it has read
//! the word before, and whoever makes a word has all records.

use crate::NpuError;
use crate::array::CORES;
use crate::core::{LOCK, MOMENTS, OWN};
use crate::write::Writer;

/// A core by column and row, from the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub column: usize,
    pub row: usize,
}

impl Place {
    /// All of them, in the order of [`Place::number`].
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..4 * CORES).map(|number| Self { column: number / CORES, row: number % CORES })
    }

    /// Its number: as the cores' results stand beside each other.
    pub(crate) const fn number(self) -> usize {
        CORES * self.column + self.row
    }

    const fn is_top(self) -> bool {
        self.row + 1 == CORES
    }

    const fn is_last(self) -> bool {
        self.is_top() && self.column == 3
    }

    /// The neighbours whose records come to this core, and to which the word goes.
    fn before(self) -> impl Iterator<Item = Side> {
        let south = (self.row > 0).then_some(SOUTH);
        let west = (self.is_top() && self.column > 0).then_some(WEST);
        [south, west].into_iter().flatten()
    }
}

/// A tile as a core sees it: where its memory begins, and its locks.
struct Side {
    memory: u32,
    locks: u8,
}

const SOUTH: Side = Side { memory: 0x40000, locks: 0 };
const WEST: Side = Side { memory: 0x50000, locks: 16 };
const HERE: Side = Side { memory: OWN, locks: 48 };

/// Offset of a core's record, and of the word behind it.
const RECORD: u32 = MOMENTS;
const WORD: u32 = MOMENTS + 0x100;
/// Locks of a core: its record is there, the word is there.
const RECORDED: u8 = 8;
const SAID: u8 = 10;

fn lock(w: &mut Writer, what: &str, number: u8, by: &str) -> Result<(), NpuError> {
    w.end(LOCK)?.op(&format!("{what} #{number}, {by}"))?.end(LOCK)?;
    Ok(())
}

/// The way there and back. `join` takes up the neighbour's record at p5, `keep` writes the core's own to p5 (at most 256 bytes), `solve` makes
/// the word of the last core's, which is kept, in r0. All cores find it there.
pub(crate) fn exchange(
    w: &mut Writer,
    place: Place,
    join: impl Fn(&mut Writer) -> Result<(), NpuError>,
    keep: impl Fn(&mut Writer) -> Result<(), NpuError>,
    solve: impl FnOnce(&mut Writer) -> Result<(), NpuError>,
) -> Result<(), NpuError> {
    for side in place.before() {
        lock(w, "acq", side.locks + RECORDED, "r2")?;
        w.op(&format!("movxm p5, #{}", side.memory + RECORD))?;
        join(w)?;
    }
    w.op(&format!("movxm p5, #{}", OWN + RECORD))?;
    keep(w)?;
    if place.is_last() {
        w.end(0)?;
        solve(w)?;
    } else {
        lock(w, "rel", HERE.locks + RECORDED, "r3")?;
        lock(w, "acq", HERE.locks + SAID, "r2")?;
        w.ops(&format!("movxm p5, #{}\nlda r0, [p5, #0]", OWN + WORD))?;
    }
    for side in place.before() {
        w.ops(&format!("movxm p5, #{}\nst r0, [p5, #0]", side.memory + WORD))?;
        lock(w, "rel", side.locks + SAID, "r3")?;
    }
    w.end(LOCK)?;
    Ok(())
}
