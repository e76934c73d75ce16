//! A design: everything that configuration writes into an array before a stream of instructions runs, in the order in which it is written.

use super::descriptor::Descriptor;
use super::{ArrayError, Channel, Direction, Port, PortSide, Tile, TileKind};

/// Words put somewhere in a core's tile while its DMA is held in reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Offset in the tile: 0.. data memory, 0x20000.. program memory; a multiple of 4.
    pub offset: u32,
    /// What stands there.
    pub words: Vec<u32>,
}

/// A core that is loaded and started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Where.
    pub tile: Tile,
    /// Program and initial data, in the order of writing.
    pub segments: Vec<Segment>,
}

impl Core {
    /// A core with a program from address 0 and nothing else. The last word is filled up with zero bytes.
    pub fn new(tile: Tile, program: &[u8]) -> Core {
        let words = program.chunks(4).map(|c| c.iter().rev().fold(0, |w, &b| w << 8 | u32::from(b))).collect();
        Core { tile, segments: vec![Segment { offset: super::tile::PROGRAM, words }] }
    }
}

/// A named piece of a tile's memory. Writes nothing; is checked against others, and names places for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// Where.
    pub tile: Tile,
    /// For messages.
    pub name: String,
    /// Offset in the tile's own memory, bytes.
    pub offset: u32,
    /// Bytes.
    pub bytes: u32,
}

/// A lock's first value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockValue {
    /// Where.
    pub tile: Tile,
    /// Which of the tile's own locks.
    pub lock: u8,
    /// 0..=63.
    pub value: u8,
}

/// A task put into a channel's queue by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The channel.
    pub channel: Channel,
    /// First descriptor of the chain.
    pub descriptor: u8,
    /// Runs beyond the first, 0..=255.
    pub repeat: u8,
    /// Tell the command processor when done.
    pub token: bool,
}

/// The DMA of one tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileDma {
    /// Where.
    pub tile: Tile,
    /// Number and descriptor, in the order of writing.
    pub descriptors: Vec<(u8, Descriptor)>,
    /// Tasks, in the order of writing.
    pub starts: Vec<Start>,
}

/// One setting of a stream switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// All that enters a slave leaves by a master. One slave may feed many masters.
    Circuit {
        /// Where.
        tile: Tile,
        /// In.
        slave: Port,
        /// Out.
        master: Port,
    },
    /// A master gives out what one arbiter chooses.
    PacketOut {
        /// Where.
        tile: Tile,
        /// Out.
        master: Port,
        /// 0..8.
        arbiter: u8,
        /// Which of the arbiter's four selectors, a bit each.
        selectors: u8,
        /// Take the header off.
        drop_header: bool,
    },
    /// Packets of certain ids entering a slave go to a selector of an arbiter.
    PacketIn {
        /// Where.
        tile: Tile,
        /// In.
        slave: Port,
        /// Which of the slave's four slots.
        slot: u8,
        /// Stream id, 0..32.
        id: u8,
        /// Bits of the id that count.
        mask: u8,
        /// 0..8.
        arbiter: u8,
        /// 0..4.
        selector: u8,
    },
}

impl Link {
    /// Where it stands.
    pub fn tile(&self) -> Tile {
        match *self {
            Link::Circuit { tile, .. } | Link::PacketOut { tile, .. } | Link::PacketIn { tile, .. } => tile,
        }
    }
}

/// A shim DMA channel joined to the switch: MM2S 0 and 1 enter by South 3 and 7, S2MM 0 and 1 leave by South 2 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShimPort {
    /// The channel, of a shim tile.
    pub channel: Channel,
}

impl ShimPort {
    /// The switch's port and where the two select bits stand (their value is 1 for the DMA).
    pub(crate) fn port(self) -> (Port, u32) {
        match (self.channel.direction, self.channel.index) {
            (Direction::Mm2s, 0) => (Port::South(3), 10),
            (Direction::Mm2s, _) => (Port::South(7), 14),
            (Direction::S2mm, 0) => (Port::South(2), 4),
            (Direction::S2mm, _) => (Port::South(3), 6),
        }
    }
}

/// Everything that configuration writes. Lists keep their order: it is the order of the writes within their phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Design {
    /// Loaded, reset and, at the end, started. Enabled in this order.
    pub cores: Vec<Core>,
    /// Names of memory; for checks only.
    pub buffers: Vec<Buffer>,
    /// First values; locks not named keep 0 (cores' are zeroed).
    pub locks: Vec<LockValue>,
    /// Descriptors and tasks.
    pub dmas: Vec<TileDma>,
    /// Switch settings.
    pub links: Vec<Link>,
    /// Shim channels in use.
    pub shims: Vec<ShimPort>,
}

impl Design {
    /// Checks everything that single fields cannot say: memory bounds of programs, buffers and transfers, overlaps, descriptors reached, ports that exist and are driven once.
    pub fn check(&self) -> Result<(), ArrayError> {
        for core in &self.cores {
            self.check_core(core)?;
        }
        self.check_buffers()?;
        for l in &self.locks {
            range(l.tile, "lock", l.lock.into(), l.tile.kind().registers().locks.into())?;
            range(l.tile, "lock value", l.value.into(), 64)?;
        }
        for dma in &self.dmas {
            self.check_dma(dma)?;
        }
        self.check_links()?;
        for s in &self.shims {
            Channel::new(s.channel.tile, s.channel.direction, s.channel.index)?;
            if s.channel.tile.kind() != TileKind::Shim {
                return Err(ArrayError::Port { tile: s.channel.tile, side: "shim", port: s.port().0 });
            }
        }
        Ok(())
    }

