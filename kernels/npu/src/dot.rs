//! The program of a core that multiplies rows of weights by tokens: group of rows after group of rows, each of them block by block.

use unicorn_kernels_xdna::isa::Assembled;

use crate::NpuError;
use crate::call::{Cut, Sharing};
use crate::core::{self, LOCK, MOMENTS, OWN};
use crate::inner;
use crate::write::Writer;

/// Pointers to a channel's activations: one for all panels, or one each.
const POINTERS: [[&str; 3]; 2] = [["p0", "p5", "p6"], ["p2", "p3", "p7"]];

/// The program for the core `row` (0 the lowest) of any column. Its parameter is the number of groups.
pub(crate) fn program(cut: &Cut, row: usize) -> Result<Assembled, NpuError> {
    let flow = cut.flow();
    let mut w = Writer::default();
    core::start(&mut w, &flow)?;
    activations(&mut w, cut, row)?;
    w.op("lda r4, [p4, #0]")?;
    let statistics = cut.sharing == Sharing::Outputs;
    if statistics {
        clear_moments(&mut w)?;
    }
    w.label("group")?;
    rows(&mut w, cut)?;
    core::take_results(&mut w)?;
    core::store(&mut w, cut.accumulators())?;
    if statistics {
        add_moments(&mut w, cut)?;
    }
    core::give_results(&mut w)?;
    w.op("add r4, r4, #-1")?.jump("jnz r4, group")?;
    if statistics {
        give_moments(&mut w)?;
    }
    w.jump("j call")?;
    w.assemble()
}

/// Channels of a core, with their pointers.
fn channels(cut: &Cut) -> impl Iterator<Item = (usize, [&'static str; 3])> {
    POINTERS.into_iter().enumerate().take(cut.channels())
}

/// Takes the activations in: the core's own blocks are copied, those for the other cores of its column let pass.
fn activations(w: &mut Writer, cut: &Cut, row: usize) -> Result<(), NpuError> {
    let blocks = cut.activation_blocks();
    for (channel, pointers) in channels(cut) {
        w.op(&format!("movxm {}, #{}", pointers[0], OWN + (channel * blocks * cut.block()) as u32))?;
    }
    let phases = match cut.sharing {
        Sharing::Outputs => [0, blocks, 0],
        Sharing::Tokens { .. } => [row * blocks, blocks, (3 - row) * blocks],
    };
    for (phase, count) in phases.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        w.op(&format!("mova r5, #{count}"))?.label(&format!("activations{phase}"))?;
        for (channel, pointers) in channels(cut) {
            core::take_block(w, channel)?;
            if phase == 1 {
                core::copy_block(w, &cut.flow(), channel, pointers[0])?;
            }
            core::give_block(w, channel)?;
        }
        w.op("add r5, r5, #-1")?.jump(&format!("jnz r5, activations{phase}"))?;
    }
    Ok(())
}

/// Multiplies one group of rows, block by block.
fn rows(w: &mut Writer, cut: &Cut) -> Result<(), NpuError> {
    for accumulator in 0..cut.accumulators() {
        w.op(&format!("vclr cm{accumulator}"))?;
    }
    w.op(&format!("mova r5, #{}", cut.channel_chunks()))?;
    let pointers = if cut.panels() == 3 { 3 } else { 1 };
    for (channel, names) in channels(cut) {
        for (panel, name) in names.iter().enumerate().take(pointers) {
            let at = channel * cut.activation_blocks() * cut.block() + panel * cut.channel_chunks() * cut.chunk * 8;
            w.op(&format!("movxm {name}, #{}", OWN + at as u32))?;
        }
    }
    w.label("blocks")?;
    for (channel, names) in channels(cut) {
        core::take_block(w, channel)?;
        let body = inner::products(cut.shape.weights, cut.sharing, &names[..pointers])?;
        w.looped(&format!("products{channel}"), 1, cut.chunk / body.inputs, &body.drafts, body.products)?;
        core::give_block(w, channel)?;
    }
    w.op("add r5, r5, #-1")?.jump("jnz r5, blocks")?;
    Ok(())
}

/// Zeroes sums and squares, and sets up what takes a result apart.
fn clear_moments(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!("movxm p2, #{}\nmova r6, #0\nvbcst.32 x0, r6\nmova r14, #-14\nmovxm r15, #16383", OWN + MOMENTS))?;
    for _ in 0..16 {
        w.op("vst wl0, [p2], #32")?;
    }
    w.end(LOCK)?;
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
    w.ops("padda [p6], #4\npadda [p7], #4\nadd r6, r6, #-1")?.end(LOCK)?.jump("jnz r6, token")?;
    Ok(())
}

/// Gives sums and squares out as if they were results.
fn give_moments(w: &mut Writer) -> Result<(), NpuError> {
    core::take_results(w)?;
    w.op(&format!("movxm p5, #{}", OWN + MOMENTS))?.drafts(inner::moments_out()?);
    core::give_results(w)
}
