//! Damaged containers and streams: whatever is done to a file, reading it gives an error or a value that is written back byte for byte, without a
//! panic, in bounded time and memory.

#[path = "container/cases.rs"]
mod cases;

use cases::Random;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};
use unicorn_kernels_xdna::container::File;
use unicorn_kernels_xdna::container::cdo::{Cdo, Command};
use unicorn_kernels_xdna::container::dump::{self, Options};
use unicorn_kernels_xdna::container::pdi::wrap;
use unicorn_kernels_xdna::container::roundtrip::roundtrip;

const CASES: u64 = 10_000;
/// Memory that a reader may hold per byte of its file, beside what every one may hold: values are wider than the words they come from, and the
/// layout is made a second time to compare.
const PER_BYTE: usize = 64;
const FREE: usize = 256 << 10;
const PATIENCE: Duration = Duration::from_secs(2);

/// Counts what this thread holds and the most it held.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all work is the system allocator's; the counters allocate nothing and have no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size());
        MOST.set(MOST.get().max(HELD.get()));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Sets words where lengths, counts and offsets stand, bits, ranges, and the file's length.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    const EDGES: [u32; 12] = [0, 1, 2, 3, 0xff, 0x100, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_fffe, 0xffff_ffff];
    for _ in 0..=random.below(3) {
        if bytes.len() < 8 {
            bytes.extend([0; 8]);
        }
        let at = random.below(bytes.len() - 4);
        let run = 1 + random.below(64.min(bytes.len() - at));
        match random.below(10) {
            0..3 => bytes[at] ^= 1 << random.below(8),
            3 => bytes[at] = random.word() as u8,
            4 | 5 => {
                let word = [EDGES[random.below(EDGES.len())], random.below(bytes.len()) as u32, bytes.len() as u32][random.below(3)];
                let at = at / 4 * 4;
                bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            6 => {
                let other = random.below(bytes.len() - run + 1);
                bytes.copy_within(at..at + run, other);
            }
            7 => bytes.truncate(at),
            8 => bytes.resize(bytes.len() + random.below(300), random.word() as u8),
            _ => drop(bytes.drain(at..at + run)),
        }
    }
}

/// Puts lengths and checksums right again, so that what lies behind them is read.
fn repair(bytes: &mut [u8]) {
    let word = |bytes: &[u8], at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().expect("four bytes")));
    let sum = |bytes: &[u8], from: usize, to: usize| {
        (from..to).step_by(4).try_fold(0_u32, |sum, at| word(bytes, at).map(|word| sum.wrapping_add(word))).map(|sum| !sum)
    };
    let set = |bytes: &mut [u8], at: usize, value: Option<u32>| {
        if let (Some(place), Some(value)) = (bytes.get_mut(at..at + 4), value) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    };
    let length = bytes.len();
    if bytes.starts_with(b"xclbin2\0") {
        set(bytes, 0x130, Some(length as u32));
    } else if word(bytes, 0).is_some_and(|first| first & 0xffff == 0x100) {
        set(bytes, 12, Some(length as u32));
    }
    let images = (0..length.saturating_sub(8)).step_by(4).filter(|at| word(bytes, *at) == Some(0xdd) && word(bytes, at + 4) == Some(0x1122_3344));
    for image in images.collect::<Vec<_>>() {
        for (begin, end) in [(0x10, 0x8c), (0x90, 0xcc), (0xd0, 0x14c)] {
            let checksum = sum(bytes, image + begin, image + end);
            set(bytes, image + end, checksum);
        }
    }
    for cdo in (0..length.saturating_sub(8)).step_by(4).filter(|at| word(bytes, at + 4) == Some(0x004f_4443)).collect::<Vec<_>>() {
        let checksum = sum(bytes, cdo, cdo + 16);
        set(bytes, cdo + 16, checksum);
    }
}

/// Whether a file was taken.
fn check(seed: u64, bytes: &[u8]) -> bool {
    let held = HELD.get();
    MOST.set(held);
    let began = Instant::now();
    let file = File::read(bytes);
    let (took, most) = (began.elapsed(), MOST.get() - held);
    assert!(took < PATIENCE, "{seed}: {took:?}");
    assert!(most < PER_BYTE * bytes.len() + FREE, "{seed}: {most} bytes held to read {}", bytes.len());
    let report = roundtrip(bytes);
    match file {
        Ok(file) => {
            assert!(file.write().expect("it was read") == bytes, "{seed}");
            assert!(report.expect("it was read").difference.is_none(), "{seed}");
            assert!(!dump::text(bytes, Options { words: true, instructions: true }).expect("it was read").starts_with("note"), "{seed}");
            true
        }
        Err(why) => {
            assert!(why.offset <= bytes.len() && !why.field.is_empty(), "{seed}: {why}");
            // What can be read at all is refused because it would be written otherwise, and both say where.
            if let Ok(report) = report {
                let difference = report.difference.unwrap_or_else(|| panic!("{seed}: {why}, but nothing differs"));
                assert_eq!((difference.offset, difference.field), (why.offset, why.field), "{seed}");
            }
            false
        }
    }
}

