//! From requests to tokens: sequences that share steps, each with the same tokens as alone.
//! `sequence` is one answer, `scheduler` composes steps from many, `engine` is a thread around it; `stop`, `channel` and `stats` serve them.
//! Text formats and HTTP do not belong here.

mod channel;
mod engine;
#[cfg(test)]
pub(crate) mod fake;
mod scheduler;
mod sequence;
pub mod stats;
mod stop;

use std::time::Duration;

use crate::sample::{Logprob, SamplingParams};
use crate::{Error, Result};

pub use channel::Receiver;
pub use engine::{Engine, EngineConfig};
pub use scheduler::{Generator, Scheduler};
pub use stop::StopMatcher;

/// What is to be generated.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The prompt, at least one token.
    pub prompt: Vec<u32>,
    /// How tokens are drawn.
    pub params: SamplingParams,
    /// Tokens to generate at most; `None` goes on until the context is full.
    pub max_tokens: Option<usize>,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// Tokens that end the answer (end of turn, end of text).
    pub stop_ids: Vec<u32>,
    /// Goes on past [`Self::stop_ids`].
    pub ignore_eos: bool,
}

/// One generated token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The token.
    pub id: u32,
    /// The text that is certain now: may be empty, and may include what earlier tokens left open.
    pub text: String,
    /// Its log-probabilities, if asked for.
    pub logprob: Option<Logprob>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A stop token or a stop text.
    Stop,
    /// `max_tokens` or the context was reached.
    Length,
    /// The one who asked is gone.
    Cancelled,
}

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the prompt.
    pub prompt: usize,
    /// Of the prompt, taken over from an earlier sequence.
    pub cached: usize,
    /// Generated, the stop token included.
    pub completion: usize,
}

/// Times of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for a slot.
    pub queue: Duration,
    /// From the slot to the first token.
    pub prompt: Duration,
    /// From the first token to the last.
    pub generation: Duration,
}

/// The end of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Text that was held back and is certain now.
    pub text: String,
    /// Why it ended.
    pub reason: Reason,
    /// Its tokens.
    pub usage: Usage,
    /// Its times.
    pub timings: Timings,
}

/// What a [`Receiver`] gives: tokens, then one `Finish` or one `Error`.
#[derive(Debug)]
pub enum Event {
    /// The next token.
    Token(Token),
    /// The end.
    Finish(Finish),
    /// The end, by a failure.
    Error(Error),
}

/// Checks a request against what can be held; `vocabulary` counts the text tokens.
fn check(request: &Request, context: usize, vocabulary: usize) -> Result<()> {
    if request.prompt.is_empty() {
        return Err(Error::request("prompt", "it has no tokens; at least one is needed"));
    }
    if request.prompt.len() > context {
        return Err(Error::TooLong { prompt: request.prompt.len(), context });
    }
    if let Some(id) = request.prompt.iter().find(|&&id| id as usize >= vocabulary) {
        return Err(Error::request("prompt", format!("token {id} is no text token; they end at {}", vocabulary - 1)));
    }
    if request.stop.iter().any(String::is_empty) {
        return Err(Error::request("stop", "a stop text must not be empty"));
    }
    Ok(())
}
