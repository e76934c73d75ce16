//! Stream switches: every slave port has a FIFO of four words, a word moves one switch a cycle, a slave feeding several masters moves when all have room.
//!
//! Circuit switching, and packet switching with slots, arbiters and selectors; an arbiter serves one packet until its last word. Masters that end in a
//! tile (DMA, core) have a FIFO of four words, too. Control packets are not modelled.

use super::diagnosis::Diagnosis;
use crate::array::{Port, PortSide, Tile};

const DEPTH: usize = 4;
const PORTS: usize = 32;

#[derive(Debug, Clone, Copy, Default)]
struct Word {
    value: u32,
    last: bool,
    /// Cycle of arrival; it can leave in a later one.
    at: u64,
}

#[derive(Debug, Clone, Default)]
struct Fifo {
    words: [Word; DEPTH],
    head: usize,
    len: usize,
}

impl Fifo {
    #[inline]
    fn room(&self) -> bool {
        self.len < DEPTH
    }

    #[inline]
    fn push(&mut self, word: Word) {
        self.words[(self.head + self.len) % DEPTH] = word;
        self.len += 1;
    }

    #[inline]
    fn first(&self, now: u64) -> Option<Word> {
        let w = self.words[self.head];
        (self.len > 0 && w.at < now).then_some(w)
    }

    #[inline]
    fn drop_first(&mut self) {
        self.head = (self.head + 1) % DEPTH;
        self.len -= 1;
    }
}

/// Where a master gives its words to.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// A slave FIFO, here or in a neighbour.
    Slave(usize),
    /// The FIFO of a master that ends in its tile.
    End(usize),
    /// Off the array, or into a unit that is not modelled: words vanish (tokens to the host, trace).
    Nowhere,
}

/// A slave that leads somewhere.
#[derive(Debug, Clone)]
struct Way {
    slave: usize,
    circuit: Vec<Target>,
    packet: bool,
    /// Arbiter and targets of the packet under way; a target may want no header.
    open: Option<(usize, Vec<(Target, bool)>)>,
}

/// All switches.
#[derive(Debug, Clone)]
pub(super) struct Fabric {
    master_words: Vec<u32>,
    slave_words: Vec<u32>,
    slots: Vec<u32>,
    slaves: Vec<Fifo>,
    ends: Vec<Fifo>,
    ways: Vec<Way>,
    /// The way of each slave; 0xFFFF for none.
    way_of: Vec<u16>,
    /// Slaves that hold words, a bit each.
    filled: Vec<u64>,
    stale: bool,
    /// Which arbiters (eight a tile) serve a slave now.
    busy: Vec<Option<usize>>,
}

fn at(tile: Tile, number: u8) -> usize {
    tile.index() * PORTS + usize::from(number)
}

impl Fabric {
    pub(super) fn new() -> Fabric {
        let n = Tile::all().count() * PORTS;
        Fabric {
            master_words: vec![0; n],
            slave_words: vec![0; n],
            slots: vec![0; n * 4],
            slaves: vec![Fifo::default(); n],
            ends: vec![Fifo::default(); n],
            ways: Vec::new(),
            way_of: vec![u16::MAX; n],
            filled: vec![0; n.div_ceil(64)],
            stale: false,
            busy: vec![None; n / PORTS * 8],
        }
    }

    /// A write into the switch's registers; `offset` from its first.
    pub(super) fn write(&mut self, tile: Tile, offset: u32, value: u32) -> Option<()> {
        let kind = tile.kind();
        let number = (offset & 0xFF) / 4;
        match offset {
            0..0x100 => {
                Port::of_number(number, kind, PortSide::Master)?;
                self.master_words[at(tile, number as u8)] = value;
            }
            0x100..0x200 => {
                Port::of_number(number, kind, PortSide::Slave)?;
                self.slave_words[at(tile, number as u8)] = value;
            }
            _ => {
                let slot = (offset - 0x200) / 4;
                Port::of_number(slot / 4, kind, PortSide::Slave)?;
                self.slots[at(tile, (slot / 4) as u8) * 4 + slot as usize % 4] = value;
            }
        }
        self.stale = true;
        Some(())
    }

