//! The command line of the compiler.
//!
//! Exit codes, for CI jobs: 0 done; 1 `verify` found damage, `diff` or `npu roundtrip` found a difference; 2 wrong usage or option; 3 the input is not usable;
//! 4 the model is not supported; 5 the system refused (file, disk, memory); 70 a fault of the compiler.

mod cli;

use clap::Parser;

fn main() -> std::process::ExitCode {
    #[cfg(feature = "gpu")]
    if std::env::args_os().nth(1).is_some_and(|a| a == unicornc::kernels::WORKER_ARGUMENT) {
        return match unicornc::kernels::serve(std::io::stdin().lock(), std::io::stdout().lock()) {
            Ok(()) => std::process::ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                std::process::ExitCode::FAILURE
            }
        };
    }
    cli::run(cli::Cli::parse())
}
