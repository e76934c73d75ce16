//! One slot's instruction: form, operands, and their way into the slot's bits and back.

use std::fmt;

use super::meaning::Meaning;
use super::opcode::Opcode;
use super::register::Register;
use super::table::{Access, Field, Form, Kind, TABLE, Token};

/// The places of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The place of the two-byte bundle, where only a nop stands.
    Nop,
    /// Loads, also moves of immediates and narrow stores.
    Lda,
    /// Vector loads.
    Ldb,
    /// Stores and narrowing.
    St,
    /// Scalar arithmetic, indirect jumps, locks.
    Alu,
    /// Moves and lane work.
    Mv,
    /// `Alu` and `Mv` together: long immediates and jumps.
    Lng,
    /// Multiplier and accumulators.
    Vec,
}

impl Slot {
    /// Number of slots.
    pub const COUNT: usize = 8;

    /// Every slot.
    pub const ALL: [Self; Self::COUNT] = [Self::Nop, Self::Lda, Self::Ldb, Self::St, Self::Alu, Self::Mv, Self::Lng, Self::Vec];

    /// Bits of the slot.
    #[must_use]
    pub const fn width(self) -> u32 {
        match self {
            Self::Nop => 1,
            Self::Ldb => 16,
            Self::Alu => 20,
            Self::Lda | Self::St => 21,
            Self::Mv => 22,
            Self::Vec => 26,
            Self::Lng => 42,
        }
    }

    /// The instruction that does nothing in this slot.
    #[must_use]
    pub const fn nop(self) -> Opcode {
        match self {
            Self::Nop => Opcode::NOP,
            Self::Lda => Opcode::NOPA,
            Self::Ldb => Opcode::NOPB,
            Self::St => Opcode::NOPS,
            Self::Alu => Opcode::NOPX,
            Self::Mv => Opcode::NOPM,
            Self::Lng => Opcode::NOPXM,
            Self::Vec => Opcode::NOPV,
        }
    }

    /// llvm-aie's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nop => "nop",
            Self::Lda => "lda",
            Self::Ldb => "ldb",
            Self::St => "st",
            Self::Alu => "alu",
            Self::Mv => "mv",
            Self::Lng => "lng",
            Self::Vec => "vec",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }
}

/// An operand of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A register.
    Register(Register),
    /// A number: bytes where it is an offset, a step or a code address.
    Immediate(i32),
}

impl From<Register> for Operand {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

impl From<i32> for Operand {
    fn from(value: i32) -> Self {
        Self::Immediate(value)
    }
}

/// The most operands a form has.
const MOST: usize = 5;

/// An instruction whose operands fit its form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instruction {
    opcode: Opcode,
    count: u8,
    operands: [Operand; MOST],
}

/// Why an instruction cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperandError {
    /// Another number of operands.
    #[error("{form} takes {expected} operands, not {given}")]
    Count {
        /// The form's name.
        form: &'static str,
        /// What it takes.
        expected: usize,
        /// What was given.
        given: usize,
    },
    /// An operand that the field cannot hold.
    #[error("{form}: operand {index} cannot be {operand}; give {expected}")]
    Unfit {
        /// The form's name.
        form: &'static str,
        /// Which operand, from zero.
        index: usize,
        /// What was given.
        operand: Operand,
        /// What fits.
        expected: String,
    },
}

impl Instruction {
    /// An instruction of a form, its operands in the order of the printed text (a register printed twice is given once).
    ///
    /// # Errors
    /// Operands that do not fit the form.
    pub fn new(opcode: Opcode, operands: &[Operand]) -> Result<Self, OperandError> {
        let form = opcode.form();
        if operands.len() != form.fields.len() {
            return Err(OperandError::Count { form: opcode.name(), expected: form.fields.len(), given: operands.len() });
        }
        for (index, (field, &operand)) in form.fields.iter().zip(operands).enumerate() {
            if field.encode(operand).is_none() {
                return Err(OperandError::Unfit { form: opcode.name(), index, operand, expected: field.describe() });
            }
        }
        let mut all = [Operand::Immediate(0); MOST];
        all[..operands.len()].copy_from_slice(operands);
        // A table of at most five fields: the test `rows_are_sound`.
        Ok(Self { opcode, count: operands.len() as u8, operands: all })
    }

    /// The instruction that does nothing in a slot.
    #[must_use]
    pub const fn nop(slot: Slot) -> Self {
        Self { opcode: slot.nop(), count: 0, operands: [Operand::Immediate(0); MOST] }
    }

    /// The form.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// What the form does.
    #[must_use]
    pub const fn meaning(&self) -> Meaning {
        self.opcode.meaning()
    }

