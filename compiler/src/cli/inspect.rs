//! `unicornc inspect`.

mod gpu;
mod npu;

use super::{emit, human, print};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use unicorn_artifact::file::{Artifact, Manifest, hex, section};
use unicorn_artifact::plan::Plan;
use unicornc::Result;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The artifact.
    artifact: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Also the whole plan: weights, states, regions, entries, commands.
    #[arg(long)]
    plan: bool,
    /// Instead: write what the NPU is given (containers, instruction streams, weights) to a folder, as files that `unicornc npu` takes.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["plan", "kernels", "disasm"])]
    extract: Option<PathBuf>,
    /// Worker threads to foretell memory for.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    #[command(flatten)]
    gpu: gpu::Show,
}

pub fn run(args: &Args, json: bool) -> Result<()> {
    let artifact = Artifact::open(&args.artifact)?;
    if args.gpu.wanted() {
        // Read alone: what `compile --hollow` wrote has kernels and no weights.
        let manifest = Manifest::decode(artifact.verified(section::MANIFEST)?)?;
        return gpu::run(&artifact, &manifest.plan, &args.gpu, json || args.json);
    }
    let manifest = artifact.manifest()?;
    if let Some(folder) = &args.extract {
        return npu::extract(&artifact, &manifest.plan, folder, json || args.json);
    }
    if json || args.json {
        emit(&as_json(&artifact, &manifest, args));
    } else {
        print(&as_text(&artifact, &manifest, args));
        if args.plan {
            print(&unicorn_artifact::print::plan(&manifest.plan));
        }
    }
    Ok(())
}

/// Bytes per format over all weights.
fn by_format(plan: &Plan) -> BTreeMap<&'static str, (usize, u64)> {
    let mut formats: BTreeMap<_, (usize, u64)> = BTreeMap::new();
    for weight in &plan.weights {
        let entry = formats.entry(weight.format.name()).or_default();
        *entry = (entry.0 + 1, entry.1 + weight.bytes().unwrap_or(0));
    }
    formats
}

fn as_json(artifact: &Artifact, manifest: &Manifest, args: &Args) -> serde_json::Value {
    let plan = &manifest.plan;
    let sections: Vec<_> = artifact
        .sections()
        .iter()
        .map(|s| serde_json::json!({ "name": s.name, "offset": s.offset, "bytes": s.length, "blake3": hex(&s.digest) }))
        .collect();
    let tensors: Vec<_> = plan
        .weights
        .iter()
        .map(|w| {
            serde_json::json!({
                "name": w.name, "format": w.format.name(), "layout": w.layout.name(), "shape": [w.rows, w.cols],
                "bytes": w.bytes(), "streamed": w.streamed, "relative_error": w.error,
            })
        })
        .collect();
    let entries: Vec<_> = plan
        .entries
        .iter()
        .map(|e| serde_json::json!({ "part": format!("{:?}", e.part).to_lowercase(), "rows": e.rows, "commands": e.commands.len() }))
        .collect();
    let mut value = serde_json::json!({
        "digest": hex(artifact.digest()),
        "sections": sections,
        "provenance": manifest.provenance,
        "model": plan.model,
        "memory": {
            "weights": plan.weight_bytes, "states": plan.state_bytes, "arena": plan.arena_bytes, "scratch_per_thread": plan.scratch_bytes(),
            "threads": args.threads, "resident": plan.resident_bytes(args.threads), "streamed_from_file": plan.streamed_bytes,
        },
        "code": plan.code.iter().map(|c| serde_json::json!({ "arch": c.arch, "features": c.features, "regions": c.regions.len() })).collect::<Vec<_>>(),
        "entries": entries,
        "tensors": tensors,
    });
    if let Some(part) = &plan.npu {
        value["npu"] = npu::as_json(plan, part);
    }
    if args.plan {
        value["plan"] = serde_json::json!(unicorn_artifact::print::plan(plan));
    }
    value
}

fn as_text(artifact: &Artifact, manifest: &Manifest, args: &Args) -> String {
    let plan = &manifest.plan;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "digest   {}", hex(artifact.digest()));
    let m = &plan.model;
    let _ = writeln!(
        out,
        "model    {}: {} layers, hidden {}, vocabulary {}, {} slots of {} positions",
        m.name, m.layers, m.hidden, m.vocabulary, m.slots, m.context
    );
    let _ = writeln!(out, "compiler {}", manifest.provenance.compiler);
    for (name, value) in &manifest.provenance.options {
        let _ = writeln!(out, "option   {name} = {value}");
    }
    for (name, digest) in &manifest.provenance.inputs {
        let _ = writeln!(out, "input    {name} {digest}");
    }
    for notice in &manifest.provenance.notices {
        let _ = writeln!(out, "notice   {notice}");
    }
    let _ = writeln!(out, "\nsections");
    for s in artifact.sections() {
        let _ = writeln!(out, "  {:<14} {:>10}  {}", s.name, human(s.length), hex(&s.digest));
    }
    let _ = writeln!(out, "\nmemory on {} threads", args.threads);
    let scratch = args.threads * plan.scratch_bytes();
    for (name, bytes) in [("weights", plan.weight_bytes), ("keys, values", plan.state_bytes), ("arena", plan.arena_bytes), ("scratch", scratch)] {
        let _ = writeln!(out, "  {name:<14} {:>10}", human(bytes));
    }
    let _ =
        writeln!(out, "  {:<14} {:>10}  (peak of the plan; tokenizer and server come on top)", "resident", human(plan.resident_bytes(args.threads)));
    let _ = writeln!(out, "  {:<14} {:>10}  (read row by row, never resident)", "in the file", human(plan.streamed_bytes));
    let _ = writeln!(out, "\nentries");
    for e in &plan.entries {
        let _ = writeln!(out, "  {:<5} {:>4} rows, {} commands", format!("{:?}", e.part).to_lowercase(), e.rows, e.commands.len());
    }
    if let Some(part) = &plan.npu {
        out.push_str(&npu::as_text(plan, part));
    }
    let _ = writeln!(out, "\nformats");
    for (name, (count, bytes)) in by_format(plan) {
        let _ = writeln!(out, "  {name:<5} {count:>5} tensors {:>10}", human(bytes));
    }
    let _ = writeln!(out, "\ntensors");
    for w in &plan.weights {
        let place = if w.streamed { "file" } else { "" };
        let _ =
            writeln!(out, "  {:<5} {:<6} {:>7} x {:<7} error {:.4} {place:<4} {}", w.format.name(), w.layout.name(), w.rows, w.cols, w.error, w.name);
    }
    out
}
