//! DMA: channels with queues of tasks that run chains of descriptors, one word a cycle.
//!
//! Per descriptor: acquire (the first try is in the cycle the descriptor is taken up), transfer, release. Taking up a descriptor costs one cycle. A task runs its chain
//! `repeat + 1` times; each run of a descriptor moves its iteration on. Memory latency, bus width and host bandwidth are not modelled. Finish-on-TLAST,
//! compression and out-of-order reception are refused.

use super::diagnosis::{Diagnosis, Wait};
use super::fabric::Fabric;
use super::host::Host;
use super::walk::Walk;
use crate::array::{Channel, Descriptor, Direction, LockStep, Tile, TileKind};
use std::collections::VecDeque;

/// Tasks that wait in a channel's queue, beside the one that runs. Source: AIE2's queue depth.
const QUEUE: usize = 4;

/// Everything in the array that DMAs and cores share.
pub(super) struct Shared {
    /// Data memory of each tile, by [`Tile::index`].
    pub(super) memory: Vec<Vec<u8>>,
    /// Lock values of each tile.
    pub(super) locks: Vec<Vec<u8>>,
    pub(super) fabric: Fabric,
    /// Tokens issued and not yet waited for, by channel.
    pub(super) tokens: Vec<(Channel, u32)>,
    pub(super) now: u64,
}

impl Shared {
    /// Takes a lock if its value allows: negative, at least that much; else exactly that.
    #[inline]
    pub(super) fn acquire(&mut self, tile: Tile, lock: u8, value: i8) -> bool {
        let held = &mut self.locks[tile.index()][usize::from(lock)];
        let want = value.unsigned_abs();
        let free = if value < 0 { *held >= want } else { *held == want };
        if free {
            *held -= want;
        }
        free
    }

    /// Adds to a lock; the six bits saturate.
    #[inline]
    pub(super) fn release(&mut self, tile: Tile, lock: u8, value: i8) {
        let held = &mut self.locks[tile.index()][usize::from(lock)];
        *held = (i16::from(*held) + i16::from(value)).clamp(0, 63) as u8;
    }
}

#[derive(Debug, Clone, Copy)]
struct Task {
    descriptor: u8,
    repeat: u8,
    token: bool,
}

#[derive(Debug, Clone)]
enum Phase {
    Acquire,
    Header,
    Move,
}

#[derive(Debug, Clone)]
struct Running {
    task: Task,
    number: u8,
    descriptor: Descriptor,
    /// Where the descriptor's first lock is, and by how much it changes.
    acquire: Option<(Tile, u8, i8)>,
    walk: Walk,
    left: u32,
    phase: Phase,
}

#[derive(Debug, Clone)]
struct Lane {
    channel: Channel,
    queue: VecDeque<Task>,
    running: Option<Running>,
    control: u32,
    /// Stream end: slave for MM2S, master for S2MM.
    port: Option<usize>,
    words: u64,
}

/// The DMA of one tile.
pub(super) struct Engine {
    tile: Tile,
    registers: Vec<u32>,
    /// Unpacked descriptors; emptied by writes.
    unpacked: Vec<Option<Descriptor>>,
    /// Runs since the descriptor's iteration began.
    runs: Vec<u32>,
    lanes: Vec<Lane>,
    /// Lanes with a task, a bit each.
    live: u16,
}

impl Engine {
    pub(super) fn new(tile: Tile) -> Engine {
        let r = tile.kind().registers();
        let lanes = [Direction::S2mm, Direction::Mm2s]
            .into_iter()
            .flat_map(|direction| (0..r.channels).map(move |index| Channel { tile, direction, index }))
            .map(|channel| Lane { channel, queue: VecDeque::new(), running: None, control: 0, port: None, words: 0 })
            .collect();
        let n = usize::from(r.descriptors);
        Engine { tile, registers: vec![0; n * 8], unpacked: vec![None; n], runs: vec![0; n], lanes, live: 0 }
    }

    /// Joins a channel to its stream end.
    pub(super) fn join(&mut self, direction: Direction, index: u8, port: Option<usize>) {
        if let Some(lane) = self.lane(direction, index) {
            lane.port = port;
        }
    }

