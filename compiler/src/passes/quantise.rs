//! Chooses the stored format of every matrix: the wanted one, and with four bits a finer one for those whose measured error is worth its bytes.
//!
//! Errors add up: the divergences that single tensors cause, measured one at a time ([`crate::sensitivity`]), predict that of all together. Tensors are
//! refined in order of divergence saved per byte spent, until the predicted rest is below the limit. Names play no part.

use crate::graph::eval::Tensors;
use crate::graph::{Graph, Op, Type, ValueId};
use crate::sensitivity::Sensitivity;
use crate::{Error, Result};
use std::collections::BTreeMap;
use unicorn_artifact::tensor::{Format, GROUP, PANEL};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The format wanted for all matrices.
    pub format: Format,
    /// Predicted divergence, in nats per token, down to which tensors are refined; `None` never refines.
    pub limit: Option<f32>,
    /// Formats asked for by name: a tensor name, or a prefix followed by `*`.
    pub overrides: Vec<(String, Format)>,
    /// Divergence of each tensor at the wanted format, where it was measured.
    pub sensitivity: Vec<Sensitivity>,
    /// Tensors that an NPU is to multiply: int8 is what it reads.
    pub npu: Vec<String>,
}

/// What was chosen for one matrix, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The tensor.
    pub tensor: String,
    /// Its format.
    pub format: Format,
    /// Measured divergence at four bits, if it was measured.
    pub divergence: Option<f32>,
    /// Why.
    pub why: Why,
}

/// Why a format was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the wanted one.
    Wanted,
    /// Its measured error was worth the bytes.
    Refined,
    /// It was asked for by name.
    Asked,
    /// An NPU is to multiply it.
    Npu,
    /// Its columns do not divide into groups.
    Shape,
}

impl Why {
    /// In a word, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Refined => "refined",
            Self::Asked => "asked",
            Self::Npu => "npu",
            Self::Shape => "shape",
        }
    }
}

/// Sets the formats.
///
/// # Errors
/// Overrides that name nothing or do not fit.
pub fn quantise(graph: &Graph, tensors: &dyn Tensors, choice: &Choice) -> Result<(Graph, Vec<Chosen>)> {
    let uses = matrices(graph);
    let mut used = vec![false; choice.overrides.len()];
    let mut chosen: BTreeMap<String, Chosen> = BTreeMap::new();
    for value in &uses {
        let (Some(weight), Type::Weight(_, cols)) = (graph.weight(*value), graph.ty(*value)) else { continue };
        let found = choose(&weight.tensor, cols as usize, choice, &mut used)?;
        // A tensor used twice (the tied head, a transposed matrix) is stored in the finer of the two formats.
        let entry = chosen.entry(weight.tensor.clone()).or_insert_with(|| found.clone());
        if found.format < entry.format {
            *entry = found;
        }
    }
    if let Some(at) = used.iter().position(|u| !u) {
        let option = format!("--format {}={}", choice.overrides[at].0, choice.overrides[at].1.name());
        return Err(Error::Option { option, why: "no matrix has that name; `unicornc inspect` lists them".into() });
    }
    if let (Format::Q4, Some(limit)) = (choice.format, choice.limit) {
        refine(&mut chosen, tensors, limit);
    }
    let mut graph = graph.clone();
    let makers = graph.makers();
    for value in &uses {
        if let Some(maker) = makers[value.0 as usize]
            && let Op::Weight(weight) = &mut graph.nodes[maker].op
            && let Some(found) = chosen.get(&weight.tensor)
        {
            weight.format = found.format;
        }
    }
    Ok((graph, chosen.into_values().collect()))
}

/// Every constant that a product or a look-up reads. Tiny ones (AltUp's coefficients) stay f32 and are fused.
fn matrices(graph: &Graph) -> Vec<ValueId> {
    let big = |v: ValueId| matches!(graph.ty(v), Type::Weight(rows, cols) if rows as usize >= PANEL && cols as usize >= PANEL);
    let of = |node: &crate::graph::Node| match (&node.op, &node.inputs[..]) {
        (Op::MatMul, [_, w]) if big(*w) => Some(*w),
        (Op::SparseUp, [_, _, w]) | (Op::Embed(_) | Op::EmbedPerLayer(_), [w]) | (Op::SparseDown, [_, w]) => Some(*w),
        _ => None,
    };
    graph.nodes.iter().filter_map(of).collect()
}

