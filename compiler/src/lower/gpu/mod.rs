//! Commands to launches: an entry's commands that fall to the GPU become kernels, each doing as many commands as it can in one go.
//!
//! Nothing here changes what is computed: a launch names the commands it performs, and the host can run those instead.

mod fuse;
pub mod image;
mod place;

use crate::{Error, Result};
use unicorn_artifact::command::Command;
use unicorn_artifact::gpu::{Argument, GpuEntry, GpuPlan, Kernel, Launch, Stage, Table};
use unicorn_artifact::plan::{Entry, Part, Plan};
use unicorn_kernels_gpu::op::Op;

/// Which commands of the body and of the tail fall to the GPU.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// One per command of every body.
    pub body: Vec<bool>,
    /// One per command of every tail.
    pub tail: Vec<bool>,
}

/// A GPU's part of a plan, and the kernels it names.
#[derive(Debug)]
pub struct Lowered {
    /// For the plan; images still missing.
    pub plan: GpuPlan,
    /// One per kernel of the plan.
    pub ops: Vec<Op>,
}

/// Lowers the commands that `assignment` gives to the GPU.
///
/// # Errors
/// [`Error::Unsupported`] naming entry, command and shape.
pub fn lower(plan: &Plan, assignment: &Assignment) -> Result<Lowered> {
    let mut lowering = Lowering { plan, ops: vec![], gpu: GpuPlan::default() };
    lowering.gpu.states = vec![false; plan.states.len()];
    lowering.gpu.weights = vec![false; plan.weights.len()];
    lowering.gpu.handoffs = vec![None; plan.handoffs.len()];
    let (floor, mut tail) = (lowering.handoffs(&assignment.body), assignment.tail.clone());
    // What a body leaves on the device is gathered there if anyone there reads it.
    for (_, entry) in plan.entries_of(Part::Tail).take(1) {
        for (at, command) in entry.commands.iter().enumerate() {
            if let Command::Gather { handoff, out } = command {
                let wanted = entry.commands.iter().zip(&assignment.tail).any(|(c, &gpu)| gpu && c.buffers(&plan.regions).0.contains(out));
                tail[at] |= wanted && lowering.gpu.handoffs[*handoff as usize].is_some();
            }
        }
    }
    lowering.gpu.arena_bytes = floor;
    for (number, entry) in plan.entries.iter().enumerate() {
        let on_gpu = if entry.part == Part::Body { &assignment.body } else { &tail };
        let named = |e| match e {
            Error::Unsupported { place, why } => {
                Error::Unsupported { place: format!("GPU, {:?} entry of {} rows, {place}", entry.part, entry.rows), why }
            }
            other => other,
        };
        let mut made = lowering.entry(entry, on_gpu).map_err(named)?;
        let end = place::place(plan, entry, &mut made, &lowering.gpu.handoffs, floor);
        lowering.gpu.arena_bytes = lowering.gpu.arena_bytes.max(end);
        debug_assert_eq!(lowering.gpu.entries.len(), number);
        lowering.gpu.entries.push(made);
    }
    Ok(Lowered { plan: lowering.gpu, ops: lowering.ops })
}

struct Lowering<'a> {
    plan: &'a Plan,
    ops: Vec<Op>,
    gpu: GpuPlan,
}

impl<'p> Lowering<'p> {
    /// Gives every handoff that the GPU makes, or reads of the host's, a place at the beginning of the device's arena. Returns its end.
    fn handoffs(&mut self, body: &[bool]) -> u64 {
        let (plan, mut end) = (self.plan, 0u64);
        let Some((_, entry)) = plan.entries_of(Part::Body).next() else { return 0 };
        for (at, handoff) in plan.handoffs.iter().enumerate() {
            let Some(buffer) = place::handoff_buffer(plan, entry, at) else { continue };
            let made = place::producer(plan, entry, buffer).is_some_and(|command| body[command]);
            if made || entry.commands.iter().zip(body).any(|(c, &gpu)| gpu && c.buffers(&plan.regions).0.contains(&buffer)) {
                self.gpu.handoffs[at] = Some(end);
                end += place::bytes(u64::from(handoff.width) * 4 * u64::from(plan.max_rows(Part::Body)));
            }
        }
        end
    }

