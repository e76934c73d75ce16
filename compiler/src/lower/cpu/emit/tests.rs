//! Compiled code against a straightforward interpreter, bit for bit, over hand-made and random regions.

use super::*;
use unicorn_artifact::plan::RegionArg;
use unicorn_artifact::region::{Kind, Operand, RegionOp as O, gelu, tanh};

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// In (-2, 2), now and then something extreme if `wild`.
    fn float(&mut self, wild: bool) -> f32 {
        match if wild { self.below(40) } else { 40 } {
            0 => 0.0,
            1 => -0.0,
            2 => 1e30,
            3 => f32::INFINITY,
            4 => 1e-40,
            _ => (self.next() >> 40) as f32 / (1 << 22) as f32 - 2.0,
        }
    }
}

/// Bindings of one call: per slot its elements and the elements from one row to the next.
type Bound = Vec<(Vec<f32>, usize)>;

/// The meaning of a region, one row and one operation at a time.
fn interpret(region: &Region, bound: &mut Bound, rows: usize, columns: usize) {
    let kinds = region.kinds().unwrap();
    for row in 0..rows {
        let mut values: Vec<Vec<f32>> = Vec::new();
        let mut stores = Vec::new();
        for (at, op) in region.ops.iter().enumerate() {
            let read = |slot: u16, column: usize| bound[usize::from(slot)].0[row * bound[usize::from(slot)].1 + column];
            let value = |v: u16, column: usize| *values[usize::from(v)].get(column).unwrap_or(&values[usize::from(v)][0]);
            let element = |column: usize| match *op {
                O::Load(slot) => read(slot, column),
                O::LoadScalar(slot, index) => read(slot, usize::from(index)),
                O::Imm(x) => x,
                O::Add(a, b) => value(a, column) + value(b, column),
                O::Sub(a, b) => value(a, column) - value(b, column),
                O::Mul(a, b) => value(a, column) * value(b, column),
                O::Div(a, b) => value(a, column) / value(b, column),
                O::Max(a, b) => {
                    if value(a, column) > value(b, column) {
                        value(a, column)
                    } else {
                        value(b, column)
                    }
                }
                O::Sqrt(a) => value(a, column).sqrt(),
                O::Tanh(a) => tanh(value(a, column)),
                O::Gelu(a) => gelu(value(a, column)),
                O::Sum(a) => {
                    let mut s = [0.0_f32; 16];
                    (0..columns).for_each(|c| s[c % 16] += value(a, c));
                    for half in [8, 4, 2, 1] {
                        (0..half).for_each(|l| s[l] += s[l + half]);
                    }
                    s[0]
                }
                O::Store(..) | O::StoreScalar(..) => unreachable!(),
            };
            values.push(match kinds[at] {
                Kind::Vector => (0..columns).map(element).collect(),
                Kind::Scalar => vec![element(0)],
                Kind::Nothing => {
                    stores.push(*op);
                    vec![]
                }
            });
        }
        for store in stores {
            let (slot, first, value) = match store {
                O::Store(slot, v) => (slot, 0, &values[usize::from(v)]),
                O::StoreScalar(slot, index, v) => (slot, usize::from(index), &values[usize::from(v)]),
                _ => unreachable!(),
            };
            let (out, stride) = &mut bound[usize::from(slot)];
            out[row * *stride + first..][..value.len()].copy_from_slice(value);
        }
    }
}

fn bind(region: &Region, rows: usize, random: &mut Random, wild: bool) -> Bound {
    let one = |operand: &Operand| {
        let elements = operand.elements(region.width) as usize;
        let (stride, count) = if operand.is_const() { (0, elements) } else { (elements + 16, rows * (elements + 16)) };
        ((0..count).map(|_| random.float(wild)).collect(), stride)
    };
    region.operands.iter().map(one).collect()
}

/// Regions compiled for this host and made executable.
#[cfg(target_arch = "x86_64")]
struct Native {
    code: memmap2::Mmap,
    spans: Vec<CodeSpan>,
}

