//! Artifacts without their weights, to measure a large model where only small files can be carried: speeds depend on shapes only.
//!
//! `hollow HOLLOW ARTIFACT` takes what `unicornc compile --hollow` wrote (plan, code, tokenizer), makes seeded random weights for it, zeros for what is
//! streamed, and records a self-test by the host's kernels.

use std::path::Path;
use unicorn_artifact::file::{Artifact, Manifest, Writer, section};
use unicorn_artifact::plan::Weight;
use unicorn_artifact::tensor::{Format, GROUP, Layout, PANEL, matrix_scales, row_groups};
use unicorn_rt::load::{DeviceChoice, Options, load};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [from, to] => fill(from, to),
        _ => {
            eprintln!("usage: hollow HOLLOW ARTIFACT");
            return std::process::ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn fill(from: &str, to: &str) -> Outcome {
    let hollow = Artifact::open(from)?;
    let manifest = Manifest::decode(hollow.verified(section::MANIFEST)?)?;
    let plan = &manifest.plan;
    let mut writer = Writer::create(to)?;
    for (name, streamed, total) in [(section::WEIGHTS, false, plan.weight_bytes), (section::STREAMED, true, plan.streamed_bytes)] {
        writer.begin(name)?;
        for (at, weight) in plan.weights.iter().enumerate().filter(|(_, w)| w.streamed == streamed) {
            writer.write(&vec![0; (weight.offset - writer.written()) as usize])?;
            let bytes = weight.bytes().ok_or("a weight of impossible size")? as usize;
            writer.write(&if streamed { vec![0; bytes] } else { random(weight, bytes, at as u64) })?;
        }
        writer.write(&vec![0; (total - writer.written()) as usize])?;
    }
    for kept in hollow.sections() {
        writer.begin(&kept.name)?;
        writer.write(hollow.verified(&kept.name)?)?;
    }
    writer.finish()?;
    let tokens = vec![2, 1000, 2000, 3000, 4000, 5000, 6000];
    let mut loaded = load(Path::new(to), Options { gpu: DeviceChoice::Off, npu: DeviceChoice::Off, ..Options::default() })?;
    let logits = unicorn_rt::selftest::last_logits(&mut loaded.session, &tokens)?;
    drop(loaded);
    let mut writer = Writer::reopen(to)?;
    writer.begin(section::SELFTEST)?;
    writer.write(&unicorn_rt::selftest::describe(tokens, &logits, 0.0).encode()?)?;
    writer.finish()?;
    Ok(())
}

/// Numbers that look random and depend on the seed alone.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// About normal, of unit variance.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: u64 = (0..4).map(|n| bits >> (16 * n) & 0xFFFF).sum();
        (sum as f32 / 65535.0 - 2.0) * 1.732
    }
}

fn random(weight: &Weight, bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed << 32);
    let (rows, cols) = (weight.rows as usize, weight.cols as usize);
    let fan_in = if weight.name.ends_with("(transposed)") { rows } else { cols };
    let size = if weight.name.contains("embed_tokens") { 0.02 } else { (fan_in as f32).sqrt().recip() };
    if weight.layout == Layout::Flat {
        let value = |random: &mut Random| match &weight.name {
            name if name.contains("_coefs") => 0.1 * random.normal(),
            name if name.contains("q_norm") || name.contains("k_norm") => 0.25,
            _ if rows == 1 => 1.0 + 0.02 * random.normal(),
            _ => size * random.normal(),
        };
        return (0..rows * cols).flat_map(|_| value(&mut random).to_le_bytes()).collect();
    }
    if weight.format == Format::Bf16 {
        return (0..bytes / 2).flat_map(|_| ((size * random.normal()).to_bits() >> 16).to_le_bytes()[..2].to_vec()).collect();
    }
    if weight.layout == Layout::Matrix {
        // Uniform codes have a deviation of 74 steps.
        let codes = matrix_scales(rows, cols).expect("the plan is valid");
        let mut out: Vec<u8> = (0..codes / 8 + 1).flat_map(|_| random.next().to_le_bytes()).take(codes).collect();
        out.extend((0..rows).flat_map(|_| (size / 74.0).to_le_bytes()));
        return out;
    }
    let mut out: Vec<u8> = (0..bytes / 8 + 1).flat_map(|_| random.next().to_le_bytes()).take(bytes).collect();
    // Uniform codes have a deviation of 4.6 or 74 steps.
    let scale = half::f16::from_f32(size / if weight.format == Format::Q4 { 4.6 } else { 74.0 }).to_le_bytes();
    let (record, scales) = match weight.layout {
        Layout::Panel => (unicorn_artifact::tensor::panel_group_bytes(weight.format), PANEL),
        _ => (bytes / rows, row_groups(cols).max(cols / GROUP)),
    };
    for record in out.chunks_mut(record) {
        for place in record[..scales * 2].chunks_exact_mut(2) {
            place.copy_from_slice(&scale);
        }
    }
    out
}
