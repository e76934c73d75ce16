//! The active neurons of a sparse layer, as a list: a kernel over the gate's results. What it means stands in [`fixed`](crate::fixed).
//!
//! Each of the 16 cores has a slice of the neurons, and for each token gives a record: how many of its neurons are active, the cutoff, their numbers and
//! their GELU values in ascending order. The gate's results come as they lie; multipliers and the tokens' scales come before them.

use unicorn_kernels_xdna::array::{Buffer, Core, Design, Iteration, Segment, Stream};
use unicorn_kernels_xdna::container::txn::Txn;
use unicorn_kernels_xdna::container::xclbin::Xclbin;

use crate::array::{self, CORES, mm2s, s2mm, tile};
use crate::call::ITERATIONS;
use crate::core::PARAMETERS;
use crate::cost::WAY;
use crate::exchange::Place;
use crate::fixed::{self, Active, Scale, Threshold};
use crate::flow::{Flow, PLAIN};
use crate::run::{ACTIVATIONS, OUTPUTS, RESULT_DESCRIPTORS, WEIGHTS, shim};
use crate::{Cost, NpuError, kernel, scan};

/// Most tokens of a run.
const TOKENS: usize = ITERATIONS;
/// Words of a record before the neurons' numbers.
pub(crate) const HEADER: usize = 8;
/// Bytes of a core's memory before the blocks of gate results.
const ROOM: usize = 0x8000;
/// Neurons that a core looks at together once it has found them.
const GROUP: usize = 32;
/// Most active neurons of a slice for which a record has room.
const MOST: usize = 224;

/// Cycles of a token beside its loops: the sums' way from core to core, the cutoff, its way back.
const TOKEN: usize = 980;
/// Cycles of a group of active neurons.
const GROUP_CYCLES: usize = 290;

/// A core's part of the neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    neurons: usize,
    /// Neurons of a core, with padding.
    pub length: usize,
    /// Active ones for which there is room.
    pub room: usize,
}

impl Slice {
    /// Neurons that the core's loops go over: not too few for their pipelines. Those beyond the slice have multipliers of zero.
    pub(crate) const fn lanes(&self) -> usize {
        if self.length < 256 { 256 } else { self.length }
    }

    pub(crate) const fn first(&self, place: Place) -> usize {
        place.number() * self.length
    }

    /// Lanes that are no neurons.
    pub(crate) fn padding(&self, place: Place) -> usize {
        self.lanes() - self.neurons.saturating_sub(self.first(place)).min(self.length)
    }

    const fn block(&self) -> usize {
        4 * self.length
    }

    /// Where the tokens' scales stand, behind the multipliers.
    pub(crate) const fn scales_at(&self) -> usize {
        2 * self.lanes()
    }

    /// Blocks of multipliers and scales.
    pub(crate) const fn setup_blocks(&self) -> usize {
        (self.scales_at() + 4 * TOKENS).div_ceil(self.block())
    }

    /// Words of a record.
    const fn record(&self) -> usize {
        HEADER + 2 * self.room
    }

    pub(crate) fn flow(&self) -> Flow {
        Flow {
            broadcast: false,
            block: self.block(),
            deal: [PLAIN; 4],
            room: ROOM,
            results: self.record(),
            walk: [PLAIN; 4],
            buffer: 4 * self.record(),
        }
    }
}

/// A kernel for a number of neurons; its container serves 1 to 64 tokens.
#[derive(Clone, Debug)]
pub struct TopKernel {
    /// What it finds.
    pub threshold: Threshold,
    /// What configuration makes of the array.
    pub design: Design,
    slice: Slice,
}

/// An instruction stream for a number of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopRun {
    /// Tokens.
    pub tokens: usize,
    /// What the command processor does.
    pub stream: Txn,
    /// Bytes of the argument buffers: [`TopKernel::setup`], the gate's results, records. Of the gate's results those between the neurons and the next
    /// token, and those behind the last, only have to be there.
    pub buffers: [usize; 3],
}

