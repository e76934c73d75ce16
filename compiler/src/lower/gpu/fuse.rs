//! Which commands become one launch, and what crosses between host and device on the way.

use super::Lowering;
use crate::{Error, Result};
use unicorn_artifact::command::{self, BufferId, Command, Product};
use unicorn_artifact::gpu::{Argument, Launch, Stage};
use unicorn_artifact::plan::{Elements, Entry, Part};
use unicorn_artifact::region::{Operand, Region, RegionOp};
use unicorn_artifact::tensor::{Format, GROUP, Layout};
use unicorn_kernels_gpu::heads::{Goal, Heads, Ring};
use unicorn_kernels_gpu::matvec::{self, Epilogue, Source};
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::region::{self, Slot};
use unicorn_kernels_gpu::{attention, embed, matmul, sparse};

/// Most rows for which products run without matrix units, and attention in parts.
const FEW_ROWS: u32 = 4;
/// Positions of a key head that one block takes before another is worth its start.
const PART_POSITIONS: u32 = 256;
/// Most blocks that share the positions of a row and key head.
const MOST_PARTS: u32 = 16;

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
    most: u32,
    /// The result.
    pub stages: Vec<Stage>,
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
            readers,
            stages: vec![],
        }
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
                if buffer.elements == Elements::Activations && self.entry.rows > 1 {
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
        for argument in &arguments {
            match argument {
                Argument::Weight(id) => self.lowering.gpu.weights[*id as usize] = true,
                Argument::State(id) => self.lowering.gpu.states[*id as usize] = true,
                _ => {}
            }
        }
        let kernel = self.lowering.kernel(op);
        let mut commands: Vec<u32> = commands.iter().map(|&c| c as u32).collect();
        commands.sort_unstable();
        commands.dedup();
        for &c in &commands {
            self.done[c as usize] = true;
        }
        let launch = Launch { kernel, grid, arguments, commands };
        match self.stages.last_mut() {
            Some(Stage::Device(launches)) => launches.push(launch),
            _ => self.stages.push(Stage::Device(vec![launch])),
        }
        for &id in written {
            self.on_device[id as usize] = true;
            self.on_host[id as usize] = false;
        }
    }

    /// What becomes of a value that a kernel makes: its eight-bit twin and who makes that, and whether the value itself is wanted.
    fn outcome(&self, buffer: BufferId) -> (Option<(usize, BufferId)>, bool) {
        let twin = self.readers[buffer as usize].iter().find_map(|&r| match self.entry.commands[r] {
            Command::Quantize { out, .. } if self.on_gpu[r] && !self.done[r] => Some((r, out)),
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
        let region = Region { width, operands: vec![Operand::Row, Operand::OutRow], ops: vec![RegionOp::Load(0), RegionOp::Store(1, 0)] };
        let slot = |quantise: bool| Slot { stride: width, offset: 0, quantise, keep: !quantise };
        let grid = [region::column_blocks(width, false), self.entry.rows, 1];
        let op = Op::Region { region, slots: vec![slot(false), slot(true)], rows: self.entry.rows };
        self.launch(op, grid, vec![Argument::Inputs, Argument::Buffer(input), Argument::Buffer(out)], &[at], &[input], &[out]);
        Ok(())
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
        let rows = if slots.iter().any(|s| s.quantise) { self.entry.rows } else { 0 };
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
                if !operand.is_output() {
                    bound.arguments.push(Argument::Buffer(buffer));
                    bound.read.push(buffer);
                    return Slot { stride, offset, quantise: false, keep: true };
                }
                let (twin, keep) = if region::is_scalar(operand) { (None, true) } else { self.outcome(buffer) };
                if keep || twin.is_none() {
                    bound.arguments.push(Argument::Buffer(buffer));
                    bound.written.push(buffer);
                }
                if let Some((quantise, twin)) = twin {
                    bound.arguments.push(Argument::Buffer(twin));
                    bound.written.push(twin);
                    bound.commands.push(quantise);
                }
                Slot { stride, offset, quantise: twin.is_some(), keep: keep || twin.is_none() }
            }
        }
    }

    fn matmul(&mut self, at: usize, input: BufferId, products: &[Product]) -> Result<()> {
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
        if let Some((epilogue, bound)) = one_format.then(|| self.epilogue(products)).flatten() {
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
            let mut arguments = vec![Argument::Inputs, Argument::Buffer(input)];
            arguments.extend(own.iter().flat_map(|p| [Argument::Weight(p.weight), Argument::Buffer(p.out)]));
            let written: Vec<BufferId> = own.iter().map(|p| p.out).collect();
            self.launch(op, grid, arguments, &[at], &[input], &written);
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

    fn sparse_up(&mut self, at: usize, gate: BufferId, input: BufferId, weight: u32) -> Result<()> {
        let w = &self.lowering.plan.weights[weight as usize];
        let (format, neurons, cols) = (w.format, w.rows, w.cols);
        if let Some(why) = sparse::refusal(format, cols) {
            return Err(self.unsupported(at, &why));
        }
        let arguments = vec![Argument::Inputs, Argument::Buffer(gate), Argument::Buffer(input), Argument::Weight(weight)];
        let grid = [sparse::up_blocks(neurons), self.entry.rows, 1];
        self.launch(Op::SparseUp { format, neurons, cols, rows: self.entry.rows }, grid, arguments, &[at], &[gate, input], &[gate]);
        Ok(())
    }

    fn sparse_down(&mut self, at: usize, hidden: BufferId, weight: u32, out: BufferId) -> Result<()> {
        let w = &self.lowering.plan.weights[weight as usize];
        let (format, neurons, cols) = (w.format, w.rows, w.cols);
        if let Some(why) = sparse::refusal(format, cols) {
            return Err(self.unsupported(at, &why));
        }
        let arguments = vec![Argument::Inputs, Argument::Buffer(hidden), Argument::Weight(weight), Argument::Buffer(out)];
        let grid = [sparse::down_blocks(cols), self.entry.rows, 1];
        self.launch(Op::SparseDown { format, neurons, cols }, grid, arguments, &[at], &[hidden], &[out]);
        Ok(())
    }

    /// All head norms that are ready, with the append that follows them.
    fn heads(&mut self, at: usize) -> Result<()> {
        let entry = self.entry;
        let ready = |this: &Self, c: usize| !this.done[c] && this.on_gpu[c];
        // The append that reads this norm, or the one that reads a norm standing beside it; a tail has none.
        let beside: Vec<usize> = (at..entry.commands.len())
            .take_while(|&c| matches!(entry.commands[c], Command::HeadNorm { .. } | Command::RopeTable { .. } | Command::KvAppend { .. }))
            .filter(|&c| ready(self, c))
            .collect();
        let append = beside.iter().copied().find(|&c| matches!(entry.commands[c], Command::KvAppend { .. }));
        let goals = match append.map(|c| &entry.commands[c]) {
            Some(Command::KvAppend { state, key, value }) => Some((*state, *key, *value)),
            _ => None,
        };
        let members: Vec<usize> = beside
            .iter()
            .copied()
            .take_while(|&c| append.is_none_or(|a| c < a))
            .filter(|&c| matches!(entry.commands[c], Command::HeadNorm { .. }))
            .collect();
        let mut state = goals.map(|g| g.0);
        let (mut runs, mut arguments) = (vec![], vec![]);
        let (mut commands, mut read, mut written) = (members.clone(), vec![], vec![]);
        let mut table = None;
        let (mut dim, mut eps) = (0, 0.0);
        for &member in &members {
            let Command::HeadNorm { input, head_dim, epsilon, weight, table: rotation, out } = &entry.commands[member] else { continue };
            let goal = match goals {
                Some((_, key, _)) if key == *out => Goal::Keys,
                Some((_, _, value)) if value == *out => Goal::Values,
                _ => Goal::Buffer,
            };
            if goal != Goal::Buffer && self.readers[*out as usize].len() > 1 {
                return Err(self.unsupported(member, "keys or values that are read elsewhere too"));
            }
            if let Some(rotation) = rotation {
                let maker = entry.commands.iter().position(|c| matches!(c, Command::RopeTable { out, .. } if out == rotation));
                let Some((maker, Command::RopeTable { theta, .. })) = maker.map(|m| (m, &entry.commands[m])) else {
                    return Err(self.unsupported(member, "a rotation by something else than a table"));
                };
                commands.push(maker);
                table = Some(*theta);
            }
            (dim, eps) = (*head_dim, *epsilon);
            runs.push(Heads { count: self.width(*input) / head_dim, weighted: weight.is_some(), rotated: rotation.is_some(), goal });
            arguments.push(Argument::Buffer(*input));
            arguments.extend(weight.map(Argument::Weight));
            read.push(*input);
            if goal == Goal::Buffer {
                arguments.push(Argument::Buffer(*out));
                written.push(*out);
            }
        }
        commands.extend(append);
        // A tail writes no state; any serves to fill the parameter.
        if state.is_none() && !self.lowering.plan.states.is_empty() {
            state = Some(0);
        }
        let Some(state) = state else { return Err(self.unsupported(at, "a model without keys and values")) };
        let ring = self.ring(state);
        if dim != ring.head_dim || !dim.is_multiple_of(2) {
            return Err(self.unsupported(at, &format!("heads of {dim} beside keys of {}", ring.head_dim)));
        }
        let table = self.lowering.table(table.unwrap_or(10_000.0), dim);
        let mut list = vec![Argument::Inputs, table, Argument::State(state)];
        list.append(&mut arguments);
        let grid = [runs.iter().map(|r: &Heads| r.count).sum(), entry.rows, 1];
        let op = Op::Heads { runs, ring, epsilon: eps, most: self.most };
        self.launch(op, grid, list, &commands, &read, &written);
        Ok(())
    }

    fn ring(&self, state: u32) -> Ring {
        let state = &self.lowering.plan.states[state as usize];
        Ring { heads: state.kv_heads, head_dim: state.head_dim, capacity: state.capacity }
    }

    fn attention(&mut self, at: usize, (state, query, out): (u32, BufferId, BufferId), window: u32, scale: f32) -> Result<()> {
        let ring = self.ring(state);
        let heads = self.width(query) / ring.head_dim;
        let (twin, keep) = self.outcome(out);
        let seen = if window == 0 { ring.capacity } else { window.min(ring.capacity) };
        let parts = if self.entry.rows > FEW_ROWS { 1 } else { (seen / PART_POSITIONS).clamp(1, MOST_PARTS) };
        let keep = keep || twin.is_none();
        let spec = attention::Spec { ring, heads, window, scale, parts, keep, quantise: twin.is_some(), rows: self.entry.rows, most: self.most };
        if let Some(why) = spec.refusal() {
            return Err(self.unsupported(at, &why));
        }
        let mut arguments = vec![Argument::Inputs, Argument::Buffer(query), Argument::State(state)];
        let (mut commands, mut written) = (vec![at], vec![]);
        if keep {
            arguments.push(Argument::Buffer(out));
            written.push(out);
        }
        if let Some((quantise, twin)) = twin {
            arguments.push(Argument::Buffer(twin));
            written.push(twin);
            commands.push(quantise);
        }
        if parts > 1 {
            arguments.extend([Argument::Scratch(0), Argument::Counters(0)]);
            let gpu = &mut self.lowering.gpu;
            gpu.scratch_bytes = gpu.scratch_bytes.max(u64::from(spec.scratch_floats()) * 4 * u64::from(self.entry.rows));
            gpu.counter_bytes = gpu.counter_bytes.max(u64::from(ring.heads) * 4 * u64::from(self.entry.rows));
        }
        let grid = [parts * ring.heads, self.entry.rows, 1];
        self.launch(Op::Attention(spec), grid, arguments, &commands, &[query], &written);
        Ok(())
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
