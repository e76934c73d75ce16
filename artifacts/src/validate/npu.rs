//! The rules of a plan's NPU part: whatever a file says, the host does not leave the buffers that it shares with the NPU, and they are as large as
//! every stream says that it needs.
//!
//! What a stream really reads and writes is its own matter, which no rule here can judge: as with machine code of the host, a digest says that it is
//! unchanged, not that it is kind.

use super::{ALIGN, MAX_EXTENT, MAX_ITEMS, SLACK};
use crate::command::Command;
use crate::npu::{Call, Configuration, Held, NpuPlan, Stream};
use crate::plan::{CodeSpan, Entry, Plan};
use crate::tensor::{Layout, MAX_INT8};
use crate::{Error, Result};

/// Most configurations and streams.
const MAX_CONFIGURATIONS: usize = 64;
const MAX_STREAMS: usize = 4096;
/// Most columns of an array, rows done at once.
const MAX_COLUMNS: u32 = 8;
const MAX_TOKENS: usize = 1024;
/// Most bytes of activations, of results, and of the section.
const MAX_ACTIVATIONS: u64 = 1 << 24;
const MAX_RESULTS: u64 = 1 << 28;
const MAX_CODE: u64 = 1 << 30;
/// Bytes that activations and results may have beyond what the tables name: padding to whole blocks, and what a stream notes beside its results.
const MAX_PADDING: u64 = 1 << 18;

type Check = std::result::Result<(), String>;

/// Checks the NPU part of a plan whose host part is already checked.
///
/// # Errors
/// [`Error::Plan`] for the first rule that is broken.
pub fn npu(plan: &Plan, npu: &NpuPlan) -> Result<()> {
    whole(plan, npu).map_err(|why| Error::plan("npu", why))?;
    for (at, one) in npu.configurations.iter().enumerate() {
        configuration(npu, at, one).map_err(|why| Error::plan(format!("npu configuration {at} `{}`", one.title), why))?;
    }
    for (at, one) in npu.streams.iter().enumerate() {
        stream(npu, one).map_err(|why| Error::plan(format!("npu stream {at}"), why))?;
    }
    weights(plan, npu).map_err(|why| Error::plan("npu weights", why))?;
    for (at, (entry, made)) in plan.entries.iter().zip(&npu.entries).enumerate() {
        let place = |why| Error::plan(format!("npu entry {at} ({:?} of {} rows)", entry.part, entry.rows), why);
        if made.calls.windows(2).any(|two| two[0].command >= two[1].command) {
            return Err(place("its calls are not in the order of commands".into()));
        }
        made.calls.iter().try_for_each(|one| call(plan, npu, entry, *one)).map_err(place)?;
    }
    used(plan, npu).map_err(|why| Error::plan("npu", why))
}

fn whole(plan: &Plan, npu: &NpuPlan) -> Check {
    if npu.entries.len() != plan.entries.len() {
        return Err(format!("{} entries for the plan's {}", npu.entries.len(), plan.entries.len()));
    }
    let counts = [("configurations", npu.configurations.len(), MAX_CONFIGURATIONS), ("streams", npu.streams.len(), MAX_STREAMS)];
    if let Some((what, has, most)) = counts.iter().find(|(_, has, most)| has > most) {
        return Err(format!("{has} {what}, more than {most}"));
    }
    if let Some(stream) = npu.streams.iter().find(|s| s.configuration as usize >= npu.configurations.len()) {
        return Err(format!("a stream for configuration {}, which does not exist", stream.configuration));
    }
    if npu.code_bytes > MAX_CODE || npu.weight_bytes > super::MAX_BYTES {
        return Err(format!("{} bytes of code, {} of weights", npu.code_bytes, npu.weight_bytes));
    }
    if npu.entries.iter().map(|e| e.calls.len()).sum::<usize>() > MAX_ITEMS {
        return Err(format!("more calls than {MAX_ITEMS}"));
    }
    Ok(())
}

fn inside(what: &str, span: CodeSpan, begin: u64, end: u64) -> Check {
    if span.bytes == 0 || !span.offset.is_multiple_of(4) || span.offset < begin || span.offset.checked_add(span.bytes).is_none_or(|e| e > end) {
        return Err(format!("{what} of {} bytes at {} does not lie in {begin}..{end}", span.bytes, span.offset));
    }
    Ok(())
}

fn configuration(npu: &NpuPlan, at: usize, one: &Configuration) -> Check {
    inside("the container", one.container, 0, npu.code_bytes)?;
    inside("the image", one.image, one.container.offset, one.container.offset + one.container.bytes)?;
    if one.columns == 0 || one.columns > MAX_COLUMNS {
        return Err(format!("{} columns", one.columns));
    }
    if one.tokens.is_empty() || one.tokens.len() > MAX_TOKENS || one.inputs.is_empty() || one.inputs.len() > MAX_INT8 {
        return Err(format!("{} tokens of {} inputs", one.tokens.len(), one.inputs.len()));
    }
    let last = |places: &[u32]| u64::from(places.iter().copied().max().unwrap_or(0));
    let end = last(&one.tokens) + last(&one.inputs) + 1;
    if end > one.activation_bytes || one.activation_bytes > MAX_ACTIVATIONS.min(end + MAX_PADDING) {
        return Err(format!("activations end at {end} of {} bytes", one.activation_bytes));
    }
    let most = npu.streams.iter().filter(|s| s.configuration as usize == at).map(|s| s.result_bytes).max();
    if most != Some(one.result_bytes) {
        return Err(format!("{} bytes of results, its streams write {most:?}", one.result_bytes));
    }
    Ok(())
}

