//! The demo model's NPU part by XRT's interface: the runtime's shim in C++ and what is above it, over what stands for XRT. Needs feature `xrt` and
//! `tests/scripts/xrt`, as `make test` has them.
#![cfg(feature = "xrt")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use unicorn_artifact::tensor::Format;
use unicorn_rt::Error;
use unicorn_rt::hal::roster::Standing;
use unicorn_rt::load::{DeviceChoice, Loaded, NpuDriver, Options, load};
use unicorn_rt::step::{Row, Stepper};
use unicorn_tests::npu::{Fault, xrt};
use unicorn_tests::{Logits, Random, artifact_with, assert_same_bits, options, run};
use unicornc::driver;
use unicornc::partition::Partition;
use unicornc::target::Npu;
use xrt_sys::State;

/// What XRT holds is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn artifact(selftest: bool) -> PathBuf {
    let made = driver::Options { npu: Some(Npu::Npu1), partition: Partition::Seed, selftest, rows: vec![1, 4, 64], ..options(Format::Q8) };
    artifact_with(if selftest { "q8-xrt-tested" } else { "q8-xrt" }, &made)
}

fn wanting(npu: DeviceChoice) -> Options {
    Options { npu, npu_driver: NpuDriver::Xrt, threads: 2, ..Options::default() }
}

fn loaded(path: &PathBuf, npu: DeviceChoice) -> Loaded {
    load(path, wanting(npu)).unwrap_or_else(|why| panic!("{why}"))
}

/// Logits of a prompt at once and of some tokens after it.
fn steps(stepper: &mut dyn Stepper) -> Logits {
    let prompt = Random(7).tokens(21, 2, 4032);
    let mut all = run(stepper, 0, 0, &prompt, 21, |at| at + 2 >= 21);
    all.extend(run(stepper, 0, 21, &[900, 77], 1, |_| true));
    all.extend(run(stepper, 0, 23, &[5, 1234], 2, |_| true));
    all
}

fn npu(loaded: &Loaded) -> serde_json::Value {
    loaded.session.roster().json()
}

#[test]
fn logits_are_the_hosts_to_the_bit() {
    let _alone = ALONE.lock();
    let path = artifact(true);
    let expected = steps(&mut loaded(&path, DeviceChoice::Off).session);
    let (log, before) = (xrt::install(0, |_| None), xrt::alive());
    let mut by_xrt = loaded(&path, DeviceChoice::Require);
    assert!(by_xrt.notices.is_empty(), "{:?}", by_xrt.notices);
    assert_eq!(npu(&by_xrt)["npu"], "RyzenAI-npu1 at 0000:c4:00.1, by XRT");
    let tested = log.done().0;
    assert!(tested > 0, "the self-test runs on the NPU");
    assert_same_bits("XRT", &expected, &steps(&mut by_xrt.session));
    assert!(log.done().0 > tested && log.diagnoses().is_empty(), "{:?}", log.diagnoses());
    let part = by_xrt.manifest.plan.npu.clone().expect("an NPU's part");
    assert_eq!(xrt::alive()[0], before[0] + part.configurations.len());
    drop(by_xrt);
    assert_eq!(xrt::alive(), before, "everything was given back");
}

