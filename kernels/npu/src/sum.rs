//! Rows of weights added up, each times an activation: the way back of a sparse layer, whose rows the host has gathered neuron by neuron.
//!
//! Every core keeps the sums of columns of its own. Rows are cut into blocks of 64; a block's columns are dealt out to two cores a channel, 8 rows by 8
//! columns in turn, which are the multiplier's second operand as they lie. Columns beyond 1024 take another sweep over the rows.

use unicorn_kernels_xdna::array::{Design, Iteration, Stream};
use unicorn_kernels_xdna::container::xclbin::Xclbin;
use unicorn_kernels_xdna::isa::Assembled;

use crate::array::{self, CORES, mm2s, s2mm, tile};
use crate::call::{ITERATIONS, QUEUE, Weights};
use crate::core::{self, OWN, PARAMETERS};
use crate::flow::{Flow, dim};
use crate::layout::{Activations, pack_rows};
use crate::run::{self, ACTIVATIONS, OUTPUTS, Run, WEIGHTS, shim};
use crate::write::Writer;
use crate::{Cost, NpuError, inner, kernel};

/// Rows of a block.
const ROWS: usize = 64;
/// Tokens of a tile of activations.
const TOKENS: usize = 4;
/// Columns of a tile.
const COLUMNS: usize = 8;
/// Bytes of data memory for activations.
const ROOM: usize = 0x8000;

/// What is added up: `outputs[column] = sum of activations[row] * weights[row][column]`; int8 activations, int32 results, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SumShape {
    /// How weights are stored.
    pub weights: Weights,
    /// Length of a row.
    pub outputs: usize,
    /// Tokens, 1 to 4.
    pub tokens: usize,
}

/// A kernel for any number of rows; its container serves all of them.
#[derive(Clone, Debug)]
pub struct SumKernel {
    /// The shape.
    pub shape: SumShape,
    /// What configuration makes of the array.
    pub design: Design,
    cut: Cut,
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    shape: SumShape,
    /// Times that the rows are gone through.
    sweeps: usize,
    /// Tiles of columns that a core adds up at once.
    tiles: usize,
}

impl SumKernel {
    /// The kernel for a shape.
    ///
    /// # Errors
    /// For shapes that do not fit; see [`NpuError::Sum`].
    pub fn new(shape: SumShape) -> Result<Self, NpuError> {
        let cut = Cut::new(shape)?;
        let programs = array::programs(|_| cut.program())?;
        Ok(Self { shape, design: array::design(&cut.flow(), &programs)?, cut })
    }

    /// The container.
    ///
    /// # Errors
    /// For containers that cannot be written: a fault here.
    pub fn container(&self) -> Result<Xclbin, NpuError> {
        kernel::container(&self.design)
    }

    /// The instruction stream for a number of rows; activations of padding rows must be zero, what weights stand there does not matter.
    ///
    /// # Errors
    /// For no rows, or more than one run can take.
    pub fn run(&self, rows: usize) -> Result<Run, NpuError> {
        self.cut.run(rows)
    }

    /// Most rows of a run.
    #[must_use]
    pub fn most_rows(&self) -> usize {
        self.cut.most()
    }

    /// Where the activations of `rows` rows lie in their buffer.
    #[must_use]
    pub fn activations(&self, rows: usize) -> Activations {
        self.cut.activations(rows)
    }

    /// Weights as the kernel reads them, `values[row * outputs + column]`: row by row, padded with zeros to [`SumKernel::row`] bytes. Rows of int8 that
    /// need no padding are their own packing.
    #[must_use]
    pub fn pack_weights(&self, values: &[i8]) -> Vec<u8> {
        let rows = (values.len() / self.shape.outputs).next_multiple_of(ROWS);
        pack_rows(self.shape.weights, values, self.shape.outputs, rows, self.row())
    }

    /// Bytes from a row of weights to the next.
    #[must_use]
    pub fn row(&self) -> usize {
        self.cut.row()
    }

