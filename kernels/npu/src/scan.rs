//! The program of a core that finds the active neurons of its slice, token by token: the definition stands in [`fixed`](crate::fixed).
//!
//! First a pass over the slice makes `z` and the sums that the cutoff asks for ([`cutoff`](crate::cutoff)). A second one gives every neuron a step: four
//! bytes if `z` is above the cutoff, else none. With that a third one writes every neuron's number and moves on only behind active ones: a list without
//! a jump, one bundle a neuron. Then only active neurons are left, 32 at a time: their `z`, one look into GELU's table each, and the product.
//!
//! Registers: those of [`core`](crate::core) but r0, which holds the cutoff; r4 tokens left; r5 the active neurons, r6 those that are written; r14 groups
//! of 32 left; r8, r9, r24 and r25 modes of the shuffle network and of the multiplier; p7 the token's scale; x10 and x11 constants.

use unicorn_kernels_xdna::isa::Assembled;

use crate::core::{self, LOCK, OWN};
use crate::exchange::{self, Place};
use crate::fixed::Threshold;
use crate::inner::memory;
use crate::lanes::{self, BOTH_SIGNED_64, SIGNED, SIGNED_64, UNSIGNED, UNSIGNED_64, quarters, scaled};
use crate::topk::{HEADER, Slice};
use crate::write::{Writer, draft};
use crate::{NpuError, cutoff};

/// Offsets in a core's memory: multipliers with scales behind them, the list (its neurons as bytes from the begin of `z`), words of 32 neurons, the table.
const SETUP: u32 = 0;
const LIST: u32 = 0x2000;
const WORDS: u32 = 0x3400;
pub(crate) const TABLE: u32 = 0x3800;
/// `z` of the slice; and, behind the blocks of gate results, a step for each neuron.
const Z: u32 = 0x4000;
pub(crate) const STEPS: u32 = 0xB000;

/// Regions of memory with their banks.
const SETUPS: (u32, u8) = (0, 0);
const BLOCKS: (u32, u8) = (1, 2);
const RESULTS: (u32, u8) = (3, 3);
const ZS: (u32, u8) = (4, 1);
const STEP: (u32, u8) = (5, 2);
const LISTS: (u32, u8) = (6, 0);
const OFFSETS: (u32, u8) = (7, 0);
const TABLES: (u32, u8) = (8, 0);
const ENTRIES: (u32, u8) = (9, 0);

/// The program for a slice of neurons on the core at a place.
pub(crate) fn program(slice: &Slice, threshold: &Threshold, place: Place) -> Result<Assembled, NpuError> {
    let flow = slice.flow();
    let mut w = Writer::default();
    core::start(&mut w, &flow)?;
    lanes::modes(&mut w)?;
    w.ops("vbcst.16 x10, r3\nmovxm r1, #255\nvbcst.16 x11, r1")?;
    core::await_block(&mut w, 0)?;
    w.ops(&format!("movxm p3, #{}\nlda r4, [p4, #0]\nmova r5, #{}", OWN + SETUP, slice.setup_blocks()))?.label("setup")?;
    core::take_block(&mut w, 0)?;
    core::copy_block(&mut w, &flow, 0, "p3")?;
    core::give_block(&mut w, 0)?;
    w.op("add r5, r5, #-1")?.jump("jnz r5, setup")?;
    w.op(&format!("movxm p7, #{}", OWN + SETUP + slice.scales_at() as u32))?.label("token")?;
    core::take_block(&mut w, 0)?;
    sums(&mut w, slice)?;
    core::give_block(&mut w, 0)?;
    cutoff::fold(&mut w)?;
    exchange::exchange(&mut w, place, cutoff::join, cutoff::keep, |w| cutoff::solve(w, threshold))?;
    list(&mut w, slice, place)?;
    core::take_results(&mut w)?;
    w.end(LOCK)?;
    values(&mut w, slice, place)?;
    core::give_results(&mut w)?;
    w.op("add r4, r4, #-1")?.jump("jnz r4, token")?.jump("j call")?;
    w.assemble()
}