    fn check_core(&self, core: &Core) -> Result<(), ArrayError> {
        let tile = core.tile;
        if tile.kind() != TileKind::Core {
            return Err(ArrayError::Range { tile, what: "row of a core", value: tile.row().into(), end: 0 });
        }
        for s in &core.segments {
            let end = u64::from(s.offset) + 4 * s.words.len() as u64;
            let data = s.offset < super::tile::PROGRAM;
            let (from, to) = if data { (0, 0x10000) } else { (super::tile::PROGRAM, super::tile::PROGRAM + super::tile::PROGRAM_BYTES) };
            range(tile, if data { "end of data" } else { "end of program" }, end.max(from.into()), u64::from(to) + 1)?;
            if s.offset < from || !s.offset.is_multiple_of(4) {
                return Err(ArrayError::Range { tile, what: "segment offset", value: s.offset.into(), end: to.into() });
            }
        }
        Ok(())
    }

    fn check_buffers(&self) -> Result<(), ArrayError> {
        for (i, a) in self.buffers.iter().enumerate() {
            let end = u64::from(a.offset) + u64::from(a.bytes);
            range(a.tile, "end of buffer", end, u64::from(a.tile.kind().registers().memory) + 1)?;
            for b in &self.buffers[..i] {
                let apart = u64::from(b.offset) + u64::from(b.bytes) <= a.offset.into() || end <= b.offset.into();
                if a.tile == b.tile && !apart {
                    return Err(ArrayError::Overlap { tile: a.tile, a: a.name.clone(), b: b.name.clone() });
                }
            }
        }
        Ok(())
    }

    fn check_dma(&self, dma: &TileDma) -> Result<(), ArrayError> {
        let tile = dma.tile;
        let kind = tile.kind();
        let r = kind.registers();
        let given = |n: u8| dma.descriptors.iter().find(|(m, _)| *m == n).map(|(_, d)| d);
        for (n, d) in &dma.descriptors {
            range(tile, "descriptor", (*n).into(), r.descriptors.into())?;
            let locks = if kind == TileKind::Memory { 192 } else { u64::from(r.locks) };
            for id in d.acquire.iter().map(|l| l.id).chain([d.release.id]) {
                range(tile, "lock of a descriptor", id.into(), locks)?;
            }
            // A memory tile sees three tiles' memories.
            let memory = match kind {
                TileKind::Core => r.memory.into(),
                TileKind::Memory => 3 * u64::from(r.memory),
                TileKind::Shim => 1 << 48,
            };
            range(tile, "end of a descriptor's data", d.end().saturating_mul(4), memory + 1)?;
            if let Some(next) = d.next
                && given(next).is_none()
            {
                return Err(ArrayError::Missing { tile, descriptor: next });
            }
        }
        for s in &dma.starts {
            let channel = Channel::new(s.channel.tile, s.channel.direction, s.channel.index)?;
            let mut at = Some(s.descriptor);
            for _ in 0..r.descriptors {
                let Some(n) = at else { break };
                if !channel.descriptors().contains(&n) {
                    return Err(ArrayError::Bank { channel, descriptor: n });
                }
                let d = given(n).ok_or(ArrayError::Missing { tile, descriptor: n })?;
                at = d.next;
            }
        }
        Ok(())
    }

    fn check_links(&self) -> Result<(), ArrayError> {
        let mut masters = std::collections::BTreeSet::new();
        for link in &self.links {
            let tile = link.tile();
            let port = |port: Port, side: PortSide| match port.number(tile.kind(), side) {
                Some(_) => Ok(()),
                None => Err(ArrayError::Port { tile, side: side.name(), port }),
            };
            match *link {
                Link::Circuit { slave, master, .. } => {
                    port(slave, PortSide::Slave)?;
                    port(master, PortSide::Master)?;
                    if !masters.insert((tile, master)) {
                        return Err(ArrayError::Taken { tile, side: "master", port: master });
                    }
                }
                Link::PacketOut { master, arbiter, selectors, .. } => {
                    port(master, PortSide::Master)?;
                    range(tile, "arbiter", arbiter.into(), 8)?;
                    range(tile, "selector mask", selectors.into(), 16)?;
                    if !masters.insert((tile, master)) {
                        return Err(ArrayError::Taken { tile, side: "master", port: master });
                    }
                }
                Link::PacketIn { slave, slot, id, mask, arbiter, selector, .. } => {
                    port(slave, PortSide::Slave)?;
                    range(tile, "packet slot", slot.into(), 4)?;
                    range(tile, "packet id", id.into(), 32)?;
                    range(tile, "packet id mask", mask.into(), 32)?;
                    range(tile, "arbiter", arbiter.into(), 8)?;
                    range(tile, "selector", selector.into(), 4)?;
                }
            }
        }
        Ok(())
    }
}

fn range(tile: Tile, what: &'static str, value: u64, end: u64) -> Result<(), ArrayError> {
    if value < end { Ok(()) } else { Err(ArrayError::Range { tile, what, value, end }) }
}
