//! Products of int8 to calls of an NPU: configurations, streams, the area of weights. The commands stay as they are, for hosts without one.
//!
//! An array is made into something else only at the price of a context, of which the device has six for all its users, and reading the weights decides how long
//! a call takes. So there are as few configurations as possible, two for each length of rows: one for steps of a few rows, and one of many tokens that larger steps
//! run once or several times; of these the number that takes the fewest cycles over all row counts of the plan.

use crate::target::Npu;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use unicorn_artifact::command::{Command, WeightId};
use unicorn_artifact::npu::{Call, Configuration, Held, NpuEntry, NpuPlan, Stream};
use unicorn_artifact::plan::{ALIGN, CodeSpan, Plan};
use unicorn_kernels_npu::{Kernel, NpuError, Shape, Weights, Window, cost};
use unicorn_kernels_xdna::container::pdi;

/// Most rows of a step for which each core has rows of weights of its own.
const FEW: u32 = 8;
/// Tokens that a configuration for larger steps may have.
const MANY: [usize; 4] = [16, 32, 64, 96];

/// An NPU's part of a plan.
#[derive(Debug)]
pub struct Lowered {
    /// For the plan.
    pub plan: NpuPlan,
    /// The bytes of section `npu`.
    pub code: Vec<u8>,
    /// Weights whose product stays with the host, and why.
    pub refused: Vec<(WeightId, String)>,
}

/// Lowers the products of int8 whose weights `wanted` accepts by name.
///
/// # Errors
/// [`Error::Npu`] where a kernel cannot be made of a shape that it takes: a fault of ours.
pub fn lower(plan: &Plan, target: Npu, wanted: impl Fn(&str) -> bool) -> Result<Lowered> {
    let part = NpuPlan { target: target.name().into(), ..NpuPlan::default() };
    let mut lowering = Lowering { plan: part, code: vec![], kernels: vec![], refused: BTreeMap::new() };
    let sizes: BTreeSet<u32> = plan.entries.iter().map(|e| e.rows).collect();
    let mut held: BTreeMap<WeightId, u64> = BTreeMap::new();
    for entry in &plan.entries {
        let mut made = NpuEntry::default();
        for (at, command) in entry.commands.iter().enumerate() {
            let Command::MatMulInt8 { weight: id, .. } = command else { continue };
            let weight = &plan.weights[*id as usize];
            if !wanted(&weight.name) {
                continue;
            }
            let (outputs, inputs) = (weight.rows as usize, weight.cols as usize);
            let stream = tokens(&sizes, entry.rows, inputs, outputs).and_then(|tokens| lowering.stream(inputs, tokens, outputs));
            match stream {
                Ok(stream) => {
                    let needed = held.entry(*id).or_default();
                    *needed = lowering.plan.streams[stream as usize].weight_bytes.max(*needed);
                    made.calls.push(Call { command: at as u32, stream });
                }
                Err(why @ (NpuError::Unsupported { .. } | NpuError::Rows { .. })) => {
                    lowering.refused.insert(*id, why.to_string());
                }
                Err(why) => return Err(Error::Npu(why)),
            }
        }
        lowering.plan.entries.push(made);
    }
    for (weight, bytes) in held {
        let offset = lowering.plan.weight_bytes.next_multiple_of(ALIGN);
        lowering.plan.weights.push(Held { weight, offset, bytes });
        lowering.plan.weight_bytes = offset + bytes;
    }
    lowering.plan.code_bytes = lowering.code.len() as u64;
    Ok(Lowered { plan: lowering.plan, code: lowering.code, refused: lowering.refused.into_iter().collect() })
}

