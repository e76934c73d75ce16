//! Register writes taken apart into a design: the inverse of `configure`, strict about what it does not know.

use super::descriptor::Descriptor;
use super::design::{Core, Design, Link, LockValue, Segment, ShimPort, Start, TileDma};
use super::tile::{CORE_CONTROL, PROGRAM, PROGRAM_BYTES, SHIM_DEMUX, SHIM_MUX};
use super::{ArrayError, Channel, Direction, Port, PortSide, Tile, TileKind, Write};
use crate::container::cdo::{Cdo, Command};

/// What one write says.
enum Said {
    Segment(Tile, Segment),
    /// Control bits of a core.
    Core(Tile),
    Lock(LockValue),
    Descriptor(Tile, u8, Box<Descriptor>),
    Start(Start),
    /// A channel's control: reset, or the reserved bit.
    Control,
    Link(Link),
    /// A slave's enable word: told again by the link that needs it.
    Slave,
    Shim(ShimPort),
}

impl Design {
    /// The design that a list of writes makes. `configure` of the result gives the same writes if they came from `configure`.
    pub fn read(writes: &[Write]) -> Result<Design, ArrayError> {
        let mut design = Design::default();
        let mut locks_zeroed: Vec<(Tile, u8)> = Vec::new();
        for write in writes {
            match understand(write)? {
                Said::Segment(tile, segment) => design.core(tile).segments.push(segment),
                Said::Core(tile) => {
                    design.core(tile);
                }
                // The first zero to each lock of a core is the zeroing, not a first value.
                Said::Lock(l) if l.tile.kind() == TileKind::Core && l.value == 0 && !locks_zeroed.contains(&(l.tile, l.lock)) => {
                    locks_zeroed.push((l.tile, l.lock));
                }
                Said::Lock(l) => design.locks.push(l),
                Said::Descriptor(tile, number, d) => design.dma(tile).descriptors.push((number, *d)),
                Said::Start(s) => design.dma(s.channel.tile).starts.push(s),
                Said::Link(l) => design.links.push(l),
                Said::Shim(s) => design.shims.push(s),
                Said::Control | Said::Slave => {}
            }
        }
        Ok(design)
    }

    /// The design in the commands of a CDO.
    ///
    /// # Errors
    /// As [`Design::read`], and for commands that are no writes.
    pub fn read_cdo(cdo: &Cdo) -> Result<Design, ArrayError> {
        let mut writes = Vec::new();
        for command in &cdo.commands {
            match command {
                Command::Nop { .. } | Command::End => {}
                Command::Write { address, value } | Command::Write64 { address, value } => {
                    writes.push(Write::Word { address: address.0, value: *value });
                }
                Command::MaskWrite { address, mask, value } | Command::MaskWrite64 { address, mask, value } => {
                    writes.push(Write::Masked { address: address.0, mask: *mask, value: *value });
                }
                Command::DmaWrite { address, data } => writes.push(Write::Block { address: address.0, words: data.clone() }),
                Command::MaskPoll { address, value, .. } => return Err(unknown(address.0, *value, "a poll is no write")),
            }
        }
        Design::read(&writes)
    }

    fn core(&mut self, tile: Tile) -> &mut Core {
        let at = self.cores.iter().position(|c| c.tile == tile).unwrap_or_else(|| {
            self.cores.push(Core { tile, segments: Vec::new() });
            self.cores.len() - 1
        });
        &mut self.cores[at]
    }

    fn dma(&mut self, tile: Tile) -> &mut TileDma {
        let at = self.dmas.iter().position(|d| d.tile == tile).unwrap_or_else(|| {
            self.dmas.push(TileDma { tile, descriptors: Vec::new(), starts: Vec::new() });
            self.dmas.len() - 1
        });
        &mut self.dmas[at]
    }
}

fn understand(write: &Write) -> Result<Said, ArrayError> {
    match write {
        Write::Word { address, value } => word(*address, *value),
        Write::Masked { address, mask, value } => masked(*address, *mask, *value),
        Write::Block { address, words } => block(*address, words),
    }
}

fn unknown(address: u32, value: u32, why: &'static str) -> ArrayError {
    ArrayError::Register { address, value, why }
}

