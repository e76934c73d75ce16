//! What the commands of a plan mean, in double precision and one plain loop each: the slow voice that kernels on a device must agree with.
//!
//! Activations are held as the values that their codes stand for, and [`Command::Quantize`] does not round: how far a rounded value may be off is
//! for the caller to judge. Rows stand alone, so only the rows that are asked for are computed. Nothing here calls a kernel.

use half::{bf16, f16};
use std::collections::BTreeMap;
use unicorn_artifact::command::{Argument, BufferId, Command, HandoffId, StateId, WeightId};
use unicorn_artifact::plan::{Entry, Plan, Weight};
use unicorn_artifact::region::{GELU_CUBIC, Operand, Region, RegionOp};
use unicorn_artifact::tensor::{Format, GROUP, Layout, PANEL, panel_bytes, panel_group_bytes, row_bytes, row_groups};

/// A row of a buffer.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its numbers.
    pub values: Vec<f64>,
    /// Which of them somebody has written.
    pub written: Vec<bool>,
}

impl Row {
    /// A row that nobody has written.
    pub fn blank(width: usize) -> Self {
        Self { values: vec![f64::NAN; width], written: vec![false; width] }
    }

    /// A row that is written from end to end.
    pub fn full(values: Vec<f64>) -> Self {
        Self { written: vec![true; values.len()], values }
    }
}

/// What the rows of a run are; all of them, whichever are computed.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Token of each row.
    pub tokens: Vec<u32>,
    /// Slot of each row.
    pub slots: Vec<u32>,
    /// Position of each row.
    pub positions: Vec<u32>,
    /// Tail: which body row each row continues.
    pub picks: Vec<u32>,
}

/// Keys and values of a slot: `[head][position][head_dim]` halves of keys, then the same of values, as they lie on a device.
pub type Slots = BTreeMap<(StateId, u32), Vec<u16>>;

/// Keys and values that a row has appended, by state, slot and place of the ring: not rounded.
pub type Appended = BTreeMap<(StateId, u32, u32), (Vec<f64>, Vec<f64>)>;

/// A run of commands of an entry on some of its rows.
#[derive(Debug)]
pub struct Reference<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The entry.
    pub entry: &'a Entry,
    /// Section of resident weights.
    pub weights: &'a [u8],
    /// What the rows are.
    pub inputs: &'a Inputs,
    /// Rows that are computed.
    pub rows: Vec<usize>,
    /// Keys and values before the run.
    pub slots: &'a Slots,
    /// f32 `[largest body rows, width]`.
    pub handoffs: &'a BTreeMap<HandoffId, Vec<f32>>,
    /// Contents of buffers, by row.
    pub buffers: BTreeMap<BufferId, BTreeMap<usize, Row>>,
    /// What was appended.
    pub appended: Appended,
}

/// `f` of every number below `count`, by all cores.
pub fn spread<T: Send>(count: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count.max(1));
    if threads == 1 {
        return (0..count).map(f).collect();
    }
    let f = &f;
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            (0..threads).map(|part| scope.spawn(move || (part * count / threads..(part + 1) * count / threads).map(f).collect::<Vec<T>>())).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|why| std::panic::resume_unwind(why))).collect()
    })
}

