//! `unicorn-rt eval`: quality against held-out sets and reference values.

use super::{LoadArgs, Ready, SampleArgs, print, read_json};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use unicorn_rt::generate::{Event, Receiver, Request};
use unicorn_rt::step::{Row, Stepper};
use unicorn_rt::{Error, Result};

/// What to evaluate.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub struct Args {
    #[command(flatten)]
    load: LoadArgs,
    /// Exact match: a JSON list of `{prompt, answer, skill}`; prompts are complete, answers are compared trimmed.
    #[arg(long, value_name = "FILE", group = "what")]
    skills: Option<PathBuf>,
    /// Perplexity and bits per character: a JSON list of `{source, text}`; each text is read after the bos token.
    #[arg(long, value_name = "FILE", group = "what")]
    text: Option<PathBuf>,
    /// Agreement with a reference: `{prompts: [{ids, text_nll, argmax, top8_ids, top8_logits, greedy_ids, greedy_margins}]}`.
    #[arg(long, value_name = "FILE", group = "what")]
    golden: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sample: SampleArgs,
}

pub fn run(args: &Args) -> Result<()> {
    let mut ready = args.load.load()?;
    let (value, text) = match (&args.skills, &args.text, &args.golden) {
        (Some(file), _, _) => skills(args, &mut ready, &read_json(file)?)?,
        (_, Some(file), _) => perplexity(&mut ready, &read_json(file)?)?,
        (_, _, Some(file)) => golden(&mut ready, &read_json(file)?)?,
        _ => return Err(Error::request("--skills", "one of --skills, --text, --golden is needed")),
    };
    print(&if args.json { format!("{value}\n") } else { text });
    Ok(())
}

fn items(list: &Value) -> Result<&Vec<Value>> {
    list.as_array().filter(|l| !l.is_empty()).ok_or_else(|| Error::request("FILE", "a JSON list with at least one item is wanted"))
}

fn field<'a>(item: &'a Value, name: &'static str) -> Result<&'a str> {
    item[name].as_str().ok_or_else(|| Error::request(name, format!("missing or not a string in {}", short(item))))
}

fn short(item: &Value) -> String {
    item.to_string().chars().take(80).collect()
}

fn skills(args: &Args, ready: &mut Ready, list: &Value) -> Result<(Value, String)> {
    let eos = ready.loaded.manifest.plan.model.eos.clone();
    let tokenizer = ready.tokenizer.clone();
    let mut scheduler = ready.scheduler()?;
    let mut waiting: Vec<(Receiver, String, &Value)> = Vec::new();
    for item in items(list)? {
        let request = Request {
            prompt: tokenizer.encode(field(item, "prompt")?)?,
            params: args.sample.params(),
            max_tokens: args.sample.max_tokens.or(Some(256)),
            stop: args.sample.stop.clone(),
            stop_ids: eos.clone(),
            ignore_eos: false,
        };
        waiting.push((scheduler.submit(request)?, String::new(), item));
    }
    while scheduler.step() {}
    let (mut right, mut same, mut per_skill) = (0, 0, BTreeMap::<String, (usize, usize)>::new());
    for (receiver, answer, item) in &mut waiting {
        while let Some(event) = receiver.try_recv() {
            match event {
                Event::Token(token) => answer.push_str(&token.text),
                Event::Finish(finish) => answer.push_str(&finish.text),
                Event::Error(error) => return Err(error),
            }
        }
        let matches = answer.trim() == field(item, "answer")?.trim();
        same += usize::from(item["got"].as_str().is_some_and(|got| got.trim() == answer.trim()));
        right += usize::from(matches);
        let skill = per_skill.entry(item["skill"].as_str().unwrap_or("all").to_owned()).or_default();
        *skill = (skill.0 + usize::from(matches), skill.1 + 1);
    }
    let total = waiting.len();
    let score = right as f64 / total as f64;
    let skills: BTreeMap<_, _> = per_skill.iter().map(|(name, (right, of))| (name, *right as f64 / *of as f64)).collect();
    let value = json!({ "exact_match": score, "right": right, "total": total, "same_as_reference": same, "skills": skills });
    let mut text = format!("exact match {score:.4} ({right} of {total}); same answer as the reference: {same}\n");
    for (name, (right, of)) in &per_skill {
        text.push_str(&format!("  {name:<16} {right:>3} of {of}\n"));
    }
    Ok((value, text))
}

/// Logits of every position of a sequence in slot 0, one after another.
fn all_logits(stepper: &mut dyn Stepper, ids: &[u32], mut sink: impl FnMut(usize, &[f32])) -> Result<()> {
    let most = stepper.limits().rows;
    for first in (0..ids.len()).step_by(most) {
        let chunk = &ids[first..ids.len().min(first + most)];
        let rows: Vec<Row> = chunk.iter().enumerate().map(|(i, &token)| Row { token, slot: 0, position: (first + i) as u32, logits: true }).collect();
        stepper.step(&rows, &mut |row, logits| sink(first + row, logits))?;
    }
    Ok(())
}

/// Negative log-likelihood of `id`, in nats, over all logits.
fn nll(logits: &[f32], id: u32) -> f64 {
    let peak = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|v| f64::from(v - peak).exp()).sum();
    sum.ln() - f64::from(logits[id as usize] - peak)
}

