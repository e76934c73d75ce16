//! Instructions as LLVM's assembler writes them, so that a second decoder can be held against ours.

use crate::isa::{Access, Body, Compare, Dpp, Ds, Half, Inst, Kind, Operands, Packed, Segment, Smem, Sop1, Sopk, Sopp, Source, Vop, register};
use std::fmt::{self, Display, Write};

const INLINE_FLOATS: [&str; 9] = ["0.5", "-0.5", "1.0", "-1.0", "2.0", "-2.0", "4.0", "-4.0", "0.15915494"];
const HALF_FLOATS: [u16; 9] = [0x3800, 0xB800, 0x3C00, 0xBC00, 0x4000, 0xC000, 0x4400, 0xC400, 0x3118];
const DELAYS: [&str; 12] = [
    "NO_DEP",
    "VALU_DEP_1",
    "VALU_DEP_2",
    "VALU_DEP_3",
    "VALU_DEP_4",
    "TRANS32_DEP_1",
    "TRANS32_DEP_2",
    "TRANS32_DEP_3",
    "FMA_ACCUM_CYCLE_1",
    "SALU_CYCLE_1",
    "SALU_CYCLE_2",
    "SALU_CYCLE_3",
];
const SKIPS: [&str; 6] = ["SAME", "NEXT", "SKIP_1", "SKIP_2", "SKIP_3", "SKIP_4"];

impl Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sop2(op, dst, src) => {
                write!(f, "{} {}, ", op.text(), S(*dst, op.dst()))?;
                write!(f, "{}, {}", Plain(src[0], op.src()[0]), Plain(src[1], op.src()[1]))
            }
            Self::Sop1(op, dst, src) => sop1(f, *op, *dst, *src),
            Self::Sopc(op, src) => write!(f, "{} {}, {}", op.text(), Plain(src[0], op.src()[0]), Plain(src[1], op.src()[1])),
            Self::Sopk(op, dst, imm, literal) => sopk(f, *op, *dst, *imm, *literal),
            Self::Sopp(op, imm) => sopp(f, *op, *imm),
            Self::Smem(op, dst, base, offset, imm, cache) => smem(f, *op, *dst, *base, (*offset, *imm), *cache),
            Self::Vop(op, o) => vop(f, *op, o),
            Self::Compare(op, o) => compare(f, *op, o),
            Self::Packed(op, o) => packed(f, *op, o),
            Self::Dual([x, y]) => {
                half(f, x)?;
                f.write_str(" :: ")?;
                half(f, y)
            }
            Self::Ds(op, dst, address, data, offset) => ds(f, *op, *dst, *address, *data, *offset),
            Self::Global(access) => global(f, access),
            Self::Invalidate(level) => write!(f, "buffer_gl{level}_inv"),
        }
    }
}

/// A scalar register, or several.
struct S(u8, Kind);

impl Display for S {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar(f, self.0, self.1.registers())
    }
}

/// A vector register, or several.
struct V(u8, Kind);

impl Display for V {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1.registers() {
            0 | 1 => write!(f, "v{}", self.0),
            n => write!(f, "v[{}:{}]", self.0, u16::from(self.0) + u16::from(n) - 1),
        }
    }
}

fn scalar(f: &mut fmt::Formatter<'_>, n: u8, count: u8) -> fmt::Result {
    let name = match (n, count) {
        (register::VCC, 2) => "vcc",
        (register::VCC, _) => "vcc_lo",
        (107, _) => "vcc_hi",
        (register::NULL, _) => "null",
        (register::M0, _) => "m0",
        (register::EXEC, 2) => "exec",
        (register::EXEC, _) => "exec_lo",
        (127, _) => "exec_hi",
        _ => "",
    };
    if !name.is_empty() {
        return f.write_str(name);
    }
    let (prefix, n) = if n >= 108 { ("ttmp", n - 108) } else { ("s", n) };
    if count <= 1 { write!(f, "{prefix}{n}") } else { write!(f, "{prefix}[{n}:{}]", n + count - 1) }
}

/// A source without modifiers and halves.
struct Plain(Source, Kind);

