//! Schedulers: straight-line code into bundles, and loop bodies into software pipelines.
//!
//! Both take instructions in the order in which they make sense one after the other, with registers already chosen, and keep that sense; a replay
//! judges the result. A modulo schedule lets a register take its next value while older ones are still being read, as far as the pipeline allows.

use std::collections::BTreeMap;

use super::bundle::Bundle;
use super::hazard::{self, Effects, HORIZON};
use super::instruction::{Instruction, Slot};
use super::replay::{self, Mismatch};
use super::table::{Bypass, Stage};
use super::text::Draft;

/// Why code cannot be scheduled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// A jump, whose place only the program can know.
    #[error("{0} is a jump: schedulers take straight code")]
    Jump(String),
    /// No interval up to the longest allowed works.
    #[error("no schedule of {instructions} instructions with an interval of {tried} or fewer bundles")]
    Interval {
        /// Instructions of the loop body.
        instructions: usize,
        /// The longest interval tried.
        tried: usize,
    },
    /// The schedule does not keep the code's sense: a fault of the scheduler.
    #[error("the schedule is wrong: {0}")]
    Wrong(#[from] Mismatch),
}

/// A scheduled piece of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Straight {
    /// The bundles.
    pub bundles: Vec<Vec<Draft>>,
    /// Empty bundles to be added if what follows must find every result in place.
    pub tail: usize,
}

/// A scheduled loop. With `passes` passes wanted, at least `stages`, the kernel runs `passes - stages + 1` times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipelined {
    /// Bundles from one pass to the next.
    pub interval: usize,
    /// Passes that are under way at once.
    pub stages: usize,
    /// Before the kernel.
    pub prologue: Vec<Vec<Draft>>,
    /// The repeated part: `interval` bundles.
    pub kernel: Vec<Vec<Draft>>,
    /// Behind the kernel.
    pub epilogue: Vec<Vec<Draft>>,
    /// Empty bundles to be added behind the epilogue if what follows must find every result in place.
    pub tail: usize,
}

/// Instruction `to` in pass `p + passes` starts at least `bundles` behind instruction `from` in pass `p`; `bundles` may be negative.
#[derive(Clone, Copy, Debug)]
struct Edge {
    from: usize,
    to: usize,
    bundles: i64,
    passes: i64,
}

/// Bundles from a write to a read that sees it, without the clamp at zero.
fn raw(write: Stage, read: Stage) -> i64 {
    i64::from(write.cycle) + 1 - i64::from(read.cycle) - i64::from(write.bypass == read.bypass && write.bypass != Bypass::None)
}

/// What one instruction must keep to another that follows it in the code's order: a negative distance only `in_flight`.
fn needs(first: &Draft, a: &Effects, second: &Draft, b: &Effects, in_flight: bool) -> Option<i64> {
    // Out of flight, a bundle finds what bundles before it wrote.
    let behind = if in_flight { i64::MIN } else { 1 };
    let mut least: Option<i64> = None;
    let mut need = |bundles: i64| least = Some(least.map_or(bundles, |old| old.max(bundles)));
    for x in &a.touches {
        for y in b.touches.iter().filter(|y| y.register == x.register) {
            if let (Some(write), Some(read)) = (x.write, y.read) {
                need(raw(write, read).max(behind));
            }
            if let (Some(read), Some(write)) = (x.read, y.write) {
                need(1 - raw(write, read));
            }
            if let (Some(older), Some(newer)) = (x.write, y.write) {
                need((i64::from(older.cycle) - i64::from(newer.cycle) + 1).max(behind));
            }
        }
    }
    let apart = matches!((first.region, second.region), (Some(x), Some(y)) if x != y);
    match (a.memory, b.memory) {
        (Some(x), Some(y)) if (x.store || y.store) && !apart => need(i64::from(x.last) - i64::from(y.first) + 1),
        _ => {}
    }
    match (a.lock, a.memory, b.lock, b.memory) {
        (true, _, _, Some(memory)) => need(hazard::behind_lock(memory) as i64),
        (_, Some(memory), true, _) => need(hazard::before_lock(memory) as i64),
        _ => {}
    }
    if first.instruction.meaning().is_ordered() && second.instruction.meaning().is_ordered() {
        need(1);
    }
    least.map(|bundles| if in_flight { bundles } else { bundles.max(0) })
}

