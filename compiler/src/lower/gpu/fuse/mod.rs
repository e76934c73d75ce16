//! Which commands become one launch, and what crosses between host and device on the way.

mod heads;
mod join;
mod products;

use super::Lowering;
use crate::{Error, Result};
use unicorn_artifact::command::{self, BufferId, Command};
use unicorn_artifact::gpu::{Argument, Launch, Stage};
use unicorn_artifact::plan::{Elements, Entry, Part};
use unicorn_artifact::region::{Operand, Region, RegionOp};
use unicorn_artifact::tensor::GROUP;
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::region::{self, Slot};
use unicorn_kernels_gpu::{embed, matvec};

/// Most rows for which products run without matrix units.
const FEW_ROWS: u32 = 4;

/// An entry on its way.
pub struct Work<'a, 'p> {
    lowering: &'a mut Lowering<'p>,
    entry: &'p Entry,
    on_gpu: &'a [bool],
    done: Vec<bool>,
    /// Where the contents of a buffer are.
    on_host: Vec<bool>,
    on_device: Vec<bool>,
    /// Commands that read each buffer.
    readers: Vec<Vec<usize>>,
    /// By buffer in eight bits: the command that should make it, and of what, where its one reader does that for itself.
    left_to_reader: Vec<Option<(usize, BufferId)>>,
    most: u32,
    /// What the launches of `stages` do: their `kernel` is an index into this.
    ops: Vec<Op>,
    stages: Vec<Stage>,
}

impl<'a, 'p> Work<'a, 'p> {
    /// Nothing done yet.
    pub fn new(lowering: &'a mut Lowering<'p>, entry: &'p Entry, on_gpu: &'a [bool]) -> Self {
        let plan = lowering.plan;
        let mut readers = vec![vec![]; entry.buffers.len()];
        for (at, command) in entry.commands.iter().enumerate() {
            for id in command.buffers(&plan.regions).0 {
                readers[id as usize].push(at);
            }
        }
        let (commands, buffers) = (entry.commands.len(), entry.buffers.len());
        Self {
            most: plan.max_rows(entry.part),
            lowering,
            entry,
            on_gpu,
            done: vec![false; commands],
            on_host: vec![false; buffers],
            on_device: vec![false; buffers],
            left_to_reader: vec![None; buffers],
            readers,
            ops: vec![],
            stages: vec![],
        }
    }

    /// The stages; only now kernels get their numbers, since a launch may have taken in another.
    pub fn finish(mut self) -> Vec<Stage> {
        for stage in &mut self.stages {
            let Stage::Device(launches) = stage else { continue };
            for launch in launches {
                launch.kernel = self.lowering.kernel(self.ops[launch.kernel as usize].clone(), launch.arguments.len());
            }
        }
        self.stages
    }

    /// Does command `at`, if it is not yet done.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the command.
    pub fn command(&mut self, at: usize) -> Result<()> {
        if self.done[at] {
            return Ok(());
        }
        if !self.on_gpu[at] {
            self.host(at);
            return Ok(());
        }
        let command = &self.entry.commands[at];
        match command {
            Command::Embed { table, scale, out } => self.embed(at, *table, *scale, *out),
            Command::EmbedPerLayer { .. } => return Err(self.unsupported(at, "rows of a streamed weight are read by the host")),
            Command::QuantizeInt8 { .. } | Command::MatMulInt8 { .. } => {
                return Err(self.unsupported(at, "int8 with a scale a row is multiplied by the host or an NPU"));
            }
            Command::Quantize { input, .. } => self.quantise(at, *input)?,
            Command::MatMul { input, products } => self.matmul(at, *input, products)?,
            Command::SparseUp { gate, input, weight } => self.sparse_up(at, *gate, *input, *weight)?,
            Command::SparseDown { hidden, weight, out } => self.sparse_down(at, *hidden, *weight, *out)?,
            // The table is made once, for all positions; who rotates by it covers this command.
            Command::RopeTable { .. } => {}
            Command::HeadNorm { .. } => self.heads(at)?,
            Command::KvAppend { .. } => return Err(self.unsupported(at, "its keys and values were not normed per head just before")),
            Command::Attention { state, query, window, scale, out } => self.attention(at, (*state, *query, *out), *window, *scale)?,
            Command::Region { region, repeat: 1, arguments } => self.region(at, *region, arguments)?,
            Command::Region { .. } => return Err(self.unsupported(at, "a region that repeats within a row")),
            Command::Gather { .. } => self.gather(),
        }
        Ok(())
    }

    /// Whether what crosses between host and device has the same form on both.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the buffer.
    pub fn check(&self) -> Result<()> {
        for stage in &self.stages {
            if let Stage::Upload(id) | Stage::Download(id) = stage {
                let buffer = &self.entry.buffers[*id as usize];
                if buffer.elements != Elements::F32 && self.entry.rows > 1 {
                    return Err(Error::Unsupported {
                        place: format!("`{}`", buffer.name),
                        why: "values in eight bits cannot cross between devices".into(),
                    });
                }
            }
        }
        Ok(())
    }

