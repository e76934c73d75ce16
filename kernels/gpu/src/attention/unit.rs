//! A tile of 16 by 16 as the matrix units of both vendors see it: which lane holds which element, and how operands come from shared memory.
//!
//! Two kinds of result have one layout: scores (query row by position) and outputs (query row by column of the head). NVIDIA multiplies queries by keys,
//! `m16n8k16` twice for a tile; AMD keys by queries, so that a lane holds one query row and operand and result both keep the row in the lane's number.
//! Layouts are data ([`Map`]), so that the tests compute what the kernel's text will.

use crate::text::{Dialect, Is, Kernel, Type, Value};

/// Rows and columns of a tile.
pub(super) const SIDE: u32 = 16;
/// Values of a lane in a tile.
pub(super) const VALUES: usize = 8;
/// Bytes of a chunk: what a lane reads of shared memory at once, and the unit that is exchanged against bank conflicts.
pub(super) const CHUNK: u32 = 16;

/// A number made of a lane's: the sum of `(lane >> shift & mask) * factor` over the terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map(&'static [(u32, u32, u32)]);

impl Map {
    pub(super) fn write(self, k: &Kernel, lane: Value) -> Value {
        let term = |&(shift, mask, factor): &(u32, u32, u32)| k.mul(k.and(k.shr(lane, k.int(shift)), k.int(mask)), k.int(factor));
        self.0.iter().map(term).reduce(|a, b| k.add(a, b)).expect("a map has terms")
    }

    #[cfg(test)]
    fn of(self, lane: u32) -> u32 {
        self.0.iter().map(|(shift, mask, factor)| (lane >> shift & mask) * factor).sum()
    }
}

/// Where a lane's values and operands lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) dialect: Dialect,
    /// Rows that a lane holds values of; the second is 8 further on.
    pub(super) rows: usize,
    /// The first of them.
    pub(super) row: Map,
    /// Which of its rows a value belongs to.
    pub(super) slots: [usize; VALUES],
    /// The column of value 0.
    pub(super) column: Map,
    /// What the columns of the others are more.
    pub(super) columns: [u32; VALUES],
    /// Lanes that hold the same rows differ in these bits of their number: first and count.
    pub(super) across: (u32, u32),
    /// What a lane reads of queries, in order: slot of the row and first column after the lane's own; and how many columns each time.
    queries: (&'static [(usize, u32)], u8),
    /// Row and chunk that a lane names of a tile of keys (position by column).
    key: (Map, Map),
    /// The same of values.
    value: (Map, Map),
}

const LOW: Map = Map(&[(0, 15, 1)]);

/// WMMA (RDNA 3 ISA, 7.9): lane `l` holds row or column `l % 16` of the operands, in both halves of the wave; register `r` of the result holds row
/// `2 r + l / 16` and column `l % 16`. The result here is transposed: its columns are query rows.
const AMD: Unit = Unit {
    dialect: Dialect::Amd,
    rows: 1,
    row: LOW,
    slots: [0; VALUES],
    column: Map(&[(4, 1, 1)]),
    columns: [0, 2, 4, 6, 8, 10, 12, 14],
    across: (4, 1),
    queries: (&[(0, 0), (0, 4), (0, 8), (0, 12)], 4),
    key: (LOW, Map(&[(0, 0, 0)])),
    value: (LOW, Map(&[(0, 0, 0)])),
};

/// `mma.m16n8k16` and `ldmatrix` (PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type"): a result's pairs lie at row `l / 4` (+ 8) and
/// columns `2 (l % 4)` and the next. Lanes 8 i to 8 i + 7 name the rows of matrix `i` of four: of keys, two chunks of positions 0 to 7, then of 8 to 15;
/// of values, read transposed, positions 0 to 7 and 8 to 15 of a chunk, then of the next.
const NVIDIA: Unit = Unit {
    dialect: Dialect::Nvidia,
    rows: 2,
    row: Map(&[(2, 7, 1)]),
    slots: [0, 0, 1, 1, 0, 0, 1, 1],
    column: Map(&[(0, 3, 2)]),
    columns: [0, 1, 0, 1, 8, 9, 8, 9],
    across: (0, 2),
    queries: (&[(0, 0), (1, 0), (0, 8), (1, 8)], 2),
    key: (Map(&[(4, 1, 8), (0, 7, 1)]), Map(&[(3, 1, 1)])),
    value: (Map(&[(3, 1, 8), (0, 7, 1)]), Map(&[(4, 1, 1)])),
};

