//! Checkpoints with seeded random weights, for tests and benches: small ones of odd shape, or one of E2B's size written with constant memory.
//! The names and shapes come from [`super::gemma3n::tensors`], so a synthetic checkpoint holds what the importer asks for and nothing it forgot.

use super::{Config, gemma3n};
use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How elements are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `BF16`.
    Bf16,
    /// `F16`.
    F16,
    /// `F32`.
    F32,
}

impl Element {
    fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "BF16",
            Self::F16 => "F16",
            Self::F32 => "F32",
        }
    }

    fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }
}

/// How `config.json` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One level, `rope_parameters` by layer type.
    New,
    /// One level, `rope_theta` and `rope_local_base_freq`.
    Old,
    /// `text_config` inside `gemma3n`, with scalars where all layers agree.
    Nested,
}

/// What to write. [`Options::default`] is tiny: two sparse and two dense layers that own keys and values, two shared ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Of the random numbers.
    pub seed: u64,
    /// Layers; every `full_every`-th sees all positions.
    pub layers: u32,
    /// See `layers`.
    pub full_every: u32,
    /// The last layers, which use the keys and values of earlier ones.
    pub shared: u32,
    /// The first layers, which have a sparse feed-forward part.
    pub sparse: u32,
    /// Share of neurons switched off in sparse layers.
    pub sparsity: f64,
    /// Width of a stream.
    pub hidden: u32,
    /// Width of the feed-forward part.
    pub ffn: u32,
    /// Width of a layer's share of the per-layer embedding.
    pub ple_width: u32,
    /// Query heads.
    pub heads: u32,
    /// Key/value heads.
    pub kv_heads: u32,
    /// Elements of a head.
    pub head_dim: u32,
    /// Rank of the Laurel branch.
    pub laurel_rank: u32,
    /// Positions that a sliding layer sees.
    pub window: u32,
    /// Rows of the embedding; at least 384, which the tokenizer uses.
    pub vocab: u32,
    /// Rows of the per-layer embedding.
    pub ple_vocab: u32,
    /// How elements are stored.
    pub element: Element,
    /// Before every name.
    pub prefix: &'static str,
    /// How the config is written.
    pub form: Form,
    /// Whether the k and v tensors that shared layers do not use are there all the same.
    pub unused_kv: bool,
    /// Whether tensors of image and sound towers are there.
    pub towers: bool,
    /// Whether there is a `lm_head.weight` of its own.
    pub untied: bool,
    /// Files to spread the tensors over; more than one makes an index.
    pub shards: usize,
    /// Leave the data out: files of the right length that are all holes after their headers, so a full-size model takes no room and no time. Every weight
    /// is zero.
    pub hollow: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            layers: 6,
            full_every: 2,
            shared: 2,
            sparse: 2,
            sparsity: 0.8,
            hidden: 64,
            ffn: 96,
            ple_width: 32,
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            laurel_rank: 32,
            window: 5,
            vocab: 416,
            ple_vocab: 400,
            element: Element::Bf16,
            prefix: "model.",
            form: Form::New,
            unused_kv: false,
            towers: false,
            untied: false,
            shards: 1,
            hollow: false,
        }
    }
}

impl Options {
    /// The sizes of Gemma 3n E2B, with the k and v of shared layers that Google's files hold and nobody uses: about nine gigabytes in three files.
    pub fn e2b() -> Self {
        Self {
            layers: 30,
            full_every: 5,
            shared: 10,
            sparse: 10,
            sparsity: 0.95,
            hidden: 2048,
            ffn: 8192,
            ple_width: 256,
            heads: 8,
            kv_heads: 2,
            head_dim: 256,
            laurel_rank: 64,
            window: 512,
            vocab: 262_400,
            ple_vocab: 262_144,
            unused_kv: true,
            shards: 3,
            ..Self::default()
        }
    }