    fn host(&mut self, at: usize) {
        let (read, written) = self.entry.commands[at].buffers(&self.lowering.plan.regions);
        for id in read {
            // Launches read the table of all positions instead, so nobody has made this one yet.
            let maker = self.entry.commands.iter().position(|c| matches!(c, Command::RopeTable { out, .. } if *out == id));
            if let Some(maker) = maker.filter(|_| !self.on_host[id as usize]) {
                self.host(maker);
            } else if !self.on_host[id as usize] {
                self.stages.push(Stage::Download(id));
                self.on_host[id as usize] = true;
            }
        }
        match self.stages.last_mut() {
            Some(Stage::Host(commands)) => commands.push(at as u32),
            _ => self.stages.push(Stage::Host(vec![at as u32])),
        }
        self.done[at] = true;
        for id in written {
            self.on_host[id as usize] = true;
            self.on_device[id as usize] = false;
            if self.readers[id as usize].iter().any(|&r| self.on_gpu[r]) {
                self.stages.push(Stage::Upload(id));
                self.on_device[id as usize] = true;
            }
        }
    }

    /// Adds a launch that does `commands`, reads `read` and writes `written`.
    fn launch(&mut self, op: Op, grid: [u32; 3], arguments: Vec<Argument>, commands: &[usize], read: &[BufferId], written: &[BufferId]) {
        for &id in read {
            if !self.on_device[id as usize] {
                self.stages.push(Stage::Upload(id));
                self.on_device[id as usize] = true;
            }
        }
        let kernel = self.ops.len() as u32;
        self.ops.push(op);
        self.account(&arguments, commands, written);
        let mut commands: Vec<u32> = commands.iter().map(|&c| c as u32).collect();
        commands.sort_unstable();
        commands.dedup();
        let launch = Launch { kernel, grid, arguments, commands };
        match self.stages.last_mut() {
            Some(Stage::Device(launches)) => launches.push(launch),
            _ => self.stages.push(Stage::Device(vec![launch])),
        }
    }

    /// What becomes of a value that a kernel makes: its eight-bit twin and who makes that, and whether the value itself is wanted.
    fn outcome(&self, buffer: BufferId) -> (Option<(usize, BufferId)>, bool) {
        let twin = self.readers[buffer as usize].iter().find_map(|&r| match self.entry.commands[r] {
            Command::Quantize { out, .. } if self.on_gpu[r] && !self.done[r] && !self.reader_rounds(out) => Some((r, out)),
            _ => None,
        });
        let others = self.readers[buffer as usize].iter().any(|&r| twin.is_none_or(|(q, _)| q != r));
        (twin, others || self.survives(buffer))
    }

    /// Whether a buffer is wanted after the entry: logits, or what the body hands to the tail.
    fn survives(&self, buffer: BufferId) -> bool {
        let plan = self.lowering.plan;
        self.entry.logits == Some(buffer)
            || self.entry.part == Part::Body && (0..plan.handoffs.len()).any(|at| super::place::handoff_buffer(plan, self.entry, at) == Some(buffer))
    }

    fn width(&self, buffer: BufferId) -> u32 {
        self.entry.buffers[buffer as usize].width
    }

    fn embed(&mut self, at: usize, table: u32, scale: f32, out: BufferId) {
        let weight = &self.lowering.plan.weights[table as usize];
        let (format, cols) = (weight.format, weight.cols);
        let (twin, _) = self.outcome(out);
        let mut arguments = vec![Argument::Inputs, Argument::Weight(table), Argument::Buffer(out)];
        let (mut commands, mut written) = (vec![at], vec![out]);
        if let Some((quantise, twin)) = twin {
            arguments.push(Argument::Buffer(twin));
            commands.push(quantise);
            written.push(twin);
        }
        let op = Op::Embed { format, cols, scale, quantise: twin.is_some(), rows: self.entry.rows, most: self.most };
        let grid = [embed::embed_blocks(format, cols), self.entry.rows, 1];
        self.launch(op, grid, arguments, &commands, &[], &written);
    }

    /// A value that no kernel of ours has just made: a region that only reads and rounds.
    fn quantise(&mut self, at: usize, input: BufferId) -> Result<()> {
        let width = self.width(input);
        let Command::Quantize { out, .. } = self.entry.commands[at] else { return Ok(()) };
        if !width.is_multiple_of(GROUP as u32) {
            return Err(self.unsupported(at, "its width is no multiple of 32"));
        }
        if self.reader_rounds(out) {
            self.left_to_reader[out as usize] = Some((at, input));
            return Ok(());
        }
        let region = Region { width, operands: vec![Operand::Row, Operand::OutRow], ops: vec![RegionOp::Load(0), RegionOp::Store(1, 0)] };
        let slot = |quantise: bool| Slot { stride: width, offset: 0, quantise, keep: !quantise };
        let slots = vec![slot(false), slot(true)];
        let grid = [region::column_blocks(width, false), self.entry.rows, 1];
        let arguments = vec![Argument::Inputs, Argument::Buffer(input), Argument::Buffer(out)];
        let bound = Bound { commands: vec![at], read: vec![input], written: vec![out], ..Bound::default() };
        if !self.absorb(&region, &slots, grid, &arguments[1..], &bound) {
            self.launch(Op::Region { region, slots, rows: self.entry.rows }, grid, arguments, &[at], &[input], &[out]);
        }
        Ok(())
    }

