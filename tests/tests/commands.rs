//! `unicornc` as a user meets it: options, dumps, messages for machines, exit codes, damaged files, readers that go away.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use unicorn_artifact::file::{Artifact, Writer, section};
use unicorn_artifact::tensor::Format;
use unicorn_tests::{artifact, pebble};
use unicornc::driver::Stage;
use unicornc::graph::text;
use unicornc::import::synthetic;
use unicornc::npu;

fn unicornc() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unicornc-under-test"));
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    unicornc().args(arguments).output().expect("the compiler runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Runs, demands an exit code, and that nothing panicked.
#[track_caller]
fn expect(code: i32, arguments: &[&str]) -> Output {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", out(&output), err(&output));
    assert!(!err(&output).contains("panicked"), "{}", err(&output));
    output
}

/// Every line must be a JSON object with a field `event`.
fn events(output: &Output) -> Vec<Value> {
    let event = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(value["event"].is_string(), "{line}");
        value
    };
    out(output).lines().map(event).collect()
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A small checkpoint, with `change` made to its config.
fn checkpoint(change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = synthetic::Options { towers: true, ..synthetic::Options::default() };
    synthetic::write(folder.path(), &options).expect("the checkpoint is written");
    let mut config = options.config();
    change(&mut config);
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("the config is written");
    folder
}

#[test]
fn every_stage_can_be_stopped_after_and_dumped() {
    let folder = checkpoint(|_| {});
    let target = folder.path().join("out.unicorn");
    for stage in Stage::ALL {
        let arguments = ["compile", path_text(folder.path()), "-o", path_text(&target), "--stop-after", stage.name(), "--dump"];
        let dump = out(&expect(0, &arguments));
        assert_eq!(target.exists(), stage == Stage::Artifact);
        match stage {
            Stage::Import | Stage::Fold | Stage::Quantise => {
                let graph = text::parse(&dump).unwrap_or_else(|why| panic!("{}: {why}", stage.name()));
                assert_eq!(text::print(&graph), dump, "{}", stage.name());
            }
            Stage::Split | Stage::Fuse => {
                let (body, tail) = dump.strip_prefix("# body\n").and_then(|rest| rest.split_once("\n# tail\n")).expect("two graphs");
                for part in [body, tail] {
                    let graph = text::parse(part).unwrap_or_else(|why| panic!("{}: {why}", stage.name()));
                    assert_eq!(text::print(&graph).trim_end(), part.trim_end(), "{}", stage.name());
                }
                assert_eq!(dump.contains("= fused("), stage == Stage::Fuse);
            }
            Stage::Lower | Stage::Schedule => assert!(dump.lines().count() > 50, "{}: {dump}", stage.name()),
            Stage::Artifact => assert_eq!(dump.trim().len(), 64, "the artifact's digest: {dump}"),
        }
    }
    expect(2, &["compile", path_text(folder.path()), "--dump"]);
    expect(2, &["compile", path_text(folder.path()), "--stop-after", "lunch"]);
}

#[test]
fn messages_for_machines_are_json_to_the_end() {
    let folder = checkpoint(|_| {});
    let target = folder.path().join("out.unicorn");
    let output = expect(0, &["--message-format", "json", "compile", path_text(folder.path()), "-o", path_text(&target)]);
    let events = events(&output);
    let stages: Vec<&str> = events.iter().filter(|e| e["event"] == "stage").map(|e| e["stage"].as_str().expect("a name")).collect();
    assert_eq!(stages, Stage::ALL.map(Stage::name));
    assert!(events.iter().any(|e| e["event"] == "notice" && e["message"].as_str().is_some_and(|m| m.contains("skipped"))), "{events:?}");
    let last = events.last().expect("events");
    assert_eq!((last["event"].as_str(), last["digest"].as_str().map(str::len)), (Some("artifact"), Some(64)));
    assert_eq!(last["bytes"].as_u64(), std::fs::metadata(&target).ok().map(|m| m.len()));
    assert!(err(&output).is_empty(), "{}", err(&output));
}

#[test]
fn exit_codes_say_what_kind_of_error_it_was() {
    let missing = expect(5, &["compile", "/nowhere/model.safetensors"]);
    assert!(err(&missing).contains("/nowhere/model.safetensors"), "{}", err(&missing));
    expect(5, &["inspect", "/nowhere/model.unicorn"]);
    expect(2, &["compile"]);
    expect(2, &["compile", "x", "--quant", "q3"]);

    let bad = checkpoint(|config| config["num_hidden_layers"] = "six".into());
    let output = expect(3, &["compile", path_text(bad.path())]);
    assert!(err(&output).contains("num_hidden_layers") && err(&output).contains("config.json"), "{}", err(&output));
    let output = expect(3, &["--message-format", "json", "compile", path_text(bad.path())]);
    let events = events(&output);
    assert_eq!(events.last().map(|e| (e["event"].clone(), e["exit_code"].clone())), Some(("error".into(), 3.into())));

    let odd = checkpoint(|config| config["hidden_activation"] = "relu".into());
    let output = expect(4, &["compile", path_text(odd.path())]);
    assert!(err(&output).contains("hidden_activation"), "{}", err(&output));

    let good = checkpoint(|_| {});
    let compile = |more: &[&str]| {
        let target = good.path().join("refused.unicorn");
        let output = expect(2, &[&["compile", path_text(good.path()), "-o", path_text(&target)], more].concat());
        assert!(!target.exists(), "{more:?}");
        assert!(err(&output).contains(more[0]), "{more:?}: {}", err(&output));
    };
    for more in [
        ["--context", "99999999"],
        ["--slots", "0"],
        ["--rows", "0,4"],
        ["--error-limit", "much"],
        ["--format", "no.such.tensor=q8"],
        ["--format", "layers.0=q8=q4"],
    ] {
        compile(&more);
    }
    let text = good.path().join("config.json");
    expect(3, &["inspect", path_text(&text)]);
    expect(3, &["verify", path_text(&text)]);
    expect(3, &["compile", path_text(&text)]);
    // A folder where the artifact should go, and one that is not there.
    expect(5, &["compile", path_text(good.path()), "-o", path_text(good.path())]);
    expect(5, &["compile", path_text(good.path()), "-o", "/nowhere/at/all.unicorn"]);
    let left: Vec<PathBuf> = std::fs::read_dir(good.path()).expect("the folder").filter_map(|e| Some(e.ok()?.path())).collect();
    assert!(left.iter().all(|path| !path_text(path).contains("unfinished")), "{left:?}");
}

#[test]
fn inspect_shows_what_the_artifact_holds() {
    let path = artifact(Format::Q4);
    let artifact = Artifact::open(&path).expect("an artifact");
    let manifest = artifact.manifest().expect("a manifest");
    let digest = unicorn_artifact::file::hex(artifact.digest());

    let text = out(&expect(0, &["inspect", path_text(&path)]));
    assert!(text.contains(&digest));
    for section in artifact.sections() {
        assert!(text.contains(&section.name), "{}", section.name);
    }
    for weight in &manifest.plan.weights {
        assert!(text.contains(&weight.name), "{}", weight.name);
    }
    for (name, value) in &manifest.provenance.inputs {
        assert!(text.contains(name) && text.contains(value), "{name}");
    }

    let json: Value = serde_json::from_slice(&expect(0, &["inspect", "--json", "--threads", "3", path_text(&path)]).stdout).expect("JSON");
    assert_eq!(json["digest"].as_str(), Some(digest.as_str()));
    assert_eq!(json["tensors"].as_array().map(Vec::len), Some(manifest.plan.weights.len()));
    assert_eq!(json["sections"].as_array().map(Vec::len), Some(artifact.sections().len()));
    assert_eq!(json["memory"]["resident"].as_u64(), Some(manifest.plan.resident_bytes(3)));
    assert_eq!(json["provenance"]["inputs"].as_array().map(Vec::len), Some(manifest.provenance.inputs.len()));

    let plan = unicorn_artifact::print::plan(&manifest.plan);
    assert!(out(&expect(0, &["inspect", "--plan", path_text(&path)])).contains(&plan));
    let json: Value = serde_json::from_slice(&expect(0, &["inspect", "--json", "--plan", path_text(&path)]).stdout).expect("JSON");
    assert_eq!(json["plan"].as_str(), Some(plan.as_str()));
}

/// Pebble with a GPU's part of one kernel, compiled long ago and never launched: what `inspect` shows of kernels needs no LLVM.
fn with_kernel(folder: &Path) -> PathBuf {
    use unicorn_artifact::gpu::{Argument, GpuEntry, GpuPlan, Image, Kernel, Launch, Stage};
    use unicorn_artifact::plan::CodeSpan;
    let objects = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/gpu/tests/objects");
    let from = Artifact::open(artifact(Format::Q4)).expect("an artifact");
    let mut manifest = from.manifest().expect("a manifest");
    let plan = &mut manifest.plan;
    let mut gpu = GpuPlan {
        kernels: vec![Kernel { name: "sum".into(), threads: 128, parameters: 0, title: "sum of exponentials".into() }],
        handoffs: vec![None; plan.handoffs.len()],
        states: vec![false; plan.states.len()],
        weights: vec![false; plan.weights.len()],
        arena_bytes: 1 << 20,
        ..GpuPlan::default()
    };
    for entry in &plan.entries {
        let all = (0..entry.commands.len() as u32).collect();
        gpu.entries.push(GpuEntry { buffers: vec![None; entry.buffers.len()], stages: vec![Stage::Host(all)], ..GpuEntry::default() });
    }
    // One launch, that `r0` may be found: it stands for the first region call of the first entry.
    let (entry, made) = (&plan.entries[0], &mut gpu.entries[0]);
    let at = entry.commands.iter().position(|c| matches!(c, unicorn_artifact::command::Command::Region { region: 0, .. })).expect("a region");
    let (read, written) = entry.commands[at].buffers(&plan.regions);
    let mut arguments: Vec<Argument> = entry.commands[at].weights().into_iter().map(Argument::Weight).collect();
    entry.commands[at].weights().into_iter().for_each(|id| gpu.weights[id as usize] = true);
    for (place, &id) in read.iter().chain(&written).enumerate() {
        arguments.push(Argument::Buffer(id));
        made.buffers[id as usize] = Some(place as u64 * (1 << 16));
    }
    gpu.kernels[0].parameters = arguments.len() as u32;
    let launch = Launch { kernel: 0, grid: [1; 3], arguments, commands: vec![at as u32] };
    let (before, after) = ((0..at as u32).collect(), (at as u32 + 1..entry.commands.len() as u32).collect());
    made.stages = vec![Stage::Host(before)];
    made.stages.extend(read.into_iter().map(Stage::Upload));
    made.stages.push(Stage::Device(vec![launch]));
    made.stages.extend(written.into_iter().map(Stage::Download));
    made.stages.push(Stage::Host(after));
    made.stages.retain(|stage| !matches!(stage, Stage::Host(commands) if commands.is_empty()));
    let mut images = vec![];
    for (target, file) in [("hip:gfx1103", "sum.gfx1103.hsaco"), ("cuda:sm_80", "sum.sm_80.ptx")] {
        let bytes = std::fs::read(objects.join(file)).expect("the object");
        let section = format!("gpu.{}", target.replace(':', "."));
        let kernels = vec![CodeSpan { offset: 0, bytes: bytes.len() as u64 }];
        gpu.images.push(Image { target: target.into(), section: section.clone(), kernels });
        images.push((section, bytes));
    }
    plan.gpu = Some(gpu);
    let path = folder.join("with-kernel.unicorn");
    let mut writer = Writer::create(&path).expect("a file");
    let mut write = |name: &str, bytes: &[u8]| {
        writer.begin(name).expect("a section");
        writer.write(bytes).expect("its bytes");
    };
    for kept in from.sections().iter().filter(|s| s.name != section::MANIFEST) {
        write(&kept.name, from.verified(&kept.name).expect("a section"));
    }
    images.iter().for_each(|(name, bytes)| write(name, bytes));
    write(section::MANIFEST, &manifest.encode().expect("a manifest"));
    writer.finish().expect("a whole file");
    path
}

#[test]
fn inspect_shows_what_kernels_take_and_move() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = with_kernel(folder.path());
    let path = path_text(&path);
    let text = out(&expect(0, &["inspect", path, "--kernels"]));
    let line = |target: &str| {
        text.lines().find(|l| l.contains("sum of exponentials") && l.contains(target)).map(|l| l.split_whitespace().collect::<Vec<_>>())
    };
    // Six vector registers of a file of 1024 leave room for all 16 waves; 16 bytes shared by 128 threads do, too.
    let amd = line("hip:gfx1103").expect("a line for AMD");
    assert_eq!((amd[0], amd[2], amd[4], amd[5], amd[6]), ("sum", "6", "16", "B", "16"), "{text}");
    let nvidia = line("cuda:sm_80").expect("a line for NVIDIA");
    assert_eq!((nvidia[2], nvidia[3], nvidia[4], nvidia[6]), ("-", "-", "16", "-"), "{text}");
    assert!(text.contains("body of 1 rows: 1 launches, 2 stages of the host not counted") && text.contains("one token: 1 launches"), "{text}");

    let json: Value = serde_json::from_slice(&expect(0, &["inspect", path, "--kernels", "--json", "--target", "hip:gfx1103"]).stdout).expect("JSON");
    assert_eq!(json["kernels"].as_array().map(Vec::len), Some(1));
    assert_eq!((json["kernels"][0]["vgprs"].as_u64(), json["kernels"][0]["waves_per_simd"].as_u64()), (Some(6), Some(16)));
    assert!(json["tokens_per_second_limit"]["hip:gfx1103"].as_f64().is_some_and(|limit| limit > 0.0), "{json}");

    for (more, why) in [
        (&["--target", "hip:gfx1103"][..], "wants --kernels or --disasm"),
        (&["--kernels", "--target", "hip:gfx906"][..], "hip:gfx1100"),
        (&["--kernels", "--target", "hip:gfx1100"][..], "only for hip:gfx1103, cuda:sm_80"),
        (&["--kernels", "--active", "2"][..], "is no share"),
    ] {
        let refused = expect(2, &[&["inspect", path][..], more].concat());
        assert!(err(&refused).contains(why), "{more:?}: {}", err(&refused));
    }
    let plain = artifact(Format::Q4);
    let refused = expect(2, &["inspect", path_text(&plain), "--kernels"]);
    assert!(err(&refused).contains("compile it with --target"), "{}", err(&refused));
}

