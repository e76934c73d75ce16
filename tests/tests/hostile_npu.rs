//! Mutated NPU parts, seeded: an error each, or a run within the buffers that both sides share. The oracle stands in `unicorn_tests::hostile::npu`.

use std::sync::atomic::{AtomicUsize, Ordering};
use unicorn_tests::hostile::npu::{Changed, check, tiny, write};
use unicorn_tests::hostile::{Verdict, case, cases, folder};

/// Mutants that the NPU ran.
static ON_NPU: AtomicUsize = AtomicUsize::new(0);

#[test]
fn changed_npu_parts_stay_within_bounds() {
    let base = tiny();
    // Unchanged, it runs on the device and gives the host's logits.
    let sound = folder();
    let path = case(sound.path());
    std::fs::write(&path, &base.file).expect("a file can be written");
    let (verdict, on_npu) = check(&path, Changed::Nothing);
    assert!(matches!(verdict, Verdict::Ran { logits, .. } if logits == base.logits) && on_npu, "{verdict:?}");

    let tally = cases("changed NPU parts", 0..1200, move |seed, folder| {
        let path = case(folder);
        let changed = write(base, seed, &path);
        let (verdict, on_npu) = check(&path, changed);
        assert!(changed != Changed::Nothing || on_npu, "a sound file is not run on the NPU: {verdict:?}");
        ON_NPU.fetch_add(usize::from(on_npu && changed != Changed::Nothing), Ordering::Relaxed);
        verdict
    });
    let on_npu = ON_NPU.load(Ordering::Relaxed);
    println!("{on_npu} of the changed parts ran to their end on the device");
    assert!(tally.refused > 300 && on_npu > 100, "{tally:?}, {on_npu} on the NPU");
}