impl TopKernel {
    /// The kernel for a threshold. A record has room for `room` active neurons of a slice (rounded up to 32); of a token with more in one
    /// slice only the number is told, and the host must find them itself.
    ///
    /// # Errors
    /// For no room, or more than 224.
    pub fn new(threshold: Threshold, room: usize) -> Result<Self, NpuError> {
        if room == 0 || room > MOST {
            return Err(NpuError::Room { room, most: MOST });
        }
        let length = threshold.neurons.div_ceil(4 * CORES).next_multiple_of(GROUP).max(4 * GROUP);
        let slice = Slice { neurons: threshold.neurons, length, room: room.next_multiple_of(GROUP) };
        let mut design = array::design(&slice.flow(), &Default::default())?;
        design.cores.clear();
        let words = (0..fixed::STEPS).map(fixed::entry).collect();
        let table = Segment { offset: scan::TABLE, words };
        for place in Place::all() {
            let program = scan::program(&slice, &threshold, place)?;
            let mut core = Core::new(tile(place.column, 2 + place.row)?, &program.code());
            core.segments.push(table.clone());
            design.cores.push(core);
            let steps =
                Buffer { tile: tile(place.column, 2 + place.row)?, name: "steps".into(), offset: scan::STEPS, bytes: 4 * slice.lanes() as u32 };
            design.buffers.push(steps);
        }
        design.check()?;
        Ok(Self { threshold, design, slice })
    }

    /// The container.
    ///
    /// # Errors
    /// For containers that cannot be written: a fault here.
    pub fn container(&self) -> Result<Xclbin, NpuError> {
        kernel::container(&self.design)
    }

    /// The instruction stream for a number of tokens, `row` words of gate results apart.
    ///
    /// # Errors
    /// For no tokens or more than 64, and for tokens nearer than their neurons or farther apart than 2^20 words.
    pub fn run(&self, tokens: usize, row: usize) -> Result<TopRun, NpuError> {
        if tokens == 0 || tokens > TOKENS || row < self.threshold.neurons || row > 1 << 20 {
            return Err(NpuError::Tokens { tokens, row, neurons: self.threshold.neurons });
        }
        let (slice, record) = (self.slice, self.slice.record());
        let mut stream = Stream::new();
        let results = tokens * CORES * record;
        for column in 0..4 {
            let memory = tile(column, 0)?;
            for core in 0..CORES {
                stream.write(tile(column, 2 + core)?.address(PARAMETERS), tokens as u32);
            }
            stream.transfer(s2mm(memory, 0)?, RESULT_DESCRIPTORS, &shim(4 * column * results, results), OUTPUTS, 0, true)?;
            for half in 0..2 {
                let (channel, number) = (mm2s(memory, half)?, 6 * half as u8);
                // Two cores hang on a channel, and get blocks in turn.
                let pair = 2 * slice.block();
                let words = slice.setup_blocks() * pair / 4;
                stream.transfer(channel, number, &shim(self.setup_at(4 * column + 2 * half), words), WEIGHTS, 0, false)?;
                let mut d = shim((2 * column + half) * pair, pair / 4);
                d.iteration = Iteration { step: row as u32, wrap: tokens as u32, current: 0 };
                stream.transfer(channel, number + 1, &d, ACTIVATIONS, tokens as u8 - 1, false)?;
            }
        }
        for column in 0..4 {
            stream.wait(s2mm(tile(column, 0)?, 0)?);
        }
        let gate = (tokens - 1) * row + 4 * CORES * slice.length;
        Ok(TopRun { tokens, stream: stream.finish(), buffers: [self.setup_bytes(), 4 * gate, 16 * results] })
    }

    /// Predicts a run whose busiest slices have so many active neurons; the time of the command processor and of host memory are not in it.
    ///
    /// # Errors
    /// As [`TopKernel::run`].
    pub fn cost(&self, tokens: usize, active: usize) -> Result<Cost, NpuError> {
        let (slice, run) = (self.slice, self.run(tokens, self.threshold.neurons)?);
        let block = slice.block() / 4;
        // Bundles of the three loops over all lanes, and of those over active ones.
        let lanes = slice.lanes() * 7 / 32 + slice.lanes() * 2 / 16 + slice.lanes();
        let compute = TOKEN + lanes + GROUP_CYCLES * active.min(slice.room).div_ceil(GROUP);
        let results = CORES * slice.record();
        let later = compute.max(2 * block).max(results) * (tokens - 1);
        Ok(Cost {
            read: (run.buffers[0] + 16 * CORES * tokens * block) as u64,
            written: run.buffers[2] as u64,
            products: (self.threshold.neurons * tokens) as u64,
            cycles: (2 * block * (slice.setup_blocks() + 1) + block + later + compute + results + slice.record() + WAY) as u64,
        })
    }

