//! How fast threads can read memory the way products of one row do, computing nothing: the bound of generation. Prints GB/s for 1 thread and up.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;
use unicorn_rt::hal::memory::Area;

const BYTES: usize = 1 << 30;
/// Bytes taken from one stream before the other has its turn.
const STEP: usize = 512;
const AHEAD: usize = 1024;
const ROUNDS: usize = 9;

fn main() {
    let mut area = Area::new("what is read", BYTES as u64).expect("a gigabyte of memory");
    let bytes = area.as_mut_slice();
    bytes.fill(1);
    for threads in 1..=std::thread::available_parallelism().map_or(1, usize::from) {
        let mut rates: Vec<f64> = (0..ROUNDS).map(|_| BYTES as f64 / seconds(bytes, threads) * 1e-9).collect();
        rates.sort_by(f64::total_cmp);
        println!("{threads} threads: {:.1} GB/s (median of {ROUNDS}), {:.1} at best", rates[ROUNDS / 2], rates[ROUNDS - 1]);
    }
}

/// The time of the slowest thread: each takes its own, because a thread that only watches wakes late where all cores are busy.
fn seconds(bytes: &[u8], threads: usize) -> f64 {
    let barrier = Barrier::new(threads);
    let work = |part: &[u8]| {
        barrier.wait();
        let start = Instant::now();
        black_box(read(part));
        start.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = bytes.chunks(BYTES / threads).take(threads).map(|part| scope.spawn(|| work(part))).collect();
        threads.into_iter().map(|t| t.join().expect("reading does not fail")).fold(0.0, f64::max)
    })
}

/// Two streams by turns.
fn read(part: &[u8]) -> u64 {
    let (first, second) = part.split_at(part.len() / 2);
    let mut sum = 0u64;
    for (a, b) in first.as_chunks::<STEP>().0.iter().zip(second.as_chunks::<STEP>().0) {
        for stream in [a, b] {
            for line in stream.as_chunks::<64>().0 {
                prefetch(line.as_ptr().wrapping_add(AHEAD));
                for word in line.as_chunks::<8>().0 {
                    sum = sum.wrapping_add(u64::from_le_bytes(*word));
                }
            }
        }
    }
    sum
}

fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, and SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
