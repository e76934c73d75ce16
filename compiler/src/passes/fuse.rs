//! Fusion: elementwise ops, norms, means and tiny products become regions; everything else stays and divides them.
//!
//! [`cluster`] says which nodes go together, [`build`] writes a cluster as a region, and here regions and the other nodes are put in order. Values of
//! at most [`SMALL`] columns are bundles of scalars inside a region; wider ones are its vectors. A `Slice` of a wide value stays a node: it only says
//! where a region reads. Names are kept on all values that still exist.

mod build;
mod cluster;

#[cfg(test)]
mod tests;

use super::Rebuild;
use crate::graph::{Graph, Op, Type, ValueId, verify};
use crate::{Error, Result};
use std::collections::BTreeMap;
use unicorn_artifact::region::LANES;
use unicorn_artifact::tensor::Format;

/// Widest value that is held as scalars.
pub const SMALL: u32 = LANES as u32;

/// Fuses.
///
/// # Errors
/// [`Error::Unsupported`] naming a value whose width no region can have, [`Error::Verify`] if the graph was malformed.
pub fn fuse(graph: &Graph) -> Result<Graph> {
    let clusters = cluster::clusters(graph)?;
    let mut order = Order {
        graph,
        makers: graph.makers(),
        earlier: state_order(graph),
        cluster_of: vec![None; graph.nodes.len()],
        clusters: &clusters,
        done: vec![false; graph.nodes.len()],
        rows: BTreeMap::new(),
        out: Rebuild::new(graph),
    };
    for (number, cluster) in clusters.iter().enumerate() {
        cluster.nodes.iter().for_each(|n| order.cluster_of[*n] = Some(number));
    }
    // Other nodes keep their order; a region comes right before the first of them that needs it.
    for at in 0..graph.nodes.len() {
        if order.cluster_of[at].is_none() && !is_weight(graph, at) {
            order.emit(at)?;
        }
    }
    for output in &graph.outputs {
        order.make(*output)?;
    }
    let mut fused = std::mem::take(&mut order.out.graph);
    fused.outputs = graph.outputs.iter().filter_map(|v| order.out.get(*v)).collect();
    verify::verify(&fused).map_err(|why| Error::verify("fuse", why))?;
    Ok(fused)
}

/// A set of nodes that become one region.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cluster {
    /// Of the region's vectors.
    width: u32,
    /// In graph order.
    nodes: Vec<usize>,
}

/// Whether a node only makes constants.
fn is_weight(graph: &Graph, at: usize) -> bool {
    graph.nodes[at].outputs.iter().any(|v| matches!(graph.ty(*v), Type::Weight(..)))
}

/// Whether a product is small enough for a region: f32, few outputs, and inputs that are a vector or a few scalars.
fn is_tiny_product(graph: &Graph, weight: ValueId) -> bool {
    let Type::Weight(rows, cols) = graph.ty(weight) else { return false };
    let exact = graph.weight(weight).is_some_and(|w| w.format == Format::F32);
    exact && rows <= SMALL && (cols <= SMALL || cols.is_multiple_of(SMALL))
}

/// Nodes that act on states must keep their order though no value says so: for each node, those that must come before it.
fn state_order(graph: &Graph) -> Vec<Vec<usize>> {
    let mut last: BTreeMap<u32, (Option<usize>, Vec<usize>)> = BTreeMap::new();
    let order = |node: &crate::graph::Node, at: usize, last: &mut BTreeMap<u32, (Option<usize>, Vec<usize>)>| match node.op {
        Op::KvAppend(state) => {
            let (append, reads) = last.entry(state).or_default();
            let before = append.iter().chain(reads.iter()).copied().collect();
            (*append, *reads) = (Some(at), vec![]);
            before
        }
        Op::CachedAttention { state, .. } => {
            let (append, reads) = last.entry(state).or_default();
            reads.push(at);
            append.iter().copied().collect()
        }
        _ => vec![],
    };
    graph.nodes.iter().enumerate().map(|(at, node)| order(node, at, &mut last)).collect()
}

struct Order<'a> {
    graph: &'a Graph,
    makers: Vec<Option<usize>>,
    earlier: Vec<Vec<usize>>,
    cluster_of: Vec<Option<usize>>,
    clusters: &'a [Cluster],
    done: Vec<bool>,
    /// Single rows of constants, made when a region wants them.
    rows: BTreeMap<(ValueId, u32), ValueId>,
    out: Rebuild<'a>,
}

impl Order<'_> {
    /// Makes a value, and what it needs, unless it exists.
    fn make(&mut self, value: ValueId) -> Result<()> {
        match self.makers[value.0 as usize] {
            Some(at) => self.emit(at),
            None => Err(Error::verify("fuse", format!("{} has no maker", self.graph.label(value)))),
        }
    }

    /// Copies a node, or builds the region it is in, after everything that must come before.
    fn emit(&mut self, at: usize) -> Result<()> {
        if self.done[at] {
            return Ok(());
        }
        let clusters = self.clusters;
        let cluster = self.cluster_of[at].map(|c| &clusters[c]);
        let alone = [at];
        let nodes: &[usize] = cluster.map_or(&alone, |c| &c.nodes);
        nodes.iter().for_each(|n| self.done[*n] = true);
        for &node in nodes {
            for earlier in self.earlier[node].clone() {
                self.emit(earlier)?;
            }
            for &input in &self.graph.nodes[node].inputs {
                self.make(input)?;
            }
        }
        match cluster {
            Some(cluster) => self.region(cluster),
            None => self.out.copy(at).map_err(|why| Error::verify("fuse", why)),
        }
    }

    fn region(&mut self, cluster: &Cluster) -> Result<()> {
        let built = build::build(self.graph, cluster)?;
        let mut inputs = Vec::with_capacity(built.inputs.len());
        for source in &built.inputs {
            let whole =
                |value: ValueId| self.out.get(value).ok_or_else(|| Error::verify("fuse", format!("{} was not made", self.graph.label(value))));
            inputs.push(match *source {
                build::Source::Value(value) => whole(value)?,
                build::Source::Row(weight, row) => match self.rows.get(&(weight, row)) {
                    Some(known) => *known,
                    None => {
                        let whole = whole(weight)?;
                        let made = self.out.graph.push(Op::RowSlice(row, 1), &[whole]).map_err(|why| Error::verify("fuse", why))?[0];
                        self.rows.insert((weight, row), made);
                        made
                    }
                },
            });
        }
        self.out.push(Op::Fused(built.region), &inputs, &built.outputs).map_err(|why| {
            let place = built.outputs.first().map_or(String::new(), |v| self.graph.label(*v));
            Error::Unsupported { place: format!("region making {place}"), why }
        })
    }
}
