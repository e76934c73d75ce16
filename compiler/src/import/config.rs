//! The text half of a Gemma 3n `config.json`, in its old, new and nested forms, checked field by field. No tensor is looked at here.

use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The most layers a config may ask for.
pub const MAX_LAYERS: u32 = 512;
/// The widest dimension a config may ask for.
pub const MAX_WIDTH: u32 = 1 << 20;

/// Which positions a layer's attention sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// The last `window` positions.
    Sliding,
    /// All positions.
    Full,
}

impl LayerKind {
    fn name(self) -> &'static str {
        match self {
            Self::Sliding => "sliding_attention",
            Self::Full => "full_attention",
        }
    }
}

/// What differs between layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What its attention sees.
    pub kind: LayerKind,
    /// Base of its rotations.
    pub theta: f32,
    /// Width of its feed-forward part.
    pub ffn: u32,
    /// Share of the feed-forward neurons that are switched off; 0 = dense.
    pub sparsity: f64,
    /// The layer whose keys and values it uses, if it has none of its own.
    pub donor: Option<u32>,
}

/// Everything the graph needs to know, within the bounds of this module. Products of two of its widths fit 64 bits, of `heads * head_dim` and
/// `layers * ple_width` even [`MAX_WIDTH`].
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Rows of the embedding.
    pub vocab: u32,
    /// Rows of the per-layer embedding.
    pub ple_vocab: u32,
    /// Width of a stream, D.
    pub hidden: u32,
    /// Width of a layer's share of the per-layer embedding, P.
    pub ple_width: u32,
    /// Query heads.
    pub heads: u32,
    /// Key/value heads; divides `heads`.
    pub kv_heads: u32,
    /// Elements of a head; even.
    pub head_dim: u32,
    /// Added to the mean square in every norm.
    pub epsilon: f32,
    /// Positions that a sliding layer sees, its own included.
    pub window: u32,
    /// Longest sequence the model was made for.
    pub max_positions: u32,
    /// Rank of the Laurel branch.
    pub laurel_rank: u32,
    /// AltUp streams.
    pub streams: u32,
    /// Limit of the correction coefficients.
    pub coef_clip: Option<f32>,
    /// Whether the corrected stream is scaled before the per-layer gate.
    pub correct_scale: bool,
    /// Cap of the logits.
    pub softcap: Option<f32>,
    /// Whether the config promises that the head is the embedding.
    pub tied: bool,
    /// First token of a text.
    pub bos: Option<u32>,
    /// Tokens that end a generation; no duplicates.
    pub eos: Vec<u32>,
    /// Padding token.
    pub pad: Option<u32>,
    /// One entry a layer.
    pub layers: Vec<Layer>,
}

