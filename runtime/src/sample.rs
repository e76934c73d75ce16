//! From logits to one token. Each request has its own sampler and its own random numbers, so what others do never changes its tokens.
//! Nothing is allocated per token, except the list of alternatives when a request asks for log-probabilities.

use std::hash::{BuildHasher, Hasher};

use crate::{Error, Result};
use unicorn_artifact::gpu::TOP;

/// How a request wants its tokens drawn. The default is what the OpenAI API does when nothing is said.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits; 0 takes the likeliest token (the lowest id among equals).
    pub temperature: f32,
    /// Keeps the `k` likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps the likeliest tokens that together reach this probability; 1 keeps all.
    pub top_p: f32,
    /// Keeps tokens at least this likely relative to the likeliest; 0 keeps all.
    pub min_p: f32,
    /// Same seed, same tokens; `None` draws one.
    pub seed: Option<u64>,
    /// Taken from a logit for each time its token was generated.
    pub frequency_penalty: f32,
    /// Taken from a logit once its token was generated.
    pub presence_penalty: f32,
    /// Divides positive logits (multiplies negative ones) of tokens in the prompt or the answer; 1 does nothing.
    pub repetition_penalty: f32,
    /// Added to the logits of these tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// Reports log-probabilities of the token and of this many likeliest ones.
    pub logprobs: Option<usize>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: None,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            repetition_penalty: 1.0,
            logit_bias: Vec::new(),
            logprobs: None,
        }
    }
}

impl SamplingParams {
    /// Takes the likeliest token always.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// Checks the ranges; `vocabulary` is the number of tokens that can be drawn.
    ///
    /// # Errors
    /// [`Error::Request`] with the field's name.
    pub fn check(&self, vocabulary: usize) -> Result<()> {
        let range = |field: &'static str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(Error::request(field, format!("{value} is not in {low}..={high}"))) }
        };
        range("temperature", self.temperature, 0.0, 2.0)?;
        range("min_p", self.min_p, 0.0, 1.0)?;
        range("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?;
        range("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(Error::request("top_p", format!("{} is not above 0 and at most 1", self.top_p)));
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty <= 10.0) {
            return Err(Error::request("repetition_penalty", format!("{} is not above 0 and at most 10", self.repetition_penalty)));
        }
        for &(id, bias) in &self.logit_bias {
            if id as usize >= vocabulary {
                return Err(Error::request("logit_bias", format!("token {id} does not exist; the vocabulary has {vocabulary}")));
            }
            range("logit_bias", bias, -100.0, 100.0)?;
        }
        if self.logprobs.is_some_and(|n| n > 20) {
            return Err(Error::request("top_logprobs", "at most 20 alternatives can be reported"));
        }
        Ok(())
    }
}

/// Log-probabilities of one drawn token: of the model itself, before temperature, penalties and bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Logprob {
    /// That of the token.
    pub logprob: f32,
    /// The likeliest tokens, likeliest first.
    pub top: Vec<(u32, f32)>,
}

/// A drawn token.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// The token.
    pub id: u32,
    /// Its log-probability, if asked for.
    pub logprob: Option<Logprob>,
}

/// What of a row's logits a sampler looks at, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The largest decides.
    Best,
    /// The largest [`TOP`] do.
    Top,
    /// Any may matter.
    All,
}

/// Working memory that samplers of one thread share.
#[derive(Debug)]
pub struct Scratch {
    values: Vec<f32>,
    candidates: Vec<(f32, u32)>,
}

impl Scratch {
    /// Room for `vocabulary` logits.
    pub fn new(vocabulary: usize) -> Self {
        Self { values: Vec::with_capacity(vocabulary), candidates: Vec::with_capacity(vocabulary) }
    }
}

/// Draws the tokens of one request.
#[derive(Debug)]
pub struct Sampler {
    params: SamplingParams,
    vocabulary: usize,
    random: Random,
    /// Per token: times generated, and whether it was in the prompt. Empty when no penalty asks.
    seen: Vec<(u32, bool)>,
}

impl Sampler {
    /// A sampler over the first `vocabulary` tokens (the text tokens; others are never drawn).
    ///
    /// # Errors
    /// As [`SamplingParams::check`].
    pub fn new(params: SamplingParams, vocabulary: usize, prompt: &[u32]) -> Result<Self> {
        params.check(vocabulary)?;
        let penalties = params.frequency_penalty != 0.0 || params.presence_penalty != 0.0 || params.repetition_penalty != 1.0;
        let mut seen = if penalties { vec![(0, false); vocabulary] } else { Vec::new() };
        for &id in prompt {
            if let Some(entry) = seen.get_mut(id as usize) {
                entry.1 = true;
            }
        }
        let seed = params.seed.unwrap_or_else(|| std::collections::hash_map::RandomState::new().build_hasher().finish());
        Ok(Self { params, vocabulary, random: Random::new(seed), seen })
    }

