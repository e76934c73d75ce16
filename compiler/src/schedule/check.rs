//! Proves a plan by replaying it, without asking the planner: every read finds exactly what its buffer's last writer left there.
//!
//! The arena is kept as a list of byte ranges, each with the buffer whose contents it holds. A write claims its range from everybody; a read demands
//! that its whole range still belongs to the buffer it names.

use unicorn_artifact::command::{Command, HandoffId};
use unicorn_artifact::gpu::GpuPlan;
use unicorn_artifact::plan::{Buffer, Entry, Part, Plan};
use unicorn_artifact::{Error, Result, validate};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Buffer(u32),
    Handoff(HandoffId),
}

#[derive(Default)]
struct Arena(Vec<(u64, u64, Owner)>);

impl Arena {
    fn claim(&mut self, start: u64, end: u64, owner: Owner) {
        let mut kept = Vec::with_capacity(self.0.len() + 2);
        for (s, e, o) in self.0.drain(..) {
            if e <= start || s >= end {
                kept.push((s, e, o));
                continue;
            }
            if s < start {
                kept.push((s, start, o));
            }
            if e > end {
                kept.push((end, e, o));
            }
        }
        kept.push((start, end, owner));
        self.0 = kept;
    }

    fn holds(&self, start: u64, end: u64, owner: Owner) -> bool {
        let held: u64 = self.0.iter().filter(|(_, _, o)| *o == owner).map(|(s, e, _)| e.min(&end).saturating_sub(*s.max(&start))).sum();
        held == end - start
    }
}

/// Checks what the lowering for a GPU made, before anything is compiled for it.
///
/// # Errors
/// [`crate::Error::Verify`]: only a fault of this compiler can hand a value to the wrong side.
pub fn stages(plan: &Plan, gpu: &GpuPlan) -> crate::Result<()> {
    validate::gpu(plan, gpu).map_err(|why| crate::Error::verify("partition", why.to_string()))
}

/// Checks all entries. The GPU's part, if there is one, is proved by [`validate`]: every value is on the side that reads it.
///
/// # Errors
/// [`Error::Plan`] naming entry, command and buffer.
pub fn check(plan: &Plan) -> Result<()> {
    validate::plan(plan)?;
    for entry in &plan.entries {
        let place = format!("{:?} entry of {} rows", entry.part, entry.rows);
        replay(plan, entry).map_err(|(at, why)| Error::plan(format!("{place}, command {at}"), why))?;
    }
    states(plan)
}

fn span(buffer: &Buffer, rows: u32) -> (u64, u64) {
    (buffer.offset, buffer.offset + buffer.row_bytes() * u64::from(rows))
}

fn replay(plan: &Plan, entry: &Entry) -> std::result::Result<(), (usize, String)> {
    let mut arena = Arena::default();
    let handoff = |id: HandoffId| {
        let h = &plan.handoffs[id as usize];
        (h.offset, h.offset + u64::from(h.width) * 4 * u64::from(plan.max_rows(Part::Body)))
    };
    if entry.part == Part::Tail {
        for id in 0..plan.handoffs.len() as u32 {
            let (start, end) = handoff(id);
            arena.claim(start, end, Owner::Handoff(id));
        }
    }
    for (at, command) in entry.commands.iter().enumerate() {
        let (read, written) = command.buffers(&plan.regions);
        for &id in &read {
            let buffer = &entry.buffers[id as usize];
            let (start, end) = span(buffer, entry.rows);
            if !arena.holds(start, end, Owner::Buffer(id)) {
                return Err((at, format!("reads buffer `{}` after something else was written over it, or before it was written", buffer.name)));
            }
        }
        if let Command::Gather { handoff: id, .. } = command {
            let (start, end) = handoff(*id);
            if !arena.holds(start, end, Owner::Handoff(*id)) {
                return Err((at, format!("reads handoff `{}` after something was written over it", plan.handoffs[*id as usize].name)));
            }
        }
        let in_place = matches!(command, Command::SparseUp { .. });
        for &id in &written {
            let (start, end) = span(&entry.buffers[id as usize], entry.rows);
            let clash = read.iter().find(|&&other| {
                let (s, e) = span(&entry.buffers[other as usize], entry.rows);
                s < end && start < e && !(in_place && other == id)
            });
            if let Some(&other) = clash {
                let name = |id: u32| &entry.buffers[id as usize].name;
                return Err((at, format!("writes buffer `{}` over its own input `{}`", name(id), name(other))));
            }
            arena.claim(start, end, Owner::Buffer(id));
        }
        for (i, &a) in written.iter().enumerate() {
            let (start, end) = span(&entry.buffers[a as usize], entry.rows);
            if !arena.holds(start, end, Owner::Buffer(a)) || written[..i].contains(&a) {
                return Err((at, format!("two outputs share the bytes of buffer `{}`", entry.buffers[a as usize].name)));
            }
        }
    }
    let end = entry.commands.len();
    if let Some(logits) = entry.logits {
        let (start, stop) = span(&entry.buffers[logits as usize], entry.rows);
        if !arena.holds(start, stop, Owner::Buffer(logits)) {
            return Err((end, "the logits are not there at the end".into()));
        }
    }
    if entry.part == Part::Body {
        for h in &plan.handoffs {
            let found = entry.buffers.iter().enumerate().any(|(id, b)| {
                let (start, stop) = span(b, entry.rows);
                b.offset == h.offset && b.width == h.width && arena.holds(start, stop, Owner::Buffer(id as u32))
            });
            if !found {
                return Err((end, format!("handoff `{}` is not there at the end", h.name)));
            }
        }
    }
    Ok(())
}

/// Every state that is read was written before: in the same body, or by the body for the tail; and no tail writes one.
fn states(plan: &Plan) -> Result<()> {
    for entry in &plan.entries {
        let mut written = vec![entry.part == Part::Tail; plan.states.len()];
        for (at, command) in entry.commands.iter().enumerate() {
            let fault = |why: &str| Err(Error::plan(format!("{:?} entry of {} rows, command {at}", entry.part, entry.rows), why));
            match command {
                Command::KvAppend { .. } if entry.part == Part::Tail => return fault("a tail writes keys and values"),
                Command::KvAppend { state, .. } => written[*state as usize] = true,
                Command::Attention { state, .. } if !written[*state as usize] => return fault("keys and values are read before they are written"),
                _ => {}
            }
        }
        if let Some(missing) = written.iter().position(|w| !w) {
            return Err(Error::plan(format!("state `{}`", plan.states[missing].name), format!("the body of {} rows never writes it", entry.rows)));
        }
    }
    Ok(())
}
