//! Mutated, cut and grown artifacts, seeded: an error each, or behaviour within bounds. The oracle stands in `unicorn_tests::hostile::artifact`.

use serde_json::{Value, json};
use std::sync::OnceLock;
use unicorn_artifact::file::{Artifact, Manifest, section};
use unicorn_artifact::plan::Plan;
use unicorn_artifact::tensor::Format;
use unicorn_rt::load::{Options, load};
use unicorn_tests::hostile::artifact::{Base, Kind, check, reseal, seeded, small, tiny, write};
use unicorn_tests::hostile::{Tally, Verdict, case, cases, folder};
use unicornc::driver;

/// Mutants of one kind through the oracle; those that do not differ from the base must behave like it.
fn mutants(what: &str, base: &'static Base, kind: Kind, count: u64) -> Tally {
    cases(what, 0..count, move |seed, folder| {
        let path = case(folder);
        let changed = write(base, kind, seed, &path);
        let verdict = check(&path, seed);
        match &verdict {
            Verdict::Ran { damaged, logits } if kind == Kind::Raw => {
                assert!(damaged.is_empty() != changed, "a changed byte was found by nothing");
                // Loading reads neither code (not native) nor self-test, and of the streamed section single rows: `unicornc verify` checks those.
                let unread = |name: &String| name.starts_with("code.") || name == section::SELFTEST || name == section::STREAMED;
                assert!(damaged.iter().all(unread), "{damaged:?} was loaded without a look at its digest");
                let rows = damaged.iter().any(|name| name == section::STREAMED);
                assert!(rows || logits == &base.logits, "a change in {damaged:?} changed the logits");
            }
            Verdict::Ran { damaged, logits } => {
                assert!(damaged.is_empty(), "a consistent file has a wrong digest: {damaged:?}");
                assert!(changed || logits == &base.logits, "the same file gave other logits");
            }
            Verdict::Refused(why) => assert!(changed, "a sound file was refused: {why}"),
            Verdict::Idle => assert!(kind != Kind::Raw),
        }
        verdict
    })
}

#[test]
fn changed_bytes_are_found() {
    let tally = mutants("raw artifacts", tiny(), Kind::Raw, 2500);
    assert!(tally.refused > 2000 && tally.total() == 2500, "{tally:?}");
}

#[test]
fn changed_bytes_of_the_demo_model_are_found() {
    static BASE: OnceLock<Base> = OnceLock::new();
    let options = driver::Options { rows: vec![1, 2], logit_rows: 1, format: Format::Q4, ..small() };
    let base = BASE.get_or_init(|| Base::read(&unicorn_tests::artifact_with("small", &options)));
    let tally = mutants("raw artifacts of the demo model", base, Kind::Raw, 150);
    assert!(tally.refused > 100, "{tally:?}");
}

#[test]
fn consistent_files_with_changed_plans_stay_within_bounds() {
    let tally = mutants("changed plans", tiny(), Kind::Plan, 4000);
    assert!(tally.refused > 1000 && tally.ran > 400, "{tally:?}");
}

#[test]
fn consistent_files_with_changed_plans_for_an_npu_stay_within_bounds() {
    let tally = mutants("changed plans for an NPU", seeded(), Kind::Plan, 1500);
    assert!(tally.refused > 400 && tally.ran > 100, "{tally:?}");
}

#[test]
fn consistent_files_with_changed_manifest_bytes_stay_within_bounds() {
    let tally = mutants("changed manifest bytes", tiny(), Kind::Manifest, 1500);
    assert!(tally.refused > 500 && tally.ran > 50, "{tally:?}");
}

#[test]
fn consistent_files_with_changed_sections_stay_within_bounds() {
    let tally = mutants("changed sections", tiny(), Kind::Sections, 1200);
    assert!(tally.refused > 300 && tally.ran > 100, "{tally:?}");
}

/// The error that a plan changed by `change` gives when it is loaded.
fn refusal(change: impl Fn(&mut Value)) -> String {
    let folder = folder();
    let path = case(folder.path());
    let mut document = tiny().manifest.clone();
    change(&mut document["plan"]);
    let manifest: Manifest = serde_json::from_value(document).expect("a change that keeps the types");
    reseal(tiny(), &path, section::MANIFEST, &manifest.encode().unwrap());
    match load(&path, Options { native: false, threads: 1, ..Options::default() }) {
        Ok(_) => panic!("it was loaded"),
        Err(why) => why.to_string(),
    }
}

