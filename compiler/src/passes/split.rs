//! Splits the graph in two: the *body*, everything that keys and values depend on, for every row; and the *tail*, the rest, for rows whose logits
//! are wanted. Attention over values becomes attention over states here.
//!
//! This is exact: a row's keys and values are all that other rows ever see of it.

use super::{Rebuild, reachable};
use crate::graph::{Graph, Op, Type, ValueId};
use crate::{Error, Result};

/// A KV cache that some attention reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateInfo {
    /// Name of the keys' value.
    pub name: String,
    /// Key/value heads.
    pub kv_heads: u32,
    /// Elements of a head.
    pub head_dim: u32,
    /// The widest window that reads it; 0 = everything.
    pub window: u32,
}

/// Body, tail, and what passes between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Runs for every row; its outputs are the handoffs in order.
    pub body: Graph,
    /// Runs for wanted rows; its one output is the logits.
    pub tail: Graph,
    /// By number.
    pub states: Vec<StateInfo>,
}

/// Splits.
///
/// # Errors
/// [`Error::Verify`] if the graph is malformed, [`Error::Unsupported`] if it has no attention.
pub fn split(graph: &Graph) -> Result<Program> {
    let mut states: Vec<(ValueId, ValueId, StateInfo)> = Vec::new();
    for node in &graph.nodes {
        if let (Op::Attention { kv_heads, head_dim, window, .. }, [_, k, v]) = (&node.op, &node.inputs[..]) {
            match states.iter_mut().find(|s| (s.0, s.1) == (*k, *v)) {
                Some((_, _, state)) if state.window == 0 || *window == 0 => state.window = 0,
                Some((_, _, state)) => state.window = state.window.max(*window),
                None => {
                    let name = graph.label(*k);
                    states.push((*k, *v, StateInfo { name, kv_heads: *kv_heads, head_dim: *head_dim, window: *window }));
                }
            }
        }
    }
    if states.is_empty() {
        return Err(Error::Unsupported { place: "graph".into(), why: "it has no attention, so nothing divides body from tail".into() });
    }
    parts(graph, states).map_err(|why| Error::verify("split", why))
}

fn parts(graph: &Graph, states: Vec<(ValueId, ValueId, StateInfo)>) -> std::result::Result<Program, String> {
    let in_body = reachable(graph, states.iter().flat_map(|s| [s.0, s.1]), false);
    let state_of = |k: ValueId, v: ValueId| states.iter().position(|s| (s.0, s.1) == (k, v)).map(|at| at as u32);
    let add = |out: &mut Rebuild<'_>, at: usize| -> std::result::Result<(), String> {
        let node = &graph.nodes[at];
        match (&node.op, &node.inputs[..]) {
            (Op::Attention { kv_heads, head_dim, window, scale }, [q, k, v]) => {
                let state = state_of(*k, *v).ok_or("attention over unknown keys")?;
                let q = out.get(*q).ok_or("attention before its query")?;
                let op = Op::CachedAttention { state, kv_heads: *kv_heads, head_dim: *head_dim, window: *window, scale: *scale };
                out.push(op, &[q], &node.outputs)
            }
            _ => out.copy(at),
        }
    };

    let mut body = Rebuild::new(graph);
    let mut appended = vec![false; states.len()];
    for at in (0..graph.nodes.len()).filter(|at| in_body[*at]) {
        add(&mut body, at)?;
        for (number, (k, v, _)) in states.iter().enumerate() {
            if !appended[number]
                && let (Some(k), Some(v)) = (body.get(*k), body.get(*v))
            {
                body.graph.push(Op::KvAppend(number as u32), &[k, v])?;
                appended[number] = true;
            }
        }
    }

    let makers = graph.makers();
    let needed = reachable(graph, graph.outputs.iter().copied(), false);
    let mut tail = Rebuild::new(graph);
    let mut handoffs = Vec::new();
    for at in (0..graph.nodes.len()).filter(|at| needed[*at] && !in_body[*at]) {
        let node = &graph.nodes[at];
        let operands = if matches!(node.op, Op::Attention { .. }) { &node.inputs[..1] } else { &node.inputs[..] };
        for &input in operands {
            fetch(graph, &makers, &mut tail, &mut handoffs, input)?;
        }
        add(&mut tail, at)?;
    }
    for &output in &graph.outputs {
        fetch(graph, &makers, &mut tail, &mut handoffs, output)?;
    }
    let outputs = |of: &[ValueId], from: &Rebuild<'_>| of.iter().filter_map(|v| from.get(*v)).collect();
    (body.graph.outputs, tail.graph.outputs) = (outputs(&handoffs, &body), outputs(&graph.outputs, &tail));
    Ok(Program { body: body.graph, tail: tail.graph, states: states.into_iter().map(|s| s.2).collect() })
}

/// Makes a value of the body available in the tail: weights and slices are made again, everything else is handed over.
fn fetch(
    graph: &Graph,
    makers: &[Option<usize>],
    tail: &mut Rebuild<'_>,
    handoffs: &mut Vec<ValueId>,
    value: ValueId,
) -> std::result::Result<(), String> {
    if tail.get(value).is_some() {
        return Ok(());
    }
    let maker = makers[value.0 as usize].ok_or_else(|| format!("{} has no maker", graph.label(value)))?;
    let node = &graph.nodes[maker];
    if matches!(graph.ty(value), Type::Weight(..)) || matches!(node.op, Op::Slice(..)) {
        for &input in &node.inputs {
            fetch(graph, makers, tail, handoffs, input)?;
        }
        return tail.copy(maker);
    }
    handoffs.push(value);
    tail.push(Op::Handoff(handoffs.len() as u32 - 1), &[], &[value])
}
