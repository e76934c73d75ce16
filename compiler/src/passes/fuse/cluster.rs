//! Which nodes become one region: fusable nodes of the same width and depth that are connected or read the same value.
//!
//! The depth of a value counts the nodes that cannot be fused (and changes of width) on the longest way to it, in runs. An edge between clusters
//! always goes to a greater depth, so clusters never wait for each other. Nodes whose values are only read deeper down move there, with
//! everything that only they need, where no more values cross between regions than before.

use super::{Cluster, SMALL, is_tiny_product, is_weight, state_order};
use crate::graph::{Graph, Op, Type, ValueId};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// All clusters, in the order of their first nodes.
///
/// # Errors
/// [`Error::Unsupported`] naming a value whose width no region can have.
pub(super) fn clusters(graph: &Graph) -> Result<Vec<Cluster>> {
    let mut found = Finder { graph, makers: graph.makers(), users: graph.users(), width: widths(graph)?, depth: vec![0; graph.nodes.len()] };
    found.spread_widths();
    found.set_depths();
    found.sink();
    Ok(found.join())
}

/// What a node is to this pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// Not fused.
    No,
    /// Scalars only: goes with whatever is near.
    Any,
    /// Vectors of this width.
    Is(u32),
}

/// The region width that each node demands of itself.
fn widths(graph: &Graph) -> Result<Vec<Width>> {
    let mut widths = Vec::with_capacity(graph.nodes.len());
    for (at, node) in graph.nodes.iter().enumerate() {
        let rows = |v: &ValueId| matches!(graph.ty(*v), Type::Rows(_)).then(|| graph.width(*v));
        let fusable = match (&node.op, &node.inputs[..]) {
            _ if is_weight(graph, at) => false,
            (Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Scale(_) | Op::AddImm(_) | Op::MaxImm(_) | Op::Sqrt | Op::Tanh | Op::Gelu, _) => true,
            (Op::RmsNorm(_) | Op::Mean, _) => true,
            (Op::Slice(..), [x]) => graph.width(*x) <= SMALL,
            (Op::MatMul, [_, w]) => is_tiny_product(graph, *w),
            _ => false,
        };
        if !fusable {
            widths.push(Width::No);
            continue;
        }
        let wide = node.inputs.iter().chain(&node.outputs).find(|v| rows(v).is_some_and(|w| w > SMALL));
        widths.push(match wide {
            None => Width::Any,
            Some(value) if graph.width(*value).is_multiple_of(SMALL) => Width::Is(graph.width(*value)),
            Some(value) => {
                return Err(Error::Unsupported {
                    place: format!("`{}` on {} of {} columns", node.op.name(), graph.label(*value), graph.width(*value)),
                    why: format!("wants at most {SMALL} columns or a multiple of {SMALL}"),
                });
            }
        });
    }
    Ok(widths)
}

struct Finder<'a> {
    graph: &'a Graph,
    makers: Vec<Option<usize>>,
    users: Vec<Vec<usize>>,
    width: Vec<Width>,
    depth: Vec<u32>,
}

