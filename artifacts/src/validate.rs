//! The rules a plan must keep before any kernel sees it: whatever a file says, no command may leave its buffers, weights, states or the arena.
//!
//! This is about safety. Whether live buffers overlap is proved by the compiler's `schedule::check`; a plan that breaks that rule computes nonsense
//! but touches only its own memory.

use crate::command::{Argument, BufferId, Command, WeightId};
use crate::plan::{ALIGN, Buffer, Elements, Entry, Handoff, KV_BLOCK, Part, Plan, State, Weight};
use crate::region::Operand;
use crate::tensor::{Format, GROUP, Layout};
use crate::{Error, Result};

mod gpu;
mod npu;
mod stages;

pub use gpu::gpu;
pub use npu::npu;

/// Largest row count of an entry.
pub const MAX_ROWS: u32 = 1024;
/// Largest head dimension, a bound for the stack of kernels.
pub const MAX_HEAD_DIM: u32 = 1024;
/// Largest width, vocabulary, row count of a weight.
const MAX_EXTENT: u32 = 1 << 28;
/// Largest area in bytes.
const MAX_BYTES: u64 = 1 << 42;
/// Bytes that an area may have beyond the last thing placed in it.
const SLACK: u64 = 4096;
/// Most entries, both parts together. With [`MAX_ITEMS`] it bounds the work of whoever plans meetings between commands.
const MAX_ENTRIES: usize = 32;
/// Most buffers, commands, products and arguments of one entry, all counted together.
const MAX_ITEMS: usize = 1 << 15;
/// Most values between body and tail.
const MAX_HANDOFFS: usize = 1024;
/// Most tokens that end a generation.
const MAX_EOS: usize = 4096;

/// Checks a plan.
///
/// # Errors
/// [`Error::Plan`] for the first rule that is broken.
pub fn plan(plan: &Plan) -> Result<()> {
    let model = &plan.model;
    let bounded = |name: &str, value: u32, max: u32| match value {
        1.. if value <= max => Ok(()),
        _ => Err(Error::plan("model", format!("{name} is {value}, not in 1..={max}"))),
    };
    bounded("vocabulary", model.vocabulary, MAX_EXTENT)?;
    bounded("text_vocabulary", model.text_vocabulary, model.vocabulary)?;
    bounded("context", model.context, 1 << 24)?;
    bounded("slots", model.slots, 4096)?;
    if model.window > model.context {
        return Err(Error::plan("model", format!("a window of {} in a context of {}", model.window, model.context)));
    }
    if let Some(id) = model.eos.iter().chain([&model.bos]).find(|id| **id >= model.vocabulary) {
        return Err(Error::plan("model", format!("token {id} is outside a vocabulary of {}", model.vocabulary)));
    }
    let counts =
        [("end tokens", model.eos.len(), MAX_EOS), ("entries", plan.entries.len(), MAX_ENTRIES), ("handoffs", plan.handoffs.len(), MAX_HANDOFFS)];
    if let Some((what, has, most)) = counts.iter().find(|(_, has, most)| has > most) {
        return Err(Error::plan("model", format!("{has} {what}, more than {most}")));
    }
    for (name, bytes) in
        [("arena", plan.arena_bytes), ("states", plan.state_bytes), ("weights", plan.weight_bytes), ("streamed", plan.streamed_bytes)]
    {
        if bytes > MAX_BYTES {
            return Err(Error::plan(name, format!("{bytes} bytes are more than any machine has")));
        }
    }
    for (at, weight) in plan.weights.iter().enumerate() {
        self::weight(plan, weight).map_err(|why| Error::plan(format!("weight {at} `{}`", weight.name), why))?;
    }
    for (at, region) in plan.regions.iter().enumerate() {
        region.kinds().map_err(|why| Error::plan(format!("region {at}"), why))?;
        if region.width > MAX_EXTENT {
            return Err(Error::plan(format!("region {at}"), format!("width {}", region.width)));
        }
    }
    for code in &plan.code {
        if code.regions.len() != plan.regions.len() {
            return Err(Error::plan(format!("code for {}", code.arch), "it does not have one function per region"));
        }
    }
    for (at, state) in plan.states.iter().enumerate() {
        self::state(plan, state).map_err(|why| Error::plan(format!("state {at} `{}`", state.name), why))?;
    }
    let body_rows = plan.max_rows(Part::Body);
    for (at, handoff) in plan.handoffs.iter().enumerate() {
        let bytes = u64::from(handoff.width) * 4 * u64::from(body_rows);
        area(handoff.offset, bytes, plan.arena_bytes).map_err(|why| Error::plan(format!("handoff {at} `{}`", handoff.name), why))?;
    }
    for part in [Part::Body, Part::Tail] {
        let rows: Vec<u32> = plan.entries_of(part).map(|(_, e)| e.rows).collect();
        if rows.is_empty() || rows.windows(2).any(|w| w[0] >= w[1]) {
            return Err(Error::plan("entries", format!("{part:?} entries are {rows:?}, not one or more in ascending order")));
        }
    }
    for entry in &plan.entries {
        Check { plan, entry, body_rows }.run()?;
    }
    if let Some(part) = &plan.gpu {
        gpu(plan, part)?;
    }
    if let Some(part) = &plan.npu {
        npu(plan, part)?;
    }
    full(plan, body_rows)
}

