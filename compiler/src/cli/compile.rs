//! `unicornc compile`.

use super::{emit, human, print};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use unicorn_artifact::tensor::Format;
use unicorn_kernels_gpu::ptxas::Assembler;
use unicornc::driver::{DEFAULT_LIMIT, DEFAULT_MEASURE_BYTES, Event, Options, Outcome, Stage, compile};
use unicornc::import::Checkpoint;
use unicornc::lower::gpu::image::Toolchain;
use unicornc::partition::{Partition, Table};
use unicornc::passes::quantise::Why;
use unicornc::target::Targets;
use unicornc::{Error, Result};

/// What to compile, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The checkpoint: model.safetensors, its folder, or model.safetensors.index.json. Config and tokenizer are found beside it.
    checkpoint: PathBuf,
    /// The artifact to write [default: the folder's name with `.unicorn`, in the current folder].
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Format of the matrices: q4 and q8 are groups of 32 with one f16 scale.
    #[arg(long, value_parser = ["q4", "q8", "bf16"], default_value = "q4")]
    quant: String,
    /// With q4: tensors are refined to q8, those whose measured error is most worth its bytes first, until the predicted divergence from bf16 is
    /// below this many nats per token. `none` never refines.
    #[arg(long, value_name = "NATS", default_value_t = DEFAULT_LIMIT.to_string())]
    error_limit: String,
    /// Checkpoints above this size are not measured (and nothing is refined): measuring holds the model in memory and runs it once per tensor.
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MEASURE_BYTES)]
    measure_bytes: u64,
    /// Format of one tensor or of all whose names begin with a prefix, e.g. `layers.0.*=q8`. May be repeated; the first match counts.
    #[arg(long = "format", value_name = "NAME=FORMAT")]
    formats: Vec<String>,
    /// Positions per sequence [default: what the model was trained for, at most 4096].
    #[arg(long)]
    context: Option<u32>,
    /// Sequences that can be held at once.
    #[arg(long, default_value_t = 4)]
    slots: u32,
    /// Row counts to plan entries for.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64, 256])]
    rows: Vec<u32>,
    /// Most rows whose logits are computed at once.
    #[arg(long, default_value_t = 16)]
    logit_rows: u32,
    /// Threads to pack with [default: all cores]. Does not change the artifact.
    #[arg(long)]
    threads: Option<usize>,
    /// Do not record a self-test (saves running the model once).
    #[arg(long)]
    no_selftest: bool,
    /// What to compile for beside the host, whose code is always there too: hip:gfx1103, hip:gfx1100, hip:gfx11-generic, cuda:sm_80, cuda:sm_90 (GPUs, which
    /// need LLVM), npu:npu1 (the NPU of Ryzen 7040 and 8040), phoenix (npu:npu1 and hip:gfx1103).
    #[arg(long, value_delimiter = ',', value_name = "TARGET")]
    target: Vec<String>,
    /// What runs where: `auto` (what takes the least foretold time; it leaves an NPU out until one has been measured), `gpu` (all that it can do), `host`,
    /// `seed` (products of sparse layers to the NPU, which makes them int8; all that the GPU can do of the rest to it), or a file with lines such as
    /// `layers 0-9 ffn: host` (or `gpu`, or `npu`).
    #[arg(long, default_value = "auto", value_name = "auto|gpu|host|seed|FILE")]
    partition: String,
    /// A folder that remembers compiled GPU kernels. A `unicornc` without LLVM can compile for a GPU if it finds all kernels there.
    #[arg(long, value_name = "FOLDER")]
    kernel_cache: Option<PathBuf>,
    /// NVIDIA's assembler: kernels for cuda targets then are machine code for just those chips, and load without being compiled by the driver, which takes
    /// seconds the first time.
    #[arg(long, value_name = "PROGRAM")]
    ptxas: Option<PathBuf>,
    /// Leave the weights out, for measurements where only small files can be carried: `hollow` (in `benches`) makes random ones.
    #[arg(long)]
    hollow: bool,
    /// Stop after a stage.
    #[arg(long, value_name = "STAGE", value_parser = Stage::ALL.map(Stage::name))]
    stop_after: Option<String>,
    /// Print what the stage named by --stop-after made.
    #[arg(long, requires = "stop_after")]
    dump: bool,
}

pub fn run(args: Args, json: bool) -> Result<()> {
    let options = options(&args)?;
    let stop = args.stop_after.as_deref().and_then(|name| Stage::ALL.into_iter().find(|s| s.name() == name)).unwrap_or(Stage::Artifact);
    let checkpoint = Checkpoint::open(&args.checkpoint)?;
    let out = args.output.clone().unwrap_or_else(|| default_output(checkpoint.folder()));
    let bar = progress_bar(json);
    let outcome = compile(&checkpoint, &out, &options, stop, args.dump, &mut |event| report(&event, json, bar.as_ref()));
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    finish(&outcome?, &out, json);
    Ok(())
}

