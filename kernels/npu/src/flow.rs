//! What the array's design must know of a kernel: sizes of what flows, and the order in which memory tiles deal it out.

use unicorn_kernels_xdna::array::{Descriptor, Dim};

/// Blocks in, results out. All cores of an array do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The cores of a column get the same blocks, by two channels each; else each gets blocks of its own by one.
    pub broadcast: bool,
    /// Bytes of a block. They come from the host in a plain order and leave the memory tile dealt out.
    pub block: usize,
    /// The walk through a block in which a memory tile deals it out.
    pub deal: [Dim; 4],
    /// Bytes from the begin of a core's memory that are kept for activations: whole banks. Two blocks a channel follow.
    pub room: usize,
    /// Words of results that a core gives at once.
    pub results: usize,
    /// The walk through the results, in which they leave.
    pub walk: [Dim; 4],
    /// Bytes of a core's buffer of results; there are two.
    pub buffer: usize,
}

/// One word after the other.
pub(crate) const PLAIN: Dim = Dim { step: 1, wrap: 0 };

pub(crate) fn dim(step: usize, wrap: usize) -> Dim {
    Dim { step: step as u32, wrap: wrap as u32 }
}

impl Flow {
    /// Channels by which blocks come to a core.
    pub(crate) const fn channels(&self) -> usize {
        if self.broadcast { 2 } else { 1 }
    }

    /// Offset in a core's memory of a channel's first block; the second one follows it.
    pub(crate) const fn block_at(&self, channel: usize) -> u32 {
        (self.room + 2 * channel * self.block) as u32
    }

    /// Where in a block the byte stands that leaves it at a place in the dealing.
    pub(crate) fn dealt(&self, at: usize) -> usize {
        let mut rest = at / 4;
        let mut word = 0;
        for dim in self.deal {
            let wrap = if dim.wrap == 0 { usize::MAX } else { dim.wrap as usize };
            word += rest % wrap * dim.step as usize;
            rest /= wrap;
        }
        4 * word + at % 4
    }

    /// The memory tile's descriptor that deals out a block.
    pub(crate) fn dealing(&self, address: u64) -> Descriptor {
        Descriptor { dims: self.deal, ..Descriptor::linear(address, self.block as u32 / 4) }
    }
}
