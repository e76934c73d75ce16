//! Products with the active neurons of a sparse layer only: those whose gate is not zero.
//!
//! Weights are rows, one record a neuron, so a neuron that is skipped is never read.

use crate::block::WARP;
use crate::codes::Codes;
use crate::finale::Finale;
use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::tensor::{Format, GROUP, row_bytes, row_groups};

/// Threads of a block of [`up`].
pub const UP_THREADS: u32 = 128;
/// Threads of a block of [`down`].
pub const DOWN_THREADS: u32 = 512;
/// Columns of a pair of groups.
const COLUMNS: u32 = 2 * GROUP as u32;

/// Neurons of a block of [`up`]: of many rows there are blocks enough, and the more neurons a block has the fewer wait in vain.
fn neurons_of_block(rows: u32) -> u32 {
    match rows {
        0..16 => 64,
        16..256 => 256,
        _ => 512,
    }
}

/// Neurons of a warp of [`up`], or of some lanes of [`down`], in a turn: of few rows nothing else hides the way to memory.
fn neurons_together(rows: u32) -> u32 {
    if rows < 16 { 4 } else { 1 }
}

/// Pairs of groups that a block of [`down`] makes: each block looks for its row's active neurons, so the more rows the fewer should look.
fn pairs_of_block(cols: u32, rows: u32) -> u32 {
    let wanted = match rows {
        0..16 => 1,
        16..64 => 2,
        _ => 4,
    };
    if cols.is_multiple_of(COLUMNS * wanted) { wanted } else { 1 }
}

/// Blocks of [`up`] along x.
pub fn up_blocks(neurons: u32, rows: u32) -> u32 {
    neurons.div_ceil(neurons_of_block(rows))
}

/// Blocks of [`down`] along x.
pub fn down_blocks(cols: u32, rows: u32) -> u32 {
    cols.div_ceil(COLUMNS * pairs_of_block(cols, rows))
}

/// Why a weight cannot be used, if so.
pub fn refusal(format: Format, cols: u32) -> Option<String> {
    (format.is_quantised() && !cols.is_multiple_of(COLUMNS))
        .then(|| format!("sparse products on a GPU want a multiple of {COLUMNS} columns in {}, not {cols}", format.name()))
}

