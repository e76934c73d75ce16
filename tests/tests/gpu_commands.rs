//! What a user meets who compiles for a GPU and runs the result: targets, partitions, the kernel cache, hollow artifacts, `--require`, `--no-gpu`, `devices`.
//! No LLVM and no GPU here: kernels are stubs from a cache, and where a device is wanted, a driver without one is put where the loader looks first.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use unicorn_artifact::file::{Artifact, Manifest, section};
use unicorn_kernels_gpu::target::Target;
use unicorn_tests::hostile::gpu::FakeGpu;
use unicorn_tests::{library_path, pebble, stubs};
use unicornc::driver;
use unicornc::partition::Partition;

const COMPILER: &str = env!("CARGO_BIN_EXE_unicornc-under-test");
const RUNTIME: &str = env!("CARGO_BIN_EXE_unicorn-rt-under-test");
/// Layers on both sides, so that every kind of stage is there.
const RULES: &str = "# a layer in the middle, and the end\nlayers 3-4 ffn: host\nlayer 6: host\nhead: host\n";

/// Runs a program, demands an exit code and that nothing panicked; gives standard output and error.
#[track_caller]
fn expect(code: i32, command: &mut Command) -> (String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(stdout), text(stderr));
    assert!(status.code() == Some(code) && !err.contains("panicked"), "{command:?}: {:?}\n{out}{err}", status.code());
    (out, err)
}

/// `unicornc compile` of Pebble to `out`, quickly.
fn compile(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(COMPILER);
    command.args(["compile", "--no-selftest", "--error-limit", "none", "--rows", "1,4,16", "-o"]).arg(out).arg(pebble()).args(arguments);
    command
}

/// Options that say the same.
fn options(partition: Partition) -> driver::Options {
    driver::Options { selftest: false, limit: None, rows: vec![1, 4, 16], partition, ..driver::Options::default() }
}

/// A folder with a kernel cache for Pebble under [`RULES`] (`kernels`), the rules (`rules`), and artifacts without and with a GPU part.
struct Made {
    folder: tempfile::TempDir,
    titles: Vec<String>,
}

impl Made {
    fn get() -> &'static Self {
        static MADE: OnceLock<Made> = OnceLock::new();
        MADE.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let at = |name: &str| folder.path().join(name);
            std::fs::write(at("rules"), RULES).expect("a file");
            expect(0, &mut compile(&at("host.unicorn"), &[]));
            let partition = Partition::parse(RULES).expect("rules");
            let titles = stubs::fill(&at("kernels"), &at("host.unicorn"), &partition, &[Target::Sm90]);
            let made = Made { titles, folder };
            expect(0, &mut compile(&made.at("gpu.unicorn"), &made.arguments()));
            made
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arguments(&self) -> [&str; 6] {
        let text = |name: &str| Box::leak(self.at(name).into_boxed_path()).to_str().expect("UTF-8");
        ["--target", "cuda:sm_90", "--kernel-cache", text("kernels"), "--partition", text("rules")]
    }
}

#[test]
fn the_cache_stands_in_for_llvm() {
    let made = Made::get();
    let again = made.at("again.unicorn");
    let (_, err) = expect(0, &mut compile(&again, &made.arguments()));
    for line in
        ["partition `file` for cuda:sm_90", "layers 3-4 ffn", "layer 6", "line 2 of the file", "line 3 of the file", "crossing", "the host alone"]
    {
        assert!(err.contains(line), "{line}: {err}");
    }
    let bytes = |name: &str| std::fs::read(made.at(name)).expect("an artifact");
    assert!(bytes("again.unicorn") == bytes("gpu.unicorn"), "the same options gave other bytes");
    let artifact = Artifact::open(&again).expect("an artifact");
    assert!(artifact.sections().iter().any(|s| s.name == "gpu.cuda.sm_90"));
    let manifest = artifact.manifest().expect("a sound manifest");
    let recorded = |name: &str| manifest.provenance.options.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    assert_eq!(recorded("target"), Some("cuda:sm_90"));
    assert_eq!(recorded("partition"), Some("layers 3-4 ffn: host; layers 6-6: host; head: host"));
    let gpu = manifest.plan.gpu.expect("a GPU part");
    assert_eq!(gpu.kernels.iter().map(|k| &k.title).collect::<Vec<_>>(), made.titles.iter().collect::<Vec<_>>());
    let (out, _) = expect(1, Command::new(COMPILER).arg("verify").arg(&again));
    assert!(out.contains("none was recorded") && !out.contains("FAILED  digest"), "{out}");
}

