//! Products of many rows on the matrix units: eight-bit weights' codes times eight-bit rows, a group of 32 at a time, scaled and added in f32.
//!
//! A block makes 64 outputs of up to 64 rows. Its eight warps are two halves of the outputs (two panels each) times four shares of the groups, which are
//! added at the end. Fragments come straight from memory: a lane's part of a panel is eight neighbouring bytes, and its part of a row is eight (sixteen on
//! AMD) neighbouring codes, because the order of a group's columns within the unit is free as long as both sides agree.
//!
//! The unit's sum starts at `1.5 * 2^23 - bias * sum of codes` in integers, so that its bits read as a single need one subtraction to be the float.

use crate::block::WARP;
use crate::codes::Codes;
use crate::matvec::{self, Bound, Column, Epilogue, Operand, epilogue_parameters};
use crate::region::evaluate;
use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::tensor::{Format, GROUP, PANEL, panel_bytes, panel_group_bytes};

/// Threads of a block.
pub const THREADS: u32 = 256;
/// Outputs of a block.
const OUTPUTS: u32 = 64;
/// Panels of a warp.
const PANELS: u32 = 2;
/// Warps that share the groups.
const SPLIT: u32 = 4;
/// Bits of 1.5 * 2^23: small integers added to them read as that number plus the integer.
const MAGIC: u32 = 0x4B40_0000;

/// Products of one input, as [`matvec::Spec`] but for many rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Inputs of each product.
    pub cols: u32,
    /// Format of all weights: q4 or q8.
    pub format: Format,
    /// The weights.
    pub products: Vec<Operand>,
    /// Rows of the entry.
    pub entry_rows: u32,
    /// What follows; of one or two products.
    pub epilogue: Option<Epilogue>,
}

impl Spec {
    /// Rows of a block.
    pub fn tile(&self) -> u32 {
        self.entry_rows.min(64)
    }

    /// Outputs of each product that a block makes.
    fn outputs(&self) -> u32 {
        if self.epilogue.is_some() { OUTPUTS / self.products.len() as u32 } else { OUTPUTS }
    }

    /// Blocks along x.
    pub fn blocks(&self) -> u32 {
        let of = |p: &Operand| p.rows.div_ceil(self.outputs());
        if self.epilogue.is_some() { of(&self.products[0]) } else { self.products.iter().map(of).sum() }
    }

    /// Blocks along y.
    pub fn row_blocks(&self) -> u32 {
        self.entry_rows.div_ceil(self.tile())
    }

    /// Whether this shape can be written.
    pub fn fits(&self) -> bool {
        self.format.is_quantised() && self.entry_rows.is_multiple_of(16) && (self.epilogue.is_none() || self.products.len() <= 2)
    }
}

/// The shape of the matrix unit: rows (tokens) of one tile, and where a lane's values lie in a tile of 16 outputs.
struct Unit {
    dialect: Dialect,
    /// Tokens of a tile.
    tokens: u32,
    /// Values of a lane in a tile.
    values: u32,
}

