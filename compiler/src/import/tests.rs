//! Tests of the importer as a whole, on synthetic checkpoints: every form a checkpoint comes in, and every way we know to break one.

use super::synthetic::{Element, Form, Options, write};
use super::{Checkpoint, Config, LayerKind, gemma3n};
use crate::error::Error;
use crate::graph::eval::{Env, eval};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

const IDS: [u32; 9] = [2, 100, 7, 399, 400, 415, 0, 55, 9];

fn made(options: &Options) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), options).unwrap();
    folder
}

fn logits(path: &Path) -> Vec<f32> {
    let checkpoint = Checkpoint::open(path).unwrap();
    let graph = gemma3n::build(&checkpoint).unwrap();
    eval(&graph, &checkpoint, &IDS, &mut Env::default(), |_| false).unwrap().outputs.remove(0)
}

fn read_config(value: &Value) -> crate::Result<Config> {
    Config::parse(Path::new("config.json"), value.to_string().as_bytes(), None)
}

/// Changes the header of a tensor file, as text.
fn edit_header(file: &Path, edit: impl Fn(String) -> String) {
    let bytes = std::fs::read(file).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header = edit(String::from_utf8(bytes[8..8 + length].to_vec()).unwrap());
    std::fs::write(file, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8 + length..]].concat()).unwrap();
}

/// Where a tensor's data lies in its file.
fn span(bytes: &[u8], tensor: &str) -> std::ops::Range<usize> {
    let (length, metadata) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    let (start, end) = metadata.info(tensor).unwrap().data_offsets;
    8 + length + start..8 + length + end
}

#[test]
fn all_forms_of_a_config_say_the_same() {
    let parsed = |form| read_config(&Options { form, ..Options::default() }.config()).unwrap();
    let new = parsed(Form::New);
    assert_eq!(new, parsed(Form::Old));
    assert_eq!(new, parsed(Form::Nested));
    assert_eq!(new.eos, [1, 5]);
    assert_eq!((new.layers[4].donor, new.layers[5].donor, new.own_layers()), (Some(2), Some(3), 4));
    assert_eq!((new.layers[1].kind, new.layers[1].theta, new.layers[0].theta), (LayerKind::Full, 1e6, 1e4));

    let mut scalar = Options::default().config();
    scalar["activation_sparsity_pattern"] = json!(0.5);
    scalar["layer_types"] = Value::Null;
    scalar["rope_parameters"] = Value::Null;
    scalar["final_logit_softcapping"] = Value::Null;
    scalar["num_kv_shared_layers"] = json!(1);
    let scalar = read_config(&scalar).unwrap();
    assert!(scalar.layers.iter().all(|l| l.sparsity == 0.5));
    assert_eq!((scalar.layers[4].kind, scalar.layers[4].theta, scalar.layers[5].donor), (LayerKind::Full, 1e6, Some(3)));
    assert_eq!(scalar.softcap, None);

    let generation = json!({"eos_token_id": 7, "bos_token_id": null}).to_string();
    let config = Options::default().config().to_string();
    let config = Config::parse(Path::new("c"), config.as_bytes(), Some((Path::new("g"), generation.as_bytes()))).unwrap();
    assert_eq!((config.eos, config.bos, config.pad), (vec![7], None, Some(0)));
}

