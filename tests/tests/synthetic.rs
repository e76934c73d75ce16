//! The whole way on shapes that the demo model does not have: random checkpoints, compiled, run, and held against the graph's own evaluation.

use std::path::Path;
use unicorn_artifact::tensor::Format;
use unicorn_rt::load::Options;
use unicorn_tests::{Random, assert_same_bits, compile_to, open, options, run, threads};
use unicornc::driver;
use unicornc::graph::Graph;
use unicornc::graph::eval::{Env, eval};
use unicornc::import::synthetic::{self, Element, Form};
use unicornc::import::{Checkpoint, gemma3n};
use unicornc::partition::Partition;
use unicornc::passes::{fold, quantise};
use unicornc::target::Npu;

/// Tokens of each run: beyond every window and every chunk.
const TOKENS: usize = 45;

/// The graph with the formats that the compiler chooses.
fn graph(checkpoint: &Checkpoint, options: &driver::Options) -> Graph {
    let graph = fold::fold(&gemma3n::build(checkpoint).expect("the graph")).expect("the folded graph");
    let limit = options.limit.filter(|_| options.format == Format::Q4);
    let sensitivity = limit.map_or(vec![], |_| unicornc::sensitivity::measure(checkpoint, &graph, options.threads).expect("the measured errors"));
    let npu = if options.npu.is_some() { quantise::gates(&graph) } else { vec![] };
    let choice = quantise::Choice { format: options.format, limit, overrides: vec![], sensitivity, npu };
    quantise::quantise(&graph, checkpoint, &choice).expect("formats").0
}

/// Largest difference and root-mean-square difference of two runs, relative to the largest and the root-mean-square expected value.
fn differences(got: &[f32], expected: &[f32]) -> (f64, f64) {
    assert_eq!(got.len(), expected.len());
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0f64, |m, v| if v.abs() > m || v.is_nan() { v.abs() } else { m });
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = || got.iter().zip(expected).map(|(a, b)| f64::from(*a) - f64::from(*b));
    let exact = || expected.iter().map(|v| f64::from(*v));
    (largest(&mut difference()) / largest(&mut exact()), squares(&mut difference()) / squares(&mut exact()))
}

/// What kernels may differ by from the evaluation of the same stored weights, as a share of root-mean-square logits: bf16 keeps activations in f32, so
/// only f16 keys and values and the order of sums are left; the others round activations to eight bits before every product, and a Gaussian top-k gate
/// near its threshold may switch a neuron on or off, which weighs more the fewer neurons are active. Int8 rounds a whole row with one scale.
fn tolerance(format: Format) -> f64 {
    match format {
        Format::F32 | Format::Bf16 => 0.003,
        Format::Q8 | Format::Int8 | Format::Q4 => 0.06,
    }
}

/// Compiles a checkpoint in all formats, runs it, and compares all logits of all positions.
fn check(name: &str, sizes: &synthetic::Options) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    synthetic::write(folder.path(), sizes).unwrap_or_else(|why| panic!("{name}: {why}"));
    for format in [Format::Bf16, Format::Q8, Format::Q4] {
        check_format(&format!("{name}, {}", format.name()), folder.path(), sizes, (format, options(format)));
    }
    let seed = driver::Options { npu: Some(Npu::Npu1), partition: Partition::Seed, ..options(Format::Q8) };
    check_format(&format!("{name}, for an NPU"), folder.path(), sizes, (Format::Int8, seed));
}

/// `format` is the coarsest that a tensor may have.
fn check_format(name: &str, folder: &Path, sizes: &synthetic::Options, (format, options): (Format, driver::Options)) {
    let options = driver::Options { context: Some(128), slots: 2, rows: vec![1, 4, 16], logit_rows: 4, ..options };
    let target = folder.join(format!("{}.unicorn", format.name()));
    compile_to(folder, &target, &options);
    let tokens = Random(sizes.seed).tokens(TOKENS, 2, sizes.ple_vocab.min(sizes.vocab));
    let checkpoint = Checkpoint::open(folder).expect("the checkpoint");
    let expected = eval(&graph(&checkpoint, &options), &checkpoint, &tokens, &mut Env::default(), |_| false).expect("the evaluation");

    let mut loaded = open(&target, threads(1));
    let got = run(&mut loaded.session, 0, 0, &tokens, 16, |_| true);
    let all: Vec<f32> = got.values().flatten().copied().collect();
    assert!(all.iter().all(|v| v.is_finite()), "{name}: logits are not finite");
    let (largest, mean) = differences(&all, &expected.outputs[0]);
    println!("{name}: logits differ by {mean:.5} (rms), {largest:.5} (largest)");
    assert!(mean <= tolerance(format), "{name}: logits differ by {mean:.5} (rms), {largest:.5} (largest) from the graph's");

    for chunk in [1, 3] {
        let other = run(&mut loaded.session, 1, 0, &tokens, chunk, |_| true);
        assert_same_bits(&format!("{name}, chunks of {chunk}"), &got, &other);
    }
    let mut plain = open(&target, Options { native: false, dense: true, split: false, ..threads(2) });
    let other = run(&mut plain.session, 0, 0, &tokens, 7, |_| true);
    assert_same_bits(&format!("{name}, plain, dense and whole on two threads"), &got, &other);
}

