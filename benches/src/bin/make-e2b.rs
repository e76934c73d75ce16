//! Writes a checkpoint of Gemma 3n E2B's shape with seeded random weights (bf16, about 9 GB): speeds depend on shapes only.

use unicornc::import::synthetic;

fn main() -> std::process::ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: make-e2b FOLDER");
        return std::process::ExitCode::from(2);
    };
    match synthetic::write(std::path::Path::new(&folder), &synthetic::Options::e2b()) {
        Ok(_) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