/// `gate[r][j] *= dot(weight[j], input[r])` where the gate is not zero. Parameters: inputs block, gate, input, weight. Grid: neurons by rows.
pub fn up(name: &str, dialect: Dialect, format: Format, (neurons, cols): (u32, u32), entry_rows: u32) -> String {
    let k = Kernel::new(name, dialect, &[Parameter::Buffer, Parameter::Buffer, Parameter::Buffer, Parameter::Constant], UP_THREADS);
    let (thread, row) = (k.thread(), k.block("y"));
    let (lane, warp) = (k.and(thread, k.int(31)), k.shr(thread, k.int(5)));
    let own = neurons_of_block(entry_rows);
    let list = k.shared(4 * own, 16);
    let count = k.shared(4, 4);
    k.when(k.is(thread, Is::Equal, k.int(0)), || k.store(k.int(0), count));
    let rows = k.live_rows(entry_rows);
    k.wait_for_launch(entry_rows);
    k.when(k.is(row, Is::Less, rows), || {
        k.barrier();
        let gate = k.at(k.parameter(1), k.mul(row, k.int(4 * neurons)));
        let first = k.mul(k.block("x"), k.int(own));
        // The order in the list is any: each neuron's product stands alone.
        for turn in 0..own.div_ceil(UP_THREADS) {
            let local = k.add(thread, k.int(turn * UP_THREADS));
            let mine = k.add(first, local);
            let candidate = k.and(k.is(local, Is::Less, k.int(own)), k.is(mine, Is::Less, k.int(neurons)));
            k.when(candidate, || {
                let value = k.load(k.at(gate, k.mul(mine, k.int(4))), Type::F32);
                k.when(k.xor(k.same(value, k.float(0.0)), k.truth(true)), || {
                    let at = k.atomic_add(count, k.int(1));
                    k.store(mine, k.at(list, k.mul(at, k.int(4))));
                });
            });
        }
        // Where each lane has one pair of groups, the row's part is the same for all neurons.
        let alone = (format.is_quantised() && cols == COLUMNS * WARP).then(|| row_part(&k, (cols, entry_rows), lane, row));
        k.barrier();
        let (count, warps, together) = (k.load(count, Type::I32), UP_THREADS / WARP, neurons_together(entry_rows));
        k.each(warp, count, k.int(warps * together), &[], |at, _| {
            // All reads of a turn are on their way before the first is used; who has no neuron left reads the first again.
            let neuron = |n: Value| {
                let next = k.add(at, k.mul(n, k.int(warps)));
                let inside = k.is(next, Is::Less, count);
                (inside, k.load(k.at(list, k.mul(k.select(inside, next, at), k.int(4))), Type::I32))
            };
            let neurons: Vec<Value> = (0..together).map(|n| neuron(k.int(n)).1).collect();
            let dots: Vec<Value> = match &alone {
                Some(x) => {
                    let weights: Vec<Weights> = neurons.iter().map(|&n| Weights::read(&k, 3, (format, cols), n, lane)).collect();
                    k.issued();
                    weights.iter().map(|w| w.times(&k, format, x, k.float(0.0))).collect()
                }
                None if format.is_quantised() => neurons.iter().map(|&n| dot_quantised(&k, format, (cols, entry_rows), n, lane, row)).collect(),
                None => neurons.iter().map(|&n| dot_plain(&k, cols, n, lane, row)).collect(),
            };
            let dot = k.lane_sums(&dots, 0, 5)[0];
            k.when(k.is(lane, Is::Less, k.int(together)), || {
                let (inside, neuron) = neuron(lane);
                let place = k.at(gate, k.mul(neuron, k.int(4)));
                k.when(inside, || k.store(k.mul(k.load(place, Type::F32), dot), place));
            });
            vec![]
        });
    });
    k.finish()
}

/// A row's codes of a pair of groups, and each group's scale and sum.
struct RowPart {
    codes: Vec<Value>,
    factors: [(Value, Value); 2],
}

fn row_part(k: &Kernel, (cols, entry_rows): (u32, u32), pair: Value, row: Value) -> RowPart {
    let (input, layout) = (k.parameter(2), Codes { cols, rows: entry_rows });
    let group = |odd: u32| k.add(k.mul(pair, k.int(2)), k.int(odd));
    let codes = (0..4u32)
        .map(|n| k.load(k.at(layout.group_codes(k, input, row, group(n / 2), k.int(0)), k.int(16 * (n % 2))), Type::Words(4)))
        .flat_map(|v| (0..4).map(move |e| (v, e)))
        .map(|(v, e)| k.element(v, e))
        .collect();
    RowPart { codes, factors: [0, 1].map(|odd| layout.load_group(k, input, row, group(odd))) }
}

/// A neuron's weights of a pair of groups.
struct Weights {
    scales: Value,
    words: Vec<Value>,
}

impl Weights {
    fn read(k: &Kernel, parameter: usize, (format, cols): (Format, u32), neuron: Value, pair: Value) -> Self {
        let record = Record::of(format, cols);
        let at = k.at(k.parameter(parameter), k.mul(neuron, k.int(record.bytes)));
        let scales = k.load_constant(k.at(at, k.mul(pair, k.int(4))), Type::Halves(2));
        let codes = k.at(at, k.add(k.int(record.scales), k.mul(pair, k.int(record.pair))));
        let words = |n: u32| k.load_aligned(k.at(codes, k.int(16 * n)), Type::Words(4), record.alignment);
        Self { scales, words: (0..record.pair / 16).map(words).flat_map(|v| (0..4).map(move |e| (v, e))).map(|(v, e)| k.element(v, e)).collect() }
    }

