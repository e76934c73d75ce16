//! Foretold times: of every group on host and device, of what crosses between them, and of a whole placement, for one token of decode.

use super::machine::Machine;
use super::units::Units;
use crate::Result;
use crate::lower::gpu::{self, Assignment};
use unicorn_artifact::command::Command;
use unicorn_artifact::gpu::Stage;
use unicorn_artifact::plan::{Entry, Part, Plan};
use unicorn_kernels_cpu::cost as host;
use unicorn_kernels_gpu::cost as device;

/// Something that crosses once if those who make and read it are not all on one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Tie {
    /// The groups, ascending.
    pub units: Vec<usize>,
    /// How many buffers.
    pub buffers: u32,
    /// Seconds that their crossing takes.
    pub seconds: f64,
}

/// What each group costs.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// By group: seconds on the host.
    pub host: Vec<f64>,
    /// By group: seconds on the device, or why it cannot be there.
    pub device: Vec<std::result::Result<f64, String>>,
    /// By group: bytes that the device must hold for it. What several groups read counts for each.
    pub bytes: Vec<u64>,
    /// What crosses.
    pub ties: Vec<Tie>,
    /// Bytes that the device can hold.
    pub memory: u64,
}

/// A whole placement's time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Seconds a token.
    pub seconds: f64,
    /// Buffers that cross.
    pub crossings: u32,
    /// Seconds of `seconds` that they take.
    pub crossing_seconds: f64,
    /// Bytes that the device must hold.
    pub bytes: u64,
}

/// Positions that attention is foretold over: sequences are taken to be half full.
pub fn positions(plan: &Plan) -> u32 {
    (plan.model.context / 2).max(1)
}

impl Costs {
    /// Counts for the smallest entries of a plan.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] where the lowering refuses what the kernels' own rules allow.
    pub fn new(plan: &Plan, units: &Units, machine: &Machine) -> Result<Self> {
        let count = units.keys.len();
        let mut costs = Self { host: vec![0.0; count], device: vec![Ok(0.0); count], bytes: vec![0; count], ..Self::default() };
        costs.memory = machine.memory.saturating_sub(plan.arena_bytes);
        let smallest = |part| plan.entries_of(part).next();
        let mut held: Vec<(usize, bool, u32)> = vec![];
        for (_, entry) in [smallest(Part::Body), smallest(Part::Tail)].into_iter().flatten() {
            for (command, &unit) in entry.commands.iter().zip(units.of(entry.part)) {
                let work = host::cost(plan, entry, command, positions(plan));
                costs.host[unit] += machine.host.start + machine.host.seconds(work.bytes, work.macs, work.flops);
                match (device::cost(plan, entry, command, positions(plan)), &mut costs.device[unit]) {
                    (Ok(work), Ok(sum)) => *sum += machine.gpu.seconds(work.bytes, work.macs, work.flops),
                    (Err(why), known @ Ok(_)) => *known = Err(why),
                    (_, Err(_)) => {}
                }
                let resident = command.weights().into_iter().filter(|id| !plan.weights[*id as usize].streamed);
                held.extend(resident.map(|id| (unit, false, id)));
                held.extend(state(command).map(|id| (unit, true, id)));
            }
            costs.ties(plan, entry, units.of(entry.part), machine);
        }
        held.sort_unstable();
        held.dedup();
        for (unit, is_state, id) in held {
            costs.bytes[unit] += if is_state {
                plan.states[id as usize].slot_bytes().unwrap_or(0) * u64::from(plan.model.slots)
            } else {
                plan.weights[id as usize].bytes().unwrap_or(0)
            };
        }
        costs.launches(plan, units, machine)?;
        Ok(costs)
    }

    /// Adds what launching takes, as the lowering itself divides the commands into launches.
    fn launches(&mut self, plan: &Plan, units: &Units, machine: &Machine) -> Result<()> {
        let all: Vec<bool> = self.device.iter().map(std::result::Result::is_ok).collect();
        let lowered = gpu::lower(plan, &assignment(units, &all))?;
        for part in [Part::Body, Part::Tail] {
            let Some((number, _)) = plan.entries_of(part).next() else { continue };
            for stage in &lowered.plan.entries[number].stages {
                let Stage::Device(launches) = stage else { continue };
                for first in launches.iter().filter_map(|launch| launch.commands.first()) {
                    if let Ok(seconds) = &mut self.device[units.of(part)[*first as usize]] {
                        *seconds += machine.gpu.start;
                    }
                }
            }
        }
        Ok(())
    }

    fn ties(&mut self, plan: &Plan, entry: &Entry, groups: &[usize], machine: &Machine) {
        let mut units = vec![vec![]; entry.buffers.len()];
        for (command, &unit) in entry.commands.iter().zip(groups) {
            // Each side has its own rotation tables.
            if matches!(command, Command::RopeTable { .. }) {
                continue;
            }
            let (read, written) = command.buffers(&plan.regions);
            let tables = entry.commands.iter().filter_map(|c| if let Command::RopeTable { out, .. } = c { Some(*out) } else { None });
            let tables: Vec<u32> = tables.collect();
            read.into_iter().chain(written).filter(|id| !tables.contains(id)).for_each(|id| units[id as usize].push(unit));
        }
        for (buffer, mut units) in entry.buffers.iter().zip(units) {
            units.sort_unstable();
            units.dedup();
            if units.len() < 2 {
                continue;
            }
            let seconds = machine.cross + (buffer.row_bytes() * u64::from(entry.rows)) as f64 / machine.cross_bytes;
            match self.ties.iter_mut().find(|tie| tie.units == units) {
                Some(tie) => {
                    tie.buffers += 1;
                    tie.seconds += seconds;
                }
                None => self.ties.push(Tie { units, buffers: 1, seconds }),
            }
        }
    }

    /// The time of a placement: by group, whether it is on the device.
    pub fn estimate(&self, on_gpu: &[bool]) -> Estimate {
        let mut sum = Estimate::default();
        for (unit, &gpu) in on_gpu.iter().enumerate() {
            sum.seconds += if gpu { self.device[unit].as_ref().copied().unwrap_or(f64::INFINITY) } else { self.host[unit] };
            sum.bytes += if gpu { self.bytes[unit] } else { 0 };
        }
        for tie in &self.ties {
            if tie.units.iter().any(|&u| on_gpu[u] != on_gpu[tie.units[0]]) {
                sum.crossings += tie.buffers;
                sum.crossing_seconds += tie.seconds;
            }
        }
        sum.seconds += sum.crossing_seconds;
        sum
    }
}

/// The commands of a placement by group.
pub fn assignment(units: &Units, on_gpu: &[bool]) -> Assignment {
    let of = |groups: &[usize]| groups.iter().map(|&unit| on_gpu[unit]).collect();
    Assignment { body: of(&units.body), tail: of(&units.tail) }
}

fn state(command: &Command) -> Option<u32> {
    match command {
        Command::KvAppend { state, .. } | Command::Attention { state, .. } => Some(*state),
        _ => None,
    }
}
