//! The CPU device: runs the commands of an entry in order, each divided into chunks that the threads of the pool take. (Over 600 lines: one arm per command.)
//!
//! Everything a command touches was checked by `unicorn_artifact::validate` when the plan was read; this file relies on that and only on that.

mod npu;

use super::code::CodeMap;
use super::memory::Area;
use super::pool::{Pool, share};
use super::profile::Profile;
use super::roster::{Kind, OnFailure, Roster};
use super::sync::{Phases, Split};
use npu::Npu;
use std::cell::UnsafeCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use unicorn_artifact::command::{Argument, BufferId, Command};
use unicorn_artifact::plan::{ALIGN, Elements, Entry, KV_BLOCK, Part, Plan, RegionArg, Weight};
use unicorn_artifact::tensor::{Format, PANEL, matrix_scales, row_bytes};
use unicorn_kernels_cpu::{Attention, Kernels, MatMul, MatMulInt8, SparseDown, SparseUp, embed, norm, region::Interpreter};

/// The resident weights: copied to memory of our own, or read where the file is mapped.
#[derive(Debug)]
pub enum Weights {
    /// A copy, in huge pages where possible.
    Copied(Area),
    /// A range of the mapped file.
    Mapped(unicorn_artifact::file::Artifact),
}

impl Weights {
    /// All of them.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Copied(area) => area.as_slice(),
            Self::Mapped(artifact) => artifact.bytes(unicorn_artifact::file::section::WEIGHTS).unwrap_or_default(),
        }
    }
}

/// What the rows of a run are.
#[derive(Debug, Clone, Copy)]
pub struct RowInputs<'a> {
    /// Token of each row.
    pub tokens: &'a [u32],
    /// Slot of each row.
    pub slots: &'a [u32],
    /// Position of each row.
    pub positions: &'a [u32],
    /// Tail: which body row each row continues.
    pub picks: &'a [u32],
}

impl RowInputs<'_> {
    /// For what asks for none of them.
    const NONE: Self = Self { tokens: &[], slots: &[], positions: &[], picks: &[] };
}

/// Memory of one thread: written by that thread only.
#[derive(Debug)]
struct Scratch {
    attention: Area,
    row: Vec<u8>,
    /// f32 of the interpreter's vectors. An area, not a `Vec`: a file decides how many, and an area that cannot be had is an error.
    interpreter: Area,
    arguments: Vec<RegionArg>,
}

/// A [`Scratch`] per thread.
struct PerThread(Vec<UnsafeCell<Scratch>>);

// SAFETY: the pointers in it are written before each use and go into areas that move along.
unsafe impl Send for PerThread {}
// SAFETY: `Shared::execute` gives scratch `t` to thread `t` alone.
unsafe impl Sync for PerThread {}

/// The device: what all threads share, and the threads.
pub struct Cpu {
    shared: Shared,
    pool: Pool,
    /// Chunks of each phase of a run; kept so that a run allocates nothing.
    counts: Vec<u16>,
    /// Entries of the plan; fragments follow them.
    own: usize,
    /// The entry and its commands that each fragment is made of.
    fragments: Vec<(usize, Vec<u32>)>,
    npu: Option<Npu>,
    roster: Arc<Roster>,
}

/// What all threads share during a run.
struct Shared {
    plan: Plan,
    kernels: Kernels,
    weights: Weights,
    streamed: (File, u64),
    arena: Area,
    states: Area,
    code: Option<CodeMap>,
    interpreters: Vec<Interpreter>,
    scratch: PerThread,
    /// Phases by entry: with fewer rows than threads, and with at least as many.
    phases: Vec<[Phases; 2]>,
    /// Compute inactive neurons too.
    dense: bool,
    /// The first read error of a run.
    failed: Mutex<Option<std::io::Error>>,
    /// Times of commands, while they are wanted.
    profile: Option<Profile>,
}