#[test]
#[cfg(unix)]
fn an_assembler_puts_machine_code_in_place_of_ptx() {
    use std::os::unix::fs::PermissionsExt;
    let made = Made::get();
    let (program, out) = (made.at("ptxas"), made.at("assembled.unicorn"));
    let script = |text: &str| {
        std::fs::write(&program, text).expect("a file");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("an own file");
    };
    let with = [&made.arguments()[..], &["--ptxas", program.to_str().expect("UTF-8")]].concat();
    let (_, err) = expect(5, &mut compile(&out, &with));
    assert!(err.contains("assembler") && err.contains("ptxas: No such file"), "a program that is missing: {err}");
    script("#!/bin/sh\necho hello\n");
    let (_, err) = expect(5, &mut compile(&out, &with));
    assert!(err.contains("it tells no version"), "{err}");
    script("#!/bin/sh\n[ \"$1\" = --version ] && { echo 'Cuda, V1.2.3'; exit; }\necho 'line 7: no such thing' >&2; exit 3\n");
    let (_, err) = expect(70, &mut compile(&out, &with));
    assert!(err.contains("line 7: no such thing") && made.titles.iter().any(|title| err.contains(title.as_str())), "{err}");
    assert!(!out.exists());
    script("#!/bin/sh\n[ \"$1\" = --version ] && { echo 'Cuda, V1.2.3'; exit; }\nprintf '\\177ELF %s' \"$1\"; cat /dev/stdin\n");
    expect(0, &mut compile(&out, &with));
    let artifact = Artifact::open(&out).expect("an artifact");
    let manifest = artifact.manifest().expect("a sound manifest");
    assert!(manifest.provenance.options.contains(&("ptxas".into(), "V1.2.3".into())));
    let bytes = std::fs::read(&out).expect("an artifact");
    let made_by_it = b"\x7fELF -arch=sm_90";
    let count = bytes.windows(made_by_it.len()).filter(|w| w == made_by_it).count();
    assert_eq!(count, made.titles.len(), "one for each kernel");
    let (said, _) = expect(0, Command::new(COMPILER).args(["inspect", "--kernels"]).arg(&out));
    assert!(made.titles.iter().all(|title| said.contains(title.as_str())), "{said}");
}

#[test]
#[cfg(not(feature = "gpu"))]
fn a_kernel_that_is_not_in_the_cache_is_named_with_what_to_do() {
    let made = Made::get();
    let target = made.at("missing.unicorn");
    let (_, err) = expect(4, &mut compile(&target, &["--target", "cuda:sm_90", "--partition", "gpu"]));
    assert!(
        err.contains("built without LLVM") && err.contains("for cuda:sm_90") && err.contains("--features gpu") && err.contains("--kernel-cache"),
        "{err}"
    );
    // One kernel less, then one that is spoiled: a damaged entry is as good as none.
    for spoil in [false, true] {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let mut files: Vec<PathBuf> = std::fs::read_dir(made.at("kernels")).expect("the cache").filter_map(|e| Some(e.ok()?.path())).collect();
        files.sort();
        for file in &files {
            std::fs::copy(file, cache.path().join(file.file_name().expect("a name"))).expect("a copy");
        }
        let one = cache.path().join(files[files.len() / 2].file_name().expect("a name"));
        if spoil {
            std::fs::write(&one, b"not what it was").expect("a file");
        } else {
            std::fs::remove_file(&one).expect("a file");
        }
        let rules = made.at("rules");
        let arguments =
            ["--target", "cuda:sm_90", "--kernel-cache", cache.path().to_str().expect("UTF-8"), "--partition", rules.to_str().expect("UTF-8")];
        let (_, err) = expect(4, &mut compile(&target, &arguments));
        assert!(made.titles.iter().any(|title| err.contains(&format!("`{title}` for cuda:sm_90 is not in the kernel cache"))), "{err}");
    }
    // The cache for one target is none for another.
    let kernels = made.at("kernels");
    let (_, err) =
        expect(4, &mut compile(&target, &["--target", "hip:gfx1103", "--partition", "gpu", "--kernel-cache", kernels.to_str().expect("UTF-8")]));
    assert!(err.contains("hip:gfx1103 is not in the kernel cache"), "{err}");
    let file = made.at("rules");
    let (_, err) =
        expect(5, &mut compile(&target, &["--target", "cuda:sm_90", "--partition", "gpu", "--kernel-cache", file.to_str().expect("UTF-8")]));
    assert!(err.contains("kernel cache") && err.contains("rules"), "{err}");
    assert!(!target.exists() && !made.at("missing.unicorn.unfinished").exists());
}

