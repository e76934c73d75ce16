//! The demo model on a Radeon that is not there: real gfx1103 code objects, executed on the host behind `libamdhip64` (`tests/gfx11`). So the whole way of a
//! GPU runs here, from compiling to tokens; what a real Radeon does with it, no test here can say.
#![cfg(feature = "gpu")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use unicorn_tests::{library_path, pebble};
use unicornc::import::synthetic;

const COMPILER: &str = env!("CARGO_BIN_EXE_unicornc-under-test");
const RUNTIME: &str = env!("CARGO_BIN_EXE_unicorn-rt-under-test");
const CHECKER: &str = env!("CARGO_BIN_EXE_gpu-check");
/// Layers on both sides, so that values cross in the middle of a step, keys and values lie on either, and the end is the host's.
const RULES: &str = "layers 3-4 ffn: host\nlayer 6: host\nhead: host\n";

/// A folder with the driver's stand-in under the driver's name.
struct Drivers(tempfile::TempDir);

impl Drivers {
    fn get() -> &'static Path {
        static MADE: OnceLock<Drivers> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            // Cargo builds the library of a dependency beside the test programs.
            let program = std::env::current_exe().expect("a test knows its own program");
            let library = program.parent().expect("a folder").join("libgfx11.so");
            let folder = tempfile::tempdir().expect("a temporary folder");
            std::fs::copy(&library, folder.path().join("libamdhip64.so.7")).unwrap_or_else(|why| panic!("{}: {why}", library.display()));
            Drivers(folder)
        });
        made.0.path()
    }
}

/// Runs a program with the stand-in, and gives exit code, standard output and standard error.
fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied()).env("LD_LIBRARY_PATH", library_path(Drivers::get())).stdin(Stdio::null());
    let output = command.output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// As [`run`], of what must succeed: standard output.
#[track_caller]
fn succeed(program: &str, arguments: &[&str]) -> String {
    let (code, out, err) = run(program, arguments, &[]);
    assert_eq!(code, Some(0), "{program} {arguments:?}\n{out}{err}");
    out
}

/// Pebble compiled for the stand-in; without the self-test, so that nothing runs before the first step.
fn compile(name: &str, quant: &str, partition: &str) -> PathBuf {
    let folder = unicorn_tests::output_folder();
    let (path, cache) = (folder.join(format!("whole-{name}.{}", std::process::id())), folder.join("gpu-kernels"));
    let model = pebble();
    let words = ["compile", "--no-selftest", "--quant", quant, "--target", "hip:gfx1103", "--partition", partition, "--rows", "1,4,16"];
    let paths = ["--kernel-cache", cache.to_str().expect("UTF-8"), "-o", path.to_str().expect("UTF-8"), model.to_str().expect("UTF-8")];
    succeed(COMPILER, &[&words[..], &paths].concat());
    path
}

/// Attention of many rows in shapes that the demo model has not: wide heads, one query head a key head, eight.
#[test]
fn attention_of_prompts_is_right_in_any_shape() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (heads, kv_heads, head_dim, window, quant) in [(8, 2, 256, 40, "q4"), (4, 4, 64, 5, "bf16"), (8, 1, 128, 300, "bf16")] {
        let tiny = synthetic::Options { layers: 5, full_every: 2, shared: 2, sparse: 1, ffn: 128, ..synthetic::Options::default() };
        let sizes = synthetic::Options { heads, kv_heads, head_dim, window, ..tiny };
        synthetic::write(folder.path(), &sizes).expect("a checkpoint can be written");
        let (model, cache, artifact) = (folder.path(), unicorn_tests::output_folder().join("gpu-kernels"), folder.path().join("tiles.unicorn"));
        let words = ["compile", "--no-selftest", "--quant", quant, "--target", "hip:gfx1103", "--partition", "gpu", "--rows", "1,128"];
        let paths = [model, &artifact, &cache].map(|path| path.to_str().expect("UTF-8"));
        succeed(
            COMPILER,
            &[&words[..], &["--context", "512", "--error-limit", "none", paths[0], "-o", paths[1], "--kernel-cache", paths[2]]].concat(),
        );
        let out = succeed(CHECKER, &[paths[1], "--launches", "1", "--entries", "1", "--kernel", "attention"]);
        assert!(out.contains("tiles of") && out.contains("what tiles leave") && out.contains("0 WRONG, 0 FAILED"), "{out}");
    }
}

/// Greedy tokens of a short story, as text.
#[track_caller]
fn story(artifact: &Path, device: &[&str]) -> String {
    let artifact = artifact.to_str().expect("UTF-8");
    succeed(RUNTIME, &[&["run", artifact, "Once upon a time there was a", "--max-tokens", "24", "--temperature", "0"], device].concat())
}

