//! Writes one cluster as a region: expands norms, means and tiny products, shares equal operations, and leaves out what no output needs.

use super::{Cluster, SMALL};
use crate::graph::{Graph, Node, Op, Type, ValueId};
use crate::{Error, Result};
use std::collections::BTreeMap;
use unicorn_artifact::region::{MAX_OPS, Operand, Region, RegionOp};

/// What a reading slot is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A value of the old graph.
    Value(ValueId),
    /// One row of a constant.
    Row(ValueId, u32),
}

/// A region and what binds it, in values of the old graph.
#[derive(Debug)]
pub(super) struct Built {
    pub region: Region,
    /// By reading slot.
    pub inputs: Vec<Source>,
    /// By writing slot.
    pub outputs: Vec<ValueId>,
}

/// Builds a cluster's region.
///
/// # Errors
/// [`Error::Unsupported`] where the region would be larger than a plan allows.
pub(super) fn build(graph: &Graph, cluster: &Cluster) -> Result<Built> {
    let mut builder =
        Builder { graph, region: Region { width: cluster.width, operands: vec![], ops: vec![] }, inputs: vec![], values: BTreeMap::new() };
    for &at in &cluster.nodes {
        let node = &graph.nodes[at];
        let part = builder.node(node).map_err(|why| Error::verify("fuse", format!("node {at} `{}`: {why}", node.op.name())))?;
        builder.values.insert(node.outputs[0], part);
    }
    let users = graph.users();
    let leaves = |v: &ValueId| graph.outputs.contains(v) || users[v.0 as usize].iter().any(|n| !cluster.nodes.contains(n));
    let outputs: Vec<ValueId> = cluster.nodes.iter().map(|at| graph.nodes[*at].outputs[0]).filter(leaves).collect();
    for &output in &outputs {
        builder.store(output);
    }
    // Beyond 16 bits numbers have wrapped; `needed` can only be trusted below.
    let too_large = |region: &Region, limit: usize| {
        let place = outputs.first().map_or(String::new(), |v| graph.label(*v));
        let why = format!("{} operations and {} operands are more than {limit}", region.ops.len(), region.operands.len());
        let error = Error::Unsupported { place: format!("region making {place}"), why };
        if region.ops.len() > limit || region.operands.len() > limit { Err(error) } else { Ok(()) }
    };
    too_large(&builder.region, usize::from(u16::MAX))?;
    let (region, inputs) = needed(builder.region, builder.inputs);
    too_large(&region, MAX_OPS)?;
    Ok(Built { region, inputs, outputs })
}

/// A value inside the region.
#[derive(Clone, Debug)]
enum Part {
    Vector(u16),
    /// One a column.
    Scalars(Vec<u16>),
}

type Step<T = Part> = std::result::Result<T, String>;

struct Builder<'a> {
    graph: &'a Graph,
    region: Region,
    inputs: Vec<Source>,
    values: BTreeMap<ValueId, Part>,
}

