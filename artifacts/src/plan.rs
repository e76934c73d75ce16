//! The plan: everything the runtime needs to know, decided at compile time.
//!
//! Memory is four areas, each sized here: resident weights, streamed weights (never resident), states (KV caches), and one arena for all buffers of all
//! entries. A step runs one body entry on `R` rows, then tail entries on the rows whose logits are wanted.

use crate::command::{Command, HandoffId, WeightId};
use crate::region::Region;
use crate::tensor::{Format, Layout, weight_bytes};
use serde::{Deserialize, Serialize};

/// Alignment of every buffer, weight and state, in bytes.
pub const ALIGN: u64 = 64;
/// Key positions of one interleaved block of a state.
pub const KV_BLOCK: u32 = 16;

/// A weight: shape, format, and where its bytes are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// The checkpoint's name for it (joined with `+` where several were merged).
    pub name: String,
    /// Element format.
    pub format: Format,
    /// Arrangement.
    pub layout: Layout,
    /// Rows (outputs, vocabulary entries, or neurons).
    pub rows: u32,
    /// Columns (inputs).
    pub cols: u32,
    /// Whether the bytes are in section `streamed` (read row by row) instead of `weights`.
    pub streamed: bool,
    /// First byte in its section, a multiple of [`ALIGN`].
    pub offset: u64,
    /// Relative root-mean-square error of the stored values against the checkpoint's.
    pub error: f32,
}

impl Weight {
    /// Size in bytes, `None` where the description is impossible.
    pub fn bytes(&self) -> Option<u64> {
        weight_bytes(self.format, self.layout, self.rows as usize, self.cols as usize).map(|b| b as u64)
    }
}

/// A KV cache: f16 keys and values of one layer, for every slot a ring of positions.
///
/// Per slot and KV head: keys as `[block][head_dim][KV_BLOCK]`, then (after the keys of all heads) values as `[head][position][head_dim]`.
/// Position `p` lives in ring place `p % capacity`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// For listings: the layer that owns it.
    pub name: String,
    /// Key/value heads.
    pub kv_heads: u32,
    /// Elements of one head.
    pub head_dim: u32,
    /// Positions kept, a multiple of [`KV_BLOCK`].
    pub capacity: u32,
    /// First byte in the state area (slot 0); slots follow each other.
    pub offset: u64,
}

impl State {
    /// Bytes of one slot.
    pub fn slot_bytes(&self) -> Option<u64> {
        u64::from(self.kv_heads).checked_mul(u64::from(self.head_dim))?.checked_mul(u64::from(self.capacity))?.checked_mul(4)
    }
}

/// What is in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Elements {
    /// f32.
    F32,
    /// Quantised activations, see [`crate::tensor::activation_row_bytes`].
    Activations,
    /// Activations with one scale per row, see [`crate::tensor::int8_row_bytes`].
    Int8,
}

/// A buffer of one entry: `[rows, width]` at a fixed place of the arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    /// For listings and errors.
    pub name: String,
    /// What is in it.
    pub elements: Elements,
    /// Elements per row.
    pub width: u32,
    /// First byte in the arena, a multiple of [`ALIGN`].
    pub offset: u64,
}

impl Buffer {
    /// Bytes of one row.
    pub fn row_bytes(&self) -> u64 {
        match self.elements {
            Elements::F32 => u64::from(self.width) * 4,
            Elements::Activations => crate::tensor::activation_row_bytes(self.width as usize) as u64,
            Elements::Int8 => crate::tensor::int8_row_bytes(self.width as usize) as u64,
        }
    }
}

/// Which half of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// Everything that keys and values depend on: every row.
    Body,
    /// The rest, down to logits: only the rows that want them.
    Tail,
}

/// One half of a step for one row count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which half.
    pub part: Part,
    /// Most rows it runs; a step with fewer runs it on those, without padding.
    pub rows: u32,
    /// Buffers by number.
    pub buffers: Vec<Buffer>,
    /// Commands in order; each sees the effects of all before it.
    pub commands: Vec<Command>,
    /// Tail: the f32 buffer `[rows, vocabulary]` that holds the logits at the end.
    pub logits: Option<u32>,
}

/// A value the body leaves for the tail: f32 `[largest body rows, width]` at a fixed place of the arena, outside every tail buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// For listings.
    pub name: String,
    /// Elements per row.
    pub width: u32,
    /// First byte in the arena.
    pub offset: u64,
}

