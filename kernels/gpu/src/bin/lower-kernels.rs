//! Lowers one file of MLIR: `lower-kernels TARGET FILE.mlir OUT`; or serves as the worker of another process.

use std::process::ExitCode;
use unicorn_kernels_gpu::{Error, mlir};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [mlir::WORKER_ARGUMENT] => mlir::serve(std::io::stdin().lock(), std::io::stdout().lock()).map_err(|error| error.to_string()),
        [target, file, out] => lower(target, file, out),
        _ => Err("usage: lower-kernels TARGET FILE.mlir OUT".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn lower(target: &str, file: &str, out: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let lower = || -> Result<Vec<u8>, Error> { mlir::Compiler::new()?.compile(file, &text, target.parse()?) };
    let code = lower().map_err(|error| error.to_string())?;
    std::fs::write(out, code).map_err(|error| format!("{out}: {error}"))
}