/// Arena and states have no bytes in the file, so nothing else keeps a file from asking for more than it uses. (Weights do: their sections.)
fn full(plan: &Plan, body_rows: u32) -> Result<()> {
    let buffers = plan.entries.iter().flat_map(|e| e.buffers.iter().map(|b| b.offset + b.row_bytes() * u64::from(e.rows)));
    let handoffs = plan.handoffs.iter().map(|h| handoff_span(h, body_rows).1);
    let states = plan.states.iter().map(|s| s.offset + s.slot_bytes().unwrap_or(0) * u64::from(plan.model.slots));
    let ends = [("arena", plan.arena_bytes, buffers.chain(handoffs).max()), ("states", plan.state_bytes, states.max())];
    for (name, has, end) in ends {
        let end = end.unwrap_or(0);
        if has >= end + SLACK {
            return Err(Error::plan(name, format!("{has} bytes, of which {end} are used")));
        }
    }
    Ok(())
}

fn handoff_span(handoff: &Handoff, body_rows: u32) -> (u64, u64) {
    (handoff.offset, handoff.offset + u64::from(handoff.width) * 4 * u64::from(body_rows))
}

fn area(offset: u64, bytes: u64, total: u64) -> std::result::Result<(), String> {
    if !offset.is_multiple_of(ALIGN) || offset.checked_add(bytes).is_none_or(|end| end > total) {
        return Err(format!("{bytes} bytes at {offset} do not lie aligned in {total}"));
    }
    Ok(())
}

fn weight(plan: &Plan, weight: &Weight) -> std::result::Result<(), String> {
    if weight.rows == 0 || weight.cols == 0 || weight.rows > MAX_EXTENT || weight.cols > MAX_EXTENT {
        return Err(format!("shape [{}, {}]", weight.rows, weight.cols));
    }
    let bytes = weight.bytes().ok_or_else(|| format!("{} cannot be in {}", weight.format.name(), weight.layout.name()))?;
    if weight.streamed && weight.layout != Layout::Rows {
        return Err("streamed, but not in rows".into());
    }
    area(weight.offset, bytes, if weight.streamed { plan.streamed_bytes } else { plan.weight_bytes })
}

fn state(plan: &Plan, state: &State) -> std::result::Result<(), String> {
    let (heads, dim, capacity) = (state.kv_heads, state.head_dim, state.capacity);
    if heads == 0 || heads > 4096 || dim == 0 || !dim.is_multiple_of(16) || dim > MAX_HEAD_DIM || capacity == 0 || !capacity.is_multiple_of(KV_BLOCK)
    {
        return Err(format!("{heads} heads of {dim}, {capacity} positions"));
    }
    let bytes = state.slot_bytes().and_then(|b| b.checked_mul(u64::from(plan.model.slots))).ok_or("its size overflows")?;
    if !state.slot_bytes().is_some_and(|b| b.is_multiple_of(ALIGN)) {
        return Err("slots are not aligned".into());
    }
    area(state.offset, bytes, plan.state_bytes)
}

struct Check<'a> {
    plan: &'a Plan,
    entry: &'a Entry,
    /// The largest row count of a body.
    body_rows: u32,
}

type Rule = std::result::Result<(), String>;

