//! Devices and the memory they work in. The CPU is the one device so far; nothing above this room knows how it divides its work.

pub mod accelerator;
pub mod code;
pub mod cpu;
pub mod gpu;
pub mod memory;
pub mod npu;
pub mod pool;
pub mod profile;
mod sync;
