//! Memory areas reserved once at load: anonymous, page-aligned, touched before the first step so that no later page fault changes the footprint.

#![allow(unexpected_cfgs, reason = "`cargo fuzz` sets `fuzzing`")]

use crate::{Error, Result};

const HUGE: usize = 2 << 20;

/// An anonymous mapping, zeroed, of fixed size.
#[derive(Debug)]
pub struct Area {
    base: *mut u8,
    map: *mut libc::c_void,
    mapped: usize,
    bytes: usize,
}

// SAFETY: an area is plain memory; who writes which part is settled by the device that owns it.
unsafe impl Send for Area {}
// SAFETY: as above.
unsafe impl Sync for Area {}

impl Area {
    /// Reserves `bytes`, asks for huge pages where the area fills at least one, and touches every page.
    ///
    /// # Errors
    /// [`Error::Memory`] naming `what`.
    pub fn new(what: &'static str, bytes: u64) -> Result<Self> {
        let area = Self::untouched(what, bytes)?;
        for page in (0..area.bytes).step_by(4096) {
            // SAFETY: `page` lies in the area, and nobody else knows the mapping yet.
            unsafe { area.base.add(page).write_volatile(0) };
        }
        Ok(area)
    }

    /// As [`Area::new`], for an area that the caller fills at once, or may never need.
    ///
    /// # Errors
    /// [`Error::Memory`] naming `what`.
    pub fn untouched(what: &'static str, bytes: u64) -> Result<Self> {
        let fail = |source| Error::Memory { what, bytes, source };
        let size = usize::try_from(bytes).map_err(|_| fail(std::io::ErrorKind::OutOfMemory.into()))?.max(1);
        // Pages are handed out as they are touched: where they are not there, the system would end the process instead of refusing.
        if size >= HUGE && available().is_some_and(|most| bytes > most) {
            return Err(fail(std::io::ErrorKind::OutOfMemory.into()));
        }
        let huge = size >= HUGE && !cfg!(fuzzing);
        // One huge page more than needed, so that the base can be aligned.
        let mapped = size.checked_add(if huge { HUGE } else { 0 }).ok_or_else(|| fail(std::io::ErrorKind::OutOfMemory.into()))?;
        let map = reserve(mapped).map_err(fail)?;
        let base = if huge { map.wrapping_byte_add(map.align_offset(HUGE)) } else { map }.cast::<u8>();
        let area = Self { base, map, mapped, bytes: size };
        if huge {
            // SAFETY: the range lies in the mapping. A refusal only costs speed.
            unsafe { libc::madvise(base.cast(), size, libc::MADV_HUGEPAGE) };
        }
        Ok(area)
    }

    /// First byte.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// Its size.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it is empty (it never is: at least one byte is reserved).
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// All of it, where nobody writes it.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the mapping is initialised (zeroed), and areas of weights are written only while they are loaded.
        unsafe { std::slice::from_raw_parts(self.base, self.bytes) }
    }

    /// All of it, for filling before it is shared.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is initialised (zeroed) and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.bytes) }
    }
}

/// An anonymous private mapping at an address of the kernel's choice.
#[cfg(not(fuzzing))]
fn reserve(bytes: usize) -> std::io::Result<*mut libc::c_void> {
    // SAFETY: asks for new memory, touches none.
    let map = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    if map == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(map) }
}

/// Under a fuzzer, memory of the allocator: the sanitizer then sees the first byte beyond an area.
#[cfg(fuzzing)]
fn reserve(bytes: usize) -> std::io::Result<*mut libc::c_void> {
    // SAFETY: at least one byte, aligned to a power of two.
    let map = unsafe { std::alloc::alloc_zeroed(std::alloc::Layout::from_size_align(bytes, 4096).map_err(std::io::Error::other)?) };
    if map.is_null() { Err(std::io::ErrorKind::OutOfMemory.into()) } else { Ok(map.cast()) }
}

/// # Safety
/// `map` is a reservation of `bytes` that nobody uses any more.
unsafe fn release(map: *mut libc::c_void, bytes: usize) {
    // SAFETY: the caller's promise.
    #[cfg(not(fuzzing))]
    unsafe {
        libc::munmap(map, bytes);
    }
    // SAFETY: the caller's promise; the layout is that of `reserve`.
    #[cfg(fuzzing)]
    unsafe {
        std::alloc::dealloc(map.cast(), std::alloc::Layout::from_size_align_unchecked(bytes, 4096));
    }
}

/// Memory that can be had now without swapping, as far as the system tells.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: the reservation made in `new`, released once.
        unsafe { release(self.map, self.mapped) };
    }
}
