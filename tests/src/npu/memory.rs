//! Buffers: handles, addresses, mappings, and two sides that see each other's bytes only line by line, when flushed.

use super::Addresses;
use std::collections::BTreeMap;
use std::ops::Range;
use xrt_sys::{HEAP_BASE, HEAP_BYTES, HEAP_GRAIN, INVALID_ADDRESS};

/// Bytes of a cache line.
const LINE: usize = 64;
/// Bytes of a page.
const PAGE: usize = 4096;
/// Bytes of a buffer that this machine does not have.
const MOST: u64 = 1 << 32;
/// Where the device's own addresses begin.
const OWN: u64 = 0x40_0000_0000;

/// What a buffer is: command buffers are shared ones to the drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Shared,
    Heap,
    /// A piece of the heap, from this offset on.
    Piece(usize),
}

/// One buffer. Pieces have no bytes of their own.
pub struct Bo {
    pub kind: Kind,
    pub bytes: usize,
    /// Where the CPU's side is.
    pub base: *mut u8,
    /// What the device sees.
    pub device: Vec<u8>,
    /// What was in the CPU's lines when they were last flushed.
    seen: Vec<u8>,
    /// Which lines were ever flushed; the others wait in a cache.
    flushed: Vec<bool>,
    /// Whether this process still has a handle.
    pub open: bool,
}

// SAFETY: the base is an address in this process, used under the driver's lock.
unsafe impl Send for Bo {}

impl Bo {
    /// As `clflush` does: dirty lines go to memory, clean ones are fetched anew.
    fn flush(&mut self, range: Range<usize>) {
        for line in range.start / LINE..range.end.div_ceil(LINE) {
            let at = line * LINE..((line + 1) * LINE).min(self.bytes);
            // SAFETY: the range lies in the mapping, which lives as long as the handle; nobody else writes it during this call.
            let user = unsafe { std::slice::from_raw_parts_mut(self.base.add(at.start), at.len()) };
            if !self.flushed[line] || *user != self.seen[at.clone()] {
                self.device[at.clone()].copy_from_slice(user);
            } else {
                user.copy_from_slice(&self.device[at.clone()]);
            }
            self.seen[at].copy_from_slice(user);
            self.flushed[line] = true;
        }
    }
}

/// All buffers of the process.
pub struct Memory {
    pub bos: BTreeMap<u32, Bo>,
    next: u32,
    pub heap: Option<u32>,
    addresses: Addresses,
    locked: u64,
}

impl Memory {
    pub fn new(addresses: Addresses) -> Self {
        Self { bos: BTreeMap::new(), next: 1, heap: None, addresses, locked: 0 }
    }

    /// Buffers that have a handle.
    pub fn open(&self) -> usize {
        self.bos.values().filter(|bo| bo.open).count()
    }

    /// A buffer by its handle.
    pub fn get(&self, handle: u32) -> Option<&Bo> {
        self.bos.get(&handle).filter(|bo| bo.open)
    }

    fn add(&mut self, kind: Kind, bytes: usize, own: usize) -> u32 {
        let handle = self.next;
        self.next += 1;
        let lines = own.div_ceil(LINE);
        let bo = Bo { kind, bytes, base: std::ptr::null_mut(), device: vec![0; own], seen: vec![0; own], flushed: vec![false; lines], open: true };
        self.bos.insert(handle, bo);
        handle
    }

    pub fn create(&mut self, kind: u32, size: u64) -> Result<u32, i32> {
        if size > MOST {
            return Err(libc::ENOMEM);
        }
        let size = usize::try_from(size).map_err(|_| libc::EINVAL)?;
        let bytes = size.next_multiple_of(PAGE);
        match kind {
            1 | 4 if size > 0 => Ok(self.add(Kind::Shared, bytes, bytes)),
            2 if size == 0 || !size.is_multiple_of(HEAP_BYTES) => Err(libc::EINVAL),
            2 if self.heap.is_some() => Err(libc::ENOSPC),
            2 => {
                let heap = self.add(Kind::Heap, size, size);
                self.heap = Some(heap);
                Ok(heap)
            }
            3 if size == 0 || bytes > HEAP_BYTES => Err(libc::EINVAL),
            3 => {
                let heap = self.heap.ok_or(libc::EAGAIN)?;
                if self.bos[&heap].base.is_null() {
                    return Err(libc::EAGAIN);
                }
                let at = self.room(bytes).ok_or(libc::ENOSPC)?;
                Ok(self.add(Kind::Piece(at), bytes, 0))
            }
            _ => Err(libc::EINVAL),
        }
    }

    /// The first gap of the heap that is long enough.
    fn room(&self, bytes: usize) -> Option<usize> {
        let mut taken: Vec<(usize, usize)> =
            self.bos.values().filter_map(|bo| if let Kind::Piece(at) = bo.kind { Some((at, at + bo.bytes)) } else { None }).collect();
        taken.sort_unstable();
        let mut at = 0;
        for (begin, end) in taken {
            if at + bytes <= begin {
                break;
            }
            at = end.next_multiple_of(HEAP_GRAIN as usize);
        }
        (at + bytes <= HEAP_BYTES).then_some(at)
    }

