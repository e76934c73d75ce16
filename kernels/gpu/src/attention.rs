//! Attention over the cached keys and values: one block per row, key head and part of the positions; each warp one query head at a time.
//!
//! Eight lanes share a position: each holds an eighth of the head. So a warp sees four positions at once, and each quarter of it keeps a largest score, a sum
//! of weights and an output of its own; they meet at the end, then the warps of a head, then (through device memory) the parts of a row.

pub mod tile;
mod unit;

use crate::block::WARP;
use crate::codes::Codes;
use crate::heads::{Ring, place, slot_base};
use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::tensor::GROUP;

/// Attention of a shape.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Spec {
    /// Keys and values.
    pub ring: Ring,
    /// Query heads.
    pub heads: u32,
    /// Positions seen including the row's own; 0 = all.
    pub window: u32,
    /// Factor on the scores.
    pub scale: f32,
    /// Blocks that share the positions of a row and key head.
    pub parts: u32,
    /// Whether the context is stored in f32.
    pub keep: bool,
    /// Whether it is stored in eight bits.
    pub quantise: bool,
    /// Rows of the entry.
    pub rows: u32,
    /// Row capacity of the inputs block.
    pub most: u32,
    /// Whether [`tile::kernel`], launched beside this one, does tiles of rows that follow each other.
    pub tiled: bool,
}

/// Lanes that share a position.
const LANES: u32 = 8;
/// Warps of a block.
const WARPS: u32 = 8;
/// Singles before the outputs of a part: its largest score and its sum, and two that keep the outputs at a multiple of 16 bytes.
const HEAD: u32 = 4;

impl Spec {
    fn group(&self) -> u32 {
        self.heads / self.ring.heads
    }

    /// Threads of a block.
    pub fn threads() -> u32 {
        WARPS * WARP
    }

    /// f32 of device memory that parts of one row meet in, and the counters after them.
    pub fn scratch_floats(&self) -> u32 {
        if self.parts == 1 { 0 } else { self.heads * self.parts * (self.ring.head_dim + HEAD) }
    }

    /// Why this shape cannot be written, if so.
    pub fn refusal(&self) -> Option<String> {
        let dim = self.ring.head_dim;
        if !dim.is_multiple_of(64) || dim > 256 {
            return Some(format!("attention on a GPU wants heads of 64, 128, 192 or 256 elements, not {dim}"));
        }
        if !WARPS.is_multiple_of(self.group()) {
            return Some(format!("attention on a GPU wants 1, 2, 4 or 8 query heads for a key head, not {}", self.group()));
        }
        None
    }
}

/// A largest score, the sum of weights relative to it, and the weighted values of this lane.
struct Part {
    most: Value,
    sum: Value,
    out: Vec<Value>,
}

