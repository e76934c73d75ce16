//! The interpreter of fused regions: what compiled region code must agree with, and what runs where that code may not.
//!
//! # Order of effects
//! Within a row, scalars are loaded first; vectors are loaded, computed and stored part by part (the whole row where the region sums), all loads of a
//! part before its stores; scalars are stored last. So an output may share pointer and stride with an input, and no row reads what it has written.

use std::cell::Cell;
use unicorn_artifact::plan::RegionArg;
use unicorn_artifact::region::{Kind, LANES, Region, RegionOp, gelu, tanh};

/// Columns of a part where nothing is summed.
const PART: usize = 512;

/// A region made ready to run. Holds no state: threads share it, each with its own scratch.
#[derive(Debug)]
pub struct Interpreter {
    region: Region,
    kinds: Vec<Kind>,
    /// Where the value of each vector operation lives, in vectors.
    places: Vec<usize>,
    /// Vectors alive at once.
    vectors: usize,
    /// Elements of a vector in scratch.
    part: usize,
    reduces: bool,
}

impl Interpreter {
    /// Prepares `region`.
    ///
    /// # Errors
    /// The sentence of [`Region::kinds`] if the region is malformed.
    pub fn new(region: &Region) -> Result<Self, String> {
        let kinds = region.kinds()?;
        let (places, vectors) = places(region, &kinds);
        let (reduces, width) = (region.reduces(), region.width as usize);
        let part = if reduces { width } else { width.min(PART) };
        Ok(Self { region: region.clone(), kinds, places, vectors, part, reduces })
    }

    /// Elements of scratch that [`Interpreter::run`] needs.
    pub fn scratch_len(&self) -> usize {
        self.kinds.len() + self.vectors * self.part
    }

    /// Runs `columns` columns of `rows` rows: a multiple of 16 up to the width, and the width itself where the region sums.
    ///
    /// # Safety
    /// `args` has one entry per operand; for `r < rows`, `pointer + r * stride` is valid for the operand's elements (`columns` of a vector), and no other
    /// thread touches what is written. An output may overlap an input only with the same pointer and stride.
    ///
    /// # Panics
    /// If `scratch` is shorter than [`Interpreter::scratch_len`], `args` than the operands, or `columns` is not as said.
    pub unsafe fn run(&self, args: &[RegionArg], rows: usize, columns: usize, scratch: &mut [f32]) {
        let width = self.region.width as usize;
        assert!(args.len() >= self.region.operands.len(), "a region of {} operands got {}", self.region.operands.len(), args.len());
        assert!(columns == width || !self.reduces && columns < width && columns.is_multiple_of(LANES), "{columns} columns of a region of {width}");
        let (scalars, vectors) = Cell::from_mut(&mut scratch[..self.scratch_len()]).as_slice_of_cells().split_at(self.kinds.len());
        let base = |slot: u16, row: usize| args[usize::from(slot)].pointer.wrapping_byte_add(row * args[usize::from(slot)].stride);
        for row in 0..rows {
            if !self.reduces {
                // SAFETY: the caller's promise on the operands.
                unsafe { self.compute(|at| self.kinds[at] == Kind::Scalar, &|slot| base(slot, row).cast_const(), scalars, vectors, 0) };
            }
            for first in (0..columns).step_by(self.part) {
                let count = self.part.min(columns - first);
                let wanted = |at: usize| self.reduces || self.kinds[at] == Kind::Vector;
                let column = |slot: u16, kind: Kind| base(slot, row).wrapping_add(if kind == Kind::Vector { first } else { 0 });
                // SAFETY: the caller's promise on the operands; a region that sums has one part, from column 0.
                unsafe {
                    self.compute(wanted, &|slot| column(slot, Kind::Vector).cast_const(), scalars, vectors, count);
                    self.store(&|slot| column(slot, Kind::Vector), vectors, count);
                }
            }
            for op in &self.region.ops {
                if let RegionOp::StoreScalar(slot, index, value) = *op {
                    // SAFETY: the caller's promise on the operands.
                    unsafe { *base(slot, row).add(usize::from(index)) = scalars[usize::from(value)].get() };
                }
            }
        }
    }

