//! Arguments, dispatch, and how errors leave the process.

mod compile;
mod diff;
mod inspect;
mod npu;
mod npu_run;
mod verify;

use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;
use unicornc::Error;

/// Compiles Gemma 3n checkpoints to artifacts for `unicorn-rt`.
#[derive(Debug, Parser)]
#[command(name = "unicornc", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// How to report progress, results and errors.
    #[arg(long, global = true, value_enum, default_value_t = MessageFormat::Human)]
    message_format: MessageFormat,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 `verify` found damage, `diff` or `npu roundtrip` a difference; 2 wrong usage or option; 3 unusable input; \
4 unsupported model; 5 the system refused; 70 a fault of the compiler.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// Text for people; progress bars on a terminal.
    Human,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile a checkpoint (a .safetensors file, a folder, or a shard index) to one artifact.
    Compile(Box<compile::Args>),
    /// Show sections, digests, origin, memory, and the format of every tensor.
    Inspect(inspect::Args),
    /// Check digests and plan, and run the self-test that was recorded when the artifact was made.
    Verify(verify::Args),
    /// Compare two artifacts.
    Diff(diff::Args),
    /// Look into the NPU's files: containers, images, configurations, instruction streams.
    Npu(npu::Args),
}

/// Runs a command and reports its error, if any.
pub fn run(cli: Cli) -> ExitCode {
    let json = cli.message_format == MessageFormat::Json;
    let result = match cli.command {
        Command::Compile(args) => compile::run(*args, json).map(|()| ExitCode::SUCCESS),
        Command::Inspect(args) => inspect::run(&args, json).map(|()| ExitCode::SUCCESS),
        Command::Verify(args) => verify::run(&args, json),
        Command::Diff(args) => diff::run(&args, json),
        Command::Npu(args) => npu::run(&args, json),
    };
    result.unwrap_or_else(|error| {
        let code = exit_code(&error);
        if json {
            emit(&serde_json::json!({ "event": "error", "message": error.to_string(), "exit_code": code }));
        } else {
            eprintln!("error: {error}");
        }
        ExitCode::from(code)
    })
}

/// The exit code that tells a CI job what kind of error it was.
fn exit_code(error: &Error) -> u8 {
    use unicorn_kernels_gpu::Error as Kernel;
    match error {
        Error::Option { .. } => 2,
        Error::Format { .. } | Error::Config { .. } | Error::Tensor { .. } => 3,
        Error::Unsupported { .. } | Error::NoLlvm { .. } => 4,
        Error::Io { .. } | Error::Artifact(unicorn_artifact::Error::Io { .. }) => 5,
        Error::Kernel(Kernel::Cache { .. } | Kernel::Worker { .. } | Kernel::Assembler { .. }) => 5,
        Error::Kernel(_) => 70,
        Error::Artifact(_) => 3,
        Error::Verify { .. } | Error::Npu(_) => 70,
    }
}

/// One JSON line. A reader that has gone away is no reason to fail.
fn emit(value: &serde_json::Value) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{value}");
}

/// Prints text; a reader that has gone away (`| head`) is no reason to fail.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Bytes with a unit a person can read.
fn human(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
