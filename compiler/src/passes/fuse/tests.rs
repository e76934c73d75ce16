//! Fused graphs against the graphs they were made of, through the evaluator.

use super::*;
use crate::graph::eval::{Env, Memory, eval};
use crate::graph::{Value, WeightRef};
use crate::import::{Checkpoint, gemma3n};
use crate::passes::{fold, split};

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
    }
}

/// A graph, its tensors and its handoffs, made together.
struct Model {
    graph: Graph,
    memory: Memory,
    handoffs: Vec<Vec<f32>>,
    random: Random,
}

const ROWS: usize = 3;

impl Model {
    fn new(seed: u64) -> Self {
        Self { graph: Graph::default(), memory: Memory::default(), handoffs: vec![], random: Random(seed) }
    }

    fn weight(&mut self, rows: u32, cols: u32) -> ValueId {
        let name = format!("w{}", self.memory.0.len());
        let values = self.random.floats((rows * cols) as usize);
        self.memory.0.insert(name.clone(), (rows as usize, cols as usize, values));
        self.graph.constant(WeightRef::plain(name), rows, cols)
    }

    fn source(&mut self, width: u32) -> ValueId {
        let values = self.random.floats(ROWS * width as usize);
        self.handoffs.push(values);
        self.graph.source(Op::Handoff(self.handoffs.len() as u32 - 1), Type::Rows(width))
    }

    fn op(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.graph.push(op, inputs).unwrap()[0]
    }

    fn matmul(&mut self, x: ValueId, rows: u32) -> ValueId {
        let weight = self.weight(rows, self.graph.width(x));
        self.op(Op::MatMul, &[x, weight])
    }

    fn norm(&mut self, x: ValueId) -> ValueId {
        let weight = self.weight(1, self.graph.width(x));
        self.op(Op::RmsNorm(1e-6), &[x, weight])
    }

    fn router(&mut self, x: ValueId, norm: ValueId, router: ValueId) -> ValueId {
        let n = self.op(Op::RmsNorm(1e-6), &[x, norm]);
        let n = self.op(Op::Scale(1.0 / 96.0), &[n]);
        let m = self.op(Op::MatMul, &[n, router]);
        self.op(Op::Tanh, &[m])
    }

    fn run(&self, graph: &Graph) -> Vec<Vec<f32>> {
        let mut env = Env { handoffs: self.handoffs.clone(), ..Env::default() };
        eval(graph, &self.memory, &[0; ROWS], &mut env, |_| false).unwrap().outputs
    }

    /// The oracle: the fused graph verifies, computes the same, and comes out the same twice.
    fn check(&self) -> Graph {
        let fused = fuse(&self.graph).unwrap();
        assert_eq!(fused, fuse(&self.graph).unwrap(), "fusing twice gives two graphs");
        same(&self.run(&self.graph), &self.run(&fused), 1e-5);
        fused
    }
}

/// Whether outputs agree relative to the largest element of each.
fn same(a: &[Vec<f32>], b: &[Vec<f32>], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for (number, (a, b)) in a.iter().zip(b).enumerate() {
        let peak = a.iter().fold(1e-6f32, |peak, x| peak.max(x.abs()));
        let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(a.len() == b.len() && worst <= tolerance * peak, "output {number}: {worst} apart, peak {peak}");
    }
}

fn regions(graph: &Graph) -> Vec<&unicorn_artifact::region::Region> {
    graph.nodes.iter().filter_map(|n| if let Op::Fused(region) = &n.op { Some(region) } else { None }).collect()
}

