//! The one door to a driver: the three things that are asked of the system.

use super::{NpuError, Result};
use std::ffi::c_void;
use std::fmt;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::Path;
use xrt_sys::Ioctl;

/// How an ioctl is made: answers the system's error number.
pub type IoctlCall = dyn Fn(Ioctl, *mut c_void) -> std::result::Result<(), i32> + Send + Sync;
/// How a buffer is mapped: at an address, or anywhere if that is null; bytes; the driver's offset.
pub type MapCall = dyn Fn(*mut u8, usize, u64) -> std::result::Result<*mut u8, i32> + Send + Sync;
/// How much memory this process may lock; `None` for any amount.
pub type MemlockCall = dyn Fn() -> Option<u64> + Send + Sync;

/// What is asked of the system. [`Calls::open`] asks the kernel; whoever tests puts a driver of his own here.
pub struct Calls {
    pub(super) ioctl: Box<IoctlCall>,
    pub(super) map: Box<MapCall>,
    pub(super) memlock: Box<MemlockCall>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl Calls {
    /// Asks someone else than the kernel.
    ///
    /// # Safety
    /// `ioctl` reads and writes its argument as the kernel's header says, and keeps none of its addresses. `map` gives memory that is readable, writable
    /// and nobody else's, at the address asked for if that is not null; `munmap` ends it.
    pub unsafe fn new(ioctl: Box<IoctlCall>, map: Box<MapCall>, memlock: Box<MemlockCall>) -> Self {
        Self { ioctl, map, memlock }
    }

    /// Opens a device file.
    ///
    /// # Errors
    /// [`NpuError::Permission`], [`NpuError::NoSharedMemory`], or what the system says.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| NpuError::opening(path, &error))?;
        let mapped = file.try_clone().map_err(|error| NpuError::opening(path, &error))?;
        Ok(Self {
            // SAFETY: `Device::ask` gives the structure of the ioctl, with addresses that hold.
            ioctl: Box::new(move |ioctl, argument| unsafe { xrt_sys::ioctl(file.as_raw_fd(), ioctl, argument) }),
            map: Box::new(move |at, bytes, offset| map(&mapped, at, bytes, offset)),
            memlock: Box::new(memlock),
        })
    }
}

fn map(file: &std::fs::File, at: *mut u8, bytes: usize, offset: u64) -> std::result::Result<*mut u8, i32> {
    // Locked, as AMD's own library has it: the device must never find a page that is out.
    let flags = libc::MAP_SHARED | libc::MAP_LOCKED | if at.is_null() { 0 } else { libc::MAP_FIXED };
    let offset = libc::off_t::try_from(offset).map_err(|_| libc::EOVERFLOW)?;
    // SAFETY: maps anywhere, or over a range that the caller has reserved.
    let address = unsafe { libc::mmap(at.cast(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, file.as_raw_fd(), offset) };
    if address == libc::MAP_FAILED { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOMEM)) } else { Ok(address.cast()) }
}

fn memlock() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one structure.
    let answer = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    (answer == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}
