//! Products of many rows on the matrix units: eight-bit weights' codes times eight-bit rows, a group of 32 at a time, scaled and added in f32.
//!
//! A block's eight warps are some runs of outputs times shares of the groups, which are added at the end; [`Division`] says how many of each. Fragments come
//! straight from memory, one turn ahead of their use: a lane's part of a panel is eight neighbouring bytes, and its part of a row is eight (sixteen on AMD)
//! neighbouring codes, because the order of a group's columns within the unit is free as long as both sides agree.
//!
//! The unit's sum starts at 1.5 * 2^23 in integers, so that its bits read as a single need one subtraction to be the float. Four-bit codes stand in the high
//! halves of signed bytes: sums are sixteen times too large, which the scales take back exactly.

mod stage;

use crate::block::WARP;
use crate::codes::Codes;
use crate::epilogue::{Bound, Column, Epilogue, epilogue_parameters};
use crate::matvec::{self, Operand};
use crate::region::evaluate;
use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::tensor::{Format, GROUP, PANEL, panel_bytes, panel_group_bytes};

/// Threads of a block.
pub const THREADS: u32 = 256;
const WARPS: u32 = THREADS / WARP;
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

/// How a launch is divided into blocks, and a block among its warps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// Warps with outputs of their own; as many others share the groups with each as there are.
    pub wide: u32,
    /// Panels of a warp.
    pub panels: u32,
    /// Rows of a block.
    pub tile: u32,
    /// Groups of a warp that are loaded together.
    pub ahead: u32,
}

impl Division {
    /// Warps that share the groups of some outputs.
    fn split(self) -> u32 {
        WARPS / self.wide
    }

    /// Outputs of a block, of all products together where an epilogue follows.
    fn outputs(self) -> u32 {
        self.wide * self.panels * PANEL as u32
    }
}

impl Spec {
    /// The division that is foretold to be the fastest on a device of [`UNITS`] units: all targets share a launch's grid.
    pub fn division(&self) -> Division {
        let groups = self.cols / GROUP as u32;
        let mut best: Option<(u64, Division)> = None;
        for (wide, panels) in [(4, 2), (2, 2), (2, 1), (1, 2), (1, 1)] {
            for tile in [64, 32, 16].into_iter().filter(|t| self.entry_rows.is_multiple_of(*t)) {
                let share = groups.div_ceil(WARPS / wide);
                let division = Division { wide, panels, tile, ahead: (128 / (tile * panels)).clamp(1, 4).min(share) };
                // What follows is done by warps, 32 outputs of a product at a time.
                let products = self.products.len() as u32;
                if self.epilogue.is_some() && (!wide.is_multiple_of(products) || !(division.outputs() / products).is_multiple_of(WARP)) {
                    continue;
                }
                let blocks = u64::from(self.blocks_by(division) * (self.entry_rows / tile));
                let cycles = blocks.div_ceil(UNITS) * division_cycles(division, share);
                if best.is_none_or(|(least, _)| cycles < least) {
                    best = Some((cycles, division));
                }
            }
        }
        best.expect("a tile of 16 rows and two panels by two warps always fits").1
    }

    /// Outputs of each product that a block makes.
    fn outputs(&self) -> u32 {
        self.outputs_by(self.division())
    }

    fn outputs_by(&self, division: Division) -> u32 {
        if self.epilogue.is_some() { division.outputs() / self.products.len() as u32 } else { division.outputs() }
    }

    fn blocks_by(&self, division: Division) -> u32 {
        let of = |p: &Operand| p.rows.div_ceil(self.outputs_by(division));
        if self.epilogue.is_some() { of(&self.products[0]) } else { self.products.iter().map(of).sum() }
    }

    /// Blocks along x.
    pub fn blocks(&self) -> u32 {
        self.blocks_by(self.division())
    }

    /// Blocks along y.
    pub fn row_blocks(&self) -> u32 {
        self.entry_rows / self.division().tile
    }

