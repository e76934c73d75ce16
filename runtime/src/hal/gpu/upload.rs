//! Many bytes to a device: by way of two pieces of page-locked memory, one filled while the other is on its way.

use super::{Event, Gpu, Memory, Pinned, Result};

/// Bytes of a piece.
const PIECE: usize = 16 << 20;

/// Copies to a device what lies in ordinary memory.
#[derive(Debug)]
pub struct Uploader<'a> {
    gpu: &'a Gpu,
    pieces: [(Pinned, Event); 2],
    /// The piece that is filled next.
    next: usize,
}

impl<'a> Uploader<'a> {
    /// Reserves the pieces.
    ///
    /// # Errors
    /// What the driver says.
    pub fn new(gpu: &'a Gpu) -> Result<Self> {
        let piece = || Ok((gpu.pinned(PIECE)?, gpu.event()?));
        Ok(Self { gpu, pieces: [piece()?, piece()?], next: 0 })
    }

    /// Sends bytes to a range of `to`. They are there once the uploader is gone or the device was waited for.
    ///
    /// # Errors
    /// [`super::DriverError::Range`], or what the driver says.
    pub fn send(&mut self, to: &Memory, offset: u64, from: &[u8]) -> Result<()> {
        for (number, part) in from.chunks(PIECE).enumerate() {
            let (pinned, free) = &mut self.pieces[self.next];
            // The copy that last used this piece is over; one that never ran is.
            self.gpu.wait_for(free)?;
            pinned.as_mut_slice()[..part.len()].copy_from_slice(part);
            // SAFETY: the piece is left alone until its event has passed.
            unsafe { self.gpu.upload_pinned(to, offset + (number * PIECE) as u64, pinned, 0..part.len())? };
            self.gpu.record(free)?;
            self.next = 1 - self.next;
        }
        Ok(())
    }
}

impl Drop for Uploader<'_> {
    fn drop(&mut self) {
        // The pieces are given back only after the device has read them. What is wrong with it, the next call says.
        let _ = self.gpu.synchronize();
    }
}