impl Config {
    /// Reads `config.json` and, if there is one, `generation_config.json`, each with the path to name in errors.
    ///
    /// Absent fields take the documented default of the transformers class, except those in which the published sizes differ without any tensor
    /// telling (`num_hidden_layers`, `num_kv_shared_layers`, `intermediate_size`): they must be written.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Unsupported`] naming the field, [`Error::Format`] for a file that is not a JSON object.
    pub fn parse(path: &Path, json: &[u8], generation: Option<(&Path, &[u8])>) -> Result<Self> {
        let top = object(path, json)?;
        let text = text_fields(path, &top)?;
        let layer_count = text.int("num_hidden_layers", None, 1..=MAX_LAYERS)?;
        let width = |name, default| text.int(name, default, 1..=MAX_WIDTH);
        text.only("hidden_activation", "gelu_pytorch_tanh")?;
        for field in ["rope_scaling", "quantization_config"] {
            let harmless = |value: &Value| field == "rope_scaling" && value.is_object() && rope_type(value) == Some("default");
            if text.get(field).or_else(|| top.get(field).filter(|v| !v.is_null())).is_some_and(|value| !harmless(value)) {
                return Err(text.unsupported(field, "is set; use the checkpoint as it was published, in bf16, f16 or f32"));
            }
        }
        if text.bool("attention_bias", false)? {
            return Err(text.unsupported("attention_bias", "biases have no place in the graph"));
        }
        if text.int("altup_active_idx", Some(0), 0..=MAX_WIDTH)? != 0 {
            return Err(text.unsupported("altup_active_idx", "only stream 0 can be the active one"));
        }
        let (heads, kv_heads, head_dim) =
            (width("num_attention_heads", Some(8))?, width("num_key_value_heads", Some(2))?, width("head_dim", Some(256))?);
        if !heads.is_multiple_of(kv_heads) {
            return Err(text.bad("num_attention_heads", format!("{heads} is not a multiple of num_key_value_heads, {kv_heads}")));
        }
        if !head_dim.is_multiple_of(2) || u64::from(heads) * u64::from(head_dim) > u64::from(MAX_WIDTH) {
            return Err(text.bad("head_dim", format!("{head_dim} is odd, or too wide for {heads} heads")));
        }
        let ple_width = width("hidden_size_per_layer_input", Some(256))?;
        if u64::from(ple_width) * u64::from(layer_count) > u64::from(MAX_WIDTH) {
            return Err(text.bad("hidden_size_per_layer_input", format!("{ple_width} is too wide for {layer_count} layers")));
        }
        let vocab = text.int("vocab_size", Some(262_400), 1..=1 << 24)?;
        let generation = generation.map(|(p, bytes)| object(p, bytes).map(|map| (p, map))).transpose()?;
        let stops = generation.as_ref().map(|(p, map)| Fields { path: p.to_path_buf(), prefix: "", map });
        let top_fields = Fields { path: path.to_path_buf(), prefix: "", map: &top };
        let token_sources: Vec<&Fields> = stops.iter().chain([&text, &top_fields]).collect();
        let single = |name, default| -> Result<Option<u32>> {
            Ok(match token_sources.iter().find_map(|f| f.map.get(name).map(|v| (f, v))) {
                None => Some(default).filter(|id| *id < vocab),
                Some((_, Value::Null)) => None,
                Some((f, value)) => Some(f.token(name, value, vocab)?),
            })
        };
        Ok(Self {
            vocab,
            ple_vocab: text.int("vocab_size_per_layer_input", Some(262_144), 1..=1 << 24)?,
            hidden: width("hidden_size", Some(2048))?,
            ple_width,
            heads,
            kv_heads,
            head_dim,
            epsilon: text.float("rms_norm_eps", Some(1e-6), 0.0..=1.0)? as f32,
            window: width("sliding_window", Some(512))?,
            max_positions: text.int("max_position_embeddings", Some(32_768), 1..=1 << 24)?,
            laurel_rank: width("laurel_rank", Some(64))?,
            streams: text.int("altup_num_inputs", Some(4), 1..=16)?,
            coef_clip: text.optional_float("altup_coef_clip", 120.0)?,
            correct_scale: text.bool("altup_correct_scale", true)?,
            softcap: text.optional_float("final_logit_softcapping", 30.0)?,
            tied: top_fields.bool("tie_word_embeddings", text.bool("tie_word_embeddings", true)?)?,
            bos: single("bos_token_id", 2)?,
            eos: eos(&token_sources, vocab)?,
            pad: single("pad_token_id", 0)?,
            layers: layers(&text, layer_count)?,
        })
    }

    /// Layers that own keys and values come first; this is their count.
    pub fn own_layers(&self) -> u32 {
        self.layers.iter().filter(|l| l.donor.is_none()).count() as u32
    }
}

fn object(path: &Path, json: &[u8]) -> Result<Map<String, Value>> {
    match serde_json::from_slice(json) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::format(path, "holds no JSON object")),
        Err(why) => Err(Error::format(path, format!("is not JSON: {why}"))),
    }
}

fn text_fields<'a>(path: &Path, top: &'a Map<String, Value>) -> Result<Fields<'a>> {
    let fields = |prefix, map| Fields { path: path.to_path_buf(), prefix, map };
    let outer = fields("", top);
    let text = match top.get("text_config") {
        None | Some(Value::Null) => outer,
        Some(Value::Object(inner)) => {
            outer.only("model_type", "gemma3n")?;
            fields("text_config.", inner)
        }
        Some(_) => return Err(outer.bad("text_config", "is not an object")),
    };
    if text.prefix.is_empty() && text.get("model_type").is_none() {
        return Err(text.bad("model_type", "is missing; it must be `gemma3n` or `gemma3n_text`"));
    }
    text.only("model_type", "gemma3n_text")?;
    Ok(text)
}

