//! `unicornc npu`: the NPU's containers, images, configurations and instruction streams, for people.

use super::{emit, print};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use unicornc::npu::dump::{self, Options};
use unicornc::npu::roundtrip::{Report, roundtrip};
use unicornc::npu::{self, File};
use unicornc::{Error, Result};

/// What to do with a file of the NPU.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what an xclbin, PDI, CDO or instruction stream (TXN) says, with the names of registers and their fields.
    Dump {
        /// The file; its first bytes tell its kind.
        file: PathBuf,
        /// Programs and data memory word by word, too.
        #[arg(long)]
        words: bool,
        /// The instructions of programs, too.
        #[arg(long)]
        disasm: bool,
    },
    /// Run a container's instruction stream on the emulated array and tell its cycles; exit code 1 and a diagnosis if it does not come to its end.
    Run(super::npu_run::Args),
    /// Read a file into values, write them again, and compare every byte; exit code 1 and the first difference if one is not the same.
    Roundtrip {
        /// The file; its first bytes tell its kind.
        file: PathBuf,
    },
}

pub fn run(args: &Args, json: bool) -> Result<ExitCode> {
    match &args.command {
        Command::Run(args) => super::npu_run::run(args, json),
        Command::Dump { file, words, disasm } => {
            let bytes = read(file)?;
            let text = dump::text(&bytes, Options { words: *words, instructions: *disasm }).map_err(|why| unusable(file, &why))?;
            if json {
                emit(&serde_json::json!({ "event": "dump", "kind": File::kind(&bytes), "text": text }));
            } else {
                print(&text);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Roundtrip { file } => {
            let bytes = read(file)?;
            let report = roundtrip(&bytes).map_err(|why| unusable(file, &why))?;
            if json {
                emit(&as_json(&report));
            } else {
                print(&as_text(&report));
            }
            Ok(ExitCode::from(u8::from(report.difference.is_some())))
        }
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::io(path, source))
}

pub(super) fn unusable(path: &Path, why: &npu::Error) -> Error {
    Error::format(path, why.to_string())
}

fn as_json(report: &Report) -> serde_json::Value {
    let parts: Vec<_> =
        report.parts.iter().map(|p| serde_json::json!({ "name": p.name, "offset": p.offset, "bytes": p.length, "equal": p.equal })).collect();
    let difference = report
        .difference
        .as_ref()
        .map(|d| serde_json::json!({ "offset": d.offset, "section": d.section, "field": d.field, "read": d.read, "written": d.written }));
    let padding = report.padding.as_ref().map(|(groups, derived)| serde_json::json!({ "groups": groups, "derived": derived }));
    serde_json::json!({
        "event": "roundtrip", "equal": report.difference.is_none(), "parts": parts, "difference": difference, "padding": padding,
    })
}

fn as_text(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in &report.parts {
        let word = if part.equal { "equal  " } else { "DIFFERS" };
        lines.push(format!("{word}  {:<18} {:>8} bytes at {:#x}", part.name, part.length, part.offset));
    }
    if let Some((groups, derived)) = &report.padding {
        let groups: Vec<_> = groups.iter().map(usize::to_string).collect();
        let derived = if *derived { "follows from the commands" } else { "is the file's own" };
        lines.push(format!("padding of the configuration {derived} (groups of {} commands)", groups.join(", ")));
    }
    lines.push(match &report.difference {
        None => "the same, byte for byte".into(),
        Some(d) => {
            let byte = |byte: Option<u8>| byte.map_or("nothing".into(), |byte| format!("{byte:#04x}"));
            format!(
                "first difference: {}, field `{}`, offset {:#x}: {} was written as {}",
                d.section,
                d.field,
                d.offset,
                byte(d.read),
                byte(d.written)
            )
        }
    });
    lines.join("\n") + "\n"
}