    /// Predicts a run; the time of the command processor and of host memory are not in it.
    ///
    /// # Errors
    /// As [`SumKernel::run`].
    pub fn cost(&self, rows: usize) -> Result<Cost, NpuError> {
        let (cut, run) = (&self.cut, self.run(rows)?);
        let (first, blocks) = (2 * cut.activation_blocks(rows), rows.div_ceil(ROWS));
        let words = cut.block() / 4;
        let block = ROWS / 8 * inner::sums_bundles(cut.shape.weights, cut.tiles) + 50;
        let results = CORES * cut.flow().results;
        let transfer = cut.sweeps * 2 * blocks * words;
        let compute = cut.sweeps * (blocks * block + 4 * cut.tiles + 40);
        Ok(Cost {
            read: (cut.row() * blocks * ROWS + 8 * first * cut.block()) as u64,
            written: run.buffers[2] as u64,
            products: (rows * cut.shape.outputs * cut.shape.tokens) as u64,
            cycles: (first * words + transfer.max(compute) + words + block + results + 150) as u64,
        })
    }
}

impl Cut {
    fn new(shape: SumShape) -> Result<Self, NpuError> {
        let unsupported = |why| Err(NpuError::Sum { shape, why });
        if shape.tokens == 0 || shape.tokens > TOKENS {
            return unsupported("tokens are 1 to 4");
        }
        // Eight accumulators a core.
        let sweeps = shape.outputs.div_ceil(16 * 8 * COLUMNS);
        if shape.outputs == 0 || sweeps >= QUEUE {
            return unsupported("rows have 1 to 3072 columns");
        }
        Ok(Self { shape, sweeps, tiles: shape.outputs.div_ceil(16 * sweeps * COLUMNS) })
    }

    /// Columns of a core in a sweep.
    const fn columns(&self) -> usize {
        self.tiles * COLUMNS
    }

    /// Outputs with padding.
    const fn outputs(&self) -> usize {
        16 * self.columns() * self.sweeps
    }

    /// Bytes of a row of weights.
    const fn row(&self) -> usize {
        self.shape.weights.bytes(self.outputs())
    }

    /// Bytes of a row in a block.
    const fn segment(&self) -> usize {
        self.shape.weights.bytes(self.columns())
    }

    const fn block(&self) -> usize {
        ROWS * self.segment()
    }

    /// Blocks that carry the activations of so many rows.
    const fn activation_blocks(&self, rows: usize) -> usize {
        (rows.next_multiple_of(ROWS) * TOKENS).div_ceil(self.block())
    }

    /// Rows bounded by the queue of a channel, the core's memory, and the runs of a task.
    fn most(&self) -> usize {
        let queue = (QUEUE - self.sweeps) * self.block() / TOKENS;
        let room = ROOM / self.block() * self.block() / TOKENS;
        queue.min(room).min(ITERATIONS * ROWS)
    }

    fn flow(&self) -> Flow {
        let (row, tiles) = (self.segment() / 4, self.tiles);
        Flow {
            broadcast: false,
            block: self.block(),
            // 8 columns of 8 rows in turn, tile beside tile.
            deal: match self.shape.weights {
                Weights::Int8 => [dim(1, 2), dim(row, 8), dim(2, tiles), dim(8 * row, 0)],
                Weights::Int4 => [dim(row, 8), dim(1, tiles), dim(8 * row, ROWS / 8), dim(1, 0)],
            },
            room: ROOM,
            results: self.shape.tokens * self.columns(),
            // An accumulator holds 4 tokens by 8 columns; results leave token by token.
            walk: [dim(1, COLUMNS), dim(TOKENS * COLUMNS, tiles), dim(COLUMNS, 0), dim(1, 0)],
            buffer: 4 * TOKENS * self.columns(),
        }
    }

    /// The program of every core. Its parameters are the number of blocks of rows and that of blocks of activations.
    fn program(&self) -> Result<Assembled, NpuError> {
        let flow = self.flow();
        let body = inner::sums(self.shape.weights, self.tiles)?;
        let mut w = Writer::default();
        core::start(&mut w, &flow)?;
        // The parameters are written before anything is sent.
        core::await_block(&mut w, 0)?;
        w.ops(&format!("movxm p3, #{OWN}\nlda r5, [p4, #4]\nlda r4, [p4, #0]\nmova r6, #{}", self.sweeps))?.label("activations")?;
        core::take_block(&mut w, 0)?;
        core::copy_block(&mut w, &flow, 0, "p3")?;
        core::give_block(&mut w, 0)?;
        w.op("add r5, r5, #-1")?.jump("jnz r5, activations")?.label("sweep")?;
        (0..self.tiles).try_for_each(|tile| w.op(&format!("vclr cm{tile}")).map(|_| ()))?;
        w.ops(&format!("movxm p0, #{OWN}\nmov r5, r4"))?.label("blocks")?;
        core::take_block(&mut w, 0)?;
        w.looped("sums", 1, ROWS / 8, &body, inner::sums_bundles(self.shape.weights, self.tiles))?;
        core::give_block(&mut w, 0)?;
        w.op("add r5, r5, #-1")?.jump("jnz r5, blocks")?;
        core::take_results(&mut w)?;
        core::store(&mut w, self.tiles)?;
        core::give_results(&mut w)?;
        w.op("add r6, r6, #-1")?.jump("jnz r6, sweep")?.jump("j call")?;
        w.assemble()
    }

