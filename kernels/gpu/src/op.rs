//! Every kernel that can be asked for, with its shape: what the compiler keeps a list of.

use crate::finale::Finale;
use crate::text::{Dialect, Is, Kernel};
use crate::{attention, embed, heads, matmul, matvec, region, sparse, top};
use unicorn_artifact::region::Region;
use unicorn_artifact::tensor::Format;

/// An op and its shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A fused region; see [`region::kernel`].
    Region {
        /// The operations.
        region: Region,
        /// How each slot is bound.
        slots: Vec<region::Slot>,
        /// Rows of the entry, where outputs in eight bits depend on it or it is one; else 0.
        rows: u32,
    },
    /// Products of a few rows; see [`matvec::kernel`].
    Matvec(matvec::Spec),
    /// Two ops that do not depend on each other, in one launch: the blocks of the first, then those of the second. One row; see [`Op::fits_beside`].
    Beside(Box<(Op, Op)>),
    /// Products of many rows; see [`matmul::kernel`].
    Matmul(matmul::Spec),
    /// Norms, rotation and storing of heads; see [`heads::kernel`].
    Heads {
        /// Runs of heads.
        runs: Vec<heads::Heads>,
        /// Where keys and values go.
        ring: heads::Ring,
        /// Added to the mean square.
        epsilon: f32,
        /// Row capacity of the inputs block.
        most: u32,
    },
    /// See [`attention::kernel`].
    Attention(attention::Spec),
    /// See [`attention::tile::kernel`].
    AttentionTile(attention::Spec),
    /// See [`sparse::up`].
    SparseUp {
        /// Of the weight.
        format: Format,
        /// Rows of the weight.
        neurons: u32,
        /// Columns of the weight.
        cols: u32,
        /// Rows of the entry.
        rows: u32,
    },
    /// See [`sparse::down`].
    SparseDown {
        /// Of the weight.
        format: Format,
        /// Rows of the weight.
        neurons: u32,
        /// Columns of the weight.
        cols: u32,
        /// Rows of the entry.
        rows: u32,
        /// What the last block does then.
        finale: Option<Finale>,
    },
    /// See [`embed::embed`].
    Embed {
        /// Of the table.
        format: Format,
        /// Columns of the table.
        cols: u32,
        /// Factor.
        scale: f32,
        /// Whether eight bits are wanted too.
        quantise: bool,
        /// Rows of the entry.
        rows: u32,
        /// Row capacity of the inputs block.
        most: u32,
    },
    /// See [`embed::gather`].
    Gather {
        /// Columns of each pair.
        widths: Vec<u32>,
        /// Row capacity of the inputs block.
        most: u32,
    },
    /// See [`embed::argmax`].
    Argmax {
        /// Logits of a row.
        vocabulary: u32,
        /// Ids from here on do not count.
        limit: u32,
    },
    /// See [`top::count`].
    TopCount {
        /// Logits of a row.
        vocabulary: u32,
        /// How many of them count.
        limit: u32,
    },
    /// See [`top::collect`].
    TopCollect {
        /// Logits of a row.
        vocabulary: u32,
        /// How many of them count.
        limit: u32,
        /// Row capacity of tails.
        most: u32,
    },
}

impl Op {
    /// Op and shape in words.
    pub fn title(&self) -> String {
        match self {
            Self::Region { region, .. } => format!("region of {} operations, width {}", region.ops.len(), region.width),
            Self::Matvec(s) => {
                let rows: Vec<_> = s.products.iter().map(|p| p.rows.to_string()).collect();
                let more = s.epilogue.as_ref().map_or(String::new(), |e| format!(", then {} operations", e.region.ops.len()));
                format!("matvec {} [{} x {}], {} rows{more}{}", s.format.name(), rows.join(" + "), s.cols, s.rows, at_last(&s.finale))
            }
            Self::Matmul(s) => {
                let rows: Vec<_> = s.products.iter().map(|p| p.rows.to_string()).collect();
                let more = s.epilogue.as_ref().map_or(String::new(), |e| format!(", then {} operations", e.region.ops.len()));
                format!("matmul {} [{} x {}], {} rows{more}", s.format.name(), rows.join(" + "), s.cols, s.entry_rows)
            }
            Self::Heads { runs, ring, .. } => format!("heads {} of {}", runs.iter().map(|r| r.count).sum::<u32>(), ring.head_dim),
            Self::Beside(both) => format!("{}; beside it {}", both.0.title(), both.1.title()),
            Self::Attention(s) => {
                let less = if s.tiled { ", what tiles leave" } else { "" };
                format!("attention {} heads of {} over {} positions, {} parts{less}", s.heads, s.ring.head_dim, s.ring.capacity, s.parts)
            }
            Self::AttentionTile(s) => {
                let tokens = attention::tile::tokens(s);
                format!("attention {} heads of {} over {} positions, tiles of {tokens} rows", s.heads, s.ring.head_dim, s.ring.capacity)
            }
            Self::SparseUp { format, neurons, cols, .. } => format!("sparse_up {} [{neurons} x {cols}]", format.name()),
            Self::SparseDown { format, neurons, cols, finale, .. } => {
                format!("sparse_down {} [{neurons} x {cols}]{}", format.name(), at_last(finale))
            }
            Self::Embed { format, cols, .. } => format!("embed {} of {cols}", format.name()),
            Self::Gather { widths, .. } => format!("gather {} values", widths.len()),
            Self::Argmax { vocabulary, .. } => format!("argmax of {vocabulary}"),
            Self::TopCount { vocabulary, .. } => format!("count of {vocabulary} logits by size"),
            Self::TopCollect { vocabulary, .. } => format!("the largest of {vocabulary} logits"),
        }
    }

