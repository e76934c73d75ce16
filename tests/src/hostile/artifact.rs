//! Hostile artifacts: a small sound one, what is changed in it, and the oracle. Mutated machine code is never run: whoever runs an artifact's code
//! trusts its maker, and `native: false` is what the others use.

use super::{Verdict, case, folder, mutate};
use crate::Random;
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;
use unicorn_artifact::command::Command;
use unicorn_artifact::file::{Artifact, Manifest, Writer, section};
use unicorn_artifact::plan::{Entry, Plan};
use unicorn_rt::load::{Options, Placement, load, load_with_tokenizer};
use unicorn_rt::step::{Row, Session, Stepper};
use unicorn_rt::tokens::{ChatSpec, Message, Tokenizer};
use unicornc::driver;
use unicornc::import::{Checkpoint, synthetic};
use unicornc::partition::Partition;
use unicornc::target::Npu;

/// Memory that a case may reserve.
const MAX_BYTES: u64 = 64 << 20;
/// Rough count of elementary operations that a case may spend on all entries.
const MAX_WORK: u64 = 200_000_000;

/// A sound artifact, whole and in parts.
#[derive(Debug)]
pub struct Base {
    /// The file.
    pub file: Vec<u8>,
    /// Its sections in order.
    pub sections: Vec<(String, Vec<u8>)>,
    /// Its manifest as a document.
    pub manifest: Value,
    /// What its steps give.
    pub logits: [u8; 32],
}

impl Base {
    /// Reads a sound artifact.
    ///
    /// # Panics
    /// If it is not sound.
    pub fn read(path: &Path) -> Self {
        let artifact = Artifact::open(path).expect("a sound artifact");
        let section = |name: &String| (name.clone(), artifact.verified(name).expect("a sound section").to_vec());
        let sections = artifact.sections().iter().map(|s| section(&s.name)).collect();
        let manifest = serde_json::to_value(artifact.manifest().expect("a sound manifest")).expect("a manifest is a document");
        let Verdict::Ran { logits, .. } = check(path, 0) else { panic!("{} does not run: {:?}", path.display(), check(path, 0)) };
        Self { file: std::fs::read(path).expect("the file just read"), sections, manifest, logits }
    }

    /// The bytes of a section; none where there is no such.
    pub fn section(&self, name: &str) -> &[u8] {
        self.sections.iter().find(|s| s.0 == name).map_or(&[], |s| &s.1)
    }
}

/// Options that keep an artifact of a tiny model small.
pub fn small() -> driver::Options {
    driver::Options { context: Some(48), slots: 2, rows: vec![1, 4, 24], logit_rows: 4, threads: 1, ..driver::Options::default() }
}

/// The artifact of a tiny random model, made once.
///
/// # Panics
/// If the compiler fails.
pub fn tiny() -> &'static Base {
    static MADE: OnceLock<Base> = OnceLock::new();
    MADE.get_or_init(|| made(&small()))
}

/// The same with a part for an NPU.
///
/// # Panics
/// If the compiler fails.
pub fn seeded() -> &'static Base {
    static MADE: OnceLock<Base> = OnceLock::new();
    MADE.get_or_init(|| made(&driver::Options { npu: Some(Npu::Npu1), partition: Partition::Seed, ..small() }))
}

fn made(options: &driver::Options) -> Base {
    let folder = folder();
    synthetic::write(folder.path(), &synthetic::Options { layers: 4, full_every: 2, shared: 1, sparse: 1, ..synthetic::Options::default() })
        .expect("a checkpoint can be written");
    let checkpoint = Checkpoint::open(folder.path()).expect("a sound checkpoint");
    let path = case(folder.path());
    let made = driver::compile(&checkpoint, &path, options, driver::Stage::Artifact, false, &mut |_| {});
    made.expect("a sound checkpoint compiles");
    Base::read(&path)
}

/// Which part of an artifact is changed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any byte, and the length; digests stay as they were.
    Raw,
    /// Values of the manifest; digests fit.
    Plan,
    /// Bytes of the manifest; digests fit.
    Manifest,
    /// Bytes or values of tokenizer, chat and self-test, or bytes of weights; sections dropped, doubled or exchanged; digests fit.
    Sections,
}