fn stream(npu: &NpuPlan, one: &Stream) -> Check {
    let configuration = &npu.configurations[one.configuration as usize];
    inside("it", one.code, 0, npu.code_bytes)?;
    if one.outputs == 0 || one.outputs > MAX_EXTENT || one.row < one.outputs || one.row > MAX_EXTENT {
        return Err(format!("{} outputs, {} words from a row to the next", one.outputs, one.row));
    }
    let tokens = configuration.tokens.len() as u64;
    let results = 4 * (u64::from(one.row) * (tokens - 1) + u64::from(one.outputs));
    let most = 4 * tokens * u64::from(one.outputs) + MAX_PADDING;
    if results > one.result_bytes || one.result_bytes > MAX_RESULTS.min(most) {
        return Err(format!("results of {results} bytes in {}", one.result_bytes));
    }
    let weights = u64::from(one.outputs) * configuration.inputs.len() as u64;
    // Rows are read in steps of at most 64.
    let most = weights + 64 * configuration.inputs.len() as u64 + MAX_PADDING;
    if weights > one.weight_bytes || one.weight_bytes > most {
        return Err(format!("weights of {weights} bytes in {}", one.weight_bytes));
    }
    Ok(())
}

fn weights(plan: &Plan, npu: &NpuPlan) -> Check {
    let mut end = 0;
    for (at, Held { weight, offset, bytes }) in npu.weights.iter().enumerate() {
        if at > 0 && npu.weights[at - 1].weight >= *weight {
            return Err(format!("weight {weight} does not follow the one before it"));
        }
        let found = plan.weight(*weight).filter(|w| w.layout == Layout::Matrix && !w.streamed);
        let found = found.ok_or_else(|| format!("weight {weight} is no int8 matrix in memory"))?;
        if u64::from(found.rows) * u64::from(found.cols) > *bytes {
            return Err(format!("weight `{}` in {bytes} bytes", found.name));
        }
        if !offset.is_multiple_of(ALIGN) || *offset < end || offset.checked_add(*bytes).is_none_or(|e| e > npu.weight_bytes) {
            return Err(format!("weight `{}`: {bytes} bytes at {offset} do not lie aligned in {end}..{}", found.name, npu.weight_bytes));
        }
        end = offset + bytes;
    }
    if npu.weight_bytes >= end + SLACK {
        return Err(format!("{} bytes, of which {end} are used", npu.weight_bytes));
    }
    Ok(())
}

fn call(plan: &Plan, npu: &NpuPlan, entry: &Entry, call: Call) -> Check {
    let Some(Command::MatMulInt8 { weight, .. }) = entry.commands.get(call.command as usize) else {
        return Err(format!("command {} is no product of int8", call.command));
    };
    let stream = npu.streams.get(call.stream as usize).ok_or_else(|| format!("command {}: stream {} does not exist", call.command, call.stream))?;
    let (inputs, matrix) = (npu.configurations[stream.configuration as usize].inputs.len(), &plan.weights[*weight as usize]);
    if (stream.outputs, inputs) != (matrix.rows, matrix.cols as usize) {
        return Err(format!(
            "command {}: stream {} multiplies [{}, {inputs}], weight `{}` is [{}, {}]",
            call.command, call.stream, stream.outputs, matrix.name, matrix.rows, matrix.cols
        ));
    }
    match npu.held(*weight) {
        Some(held) if held.bytes >= stream.weight_bytes => Ok(()),
        held => Err(format!(
            "command {}: stream {} reads {} bytes of weight `{}`, held: {held:?}",
            call.command, call.stream, stream.weight_bytes, matrix.name
        )),
    }
}

/// Nothing is held that no call needs: only so a part cannot ask for more memory than its products take.
fn used(plan: &Plan, npu: &NpuPlan) -> Check {
    let mut streams = vec![false; npu.streams.len()];
    let mut weights = vec![false; plan.weights.len()];
    for (entry, made) in plan.entries.iter().zip(&npu.entries) {
        for call in &made.calls {
            streams[call.stream as usize] = true;
            entry.commands[call.command as usize].weights().into_iter().for_each(|id| weights[id as usize] = true);
        }
    }
    if let Some(at) = streams.iter().position(|used| !used) {
        return Err(format!("no call uses stream {at}"));
    }
    match npu.weights.iter().find(|held| !weights[held.weight as usize]) {
        Some(held) => Err(format!("no call uses weight {}, which is held", held.weight)),
        None => Ok(()),
    }
}