fn options(args: &Args) -> Result<Options> {
    let bad = |option: &str, why: String| Error::Option { option: option.into(), why };
    let limit = match args.error_limit.as_str() {
        "none" => None,
        text => Some(
            text.parse::<f32>()
                .ok()
                .filter(|l| *l > 0.0)
                .ok_or_else(|| bad("--error-limit", format!("`{text}` is no positive number, nor `none`")))?,
        ),
    };
    let overrides = args.formats.iter().map(|text| {
        let (name, format) = text.split_once('=').ok_or_else(|| bad("--format", format!("`{text}` is not NAME=FORMAT")))?;
        let known = parse_format(format).or((format == Format::Int8.name()).then_some(Format::Int8));
        let format = known.ok_or_else(|| bad("--format", format!("`{format}` is none of q4, q8, bf16, int8")))?;
        Ok((name.to_owned(), format))
    });
    let targets = Targets::parse(args.target.iter().map(String::as_str))?;
    let defaults = Options::default();
    Ok(Options {
        format: parse_format(&args.quant).unwrap_or(defaults.format),
        limit,
        measure_bytes: args.measure_bytes,
        overrides: overrides.collect::<Result<_>>()?,
        context: args.context,
        slots: args.slots,
        rows: args.rows.clone(),
        logit_rows: args.logit_rows,
        threads: args.threads.unwrap_or(defaults.threads).max(1),
        selftest: !args.no_selftest,
        hollow: args.hollow,
        targets: targets.gpus,
        npu: targets.npu,
        partition: partition(&args.partition)?,
        tools: Toolchain {
            program: std::env::current_exe().ok(),
            cache: args.kernel_cache.clone(),
            ptxas: args.ptxas.clone().map(|program| Assembler { program }),
            ..defaults.tools
        },
    })
}

fn partition(text: &str) -> Result<Partition> {
    match Partition::WORDS.iter().find(|(word, _)| *word == text) {
        Some((_, partition)) => Ok(partition.clone()),
        None => Partition::parse(&std::fs::read_to_string(text).map_err(|e| Error::io(Path::new(text), e))?),
    }
}

fn parse_format(text: &str) -> Option<Format> {
    [Format::Q4, Format::Q8, Format::Bf16].into_iter().find(|f| f.name() == text)
}

fn default_output(folder: &Path) -> PathBuf {
    let name = folder.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
    PathBuf::from(format!("{}.unicorn", name.as_deref().unwrap_or("model")))
}

fn progress_bar(json: bool) -> Option<ProgressBar> {
    if json || !std::io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{msg:10} {wide_bar} {bytes}/{total_bytes} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
    Some(ProgressBar::new(0).with_style(style))
}

fn report(event: &Event<'_>, json: bool, bar: Option<&ProgressBar>) {
    match (event, json) {
        (Event::Stage(stage), true) => emit(&serde_json::json!({ "event": "stage", "stage": stage.name() })),
        (Event::Packed(done, total), true) if done == total => emit(&serde_json::json!({ "event": "packed", "bytes": done })),
        (Event::Packed(..), true) => {}
        (Event::Notice(text), true) => emit(&serde_json::json!({ "event": "notice", "message": text })),
        (Event::Partition(table), true) => emit(&partition_event(table)),
        (Event::Dump(stage, text), true) => emit(&serde_json::json!({ "event": "dump", "stage": stage.name(), "text": text })),
        (Event::Stage(stage), false) => {
            if let Some(bar) = bar {
                bar.set_message(stage.name());
            }
        }
        (Event::Packed(done, total), false) => {
            if let Some(bar) = bar {
                bar.set_length(*total);
                bar.set_position(*done);
            }
        }
        (Event::Notice(text), false) => beside(bar, &format!("note: {text}")),
        (Event::Partition(table), false) => beside(bar, &table.to_string()),
        (Event::Dump(_, text), false) => print(text),
    }
}

/// A line or more on standard error, without tearing a progress bar apart.
fn beside(bar: Option<&ProgressBar>, text: &str) {
    match bar {
        Some(bar) => bar.suspend(|| eprintln!("{text}")),
        None => eprintln!("{text}"),
    }
}

fn partition_event(table: &Table) -> serde_json::Value {
    let rows: Vec<_> =
        table.rows.iter().map(|r| serde_json::json!({ "region": r.region, "device": r.device, "seconds": r.seconds, "why": r.why })).collect();
    serde_json::json!({
        "event": "partition", "title": table.title, "regions": rows, "seconds": table.chosen.seconds, "host_seconds": table.host.seconds,
        "gpu_seconds": table.gpu.map(|gpu| gpu.seconds), "npu_bytes": table.npu_bytes, "crossings": table.chosen.crossings, "crossing_seconds": table.chosen.crossing_seconds,
        "device_bytes": table.chosen.bytes,
    })
}

fn finish(outcome: &Outcome, out: &Path, json: bool) {
    let Some(digest) = &outcome.digest else { return };
    let plan = outcome.manifest.as_ref().map(|m| &m.plan);
    let resident = plan.map_or(0, |p| p.resident_bytes(1));
    if json {
        let formats: Vec<_> = outcome
            .formats
            .iter()
            .map(|f| serde_json::json!({ "tensor": f.tensor, "format": f.format.name(), "divergence": f.divergence, "why": f.why.name() }))
            .collect();
        emit(&serde_json::json!({ "event": "formats", "formats": formats }));
        emit(&serde_json::json!({
            "event": "artifact", "path": out.display().to_string(), "digest": digest, "bytes": outcome.bytes, "resident_bytes": resident,
        }));
        return;
    }
    let refined = outcome.formats.iter().filter(|f| f.why == Why::Refined).count();
    eprintln!("{}: {}, {} resident on one thread", out.display(), human(outcome.bytes), human(resident));
    if refined > 0 {
        eprintln!("{refined} of {} matrices are stored finer because of their measured error (`unicornc inspect` lists them)", outcome.formats.len());
    }
    print(&format!("{digest}\n"));
}
