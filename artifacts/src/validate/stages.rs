//! Replays the stages of a GPU plan and demands that every value is on the side that reads it: made there, or brought there since it was made.
//!
//! A value is named by the command that made it. Each side (the host's arena, the device's) is a list of byte ranges with the values they hold; a write
//! or a copy claims its range from whatever lay there. A command must find the very values that it would read if the entry ran in order on the host,
//! so a copy that is missing, too early or of something older is found, and so is memory given to two values at once. Keys and values never cross:
//! all entries must agree on which side a state lives, and handoffs must be left where the tail gathers them.

use crate::command::{Argument as Operand, BufferId, Command};
use crate::gpu::{Argument, GpuEntry, GpuPlan, Launch, Stage, Table};
use crate::plan::{Elements, Entry, Part, Plan};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Most launches that share one command: a product list is divided by the formats of its weights.
const MOST_SHARES: u8 = 3;

type Check = std::result::Result<(), String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Host,
    Device,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "the host",
            Self::Device => "the device",
        }
    }
}

/// What all entries must agree on.
struct Sides {
    /// Where each state is used.
    states: Vec<Option<Side>>,
    /// By handoff: whether every body leaves it on host and device, and whether a tail gathers it there.
    handoffs: Vec<[(bool, bool); 2]>,
}

/// Checks the stages of all entries; everything that they name has already been found to exist.
///
/// # Errors
/// [`Error::Plan`] naming entry and stage.
pub fn stages(plan: &Plan, gpu: &GpuPlan) -> Result<()> {
    let mut sides = Sides { states: vec![None; plan.states.len()], handoffs: vec![[(true, false); 2]; plan.handoffs.len()] };
    for (at, (entry, made)) in plan.entries.iter().zip(&gpu.entries).enumerate() {
        let mut replay = Replay::new(plan, gpu, entry, made);
        let place = |stage: String| format!("gpu entry {at} ({:?} of {} rows), {stage}", entry.part, entry.rows);
        for (number, stage) in made.stages.iter().enumerate() {
            replay.stage(stage, &mut sides).map_err(|why| Error::plan(place(format!("stage {number}")), why))?;
        }
        replay.end(&mut sides).map_err(|why| Error::plan(place("at its end".into()), why))?;
    }
    for (handoff, ways) in plan.handoffs.iter().zip(&sides.handoffs) {
        for (side, (left, wanted)) in [Side::Host, Side::Device].into_iter().zip(ways) {
            if *wanted && !left {
                return Err(Error::plan("gpu", format!("a tail gathers `{}` on {}, where not every body leaves it", handoff.name, side.name())));
            }
        }
    }
    Ok(())
}

/// The memory of one side: which buffer holds which range, and whose value each buffer holds.
struct Memory {
    ranges: BTreeMap<u64, (u64, BufferId)>,
    /// By buffer: the command whose value is there.
    values: Vec<Option<usize>>,
}

impl Memory {
    fn new(buffers: usize) -> Self {
        Self { ranges: BTreeMap::new(), values: vec![None; buffers] }
    }

    fn claim(&mut self, (start, end): (u64, u64), id: BufferId, value: usize) {
        // Ranges are apart, so those that reach into the new one stand next to each other.
        while let Some((&at, &(stop, owner))) = self.ranges.range(..end).next_back() {
            if stop <= start {
                break;
            }
            self.ranges.remove(&at);
            self.values[owner as usize] = None;
        }
        self.ranges.insert(start, (end, id));
        self.values[id as usize] = Some(value);
    }
}

struct Replay<'a> {
    plan: &'a Plan,
    gpu: &'a GpuPlan,
    entry: &'a Entry,
    made: &'a GpuEntry,
    /// By command: each buffer that it reads, and the command whose value it wants; `usize::MAX` where none was before it.
    wanted: Vec<Vec<(BufferId, usize)>>,
    /// By buffer: its last writer.
    last: Vec<Option<usize>>,
    host: Memory,
    device: Memory,
    /// On which side a command was done, and how often.
    done: Vec<Option<(Side, u8)>>,
    /// Commands that extend each state, in order, and how many of them are done.
    appends: Vec<(Vec<usize>, usize)>,
}

