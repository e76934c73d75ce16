//! One answer in the making: it takes drawn tokens and gives out events. It knows nothing of slots and steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use super::channel::{Receiver, Sender, channel};
use super::stats::Stats;
use super::stop::StopMatcher;
use super::{Event, Finish, Reason, Request, Timings, Token, Usage, check};
use crate::sample::{Needs, Sampled, Sampler, Scratch};
use crate::step::Logits;
use crate::tokens::{TextDecoder, Tokenizer};
use crate::{Error, Result};

/// A place among the requests that an engine holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Ticket(pub(super) Arc<AtomicUsize>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[derive(Debug)]
pub(super) struct Sequence {
    prompt: Vec<u32>,
    stop_ids: Vec<u32>,
    /// Tokens it may generate: `max_tokens`, or what the context leaves.
    budget: usize,
    sampler: Sampler,
    decoder: TextDecoder,
    stop: StopMatcher,
    /// The token to be stepped next, once one was drawn.
    next: u32,
    outcome: Option<Result<Sampled>>,
    piece: String,
    usage: Usage,
    submitted: Instant,
    started: Instant,
    first: Instant,
    last: Instant,
    events: Sender,
    _ticket: Option<Ticket>,
}

impl Sequence {
    /// Checks the request; `vocabulary` counts the text tokens.
    pub(super) fn new(request: Request, context: usize, vocabulary: usize, ticket: Option<Ticket>) -> Result<(Self, Receiver)> {
        check(&request, context, vocabulary)?;
        let Request { prompt, params, max_tokens, stop, stop_ids, ignore_eos } = request;
        let sampler = Sampler::new(params, vocabulary, &prompt)?;
        let (events, receiver) = channel();
        let now = Instant::now();
        // The token drawn from the last position needs no position of its own.
        let budget = max_tokens.unwrap_or(usize::MAX).min(context - prompt.len() + 1);
        let usage = Usage { prompt: prompt.len(), ..Usage::default() };
        let sequence = Self {
            prompt,
            stop_ids: if ignore_eos { Vec::new() } else { stop_ids },
            budget,
            sampler,
            decoder: TextDecoder::new(false),
            stop: StopMatcher::new(stop),
            next: 0,
            outcome: None,
            piece: String::new(),
            usage,
            submitted: now,
            started: now,
            first: now,
            last: now,
            events,
            _ticket: ticket,
        };
        Ok((sequence, receiver))
    }

    pub(super) fn prompt(&self) -> &[u32] {
        &self.prompt
    }

    /// Nothing to generate at all.
    pub(super) fn empty(&self) -> bool {
        self.budget == 0
    }

    pub(super) fn cancelled(&self) -> bool {
        self.events.closed()
    }

    /// It has a slot now, which already holds the first `cached` positions.
    pub(super) fn start(&mut self, cached: usize, stats: &Stats) {
        self.usage.cached = cached;
        self.started = Instant::now();
        stats.prompt_tokens.add(self.prompt.len());
        stats.cached_tokens.add(cached);
    }

    /// The token at a position: of the prompt, or the one drawn last.
    pub(super) fn token(&self, position: usize) -> u32 {
        self.prompt.get(position).copied().unwrap_or(self.next)
    }

    /// What of the logits is wanted.
    pub(super) fn needs(&self) -> Needs {
        self.sampler.needs()
    }

    pub(super) fn take(&mut self, id: u32, logit: f32) {
        self.outcome = Some(self.sampler.take(id, logit));
    }

    pub(super) fn sample(&mut self, logits: Logits<'_>, scratch: &mut Scratch) {
        self.outcome = Some(match logits {
            Logits::All(logits) => self.sampler.sample(logits, scratch),
            Logits::Top(largest) => self.sampler.sample_top(largest, scratch),
        });
    }

    /// Takes the token drawn in the step before. True when the answer has ended, and its last event is out.
    pub(super) fn advance(&mut self, tokenizer: &Tokenizer, stats: &Stats) -> bool {
        let sampled = match self.outcome.take() {
            Some(Ok(sampled)) => sampled,
            Some(Err(error)) => return self.fail(error, stats),
            None => return self.fail(Error::Step("a row that wanted logits got none".into()), stats),
        };
        let now = Instant::now();
        if self.usage.completion == 0 {
            self.first = now;
            stats.first_token.time(now - self.submitted);
        } else {
            stats.between_tokens.time(now - self.last);
        }
        self.last = now;
        self.usage.completion += 1;
        self.next = sampled.id;
        stats.generated_tokens.add(1);
        if self.stop_ids.contains(&sampled.id) {
            return self.finish(Reason::Stop, stats);
        }
        self.piece.clear();
        self.decoder.push(tokenizer, sampled.id, &mut self.piece);
        let mut text = String::new();
        let stopped = self.stop.push(&self.piece, &mut text);
        self.events.send(Event::Token(Token { id: sampled.id, text, logprob: sampled.logprob }));
        if stopped {
            self.end(String::new(), Reason::Stop, stats)
        } else if self.usage.completion >= self.budget {
            self.finish(Reason::Length, stats)
        } else {
            false
        }
    }

    /// Ends the answer with the text that was held back; always true.
    pub(super) fn finish(&mut self, reason: Reason, stats: &Stats) -> bool {
        self.piece.clear();
        self.decoder.finish(&mut self.piece);
        let mut tail = String::new();
        if !self.stop.push(&self.piece, &mut tail) {
            self.stop.finish(&mut tail);
        }
        self.end(tail, reason, stats)
    }

    /// Ends the answer by a failure; always true.
    pub(super) fn fail(&mut self, error: Error, stats: &Stats) -> bool {
        stats.failed.add(1);
        self.events.send(Event::Error(error));
        true
    }

    fn end(&mut self, text: String, reason: Reason, stats: &Stats) -> bool {
        match reason {
            Reason::Stop => stats.stopped.add(1),
            Reason::Length => stats.length.add(1),
            Reason::Cancelled => stats.cancelled.add(1),
        }
        let timings = Timings {
            queue: self.started - self.submitted,
            prompt: self.first.saturating_duration_since(self.started),
            generation: self.last - self.first,
        };
        self.events.send(Event::Finish(Finish { text, reason, usage: self.usage, timings }));
        true
    }
}
