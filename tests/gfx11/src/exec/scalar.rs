//! Scalar instructions.

use super::fault::Fault;
use super::wave::Wave;
use crate::isa::{Sop1, Sop2, Sopc, Sopk, Source, register};

/// Rounding and denormals as a wave has them in its mode register; the only ones executed here are to the nearest.
fn mode(w: &Wave) -> u32 {
    0xC0 | if w.flush { 0 } else { 0x30 } | 0x300
}

pub(super) fn sop2(w: &mut Wave, op: Sop2, dst: u8, src: [Source; 2]) {
    use Sop2::*;
    if op.dst().registers() == 2 {
        return sop2_wide(w, op, dst, src);
    }
    let (a, b) = (w.one32(src[0]), w.one32(src[1]));
    let (ia, ib) = (a as i32, b as i32);
    let bits = |value: u32| (value, Some(value != 0));
    let (value, scc) = match op {
        AddU32 => (a.wrapping_add(b), Some(a.checked_add(b).is_none())),
        SubU32 => (a.wrapping_sub(b), Some(b > a)),
        AddI32 => (a.wrapping_add(b), Some(ia.checked_add(ib).is_none())),
        SubI32 => (a.wrapping_sub(b), Some(ia.checked_sub(ib).is_none())),
        AddcU32 => {
            let sum = u64::from(a) + u64::from(b) + u64::from(w.scc);
            (sum as u32, Some(sum >> 32 != 0))
        }
        SubbU32 => (a.wrapping_sub(b).wrapping_sub(u32::from(w.scc)), Some(u64::from(b) + u64::from(w.scc) > u64::from(a))),
        AbsdiffI32 => bits(ia.wrapping_sub(ib).wrapping_abs() as u32),
        LshlB32 => bits(a << (b & 31)),
        LshrB32 => bits(a >> (b & 31)),
        AshrI32 => bits((ia >> (b & 31)) as u32),
        Lshl1AddU32 | Lshl2AddU32 | Lshl3AddU32 | Lshl4AddU32 => {
            let shift = op.code() - Lshl1AddU32.code() + 1;
            let sum = (u64::from(a) << shift) + u64::from(b);
            (sum as u32, Some(sum >> 32 != 0))
        }
        MinI32 => (ia.min(ib) as u32, Some(ia < ib)),
        MinU32 => (a.min(b), Some(a < b)),
        MaxI32 => (ia.max(ib) as u32, Some(ia >= ib)),
        MaxU32 => (a.max(b), Some(a >= b)),
        AndB32 => bits(a & b),
        OrB32 => bits(a | b),
        XorB32 => bits(a ^ b),
        NandB32 => bits(!(a & b)),
        NorB32 => bits(!(a | b)),
        XnorB32 => bits(!(a ^ b)),
        AndNot1B32 => bits(a & !b),
        OrNot1B32 => bits(a | !b),
        BfeU32 => bits(field(u64::from(a), b & 31, b >> 16 & 127, false) as u32),
        BfeI32 => bits(field(i64::from(ia) as u64, b & 31, b >> 16 & 127, true) as u32),
        BfmB32 => ((((1u64 << (a & 31)) - 1) << (b & 31)) as u32, None),
        MulI32 => (a.wrapping_mul(b), None),
        MulHiU32 => (((u64::from(a) * u64::from(b)) >> 32) as u32, None),
        MulHiI32 => (((i64::from(ia) * i64::from(ib)) >> 32) as u32, None),
        CselectB32 => (if w.scc { a } else { b }, None),
        PackLlB32B16 => (a & 0xFFFF | b << 16, None),
        PackLhB32B16 => (a & 0xFFFF | b & 0xFFFF_0000, None),
        PackHhB32B16 => (a >> 16 | b & 0xFFFF_0000, None),
        PackHlB32B16 => (a >> 16 | b << 16, None),
        LshlB64 | LshrB64 | AshrI64 | AndB64 | OrB64 | XorB64 | NandB64 | NorB64 | XnorB64 | AndNot1B64 | OrNot1B64 | BfeU64 | BfeI64 | BfmB64
        | CselectB64 => {
            unreachable!("two registers")
        }
    };
    w.set_s(dst, value);
    w.scc = scc.unwrap_or(w.scc);
}

