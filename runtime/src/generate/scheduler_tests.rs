//! Batched is alone, chunked is whole, cached is fresh; slots come back; rules of rows are kept (the fake stepper checks them).

use super::super::fake::{Fake, TEXT, limits};
use super::*;
use crate::sample::{Random, SamplingParams};
use crate::tokens::demo;
use std::sync::LazyLock;

static TOKENIZER: LazyLock<Arc<Tokenizer>> = LazyLock::new(|| Arc::new(demo()));

fn scheduler(limits: Limits) -> Scheduler<'static> {
    Scheduler::new(Box::new(Fake::new(limits)), TOKENIZER.clone(), TEXT).unwrap()
}

fn request(prompt: Vec<u32>, max_tokens: usize) -> Request {
    Request { prompt, max_tokens: Some(max_tokens), params: SamplingParams::greedy(), ..Request::default() }
}

/// Prompts of different lengths, some of them drawn with a seed.
fn requests(count: usize, seed: u64) -> Vec<Request> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|i| {
            let length = 1 + random.bits() as usize % 60;
            let prompt = (0..length).map(|_| 30 + (random.bits() % 4000) as u32).collect();
            let mut request = request(prompt, 1 + random.bits() as usize % 20);
            if i % 2 == 1 {
                request.params = SamplingParams { seed: Some(i as u64), top_p: 0.9, presence_penalty: 0.5, ..SamplingParams::default() };
            }
            request
        })
        .collect()
}

#[derive(Debug, PartialEq)]
struct Answer {
    ids: Vec<u32>,
    text: String,
    reason: Reason,
    cached: usize,
}

fn collect(receiver: &mut Receiver) -> Answer {
    let mut answer = Answer { ids: Vec::new(), text: String::new(), reason: Reason::Cancelled, cached: 0 };
    loop {
        match receiver.try_recv().expect("the answer is not complete") {
            Event::Token(token) => {
                answer.ids.push(token.id);
                answer.text.push_str(&token.text);
            }
            Event::Finish(finish) => {
                answer.text.push_str(&finish.text);
                answer.reason = finish.reason;
                answer.cached = finish.usage.cached;
                return answer;
            }
            Event::Error(error) => panic!("{error}"),
        }
    }
}

fn run(scheduler: &mut Scheduler<'_>, requests: &[Request]) -> Vec<Answer> {
    let mut receivers: Vec<Receiver> = requests.iter().map(|r| scheduler.submit(r.clone()).unwrap()).collect();
    while scheduler.step() {}
    receivers.iter_mut().map(collect).collect()
}

fn alone(request: &Request) -> Answer {
    run(&mut scheduler(limits()), std::slice::from_ref(request)).remove(0)
}

fn ids(answers: &[Answer]) -> Vec<&[u32]> {
    answers.iter().map(|a| a.ids.as_slice()).collect()
}

#[test]
fn batched_equals_alone_with_any_limits() {
    let requests = requests(23, 1);
    let expected: Vec<Answer> = requests.iter().map(alone).collect();
    assert!(expected.iter().all(|a| !a.ids.is_empty() && a.text == TOKENIZER.decode(&a.ids, false)));
    for (rows, slots) in [(1, 1), (1, 4), (2, 3), (3, 8), (7, 2), (16, 4), (256, 23)] {
        let mut scheduler = scheduler(Limits { rows, slots, ..limits() });
        assert_eq!(ids(&run(&mut scheduler, &requests)), ids(&expected), "{rows} rows, {slots} slots");
        assert_eq!(scheduler.stats().running.get(), 0);
    }
}

#[test]
fn requests_that_arrive_while_others_run_change_nothing() {
    let requests = requests(12, 2);
    let expected: Vec<Answer> = requests.iter().map(alone).collect();
    let mut scheduler = scheduler(limits());
    let mut receivers = Vec::new();
    for request in &requests {
        receivers.push(scheduler.submit(request.clone()).unwrap());
        scheduler.step();
        scheduler.step();
    }
    while scheduler.step() {}
    let answers: Vec<Answer> = receivers.iter_mut().map(collect).collect();
    assert_eq!(ids(&answers), ids(&expected));
}

#[test]
fn a_step_carries_every_answer_and_fills_up_with_prompts() {
    let fake = Fake::new(limits());
    let log = fake.log.clone();
    let mut scheduler = Scheduler::new(Box::new(fake), TOKENIZER.clone(), TEXT).unwrap();
    let short = scheduler.submit(request(vec![40], 50)).unwrap();
    scheduler.step();
    let long: Vec<Receiver> = (0..2).map(|i| scheduler.submit(request(vec![50 + i; 60], 5)).unwrap()).collect();
    scheduler.step();
    let rows = log.lock().unwrap().last().unwrap().clone();
    let of = |slot| rows.iter().filter(|row| row.slot == slot).count();
    let mut counts: Vec<usize> = (0..4).map(of).collect();
    counts.sort_unstable();
    assert_eq!((counts.as_slice(), of(rows.iter().find(|row| row.logits).unwrap().slot)), (&[0, 1, 7, 8][..], 1));
    drop((short, long));
    assert!(!scheduler.step());
}

