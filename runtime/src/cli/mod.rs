//! Arguments, dispatch, and what the commands share.

mod bench;
mod devices;
mod eval;
mod process;
mod run;
mod serve;

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use unicorn_kernels_cpu::Isa;
use unicorn_rt::generate::Scheduler;
use unicorn_rt::load::{Loaded, Options, Placement, load_with_tokenizer};
use unicorn_rt::sample::SamplingParams;
use unicorn_rt::serve::DeviceArgs;
use unicorn_rt::step::Session;
use unicorn_rt::tokens::Tokenizer;
use unicorn_rt::{Error, Result};

/// Runs and serves artifacts made by `unicornc`.
#[derive(Debug, Parser)]
#[command(name = "unicorn-rt", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one or more artifacts behind an OpenAI-compatible API.
    Serve(unicorn_rt::serve::ServeArgs),
    /// Answer one prompt, or chat in the terminal.
    Run(run::Args),
    /// Measure prompt and generation speed, load time and memory.
    Bench(bench::Args),
    /// Measure quality: exact match, perplexity, or agreement with reference values.
    Eval(eval::Args),
    /// Show the devices that regions can run on, and what this host supports.
    Devices(devices::Args),
}

/// Lets what happens on the way be told on standard error, from `level` on; `RUST_LOG` says otherwise.
fn log(level: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// Runs a command and reports its error, if any.
pub fn run(cli: Cli) -> ExitCode {
    log(if matches!(cli.command, Command::Serve(_)) { "info" } else { "warn" });
    let result = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Run(args) => run::run(&args).map_err(Into::into),
        Command::Bench(args) => bench::run(&args).map_err(Into::into),
        Command::Eval(args) => eval::run(&args).map_err(Into::into),
        Command::Devices(args) => {
            devices::run(&args);
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error: anyhow::Error = error;
            eprintln!("error: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes; a cause that is told already is not told again.
pub fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// How to load an artifact.
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// The artifact.
    pub artifact: PathBuf,
    /// Worker threads [default: one per available core].
    #[arg(short, long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Use plain kernels and interpret the fused regions: slower, trusts no machine code from the file (nor an NPU's), gives the same tokens.
    #[arg(long)]
    pub no_native: bool,
    /// Kernels to use instead of the widest this host has.
    #[arg(long, value_enum)]
    pub isa: Option<IsaArg>,
    /// Where the weights live: copied to huge pages (faster steps) or mapped from the file (faster start, shared).
    #[arg(long, value_enum, default_value_t = PlacementArg::Copy)]
    pub load: PlacementArg,
    #[command(flatten)]
    pub devices: DeviceArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum IsaArg {
    /// No vector instructions beyond the baseline.
    Plain,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 with VNNI.
    Avx512,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PlacementArg {
    /// Copy to huge pages.
    Copy,
    /// Map the file.
    Map,
}

/// A loaded artifact, ready to generate.
pub struct Ready {
    pub loaded: Loaded,
    pub tokenizer: Arc<Tokenizer>,
    pub load_time: Duration,
}

impl LoadArgs {
    /// Loads, and says on standard error what a user should know.
    pub fn load(&self) -> Result<Ready> {
        let isa = self.isa.map(|isa| match isa {
            IsaArg::Plain => Isa::Plain,
            IsaArg::Avx2 => Isa::Avx2,
            IsaArg::Avx512 => Isa::Avx512,
        });
        if let Some(isa) = isa.filter(|isa| *isa > Isa::detect()) {
            return Err(Error::request("--isa", format!("this host has no {}; the widest is {}", isa.name(), Isa::detect().name())));
        }
        let placement = match self.load {
            PlacementArg::Copy => Placement::Copy,
            PlacementArg::Map => Placement::Map,
        };
        let start = Instant::now();
        let (gpu, npu) = (self.devices.gpu()?, self.devices.npu()?);
        let options = Options {
            threads: self.threads,
            native: !self.no_native,
            placement,
            isa,
            gpu,
            npu,
            npu_driver: self.devices.npu_driver,
            ..Options::default()
        };
        let (loaded, tokenizer) = load_with_tokenizer(&self.artifact, options)?;
        let tokenizer = Arc::new(tokenizer);
        let load_time = start.elapsed();
        for notice in &loaded.notices {
            eprintln!("note: {notice}");
        }
        Ok(Ready { loaded, tokenizer, load_time })
    }
}

impl Ready {
    /// A scheduler over the session.
    pub fn scheduler(&mut self) -> Result<Scheduler<'_>> {
        let vocabulary = self.loaded.manifest.plan.model.text_vocabulary as usize;
        let session: &mut Session = &mut self.loaded.session;
        Scheduler::new(Box::new(session), self.tokenizer.clone(), vocabulary)
    }
}

/// How tokens are drawn.
#[derive(Debug, clap::Args)]
pub struct SampleArgs {
    /// Divides the logits; 0 always takes the likeliest token.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    temperature: f32,
    /// Keep the K likeliest tokens; 0 keeps all.
    #[arg(long, default_value_t = 0)]
    top_k: usize,
    /// Keep the likeliest tokens that together reach this probability.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    top_p: f32,
    /// Keep tokens at least this likely relative to the likeliest.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    min_p: f32,
    /// Same seed, same tokens [default: a random one].
    #[arg(long)]
    seed: Option<u64>,
    /// Text that ends the answer. May be repeated.
    #[arg(long)]
    pub stop: Vec<String>,
    /// Tokens to generate at most [default: until the context is full].
    #[arg(long)]
    pub max_tokens: Option<usize>,
}

impl SampleArgs {
    /// As the sampler takes them.
    pub fn params(&self) -> SamplingParams {
        SamplingParams {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            seed: self.seed,
            ..SamplingParams::default()
        }
    }
}

/// Writes to standard output; a reader that has gone away (`| head`) is no reason to fail.
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A file's JSON.
pub fn read_json(path: &std::path::Path) -> Result<serde_json::Value> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::Io { path: path.into(), source: e.into() })
}
