//! Continuous batching: each step carries one row of every answer under way and fills up with pieces of prompts.
//! A slot remembers the tokens it holds, so that a prompt that begins alike starts where they part.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use super::channel::Receiver;
use super::sequence::Sequence;
use super::stats::Stats;
use super::{Event, Finish, Reason, Request, Token};
use crate::sample::{Needs, Scratch};
use crate::step::{Limits, Logits, Row, Stepper};
use crate::tokens::Tokenizer;
use crate::{Error, Result};

struct Slot {
    /// Tokens whose positions the stepper holds.
    held: Vec<u32>,
    /// The most positions it held since it last began at 0: what lies too far behind may be overwritten.
    high: usize,
    /// When it was last given to a sequence.
    used: u64,
    /// Rows it has in the step being composed.
    take: usize,
    sequence: Option<Sequence>,
}

impl Slot {
    /// Positions that a sequence with this prompt need not step again. The last one always runs, for its logits.
    fn reusable(&self, prompt: &[u32], rewind: usize) -> usize {
        let common = self.held.iter().zip(prompt).take_while(|(a, b)| a == b).count().min(prompt.len() - 1);
        if common == self.held.len() || common + rewind > self.high { common } else { 0 }
    }

    /// Rows that its sequence could run now: the rest of the prompt, or one.
    fn wants(&self) -> usize {
        self.sequence.as_ref().map_or(0, |s| s.prompt().len().saturating_sub(self.held.len()).max(1))
    }

    fn decoding(&self) -> bool {
        self.sequence.as_ref().is_some_and(|s| self.held.len() >= s.prompt().len())
    }

    fn forget(&mut self) {
        self.held.clear();
        self.high = 0;
    }
}

/// Runs many sequences over one stepper.
pub struct Scheduler<'s> {
    stepper: Box<dyn Stepper + 's>,
    limits: Limits,
    tokenizer: Arc<Tokenizer>,
    vocabulary: usize,
    slots: Vec<Slot>,
    waiting: VecDeque<Sequence>,
    rows: Vec<Row>,
    scratch: Scratch,
    clock: u64,
    stats: Arc<Stats>,
}

impl<'s> Scheduler<'s> {
    /// A scheduler whose slots are empty. `vocabulary` counts the text tokens: only these are drawn. The stepper may be borrowed (`Box::new(&mut session)`).
    ///
    /// # Errors
    /// [`Error::Step`] when the stepper can hold nothing or has fewer logits than `vocabulary`.
    pub fn new(stepper: Box<dyn Stepper + 's>, tokenizer: Arc<Tokenizer>, vocabulary: usize) -> Result<Self> {
        let limits = stepper.limits();
        if limits.rows == 0 || limits.slots == 0 || limits.context == 0 || vocabulary == 0 || vocabulary > limits.vocabulary {
            return Err(Error::Step(format!("nothing can be generated with {limits:?} and {vocabulary} text tokens")));
        }
        let slot = |_| Slot { held: Vec::with_capacity(limits.context), high: 0, used: 0, take: 0, sequence: None };
        Ok(Self {
            stepper,
            limits,
            tokenizer,
            vocabulary,
            slots: (0..limits.slots).map(slot).collect(),
            waiting: VecDeque::new(),
            rows: Vec::with_capacity(limits.rows),
            scratch: Scratch::new(vocabulary),
            clock: 0,
            stats: Arc::default(),
        })
    }

    /// Queues a request. Its events come as [`Self::step`] is called.
    ///
    /// # Errors
    /// [`Error::TooLong`], or [`Error::Request`] naming the field.
    pub fn submit(&mut self, request: Request) -> Result<Receiver> {
        let (sequence, receiver) = Sequence::new(request, self.limits.context, self.vocabulary, None)?;
        self.enqueue(sequence);
        Ok(receiver)
    }