fn sop2_wide(w: &mut Wave, op: Sop2, dst: u8, src: [Source; 2]) {
    use Sop2::*;
    let signed = matches!((op, src[0]), (AshrI64 | BfeI64, Source::Literal(_)));
    let a = if signed { i64::from(w.one32(src[0]) as i32) as u64 } else { w.one64(src[0], false) };
    let b = if op.src()[1].registers() == 2 { w.one64(src[1], false) } else { u64::from(w.one32(src[1])) };
    let (value, answers) = match op {
        LshlB64 => (a << (b & 63), true),
        LshrB64 => (a >> (b & 63), true),
        AshrI64 => ((a as i64 >> (b & 63)) as u64, true),
        AndB64 => (a & b, true),
        OrB64 => (a | b, true),
        XorB64 => (a ^ b, true),
        NandB64 => (!(a & b), true),
        NorB64 => (!(a | b), true),
        XnorB64 => (!(a ^ b), true),
        AndNot1B64 => (a & !b, true),
        OrNot1B64 => (a | !b, true),
        BfeU64 => (field(a, (b & 63) as u32, (b >> 16) as u32 & 127, false), true),
        BfeI64 => (field(a, (b & 63) as u32, (b >> 16) as u32 & 127, true), true),
        BfmB64 => (((1u64 << (w.one32(src[0]) & 63)) - 1) << (b & 63), false),
        CselectB64 => (if w.scc { a } else { b }, false),
        _ => unreachable!("one register"),
    };
    w.set_s64(dst, value);
    if answers {
        w.scc = value != 0;
    }
}

/// `width` bits from bit `offset` on, with or without a sign.
fn field(value: u64, offset: u32, width: u32, signed: bool) -> u64 {
    let shifted = if signed { (value as i64 >> offset) as u64 } else { value >> offset };
    match width {
        0 => 0,
        1..64 if signed => (((shifted << (64 - width)) as i64) >> (64 - width)) as u64,
        1..64 => shifted & ((1 << width) - 1),
        _ => shifted,
    }
}