/// Makes `z` of the block at p1, and in cm2 to cm6 lanes whose sums are those of `h * h`, `h * l`, `l * l`, `h` and `l`, with `z = h * 2^16 + l`.
fn sums(w: &mut Writer, slice: &Slice) -> Result<(), NpuError> {
    w.ops(&format!(
        "movxm p0, #{setup}
         movxm p2, #{z}
         mov s1, #0
         movxm r24, #{SIGNED}
         movxm r25, #{UNSIGNED}
         movxm r16, #{BOTH_SIGNED_64}
         movxm r17, #{SIGNED_64}
         movxm r18, #{UNSIGNED_64}",
        setup = OWN + SETUP,
        z = OWN + Z
    ))?;
    for accumulator in 2..7 {
        w.op(&format!("vclr cm{accumulator}"))?;
    }
    let mut body = Vec::new();
    for to in ["wl0", "wh0", "wl1", "wh1"] {
        body.push(memory(&format!("vlda {to}, [p1], #32"), BLOCKS)?);
    }
    for to in ["wl2", "wh2"] {
        body.push(memory(&format!("vldb {to}, [p0], #32"), SETUPS)?);
    }
    body.extend(scaled(["x0", "x1"], "x2", ["cm0", "cm1"])?);
    for part in quarters(1) {
        body.push(memory(&format!("vst {part}, [p2], #32"), ZS)?);
    }
    let statistics = "vmov x6, bml1
         vmov x7, bmh1
         vshuffle x8, x6, x7, r8
         vshuffle x9, x6, x7, r9
         vmac cm2, cm2, x9, x9, r16
         vmac cm3, cm3, x9, x8, r17
         vmac cm4, cm4, x8, x8, r18
         vmac cm5, cm5, x9, x10, r16
         vmac cm6, cm6, x8, x10, r18";
    for text in statistics.lines() {
        body.push(draft(text.trim())?);
    }
    w.looped("sums", 1, slice.lanes() / 32, &body, 7)?.end(LOCK)?;
    Ok(())
}

/// Lists the slice's active neurons; their number in r5, that of those for which there is room in r6.
fn list(w: &mut Writer, slice: &Slice, place: Place) -> Result<(), NpuError> {
    w.ops(&format!(
        "vbcst.32 x2, r0
         mova r1, #0
         vbcst.32 x3, r1
         mova r1, #4
         vbcst.32 x4, r1
         movxm p5, #{z}
         movxm p6, #{steps}",
        z = OWN + Z,
        steps = OWN + STEPS
    ))?;
    let steps = [
        memory("vlda wl0, [p5], #32", ZS)?,
        memory("vlda wh0, [p5], #32", ZS)?,
        draft("vlt.s32 r16, x2, x0")?,
        draft("vsel.32 x1, x3, x4, r16")?,
        memory("vst wl1, [p6], #32", STEP)?,
        memory("vst wh1, [p6], #32", STEP)?,
    ];
    w.looped("steps", 1, slice.lanes() / 16, &steps, 2)?;
    w.ops(&format!("movxm p6, #{}\nmovxm p5, #{}\nmova r15, #0", OWN + STEPS, OWN + LIST))?;
    let list = [memory("lda m1, [p6], #4", STEP)?, memory("st r15, [p5], m1", LISTS)?, draft("add r15, r15, #4")?];
    w.looped("list", 1, slice.lanes(), &list, 1)?;
    // Padding has z = 0 and stands behind the neurons: either all of it is in the list or none.
    w.ops(&format!(
        "mov r5, p5
         movxm r16, #{list}
         sub r5, r5, r16
         mova r17, #-2
         lshl r5, r5, r17
         mova r16, #0
         lt r27, r0, r16
         movxm r18, #{padding}
         sel.nez r18, r18, r16, r27
         sub r5, r5, r18
         movxm r16, #{room}
         lt r27, r5, r16
         sel.nez r6, r5, r16, r27",
        list = OWN + LIST,
        padding = slice.padding(place),
        room = slice.room
    ))?
    .end(LOCK)?;
    Ok(())
}

