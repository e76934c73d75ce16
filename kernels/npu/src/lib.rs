//! NPU kernels: a call becomes core programs, an array design, a container and instruction streams. None of them has run on silicon.
//!
//! A [`Kernel`] multiplies a matrix of weights by up to 96 tokens, exactly: int8 or int4 weights, int8 activations, int32 results.
//! It is made for a length of rows and a number of tokens; its container serves any number of rows, and [`Kernel::run`] gives the instruction
//! stream for one. So the same container multiplies a whole matrix, or the active rows that the host has gathered. A [`SumKernel`] goes the other way: it
//! adds up gathered rows, each times an activation.

mod array;
mod call;
mod core;
mod cost;
mod dot;
mod flow;
mod inner;
mod kernel;
mod layout;
mod run;
mod sum;
mod write;

pub use call::{Cut, Shape, Sharing, Weights};
pub use cost::{Cost, cost};
pub use kernel::Kernel;
pub use layout::{Activations, Statistics, pack_weights};
pub use run::{ACTIVATIONS, OUTPUTS, Run, WEIGHTS, Window};
pub use sum::{SumKernel, SumShape};

use unicorn_kernels_xdna::array::ArrayError;
use unicorn_kernels_xdna::container;
use unicorn_kernels_xdna::isa::AssemblyError;
use unicorn_kernels_xdna::isa::schedule::ScheduleError;

/// Why there is no kernel for a call.
#[derive(Debug, thiserror::Error)]
pub enum NpuError {
    /// A shape that the kernels here do not fit: another device must do it.
    #[error("no NPU kernel for {shape:?}: {why}")]
    Unsupported {
        /// The shape.
        shape: Shape,
        /// What does not fit.
        why: &'static str,
    },
    /// A shape of sums that the kernels here do not fit: another device must do it.
    #[error("no NPU kernel for {shape:?}: {why}")]
    Sum {
        /// The shape.
        shape: SumShape,
        /// What does not fit.
        why: &'static str,
    },
    /// Rows that one run of sums cannot take: they must be cut into several.
    #[error("{rows} rows are not between 1 and {most}, the most for {shape:?}: cut them into several runs and add their results")]
    SumRows {
        /// The shape.
        shape: SumShape,
        /// The rows asked for.
        rows: usize,
        /// The most.
        most: usize,
    },
    /// Rows that one run cannot take: they must be cut into several.
    #[error("{outputs} rows are not between 1 and {most}, the most for {shape:?}: cut them into several runs")]
    Rows {
        /// The shape.
        shape: Shape,
        /// The rows asked for.
        outputs: usize,
        /// The most.
        most: usize,
    },
    /// A design that the array cannot hold: a fault of a kernel here.
    #[error("design: {0}")]
    Array(#[from] ArrayError),
    /// A program that cannot be: a fault of a kernel here.
    #[error("core program: {0}")]
    Assembly(#[from] AssemblyError),
    /// Code that cannot be scheduled: a fault of a kernel here.
    #[error("core program: {0}")]
    Schedule(#[from] ScheduleError),
    /// A loop that is shorter than its own pipeline: a fault of a kernel here.
    #[error("core program: loop {name} has {passes} passes, and {stages} of them overlap")]
    Passes {
        /// Its label.
        name: String,
        /// Its passes.
        passes: usize,
        /// Passes under way at once.
        stages: usize,
    },
    /// An instruction's text that is none: a fault of a kernel here.
    #[error("core program: {0}")]
    Text(#[from] unicorn_kernels_xdna::isa::TextError),
    /// A container that cannot be written.
    #[error("container: {0}")]
    Container(#[from] container::Error),
}
