//! The largest logits of a row, for samplers that look at few: a count of logits by the high bits of their order, then all logits down to the place where
//! enough are counted. So what leaves the device is a few kilobytes a row, and holds every one of the [`TOP`] largest.

use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::gpu::{TOP, TOP_BINS, TOP_CAPACITY, TOP_ROW_BYTES, top_results};

/// Threads of a block.
pub const THREADS: u32 = 256;
/// Logits of a block.
const SHARE: u32 = 4096;
/// Bits of a logit's order that choose its bin.
const BITS: u32 = TOP_BINS.trailing_zeros();

/// Blocks along x.
pub fn blocks(vocabulary: u32) -> u32 {
    vocabulary.div_ceil(SHARE)
}

/// Runs `body` with the index and the value of every logit of this block's share; what is not a number counts as infinity, which the host reports.
fn each_logit(k: &Kernel, (vocabulary, limit): (u32, u32), row: Value, body: &dyn Fn(Value, Value)) {
    let first = k.mul(k.block("x"), k.int(SHARE));
    let (start, end) = (k.add(first, k.thread()), k.min(k.add(first, k.int(SHARE)), k.int(limit)));
    let base = k.mul(row, k.int(vocabulary));
    k.each(start, end, k.int(THREADS), &[], |at, _| {
        let value = k.load(k.at(k.parameter(1), k.mul(k.add(base, at), k.int(4))), Type::F32);
        body(at, k.select(k.same(value, value), value, k.float(f32::INFINITY)));
        vec![]
    });
}

/// The bin of a logit, largest logits first.
fn bin(k: &Kernel, value: Value) -> Value {
    k.shr(k.xor(k.ordered(value), k.int(-1)), k.int(32 - BITS))
}

/// Counts logits by bin: `bins[row][bin] += 1`. Parameters: inputs block, logits, the memory that [`top_results`] describes, zero before. Grid: parts of
/// the vocabulary by rows.
pub fn count(name: &str, dialect: Dialect, (vocabulary, limit): (u32, u32)) -> String {
    let k = Kernel::new(name, dialect, &[Parameter::Buffer; 3], THREADS);
    let (thread, row) = (k.thread(), k.block("y"));
    let own = k.shared(4 * TOP_BINS, 16);
    k.wait_for_launch(0);
    // The tail's row count is the second word of the inputs block.
    let rows = k.load(k.at(k.parameter(0), k.int(4)), Type::I32);
    k.when(k.is(row, Is::Less, rows), || {
        let each_bin = |body: &dyn Fn(Value)| {
            k.each(thread, k.int(TOP_BINS), k.int(THREADS), &[], |bin, _| {
                body(bin);
                vec![]
            });
        };
        each_bin(&|bin| k.store(k.int(0), k.at(own, k.mul(bin, k.int(4)))));
        k.barrier();
        each_logit(&k, (vocabulary, limit), row, &|_, value| {
            k.tally(k.at(own, k.mul(bin(&k, value), k.int(4))), k.int(1));
        });
        k.barrier();
        let bins = k.at(k.parameter(2), k.mul(row, k.int(4 * TOP_BINS)));
        each_bin(&|bin| {
            let offset = k.mul(bin, k.int(4));
            let count = k.load(k.at(own, offset), Type::I32);
            k.when(k.is(k.int(0), Is::Less, count), || {
                k.tally(k.at(bins, offset), count);
            });
        });
    });
    k.finish()
}

/// After [`count`]: `results[row]` gets how many logits are in the bins that hold the [`TOP`] largest, then those logits in any order, as
/// [`Kernel::order`] writes them; those beyond [`TOP_CAPACITY`] are only counted. Parameters and grid as of [`count`]; `most` is the row capacity of tails.
pub fn collect(name: &str, dialect: Dialect, (vocabulary, limit): (u32, u32), most: u32) -> String {
    let k = Kernel::new(name, dialect, &[Parameter::Buffer; 3], THREADS);
    let (thread, row) = (k.thread(), k.block("y"));
    // Counts of the bins of a thread; of those of a run of threads; the last bin that is wanted.
    let (by_thread, by_run, last) = (k.shared(4 * THREADS, 16), k.shared(4 * RUNS, 16), k.shared(4, 4));
    k.wait_for_launch(0);
    let rows = k.load(k.at(k.parameter(0), k.int(4)), Type::I32);
    k.when(k.is(row, Is::Less, rows), || {
        let bins = k.at(k.parameter(2), k.mul(row, k.int(4 * TOP_BINS)));
        let own = TOP_BINS / THREADS;
        let place = |base: Value, at: Value| k.at(base, k.mul(at, k.int(4)));
        let sum = |base: Value, first: Value, count: u32| {
            let read = |n: u32| k.load(place(base, k.add(first, k.int(n))), Type::I32);
            (1..count).fold(read(0), |sum, n| k.add(sum, read(n)))
        };
        k.store(sum(bins, k.mul(thread, k.int(own)), own), place(by_thread, thread));
        k.barrier();
        let of_run = THREADS / RUNS;
        k.when(k.is(thread, Is::Less, k.int(RUNS)), || k.store(sum(by_thread, k.mul(thread, k.int(of_run)), of_run), place(by_run, thread)));
        k.barrier();
        k.when(k.is(thread, Is::Equal, k.int(0)), || {
            // Of `count` entries from `first` on, the one with which enough are counted (the last if none), and how many were counted before it.
            let find = |base: Value, first: Value, count: u32, before: Value| -> (Value, Value) {
                let found = k.each(k.int(0), k.int(count), k.int(1), &[before, k.int(count - 1), k.int(0)], |at, carried| {
                    let [before, chosen, done] = [carried[0], carried[1], carried[2]];
                    let next = k.add(before, k.load(place(base, k.add(first, at)), Type::I32));
                    let open = k.is(done, Is::Equal, k.int(0));
                    let hit = k.and(open, k.is(next, Is::AtLeast, k.int(TOP)));
                    let goes_on = k.and(k.and(open, k.xor(hit, k.truth(true))), k.is(at, Is::Less, k.int(count - 1)));
                    vec![k.select(goes_on, next, before), k.select(hit, at, chosen), k.select(hit, k.int(1), done)]
                });
                (k.add(first, found[1]), found[0])
            };
            let (run, before) = find(by_run, k.int(0), RUNS, k.int(0));
            let (thread, before) = find(by_thread, k.mul(run, k.int(of_run)), of_run, before);
            let (bin, _) = find(bins, k.mul(thread, k.int(own)), own, before);
            k.store(bin, last);
        });
        k.barrier();
        let last = k.load(last, Type::I32);
        let results = k.at(k.parameter(2), k.add(k.int(top_results(most) as i64), k.mul(row, k.int(TOP_ROW_BYTES))));
        each_logit(&k, (vocabulary, limit), row, &|at, value| {
            k.when(k.is(last, Is::AtLeast, bin(&k, value)), || {
                let index = k.tally(results, k.int(1));
                k.when(k.is(index, Is::Less, k.int(TOP_CAPACITY)), || {
                    k.store(k.order(value, at), k.at(results, k.add(k.int(8), k.mul(index, k.int(8)))));
                });
            });
        });
    });
    k.finish()
}

/// Runs of threads whose counts are added first.
const RUNS: u32 = 16;