fn layers(text: &Fields, count: u32) -> Result<Vec<Layer>> {
    let ffn = text.per_layer("intermediate_size", count, |value| value.as_u64().filter(|n| (1..=u64::from(MAX_WIDTH)).contains(n)))?;
    let Some(ffn) = ffn else { return Err(text.bad("intermediate_size", "is missing")) };
    let sparse = text.per_layer("activation_sparsity_pattern", count, |value| value.as_f64().filter(|p| (0.0..1.0).contains(p)))?;
    let sparse = sparse.unwrap_or_else(|| (0..count).map(|i| if count > 10 && i < 10 { 0.95 } else { 0.0 }).collect());
    let kind = |value: &Value| [LayerKind::Sliding, LayerKind::Full].into_iter().find(|k| value.as_str() == Some(k.name()));
    let kinds = text.per_layer("layer_types", count, kind)?;
    let kinds = kinds.unwrap_or_else(|| (1..=count).map(|i| if i.is_multiple_of(5) { LayerKind::Full } else { LayerKind::Sliding }).collect());
    let shared = text.int("num_kv_shared_layers", None, 0..=MAX_LAYERS)?;
    if shared >= count {
        return Err(text.bad("num_kv_shared_layers", format!("is {shared}, but there are only {count} layers and one must own keys and values")));
    }
    let owners = (count - shared) as usize;
    let full = text.theta(LayerKind::Full, "rope_theta", 1_000_000.0)?;
    let sliding = text.theta(LayerKind::Sliding, "rope_local_base_freq", 10_000.0)?;
    (0..count as usize)
        .map(|i| {
            let kind = kinds[i];
            let donor = if i < owners {
                None
            } else {
                let found = kinds[..owners].iter().rposition(|k| *k == kind);
                Some(found.ok_or_else(|| {
                    text.bad("num_kv_shared_layers", format!("layer {i} shares the keys of a {} layer, but none owns any", kind.name()))
                })? as u32)
            };
            let theta = if kind == LayerKind::Full { full } else { sliding };
            Ok(Layer { kind, theta, ffn: ffn[i] as u32, sparsity: sparse[i], donor })
        })
        .collect()
}

