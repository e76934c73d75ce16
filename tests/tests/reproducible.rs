//! The same checkpoint and options give the same bytes: again, elsewhere, on other threads, and on a processor with other features.
//! Digests of the demo model stand in `goldens/pebble.digests`; `UNICORN_BLESS=1` writes them anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use unicorn_artifact::file::{Artifact, hex};
use unicorn_artifact::tensor::Format;
use unicorn_tests::{artifact, artifact_with, compile_to, options, pebble};
use unicornc::driver;
use unicornc::partition::Partition;
use unicornc::target::Npu;

/// Files of a checkpoint.
const FILES: [&str; 5] = ["model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];

/// Another copy of Pebble under `root`.
fn copy(root: &Path, folder: &str) -> PathBuf {
    let folder = root.join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    for name in FILES {
        std::fs::copy(pebble().join(name), folder.join(name)).expect("the model is there");
    }
    folder
}

fn same_bytes(what: &str, a: &Path, b: &Path) {
    let (a, b) = (std::fs::read(a).expect("an artifact"), std::fs::read(b).expect("an artifact"));
    let first = a.iter().zip(&b).position(|(x, y)| x != y);
    assert!(a.len() == b.len() && first.is_none(), "{what}: {} and {} bytes, the first difference at {first:?}", a.len(), b.len());
}

#[test]
fn elsewhere_and_on_other_threads() {
    let root = tempfile::tempdir().expect("a temporary folder");
    for format in [Format::Q4, Format::Q8, Format::Bf16] {
        let first = artifact(format);
        for (folder, threads) in [("one", 1), ("another name/and deeper", 3)] {
            let target = root.path().join("out.unicorn");
            compile_to(&copy(root.path(), folder), &target, &driver::Options { threads, ..options(format) });
            same_bytes(&format!("{} from `{folder}` on {threads} threads", format.name()), &first, &target);
        }
    }
}

/// The C library chooses variants of `exp`, `pow` and `tanh` by what the processor has; here it is told that there is nothing to choose from.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn on_a_processor_with_other_features() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let target = root.path().join("out.unicorn");
    for format in [Format::Q4, Format::Bf16] {
        let status = Command::new(env!("CARGO_BIN_EXE_unicornc-under-test"))
            .args(["compile", "--quant", format.name(), "-o"])
            .args([&target, &pebble()])
            .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-FMA,-FMA4,-SSE4_1,-SSE4_2,-BMI2")
            .output()
            .expect("the compiler runs");
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
        same_bytes(&format!("{} with an older C library", format.name()), &artifact(format), &target);
    }
}

/// What the compiler computes itself must not ask what the processor has.
#[test]
fn the_compiler_does_not_look_at_the_processor() {
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/src"), &mut files);
    assert!(files.len() > 30, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a source");
        for word in ["is_x86_feature_detected!(", "Isa::detect", "cpuid", "cranelift_native", "SystemTime", "HashMap", "HashSet"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn digests_are_those_on_record() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/pebble.digests");
    let mut now = String::new();
    for format in [Format::Q4, Format::Q8, Format::Bf16] {
        let artifact = Artifact::open(artifact(format)).expect("an artifact");
        writeln!(now, "{} {}", format.name(), hex(artifact.digest())).expect("a string grows");
    }
    let seed = driver::Options { npu: Some(Npu::Npu1), partition: Partition::Seed, ..options(Format::Q8) };
    let seeded = Artifact::open(artifact_with("q8-seed", &seed)).expect("an artifact");
    writeln!(now, "q8-seed {}", hex(seeded.digest())).expect("a string grows");
    if std::env::var_os("UNICORN_BLESS").is_some() {
        std::fs::write(&path, &now).expect("the golden file is written");
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(recorded, now, "the compiler makes other bytes than recorded; if that is meant, run this test again with UNICORN_BLESS=1");
}

/// Only what is asked for changes the bytes, and what changes them is on record.
#[test]
fn options_that_matter_are_recorded() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let target = root.path().join("out.unicorn");
    compile_to(&pebble(), &target, &driver::Options { context: Some(512), selftest: false, ..options(Format::Q8) });
    let manifest = |path: &Path| Artifact::open(path).and_then(|artifact| artifact.manifest()).expect("an artifact");
    let (a, b) = (manifest(&artifact(Format::Q8)), manifest(&target));
    assert_eq!(a.provenance.inputs, b.provenance.inputs);
    assert_eq!(a.provenance.inputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), {
        let mut names = FILES.to_vec();
        names.sort_unstable();
        names
    });
    let differ: Vec<&str> =
        a.provenance.options.iter().zip(&b.provenance.options).filter(|(x, y)| x != y).map(|((name, _), _)| name.as_str()).collect();
    assert_eq!(differ, ["context"]);
}
