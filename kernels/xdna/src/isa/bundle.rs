//! A bundle: the instructions of one cycle, in one of 78 formats of 2 to 16 bytes.

use std::fmt;

use super::instruction::{Instruction, Slot};
use super::table::{FormatRow, TABLE};

/// Bytes of the largest bundle, and the alignment of loop starts.
pub const FULL: usize = 16;

/// A bundle format, named by its size and slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Format(u8);

impl Format {
    /// Every format, the small ones first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.formats.len()).map(|index| Self(index as u8))
    }

    fn row(self) -> &'static FormatRow {
        &TABLE.formats[usize::from(self.0)]
    }

    /// llvm-aie's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Bytes of a bundle in this format.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.row().bytes
    }

    /// The slots, in the order they are printed.
    pub fn slots(self) -> impl Iterator<Item = Slot> {
        self.row().slots.iter().map(|&(slot, _)| slot)
    }

    fn has(self, slot: Slot) -> bool {
        self.row().slots.iter().any(|&(other, _)| other == slot)
    }
}

/// The instructions of one cycle and the format they are written in. Slots of the format without an instruction hold nops.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bundle {
    format: Format,
    /// By slot; an explicit nop is the same as none.
    slots: [Option<Instruction>; Slot::COUNT],
}

/// Why instructions do not make a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Two instructions want one slot.
    #[error("{first} and {second} both stand in slot {slot}", slot = slot.name())]
    Twice {
        /// The slot.
        slot: Slot,
        /// The first, printed.
        first: String,
        /// The second.
        second: String,
    },
    /// No format has the slots.
    #[error("no bundle format holds the slots {slots} together")]
    NoFormat {
        /// The slots.
        slots: String,
    },
    /// The format that was asked for lacks a slot.
    #[error("bundle format {format} has no slot {slot}", slot = slot.name())]
    NoSlot {
        /// The format's name.
        format: &'static str,
        /// The slot.
        slot: Slot,
    },
}

/// Bytes that are no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within the bundle.
    #[error("program address {pc:#x}: a bundle of {needed} bytes, of which only {found} are there")]
    Short {
        /// Address of the bundle.
        pc: u32,
        /// Its size.
        needed: usize,
        /// What is there.
        found: usize,
    },
    /// No format has these fixed bits.
    #[error("program address {pc:#x}: {bytes:02x?} has the fixed bits of no bundle format")]
    Format {
        /// Address of the bundle.
        pc: u32,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A slot holds no instruction.
    #[error("program address {pc:#x}: {word:#x} is no instruction of slot {slot} (bundle format {format})", slot = slot.name())]
    Instruction {
        /// Address of the bundle.
        pc: u32,
        /// Its format.
        format: &'static str,
        /// The slot.
        slot: Slot,
        /// The slot's bits.
        word: u64,
    },
}

impl Bundle {
    /// The instructions in the smallest format that holds them; none at all makes the two-byte nop.
    ///
    /// # Errors
    /// Two instructions in one slot, or slots that no format holds together.
    pub fn new(instructions: &[Instruction]) -> Result<Self, BundleError> {
        let slots = by_slot(instructions)?;
        let format = Format::all()
            .find(|format| fits(*format, &slots).is_none())
            .ok_or_else(|| BundleError::NoFormat { slots: slots.iter().flatten().map(|i| i.slot().name()).collect::<Vec<_>>().join(", ") })?;
        Ok(Self { format, slots })
    }

    /// The instructions in a given format.
    ///
    /// # Errors
    /// Two instructions in one slot, or a slot that the format lacks.
    pub fn in_format(format: Format, instructions: &[Instruction]) -> Result<Self, BundleError> {
        let slots = by_slot(instructions)?;
        match fits(format, &slots) {
            None => Ok(Self { format, slots }),
            Some(slot) => Err(BundleError::NoSlot { format: format.name(), slot }),
        }
    }

    /// The instructions in a bundle of sixteen bytes.
    ///
    /// # Errors
    /// Two instructions in one slot, or `Lng` together with `Alu` or `Mv`.
    pub fn full(instructions: &[Instruction]) -> Result<Self, BundleError> {
        Self::new(instructions)?.widened(FULL).ok_or_else(|| BundleError::NoFormat { slots: "given".to_owned() })
    }

