//! Memory of a running process: what the plan foretells is what it uses, and running does not change it.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use unicorn_artifact::file::Artifact;
use unicorn_artifact::tensor::Format;
use unicorn_tests::{artifact, compile_to, options};
use unicornc::driver;
use unicornc::import::synthetic;

const MB: u64 = 1_000_000;

/// Loads and runs an artifact in a process of its own.
fn footprint(artifact: &Path, threads: usize, tokens: usize) -> Value {
    let output =
        Command::new(env!("CARGO_BIN_EXE_footprint")).arg(artifact).args([threads.to_string(), tokens.to_string()]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

fn bytes(value: &Value, when: &str, what: &str) -> u64 {
    value[when][what].as_u64().unwrap_or_else(|| panic!("no {when}.{what} in {value}"))
}

fn grows_by_less_than_a_megabyte(value: &Value) {
    for what in ["resident", "anonymous"] {
        let (load, run) = (bytes(value, "after_load", what), bytes(value, "after_run", what));
        assert!(run.abs_diff(load) < MB, "{what} memory went from {load} to {run} bytes while running");
    }
}

#[test]
fn a_long_run_does_not_grow() {
    for threads in [1, 2] {
        let value = footprint(&artifact(Format::Q4), threads, 6000);
        println!("pebble on {threads} threads: {value}");
        grows_by_less_than_a_megabyte(&value);
    }
}

/// A model with enough weights that the plan's figure means something.
#[test]
fn the_plan_foretells_what_the_process_uses() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sizes = synthetic::Options {
        layers: 10,
        full_every: 5,
        shared: 4,
        sparse: 3,
        sparsity: 0.95,
        hidden: 1024,
        ffn: 3072,
        ple_width: 128,
        heads: 8,
        kv_heads: 2,
        head_dim: 128,
        laurel_rank: 64,
        window: 512,
        vocab: 16_000,
        ple_vocab: 16_000,
        ..synthetic::Options::default()
    };
    synthetic::write(folder.path(), &sizes).expect("the checkpoint is written");
    let path = folder.path().join("large.unicorn");
    let options = driver::Options { context: Some(2048), selftest: false, limit: None, ..options(Format::Q8) };
    compile_to(folder.path(), &path, &options);
    let plan = Artifact::open(&path).and_then(|artifact| artifact.manifest()).expect("an artifact").plan;
    assert!(plan.weight_bytes > 100 * MB && plan.streamed_bytes > 10 * MB, "{} and {} bytes are too few", plan.weight_bytes, plan.streamed_bytes);
    for threads in [1, 2] {
        let value = footprint(&path, threads, 2200);
        println!("large on {threads} threads: {value}");
        grows_by_less_than_a_megabyte(&value);
        let foretold = value["foretold"].as_u64().expect("a number");
        assert_eq!(foretold, plan.resident_bytes(threads as u64));
        let grown = bytes(&value, "after_run", "anonymous") - bytes(&value, "before", "anonymous");
        // On top of the plan come the manifest, the tokenizer's text, stacks, region code and what the allocator keeps: about a megabyte that does not
        // grow with the weights. The share is for how the system rounds areas to pages.
        let slack = foretold / 100 + 3 * MB / 2;
        assert!(grown.abs_diff(foretold) <= slack, "the plan foretells {foretold} bytes, the process uses {grown}");
    }
}
