//! The part of a plan that an NPU does for the host: calls in place of commands, over buffers that both reach.
//!
//! A call does what one [`Command::MatMulInt8`](crate::command::Command::MatMulInt8) of the entry does, up to its sums, and these are exact: so the host can
//! always run the command instead, with the same bits. Inputs and results of a call are the command's own buffers in the host's arena; nothing else of the
//! plan knows of the NPU. In the order of the entry's commands, the host
//! 1. puts the codes of its rows into the activations of the call's configuration: code `k` of row `t` at byte `tokens[t] + inputs[k]`. All other bytes
//!    stay as they were at the beginning, zero. Places of rows that a step does not have may hold anything;
//! 2. runs the stream with three arguments, in this order: the weight's place in the area of weights, the activations, the results. The stream's own patches
//!    name them by number;
//! 3. takes the i32 sum of row `t` and output `n` from word `t * row + n` of the results, and scales it as the command says.
//!
//! A step with more rows than the configuration has tokens repeats these three for the next rows, as often as it takes.

use crate::command::WeightId;
use crate::plan::CodeSpan;
use serde::{Deserialize, Serialize};

/// What an NPU does of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NpuPlan {
    /// The target, e.g. `npu:npu1`.
    pub target: String,
    /// What the array can be made into.
    pub configurations: Vec<Configuration>,
    /// Instruction streams, one for each shape of a call.
    pub streams: Vec<Stream>,
    /// Weights that the NPU reads, by ascending number.
    pub weights: Vec<Held>,
    /// One per entry of the plan.
    pub entries: Vec<NpuEntry>,
    /// Bytes of the area that holds its weights.
    pub weight_bytes: u64,
    /// Bytes of section `npu`.
    pub code_bytes: u64,
}

/// A configuration of the array: programs, buffers and routes of all its tiles. It has buffers of its own for activations and results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// What it computes: op and shape, for listings and errors.
    pub title: String,
    /// The container (xclbin) in section `npu`.
    pub container: CodeSpan,
    /// The image (PDI) in section `npu`: a part of the container, and what a driver is given.
    pub image: CodeSpan,
    /// Columns of the array that it takes.
    pub columns: u32,
    /// Byte of each row's first code in the activations; as many as rows are done at once.
    pub tokens: Vec<u32>,
    /// Bytes from a row's first code to each of its codes; as many as a row has.
    pub inputs: Vec<u32>,
    /// Bytes of the activations.
    pub activation_bytes: u64,
    /// Bytes of the results: the most that any stream writes.
    pub result_bytes: u64,
}

/// An instruction stream (TXN) for a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Index into [`NpuPlan::configurations`].
    pub configuration: u32,
    /// Where it is in section `npu`.
    pub code: CodeSpan,
    /// Rows of weights that it multiplies.
    pub outputs: u32,
    /// i32 words from a row's results to the next row's.
    pub row: u32,
    /// Bytes from the weight's first that it reads. There are a few more than the weight has; what stands there does not matter.
    pub weight_bytes: u64,
    /// Bytes of results that it writes.
    pub result_bytes: u64,
    /// Bytes that it moves to and from memory.
    pub moved: u64,
    /// Cycles of the array that it is foretold to take.
    pub cycles: u64,
}

/// A weight's place in the NPU's area: its codes, row by row as they lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// An int8 matrix.
    pub weight: WeightId,
    /// First byte.
    pub offset: u64,
    /// Bytes that are its own: the codes and what a stream reads behind them.
    pub bytes: u64,
}

/// The calls of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NpuEntry {
    /// By ascending command.
    pub calls: Vec<Call>,
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The command of the entry that it stands for.
    pub command: u32,
    /// Index into [`NpuPlan::streams`].
    pub stream: u32,
}

impl NpuPlan {
    /// The configuration of a stream.
    ///
    /// # Panics
    /// If the plan was not validated and the stream or its configuration does not exist.
    pub fn configuration(&self, stream: u32) -> &Configuration {
        &self.configurations[self.streams[stream as usize].configuration as usize]
    }

    /// The place of a weight, if the NPU holds it.
    pub fn held(&self, weight: WeightId) -> Option<&Held> {
        self.weights.binary_search_by_key(&weight, |held| held.weight).ok().map(|at| &self.weights[at])
    }

    /// Bytes of host memory that the NPU's buffers take: weights, activations and results.
    pub fn buffer_bytes(&self) -> u64 {
        self.configurations.iter().fold(self.weight_bytes, |sum, c| sum.saturating_add(c.activation_bytes).saturating_add(c.result_bytes))
    }
}
