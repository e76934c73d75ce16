//! How cores come to one cutoff: sums go from core to core through the memories that neighbours share, up each column and east along the top; the last core
//! makes the cutoff, which goes back west and down.
//!
//! A core reads and writes the memory of its neighbours to the south, west and north, and their locks. So a core takes the sums of the one below it (those
//! at the top also of the one to the west), and hands the cutoff to the same. Nothing is overwritten too early: a core has new sums only when it
//! has read the cutoff before, and whoever makes a cutoff has all sums.

use crate::NpuError;
use crate::array::CORES;
use crate::core::{LOCK, MOMENTS, OWN};
use crate::fixed::{BITS, Threshold};
use crate::write::Writer;

/// A core by column and row, from the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub column: usize,
    pub row: usize,
}

impl Place {
    /// The number of its slice: as the cores' results stand beside each other.
    pub(crate) const fn number(self) -> usize {
        CORES * self.column + self.row
    }

    const fn is_top(self) -> bool {
        self.row + 1 == CORES
    }

    /// The neighbours whose sums come to this core, and to which the cutoff goes.
    fn before(self) -> impl Iterator<Item = Side> {
        let south = (self.row > 0).then_some(SOUTH);
        let west = (self.is_top() && self.column > 0).then_some(WEST);
        [south, west].into_iter().flatten()
    }

    const fn is_last(self) -> bool {
        self.is_top() && self.column == 3
    }
}

/// A neighbour as a core sees it: where its memory begins, and its locks.
struct Side {
    memory: u32,
    locks: u8,
}

const SOUTH: Side = Side { memory: 0x40000, locks: 0 };
const WEST: Side = Side { memory: 0x50000, locks: 16 };
const HERE: Side = Side { memory: OWN, locks: 48 };

/// Offset of the cutoff in a core's memory, behind the sums.
pub(crate) const CUTOFF: u32 = MOMENTS + 0x100;
/// Locks of a core: its sums are there, the cutoff is there.
const SUMMED: u8 = 8;
const CUT: u8 = 10;
/// The first accumulator of sums, and how many there are.
const FIRST: u8 = 2;
const SUMS: u8 = 5;
/// Accumulators that are free.
const FREE: [u8; 4] = [0, 1, 7, 8];

fn lock(w: &mut Writer, what: &str, number: u8, by: &str) -> Result<(), NpuError> {
    w.end(LOCK)?.op(&format!("{what} #{number}, {by}"))?.end(LOCK)?;
    Ok(())
}

/// From the sums in the lanes of cm2 to cm6 to the cutoff in memory.
pub(crate) fn exchange(w: &mut Writer, threshold: &Threshold, place: Place) -> Result<(), NpuError> {
    fold(w)?;
    for side in place.before() {
        lock(w, "acq", side.locks + SUMMED, "r2")?;
        w.op(&format!("movxm p5, #{}", side.memory + MOMENTS))?;
        for n in 0..SUMS {
            let free = FREE[usize::from(n) % FREE.len()];
            w.ops(&format!("vlda amll{free}, [p5], #32\nvadd cm{0}, cm{0}, cm{free}, r19", FIRST + n))?;
        }
    }
    w.op(&format!("movxm p5, #{}", OWN + MOMENTS))?;
    for n in 0..SUMS {
        w.op(&format!("vst amll{}, [p5], #32", FIRST + n))?;
    }
    if place.is_last() {
        w.end(0)?;
        solve(w, threshold)?;
    } else {
        lock(w, "rel", HERE.locks + SUMMED, "r3")?;
        lock(w, "acq", HERE.locks + CUT, "r2")?;
        w.ops(&format!("movxm p5, #{}\nlda r0, [p5, #0]", OWN + CUTOFF))?;
    }
    for side in place.before() {
        w.ops(&format!("movxm p5, #{}\nst r0, [p5, #0]", side.memory + CUTOFF))?;
        lock(w, "rel", side.locks + CUT, "r3")?;
    }
    w.end(LOCK)?;
    Ok(())
}

