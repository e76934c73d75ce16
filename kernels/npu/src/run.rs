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

/// Most rows of a run: each column's channel takes up 64 steps a task, and there is room for four tasks.
pub(crate) fn most(cut: &Cut) -> usize {
    let tasks = match cut.sharing {
        Sharing::Outputs => QUEUE - cut.activation_blocks(),
        Sharing::Tokens { .. } => QUEUE - 1,
    };
    4 * tasks * ITERATIONS * cut.step()
}

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
    if outputs == 0 || outputs > most(cut) {
        return Err(NpuError::Rows { shape: cut.shape, outputs, most: most(cut) });
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
    let mut first = 0;
    for (column, steps) in steps.into_iter().enumerate().take(columns) {
        let part = Part { cut, column, first, steps, row, window };
        part.parameters(&mut stream)?;
        part.results(&mut stream, values + column * records)?;
        for channel in 0..2 {
            part.activations(&mut stream, channel)?;
            part.weights(&mut stream, channel)?;
        }
        first += steps;
    }
    for column in 0..columns {
        stream.wait(s2mm(tile(column, 0)?, 0)?);
    }
    Ok(Run {
        outputs,
        row,
        stream: stream.finish(),
        // Padding rows, and a last row's padding, are read, too: what stands there does not matter.
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

    fn channel(&self, channel: usize) -> Result<Channel, NpuError> {
        mm2s(self.shim()?, channel)
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

    fn activations(&self, stream: &mut Stream, half: usize) -> Result<(), NpuError> {
        let (cut, channel, first) = (self.cut, self.channel(half)?, ACTIVATION_DESCRIPTORS[half]);
        match cut.sharing {
            // Two cores hang on a channel: each block goes out twice.
            Sharing::Outputs => {
                for block in 0..cut.activation_blocks() {
                    let d = shim(block * cut.block(), cut.block() / 4);
                    stream.transfer(channel, first + block as u8, &d, ACTIVATIONS, 1, false)?;
                }
            }
            Sharing::Tokens { .. } => {
                let bytes = CORES * cut.activation_blocks() * cut.block();
                stream.transfer(channel, first, &shim(half * bytes, bytes / 4), ACTIVATIONS, 0, false)?;
            }
        }
        Ok(())
    }

    /// Weights: tasks of up to 64 steps; a step's blocks one after the other.
    fn weights(&self, stream: &mut Stream, half: usize) -> Result<(), NpuError> {
        let (cut, channel) = (self.cut, self.channel(half)?);
        // Rows of a step on this channel, where they begin, and where in a row.
        let (rows, begin, inside) = match cut.sharing {
            Sharing::Outputs => (2 * cut.group(), 2 * cut.group() * half, 0),
            Sharing::Tokens { .. } => (cut.group(), 0, half * cut.channel_chunks() * cut.block_row()),
        };
        for (task, from) in (0..self.steps).step_by(ITERATIONS).enumerate() {
            let steps = (self.steps - from).min(ITERATIONS);
            let at = self.window.begin + ((self.first + from) * cut.step() + begin) * self.window.row + inside;
            let mut d = shim(at, rows * cut.block_row() / 4 * cut.channel_chunks());
            d.dims[0] = dim(1, cut.block_row() / 4);
            d.dims[1] = dim(self.window.row / 4, rows);
            d.dims[2] = dim(cut.block_row() / 4, 0);
            d.iteration = Iteration { step: (cut.step() * self.window.row / 4) as u32, wrap: steps as u32, current: 0 };
            stream.transfer(channel, WEIGHT_DESCRIPTORS[half] + task as u8, &d, WEIGHTS, steps as u8 - 1, false)?;
        }
        Ok(())
    }
}