impl<'a> Replay<'a> {
    fn new(plan: &'a Plan, gpu: &'a GpuPlan, entry: &'a Entry, made: &'a GpuEntry) -> Self {
        let mut last = vec![None; entry.buffers.len()];
        let mut wanted = Vec::with_capacity(entry.commands.len());
        let mut appends = vec![(vec![], 0); plan.states.len()];
        for (at, command) in entry.commands.iter().enumerate() {
            let (mut read, written) = command.buffers(&plan.regions);
            // Who writes a part of a buffer leaves the rest as it was.
            read.extend(written.iter().filter(|&&id| last[id as usize].is_some() && !covers(plan, entry, command, id)));
            wanted.push(read.into_iter().map(|id| (id, last[id as usize].unwrap_or(usize::MAX))).collect());
            written.into_iter().for_each(|id| last[id as usize] = Some(at));
            if let Command::KvAppend { state, .. } = command {
                appends[*state as usize].0.push(at);
            }
        }
        let (host, device) = (Memory::new(entry.buffers.len()), Memory::new(entry.buffers.len()));
        Self { plan, gpu, entry, made, wanted, last, host, device, done: vec![None; entry.commands.len()], appends }
    }

    fn name(&self, id: BufferId) -> &str {
        &self.entry.buffers[id as usize].name
    }

    fn bytes(&self, id: BufferId) -> u64 {
        self.entry.buffers[id as usize].row_bytes() * u64::from(self.entry.rows)
    }

    fn put(&mut self, side: Side, id: BufferId, value: usize) -> Check {
        let bytes = self.bytes(id);
        match side {
            Side::Host => {
                let start = self.entry.buffers[id as usize].offset;
                self.host.claim((start, start + bytes), id, value);
            }
            Side::Device => {
                let Some(start) = self.made.buffers[id as usize] else { return Err(format!("`{}` is not on the device", self.name(id))) };
                let rows = u64::from(self.plan.max_rows(Part::Body));
                let over = |(at, h): (&Option<u64>, &crate::plan::Handoff)| {
                    at.is_some_and(|at| at < start + bytes && start < at + u64::from(h.width) * 4 * rows)
                };
                if self.entry.part == Part::Tail && self.gpu.handoffs.iter().zip(&self.plan.handoffs).any(over) {
                    return Err(format!("`{}` lies over a handoff, which the next rows of the tail still need", self.name(id)));
                }
                self.device.claim((start, start + bytes), id, value);
            }
        }
        Ok(())
    }

    fn stage(&mut self, stage: &Stage, sides: &mut Sides) -> Check {
        match stage {
            Stage::Host(commands) => commands.iter().try_for_each(|&at| self.host(at as usize, sides)),
            Stage::Device(launches) => launches.iter().enumerate().try_for_each(|(at, launch)| {
                // What shares the rows of the launch before it reads and writes the same.
                let before = at.checked_sub(1).map(|before| &launches[before]);
                if before.is_some_and(|before| launch.shares_rows(before, self.entry)) { Ok(()) } else { self.launch(launch, sides) }
            }),
            Stage::Upload(id) => self.copy(*id, Side::Host, Side::Device),
            Stage::Download(id) => self.copy(*id, Side::Device, Side::Host),
        }
    }

    fn copy(&mut self, id: BufferId, from: Side, to: Side) -> Check {
        if self.entry.buffers[id as usize].elements != Elements::F32 && self.entry.rows > 1 {
            return Err(format!("`{}` crosses, but rows in eight bits lie differently on host and device", self.name(id)));
        }
        let source = if from == Side::Host { &self.host } else { &self.device };
        let value =
            source.values[id as usize].ok_or_else(|| format!("`{}` is copied from {}, which does not hold it", self.name(id), from.name()))?;
        self.put(to, id, value)
    }