#[cfg(target_arch = "x86_64")]
impl Native {
    fn new(regions: &[Region]) -> Option<Self> {
        let (code, spans) = compile(regions, &TARGETS[0]).unwrap();
        if !is_x86_feature_detected!("avx") {
            return None;
        }
        let mut map = memmap2::MmapMut::map_anon(code.len()).unwrap();
        map.copy_from_slice(&code);
        Some(Self { code: map.make_exec().unwrap(), spans })
    }

    fn call(&self, at: usize, bound: &mut Bound, aliases: &[(usize, usize)], rows: usize, columns: usize) {
        let mut arguments: Vec<RegionArg> =
            bound.iter_mut().map(|(data, stride)| RegionArg { pointer: data.as_mut_ptr(), stride: *stride * 4 }).collect();
        for &(out, input) in aliases {
            arguments[out] = arguments[input];
        }
        // SAFETY: the span holds a function of this type, made by `compile` for a superset of this host's features; arguments cover all rows.
        unsafe {
            let code: extern "C" fn(*const RegionArg, usize, usize) = std::mem::transmute(self.code.as_ptr().add(self.spans[at].offset as usize));
            code(arguments.as_ptr(), rows, columns);
        }
    }
}

/// The oracle: code and interpreter leave the same bits (any NaN equals any NaN) in all memory, also where outputs lie on inputs.
#[cfg(target_arch = "x86_64")]
fn check(regions: &[Region], seed: u64) {
    let random = &mut Random(seed);
    let Some(native) = Native::new(regions) else { return };
    for (at, region) in regions.iter().enumerate() {
        let rows = 1 + random.below(5);
        let width = region.width as usize;
        let columns = if region.reduces() { width } else { 16 * (1 + random.below(width / 16)) };
        let wild = random.below(2) == 0;
        let mut wanted = bind(region, rows, random, wild);
        let mut given = wanted.clone();
        native.call(at, &mut given, &[], rows, columns);
        let inputs = wanted.clone();
        interpret(region, &mut wanted, rows, columns);
        let same = |a: &[f32], b: &[f32]| a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
        for (slot, (given, wanted)) in given.iter().zip(&wanted).enumerate() {
            assert_eq!(same(&given.0, &wanted.0), None, "region {at} slot {slot} ({rows} rows, {columns} columns): {region:?}");
        }
        // Every output on top of an input of its kind: the bits must stay the same.
        let slots = |wanted: Operand| region.operands.iter().enumerate().filter(move |(_, o)| **o == wanted).map(|(s, _)| s);
        let aliases: Vec<(usize, usize)> = slots(Operand::OutRow).zip(slots(Operand::Row)).collect();
        let mut over = inputs;
        native.call(at, &mut over, &aliases, rows, columns);
        for &(out, input) in &aliases {
            let stride = wanted[out].1;
            let written = region.ops.iter().any(|op| matches!(op, O::Store(slot, _) if usize::from(*slot) == out));
            for row in (0..rows).filter(|_| written) {
                let range = row * stride..row * stride + columns;
                assert_eq!(same(&over[input].0[range.clone()], &wanted[out].0[range]), None, "region {at} slot {out} on {input}: {region:?}");
            }
        }
    }
}