impl Unit {
    pub(super) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Amd => AMD,
            Dialect::Nvidia | Dialect::Hopper => Self { dialect, ..NVIDIA },
        }
    }

    fn amd(&self) -> bool {
        self.dialect == Dialect::Amd
    }

    /// A lane's part of 16 query rows by 16 columns as two halves each, whose sum is the query: from the first of the columns of each of its rows.
    pub(super) fn queries(&self, k: &Kernel, lane: Value, rows: &[Value], factor: f32) -> [Vec<Value>; 2] {
        let own = if self.amd() { k.int(0) } else { self.column.write(k, lane) };
        let (starts, run) = self.queries;
        let read = |&(slot, column): &(usize, u32)| {
            let singles = k.load(k.at(rows[slot], k.mul(k.add(own, k.int(column)), k.int(4))), Type::Floats(run));
            (0..run).map(|e| k.mul(k.element(singles, e), k.float(factor))).collect::<Vec<_>>()
        };
        let (high, low): (Vec<_>, Vec<_>) = starts.iter().flat_map(read).map(|v| split(k, v)).unzip();
        let words = |halves: &[Value]| halves.chunks(if self.amd() { 16 } else { 2 }).map(|h| k.vector(h)).collect();
        [words(&high), words(&low)]
    }

    /// The byte of a tile of keys, with rows of `row_bytes`, that a lane reads; the tile's first chunk is `first` (its low bits zero).
    pub(super) fn key_place(&self, k: &Kernel, lane: Value, first: Value, row_bytes: u32) -> Value {
        self.place(k, lane, self.key, first, row_bytes)
    }

    /// The same of a tile of values; on AMD the place of its column among pairs of positions.
    pub(super) fn value_place(&self, k: &Kernel, lane: Value, first: Value, row_bytes: u32) -> Value {
        if self.amd() {
            return k.add(k.mul(first, k.int(2 * CHUNK)), k.mul(self.value.0.write(k, lane), k.int(4)));
        }
        self.place(k, lane, self.value, first, row_bytes)
    }

    fn place(&self, k: &Kernel, lane: Value, (row, chunk): (Map, Map), first: Value, row_bytes: u32) -> Value {
        let (row, chunk) = (row.write(k, lane), k.add(first, chunk.write(k, lane)));
        k.add(k.mul(row, k.int(row_bytes)), k.mul(swizzled(k, row, chunk), k.int(CHUNK)))
    }

    /// The operand of 16 positions and columns `16 at` and on of keys that lie at `base`.
    pub(super) fn keys(&self, k: &Kernel, base: Value, place: Value, at: u32) -> Vec<Value> {
        let place = k.xor(place, k.int(2 * CHUNK * at));
        if !self.amd() {
            return k.intrinsic_many("llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3", &[k.at(base, place)], Type::I32, 4);
        }
        let words = [0, CHUNK].map(|chunk| k.load(k.at(base, k.xor(place, k.int(chunk))), Type::Words(4)));
        let words: Vec<Value> = words.iter().flat_map(|&four| (0..4).map(move |e| k.element(four, e))).collect();
        vec![k.bits(k.vector(&words), Type::Halves(16))]
    }

    /// The operand of 16 positions and columns `16 at` and on of values that lie at `base`.
    pub(super) fn values(&self, k: &Kernel, base: Value, place: Value, at: u32, row_bytes: u32) -> Vec<Value> {
        if !self.amd() {
            let from = k.at(base, k.xor(place, k.int(2 * CHUNK * at)));
            return k.intrinsic_many("llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.trans.b16.p3", &[from], Type::I32, 4);
        }
        let from = k.at(base, place);
        let words: Vec<Value> = (0..SIDE / 2).map(|pair| k.load(k.at(from, k.int(pair * 2 * row_bytes + at * 4 * SIDE)), Type::I32)).collect();
        vec![k.bits(k.vector(&words), Type::Halves(16))]
    }

    /// Weights of a tile of scores as the operand that meets values: high halves and low.
    pub(super) fn weights(&self, k: &Kernel, lane: Value, weights: &[Value]) -> [Vec<Value>; 2] {
        let parts: Vec<(Value, Value)> = weights.iter().map(|&w| split(k, w)).collect();
        if !self.amd() {
            let of = |part: &dyn Fn(&(Value, Value)) -> Value| parts.chunks(2).map(|two| k.vector(&[part(&two[0]), part(&two[1])])).collect();
            return [of(&|p| p.0), of(&|p| p.1)];
        }
        // A lane holds every other position of its row; the lane 16 further on the rest.
        let upper = k.is(k.and(lane, k.int(16)), Is::Equal, k.int(16));
        let (mut high, mut low) = (vec![], vec![]);
        for &(h, l) in &parts {
            let own = k.bits(k.vector(&[h, l]), Type::I32);
            let other = k.shuffle_xor(own, 16);
            let (even, odd) = (k.select(upper, other, own), k.select(upper, own, other));
            high.push(k.or(k.and(even, k.int(0xFFFF)), k.shl(odd, k.int(16))));
            low.push(k.or(k.shr(even, k.int(16)), k.and(odd, k.int(0xFFFF_0000u32 as i32))));
        }
        [high, low].map(|words| vec![k.bits(k.vector(&words), Type::Halves(16))])
    }

    /// The product of an operand of query rows and one of keys or values, added to a tile.
    pub(super) fn multiply(&self, k: &Kernel, rows: &[Value], others: &[Value], sums: &[Value]) -> Vec<Value> {
        if self.amd() {
            let sums = k.vector(sums);
            let made = k.intrinsic("llvm.amdgcn.wmma.f32.16x16x16.f16.v8f32.v16f16", &[others[0], rows[0], sums], Type::Floats(VALUES as u8));
            return (0..VALUES as u8).map(|at| k.element(made, at)).collect();
        }
        let half = |at: usize| {
            let pairs: Vec<Value> = others[2 * at..2 * at + 2].iter().map(|&w| k.bits(w, Type::Halves(2))).collect();
            let arguments = [rows, &pairs, &sums[4 * at..4 * at + 4]].concat();
            k.intrinsic_many("llvm.nvvm.mma.m16n8k16.row.col.f32.f32", &arguments, Type::F32, 4)
        };
        [half(0), half(1)].concat()
    }
}

