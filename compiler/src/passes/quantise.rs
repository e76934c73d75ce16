//! Chooses the stored format of every matrix: the wanted one where the measured error allows it, a finer one where it does not.
//!
//! The error of a matrix is measured on its own values: the root-mean-square difference after rounding, relative to their size, each column weighted by
//! the mean square of the activation that meets it in a calibration run. Names play no part.

use crate::graph::eval::{Env, Weights, eval};
use crate::graph::{Graph, Op, Type, ValueId, WeightRef};
use crate::{Error, Result};
use std::collections::BTreeMap;
use unicorn_artifact::tensor::{Format, GROUP, PANEL, round_trip};

/// Rows of a matrix that are measured, spread evenly.
const SAMPLE: usize = 512;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The format wanted for all matrices.
    pub format: Format,
    /// Relative output error above which a tensor is stored in the next finer format; `None` never refines.
    pub limit: Option<f32>,
    /// Formats asked for by name: a tensor name, or a prefix followed by `*`.
    pub overrides: Vec<(String, Format)>,
    /// Tokens of the calibration run; empty weighs all columns alike.
    pub calibration: Vec<u32>,
}

/// What was chosen for one matrix, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The tensor.
    pub tensor: String,
    /// Its format.
    pub format: Format,
    /// Measured relative error at the wanted format.
    pub error: f32,
    /// One of `wanted`, `error above the limit`, `asked for`, `shape`.
    pub why: &'static str,
}

/// Sets the formats.
///
/// # Errors
/// Tensors that cannot be read, overrides that name nothing or do not fit, [`Error::Unsupported`] for shapes no format holds.
pub fn quantise(graph: &Graph, weights: &dyn Weights, choice: &Choice) -> Result<(Graph, Vec<Chosen>)> {
    let uses = matrices(graph);
    let moments = moments(graph, weights, &uses, &choice.calibration)?;
    let mut used = vec![false; choice.overrides.len()];
    let mut chosen: BTreeMap<String, Chosen> = BTreeMap::new();
    for (value, input) in &uses {
        let (Some(weight), Type::Weight(rows, cols)) = (graph.weight(*value), graph.ty(*value)) else { continue };
        let moment = input.and_then(|i| moments.get(&i)).map(Vec::as_slice);
        let found = choose(weight, rows as usize, cols as usize, weights, moment, choice, &mut used)?;
        // A tensor used twice (the tied head) is stored once, in the finer of the two formats.
        let entry = chosen.entry(weight.tensor.clone()).or_insert_with(|| found.clone());
        if found.format < entry.format {
            *entry = found;
        }
    }
    if let Some(at) = used.iter().position(|u| !u) {
        let option = format!("--format {}={}", choice.overrides[at].0, choice.overrides[at].1.name());
        return Err(Error::Option { option, why: "no matrix has that name; `unicornc inspect` lists them".into() });
    }
    let mut graph = graph.clone();
    let makers = graph.makers();
    for (value, _) in &uses {
        if let Some(maker) = makers[value.0 as usize]
            && let Op::Weight(weight) = &mut graph.nodes[maker].op
            && let Some(found) = chosen.get(&weight.tensor)
        {
            weight.format = found.format;
        }
    }
    Ok((graph, chosen.into_values().collect()))
}

/// Every constant that a product or a look-up reads, with the activation it meets. Tiny ones (AltUp's coefficients) stay f32 and are fused.
fn matrices(graph: &Graph) -> Vec<(ValueId, Option<ValueId>)> {
    let big = |v: ValueId| matches!(graph.ty(v), Type::Weight(rows, cols) if rows as usize >= PANEL && cols as usize >= PANEL);
    let of = |node: &crate::graph::Node| match (&node.op, &node.inputs[..]) {
        (Op::MatMul, [x, w]) if big(*w) => Some((*w, Some(*x))),
        (Op::SparseUp, [_, x, w]) => Some((*w, Some(*x))),
        (Op::Embed(_) | Op::EmbedPerLayer(_), [w]) | (Op::SparseDown, [_, w]) => Some((*w, None)),
        _ => None,
    };
    graph.nodes.iter().filter_map(of).collect()
}

