//! The command line of the runtime.
//!
//! Exit codes: 0 done; 1 it failed (the message says what to do); 2 wrong usage.

mod cli;

use clap::Parser;

fn main() -> std::process::ExitCode {
    cli::run(cli::Cli::parse())
}
