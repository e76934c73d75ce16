//! How a run ends: a report, or a diagnosis of what went wrong. Nothing here hangs or panics on what a container or a program can do.

use crate::array::{ArrayError, Channel, Port, Tile, TileKind};
use std::fmt;

/// Why a run, or the loading of a configuration, did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Diagnosis {
    /// A write to, or read from, a register that this emulator does not model.
    #[error("register {address:#09x}: {why}")]
    Register {
        /// The address.
        address: u32,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The array cannot hold what was written.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// An access outside every memory it could go to.
    #[error("{who} at {at}: {bytes} bytes at {address:#x} are outside memory")]
    Access {
        /// Core or channel.
        who: String,
        /// Program address or descriptor.
        at: String,
        /// The address as the accessing unit sees it.
        address: u64,
        /// Its length.
        bytes: u32,
    },
    /// Bytes that are no bundle, or a bundle whose meaning is not modelled.
    #[error("{tile}, pc {pc:#06x}: {why} (bytes {bytes:02x?})")]
    Bundle {
        /// The core.
        tile: Tile,
        /// Program address.
        pc: u32,
        /// The bundle's bytes, or the next 16.
        bytes: Vec<u8>,
        /// What is not known.
        why: String,
    },
    /// A channel whose task cannot run.
    #[error("{channel}: descriptor {descriptor} {why}")]
    Dma {
        /// The channel.
        channel: Channel,
        /// Which descriptor.
        descriptor: u8,
        /// What is wrong.
        why: &'static str,
    },
    /// A stream that cannot go on.
    #[error("{tile}, slave {port:?}: {why} (word {word:#010x})")]
    Stream {
        /// Where.
        tile: Tile,
        /// Slave port.
        port: Port,
        /// The word at its head.
        word: u32,
        /// What is wrong.
        why: &'static str,
    },
    /// The instruction stream asks for what the emulator has not got.
    #[error("instruction {index}: {why}")]
    Command {
        /// Number of the operation in its stream.
        index: usize,
        /// What is wrong.
        why: String,
    },
    /// Nothing can move any more.
    #[error("deadlock after {cycles} cycles: {}", Joined(.waits))]
    Deadlock {
        /// Cycles of this run.
        cycles: u64,
        /// Who waits for what.
        waits: Vec<Wait>,
    },
    /// The limit of cycles was reached while things still moved.
    #[error("not done after {cycles} cycles: {}", Joined(.waits))]
    Limit {
        /// Cycles of this run.
        cycles: u64,
        /// Who waits for what.
        waits: Vec<Wait>,
    },
}

/// One party of a deadlock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Core, channel, or command processor.
    pub who: String,
    /// What it waits for.
    pub what: String,
}

struct Joined<'a>(&'a [Wait]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, w) in self.0.iter().enumerate() {
            write!(f, "{}{} waits for {}", if i == 0 { "" } else { "; " }, w.who, w.what)?;
        }
        Ok(())
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Array cycles from the first instruction of the stream to the last.
    pub cycles: u64,
    /// Every started core.
    pub cores: Vec<CoreReport>,
    /// Every channel that moved words.
    pub channels: Vec<(Channel, u64)>,
}

/// One core's part of a run. `bundles` and the stalls add up to the cycles that the core was enabled and not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreReport {
    /// The core.
    pub tile: Tile,
    /// Bundles issued.
    pub bundles: u64,
    /// Bundles with a multiplication in the vector slot.
    pub macs: u64,
    /// Cycles waiting for locks.
    pub lock_stalls: u64,
    /// Cycles lost to two accesses of a bundle in one 16 KiB bank.
    pub bank_stalls: u64,
    /// Cycles waiting for a stream word or for room.
    pub stream_stalls: u64,
    /// Accesses of memory and lock operations nearer to each other than llvm-aie puts them: releases before earlier accesses have reached memory (in
    /// cycle 5, 7 or 11 of their bundles; the release acts in its second), accesses less than four bundles behind an acquire. They may be harmless, but
    /// nothing guards them. Since reset.
    pub hasty: u64,
    /// The core has executed DONE.
    pub done: bool,
}

impl Report {
    /// Words moved by all channels into or out of host memory.
    pub fn host_words(&self) -> u64 {
        self.shim_channels().map(|(_, n)| n).sum()
    }

    /// Share of the started cores' cycles in which they multiplied, 0 to 1: the share of the multipliers' limit.
    pub fn mac_share(&self) -> f64 {
        let macs: u64 = self.cores.iter().map(|c| c.macs).sum();
        share(macs, self.cycles * self.cores.len() as u64)
    }

    /// Share of the cycles of the shim channels in use in which they moved a word, 0 to 1: the share of their limit of a word a cycle.
    pub fn host_share(&self) -> f64 {
        share(self.host_words(), self.cycles * self.shim_channels().count() as u64)
    }

    fn shim_channels(&self) -> impl Iterator<Item = &(Channel, u64)> {
        self.channels.iter().filter(|(c, _)| c.tile.kind() == TileKind::Shim)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
