//! Constant folding: arithmetic on weights moves into [`WeightRef`], chains of scales become one, what nobody reads is dropped.

use super::{Rebuild, reachable};
use crate::graph::{Graph, Op, WeightRef};
use crate::{Error, Result};

/// Folds constants and removes dead nodes.
///
/// # Errors
/// [`Error::Verify`] if the graph was malformed.
pub fn fold(graph: &Graph) -> Result<Graph> {
    run(graph).map_err(|why| Error::verify("fold", why))
}

fn run(graph: &Graph) -> std::result::Result<Graph, String> {
    let needed = reachable(graph, graph.outputs.iter().copied(), true);
    let makers = graph.makers();
    let mut out = Rebuild::new(graph);
    // The old graph's view of each folded constant or scaled value: its source and the factor still to apply.
    for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
        let constant = node.inputs.first().and_then(|v| out.get(*v)).and_then(|v| out.graph.weight(v).cloned());
        let folded = constant.and_then(|weight| fold_weight(&node.op, weight));
        if let Some(weight) = folded {
            out.push(Op::Weight(weight), &[], &node.outputs)?;
            continue;
        }
        if let (Op::Scale(outer), [input]) = (&node.op, &node.inputs[..]) {
            let inner = makers[input.0 as usize].map(|m| &graph.nodes[m]);
            if let Some(Op::Scale(factor)) = inner.map(|n| &n.op)
                && let Some(source) = inner.and_then(|n| out.get(n.inputs[0]))
            {
                out.push(Op::Scale(factor * outer), &[source], &node.outputs)?;
                continue;
            }
            if *outer == 1.0
                && let Some(source) = out.get(*input)
            {
                out.set(node.outputs[0], source);
                continue;
            }
        }
        out.copy(at)?;
    }
    let mut folded = out.graph.clone();
    folded.outputs = graph.outputs.iter().filter_map(|v| out.get(*v)).collect();
    sweep(&folded)
}

/// The graph without nodes that nothing depends on.
pub(crate) fn sweep(graph: &Graph) -> std::result::Result<Graph, String> {
    let needed = reachable(graph, graph.outputs.iter().copied(), true);
    let mut out = Rebuild::new(graph);
    for at in (0..graph.nodes.len()).filter(|at| needed[*at]) {
        out.copy(at)?;
    }
    let mut swept = std::mem::take(&mut out.graph);
    swept.outputs = graph.outputs.iter().filter_map(|v| out.get(*v)).collect();
    Ok(swept)
}

fn fold_weight(op: &Op, weight: WeightRef) -> Option<WeightRef> {
    match op {
        Op::Scale(factor) => Some(WeightRef { scale: weight.scale * factor, ..weight }),
        Op::Transpose => Some(WeightRef { transpose: !weight.transpose, ..weight }),
        // The clamp of a WeightRef comes before its scale.
        Op::Clamp(limit) if weight.scale == 1.0 => Some(WeightRef { clamp: Some(weight.clamp.map_or(*limit, |c| c.min(*limit))), ..weight }),
        _ => None,
    }
}