#[test]
fn wishes_that_cannot_be_met_say_why() {
    let made = Made::get();
    let target = made.at("refused.unicorn");
    let file = |name: &str, text: &str| {
        std::fs::write(made.at(name), text).expect("a file");
        made.at(name).to_str().expect("UTF-8").to_owned()
    };
    let (bad, beyond, lookup) =
        (file("bad", "\nlayers 0-3: gpu\nlayers 4-6 norm: host\n"), file("beyond", "layers 5-10: host\n"), file("lookup", "lookup: gpu\n"));
    let sm90 = ["--target", "cuda:sm_90", "--partition"];
    for (code, arguments, words) in [
        (2, vec!["--target", "hip:gfx906"], vec!["--target", "`hip:gfx906`", "hip:gfx1103, hip:gfx1100, hip:gfx11-generic, cuda:sm_80, cuda:sm_90"]),
        (2, [&sm90[..], &["seed"]].concat(), vec!["--partition", "`seed` needs an NPU target", "`auto`", "layers 0-9 ffn: host"]),
        (2, vec!["--partition", "seed"], vec!["`seed` needs an NPU target"]),
        (2, vec!["--partition", "gpu"], vec!["--partition", "give --target"]),
        (2, vec!["--partition", made.arguments()[5]], vec!["--partition", "give --target"]),
        (2, [&sm90[..], &[&bad]].concat(), vec!["--partition", "line 3", "`norm`", "attention, ffn, ple"]),
        (2, [&sm90[..], &[&beyond]].concat(), vec!["line 1", "`10`", "0-9"]),
        (4, [&sm90[..], &[&lookup]].concat(), vec!["line 1", "lookup", "read from the file"]),
        (5, [&sm90[..], &["/nowhere/rules"]].concat(), vec!["/nowhere/rules"]),
    ] {
        let (_, err) = expect(code, &mut compile(&target, &arguments));
        assert!(words.iter().all(|word| err.contains(word)), "{arguments:?}: {words:?} in {err}");
        assert!(!target.exists(), "{arguments:?}");
    }
}

#[test]
fn a_model_too_small_for_a_gpu_stays_on_the_host_and_says_so() {
    let made = Made::get();
    for word in ["auto", "host"] {
        let target = made.at(&format!("{word}.unicorn"));
        let (_, err) = expect(0, &mut compile(&target, &["--target", "hip:gfx1103,cuda:sm_90", "--partition", word]));
        assert!(err.contains(&format!("partition `{word}` for hip:gfx1103, times of a 780m")) && err.contains("--partition gpu"), "{err}");
        let manifest = Artifact::open(&target).and_then(|a| a.manifest()).expect("an artifact");
        assert!(manifest.plan.gpu.is_none() && manifest.provenance.notices.iter().any(|n| n.contains("nothing falls to the GPU")), "{word}");
    }
    // For programs: the same as one event.
    let mut command = compile(&made.at("auto.unicorn"), &["--target", "cuda:sm_90"]);
    let (out, err) = expect(0, command.args(["--message-format", "json"]));
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let event = events.iter().find(|e| e["event"] == "partition").unwrap_or_else(|| panic!("no partition in {out}"));
    let sum: f64 = event["regions"].as_array().expect("regions").iter().filter_map(|r| r["seconds"].as_f64()).sum();
    let seconds = event["seconds"].as_f64().expect("seconds");
    assert!((sum + event["crossing_seconds"].as_f64().expect("seconds") - seconds).abs() < 1e-9, "{event}");
    assert!(seconds <= event["host_seconds"].as_f64().expect("seconds") && seconds <= event["gpu_seconds"].as_f64().expect("seconds"), "{event}");
    assert!(err.is_empty(), "{err}");
}

