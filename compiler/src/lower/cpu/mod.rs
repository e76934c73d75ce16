//! Lowering to the CPU: machine code for the fused regions. The other commands run hand-written kernels.

pub mod emit;
