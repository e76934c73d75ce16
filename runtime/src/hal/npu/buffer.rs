//! Memory that the NPU sees. It does not look into the CPU's caches, so each side must be told of what the other wrote.

use super::device::Device;
use super::{Npu, NpuError, Result};
use std::ops::Range;
use std::sync::Arc;
use xrt_sys::{BoKind, CreateBo, GemClose, GetBoInfo, HEAP_BYTES, INVALID_ADDRESS, SYNC_TO_DEVICE, SyncBo};

/// A buffer of the driver, mapped here; unmapped and let go of when dropped.
#[derive(Debug)]
pub(super) struct Bo {
    device: Arc<Device>,
    pub handle: u32,
    /// Where it is mapped.
    base: *mut u8,
    bytes: usize,
    /// Bytes to unmap: none for a piece of the heap.
    mapped: usize,
    /// Where it is for the device.
    address: u64,
    /// What it is a piece of, kept for as long.
    heap: Option<Arc<Bo>>,
}

// SAFETY: plain memory, owned; what the device does to it is settled by the promise of those who submit commands.
unsafe impl Send for Bo {}
// SAFETY: as above.
unsafe impl Sync for Bo {}

impl Bo {
    /// The heap: the device finds it where the driver puts it, and it must be aligned to its size here.
    pub fn heap(device: &Arc<Device>) -> Result<Self> {
        let mut heap = Self::create(device, BoKind::DevHeap, "the NPU's heap", HEAP_BYTES)?;
        let room = Room::reserve(HEAP_BYTES)?;
        let mapped = heap.map("the NPU's heap", room.base);
        if heap.mapped > 0 {
            room.hand_over();
        }
        mapped.map(|()| heap)
    }

    /// Pages of the host, or a command's.
    pub fn pages(device: &Arc<Device>, kind: BoKind, what: &'static str, bytes: usize) -> Result<Self> {
        let mut bo = Self::create(device, kind, what, bytes)?;
        bo.map(what, std::ptr::null_mut())?;
        // The pages come from the kernel with zeros that may wait in a cache; written back later, they would cover what the device wrote.
        bo.flush(what, 0..bytes)?;
        Ok(bo)
    }

    /// A piece of the heap.
    pub fn piece(heap: &Arc<Self>, what: &'static str, bytes: usize) -> Result<Self> {
        let device = &heap.device;
        let mut bo = Self::create(device, BoKind::Dev, what, bytes)?;
        let info = bo.info()?;
        let offset = info.xdna_addr.checked_sub(heap.address).and_then(|offset| usize::try_from(offset).ok());
        let Some(offset) = offset.filter(|offset| offset.checked_add(bytes).is_some_and(|end| end <= heap.bytes)) else {
            return Err(NpuError::Range { what: "a piece of the heap", offset: offset.unwrap_or(usize::MAX), bytes, len: heap.bytes });
        };
        // SAFETY: the offset lies in the heap's mapping.
        bo.base = unsafe { heap.base.add(offset) };
        bo.address = info.xdna_addr;
        bo.heap = Some(Arc::clone(heap));
        Ok(bo)
    }

    fn create(device: &Arc<Device>, kind: BoKind, what: &'static str, bytes: usize) -> Result<Self> {
        device.alive()?;
        let mut argument = CreateBo { size: bytes.max(1) as u64, kind: kind as u32, ..CreateBo::default() };
        // SAFETY: no address is given.
        match unsafe { device.ask(&mut argument) } {
            Ok(()) => {}
            // A heap that is full says ENOSPC; one that could grow, on later generations, says EAGAIN.
            Err(libc::ENOMEM | libc::ENOSPC | libc::EAGAIN) => {
                return Err(NpuError::OutOfMemory { what, bytes: bytes as u64, heap: kind == BoKind::Dev });
            }
            Err(code) => return Err(device.judge("DRM_IOCTL_AMDXDNA_CREATE_BO", code)),
        }
        let (device, handle) = (Arc::clone(device), argument.handle);
        Ok(Self { device, handle, base: std::ptr::null_mut(), bytes, mapped: 0, address: INVALID_ADDRESS, heap: None })
    }

    fn info(&self) -> Result<GetBoInfo> {
        let mut argument = GetBoInfo { handle: self.handle, ..GetBoInfo::default() };
        // SAFETY: no address is given.
        unsafe { self.device.call(&mut argument)? };
        Ok(argument)
    }

    /// Maps it at an address, or anywhere if that is null.
    fn map(&mut self, what: &'static str, at: *mut u8) -> Result<()> {
        let offset = self.info()?.map_offset;
        let bytes = self.bytes.max(1).next_multiple_of(page());
        self.base = (self.device.calls.map)(at, bytes, offset).map_err(|code| match code {
            // What `mmap` says to locked memory above the limit, and to a limit of zero.
            libc::EAGAIN | libc::EPERM => NpuError::Memlock { what, bytes: bytes as u64, limit: (self.device.calls.memlock)() },
            libc::ENOMEM => NpuError::OutOfMemory { what, bytes: bytes as u64, heap: false },
            code => self.device.judge("mmap", code),
        })?;
        self.mapped = bytes;
        // Asked again: where the device shares this process's addresses, it learns this one by the mapping. Older drivers never tell, and mean the same.
        let address = self.info()?.xdna_addr;
        self.address = if address == INVALID_ADDRESS { self.base as u64 } else { address };
        Ok(())
    }

