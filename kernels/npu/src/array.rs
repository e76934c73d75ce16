//! The array's design: how blocks of weights and activations come to the cores, and how results come back.
//!
//! In every column both shim channels feed the memory tile, which holds two blocks of each stream and deals them out in the order in which the multiplier
//! wants them. All chains of descriptors go round for ever; locks alone say what may move, so a run needs nothing but shim transfers.

use unicorn_kernels_xdna::array::{Buffer, Channel, Core, Descriptor, Design, Direction, LockStep, LockValue, Router, Start, Tile, TileDma};
use unicorn_kernels_xdna::isa::Assembled;

use crate::NpuError;
use crate::core;
use crate::flow::Flow;

/// Cores of a column.
pub(crate) const CORES: usize = 4;
/// A memory tile's own memory and locks as its descriptors see them.
const OWN: u64 = 0x80000;
const OWN_LOCKS: u8 = 64;
/// Where results begin in a memory tile; blocks lie before.
const RESULTS: u64 = OWN + 0x60000;

pub(crate) fn tile(column: usize, row: usize) -> Result<Tile, NpuError> {
    Ok(Tile::new(column as u32, row as u32)?)
}

pub(crate) fn s2mm(tile: Tile, index: usize) -> Result<Channel, NpuError> {
    Ok(Channel::new(tile, Direction::S2mm, index as u8)?)
}

pub(crate) fn mm2s(tile: Tile, index: usize) -> Result<Channel, NpuError> {
    Ok(Channel::new(tile, Direction::Mm2s, index as u8)?)
}

/// The design of all four columns, with the programs of a column's cores.
pub(crate) fn design(flow: &Flow, programs: &[Vec<u8>; CORES]) -> Result<Design, NpuError> {
    let mut design = Design::default();
    let mut router = Router::new();
    for column in 0..4 {
        for (row, code) in programs.iter().enumerate() {
            let tile = tile(column, 2 + row)?;
            design.cores.push(Core::new(tile, code));
            core_memory(flow, tile, &mut design);
            design.dmas.push(core_dma(flow, tile)?);
        }
        memory_tile(flow, tile(column, 1)?, &mut design)?;
        routes(flow, column, &mut router)?;
    }
    router.apply(&mut design);
    design.check()?;
    Ok(design)
}

/// The programs of a column's cores, the lowest first.
pub(crate) fn programs(make: impl Fn(usize) -> Result<Assembled, NpuError>) -> Result<[Vec<u8>; CORES], NpuError> {
    let mut programs = <[Vec<u8>; CORES]>::default();
    for (row, code) in programs.iter_mut().enumerate() {
        *code = make(row)?.code();
    }
    Ok(programs)
}

/// Names, and locks' first values, of a core's memory.
fn core_memory(flow: &Flow, tile: Tile, design: &mut Design) {
    let mut buffer = |name: &str, offset: u32, bytes: u32| design.buffers.push(Buffer { tile, name: name.into(), offset, bytes });
    buffer("activations", 0, flow.room as u32);
    for channel in 0..flow.channels() {
        buffer(&format!("blocks {channel}"), flow.block_at(channel), 2 * flow.block as u32);
    }
    buffer("results", core::RESULTS, 2 * flow.buffer as u32);
    buffer("sums and squares", core::MOMENTS, 512);
    buffer("parameters", core::PARAMETERS, 8);
    let mut free = |lock: u8| design.locks.push(LockValue { tile, lock, value: 2 });
    (0..flow.channels()).for_each(|channel| free(core::block_locks(channel).0));
    free(core::RESULT_LOCKS.0);
}

/// A pair of buffers in turn: what is waited for is taken once, what is done is said once.
fn turns(first: Descriptor, apart: u64, numbers: [u8; 2], (wait, tell): (u8, u8)) -> [(u8, Descriptor); 2] {
    let one = |n: usize| {
        let address = first.address + apart * n as u64;
        let acquire = Some(LockStep { id: wait, value: -1 });
        let release = LockStep { id: tell, value: 1 };
        (numbers[n], Descriptor { address, acquire, release, next: Some(numbers[1 - n]), ..first.clone() })
    };
    [one(0), one(1)]
}

fn start(channel: Channel, descriptor: u8) -> Start {
    Start { channel, descriptor, repeat: 0, token: false }
}

fn core_dma(flow: &Flow, tile: Tile) -> Result<TileDma, NpuError> {
    let mut dma = TileDma { tile, descriptors: Vec::new(), starts: Vec::new() };
    for channel in 0..flow.channels() {
        let numbers = [2 * channel as u8, 2 * channel as u8 + 1];
        let block = Descriptor::linear(flow.block_at(channel).into(), flow.block as u32 / 4);
        dma.descriptors.extend(turns(block, flow.block as u64, numbers, core::block_locks(channel)));
        dma.starts.push(start(s2mm(tile, channel)?, numbers[0]));
    }
    let results = Descriptor { dims: flow.walk, ..Descriptor::linear(core::RESULTS.into(), flow.results as u32) };
    let (free, full) = core::RESULT_LOCKS;
    dma.descriptors.extend(turns(results, flow.buffer as u64, [4, 5], (full, free)));
    dma.starts.push(start(mm2s(tile, 0)?, 4));
    Ok(dma)
}

/// Descriptors of a memory tile by the channel's parity: even channels have the first 24.
struct Numbers([u8; 2]);

