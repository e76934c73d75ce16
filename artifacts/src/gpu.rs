//! The part of a plan that a GPU runs: launches instead of commands, over buffers in device memory.
//!
//! Every launch says which commands it performs, so a reader can compare the two, and the host can always run the commands instead. Two launches may share
//! the rows of some commands ([`Launch::shares_rows`]), or the weights of a product.

use crate::command::{BufferId, Command, StateId, WeightId};
use crate::plan::{CodeSpan, Entry};
use serde::{Deserialize, Serialize};

/// Bytes of the inputs block before its first column; see [`inputs_column`].
pub const INPUTS_HEAD: u32 = 64;

/// Bytes of the inputs block that every launch gets: word 0 is the rows of the body, word 1 the rows of the tail; then by row tokens, slots, positions, picks.
pub fn inputs_bytes(most: u32) -> u64 {
    u64::from(INPUTS_HEAD) + 16 * u64::from(most)
}

/// First byte of column `column` (0 tokens, 1 slots, 2 positions, 3 picks) in the inputs block of a part with at most `most` rows.
pub fn inputs_column(column: u32, most: u32) -> u32 {
    INPUTS_HEAD + 4 * column * most
}

/// What a launch gets at one of its parameters: an address in device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Argument {
    /// The inputs block of the entry's part.
    Inputs,
    /// A buffer of the entry.
    Buffer(BufferId),
    /// A buffer of f32 of the entry, from a column on: so one kernel serves all places of a row.
    Slice(BufferId, u32),
    /// A resident weight.
    Weight(WeightId),
    /// Keys and values of all slots.
    State(StateId),
    /// A rotation table `[context, head_dim]` f32: index into [`GpuPlan::tables`].
    Table(u32),
    /// A value between body and tail.
    Handoff(u32),
    /// Working memory of the entry, from a byte on: only used within one launch.
    Scratch(u64),
    /// Counters that are zero between launches, from a byte on.
    Counters(u64),
    /// The best logit of each row.
    Best,
    /// The largest logits of each row; see [`top_bytes`].
    Top,
}

impl Argument {
    /// The buffer of the entry that it points into.
    pub fn buffer(self) -> Option<BufferId> {
        match self {
            Self::Buffer(id) | Self::Slice(id, _) => Some(id),
            _ => None,
        }
    }
}

/// One kernel launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Index into [`GpuPlan::kernels`].
    pub kernel: u32,
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// One per parameter.
    pub arguments: Vec<Argument>,
    /// The commands of the entry that it performs.
    pub commands: Vec<u32>,
}

impl Launch {
    /// Whether this launch and one that stands next to it do the same commands, each for the rows that its kernel is for. Both read slots and positions
    /// to know them, which only attention does.
    pub fn shares_rows(&self, other: &Self, entry: &Entry) -> bool {
        let attends = |at: &u32| matches!(entry.commands.get(*at as usize), Some(Command::Attention { .. }));
        self.kernel != other.kernel && self.commands == other.commands && self.arguments == other.arguments && self.commands.iter().any(attends)
    }
}

/// A part of an entry that one device does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The host runs these commands.
    Host(Vec<u32>),
    /// A buffer goes from the host's arena to the device's.
    Upload(BufferId),
    /// The device runs these launches, in order.
    Device(Vec<Launch>),
    /// A buffer goes from the device's arena to the host's.
    Download(BufferId),
}

/// How the entry of the same number runs when the device is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuEntry {
    /// First byte of each buffer in the device's arena; `None` where it is never there.
    pub buffers: Vec<Option<u64>>,
    /// In order; together all commands.
    pub stages: Vec<Stage>,
    /// Tail: finds the best logit of each row, where that is all that is wanted.
    pub best: Option<Launch>,
    /// Tail: finds the largest logits of each row, where those are all that is wanted; none where [`GpuEntry::best`] is none.
    pub top: Vec<Launch>,
}

/// How many of the largest logits a device surely finds.
pub const TOP: u32 = 128;
/// Counts of a row's logits by size.
pub const TOP_BINS: u32 = 4096;
/// Most logits of a row that are found; where more are as large as the [`TOP`]th, all must be fetched.
pub const TOP_CAPACITY: u32 = 1024;
/// Bytes that a row's largest logits take: how many they are (32 bits), 32 bits unused, then 64 bits for each: the order of its bits above, the complement
/// of its id below.
pub const TOP_ROW_BYTES: u32 = 8 + 8 * TOP_CAPACITY;

/// First byte of the results in the memory for the largest logits of `rows` rows; counts are before them.
pub fn top_results(rows: u32) -> u64 {
    u64::from(rows) * u64::from(4 * TOP_BINS)
}

/// Bytes of that memory.
pub fn top_bytes(rows: u32) -> u64 {
    top_results(rows) + u64::from(rows) * u64::from(TOP_ROW_BYTES)
}

/// A kernel, the same for every target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The function's name in the code.
    pub name: String,
    /// Threads of a block.
    pub threads: u32,
    /// Arguments of a launch.
    pub parameters: u32,
    /// What it is: op and shape, for listings and errors.
    pub title: String,
}

/// A rotation table on the device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Base.
    pub theta: f32,
    /// Columns.
    pub head_dim: u32,
}

/// Code of all kernels for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The target, e.g. `hip:gfx1103` or `cuda:sm_90`.
    pub target: String,
    /// Section with the bytes.
    pub section: String,
    /// One per kernel.
    pub kernels: Vec<CodeSpan>,
}

/// What a GPU does of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuPlan {
    /// All kernels.
    pub kernels: Vec<Kernel>,
    /// Code by target.
    pub images: Vec<Image>,
    /// One per entry of the plan.
    pub entries: Vec<GpuEntry>,
    /// Rotation tables.
    pub tables: Vec<Table>,
    /// First byte of each handoff in the device's arena.
    pub handoffs: Vec<Option<u64>>,
    /// States that live on the device.
    pub states: Vec<bool>,
    /// Weights that the device reads.
    pub weights: Vec<bool>,
    /// Bytes of the device's arena.
    pub arena_bytes: u64,
    /// Bytes of working memory.
    pub scratch_bytes: u64,
    /// Bytes of counters.
    pub counter_bytes: u64,
}