    fn times(&self, k: &Kernel, format: Format, x: &RowPart, sum: Value) -> Value {
        let mask = k.int(0x0F0F_0F0F);
        let half = |odd: u8| {
            let bias = k.mul(x.factors[usize::from(odd)].1, k.int(-i64::from(format.bias())));
            (0..8usize).fold(bias, |sum, at| {
                let word = match (format, odd) {
                    (Format::Q4, 0) => k.and(self.words[at], mask),
                    (Format::Q4, _) => k.and(k.shr(self.words[at], k.int(4)), mask),
                    _ => self.words[8 * usize::from(odd) + at],
                };
                k.dot4(word, x.codes[8 * usize::from(odd) + at], sum)
            })
        };
        [0, 1].into_iter().fold(sum, |sum, odd| {
            let scale = k.mul(k.widen(k.element(self.scales, odd)), x.factors[usize::from(odd)].0);
            k.fma(k.to_float(half(odd)), scale, sum)
        })
    }
}

/// Where a neuron's weights lie: scales of all groups, then codes.
struct Record {
    bytes: u32,
    /// Bytes of the scales.
    scales: u32,
    /// Bytes of the codes of a pair of groups.
    pair: u32,
    /// Of codes at a multiple of 16 bytes of a record's.
    alignment: u32,
}

impl Record {
    fn of(format: Format, cols: u32) -> Self {
        let bytes = row_bytes(format, cols as usize).expect("checked") as u32;
        let scales = 2 * row_groups(cols as usize) as u32;
        Self { bytes, scales, pair: if format == Format::Q4 { 32 } else { 64 }, alignment: 1 << (bytes | scales | 16).trailing_zeros() }
    }
}

/// A lane's share of a dot product: pairs of groups `lane, lane + 32, ...`.
fn dot_quantised(k: &Kernel, format: Format, (cols, entry_rows): (u32, u32), neuron: Value, lane: Value, row: Value) -> Value {
    k.each(lane, k.int(cols / COLUMNS), k.int(WARP), &[k.float(0.0)], |pair, sum| {
        let (weights, x) = (Weights::read(k, 3, (format, cols), neuron, pair), row_part(k, (cols, entry_rows), pair, row));
        k.issued();
        vec![weights.times(k, format, &x, sum[0])]
    })[0]
}

fn dot_plain(k: &Kernel, cols: u32, neuron: Value, lane: Value, row: Value) -> Value {
    let record = k.at(k.parameter(3), k.mul(neuron, k.int(cols * 2)));
    let input = k.at(k.parameter(2), k.mul(row, k.int(cols * 4)));
    k.each(lane, k.int(cols), k.int(WARP), &[k.float(0.0)], |column, sum| {
        let weight = k.load_constant(k.at(record, k.mul(column, k.int(2))), Type::I16);
        let weight = k.bits(k.shl(k.extend(weight, Type::I32), k.int(16)), Type::F32);
        vec![k.fma(weight, k.load(k.at(input, k.mul(column, k.int(4))), Type::F32), sum[0])]
    })[0]
}

