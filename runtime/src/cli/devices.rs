//! `unicorn-rt devices`.

use super::{print, process};
use unicorn_kernels_cpu::Isa;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Devices this build has no code for yet, and what happens to their regions.
const ABSENT: [(&str, &str); 2] =
    [("gpu", "not built into this version: all regions run on the CPU"), ("npu", "not built into this version: all regions run on the CPU")];

pub fn run(args: &Args) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let isa = Isa::detect().name();
    if args.json {
        let absent: Vec<_> = ABSENT.iter().map(|(name, why)| serde_json::json!({ "device": name, "available": false, "why": why })).collect();
        let cpu = serde_json::json!({
            "device": "cpu", "available": true, "name": process::cpu_name(), "arch": std::env::consts::ARCH, "threads": threads, "kernels": isa,
        });
        let all: Vec<_> = std::iter::once(cpu).chain(absent).collect();
        print(&format!("{}\n", serde_json::json!({ "devices": all })));
        return;
    }
    let mut out = format!("cpu  {}, {threads} threads, {} kernels\n", process::cpu_name(), isa);
    for (name, why) in ABSENT {
        out.push_str(&format!("{name}  {why}\n"));
    }
    print(&out);
}
