//! Loop bodies: what the vector units do in the middle of a kernel.
//!
//! The multiplier takes a first operand of 4 rows by 8 inputs (32 bytes, the lower half of a vector register) and a second one of 8 inputs by 8 columns
//! (64 bytes), both row by row, and adds 4 by 8 products to the 32-bit lanes of an accumulator. Weights are the first operand, so that rows of weights
//! stay rows: a memory tile's DMA deals out 8 inputs of 16 rows in turn. Activations are the second, 8 tokens beside each other.
//!
//! Sources: Xilinx/mlir-aie, test/Conversion/AIEVecToLLVM/matmul.mlir, has a product of `vector<4x8xsi8>` and `vector<8x8xsi8>` as that instruction with
//! configuration 0x308, both operands flattened row by row, the first one in the lower 256 bits; the geometry table of FIM43-Redeye/xdna-emu says the same.

use unicorn_kernels_xdna::isa::Draft;

use crate::NpuError;
use crate::call::{Sharing, Weights};
use crate::write::draft;

/// The multiplier's configuration: signed int8 by signed int8, 4 x 8 x 8, 32-bit accumulators.
pub(crate) const INT8_4X8X8: u32 = 0x308;

/// Memory regions with a bank: activations begin in bank 0 and never reach the bank of the weights, which is all that matters.
const ACTIVATIONS: (u32, u8) = (0, 0);
const WEIGHTS: (u32, u8) = (1, 3);
/// Regions of sums and squares, and of results.
const MOMENTS: (u32, u8) = (2, 3);
const RESULTS: (u32, u8) = (3, 3);

pub(crate) fn memory(text: &str, (region, bank): (u32, u8)) -> Result<Draft, NpuError> {
    Ok(draft(text)?.in_region(region).in_bank(bank))
}

/// A loop body and what it makes of a pass.
pub(crate) struct Body {
    /// Instructions.
    pub drafts: Vec<Draft>,
    /// Inputs that a pass takes up.
    pub inputs: usize,
    /// Multiplications of a pass: it takes as many bundles at least.
    pub products: usize,
}

/// Adds the products of a group of rows of weights at `p1` with panels of activations at one pointer, or at one each.
///
/// The accumulator of row tile `t` and panel `p` is `cm(tiles * p + t)`. Configuration in r0; m0 holds 32.
pub(crate) fn products(weights: Weights, sharing: Sharing, pointers: &[&str]) -> Result<Body, NpuError> {
    let panels = sharing.panels();
    let tiles = sharing.group() / 4;
    // One panel leaves too little time between a register's two halves and its four readers; two sets of registers make it.
    let sets = if panels == 1 { 2 } else { 1 };
    let mut drafts = Vec::new();
    for set in 0..sets {
        for panel in 0..panels {
            let x = set * panels + panel;
            let pointer = pointers[panel % pointers.len()];
            drafts.push(memory(&format!("vlda wl{x}, [{pointer}], #32"), ACTIVATIONS)?);
            drafts.push(memory(&format!("vlda wh{x}, [{pointer}], #32"), ACTIVATIONS)?);
        }
        let tile = panels.max(2) + tiles * set;
        match weights {
            Weights::Int8 => {
                for t in tile..tile + tiles {
                    drafts.push(memory(&format!("vldb wl{t}, [p1], #32"), WEIGHTS)?);
                }
            }
            Weights::Int4 => {
                // Two row tiles from one load; the multiplier reads the lower half only, so the upper one moves.
                for t in (tile..tile + tiles).step_by(2) {
                    drafts.push(memory(&format!("vldb.unpack.s8.s4 x{t}, [p1], m0"), WEIGHTS)?);
                    drafts.push(draft(&format!("vmov wl{}, wh{t}", t + 1))?);
                }
            }
        }
        for panel in 0..panels {
            for t in 0..tiles {
                let accumulator = tiles * panel + t;
                drafts.push(draft(&format!("vmac cm{accumulator}, cm{accumulator}, x{}, x{}, r0", tile + t, set * panels + panel))?);
            }
        }
    }
    Ok(Body { drafts, inputs: 8 * sets, products: tiles * panels * sets })
}

/// Adds 8 rows of weights at `p1`, `tiles` tiles of 8 columns, each row times its activation at `p0`.
///
/// The accumulator of tile `t` is `cm(t)`: 4 tokens by 8 columns. Configuration in r0; m0 holds 32.
pub(crate) fn sums(weights: Weights, tiles: usize) -> Result<Vec<Draft>, NpuError> {
    let mut drafts = vec![memory("vlda wl0, [p0], #32", ACTIVATIONS)?];
    for t in 0..tiles {
        let x = 1 + t;
        match weights {
            Weights::Int8 => {
                drafts.push(memory(&format!("vldb wl{x}, [p1], #32"), WEIGHTS)?);
                drafts.push(memory(&format!("vldb wh{x}, [p1], #32"), WEIGHTS)?);
            }
            Weights::Int4 => drafts.push(memory(&format!("vldb.unpack.s8.s4 x{x}, [p1], m0"), WEIGHTS)?),
        }
        drafts.push(draft(&format!("vmac cm{t}, cm{t}, x0, x{x}, r0"))?);
    }
    Ok(drafts)
}

/// Bundles that a pass of [`sums`] takes at least: its loads share a port, and an accumulator takes every second bundle.
pub(crate) const fn sums_bundles(weights: Weights, tiles: usize) -> usize {
    let loads = match weights {
        Weights::Int8 => 2 * tiles,
        Weights::Int4 => tiles,
    };
    if loads < 2 { 2 } else { loads }
}

/// Copies 32 bytes from `p1` to a pointer.
pub(crate) fn copy(to: &str) -> Result<Vec<Draft>, NpuError> {
    Ok(vec![memory("vldb wl0, [p1], #32", WEIGHTS)?, memory(&format!("vst wl0, [{to}], #32"), ACTIVATIONS)?])
}

/// Copies sums and squares from `p5` to the results at `p2`.
pub(crate) fn moments_out() -> Result<Vec<Draft>, NpuError> {
    let mut drafts = Vec::new();
    for _ in 0..2 {
        for n in 0..8 {
            drafts.push(memory(&format!("vlda wl{n}, [p5], #32"), MOMENTS)?);
        }
        for n in 0..8 {
            drafts.push(memory(&format!("vst wl{n}, [p2], #32"), RESULTS)?);
        }
    }
    Ok(drafts)
}

/// Takes a result `v` from `p5`, 32 bytes from one to the next, and adds up `v` in r16, and with `v = h * 2^14 + l` the squares of `l` in r17, `h * l` in r18
/// and the squares of `h` in r19. r14 holds -14, r15 holds 2^14 - 1.
pub(crate) fn moments() -> Result<Vec<Draft>, NpuError> {
    [
        "lda r20, [p5], #32",
        "ashl r21, r20, r14",
        "and r22, r20, r15",
        "mul r23, r22, r22",
        "mul r24, r21, r22",
        "mul r25, r21, r21",
        "add r16, r16, r20",
        "add r17, r17, r23",
        "add r18, r18, r24",
        "add r19, r19, r25",
    ]
    .into_iter()
    .map(draft)
    .collect()
}
