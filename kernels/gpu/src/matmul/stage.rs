//! NVIDIA: the block's weights and rows of the next turns are copied to a ring in shared memory without passing registers (`cp.async`), all threads together.

use super::{Division, Flow, WARPS};
use crate::text::{Is, Type, Value};
use unicorn_artifact::tensor::{Format, GROUP, panel_group_bytes};

/// Static shared memory of a block.
const MOST_BYTES: u32 = 48 * 1024;
/// Bytes of a copy.
const PIECE: u32 = 16;
const THREADS: u32 = super::THREADS;

/// Stages of turns; a turn is one group of each share. A stage: by share, codes of the block's rows, their scales, and a record of each of its panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    stages: u32,
    shares: u32,
    tile: u32,
    panels: u32,
    record: u32,
    turns: u32,
}

impl Ring {
    /// The ring of a division, if at least three stages fit and there are turns enough to fill them.
    pub(super) fn of(d: Division, format: Format, groups: u32) -> Option<Self> {
        let shares = WARPS / d.wide;
        let ring =
            Self { stages: 1, shares, tile: d.tile, panels: d.wide * d.panels, record: panel_group_bytes(format) as u32, turns: groups / shares };
        let stages = (MOST_BYTES / ring.bytes()).min(4).min(ring.turns);
        (stages >= 3).then_some(Self { stages, ..ring })
    }

    fn codes_bytes(self) -> u32 {
        self.tile * GROUP as u32
    }

    fn rows_bytes(self) -> u32 {
        self.codes_bytes() + self.tile * 4
    }

    fn share_bytes(self) -> u32 {
        self.rows_bytes() + self.panels * self.record
    }

    fn stage_bytes(self) -> u32 {
        self.shares * self.share_bytes()
    }

    pub(super) fn bytes(self) -> u32 {
        self.stages * self.stage_bytes()
    }
}

/// A thread's piece of every turn: where the first turn's comes from, how far on the next turn's is, and its place in a stage.
struct Piece {
    from: Value,
    step: Value,
    to: Value,
    live: Option<Value>,
}

/// As [`Flow::accumulate`]. `panel` gives the first byte of a panel of the block.
pub(super) fn accumulate(flow: &Flow<'_>, ring: Ring, shared: Value, (thread, run): (Value, Value), panel: &dyn Fn(Value) -> Value) -> Vec<Value> {
    let (k, d) = (flow.k, flow.d);
    let pieces = pieces(flow, ring, thread, panel);
    let copy = |from: &[Value], stage: Value, wanted: Option<Value>| {
        let base = k.at(shared, k.mul(stage, k.int(ring.stage_bytes())));
        for (&from, piece) in from.iter().zip(&pieces) {
            let go = || k.copy_ahead(from, k.at(base, piece.to));
            match [piece.live, wanted].into_iter().flatten().reduce(|a, b| k.and(a, b)) {
                Some(live) => k.when(live, go),
                None => go(),
            }
        }
        // Also where nothing was copied, so that batches can be counted.
        k.commit_copies();
        from.iter().zip(&pieces).map(|(&f, p)| k.at(f, p.step)).collect::<Vec<_>>()
    };
    let first = pieces.iter().map(|p| p.from).collect();
    let from = (0..ring.stages - 1).fold(first, |from: Vec<Value>, stage| copy(&from, k.int(stage), None));
    let kept = (d.panels * flow.tiles() * flow.unit.values) as usize;
    let carried = [vec![k.float(0.0); kept], vec![k.int(0), k.int(ring.stages - 1)], from].concat();
    let left = k.each(k.int(0), k.int(ring.turns), k.int(1), &carried, |turn, carried| {
        let (sums, rest) = carried.split_at(kept);
        let (stage, free, from) = (rest[0], rest[1], &rest[2..]);
        k.await_copies(ring.stages - 2);
        k.barrier();
        // The stage that the last turn used is filled for the turn furthest ahead.
        let wanted = k.is(k.add(turn, k.int(ring.stages - 1)), Is::Less, k.int(ring.turns));
        let from = copy(from, free, Some(wanted));
        let own = k.at(shared, k.add(k.mul(stage, k.int(ring.stage_bytes())), k.mul(flow.share, k.int(ring.share_bytes()))));
        let (weights, inputs) = read(flow, ring, own, run);
        let sums = flow.group(sums.to_vec(), &weights, &inputs, None);
        let next = |stage: Value| k.select(k.is(stage, Is::Equal, k.int(ring.stages - 1)), k.int(0), k.add(stage, k.int(1)));
        [sums, vec![next(stage), next(free)], from].concat()
    });
    // The ring's memory is used for something else now.
    k.barrier();
    left[..kept].to_vec()
}

