//! The slow true answer: runs a graph op by op, in f32 values with f64 sums. Every pass and every kernel is judged against this, so it knows no
//! device, no format but the one a weight names, and no shortcut.

mod fused;
mod ops;
mod weights;

pub use weights::{Memory, Tensors, Weights};

use super::{Graph, Node, Op, Type, ValueId};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use weights::View;

/// Keys and values that a sequence has left so far, in the order of their appending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Position of each entry.
    pub positions: Vec<u32>,
    /// `[entries, kv_heads * head_dim]`.
    pub keys: Vec<f32>,
    /// `[entries, kv_heads * head_dim]`.
    pub values: Vec<f32>,
}

/// What a run takes in and leaves behind besides its outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Env {
    /// Position of every row; empty means `0..R`. A tail that runs for some of a body's rows needs them.
    pub positions: Vec<u32>,
    /// By number, as `kv_append` and `cached_attention` name them.
    pub states: BTreeMap<u32, State>,
    /// What `handoff(n)` yields, each `[R, width]`: a body's outputs.
    pub handoffs: Vec<Vec<f32>>,
}

impl Env {
    /// Puts some of the rows of a body's outputs into `handoffs`, and their positions into `positions`.
    ///
    /// # Panics
    /// If a row is not below the number of rows of `body`.
    pub fn hand_off(&mut self, body: &Output, rows: &[usize]) {
        self.positions = rows.iter().map(|r| body.positions[*r]).collect();
        let pick = |all: &Vec<f32>| {
            let width = all.len() / body.positions.len().max(1);
            rows.iter().flat_map(|r| all[r * width..(r + 1) * width].iter().copied()).collect()
        };
        self.handoffs = body.outputs.iter().map(pick).collect();
    }
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// The graph's outputs in order, each `[R, width]`.
    pub outputs: Vec<Vec<f32>>,
    /// The values that were wanted by name.
    pub named: BTreeMap<String, Vec<f32>>,
    /// Position of every row.
    pub positions: Vec<u32>,
}

/// Runs `graph` for the rows `ids` of one sequence and keeps the values whose names `want` accepts. Rows see what `env`'s states hold and
/// append to them; plain attention sees the rows of this call only.
///
/// # Errors
/// Tokens beyond the embedding, tensors that cannot be read, a handoff or state that `env` lacks, or a graph that breaks a rule.
pub fn eval(graph: &Graph, weights: &dyn Weights, ids: &[u32], env: &mut Env, want: impl Fn(&str) -> bool) -> Result<Output> {
    super::verify::verify(graph).map_err(|why| Error::verify("eval", why))?;
    let positions = match env.positions.len() {
        0 => (0..ids.len() as u32).collect(),
        n if n == ids.len() => env.positions.clone(),
        n => return Err(Error::verify("eval", format!("{n} positions for {} rows", ids.len()))),
    };
    let mut last_use = vec![0; graph.values.len()];
    for (at, node) in graph.nodes.iter().enumerate() {
        for value in node.inputs.iter().chain(&node.outputs) {
            last_use[value.0 as usize] = at;
        }
    }
    for output in &graph.outputs {
        last_use[output.0 as usize] = usize::MAX;
    }
    let mut run = Run { graph, weights, ids, positions, slots: vec![Slot::Empty; graph.values.len()] };
    let mut named = BTreeMap::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        let made = run.node(node, env).map_err(|why| match why {
            Error::Verify { why, .. } => Error::verify("eval", format!("node {at} `{}`: {why}", node.op.name())),
            other => other,
        })?;
        for (value, slot) in node.outputs.iter().zip(made) {
            let name = &graph.values[value.0 as usize].name;
            if let Slot::Rows(data) = &slot
                && !name.is_empty()
                && want(name)
            {
                named.insert(name.clone(), data.clone());
            }
            run.slots[value.0 as usize] = slot;
        }
        for value in node.inputs.iter().chain(&node.outputs) {
            if last_use[value.0 as usize] == at {
                run.slots[value.0 as usize] = Slot::Empty;
            }
        }
    }
    let outputs = graph.outputs.iter().map(|v| run.rows(*v).map(<[f32]>::to_vec)).collect::<Result<_>>()?;
    Ok(Output { outputs, named, positions: run.positions })
}

