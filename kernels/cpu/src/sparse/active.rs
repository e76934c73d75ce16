//! Which neurons of a block are active for a row. No arithmetic here.

use crate::lanes::{LANES, Lanes};

/// Most neurons of a block.
const BLOCK: usize = 2048;
/// Neurons of a block when several rows take turns on it: few enough that their records stay in the second-level cache.
const SHARED_BLOCK: usize = 512;

/// Neurons of a block for this many rows.
#[inline(always)]
pub(super) fn block(rows: usize) -> usize {
    if rows == 1 { BLOCK } else { SHARED_BLOCK }
}

/// The active neurons of one row in one block, ascending, relative to the block.
pub(super) struct Active {
    len: usize,
    /// With room for one vector of indices more.
    neurons: [u32; BLOCK + LANES],
}

impl Active {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { len: 0, neurons: [0; BLOCK + LANES] }
    }

    /// Finds the values that are not zero; `dense` takes all.
    ///
    /// # Safety
    /// `count` readable values, at most [`BLOCK`].
    #[inline(always)]
    pub(super) unsafe fn collect<L: Lanes>(&mut self, values: *const f32, count: usize, dense: bool) {
        debug_assert!(count <= BLOCK);
        self.len = 0;
        for first in (0..count).step_by(LANES) {
            let mut part = [f32::from(u8::from(dense)); LANES];
            // SAFETY: sixteen values, of the caller or of the copy, whose padding is zero or cut off; the list has room for what precedes and a vector.
            unsafe {
                if !dense {
                    let rest = (count - first).min(LANES);
                    if rest == LANES {
                        part = values.add(first).cast::<[f32; LANES]>().read_unaligned();
                    } else {
                        std::ptr::copy_nonoverlapping(values.add(first), part.as_mut_ptr(), rest);
                    }
                }
                self.len += L::load(part.as_ptr()).nonzero(first as u32, self.neurons.as_mut_ptr().add(self.len));
            }
        }
        if dense {
            self.len = count;
        }
    }

    /// Active neurons.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Neuron `at` of the list, or the last one where the list ends earlier.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> usize {
        self.neurons[at.min(self.len - 1)] as usize
    }
}
