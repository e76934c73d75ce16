//! An open GPU: memory, copies, waiting. Launches, graphs and events are further methods in their own files.

use super::context::Context;
use super::{DeviceInfo, Driver, DriverError, Memory, Pinned, Result};
use std::ops::Range;
use std::sync::Arc;

/// An open GPU with one stream, on which everything happens in the order of the calls. After [`DriverError::Lost`] every method answers that again.
#[derive(Debug)]
pub struct Gpu {
    pub(super) context: Arc<Context>,
}

impl Gpu {
    /// Opens a device.
    ///
    /// # Errors
    /// What the driver says.
    pub fn open(driver: &Arc<Driver>, ordinal: u32) -> Result<Self> {
        Ok(Self { context: Arc::new(Context::open(driver, ordinal)?) })
    }

    /// What the driver says of it.
    pub fn info(&self) -> &DeviceInfo {
        &self.context.info
    }

    /// Bytes of its memory that nobody holds.
    ///
    /// # Errors
    /// What the driver says.
    pub fn free_memory(&self) -> Result<u64> {
        self.context.free_memory()
    }

    /// Reserves memory on the device, filled with zeros.
    ///
    /// # Errors
    /// [`DriverError::OutOfMemory`] naming `what`, or what the driver says.
    pub fn allocate(&self, what: &'static str, bytes: u64) -> Result<Memory> {
        Memory::new(&self.context, what, bytes)
    }

    /// Reserves page-locked memory of the host, filled with zeros.
    ///
    /// # Errors
    /// [`DriverError::OutOfMemory`], or what the driver says.
    pub fn pinned(&self, bytes: usize) -> Result<Pinned> {
        Pinned::new(&self.context, bytes)
    }

    /// Copies to the device and waits until the bytes are read, so that `from` may be anything.
    ///
    /// # Errors
    /// [`DriverError::Range`], or what the driver says.
    pub fn upload(&self, to: &Memory, offset: u64, from: &[u8]) -> Result<()> {
        let c = self.context.enter_outside_graph("a copy from pageable memory")?;
        let address = to.at("upload", offset, from.len() as u64)?;
        if from.is_empty() {
            return Ok(());
        }
        // SAFETY: the range lies in `to`; `from` is borrowed until the wait below is over.
        let code = unsafe { (c.upload.f)(address, from.as_ptr().cast(), from.len(), self.context.stream.0) };
        self.context.check(&c.upload, code)?;
        self.synchronize()
    }

    /// Copies to the host and waits for it.
    ///
    /// # Errors
    /// [`DriverError::Range`], or what the driver says.
    pub fn download(&self, from: &Memory, offset: u64, to: &mut [u8]) -> Result<()> {
        let c = self.context.enter_outside_graph("a copy to pageable memory")?;
        let address = from.at("download", offset, to.len() as u64)?;
        if to.is_empty() {
            return self.synchronize();
        }
        // SAFETY: the range lies in `from`; `to` is borrowed until the wait below is over.
        let code = unsafe { (c.download.f)(to.as_mut_ptr().cast(), address, to.len(), self.context.stream.0) };
        self.context.check(&c.download, code)?;
        self.synchronize()
    }

    /// Puts a copy of `range` to the device into the stream, or into the graph that is being captured.
    ///
    /// # Errors
    /// [`DriverError::Range`], or what the driver says.
    ///
    /// # Safety
    /// Until the stream has been waited for, after this call or after each run of the graph, `from` stays alive and its range is not written. A graph
    /// reads it, and writes `to`, at every run: neither may be dropped before the graph's last run is over.
    pub unsafe fn upload_pinned(&self, to: &Memory, offset: u64, from: &Pinned, range: Range<usize>) -> Result<()> {
        let c = self.context.enter()?;
        let (host, bytes) = from.at("upload", &range)?;
        let address = to.at("upload", offset, bytes as u64)?;
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: both ranges were checked; that they stay is the caller's promise.
        let code = unsafe { (c.upload.f)(address, host.cast(), bytes, self.context.stream.0) };
        self.context.check(&c.upload, code)
    }

    /// Puts a copy of the device's bytes into `range` into the stream, or into the graph that is being captured.
    ///
    /// # Errors
    /// [`DriverError::Range`], or what the driver says.
    ///
    /// # Safety
    /// Until the stream has been waited for, after this call or after each run of the graph, `to` stays alive and its range is neither read nor
    /// written. A graph writes it, and reads `from`, at every run: neither may be dropped before the graph's last run is over.
    pub unsafe fn download_pinned(&self, to: &Pinned, range: Range<usize>, from: &Memory, offset: u64) -> Result<()> {
        let c = self.context.enter()?;
        let (host, bytes) = to.at("download", &range)?;
        let address = from.at("download", offset, bytes as u64)?;
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: both ranges were checked; that they stay, and that nobody else looks, is the caller's promise.
        let code = unsafe { (c.download.f)(host.cast(), address, bytes, self.context.stream.0) };
        self.context.check(&c.download, code)
    }

    /// Fills with a 32-bit word, in stream order. `offset` and `bytes` are multiples of 4.
    ///
    /// # Errors
    /// [`DriverError::Range`], or what the driver says.
    pub fn fill(&self, memory: &Memory, offset: u64, bytes: u64, value: u32) -> Result<()> {
        let c = self.context.enter()?;
        let address = memory.at("fill", offset, bytes)?;
        if !offset.is_multiple_of(4) || !bytes.is_multiple_of(4) {
            return Err(DriverError::Range { what: "fill of whole words", offset, bytes, len: memory.len() });
        }
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: the range lies in `memory`.
        let code = unsafe { (c.fill.f)(address, value, (bytes / 4) as usize, self.context.stream.0) };
        self.context.check(&c.fill, code)
    }

    /// Waits for everything so far.
    ///
    /// # Errors
    /// What the driver says, of this or of anything that ran since the last wait.
    pub fn synchronize(&self) -> Result<()> {
        self.context.synchronize()
    }
}