/// The kernel: inputs block, query, state, then the context, its eight-bit twin, the scratch of parts and their counters, where wanted.
/// Grid: parts * key heads, rows; beside tiles [`tile::rest_grid`].
pub fn kernel(name: &str, dialect: Dialect, spec: &Spec) -> String {
    let dim = spec.ring.head_dim;
    let own = dim / LANES;
    let mut parameters = vec![Parameter::Buffer; 3];
    let mut extra = |wanted: bool| {
        parameters.push(Parameter::Buffer);
        if !wanted {
            parameters.pop();
        }
        parameters.len() - 1
    };
    let (keep, twin) = (extra(spec.keep), extra(spec.quantise));
    let (scratch, counters) = (extra(spec.parts > 1), extra(spec.parts > 1));
    let k = Kernel::new(name, dialect, &parameters, Spec::threads());
    let (thread, row) = (k.thread(), k.block("y"));
    let (lane, warp) = (k.and(thread, k.int(31)), k.shr(thread, k.int(5)));
    let (part, kv_head) = (k.rem(k.block("x"), k.int(spec.parts)), k.div(k.block("x"), k.int(spec.parts)));
    let (in_position, quarter) = (k.and(lane, k.int(LANES - 1)), k.shr(lane, k.int(3)));
    let group = spec.group();
    // Warps: [run of positions][query head of the group].
    let (query_head, run) = (k.add(k.mul(kv_head, k.int(group)), k.rem(warp, k.int(group))), k.div(warp, k.int(group)));
    let runs = WARPS / group;
    let shared = k.shared(4 * WARPS * (dim + HEAD), 16);
    let flag = k.shared(4, 4);
    let rows = k.live_rows(spec.rows);
    let one = |row: Value, slot: Value, position: Value| {
        let first = first_position(&k, spec, position);
        let query = k.add(k.mul(k.add(k.mul(row, k.int(spec.heads)), query_head), k.int(dim)), k.mul(in_position, k.int(8)));
        // This lane's elements of a head: eight from each 64.
        let q: Vec<Value> = (0..own / 8)
            .flat_map(|n| [0, 4].map(|h| k.load(k.at(k.parameter(1), k.mul(k.add(query, k.int(n * 64 + h)), k.int(4))), Type::Floats(4))))
            .flat_map(|four| (0..4).map(|e| k.mul(k.element(four, e), k.float(spec.scale * std::f32::consts::LOG2_E))).collect::<Vec<_>>())
            .collect();
        let head_bytes = k.mul(kv_head, k.int(spec.ring.capacity * dim * 2));
        let keys = k.at(slot_base(&k, spec.ring, slot, false), head_bytes);
        let values = k.at(slot_base(&k, spec.ring, slot, true), head_bytes);
        let offset = k.mul(in_position, k.int(16));
        let read = |base: Value, place: Value| -> Vec<Value> {
            let at = k.at(base, k.add(k.mul(place, k.int(dim * 2)), offset));
            (0..own / 8).map(|n| k.load(k.at(at, k.int(n * 128)), Type::Halves(8))).collect()
        };
        let element = |vectors: &[Value], e: u32| k.widen(k.element(vectors[e as usize / 8], (e % 8) as u8));
        let stride = 4 * runs * spec.parts;
        // Of few rows nothing else hides the way to memory; of many, registers are worth more blocks.
        let together = if spec.rows < 16 { 2 } else { 1 };
        let start = k.add(first, k.mul(k.add(k.mul(part, k.int(runs)), run), k.int(4)));
        let low = k.float(-1e30);
        let mut carried = vec![low, k.float(0.0)];
        carried.extend(vec![k.float(0.0); own as usize]);
        let end = k.add(position, k.int(1));
        let seen = k.each(start, end, k.int(stride * together), &carried, |base, carried| {
            // All reads of a turn are on their way before the first is used.
            let loaded: Vec<_> = (0..together)
                .map(|n| {
                    let at = k.add(base, k.add(quarter, k.int(n * stride)));
                    let inside = k.is(at, Is::Less, end);
                    let place = k.rem(k.select(inside, at, position), k.int(spec.ring.capacity));
                    (inside, read(keys, place), read(values, place))
                })
                .collect();
            k.issued();
            let scores: Vec<Value> = loaded
                .iter()
                .map(|(inside, key, _)| {
                    let score = (0..own).fold(k.float(0.0), |s, e| k.fma(element(key, e), q[e as usize], s));
                    k.select(*inside, k.lane_sum(score, 0, LANES.trailing_zeros()), low)
                })
                .collect();
            let most = scores.iter().fold(carried[0], |m, &s| k.max(m, s));
            let fade = k.math("exp2", k.sub(carried[0], most));
            let weights: Vec<Value> =
                loaded.iter().zip(&scores).map(|((inside, ..), &s)| k.select(*inside, k.math("exp2", k.sub(s, most)), k.float(0.0))).collect();
            let mut next = vec![most, weights.iter().fold(k.mul(carried[1], fade), |sum, &w| k.add(sum, w))];
            next.extend((0..own).map(|e| {
                let faded = k.mul(carried[2 + e as usize], fade);
                loaded.iter().zip(&weights).fold(faded, |out, ((.., value), &w)| k.fma(w, element(value, e), out))
            }));
            next
        });
        let mut mine = Part { most: seen[0], sum: seen[1], out: seen[2..].to_vec() };
        // The quarters of a warp meet.
        for bit in [3, 4] {
            let other = |v: Value| k.shuffle_xor(v, 1 << bit);
            let most = k.max(mine.most, other(mine.most));
            let fade = k.math("exp2", k.sub(mine.most, most));
            let sum = k.mul(mine.sum, fade);
            // Each lane goes on with half of the outputs.
            let faded: Vec<Value> = mine.out.iter().map(|&v| k.mul(v, fade)).collect();
            mine = Part { most, sum: k.add(sum, other(sum)), out: k.lane_sums(&faded, bit, 1) };
        }
        // The warps of a head: [warp][largest, sum, outputs].
        let place = k.at(shared, k.mul(warp, k.int(4 * (dim + HEAD))));
        for (n, &v) in mine.out.iter().enumerate() {
            // Output `4 n + quarter` of the lanes of a position.
            let n = n as u32;
            let column = k.add(k.add(k.mul(in_position, k.int(8)), quarter), k.int(4 * n / 8 * 64 + 4 * n % 8 + HEAD));
            k.store(v, k.at(place, k.mul(column, k.int(4))));
        }
        k.when(k.is(lane, Is::Equal, k.int(0)), || {
            k.store(mine.most, place);
            k.store(mine.sum, k.at(place, k.int(4)));
        });
        k.barrier();
        // Four outputs of a thread: `count` partials at `stride` bytes are weighed and added.
        let merge = |base: Value, stride: u32, count: u32, column: Value| {
            let read = |n: u32, at: Value, ty: Type| k.load(k.at(base, k.add(k.int(n * stride), k.mul(at, k.int(4)))), ty);
            let heads: Vec<Value> = (0..count).map(|n| read(n, k.int(0), Type::Floats(2))).collect();
            let outs: Vec<Value> = (0..count).map(|n| read(n, k.add(column, k.int(HEAD)), Type::Floats(4))).collect();
            let top = heads[1..].iter().fold(k.element(heads[0], 0), |m, &v| k.max(m, k.element(v, 0)));
            let (mut sum, mut out) = (k.float(0.0), vec![k.float(0.0); 4]);
            for (head, part) in heads.into_iter().zip(outs) {
                let fade = k.math("exp2", k.sub(k.element(head, 0), top));
                sum = k.fma(k.element(head, 1), fade, sum);
                out = (0..4).map(|e| k.fma(k.element(part, e), fade, out[usize::from(e)])).collect();
            }
            (top, sum, out)
        };
        let (width, bytes) = (spec.heads * dim, 4 * (dim + HEAD));
        let deliver = |(head, column, inside): (Value, Value, Value), sum: Value, out: &[Value]| {
            let factor = k.reciprocal(sum);
            let values: Vec<Value> = out.iter().map(|&v| k.mul(v, factor)).collect();
            let at = k.add(k.mul(k.add(k.mul(kv_head, k.int(group)), head), k.int(dim)), column);
            if spec.keep {
                let to = k.at(k.parameter(keep), k.mul(k.add(k.mul(row, k.int(width)), at), k.int(4)));
                k.when(inside, || k.store(k.vector(&values), to));
            }
            if spec.quantise {
                // Eight neighbouring threads hold a group.
                let (base, layout) = (k.parameter(twin), Codes { cols: width, rows: spec.rows });
                let (codes, scale, sum) = k.codes(&values, GROUP as u32 / 4);
                k.when(inside, || {
                    k.store(k.pack_codes(&codes), layout.code(&k, base, row, at));
                    layout.store_group(&k, base, (row, at), scale, sum);
                });
            }
        };
        // Lanes speak with each other, so a warp goes as one: heads have multiples of 64 elements, two of them fill a warp's 128.
        let outputs = (group * dim).next_multiple_of(4 * WARP);
        let each = |body: &dyn Fn(Value, Value, Value)| {
            k.each(k.mul(thread, k.int(4)), k.int(outputs), k.int(4 * Spec::threads()), &[], |item, _| {
                let inside = k.is(item, Is::Less, k.int(group * dim));
                let item = k.select(inside, item, k.int(0));
                body(k.div(item, k.int(dim)), k.rem(item, k.int(dim)), inside);
                vec![]
            });
        };
        if spec.parts == 1 {
            each(&|head, column, inside| {
                let (_, sum, out) = merge(k.at(shared, k.mul(head, k.int(bytes))), bytes * group, runs, column);
                deliver((head, column, inside), sum, &out);
            });
        } else {
            // [row][head][part][largest, sum, outputs]
            let of_row = k.at(k.parameter(scratch), k.mul(row, k.int(spec.heads * spec.parts * bytes)));
            let of_head = |head: Value| k.at(of_row, k.mul(k.add(k.mul(kv_head, k.int(group)), head), k.int(spec.parts * bytes)));
            each(&|head, column, inside| {
                let (top, sum, out) = merge(k.at(shared, k.mul(head, k.int(bytes))), bytes * group, runs, column);
                let to = k.at(of_head(head), k.mul(part, k.int(bytes)));
                k.when(inside, || {
                    k.store(k.vector(&out), k.at(to, k.mul(k.add(column, k.int(HEAD)), k.int(4))));
                    k.when(k.is(column, Is::Equal, k.int(0)), || k.store(k.vector(&[top, sum]), to));
                });
            });
            // Whoever comes last adds the parts.
            let counter = k.at(k.parameter(counters), k.mul(k.add(k.mul(row, k.int(spec.ring.heads)), kv_head), k.int(4)));
            k.when_last(counter, spec.parts, flag, || {
                each(&|head, column, inside| {
                    let (_, sum, out) = merge(of_head(head), bytes, spec.parts, column);
                    deliver((head, column, inside), sum, &out);
                });
            });
        }
    };
    if spec.tiled {
        tile::rest(&k, spec, (row, rows), shared, one);
    } else {
        let (slot, position) = place(&k, row, spec.most);
        if spec.rows == 1 {
            let turn = (k.add(k.mul(part, k.int(runs)), run), k.mul(kv_head, k.int(spec.ring.capacity * dim * 2)));
            bring_first(&k, spec, (slot, position), turn, lane);
        }
        k.wait_for_launch(spec.rows);
        k.when(k.is(row, Is::Less, rows), || one(row, slot, position));
    }
    k.finish()
}

/// The first position that a row sees.
fn first_position(k: &Kernel, spec: &Spec, position: Value) -> Value {
    if spec.window == 0 { k.int(0) } else { k.max(k.sub(position, k.int(spec.window - 1)), k.int(0)) }
}

/// Brings the keys and values of a warp's first turn nearer. All but the last position were there before this step.
fn bring_first(k: &Kernel, spec: &Spec, (slot, position): (Value, Value), (turn, head_bytes): (Value, Value), lane: Value) {
    let (capacity, row_bytes) = (spec.ring.capacity, spec.ring.head_dim * 2);
    if capacity < 4 {
        return;
    }
    let at = k.add(first_position(k, spec, position), k.mul(turn, k.int(4)));
    // Four positions that lie together; at the end of the ring, its last four.
    let place = k.min(k.rem(k.min(at, position), k.int(capacity)), k.int(capacity - 4));
    let offset = k.add(head_bytes, k.mul(place, k.int(row_bytes)));
    let pieces = [false, true].map(|values| (k.at(slot_base(k, spec.ring, slot, values), offset), u64::from(4 * row_bytes)));
    k.bring(k.is(lane, Is::Equal, k.int(0)), pieces);
}