#[test]
fn a_bad_field_is_named() {
    let cases = [
        ("num_hidden_layers", json!(513)),
        ("num_hidden_layers", json!(1e300)),
        ("num_hidden_layers", Value::Null),
        ("hidden_size", json!("64")),
        ("hidden_size", json!(u64::MAX)),
        ("hidden_size", json!(0)),
        ("intermediate_size", json!([96, 96])),
        ("intermediate_size", json!([96, 96, 96, -1, 96, 96])),
        ("intermediate_size", Value::Null),
        ("activation_sparsity_pattern", json!(1.0)),
        ("activation_sparsity_pattern", json!({})),
        ("layer_types", json!(["full_attention"])),
        ("layer_types", json!("chunked_attention")),
        ("num_attention_heads", json!(3)),
        ("head_dim", json!(15)),
        ("head_dim", json!(1 << 19)),
        ("num_kv_shared_layers", json!(6)),
        ("num_kv_shared_layers", json!(5)),
        ("hidden_size_per_layer_input", json!(1 << 19)),
        ("rms_norm_eps", json!(-1)),
        ("rope_parameters", json!([])),
        ("rope_parameters", json!({"full_attention": {"rope_type": "yarn"}})),
        ("rope_scaling", json!({"rope_type": "linear", "factor": 8})),
        ("rope_scaling", json!(8)),
        ("hidden_activation", json!("silu")),
        ("attention_bias", json!(true)),
        ("attention_bias", json!(1)),
        ("altup_active_idx", json!(1)),
        ("altup_num_inputs", json!(17)),
        ("quantization_config", json!({"bits": 4})),
        ("model_type", json!("gemma3_text")),
        ("model_type", Value::Null),
        ("eos_token_id", json!([1, 416])),
        ("eos_token_id", json!("<eos>")),
        ("bos_token_id", json!(-2)),
    ];
    for (field, value) in cases {
        for form in [Form::New, Form::Nested] {
            let mut config = Options { form, ..Options::default() }.config();
            let (inner, absent) = if form == Form::Nested { (&mut config["text_config"], "text_config.model_type") } else { (&mut config, "") };
            inner[field] = value.clone();
            if absent.ends_with(field) && value.is_null() {
                continue;
            }
            let why = match read_config(&config) {
                Err(why @ (Error::Config { .. } | Error::Unsupported { .. })) => why.to_string(),
                other => panic!("{field} = {value}: {other:?}"),
            };
            assert!(why.contains(field), "{field} = {value}: {why}");
        }
    }
    assert!(read_config(&json!([])).is_err());
    assert!(Config::parse(Path::new("c"), &vec![b'['; 100_000], None).is_err());
}

#[test]
fn prefixes_shards_towers_and_unused_tensors_change_nothing() {
    let plain = made(&Options::default());
    let wanted = logits(plain.path());
    assert!(wanted.iter().all(|v| v.is_finite() && v.abs() <= 30.0));
    assert!(wanted.iter().any(|v| v.abs() > 0.1));
    // Random numbers follow the stored names, so a renamed checkpoint is made by renaming.
    for prefix in ["model.language_model.", "language_model.model.", "language_model.", ""] {
        let other = made(&Options::default());
        edit_header(&other.path().join("model.safetensors"), |header| header.replace("\"model.", &format!("\"{prefix}")));
        assert_eq!(logits(other.path()), wanted, "{prefix}");
    }
    let other = made(&Options { unused_kv: true, towers: true, ..Options::default() });
    assert_eq!(logits(&other.path().join("model.safetensors")), wanted);
    assert_eq!(Checkpoint::open(other.path()).unwrap().skipped().len(), 3);

    let shards = made(&Options { shards: 3, ..Options::default() });
    for name in ["", "model.safetensors.index.json", "model-00002-of-00003.safetensors"] {
        assert_eq!(logits(&shards.path().join(name)), wanted, "{name}");
    }
    let inputs = Checkpoint::open(shards.path()).unwrap().inputs().unwrap();
    assert_eq!(inputs.len(), 3 + 5);
    assert!(inputs.is_sorted());
    let (name, digest) = &inputs[0];
    assert_eq!(*digest, *blake3::hash(&std::fs::read(shards.path().join(name)).unwrap()).as_bytes());
    std::fs::remove_file(shards.path().join("model.safetensors.index.json")).unwrap();
    assert!(Checkpoint::open(shards.path()).unwrap_err().to_string().contains("name one file"));
}

#[test]
fn a_hostile_index_is_refused() {
    let shards = made(&Options { shards: 2, ..Options::default() });
    let index = shards.path().join("model.safetensors.index.json");
    for map in [
        json!({"a": "../x.safetensors"}),
        json!({"a": "/etc/passwd"}),
        json!({}),
        json!({"a": 1}),
        json!({"model.norm.weight": "absent.safetensors"}),
    ] {
        std::fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
        assert!(Checkpoint::open(&index).is_err(), "{map}");
    }
    let wrong = json!({"weight_map": {"model.nothing": "model-00001-of-00002.safetensors", "model.norm.weight": "model-00002-of-00002.safetensors"}});
    std::fs::write(&index, wrong.to_string()).unwrap();
    assert!(Checkpoint::open(&index).unwrap_err().to_string().contains("is in model-0000"));
}

