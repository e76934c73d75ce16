//! Import and compilation of hostile checkpoints, under the address sanitizer. The first byte says what the rest is: the seed of a mutant, the bytes of
//! one file of an otherwise sound checkpoint, or the header of its tensors.
//!
//! In `tests/`, with a nightly toolchain (or `RUSTC_BOOTSTRAP=1` before it): `cargo fuzz run checkpoint -- -max_total_time=60 -rss_limit_mb=4096`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use unicorn_tests::hostile::checkpoint::{assemble, bases, check, mutant};
use unicorn_tests::hostile::{Folder, folder};

static FOLDER: LazyLock<Folder> = LazyLock::new(folder);

fuzz_target!(|data: &[u8]| {
    let Some((&way, rest)) = data.split_first() else { return };
    let seed = rest.iter().take(8).fold(u64::from(way), |seed, &b| seed << 8 | u64::from(b));
    let mut files = bases()[usize::from(way) % bases().len()].clone();
    let names: Vec<String> = files.keys().cloned().collect();
    let name = &names[usize::from(way / 4) % names.len()];
    match way % 4 {
        0 | 1 => files = mutant(seed),
        2 if name.ends_with(".safetensors") => {
            let old = &files[name];
            let length = u64::from_le_bytes(old[..8].try_into().expect("eight bytes")) as usize;
            let made = assemble(rest, &old[8 + length..]);
            files.insert(name.clone(), made);
        }
        _ => drop(files.insert(name.clone(), rest.to_vec())),
    }
    check(&files, seed, FOLDER.path());
});
