//! Products of a few rows: every weight is read once, straight from the panels that the host uses too.
//!
//! A warp reads 512 bytes of a panel at a time (two groups in q4, one in q8): each lane four rows' worth of one word of codes. Lanes of the same four rows
//! are added by shuffles, warps of the same panel through shared memory. What follows a product element by element (a gate's activation, rounding to
//! eight bits) is done by the same block before the result leaves it.

use crate::block::WARP;
use crate::codes::Codes;
use crate::epilogue::{Bound, Column, Early, Epilogue, epilogue_parameters};
use crate::finale::{self, Finale};
use crate::text::{Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::tensor::{Format, GROUP, PANEL, panel_bytes, panel_group_bytes};

/// One weight of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operand {
    /// Outputs.
    pub rows: u32,
    /// Elements from one output row to the next.
    pub stride: u32,
}

/// Products of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Inputs of each product.
    pub cols: u32,
    /// Format of all weights.
    pub format: Format,
    /// The weights.
    pub products: Vec<Operand>,
    /// Rows a block computes.
    pub rows: u32,
    /// Rows of the entry.
    pub entry_rows: u32,
    /// Whether the input is in f32, and every block rounds it to eight bits for itself; only in an entry of one row, see [`ROUNDED`].
    pub rounds: bool,
    /// What follows; without it the outputs are stored.
    pub epilogue: Option<Epilogue>,
    /// What the last block does then; only without an epilogue, in an entry of one row.
    pub finale: Option<Finale>,
}

/// Most columns of an input that blocks round for themselves: few enough that this is sooner done than waited for.
pub const ROUNDED: u32 = 64;
/// Threads of a block that may run a finale.
const FINALE_THREADS: u32 = 512;

/// How a launch is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// Warps that share the columns of a panel.
    pub split: u32,
    /// Panels of each product that a block computes.
    pub panels: u32,
    /// Loads in flight per lane and panel.
    pub unroll: u32,
}

impl Spec {
    /// Steps of a warp that reads a whole panel alone.
    fn steps(&self) -> u32 {
        match self.format {
            Format::Q4 => (self.cols / GROUP as u32).div_ceil(2),
            Format::Q8 => self.cols / GROUP as u32,
            _ => self.cols.div_ceil(16),
        }
    }

    /// The division of this shape.
    pub fn division(&self) -> Division {
        let mut panels = if self.epilogue.is_some() { 2 } else { 1 };
        let chains = panels * if self.epilogue.is_some() { self.products.len() as u32 } else { 1 };
        let widest = 16 / chains.next_power_of_two().min(16);
        let steps = self.steps();
        // A quarter of the steps at least stays with a warp, so that its loads overlap; few panels want many warps.
        let all: u32 = self.products.iter().map(|p| p.rows.div_ceil(PANEL as u32)).sum();
        let wanted = if all >= 4096 { 4 } else { widest };
        let split = wanted.min(steps.next_power_of_two()).max(1);
        if self.finale.is_some() {
            // A finale wants a whole row's threads.
            panels = (FINALE_THREADS / (split * WARP)).max(1);
        }
        // Two products: half of the registers, so that two blocks fit on a multiprocessor and all blocks of a layer are on the device at once.
        let most = if self.epilogue.is_some() && self.products.len() > 1 { 4 } else { 8 };
        Division { split, panels, unroll: steps.div_ceil(split).min(most) }
    }

    /// Threads of a block.
    pub fn threads(&self) -> u32 {
        let d = self.division();
        let products = if self.epilogue.is_some() { self.products.len() as u32 } else { 1 };
        products * d.panels * d.split * WARP
    }

    /// Blocks along x.
    pub fn blocks(&self) -> u32 {
        let d = self.division();
        let of = |p: &Operand| p.rows.div_ceil(PANEL as u32 * d.panels);
        if self.epilogue.is_some() { of(&self.products[0]) } else { self.products.iter().map(of).sum() }
    }

