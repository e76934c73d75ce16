//! Worker threads that run one job together: woken once a step, in lockstep by a spinning barrier within it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};

/// Spins before a waiting thread gives its core away. Commands take microseconds; a longer wait means that the other thread lost its core.
const SPINS: u32 = 4000;

/// A barrier for a fixed number of threads.
#[derive(Debug)]
pub struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    generation: AtomicU32,
}

impl Barrier {
    fn new(threads: usize) -> Self {
        Self { threads, waiting: AtomicUsize::new(0), generation: AtomicU32::new(0) }
    }

    /// Returns when all threads have called it; what they wrote before is then visible to all.
    pub fn wait(&self) {
        if self.threads == 1 {
            return;
        }
        let generation = self.generation.load(Ordering::Relaxed);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.waiting.store(0, Ordering::Relaxed);
            self.generation.store(generation.wrapping_add(1), Ordering::Release);
            return;
        }
        spin_until(|| self.generation.load(Ordering::Acquire) != generation);
    }
}

fn spin_until(done: impl Fn() -> bool) {
    let mut spins = 0u32;
    while !done() {
        spins += 1;
        if spins > SPINS { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

/// A job: called once on every thread with the thread's number and the barrier.
type Job = dyn Fn(usize, &Barrier) + Sync;

struct Shared {
    barrier: Barrier,
    /// The job of the present epoch; null between jobs.
    job: Mutex<Option<*const Job>>,
    epoch: AtomicU32,
    running: AtomicUsize,
    stop: AtomicBool,
}

// SAFETY: the job pointer is only followed while `Pool::run` keeps the closure alive.
unsafe impl Send for Shared {}
// SAFETY: as above; all fields are atomics or behind a lock.
unsafe impl Sync for Shared {}

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
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            barrier: Barrier::new(threads),
            job: Mutex::new(None),
            epoch: AtomicU32::new(0),
            running: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let mut pool = Self { shared, workers: vec![] };
        for number in 1..threads {
            let shared = pool.shared.clone();
            let handle = std::thread::Builder::new().name(format!("unicorn-{number}")).stack_size(1 << 20).spawn(move || work(&shared, number))?;
            pool.workers.push((handle.thread().clone(), handle));
        }
        Ok(pool)
    }

    /// Threads that run a job, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `job` on all threads and returns when all are done.
    pub fn run(&mut self, job: &(dyn Fn(usize, &Barrier) + Sync)) {
        if self.workers.is_empty() {
            job(0, &self.shared.barrier);
            return;
        }
        // SAFETY: only the lifetime is erased; this function does not return before every worker has let go of the job.
        let erased: *const Job = unsafe { std::mem::transmute::<*const (dyn Fn(usize, &Barrier) + Sync + '_), *const Job>(job) };
        *self.shared.job.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(erased);
        self.shared.running.store(self.workers.len(), Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        for (worker, _) in &self.workers {
            worker.unpark();
        }
        let guard = AbortOnPanic;
        job(0, &self.shared.barrier);
        std::mem::forget(guard);
        spin_until(|| self.shared.running.load(Ordering::Acquire) == 0);
    }
}

fn work(shared: &Shared, number: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0u32;
        while shared.epoch.load(Ordering::Acquire) == seen {
            if shared.stop.load(Ordering::Relaxed) {
                return;
            }
            spins += 1;
            // Between the steps of a running generation a few microseconds pass; when nothing comes, sleep until unparked.
            if spins > SPINS { std::thread::park() } else { std::hint::spin_loop() }
        }
        seen = shared.epoch.load(Ordering::Acquire);
        let job = *shared.job.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(job) = job {
            let guard = AbortOnPanic;
            // SAFETY: `Pool::run` keeps the closure alive until `running` reaches zero.
            unsafe { (*job)(number, &shared.barrier) };
            std::mem::forget(guard);
        }
        shared.running.fetch_sub(1, Ordering::Release);
    }
}

/// A thread that dies between two barriers would leave the others waiting for ever; a fault of ours is better seen.
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

/// The part of `0..items` that thread `thread` of `threads` takes, in whole multiples of `granule`.
pub fn share(items: usize, granule: usize, thread: usize, threads: usize) -> std::ops::Range<usize> {
    let blocks = items.div_ceil(granule);
    let at = |t: usize| (blocks * t / threads * granule).min(items);
    at(thread)..at(thread + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_runs_every_job_once_and_in_lockstep() {
        let mut pool = Pool::new(3).unwrap();
        let (counter, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
        for round in 1..=500 {
            pool.run(&|_, barrier| {
                counter.fetch_add(1, Ordering::Relaxed);
                barrier.wait();
                if counter.load(Ordering::Relaxed) != 3 * round {
                    late.fetch_add(1, Ordering::Relaxed);
                }
                barrier.wait();
            });
        }
        assert_eq!((counter.into_inner(), late.into_inner()), (1500, 0));
    }

    #[test]
    fn shares_cover_everything_once() {
        for (items, granule, threads) in [(0, 1, 2), (1, 1, 4), (7, 1, 3), (130, 64, 2), (256, 64, 8)] {
            let mut next = 0;
            for thread in 0..threads {
                let part = share(items, granule, thread, threads);
                assert!(part.start == next && (part.start.is_multiple_of(granule) || part.is_empty()));
                next = part.end;
            }
            assert_eq!(next, items);
        }
    }
}
