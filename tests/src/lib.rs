//! What the whole-way tests share: where the demo model is, its artifacts, sessions on them, and runs of token rows.
//! No test stands here.

pub mod hostile;
pub mod judge;
pub mod npu;
pub mod reference;
pub mod stubs;
pub mod twin;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use unicorn_artifact::tensor::Format;
use unicorn_rt::load::{self, Loaded, load};
use unicorn_rt::step::{Row, Stepper};
use unicorn_rt::tokens::Tokenizer;
use unicornc::driver::{self, Outcome, Stage, compile};
use unicornc::import::Checkpoint;

/// The folder of Pebble, the demo model.
pub fn pebble() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/pebble")
}

/// A JSON file of the demo model's folder.
pub fn pebble_json(name: &str) -> Value {
    let path = pebble().join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Compiler options for a format, the rest as by default.
pub fn options(format: Format) -> driver::Options {
    driver::Options { format, ..driver::Options::default() }
}

/// Compiles the checkpoint at `from` to the file `to`.
pub fn compile_to(from: &Path, to: &Path, options: &driver::Options) -> Outcome {
    let checkpoint = Checkpoint::open(from).unwrap_or_else(|why| panic!("{why}"));
    compile(&checkpoint, to, options, Stage::Artifact, false, &mut |_| {}).unwrap_or_else(|why| panic!("{}: {why}", from.display()))
}

/// Pebble in a format, with default options; compiled once per process.
pub fn artifact(format: Format) -> PathBuf {
    artifact_with(format.name(), &options(format))
}

/// Pebble with other options, under a name of their own; compiled once per process.
pub fn artifact_with(name: &str, options: &driver::Options) -> PathBuf {
    static MADE: OnceLock<Mutex<BTreeMap<String, PathBuf>>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(path) = made.get(name) {
        return path.clone();
    }
    let path = output_folder().join(format!("pebble-{name}.unicorn"));
    // Other test processes make the same file at the same time: each compiles beside it, and a rename puts a whole one in place.
    let own = path.with_extension(std::process::id().to_string());
    compile_to(&pebble(), &own, options);
    std::fs::rename(&own, &path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    made.insert(name.to_owned(), path.clone());
    path
}

/// Where a program looks for libraries: in `first`, then where this one does.
pub fn library_path(first: &Path) -> std::ffi::OsString {
    let others = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let all = std::iter::once(first.to_owned()).chain(std::env::split_paths(&others));
    std::env::join_paths(all).expect("folders without a colon")
}

/// Where artifacts that tests share are put: in the target folder, beside the test programs.
pub fn output_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a test knows its own program");
    let folder = program.ancestors().nth(2).expect("a test program lies in a folder of the target folder").join("test-artifacts");
    std::fs::create_dir_all(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    folder
}

/// Load options for `threads` threads.
pub fn threads(threads: usize) -> load::Options {
    load::Options { threads, ..load::Options::default() }
}

/// Pebble in a format, loaded.
pub fn session(format: Format, options: load::Options) -> Loaded {
    open(&artifact(format), options)
}

/// An artifact, loaded.
pub fn open(path: &Path, options: load::Options) -> Loaded {
    load(path, options).unwrap_or_else(|why| panic!("{why}"))
}

/// As [`session`], with the tokenizer that the artifact carries.
pub fn session_with_tokenizer(format: Format, options: load::Options) -> (Loaded, Arc<Tokenizer>) {
    let (loaded, tokenizer) = load::load_with_tokenizer(artifact(format), options).unwrap_or_else(|why| panic!("{why}"));
    (loaded, Arc::new(tokenizer))
}

/// Logits by position.
pub type Logits = BTreeMap<u32, Vec<f32>>;

/// Steps `tokens` through `slot` from position `start` in chunks of `chunk` rows, and gives the logits of the positions that `wanted` accepts.
pub fn run(stepper: &mut dyn Stepper, slot: u32, start: u32, tokens: &[u32], chunk: usize, wanted: impl Fn(u32) -> bool) -> Logits {
    let mut all = Logits::new();
    for (number, part) in tokens.chunks(chunk).enumerate() {
        let first = start + (number * chunk) as u32;
        let row = |(i, &token): (usize, &u32)| Row { token, slot, position: first + i as u32, logits: wanted(first + i as u32) };
        let rows: Vec<Row> = part.iter().enumerate().map(row).collect();
        let step = stepper.step(&rows, &mut |at, logits| {
            all.insert(rows[at].position, logits.to_vec());
        });
        step.unwrap_or_else(|why| panic!("{why}"));
    }
    all
}

/// Fails with the first position at which two runs differ in any bit.
pub fn assert_same_bits(what: &str, expected: &Logits, got: &Logits) {
    assert!(expected.keys().eq(got.keys()), "{what}: logits of other positions");
    for (position, logits) in expected {
        let other = &got[position];
        let differ = logits.iter().zip(other).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        let largest = logits.iter().zip(other).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(differ == 0 && logits.len() == other.len(), "{what}: {differ} logits of position {position} differ, by up to {largest}");
        assert!(logits.iter().all(|v| v.is_finite()), "{what}: logits of position {position} are not finite");
    }
}

/// The index of the largest logit, the first among equals.
pub fn best(logits: &[f32]) -> u32 {
    logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, &v)| if v > best.1 { (i, v) } else { best }).0 as u32
}

/// Negative log-likelihood of `id` in nats.
pub fn nll(logits: &[f32], id: u32) -> f64 {
    let peak = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|v| f64::from(v - peak).exp()).sum();
    sum.ln() - f64::from(logits[id as usize] - peak)
}

/// splitmix64: a random generator fixed for ever.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// Tokens of a vocabulary, the first of them `bos`.
    pub fn tokens(&mut self, count: usize, bos: u32, vocabulary: u32) -> Vec<u32> {
        (0..count).map(|i| if i == 0 { bos } else { self.below(vocabulary as usize) as u32 }).collect()
    }
}