    /// Blocks along y.
    pub fn row_blocks(&self) -> u32 {
        self.entry_rows.div_ceil(self.rows)
    }
}

/// Where the parameters of the epilogue and the finale are.
pub struct Places<'a> {
    epilogue: Vec<(usize, usize)>,
    finale: Option<finale::Bound<'a>>,
}

/// Parameters: inputs block, input, then each product's weight and (without an epilogue) output, then the epilogue's bindings in slot order, each output's
/// eight-bit twin after it, then the finale's.
pub fn parameters(spec: &Spec) -> (Vec<Parameter>, Places<'_>) {
    let mut parameters = vec![Parameter::Buffer, Parameter::Buffer];
    for _ in &spec.products {
        parameters.push(Parameter::Constant);
        if spec.epilogue.is_none() {
            parameters.push(Parameter::Buffer);
        }
    }
    let epilogue = spec.epilogue.as_ref().map_or(vec![], |e| epilogue_parameters(e, &mut parameters));
    let finale = spec.finale.as_ref().map(|f| f.bind(&mut parameters));
    (parameters, Places { epilogue, finale })
}

/// The kernel's body. Grid: [`Spec::blocks`] by [`Spec::row_blocks`].
pub fn body(k: &Kernel, spec: &Spec, places: &Places<'_>) {
    let d = spec.division();
    let thread = k.thread();
    let (lane, warp) = (k.and(thread, k.int(31)), k.shr(thread, k.int(5)));
    let block = k.block("x");
    let first_row = k.mul(k.block("y"), k.int(spec.rows));
    let part = k.rem(warp, k.int(d.split));
    let weight = |at: usize| k.parameter(if spec.epilogue.is_some() { 2 + at } else { 2 + 2 * at });

    if let Some(finale) = &places.finale {
        finale.bring(k);
    }
    if let (Some(epilogue), 1) = (&spec.epilogue, spec.entry_rows) {
        epilogue.bring(k, &places.epilogue);
    }

    // Which panel this warp reads.
    let (base, panel, product) = match &spec.epilogue {
        Some(_) => {
            // Warps: [product][panel of the block][part].
            let chain = k.div(warp, k.int(d.split));
            let (product, local) = (k.div(chain, k.int(d.panels)), k.rem(chain, k.int(d.panels)));
            let base = (1..spec.products.len()).fold(weight(0), |b, at| k.select(k.is(product, Is::Equal, k.int(at as i64)), weight(at), b));
            (base, k.add(k.mul(block, k.int(d.panels)), local), product)
        }
        None => {
            let (mut base, mut local, mut product, mut before) = (weight(0), block, k.int(0), 0);
            let panels_of = |p: &Operand| p.rows.div_ceil(PANEL as u32);
            let mut last = k.int(panels_of(&spec.products[0]) - 1);
            for (at, p) in spec.products.iter().enumerate() {
                if at > 0 {
                    let here = k.is(block, Is::AtLeast, k.int(before));
                    base = k.select(here, weight(at), base);
                    local = k.select(here, k.sub(block, k.int(before)), local);
                    product = k.select(here, k.int(at as i64), product);
                    last = k.select(here, k.int(panels_of(p) - 1), last);
                }
                before += panels_of(p).div_ceil(d.panels);
            }
            // Warps: [panel of the block][part].
            let panel = if d.panels == 1 { local } else { k.min(k.add(k.mul(local, k.int(d.panels)), k.div(warp, k.int(d.split))), last) };
            (base, panel, product)
        }
    };
    // The last block may lack a panel: it reads another again, and those rows are not stored.
    let panels = spec.products[0].rows.div_ceil(PANEL as u32);
    let panel = if spec.epilogue.is_some() && !panels.is_multiple_of(d.panels) { k.min(panel, k.int(panels - 1)) } else { panel };
    let bytes = panel_bytes(spec.format, spec.cols as usize).expect("checked") as u64;
    let base = k.at(base, k.mul(panel, k.int(bytes as i64)));

    // What an epilogue does without the product is done while that is under way, where every warp has the one row.
    let mut early = Early::default();
    let begin = || {
        if let (Some(epilogue), 1) = (&spec.epilogue, spec.entry_rows) {
            let bound = Bound { k, epilogue, bindings: &places.epilogue, entry_rows: 1 };
            let (column, inside) = column_of(k, epilogue, d, (block, lane));
            early = Early::of(&bound, (column, inside, lane));
        }
    };
    let sums = match spec.format {
        Format::Q4 | Format::Q8 => quantised(k, spec, d, (base, lane, part), first_row, begin),
        _ => plain(k, spec, d, (base, lane, part), first_row, begin),
    };
    finish(k, spec, d, &sums, (thread, lane, warp), (block, product, first_row), (&places.epilogue, early));
    if let Some(finale) = &places.finale {
        finale.run(k, spec.blocks());
    }
}