#[test]
fn inspect_disassembles_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = with_kernel(folder.path());
    let path = path_text(&path);
    for name in ["sum", "EXPONENTIALS"] {
        let text = out(&expect(0, &["inspect", path, "--disasm", name, "--target", "cuda:sm_80"]));
        assert!(text.starts_with("# sum for cuda:sm_80: sum of exponentials\n") && text.contains(".entry sum("), "{text}");
    }
    let json: Value =
        serde_json::from_slice(&expect(0, &["inspect", path, "--disasm", "r0", "--target", "cuda:sm_80", "--json"]).stdout).expect("JSON");
    assert!(json["kernels"][0]["text"].as_str().is_some_and(|text| text.contains(".entry sum(")), "{json}");
    // A region that no kernel performs has code for hosts alone.
    let text = out(&expect(0, &["inspect", path, "--disasm", "r1"]));
    assert!(text.contains("# r1 for the host, x86_64: ") && text.contains("not disassembled") && !text.contains("# sum"), "{text}");
    let refused = expect(2, &["inspect", path, "--disasm", "sun"]);
    assert!(err(&refused).contains("nothing is named `sun`; near are `sum`"), "{}", err(&refused));

    if cfg!(feature = "gpu") {
        let text = out(&expect(0, &["inspect", path, "--disasm", "sum", "--target", "hip:gfx1103"]));
        assert!(text.contains("\nsum:\n") && text.contains("s_endpgm") && text.contains("  // L"), "{text}");
    } else {
        let refused = expect(4, &["inspect", path, "--disasm", "sum"]);
        assert!(err(&refused).contains("built without LLVM") && err(&refused).contains("--features gpu"), "{}", err(&refused));
    }
}

