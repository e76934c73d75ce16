//! Artifacts whose NPU part is changed, with digests that fit: each is refused with a word, or runs on a device without hardware, within its buffers.

use super::artifact::{Base, reseal, small, steps};
use super::{Verdict, case, folder, mutate};
use crate::Random;
use crate::npu::{Configured, Fake, Options as Driver, emulated};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::OnceLock;
use unicorn_artifact::file::{Artifact, Manifest, section};
use unicorn_rt::load::{Options, load_on};
use unicornc::driver;
use unicornc::import::{Checkpoint, synthetic};
use unicornc::partition::Partition;
use unicornc::target::Npu;

/// Bytes that the device may lock: the heap, and little more. A plan that asks for more is refused by the driver.
const LOCKED: u64 = 96 << 20;

/// The artifact of a tiny random model, whose sparse layers are the NPU's, made once. No self-test: a device that computes nothing would not pass it.
///
/// # Panics
/// If the compiler fails.
pub fn tiny() -> &'static Base {
    static MADE: OnceLock<Base> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = folder();
        let sizes = synthetic::Options { layers: 4, full_every: 2, shared: 1, sparse: 2, ffn: 128, ..synthetic::Options::default() };
        synthetic::write(folder.path(), &sizes).expect("a checkpoint can be written");
        let checkpoint = Checkpoint::open(folder.path()).expect("a sound checkpoint");
        let path = case(folder.path());
        let options = driver::Options { selftest: false, npu: Some(Npu::Npu1), partition: Partition::Seed, ..small() };
        driver::compile(&checkpoint, &path, &options, driver::Stage::Artifact, false, &mut |_| {}).expect("a sound checkpoint compiles");
        Base::read(&path)
    })
}

/// What a mutant has that the base has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nothing.
    Nothing,
    /// Containers and streams.
    Code,
    /// The NPU's part of its plan.
    Plan,
}

/// Writes the mutant of `seed` to `path`.
///
/// # Panics
/// If it cannot be written.
pub fn write(base: &Base, seed: u64, path: &Path) -> Changed {
    let mut random = Random(seed);
    if random.below(6) == 0 {
        let old = base.section(section::NPU).to_vec();
        let mut bytes = old.clone();
        mutate::bytes(&mut random, &mut bytes);
        reseal(base, path, section::NPU, &bytes);
        return if bytes == old { Changed::Nothing } else { Changed::Code };
    }
    // What no longer fits the types would not get past the decoder: try again.
    let manifest = (0..50).find_map(|_| {
        let mut document = base.manifest.clone();
        change(&mut random, &mut document["plan"]["npu"]);
        (document != base.manifest).then_some(document).and_then(|d| serde_json::from_value::<Manifest>(d).ok())
    });
    let Some(manifest) = manifest else {
        reseal(base, path, section::MANIFEST, base.section(section::MANIFEST));
        return Changed::Nothing;
    };
    reseal(base, path, section::MANIFEST, &manifest.encode().expect("a manifest can be encoded"));
    Changed::Plan
}

/// Changes something of an NPU part: anything, or one field of one thing.
fn change(random: &mut Random, npu: &mut Value) {
    if random.below(8) == 0 {
        return mutate::document(random, npu, true);
    }
    let part = ["configurations", "streams", "weights", "entries"][random.below(4)];
    let Some(list) = npu[part].as_array_mut().filter(|list| !list.is_empty()) else { return };
    let at = random.below(list.len());
    let thing = &mut list[at];
    let Some(fields) = thing.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>()) else { return };
    let field = &mut thing[fields[random.below(fields.len())].as_str()];
    match field {
        Value::Number(number) => {
            let old = number.as_u64().unwrap_or(0);
            let near = [old.wrapping_sub(1), old + 1, old.wrapping_sub(64), old + 64, old * 2, old / 2];
            let far = [0, 1, 4096, 1 << 20, 1 << 31, 1 << 40, u64::MAX];
            *field = if random.below(2) == 0 { json!(near[random.below(near.len())]) } else { json!(far[random.below(far.len())]) };
        }
        other => mutate::document(random, other, true),
    }
}

/// A device for a mutant: the emulated array where its code is changed, else one that fills its results with anything, at once.
fn device(changed: Changed) -> Fake {
    let options = Driver { memlock: Some(LOCKED), ..Driver::default() };
    if changed != Changed::Plan {
        return emulated(options, Configured::Once).0;
    }
    Fake::new(options, |mut work| {
        let results = work.arguments.last_mut().expect("a command has arguments");
        results.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 37) as u8);
        Ok(())
    })
}

/// What became of a mutant, and whether the NPU ran it to the end.
///
/// # Panics
/// Where the program under test does.
pub fn check(path: &Path, changed: Changed) -> (Verdict, bool) {
    let refused = |why: &dyn std::fmt::Display| (Verdict::Refused(why.to_string()), false);
    match Artifact::open(path).and_then(|artifact| artifact.manifest()) {
        Ok(manifest) => assert!(!unicorn_artifact::print::plan(&manifest.plan).is_empty()),
        Err(why) => return refused(&why),
    }
    let fake = device(changed);
    let mut loaded = match load_on(path, Options { threads: 1, ..Options::default() }, &|| fake.engine()) {
        Ok(loaded) => loaded,
        Err(why) => return refused(&why),
    };
    let used = loaded.session.cpu().npu().is_some();
    let has = loaded.manifest.plan.npu.is_some();
    assert!(used || !has || loaded.notices.iter().any(|n| n.contains("no NPU is used")), "the NPU is not used, and nobody says why");
    let logits = steps(&mut loaded.session);
    let ran = loaded.session.cpu().npu().is_some();
    drop(loaded);
    assert_eq!(fake.alive(), (0, 0, 0), "something was not given back");
    (Verdict::Ran { damaged: vec![], logits }, ran)
}
