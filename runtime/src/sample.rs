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
mod tests {
    use super::*;

    fn params() -> SamplingParams {
        SamplingParams { seed: Some(7), ..SamplingParams::default() }
    }

    fn histogram(params: SamplingParams, logits: &[f32], vocabulary: usize, draws: usize) -> Vec<usize> {
        let mut scratch = Scratch::new(vocabulary);
        let mut sampler = Sampler::new(params, vocabulary, &[]).unwrap();
        let mut counts = vec![0; logits.len()];
        for _ in 0..draws {
            counts[sampler.sample(logits, &mut scratch).unwrap().id as usize] += 1;
        }
        counts
    }

    /// Logits whose softmax is `p`.
    fn logits(p: &[f32]) -> Vec<f32> {
        p.iter().map(|x| x.ln()).collect()
    }

    fn drawn(counts: &[usize]) -> Vec<usize> {
        (0..counts.len()).filter(|&i| counts[i] > 0).collect()
    }

    #[test]
    fn the_distribution_is_the_softmax() {
        let p = [0.4, 0.3, 0.15, 0.1, 0.05];
        let draws = 50_000;
        for (temperature, expected) in [(1.0, p.to_vec()), (0.5, p.iter().map(|x| x * x / 0.285).collect::<Vec<f32>>())] {
            let counts = histogram(SamplingParams { temperature, ..params() }, &logits(&p), 5, draws);
            let chi: f64 = counts
                .iter()
                .zip(&expected)
                .map(|(&n, &p)| {
                    let e = f64::from(p) * draws as f64;
                    (n as f64 - e).powi(2) / e
                })
                .sum();
            // 99.9 % of true samples stay below 18.5 with four degrees of freedom.
            assert!(chi < 18.5, "chi-square {chi} at temperature {temperature}: {counts:?}");
        }
    }

    #[test]
    fn filters_keep_exactly_their_sets() {
        let x = logits(&[0.05, 0.4, 0.1, 0.3, 0.15]);
        let sets = [
            (SamplingParams { top_k: 2, ..params() }, vec![1, 3]),
            (SamplingParams { top_p: 0.69, ..params() }, vec![1, 3]),
            (SamplingParams { top_p: 0.71, ..params() }, vec![1, 3, 4]),
            (SamplingParams { min_p: 0.3, ..params() }, vec![1, 3, 4]),
            (SamplingParams { top_k: 3, top_p: 0.5, ..params() }, vec![1, 3]),
            (SamplingParams { top_k: 1, ..params() }, vec![1]),
            (SamplingParams { top_p: 1e-6, ..params() }, vec![1]),
            (SamplingParams { top_k: 99, ..params() }, vec![0, 1, 2, 3, 4]),
        ];
        for (params, expected) in sets {
            assert_eq!(drawn(&histogram(params.clone(), &x, 5, 4000)), expected, "{params:?}");
        }
    }

    #[test]
    fn a_wide_nucleus_equals_the_sorted_one() {
        let mut random = Random::new(3);
        let weights: Vec<(f32, u32)> = (0..5000).map(|id| ((random.unit() * 8.0).exp() as f32, id)).collect();
        for top_p in [0.1, 0.5, 0.9, 0.999] {
            let mut quick = weights.clone();
            nucleus(&mut quick, top_p);
            let mut slow = weights.clone();
            slow.sort_by(likelier);
            let total: f64 = slow.iter().map(|w| f64::from(w.0)).sum();
            let mut mass = 0.0;
            let keep = 1 + slow
                .iter()
                .position(|w| {
                    mass += f64::from(w.0);
                    mass >= f64::from(top_p) * total
                })
                .unwrap();
            assert_eq!(quick, slow[..keep]);
        }
    }

