//! The memory of the device: which addresses are reserved. A device address is the host's own, so that an access is a check and a load.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;

/// Every reservation begins at a multiple of this, as with HIP.
const ALIGNMENT: usize = 256;
/// Bytes on both sides of a reservation that belong to nobody, so that a step too far is seen.
const GUARD: usize = 4096;

/// Why memory could not be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} bytes are wanted, {free} are free")]
pub struct Full {
    /// What was asked for.
    pub wanted: usize,
    /// What there is.
    pub free: usize,
}

/// All reservations.
#[derive(Debug)]
pub struct Space {
    blocks: BTreeMap<u64, Block>,
    limit: usize,
    used: usize,
}

#[derive(Debug)]
struct Block {
    bytes: usize,
    /// The page-locked memory of the host is not the device's, and not counted.
    counted: bool,
    layout: Layout,
}

impl Space {
    /// A device with `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { blocks: BTreeMap::new(), limit, used: 0 }
    }

    /// Bytes there are.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes nobody holds.
    pub const fn free_bytes(&self) -> usize {
        self.limit - self.used
    }

    /// Reserves bytes, which are zero. Memory of the host (`counted` false) does not count against the device's.
    ///
    /// # Errors
    /// [`Full`].
    pub fn reserve(&mut self, bytes: usize, counted: bool) -> Result<u64, Full> {
        let full = Full { wanted: bytes, free: self.free_bytes() };
        let rounded = bytes.max(1).checked_next_multiple_of(ALIGNMENT).ok_or(full)?;
        if counted && rounded > self.free_bytes() {
            return Err(full);
        }
        let layout = rounded.checked_add(2 * GUARD).and_then(|all| Layout::from_size_align(all, GUARD).ok()).ok_or(full)?;
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            return Err(full);
        }
        let address = base as u64 + GUARD as u64;
        self.used += if counted { rounded } else { 0 };
        self.blocks.insert(address, Block { bytes, counted, layout });
        Ok(address)
    }

    /// Gives bytes back. `false` if nothing begins at `address`.
    pub fn release(&mut self, address: u64) -> bool {
        let Some(block) = self.blocks.remove(&address) else { return false };
        self.used -= if block.counted { block.layout.size() - 2 * GUARD } else { 0 };
        // SAFETY: reserved above with this layout, and removed from the table.
        unsafe { dealloc((address - GUARD as u64) as *mut u8, block.layout) };
        true
    }

    /// Whether all of a range is reserved.
    pub fn holds(&self, address: u64, bytes: usize) -> bool {
        let Some((start, block)) = self.blocks.range(..=address).next_back() else { return false };
        address.checked_add(bytes as u64).is_some_and(|end| end <= start + block.bytes as u64)
    }

    /// The ranges, for the threads of a launch.
    pub fn view(&self) -> View {
        View(self.blocks.iter().map(|(start, block)| (*start, start + block.bytes as u64)).collect())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let all: Vec<u64> = self.blocks.keys().copied().collect();
        for address in all {
            self.release(address);
        }
    }
}

/// The reserved ranges while a launch runs, in order.
#[derive(Debug, Clone)]
pub struct View(Vec<(u64, u64)>);

impl View {
    /// A view of ranges given by start and end. The caller answers for them being memory that may be read and written.
    ///
    /// # Safety
    /// All of it is memory that stays, and that is only accessed by launches as long as one with this view runs.
    pub unsafe fn of(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        Self(ranges)
    }

    /// The range that holds an address, or an empty one.
    pub fn range(&self, address: u64) -> (u64, u64) {
        let behind = self.0.partition_point(|(start, _)| *start <= address);
        behind.checked_sub(1).map(|i| self.0[i]).filter(|(_, end)| address < *end).unwrap_or((1, 0))
    }
}