#[test]
fn absurd_demands_are_errors() {
    let plan: Plan = serde_json::from_value(tiny().manifest["plan"].clone()).unwrap();
    type Demand = Box<dyn Fn(&mut Value)>;
    let demands: [(&str, Demand); 9] = [
        ("arena", Box::new(|p| p["arena_bytes"] = json!(1u64 << 41))),
        ("states", Box::new(|p| p["state_bytes"] = json!(1u64 << 41))),
        ("arena", Box::new(|p| p["arena_bytes"] = json!(u64::MAX))),
        ("window", Box::new(|p| p["model"]["window"] = json!(u32::MAX))),
        ("vocabulary", Box::new(|p| p["model"]["eos"] = json!([u32::MAX]))),
        ("slots", Box::new(|p| p["model"]["slots"] = json!(u32::MAX))),
        ("region 0", Box::new(|p| p["regions"][0]["width"] = json!(u32::MAX - 15))),
        ("code", Box::new(|p| p["code"][0]["regions"][0]["offset"] = json!(u64::MAX))),
        ("code", Box::new(|p| p["code"][0]["regions"][0]["bytes"] = json!(0))),
    ];
    for (word, change) in demands {
        let why = refusal(change);
        assert!(why.contains(word), "{word}: {why}");
    }
    // Well-formed, but more than any machine has: the system is asked before a page is touched.
    let why = refusal(|p| {
        let (rows, start) = (plan.entries.iter().map(|e| u64::from(e.rows)).max().unwrap_or(1), plan.arena_bytes.next_multiple_of(64));
        let offset = |at: u64| start + at * rows * (1 << 30);
        for entry in p["entries"].as_array_mut().unwrap() {
            let wide = (0..100).map(|at| json!({"name": "wide", "elements": "F32", "width": 1 << 28, "offset": offset(at)}));
            entry["buffers"].as_array_mut().unwrap().extend(wide);
        }
        p["arena_bytes"] = json!(offset(100));
    });
    assert!(why.contains("arena"), "{why}");
    // A region of 2000 vectors that are alive at once needs scratch in proportion to its width.
    let why = refusal(|p| {
        let mut ops: Vec<Value> = vec![json!({"Load": 0}); 2000];
        ops.push(json!({"Sum": 0}));
        ops.extend((1..2000).map(|v| json!({"Add": [v, v]})));
        p["regions"].as_array_mut().unwrap().push(json!({"width": 1 << 28, "operands": ["Row"], "ops": ops}));
        for code in p["code"].as_array_mut().unwrap() {
            let span = code["regions"][0].clone();
            code["regions"].as_array_mut().unwrap().push(span);
        }
    });
    assert!(why.contains("scratch"), "{why}");
}

#[test]
fn commands_keep_their_hands_off_what_they_read() {
    let commands = ["Quantize", "MatMul", "SparseDown", "HeadNorm", "Attention", "Region"];
    for name in commands {
        let why = refusal(|p| {
            // The first such command writes where it reads.
            let entry = &mut p["entries"][0];
            let command =
                entry["commands"].as_array().unwrap().iter().find(|c| c.get(name).is_some()).expect("the model has such a command")[name].clone();
            let plan: Plan = serde_json::from_value(tiny().manifest["plan"].clone()).unwrap();
            let parsed = serde_json::from_value(json!({ name: command })).unwrap();
            let (read, written) = unicorn_artifact::command::Command::buffers(&parsed, &plan.regions);
            let from = entry["buffers"][read[0] as usize]["offset"].clone();
            entry["buffers"][written[0] as usize]["offset"] = from;
        });
        assert!(why.contains("overlap") || why.contains("handoff"), "{name}: {why}");
    }
}

#[test]
fn every_byte_is_covered() {
    let folder = folder();
    let path = case(folder.path());
    let base = tiny();
    std::fs::write(&path, &base.file).unwrap();
    let artifact = Artifact::open(&path).unwrap();
    let gaps: Vec<u64> = artifact.sections().iter().map(|s| s.offset + s.length).filter(|end| !end.is_multiple_of(4096)).collect();
    assert!(gaps.len() > 3);
    for at in gaps.into_iter().chain([4095, 24]).filter(|at| *at < base.file.len() as u64) {
        let mut file = base.file.clone();
        file[at as usize] ^= 4;
        std::fs::write(&path, file).unwrap();
        assert!(Artifact::open(&path).is_err(), "byte {at}");
    }
}
