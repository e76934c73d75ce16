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

/// Cycles of a block beside its products: lock, loop set-up, filling and emptying the pipeline, jump.
const BLOCK: usize = 70;
/// Cycles until the first block is through the memory tile, and the last results are back.
const WAY: usize = 250;

/// Predicts a run over `outputs` rows; the time of the command processor and of host memory are not in it.
///
/// # Errors
/// For what [`crate::Kernel::new`] and [`crate::Kernel::run`] refuse.
pub fn cost(shape: Shape, outputs: usize) -> Result<Cost, NpuError> {
    let cut = Cut::new(shape)?;
    let run = run::run(&cut, outputs)?;
    let steps = cut.steps(outputs)[0];
    let (copies, cores) = match cut.sharing {
        Sharing::Outputs => (2, 2),
        Sharing::Tokens { .. } => (4, 1),
    };
    // Blocks on the busiest shim channel, and those that one core works on.
    let first = copies * cut.activation_blocks();
    let streamed = first + cores * steps * cut.channel_chunks();
    let worked = steps * cut.chunks;
    let transfer = streamed * cut.block() / 4;
    let compute = first * cut.block() / 4 + worked * (cut.chunk / 8 * 4 * cut.panels() + BLOCK);
    let results = steps * 4 * 16 * cut.core_tokens();
    // A core has its last block when the stream ends, and has still to work on it.
    let tail = cut.chunk / 8 * 4 * cut.panels() + 2 * cut.block() / 4;
    let weights: usize = cut.outputs(outputs) * cut.row();
    Ok(Cost {
        read: (weights + 2 * run.columns * first * cut.block()) as u64,
        written: run.buffers[2] as u64,
        products: (outputs * shape.inputs * shape.tokens) as u64,
        cycles: (transfer.max(compute).max(results) + tail + WAY) as u64,
    })
}