    #[test]
    fn greedy_takes_the_lowest_of_equals_and_no_id_beyond_the_text() {
        let mut scratch = Scratch::new(4);
        let mut sampler = Sampler::new(SamplingParams::greedy(), 4, &[]).unwrap();
        assert_eq!(sampler.sample(&[0.0, 2.0, 2.0, 1.0, 9.0], &mut scratch).unwrap().id, 1);
        let counts = histogram(params(), &[0.0, 0.0, 0.0, 0.0, 50.0, 50.0], 4, 1000);
        assert_eq!(drawn(&counts), [0, 1, 2, 3]);
    }

    #[test]
    fn seeds_repeat_and_differ() {
        let x = vec![0.0; 1000];
        let run = |seed| {
            let mut sampler = Sampler::new(SamplingParams { seed, ..params() }, 1000, &[]).unwrap();
            let mut scratch = Scratch::new(1000);
            (0..8).map(|_| sampler.sample(&x, &mut scratch).unwrap().id).collect::<Vec<_>>()
        };
        assert_eq!(run(Some(1)), run(Some(1)));
        assert_ne!(run(Some(1)), run(Some(2)));
        assert_ne!(run(None), run(None));
    }

    #[test]
    fn penalties_and_bias_move_logits() {
        let mut scratch = Scratch::new(3);
        let greedy = |change: fn(&mut SamplingParams)| {
            let mut params = SamplingParams::greedy();
            change(&mut params);
            Sampler::new(params, 3, &[0]).unwrap()
        };
        let x = [1.0, 0.8, -5.0];
        let mut run = |mut sampler: Sampler| (0..3).map(|_| sampler.sample(&x, &mut scratch).unwrap().id).collect::<Vec<_>>();
        assert_eq!(run(greedy(|_| ())), [0, 0, 0]);
        assert_eq!(run(greedy(|p| p.presence_penalty = 0.5)), [0, 1, 0]);
        assert_eq!(run(greedy(|p| p.frequency_penalty = 0.15)), [0, 0, 1]);
        assert_eq!(run(greedy(|p| p.repetition_penalty = 2.0)), [1, 0, 0]);
        assert_eq!(run(greedy(|p| p.logit_bias = vec![(2, 100.0)])), [2, 2, 2]);
        assert_eq!(run(greedy(|p| p.logit_bias = vec![(0, -100.0)])), [1, 1, 1]);
    }

