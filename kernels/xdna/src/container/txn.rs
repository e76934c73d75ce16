//! The instruction stream of one run ("transaction binary"): register writes and waits that the NPU's command processor does, in order.
//! A header of four words, then operations. Their sizes are written in them where the format says so, and checked.

use super::address::Address;
use super::bytes::{Out, Reader, Result, Why, canonical, word};

/// The low half of the first word: version 0.1.
pub const VERSION: u32 = 0x0100;

/// The generation of the NPU that a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Phoenix, Hawk Point.
    Npu1,
    /// Strix, Krackan.
    Npu2,
}

impl Generation {
    fn code(self) -> u8 {
        match self {
            Self::Npu1 => 3,
            Self::Npu2 => 4,
        }
    }
}

/// The direction of a DMA channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a stream to memory.
    S2mm,
    /// From memory to a stream.
    Mm2s,
}

/// What the command processor does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a register.
    Write {
        /// The register.
        address: Address,
        /// What it becomes.
        value: u32,
    },
    /// Writes a run of words.
    BlockWrite {
        /// Column and row as they are told beside the address; both may be 0 for any tile.
        tile: (u8, u8),
        /// The first word's.
        address: Address,
        /// The words.
        data: Vec<u32>,
    },
    /// Changes the bits of a register that the mask names.
    MaskWrite {
        /// The register.
        address: Address,
        /// What the bits become.
        value: u32,
        /// The bits that change.
        mask: u32,
    },
    /// Waits until the register, under the mask, has the value.
    MaskPoll {
        /// The register.
        address: Address,
        /// What the bits must be.
        value: u32,
        /// The bits that count.
        mask: u32,
    },
    /// Nothing.
    Noop,
    /// A point at which another context may take over.
    Preempt {
        /// What is saved then: 0 nothing, 1 memory tiles, 2 all tiles, 3 registers, too.
        level: u8,
    },
    /// Loads a device image.
    LoadPdi {
        /// Its number.
        id: u16,
        /// Its bytes.
        size: u32,
        /// Where it lies.
        address: u64,
    },
    /// Waits for task-completion tokens of a channel.
    Sync {
        /// The channel's direction.
        direction: Direction,
        /// The first row.
        row: u8,
        /// The first column.
        column: u8,
        /// Rows from it.
        rows: u8,
        /// Columns from it.
        columns: u8,
        /// The channel.
        channel: u8,
    },
    /// Writes the address of a kernel argument into a buffer descriptor.
    Patch {
        /// The descriptor's word with the low half of the address.
        register: Address,
        /// The argument; 0 is the first buffer.
        argument: u32,
        /// Bytes that are added to its address.
        offset: u64,
    },
}

impl Op {
    fn parse(reader: &mut Reader) -> Result<Self> {
        let start = reader.at();
        let head = reader.u32("operation")?;
        let address = |reader: &mut Reader| reader.u32("address").map(Address);
        let op = match head & 0xff {
            0x00 => {
                reader.skip(4)?;
                let address = address(reader)?;
                reader.skip(4)?;
                let value = reader.u32("value")?;
                reader.expect(24, "24", "operation size")?;
                Self::Write { address, value }
            }
            0x01 => {
                let tile = (reader.u8("column")?, reader.u8("row")?);
                reader.skip(2)?;
                let address = address(reader)?;
                let size = reader.u32("operation size")?;
                if size < 16 || size % 4 != 0 {
                    let why = Why::Value { found: size.into(), wants: "16 and 4 for each word" };
                    return Err(reader.fails_at(start + 12, "operation size", why));
                }
                Self::BlockWrite { tile, address, data: reader.words(size as usize / 4 - 4, "data")? }
            }
            0x03 | 0x04 => {
                reader.skip(4)?;
                let address = address(reader)?;
                reader.skip(4)?;
                let (value, mask) = (reader.u32("value")?, reader.u32("mask")?);
                reader.expect(28, "28", "operation size")?;
                if head & 0xff == 3 { Self::MaskWrite { address, value, mask } } else { Self::MaskPoll { address, value, mask } }
            }
            0x05 => Self::Noop,
            0x06 => Self::Preempt { level: (head >> 8) as u8 },
            0x08 => Self::LoadPdi { id: (head >> 16) as u16, size: reader.u32("size")?, address: reader.u64("address")? },
            0x80 => {
                reader.expect(16, "16", "operation size")?;
                let direction = match reader.u8("direction")? {
                    0 => Direction::S2mm,
                    1 => Direction::Mm2s,
                    found => {
                        let why = Why::Value { found: found.into(), wants: "0 (to memory) or 1 (from memory)" };
                        return Err(reader.fails_at(start + 8, "direction", why));
                    }
                };
                let (row, column) = (reader.u8("row")?, reader.u8("column")?);
                reader.skip(2)?;
                let (rows, columns, channel) = (reader.u8("rows")?, reader.u8("columns")?, reader.u8("channel")?);
                Self::Sync { direction, row, column, rows, columns, channel }
            }
            0x81 => {
                reader.expect(48, "48", "operation size")?;
                reader.skip(12)?;
                reader.expect(0, "0, to add an address", "action")?;
                let register = address(reader)?;
                reader.skip(4)?;
                let argument = reader.u32("argument")?;
                reader.skip(4)?;
                Self::Patch { register, argument, offset: reader.u64("offset")? }
            }
            other => {
                let wants = "0 write, 1 block write, 3 mask write, 4 mask poll, 5 nothing, 6 preempt, 8 load, 0x80 sync or 0x81 patch";
                return Err(reader.fails_at(start, "operation", Why::Value { found: other.into(), wants }));
            }
        };
        Ok(op)
    }

