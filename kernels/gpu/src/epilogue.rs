//! What follows a product element by element, done by the product's own block before the result leaves it.

use crate::block::WARP;
use crate::codes::Codes;
use crate::region::{Binding, bring_inputs, go_on, one};
use crate::text::{Kernel, Parameter, Type, Value};
use std::collections::BTreeMap;
use unicorn_artifact::region::{Kind, Region, RegionOp};

/// What follows the products, element by element.
#[derive(Clone, Debug, PartialEq)]
pub struct Epilogue {
    /// The region; its width is every product's row count.
    pub region: Region,
    /// For each slot: the product whose output it reads, or where it is bound.
    pub slots: Vec<Source>,
}

impl Epilogue {
    /// Brings nearer what it reads beside products; before the wait for the launch ahead.
    pub fn bring(&self, k: &Kernel, places: &[(usize, usize)]) {
        let slots = self.region.operands.iter().zip(&self.slots).zip(places);
        let inputs = slots.filter_map(|((&operand, source), place)| match source {
            Source::Slot(slot) => Some((operand, slot, place.0)),
            Source::Product(_) => None,
        });
        bring_inputs(k, self.region.width, inputs);
    }
}

/// Where a slot of an epilogue's region comes from or goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The output of a product of this launch.
    Product(usize),
    /// A buffer or constant, as in a row kernel.
    Slot(crate::region::Slot),
}

/// The values of an epilogue's operations that need no product.
#[derive(Default)]
pub struct Early {
    /// By operation; empty where there is none yet.
    values: Vec<Vec<Value>>,
    sums: BTreeMap<usize, Value>,
}

impl Early {
    /// The values of a lane's column of row 0; the caller says where it is.
    pub fn of(bound: &Bound<'_>, (column, inside, lane): (Value, Option<Value>, Value)) -> Self {
        let (k, epilogue) = (bound.k, bound.epilogue);
        let region = &epilogue.region;
        let mut free: Vec<bool> = Vec::with_capacity(region.ops.len());
        for op in &region.ops {
            let own = match op {
                RegionOp::Load(slot) | RegionOp::LoadScalar(slot, _) => matches!(epilogue.slots[usize::from(*slot)], Source::Slot(_)),
                RegionOp::Store(..) | RegionOp::StoreScalar(..) => false,
                _ => true,
            };
            free.push(own && op.inputs().into_iter().flatten().all(|at| free[usize::from(at)]));
        }
        let binding = Column::new(bound, (k.int(0), column, lane), inside, &|_| unreachable!("these operations have no product"));
        let kinds = region.kinds().expect("validated");
        let mut values = vec![vec![]; kinds.len()];
        go_on(k, region, &kinds, 1, &binding, &mut values, &|at| free[at]);
        let sums = binding.sums.take();
        Self { values, sums }
    }

    /// Writes the operations that are left.
    pub fn complete(&self, column: &Column<'_>) {
        column.sums.borrow_mut().extend(self.sums.iter());
        let (k, region) = (column.bound.k, &column.bound.epilogue.region);
        let kinds = region.kinds().expect("validated");
        let mut values = if self.values.is_empty() { vec![vec![]; kinds.len()] } else { self.values.clone() };
        go_on(k, region, &kinds, 1, column, &mut values, &|_| true);
    }
}

/// Adds the parameters of an epilogue's slots in order; the places of each slot's and of its eight-bit twin's.
pub fn epilogue_parameters(epilogue: &Epilogue, parameters: &mut Vec<Parameter>) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for (operand, source) in epilogue.region.operands.iter().zip(&epilogue.slots) {
        let at = parameters.len();
        if let Source::Slot(slot) = source {
            if slot.keep || !operand.is_output() {
                parameters.push(if operand.is_const() { Parameter::Constant } else { Parameter::Buffer });
            }
            places.push((at, parameters.len()));
            if slot.quantise {
                parameters.push(Parameter::Buffer);
            }
        } else {
            places.push((at, at));
        }
    }
    places
}

/// An epilogue and its parameters.
pub struct Bound<'a> {
    /// The kernel.
    pub k: &'a Kernel,
    /// What follows.
    pub epilogue: &'a Epilogue,
    /// Parameter of each slot, and of its eight-bit twin.
    pub bindings: &'a [(usize, usize)],
    /// Rows of the entry.
    pub entry_rows: u32,
}

/// One lane, one column of one row.
pub struct Column<'a> {
    bound: &'a Bound<'a>,
    row: Value,
    column: Value,
    lane: Value,
    inside: Option<Value>,
    product: &'a dyn Fn(usize) -> Value,
    /// Sums taken so far, by operation.
    sums: std::cell::RefCell<BTreeMap<usize, Value>>,
}

