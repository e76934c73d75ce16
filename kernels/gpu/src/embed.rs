//! Rows picked out of memory: embeddings by token, and what the body left for the tail; and the largest logit of a row.

use crate::codes::Codes;
use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::gpu::inputs_column;
use unicorn_artifact::tensor::{Format, GROUP, PANEL, panel_bytes, panel_group_bytes};

/// Threads of a block of [`embed`], [`gather`] and [`argmax`].
pub const THREADS: u32 = 256;

/// Columns of a thread of [`embed`].
fn columns(format: Format) -> u32 {
    if format == Format::Q4 { 8 } else { 4 }
}

/// Blocks of [`embed`] along x.
pub fn embed_blocks(format: Format, cols: u32) -> u32 {
    cols.div_ceil(THREADS * columns(format))
}

/// `out[r] = scale * table[token(r)]`, and the same in eight bits where wanted. Parameters: inputs block, table, out, eight bits. Grid: columns by rows.
pub fn embed(name: &str, dialect: Dialect, (format, cols): (Format, u32), scale: f32, quantise: bool, (entry_rows, most): (u32, u32)) -> String {
    let mut parameters = vec![Parameter::Buffer, Parameter::Constant, Parameter::Buffer];
    if quantise {
        parameters.push(Parameter::Buffer);
    }
    let k = Kernel::new(name, dialect, &parameters, THREADS);
    let row = k.block("y");
    let each = columns(format);
    let column = k.mul(k.add(k.mul(k.block("x"), k.int(THREADS)), k.thread()), k.int(each));
    k.wait_for_launch(entry_rows);
    let rows = k.load(k.parameter(0), Type::I32);
    k.when(k.is(row, Is::Less, rows), || {
        let token = k.load(k.at(k.parameter(0), k.add(k.int(inputs_column(0, most)), k.mul(row, k.int(4)))), Type::I32);
        let inside = k.is(column, Is::Less, k.int(cols));
        // Threads beyond the row read its beginning, so that whole groups meet in the shuffles below.
        let from = k.select(inside, column, k.int(0));
        let panel =
            k.mul(k.extend(k.div(token, k.int(PANEL as i64)), Type::I64), k.long(panel_bytes(format, cols as usize).expect("checked") as u64));
        let base = k.at(k.parameter(1), panel);
        let in_panel = k.rem(token, k.int(PANEL as i64));
        let values: Vec<Value> = read(&k, format, base, in_panel, from).into_iter().map(|v| k.mul(v, k.float(scale))).collect();
        let coded = quantise.then(|| k.codes(&values, GROUP as u32 / each));
        k.when(inside, || {
            let out = k.at(k.parameter(2), k.mul(k.add(k.mul(row, k.int(cols)), column), k.int(4)));
            for (at, four) in values.chunks(4).enumerate() {
                k.store(k.vector(four), k.at(out, k.int(16 * at as i64)));
            }
            if let Some((codes, scale, sum)) = &coded {
                let (base, layout) = (k.parameter(3), Codes { cols, rows: entry_rows });
                for (at, four) in codes.chunks(4).enumerate() {
                    k.store(k.pack_codes(four), layout.code(&k, base, row, k.add(column, k.int(4 * at as i64))));
                }
                layout.store_group(&k, base, (row, column), *scale, *sum);
            }
        });
    });
    k.finish()
}

/// The values of one thread's columns of row `row` of a panel.
fn read(k: &Kernel, format: Format, base: Value, row: Value, column: Value) -> Vec<Value> {
    if !format.is_quantised() {
        return (0..4)
            .map(|n| {
                let at = k.add(k.mul(k.add(column, k.int(n)), k.int(2 * PANEL as i64)), k.mul(row, k.int(2)));
                k.bits(k.shl(k.extend(k.load_constant(k.at(base, at), Type::I16), Type::I32), k.int(16)), Type::F32)
            })
            .collect();
    }
    let each = columns(format);
    let record = k.at(base, k.mul(k.shr(column, k.int(5)), k.int(panel_group_bytes(format) as i64)));
    let scale = k.widen(k.load_constant(k.at(record, k.mul(row, k.int(2))), Type::F16));
    let chunk = k.div(k.and(column, k.int(31)), k.int(each));
    let word =
        k.load_constant(k.at(record, k.add(k.int(2 * PANEL as i64), k.mul(k.add(k.mul(chunk, k.int(PANEL as i64)), row), k.int(4)))), Type::I32);
    let value = |shift: u32, mask: i64| {
        let code = k.and(k.shr(word, k.int(shift)), k.int(mask));
        k.mul(k.to_float(k.sub(code, k.int(i64::from(format.bias())))), scale)
    };
    match format {
        Format::Q4 => (0..4).map(|b| value(8 * b, 15)).chain((0..4).map(|b| value(8 * b + 4, 15))).collect(),
        _ => (0..4).map(|b| value(8 * b, 255)).collect(),
    }
}

