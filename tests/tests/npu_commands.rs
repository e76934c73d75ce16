//! What a user meets who compiles for an NPU and runs the result where there is none: notices, `--require`, `--no-npu`, `devices`.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use unicorn_artifact::tensor::Format;
use unicorn_rt::hal::npu::Npu;
use unicorn_tests::{artifact, output_folder, pebble};

const COMPILER: &str = env!("CARGO_BIN_EXE_unicornc-under-test");
const RUNTIME: &str = env!("CARGO_BIN_EXE_unicorn-rt-under-test");

/// Runs a program, demands an exit code and that nothing panicked; gives standard output and error.
#[track_caller]
fn expect(code: i32, program: &str, arguments: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(stdout), text(stderr));
    assert!(status.code() == Some(code) && !err.contains("panicked"), "{program} {arguments:?}: {:?}\n{out}{err}", status.code());
    (out, err)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Pebble with its sparse layers' products for the NPU, compiled by the command.
fn seed() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let path = output_folder().join(format!("npu-commands.{}", std::process::id()));
        let words = ["compile", "--no-selftest", "--quant", "q8", "--rows", "1,16", "--target", "npu:npu1", "--partition", "seed"];
        expect(0, COMPILER, &[&words[..], &["-o", text(&path), text(&pebble())]].concat());
        path
    })
}

/// Greedy tokens of a short story, as text, and what was said.
#[track_caller]
fn story(code: i32, artifact: &Path, options: &[&str]) -> (String, String) {
    expect(code, RUNTIME, &[&["run", text(artifact), "Once upon a time", "--max-tokens", "8", "--temperature", "0"], options].concat())
}

#[test]
fn an_npu_that_is_not_there_is_an_error_only_if_it_is_required() {
    let (host, said) = story(0, seed(), &["--no-npu"]);
    assert!(!said.contains("NPU"), "{said}");
    let (_, why) = story(1, seed(), &["--require", "npu", "--no-npu"]);
    assert!(why.contains("`--no-npu`: it contradicts --require npu"), "{why}");
    let (_, why) = story(1, &artifact(Format::Q8), &["--require", "npu"]);
    assert!(why.contains("--require npu: the artifact has no NPU code; compile it with --target npu:npu1"), "{why}");
    match Npu::open(None) {
        Ok(npu) => println!("skipped: this machine has an NPU, {:?}", npu.info()),
        Err(absence) => {
            let (out, said) = story(0, seed(), &[]);
            assert_eq!((out, said.matches("no NPU is used").count()), (host, 1), "{said}");
            assert!(said.contains(&format!("note: no NPU is used: {absence}; the host does its part")), "{said}");
            let (_, why) = story(1, seed(), &["--require", "npu"]);
            assert!(why.starts_with(&format!("error: --require npu: {absence}")), "{why}");
        }
    }
}

#[test]
fn whoever_measures_is_told_who_runs_what() {
    let (out, _) = expect(0, RUNTIME, &["bench", text(seed()), "--no-npu", "--json", "-p", "4", "-n", "2", "--repeat", "1"]);
    let about: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&about["about"]["device"], &about["about"]["npu"]), (&"cpu".into(), &Value::Null));
    let (out, _) = expect(0, RUNTIME, &["devices", "--json"]);
    let devices: Value = serde_json::from_str(&out).expect("JSON");
    let npu = devices["devices"].as_array().and_then(|all| all.iter().find(|d| d["device"] == "npu")).expect("an NPU, or why not");
    match Npu::open(None) {
        Ok(npu) => println!("skipped: this machine has an NPU, {:?}", npu.info()),
        Err(absence) => assert_eq!((&npu["available"], npu["why"].as_str()), (&false.into(), Some(absence.to_string().as_str()))),
    }
}

#[test]
fn every_command_that_loads_has_the_option() {
    for command in ["run", "serve", "bench", "eval"] {
        let (help, _) = expect(0, RUNTIME, &[command, "--help"]);
        assert!(["--no-npu", "--no-gpu", "--require"].iter().all(|option| help.contains(option)), "{command}: {help}");
    }
}

/// In a program without XRT the option is an error that says what to build, or a notice.
#[test]
#[cfg(not(feature = "xrt"))]
fn a_program_without_xrt_says_so() {
    const WHY: &str = "this unicorn-rt was built without XRT: build it with `--features xrt` where XRT's headers are";
    let (_, said) = story(0, seed(), &["--npu-driver", "xrt"]);
    assert!(said.contains(&format!("note: no NPU is used: {WHY}")), "{said}");
    let (_, why) = story(1, seed(), &["--npu-driver", "xrt", "--require", "npu"]);
    assert!(why.starts_with(&format!("error: --require npu: {WHY}")), "{why}");
    let (out, _) = expect(0, RUNTIME, &["devices", "--npu-driver", "xrt"]);
    assert!(out.contains(&format!("npu  {WHY}")), "{out}");
}
