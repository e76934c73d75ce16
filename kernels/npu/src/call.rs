//! A call: what is to be multiplied, and how it is cut into what cores, memories and channels can hold.

use crate::NpuError;
use crate::flow::{Flow, dim};

/// How a weight is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weights {
    /// A signed byte each.
    Int8,
    /// Two signed nibbles a byte, the lower one first.
    Int4,
}

impl Weights {
    /// Bytes of `count` weights.
    #[must_use]
    pub const fn bytes(self, count: usize) -> usize {
        match self {
            Self::Int8 => count,
            Self::Int4 => count / 2,
        }
    }
}

/// How work is shared among cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Each core has rows of weights of its own and all tokens, at most 8: the stream of weights is split over 16 cores.
    Outputs,
    /// The cores of a column get the same weights by broadcast, and tokens of their own: 8 a panel and core.
    Tokens {
        /// Panels of 8 tokens a core holds: 1 to 3.
        panels: usize,
    },
}

impl Sharing {
    /// Rows of weights that are multiplied together: tiles of four rows, as many as there are accumulators for.
    #[must_use]
    pub const fn group(self) -> usize {
        match self {
            Self::Tokens { panels: 3 } => 8,
            _ => 16,
        }
    }

    /// Panels of 8 tokens that a core holds.
    #[must_use]
    pub const fn panels(self) -> usize {
        match self {
            Self::Outputs => 1,
            Self::Tokens { panels } => panels,
        }
    }

    /// Bytes of a core's data memory that hold activations: whole banks.
    pub(crate) const fn room(self) -> usize {
        match self {
            Self::Tokens { panels: 3 } => 0xC000,
            _ => 0x8000,
        }
    }
}

/// The matrices of a product `outputs = weights * activations`: int8 activations, int32 results, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// How weights are stored.
    pub weights: Weights,
    /// Length of a row of weights.
    pub inputs: usize,
    /// Tokens (columns of activations), 1 to 96.
    pub tokens: usize,
}

/// Bytes of a tile of activations: 8 inputs by 8 tokens.
pub(crate) const TILE: usize = 64;
/// Tasks that wait in a shim channel's queue.
pub(crate) const QUEUE: usize = 4;
/// Most runs of a task's descriptor with an address of their own.
pub(crate) const ITERATIONS: usize = 64;

/// A shape with everything that follows from it.
///
/// Weights travel in blocks: a group of rows by `chunk` inputs. A core with one weight channel gets all chunks of its rows one after the other; a core with two
/// gets the first half of each row's chunks by one and the second half by the other. Activations travel before the weights in blocks of the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The shape.
    pub shape: Shape,
    /// How work is shared.
    pub sharing: Sharing,
    /// Inputs of a block.
    pub chunk: usize,
    /// Blocks of a row, over all channels of a core.
    pub chunks: usize,
}

impl Cut {
    /// Cuts a shape.
    ///
    /// # Errors
    /// For shapes that the kernels here do not fit.
    pub fn new(shape: Shape) -> Result<Self, NpuError> {
        let unsupported = |why| Err(NpuError::Unsupported { shape, why });
        let sharing = match shape.tokens {
            0 => return unsupported("there are no tokens"),
            1..=8 => Sharing::Outputs,
            9..=32 => Sharing::Tokens { panels: 1 },
            33..=64 => Sharing::Tokens { panels: 2 },
            65..=96 => Sharing::Tokens { panels: 3 },
            _ => return unsupported("more than 96 tokens"),
        };
        if shape.inputs == 0 {
            return unsupported("there are no inputs");
        }
        // The largest blocks: 8 KiB, twice, or with two channels 4 KiB, four times: one memory bank. With three panels half of that.
        let (channels, most) = match sharing {
            Sharing::Outputs => (1, 8 * 1024),
            Sharing::Tokens { panels: 3 } => (2, 2 * 1024),
            Sharing::Tokens { .. } => (2, 4 * 1024),
        };
        let most = most / shape.weights.bytes(2 * sharing.group()) * 2;
        let chunks = shape.inputs.div_ceil(most * channels) * channels;
        // At least as many passes of the inner loop as its pipeline has stages, and whole words of every row.
        let chunk = shape.inputs.div_ceil(chunks).next_multiple_of(16).max(128);
        let cut = Self { shape, sharing, chunk, chunks };
        if cut.activation_blocks() * cut.channels() * cut.block() > sharing.room() {
            return unsupported("the activations do not fit a core's memory");
        }
        if sharing == Sharing::Outputs && cut.activation_blocks() >= QUEUE {
            return unsupported("the activations take more tasks than a channel's queue has room for");
        }
        Ok(cut)
    }

