//! What an engine counts. Written by its thread, read by anyone, without locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bounds of times to the first token, in seconds.
pub const FIRST_BOUNDS: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0];
/// Bounds of times between tokens, in seconds.
pub const BETWEEN_BOUNDS: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0];
/// Bounds of rows per step.
pub const ROW_BOUNDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// A count that only grows, or a gauge.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Relaxed);
    }

    /// Replaces.
    pub fn set(&self, n: usize) {
        self.0.store(n as u64, Relaxed);
    }

    /// Reads.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Observations by size.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds: the last takes what is above all.
    counts: Vec<AtomicU64>,
    millionths: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), millionths: AtomicU64::new(0) }
    }

    /// Adds one observation.
    pub fn observe(&self, value: f64) {
        let at = self.bounds.partition_point(|&bound| bound < value);
        self.counts[at].fetch_add(1, Relaxed);
        self.millionths.fetch_add((value * 1e6) as u64, Relaxed);
    }

    /// Adds a time in seconds.
    pub fn time(&self, time: Duration) {
        self.observe(time.as_secs_f64());
    }

    /// The sum of all observations.
    pub fn sum(&self) -> f64 {
        self.millionths.load(Relaxed) as f64 / 1e6
    }

    /// The number of observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|c| c.load(Relaxed)).sum()
    }

    /// `(upper bound, observations between it and the bound before)`; the last bound is infinite.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        self.bounds.iter().copied().chain([f64::MAX]).zip(self.counts.iter().map(|c| c.load(Relaxed))).collect()
    }
}

/// The counters of one engine.
#[derive(Debug)]
pub struct Stats {
    /// Sequences in slots now.
    pub running: Counter,
    /// Sequences waiting for a slot now.
    pub waiting: Counter,
    /// Positions held by running sequences now.
    pub positions: Counter,
    /// Answers that ended by a stop token or text.
    pub stopped: Counter,
    /// Answers that ended by their length.
    pub length: Counter,
    /// Answers nobody waited for.
    pub cancelled: Counter,
    /// Answers that failed.
    pub failed: Counter,
    /// Requests turned away because the queue was full.
    pub rejected: Counter,
    /// Prompt tokens of started requests.
    pub prompt_tokens: Counter,
    /// Of these, taken over from earlier sequences.
    pub cached_tokens: Counter,
    /// Tokens generated.
    pub generated_tokens: Counter,
    /// Steps run.
    pub steps: Counter,
    /// From asking to the first token.
    pub first_token: Histogram,
    /// Between tokens.
    pub between_tokens: Histogram,
    /// Rows of a step.
    pub rows: Histogram,
}

impl Default for Stats {
    fn default() -> Self {
        let counter = Counter::default;
        Self {
            running: counter(),
            waiting: counter(),
            positions: counter(),
            stopped: counter(),
            length: counter(),
            cancelled: counter(),
            failed: counter(),
            rejected: counter(),
            prompt_tokens: counter(),
            cached_tokens: counter(),
            generated_tokens: counter(),
            steps: counter(),
            first_token: Histogram::new(FIRST_BOUNDS),
            between_tokens: Histogram::new(BETWEEN_BOUNDS),
            rows: Histogram::new(ROW_BOUNDS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_sorts_into_bounds() {
        let histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 9.0] {
            histogram.observe(value);
        }
        assert_eq!(histogram.buckets(), [(1.0, 2), (2.0, 1), (f64::MAX, 1)]);
        assert_eq!((histogram.count(), histogram.sum()), (4, 12.0));
    }
}
