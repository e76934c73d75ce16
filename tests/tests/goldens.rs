//! The whole way against transformers in float32: logits and greedy continuations of the prompts in `models/pebble/golden.json`, from a bf16 artifact.

use safetensors::SafeTensors;
use std::sync::Arc;
use unicorn_artifact::tensor::Format;
use unicorn_rt::generate::{Request, Scheduler};
use unicorn_rt::load::{Loaded, Options};
use unicorn_rt::sample::SamplingParams;
use unicorn_rt::step::Stepper;
use unicorn_rt::tokens::Tokenizer;
use unicorn_tests::{best, pebble, pebble_json, run, session_with_tokenizer};

/// Largest absolute difference allowed of any logit.
const TOLERANCE: f32 = 2e-2;
/// Margin between the reference's two largest logits above which the greedy token must be the same.
const MARGIN: f64 = 0.05;
/// Prompts in the golden file; fewer would mean that it was cut.
const PROMPTS: usize = 15;

struct Golden {
    name: String,
    ids: Vec<u32>,
    greedy: Vec<u32>,
    margins: Vec<f64>,
    logits: Vec<f32>,
}

fn goldens() -> Vec<Golden> {
    let bytes = std::fs::read(pebble().join("golden.safetensors")).expect("the golden values are there");
    let tensors = SafeTensors::deserialize(&bytes).expect("the golden values are safetensors");
    let file = pebble_json("golden.json");
    let ids = |list: &serde_json::Value| list.as_array().expect("a list").iter().map(|id| id.as_u64().expect("an id") as u32).collect::<Vec<_>>();
    let golden = |prompt: &serde_json::Value| {
        let name = prompt["name"].as_str().expect("a name").to_owned();
        let logits = tensors.tensor(&format!("{name}.logits_last")).expect("logits of every prompt");
        let logits = logits.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let margins = prompt["greedy_margins"].as_array().expect("margins").iter().map(|m| m.as_f64().expect("a margin")).collect();
        Golden { name, ids: ids(&prompt["ids"]), greedy: ids(&prompt["greedy_ids"]), margins, logits }
    };
    let goldens: Vec<Golden> = file["prompts"].as_array().expect("prompts").iter().map(golden).collect();
    assert_eq!(goldens.len(), PROMPTS);
    goldens
}

/// Logits after each prompt, and greedy tokens with the reference's own tokens fed back, so that one close call does not spoil what follows.
fn logits_and_forced_tokens(kind: &str, loaded: &mut Loaded) {
    let (mut worst, mut same, mut close, mut total) = (0f32, 0, 0, 0);
    for golden in goldens() {
        let all: Vec<u32> = golden.ids.iter().chain(&golden.greedy).copied().collect();
        let last = golden.ids.len() as u32 - 1;
        let most = loaded.session.limits().rows;
        let logits = run(&mut loaded.session, 0, 0, &all, most, |at| at >= last);
        assert_eq!(logits[&last].len(), golden.logits.len());
        for (id, (got, expected)) in logits[&last].iter().zip(&golden.logits).enumerate() {
            let difference = (got - expected).abs();
            assert!(difference <= TOLERANCE, "{kind}, {}: logit {id} is {got}, transformers says {expected}", golden.name);
            worst = worst.max(difference);
        }
        assert_eq!(golden.greedy.len(), golden.margins.len());
        for (at, (&expected, &margin)) in golden.greedy.iter().zip(&golden.margins).enumerate() {
            let got = best(&logits[&(last + at as u32)]);
            assert!(got == expected || margin <= MARGIN, "{kind}, {}: token {at} is {got}, transformers says {expected} by {margin}", golden.name);
            (same, close, total) = (same + usize::from(got == expected), close + usize::from(margin <= MARGIN), total + 1);
        }
    }
    println!("{kind}: largest logit difference {worst:.5}; greedy {same} of {total} the same, {close} close calls");
}

/// Greedy generation as a user runs it, where no step of the reference is a close call.
fn free_running_tokens(kind: &str, loaded: &mut Loaded, tokenizer: Arc<Tokenizer>) {
    let vocabulary = loaded.manifest.plan.model.text_vocabulary as usize;
    let mut scheduler = Scheduler::new(Box::new(&mut loaded.session), tokenizer, vocabulary).expect("a scheduler");
    let mut compared = 0;
    for golden in goldens().into_iter().filter(|g| g.margins.iter().all(|m| *m > MARGIN)) {
        let (params, max_tokens) = (SamplingParams::greedy(), Some(golden.greedy.len()));
        let request = Request { prompt: golden.ids, params, max_tokens, ignore_eos: true, ..Request::default() };
        let got: Vec<u32> = scheduler.generate(request).expect("the prompt fits").map(|token| token.expect("a token").id).collect();
        assert_eq!(got, golden.greedy, "{kind}, {}", golden.name);
        compared += 1;
    }
    assert!(compared >= PROMPTS / 2, "only {compared} prompts have no close call");
}

#[test]
fn native_code_agrees_with_transformers() {
    let (mut loaded, tokenizer) = session_with_tokenizer(Format::Bf16, Options::default());
    logits_and_forced_tokens("native", &mut loaded);
    free_running_tokens("native", &mut loaded, tokenizer);
}

#[test]
fn plain_kernels_and_the_interpreter_agree_with_transformers() {
    let (mut loaded, tokenizer) = session_with_tokenizer(Format::Bf16, Options { native: false, ..Options::default() });
    logits_and_forced_tokens("plain", &mut loaded);
    free_running_tokens("plain", &mut loaded, tokenizer);
}
