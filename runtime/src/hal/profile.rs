//! Where the time of steps goes, command by command: sums over the threads, kept only while someone asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use unicorn_artifact::command::Command;
use unicorn_artifact::plan::{Part, Plan};

/// Nanoseconds of every command of every entry, summed over the threads.
#[derive(Debug)]
pub struct Profile {
    busy: Vec<Vec<AtomicU64>>,
    /// Which of them an NPU did.
    away: Vec<Vec<AtomicBool>>,
    runs: Vec<AtomicU64>,
}

/// What all commands of one kind took.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Part, command, and the weights without their layers' numbers.
    pub what: String,
    /// Seconds, summed over the threads; waiting for each other is not in it.
    pub seconds: f64,
    /// Times a command of this kind ran.
    pub calls: u64,
    /// Bytes of the dense weights met, once per call; 0 where only some rows of a weight are read.
    pub bytes: u64,
}

impl Profile {
    pub(super) fn new(plan: &Plan) -> Self {
        let zeros = |n| std::iter::repeat_with(AtomicU64::default).take(n).collect();
        let none = |n| std::iter::repeat_with(AtomicBool::default).take(n).collect();
        let (busy, away) =
            (plan.entries.iter().map(|e| zeros(e.commands.len())).collect(), plan.entries.iter().map(|e| none(e.commands.len())).collect());
        Self { busy, away, runs: zeros(plan.entries.len()) }
    }

    pub(super) fn ran(&self, entry: usize) {
        self.runs[entry].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn spent(&self, entry: usize, command: usize, since: Instant) {
        self.busy[entry][command].fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    /// The calling thread waited for an NPU that did the command.
    pub(super) fn offloaded(&self, entry: usize, command: usize, since: Instant) {
        self.away[entry][command].store(true, Ordering::Relaxed);
        self.spent(entry, command, since);
    }

    /// Everything so far by kind, the longest first.
    pub fn lines(&self, plan: &Plan) -> Vec<Line> {
        let mut kinds: BTreeMap<String, Line> = BTreeMap::new();
        for (((entry, busy), away), runs) in plan.entries.iter().zip(&self.busy).zip(&self.away).zip(&self.runs) {
            let runs = runs.load(Ordering::Relaxed);
            for ((command, nanos), away) in entry.commands.iter().zip(busy).zip(away) {
                let by = if away.load(Ordering::Relaxed) { ", by the NPU" } else { "" };
                let what = format!("{} {}{by}", if entry.part == Part::Body { "body" } else { "tail" }, describe(plan, command));
                let line = kinds.entry(what.clone()).or_insert(Line { what, seconds: 0.0, calls: 0, bytes: 0 });
                line.seconds += nanos.load(Ordering::Relaxed) as f64 * 1e-9;
                line.calls += runs;
                if matches!(command, Command::MatMul { .. } | Command::MatMulInt8 { .. }) {
                    line.bytes += runs * command.weights().iter().filter_map(|w| plan.weights[*w as usize].bytes()).sum::<u64>();
                }
            }
        }
        let mut lines: Vec<Line> = kinds.into_values().filter(|l| l.calls > 0).collect();
        lines.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        lines
    }
}

fn describe(plan: &Plan, command: &Command) -> String {
    let name = |id: u32| {
        let weight = &plan.weights[id as usize];
        let short = weight.name.split('.').filter(|part| *part != "weight" && *part != "layers" && part.parse::<u32>().is_err());
        format!("{} {}", weight.format.name(), short.collect::<Vec<_>>().join("."))
    };
    match command {
        Command::MatMul { products, .. } => format!("matmul {}", products.iter().map(|p| name(p.weight)).collect::<Vec<_>>().join(" + ")),
        Command::SparseUp { weight, .. } | Command::SparseDown { weight, .. } | Command::MatMulInt8 { weight, .. } => {
            format!("{} {}", command.name(), name(*weight))
        }
        Command::Region { region, repeat, .. } => format!("region {region} of width {} x {repeat}", plan.regions[*region as usize].width),
        Command::Attention { window, .. } => format!("attention over {}", if *window == 0 { "all".into() } else { window.to_string() }),
        _ => command.name().into(),
    }
}
