//! Memory of a device, and page-locked memory of the host.

use super::context::Context;
use super::{DriverError, Result, calls};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Allocations are whole multiples of this, so that a kernel may read a full vector at the end.
const GRAIN: u64 = 256;

/// Memory on a device; given back when dropped.
#[derive(Debug)]
pub struct Memory {
    context: Arc<Context>,
    address: u64,
    bytes: u64,
}

impl Memory {
    pub(super) fn new(context: &Arc<Context>, what: &'static str, bytes: u64) -> Result<Self> {
        let c = context.enter_outside_graph("reserving memory")?;
        let fail = |error| context.no_memory(error, what, bytes, true);
        let refuse = || DriverError::OutOfMemory { what, bytes, free: context.free_memory().ok() };
        let size = bytes.max(1).checked_next_multiple_of(GRAIN).and_then(|b| usize::try_from(b).ok()).ok_or_else(refuse)?;
        let mut address = 0;
        // SAFETY: writes one address.
        context.check(&c.allocate, unsafe { (c.allocate.f)(&raw mut address, size) }).map_err(fail)?;
        let memory = Self { context: Arc::clone(context), address, bytes };
        // SAFETY: the range is the memory just reserved, a multiple of four bytes.
        context.check(&c.fill, unsafe { (c.fill.f)(address, 0, size / 4, context.stream.0) })?;
        Ok(memory)
    }

    /// Its first byte, for kernels.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Its size.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing can be stored in it.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The address of a range that lies in it.
    pub(super) fn at(&self, what: &'static str, offset: u64, bytes: u64) -> Result<u64> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.bytes => Ok(self.address + offset),
            _ => Err(DriverError::Range { what, offset, bytes, len: self.bytes }),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        settle(&self.context);
        // SAFETY: reserved in `new`, given back once; the stream was waited for, and who launches what is told to keep memory alive.
        self.context.discard(|c| (c.free, unsafe { (c.free.f)(self.address) }));
    }
}

/// Page-locked memory of the host, which a device reads and writes by itself; given back when dropped.
#[derive(Debug)]
pub struct Pinned {
    context: Arc<Context>,
    base: *mut u8,
    bytes: usize,
}

// SAFETY: plain memory, owned; what a device does to it is settled by the promises of those who start copies.
unsafe impl Send for Pinned {}
// SAFETY: as above.
unsafe impl Sync for Pinned {}

impl Pinned {
    pub(super) fn new(context: &Arc<Context>, bytes: usize) -> Result<Self> {
        let c = context.enter_outside_graph("reserving memory")?;
        let mut base = std::ptr::null_mut();
        // SAFETY: writes one pointer.
        let code = unsafe { (c.allocate_host.f)(&raw mut base, bytes.max(1), calls::HOST_PORTABLE) };
        context.check(&c.allocate_host, code).map_err(|e| context.no_memory(e, "page-locked memory of the host", bytes as u64, false))?;
        let base = base.cast::<u8>();
        // SAFETY: at least this much was reserved.
        unsafe { base.write_bytes(0, bytes.max(1)) };
        Ok(Self { context: Arc::clone(context), base, bytes })
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: initialised in `new`; no device writes meanwhile, by the promise made to `download_pinned`.
        unsafe { std::slice::from_raw_parts(self.base, self.bytes) }
    }

    /// Its bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed exclusively; no device reads meanwhile, by the promise made to `upload_pinned`.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.bytes) }
    }

    /// Pointer and length of a range that lies in it.
    pub(super) fn at(&self, what: &'static str, range: &Range<usize>) -> Result<(*mut u8, usize)> {
        if range.start <= range.end && range.end <= self.bytes {
            return Ok((self.base.wrapping_add(range.start), range.end - range.start));
        }
        let bytes = range.end.saturating_sub(range.start) as u64;
        Err(DriverError::Range { what, offset: range.start as u64, bytes, len: self.bytes as u64 })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        settle(&self.context);
        // SAFETY: reserved in `new`, given back once, after the stream was waited for.
        self.context.discard(|c| (c.free_host, unsafe { (c.free_host.f)(self.base.cast()) }));
    }
}

/// Lets the stream run dry before memory that it may use goes away.
fn settle(context: &Context) {
    if !context.capturing.load(Ordering::Acquire) {
        let _ = context.synchronize();
    }
}