    /// What of a row's logits decides.
    pub fn needs(&self) -> Needs {
        let p = &self.params;
        if !(self.seen.is_empty() && p.logit_bias.is_empty() && p.logprobs.is_none()) {
            Needs::All
        } else if p.temperature == 0.0 {
            Needs::Best
        } else if (1..=TOP as usize).contains(&p.top_k) {
            Needs::Top
        } else {
            Needs::All
        }
    }

    /// As [`Sampler::sample`] of a sampler that needs no more, from the largest logits and their ids in any order: the largest [`TOP`] at least.
    ///
    /// # Errors
    /// [`Error::Step`] when one is not a number, or there are none.
    pub fn sample_top(&mut self, largest: &[(u32, f32)], scratch: &mut Scratch) -> Result<Sampled> {
        if let Some(&(id, logit)) = largest.iter().find(|(id, logit)| unusable(&[*logit]).is_some() || *id as usize >= self.vocabulary) {
            return self.take(id, logit);
        }
        let candidates = &mut scratch.candidates;
        candidates.clear();
        candidates.extend(largest.iter().map(|&(id, logit)| (logit, id)));
        let Some(&(logit, id)) = candidates.iter().min_by(|a, b| likelier(a, b)) else {
            return Err(Error::Step("no logits came back".into()));
        };
        if self.params.temperature == 0.0 {
            return self.take(id, logit);
        }
        Ok(Sampled { id: self.draw_from(logit, candidates), logprob: None })
    }

    /// As [`Sampler::sample`] of a greedy sampler, from the largest logit alone.
    ///
    /// # Errors
    /// [`Error::Step`] when it is not a number.
    pub fn take(&self, id: u32, logit: f32) -> Result<Sampled> {
        if !logit.is_finite() || id as usize >= self.vocabulary {
            return Err(Error::Step(format!("the logit of token {id} is {logit}: the weights or a kernel are wrong")));
        }
        Ok(Sampled { id, logprob: None })
    }

    /// Draws from one row of logits.
    ///
    /// # Errors
    /// [`Error::Step`] when a logit is not a number or there are fewer than the vocabulary needs.
    pub fn sample(&mut self, logits: &[f32], scratch: &mut Scratch) -> Result<Sampled> {
        let Some(raw) = logits.get(..self.vocabulary).filter(|raw| !raw.is_empty()) else {
            return Err(Error::Step(format!("{} logits came back for a vocabulary of {}", logits.len(), self.vocabulary)));
        };
        if let Some(id) = unusable(raw) {
            return Err(Error::Step(format!("the logit of token {id} is {}: the weights or a kernel are wrong", raw[id])));
        }
        let Scratch { values, candidates } = scratch;
        let adjusted = self.adjust(raw, values);
        let id = if self.params.temperature == 0.0 { argmax(adjusted) } else { self.draw(adjusted, candidates) };
        if let Some(entry) = self.seen.get_mut(id as usize) {
            entry.0 = entry.0.saturating_add(1);
        }
        let logprob = self.params.logprobs.map(|count| logprobs(raw, id, count, candidates));
        Ok(Sampled { id, logprob })
    }

    /// Penalties, then bias; the logits themselves when there are none.
    fn adjust<'a>(&self, raw: &'a [f32], values: &'a mut Vec<f32>) -> &'a [f32] {
        let p = &self.params;
        if self.seen.is_empty() && p.logit_bias.is_empty() {
            return raw;
        }
        values.clear();
        values.extend_from_slice(raw);
        for (x, &(count, prompt)) in values.iter_mut().zip(&self.seen) {
            if count > 0 || prompt {
                *x = if *x > 0.0 { *x / p.repetition_penalty } else { *x * p.repetition_penalty };
            }
            if count > 0 {
                *x -= p.presence_penalty + p.frequency_penalty * count as f32;
            }
        }
        for &(id, bias) in &p.logit_bias {
            values[id as usize] += bias;
        }
        values
    }

    /// Temperature, top-k, top-p, min-p, in this order; then a draw from what is left.
    fn draw(&mut self, logits: &[f32], candidates: &mut Vec<(f32, u32)>) -> u32 {
        let max = largest(logits);
        if max == f32::NEG_INFINITY {
            return 0;
        }
        candidates.clear();
        candidates.extend(logits.iter().enumerate().map(|(id, &x)| (x, id as u32)));
        self.draw_from(max, candidates)
    }

