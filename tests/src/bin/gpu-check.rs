//! Checks the kernels of an artifact on the GPU that is here, launch by launch, against the commands they perform in double precision. Long: one arm per command, and a check per kind of output.
//!
//! Before a launch the whole arena is poison; then what it reads is put in place for the live rows. So a launch that reads what is not there, leaves out
//! an element, or writes beyond the live rows is found as well as one that computes something else. `--dry` does all but the launches, without a GPU, and judges what a
//! faultless one would leave.

use clap::Parser;
use half::f16;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use unicorn_artifact::command::{BufferId, Command, HandoffId, StateId};
use unicorn_artifact::file::{Artifact, section};
use unicorn_artifact::gpu::{Argument, GpuPlan, Launch, Stage, TOP, TOP_BINS, TOP_CAPACITY};
use unicorn_artifact::plan::{Elements, Entry, Part, Plan, State};
use unicorn_kernels_cpu::{Isa, Kernels};
use unicorn_rt::hal::accelerator::Accelerator;
use unicorn_rt::hal::cpu::{Cpu, Parts, RowInputs, Weights};
use unicorn_rt::hal::gpu::DriverError;
use unicorn_rt::load::{DeviceChoice, Options, Placement, load};
use unicorn_tests::Random;
use unicorn_tests::judge::{Error, HALF, Trust, bytes_of, distance, distance_rounded, fault, floats, from_device, mirror, normal, to_device};
use unicorn_tests::reference::{Inputs, Reference, Row, Slots, activations};

/// Rows for which products are computed in the reference.
const SAMPLED: usize = 4;
/// Rows for which attention is.
const ATTENDED: usize = 8;
/// Rows that follow each other where there are several runs of them: more than a tile, and no multiple of a part of one.
const RUN: usize = 21;

/// Checks every kernel of an artifact on the GPU.
#[derive(Parser)]
#[command(name = "gpu-check")]
struct Arguments {
    /// The artifact.
    artifact: PathBuf,
    /// Only these entries, by number.
    #[arg(long, value_delimiter = ',')]
    entries: Vec<usize>,
    /// Only kernels whose title contains this.
    #[arg(long)]
    kernel: Option<String>,
    /// Launches of a kernel that are checked in each entry.
    #[arg(long, default_value_t = 2)]
    launches: usize,
    /// Seed of all contents.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print only what is wrong, and the sums.
    #[arg(long)]
    quiet: bool,
    /// Check the host's kernels instead, where a launch has neither keys and values nor handoffs: the reference's own test.
    #[arg(long, conflicts_with = "dry")]
    host: bool,
    /// Compute the reference alone and judge it as if a device had left it: no GPU is used.
    #[arg(long)]
    dry: bool,
}

/// Why a launch could not be checked.
enum Trouble {
    Device(DriverError),
    Plan(String),
}

impl From<DriverError> for Trouble {
    fn from(error: DriverError) -> Self {
        Self::Device(error)
    }
}

/// What a case puts into gates of sparse products.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gate {
    Few,
    None,
    All,
}

/// How slots and positions go from row to row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    /// Neighbours have nothing to do with each other; with an append, rows of a slot follow each other.
    Spread,
    /// All rows follow each other in one slot, as in a prompt.
    Run,
    /// Runs of [`RUN`] rows.
    Runs,
}

/// How a launch is tried.
#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    gate: Gate,
    order: Order,
    /// Turns slots and positions.
    turn: usize,
}

/// What a launch reads and writes of its entry's buffers.
struct Uses {
    inputs: Vec<BufferId>,
    outputs: Vec<BufferId>,
    gates: Vec<BufferId>,
    /// States read, and states written.
    states: BTreeSet<StateId>,
    appends: bool,
    handoffs: BTreeSet<HandoffId>,
    /// Makers of rotation tables that the launch does not name.
    before: Vec<usize>,
}

/// What became of the launches of one kernel in one entry.
#[derive(Default)]
struct Report {
    rows: BTreeSet<usize>,
    cases: usize,
    worst: Error,
    wrong: Vec<String>,
    failed: Vec<String>,
    microseconds: Option<f32>,
    commands: String,
    shapes: String,
}

impl Report {
    fn note(&mut self, case: &Case, error: Error) {
        if error.share() > 1.0 {
            self.wrong.push(format!(
                "{case:?}: `{}` is off by {:.2e}, allowed {:.2e}; largest difference {:.2e}",
                error.what, error.relative, error.allowed, error.most
            ));
        }
        if self.worst.what.is_empty() || error.share() > self.worst.share() {
            self.worst = error;
        }
    }
}

/// The host in the device's place: every launch's commands are a fragment of its own.
struct Host {
    cpu: Cpu,
    fragments: BTreeMap<(usize, Vec<u32>), usize>,
}