    fn lane(&mut self, direction: Direction, index: u8) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|l| l.channel.direction == direction && l.channel.index == index)
    }

    /// A write into descriptor registers, `offset` from the first.
    pub(super) fn write_descriptor(&mut self, offset: u32, value: u32) {
        let (number, word) = ((offset / 32) as usize, (offset / 4 % 8) as usize);
        self.registers[number * 8 + word] = value;
        self.unpacked[number] = None;
        self.runs[number] = u32::MAX;
    }

    /// A descriptor register.
    pub(super) fn read_descriptor(&self, offset: u32) -> u32 {
        self.registers[(offset / 4) as usize]
    }

    /// A write to a channel's control: reset empties it.
    pub(super) fn write_control(&mut self, channel: Channel, value: u32) -> Result<(), Diagnosis> {
        let shim = self.tile.kind() == TileKind::Shim;
        let Some(lane) = self.lane(channel.direction, channel.index) else { return Ok(()) };
        if value & if shim { 0x3000C } else { 0x30018 } != 0 {
            return Err(Diagnosis::Dma {
                channel,
                descriptor: 0,
                why: "cannot run: pause, out-of-order, finish-on-TLAST and compression are not modelled",
            });
        }
        lane.control = value;
        if !shim && value & 2 != 0 {
            lane.queue.clear();
            lane.running = None;
        }
        Ok(())
    }

    /// A channel's control word.
    pub(super) fn control(&self, channel: Channel) -> u32 {
        self.lanes.iter().find(|l| l.channel == channel).map_or(0, |l| l.control)
    }

    /// A write to a channel's task queue.
    pub(super) fn start(&mut self, channel: Channel, value: u32) -> Result<(), Diagnosis> {
        let Some(lane) = self.lane(channel.direction, channel.index) else { return Ok(()) };
        let task = Task { descriptor: (value & 63) as u8, repeat: (value >> 16) as u8, token: value >> 31 != 0 };
        let fail = |why| Err(Diagnosis::Dma { channel, descriptor: task.descriptor, why });
        if !channel.descriptors().contains(&task.descriptor) {
            return fail("cannot be reached by this channel");
        }
        if lane.queue.len() == QUEUE {
            return fail("overflows the channel's task queue");
        }
        lane.queue.push_back(task);
        self.live = u16::MAX;
        Ok(())
    }

    /// One cycle of all channels. Whether anything moved.
    pub(super) fn step(&mut self, shared: &mut Shared, host: &mut Host) -> Result<bool, Diagnosis> {
        let mut moved = false;
        let mut rest = self.live;
        while rest != 0 {
            let i = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            match self.lanes.get(i) {
                Some(lane) if lane.running.is_some() || !lane.queue.is_empty() => moved |= self.step_lane(i, shared, host)?,
                _ => self.live &= !(1 << i),
            }
        }
        Ok(moved)
    }

    fn step_lane(&mut self, i: usize, shared: &mut Shared, host: &mut Host) -> Result<bool, Diagnosis> {
        if self.lanes[i].running.is_none() {
            let Some(task) = self.lanes[i].queue.pop_front() else { return Ok(false) };
            self.take_up(i, task, task.descriptor)?;
        }
        let tile = self.tile;
        let lane = &mut self.lanes[i];
        let channel = lane.channel;
        let Some(run) = &mut lane.running else { return Ok(false) };
        match run.phase {
            Phase::Acquire => {
                if let Some((there, id, value)) = run.acquire
                    && !shared.acquire(there, id, value)
                {
                    return Ok(false);
                }
                let header = run.descriptor.packet.is_some() && channel.direction == Direction::Mm2s;
                run.phase = if header { Phase::Header } else { Phase::Move };
                if run.left == 0 {
                    return self.finish(i, shared);
                }
                Ok(true)
            }
            Phase::Header => {
                let port = lane.port.ok_or_else(|| apart(channel, run.number))?;
                if !shared.fabric.can_send(port) {
                    return Ok(false);
                }
                let word = run.descriptor.packet.map_or(0, |p| packet_header(tile, p.id, p.kind));
                shared.fabric.send(port, word, false, shared.now);
                run.phase = Phase::Move;
                Ok(true)
            }
            Phase::Move => {
                let port = lane.port.ok_or_else(|| apart(channel, run.number))?;
                let done = match channel.direction {
                    Direction::Mm2s => {
                        if !shared.fabric.can_send(port) {
                            return Ok(false);
                        }
                        let word = match run.walk.next() {
                            Some(at) => load(shared, host, tile, at).ok_or_else(|| outside(channel, run.number, at))?,
                            None => 0,
                        };
                        run.left -= 1;
                        let last = run.left == 0;
                        shared.fabric.send(port, word, last && !run.descriptor.no_last, shared.now);
                        last
                    }
                    Direction::S2mm => {
                        let Some((word, _)) = shared.fabric.arrived(port, shared.now) else { return Ok(false) };
                        shared.fabric.taken(port);
                        let at = run.walk.next().unwrap_or(u64::MAX);
                        store(shared, host, tile, at, word).ok_or_else(|| outside(channel, run.number, at))?;
                        run.left -= 1;
                        run.left == 0
                    }
                };
                lane.words += 1;
                if done { self.finish(i, shared) } else { Ok(true) }
            }
        }
    }

    fn take_up(&mut self, i: usize, task: Task, number: u8) -> Result<(), Diagnosis> {
        let kind = self.tile.kind();
        let n = usize::from(number);
        let channel = self.lanes[i].channel;
        let fail = |why| Err(Diagnosis::Dma { channel, descriptor: number, why });
        if !channel.descriptors().contains(&number) {
            return fail("cannot be reached by this channel");
        }
        let words = usize::from(kind.registers().descriptor_words);
        let descriptor = self.unpacked[n].get_or_insert_with(|| Descriptor::unpack(kind, &self.registers[n * 8..n * 8 + words])).clone();
        if !descriptor.valid {
            return fail("is not valid");
        }
        if descriptor.compress {
            return fail("wants compression, which is not modelled");
        }
        if channel.direction == Direction::S2mm && (descriptor.before != [0; 3] || descriptor.after != [0; 3]) {
            return fail("pads, which only MM2S can do");
        }
        if self.runs[n] == u32::MAX {
            self.runs[n] = descriptor.iteration.current;
        }
        let acquire = match descriptor.acquire {
            Some(lock) => lock_place(self.tile, lock, channel, number).map(|(there, id)| Some((there, id, lock.value)))?,
            None => None,
        };
        let walk = Walk::new(&descriptor, self.runs[n]);
        self.runs[n] = if self.runs[n] + 1 >= descriptor.iteration.wrap { 0 } else { self.runs[n] + 1 };
        self.lanes[i].running = Some(Running { task, number, acquire, left: descriptor.words, descriptor, walk, phase: Phase::Acquire });
        Ok(())
    }

    /// Release, then the next descriptor of the chain, the next run of the task, or the end of the task.
    fn finish(&mut self, i: usize, shared: &mut Shared) -> Result<bool, Diagnosis> {
        let tile = self.tile;
        let lane = &mut self.lanes[i];
        let channel = lane.channel;
        let Some(run) = lane.running.take() else { return Ok(false) };
        if run.descriptor.release.value != 0 {
            let (there, id) = lock_place(tile, run.descriptor.release, channel, run.number)?;
            shared.release(there, id, run.descriptor.release.value);
        }
        match (run.descriptor.next, run.task.repeat) {
            (Some(next), _) => self.take_up(i, run.task, next)?,
            (None, 1..) => self.take_up(i, Task { repeat: run.task.repeat - 1, ..run.task }, run.task.descriptor)?,
            (None, 0) if run.task.token => issue_token(shared, channel, lane.control >> 8 & 31),
            (None, 0) => {}
        }
        Ok(true)
    }

    /// Words moved by each channel.
    pub(super) fn words(&self) -> impl Iterator<Item = (Channel, u64)> {
        self.lanes.iter().map(|l| (l.channel, l.words))
    }

    /// What the channels wait for.
    pub(super) fn waits(&self, shared: &Shared) -> Vec<Wait> {
        let wait = |lane: &Lane| {
            let run = lane.running.as_ref()?;
            let what = match (&run.phase, lane.channel.direction) {
                (Phase::Acquire, _) => {
                    let (there, id, value) = run.acquire?;
                    let held = shared.locks[there.index()][usize::from(id)];
                    let how = if value < 0 { "at least" } else { "exactly" };
                    format!("lock {id} of {there} to hold {how} {} (it holds {held})", value.unsigned_abs())
                }
                (_, Direction::Mm2s) => format!("room in its stream ({} words to go)", run.left),
                (_, Direction::S2mm) => format!("words from its stream ({} to go)", run.left),
            };
            Some(Wait { who: format!("{}, descriptor {}", lane.channel, run.number), what })
        };
        self.lanes.iter().filter_map(wait).collect()
    }
}

