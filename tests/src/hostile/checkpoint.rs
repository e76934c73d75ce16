//! Hostile checkpoints: a few sound ones of a tiny model, what is changed in their files, and the oracle: a compilation gives an artifact that loads,
//! or an error.

use super::{Verdict, artifact, case, folder, mutate};
use crate::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use unicornc::driver::{Options, Stage, compile};
use unicornc::import::Checkpoint;
use unicornc::import::synthetic::{self, Form};

/// The files of a checkpoint by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Sound checkpoints of one tiny model: one file and a config of one level; shards and a nested config; a head of its own and towers.
///
/// # Panics
/// If they cannot be written.
pub fn bases() -> &'static [Files] {
    static MADE: OnceLock<Vec<Files>> = OnceLock::new();
    MADE.get_or_init(|| {
        let tiny = synthetic::Options { layers: 2, full_every: 2, shared: 0, sparse: 1, vocab: 384, ple_vocab: 384, ..synthetic::Options::default() };
        let sharded = synthetic::Options { shards: 3, form: Form::Nested, prefix: "model.language_model.", ..tiny.clone() };
        let untied = synthetic::Options { untied: true, towers: true, form: Form::Old, ..tiny.clone() };
        [tiny, sharded, untied].iter().map(files).collect()
    })
}

fn files(options: &synthetic::Options) -> Files {
    let folder = folder();
    synthetic::write(folder.path(), options).expect("a checkpoint can be written");
    let entries = std::fs::read_dir(folder.path()).expect("a folder just made");
    let read = |path: &Path| std::fs::read(path).expect("a file just written");
    entries.map(|e| e.expect("an entry")).map(|e| (e.file_name().into_string().expect("a plain name"), read(&e.path()))).collect()
}

/// The mutant of `seed`.
pub fn mutant(seed: u64) -> Files {
    let mut random = Random(seed);
    let bases = bases();
    let mut files = bases[random.below(bases.len())].clone();
    let names: Vec<String> = files.keys().cloned().collect();
    let name = if random.below(3) == 0 { "config.json".to_owned() } else { names[random.below(names.len())].clone() };
    let bytes = files.get_mut(&name).expect("a file that is there");
    match random.below(20) {
        0 => drop(files.remove(&name)),
        1 => *bytes = Vec::new(),
        2 => drop(files.insert("chat_template.jinja".into(), vec![b'{'; random.below(300)])),
        3 => *bytes = "[".repeat(1 + random.below(100_000)).into_bytes(),
        _ if name.ends_with(".safetensors") => tensors(&mut random, bytes),
        4..8 => mutate::bytes(&mut random, bytes),
        _ => {
            let Ok(mut document) = serde_json::from_slice::<Value>(bytes) else { return files };
            mutate::document(&mut random, &mut document, false);
            *bytes = document.to_string().into_bytes();
        }
    }
    files
}

/// Changes the header's values, its bytes, its length, or the data.
fn tensors(random: &mut Random, bytes: &mut Vec<u8>) {
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a tensor file");
    let length = u64::from_le_bytes(*length) as usize;
    let (header, data) = (rest[..length].to_vec(), rest[length..].to_vec());
    match random.below(10) {
        0..6 => {
            let mut header: Value = serde_json::from_slice(&header).expect("the header of a tensor file");
            if random.below(4) == 0 {
                let map = header.as_object_mut().expect("a header is an object");
                let names: Vec<String> = map.keys().cloned().collect();
                let (one, other) = (&names[random.below(names.len())], &names[random.below(names.len())]);
                let field = ["data_offsets", "shape", "dtype"][random.below(3)];
                let value =
                    [map[other][field].clone(), json!([0, data.len()]), json!([data.len(), 0]), json!("F64"), json!([1u64 << 40, 1u64 << 40])];
                map[one][field] = value[random.below(value.len())].clone();
            } else {
                mutate::document(random, &mut header, false);
            }
            *bytes = assemble(header.to_string().as_bytes(), &data);
        }
        6 => {
            let mut header = header;
            mutate::bytes(random, &mut header);
            *bytes = assemble(&header, &data);
        }
        7 => bytes[random.below(8)] ^= 1 << random.below(8),
        8 => {
            let mut data = data;
            mutate::bytes(random, &mut data);
            *bytes = assemble(&header, &data);
        }
        _ => mutate::bytes(random, bytes),
    }
}

/// A tensor file with this header, right or wrong.
pub fn assemble(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}

/// The oracle: opens the checkpoint, builds its graph, compiles it, and loads what was made.
///
/// # Panics
/// Where the program under test does, or where an artifact just made is not loaded.
pub fn check(files: &Files, seed: u64, folder: &Path) -> Verdict {
    let place = folder.join("checkpoint");
    if place.exists() {
        std::fs::remove_dir_all(&place).expect("a folder of ours");
    }
    std::fs::create_dir(&place).expect("a folder of ours");
    for (name, bytes) in files {
        std::fs::write(place.join(name), bytes).expect("a file can be written");
    }
    let refused = |why: &dyn std::fmt::Display| Verdict::Refused(why.to_string());
    let checkpoint = match Checkpoint::open(&place) {
        Ok(checkpoint) => checkpoint,
        Err(why) => return refused(&why),
    };
    if let Err(why) = unicornc::import::gemma3n::build(&checkpoint) {
        return refused(&why);
    }
    let out = case(folder);
    let context = if seed.is_multiple_of(4) { None } else { Some(32) };
    let options = Options { context, slots: 1, rows: vec![1, 8], selftest: seed.is_multiple_of(8), ..artifact::small() };
    match compile(&checkpoint, &out, &options, Stage::Artifact, false, &mut |_| {}) {
        Ok(_) => match artifact::check(&out, seed) {
            Verdict::Refused(why) if !why.starts_with("tokenizer") && !why.starts_with("chat") => panic!("what was compiled is not loaded: {why}"),
            verdict => verdict,
        },
        Err(why) => refused(&why),
    }
}