/// `out[r] = sum of hidden[r][j] * weight[j]` over active neurons. Parameters: inputs block, hidden, weight, out. Grid: [`down_blocks`] by rows.
///
/// Each warp lists the active ones of its share of neurons in order and adds several at a time, four lanes for each pair of groups; so the order of the sum
/// is fixed.
/// A finale's parameters follow, in an entry of one row.
pub fn down(name: &str, dialect: Dialect, format: Format, (neurons, cols): (u32, u32), entry_rows: u32, finale: Option<&Finale>) -> String {
    let mut parameters = vec![Parameter::Buffer, Parameter::Buffer, Parameter::Constant, Parameter::Buffer];
    let finale = finale.map(|f| f.bind(&mut parameters));
    let k = Kernel::new(name, dialect, &parameters, DOWN_THREADS);
    let warps = DOWN_THREADS / WARP;
    let share = neurons.div_ceil(warps).next_multiple_of(WARP);
    let (thread, row) = (k.thread(), k.block("y"));
    let (lane, warp) = (k.and(thread, k.int(31)), k.shr(thread, k.int(5)));
    // By warp: indices of active neurons.
    let lists = k.shared(2 * share * warps, 16);
    let pairs = pairs_of_block(cols, entry_rows);
    let columns = COLUMNS * pairs;
    let partial = k.shared(4 * columns * warps, 16);
    let rows = k.live_rows(entry_rows);
    if let Some(finale) = &finale {
        finale.bring(&k);
    }
    k.wait_for_launch(entry_rows);
    k.when(k.is(row, Is::Less, rows), || {
        let hidden = k.at(k.parameter(1), k.mul(row, k.int(4 * neurons)));
        let list = k.at(lists, k.mul(warp, k.int(2 * share)));
        let first = k.mul(warp, k.int(share));
        let below = k.sub(k.shl(k.int(1), lane), k.int(1));
        let mut count = k.int(0);
        let values: Vec<(Value, Value)> = (0..share / WARP)
            .map(|n| {
                let local = k.add(k.int(n * WARP), lane);
                let neuron = k.add(first, local);
                let inside = k.is(neuron, Is::Less, k.int(neurons));
                let value = k.load(k.at(hidden, k.mul(k.select(inside, neuron, k.int(0)), k.int(4))), Type::F32);
                (local, k.and(inside, k.xor(k.same(value, k.float(0.0)), k.truth(true))))
            })
            .collect();
        for (local, active) in values {
            let ballot = k.ballot(active);
            let at = k.add(count, k.count_ones(k.and(ballot, below)));
            k.when(active, || k.store(k.truncate(local, Type::I16), k.at(list, k.mul(at, k.int(2)))));
            count = k.add(count, k.count_ones(ballot));
        }
        k.barrier();
        let zero = k.float(0.0);
        let lanes = 4 * pairs;
        let (member, quarter) = (k.div(lane, k.int(lanes)), k.and(lane, k.int(3)));
        let local_pair = k.shr(k.and(lane, k.int(lanes - 1)), k.int(2));
        let pair = k.add(k.mul(k.block("x"), k.int(pairs)), local_pair);
        let (at_once, together) = (WARP / lanes, neurons_together(entry_rows));
        let sums = k.each(member, count, k.int(at_once * together), &[zero; 16], |at, sums| {
            // All reads of a turn are on their way before the first is used; who has no neuron left reads the first again, and adds nothing.
            let loaded: Vec<_> = (0..together)
                .map(|n| {
                    let next = k.add(at, k.int(n * at_once));
                    let inside = (n > 0).then(|| k.is(next, Is::Less, count));
                    let next = inside.map_or(at, |inside| k.select(inside, next, at));
                    let index = k.load(k.at(list, k.mul(next, k.int(2))), Type::I16);
                    let neuron = k.add(first, k.extend(index, Type::I32));
                    let value = k.load(k.at(hidden, k.mul(neuron, k.int(4))), Type::F32);
                    let place = (pair, quarter);
                    let read = format.is_quantised().then(|| read_part(&k, format, cols, neuron, place));
                    (inside.map_or(value, |inside| k.select(inside, value, zero)), neuron, read)
                })
                .collect();
            if together > 1 {
                k.issued();
            }
            loaded.iter().fold(sums.to_vec(), |sums, &(value, neuron, read)| {
                let weights = read.map_or_else(|| plain_part(&k, cols, neuron, (pair, quarter)), |read| dequantised(&k, format, quarter, read));
                sums.iter().zip(weights).map(|(&s, w)| k.fma(value, w, s)).collect()
            })
        });
        let from = lanes.trailing_zeros();
        // The lanes of a pair and quarter share out its sums.
        for (turn, sum) in k.lane_sums(&sums, from, WARP.trailing_zeros() - from).into_iter().enumerate() {
            let value = k.add(k.int(turn as u32 * at_once), member);
            let column = k.add(k.mul(local_pair, k.int(COLUMNS)), column_of(&k, format, quarter, value));
            k.store(sum, k.at(partial, k.mul(k.add(k.mul(warp, k.int(columns)), column), k.int(4))));
        }
        k.barrier();
        k.when(k.is(thread, Is::Less, k.int(columns)), || {
            let read = |n: u32| k.load(k.at(partial, k.mul(k.add(k.int(n * columns), thread), k.int(4))), Type::F32);
            let total = (1..warps).fold(read(0), |sum, n| k.add(sum, read(n)));
            let column = k.add(k.mul(k.block("x"), k.int(columns)), thread);
            let place = k.add(k.mul(row, k.int(cols)), column);
            let store = || k.store(total, k.at(k.parameter(3), k.mul(place, k.int(4))));
            if cols.is_multiple_of(columns) { store() } else { k.when(k.is(column, Is::Less, k.int(cols)), store) }
        });
    });
    if let Some(finale) = finale {
        finale.run(&k, down_blocks(cols, entry_rows));
    }
    k.finish()
}