impl Finder<'_> {
    /// Nodes that make what `at` reads.
    fn before(&self, at: usize) -> impl Iterator<Item = usize> {
        self.graph.nodes[at].inputs.iter().filter_map(|v| self.makers[v.0 as usize])
    }

    /// Nodes that read what `at` makes.
    fn after(&self, at: usize) -> impl Iterator<Item = usize> {
        self.graph.nodes[at].outputs.iter().flat_map(|v| self.users[v.0 as usize].iter().copied())
    }

    /// Whether two nodes may share a region and do not have to wait for another one in between.
    fn together(&self, a: usize, b: usize) -> bool {
        self.width[a] != Width::No && (self.width[a], self.depth[a]) == (self.width[b], self.depth[b])
    }

    /// Gives nodes on scalars the width of a neighbour: of what they read if possible, else of what reads them.
    fn spread_widths(&mut self) {
        let is = |w: &Width| matches!(w, Width::Is(_));
        for at in 0..self.width.len() {
            let near = self.before(at).map(|n| self.width[n]).find(is);
            if self.width[at] == Width::Any {
                self.width[at] = near.unwrap_or(Width::Any);
            }
        }
        for at in (0..self.width.len()).rev() {
            let near = self.after(at).map(|n| self.width[n]).find(is);
            if self.width[at] == Width::Any {
                self.width[at] = near.unwrap_or(Width::Is(SMALL));
            }
        }
    }

    fn set_depths(&mut self) {
        for (at, earlier) in state_order(self.graph).into_iter().enumerate() {
            let steps = |n: usize| match self.width[at] {
                Width::No => self.depth[n],
                width if width == self.width[n] => self.depth[n],
                _ if is_weight(self.graph, n) => 0,
                _ => self.depth[n] + 1,
            };
            self.depth[at] = self.before(at).chain(earlier).map(steps).max().unwrap_or(0);
        }
    }

    /// Moves nodes to the depth of their users.
    fn sink(&mut self) {
        for at in (0..self.depth.len()).rev() {
            let Some(depth) = self.deeper(at) else { continue };
            let moved = self.only_for(at);
            // The value of `at` no longer crosses; what the moved nodes read of those that stay may cross now.
            if self.new_crossings(&moved) <= 1 {
                moved.iter().for_each(|n| self.depth[*n] = depth);
            }
        }
    }

    /// The one depth at which all users are, if it is greater and they can share a region with the node.
    fn deeper(&self, at: usize) -> Option<u32> {
        if self.width[at] == Width::No || self.is_output(at) {
            return None;
        }
        let first = self.after(at).next()?;
        let depth = self.depth[first];
        (depth > self.depth[at] && self.after(at).all(|n| self.width[n] == self.width[at] && self.depth[n] == depth)).then_some(depth)
    }

    fn is_output(&self, at: usize) -> bool {
        self.graph.nodes[at].outputs.iter().any(|v| self.graph.outputs.contains(v))
    }

    /// A node and the nodes in its cluster that only it depends on.
    fn only_for(&self, at: usize) -> BTreeSet<usize> {
        let mut moved = BTreeSet::from([at]);
        let mut open: BTreeSet<usize> = self.before(at).collect();
        // The last candidate in graph order has all its users behind it, so they have been judged.
        while let Some(candidate) = open.pop_last() {
            if self.together(candidate, at) && !self.is_output(candidate) && self.after(candidate).all(|n| moved.contains(&n)) {
                moved.insert(candidate);
                open.extend(self.before(candidate));
            }
        }
        moved
    }

    /// Values that would have to leave their region if these nodes left it, and do not now.
    fn new_crossings(&self, moved: &BTreeSet<usize>) -> usize {
        let sources: BTreeSet<usize> =
            moved.iter().flat_map(|n| self.before(*n)).filter(|n| !moved.contains(n) && self.width[*n] != Width::No).collect();
        sources.into_iter().filter(|n| !self.is_output(*n) && self.after(*n).all(|user| self.together(*n, user))).count()
    }

    /// Connected nodes of one width and depth, also those that meet only in a value that both read.
    fn join(&self) -> Vec<Cluster> {
        let mut group: Vec<usize> = (0..self.width.len()).collect();
        let mut readers: BTreeMap<(ValueId, u32, u32), usize> = BTreeMap::new();
        for (at, node) in self.graph.nodes.iter().enumerate() {
            let Width::Is(width) = self.width[at] else { continue };
            for &input in node.inputs.iter().filter(|v| matches!(self.graph.ty(**v), Type::Rows(_))) {
                if let Some(maker) = self.makers[input.0 as usize].filter(|m| self.together(*m, at)) {
                    unite(&mut group, maker, at);
                }
                let reader = *readers.entry((input, width, self.depth[at])).or_insert(at);
                unite(&mut group, reader, at);
            }
        }
        let mut clusters: BTreeMap<usize, Cluster> = BTreeMap::new();
        for at in 0..group.len() {
            if let Width::Is(width) = self.width[at] {
                clusters.entry(root(&group, at)).or_insert(Cluster { width, nodes: vec![] }).nodes.push(at);
            }
        }
        clusters.into_values().collect()
    }
}

/// The least member of a group.
fn root(group: &[usize], mut at: usize) -> usize {
    while group[at] != at {
        at = group[at];
    }
    at
}

fn unite(group: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(group, a), root(group, b));
    group[a.max(b)] = a.min(b);
}
