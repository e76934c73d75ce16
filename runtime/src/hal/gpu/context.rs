//! What everything on a device shares: its context, its one stream, and whether it still lives.

use super::calls::{self, Call, Calls, Handle};
use super::driver::Api;
use super::{DeviceInfo, Driver, DriverError, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A driver's handle. Both drivers take calls from any thread, so it may be held by any.
#[derive(Debug, Clone, Copy)]
pub struct Raw(pub Handle);

// SAFETY: a handle is a name for the driver, never followed here, and the drivers' functions may be called from any thread.
unsafe impl Send for Raw {}
// SAFETY: as above.
unsafe impl Sync for Raw {}

/// An open device.
#[derive(Debug)]
pub struct Context {
    pub driver: Arc<Driver>,
    pub info: DeviceInfo,
    /// The driver's number for the device.
    device: i32,
    /// NVIDIA's context; null with AMD, where the device's number is all.
    context: Raw,
    pub stream: Raw,
    /// The first error after which nothing works.
    lost: OnceLock<DriverError>,
    /// Whether the stream records instead of running.
    pub capturing: AtomicBool,
}

impl Context {
    pub fn open(driver: &Arc<Driver>, ordinal: u32) -> Result<Self> {
        let info = driver.device(ordinal)?;
        let device = driver.handle(ordinal)?;
        let mut context = Raw(std::ptr::null_mut());
        if let Api::Nvidia(api) = &driver.api {
            let retain = Call { name: "cuDevicePrimaryCtxRetain", f: api.cuDevicePrimaryCtxRetain };
            // SAFETY: writes one handle.
            driver.check(&retain, unsafe { (retain.f)(&raw mut context.0, device) })?;
        }
        let stream = Raw(std::ptr::null_mut());
        let mut new = Self { driver: Arc::clone(driver), info, device, context, stream, lost: OnceLock::new(), capturing: AtomicBool::new(false) };
        let c = &driver.calls;
        new.enter()?;
        let mut stream = std::ptr::null_mut();
        // SAFETY: writes one handle.
        new.check(&c.stream_create, unsafe { (c.stream_create.f)(&raw mut stream, calls::STREAM_NON_BLOCKING) })?;
        new.stream = Raw(stream);
        Ok(new)
    }

    /// Makes the device the calling thread's, and gives the functions: every entry begins so, for a thread may have come from elsewhere.
    pub fn enter(&self) -> Result<&Calls> {
        if let Some(lost) = self.lost.get() {
            return Err(lost.clone());
        }
        match &self.driver.api {
            Api::Nvidia(api) => {
                let call = Call { name: "cuCtxSetCurrent", f: api.cuCtxSetCurrent };
                // SAFETY: the context is retained as long as `self` lives.
                self.check(&call, unsafe { (call.f)(self.context.0) })?;
            }
            Api::Amd(api) => {
                let call = Call { name: "hipSetDevice", f: api.hipSetDevice };
                // SAFETY: takes any number.
                self.check(&call, unsafe { (call.f)(self.device) })?;
            }
        }
        Ok(&self.driver.calls)
    }

    /// As [`Context::enter`], for what cannot be part of a graph.
    pub fn enter_outside_graph(&self, what: &'static str) -> Result<&Calls> {
        let calls = self.enter()?;
        if self.capturing.load(Ordering::Acquire) { Err(DriverError::Capturing { what }) } else { Ok(calls) }
    }

    /// A driver's answer as a result; remembers the one after which nothing works.
    pub fn check<F>(&self, call: &Call<F>, code: i32) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        let (function, name) = (call.name, self.driver.error_text(code));
        if calls::sticky(code) {
            return Err(self.lost.get_or_init(|| DriverError::Lost { function, code, name }).clone());
        }
        Err(DriverError::Call { function, code, name })
    }

    /// Waits for all work of the stream.
    pub fn synchronize(&self) -> Result<()> {
        let c = self.enter_outside_graph("waiting")?;
        // SAFETY: the stream lives as long as `self`.
        self.check(&c.stream_synchronize, unsafe { (c.stream_synchronize.f)(self.stream.0) })
    }

    /// Bytes the device has left.
    pub fn free_memory(&self) -> Result<u64> {
        let c = self.enter()?;
        let (mut free, mut total) = (0usize, 0usize);
        // SAFETY: writes two sizes.
        self.check(&c.memory_info, unsafe { (c.memory_info.f)(&raw mut free, &raw mut total) })?;
        Ok(free as u64)
    }

    /// Turns the driver's "no memory" into our own, which says what it was for.
    pub fn no_memory(&self, error: DriverError, what: &'static str, bytes: u64, on_device: bool) -> DriverError {
        match error {
            DriverError::Call { code: calls::OUT_OF_MEMORY, .. } => {
                DriverError::OutOfMemory { what, bytes, free: if on_device { self.free_memory().ok() } else { None } }
            }
            other => other,
        }
    }

    /// For `drop`: runs `body` with the device current, unless it is lost. What it answers is only remembered.
    pub fn discard<F>(&self, call: impl FnOnce(&Calls) -> (Call<F>, i32)) {
        if let Ok(calls) = self.enter() {
            let (call, code) = call(calls);
            let _ = self.check(&call, code);
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if !self.stream.0.is_null() {
            // SAFETY: the stream is ours, and everything that used it is gone, for all of it holds this context.
            self.discard(|c| (c.stream_destroy, unsafe { (c.stream_destroy.f)(self.stream.0) }));
        }
        if let (Api::Nvidia(api), None) = (&self.driver.api, self.lost.get()) {
            // SAFETY: the thread lets go of the context, then one reference is given back for the one taken.
            unsafe {
                (api.cuCtxSetCurrent)(std::ptr::null_mut());
                (api.cuDevicePrimaryCtxRelease_v2)(self.device);
            }
        }
    }
}
