//! Tests of the evaluator against hand-made answers and against itself: cached against plain, fused against elementary, blocks against the whole.

use super::*;
use crate::graph::WeightRef;
use crate::import::synthetic::{Options, write};
use crate::import::{Checkpoint, gemma3n};
use unicorn_artifact::region::{Operand, Region, RegionOp};
use unicorn_artifact::tensor::Format;

fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn memory(tensors: &[(&str, usize, usize)]) -> Memory {
    Memory(tensors.iter().enumerate().map(|(i, (name, rows, cols))| (name.to_string(), (*rows, *cols, noise(rows * cols, i as u64 + 1)))).collect())
}

fn weight(graph: &mut Graph, memory: &Memory, name: &str) -> ValueId {
    let (rows, cols) = memory.shape(name).unwrap();
    graph.constant(WeightRef::plain(name), rows as u32, cols as u32)
}

fn handoff(graph: &mut Graph, number: u32, width: u32) -> ValueId {
    graph.source(Op::Handoff(number), Type::Rows(width))
}

fn run(graph: &mut Graph, outputs: &[ValueId], memory: &Memory, handoffs: Vec<Vec<f32>>, rows: usize) -> Result<Vec<Vec<f32>>> {
    graph.outputs = outputs.to_vec();
    Ok(eval(graph, memory, &vec![0; rows], &mut Env { handoffs, ..Env::default() }, |_| false)?.outputs)
}

