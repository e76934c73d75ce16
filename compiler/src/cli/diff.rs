//! `unicornc diff`.

use super::{emit, print};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use unicorn_artifact::file::{Artifact, Manifest, hex};
use unicornc::Result;

/// What to compare.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One artifact.
    a: PathBuf,
    /// The other.
    b: PathBuf,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let (a, b) = (Artifact::open(&args.a)?, Artifact::open(&args.b)?);
    let mut lines = Vec::new();
    if a.digest() != b.digest() {
        sections(&a, &b, &mut lines);
        manifests(&a.manifest()?, &b.manifest()?, &mut lines);
    }
    if json {
        emit(&serde_json::json!({ "event": "diff", "equal": lines.is_empty(), "differences": lines }));
    } else if lines.is_empty() {
        print(&format!("equal: {}\n", hex(a.digest())));
    } else {
        print(&(lines.join("\n") + "\n"));
    }
    Ok(ExitCode::from(u8::from(!lines.is_empty())))
}

fn sections(a: &Artifact, b: &Artifact, lines: &mut Vec<String>) {
    let names: BTreeSet<&str> = a.sections().iter().chain(b.sections()).map(|s| s.name.as_str()).collect();
    for name in names {
        match (a.section(name), b.section(name)) {
            (Ok(x), Ok(y)) if x.digest == y.digest => {}
            (Ok(x), Ok(y)) => {
                lines.push(format!("section {name}: {} bytes {} | {} bytes {}", x.length, &hex(&x.digest)[..12], y.length, &hex(&y.digest)[..12]))
            }
            (Ok(_), Err(_)) => lines.push(format!("section {name}: only in the first")),
            _ => lines.push(format!("section {name}: only in the second")),
        }
    }
}

fn manifests(a: &Manifest, b: &Manifest, lines: &mut Vec<String>) {
    let mut compare = |what: &str, x: String, y: String| {
        if x != y {
            lines.push(format!("{what}: {x} | {y}"));
        }
    };
    let (p, q) = (&a.plan, &b.plan);
    compare("compiler", a.provenance.compiler.clone(), b.provenance.compiler.clone());
    compare("inputs", format!("{:?}", a.provenance.inputs), format!("{:?}", b.provenance.inputs));
    compare("options", format!("{:?}", a.provenance.options), format!("{:?}", b.provenance.options));
    compare("model", format!("{:?}", p.model), format!("{:?}", q.model));
    compare("weight bytes", p.weight_bytes.to_string(), q.weight_bytes.to_string());
    compare("state bytes", p.state_bytes.to_string(), q.state_bytes.to_string());
    compare("arena bytes", p.arena_bytes.to_string(), q.arena_bytes.to_string());
    let entries = |plan: &unicorn_artifact::plan::Plan| {
        plan.entries.iter().map(|e| format!("{:?} {} ({})", e.part, e.rows, e.commands.len())).collect::<Vec<_>>()
    };
    compare("entries", format!("{:?}", entries(p)), format!("{:?}", entries(q)));
    let weights: BTreeSet<&str> = p.weights.iter().chain(&q.weights).map(|w| w.name.as_str()).collect();
    for name in weights {
        let describe = |plan: &unicorn_artifact::plan::Plan| {
            plan.weights
                .iter()
                .filter(|w| w.name == name)
                .map(|w| format!("{} {} [{}, {}]", w.format.name(), w.layout.name(), w.rows, w.cols))
                .collect::<Vec<_>>()
                .join(", ")
        };
        compare(&format!("tensor {name}"), describe(p), describe(q));
    }
}
