//! The rules of a plan's GPU part: whatever a file says, no launch is given memory outside what the plan reserves.
//!
//! What a kernel does with its memory is its code's matter, which no rule here can judge: as with machine code of the host, a digest says that it is
//! unchanged, not that it is kind.

use super::stages::stages;
use crate::gpu::{Argument, GpuEntry, GpuPlan, Launch, Stage, inputs_bytes};
use crate::plan::{ALIGN, Elements, Entry, Part, Plan};
use crate::{Error, Result};

/// Most kernels, launches of an entry, arguments of a launch, threads of a block, blocks along an axis.
const MAX_KERNELS: usize = 4096;
const MAX_LAUNCHES: usize = 1 << 14;
/// Most launches that look for the largest logits.
const MAX_TOP: usize = 8;
const MAX_ARGUMENTS: usize = 32;
const MAX_THREADS: u32 = 1024;
const MAX_BLOCKS: u32 = 1 << 24;
/// Largest device area in bytes.
const MAX_BYTES: u64 = 1 << 40;

type Check = std::result::Result<(), String>;

/// Checks the GPU part of a plan whose host part is already checked.
///
/// # Errors
/// [`Error::Plan`] for the first rule that is broken.
pub fn gpu(plan: &Plan, gpu: &GpuPlan) -> Result<()> {
    whole(plan, gpu).map_err(|why| Error::plan("gpu", why))?;
    let mut shapes = vec![None; gpu.kernels.len()];
    for (at, (entry, made)) in plan.entries.iter().zip(&gpu.entries).enumerate() {
        self::entry(plan, gpu, entry, made, &mut shapes).map_err(|why| Error::plan(format!("gpu entry {at}"), why))?;
    }
    stages(plan, gpu)
}

fn whole(plan: &Plan, gpu: &GpuPlan) -> Check {
    let counts = [
        ("entries", gpu.entries.len(), plan.entries.len()),
        ("handoffs", gpu.handoffs.len(), plan.handoffs.len()),
        ("states", gpu.states.len(), plan.states.len()),
        ("weights", gpu.weights.len(), plan.weights.len()),
    ];
    if let Some((what, has, wanted)) = counts.iter().find(|(_, has, wanted)| has != wanted) {
        return Err(format!("{has} {what} for the plan's {wanted}"));
    }
    if gpu.kernels.len() > MAX_KERNELS || gpu.images.len() > 64 || gpu.tables.len() > 64 {
        return Err("more kernels, images or tables than any plan has".into());
    }
    for (what, bytes) in [("arena", gpu.arena_bytes), ("scratch", gpu.scratch_bytes), ("counters", gpu.counter_bytes)] {
        if bytes > MAX_BYTES {
            return Err(format!("{what} of {bytes} bytes"));
        }
    }
    if let Some(kernel) = gpu.kernels.iter().find(|k| k.threads == 0 || k.threads > MAX_THREADS) {
        return Err(format!("kernel `{}` has {} threads", kernel.name, kernel.threads));
    }
    if let Some(image) = gpu.images.iter().find(|i| i.kernels.len() != gpu.kernels.len()) {
        return Err(format!("the image for {} has {} kernels, not {}", image.target, image.kernels.len(), gpu.kernels.len()));
    }
    if let Some(table) = gpu.tables.iter().find(|t| t.head_dim == 0 || t.head_dim > super::MAX_HEAD_DIM || !t.head_dim.is_multiple_of(2)) {
        return Err(format!("a rotation table of {} columns", table.head_dim));
    }
    if gpu.weights.iter().zip(&plan.weights).any(|(on_gpu, weight)| *on_gpu && weight.streamed) {
        return Err("a streamed weight cannot be on the device".into());
    }
    let rows = u64::from(plan.max_rows(Part::Body));
    for (offset, handoff) in gpu.handoffs.iter().zip(&plan.handoffs) {
        if let Some(offset) = offset {
            inside(*offset, u64::from(handoff.width) * 4 * rows, gpu.arena_bytes, "handoff")?;
        }
    }
    Ok(())
}

fn inside(offset: u64, bytes: u64, total: u64, what: &str) -> Check {
    if !offset.is_multiple_of(ALIGN) || offset.checked_add(bytes).is_none_or(|end| end > total) {
        return Err(format!("{what} of {bytes} bytes at {offset} does not lie aligned in {total}"));
    }
    Ok(())
}

/// What all launches of a kernel have in common: blocks along x and z, and the kinds of their arguments.
type Shape = (u32, u32, Vec<std::mem::Discriminant<Argument>>);