    /// Offset for `mmap`, address here, address for the device.
    pub fn info(&self, handle: u32) -> Result<(u64, u64, u64), i32> {
        let bo = self.get(handle).ok_or(libc::ENOENT)?;
        let here = if bo.base.is_null() { INVALID_ADDRESS } else { bo.base as u64 };
        Ok(match bo.kind {
            Kind::Shared => {
                let told = match self.addresses {
                    Addresses::Told => here,
                    Addresses::Silent => INVALID_ADDRESS,
                    Addresses::Own => OWN + (u64::from(handle) << 32),
                };
                (u64::from(handle) << 32, here, told)
            }
            Kind::Heap => (u64::from(handle) << 32, here, HEAP_BASE),
            Kind::Piece(at) => (INVALID_ADDRESS, 0, HEAP_BASE + at as u64),
        })
    }

    pub fn map(&mut self, at: *mut u8, bytes: usize, offset: u64, limit: Option<u64>) -> Result<*mut u8, i32> {
        let handle = u32::try_from(offset >> 32).map_err(|_| libc::EINVAL)?;
        let bo = self.bos.get_mut(&handle).filter(|bo| bo.open && !matches!(bo.kind, Kind::Piece(_))).ok_or(libc::EINVAL)?;
        if bytes != bo.bytes {
            return Err(libc::EINVAL);
        }
        match limit {
            Some(0) => return Err(libc::EPERM),
            Some(limit) if self.locked + bytes as u64 > limit => return Err(libc::EAGAIN),
            _ => self.locked += bytes as u64,
        }
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | if at.is_null() { 0 } else { libc::MAP_FIXED };
        // SAFETY: fresh memory anywhere, or over the range that the caller reserved.
        let base = unsafe { libc::mmap(at.cast(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(libc::ENOMEM);
        }
        bo.base = base.cast();
        Ok(bo.base)
    }

    pub fn sync(&mut self, handle: u32, offset: u64, size: u64) -> Result<(), i32> {
        let bo = self.get(handle).ok_or(libc::ENOENT)?;
        let end = offset.checked_add(size).filter(|_| offset < bo.bytes as u64).ok_or(libc::EINVAL)?;
        let (kind, range) = (bo.kind, offset as usize..end.min(bo.bytes as u64) as usize);
        let (handle, range) = match kind {
            Kind::Piece(at) => (self.heap.ok_or(libc::EINVAL)?, at + range.start..at + range.end),
            Kind::Shared | Kind::Heap => (handle, range),
        };
        let bo = self.bos.get_mut(&handle).ok_or(libc::EINVAL)?;
        if bo.base.is_null() {
            return Err(libc::EINVAL);
        }
        bo.flush(range);
        Ok(())
    }

    /// Lets go of a handle. What a context holds stays in the heap.
    pub fn close(&mut self, handle: u32, held: bool) -> Result<(), i32> {
        let bo = self.bos.get_mut(&handle).filter(|bo| bo.open).ok_or(libc::EINVAL)?;
        bo.open = false;
        if matches!(bo.kind, Kind::Shared | Kind::Heap) {
            self.locked = self.locked.saturating_sub(bo.bytes as u64);
        }
        if self.heap == Some(handle) {
            self.heap = None;
        }
        if !held {
            self.bos.remove(&handle);
        }
        Ok(())
    }

    /// The piece of the heap at an address, and how many bytes it has from there.
    pub fn piece(&self, address: u64, bytes: usize) -> Option<&[u8]> {
        let at = usize::try_from(address.checked_sub(HEAP_BASE)?).ok()?;
        let inside = |bo: &Bo| matches!(bo.kind, Kind::Piece(begin) if begin <= at && at + bytes <= begin + bo.bytes);
        self.bos.values().any(inside).then(|| &self.bos[&self.heap.expect("a piece has a heap")].device[at..at + bytes])
    }

    /// The shared buffer, of those that a command was said to use, that begins at an address of the device. Of others there may be one more, for an instant:
    /// unmapped and not closed yet, while another thread's was mapped to the same place.
    pub fn shared(&self, address: u64, said: &[u32]) -> Option<u32> {
        let begins = |handle: u32, bo: &Bo| match (self.addresses, bo.kind) {
            (Addresses::Own, Kind::Shared) => OWN + (u64::from(handle) << 32) == address,
            (_, Kind::Shared) => !bo.base.is_null() && bo.base as u64 == address,
            _ => false,
        };
        self.bos.iter().find(|(handle, bo)| said.contains(handle) && begins(**handle, bo)).map(|(handle, _)| *handle)
    }
}
