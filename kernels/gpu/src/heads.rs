//! What is done head by head before attention: norm, rotation, and storing keys and values as halves. A warp a head.

use crate::block::WARP;
use crate::text::{Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::gpu::inputs_column;

/// What becomes of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// Stored as f32: queries.
    Buffer,
    /// Stored as halves at the row's place of the state.
    Keys,
    /// As keys, after the keys.
    Values,
}

/// A run of heads treated alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heads {
    /// How many.
    pub count: u32,
    /// Whether the norm has a weight.
    pub weighted: bool,
    /// Whether pairs (i, i + half) are rotated.
    pub rotated: bool,
    /// Where they go.
    pub goal: Goal,
}

/// Geometry of a state on the device: per slot `[head][position][head_dim]` halves of keys, then the same of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ring {
    /// Key and value heads.
    pub heads: u32,
    /// Elements of a head.
    pub head_dim: u32,
    /// Positions kept.
    pub capacity: u32,
}

impl Ring {
    /// Bytes of one slot.
    pub fn slot_bytes(&self) -> u64 {
        u64::from(self.heads) * u64::from(self.head_dim) * u64::from(self.capacity) * 4
    }

    /// Bytes from keys to values.
    pub fn half_bytes(&self) -> u64 {
        self.slot_bytes() / 2
    }
}

/// Reads a row's slot and position.
pub fn place(k: &Kernel, row: Value, most: u32) -> (Value, Value) {
    let read = |column: u32| k.load(k.at(k.parameter(0), k.add(k.int(inputs_column(column, most)), k.mul(row, k.int(4)))), Type::I32);
    (read(1), read(2))
}

/// Parameters: inputs block, rotation table `[context, head_dim]`, state, then for each run its input, its weight where it has one, and its output where
/// it goes to a buffer.
pub fn parameters(runs: &[Heads]) -> Vec<Parameter> {
    let mut parameters = vec![Parameter::Buffer, Parameter::Constant, Parameter::Buffer];
    for run in runs {
        parameters.push(Parameter::Buffer);
        if run.weighted {
            parameters.push(Parameter::Constant);
        }
        if run.goal == Goal::Buffer {
            parameters.push(Parameter::Buffer);
        }
    }
    parameters
}

/// The kernel's body, for one warp. Grid: heads by rows; `most` is the row capacity of the inputs block, `entry_rows` the entry's rows, or 0 for any.
pub fn body(k: &Kernel, runs: &[Heads], ring: Ring, epsilon: f32, (most, entry_rows): (u32, u32)) {
    let (lane, head, row) = (k.thread(), k.block("x"), k.block("y"));
    let rows = k.live_rows(entry_rows);
    let (slot, position) = place(k, row, most);
    if entry_rows == 1 {
        // What never changes: the rotation of the position, and the norms' weights.
        let dim = ring.head_dim;
        let mut pieces = vec![(k.at(k.parameter(1), k.mul(position, k.int(4 * dim))), u64::from(4 * dim))];
        let mut at = 3;
        for run in runs {
            if run.weighted {
                pieces.push((k.parameter(at + 1), u64::from(4 * dim)));
            }
            at += 1 + usize::from(run.weighted) + usize::from(run.goal == Goal::Buffer);
        }
        k.bring(k.is(k.add(lane, head), Is::Equal, k.int(0)), pieces);
    }
    k.wait_for_launch(entry_rows);
    k.when(k.is(row, Is::Less, rows), || {
        let (mut at, mut first) = (3, 0);
        for run in runs {
            let here = k.and(k.is(head, Is::AtLeast, k.int(first)), k.is(head, Is::Less, k.int(first + run.count)));
            let input = at;
            let weight = run.weighted.then_some(at + 1);
            let out = (run.goal == Goal::Buffer).then_some(at + 1 + usize::from(run.weighted));
            k.when(here, || one(k, *run, ring, epsilon, (lane, k.sub(head, k.int(first)), row), (slot, position), (input, weight, out)));
            at += 1 + usize::from(run.weighted) + usize::from(out.is_some());
            first += run.count;
        }
    });
}

