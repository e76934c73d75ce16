//! Hostile files: mutations, and the oracles that both the tests and the fuzz targets call. A file that is wrong must give an error; one that is
//! accepted must run without a panic, a hang or an access outside its memory.
//! Here: running many seeded cases under a watchdog. What is done to bytes and JSON stands in `mutate`, what is asked of files in the other two.

pub mod artifact;
pub mod checkpoint;
pub mod gpu;
pub mod mutate;
pub mod npu;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
/// A folder that is removed with it.
pub use tempfile::TempDir as Folder;

/// The longest that one case may take: far above what any takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Cases run at a time.
const WORKERS: usize = 2;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An error, in its own words.
    Refused(String),
    /// Accepted, but it asks for more memory or work than a test spends; so it was only read.
    Idle,
    /// Accepted and run.
    Ran {
        /// Sections that do not have their digest.
        damaged: Vec<String>,
        /// Digest of all logits.
        logits: [u8; 32],
    },
}

/// How often what came out.
#[derive(Debug, Default)]
pub struct Tally {
    /// Errors.
    pub refused: usize,
    /// Accepted, not run.
    pub idle: usize,
    /// Accepted and run.
    pub ran: usize,
    /// Errors by their first words.
    pub reasons: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Refused(why) => {
                self.refused += 1;
                *self.reasons.entry(reason(&why)).or_default() += 1;
            }
            Verdict::Idle => self.idle += 1,
            Verdict::Ran { .. } => self.ran += 1,
        }
    }

    /// All cases.
    pub fn total(&self) -> usize {
        self.refused + self.idle + self.ran
    }
}

/// An error without the names and numbers in it: what kind it is.
fn reason(why: &str) -> String {
    let why = why.split("/case").last().unwrap_or(why);
    let plain: String = why.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    plain.split_whitespace().filter(|w| !w.contains(['#', '`', '/'])).take(8).collect::<Vec<_>>().join(" ")
}

struct Shared {
    next: AtomicU64,
    end: u64,
    /// Per worker: the seed in work and since when.
    now: Vec<Mutex<Option<(u64, Instant)>>>,
    tally: Mutex<Tally>,
    faults: Mutex<Vec<String>>,
    running: AtomicUsize,
    stop: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `check` with every seed and a folder of the worker's own, on a few threads.
///
/// # Panics
/// Naming the seeds for which `check` panicked, or the one that takes longer than [`PATIENCE`].
pub fn cases(what: &str, seeds: Range<u64>, check: impl Fn(u64, &Path) -> Verdict + Send + Sync + 'static) -> Tally {
    let shared = Arc::new(Shared {
        next: AtomicU64::new(seeds.start),
        end: seeds.end,
        now: (0..WORKERS).map(|_| Mutex::new(None)).collect(),
        tally: Mutex::default(),
        faults: Mutex::default(),
        running: AtomicUsize::new(WORKERS),
        stop: AtomicBool::new(false),
    });
    let (check, folder) = (Arc::new(check), folder());
    for worker in 0..WORKERS {
        let (shared, check, own) = (shared.clone(), check.clone(), folder.path().join(format!("worker{worker}")));
        std::fs::create_dir(&own).expect("a folder in a new folder");
        // Not scoped: a worker that hangs must not keep the test from failing.
        std::thread::spawn(move || work(&shared, worker, &own, &*check));
    }
    while shared.running.load(Ordering::Acquire) > 0 {
        std::thread::sleep(Duration::from_millis(20));
        for now in &shared.now {
            let now = *lock(now);
            if let Some((seed, since)) = now.filter(|(_, since)| since.elapsed() > PATIENCE) {
                shared.stop.store(true, Ordering::Relaxed);
                panic!("{what}: seed {seed} has taken {:?}", since.elapsed());
            }
        }
    }
    let faults = lock(&shared.faults);
    assert!(faults.is_empty(), "{what}: {} cases panicked:\n{}", faults.len(), faults.join("\n"));
    let tally = std::mem::take(&mut *lock(&shared.tally));
    println!("{what}: {} refused, {} ran, {} only read", tally.refused, tally.ran, tally.idle);
    for (reason, count) in &tally.reasons {
        println!("  {count:6} {reason}");
    }
    tally
}

fn work(shared: &Shared, worker: usize, folder: &Path, check: &(dyn Fn(u64, &Path) -> Verdict + Sync)) {
    while !shared.stop.load(Ordering::Relaxed) {
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        if seed >= shared.end {
            break;
        }
        *lock(&shared.now[worker]) = Some((seed, Instant::now()));
        match catch_unwind(AssertUnwindSafe(|| check(seed, folder))) {
            Ok(verdict) => lock(&shared.tally).add(verdict),
            Err(panic) => {
                let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                lock(&shared.faults).push(format!("seed {seed}: {}", why.unwrap_or("a panic without words")));
            }
        }
        *lock(&shared.now[worker]) = None;
    }
    shared.running.fetch_sub(1, Ordering::Release);
}

/// A new folder, in memory where the system has such a place: thousands of small files are written.
///
/// # Panics
/// If none can be made.
pub fn folder() -> Folder {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a folder for temporary files")
}

/// A file in a worker's folder.
pub fn case(folder: &Path) -> PathBuf {
    folder.join("case")
}