    /// Tiles of 4 tokens by 8 rows one after the other, in blocks that lie as the memory tiles' dealing wants them.
    fn activations(&self, rows: usize) -> Activations {
        let flow = self.flow();
        let place = |token: usize, row: usize| {
            let at = row / 8 * 8 * TOKENS + token * 8 + row % 8;
            (at / flow.block * flow.block + flow.dealt(at % flow.block)) as u32
        };
        Activations {
            tokens: (0..self.shape.tokens).map(|token| place(token, 0)).collect(),
            inputs: (0..rows).map(|row| place(0, row)).collect(),
            bytes: self.activation_blocks(rows) * flow.block,
        }
    }

    fn run(&self, rows: usize) -> Result<Run, NpuError> {
        if rows == 0 || rows > self.most() {
            return Err(NpuError::SumRows { shape: self.shape, rows, most: self.most() });
        }
        let mut stream = Stream::new();
        for column in 0..4 {
            self.column(&mut stream, column, rows)?;
        }
        for column in 0..4 {
            stream.wait(s2mm(tile(column, 0)?, 0)?);
        }
        let padded = rows.next_multiple_of(ROWS);
        Ok(Run {
            outputs: self.shape.outputs,
            row: self.outputs(),
            stream: stream.finish(),
            buffers: [padded * self.row(), self.activations(rows).bytes, 4 * self.outputs() * self.shape.tokens],
            statistics: None,
            columns: 4,
        })
    }

    fn column(&self, stream: &mut Stream, column: usize, rows: usize) -> Result<(), NpuError> {
        let (memory, blocks, loads) = (tile(column, 0)?, rows.div_ceil(ROWS), self.activation_blocks(rows));
        for core in 0..CORES {
            let at = tile(column, 2 + core)?.address(PARAMETERS);
            stream.write(at, blocks as u32).write(at + 4, loads as u32);
        }
        let out = s2mm(memory, 0)?;
        // First column of a sweep that this column of the array adds up.
        let first = |sweep: usize| 4 * self.columns() * (4 * sweep + column);
        for sweep in 0..self.sweeps {
            let mut d = shim(4 * first(sweep), 4 * self.shape.tokens * self.columns());
            if self.shape.tokens > 1 {
                d.dims = [dim(1, self.columns()), dim(self.outputs(), self.shape.tokens), dim(self.columns(), 0), dim(1, 0)];
            }
            stream.transfer(out, run::RESULT_DESCRIPTORS - sweep as u8, &d, OUTPUTS, 0, sweep + 1 == self.sweeps)?;
        }
        for half in 0..2 {
            let (channel, number) = (mm2s(memory, half)?, 6 * half as u8);
            // Two cores hang on a channel: activations go out twice, and every block has columns for both.
            for load in 0..loads {
                stream.transfer(channel, number + load as u8, &shim(load * self.block(), self.block() / 4), ACTIVATIONS, 1, false)?;
            }
            let segment = self.segment() / 4;
            for sweep in 0..self.sweeps {
                let at = self.shape.weights.bytes(first(sweep) + 2 * half * self.columns());
                let mut d = shim(at, 2 * self.block() / 4);
                d.dims = [dim(1, segment), dim(self.row() / 4, ROWS), dim(segment, 0), dim(1, 0)];
                d.iteration = Iteration { step: (ROWS * self.row() / 4) as u32, wrap: blocks as u32, current: 0 };
                stream.transfer(channel, number + (loads + sweep) as u8, &d, WEIGHTS, blocks as u8 - 1, false)?;
            }
        }
        Ok(())
    }
}