impl Reference<'_> {
    /// Does one command.
    ///
    /// # Panics
    /// If it reads a buffer that holds nothing for a row.
    pub fn run(&mut self, command: &Command) {
        match command {
            Command::Embed { table, scale, out } => {
                let weight = self.weight(*table);
                let row = |&r: &usize| {
                    let row = element_row(weight, self.bytes(*table), self.inputs.tokens[r] as usize);
                    row.iter().map(|v| v * f64::from(*scale)).collect()
                };
                let made = self.rows.iter().map(row).collect();
                self.give(*out, made);
            }
            Command::EmbedPerLayer { .. } => unreachable!("the host reads streamed weights"),
            Command::QuantizeInt8 { .. } | Command::MatMulInt8 { .. } => unreachable!("no GPU is given them"),
            Command::Quantize { input, out } => {
                let rows = self.buffers[input].clone();
                self.buffers.insert(*out, rows);
            }
            Command::MatMul { input, products } => {
                for product in products {
                    let made = self.matmul(*input, product.weight);
                    self.give(product.out, made);
                }
            }
            Command::SparseUp { gate, input, weight } => {
                let made = self.sparse_up(*gate, *input, *weight);
                self.give(*gate, made);
            }
            Command::SparseDown { hidden, weight, out } => {
                let made = self.sparse_down(*hidden, *weight);
                self.give(*out, made);
            }
            Command::RopeTable { theta, out } => {
                let width = self.entry.buffers[*out as usize].width as usize;
                let made = self.rows.iter().map(|&r| rotation(self.inputs.positions[r], f64::from(*theta), width)).collect();
                self.give(*out, made);
            }
            Command::HeadNorm { input, head_dim, epsilon, weight, table, out } => {
                let weight = weight.map(|w| self.flat(w));
                let row = |&r: &usize| {
                    let table = table.map(|t| self.row(t, r));
                    head_norm(self.row(*input, r), *head_dim as usize, f64::from(*epsilon), weight.as_deref(), table)
                };
                let made = self.rows.iter().map(row).collect();
                self.give(*out, made);
            }
            Command::KvAppend { state, key, value } => {
                let capacity = self.plan.states[*state as usize].capacity;
                for &r in &self.rows {
                    let place = (*state, self.inputs.slots[r], self.inputs.positions[r] % capacity);
                    let row = (self.row(*key, r).to_vec(), self.row(*value, r).to_vec());
                    self.appended.insert(place, row);
                }
            }
            Command::Attention { state, query, window, scale, out } => {
                let made = self.attention(*state, *query, *window, f64::from(*scale));
                self.give(*out, made);
            }
            Command::Region { region, repeat, arguments } => self.region(&self.plan.regions[*region as usize], *repeat as usize, arguments),
            Command::Gather { handoff, out } => {
                let (from, width) = (&self.handoffs[handoff], self.entry.buffers[*out as usize].width as usize);
                let row = |&r: &usize| from[self.inputs.picks[r] as usize * width..][..width].iter().map(|&v| f64::from(v)).collect();
                let made = self.rows.iter().map(row).collect();
                self.give(*out, made);
            }
        }
    }

    fn weight(&self, id: WeightId) -> &Weight {
        &self.plan.weights[id as usize]
    }

    fn bytes(&self, id: WeightId) -> &[u8] {
        let weight = self.weight(id);
        &self.weights[weight.offset as usize..][..weight.bytes().expect("validated") as usize]
    }

    /// A flat weight.
    fn flat(&self, id: WeightId) -> Vec<f64> {
        self.bytes(id).as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
    }

    fn row(&self, buffer: BufferId, row: usize) -> &[f64] {
        let name = || format!("row {row} of `{}`", self.entry.buffers[buffer as usize].name);
        &self.buffers.get(&buffer).and_then(|rows| rows.get(&row)).unwrap_or_else(|| panic!("{} holds nothing", name())).values
    }

    fn give(&mut self, buffer: BufferId, rows: Vec<Vec<f64>>) {
        self.buffers.insert(buffer, self.rows.iter().copied().zip(rows.into_iter().map(Row::full)).collect());
    }

    /// By row, the outputs.
    fn matmul(&self, input: BufferId, weight: WeightId) -> Vec<Vec<f64>> {
        let (of, bytes) = (self.weight(weight), self.bytes(weight));
        let inputs: Vec<&[f64]> = self.rows.iter().map(|&r| self.row(input, r)).collect();
        let outputs = spread(of.rows as usize, |n| {
            let row = element_row(of, bytes, n);
            inputs.iter().map(|x| dot(&row, x)).collect::<Vec<f64>>()
        });
        (0..inputs.len()).map(|r| outputs.iter().map(|o| o[r]).collect()).collect()
    }

    fn sparse_up(&self, gate: BufferId, input: BufferId, weight: WeightId) -> Vec<Vec<f64>> {
        let (of, bytes) = (self.weight(weight), self.bytes(weight));
        let rows: Vec<(&[f64], &[f64])> = self.rows.iter().map(|&r| (self.row(gate, r), self.row(input, r))).collect();
        let outputs = spread(of.rows as usize, |j| {
            let record = if rows.iter().any(|(gate, _)| gate[j] != 0.0) { element_row(of, bytes, j) } else { vec![] };
            rows.iter().map(|(gate, x)| if gate[j] == 0.0 { gate[j] } else { gate[j] * dot(&record, x) }).collect::<Vec<f64>>()
        });
        (0..rows.len()).map(|r| outputs.iter().map(|o| o[r]).collect()).collect()
    }

    fn sparse_down(&self, hidden: BufferId, weight: WeightId) -> Vec<Vec<f64>> {
        const SHARE: usize = 256;
        let (of, bytes) = (self.weight(weight), self.bytes(weight));
        let (neurons, cols) = (of.rows as usize, of.cols as usize);
        let rows: Vec<&[f64]> = self.rows.iter().map(|&r| self.row(hidden, r)).collect();
        let parts = spread(neurons.div_ceil(SHARE), |share| {
            let mut sums = vec![vec![0f64; cols]; rows.len()];
            for j in (share * SHARE..neurons.min((share + 1) * SHARE)).filter(|&j| rows.iter().any(|h| h[j] != 0.0)) {
                let record = element_row(of, bytes, j);
                for (sum, h) in sums.iter_mut().zip(&rows).filter(|(_, h)| h[j] != 0.0) {
                    sum.iter_mut().zip(&record).for_each(|(s, w)| *s += h[j] * w);
                }
            }
            sums
        });
        let total = |r: usize| {
            let mut sum = vec![0f64; cols];
            parts.iter().for_each(|part| sum.iter_mut().zip(&part[r]).for_each(|(s, p)| *s += p));
            sum
        };
        (0..rows.len()).map(total).collect()
    }

    fn attention(&self, state: StateId, query: BufferId, window: u32, scale: f64) -> Vec<Vec<f64>> {
        let of = &self.plan.states[state as usize];
        let (heads, dim, capacity) = (of.kv_heads as usize, of.head_dim as usize, of.capacity as usize);
        let all = self.entry.buffers[query as usize].width as usize / dim;
        // One item is one query head of one row.
        let made = spread(self.rows.len() * all, |item| {
            let (r, head) = (self.rows[item / all], item % all);
            let (slot, position) = (self.inputs.slots[r], self.inputs.positions[r]);
            let held = &self.slots[&(state, slot)];
            let kv = head / (all / heads);
            let q = &self.row(query, r)[head * dim..(head + 1) * dim];
            let first = if window == 0 { 0 } else { (position + 1).saturating_sub(window) };
            let read = |p: u32, values: bool| -> Vec<f64> {
                let place = p as usize % capacity;
                if let Some((key, value)) = self.appended.get(&(state, slot, place as u32)) {
                    return if values { value } else { key }[kv * dim..(kv + 1) * dim].to_vec();
                }
                let at = ((usize::from(values) * heads + kv) * capacity + place) * dim;
                held[at..at + dim].iter().map(|&h| f16::from_bits(h).to_f64()).collect()
            };
            let scores: Vec<f64> = (first..=position).map(|p| scale * dot(q, &read(p, false))).collect();
            let peak = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (mut sum, mut out) = (0.0, vec![0.0; dim]);
            for (p, score) in (first..=position).zip(scores) {
                let weight = (score - peak).exp();
                sum += weight;
                out.iter_mut().zip(read(p, true)).for_each(|(o, v)| *o += weight * v);
            }
            out.iter_mut().for_each(|o| *o /= sum);
            out
        });
        made.chunks(all).map(<[Vec<f64>]>::concat).collect()
    }

    fn region(&mut self, region: &Region, repeat: usize, arguments: &[Argument]) {
        let width = |buffer: BufferId| self.entry.buffers[buffer as usize].width as usize;
        let weights: Vec<Vec<f64>> =
            arguments.iter().map(|a| if let Argument::Weight { weight, .. } = a { self.flat(*weight) } else { vec![] }).collect();
        let made = spread(self.rows.len() * repeat, |item| {
            let (r, part) = (self.rows[item / repeat], item % repeat);
            let load = |slot: usize, elements: usize| match arguments[slot] {
                Argument::Buffer { buffer, offset } => &self.row(buffer, r)[offset as usize + part * (width(buffer) / repeat)..][..elements],
                Argument::Weight { offset, .. } => &weights[slot][offset as usize..][..elements],
            };
            evaluate(region, &load)
        });
        for (item, stores) in made.into_iter().enumerate() {
            let (r, part) = (self.rows[item / repeat], item % repeat);
            for (slot, first, values) in stores {
                let Argument::Buffer { buffer, offset } = arguments[slot] else { continue };
                let width = width(buffer);
                let row = self.buffers.entry(buffer).or_default().entry(r).or_insert_with(|| Row::blank(width));
                let start = offset as usize + part * (width / repeat) + first;
                row.values[start..start + values.len()].copy_from_slice(&values);
                row.written[start..start + values.len()].fill(true);
            }
        }
    }
}