    /// The `config.json` that is written.
    pub fn config(&self) -> Value {
        let per_layer = |f: &dyn Fn(u32) -> Value| Value::Array((0..self.layers).map(f).collect());
        let nested = self.form == Form::Nested;
        let mut text = json!({
            "model_type": "gemma3n_text",
            "hidden_activation": "gelu_pytorch_tanh",
            "num_hidden_layers": self.layers,
            "num_kv_shared_layers": self.shared,
            "hidden_size": self.hidden,
            "intermediate_size": if nested { json!(self.ffn) } else { per_layer(&|_| json!(self.ffn)) },
            "hidden_size_per_layer_input": self.ple_width,
            "activation_sparsity_pattern": per_layer(&|i| json!(if i < self.sparse { self.sparsity } else { 0.0 })),
            "layer_types": per_layer(&|i| json!(if (i + 1).is_multiple_of(self.full_every) { "full_attention" } else { "sliding_attention" })),
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "laurel_rank": self.laurel_rank,
            "sliding_window": self.window,
            "vocab_size": self.vocab,
            "vocab_size_per_layer_input": self.ple_vocab,
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 32768,
            "altup_num_inputs": 4,
            "altup_active_idx": 0,
            "altup_coef_clip": 120.0,
            "altup_correct_scale": true,
            "final_logit_softcapping": 30.0,
            "rope_scaling": null,
            "attention_bias": false,
            "tie_word_embeddings": !self.untied,
            "bos_token_id": 2,
            "eos_token_id": [1, 5],
            "pad_token_id": 0,
        });
        if self.form == Form::New {
            text["rope_parameters"] = json!({
                "full_attention": {"rope_type": "default", "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            });
        } else {
            text["rope_theta"] = json!(1e6);
            text["rope_local_base_freq"] = json!(1e4);
        }
        if nested { json!({"model_type": "gemma3n", "text_config": text, "vision_config": {}, "tie_word_embeddings": !self.untied}) } else { text }
    }

    /// Stored name and shape of every tensor, in the order of writing.
    fn tensors(&self, config: &Config) -> Vec<(String, Vec<usize>)> {
        let mut list = gemma3n::tensors(config);
        if self.unused_kv {
            let (head, kv, d) = (self.head_dim as usize, (self.kv_heads * self.head_dim) as usize, self.hidden as usize);
            for i in self.layers - self.shared..self.layers {
                list.push((format!("layers.{i}.self_attn.k_proj.weight"), vec![kv, d]));
                list.push((format!("layers.{i}.self_attn.v_proj.weight"), vec![kv, d]));
                list.push((format!("layers.{i}.self_attn.k_norm.weight"), vec![head]));
            }
        }
        list.iter_mut().for_each(|(name, _)| *name = format!("{}{name}", self.prefix));
        if self.untied {
            list.push(("lm_head.weight".into(), vec![self.vocab as usize, self.hidden as usize]));
        }
        if self.towers {
            list.push(("model.vision_tower.timm_model.conv.weight".into(), vec![2, 3, 4, 5]));
            list.push(("model.audio_tower.subsample.weight".into(), vec![3, 3]));
            list.push(("model.embed_vision.embedding.weight".into(), vec![2, 3]));
        }
        list
    }
}

/// Writes `config.json`, `generation_config.json`, the tensors, `tokenizer.json` and `tokenizer_config.json` into `folder`, which must be there.
/// The same options give the same bytes.
///
/// # Errors
/// The system's refusal, or sizes that the importer refuses.
pub fn write(folder: &Path, options: &Options) -> Result<()> {
    let save = |name: &str, value: &Value| {
        let path = folder.join(name);
        std::fs::write(&path, value.to_string()).map_err(|why| Error::io(path, why))
    };
    let config = options.config();
    save("config.json", &config)?;
    save("generation_config.json", &json!({"bos_token_id": 2, "eos_token_id": [1, 5], "pad_token_id": 0}))?;
    save(
        "tokenizer_config.json",
        &json!({"bos_token": "<bos>", "eos_token": {"content": "<eos>"}, "pad_token": "<pad>", "unk_token": "<unk>", "chat_template": TEMPLATE}),
    )?;
    save("tokenizer.json", &tokenizer(options.ple_vocab.min(options.vocab)))?;
    let config = Config::parse(&folder.join("config.json"), config.to_string().as_bytes(), None)?;
    let tensors = options.tensors(&config);
    let shards = options.shards.clamp(1, tensors.len());
    let mut index = serde_json::Map::new();
    for (number, part) in tensors.chunks(tensors.len().div_ceil(shards)).enumerate() {
        let name = if shards == 1 { "model.safetensors".into() } else { format!("model-{:05}-of-{shards:05}.safetensors", number + 1) };
        index.extend(part.iter().map(|(tensor, _)| (tensor.clone(), json!(name))));
        let path = folder.join(&name);
        write_tensors(&path, part, options).map_err(|why| Error::io(path, why))?;
    }
    if shards > 1 {
        save("model.safetensors.index.json", &json!({"metadata": {}, "weight_map": index}))?;
    }
    Ok(())
}

fn write_tensors(path: &Path, tensors: &[(String, Vec<usize>)], options: &Options) -> std::io::Result<()> {
    let size = options.element.bytes();
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += shape.iter().product::<usize>() * size;
        header.insert(name.clone(), json!({"dtype": options.element.name(), "shape": shape, "data_offsets": [start, end]}));
    }
    let mut header = Value::Object(header).to_string();
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    if options.hollow {
        return file.into_inner()?.set_len((8 + header.len() + end) as u64);
    }
    let mut buffer = Vec::with_capacity(1 << 16);
    for (name, shape) in tensors {
        let (centre, spread) = scale(name, shape);
        let mut random = Random(name.bytes().fold(options.seed, |hash, byte| Random(hash ^ u64::from(byte)).next()));
        let mut left = shape.iter().product::<usize>();
        while left > 0 {
            buffer.clear();
            for _ in 0..left.min(1 << 14).div_ceil(4) {
                let bits = random.next();
                for quarter in 0..4u32 {
                    let unit = ((bits >> (16 * quarter)) & 0xffff) as f32 / 32768.0 - 1.0;
                    let x = centre + spread * unit;
                    match options.element {
                        Element::Bf16 => buffer.extend_from_slice(&half::bf16::from_f32(x).to_le_bytes()),
                        Element::F16 => buffer.extend_from_slice(&half::f16::from_f32(x).to_le_bytes()),
                        Element::F32 => buffer.extend_from_slice(&x.to_le_bytes()),
                    }
                }
            }
            let count = left.min(1 << 14);
            file.write_all(&buffer[..count * size])?;
            left -= count;
        }
    }
    file.flush()
}

/// Centre and half-width of a tensor's values: such that streams keep their size from layer to layer and attention, router and gates all matter.
fn scale(name: &str, shape: &[usize]) -> (f32, f32) {
    let inputs = *shape.last().unwrap_or(&1) as f32;
    let deviation = |d: f32| (0.0, d * 3f32.sqrt());
    if name.ends_with("q_norm.weight") || name.ends_with("k_norm.weight") {
        return (inputs.powf(-0.25), 0.2 * inputs.powf(-0.25));
    }
    if shape.len() == 1 {
        return (1.0, 0.2);
    }
    if name.ends_with("modality_router.weight") {
        return deviation(inputs.sqrt() / 4.0);
    }
    if name.ends_with("prediction_coefs.weight") || name.ends_with("correction_coefs.weight") {
        return deviation(0.1);
    }
    if name.ends_with("embed_tokens_per_layer.weight") {
        return deviation(0.1);
    }
    deviation(inputs.powf(-0.5))
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

const TEMPLATE: &str = "{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' }}\
{{ m['content'] | trim }}{{ '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}";

const SPECIAL: [&str; 6] = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"];

/// A byte-fallback BPE of `size` pieces: the special tokens, 256 bytes, printable ASCII, a few merges, and unused pieces up to `size`.
fn tokenizer(size: u32) -> Value {
    let mut pieces: Vec<String> = SPECIAL.iter().map(ToString::to_string).collect();
    pieces.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    pieces.extend(["\n".into(), "\u{2581}".into()]);
    pieces.extend(('!'..='~').map(String::from));
    let merges = [["t", "h"], ["th", "e"], ["\u{2581}", "the"], ["\u{2581}", "a"], ["i", "n"], ["e", "r"], ["o", "n"]];
    pieces.extend(merges.iter().map(|pair| pair.concat()));
    pieces.extend((pieces.len()..size as usize).map(|id| format!("<unused{id}>")));
    let vocab: serde_json::Map<String, Value> = pieces.iter().enumerate().map(|(id, piece)| (piece.clone(), json!(id))).collect();
    let added = |(id, content): (usize, &&str)| {
        let mut token = json!({"id": id, "content": content, "special": true});
        ["single_word", "lstrip", "rstrip", "normalized"].iter().for_each(|flag| token[flag] = json!(false));
        token
    };
    let (bos, part) = (json!({"SpecialToken": {"id": "<bos>", "type_id": 0}}), |id: &str| json!({"Sequence": {"id": id, "type_id": 0}}));
    let spaces = json!({"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "});
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": SPECIAL.iter().enumerate().map(added).collect::<Vec<_>>(),
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, part("A")],
            "pair": [bos, part("A"), part("B")],
            "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": "<unk>",
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": true,
            "byte_fallback": true,
            "ignore_merges": false,
            "vocab": vocab,
            "merges": merges,
        },
    })
}
