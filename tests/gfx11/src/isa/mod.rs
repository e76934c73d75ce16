//! What an instruction is: opcode tables and operands. Waves have 32 lanes, so a mask of lanes is one register.

mod memory;
mod scalar;
mod table;
mod uses;
mod vector;

pub use memory::{Ds, Global};
pub use scalar::{Smem, Sop1, Sop2, Sopc, Sopk, Sopp};
pub use table::Kind;
pub use uses::{Effect, Registers, Uses};
pub use vector::{Compare, Compared, Condition, Packed, Vop};

/// Scalar registers with a meaning, by number.
pub mod register {
    /// Where comparisons and carries go by default.
    pub const VCC: u8 = 106;
    /// Reads as zero, and forgets.
    pub const NULL: u8 = 124;
    /// Free use; some instructions read it.
    pub const M0: u8 = 125;
    /// Which lanes are active.
    pub const EXEC: u8 = 126;
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A vector register.
    V(u8),
    /// A scalar register, the special ones included.
    S(u8),
    /// A constant by its number: 128 to 208 are integers, 240 to 248 floats, 253 is SCC.
    Inline(u8),
    /// The word behind the instruction.
    Literal(u32),
}

/// Lanes read from their neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dpp {
    /// A pattern within rows of 16.
    Row {
        /// Which pattern.
        control: u16,
        /// Inactive lanes may be read.
        fetch_inactive: bool,
        /// What cannot be read is zero, instead of leaving the destination alone.
        zero: bool,
        /// Rows that are written.
        rows: u8,
        /// Lanes of each four that are written, by their place in the row's banks.
        banks: u8,
    },
    /// Any lane of eight, three bits each.
    Eight {
        /// The lanes.
        select: u32,
        /// Inactive lanes may be read.
        fetch_inactive: bool,
    },
}

/// The operands of a vector instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operands {
    /// The register written: a vector one, unless the table says otherwise.
    pub dst: u8,
    /// The scalar register of a second result, of one bit a lane.
    pub mask: u8,
    /// What is read; the table says how many count.
    pub src: [Source; 3],
    /// Sources whose sign is turned, one bit each; of packed ones that of the low half.
    pub neg: u8,
    /// Sources of which the absolute value is taken; of packed ones whose high half's sign is turned.
    pub abs: u8,
    /// Sources of which the high half is read (packed: for the low result), and bit 3: the high half is written.
    pub high: u8,
    /// Packed: sources of which the high half is read for the high result.
    pub high_high: u8,
    /// The result times 2, 4, or a half.
    pub omod: u8,
    /// The result is limited.
    pub clamp: bool,
    /// Whether this is the long encoding.
    pub long: bool,
    /// Lanes of the first source.
    pub dpp: Option<Dpp>,
}

impl Operands {
    /// Whether the values are used as they are.
    pub const fn plain(&self) -> bool {
        self.neg | self.abs | self.omod == 0 && !self.clamp
    }
}

/// Half of an instruction that does two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Half {
    /// What it does.
    pub op: Vop,
    /// The register written.
    pub dst: u8,
    /// What is read.
    pub src: [Source; 3],
}

/// An access to the memory of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// What it does.
    pub op: Global,
    /// Which memory.
    pub segment: Segment,
    /// The register loaded.
    pub dst: u8,
    /// The register with the address, or with the distance from `base`.
    pub address: u8,
    /// The register stored.
    pub data: u8,
    /// Scalar registers with an address.
    pub base: Option<u8>,
    /// Whether the private memory's vector address counts.
    pub vector_address: bool,
    /// Bytes added.
    pub offset: i32,
    /// `glc`, `slc`, `dlc`: caching; of an atomic, `glc` is the wish to have back what was there.
    pub cache: [bool; 3],
}

/// Which memory an access means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// Any, by address.
    Flat,
    /// Private to the lane.
    Scratch,
    /// The device's.
    Global,
}

/// An instruction without its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Two scalar sources.
    Sop2(Sop2, u8, [Source; 2]),
    /// One scalar source.
    Sop1(Sop1, u8, Source),
    /// A scalar comparison.
    Sopc(Sopc, [Source; 2]),
    /// A scalar register, a constant, and for one opcode a word.
    Sopk(Sopk, u8, u16, u32),
    /// Control.
    Sopp(Sopp, u16),
    /// A scalar load: destination, base, register of an offset, bytes, `glc`, `dlc`.
    Smem(Smem, u8, u8, u8, i32, [bool; 2]),
    /// One result a lane.
    Vop(Vop, Operands),
    /// One bit a lane.
    Compare(Compare, Operands),
    /// Packed, dot or matrix.
    Packed(Packed, Operands),
    /// Two at once.
    Dual([Half; 2]),
    /// The memory of the workgroup: destination, address, data, offsets, `gds`.
    Ds(Ds, u8, u8, [u8; 2], [u8; 2]),
    /// The memory of the device.
    Global(Access),
    /// A cache forgets: level 0 or 1.
    Invalidate(u8),
}

/// An instruction in its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inst {
    /// Bytes from the kernel's first instruction.
    pub at: u32,
    /// Its length in words.
    pub words: u8,
    /// What it is.
    pub body: Body,
}