/// A command that fails is the host's from then on, and nothing of the step is lost; where the NPU is required, the step is an error.
#[test]
fn a_command_that_fails_is_the_hosts() {
    let _alone = ALONE.lock();
    let path = artifact(false);
    let expected = steps(&mut loaded(&path, DeviceChoice::Off).session);
    let before = xrt::alive();
    for state in [State::Timeout, State::Error, State::Abort] {
        let log = xrt::install(0, move |number| (number == 3).then_some(Fault::Ends(state)));
        let mut by_xrt = loaded(&path, DeviceChoice::Auto);
        assert_same_bits(state.name(), &expected, &steps(&mut by_xrt.session));
        assert_eq!(log.done().0, 3);
        let lost = npu(&by_xrt)["lost"]["npu"].to_string();
        assert!(lost.contains("the NPU did not finish") && lost.contains(state.name()), "{lost}");
        drop(by_xrt);
        assert_eq!(xrt::alive(), before, "everything was given back");
    }
    xrt::install(0, |number| (number == 1).then_some(Fault::Ends(State::Timeout)));
    let mut by_xrt = loaded(&path, DeviceChoice::Require);
    let rows: Vec<Row> = (0..21).map(|position| Row { token: 2 + position, slot: 0, position, logits: false }).collect();
    let why = by_xrt.session.step(&rows, &mut |_, _| {}).expect_err("the NPU is required");
    assert!(why.to_string().contains("ERT_CMD_STATE_TIMEOUT"), "{why}");
}

/// XRT ends the process when a command in progress is let go of. So a command that hangs keeps what it holds, and the host goes on.
#[test]
fn a_command_that_hangs_is_never_let_go_of() {
    let _alone = ALONE.lock();
    let path = artifact(false);
    let expected = steps(&mut loaded(&path, DeviceChoice::Off).session);
    xrt::install(0, |number| (number == 2).then_some(Fault::Ends(State::Running)));
    let before = xrt::alive();
    let mut by_xrt = loaded(&path, DeviceChoice::Auto);
    let held = xrt::alive();
    assert_same_bits("a hang", &expected, &steps(&mut by_xrt.session));
    let lost = npu(&by_xrt)["lost"]["npu"].to_string();
    assert!(lost.contains("XRT: xrt::run::wait: the command is in progress still"), "{lost}");
    drop(by_xrt);
    assert_eq!(xrt::alive(), held, "the device may write there still");
    assert!(held > before);
}

#[test]
fn what_xrt_refuses_is_told() {
    let _alone = ALONE.lock();
    let path = artifact(false);
    let before = xrt::alive();
    // As many contexts as the artifact needs, less one, are free.
    let needed = loaded(&path, DeviceChoice::Off).manifest.plan.npu.expect("an NPU's part").configurations.len();
    xrt::install(xrt::CONTEXTS + 1 - needed, |_| None);
    let refused = loaded(&path, DeviceChoice::Auto);
    assert!(refused.session.cpu().npu().is_none() && refused.session.roster().standing(unicorn_rt::hal::roster::Kind::Npu) == Standing::Unused);
    assert!(refused.notices[0].contains("XRT: xrt::hw_context: DRM_IOCTL_AMDXDNA_CREATE_HWCTX"), "{:?}", refused.notices);
    let why = load(&path, wanting(DeviceChoice::Require)).expect_err("it is required");
    assert!(matches!(why, Error::Required { device: "npu", .. }), "{why}");
    assert_eq!(xrt::alive(), before, "what was made before the refusal was given back");
}

/// The program itself, which finds no device, for nobody has put one there.
#[test]
fn the_command_tells_that_there_is_no_device() {
    let path = artifact(false);
    let program = |words: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_unicorn-rt-under-test")).args(words).stdin(Stdio::null()).output().expect("the program runs");
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let path = path.to_str().expect("UTF-8");
    let (code, _, why) = program(&["run", path, "Hi", "--max-tokens", "1", "--npu-driver", "xrt", "--require", "npu"]);
    assert_eq!((code, why.as_str()), (Some(1), "error: --require npu: XRT: xrt::device: Could not open device with index '0'\n"));
    let (code, _, said) = program(&["run", path, "Hi", "--max-tokens", "1", "--npu-driver", "xrt"]);
    assert!(code == Some(0) && said.contains("note: no NPU is used: XRT: xrt::device: Could not open"), "{said}");
    let (code, out, _) = program(&["devices", "--npu-driver", "xrt"]);
    assert!(code == Some(0) && out.contains("npu  XRT: xrt::device: Could not open device"), "{out}");
}
