//! What chats and completions ask for in the same words: sampling, lengths, stop texts, streaming.

use serde_json::Value;

use super::ServedModel;
use super::errors::ApiError;
use super::fields::{Fields, wrong};
use crate::generate::Request;
use crate::sample::SamplingParams;
use crate::{Error, Result as EngineResult};

type Result<T> = std::result::Result<T, ApiError>;

/// Answers to one prompt at most.
const CHOICES: usize = 16;
/// Stop texts at most, and bytes of one: both cost time at each token.
const STOPS: usize = 16;
const STOP_BYTES: usize = 1024;

/// The common part of a request.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) params: SamplingParams,
    pub(super) max_tokens: Option<usize>,
    pub(super) stop: Vec<String>,
    pub(super) ignore_eos: bool,
    pub(super) n: usize,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

impl Common {
    /// Reads the common fields; `least` is the least `max_tokens`.
    pub(super) fn read(fields: &mut Fields, defaults: &SamplingParams, least: usize) -> Result<Self> {
        let mut params = defaults.clone();
        let number = |fields: &mut Fields, name: &str, to: &mut f32| fields.number(name).map(|x| *to = x.unwrap_or(*to));
        number(fields, "temperature", &mut params.temperature)?;
        number(fields, "top_p", &mut params.top_p)?;
        number(fields, "min_p", &mut params.min_p)?;
        number(fields, "frequency_penalty", &mut params.frequency_penalty)?;
        number(fields, "presence_penalty", &mut params.presence_penalty)?;
        number(fields, "repetition_penalty", &mut params.repetition_penalty)?;
        // Both 0 and -1 are in use for "all".
        if let Some(k) = fields.integer("top_k")? {
            params.top_k = match k {
                -1 => 0,
                k => usize::try_from(k).map_err(|_| ApiError::field("top_k", format!("`top_k`: {k} is below -1")))?,
            };
        }
        params.seed = fields.integer("seed")?.map(i64::cast_unsigned).or(params.seed);
        params.logit_bias = bias(fields)?;
        let stream = fields.flag("stream")?.unwrap_or(false);
        let include_usage = match fields.object("stream_options")? {
            None => false,
            Some(_) if !stream => return Err(ApiError::field("stream_options", "`stream_options` needs `stream`: true")),
            Some(mut options) => {
                options.ignore(&["include_obfuscation"]);
                let include = options.flag("include_usage")?.unwrap_or(false);
                options.finish()?;
                include
            }
        };
        let newer = fields.count("max_completion_tokens", least, usize::MAX)?;
        let older = fields.count("max_tokens", least, usize::MAX)?;
        let common = Self {
            params,
            max_tokens: newer.or(older),
            stop: stops(fields)?,
            ignore_eos: fields.flag("ignore_eos")?.unwrap_or(false),
            n: fields.count("n", 1, CHOICES)?.unwrap_or(1),
            stream,
            include_usage,
        };
        fields.ignore(&["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"]);
        Ok(common)
    }

    /// One request to the engine for each choice of each prompt. Choices of one prompt have seeds of their own.
    pub(super) fn requests(&self, model: &ServedModel, prompts: &[Vec<u32>]) -> Vec<Request> {
        let choice = |prompt: &Vec<u32>, index: usize| {
            let mut params = self.params.clone();
            params.seed = params.seed.map(|seed| seed.wrapping_add(index as u64));
            Request {
                prompt: prompt.clone(),
                params,
                max_tokens: self.max_tokens,
                stop: self.stop.clone(),
                stop_ids: model.info.stop_ids.clone(),
                ignore_eos: self.ignore_eos,
            }
        };
        prompts.iter().flat_map(|prompt| (0..self.n).map(move |index| choice(prompt, index))).collect()
    }

    /// Refuses more answers than could ever be held at once.
    pub(super) fn fits(&self, model: &ServedModel, prompts: usize) -> Result<()> {
        let (wanted, capacity) = (prompts.saturating_mul(self.n), model.engine.capacity());
        if wanted <= capacity {
            return Ok(());
        }
        let field = if prompts > 1 { "prompt" } else { "n" };
        Err(ApiError::field(field, format!("`{field}`: {wanted} answers at once, but slots and queue hold {capacity}")))
    }
}

/// Encodes a text, unless it is certain to be too long.
pub(super) fn encode(model: &ServedModel, text: &str, bos: bool) -> EngineResult<Vec<u32>> {
    let context = model.engine.limits().context;
    let least = model.tokenizer.least_tokens(text);
    if least > context {
        return Err(Error::TooLong { prompt: least, context });
    }
    if bos { model.tokenizer.encode_prompt(text) } else { model.tokenizer.encode(text) }
}

/// Runs work that takes long enough to hold up others.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::server("the request failed inside; see the log"))?
}

fn bias(fields: &mut Fields) -> Result<Vec<(u32, f32)>> {
    let Some(map) = fields.object("logit_bias")? else { return Ok(Vec::new()) };
    map.into_iter()
        .map(|(key, value)| {
            let id = key.parse().map_err(|_| ApiError::field("logit_bias", format!("`logit_bias`: `{key}` is no token id")))?;
            let bias = value.as_f64().ok_or_else(|| wrong("logit_bias", "a map from token ids to numbers", &value))?;
            Ok((id, bias as f32))
        })
        .collect()
}

fn stops(fields: &mut Fields) -> Result<Vec<String>> {
    let stops = match fields.take("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text),
                other => Err(wrong("stop", "a string or a list of strings", &other)),
            })
            .collect::<Result<_>>()?,
        Some(other) => return Err(wrong("stop", "a string or a list of strings", &other)),
    };
    if stops.len() > STOPS || stops.iter().any(|s| s.len() > STOP_BYTES) {
        return Err(ApiError::field("stop", format!("`stop`: at most {STOPS} texts of at most {STOP_BYTES} bytes")));
    }
    Ok(stops)
}
