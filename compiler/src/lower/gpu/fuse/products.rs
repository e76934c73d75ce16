//! Products, and what follows them element by element.

use super::{Bound, FEW_ROWS, Work};
use crate::Result;
use unicorn_artifact::command::{self, BufferId, Command, Product};
use unicorn_artifact::gpu::Argument;
use unicorn_artifact::plan::Elements;
use unicorn_artifact::region::{Operand, Region, RegionOp};
use unicorn_artifact::tensor::{Format, Layout};
use unicorn_kernels_gpu::epilogue::{Epilogue, Source};
use unicorn_kernels_gpu::matvec;
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::{matmul, sparse};

impl Work<'_, '_> {
    pub(super) fn matmul(&mut self, at: usize, input: BufferId, products: &[Product]) -> Result<()> {
        let plan = self.lowering.plan;
        let quantised = self.entry.buffers[input as usize].elements == Elements::Activations;
        let weight = |p: &Product| &plan.weights[p.weight as usize];
        let cols = weight(&products[0]).cols;
        for product in products {
            let w = weight(product);
            if w.layout != Layout::Panel || w.format.is_quantised() != quantised || (!quantised && !cols.is_multiple_of(16)) {
                return Err(self.unsupported(at, &format!("a product with `{}` [{}, {}] in {}", w.name, w.rows, w.cols, w.format.name())));
            }
        }
        let one_format = products.iter().all(|p| weight(p).format == weight(&products[0]).format);
        // Who rounds the input for itself reads it as it was.
        let rounded = self.left_to_reader[input as usize];
        let source = rounded.map_or(input, |(_, before)| before);
        if let Some((epilogue, bound)) = (one_format && rounded.is_none()).then(|| self.epilogue(products)).flatten() {
            let operands = products.iter().map(|p| matvec::Operand { rows: weight(p).rows, stride: 0 }).collect();
            let (op, grid) = self.product((cols, weight(&products[0]).format), operands, Some(epilogue));
            let mut arguments = vec![Argument::Inputs, Argument::Buffer(input)];
            arguments.extend(products.iter().map(|p| Argument::Weight(p.weight)));
            arguments.extend(bound.arguments);
            let mut commands = bound.commands;
            commands.push(at);
            let mut read = bound.read;
            read.push(input);
            self.launch(op, grid, arguments, &commands, &read, &bound.written);
            return Ok(());
        }
        // One launch a format: mixed formats would need a kernel with both loops.
        for format in [Format::Q4, Format::Q8, Format::Bf16] {
            let own: Vec<&Product> = products.iter().filter(|p| weight(p).format == format).collect();
            if own.is_empty() {
                continue;
            }
            let operands = own.iter().map(|p| matvec::Operand { rows: weight(p).rows, stride: self.width(p.out) }).collect();
            let (op, grid) = self.product((cols, format), operands, None);
            let op = match op {
                Op::Matvec(spec) => Op::Matvec(matvec::Spec { rounds: rounded.is_some(), ..spec }),
                other => other,
            };
            let mut arguments = vec![Argument::Inputs, Argument::Buffer(source)];
            arguments.extend(own.iter().flat_map(|p| [Argument::Weight(p.weight), Argument::Buffer(p.out)]));
            let written: Vec<BufferId> = own.iter().map(|p| p.out).collect();
            let commands: Vec<usize> = rounded.iter().map(|&(quantise, _)| quantise).chain([at]).collect();
            self.launch(op, grid, arguments, &commands, &[source], &written);
        }
        Ok(())
    }

    /// The kernel of some products: on the matrix units for many rows, else straight.
    fn product(&self, (cols, format): (u32, Format), products: Vec<matvec::Operand>, epilogue: Option<Epilogue>) -> (Op, [u32; 3]) {
        let entry_rows = self.entry.rows;
        let many = matmul::Spec { cols, format, products, entry_rows, epilogue };
        if entry_rows > FEW_ROWS && many.fits() {
            let grid = [many.blocks(), many.row_blocks(), 1];
            return (Op::Matmul(many), grid);
        }
        let few = matmul::few(&many, entry_rows.min(FEW_ROWS));
        let grid = [few.blocks(), few.row_blocks(), 1];
        (Op::Matvec(few), grid)
    }