/// Mean square of every column of every activation that meets a matrix.
fn moments(graph: &Graph, weights: &dyn Weights, uses: &[(ValueId, Option<ValueId>)], ids: &[u32]) -> Result<BTreeMap<ValueId, Vec<f64>>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    // The evaluator keeps values by name, so give each of them one.
    let mut named = graph.clone();
    let inputs: Vec<ValueId> = uses.iter().filter_map(|u| u.1).collect();
    for value in &inputs {
        named.values[value.0 as usize].name = format!("moment.{}", value.0);
    }
    let output = eval(&named, weights, ids, &mut Env::default(), |name| name.starts_with("moment."))?;
    let column_means = |value: &ValueId| {
        let width = graph.width(*value) as usize;
        let mut sums = vec![0f64; width];
        if let Some(values) = output.named.get(&format!("moment.{}", value.0)) {
            for row in values.chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v) * f64::from(*v));
            }
        }
        (*value, sums)
    };
    Ok(inputs.iter().map(column_means).collect())
}

fn choose(
    weight: &WeightRef,
    rows: usize,
    cols: usize,
    weights: &dyn Weights,
    moment: Option<&[f64]>,
    choice: &Choice,
    used: &mut [bool],
) -> Result<Chosen> {
    let chosen = |format, error, why| Ok(Chosen { tensor: weight.tensor.clone(), format, error, why });
    let fits = |format: Format| !format.is_quantised() || cols.is_multiple_of(GROUP);
    for (at, (pattern, format)) in choice.overrides.iter().enumerate() {
        let prefix = pattern.strip_suffix('*');
        if prefix.map_or(pattern == &weight.tensor, |prefix| weight.tensor.starts_with(prefix)) {
            used[at] = true;
            if !fits(*format) {
                // A prefix means "all that can"; a full name means just that tensor.
                if prefix.is_some() {
                    continue;
                }
                let why = format!("`{}` has {cols} columns, not a multiple of {GROUP}", weight.tensor);
                return Err(Error::Option { option: format!("--format {pattern}={}", format.name()), why });
            }
            return chosen(*format, measure(weight, rows, cols, weights, moment, *format)?, "asked for");
        }
    }
    if !fits(choice.format) {
        return chosen(Format::Bf16, 0.0, "shape");
    }
    let error = measure(weight, rows, cols, weights, moment, choice.format)?;
    match (choice.format, choice.limit) {
        (Format::Q4, Some(limit)) if error > limit => chosen(Format::Q8, error, "error above the limit"),
        (format, _) => chosen(format, error, "wanted"),
    }
}

/// Relative error of a sample of rows.
fn measure(weight: &WeightRef, rows: usize, cols: usize, weights: &dyn Weights, moment: Option<&[f64]>, format: Format) -> Result<f32> {
    if format == Format::F32 {
        return Ok(0.0);
    }
    let exact = WeightRef { format: Format::F32, ..weight.clone() };
    let blocks = rows.div_ceil(PANEL);
    let taken = blocks.min(SAMPLE / PANEL);
    let (mut error, mut size) = (0f64, 0f64);
    for block in 0..taken {
        let first = block * blocks / taken * PANEL;
        let values = weights.rows(&exact, first, PANEL.min(rows - first))?;
        let mut rounded = values.clone();
        rounded.chunks_exact_mut(cols).for_each(|row| round_trip(format, row));
        for (at, (a, b)) in values.iter().zip(&rounded).enumerate() {
            let factor = moment.map_or(1.0, |m| m[at % cols]);
            error += factor * (f64::from(*a) - f64::from(*b)).powi(2);
            size += factor * f64::from(*a).powi(2);
        }
    }
    Ok(if size > 0.0 { (error / size).sqrt() as f32 } else { 0.0 })
}