/// Blocks of [`gather`] along x.
pub fn gather_blocks(widths: &[u32]) -> u32 {
    widths.iter().copied().max().unwrap_or(1).div_ceil(THREADS * 4)
}

/// Row `r` of each output is row `pick(r)` of each input. Parameters: inputs block, then input and output of each. Grid: columns, rows, pairs.
pub fn gather(name: &str, dialect: Dialect, widths: &[u32], most: u32) -> String {
    let mut parameters = vec![Parameter::Buffer];
    parameters.extend(vec![Parameter::Buffer; 2 * widths.len()]);
    let k = Kernel::new(name, dialect, &parameters, THREADS);
    let (row, pair) = (k.block("y"), k.block("z"));
    let column = k.mul(k.add(k.mul(k.block("x"), k.int(THREADS)), k.thread()), k.int(4));
    k.wait_for_launch(most);
    // The tail's row count is the second word of the inputs block.
    let rows = k.load(k.at(k.parameter(0), k.int(4)), Type::I32);
    let pick =
        |what: &dyn Fn(usize) -> Value| (1..widths.len()).fold(what(0), |v, at| k.select(k.is(pair, Is::Equal, k.int(at as i64)), what(at), v));
    let (from, to) = (pick(&|at| k.parameter(1 + 2 * at)), pick(&|at| k.parameter(2 + 2 * at)));
    let width = pick(&|at| k.int(widths[at]));
    k.when(k.and(k.is(row, Is::Less, rows), k.is(column, Is::Less, width)), || {
        let source = k.load(k.at(k.parameter(0), k.add(k.int(inputs_column(3, most)), k.mul(row, k.int(4)))), Type::I32);
        let at = |row: Value| k.mul(k.add(k.mul(row, width), column), k.int(4));
        k.store(k.load(k.at(from, at(source)), Type::Floats(4)), k.at(to, at(row)));
    });
    k.finish()
}

/// Logits of a block of [`argmax`].
const SHARE: u32 = 4096;

/// Blocks of [`argmax`] along x.
pub fn argmax_blocks(vocabulary: u32) -> u32 {
    vocabulary.div_ceil(SHARE)
}

/// The largest logit of a row and its first index: `best[r]` (64 bits, zero before) becomes ordered bits of the logit above, the index's complement below.
/// Parameters: inputs block, logits, best. Grid: parts of the vocabulary by rows.
pub fn argmax(name: &str, dialect: Dialect, vocabulary: u32, limit: u32) -> String {
    let k = Kernel::new(name, dialect, &[Parameter::Buffer; 3], THREADS);
    let (thread, row) = (k.thread(), k.block("y"));
    let first = k.mul(k.block("x"), k.int(SHARE));
    k.wait_for_launch(0);
    let rows = k.load(k.at(k.parameter(0), k.int(4)), Type::I32);
    k.when(k.is(row, Is::Less, rows), || {
        let end = k.min(k.add(first, k.int(SHARE)), k.int(limit));
        let start = k.add(first, thread);
        let base = k.mul(row, k.int(vocabulary));
        // What is not a number wins as infinity, which the host reports.
        let best = k.each(start, end, k.int(THREADS), &[k.float(f32::NEG_INFINITY), k.int(0x7FFF_FFFF)], |at, best| {
            let value = k.load(k.at(k.parameter(1), k.mul(k.add(base, at), k.int(4))), Type::F32);
            let value = k.select(k.same(value, value), value, k.float(f32::INFINITY));
            let better = k.greater(value, best[0]);
            vec![k.select(better, value, best[0]), k.select(better, at, best[1])]
        });
        let key = k.order(best[0], best[1]);
        let key = (0..5).rev().fold(key, |key, bit| {
            let (low, high) = (k.truncate(key, Type::I32), k.truncate(k.shr(key, k.long(32)), Type::I32));
            let (low, high) = (k.shuffle_xor(low, 1 << bit), k.shuffle_xor(high, 1 << bit));
            let other = k.or(k.shl(k.extend(high, Type::I64), k.long(32)), k.extend(low, Type::I64));
            k.larger(key, other)
        });
        k.when(k.is(k.and(thread, k.int(31)), Is::Equal, k.int(0)), || k.atomic_max(k.at(k.parameter(2), k.mul(row, k.int(8))), key));
    });
    k.finish()
}