    /// Whether this shape can be written.
    pub fn fits(&self) -> bool {
        self.format.is_quantised() && self.entry_rows.is_multiple_of(16) && (self.epilogue.is_none() || self.products.len() <= 2)
    }
}

/// Units (SMs) of the device that divisions are chosen for: an H100. A 780M has 12, and is served by small blocks too.
const UNITS: u64 = 132;

/// About the cycles of a block of a warp's `share` of groups: each turn waits for memory once or is busy; then the shares meet.
fn division_cycles(d: Division, share: u32) -> u64 {
    let (outputs, tile) = (u64::from(d.outputs()), u64::from(d.tile));
    // All warps' groups of a turn: 1024 multiplications a cycle, 24 bytes a cycle from the second cache.
    let groups = u64::from(d.ahead * d.split());
    let busy = groups * (outputs * tile * GROUP as u64 / 1024 + (18 * outputs + 36 * tile) / 24);
    u64::from(share.div_ceil(d.ahead)) * busy.max(700) + outputs * tile / 8 + 2000
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
    fn token(&self, at: u32) -> u8 {
        (if self.dialect == Dialect::Amd { 0 } else { at % 2 }) as u8
    }

    /// A lane's part of a panel's group as it is stored: words of codes, then its scales.
    fn weights(&self, k: &Kernel, format: Format, record: Value, lane: Value) -> Vec<Value> {
        let read = |pointer: Value, ty: Type| if pointer.ty == Type::Global { k.load_constant(pointer, ty) } else { k.load(pointer, ty) };
        let codes = k.at(record, k.int(2 * PANEL as i64));
        if self.dialect == Dialect::Amd {
            let n = k.and(lane, k.int(15));
            let word = |i: u32| read(k.at(codes, k.add(k.mul(n, k.int(4)), k.int(i * 64))), Type::I32);
            let scale = |i: u32| {
                let at = k.add(k.mul(k.shr(lane, k.int(4)), k.int(2)), k.int(4 * i));
                read(k.at(record, at), Type::F16)
            };
            return (0..if format == Format::Q4 { 4 } else { 8 }).map(word).chain((0..8).map(scale)).collect();
        }
        let (g, t) = (k.shr(lane, k.int(2)), k.and(lane, k.int(3)));
        let pair = |chunk: Value| read(k.at(codes, k.add(k.mul(chunk, k.int(64)), k.mul(g, k.int(8)))), Type::Words(2));
        let mut loaded = if format == Format::Q4 { vec![pair(t)] } else { [0, 1].map(|n| pair(k.add(k.mul(t, k.int(2)), k.int(n)))).to_vec() };
        loaded.push(read(k.at(record, k.mul(g, k.int(4))), Type::Halves(2)));
        loaded
    }

    /// What [`Unit::weights`] has loaded as signed bytes, by half of the group on AMD, and scales that fit them.
    fn operands(&self, k: &Kernel, format: Format, loaded: &[Value]) -> (Vec<Value>, Vec<Value>) {
        let q4 = format == Format::Q4;
        // Flipping the highest bit takes the bias of 8 or 128 away.
        let flip = k.int(0x8080_8080u32 as i32);
        let high = |word: Value| k.xor(k.and(word, k.int(0xF0F0_F0F0u32 as i32)), flip);
        let nibbles = |word: Value| [high(k.shl(word, k.int(4))), high(word)];
        let scale = |half: Value| {
            let single = k.widen(half);
            if q4 { k.mul(single, k.float(1.0 / 16.0)) } else { single }
        };
        if self.dialect == Dialect::Amd {
            let (words, scales) = loaded.split_at(loaded.len() - 8);
            let codes = if q4 { words.iter().flat_map(|&w| nibbles(w)).collect() } else { words.iter().map(|&w| k.xor(w, flip)).collect() };
            return (codes, scales.iter().map(|&s| scale(s)).collect());
        }
        let words: Vec<Value> = loaded[..loaded.len() - 1].iter().flat_map(|&pair| [k.element(pair, 0), k.element(pair, 1)]).collect();
        let codes = if q4 {
            let ([a0, a2], [a1, a3]) = (nibbles(words[0]), nibbles(words[1]));
            vec![a0, a1, a2, a3]
        } else {
            words.iter().map(|&w| k.xor(w, flip)).collect()
        };
        let halves = loaded[loaded.len() - 1];
        (codes, vec![scale(k.element(halves, 0)), scale(k.element(halves, 1))])
    }

    /// A lane's codes of a tile's group; `first` is the tile's first token, `group` the group.
    fn inputs(&self, k: &Kernel, layout: Codes, first: Value, group: Value, lane: Value) -> Vec<Value> {
        if self.dialect == Dialect::Amd {
            let row = k.add(first, k.and(lane, k.int(15)));
            let at = layout.group_codes(k, k.parameter(1), row, group, k.int(0));
            return [0, 16].map(|half| k.load(k.at(at, k.int(half)), Type::Words(4))).to_vec();
        }
        let row = k.add(first, k.shr(lane, k.int(2)));
        let at = layout.group_codes(k, k.parameter(1), row, group, k.mul(k.and(lane, k.int(3)), k.int(8)));
        vec![k.load(at, Type::Words(2))]
    }

    /// Scales of a lane's tokens, as they are stored.
    fn factors(&self, k: &Kernel, layout: Codes, first: Value, group: Value, lane: Value) -> Value {
        if self.dialect == Dialect::Amd {
            return k.load(layout.scale(k, k.parameter(1), k.add(first, k.and(lane, k.int(15))), group), Type::F32);
        }
        let row = k.add(first, k.mul(k.and(lane, k.int(3)), k.int(2)));
        k.load(layout.scale(k, k.parameter(1), row, group), Type::Floats(2))
    }

    /// The products of a group, added to [`MAGIC`].
    fn multiply(&self, k: &Kernel, weights: &[Value], inputs: &[Value]) -> Vec<Value> {
        let start = k.int(MAGIC);
        if self.dialect == Dialect::Amd {
            let (unsigned, signed) = (k.truth(false), k.truth(true));
            let sum = (0..2).fold(k.words(8, MAGIC), |sum, half| {
                let a = k.vector(&weights[4 * half..4 * half + 4]);
                k.intrinsic("llvm.amdgcn.wmma.i32.16x16x16.iu8.v8i32.v4i32", &[signed, a, signed, inputs[half], sum, unsigned], Type::Words(8))
            });
            return (0..8).map(|at| k.element(sum, at)).collect();
        }
        let arguments = [&weights[..4], &[k.element(inputs[0], 0), k.element(inputs[0], 1)], &[start; 4]].concat();
        k.intrinsic_many("llvm.nvvm.mma.m16n8k32.row.col.s8", &arguments, Type::I32, 4)
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
    let d = spec.division();
    if d.tile == 16 {
        k.resident(4);
    }
    let unit = Unit::of(dialect);
    let thread = k.thread();
    let (lane, warp) = (k.and(thread, k.int(31)), k.shr(thread, k.int(5)));
    // Warps: [share of the groups][run of outputs].
    let (run, share) = (k.and(warp, k.int(d.wide - 1)), k.div(warp, k.int(d.wide)));
    let (block, first_row) = (k.block("x"), k.mul(k.block("y"), k.int(d.tile)));
    let (products, outputs) = (spec.products.len() as u32, spec.outputs());
    let stride = if spec.epilogue.is_some() { 1 } else { 2 };
    let weight = |at: u32| k.parameter((2 + stride * at) as usize);
    // The block's product; panels beyond the last read the last, and what they give is not stored.
    let panels_of = |p: &Operand| p.rows.div_ceil(PANEL as u32);
    let (mut product, mut local, mut base, mut panels, mut before) = (k.int(0), block, weight(0), k.int(panels_of(&spec.products[0])), 0);
    if spec.epilogue.is_none() {
        for (at, p) in spec.products.iter().enumerate() {
            if at > 0 {
                let here = k.is(block, Is::AtLeast, k.int(before));
                base = k.select(here, weight(at as u32), base);
                local = k.select(here, k.sub(block, k.int(before)), local);
                product = k.select(here, k.int(at as u32), product);
                panels = k.select(here, k.int(panels_of(p)), panels);
            }
            before += p.rows.div_ceil(outputs);
        }
    }
    let bytes = panel_bytes(spec.format, spec.cols as usize).expect("checked") as u64;
    // The first byte of a panel of the block; of two products with an epilogue, the later half are the second's.
    let own = outputs / PANEL as u32;
    let panel = |number: Value| {
        let (mut base, mut number) = (base, number);
        if spec.epilogue.is_some() && products == 2 {
            base = k.select(k.is(number, Is::AtLeast, k.int(own)), weight(1), base);
            number = k.rem(number, k.int(own));
        }
        let number = k.min(k.add(k.mul(local, k.int(own)), number), k.sub(panels, k.int(1)));
        k.at(base, k.mul(number, k.int(bytes as i64)))
    };
    let bases = (0..d.panels).map(|n| panel(k.add(k.mul(run, k.int(d.panels)), k.int(n)))).collect();
    let flow = Flow { k: &k, unit: &unit, spec, d, bases, lane, share, first_row };
    let ring = flow.ring();
    let shared = k.shared(ring.map_or(0, |r| r.bytes()).max(flow.meet_bytes()), 16);
    // The first weights are on their way before the input is there.
    let weights = if ring.is_none() { flow.weights(k.int(0)) } else { vec![] };
    let rows = k.live_rows(spec.entry_rows);
    k.wait_for_launch(spec.entry_rows);
    k.when(k.is(first_row, Is::Less, rows), || {
        let sums = match ring {
            Some(ring) => stage::accumulate(&flow, ring, shared, (thread, run), &panel),
            None => flow.accumulate(weights),
        };
        let total = flow.meet(&sums, run, shared);
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

/// A warp's way through its share of the groups.
struct Flow<'a> {
    k: &'a Kernel,
    unit: &'a Unit,
    spec: &'a Spec,
    d: Division,
    /// Of the warp's panels.
    bases: Vec<Value>,
    lane: Value,
    share: Value,
    first_row: Value,
}

impl<'a> Flow<'a> {
    fn layout(&self) -> Codes {
        Codes { cols: self.spec.cols, rows: self.spec.entry_rows }
    }

    fn tiles(&self) -> u32 {
        self.d.tile / self.unit.tokens
    }

    fn turns(&self) -> u32 {
        self.layout().groups().div_ceil(self.d.split() * self.d.ahead)
    }

    /// The groups of a turn; those beyond the last stand for the last.
    fn groups(&self, turn: Value) -> Vec<Value> {
        let k = self.k;
        let (split, ahead) = (self.d.split(), self.d.ahead);
        let one = |n| {
            let group = k.add(k.mul(k.add(k.mul(turn, k.int(ahead)), k.int(n)), k.int(split)), self.share);
            if self.exact() { group } else { k.min(group, k.int(self.layout().groups() - 1)) }
        };
        (0..ahead).map(one).collect()
    }

    fn exact(&self) -> bool {
        self.layout().groups().is_multiple_of(self.d.split() * self.d.ahead)
    }

    /// A turn's weights: `[group][panel]` of [`Unit::weights`].
    fn weights(&self, turn: Value) -> Vec<Value> {
        let (k, record) = (self.k, panel_group_bytes(self.spec.format) as u32);
        let of =
            |group| self.bases.iter().flat_map(move |&b| self.unit.weights(k, self.spec.format, k.at(b, k.mul(group, k.int(record))), self.lane));
        self.groups(turn).into_iter().flat_map(of).collect()
    }

    /// A turn's rows: `[group][tile]` of [`Unit::inputs`] and [`Unit::factors`].
    fn inputs(&self, turn: Value) -> Vec<Value> {
        let (k, layout) = (self.k, self.layout());
        let of = |group: Value| {
            (0..self.tiles()).flat_map(move |n| {
                let first = k.add(self.first_row, k.int(n * self.unit.tokens));
                let mut loaded = self.unit.inputs(k, layout, first, group, self.lane);
                loaded.push(self.unit.factors(k, layout, first, group, self.lane));
                loaded
            })
        };
        self.groups(turn).into_iter().flat_map(of).collect()
    }

    /// Bytes of shared memory that [`Flow::meet`] wants.
    fn meet_bytes(&self) -> u32 {
        self.d.split() / 2 * self.d.outputs() * self.d.tile * 4
    }

    /// The ring in shared memory that a turn's values come through, where the device can fill it without registers and every turn is whole.
    fn ring(&self) -> Option<stage::Ring> {
        let whole = self.layout().groups().is_multiple_of(self.d.split());
        (self.unit.dialect != Dialect::Amd && whole).then(|| stage::Ring::of(self.d, self.spec.format, self.layout().groups())).flatten()
    }

    /// Sums of this warp's share of the groups: `[panel][tile][value]`. What a turn needs is loaded a turn ahead.
    fn accumulate(&self, weights: Vec<Value>) -> Vec<Value> {
        let (k, turns) = (self.k, self.turns());
        let kept = (self.d.panels * self.tiles() * self.unit.values) as usize;
        let zeros = vec![k.float(0.0); kept];
        if self.unit.dialect == Dialect::Amd && self.spec.format == Format::Q8 {
            // What is read ahead would not fit into registers beside what is used.
            return k.each(k.int(0), k.int(turns), k.int(1), &zeros, |turn, sums| {
                let (weights, inputs) = (self.weights(turn), self.inputs(turn));
                k.issued_on_amd();
                self.turn(turn, sums.to_vec(), &weights, &inputs)
            });
        }
        let inputs = self.inputs(k.int(0));
        if turns == 1 {
            return self.turn(k.int(0), zeros, &weights, &inputs);
        }
        k.ahead();
        let (w, carried) = (weights.len(), [zeros, weights, inputs].concat());
        let last = k.int(turns - 1);
        let left = k.each(k.int(0), k.int(turns), k.int(1), &carried, |turn, carried| {
            let next = k.min(k.add(turn, k.int(1)), last);
            let (weights, inputs) = (self.weights(next), self.inputs(next));
            k.ahead();
            k.issued_on_amd();
            let (sums, now) = carried.split_at(kept);
            let sums = self.turn(turn, sums.to_vec(), &now[..w], &now[w..]);
            [sums, weights, inputs].concat()
        });
        left[..kept].to_vec()
    }

    /// Adds a turn's products.
    fn turn(&self, turn: Value, mut sums: Vec<Value>, weights: &[Value], inputs: &[Value]) -> Vec<Value> {
        let (k, d) = (self.k, self.d);
        let (each_panel, each_tile) = (weights.len() / (d.ahead * d.panels) as usize, inputs.len() / (d.ahead * self.tiles()) as usize);
        for n in 0..d.ahead {
            // What stands for a group beyond the last counts nothing.
            let counts = (!self.exact()).then(|| {
                let group = k.add(k.mul(k.add(k.mul(turn, k.int(d.ahead)), k.int(n)), k.int(d.split())), self.share);
                k.select(k.is(group, Is::Less, k.int(self.layout().groups())), k.float(1.0), k.float(0.0))
            });
            let of = |all: &[Value], at: u32, each: usize| all[at as usize * each..][..each].to_vec();
            let weights: Vec<_> = (0..d.panels).map(|panel| of(weights, n * d.panels + panel, each_panel)).collect();
            let inputs: Vec<_> = (0..self.tiles()).map(|tile| of(inputs, n * self.tiles() + tile, each_tile)).collect();
            sums = self.group(sums, &weights, &inputs, counts);
        }
        sums
    }

    /// Adds a group's products: `weights` by panel as [`Unit::weights`], `inputs` by tile as [`Unit::inputs`] with [`Unit::factors`]. `counts` is a factor.
    fn group(&self, mut sums: Vec<Value>, weights: &[Vec<Value>], inputs: &[Vec<Value>], counts: Option<Value>) -> Vec<Value> {
        let (k, unit) = (self.k, self.unit);
        let magic = k.float(f32::from_bits(MAGIC));
        for (panel, loaded) in weights.iter().enumerate() {
            let (codes, scales) = unit.operands(k, self.spec.format, loaded);
            let scales: Vec<Value> = scales.iter().map(|&s| counts.map_or(s, |c| k.mul(s, c))).collect();
            for (tile, loaded) in inputs.iter().enumerate() {
                let (x, factors) = loaded.split_at(loaded.len() - 1);
                let made = unit.multiply(k, &codes, x);
                for (at, &value) in made.iter().enumerate() {
                    let value = k.sub(k.bits(value, Type::F32), magic);
                    let factor = match unit.dialect {
                        Dialect::Amd => factors[0],
                        Dialect::Nvidia | Dialect::Hopper => k.element(factors[0], unit.token(at as u32)),
                    };
                    let place = (panel * inputs.len() + tile) * unit.values as usize + at;
                    sums[place] = k.fma(k.mul(value, factor), scales[unit.output(at as u32)], sums[place]);
                }
            }
        }
        sums
    }

    /// Adds the shares through shared memory: the later half leaves its sums there, the other adds its own; reads output and token of what is left.
    fn meet(&self, sums: &[Value], run: Value, shared: Value) -> impl Fn(Value, Value) -> Value + 'a {
        let (k, d, unit) = (self.k, self.d, self.unit);
        let (outputs, left) = (d.outputs(), d.split() / 2);
        let part = outputs * d.tile * 4;
        // [part][token][output]
        let base = k.at(shared, k.mul(k.rem(self.share, k.int(left)), k.int(part)));
        let place = |panel: u32, n: u32, at: u32| {
            let (output, token) = unit.place(k, self.lane, at);
            let output = k.add(k.add(k.mul(run, k.int(d.panels * PANEL as u32)), k.int(panel * PANEL as u32)), output);
            let token = k.add(token, k.int(n * unit.tokens));
            k.at(base, k.mul(k.add(k.mul(token, k.int(outputs)), output), k.int(4)))
        };
        let tiles = self.tiles();
        let all: Vec<(u32, u32, u32)> =
            (0..d.panels).flat_map(|p| (0..tiles).flat_map(move |n| (0..unit.values).map(move |at| (p, n, at)))).collect();
        let later = k.is(self.share, Is::AtLeast, k.int(left));
        k.when(later, || {
            for (&(p, n, at), &sum) in all.iter().zip(sums) {
                k.store(sum, place(p, n, at));
            }
        });
        k.barrier();
        k.when(k.xor(later, k.truth(true)), || {
            for (&(p, n, at), &sum) in all.iter().zip(sums) {
                let pointer = place(p, n, at);
                k.store(k.add(sum, k.load(pointer, Type::F32)), pointer);
            }
        });
        k.barrier();
        move |output: Value, token: Value| {
            let at = k.at(shared, k.mul(k.add(k.mul(token, k.int(outputs)), output), k.int(4)));
            let parts: Vec<Value> = (0..left).map(|n| k.load(k.at(at, k.int(n * part)), Type::F32)).collect();
            parts[1..].iter().fold(parts[0], |sum, &part| k.add(sum, part))
        }
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
    let d = spec.division();
    let outputs = k.int(d.outputs());
    k.each(thread, k.int(d.outputs() * d.tile), k.int(THREADS), &[], |item, _| {
        let (token, output) = (k.div(item, outputs), k.rem(item, outputs));
        let (row, column) = (k.add(first_row, token), k.add(k.mul(local, outputs), output));
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
    let runs = outputs / WARP;
    k.each(warp, k.int(spec.division().tile * runs), k.int(WARPS), &[], |item, _| {
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
        rounds: false,
        epilogue: spec.epilogue.clone(),
        finale: None,
    }
}