fn eos(sources: &[&Fields], vocab: u32) -> Result<Vec<u32>> {
    let Some((fields, value)) = sources.iter().find_map(|f| f.get("eos_token_id").map(|v| (f, v))) else {
        let silent = sources.iter().all(|f| !f.map.contains_key("eos_token_id"));
        return Ok(if silent && vocab > 1 { vec![1] } else { vec![] });
    };
    let listed = match value {
        Value::Array(list) if list.len() > 4096 => return Err(fields.bad("eos_token_id", "has more than 4096 entries")),
        Value::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut ids = Vec::new();
    for value in listed {
        let id = fields.token("eos_token_id", value, vocab)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn rope_type(value: &Value) -> Option<&str> {
    match value.get("rope_type").or_else(|| value.get("type")) {
        None | Some(Value::Null) => Some("default"),
        Some(other) => other.as_str(),
    }
}

/// The fields of one JSON object, and how to name them. A `null` field counts as absent.
struct Fields<'a> {
    path: PathBuf,
    prefix: &'static str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|v| !v.is_null())
    }

    fn bad(&self, name: &str, why: impl Into<String>) -> Error {
        Error::Config { path: self.path.clone(), field: format!("{}{name}", self.prefix), why: why.into() }
    }

    fn unsupported(&self, name: &str, why: &str) -> Error {
        Error::Unsupported { place: format!("{}: field `{}{name}`", self.path.display(), self.prefix), why: why.into() }
    }

    fn only(&self, name: &str, supported: &str) -> Result<()> {
        match self.get(name) {
            None => Ok(()),
            Some(Value::String(s)) if s == supported => Ok(()),
            Some(Value::String(s)) => Err(self.unsupported(name, &format!("is `{}`; only `{supported}` works", clip(s)))),
            Some(_) => Err(self.bad(name, "is not a string")),
        }
    }

    fn int(&self, name: &str, default: Option<u32>, range: std::ops::RangeInclusive<u32>) -> Result<u32> {
        let Some(value) = self.get(name) else { return default.ok_or_else(|| self.bad(name, "is missing")) };
        let fits = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n));
        fits.ok_or_else(|| self.bad(name, format!("is {}, not a whole number from {} to {}", shown(value), range.start(), range.end())))
    }

    fn float(&self, name: &str, default: Option<f64>, range: std::ops::RangeInclusive<f64>) -> Result<f64> {
        let Some(value) = self.get(name) else { return default.ok_or_else(|| self.bad(name, "is missing")) };
        let fits = value.as_f64().filter(|n| range.contains(n));
        fits.ok_or_else(|| self.bad(name, format!("is {}, not a number from {} to {}", shown(value), range.start(), range.end())))
    }

    /// A positive number; `null` switches it off, absence means the default.
    fn optional_float(&self, name: &str, default: f64) -> Result<Option<f32>> {
        if self.map.get(name).is_some_and(Value::is_null) {
            return Ok(None);
        }
        Ok(Some(self.float(name, Some(default), 1e-6..=1e9)? as f32))
    }

    fn bool(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(*b),
            Some(other) => Err(self.bad(name, format!("is {}, not true or false", shown(other)))),
        }
    }

    fn token(&self, name: &str, value: &Value, vocab: u32) -> Result<u32> {
        let id = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n < vocab);
        id.ok_or_else(|| self.bad(name, format!("{} is not a token id below {vocab}", shown(value))))
    }

    /// One value for each layer, from a list or a scalar.
    fn per_layer<T: Clone>(&self, name: &str, count: u32, read: impl Fn(&Value) -> Option<T>) -> Result<Option<Vec<T>>> {
        let bad = |value: &Value| self.bad(name, format!("{} is not allowed", shown(value)));
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) if list.len() != count as usize => {
                Err(self.bad(name, format!("lists {} layers, but there are {count}", list.len())))
            }
            Some(Value::Array(list)) => list.iter().map(|v| read(v).ok_or_else(|| bad(v))).collect::<Result<Vec<T>>>().map(Some),
            Some(single) => Ok(Some(vec![read(single).ok_or_else(|| bad(single))?; count as usize])),
        }
    }

    /// The rotation base of one kind of layer: from `rope_parameters`, else from the older field.
    fn theta(&self, kind: LayerKind, old: &str, default: f64) -> Result<f32> {
        let fallback = self.float(old, Some(default), 1.0..=1e12)?;
        let Some(all) = self.get("rope_parameters") else { return Ok(fallback as f32) };
        let Some(all) = all.as_object() else { return Err(self.bad("rope_parameters", "is not an object")) };
        if !all.is_empty() && !all.contains_key(LayerKind::Full.name()) && !all.contains_key(LayerKind::Sliding.name()) {
            return Err(self.unsupported("rope_parameters", "has no entry for `full_attention` or `sliding_attention`"));
        }
        let Some(entry) = all.get(kind.name()).filter(|v| !v.is_null()) else { return Ok(fallback as f32) };
        let Some(entry) = entry.as_object() else { return Err(self.bad("rope_parameters", format!("`{}` is not an object", kind.name()))) };
        if rope_type(&Value::Object(entry.clone())) != Some("default") {
            return Err(self.unsupported("rope_parameters", "only rope_type `default` works"));
        }
        let prefix = if kind == LayerKind::Full { "rope_parameters.full_attention." } else { "rope_parameters.sliding_attention." };
        Ok(Fields { path: self.path.clone(), prefix, map: entry }.float("rope_theta", Some(fallback), 1.0..=1e12)? as f32)
    }
}

fn shown(value: &Value) -> String {
    clip(&value.to_string())
}

fn clip(text: &str) -> String {
    if text.chars().count() <= 60 { text.into() } else { text.chars().take(60).chain("...".chars()).collect() }
}