    /// Writes a range back from the CPU's caches and forgets it there: what the CPU wrote is seen by the device, and what the device wrote by the CPU.
    pub fn flush(&self, what: &'static str, range: Range<usize>) -> Result<()> {
        let size = self.within(what, &range)?;
        if size == 0 {
            return Ok(());
        }
        let mut argument = SyncBo { handle: self.handle, direction: SYNC_TO_DEVICE, offset: range.start as u64, size: size as u64 };
        // SAFETY: no address is given.
        unsafe { self.device.call(&mut argument) }
    }

    fn within(&self, what: &'static str, range: &Range<usize>) -> Result<usize> {
        let bytes = range.end.saturating_sub(range.start);
        if range.start <= range.end && range.end <= self.bytes {
            return Ok(bytes);
        }
        Err(NpuError::Range { what, offset: range.start, bytes, len: self.bytes })
    }

    /// Copies into it, and tells the device.
    pub fn fill(&self, bytes: &[u8]) -> Result<()> {
        let range = 0..bytes.len();
        self.within("a copy", &range)?;
        // SAFETY: the range lies in the mapping; nothing else holds this memory, for it is not handed out yet.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base, bytes.len()) };
        self.flush("a copy", range)
    }

    /// A word of it as the driver, too, reads and writes it.
    pub fn word(&self, index: usize) -> &std::sync::atomic::AtomicU32 {
        assert!((index + 1) * 4 <= self.bytes, "a packet lies in its buffer");
        // SAFETY: within the mapping, which begins at a page; the driver and this are all who touch it.
        unsafe { std::sync::atomic::AtomicU32::from_ptr(self.base.cast::<u32>().add(index)) }
    }

    pub fn address(&self) -> u64 {
        self.address
    }

    pub fn len(&self) -> usize {
        self.bytes
    }
}

impl Drop for Bo {
    fn drop(&mut self) {
        if self.mapped > 0 {
            // SAFETY: mapped in `map`, once; who submits commands promises that the device is done.
            unsafe { libc::munmap(self.base.cast(), self.mapped) };
        }
        let mut argument = GemClose { handle: self.handle, pad: 0 };
        // SAFETY: no address is given.
        let _ = unsafe { self.device.call(&mut argument) };
    }
}

/// A range of addresses that nothing is mapped to yet.
struct Room {
    base: *mut u8,
    bytes: usize,
}

impl Room {
    /// Reserves `bytes`, a power of two, aligned to themselves.
    fn reserve(bytes: usize) -> Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: maps anywhere.
        let all = unsafe { libc::mmap(std::ptr::null_mut(), 2 * bytes, libc::PROT_NONE, flags, -1, 0) };
        if all == libc::MAP_FAILED {
            return Err(NpuError::OutOfMemory { what: "addresses for the NPU's heap", bytes: 2 * bytes as u64, heap: false });
        }
        let all = all.cast::<u8>();
        let before = all.align_offset(bytes);
        // SAFETY: the ends of the range just mapped; what is between is as long as was asked for.
        unsafe {
            let base = all.add(before);
            if before > 0 {
                libc::munmap(all.cast(), before);
            }
            libc::munmap(base.add(bytes).cast(), bytes - before);
            Ok(Self { base, bytes })
        }
    }

    /// Something is mapped here now that will be unmapped by its owner.
    fn hand_over(self) {
        std::mem::forget(self);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: reserved in `reserve` and not handed over.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

fn page() -> usize {
    // SAFETY: takes any name.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Memory that host and NPU share: what goes into a command and what comes out of it.
#[derive(Debug)]
pub struct Buffer {
    pub(super) bo: Arc<Bo>,
}

impl Npu {
    /// Reserves memory for both sides, filled with zeros. It is locked, so the limit of locked memory counts.
    ///
    /// # Errors
    /// [`NpuError::Memlock`] or [`NpuError::OutOfMemory`] naming `what`, or what the driver says.
    pub fn buffer(&self, what: &'static str, bytes: usize) -> Result<Buffer> {
        Ok(Buffer { bo: Arc::new(Bo::pages(&self.device, BoKind::Share, what, bytes)?) })
    }
}

impl Buffer {
    /// Its size.
    pub fn len(&self) -> usize {
        self.bo.len()
    }

    /// Whether nothing can be stored in it.
    pub fn is_empty(&self) -> bool {
        self.bo.len() == 0
    }

    /// Its first byte for the NPU.
    pub fn address(&self) -> u64 {
        self.bo.address()
    }

    /// Its bytes, as the CPU sees them.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: mapped and filled by the kernel; the device does not write meanwhile, by the promise made to `Context::submit`.
        unsafe { std::slice::from_raw_parts(self.bo.base, self.bo.bytes) }
    }

    /// Its bytes, to be changed. The NPU sees the change after [`Buffer::hand_over`].
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed exclusively; a command that holds it too does not run, by the same promise.
        unsafe { std::slice::from_raw_parts_mut(self.bo.base, self.bo.bytes) }
    }

    /// Shows the NPU what the CPU wrote in a range.
    ///
    /// # Errors
    /// [`NpuError::Range`], or what the driver says.
    pub fn hand_over(&self, range: Range<usize>) -> Result<()> {
        self.bo.flush("handing over", range)
    }

    /// Shows the CPU what the NPU wrote in a range. Lines that the CPU wrote meanwhile, and did not hand over, win.
    ///
    /// # Errors
    /// [`NpuError::Range`], or what the driver says.
    pub fn take_back(&mut self, range: Range<usize>) -> Result<()> {
        self.bo.flush("taking back", range)
    }
}