impl<'a> Column<'a> {
    /// The column of a row; `product` gives this lane's output of a product, `inside` says whether the column exists.
    pub fn new(bound: &'a Bound<'a>, (row, column, lane): (Value, Value, Value), inside: Option<Value>, product: &'a dyn Fn(usize) -> Value) -> Self {
        Self { bound, row, column, lane, inside, product, sums: Default::default() }
    }

    fn element(&self, slot: u16, column: Value) -> Value {
        let (k, at) = (self.bound.k, usize::from(slot));
        let Source::Slot(bound) = &self.bound.epilogue.slots[at] else { return (self.product)(self.product_of(slot)) };
        let constant = self.bound.epilogue.region.operands[at].is_const();
        let column = k.add(column, k.int(bound.offset));
        let place = if constant { column } else { k.add(k.mul(self.row, k.int(bound.stride)), column) };
        let pointer = k.at(k.parameter(self.bound.bindings[at].0), k.mul(place, k.int(4)));
        if constant { k.load_constant(pointer, Type::F32) } else { k.load(pointer, Type::F32) }
    }

    /// The value of an operation at another column.
    fn elsewhere(&self, at: usize, column: Value) -> Value {
        let op = self.bound.epilogue.region.ops[at];
        if let Some(&sum) = self.sums.borrow().get(&at) {
            return sum;
        }
        match op {
            RegionOp::Load(slot) => self.element(slot, column),
            RegionOp::LoadScalar(slot, index) => self.element(slot, self.bound.k.int(index)),
            _ => {
                let mut values = vec![vec![]; at];
                for input in op.inputs().into_iter().flatten() {
                    values[usize::from(input)] = vec![self.elsewhere(usize::from(input), column)];
                }
                one(self.bound.k, op, &values, Kind::Scalar, 1, self)[0]
            }
        }
    }

    fn product_of(&self, slot: u16) -> usize {
        match self.bound.epilogue.slots[usize::from(slot)] {
            Source::Product(at) => at,
            Source::Slot(_) => unreachable!("asked only of products"),
        }
    }

    fn guarded(&self, body: impl FnOnce()) {
        match self.inside {
            None => body(),
            Some(inside) => self.bound.k.when(inside, body),
        }
    }
}

impl Binding for Column<'_> {
    fn load(&self, slot: u16, _: usize) -> Value {
        let k = self.bound.k;
        let column = self.inside.map_or(self.column, |inside| k.select(inside, self.column, k.int(0)));
        self.element(slot, column)
    }

    fn scalar(&self, slot: u16, index: u16) -> Value {
        self.element(slot, self.bound.k.int(index))
    }

    /// A sum over a row that other blocks hold parts of: this warp takes the whole row again. (The lowering fuses none that sums over a product.)
    fn sums(&self, operations: &[usize], _: &[Vec<Value>]) -> Vec<Value> {
        let (k, region) = (self.bound.k, &self.bound.epilogue.region);
        operations
            .iter()
            .map(|&at| {
                let RegionOp::Sum(input) = region.ops[at] else { unreachable!("asked only of sums") };
                let own = k.each(self.lane, k.int(region.width), k.int(WARP), &[k.float(0.0)], |column, sum| {
                    vec![k.add(sum[0], self.elsewhere(usize::from(input), column))]
                });
                let sum = k.lane_sum(own[0], 0, 5);
                self.sums.borrow_mut().insert(at, sum);
                sum
            })
            .collect()
    }

    fn store(&self, slot: u16, values: &[Value]) {
        let (k, at) = (self.bound.k, usize::from(slot));
        let Source::Slot(bound) = &self.bound.epilogue.slots[at] else { unreachable!("products are inputs") };
        let (keep, twin) = self.bound.bindings[at];
        if bound.keep {
            let place = k.add(k.mul(self.row, k.int(bound.stride)), k.add(self.column, k.int(bound.offset)));
            self.guarded(|| k.store(values[0], k.at(k.parameter(keep), k.mul(place, k.int(4)))));
        }
        if bound.quantise {
            let width = self.bound.epilogue.region.width;
            let (codes, scale, sum) = k.codes(values, WARP);
            let (base, layout) = (k.parameter(twin), Codes { cols: width, rows: self.bound.entry_rows });
            self.guarded(|| {
                k.store(k.truncate(codes[0], Type::I8), layout.code(k, base, self.row, self.column));
                layout.store_group(k, base, (self.row, self.column), scale, sum);
            });
        }
    }

    fn store_scalar(&self, _: u16, _: u16, _: Value) {
        unreachable!("the lowering fuses no region that stores scalars")
    }
}
