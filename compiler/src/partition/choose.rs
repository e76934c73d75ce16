//! The placement with the least foretold time, by dynamic programming over the groups in their order.
//!
//! What groups still to come must know of those already placed is little: for each tie that reaches over the border, on which side its groups are so
//! far, or that it is cut. Placements that agree in that, and in how much of the device's memory they take, differ only in their time; the best is kept.

use super::costs::Costs;
use std::collections::BTreeMap;

/// Parts that the device's memory is counted in, where not everything fits.
const PARTS: u64 = 256;

/// A tie as seen from the border: all of it so far on the host, all on the device, or cut.
const HOST: u8 = 0;
const DEVICE: u8 = 1;
const CUT: u8 = 2;

/// What is still of interest: parts of memory taken, and the ties over the border.
type Seen = (u64, Vec<u8>);

/// The best way to a state: its time, where it came from, and whether the last group is on the device.
#[derive(Clone, Copy)]
struct Way {
    seconds: f64,
    from: usize,
    gpu: bool,
}

/// By group: whether it is on the device.
pub fn choose(costs: &Costs) -> Vec<bool> {
    let count = costs.host.len();
    let fits = costs.bytes.iter().sum::<u64>() <= costs.memory;
    let part = (costs.memory / PARTS).max(1);
    let parts = |unit: usize| if fits { 0 } else { costs.bytes[unit].div_ceil(part) };
    let mut states: Vec<(Seen, f64)> = vec![((0, vec![]), 0.0)];
    let mut steps: Vec<Vec<Way>> = vec![];
    let mut open: Vec<usize> = vec![];
    for unit in 0..count {
        let begin = costs.ties.iter().enumerate().filter(|(_, tie)| tie.units.first() == Some(&unit));
        open.extend(begin.map(|(tie, _)| tie));
        let keep: Vec<bool> = open.iter().map(|&tie| costs.ties[tie].units.last() != Some(&unit)).collect();
        let mut next: BTreeMap<Seen, Way> = BTreeMap::new();
        for (from, ((taken, ties), seconds)) in states.iter().enumerate() {
            for gpu in [false, true] {
                let own = match (gpu, &costs.device[unit]) {
                    (false, _) => costs.host[unit],
                    (true, Ok(own)) => *own,
                    (true, Err(_)) => continue,
                };
                let taken = taken + if gpu { parts(unit) } else { 0 };
                if taken > PARTS {
                    continue;
                }
                let (mut seconds, mut seen) = (seconds + own, vec![]);
                for (at, &tie) in open.iter().enumerate() {
                    let side = if gpu { DEVICE } else { HOST };
                    let before = ties.get(at).copied().unwrap_or(side);
                    let touched = costs.ties[tie].units.contains(&unit);
                    let cut = touched && before != CUT && before != side;
                    seconds += if cut { costs.ties[tie].seconds } else { 0.0 };
                    if keep[at] {
                        seen.push(if cut { CUT } else { before });
                    }
                }
                let way = Way { seconds, from, gpu };
                next.entry((taken, seen)).and_modify(|best| *best = if way.seconds < best.seconds { way } else { *best }).or_insert(way);
            }
        }
        let mut at = 0;
        open.retain(|_| {
            at += 1;
            keep[at - 1]
        });
        steps.push(next.values().copied().collect());
        states = next.into_iter().map(|(seen, way)| (seen, way.seconds)).collect();
    }
    let mut at = (0..states.len()).reduce(|best, other| if states[other].1 < states[best].1 { other } else { best }).unwrap_or(0);
    let mut on_gpu = vec![false; count];
    for unit in (0..count).rev() {
        let way = steps[unit][at];
        on_gpu[unit] = way.gpu;
        at = way.from;
    }
    on_gpu
}

#[cfg(test)]
mod tests {
    use super::super::costs::Tie;
    use super::*;

    fn tie(units: &[usize], seconds: f64) -> Tie {
        Tie { units: units.to_vec(), buffers: 1, seconds }
    }

    /// splitmix64, fixed for ever.
    fn bits(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 8
    }

    fn random(seed: u64, count: usize) -> Costs {
        let mut state = seed;
        let mut below = |end: u64| bits(&mut state) % end;
        let host = (0..count).map(|_| below(100) as f64).collect();
        let device = (0..count).map(|_| if below(8) == 0 { Err("no".into()) } else { Ok(below(100) as f64) }).collect();
        let bytes = (0..count).map(|_| below(4) * 256).collect();
        let ties = (0..2 * count).map(|_| {
            let mut units: Vec<usize> = (0..2 + below(3)).map(|_| below(count as u64) as usize).collect();
            units.sort_unstable();
            units.dedup();
            Tie { units, buffers: 1, seconds: below(40) as f64 }
        });
        let ties = ties.filter(|t| t.units.len() > 1).collect();
        Costs { host, device, bytes, ties, memory: [u64::MAX, 256 * 8][seed as usize % 2] }
    }

    #[test]
    fn nothing_is_better_than_what_is_chosen() {
        for seed in 0..200 {
            let costs = random(seed, 10);
            let on_gpu = choose(&costs);
            let chosen = costs.estimate(&on_gpu);
            assert!(chosen.bytes <= costs.memory, "seed {seed}");
            let all = (0..1u32 << 10).map(|mask| costs.estimate(&(0..10).map(|unit| mask >> unit & 1 == 1).collect::<Vec<_>>()));
            let best = all.filter(|e| e.bytes <= costs.memory).map(|e| e.seconds).fold(f64::INFINITY, f64::min);
            assert_eq!(chosen.seconds, best, "seed {seed}: {on_gpu:?}");
        }
    }

    #[test]
    fn a_run_is_as_long_as_its_crossings_are_worth() {
        let mut costs = Costs {
            host: vec![1.0, 5.0, 5.0, 1.0],
            device: vec![Err("no".into()), Ok(1.0), Ok(1.0), Ok(1.0)],
            bytes: vec![0; 4],
            ties: vec![tie(&[0, 1], 3.0), tie(&[1, 2], 3.0), tie(&[2, 3], 3.0)],
            memory: 0,
        };
        assert_eq!(choose(&costs), [false, true, true, true]);
        costs.ties[0].seconds = 20.0;
        assert_eq!(choose(&costs), [false, false, true, true]);
        costs.ties[1].seconds = 20.0;
        assert_eq!(choose(&costs), [false, false, false, false]);
    }
}