/// Writes the record at p2: the number of active neurons, the cutoff, numbers, values.
fn values(w: &mut Writer, slice: &Slice, place: Place) -> Result<(), NpuError> {
    // Groups of 32; the last one's rest finds what stood in the list before.
    w.ops(&format!(
        "st r5, [p2], #4
         st r0, [p2], #{}
         mova r16, #31
         add r14, r6, r16
         mova r16, #-5
         lshl r14, r14, r16
         mova r16, #5
         lshl r15, r14, r16
         lda r19, [p7], #4",
        4 * HEADER - 4
    ))?
    .end(0)?
    .jump("jz r14, written")?;
    w.ops(&format!(
        "movxm p5, #{list}
         movxm p6, #{z}
         mov p3, p2
         movxm m1, #{values}
         padda [p3], m1
         mov p0, p3
         mova r16, #-2
         movxm r17, #{first}",
        list = OWN + LIST,
        z = OWN + Z,
        values = 4 * slice.room,
        first = slice.first(place)
    ))?;
    let gather = [
        memory("lda r20, [p5], #4", LISTS)?,
        draft("mov dj0, r20")?,
        memory("lda r21, [p6, dj0]", ZS)?,
        draft("lshl r22, r20, r16")?,
        draft("add r22, r22, r17")?,
        memory("st r22, [p2], #4", RESULTS)?,
        draft("sub r23, r21, r0")?,
        memory("st r23, [p3], #4", RESULTS)?,
    ];
    w.looped_by("gather", 1, (15, 32), &gather, 3)?;
    // The scale taken apart: see `Scale::word`.
    w.ops(&format!(
        "movxm r24, #{SIGNED}
         movxm r25, #{UNSIGNED}
         movxm r16, #32767
         and r17, r19, r16
         vbcst.16 x9, r17
         mova r16, #-16
         lshl r17, r19, r16
         mova r16, #255
         and r17, r17, r16
         mov s1, r17
         mova r16, #-24
         lshl r17, r19, r16
         mov s2, r17"
    ))?;
    w.label("group")?;
    arguments(w)?;
    look_up(w)?;
    products(w)?;
    w.op("add r14, r14, #-1")?.jump("jnz r14, group")?.label("written")?;
    Ok(())
}

/// Of 32 values `u` at p0: cm0 has them, x1 GELU's arguments, and the table's offsets stand among the words.
fn arguments(w: &mut Writer) -> Result<(), NpuError> {
    w.op(&format!("movxm p5, #{}", OWN + WORDS))?;
    for (n, part) in quarters(0).iter().enumerate() {
        w.op(&format!("vlda {part}, [p0, #{}]", 32 * n))?;
    }
    w.ops(
        "vsrs.s16.s32 x0, cm0, s1
         vmul cm1, x0, x9, r24
         vsrs.d16.s32 x1, cm1, s2
         mov s3, #0
         vups.s32.d16 cm2, x1, s3
         mov s3, #8
         vsrs.d16.s32 x2, cm2, s3
         mov s3, #2
         vups.s32.d16 cm2, x2, s3",
    )?;
    for part in quarters(2) {
        w.op(&format!("vst {part}, [p5], #32"))?;
    }
    w.end(0)?;
    Ok(())
}

/// Puts the table's entries in the place of 32 offsets.
fn look_up(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!("movxm p5, #{}\nmov p3, p5\nmovxm p6, #{}", OWN + WORDS, OWN + TABLE))?;
    // Offsets and entries are one memory by two names: an entry is written behind the reading of its own offset, and no other meets it.
    let body = [memory("lda dj0, [p5], #4", OFFSETS)?, memory("lda r20, [p6, dj0]", TABLES)?, memory("st r20, [p3], #4", ENTRIES)?];
    w.looped("entries", 1, 32, &body, 2)?;
    Ok(())
}

/// The values themselves, in the place of `u`.
fn products(w: &mut Writer) -> Result<(), NpuError> {
    w.op(&format!("movxm p5, #{}", OWN + WORDS))?;
    for to in ["wl6", "wh6", "wl7", "wh7"] {
        w.op(&format!("vlda {to}, [p5], #32"))?;
    }
    w.ops(
        "vshuffle x2, x6, x7, r8
         vshuffle x3, x6, x7, r9
         vband x4, x1, x11
         vmul cm1, x3, x4, r25
         mov s3, #8
         vsrs.s16.s32 x5, cm1, s3
         vadd.16 x2, x2, x5
         vmov x6, bml0
         vmov x7, bmh0
         mov r18, s1
         mov s1, #0",
    )?;
    w.drafts(scaled(["x6", "x7"], "x2", ["cm1", "cm2"])?);
    w.op("mov s1, r18")?;
    for part in quarters(2) {
        w.op(&format!("vst {part}, [p0], #32"))?;
    }
    w.end(LOCK)?;
    Ok(())
}