/// The tensors that make the gates of sparse layers: what is multiplied with the same rows as the active neurons of `up`, on the way to the gate.
pub fn gates(graph: &Graph) -> Vec<String> {
    let makers = graph.makers();
    let mut found = vec![];
    for node in &graph.nodes {
        let (Op::SparseUp, [gate, x, _]) = (&node.op, &node.inputs[..]) else { continue };
        let mut stack = vec![*gate];
        let mut seen = vec![false; graph.values.len()];
        while let Some(value) = stack.pop() {
            let Some(maker) = makers[value.0 as usize].filter(|_| !std::mem::replace(&mut seen[value.0 as usize], true)) else { continue };
            match (&graph.nodes[maker].op, &graph.nodes[maker].inputs[..]) {
                (Op::MatMul, [input, weight]) if input == x => found.extend(graph.weight(*weight).map(|w| w.tensor.clone())),
                // Whatever else the gate depends on is made of other rows.
                (Op::MatMul | Op::SparseDown | Op::SparseUp | Op::Attention { .. } | Op::RmsNorm(_) | Op::HeadNorm { .. }, _) => {}
                (_, inputs) => stack.extend(inputs),
            }
        }
    }
    found
}

fn choose(tensor: &str, cols: usize, choice: &Choice, used: &mut [bool]) -> Result<Chosen> {
    let divergence = choice.sensitivity.iter().find(|s| s.tensor == tensor).map(|s| s.divergence);
    let chosen = |format, why| Ok(Chosen { tensor: tensor.into(), format, divergence, why });
    let fits = |format: Format| !format.needs_groups() || cols.is_multiple_of(GROUP);
    for (at, (pattern, format)) in choice.overrides.iter().enumerate() {
        let prefix = pattern.strip_suffix('*');
        if !prefix.map_or(pattern == tensor, |prefix| tensor.starts_with(prefix)) {
            continue;
        }
        used[at] = true;
        match (fits(*format), prefix) {
            (true, _) => return chosen(*format, Why::Asked),
            // A prefix means "all that can"; a full name means just that tensor.
            (false, Some(_)) => {}
            (false, None) => {
                let why = format!("`{tensor}` has {cols} columns, not a multiple of {GROUP}");
                return Err(Error::Option { option: format!("--format {pattern}={}", format.name()), why });
            }
        }
    }
    if choice.npu.iter().any(|name| name == tensor) && fits(Format::Int8) {
        return chosen(Format::Int8, Why::Npu);
    }
    if fits(choice.format) { chosen(choice.format, Why::Wanted) } else { chosen(Format::Bf16, Why::Shape) }
}

/// Refines tensors to eight bits, the most divergence saved per byte first, until what is left is predicted to be below the limit.
fn refine(chosen: &mut BTreeMap<String, Chosen>, tensors: &dyn Tensors, limit: f32) {
    let mut candidates: Vec<(f64, f32, String)> = chosen
        .values()
        .filter(|c| c.why == Why::Wanted)
        .filter_map(|c| {
            let (rows, cols) = tensors.shape(&c.tensor)?;
            let divergence = c.divergence.filter(|d| *d > 0.0)?;
            Some((f64::from(divergence) / (rows * cols) as f64, divergence, c.tensor.clone()))
        })
        .collect();
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.2.cmp(&b.2)));
    let mut left: f32 = candidates.iter().map(|c| c.1).sum();
    for (_, divergence, tensor) in candidates {
        if left <= limit {
            break;
        }
        left -= divergence;
        if let Some(entry) = chosen.get_mut(&tensor) {
            (entry.format, entry.why) = (Format::Q8, Why::Refined);
        }
    }
}
