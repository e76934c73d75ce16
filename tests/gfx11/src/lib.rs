//! A Radeon that is not there: executes RDNA3 (gfx11) code objects on the host, behind the functions of `libamdhip64` that `hip-sys` opens.

pub mod decode;
pub mod exec;

mod float;
pub mod hip;
pub mod isa;
pub mod launch;
pub mod object;
pub mod program;
pub mod space;
pub mod stats;
mod text;
