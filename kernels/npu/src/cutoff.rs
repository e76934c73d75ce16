//! From sums in the lanes of accumulators to the cutoff: lanes are folded on every core, added up from core to core ([`exchange`](crate::exchange)), and
//! the last core does the rest with scalars: [`Threshold::cutoff`] in words of 32 bits.

use crate::NpuError;
use crate::core::{MOMENTS, OWN};
use crate::fixed::{BITS, Threshold};
use crate::lanes::largest;
use crate::write::Writer;

/// The first accumulator of sums, and how many there are.
const FIRST: u8 = 2;
const SUMS: u8 = 5;
/// Accumulators that are free.
const FREE: [u8; 4] = [0, 1, 7, 8];

/// Adds the sums at p5.
pub(crate) fn join(w: &mut Writer) -> Result<(), NpuError> {
    for n in 0..SUMS {
        let free = FREE[usize::from(n) % FREE.len()];
        w.ops(&format!("vlda amll{free}, [p5], #32\nvadd cm{0}, cm{0}, cm{free}, r19", FIRST + n))?;
    }
    Ok(())
}

/// Writes the sums to p5.
pub(crate) fn keep(w: &mut Writer) -> Result<(), NpuError> {
    for n in 0..SUMS {
        w.op(&format!("vst amll{}, [p5], #32", FIRST + n))?;
    }
    Ok(())
}

/// Sixteen lanes of 64 bits to four. Leaves in r19 the configuration with which accumulators are added.
pub(crate) fn fold(w: &mut Writer) -> Result<(), NpuError> {
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

/// The last core's sums, as it has kept them, to the cutoff in r0. Pairs of registers hold 64 bits, the low half first.
pub(crate) fn solve(w: &mut Writer, threshold: &Threshold) -> Result<(), NpuError> {
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
         add r0, r22, r15",
        factor = threshold.factor,
        shift = threshold.shift,
        middle = 1 << BITS
    ))?;
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
