//! Mutated, cut and grown checkpoints, seeded: an error each, or an artifact that loads. The oracle stands in `unicorn_tests::hostile::checkpoint`.

use serde_json::{Value, json};
use unicorn_tests::hostile::checkpoint::{Files, assemble, bases, check, mutant};
use unicorn_tests::hostile::{Verdict, cases, folder};

#[test]
fn changed_checkpoints_are_errors_or_compile() {
    for base in bases() {
        let verdict = check(base, 0, folder().path());
        assert!(matches!(&verdict, Verdict::Ran { damaged, .. } if damaged.is_empty()), "{verdict:?}");
    }
    let tally = cases("checkpoints", 0..2000, |seed, folder| check(&mutant(seed), seed, folder));
    assert!(tally.refused > 1000 && tally.ran > 200 && tally.total() == 2000, "{tally:?}");
}

/// The error that a changed copy of a sound checkpoint gives.
fn refusal(base: usize, change: impl Fn(&mut Files)) -> String {
    let mut files = bases()[base].clone();
    change(&mut files);
    match check(&files, 0, folder().path()) {
        Verdict::Refused(why) => why,
        other => panic!("it was accepted: {other:?}"),
    }
}

fn edit(files: &mut Files, name: &str, change: impl Fn(&mut Value)) {
    let mut document: Value = serde_json::from_slice(&files[name]).unwrap();
    change(&mut document);
    files.insert(name.into(), document.to_string().into_bytes());
}

#[test]
fn shards_stay_in_their_folder_and_in_their_index() {
    const INDEX: &str = "model.safetensors.index.json";
    let shard = |files: &Files| files.keys().find(|n| n.ends_with(".safetensors")).unwrap().clone();
    let mapped = |to: &'static str| {
        move |files: &mut Files| edit(files, INDEX, |i| *i["weight_map"].as_object_mut().unwrap().values_mut().next().unwrap() = json!(to))
    };
    for outside in ["../../etc/passwd", "/etc/passwd.safetensors", "../x.safetensors", "a/b.safetensors", "a\\b.safetensors", "", ".."] {
        let why = refusal(1, mapped(outside));
        assert!(why.contains("names the shard"), "{outside}: {why}");
    }
    assert!(refusal(1, mapped("none.safetensors")).contains("none.safetensors"));
    let gone = refusal(1, |files| drop(files.remove(&shard(files))));
    assert!(gone.contains(".safetensors"), "{gone}");
    let moved = refusal(1, |files| {
        let other = files.keys().rfind(|n| n.ends_with(".safetensors")).unwrap().clone();
        edit(files, INDEX, |i| *i["weight_map"].as_object_mut().unwrap().values_mut().next().unwrap() = json!(other));
    });
    assert!(moved.contains("is not"), "{moved}");
}

#[test]
fn headers_that_lie_are_errors() {
    const FILE: &str = "model.safetensors";
    let header = |files: &mut Files, change: &dyn Fn(&mut Value)| {
        let bytes = &files[FILE];
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut document: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        change(&mut document);
        let made = assemble(document.to_string().as_bytes(), &bytes[8 + length..]);
        files.insert(FILE.into(), made);
    };
    let first = |document: &mut Value, field: &str, value: Value| document.as_object_mut().unwrap().values_mut().next().unwrap()[field] = value;
    let lies: [(&str, Value); 8] = [
        ("data_offsets", json!([0, u64::MAX])),
        ("data_offsets", json!([u64::MAX, 0])),
        ("data_offsets", json!([8, 0])),
        ("data_offsets", json!([0])),
        ("shape", json!([u64::MAX, u64::MAX])),
        ("shape", json!([])),
        ("dtype", json!("F64")),
        ("dtype", json!("NONE")),
    ];
    for (field, value) in lies {
        let why = refusal(0, |files| header(files, &|document| first(document, field, value.clone())));
        assert!(why.contains("safetensors") || why.contains("tensor"), "{field} {value}: {why}");
    }
    // The same bytes twice, under two names.
    let why = refusal(0, |files| {
        header(files, &|document| {
            let copy = document.as_object().unwrap().values().next().unwrap().clone();
            document["another"] = copy;
        });
    });
    assert!(why.contains("safetensors"), "{why}");
    for length in [0, 1, 1u64 << 40, u64::MAX] {
        let why = refusal(0, |files| files.get_mut(FILE).unwrap()[..8].copy_from_slice(&u64::to_le_bytes(length)));
        assert!(why.contains("safetensors"), "{length}: {why}");
    }
}