    /// One sequence as an iterator of tokens; others that run get their share of the steps.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn generate(&mut self, request: Request) -> Result<Generator<'_, 's>> {
        let receiver = self.submit(request)?;
        Ok(Generator { scheduler: self, receiver: Some(receiver), finish: None })
    }

    pub(super) fn enqueue(&mut self, sequence: Sequence) {
        self.waiting.push_back(sequence);
    }

    /// Whether a sequence runs or waits.
    pub fn busy(&self) -> bool {
        !self.waiting.is_empty() || self.slots.iter().any(|slot| slot.sequence.is_some())
    }

    /// Its counters.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// What the stepper can hold.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// One iteration: drops what nobody waits for, gives free slots to those waiting, runs one step and delivers its tokens. False when there is nothing to do.
    pub fn step(&mut self) -> bool {
        self.clock += 1;
        self.reap();
        self.admit();
        self.compose();
        if !self.rows.is_empty() {
            self.run();
        }
        self.gauge();
        self.busy()
    }

    /// Ends everything with an error.
    pub fn abort(&mut self, why: &str) {
        let stats = &self.stats;
        for mut sequence in self.waiting.drain(..).chain(self.slots.iter_mut().filter_map(|slot| slot.sequence.take())) {
            sequence.fail(Error::Stopped(why.to_owned()), stats);
        }
        self.gauge();
    }

    fn gauge(&self) {
        let running = self.slots.iter().filter(|slot| slot.sequence.is_some());
        self.stats.running.set(running.clone().count());
        self.stats.positions.set(running.map(|slot| slot.held.len()).sum());
        self.stats.waiting.set(self.waiting.len());
    }

    fn reap(&mut self) {
        let stats = &self.stats;
        self.waiting.retain_mut(|sequence| !(sequence.cancelled() && sequence.finish(Reason::Cancelled, stats)));
        for slot in &mut self.slots {
            if slot.sequence.as_mut().is_some_and(|s| s.cancelled() && s.finish(Reason::Cancelled, stats)) {
                slot.sequence = None;
            }
        }
    }

    fn admit(&mut self) {
        while let Some(sequence) = self.waiting.front_mut() {
            if sequence.empty() {
                sequence.finish(Reason::Length, &self.stats);
                self.waiting.pop_front();
                continue;
            }
            let rewind = self.limits.rewind;
            let free = self.slots.iter_mut().filter(|slot| slot.sequence.is_none());
            // A few tokens in common (every chat opens alike) are no reason to give up what a slot holds beyond them.
            let worth = |cached: usize, slot: &Slot| if cached * 2 >= sequence.prompt().len().min(slot.held.len()) { cached } else { 0 };
            let best = free
                .map(|slot| (slot.reusable(sequence.prompt(), rewind), slot))
                .max_by_key(|(cached, slot)| (worth(*cached, slot), Reverse(slot.used)));
            let Some((cached, slot)) = best else { return };
            sequence.start(cached, &self.stats);
            if cached == 0 {
                slot.forget();
            }
            slot.held.truncate(cached);
            slot.used = self.clock;
            slot.sequence = self.waiting.pop_front();
        }
    }

    /// Decides how many rows each slot gets, then writes them down. Answers under way come first; prompts share the rest evenly. The order rotates.
    fn compose(&mut self) {
        let (count, clock) = (self.slots.len(), self.clock as usize);
        let order = |i: usize| (clock + i) % count;
        let decoding = self.slots.iter().filter(|slot| slot.decoding()).count();
        let mut prompts = self.slots.iter().filter(|slot| slot.sequence.is_some()).count() - decoding;
        let mut left = self.limits.rows;
        // Even where answers alone could fill every step, prompts go on.
        let mut answers = match (prompts, left) {
            (1.., 1) => clock % 2,
            (1.., _) if decoding >= left => left - 1,
            _ => left,
        };
        for i in 0..count {
            let slot = &mut self.slots[order(i)];
            slot.take = usize::from(slot.decoding() && answers > 0);
            answers -= slot.take;
            left -= slot.take;
        }
        for i in 0..count {
            let slot = &mut self.slots[order(i)];
            if slot.sequence.is_some() && !slot.decoding() {
                slot.take = slot.wants().min(left.div_ceil(prompts));
                left -= slot.take;
                prompts -= 1;
            }
        }
        for i in 0..count {
            let slot = &mut self.slots[order(i)];
            if slot.sequence.is_some() && !slot.decoding() {
                let more = (slot.wants() - slot.take).min(left);
                slot.take += more;
                left -= more;
            }
        }
        self.rows.clear();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(sequence) = &slot.sequence else { continue };
            for position in slot.held.len()..slot.held.len() + slot.take {
                let logits = position + 1 >= sequence.prompt().len();
                self.rows.push(Row { token: sequence.token(position), slot: index as u32, position: position as u32, logits });
            }
        }
    }

    fn run(&mut self) {
        let Self { stepper, slots, rows, scratch, stats, tokenizer, vocabulary, .. } = self;
        stats.steps.add(1);
        stats.rows.observe(rows.len() as f64);
        let wanting = rows.iter().filter(|row| row.logits);
        let needs = wanting.filter_map(|row| slots[row.slot as usize].sequence.as_ref()).map(Sequence::needs).max();
        let mut sample = |index: usize, logits: Logits<'_>| {
            if let Some(sequence) = rows.get(index).and_then(|row| slots[row.slot as usize].sequence.as_mut()) {
                sequence.sample(logits, scratch);
            }
        };
        let result = match needs.unwrap_or(Needs::Best) {
            Needs::Best => stepper.step_best(rows, *vocabulary, &mut |index, id, logit| {
                if let Some(sequence) = rows.get(index).and_then(|row| slots[row.slot as usize].sequence.as_mut()) {
                    sequence.take(id, logit);
                }
            }),
            Needs::Top => stepper.step_top(rows, *vocabulary, &mut sample),
            Needs::All => stepper.step(rows, &mut |index, logits| sample(index, Logits::All(logits))),
        };
        for row in &*rows {
            slots[row.slot as usize].held.push(row.token);
        }
        for slot in slots.iter_mut().filter(|slot| slot.take > 0) {
            slot.high = slot.high.max(slot.held.len());
            let decoding = slot.decoding();
            let Some(sequence) = &mut slot.sequence else { continue };
            let ended = match &result {
                Ok(()) => decoding && sequence.advance(tokenizer, stats),
                Err(error) => sequence.fail(again(error), stats),
            };
            if ended {
                slot.sequence = None;
            }
            if result.is_err() {
                slot.forget();
            }
        }
    }
}