impl Host {
    fn new(path: &Path, plan: &Plan, part: &GpuPlan) -> Result<Self, String> {
        let artifact = Artifact::open(path).map_err(|e| e.to_string())?;
        let streamed =
            (artifact.file().try_clone().map_err(|e| e.to_string())?, artifact.section(section::STREAMED).map_err(|e| e.to_string())?.offset);
        let mut fragments = BTreeMap::new();
        let mut list = vec![];
        for (number, made) in part.entries.iter().enumerate() {
            for launch in made.stages.iter().flat_map(|s| if let Stage::Device(list) = s { &list[..] } else { &[] }) {
                fragments.insert((number, launch.commands.clone()), plan.entries.len() + list.len());
                list.push((number, launch.commands.clone()));
            }
        }
        let (kernels, weights) = (Kernels::new(Isa::Plain), Weights::Mapped(artifact));
        let parts =
            Parts { plan: plan.clone(), kernels, threads: 1, weights, streamed, code: None, dense: false, fragments: list, idle_states: false };
        Ok(Self { cpu: Cpu::new(parts).map_err(|e| e.to_string())?, fragments })
    }
}

struct Checker<'a> {
    plan: &'a Plan,
    weights: &'a [u8],
    gpu: Option<&'a mut Accelerator>,
    host: Option<Host>,
    random: Random,
    /// Normal numbers that all contents are drawn from: equal ones are wanted, too.
    pool: Vec<f32>,
    /// What the device's states hold.
    slots: Slots,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match check(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("gpu-check: {why}");
            ExitCode::FAILURE
        }
    }
}

fn check(arguments: &Arguments) -> Result<bool, String> {
    let artifact = Artifact::open(&arguments.artifact).map_err(|e| e.to_string())?;
    let manifest = artifact.manifest().map_err(|e| e.to_string())?;
    let plan = &manifest.plan;
    let part = plan.gpu.as_ref().ok_or("the artifact has no GPU code; compile it with --target")?;
    let options = Options { gpu: DeviceChoice::Require, placement: Placement::Map, ..Options::default() };
    let host = arguments.host.then(|| Host::new(&arguments.artifact, plan, part)).transpose()?;
    let mut loaded = if arguments.dry || arguments.host { None } else { Some(load(&arguments.artifact, options).map_err(|e| e.to_string())?) };
    let gpu = loaded.as_mut().and_then(|l| l.session.gpu_mut());
    if let Some(gpu) = &gpu {
        println!("{} ({})", gpu.info().name, gpu.info().target);
    }
    let weights = artifact.bytes(section::WEIGHTS).map_err(|e| e.to_string())?;
    let mut random = Random(arguments.seed);
    let pool = (0..1 << 16).map(|_| normal(&mut random)).collect();
    let mut checker = Checker { plan, weights, gpu, host, random, pool, slots: Slots::new() };
    let (mut checked, mut lines, mut launches, mut wrong, mut failed) = (BTreeSet::new(), 0, 0, 0, 0);
    for number in (0..plan.entries.len()).filter(|n| arguments.entries.is_empty() || arguments.entries.contains(n)) {
        let entry = &plan.entries[number];
        let made = &part.entries[number];
        let all = made.stages.iter().flat_map(|s| if let Stage::Device(list) = s { &list[..] } else { &[] });
        let mut kernels: BTreeMap<u32, Vec<(&Launch, Search)>> = BTreeMap::new();
        let searches = made.best.iter().map(|l| (l, Search::Best)).chain(made.top.iter().map(|l| (l, Search::Top)));
        for (launch, search) in all.map(|l| (l, Search::None)).chain(searches) {
            let list = kernels.entry(launch.kernel).or_default();
            if list.len() < arguments.launches {
                list.push((launch, search));
            }
        }
        for (kernel, list) in kernels {
            let title = &part.kernels[kernel as usize].title;
            if arguments.kernel.as_ref().is_some_and(|k| !title.contains(k.as_str())) {
                continue;
            }
            let mut report = Report::default();
            let mut lost = false;
            for (launch, search) in list {
                launches += 1;
                let done = match search {
                    Search::None => checker.launch(number, launch, &mut report),
                    Search::Best | Search::Top => checker.search(number, launch, search == Search::Top, &mut report),
                };
                if let Err(trouble) = done {
                    lost = matches!(&trouble, Trouble::Device(error) if error.is_lost());
                    report.failed.push(match trouble {
                        Trouble::Device(error) => error.to_string(),
                        Trouble::Plan(why) => why,
                    });
                    // What an interrupted launch left in states is unknown.
                    checker.slots.clear();
                }
                if lost {
                    break;
                }
            }
            checked.insert(kernel);
            lines += 1;
            wrong += usize::from(!report.wrong.is_empty());
            failed += usize::from(!report.failed.is_empty());
            print(&report, arguments, entry, number, title);
            if lost {
                println!("the device is lost; nothing more is checked");
                return Ok(false);
            }
        }
    }
    let cases = if arguments.dry { "computed in the reference alone and judged" } else { "checked" };
    println!("{} of {} kernels, {launches} launches {cases}; of {lines} lines {wrong} WRONG, {failed} FAILED", checked.len(), part.kernels.len());
    if arguments.entries.is_empty() && arguments.kernel.is_none() && checked.len() < part.kernels.len() {
        let missing: Vec<&str> = (0..part.kernels.len()).filter(|k| !checked.contains(&(*k as u32))).map(|k| &*part.kernels[k].title).collect();
        println!("never launched: {}", missing.join("; "));
    }
    Ok(wrong + failed == 0)
}

