//! GPU, NPU and host in one step: `--target phoenix --partition seed` on a Radeon and an NPU that are not there, the one behind `libamdhip64` (`tests/gfx11`), the
//! other behind the driver of `unicorn_tests::npu`.
//!
//! The loader looks for a GPU's driver where the process was told to as it began. So each test begins a process of its own: this program again, with one of the
//! ignored tests, which do nothing by themselves.
#![cfg(feature = "gpu")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use unicorn_rt::hal::roster::Kind;
use unicorn_rt::load::{DeviceChoice, Loaded, Options, load_on};
use unicorn_rt::step::Stepper;
use unicorn_tests::npu::{self, Configured, Fake, Log, emulated};
use unicorn_tests::{Logits, Random, assert_same_bits, best, library_path, output_folder, pebble, run};

const COMPILER: &str = env!("CARGO_BIN_EXE_unicornc-under-test");
/// Where the artifact is: set in the processes that tests begin.
const ARTIFACT: &str = "UNICORN_TEST_PHOENIX";

/// Runs an ignored test of this program on Pebble for all three devices, where a Radeon's stand-in is found.
fn begin(test: &str, environment: &[(&str, &str)]) {
    let program = std::env::current_exe().expect("a test knows its own program");
    let drivers = tempfile::tempdir().expect("a temporary folder");
    let library = program.parent().expect("a folder").join("libgfx11.so");
    std::fs::copy(&library, drivers.path().join("libamdhip64.so.7")).unwrap_or_else(|why| panic!("{}: {why}", library.display()));

    let artifact = output_folder().join(format!("{test}.{}", std::process::id()));
    let cache = output_folder().join("gpu-kernels");
    let words = ["compile", "--no-selftest", "--quant", "bf16", "--target", "phoenix", "--partition", "seed", "--rows", "1,4,16", "--kernel-cache"];
    let compiled = Command::new(COMPILER).args(words).arg(cache).arg("-o").arg(&artifact).arg(pebble()).output().expect("the compiler runs");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));

    let mut command = Command::new(&program);
    command.args(["--ignored", "--exact", test, "--nocapture"]).env("LD_LIBRARY_PATH", library_path(drivers.path())).env(ARTIFACT, &artifact);
    let output = command.envs(environment.iter().copied()).stdin(Stdio::null()).output().expect("this program runs");
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(artifact).expect("a file of this test");
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    print!("{told}");
}

/// The artifact; none where nobody began this process for it.
fn artifact() -> Option<PathBuf> {
    let path = std::env::var_os(ARTIFACT).map(PathBuf::from);
    if path.is_none() {
        println!("skipped: another test begins a process for this one");
    }
    path
}

fn on(path: &PathBuf, gpu: DeviceChoice, npu: DeviceChoice, fake: &Fake) -> Loaded {
    load_on(path, Options { gpu, npu, threads: 1, ..Options::default() }, &|| fake.engine()).unwrap_or_else(|why| panic!("{why}"))
}

/// Logits of a short prompt at once, and of some tokens after it.
fn steps(stepper: &mut dyn Stepper) -> Logits {
    let mut all = run(stepper, 0, 0, &Random(3).tokens(9, 2, 4032), 9, |at| at > 6);
    all.extend(run(stepper, 0, 9, &[17, 900, 4], 1, |_| true));
    all
}

fn device() -> (Fake, Log) {
    emulated(npu::Options::default(), Configured::Once)
}

#[test]
fn all_three_work_on_a_step() {
    begin("three_devices", &[]);
}

#[test]
#[ignore = "a process that another test begins"]
fn three_devices() {
    let Some(path) = artifact() else { return };
    let (fake, log) = device();
    let mut all = on(&path, DeviceChoice::Require, DeviceChoice::Require, &fake);
    assert_eq!(all.session.roster().json()["device"], "gpu+npu");
    let with = steps(&mut all.session);
    assert!(log.done().0 > 0, "the NPU did something");
    // The GPU's sums have another order than the host's, the NPU's are exact: so with and without it, beside the same GPU, the bits are the same.
    let without = steps(&mut on(&path, DeviceChoice::Require, DeviceChoice::Off, &fake).session);
    assert_same_bits("the NPU beside a GPU", &without, &with);
    let host = steps(&mut on(&path, DeviceChoice::Off, DeviceChoice::Off, &fake).session);
    let same = host.iter().filter(|(at, logits)| best(logits) == best(&with[at])).count();
    println!("of {} most likely tokens {same} are the host's", host.len());
    assert_eq!(same, host.len());
}

#[test]
fn a_gpu_that_is_lost_leaves_the_npu_at_work() {
    begin("lost_gpu", &[("GFX11_FAIL", "200")]);
}

#[test]
#[ignore = "a process that another test begins"]
fn lost_gpu() {
    let Some(path) = artifact() else { return };
    let (fake, log) = device();
    let mut all = on(&path, DeviceChoice::Auto, DeviceChoice::Require, &fake);
    let with = steps(&mut all.session);
    let roster = all.session.roster().json();
    assert!(roster["device"] == "npu" && roster["lost"][Kind::Gpu.name()].is_string() && log.done().0 > 0, "{roster}");
    let host = steps(&mut on(&path, DeviceChoice::Off, DeviceChoice::Off, &fake).session);
    let same = host.iter().filter(|(at, logits)| best(logits) == best(&with[at])).count();
    assert_eq!(same, host.len(), "of the most likely tokens");
}