pub(super) fn sop1(w: &mut Wave, op: Sop1, dst: u8, src: Source) -> Result<(), Fault> {
    use Sop1::*;
    let a = if op.src().is_empty() { 0 } else { w.one32(src) };
    let wide = if op.src().first().is_some_and(|kind| kind.registers() == 2) { w.one64(src, false) } else { u64::from(a) };
    let found = |zeros: u32, of: u32| if zeros == of { u32::MAX } else { zeros };
    let exec = w.exec();
    let (value, scc): (u64, Option<bool>) = match op {
        MovB32 | MovB64 => (wide, None),
        CmovB32 | CmovB64 if !w.scc => return Ok(()),
        CmovB32 | CmovB64 => (wide, None),
        BrevB32 => (u64::from(a.reverse_bits()), None),
        BrevB64 => (wide.reverse_bits(), None),
        CtzI32B32 => (u64::from(found(a.trailing_zeros(), 32)), None),
        CtzI32B64 => (u64::from(found(wide.trailing_zeros(), 64)), None),
        ClzI32U32 => (u64::from(found(a.leading_zeros(), 32)), None),
        ClzI32U64 => (u64::from(found(wide.leading_zeros(), 64)), None),
        ClsI32 => (u64::from(found((a ^ ((a as i32) >> 31) as u32).leading_zeros(), 32)), None),
        ClsI32I64 => (u64::from(found((wide ^ ((wide as i64) >> 63) as u64).leading_zeros(), 64)), None),
        SextI32I8 => (a as i8 as i32 as u32 as u64, None),
        SextI32I16 => (a as i16 as i32 as u32 as u64, None),
        Bitset0B32 => (u64::from(w.s[usize::from(dst)] & !(1 << (a & 31))), None),
        Bitset1B32 => (u64::from(w.s[usize::from(dst)] | 1 << (a & 31)), None),
        Bitset0B64 => (w.s64(dst) & !(1 << (a & 63)), None),
        Bitset1B64 => (w.s64(dst) | 1 << (a & 63), None),
        BitreplicateB64B32 => ((0..32).fold(0, |sum, i| sum | (u64::from(a >> i & 1) * (3 << (2 * i)))), None),
        AbsI32 => (u64::from((a as i32).unsigned_abs()), Some(a != 0)),
        Bcnt0I32B32 => (u64::from(a.count_zeros()), Some(a.count_zeros() != 0)),
        Bcnt0I32B64 => (u64::from(wide.count_zeros()), Some(wide.count_zeros() != 0)),
        Bcnt1I32B32 | Bcnt1I32B64 => (u64::from(wide.count_ones()), Some(wide != 0)),
        QuadmaskB32 | QuadmaskB64 => {
            let mask = (0..16).fold(0, |sum, i| sum | u64::from(wide >> (4 * i) & 15 != 0) << i);
            (mask, Some(mask != 0))
        }
        WqmB32 | WqmB64 => {
            let mask = (0..16).fold(0, |sum, i| sum | if wide >> (4 * i) & 15 != 0 { 15 << (4 * i) } else { 0 });
            (mask, Some(mask != 0))
        }
        NotB32 => (u64::from(!a), Some(a != u32::MAX)),
        NotB64 => (!wide, Some(wide != u64::MAX)),
        AndSaveexecB32 | OrSaveexecB32 | XorSaveexecB32 | NandSaveexecB32 | NorSaveexecB32 | XnorSaveexecB32 | AndNot0SaveexecB32
        | OrNot0SaveexecB32 | AndNot1SaveexecB32 | OrNot1SaveexecB32 => {
            let new = match op {
                AndSaveexecB32 => a & exec,
                OrSaveexecB32 => a | exec,
                XorSaveexecB32 => a ^ exec,
                NandSaveexecB32 => !(a & exec),
                NorSaveexecB32 => !(a | exec),
                XnorSaveexecB32 => !(a ^ exec),
                AndNot0SaveexecB32 => !a & exec,
                OrNot0SaveexecB32 => !a | exec,
                AndNot1SaveexecB32 => a & !exec,
                _ => a | !exec,
            };
            w.set_s(register::EXEC, new);
            (u64::from(exec), Some(new != 0))
        }
        AndNot0WrexecB32 | AndNot1WrexecB32 => {
            let new = if op == AndNot0WrexecB32 { !a & exec } else { a & !exec };
            w.set_s(register::EXEC, new);
            (u64::from(new), Some(new != 0))
        }
        SendmsgRtnB64 => match src {
            // The time; steps stand for it.
            Source::S(0x83) => (w.steps, None),
            _ => return Err(Fault::Missing("a message other than the time")),
        },
        GetpcB64 | SetpcB64 | SwappcB64 => return Err(Fault::Missing("code that computes addresses of code")),
        SendmsgRtnB32 => return Err(Fault::Missing("a message with an answer of 32 bits")),
    };
    if op.dst().registers() == 2 {
        w.set_s64(dst, value)
    } else {
        w.set_s(dst, value as u32)
    }
    w.scc = scc.unwrap_or(w.scc);
    Ok(())
}

pub(super) fn sopc(w: &mut Wave, op: Sopc, src: [Source; 2]) {
    use Sopc::*;
    let (a, b) = (w.one32(src[0]), w.one32(src[1]));
    let (ia, ib) = (a as i32, b as i32);
    w.scc = match op {
        CmpEqI32 | CmpEqU32 => a == b,
        CmpLgI32 | CmpLgU32 => a != b,
        CmpGtI32 => ia > ib,
        CmpGeI32 => ia >= ib,
        CmpLtI32 => ia < ib,
        CmpLeI32 => ia <= ib,
        CmpGtU32 => a > b,
        CmpGeU32 => a >= b,
        CmpLtU32 => a < b,
        CmpLeU32 => a <= b,
        Bitcmp0B32 => a >> (b & 31) & 1 == 0,
        Bitcmp1B32 => a >> (b & 31) & 1 == 1,
        Bitcmp0B64 => w.one64(src[0], false) >> (b & 63) & 1 == 0,
        Bitcmp1B64 => w.one64(src[0], false) >> (b & 63) & 1 == 1,
        CmpEqU64 => w.one64(src[0], false) == w.one64(src[1], false),
        CmpLgU64 => w.one64(src[0], false) != w.one64(src[1], false),
    };
}

