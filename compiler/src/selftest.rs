//! The self-test recorded in every artifact: the logits of a short prompt, computed by the runtime's plain kernels from the file just written, and held
//! against the graph's own evaluation. Kernels agree to the last bit, so every host must find the same.

use crate::driver::eval_program;
use crate::graph::eval::Weights;
use crate::passes::split::Program;
use crate::{Error, Result};
use std::path::Path;
use unicorn_artifact::plan::Model;
use unicorn_rt::load::{Options, Placement, load};
use unicorn_rt::selftest::last_logits;

/// Tokens of the prompt.
const LENGTH: u32 = 12;
/// How far kernels (eight-bit activations, f16 keys) may be from the graph's evaluation, relative to the largest logit, before something is wrong.
const TOLERANCE: f32 = 0.1;

/// The encoded self-test of the artifact at `path`.
///
/// # Errors
/// [`Error::Verify`] if kernels and graph disagree: the artifact would be wrong.
pub fn record(path: &Path, program: &Program, weights: &dyn Weights, model: &Model) -> Result<Vec<u8>> {
    let tokens: Vec<u32> = (0..LENGTH.min(model.context))
        .map(|i| if i == 0 { model.bos.min(model.vocabulary - 1) } else { (i * 7919 + 31) % model.text_vocabulary })
        .collect();
    let options = Options { native: false, threads: 1, placement: Placement::Map, ..Options::default() };
    let run = || -> unicorn_rt::Result<Vec<f32>> { last_logits(&mut load(path, options)?.session, &tokens) };
    let logits = run().map_err(|why| Error::verify("self-test", why.to_string()))?;
    let expected = eval_program(program, weights, &tokens)?;
    let expected = &expected[expected.len() - logits.len()..];
    let difference = logits.iter().zip(expected).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    let peak = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
    if difference.is_nan() || difference > TOLERANCE * peak {
        return Err(Error::verify("self-test", format!("kernels and graph differ by {difference} at logits of up to {peak}")));
    }
    Ok(unicorn_rt::selftest::describe(tokens, &logits, difference).encode()?)
}