    /// Whether the one reader of a narrow value in eight bits is a product that can as well read it in f32.
    fn reader_rounds(&self, twin: BufferId) -> bool {
        let [reader] = self.readers[twin as usize][..] else { return false };
        let Command::MatMul { products, .. } = &self.entry.commands[reader] else { return false };
        let weights = &self.lowering.plan.weights;
        let format = |p: &command::Product| weights[p.weight as usize].format;
        let alike = products.iter().all(|p| format(p) == format(&products[0]));
        self.entry.rows == 1 && self.on_gpu[reader] && alike && self.width(twin) <= matvec::ROUNDED && !self.survives(twin)
    }

    fn region(&mut self, at: usize, number: u32, arguments: &[command::Argument]) -> Result<()> {
        let region = self.lowering.plan.regions[number as usize].clone();
        let mut bound = Bound::default();
        let slots: Vec<Slot> = region.operands.iter().zip(arguments).map(|(o, a)| self.bind(*o, a, &mut bound)).collect();
        let reduces = region.reduces();
        let grid = [region::column_blocks(region.width, reduces), self.entry.rows, 1];
        let mut list = vec![Argument::Inputs];
        list.append(&mut bound.arguments);
        bound.commands.push(at);
        if self.absorb(&region, &slots, grid, &list[1..], &bound) {
            return Ok(());
        }
        let rows = if self.entry.rows == 1 || slots.iter().any(|s| s.quantise) { self.entry.rows } else { 0 };
        self.launch(Op::Region { region, slots, rows }, grid, list, &bound.commands, &bound.read, &bound.written);
        Ok(())
    }

    fn bind(&self, operand: Operand, argument: &command::Argument, bound: &mut Bound) -> Slot {
        match *argument {
            command::Argument::Weight { weight, offset } => {
                bound.arguments.push(Argument::Weight(weight));
                Slot { stride: 0, offset, quantise: false, keep: true }
            }
            command::Argument::Buffer { buffer, offset } => {
                let stride = self.width(buffer);
                let place = if offset == 0 { Argument::Buffer(buffer) } else { Argument::Slice(buffer, offset) };
                if !operand.is_output() {
                    bound.arguments.push(place);
                    bound.read.push(buffer);
                    return Slot { stride, offset: 0, quantise: false, keep: true };
                }
                let (twin, keep) = if region::is_scalar(operand) { (None, true) } else { self.outcome(buffer) };
                if keep || twin.is_none() {
                    bound.arguments.push(place);
                    bound.written.push(buffer);
                }
                if let Some((quantise, twin)) = twin {
                    bound.arguments.push(Argument::Buffer(twin));
                    bound.written.push(twin);
                    bound.commands.push(quantise);
                }
                Slot { stride, offset: 0, quantise: twin.is_some(), keep: keep || twin.is_none() }
            }
        }
    }

    /// All gathers at once: they depend on nothing in the entry.
    fn gather(&mut self) {
        let all: Vec<(usize, u32, BufferId)> = self
            .entry
            .commands
            .iter()
            .enumerate()
            .filter_map(|(at, c)| match c {
                Command::Gather { handoff, out } if self.on_gpu[at] && !self.done[at] => Some((at, *handoff, *out)),
                _ => None,
            })
            .collect();
        let widths: Vec<u32> = all.iter().map(|&(_, _, out)| self.width(out)).collect();
        let mut arguments = vec![Argument::Inputs];
        arguments.extend(all.iter().flat_map(|&(_, handoff, out)| [Argument::Handoff(handoff), Argument::Buffer(out)]));
        let grid = [embed::gather_blocks(&widths), self.entry.rows, widths.len() as u32];
        let commands: Vec<usize> = all.iter().map(|a| a.0).collect();
        let written: Vec<BufferId> = all.iter().map(|a| a.2).collect();
        self.launch(Op::Gather { widths, most: self.most }, grid, arguments, &commands, &[], &written);
    }

    fn unsupported(&self, at: usize, why: &str) -> Error {
        let command = &self.entry.commands[at];
        let written = command.buffers(&self.lowering.plan.regions).1;
        let name = written.first().map_or(String::new(), |b| format!(" making `{}`", self.entry.buffers[*b as usize].name));
        Error::Unsupported { place: format!("command {at} `{}`{name}", command.name()), why: why.to_owned() }
    }
}

/// What a region call is bound to.
#[derive(Default)]
struct Bound {
    arguments: Vec<Argument>,
    commands: Vec<usize>,
    read: Vec<BufferId>,
    written: Vec<BufferId>,
}
