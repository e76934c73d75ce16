//! What a device may be told: a closed set of commands over numbered buffers, weights, regions and states.
//!
//! `R` is the row count of the entry. Buffers are dense `[R, width]`. No command may read a buffer it writes unless it says so.

use serde::{Deserialize, Serialize};

/// Index into `Entry::buffers`.
pub type BufferId = u32;
/// Index into `Plan::weights`.
pub type WeightId = u32;
/// Index into `Plan::regions`.
pub type RegionId = u32;
/// Index into `Plan::states`.
pub type StateId = u32;
/// Index into `Plan::handoffs`.
pub type HandoffId = u32;

/// One product of a [`Command::MatMul`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// `[N, K]` in panels.
    pub weight: WeightId,
    /// f32 `[R, N]`.
    pub out: BufferId,
}

/// What a region's slot is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Argument {
    /// Columns from `offset` (elements) of an f32 buffer. With `repeat` > 1 in the call, row `r` of the region is part `r % repeat` of buffer row `r / repeat`.
    Buffer {
        /// Which buffer.
        buffer: BufferId,
        /// First column.
        offset: u32,
    },
    /// A flat f32 weight from its element `offset`.
    Weight {
        /// Which weight.
        weight: WeightId,
        /// First element.
        offset: u32,
    },
}

/// One command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// `out[r] = scale * table[token(r)]`; the table is in panels, resident. f32 `[R, K]`.
    Embed {
        /// `[vocabulary, K]` in panels.
        table: WeightId,
        /// Factor.
        scale: f32,
        /// f32 `[R, K]`.
        out: BufferId,
    },
    /// `out[r] = scale * table[t]`, `t = token(r)`, or 0 where `token(r)` is not below the table's rows. The table is in rows and stays in the file.
    EmbedPerLayer {
        /// `[per-layer vocabulary, L * P]` in rows, streamed.
        table: WeightId,
        /// Factor.
        scale: f32,
        /// f32 `[R, L * P]`.
        out: BufferId,
    },
    /// Rounds each group of 32 to signed bytes: scale = peak / 127, code = round-half-even(x * (127 / peak)); both zero for a zero group.
    Quantize {
        /// f32 `[R, K]`.
        input: BufferId,
        /// Activations `[R, K]`.
        out: BufferId,
    },
    /// `out = input * weight^T` for each product. Input is activations where all weights are quantised, f32 where all are bf16; one kind a command.
    MatMul {
        /// `[R, K]`.
        input: BufferId,
        /// Weights of the same K.
        products: Vec<Product>,
    },
    /// Rounds each row to signed bytes: scale = peak / 127, code = round-half-even(x * (127 / peak)); both zero for a row of zeros.
    QuantizeInt8 {
        /// f32 `[R, K]`.
        input: BufferId,
        /// Int8 `[R, K]`.
        out: BufferId,
    },
    /// `out[r][n] = f32(sum over k of weight[n][k] * input[r][k]) * (weight scale[n] * input scale[r])`: an exact sum of codes in i32, converted to the nearest
    /// f32, times the rounded product of the scales. Whoever makes the sums, the host or an NPU, the result has the same bits.
    MatMulInt8 {
        /// Int8 `[R, K]`.
        input: BufferId,
        /// `[N, K]` in a matrix.
        weight: WeightId,
        /// f32 `[R, N]`.
        out: BufferId,
    },
    /// For every row and every neuron `j` whose `gate[r][j]` is not zero: `gate[r][j] *= dot(weight[j], input[r])`. In place.
    SparseUp {
        /// f32 `[R, F]`, read and written.
        gate: BufferId,
        /// `[R, K]`: activations for quantised weights, f32 for bf16.
        input: BufferId,
        /// `[F, K]` in rows.
        weight: WeightId,
    },
    /// `out[r] = sum over j with hidden[r][j] != 0, j ascending, of hidden[r][j] * weight[j]`.
    SparseDown {
        /// f32 `[R, F]`.
        hidden: BufferId,
        /// `[F, N]` in rows: one record per neuron.
        weight: WeightId,
        /// f32 `[R, N]`.
        out: BufferId,
    },
    /// `out[r]` = cosines then sines of `position(r) * theta^(-2 i / head_dim)`, i = 0 .. head_dim / 2.
    RopeTable {
        /// Base.
        theta: f32,
        /// f32 `[R, head_dim]`.
        out: BufferId,
    },
    /// Per head: RMSNorm over `head_dim` (with a weight if any), then rotation of pairs (i, i + head_dim / 2) (with a table if any).
    HeadNorm {
        /// f32 `[R, heads * head_dim]`.
        input: BufferId,
        /// Elements of one head.
        head_dim: u32,
        /// Added to the mean square.
        epsilon: f32,
        /// Flat `[head_dim]`.
        weight: Option<WeightId>,
        /// f32 `[R, head_dim]` from `RopeTable`.
        table: Option<BufferId>,
        /// f32 `[R, heads * head_dim]`.
        out: BufferId,
    },
    /// Writes keys and values of each row to its slot at its position, rounded to the state's format.
    KvAppend {
        /// Where.
        state: StateId,
        /// f32 `[R, kv_heads * head_dim]`.
        key: BufferId,
        /// f32 `[R, kv_heads * head_dim]`.
        value: BufferId,
    },
    /// Softmax attention of each row over positions `max(0, p - window + 1) ..= p` of its slot (`window` 0: all positions).
    Attention {
        /// Which keys and values.
        state: StateId,
        /// f32 `[R, heads * head_dim]`.
        query: BufferId,
        /// Positions seen including the row's own; 0 = all.
        window: u32,
        /// Factor on the scores.
        scale: f32,
        /// f32 `[R, heads * head_dim]`.
        out: BufferId,
    },
    /// Runs a region on `R * repeat` rows.
    Region {
        /// Which.
        region: RegionId,
        /// Parts of each buffer row.
        repeat: u32,
        /// One per slot.
        arguments: Vec<Argument>,
    },
    /// Tail only: `out[r]` = row `pick(r)` of what the body left in `handoff`.
    Gather {
        /// Which.
        handoff: HandoffId,
        /// f32, same width.
        out: BufferId,
    },
}