/// Runs a region on one row. `load` gives so many elements of a slot. The stores: slot, first element, values.
pub fn evaluate<'v>(region: &Region, load: &dyn Fn(usize, usize) -> &'v [f64]) -> Vec<(usize, usize, Vec<f64>)> {
    let width = region.width as usize;
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(region.ops.len());
    let mut stores = Vec::new();
    for op in &region.ops {
        let one = |a: u16, f: &dyn Fn(f64) -> f64| values[usize::from(a)].iter().map(|&v| f(v)).collect::<Vec<f64>>();
        let two = |a: u16, b: u16, f: &dyn Fn(f64, f64) -> f64| {
            let (a, b) = (&values[usize::from(a)], &values[usize::from(b)]);
            let at = |v: &[f64], i: usize| v[if v.len() == 1 { 0 } else { i }];
            (0..a.len().max(b.len())).map(|i| f(at(a, i), at(b, i))).collect::<Vec<f64>>()
        };
        let value = match *op {
            RegionOp::Load(slot) => load(usize::from(slot), width).to_vec(),
            RegionOp::LoadScalar(slot, index) => vec![load(usize::from(slot), usize::from(index) + 1)[usize::from(index)]],
            RegionOp::Imm(x) => vec![f64::from(x)],
            RegionOp::Add(a, b) => two(a, b, &|a, b| a + b),
            RegionOp::Sub(a, b) => two(a, b, &|a, b| a - b),
            RegionOp::Mul(a, b) => two(a, b, &|a, b| a * b),
            RegionOp::Div(a, b) => two(a, b, &|a, b| a / b),
            RegionOp::Max(a, b) => two(a, b, &|a, b| if a > b { a } else { b }),
            RegionOp::Sqrt(a) => one(a, &f64::sqrt),
            RegionOp::Tanh(a) => one(a, &f64::tanh),
            RegionOp::Gelu(a) => one(a, &gelu),
            RegionOp::Sum(a) => vec![values[usize::from(a)].iter().sum()],
            RegionOp::Store(slot, a) => {
                debug_assert_eq!(region.operands[usize::from(slot)], Operand::OutRow);
                stores.push((usize::from(slot), 0, values[usize::from(a)].clone()));
                vec![]
            }
            RegionOp::StoreScalar(slot, index, a) => {
                stores.push((usize::from(slot), usize::from(index), values[usize::from(a)].clone()));
                vec![]
            }
        };
        values.push(value);
    }
    stores
}