    fn write(&self, out: &mut Out) -> Result<()> {
        match self {
            Self::Write { address, value } => out.words(&[0, 0, address.0, 0, *value, 24]),
            Self::BlockWrite { tile: (column, row), address, data } => {
                let size = word(data.len().saturating_mul(4).saturating_add(16), "TXN", "operation size")?;
                out.words(&[1, u32::from(*column) | u32::from(*row) << 8, address.0, size]);
                out.words(data);
            }
            Self::MaskWrite { address, value, mask } => out.words(&[3, 0, address.0, 0, *value, *mask, 28]),
            Self::MaskPoll { address, value, mask } => out.words(&[4, 0, address.0, 0, *value, *mask, 28]),
            Self::Noop => out.u32(5),
            Self::Preempt { level } => out.u32(6 | u32::from(*level) << 8),
            Self::LoadPdi { id, size, address } => {
                out.words(&[8 | u32::from(*id) << 16, *size]);
                out.u64(*address);
            }
            Self::Sync { direction, row, column, rows, columns, channel } => {
                let direction = u8::from(*direction == Direction::Mm2s);
                out.words(&[0x80, 16, u32::from_le_bytes([direction, *row, *column, 0]), u32::from_le_bytes([0, *rows, *columns, *channel])]);
            }
            Self::Patch { register, argument, offset } => {
                out.words(&[0x81, 48, 0, 0, 0, 0, register.0, 0, *argument, 0]);
                out.u64(*offset);
            }
        }
        Ok(())
    }
}

/// An instruction stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// The NPU it is for.
    pub generation: Generation,
    /// Rows of the array with shim and memory tiles.
    pub rows: u8,
    /// Columns of the device or partition that it was made for; both are met.
    pub columns: u8,
    /// Rows of memory tiles.
    pub memory_rows: u8,
    /// In the order in which they are done.
    pub ops: Vec<Op>,
}

impl Txn {
    /// A stream for an npu1 of six rows and four columns.
    pub fn npu1(ops: Vec<Op>) -> Self {
        Self { generation: Generation::Npu1, rows: 6, columns: 4, memory_rows: 1, ops }
    }

    /// Reads a stream.
    ///
    /// # Errors
    /// For damage, for operations without a meaning here, and for what `write` would not give back.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        canonical("TXN", bytes, Self::parse, Self::write)
    }

    pub(crate) fn parse(mut reader: Reader) -> Result<Self> {
        let version = reader.u16("version")?;
        if u32::from(version) != VERSION {
            return Err(reader.fails_at(0, "version", Why::Value { found: version.into(), wants: "version 0.1" }));
        }
        let generation = match reader.u8("generation")? {
            3 => Generation::Npu1,
            4 => Generation::Npu2,
            found => return Err(reader.fails_at(2, "generation", Why::Value { found: found.into(), wants: "3 (npu1) or 4 (npu2)" })),
        };
        let (rows, columns, memory_rows) = (reader.u8("rows")?, reader.u8("columns")?, reader.u8("memory rows")?);
        reader.skip(2)?;
        let (count, size) = (reader.u32("operation count")?, reader.u32("size")?);
        if size as usize != reader.bytes().len() {
            return Err(reader.fails_at(12, "size", Why::Value { found: size.into(), wants: "the stream's length in bytes" }));
        }
        let mut ops = Vec::new();
        while reader.left() > 0 {
            ops.push(Op::parse(&mut reader)?);
        }
        if ops.len() != count as usize {
            return Err(reader.fails_at(8, "operation count", Why::Value { found: count.into(), wants: "the number of operations there are" }));
        }
        Ok(Self { generation, rows, columns, memory_rows, ops })
    }

    /// The bytes.
    ///
    /// # Errors
    /// For more bytes than 32 bits count.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut out = Out::default();
        out.u16(VERSION as u16);
        out.0.extend([self.generation.code(), self.rows, self.columns, self.memory_rows, 0, 0]);
        out.words(&[word(self.ops.len(), "TXN", "operation count")?, 0]);
        for op in &self.ops {
            op.write(&mut out)?;
        }
        let size = word(out.len(), "TXN", "size")?;
        out.set_u32(12, size);
        Ok(out.0)
    }
}
