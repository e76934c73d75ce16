//! Nothing is allocated per step. One test alone in its program, because its allocator counts for the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use unicorn_artifact::tensor::Format;
use unicorn_rt::generate::{Request, Scheduler};
use unicorn_rt::load::Options;
use unicorn_rt::step::{Row, Stepper};
use unicorn_tests::{session, session_with_tokenizer, threads};

/// Allocations of all threads since the program began.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, SeqCst);
        // SAFETY: by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, SeqCst);
        // SAFETY: by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations while `work` runs.
fn counted(work: impl FnOnce()) -> usize {
    let before = COUNT.load(SeqCst);
    work();
    COUNT.load(SeqCst) - before
}

/// Returns when no allocation has been seen for a while: threads allocate as they start, which `load` does not wait for.
fn settle() {
    let mut seen = 0;
    while COUNT.load(SeqCst) != seen {
        seen = COUNT.load(SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// A prompt in steps of all sizes, single tokens with all slots in company, and a second sequence from the start: from the very first step on.
fn steps(what: &str, options: Options) {
    let mut loaded = session(Format::Q4, options);
    let session = &mut loaded.session;
    let row = |slot: u32, at: usize, logits: bool| Row { token: (at as u32 * 37 + slot * 11 + 3) % 4000, slot, position: at as u32, logits };
    let mut prompt = Vec::with_capacity(256);
    let mut sum = 0f32;
    settle();
    for count in [256, 64, 17, 16, 5, 4, 2, 1] {
        prompt.clear();
        prompt.extend((0..count).map(|at| row(0, at, at % 3 == 0)));
        let allocations = counted(|| session.step(&prompt, &mut |_, logits| sum += logits[7]).expect("a step"));
        assert_eq!(allocations, 0, "{what}: a step of {count} rows");
    }
    for slot in 1..4 {
        session.step(&[row(slot, 0, true)], &mut |_, _| {}).expect("a step");
    }
    let allocations = counted(|| {
        for at in 1..300 {
            let rows: [Row; 4] = std::array::from_fn(|slot| row(slot as u32, at, true));
            session.step(&rows, &mut |_, logits| sum += logits[7]).expect("a step");
        }
    });
    assert_eq!(allocations, 0, "{what}: steps of four sequences");
    assert!(sum.is_finite());
}

#[test]
fn a_step_allocates_nothing() {
    // The counter counts.
    assert!(counted(|| drop(std::hint::black_box(vec![1u8; 100]))) >= 1);
    for count in [1, 2] {
        steps(&format!("{count} threads"), threads(count));
    }
    steps("interpreted", Options { native: false, ..threads(1) });
    steps("mapped", Options { placement: unicorn_rt::load::Placement::Map, ..threads(1) });
    steps("dense and whole", Options { dense: true, split: false, ..threads(1) });

    // The scheduler's loop makes the text of each event, and nothing that grows.
    let (mut loaded, tokenizer) = session_with_tokenizer(Format::Q4, threads(1));
    let vocabulary = loaded.manifest.plan.model.text_vocabulary as usize;
    let mut scheduler = Scheduler::new(Box::new(&mut loaded.session), tokenizer, vocabulary).expect("a scheduler");
    let request = Request { prompt: vec![2, 500, 600], max_tokens: Some(200), ignore_eos: true, ..Request::default() };
    let mut receiver = scheduler.submit(request).expect("it fits");
    for _ in 0..50 {
        scheduler.step();
        while receiver.try_recv().is_some() {}
    }
    let allocations = counted(|| {
        for _ in 0..100 {
            scheduler.step();
            while receiver.try_recv().is_some() {}
        }
    });
    println!("the scheduler allocates {allocations} times in 100 tokens of one answer");
    assert!(allocations <= 300, "{allocations} allocations for 100 tokens");
}