impl Unit {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Amd => Self { dialect, tokens: 16, values: 8 },
            Dialect::Nvidia | Dialect::Hopper => Self { dialect, tokens: 8, values: 4 },
        }
    }

    /// Output (within the panel) and token (within the tile) of a lane's value `at`.
    fn place(&self, k: &Kernel, lane: Value, at: u32) -> (Value, Value) {
        if self.dialect == Dialect::Amd {
            (k.add(k.shr(lane, k.int(4)), k.int(2 * at)), k.and(lane, k.int(15)))
        } else {
            // Fragment rows g and g + 8 are the panel's outputs 2 g and 2 g + 1.
            let (g, t) = (k.shr(lane, k.int(2)), k.and(lane, k.int(3)));
            (k.add(k.mul(g, k.int(2)), k.int(at / 2)), k.add(k.mul(t, k.int(2)), k.int(at % 2)))
        }
    }

    /// Index into a lane's scales of outputs for value `at`.
    fn output(&self, at: u32) -> usize {
        (if self.dialect == Dialect::Amd { at } else { at / 2 }) as usize
    }

    /// Index into a lane's scales of tokens for value `at`.
    fn token(&self, at: u32) -> usize {
        (if self.dialect == Dialect::Amd { 0 } else { at % 2 }) as usize
    }

    /// A lane's codes of a panel's group as unsigned bytes, by half of the group on AMD; and its scales.
    fn weights(&self, k: &Kernel, format: Format, record: Value, lane: Value) -> (Vec<Value>, Vec<Value>) {
        let mask = k.int(0x0F0F_0F0F);
        let nibbles = |word: Value| [k.and(word, mask), k.and(k.shr(word, k.int(4)), mask)];
        let codes = k.at(record, k.int(2 * PANEL as i64));
        if self.dialect == Dialect::Amd {
            let n = k.and(lane, k.int(15));
            let word = |i: u32| k.load_constant(k.at(codes, k.add(k.mul(n, k.int(4)), k.int(i * 64))), Type::I32);
            let words: Vec<Value> = if format == Format::Q4 { (0..4).flat_map(|i| nibbles(word(i))).collect() } else { (0..8).map(word).collect() };
            let scale = |i: u32| {
                let at = k.add(k.mul(k.shr(lane, k.int(4)), k.int(2)), k.int(4 * i));
                k.widen(k.load_constant(k.at(record, at), Type::F16))
            };
            return (words, (0..8).map(scale).collect());
        }
        let (g, t) = (k.shr(lane, k.int(2)), k.and(lane, k.int(3)));
        let pair = |chunk: Value| k.load_constant(k.at(codes, k.add(k.mul(chunk, k.int(64)), k.mul(g, k.int(8)))), Type::Words(2));
        let words = if format == Format::Q4 {
            let pair = pair(t);
            let ([a0, a2], [a1, a3]) = (nibbles(k.element(pair, 0)), nibbles(k.element(pair, 1)));
            vec![a0, a1, a2, a3]
        } else {
            let (low, high) = (pair(k.mul(t, k.int(2))), pair(k.add(k.mul(t, k.int(2)), k.int(1))));
            vec![k.element(low, 0), k.element(low, 1), k.element(high, 0), k.element(high, 1)]
        };
        let scales = k.load_constant(k.at(record, k.mul(g, k.int(4))), Type::Halves(2));
        (words, vec![k.widen(k.element(scales, 0)), k.widen(k.element(scales, 1))])
    }

    /// A lane's codes of a tile's group; `first` is the tile's first token, `group` the group.
    fn inputs(&self, k: &Kernel, layout: Codes, first: Value, group: Value, lane: Value) -> Vec<Value> {
        let column = k.mul(group, k.int(GROUP as i64));
        if self.dialect == Dialect::Amd {
            let row = k.add(first, k.and(lane, k.int(15)));
            let at = layout.code(k, k.parameter(1), row, column);
            return [0, 16].map(|half| k.load(k.at(at, k.int(half)), Type::Words(4))).to_vec();
        }
        let row = k.add(first, k.shr(lane, k.int(2)));
        let at = layout.code(k, k.parameter(1), row, k.add(column, k.mul(k.and(lane, k.int(3)), k.int(8))));
        vec![k.load(at, Type::Words(2))]
    }

    /// Scales and starting sums of a lane's tokens.
    fn factors(&self, k: &Kernel, layout: Codes, first: Value, group: Value, lane: Value, bias: i32) -> (Vec<Value>, Vec<Value>) {
        let start = |sum: Value| k.add(k.mul(sum, k.int(-bias)), k.int(MAGIC));
        if self.dialect == Dialect::Amd {
            let (scale, sum) = layout.load_group(k, k.parameter(1), k.add(first, k.and(lane, k.int(15))), group);
            return (vec![scale], vec![start(sum)]);
        }
        let row = k.add(first, k.mul(k.and(lane, k.int(3)), k.int(2)));
        let scales = k.load(layout.scale(k, k.parameter(1), row, group), Type::Floats(2));
        let sums = k.load(layout.sum(k, k.parameter(1), row, group), Type::Words(2));
        ([0, 1].map(|n| k.element(scales, n)).to_vec(), [0, 1].map(|n| start(k.element(sums, n))).to_vec())
    }

    /// The products of a group, added to the starting sums.
    fn multiply(&self, k: &Kernel, weights: &[Value], inputs: &[Value], starts: &[Value]) -> Vec<Value> {
        if self.dialect == Dialect::Amd {
            let (unsigned, signed) = (k.truth(false), k.truth(true));
            let start = k.vector(&[starts[0]; 8]);
            let sum = (0..2).fold(start, |sum, half| {
                let a = k.vector(&weights[4 * half..4 * half + 4]);
                k.intrinsic("llvm.amdgcn.wmma.i32.16x16x16.iu8.v8i32.v4i32", &[unsigned, a, signed, inputs[half], sum, unsigned], Type::Words(8))
            });
            return (0..8).map(|at| k.element(sum, at)).collect();
        }
        let arguments = [&weights[..4], &[k.element(inputs[0], 0), k.element(inputs[0], 1)], &[starts[0], starts[1], starts[0], starts[1]]].concat();
        k.intrinsic_many("llvm.nvvm.mma.m16n8k32.row.col.u8.s8", &arguments, Type::I32, 4)
    }
}

