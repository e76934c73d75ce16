//! Addresses of the array: which tile, and where in it. A CDO or TXN counts columns from the partition's first.

use std::fmt;

/// What a tile is, by its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Row 0: DMA to the host's memory.
    Shim,
    /// Row 1: 512 KiB of memory and its DMA.
    Memory,
    /// Any row above: a core with its program and data memory.
    Core,
}

/// A tile's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Columns from the left of the partition.
    pub column: u8,
    /// Rows from below.
    pub row: u8,
}

impl Tile {
    /// What kind of tile it is.
    pub fn kind(self) -> Kind {
        match self.row {
            0 => Kind::Shim,
            1 => Kind::Memory,
            _ => Kind::Core,
        }
    }

    /// The address `offset` bytes into the tile. Column, row and offset are cut to 7, 5 and 20 bits.
    pub fn at(self, offset: u32) -> Address {
        Address(u32::from(self.column & 0x7f) << 25 | u32::from(self.row & 0x1f) << 20 | offset & 0xf_ffff)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.column, self.row)
    }
}

/// `column << 25 | row << 20 | offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u32);

impl Address {
    /// The tile it lies in.
    pub fn tile(self) -> Tile {
        Tile { column: (self.0 >> 25) as u8, row: (self.0 >> 20 & 0x1f) as u8 }
    }

    /// Bytes from the tile's begin.
    pub fn offset(self) -> u32 {
        self.0 & 0xf_ffff
    }
}

/// The program memory of a core, as other tiles and the host see it.
pub const PROGRAM: std::ops::Range<u32> = 0x20000..0x24000;