/// What a [`Cpu`] is made of.
pub struct Parts {
    /// The validated plan.
    pub plan: Plan,
    /// The chosen kernels.
    pub kernels: Kernels,
    /// Worker threads.
    pub threads: usize,
    /// Resident weights.
    pub weights: Weights,
    /// The file and the first byte of its streamed section.
    pub streamed: (File, u64),
    /// Region code, or none to interpret.
    pub code: Option<CodeMap>,
    /// Compute inactive neurons too.
    pub dense: bool,
    /// Runs of commands that a GPU leaves to the host: the entry, and which of its commands. Numbered after the plan's entries.
    pub fragments: Vec<(usize, Vec<u32>)>,
    /// Whether keys and values are kept elsewhere: their memory is then reserved, but touched only if the host takes over.
    pub idle_states: bool,
}

impl std::fmt::Debug for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cpu").field("kernels", &self.shared.kernels.isa).field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Cpu {
    /// Reserves all memory and starts the threads.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub fn new(parts: Parts) -> crate::Result<Self> {
        let Parts { mut plan, kernels, threads, weights, streamed, code, dense, fragments, idle_states } = parts;
        let own = plan.entries.len();
        for (of, commands) in &fragments {
            let mut entry = plan.entries[*of].clone();
            entry.commands = commands.iter().map(|&c| entry.commands[c as usize].clone()).collect();
            plan.entries.push(entry);
        }
        let pool = Pool::new(threads).map_err(|source| crate::Error::Memory { what: "worker threads", bytes: threads as u64, source })?;
        // The plan's figure covers attention scores, one streamed row and the interpreter's vectors.
        let row = plan.weights.iter().filter(|w| w.streamed).filter_map(|w| row_bytes(w.format, w.cols as usize)).max().unwrap_or(0);
        let interpreters =
            plan.regions.iter().map(Interpreter::new).collect::<Result<Vec<_>, _>>().map_err(|why| crate::Error::Step(format!("a region: {why}")))?;
        let vectors = if code.is_some() { 0 } else { interpreters.iter().map(Interpreter::scratch_len).max().unwrap_or(0) };
        let operands = plan.regions.iter().map(|r| r.operands.len()).max().unwrap_or(0);
        let scratch = (0..pool.threads())
            .map(|_| {
                Ok(UnsafeCell::new(Scratch {
                    attention: Area::new("attention scratch", plan.scratch_bytes())?,
                    row: vec![0; row],
                    interpreter: Area::new("scratch of regions", vectors as u64 * 4)?,
                    arguments: Vec::with_capacity(operands),
                }))
            })
            .collect::<crate::Result<_>>()?;
        let phases: Vec<_> = plan.entries.iter().map(|e| [Phases::new(&plan, e, false, &[]), Phases::new(&plan, e, true, &[])]).collect();
        let most = phases.iter().flatten().map(|p| p.phases.len()).max().unwrap_or(0);
        let shared = Shared {
            kernels,
            weights,
            streamed,
            arena: Area::new("the arena", plan.arena_bytes)?,
            states: if idle_states { Area::untouched("keys and values", plan.state_bytes)? } else { Area::new("keys and values", plan.state_bytes)? },
            code,
            interpreters,
            scratch: PerThread(scratch),
            phases,
            dense,
            failed: Mutex::new(None),
            profile: None,
            plan,
        };
        Ok(Self { shared, pool, counts: Vec::with_capacity(most), own, fragments, npu: None, roster: Arc::default() })
    }

    /// Who runs what.
    pub fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// Entries that are whole; numbers from here on are fragments.
    pub fn whole_entries(&self) -> usize {
        self.own
    }

    /// The first `rows` rows of a buffer of an entry.
    pub fn rows_mut(&mut self, entry: usize, buffer: BufferId, rows: usize) -> &mut [u8] {
        let buffer = &self.shared.plan.entries[entry].buffers[buffer as usize];
        let (start, bytes) = (buffer.offset as usize, buffer.row_bytes() as usize * rows);
        &mut self.shared.arena.as_mut_slice()[start..start + bytes]
    }

    /// Copies the first `to.len()` bytes of a buffer of an entry, by all threads where that is much.
    ///
    /// # Panics
    /// If the buffer has fewer.
    pub fn copy_rows(&mut self, entry: usize, buffer: BufferId, to: &mut [u8]) {
        let buffer = &self.shared.plan.entries[entry].buffers[buffer as usize];
        let start = buffer.offset as usize;
        let from = &self.shared.arena.as_slice()[start..start + to.len()];
        let parts = if to.len() < MUCH { 1 } else { self.pool.threads() };
        let each = to.len().div_ceil(parts).max(1);
        let places = Mutex::new(to.chunks_mut(each).zip(from.chunks(each)));
        self.pool.run(&[parts as u16], &|_, _, _| {
            let next = places.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            if let Some((to, from)) = next {
                to.copy_from_slice(from);
            }
        });
    }

    /// Worker threads.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Whether regions run as machine code.
    pub fn native(&self) -> bool {
        self.shared.code.is_some()
    }

    /// Which kernels run.
    pub fn isa(&self) -> unicorn_kernels_cpu::Isa {
        self.shared.kernels.isa
    }

    /// Compute inactive neurons too (for the test that proves the gather exact).
    pub fn set_dense(&mut self, dense: bool) {
        self.shared.dense = dense;
    }

    /// Starts to measure commands anew, or stops; gives what was measured since the last call.
    pub fn set_profile(&mut self, on: bool) -> Option<Profile> {
        let new = on.then(|| Profile::new(&self.shared.plan));
        std::mem::replace(&mut self.shared.profile, new)
    }

    /// The bytes of a resident weight, to try other values; `None` where they are mapped or streamed.
    pub fn weight_bytes_mut(&mut self, id: u32) -> Option<&mut [u8]> {
        let weight = self.shared.plan.weights.get(id as usize).filter(|w| !w.streamed)?;
        let (start, bytes) = (weight.offset as usize, weight.bytes()? as usize);
        match &mut self.shared.weights {
            Weights::Copied(area) => area.as_mut_slice().get_mut(start..start + bytes),
            Weights::Mapped(_) => None,
        }
    }

    /// Runs one entry on as many rows as `inputs` has, at most the entry's.
    ///
    /// # Errors
    /// When a row of a streamed weight cannot be read, or the NPU fails and the host is not to take over.
    ///
    /// # Panics
    /// If the inputs have more rows than the entry, or tokens, slots or positions outside the model: the session checks them.
    pub fn run(&mut self, entry: usize, inputs: RowInputs<'_>) -> crate::Result<()> {
        let plan = &self.shared.plan;
        let model = &plan.model;
        let rows = inputs.tokens.len();
        assert!(rows > 0 && rows <= plan.entries[entry].rows as usize, "rows of an entry");
        assert!(inputs.slots.len() == rows && inputs.positions.len() == rows, "one slot and position a row");
        assert!(inputs.tokens.iter().all(|&t| t < model.vocabulary), "tokens of the vocabulary");
        assert!(inputs.slots.iter().all(|&s| s < model.slots) && inputs.positions.iter().all(|&p| p < model.context), "slots and positions");
        if plan.entries[entry].part == Part::Tail {
            let body = plan.max_rows(Part::Body);
            assert!(inputs.picks.len() == rows && inputs.picks.iter().all(|&p| p < body), "one pick a row");
        }
        let (shared, threads) = (&self.shared, self.pool.threads());
        let many = usize::from(rows >= threads);
        let phases = &shared.phases[entry][many];
        let parts = if rows >= FINE_ROWS { threads * 2 } else { threads };
        self.counts.clear();
        self.counts.extend(phases.phases.iter().map(|p| (if p.by_rows { parts.min(rows) } else { parts }) as u16));
        let counts = &self.counts;
        if let Some(profile) = &shared.profile {
            profile.ran(entry);
        }
        let pool = &mut self.pool;
        let run = |pool: &mut Pool, range: std::ops::Range<usize>| {
            let (first, counts) = (range.start, &counts[range]);
            if !counts.is_empty() {
                pool.run(counts, &|at, chunk, thread| {
                    shared.execute(entry, inputs, phases, first + at, (chunk, usize::from(counts[at])), thread);
                });
            }
        };
        // What an earlier run that was broken off left is not this one's.
        shared.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (mut done, mut lost) = (0, None);
        if let Some(Npu { offload, on_failure, turns }) = &mut self.npu {
            for turn in &turns[entry] {
                run(pool, done..turn.phases[many]);
                done = turn.phases[many];
                match (shared.product(offload, entry, *turn, rows, pool), *on_failure) {
                    (Ok(()), _) => done += 1,
                    (Err(why), OnFailure::Fail) => return Err(why.into()),
                    // Nothing of the step is lost with the device: the host goes on with this very command.
                    (Err(why), OnFailure::GoOn) => {
                        lost = Some(why);
                        break;
                    }
                }
            }
        }
        run(pool, done..counts.len());
        if let Some(why) = lost {
            tracing::error!("the NPU failed, the host goes on without it: {why}");
            self.roster.lose(Kind::Npu, why.to_string());
            self.npu = None;
        }
        if let Some(error) = self.shared.failed.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            return Err(crate::Error::Step(format!("reading a per-layer embedding: {error}")));
        }
        Ok(())
    }

    /// The logits of row `row` after a tail entry has run.
    pub fn logits(&self, entry: usize, row: usize) -> &[f32] {
        let entry = &self.shared.plan.entries[entry];
        let buffer = &entry.buffers[entry.logits.expect("a tail has logits") as usize];
        // SAFETY: the buffer lies in the arena (validated), f32 and aligned, and nothing runs while `self` is borrowed.
        unsafe {
            std::slice::from_raw_parts(
                self.shared.arena.base().add(buffer.offset as usize).cast::<f32>().add(row * buffer.width as usize),
                buffer.width as usize,
            )
        }
    }
}

