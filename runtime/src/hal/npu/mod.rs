//! The NPU behind the kernel's own interface: no library of the vendor is needed to build or to run. Nothing here knows of plans or models, nor of how
//! instruction streams are made.
//!
//! [`Npu`] is an open device with its heap, [`Buffer`] is memory that it sees, [`Context`] is columns of the array with one configuration, and
//! [`Command`] is an instruction stream with its arguments, or a chain of such. All of them keep the device open and may move between threads.
//!
//! **Nothing here has met the real driver.** What it is checked against is a driver written from public sources, which stands with the whole-way tests:
//! [`Calls`] is the one door between this room and a driver, so neither knows the other, and no release holds it.

mod buffer;
mod calls;
mod command;
mod context;
mod device;
mod error;
mod find;

pub use buffer::Buffer;
pub use calls::{Calls, IoctlCall, MapCall, MemlockCall};
pub use command::Command;
pub use context::Context;
pub use device::{Info, Npu};
pub use error::{Absence, NpuError};
pub use find::{Places, Seat};

/// `Result` of this room.
pub type Result<T> = std::result::Result<T, NpuError>;