/// Two layers in the manner of AltUp: four streams of 96 columns, a per-layer input of 32.
fn altup() -> Model {
    let mut m = Model::new(7);
    let mut h: Vec<ValueId> = (0..4).map(|_| m.source(96)).collect();
    let (projection, lookup) = (m.source(64), m.source(64));
    let shared = m.weight(1, 32);
    for layer in 0..2 {
        let slice = m.op(Op::Slice(layer * 32, 32), &[projection]);
        let n = m.op(Op::RmsNorm(1e-6), &[slice, shared]);
        let looked_up = m.op(Op::Slice(layer * 32, 32), &[lookup]);
        let per_layer = m.op(Op::Add, &[n, looked_up]);

        let (norm, router) = (m.weight(1, 96), m.weight(4, 96));
        let modes = m.router(h[0], norm, router);
        let factors = m.matmul(modes, 16);
        let mut predicted = vec![];
        for i in 0..4 {
            let mut sum = h[i as usize];
            for (j, stream) in (0..).zip(&h) {
                let factor = m.op(Op::Slice(4 * i + j, 1), &[factors]);
                let part = m.op(Op::Mul, &[*stream, factor]);
                sum = m.op(Op::Add, &[sum, part]);
            }
            predicted.push(sum);
        }
        let n = m.norm(predicted[0]);
        let low = m.matmul(n, 24);
        let low = m.matmul(low, 96);
        let low = m.norm(low);
        let laurel = m.op(Op::Add, &[n, low]);
        let attended = m.matmul(n, 128);
        let attended = m.matmul(attended, 96);
        let attended = m.norm(attended);
        let g = m.op(Op::Add, &[predicted[0], attended]);
        let x = m.op(Op::Add, &[g, laurel]);
        let x = m.op(Op::Scale(0.5f32.sqrt()), &[x]);
        m.graph.values[x.0 as usize].name = format!("layers.{layer}.x");
        let f = m.norm(x);
        let (gate, up) = (m.matmul(f, 160), m.matmul(f, 160));
        let gate = m.op(Op::Gelu, &[gate]);
        let f = m.op(Op::Mul, &[gate, up]);
        let f = m.matmul(f, 96);
        let f = m.norm(f);
        let y = m.op(Op::Add, &[x, f]);
        let modes = m.router(y, norm, router);
        let c = m.matmul(modes, 4);
        let c = m.op(Op::AddImm(1.0), &[c]);
        let innovation = m.op(Op::Sub, &[y, predicted[0]]);
        for (s, stream) in (0..).zip(&predicted) {
            let factor = m.op(Op::Slice(s, 1), &[c]);
            let part = m.op(Op::Mul, &[innovation, factor]);
            h[s as usize] = m.op(Op::Add, &[*stream, part]);
        }
        let scale = m.weight(1, 96);
        let s = m.op(Op::Mul, &[h[0], scale]);
        let s = m.matmul(s, 32);
        let s = m.op(Op::Gelu, &[s]);
        let s = m.op(Op::Mul, &[s, per_layer]);
        let s = m.matmul(s, 96);
        let s = m.norm(s);
        for stream in h.iter_mut().skip(1) {
            *stream = m.op(Op::Add, &[*stream, s]);
        }
    }
    m.graph.outputs = h;
    m
}

#[test]
fn two_layers_become_eleven_regions() {
    let model = altup();
    let fused = model.check();
    let regions = regions(&fused);
    let widths: Vec<u32> = regions.iter().map(|r| r.width).collect();
    assert_eq!(widths, [96, 96, 160, 96, 32, 96, 96, 160, 96, 32, 96], "{}", crate::graph::text::print(&fused));
    assert!(
        fused.nodes.iter().all(|n| matches!(n.op, Op::Fused(_) | Op::MatMul | Op::Weight(_) | Op::RowSlice(..) | Op::Slice(..) | Op::Handoff(_)))
    );
    assert!(fused.values.iter().any(|v: &Value| v.name == "layers.1.x"), "names of values that cross are kept");
    // The norm of the per-layer input has moved to where it is read.
    assert_eq!(regions[4].operands.iter().filter(|o| **o == unicorn_artifact::region::Operand::Row).count(), 3);
}

#[test]
fn scalars_alone_become_a_region_of_the_least_width() {
    let mut m = Model::new(1);
    let (a, b) = (m.source(4), m.source(1));
    let x = m.op(Op::Mul, &[a, b]);
    let x = m.op(Op::RmsNorm(1e-6), &[x]);
    let x = m.matmul(x, 3);
    let y = m.op(Op::Mean, &[x]);
    m.graph.outputs = vec![x, y];
    let fused = m.check();
    assert_eq!(regions(&fused).iter().map(|r| r.width).collect::<Vec<_>>(), [16]);
}

#[test]
fn a_width_that_no_region_has_is_named() {
    let mut m = Model::new(1);
    let x = m.source(40);
    let y = m.op(Op::Gelu, &[x]);
    m.graph.values[y.0 as usize].name = "odd".into();
    m.graph.outputs = vec![y];
    let why = fuse(&m.graph).unwrap_err().to_string();
    assert!(why.contains("gelu") && why.contains("40"), "{why}");
}

