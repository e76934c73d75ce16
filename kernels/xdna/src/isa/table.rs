//! The table of encodings and timings: `data/aie2.txt`, read once.
//!
//! Lines of the file:
//! - `class NAME REGISTER...`: what each value of a register field stands for; `-N` are N values that stand for nothing, `a0..a3` a run.
//! - `format NAME BYTES MASK VALUE SLOT@BIT...`: a bundle: its fixed bits and the lowest bit of each slot.
//! - `timing CLASS UNIT@CYCLE... [; IMPLICIT...]`: units held besides the slot (`a-b`: through those cycles; `?`: only kept clear of), registers touched
//!   without being operands.
//! - `form NAME SLOT MASK VALUE CLASS SYNTAX [; IMPLICIT...]`: a slot instruction. In the syntax `<ACCESS KIND BITS>` is an operand: the access is `r`, `w` or
//!   `u` (read/write) with the pipeline cycle and `v`, `m` or `?` for the bypass; the kind is a class, or `s`, `u`, `n` (signed, unsigned, negative) with the
//!   width and perhaps a step; bits are `FROM+COUNT[:TO]`. `<=N>` repeats operand N.

use std::sync::LazyLock;

use super::instruction::Slot;
use super::opcode::Opcode;
use super::register::Register;

/// Values that forward a result to a consumer one cycle early, if both ends have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bypass {
    /// None.
    None,
    /// Among integer accumulations.
    Vector,
    /// Among vector moves and lane work.
    Move,
    /// As `Move` for `wl` and `x` registers, none for others.
    ByRegister,
}

impl Bypass {
    /// The bypass with the register at hand.
    #[must_use]
    pub const fn of(self, register: Register) -> Self {
        match (self, register) {
            (Self::ByRegister, Register::Wl(_) | Register::X(_)) => Self::Move,
            (Self::ByRegister, _) => Self::None,
            (other, _) => other,
        }
    }
}

/// When an operand is touched: the pipeline cycle, of which the first is 1, and the bypass.
/// A value written at cycle `w` by a bundle is seen by a read at cycle `r` at least `w - r + 1` bundles later, or one less if the bypasses match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// Pipeline cycle.
    pub cycle: u8,
    /// Bypass.
    pub bypass: Bypass,
}

/// How an operand is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read.
    Read(Stage),
    /// Written.
    Write(Stage),
    /// Read, then written.
    Update {
        /// When it is read.
        read: Stage,
        /// When it is written.
        write: Stage,
    },
    /// An immediate.
    Constant,
}

impl Access {
    /// When the operand is read, if it is.
    #[must_use]
    pub const fn read(self) -> Option<Stage> {
        match self {
            Self::Read(stage) | Self::Update { read: stage, .. } => Some(stage),
            Self::Write(_) | Self::Constant => None,
        }
    }

    /// When the operand is written, if it is.
    #[must_use]
    pub const fn write(self) -> Option<Stage> {
        match self {
            Self::Write(stage) | Self::Update { write: stage, .. } => Some(stage),
            Self::Read(_) | Self::Constant => None,
        }
    }
}

/// What an operand's field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A register: index of the class.
    Class(usize),
    /// An immediate of so many bits, in steps.
    Signed {
        bits: u32,
        step: i64,
    },
    Unsigned {
        bits: u32,
        step: i64,
    },
    /// As signed, with a sign bit that is not stored and always set.
    Negative {
        bits: u32,
        step: i64,
    },
}

/// Bits of a slot word that hold bits of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub from: u32,
    pub count: u32,
    pub to: u32,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub access: Access,
    pub kind: Kind,
    pub pieces: Vec<Piece>,
}

/// A part of a form's printed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Text(&'static str),
    Operand(usize),
}

/// Shared resources besides slots: ports of register files and units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Unit {
    ScalarReadV,
    ScalarWriteX,
    ScalarWriteA,
    ScalarWriteM,
    PointerRead,
    PointerWrite,
    ModifierWrite,
    StrideWrite,
    SizeWrite,
    CountWrite,
    VectorReadS,
    VectorWriteA,
    VectorWriteM,
    AccumulatorRead,
    AccumulatorWriteA,
    AccumulatorWriteM,
    Bus,
    Store,
    LoadA,
    PartWord,
    Semaphore,
    Ups,
    Srs,
    Done,
}

/// A unit, or the port that a register of the instruction decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Unit(Unit),
    /// Scalar write port M, with the port of the destination's file.
    DestinationM,
    /// The port of the destination's file, for loads.
    DestinationA,
    /// The read port of pointers and modifiers, if the value moved or stored is one.
    PointerSource,
    /// The read port of a vector move's source.
    VectorSource,
    /// The write port of a vector move's destination.
    VectorDestination,
}

/// A need over cycles `from..=to`; a weak one only keeps clear of strong holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub need: Need,
    pub from: u8,
    pub to: u8,
    pub weak: bool,
}

/// A register touched without being an operand.
pub(super) type Implicit = (Register, Access);