    /// Where a pair of cores finds its setup.
    fn setup_at(&self, core: usize) -> usize {
        core / 2 * 2 * self.slice.setup_blocks() * self.slice.block()
    }

    fn setup_bytes(&self) -> usize {
        self.setup_at(4 * CORES)
    }

    /// The place of a byte of a core's setup: blocks of the two cores of a pair alternate.
    fn setup_place(&self, core: usize, byte: usize) -> usize {
        let block = self.slice.block();
        self.setup_at(core) + (byte / block * 2 + core % 2) * block + byte % block
    }

    /// The first argument: what [`Threshold::multipliers`] gives, laid out. The tokens' scales are still to come: [`TopKernel::scale`].
    ///
    /// # Errors
    /// For another number of multipliers than there are neurons, or one above 32,767.
    pub fn setup(&self, multipliers: &[u16]) -> Result<Vec<u8>, NpuError> {
        if multipliers.len() != self.threshold.neurons || multipliers.iter().any(|m| *m > fixed::MOST_MULTIPLIER) {
            let why = "multipliers are one a neuron, and at most 32767";
            return Err(NpuError::Scales { neurons: self.threshold.neurons, scales: multipliers.len(), why });
        }
        let mut out = vec![0; self.setup_bytes()];
        for (neuron, multiplier) in multipliers.iter().enumerate() {
            let at = self.setup_place(neuron / self.slice.length, 2 * (neuron % self.slice.length));
            out[at..at + 2].copy_from_slice(&multiplier.to_le_bytes());
        }
        Ok(out)
    }

    /// Puts a token's scale into the first argument; a token beyond the 64th has no place, and nothing is put.
    pub fn scale(&self, setup: &mut [u8], token: usize, scale: Scale) {
        let at = self.slice.scales_at() + 4 * token;
        for core in (0..4 * CORES).filter(|_| token < TOKENS) {
            let at = self.setup_place(core, at);
            if let Some(word) = setup.get_mut(at..at + 4) {
                word.copy_from_slice(&scale.word().to_le_bytes());
            }
        }
    }

    /// A token's active neurons in a run's records, or the number of those for which there was no room: then the host must find them,
    /// by [`Threshold::active`], which gives the same.
    ///
    /// # Errors
    /// That there was no room, and for records that end before the token's.
    pub fn active(&self, run: &TopRun, records: &[u8], token: usize) -> Result<Active, NpuError> {
        let (record, room) = (self.slice.record(), self.slice.room);
        let words = |core: usize| {
            let at = 4 * record * ((core / CORES * run.tokens + token) * CORES + core % CORES);
            records.get(at..at + 4 * record).filter(|_| token < run.tokens).map(|bytes| {
                let word = |n: usize| i32::from_le_bytes([bytes[4 * n], bytes[4 * n + 1], bytes[4 * n + 2], bytes[4 * n + 3]]);
                (0..record).map(word).collect::<Vec<_>>()
            })
        };
        let mut all = Active { cutoff: 0, neurons: Vec::new() };
        let mut active = 0;
        let mut fits = true;
        for core in 0..4 * CORES {
            let Some(words) = words(core) else { return Err(NpuError::Record { token, tokens: run.tokens, bytes: records.len() }) };
            let count = words[0] as usize;
            active += count;
            fits &= count <= room;
            let (numbers, values) = words[HEADER..].split_at(room);
            all.neurons.extend(numbers.iter().zip(values).take(count).map(|(n, v)| (*n as u32, *v)));
            all.cutoff = words[1];
        }
        if fits { Ok(all) } else { Err(NpuError::Full { token, active, room }) }
    }
}