#[test]
fn products_in_blocks_and_threads_are_the_products() {
    let memory = memory(&[("w", 3000, 2000)]);
    let mut graph = Graph::default();
    let x = handoff(&mut graph, 0, 2000);
    let gate = handoff(&mut graph, 1, 3000);
    let w = weight(&mut graph, &memory, "w");
    let dense = graph.push(Op::MatMul, &[x, w]).unwrap()[0];
    let up = graph.push(Op::SparseUp, &[gate, x, w]).unwrap()[0];
    let down = graph.push(Op::SparseDown, &[gate, w]).unwrap()[0];
    let flipped = graph.push(Op::Transpose, &[w]).unwrap()[0];
    let back = graph.push(Op::MatMul, &[gate, flipped]).unwrap()[0];
    let xs = noise(4000, 70);
    let gates: Vec<f32> = noise(6000, 71).into_iter().map(|v| v.max(0.0)).collect();
    let got = run(&mut graph, &[dense, up, down, back], &memory, vec![xs.clone(), gates.clone()], 2).unwrap();
    let w = &memory.0["w"].2;
    for (r, n) in [(0, 0), (1, 1499), (0, 1500), (1, 2097), (0, 2098), (1, 2999)] {
        let exact: f64 = (0..2000).map(|k| f64::from(xs[r * 2000 + k]) * f64::from(w[n * 2000 + k])).sum();
        assert!((f64::from(got[0][r * 3000 + n]) - exact).abs() < 1e-5, "row {r} column {n}");
    }
    assert!(got[1].iter().zip(got[0].iter().zip(&gates)).all(|(up, (dense, gate))| *up == gate * dense));
    assert!(got[2].iter().zip(&got[3]).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!(got[2].iter().any(|v| v.abs() > 1.0));
}

#[test]
fn weights_are_transposed_clamped_scaled_and_rounded_in_this_order() {
    let memory = memory(&[("w", 64, 3)]);
    let reference = WeightRef { transpose: true, clamp: Some(0.5), scale: 3.0, format: Format::Q8, ..WeightRef::plain("w") };
    let mut wanted: Vec<f32> =
        (0..3).flat_map(|c| (0..64).map(move |r| (r, c))).map(|(r, c)| memory.0["w"].2[r * 3 + c].clamp(-0.5, 0.5) * 3.0).collect();
    let mut graph = Graph::default();
    let w = weight(&mut graph, &memory, "w");
    let mut steps = w;
    for op in [Op::Transpose, Op::Clamp(0.5), Op::Scale(3.0)] {
        steps = graph.push(op, &[steps]).unwrap()[0];
    }
    // A table's rows are read back by token.
    let row = graph.push(Op::Embed(1.0), &[steps]).unwrap()[0];
    graph.outputs = vec![row];
    let got = eval(&graph, &memory, &[0, 1, 2], &mut Env::default(), |_| false).unwrap();
    assert_eq!(got.outputs[0], wanted);
    wanted.chunks_exact_mut(64).for_each(|row| unicorn_artifact::tensor::round_trip(Format::Q8, row));
    assert_eq!(memory.rows(&reference, 1, 2).unwrap(), wanted[64..]);
    assert!(memory.rows(&WeightRef { transpose: false, ..reference.clone() }, 0, 1).unwrap_err().to_string().contains("not a multiple"));
    assert!(memory.rows(&reference, 2, 2).is_err());
}

#[test]
fn tables_know_which_tokens_they_have() {
    let memory = memory(&[("t", 4, 2)]);
    let mut graph = Graph::default();
    let t = weight(&mut graph, &memory, "t");
    let main = graph.push(Op::Embed(2.0), &[t]).unwrap()[0];
    let per_layer = graph.push(Op::EmbedPerLayer(2.0), &[t]).unwrap()[0];
    graph.outputs = vec![main, per_layer];
    let error = eval(&graph, &memory, &[1, 4], &mut Env::default(), |_| false).unwrap_err();
    assert!(error.to_string().contains("token 4"));
    graph.nodes.retain(|n| n.outputs != [main]);
    graph.values[main.0 as usize].ty = Type::Rows(2);
    graph.outputs = vec![per_layer];
    let got = eval(&graph, &memory, &[1, 4], &mut Env::default(), |_| false).unwrap();
    let t = &memory.0["t"].2;
    assert_eq!(got.outputs[0], [2.0 * t[2], 2.0 * t[3], 2.0 * t[0], 2.0 * t[1]]);
}

#[test]
fn elementwise_ops_broadcast_columns_and_rows() {
    let memory = memory(&[("w", 1, 3)]);
    let mut graph = Graph::default();
    let (x, s) = (handoff(&mut graph, 0, 3), handoff(&mut graph, 1, 1));
    let w = weight(&mut graph, &memory, "w");
    let by_row = graph.push(Op::Div, &[s, x]).unwrap()[0];
    let by_column = graph.push(Op::Sub, &[w, x]).unwrap()[0];
    let mean = graph.push(Op::Mean, &[x]).unwrap()[0];
    let slice = graph.push(Op::Slice(1, 2), &[x]).unwrap()[0];
    let floor = graph.push(Op::MaxImm(2.5), &[x]).unwrap()[0];
    let xs = vec![1.0, 2.0, 4.0, 8.0, -16.0, 2.0];
    let got = run(&mut graph, &[by_row, by_column, mean, slice, floor], &memory, vec![xs.clone(), vec![16.0, 32.0]], 2).unwrap();
    assert_eq!(got[0], [16.0, 8.0, 4.0, 4.0, -2.0, 16.0]);
    let w = &memory.0["w"].2;
    assert_eq!(got[1], xs.iter().enumerate().map(|(i, x)| w[i % 3] - x).collect::<Vec<_>>());
    assert_eq!(got[2], [(7.0f64 / 3.0) as f32, -2.0]);
    assert_eq!(got[3], [2.0, 4.0, -16.0, 2.0]);
    assert_eq!(got[4], [2.5, 2.5, 4.0, 8.0, 2.5, 2.5]);
    assert!(run(&mut graph, &[by_row], &memory, vec![xs], 2).unwrap_err().to_string().contains("handoff 1"));
}

#[test]
fn a_fused_norm_is_the_norm() {
    let memory = memory(&[("w", 1, 48)]);
    let region = Region {
        width: 48,
        operands: vec![Operand::Row, Operand::Const, Operand::OutRow, Operand::OutScalars(2)],
        ops: vec![
            RegionOp::Load(0),
            RegionOp::Mul(0, 0),
            RegionOp::Sum(1),
            RegionOp::Imm(48.0),
            RegionOp::Div(2, 3),
            RegionOp::Sqrt(4),
            RegionOp::Div(0, 5),
            RegionOp::Load(1),
            RegionOp::Mul(6, 7),
            RegionOp::Store(2, 8),
            RegionOp::StoreScalar(3, 1, 5),
            RegionOp::StoreScalar(3, 0, 2),
        ],
    };
    let mut graph = Graph::default();
    let x = handoff(&mut graph, 0, 48);
    let w = weight(&mut graph, &memory, "w");
    let norm = graph.push(Op::RmsNorm(0.0), &[x, w]).unwrap()[0];
    let fused = graph.push(Op::Fused(region), &[x, w]).unwrap();
    let xs = noise(48 * 3, 9);
    let got = run(&mut graph, &[norm, fused[0], fused[1]], &memory, vec![xs.clone()], 3).unwrap();
    assert!(got[0].iter().zip(&got[1]).all(|(a, b)| (a - b).abs() < 1e-6));
    let squares: Vec<f32> = xs[48..96].iter().map(|v| v * v).collect();
    let mut parts: Vec<f32> = (0..16).map(|l| (0.0 + squares[l]) + squares[l + 16] + squares[l + 32]).collect();
    while parts.len() > 1 {
        let half = parts.len() / 2;
        parts = (0..half).map(|l| parts[l] + parts[l + half]).collect();
    }
    assert_eq!(got[2][2], parts[0]);
    assert_eq!(got[2][3], (parts[0] / 48.0).sqrt());
}

/// The graph with every plain attention replaced by a state.
fn with_states(graph: &Graph) -> Graph {
    let mut nodes = Vec::new();
    let mut states: Vec<(ValueId, ValueId)> = Vec::new();
    for node in &graph.nodes {
        let Op::Attention { kv_heads, head_dim, window, scale } = node.op else {
            nodes.push(node.clone());
            continue;
        };
        let pair = (node.inputs[1], node.inputs[2]);
        let state = states.iter().position(|s| *s == pair).unwrap_or_else(|| {
            nodes.push(Node { op: Op::KvAppend(states.len() as u32), inputs: vec![pair.0, pair.1], outputs: vec![] });
            states.push(pair);
            states.len() - 1
        });
        nodes.push(Node {
            op: Op::CachedAttention { state: state as u32, kv_heads, head_dim, window, scale },
            inputs: vec![node.inputs[0]],
            outputs: node.outputs.clone(),
        });
    }
    Graph { nodes, ..graph.clone() }
}

#[test]
fn a_prompt_in_pieces_is_the_whole_prompt() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &Options::default()).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let graph = gemma3n::build(&checkpoint).unwrap();
    let ids: Vec<u32> = (0..23).map(|i| i * 17 % 416).collect();
    let whole = eval(&graph, &checkpoint, &ids, &mut Env::default(), |_| false).unwrap().outputs.remove(0);
    let cached = with_states(&graph);
    let mut env = Env::default();
    let mut pieces = Vec::new();
    for range in [0..7, 7..8, 8..20, 20..23] {
        env.positions = range.clone().map(|p| p as u32).collect();
        pieces.extend(eval(&cached, &checkpoint, &ids[range], &mut env, |_| false).unwrap().outputs.remove(0));
    }
    assert_eq!(pieces, whole);
    assert_eq!(env.states.len(), 4);
    env.states.clear();
    let no_append = Graph { nodes: cached.nodes.iter().filter(|n| !matches!(n.op, Op::KvAppend(_))).cloned().collect(), ..cached };
    assert!(eval(&no_append, &checkpoint, &ids[..3], &mut Env::default(), |_| false).unwrap_err().to_string().contains("state 0 is missing"));
    assert!(eval(&no_append, &checkpoint, &ids[..2], &mut env, |_| false).unwrap_err().to_string().contains("3 positions for 2 rows"));
}

#[test]
fn a_body_hands_some_rows_to_a_tail() {
    let memory = Memory::default();
    let mut env = Env::default();
    let body = Output { outputs: vec![vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![7.0, 8.0, 9.0]], positions: vec![10, 11, 12], ..Output::default() };
    env.hand_off(&body, &[0, 2]);
    assert_eq!((env.positions.as_slice(), env.handoffs.as_slice()), ([10, 12].as_slice(), [vec![1.0, 2.0, 5.0, 6.0], vec![7.0, 9.0]].as_slice()));
    let mut tail = Graph::default();
    let (a, b) = (handoff(&mut tail, 0, 2), handoff(&mut tail, 1, 1));
    let sum = tail.push(Op::Add, &[a, b]).unwrap()[0];
    tail.values[sum.0 as usize].name = "sum".into();
    tail.outputs = vec![sum];
    let got = eval(&tail, &memory, &[0, 0], &mut env, |name| name == "sum").unwrap();
    assert_eq!(got.outputs[0], [8.0, 9.0, 14.0, 15.0]);
    assert_eq!(got.named["sum"], got.outputs[0]);
}