    /// The packet slots of a slave that are enabled, and whether it is in packet mode; for the token route.
    pub(super) fn takes_packet(&self, tile: Tile, slave: Port, id: u32) -> bool {
        let Some(n) = slave.number(tile.kind(), PortSide::Slave) else { return false };
        let s = at(tile, n);
        self.slave_words[s] >> 30 == 3
            && self.match_slot(s, id).is_some_and(|(arbiter, selector)| !self.masters_of(tile, arbiter, selector).is_empty())
    }

    fn match_slot(&self, slave: usize, id: u32) -> Option<(u32, u32)> {
        self.slots[slave * 4..slave * 4 + 4].iter().find_map(|&s| {
            let mask = s >> 16 & 31;
            (s >> 8 & 1 == 1 && id & mask == s >> 24 & 31 & mask).then_some((s & 7, s >> 4 & 3))
        })
    }

    /// Masters of an arbiter's selector, and whether each drops the header.
    fn masters_of(&self, tile: Tile, arbiter: u32, selector: u32) -> Vec<(Port, bool)> {
        Port::all(tile.kind(), PortSide::Master)
            .enumerate()
            .filter_map(|(n, port)| {
                let w = self.master_words[at(tile, n as u8)];
                (w >> 30 == 3 && w & 7 == arbiter && w >> (3 + selector) & 1 == 1).then_some((port, w >> 7 & 1 == 1))
            })
            .collect()
    }

    fn target(&self, tile: Tile, master: Port) -> Target {
        match master {
            Port::Dma(_) | Port::Core => master.number(tile.kind(), PortSide::Master).map_or(Target::Nowhere, |n| Target::End(at(tile, n))),
            // South of the shim: its DMA takes the words of the ports that it is joined to.
            Port::South(_) if tile.row() == 0 => master.number(tile.kind(), PortSide::Master).map_or(Target::Nowhere, |n| Target::End(at(tile, n))),
            Port::Fifo => Port::Fifo.number(tile.kind(), PortSide::Slave).map_or(Target::Nowhere, |n| Target::Slave(at(tile, n))),
            _ => match master.across(tile) {
                Some((there, port)) => port.number(there.kind(), PortSide::Slave).map_or(Target::Nowhere, |n| Target::Slave(at(there, n))),
                None => Target::Nowhere,
            },
        }
    }

    /// Works out anew which slave leads where. A packet under way is not disturbed.
    fn rebuild(&mut self) {
        let mut ways: Vec<Way> = Vec::new();
        for tile in Tile::all() {
            let kind = tile.kind();
            for (s, _) in Port::all(kind, PortSide::Slave).enumerate() {
                let slave = at(tile, s as u8);
                let word = self.slave_words[slave];
                if word >> 31 == 0 {
                    continue;
                }
                let packet = word >> 30 & 1 == 1;
                let circuit: Vec<Target> = Port::all(kind, PortSide::Master)
                    .enumerate()
                    .filter(|&(m, _)| {
                        let w = self.master_words[at(tile, m as u8)];
                        !packet && w >> 30 == 2 && (w & 127) as usize == s
                    })
                    .map(|(_, port)| self.target(tile, port))
                    .collect();
                if packet || !circuit.is_empty() {
                    let open = self.ways.iter().find(|w| w.slave == slave && w.packet == packet).and_then(|w| w.open.clone());
                    ways.push(Way { slave, circuit, packet, open });
                }
            }
        }
        self.way_of.fill(u16::MAX);
        for (i, way) in ways.iter().enumerate() {
            self.way_of[way.slave] = i as u16;
        }
        self.ways = ways;
        self.stale = false;
    }

    /// One cycle. Whether any word moved.
    pub(super) fn step(&mut self, now: u64) -> Result<bool, Diagnosis> {
        if self.stale {
            self.rebuild();
        }
        let mut moved = false;
        for block in 0..self.filled.len() {
            let mut rest = self.filled[block];
            while rest != 0 {
                let slave = block * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let i = usize::from(self.way_of[slave]);
                let (Some(way), Some(word)) = (self.ways.get(i), self.slaves[slave].first(now)) else { continue };
                let word = Word { at: now, ..word };
                if way.packet {
                    moved |= self.packet(i, word)?;
                } else if way.circuit.iter().all(|&t| self.room_at(t)) {
                    self.drop_first(slave);
                    for t in 0..self.ways[i].circuit.len() {
                        self.give(self.ways[i].circuit[t], word);
                    }
                    moved = true;
                }
            }
        }
        Ok(moved)
    }

