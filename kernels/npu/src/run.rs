//! One run: the transfers that feed a kernel with a number of rows and take its results.

use unicorn_kernels_xdna::array::{Channel, Descriptor, Iteration, PlainShim, Stream, Tile};
use unicorn_kernels_xdna::container::txn::Txn;

use crate::NpuError;
use crate::array::{CORES, mm2s, s2mm, tile};
use crate::call::{Cut, ITERATIONS, QUEUE, Sharing};
use crate::core;
use crate::flow::dim;
use crate::layout::Statistics;

/// Argument buffer with the weights.
pub const WEIGHTS: u32 = 0;
/// Argument buffer with the activations.
pub const ACTIVATIONS: u32 = 1;
/// Argument buffer for the outputs.
pub const OUTPUTS: u32 = 2;

/// First descriptors of weights by shim channel; activations have those before. Results have the last ones,
/// down from [`RESULT_DESCRIPTORS`].
const ACTIVATION_DESCRIPTORS: [u8; 2] = [0, 3];
const WEIGHT_DESCRIPTORS: [u8; 2] = [6, 10];
/// The last descriptor of a shim.
pub(crate) const RESULT_DESCRIPTORS: u8 = 15;

/// An instruction stream with what its buffers hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Rows of weights.
    pub outputs: usize,
    /// Rows for which there is room: the distance from a token's results to the next token's, in words.
    pub row: usize,
    /// What the command processor does.
    pub stream: Txn,
    /// Bytes of the argument buffers: weights, activations, outputs.
    pub buffers: [usize; 3],
    /// Offset in the outputs of the statistics, in bytes, if the kernel makes them: for each column that had rows, each core, each token a record of
    /// [`Statistics::WORDS`] words.
    pub statistics: Option<usize>,
    /// Columns that have rows.
    pub columns: usize,
}

impl Run {
    /// The statistics of all tokens in a buffer of outputs, added up over the cores.
    #[must_use]
    pub fn statistics(&self, tokens: usize, outputs: &[u8]) -> Vec<Statistics> {
        let Some(at) = self.statistics else { return Vec::new() };
        let words: Vec<i32> = outputs[at..].as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect();
        let mut all = vec![Statistics::default(); tokens];
        for (n, record) in words.as_chunks::<{ Statistics::WORDS }>().0.iter().enumerate() {
            let one = Statistics::read(record);
            all[n % tokens].sum += one.sum;
            all[n % tokens].squares += one.squares;
        }
        all
    }
}

/// Most rows of a run: as many words as a descriptor's step can say from one token's results to the next token's.
pub(crate) const MOST: usize = 1 << 20;

/// Which part of a buffer the weights are: so a kernel works on columns of a matrix that is wider than its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Bytes from a row to the next, a multiple of 4.
    pub row: usize,
    /// Bytes before the first weight of the first row, a multiple of 4.
    pub begin: usize,
}

/// The run for `outputs` rows.
pub(crate) fn run(cut: &Cut, outputs: usize, window: Window) -> Result<Run, NpuError> {
    if !window.row.is_multiple_of(4) || !window.begin.is_multiple_of(4) {
        return Err(NpuError::Unsupported { shape: cut.shape, why: "rows of weights that begin at no multiple of 4 bytes" });
    }
    if outputs == 0 || outputs > MOST {
        return Err(NpuError::Rows { shape: cut.shape, outputs, most: MOST });
    }
    let steps = cut.steps(outputs);
    let columns = steps.iter().filter(|steps| **steps > 0).count();
    let (row, tokens) = (cut.outputs(outputs), cut.tokens());
    let values = 4 * row * tokens;
    let records = match cut.sharing {
        Sharing::Outputs => 4 * CORES * tokens * Statistics::WORDS,
        Sharing::Tokens { .. } => 0,
    };
    let mut stream = Stream::new();
    let mut tasks = Vec::new();
    let mut first = 0;
    for (column, steps) in steps.into_iter().enumerate().take(columns) {
        let part = Part { cut, column, first, steps, row, window };
        part.parameters(&mut stream)?;
        part.results(&mut stream, values + column * records)?;
        for half in 0..2 {
            let (mut all, weights) = (part.activations(half), part.weights(half));
            all.extend(weights);
            tasks.push((mm2s(tile(column, 0)?, half)?, all));
        }
        first += steps;
    }
    push(&mut stream, &tasks)?;
    for column in 0..columns {
        stream.wait(s2mm(tile(column, 0)?, 0)?);
    }
    Ok(Run {
        outputs,
        row,
        stream: stream.finish(),
        // Padding is read, too. What stands in a row's does not matter; rows of padding have results, which count in the statistics if they are not zero.
        buffers: [window.begin + (row - 1) * window.row + cut.row(), crate::layout::Activations::new(cut).bytes, values + columns * records],
        statistics: (records > 0).then_some(values),
        columns,
    })
}

