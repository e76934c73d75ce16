//! A whole model on the Radeon that is not there: Pebble, compiled for gfx1103, must answer as it does on the host.
//!
//! Needs a `unicornc` with LLVM (`GFX11_UNICORNC`) and a `unicorn-rt` (`GFX11_UNICORN_RT`); built without them it says that it was skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command and gives what it printed.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &error
}

/// The library as it was built beside this test.
fn library() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    test.ancestors().skip(1).take(2).map(|folder| folder.join("libgfx11.so")).find(|path| path.exists())
}

/// Of how many tokens how many are the reference's.
fn agreeing(text: &str) -> (u32, u32) {
    let line = text.lines().find_map(|line| line.strip_prefix("greedy: ")).unwrap_or_else(|| panic!("no line about greedy tokens in {text}"));
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    (numbers.next().expect("agreeing tokens"), numbers.next().expect("all tokens"))
}

#[test]
fn pebble_answers_as_on_the_host() {
    let (Some(compiler), Some(runtime)) = (std::env::var_os("GFX11_UNICORNC"), std::env::var_os("GFX11_UNICORN_RT")) else {
        eprintln!("skipped: GFX11_UNICORNC and GFX11_UNICORN_RT do not name a compiler with LLVM and a runtime");
        return;
    };
    let library = library().expect("libgfx11.so beside the test");
    let folder = std::env::temp_dir().join(format!("gfx11-whole-{}", std::process::id()));
    let drivers = folder.join("drivers");
    std::fs::create_dir_all(&drivers).unwrap();
    std::fs::copy(library, drivers.join("libamdhip64.so.7")).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pebble");
    let artifact = folder.join("pebble.unicorn");
    output(
        Command::new(compiler)
            .arg("compile")
            .arg(&model)
            .args(["--target", "hip:gfx1103", "--quant", "bf16", "--rows", "1", "--partition", "gpu"])
            .arg("-o")
            .arg(&artifact),
    );
    let evaluate = |device: &[&str]| {
        let mut command = Command::new(&runtime);
        command.arg("eval").arg(&artifact).arg("--golden").arg(model.join("golden.json")).args(device).env("LD_LIBRARY_PATH", &drivers);
        agreeing(&output(&mut command))
    };
    let (host, all) = evaluate(&["--no-gpu"]);
    let (gpu, same) = evaluate(&["--require", "gpu"]);
    std::fs::remove_dir_all(&folder).unwrap();
    eprintln!("of {all} tokens the host agrees on {host}, the Radeon that is not there on {gpu}");
    assert_eq!((gpu, same), (host, all));
    assert_eq!(gpu, all, "in the checkpoint's own format nothing is lost");
}