    fn host(&mut self, at: usize, sides: &mut Sides) -> Check {
        self.perform(at, Side::Host, sides)?;
        for &(id, value) in &self.wanted[at] {
            self.holds(Side::Host, at, id, value)?;
        }
        let written = self.entry.commands[at].buffers(&self.plan.regions).1;
        written.into_iter().try_for_each(|id| self.put(Side::Host, id, at))
    }

    fn launch(&mut self, launch: &Launch, sides: &mut Sides) -> Check {
        if launch.commands.windows(2).any(|w| w[0] >= w[1]) {
            return Err("the commands of a launch are not in order".into());
        }
        let (mut touched, mut inputs): (Vec<BufferId>, Vec<BufferId>) = (vec![], vec![]);
        let mut results: Vec<(BufferId, usize)> = vec![];
        let given = |id: BufferId| launch.arguments.iter().any(|a| a.buffer() == Some(id));
        for at in launch.commands.iter().map(|&at| at as usize) {
            self.perform(at, Side::Device, sides)?;
            for &(id, value) in &self.wanted[at] {
                touched.push(id);
                if let Some(Command::RopeTable { theta, .. }) = self.entry.commands.get(value) {
                    let table = Table { theta: *theta, head_dim: self.entry.buffers[id as usize].width };
                    let number = self.gpu.tables.iter().position(|t| *t == table);
                    if !number.is_some_and(|n| launch.arguments.contains(&Argument::Table(n as u32))) {
                        return Err(format!("command {at} is not given the rotation table of base {theta}"));
                    }
                } else if launch.commands.binary_search(&(value as u32)).is_err() {
                    self.holds(Side::Device, at, id, value)?;
                    if !given(id) {
                        return Err(format!("command {at} reads `{}`, which its launch is not given", self.name(id)));
                    }
                    inputs.push(id);
                }
            }
            let wants = match &self.entry.commands[at] {
                Command::KvAppend { state, .. } | Command::Attention { state, .. } => Some(Argument::State(*state)),
                Command::Gather { handoff, .. } => Some(Argument::Handoff(*handoff)),
                _ => None,
            };
            if let Some(wants) = wants.filter(|w| !launch.arguments.contains(w)) {
                return Err(format!("command {at} is not given {wants:?}"));
            }
            let written = self.entry.commands[at].buffers(&self.plan.regions).1;
            touched.extend(&written);
            results.extend(written.into_iter().filter(|id| given(*id)).map(|id| (id, at)));
        }
        let foreign = launch.arguments.iter().filter_map(|a| a.buffer()).find(|id| !touched.contains(id));
        if let Some(id) = foreign {
            return Err(format!("a launch is given `{}`, which none of its commands touches", self.name(id)));
        }
        let part = |at: &u32, id: BufferId, column: u32| {
            let wanted = Operand::Buffer { buffer: id, offset: column };
            matches!(&self.entry.commands[*at as usize], Command::Region { arguments, .. } if arguments.contains(&wanted))
        };
        for argument in &launch.arguments {
            if let Argument::Slice(id, column) = *argument
                && !launch.commands.iter().any(|at| part(at, id, column))
            {
                return Err(format!("a launch is given `{}` from column {column} on, which is not what its commands name", self.name(id)));
            }
        }
        let read: Vec<u32> = launch.commands.iter().flat_map(|&at| self.entry.commands[at as usize].weights()).collect();
        if let Some(id) = launch.arguments.iter().find_map(|a| if let Argument::Weight(id) = a { (!read.contains(id)).then_some(*id) } else { None })
        {
            return Err(format!("a launch is given `{}`, which none of its commands reads", self.plan.weights[id as usize].name));
        }
        results.iter().try_for_each(|&(id, at)| self.put(Side::Device, id, at))?;
        // Blocks of a launch run in any order, so what it reads and what it writes must all be there at its end.
        let lost = results.iter().map(|r| r.0).chain(inputs).find(|id| self.device.values[*id as usize].is_none());
        lost.map_or(Ok(()), |id| Err(format!("a result of a launch lies over `{}`, which it reads or writes too", self.name(id))))
    }