/// Writes the mutant of `seed` to `path`; whether it differs from `base` at all.
///
/// # Panics
/// If it cannot be written.
pub fn write(base: &Base, kind: Kind, seed: u64, path: &Path) -> bool {
    let mut random = Random(seed);
    match kind {
        Kind::Raw => {
            let mut file = base.file.clone();
            if random.below(3) == 0 {
                // The header and the table are small beside the rest.
                let mut head = file[..1000].to_vec();
                mutate::bytes(&mut random, &mut head);
                head.resize(1000, 0);
                file[..1000].copy_from_slice(&head);
            } else {
                mutate::bytes(&mut random, &mut file);
            }
            std::fs::write(path, &file).expect("a file can be written");
            file != base.file
        }
        Kind::Plan => {
            // What no longer fits the types would not get past the decoder: try again.
            let manifest = (0..50).find_map(|_| {
                let mut document = base.manifest.clone();
                // What is run stands in entries and regions.
                let part = match random.below(4) {
                    0 | 1 => &mut document["plan"]["entries"],
                    2 => &mut document["plan"]["regions"],
                    _ => &mut document["plan"],
                };
                mutate::document(&mut random, part, true);
                (document != base.manifest).then_some(document).and_then(|d| serde_json::from_value::<Manifest>(d).ok())
            });
            let Some(manifest) = manifest else { return false };
            reseal(base, path, section::MANIFEST, &manifest.encode().expect("a manifest can be encoded"));
            true
        }
        Kind::Manifest => {
            let mut bytes = base.section(section::MANIFEST).to_vec();
            mutate::bytes(&mut random, &mut bytes);
            reseal(base, path, section::MANIFEST, &bytes);
            bytes != base.section(section::MANIFEST)
        }
        Kind::Sections => {
            seal(path, &sections(base, &mut random));
            true
        }
    }
}

fn sections(base: &Base, random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let mut sections = base.sections.clone();
    let (at, other) = (random.below(sections.len()), random.below(sections.len()));
    match random.below(12) {
        0 => drop(sections.remove(at)),
        1 => sections[at].0 = sections[other].0.clone(),
        2 => sections[at].1 = sections[other].1.clone(),
        3 => mutate::bytes(random, &mut sections[at].1),
        _ => {
            let name = [section::TOKENIZER, section::CHAT, section::SELFTEST][random.below(3)];
            for (_, bytes) in sections.iter_mut().filter(|s| s.0 == name) {
                match serde_json::from_slice::<Value>(bytes) {
                    Ok(mut document) if random.below(4) > 0 => {
                        mutate::document(random, &mut document, false);
                        *bytes = document.to_string().into_bytes();
                    }
                    _ => mutate::bytes(random, bytes),
                }
            }
        }
    }
    sections
}

/// Writes a consistent artifact in which one section has other bytes.
///
/// # Panics
/// If it cannot be written.
pub fn reseal(base: &Base, path: &Path, name: &str, bytes: &[u8]) {
    seal_with(path, base.sections.iter().map(|(n, b)| (n.as_str(), if n == name { bytes } else { b })));
}

fn seal(path: &Path, sections: &[(String, Vec<u8>)]) {
    seal_with(path, sections.iter().map(|(n, b)| (n.as_str(), b.as_slice())));
}

fn seal_with<'a>(path: &Path, sections: impl Iterator<Item = (&'a str, &'a [u8])>) {
    let mut writer = Writer::create(path).expect("a file can be written");
    for (name, bytes) in sections {
        writer.begin(name).expect("a section can be begun");
        writer.write(bytes).expect("a section can be written");
    }
    writer.finish().expect("a file can be finished");
}

/// The oracle: opens, checks, loads and runs the artifact at `path` without its machine code.
///
/// # Panics
/// Where the program under test does, or where it accepts what it must not.
pub fn check(path: &Path, seed: u64) -> Verdict {
    let refused = |why: &dyn std::fmt::Display| Verdict::Refused(why.to_string());
    let artifact = match Artifact::open(path) {
        Ok(artifact) => artifact,
        Err(why) => return refused(&why),
    };
    let damaged = artifact.sections().iter().filter(|s| artifact.verified(&s.name).is_err()).map(|s| s.name.clone()).collect();
    let manifest = match artifact.manifest() {
        Ok(manifest) => manifest,
        Err(why) => return refused(&why),
    };
    assert!(!unicorn_artifact::print::plan(&manifest.plan).is_empty());
    let replay = unicornc::schedule::check::check(&manifest.plan);
    let selftest = artifact.selftest();
    let parts = [section::TOKENIZER, section::CHAT].map(|name| artifact.verified(name).map(<[u8]>::to_vec));
    drop(artifact);
    if manifest.plan.resident_bytes(2) > MAX_BYTES || work(&manifest.plan) > MAX_WORK {
        return Verdict::Idle;
    }
    let placement = if seed.is_multiple_of(2) { Placement::Copy } else { Placement::Map };
    let threads = if seed % 16 == 5 { 2 } else { 1 };
    let mut loaded = match load(path, Options { native: false, threads, placement, ..Options::default() }) {
        Ok(loaded) => loaded,
        Err(why) => return refused(&why),
    };
    let logits = steps(&mut loaded.session);
    let tested = selftest.map(|test| unicorn_rt::selftest::run(&mut loaded.session, &test));
    // What a step computes under a plan that breaks the rules of `replay` is nonsense, but no fault.
    let _ = (replay, tested);
    let [Ok(tokenizer), Ok(chat)] = parts else { panic!("a damaged tokenizer or chat section was loaded") };
    match text(&tokenizer, &chat) {
        Ok(()) => Verdict::Ran { damaged, logits },
        Err(why) => {
            drop(loaded);
            let both = load_with_tokenizer(path, Options { native: false, threads, placement, ..Options::default() });
            assert!(both.is_err(), "a tokenizer that cannot be built was loaded: {why}");
            Verdict::Refused(why)
        }
    }
}