#[test]
fn prompts_go_on_beside_more_answers_than_rows() {
    for rows in [1, 2] {
        let mut scheduler = scheduler(Limits { rows, ..limits() });
        let endless: Vec<Receiver> = (0..3).map(|i| scheduler.submit(request(vec![40 + i], 90)).unwrap()).collect();
        for _ in 0..12 {
            scheduler.step();
        }
        let mut late = scheduler.submit(request(vec![50; 4], 1)).unwrap();
        for _ in 0..16 {
            scheduler.step();
        }
        assert_eq!(collect(&mut late).ids.len(), 1);
        drop(endless);
    }
}

#[test]
fn a_shared_beginning_is_taken_over() {
    let mut scheduler = scheduler(limits());
    let first = request((100..140).collect(), 10);
    let answer = run(&mut scheduler, std::slice::from_ref(&first)).remove(0);
    assert_eq!(answer.cached, 0);
    // The next turn: the prompt, the answer, and more. All but the last token drawn was stepped.
    let mut longer = first.clone();
    longer.prompt.extend(&answer.ids);
    longer.prompt.extend([200, 201]);
    let next = run(&mut scheduler, std::slice::from_ref(&longer)).remove(0);
    assert_eq!((next.cached, &next.ids), (49, &alone(&longer).ids));
    // The same prompt again: all but its last token. Then one that parts early.
    let again = run(&mut scheduler, std::slice::from_ref(&first)).remove(0);
    assert_eq!((again.cached, &again.ids), (39, &answer.ids));
    let mut other = first.clone();
    other.prompt[30] = 7;
    let other_answer = run(&mut scheduler, std::slice::from_ref(&other)).remove(0);
    assert_eq!((other_answer.cached, &other_answer.ids), (30, &alone(&other).ids));
    assert_eq!(scheduler.stats().cached_tokens.get(), 49 + 39 + 30);
}

#[test]
fn the_longest_beginning_wins_then_the_slot_unused_longest() {
    let mut scheduler = scheduler(limits());
    for i in 0..4 {
        run(&mut scheduler, &[request(vec![40, 50 + i, 60, 70], 1)]);
    }
    assert_eq!(run(&mut scheduler, &[request(vec![40, 52, 60, 71], 1)])[0].cached, 3);
    // Nothing in common: the first slot goes, the others keep what they hold.
    run(&mut scheduler, &[request(vec![90, 91], 1)]);
    assert_eq!(run(&mut scheduler, &[request(vec![40, 51, 60, 70], 1)])[0].cached, 3);
    assert_eq!(run(&mut scheduler, &[request(vec![40, 53, 60, 70], 1)])[0].cached, 3);
    assert_eq!(run(&mut scheduler, &[request(vec![90, 91, 92], 1)])[0].cached, 2);
}

#[test]
fn what_lies_too_far_behind_is_run_again() {
    let prompt: Vec<u32> = (100..150).collect();
    for (rewind, keep, cached) in [(0, 40, 0), (1, 50, 49), (10, 45, 45), (10, 42, 42), (10, 40, 0), (10, 3, 0), (96, 3, 3)] {
        let mut scheduler = scheduler(Limits { slots: 1, rewind, ..limits() });
        // One token is drawn and never stepped: the slot holds the 50 of the prompt.
        run(&mut scheduler, &[request(prompt.clone(), 1)]);
        let mut other = request(prompt[..keep].to_vec(), 3);
        other.prompt.push(if keep < 50 { 9 } else { 8 });
        let mut expected = cached;
        if keep == 50 {
            expected = 50;
        }
        let answer = run(&mut scheduler, &[other.clone()]).remove(0);
        assert_eq!((answer.cached, &answer.ids), (expected, &alone(&other).ids), "rewind {rewind}, keep {keep}");
    }
    // Rewinding twice reaches no further back than the first time.
    let mut scheduler = scheduler(Limits { slots: 1, rewind: 10, ..limits() });
    for (keep, cached) in [(50, 0), (44, 44), (38, 0)] {
        let mut turn = request(prompt[..keep].to_vec(), 1);
        turn.prompt.push(9);
        assert_eq!(run(&mut scheduler, &[turn])[0].cached, cached);
    }
}

#[test]
fn stop_tokens_and_stop_texts_end_an_answer() {
    let free = alone(&request(vec![77, 78], 30));
    assert_eq!((free.reason, free.ids.len()), (Reason::Length, 30));
    let stop = Request { stop_ids: vec![free.ids[4]], ..request(vec![77, 78], 30) };
    let stopped = alone(&stop);
    assert_eq!((stopped.reason, stopped.ids.as_slice()), (Reason::Stop, &free.ids[..4]));
    assert_eq!(stopped.text, TOKENIZER.decode(&free.ids[..4], false));
    assert_eq!(alone(&Request { ignore_eos: true, ..stop }).ids, free.ids);
    // Every piece of the text as a stop text, across tokens: the answer ends in front of it.
    let places: Vec<usize> = free.text.char_indices().map(|(i, _)| i).collect();
    for pair in places.windows(5).step_by(3) {
        let stop = free.text[pair[0]..pair[4]].to_owned();
        let answer = alone(&Request { stop: vec![stop.clone()], ..request(vec![77, 78], 30) });
        assert_eq!((answer.reason, answer.text.as_str()), (Reason::Stop, &free.text[..free.text.find(&stop).unwrap()]), "{stop:?}");
    }
}