    /// Notes that a command is done on a side.
    fn perform(&mut self, at: usize, side: Side, sides: &mut Sides) -> Check {
        let command = &self.entry.commands[at];
        let again = match (command, self.done[at]) {
            // Serves all positions, so anybody may have it.
            (Command::RopeTable { .. }, _) | (_, None) => false,
            (Command::MatMul { .. }, Some((Side::Device, times))) => side == Side::Host || times >= MOST_SHARES,
            _ => true,
        };
        if again {
            return Err(format!("command {at} is done again"));
        }
        self.done[at] = Some((side, self.done[at].map_or(1, |(_, times)| times.saturating_add(1))));
        match command {
            Command::KvAppend { state, .. } | Command::Attention { state, .. } => {
                let name = &self.plan.states[*state as usize].name;
                if sides.states[*state as usize].replace(side).is_some_and(|other| other != side) {
                    return Err(format!("keys and values `{name}` are used on host and device, but never cross"));
                }
                let (appends, extended) = &mut self.appends[*state as usize];
                if appends.partition_point(|append| *append < at) != *extended {
                    return Err(format!("command {at} uses keys and values `{name}` out of order"));
                }
                *extended += usize::from(matches!(command, Command::KvAppend { .. }));
            }
            Command::Gather { handoff, .. } => sides.handoffs[*handoff as usize][side as usize].1 = true,
            _ => {}
        }
        Ok(())
    }

    fn holds(&self, side: Side, at: usize, id: BufferId, value: usize) -> Check {
        let memory = if side == Side::Host { &self.host } else { &self.device };
        match memory.values[id as usize] {
            Some(held) if held == value => Ok(()),
            Some(_) => Err(format!("command {at} reads `{}` on {}, which holds an older or a later value of it", self.name(id), side.name())),
            None => Err(format!("command {at} reads `{}` on {}, which does not hold it", self.name(id), side.name())),
        }
    }

    fn end(&self, sides: &mut Sides) -> Check {
        if let Some(id) = self.entry.logits {
            let side = if self.made.buffers[id as usize].is_some() { Side::Device } else { Side::Host };
            self.holds(side, self.entry.commands.len(), id, self.last[id as usize].unwrap_or(usize::MAX))?;
            let searches = self.made.best.iter().map(|b| (b, Argument::Best)).chain(self.made.top.iter().map(|t| (t, Argument::Top)));
            for (search, result) in searches {
                if side == Side::Host || !search.arguments.contains(&Argument::Buffer(id)) || !search.arguments.contains(&result) {
                    return Err("the best logit is looked for elsewhere than where the logits are".into());
                }
            }
        }
        if self.entry.part == Part::Body {
            for (number, handoff) in self.plan.handoffs.iter().enumerate() {
                let fits = |id: &usize| self.entry.buffers[*id].offset == handoff.offset && self.entry.buffers[*id].width == handoff.width;
                let maker = (0..self.entry.buffers.len()).filter(fits).max_by_key(|&id| self.last[id]);
                let left = |memory: &Memory| maker.is_some_and(|id| memory.values[id].is_some() && memory.values[id] == self.last[id]);
                let there = maker.is_some_and(|id| self.gpu.handoffs[number].is_some() && self.made.buffers[id] == self.gpu.handoffs[number]);
                sides.handoffs[number][Side::Host as usize].0 &= left(&self.host);
                sides.handoffs[number][Side::Device as usize].0 &= there && left(&self.device);
            }
        }
        Ok(())
    }
}

/// Whether a command writes all columns of a buffer.
fn covers(plan: &Plan, entry: &Entry, command: &Command, id: BufferId) -> bool {
    let Command::Region { region, repeat: 1, arguments } = command else { return true };
    let region = &plan.regions[*region as usize];
    let width = entry.buffers[id as usize].width;
    region.operands.iter().zip(arguments).any(|(operand, argument)| {
        operand.is_output() && matches!(argument, Operand::Buffer { buffer, .. } if *buffer == id) && operand.elements(region.width) == width
    })
}
