//! AMD's XDNA1 NPU (Phoenix, Hawk Point; "npu1"): AIE2 core programs, array configuration, instruction streams and containers, read and written.
//! Knows nothing of models. None of what is written here has run on silicon.

pub mod isa;

pub mod container;

pub mod array;

pub mod emulator;