#[test]
fn a_full_context_ends_an_answer() {
    let context = limits().context;
    for (prompt, expected) in [(1, context), (context - 1, 2), (context, 1)] {
        let open = Request { max_tokens: None, ..request(vec![60; prompt], 0) };
        let answer = alone(&open);
        assert_eq!((answer.reason, answer.ids.len()), (Reason::Length, expected));
    }
    let mut scheduler = scheduler(limits());
    let long = scheduler.submit(request(vec![60; context + 1], 1));
    assert!(matches!(long, Err(Error::TooLong { prompt, context: c }) if prompt == context + 1 && c == context));
    let none = run(&mut scheduler, &[request(vec![60], 0)]).remove(0);
    assert_eq!((none.reason, none.ids.len()), (Reason::Length, 0));
}

#[test]
fn impossible_requests_are_refused_by_field() {
    let mut scheduler = scheduler(limits());
    let cases = [
        ("prompt", request(vec![], 1)),
        ("prompt", request(vec![TEXT as u32], 1)),
        ("stop", Request { stop: vec![String::new()], ..request(vec![40], 1) }),
        ("temperature", Request { params: SamplingParams { temperature: -1.0, ..SamplingParams::default() }, ..request(vec![40], 1) }),
    ];
    for (name, request) in cases {
        assert!(matches!(scheduler.submit(request), Err(Error::Request { field, .. }) if field == name), "{name}");
    }
    assert!(!scheduler.step());
}

#[test]
fn a_dropped_receiver_frees_its_slot() {
    let mut scheduler = scheduler(limits());
    let receivers: Vec<Receiver> = (0..9).map(|i| scheduler.submit(request(vec![40 + i; 30], 60)).unwrap()).collect();
    for _ in 0..5 {
        scheduler.step();
    }
    assert_eq!((scheduler.stats().running.get(), scheduler.stats().waiting.get()), (4, 5));
    drop(receivers);
    assert!(!scheduler.step());
    assert_eq!((scheduler.stats().running.get(), scheduler.stats().waiting.get(), scheduler.stats().cancelled.get()), (0, 0, 9));
    // What the slots hold is still true.
    let requests = requests(6, 5);
    assert_eq!(ids(&run(&mut scheduler, &requests)), ids(&requests.iter().map(alone).collect::<Vec<_>>()));
}

#[test]
fn a_failed_step_ends_its_sequences_and_no_others() {
    let mut fake = Fake::new(limits());
    fake.fail = Some(3);
    let mut scheduler = Scheduler::new(Box::new(fake), TOKENIZER.clone(), TEXT).unwrap();
    let requests = requests(8, 6);
    let mut receivers: Vec<Receiver> = requests.iter().map(|r| scheduler.submit(r.clone()).unwrap()).collect();
    while scheduler.step() {}
    let mut failed = 0;
    for (receiver, request) in receivers.iter_mut().zip(&requests) {
        let events: Vec<Event> = std::iter::from_fn(|| receiver.try_recv()).collect();
        let tokens: Vec<u32> = events.iter().filter_map(|e| if let Event::Token(t) = e { Some(t.id) } else { None }).collect();
        match events.last() {
            Some(Event::Error(Error::Step(_))) => failed += 1,
            Some(Event::Finish(_)) => assert_eq!(tokens, alone(request).ids),
            other => panic!("{other:?}"),
        }
    }
    assert!((1..=4).contains(&failed), "{failed}");
    assert_eq!(scheduler.stats().failed.get(), failed);
}

#[test]
fn a_generator_gives_the_same_tokens_over_a_borrowed_stepper() {
    let mut fake = Fake::new(limits());
    let mut scheduler = Scheduler::new(Box::new(&mut fake), TOKENIZER.clone(), TEXT).unwrap();
    for request in requests(3, 8) {
        let mut generator = scheduler.generate(request.clone()).unwrap();
        let tokens: Vec<u32> = generator.by_ref().map(|t| t.unwrap().id).collect();
        assert_eq!(generator.finish().unwrap().usage.completion, tokens.len());
        assert_eq!(tokens, alone(&request).ids);
    }
    let mut generator = scheduler.generate(request(vec![40], 50)).unwrap();
    assert!(generator.next().unwrap().is_ok());
    drop(generator);
    assert!(!scheduler.busy());
}

#[test]
fn a_stepper_without_room_is_refused() {
    for bad in [Limits { rows: 0, ..limits() }, Limits { slots: 0, ..limits() }, Limits { vocabulary: TEXT - 1, ..limits() }] {
        assert!(Scheduler::new(Box::new(Fake::new(bad)), TOKENIZER.clone(), TEXT).is_err());
    }
}
