//! A GPU that runs its part of a plan: everything is placed, recorded and tried at load; a step is a few copies and the recorded graphs.

mod probe;
mod profile;

use super::cpu::{Cpu, RowInputs};
use super::gpu::{Argument, Function, Gpu, Graph, Launch, Memory, Module, Pinned, Result, Uploader};
use unicorn_artifact::gpu::{self as plan, GpuPlan, Image, Stage, inputs_bytes, inputs_column};
use unicorn_artifact::plan::{ALIGN, CodeSpan, Part, Plan};
use unicorn_kernels_cpu::norm;

/// What one stage of an entry does at run time.
enum Step {
    /// Runs a fragment of the host's.
    Host { fragment: usize },
    /// Copies rows of a buffer by way of page-locked memory.
    Upload { buffer: u32, row_bytes: usize, staging: usize, offset: u64 },
    /// Copies them back.
    Download { buffer: u32, row_bytes: usize, staging: usize, offset: u64 },
    /// Runs recorded launches.
    Device(Graph),
}

/// The runnable form of an entry.
struct Entry {
    part: Part,
    steps: Vec<Step>,
    /// Where the logits are, and how many a row has.
    logits: Option<(u64, usize)>,
    best: Option<Best>,
    /// The search for the largest logits.
    top: Option<Graph>,
}

/// The search for the best logits of an entry.
struct Best {
    alone: Graph,
    /// With the launches of the entry's last stage before it.
    joined: Option<Graph>,
}

/// A device with a plan on it.
pub struct Accelerator {
    entries: Vec<Entry>,
    /// Rows that the inputs block of each part holds.
    most: [u32; 2],
    inputs: [Memory; 2],
    /// First byte of each part's inputs in `pinned`.
    staging: [usize; 2],
    /// First byte of results in `pinned`.
    results: usize,
    /// First byte of the largest logits in it.
    top_results: usize,
    arena: Memory,
    best: Memory,
    top: Memory,
    pinned: Pinned,
    /// Kept so that a step allocates nothing.
    chosen: Vec<(u32, f32)>,
    /// As `chosen`: the largest logits of a row.
    largest: Vec<(u32, f32)>,
    /// Whether something was sent that was not waited for.
    busy: bool,
    /// The tail whose inputs are already on their way.
    announced: Option<usize>,
    /// Whether the best logits are found already.
    found: bool,
    profile: Option<profile::Profile>,
    kernels: Kernels,
    places: Places,
    states: Memory,
    /// Held for the graphs.
    _held: Vec<Memory>,
    gpu: Gpu,
}

impl std::fmt::Debug for Accelerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accelerator").field("device", &self.gpu.info().name).finish_non_exhaustive()
    }
}

/// Runs of commands that the plan's GPU part leaves to the host, in the order in which [`Accelerator::new`] numbers them.
pub fn fragments(gpu: &GpuPlan) -> Vec<(usize, Vec<u32>)> {
    let mut all = Vec::new();
    for (at, entry) in gpu.entries.iter().enumerate() {
        for stage in &entry.stages {
            if let Stage::Host(commands) = stage {
                all.push((at, commands.clone()));
            }
        }
    }
    all
}

/// Addresses of what launches name.
struct Places {
    /// By entry: whether it is a tail, and where its buffers are.
    entries: Vec<(bool, Vec<u64>)>,
    inputs: [u64; 2],
    handoffs: Vec<u64>,
    weights: Vec<u64>,
    states: Vec<u64>,
    tables: Vec<u64>,
    scratch: u64,
    counters: u64,
    best: u64,
    top: u64,
}

