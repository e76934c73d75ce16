//! Fused regions: one block per row, every thread a fixed set of columns, all values in registers; then, where a product follows, rounding to eight bits.
//!
//! The meaning is that of [`unicorn_artifact::region`] but for the order of sums and the rounding of divisions, roots and fused multiply-adds, so results
//! agree with the host's to rounding and not to the bit.

use crate::block::WARP;
use crate::codes::Codes;
use crate::hoist::hoist;
use crate::text::{Dialect, Is, Kernel, Parameter, Type, Value};
use unicorn_artifact::region::{Kind, Operand, Region, RegionOp};
use unicorn_artifact::tensor::GROUP;

/// Columns a thread takes at a time: 16 bytes.
const CHUNK: u32 = 4;

/// Most chunks of constants that a thread reads before the launch ahead has ended: each takes four registers.
const EARLY: usize = 12;

/// What a row kernel does beside the region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Elements from one row of the bound buffer to the next.
    pub stride: u32,
    /// First column in it.
    pub offset: u32,
    /// An output whose row is also (or only) wanted in eight bits.
    pub quantise: bool,
    /// Whether the output is stored in f32.
    pub keep: bool,
}

/// Where a region's inputs come from and its outputs go to: the caller's side of [`evaluate`].
pub trait Binding {
    /// Element `element` of this thread of a row or constant.
    fn load(&self, slot: u16, element: usize) -> Value;
    /// Scalar `index` of a slot.
    fn scalar(&self, slot: u16, index: u16) -> Value;
    /// Sums over the row, for several operations at once: their numbers, and this thread's `elements` values of each.
    fn sums(&self, operations: &[usize], values: &[Vec<Value>]) -> Vec<Value>;
    /// Takes a row.
    fn store(&self, slot: u16, values: &[Value]);
    /// Takes a scalar.
    fn store_scalar(&self, slot: u16, index: u16, value: Value);
}

/// Writes the operations of a region for a thread that holds `elements` columns.
///
/// Sums that do not depend on one another are handed over together, so that the threads meet once for all of them.
pub fn evaluate(k: &Kernel, region: &Region, kinds: &[Kind], elements: usize, binding: &dyn Binding) {
    go_on(k, region, kinds, elements, binding, &mut vec![vec![]; region.ops.len()], &|_| true);
}

/// Writes those of a region's operations that are `wanted` and have no values yet.
pub fn go_on(
    k: &Kernel,
    region: &Region,
    kinds: &[Kind],
    elements: usize,
    binding: &dyn Binding,
    values: &mut [Vec<Value>],
    wanted: &dyn Fn(usize) -> bool,
) {
    let levels = levels(region);
    let last = levels.iter().copied().max().unwrap_or(0);
    for level in 0..=last {
        let due = |values: &[Vec<Value>], at: usize| levels[at] == level && values[at].is_empty() && wanted(at);
        let is_sum = |at: usize| matches!(region.ops[at], RegionOp::Sum(_));
        let sums: Vec<usize> = (0..region.ops.len()).filter(|&at| is_sum(at) && due(values, at)).collect();
        let inputs: Vec<Vec<Value>> = sums
            .iter()
            .map(|&at| match region.ops[at] {
                RegionOp::Sum(a) => values[usize::from(a)].clone(),
                _ => vec![],
            })
            .collect();
        if !sums.is_empty() {
            for (at, sum) in sums.iter().zip(binding.sums(&sums, &inputs)) {
                values[*at] = vec![sum];
            }
        }
        if level == 0 {
            // All reads are on their way before the first is used.
            let is_read = |at: usize| matches!(region.ops[at], RegionOp::Load(_) | RegionOp::LoadScalar(..));
            let reads: Vec<usize> = (0..region.ops.len()).filter(|&at| is_read(at) && due(values, at)).collect();
            for &at in &reads {
                values[at] = one(k, region.ops[at], values, kinds[at], elements, binding);
            }
            if reads.len() > 1 {
                k.issued();
            }
        }
        for at in 0..region.ops.len() {
            if !is_sum(at) && due(values, at) {
                values[at] = one(k, region.ops[at], values, kinds[at], elements, binding);
            }
        }
    }
}

/// How many sums stand between an operation and the inputs.
pub(crate) fn levels(region: &Region) -> Vec<usize> {
    let mut levels = Vec::with_capacity(region.ops.len());
    for op in &region.ops {
        let deepest = op.inputs().into_iter().flatten().map(|v| levels[usize::from(v)]).max().unwrap_or(0);
        levels.push(deepest + usize::from(matches!(op, RegionOp::Sum(_))));
    }
    levels
}

