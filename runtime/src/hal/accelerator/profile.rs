//! Where a device's time goes, launch by launch: each is run alone between two marks of the stream, so launches do not overlap as they do in a graph.

use super::{Accelerator, Result, plan};
use crate::hal::gpu::Event;
use crate::hal::profile::Line;
use std::collections::BTreeMap;
use unicorn_artifact::gpu::{GpuPlan, Stage};
use unicorn_artifact::plan::Part;

/// Times of all launches of all stages.
#[derive(Debug)]
pub(super) struct Profile {
    /// By entry and stage: the launches, each with its microseconds and calls so far. An entry's last is the search for the best logit.
    stages: Vec<Vec<Vec<Timed>>>,
    /// One more than the longest stage has launches.
    marks: Vec<Event>,
}

#[derive(Debug)]
struct Timed {
    launch: plan::Launch,
    title: String,
    microseconds: f64,
    calls: u64,
}

impl Accelerator {
    /// Times launches from now on, of `part`, the plan that this device was made for; or tells what was timed and stops.
    ///
    /// # Errors
    /// What the driver says.
    pub fn set_profile(&mut self, part: Option<&GpuPlan>) -> Result<Vec<Line>> {
        let before = self.profile.take();
        if let Some(part) = part {
            let timed = |launches: &[plan::Launch]| -> Vec<Timed> {
                let one =
                    |l: &plan::Launch| Timed { launch: l.clone(), title: part.kernels[l.kernel as usize].title.clone(), microseconds: 0.0, calls: 0 };
                launches.iter().map(one).collect()
            };
            let of_entry = |entry: &plan::GpuEntry| -> Vec<Vec<Timed>> {
                let stages = entry.stages.iter().map(|stage| if let Stage::Device(list) = stage { timed(list) } else { vec![] });
                stages.chain([entry.best.as_ref().map_or(vec![], |best| timed(std::slice::from_ref(best)))]).collect()
            };
            let stages: Vec<_> = part.entries.iter().map(of_entry).collect();
            let most = stages.iter().flatten().map(Vec::len).max().unwrap_or(0);
            let marks = (0..=most).map(|_| self.gpu.event()).collect::<Result<_>>()?;
            self.profile = Some(Profile { stages, marks });
        }
        Ok(before.map_or(vec![], |profile| self.lines(&profile)))
    }

    fn lines(&self, profile: &Profile) -> Vec<Line> {
        let mut kinds: BTreeMap<String, Line> = BTreeMap::new();
        for (entry, stages) in self.entries.iter().zip(&profile.stages) {
            for timed in stages.iter().flatten().filter(|t| t.calls > 0) {
                let what = format!("{} {}", if entry.part == Part::Body { "body" } else { "tail" }, timed.title);
                let line = kinds.entry(what.clone()).or_insert(Line { what, seconds: 0.0, calls: 0, bytes: 0 });
                line.seconds += timed.microseconds * 1e-6;
                line.calls += timed.calls;
            }
        }
        let mut lines: Vec<Line> = kinds.into_values().collect();
        lines.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        lines
    }

    /// Runs and times a stage, if times are wanted; whether it did.
    pub(super) fn run_timed(&mut self, entry: usize, stage: usize) -> Result<bool> {
        let Some(profile) = &mut self.profile else { return Ok(false) };
        let timed = &mut profile.stages[entry][stage];
        self.gpu.record(&profile.marks[0])?;
        for (timed, mark) in timed.iter().zip(&profile.marks[1..]) {
            self.kernels.launch(&self.gpu, &self.places, entry, &timed.launch)?;
            self.gpu.record(mark)?;
        }
        for (timed, marks) in timed.iter_mut().zip(profile.marks.windows(2)) {
            timed.microseconds += 1e3 * f64::from(self.gpu.elapsed_ms(&marks[0], &marks[1])?);
            timed.calls += 1;
        }
        Ok(true)
    }
}