/// A column's part of a run.
struct Part<'a> {
    cut: &'a Cut,
    column: usize,
    /// First step of its rows.
    first: usize,
    steps: usize,
    row: usize,
    window: Window,
}

/// A shim descriptor of `words` words from an offset in an argument buffer.
pub(crate) fn shim(offset: usize, words: usize) -> Descriptor {
    Descriptor { shim: PlainShim::KNOWN, ..Descriptor::linear(offset as u64, words as u32) }
}

impl Part<'_> {
    fn shim(&self) -> Result<Tile, NpuError> {
        tile(self.column, 0)
    }

    /// Tells the cores how many groups come.
    fn parameters(&self, stream: &mut Stream) -> Result<(), NpuError> {
        for core in 0..CORES {
            stream.write(tile(self.column, 2 + core)?.address(core::PARAMETERS), self.steps as u32);
        }
        Ok(())
    }

    /// Results: each core's group token by token, so that a token's results lie beside each other; then the statistics.
    fn results(&self, stream: &mut Stream, records: usize) -> Result<(), NpuError> {
        let cut = self.cut;
        let channel = s2mm(self.shim()?, 0)?;
        let values = self.first * cut.step() * 4;
        let count = self.steps * CORES * cut.group() * cut.core_tokens();
        let mut d = shim(values, count);
        let statistics = cut.sharing == Sharing::Outputs;
        if cut.tokens() > 1 {
            d.dims[0] = dim(1, cut.group());
            d.dims[1] = dim(self.row, cut.tokens());
            d.dims[2] = dim(cut.group(), 0);
        }
        stream.transfer(channel, RESULT_DESCRIPTORS - 1, &d, OUTPUTS, 0, !statistics)?;
        if statistics {
            let d = shim(records, CORES * cut.tokens() * Statistics::WORDS);
            stream.transfer(channel, RESULT_DESCRIPTORS, &d, OUTPUTS, 0, true)?;
        }
        Ok(())
    }

    fn activations(&self, half: usize) -> Vec<Task> {
        let (cut, first) = (self.cut, ACTIVATION_DESCRIPTORS[half]);
        let task = |number, descriptor, repeat| Task { number, descriptor, argument: ACTIVATIONS, repeat };
        match cut.sharing {
            // Two cores hang on a channel: each block goes out twice.
            Sharing::Outputs => {
                (0..cut.activation_blocks()).map(|block| task(first + block as u8, shim(block * cut.block(), cut.block() / 4), 1)).collect()
            }
            Sharing::Tokens { .. } => {
                let bytes = CORES * cut.activation_blocks() * cut.block();
                vec![task(first, shim(half * bytes, bytes / 4), 0)]
            }
        }
    }

    /// Weights: tasks of up to 64 steps; a step's blocks one after the other.
    fn weights(&self, half: usize) -> impl Iterator<Item = Task> {
        let (cut, window) = (self.cut, self.window);
        // Rows of a step on this channel, where they begin, and where in a row.
        let (rows, begin, inside) = match cut.sharing {
            Sharing::Outputs => (2 * cut.group(), 2 * cut.group() * half, 0),
            Sharing::Tokens { .. } => (cut.group(), 0, half * cut.channel_chunks() * cut.block_row()),
        };
        (0..self.steps).step_by(ITERATIONS).enumerate().map(move |(n, from)| {
            let steps = (self.steps - from).min(ITERATIONS);
            let at = window.begin + ((self.first + from) * cut.step() + begin) * window.row + inside;
            let mut d = shim(at, rows * cut.block_row() / 4 * cut.channel_chunks());
            d.dims[0] = dim(1, cut.block_row() / 4);
            d.dims[1] = dim(window.row / 4, rows);
            d.dims[2] = dim(cut.block_row() / 4, 0);
            d.iteration = Iteration { step: (cut.step() * window.row / 4) as u32, wrap: steps as u32, current: 0 };
            let number = WEIGHT_DESCRIPTORS[half] + (n % QUEUE) as u8;
            Task { number, descriptor: d, argument: WEIGHTS, repeat: steps as u8 - 1 }
        })
    }
}

/// A task of a shim channel that reads.
struct Task {
    number: u8,
    descriptor: Descriptor,
    argument: u32,
    repeat: u8,
}

/// Puts the tasks of all channels into their queues, channel by channel in turn. What a queue has no room for waits until the task four places before is
/// done; only such tasks give tokens, so none are left over.
fn push(stream: &mut Stream, channels: &[(Channel, Vec<Task>)]) -> Result<(), NpuError> {
    let turns = channels.iter().map(|(_, tasks)| tasks.len()).max().unwrap_or(0);
    for turn in 0..turns {
        for (channel, tasks) in channels {
            let Some(task) = tasks.get(turn) else { continue };
            if turn >= QUEUE {
                stream.wait(*channel);
            }
            let token = turn + QUEUE < tasks.len();
            stream.transfer(*channel, task.number, &task.descriptor, task.argument, task.repeat, token)?;
        }
    }
    Ok(())
}
