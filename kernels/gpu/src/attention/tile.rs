//! Attention of a prompt on the matrix units: one block per tile of rows that follow each other in a slot, and key head; all its query heads together.
//!
//! A query row of a block is a head of the group at a token of the tile; 16 of them belong to some warps, each of which holds a share of the head's columns:
//! of the queries, so they add their scores in shared memory, and of the outputs. Keys and values of 16 positions at a time lie in shared memory, the next ones
//! are on their way. Queries and weights are the sum of two halves each, so scores and outputs are as good as in singles; what the units add
//! begins at zero every time and is added on in singles.
//!
//! A tile whose rows do not follow each other is left to [`super::kernel`], which asks the same ([`together`]) and does one row at a time.

use super::Spec;
use super::unit::{CHUNK, SIDE, Unit, VALUES, swizzled};
use crate::block::WARP;
use crate::codes::Codes;
use crate::heads::{place, slot_base};
use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::tensor::GROUP;

/// Most query rows of a block: two warps for 16 of them make eight, which have 256 registers a lane.
const MOST_ROWS: u32 = 64;
/// Warps for each 16 query rows of a block.
const WARPS: u32 = 2;
/// Binary order of the largest weight, which scores are raised by: weights far below it are still halves of full precision.
const RAISED: f32 = 14.0;

/// Rows of the entry in a tile.
pub fn tokens(spec: &Spec) -> u32 {
    SIDE.min(MOST_ROWS / spec.group())
}

/// Whether this shape can be written.
pub fn fits(spec: &Spec) -> bool {
    let (dim, group) = (spec.ring.head_dim, spec.group());
    let enough = threads(spec) / WARP >= shares(Dialect::Amd, spec);
    [64, 128, 256].contains(&dim) && [1, 2, 4, 8].contains(&group) && enough && spec.rows.is_multiple_of(tokens(spec)) && spec.parts == 1
}

/// Threads of a block.
pub fn threads(spec: &Spec) -> u32 {
    query_rows(spec) / SIDE * WARPS * WARP
}

/// Blocks along x and y.
pub fn grid(spec: &Spec) -> [u32; 2] {
    [spec.ring.heads, spec.rows / tokens(spec)]
}

fn query_rows(spec: &Spec) -> u32 {
    tokens(spec) * spec.group()
}

/// Warps that share the columns of the same query rows. AMD's operands take twice the registers, so where heads are wide, a warp holds a quarter
/// of the columns and the block goes over the positions once more.
fn shares(dialect: Dialect, spec: &Spec) -> u32 {
    if dialect == Dialect::Amd && spec.ring.head_dim == 256 { 2 * WARPS } else { WARPS }
}

/// Whether a row follows the first of its tile as its place among them says; rows beyond the last live one count as that.
fn follows(k: &Kernel, spec: &Spec, row: Value, rows: Value) -> Value {
    let row = k.min(row, k.sub(rows, k.int(1)));
    let first = k.and(row, k.int(-i64::from(tokens(spec))));
    let ((slot, position), (first_slot, first_position)) = (place(k, row, spec.most), place(k, first, spec.most));
    k.and(k.is(slot, Is::Equal, first_slot), k.is(position, Is::Equal, k.add(first_position, k.sub(row, first))))
}

/// Whether the live rows of the tile of `row` follow each other in one slot, so that [`kernel`] does them; the same in all threads. All lanes must come here.
fn together(k: &Kernel, spec: &Spec, row: Value, rows: Value) -> Value {
    let tokens = tokens(spec);
    // Every lane looks at a row; there are as many lanes as rows, or some times as many.
    let own = k.add(k.and(row, k.int(-i64::from(tokens))), k.and(k.thread(), k.int(tokens - 1)));
    k.is(k.ballot(follows(k, spec, own, rows)), Is::Equal, k.int(-1))
}

/// Most blocks along y of what tiles leave.
const REST_BLOCKS: u32 = 128;