#[test]
fn equal_operations_are_done_once() {
    let mut m = Model::new(1);
    let (x, w) = (m.source(32), m.weight(1, 32));
    let a = m.op(Op::RmsNorm(1e-6), &[x, w]);
    let b = m.op(Op::RmsNorm(1e-6), &[x, w]);
    let c = m.op(Op::Add, &[a, b]);
    m.graph.outputs = vec![c];
    let fused = m.check();
    let sums = |r: &unicorn_artifact::region::Region| r.ops.iter().filter(|op| matches!(op, unicorn_artifact::region::RegionOp::Sum(_))).count();
    assert_eq!(regions(&fused).into_iter().map(sums).collect::<Vec<_>>(), [1]);
}

#[test]
fn random_graphs_compute_the_same() {
    for seed in 0..300 {
        let mut m = Model::new(seed);
        let mut values: Vec<ValueId> = [32, 48, 1, 4].map(|w| m.source(w)).to_vec();
        for _ in 0..5 + m.random.below(60) {
            let recent = values.len().saturating_sub(10) * m.random.below(2);
            let x = values[recent + m.random.below(values.len() - recent)];
            let y = values[m.random.below(values.len())];
            let width = m.graph.width(x);
            let made = match m.random.below(10) {
                0 => m.matmul(x, [32, 48, 4, 1][m.random.0 as usize % 4]),
                1 => m.norm(x),
                2 => m.op(Op::Tanh, &[x]),
                3 => m.op(Op::Mean, &[x]),
                4 => m.op(Op::Slice(width / 2, (width / 2).max(1).min(width - width / 2)), &[x]),
                5 => m.op(Op::MaxImm(0.1), &[x]),
                6 | 7 if [width, m.graph.width(y)].contains(&1) || width == m.graph.width(y) => m.op(Op::Add, &[x, y]),
                8 if [width, m.graph.width(y)].contains(&1) || width == m.graph.width(y) => m.op(Op::Mul, &[x, y]),
                _ => m.op(Op::Scale(0.5), &[x]),
            };
            // A norm after each step keeps the numbers near one; slices of 24 columns are for regions no more.
            let made = if m.graph.width(made) == 24 { m.matmul(made, 32) } else { made };
            let made = if m.graph.width(made) > 16 { m.op(Op::RmsNorm(1e-2), &[made]) } else { m.op(Op::Tanh, &[made]) };
            values.push(made);
        }
        m.graph.outputs = values[values.len() - 4..].to_vec();
        let fused = fuse(&m.graph).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        same(&m.run(&m.graph), &m.run(&fused), 2e-4);
    }
}

#[test]
fn pebble_computes_the_same() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/models/pebble");
    let checkpoint = Checkpoint::open(folder).unwrap();
    let program = split::split(&fold::fold(&gemma3n::build(&checkpoint).unwrap()).unwrap()).unwrap();
    let ids = [2, 17, 300, 41, 5, 99];
    let run = |body: &Graph, tail: &Graph| {
        let mut env = Env::default();
        let handed = eval(body, &checkpoint, &ids, &mut env, |_| false).unwrap();
        env.hand_off(&handed, &[2, 5]);
        let logits = eval(tail, &checkpoint, &[ids[2], ids[5]], &mut env, |_| false).unwrap();
        [handed.outputs, logits.outputs].concat()
    };
    let (body, tail) = (fuse(&program.body).unwrap(), fuse(&program.tail).unwrap());
    same(&run(&program.body, &program.tail), &run(&body, &tail), 1e-4);
    // A layer is six regions, the last shared with the next layer; a sparse one needs no region for gate times up but one for its cutoff.
    let layers = checkpoint.config().layers.len();
    let count = regions(&body).len() + regions(&tail).len();
    assert!(count <= 5 * layers + 6, "{count} regions for {layers} layers");
    for node in body.nodes.iter().chain(&tail.nodes) {
        assert!(!matches!(node.op, Op::Add | Op::Mul | Op::RmsNorm(_) | Op::Tanh | Op::Gelu), "{} is left", node.op.name());
    }
}
