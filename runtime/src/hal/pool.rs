//! Worker threads that run the phases of a job, divided into chunks that whoever is free takes next.
//!
//! Threads meet by work, not by headcount: a phase is over when its chunks are done, whoever did them. A thread that lost its core to another process
//! holds nobody up unless it was amid a chunk, so a busy machine costs speed in proportion and no more.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{JoinHandle, Thread};

/// Spins before a waiting thread gives its core away, and before an idle one sleeps.
const SPINS: u32 = 1000;

/// Spins that other threads leave a phase of one chunk to the calling thread: what such phases pass on to each other then stays in its cache.
const COURTESY: u32 = 100;

/// Chunks of a phase at most.
pub const MAX_CHUNKS: usize = 4095;

/// A job: called with phase, chunk and thread.
type Job = dyn Fn(usize, usize, usize) + Sync;

/// Phase number, chunk count and next chunk in one word, so that taking a chunk is one atomic addition that says at once whether there was one.
/// Count 0: no job.
#[derive(Clone, Copy)]
struct State(u64);

impl State {
    fn new(phase: u32, count: usize) -> Self {
        Self(u64::from(phase) << 32 | (count as u64) << 20)
    }

    fn phase(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn count(self) -> usize {
        (self.0 >> 20) as usize & MAX_CHUNKS
    }

    fn next(self) -> usize {
        (self.0 & 0xf_ffff) as usize
    }
}

/// The present job. Written by [`Pool::run`] while no phase is open, read by threads that hold a chunk.
struct Task {
    job: *const Job,
    counts: *const [u16],
    first: u32,
}

struct Shared {
    state: AtomicU64,
    done: AtomicU32,
    task: UnsafeCell<Option<Task>>,
    /// Workers that have begun: a new thread allocates a little of its own, which belongs to loading.
    alive: AtomicU32,
    stop: AtomicBool,
}

// SAFETY: `task` is written only while no chunk is out and read only by those who hold one; the rest is atomic.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn state(&self) -> State {
        State(self.state.load(Ordering::Acquire))
    }

    /// Runs one chunk, if there is one.
    fn work(&self, thread: usize, spins: u32) -> bool {
        let seen = self.state();
        if seen.next() >= seen.count() || (seen.count() == 1 && thread != 0 && spins < COURTESY) {
            return false;
        }
        let ticket = State(self.state.fetch_add(1, Ordering::AcqRel));
        if ticket.next() >= ticket.count() {
            return false;
        }
        // SAFETY: this thread holds a chunk of an open phase, so the task was written before the phase was opened and stays until the chunk is done.
        let task = unsafe { (*self.task.get()).as_ref() };
        let Some(task) = task else { return false };
        let phase = ticket.phase().wrapping_sub(task.first) as usize;
        let guard = AbortOnPanic;
        // SAFETY: `Pool::run` keeps job and counts alive until the last phase is over.
        let (job, counts) = unsafe { (&*task.job, &*task.counts) };
        job(phase, ticket.next(), thread);
        std::mem::forget(guard);
        let following = counts.get(phase + 1).map_or(0, |c| usize::from(*c));
        if self.done.fetch_add(1, Ordering::AcqRel) as usize + 1 == ticket.count() {
            self.done.store(0, Ordering::Relaxed);
            self.state.store(State::new(ticket.phase().wrapping_add(1), following).0, Ordering::Release);
        }
        true
    }
}

/// The pool. The calling thread is worker 0.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<(Thread, JoinHandle<()>)>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish()
    }
}