#[test]
fn damaged_files_are_refused_or_kept() {
    let (mut taken, mut refused) = ([0; 4], [0; 4]);
    for seed in 0..CASES {
        let mut random = Random(seed);
        let kind = random.below(4);
        let made = match kind {
            0 => File::Xclbin(cases::xclbin(&mut random)),
            1 => File::Pdi(wrap(Cdo::assemble(&cases::groups(&mut random)))),
            2 => File::Cdo(Cdo::assemble(&cases::groups(&mut random))),
            _ => File::Txn(cases::txn(&mut random)),
        };
        let mut bytes = made.write().expect("it fits");
        mutate(&mut random, &mut bytes);
        if random.below(4) > 0 {
            repair(&mut bytes);
        }
        let tally = if check(seed, &bytes) { &mut taken } else { &mut refused };
        tally[kind] += 1;
    }
    println!("taken {taken:?}, refused {refused:?}");
    // Both ends are met by every kind, or the mutations are worth nothing.
    assert!(taken.iter().chain(&refused).all(|count| *count > 100), "taken {taken:?}, refused {refused:?}");
}

/// Files that name one part again and again, or promise more than there is, must not cost more than they weigh.
#[test]
fn small_files_cannot_ask_for_much() {
    let mut random = Random(1);
    let good = cases::xclbin(&mut random).write().expect("it fits");
    let partition = u64::from_le_bytes(good[0x1c8 + 40 + 24..][..8].try_into().expect("eight bytes")) as usize;
    let size = u64::from_le_bytes(good[0x1c8 + 40 + 32..][..8].try_into().expect("eight bytes")) as usize;
    for count in [10_u32, 100, 1 << 20, u32::MAX] {
        for at in [0x28, 0x78] {
            let mut bytes = good.clone();
            bytes[partition + at..][..4].copy_from_slice(&count.to_le_bytes());
            assert!(!check(count.into(), &bytes));
        }
        // Images that are all the same one.
        let mut bytes = good.clone();
        let entry = bytes[partition + size - 96..partition + size].to_vec();
        let copies = (count as usize).min(200);
        bytes.splice(partition + size..partition + size, entry.repeat(copies - 1));
        bytes[partition + 0x78..][..4].copy_from_slice(&(copies as u32).to_le_bytes());
        bytes[0x1c8 + 40 + 32..][..8].copy_from_slice(&((size + 96 * (copies - 1)) as u64).to_le_bytes());
        repair(&mut bytes);
        assert!(!check(count.into(), &bytes));
    }
    // A million words of padding are a million commands, and no more work than that.
    let mut long = Cdo::default();
    long.commands.resize(1 << 20, Command::Nop { words: 0 });
    assert!(check(0, &long.write().expect("it fits")));
    assert_eq!(long.groups().len(), 1 << 20);
}

/// Third-party files, damaged. Skipped where they are not at hand.
#[test]
fn damaged_goldens_are_refused_or_kept() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/npu/xdna-npu-toolkit");
    let Ok(entries) = std::fs::read_dir(&root) else {
        println!("skipped: no {}", root.display());
        return;
    };
    let files: Vec<_> =
        entries.filter_map(|entry| std::fs::read(entry.ok()?.path()).ok()).filter(|b| File::kind(b).is_some() && b.len() < 20_000).collect();
    assert!(files.len() >= 4, "{}", files.len());
    let mut tally = [0, 0];
    for seed in 0..2_000 {
        let mut random = Random(1 << 40 | seed);
        let mut bytes = files[seed as usize % files.len()].clone();
        mutate(&mut random, &mut bytes);
        if seed % 4 > 0 {
            repair(&mut bytes);
        }
        tally[usize::from(check(seed, &bytes))] += 1;
    }
    println!("refused, taken {tally:?}");
    assert!(tally.iter().all(|count| *count > 50), "{tally:?}");
}