impl Numbers {
    fn take<const N: usize>(&mut self, channel: Channel) -> [u8; N] {
        let next = &mut self.0[usize::from(channel.index % 2)];
        std::array::from_fn(|_| {
            *next += 1;
            *next - 1
        })
    }
}

fn memory_tile(flow: &Flow, tile: Tile, design: &mut Design) -> Result<(), NpuError> {
    let mut dma = TileDma { tile, descriptors: Vec::new(), starts: Vec::new() };
    let mut numbers = Numbers([0, 24]);
    let block = flow.block as u64;
    // Streams of blocks: one a core, or one for all; two locks each.
    let streams = if flow.broadcast { 2 } else { CORES };
    let locks = |stream: usize| (OWN_LOCKS + 2 * stream as u8, OWN_LOCKS + 2 * stream as u8 + 1);
    let at = |stream: usize| OWN + 2 * block * stream as u64;
    for stream in 0..streams {
        design.buffers.push(Buffer { tile, name: format!("blocks {stream}"), offset: (at(stream) - OWN) as u32, bytes: 2 * block as u32 });
        design.locks.push(LockValue { tile, lock: locks(stream).0 - OWN_LOCKS, value: 2 });
        let (channel, (free, full)) = (mm2s(tile, stream)?, locks(stream));
        let pair = numbers.take(channel);
        dma.descriptors.extend(turns(flow.dealing(at(stream)), block, pair, (full, free)));
        dma.starts.push(start(channel, pair[0]));
    }
    for half in 0..2 {
        let channel = s2mm(tile, half)?;
        let whole = |stream: usize| Descriptor::linear(at(stream), block as u32 / 4);
        if flow.broadcast {
            let pair = numbers.take(channel);
            dma.descriptors.extend(turns(whole(half), block, pair, locks(half)));
            dma.starts.push(start(channel, pair[0]));
        } else {
            // Blocks for two cores alternate: first, second, first, second.
            let n: [u8; 4] = numbers.take(channel);
            for (k, number) in n.into_iter().enumerate() {
                let stream = 2 * half + k % 2;
                let (free, full) = locks(stream);
                let address = at(stream) + block * (k as u64 / 2);
                let acquire = Some(LockStep { id: free, value: -1 });
                let release = LockStep { id: full, value: 1 };
                dma.descriptors.push((number, Descriptor { address, acquire, release, next: Some(n[(k + 1) % 4]), ..whole(stream) }));
            }
            dma.starts.push(start(channel, n[0]));
        }
    }
    results(flow, tile, &mut dma, &mut numbers, design)?;
    design.dmas.push(dma);
    Ok(())
}

/// Results of the cores come in by four channels and leave by one, core after core.
fn results(flow: &Flow, tile: Tile, dma: &mut TileDma, numbers: &mut Numbers, design: &mut Design) -> Result<(), NpuError> {
    let words = flow.results as u32;
    let at = |core: usize, turn: usize| RESULTS + u64::from(words) * 4 * (2 * core + turn) as u64;
    let out = mm2s(tile, 5)?;
    let chain: [u8; 8] = numbers.take(out);
    for core in 0..CORES {
        let (free, full) = (OWN_LOCKS + 16 + 2 * core as u8, OWN_LOCKS + 17 + 2 * core as u8);
        design.buffers.push(Buffer { tile, name: format!("results {core}"), offset: (at(core, 0) - OWN) as u32, bytes: words * 8 });
        design.locks.push(LockValue { tile, lock: free - OWN_LOCKS, value: 2 });
        let channel = s2mm(tile, 2 + core)?;
        let pair = numbers.take(channel);
        dma.descriptors.extend(turns(Descriptor::linear(at(core, 0), words), u64::from(words) * 4, pair, (free, full)));
        dma.starts.push(start(channel, pair[0]));
        for turn in 0..2 {
            let place = CORES * turn + core;
            let acquire = Some(LockStep { id: full, value: -1 });
            let release = LockStep { id: free, value: 1 };
            let next = Some(chain[(place + 1) % 8]);
            dma.descriptors.push((chain[place], Descriptor { acquire, release, next, ..Descriptor::linear(at(core, turn), words) }));
        }
    }
    dma.starts.push(start(out, chain[0]));
    Ok(())
}

fn routes(flow: &Flow, column: usize, router: &mut Router) -> Result<(), NpuError> {
    let (shim, memory) = (tile(column, 0)?, tile(column, 1)?);
    let cores: Vec<Tile> = (0..CORES).map(|row| tile(column, 2 + row)).collect::<Result<_, _>>()?;
    for half in 0..2 {
        router.stream(mm2s(shim, half)?, &[s2mm(memory, half)?])?;
    }
    if flow.broadcast {
        for half in 0..2 {
            let all = cores.iter().map(|core| s2mm(*core, half)).collect::<Result<Vec<_>, _>>()?;
            router.stream(mm2s(memory, half)?, &all)?;
        }
    } else {
        for (n, core) in cores.iter().enumerate() {
            router.stream(mm2s(memory, n)?, &[s2mm(*core, 0)?])?;
        }
    }
    for (n, core) in cores.iter().enumerate() {
        router.stream(mm2s(*core, 0)?, &[s2mm(memory, 2 + n)?])?;
    }
    router.stream(mm2s(memory, 5)?, &[s2mm(shim, 0)?])?;
    router.tokens(shim)?;
    Ok(())
}