    #[inline]
    fn drop_first(&mut self, slave: usize) {
        self.slaves[slave].drop_first();
        if self.slaves[slave].len == 0 {
            self.filled[slave / 64] &= !(1 << (slave % 64));
        }
    }

    #[inline]
    fn fill(&mut self, slave: usize, word: Word) {
        self.slaves[slave].push(word);
        self.filled[slave / 64] |= 1 << (slave % 64);
    }

    fn packet(&mut self, way: usize, word: Word) -> Result<bool, Diagnosis> {
        let slave = self.ways[way].slave;
        let header = self.ways[way].open.is_none();
        if header {
            let tile = tile_of(slave);
            let port = Port::of_number((slave % PORTS) as u32, tile.kind(), PortSide::Slave).unwrap_or(Port::Control);
            let fail = |why| Diagnosis::Stream { tile, port, word: word.value, why };
            let (arbiter, selector) = self.match_slot(slave, word.value & 31).ok_or(fail("no slot takes a packet of this id"))?;
            let busy = tile.index() * 8 + arbiter as usize;
            match self.busy[busy] {
                Some(other) if other != slave => return Ok(false),
                _ => self.busy[busy] = Some(slave),
            }
            let masters = self.masters_of(tile, arbiter, selector);
            if masters.is_empty() {
                return Err(fail("no master gives out what this packet's slot selects"));
            }
            let targets = masters.into_iter().map(|(p, drop)| (self.target(tile, p), drop)).collect();
            self.ways[way].open = Some((busy, targets));
        }
        let Some((busy, targets)) = self.ways[way].open.clone() else { return Ok(false) };
        let wants = |drop: bool| !(header && drop);
        if !targets.iter().all(|&(t, drop)| !wants(drop) || self.room_at(t)) {
            if header {
                self.ways[way].open = None;
                self.busy[busy] = None;
            }
            return Ok(false);
        }
        self.drop_first(slave);
        for (t, drop) in targets {
            if wants(drop) {
                self.give(t, word);
            }
        }
        if word.last {
            self.ways[way].open = None;
            self.busy[busy] = None;
        }
        Ok(true)
    }

    #[inline]
    fn room_at(&self, target: Target) -> bool {
        match target {
            Target::Slave(s) => self.slaves[s].room(),
            Target::End(e) => self.ends[e].room(),
            Target::Nowhere => true,
        }
    }

    #[inline]
    fn give(&mut self, target: Target, word: Word) {
        match target {
            Target::Slave(s) => self.fill(s, word),
            Target::End(e) => self.ends[e].push(word),
            Target::Nowhere => {}
        }
    }

    /// Index of a slave or master for the calls below.
    pub(super) fn place(tile: Tile, port: Port, side: PortSide) -> Option<usize> {
        port.number(tile.kind(), side).map(|n| at(tile, n))
    }

    /// Room for a word a DMA or core sends by a slave.
    #[inline]
    pub(super) fn can_send(&self, slave: usize) -> bool {
        self.slaves[slave].room()
    }

    #[inline]
    pub(super) fn send(&mut self, slave: usize, value: u32, last: bool, now: u64) {
        self.fill(slave, Word { value, last, at: now });
    }

    /// The next word for a DMA or core from a master; taken by [`Fabric::taken`].
    #[inline]
    pub(super) fn arrived(&self, master: usize, now: u64) -> Option<(u32, bool)> {
        self.ends[master].first(now).map(|w| (w.value, w.last))
    }

    #[inline]
    pub(super) fn taken(&mut self, master: usize) {
        self.ends[master].drop_first();
    }
}

fn tile_of(index: usize) -> Tile {
    // Every index was made by `at` of an existing tile.
    Tile::all().nth(index / PORTS).expect("a port of a tile")
}