impl Shared {
    fn execute(&self, number: usize, inputs: RowInputs<'_>, phases: &Phases, phase: usize, (part, parts): (usize, usize), thread: usize) {
        let entry = &self.plan.entries[number];
        let run = Run { device: self, entry, inputs, rows: inputs.tokens.len(), part, parts };
        // SAFETY: scratch `thread` is this thread's alone.
        let scratch = unsafe { &mut *self.scratch.0[thread].get() };
        for at in phases.phases[phase].commands.clone() {
            let since = self.profile.as_ref().map(|profile| (profile, Instant::now()));
            // SAFETY: the plan is validated, the inputs are checked in `run`, and commands that touch the same bytes are in different phases.
            unsafe { run.command(&entry.commands[at], phases.splits[at], scratch) };
            if let Some((profile, since)) = since {
                profile.spent(number, at, since);
            }
        }
    }

    fn weight(&self, id: u32) -> (&Weight, *const u8) {
        let weight = &self.plan.weights[id as usize];
        let base = match &self.weights {
            Weights::Copied(area) => area.base().cast_const(),
            Weights::Mapped(artifact) => artifact.bytes(unicorn_artifact::file::section::WEIGHTS).map_or(std::ptr::null(), <[u8]>::as_ptr),
        };
        // Streamed weights have no resident bytes; their commands do not use the pointer.
        (weight, base.wrapping_add(if weight.streamed { 0 } else { weight.offset as usize }))
    }
}

