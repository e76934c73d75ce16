//! A GPU plan run without a GPU: two CPU devices, one in the place of the host and one in that of the GPU, that share nothing but what the stages copy.
//!
//! A launch is run as the commands that it says it performs. Before each entry both arenas are filled with what is not a number, so a value that a stage
//! forgets to copy spoils the logits. The stand-in for the GPU keeps every buffer apart; whether buffers get in each other's way in the device's own
//! arena is for the replay in `unicorn_artifact::validate` alone to say.

use std::path::Path;
use unicorn_artifact::file::{Artifact, section};
use unicorn_artifact::gpu::{GpuPlan, Stage};
use unicorn_artifact::plan::{ALIGN, Part, Plan};
use unicorn_kernels_cpu::{Isa, Kernels};
use unicorn_rt::hal::cpu::{Cpu, Parts, RowInputs, Weights};
use unicorn_rt::step::{Limits, Row, Stepper};

/// What a stage became.
#[derive(Clone, Copy, Debug)]
enum Step {
    Host(usize),
    Device(usize),
    Upload(u32),
    Download(u32),
}

/// The two devices.
#[derive(Debug)]
pub struct Twin {
    host: Cpu,
    device: Cpu,
    plan: Plan,
    /// By entry: its steps, and whether its logits are on the device.
    entries: Vec<(Vec<Step>, bool)>,
}

impl Twin {
    /// Runs `gpu` as the GPU part of the artifact at `path`.
    ///
    /// # Panics
    /// If the artifact is not sound.
    pub fn new(path: &Path, gpu: &GpuPlan) -> Self {
        let artifact = Artifact::open(path).expect("a sound artifact");
        let plan = Plan { gpu: None, ..artifact.manifest().expect("a sound manifest").plan };
        let (mut host, mut device) = (vec![], vec![]);
        let first = plan.entries.len();
        let mut entries = vec![];
        for (at, made) in gpu.entries.iter().enumerate() {
            let mut steps = vec![];
            for stage in &made.stages {
                match stage {
                    Stage::Host(commands) => {
                        steps.push(Step::Host(first + host.len()));
                        host.push((at, commands.clone()));
                    }
                    Stage::Device(launches) => {
                        for launch in launches {
                            steps.push(Step::Device(first + device.len()));
                            device.push((at, launch.commands.clone()));
                        }
                    }
                    Stage::Upload(id) => steps.push(Step::Upload(*id)),
                    Stage::Download(id) => steps.push(Step::Download(*id)),
                }
            }
            let logits = plan.entries[at].logits.is_some_and(|id| made.buffers[id as usize].is_some());
            entries.push((steps, logits));
        }
        let cpu = |plan: Plan, fragments: Vec<(usize, Vec<u32>)>| {
            let artifact = Artifact::open(path).expect("the artifact again");
            let streamed = (artifact.file().try_clone().expect("a file"), artifact.section(section::STREAMED).expect("the streamed section").offset);
            let weights = Weights::Mapped(artifact);
            let kernels = Kernels::new(Isa::detect());
            Cpu::new(Parts { plan, kernels, threads: 1, weights, streamed, code: None, dense: false, fragments, idle_states: false })
                .expect("memory for a small model")
        };
        Self { host: cpu(plan.clone(), host), device: cpu(apart(plan.clone()), device), plan, entries }
    }

    fn run(&mut self, entry: usize, inputs: RowInputs<'_>) {
        let rows = inputs.tokens.len();
        let handed = |cpu: &Cpu, id: usize| {
            let plan = cpu.plan();
            plan.handoffs.iter().any(|h| h.offset == plan.entries[entry].buffers[id].offset && h.width == plan.entries[entry].buffers[id].width)
        };
        for id in 0..self.plan.entries[entry].buffers.len() {
            for cpu in [&mut self.host, &mut self.device] {
                if self.plan.entries[entry].part == Part::Tail || !handed(cpu, id) {
                    let most = self.plan.entries[entry].rows as usize;
                    cpu.rows_mut(entry, id as u32, most).fill(0xff);
                }
            }
        }
        for step in &self.entries[entry].0 {
            match *step {
                Step::Host(fragment) => self.host.run(fragment, inputs).expect("the streamed section can be read"),
                Step::Device(fragment) => self.device.run(fragment, inputs).expect("the streamed section can be read"),
                Step::Upload(id) => self.device.rows_mut(entry, id, rows).copy_from_slice(self.host.rows_mut(entry, id, rows)),
                Step::Download(id) => self.host.rows_mut(entry, id, rows).copy_from_slice(self.device.rows_mut(entry, id, rows)),
            }
        }
    }

    /// The smallest entry of a part for so many rows.
    fn entry(&self, part: Part, rows: usize) -> usize {
        let mut of = self.plan.entries_of(part);
        of.find(|(_, e)| e.rows as usize >= rows).expect("no more rows than the largest entry has").0
    }
}

/// The plan with every buffer at a place of its own.
fn apart(mut plan: Plan) -> Plan {
    let body_rows = u64::from(plan.max_rows(Part::Body));
    let floor = plan.handoffs.iter().map(|h| h.offset + u64::from(h.width) * 4 * body_rows).max().unwrap_or(0);
    let mut most = floor;
    for entry in &mut plan.entries {
        let mut end = floor.next_multiple_of(ALIGN);
        for buffer in &mut entry.buffers {
            let is_handoff = entry.part == Part::Body && plan.handoffs.iter().any(|h| h.offset == buffer.offset && h.width == buffer.width);
            if !is_handoff {
                buffer.offset = end;
                end = (end + buffer.row_bytes() * u64::from(entry.rows)).next_multiple_of(ALIGN);
            }
        }
        most = most.max(end);
    }
    plan.arena_bytes = most;
    plan
}

impl Stepper for Twin {
    fn limits(&self) -> Limits {
        let model = &self.plan.model;
        let rows = self.plan.max_rows(Part::Body) as usize;
        Limits { rows, slots: model.slots as usize, context: model.context as usize, vocabulary: model.vocabulary as usize, rewind: 1 }
    }

    fn step(&mut self, rows: &[Row], sink: &mut dyn FnMut(usize, &[f32])) -> unicorn_rt::Result<()> {
        let column = |rows: &[(usize, Row)], of: fn(&(usize, Row)) -> u32| rows.iter().map(of).collect::<Vec<u32>>();
        let run = |twin: &mut Self, part: Part, rows: &[(usize, Row)]| {
            let (tokens, slots) = (column(rows, |r| r.1.token), column(rows, |r| r.1.slot));
            let (positions, picks) = (column(rows, |r| r.1.position), column(rows, |r| r.0 as u32));
            let entry = twin.entry(part, rows.len());
            twin.run(entry, RowInputs { tokens: &tokens, slots: &slots, positions: &positions, picks: &picks });
            entry
        };
        let all: Vec<(usize, Row)> = rows.iter().copied().enumerate().collect();
        run(self, Part::Body, &all);
        let wanted: Vec<(usize, Row)> = all.into_iter().filter(|r| r.1.logits).collect();
        for some in wanted.chunks(self.plan.max_rows(Part::Tail) as usize) {
            let entry = run(self, Part::Tail, some);
            let from = if self.entries[entry].1 { &self.device } else { &self.host };
            some.iter().enumerate().for_each(|(at, row)| sink(row.0, from.logits(entry, at)));
        }
        Ok(())
    }
}