impl Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Source::V(n) => V(n, self.1).fmt(f),
            Source::S(n) => S(n, self.1).fmt(f),
            Source::Inline(248) if self.1.registers() == 2 => f.write_str("0.15915494309189532"),
            Source::Inline(code @ 240..=248) => f.write_str(INLINE_FLOATS[usize::from(code - 240)]),
            Source::Inline(253) => f.write_str("src_scc"),
            Source::Inline(code @ 0..=192) => write!(f, "{}", i32::from(code) - 128),
            Source::Inline(code) => write!(f, "{}", 192 - i32::from(code)),
            Source::Literal(word) => write!(f, "{word:#x}"),
        }
    }
}

fn sop1(f: &mut fmt::Formatter<'_>, op: Sop1, dst: u8, src: Source) -> fmt::Result {
    f.write_str(op.text())?;
    let mut between = " ";
    if op.dst() != Kind::Nil {
        write!(f, " {}", S(dst, op.dst()))?;
        between = ", ";
    }
    match (op, src) {
        (Sop1::SendmsgRtnB32 | Sop1::SendmsgRtnB64, Source::S(message)) => match message {
            0x83 => write!(f, ", sendmsg(MSG_RTN_GET_REALTIME)"),
            _ => write!(f, ", sendmsg({message}, 0, 0)"),
        },
        _ if op.src().is_empty() => Ok(()),
        _ => write!(f, "{between}{}", Plain(src, op.src()[0])),
    }
}

fn sopk(f: &mut fmt::Formatter<'_>, op: Sopk, dst: u8, imm: u16, literal: u32) -> fmt::Result {
    f.write_str(op.text())?;
    let dst = S(dst, if op == Sopk::CallB64 { Kind::B64 } else { Kind::B32 });
    match op {
        Sopk::GetregB32 => write!(f, " {dst}, {}", HwReg(imm)),
        Sopk::SetregB32 => write!(f, " {}, {dst}", HwReg(imm)),
        Sopk::SetregImm32B32 => write!(f, " {}, {literal:#x}", HwReg(imm)),
        Sopk::CallB64 => write!(f, " {dst}, {imm}"),
        Sopk::Version => write!(f, " {imm:#x}"),
        // Literals print as 32 bits where they have a sign.
        _ => write!(f, " {dst}, {imm:#x}"),
    }
}

/// A hardware register with the bits of it that are meant.
struct HwReg(u16);

impl Display for HwReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, offset, size) = (self.0 & 63, (self.0 >> 6) & 31, (self.0 >> 11) + 1);
        f.write_str("hwreg(")?;
        match id {
            1 => f.write_str("HW_REG_MODE")?,
            2 => f.write_str("HW_REG_STATUS")?,
            3 => f.write_str("HW_REG_TRAPSTS")?,
            23 => f.write_str("HW_REG_HW_ID1")?,
            24 => f.write_str("HW_REG_HW_ID2")?,
            29 => f.write_str("HW_REG_SHADER_CYCLES")?,
            _ => write!(f, "{id}")?,
        }
        if (offset, size) == (0, 32) { f.write_char(')') } else { write!(f, ", {offset}, {size})") }
    }
}

fn sopp(f: &mut fmt::Formatter<'_>, op: Sopp, imm: u16) -> fmt::Result {
    f.write_str(op.text())?;
    match op {
        Sopp::Endpgm if imm == 0 => Ok(()),
        Sopp::Barrier | Sopp::CodeEnd | Sopp::WaitIdle | Sopp::Wakeup | Sopp::IcacheInv | Sopp::Ttracedata => Ok(()),
        Sopp::Clause | Sopp::SetInstPrefetchDistance | Sopp::RoundMode | Sopp::WaitEvent | Sopp::TtracedataImm => write!(f, " {imm:#x}"),
        Sopp::Waitcnt => waitcnt(f, imm),
        // Two bits mean nothing.
        Sopp::WaitcntDepctr if imm & 0x60 != 0 => write!(f, " {imm:#x}"),
        Sopp::WaitcntDepctr => depctr(f, imm),
        Sopp::DelayAlu => delay(f, imm),
        Sopp::Sendmsg if imm == 3 => f.write_str(" sendmsg(MSG_DEALLOC_VGPRS)"),
        Sopp::Sendmsg => write!(f, " sendmsg({imm}, 0, 0)"),
        _ if imm <= 64 || op.code() >= Sopp::Branch.code() && op.code() < Sopp::Endpgm.code() => write!(f, " {imm}"),
        _ => write!(f, " {imm:#x}"),
    }
}