/// The chunk that holds chunk `chunk` of row `row`: the eight rows that are read together lie in different banks.
pub(super) fn swizzled(k: &Kernel, row: Value, chunk: Value) -> Value {
    k.xor(chunk, k.and(row, k.int(7)))
}

/// A single as a half and what is missing to it as another.
fn split(k: &Kernel, value: Value) -> (Value, Value) {
    let high = k.narrow(value);
    (high, k.narrow(k.sub(value, k.widen(high))))
}

#[cfg(test)]
mod tests {
    //! The tables against the manuals' formulas, written down once more.

    use super::*;

    /// Element `i` of a lane's A: row, column.
    fn a(lane: u32, i: u32) -> (u32, u32) {
        let (group, thread) = (lane / 4, lane % 4);
        (if i % 4 < 2 { group } else { group + 8 }, thread * 2 + i % 2 + if i < 4 { 0 } else { 8 })
    }

    /// Element `i` of a lane's B: row, column.
    fn b(lane: u32, i: u32) -> (u32, u32) {
        (lane % 4 * 2 + i % 2 + if i < 2 { 0 } else { 8 }, lane / 4)
    }

    /// Element `i` of a lane's C and D: row, column.
    fn c(lane: u32, i: u32) -> (u32, u32) {
        (lane / 4 + if i < 2 { 0 } else { 8 }, lane % 4 * 2 + i % 2)
    }

    /// Row and column, within a tile in memory, of half `half` of register `matrix` that `ldmatrix` gives a lane.
    fn loaded((row, chunk): (Map, Map), transposed: bool, lane: u32, matrix: u32, half: u32) -> (u32, u32) {
        let (line, element) = if transposed { (lane % 4 * 2 + half, lane / 4) } else { (lane / 4, lane % 4 * 2 + half) };
        let named = matrix * 8 + line;
        (row.of(named), chunk.of(named) * 8 + element)
    }

