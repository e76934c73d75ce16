//! The runtime as a library: no graph, no compiler, and nothing allocated per step.
//! `load` -> `step` (rows) -> `generate` (tokens) -> `sample`, `tokens` -> the command line and `serve`.

pub mod error;
pub mod generate;
pub mod hal;
pub mod load;
pub mod sample;
pub mod selftest;
#[cfg(feature = "serve")]
pub mod serve;
pub mod step;
pub mod tokens;

pub use error::{Error, Result};