#[test]
fn tokens_are_the_hosts() {
    let artifact = compile("bf16", "bf16", "gpu");
    let host = story(&artifact, &["--no-gpu"]);
    assert_eq!(story(&artifact, &["--require", "gpu"]), host);
    assert!(host.len() > 40, "{host}");
    std::fs::remove_file(artifact).expect("a file of this test");
}

/// With top-k the device sends its largest logits and not all; the draw is the same as from all of the host's.
#[test]
fn drawn_tokens_are_the_hosts() {
    let artifact = compile("drawn", "bf16", "gpu");
    let draw = |seed: &str, device: &[&str]| {
        let words = ["run", artifact.to_str().expect("UTF-8"), "Once upon a time there was a", "--max-tokens", "24"];
        succeed(RUNTIME, &[&words[..], &["--temperature", "1", "--top-k", "40", "--seed", seed], device].concat())
    };
    let drawn = ["1", "2", "3"].map(|seed| draw(seed, &["--require", "gpu"]));
    assert_eq!(drawn, ["1", "2", "3"].map(|seed| draw(seed, &["--no-gpu"])));
    assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2], "{drawn:?}");
    std::fs::remove_file(artifact).expect("a file of this test");
}

/// Of how many greedy tokens how many are the reference's.
fn agreeing(artifact: &Path, device: &[&str]) -> (u32, u32) {
    let golden = pebble().join("golden.json");
    let words = ["eval", artifact.to_str().expect("UTF-8"), "--golden", golden.to_str().expect("UTF-8")];
    let out = succeed(RUNTIME, &[&words[..], device].concat());
    let line = out.lines().find_map(|line| line.strip_prefix("greedy: ")).unwrap_or_else(|| panic!("no line about greedy tokens in {out}"));
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    (numbers.next().expect("agreeing tokens"), numbers.next().expect("all tokens"))
}

/// In four bits the model itself strays from the reference, and where two tokens are nearly as likely, the rounding of a sum decides: both sides
/// stray from it alike, but not at the same places.
#[test]
fn four_bits_are_as_near_the_reference_as_the_hosts() {
    let artifact = compile("q4", "q4", "gpu");
    let ((host, all), (gpu, same)) = (agreeing(&artifact, &["--no-gpu"]), agreeing(&artifact, &["--require", "gpu"]));
    println!("of {all} greedy tokens the host gives {host} of the reference, the emulated GPU {gpu}");
    assert_eq!(all, same);
    assert!(gpu + all / 50 >= host, "of {all} the host agrees on {host}, the GPU on {gpu} only");
    std::fs::remove_file(artifact).expect("a file of this test");
}

#[test]
fn layers_may_lie_on_both_sides() {
    let rules = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(&rules, RULES).expect("a file");
    let artifact = compile("both", "bf16", rules.path().to_str().expect("UTF-8"));
    assert_eq!(story(&artifact, &["--require", "gpu"]), story(&artifact, &["--no-gpu"]));
    std::fs::remove_file(artifact).expect("a file of this test");
}

#[test]
fn a_device_that_is_lost_is_replaced_by_the_host() {
    let artifact = compile("lost", "bf16", "gpu");
    let host = story(&artifact, &["--no-gpu"]);
    let path = artifact.to_str().expect("UTF-8");
    let words = ["run", path, "Once upon a time there was a", "--max-tokens", "24", "--temperature", "0"];
    // In the prompt, and in the middle of the answer.
    for launch in ["40", "1000"] {
        let (code, out, err) = run(RUNTIME, &words, &[("GFX11_FAIL", launch)]);
        assert!(code == Some(0) && err.contains("the host goes on without it"), "{code:?}\n{out}{err}");
        assert_eq!(out, host, "launch {launch}");
    }
    let (code, _, err) = run(RUNTIME, &[&words[..], &["--require", "gpu"]].concat(), &[("GFX11_FAIL", "1000")]);
    assert!(code != Some(0) && code.is_some() && !err.contains("panicked"), "{code:?} {err}");
    std::fs::remove_file(artifact).expect("a file of this test");
}

#[test]
fn every_kernel_is_what_its_commands_mean() {
    for quant in ["q4", "q8", "bf16"] {
        let artifact = compile(&format!("check-{quant}"), quant, "gpu");
        let out = succeed(CHECKER, &[artifact.to_str().expect("UTF-8"), "--launches", "1", "--quiet"]);
        assert!(out.contains("0 WRONG, 0 FAILED") && !out.contains("never launched"), "{out}");
        std::fs::remove_file(artifact).expect("a file of this test");
    }
}