fn print(report: &Report, arguments: &Arguments, entry: &Entry, number: usize, title: &str) {
    let sound = report.wrong.is_empty() && report.failed.is_empty();
    if arguments.quiet && sound {
        return;
    }
    let word = if !report.failed.is_empty() {
        "FAILED"
    } else if sound {
        "ok"
    } else {
        "WRONG"
    };
    let rows = report.rows.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let error = if report.worst.what.is_empty() {
        String::new()
    } else {
        let Error { relative, allowed, most, what } = &report.worst;
        format!("  error {relative:.1e} of {allowed:.1e}, largest {most:.1e} in `{what}`")
    };
    let time = report.microseconds.map_or(String::new(), |t| format!("  {t:.1} us"));
    let shapes = if arguments.dry { format!("  {}", report.shapes) } else { String::new() };
    println!(
        "{word:6} entry {number} {:?} {}  rows {rows} in {} cases{error}{time}  {title} [{}]{shapes}",
        entry.part, entry.rows, report.cases, report.commands
    );
    for why in report.failed.iter().chain(&report.wrong).take(6) {
        println!("         {why}");
    }
    let more = report.failed.len() + report.wrong.len();
    if more > 6 {
        println!("         and {} more", more - 6);
    }
}

impl<'a> Checker<'a> {
    fn launch(&mut self, number: usize, launch: &Launch, report: &mut Report) -> Result<(), Trouble> {
        let entry = &self.plan.entries[number];
        let uses = self.uses(number, launch)?;
        report.commands = self.names(entry, launch);
        report.shapes = shapes(entry, &uses);
        let twin = self.twin(number, launch);
        // What a launch is for comes first, since that is timed.
        let orders = match twin {
            None => &[Order::Spread][..],
            Some(_) if self.tiles(launch) => &[Order::Run, Order::Runs, Order::Spread],
            Some(_) => &[Order::Spread, Order::Runs, Order::Run],
        };
        let gates: &[Gate] = if uses.gates.is_empty() { &[Gate::Few] } else { &[Gate::Few, Gate::None, Gate::All] };
        let smaller = if entry.rows > 4 { Some(entry.rows as usize - 1) } else { Some(3.min(entry.rows as usize - 1)).filter(|&r| r > 0) };
        for rows in [Some(entry.rows as usize), smaller].into_iter().flatten() {
            // Every edge of the positions is met by some sampled row.
            let turns = if self.places(entry, launch) { self.edges(entry, launch).len().div_ceil(rows.min(ATTENDED)) } else { 1 };
            for &order in orders {
                // A run meets one edge.
                let turns = if order == Order::Run { self.edges(entry, launch).len() } else { turns };
                for (turn, &gate) in (0..turns).flat_map(|turn| gates.iter().map(move |gate| (turn, gate))) {
                    let case = Case { rows, gate, order, turn };
                    report.rows.insert(rows);
                    report.cases += 1;
                    self.case(number, (launch, twin), &uses, &case, report)?;
                }
            }
        }
        Ok(())
    }