/// Row `first + r`, or row 0 where it is not live: it exists, and what it gives is not stored.
fn live_row(k: &Kernel, first: Value, r: u32, rows: Value, entry_rows: u32) -> Value {
    if entry_rows == 1 {
        return k.int(0);
    }
    let row = k.add(first, k.int(r));
    k.select(k.is(row, Is::Less, rows), row, k.int(0))
}

struct Loaded {
    group: Value,
    valid: Option<Value>,
    scales: Value,
    codes: Vec<Value>,
}

/// Sums of a lane: `[row][4 outputs]`, added over all lanes and steps of the warp.
fn quantised(
    k: &Kernel,
    spec: &Spec,
    d: Division,
    (base, lane, part): (Value, Value, Value),
    first_row: Value,
    begin: impl FnOnce(),
) -> Vec<Vec<Value>> {
    let groups = spec.cols / GROUP as u32;
    let q4 = spec.format == Format::Q4;
    let at_once = if q4 { 2 } else { 1 };
    let record = panel_group_bytes(spec.format) as u32;
    let (quad, chunk, half) = (k.and(lane, k.int(3)), k.and(k.shr(lane, k.int(2)), k.int(if q4 { 3 } else { 7 })), k.shr(lane, k.int(4)));
    let steps = groups.div_ceil(at_once * d.split);
    let inside = if q4 { k.and(lane, k.int(15)) } else { lane };
    let load = |step: Value| -> Loaded {
        let pair = k.add(k.mul(step, k.int(d.split)), part);
        let group = if q4 { k.add(k.mul(pair, k.int(2)), half) } else { pair };
        let exact = groups.is_multiple_of(at_once * d.split);
        let valid = (!exact).then(|| k.is(group, Is::Less, k.int(groups)));
        let group = valid.map_or(group, |v| k.select(v, group, k.int(0)));
        let at = k.at(base, k.mul(group, k.int(record)));
        let codes = k.load_constant(k.at(at, k.add(k.int(32), k.mul(inside, k.int(16)))), Type::Words(4));
        let scales = k.load_constant(k.at(at, k.mul(quad, k.int(8))), Type::Halves(4));
        Loaded { group, valid, scales, codes: vec![codes] }
    };
    let layout = Codes { cols: spec.cols, rows: spec.entry_rows };
    let zero = k.float(0.0);
    let mut sums = vec![vec![zero; 4]; spec.rows as usize];
    let turns = steps.div_ceil(d.unroll);
    let exact = steps.is_multiple_of(d.unroll);
    let batch = |first: Value| -> Vec<Loaded> { (0..d.unroll).map(|n| load(k.add(first, k.int(n)))).collect() };
    // The first loads of weights are on their way before the input is there, and the rest comes nearer.
    let ahead = batch(k.int(0));
    if turns > 1 {
        bring_panel(k, spec, base, (lane, part));
    }
    let rows = k.live_rows(spec.entry_rows);
    k.wait_for_launch(spec.entry_rows);
    begin();
    let inputs: Vec<Value> = (0..spec.rows).map(|r| live_row(k, first_row, r, rows, spec.entry_rows)).collect();
    let x = k.parameter(1);
    // The scale of a row's group, and this lane's codes of it.
    let input = |l: &Loaded, row: Value| {
        if spec.rounds {
            // Lanes that differ in the bits of `chunk` hold a group.
            let (each, lanes) = if q4 { (8, 4) } else { (4, 8) };
            let first = k.add(k.mul(l.group, k.int(GROUP as i64)), k.mul(chunk, k.int(each)));
            let fours = (0..each / 4).map(|n| k.load(k.at(x, k.mul(k.add(first, k.int(4 * n)), k.int(4))), Type::Floats(4)));
            let values: Vec<Value> = fours.flat_map(|four| (0..4).map(move |e| (four, e))).map(|(four, e)| k.element(four, e)).collect();
            let (codes, scale) = k.round(&values, 2, lanes);
            let words: Vec<Value> = codes.chunks(4).map(|four| k.pack_codes(four)).collect();
            return (scale, if q4 { k.vector(&words) } else { words[0] });
        }
        let codes = layout.group_codes(k, x, row, l.group, k.mul(chunk, k.int(if q4 { 8 } else { 4 })));
        (k.load(layout.scale(k, x, row, l.group), Type::F32), k.load(codes, if q4 { Type::Words(2) } else { Type::I32 }))
    };
    let compute = |loaded: &[Loaded], mut sums: Vec<Vec<Value>>, in_range: &dyn Fn(u32) -> Option<Value>| {
        // All of one row is asked for at once; of several, that would take more registers than it saves time, so only those of one load are.
        let early: Option<Vec<_>> = (inputs.len() == 1).then(|| loaded.iter().map(|l| input(l, inputs[0])).collect());
        if early.is_some() {
            k.issued();
        }
        for (n, l) in loaded.iter().enumerate() {
            let scales: Vec<Value> = (0..4).map(|at| k.widen(k.element(l.scales, at))).collect();
            let of_rows = early.as_ref().map_or_else(
                || {
                    let read = inputs.iter().map(|&row| input(l, row)).collect();
                    k.issued();
                    read
                },
                |early| vec![early[n]],
            );
            for (r, &(scale, codes)) in of_rows.iter().enumerate() {
                let scale = [l.valid, in_range(n as u32)].into_iter().flatten().fold(scale, |s, v| k.select(v, s, zero));
                let dots = if q4 { dots_q4(k, l, codes) } else { dots_q8(k, l, codes) };
                for at in 0..4 {
                    let scaled = k.mul(k.to_float(dots[at]), scale);
                    sums[r][at] = k.fma(scaled, scales[at], sums[r][at]);
                }
            }
        }
        sums
    };
    if turns == 1 {
        sums = compute(&ahead, sums, &|n| (!exact).then(|| k.truth(n < steps)));
    } else {
        sums = compute(&ahead, sums, &|_| None);
        let flat: Vec<Value> = sums.iter().flatten().copied().collect();
        let result = k.each(k.int(d.unroll), k.int(steps), k.int(d.unroll), &flat, |first, carried| {
            let loaded = batch(first);
            let nested = carried.chunks(4).map(<[Value]>::to_vec).collect();
            let guard = |n: u32| (!exact).then(|| k.is(k.add(first, k.int(n)), Is::Less, k.int(steps)));
            compute(&loaded, nested, &guard).into_iter().flatten().collect()
        });
        sums = result.chunks(4).map(<[Value]>::to_vec).collect();
    }
    // Lanes of the same four outputs: bits 2, 3 and 4 of the lane number.
    sums.iter().map(|row| row.iter().map(|&s| k.lane_sum(s, 2, 3)).collect()).collect()
}

