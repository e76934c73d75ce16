//! Writes a checkpoint of Gemma 3n E2B's shape: seeded random weights (bf16, about 9 GB), or with `--hollow` holes in their place, which take no room and
//! serve `unicornc compile --hollow`. Speeds depend on shapes only.

use unicornc::import::synthetic;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, hollow) = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [folder] if !folder.starts_with('-') => (*folder, false),
        [folder, "--hollow"] => (*folder, true),
        _ => {
            eprintln!("usage: make-e2b FOLDER [--hollow]");
            return std::process::ExitCode::from(2);
        }
    };
    match synthetic::write(std::path::Path::new(folder), &synthetic::Options { hollow, ..synthetic::Options::e2b() }) {
        Ok(_) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
