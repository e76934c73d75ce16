//! Checkpoint to graph: the files of a checkpoint, its config, its tokenizer's files, and the graph they describe. Nothing here knows a
//! pass or a device.
//!
//! All input is hostile until it has been checked: every number is bounded, every file size is limited before it is read, and tensors are mapped, so
//! nothing is read before somebody asks for it.

pub mod checkpoint;
pub mod config;
pub mod gemma3n;
pub mod synthetic;
pub mod tokenizer;

#[cfg(test)]
mod tests;

pub use checkpoint::Checkpoint;
pub use config::{Config, Layer, LayerKind};
pub use tokenizer::Tokenizer;