#[test]
fn what_no_kernel_does_stays_on_the_host_with_the_reason() {
    // Heads of sixteen elements are too small for the attention kernel.
    let folder = tempfile::tempdir().expect("a temporary folder");
    unicornc::import::synthetic::write(folder.path(), &Default::default()).expect("a checkpoint");
    let arguments = ["compile", "--stop-after", "schedule", "--target", "cuda:sm_90", "--partition", "gpu"];
    let (_, err) = expect(if cfg!(feature = "gpu") { 0 } else { 4 }, Command::new(COMPILER).args(arguments).arg(folder.path()));
    let line = err.lines().find(|l| l.contains("attention") && l.contains("host")).unwrap_or_else(|| panic!("{err}"));
    assert!(line.contains("layers 0-") && line.contains("attention on a GPU wants heads of 64, 128, 192 or 256 elements, not 16"), "{err}");
}

#[test]
fn a_hollow_artifact_has_no_weights_and_is_refused_as_one() {
    let made = Made::get();
    let target = made.at("hollow.unicorn");
    expect(0, &mut compile(&target, &[&made.arguments()[..], &["--hollow"]].concat()));
    let (artifact, whole) = (Artifact::open(&target).expect("a file"), Artifact::open(made.at("gpu.unicorn")).expect("an artifact"));
    let names = |a: &Artifact| a.sections().iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    let wanted: Vec<String> = names(&whole).into_iter().filter(|n| n != section::WEIGHTS && n != section::STREAMED).collect();
    assert_eq!(names(&artifact), wanted);
    // Only the errors of packing, which nobody packed, are not known.
    let plan = |a: &Artifact| {
        let mut plan = Manifest::decode(a.verified(section::MANIFEST).expect("a section")).expect("a manifest").plan;
        plan.weights.iter_mut().for_each(|w| w.error = 0.0);
        plan
    };
    assert!(plan(&artifact) == plan(&whole), "hollow and whole have other plans");
    let (_, err) = expect(1, Command::new(RUNTIME).arg("run").arg(&target).arg("hi"));
    assert!(err.contains("section `weights`: it is missing"), "{err}");
}

/// `unicorn-rt run ARTIFACT` for two tokens on one thread.
fn answer(artifact: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(RUNTIME);
    command.arg("run").arg(artifact).args(["hi", "--max-tokens", "2", "-t", "1"]).args(arguments);
    command
}

/// Whether this machine has a driver of its own, which would answer instead of nobody.
fn driver_is_there() -> bool {
    let there = unicorn_rt::hal::gpu::Vendor::ALL.into_iter().any(|vendor| unicorn_rt::hal::gpu::Driver::open(vendor).is_ok());
    if there {
        eprintln!("skipped: this machine has a GPU");
    }
    there
}

