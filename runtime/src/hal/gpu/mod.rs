//! GPUs of both vendors behind one interface: the driver's library is opened at run time, so a build needs no vendor and a host needs no GPU.
//! Nothing here knows of plans or models.
//!
//! [`Driver`] finds devices, [`Gpu`] is one that is open, with one stream on which everything happens in order; [`Memory`], [`Pinned`], [`Module`],
//! [`Graph`] and [`Event`] belong to it and keep it open. All of them may move between threads.

mod calls;
mod context;
mod device;
mod driver;
mod error;
mod event;
mod graph;
mod launch;
mod memory;
mod module;
#[cfg(test)]
mod tests;
mod upload;

pub use device::Gpu;
pub use driver::{DeviceInfo, Driver, Vendor};
pub use error::DriverError;
pub use event::Event;
pub use graph::Graph;
pub use launch::{Argument, Launch, MAX_ARGUMENTS};
pub use memory::{Memory, Pinned};
pub use module::{Function, Module};
pub use upload::Uploader;

/// `Result` of this room.
pub type Result<T> = std::result::Result<T, DriverError>;
