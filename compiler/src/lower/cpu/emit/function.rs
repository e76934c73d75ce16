//! The body of one region's function, in Cranelift's intermediate form.
//!
//! Scalars are vectors of four equal lanes, so one routine emits both kinds of operations. Scalars and constants that vector operations read are kept
//! on the stack: large regions have more of them than there are registers, and a target may read them as memory operands.

use super::stages::{Pass, Stages};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F32X4, I32X4, I64};
use cranelift_codegen::ir::{
    AbiParam, BlockArg, Endianness, Function, InstBuilder, MemFlagsData, Signature, StackSlot, StackSlotData, StackSlotKind, Value,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::collections::BTreeMap;
use unicorn_artifact::plan::RegionArg;
use unicorn_artifact::region::{GELU_CUBIC, GELU_FACTOR, Kind, Region, RegionOp, TANH_CLAMP, TANH_DENOMINATOR, TANH_NUMERATOR};

/// Bytes of one vector of four.
const QUARTER: i32 = 16;
/// Bytes of the 16 columns that are visited together.
const GRANULE: i64 = 64;

/// `fn(*const RegionArg, rows: usize, columns: usize)`.
pub(super) fn signature(convention: CallConv) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params.extend([AbiParam::new(I64); 3]);
    signature
}

/// Fills `function` with a region.
///
/// # Errors
/// The rule of regions that is broken.
pub(super) fn build(
    region: &Region,
    function: &mut Function,
    context: &mut FunctionBuilderContext,
    frontend: TargetFrontendConfig,
) -> Result<(), String> {
    let stages = Stages::of(region)?;
    let mut builder = FunctionBuilder::new(function, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let [arguments, rows, columns] = [0, 1, 2].map(|at| builder.block_params(entry)[at]);
    let limit = builder.ins().ishl_imm_u(columns, 2);
    let count = region.ops.len();
    let mut emitter = Emitter {
        region,
        stages: &stages,
        builder,
        limit,
        bases: vec![],
        scalars: vec![None; count],
        kept: vec![None; count],
        constants: BTreeMap::new(),
    };
    emitter.keep_constants();
    emitter.rows(arguments, rows);
    emitter.builder.seal_all_blocks();
    emitter.builder.finalize(frontend);
    Ok(())
}

struct Emitter<'a> {
    region: &'a Region,
    stages: &'a Stages,
    builder: FunctionBuilder<'a>,
    /// Bytes of the columns to visit.
    limit: Value,
    /// First element of the current row, by slot.
    bases: Vec<Value>,
    /// Scalars of the current row, by operation.
    scalars: Vec<Option<Value>>,
    /// Where scalars lie that vector operations read, by operation.
    kept: Vec<Option<StackSlot>>,
    /// Where constants lie that vector operations read, by bits.
    constants: BTreeMap<u32, StackSlot>,
}

/// Memory that callers and this function agree to be valid, aligned to f32 only.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// Where an operation's constants come from: the stack (in loops) or the instruction stream.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Loop,
    Row,
}

