//! A design as register writes, in the order seen in containers that ran on silicon.
//!
//! Cores disabled, their DMA held in reset while program and data go in; core reset pulses and lock zeroing; first lock values; descriptors, queues and
//! channel controls tile by tile; switches; shim multiplexers; last the cores' enable bits.

use super::design::{Design, Link, TileDma};
use super::tile::{CORE_CONTROL, SHIM_DEMUX, SHIM_MUX};
use super::{ArrayError, Channel, Direction, PortSide, Start, Tile};
use crate::container::address::Address;
use crate::container::cdo::{Cdo, Command};

/// A write into the array's registers or memories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// One word.
    Word {
        /// Register address.
        address: u32,
        /// What is written.
        value: u32,
    },
    /// Some bits of a word.
    Masked {
        /// Register address.
        address: u32,
        /// Bits that change.
        mask: u32,
        /// Their values.
        value: u32,
    },
    /// Words one after the other.
    Block {
        /// Address of the first.
        address: u32,
        /// What is written.
        words: Vec<u32>,
    },
}

impl Start {
    /// The task-queue word.
    pub fn pack(&self) -> u32 {
        u32::from(self.token) << 31 | u32::from(self.repeat) << 16 | u32::from(self.descriptor)
    }
}

impl Link {
    /// The switch's writes: master before slave before slot.
    pub(crate) fn writes(&self) -> Result<Vec<Write>, ArrayError> {
        let tile = self.tile();
        let r = tile.kind().registers();
        let number = |port: super::Port, side: PortSide| {
            port.number(tile.kind(), side).map(u32::from).ok_or(ArrayError::Port { tile, side: side.name(), port })
        };
        let word = |offset: u32, value: u32| Write::Word { address: tile.address(r.switch + offset), value };
        Ok(match *self {
            Link::Circuit { slave, master, .. } => {
                let (s, m) = (number(slave, PortSide::Slave)?, number(master, PortSide::Master)?);
                vec![word(4 * m, 1 << 31 | s), word(0x100 + 4 * s, 1 << 31)]
            }
            Link::PacketOut { master, arbiter, selectors, drop_header, .. } => {
                let m = number(master, PortSide::Master)?;
                let config = u32::from(selectors) << 3 | u32::from(arbiter);
                vec![word(4 * m, 3 << 30 | u32::from(drop_header) << 7 | config)]
            }
            Link::PacketIn { slave, slot, id, mask, arbiter, selector, .. } => {
                let s = number(slave, PortSide::Slave)?;
                let value = u32::from(id) << 24 | u32::from(mask) << 16 | 1 << 8 | u32::from(selector) << 4 | u32::from(arbiter);
                vec![word(0x100 + 4 * s, 3 << 30), word(0x200 + 16 * s + 4 * u32::from(slot), value)]
            }
        })
    }
}

impl Design {
    /// The register writes that put this design into an array.
    ///
    /// # Errors
    /// What the design cannot be, see [`Design::check`], and what fits no register.
    pub fn configure(&self) -> Result<Vec<Write>, ArrayError> {
        self.phases().map(|phases| phases.concat())
    }

    /// The same as commands of a CDO, padded as the known containers are.
    ///
    /// # Errors
    /// As [`Design::configure`].
    pub fn cdo(&self) -> Result<Cdo, ArrayError> {
        let command = |write: Write| match write {
            Write::Word { address, value } => Command::Write { address: Address(address), value },
            Write::Masked { address, mask, value } => Command::MaskWrite { address: Address(address), mask, value },
            Write::Block { address, words } => Command::DmaWrite { address: Address(address), data: words },
        };
        Ok(Cdo::assemble(&self.phases()?.map(|phase| phase.into_iter().map(command).collect())))
    }

    /// Programs; everything else; starting the cores.
    fn phases(&self) -> Result<[Vec<Write>; 3], ArrayError> {
        self.check()?;
        let mut load = Vec::new();
        for core in &self.cores {
            let at = |offset: u32| core.tile.address(offset);
            load.push(Write::Masked { address: at(CORE_CONTROL), mask: 1, value: 0 });
            load.extend(dma_reset(core.tile, 2));
            load.extend(core.segments.iter().map(|s| Write::Block { address: at(s.offset), words: s.words.clone() }));
            load.extend(dma_reset(core.tile, 0));
        }
        let mut w = Vec::new();
        for core in &self.cores {
            let address = core.tile.address(CORE_CONTROL);
            w.extend([2, 0].map(|value| Write::Masked { address, mask: 2, value }));
            let r = core.tile.kind().registers();
            w.extend((0..u32::from(r.locks)).map(|i| Write::Word { address: core.tile.address(r.lock + 16 * i), value: 0 }));
        }
        for l in &self.locks {
            let address = l.tile.address(l.tile.kind().registers().lock + 16 * u32::from(l.lock));
            w.push(Write::Word { address, value: l.value.into() });
        }
        for dma in &self.dmas {
            dma_writes(dma, &mut w)?;
        }
        for link in &self.links {
            w.extend(link.writes()?);
        }
        for shim in &self.shims {
            let offset = if shim.channel.direction == Direction::Mm2s { SHIM_MUX } else { SHIM_DEMUX };
            let low = shim.port().1;
            w.push(Write::Masked { address: shim.channel.tile.address(offset), mask: 3 << low, value: 1 << low });
        }
        let enable = self.cores.iter().map(|c| Write::Masked { address: c.tile.address(CORE_CONTROL), mask: 1, value: 1 }).collect();
        Ok([load, w, enable])
    }
}

fn dma_reset(tile: Tile, value: u32) -> impl Iterator<Item = Write> {
    [Direction::Mm2s, Direction::S2mm]
        .into_iter()
        .flat_map(move |direction| (0..2).map(move |index| Write::Masked { address: Channel { tile, direction, index }.control(), mask: 2, value }))
}

fn dma_writes(dma: &TileDma, w: &mut Vec<Write>) -> Result<(), ArrayError> {
    let r = dma.tile.kind().registers();
    for (number, descriptor) in &dma.descriptors {
        let address = dma.tile.address(r.descriptor + 32 * u32::from(*number));
        w.push(Write::Block { address, words: descriptor.pack(dma.tile, *number)? });
    }
    for start in &dma.starts {
        w.push(Write::Word { address: start.channel.queue(), value: start.pack() });
        // Bit 0 is reserved and the mask empty: AIE2's channels need no enabling, but the known tools write this.
        w.push(Write::Masked { address: start.channel.control(), mask: 0, value: 1 });
    }
    Ok(())
}
