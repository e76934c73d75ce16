//! What a command asks of the host, counted from its shapes. Nothing is measured here: how long it takes is a question of the machine.

use unicorn_artifact::command::{Argument, BufferId, Command, WeightId};
use unicorn_artifact::plan::{Entry, Plan};
use unicorn_artifact::tensor::row_bytes;

/// The share of neurons that a sparse layer leaves active: what the published models are trained to (target sparsity 0.95).
const ACTIVE: f64 = 0.05;

/// What one run of a command moves and computes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bytes read and written.
    pub bytes: f64,
    /// Multiply-adds of signed bytes.
    pub macs: f64,
    /// Operations on f32; a multiply-add is two.
    pub flops: f64,
}

/// The cost of a command for all rows of its entry, each of which sees at most `positions` earlier ones. The host can do every command.
pub fn cost(plan: &Plan, entry: &Entry, command: &Command, positions: u32) -> Cost {
    let rows = f64::from(entry.rows);
    let row = |id: BufferId| entry.buffers[id as usize].row_bytes() as f64 * rows;
    let (read, written) = command.buffers(&plan.regions);
    let buffers: f64 = read.into_iter().chain(written).map(row).sum();
    let weight = |id: WeightId| &plan.weights[id as usize];
    let whole = |id: WeightId| weight(id).bytes().unwrap_or(0) as f64;
    let product = |id: WeightId, share: f64| {
        let elements = f64::from(weight(id).rows) * f64::from(weight(id).cols) * rows * share;
        if weight(id).format.is_quantised() { (elements, 0.0) } else { (0.0, 2.0 * elements) }
    };
    match command {
        Command::Embed { table, .. } | Command::EmbedPerLayer { table, .. } => {
            let record = row_bytes(weight(*table).format, weight(*table).cols as usize).unwrap_or(0);
            Cost { bytes: buffers + record as f64 * rows, ..Cost::default() }
        }
        Command::MatMul { products, .. } => {
            let bytes = buffers + products.iter().map(|p| whole(p.weight)).sum::<f64>();
            let (macs, flops) = products.iter().map(|p| product(p.weight, 1.0)).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            Cost { bytes, macs, flops }
        }
        Command::MatMulInt8 { weight: id, .. } => {
            let macs = f64::from(weight(*id).rows) * f64::from(weight(*id).cols) * rows;
            Cost { bytes: buffers + whole(*id), macs, flops: 0.0 }
        }
        Command::SparseUp { weight, .. } | Command::SparseDown { weight, .. } => {
            let (macs, flops) = product(*weight, ACTIVE);
            // What any row of the step needs is read.
            Cost { bytes: buffers + whole(*weight) * some_row(ACTIVE, entry.rows), macs, flops }
        }
        Command::Attention { state, query, window, .. } => {
            let state = &plan.states[*state as usize];
            let seen = f64::from(if *window == 0 { positions } else { positions.min(*window) });
            let halves = 2.0 * seen * f64::from(state.kv_heads) * f64::from(state.head_dim) * rows;
            Cost { bytes: buffers + 2.0 * halves, macs: 0.0, flops: 4.0 * seen * f64::from(entry.buffers[*query as usize].width) * rows }
        }
        Command::Region { region, repeat, arguments } => {
            let region = &plan.regions[*region as usize];
            let constants = region.operands.iter().zip(arguments).filter(|(_, a)| matches!(a, Argument::Weight { .. }));
            let constants: f64 = constants.map(|(o, _)| 4.0 * f64::from(o.elements(region.width))).sum();
            let flops = region.ops.len() as f64 * f64::from(region.width) * f64::from(*repeat) * rows;
            Cost { bytes: buffers + constants, macs: 0.0, flops }
        }
        Command::HeadNorm { input, .. } => Cost { bytes: buffers, macs: 0.0, flops: 8.0 * f64::from(entry.buffers[*input as usize].width) * rows },
        Command::Quantize { input, .. } | Command::QuantizeInt8 { input, .. } => {
            Cost { bytes: buffers, macs: 0.0, flops: 4.0 * f64::from(entry.buffers[*input as usize].width) * rows }
        }
        Command::RopeTable { .. } | Command::KvAppend { .. } | Command::Gather { .. } => Cost { bytes: buffers, ..Cost::default() },
    }
}

/// The share of neurons that at least one of several rows needs, each of which needs `share`. (By multiplication: a power would be the C library's.)
fn some_row(share: f64, rows: u32) -> f64 {
    1.0 - (0..rows).fold(1.0, |idle, _| idle * (1.0 - share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicorn_artifact::command::Product;
    use unicorn_artifact::plan::{Buffer, Elements, Model, Part, Weight};
    use unicorn_artifact::tensor::{Format, Layout};

    #[test]
    fn a_product_reads_its_weights_once_and_multiplies_them_for_each_row() {
        let weight =
            Weight { name: "w".into(), format: Format::Q4, layout: Layout::Panel, rows: 64, cols: 128, streamed: false, offset: 0, error: 0.0 };
        let bytes = weight.bytes().unwrap() as f64;
        let model = Model {
            name: String::new(),
            layers: 1,
            hidden: 128,
            vocabulary: 64,
            text_vocabulary: 64,
            context: 64,
            slots: 1,
            window: 0,
            eos: vec![],
            bos: 0,
        };
        let plan = Plan {
            model,
            weights: vec![weight],
            regions: vec![],
            code: vec![],
            states: vec![],
            handoffs: vec![],
            entries: vec![],
            arena_bytes: 0,
            state_bytes: 0,
            weight_bytes: 0,
            streamed_bytes: 0,
            gpu: None,
            npu: None,
        };
        let buffer = |elements, width| Buffer { name: String::new(), elements, width, offset: 0 };
        let buffers = vec![buffer(Elements::Activations, 128), buffer(Elements::F32, 64)];
        let command = Command::MatMul { input: 0, products: vec![Product { weight: 0, out: 1 }] };
        let of = |rows| {
            let entry = Entry { part: Part::Body, rows, buffers: buffers.clone(), commands: vec![], logits: None };
            cost(&plan, &entry, &command, 1)
        };
        // A row: 128 codes, 4 scales and 4 sums of four bytes in; 64 floats out.
        let row = 128.0 + 4.0 * 8.0 + 64.0 * 4.0;
        assert_eq!(of(1), Cost { bytes: bytes + row, macs: 64.0 * 128.0, flops: 0.0 });
        assert_eq!(of(4), Cost { bytes: bytes + 4.0 * row, macs: 4.0 * 64.0 * 128.0, flops: 0.0 });
    }
}