#[derive(Debug)]
pub(super) struct Timing {
    name: &'static str,
    pub holds: Vec<Hold>,
    pub implicit: Vec<Implicit>,
}

/// A slot instruction.
#[derive(Debug)]
pub(super) struct Form {
    pub opcode: Opcode,
    pub slot: Slot,
    pub mask: u64,
    pub value: u64,
    /// Bits that are fixed or belong to a field; the others must be zero.
    pub covered: u64,
    pub fields: Vec<Field>,
    pub tokens: Vec<Token>,
    pub timing: usize,
    pub implicit: Vec<Implicit>,
}

/// A bundle format.
#[derive(Debug)]
pub(super) struct FormatRow {
    pub name: &'static str,
    pub bytes: usize,
    pub mask: u128,
    pub value: u128,
    pub slots: Vec<(Slot, u32)>,
}

/// A set of registers and their encodings.
#[derive(Debug)]
pub(super) struct Class {
    name: &'static str,
    pub members: Vec<Option<Register>>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub classes: Vec<Class>,
    pub formats: Vec<FormatRow>,
    pub timings: Vec<Timing>,
    /// In the order of [`Opcode`].
    pub forms: Vec<Form>,
    /// Forms of each slot, those with most fixed bits first.
    pub by_slot: [Vec<usize>; Slot::COUNT],
}

/// The table. The data is part of the program: a fault in it is found by the tests, which read all of it.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| match read(include_str!("../../data/aie2.txt")) {
    Ok(table) => table,
    Err(line) => unreachable!("line {line} of data/aie2.txt cannot be read"),
});

/// Reads the data file; the error is the number of the line at fault.
fn read(text: &'static str) -> Result<Table, usize> {
    let mut table = Table { classes: Vec::new(), formats: Vec::new(), timings: Vec::new(), forms: Vec::new(), by_slot: Default::default() };
    for (number, line) in text.lines().enumerate() {
        let parsed = match line.split_once(' ') {
            Some(("class", rest)) => class(rest).map(|c| table.classes.push(c)),
            Some(("format", rest)) => format(rest).map(|f| table.formats.push(f)),
            Some(("timing", rest)) => timing(rest).map(|t| table.timings.push(t)),
            Some(("form", rest)) => form(rest, &table).map(|f| table.forms.push(f)),
            _ => (line.is_empty() || line.starts_with('#')).then_some(()),
        };
        parsed.ok_or(number + 1)?;
    }
    for (index, form) in table.forms.iter().enumerate() {
        table.by_slot[form.slot as usize].push(index);
    }
    for forms in &mut table.by_slot {
        forms.sort_by_key(|&index| std::cmp::Reverse(table.forms[index].mask.count_ones()));
    }
    Ok(table)
}

fn hex(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}

fn class(line: &'static str) -> Option<Class> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let mut members = Vec::new();
    for word in words {
        if let Some(holes) = word.strip_prefix('-') {
            let count: usize = if holes.is_empty() { 1 } else { holes.parse().ok()? };
            members.resize(members.len() + count, None);
        } else if let Some((first, last)) = word.split_once("..") {
            let digits = first.find(|c: char| c.is_ascii_digit())?;
            let (prefix, low) = first.split_at(digits);
            for n in low.parse::<u8>().ok()?..=last.strip_prefix(prefix)?.parse().ok()? {
                members.push(Some(format!("{prefix}{n}").parse().ok()?));
            }
        } else {
            members.push(Some(word.parse().ok()?));
        }
    }
    Some(Class { name, members })
}

fn format(line: &'static str) -> Option<FormatRow> {
    let mut words = line.split(' ');
    let (name, bytes, mask, value) = (words.next()?, words.next()?.parse().ok()?, hex(words.next()?)?, hex(words.next()?)?);
    let slots = words.map(|word| word.split_once('@').and_then(|(slot, at)| Some((Slot::named(slot)?, at.parse().ok()?)))).collect::<Option<_>>()?;
    Some(FormatRow { name, bytes, mask, value, slots })
}

fn timing(line: &'static str) -> Option<Timing> {
    let (line, implicit) = line.split_once(" ; ").unwrap_or((line, ""));
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let name = words.next()?;
    Some(Timing { name, holds: words.map(hold).collect::<Option<_>>()?, implicit: implicits(implicit)? })
}