/// Header of a packet stream: odd parity, source, type, id.
fn packet_header(tile: Tile, id: u8, kind: u8) -> u32 {
    let h = u32::from(tile.column()) << 21 | u32::from(tile.row()) << 16 | u32::from(kind) << 12 | u32::from(id);
    h | u32::from(h.count_ones().is_multiple_of(2)) << 31
}

/// A token reaches the host only by a packet route of its id from the shim's control port.
fn issue_token(shared: &mut Shared, channel: Channel, id: u32) {
    let routed = channel.tile.kind() != TileKind::Shim || shared.fabric.takes_packet(channel.tile, crate::array::Port::Control, id);
    if !routed {
        return;
    }
    match shared.tokens.iter_mut().find(|(c, _)| *c == channel) {
        Some((_, n)) => *n += 1,
        None => shared.tokens.push((channel, 1)),
    }
}

fn lock_place(tile: Tile, lock: LockStep, channel: Channel, number: u8) -> Result<(Tile, u8), Diagnosis> {
    let there = match (tile.kind(), lock.id) {
        (TileKind::Memory, 0..64) => tile.beside(-1, 0),
        (TileKind::Memory, 64..128) | (_, 0..16) => Some(tile),
        (TileKind::Memory, 128..192) => tile.beside(1, 0),
        _ => None,
    };
    let id = if tile.kind() == TileKind::Memory { lock.id % 64 } else { lock.id };
    there.map(|t| (t, id)).ok_or(Diagnosis::Dma { channel, descriptor: number, why: "uses a lock that no tile has" })
}

