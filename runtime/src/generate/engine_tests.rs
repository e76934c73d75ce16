//! The thread: queue full, cancel, drain, abort, and a stepper that panics.

use std::time::{Duration, Instant};

use super::super::fake::{Fake, TEXT, limits};
use super::super::{Event, Reason};
use super::*;
use crate::sample::SamplingParams;
use crate::tokens::demo;

fn engine(queue: usize, change: impl FnOnce(&mut Fake)) -> Engine {
    let mut fake = Fake::new(limits());
    change(&mut fake);
    Engine::new(Box::new(fake), Arc::new(demo()), EngineConfig { text_vocabulary: TEXT, queue }).unwrap()
}

fn request(max_tokens: usize) -> Request {
    Request { prompt: vec![40, 41], max_tokens: Some(max_tokens), params: SamplingParams::greedy(), ..Request::default() }
}

fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn end(receiver: &mut Receiver) -> (usize, Option<Event>) {
    let mut tokens = 0;
    loop {
        match receiver.recv() {
            Some(Event::Token(_)) => tokens += 1,
            other => return (tokens, other),
        }
    }
}

#[test]
fn many_threads_get_the_same_answer() {
    let engine = engine(64, |_| ());
    let ids = |engine: &Engine| {
        let mut receiver = engine.submit(vec![request(20)]).unwrap().remove(0);
        std::iter::from_fn(|| receiver.recv()).filter_map(|e| if let Event::Token(t) = e { Some(t.id) } else { None }).collect::<Vec<_>>()
    };
    let expected = ids(&engine);
    assert_eq!(expected.len(), 20);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..24).map(|_| scope.spawn(|| ids(&engine))).collect();
        assert!(threads.into_iter().all(|t| t.join().unwrap() == expected));
    });
    until(|| engine.held() == 0);
    assert_eq!(engine.stats().length.get(), 25);
    assert_eq!(engine.stats().first_token.count(), 25);
    assert_eq!(engine.stats().between_tokens.count(), 25 * 19);
}

#[test]
fn a_full_queue_says_busy_and_takes_all_or_none() {
    let engine = engine(2, |fake| fake.delay = Duration::from_millis(5));
    assert_eq!(engine.capacity(), 6);
    let held = engine.submit(vec![request(90); 5]).unwrap();
    assert!(matches!(engine.submit(vec![request(1); 2]), Err(Error::Busy(1))));
    let last = engine.submit(vec![request(1)]).unwrap();
    assert!(matches!(engine.submit(vec![request(1)]), Err(Error::Busy(2))));
    assert_eq!(engine.stats().rejected.get(), 3);
    drop((held, last));
    until(|| engine.held() == 0);
    assert!(engine.submit(vec![request(1)]).is_ok());
}

#[test]
fn draining_finishes_what_runs_and_takes_no_more() {
    let engine = engine(8, |fake| fake.delay = Duration::from_millis(2));
    let mut receivers = engine.submit(vec![request(30); 6]).unwrap();
    engine.drain();
    assert!(matches!(engine.submit(vec![request(1)]), Err(Error::Stopped(_))));
    for receiver in &mut receivers {
        assert!(matches!(end(receiver), (30, Some(Event::Finish(f))) if f.reason == Reason::Length));
    }
    until(|| engine.held() == 0);
    assert!(engine.stopped().is_some());
}

#[test]
fn aborting_tells_those_who_wait() {
    let engine = engine(8, |fake| fake.delay = Duration::from_millis(5));
    let mut receivers = engine.submit(vec![request(90); 8]).unwrap();
    until(|| engine.stats().running.get() == 4);
    engine.abort();
    for receiver in &mut receivers {
        assert!(matches!(end(receiver).1, Some(Event::Error(Error::Stopped(_)))));
    }
    until(|| engine.held() == 0);
}

#[test]
fn a_panic_below_is_an_end_not_a_hang() {
    let engine = engine(8, |fake| fake.panic = Some(2));
    let mut receiver = engine.submit(vec![request(30)]).unwrap().remove(0);
    assert!(end(&mut receiver).1.is_none());
    until(|| engine.stopped().is_some());
    assert!(matches!(engine.submit(vec![request(1)]), Err(Error::Stopped(_))));
    until(|| engine.held() == 0);
}
