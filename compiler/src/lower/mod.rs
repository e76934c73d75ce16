//! Graph to commands: a fused program becomes weights, regions, states and, per part, one list of commands over numbered buffers.
//!
//! Nothing here has an address yet; `schedule` gives those. The commands of a part are the same for every row count.

pub mod cpu;
pub mod gpu;
pub mod npu;
pub mod pack;
pub mod weights;

use crate::graph::{Graph, Op, Type, ValueId};
use crate::passes::split::Program;
use crate::{Error, Result};
use unicorn_artifact::command::{Argument, BufferId, Command, Product};
use unicorn_artifact::plan::{Buffer, Elements};
use unicorn_artifact::region::Region;
use unicorn_artifact::tensor::{Format, GROUP, Layout};
use weights::Table;

/// Commands of one part.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Buffers, offsets still zero.
    pub buffers: Vec<Buffer>,
    /// Commands in order.
    pub commands: Vec<Command>,
    /// The graph's outputs: the handoffs of a body, the logits of a tail.
    pub outputs: Vec<BufferId>,
}

/// A lowered program.
#[derive(Debug, Default)]
pub struct Lowered {
    /// All constants that commands name.
    pub weights: Table,
    /// All distinct regions.
    pub regions: Vec<Region>,
    /// Body.
    pub body: Part,
    /// Tail.
    pub tail: Part,
}

/// Lowers a fused program.
///
/// # Errors
/// [`Error::Unsupported`] naming op, value and shape.
pub fn lower(program: &Program) -> Result<Lowered> {
    let mut lowered = Lowered::default();
    lowered.body = part(&program.body, &mut lowered)?;
    lowered.tail = part(&program.tail, &mut lowered)?;
    Ok(lowered)
}

/// Where a value is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// All columns of a buffer.
    Buffer(BufferId),
    /// Columns of a buffer from an offset: only regions can read them.
    Columns(BufferId, u32),
    /// Rows of a constant from a row on: `(value of the constant, first element)`.
    Constant(ValueId, u32),
}

struct Lowering<'a> {
    graph: &'a Graph,
    shared: &'a mut Lowered,
    part: Part,
    places: Vec<Option<Place>>,
    /// Activations made from a buffer.
    quantised: Vec<(BufferId, BufferId)>,
    /// Rotation tables by base and width.
    tables: Vec<(u32, u32, BufferId)>,
    users: Vec<Vec<usize>>,
}

fn part(graph: &Graph, shared: &mut Lowered) -> Result<Part> {
    let mut lowering = Lowering {
        graph,
        shared,
        part: Part::default(),
        places: vec![None; graph.values.len()],
        quantised: vec![],
        tables: vec![],
        users: graph.users(),
    };
    for at in 0..graph.nodes.len() {
        lowering.node(at)?;
    }
    for &output in &graph.outputs {
        let buffer = lowering.buffer(output, "as an output")?;
        lowering.part.outputs.push(buffer);
    }
    Ok(lowering.part)
}