#[test]
fn a_head_is_used_only_where_it_differs() {
    let options = Options { untied: true, ..Options::default() };
    let folder = made(&options);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.head().unwrap(), "lm_head.weight");
    let (untied, tied) = (logits(folder.path()), logits(made(&Options::default()).path()));
    assert_ne!(untied, tied);
    drop(checkpoint);
    let file = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let (table, head) = (span(&bytes, "model.embed_tokens.weight"), span(&bytes, "lm_head.weight"));
    bytes.copy_within(table, head.start);
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(Checkpoint::open(folder.path()).unwrap().head().unwrap(), "embed_tokens.weight");
    assert_eq!(logits(folder.path()), tied);
    edit_header(&file, |header| header.replace("lm_head.weight", "another_name"));
    assert!(Checkpoint::open(folder.path()).unwrap().head().unwrap_err().to_string().contains("tie_word_embeddings"));
}

#[test]
fn element_types_hold_the_same_numbers() {
    let rows = |element| {
        let folder = made(&Options { element, ..Options::default() });
        Checkpoint::open(folder.path()).unwrap().read_rows("layers.1.mlp.up_proj.weight", 3..9).unwrap()
    };
    let exact = rows(Element::F32);
    assert_eq!(exact.len(), 6 * 64);
    assert_eq!(rows(Element::Bf16), exact.iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect::<Vec<_>>());
    assert_eq!(rows(Element::F16), exact.iter().map(|v| half::f16::from_f32(*v).to_f32()).collect::<Vec<_>>());
}

#[test]
fn a_bad_tensor_is_named() {
    let norm = "\"model.norm.weight\"";
    let faults: [(&str, &str, &str); 5] = [
        (norm, "\"model.other\"", "tensor `norm.weight`: is missing"),
        ("\"model.altup_projections.0.weight\"", "\"language_model.norm.weight\"", "there twice"),
        ("[416,64]", "[64,416]", "`model.embed_tokens.weight`: has shape [64, 416], config.json asks for [416, 64]"),
        ("[416,64]", "[26624]", "has shape [26624]"),
        ("BF16", "I16", "elements of type I16"),
    ];
    for (old, new, wanted) in faults {
        let folder = made(&Options::default());
        edit_header(&folder.path().join("model.safetensors"), |header| header.replace(old, new));
        let why = Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert!(why.contains(wanted), "{old} -> {new}: {why}");
    }
    let folder = made(&Options::default());
    let file = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = span(&bytes, "model.embed_tokens.weight").start + (3 * 64 + 5) * 2;
    bytes[at..at + 2].copy_from_slice(&0x7fc0u16.to_le_bytes());
    std::fs::write(&file, &bytes).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert!(checkpoint.read_rows("embed_tokens.weight", 0..3).is_ok());
    let why = checkpoint.read_rows("embed_tokens.weight", 2..5).unwrap_err().to_string();
    assert!(why.contains("`model.embed_tokens.weight`") && why.contains("row 3 column 5"), "{why}");
    assert!(checkpoint.read_rows("embed_tokens.weight", 415..417).is_err());
    assert!(checkpoint.read_rows("nothing", 0..0).is_err());
    assert_eq!((checkpoint.shape("norm.weight"), checkpoint.shape("nothing")), (Some((1, 64)), None));
}