/// The same failure, for each sequence of the step.
fn again(error: &Error) -> Error {
    match error {
        Error::Step(why) => Error::Step(why.clone()),
        other => Error::Step(other.to_string()),
    }
}

/// The tokens of one sequence, one after another.
pub struct Generator<'a, 's> {
    scheduler: &'a mut Scheduler<'s>,
    receiver: Option<Receiver>,
    finish: Option<Finish>,
}

impl Generator<'_, '_> {
    /// How it ended; `None` before that, and after an error. Its text follows the texts of the tokens.
    pub fn finish(&self) -> Option<&Finish> {
        self.finish.as_ref()
    }
}

impl Iterator for Generator<'_, '_> {
    type Item = Result<Token>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.receiver.as_mut()?.try_recv() {
                Some(Event::Token(token)) => return Some(Ok(token)),
                Some(Event::Finish(finish)) => {
                    self.finish = Some(finish);
                    self.receiver = None;
                }
                Some(Event::Error(error)) => {
                    self.receiver = None;
                    return Some(Err(error));
                }
                None => {
                    self.scheduler.step();
                }
            }
        }
    }
}

impl Drop for Generator<'_, '_> {
    /// Frees the slot of an answer that was not heard to the end.
    fn drop(&mut self) {
        if self.receiver.take().is_some() {
            self.scheduler.reap();
        }
    }
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
