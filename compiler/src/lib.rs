//! The compiler as a library. The way of the data, one module a stage, no stage looks back:
//! `import` -> `graph` -> `passes` -> `lower` -> `schedule` -> the artifact.

pub mod driver;
pub mod error;
pub mod graph;
pub mod import;
pub mod listing;
pub mod lower;
pub mod partition;
pub mod passes;
pub mod schedule;
pub mod selftest;
pub mod sensitivity;
pub mod target;

pub use error::{Error, Result};
/// Lowering of GPU kernels, for the program that does it in a process of its own.
#[cfg(feature = "gpu")]
pub use unicorn_kernels_gpu::mlir as kernels;
/// The NPU's files, read and written.
pub use unicorn_kernels_xdna::container as npu;
/// An NPU that is not there.
pub use unicorn_kernels_xdna::emulator;