impl Builder<'_> {
    /// An operation, or the earlier one that is the same.
    fn op(&mut self, op: RegionOp) -> u16 {
        let same = |other: &RegionOp| match (op, *other) {
            (RegionOp::Imm(a), RegionOp::Imm(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        };
        let known = self.region.ops.iter().position(same);
        known.unwrap_or_else(|| {
            self.region.ops.push(op);
            self.region.ops.len() - 1
        }) as u16
    }

    fn imm(&mut self, value: f32) -> u16 {
        self.op(RegionOp::Imm(value))
    }

    /// The slot that reads `source`.
    fn slot(&mut self, source: Source, operand: Operand) -> u16 {
        let known = self.inputs.iter().position(|s| *s == source);
        known.unwrap_or_else(|| {
            self.inputs.push(source);
            self.region.operands.push(operand);
            self.inputs.len() - 1
        }) as u16
    }

    /// A value that a node of the cluster reads.
    fn read(&mut self, value: ValueId) -> Part {
        if let Some(part) = self.values.get(&value) {
            return part.clone();
        }
        let (rows, cols, constant) = match self.graph.ty(value) {
            Type::Rows(width) => (1, width, false),
            Type::Weight(rows, cols) => (rows, cols, true),
        };
        let part = if cols > SMALL {
            let slot = self.slot(Source::Value(value), if constant { Operand::Const } else { Operand::Row });
            Part::Vector(self.op(RegionOp::Load(slot)))
        } else {
            let count = (rows * cols) as u16;
            let slot = self.slot(Source::Value(value), if constant { Operand::ConstScalars(count) } else { Operand::Scalars(count) });
            Part::Scalars((0..count).map(|i| self.op(RegionOp::LoadScalar(slot, i))).collect())
        };
        self.values.insert(value, part.clone());
        part
    }

    fn node(&mut self, node: &Node) -> Step {
        let x = node.inputs[0];
        match &node.op {
            Op::Add => self.both(node, RegionOp::Add),
            Op::Sub => self.both(node, RegionOp::Sub),
            Op::Mul => self.both(node, RegionOp::Mul),
            Op::Div => self.both(node, RegionOp::Div),
            Op::Scale(by) => self.with(x, *by, RegionOp::Mul),
            Op::AddImm(by) => self.with(x, *by, RegionOp::Add),
            Op::MaxImm(by) => self.with(x, *by, RegionOp::Max),
            Op::Sqrt => self.each(x, RegionOp::Sqrt),
            Op::Tanh => self.each(x, RegionOp::Tanh),
            Op::Gelu => self.each(x, RegionOp::Gelu),
            Op::Mean => {
                let x = self.read(x);
                Ok(Part::Scalars(vec![self.mean(&x)]))
            }
            Op::Slice(start, len) => match self.read(x) {
                Part::Scalars(all) => Ok(Part::Scalars(all[*start as usize..(start + len) as usize].to_vec())),
                Part::Vector(_) => Err("slices of wide values are not fused".into()),
            },
            Op::RmsNorm(epsilon) => {
                let x = self.read(x);
                let square = self.binary(&x, &x, RegionOp::Mul)?;
                let (mean, epsilon) = (self.mean(&square), self.imm(*epsilon));
                let mean = self.op(RegionOp::Add(mean, epsilon));
                let (one, root) = (self.imm(1.0), self.op(RegionOp::Sqrt(mean)));
                let factor = self.op(RegionOp::Div(one, root));
                let y = self.binary(&x, &Part::Scalars(vec![factor]), RegionOp::Mul)?;
                match node.inputs.get(1) {
                    Some(weight) => {
                        let weight = self.read(*weight);
                        self.binary(&y, &weight, RegionOp::Mul)
                    }
                    None => Ok(y),
                }
            }
            Op::MatMul => self.product(x, node.inputs[1]),
            _ => Err("is not fused".into()),
        }
    }

    fn both(&mut self, node: &Node, op: fn(u16, u16) -> RegionOp) -> Step {
        let (a, b) = (self.read(node.inputs[0]), self.read(node.inputs[1]));
        self.binary(&a, &b, op)
    }

    fn binary(&mut self, a: &Part, b: &Part, op: fn(u16, u16) -> RegionOp) -> Step {
        let one = |scalars: &[u16]| if let [only] = scalars { Ok(*only) } else { Err("scalars of a wide value".to_string()) };
        Ok(match (a, b) {
            (Part::Vector(a), Part::Vector(b)) => Part::Vector(self.op(op(*a, *b))),
            (Part::Vector(a), Part::Scalars(b)) => Part::Vector(self.op(op(*a, one(b)?))),
            (Part::Scalars(a), Part::Vector(b)) => Part::Vector(self.op(op(one(a)?, *b))),
            (Part::Scalars(a), Part::Scalars(b)) => {
                let at = |list: &[u16], i: usize| if list.len() == 1 { list[0] } else { list[i] };
                Part::Scalars((0..a.len().max(b.len())).map(|i| self.op(op(at(a, i), at(b, i)))).collect())
            }
        })
    }

    fn with(&mut self, x: ValueId, by: f32, op: fn(u16, u16) -> RegionOp) -> Step {
        let (x, by) = (self.read(x), self.imm(by));
        self.binary(&x, &Part::Scalars(vec![by]), op)
    }

    fn each(&mut self, x: ValueId, op: fn(u16) -> RegionOp) -> Step {
        Ok(match self.read(x) {
            Part::Vector(x) => Part::Vector(self.op(op(x))),
            Part::Scalars(x) => Part::Scalars(x.into_iter().map(|x| self.op(op(x))).collect()),
        })
    }

    /// Mean of the columns.
    fn mean(&mut self, x: &Part) -> u16 {
        let (sum, count) = match x {
            Part::Vector(x) => (self.op(RegionOp::Sum(*x)), self.region.width as usize),
            Part::Scalars(x) => (self.sum(x), x.len()),
        };
        let share = self.imm(1.0 / count as f32);
        self.op(RegionOp::Mul(sum, share))
    }

    /// Sum of scalars in order.
    fn sum(&mut self, scalars: &[u16]) -> u16 {
        let (first, rest) = scalars.split_first().expect("no value is without columns");
        rest.iter().fold(*first, |sum, x| self.op(RegionOp::Add(sum, *x)))
    }

    fn product(&mut self, x: ValueId, weight: ValueId) -> Step {
        let Type::Weight(rows, cols) = self.graph.ty(weight) else { return Err("wants a weight".into()) };
        let x = self.read(x);
        let all = if cols <= SMALL { Some(self.read(weight)) } else { None };
        let mut out = Vec::with_capacity(rows as usize);
        for row in 0..rows {
            out.push(match (&x, &all) {
                (Part::Vector(x), None) => {
                    let source = if rows == 1 { Source::Value(weight) } else { Source::Row(weight, row) };
                    let slot = self.slot(source, Operand::Const);
                    let row = self.op(RegionOp::Load(slot));
                    let product = self.op(RegionOp::Mul(*x, row));
                    self.op(RegionOp::Sum(product))
                }
                (Part::Scalars(x), Some(Part::Scalars(all))) => {
                    let row = &all[(row * cols) as usize..][..cols as usize];
                    let terms: Vec<u16> = x.iter().zip(row).map(|(x, w)| self.op(RegionOp::Mul(*x, *w))).collect();
                    self.sum(&terms)
                }
                _ => return Err("is no tiny product".into()),
            });
        }
        Ok(Part::Scalars(out))
    }

    /// Writes a value to a slot of its own.
    fn store(&mut self, value: ValueId) {
        let slot = self.region.operands.len() as u16;
        match self.values[&value].clone() {
            Part::Vector(x) => {
                self.region.operands.push(Operand::OutRow);
                self.region.ops.push(RegionOp::Store(slot, x));
            }
            Part::Scalars(x) => {
                self.region.operands.push(Operand::OutScalars(x.len() as u16));
                self.region.ops.extend((0..).zip(x).map(|(i, x)| RegionOp::StoreScalar(slot, i, x)));
            }
        }
    }
}

/// The region without operations that no store needs, and without slots that nothing reads.
fn needed(region: Region, inputs: Vec<Source>) -> (Region, Vec<Source>) {
    let mut wanted = vec![false; region.ops.len()];
    let mut read = vec![false; region.operands.len()];
    for (at, op) in region.ops.iter().enumerate().rev() {
        wanted[at] |= matches!(op, RegionOp::Store(..) | RegionOp::StoreScalar(..));
        if wanted[at] {
            op.inputs().into_iter().flatten().for_each(|v| wanted[usize::from(v)] = true);
            if let RegionOp::Load(slot) | RegionOp::LoadScalar(slot, _) | RegionOp::Store(slot, _) | RegionOp::StoreScalar(slot, ..) = op {
                read[usize::from(*slot)] = true;
            }
        }
    }
    let renumber = |kept: &[bool]| {
        let mut next = 0;
        kept.iter().map(|kept| if *kept { (next, next += 1).0 } else { 0 }).collect::<Vec<u16>>()
    };
    let (value, slot) = (renumber(&wanted), renumber(&read));
    let (v, s) = (|v: u16| value[usize::from(v)], |s: u16| slot[usize::from(s)]);
    let rename = |op: RegionOp| match op {
        RegionOp::Load(a) => RegionOp::Load(s(a)),
        RegionOp::LoadScalar(a, i) => RegionOp::LoadScalar(s(a), i),
        RegionOp::Imm(x) => RegionOp::Imm(x),
        RegionOp::Add(a, b) => RegionOp::Add(v(a), v(b)),
        RegionOp::Sub(a, b) => RegionOp::Sub(v(a), v(b)),
        RegionOp::Mul(a, b) => RegionOp::Mul(v(a), v(b)),
        RegionOp::Div(a, b) => RegionOp::Div(v(a), v(b)),
        RegionOp::Max(a, b) => RegionOp::Max(v(a), v(b)),
        RegionOp::Sqrt(a) => RegionOp::Sqrt(v(a)),
        RegionOp::Tanh(a) => RegionOp::Tanh(v(a)),
        RegionOp::Gelu(a) => RegionOp::Gelu(v(a)),
        RegionOp::Sum(a) => RegionOp::Sum(v(a)),
        RegionOp::Store(a, x) => RegionOp::Store(s(a), v(x)),
        RegionOp::StoreScalar(a, i, x) => RegionOp::StoreScalar(s(a), i, v(x)),
    };
    let ops = region.ops.iter().zip(&wanted).filter(|(_, w)| **w).map(|(op, _)| rename(*op)).collect();
    let operands = region.operands.iter().zip(&read).filter(|(_, r)| **r).map(|(o, _)| *o).collect();
    let inputs = inputs.into_iter().zip(&read).filter(|(_, r)| **r).map(|(i, _)| i).collect();
    (Region { width: region.width, operands, ops }, inputs)
}