fn word(address: u32, value: u32) -> Result<Said, ArrayError> {
    let (tile, offset) = Tile::of_address(address)?;
    let r = tile.kind().registers();
    if let Some(at) = offset.checked_sub(r.lock).filter(|at| *at < 16 * u32::from(r.locks)) {
        return match (at % 16, value) {
            (0, 0..64) => Ok(Said::Lock(LockValue { tile, lock: (at / 16) as u8, value: value as u8 })),
            _ => Err(unknown(address, value, "no lock value of 0..64")),
        };
    }
    if let Some((channel, true)) = Channel::of_offset(tile, offset) {
        let start = Start { channel, descriptor: (value & 63) as u8, repeat: (value >> 16 & 255) as u8, token: value >> 31 != 0 };
        return if start.pack() == value && channel.descriptors().contains(&start.descriptor) {
            Ok(Said::Start(start))
        } else {
            Err(unknown(address, value, "no task this channel can run"))
        };
    }
    match offset.checked_sub(r.switch) {
        Some(at) if at < 0x400 && at.is_multiple_of(4) => switch(tile, at, value).ok_or(unknown(address, value, "no known switch setting")),
        _ => Err(unknown(address, value, "no register that configuration writes")),
    }
}

fn switch(tile: Tile, at: u32, value: u32) -> Option<Said> {
    let kind = tile.kind();
    let slave = |n: u32| Port::of_number(n, kind, PortSide::Slave);
    if at < 0x100 {
        let master = Port::of_number(at / 4, kind, PortSide::Master)?;
        return Some(Said::Link(match value >> 30 {
            2 if value & 0x3FFF_FF80 == 0 => Link::Circuit { tile, slave: slave(value & 127)?, master },
            3 if value & 0x3FFF_FF00 == 0 => {
                Link::PacketOut { tile, master, arbiter: (value & 7) as u8, selectors: (value >> 3 & 15) as u8, drop_header: value >> 7 & 1 != 0 }
            }
            _ => return None,
        }));
    }
    if at < 0x200 {
        slave(at / 4 - 0x40)?;
        return matches!(value, 0x8000_0000 | 0xC000_0000).then_some(Said::Slave);
    }
    let (slave, slot) = (slave((at - 0x200) / 16)?, (at / 4 % 4) as u8);
    (value & 0xE0E0_FEC8 == 0 && value >> 8 & 1 == 1).then_some(Said::Link(Link::PacketIn {
        tile,
        slave,
        slot,
        id: (value >> 24) as u8,
        mask: (value >> 16 & 31) as u8,
        arbiter: (value & 7) as u8,
        selector: (value >> 4 & 3) as u8,
    }))
}

fn masked(address: u32, mask: u32, value: u32) -> Result<Said, ArrayError> {
    let (tile, offset) = Tile::of_address(address)?;
    if let Some((_, false)) = Channel::of_offset(tile, offset) {
        return match (mask, value) {
            (2, 0 | 2) | (0, 1) => Ok(Said::Control),
            _ => Err(unknown(address, value, "no known channel control")),
        };
    }
    match (tile.kind(), offset) {
        (TileKind::Core, CORE_CONTROL) if matches!((mask, value), (1, 0 | 1) | (2, 0 | 2)) => Ok(Said::Core(tile)),
        (TileKind::Shim, SHIM_MUX | SHIM_DEMUX) => {
            let direction = if offset == SHIM_MUX { Direction::Mm2s } else { Direction::S2mm };
            (0..2)
                .map(|index| ShimPort { channel: Channel { tile, direction, index } })
                .find(|s| (mask, value) == (3 << s.port().1, 1 << s.port().1))
                .map(Said::Shim)
                .ok_or(unknown(address, value, "no DMA channel on this shim port"))
        }
        _ => Err(unknown(address, value, "no register that configuration writes by mask")),
    }
}

fn block(address: u32, words: &[u32]) -> Result<Said, ArrayError> {
    let (tile, offset) = Tile::of_address(address)?;
    let r = tile.kind().registers();
    let first = words.first().copied().unwrap_or(0);
    if let Some(at) = offset.checked_sub(r.descriptor).filter(|at| *at < 32 * u32::from(r.descriptors)) {
        let number = (at / 32) as u8;
        if at % 32 != 0 || words.len() != usize::from(r.descriptor_words) {
            return Err(unknown(address, first, "a block that is not one whole descriptor"));
        }
        let descriptor = Descriptor::unpack(tile.kind(), words);
        return match descriptor.pack(tile, number) {
            Ok(again) if again == words => Ok(Said::Descriptor(tile, number, Box::new(descriptor))),
            _ => Err(unknown(address, first, "descriptor bits that mean nothing")),
        };
    }
    let end = u64::from(offset) + 4 * words.len() as u64;
    match tile.kind() {
        TileKind::Core if end <= u64::from(r.memory) || offset >= PROGRAM && end <= u64::from(PROGRAM + PROGRAM_BYTES) => {
            Ok(Said::Segment(tile, Segment { offset, words: words.to_vec() }))
        }
        _ => Err(unknown(address, first, "a block outside program and data memory")),
    }
}
