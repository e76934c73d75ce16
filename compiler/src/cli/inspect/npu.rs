//! What `unicornc inspect` shows of an NPU's part, and `--extract`.

use super::super::{emit, human, print};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use unicorn_artifact::file::{Artifact, section};
use unicorn_artifact::npu::NpuPlan;
use unicorn_artifact::plan::{CodeSpan, Plan};
use unicornc::{Error, Result};

/// Of one entry: calls, and foretold cycles and bytes of all of them when every row is in use.
fn entry(plan: &Plan, npu: &NpuPlan, at: usize) -> (usize, u64, u64) {
    let calls = &npu.entries[at].calls;
    let sum = |of: fn(&unicorn_artifact::npu::Stream) -> u64| {
        let runs = |stream: u32| (plan.entries[at].rows as usize).div_ceil(npu.configuration(stream).tokens.len()) as u64;
        calls.iter().map(|call| runs(call.stream) * of(&npu.streams[call.stream as usize])).sum()
    };
    (calls.len(), sum(|s| s.cycles), sum(|s| s.moved))
}

/// For the plain listing.
pub fn as_text(plan: &Plan, npu: &NpuPlan) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\nnpu {}", npu.target);
    let _ = writeln!(out, "  {:<14} {:>10}  (host memory; only where an NPU is used)", "buffers", human(npu.buffer_bytes()));
    for (at, c) in npu.configurations.iter().enumerate() {
        let _ = writeln!(out, "  configuration c{at}: {}; {} columns, {}", c.title, c.columns, human(c.container.bytes));
    }
    for (at, s) in npu.streams.iter().enumerate() {
        let _ = writeln!(
            out,
            "  stream i{at}: c{} x {} outputs; {}, moves {}, {} cycles foretold",
            s.configuration,
            s.outputs,
            human(s.code.bytes),
            human(s.moved),
            s.cycles
        );
    }
    for (at, e) in plan.entries.iter().enumerate() {
        let (calls, cycles, moved) = entry(plan, npu, at);
        if calls == 0 {
            continue;
        }
        let part = format!("{:?}", e.part).to_lowercase();
        let _ = writeln!(out, "  {part:<5} {:>4} rows: {calls} calls, {cycles} cycles, {}", e.rows, human(moved));
    }
    out
}

/// The same for programs.
pub fn as_json(plan: &Plan, npu: &NpuPlan) -> serde_json::Value {
    let configurations: Vec<_> = npu
        .configurations
        .iter()
        .map(|c| {
            serde_json::json!({
                "title": c.title, "columns": c.columns, "container_bytes": c.container.bytes, "image_bytes": c.image.bytes, "tokens": c.tokens.len(),
                "inputs": c.inputs.len(), "activation_bytes": c.activation_bytes, "result_bytes": c.result_bytes,
            })
        })
        .collect();
    let streams: Vec<_> = npu
        .streams
        .iter()
        .map(|s| {
            serde_json::json!({
                "configuration": s.configuration, "outputs": s.outputs, "bytes": s.code.bytes, "moved_bytes": s.moved, "cycles": s.cycles,
            })
        })
        .collect();
    let entries: Vec<_> = (0..plan.entries.len())
        .map(|at| {
            let (calls, cycles, moved) = entry(plan, npu, at);
            serde_json::json!({ "calls": calls, "cycles": cycles, "moved_bytes": moved })
        })
        .collect();
    let weights: Vec<_> = npu.weights.iter().map(|held| plan.weights[held.weight as usize].name.as_str()).collect();
    serde_json::json!({
        "target": npu.target, "buffer_bytes": npu.buffer_bytes(), "configurations": configurations, "streams": streams, "entries": entries, "weights": weights,
    })
}

/// Writes containers, streams and weights as files that `unicornc npu` takes.
pub fn extract(artifact: &Artifact, plan: &Plan, folder: &Path, json: bool) -> Result<()> {
    let Some(npu) = &plan.npu else {
        let why = "the artifact has nothing for an NPU; compile it with --target npu:npu1 --partition seed".into();
        return Err(Error::Option { option: "--extract".into(), why });
    };
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let code = artifact.verified(section::NPU)?;
    let weights = artifact.verified(section::WEIGHTS)?;
    // In bounds: the manifest was checked against the sections.
    let cut = |from: &'static str, bytes: &[u8], span: CodeSpan| -> Result<Vec<u8>> {
        let part = bytes.get(span.offset as usize..(span.offset + span.bytes) as usize);
        part.map(<[u8]>::to_vec).ok_or_else(|| unicorn_artifact::Error::section(from, "it is shorter than the plan says").into())
    };
    let mut files: Vec<(String, Vec<u8>, String)> = vec![];
    for (at, c) in npu.configurations.iter().enumerate() {
        files.push((format!("c{at}.xclbin"), cut(section::NPU, code, c.container)?, c.title.clone()));
    }
    for (at, s) in npu.streams.iter().enumerate() {
        let what = format!(
            "for c{} x {} outputs: arguments of {} {} {} bytes",
            s.configuration,
            s.outputs,
            s.weight_bytes,
            npu.configuration(at as u32).activation_bytes,
            s.result_bytes
        );
        files.push((format!("i{at}.txn"), cut(section::NPU, code, s.code)?, what));
    }
    for held in &npu.weights {
        let weight = &plan.weights[held.weight as usize];
        let mut bytes = cut(section::WEIGHTS, weights, CodeSpan { offset: weight.offset, bytes: u64::from(weight.rows) * u64::from(weight.cols) })?;
        bytes.resize(held.bytes as usize, 0);
        files.push((format!("w{}.bin", held.weight), bytes, weight.name.clone()));
    }
    for (name, bytes, what) in files {
        let path: PathBuf = folder.join(name);
        std::fs::write(&path, &bytes).map_err(|e| Error::io(&path, e))?;
        if json {
            emit(&serde_json::json!({ "event": "extracted", "path": path.display().to_string(), "bytes": bytes.len(), "what": what }));
        } else {
            print(&format!("{} {:>10}  {what}\n", path.display(), human(bytes.len() as u64)));
        }
    }
    Ok(())
}