/// Tokens of the configuration that a step of `rows` rows uses, where steps have `sizes`.
fn tokens(sizes: &BTreeSet<u32>, rows: u32, inputs: usize, outputs: usize) -> std::result::Result<usize, NpuError> {
    if rows <= FEW {
        return Ok(sizes.iter().copied().filter(|r| *r <= FEW).max().unwrap_or(rows) as usize);
    }
    let sum = |tokens: usize| -> std::result::Result<u64, NpuError> {
        let cycles = cost(Shape { weights: Weights::Int8, inputs, tokens }, outputs)?.cycles;
        Ok(sizes.iter().filter(|r| **r > FEW).map(|r| (*r as usize).div_ceil(tokens) as u64 * cycles).sum())
    };
    let best = MANY.into_iter().filter_map(|tokens| Some((sum(tokens).ok()?, tokens))).min();
    // Where none fits, the smallest says why.
    best.map_or_else(|| sum(MANY[0]).map(|_| MANY[0]), |(_, tokens)| Ok(tokens))
}

struct Lowering {
    plan: NpuPlan,
    code: Vec<u8>,
    /// By configuration.
    kernels: Vec<Kernel>,
    refused: BTreeMap<WeightId, String>,
}

impl Lowering {
    /// Appends to the section.
    fn add(&mut self, bytes: &[u8]) -> CodeSpan {
        self.code.resize(self.code.len().next_multiple_of(ALIGN as usize), 0);
        let span = CodeSpan { offset: self.code.len() as u64, bytes: bytes.len() as u64 };
        self.code.extend(bytes);
        span
    }

    fn configuration(&mut self, inputs: usize, tokens: usize) -> std::result::Result<u32, NpuError> {
        let shape = Shape { weights: Weights::Int8, inputs, tokens };
        if let Some(known) = self.kernels.iter().position(|k| k.cut.shape == shape) {
            return Ok(known as u32);
        }
        let kernel = Kernel::new(shape)?;
        let container = kernel.container()?.write()?;
        let image = pdi::wrap(kernel.design.cdo()?).write()?;
        let within = container.windows(image.len()).position(|part| part == image).expect("a container holds its image");
        let container = self.add(&container);
        let activations = kernel.activations();
        self.plan.configurations.push(Configuration {
            title: format!("int8 product, rows of {inputs}, {tokens} tokens"),
            container,
            image: CodeSpan { offset: container.offset + within as u64, bytes: image.len() as u64 },
            columns: COLUMNS,
            tokens: activations.tokens,
            inputs: activations.inputs,
            activation_bytes: activations.bytes as u64,
            result_bytes: 0,
        });
        self.kernels.push(kernel);
        Ok(self.kernels.len() as u32 - 1)
    }

    /// The number of the stream for a shape, made if it is new.
    fn stream(&mut self, inputs: usize, tokens: usize, outputs: usize) -> std::result::Result<u32, NpuError> {
        let configuration = self.configuration(inputs, tokens)?;
        let known = self.plan.streams.iter().position(|s| (s.configuration, s.outputs as usize) == (configuration, outputs));
        if let Some(known) = known {
            return Ok(known as u32);
        }
        let kernel = &self.kernels[configuration as usize];
        // Rows stand close together in the file; where the kernel reads on, into the next row, the activations are zero.
        let run = kernel.run_within(outputs, Window { row: inputs, begin: 0 })?;
        let foretold = cost(kernel.cut.shape, outputs)?;
        let bytes = run.stream.write()?;
        let code = self.add(&bytes);
        let result_bytes = run.buffers[2] as u64;
        let most = &mut self.plan.configurations[configuration as usize].result_bytes;
        *most = result_bytes.max(*most);
        self.plan.streams.push(Stream {
            configuration,
            code,
            outputs: outputs as u32,
            row: run.row as u32,
            weight_bytes: run.buffers[0] as u64,
            result_bytes,
            moved: foretold.read + foretold.written,
            cycles: foretold.cycles,
        });
        Ok(self.plan.streams.len() as u32 - 1)
    }
}

/// Columns of the array that the kernels here take: all that an npu1 has.
const COLUMNS: u32 = 4;