/// One operation on `elements` columns, from the values of earlier ones.
pub fn one(k: &Kernel, op: RegionOp, values: &[Vec<Value>], kind: Kind, elements: usize, binding: &dyn Binding) -> Vec<Value> {
    let count = if kind == Kind::Vector { elements } else { 1 };
    let get = |v: u16, e: usize| {
        let v = &values[usize::from(v)];
        v[if v.len() == 1 { 0 } else { e }]
    };
    let unary = |a: u16, f: &dyn Fn(Value) -> Value| (0..count).map(|e| f(get(a, e))).collect::<Vec<_>>();
    let binary = |a: u16, b: u16, f: &dyn Fn(Value, Value) -> Value| (0..count).map(|e| f(get(a, e), get(b, e))).collect::<Vec<_>>();
    match op {
        RegionOp::Load(slot) => (0..elements).map(|e| binding.load(slot, e)).collect(),
        RegionOp::LoadScalar(slot, index) => vec![binding.scalar(slot, index)],
        RegionOp::Imm(x) => vec![k.float(x)],
        RegionOp::Add(a, b) => binary(a, b, &|a, b| k.add_fusing(a, b)),
        RegionOp::Sub(a, b) => binary(a, b, &|a, b| k.sub_fusing(a, b)),
        RegionOp::Mul(a, b) => binary(a, b, &|a, b| k.mul_fusing(a, b)),
        RegionOp::Div(a, b) => binary(a, b, &|a, b| k.mul(a, k.reciprocal(b))),
        RegionOp::Max(a, b) => binary(a, b, &|a, b| k.max(a, b)),
        RegionOp::Sqrt(a) => unary(a, &|a| k.root(a)),
        RegionOp::Tanh(a) => unary(a, &|a| k.tanh(a)),
        RegionOp::Gelu(a) => unary(a, &|a| k.gelu(a)),
        RegionOp::Sum(_) => unreachable!("sums are taken together"),
        RegionOp::Store(slot, a) => {
            binding.store(slot, &(0..elements).map(|e| get(a, e)).collect::<Vec<_>>());
            vec![]
        }
        RegionOp::StoreScalar(slot, index, a) => {
            binding.store_scalar(slot, index, get(a, 0));
            vec![]
        }
    }
}

/// Threads and chunks of a thread for a row of `width` columns.
pub fn division(width: u32, reduces: bool) -> (u32, u32) {
    let chunks = width.div_ceil(CHUNK);
    // An element-wise row is cut among blocks; a sum wants the row in one.
    let threads = if reduces { chunks.next_multiple_of(WARP).min(512) } else { chunks.next_multiple_of(WARP).min(256) };
    (threads, if reduces { chunks.div_ceil(threads) } else { 1 })
}

/// Blocks along the columns.
pub fn column_blocks(width: u32, reduces: bool) -> u32 {
    let (threads, chunks) = division(width, reduces);
    width.div_ceil(threads * chunks * CHUNK)
}

struct Row<'a> {
    k: &'a Kernel,
    region: &'a Region,
    slots: &'a [Slot],
    /// Parameter of each slot, and of its eight-bit twin.
    parameters: Vec<(usize, usize)>,
    row: Value,
    /// Rows of the entry.
    rows: u32,
    /// First column of each chunk, and whether it is inside the row.
    columns: Vec<(Value, Option<Value>)>,
    shared: std::cell::RefCell<Vec<Value>>,
    loaded: std::cell::RefCell<std::collections::BTreeMap<(u16, usize), Value>>,
}

impl Row<'_> {
    /// First column of each chunk of a thread, and whether it is inside the row. A thread outside reads nothing, and its values count for nothing.
    fn columns(k: &Kernel, width: u32, (start, thread): (Value, Value), chunks: u32, exact: bool) -> Vec<(Value, Option<Value>)> {
        (0..chunks)
            .map(|chunk| {
                let column = k.add(start, k.mul(k.add(thread, k.int(chunk * k.threads())), k.int(CHUNK)));
                (column, (!exact).then(|| k.is(column, Is::Less, k.int(width))))
            })
            .collect()
    }

    /// Reads constants that a thread holds anyway before the wait for the launch ahead: they are on their way meanwhile.
    fn fetch_constants(&self) {
        let rows = self.region.ops.iter().filter_map(|op| match op {
            RegionOp::Load(slot) if self.region.operands[usize::from(*slot)].is_const() => Some(*slot),
            _ => None,
        });
        for slot in rows.take(EARLY / self.columns.len()) {
            for chunk in 0..self.columns.len() {
                self.load(slot, chunk * CHUNK as usize);
            }
        }
    }

    fn pointer(&self, slot: u16, chunk: usize) -> Value {
        let (k, at) = (self.k, usize::from(slot));
        let column = k.add(self.columns[chunk].0, k.int(self.slots[at].offset));
        let index = if self.region.operands[at].is_const() { column } else { k.add(k.mul(self.row, k.int(self.slots[at].stride)), column) };
        k.at(k.parameter(self.parameters[at].0), k.mul(index, k.int(4)))
    }
}