fn waitcnt(f: &mut fmt::Formatter<'_>, imm: u16) -> fmt::Result {
    for (name, value, most) in [("vmcnt", imm >> 10, 63), ("expcnt", imm & 7, 7), ("lgkmcnt", (imm >> 4) & 63, 63)] {
        if value != most {
            write!(f, " {name}({value})")?;
        }
    }
    Ok(())
}

fn depctr(f: &mut fmt::Formatter<'_>, imm: u16) -> fmt::Result {
    let fields =
        [("hold_cnt", 7, 1), ("sa_sdst", 0, 1), ("va_vdst", 12, 4), ("va_sdst", 9, 3), ("va_ssrc", 8, 1), ("va_vcc", 1, 1), ("vm_vsrc", 2, 3)];
    fields.into_iter().try_for_each(|(name, low, count)| {
        let (value, most) = ((imm >> low) & ((1 << count) - 1), (1 << count) - 1);
        if value == most { Ok(()) } else { write!(f, " depctr_{name}({value})") }
    })
}

fn delay(f: &mut fmt::Formatter<'_>, imm: u16) -> fmt::Result {
    let name = |index: u16| DELAYS.get(usize::from(index)).copied().unwrap_or("?");
    let (first, skip, second) = (imm & 15, (imm >> 4) & 7, (imm >> 7) & 15);
    write!(f, " instid0({})", name(first))?;
    if second == 0 {
        return Ok(());
    }
    if skip != 0 {
        write!(f, " | instskip({})", SKIPS.get(usize::from(skip)).copied().unwrap_or("?"))?;
    }
    write!(f, " | instid1({})", name(second))
}

fn smem(f: &mut fmt::Formatter<'_>, op: Smem, dst: u8, base: u8, (offset, imm): (u8, i32), cache: [bool; 2]) -> fmt::Result {
    f.write_str(op.text())?;
    let count = match op {
        Smem::LoadB32 => 1,
        Smem::LoadB64 => 2,
        Smem::LoadB128 => 4,
        Smem::LoadB256 => 8,
        Smem::LoadB512 => 16,
        Smem::Gl1Inv | Smem::DcacheInv => return Ok(()),
    };
    f.write_char(' ')?;
    scalar(f, dst, count)?;
    f.write_str(", ")?;
    scalar(f, base, 2)?;
    f.write_str(", ")?;
    match (offset, imm) {
        (register::NULL, 0) => f.write_str("null")?,
        (register::NULL, imm) => write_hex(f, imm)?,
        (offset, 0) => scalar(f, offset, 1)?,
        (offset, imm) => {
            scalar(f, offset, 1)?;
            f.write_str(" offset:")?;
            write_hex(f, imm)?;
        }
    }
    for (flag, name) in cache.into_iter().zip([" glc", " dlc"]) {
        f.write_str(if flag { name } else { "" })?;
    }
    Ok(())
}

fn write_hex(f: &mut fmt::Formatter<'_>, value: i32) -> fmt::Result {
    if value < 0 { write!(f, "-{:#x}", value.unsigned_abs()) } else { write!(f, "{value:#x}") }
}

/// A source with its half and the changes to its sign.
fn source(f: &mut fmt::Formatter<'_>, o: &Operands, i: usize, kind: Kind, halves: bool, signs: bool) -> fmt::Result {
    let (neg, abs) = (signs && o.neg >> i & 1 != 0, signs && o.abs >> i & 1 != 0);
    let constant = matches!(o.src[i], Source::Inline(0..=252) | Source::Literal(_));
    match (neg, abs) {
        (true, false) if constant => f.write_str("neg(")?,
        (true, _) => f.write_char('-')?,
        _ => {}
    }
    f.write_str(if abs { "|" } else { "" })?;
    match o.src[i] {
        // Of a half only its bits count; integers of 16 bits know no floats.
        Source::Literal(word) if kind.is_half() => write!(f, "{:#x}", word & 0xFFFF)?,
        Source::Inline(code @ 240..=248) if kind == Kind::B16 => write!(f, "{:#x}", HALF_FLOATS[usize::from(code - 240)])?,
        other => Plain(other, kind).fmt(f)?,
    }
    if halves && kind.is_half() && matches!(o.src[i], Source::V(_)) {
        f.write_str(if o.high >> i & 1 != 0 { ".h" } else { ".l" })?;
    }
    f.write_str(if abs { "|" } else { "" })?;
    f.write_str(if neg && !abs && constant { ")" } else { "" })
}