fn perplexity(ready: &mut Ready, list: &Value) -> Result<(Value, String)> {
    let context = ready.loaded.session.limits().context;
    let (mut total, mut tokens, mut characters) = (0f64, 0usize, 0usize);
    let mut per_source: BTreeMap<String, (f64, usize, usize)> = BTreeMap::new();
    for item in items(list)? {
        let text = field(item, "text")?;
        let ids = ready.tokenizer.encode_prompt(text)?;
        if ids.len() > context {
            return Err(Error::TooLong { prompt: ids.len(), context });
        }
        let mut sum = 0f64;
        all_logits(&mut ready.loaded.session, &ids, |at, logits| {
            if let Some(&next) = ids.get(at + 1) {
                sum += nll(logits, next);
            }
        })?;
        let count = (ids.len() - 1, text.chars().count());
        (total, tokens, characters) = (total + sum, tokens + count.0, characters + count.1);
        let source = per_source.entry(item["source"].as_str().unwrap_or("all").to_owned()).or_default();
        *source = (source.0 + sum, source.1 + count.0, source.2 + count.1);
    }
    let perplexity = |nll: f64, tokens: usize| (nll / tokens.max(1) as f64).exp();
    let bits = |nll: f64, characters: usize| nll / std::f64::consts::LN_2 / characters.max(1) as f64;
    let sources: BTreeMap<_, _> = per_source
        .iter()
        .map(|(name, s)| (name, json!({ "perplexity": perplexity(s.0, s.1), "bits_per_character": bits(s.0, s.2), "tokens": s.1 })))
        .collect();
    let value =
        json!({ "perplexity": perplexity(total, tokens), "bits_per_character": bits(total, characters), "tokens": tokens, "sources": sources });
    let mut text = format!("perplexity {:.4}, {:.4} bits per character over {tokens} tokens\n", perplexity(total, tokens), bits(total, characters));
    for (name, s) in &per_source {
        text.push_str(&format!("  {name:<12} perplexity {:>9.3}, {:.4} bits per character, {} tokens\n", perplexity(s.0, s.1), bits(s.0, s.2), s.1));
    }
    Ok((value, text))
}

/// What one prompt of a golden file holds.
#[derive(serde::Deserialize)]
struct Golden {
    ids: Vec<u32>,
    #[serde(default)]
    text_nll: Vec<f64>,
    #[serde(default)]
    argmax: Vec<u32>,
    top8_ids: Vec<u32>,
    top8_logits: Vec<f32>,
    greedy_ids: Vec<u32>,
    greedy_margins: Vec<f32>,
}

/// Margin between the two largest reference logits above which the greedy token must agree.
const MARGIN: f32 = 0.05;

fn golden(ready: &mut Ready, file: &Value) -> Result<(Value, String)> {
    let prompts: Vec<Golden> =
        serde_json::from_value(file["prompts"].clone()).map_err(|e| Error::request("prompts", format!("not a list of golden prompts: {e}")))?;
    let vocabulary = ready.loaded.session.limits().vocabulary;
    let (mut worst_logit, mut worst_nll) = (0f32, 0f64);
    let (mut same, mut steps, mut wrong, mut close) = (0usize, 0usize, 0usize, 0usize);
    let (mut argmax_same, mut argmax_total) = (0usize, 0usize);
    for golden in &prompts {
        if golden.ids.is_empty() || golden.top8_ids.iter().any(|&id| id as usize >= vocabulary) {
            return Err(Error::request("prompts", "an empty prompt, or ids outside the model's vocabulary"));
        }
        // The reference's own continuation is fed back, so one close call does not spoil the positions after it.
        let all: Vec<u32> = golden.ids.iter().chain(&golden.greedy_ids).copied().collect();
        let last = golden.ids.len() - 1;
        all_logits(&mut ready.loaded.session, &all, |at, logits| {
            let best = unicorn_rt::sample::argmax(logits);
            if at == last {
                for (&id, &value) in golden.top8_ids.iter().zip(&golden.top8_logits) {
                    worst_logit = worst_logit.max((logits[id as usize] - value).abs());
                }
            }
            if let (Some(&next), Some(&expected)) = (golden.ids.get(at + 1), golden.text_nll.get(at)) {
                worst_nll = worst_nll.max((nll(logits, next) - expected).abs());
            }
            if let Some(&expected) = golden.argmax.get(at) {
                argmax_total += 1;
                argmax_same += usize::from(best == expected);
            }
            if let Some(step) = at.checked_sub(last)
                && let (Some(&expected), Some(&margin)) = (golden.greedy_ids.get(step), golden.greedy_margins.get(step))
            {
                steps += 1;
                same += usize::from(best == expected);
                wrong += usize::from(best != expected && margin > MARGIN);
                close += usize::from(margin <= MARGIN);
            }
        })?;
    }
    let value = json!({
        "prompts": prompts.len(), "largest_logit_difference": worst_logit, "largest_nll_difference": worst_nll,
        "greedy_same": same, "greedy_total": steps, "greedy_close_calls": close, "greedy_wrong_above_margin": wrong,
        "argmax_same": argmax_same, "argmax_total": argmax_total,
    });
    let text = format!(
        "{} prompts: largest logit difference {worst_logit:.5}, largest NLL difference {worst_nll:.5}\n\
         greedy: {same} of {steps} tokens agree ({close} with a margin of at most {MARGIN}); {wrong} disagree above that margin\n\
         argmax of prompt positions: {argmax_same} of {argmax_total} agree\n",
        prompts.len()
    );
    Ok((value, text))
}
