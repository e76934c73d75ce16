//! Weights as the evaluator sees them: read in blocks of rows, so that memory does not grow with the matrix; and the products with them.

use crate::error::{Error, Result};
use crate::graph::{Op, WeightRef};
use std::collections::BTreeMap;
use std::ops::Range;
use unicorn_artifact::tensor::{GROUP, round_trip};

/// Elements of a weight that are held at a time.
const BLOCK: usize = 4 << 20;
/// Multiplications from which two threads are worth their start.
const THREADED: usize = 1 << 20;

/// Where tensors come from: a checkpoint, or [`Memory`].
pub trait Tensors {
    /// Rows and columns; a vector of n is (1, n).
    fn shape(&self, name: &str) -> Option<(usize, usize)>;
    /// Some rows, row-major.
    ///
    /// # Errors
    /// A tensor or rows that are not there, or damaged.
    fn read_rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<f32>>;
}

/// Where constants come from, with all that a [`WeightRef`] asks for applied.
pub trait Weights {
    /// `count` rows from row `first` on, row-major.
    ///
    /// # Errors
    /// A tensor or rows that are not there, damaged, or a width that the format cannot hold.
    fn rows(&self, weight: &WeightRef, first: usize, count: usize) -> Result<Vec<f32>>;
}

impl<T: Tensors> Weights for T {
    fn rows(&self, weight: &WeightRef, first: usize, count: usize) -> Result<Vec<f32>> {
        let fault = |why: String| Error::Tensor { tensor: weight.tensor.clone(), why };
        let (stored_rows, stored_cols) = self.shape(&weight.tensor).ok_or_else(|| fault("is not there".into()))?;
        let (rows, cols) = if weight.transpose { (stored_cols, stored_rows) } else { (stored_rows, stored_cols) };
        if first.checked_add(count).is_none_or(|end| end > rows) {
            return Err(fault(format!("{count} rows from {first} on were asked for, it has {rows}")));
        }
        if weight.format.needs_groups() && !cols.is_multiple_of(GROUP) {
            return Err(fault(format!("has {cols} columns, not a multiple of {GROUP}, and cannot be {}", weight.format.name())));
        }
        let mut values = if weight.transpose {
            transposed((stored_rows, stored_cols), first, count, |block| self.read_rows(&weight.tensor, block))?
        } else {
            self.read_rows(&weight.tensor, first..first + count)?
        };
        if let Some(limit) = weight.clamp {
            values.iter_mut().for_each(|v| *v = v.clamp(-limit.abs(), limit.abs()));
        }
        if weight.scale != 1.0 {
            values.iter_mut().for_each(|v| *v *= weight.scale);
        }
        values.chunks_exact_mut(cols.max(1)).for_each(|row| round_trip(weight.format, row));
        Ok(values)
    }
}

/// Columns `first .. first + count` of a matrix, as rows, reading it in blocks.
fn transposed(shape: (usize, usize), first: usize, count: usize, read: impl Fn(Range<usize>) -> Result<Vec<f32>>) -> Result<Vec<f32>> {
    let (rows, cols) = shape;
    let mut values = vec![0f32; rows * count];
    let step = (BLOCK / cols.max(1)).max(1);
    for start in (0..rows).step_by(step) {
        let block = read(start..rows.min(start + step))?;
        for (r, row) in block.chunks_exact(cols).enumerate() {
            for (c, v) in row[first..first + count].iter().enumerate() {
                values[c * rows + start + r] = *v;
            }
        }
    }
    Ok(values)
}

/// Tensors that lie in memory, by name: rows, columns, elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory(pub BTreeMap<String, (usize, usize, Vec<f32>)>);

impl Tensors for Memory {
    fn shape(&self, name: &str) -> Option<(usize, usize)> {
        self.0.get(name).map(|(rows, cols, _)| (*rows, *cols))
    }

    fn read_rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<f32>> {
        let found = self.0.get(name).and_then(|(_, cols, all)| all.get(rows.start * cols..rows.end * cols));
        found.map(<[f32]>::to_vec).ok_or_else(|| Error::Tensor { tensor: name.into(), why: format!("rows {rows:?} are not there") })
    }
}

#[derive(Clone)]
enum Change {
    Scale(f32),
    Clamp(f32),
    Transpose,
    /// First row, and the shape before.
    Rows(usize, (usize, usize)),
}

/// A constant and what the graph does to it before it is used.
#[derive(Clone)]
pub struct View {
    weight: WeightRef,
    changes: Vec<Change>,
    pub shape: (usize, usize),
}

impl View {
    pub fn new(weight: WeightRef, rows: usize, cols: usize) -> Self {
        Self { weight, changes: vec![], shape: (rows, cols) }
    }

    /// The view after an op on weights; `None` for any other op.
    pub fn changed(&self, op: &Op) -> Option<Self> {
        let (change, shape) = match op {
            Op::Scale(factor) => (Change::Scale(*factor), self.shape),
            Op::Clamp(limit) => (Change::Clamp(*limit), self.shape),
            Op::Transpose => (Change::Transpose, (self.shape.1, self.shape.0)),
            Op::RowSlice(start, len) => (Change::Rows(*start as usize, self.shape), (*len as usize, self.shape.1)),
            _ => return None,
        };
        let mut next = Self { shape, ..self.clone() };
        next.changes.push(change);
        Some(next)
    }

