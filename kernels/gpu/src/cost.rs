//! What a command asks of a GPU, counted from its shapes, or why no kernel here does it.
//!
//! Launches are not counted: how many commands one launch does is the lowering's business, which has the answer when it has lowered them.

use crate::attention;
use crate::heads::Ring;
use crate::sparse;
use unicorn_artifact::command::{Command, WeightId};
use unicorn_artifact::plan::{Elements, Entry, Plan};
use unicorn_artifact::tensor::{GROUP, Layout, row_bytes};

/// The share of neurons that a sparse layer leaves active: what the published models are trained to (target sparsity 0.95).
const ACTIVE: f64 = 0.05;

/// What one run of a command moves and computes. Values between commands stay in registers and caches and do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bytes of weights, keys and values read.
    pub bytes: f64,
    /// Multiply-adds of signed bytes.
    pub macs: f64,
    /// Operations on f32; a multiply-add is two.
    pub flops: f64,
}

/// The cost of a command for all rows of its entry, each of which sees at most `positions` earlier ones.
///
/// # Errors
/// Why a GPU cannot do it, in words for a user.
pub fn cost(plan: &Plan, entry: &Entry, command: &Command, positions: u32) -> Result<Cost, String> {
    let rows = f64::from(entry.rows);
    let width = |id: u32| entry.buffers[id as usize].width;
    let weight = |id: WeightId| &plan.weights[id as usize];
    let product = |id: WeightId, share: f64| {
        let elements = f64::from(weight(id).rows) * f64::from(weight(id).cols) * rows * share;
        // What any row of the step needs is read.
        let bytes = weight(id).bytes().unwrap_or(0) as f64 * some_row(share, entry.rows);
        if weight(id).format.is_quantised() { Cost { bytes, macs: elements, flops: 0.0 } } else { Cost { bytes, macs: 0.0, flops: 2.0 * elements } }
    };
    let flops = |flops: f64| Cost { flops, ..Cost::default() };
    Ok(match command {
        Command::EmbedPerLayer { .. } => return Err("its rows are read from the file, by the host".into()),
        Command::QuantizeInt8 { .. } | Command::MatMulInt8 { .. } => return Err("int8 with a scale a row is multiplied by the host or an NPU".into()),
        Command::Embed { table, .. } => {
            let record = row_bytes(weight(*table).format, weight(*table).cols as usize).unwrap_or(0);
            Cost { bytes: record as f64 * rows, ..Cost::default() }
        }
        Command::MatMul { input, products } => {
            let quantised = entry.buffers[*input as usize].elements == Elements::Activations;
            let odd = |id: WeightId| {
                let w = weight(id);
                w.layout != Layout::Panel || w.format.is_quantised() != quantised || (!quantised && !w.cols.is_multiple_of(16))
            };
            if let Some(w) = products.iter().map(|p| p.weight).find(|id| odd(*id)).map(weight) {
                return Err(format!("no kernel multiplies `{}` [{}, {}] in {}", w.name, w.rows, w.cols, w.format.name()));
            }
            let sum = |a: Cost, b: Cost| Cost { bytes: a.bytes + b.bytes, macs: a.macs + b.macs, flops: a.flops + b.flops };
            products.iter().map(|p| product(p.weight, 1.0)).fold(Cost::default(), sum)
        }
        Command::SparseUp { weight: id, .. } | Command::SparseDown { weight: id, .. } => {
            if let Some(why) = sparse::refusal(weight(*id).format, weight(*id).cols) {
                return Err(why);
            }
            product(*id, ACTIVE)
        }
        Command::HeadNorm { input, head_dim, .. } => {
            if plan.states.is_empty() || plan.states.iter().any(|s| s.head_dim != *head_dim) {
                return Err(format!("heads of {head_dim} are not those of the keys"));
            }
            flops(8.0 * f64::from(width(*input)) * rows)
        }
        Command::Attention { state, query, window, scale, .. } => {
            let state = &plan.states[*state as usize];
            let ring = Ring { heads: state.kv_heads, head_dim: state.head_dim, capacity: state.capacity };
            let heads = width(*query) / ring.head_dim;
            // What else the kernel's shape says has no part in whether it can be written.
            let spec = attention::Spec {
                ring,
                heads,
                window: *window,
                scale: *scale,
                parts: 1,
                keep: true,
                quantise: false,
                rows: entry.rows,
                most: plan.max_rows(entry.part),
                tiled: false,
            };
            if let Some(why) = spec.refusal() {
                return Err(why);
            }
            let seen = f64::from(if *window == 0 { positions } else { positions.min(*window) });
            let halves = 2.0 * seen * f64::from(ring.heads) * f64::from(ring.head_dim) * rows;
            Cost { bytes: 2.0 * halves, macs: 0.0, flops: 4.0 * seen * f64::from(width(*query)) * rows }
        }
        Command::Region { repeat: 2.., .. } => return Err("no kernel repeats a region within a row".into()),
        Command::Region { region, .. } => {
            let region = &plan.regions[*region as usize];
            flops(region.ops.len() as f64 * f64::from(region.width) * rows)
        }
        Command::Quantize { input, .. } if !width(*input).is_multiple_of(GROUP as u32) => {
            return Err(format!("no kernel rounds {} columns, no multiple of {GROUP}", width(*input)));
        }
        Command::Quantize { input, .. } => flops(4.0 * f64::from(width(*input)) * rows),
        Command::RopeTable { .. } | Command::KvAppend { .. } | Command::Gather { .. } => Cost::default(),
    })
}

/// The share of neurons that at least one of several rows needs, each of which needs `share`. (By multiplication: a power would be the C library's.)
fn some_row(share: f64, rows: u32) -> f64 {
    1.0 - (0..rows).fold(1.0, |idle, _| idle * (1.0 - share))
}