#[test]
fn verify_finds_damage_in_every_section() {
    let path = artifact(Format::Q4);
    let text = out(&expect(0, &["verify", path_text(&path)]));
    assert!(text.ends_with("sound\n") && text.contains("self-test, native") && text.contains("self-test, plain"), "{text}");
    let text = out(&expect(0, &["verify", "--no-native", path_text(&path)]));
    assert!(text.ends_with("sound\n") && !text.contains("self-test, native"), "{text}");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("damaged.unicorn");
    let bytes = std::fs::read(&path).expect("the artifact");
    let sections = Artifact::open(&path).expect("an artifact").sections().to_vec();
    assert!(sections.len() >= 8, "{sections:?}");
    for section in sections {
        for place in [section.offset, section.offset + section.length / 2, section.offset + section.length - 1] {
            let mut damaged = bytes.clone();
            damaged[place as usize] ^= 0x10;
            std::fs::write(&copy, damaged).expect("the copy");
            let text = out(&expect(1, &["verify", path_text(&copy)]));
            assert!(text.contains(&format!("FAILED  digest of `{}`", section.name)) && text.ends_with("damaged\n"), "{}: {text}", section.name);
        }
    }
    let events = events(&expect(1, &["--message-format", "json", "verify", path_text(&copy)]));
    assert!(events.iter().any(|e| e["ok"] == Value::Bool(false)) && events.iter().any(|e| e["ok"] == Value::Bool(true)), "{events:?}");

    // Damage to the header, and a file that was cut, leave nothing to verify.
    let mut damaged = bytes.clone();
    damaged[70] ^= 1;
    std::fs::write(&copy, damaged).expect("the copy");
    expect(3, &["verify", path_text(&copy)]);
    std::fs::write(&copy, &bytes[..bytes.len() / 2]).expect("the copy");
    let cut = expect(3, &["verify", path_text(&copy)]);
    assert!(err(&cut).contains("cut"), "{}", err(&cut));
}