impl Emitter<'_> {
    /// Stores the constants of vector operations to the stack, once per call.
    fn keep_constants(&mut self) {
        let mut wanted = Vec::new();
        for (at, op) in self.region.ops.iter().enumerate() {
            match op {
                RegionOp::Imm(value) if self.stages.broadcast[at] => wanted.push(*value),
                RegionOp::Tanh(_) | RegionOp::Gelu(_) if self.stages.kinds[at] == Kind::Vector => {
                    wanted.extend(TANH_NUMERATOR.iter().chain(&TANH_DENOMINATOR).copied());
                    wanted.extend([-TANH_CLAMP, TANH_CLAMP]);
                    if matches!(op, RegionOp::Gelu(_)) {
                        wanted.extend([GELU_FACTOR, GELU_CUBIC, 0.5, 1.0]);
                    }
                }
                _ => {}
            }
        }
        for value in wanted {
            if !self.constants.contains_key(&value.to_bits()) {
                let slot = self.slot();
                let splat = self.constant(value, Place::Row);
                self.builder.ins().stack_store(I64, splat, slot, 0);
                self.constants.insert(value.to_bits(), slot);
            }
        }
    }

    fn slot(&mut self) -> StackSlot {
        self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, QUARTER as u32, 4))
    }

    fn constant(&mut self, value: f32, place: Place) -> Value {
        if place == Place::Loop
            && let Some(slot) = self.constants.get(&value.to_bits())
        {
            return self.builder.ins().stack_load(I64, F32X4, *slot, 0);
        }
        let mut bytes = Vec::with_capacity(16);
        (0..4).for_each(|_| bytes.extend_from_slice(&value.to_le_bytes()));
        let constant = self.builder.func.dfg.constants.insert(bytes.into());
        self.builder.ins().vconst(F32X4, constant)
    }

    /// The loop over rows around everything.
    fn rows(&mut self, arguments: Value, rows: Value) {
        let [head, body, exit] = [(); 3].map(|()| self.builder.create_block());
        let row = self.builder.append_block_param(head, I64);
        let first = self.builder.ins().iconst(I64, 0);
        self.builder.ins().jump(head, &[first.into()]);

        self.builder.switch_to_block(head);
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, row, rows);
        self.builder.ins().brif(more, body, &[], exit, &[]);

        self.builder.switch_to_block(body);
        let size = size_of::<RegionArg>() as i32;
        self.bases.clear();
        for slot in 0..self.region.operands.len() as i32 {
            let pointer = self.builder.ins().load(I64, flags(), arguments, slot * size);
            let stride = self.builder.ins().load(I64, flags(), arguments, slot * size + size / 2);
            let skipped = self.builder.ins().imul(row, stride);
            let base = self.builder.ins().iadd(pointer, skipped);
            self.bases.push(base);
        }
        self.row();
        let next = self.builder.ins().iadd_imm_u(row, 1);
        self.builder.ins().jump(head, &[next.into()]);

        self.builder.switch_to_block(exit);
        self.builder.ins().return_(&[]);
    }

    /// One row: all stages, then the stores of scalars.
    fn row(&mut self) {
        let stages = self.stages;
        for stage in &stages.stages {
            for &at in &stage.scalars {
                let at = usize::from(at);
                let value = self.operation(at, Place::Row, &[]);
                self.define(at, value);
            }
            let mut partial: BTreeMap<u16, [Option<Value>; 4]> = BTreeMap::new();
            for pass in &stage.passes {
                self.pass(pass, &mut partial);
            }
            for (at, quarters) in partial {
                let value = self.reduce(quarters.map(|q| q.expect("passes of a stage visit every quarter for every sum")));
                self.define(usize::from(at), value);
            }
        }
        for op in &self.region.ops {
            if let RegionOp::StoreScalar(slot, index, value) = *op {
                let value = self.scalars[usize::from(value)].expect("scalars that are stored are computed");
                let lane = self.builder.ins().extractlane(value, 0);
                self.builder.ins().store(flags(), lane, self.bases[usize::from(slot)], i32::from(index) * 4);
            }
        }
    }

    /// Remembers a scalar of this row.
    fn define(&mut self, at: usize, value: Value) {
        self.scalars[at] = Some(value);
        if self.stages.broadcast[at] && !matches!(self.region.ops[at], RegionOp::Imm(_)) {
            let slot = match self.kept[at] {
                Some(slot) => slot,
                None => self.slot(),
            };
            self.kept[at] = Some(slot);
            self.builder.ins().stack_store(I64, value, slot, 0);
        }
    }

    /// One pass over the columns.
    fn pass(&mut self, pass: &Pass, partial: &mut BTreeMap<u16, [Option<Value>; 4]>) {
        let (quarters, step) = if pass.sums.is_empty() {
            let at_once = self.quarters_at_once(&pass.stores);
            ((0..at_once).collect(), i64::from(at_once * QUARTER))
        } else {
            (pass.quarters.clone(), GRANULE)
        };
        let [body, after] = [(); 2].map(|()| self.builder.create_block());
        let offset = self.builder.append_block_param(body, I64);
        let places: Vec<(u16, i32)> = pass.sums.iter().flat_map(|&sum| quarters.iter().map(move |&q| (sum, q))).collect();
        let mut sums: Vec<Value> = places.iter().map(|_| self.builder.append_block_param(body, F32X4)).collect();
        let results: Vec<Value> = places.iter().map(|_| self.builder.append_block_param(after, F32X4)).collect();

        let zero = self.builder.ins().iconst(I64, 0);
        let zeros: Vec<BlockArg> = places.iter().map(|_| self.constant(0.0, Place::Row).into()).collect();
        let any = self.builder.ins().icmp(IntCC::NotEqual, self.limit, zero);
        let start: Vec<BlockArg> = std::iter::once(zero.into()).chain(zeros.iter().copied()).collect();
        self.builder.ins().brif(any, body, &start, after, &zeros);

        self.builder.switch_to_block(body);
        for &quarter in &quarters {
            let mut vectors = vec![None; self.region.ops.len()];
            for (sum, (op, _)) in sums.iter_mut().zip(&places).filter(|(_, (_, q))| *q == quarter) {
                if let Some(input) = self.region.ops[usize::from(*op)].inputs()[0] {
                    let value = self.vector(usize::from(input), offset, quarter, &mut vectors);
                    *sum = self.builder.ins().fadd(*sum, value);
                }
            }
            let stores: Vec<(u16, Value)> = pass
                .stores
                .iter()
                .filter_map(|&at| match self.region.ops[usize::from(at)] {
                    RegionOp::Store(slot, value) => Some((slot, self.vector(usize::from(value), offset, quarter, &mut vectors))),
                    _ => None,
                })
                .collect();
            for (slot, value) in stores {
                let address = self.builder.ins().iadd(self.bases[usize::from(slot)], offset);
                self.builder.ins().store(flags(), value, address, quarter * QUARTER);
            }
        }
        let next = self.builder.ins().iadd_imm_u(offset, step);
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, next, self.limit);
        let sums: Vec<BlockArg> = sums.into_iter().map(BlockArg::from).collect();
        let again: Vec<BlockArg> = std::iter::once(next.into()).chain(sums.iter().copied()).collect();
        self.builder.ins().brif(more, body, &again, after, &sums);

        self.builder.switch_to_block(after);
        for ((sum, quarter), value) in places.iter().zip(results) {
            partial.entry(*sum).or_default()[*quarter as usize] = Some(value);
        }
    }

    /// How far a loop of stores is unrolled: the less the more its body does, for registers and code size.
    fn quarters_at_once(&self, stores: &[u16]) -> i32 {
        let mut seen = vec![false; self.region.ops.len()];
        let mut open: Vec<u16> = stores.to_vec();
        let mut work = 0;
        while let Some(at) = open.pop() {
            let op = self.region.ops[usize::from(at)];
            if self.stages.kinds[usize::from(at)] != Kind::Scalar && !std::mem::replace(&mut seen[usize::from(at)], true) {
                work += if matches!(op, RegionOp::Tanh(_) | RegionOp::Gelu(_)) { 12 } else { 1 };
                open.extend(op.inputs().into_iter().flatten());
            }
        }
        match work {
            0..=12 => 4,
            13..=28 => 2,
            _ => 1,
        }
    }

    /// Sums the 16 partial sums in the order that `unicorn_artifact::region` fixes.
    fn reduce(&mut self, [a, b, c, d]: [Value; 4]) -> Value {
        let ins = |e: &mut Self, x, y| e.builder.ins().fadd(x, y);
        let (low, high) = (ins(self, a, c), ins(self, b, d));
        let four = ins(self, low, high);
        let lanes = [0, 1, 2, 3].map(|lane| self.builder.ins().extractlane(four, lane));
        let (even, odd) = (ins(self, lanes[0], lanes[2]), ins(self, lanes[1], lanes[3]));
        let sum = ins(self, even, odd);
        self.builder.ins().splat(F32X4, sum)
    }

    /// Four columns of a value, computed once per `vectors`.
    fn vector(&mut self, at: usize, offset: Value, quarter: i32, vectors: &mut [Option<Value>]) -> Value {
        if let Some(value) = vectors[at] {
            return value;
        }
        let value = match (self.stages.kinds[at], self.region.ops[at]) {
            (_, RegionOp::Load(slot)) => {
                let address = self.builder.ins().iadd(self.bases[usize::from(slot)], offset);
                self.builder.ins().load(F32X4, flags(), address, quarter * QUARTER)
            }
            (_, RegionOp::Imm(value)) => self.constant(value, Place::Loop),
            (Kind::Scalar, _) => {
                let slot = self.kept[at].expect("scalars that vectors read are kept by an earlier stage");
                self.builder.ins().stack_load(I64, F32X4, slot, 0)
            }
            (_, op) => {
                for input in op.inputs().into_iter().flatten() {
                    self.vector(usize::from(input), offset, quarter, vectors);
                }
                self.operation(at, Place::Loop, vectors)
            }
        };
        vectors[at] = Some(value);
        value
    }

    /// One operation on vectors of four; in a loop its inputs are in `vectors`, else they are scalars.
    fn operation(&mut self, at: usize, place: Place, vectors: &[Option<Value>]) -> Value {
        let input = |e: &Self, v: u16| match place {
            Place::Loop => vectors[usize::from(v)].expect("inputs are emitted first"),
            Place::Row => e.scalars[usize::from(v)].expect("scalars are computed in order"),
        };
        match self.region.ops[at] {
            RegionOp::Imm(value) => self.constant(value, place),
            RegionOp::LoadScalar(slot, index) => {
                let value = self.builder.ins().load(F32, flags(), self.bases[usize::from(slot)], i32::from(index) * 4);
                self.builder.ins().splat(F32X4, value)
            }
            RegionOp::Add(a, b) => {
                let (a, b) = (input(self, a), input(self, b));
                self.builder.ins().fadd(a, b)
            }
            RegionOp::Sub(a, b) => {
                let (a, b) = (input(self, a), input(self, b));
                self.builder.ins().fsub(a, b)
            }
            RegionOp::Mul(a, b) => {
                let (a, b) = (input(self, a), input(self, b));
                self.builder.ins().fmul(a, b)
            }
            RegionOp::Div(a, b) => {
                let (a, b) = (input(self, a), input(self, b));
                self.builder.ins().fdiv(a, b)
            }
            RegionOp::Max(a, b) => {
                let (a, b) = (input(self, a), input(self, b));
                self.larger(a, b)
            }
            RegionOp::Sqrt(a) => {
                let a = input(self, a);
                self.builder.ins().sqrt(a)
            }
            RegionOp::Tanh(a) => {
                let a = input(self, a);
                self.tanh(a, place)
            }
            RegionOp::Gelu(a) => {
                let a = input(self, a);
                self.gelu(a, place)
            }
            RegionOp::Load(_) | RegionOp::Sum(_) | RegionOp::Store(..) | RegionOp::StoreScalar(..) => {
                unreachable!("loads, sums and stores are emitted by the loops")
            }
        }
    }

    /// `if a > b { a } else { b }`.
    fn larger(&mut self, a: Value, b: Value) -> Value {
        self.choose(b, a, a, b)
    }

    /// `if less < than { a } else { b }`, lane by lane.
    fn choose(&mut self, less: Value, than: Value, a: Value, b: Value) -> Value {
        let mask = self.builder.ins().fcmp(FloatCC::LessThan, less, than);
        debug_assert_eq!(self.builder.func.dfg.value_type(mask), I32X4);
        let mask = self.builder.ins().bitcast(F32X4, MemFlagsData::new().with_endianness(Endianness::Little), mask);
        self.builder.ins().bitselect(mask, a, b)
    }

    fn tanh(&mut self, x: Value, place: Place) -> Value {
        let low = self.constant(-TANH_CLAMP, place);
        let x = self.larger(x, low);
        let high = self.constant(TANH_CLAMP, place);
        let x = self.choose(x, high, x, high);
        let z = self.builder.ins().fmul(x, x);
        let numerator = self.horner(&TANH_NUMERATOR, z, place);
        let product = self.builder.ins().fmul(x, numerator);
        let denominator = self.horner(&TANH_DENOMINATOR, z, place);
        self.builder.ins().fdiv(product, denominator)
    }

    fn horner(&mut self, coefficients: &[f32], z: Value, place: Place) -> Value {
        let mut sum = self.constant(coefficients[0], place);
        for &coefficient in &coefficients[1..] {
            let product = self.builder.ins().fmul(sum, z);
            let coefficient = self.constant(coefficient, place);
            sum = self.builder.ins().fadd(product, coefficient);
        }
        sum
    }

    fn gelu(&mut self, x: Value, place: Place) -> Value {
        let cubic = self.constant(GELU_CUBIC, place);
        let term = self.builder.ins().fmul(cubic, x);
        let term = self.builder.ins().fmul(term, x);
        let term = self.builder.ins().fmul(term, x);
        let inner = self.builder.ins().fadd(x, term);
        let factor = self.constant(GELU_FACTOR, place);
        let inner = self.builder.ins().fmul(factor, inner);
        let tanh = self.tanh(inner, place);
        let one = self.constant(1.0, place);
        let bracket = self.builder.ins().fadd(one, tanh);
        let half = self.constant(0.5, place);
        let half = self.builder.ins().fmul(half, x);
        self.builder.ins().fmul(half, bracket)
    }
}