/// Every need within a pass (`carried` false) and from each pass to the next.
fn edges(body: &[Draft], effects: &[Effects], carried: bool) -> Vec<Edge> {
    let mut edges = Vec::new();
    for from in 0..body.len() {
        for to in 0..body.len() {
            let passes = i64::from(to <= from);
            if passes == 1 && !carried {
                continue;
            }
            if let Some(bundles) = needs(&body[from], &effects[from], &body[to], &effects[to], carried) {
                edges.push(Edge { from, to, bundles, passes });
            }
        }
    }
    edges
}

fn effects(body: &[Draft]) -> Result<Vec<Effects>, ScheduleError> {
    match body.iter().find(|draft| draft.instruction.meaning().is_jump()) {
        Some(jump) => Err(ScheduleError::Jump(jump.instruction.to_string())),
        None => Ok(body.iter().map(|draft| Effects::of(&draft.instruction)).collect()),
    }
}

/// Length of the longest chain of needs within a pass behind each instruction.
fn heights(count: usize, edges: &[Edge]) -> Vec<i64> {
    let mut heights = vec![0; count];
    for from in (0..count).rev() {
        for edge in edges.iter().filter(|edge| edge.from == from && edge.passes == 0) {
            heights[from] = heights[from].max(heights[edge.to] + edge.bundles.max(0));
        }
    }
    heights
}

/// Whether an instruction can join those of a bundle.
fn joins(drafts: &[&Draft], new: &Draft) -> bool {
    let all: Vec<Instruction> = drafts.iter().map(|draft| draft.instruction).chain([new.instruction]).collect();
    let meet = new.bank.is_some() && drafts.iter().any(|draft| draft.bank == new.bank);
    !meet && Bundle::new(&all).is_ok_and(|bundle| bundle.instructions().count() == all.len())
}

/// Packs straight code into few bundles. Every read finds its value in place: none is taken in flight.
///
/// # Errors
/// A jump in the code.
pub fn straight(code: &[Draft]) -> Result<Straight, ScheduleError> {
    let effects = effects(code)?;
    let edges = edges(code, &effects, false);
    let heights = heights(code.len(), &edges);
    let mut start: Vec<Option<i64>> = vec![None; code.len()];
    let mut cycle = 0_i64;
    while start.contains(&None) {
        let mut ready: Vec<usize> = (0..code.len()).filter(|&i| start[i].is_none()).collect();
        ready.sort_by_key(|&i| (std::cmp::Reverse(heights[i]), i));
        for index in ready {
            let free = edges.iter().filter(|edge| edge.to == index).all(|edge| start[edge.from].is_some_and(|at| at + edge.bundles <= cycle));
            let mates: Vec<&Draft> = (0..code.len()).filter(|&i| start[i] == Some(cycle)).map(|i| &code[i]).collect();
            let clear = (0..code.len()).all(|i| {
                let mut met = false;
                if let Some(apart) = start[i].map(|at| cycle - at).filter(|apart| *apart <= HORIZON as i64) {
                    hazard::conflicts(&effects[i], &effects[index], apart as usize, |_| met = true);
                }
                !met
            });
            if free && clear && joins(&mates, &code[index]) {
                start[index] = Some(cycle);
            }
        }
        cycle += 1;
    }
    let starts: BTreeMap<(usize, usize), i64> = start.iter().enumerate().filter_map(|(i, at)| Some(((i, 0), (*at)?))).collect();
    replay::compare(&effects, &starts, 1)?;
    let (bundles, tail) = bundles(code, &effects, &starts);
    Ok(Straight { bundles, tail })
}

/// The bundles of runs that start at given cycles, from cycle zero, and the empty ones until the last result is in place.
fn bundles(code: &[Draft], effects: &[Effects], starts: &BTreeMap<(usize, usize), i64>) -> (Vec<Vec<Draft>>, usize) {
    let end = starts.values().max().map_or(0, |last| last + 1);
    let mut bundles = vec![Vec::new(); end as usize];
    let mut landed = end;
    for (&(index, _), &start) in starts {
        bundles[start as usize].push(code[index].clone());
        for stage in effects[index].touches.iter().filter_map(|touch| touch.write) {
            landed = landed.max(start + i64::from(stage.cycle));
        }
    }
    (bundles, (landed - end) as usize)
}

