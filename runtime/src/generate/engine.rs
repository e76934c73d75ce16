//! A thread that owns a scheduler, behind a bounded queue. Clients come and go; the engine never waits for one.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::channel::Receiver;
use super::scheduler::Scheduler;
use super::sequence::{Sequence, Ticket};
use super::stats::Stats;
use super::{Request, check};
use crate::step::{Limits, Stepper};
use crate::tokens::Tokenizer;
use crate::{Error, Result};

/// How an engine runs.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Text tokens: only these are drawn.
    pub text_vocabulary: usize,
    /// Requests that may wait beyond those in slots.
    pub queue: usize,
}

#[derive(Default)]
struct Inbox {
    incoming: Vec<Sequence>,
    draining: bool,
    /// Why everything is to end now.
    abort: Option<&'static str>,
    /// Why the thread has ended.
    ended: Option<&'static str>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    wake: Condvar,
    /// Requests that wait or run.
    held: Arc<AtomicUsize>,
    stats: Arc<Stats>,
    limits: Limits,
    config: EngineConfig,
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.inbox().abort.get_or_insert("it was closed");
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // Panics of the thread are already told to those who wait.
            let _ = thread.join();
        }
    }
}

/// A running engine; clones are the same engine. It ends when the last one is dropped.
#[derive(Clone)]
pub struct Engine(Arc<Handle>);

impl Engine {
    /// Starts the thread.
    ///
    /// # Errors
    /// As [`Scheduler::new`]; [`Error::Stopped`] when the system gives no thread.
    pub fn new(stepper: Box<dyn Stepper>, tokenizer: Arc<Tokenizer>, config: EngineConfig) -> Result<Self> {
        let mut scheduler = Scheduler::new(stepper, tokenizer, config.text_vocabulary)?;
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            wake: Condvar::new(),
            held: Arc::default(),
            stats: scheduler.stats().clone(),
            limits: scheduler.limits(),
            config,
        });
        let inner = shared.clone();
        let body = move || {
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| run(&inner, &mut scheduler)));
            drop(scheduler);
            let mut inbox = inner.inbox();
            inbox.ended = Some(ended.unwrap_or("it failed inside; see the log"));
            inbox.incoming.clear();
        };
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(body)
            .map_err(|e| Error::Stopped(format!("the system gives it no thread: {e}")))?;
        Ok(Self(Arc::new(Handle { shared, thread: Some(thread) })))
    }

    /// Queues requests, all or none; one receiver each. Dropping a receiver cancels its sequence.
    ///
    /// # Errors
    /// [`Error::Request`] or [`Error::TooLong`] for the first wrong one, [`Error::Busy`] when the queue is full, [`Error::Stopped`] when the engine takes no more.
    pub fn submit(&self, requests: Vec<Request>) -> Result<Vec<Receiver>> {
        let shared = &self.0.shared;
        let (context, vocabulary) = (shared.limits.context, shared.config.text_vocabulary);
        for request in &requests {
            check(request, context, vocabulary)?;
            request.params.check(vocabulary)?;
        }
        let tickets: Vec<Ticket> = {
            // The lock makes looking and taking one thing.
            let _inbox = shared.inbox();
            let held = shared.held.load(SeqCst);
            if held + requests.len() > self.capacity() {
                shared.stats.rejected.add(requests.len());
                return Err(Error::Busy(held.saturating_sub(shared.limits.slots)));
            }
            shared.held.fetch_add(requests.len(), SeqCst);
            requests.iter().map(|_| Ticket(shared.held.clone())).collect()
        };
        let mut sequences = Vec::with_capacity(requests.len());
        let mut receivers = Vec::with_capacity(requests.len());
        for (request, ticket) in requests.into_iter().zip(tickets) {
            let (sequence, receiver) = Sequence::new(request, context, vocabulary, Some(ticket))?;
            sequences.push(sequence);
            receivers.push(receiver);
        }
        let mut inbox = shared.inbox();
        if let Some(why) = inbox.ended.or(inbox.abort).or(inbox.draining.then_some("it is shutting down")) {
            return Err(Error::Stopped(why.to_owned()));
        }
        inbox.incoming.append(&mut sequences);
        drop(inbox);
        shared.wake.notify_one();
        Ok(receivers)
    }

    /// Requests that can wait or run at once.
    pub fn capacity(&self) -> usize {
        self.0.shared.limits.slots + self.0.shared.config.queue
    }

    /// Requests that wait or run now.
    pub fn held(&self) -> usize {
        self.0.shared.held.load(SeqCst)
    }

    /// Its counters.
    pub fn stats(&self) -> &Stats {
        &self.0.shared.stats
    }

    /// What it can hold.
    pub fn limits(&self) -> Limits {
        self.0.shared.limits
    }

    /// Why it takes no requests; `None` while it does.
    pub fn stopped(&self) -> Option<&'static str> {
        let inbox = self.0.shared.inbox();
        inbox.ended.or(inbox.abort).or(inbox.draining.then_some("it is shutting down"))
    }

    /// Takes no more requests; those it holds are finished.
    pub fn drain(&self) {
        self.0.shared.inbox().draining = true;
        self.0.shared.wake.notify_one();
    }

    /// Ends everything now, with an error to those who wait.
    pub fn abort(&self) {
        self.0.shared.inbox().abort.get_or_insert("it is shutting down");
        self.0.shared.wake.notify_one();
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("held", &self.held()).field("limits", &self.limits()).finish_non_exhaustive()
    }
}

/// The thread: says why it ended.
fn run(shared: &Shared, scheduler: &mut Scheduler<'_>) -> &'static str {
    loop {
        {
            let mut inbox = shared.inbox();
            loop {
                if let Some(why) = inbox.abort {
                    for sequence in inbox.incoming.drain(..) {
                        scheduler.enqueue(sequence);
                    }
                    scheduler.abort(why);
                    return why;
                }
                if scheduler.busy() || !inbox.incoming.is_empty() {
                    break;
                }
                if inbox.draining {
                    return "it is shutting down";
                }
                inbox = shared.wake.wait(inbox).unwrap_or_else(PoisonError::into_inner);
            }
            for sequence in inbox.incoming.drain(..) {
                scheduler.enqueue(sequence);
            }
        }
        scheduler.step();
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