/// Steps of every size through first and last slot; digest of the logits. A step may be refused, nothing else.
pub(super) fn steps(session: &mut Session) -> [u8; 32] {
    let limits = session.limits();
    let mut hasher = blake3::Hasher::new();
    let row = |slot: usize, position: usize| {
        let token = if position == 0 { limits.vocabulary - 1 } else { position * 7919 % limits.vocabulary };
        Row { token: token as u32, slot: slot as u32, position: position as u32, logits: position % 3 != 1 }
    };
    let first = limits.rows.min(limits.context).min(3);
    let most = limits.rows.min(limits.context);
    let runs =
        [(0, 0..first), (0, first..first + 1), (limits.slots - 1, 0..most), (limits.slots - 1, most..2 * most), (0, first.saturating_sub(1)..first)];
    for (slot, positions) in runs {
        let rows: Vec<Row> = positions.map(|p| row(slot, p)).collect();
        let stepped = session.step(&rows, &mut |at, logits| {
            assert!(at < rows.len() && logits.len() == limits.vocabulary, "logits of row {at}");
            logits.iter().for_each(|v| _ = hasher.update(&v.to_le_bytes()));
        });
        hasher.update(&[u8::from(stepped.is_ok())]);
    }
    for wrong in [Row { token: limits.vocabulary as u32, ..row(0, 0) }, Row { slot: limits.slots as u32, ..row(0, 0) }, row(0, limits.context)] {
        assert!(session.step(&[wrong], &mut |_, _| {}).is_err(), "{wrong:?} was accepted");
    }
    *hasher.finalize().as_bytes()
}

/// Text to tokens and back, and a chat, with whatever the sections hold.
///
/// # Errors
/// The runtime's.
pub fn text(tokenizer: &[u8], chat: &[u8]) -> Result<(), String> {
    let spec: ChatSpec = serde_json::from_slice(chat).map_err(|e| format!("chat: {e}"))?;
    let tokenizer = Tokenizer::from_parts(tokenizer, &spec).map_err(|e| e.to_string())?;
    for text in ["", "the cat in the hat, 12 + 7", "<bos>\u{0}\u{1f600} wörld<start_of_turn>\n\n  x", &" a".repeat(300)] {
        // An error is an answer; a panic is not.
        if let Ok(ids) = tokenizer.encode_prompt(text) {
            let _ = (tokenizer.decode(&ids, true), tokenizer.decode(&ids, false), tokenizer.least_tokens(text));
        }
    }
    for id in [0, 1, 5, 255, 383, 4096, u32::MAX] {
        let _ = (tokenizer.token_bytes(id), tokenizer.is_special(id));
    }
    let messages = [Message::new("user", "the {{ cat }}"), Message::new("assistant", ""), Message::new("user", "x")];
    if let Some(Ok(prompt)) = tokenizer.chat().map(|chat| chat.render(&messages, true)) {
        let _ = tokenizer.encode(&prompt);
    }
    Ok(())
}

/// Roughly the operations of one run of every entry.
fn work(plan: &Plan) -> u64 {
    let per_row = |entry: &Entry, command: &Command| -> u64 {
        let width = |id: u32| entry.buffers.get(id as usize).map_or(0, |b| u64::from(b.width));
        let weight = |id: u32| plan.weight(id).map_or(0, |w| u64::from(w.rows) * u64::from(w.cols));
        match command {
            Command::MatMul { products, .. } => products.iter().map(|p| weight(p.weight)).sum(),
            Command::SparseUp { weight: w, .. } | Command::SparseDown { weight: w, .. } | Command::MatMulInt8 { weight: w, .. } => weight(*w),
            Command::Region { region, repeat, .. } => {
                let region = &plan.regions[*region as usize];
                (u64::from(region.width) * region.ops.len() as u64).saturating_mul(u64::from(*repeat))
            }
            Command::Attention { query, .. } => {
                width(*query) * u64::from(plan.model.context.min(4 * plan.max_rows(unicorn_artifact::plan::Part::Body)))
            }
            Command::Embed { out, .. } | Command::EmbedPerLayer { out, .. } | Command::RopeTable { out, .. } | Command::Gather { out, .. } => {
                4 * width(*out)
            }
            Command::Quantize { out, .. } | Command::QuantizeInt8 { out, .. } | Command::HeadNorm { out, .. } => 4 * width(*out),
            Command::KvAppend { key, .. } => width(*key),
        }
    };
    let entry = |entry: &Entry| entry.commands.iter().map(|c| per_row(entry, c).saturating_mul(u64::from(entry.rows))).fold(0, u64::saturating_add);
    plan.entries.iter().map(entry).fold(0, u64::saturating_add)
}