    /// As [`Sampler::draw`], from logits and ids among which are all that top-k would keep; `max` is the largest.
    fn draw_from(&mut self, max: f32, candidates: &mut Vec<(f32, u32)>) -> u32 {
        let p = &self.params;
        if p.top_k > 0 && p.top_k < candidates.len() {
            candidates.select_nth_unstable_by(p.top_k - 1, likelier);
            candidates.truncate(p.top_k);
        }
        // From here on the weight of a token: its probability relative to the likeliest.
        for (x, _) in candidates.iter_mut() {
            *x = ((*x - max) / p.temperature).exp();
        }
        if p.top_p < 1.0 {
            nucleus(candidates, p.top_p);
        }
        if p.min_p > 0.0 {
            candidates.retain(|&(weight, _)| weight >= p.min_p);
        }
        // Filters leave an order that depends on the selection algorithm; the draw must not.
        if p.top_k > 0 || p.top_p < 1.0 {
            candidates.sort_unstable_by_key(|&(_, id)| id);
        }
        let total: f64 = candidates.iter().map(|&(weight, _)| f64::from(weight)).sum();
        let mut rest = self.random.unit() * total;
        let mut last = 0;
        for &(weight, id) in &*candidates {
            if weight > 0.0 {
                last = id;
                rest -= f64::from(weight);
                if rest < 0.0 {
                    break;
                }
            }
        }
        last
    }
}

/// Likelier first; of equals the lower id.
fn likelier(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The largest logit's id, and the logit; or one that is not finite with its id, which is a fault to report.
pub fn best(logits: &[f32]) -> (u32, f32) {
    let id = unusable(logits).map_or_else(|| argmax(logits), |id| id as u32);
    (id, logits.get(id as usize).copied().unwrap_or(f32::NAN))
}

/// The largest logit's id; of equals the lowest. 0 where there are none.
pub fn argmax(logits: &[f32]) -> u32 {
    // Whole blocks first: their maxima need no ids, so the compiler can take many logits at a time.
    let mut best = (0, f32::NEG_INFINITY);
    for (block, values) in logits.chunks(BLOCK).enumerate() {
        let max = largest(values);
        if max > best.1 {
            best = (block, max);
        }
    }
    let start = best.0 * BLOCK;
    logits[start..].iter().position(|x| *x == best.1).map_or(0, |at| start + at) as u32
}

/// Logits looked at together.
const BLOCK: usize = 1024;

fn largest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |max, x| if *x > max { *x } else { max })
}

/// The first logit that no softmax can use.
fn unusable(logits: &[f32]) -> Option<usize> {
    let usable = |x: f32| x < f32::INFINITY;
    // Without an early exit inside a block, for the same reason as above.
    let block = logits.chunks(BLOCK).position(|block| !block.iter().fold(true, |all, x| all & usable(*x)))? * BLOCK;
    logits[block..].iter().position(|x| !usable(*x)).map(|at| block + at)
}

/// Keeps the shortest run of likeliest candidates whose share reaches `top_p`. Sorts only as many as are needed.
fn nucleus(candidates: &mut Vec<(f32, u32)>, top_p: f32) {
    let total: f64 = candidates.iter().map(|&(weight, _)| f64::from(weight)).sum();
    let goal = f64::from(top_p) * total;
    let mut sorted = 0;
    let mut mass = 0.0;
    let mut width = 256;
    while sorted < candidates.len() {
        let end = (sorted + width).min(candidates.len());
        let rest = &mut candidates[sorted..];
        if end - sorted < rest.len() {
            rest.select_nth_unstable_by(end - sorted - 1, likelier);
        }
        rest[..end - sorted].sort_unstable_by(likelier);
        for i in sorted..end {
            mass += f64::from(candidates[i].0);
            if mass >= goal {
                candidates.truncate(i + 1);
                return;
            }
        }
        sorted = end;
        width *= 8;
    }
}

/// Log-softmax over all text tokens, for the drawn one and the likeliest `count`.
fn logprobs(raw: &[f32], id: u32, count: usize, candidates: &mut Vec<(f32, u32)>) -> Logprob {
    let max = largest(raw);
    let sum: f64 = raw.iter().map(|&x| f64::from(x - max).exp()).sum();
    let norm = f64::from(max) + sum.ln();
    let of = |x: f32| (f64::from(x) - norm) as f32;
    let count = count.min(raw.len());
    candidates.clear();
    if count > 0 {
        candidates.extend(raw.iter().enumerate().map(|(id, &x)| (x, id as u32)));
        candidates.select_nth_unstable_by(count - 1, likelier);
        candidates.truncate(count);
        candidates.sort_unstable_by(likelier);
    }
    Logprob { logprob: of(raw[id as usize]), top: candidates.iter().map(|&(x, id)| (id, of(x))).collect() }
}

/// xoshiro256++, seeded by splitmix64: small, fast, and the same for ever.
#[derive(Clone, Debug)]
pub struct Random([u64; 4]);

impl Random {
    /// Starts from a seed.
    pub fn new(mut seed: u64) -> Self {
        Self(std::array::from_fn(|_| {
            seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let out = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        out
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