/// GELU in its tanh form.
fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + f64::from(GELU_CUBIC) * x * x * x)).tanh())
}

/// Cosines, then sines, of a position.
fn rotation(position: u32, theta: f64, head_dim: usize) -> Vec<f64> {
    let angle = |i: usize| f64::from(position) * theta.powf(-2.0 * i as f64 / head_dim as f64);
    let half = head_dim / 2;
    (0..half).map(|i| angle(i).cos()).chain((0..half).map(|i| angle(i).sin())).collect()
}

fn head_norm(input: &[f64], dim: usize, epsilon: f64, weight: Option<&[f64]>, table: Option<&[f64]>) -> Vec<f64> {
    let mut out = Vec::with_capacity(input.len());
    for head in input.chunks_exact(dim) {
        let mean = head.iter().map(|v| v * v).sum::<f64>() / dim as f64;
        let factor = 1.0 / (mean + epsilon).sqrt();
        let normed: Vec<f64> = head.iter().enumerate().map(|(i, v)| v * factor * weight.map_or(1.0, |w| w[i])).collect();
        let Some(table) = table else {
            out.extend(normed);
            continue;
        };
        let half = dim / 2;
        let (cos, sin) = table.split_at(half);
        out.extend((0..half).map(|i| normed[i] * cos[i] - normed[i + half] * sin[i]));
        out.extend((0..half).map(|i| normed[i + half] * cos[i] + normed[i] * sin[i]));
    }
    out
}

