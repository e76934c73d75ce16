//! NPU kernels: a call becomes core programs, an array design, a container and instruction streams. None of them has run on silicon.
//!
//! A [`Kernel`] multiplies a matrix of weights by up to 96 tokens, exactly: int8 or int4 weights, int8 activations, int32 results.
//! It is made for a length of rows and a number of tokens; its container serves any number of rows, and [`Kernel::run`] gives the instruction
//! stream for one. So the same container multiplies a whole matrix, or the active rows that the host has gathered. A [`SumKernel`] goes the other way: it
//! adds up gathered rows, each times an activation. Between them stand a [`TopKernel`], which finds the active neurons of a sparse layer, and a
//! [`ProductKernel`], which makes the activations of the way back.

mod array;
mod call;
mod core;
mod cost;
mod cutoff;
mod dot;
mod exchange;
mod fixed;
mod flow;
mod inner;
mod kernel;
mod lanes;
mod layout;
mod product;
mod run;
mod scan;
mod sum;
mod topk;
mod write;

pub use call::{Cut, Shape, Sharing, Weights};
pub use cost::{Cost, cost};
pub use fixed::{Active, Quantised, Scale, Threshold, product, scaled};
pub use kernel::Kernel;
pub use layout::{Activations, Statistics, pack_weights};
pub use product::{ProductKernel, ProductRun};
pub use run::{ACTIVATIONS, OUTPUTS, Run, WEIGHTS, Window};
pub use sum::{SumKernel, SumShape};
pub use topk::{TopKernel, TopRun};

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
    /// A threshold that there is none of.
    #[error("no threshold for {neurons} neurons at {deviations} deviations: {why}")]
    Threshold {
        /// The neurons.
        neurons: usize,
        /// The deviations.
        deviations: f64,
        /// What does not fit.
        why: &'static str,
    },
    /// Scales that make no multipliers.
    #[error("{scales} scales for {neurons} neurons: {why}")]
    Scales {
        /// The neurons.
        neurons: usize,
        /// The scales given.
        scales: usize,
        /// What is wrong with them.
        why: &'static str,
    },
    /// A token's scale that is none.
    #[error("a unit of gate results of {real}: it must be above 0 and below 4")]
    Scale {
        /// The factor given.
        real: f64,
    },
    /// A record's room for active neurons.
    #[error("room for {room} active neurons of a core is not between 1 and {most}")]
    Room {
        /// The room asked for.
        room: usize,
        /// The most.
        most: usize,
    },
    /// Tokens that one run cannot take.
    #[error("{tokens} tokens {row} words apart: a run takes 1 to 64, at least {neurons} and at most 2^20 words apart")]
    Tokens {
        /// The tokens asked for.
        tokens: usize,
        /// Words from a token to the next.
        row: usize,
        /// Neurons of a token.
        neurons: usize,
    },
    /// Records that have no such token.
    #[error("{bytes} bytes of records have no token {token} of {tokens}")]
    Record {
        /// The token asked for.
        token: usize,
        /// Tokens of the run.
        tokens: usize,
        /// Bytes given.
        bytes: usize,
    },
    /// Products that one run cannot make, or that do not go with it.
    #[error("products of {neurons} active neurons: {why}")]
    Products {
        /// The active neurons.
        neurons: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A token with too many active neurons in a core's slice: the host must find them itself.
    #[error("token {token} has {active} active neurons, more than {room} of them in one core's slice: find them on the host")]
    Full {
        /// The token.
        token: usize,
        /// Its active neurons.
        active: usize,
        /// Those of a slice for which there is room.
        room: usize,
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