    /// The region that reads all products and nothing that is still to come, if the products' blocks can run it.
    fn epilogue(&self, products: &[Product]) -> Option<(Epilogue, Bound)> {
        let plan = self.lowering.plan;
        let [reader] = self.readers[products[0].out as usize][..] else { return None };
        let Command::Region { region, repeat: 1, arguments } = &self.entry.commands[reader] else { return None };
        let region = &plan.regions[*region as usize];
        let rows = plan.weights[products[0].weight as usize].rows;
        let alone = |p: &Product| self.readers[p.out as usize] == [reader] && !self.survives(p.out) && self.width(p.out) == rows;
        if !self.on_gpu[reader] || region.width != rows || !products.iter().all(alone) || products.len() > 4 {
            return None;
        }
        let product = |argument: &command::Argument| match *argument {
            command::Argument::Buffer { buffer, offset: 0 } => products.iter().position(|p| p.out == buffer),
            _ => None,
        };
        let from: Vec<Option<usize>> = arguments.iter().map(product).collect();
        if sums_over(region, &from) || region.operands.iter().any(|o| matches!(o, Operand::OutScalars(_))) {
            return None;
        }
        let ready = |argument: &command::Argument, operand: &Operand| match *argument {
            command::Argument::Buffer { buffer, .. } => {
                operand.is_output() || products.iter().any(|p| p.out == buffer) || self.on_device[buffer as usize]
            }
            command::Argument::Weight { .. } => true,
        };
        if !arguments.iter().zip(&region.operands).all(|(a, o)| ready(a, o)) {
            return None;
        }
        let mut bound = Bound::default();
        let slots: Vec<Source> = region
            .operands
            .iter()
            .zip(arguments)
            .zip(&from)
            .map(|((operand, argument), from)| match from {
                Some(at) => Source::Product(*at),
                None => Source::Slot(self.bind(*operand, argument, &mut bound)),
            })
            .collect();
        bound.commands.push(reader);
        Some((Epilogue { region: region.clone(), slots }, bound))
    }

    pub(super) fn sparse_up(&mut self, at: usize, gate: BufferId, input: BufferId, weight: u32) -> Result<()> {
        let w = &self.lowering.plan.weights[weight as usize];
        let (format, neurons, cols) = (w.format, w.rows, w.cols);
        if let Some(why) = sparse::refusal(format, cols) {
            return Err(self.unsupported(at, &why));
        }
        let arguments = vec![Argument::Inputs, Argument::Buffer(gate), Argument::Buffer(input), Argument::Weight(weight)];
        let grid = [sparse::up_blocks(neurons, self.entry.rows), self.entry.rows, 1];
        self.launch(Op::SparseUp { format, neurons, cols, rows: self.entry.rows }, grid, arguments, &[at], &[gate, input], &[gate]);
        Ok(())
    }

    pub(super) fn sparse_down(&mut self, at: usize, hidden: BufferId, weight: u32, out: BufferId) -> Result<()> {
        let w = &self.lowering.plan.weights[weight as usize];
        let (format, neurons, cols) = (w.format, w.rows, w.cols);
        if let Some(why) = sparse::refusal(format, cols) {
            return Err(self.unsupported(at, &why));
        }
        let arguments = vec![Argument::Inputs, Argument::Buffer(hidden), Argument::Weight(weight), Argument::Buffer(out)];
        let grid = [sparse::down_blocks(cols, self.entry.rows), self.entry.rows, 1];
        self.launch(Op::SparseDown { format, neurons, cols, rows: self.entry.rows, finale: None }, grid, arguments, &[at], &[hidden], &[out]);
        Ok(())
    }
}

/// Whether any sum of the region is over something that depends on a product.
fn sums_over(region: &Region, from: &[Option<usize>]) -> bool {
    let mut depends = Vec::with_capacity(region.ops.len());
    let mut found = false;
    for op in &region.ops {
        let own = matches!(op, RegionOp::Load(slot) if from[usize::from(*slot)].is_some());
        let inherited = op.inputs().into_iter().flatten().any(|v| depends[usize::from(v)]);
        found |= inherited && matches!(op, RegionOp::Sum(_));
        depends.push(own || inherited);
    }
    found
}