/// Software-pipelines a loop body, with the shortest interval from `least` to `longest` that is found.
///
/// # Errors
/// A jump in the body, or no schedule within the longest interval.
pub fn modulo(body: &[Draft], least: usize, longest: usize) -> Result<Pipelined, ScheduleError> {
    let effects = effects(body)?;
    let edges = edges(body, &effects, true);
    for interval in least.max(crowding(body))..=longest {
        let attempt = Attempt { body, effects: &effects, edges: &edges, interval: interval as i64 };
        let Some(heights) = attempt.heights() else { continue };
        if let Some(start) = (0..ATTEMPTS).find_map(|seed| attempt.run(&heights, seed)) {
            return unroll(body, &effects, &start, interval);
        }
    }
    Err(ScheduleError::Interval { instructions: body.len(), tried: longest })
}

/// The instructions of the fullest slot: no interval is shorter.
fn crowding(body: &[Draft]) -> usize {
    let count = |slots: &[Slot]| body.iter().filter(|draft| slots.contains(&draft.instruction.slot())).count();
    let slots = [&[Slot::Lda][..], &[Slot::Ldb], &[Slot::St], &[Slot::Vec], &[Slot::Alu, Slot::Lng], &[Slot::Mv, Slot::Lng]];
    slots.into_iter().map(count).max().unwrap_or(0).max(1)
}

/// Orders of the instructions that are tried for an interval.
const ATTEMPTS: u64 = 200;

/// One interval being tried: Rau's iterative modulo scheduling.
struct Attempt<'a> {
    body: &'a [Draft],
    effects: &'a [Effects],
    edges: &'a [Edge],
    interval: i64,
}

