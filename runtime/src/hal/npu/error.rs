//! What can be wrong with an NPU, its driver or this user's rights, by name and with what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no device file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// No such function on the PCI bus.
    Hardware,
    /// The function is there, the kernel module is not.
    Module,
    /// The module is there and does not drive the function.
    Refused,
    /// The module drives the function, and its file is not to be seen.
    File,
}

impl std::fmt::Display for Absence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hardware => "this machine has none of the first generation (PCI 1022:1502, Ryzen 7040 and 8040), or it is turned off in the firmware set-up",
            Self::Module => "it is here, but its kernel module is not: `modprobe amdxdna`, with Linux 6.14 or newer, or install AMD's amdxdna package",
            Self::Refused => {
                "it is here, but the kernel module refused it: most often its firmware (amdnpu/1502_00) is missing or speaks another protocol than the \
                 module knows (5.7 or newer for today's, 5.8 for chains in one message): update linux-firmware and the kernel together, reboot, and read `dmesg | grep amdxdna`"
            }
            Self::File => "it works, but there is no /dev/accel here: pass the device through to this container (--device /dev/accel)",
        })
    }
}

/// What went wrong with an NPU, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NpuError {
    /// No device file.
    #[error("no NPU: {0}")]
    Absent(Absence),
    /// The device file may not be opened.
    #[error("no permission on {}: add this user to the group `{group}` (`usermod -aG {group} USER`) and log in again", path.display())]
    Permission {
        /// The file.
        path: PathBuf,
        /// Its group.
        group: String,
    },
    /// The driver cannot bind this process's memory.
    #[error(
        "the driver cannot share this process's memory with the NPU ({}): it needs the IOMMU: turn it on in the firmware set-up, and take `amd_iommu=off` and `iommu=pt` off \
         the kernel's command line", system(*code)
    )]
    NoSharedMemory {
        /// The system's error.
        code: i32,
    },
    /// The file cannot be opened for another reason.
    #[error("{}: {}", path.display(), system(*code))]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        code: i32,
    },
    /// The file is another driver's.
    #[error("{} is no AMD NPU but a device of `{driver}`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What the driver calls itself.
        driver: String,
    },
    /// An NPU that no code is made for.
    #[error("{} is an NPU of another generation (PCI 1022:{device:04x}); code is made for 1022:1502 alone", path.display())]
    Generation {
        /// The file.
        path: PathBuf,
        /// Its PCI device number.
        device: u16,
    },
    /// The driver lacks what is needed.
    #[error("the driver (version {version}) does not know {call} ({}): update the kernel, or install AMD's amdxdna package", system(*code))]
    OldDriver {
        /// The driver's version.
        version: String,
        /// What it lacks.
        call: &'static str,
        /// The system's error.
        code: i32,
    },
    /// The limit of locked memory is in the way.
    #[error(
        "cannot lock {} of memory for {what}: this process may lock {}: raise the limit (`* - memlock unlimited` in /etc/security/limits.d/99-npu.conf, \
         `LimitMEMLOCK=infinity` for a service), log in again, and see `ulimit -l`", mib(*bytes), limit.map_or("less".into(), mib)
    )]
    Memlock {
        /// What it is for.
        what: &'static str,
        /// How much.
        bytes: u64,
        /// The limit, where there is one.
        limit: Option<u64>,
    },
    /// All contexts are taken.
    #[error("all contexts of the NPU are in use{}: end other programs that use it", most.map(|most| format!(" ({most})")).unwrap_or_default())]
    Contexts {
        /// How many there are, where the driver tells.
        most: Option<u64>,
    },
    /// The array has not as many columns.
    #[error("a context of {asked} columns was asked for; the NPU has {most}")]
    Columns {
        /// Wanted.
        asked: u16,
        /// There.
        most: u16,
    },
    /// The columns are there, and other contexts have them.
    #[error("no {asked} columns of the NPU are free beside the other contexts: end other programs that use it")]
    ColumnsTaken {
        /// Wanted.
        asked: u16,
    },
    /// Memory that cannot be had.
    #[error("cannot reserve {} for {what}{}", mib(*bytes), if *heap { ": the NPU's heap of 64 MiB is full" } else { "" })]
    OutOfMemory {
        /// What it is for.
        what: &'static str,
        /// How much.
        bytes: u64,
        /// Whether it is the heap that has no more.
        heap: bool,
    },
    /// A range that does not lie in its buffer.
    #[error("{what}: {bytes} bytes at {offset} do not fit in {len}")]
    Range {
        /// The operation.
        what: &'static str,
        /// First byte.
        offset: usize,
        /// Bytes.
        bytes: usize,
        /// The buffer's.
        len: usize,
    },
    /// A command that cannot be written.
    #[error("a command for the NPU: {0}")]
    Command(String),
    /// A context's queue takes no more.
    #[error("four commands are in the context's queue already: wait for one first")]
    Full,
    /// The command is in a queue still, or in none.
    #[error("the command {0}")]
    Order(&'static str),
    /// The command's time was over, or it failed on the device. The context was made anew, unless it is told otherwise.
    #[error("the NPU did not finish{}: {why}; its context {}", at.map(|at| format!(" command {at} of a chain")).unwrap_or_default(), if *renewed { "was made anew" } else { "is given up" })]
    Hung {
        /// What the driver said, or that the time was over.
        why: &'static str,
        /// Which command of a chain.
        at: Option<u32>,
        /// Whether the context can be used again.
        renewed: bool,
    },
    /// The context hung twice in a row.
    #[error("the context is given up: it hung again after it had been made anew")]
    GivenUp,
    /// The driver took the command and dropped it before the device.
    #[error(
        "the driver did not send the command to the NPU: its packet is wrong, or the firmware lacks this kind of command: see `dmesg | grep amdxdna`"
    )]
    Unsent,
    /// The library between failed.
    #[error("XRT: {call}: {why}")]
    Xrt {
        /// What was asked of it, by its name there.
        call: &'static str,
        /// What it said.
        why: String,
    },
    /// This program cannot ask XRT.
    #[error("this unicorn-rt was built without XRT: build it with `--features xrt` where XRT's headers are, or leave out `--npu-driver xrt`")]
    NoXrt,
    /// The device is gone: every later call says so again, without asking the driver.
    #[error("the NPU is lost: {call}: {}", system(*code))]
    Lost {
        /// The call that said so first.
        call: &'static str,
        /// The system's error.
        code: i32,
    },
    /// A call failed otherwise; the device still works.
    #[error("{call}: {}", system(*code))]
    Call {
        /// The call.
        call: &'static str,
        /// The system's error.
        code: i32,
    },
}