    /// Weight channels of a core.
    #[must_use]
    pub const fn channels(&self) -> usize {
        match self.sharing {
            Sharing::Outputs => 1,
            Sharing::Tokens { .. } => 2,
        }
    }

    /// Rows of weights that a core multiplies together.
    #[must_use]
    pub const fn group(&self) -> usize {
        self.sharing.group()
    }

    /// Panels of 8 tokens that a core holds.
    #[must_use]
    pub const fn panels(&self) -> usize {
        self.sharing.panels()
    }

    /// Tokens for which outputs are written.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        match self.sharing {
            Sharing::Outputs => self.shape.tokens,
            Sharing::Tokens { panels } => 32 * panels,
        }
    }

    /// Tokens of which a core writes outputs.
    pub(crate) const fn core_tokens(&self) -> usize {
        match self.sharing {
            Sharing::Outputs => self.shape.tokens,
            Sharing::Tokens { panels } => 8 * panels,
        }
    }

    /// Inputs with padding.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.chunk * self.chunks
    }

    /// Bytes from a row of weights to the next.
    #[must_use]
    pub const fn row(&self) -> usize {
        self.shape.weights.bytes(self.inputs())
    }

    /// Bytes of a row within a block.
    pub(crate) const fn block_row(&self) -> usize {
        self.shape.weights.bytes(self.chunk)
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block(&self) -> usize {
        self.group() * self.block_row()
    }

    /// What flows.
    pub(crate) fn flow(&self) -> Flow {
        let (row, group) = (self.block_row() / 4, self.group());
        Flow {
            broadcast: self.sharing != Sharing::Outputs,
            block: self.block(),
            // 8 inputs of each row in turn. The last step's count would follow from the length; not every reader of descriptors sees it so.
            deal: match self.shape.weights {
                Weights::Int8 => [dim(1, 2), dim(row, group), dim(2, row / 2), dim(1, 0)],
                Weights::Int4 => [dim(row, group), dim(1, row), dim(1, 0), dim(1, 0)],
            },
            room: self.sharing.room(),
            results: group * self.core_tokens(),
            // Results lie a group's rows by 8 tokens, panel after panel; they leave token by token.
            walk: [dim(8, group), dim(1, 8), dim(8 * group, 0), dim(1, 0)],
            buffer: 32 * group * self.panels(),
        }
    }

    /// Accumulators in use: a group's row tiles for each panel.
    pub(crate) const fn accumulators(&self) -> usize {
        self.group() / 4 * self.panels()
    }

    /// Blocks of a row on one channel.
    pub(crate) const fn channel_chunks(&self) -> usize {
        self.chunks / self.channels()
    }

    /// Blocks that carry a core's activations on one channel.
    pub(crate) const fn activation_blocks(&self) -> usize {
        (self.channel_chunks() * self.chunk * 8 * self.panels()).div_ceil(self.block())
    }

    /// Rows of weights that a column takes up together.
    pub(crate) const fn step(&self) -> usize {
        match self.sharing {
            Sharing::Outputs => 4 * self.group(),
            Sharing::Tokens { .. } => self.group(),
        }
    }

    /// Outputs with padding.
    #[must_use]
    pub const fn outputs(&self, outputs: usize) -> usize {
        outputs.next_multiple_of(self.step())
    }

    /// Steps of each column: the rows of weights are dealt out in four pieces, the first ones longer by a step where they must.
    pub(crate) fn steps(&self, outputs: usize) -> [usize; 4] {
        let all = outputs.div_ceil(self.step());
        std::array::from_fn(|column| all / 4 + usize::from(column < all % 4))
    }
}
