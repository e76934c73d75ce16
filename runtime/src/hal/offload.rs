//! An NPU that does its calls of a plan: everything is placed and written at load; a call is a copy of codes, a command, a wait, and a look at its sums.
//! What may be asked of it is said in [`unicorn_artifact::npu`]; who brings it to the device is an [`Engine`].

mod direct;
#[cfg(feature = "xrt")]
mod xrt;

pub use direct::Direct;
#[cfg(feature = "xrt")]
pub use xrt::Xrt;

use super::npu::Result;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use unicorn_artifact::command::{Command, WeightId};
use unicorn_artifact::npu::NpuPlan;
use unicorn_artifact::plan::{CodeSpan, Plan};

/// A call takes milliseconds. Newer drivers give up by themselves after two seconds, and should be the first, since they know more.
const LIMIT: Duration = Duration::from_secs(5);

/// Bytes of a page, and of a command's packet.
const PAGE: usize = 4096;

/// A way to an NPU. What it is given it holds until it is dropped, and numbers from 0: configurations, weights, commands.
pub trait Engine: Send {
    /// What the device calls itself, or where it is.
    fn name(&self) -> String;

    /// Makes a context of a configuration, with buffers for what goes in and out, filled with zeros: `container` is an xclbin, `image` the PDI in it.
    ///
    /// # Errors
    /// What the driver says: no contexts left, locked memory below what is needed.
    fn configure(&mut self, container: &[u8], image: &[u8], columns: u16, activations: usize, results: usize) -> Result<()>;

    /// Brings a weight to where the NPU reads it: `bytes` of them, `codes` first.
    ///
    /// # Errors
    /// As [`Engine::configure`].
    fn hold(&mut self, codes: &[u8], bytes: usize) -> Result<()>;

    /// Writes a command: an instruction stream of a configuration, with three arguments: a weight, the configuration's activations and results.
    ///
    /// # Errors
    /// As [`Engine::configure`].
    fn prepare(&mut self, configuration: usize, stream: &[u8], weight: usize) -> Result<()>;

    /// The bytes of a configuration's activations.
    fn activations(&mut self, configuration: usize) -> &mut [u8];

    /// Shows the NPU the activations, runs a command, and gives the first bytes of the results, which begin at a page.
    ///
    /// # Errors
    /// What the driver says; at most `limit` after the command's begin, or twice that if it was run again.
    ///
    /// # Safety
    /// Stream and configuration write nowhere but in the results, and reach no more of the three buffers than there is.
    unsafe fn run(&mut self, command: usize, results: usize, limit: Duration) -> Result<&[u8]>;

    /// Bytes of this process's memory that are locked for the device.
    fn bytes(&self) -> u64;
}

/// A configuration: bytes of the activations from a row's first code.
struct Array {
    tokens: Vec<u32>,
    inputs: Vec<u32>,
}

/// A stream with its weight: words from a row's sums to the next row's, and bytes of all.
struct Prepared {
    array: usize,
    row: usize,
    results: usize,
}

/// An NPU with its part of a plan on it.
pub struct Offload {
    arrays: Vec<Array>,
    prepared: Vec<Prepared>,
    /// By entry of the plan: the command, and which of `prepared` does it.
    calls: Vec<Vec<(u32, usize)>>,
    name: String,
    engine: Box<dyn Engine>,
}

impl std::fmt::Debug for Offload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offload").field("device", &self.name).finish_non_exhaustive()
    }
}

/// A piece of a section; the plan is validated, the section as long as it says.
fn piece(section: &[u8], span: CodeSpan) -> &[u8] {
    &section[span.offset as usize..(span.offset + span.bytes) as usize]
}

impl Offload {
    /// Makes the contexts of a plan's configurations from `code` (section `npu`), brings the weights from `bytes` (the section of resident weights) to where
    /// the NPU reads them, and writes all commands.
    ///
    /// # Errors
    /// What the driver says: no contexts left, locked memory below what is needed.
    pub fn new(mut engine: Box<dyn Engine>, plan: &Plan, part: &NpuPlan, code: &[u8], bytes: &[u8]) -> Result<Self> {
        for one in &part.configurations {
            let columns = u16::try_from(one.columns).unwrap_or(u16::MAX);
            let (container, image) = (piece(code, one.container), piece(code, one.image));
            engine.configure(container, image, columns, one.activation_bytes as usize, one.result_bytes as usize)?;
        }
        let mut weights = BTreeMap::new();
        for (at, held) in part.weights.iter().enumerate() {
            let weight = &plan.weights[held.weight as usize];
            let codes = weight.rows as usize * weight.cols as usize;
            engine.hold(&bytes[weight.offset as usize..][..codes], held.bytes as usize)?;
            weights.insert(held.weight, at);
        }
        let mut prepared = Vec::new();
        let mut known: BTreeMap<(u32, WeightId), usize> = BTreeMap::new();
        let mut calls = Vec::new();
        for (entry, made) in plan.entries.iter().zip(&part.entries) {
            let mut of = Vec::new();
            for call in &made.calls {
                let Command::MatMulInt8 { weight, .. } = entry.commands[call.command as usize] else { continue };
                let at = match known.get(&(call.stream, weight)) {
                    Some(at) => *at,
                    None => {
                        let stream = &part.streams[call.stream as usize];
                        let array = stream.configuration as usize;
                        engine.prepare(array, piece(code, stream.code), weights[&weight])?;
                        prepared.push(Prepared { array, row: stream.row as usize, results: stream.result_bytes as usize });
                        known.insert((call.stream, weight), prepared.len() - 1);
                        prepared.len() - 1
                    }
                };
                of.push((call.command, at));
            }
            calls.push(of);
        }
        let arrays = part.configurations.iter().map(|one| Array { tokens: one.tokens.clone(), inputs: one.inputs.clone() }).collect();
        Ok(Self { arrays, prepared, calls, name: engine.name(), engine })
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of this process's memory that are locked for it: its heap and buffers, and a page for each command.
    pub fn bytes(&self) -> u64 {
        self.engine.bytes()
    }

    /// The calls of an entry: the command each stands for, and its number here.
    pub fn calls(&self, entry: usize) -> &[(u32, usize)] {
        &self.calls[entry]
    }

    /// Does a call for `rows` rows. `codes` gives a row's codes; `take` gets the sums of some rows and how many words lie between two rows' first.
    ///
    /// # Errors
    /// What the driver says; some rows may have been taken by then.
    pub fn run<'a>(
        &mut self,
        call: usize,
        rows: usize,
        codes: impl Fn(usize) -> &'a [i8],
        mut take: impl FnMut(Range<usize>, &[i32], usize),
    ) -> Result<()> {
        let Prepared { array, row, results } = self.prepared[call];
        let Array { tokens, inputs } = &self.arrays[array];
        for first in (0..rows).step_by(tokens.len()) {
            let some = first..rows.min(first + tokens.len());
            let to = self.engine.activations(array);
            for (token, row) in tokens.iter().zip(some.clone()) {
                let to = &mut to[*token as usize..];
                inputs.iter().zip(codes(row)).for_each(|(at, code)| to[*at as usize] = *code as u8);
            }
            // SAFETY: that stream and configuration write nowhere but in the results is their promise, as with any machine code of an artifact; the buffers are
            // as long as the plan says they must be, and nobody else has them.
            let sums = unsafe { self.engine.run(call, results, LIMIT)? };
            // SAFETY: every bit pattern is an i32.
            let (before, words, _) = unsafe { sums.align_to::<i32>() };
            debug_assert!(before.is_empty(), "results begin at a page");
            take(some, words, row);
        }
        Ok(())
    }
}
