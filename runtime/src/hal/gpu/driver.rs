//! A vendor's driver: finding it, and the devices it offers.

use super::calls::{self, Call, Calls};
use super::{DriverError, Result};
use std::ffi::{CStr, OsStr, c_char};
use std::fmt;
use std::sync::Arc;

/// Whose device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Through HIP.
    Amd,
    /// Through the CUDA driver.
    Nvidia,
}

impl Vendor {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Amd, Self::Nvidia];

    /// What to install where the driver library is missing or too old.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Amd => "ROCm 6.1 or newer (libamdhip64)",
            Self::Nvidia => "the driver (libcuda.so.1)",
        }
    }

    /// Why the driver finds nothing, as far as the device files tell.
    fn why_no_device(self) -> String {
        let node = match self {
            Self::Amd => "/dev/kfd",
            Self::Nvidia => "/dev/nvidiactl",
        };
        match std::fs::OpenOptions::new().read(true).write(true).open(node) {
            Ok(_) => "the driver finds none that it supports".into(),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && self == Self::Amd => {
                format!("no permission on {node}: add this user to the groups `render` and `video`")
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => format!("no permission on {node}"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                format!("there is no {node}: no such GPU, or its kernel module is not loaded")
            }
            Err(error) => format!("{node}: {error}"),
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd => "AMD",
            Self::Nvidia => "NVIDIA",
        })
    }
}

/// What a driver says of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Whose it is.
    pub vendor: Vendor,
    /// Its number at the driver.
    pub ordinal: u32,
    /// Marketing name.
    pub name: String,
    /// Instruction set: `gfx1103`, `sm_90`.
    pub target: String,
    /// Memory in bytes. Where it is the host's, what of it the driver offers.
    pub memory: u64,
    /// Whether the memory is the host's.
    pub integrated: bool,
    /// Multiprocessors; with AMD compute units, or pairs of them where the driver schedules pairs.
    pub multiprocessors: u32,
    /// The driver's version.
    pub driver: String,
}

/// The functions that only one side has; holds the library open.
#[derive(Debug)]
pub(super) enum Api {
    Amd(Box<hip_sys::Api>),
    Nvidia(Box<cuda_sys::Api>),
}

/// An open driver library.
#[derive(Debug)]
pub struct Driver {
    pub(super) calls: Calls,
    pub(super) api: Api,
}

impl Driver {
    /// Opens and starts a vendor's driver.
    ///
    /// # Errors
    /// [`DriverError::LibraryMissing`], [`DriverError::Symbol`], [`DriverError::NoDevice`], or what the driver says to being started.
    pub fn open(vendor: Vendor) -> Result<Arc<Self>> {
        Self::start(match vendor {
            Vendor::Amd => Api::Amd(Box::new(hip_sys::Api::open().map_err(from_hip)?)),
            Vendor::Nvidia => Api::Nvidia(Box::new(cuda_sys::Api::open().map_err(from_cuda)?)),
        })
    }

    /// As [`Driver::open`], with the library given: for tests, and for drivers at unusual places.
    ///
    /// # Errors
    /// As [`Driver::open`].
    pub fn open_at(vendor: Vendor, library: &OsStr) -> Result<Arc<Self>> {
        Self::start(match vendor {
            Vendor::Amd => Api::Amd(Box::new(hip_sys::Api::open_at(library).map_err(from_hip)?)),
            Vendor::Nvidia => Api::Nvidia(Box::new(cuda_sys::Api::open_at(library).map_err(from_cuda)?)),
        })
    }

    fn start(api: Api) -> Result<Arc<Self>> {
        let calls = match &api {
            Api::Amd(api) => Calls::amd(api),
            Api::Nvidia(api) => Calls::nvidia(api),
        };
        let driver = Self { calls, api };
        // SAFETY: takes flags, which must be 0.
        let mut code = unsafe { (driver.calls.init.f)(0) };
        // HIP says so when there is no device to choose.
        if code == calls::INVALID_DEVICE {
            code = calls::NO_DEVICE;
        }
        driver.check(&driver.calls.init, code)?;
        Ok(Arc::new(driver))
    }

    /// Whose it is.
    pub fn vendor(&self) -> Vendor {
        match self.api {
            Api::Amd(_) => Vendor::Amd,
            Api::Nvidia(_) => Vendor::Nvidia,
        }
    }

    /// Its version: what it serves, and for NVIDIA its own number where the system tells.
    pub fn version(&self) -> String {
        let mut number = 0;
        // SAFETY: writes one integer.
        if unsafe { (self.calls.version.f)(&raw mut number) } != 0 {
            return "unknown".into();
        }
        match self.vendor() {
            Vendor::Amd => format!("HIP {}.{}.{}", number / 10_000_000, number / 100_000 % 100, number % 100_000),
            Vendor::Nvidia => {
                let cuda = format!("CUDA {}.{}", number / 1000, number % 1000 / 10);
                std::fs::read_to_string("/sys/module/nvidia/version").map_or(cuda.clone(), |own| format!("{} ({cuda})", own.trim()))
            }
        }
    }

    /// All devices, in the driver's order.
    ///
    /// # Errors
    /// [`DriverError::NoDevice`], or what the driver says.
    pub fn devices(&self) -> Result<Vec<DeviceInfo>> {
        let mut count = 0;
        // SAFETY: writes one integer.
        self.check(&self.calls.device_count, unsafe { (self.calls.device_count.f)(&raw mut count) })?;
        if count <= 0 {
            return Err(DriverError::NoDevice { vendor: self.vendor(), why: self.vendor().why_no_device() });
        }
        (0..count.unsigned_abs()).map(|ordinal| self.device(ordinal)).collect()
    }

