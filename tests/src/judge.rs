//! How far what a kernel left may be from the reference, and what a row must look like in itself; rows in eight bits as the device lays them out.

use crate::Random;
use crate::reference::{Row, activations};
use std::collections::{BTreeMap, BTreeSet};
use unicorn_artifact::command::{BufferId, Command};
use unicorn_artifact::plan::{Elements, Entry, Plan};
use unicorn_artifact::tensor::GROUP;

/// Relative error of a value computed in single precision from exact inputs.
pub const SINGLE: f64 = 1e-4;
/// The same for what went through halves.
pub const HALF: f64 = 1e-3;
/// The same for what was computed, within the launch, from values rounded to eight bits.
pub const ROUNDED: f64 = 1e-2;
/// What the angle of a rotation may be off for each position: the tables' angles are single precision.
pub const ANGLE: f64 = 1.2e-7;
/// How far something is off.
#[derive(Clone, Debug, Default)]
pub struct Error {
    /// Root of the summed squares of differences, over that of the reference.
    pub relative: f64,
    /// What it may be.
    pub allowed: f64,
    /// The largest difference.
    pub most: f64,
    /// Of what.
    pub what: String,
}

impl Error {
    /// The error in units of what is allowed.
    pub fn share(&self) -> f64 {
        if self.relative.is_finite() { self.relative / self.allowed.max(f64::MIN_POSITIVE) } else { f64::INFINITY }
    }
}

/// How far each buffer of a launch may be off.
#[derive(Debug)]
pub struct Trust {
    buffers: BTreeMap<BufferId, f64>,
    /// What the value under a rounded buffer may be off.
    under: BTreeMap<BufferId, f64>,
    turned: BTreeSet<BufferId>,
    any_turned: bool,
}

impl Trust {
    /// For a launch that performs `commands`, of which `before` make rotation tables that it does not name.
    pub fn of(plan: &Plan, entry: &Entry, before: &[usize], commands: &[Command]) -> Self {
        let mut trust = Self { buffers: BTreeMap::new(), under: BTreeMap::new(), turned: BTreeSet::new(), any_turned: false };
        for &maker in before {
            trust.turned.extend(entry.commands[maker].buffers(&plan.regions).1);
        }
        for command in commands {
            let (read, written) = command.buffers(&plan.regions);
            let mut allowed = read.iter().filter_map(|id| trust.buffers.get(id)).copied().fold(SINGLE, f64::max);
            if matches!(command, Command::Attention { .. }) {
                allowed = allowed.max(HALF);
            }
            let turned = matches!(command, Command::RopeTable { .. }) || read.iter().any(|id| trust.turned.contains(id));
            for id in written {
                if matches!(command, Command::Quantize { .. }) {
                    trust.under.insert(id, allowed);
                    trust.buffers.insert(id, ROUNDED);
                } else {
                    trust.buffers.insert(id, allowed);
                }
                if turned {
                    trust.turned.insert(id);
                }
            }
        }
        trust.any_turned = !trust.turned.is_empty();
        trust
    }

    /// What a rotated value may be off more at a position.
    pub fn angle(&self, position: u32) -> f64 {
        if self.any_turned { ANGLE * f64::from(position) } else { 0.0 }
    }

    /// What a buffer may be off.
    pub fn allowed(&self, buffer: BufferId, position: u32) -> f64 {
        self.buffers.get(&buffer).copied().unwrap_or(SINGLE) + if self.turned.contains(&buffer) { self.angle(position) } else { 0.0 }
    }

    /// What the value under a rounded buffer may be off.
    pub fn of_input(&self, buffer: BufferId) -> f64 {
        self.under.get(&buffer).copied().unwrap_or(SINGLE)
    }
}

/// A row as a faultless device would leave it, for runs without one.
pub fn mirror(row: &Row, elements: Elements, out: &mut [u8]) {
    let single: Vec<f32> = row.values.iter().map(|&v| v as f32).collect();
    match elements {
        Elements::F32 => {
            for ((to, value), _) in out.as_chunks_mut::<4>().0.iter_mut().zip(&single).zip(&row.written).filter(|(_, w)| **w) {
                *to = value.to_le_bytes();
            }
        }
        Elements::Activations => out.copy_from_slice(&activations(&single).0),
        Elements::Int8 => unreachable!("no GPU is given rows of int8"),
    }
}