    pub fn rows(&self, weights: &dyn Weights, first: usize, count: usize) -> Result<Vec<f32>> {
        let values = self.read(self.changes.len(), self.shape, weights, first, count)?;
        if values.len() == count * self.shape.1 {
            return Ok(values);
        }
        let why = format!("{count} rows hold {} elements, the graph says {:?}", values.len(), self.shape);
        Err(Error::Tensor { tensor: self.weight.tensor.clone(), why })
    }

    /// Rows after the first `depth` changes, when the shape is `shape`.
    fn read(&self, depth: usize, shape: (usize, usize), weights: &dyn Weights, first: usize, count: usize) -> Result<Vec<f32>> {
        let Some(last) = depth.checked_sub(1) else { return weights.rows(&self.weight, first, count) };
        let below = |shape, first, count| self.read(last, shape, weights, first, count);
        match self.changes[last] {
            Change::Scale(factor) => Ok(below(shape, first, count)?.into_iter().map(|v| v * factor).collect()),
            Change::Clamp(limit) => Ok(below(shape, first, count)?.into_iter().map(|v| v.clamp(-limit.abs(), limit.abs())).collect()),
            Change::Rows(start, whole) => below(whole, start + first, count),
            Change::Transpose => {
                let shape = (shape.1, shape.0);
                transposed(shape, first, count, |block| below(shape, block.start, block.len()))
            }
        }
    }

    fn block_rows(&self) -> usize {
        (BLOCK / self.shape.1.max(1)).max(1)
    }
}

fn widened(x: &[f32]) -> Vec<f64> {
    x.iter().map(|v| f64::from(*v)).collect()
}

/// Sum of products, in eight interleaved parts so that it vectorises.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut parts = [0f64; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            parts[lane] += a[lane] * b[lane];
        }
    }
    parts.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// `x * w^T` for `count` rows.
pub fn product(x: &[f32], count: usize, view: &View, weights: &dyn Weights) -> Result<Vec<f32>> {
    let (outputs, k) = view.shape;
    let x = widened(x);
    let mut out = vec![0f32; count * outputs];
    for first in (0..outputs).step_by(view.block_rows()) {
        let block = view.rows(weights, first, view.block_rows().min(outputs - first))?;
        let columns = |part: &[f32]| -> Vec<f32> {
            let column = |w: &[f32]| {
                let w = widened(w);
                x.chunks_exact(k).map(move |x| dot(x, &w) as f32).collect::<Vec<_>>()
            };
            part.chunks_exact(k).flat_map(column).collect()
        };
        let (upper, lower) = block.split_at(block.len() / k / 2 * k);
        let computed = if block.len() * count >= THREADED && !upper.is_empty() {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| columns(upper));
                let lower = columns(lower);
                other.join().map(|mut upper| {
                    upper.extend(lower);
                    upper
                })
            })
            .map_err(|_| Error::verify("eval", "a thread of a product failed"))?
        } else {
            columns(&block)
        };
        for (n, column) in computed.chunks_exact(count.max(1)).enumerate() {
            for (r, v) in column.iter().enumerate() {
                out[r * outputs + first + n] = *v;
            }
        }
    }
    Ok(out)
}

/// `gate * (x * w^T)` where `gate` is not zero.
pub fn sparse_up(gate: &[f32], x: &[f32], count: usize, view: &View, weights: &dyn Weights) -> Result<Vec<f32>> {
    let (neurons, k) = view.shape;
    let x = widened(x);
    let mut out = vec![0f32; gate.len()];
    for first in (0..neurons).step_by(view.block_rows()) {
        let block = view.rows(weights, first, view.block_rows().min(neurons - first))?;
        for (n, w) in (first..).zip(block.chunks_exact(k)) {
            let w = widened(w);
            for r in (0..count).filter(|r| gate[r * neurons + n] != 0.0) {
                out[r * neurons + n] = gate[r * neurons + n] * dot(&x[r * k..(r + 1) * k], &w) as f32;
            }
        }
    }
    Ok(out)
}

/// `hidden * w` over the neurons where `hidden` is not zero.
pub fn sparse_down(hidden: &[f32], count: usize, view: &View, weights: &dyn Weights) -> Result<Vec<f32>> {
    let (neurons, outputs) = view.shape;
    let mut sums = vec![0f64; count * outputs];
    for first in (0..neurons).step_by(view.block_rows()) {
        let block = view.rows(weights, first, view.block_rows().min(neurons - first))?;
        for (n, w) in (first..).zip(block.chunks_exact(outputs)) {
            let w = widened(w);
            for r in (0..count).filter(|r| hidden[r * neurons + n] != 0.0) {
                let h = f64::from(hidden[r * neurons + n]);
                sums[r * outputs..(r + 1) * outputs].iter_mut().zip(&w).for_each(|(s, w)| *s += h * w);
            }
        }
    }
    Ok(sums.into_iter().map(|s| s as f32).collect())
}