fn suffix(f: &mut fmt::Formatter<'_>, o: &Operands, short_exists: bool, long_exists: bool) -> fmt::Result {
    f.write_str(match (o.long, o.dpp.is_some()) {
        (false, true) => "_dpp",
        (true, true) => "_e64_dpp",
        (false, false) if long_exists => "_e32",
        (true, false) if short_exists => "_e64",
        _ => "",
    })
}

/// What stands behind the operands.
fn tail(f: &mut fmt::Formatter<'_>, o: &Operands) -> fmt::Result {
    f.write_str(if o.clamp { " clamp" } else { "" })?;
    f.write_str(["", " mul:2", " mul:4", " div:2"][usize::from(o.omod & 3)])?;
    dpp(f, o)
}

fn dpp(f: &mut fmt::Formatter<'_>, o: &Operands) -> fmt::Result {
    match o.dpp {
        None => Ok(()),
        Some(Dpp::Eight { select, fetch_inactive }) => {
            let lane = |i: u32| (select >> (3 * i)) & 7;
            write!(f, " dpp8:[{},{},{},{},", lane(0), lane(1), lane(2), lane(3))?;
            write!(f, "{},{},{},{}]{}", lane(4), lane(5), lane(6), lane(7), if fetch_inactive { " fi:1" } else { "" })
        }
        Some(Dpp::Row { control: c, fetch_inactive, zero, rows, banks }) => {
            match c {
                0..=0xFF => write!(f, " quad_perm:[{},{},{},{}]", c & 3, (c >> 2) & 3, (c >> 4) & 3, c >> 6)?,
                0x101..=0x10F => write!(f, " row_shl:{}", c & 15)?,
                0x111..=0x11F => write!(f, " row_shr:{}", c & 15)?,
                0x121..=0x12F => write!(f, " row_ror:{}", c & 15)?,
                0x140 => f.write_str(" row_mirror")?,
                0x141 => f.write_str(" row_half_mirror")?,
                0x150..=0x15F => write!(f, " row_share:{}", c & 15)?,
                _ => write!(f, " row_xmask:{}", c & 15)?,
            }
            write!(f, " row_mask:{rows:#x} bank_mask:{banks:#x}")?;
            f.write_str(if zero { " bound_ctrl:1" } else { "" })?;
            f.write_str(if fetch_inactive { " fi:1" } else { "" })
        }
    }
}

fn vop(f: &mut fmt::Formatter<'_>, op: Vop, o: &Operands) -> fmt::Result {
    f.write_str(op.text())?;
    let one_form = matches!(op, Vop::ReadfirstlaneB32 | Vop::Nop);
    suffix(f, o, op.is_short() && !one_form, !op.only_short() && !one_form)?;
    match op.dst() {
        Kind::Nil => return Ok(()),
        Kind::Scalar => write!(f, " {}", S(o.dst, Kind::Scalar))?,
        kind => {
            write!(f, " {}", V(o.dst, kind))?;
            if kind.is_half() {
                f.write_str(if o.high & 8 != 0 { ".h" } else { ".l" })?;
            }
        }
    }
    if op.writes_mask() {
        write!(f, ", {}", S(o.mask, Kind::Mask))?;
    }
    for (i, kind) in op.src().iter().enumerate() {
        f.write_str(", ")?;
        source(f, o, i, *kind, true, kind.is_float())?;
    }
    match op {
        Vop::Permlane16B32 | Vop::Permlanex16B32 => list(f, "op_sel", o.high & 3, 0, 2)?,
        // The halves once more.
        _ if o.long && op != Vop::CndmaskB16 && (op.dst().is_half() || op.src().iter().any(|kind| kind.is_half())) => {
            let count = op.src().len();
            let mask = (1u8 << count) - 1;
            list(f, "op_sel", o.high & mask | (o.high >> 3) << count, 0, count + 1)?;
        }
        _ => {}
    }
    tail(f, o)
}

fn compare(f: &mut fmt::Formatter<'_>, op: Compare, o: &Operands) -> fmt::Result {
    f.write_str(&op.text())?;
    suffix(f, o, true, true)?;
    f.write_char(' ')?;
    if !op.exec {
        write!(f, "{}, ", S(o.dst, Kind::Mask))?;
    }
    let kinds = op.src();
    source(f, o, 0, kinds[0], true, kinds[0].is_float())?;
    f.write_str(", ")?;
    source(f, o, 1, kinds[1], true, kinds[1].is_float())?;
    tail(f, o)
}