    /// The number of an op, added if it is new, with its parameters.
    fn kernel(&mut self, op: Op, parameters: usize) -> u32 {
        if let Some(known) = self.ops.iter().position(|o| *o == op) {
            return known as u32;
        }
        let number = self.ops.len();
        self.gpu.kernels.push(Kernel {
            name: format!("{}_{number}", op.family()),
            threads: op.threads(),
            parameters: parameters as u32,
            title: op.title(),
        });
        self.ops.push(op);
        number as u32
    }

    fn table(&mut self, theta: f32, head_dim: u32) -> Argument {
        let table = Table { theta, head_dim };
        let at = self.gpu.tables.iter().position(|t| *t == table).unwrap_or_else(|| {
            self.gpu.tables.push(table);
            self.gpu.tables.len() - 1
        });
        Argument::Table(at as u32)
    }

    fn entry(&mut self, entry: &'p Entry, on_gpu: &[bool]) -> Result<GpuEntry> {
        let mut work = fuse::Work::new(self, entry, on_gpu);
        // A command that only depends on tokens goes first where nothing of the host's comes before it, so that the device is not interrupted.
        let mut order: Vec<usize> = (0..entry.commands.len()).collect();
        if let Some(at) = entry.commands.iter().position(|c| matches!(c, Command::EmbedPerLayer { .. }))
            && on_gpu[..at].iter().all(|g| *g)
        {
            order.remove(at);
            order.insert(0, at);
        }
        for at in order {
            work.command(at)?;
        }
        work.check()?;
        let stages = work.finish();
        let best = entry.logits.map(|logits| self.best(entry, logits));
        // Only of use where the logits are on the device.
        let best = best.filter(|_| place::producer(self.plan, entry, entry.logits.unwrap_or(0)).is_some_and(|c| on_gpu[c]));
        let top = if best.is_some() { self.top(entry, entry.logits.unwrap_or(0)) } else { vec![] };
        Ok(GpuEntry { buffers: vec![None; entry.buffers.len()], stages, best, top })
    }

    fn best(&mut self, entry: &Entry, logits: u32) -> Launch {
        let vocabulary = entry.buffers[logits as usize].width;
        let arguments = vec![Argument::Inputs, Argument::Buffer(logits), Argument::Best];
        let kernel = self.kernel(Op::Argmax { vocabulary, limit: self.plan.model.text_vocabulary.min(vocabulary) }, arguments.len());
        let grid = [unicorn_kernels_gpu::embed::argmax_blocks(vocabulary), entry.rows, 1];
        Launch { kernel, grid, arguments, commands: vec![] }
    }

    fn top(&mut self, entry: &Entry, logits: u32) -> Vec<Launch> {
        let vocabulary = entry.buffers[logits as usize].width;
        let (limit, most) = (self.plan.model.text_vocabulary.min(vocabulary), self.plan.max_rows(Part::Tail));
        let grid = [unicorn_kernels_gpu::top::blocks(vocabulary), entry.rows, 1];
        let arguments = vec![Argument::Inputs, Argument::Buffer(logits), Argument::Top];
        [Op::TopCount { vocabulary, limit }, Op::TopCollect { vocabulary, limit, most }]
            .map(|op| Launch { kernel: self.kernel(op, arguments.len()), grid, arguments: arguments.clone(), commands: vec![] })
            .into()
    }
}

/// All launches of an entry, in order.
pub fn launches(entry: &GpuEntry) -> impl Iterator<Item = &Launch> {
    entry.stages.iter().flat_map(|s| match s {
        Stage::Device(launches) => &launches[..],
        _ => &[],
    })
}