impl Lowering<'_> {
    fn node(&mut self, at: usize) -> Result<()> {
        let node = &self.graph.nodes[at];
        let (inputs, output) = (&node.inputs[..], node.outputs.first().copied());
        let out = |this: &mut Self| this.fresh(output.expect("only states yield nothing"));
        match (&node.op, inputs) {
            (Op::Weight(_), _) => self.set(output, Place::Constant(node.outputs[0], 0)),
            (Op::RowSlice(start, _), [w]) => match self.place(*w)? {
                Place::Constant(weight, first) => {
                    let first = first + start * self.graph.width(*w);
                    self.set(output, Place::Constant(weight, first));
                }
                _ => return Err(self.unsupported(at, "only constants have rows to slice")),
            },
            (Op::Handoff(number), _) => {
                let out = out(self);
                self.emit(Command::Gather { handoff: *number, out });
            }
            (Op::Embed(scale), [w]) => {
                let (table, out) = (self.weight(*w, Layout::Panel, false)?, out(self));
                self.emit(Command::Embed { table, scale: *scale, out });
            }
            (Op::EmbedPerLayer(scale), [w]) => {
                let (table, out) = (self.weight(*w, Layout::Rows, true)?, out(self));
                self.emit(Command::EmbedPerLayer { table, scale: *scale, out });
            }
            (Op::MatMul, [x, w]) if self.graph.weight(*w).is_some_and(|w| w.format == Format::Int8) => {
                let weight = self.weight(*w, Layout::Matrix, false)?;
                let (input, out) = (self.input_for(*x, weight)?, out(self));
                self.emit(Command::MatMulInt8 { input, weight, out });
            }
            (Op::MatMul, [x, w]) => {
                let weight = self.weight(*w, Layout::Panel, false)?;
                let input = self.input_for(*x, weight)?;
                let product = Product { weight, out: out(self) };
                // Products of one input share a command, so that threads meet once for all of them.
                match self.part.commands.iter_mut().rev().find_map(|c| match c {
                    Command::MatMul { input: i, products } if *i == input => Some(products),
                    _ => None,
                }) {
                    Some(products) => products.push(product),
                    None => self.emit(Command::MatMul { input, products: vec![product] }),
                }
            }
            (Op::HeadNorm { head_dim, epsilon, theta }, [x, w @ ..]) => {
                let input = self.buffer(*x, "to be normed per head")?;
                let weight = w.first().map(|w| self.weight(*w, Layout::Flat, false)).transpose()?;
                let table = theta.map(|theta| self.table(theta, *head_dim));
                let out = out(self);
                self.emit(Command::HeadNorm { input, head_dim: *head_dim, epsilon: *epsilon, weight, table, out });
            }
            (Op::KvAppend(state), [k, v]) => {
                let (key, value) = (self.buffer(*k, "as keys")?, self.buffer(*v, "as values")?);
                self.emit(Command::KvAppend { state: *state, key, value });
            }
            (Op::CachedAttention { state, window, scale, .. }, [q]) => {
                let (query, out) = (self.buffer(*q, "as a query")?, out(self));
                self.emit(Command::Attention { state: *state, query, window: *window, scale: *scale, out });
            }
            (Op::Slice(start, _), [x]) => {
                let place = match self.place(*x)? {
                    Place::Buffer(buffer) => Place::Columns(buffer, *start),
                    Place::Columns(buffer, first) => Place::Columns(buffer, first + start),
                    Place::Constant(..) => return Err(self.unsupported(at, "a slice of a constant")),
                };
                self.set(output, place);
            }
            (Op::SparseUp, [gate, x, w]) => {
                let weight = self.weight(*w, Layout::Rows, false)?;
                let input = self.input_for(*x, weight)?;
                let buffer = self.buffer(*gate, "as a gate")?;
                if self.users[gate.0 as usize].len() > 1 || self.graph.outputs.contains(gate) {
                    return Err(self.unsupported(at, "its gate is used elsewhere, but it is overwritten in place"));
                }
                self.emit(Command::SparseUp { gate: buffer, input, weight });
                self.set(output, Place::Buffer(buffer));
            }
            (Op::SparseDown, [hidden, w]) => {
                let weight = self.weight(*w, Layout::Rows, false)?;
                let (hidden, out) = (self.buffer(*hidden, "as active neurons")?, out(self));
                self.emit(Command::SparseDown { hidden, weight, out });
            }
            (Op::Fused(region), _) => self.region(at, region)?,
            _ => return Err(self.unsupported(at, "no command does this; it should have been fused")),
        }
        Ok(())
    }

    fn region(&mut self, at: usize, region: &Region) -> Result<()> {
        let node = &self.graph.nodes[at];
        let (mut inputs, mut outputs) = (node.inputs.iter(), node.outputs.iter());
        let mut arguments = Vec::with_capacity(region.operands.len());
        for operand in &region.operands {
            let value = if operand.is_output() { outputs.next() } else { inputs.next() };
            let &value = value.ok_or_else(|| self.unsupported(at, "fewer values than slots"))?;
            arguments.push(if operand.is_output() {
                Argument::Buffer { buffer: self.fresh(value), offset: 0 }
            } else {
                match self.place(value)? {
                    Place::Buffer(buffer) => Argument::Buffer { buffer, offset: 0 },
                    Place::Columns(buffer, offset) => Argument::Buffer { buffer, offset },
                    Place::Constant(constant, offset) => Argument::Weight { weight: self.weight(constant, Layout::Flat, false)?, offset },
                }
            });
        }
        let known = self.shared.regions.iter().position(|r| r == region);
        let number = known.unwrap_or_else(|| {
            self.shared.regions.push(region.clone());
            self.shared.regions.len() - 1
        });
        self.emit(Command::Region { region: number as u32, repeat: 1, arguments });
        Ok(())
    }

    fn emit(&mut self, command: Command) {
        self.part.commands.push(command);
    }

    fn set(&mut self, value: Option<ValueId>, place: Place) {
        if let Some(value) = value {
            self.places[value.0 as usize] = Some(place);
        }
    }

    fn place(&self, value: ValueId) -> Result<Place> {
        self.places[value.0 as usize].ok_or_else(|| Error::verify("lower", format!("{} is used before it is made", self.graph.label(value))))
    }

    /// A new buffer for a value.
    fn fresh(&mut self, value: ValueId) -> BufferId {
        let buffer = self.add(Buffer { name: self.graph.label(value), elements: Elements::F32, width: self.graph.width(value), offset: 0 });
        self.set(Some(value), Place::Buffer(buffer));
        buffer
    }

    fn add(&mut self, buffer: Buffer) -> BufferId {
        self.part.buffers.push(buffer);
        self.part.buffers.len() as BufferId - 1
    }

    fn buffer(&self, value: ValueId, role: &str) -> Result<BufferId> {
        match self.place(value)? {
            Place::Buffer(buffer) => Ok(buffer),
            Place::Columns(..) | Place::Constant(..) => Err(Error::Unsupported {
                place: self.graph.label(value),
                why: format!("a slice or constant of {:?} cannot be used {role}", self.graph.ty(value)),
            }),
        }
    }

    fn weight(&mut self, value: ValueId, layout: Layout, streamed: bool) -> Result<u32> {
        let Place::Constant(value, 0) = self.place(value)? else {
            return Err(Error::Unsupported { place: self.graph.label(value), why: "a product with part of a constant".into() });
        };
        match (self.graph.weight(value), self.graph.ty(value)) {
            (Some(weight), Type::Weight(rows, cols)) => self.shared.weights.add(weight, rows, cols, layout, streamed),
            _ => Err(Error::verify("lower", format!("{} is no constant", self.graph.label(value)))),
        }
    }

    /// The buffer to multiply with a weight: quantised once if the weight is quantised.
    fn input_for(&mut self, value: ValueId, weight: u32) -> Result<BufferId> {
        let input = self.buffer(value, "in a product")?;
        let (elements, what) = match self.shared.weights.format(weight) {
            Format::F32 | Format::Bf16 => return Ok(input),
            Format::Q8 | Format::Q4 => (Elements::Activations, "8 bits"),
            Format::Int8 => (Elements::Int8, "int8"),
        };
        let made = |&&(from, out): &&(BufferId, BufferId)| from == input && self.part.buffers[out as usize].elements == elements;
        if let Some((_, out)) = self.quantised.iter().find(made) {
            return Ok(*out);
        }
        let width = self.graph.width(value);
        debug_assert!((width as usize).is_multiple_of(GROUP), "quantise leaves other widths alone");
        let out = self.add(Buffer { name: format!("{} ({what})", self.graph.label(value)), elements, width, offset: 0 });
        self.quantised.push((input, out));
        self.emit(if elements == Elements::Int8 { Command::QuantizeInt8 { input, out } } else { Command::Quantize { input, out } });
        Ok(out)
    }

    fn table(&mut self, theta: f32, head_dim: u32) -> BufferId {
        if let Some(known) = self.tables.iter().find(|t| (t.0, t.1) == (theta.to_bits(), head_dim)) {
            return known.2;
        }
        let out = self.add(Buffer { name: format!("rotation by {theta}"), elements: Elements::F32, width: head_dim, offset: 0 });
        self.tables.push((theta.to_bits(), head_dim, out));
        self.emit(Command::RopeTable { theta, out });
        out
    }

    fn unsupported(&self, at: usize, why: &str) -> Error {
        let node = &self.graph.nodes[at];
        let name = node.outputs.first().map_or(String::new(), |v| format!(" making {}", self.graph.label(*v)));
        let shapes: Vec<Type> = node.inputs.iter().map(|v| self.graph.ty(*v)).collect();
        Error::Unsupported { place: format!("`{}`{name} of {shapes:?}", node.op.name()), why: why.into() }
    }
}