/// A dot product with eight partial sums, so that it is not one long chain.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "a dot product of equal lengths");
    let mut sums = [0f64; 8];
    let ((a, rest), (b, other)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for l in 0..8 {
            sums[l] += a[l] * b[l];
        }
    }
    sums.iter().sum::<f64>() + rest.iter().zip(other).map(|(a, b)| a * b).sum::<f64>()
}

/// Row `row` of a weight in panels or in rows: what its codes stand for, by [`Layout`].
pub fn element_row(weight: &Weight, bytes: &[u8], row: usize) -> Vec<f64> {
    let (format, cols) = (weight.format, weight.cols as usize);
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let half = |at: usize| f16::from_bits(short(at)).to_f64();
    let bias = f64::from(format.bias());
    let nibble = |byte: u8, high: bool| f64::from(if high { byte >> 4 } else { byte & 15 });
    match weight.layout {
        Layout::Flat => {
            (0..cols).map(|c| f64::from(f32::from_bits(u32::from_le_bytes(std::array::from_fn(|b| bytes[(row * cols + c) * 4 + b]))))).collect()
        }
        Layout::Panel => {
            let (first, lane) = (row / PANEL * panel_bytes(format, cols).expect("validated"), row % PANEL);
            if format == Format::Bf16 {
                return (0..cols).map(|c| bf16::from_bits(short(first + (c * PANEL + lane) * 2)).to_f64()).collect();
            }
            let mut values = Vec::with_capacity(cols);
            for group in 0..cols / GROUP {
                let record = first + group * panel_group_bytes(format);
                let (scale, codes) = (half(record + lane * 2), record + PANEL * 2);
                // `codes[i][n][b]`.
                let code = |i: usize, b: usize| bytes[codes + (i * PANEL + lane) * 4 + b];
                values.extend((0..GROUP).map(|c| {
                    let stored = if format == Format::Q4 { nibble(code(c / 8, c % 4), c % 8 >= 4) } else { f64::from(code(c / 4, c % 4)) };
                    (stored - bias) * scale
                }));
            }
            values
        }
        Layout::Rows => {
            let first = row * row_bytes(format, cols).expect("validated");
            if format == Format::Bf16 {
                return (0..cols).map(|c| bf16::from_bits(short(first + c * 2)).to_f64()).collect();
            }
            let codes = first + row_groups(cols) * 2;
            let value = |c: usize| {
                let group = c / GROUP;
                let stored = match format {
                    Format::Q4 => nibble(bytes[codes + group / 2 * GROUP + c % GROUP], group % 2 == 1),
                    _ => f64::from(bytes[codes + c]),
                };
                (stored - bias) * half(first + group * 2)
            };
            (0..cols).map(value).collect()
        }
        Layout::Matrix => unreachable!("no GPU reads a matrix of int8"),
    }
}

