//! What compiler and runtime both read and nobody else writes: weight formats, fused regions, commands, the plan, the file.
//!
//! This crate depends on no other crate of the project, executes nothing, and allocates only while it reads or writes a file.

pub mod command;
pub mod error;
pub mod file;
pub mod gpu;
pub mod npu;
pub mod plan;
pub mod print;
pub mod region;
pub mod tensor;
pub mod validate;

pub use error::{Error, Result};
