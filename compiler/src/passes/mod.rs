//! Graph to graph. Every pass leaves a graph that `graph::verify` accepts; but for `quantise` it evaluates to the same values.

pub mod fold;
pub mod fuse;
pub mod quantise;
pub mod split;

use crate::graph::{Graph, Op, ValueId};

/// Copies the nodes that `keep` accepts into a fresh graph, renumbering values; used by passes that only remove or replace.
pub(crate) struct Rebuild<'a> {
    source: &'a Graph,
    /// What was built so far.
    pub graph: Graph,
    map: Vec<Option<ValueId>>,
}

impl<'a> Rebuild<'a> {
    /// Starts with nothing copied.
    pub fn new(source: &'a Graph) -> Self {
        Self { source, graph: Graph::default(), map: vec![None; source.values.len()] }
    }

    /// The new number of an old value.
    pub fn get(&self, old: ValueId) -> Option<ValueId> {
        self.map[old.0 as usize]
    }

    /// Says that `old` is now `new`, which takes over the name if it has none.
    pub fn set(&mut self, old: ValueId, new: ValueId) {
        self.map[old.0 as usize] = Some(new);
        let name = &self.source.values[old.0 as usize].name;
        let value = &mut self.graph.values[new.0 as usize];
        if value.name.is_empty() {
            value.name.clone_from(name);
        }
    }

    /// Appends an op on new values that yields the same old outputs.
    pub fn push(&mut self, op: Op, inputs: &[ValueId], outputs: &[ValueId]) -> Result<(), String> {
        let made = match &op {
            Op::Weight(_) | Op::Handoff(_) => vec![self.graph.source(op, self.source.ty(outputs[0]))],
            _ => self.graph.push(op, inputs)?,
        };
        for (old, new) in outputs.iter().zip(made) {
            self.set(*old, new);
        }
        Ok(())
    }

    /// Copies a node whose inputs have been copied.
    pub fn copy(&mut self, node: usize) -> Result<(), String> {
        let node = &self.source.nodes[node];
        let inputs = node
            .inputs
            .iter()
            .map(|v| self.get(*v).ok_or_else(|| format!("{} was not copied", self.source.label(*v))))
            .collect::<Result<Vec<_>, _>>()?;
        self.push(node.op.clone(), &inputs, &node.outputs)
    }
}

/// Which nodes the outputs (and nodes without outputs, which act on states) depend on.
pub(crate) fn reachable(graph: &Graph, roots: impl IntoIterator<Item = ValueId>, effects: bool) -> Vec<bool> {
    let makers = graph.makers();
    let mut needed = vec![false; graph.nodes.len()];
    let mut stack: Vec<usize> = roots.into_iter().filter_map(|v| makers[v.0 as usize]).collect();
    if effects {
        stack.extend(graph.nodes.iter().enumerate().filter(|(_, n)| n.outputs.is_empty()).map(|(at, _)| at));
    }
    while let Some(at) = stack.pop() {
        if !std::mem::replace(&mut needed[at], true) {
            stack.extend(graph.nodes[at].inputs.iter().filter_map(|v| makers[v.0 as usize]));
        }
    }
    needed
}