/// What a runtime must know of the model beside the commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The name served by default.
    pub name: String,
    /// Layers, for listings.
    pub layers: u32,
    /// Hidden size, for listings.
    pub hidden: u32,
    /// Logits per row.
    pub vocabulary: u32,
    /// Ids from here on are placeholders without text: rejected in prompts, never sampled.
    pub text_vocabulary: u32,
    /// Positions per slot.
    pub context: u32,
    /// Sequences that can be held at once.
    pub slots: u32,
    /// Positions seen by sliding layers (0: none slides).
    pub window: u32,
    /// Ids that end a generation.
    pub eos: Vec<u32>,
    /// The id that begins every text.
    pub bos: u32,
}

/// Machine code of one region in a code section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSpan {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Machine code for one kind of host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Section with the bytes, e.g. `code.x86_64`.
    pub section: String,
    /// As in `std::env::consts::ARCH`.
    pub arch: String,
    /// CPU features the code may use, as named by `std::arch::is_x86_feature_detected!`.
    pub features: Vec<String>,
    /// One per region of the plan. Each is an `extern "C" fn(*const RegionArg, rows: usize, columns: usize)`.
    pub regions: Vec<CodeSpan>,
}

/// The plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The model.
    pub model: Model,
    /// Weights by number.
    pub weights: Vec<Weight>,
    /// Regions by number.
    pub regions: Vec<Region>,
    /// Machine code per host.
    pub code: Vec<Code>,
    /// KV caches by number.
    pub states: Vec<State>,
    /// Values between body and tail.
    pub handoffs: Vec<Handoff>,
    /// Body entries, then tail entries, each by ascending row count.
    pub entries: Vec<Entry>,
    /// Bytes of the arena.
    pub arena_bytes: u64,
    /// Bytes of all states and slots.
    pub state_bytes: u64,
    /// Bytes of section `weights`.
    pub weight_bytes: u64,
    /// Bytes of section `streamed`.
    pub streamed_bytes: u64,
    /// What a GPU does instead of the host, if one was compiled for.
    pub gpu: Option<crate::gpu::GpuPlan>,
    /// What an NPU does for the host, if one was compiled for.
    pub npu: Option<crate::npu::NpuPlan>,
}

/// One argument of compiled region code.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RegionArg {
    /// First element of row 0.
    pub pointer: *mut f32,
    /// Bytes from one row to the next; 0 for constants.
    pub stride: usize,
}

impl Plan {
    /// Entries of one part, ascending by rows.
    pub fn entries_of(&self, part: Part) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(move |(_, e)| e.part == part)
    }

    /// The largest row count of a part, 0 if it has no entry.
    pub fn max_rows(&self, part: Part) -> u32 {
        self.entries_of(part).map(|(_, e)| e.rows).max().unwrap_or(0)
    }

    /// Scratch each worker thread needs, in bytes: scores of one group of query heads over the longest state, one streamed row, one row index list.
    pub fn scratch_bytes(&self) -> u64 {
        let mut scores = 0;
        for entry in &self.entries {
            for command in &entry.commands {
                if let Command::Attention { state, query, .. } = command
                    && let (Some(state), Some(query)) = (self.states.get(*state as usize), entry.buffers.get(*query as usize))
                {
                    let heads = u64::from(query.width) / u64::from(state.head_dim.max(1)) / u64::from(state.kv_heads.max(1));
                    scores = scores.max(heads.saturating_mul((u64::from(state.capacity) + 2 * u64::from(KV_BLOCK)) * 4));
                }
            }
        }
        let row = self.weights.iter().filter(|w| w.streamed && w.rows > 0).filter_map(|w| Some(w.bytes()? / u64::from(w.rows))).max().unwrap_or(0);
        let list = u64::from(self.max_rows(Part::Body).max(self.max_rows(Part::Tail))) * 8;
        scores.saturating_add(row + list).checked_next_multiple_of(4096).unwrap_or(u64::MAX)
    }

    /// Resident bytes that the plan accounts for, with `threads` workers: weights, states, arena, scratch.
    pub fn resident_bytes(&self, threads: u64) -> u64 {
        threads.saturating_mul(self.scratch_bytes()).saturating_add(self.weight_bytes + self.state_bytes + self.arena_bytes)
    }

    /// The weight with that number.
    pub fn weight(&self, id: WeightId) -> Option<&Weight> {
        self.weights.get(id as usize)
    }

    /// The handoff with that number.
    pub fn handoff(&self, id: HandoffId) -> Option<&Handoff> {
        self.handoffs.get(id as usize)
    }
}