/// A launch of `matmul`: parameters as of [`matvec::kernel`]. Grid: outputs by rows.
pub fn kernel(name: &str, dialect: Dialect, spec: &Spec) -> String {
    let mut parameters = vec![Parameter::Buffer, Parameter::Buffer];
    for _ in &spec.products {
        parameters.push(Parameter::Constant);
        if spec.epilogue.is_none() {
            parameters.push(Parameter::Buffer);
        }
    }
    let bindings = spec.epilogue.as_ref().map_or(vec![], |e| epilogue_parameters(e, &mut parameters));
    let k = Kernel::new(name, dialect, &parameters, THREADS);
    let unit = Unit::of(dialect);
    let thread = k.thread();
    let (lane, warp) = (k.and(thread, k.int(31)), k.shr(thread, k.int(5)));
    let (half, share) = (k.and(warp, k.int(1)), k.shr(warp, k.int(1)));
    let (block, first_row) = (k.block("x"), k.mul(k.block("y"), k.int(spec.tile())));
    let (products, outputs) = (spec.products.len() as u32, spec.outputs());
    let stride = if spec.epilogue.is_some() { 1 } else { 2 };
    let weight = |at: u32| k.parameter((2 + stride * at) as usize);
    // The product and the panels of this warp; panels beyond the last read the last, and what they give is not stored.
    let (mut product, mut local, mut base, mut panels, mut before) =
        (k.int(0), block, weight(0), k.int(spec.products[0].rows.div_ceil(PANEL as u32)), 0);
    if spec.epilogue.is_some() {
        if products == 2 {
            base = k.select(k.is(half, Is::Equal, k.int(1)), weight(1), base);
        }
    } else {
        for (at, p) in spec.products.iter().enumerate() {
            if at > 0 {
                let here = k.is(block, Is::AtLeast, k.int(before));
                base = k.select(here, weight(at as u32), base);
                local = k.select(here, k.sub(block, k.int(before)), local);
                product = k.select(here, k.int(at as u32), product);
                panels = k.select(here, k.int(p.rows.div_ceil(PANEL as u32)), panels);
            }
            before += p.rows.div_ceil(outputs);
        }
    }
    let apart = if products == 2 && spec.epilogue.is_some() { k.int(0) } else { k.mul(half, k.int(PANELS)) };
    let first_panel = k.add(k.mul(local, k.int(outputs / PANEL as u32)), apart);
    let bytes = panel_bytes(spec.format, spec.cols as usize).expect("checked") as u64;
    let bases: Vec<Value> =
        (0..PANELS).map(|n| k.at(base, k.mul(k.min(k.add(first_panel, k.int(n)), k.sub(panels, k.int(1))), k.int(bytes as i64)))).collect();
    k.wait_for_launch();
    k.release_next();
    let rows = k.load(k.parameter(0), Type::I32);
    k.when(k.is(first_row, Is::Less, rows), || {
        let sums = accumulate(&k, &unit, spec, &bases, (lane, share), first_row);
        let shared = k.shared(4 * 2 * OUTPUTS * spec.tile(), 16);
        let total = meet(&k, &unit, spec, &sums, shared, (lane, half, share));
        match &spec.epilogue {
            None => store(&k, spec, &total, (thread, local, product), (first_row, rows)),
            Some(epilogue) => {
                let bound = Bound { k: &k, epilogue, bindings: &bindings, entry_rows: spec.entry_rows };
                finish(&k, spec, &total, &bound, (lane, warp, block), (first_row, rows));
            }
        }
    });
    k.finish()
}