#[test]
fn tokenizer_files_come_in_several_forms() {
    let folder = made(&Options::default());
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let tokenizer = checkpoint.tokenizer().unwrap();
    assert_eq!((tokenizer.bos.as_deref(), tokenizer.eos.as_deref(), tokenizer.unk.as_deref()), (Some("<bos>"), Some("<eos>"), Some("<unk>")));
    assert!(tokenizer.chat_template.unwrap().contains("<start_of_turn>"));
    let save = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let template = || checkpoint.tokenizer().map(|t| t.chat_template);
    save("tokenizer_config.json", json!({"chat_template": [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]}).to_string());
    assert_eq!(template().unwrap().as_deref(), Some("d"));
    save("tokenizer_config.json", json!({"chat_template": [{"name": "tools", "template": "t"}]}).to_string());
    assert!(template().unwrap_err().to_string().contains("chat_template"));
    save("chat_template.json", json!({"chat_template": "j"}).to_string());
    assert_eq!(template().unwrap().as_deref(), Some("j"));
    save("chat_template.jinja", "own".into());
    assert_eq!(template().unwrap().as_deref(), Some("own"));
    save("tokenizer_config.json", json!({"bos_token": 3}).to_string());
    assert!(template().unwrap_err().to_string().contains("bos_token"));
    save("tokenizer.json", "{".into());
    assert!(template().unwrap_err().to_string().contains("tokenizer.json"));
}

/// splitmix64.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 1) as usize
}

fn mutated(bytes: &[u8], state: &mut u64, head: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=random(state) % 3 {
        let reach = if random(state).is_multiple_of(4) { out.len() } else { head.min(out.len()) };
        let at = random(state) % reach.max(1);
        match random(state) % 6 {
            0 => out.truncate(at),
            1 => drop(out.drain(at..(at + random(state) % 20).min(out.len()))),
            2 => drop(out.splice(at..at, std::iter::repeat_n(b"0123456789[{\"-eE."[random(state) % 17], random(state) % 30))),
            3 => out.iter_mut().skip(at).take(1).for_each(|b| *b = b"0123456789[]{}\",:-eE.\0"[random(state) % 22]),
            4 => out.extend(std::iter::repeat_n(0, random(state) % 50)),
            _ => out.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << (random(state) % 8)),
        }
    }
    out
}

#[test]
fn a_thousand_damaged_checkpoints_never_panic() {
    let options = Options { layers: 4, sparse: 1, shared: 1, hidden: 8, ffn: 8, ple_width: 4, head_dim: 4, laurel_rank: 4, ..Options::default() };
    let folder = made(&options);
    let names = ["model.safetensors", "config.json", "generation_config.json", "tokenizer_config.json"];
    let good: Vec<Vec<u8>> = names.iter().map(|n| std::fs::read(folder.path().join(n)).unwrap()).collect();
    let header = 8 + u64::from_le_bytes(*good[0].first_chunk().unwrap()) as usize;
    let (mut state, mut refused) = (2026, 0);
    for _ in 0..1000 {
        let which = [0, 0, 0, 1, 1, 1, 2, 3][random(&mut state) % 8];
        let path = folder.path().join(names[which]);
        std::fs::write(&path, mutated(&good[which], &mut state, header)).unwrap();
        let tried = Checkpoint::open(folder.path()).and_then(|checkpoint| {
            gemma3n::build(&checkpoint)?;
            for (name, shape) in gemma3n::tensors(checkpoint.config()) {
                checkpoint.read_rows(&name, 0..if shape.len() == 1 { 1 } else { shape[0] })?;
            }
            checkpoint.tokenizer()
        });
        refused += usize::from(tried.is_err());
        std::fs::write(&path, &good[which]).unwrap();
    }
    assert!((400..1000).contains(&refused), "{refused} of 1000 were refused");
}

#[test]
fn offsets_near_the_end_of_numbers_are_refused() {
    let folder = made(&Options::default());
    let file = folder.path().join("model.safetensors");
    let mut tensors = serde_json::Map::new();
    for i in 0..8u64 {
        let (start, end) = (i << 61, if i == 7 { u64::MAX } else { (i + 1) << 61 });
        tensors.insert(format!("t{i}"), json!({"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}));
    }
    edit_header(&file, |_| Value::Object(tensors.clone()).to_string());
    assert!(Checkpoint::open(folder.path()).unwrap_err().to_string().contains("beyond the end"));
    std::fs::write(&file, u64::MAX.to_le_bytes()).unwrap();
    assert!(Checkpoint::open(folder.path()).is_err());
    std::fs::write(&file, []).unwrap();
    assert!(Checkpoint::open(folder.path()).is_err());
}
