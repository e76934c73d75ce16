//! What an NPU takes off the host, for the table: foretold times of its calls for one token, and of the host's commands that they stand for.

use super::machine::{Machine, Npu};
use super::table::Row;
use unicorn_artifact::npu::NpuPlan;
use unicorn_artifact::plan::{Part, Plan};
use unicorn_kernels_cpu::cost as host;

/// The NPU's share of one token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Share {
    /// Its lines of the table.
    pub rows: Vec<Row>,
    /// Seconds of its calls.
    pub seconds: f64,
    /// Seconds that the host would take for the same.
    pub host: f64,
    /// Bytes of the buffers that it works on.
    pub bytes: u64,
}

/// Calls of one kind in layers that follow each other.
struct Run {
    layers: Option<(u32, u32)>,
    what: String,
    stream: u32,
    calls: u32,
    host: f64,
}

impl Share {
    /// Counts for the smallest entries of a plan.
    pub fn new(plan: &Plan, part: &NpuPlan, positions: u32, machine: &Machine, npu: &Npu) -> Self {
        let mut runs: Vec<Run> = vec![];
        for number in [Part::Body, Part::Tail].into_iter().filter_map(|p| plan.entries_of(p).next()).map(|(number, _)| number) {
            let entry = &plan.entries[number];
            for call in &part.entries[number].calls {
                let command = &entry.commands[call.command as usize];
                let name = command.weights().first().map_or("", |w| plan.weights[*w as usize].name.as_str());
                let (layer, what) = split(name);
                let work = host::cost(plan, entry, command, positions);
                let host = machine.host.start + machine.host.seconds(work.bytes, work.macs, work.flops);
                let layers = layer.map(|layer| (layer, layer));
                match runs.last_mut() {
                    Some(run) if run.what == what && run.stream == call.stream && run.layers.map(|l| l.1 + 1) == layer => {
                        run.layers = run.layers.zip(layer).map(|((first, _), layer)| (first, layer));
                        run.calls += 1;
                        run.host += host;
                    }
                    _ => runs.push(Run { layers, what: what.into(), stream: call.stream, calls: 1, host }),
                }
            }
        }
        let mut share = Self { bytes: part.buffer_bytes(), ..Self::default() };
        for run in runs {
            let stream = &part.streams[run.stream as usize];
            let seconds = f64::from(run.calls) * npu.seconds(stream.cycles as f64, stream.moved as f64);
            let layers = run.layers.map_or(String::new(), |(a, b)| if a == b { format!("layer {a} ") } else { format!("layers {a}-{b} ") });
            let why = format!("asked for; the host would take {}", super::table::time(run.host));
            share.rows.push(Row { region: layers + &run.what, device: "npu", seconds, why });
            share.seconds += seconds;
            share.host += run.host;
        }
        share
    }
}

/// The layer that a weight's name says, and the rest of the name.
fn split(name: &str) -> (Option<u32>, &str) {
    let short = |rest: &str| rest.strip_suffix(".weight").map_or(rest.len(), str::len);
    let Some((layer, rest)) = name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) else { return (None, &name[..short(name)]) };
    (layer.parse().ok(), &rest[..short(rest)])
}
