//! Memory areas reserved once at load: anonymous, page-aligned, touched before the first step so that no later page fault changes the footprint.

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
        let fail = |source| Error::Memory { what, bytes, source };
        let size = usize::try_from(bytes).map_err(|_| fail(std::io::ErrorKind::OutOfMemory.into()))?.max(1);
        let huge = size >= HUGE;
        // One huge page more than needed, so that the base can be aligned.
        let mapped = size.checked_add(if huge { HUGE } else { 0 }).ok_or_else(|| fail(std::io::ErrorKind::OutOfMemory.into()))?;
        // SAFETY: an anonymous private mapping at an address of the kernel's choice.
        let map = unsafe {
            libc::mmap(std::ptr::null_mut(), mapped, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
        };
        if map == libc::MAP_FAILED {
            return Err(fail(std::io::Error::last_os_error()));
        }
        let base = if huge { map.wrapping_byte_add(map.align_offset(HUGE)) } else { map }.cast::<u8>();
        let area = Self { base, map, mapped, bytes: size };
        if huge {
            // SAFETY: the range lies in the mapping. A refusal only costs speed.
            unsafe { libc::madvise(base.cast(), size, libc::MADV_HUGEPAGE) };
        }
        for page in (0..size).step_by(4096) {
            // SAFETY: `page < size`, and nobody else knows the mapping yet.
            unsafe { base.add(page).write_volatile(0) };
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

    /// All of it, for filling before it is shared.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is initialised (zeroed) and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.bytes) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, unmapped once.
        unsafe { libc::munmap(self.map, self.mapped) };
    }
}
