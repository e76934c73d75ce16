//! A functional emulator of the npu1 array: cores, memories, locks, DMA, stream switches, and the command processor that reads instruction streams.
//!
//! # What is modelled
//! - **Cores.** In order, one bundle a cycle. A result is readable exactly as many bundles after its instruction as the pipeline says; bypasses, operands
//!   that are read in later stages, delay slots and zero-overhead loops are exact. A core stands still, pipeline and all, while it waits for a lock or a
//!   stream, and one cycle for every further access of a bundle to the same 16 KiB bank.
//!   Loads and plain stores touch memory in the order of their bundles, narrowing stores two bundles later, stores of bytes and half words six;
//!   acquires and releases act in their own bundle. What is nearer together than the pipeline allows is counted, see [`CoreReport::hasty`].
//! - **Locks.** Six-bit semaphores; a release saturates. Acquires are tried every cycle, channels in the order of their numbers before cores.
//! - **DMA.** One word a cycle and channel, one cycle to take up a descriptor; dimensions, iteration, chains, queues of four tasks, repeats, tokens, packet
//!   headers, the memory tile's zero padding and its neighbours' memory.
//! - **Streams.** One word a cycle and port, one cycle a switch, four words of room a port.
//! - **Command processor.** One operation a cycle; waits for tokens and polls. A token of a shim counts only where the shim routes it to the
//!   host; those of other tiles are counted without asking for a route.
//!
//! # What is not
//! Memory latency and bandwidth of the host, conflicts between DMA and core in a bank, the command processor's true speed, cascade streams, control
//! packets, events, traces, counters, compression, sparsity, and status flags of vector instructions. What a program would need of these is a
//! [`Diagnosis`], not a guess. None of it has been compared with silicon by us; containers that ran on
//! silicon give the results that plain formulas say.

mod bus;
mod command;
mod core;
mod diagnosis;
mod dma;
mod fabric;
mod host;
mod load;
mod walk;

pub use command::Command;
pub use diagnosis::{CoreReport, Diagnosis, Report, Wait};

use crate::array::{Tile, TileKind, Write};
use dma::{Engine, Shared};
use fabric::Fabric;

/// The array with everything in it.
pub struct Npu {
    shared: Shared,
    engines: Vec<Engine>,
    cores: Vec<Option<Box<core::Core>>>,
    /// Multiplexer and demultiplexer of each column's shim.
    shims: Vec<[u32; 2]>,
    limit: u64,
}

impl Default for Npu {
    fn default() -> Npu {
        Npu::new()
    }
}

impl Npu {
    /// An array after reset: memories zero, nothing configured.
    pub fn new() -> Npu {
        let kind = |t: Tile| t.kind().registers();
        Npu {
            shared: Shared {
                memory: Tile::all().map(|t| vec![0; kind(t).memory as usize]).collect(),
                locks: Tile::all().map(|t| vec![0; kind(t).locks.into()]).collect(),
                fabric: Fabric::new(),
                tokens: Vec::new(),
                now: 1,
            },
            engines: Tile::all().map(bus::engine).collect(),
            cores: Tile::all().map(|t| (t.kind() == TileKind::Core).then(|| Box::new(core::Core::new(t)))).collect(),
            shims: vec![[0; 2]; crate::array::COLUMNS.into()],
            limit: 1 << 26,
        }
    }

    /// Ends every later run after this many array cycles with [`Diagnosis::Limit`]; at first, 2^26.
    pub fn set_limit(&mut self, cycles: u64) {
        self.limit = cycles;
    }

    /// Applies register writes, as [`crate::array::Design::configure`] gives them.
    pub fn configure(&mut self, writes: &[Write]) -> Result<(), Diagnosis> {
        for write in writes {
            match write {
                Write::Word { address, value } => self.write(*address, *value)?,
                Write::Masked { address, mask, value } => self.write_masked(*address, *mask, *value)?,
                Write::Block { address, words } => self.write_block(*address, words)?,
            }
        }
        Ok(())
    }

    /// A tile's own data memory.
    pub fn memory(&mut self, tile: Tile) -> &mut [u8] {
        &mut self.shared.memory[tile.index()]
    }

    /// Value of one of a tile's own locks.
    pub fn lock(&self, tile: Tile, lock: u8) -> Option<u8> {
        self.shared.locks[tile.index()].get(usize::from(lock)).copied()
    }
}

/// Cores by themselves: for tests of programs, and for looking at what a core has come to.
impl Npu {
    /// Bytes of a core's register, as far as its results have landed; `None` for tiles without a core and for groups of modifiers.
    pub fn register(&self, tile: Tile, register: crate::isa::Register) -> Option<Vec<u8>> {
        self.cores[tile.index()].as_ref()?.register(register)
    }

    /// Sets a core's register; `None` if there is none, or it has another number of bytes.
    pub fn set_register(&mut self, tile: Tile, register: crate::isa::Register, bytes: &[u8]) -> Option<()> {
        self.cores[tile.index()].as_mut()?.set_register(register, bytes)
    }

    /// Runs until every enabled core has executed DONE.
    ///
    /// # Errors
    /// See [`Diagnosis`]; a core that waits for ever is a deadlock.
    pub fn run_cores(&mut self) -> Result<Report, Diagnosis> {
        self.execute(&[Command::Cores], &mut [])
    }
}
