//! What a run costs, before it is run.

use crate::call::{Cut, Shape, Sharing};
use crate::{NpuError, run};

/// Predicted cost of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Bytes read from host memory.
    pub read: u64,
    /// Bytes written to host memory.
    pub written: u64,
    /// Multiplications asked for, without padding.
    pub products: u64,
    /// Array cycles.
    pub cycles: u64,
}

/// Cycles of a block beside its products: locks, loop set-up, filling and emptying the pipeline, jump.
const BLOCK: usize = 50;
/// Cycles of a group beside its blocks: clearing and storing accumulators, locks, jump.
const GROUP: usize = 40;
/// Cycles for sum and sum of squares of a group, for one token.
const MOMENTS: usize = 226;
/// Cycles through switches and locks, there and back.
pub(crate) const WAY: usize = 150;

/// Predicts a run over `outputs` rows; the time of the command processor and of host memory are not in it.
///
/// # Errors
/// For what [`crate::Kernel::new`] and [`crate::Kernel::run`] refuse.
pub fn cost(shape: Shape, outputs: usize) -> Result<Cost, NpuError> {
    let cut = Cut::new(shape)?;
    let run = run::run(&cut, outputs, run::Window { row: cut.row(), begin: 0 })?;
    let steps = cut.steps(outputs)[0];
    let (copies, cores, moments) = match cut.sharing {
        Sharing::Outputs => (2, 2, MOMENTS * cut.tokens()),
        Sharing::Tokens { .. } => (4, 1, 0),
    };
    // All numbers are those of the busiest column. Activations come first, and nothing else can be done meanwhile.
    let first = copies * cut.activation_blocks();
    let accumulators = cut.accumulators();
    let block = cut.chunk / 8 * accumulators + BLOCK;
    let group = 4 * accumulators + GROUP + moments;
    let results = 4 * cut.group() * cut.core_tokens();
    let transfer = cores * steps * cut.channel_chunks() * cut.block() / 4;
    let compute = steps * (cut.chunks * block + group);
    // The last block has yet to come from the memory tile and to be worked on when the shim has read it.
    let tail = cut.block() / 4 + block + group + results + WAY;
    let cycles = first * cut.block() / 4 + transfer.max(compute).max(steps * results) + tail;
    let weights: usize = cut.outputs(outputs) * cut.row();
    Ok(Cost {
        read: (weights + 2 * run.columns * first * cut.block()) as u64,
        written: run.buffers[2] as u64,
        products: (outputs * shape.inputs * shape.tokens) as u64,
        cycles: cycles as u64,
    })
}