fn one(
    k: &Kernel,
    run: Heads,
    ring: Ring,
    epsilon: f32,
    (lane, head, row): (Value, Value, Value),
    (slot, position): (Value, Value),
    (input, weight, out): (usize, Option<usize>, Option<usize>),
) {
    let dim = ring.head_dim;
    let half = dim / 2;
    let index = k.mul(k.add(k.mul(row, k.int(run.count)), head), k.int(dim));
    // A lane holds the pairs i = lane, lane + 32, ... of the first half, with their partners.
    let pairs = half.div_ceil(WARP);
    let exact = half.is_multiple_of(WARP);
    let zero = k.float(0.0);
    let guarded =
        |i: Value, read: &dyn Fn() -> Value| if exact { read() } else { k.choose(k.is(i, Is::Less, k.int(half)), || vec![read()], || vec![zero])[0] };
    let mut places = Vec::new();
    for n in 0..pairs {
        let i = k.add(lane, k.int(n * WARP));
        let read = |offset: u32| guarded(i, &|| k.load(k.at(k.parameter(input), k.mul(k.add(index, k.add(i, k.int(offset))), k.int(4))), Type::F32));
        let constant = |parameter: usize, at: Value| guarded(i, &|| k.load_constant(k.at(k.parameter(parameter), k.mul(at, k.int(4))), Type::F32));
        let weights = weight.map(|w| [0, half].map(|offset| constant(w, k.add(i, k.int(offset)))));
        let turn = run.rotated.then(|| {
            let at = k.add(k.mul(position, k.int(dim)), i);
            [0, half].map(|offset| constant(1, k.add(at, k.int(offset))))
        });
        places.push((i, [read(0), read(half)], weights, turn));
    }
    // All reads are on their way before the first is used.
    k.issued();
    let sum = places.iter().fold(zero, |sum, (_, [a, b], ..)| k.fma(*a, *a, k.fma(*b, *b, sum)));
    let mean = k.mul(k.lane_sum(sum, 0, 5), k.float(1.0 / dim as f32));
    let factor = k.reciprocal(k.root(k.add(mean, k.float(epsilon))));
    for (i, values, weights, turn) in places {
        let [mut a, mut b] = values.map(|x| k.mul(x, factor));
        if let Some([low, high]) = weights {
            (a, b) = (k.mul(a, low), k.mul(b, high));
        }
        if let Some([cos, sin]) = turn {
            (a, b) = (k.sub(k.mul(a, cos), k.mul(b, sin)), k.add(k.mul(b, cos), k.mul(a, sin)));
        }
        let store = || match out {
            Some(out) => {
                for (value, offset) in [(a, 0), (b, half)] {
                    k.store(value, k.at(k.parameter(out), k.mul(k.add(index, k.add(i, k.int(offset))), k.int(4))));
                }
            }
            None => {
                let ring_place = k.rem(position, k.int(ring.capacity));
                let base = slot_base(k, ring, slot, run.goal == Goal::Values);
                let first = k.add(k.mul(k.add(k.mul(head, k.int(ring.capacity)), ring_place), k.int(dim)), i);
                for (value, offset) in [(a, 0), (b, half)] {
                    k.store(k.narrow(value), k.at(base, k.mul(k.add(first, k.int(offset)), k.int(2))));
                }
            }
        };
        if exact { store() } else { k.when(k.is(i, Is::Less, k.int(half)), store) }
    }
}

/// First byte of the keys (or values) of a slot; the state is parameter 2 of heads and of attention.
pub fn slot_base(k: &Kernel, ring: Ring, slot: Value, values: bool) -> Value {
    let offset = k.mul(k.extend(slot, Type::I64), k.long(ring.slot_bytes()));
    let base = k.at(k.parameter(2), offset);
    if values { k.at(base, k.long(ring.half_bytes())) } else { base }
}
