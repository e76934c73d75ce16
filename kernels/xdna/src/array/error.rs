//! What can be wrong with an array: one enum for designs, registers and routes.

use super::{Channel, Port, Tile};

/// A design or a list of register writes that the array cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// No such tile.
    #[error("column {column}, row {row} is no tile of a 4 x 6 array")]
    Tile {
        /// Asked column.
        column: u32,
        /// Asked row.
        row: u32,
    },
    /// A value does not fit its register field.
    #[error("{tile}, descriptor {descriptor}, {field}: {value} is outside {min}..={max}")]
    Field {
        /// Where.
        tile: Tile,
        /// Descriptor number.
        descriptor: u8,
        /// AM025's name of the field.
        field: &'static str,
        /// The value as the register would hold it.
        value: i64,
        /// Least value the field holds.
        min: i64,
        /// Largest value the field holds.
        max: i64,
    },
    /// A property that this kind of tile has no field for.
    #[error("{tile}, descriptor {descriptor}: {what} is not to be had on this kind of tile")]
    Lacks {
        /// Where.
        tile: Tile,
        /// Descriptor number.
        descriptor: u8,
        /// The property.
        what: &'static str,
    },
    /// A number outside its range, not of a descriptor.
    #[error("{tile}: {what} {value} is outside 0..{end}")]
    Range {
        /// Where.
        tile: Tile,
        /// What the number counts.
        what: &'static str,
        /// The number.
        value: u64,
        /// One past the largest.
        end: u64,
    },
    /// A descriptor that a channel cannot reach (memory tiles: even channels use 0..24, odd ones 24..48).
    #[error("{channel} cannot use descriptor {descriptor}: even channels reach 0..24, odd ones 24..48")]
    Bank {
        /// The channel.
        channel: Channel,
        /// Descriptor number.
        descriptor: u8,
    },
    /// A descriptor that is started or chained to but never given.
    #[error("{tile}: descriptor {descriptor} is used but not given")]
    Missing {
        /// Where.
        tile: Tile,
        /// Descriptor number.
        descriptor: u8,
    },
    /// Two things in one place.
    #[error("{tile}: {a} and {b} overlap")]
    Overlap {
        /// Where.
        tile: Tile,
        /// The one.
        a: String,
        /// The other.
        b: String,
    },
    /// A tile has no such stream port.
    #[error("{tile} has no {side} port {port:?}")]
    Port {
        /// Where.
        tile: Tile,
        /// `master` or `slave`.
        side: &'static str,
        /// The port.
        port: Port,
    },
    /// A port is already taken by another stream.
    #[error("{tile}: {side} port {port:?} is already in use")]
    Taken {
        /// Where.
        tile: Tile,
        /// `master` or `slave`.
        side: &'static str,
        /// The port.
        port: Port,
    },
    /// All ports on every way are taken.
    #[error("no free ports on any way from {from} to {to}")]
    NoWay {
        /// Source.
        from: Tile,
        /// Target.
        to: Tile,
    },
    /// A register write that says nothing this reader knows.
    #[error("write to {address:#09x} (value {value:#x}): {why}")]
    Register {
        /// Address of the register.
        address: u32,
        /// First word written.
        value: u32,
        /// What is wrong.
        why: &'static str,
    },
}
