//! How much each matrix matters: the model runs in bf16 on a short text, then again with one matrix at a time rounded to four bits; the divergence of
//! the predicted next tokens is that matrix's error. Kernels give the same bits on every host, so the choice made from it is the same everywhere.

use crate::driver::{Options, probe};
use crate::graph::eval::Weights;
use crate::graph::{Graph, WeightRef};
use crate::import::Checkpoint;
use crate::passes::quantise::{Choice, quantise};
use crate::{Error, Result};
use unicorn_artifact::plan::Weight;
use unicorn_artifact::tensor::{Format, GROUP, Layout, PANEL, panel_bytes, row_bytes};
use unicorn_kernels_cpu::pack;
use unicorn_rt::load::{Options as LoadOptions, load};
use unicorn_rt::step::{Row, Session, Stepper};
use unicorn_rt::tokens::{ChatSpec, Tokenizer};

/// What is read while measuring: plain English of several kinds.
const TEXT: &str = "Once upon a time there was an old king who had three sons, and he loved the youngest best. One morning he called them to him and said: \
\"Whoever brings me the water of life shall have my kingdom.\" So the eldest rode out, but he was proud, and would not share his bread with the poor woman \
at the gate. In the beginning the road was easy; then the rain came, and the river rose over its banks. What is 12 + 7? It is 19. The capital of Italy is Rome, \
and the opposite of day is night. She did not know what to answer, for nobody had ever asked her such a question before. {\"name\": \"Anna\", \"age\": 9, \
\"likes\": [\"cats\", \"books\"]} A number that can be divided by two is even. \"Come in,\" said the mother, \"and sit down by the fire, you must be cold.\"";
/// Tokens of it that are read.
const LENGTH: usize = 192;

/// Divergence caused by rounding one tensor to four bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// The tensor.
    pub tensor: String,
    /// Mean Kullback-Leibler divergence from the bf16 model, in nats per token.
    pub divergence: f32,
}

/// Measures every resident matrix that four bits can hold.
///
/// # Errors
/// What compiling and running the bf16 model say.
pub fn measure(checkpoint: &Checkpoint, graph: &Graph, threads: usize) -> Result<Vec<Sensitivity>> {
    let choice = Choice { format: Format::Bf16, limit: None, overrides: vec![], sensitivity: vec![], npu: vec![] };
    let (graph, _) = quantise(graph, checkpoint, &choice)?;
    let folder = Scratch::new()?;
    let path = folder.0.join("bf16.unicorn");
    let ids = ids(checkpoint)?;
    let context = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let options = Options {
        format: Format::Bf16,
        limit: None,
        context: Some(context),
        slots: 1,
        rows: vec![64],
        logit_rows: 64,
        threads,
        selftest: false,
        ..Options::default()
    };
    probe(checkpoint, &graph, &path, &options)?;
    let ran = |why: unicorn_rt::Error| Error::verify("sensitivity", why.to_string());
    let mut loaded = load(&path, LoadOptions { threads, ..LoadOptions::default() }).map_err(ran)?;
    let weights = loaded.manifest.plan.weights.clone();
    let session = &mut loaded.session;
    let vocabulary = session.limits().vocabulary;
    let mut base = Vec::with_capacity(ids.len() * vocabulary);
    run(session, &ids, |logits| base.extend(log_softmax(logits))).map_err(ran)?;
    let mut found = Vec::new();
    for (id, weight) in weights.iter().enumerate() {
        if weight.streamed || weight.layout == Layout::Flat || !(weight.cols as usize).is_multiple_of(GROUP) {
            continue;
        }
        let rounded = rounded(checkpoint, weight)?;
        let unpatchable = || Error::verify("sensitivity", format!("weight `{}` is not in memory", weight.name));
        let kept = session.cpu_mut().weight_bytes_mut(id as u32).ok_or_else(unpatchable)?.to_vec();
        session.cpu_mut().weight_bytes_mut(id as u32).ok_or_else(unpatchable)?.copy_from_slice(&rounded);
        let (mut sum, mut at) = (0f64, 0);
        run(session, &ids, |logits| {
            sum += divergence(&base[at..at + vocabulary], &log_softmax(logits));
            at += vocabulary;
        })
        .map_err(ran)?;
        session.cpu_mut().weight_bytes_mut(id as u32).ok_or_else(unpatchable)?.copy_from_slice(&kept);
        found.push(Sensitivity { tensor: tensor_name(weight).into(), divergence: (sum / ids.len() as f64) as f32 });
    }
    Ok(found)
}