/// A region that follows the rules, with values of both kinds, often reused, and several sums.
fn random_region(random: &mut Random) -> Region {
    let mut operands = vec![];
    for _ in 0..1 + random.below(3) {
        operands.extend([Operand::Row, Operand::Const, Operand::Scalars(3), Operand::ConstScalars(5), Operand::OutRow, Operand::OutScalars(4)]);
    }
    let mut region = Region { width: 16 * (1 + random.below(32)) as u32, operands, ops: vec![] };
    let longest = if random.below(10) == 0 { 200 } else { 40 };
    let length = 4 + random.below(longest);
    let sums = random.below(3) * 8;
    for _ in 0..length * 4 {
        if region.ops.len() >= length {
            break;
        }
        let slot = random.below(region.operands.len()) as u16;
        let mut value = || {
            let recent = region.ops.len().saturating_sub(12) * random.below(2);
            random.below(region.ops.len().max(1)).max(recent) as u16
        };
        let (a, b) = (value(), value());
        let op = match random.below(18) {
            0 | 1 => O::Load(slot),
            2 => O::LoadScalar(slot, random.below(5) as u16),
            3 => O::Imm(random.float(true)),
            4 | 5 => O::Add(a, b),
            6 => O::Sub(a, b),
            7 | 8 => O::Mul(a, b),
            9 => O::Div(a, b),
            10 => O::Max(a, b),
            11 => O::Sqrt(a),
            12 => O::Tanh(a),
            13 => O::Gelu(a),
            14 if sums > 0 => O::Sum(a),
            15 | 16 => O::Store(slot, a),
            _ => O::StoreScalar(slot, random.below(4) as u16, a),
        };
        region.ops.push(op);
        if region.kinds().is_err() {
            region.ops.pop();
        }
    }
    region
}

/// Appends operations by name, for regions written by hand.
struct Writer(Region);

impl Writer {
    fn new(width: u32, operands: &[Operand]) -> Self {
        Self(Region { width, operands: operands.to_vec(), ops: vec![] })
    }

    fn op(&mut self, op: O) -> u16 {
        self.0.ops.push(op);
        self.0.ops.len() as u16 - 1
    }

    fn norm(&mut self, x: u16, weight: Option<u16>) -> u16 {
        let (square, share, epsilon, one) =
            (self.op(O::Mul(x, x)), self.op(O::Imm(1.0 / self.0.width as f32)), self.op(O::Imm(1e-6)), self.op(O::Imm(1.0)));
        let sum = self.op(O::Sum(square));
        let mean = self.op(O::Mul(sum, share));
        let mean = self.op(O::Add(mean, epsilon));
        let root = self.op(O::Sqrt(mean));
        let factor = self.op(O::Div(one, root));
        let y = self.op(O::Mul(x, factor));
        weight.map_or(y, |w| self.op(O::Mul(y, w)))
    }
}

fn rms_norm(width: u32) -> Region {
    let mut w = Writer::new(width, &[Operand::Row, Operand::Const, Operand::OutRow]);
    let (x, weight) = (w.op(O::Load(0)), w.op(O::Load(1)));
    let y = w.norm(x, Some(weight));
    w.op(O::Store(2, y));
    w.0
}

/// AltUp's prediction of four streams, and the norm of the first: slots 0-3 streams, 4 router norm, 5-8 router, 9 coefficients, 10 norm, 11-15 out.
fn predict(width: u32) -> Region {
    use Operand::{Const, ConstScalars, OutRow, Row};
    let mut w =
        Writer::new(width, &[Row, Row, Row, Row, Const, Const, Const, Const, Const, ConstScalars(64), Const, OutRow, OutRow, OutRow, OutRow, OutRow]);
    let h = [0, 1, 2, 3].map(|s| w.op(O::Load(s)));
    let weight = w.op(O::Load(4));
    let y = w.norm(h[0], Some(weight));
    let share = w.op(O::Imm(1.0 / width as f32));
    let y = w.op(O::Mul(y, share));
    let modes = [5, 6, 7, 8].map(|s| {
        let row = w.op(O::Load(s));
        let product = w.op(O::Mul(y, row));
        let dot = w.op(O::Sum(product));
        w.op(O::Tanh(dot))
    });
    let mut predicted = vec![];
    for i in 0..4 {
        let mut sum = h[i];
        for (j, &stream) in h.iter().enumerate() {
            let mut coefficient = None;
            for (m, &mode) in modes.iter().enumerate() {
                let c = w.op(O::LoadScalar(9, (16 * i + 4 * j + m) as u16));
                let term = w.op(O::Mul(c, mode));
                coefficient = Some(coefficient.map_or(term, |sum| w.op(O::Add(sum, term))));
            }
            let term = w.op(O::Mul(coefficient.unwrap(), stream));
            sum = w.op(O::Add(sum, term));
        }
        predicted.push(sum);
    }
    let weight = w.op(O::Load(10));
    let y = w.norm(predicted[0], Some(weight));
    predicted.push(y);
    predicted.iter().enumerate().for_each(|(s, &v)| {
        w.op(O::Store(11 + s as u16, v));
    });
    w.0
}