/// What is wrong with a live row in itself, if anything.
pub fn fault(row: &[u8], elements: Elements, written: &[bool], in_place: bool, all_finite: bool) -> Option<String> {
    let width = written.len();
    match elements {
        Elements::F32 => row.as_chunks::<4>().0.iter().zip(written).enumerate().find_map(|(at, (bytes, &written))| {
            let poison = *bytes == [0xFF; 4];
            match (written, poison) {
                (true, true) => Some(format!("element {at} was not written")),
                (false, false) if !in_place => Some(format!("element {at} was written by nobody's leave")),
                (true, false) if all_finite && !f32::from_le_bytes(*bytes).is_finite() => Some(format!("element {at} is not finite")),
                _ => None,
            }
        }),
        Elements::Int8 => unreachable!("no GPU is given rows of int8"),
        Elements::Activations => (0..width / GROUP).find_map(|group| {
            let (scale, sum) = (word(row, width + group * 4), word(row, width + width / GROUP * 4 + group * 4));
            let codes: i32 = row[group * GROUP..(group + 1) * GROUP].iter().map(|&c| i32::from(c as i8)).sum();
            let scale = (scale != [0xFF; 4]).then(|| f32::from_le_bytes(scale));
            match scale {
                None => Some(format!("the scale of group {group} was not written")),
                Some(scale) if all_finite && !(scale.is_finite() && scale >= 0.0) => Some(format!("the scale of group {group} is {scale}")),
                Some(_) if i32::from_le_bytes(sum) != codes => {
                    Some(format!("the sum of group {group} is {}, its codes make {codes}", i32::from_le_bytes(sum)))
                }
                Some(_) => None,
            }
        }),
    }
}

/// Distance of what was written, relative to what is expected; elements whose reference is not finite are left out.
pub fn distance(got: &[f64], expected: &[f64], written: &[bool], allowed: f64) -> Error {
    let (mut off, mut all, mut most) = (0.0, 0.0, 0f64);
    for ((got, expected), _) in got.iter().zip(expected).zip(written).filter(|((_, e), w)| **w && e.is_finite()) {
        let difference = (got - expected).abs();
        off += difference * difference;
        all += expected * expected;
        // `max` would drop what is not a number.
        most = if difference > most || difference.is_nan() { difference } else { most };
    }
    let relative = if all > 0.0 { (off / all).sqrt() } else { f64::sqrt(off) };
    Error { relative, allowed, most, what: String::new() }
}

/// As [`distance`], for eight bits: of each difference, half a step is rounding, and what remains must be as small as the error of the value itself;
/// and no group may have a step larger than its largest value asks for.
pub fn distance_rounded(row: &[u8], expected: &[f64], width: usize, allowed: f64, under: f64) -> Error {
    let mut got = Vec::with_capacity(width);
    let mut beyond = 0.0;
    let size = expected.iter().map(|v| v * v).sum::<f64>().sqrt();
    let typical = size / (width as f64).sqrt();
    let mut coarse = false;
    for (group, expected) in expected.chunks(GROUP).enumerate() {
        let scale = f64::from(f32::from_le_bytes(word(row, width + group * 4)));
        let peak = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
        coarse |= (scale * 127.0 - peak).abs() > under * (peak + 8.0 * typical);
        for (code, expected) in row[group * GROUP..].iter().zip(expected) {
            let value = f64::from(*code as i8) * scale;
            let rest = ((value - expected).abs() - 0.5 * scale).max(0.0);
            beyond += rest * rest;
            got.push(value);
        }
    }
    let plain = distance(&got, expected, &vec![true; width], allowed);
    let rest = if size > 0.0 { beyond.sqrt() / size } else { beyond.sqrt() };
    // One error of the two, the one that is nearer to its limit; a rounded row may itself be off by what few large values in a group make of it.
    let relative = if plain.relative.is_nan() || coarse { f64::INFINITY } else { rest };
    Error { relative, allowed: under.max(1e-9), ..plain }
}

fn word(bytes: &[u8], at: usize) -> [u8; 4] {
    std::array::from_fn(|b| bytes[at + b])
}

/// Singles of some bytes.
pub fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
}

/// The bytes of some singles.
pub fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Rows in eight bits, each as the host lays it out, as the device does: the codes of all rows, then scales and sums group by group with the rows side by
/// side (`kernels/gpu`'s `codes.rs`). Rows that are not given are poison.
pub fn to_device(rows: &[u8], width: usize, capacity: usize) -> Vec<u8> {
    let groups = width / GROUP;
    let each = width + groups * 8;
    let mut bytes = vec![0xFF; each * capacity];
    for (r, row) in rows.chunks_exact(each).enumerate() {
        for group in 0..groups {
            bytes[(group * capacity + r) * GROUP..][..GROUP].copy_from_slice(&row[group * GROUP..][..GROUP]);
        }
        for at in 0..2 * groups {
            let to = capacity * width + (at * capacity + r) * 4;
            bytes[to..to + 4].copy_from_slice(&row[width + at * 4..][..4]);
        }
    }
    bytes
}