impl Binding for Row<'_> {
    fn load(&self, slot: u16, element: usize) -> Value {
        let (k, chunk) = (self.k, element / CHUNK as usize);
        if let Some(&vector) = self.loaded.borrow().get(&(slot, chunk)) {
            return k.element(vector, (element % CHUNK as usize) as u8);
        }
        let read = || {
            let pointer = self.pointer(slot, chunk);
            // A slice may begin at any multiple of 16 columns, so 16 bytes are always aligned.
            if self.region.operands[usize::from(slot)].is_const() {
                k.load_constant(pointer, Type::Floats(4))
            } else {
                k.load(pointer, Type::Floats(4))
            }
        };
        let vector = match self.columns[chunk].1 {
            None => read(),
            Some(inside) => {
                let zero = k.vector(&[k.float(0.0); 4]);
                k.choose(inside, || vec![read()], || vec![zero])[0]
            }
        };
        self.loaded.borrow_mut().insert((slot, chunk), vector);
        k.element(vector, (element % CHUNK as usize) as u8)
    }

    fn scalar(&self, slot: u16, index: u16) -> Value {
        let (k, at) = (self.k, usize::from(slot));
        let first = k.int(self.slots[at].offset + u32::from(index));
        let constant = self.region.operands[at].is_const();
        let base = k.parameter(self.parameters[at].0);
        if !constant {
            let place = k.add(k.mul(self.row, k.int(self.slots[at].stride)), first);
            return k.load(k.at(base, k.mul(place, k.int(4))), Type::F32);
        }
        let (four, element) = (index / 4, (index % 4) as u8);
        let whole = self.region.operands[at].elements(self.region.width) >= 4 * u32::from(four + 1);
        if !whole || !self.slots[at].offset.is_multiple_of(4) {
            return k.load_constant(k.at(base, k.mul(first, k.int(4))), Type::F32);
        }
        // Four of them by one instruction: every thread reads them all.
        let key = (slot, usize::from(four));
        let vector = *self.loaded.borrow_mut().entry(key).or_insert_with(|| {
            let place = k.int(4 * (self.slots[at].offset + 4 * u32::from(four)));
            k.load_constant(k.at(base, place), Type::Floats(4))
        });
        k.element(vector, element)
    }

    fn sums(&self, _: &[usize], values: &[Vec<Value>]) -> Vec<Value> {
        let k = self.k;
        let own: Vec<Value> = values
            .iter()
            .map(|v| {
                let inside = |chunk: usize| {
                    let part = &v[chunk * CHUNK as usize..(chunk + 1) * CHUNK as usize];
                    let sum = k.add(k.add(part[0], part[1]), k.add(part[2], part[3]));
                    self.columns[chunk].1.map_or(sum, |inside| k.select(inside, sum, k.float(0.0)))
                };
                (1..self.columns.len()).fold(inside(0), |sum, chunk| k.add(sum, inside(chunk)))
            })
            .collect();
        // Each meeting has memory of its own, so that a slow thread can still read the last one's.
        let shared = k.shared(k.block_sums_bytes(own.len() as u32), 16);
        self.shared.borrow_mut().push(shared);
        k.block_sums(&own, shared)
    }

    fn store(&self, slot: u16, values: &[Value]) {
        let (k, at) = (self.k, usize::from(slot));
        for (chunk, part) in values.chunks(CHUNK as usize).enumerate() {
            let inside = self.columns[chunk].1;
            let write = |f: &dyn Fn()| match inside {
                None => f(),
                Some(inside) => k.when(inside, f),
            };
            if self.slots[at].keep {
                write(&|| k.store(k.vector(part), self.pointer(slot, chunk)));
            }
            if self.slots[at].quantise {
                let (codes, scale, sum) = k.codes(part, GROUP as u32 / CHUNK);
                let layout = Codes { cols: self.region.width, rows: self.rows };
                let base = k.parameter(self.parameters[at].1);
                let column = self.columns[chunk].0;
                write(&|| {
                    k.store(k.pack_codes(&codes), layout.code(k, base, self.row, column));
                    layout.store_group(k, base, (self.row, column), scale, sum);
                });
            }
        }
    }

    fn store_scalar(&self, slot: u16, index: u16, value: Value) {
        let (k, at) = (self.k, usize::from(slot));
        let place = k.add(k.mul(self.row, k.int(self.slots[at].stride)), k.int(self.slots[at].offset + u32::from(index)));
        let pointer = k.at(k.parameter(self.parameters[at].0), k.mul(place, k.int(4)));
        k.when(k.is(k.thread(), Is::Equal, k.int(0)), || k.store(value, pointer));
    }
}