pub(super) fn sopk(w: &mut Wave, op: Sopk, dst: u8, imm: u16, literal: u32) -> Result<(), Fault> {
    use Sopk::*;
    let (signed, unsigned) = (i32::from(imm as i16), u32::from(imm));
    let old = w.s[usize::from(dst & 127)];
    let (iold, uold) = (old as i32, old);
    match op {
        MovkI32 => w.set_s(dst, signed as u32),
        CmovkI32 if w.scc => w.set_s(dst, signed as u32),
        CmovkI32 | Version => {}
        CmpkEqI32 => w.scc = iold == signed,
        CmpkLgI32 => w.scc = iold != signed,
        CmpkGtI32 => w.scc = iold > signed,
        CmpkGeI32 => w.scc = iold >= signed,
        CmpkLtI32 => w.scc = iold < signed,
        CmpkLeI32 => w.scc = iold <= signed,
        CmpkEqU32 => w.scc = uold == unsigned,
        CmpkLgU32 => w.scc = uold != unsigned,
        CmpkGtU32 => w.scc = uold > unsigned,
        CmpkGeU32 => w.scc = uold >= unsigned,
        CmpkLtU32 => w.scc = uold < unsigned,
        CmpkLeU32 => w.scc = uold <= unsigned,
        AddkI32 => {
            let (sum, over) = iold.overflowing_add(signed);
            w.set_s(dst, sum as u32);
            w.scc = over;
        }
        MulkI32 => w.set_s(dst, iold.wrapping_mul(signed) as u32),
        GetregB32 => {
            let value = match imm & 63 {
                1 => mode(w),
                29 => w.steps as u32,
                _ => return Err(Fault::Missing("a hardware register other than MODE and SHADER_CYCLES")),
            };
            let (offset, size) = (imm >> 6 & 31, (imm >> 11) + 1);
            w.set_s(dst, (u64::from(value) >> offset & ((1u64 << size) - 1)) as u32);
        }
        SetregB32 | SetregImm32B32 => {
            let value = if op == SetregB32 { old } else { literal };
            let (offset, size) = (imm >> 6 & 31, (imm >> 11) + 1);
            let bits = ((1u64 << size) - 1) << offset;
            let new = u64::from(mode(w)) & !bits | u64::from(value) << offset & bits;
            set_mode(w, imm & 63, new as u32)?;
        }
        WaitcntVscnt | WaitcntVmcnt | WaitcntExpcnt | WaitcntLgkmcnt => {}
        CallB64 => return Err(Fault::Missing("calls")),
    }
    Ok(())
}

fn set_mode(w: &mut Wave, register: u16, new: u32) -> Result<(), Fault> {
    if register != 1 {
        return Err(Fault::Missing("writing a hardware register other than MODE"));
    }
    if new & 0xF != 0 || new & 0xC0 != 0xC0 {
        return Err(Fault::Missing("rounding other than to the nearest, or halves and doubles without denormals"));
    }
    w.flush = match new & 0x30 {
        0 => true,
        0x30 => false,
        _ => return Err(Fault::Missing("denormals allowed on one side only")),
    };
    Ok(())
}

/// `s_denorm_mode` and `s_round_mode`.
pub(super) fn short_mode(w: &mut Wave, rounding: bool, imm: u16) -> Result<(), Fault> {
    let imm = u32::from(imm & 15);
    let new = if rounding { mode(w) & !15 | imm } else { mode(w) & !0xF0 | imm << 4 };
    set_mode(w, 1, new)
}