    fn vector<'s>(&self, vectors: &'s [Cell<f32>], value: u16, count: usize) -> &'s [Cell<f32>] {
        &vectors[self.places[usize::from(value)] * self.part..][..count]
    }

    /// Computes the operations that are `wanted`, in order; stores are left out.
    ///
    /// # Safety
    /// `from` gives for a slot that is read a pointer valid for `count` elements of a vector, or for its scalars.
    unsafe fn compute(
        &self,
        wanted: impl Fn(usize) -> bool,
        from: &impl Fn(u16) -> *const f32,
        scalars: &[Cell<f32>],
        vectors: &[Cell<f32>],
        count: usize,
    ) {
        for (at, &op) in self.region.ops.iter().enumerate().filter(|(at, _)| wanted(*at)) {
            let out = |kind: Kind| match kind {
                Kind::Vector => self.vector(vectors, at as u16, count),
                Kind::Scalar | Kind::Nothing => std::slice::from_ref(&scalars[at]),
            };
            let operand = |value: u16| match self.kinds[usize::from(value)] {
                Kind::Vector => self.vector(vectors, value, count),
                Kind::Scalar | Kind::Nothing => std::slice::from_ref(&scalars[usize::from(value)]),
            };
            let out = out(self.kinds[at]);
            match op {
                RegionOp::Load(slot) => {
                    // SAFETY: the caller's promise.
                    let source = unsafe { std::slice::from_raw_parts(from(slot), count) };
                    out.iter().zip(source).for_each(|(o, v)| o.set(*v));
                }
                // SAFETY: the caller's promise; `kinds` checked the index.
                RegionOp::LoadScalar(slot, index) => out[0].set(unsafe { *from(slot).add(usize::from(index)) }),
                RegionOp::Imm(value) => out[0].set(value),
                RegionOp::Add(a, b) => binary(out, operand(a), operand(b), |a, b| a + b),
                RegionOp::Sub(a, b) => binary(out, operand(a), operand(b), |a, b| a - b),
                RegionOp::Mul(a, b) => binary(out, operand(a), operand(b), |a, b| a * b),
                RegionOp::Div(a, b) => binary(out, operand(a), operand(b), |a, b| a / b),
                RegionOp::Max(a, b) => binary(out, operand(a), operand(b), |a, b| if a > b { a } else { b }),
                RegionOp::Sqrt(a) => unary(out, operand(a), f32::sqrt),
                RegionOp::Tanh(a) => unary(out, operand(a), tanh),
                RegionOp::Gelu(a) => unary(out, operand(a), gelu),
                RegionOp::Sum(a) => out[0].set(sum(operand(a))),
                RegionOp::Store(..) | RegionOp::StoreScalar(..) => {}
            }
        }
    }

    /// Stores the vectors of a part.
    ///
    /// # Safety
    /// `to` gives for an output slot a pointer to `count` writable elements.
    unsafe fn store(&self, to: &impl Fn(u16) -> *mut f32, vectors: &[Cell<f32>], count: usize) {
        for op in &self.region.ops {
            if let RegionOp::Store(slot, value) = *op {
                let source = self.vector(vectors, value, count);
                // SAFETY: the caller's promise; scratch is memory of its own.
                unsafe { std::ptr::copy_nonoverlapping(source.as_ptr().cast::<f32>(), to(slot), count) };
            }
        }
    }
}

/// A place for every vector, shared where lives do not overlap, and the number of places. A stored value lives to the end.
fn places(region: &Region, kinds: &[Kind]) -> (Vec<usize>, usize) {
    let mut last: Vec<usize> = (0..kinds.len()).collect();
    for (at, op) in region.ops.iter().enumerate() {
        let until = if matches!(op, RegionOp::Store(..)) { kinds.len() } else { at };
        for input in op.inputs().into_iter().flatten() {
            let last = &mut last[usize::from(input)];
            *last = (*last).max(until);
        }
    }
    let (mut places, mut free, mut vectors) = (vec![0; kinds.len()], Vec::new(), 0);
    for at in 0..kinds.len() {
        if kinds[at] == Kind::Vector {
            places[at] = free.pop().unwrap_or_else(|| {
                vectors += 1;
                vectors - 1
            });
        }
        // After the result has its place: no operation writes over what it reads.
        let mut ended: Vec<usize> = region.ops[at].inputs().into_iter().flatten().map(usize::from).chain([at]).collect();
        ended.dedup();
        free.extend(ended.into_iter().filter(|v| kinds[*v] == Kind::Vector && last[*v] == at).map(|v| places[v]));
    }
    (places, vectors)
}

/// `out = f(a, b)`; operands of one element are broadcast.
fn binary(out: &[Cell<f32>], a: &[Cell<f32>], b: &[Cell<f32>], f: impl Fn(f32, f32) -> f32) {
    match (a, b) {
        ([a], [b]) => out[0].set(f(a.get(), b.get())),
        ([a], b) => {
            let a = a.get();
            out.iter().zip(b).for_each(|(o, b)| o.set(f(a, b.get())));
        }
        (a, [b]) => {
            let b = b.get();
            out.iter().zip(a).for_each(|(o, a)| o.set(f(a.get(), b)));
        }
        (a, b) => out.iter().zip(a).zip(b).for_each(|((o, a), b)| o.set(f(a.get(), b.get()))),
    }
}

fn unary(out: &[Cell<f32>], a: &[Cell<f32>], f: impl Fn(f32) -> f32) {
    out.iter().zip(a).for_each(|(o, a)| o.set(f(a.get())));
}

fn sum(values: &[Cell<f32>]) -> f32 {
    let mut sums = [0f32; LANES];
    for part in values.as_chunks::<LANES>().0 {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += value.get();
        }
    }
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            sums[l] += sums[l + half];
        }
    }
    sums[0]
}

#[cfg(test)]
mod tests;