#[test]
fn a_gpu_that_is_not_there_is_an_error_only_if_it_is_required() {
    let made = Made::get();
    let (host, gpu) = (made.at("host.unicorn"), made.at("gpu.unicorn"));
    let (_, err) = expect(1, &mut answer(&host, &["--require", "gpu"]));
    assert!(err.contains("--require gpu") && err.contains("no GPU code") && err.contains("--target"), "{err}");
    let (_, err) = expect(1, &mut answer(&host, &["--require", "gpu", "--no-gpu"]));
    assert!(err.contains("--no-gpu") && err.contains("contradicts --require gpu"), "{err}");
    let (_, err) = expect(1, &mut answer(&host, &["--require", "npu"]));
    assert!(err.contains("--require npu") && err.contains("no NPU code"), "{err}");
    let (_, err) = expect(2, &mut answer(&host, &["--require", "tpu"]));
    assert!(err.contains("'tpu'") && err.contains("gpu, npu"), "{err}");
    let (expected, err) = expect(0, &mut answer(&host, &[]));
    assert!(!expected.trim().is_empty() && !err.contains("GPU"), "{err}");
    let (out, err) = expect(0, &mut answer(&gpu, &["--no-gpu"]));
    assert!(out == expected && !err.contains("no GPU is used"), "{err}");
    if driver_is_there() {
        return;
    }
    let (out, err) = expect(0, &mut answer(&gpu, &[]));
    assert_eq!(out, expected);
    for words in ["no GPU is used: no NVIDIA driver library (tried libcuda.so.1", "install the driver", "everything runs on the host"] {
        assert_eq!(err.matches(words).count(), 1, "{words} in {err}");
    }
    let (_, err) = expect(1, &mut answer(&gpu, &["--require", "gpu"]));
    assert!(err.contains("--require gpu: no NVIDIA driver library") && err.contains("install the driver"), "{err}");
}

#[test]
fn devices_lists_what_is_there_and_what_to_install() {
    let list = || Command::new(RUNTIME).arg("devices").output().expect("it runs");
    let text = String::from_utf8(list().stdout).expect("UTF-8");
    assert!(text.starts_with("cpu  ") && text.contains("threads") && text.contains("\nnpu  "), "{text}");
    let (out, _) = expect(0, Command::new(RUNTIME).args(["devices", "--json"]));
    let value: Value = serde_json::from_str(&out).expect("JSON");
    let devices = value["devices"].as_array().expect("devices");
    assert!(devices.iter().any(|d| d["device"] == "cpu" && d["available"] == true), "{out}");
    assert!(devices.iter().all(|d| d["available"] == true || d["why"].is_string()), "{out}");
    assert!(devices.iter().any(|d| d["device"] == "npu"), "{out}");
    if !driver_is_there() {
        for words in ["gpu  no AMD driver library (tried libamdhip64.so", "install ROCm", "gpu  no NVIDIA driver library (tried libcuda.so.1"] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }
}

#[test]
fn a_driver_that_answers_is_used() {
    let Some(library) = FakeGpu::library() else { return };
    let made = Made::get();
    let folder = library.parent().expect("a folder");
    let with = |command: &mut Command| {
        let out = expect(0, command.env("LD_LIBRARY_PATH", library_path(folder)));
        (out.0, out.1)
    };
    let (out, _) = with(Command::new(RUNTIME).arg("devices"));
    assert!(out.contains("gpu  Fake GPU (sm_90), 0.2 GiB, 4 multiprocessors, driver"), "{out}");
    // Its kernels compute nothing, so there is no answer worth reading; but nothing says that the host had to do it.
    let (_, err) = with(&mut answer(&made.at("gpu.unicorn"), &["--require", "gpu"]));
    assert!(!err.contains("no GPU is used"), "{err}");
    // With a self-test the same artifact finds out what this device is worth.
    let tested = made.at("tested.unicorn");
    let mut again = driver::Options { selftest: true, ..options(Partition::parse(RULES).expect("rules")) };
    again.tools.cache = Some(made.at("kernels"));
    stubs::compile(&pebble(), &tested, &again, &[Target::Sm90]);
    let (out, err) = with(&mut answer(&tested, &[]));
    let (expected, _) = expect(0, &mut answer(&made.at("host.unicorn"), &[]));
    assert!(out == expected && err.contains("no GPU is used") && err.contains("everything runs on the host"), "{out}{err}");
    let (_, err) = expect(1, answer(&tested, &["--require", "gpu"]).env("LD_LIBRARY_PATH", library_path(folder)));
    assert!(err.contains("--require gpu"), "{err}");
}