    /// The slot it stands in.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.opcode.slot()
    }

    /// The operands, in the order of the printed text.
    #[must_use]
    pub fn operands(&self) -> &[Operand] {
        &self.operands[..usize::from(self.count)]
    }

    /// Operand `index` as a register.
    #[must_use]
    pub fn register(&self, index: usize) -> Option<Register> {
        match self.operands().get(index) {
            Some(&Operand::Register(register)) => Some(register),
            _ => None,
        }
    }

    /// Operand `index` as a number.
    #[must_use]
    pub fn immediate(&self, index: usize) -> Option<i32> {
        match self.operands().get(index) {
            Some(&Operand::Immediate(value)) => Some(value),
            _ => None,
        }
    }

    /// Every register the instruction touches, with when: operands and implicit ones; groups are given as such.
    pub fn touched(&self) -> impl Iterator<Item = (Register, Access)> + use<'_> {
        let form = self.opcode.form();
        let explicit = form.fields.iter().zip(self.operands()).filter_map(|(field, operand)| match operand {
            Operand::Register(register) => Some((*register, field.access)),
            Operand::Immediate(_) => None,
        });
        explicit.chain(form.implicit.iter().copied()).chain(TABLE.timings[form.timing].implicit.iter().copied())
    }

    /// The instruction's bits in its slot.
    #[must_use]
    pub fn encode(&self) -> u64 {
        let form = self.opcode.form();
        let fields = form.fields.iter().zip(self.operands());
        // Every operand fits: `new` and `decode` are the only ways to an instruction.
        fields.fold(form.value, |word, (field, &operand)| word | field.encode(operand).map_or(0, |value| field.place(value)))
    }

    /// The instruction that a slot's bits hold; nothing if no form has them. Bits that no form gives a meaning must be zero.
    #[must_use]
    pub fn decode(slot: Slot, word: u64) -> Option<Self> {
        TABLE.by_slot[slot as usize].iter().find_map(|&index| Self::of(&TABLE.forms[index], word))
    }

    /// The instruction of one form that a slot's bits hold.
    pub(super) fn of(form: &Form, word: u64) -> Option<Self> {
        if word & form.mask != form.value || word & !form.covered != 0 {
            return None;
        }
        let mut operands = [Operand::Immediate(0); MOST];
        for (operand, field) in operands.iter_mut().zip(&form.fields) {
            *operand = field.decode(field.take(word))?;
        }
        Some(Self { opcode: form.opcode, count: form.fields.len() as u8, operands })
    }
}

impl Opcode {
    pub(super) fn form(self) -> &'static Form {
        &TABLE.forms[self as usize]
    }

    /// The slot the form stands in.
    #[must_use]
    pub fn slot(self) -> Slot {
        self.form().slot
    }

    /// How each operand is touched.
    pub fn accesses(self) -> impl Iterator<Item = Access> {
        self.form().fields.iter().map(|field| field.access)
    }

    /// Pipeline cycle at which the last of the form's results is written; zero if it writes no register.
    #[must_use]
    pub fn latency(self) -> u8 {
        self.accesses().filter_map(Access::write).map(|stage| stage.cycle).max().unwrap_or(0)
    }
}

impl Field {
    /// The field's value in a slot word.
    fn take(&self, word: u64) -> u64 {
        self.pieces.iter().fold(0, |value, piece| value | (word >> piece.from & ((1 << piece.count) - 1)) << piece.to)
    }

    /// A value's bits in the slot word.
    pub(super) fn place(&self, value: u64) -> u64 {
        self.pieces.iter().fold(0, |word, piece| word | (value >> piece.to & ((1 << piece.count) - 1)) << piece.from)
    }

    fn decode(&self, value: u64) -> Option<Operand> {
        match self.kind {
            Kind::Class(class) => (*TABLE.classes[class].members.get(usize::try_from(value).ok()?)?).map(Operand::Register),
            Kind::Unsigned { step, .. } => number(value as i64 * step),
            Kind::Signed { bits, step } => number(((value as i64) << (64 - bits) >> (64 - bits)) * step),
            Kind::Negative { bits, step } => number((value as i64 - (1 << bits)) * step),
        }
    }

    fn encode(&self, operand: Operand) -> Option<u64> {
        let (value, bits, low, high) = match (self.kind, operand) {
            (Kind::Class(class), Operand::Register(register)) => {
                return TABLE.classes[class].members.iter().position(|&member| member == Some(register)).map(|index| index as u64);
            }
            (Kind::Unsigned { bits, step }, Operand::Immediate(value)) => (divided(value, step)?, bits, 0, 1 << bits),
            (Kind::Signed { bits, step }, Operand::Immediate(value)) => (divided(value, step)?, bits, -(1 << (bits - 1)), 1 << (bits - 1)),
            (Kind::Negative { bits, step }, Operand::Immediate(value)) => (divided(value, step)?, bits, -(1 << bits), 0),
            _ => return None,
        };
        (low..high).contains(&value).then_some(value as u64 & ((1 << bits) - 1))
    }

    /// Whether the field holds a register.
    pub(super) const fn is_register(&self) -> bool {
        matches!(self.kind, Kind::Class(_))
    }

    /// Whether the field can hold the register.
    pub(super) fn fits(&self, register: Register) -> bool {
        self.encode(Operand::Register(register)).is_some()
    }

    /// What fits the field, in words.
    fn describe(&self) -> String {
        let range = |low: i64, high: i64, step: i64| match step {
            1 => format!("a number from {low} to {high}"),
            _ => format!("a multiple of {step} from {} to {}", low * step, high * step),
        };
        match self.kind {
            Kind::Class(class) => {
                let names: Vec<String> = TABLE.classes[class].members.iter().flatten().map(Register::to_string).collect();
                format!("one of {}", names.join(", "))
            }
            Kind::Unsigned { bits, step } => range(0, (1 << bits) - 1, step),
            Kind::Signed { bits, step } => range(-(1 << (bits - 1)), (1 << (bits - 1)) - 1, step),
            Kind::Negative { bits, step } => range(-(1 << bits), -1, step),
        }
    }
}

fn number(value: i64) -> Option<Operand> {
    i32::try_from(value).ok().map(Operand::Immediate)
}

fn divided(value: i32, step: i64) -> Option<i64> {
    (i64::from(value) % step == 0).then(|| i64::from(value) / step)
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(register) => register.fmt(f),
            Self::Immediate(value) => write!(f, "#{value}"),
        }
    }
}

impl fmt::Display for Instruction {
    /// llvm-aie's syntax.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.opcode.form().tokens {
            match *token {
                Token::Text(text) => f.write_str(text)?,
                Token::Operand(index) => self.operands[index].fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.opcode.name())
    }
}