impl Command {
    /// The name used in listings and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embed { .. } => "embed",
            Self::EmbedPerLayer { .. } => "embed_per_layer",
            Self::Quantize { .. } => "quantize",
            Self::MatMul { .. } => "matmul",
            Self::QuantizeInt8 { .. } => "quantize_int8",
            Self::MatMulInt8 { .. } => "matmul_int8",
            Self::SparseUp { .. } => "sparse_up",
            Self::SparseDown { .. } => "sparse_down",
            Self::RopeTable { .. } => "rope_table",
            Self::HeadNorm { .. } => "head_norm",
            Self::KvAppend { .. } => "kv_append",
            Self::Attention { .. } => "attention",
            Self::Region { .. } => "region",
            Self::Gather { .. } => "gather",
        }
    }

    /// Buffers read and buffers written. `regions` tells which slots of a region call are outputs; an unknown region counts everything as read.
    pub fn buffers(&self, regions: &[crate::region::Region]) -> (Vec<BufferId>, Vec<BufferId>) {
        match self {
            Self::Embed { out, .. } | Self::EmbedPerLayer { out, .. } | Self::RopeTable { out, .. } | Self::Gather { out, .. } => {
                (vec![], vec![*out])
            }
            Self::Quantize { input, out } | Self::QuantizeInt8 { input, out } | Self::MatMulInt8 { input, out, .. } => (vec![*input], vec![*out]),
            Self::MatMul { input, products } => (vec![*input], products.iter().map(|p| p.out).collect()),
            Self::SparseUp { gate, input, .. } => (vec![*gate, *input], vec![*gate]),
            Self::SparseDown { hidden, out, .. } => (vec![*hidden], vec![*out]),
            Self::HeadNorm { input, table, out, .. } => (std::iter::once(*input).chain(*table).collect(), vec![*out]),
            Self::KvAppend { key, value, .. } => (vec![*key, *value], vec![]),
            Self::Attention { query, out, .. } => (vec![*query], vec![*out]),
            Self::Region { region, arguments, .. } => {
                let slots = regions.get(*region as usize).map_or(&[][..], |r| &r.operands);
                let (mut read, mut written) = (vec![], vec![]);
                for (at, argument) in arguments.iter().enumerate() {
                    if let Argument::Buffer { buffer, .. } = *argument {
                        if slots.get(at).is_some_and(|s| s.is_output()) { written.push(buffer) } else { read.push(buffer) }
                    }
                }
                (read, written)
            }
        }
    }
    /// Weights read, in order; one that is read twice stands there twice.
    pub fn weights(&self) -> Vec<WeightId> {
        match self {
            Self::Embed { table, .. } | Self::EmbedPerLayer { table, .. } => vec![*table],
            Self::MatMul { products, .. } => products.iter().map(|p| p.weight).collect(),
            Self::SparseUp { weight, .. } | Self::SparseDown { weight, .. } | Self::MatMulInt8 { weight, .. } => vec![*weight],
            Self::HeadNorm { weight, .. } => weight.iter().copied().collect(),
            Self::Region { arguments, .. } => {
                arguments.iter().filter_map(|a| if let Argument::Weight { weight, .. } = a { Some(*weight) } else { None }).collect()
            }
            Self::Quantize { .. }
            | Self::QuantizeInt8 { .. }
            | Self::RopeTable { .. }
            | Self::KvAppend { .. }
            | Self::Attention { .. }
            | Self::Gather { .. } => vec![],
        }
    }
}