    /// One device.
    ///
    /// # Errors
    /// What the driver says; the usual case is that there is no such ordinal.
    pub fn device(&self, ordinal: u32) -> Result<DeviceInfo> {
        let c = &self.calls;
        let device = self.handle(ordinal)?;
        let mut name = [0 as c_char; 256];
        // SAFETY: writes at most the given length, NUL included.
        self.check(&c.device_name, unsafe { (c.device_name.f)(name.as_mut_ptr(), 256, device) })?;
        let mut memory = 0usize;
        // SAFETY: writes one size.
        self.check(&c.device_memory, unsafe { (c.device_memory.f)(&raw mut memory, device) })?;
        let (integrated, multiprocessors) = match &self.api {
            Api::Amd(_) => (hip_sys::hipDeviceAttributeIntegrated, hip_sys::hipDeviceAttributeMultiprocessorCount),
            Api::Nvidia(_) => (cuda_sys::CU_DEVICE_ATTRIBUTE_INTEGRATED, cuda_sys::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        };
        Ok(DeviceInfo {
            vendor: self.vendor(),
            ordinal,
            name: text(&name),
            target: self.target(device)?,
            memory: memory as u64,
            integrated: self.attribute(device, integrated)? != 0,
            multiprocessors: u32::try_from(self.attribute(device, multiprocessors)?).unwrap_or(0),
            driver: self.version(),
        })
    }

    /// The driver's number for an ordinal.
    pub(super) fn handle(&self, ordinal: u32) -> Result<i32> {
        let mut device = 0;
        // SAFETY: writes one integer.
        self.check(&self.calls.device, unsafe { (self.calls.device.f)(&raw mut device, i32::try_from(ordinal).unwrap_or(i32::MAX)) })?;
        Ok(device)
    }

    fn attribute(&self, device: i32, attribute: i32) -> Result<i32> {
        let mut value = 0;
        // SAFETY: writes one integer.
        self.check(&self.calls.device_attribute, unsafe { (self.calls.device_attribute.f)(&raw mut value, attribute, device) })?;
        Ok(value)
    }

    fn target(&self, device: i32) -> Result<String> {
        match &self.api {
            Api::Nvidia(_) => {
                let major = self.attribute(device, cuda_sys::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
                let minor = self.attribute(device, cuda_sys::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
                Ok(format!("sm_{major}{minor}"))
            }
            Api::Amd(api) => {
                let symbol = "hipGetDevicePropertiesR0600";
                let missing = || DriverError::Symbol { library: api.library.clone(), symbol, remedy: Vendor::Amd.remedy() };
                let function = Call { name: symbol, f: api.hipGetDevicePropertiesR0600.ok_or_else(missing)? };
                let mut properties = Box::<hip_sys::hipDeviceProp_tR0600>::new_uninit();
                // SAFETY: all fields are bytes, for which zero is a value.
                let mut properties = unsafe {
                    properties.as_mut_ptr().write_bytes(0, 1);
                    properties.assume_init()
                };
                // SAFETY: the structure has the layout that this function fills, and more room.
                self.check(&function, unsafe { (function.f)(&raw mut *properties, device) })?;
                let full = text(&properties.gcnArchName);
                Ok(full.split_once(':').map_or(full.as_str(), |(name, _)| name).to_owned())
            }
        }
    }

    /// A driver's answer as a result. Errors of a device are for its context to judge.
    pub(super) fn check<F>(&self, call: &Call<F>, code: i32) -> Result<()> {
        match code {
            0 => Ok(()),
            calls::NO_DEVICE => Err(DriverError::NoDevice { vendor: self.vendor(), why: self.vendor().why_no_device() }),
            code => Err(DriverError::Call { function: call.name, code, name: self.error_text(code) }),
        }
    }

    /// The driver's text for an error.
    pub(super) fn error_text(&self, code: i32) -> String {
        let mut found = std::ptr::null();
        match &self.api {
            // SAFETY: takes any number; the text is static.
            Api::Amd(api) => found = unsafe { (api.hipGetErrorString)(code) },
            // SAFETY: takes any number and writes one pointer, to static text or null.
            Api::Nvidia(api) => _ = unsafe { (api.cuGetErrorString)(code, &raw mut found) },
        }
        if found.is_null() {
            return "unknown error".into();
        }
        // SAFETY: NUL-terminated and static.
        unsafe { CStr::from_ptr(found) }.to_string_lossy().into_owned()
    }
}

/// Text up to the first NUL.
pub(super) fn text(bytes: &[c_char]) -> String {
    let bytes: Vec<u8> = bytes.iter().take_while(|b| **b != 0).map(|b| b.cast_unsigned()).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn missing(vendor: Vendor, tried: Vec<(String, String)>) -> DriverError {
    let word = |(name, why): (String, String)| if why.contains("No such file") && why.starts_with(&name) { name } else { format!("{name} ({why})") };
    DriverError::LibraryMissing { vendor, tried: tried.into_iter().map(word).collect(), remedy: vendor.remedy() }
}

fn from_hip(error: hip_sys::OpenError) -> DriverError {
    match error {
        hip_sys::OpenError::Library(tried) => missing(Vendor::Amd, tried),
        hip_sys::OpenError::Symbol { library, symbol } => DriverError::Symbol { library, symbol, remedy: Vendor::Amd.remedy() },
    }
}

fn from_cuda(error: cuda_sys::OpenError) -> DriverError {
    match error {
        cuda_sys::OpenError::Library(tried) => missing(Vendor::Nvidia, tried),
        cuda_sys::OpenError::Symbol { library, symbol } => DriverError::Symbol { library, symbol, remedy: "a newer driver (520 or newer)" },
    }
}
