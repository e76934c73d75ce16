//! Devices and the memory they work in; nothing above this room knows how they divide their work.

pub mod accelerator;
pub mod code;
pub mod cpu;
pub mod gpu;
pub mod memory;
pub mod npu;
pub mod offload;
pub mod pool;
pub mod profile;
pub mod roster;
mod sync;
