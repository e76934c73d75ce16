//! The program of a core: takes activations in, then block after block of weights, and gives out results group by group. It never ends: each call finds it
//! waiting for activations.

use unicorn_kernels_xdna::isa::{Assembled, Program};

use crate::NpuError;
use crate::call::{Cut, Sharing};
use crate::inner;
use crate::write::Writer;

/// Core-side addresses: the own memory begins here.
const OWN: u32 = 0x70000;
/// Offset in data memory of the sums and squares so far, laid out as results are.
const MOMENTS: u32 = 0xF000;
/// Offset of the word that says how many groups of rows follow.
pub(crate) const GROUPS: u32 = 0xF800;
/// Offset of the results.
const RESULTS: u32 = 0xE000;
/// Pointers to a channel's activations: one for all panels, or one each.
const POINTERS: [[&str; 3]; 2] = [["p0", "p5", "p6"], ["p2", "p3", "p7"]];

/// Locks of a core: blocks of channel `c` free and full, results free and full.
pub(crate) const fn block_locks(channel: usize) -> (u8, u8) {
    (2 * channel as u8, 2 * channel as u8 + 1)
}
/// See [`block_locks`].
pub(crate) const RESULT_LOCKS: (u8, u8) = (4, 5);
/// Own locks as instructions number them.
const OWN_LOCKS: u8 = 48;

/// Bytes of one buffer of results: a group's rows by 8 tokens of 32 bits, panel after panel.
pub(crate) const fn result_bytes(cut: &Cut) -> u32 {
    (32 * cut.group() * cut.panels()) as u32
}

/// Offset of the first buffer of results; the second one follows it.
pub(crate) const fn results_at() -> u32 {
    RESULTS
}

/// Offset of a channel's first block, in a bank without activations; the second one follows it.
pub(crate) const fn block_at(cut: &Cut, channel: usize) -> u32 {
    (cut.sharing.room() + 2 * channel * cut.block()) as u32
}

/// The program for the core `row` (0 the lowest) of any column.
pub(crate) fn program(cut: &Cut, row: usize) -> Result<Program, NpuError> {
    let mut w = Writer::default();
    w.ops(&format!(
        "movxm r0, #{config}
         mova r2, #-1
         mova r3, #1
         movxm r11, #{toggle}
         movxm r12, #{results}
         movxm r13, #{result_toggle}
         mova r14, #-14
         movxm r15, #16383
         movxm p4, #{groups}
         mova m0, #32
         movxm r10, #{block}",
        config = inner::INT8_4X8X8,
        toggle = block_toggle(cut, 0),
        results = OWN + RESULTS,
        result_toggle = result_toggle(cut),
        groups = OWN + GROUPS,
        block = OWN + block_at(cut, 0),
    ))?;
    if cut.channels() == 2 {
        w.ops(&format!("movxm r9, #{}\nmovxm r8, #{}", OWN + block_at(cut, 1), block_toggle(cut, 1)))?;
    }
    w.label("call")?;
    activations(&mut w, cut, row)?;
    w.op("lda r4, [p4, #0]")?;
    if cut.sharing == Sharing::Outputs {
        clear_moments(&mut w)?;
    }
    w.label("group")?;
    rows(&mut w, cut)?;
    results(&mut w, cut)?;
    w.op("add r4, r4, #-1")?.jump("jnz r4, group")?;
    if cut.sharing == Sharing::Outputs {
        give_moments(&mut w)?;
    }
    w.jump("j call")?;
    w.finish()
}

/// Assembles [`program`].
pub(crate) fn assemble(cut: &Cut, row: usize) -> Result<Assembled, NpuError> {
    Ok(program(cut, row)?.assemble()?)
}

/// What turns the address of one of two buffers into that of the other.
fn toggle(at: u32, bytes: u32) -> u32 {
    (OWN + at) ^ (OWN + at + bytes)
}

fn block_toggle(cut: &Cut, channel: usize) -> u32 {
    toggle(block_at(cut, channel), cut.block() as u32)
}

fn result_toggle(cut: &Cut) -> u32 {
    toggle(RESULTS, result_bytes(cut))
}

/// Empty bundles behind a lock, so that the next lock or memory access may follow.
const LOCK: usize = 4;

/// Waits for a block and points p1 to it.
fn take_block(w: &mut Writer, channel: usize) -> Result<(), NpuError> {
    let (at, toggle) = if channel == 0 { (10, 11) } else { (9, 8) };
    let full = OWN_LOCKS + block_locks(channel).1;
    w.ops(&format!("acq #{full}, r2\nmov p1, r{at}\nxor r{at}, r{at}, r{toggle}"))?.end(LOCK)?;
    Ok(())
}

/// Gives a block back.
fn give_block(w: &mut Writer, channel: usize) -> Result<(), NpuError> {
    w.op(&format!("rel #{}, r3", OWN_LOCKS + block_locks(channel).0))?.end(LOCK)?;
    Ok(())
}

