//! The register bus: what a write to an address does, and the few registers that can be read.

use super::diagnosis::Diagnosis;
use super::dma::Engine;
use super::fabric::Fabric;
use super::{Npu, core};
use crate::array::{Channel, Direction, Port, PortSide, Tile, TileKind};

const CORE_CONTROL: u32 = 0x32000;
const CORE_STATUS: u32 = 0x32004;
const PROGRAM: std::ops::Range<u32> = 0x20000..0x24000;
const SHIM_MUX: u32 = 0x1F000;
const SHIM_DEMUX: u32 = 0x1F004;

/// Where an offset of a tile leads.
enum Place {
    Memory(usize),
    Program(u32),
    Lock(u8),
    Descriptor(u32),
    Control(Channel),
    Queue(Channel),
    Switch(u32),
    CoreControl,
    CoreStatus,
    Shim(usize),
}

fn place(tile: Tile, offset: u32) -> Option<Place> {
    let kind = tile.kind();
    let r = kind.registers();
    let within = |base: u32, bytes: u32| offset.checked_sub(base).filter(|at| *at < bytes);
    if !offset.is_multiple_of(4) {
        return None;
    }
    if offset < r.memory {
        return Some(Place::Memory(offset as usize));
    }
    if let Some(at) = within(r.lock, 16 * u32::from(r.locks)) {
        return at.is_multiple_of(16).then_some(Place::Lock((at / 16) as u8));
    }
    if let Some(at) = within(r.descriptor, 32 * u32::from(r.descriptors)) {
        return (at % 32 < 4 * u32::from(r.descriptor_words)).then_some(Place::Descriptor(at));
    }
    if let Some((channel, queue)) = Channel::of_offset(tile, offset) {
        return Some(if queue { Place::Queue(channel) } else { Place::Control(channel) });
    }
    if let Some(at) = within(r.switch, 0x400) {
        return Some(Place::Switch(at));
    }
    match (kind, offset) {
        (TileKind::Core, CORE_CONTROL) => Some(Place::CoreControl),
        (TileKind::Core, CORE_STATUS) => Some(Place::CoreStatus),
        (TileKind::Core, _) if PROGRAM.contains(&offset) => Some(Place::Program(offset - PROGRAM.start)),
        (TileKind::Shim, SHIM_MUX) => Some(Place::Shim(0)),
        (TileKind::Shim, SHIM_DEMUX) => Some(Place::Shim(1)),
        _ => None,
    }
}

fn unknown(address: u32, why: &'static str) -> Diagnosis {
    Diagnosis::Register { address, why }
}

fn find(address: u32) -> Result<(Tile, Place), Diagnosis> {
    let (tile, offset) = Tile::of_address(address)?;
    place(tile, offset).map(|p| (tile, p)).ok_or(unknown(address, "is not modelled"))
}

/// A tile's DMA, joined to its switch; the shim's is joined by its multiplexers.
pub(super) fn engine(tile: Tile) -> Engine {
    let mut engine = Engine::new(tile);
    if tile.kind() != TileKind::Shim {
        for index in 0..tile.kind().registers().channels {
            engine.join(Direction::S2mm, index, Fabric::place(tile, Port::Dma(index), PortSide::Master));
            engine.join(Direction::Mm2s, index, Fabric::place(tile, Port::Dma(index), PortSide::Slave));
        }
    }
    engine
}

impl Npu {
    /// Writes one word to a register or memory.
    pub fn write(&mut self, address: u32, value: u32) -> Result<(), Diagnosis> {
        let (tile, place) = find(address)?;
        let engine = &mut self.engines[tile.index()];
        match place {
            Place::Memory(at) => self.shared.memory[tile.index()][at..at + 4].copy_from_slice(&value.to_le_bytes()),
            Place::Program(at) => self.core(tile).write_program(at, value),
            Place::Lock(n) => self.shared.locks[tile.index()][usize::from(n)] = (value & 63) as u8,
            Place::Descriptor(at) => engine.write_descriptor(at, value),
            Place::Control(channel) => engine.write_control(channel, value)?,
            Place::Queue(channel) => engine.start(channel, value)?,
            Place::Switch(at) => {
                self.shared.fabric.write(tile, at, value).ok_or(unknown(address, "is no port of this switch"))?;
            }
            Place::CoreControl => self.core(tile).control(value),
            Place::CoreStatus => return Err(unknown(address, "cannot be written")),
            Place::Shim(which) => {
                self.shims[usize::from(tile.column())][which] = value;
                self.join_shim(tile);
            }
        }
        Ok(())
    }

    /// Writes some bits of a register.
    pub fn write_masked(&mut self, address: u32, mask: u32, value: u32) -> Result<(), Diagnosis> {
        let old = if mask == u32::MAX { 0 } else { self.read(address)? };
        self.write(address, old & !mask | value & mask)
    }

    /// Writes words one after the other.
    pub fn write_block(&mut self, address: u32, words: &[u32]) -> Result<(), Diagnosis> {
        let mut at = address;
        for &word in words {
            self.write(at, word)?;
            at = at.checked_add(4).ok_or(unknown(address, "a block over the end of the address space"))?;
        }
        Ok(())
    }

    /// Reads a word. Task queues and switches cannot be read.
    pub fn read(&mut self, address: u32) -> Result<u32, Diagnosis> {
        let (tile, place) = find(address)?;
        let engine = &self.engines[tile.index()];
        Ok(match place {
            Place::Memory(at) => {
                let b = &self.shared.memory[tile.index()][at..at + 4];
                u32::from_le_bytes([b[0], b[1], b[2], b[3]])
            }
            Place::Program(at) => self.core(tile).read_program(at),
            Place::Lock(n) => self.shared.locks[tile.index()][usize::from(n)].into(),
            Place::Descriptor(at) => engine.read_descriptor(at),
            Place::Control(channel) => engine.control(channel),
            Place::CoreControl => self.core(tile).control_word(),
            Place::CoreStatus => self.core(tile).status_word(),
            Place::Shim(which) => self.shims[usize::from(tile.column())][which],
            Place::Queue(_) | Place::Switch(_) => return Err(unknown(address, "cannot be read")),
        })
    }

    /// The core of a core tile; `place` gives core registers for these only.
    fn core(&mut self, tile: Tile) -> &mut core::Core {
        self.cores[tile.index()].as_mut().expect("a core tile has a core")
    }

    /// Follows the shim's multiplexers: a select of 1 joins the DMA channel to its port of the switch.
    fn join_shim(&mut self, tile: Tile) {
        let [mux, demux] = self.shims[usize::from(tile.column())];
        let engine = &mut self.engines[tile.index()];
        for (direction, index, word, low, port, side) in [
            (Direction::Mm2s, 0, mux, 10, Port::South(3), PortSide::Slave),
            (Direction::Mm2s, 1, mux, 14, Port::South(7), PortSide::Slave),
            (Direction::S2mm, 0, demux, 4, Port::South(2), PortSide::Master),
            (Direction::S2mm, 1, demux, 6, Port::South(3), PortSide::Master),
        ] {
            let joined = word >> low & 3 == 1;
            engine.join(direction, index, if joined { Fabric::place(tile, port, side) } else { None });
        }
    }
}
