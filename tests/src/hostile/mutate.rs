//! What is done to bytes and to JSON. Everything follows from the generator, so a seed is a case for ever. No file is touched here.

use crate::Random;
use serde_json::{Value, json};

/// Numbers at which something changes.
const EDGES: [u64; 26] = [
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    65,
    255,
    4095,
    4096,
    65_536,
    1 << 24,
    1 << 28,
    1 << 31,
    u32::MAX as u64,
    1 << 41,
    1 << 63,
    u64::MAX,
];

/// Changes `data` in one to four places: bits, bytes, numbers, ranges, its length.
pub fn bytes(random: &mut Random, data: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        if data.is_empty() {
            data.extend((0..random.below(100)).map(|i| i as u8));
            continue;
        }
        let at = random.below(data.len());
        let run = 1 + random.below(64.min(data.len() - at));
        match random.below(12) {
            0..4 => data[at] ^= 1 << random.below(8),
            4 | 5 => data[at] = [0, 1, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xff][random.below(8)],
            6 => data[at..at + run].iter_mut().for_each(|b| *b = random.bits() as u8),
            7 => data.truncate(at),
            8 => {
                let grown = random.below(5000);
                let fill = [0, 0xff, random.bits() as u8][random.below(3)];
                data.resize(data.len() + grown, fill);
            }
            9 => {
                let number = EDGES[random.below(EDGES.len())].to_le_bytes();
                let width = [4, 8][random.below(2)].min(data.len() - at);
                data[at..at + width].copy_from_slice(&number[..width]);
            }
            10 => {
                let other = random.below(data.len() - run + 1);
                let taken = data[at..at + run].to_vec();
                data.copy_within(other..other + run, at);
                data[other..other + run].copy_from_slice(&taken);
            }
            _ => {
                if random.below(2) == 0 {
                    data.drain(at..at + run);
                } else {
                    let copy = data[at..at + run].to_vec();
                    data.splice(at..at, copy);
                }
            }
        }
    }
}

/// Changes one to three values of a document. `typed` keeps numbers numbers and elements like their neighbours, so that what was read into types can
/// be read into them again.
pub fn document(random: &mut Random, root: &mut Value, typed: bool) {
    for _ in 0..=[0, 0, 1, 2][random.below(4)] {
        let donor = pick(random, root).clone();
        let place = pick_mut(random, root);
        if !typed && random.below(6) == 0 {
            *place = odd(random, donor);
        } else {
            change(random, place, donor, typed);
        }
    }
}

fn pick<'a>(random: &mut Random, mut value: &'a Value) -> &'a Value {
    loop {
        value = match value {
            Value::Array(list) if !list.is_empty() && random.below(10) > 0 => &list[random.below(list.len())],
            Value::Object(map) if !map.is_empty() && random.below(16) > 0 => {
                map.values().nth(random.below(map.len())).expect("an index below its length")
            }
            _ => return value,
        }
    }
}

fn pick_mut<'a>(random: &mut Random, mut value: &'a mut Value) -> &'a mut Value {
    loop {
        let (deeper, length) = match value {
            Value::Array(list) => (!list.is_empty() && random.below(10) > 0, list.len()),
            Value::Object(map) => (!map.is_empty() && random.below(16) > 0, map.len()),
            _ => (false, 0),
        };
        if !deeper {
            return value;
        }
        let at = random.below(length);
        value = match value {
            Value::Array(list) => &mut list[at],
            Value::Object(map) => map.values_mut().nth(at).expect("an index below its length"),
            leaf => return leaf,
        }
    }
}

/// A value of some other type, or a very odd one of the same.
fn odd(random: &mut Random, donor: Value) -> Value {
    match random.below(14) {
        0 => Value::Null,
        1 => json!(-1),
        2 => json!(1e308),
        3 => json!(0.5),
        4 => json!(i64::MIN),
        5 => json!(u64::MAX),
        6 => json!([]),
        7 => json!({}),
        8 => json!(true),
        9 => json!("../../etc/passwd"),
        10 => json!("x".repeat(1 + random.below(5000))),
        11 => json!(vec![donor; 1 + random.below(50)]),
        12 => (0..random.below(120)).fold(donor, |inner, _| json!([inner])),
        _ => donor,
    }
}

fn change(random: &mut Random, place: &mut Value, donor: Value, typed: bool) {
    match place {
        Value::Number(old) if old.is_f64() => {
            let old = old.as_f64().unwrap_or(0.0);
            *place = json!([0.0, -old, old * 1e30, 1e-40, 3.4e38, 1.0, old + 1.0][random.below(7)]);
        }
        Value::Number(old) => *place = json!(number(random, old.as_u64().unwrap_or(0))),
        Value::Null if typed => *place = json!(random.below(40)),
        Value::Null => *place = donor,
        Value::Bool(b) => *b = !*b,
        Value::String(text) => match random.below(6) {
            0 => text.clear(),
            1 => text.push_str(["\0", "\u{feff}", "\u{10ffff}", ".safetensors", "/", "\u{1b}[31m"][random.below(6)]),
            2 => text.extend(std::iter::repeat_n('a', random.below(300))),
            3 => *text = text.chars().rev().collect(),
            4 => *text = text.chars().skip(1).collect(),
            _ => {
                if let Value::String(other) = donor {
                    *text = other;
                }
            }
        },
        Value::Array(list) => elements(random, list, donor, typed),
        Value::Object(map) if typed => {
            // Several fields of one thing at once.
            for value in map.values_mut().filter(|v| v.is_u64()) {
                if random.below(2) == 0 {
                    *value = json!(number(random, value.as_u64().unwrap_or(0)));
                }
            }
        }
        Value::Object(map) => {
            let key = map.keys().nth(random.below(map.len().max(1))).cloned().unwrap_or_default();
            let old = map.remove(&key);
            match random.below(4) {
                0 => {}
                1 => drop(map.insert(format!("{key}x"), old.unwrap_or(donor))),
                2 => drop(map.insert(key, donor)),
                _ => {
                    let (old, twice) = (old.unwrap_or(Value::Null), format!("model.{key}"));
                    map.insert(key, old.clone());
                    map.insert(twice, old);
                }
            }
        }
    }
}

fn number(random: &mut Random, old: u64) -> u64 {
    match random.below(10) {
        0 | 1 => EDGES[random.below(EDGES.len())],
        2 => old.wrapping_add(1),
        3 => old.saturating_sub(1),
        4 => old.wrapping_add([16, 32, 64, 4096][random.below(4)]),
        5 => old.saturating_sub([16, 32, 64, 4096][random.below(4)]),
        6 => old.wrapping_mul(2),
        7 => old / 2,
        // Numbers of buffers, weights, regions, rows.
        8 => random.below(120) as u64,
        // Addresses.
        _ => 64 * random.below(4096) as u64,
    }
}

fn elements(random: &mut Random, list: &mut Vec<Value>, donor: Value, typed: bool) {
    if list.is_empty() {
        if !typed {
            list.push(donor);
        }
        return;
    }
    let (at, other) = (random.below(list.len()), random.below(list.len()));
    match random.below(8) {
        0 => drop(list.remove(at)),
        1 => list.insert(other, list[at].clone()),
        2 => list.swap(at, other),
        3 | 4 => list[other] = list[at].clone(),
        5 => list.truncate(at),
        6 => {
            let copies = random.below(200);
            list.extend(vec![list[at].clone(); copies]);
        }
        _ if typed => list.reverse(),
        _ => list.push(donor),
    }
}
