//! Ports of the stream switches and their numbers. Source: AM025 (Stream_Switch_Master_Config_*, Stream_Switch_Slave_Config_*).

use super::{Tile, TileKind};

/// A port of a stream switch, seen from its tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// The core's own stream.
    Core,
    /// A DMA channel (core and memory tiles).
    Dma(u8),
    /// Control packets in, tokens out.
    Control,
    /// The switch's own FIFO.
    Fifo,
    /// Toward the row below (shim: toward its DMA and the PL).
    South(u8),
    /// Toward the left.
    West(u8),
    /// Toward the row above.
    North(u8),
    /// Toward the right.
    East(u8),
    /// A trace unit.
    Trace(u8),
}

/// Which end of a switch: slaves take data in, masters give it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortSide {
    /// Into the switch.
    Slave,
    /// Out of the switch.
    Master,
}

impl PortSide {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            PortSide::Slave => "slave",
            PortSide::Master => "master",
        }
    }
}

type Make = fn(u8) -> Port;

/// Runs of equal ports in the order of their numbers.
fn runs(kind: TileKind, side: PortSide) -> &'static [(Make, u8)] {
    const CORE: Make = |_| Port::Core;
    const CONTROL: Make = |_| Port::Control;
    const FIFO: Make = |_| Port::Fifo;
    use Port::{Dma, East, North, South, Trace, West};
    match (kind, side) {
        (TileKind::Core, PortSide::Master) => &[(CORE, 1), (Dma, 2), (CONTROL, 1), (FIFO, 1), (South, 4), (West, 4), (North, 6), (East, 4)],
        (TileKind::Core, PortSide::Slave) => {
            &[(CORE, 1), (Dma, 2), (CONTROL, 1), (FIFO, 1), (South, 6), (West, 4), (North, 4), (East, 4), (Trace, 2)]
        }
        (TileKind::Memory, PortSide::Master) => &[(Dma, 6), (CONTROL, 1), (South, 4), (North, 6)],
        (TileKind::Memory, PortSide::Slave) => &[(Dma, 6), (CONTROL, 1), (South, 6), (North, 4), (Trace, 1)],
        (TileKind::Shim, PortSide::Master) => &[(CONTROL, 1), (FIFO, 1), (South, 6), (West, 4), (North, 6), (East, 4)],
        (TileKind::Shim, PortSide::Slave) => &[(CONTROL, 1), (FIFO, 1), (South, 8), (West, 4), (North, 4), (East, 4), (Trace, 1)],
    }
}

impl Port {
    /// All ports of one side of a switch, by number.
    pub fn all(kind: TileKind, side: PortSide) -> impl Iterator<Item = Port> {
        runs(kind, side).iter().flat_map(|&(make, n)| (0..n).map(make))
    }

    /// This port's number, if the switch has it.
    pub fn number(self, kind: TileKind, side: PortSide) -> Option<u8> {
        Port::all(kind, side).position(|p| p == self).map(|n| n as u8)
    }

    /// The port with a number.
    pub fn of_number(number: u32, kind: TileKind, side: PortSide) -> Option<Port> {
        Port::all(kind, side).nth(number as usize)
    }

    /// Where a master leads: the neighbour and its slave port. `None` for ports that end in the tile and at the array's rim.
    pub fn across(self, tile: Tile) -> Option<(Tile, Port)> {
        let (there, port) = match self {
            Port::North(n) => (tile.beside(0, 1)?, Port::South(n)),
            Port::South(n) => (tile.beside(0, -1)?, Port::North(n)),
            Port::East(n) => (tile.beside(1, 0)?, Port::West(n)),
            Port::West(n) => (tile.beside(-1, 0)?, Port::East(n)),
            Port::Core | Port::Dma(_) | Port::Control | Port::Fifo | Port::Trace(_) => return None,
        };
        port.number(there.kind(), PortSide::Slave).map(|_| (there, port))
    }
}
