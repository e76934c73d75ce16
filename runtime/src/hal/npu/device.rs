//! An open NPU: what it is, and what everything on it shares.

use super::buffer::Bo;
use super::{Calls, NpuError, Places, Result, Seat};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use xrt_sys::{AieMetadata, AieVersion, Argument, FirmwareVersion, GetInfo, Query, ResourceInfo, Version};

/// What DRM's drivers for this hardware call themselves, in the kernel's tree and outside it.
const DRIVER: &str = "amdxdna_accel_driver";

/// What an NPU is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Where it was opened, and its name.
    pub seat: Seat,
    /// Columns of the array, those without a way to memory included: 5 on the first generation.
    pub columns: u16,
    /// Compute tiles of a column.
    pub core_rows: u16,
    /// Version of the array.
    pub array: (u32, u32),
    /// The firmware's release: `1.5.5.391`.
    pub firmware: String,
    /// The driver's version: `0.6`.
    pub driver: String,
    /// Contexts that the device has; `None` where the driver does not tell.
    pub contexts: Option<u64>,
}

/// What everything on one device holds.
#[derive(Debug)]
pub(super) struct Device {
    pub calls: Calls,
    /// The driver's version, for errors.
    version: String,
    lost: OnceLock<NpuError>,
}

impl Device {
    /// Makes an ioctl and gives back the system's error number.
    ///
    /// # Safety
    /// Every address in `argument` is what the driver expects there.
    pub unsafe fn ask<T: Argument>(&self, argument: &mut T) -> std::result::Result<(), i32> {
        (self.calls.ioctl)(T::IOCTL, std::ptr::from_mut(argument).cast())
    }

    /// Makes an ioctl, unless the device is lost, and remembers when it is.
    ///
    /// # Safety
    /// As [`Device::ask`].
    pub unsafe fn call<T: Argument>(&self, argument: &mut T) -> Result<()> {
        self.alive()?;
        // SAFETY: the caller's promise.
        unsafe { self.ask(argument) }.map_err(|code| self.judge(T::IOCTL.name(), code))
    }

    /// Whether the device still answers.
    pub fn alive(&self) -> Result<()> {
        self.lost.get().map_or(Ok(()), |lost| Err(lost.clone()))
    }

    /// What an error number means where it has no meaning of its own.
    pub fn judge(&self, call: &'static str, code: i32) -> NpuError {
        match code {
            libc::ENODEV | libc::EIO => self.lost.get_or_init(|| NpuError::Lost { call, code }).clone(),
            code => NpuError::Call { call, code },
        }
    }

    /// The driver does not know something that it must.
    pub fn too_old(&self, call: &'static str, code: i32) -> NpuError {
        NpuError::OldDriver { version: self.version.clone(), call, code }
    }

    /// Asks for one answer of the device.
    pub fn query<T: Default>(&self, query: Query, name: &'static str) -> Result<T> {
        self.alive()?;
        let mut answer = T::default();
        let mut argument = GetInfo { param: query as u32, buffer_size: size_of::<T>() as u32, buffer: (&raw mut answer) as u64 };
        // SAFETY: the driver writes at most the given bytes to an answer that lives; all its fields are integers.
        match unsafe { self.ask(&mut argument) } {
            Ok(()) => Ok(answer),
            Err(code @ (libc::ENOTTY | libc::EINVAL | libc::EOPNOTSUPP)) => Err(self.too_old(name, code)),
            Err(code) => Err(self.judge(name, code)),
        }
    }

    /// Contexts in use and contexts there are, where the driver tells.
    pub fn contexts(&self) -> Option<(u64, u64)> {
        let answer: ResourceInfo = self.query(Query::ResourceInfo, "QUERY_RESOURCE_INFO").ok()?;
        Some((answer.npu_task_curr, answer.npu_task_max))
    }
}

/// An open NPU with its heap. After [`NpuError::Lost`] every method answers that again.
#[derive(Debug, Clone)]
pub struct Npu {
    pub(super) device: Arc<Device>,
    pub(super) info: Arc<Info>,
    pub(super) heap: Arc<Bo>,
}

impl Npu {
    /// Opens the NPU at `path`, or the first there is.
    ///
    /// # Errors
    /// Why there is none, or why it cannot be used: every kind of [`NpuError`] that has a remedy.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let places = Places::default();
        let seat = path.map_or_else(|| places.find(), |path| places.seat(path))?;
        Self::with(Calls::open(&seat.path)?, seat)
    }

    /// Opens what answers behind `calls`.
    ///
    /// # Errors
    /// As [`Npu::open`], from the first question on.
    pub fn with(calls: Calls, seat: Seat) -> Result<Self> {
        let mut device = Device { calls, version: "unknown".into(), lost: OnceLock::new() };
        let mut name = [0u8; 64];
        let mut version = Version { name_len: name.len() as u64, name: name.as_mut_ptr() as u64, ..Version::default() };
        // SAFETY: the name has the room that is said; nothing is asked for where the room is 0.
        unsafe { device.call(&mut version)? };
        let length = usize::try_from(version.name_len).map_or(name.len(), |length| length.min(name.len()));
        let driver = String::from_utf8_lossy(&name[..length]).into_owned();
        if driver != DRIVER {
            return Err(NpuError::Foreign { path: seat.path, driver });
        }
        device.version = format!("{}.{}", version.major, version.minor);
        let metadata: AieMetadata = device.query(Query::AieMetadata, "QUERY_AIE_METADATA")?;
        let array: AieVersion = device.query(Query::AieVersion, "QUERY_AIE_VERSION")?;
        let firmware: FirmwareVersion = device.query(Query::FirmwareVersion, "QUERY_FIRMWARE_VERSION")?;
        let info = Info {
            seat,
            columns: metadata.cols,
            core_rows: metadata.core.row_count,
            array: (array.major, array.minor),
            firmware: format!("{}.{}.{}.{}", firmware.major, firmware.minor, firmware.patch, firmware.build),
            driver: device.version.clone(),
            contexts: device.contexts().map(|(_, most)| most),
        };
        let device = Arc::new(device);
        let heap = Arc::new(Bo::heap(&device)?);
        Ok(Self { device, info: Arc::new(info), heap })
    }

    /// What it is.
    pub fn info(&self) -> &Info {
        &self.info
    }
}