#[derive(Clone)]
enum Slot {
    Empty,
    Rows(Vec<f32>),
    Weight(View),
}

struct Run<'a> {
    graph: &'a Graph,
    weights: &'a dyn Weights,
    ids: &'a [u32],
    positions: Vec<u32>,
    slots: Vec<Slot>,
}

impl Run<'_> {
    fn rows(&self, value: ValueId) -> Result<&[f32]> {
        match &self.slots[value.0 as usize] {
            Slot::Rows(data) => Ok(data),
            _ => Err(Error::verify("eval", format!("{} holds no rows", self.graph.label(value)))),
        }
    }

    fn view(&self, value: ValueId) -> Result<&View> {
        match &self.slots[value.0 as usize] {
            Slot::Weight(view) => Ok(view),
            _ => Err(Error::verify("eval", format!("{} is no weight", self.graph.label(value)))),
        }
    }

    fn width(&self, value: ValueId) -> usize {
        self.graph.width(value) as usize
    }

    /// All elements of a weight, row-major.
    fn whole(&self, value: ValueId) -> Result<Vec<f32>> {
        let view = self.view(value)?;
        view.rows(self.weights, 0, view.shape.0)
    }

    fn node(&self, node: &Node, env: &mut Env) -> Result<Vec<Slot>> {
        let count = self.ids.len();
        let input = |n: usize| node.inputs[n];
        let x = |n: usize| self.rows(input(n));
        let each = |f: fn(f64) -> f64| -> Result<Vec<f32>> { Ok(x(0)?.iter().map(|v| f(f64::from(*v)) as f32).collect()) };
        // Ops on weights alone stay unread until somebody needs the rows.
        if let [only] = node.inputs[..]
            && let Slot::Weight(view) = &self.slots[only.0 as usize]
            && let Some(changed) = view.changed(&node.op)
        {
            return Ok(vec![Slot::Weight(changed)]);
        }
        let rows = match &node.op {
            Op::Weight(weight) => {
                let Type::Weight(rows, cols) = self.graph.ty(node.outputs[0]) else { return Err(Error::verify("eval", "yields no weight")) };
                return Ok(vec![Slot::Weight(View::new(weight.clone(), rows as usize, cols as usize))]);
            }
            Op::Handoff(number) => {
                let data = env.handoffs.get(*number as usize).filter(|d| d.len() == count * self.width(node.outputs[0]));
                data.cloned().ok_or_else(|| Error::verify("eval", format!("handoff {number} is missing or has another size")))?
            }
            Op::Embed(scale) => self.embed(input(0), *scale, |id, _| id)?,
            Op::EmbedPerLayer(scale) => self.embed(input(0), *scale, |id, rows| if id < rows { id } else { 0 })?,
            Op::MatMul => weights::product(x(0)?, count, self.view(input(1))?, self.weights)?,
            Op::RmsNorm(epsilon) => {
                let weight = node.inputs.get(1).map(|w| self.whole(*w)).transpose()?;
                ops::norm(x(0)?, self.width(input(0)), weight.as_deref(), *epsilon)
            }
            Op::HeadNorm { head_dim, epsilon, theta } => {
                let weight = node.inputs.get(1).map(|w| self.whole(*w)).transpose()?;
                let mut heads = ops::norm(x(0)?, *head_dim as usize, weight.as_deref(), *epsilon);
                if let Some(theta) = theta {
                    ops::rotate(&mut heads, self.width(input(0)), *head_dim as usize, *theta, &self.positions);
                }
                heads
            }
            Op::Attention { kv_heads, head_dim, window, scale } => {
                let how = ops::How { kv_heads: *kv_heads as usize, head_dim: *head_dim as usize, window: *window, scale: *scale };
                let past = ops::Past { positions: &self.positions, keys: x(1)?, values: x(2)? };
                ops::attention(x(0)?, &self.positions, &past, how)
            }
            Op::KvAppend(number) => {
                let state = env.states.entry(*number).or_default();
                state.positions.extend(&self.positions);
                state.keys.extend(x(0)?);
                state.values.extend(x(1)?);
                return Ok(vec![]);
            }
            Op::CachedAttention { state, kv_heads, head_dim, window, scale } => {
                let how = ops::How { kv_heads: *kv_heads as usize, head_dim: *head_dim as usize, window: *window, scale: *scale };
                let held = env.states.get(state).ok_or_else(|| Error::verify("eval", format!("state {state} is missing")))?;
                let wanted = held.positions.len() * how.kv_heads * how.head_dim;
                if held.keys.len() != wanted || held.values.len() != wanted {
                    return Err(Error::verify("eval", format!("state {state} holds entries of another width")));
                }
                ops::attention(x(0)?, &self.positions, &ops::Past { positions: &held.positions, keys: &held.keys, values: &held.values }, how)
            }
            Op::Add => self.binary(node, |a, b| a + b)?,
            Op::Sub => self.binary(node, |a, b| a - b)?,
            Op::Mul => self.binary(node, |a, b| a * b)?,
            Op::Div => self.binary(node, |a, b| a / b)?,
            Op::Scale(factor) => x(0)?.iter().map(|v| v * factor).collect(),
            Op::AddImm(term) => x(0)?.iter().map(|v| v + term).collect(),
            Op::MaxImm(floor) => x(0)?.iter().map(|v| if v > floor { *v } else { *floor }).collect(),
            Op::Clamp(_) | Op::Transpose | Op::RowSlice(..) => return Err(Error::verify("eval", "works on weights only")),
            Op::Sqrt => x(0)?.iter().map(|v| v.sqrt()).collect(),
            Op::Tanh => each(libm::tanh)?,
            Op::Gelu => each(ops::gelu)?,
            Op::Mean => x(0)?
                .chunks_exact(self.width(input(0)).max(1))
                .map(|row| (row.iter().map(|v| f64::from(*v)).sum::<f64>() / row.len() as f64) as f32)
                .collect(),
            Op::Slice(start, len) => {
                let range = *start as usize..(*start + *len) as usize;
                x(0)?.chunks_exact(self.width(input(0))).flat_map(|row| row[range.clone()].iter().copied()).collect()
            }
            Op::SparseUp => weights::sparse_up(x(0)?, x(1)?, count, self.view(input(2))?, self.weights)?,
            Op::SparseDown => weights::sparse_down(x(0)?, count, self.view(input(1))?, self.weights)?,
            Op::Fused(region) => {
                let read = |v: &ValueId| match self.graph.ty(*v) {
                    Type::Rows(_) => self.rows(*v).map(<[f32]>::to_vec),
                    Type::Weight(..) => self.whole(*v),
                };
                let inputs = node.inputs.iter().map(read).collect::<Result<Vec<_>>>()?;
                let outputs = fused::run(region, &inputs, count).map_err(|why| Error::verify("eval", why))?;
                return Ok(outputs.into_iter().map(Slot::Rows).collect());
            }
        };
        Ok(vec![Slot::Rows(rows)])
    }

    fn embed(&self, table: ValueId, scale: f32, row_of: impl Fn(usize, usize) -> usize) -> Result<Vec<f32>> {
        let view = self.view(table)?;
        let mut all = Vec::with_capacity(self.ids.len() * view.shape.1);
        for id in self.ids {
            let row = row_of(*id as usize, view.shape.0);
            if row >= view.shape.0 {
                return Err(Error::verify("eval", format!("token {id} is beyond the table of {} rows", view.shape.0)));
            }
            all.extend(view.rows(self.weights, row, 1)?.iter().map(|v| v * scale));
        }
        Ok(all)
    }

    fn binary(&self, node: &Node, f: fn(f32, f32) -> f32) -> Result<Vec<f32>> {
        let [a, b] = node.inputs[..] else { return Err(Error::verify("eval", "wants two operands")) };
        let operand = |v: ValueId| -> Result<(Vec<f32>, usize, usize)> {
            Ok(match self.graph.ty(v) {
                Type::Rows(width) => (self.rows(v)?.to_vec(), width as usize, width as usize),
                Type::Weight(_, cols) => (self.whole(v)?, cols as usize, 0),
            })
        };
        let ((a, a_width, a_step), (b, b_width, b_step)) = (operand(a)?, operand(b)?);
        let width = a_width.max(b_width);
        let mut out = Vec::with_capacity(self.ids.len() * width);
        for r in 0..self.ids.len() {
            let (a, b) = (&a[r * a_step..][..a_width], &b[r * b_step..][..b_width]);
            out.extend((0..width).map(|i| f(a[if a_width == 1 { 0 } else { i }], b[if b_width == 1 { 0 } else { i }])));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
