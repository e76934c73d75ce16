//! The folder of compiled kernels.

use unicorn_kernels_gpu::{cache::Cache, target::Target};

#[test]
fn what_is_put_is_got_by_the_same_text_and_target_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path().join("deep/er")).unwrap();
    assert_eq!(cache.get(Target::Sm80, "text"), None);
    cache.put(Target::Sm80, "text", b"code").unwrap();
    assert_eq!(cache.get(Target::Sm80, "text").as_deref(), Some(&b"code"[..]));
    assert_eq!(cache.get(Target::Sm90, "text"), None);
    assert_eq!(cache.get(Target::Sm80, "text "), None);
    cache.put(Target::Sm80, "text", b"").unwrap();
    assert_eq!(cache.get(Target::Sm80, "text").as_deref(), Some(&b""[..]));
}

#[test]
fn a_spoiled_entry_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.put(Target::Gfx1103, "text", b"some code").unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let good = std::fs::read(file).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 4;
        std::fs::write(file, &bad).unwrap();
        assert_eq!(cache.get(Target::Gfx1103, "text"), None, "byte {at}");
        std::fs::write(file, &good[..at]).unwrap();
        assert_eq!(cache.get(Target::Gfx1103, "text"), None, "cut at {at}");
    }
    std::fs::write(file, &good).unwrap();
    assert_eq!(cache.get(Target::Gfx1103, "text").as_deref(), Some(&b"some code"[..]));
}
