//! The instruction stream of a run: transfers between argument buffers and shim channels, and waits for them.

use super::{ArrayError, Channel, Descriptor, Direction, Start, TileKind};
use crate::container::address::Address;
use crate::container::txn::{self, Op, Txn};

/// Id of the packets that carry tokens, as [`super::Router::tokens`] routes them.
const TOKENS: u32 = 15;

/// An instruction stream under construction, for the idiom of the known streams: descriptor, patch of its address, task queue; tokens.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    ops: Vec<Op>,
}

impl Stream {
    /// A stream that does nothing.
    pub fn new() -> Stream {
        Stream::default()
    }

    /// Starts a transfer between a shim channel and an argument buffer.
    ///
    /// The descriptor's address is the offset in the buffer, in bytes. `repeat` runs follow the first (MM2S only: S2MM tasks that repeat are
    /// placed wrongly by a reader of these streams that we check against). With `token`, [`Stream::wait`] can wait for the end.
    ///
    /// # Errors
    /// For channels that are not of a shim, descriptors that do not fit, and S2MM tasks that repeat.
    pub fn transfer(
        &mut self,
        channel: Channel,
        number: u8,
        descriptor: &Descriptor,
        argument: u32,
        repeat: u8,
        token: bool,
    ) -> Result<&mut Stream, ArrayError> {
        let tile = channel.tile;
        let lacks = |what| ArrayError::Lacks { tile, descriptor: number, what };
        if tile.kind() != TileKind::Shim {
            return Err(lacks("a way to argument buffers"));
        }
        if channel.direction == Direction::S2mm && repeat > 0 {
            return Err(lacks("an S2MM task that repeats"));
        }
        if !channel.descriptors().contains(&number) {
            return Err(ArrayError::Bank { channel, descriptor: number });
        }
        let at = tile.address(tile.kind().registers().descriptor + 32 * u32::from(number));
        self.ops.push(Op::BlockWrite { tile: (0, 0), address: Address(at), data: descriptor.pack(tile, number)? });
        self.ops.push(Op::Patch { register: Address(at + 4), argument, offset: descriptor.address });
        if token {
            self.ops.push(Op::MaskWrite { address: Address(channel.control()), value: TOKENS << 8, mask: 0x1F00 });
        }
        let start = Start { channel, descriptor: number, repeat, token };
        self.ops.push(Op::Write { address: Address(channel.queue()), value: start.pack() });
        Ok(self)
    }

    /// Waits for a token of a channel.
    pub fn wait(&mut self, channel: Channel) -> &mut Stream {
        let direction = match channel.direction {
            Direction::S2mm => txn::Direction::S2mm,
            Direction::Mm2s => txn::Direction::Mm2s,
        };
        let (column, row) = (channel.tile.column(), channel.tile.row());
        self.ops.push(Op::Sync { direction, row, column, rows: 1, columns: 1, channel: channel.index });
        self
    }

    /// Writes a word: a parameter in a core's memory, or a register.
    pub fn write(&mut self, address: u32, value: u32) -> &mut Stream {
        self.ops.push(Op::Write { address: Address(address), value });
        self
    }

    /// The finished stream.
    pub fn finish(self) -> Txn {
        Txn::npu1(self.ops)
    }
}