    #[test]
    fn logprobs_are_the_models_own() {
        let mut scratch = Scratch::new(3);
        let x = logits(&[0.5, 0.2, 0.3]);
        let params = SamplingParams { logit_bias: vec![(1, 50.0)], logprobs: Some(2), ..SamplingParams::greedy() };
        let sampled = Sampler::new(params, 3, &[]).unwrap().sample(&x, &mut scratch).unwrap();
        let logprob = sampled.logprob.unwrap();
        assert_eq!(sampled.id, 1);
        assert!((logprob.logprob - 0.2f32.ln()).abs() < 1e-6);
        assert_eq!(logprob.top.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 2]);
        assert!((logprob.top[1].1 - 0.3f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn the_largest_is_found_in_any_block() {
        let mut logits: Vec<f32> = (0..3 * BLOCK + 37).map(|i| (i as f32 * 0.37).sin()).collect();
        for at in [0, 1, 15, BLOCK - 1, BLOCK, 2 * BLOCK + 500, 3 * BLOCK + 36] {
            let before = std::mem::replace(&mut logits[at], 2.0);
            assert_eq!(argmax(&logits) as usize, at);
            assert_eq!(unusable(&logits), None);
            for bad in [f32::NAN, f32::INFINITY] {
                logits[at] = bad;
                assert_eq!(unusable(&logits), Some(at));
            }
            logits[at] = before;
        }
        assert_eq!(argmax(&[f32::NEG_INFINITY; 3 * BLOCK]), 0);
        assert_eq!(argmax(&[]), 0);
    }

    #[test]
    fn bad_logits_and_bad_fields_are_errors() {
        let mut scratch = Scratch::new(2);
        let mut sampler = Sampler::new(params(), 2, &[]).unwrap();
        for x in [&[0.0, f32::NAN][..], &[f32::INFINITY, 0.0], &[0.0]] {
            assert!(matches!(sampler.sample(x, &mut scratch), Err(Error::Step(_))));
        }
        type Change = fn(&mut SamplingParams);
        let wrong: [(&str, Change); 8] = [
            ("temperature", |p| p.temperature = 2.1),
            ("temperature", |p| p.temperature = f32::NAN),
            ("top_p", |p| p.top_p = 0.0),
            ("min_p", |p| p.min_p = 1.5),
            ("presence_penalty", |p| p.presence_penalty = 3.0),
            ("repetition_penalty", |p| p.repetition_penalty = 0.0),
            ("logit_bias", |p| p.logit_bias = vec![(2, 1.0)]),
            ("top_logprobs", |p| p.logprobs = Some(21)),
        ];
        for (name, change) in wrong {
            let mut p = params();
            change(&mut p);
            assert!(matches!(p.check(2), Err(Error::Request { field, .. }) if field == name), "{name}");
        }
    }

    #[test]
    fn the_largest_logits_are_enough_where_top_k_keeps_few() {
        let mut scratch = Scratch::new(4096);
        let mut random = Random::new(7);
        for turn in 0..200u64 {
            // Coarse values, so that some are alike at the edge.
            let logits: Vec<f32> = (0..4096).map(|_| (random.unit() * 40.0).floor() as f32 / 4.0).collect();
            let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let last = all[TOP as usize - 1].1;
            let mut largest: Vec<(u32, f32)> = all.into_iter().filter(|(_, x)| *x >= last).collect();
            largest.reverse();
            let params = SamplingParams {
                temperature: if turn % 5 == 0 { 0.0 } else { 0.5 + turn as f32 / 200.0 },
                top_k: [1, 40, 64, TOP as usize][turn as usize % 4],
                top_p: if turn % 3 == 0 { 0.9 } else { 1.0 },
                min_p: if turn % 7 == 0 { 0.2 } else { 0.0 },
                seed: Some(turn),
                ..SamplingParams::default()
            };
            let mut of_all = Sampler::new(params.clone(), 4096, &[]).unwrap();
            let mut of_few = Sampler::new(params, 4096, &[]).unwrap();
            assert!(of_all.needs() <= Needs::Top);
            for _ in 0..3 {
                assert_eq!(of_all.sample(&logits, &mut scratch).unwrap(), of_few.sample_top(&largest, &mut scratch).unwrap(), "turn {turn}");
            }
        }
    }

    #[test]
    fn what_looks_beyond_the_largest_gets_all() {
        let needs = |params: SamplingParams| Sampler::new(params, 100, &[]).unwrap().needs();
        let top_k = |top_k| SamplingParams { top_k, ..SamplingParams::default() };
        assert_eq!(needs(SamplingParams::greedy()), Needs::Best);
        assert_eq!((needs(top_k(64)), needs(top_k(TOP as usize + 1)), needs(top_k(0))), (Needs::Top, Needs::All, Needs::All));
        assert_eq!(needs(SamplingParams { logprobs: Some(0), ..top_k(64) }), Needs::All);
        assert_eq!(needs(SamplingParams { logit_bias: vec![(1, 1.0)], ..top_k(64) }), Needs::All);
        assert_eq!(needs(SamplingParams { presence_penalty: 1.0, ..SamplingParams::greedy() }), Needs::All);
    }

    #[test]
    fn a_largest_logit_that_is_none_is_a_fault() {
        let mut sampler = Sampler::new(SamplingParams { top_k: 4, ..SamplingParams::default() }, 8, &[]).unwrap();
        let mut scratch = Scratch::new(8);
        for largest in [&[(1, 1.0), (2, f32::INFINITY)][..], &[(9, 1.0)], &[]] {
            assert!(matches!(sampler.sample_top(largest, &mut scratch), Err(Error::Step(_))), "{largest:?}");
        }
    }
}