/// Quantises a row of activations as [`Command::Quantize`] says: the bytes, and the values that they stand for.
///
/// # Panics
/// If the row is not whole groups.
pub fn activations(row: &[f32]) -> (Vec<u8>, Vec<f64>) {
    let (groups, rest) = row.as_chunks::<GROUP>();
    assert!(rest.is_empty(), "activations are whole groups");
    let (mut codes, mut scales, mut sums, mut values) = (vec![], vec![], vec![], vec![]);
    for group in groups {
        let peak = group.iter().fold(0f32, |m, v| m.max(v.abs()));
        let (scale, inverse) = if peak == 0.0 { (0.0, 0.0) } else { (peak / 127.0, 127.0 / peak) };
        let own: Vec<i8> = group.iter().map(|v| (v * inverse).round_ties_even() as i8).collect();
        sums.extend(own.iter().map(|&c| i32::from(c)).sum::<i32>().to_le_bytes());
        values.extend(own.iter().map(|&c| f64::from(c) * f64::from(scale)));
        scales.extend(scale.to_le_bytes());
        codes.extend(own.iter().map(|&c| c as u8));
    }
    codes.extend(scales);
    codes.extend(sums);
    (codes, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use unicorn_artifact::plan::RegionArg;
    use unicorn_artifact::tensor::{activation_row_bytes, round_trip};
    use unicorn_kernels_cpu::region::Interpreter;
    use unicorn_kernels_cpu::{Isa, pack, quantize};

    fn numbers(random: &mut Random, count: usize) -> Vec<f32> {
        (0..count).map(|_| (random.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
    }

    #[test]
    fn weights_read_back_as_they_were_packed() {
        let (rows, cols) = (19, 96);
        let values = numbers(&mut Random(3), rows * cols);
        for format in [Format::Q4, Format::Q8, Format::Bf16] {
            let mut rounded = values.clone();
            rounded.chunks_mut(cols).for_each(|row| round_trip(format, row));
            let expected: Vec<f64> = rounded.iter().map(|&v| f64::from(v)).collect();
            for layout in [Layout::Panel, Layout::Rows] {
                let bytes = if layout == Layout::Panel {
                    pack::pack_panels(format, &values, rows, cols)
                } else {
                    let mut bytes = vec![0; rows * row_bytes(format, cols).expect("a shape")];
                    let each = bytes.len() / rows;
                    values.chunks(cols).zip(bytes.chunks_mut(each)).for_each(|(row, out)| pack::pack_row(format, row, out));
                    bytes
                };
                let (shape, streamed, offset, error) = ((rows as u32, cols as u32), false, 0, 0.0);
                let weight = Weight { name: String::new(), format, layout, rows: shape.0, cols: shape.1, streamed, offset, error };
                let read: Vec<f64> = (0..rows).flat_map(|row| element_row(&weight, &bytes, row)).collect();
                // The host multiplies code and scale in single precision, which is exact for these formats.
                assert_eq!(read, expected, "{} in {}", format.name(), layout.name());
            }
        }
    }

    #[test]
    fn activations_are_the_hosts() {
        let mut row = numbers(&mut Random(5), 128);
        row[32..64].fill(0.0);
        let (bytes, values) = activations(&row);
        // Words, so that scales and sums are aligned.
        let mut host = vec![0u32; activation_row_bytes(row.len()) / 4];
        // SAFETY: the row is whole groups, and the words are as many bytes as its activations take.
        unsafe { quantize::select(Isa::Plain)(row.as_ptr(), row.len(), host.as_mut_ptr().cast()) };
        assert_eq!(bytes, host.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>());
        assert!(values.iter().zip(&row).all(|(v, x)| (v - f64::from(*x)).abs() <= 0.004));
    }

    #[test]
    fn regions_agree_with_the_interpreter() {
        let ops = vec![
            RegionOp::Load(0),
            RegionOp::Load(1),
            RegionOp::Mul(0, 0),
            RegionOp::Sum(2),
            RegionOp::Imm(1.0 / 48.0),
            RegionOp::Mul(3, 4),
            RegionOp::LoadScalar(2, 1),
            RegionOp::Mul(6, 6),
            RegionOp::Add(5, 7),
            RegionOp::Sqrt(8),
            RegionOp::Div(0, 9),
            RegionOp::Gelu(10),
            RegionOp::Tanh(1),
            RegionOp::Max(11, 12),
            RegionOp::Sub(13, 6),
            RegionOp::Store(3, 14),
            RegionOp::StoreScalar(4, 1, 9),
        ];
        let operands = vec![Operand::Row, Operand::Const, Operand::Scalars(2), Operand::OutRow, Operand::OutScalars(2)];
        let region = Region { width: 48, operands, ops };
        let mut random = Random(7);
        let (mut x, mut c, mut s) = (numbers(&mut random, 48), numbers(&mut random, 48), numbers(&mut random, 2));
        let wide = [&x, &c, &s].map(|v| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>());
        let stores = evaluate(&region, &|slot, elements| &wide[slot][..elements]);
        let (mut out, mut scalars) = (vec![0f32; 48], vec![0f32; 2]);
        let interpreter = Interpreter::new(&region).expect("a sound region");
        let arguments = [&mut x, &mut c, &mut s, &mut out, &mut scalars].map(|v| RegionArg { pointer: v.as_mut_ptr(), stride: 0 });
        let mut scratch = vec![0f32; interpreter.scratch_len()];
        // SAFETY: every argument points to as many elements as its operand has, for the one row.
        unsafe { interpreter.run(&arguments, 1, 48, &mut scratch) };
        assert_eq!((stores[0].0, stores[1].0, stores[1].1), (3, 4, 1));
        assert!(stores[0].2.iter().zip(&out).all(|(a, b)| (a - f64::from(*b)).abs() < 2e-6), "{:?} {out:?}", stores[0].2);
        assert!((stores[1].2[0] - f64::from(scalars[1])).abs() < 1e-6);
    }
}
