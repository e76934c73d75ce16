//! How the host lays out what it gives, and reads what it gets.

use crate::call::{Cut, Sharing, TILE, Weights};

/// Where an activation lies in its buffer: at the token's offset plus the input's. Every other byte of the buffer is zero.
///
/// Two small tables say it all, so a host needs to know nothing of tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activations {
    /// Byte offset of each token.
    pub tokens: Vec<u32>,
    /// Byte offset of each input.
    pub inputs: Vec<u32>,
    /// Bytes of the buffer.
    pub bytes: usize,
}

impl Activations {
    pub(crate) fn new(cut: &Cut) -> Self {
        let place = |token, input| place(cut, token, input) as u32;
        let copies = match cut.sharing {
            Sharing::Outputs => 1,
            Sharing::Tokens { .. } => 4 * cut.channels(),
        };
        Self {
            tokens: (0..cut.shape.tokens).map(|token| place(token, 0)).collect(),
            inputs: (0..cut.shape.inputs).map(|input| place(0, input)).collect(),
            bytes: copies * cut.activation_blocks() * cut.block(),
        }
    }

    /// A buffer of activations: `values[token * inputs + input]`.
    #[must_use]
    pub fn pack(&self, values: &[i8]) -> Vec<u8> {
        let mut out = vec![0; self.bytes];
        for (row, token) in values.chunks(self.inputs.len()).zip(&self.tokens) {
            for (value, input) in row.iter().zip(&self.inputs) {
                out[(token + input) as usize] = *value as u8;
            }
        }
        out
    }
}

/// The byte of an activation. A core is to find tiles of 8 inputs by 8 tokens, one or two panels
/// beside each other and three behind each other; they come to it in blocks that are dealt out like blocks
/// of weights, so here they lie as that dealing wants them.
fn place(cut: &Cut, token: usize, input: usize) -> usize {
    let half = cut.channel_chunks() * cut.chunk;
    let (channel, input) = (input / half, input % half);
    let (core, token) = (token / (8 * cut.panels()), token % (8 * cut.panels()));
    let tile = if cut.panels() == 3 { token / 8 * (half / 8) + input / 8 } else { input / 8 * cut.panels() + token / 8 };
    let at = tile * TILE + input % 8 * 8 + token % 8;
    let (block, at) = (at / cut.block(), at % cut.block());
    let cores = match cut.sharing {
        Sharing::Outputs => 1,
        Sharing::Tokens { .. } => 4,
    };
    let blocks = cut.activation_blocks();
    ((channel * cores + core) * blocks + block) * cut.block() + cut.flow().dealt(at)
}

/// Weights as the kernel reads them: row by row, padded with zeros to whole blocks. `values[row * inputs + input]`; int4 values are -8 to 7, and only
/// their low four bits count. A matrix of int8 whose rows need no padding is its own packing.
#[must_use]
pub fn pack_weights(cut: &Cut, values: &[i8]) -> Vec<u8> {
    let rows = values.len() / cut.shape.inputs;
    pack_rows(cut.shape.weights, values, cut.shape.inputs, cut.outputs(rows), cut.row())
}

/// Rows of `length` values as `rows` rows of `bytes` bytes.
pub(crate) fn pack_rows(weights: Weights, values: &[i8], length: usize, rows: usize, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; rows * bytes];
    for (row, to) in values.chunks(length).zip(out.chunks_mut(bytes)) {
        match weights {
            Weights::Int8 => row.iter().zip(to).for_each(|(value, byte)| *byte = *value as u8),
            Weights::Int4 => row.iter().enumerate().for_each(|(i, value)| to[i / 2] |= (*value as u8 & 15) << (4 * (i % 2))),
        }
    }
    out
}

/// Sum and sum of squares of the results of a core, for one token: exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Sum of results.
    pub sum: i64,
    /// Sum of their squares.
    pub squares: i128,
}

impl Statistics {
    /// Words of a record.
    pub const WORDS: usize = 16;

    /// Reads a record of sixteen words: with a result `v = h * 2^14 + l`, the 64-bit sums of `v`, `l * l`, `h * l` and `h * h`, and zeros.
    #[must_use]
    pub fn read(record: &[i32; Self::WORDS]) -> Self {
        let long = |n: usize| i64::from(record[2 * n + 1]) << 32 | i64::from(record[2 * n] as u32);
        let squares = i128::from(long(1)) + (i128::from(long(2)) << 15) + (i128::from(long(3)) << 28);
        Self { sum: long(0), squares }
    }
}
