//! `unicornc verify`.

use super::{emit, print};
use std::path::PathBuf;
use std::process::ExitCode;
use unicorn_artifact::file::{Artifact, section};
use unicorn_rt::load::{Options, Placement, load};
use unicornc::Result;
use unicornc::schedule::{check, reach};

/// What to check.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The artifact.
    artifact: PathBuf,
    /// Only plain kernels and the interpreter; do not run the artifact's machine code.
    #[arg(long)]
    no_native: bool,
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    let artifact = Artifact::open(&args.artifact)?;
    let mut findings = Findings { json, failed: false };
    for s in artifact.sections() {
        findings.add(&format!("digest of `{}`", s.name), artifact.verified(&s.name).map(|_| ()).map_err(|e| e.to_string()));
    }
    let manifest = artifact.manifest();
    findings.add("manifest", manifest.as_ref().map(|_| ()).map_err(ToString::to_string));
    if let Ok(manifest) = &manifest {
        findings
            .add("plan: no live buffers overlap, everything is written before it is read", check::check(&manifest.plan).map_err(|e| e.to_string()));
    }
    if let Some(npu) = manifest.as_ref().ok().and_then(|m| m.plan.npu.as_ref()) {
        let reached = artifact.verified(section::NPU).map_err(|e| e.to_string()).and_then(|code| reach::reach(npu, code));
        findings.add("npu: containers are whole, no stream leaves its buffers", reached);
    }
    if !findings.failed {
        if artifact.section(section::SELFTEST).is_err() {
            findings.add("self-test", Err("none was recorded (compiled with --no-selftest)".into()));
        } else {
            let kinds: &[(&str, bool)] = if args.no_native { &[("plain", false)] } else { &[("plain", false), ("native", true)] };
            for (name, native) in kinds {
                findings.add(&format!("self-test, {name}"), selftest(&artifact, args, *native));
            }
        }
    }
    if !json {
        print(if findings.failed { "damaged\n" } else { "sound\n" });
    }
    Ok(ExitCode::from(u8::from(findings.failed)))
}

fn selftest(artifact: &Artifact, args: &Args, native: bool) -> std::result::Result<(), String> {
    let test = artifact.selftest().map_err(|e| e.to_string())?;
    let options = Options { native, placement: Placement::Map, ..Options::default() };
    let mut loaded = load(&args.artifact, options).map_err(|e| e.to_string())?;
    unicorn_rt::selftest::run(&mut loaded.session, &test).map_err(|e| e.to_string())
}

struct Findings {
    json: bool,
    failed: bool,
}

impl Findings {
    fn add(&mut self, what: &str, result: std::result::Result<(), String>) {
        self.failed |= result.is_err();
        match (self.json, &result) {
            (true, _) => emit(&serde_json::json!({ "event": "check", "what": what, "ok": result.is_ok(), "why": result.err() })),
            (false, Ok(())) => print(&format!("ok      {what}\n")),
            (false, Err(why)) => print(&format!("FAILED  {what}: {why}\n")),
        }
    }
}