/// What a command counts towards [`MAX_ITEMS`].
fn items(command: &Command) -> usize {
    1 + match command {
        Command::MatMul { products, .. } => products.len(),
        Command::Region { arguments, .. } => arguments.len(),
        _ => 0,
    }
}

impl Check<'_> {
    fn run(&self) -> Result<()> {
        let place = format!("{:?} entry of {} rows", self.entry.part, self.entry.rows);
        if self.entry.rows == 0 || self.entry.rows > MAX_ROWS {
            return Err(Error::plan(place, format!("rows not in 1..={MAX_ROWS}")));
        }
        let items = self.entry.buffers.len() + self.entry.commands.iter().map(items).sum::<usize>();
        if items > MAX_ITEMS {
            return Err(Error::plan(place, format!("{items} buffers, commands and arguments, more than {MAX_ITEMS}")));
        }
        for (at, buffer) in self.entry.buffers.iter().enumerate() {
            self.buffer(buffer).map_err(|why| Error::plan(format!("{place}, buffer {at} `{}`", buffer.name), why))?;
        }
        for (at, command) in self.entry.commands.iter().enumerate() {
            let checked = self.command(command).and_then(|()| self.apart(command));
            checked.map_err(|why| Error::plan(format!("{place}, command {at} `{}`", command.name()), why))?;
        }
        match (self.entry.part, self.entry.logits) {
            (Part::Body, None) => Ok(()),
            (Part::Tail, Some(id)) => {
                self.f32(id, Some(self.plan.model.vocabulary)).map(|_| ()).map_err(|why| Error::plan(place, format!("logits: {why}")))
            }
            _ => Err(Error::plan(place, "a tail has logits, a body has none")),
        }
    }

    fn buffer(&self, buffer: &Buffer) -> Rule {
        if buffer.width == 0 || buffer.width > MAX_EXTENT {
            return Err(format!("width {}", buffer.width));
        }
        if buffer.elements != Elements::F32 && !(buffer.width as usize).is_multiple_of(GROUP) {
            return Err(format!("{:?} of width {}", buffer.elements, buffer.width));
        }
        area(buffer.offset, buffer.row_bytes() * u64::from(self.entry.rows), self.plan.arena_bytes)?;
        if self.entry.part == Part::Tail
            && let Some(handoff) = self.plan.handoffs.iter().find(|h| {
                let (start, end) = handoff_span(h, self.body_rows);
                buffer.offset < end && start < buffer.offset + buffer.row_bytes() * u64::from(self.entry.rows)
            })
        {
            return Err(format!("it lies over handoff `{}`, which the next rows of the tail still need", handoff.name));
        }
        Ok(())
    }

    fn find(&self, id: BufferId) -> std::result::Result<&Buffer, String> {
        self.entry.buffers.get(id as usize).ok_or_else(|| format!("buffer {id} does not exist"))
    }

    fn f32(&self, id: BufferId, width: Option<u32>) -> std::result::Result<u32, String> {
        let buffer = self.find(id)?;
        if buffer.elements != Elements::F32 {
            return Err(format!("buffer `{}` is not f32", buffer.name));
        }
        match width {
            Some(width) if width != buffer.width => Err(format!("buffer `{}` has width {}, not {width}", buffer.name, buffer.width)),
            _ => Ok(buffer.width),
        }
    }

    /// An input for weights of that format: activations for quantised ones, f32 else.
    fn input(&self, id: BufferId, format: Format, width: u32) -> Rule {
        self.coded(id, if format.is_quantised() { Elements::Activations } else { Elements::F32 }, width)
    }

    fn coded(&self, id: BufferId, wanted: Elements, width: u32) -> Rule {
        let buffer = self.find(id)?;
        if buffer.elements != wanted || buffer.width != width {
            return Err(format!("buffer `{}` is {:?} of width {}, not {wanted:?} of {width}", buffer.name, buffer.elements, buffer.width));
        }
        Ok(())
    }

    fn weight(&self, id: WeightId, layout: Layout, streamed: bool) -> std::result::Result<&Weight, String> {
        let weight = self.plan.weight(id).ok_or_else(|| format!("weight {id} does not exist"))?;
        if weight.layout != layout || weight.streamed != streamed {
            return Err(format!("weight `{}` is in {}, not {}", weight.name, weight.layout.name(), layout.name()));
        }
        Ok(weight)
    }

    /// No command reads what it writes (but for the gate of `SparseUp`), nor writes a byte twice: kernels and threads count on it.
    fn apart(&self, command: &Command) -> Rule {
        let (read, written) = command.buffers(&self.plan.regions);
        for (at, &out) in written.iter().enumerate() {
            let gate = |id: BufferId| matches!(command, Command::SparseUp { .. }) && id == out;
            read.iter().filter(|id| !gate(**id)).chain(&written[..at]).try_for_each(|&other| self.disjoint(other, out))?;
        }
        Ok(())
    }

    fn disjoint(&self, a: BufferId, b: BufferId) -> Rule {
        let (a, b) = (self.find(a)?, self.find(b)?);
        let end = |x: &Buffer| x.offset + x.row_bytes() * u64::from(self.entry.rows);
        if a.offset < end(b) && b.offset < end(a) {
            return Err(format!("buffers `{}` and `{}` overlap", a.name, b.name));
        }
        Ok(())
    }

    fn command(&self, command: &Command) -> Rule {
        let finite = |name: &str, value: f32| if value.is_finite() { Ok(()) } else { Err(format!("{name} is {value}")) };
        match command {
            Command::Embed { table, scale, out } => {
                finite("scale", *scale)?;
                let table = self.weight(*table, Layout::Panel, false)?;
                if table.rows < self.plan.model.vocabulary {
                    return Err(format!("weight `{}` has fewer rows than the vocabulary", table.name));
                }
                self.f32(*out, Some(table.cols)).map(|_| ())
            }
            Command::EmbedPerLayer { table, scale, out } => {
                finite("scale", *scale)?;
                let table = self.weight(*table, Layout::Rows, true)?;
                self.f32(*out, Some(table.cols)).map(|_| ())
            }
            Command::Quantize { input, out } => {
                let width = self.f32(*input, None)?;
                self.coded(*out, Elements::Activations, width)
            }
            Command::QuantizeInt8 { input, out } => {
                let width = self.f32(*input, None)?;
                self.coded(*out, Elements::Int8, width)
            }
            Command::MatMulInt8 { input, weight, out } => {
                let weight = self.weight(*weight, Layout::Matrix, false)?;
                self.coded(*input, Elements::Int8, weight.cols)?;
                self.f32(*out, Some(weight.rows)).map(|_| ())
            }
            Command::MatMul { input, products } => {
                for product in products {
                    let weight = self.weight(product.weight, Layout::Panel, false)?;
                    self.input(*input, weight.format, weight.cols)?;
                    self.f32(product.out, Some(weight.rows))?;
                }
                Ok(())
            }
            Command::SparseUp { gate, input, weight } => {
                let weight = self.weight(*weight, Layout::Rows, false)?;
                self.sixteens(weight)?;
                self.f32(*gate, Some(weight.rows))?;
                self.input(*input, weight.format, weight.cols)
            }
            Command::SparseDown { hidden, weight, out } => {
                let weight = self.weight(*weight, Layout::Rows, false)?;
                self.sixteens(weight)?;
                self.f32(*hidden, Some(weight.rows))?;
                self.f32(*out, Some(weight.cols)).map(|_| ())
            }
            Command::RopeTable { theta, out } => {
                if !theta.is_finite() || *theta <= 0.0 {
                    return Err(format!("theta is {theta}"));
                }
                let width = self.f32(*out, None)?;
                if !width.is_multiple_of(2) || width > MAX_HEAD_DIM {
                    return Err(format!("a table of width {width}"));
                }
                Ok(())
            }
            Command::HeadNorm { input, head_dim, epsilon, weight, table, out } => {
                finite("epsilon", *epsilon)?;
                let width = self.f32(*input, None)?;
                self.f32(*out, Some(width))?;
                if *head_dim == 0 || *head_dim > MAX_HEAD_DIM || !head_dim.is_multiple_of(16) || !width.is_multiple_of(*head_dim) {
                    return Err(format!("heads of {head_dim} in a width of {width}"));
                }
                if let Some(weight) = weight {
                    let weight = self.weight(*weight, Layout::Flat, false)?;
                    if u64::from(weight.rows) * u64::from(weight.cols) != u64::from(*head_dim) {
                        return Err(format!("weight `{}` has not {head_dim} elements", weight.name));
                    }
                }
                table.map_or(Ok(()), |table| self.f32(table, Some(*head_dim)).map(|_| ()))
            }
            Command::KvAppend { state, key, value } => {
                let state = self.state(*state)?;
                if self.entry.part != Part::Body {
                    return Err("only a body writes keys and values".into());
                }
                if state.capacity < self.body_rows.min(self.plan.model.context) {
                    return Err(format!("state `{}` keeps {} positions, fewer than one step has rows", state.name, state.capacity));
                }
                let width = state.kv_heads * state.head_dim;
                self.f32(*key, Some(width))?;
                self.f32(*value, Some(width)).map(|_| ())
            }
            Command::Attention { state, query, window, scale, out } => {
                finite("scale", *scale)?;
                let state = self.state(*state)?;
                let width = self.f32(*query, None)?;
                self.f32(*out, Some(width))?;
                if !width.is_multiple_of(state.kv_heads * state.head_dim) {
                    return Err(format!("queries of width {width} for {} heads of {}", state.kv_heads, state.head_dim));
                }
                let context = self.plan.model.context.next_multiple_of(KV_BLOCK);
                let rows = u64::from(self.body_rows);
                let sliding = u64::from(*window) + rows + u64::from(KV_BLOCK) - 2;
                let wanted = if *window == 0 { u64::from(context) } else { sliding.min(u64::from(context)) };
                if u64::from(state.capacity) < wanted {
                    return Err(format!("state `{}` keeps {} positions, {wanted} are needed", state.name, state.capacity));
                }
                Ok(())
            }
            Command::Region { region, repeat, arguments } => self.region(*region, *repeat, arguments),
            Command::Gather { handoff, out } => {
                let handoff = self.plan.handoff(*handoff).ok_or_else(|| format!("handoff {handoff} does not exist"))?;
                if self.entry.part != Part::Tail {
                    return Err("only a tail gathers".into());
                }
                self.f32(*out, Some(handoff.width)).map(|_| ())
            }
        }
    }

    /// Kernels over rows work in steps of sixteen columns.
    fn sixteens(&self, weight: &Weight) -> Rule {
        if weight.cols.is_multiple_of(16) { Ok(()) } else { Err(format!("weight `{}` has {} columns, no multiple of 16", weight.name, weight.cols)) }
    }

    fn state(&self, id: u32) -> std::result::Result<&State, String> {
        self.plan.states.get(id as usize).ok_or_else(|| format!("state {id} does not exist"))
    }

    fn region(&self, id: u32, repeat: u32, arguments: &[Argument]) -> Rule {
        let region = self.plan.regions.get(id as usize).ok_or_else(|| format!("region {id} does not exist"))?;
        if arguments.len() != region.operands.len() {
            return Err(format!("{} arguments for {} slots", arguments.len(), region.operands.len()));
        }
        if repeat == 0 || repeat > MAX_EXTENT {
            return Err(format!("repeat {repeat}"));
        }
        for (slot, (operand, argument)) in region.operands.iter().zip(arguments).enumerate() {
            self.argument(*operand, *argument, region.width, repeat).map_err(|why| format!("slot {slot}: {why}"))?;
        }
        Ok(())
    }

    fn argument(&self, operand: Operand, argument: Argument, width: u32, repeat: u32) -> Rule {
        let elements = u64::from(operand.elements(width));
        match argument {
            Argument::Weight { weight, offset } if operand.is_const() => {
                let weight = self.weight(weight, Layout::Flat, false)?;
                if u64::from(offset) + elements > u64::from(weight.rows) * u64::from(weight.cols) {
                    return Err(format!("{elements} elements at {offset} of weight `{}` are outside", weight.name));
                }
                Ok(())
            }
            Argument::Buffer { buffer, offset } if !operand.is_const() => {
                let has = self.f32(buffer, None)?;
                if repeat == 1 {
                    if u64::from(offset) + elements > u64::from(has) {
                        return Err(format!("{elements} columns at {offset} of a width of {has} are outside"));
                    }
                } else if offset != 0 || elements * u64::from(repeat) != u64::from(has) {
                    return Err(format!("{repeat} parts of {elements} do not make a width of {has}"));
                }
                Ok(())
            }
            _ => Err(format!("{operand:?} cannot be bound to {argument:?}")),
        }
    }
}
