//! The loader and the plain kernels on hostile artifacts, under the address sanitizer. The first byte says what the rest is: the seed of a mutant, a
//! whole file, or the bytes of one section of an otherwise sound one.
//!
//! In `tests/`, with a nightly toolchain (or `RUSTC_BOOTSTRAP=1` before it): `cargo fuzz run loader -- -max_total_time=60 -rss_limit_mb=4096`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use unicorn_artifact::file::section;
use unicorn_tests::hostile::artifact::{Kind, check, reseal, tiny, write};
use unicorn_tests::hostile::{Folder, case, folder};

static FOLDER: LazyLock<Folder> = LazyLock::new(folder);

fuzz_target!(|data: &[u8]| {
    let path = case(FOLDER.path());
    let Some((&way, rest)) = data.split_first() else { return };
    let seed = rest.iter().take(8).fold(u64::from(way), |seed, &b| seed << 8 | u64::from(b));
    match way % 8 {
        0..3 => drop(write(tiny(), Kind::Plan, seed, &path)),
        3 => drop(write(tiny(), Kind::Sections, seed, &path)),
        4 | 5 => reseal(tiny(), &path, section::MANIFEST, rest),
        6 => reseal(tiny(), &path, [section::TOKENIZER, section::CHAT, section::SELFTEST][usize::from(way / 8) % 3], rest),
        _ => std::fs::write(&path, rest).expect("a file can be written"),
    }
    check(&path, seed);
});
