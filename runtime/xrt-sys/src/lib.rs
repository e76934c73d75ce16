//! The amdxdna kernel interface as raw declarations: the closed list of ioctls, their structures, and the packets that commands are made of. Linux on
//! 64-bit hosts only. **Nothing here has met the real driver.**
//!
//! Sources: `include/uapi/drm/amdxdna_accel.h` and `drm.h` of Linux and of amd/xdna-driver; `ert.h` of XRT. Sizes, offsets and numbers are asserted
//! against what a C compiler makes of those headers. Names are the headers', without their prefixes.
//!
//! XRT itself is used behind feature `xrt` alone, by a shim in C++ ([`shim`]): its C interface cannot load a container on this driver.

mod ert;
#[cfg(feature = "xrt")]
pub mod shim;
mod types;

pub use ert::{MAX_CU_WORDS, MAX_NPU_WORDS, Opcode, State, TXN, TooLong, chain, start_cu, start_npu, state};
pub use types::*;

use std::ffi::{c_int, c_void};
use std::fmt;

macro_rules! ioctls {
    ($($(#[$doc:meta])* $name:ident($argument:ty) = $direction:ident $nr:literal, $constant:literal;)*) => {
        /// Every ioctl the runtime makes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Ioctl {
            $($(#[$doc])* $name,)*
        }

        impl Ioctl {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The request number, argument size included.
            pub const fn request(self) -> u32 {
                match self {
                    $(Self::$name => request(Direction::$direction, $nr, size_of::<$argument>()),)*
                }
            }

            /// The name in the header.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $constant,)*
                }
            }
        }

        $(
            // SAFETY: the ioctl of this name takes this structure.
            unsafe impl Argument for $argument {
                const IOCTL: Ioctl = Ioctl::$name;
            }
        )*
    };
}

/// What the kernel does to the argument, as the request number says it.
enum Direction {
    /// Reads it.
    Iow = 1,
    /// Reads and writes it.
    Iowr = 3,
}

/// `_IOC('d', ...)`: direction, size, the letter of DRM, number.
const fn request(direction: Direction, nr: u32, bytes: usize) -> u32 {
    (direction as u32) << 30 | (bytes as u32) << 16 | (b'd' as u32) << 8 | nr
}

/// A structure that is the argument of one ioctl.
///
/// # Safety
/// The kernel reads and writes exactly this structure under that request.
pub unsafe trait Argument {
    /// Its ioctl.
    const IOCTL: Ioctl;
}

// Numbers from 0x40 (`DRM_COMMAND_BASE`) on are the driver's own, the others are DRM's.
ioctls! {
    /// Who the driver is.
    Version(Version) = Iowr 0x00, "DRM_IOCTL_VERSION";
    /// Lets go of a buffer.
    GemClose(GemClose) = Iow 0x09, "DRM_IOCTL_GEM_CLOSE";
    /// Lets go of a timeline.
    SyncobjDestroy(SyncobjDestroy) = Iowr 0xc0, "DRM_IOCTL_SYNCOBJ_DESTROY";
    /// Waits for points on timelines. `ETIME` when the time is over.
    SyncobjTimelineWait(SyncobjTimelineWait) = Iowr 0xca, "DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT";
    /// A context: columns of the array, with a queue of their own.
    CreateHwctx(CreateHwctx) = Iowr 0x40, "DRM_IOCTL_AMDXDNA_CREATE_HWCTX";
    /// Ends a context; what it had not finished is dropped.
    DestroyHwctx(DestroyHwctx) = Iowr 0x41, "DRM_IOCTL_AMDXDNA_DESTROY_HWCTX";
    /// Gives a context its configurations, once.
    ConfigHwctx(ConfigHwctx) = Iowr 0x42, "DRM_IOCTL_AMDXDNA_CONFIG_HWCTX";
    /// A buffer.
    CreateBo(CreateBo) = Iowr 0x43, "DRM_IOCTL_AMDXDNA_CREATE_BO";
    /// Where a buffer is.
    GetBoInfo(GetBoInfo) = Iowr 0x44, "DRM_IOCTL_AMDXDNA_GET_BO_INFO";
    /// Writes a buffer's lines back from the CPU's cache and forgets them there.
    SyncBo(SyncBo) = Iowr 0x45, "DRM_IOCTL_AMDXDNA_SYNC_BO";
    /// Puts a command into a context's queue; blocks while four are in it.
    ExecCmd(ExecCmd) = Iowr 0x46, "DRM_IOCTL_AMDXDNA_EXEC_CMD";
    /// Asks for one [`Query`].
    GetInfo(GetInfo) = Iowr 0x47, "DRM_IOCTL_AMDXDNA_GET_INFO";
    /// Waits for a command. Only in the driver outside the kernel's tree; `ETIME` when the time is over.
    WaitCmd(WaitCmd) = Iow 0x49, "DRM_IOCTL_AMDXDNA_WAIT_CMD";
}

impl fmt::Display for Ioctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// What a C compiler makes of the headers.
const _: () = assert!(Ioctl::Version.request() == 0xc040_6400 && Ioctl::GemClose.request() == 0x4008_6409);
const _: () = assert!(Ioctl::SyncobjDestroy.request() == 0xc008_64c0 && Ioctl::SyncobjTimelineWait.request() == 0xc028_64ca);
const _: () = assert!(Ioctl::CreateHwctx.request() == 0xc038_6440 && Ioctl::DestroyHwctx.request() == 0xc008_6441);
const _: () = assert!(Ioctl::ConfigHwctx.request() == 0xc018_6442 && Ioctl::CreateBo.request() == 0xc020_6443);
const _: () = assert!(Ioctl::GetBoInfo.request() == 0xc030_6444 && Ioctl::SyncBo.request() == 0xc018_6445);
const _: () = assert!(Ioctl::ExecCmd.request() == 0xc038_6446 && Ioctl::GetInfo.request() == 0xc010_6447);
const _: () = assert!(Ioctl::WaitCmd.request() == 0x4010_6449);

/// Makes an ioctl; begins again when a signal interrupts it.
///
/// # Errors
/// The system's error number.
///
/// # Safety
/// `argument` is the structure of `ioctl`, and every address in it is what the driver expects there.
pub unsafe fn ioctl(file: c_int, ioctl: Ioctl, argument: *mut c_void) -> Result<(), i32> {
    loop {
        // SAFETY: the caller's promise.
        let answer = unsafe { libc::ioctl(file, libc::Ioctl::from(ioctl.request()), argument) };
        if answer >= 0 {
            return Ok(());
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => {}
            code => return Err(code.unwrap_or(libc::EIO)),
        }
    }
}
