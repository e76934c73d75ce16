//! What was decided, for people: layers that went the same way stand on one line.

use super::Why;
use super::costs::{Costs, Estimate, positions};
use super::machine::Machine;
use super::npu::Share;
use super::units::{Key, Kind, Units};
use std::fmt;
use unicorn_artifact::plan::{Part, Plan};

/// Some groups on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which groups.
    pub region: String,
    /// `host`, `gpu` or `npu`.
    pub device: &'static str,
    /// Foretold seconds a token, there.
    pub seconds: f64,
    /// Why there.
    pub why: String,
}

/// A placement as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What was asked for, and for which machine.
    pub title: String,
    /// In the order of the model.
    pub rows: Vec<Row>,
    /// The whole placement.
    pub chosen: Estimate,
    /// Everything on the host.
    pub host: Estimate,
    /// Everything that the GPU can do on it, if there is one.
    pub gpu: Option<Estimate>,
    /// Bytes of the NPU's buffers; 0 where it has no part.
    pub npu_bytes: u64,
}

/// Groups that become a line.
struct Run {
    /// First and last layer; `None` for a kind that no layer has.
    layers: Option<(u32, u32)>,
    /// `None`: whole layers.
    kind: Option<Kind>,
    units: Vec<usize>,
}

impl Table {
    /// Shows where groups went.
    pub fn new(units: &Units, costs: &Costs, (on_gpu, why): (&[bool], &[Why]), what: &str, plan: &Plan) -> Self {
        let can: Vec<bool> = costs.device.iter().map(Result::is_ok).collect();
        let title = format!("{what}, one token of decode after {} positions", positions(plan));
        let rows = runs(units, on_gpu, why).iter().map(|run| row(run, costs, on_gpu, why)).collect();
        Self {
            title,
            rows,
            chosen: costs.estimate(on_gpu),
            host: costs.estimate(&vec![false; can.len()]),
            gpu: Some(costs.estimate(&can)),
            npu_bytes: 0,
        }
    }

    /// The table of a host with an NPU alone.
    pub fn without_gpu(plan: &Plan, share: Share, what: &str, machine: &Machine) -> Self {
        let smallest = [Part::Body, Part::Tail].into_iter().filter_map(|part| plan.entries_of(part).next());
        let commands = smallest.flat_map(|(_, entry)| entry.commands.iter().map(move |command| (entry, command)));
        let seconds = commands.map(|(entry, command)| {
            let work = unicorn_kernels_cpu::cost::cost(plan, entry, command, positions(plan));
            machine.host.start + machine.host.seconds(work.bytes, work.macs, work.flops)
        });
        let host = Estimate { seconds: seconds.sum(), ..Estimate::default() };
        let title = format!("{what}, one token of decode after {} positions", positions(plan));
        let why = "there is no GPU to do it".into();
        let rest = Row { region: "all else".into(), device: "host", seconds: host.seconds - share.host, why };
        Self { title, rows: vec![rest], chosen: host, host, gpu: None, npu_bytes: 0 }.with_npu(share)
    }

    /// The same with what an NPU takes off the host.
    pub fn with_npu(mut self, share: Share) -> Self {
        self.chosen.seconds += share.seconds - share.host;
        self.npu_bytes = share.bytes;
        self.rows.extend(share.rows);
        self
    }
}

fn runs(units: &Units, on_gpu: &[bool], why: &[Why]) -> Vec<Run> {
    let find = |kind: Kind, layer: u32| units.keys.iter().position(|k| *k == Key { kind, layer });
    let place = |unit: usize| (on_gpu[unit], &why[unit]);
    let alone = |kind: Kind| find(kind, 0).map(|unit| Run { layers: None, kind: Some(kind), units: vec![unit] });
    let mut all: Vec<Run> = [Kind::Embed, Kind::Lookup].into_iter().filter_map(alone).collect();
    let parts = |layer: u32| -> Vec<usize> { Kind::ALL.into_iter().filter(|k| k.of_layer()).filter_map(|k| find(k, layer)).collect() };
    let layers = units.keys.iter().filter(|k| k.kind.of_layer()).map(|k| k.layer + 1).max().unwrap_or(0);
    let mut first = 0;
    while first < layers {
        let same = |layer: &u32| parts(*layer).into_iter().map(place).eq(parts(first).into_iter().map(place));
        let end = (first + 1..layers).find(|l| !same(l)).unwrap_or(layers);
        let members: Vec<usize> = (first..end).flat_map(parts).collect();
        let whole = members.iter().all(|&u| place(u) == place(members[0]));
        let kinds: Vec<Option<Kind>> = if whole { vec![None] } else { parts(first).iter().map(|&u| Some(units.keys[u].kind)).collect() };
        for kind in kinds {
            let own = members.iter().copied().filter(|&u| kind.is_none_or(|k| units.keys[u].kind == k)).collect();
            all.push(Run { layers: Some((first, end - 1)), kind, units: own });
        }
        first = end;
    }
    all.extend(alone(Kind::Head));
    all
}

fn row(run: &Run, costs: &Costs, on_gpu: &[bool], why: &[Why]) -> Row {
    let first = run.units[0];
    let gpu = on_gpu[first];
    let host: f64 = run.units.iter().map(|&u| costs.host[u]).sum();
    let device: Option<f64> = run.units.iter().map(|&u| costs.device[u].as_ref().ok()).sum();
    let layers = run.layers.map(|(a, b)| if a == b { format!("layer {a}") } else { format!("layers {a}-{b}") });
    let words: Vec<String> = layers.into_iter().chain(run.kind.map(|k| k.name().to_owned())).collect();
    let why = match (&why[first], device) {
        (Why::Refused(why), _) => why.clone(),
        (Why::Line(line), _) => format!("line {line} of the file"),
        (Why::Asked, _) => "asked for".into(),
        (Why::Default, _) => "no line of the file says otherwise".into(),
        (Why::Time, _) if gpu => format!("the host would take {}", time(host)),
        (Why::Time, Some(device)) => format!("the gpu would take {}, and what crosses", time(device)),
        (Why::Time, None) => "no kernel does all of it".into(),
    };
    let seconds = if gpu { device.unwrap_or(f64::INFINITY) } else { host };
    Row { region: words.join(" "), device: if gpu { "gpu" } else { "host" }, seconds, why }
}

/// Seconds with a unit a person can read.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 1e-3 { format!("{:.1} us", seconds * 1e6) } else { format!("{:.2} ms", seconds * 1e3) }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "partition {}", self.title)?;
        let width = self.rows.iter().map(|r| r.region.len()).max().unwrap_or(0).max(9);
        writeln!(f, "  {:width$}  device  {:>9}  why", "region", "foretold")?;
        for row in &self.rows {
            writeln!(f, "  {:width$}  {:6}  {:>9}  {}", row.region, row.device, time(row.seconds), row.why)?;
        }
        if self.gpu.is_some() {
            writeln!(f, "  {:width$}  {:6}  {:>9}  {} buffers", "crossing", "", time(self.chosen.crossing_seconds), self.chosen.crossings)?;
        }
        write!(f, "  {:width$}  {:6}  {:>9}  the host alone {}", "sum", "", time(self.chosen.seconds), time(self.host.seconds))?;
        if let Some(gpu) = &self.gpu {
            write!(f, ", all on the gpu {}; {:.0} MB on the device", time(gpu.seconds), self.chosen.bytes as f64 / 1e6)?;
        }
        if self.npu_bytes > 0 {
            write!(f, "; {:.1} MB of buffers for the npu", self.npu_bytes as f64 / 1e6)?;
        }
        Ok(())
    }
}