    /// The launch that shares the rows with this one.
    fn twin(&self, number: usize, launch: &Launch) -> Option<&'a Launch> {
        let made = &self.plan.gpu.as_ref()?.entries[number];
        let mut all = made.stages.iter().flat_map(|s| if let Stage::Device(list) = s { &list[..] } else { &[] });
        all.find(|other| other.shares_rows(launch, &self.plan.entries[number]))
    }

    /// Whether a launch that has a twin does rows that follow each other, and the twin the rest.
    fn tiles(&self, launch: &Launch) -> bool {
        self.plan.gpu.as_ref().is_some_and(|gpu| gpu.kernels[launch.kernel as usize].name.starts_with("attention_tile"))
    }

    /// Runs a launch and then its twin. Before that, the launch must have written all rows, none, or some, as the order of rows says.
    fn run(
        &mut self,
        number: usize,
        (launch, twin): (&Launch, Option<&Launch>),
        uses: &Uses,
        case: &Case,
        report: &mut Report,
    ) -> Result<(), Trouble> {
        let tiles = self.tiles(launch);
        let Some(gpu) = &mut self.gpu else { return Ok(()) };
        gpu.probe_launch(number, launch)?;
        let Some(twin) = twin else { return Ok(()) };
        let entry = &self.plan.entries[number];
        for &id in &uses.outputs {
            let buffer = &entry.buffers[id as usize];
            let each = buffer.row_bytes() as usize;
            let mut bytes = vec![0; each * entry.rows as usize];
            gpu.probe_read(number, id, &mut bytes)?;
            if buffer.elements == Elements::Activations {
                bytes = from_device(&bytes, buffer.width as usize, entry.rows as usize);
            }
            let written = bytes.chunks(each).filter(|row| row.iter().any(|&b| b != 0xFF)).count();
            let sound = match case.order {
                Order::Runs => (1..case.rows).contains(&written),
                order => written == if tiles == (order == Order::Run) { case.rows } else { 0 },
            };
            if !sound {
                report.wrong.push(format!("{case:?}: without its twin, the launch wrote {written} rows of `{}`", buffer.name));
            }
        }
        Ok(gpu.probe_launch(number, twin)?)
    }

    /// What a launch uses; an error where its arguments do not fit its commands.
    fn uses(&self, number: usize, launch: &Launch) -> Result<Uses, Trouble> {
        let entry = &self.plan.entries[number];
        let given: BTreeSet<BufferId> = launch.arguments.iter().filter_map(|a| a.buffer()).collect();
        let mut uses = Uses {
            inputs: vec![],
            outputs: vec![],
            gates: vec![],
            states: BTreeSet::new(),
            appends: false,
            handoffs: BTreeSet::new(),
            before: vec![],
        };
        let mut made = BTreeSet::new();
        for command in self.commands(entry, launch) {
            let (read, written) = command.buffers(&self.plan.regions);
            for id in read {
                if made.contains(&id) || uses.inputs.contains(&id) {
                    continue;
                }
                let maker = entry.commands.iter().position(|c| matches!(c, Command::RopeTable { out, .. } if *out == id));
                match maker {
                    _ if given.contains(&id) => uses.inputs.push(id),
                    Some(maker) => {
                        uses.before.push(maker);
                        made.insert(id);
                    }
                    None => return Err(Trouble::Plan(format!("`{}` is read but no argument", entry.buffers[id as usize].name))),
                }
            }
            match &command {
                Command::SparseUp { gate: id, .. } | Command::SparseDown { hidden: id, .. } if uses.inputs.contains(id) => uses.gates.push(*id),
                Command::KvAppend { state, .. } => {
                    uses.states.insert(*state);
                    uses.appends = true;
                }
                Command::Attention { state, .. } => {
                    uses.states.insert(*state);
                }
                Command::Gather { handoff, .. } => {
                    uses.handoffs.insert(*handoff);
                }
                _ => {}
            }
            for id in written {
                made.insert(id);
                if given.contains(&id) && !uses.outputs.contains(&id) {
                    uses.outputs.push(id);
                }
            }
        }
        if let Some(id) = given.iter().find(|id| !uses.inputs.contains(id) && !uses.outputs.contains(id)) {
            return Err(Trouble::Plan(format!("`{}` is an argument that no command of the launch touches", entry.buffers[*id as usize].name)));
        }
        Ok(uses)
    }

    /// The commands of a launch; of a product only what the launch has weights for.
    fn commands(&self, entry: &Entry, launch: &Launch) -> Vec<Command> {
        let mut commands: Vec<Command> = launch.commands.iter().map(|&c| entry.commands[c as usize].clone()).collect();
        for command in &mut commands {
            if let Command::MatMul { products, .. } = command {
                products.retain(|p| launch.arguments.contains(&Argument::Weight(p.weight)));
            }
        }
        commands
    }

    fn names(&self, entry: &Entry, launch: &Launch) -> String {
        self.commands(entry, launch).iter().map(Command::name).collect::<Vec<_>>().join("+")
    }

    /// Whether positions matter.
    fn places(&self, entry: &Entry, launch: &Launch) -> bool {
        let matters =
            |c: &Command| matches!(c, Command::RopeTable { .. } | Command::HeadNorm { .. } | Command::KvAppend { .. } | Command::Attention { .. });
        self.commands(entry, launch).iter().any(matters)
    }

    /// Positions at which something changes.
    fn edges(&self, entry: &Entry, launch: &Launch) -> Vec<u32> {
        let context = self.plan.model.context;
        let mut edges = vec![0, 1, context - 1, self.plan.model.window.wrapping_sub(1), self.plan.model.window];
        for command in self.commands(entry, launch) {
            if let Command::Attention { state, .. } | Command::KvAppend { state, .. } = command {
                let capacity = self.plan.states[state as usize].capacity;
                edges.extend([capacity - 1, capacity, 2 * capacity + 1]);
            }
            if let Command::Attention { window, .. } = command {
                edges.extend([3, 4, 31, 32, 255, 256, window.wrapping_sub(1), window, window + 1]);
            }
        }
        let mut seen = BTreeSet::new();
        edges.retain(|&p| p < context && seen.insert(p));
        edges
    }

    /// Rows that the reference computes.
    fn sample(&self, entry: &Entry, launch: &Launch, rows: usize) -> Vec<usize> {
        let commands = self.commands(entry, launch);
        let has = |f: &dyn Fn(&Command) -> bool| commands.iter().any(f);
        let attends = has(&|c| matches!(c, Command::Attention { .. }));
        let appends = has(&|c| matches!(c, Command::KvAppend { .. }));
        let heavy = has(&|c| matches!(c, Command::MatMul { .. } | Command::SparseUp { .. } | Command::SparseDown { .. }));
        let picked: BTreeSet<usize> = if appends || !(heavy || attends) {
            (0..rows).collect()
        } else if heavy {
            [0, 1, rows / 2, rows - 1].into_iter().take(SAMPLED).filter(|&r| r < rows).collect()
        } else {
            (0..ATTENDED).map(|n| n * (rows - 1) / (ATTENDED - 1)).collect()
        };
        picked.into_iter().collect()
    }

    /// Slots that are used.
    fn used_slots(&self) -> Vec<u32> {
        let last = self.plan.model.slots - 1;
        [0, 1, last].into_iter().filter(|&s| s <= last).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn inputs(&mut self, entry: &Entry, launch: &Launch, uses: &Uses, case: &Case, sampled: &[usize]) -> Inputs {
        let model = &self.plan.model;
        let (slots, edges) = (self.used_slots(), self.edges(entry, launch));
        let mut inputs = Inputs::default();
        let body = self.plan.max_rows(Part::Body) as usize;
        for r in 0..case.rows {
            let token =
                [0, model.vocabulary - 1].get((r + case.turn) % 5).copied().unwrap_or_else(|| self.random.below(model.vocabulary as usize) as u32);
            // Two runs of a slot after each other, then the next slot's.
            let (run, length) = if case.order == Order::Run { (0, case.rows) } else { (r / RUN, RUN) };
            let slot = slots[(if case.order == Order::Spread { r } else { run / 2 } + case.turn) % slots.len()];
            let position = match sampled.iter().position(|&s| s == r) {
                _ if case.order != Order::Spread => {
                    let start = edges[(run + case.turn) % edges.len()].saturating_sub(length as u32 / 2);
                    start.min(model.context.saturating_sub(length as u32)) + (r % length) as u32
                }
                // With an append, rows of a slot follow each other, as in a step: no two at one place.
                _ if uses.appends => {
                    let count = case.rows.div_ceil(slots.len()) as u32;
                    let start = edges[(r % slots.len() + case.turn * case.rows.min(slots.len())) % edges.len()];
                    // An edge in the middle of a run is met, too.
                    start.saturating_sub(count / 2).min(model.context.saturating_sub(count)) + (r / slots.len()) as u32
                }
                Some(at) => edges[(at + case.turn * sampled.len()) % edges.len()],
                None => self.random.below(model.context as usize) as u32,
            };
            inputs.tokens.push(token);
            inputs.slots.push(slot);
            inputs.positions.push(position);
            if entry.part == Part::Tail {
                inputs.picks.push(if r == 0 { body as u32 - 1 } else { self.random.below(body) as u32 });
            }
        }
        inputs
    }

    fn case(
        &mut self,
        number: usize,
        (launch, twin): (&Launch, Option<&Launch>),
        uses: &Uses,
        case: &Case,
        report: &mut Report,
    ) -> Result<(), Trouble> {
        let (plan, weights) = (self.plan, self.weights);
        let entry = &plan.entries[number];
        let sampled = self.sample(entry, launch, case.rows);
        let inputs = self.inputs(entry, launch, uses, case, &sampled);
        let fragment = self.host.as_ref().and_then(|h| h.fragments.get(&(number, launch.commands.clone())).copied()).unwrap_or_default();
        if let Some(host) = &mut self.host {
            if !(uses.states.is_empty() && uses.handoffs.is_empty() && uses.before.is_empty()) {
                report.commands = format!("skipped: {}", self.names(entry, launch));
                return Ok(());
            }
            uses.outputs.iter().for_each(|&id| host.cpu.rows_mut(fragment, id, entry.rows as usize).fill(0xFF));
        }
        if let Some(gpu) = &mut self.gpu {
            gpu.probe_fill(u32::MAX)?;
            gpu.probe_inputs(number, rows_of(&inputs))?;
        }
        let mut buffers = BTreeMap::new();
        for &id in &uses.inputs {
            let (bytes, rows) = self.contents(entry, id, case, uses.gates.contains(&id), &sampled);
            buffers.insert(id, rows);
            if let Some(gpu) = &mut self.gpu {
                let buffer = &entry.buffers[id as usize];
                match buffer.elements {
                    Elements::F32 => gpu.probe_write(number, id, &bytes)?,
                    Elements::Int8 => unreachable!("no GPU is given rows of int8"),
                    Elements::Activations => gpu.probe_write(number, id, &to_device(&bytes, buffer.width as usize, entry.rows as usize))?,
                }
            }
            if let Some(host) = &mut self.host {
                host.cpu.rows_mut(fragment, id, case.rows).copy_from_slice(&bytes);
            }
        }
        let mut handoffs = BTreeMap::new();
        for &id in &uses.handoffs {
            let values = self.draw(plan.handoffs[id as usize].width as usize * plan.max_rows(Part::Body) as usize);
            if let Some(gpu) = &mut self.gpu {
                gpu.probe_write_handoff(id, &bytes_of(&values))?;
            }
            handoffs.insert(id, values);
        }
        for &state in &uses.states {
            for slot in inputs.slots.iter().copied().collect::<BTreeSet<u32>>() {
                self.hold(state, slot)?;
            }
        }
        let commands = self.commands(entry, launch);
        let mut reference = Reference {
            plan,
            entry,
            weights,
            inputs: &inputs,
            rows: sampled.clone(),
            slots: &self.slots,
            handoffs: &handoffs,
            buffers,
            appended: BTreeMap::new(),
        };
        for &maker in &uses.before {
            reference.run(&entry.commands[maker]);
        }
        for command in &commands {
            reference.run(command);
        }
        let Reference { buffers, appended, .. } = reference;
        let trust = Trust::of(plan, entry, &uses.before, &commands);
        if self.gpu.is_none() {
            for &id in &uses.outputs {
                for (r, row) in &buffers[&id] {
                    if !row.values.iter().zip(&row.written).all(|(v, &w)| v.is_finite() || !w) {
                        report.wrong.push(format!("{case:?}: the reference of `{}` row {r} is not finite", entry.buffers[id as usize].name));
                    }
                }
            }
        }
        self.run(number, (launch, twin), uses, case, report)?;
        if let Some(host) = &mut self.host {
            host.cpu.run(fragment, rows_of(&inputs)).map_err(|e| Trouble::Plan(e.to_string()))?;
        }
        for &id in &uses.outputs {
            self.compare((number, fragment), id, case, &inputs, &buffers[&id], &trust, uses.inputs.contains(&id), report)?;
        }
        if uses.appends {
            self.compare_states(case, &inputs, &appended, &trust, report)?;
        }
        if let Some(gpu) = &mut self.gpu {
            if gpu.probe_counters()?.iter().any(|&b| b != 0) {
                report.wrong.push(format!("{case:?}: counters are not zero afterwards"));
            }
            if report.microseconds.is_none() {
                // What works in place changes its own input: few runs keep it what it is like.
                let in_place = uses.outputs.iter().any(|id| uses.inputs.contains(id));
                report.microseconds = Some(gpu.probe_time(number, launch, if in_place { 3 } else { 20 })?);
            }
        }
        Ok(())
    }

    /// Numbers from the pool.
    fn draw(&mut self, count: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(count + 3);
        while values.len() < count {
            let bits = self.random.bits();
            values.extend((0..4).map(|n| self.pool[(bits >> (16 * n)) as usize & 0xFFFF]));
        }
        values.truncate(count);
        values
    }

    /// Contents of a buffer for all live rows, and what they are for the sampled ones.
    fn contents(&mut self, entry: &Entry, id: BufferId, case: &Case, gate: bool, sampled: &[usize]) -> (Vec<u8>, BTreeMap<usize, Row>) {
        let buffer = &entry.buffers[id as usize];
        let (mut bytes, mut rows) = (Vec::new(), BTreeMap::new());
        for r in 0..case.rows {
            let mut values = self.draw(buffer.width as usize);
            if gate {
                for value in &mut values {
                    let keep = match case.gate {
                        Gate::Few => self.random.below(20) == 0,
                        Gate::None => false,
                        Gate::All => true,
                    };
                    *value = if !keep {
                        0.0
                    } else if *value == 0.0 {
                        1.0
                    } else {
                        *value
                    };
                }
            }
            let exact = match buffer.elements {
                Elements::F32 => {
                    bytes.extend(bytes_of(&values));
                    values.iter().map(|&v| f64::from(v)).collect()
                }
                Elements::Int8 => unreachable!("no GPU is given rows of int8"),
                Elements::Activations => {
                    let (coded, exact) = activations(&values);
                    bytes.extend(coded);
                    exact
                }
            };
            if sampled.contains(&r) {
                rows.insert(r, Row::full(exact));
            }
        }
        (bytes, rows)
    }

    /// Random keys and values at all positions of a slot, on the device and here.
    fn hold(&mut self, state: StateId, slot: u32) -> Result<(), Trouble> {
        if self.slots.contains_key(&(state, slot)) {
            return Ok(());
        }
        let of = &self.plan.states[state as usize];
        let bytes = slot_bytes(of);
        let halves: Vec<u16> = self.pool.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
        let mut held = Vec::with_capacity(bytes / 2 + 3);
        while held.len() < bytes / 2 {
            let bits = self.random.bits();
            held.extend((0..4).map(|n| halves[(bits >> (16 * n)) as usize & 0xFFFF]));
        }
        held.truncate(bytes / 2);
        if let Some(gpu) = &mut self.gpu {
            let raw: Vec<u8> = held.iter().flat_map(|h| h.to_le_bytes()).collect();
            gpu.probe_write_state(state, u64::from(slot) * bytes as u64, &raw)?;
        }
        self.slots.insert((state, slot), held);
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "one caller")]
    fn compare(
        &mut self,
        (number, fragment): (usize, usize),
        id: BufferId,
        case: &Case,
        inputs: &Inputs,
        expected: &BTreeMap<usize, Row>,
        trust: &Trust,
        in_place: bool,
        report: &mut Report,
    ) -> Result<(), Trouble> {
        let entry = &self.plan.entries[number];
        let buffer = &entry.buffers[id as usize];
        let (each, width, name) = (buffer.row_bytes() as usize, buffer.width as usize, &buffer.name);
        let mut bytes = vec![0xFF; each * entry.rows as usize];
        match (&mut self.gpu, &mut self.host) {
            (Some(gpu), _) => {
                gpu.probe_read(number, id, &mut bytes)?;
                if buffer.elements == Elements::Activations {
                    bytes = from_device(&bytes, width, entry.rows as usize);
                }
            }
            (None, Some(host)) => bytes.copy_from_slice(host.cpu.rows_mut(fragment, id, entry.rows as usize)),
            // Rows that the reference lacks are as the first.
            (None, None) => {
                for (r, out) in bytes.chunks_exact_mut(each).take(case.rows).enumerate() {
                    let row = expected.get(&r).or_else(|| expected.values().next());
                    row.into_iter().for_each(|row| mirror(row, buffer.elements, out));
                }
            }
        }
        // The host's buffers share memory within a launch, where one is read for the last time before another is written.
        if self.host.is_none()
            && let Some(at) = bytes[case.rows * each..].iter().position(|&b| b != 0xFF)
        {
            report.wrong.push(format!("{case:?}: `{name}` row {}, which is not live, was written", case.rows + at / each));
        }
        let Some(written) = expected.values().next().map(|row| &row.written) else { return Ok(()) };
        let all_finite = expected.values().all(|row| row.values.iter().zip(&row.written).all(|(v, &w)| v.is_finite() || !w));
        let mut faults = 0;
        for (r, row) in bytes.chunks_exact(each).take(case.rows).enumerate() {
            if let Some(why) = fault(row, buffer.elements, written, in_place, all_finite) {
                faults += 1;
                if faults <= 2 {
                    report.wrong.push(format!("{case:?}: `{name}` row {r}: {why}"));
                }
            }
        }
        if faults > 2 {
            report.wrong.push(format!("{case:?}: `{name}`: {faults} of {} rows have such faults", case.rows));
        }
        for (&r, row) in expected {
            let here = &bytes[r * each..(r + 1) * each];
            let allowed = trust.allowed(id, inputs.positions[r]);
            let error = match buffer.elements {
                Elements::F32 => distance(&floats(here), &row.values, &row.written, allowed),
                Elements::Int8 => unreachable!("no GPU is given rows of int8"),
                Elements::Activations => distance_rounded(here, &row.values, width, allowed, trust.of_input(id)),
            };
            report.note(case, Error { what: format!("{name} row {r}"), ..error });
        }
        Ok(())
    }

    fn compare_states(
        &mut self,
        case: &Case,
        inputs: &Inputs,
        appended: &unicorn_tests::reference::Appended,
        trust: &Trust,
        report: &mut Report,
    ) -> Result<(), Trouble> {
        let of: BTreeSet<(StateId, u32)> = appended.keys().map(|&(state, slot, _)| (state, slot)).collect();
        for (state, slot) in of {
            let shape = &self.plan.states[state as usize];
            let (heads, dim, capacity) = (shape.kv_heads as usize, shape.head_dim as usize, shape.capacity as usize);
            let bytes = slot_bytes(shape);
            let of_slot = appended.range((state, slot, 0)..=(state, slot, u32::MAX));
            let at = |part: usize, head: usize, place: u32| ((part * heads + head) * capacity + place as usize) * dim;
            let mut after = self.slots[&(state, slot)].clone();
            match &mut self.gpu {
                Some(gpu) => {
                    let mut raw = vec![0; bytes];
                    gpu.probe_read_state(state, u64::from(slot) * bytes as u64, &mut raw)?;
                    after = raw.as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b)).collect();
                }
                None => {
                    for (&(_, _, place), (keys, values)) in of_slot.clone() {
                        for (part, values) in [keys, values].into_iter().enumerate() {
                            for (head, values) in values.chunks(dim).enumerate() {
                                let first = at(part, head, place);
                                after[first..first + dim].iter_mut().zip(values).for_each(|(to, v)| *to = f16::from_f64(*v).to_bits());
                            }
                        }
                    }
                }
            }
            let before = self.slots.insert((state, slot), after.clone()).unwrap_or_default();
            let mut untouched = after.clone();
            for (&(_, _, place), (keys, values)) in of_slot {
                let position = (0..case.rows).find(|&r| inputs.slots[r] == slot && inputs.positions[r] % shape.capacity == place);
                let position = position.map_or(0, |r| inputs.positions[r]);
                for (what, part, expected) in [("keys", 0, keys), ("values", 1, values)] {
                    let mut got = Vec::with_capacity(heads * dim);
                    for head in 0..heads {
                        let at = at(part, head, place);
                        got.extend(after[at..at + dim].iter().map(|&h| f16::from_bits(h).to_f64()));
                        untouched[at..at + dim].copy_from_slice(&before[at..at + dim]);
                    }
                    let allowed = HALF + trust.angle(position);
                    let error = distance(&got, expected, &vec![true; expected.len()], allowed);
                    report.note(case, Error { what: format!("{what} of {} at {position} in slot {slot}", shape.name), ..error });
                }
            }
            if let Some(at) = untouched.iter().zip(&before).position(|(a, b)| a != b) {
                let place = at / dim % capacity;
                report.wrong.push(format!("{case:?}: {} slot {slot}: half {at} (place {place}) was written by nobody's leave", shape.name));
            }
        }
        Ok(())
    }

    /// The largest logit, or the largest few: ties, negative rows, numbers that are none, and ids beyond the text.
    fn search(&mut self, number: usize, launch: &Launch, top: bool, report: &mut Report) -> Result<(), Trouble> {
        let entry = &self.plan.entries[number];
        let Some(id) = entry.logits else { return Err(Trouble::Plan("an entry without logits has a launch for the best".into())) };
        let width = entry.buffers[id as usize].width as usize;
        let limit = (self.plan.model.text_vocabulary as usize).min(width);
        report.commands = if top { "top" } else { "best" }.into();
        report.shapes = format!("{} [{width}]", entry.buffers[id as usize].name);
        let most = entry.rows as usize;
        let mut listed = 0;
        for rows in [Some(most), Some(most - 1).filter(|&r| r > 0)].into_iter().flatten() {
            for turn in 0..if most < 6 { 6 } else { 1 } {
                report.rows.insert(rows);
                report.cases += 1;
                let case = Case { rows, gate: Gate::Few, order: Order::Spread, turn };
                let mut logits = self.draw(rows * width);
                if top && turn % 2 == 0 {
                    // As a model's: few are large. Of numbers drawn alike, more are as large as the last wanted than fit.
                    logits.iter_mut().for_each(|v| *v = -2.0 * ((self.random.below(1 << 24) + 1) as f32 / (1 << 24) as f32).ln());
                }
                for (r, row) in logits.chunks_mut(width).enumerate() {
                    match (r + turn) % 6 {
                        // As drawn: the pool's largest number stands in many places.
                        0 => {}
                        1 => row.iter_mut().for_each(|v| *v = -v.abs() - 1.0),
                        2 => row[limit - 1] = 100.0,
                        3 => {
                            row[limit..].fill(1000.0);
                            let at = self.random.below(limit);
                            (row[at], row[limit - 1]) = (50.0, 50.0);
                        }
                        4 => {
                            let at = self.random.below(limit);
                            row[at] = f32::NAN;
                        }
                        _ => row[0] = 100.0,
                    }
                }
                let expected: Vec<(u32, f32)> = logits.chunks(width).map(|row| first_largest(&row[..limit])).collect();
                let Some(gpu) = &mut self.gpu else { continue };
                let inputs = Inputs { tokens: vec![0; rows], slots: vec![0; rows], positions: vec![0; rows], picks: vec![0; rows] };
                gpu.probe_fill(u32::MAX)?;
                gpu.probe_inputs(number, rows_of(&inputs))?;
                gpu.probe_write(number, id, &bytes_of(&logits))?;
                if top {
                    gpu.find_top(number, rows)?;
                    for (r, row) in logits.chunks(width).enumerate() {
                        let found = gpu.largest(r);
                        listed += usize::from(found.is_some());
                        if let Err(why) = is_top(found, &row[..limit]) {
                            report.wrong.push(format!("{case:?}: the largest of row {r}: {why}"));
                        }
                    }
                    report.microseconds = report.microseconds.or(Some(gpu.probe_time(number, launch, 20)?));
                    continue;
                }
                let got: Vec<(u32, f32)> = gpu.best(number, rows)?.to_vec();
                for (r, (got, expected)) in got.iter().zip(&expected).enumerate().filter(|(_, (g, e))| g.0 != e.0 || g.1.to_bits() != e.1.to_bits()) {
                    report.wrong.push(format!("{case:?}: best of row {r} is {got:?}, not {expected:?}"));
                }
                if report.microseconds.is_none() {
                    report.microseconds = Some(gpu.probe_time(number, launch, 20)?);
                }
            }
        }
        if top && listed == 0 && self.gpu.is_some() {
            report.wrong.push("in no case the largest were few enough to be listed".into());
        }
        Ok(())
    }
}