fn gated_gelu(width: u32) -> Region {
    let mut w = Writer::new(width, &[Operand::Row, Operand::Row, Operand::OutRow]);
    let (gate, up) = (w.op(O::Load(0)), w.op(O::Load(1)));
    let gate = w.op(O::Gelu(gate));
    let y = w.op(O::Mul(gate, up));
    w.op(O::Store(2, y));
    w.0
}

fn soft_cap(width: u32) -> Region {
    let mut w = Writer::new(width, &[Operand::Row, Operand::OutRow]);
    let (x, cap) = (w.op(O::Load(0)), w.op(O::Imm(30.0)));
    let x = w.op(O::Div(x, cap));
    let x = w.op(O::Tanh(x));
    let y = w.op(O::Mul(x, cap));
    w.op(O::Store(1, y));
    w.0
}

/// gelu(max(z - (mean + k * deviation), 0)), and the cutoff itself.
fn gaussian(width: u32) -> Region {
    let mut w = Writer::new(width, &[Operand::Row, Operand::OutRow, Operand::OutScalars(1)]);
    let (z, share, k, zero) = (w.op(O::Load(0)), w.op(O::Imm(1.0 / width as f32)), w.op(O::Imm(1.644_853_6)), w.op(O::Imm(0.0)));
    let sum = w.op(O::Sum(z));
    let mean = w.op(O::Mul(sum, share));
    let centred = w.op(O::Sub(z, mean));
    let square = w.op(O::Mul(centred, centred));
    let sum = w.op(O::Sum(square));
    let variance = w.op(O::Mul(sum, share));
    let deviation = w.op(O::Sqrt(variance));
    let scaled = w.op(O::Mul(deviation, k));
    let cutoff = w.op(O::Add(mean, scaled));
    let above = w.op(O::Sub(z, cutoff));
    let above = w.op(O::Max(above, zero));
    let y = w.op(O::Gelu(above));
    w.op(O::Store(1, y));
    w.op(O::StoreScalar(2, 0, cutoff));
    w.0
}

fn by_hand(width: u32) -> Vec<Region> {
    vec![rms_norm(width), predict(width), gated_gelu(width), soft_cap(width), gaussian(width)]
}

#[test]
#[cfg(target_arch = "x86_64")]
fn hand_made_regions_match_the_interpreter() {
    for width in [16, 64, 2048] {
        for seed in 0..6 {
            check(&by_hand(width), seed);
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn random_regions_match_the_interpreter() {
    let random = &mut Random(1);
    let regions: Vec<Region> = (0..2000).map(|_| random_region(random)).collect();
    assert!(regions.iter().filter(|r| r.reduces()).count() > 500, "the generator makes sums");
    check(&regions, 2);
}

#[test]
fn every_target_compiles_deterministically() {
    let random = &mut Random(3);
    let mut regions: Vec<Region> = (0..300).map(|_| random_region(random)).collect();
    regions.extend(by_hand(512));
    for target in &TARGETS {
        let (code, spans) = compile(&regions, target).unwrap();
        assert_eq!((&code, &spans), (&compile(&regions, target).unwrap().0, &spans), "{}", target.arch);
        assert_eq!(spans.len(), regions.len());
        let mut end = 0;
        for span in spans {
            assert!(span.offset.is_multiple_of(CODE_ALIGN as u64) && span.offset >= end && span.bytes > 0);
            end = span.offset + span.bytes;
        }
        assert_eq!(end, code.len() as u64);
    }
}

#[test]
fn a_malformed_region_is_named() {
    let broken = Region { width: 32, operands: vec![], ops: vec![O::Load(0)] };
    let why = compile(&[soft_cap(32), broken], &TARGETS[1]).unwrap_err().to_string();
    assert!(why.contains("region 1") && why.contains("slot 0"), "{why}");
}