/// Blocks along x and y of what tiles leave: few, since mostly there is nothing.
pub fn rest_grid(spec: &Spec) -> [u32; 2] {
    [spec.ring.heads, spec.rows.min(REST_BLOCKS)]
}

/// Does `one`, of row, slot and position, for the block's share of the rows that [`kernel`] leaves: the block's number and so many on each time. `shared` holds
/// a word a warp, and is the body's otherwise.
pub(super) fn rest(k: &Kernel, spec: &Spec, (first, rows): (Value, Value), shared: Value, one: impl FnOnce(Value, Value, Value)) {
    let (threads, thread) = (k.threads(), k.thread());
    let warps = threads / WARP;
    // Is there anything to do? All rows are looked at together.
    let own = (0..spec.rows.div_ceil(threads)).map(|n| follows(k, spec, k.add(thread, k.int(n * threads)), rows));
    let own = own.reduce(|a, b| k.and(a, b)).expect("an entry has rows");
    let at = |warp: Value| k.at(shared, k.mul(warp, k.int(4)));
    k.store(k.ballot(own), at(k.shr(thread, k.int(5))));
    k.wait_for_launch(spec.rows);
    k.barrier();
    let all = (0..warps).map(|warp| k.load(at(k.int(warp)), Type::I32)).reduce(|a, b| k.and(a, b)).expect("a block has warps");
    let not = |truth: Value| k.xor(truth, k.truth(true));
    k.when(not(k.is(all, Is::Equal, k.int(-1))), || {
        k.each(first, rows, k.int(rest_grid(spec)[1]), &[], |row, _| {
            k.when(not(together(k, spec, row, rows)), || {
                // Shared memory is free again.
                k.barrier();
                let (slot, position) = place(k, row, spec.most);
                one(row, slot, position);
            });
            vec![]
        });
    });
}

/// The kernel: inputs block, query, state, then the context and its eight-bit twin, where wanted. Grid: [`grid`].
pub fn kernel(name: &str, dialect: Dialect, spec: &Spec) -> String {
    let outputs = usize::from(spec.keep) + usize::from(spec.quantise);
    let k = Kernel::new(name, dialect, &vec![Parameter::Buffer; 3 + outputs], threads(spec));
    // A block may have all registers: its scores and outputs stay in them.
    k.resident(1);
    let (thread, unit, tokens) = (k.thread(), Unit::of(dialect), tokens(spec));
    let first_row = k.mul(k.block("y"), k.int(tokens));
    let stages = k.shared(2 * stage_bytes(spec), 16);
    let meeting = k.shared(threads(spec) * VALUES as u32 * 4, 16);
    let rows = k.live_rows(spec.rows);
    let together = together(&k, spec, first_row, rows);
    let (slot, position) = place(&k, first_row, spec.most);
    k.wait_for_launch(spec.rows);
    k.when(k.and(k.is(first_row, Is::Less, rows), together), || {
        let head_bytes = k.mul(k.block("x"), k.int(spec.ring.capacity * spec.ring.head_dim * 2));
        let live = k.min(k.sub(rows, first_row), k.int(tokens));
        let (lane, warp) = (k.and(thread, k.int(31)), k.shr(thread, k.int(5)));
        let shares = shares(dialect, spec);
        // 16 query rows by shares are done at once, those of the other turns later.
        let (at_once, all) = (threads(spec) / WARP / shares, query_rows(spec) / SIDE);
        let tile = Tile {
            k: &k,
            unit,
            spec,
            thread,
            lane,
            warp,
            shares,
            share: k.and(warp, k.int(shares - 1)),
            first_row,
            live,
            position,
            keys: k.at(slot_base(&k, spec.ring, slot, false), head_bytes),
            values: k.at(slot_base(&k, spec.ring, slot, true), head_bytes),
            stages,
            meeting,
        };
        let turn = |first: Value| {
            let run = k.add(first, k.div(warp, k.int(shares)));
            let rows: Vec<Row> = (0..unit.rows).map(|at| tile.row(run, at)).collect();
            let (sums, out) = tile.attend(&rows);
            tile.deliver(&rows, &sums, &out);
        };
        if at_once >= all {
            turn(k.int(0));
        } else {
            k.each(k.int(0), k.int(all), k.int(at_once), &[], |first, _| {
                // The stages are read no more.
                k.barrier();
                turn(first);
                vec![]
            });
        }
    });
    k.finish()
}

