//! An amdxdna driver without hardware: it answers the ioctls as the public drivers do, refusals included, and hands what it would run to a function.
//!
//! It stands here, beyond the runtime's one door ([`Calls`]), so the runtime cannot hold it, and whole-way tests can put an emulator behind it, which the
//! runtime must not link. It shares only the declarations of `xrt-sys` with what it tests: packets are taken apart here by the field positions in the
//! drivers, not by the code that made them. [`emulated`] puts an emulated array behind it.
//!
//! It has the NPU's memory apart from the CPU's, line by line: what is not flushed is not seen by the other side, and dirty lines cover what the device
//! wrote. It runs commands only when somebody waits for them. What it does not model: time, preemption, IOMMU faults (an address that is nobody's fails
//! its command), and other processes but for the contexts they hold.

mod array;
mod driver;
mod memory;
mod run;
#[cfg(feature = "xrt")]
pub mod xrt;

pub use array::{Configured, Fault, Log, emulated, faulty, worker};
use driver::Driver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use unicorn_kernels_xdna::emulator;
use unicorn_rt::hal::npu::{Calls, Npu, Result, Seat};
use unicorn_rt::hal::offload::{Direct, Engine};
use xrt_sys::{Ioctl, State};

/// Whose driver it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The kernel's own: timelines, no call to wait, resources told; the firmware refuses one context more (`EINVAL`).
    Kernel,
    /// An older one from outside the tree: its own call to wait, no timelines, no resources; one context more is `ENOENT`.
    Outside,
}

/// What addresses the device uses for shared buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// This process's, told once a buffer is mapped.
    Told,
    /// This process's, never told.
    Silent,
    /// Its own.
    Own,
}

/// What kind of driver and machine it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose.
    pub dialect: Dialect,
    /// Addresses of shared buffers.
    pub addresses: Addresses,
    /// What it calls itself.
    pub name: &'static str,
    /// Bytes that may be locked.
    pub memlock: Option<u64>,
    /// Contexts that other processes hold.
    pub others: usize,
    /// Calls it does not know.
    pub lacking: Vec<Ioctl>,
    /// Whether it drops every packet before the device.
    pub drops: bool,
    /// After how many packets the device leaves the machine.
    pub leaves: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dialect: Dialect::Kernel,
            addresses: Addresses::Told,
            name: "amdxdna_accel_driver",
            memlock: None,
            others: 0,
            lacking: Vec::new(),
            drops: false,
            leaves: None,
        }
    }
}

/// What the device is to do.
pub struct Work<'a> {
    /// The context's PDI, as the device sees it; its buffer may be longer.
    pub configuration: &'a [u8],
    /// Columns of the context.
    pub columns: usize,
    /// The instruction stream.
    pub stream: &'a [u8],
    /// The buffers of its arguments, as the device sees them.
    pub arguments: Vec<&'a mut [u8]>,
    /// What the context's part of the array holds: nothing until a device puts something there, and nothing again once the context is made anew.
    pub array: &'a mut Option<Box<emulator::Npu>>,
}

/// What does it: done, or the state the command ends in. [`State::Running`] is no end: the command hangs.
pub type Worker = dyn FnMut(Work<'_>) -> std::result::Result<(), State> + Send;

/// The driver and its device.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<Driver>>);

impl Fake {
    /// A driver whose device does what `worker` does.
    pub fn new(options: Options, worker: impl FnMut(Work<'_>) -> std::result::Result<(), State> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Driver::new(options, Box::new(worker)))))
    }

    /// Opens its device through the runtime.
    ///
    /// # Errors
    /// What the runtime makes of the driver's answers.
    pub fn open(&self) -> Result<Npu> {
        let (calls, seat) = self.door();
        Npu::with(calls, seat)
    }

    /// As [`Fake::open`], to put a plan's part on.
    ///
    /// # Errors
    /// As there.
    pub fn engine(&self) -> Result<Box<dyn Engine>> {
        Ok(Box::new(Direct::new(self.open()?)))
    }

    /// What the runtime opens a device by.
    pub fn door(&self) -> (Calls, Seat) {
        let (ioctls, maps, limit) = (self.clone(), self.clone(), self.driver().options.memlock);
        // SAFETY: arguments are read and written as the header says, and mappings are fresh anonymous memory.
        let calls = unsafe {
            Calls::new(
                Box::new(move |ioctl, argument| ioctls.driver().answer(ioctl, argument)),
                Box::new(move |at, bytes, offset| maps.driver().map(at, bytes, offset)),
                Box::new(move || limit),
            )
        };
        (calls, Seat { path: "/dev/accel/fake".into(), name: Some("RyzenAI-npu1".into()) })
    }

    /// Takes the device out of the machine.
    pub fn remove(&self) {
        self.driver().removed = true;
    }

    /// The packets it was given, chains before their links.
    pub fn packets(&self) -> Vec<Vec<u32>> {
        self.driver().packets.clone()
    }

    /// How often a call was made.
    pub fn count(&self, ioctl: Ioctl) -> usize {
        self.driver().asked.iter().filter(|asked| **asked == ioctl).count()
    }

    /// Contexts, buffers and timelines that are there.
    pub fn alive(&self) -> (usize, usize, usize) {
        let driver = self.driver();
        (driver.contexts.len(), driver.memory.open(), driver.timelines.len())
    }

    fn driver(&self) -> MutexGuard<'_, Driver> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