/// Brings the panel of a warp nearer: of those that share one, the first does it.
fn bring_panel(k: &Kernel, spec: &Spec, base: Value, (lane, part): (Value, Value)) {
    let first = k.is(k.add(lane, part), Is::Equal, k.int(0));
    k.bring(first, [(base, panel_bytes(spec.format, spec.cols as usize).expect("checked") as u64)]);
}

/// Low nibbles hold columns 8 i .. 8 i + 4 of the group, high ones the next four.
fn dots_q4(k: &Kernel, l: &Loaded, x: Value) -> Vec<Value> {
    let (low, high) = (k.element(x, 0), k.element(x, 1));
    let ones = k.int(0x0101_0101);
    let sum = k.dot4(ones, high, k.dot4(ones, low, k.int(0)));
    let bias = k.mul(sum, k.int(-8));
    let mask = k.int(0x0F0F_0F0F);
    (0..4)
        .map(|at| {
            let word = k.element(l.codes[0], at);
            k.dot4(k.and(k.shr(word, k.int(4)), mask), high, k.dot4(k.and(word, mask), low, bias))
        })
        .collect()
}

/// Word `i` of a row holds columns 4 i .. 4 i + 4.
fn dots_q8(k: &Kernel, l: &Loaded, x: Value) -> Vec<Value> {
    let bias = k.mul(k.dot4(k.int(0x0101_0101), x, k.int(0)), k.int(-128));
    (0..4).map(|at| k.dot4(k.element(l.codes[0], at), x, bias)).collect()
}