impl Pool {
    /// Starts `threads - 1` workers.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            done: AtomicU32::new(0),
            task: UnsafeCell::new(None),
            alive: AtomicU32::new(0),
            stop: AtomicBool::new(false),
        });
        let mut pool = Self { shared, workers: vec![] };
        for number in 1..threads.max(1) {
            let shared = pool.shared.clone();
            let handle = std::thread::Builder::new().name(format!("unicorn-{number}")).stack_size(1 << 20).spawn(move || live(&shared, number))?;
            pool.workers.push((handle.thread().clone(), handle));
        }
        while (pool.shared.alive.load(Ordering::Acquire) as usize) < pool.workers.len() {
            std::thread::yield_now();
        }
        Ok(pool)
    }

    /// Threads that run a job, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs a job of `counts.len()` phases, phase `p` in `counts[p]` chunks; returns when all are done. What a phase wrote, the next one sees.
    ///
    /// # Panics
    /// If a count is 0 or above [`MAX_CHUNKS`].
    pub fn run(&mut self, counts: &[u16], job: &(dyn Fn(usize, usize, usize) + Sync)) {
        assert!(counts.iter().all(|c| (1..=MAX_CHUNKS).contains(&usize::from(*c))), "chunks of a phase");
        let Some(&count) = counts.first() else { return };
        let first = self.shared.state().phase().wrapping_add(1);
        let end = first.wrapping_add(counts.len() as u32);
        // SAFETY: only the lifetime is erased; this function returns after the last chunk, and no thread follows the pointers without holding one.
        let job = unsafe { std::mem::transmute::<*const (dyn Fn(usize, usize, usize) + Sync + '_), *const Job>(job) };
        // SAFETY: no phase is open, so nobody reads the task.
        unsafe { *self.shared.task.get() = Some(Task { job, counts, first }) };
        self.shared.state.store(State::new(first, usize::from(count)).0, Ordering::Release);
        for (worker, _) in &self.workers {
            worker.unpark();
        }
        let mut spins = 0;
        while self.shared.state().phase() != end {
            if self.shared.work(0, spins) {
                spins = 0;
            } else {
                spins += 1;
                if spins > SPINS { std::thread::yield_now() } else { std::hint::spin_loop() }
            }
        }
    }
}

/// A worker's life.
fn live(shared: &Shared, number: usize) {
    shared.alive.fetch_add(1, Ordering::Release);
    let mut spins = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        if shared.work(number, spins) {
            spins = 0;
            continue;
        }
        spins += 1;
        match (spins > SPINS, shared.state().count()) {
            (false, _) => std::hint::spin_loop(),
            // Between the steps of a running generation a few microseconds pass; when nothing comes, sleep until unparked.
            (true, 0) => std::thread::park(),
            (true, _) => std::thread::yield_now(),
        }
    }
}

/// A chunk that is never finished would leave the others waiting for ever; a fault of ours is better seen.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        eprintln!("unicorn-rt: internal fault in a worker thread; stopping");
        std::process::abort();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for (thread, handle) in self.workers.drain(..) {
            thread.unpark();
            // A worker that panicked has aborted the process already.
            let _ = handle.join();
        }
    }
}

/// Part `part` of `parts` of `0..items`, in whole multiples of `granule`.
pub fn share(items: usize, granule: usize, part: usize, parts: usize) -> std::ops::Range<usize> {
    let blocks = items.div_ceil(granule);
    let at = |t: usize| (blocks * t / parts * granule).min(items);
    at(part)..at(part + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn every_chunk_runs_once_and_phases_do_not_mix() {
        let mut pool = Pool::new(3).unwrap();
        let counts: Vec<u16> = (0..40).map(|p| 1 + p * 7 % 5).collect();
        for _ in 0..200 {
            let ran: Vec<AtomicUsize> = counts.iter().map(|_| AtomicUsize::new(0)).collect();
            let mixed = AtomicUsize::new(0);
            pool.run(&counts, &|phase, chunk, thread| {
                assert!(chunk < usize::from(counts[phase]) && thread < 3);
                let before_done = phase == 0 || ran[phase - 1].load(Ordering::Relaxed) == usize::from(counts[phase - 1]);
                let after_begun = ran.get(phase + 1).is_some_and(|r| r.load(Ordering::Relaxed) > 0);
                if !before_done || after_begun {
                    mixed.fetch_add(1, Ordering::Relaxed);
                }
                ran[phase].fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(mixed.into_inner(), 0);
            assert!(ran.iter().zip(&counts).all(|(r, c)| r.load(Ordering::Relaxed) == usize::from(*c)));
        }
    }

    #[test]
    fn shares_cover_everything_once() {
        for (items, granule, parts) in [(0, 1, 2), (1, 1, 4), (7, 1, 3), (130, 64, 2), (256, 64, 8)] {
            let mut next = 0;
            for part in 0..parts {
                let range = share(items, granule, part, parts);
                assert!(range.start == next && (range.start.is_multiple_of(granule) || range.is_empty()));
                next = range.end;
            }
            assert_eq!(next, items);
        }
    }
}
