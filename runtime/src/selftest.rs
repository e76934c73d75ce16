//! The recorded logits of an artifact: computing them, describing them, comparing.

use crate::step::{Row, Stepper};
use crate::{Error, Result};
use unicorn_artifact::file::SelfTest;

/// Logits of the last token of a prompt that starts at position 0 of slot 0.
///
/// # Errors
/// As [`Stepper::step`].
pub fn last_logits(stepper: &mut dyn Stepper, tokens: &[u32]) -> Result<Vec<f32>> {
    let most = stepper.limits().rows.max(1);
    last_of(stepper, tokens.chunks(most), tokens.len())
}

/// Steps the pieces of a prompt one after the other.
fn last_of<'a>(stepper: &mut dyn Stepper, pieces: impl Iterator<Item = &'a [u32]>, tokens: usize) -> Result<Vec<f32>> {
    let (mut logits, mut position) = (Vec::new(), 0);
    for ids in pieces {
        let row = |(at, &token): (usize, &u32)| Row { token, slot: 0, position: (position + at) as u32, logits: position + at + 1 == tokens };
        let rows: Vec<Row> = ids.iter().enumerate().map(row).collect();
        stepper.step(&rows, &mut |_, row| logits = row.to_vec())?;
        position += ids.len();
    }
    Ok(logits)
}

/// What is recorded of logits.
pub fn describe(tokens: Vec<u32>, logits: &[f32], difference: f32) -> SelfTest {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
    SelfTest { tokens, digest: digest(logits), top: order.into_iter().take(8).map(|id| (id, logits[id as usize])).collect(), difference }
}

fn digest(logits: &[f32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for value in logits {
        hasher.update(&value.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Runs the prompt again and demands the same bits.
///
/// # Errors
/// [`Error::Step`] naming the first logit that differs, or that the recorded tokens do not fit the plan.
pub fn run(stepper: &mut dyn Stepper, test: &SelfTest) -> Result<()> {
    match difference(stepper, test, false)? {
        None => Ok(()),
        Some(what) => Err(Error::Step(format!(
            "self-test failed: {what}; this host computes something else than the compiler recorded: try `--no-native` and report it"
        ))),
    }
}

/// Runs the prompt again and says what is not as recorded, to the bit. `apart`: the last token is a step of its own, as those of an answer are, for which
/// devices have other code.
///
/// # Errors
/// As [`Stepper::step`], and for a test without tokens.
pub fn difference(stepper: &mut dyn Stepper, test: &SelfTest, apart: bool) -> Result<Option<String>> {
    let Some((last, before)) = test.tokens.split_last() else { return Err(Error::Step("the self-test has no tokens".into())) };
    let most = stepper.limits().rows.max(1);
    let logits = if apart {
        last_of(stepper, before.chunks(most).chain([std::slice::from_ref(last)]), test.tokens.len())?
    } else {
        last_logits(stepper, &test.tokens)?
    };
    if digest(&logits) == test.digest {
        return Ok(None);
    }
    let off = test.top.iter().find(|(id, value)| logits.get(*id as usize) != Some(value));
    let place = |(id, value): &(u32, f32)| format!("logit {id} is {:?}, recorded {value}", logits.get(*id as usize));
    Ok(Some(off.map_or("outside the eight largest logits".into(), place)))
}

/// Error of the eight recorded logits, relative to their size, above which a device computes something else. Rounding to eight bits between
/// products lets other orders of summation show in the third digit.
const CLOSE: f64 = 0.02;

/// Runs the prompt on a device whose sums have another order, and demands the recorded logits to [`CLOSE`].
///
/// # Errors
/// [`Error::Step`] with the error found.
pub fn run_close(stepper: &mut dyn Stepper, test: &SelfTest) -> Result<()> {
    if test.tokens.is_empty() {
        return Err(Error::Step("the self-test has no tokens".into()));
    }
    let logits = last_logits(stepper, &test.tokens)?;
    let (mut error, mut size) = (0f64, 0f64);
    for &(id, recorded) in &test.top {
        let found = logits.get(id as usize).copied().unwrap_or(f32::NAN);
        error += f64::from(found - recorded).powi(2);
        size += f64::from(recorded).powi(2);
    }
    let relative = (error / size.max(1e-30)).sqrt();
    if relative <= CLOSE && logits.iter().all(|l| l.is_finite()) {
        return Ok(());
    }
    Err(Error::Step(format!("self-test failed: the largest logits are off by {:.2} %, more than {} %", relative * 100.0, CLOSE * 100.0)))
}
