//! Which commands run where.

use crate::lower::gpu::Assignment;
use crate::{Error, Result};
use unicorn_artifact::command::Command;
use unicorn_artifact::plan::{Entry, Part, Plan};

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// Everything that a GPU can do goes to it.
    #[default]
    Auto,
    /// These layers stay on the host, the rest goes to the GPU.
    Host(Vec<std::ops::RangeInclusive<u32>>),
}

impl Partition {
    /// Reads `auto`, or lines `layers 0-9: host` (others are the GPU's).
    ///
    /// # Errors
    /// [`Error::Option`] naming the line.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |line: &str| Error::Option { option: "--partition".into(), why: format!("`{line}` is not of the form `layers 0-9: host`") };
        let mut host = Vec::new();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (layers, device) = line.strip_prefix("layers ").and_then(|l| l.split_once(':')).ok_or_else(|| bad(line))?;
            let (first, last) = layers.split_once('-').unwrap_or((layers, layers));
            let number = |text: &str| text.trim().parse::<u32>().map_err(|_| bad(line));
            match device.trim() {
                "host" => host.push(number(first)?..=number(last)?),
                "gpu" => {}
                _ => return Err(bad(line)),
            }
        }
        Ok(Self::Host(host))
    }
}

/// The device of each command: `None` where none was asked for.
///
/// # Errors
/// [`Error::Unsupported`] where layers that share keys and values would be split.
pub fn assign(plan: &Plan, partition: &Partition) -> Result<Assignment> {
    let of = |part: Part| plan.entries_of(part).next().map(|(_, e)| e);
    let host = |layer: Option<u32>| match partition {
        Partition::Auto => false,
        Partition::Host(ranges) => layer.is_some_and(|l| ranges.iter().any(|r| r.contains(&l))),
    };
    let wanted = |entry: &Entry| -> Vec<bool> {
        let layers = layers(plan, entry);
        entry.commands.iter().zip(&layers).map(|(c, l)| !matches!(c, Command::EmbedPerLayer { .. }) && !host(*l)).collect()
    };
    let (Some(body), Some(tail)) = (of(Part::Body), of(Part::Tail)) else {
        return Ok(Assignment { body: vec![], tail: vec![] });
    };
    let mut assignment = Assignment { body: wanted(body), tail: wanted(tail) };
    // Keys and values stay where they are written; who reads them comes to them.
    for (at, command) in tail.commands.iter().enumerate() {
        match command {
            Command::Attention { state, .. } => {
                let writer = body.commands.iter().position(|c| matches!(c, Command::KvAppend { state: s, .. } if s == state));
                assignment.tail[at] = writer.is_some_and(|w| assignment.body[w]);
            }
            Command::Gather { handoff, .. } => {
                let place = &plan.handoffs[*handoff as usize];
                let made = body.commands.iter().rposition(|c| {
                    c.buffers(&plan.regions).1.iter().any(|b| {
                        let b = &body.buffers[*b as usize];
                        b.offset == place.offset && b.width == place.width
                    })
                });
                assignment.tail[at] = made.is_some_and(|m| assignment.body[m]);
            }
            _ => {}
        }
    }
    // A norm of heads runs beside the attention it feeds.
    for (entry, on_gpu) in [(body, &mut assignment.body), (tail, &mut assignment.tail)] {
        for at in 0..entry.commands.len() {
            if let Command::Attention { query, .. } = &entry.commands[at]
                && let Some(norm) = entry.commands.iter().position(|c| matches!(c, Command::HeadNorm { out, .. } if out == query))
            {
                on_gpu[norm] = on_gpu[at];
            }
        }
    }
    // Values in eight bits lie differently on host and device: who reads them makes them.
    for (entry, on_gpu) in [(body, &mut assignment.body), (tail, &mut assignment.tail)] {
        for at in 0..entry.commands.len() {
            if let Command::Quantize { out, .. } = entry.commands[at]
                && let Some(reader) = entry.commands.iter().position(|c| c.buffers(&plan.regions).0.contains(&out))
            {
                on_gpu[at] = on_gpu[reader];
            }
        }
    }
    Ok(assignment)
}

/// The layer of each command: the highest that its weights name, or that of the command before.
fn layers(plan: &Plan, entry: &Entry) -> Vec<Option<u32>> {
    let named = |id: u32| -> Option<u32> {
        let name = &plan.weights.get(id as usize)?.name;
        name.split("layers.").nth(1)?.split('.').next()?.parse().ok()
    };
    let mut last = None;
    entry
        .commands
        .iter()
        .map(|command| {
            let weights: Vec<u32> = match command {
                Command::MatMul { products, .. } => products.iter().map(|p| p.weight).collect(),
                Command::SparseUp { weight, .. } | Command::SparseDown { weight, .. } => vec![*weight],
                Command::HeadNorm { weight, .. } => weight.iter().copied().collect(),
                Command::Region { arguments, .. } => arguments
                    .iter()
                    .filter_map(|a| match a {
                        unicorn_artifact::command::Argument::Weight { weight, .. } => Some(*weight),
                        unicorn_artifact::command::Argument::Buffer { .. } => None,
                    })
                    .collect(),
                _ => vec![],
            };
            if let Some(layer) = weights.into_iter().filter_map(named).max() {
                last = Some(layer);
            }
            last
        })
        .collect()
}