/// The column of a pair that value `at` of lane quarter `quarter` belongs to.
fn column_of(k: &Kernel, format: Format, quarter: Value, at: Value) -> Value {
    if format == Format::Q4 {
        // Eight bytes: their low nibbles in the even group, their high ones in the odd one.
        let in_group = k.add(k.mul(quarter, k.int(8)), k.and(at, k.int(7)));
        k.add(in_group, k.mul(k.shr(at, k.int(3)), k.int(GROUP as i64)))
    } else {
        k.add(k.mul(quarter, k.int(16)), at)
    }
}

/// What a lane reads of its sixteen weights: the scales of the pair of groups, and the codes.
fn read_part(k: &Kernel, format: Format, cols: u32, neuron: Value, (pair, quarter): (Value, Value)) -> (Value, Value) {
    let (record, words) = (Record::of(format, cols), if format == Format::Q4 { 2 } else { 4 });
    let at = k.at(k.parameter(2), k.mul(neuron, k.int(record.bytes)));
    let scales = k.load_constant(k.at(at, k.mul(pair, k.int(4))), Type::Halves(2));
    let codes = k.at(at, k.add(k.int(record.scales), k.add(k.mul(pair, k.int(record.pair)), k.mul(quarter, k.int(4 * words)))));
    (scales, k.load_aligned(codes, Type::Words(words as u8), record.alignment.min(4 * words)))
}

/// The sixteen weights.
fn dequantised(k: &Kernel, format: Format, quarter: Value, (scales, words): (Value, Value)) -> Vec<Value> {
    let byte = |word: Value, n: u32| k.and(k.shr(word, k.int(8 * n)), k.int(255));
    let value = |code: Value, bias: i64, scale: Value| k.mul(k.to_float(k.sub(code, k.int(bias))), scale);
    if format == Format::Q4 {
        let (even, odd) = (k.widen(k.element(scales, 0)), k.widen(k.element(scales, 1)));
        let bytes: Vec<Value> = (0..8).map(|n| byte(k.element(words, n / 4), u32::from(n % 4))).collect();
        let low = bytes.iter().map(|&b| value(k.and(b, k.int(15)), 8, even));
        let high = bytes.iter().map(|&b| value(k.shr(b, k.int(4)), 8, odd));
        low.chain(high).collect()
    } else {
        let scale = k.widen(k.select(k.is(quarter, Is::Less, k.int(2)), k.element(scales, 0), k.element(scales, 1)));
        (0..16).map(|n| value(byte(k.element(words, n / 4), u32::from(n % 4)), 128, scale)).collect()
    }
}

fn plain_part(k: &Kernel, cols: u32, neuron: Value, (pair, quarter): (Value, Value)) -> Vec<Value> {
    let column = k.add(k.mul(pair, k.int(COLUMNS)), k.mul(quarter, k.int(16)));
    (0..16)
        .map(|n| {
            let at = k.min(k.add(column, k.int(n)), k.int(cols - 1));
            let weight = k.load_constant(k.at(k.parameter(2), k.mul(k.add(k.mul(neuron, k.int(cols)), at), k.int(2))), Type::I16);
            k.bits(k.shl(k.extend(weight, Type::I32), k.int(16)), Type::F32)
        })
        .collect()
}
