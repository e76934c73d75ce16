//! Host memory as the shim sees it: each argument buffer at an address of its own, far from the others.

/// The buffers of one run.
pub(super) struct Host<'a, 'b> {
    buffers: &'a mut [&'b mut [u8]],
}

const SHIFT: u32 = 36;

impl<'a, 'b> Host<'a, 'b> {
    pub(super) fn new(buffers: &'a mut [&'b mut [u8]]) -> Self {
        Host { buffers }
    }

    /// Address of an argument; buffers end long before the next begins.
    pub(super) fn address(&self, argument: usize) -> Option<u64> {
        (argument < self.buffers.len()).then(|| (argument as u64 + 1) << SHIFT)
    }

    fn slot(&mut self, word: u64) -> Option<&mut [u8]> {
        let address = word.checked_mul(4)?;
        let index = usize::try_from((address >> SHIFT).checked_sub(1)?).ok()?;
        let at = usize::try_from(address & ((1 << SHIFT) - 1)).ok()?;
        self.buffers.get_mut(index)?.get_mut(at..)?.get_mut(..4)
    }

    #[inline]
    pub(super) fn load(&mut self, word: u64) -> Option<u32> {
        self.slot(word).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    #[inline]
    pub(super) fn store(&mut self, word: u64, value: u32) -> Option<()> {
        self.slot(word).map(|b| b.copy_from_slice(&value.to_le_bytes()))
    }
}
