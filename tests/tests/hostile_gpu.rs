//! Mutated GPU plans, seeded: an error each, or a run in which nothing is touched that is not allocated. The oracle and its stand-in for a GPU stand in
//! `unicorn_tests::hostile::gpu`. A process of its own: the stand-in is what every search for a driver finds here.

use std::sync::atomic::{AtomicU64, Ordering};
use unicorn_rt::load::{DeviceChoice, Options, load};
use unicorn_tests::hostile::gpu::{Changed, FakeGpu, check, tiny, write};
use unicorn_tests::hostile::{Verdict, case, cases, folder};

/// Mutants that a GPU ran.
static ON_GPU: AtomicU64 = AtomicU64::new(0);

#[test]
fn changed_gpu_plans_stay_within_bounds() {
    let Some(gpu) = FakeGpu::get() else { return };
    let base = tiny();
    // Unchanged, it runs on the device, and nothing about that is amiss.
    let sound = folder();
    let path = case(sound.path());
    std::fs::write(&path, &base.file).expect("a file can be written");
    let launched = gpu.launches();
    let (verdict, on_gpu) = check(&path, Changed::Nothing, gpu);
    assert!(matches!(verdict, Verdict::Ran { .. }) && on_gpu && gpu.launches() > launched + 100, "{verdict:?}");
    let required = load(&path, Options { threads: 1, gpu: DeviceChoice::Require, ..Options::default() });
    assert!(required.is_ok_and(|loaded| loaded.notices.is_empty()));

    let tally = cases("changed GPU plans", 0..2400, move |seed, folder| {
        let path = case(folder);
        let changed = write(base, seed, &path);
        let (verdict, on_gpu) = check(&path, changed, gpu);
        assert!(changed != Changed::Nothing || on_gpu, "a sound file is not run on the GPU: {verdict:?}");
        ON_GPU.fetch_add(u64::from(on_gpu && changed != Changed::Nothing), Ordering::Relaxed);
        verdict
    });
    let on_gpu = ON_GPU.load(Ordering::Relaxed);
    println!("{on_gpu} of the changed plans ran on the stand-in, {} launches in all, no access outside its memory", gpu.launches());
    assert!(tally.refused > 800 && on_gpu > 200, "{tally:?}, {on_gpu} on the GPU");
}