fn entry(plan: &Plan, gpu: &GpuPlan, entry: &Entry, made: &GpuEntry, shapes: &mut [Option<Shape>]) -> Check {
    if made.buffers.len() != entry.buffers.len() {
        return Err(format!("{} buffers for the entry's {}", made.buffers.len(), entry.buffers.len()));
    }
    for (buffer, offset) in entry.buffers.iter().zip(&made.buffers) {
        if let Some(offset) = offset {
            inside(*offset, buffer.row_bytes() * u64::from(entry.rows), gpu.arena_bytes, &buffer.name)?;
        }
    }
    let mut launches = 0;
    let mut done = vec![false; entry.commands.len()];
    let mut mark = |command: u32| match done.get_mut(command as usize) {
        Some(done) => {
            *done = true;
            Ok(())
        }
        None => Err(format!("command {command} of {}", entry.commands.len())),
    };
    for stage in &made.stages {
        match stage {
            Stage::Host(commands) => commands.iter().try_for_each(|&c| mark(c))?,
            Stage::Upload(id) | Stage::Download(id) => {
                made.buffers.get(*id as usize).copied().flatten().ok_or_else(|| format!("buffer {id} crosses but is not on the device"))?;
            }
            Stage::Device(list) => {
                launches += list.len();
                for one in list {
                    launch(plan, gpu, entry, made, one)?;
                    alike(gpu, one, shapes)?;
                    one.commands.iter().try_for_each(|&c| mark(c))?;
                }
            }
        }
    }
    if launches > MAX_LAUNCHES || made.stages.len() > MAX_LAUNCHES {
        return Err(format!("{launches} launches in {} stages", made.stages.len()));
    }
    for search in made.best.iter().chain(&made.top) {
        if entry.part != Part::Tail {
            return Err("only a tail has a best logit".into());
        }
        launch(plan, gpu, entry, made, search)?;
        alike(gpu, search, shapes)?;
    }
    if made.top.len() > MAX_TOP || made.best.is_none() && !made.top.is_empty() {
        return Err(format!("{} launches that look for the largest logits", made.top.len()));
    }
    // Rotation tables serve all positions, so a step needs no command for them.
    let missing = done.iter().zip(&entry.commands).position(|(done, c)| !done && !matches!(c, crate::command::Command::RopeTable { .. }));
    missing.map_or(Ok(()), |at| Err(format!("command {at} is done nowhere")))
}

/// A kernel is written for one shape: whoever launches it divides the columns alike and gives it the same kinds of things. (Blocks along y are rows.)
fn alike(gpu: &GpuPlan, launch: &Launch, shapes: &mut [Option<Shape>]) -> Check {
    let [x, _, z] = launch.grid;
    // A kernel cannot tell a row from a part of one.
    let kind = |argument: &Argument| std::mem::discriminant(&argument.buffer().map_or(*argument, Argument::Buffer));
    let shape = (x, z, launch.arguments.iter().map(kind).collect());
    let known = &mut shapes[launch.kernel as usize];
    if known.get_or_insert_with(|| shape.clone()) == &shape {
        return Ok(());
    }
    Err(format!("two launches of kernel `{}` differ in their blocks or their kinds of arguments", gpu.kernels[launch.kernel as usize].name))
}

fn launch(plan: &Plan, gpu: &GpuPlan, entry: &Entry, made: &GpuEntry, launch: &Launch) -> Check {
    if launch.kernel as usize >= gpu.kernels.len() {
        return Err(format!("kernel {} of {}", launch.kernel, gpu.kernels.len()));
    }
    let kernel = &gpu.kernels[launch.kernel as usize];
    if launch.arguments.len() != kernel.parameters as usize {
        return Err(format!("a launch with {} arguments of `{}`, which takes {}", launch.arguments.len(), kernel.name, kernel.parameters));
    }
    if launch.arguments.len() > MAX_ARGUMENTS
        || launch.grid.iter().any(|b| *b == 0 || *b > MAX_BLOCKS)
        || launch.grid[1] > entry.rows
        || launch.grid[2] > 65535
    {
        return Err(format!("a launch with {} arguments over {:?} blocks", launch.arguments.len(), launch.grid));
    }
    for argument in &launch.arguments {
        let there = match *argument {
            Argument::Inputs => inputs_bytes(plan.max_rows(entry.part)) > 0,
            Argument::Best | Argument::Top => entry.part == Part::Tail,
            Argument::Buffer(id) => made.buffers.get(id as usize).copied().flatten().is_some(),
            Argument::Slice(id, column) => {
                let f32s = entry.buffers.get(id as usize).filter(|b| b.elements == Elements::F32);
                f32s.is_some_and(|b| column < b.width && column.is_multiple_of(4)) && made.buffers.get(id as usize).copied().flatten().is_some()
            }
            Argument::Weight(id) => gpu.weights.get(id as usize).copied().unwrap_or(false),
            Argument::State(id) => gpu.states.get(id as usize).copied().unwrap_or(false),
            Argument::Table(id) => (id as usize) < gpu.tables.len(),
            Argument::Handoff(id) => gpu.handoffs.get(id as usize).copied().flatten().is_some(),
            Argument::Scratch(offset) => offset < gpu.scratch_bytes,
            Argument::Counters(offset) => offset < gpu.counter_bytes,
        };
        if !there {
            return Err(format!("{argument:?} is not on the device"));
        }
    }
    Ok(())
}
