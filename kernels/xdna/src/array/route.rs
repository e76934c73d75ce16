//! Streams through the switches: shortest ways over free ports, one source to one or many targets.

use super::design::{Design, Link, ShimPort};
use super::{ArrayError, Channel, Direction, Port, PortSide, Tile, TileKind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Finds ways and remembers which ports are taken.
#[derive(Debug, Clone, Default)]
pub struct Router {
    masters: BTreeSet<(Tile, Port)>,
    slaves: BTreeSet<(Tile, Port)>,
    links: Vec<Link>,
    shims: Vec<ShimPort>,
}

impl Router {
    /// A router over free switches.
    pub fn new() -> Router {
        Router::default()
    }

    /// Joins an MM2S channel to S2MM channels (several get the same data) by circuit switching.
    ///
    /// Of several shortest ways the one that goes up or down first is taken; a full switch is gone around. What was routed before stays as it is.
    ///
    /// # Errors
    /// For channels that are not there or of the wrong direction, ports that are taken, and targets that no free way leads to; nothing is routed then.
    pub fn stream(&mut self, from: Channel, to: &[Channel]) -> Result<(), ArrayError> {
        let mut trial = self.clone();
        let source = trial.end(from, Direction::Mm2s)?;
        let targets = to.iter().map(|c| trial.end(*c, Direction::S2mm)).collect::<Result<Vec<_>, _>>()?;
        trial.connect(source, &targets)?;
        *self = trial;
        Ok(())
    }

    /// Joins a slave port to master ports, as [`Router::stream`] does with channels: for cores' own streams.
    ///
    /// # Errors
    /// As [`Router::stream`]; nothing is routed then.
    pub fn connect(&mut self, from: (Tile, Port), to: &[(Tile, Port)]) -> Result<(), ArrayError> {
        let mut trial = self.clone();
        has(from, PortSide::Slave)?;
        if !trial.slaves.insert(from) {
            return Err(ArrayError::Taken { tile: from.0, side: "slave", port: from.1 });
        }
        // Tiles the stream already reaches, and the slave by which it enters them.
        let mut reached = BTreeMap::from([from]);
        for &(tile, master) in to {
            has((tile, master), PortSide::Master)?;
            if trial.masters.contains(&(tile, master)) {
                return Err(ArrayError::Taken { tile, side: "master", port: master });
            }
            trial.extend(&mut reached, from.0, tile)?;
            trial.masters.insert((tile, master));
            trial.links.push(Link::Circuit { tile, slave: reached[&tile], master });
        }
        *self = trial;
        Ok(())
    }

    /// Task tokens of a column's shim to the host: packets of the id 15 from the control port to South 0, as every known container routes them.
    pub fn tokens(&mut self, shim: Tile) -> Result<(), ArrayError> {
        let (slave, master) = (Port::Control, Port::South(0));
        if shim.kind() != TileKind::Shim {
            return Err(ArrayError::Port { tile: shim, side: "master", port: master });
        }
        if !self.masters.insert((shim, master)) || !self.slaves.insert((shim, slave)) {
            return Err(ArrayError::Taken { tile: shim, side: "master", port: master });
        }
        self.links.push(Link::PacketOut { tile: shim, master, arbiter: 5, selectors: 8, drop_header: false });
        self.links.push(Link::PacketIn { tile: shim, slave, slot: 0, id: 15, mask: 31, arbiter: 5, selector: 3 });
        Ok(())
    }

    /// Puts all links and shim ports into a design.
    pub fn apply(self, design: &mut Design) {
        design.links.extend(self.links);
        design.shims.extend(self.shims);
    }

    /// The switch port of a channel's stream end; the shim's also needs its multiplexer.
    fn end(&mut self, channel: Channel, direction: Direction) -> Result<(Tile, Port), ArrayError> {
        let Channel { tile, index, .. } = Channel::new(channel.tile, channel.direction, channel.index)?;
        if channel.direction != direction {
            let side = if direction == Direction::Mm2s { PortSide::Slave } else { PortSide::Master };
            return Err(ArrayError::Port { tile, side: side.name(), port: Port::Dma(index) });
        }
        Ok(match tile.kind() {
            TileKind::Core | TileKind::Memory => (tile, Port::Dma(index)),
            TileKind::Shim => {
                let shim = ShimPort { channel };
                if !self.shims.contains(&shim) {
                    self.shims.push(shim);
                }
                (tile, shim.port().0)
            }
        })
    }

    /// Breadth first from all reached tiles to `to`; takes the ports of the way found.
    fn extend(&mut self, reached: &mut BTreeMap<Tile, Port>, from: Tile, to: Tile) -> Result<(), ArrayError> {
        let mut came: BTreeMap<Tile, (Tile, Port, Port)> = BTreeMap::new();
        let mut queue: VecDeque<Tile> = reached.keys().copied().collect();
        while let Some(tile) = queue.pop_front() {
            if tile == to {
                break;
            }
            for make in SIDES {
                let Some((master, there, slave)) = self.free(tile, make) else { continue };
                if !reached.contains_key(&there) && !came.contains_key(&there) {
                    came.insert(there, (tile, master, slave));
                    queue.push_back(there);
                }
            }
        }
        let mut hops = Vec::new();
        let mut at = to;
        while !reached.contains_key(&at) {
            let &(before, master, slave) = came.get(&at).ok_or(ArrayError::NoWay { from, to })?;
            hops.push((before, master, at, slave));
            at = before;
        }
        for (tile, master, there, slave) in hops.into_iter().rev() {
            self.masters.insert((tile, master));
            self.slaves.insert((there, slave));
            self.links.push(Link::Circuit { tile, slave: reached[&tile], master });
            reached.insert(there, slave);
        }
        Ok(())
    }

    /// The first free pair of ports over one side of a tile.
    fn free(&self, tile: Tile, make: fn(u8) -> Port) -> Option<(Port, Tile, Port)> {
        // The shim's south side ends at its DMA, not at another tile; `across` knows.
        Port::all(tile.kind(), PortSide::Master).filter(|p| *p == make(side_number(*p))).find_map(|master| {
            let (there, slave) = master.across(tile)?;
            let free = !self.masters.contains(&(tile, master)) && !self.slaves.contains(&(there, slave));
            free.then_some((master, there, slave))
        })
    }
}

fn has((tile, port): (Tile, Port), side: PortSide) -> Result<(), ArrayError> {
    port.number(tile.kind(), side).map(|_| ()).ok_or(ArrayError::Port { tile, side: side.name(), port })
}

type Side = fn(u8) -> Port;

/// In order of preference.
const SIDES: [Side; 4] = [Port::North, Port::South, Port::East, Port::West];

fn side_number(port: Port) -> u8 {
    match port {
        Port::North(n) | Port::South(n) | Port::East(n) | Port::West(n) | Port::Dma(n) | Port::Trace(n) => n,
        Port::Core | Port::Control | Port::Fifo => 0,
    }
}
