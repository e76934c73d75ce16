//! The command processor: takes an instruction stream operation by operation while the array runs.

use super::Npu;
use super::diagnosis::{Diagnosis, Report, Wait};
use super::host::Host;
use crate::array::{Channel, Direction, Tile, TileKind, Write};

/// What the command processor is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A write into registers or memories.
    Write(Write),
    /// Waits until a register's bits have a value.
    Poll {
        /// Register address.
        address: u32,
        /// Bits that count.
        mask: u32,
        /// Their value.
        value: u32,
    },
    /// Waits for one task token of each channel in a rectangle of tiles.
    Sync {
        /// Channel direction.
        direction: Direction,
        /// Channel number.
        channel: u8,
        /// First column and how many.
        columns: (u8, u8),
        /// First row and how many.
        rows: (u8, u8),
    },
    /// Puts the address of an argument, plus an offset, into words 1 and 2 of a shim descriptor.
    Patch {
        /// Address of the descriptor's word 1.
        address: u32,
        /// Which argument buffer.
        argument: u32,
        /// Bytes added.
        offset: u64,
    },
    /// Waits until every enabled core is done.
    Cores,
    /// Nothing.
    Noop,
}

/// Cycles without any movement after which nothing can move any more: longer than any latency in the array.
const STILL: u64 = 64;

impl Npu {
    /// Runs a stream of commands over argument buffers to its end.
    ///
    /// The array keeps its state: a further run goes on where this one ended, with cores that wait for more data still waiting.
    pub fn execute(&mut self, commands: &[Command], buffers: &mut [&mut [u8]]) -> Result<Report, Diagnosis> {
        let mut host = Host::new(buffers);
        let begin = self.shared.now;
        let before = self.report(begin);
        let mut still = 0;
        let mut index = 0;
        while index < commands.len() {
            let mut moved = self.command(index, &commands[index], &host)?;
            index += usize::from(moved);
            moved |= self.step(&mut host)?;
            still = if moved { 0 } else { still + 1 };
            let cycles = self.shared.now - begin;
            if still > STILL {
                return Err(Diagnosis::Deadlock { cycles, waits: self.waits(commands.get(index)) });
            }
            if cycles >= self.limit {
                return Err(Diagnosis::Limit { cycles, waits: self.waits(commands.get(index)) });
            }
        }
        Ok(self.report(begin).since(&before))
    }

    /// One cycle of the whole array.
    fn step(&mut self, host: &mut Host) -> Result<bool, Diagnosis> {
        let mut moved = false;
        for engine in &mut self.engines {
            moved |= engine.step(&mut self.shared, host)?;
        }
        moved |= self.shared.fabric.step(self.shared.now)?;
        for core in self.cores.iter_mut().flatten() {
            moved |= core.step(&mut self.shared)?;
        }
        self.shared.now += 1;
        Ok(moved)
    }

    /// Tries one command; whether it is done.
    fn command(&mut self, index: usize, command: &Command, host: &Host) -> Result<bool, Diagnosis> {
        match command {
            Command::Write(write) => self.configure(std::slice::from_ref(write))?,
            Command::Poll { address, mask, value } => return Ok(self.read(*address)? & mask == value & mask),
            Command::Sync { direction, channel, columns, rows } => {
                let wanted = sync_channels(index, *direction, *channel, *columns, *rows)?;
                let tokens = &mut self.shared.tokens;
                if !wanted.iter().all(|c| tokens.iter().any(|(t, n)| t == c && *n > 0)) {
                    return Ok(false);
                }
                tokens.iter_mut().filter(|(t, _)| wanted.contains(t)).for_each(|(_, n)| *n -= 1);
            }
            Command::Patch { address, argument, offset } => {
                let fail = |why: &str| Diagnosis::Command { index, why: format!("patch of {address:#x}: {why}") };
                let base = host.address(*argument as usize).ok_or(fail("there is no such argument buffer"))?;
                let target = base.checked_add(*offset).ok_or(fail("the offset is too large"))?;
                let (tile, at) = Tile::of_address(*address)?;
                let r = tile.kind().registers();
                let inside = at >= r.descriptor && at < r.descriptor + 32 * u32::from(r.descriptors) && at % 32 == 4;
                if tile.kind() != TileKind::Shim || !inside {
                    return Err(fail("not word 1 of a shim descriptor"));
                }
                self.write(*address, target as u32 & !3)?;
                self.write_masked(address + 4, 0xFFFF, (target >> 32) as u32)?;
            }
            Command::Cores => return Ok(!self.cores.iter().flatten().any(|c| c.running())),
            Command::Noop => {}
        }
        Ok(true)
    }

    fn report(&self, begin: u64) -> Report {
        Report {
            cycles: self.shared.now - begin,
            cores: self.cores.iter().flatten().filter_map(|c| c.report()).collect(),
            channels: self.engines.iter().flat_map(|e| e.words()).collect(),
        }
    }

    fn waits(&self, command: Option<&Command>) -> Vec<Wait> {
        let mut waits = Vec::new();
        let who = || "the command processor".to_owned();
        match command {
            Some(Command::Sync { direction, channel, columns, rows }) => {
                let what = format!("a token of {direction:?} {channel} of columns {}+{}, rows {}+{}", columns.0, columns.1, rows.0, rows.1);
                waits.push(Wait { who: who(), what });
            }
            Some(Command::Poll { address, mask, value }) => {
                waits.push(Wait { who: who(), what: format!("{address:#x} under {mask:#x} to be {value:#x}") });
            }
            _ => {}
        }
        waits.extend(self.cores.iter().flatten().filter_map(|c| c.waits(&self.shared)));
        waits.extend(self.engines.iter().flat_map(|e| e.waits(&self.shared)));
        waits
    }
}

fn sync_channels(index: usize, direction: Direction, channel: u8, columns: (u8, u8), rows: (u8, u8)) -> Result<Vec<Channel>, Diagnosis> {
    let mut all = Vec::new();
    for c in 0..columns.1 {
        for r in 0..rows.1 {
            let tile = Tile::new(u32::from(columns.0) + u32::from(c), u32::from(rows.0) + u32::from(r))?;
            all.push(Channel::new(tile, direction, channel)?);
        }
    }
    if all.is_empty() {
        return Err(Diagnosis::Command { index, why: "waits for no channel at all".into() });
    }
    Ok(all)
}

impl Report {
    /// The difference to an earlier report of the same array; `cycles` stay.
    fn since(mut self, before: &Report) -> Report {
        for c in &mut self.cores {
            if let Some(b) = before.cores.iter().find(|b| b.tile == c.tile) {
                c.bundles -= b.bundles;
                c.macs -= b.macs;
                c.lock_stalls -= b.lock_stalls;
                c.bank_stalls -= b.bank_stalls;
                c.stream_stalls -= b.stream_stalls;
            }
        }
        self.channels = self.channels.iter().zip(&before.channels).map(|(&(c, n), &(_, m))| (c, n - m)).filter(|(_, n)| *n > 0).collect();
        self
    }
}