/// bf16 weights and f32 inputs: a lane reads eight outputs of one column.
fn plain(k: &Kernel, spec: &Spec, d: Division, (base, lane, part): (Value, Value, Value), first_row: Value, begin: impl FnOnce()) -> Vec<Vec<Value>> {
    let (eight, column) = (k.and(lane, k.int(1)), k.shr(lane, k.int(1)));
    bring_panel(k, spec, base, (lane, part));
    let rows = k.live_rows(spec.entry_rows);
    k.wait_for_launch(spec.entry_rows);
    begin();
    let inputs: Vec<Value> =
        (0..spec.rows).map(|r| k.at(k.parameter(1), k.mul(live_row(k, first_row, r, rows, spec.entry_rows), k.int(spec.cols * 4)))).collect();
    let zero = k.float(0.0);
    let start = k.add(k.mul(part, k.int(16)), column);
    let carried = vec![zero; 8 * spec.rows as usize];
    let sums = k.each(start, k.int(spec.cols), k.int(16 * d.split), &carried, |column, sums| {
        let at = k.at(base, k.add(k.mul(column, k.int(2 * PANEL as i64)), k.mul(eight, k.int(16))));
        let words = k.load_constant(at, Type::Words(4));
        let weights: Vec<Value> = (0..4)
            .flat_map(|n| {
                let word = k.element(words, n);
                [k.bits(k.shl(word, k.int(16)), Type::F32), k.bits(k.and(word, k.int(0xFFFF_0000u32 as i32)), Type::F32)]
            })
            .collect();
        inputs
            .iter()
            .enumerate()
            .flat_map(|(r, input)| {
                let x = k.load(k.at(*input, k.mul(column, k.int(4))), Type::F32);
                weights.iter().enumerate().map(|(n, &w)| k.fma(w, x, sums[8 * r + n])).collect::<Vec<_>>()
            })
            .collect()
    });
    // Lanes of the same eight outputs: bits 1 to 4.
    sums.chunks(8).map(|row| row.iter().map(|&s| k.lane_sum(s, 1, 4)).collect()).collect()
}