/// Sums of this warp's share of the groups: `[panel][tile][value]`.
fn accumulate(k: &Kernel, unit: &Unit, spec: &Spec, bases: &[Value], (lane, share): (Value, Value), first_row: Value) -> Vec<Value> {
    let layout = Codes { cols: spec.cols, rows: spec.entry_rows };
    let tiles = spec.tile() / unit.tokens;
    let record = panel_group_bytes(spec.format) as u32;
    let carried = vec![k.float(0.0); (PANELS * tiles * unit.values) as usize];
    let magic = k.float(f32::from_bits(MAGIC));
    k.each(share, k.int(layout.groups()), k.int(SPLIT), &carried, |group, sums| {
        let weights: Vec<_> = bases.iter().map(|&b| unit.weights(k, spec.format, k.at(b, k.mul(group, k.int(record))), lane)).collect();
        let tile = |n: u32| {
            let first = k.add(first_row, k.int(n * unit.tokens));
            (unit.inputs(k, layout, first, group, lane), unit.factors(k, layout, first, group, lane, spec.format.bias()))
        };
        let inputs: Vec<_> = (0..tiles).map(tile).collect();
        let mut next = Vec::with_capacity(sums.len());
        for (panel, (codes, scales)) in weights.iter().enumerate() {
            for (n, (x, (factors, starts))) in inputs.iter().enumerate() {
                let made = unit.multiply(k, codes, x, starts);
                for (at, &value) in made.iter().enumerate() {
                    let value = k.sub(k.bits(value, Type::F32), magic);
                    let scaled = k.mul(value, factors[unit.token(at as u32)]);
                    let sum = sums[((panel as u32 * tiles + n as u32) * unit.values) as usize + at];
                    next.push(k.fma(scaled, scales[unit.output(at as u32)], sum));
                }
            }
        }
        next
    })
}

/// Adds the shares through shared memory, where two halves of the sum are left: reads output and token of it.
fn meet<'k>(
    k: &'k Kernel,
    unit: &Unit,
    spec: &Spec,
    sums: &[Value],
    shared: Value,
    (lane, half, share): (Value, Value, Value),
) -> impl Fn(Value, Value) -> Value + 'k {
    let (tile, tiles) = (spec.tile(), spec.tile() / unit.tokens);
    let part = OUTPUTS * tile * 4;
    // [part][token][output]
    let base = k.at(shared, k.mul(k.and(share, k.int(1)), k.int(part)));
    let place = |panel: u32, n: u32, at: u32| {
        let (output, token) = unit.place(k, lane, at);
        let output = k.add(k.add(k.mul(half, k.int(PANELS * PANEL as u32)), k.int(panel * PANEL as u32)), output);
        let token = k.add(token, k.int(n * unit.tokens));
        k.at(base, k.mul(k.add(k.mul(token, k.int(OUTPUTS)), output), k.int(4)))
    };
    let all: Vec<(u32, u32, u32)> = (0..PANELS).flat_map(|p| (0..tiles).flat_map(move |n| (0..unit.values).map(move |at| (p, n, at)))).collect();
    k.when(k.is(share, Is::AtLeast, k.int(2)), || {
        for (&(p, n, at), &sum) in all.iter().zip(sums) {
            k.store(sum, place(p, n, at));
        }
    });
    k.barrier();
    k.when(k.is(share, Is::Less, k.int(2)), || {
        for (&(p, n, at), &sum) in all.iter().zip(sums) {
            let pointer = place(p, n, at);
            k.store(k.add(sum, k.load(pointer, Type::F32)), pointer);
        }
    });
    k.barrier();
    move |output: Value, token: Value| {
        let at = k.at(shared, k.mul(k.add(k.mul(token, k.int(OUTPUTS)), output), k.int(4)));
        k.add(k.load(at, Type::F32), k.load(k.at(at, k.int(part)), Type::F32))
    }
}

