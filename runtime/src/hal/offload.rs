//! An NPU that does its calls of a plan: everything is placed and written at load; a call is a copy of codes, a command, a wait, and a look at its sums.
//! What may be asked of it is said in [`unicorn_artifact::npu`].

use super::npu::{Buffer, Command, Context, Npu, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use unicorn_artifact::command::{Command as Told, WeightId};
use unicorn_artifact::npu::NpuPlan;
use unicorn_artifact::plan::{CodeSpan, Plan};

/// A call takes milliseconds. Newer drivers give up by themselves after two seconds, and should be the first, since they know more.
const LIMIT: Duration = Duration::from_secs(5);

/// Bytes of a page, and of a command's packet.
const PAGE: usize = 4096;

/// A configuration of the array, with what goes in and what comes out.
struct Array {
    context: Context,
    activations: Buffer,
    results: Buffer,
    /// Bytes of the activations from a row's first code.
    tokens: Vec<u32>,
    inputs: Vec<u32>,
}

/// A stream with its weight.
struct Prepared {
    array: usize,
    command: Command,
    /// Words from a row's sums to the next row's, and bytes of all.
    row: usize,
    results: usize,
}

/// An NPU with its part of a plan on it.
pub struct Offload {
    // Contexts end before the buffers that their commands write.
    arrays: Vec<Array>,
    prepared: Vec<Prepared>,
    /// By entry of the plan: the command, and which of `prepared` does it.
    calls: Vec<Vec<(u32, usize)>>,
    name: String,
    /// Held for the commands.
    weights: BTreeMap<WeightId, Buffer>,
    npu: Npu,
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
    pub fn new(npu: Npu, plan: &Plan, part: &NpuPlan, code: &[u8], bytes: &[u8]) -> Result<Self> {
        let array = |one: &unicorn_artifact::npu::Configuration| {
            Ok(Array {
                context: npu.context(piece(code, one.image), u16::try_from(one.columns).unwrap_or(u16::MAX))?,
                activations: npu.buffer("activations", one.activation_bytes as usize)?,
                results: npu.buffer("results", one.result_bytes as usize)?,
                tokens: one.tokens.clone(),
                inputs: one.inputs.clone(),
            })
        };
        let arrays = part.configurations.iter().map(array).collect::<Result<Vec<_>>>()?;
        let held = |held: &unicorn_artifact::npu::Held| {
            let weight = &plan.weights[held.weight as usize];
            let codes = weight.rows as usize * weight.cols as usize;
            let mut buffer = npu.buffer("weights", held.bytes as usize)?;
            buffer.as_mut_slice()[..codes].copy_from_slice(&bytes[weight.offset as usize..][..codes]);
            buffer.hand_over(0..codes)?;
            Ok((held.weight, buffer))
        };
        let weights = part.weights.iter().map(held).collect::<Result<BTreeMap<_, _>>>()?;
        let mut prepared = Vec::new();
        let mut known: BTreeMap<(u32, WeightId), usize> = BTreeMap::new();
        let mut calls = Vec::new();
        for (entry, made) in plan.entries.iter().zip(&part.entries) {
            let mut of = Vec::new();
            for call in &made.calls {
                let Told::MatMulInt8 { weight, .. } = entry.commands[call.command as usize] else { continue };
                let at = match known.get(&(call.stream, weight)) {
                    Some(at) => *at,
                    None => {
                        let stream = &part.streams[call.stream as usize];
                        let array = &arrays[stream.configuration as usize];
                        let command = npu.kernel(piece(code, stream.code), &[&weights[&weight], &array.activations, &array.results])?;
                        let (row, results) = (stream.row as usize, stream.result_bytes as usize);
                        prepared.push(Prepared { array: stream.configuration as usize, command, row, results });
                        known.insert((call.stream, weight), prepared.len() - 1);
                        prepared.len() - 1
                    }
                };
                of.push((call.command, at));
            }
            calls.push(of);
        }
        let seat = &npu.info().seat;
        let name = seat.name.clone().unwrap_or_else(|| format!("AMD NPU at {}", seat.path.display()));
        Ok(Self { arrays, prepared, calls, name, weights, npu })
    }

    /// The device.
    pub fn info(&self) -> &super::npu::Info {
        self.npu.info()
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of this process's memory that are locked for it: its heap and buffers, and a page for each command.
    pub fn bytes(&self) -> u64 {
        let page = |buffer: &Buffer| buffer.len().next_multiple_of(PAGE);
        let arrays: usize = self.arrays.iter().map(|array| page(&array.activations) + page(&array.results)).sum();
        (xrt_sys::HEAP_BYTES + arrays + self.weights.values().map(page).sum::<usize>() + PAGE * self.prepared.len()) as u64
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
        let Prepared { array, command, row, results } = &mut self.prepared[call];
        let Array { context, activations, results: sums, tokens, inputs } = &mut self.arrays[*array];
        for first in (0..rows).step_by(tokens.len()) {
            let some = first..rows.min(first + tokens.len());
            let to = activations.as_mut_slice();
            for (token, row) in tokens.iter().zip(some.clone()) {
                let to = &mut to[*token as usize..];
                inputs.iter().zip(codes(row)).for_each(|(at, code)| to[*at as usize] = *code as u8);
            }
            activations.hand_over(0..activations.len())?;
            // SAFETY: that stream and configuration write nowhere but in the results is their promise, as with any machine code of an artifact; the buffers are
            // as long as the plan says they must be, and nobody else has them. A command that is run again finds the same activations and weights.
            unsafe { context.run(command, LIMIT)? };
            sums.take_back(0..*results)?;
            // SAFETY: a mapping begins at a page, and every bit pattern is an i32.
            let words = unsafe { std::slice::from_raw_parts(sums.as_slice().as_ptr().cast::<i32>(), *results / 4) };
            take(some, words, *row);
        }
        Ok(())
    }
}
