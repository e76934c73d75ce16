//! What the programs of all cores share: the memory's map, locks, and the way of a block in and of results out. A program never ends: each call finds it
//! waiting for activations.
//!
//! Registers: r0 the multiplier's configuration, r2 -1, r3 1, r10 and r11 the next block of channel 0 and what turns its address into the other's, r9 and r8
//! those of channel 1, r12 and r13 those of the results; m0 32; p1 the block at hand, p4 the parameters.

use crate::NpuError;
use crate::flow::Flow;
use crate::inner;
use crate::write::Writer;

/// Core-side addresses: the own memory begins here.
pub(crate) const OWN: u32 = 0x70000;
/// Offset of the results in a core's memory.
pub(crate) const RESULTS: u32 = 0xE000;
/// Offset of the sums and squares so far, laid out as results are.
pub(crate) const MOMENTS: u32 = 0xF000;
/// Offset of the parameters of a call, two words.
pub(crate) const PARAMETERS: u32 = 0xF800;

/// Own locks as instructions number them.
const OWN_LOCKS: u8 = 48;
/// Locks of a core: results free and full.
pub(crate) const RESULT_LOCKS: (u8, u8) = (4, 5);

/// Locks of a core: blocks of a channel free and full.
pub(crate) const fn block_locks(channel: usize) -> (u8, u8) {
    (2 * channel as u8, 2 * channel as u8 + 1)
}

/// Empty bundles behind a lock, so that the next lock or memory access may follow.
pub(crate) const LOCK: usize = 4;

/// What turns the address of one of two buffers into that of the other.
const fn toggle(at: u32, bytes: usize) -> u32 {
    (OWN + at) ^ (OWN + at + bytes as u32)
}

/// Sets the registers up; then comes the label `call`.
pub(crate) fn start(w: &mut Writer, flow: &Flow) -> Result<(), NpuError> {
    w.ops(&format!(
        "movxm r0, #{}
         mova r2, #-1
         mova r3, #1
         mova m0, #32
         movxm p4, #{}
         movxm r12, #{}
         movxm r13, #{}",
        inner::INT8_4X8X8,
        OWN + PARAMETERS,
        OWN + RESULTS,
        toggle(RESULTS, flow.buffer),
    ))?;
    for (channel, (at, other)) in BLOCKS.into_iter().enumerate().take(flow.channels()) {
        let first = flow.block_at(channel);
        w.ops(&format!("movxm r{at}, #{}\nmovxm r{other}, #{}", OWN + first, toggle(first, flow.block)))?;
    }
    w.label("call")?;
    Ok(())
}

/// Registers with a channel's next block, and with what turns it into the other.
const BLOCKS: [(u8, u8); 2] = [(10, 11), (9, 8)];

/// Waits for a block and points p1 to it.
pub(crate) fn take_block(w: &mut Writer, channel: usize) -> Result<(), NpuError> {
    let (at, toggle) = BLOCKS[channel];
    let full = OWN_LOCKS + block_locks(channel).1;
    w.ops(&format!("acq #{full}, r2\nmov p1, r{at}\nxor r{at}, r{at}, r{toggle}"))?.end(LOCK)?;
    Ok(())
}

/// Waits for a block without taking it.
pub(crate) fn await_block(w: &mut Writer, channel: usize) -> Result<(), NpuError> {
    let full = OWN_LOCKS + block_locks(channel).1;
    w.op(&format!("acq #{full}, r2"))?.end(LOCK)?.op(&format!("rel #{full}, r3"))?.end(LOCK)?;
    Ok(())
}

/// Gives a block back.
pub(crate) fn give_block(w: &mut Writer, channel: usize) -> Result<(), NpuError> {
    w.op(&format!("rel #{}, r3", OWN_LOCKS + block_locks(channel).0))?.end(LOCK)?;
    Ok(())
}

/// Copies the block at hand to a pointer, which moves on.
pub(crate) fn copy_block(w: &mut Writer, flow: &Flow, channel: usize, to: &str) -> Result<(), NpuError> {
    w.end(LOCK)?.looped(&format!("copy{channel}"), 1, flow.block / 32, &inner::copy(to)?, 1)?.end(LOCK)?;
    Ok(())
}

/// Waits for a free buffer of results and points p2 and r7 to it.
pub(crate) fn take_results(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!("acq #{}, r2\nmov p2, r12\nmov r7, r12\nxor r12, r12, r13", OWN_LOCKS + RESULT_LOCKS.0))?;
    Ok(())
}

/// Stores accumulators at p2.
pub(crate) fn store(w: &mut Writer, accumulators: usize) -> Result<(), NpuError> {
    for accumulator in 0..accumulators {
        for part in ["amll", "amlh", "amhl", "amhh"] {
            w.op(&format!("vst {part}{accumulator}, [p2], #32"))?;
        }
    }
    w.end(LOCK)?;
    Ok(())
}

/// Says that the results are there.
pub(crate) fn give_results(w: &mut Writer) -> Result<(), NpuError> {
    w.end(LOCK)?.op(&format!("rel #{}, r3", OWN_LOCKS + RESULT_LOCKS.1))?.end(LOCK)?;
    Ok(())
}
