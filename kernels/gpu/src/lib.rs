//! GPU kernels, each written once as MLIR text for an op and a shape, and lowered to every [`target::Target`].

pub mod attention;
pub mod block;
pub mod cache;
pub mod codes;
pub mod cost;
pub mod embed;
pub mod epilogue;
mod error;
pub mod finale;
pub mod heads;
mod hoist;
pub mod matmul;
pub mod matvec;
#[cfg(feature = "llvm")]
pub mod mlir;
pub mod object;
pub mod op;
pub mod ptx;
pub mod ptxas;
pub mod region;
pub mod sparse;
pub mod target;
pub mod text;
pub mod top;

pub use error::{Error, Stage};