#[test]
fn verify_wants_a_self_test() {
    let folder = checkpoint(|_| {});
    let target = folder.path().join("out.unicorn");
    expect(0, &["compile", path_text(folder.path()), "-o", path_text(&target), "--no-selftest"]);
    let text = out(&expect(1, &["verify", path_text(&target)]));
    assert!(text.contains("none was recorded"), "{text}");
}

#[test]
fn diff_says_equal_or_lists_what_differs() {
    let (q4, q8) = (artifact(Format::Q4), artifact(Format::Q8));
    let text = out(&expect(0, &["diff", path_text(&q4), path_text(&q4)]));
    assert!(text.starts_with("equal: "), "{text}");
    let output = expect(1, &["diff", path_text(&q4), path_text(&q8)]);
    let text = out(&output);
    let manifest = |path: &Path| Artifact::open(path).and_then(|artifact| artifact.manifest()).expect("an artifact");
    let (a, b) = (manifest(&q4), manifest(&q8));
    let mut differ = 0;
    for weight in &a.plan.weights {
        let other = b.plan.weights.iter().find(|w| w.name == weight.name && w.layout == weight.layout).expect("the same tensors");
        let listed = text.contains(&format!("tensor {}: ", weight.name));
        assert_eq!(listed, other.format != weight.format, "{}", weight.name);
        differ += usize::from(listed);
    }
    assert!(differ > 20, "{text}");
    let events = events(&expect(1, &["--message-format", "json", "diff", path_text(&q4), path_text(&q8)]));
    assert_eq!(events[0]["equal"], Value::Bool(false));
    assert_eq!(events[0]["differences"].as_array().map(Vec::len), Some(text.lines().count()));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (path, model) = (artifact(Format::Q4), pebble());
    let dump = vec!["compile", path_text(&model), "--stop-after", "import", "--dump"];
    for arguments in [vec!["inspect", "--plan", path_text(&path)], vec!["inspect", "--json", "--plan", path_text(&path)], dump] {
        let mut child = unicornc().args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the compiler runs");
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = Vec::new();
        // A few bytes only: the rest is more than a pipe holds, so the writer must meet its end.
        reader.by_ref().take(64).read_until(b'\n', &mut line).expect("a line");
        drop(reader);
        let output = child.wait_with_output().expect("it ends");
        assert!(!line.is_empty() && output.status.success(), "{arguments:?}: {:?} {}", output.status, err(&output));
        assert!(err(&output).is_empty(), "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn the_npus_streams_run_on_the_emulated_array() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    // Twenty outputs of ninety inputs: output n is the sum of (n - 9) * (i - 45) over i.
    let (outputs, inputs) = (20, 90);
    let shape = unicorn_kernels_npu::Shape { weights: unicorn_kernels_npu::Weights::Int8, inputs, tokens: 1 };
    let kernel = unicorn_kernels_npu::Kernel::new(shape).expect("a shape");
    let run = kernel.run(outputs).expect("a run");
    let weights: Vec<i8> = (0..outputs * inputs).map(|at| (at / inputs) as i8 - 9).collect();
    let activations: Vec<i8> = (0..inputs).map(|at| at as i8 - 45).collect();
    let write = |name: &str, bytes: &[u8]| std::fs::write(at(name), bytes).expect("a file");
    write("kernel.xclbin", &kernel.container().and_then(|file| Ok(file.write()?)).expect("a container"));
    write("kernel.insts", &run.stream.write().expect("a stream"));
    write("weights", &unicorn_kernels_npu::pack_weights(&kernel.cut, &weights));
    write("activations", &kernel.activations().pack(&activations));
    let (container, stream) = (at("kernel.xclbin"), at("kernel.insts"));
    let (first, second) = (format!("0={}", at("weights")), format!("1={}", at("activations")));
    let third = format!("2={}:{}", run.buffers[2], at("outputs"));
    let words = ["npu", "run", &container, &stream, "--in", &first, "--in", &second, "--out", &third];
    let text = out(&expect(0, &words));
    assert!(text.contains(" cycles of the array (not of a device)") && text.contains("bundles"), "{text}");
    let bytes = std::fs::read(at("outputs")).expect("the results");
    let sum: i32 = activations.iter().map(|&x| i32::from(x)).sum();
    for (n, word) in bytes.as_chunks::<4>().0.iter().take(outputs).enumerate() {
        assert_eq!(i32::from_le_bytes(*word), (n as i32 - 9) * sum, "output {n}");
    }
    let disassembly = out(&expect(0, &["npu", "dump", "--disasm", &container]));
    assert!(disassembly.contains("vmac") && disassembly.contains("acq"), "no instructions in the dump");
    // Arguments that are too short, a limit that is too low, and words that mean nothing.
    assert!(err(&expect(1, &words[..6])).contains("error: "));
    assert!(err(&expect(1, &[&words[..], &["--limit", "10"]].concat())).contains("error: "));
    assert!(err(&expect(2, &["npu", "run", &container, &stream, "--in", "weights"])).contains("no `=`"));
    expect(3, &["npu", "run", &stream, &container]);
}

#[test]
fn the_npus_files_are_told_and_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("small.xclbin");
    let core = npu::address::Tile { column: 1, row: 3 };
    let program = npu::cdo::Command::DmaWrite { address: core.at(0x20000), data: vec![0x1234_5678; 9] };
    let lock = npu::cdo::Command::Write { address: core.at(0x1f020), value: 2 };
    let pdi = npu::pdi::wrap(npu::cdo::Cdo::assemble(&[vec![program], vec![lock]]));
    let design = npu::xclbin::Design { columns: 1, start_columns: &[1, 2], pdi: pdi.clone(), kernel: "SMALL", instance: "ONE", buffers: 2 };
    let bytes = npu::xclbin::Xclbin::npu1(design).and_then(|file| file.write()).expect("it fits");
    std::fs::write(&path, &bytes).expect("the container");

    let text = out(&expect(0, &["npu", "dump", path_text(&path)]));
    assert!(text.contains("kernel SMALL") && text.contains("(1, 3) Lock2_value = 0x00000002: Lock_value=2"), "{text}");
    assert!(text.contains("program of core (1, 3) from 0x0: 36 bytes") && !text.contains("12345678"), "{text}");
    assert!(out(&expect(0, &["npu", "dump", "--words", path_text(&path)])).contains("12345678"));
    let events_of = |arguments: &[&str], code| events(&expect(code, &[&["--message-format", "json", "npu"], arguments].concat()));
    assert_eq!(events_of(&["dump", path_text(&path)], 0)[0]["text"].as_str(), Some(text.as_str()));

    let text = out(&expect(0, &["npu", "roundtrip", path_text(&path)]));
    for part in ["xclbin", "AIE_PARTITION", "PDI", "CDO", "padding of the configuration follows", "the same, byte for byte"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let equal = events_of(&["roundtrip", path_text(&path)], 0);
    assert_eq!((&equal[0]["equal"], equal[0]["parts"].as_array().map(Vec::len)), (&Value::Bool(true), Some(10)));

    // Padding behind the commands that is not zero: no value holds it.
    let image = folder.path().join("image.pdi");
    let mut odd = pdi.write().expect("it fits");
    *odd.last_mut().expect("bytes") = 5;
    std::fs::write(&image, &odd).expect("the image");
    let text = out(&expect(1, &["npu", "roundtrip", path_text(&image)]));
    assert!(text.contains("first difference: PDI, field `partition`") && text.contains("0x05 was written as 0x00"), "{text}");
    assert_eq!(events_of(&["roundtrip", path_text(&image)], 1)[0]["difference"]["offset"].as_u64(), Some(odd.len() as u64 - 1));
    assert!(out(&expect(0, &["npu", "dump", path_text(&image)])).starts_with("note: PDI"));

    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("the container");
    let cut = expect(3, &["npu", "dump", path_text(&path)]);
    assert!(err(&cut).contains("small.xclbin: xclbin, offset 0x130, field `length`"), "{}", err(&cut));
    expect(3, &["npu", "roundtrip", path_text(&path)]);
    expect(5, &["npu", "dump", "/nowhere/at/all.xclbin"]);
    expect(2, &["npu"]);
}

#[test]
fn help_mentions_every_option() {
    let listed = |command: &str, options: &[&str]| {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let text = out(&expect(0, &arguments));
        for option in options.iter().chain(&["--message-format", "--help"]) {
            let line = text.lines().position(|line| line.split([',', ' ', '[']).any(|word| word == *option));
            assert!(line.is_some(), "{command}: no {option} in {text}");
        }
        // And nothing that this list does not know, so that a new option is tested, too.
        let known = |word: &str| options.contains(&word) || ["--message-format", "--help"].contains(&word);
        let first = |line: &str| line.split([',', ' ', '[', '<', '.']).find(|word| word.starts_with("--")).map(str::to_owned);
        let starts = |line: &&str| line.starts_with("  -") || line.starts_with("      --");
        let unknown: Vec<String> = text.lines().filter(starts).filter_map(first).filter(|word| !known(word)).collect();
        assert!(unknown.is_empty(), "{command}: {unknown:?}");
    };
    let compile = [
        "--output",
        "--quant",
        "--error-limit",
        "--format",
        "--context",
        "--slots",
        "--rows",
        "--logit-rows",
        "--threads",
        "--measure-bytes",
        "--no-selftest",
        "--target",
        "--partition",
        "--kernel-cache",
        "--ptxas",
        "--hollow",
        "--stop-after",
        "--dump",
    ];
    listed("compile", &compile);
    listed("inspect", &["--json", "--plan", "--extract", "--threads", "--kernels", "--disasm", "--target", "--depth", "--active"]);
    listed("verify", &["--no-native"]);
    listed("diff", &[]);
    listed("npu", &[]);
    listed("npu dump", &["--words", "--disasm"]);
    listed("npu run", &["--in", "--out", "--limit"]);
    listed("npu roundtrip", &[]);
    let text = out(&expect(0, &["--help"]));
    assert!(["compile", "inspect", "verify", "diff", "npu", "Exit codes"].iter().all(|word| text.contains(word)), "{text}");
    assert!(out(&expect(0, &["--version"])).contains(env!("CARGO_PKG_VERSION")));
}