/// Adds the parameters of a region's slots: each slot's buffer (constants as constants), followed by its eight-bit twin where wanted. The places of both.
pub fn parameters(region: &Region, slots: &[Slot], parameters: &mut Vec<Parameter>) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for (operand, slot) in region.operands.iter().zip(slots) {
        let at = parameters.len();
        if slot.keep || !operand.is_output() {
            parameters.push(if operand.is_const() { Parameter::Constant } else { Parameter::Buffer });
        }
        places.push((at, parameters.len()));
        if slot.quantise {
            parameters.push(Parameter::Buffer);
        }
    }
    places
}

/// Brings nearer what a region reads in an entry of one row, by one thread of the device, before the wait for the launch ahead. What earlier launches wrote
/// may be brought too: what they have yet to write they write where it was brought to.
pub fn bring_inputs<'a>(k: &Kernel, width: u32, inputs: impl Iterator<Item = (Operand, &'a Slot, usize)>) {
    let pieces: Vec<(Value, u64)> = inputs
        .filter(|(operand, slot, _)| !operand.is_output() && slot.offset.is_multiple_of(CHUNK))
        .map(|(operand, slot, parameter)| (k.at(k.parameter(parameter), k.int(4 * slot.offset)), 4 * u64::from(operand.elements(width))))
        .filter(|&(_, bytes)| bytes >= 16)
        .collect();
    k.bring(k.is(k.add(k.thread(), k.block("x")), Is::Equal, k.int(0)), pieces);
}

/// A row kernel: parameters are the inputs block, then those of [`parameters`].
/// Grid: columns (see [`column_blocks`]) by rows; `most` is the entry's row count, which shapes eight-bit outputs.
pub fn kernel(name: &str, dialect: Dialect, region: &Region, slots: &[Slot], most: u32) -> String {
    let mut list = vec![Parameter::Buffer];
    let places = parameters(region, slots, &mut list);
    let region = &hoist(region);
    let kinds = region.kinds().expect("validated");
    let (threads, chunks) = division(region.width, region.reduces());
    let k = Kernel::new(name, dialect, &list, threads);
    let (thread, row) = (k.thread(), k.block("y"));
    let start = k.mul(k.block("x"), k.int(threads * chunks * CHUNK));
    let exact = region.width.is_multiple_of(threads * chunks * CHUNK);
    let columns = Row::columns(&k, region.width, (start, thread), chunks, exact);
    let binding = Row { k: &k, region, slots, parameters: places, row, rows: most, columns, shared: Default::default(), loaded: Default::default() };
    binding.fetch_constants();
    if most == 1 {
        // Constants that are rows have just been read.
        let inputs = region.operands.iter().zip(slots).zip(&binding.parameters).map(|((&o, slot), at)| (o, slot, at.0));
        bring_inputs(&k, region.width, inputs.filter(|(operand, ..)| *operand != Operand::Const));
    }
    let rows = k.load(k.parameter(0), Type::I32);
    k.wait_for_launch(most);
    k.when(k.is(row, Is::Less, rows), || evaluate(&k, region, &kinds, (chunks * CHUNK) as usize, &binding));
    k.finish()
}

/// Runs a region on row 0 with all threads of a block that runs something else too: for the last block of a launch.
pub fn within(k: &Kernel, region: &Region, slots: &[Slot], parameters: Vec<(usize, usize)>) {
    let region = &hoist(region);
    let chunks = region.width.div_ceil(CHUNK * k.threads());
    let exact = region.width.is_multiple_of(k.threads() * chunks * CHUNK);
    let columns = Row::columns(k, region.width, (k.int(0), k.thread()), chunks, exact);
    let row = k.int(0);
    let binding = Row { k, region, slots, parameters, row, rows: 1, columns, shared: Default::default(), loaded: Default::default() };
    evaluate(k, region, &region.kinds().expect("validated"), (chunks * CHUNK) as usize, &binding);
}

/// Whether an operand slot may be bound with this operand kind.
pub fn is_scalar(operand: Operand) -> bool {
    matches!(operand, Operand::Scalars(_) | Operand::ConstScalars(_) | Operand::OutScalars(_))
}
