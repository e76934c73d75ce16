//! Where the buffers of an entry lie in the device's arena.

use super::launches;
use crate::schedule::memory;
use unicorn_artifact::command::BufferId;
use unicorn_artifact::gpu::{Argument, GpuEntry, Stage};
use unicorn_artifact::plan::{ALIGN, Entry, Part, Plan};

/// A size rounded up, so that what follows is aligned.
pub fn bytes(bytes: u64) -> u64 {
    bytes.next_multiple_of(4 * ALIGN)
}

/// The body buffer that becomes a handoff: the last one written at its place.
pub fn handoff_buffer(plan: &Plan, entry: &Entry, handoff: usize) -> Option<BufferId> {
    let handoff = &plan.handoffs[handoff];
    let fits = |id: BufferId| {
        let buffer = &entry.buffers[id as usize];
        buffer.offset == handoff.offset && buffer.width == handoff.width
    };
    (0..entry.buffers.len() as BufferId).filter(|&id| fits(id)).max_by_key(|&id| producer(plan, entry, id))
}

/// The last command that writes a buffer.
pub fn producer(plan: &Plan, entry: &Entry, buffer: BufferId) -> Option<usize> {
    entry.commands.iter().rposition(|c| c.buffers(&plan.regions).1.contains(&buffer))
}

/// Gives every buffer that is ever on the device a place at or above `floor`; what becomes a handoff gets the handoff's. Returns the end.
pub fn place(plan: &Plan, entry: &Entry, made: &mut GpuEntry, handoffs: &[Option<u64>], floor: u64) -> u64 {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; entry.buffers.len()];
    let mut time = 0;
    let mut touch = |id: BufferId, time: usize| {
        let life = lives[id as usize].get_or_insert((time, time));
        life.1 = time;
    };
    for stage in &made.stages {
        match stage {
            Stage::Host(_) => {}
            Stage::Upload(id) | Stage::Download(id) => touch(*id, time),
            Stage::Device(launches) => {
                for launch in launches {
                    time += 1;
                    for argument in &launch.arguments {
                        if let Some(id) = argument.buffer() {
                            touch(id, time);
                        }
                    }
                }
            }
        }
        time += 1;
    }
    // Who wants the logits of a step looks on the device if they have a place there.
    if let Some(logits) = entry.logits
        && launches(made).any(|launch| launch.arguments.contains(&Argument::Buffer(logits)))
    {
        touch(logits, time + 1);
    }
    if entry.part == Part::Body {
        for (at, offset) in handoffs.iter().enumerate() {
            if let (Some(offset), Some(id)) = (offset, handoff_buffer(plan, entry, at)) {
                made.buffers[id as usize] = Some(*offset);
                lives[id as usize] = None;
            }
        }
    }
    let wanted: Vec<usize> = (0..lives.len()).filter(|&at| lives[at].is_some()).collect();
    let sizes: Vec<u64> = wanted.iter().map(|&at| bytes(entry.buffers[at].row_bytes() * u64::from(entry.rows))).collect();
    let spans: Vec<(usize, usize)> = wanted.iter().filter_map(|&at| lives[at]).collect();
    let (offsets, end) = memory::assign(&sizes, &spans, floor);
    for (&at, offset) in wanted.iter().zip(offsets) {
        made.buffers[at] = Some(offset);
    }
    end
}