/// Stores all outputs as f32.
fn store(
    k: &Kernel,
    spec: &Spec,
    total: &dyn Fn(Value, Value) -> Value,
    (thread, local, product): (Value, Value, Value),
    (first_row, rows): (Value, Value),
) {
    let (mut out, mut width, mut stride) = (k.parameter(3), k.int(spec.products[0].rows), k.int(spec.products[0].stride));
    for (at, p) in spec.products.iter().enumerate().skip(1) {
        let here = k.is(product, Is::Equal, k.int(at as u32));
        out = k.select(here, k.parameter(3 + 2 * at), out);
        width = k.select(here, k.int(p.rows), width);
        stride = k.select(here, k.int(p.stride), stride);
    }
    k.each(thread, k.int(OUTPUTS * spec.tile()), k.int(THREADS), &[], |item, _| {
        let (token, output) = (k.shr(item, k.int(6)), k.and(item, k.int(63)));
        let (row, column) = (k.add(first_row, token), k.add(k.mul(local, k.int(OUTPUTS)), output));
        k.when(k.and(k.is(row, Is::Less, rows), k.is(column, Is::Less, width)), || {
            k.store(total(output, token), k.at(out, k.mul(k.add(k.mul(row, stride), column), k.int(4))));
        });
        vec![]
    });
}

/// Goes on with the epilogue: a warp a row, 32 outputs at a time.
fn finish(
    k: &Kernel,
    spec: &Spec,
    total: &dyn Fn(Value, Value) -> Value,
    bound: &Bound<'_>,
    (lane, warp, block): (Value, Value, Value),
    (first_row, rows): (Value, Value),
) {
    let region = &bound.epilogue.region;
    let kinds = region.kinds().expect("validated");
    let outputs = spec.outputs();
    let warps = THREADS / WARP;
    let runs = outputs / WARP;
    k.each(warp, k.int(spec.tile() * runs), k.int(warps), &[], |item, _| {
        let (token, run) = (k.div(item, k.int(runs)), k.rem(item, k.int(runs)));
        let row = k.add(first_row, token);
        let output = k.add(k.mul(run, k.int(WARP)), lane);
        let column = k.add(k.mul(block, k.int(outputs)), output);
        let exact = region.width.is_multiple_of(outputs);
        // A run beyond the last column has nothing to do.
        let first = k.sub(column, lane);
        let live = k.is(row, Is::Less, rows);
        let live = if exact { live } else { k.and(live, k.is(first, Is::Less, k.int(region.width))) };
        k.when(live, || {
            let product = |at: usize| total(k.add(output, k.int(at as u32 * outputs)), token);
            let inside = (!region.width.is_multiple_of(WARP)).then(|| k.is(column, Is::Less, k.int(region.width)));
            evaluate(k, region, &kinds, 1, &Column::new(bound, (row, column, lane), inside, &product));
        });
        vec![]
    });
}

/// The few-row twin of a shape, for entries that the matrix units do not serve.
pub fn few(spec: &Spec, rows: u32) -> matvec::Spec {
    matvec::Spec {
        cols: spec.cols,
        format: spec.format,
        products: spec.products.clone(),
        rows,
        entry_rows: spec.entry_rows,
        epilogue: spec.epilogue.clone(),
        finale: None,
    }
}