impl Attempt<'_> {
    /// Places the instructions one after the other, those with the longest way behind them first, and takes back what the newest one disturbs.
    /// The seed disturbs the order.
    fn run(&self, heights: &[i64], seed: u64) -> Option<Vec<i64>> {
        let count = self.body.len();
        let mut random = Random(seed);
        let order: Vec<i64> = heights.iter().map(|height| height * 4 + if seed == 0 { 0 } else { random.below(8 * (1 + seed % 8)) as i64 }).collect();
        let (mut start, mut last): (Vec<Option<i64>>, Vec<i64>) = (vec![None; count], vec![i64::MIN; count]);
        let mut budget = 20 * count + 100;
        while let Some(index) = (0..count).filter(|&i| start[i].is_none()).max_by_key(|&i| (order[i], std::cmp::Reverse(i))) {
            budget = budget.checked_sub(1)?;
            let (early, late) = self.window(&start, index);
            let free = match (early, late) {
                (Some(early), Some(late)) => (early..=late.min(early + self.interval - 1)).find(|&at| self.in_the_way(&start, index, at).is_empty()),
                (None, Some(late)) => (late - self.interval + 1..=late).rev().find(|&at| self.in_the_way(&start, index, at).is_empty()),
                (early, None) => (early.unwrap_or(0)..).take(self.interval as usize).find(|&at| self.in_the_way(&start, index, at).is_empty()),
            };
            let at = free.unwrap_or_else(|| early.or(late).unwrap_or(0).max(last[index].saturating_add(1)));
            for other in self.in_the_way(&start, index, at) {
                start[other] = None;
            }
            start[index] = Some(at);
            last[index] = at;
            for edge in self.edges.iter().filter(|edge| (edge.from == index) != (edge.to == index)) {
                if let (Some(from), Some(to)) = (start[edge.from], start[edge.to])
                    && to - from < edge.bundles - edge.passes * self.interval
                {
                    start[if edge.from == index { edge.to } else { edge.from }] = None;
                }
            }
        }
        start.into_iter().collect()
    }

    /// The cycles between which an instruction keeps to those that are placed.
    fn window(&self, start: &[Option<i64>], index: usize) -> (Option<i64>, Option<i64>) {
        let need = |edge: &Edge| edge.bundles - edge.passes * self.interval;
        let inward = self.edges.iter().filter(|edge| edge.to == index && edge.from != index);
        let outward = self.edges.iter().filter(|edge| edge.from == index && edge.to != index);
        (inward.filter_map(|edge| Some(start[edge.from]? + need(edge))).max(), outward.filter_map(|edge| Some(start[edge.to]? - need(edge))).min())
    }

    /// Longest ways behind each instruction with the interval taken off per pass; nothing if a circle of needs does not fit the interval.
    fn heights(&self) -> Option<Vec<i64>> {
        let mut heights = vec![0_i64; self.body.len()];
        for round in 0..=self.body.len() {
            let mut changed = false;
            for edge in self.edges {
                let way = heights[edge.to] + edge.bundles - edge.passes * self.interval;
                if way > heights[edge.from] {
                    heights[edge.from] = way;
                    changed = true;
                }
            }
            if !changed {
                return Some(heights);
            }
            if round == self.body.len() {
                return None;
            }
        }
        None
    }

    /// Scheduled instructions that keep instruction `index` from starting at cycle `at`.
    fn in_the_way(&self, start: &[Option<i64>], index: usize, at: i64) -> Vec<usize> {
        let mut found = Vec::new();
        let mates: Vec<usize> = (0..start.len()).filter(|&i| i != index && start[i].is_some_and(|other| (other - at) % self.interval == 0)).collect();
        if !joins(&mates.iter().map(|&i| &self.body[i]).collect::<Vec<_>>(), &self.body[index]) {
            found.extend(mates);
        }
        for (other, begun) in start.iter().enumerate() {
            if let Some(begun) = begun.filter(|_| other != index && !found.contains(&other))
                && self.meet(&self.effects[other], begun, &self.effects[index], at)
            {
                found.push(other);
            }
        }
        found
    }

    /// Whether two instructions need a unit in the same cycle, in any passes.
    fn meet(&self, a: &Effects, begun: i64, b: &Effects, at: i64) -> bool {
        let mut met = false;
        let reach = HORIZON as i64 / self.interval + 2;
        let base = (at - begun).rem_euclid(self.interval);
        for pass in -reach..=reach {
            let apart = base + pass * self.interval;
            let (first, second) = if apart >= 0 { (a, b) } else { (b, a) };
            hazard::conflicts(first, second, apart.unsigned_abs() as usize, |_| met = true);
        }
        met
    }
}

/// A small random generator, the same for ever: schedules are part of what a build makes.
struct Random(u64);

impl Random {
    /// A number below `bound`, which is not zero.
    const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Prologue, kernel and epilogue of a schedule, replayed.
fn unroll(body: &[Draft], effects: &[Effects], start: &[i64], interval: usize) -> Result<Pipelined, ScheduleError> {
    let first = start.iter().min().copied().unwrap_or(0);
    let start: Vec<i64> = start.iter().map(|at| at - first).collect();
    let stages = start.iter().max().map_or(1, |last| *last as usize / interval + 1);
    let runs = |passes: usize| -> BTreeMap<(usize, usize), i64> {
        (0..passes).flat_map(|pass| start.iter().enumerate().map(move |(i, at)| ((i, pass), at + (pass * interval) as i64))).collect()
    };
    // Long enough that every pair of passes that meet in the pipeline does so in the middle.
    let passes = 2 * stages + HORIZON / interval + 2;
    replay::compare(effects, &runs(passes), passes)?;
    let (mut all, tail) = bundles(body, effects, &runs(stages));
    all.resize(all.len().max((2 * stages - 1) * interval), Vec::new());
    let epilogue_end = start.iter().max().map_or(0, |last| *last as usize + 1 + (stages - 1) * interval);
    let epilogue = all[stages * interval..epilogue_end.max(stages * interval)].to_vec();
    let kernel = all[(stages - 1) * interval..stages * interval].to_vec();
    let prologue = all[..(stages - 1) * interval].to_vec();
    Ok(Pipelined { interval, stages, prologue, kernel, epilogue, tail })
}