fn apart(channel: Channel, number: u8) -> Diagnosis {
    Diagnosis::Dma { channel, descriptor: number, why: "is joined to no stream (shim multiplexer)" }
}

fn outside(channel: Channel, number: u8, word: u64) -> Diagnosis {
    Diagnosis::Access { who: channel.to_string(), at: format!("descriptor {number}"), address: word.saturating_mul(4), bytes: 4 }
}

/// Where a word of a DMA's address space lies; `None` outside.
#[inline]
fn place(tile: Tile, word: u64) -> Option<(usize, usize)> {
    match tile.kind() {
        TileKind::Core => (word < 0x4000).then_some((tile.index(), word as usize * 4)),
        _ => {
            let side = match word >> 17 {
                0 => -1,
                1 => 0,
                2 => 1,
                _ => return None,
            };
            Some((tile.beside(side, 0)?.index(), (word as usize & 0x1FFFF) * 4))
        }
    }
}

#[inline]
fn load(shared: &mut Shared, host: &mut Host, tile: Tile, word: u64) -> Option<u32> {
    if tile.kind() == TileKind::Shim {
        return host.load(word);
    }
    let (index, at) = place(tile, word)?;
    let b = shared.memory[index].get(at..at + 4)?;
    Some(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

#[inline]
fn store(shared: &mut Shared, host: &mut Host, tile: Tile, word: u64, value: u32) -> Option<()> {
    if tile.kind() == TileKind::Shim {
        return host.store(word, value);
    }
    let (index, at) = place(tile, word)?;
    shared.memory[index].get_mut(at..at + 4)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}