impl Places {
    fn address(&self, entry: usize, argument: plan::Argument) -> u64 {
        let (tail, buffers) = &self.entries[entry];
        match argument {
            plan::Argument::Inputs => self.inputs[usize::from(*tail)],
            plan::Argument::Buffer(id) => buffers[id as usize],
            plan::Argument::Slice(id, column) => buffers[id as usize] + u64::from(column) * 4,
            plan::Argument::Weight(id) => self.weights[id as usize],
            plan::Argument::State(id) => self.states[id as usize],
            plan::Argument::Table(id) => self.tables[id as usize],
            plan::Argument::Handoff(id) => self.handoffs[id as usize],
            plan::Argument::Scratch(offset) => self.scratch + offset,
            plan::Argument::Counters(offset) => self.counters + offset,
            plan::Argument::Best => self.best,
            plan::Argument::Top => self.top,
        }
    }
}

/// Most threads that load kernels.
const LOADERS: usize = 16;

/// The loaded kernels of an image.
struct Kernels {
    functions: Vec<Function>,
    threads: Vec<u32>,
    /// Whether a launch may begin before the one ahead of it has ended.
    overlap: bool,
    _modules: Vec<Module>,
}

impl Kernels {
    /// Loads all kernels, by several threads: a driver that compiles PTX takes milliseconds for each.
    fn load(gpu: &Gpu, part: &GpuPlan, image: &Image, code: &[u8]) -> Result<Self> {
        let one = |(kernel, span): (&plan::Kernel, &CodeSpan)| {
            let module = gpu.load(&code[span.offset as usize..(span.offset + span.bytes) as usize])?;
            Ok((module.function(&kernel.name)?, module))
        };
        let all: Vec<_> = part.kernels.iter().zip(&image.kernels).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(LOADERS);
        let share = all.len().div_ceil(threads).max(1);
        let work = |some: &[(&plan::Kernel, &CodeSpan)]| some.iter().map(|&k| one(k)).collect::<Vec<_>>();
        let work = &work;
        let loaded: Vec<Result<(Function, Module)>> = std::thread::scope(|scope| {
            let mut shares = all.chunks(share);
            let first = shares.next().unwrap_or_default();
            // A share whose thread cannot be had is done here.
            let others: Vec<_> = shares.map(|some| (some, std::thread::Builder::new().spawn_scoped(scope, move || work(some)).ok())).collect();
            let mut loaded = work(first);
            for (some, thread) in others {
                loaded.extend(match thread {
                    Some(thread) => thread.join().unwrap_or_else(|why| std::panic::resume_unwind(why)),
                    None => work(some),
                });
            }
            loaded
        });
        let (functions, modules) = loaded.into_iter().collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let threads = part.kernels.iter().map(|k| k.threads).collect();
        Ok(Self { functions, threads, overlap: image.target == "cuda:sm_90", _modules: modules })
    }

    fn launch(&self, gpu: &Gpu, places: &Places, entry: usize, launch: &plan::Launch) -> Result<()> {
        let mut arguments = [Argument::U32(0); super::gpu::MAX_ARGUMENTS];
        for (to, from) in arguments.iter_mut().zip(&launch.arguments) {
            *to = Argument::Pointer(places.address(entry, *from));
        }
        let kernel = launch.kernel as usize;
        let shape = Launch { grid: launch.grid, block: self.threads[kernel], dynamic_shared: 0, overlap: self.overlap };
        // SAFETY: the plan is validated: every address lies in memory that the accelerator holds as long as its graphs. That the kernel stays inside what
        // it is given, and waits before it reads, is its code's promise, as with any machine code of an artifact.
        unsafe { gpu.launch(&self.functions[kernel], shape, &arguments[..launch.arguments.len()]) }
    }
}

/// Ids and logits from what kernels write: 64 bits whose order is that of the logit, then of the smaller id.
fn ordered(bytes: &[u8]) -> impl Iterator<Item = (u32, f32)> {
    bytes.chunks_exact(8).map(|word| {
        let key = u64::from_le_bytes(word.try_into().unwrap_or_default());
        // Positive numbers have the sign flipped, negative ones all bits.
        let (bits, id) = ((key >> 32) as u32, !(key as u32));
        (id, f32::from_bits(if bits >> 31 == 1 { bits ^ 0x8000_0000 } else { !bits }))
    })
}