impl NpuError {
    /// Whether the device will answer nothing any more, so that the work belongs elsewhere.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Why `open` on a device file failed.
    pub(super) fn opening(path: &Path, error: &io::Error) -> Self {
        let code = error.raw_os_error().unwrap_or(libc::EIO);
        match code {
            libc::EACCES | libc::EPERM => Self::Permission { path: path.into(), group: super::find::group(path) },
            // The driver binds the memory when it is opened, and passes on what the IOMMU said.
            libc::ENODEV | libc::EINVAL | libc::EOPNOTSUPP => Self::NoSharedMemory { code },
            libc::ENOENT | libc::ENXIO => Self::Absent(Absence::File),
            code => Self::Open { path: path.into(), code },
        }
    }
}

/// The system's word for an error.
fn system(code: i32) -> String {
    io::Error::from_raw_os_error(code).to_string()
}

fn mib(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes.div_ceil(1 << 10)) } else { format!("{} MiB", bytes.div_ceil(1 << 20)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_tells_rights_from_the_iommu() {
        let path = Path::new("/dev/accel/accel0");
        let word = |code| NpuError::opening(path, &io::Error::from_raw_os_error(code)).to_string();
        assert!(word(libc::EACCES).starts_with("no permission on /dev/accel/accel0: add this user to the group"), "{}", word(libc::EACCES));
        for code in [libc::ENODEV, libc::EINVAL, libc::EOPNOTSUPP] {
            assert!(word(code).contains("IOMMU") && word(code).contains("amd_iommu=off"), "{}", word(code));
        }
        assert!(word(libc::ENXIO).contains("--device /dev/accel"), "{}", word(libc::ENXIO));
        assert!(word(libc::EMFILE).starts_with("/dev/accel/accel0: "), "{}", word(libc::EMFILE));
    }

    #[test]
    fn amounts_are_readable() {
        assert_eq!((mib(8 << 20), mib(64 << 10), mib((64 << 20) + 1)), ("8 MiB".into(), "64 KiB".into(), "65 MiB".into()));
    }
}
