//! Which neurons of a block are active, and for which rows. No arithmetic here.

/// Rows of a block: the bits of a mask.
pub(super) const ROWS: usize = 64;
/// Neurons of a block.
pub(super) const BLOCK: usize = 512;

/// The active neurons of one block of rows and neurons, ascending.
pub(super) struct Active {
    len: usize,
    neurons: [u16; BLOCK],
    rows: [u64; BLOCK],
}

impl Active {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { len: 0, neurons: [0; BLOCK], rows: [0; BLOCK] }
    }

    /// Finds the pairs of row and neuron whose value is not zero; `dense` takes every pair.
    ///
    /// # Safety
    /// `values` holds `rows` (at most [`ROWS`]) rows of `count` (at most [`BLOCK`]) values, `stride` apart.
    #[inline(always)]
    pub(super) unsafe fn collect(&mut self, values: *const f32, stride: usize, rows: usize, count: usize, dense: bool) {
        debug_assert!(rows <= ROWS && count <= BLOCK);
        let masks = &mut self.rows[..count];
        masks.fill(if dense { u64::MAX >> (ROWS - rows) } else { 0 });
        if !dense {
            for row in 0..rows {
                // SAFETY: the caller's promise.
                let values = unsafe { std::slice::from_raw_parts(values.add(row * stride), count) };
                for (mask, value) in masks.iter_mut().zip(values) {
                    *mask |= u64::from(*value != 0.0) << row;
                }
            }
        }
        self.len = 0;
        for neuron in 0..count {
            let mask = self.rows[neuron];
            self.neurons[self.len] = neuron as u16;
            self.rows[self.len] = mask;
            self.len += usize::from(mask != 0);
        }
    }

    /// Active neurons.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Neuron `at` of the list, relative to the block, and the mask of its rows.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> (usize, u64) {
        (usize::from(self.neurons[at]), self.rows[at])
    }

    /// The neuron `distance` after `at`, or the last one.
    #[inline(always)]
    pub(super) fn ahead(&self, at: usize, distance: usize) -> usize {
        usize::from(self.neurons[(at + distance).min(self.len - 1)])
    }
}