/// Sixteen lanes of 64 bits to four.
fn fold(w: &mut Writer) -> Result<(), NpuError> {
    // The multiplier's configuration for sums of 64-bit lanes.
    w.op("mova r19, #2")?;
    for (to, from) in [("bml", "bmh"), ("amll", "amlh")] {
        for n in 0..SUMS {
            let free = FREE[usize::from(n) % FREE.len()];
            w.ops(&format!("vmov {to}{free}, {from}{0}\nvadd cm{0}, cm{0}, cm{free}, r19", FIRST + n))?;
        }
    }
    Ok(())
}

/// The largest number of so many bits of which a product is not above an unsigned bound, bit by bit: `product` says what is multiplied with what.
fn largest(w: &mut Writer, to: u8, bits: u32, bound: u8, product: &str) -> Result<(), NpuError> {
    w.ops(&format!("mova r{to}, #0\nmovxm r30, #{}\nmova r31, #-1", 1_u32 << (bits - 1)))?;
    for _ in 0..bits {
        w.ops(&format!(
            "or r28, r{to}, r30
             lshl r30, r30, r31
             mul r29, {product}
             ltu r27, r{bound}, r29
             sel.nez r{to}, r{to}, r28, r27"
        ))?;
    }
    Ok(())
}

/// The last core's sums to the cutoff in r0 and in memory: [`Threshold::cutoff`] with words of 32 bits. Pairs of registers hold 64 bits, the low half first.
fn solve(w: &mut Writer, threshold: &Threshold) -> Result<(), NpuError> {
    let n = threshold.neurons as u64;
    w.op(&format!("movxm p5, #{}", OWN + MOMENTS))?;
    // Four lanes each of h*h, h*l, l*l, h, l to r14:15, r16:17, r18:19, r20:21, r22:23.
    for sum in 0..SUMS {
        let to = 14 + 2 * sum;
        w.ops(&format!("lda r{to}, [p5], #4\nlda r{}, [p5], #4", to + 1))?;
        for word in 24..30 {
            w.op(&format!("lda r{word}, [p5], #4"))?;
        }
        for lane in [24, 26, 28] {
            w.ops(&format!("add r{to}, r{to}, r{lane}\nadc r{0}, r{0}, r{1}", to + 1, lane + 1))?;
        }
    }
    // z shifted up by 2^23. Sum: h * 2^16 + l + n * 2^23, in r20:21.
    shift_left(w, (20, 21), 16)?;
    w.ops("add r20, r20, r22\nadc r21, r21, r23")?;
    // Squares: h*h * 2^32 + h*l * 2^17 + l*l + sum * 2^24 + n * 2^46, in r18:19.
    shift_left(w, (16, 17), 17)?;
    w.ops("add r18, r18, r16\nadc r19, r19, r17\nadd r19, r19, r14\nmov r16, r20\nmov r17, r21")?;
    shift_left(w, (16, 17), BITS + 1)?;
    w.ops("add r18, r18, r16\nadc r19, r19, r17")?;
    constant(w, (18, 19), n << (2 * BITS))?;
    constant(w, (20, 21), n << BITS)?;
    // The mean in two halves of 12 bits, r22 and r23, the rest in r16.
    w.ops(&format!(
        "movxm r14, #{n}
         mova r24, #20
         lshl r16, r21, r24
         mova r24, #-12
         lshl r17, r20, r24
         or r16, r16, r17"
    ))?;
    largest(w, 22, 12, 16, "r28, r14")?;
    w.ops(
        "mul r24, r22, r14
         sub r16, r16, r24
         mova r24, #12
         lshl r16, r16, r24
         movxm r25, #4095
         and r25, r20, r25
         or r16, r16, r25",
    )?;
    largest(w, 23, 12, 16, "r28, r14")?;
    w.ops("mul r24, r23, r14\nsub r16, r16, r24")?;
    // mean * (sum + rest) by pieces of 12 and 20 bits, taken from the squares.
    w.ops(
        "mova r24, #0
         add r20, r20, r16
         adc r21, r21, r24
         movxm r25, #1048575
         and r16, r20, r25
         mova r24, #12
         lshl r17, r21, r24
         mova r25, #-20
         lshl r20, r20, r25
         or r17, r17, r20
         mul r20, r23, r16
         mova r21, #0",
    )?;
    take(w, "mul r26, r23, r17", 20)?;
    take(w, "mul r26, r22, r16", 12)?;
    w.ops("mul r26, r22, r17\nadd r21, r21, r26\nsub r18, r18, r20\nsbc r19, r19, r21")?;
    root(w)?;
    // r15: the root, r17: half the bits that it was shifted up. Two shifts, none beyond a word.
    w.ops(&format!(
        "movxm r24, #{factor}
         mul r15, r15, r24
         add r17, r17, #{shift}
         mova r24, #-1
         ashl r16, r17, r24
         sub r17, r16, r17
         mova r24, #0
         sub r16, r24, r16
         lshl r15, r15, r16
         lshl r15, r15, r17
         mova r24, #12
         lshl r22, r22, r24
         add r22, r22, r23
         movxm r24, #{middle}
         sub r22, r22, r24
         add r0, r22, r15
         movxm p5, #{cutoff}
         st r0, [p5, #0]",
        factor = threshold.factor,
        shift = threshold.shift,
        middle = 1 << BITS,
        cutoff = OWN + CUTOFF
    ))?
    .end(LOCK)?;
    Ok(())
}

/// Shifts a pair by fewer than 32 bits.
fn shift_left(w: &mut Writer, (low, high): (u8, u8), by: u32) -> Result<(), NpuError> {
    w.ops(&format!(
        "mova r24, #{by}
         mova r25, #-{down}
         lshl r{high}, r{high}, r24
         lshl r25, r{low}, r25
         or r{high}, r{high}, r25
         lshl r{low}, r{low}, r24",
        down = 32 - by
    ))?;
    Ok(())
}

/// Adds a constant to a pair.
fn constant(w: &mut Writer, (low, high): (u8, u8), value: u64) -> Result<(), NpuError> {
    let (down, up) = (value as u32 as i32, (value >> 32) as u32 as i32);
    w.ops(&format!("movxm r24, #{down}\nmovxm r25, #{up}\nadd r{low}, r{low}, r24\nadc r{high}, r{high}, r25"))?;
    Ok(())
}

/// Adds a product of 32 bits (in r26) to r20:21, shifted.
fn take(w: &mut Writer, product: &str, by: u32) -> Result<(), NpuError> {
    w.ops(&format!(
        "{product}
         mova r24, #{by}
         mova r25, #-{down}
         lshl r25, r26, r25
         lshl r26, r26, r24
         add r20, r20, r26
         adc r21, r21, r25",
        down = 32 - by
    ))?;
    Ok(())
}

/// The root of r18:19 to 16 bits: in r15, and in r17 half the (even) number of places by which it was shifted up.
fn root(w: &mut Writer) -> Result<(), NpuError> {
    // If the high word is zero, the low one takes its place.
    w.ops(
        "mova r24, #0
         mov r27, r19
         sel.nez r16, r19, r18, r27
         sel.nez r20, r18, r24, r27
         mova r25, #32
         sel.nez r21, r24, r25, r27
         clz r26, r16
         mova r25, #-2
         and r26, r26, r25
         lshl r16, r16, r26
         mova r25, #-1
         lshl r20, r20, r25
         add r28, r26, #-31
         lshl r20, r20, r28
         or r16, r16, r20
         add r17, r21, r26
         ashl r17, r17, r25",
    )?;
    largest(w, 15, 16, 16, "r28, r28")
}