/// Bytes of 16 positions of keys, or of values.
fn part_bytes(spec: &Spec) -> u32 {
    SIDE * spec.ring.head_dim * 2
}

fn stage_bytes(spec: &Spec) -> u32 {
    2 * part_bytes(spec)
}

/// A query row that a lane holds values of.
struct Row {
    /// Of the tile.
    token: Value,
    /// Of all query heads.
    head: Value,
    position: Value,
}

/// A block's tile.
struct Tile<'a> {
    k: &'a Kernel,
    unit: Unit,
    spec: &'a Spec,
    thread: Value,
    lane: Value,
    warp: Value,
    /// Warps with the same rows.
    shares: u32,
    /// Which part of the columns this warp has.
    share: Value,
    first_row: Value,
    /// Rows of the tile that are live.
    live: Value,
    /// Of the first row.
    position: Value,
    /// Of the slot and key head.
    keys: Value,
    values: Value,
    /// Two stages in shared memory: keys, then values.
    stages: Value,
    /// Where warps of the same rows add their scores.
    meeting: Value,
}

impl Tile<'_> {
    fn dim(&self) -> u32 {
        self.spec.ring.head_dim
    }

    /// Tiles of columns of a warp.
    fn columns(&self) -> u32 {
        self.dim() / self.shares / SIDE
    }

    /// The lane's row number `at` of a run of 16.
    fn row(&self, run: Value, at: usize) -> Row {
        let (k, tokens) = (self.k, tokens(self.spec));
        // Query rows: [head of the group][token].
        let row = k.add(k.mul(run, k.int(SIDE)), k.add(self.unit.row.write(k, self.lane), k.int(8 * at as i64)));
        let (token, of_group) = (k.rem(row, k.int(tokens)), k.div(row, k.int(tokens)));
        let head = k.add(k.mul(k.block("x"), k.int(self.spec.group())), of_group);
        Row { token, head, position: k.add(self.position, token) }
    }

    /// First element of the warp's columns of a row in `[row][head][column]`.
    fn element(&self, row: &Row) -> Value {
        let k = self.k;
        let head = k.add(k.mul(k.add(self.first_row, row.token), k.int(self.spec.heads)), row.head);
        k.add(k.mul(head, k.int(self.dim())), k.mul(self.share, k.int(self.dim() / self.shares)))
    }

    /// By the lane's rows the sum of weights, and the weighted values: `[tile of columns][value]`.
    fn attend(&self, rows: &[Row]) -> (Vec<Value>, Vec<Value>) {
        let (k, unit, spec, row_bytes) = (self.k, self.unit, self.spec, self.dim() * 2);
        let last = k.add(self.position, k.sub(self.live, k.int(1)));
        let start = if spec.window == 0 { k.int(0) } else { k.max(k.sub(self.position, k.int(spec.window - 1)), k.int(0)) };
        self.copy(start, last, k.int(0));
        // Rows that are not live read what is there and are not stored; no row sees another's.
        let queries: Vec<Value> = rows.iter().map(|r| k.at(k.parameter(1), k.mul(self.element(r), k.int(4)))).collect();
        let queries: Vec<[Vec<Value>; 2]> = (0..self.columns())
            .map(|at| {
                let rows: Vec<Value> = queries.iter().map(|&q| k.at(q, k.int(at * SIDE * 4))).collect();
                unit.queries(k, self.lane, &rows, spec.scale * std::f32::consts::LOG2_E)
            })
            .collect();
        let first = k.mul(self.share, k.int(self.dim() / self.shares * 2 / CHUNK));
        let (key_place, value_place) = (unit.key_place(k, self.lane, first, row_bytes), unit.value_place(k, self.lane, first, row_bytes));
        let column = unit.column.write(k, self.lane);
        let (zeros, count) = (vec![k.float(0.0); VALUES], rows.len());
        let carried = [vec![k.int(0)], vec![k.float(-1e30); count], vec![k.float(0.0); count + self.columns() as usize * VALUES]].concat();
        let end = k.add(last, k.int(1));
        let done = k.each(start, end, k.int(SIDE), &carried, |base, carried| {
            let (stage, most, sums, out) = (carried[0], &carried[1..1 + count], &carried[1 + count..1 + 2 * count], &carried[1 + 2 * count..]);
            self.arrived();
            let (next, other) = (k.add(base, k.int(SIDE)), k.sub(k.int(stage_bytes(spec)), stage));
            k.when(k.is(next, Is::Less, end), || self.copy(next, last, other));
            let keys = k.at(self.stages, stage);
            let values = k.at(keys, k.int(part_bytes(spec)));
            // High and low halves apart: twice as many sums that do not wait for each other.
            let (mut high, mut low) = (zeros.clone(), zeros.clone());
            for (at, query) in queries.iter().enumerate() {
                let key = unit.keys(k, keys, key_place, at as u32);
                high = unit.multiply(k, &query[0], &key, &high);
                low = unit.multiply(k, &query[1], &key, &low);
            }
            let scores = self.meet(high.iter().zip(low).map(|(&h, l)| k.add(h, l)).collect());
            let scores: Vec<Value> = (0..VALUES)
                .map(|at| {
                    // How many positions the row is behind this one.
                    let age = k.sub(rows[unit.slots[at]].position, k.add(base, k.add(column, k.int(unit.columns[at]))));
                    let mut seen = k.is(age, Is::AtLeast, k.int(0));
                    if spec.window != 0 {
                        seen = k.and(seen, k.is(age, Is::Less, k.int(spec.window)));
                    }
                    k.select(seen, scores[at], k.float(f32::NEG_INFINITY))
                })
                .collect();
            let of_row =
                |values: &[Value], row: usize| -> Vec<Value> { (0..VALUES).filter(|&at| unit.slots[at] == row).map(|at| values[at]).collect() };
            let tops: Vec<Value> = (0..count)
                .map(|row| {
                    let own = of_row(&scores, row).into_iter().reduce(|a, b| k.max(a, b)).expect("every row has values");
                    k.max(most[row], k.lane_max(own, unit.across.0, unit.across.1))
                })
                .collect();
            let fades: Vec<Value> = (0..count).map(|row| k.math("exp2", k.sub(most[row], tops[row]))).collect();
            let raised: Vec<Value> = tops.iter().map(|&top| k.sub(top, k.float(RAISED))).collect();
            let weights: Vec<Value> = (0..VALUES).map(|at| k.math("exp2", k.sub(scores[at], raised[unit.slots[at]]))).collect();
            let sums = (0..count).map(|row| of_row(&weights, row).into_iter().fold(k.mul(sums[row], fades[row]), |sum, w| k.add(sum, w)));
            let [high, low] = unit.weights(k, self.lane, &weights);
            let mut left = [vec![other], tops.clone(), sums.collect()].concat();
            for (at, out) in out.chunks(VALUES).enumerate() {
                let value = unit.values(k, values, value_place, at as u32, row_bytes);
                let made = unit.multiply(k, &high, &value, &zeros);
                let made = unit.multiply(k, &low, &value, &made);
                left.extend((0..VALUES).map(|v| k.fma(out[v], fades[unit.slots[v]], made[v])));
            }
            left
        });
        let sums = done[1 + count..1 + 2 * count].iter().map(|&sum| k.lane_sum(sum, unit.across.0, unit.across.1)).collect();
        (sums, done[1 + 2 * count..].to_vec())
    }

    /// Brings keys and values of 16 positions into a stage, those beyond the last as the last.
    fn copy(&self, base: Value, last: Value, stage: Value) {
        let (k, spec) = (self.k, self.spec);
        let (row_bytes, chunks) = (self.dim() * 2, self.dim() * 2 / CHUNK);
        let to = k.at(self.stages, stage);
        let from = |row: Value, chunk: Value| {
            let place = k.rem(k.min(k.add(base, row), last), k.int(spec.ring.capacity));
            k.add(k.mul(place, k.int(row_bytes)), k.mul(chunk, k.int(CHUNK)))
        };
        let place = |row: Value, chunk: Value| k.add(k.mul(row, k.int(row_bytes)), k.mul(swizzled(k, row, chunk), k.int(CHUNK)));
        if self.unit.dialect != Dialect::Amd {
            self.pieces(SIDE * chunks, |piece| {
                let (row, chunk) = (k.div(piece, k.int(chunks)), k.rem(piece, k.int(chunks)));
                let (from, to) = (from(row, chunk), k.at(to, place(row, chunk)));
                k.copy_ahead(k.at(self.keys, from), to);
                k.copy_ahead(k.at(self.values, from), k.at(to, k.int(part_bytes(spec))));
            });
            k.commit_copies();
            return;
        }
        // No read of shared memory transposes here, so values lie as pairs of positions: [pair][column][position].
        self.pieces(SIDE / 2 * chunks, |piece| {
            let (pair, chunk) = (k.div(piece, k.int(chunks)), k.rem(piece, k.int(chunks)));
            let rows = [0, 1].map(|n| k.add(k.mul(pair, k.int(2)), k.int(n)));
            let from = rows.map(|row| from(row, chunk));
            let keys = from.map(|at| k.load(k.at(self.keys, at), Type::Words(4)));
            let [even, odd] = from.map(|at| k.load(k.at(self.values, at), Type::Halves(8)));
            for (row, key) in rows.into_iter().zip(keys) {
                k.store(key, k.at(to, place(row, chunk)));
            }
            let pairs = k.at(to, k.add(k.int(part_bytes(spec)), k.mul(piece, k.int(2 * CHUNK))));
            for n in 0..2 {
                let halves: Vec<Value> = (4 * n..4 * n + 4).flat_map(|e| [k.element(even, e), k.element(odd, e)]).collect();
                k.store(k.vector(&halves), k.at(pairs, k.int(CHUNK * u32::from(n))));
            }
        });
    }

    /// Divides `count` pieces of work among the threads.
    fn pieces(&self, count: u32, body: impl Fn(Value)) {
        let (k, threads) = (self.k, self.k.threads());
        for n in 0..count.div_ceil(threads) {
            let piece = k.add(self.thread, k.int(n * threads));
            if (n + 1) * threads <= count {
                body(piece);
            } else {
                k.when(k.is(piece, Is::Less, k.int(count)), || body(piece));
            }
        }
    }

    /// Waits for the copies of this turn; after it the other stage is free, and so is the place where scores meet.
    fn arrived(&self) {
        if self.unit.dialect != Dialect::Amd {
            self.k.await_copies(0);
        }
        self.k.barrier();
    }

    /// Adds the scores of the warps that share a row, in all of them to the same.
    fn meet(&self, own: Vec<Value>) -> Vec<Value> {
        let k = self.k;
        let (bytes, half) = (WARP * VALUES as u32 * 4, WARP * CHUNK);
        let at = |warp: Value| k.at(self.meeting, k.add(k.mul(warp, k.int(bytes)), k.mul(self.lane, k.int(CHUNK))));
        for (n, four) in own.chunks(4).enumerate() {
            k.store(k.vector(four), k.at(at(self.warp), k.int(half * n as u32)));
        }
        k.barrier_of(k.div(self.warp, k.int(self.shares)), self.shares * WARP);
        let read = |other: u32| -> Vec<Value> {
            let from = at(k.xor(self.warp, k.int(other)));
            let fours = [0, half].map(|n| k.load(k.at(from, k.int(n)), Type::Floats(4)));
            fours.iter().flat_map(|&four| (0..4).map(move |e| k.element(four, e))).collect()
        };
        let sum = |a: Vec<Value>, b: Vec<Value>| -> Vec<Value> { a.into_iter().zip(b).map(|(a, b)| k.add(a, b)).collect() };
        let pair = sum(own, read(1));
        if self.shares == 2 { pair } else { sum(pair, sum(read(2), read(3))) }
    }

    /// Stores the context of live rows.
    fn deliver(&self, rows: &[Row], sums: &[Value], out: &[Value]) {
        let (k, unit, spec) = (self.k, self.unit, self.spec);
        let (width, column) = (spec.heads * self.dim(), unit.column.write(k, self.lane));
        for (at, (row, &sum)) in rows.iter().zip(sums).enumerate() {
            let factor = k.reciprocal(sum);
            let of_row: Vec<usize> = (0..VALUES).filter(|&v| unit.slots[v] == at).collect();
            let live = k.is(row.token, Is::Less, self.live);
            let (row_of_entry, first) = (k.add(self.first_row, row.token), self.element(row));
            // Neighbouring columns of a lane are stored as one.
            let run = if unit.columns[of_row[1]] == 1 { 2 } else { 1 };
            for group in 0..self.columns() * SIDE / GROUP as u32 {
                let tiles = [0, 1].map(|n| group * (GROUP as u32 / SIDE) + n);
                let (values, columns): (Vec<Value>, Vec<u32>) = tiles
                    .iter()
                    .flat_map(|&tile| of_row.iter().map(move |&v| (tile, v)))
                    .map(|(tile, v)| (k.mul(out[tile as usize * VALUES + v], factor), tile * SIDE + unit.columns[v]))
                    .unzip();
                if spec.keep {
                    let to = k.at(k.parameter(3), k.mul(k.add(first, column), k.int(4)));
                    k.when(live, || {
                        for (values, columns) in values.chunks(run).zip(columns.chunks(run)) {
                            let value = if run == 1 { values[0] } else { k.vector(values) };
                            k.store(value, k.at(to, k.int(columns[0] * 4)));
                        }
                    });
                }
                if spec.quantise {
                    let (codes, scale) = k.round(&values, unit.across.0, 1 << unit.across.1);
                    let own = codes[1..].iter().fold(codes[0], |sum, &code| k.add(sum, code));
                    let sum = k.lane_sum(own, unit.across.0, unit.across.1);
                    let (base, layout) = (k.parameter(3 + usize::from(spec.keep)), Codes { cols: width, rows: spec.rows });
                    // Within the row of the context.
                    let inside = k.add(k.sub(first, k.mul(row_of_entry, k.int(width))), k.add(column, k.int(group * GROUP as u32)));
                    let to = layout.code(k, base, row_of_entry, inside);
                    k.when(live, || {
                        for (codes, columns) in codes.chunks(run).zip(columns.chunks(run)) {
                            let low = k.and(codes[0], k.int(255));
                            let code = match codes.get(1) {
                                Some(&high) => k.truncate(k.or(low, k.shl(high, k.int(8))), Type::I16),
                                None => k.truncate(low, Type::I8),
                            };
                            k.store(code, k.at(to, k.int(columns[0] - group * GROUP as u32)));
                        }
                        layout.store_group(k, base, (row_of_entry, inside), scale, sum);
                    });
                }
            }
        }
    }
}