    /// The kind of op alone: the beginning of the kernel's name.
    pub fn family(&self) -> &'static str {
        match self {
            Self::Region { .. } => "region",
            Self::Matvec(_) => "matvec",
            Self::Matmul(_) => "matmul",
            Self::Heads { .. } => "heads",
            Self::Beside(_) => "beside",
            Self::Attention(spec) if spec.tiled => "attention_rest",
            Self::Attention(_) => "attention",
            Self::AttentionTile(_) => "attention_tile",
            Self::SparseUp { .. } => "sparse_up",
            Self::SparseDown { .. } => "sparse_down",
            Self::Embed { .. } => "embed",
            Self::Gather { .. } => "gather",
            Self::Argmax { .. } => "argmax",
            Self::TopCount { .. } => "top_count",
            Self::TopCollect { .. } => "top_collect",
        }
    }

    /// Threads of a block.
    pub fn threads(&self) -> u32 {
        match self {
            Self::Region { region, .. } => region::division(region.width, region.reduces()).0,
            Self::Matvec(spec) => spec.threads(),
            Self::Matmul(_) => matmul::THREADS,
            Self::Heads { .. } => crate::block::WARP,
            Self::Beside(both) => both.0.threads(),
            Self::Attention(_) => attention::Spec::threads(),
            Self::AttentionTile(spec) => attention::tile::threads(spec),
            Self::SparseUp { .. } => sparse::UP_THREADS,
            Self::SparseDown { .. } => sparse::DOWN_THREADS,
            Self::Embed { .. } | Self::Gather { .. } | Self::Argmax { .. } => embed::THREADS,
            Self::TopCount { .. } | Self::TopCollect { .. } => top::THREADS,
        }
    }

    /// Whether `other` can run beside this op: a product and heads, of as many threads a block.
    pub fn fits_beside(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Matvec(spec), Self::Heads { .. }) if spec.finale.is_none()) && self.threads() == other.threads()
    }

    /// The text of the kernel.
    pub fn text(&self, name: &str, dialect: Dialect) -> String {
        match self {
            Self::Region { region, slots, rows } => region::kernel(name, dialect, region, slots, *rows),
            Self::Matvec(spec) => {
                let (parameters, places) = matvec::parameters(spec);
                let k = Kernel::new(name, dialect, &parameters, self.threads());
                matvec::body(&k, spec, &places);
                k.finish()
            }
            Self::Beside(both) => beside(name, dialect, &both.0, &both.1),
            Self::Matmul(spec) => matmul::kernel(name, dialect, spec),
            Self::Heads { runs, ring, epsilon, most } => {
                let k = Kernel::new(name, dialect, &heads::parameters(runs), self.threads());
                heads::body(&k, runs, *ring, *epsilon, (*most, 0));
                k.finish()
            }
            Self::Attention(spec) => attention::kernel(name, dialect, spec),
            Self::AttentionTile(spec) => attention::tile::kernel(name, dialect, spec),
            Self::SparseUp { format, neurons, cols, rows } => sparse::up(name, dialect, *format, (*neurons, *cols), *rows),
            Self::SparseDown { format, neurons, cols, rows, finale } => {
                sparse::down(name, dialect, *format, (*neurons, *cols), *rows, finale.as_ref())
            }
            Self::Embed { format, cols, scale, quantise, rows, most } => {
                embed::embed(name, dialect, (*format, *cols), *scale, *quantise, (*rows, *most))
            }
            Self::Gather { widths, most } => embed::gather(name, dialect, widths, *most),
            Self::Argmax { vocabulary, limit } => embed::argmax(name, dialect, *vocabulary, *limit),
            Self::TopCount { vocabulary, limit } => top::count(name, dialect, (*vocabulary, *limit)),
            Self::TopCollect { vocabulary, limit, most } => top::collect(name, dialect, (*vocabulary, *limit), *most),
        }
    }
}

/// Two bodies in one kernel. The parameters of the second follow the first's, but for the inputs block, which they share.
fn beside(name: &str, dialect: Dialect, first: &Op, second: &Op) -> String {
    let (Op::Matvec(spec), Op::Heads { runs, ring, epsilon, most }) = (first, second) else { unreachable!("asked by `fits_beside`") };
    let (mut parameters, places) = matvec::parameters(spec);
    let own = parameters.len() - 1;
    parameters.extend_from_slice(&heads::parameters(runs)[1..]);
    let k = Kernel::new(name, dialect, &parameters, first.threads());
    let earlier = k.is(k.block("x"), Is::Less, k.int(spec.blocks()));
    k.when(earlier, || matvec::body(&k, spec, &places));
    k.when(k.xor(earlier, k.truth(true)), || k.part(own, spec.blocks(), || heads::body(&k, runs, *ring, *epsilon, (*most, 1))));
    k.finish()
}

fn at_last(finale: &Option<Finale>) -> String {
    finale.as_ref().map_or(String::new(), |f| format!(", at last {} operations over {}", f.region.ops.len(), f.region.width))
}