fn hold(word: &str) -> Option<Hold> {
    let (unit, cycles) = word.split_once('@')?;
    let (unit, weak) = unit.strip_suffix('?').map_or((unit, false), |unit| (unit, true));
    let (from, to) = cycles.split_once('-').unwrap_or((cycles, cycles));
    let need = match unit {
        "r-rv" => Need::Unit(Unit::ScalarReadV),
        "r-wx" => Need::Unit(Unit::ScalarWriteX),
        "r-wa" => Need::Unit(Unit::ScalarWriteA),
        "rs-wm" => Need::Unit(Unit::ScalarWriteM),
        "p-rm" => Need::Unit(Unit::PointerRead),
        "w-rs" => Need::Unit(Unit::VectorReadS),
        "w-wa" => Need::Unit(Unit::VectorWriteA),
        "w-wm" => Need::Unit(Unit::VectorWriteM),
        "cm-rm" => Need::Unit(Unit::AccumulatorRead),
        "cm-wa" => Need::Unit(Unit::AccumulatorWriteA),
        "cm-wm" => Need::Unit(Unit::AccumulatorWriteM),
        "bus" => Need::Unit(Unit::Bus),
        "store" => Need::Unit(Unit::Store),
        "load-a" => Need::Unit(Unit::LoadA),
        "part-word" => Need::Unit(Unit::PartWord),
        "semaphore" => Need::Unit(Unit::Semaphore),
        "ups" => Need::Unit(Unit::Ups),
        "srs" => Need::Unit(Unit::Srs),
        "done" => Need::Unit(Unit::Done),
        "m-dst" => Need::DestinationM,
        "a-dst" => Need::DestinationA,
        "p-src" => Need::PointerSource,
        "v-src" => Need::VectorSource,
        "v-dst" => Need::VectorDestination,
        _ => return None,
    };
    Some(Hold { need, from: from.parse().ok()?, to: to.parse().ok()?, weak })
}

fn implicits(text: &str) -> Option<Vec<Implicit>> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| word.split_once(':').and_then(|(a, r)| Some((r.parse().ok()?, access(a)?)))).collect()
}

fn stage(text: &str) -> Option<Stage> {
    let (cycle, bypass) = match text.as_bytes().last()? {
        b'v' => (&text[..text.len() - 1], Bypass::Vector),
        b'm' => (&text[..text.len() - 1], Bypass::Move),
        b'?' => (&text[..text.len() - 1], Bypass::ByRegister),
        _ => (text, Bypass::None),
    };
    Some(Stage { cycle: cycle.parse().ok()?, bypass })
}

fn access(text: &str) -> Option<Access> {
    match text.split_at_checked(1)? {
        ("r", at) => Some(Access::Read(stage(at)?)),
        ("w", at) => Some(Access::Write(stage(at)?)),
        ("u", at) => at.split_once('/').and_then(|(read, write)| Some(Access::Update { read: stage(read)?, write: stage(write)? })),
        _ => None,
    }
}

fn form(line: &'static str, table: &Table) -> Option<Form> {
    let mut words = line.splitn(6, ' ');
    let opcode = *Opcode::ALL.get(table.forms.len())?;
    if words.next()? != opcode.name() {
        return None;
    }
    let (slot, mask, value, class) = (Slot::named(words.next()?)?, hex(words.next()?)?, hex(words.next()?)?, words.next()?);
    let (mask, value) = (u64::try_from(mask).ok()?, u64::try_from(value).ok()?);
    let tail = words.next()?;
    let (syntax, implicit) = tail.split_once(" ; ").unwrap_or((tail, ""));
    let (mut fields, mut tokens, mut rest, mut covered) = (Vec::new(), Vec::new(), syntax, mask);
    while let Some((text, tail)) = rest.split_once('<') {
        let (operand, tail) = tail.split_once('>')?;
        tokens.push(Token::Text(text));
        if let Some(same) = operand.strip_prefix('=') {
            tokens.push(Token::Operand(same.parse().ok()?));
        } else {
            let field = field(operand, table)?;
            covered |= field.pieces.iter().map(|p| ((1_u64 << p.count) - 1) << p.from).sum::<u64>();
            tokens.push(Token::Operand(fields.len()));
            fields.push(field);
        }
        rest = tail;
    }
    tokens.push(Token::Text(rest));
    let timing = table.timings.iter().position(|t| t.name == class)?;
    Some(Form { opcode, slot, mask, value, covered, fields, tokens, timing, implicit: implicits(implicit)? })
}

fn field(text: &str, table: &Table) -> Option<Field> {
    let words: Vec<&str> = text.split(' ').collect();
    let (access, kind, bits) = match words[..] {
        [kind, bits] => (Access::Constant, immediate(kind)?, bits),
        [touch, kind, bits] => (access(touch)?, Kind::Class(table.classes.iter().position(|c| c.name == kind)?), bits),
        _ => return None,
    };
    let pieces = bits.split(',').map(piece).collect::<Option<_>>()?;
    Some(Field { access, kind, pieces })
}

fn immediate(text: &str) -> Option<Kind> {
    let (sign, size) = text.split_at_checked(1)?;
    let (bits, step) = size.split_once('*').unwrap_or((size, "1"));
    let (bits, step) = (bits.parse().ok()?, step.parse().ok()?);
    match sign {
        "s" => Some(Kind::Signed { bits, step }),
        "u" => Some(Kind::Unsigned { bits, step }),
        "n" => Some(Kind::Negative { bits, step }),
        _ => None,
    }
}

fn piece(text: &str) -> Option<Piece> {
    let (bits, to) = text.split_once(':').unwrap_or((text, "0"));
    let (from, count) = bits.split_once('+')?;
    Some(Piece { from: from.parse().ok()?, count: count.parse().ok()?, to: to.parse().ok()? })
}