fn slot_bytes(state: &State) -> usize {
    state.slot_bytes().expect("validated") as usize
}

fn rows_of(inputs: &Inputs) -> RowInputs<'_> {
    RowInputs { tokens: &inputs.tokens, slots: &inputs.slots, positions: &inputs.positions, picks: &inputs.picks }
}

/// Inputs and outputs with their widths.
fn shapes(entry: &Entry, uses: &Uses) -> String {
    let list = |ids: &[BufferId]| {
        let one = |id: &BufferId| {
            let buffer = &entry.buffers[*id as usize];
            format!("{} [{}{}]", buffer.name, buffer.width, if buffer.elements == Elements::F32 { "" } else { " i8" })
        };
        ids.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    format!("{} -> {}", list(&uses.inputs), list(&uses.outputs))
}

/// Which search a launch belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Search {
    None,
    Best,
    Top,
}

/// Whether `found` is what a row's largest logits are: all down to a bin's edge below the last wanted, each once, or nothing where those are too many.
fn is_top(found: Option<&[(u32, f32)]>, row: &[f32]) -> Result<(), String> {
    let order = |v: f32| {
        let bits = if v.is_nan() { f32::INFINITY } else { v }.to_bits();
        if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
    };
    let mut orders: Vec<u32> = row.iter().map(|&v| order(v)).collect();
    orders.sort_unstable_by(|a, b| b.cmp(a));
    let last = orders[(TOP as usize).min(orders.len()) - 1];
    let bin = |order: u32| order >> (32 - TOP_BINS.trailing_zeros());
    let wanted: Vec<(u32, u32)> = (0..).zip(row).map(|(id, &v)| (id, order(v))).filter(|(_, o)| bin(*o) >= bin(last)).collect();
    match found {
        None if wanted.len() > TOP_CAPACITY as usize => Ok(()),
        None => Err(format!("none, where {} are wanted", wanted.len())),
        Some(found) => {
            let mut found: Vec<(u32, u32)> = found.iter().map(|&(id, v)| (id, order(v))).collect();
            found.sort_unstable();
            if found == wanted {
                Ok(())
            } else {
                Err(format!("{} of which the first is {:?}, not {} from {:?} on", found.len(), found.first(), wanted.len(), wanted.first()))
            }
        }
    }
}

/// The first of the largest numbers. What is none counts as infinity: a sampler refuses both.
fn first_largest(row: &[f32]) -> (u32, f32) {
    let number = |v: f32| if v.is_nan() { f32::INFINITY } else { v };
    row.iter().map(|&v| number(v)).enumerate().fold((0, f32::NEG_INFINITY), |best, (at, v)| if v > best.1 { (at as u32, v) } else { best })
}