/// The inverse of [`to_device`].
pub fn from_device(bytes: &[u8], width: usize, capacity: usize) -> Vec<u8> {
    let groups = width / GROUP;
    let mut rows = Vec::with_capacity(bytes.len());
    for r in 0..capacity {
        for group in 0..groups {
            rows.extend_from_slice(&bytes[(group * capacity + r) * GROUP..][..GROUP]);
        }
        for at in 0..2 * groups {
            rows.extend_from_slice(&bytes[capacity * width + (at * capacity + r) * 4..][..4]);
        }
    }
    rows
}

/// About normal: twelve uniform numbers.
pub fn normal(random: &mut Random) -> f32 {
    (0..12).map(|_| (random.bits() >> 40) as f32 / (1u64 << 24) as f32).sum::<f32>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(count: usize) -> Vec<f64> {
        let mut random = Random(9);
        (0..count).map(|_| f64::from(normal(&mut random))).collect()
    }

    fn rounded(values: &[f64]) -> Vec<u8> {
        activations(&values.iter().map(|&v| v as f32).collect::<Vec<_>>()).0
    }

    #[test]
    fn a_faultless_row_passes() {
        let values = row(128);
        let error = distance_rounded(&rounded(&values), &values, 128, ROUNDED, SINGLE);
        assert!(error.share() < 0.1, "{error:?}");
        assert!(fault(&rounded(&values), Elements::Activations, &[true; 128], false, true).is_none());
        assert_eq!(distance(&values, &values, &[true; 128], SINGLE).relative, 0.0);
    }

    #[test]
    fn the_devices_layout_turns_back() {
        let rows: Vec<u8> = (0..3).flat_map(|r| rounded(&row(128).iter().map(|v| v * f64::from(r + 1)).collect::<Vec<_>>())).collect();
        let device = to_device(&rows, 128, 4);
        let back = from_device(&device, 128, 4);
        assert_eq!(back[..rows.len()], rows);
        assert!(back[rows.len()..].iter().all(|&b| b == 0xFF), "the row that is not given is poison");
        // The second group's codes and scales of all rows lie side by side; one row lies as on the host.
        assert_eq!(device[5 * 32..6 * 32], rows[160 + 32..160 + 64]);
        assert_eq!(device[4 * 128 + 4 * 4..][..4], rows[128 + 4..][..4]);
        assert_eq!(device[4 * 128 + 4 * 4 + 4..][..4], rows[160 + 128 + 4..][..4]);
        assert_eq!(to_device(&rows[..160], 128, 1), rows[..160]);
    }

    #[test]
    fn faults_are_found() {
        let values = row(128);
        let all = [true; 128];
        // One code off by two, a scale that is too large, a wrong sum, a scale that nobody wrote.
        let mut bytes = rounded(&values);
        bytes[5] = bytes[5].wrapping_add(2);
        assert!(distance_rounded(&bytes, &values, 128, ROUNDED, SINGLE).share() > 1.0);
        assert!(fault(&bytes, Elements::Activations, &all, false, true).is_some());
        let double: Vec<f64> = values.iter().map(|v| v * 1.01).collect();
        assert!(distance_rounded(&rounded(&double), &values, 128, ROUNDED, SINGLE).share() > 1.0);
        let mut bytes = rounded(&values);
        bytes[128..132].fill(0xFF);
        assert!(fault(&bytes, Elements::Activations, &all, false, true).is_some());
        assert!(distance_rounded(&bytes, &values, 128, ROUNDED, SINGLE).share() > 1.0);
        // An element that is missing, one that is not a number, one that is not the launch's.
        let mut bytes = bytes_of(&values.iter().map(|&v| v as f32).collect::<Vec<_>>());
        let mut written = all;
        assert!(fault(&bytes, Elements::F32, &written, false, true).is_none());
        written[7] = false;
        assert!(fault(&bytes, Elements::F32, &written, false, true).is_some());
        bytes[28..32].fill(0xFF);
        assert!(fault(&bytes, Elements::F32, &written, false, true).is_none() && fault(&bytes, Elements::F32, &all, false, true).is_some());
        assert!(distance(&floats(&bytes), &values, &all, SINGLE).share() > 1.0);
    }
}
