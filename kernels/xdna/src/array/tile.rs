//! Tiles: kinds, sizes, addresses, and where each unit's registers stand. Source: AM020 (sizes), AM025 (offsets).

use super::ArrayError;
use std::fmt;

/// Usable columns of npu1 (partition-relative numbering).
pub const COLUMNS: u8 = 4;
/// Rows: 0 shim, 1 memory tile, 2..6 cores.
pub const ROWS: u8 = 6;

/// What stands at a place of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Interface to host memory.
    Shim,
    /// 512 KiB of memory with six channels each way.
    Memory,
    /// Core with 64 KiB of data memory.
    Core,
}

/// A tile by its place; only places that exist can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    column: u8,
    row: u8,
}

impl Tile {
    /// The tile at a place, if there is one.
    pub fn new(column: u32, row: u32) -> Result<Tile, ArrayError> {
        match (u8::try_from(column), u8::try_from(row)) {
            (Ok(c), Ok(r)) if c < COLUMNS && r < ROWS => Ok(Tile { column: c, row: r }),
            _ => Err(ArrayError::Tile { column, row }),
        }
    }

    /// All tiles, column by column, upward.
    pub fn all() -> impl Iterator<Item = Tile> {
        (0..COLUMNS).flat_map(|column| (0..ROWS).map(move |row| Tile { column, row }))
    }

    /// Column from the left.
    pub fn column(self) -> u8 {
        self.column
    }

    /// Row from below.
    pub fn row(self) -> u8 {
        self.row
    }

    /// Place in the order of [`Tile::all`].
    pub fn index(self) -> usize {
        usize::from(self.column) * usize::from(ROWS) + usize::from(self.row)
    }

    /// What stands here.
    pub fn kind(self) -> TileKind {
        match self.row {
            0 => TileKind::Shim,
            1 => TileKind::Memory,
            _ => TileKind::Core,
        }
    }

    /// Register address of an offset within this tile.
    pub fn address(self, offset: u32) -> u32 {
        debug_assert!(offset < 1 << 20);
        u32::from(self.column) << 25 | u32::from(self.row) << 20 | offset
    }

    /// Tile and offset of a register address.
    pub fn of_address(address: u32) -> Result<(Tile, u32), ArrayError> {
        Ok((Tile::new(address >> 25, address >> 20 & 31)?, address & 0xFFFFF))
    }

    /// The tile `columns` to the right and `rows` up, if it exists.
    pub fn beside(self, columns: i8, rows: i8) -> Option<Tile> {
        let column = self.column.checked_add_signed(columns)?;
        let row = self.row.checked_add_signed(rows)?;
        (column < COLUMNS && row < ROWS).then_some(Tile { column, row })
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind() {
            TileKind::Shim => "shim",
            TileKind::Memory => "memory tile",
            TileKind::Core => "core",
        };
        write!(f, "{kind} ({}, {})", self.column, self.row)
    }
}

/// Which way a DMA channel moves data, seen from the tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Stream to memory.
    S2mm,
    /// Memory to stream.
    Mm2s,
}

/// One DMA channel of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// Its tile.
    pub tile: Tile,
    /// Its direction.
    pub direction: Direction,
    /// Its number among those of the same direction.
    pub index: u8,
}

impl Channel {
    /// A channel, if the tile has it.
    pub fn new(tile: Tile, direction: Direction, index: u8) -> Result<Channel, ArrayError> {
        let end = tile.kind().registers().channels;
        if index >= end {
            return Err(ArrayError::Range { tile, what: "channel", value: u64::from(index), end: u64::from(end) });
        }
        Ok(Channel { tile, direction, index })
    }

    /// Register address of the channel's control word; its task queue is the next word.
    pub fn control(self) -> u32 {
        let r = self.tile.kind().registers();
        let base = match self.direction {
            Direction::S2mm => r.s2mm,
            Direction::Mm2s => r.mm2s,
        };
        self.tile.address(base + 8 * u32::from(self.index))
    }

    /// Register address of the channel's task queue.
    pub fn queue(self) -> u32 {
        self.control() + 4
    }

    /// The channel whose control or queue register stands at an offset of a tile; `true` when it is the queue.
    pub fn of_offset(tile: Tile, offset: u32) -> Option<(Channel, bool)> {
        let r = tile.kind().registers();
        [(Direction::S2mm, r.s2mm), (Direction::Mm2s, r.mm2s)].into_iter().find_map(|(direction, base)| {
            let at = offset.checked_sub(base)?;
            (at < 8 * u32::from(r.channels) && at.is_multiple_of(4)).then_some((Channel { tile, direction, index: (at / 8) as u8 }, at % 8 == 4))
        })
    }

    /// Descriptors this channel can use.
    pub fn descriptors(self) -> std::ops::Range<u8> {
        match (self.tile.kind(), self.index % 2) {
            (TileKind::Memory, 0) => 0..24,
            (TileKind::Memory, _) => 24..48,
            _ => 0..16,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::S2mm => "S2MM",
            Direction::Mm2s => "MM2S",
        };
        write!(f, "{}, {direction} {}", self.tile, self.index)
    }
}

/// Sizes and register offsets of one kind of tile.
#[derive(Debug, Clone, Copy)]
pub struct Registers {
    /// Bytes of data memory; 0 for the shim.
    pub memory: u32,
    /// Semaphore locks.
    pub locks: u8,
    /// Offset of lock 0; one every 16 bytes.
    pub lock: u32,
    /// Buffer descriptors.
    pub descriptors: u8,
    /// Offset of descriptor 0; one every 32 bytes.
    pub descriptor: u32,
    /// Words of a descriptor.
    pub descriptor_words: u8,
    /// DMA channels of each direction.
    pub channels: u8,
    /// Offset of S2MM 0's control.
    pub s2mm: u32,
    /// Offset of MM2S 0's control.
    pub mm2s: u32,
    /// Offset of the stream switch: masters, +0x100 slaves, +0x200 packet slots.
    pub switch: u32,
}

/// Offset of a core's program memory; 16 KiB.
pub(crate) const PROGRAM: u32 = 0x20000;
pub(crate) const PROGRAM_BYTES: u32 = 0x4000;
/// Offset of a core's control: bit 0 enable, bit 1 reset.
pub(crate) const CORE_CONTROL: u32 = 0x32000;
/// Offsets of the shim's multiplexer (array side in) and demultiplexer (array side out).
pub(crate) const SHIM_MUX: u32 = 0x1F000;
pub(crate) const SHIM_DEMUX: u32 = 0x1F004;

impl TileKind {
    /// Sizes and offsets of this kind.
    pub const fn registers(self) -> Registers {
        match self {
            TileKind::Core => Registers {
                memory: 0x10000,
                locks: 16,
                lock: 0x1F000,
                descriptors: 16,
                descriptor: 0x1D000,
                descriptor_words: 6,
                channels: 2,
                s2mm: 0x1DE00,
                mm2s: 0x1DE10,
                switch: 0x3F000,
            },
            TileKind::Memory => Registers {
                memory: 0x80000,
                locks: 64,
                lock: 0xC0000,
                descriptors: 48,
                descriptor: 0xA0000,
                descriptor_words: 8,
                channels: 6,
                s2mm: 0xA0600,
                mm2s: 0xA0630,
                switch: 0xB0000,
            },
            TileKind::Shim => Registers {
                memory: 0,
                locks: 16,
                lock: 0x14000,
                descriptors: 16,
                descriptor: 0x1D000,
                descriptor_words: 8,
                channels: 2,
                s2mm: 0x1D200,
                mm2s: 0x1D210,
                switch: 0x3F000,
            },
        }
    }
}