fn packed(f: &mut fmt::Formatter<'_>, op: Packed, o: &Operands) -> fmt::Result {
    let mix = matches!(op, Packed::FmaMixF32 | Packed::FmaMixloF16 | Packed::FmaMixhiF16);
    f.write_str(op.text())?;
    suffix(f, o, false, false)?;
    write!(f, " {}", V(o.dst, op.dst()))?;
    for (i, kind) in op.src().iter().enumerate() {
        f.write_str(", ")?;
        source(f, o, i, *kind, false, mix)?;
    }
    let count = op.src().len();
    let all = (1u8 << count) - 1;
    list(f, "op_sel", o.high, 0, count)?;
    if mix || op.src()[0] == Kind::Pair {
        list(f, "op_sel_hi", o.high_high & all, if mix { 0 } else { all }, count)?;
    }
    if !mix {
        list(f, "neg_lo", o.neg, 0, count)?;
        list(f, "neg_hi", o.abs, 0, count)?;
    }
    tail(f, o)
}

/// One bit a source, unless they are as usual.
fn list(f: &mut fmt::Formatter<'_>, name: &str, value: u8, usual: u8, count: usize) -> fmt::Result {
    if value == usual {
        return Ok(());
    }
    write!(f, " {name}:[")?;
    (0..count).try_for_each(|i| write!(f, "{}{}", if i == 0 { "" } else { "," }, value >> i & 1))?;
    f.write_char(']')
}

fn half(f: &mut fmt::Formatter<'_>, half: &Half) -> fmt::Result {
    write!(f, "v_dual_{} v{}", &half.op.text()[2..], half.dst)?;
    for (i, kind) in half.op.src().iter().enumerate().filter(|(_, kind)| **kind != Kind::Mask) {
        write!(f, ", {}", Plain(half.src[i], *kind))?;
    }
    Ok(())
}

fn ds(f: &mut fmt::Formatter<'_>, op: Ds, dst: u8, address: u8, data: [u8; 2], offset: [u8; 2]) -> fmt::Result {
    f.write_str(op.text())?;
    if op == Ds::Nop {
        return Ok(());
    }
    let mut between = " ";
    if op.dst() != Kind::Nil {
        write!(f, " {}", V(dst, op.dst()))?;
        between = ", ";
    }
    write!(f, "{between}v{address}")?;
    for (kind, data) in op.src().iter().zip(data) {
        write!(f, ", {}", V(data, *kind))?;
    }
    if op.is_pair() {
        for (name, value) in [" offset0:", " offset1:"].into_iter().zip(offset) {
            if value != 0 {
                write!(f, "{name}{value}")?;
            }
        }
        return Ok(());
    }
    match u16::from_le_bytes(offset) {
        0 => Ok(()),
        all => write!(f, " offset:{all}"),
    }
}

fn global(f: &mut fmt::Formatter<'_>, a: &Access) -> fmt::Result {
    let prefix = match a.segment {
        Segment::Flat => "flat",
        Segment::Scratch => "scratch",
        Segment::Global => "global",
    };
    write!(f, "{prefix}{}", &a.op.text()["global".len()..])?;
    let mut between = " ";
    if a.op.dst() != Kind::Nil && (!a.op.is_atomic() || a.cache[0]) {
        write!(f, " {}", V(a.dst, a.op.dst()))?;
        between = ", ";
    }
    f.write_str(between)?;
    match (a.segment, a.base) {
        (Segment::Scratch, _) if !a.vector_address => f.write_str("off")?,
        (Segment::Scratch, _) | (Segment::Global, Some(_)) => write!(f, "v{}", a.address)?,
        _ => write!(f, "{}", V(a.address, Kind::B64))?,
    }
    if let [kind] = a.op.src() {
        write!(f, ", {}", V(a.data, *kind))?;
    }
    match (a.segment, a.base) {
        (Segment::Flat, _) => {}
        (_, None) => f.write_str(", off")?,
        (Segment::Scratch, Some(base)) => write!(f, ", {}", S(base, Kind::B32))?,
        (_, Some(base)) => write!(f, ", {}", S(base, Kind::B64))?,
    }
    if a.offset != 0 {
        write!(f, " offset:{}", a.offset)?;
    }
    for (flag, name) in a.cache.into_iter().zip([" glc", " slc", " dlc"]) {
        f.write_str(if flag { name } else { "" })?;
    }
    Ok(())
}