/// Adds the warps of a panel and hands every output to a thread of its own, then stores or goes on with the epilogue.
fn finish(
    k: &Kernel,
    spec: &Spec,
    d: Division,
    sums: &[Vec<Value>],
    (thread, lane, warp): (Value, Value, Value),
    (block, product, first_row): (Value, Value, Value),
    (bindings, early): (&[(usize, usize)], Early),
) {
    let panel = PANEL as u32;
    let warps = spec.threads() / WARP;
    // [row][warp][16 outputs]
    let shared = k.shared(4 * panel * warps * spec.rows, 16);
    let each = sums[0].len() as u32;
    let writers = if each == 4 { 4 } else { 2 };
    k.when(k.is(lane, Is::Less, k.int(writers)), || {
        for (r, row) in sums.iter().enumerate() {
            let place = k.add(k.mul(k.add(warp, k.int(r as u32 * warps)), k.int(4 * panel)), k.mul(lane, k.int(4 * each)));
            for (at, four) in row.chunks(4).enumerate() {
                k.store(k.vector(four), k.at(shared, k.add(place, k.int(16 * at as i64))));
            }
        }
    });
    k.barrier();
    let rows = k.live_rows(spec.entry_rows);
    // The sum of one output over the warps `first .. first + split` of its panel.
    let total = |row: Value, first: Value, output: Value| {
        let place = |n: u32| {
            let warp = k.add(k.add(k.mul(row, k.int(warps)), first), k.int(n));
            k.load(k.at(shared, k.add(k.mul(warp, k.int(4 * panel)), k.mul(output, k.int(4)))), Type::F32)
        };
        (1..d.split).fold(place(0), |sum, n| k.add(sum, place(n)))
    };
    let Some(epilogue) = &spec.epilogue else {
        let mut out = k.parameter(3);
        let (mut width, mut local, mut stride, mut before) = (k.int(spec.products[0].rows), block, k.int(spec.products[0].stride), 0);
        for (at, p) in spec.products.iter().enumerate() {
            if at > 0 {
                let here = k.is(product, Is::Equal, k.int(at as i64));
                out = k.select(here, k.parameter(3 + 2 * at), out);
                width = k.select(here, k.int(p.rows), width);
                stride = k.select(here, k.int(p.stride), stride);
                local = k.select(here, k.sub(block, k.int(before)), local);
            }
            before += p.rows.div_ceil(panel * d.panels);
        }
        let columns = panel * d.panels;
        k.each(thread, k.int(columns * spec.rows), k.int(spec.threads()), &[], |item, _| {
            let (r, column) = (k.div(item, k.int(columns)), k.rem(item, k.int(columns)));
            let (row, output) = (k.add(first_row, r), k.add(k.mul(local, k.int(columns)), column));
            let (first, n) = (k.mul(k.shr(column, k.int(4)), k.int(d.split)), k.and(column, k.int(15)));
            let wanted = k.and(k.is(row, Is::Less, rows), k.is(output, Is::Less, width));
            k.when(wanted, || {
                let place = k.add(k.mul(row, stride), output);
                k.store(total(r, first, n), k.at(out, k.mul(place, k.int(4))));
            });
            vec![]
        });
        return;
    };
    // A warp takes one row at a time: its 32 lanes are the block's two panels, one group of the eight-bit output.
    let bound = Bound { k, epilogue, bindings, entry_rows: spec.entry_rows };
    let (column, inside) = column_of(k, epilogue, d, (block, lane));
    k.each(warp, k.int(spec.rows), k.int(warps), &[], |r, _| {
        let row = k.add(first_row, r);
        k.when(k.is(row, Is::Less, rows), || {
            let product = |at: usize| {
                let local = k.shr(lane, k.int(4));
                let first = k.mul(k.add(k.int(at as u32 * d.panels), local), k.int(d.split));
                total(r, first, k.and(lane, k.int(15)))
            };
            let binding = Column::new(&bound, (row, column, lane), inside, &product);
            early.complete(&binding);
        });
        vec![]
    });
}

/// A lane's column of an epilogue's row, and whether it exists where that is not sure.
fn column_of(k: &Kernel, epilogue: &Epilogue, d: Division, (block, lane): (Value, Value)) -> (Value, Option<Value>) {
    let (columns, width) = (PANEL as u32 * d.panels, epilogue.region.width);
    let column = k.add(k.mul(block, k.int(columns)), lane);
    (column, (!width.is_multiple_of(columns)).then(|| k.is(column, Is::Less, k.int(width))))
}