fn base() -> synthetic::Options {
    synthetic::Options::default()
}

#[test]
fn as_it_is_by_default() {
    check("default", &base());
}

#[test]
fn layer_counts() {
    check("one layer", &synthetic::Options { layers: 1, full_every: 1, shared: 0, sparse: 1, ..base() });
    check("three layers", &synthetic::Options { layers: 3, full_every: 3, shared: 0, sparse: 1, seed: 2, ..base() });
    check("eleven layers", &synthetic::Options { layers: 11, full_every: 3, shared: 4, sparse: 5, seed: 3, ..base() });
}

#[test]
fn no_layer_shares_keys_and_values() {
    check("none shared", &synthetic::Options { shared: 0, ..base() });
}

#[test]
fn most_layers_share_keys_and_values() {
    check("most shared", &synthetic::Options { layers: 8, shared: 6, sparse: 4, ..base() });
}

#[test]
fn no_layer_and_every_layer_is_sparse() {
    check("none sparse", &synthetic::Options { sparse: 0, ..base() });
    check("all sparse", &synthetic::Options { sparse: 6, sparsity: 0.5, ffn: 160, ..base() });
}

#[test]
fn only_full_and_only_sliding_attention() {
    check("all full", &synthetic::Options { full_every: 1, ..base() });
    check("all sliding", &synthetic::Options { full_every: 99, ..base() });
    check("window of one", &synthetic::Options { window: 1, ..base() });
    check("window of the ring's block", &synthetic::Options { window: 16, ..base() });
}

#[test]
fn head_shapes() {
    check("heads of 32", &synthetic::Options { head_dim: 32, ..base() });
    check("heads of 48, one key head", &synthetic::Options { head_dim: 48, heads: 3, kv_heads: 1, ..base() });
    check("as many key heads as query heads", &synthetic::Options { heads: 3, kv_heads: 3, ..base() });
}

#[test]
fn widths_that_fill_no_panel() {
    check("per-layer embedding of 401 rows", &synthetic::Options { ple_vocab: 401, ..base() });
    check("hidden 80, ffn 112", &synthetic::Options { hidden: 80, ffn: 112, laurel_rank: 24, ..base() });
    check("hidden 96, odd feed-forward", &synthetic::Options { hidden: 96, ffn: 160, ple_width: 48, ..base() });
    check("narrow per-layer embedding", &synthetic::Options { ple_width: 16, laurel_rank: 16, ..base() });
    check("per-layer embedding as long as the vocabulary", &synthetic::Options { vocab: 400, ple_vocab: 400, ..base() });
}

#[test]
fn storage_of_checkpoints() {
    check("f32 in one file", &synthetic::Options { element: Element::F32, ..base() });
    check("f16 in three files", &synthetic::Options { element: Element::F16, shards: 3, ..base() });
    let wrapped = synthetic::Options { prefix: "model.language_model.", form: Form::Nested, towers: true, unused_kv: true, shards: 2, ..base() };
    check("wrapped, with towers", &wrapped);
    check("old config", &synthetic::Options { form: Form::Old, unused_kv: true, ..base() });
}

#[test]
fn a_head_of_its_own() {
    check("untied", &synthetic::Options { untied: true, ..base() });
    check("untied, longer vocabulary", &synthetic::Options { untied: true, vocab: 464, element: Element::F32, ..base() });
}

/// What cannot be lowered is refused with its place and size, and leaves no file.
#[test]
fn shapes_that_are_refused() {
    let refused = |sizes: &synthetic::Options, size: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        synthetic::write(folder.path(), sizes).expect("the checkpoint is written");
        let target = folder.path().join("out.unicorn");
        let checkpoint = Checkpoint::open(folder.path()).expect("the checkpoint");
        let result = driver::compile(&checkpoint, &target, &options(Format::Q4), driver::Stage::Artifact, false, &mut |_| {});
        let why = result.expect_err("it cannot be lowered");
        assert!(matches!(why, unicornc::Error::Unsupported { .. }) && why.to_string().contains(size), "{why}");
        assert!(!target.exists());
    };
    refused(&synthetic::Options { vocab: 419, ..base() }, "419");
    refused(&synthetic::Options { head_dim: 24, ..base() }, "24");
}

/// The same tensors stored in another way make the same weights, so the same logits.
#[test]
fn storage_does_not_change_logits() {
    let logits = |sizes: &synthetic::Options| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        synthetic::write(folder.path(), sizes).expect("the checkpoint is written");
        let target = folder.path().join("out.unicorn");
        compile_to(folder.path(), &target, &driver::Options { context: Some(64), ..options(Format::Q4) });
        let mut loaded = open(&target, threads(1));
        run(&mut loaded.session, 0, 0, &Random(9).tokens(20, 2, 400), 16, |_| true)
    };
    let expected = logits(&base());
    let others = [
        synthetic::Options { shards: 4, ..base() },
        synthetic::Options { unused_kv: true, towers: true, ..base() },
        synthetic::Options { form: Form::Nested, ..base() },
        synthetic::Options { form: Form::Old, ..base() },
    ];
    for sizes in others {
        assert_same_bits(&format!("{sizes:?}"), &expected, &logits(&sizes));
    }
}