    /// The same instructions in a format of exactly so many bytes, if there is one.
    #[must_use]
    pub fn widened(&self, bytes: usize) -> Option<Self> {
        let format = Format::all().find(|format| format.bytes() == bytes && fits(*format, &self.slots).is_none())?;
        Some(Self { format, slots: self.slots })
    }

    /// The format.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.format.bytes()
    }

    /// The instructions that are not nops, in the order of [`Slot::ALL`].
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.slots.iter().flatten()
    }

    /// The instruction of a slot, unless it is a nop.
    #[must_use]
    pub const fn get(&self, slot: Slot) -> Option<&Instruction> {
        self.slots[slot as usize].as_ref()
    }

    /// The bundle's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let row = self.format.row();
        let word = row.slots.iter().fold(row.value, |word, &(slot, at)| {
            let instruction = self.slots[slot as usize].unwrap_or(Instruction::nop(slot));
            word | u128::from(instruction.encode()) << at
        });
        word.to_le_bytes()[..row.bytes].to_vec()
    }

    /// The bundle at the start of `bytes`, which may be longer; `pc` is its address, for the error.
    ///
    /// # Errors
    /// Bytes that are no bundle.
    pub fn decode(bytes: &[u8], pc: u32) -> Result<Self, DecodeError> {
        let needed = bytes.first().map_or(2, |&first| size(first));
        let own = bytes.get(..needed).ok_or(DecodeError::Short { pc, needed, found: bytes.len() })?;
        let mut word = [0; FULL];
        word[..needed].copy_from_slice(own);
        let word = u128::from_le_bytes(word);
        let format = Format::all()
            .find(|format| format.bytes() == needed && word & format.row().mask == format.row().value)
            .ok_or_else(|| DecodeError::Format { pc, bytes: own.to_vec() })?;
        let mut slots = [None; Slot::COUNT];
        for &(slot, at) in &format.row().slots {
            let bits = (word >> at) as u64 & ((1 << slot.width()) - 1);
            let instruction =
                Instruction::decode(slot, bits).ok_or_else(|| DecodeError::Instruction { pc, format: format.name(), slot, word: bits })?;
            slots[slot as usize] = (instruction.opcode() != slot.nop()).then_some(instruction);
        }
        Ok(Self { format, slots })
    }
}

/// Every bundle of a program that starts at address `base`, with its address.
///
/// # Errors
/// Bytes that are no bundle.
pub fn decode_program(bytes: &[u8], base: u32) -> Result<Vec<(u32, Bundle)>, DecodeError> {
    let (mut bundles, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let pc = base.wrapping_add(at as u32);
        let bundle = Bundle::decode(&bytes[at..], pc)?;
        at += bundle.bytes();
        bundles.push((pc, bundle));
    }
    Ok(bundles)
}

/// Bytes of the bundle that starts with this byte.
#[must_use]
pub const fn size(first: u8) -> usize {
    match first & 15 {
        1 => 2,
        9 => 4,
        5 | 13 => 6,
        3 => 8,
        11 => 10,
        7 => 12,
        15 => 14,
        _ => FULL,
    }
}

fn by_slot(instructions: &[Instruction]) -> Result<[Option<Instruction>; Slot::COUNT], BundleError> {
    let mut slots: [Option<Instruction>; Slot::COUNT] = [None; Slot::COUNT];
    for instruction in instructions.iter().filter(|i| i.opcode() != i.slot().nop()) {
        let place = &mut slots[instruction.slot() as usize];
        if let Some(first) = place {
            return Err(BundleError::Twice { slot: instruction.slot(), first: first.to_string(), second: instruction.to_string() });
        }
        *place = Some(*instruction);
    }
    Ok(slots)
}

/// A slot that is taken but not in the format.
fn fits(format: Format, slots: &[Option<Instruction>; Slot::COUNT]) -> Option<Slot> {
    slots.iter().flatten().map(Instruction::slot).find(|&slot| !format.has(slot))
}

impl fmt::Display for Bundle {
    /// The instructions, joined by `;`. The alternate form (`{:#}`) prints the nops of the format too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for slot in self.format.slots() {
            let instruction = match self.slots[slot as usize] {
                Some(instruction) => instruction,
                None if f.alternate() => Instruction::nop(slot),
                None => continue,
            };
            if !first {
                f.write_str("; ")?;
            }
            first = false;
            instruction.fmt(f)?;
        }
        if first { f.write_str("nop") } else { Ok(()) }
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.format.name())
    }
}