/// What this thread copies in every turn.
fn pieces(flow: &Flow<'_>, ring: Ring, thread: Value, panel: &dyn Fn(Value) -> Value) -> Vec<Piece> {
    let (k, layout) = (flow.k, flow.layout());
    let (codes, rows, share) = (ring.codes_bytes() / PIECE, ring.rows_bytes() / PIECE, ring.share_bytes() / PIECE);
    let all = ring.shares * share;
    let input = k.parameter(1);
    (0..all.div_ceil(THREADS))
        .map(|n| {
            let at = k.add(thread, k.int(n * THREADS));
            let live = ((n + 1) * THREADS > all).then(|| k.is(at, Is::Less, k.int(all)));
            let at = live.map_or(at, |live| k.select(live, at, k.int(0)));
            let (group, inside) = (k.div(at, k.int(share)), k.rem(at, k.int(share)));
            // Codes of the block's rows are one run of bytes of a group, and so are their scales.
            let code = k.at(layout.group_codes(k, input, flow.first_row, group, k.int(0)), k.mul(inside, k.int(PIECE)));
            let scale = k.at(layout.scale(k, input, flow.first_row, group), k.mul(k.sub(inside, k.int(codes)), k.int(PIECE)));
            let place = k.mul(k.max(k.sub(inside, k.int(rows)), k.int(0)), k.int(PIECE));
            let (number, byte) = (k.div(place, k.int(ring.record)), k.rem(place, k.int(ring.record)));
            let weight = k.at(panel(number), k.add(k.mul(group, k.int(ring.record)), byte));
            let (is_code, is_row) = (k.is(inside, Is::Less, k.int(codes)), k.is(inside, Is::Less, k.int(rows)));
            let choose = |a: Value, b: Value, c: Value| k.select(is_code, a, k.select(is_row, b, c));
            let step = |bytes: u32| k.int(bytes * ring.shares);
            Piece {
                from: choose(code, scale, weight),
                step: choose(step(layout.rows * GROUP as u32), step(layout.rows * 4), step(ring.record)),
                to: k.mul(at, k.int(PIECE)),
                live,
            }
        })
        .collect()
}

/// A lane's values of a group from its share of a stage: by panel, and by tile.
fn read(flow: &Flow<'_>, ring: Ring, own: Value, run: Value) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    let (k, d, unit) = (flow.k, flow.d, flow.unit);
    let (g, t) = (k.shr(flow.lane, k.int(2)), k.and(flow.lane, k.int(3)));
    let first = k.mul(run, k.int(d.panels * ring.record));
    let panels = (0..d.panels).map(|n| {
        let record = k.at(own, k.add(first, k.int(ring.rows_bytes() + n * ring.record)));
        unit.weights(k, flow.spec.format, record, flow.lane)
    });
    let tiles = (0..flow.tiles()).map(|n| {
        let row = k.add(g, k.int(n * unit.tokens));
        let codes = k.at(own, k.add(k.mul(row, k.int(GROUP as i64)), k.mul(t, k.int(8))));
        let pair = k.add(k.mul(t, k.int(2)), k.int(n * unit.tokens));
        let scales = k.at(own, k.add(k.int(ring.codes_bytes()), k.mul(pair, k.int(4))));
        vec![k.load(codes, Type::Words(2)), k.load(scales, Type::Floats(2))]
    });
    (panels.collect(), tiles.collect())
}