const _: () = assert!(ALIGN >= 4, "buffers are read as f32");

/// Bytes from which a copy is worth the threads.
const MUCH: usize = 8 << 20;

/// Rows from which phases are cut finer, so that a thread that is behind leaves work to the others.
const FINE_ROWS: usize = 16;

/// One chunk of a phase.
struct Run<'a> {
    device: &'a Shared,
    entry: &'a Entry,
    inputs: RowInputs<'a>,
    rows: usize,
    part: usize,
    parts: usize,
}

impl Run<'_> {
    /// First byte and bytes per row of a buffer.
    fn buffer(&self, id: BufferId) -> (*mut u8, usize, usize) {
        let buffer = &self.entry.buffers[id as usize];
        (self.device.arena.base().wrapping_add(buffer.offset as usize), buffer.row_bytes() as usize, buffer.width as usize)
    }

    /// # Safety
    /// The row exists, is f32, and nobody writes it meanwhile.
    unsafe fn row(&self, id: BufferId, row: usize) -> &[f32] {
        let (base, stride, width) = self.buffer(id);
        // SAFETY: by the caller.
        unsafe { std::slice::from_raw_parts(base.add(row * stride).cast(), width) }
    }

    /// # Safety
    /// The row exists, is f32, and nobody else touches it meanwhile.
    #[allow(clippy::mut_from_ref)]
    unsafe fn row_mut(&self, id: BufferId, row: usize) -> &mut [f32] {
        let (base, stride, width) = self.buffer(id);
        // SAFETY: by the caller.
        unsafe { std::slice::from_raw_parts_mut(base.add(row * stride).cast(), width) }
    }

    fn my_rows(&self) -> std::ops::Range<usize> {
        share(self.rows, 1, self.part, self.parts)
    }

    /// # Safety
    /// As [`Shared::execute`] promises.
    unsafe fn command(&self, command: &Command, split: Split, scratch: &mut Scratch) {
        match command {
            Command::Embed { table, scale, out } => {
                let (weight, data) = self.device.weight(*table);
                for row in self.my_rows() {
                    // SAFETY: the token is below the vocabulary, which the table covers; rows are this chunk's.
                    unsafe {
                        let out = self.row_mut(*out, row);
                        embed::embed_panel(weight.format, data, weight.cols as usize, self.inputs.tokens[row] as usize, *scale, out.as_mut_ptr());
                    }
                }
            }
            Command::EmbedPerLayer { table, scale, out } => {
                for row in self.my_rows() {
                    // SAFETY: rows are this chunk's.
                    self.embed_per_layer(*table, *scale, self.inputs.tokens[row], unsafe { self.row_mut(*out, row) }, scratch);
                }
            }
            Command::Quantize { input, out } => {
                for row in self.my_rows() {
                    let (base, stride, width) = self.buffer(*out);
                    // SAFETY: rows are this chunk's; the activation row has the input's width.
                    unsafe { (self.device.kernels.quantize)(self.row(*input, row).as_ptr(), width, base.add(row * stride)) };
                }
            }
            Command::QuantizeInt8 { input, out } => {
                for row in self.my_rows() {
                    let (base, stride, width) = self.buffer(*out);
                    // SAFETY: rows are this chunk's; the row of int8 has the input's width.
                    unsafe { (self.device.kernels.quantize_int8)(self.row(*input, row).as_ptr(), width, base.add(row * stride)) };
                }
            }
            // SAFETY: as this function's.
            Command::MatMul { .. } => unsafe { self.matmul(command) },
            Command::MatMulInt8 { input, weight, out } => {
                let (weight, data) = self.device.weight(*weight);
                let (out, stride, _) = self.buffer(*out);
                let (rows, cols) = (weight.rows as usize, weight.cols as usize);
                let arguments = MatMulInt8 {
                    input: self.buffer(*input).0,
                    cols,
                    rows: self.rows,
                    weight: data.cast(),
                    scales: data.wrapping_add(matrix_scales(rows, cols).unwrap_or(0)).cast(),
                    outputs: share(rows, 16, self.part, self.parts),
                    out: out.cast(),
                    out_stride: stride / 4,
                };
                if !arguments.outputs.is_empty() {
                    // SAFETY: shapes are validated, outputs are this chunk's.
                    unsafe { (self.device.kernels.matmul_int8)(&arguments) };
                }
            }
            // SAFETY: as this function's.
            Command::SparseUp { .. } | Command::SparseDown { .. } => unsafe { self.sparse(command) },
            Command::RopeTable { theta, out } => {
                for row in self.my_rows() {
                    // SAFETY: rows are this chunk's.
                    let out = unsafe { self.row_mut(*out, row) };
                    norm::rope_table(&self.inputs.positions[row..=row], *theta, out.len(), out);
                }
            }
            Command::HeadNorm { input, head_dim, epsilon, weight, table, out } => {
                for row in self.my_rows() {
                    // SAFETY: rows are this chunk's; a flat weight of `head_dim` f32 lies behind the pointer; input and output do not overlap.
                    unsafe {
                        let weight = weight.map(|w| std::slice::from_raw_parts(self.device.weight(w).1.cast::<f32>(), *head_dim as usize));
                        let table = table.map(|t| self.row(t, row));
                        norm::head_norm(self.row(*input, row), *head_dim as usize, *epsilon, weight, table, self.row_mut(*out, row));
                    }
                }
            }
            Command::KvAppend { state, key, value } => {
                let state = &self.device.plan.states[*state as usize];
                for row in self.my_rows() {
                    let slot = state.offset + u64::from(self.inputs.slots[row]) * state.slot_bytes().unwrap_or(0);
                    let base = self.device.states.base().wrapping_add(slot as usize).cast::<u16>();
                    let (heads, dim, capacity) = (state.kv_heads as usize, state.head_dim as usize, state.capacity as usize);
                    // SAFETY: rows are this chunk's, so is the place of each position in its slot.
                    unsafe {
                        norm::kv_append(self.row(*key, row), self.row(*value, row), heads, dim, capacity, self.inputs.positions[row] as usize, base)
                    };
                }
            }
            // SAFETY: as this function's.
            Command::Attention { .. } => unsafe { self.attention(command, scratch) },
            Command::Region { region, repeat, arguments } => {
                let width = self.device.plan.regions[*region as usize].width as usize;
                let (rows, columns) = match split {
                    Split::Rows => (self.my_rows(), 0..width),
                    Split::Other => (0..self.rows, share(width, 64, self.part, self.parts)),
                };
                if !rows.is_empty() && !columns.is_empty() {
                    // SAFETY: as this function's; the region covers this chunk's rows and columns.
                    unsafe { self.region(*region, *repeat as usize, arguments, rows, columns, scratch) };
                }
            }
            Command::Gather { handoff, out } => {
                let handoff = &self.device.plan.handoffs[*handoff as usize];
                for row in self.my_rows() {
                    let from = handoff.offset as usize + self.inputs.picks[row] as usize * handoff.width as usize * 4;
                    // SAFETY: picks are below the body's rows, for which the handoff has room; rows are this chunk's.
                    unsafe {
                        let to = self.row_mut(*out, row);
                        std::ptr::copy(self.device.arena.base().add(from).cast::<f32>().cast_const(), to.as_mut_ptr(), to.len());
                    }
                }
            }
        }
    }

    fn embed_per_layer(&self, table: u32, scale: f32, token: u32, out: &mut [f32], scratch: &mut Scratch) {
        let weight = &self.device.plan.weights[table as usize];
        let bytes = row_bytes(weight.format, weight.cols as usize).unwrap_or(0);
        let row = u64::from(if token < weight.rows { token } else { 0 });
        let record = &mut scratch.row[..bytes];
        let (file, section) = &self.device.streamed;
        match file.read_exact_at(record, section + weight.offset + row * bytes as u64) {
            Ok(()) => embed::embed_row(weight.format, record, scale, out),
            Err(error) => {
                out.fill(0.0);
                self.device.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
            }
        }
    }

    /// # Safety
    /// As [`Shared::execute`] promises.
    unsafe fn matmul(&self, command: &Command) {
        let Command::MatMul { input, products } = command else { return };
        let plan = &self.device.plan;
        let panels = |p: &unicorn_artifact::command::Product| (plan.weights[p.weight as usize].rows as usize).div_ceil(PANEL);
        let mut mine = share(products.iter().map(panels).sum(), 1, self.part, self.parts);
        for product in products {
            let count = panels(product);
            let part = mine.start.min(count)..mine.end.min(count);
            mine = mine.start.saturating_sub(count)..mine.end.saturating_sub(count);
            if part.is_empty() {
                continue;
            }
            let (weight, data) = self.device.weight(product.weight);
            let (out, stride, _) = self.buffer(product.out);
            let arguments = MatMul {
                input: self.buffer(*input).0,
                cols: weight.cols as usize,
                rows: self.rows,
                weight: data,
                panels: part,
                outputs: weight.rows as usize,
                out: out.cast(),
                out_stride: stride / 4,
            };
            let kernel = match weight.format {
                Format::Q4 => self.device.kernels.matmul_q4,
                Format::Q8 => self.device.kernels.matmul_q8,
                // No other format lies in panels.
                Format::Bf16 | Format::F32 | Format::Int8 => self.device.kernels.matmul_bf16,
            };
            // SAFETY: shapes are validated, panels are this chunk's.
            unsafe { kernel(&arguments) };
        }
    }

    /// # Safety
    /// As [`Shared::execute`] promises.
    unsafe fn sparse(&self, command: &Command) {
        let kind = |format| match format {
            Format::Q4 => 0,
            Format::Q8 => 1,
            // No other format lies in rows.
            Format::Bf16 | Format::F32 | Format::Int8 => 2,
        };
        match command {
            Command::SparseUp { gate, input, weight } => {
                let (weight, data) = self.device.weight(*weight);
                let neurons = share(weight.rows as usize, 16, self.part, self.parts);
                let (gate, stride, _) = self.buffer(*gate);
                let arguments = SparseUp {
                    gate: gate.cast(),
                    gate_stride: stride / 4,
                    input: self.buffer(*input).0,
                    cols: weight.cols as usize,
                    rows: self.rows,
                    weight: data,
                    neurons,
                    dense: self.device.dense,
                };
                if !arguments.neurons.is_empty() {
                    // SAFETY: shapes are validated, neurons are this chunk's.
                    unsafe { (self.device.kernels.sparse_up[kind(weight.format)])(&arguments) };
                }
            }
            Command::SparseDown { hidden, weight, out } => {
                let (weight, data) = self.device.weight(*weight);
                let (neurons, outputs) = (weight.rows as usize, weight.cols as usize);
                // Finding the active neurons of a row costs the same for some columns as for all.
                let (rows, columns) =
                    if self.rows >= FINE_ROWS { (self.my_rows(), 0..outputs) } else { (0..self.rows, share(outputs, 64, self.part, self.parts)) };
                let (hidden, out) = (self.buffer(*hidden).0.cast::<f32>(), self.buffer(*out).0.cast::<f32>());
                let arguments = SparseDown {
                    hidden: hidden.wrapping_add(rows.start * neurons),
                    neurons,
                    rows: rows.len(),
                    weight: data,
                    outputs,
                    columns,
                    out: out.wrapping_add(rows.start * outputs),
                    dense: self.device.dense,
                };
                if arguments.rows > 0 && !arguments.columns.is_empty() {
                    // SAFETY: shapes are validated, rows and columns are this chunk's.
                    unsafe { (self.device.kernels.sparse_down[kind(weight.format)])(&arguments) };
                }
            }
            _ => {}
        }
    }

    /// # Safety
    /// As [`Shared::execute`] promises.
    unsafe fn attention(&self, command: &Command, scratch: &mut Scratch) {
        let Command::Attention { state, query, window, scale, out } = command else { return };
        let state = &self.device.plan.states[*state as usize];
        let (heads, dim, capacity) = (state.kv_heads as usize, state.head_dim as usize, state.capacity as usize);
        let (query, stride, width) = self.buffer(*query);
        let out = self.buffer(*out).0;
        let group = width / dim / heads;
        // Neighbouring rows see almost equally many positions: dealing them out in turn balances the threads.
        for item in (self.part..self.rows * heads).step_by(self.parts) {
            let (row, head) = (item / heads, item % heads);
            let position = self.inputs.positions[row] as usize;
            let slot = state.offset + u64::from(self.inputs.slots[row]) * state.slot_bytes().unwrap_or(0);
            let keys = self.device.states.base().wrapping_add(slot as usize).cast::<u16>().cast_const();
            let first = if *window == 0 { 0 } else { (position + 1).saturating_sub(*window as usize) };
            let at = head * group * dim * 4;
            // SAFETY: the head lies in the row, the slot's keys are followed by its values, `validate` proved the capacity sufficient,
            // and the scratch holds the scores of one group.
            unsafe {
                (self.device.kernels.attention)(&Attention {
                    query: query.add(row * stride + at).cast(),
                    group,
                    head_dim: dim,
                    keys: keys.add(head * capacity * dim),
                    values: keys.add((heads + head) * capacity * dim),
                    capacity,
                    first,
                    last: position,
                    scale: *scale,
                    out: out.add(row * stride + at).cast(),
                    scratch: scratch.attention.base().cast(),
                });
            }
        }
        debug_assert!(group * (capacity + 2 * KV_BLOCK as usize) * 4 <= scratch.attention.len());
    }

    /// # Safety
    /// As [`Shared::execute`] promises, for these rows and columns.
    unsafe fn region(
        &self,
        region: u32,
        repeat: usize,
        arguments: &[Argument],
        rows: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
        scratch: &mut Scratch,
    ) {
        let operands = &self.device.plan.regions[region as usize].operands;
        scratch.arguments.clear();
        for (argument, operand) in arguments.iter().zip(operands) {
            let vector = matches!(
                operand,
                unicorn_artifact::region::Operand::Row | unicorn_artifact::region::Operand::Const | unicorn_artifact::region::Operand::OutRow
            );
            let column = if vector { columns.start * 4 } else { 0 };
            scratch.arguments.push(match *argument {
                Argument::Buffer { buffer, offset } => {
                    debug_assert_eq!(self.entry.buffers[buffer as usize].elements, Elements::F32);
                    let (base, stride, _) = self.buffer(buffer);
                    RegionArg { pointer: base.wrapping_add(rows.start * stride + offset as usize * 4 + column).cast(), stride: stride / repeat }
                }
                Argument::Weight { weight, offset } => {
                    RegionArg { pointer: self.device.weight(weight).1.wrapping_add(offset as usize * 4 + column).cast_mut().cast(), stride: 0 }
                }
            });
        }
        let (rows, columns) = (rows.len() * repeat, columns.len());
        match &self.device.code {
            // SAFETY: arguments and extents are those the region was validated with.
            Some(code) => unsafe { code.function(region)(scratch.arguments.as_ptr(), rows, columns) },
            None => {
                let bytes = scratch.interpreter.as_mut_slice();
                // SAFETY: areas are aligned to pages, and every bit pattern is an f32.
                let vectors = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast::<f32>(), bytes.len() / 4) };
                // SAFETY: as above.
                unsafe { self.device.interpreters[region as usize].run(&scratch.arguments, rows, columns, vectors) }
            }
        }
    }
}