/// The text's tokens; of a tokenizer that cannot be used, evenly spread ids.
fn ids(checkpoint: &Checkpoint) -> Result<Vec<u32>> {
    let config = checkpoint.config();
    let parts = checkpoint.tokenizer()?;
    let chat = ChatSpec {
        template: None,
        bos_token: parts.bos.unwrap_or_default(),
        eos_token: String::new(),
        pad_token: String::new(),
        unk_token: String::new(),
    };
    let text = config.ple_vocab.min(config.vocab);
    let encoded = Tokenizer::from_parts(&parts.json, &chat).and_then(|t| t.encode_prompt(TEXT)).ok();
    let mut ids = encoded
        .filter(|ids| !ids.is_empty() && ids.iter().all(|id| *id < text))
        .unwrap_or_else(|| (0..LENGTH as u32).map(|i| i * 7919 % text).collect());
    ids.truncate(LENGTH.min(config.max_positions as usize));
    Ok(ids)
}

/// Runs the tokens as one sequence and hands over the logits of every position.
fn run(session: &mut Session, ids: &[u32], mut sink: impl FnMut(&[f32])) -> unicorn_rt::Result<()> {
    let most = session.limits().rows;
    for (chunk, part) in ids.chunks(most).enumerate() {
        let row = |(i, &token): (usize, &u32)| Row { token, slot: 0, position: (chunk * most + i) as u32, logits: true };
        let rows: Vec<Row> = part.iter().enumerate().map(row).collect();
        session.step(&rows, &mut |_, logits| sink(logits))?;
    }
    Ok(())
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let peak = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|v| libm::expf(v - peak)).sum();
    let shift = peak + libm::logf(sum);
    logits.iter().map(|v| v - shift).collect()
}

fn divergence(base: &[f32], other: &[f32]) -> f64 {
    base.iter().zip(other).map(|(p, q)| f64::from(libm::expf(*p)) * f64::from(p - q)).sum()
}

fn tensor_name(weight: &Weight) -> &str {
    weight.name.strip_suffix(TRANSPOSED).unwrap_or(&weight.name)
}

/// How [`crate::lower::weights`] marks a transposed tensor.
const TRANSPOSED: &str = " (transposed)";

/// The bf16 bytes of a weight after its values went through four bits.
fn rounded(checkpoint: &Checkpoint, weight: &Weight) -> Result<Vec<u8>> {
    let (rows, cols) = (weight.rows as usize, weight.cols as usize);
    let transpose = weight.name.ends_with(TRANSPOSED);
    let source = WeightRef { transpose, format: Format::Q4, ..WeightRef::plain(tensor_name(weight)) };
    let impossible = || Error::verify("sensitivity", format!("weight `{}` has no size", weight.name));
    let size = weight.bytes().ok_or_else(impossible)? as usize;
    let mut bytes = vec![0; size];
    let (step, block) = match weight.layout {
        Layout::Panel => (PANEL, panel_bytes(Format::Bf16, cols)),
        _ => (1, row_bytes(Format::Bf16, cols)),
    };
    let block = block.ok_or_else(impossible)?;
    // A thousand rows at a time keep a large embedding out of memory.
    for first in (0..rows).step_by(1024) {
        let values = checkpoint.rows(&source, first, 1024.min(rows - first))?;
        for (at, part) in values.chunks(step * cols).enumerate() {
            let start = (first / step + at) * block;
            let out = &mut bytes[start..start + block];
            match weight.layout {
                Layout::Panel => pack::pack_panel(Format::Bf16, &part.chunks(cols).collect::<Vec<_>>(), out),
                _ => pack::pack_row(Format::Bf16, part, out),
            }
        }
    }
    Ok(bytes)
}

/// A folder of our own that goes away with us.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("unicornc-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, e))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It lies in the system's temporary folder, which is cleaned some day if this fails.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