/// Takes the activations in: the core's own blocks are copied, those for the other cores of its column let pass.
fn activations(w: &mut Writer, cut: &Cut, row: usize) -> Result<(), NpuError> {
    let blocks = cut.activation_blocks();
    let own = OWN;
    for channel in 0..cut.channels() {
        let base = own + (channel * blocks * cut.block()) as u32;
        w.op(&format!("movxm {}, #{base}", POINTERS[channel][0]))?;
    }
    let phases = match cut.sharing {
        Sharing::Outputs => [0, blocks, 0],
        Sharing::Tokens { .. } => [row * blocks, blocks, (3 - row) * blocks],
    };
    for (phase, count) in phases.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        w.op(&format!("mova r5, #{count}"))?.label(&format!("activations{phase}"))?;
        for channel in 0..cut.channels() {
            take_block(w, channel)?;
            if phase == 1 {
                w.end(4)?.looped(&format!("copy{channel}"), 1, cut.block() / 32, &inner::copy(POINTERS[channel][0])?, 1)?.end(4)?;
            }
            give_block(w, channel)?;
        }
        w.op("add r5, r5, #-1")?.jump(&format!("jnz r5, activations{phase}"))?;
    }
    Ok(())
}

/// Accumulators in use: a group's row tiles for each panel.
const fn accumulators(cut: &Cut) -> usize {
    cut.group() / 4 * cut.panels()
}

/// Multiplies one group of rows, block by block.
fn rows(w: &mut Writer, cut: &Cut) -> Result<(), NpuError> {
    for accumulator in 0..accumulators(cut) {
        w.op(&format!("vclr cm{accumulator}"))?;
    }
    w.op(&format!("mova r5, #{}", cut.channel_chunks()))?;
    let pointers = if cut.panels() == 3 { 3 } else { 1 };
    for (channel, names) in POINTERS.iter().enumerate().take(cut.channels()) {
        for (panel, name) in names.iter().enumerate().take(pointers) {
            let at = channel * cut.activation_blocks() * cut.block() + panel * cut.channel_chunks() * cut.chunk * 8;
            w.op(&format!("movxm {name}, #{}", OWN + at as u32))?;
        }
    }
    w.label("blocks")?;
    for channel in 0..cut.channels() {
        take_block(w, channel)?;
        let body = inner::products(cut.shape.weights, cut.sharing, &POINTERS[channel][..pointers])?;
        w.looped(&format!("products{channel}"), 1, cut.chunk / body.inputs, &body.drafts, body.products)?;
        give_block(w, channel)?;
    }
    w.op("add r5, r5, #-1")?.jump("jnz r5, blocks")?;
    Ok(())
}

/// Gives the results of a group out.
fn results(w: &mut Writer, cut: &Cut) -> Result<(), NpuError> {
    w.ops(&format!("acq #{}, r2\nmov p2, r12\nmov r7, r12\nxor r12, r12, r13", OWN_LOCKS + RESULT_LOCKS.0))?;
    for accumulator in 0..accumulators(cut) {
        for part in ["amll", "amlh", "amhl", "amhh"] {
            w.op(&format!("vst {part}{accumulator}, [p2], #32"))?;
        }
    }
    w.end(4)?;
    if cut.sharing == Sharing::Outputs {
        add_moments(w, cut)?;
    }
    w.op(&format!("rel #{}, r3", OWN_LOCKS + RESULT_LOCKS.1))?.end(0)?;
    Ok(())
}

/// Zeroes sums and squares.
fn clear_moments(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!("movxm p2, #{}\nmova r6, #0\nvbcst.32 x0, r6", OWN + MOMENTS))?;
    for _ in 0..16 {
        w.op("vst wl0, [p2], #32")?;
    }
    w.end(4)?;
    Ok(())
}

/// Adds the results at r7 to sums and squares, token by token.
///
/// Sixteen products of `h` and `l` stay within 32 bits up to rows of 8192 inputs, which no shape here exceeds.
fn add_moments(w: &mut Writer, cut: &Cut) -> Result<(), NpuError> {
    w.ops(&format!("movxm p6, #{}\nmov p7, r7\nmova r6, #{}\nmova r28, #-31\nmova r29, #0", OWN + MOMENTS, cut.shape.tokens))?.label("token")?;
    w.ops("mov p5, p7\nmova r16, #0\nmova r17, #0\nmova r18, #0\nmova r19, #0")?;
    w.looped("moments", 1, 16, &inner::moments()?, 9)?;
    w.ops("mov p5, p6\nmov p3, p6\nashl r30, r16, r28\nashl r31, r18, r28")?;
    // Each of the four sums is 64 bits long in memory, in two words. What is added is signed for the first and third.
    for word in 20..28 {
        w.op(&format!("lda r{word}, [p5], #32"))?;
    }
    for (n, high) in ["r30", "r29", "r31", "r29"].into_iter().enumerate() {
        let (low, to) = (16 + n, 20 + 2 * n);
        w.ops(&format!("add r{to}, r{to}, r{low}\nadc r{0}, r{0}, {high}\nst r{to}, [p3], #32\nst r{0}, [p3], #32", to + 1))?;
    }
    w.ops("padda [p6], #4\npadda [p7], #4\nadd r6, r6, #-1")?.end(4)?.jump("jnz r6, token")?;
    Ok(())
}

/// Gives sums and squares out as if they were results.
fn give_moments(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!("acq #{}, r2\nmov p2, r12\nxor r12, r12, r13\nmovxm p5, #{}", OWN_LOCKS + RESULT_LOCKS.0, OWN + MOMENTS))?;
    w.drafts(inner::moments_out()?).end(4)?.op(&format!("rel #{}, r3", OWN_LOCKS + RESULT_LOCKS.1))?.end(0)?;
    Ok(())
}