    #[test]
    fn nvidia_has_every_element_where_the_ptx_manual_says() {
        let unit = NVIDIA;
        for lane in 0..32 {
            for i in 0..8 {
                let (slot, first) = unit.queries.0[i as usize / 2];
                let query = (unit.row.of(lane) + 8 * slot as u32, unit.column.of(lane) + first + i % 2);
                assert_eq!(query, a(lane, i), "query {i} of lane {lane}");
                // Results, eight columns at a time; and weights, which are results, as the operand of the next product.
                let at = i as usize;
                let result = (unit.row.of(lane) + 8 * unit.slots[at] as u32, unit.column.of(lane) + unit.columns[at]);
                let (row, column) = c(lane, i % 4);
                assert_eq!(result, (row, column + i / 4 * 8), "result {i} of lane {lane}");
                assert_eq!(result, a(lane, i), "weight {i} of lane {lane}");
            }
            for (register, half) in (0..4).flat_map(|r| [(r, 0), (r, 1)]) {
                // Registers 0 and 1 are the operand of the first eight columns of the product, 2 and 3 of the rest.
                let (inner, outer) = b(lane, register % 2 * 2 + half);
                let outer = outer + register / 2 * 8;
                assert_eq!(loaded(unit.key, false, lane, register, half), (outer, inner), "keys, register {register} of lane {lane}");
                assert_eq!(loaded(unit.value, true, lane, register, half), (inner, outer), "values, register {register} of lane {lane}");
            }
        }
    }

    #[test]
    fn amd_has_every_result_where_the_isa_manual_says() {
        for lane in 0..32 {
            for register in 0..8 {
                // Row and column of D; query rows are its columns.
                let (row, column) = (2 * register + lane / 16, lane % 16);
                let at = register as usize;
                assert_eq!((AMD.column.of(lane) + AMD.columns[at], AMD.row.of(lane) + 8 * AMD.slots[at] as u32), (row, column));
            }
            assert_eq!((AMD.key.0.of(lane), AMD.key.1.of(lane), AMD.value.0.of(lane)), (lane % 16, 0, lane % 16));
        }
    }

    #[test]
    fn lanes_across_a_row_hold_all_of_it_once() {
        for unit in [AMD, NVIDIA] {
            for lane in 0..32 {
                let (first, count) = unit.across;
                let others: Vec<u32> = (0..1 << count).map(|n| lane ^ (n << first)).collect();
                assert!(others.iter().all(|&other| unit.row.of(other) == unit.row.of(lane)));
                for slot in 0..unit.rows {
                    let own = (0..VALUES).filter(|&at| unit.slots[at] == slot);
                    let mut columns: Vec<u32> = own.flat_map(|at| others.iter().map(move |&lane| unit.column.of(lane) + unit.columns[at])).collect();
                    columns.sort_unstable();
                    assert!(columns.into_iter().eq(0..SIDE));
                }
            }
        }
    }

    /// A tile's chunks stay apart, turns reach theirs by an exclusive-or, and the eight rows read at once lie in eight different banks of 16 bytes.
    #[test]
    fn chunks_are_exchanged_without_conflict() {
        let place = |row: u32, chunk: u32, dim: u32| row * dim * 2 + (chunk ^ (row & 7)) * CHUNK;
        for (dim, shares) in [(64, 2), (128, 2), (256, 2), (256, 4)] {
            let chunks = dim * 2 / CHUNK;
            let mut all: Vec<u32> = (0..SIDE).flat_map(|row| (0..chunks).map(move |chunk| place(row, chunk, dim))).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq((0..SIDE * chunks).map(|n| n * CHUNK)));
            for (share, at) in (0..shares).flat_map(|share| (0..dim / shares / SIDE).map(move |at| (share, at))) {
                for (unit, lane) in [AMD, NVIDIA].into_iter().flat_map(|unit| (0..32).map(move |lane| (unit, lane))) {
                    for (row, chunk) in [unit.key, unit.value] {
                        let (row, chunk) = (row.of(lane), chunk.of(lane) + share * (chunks / shares));
                        assert_eq!(place(row, chunk, dim) ^ (2 * CHUNK * at), place(row, chunk + 2 * at, dim));
                    }
                }
            }
            for (matrix, (row, chunk)) in (0..4).flat_map(|matrix| [(matrix, NVIDIA.key), (matrix, NVIDIA.value)]) {
                let mut banks: Vec<u32> = (0..8).map(|n| matrix * 8 + n).map(|lane| place(row.of(lane), chunk.of(lane), dim) / CHUNK % 8).collect();
                banks.sort_unstable();
                assert!(banks.into_iter().eq(0..8));
            }
        }
    }
}