/// Memory for several things, one after the other: their offsets and the sum.
fn offsets(sizes: impl Iterator<Item = u64>) -> (Vec<u64>, u64) {
    let mut end = 0;
    let offsets = sizes
        .map(|bytes| {
            let offset = end;
            end = (end + bytes).next_multiple_of(4 * ALIGN);
            offset
        })
        .collect();
    (offsets, end)
}

impl Accelerator {
    /// Places `bytes` (the section of resident weights), states and tables on `gpu`, loads the kernels of `image` from `code`, and records every entry.
    ///
    /// # Errors
    /// What the driver says.
    pub fn new(gpu: Gpu, plan: &Plan, part: &GpuPlan, (image, code): (&Image, &[u8]), bytes: &[u8]) -> Result<Self> {
        let kernels = Kernels::load(&gpu, part, image, code)?;
        let held = |id: usize, bytes: Option<u64>| if part.weights[id] { bytes.unwrap_or(0) } else { 0 };
        let (weight_at, weight_bytes) = offsets(plan.weights.iter().enumerate().map(|(id, w)| held(id, w.bytes())));
        let weights = gpu.allocate("weights", weight_bytes)?;
        let mut uploader = Uploader::new(&gpu)?;
        for (id, weight) in plan.weights.iter().enumerate().filter(|(id, _)| part.weights[*id]) {
            let from = weight.offset as usize;
            uploader.send(&weights, weight_at[id], &bytes[from..from + weight.bytes().unwrap_or(0) as usize])?;
        }
        drop(uploader);
        let slots = u64::from(plan.model.slots);
        let of_state = |(id, s): (usize, &unicorn_artifact::plan::State)| if part.states[id] { s.slot_bytes().unwrap_or(0) * slots } else { 0 };
        let (state_at, state_bytes) = offsets(plan.states.iter().enumerate().map(of_state));
        let states = gpu.allocate("keys and values", state_bytes)?;
        let (table_at, table_bytes) = offsets(part.tables.iter().map(|t| u64::from(t.head_dim) * 4 * u64::from(plan.model.context)));
        let tables = gpu.allocate("rotation tables", table_bytes)?;
        let positions: Vec<u32> = (0..plan.model.context).collect();
        for (table, at) in part.tables.iter().zip(&table_at) {
            let mut values = vec![0f32; positions.len() * table.head_dim as usize];
            norm::rope_table(&positions, table.theta, table.head_dim as usize, &mut values);
            gpu.upload(&tables, *at, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
        }
        let arena = gpu.allocate("the arena", part.arena_bytes)?;
        let scratch = gpu.allocate("working memory", part.scratch_bytes)?;
        let counters = gpu.allocate("counters", part.counter_bytes)?;
        let most = [plan.max_rows(Part::Body), plan.max_rows(Part::Tail)];
        let inputs = [gpu.allocate("inputs", inputs_bytes(most[0]))?, gpu.allocate("inputs", inputs_bytes(most[1]))?];
        let best = gpu.allocate("the best logits", u64::from(most[1]) * 8)?;
        let top = gpu.allocate("the largest logits", plan::top_bytes(most[1]))?;
        let of_entry = |(entry, made): (&unicorn_artifact::plan::Entry, &plan::GpuEntry)| {
            (entry.part == Part::Tail, made.buffers.iter().map(|at| arena.address() + at.unwrap_or(0)).collect())
        };
        let places = Places {
            entries: plan.entries.iter().zip(&part.entries).map(of_entry).collect(),
            inputs: [inputs[0].address(), inputs[1].address()],
            handoffs: part.handoffs.iter().map(|at| arena.address() + at.unwrap_or(0)).collect(),
            weights: weight_at.iter().map(|at| weights.address() + at).collect(),
            states: state_at.iter().map(|at| states.address() + at).collect(),
            tables: table_at.iter().map(|at| tables.address() + at).collect(),
            scratch: scratch.address(),
            counters: counters.address(),
            best: best.address(),
            top: top.address(),
        };
        let record = |entry: usize, launches: &[plan::Launch]| {
            gpu.capture(|gpu| launches.iter().try_for_each(|launch| kernels.launch(gpu, &places, entry, launch)))
        };
        let mut entries = Vec::new();
        let (mut fragment, mut staged) = (plan.entries.len(), 0);
        for (number, (entry, made)) in plan.entries.iter().zip(&part.entries).enumerate() {
            // Uploads of one entry have page-locked memory of their own; entries share it.
            let mut staging = 0;
            let mut steps = Vec::new();
            for stage in &made.stages {
                steps.push(match stage {
                    Stage::Host(_) => {
                        fragment += 1;
                        Step::Host { fragment: fragment - 1 }
                    }
                    Stage::Upload(id) | Stage::Download(id) => {
                        let row_bytes = entry.buffers[*id as usize].row_bytes() as usize;
                        let offset = made.buffers[*id as usize].unwrap_or(0);
                        let at = staging;
                        staging += (row_bytes * entry.rows as usize).next_multiple_of(256);
                        match stage {
                            Stage::Upload(_) => Step::Upload { buffer: *id, row_bytes, staging: at, offset },
                            _ => Step::Download { buffer: *id, row_bytes, staging: at, offset },
                        }
                    }
                    Stage::Device(list) => Step::Device(record(number, list)?),
                });
            }
            staged = staged.max(staging);
            let logits = entry.logits.and_then(|id| Some((made.buffers[id as usize]?, entry.buffers[id as usize].width as usize)));
            let best = made.best.as_ref().map(|launch| -> Result<Best> {
                let joined = match made.stages.last() {
                    Some(Stage::Device(list)) => Some(record(number, &[&list[..], std::slice::from_ref(launch)].concat())?),
                    _ => None,
                };
                Ok(Best { alone: record(number, std::slice::from_ref(launch))?, joined })
            });
            let best = best.transpose()?;
            let top = (!made.top.is_empty()).then(|| record(number, &made.top)).transpose()?;
            entries.push(Entry { part: entry.part, steps, logits, best, top });
        }
        let input_bytes = |part: usize| (inputs_bytes(most[part]) as usize).next_multiple_of(256);
        let staging = [staged, staged + input_bytes(0)];
        let results = staging[1] + input_bytes(1);
        let logits = most[1] as usize * plan.model.vocabulary as usize * 4;
        let top_results = results + logits.next_multiple_of(256);
        let pinned = gpu.pinned(top_results + most[1] as usize * plan::TOP_ROW_BYTES as usize)?;
        let held = vec![weights, tables, scratch, counters];
        Ok(Self {
            entries,
            most,
            inputs,
            staging,
            results,
            top_results,
            arena,
            best,
            top,
            pinned,
            chosen: Vec::with_capacity(most[1] as usize),
            largest: Vec::with_capacity(plan::TOP_CAPACITY as usize),
            busy: false,
            announced: None,
            found: false,
            profile: None,
            kernels,
            places,
            states,
            _held: held,
            gpu,
        })
    }

    /// The device.
    pub fn info(&self) -> &super::gpu::DeviceInfo {
        self.gpu.info()
    }

    /// Sends the inputs of the tail that will run after the next body, if that is one, so that the device needs not wait for them between the two.
    ///
    /// # Errors
    /// What the driver says.
    pub fn announce(&mut self, tail: Option<(usize, RowInputs<'_>)>) -> Result<()> {
        self.announced = None;
        let Some((entry, inputs)) = tail else { return Ok(()) };
        if self.busy {
            self.wait()?;
        }
        self.send_inputs(entry, inputs)?;
        self.announced = Some(entry);
        Ok(())
    }

    /// Runs an entry. Results of a tail are fetched by [`Accelerator::logits`] or [`Accelerator::best`]; `best` says which it will be.
    ///
    /// # Errors
    /// What the driver says, or a row of a streamed weight that cannot be read.
    pub fn run(&mut self, entry: usize, inputs: RowInputs<'_>, cpu: &mut Cpu, best: bool) -> crate::Result<()> {
        let rows = inputs.tokens.len();
        let crosses = self.entries[entry].steps.iter().any(|s| matches!(s, Step::Upload { .. } | Step::Download { .. }));
        // Page-locked memory that is about to be written may still be read by what runs.
        if self.busy && (crosses || self.entries[entry].part == Part::Body) {
            self.wait()?;
        }
        self.busy = true;
        let is_tail = self.entries[entry].part == Part::Tail;
        if !is_tail || self.announced.take() != Some(entry) {
            self.send_inputs(entry, inputs)?;
        }
        self.found &= !is_tail;
        let steps = self.entries[entry].steps.len();
        for at in 0..steps {
            if matches!(self.entries[entry].steps[at], Step::Device(_)) && self.run_timed(entry, at)? {
                continue;
            }
            if let Some(joined) = self.entries[entry].best.as_ref().and_then(|b| b.joined.as_ref()).filter(|_| best && at + 1 == steps) {
                // SAFETY: the memory it was recorded with is held by `self`.
                unsafe { self.gpu.run(joined)? };
                self.found = true;
                continue;
            }
            match &self.entries[entry].steps[at] {
                Step::Host { fragment } => {
                    cpu.run(*fragment, inputs)?;
                }
                Step::Upload { buffer, row_bytes, staging, offset } => {
                    let bytes = row_bytes * rows;
                    cpu.copy_rows(entry, *buffer, &mut self.pinned.as_mut_slice()[*staging..staging + bytes]);
                    // SAFETY: the range is written again only by the next run of an entry, which begins after a wait.
                    unsafe { self.gpu.upload_pinned(&self.arena, *offset, &self.pinned, *staging..staging + bytes)? };
                }
                Step::Download { buffer, row_bytes, staging, offset } => {
                    let range = *staging..staging + row_bytes * rows;
                    // SAFETY: nobody looks before the wait.
                    unsafe { self.gpu.download_pinned(&self.pinned, range.clone(), &self.arena, *offset)? };
                    self.gpu.synchronize()?;
                    cpu.rows_mut(entry, *buffer, rows).copy_from_slice(&self.pinned.as_slice()[range]);
                }
                // SAFETY: the memory it was recorded with is held by `self`.
                Step::Device(graph) => unsafe { self.gpu.run(graph)? },
            }
        }
        Ok(())
    }

    fn send_inputs(&mut self, entry: usize, inputs: RowInputs<'_>) -> Result<()> {
        let part = usize::from(self.entries[entry].part == Part::Tail);
        let (first, most) = (self.staging[part], self.most[part]);
        let bytes = inputs_bytes(most) as usize;
        let block = &mut self.pinned.as_mut_slice()[first..first + bytes];
        let rows = inputs.tokens.len() as u32;
        block[..4].copy_from_slice(&rows.to_le_bytes());
        block[4..8].copy_from_slice(&rows.to_le_bytes());
        for (column, values) in [inputs.tokens, inputs.slots, inputs.positions, inputs.picks].into_iter().enumerate() {
            let at = inputs_column(column as u32, most) as usize;
            for (to, value) in block[at..].chunks_exact_mut(4).zip(values) {
                to.copy_from_slice(&value.to_le_bytes());
            }
        }
        // SAFETY: the part's range is written again only by its next run, which begins after a wait for this one's results.
        unsafe { self.gpu.upload_pinned(&self.inputs[part], 0, &self.pinned, first..first + bytes)? };
        if self.entries[entry].best.is_some() { self.gpu.fill(&self.best, 0, u64::from(rows) * 8, 0) } else { Ok(()) }
    }

    /// The logits of the first `rows` rows after a tail has run; waits for them.
    ///
    /// # Errors
    /// What the driver says.
    pub fn logits(&mut self, entry: usize, rows: usize) -> Result<&[f32]> {
        self.logits_of(entry, 0..rows)
    }

    /// The logits of some rows after a tail has run; waits for them.
    ///
    /// # Errors
    /// What the driver says.
    pub fn logits_of(&mut self, entry: usize, rows: std::ops::Range<usize>) -> Result<&[f32]> {
        let Some((offset, width)) = self.entries[entry].logits else { return Ok(&[]) };
        let range = self.results..self.results + rows.len() * width * 4;
        // SAFETY: nobody looks before the wait.
        unsafe { self.gpu.download_pinned(&self.pinned, range.clone(), &self.arena, offset + (rows.start * width * 4) as u64)? };
        self.wait()?;
        let bytes = &self.pinned.as_slice()[range];
        // SAFETY: page-locked memory begins at a page and `results` is a multiple of 256; every bit pattern is an f32.
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / 4) })
    }

    /// Whether the logits of an entry are on the device.
    pub fn has_logits(&self, entry: usize) -> bool {
        self.entries[entry].logits.is_some()
    }

    /// The best id and its logit for each of the first `rows` rows after a tail has run; waits for them.
    ///
    /// # Errors
    /// What the driver says.
    pub fn best(&mut self, entry: usize, rows: usize) -> Result<&[(u32, f32)]> {
        let range = self.results..self.results + rows * 8;
        if self.entries[entry].best.is_some() {
            if !self.found && !self.run_timed(entry, self.entries[entry].steps.len())? {
                let alone = self.entries[entry].best.as_ref().map(|b| &b.alone);
                // SAFETY: as for any graph of ours.
                alone.map_or(Ok(()), |graph| unsafe { self.gpu.run(graph) })?;
            }
            // SAFETY: nobody looks at the range before the wait.
            unsafe { self.gpu.download_pinned(&self.pinned, range.clone(), &self.best, 0)? };
        }
        self.wait()?;
        self.chosen.clear();
        self.chosen.extend(ordered(&self.pinned.as_slice()[range]));
        Ok(&self.chosen)
    }

    /// Whether the largest logits of an entry can be found on the device.
    pub fn finds_top(&self, entry: usize) -> bool {
        self.entries[entry].top.is_some()
    }

    /// Finds the largest logits of the first `rows` rows after a tail has run, for [`Accelerator::largest`]; waits for them.
    ///
    /// # Errors
    /// What the driver says.
    pub fn find_top(&mut self, entry: usize, rows: usize) -> Result<()> {
        let bytes = rows * plan::TOP_ROW_BYTES as usize;
        let first = plan::top_results(self.most[1]);
        if let Some(graph) = &self.entries[entry].top {
            self.gpu.fill(&self.top, 0, plan::top_results(rows as u32), 0)?;
            self.gpu.fill(&self.top, first, bytes as u64, 0)?;
            // SAFETY: as for any graph of ours.
            unsafe { self.gpu.run(graph)? };
            // SAFETY: nobody looks at the range before the wait.
            unsafe { self.gpu.download_pinned(&self.pinned, self.top_results..self.top_results + bytes, &self.top, first)? };
        }
        self.wait()
    }

    /// The largest logits of a row and their ids, in any order, as [`Accelerator::find_top`] found them: at least [`plan::TOP`] of them where the row has
    /// as many. `None` where too many are alike.
    pub fn largest(&mut self, row: usize) -> Option<&[(u32, f32)]> {
        let bytes = plan::TOP_ROW_BYTES as usize;
        let found = self.pinned.as_slice().get(self.top_results + row * bytes..self.top_results + (row + 1) * bytes)?;
        let (count, words) = found.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count);
        if count == 0 || count > plan::TOP_CAPACITY {
            return None;
        }
        self.largest.clear();
        self.largest.extend(ordered(words.get(4..4 + count as usize * 8)?));
        Some(&self.largest)
    }

    /// Waits for everything so far.
    ///
    /// # Errors
    /// What the driver says.
    pub fn wait(&mut self) -> Result<()> {
        self.gpu.synchronize()?;
        self.busy = false;
        Ok(())
    }
}
