//! What a launch must move and compute at the least, and how long a device needs for that: limits, no predictions.
//!
//! Every byte counts once: a weight or buffer that many blocks read is in a cache by then. Working memory between the parts of one launch is left out.

use std::collections::BTreeMap;
use unicorn_artifact::command::{self, BufferId, Command};
use unicorn_artifact::gpu::{Argument, GpuPlan, Launch, TOP_ROW_BYTES};
use unicorn_artifact::plan::{Entry, Plan};
use unicorn_artifact::region::{Kind, Operand, Region, RegionOp};
use unicorn_kernels_gpu::target::Device;

/// What no plan says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumed {
    /// Positions already held when the entry runs.
    pub depth: u32,
    /// Share of the neurons that are active where a layer keeps only some.
    pub active: f64,
}

/// Kinds of arithmetic, by the unit that does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Sums of products of bytes or of halves, sixteen by sixteen; those of halves are as fast on the devices listed.
    Matrix,
    /// Sums of four products of bytes.
    Dot,
    /// Singles.
    Float,
}

impl Unit {
    /// All, in the order of [`Cost::operations`].
    pub const ALL: [Self; 3] = [Self::Matrix, Self::Dot, Self::Float];

    /// The unit in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Dot => "dot",
            Self::Float => "float",
        }
    }

    /// Operations a second; a multiplication and an addition are two.
    pub fn rate(self, device: &Device) -> f64 {
        device.rate(match self {
            Self::Matrix => device.matrix,
            Self::Dot => device.dot,
            Self::Float => device.float,
        })
    }
}

/// Of one launch or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of weights read.
    pub weight_bytes: u64,
    /// Bytes of buffers, keys and values read and written.
    pub value_bytes: u64,
    /// By unit, as in [`Unit::ALL`].
    pub operations: [u64; 3],
}

impl Cost {
    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.weight_bytes + self.value_bytes
    }

    fn add(&mut self, unit: Unit, operations: u64) {
        self.operations[unit as usize] += operations;
    }

    /// The shortest time in seconds, and what bounds it: `memory` or a unit.
    pub fn limit(&self, device: &Device) -> (f64, &'static str) {
        let units = Unit::ALL.map(|unit| (self.operations[unit as usize] as f64 / unit.rate(device), unit.name()));
        let memory = (self.bytes() as f64 / device.bandwidth, "memory");
        units.into_iter().fold(memory, |most, one| if one.0 > most.0 { one } else { most })
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.weight_bytes += other.weight_bytes;
        self.value_bytes += other.value_bytes;
        self.operations.iter_mut().zip(other.operations).for_each(|(own, more)| *own += more);
    }
}

/// Of one launch of an entry.
pub fn launch(plan: &Plan, gpu: &GpuPlan, entry: &Entry, launch: &Launch, assumed: Assumed) -> Cost {
    let rows = u64::from(entry.rows);
    let mut cost = Cost::default();
    let name = &gpu.kernels[launch.kernel as usize].name;
    if name.starts_with("attention_rest") {
        // Rows are taken to follow each other, so the launch beside it does them all.
        cost.value_bytes += rows * 16;
        return cost;
    }
    let parts = parts(plan, entry, launch);
    for argument in &launch.arguments {
        cost.value_bytes += rows
            * match argument {
                Argument::Buffer(id) | Argument::Slice(id, _) => {
                    let whole = entry.buffers[*id as usize].row_bytes();
                    parts.get(id).map_or(whole, |elements| whole.min(4 * elements))
                }
                Argument::Handoff(id) => u64::from(plan.handoffs[*id as usize].width) * 4,
                Argument::Table(id) => u64::from(gpu.tables[*id as usize].head_dim) * 4,
                Argument::Best => 8,
                Argument::Top => u64::from(TOP_ROW_BYTES),
                Argument::Inputs => 16,
                // Counted with the command, which says how much of it is touched.
                Argument::Weight(_) | Argument::State(_) | Argument::Scratch(_) | Argument::Counters(_) => 0,
            };
    }
    let many = name.starts_with("matmul") || name.starts_with("attention_tile");
    let weights: Vec<u32> = launch.arguments.iter().filter_map(|a| if let Argument::Weight(id) = a { Some(*id) } else { None }).collect();
    for &command in &launch.commands {
        one(&mut cost, plan, entry, &entry.commands[command as usize], &weights, many, assumed);
    }
    cost
}

/// Elements of a row that a launch's regions touch in each buffer: often a slice of it.
fn parts(plan: &Plan, entry: &Entry, launch: &Launch) -> BTreeMap<BufferId, u64> {
    let mut parts = BTreeMap::new();
    for &command in &launch.commands {
        let Command::Region { region, repeat, arguments } = &entry.commands[command as usize] else { continue };
        let region = &plan.regions[*region as usize];
        for (operand, argument) in region.operands.iter().zip(arguments) {
            if let command::Argument::Buffer { buffer, .. } = argument {
                *parts.entry(*buffer).or_default() += u64::from(operand.elements(region.width)) * u64::from(*repeat);
            }
        }
    }
    parts
}

fn one(cost: &mut Cost, plan: &Plan, entry: &Entry, command: &Command, weights: &[u32], many: bool, assumed: Assumed) {
    let rows = u64::from(entry.rows);
    let weight = |id: u32| &plan.weights[id as usize];
    let size = |id: u32| (weight(id).bytes().unwrap_or(0), u64::from(weight(id).rows) * u64::from(weight(id).cols));
    let product = |id: u32| match (weight(id).format.is_quantised(), many) {
        (true, true) => Unit::Matrix,
        (true, false) => Unit::Dot,
        (false, _) => Unit::Float,
    };
    let width = |id: u32| u64::from(entry.buffers[id as usize].width);
    match command {
        // Products of several formats are several launches of one command.
        Command::MatMul { products, .. } => {
            for product_of in products.iter().filter(|p| weights.contains(&p.weight)) {
                let (bytes, elements) = size(product_of.weight);
                cost.weight_bytes += bytes;
                cost.add(product(product_of.weight), 2 * rows * elements);
            }
        }
        Command::SparseUp { weight: id, gate, .. } => {
            // The gate is read and written.
            cost.value_bytes += rows * width(*gate) * 4;
            sparse(cost, size(*id), rows, product(*id), assumed);
        }
        Command::SparseDown { weight: id, .. } => sparse(cost, size(*id), rows, Unit::Float, assumed),
        Command::Embed { table, .. } => cost.weight_bytes += rows * size(*table).0 / u64::from(weight(*table).rows.max(1)),
        Command::HeadNorm { weight: id, input, .. } => {
            cost.weight_bytes += id.map_or(0, |id| size(id).0);
            cost.add(Unit::Float, 6 * rows * width(*input));
        }
        Command::KvAppend { key, value, .. } => cost.value_bytes += rows * (width(*key) + width(*value)) * 2,
        Command::Attention { state, query, window, .. } => {
            let state = &plan.states[*state as usize];
            let seen = |row: u64| {
                let all = u64::from(assumed.depth) + row + 1;
                if *window == 0 { all } else { all.min(u64::from(*window)) }
            };
            // Neighbouring rows see all but one of the same positions.
            let held = (seen(0) + rows - 1).min(u64::from(state.capacity));
            cost.value_bytes += held * u64::from(state.kv_heads) * u64::from(state.head_dim) * 4;
            let operations: u64 = (0..rows).map(|row| 4 * width(*query) * seen(row)).sum();
            // The matrix units take a single as two halves.
            if many { cost.add(Unit::Matrix, 2 * operations) } else { cost.add(Unit::Float, operations) }
        }
        Command::Region { region, repeat, .. } => self::region(cost, &plan.regions[*region as usize], rows * u64::from(*repeat)),
        Command::Quantize { input, .. } => cost.add(Unit::Float, 3 * rows * width(*input)),
        // A GPU does none of them.
        Command::QuantizeInt8 { .. } | Command::MatMulInt8 { .. } => {}
        Command::EmbedPerLayer { .. } | Command::RopeTable { .. } | Command::Gather { .. } => {}
    }
}

/// A neuron's record is read if any row wants it; rows are taken to choose apart from each other.
fn sparse(cost: &mut Cost, (bytes, elements): (u64, u64), rows: u64, unit: Unit, assumed: Assumed) {
    let any = 1.0 - (1.0 - assumed.active).powf(rows as f64);
    cost.weight_bytes += (bytes as f64 * any) as u64;
    cost.add(unit, (2.0 * (rows * elements) as f64 * assumed.active) as u64);
}

fn region(cost: &mut Cost, region: &Region, rows: u64) {
    let constants = region.operands.iter().filter(|o| matches!(o, Operand::Const | Operand::ConstScalars(_)));
    cost.weight_bytes += constants.map(|o| u64::from(o.elements(region.width)) * 4).sum::<u64>();
    // Scalars are few; the rows' work is in the vectors.
    let kinds = region.kinds().unwrap_or_default();
    let vector = |(op, kind): &(&RegionOp, &Kind)| matches!(op, RegionOp::Sum(_)) || **kind == Kind::Vector && !matches!(op, RegionOp::Load(_));
    cost.add(Unit::Float, rows * u64::from(region.width) * region.ops.iter().zip(&kinds).filter(vector).count() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicorn_artifact::command::Product;
    use unicorn_artifact::gpu::Kernel;
    use unicorn_artifact::plan::{Buffer, Elements, Model, Part, State, Weight};
    use unicorn_artifact::tensor::{Format, Layout};
    use unicorn_kernels_gpu::target::Target;

    fn weight(format: Format, layout: Layout, rows: u32, cols: u32) -> Weight {
        Weight { name: String::new(), format, layout, rows, cols, streamed: false, offset: 0, error: 0.0 }
    }

    /// A product of 64 outputs of 128 inputs, a region over a slice of them, sparse down of 1024 neurons, attention over 8 positions of 2 heads.
    fn plan(rows: u32) -> (Plan, GpuPlan) {
        let buffer = |elements, width| Buffer { name: String::new(), elements, width, offset: 0 };
        let buffers = vec![buffer(Elements::Activations, 128), buffer(Elements::F32, 64), buffer(Elements::F32, 1024)];
        let slice = |buffer, offset| command::Argument::Buffer { buffer, offset };
        let commands = vec![
            Command::MatMul { input: 0, products: vec![Product { weight: 0, out: 1 }] },
            Command::Region { region: 0, repeat: 1, arguments: vec![slice(1, 16), slice(2, 0)] },
            Command::SparseDown { hidden: 2, weight: 1, out: 1 },
            Command::Attention { state: 0, query: 1, window: 8, scale: 1.0, out: 1 },
        ];
        let ops = vec![RegionOp::Load(0), RegionOp::Gelu(0), RegionOp::Sum(1), RegionOp::Sqrt(2), RegionOp::Store(1, 1)];
        let model = Model {
            name: String::new(),
            layers: 1,
            hidden: 64,
            vocabulary: 1,
            text_vocabulary: 1,
            context: 64,
            slots: 1,
            window: 8,
            eos: vec![],
            bos: 0,
        };
        let plan = Plan {
            model,
            weights: vec![weight(Format::Q4, Layout::Panel, 64, 128), weight(Format::Q8, Layout::Rows, 1024, 64)],
            regions: vec![Region { width: 16, operands: vec![Operand::Row, Operand::OutRow], ops }],
            code: vec![],
            states: vec![State { name: String::new(), kv_heads: 1, head_dim: 32, capacity: 64, offset: 0 }],
            handoffs: vec![],
            entries: vec![Entry { part: Part::Body, rows, buffers, commands, logits: None }],
            arena_bytes: 0,
            state_bytes: 0,
            weight_bytes: 0,
            streamed_bytes: 0,
            gpu: None,
            npu: None,
        };
        let kernel = |name: &str| Kernel { name: name.into(), threads: 32, parameters: 0, title: String::new() };
        (plan, GpuPlan { kernels: ["matvec_0", "matmul_1", "attention_tile_2", "attention_rest_3"].map(kernel).to_vec(), ..GpuPlan::default() })
    }

    fn cost(rows: u32, kernel: u32, arguments: &[Argument], commands: &[u32], assumed: Assumed) -> Cost {
        let (plan, gpu) = plan(rows);
        let one = Launch { kernel, grid: [1; 3], arguments: arguments.to_vec(), commands: commands.to_vec() };
        launch(&plan, &gpu, &plan.entries[0], &one, assumed)
    }

    const NOTHING: Assumed = Assumed { depth: 0, active: 0.0 };

    #[test]
    fn products_read_their_weights_once_for_all_rows() {
        // 128 columns of q4: four groups of 16 bytes and a scale of 2; activations: 128 codes, and a scale and a sum of four bytes a group.
        let (weights, input) = (64 * 4 * 18, unicorn_artifact::tensor::activation_row_bytes(128) as u64);
        let arguments = [Argument::Inputs, Argument::Buffer(0), Argument::Weight(0), Argument::Buffer(1)];
        for (rows, kernel, unit) in [(1, 0, Unit::Dot), (16, 1, Unit::Matrix)] {
            let mut expected = Cost { weight_bytes: weights, value_bytes: u64::from(rows) * (16 + input + 64 * 4), operations: [0; 3] };
            expected.add(unit, 2 * u64::from(rows) * 64 * 128);
            assert_eq!(cost(rows, kernel, &arguments, &[0], NOTHING), expected, "{rows} rows");
        }
    }

    #[test]
    fn regions_touch_their_slices_and_count_vectors() {
        let got = cost(1, 0, &[Argument::Buffer(1), Argument::Buffer(2)], &[1], NOTHING);
        // Gelu and the sum over 16 columns; the root is a scalar.
        assert_eq!(got, Cost { weight_bytes: 0, value_bytes: 2 * 16 * 4, operations: [0, 0, 32] });
    }

    #[test]
    fn sparse_products_read_what_any_row_wants() {
        let arguments = [Argument::Buffer(2), Argument::Weight(1), Argument::Buffer(1)];
        let of = |rows, active| cost(rows, 0, &arguments, &[2], Assumed { depth: 0, active });
        let whole = plan(1).0.weights[1].bytes().expect("a size");
        assert_eq!(of(1, 1.0).weight_bytes, whole);
        assert_eq!(of(1, 0.5).weight_bytes, whole / 2);
        assert_eq!(of(2, 0.5).weight_bytes, whole * 3 / 4);
        assert_eq!(of(2, 0.5).operations, [0, 0, 2 * 1024 * 64]);
    }

    #[test]
    fn attention_sees_its_window() {
        let of = |rows, depth| cost(rows, 0, &[Argument::State(0)], &[3], Assumed { depth, active: 0.0 });
        // Keys and values of 32 halves.
        assert_eq!(of(1, 0).value_bytes, 128);
        assert_eq!(of(1, 100).value_bytes, 8 * 128);
        assert_eq!(of(4, 100).value_bytes, 11 * 128);
        assert_eq!(of(4, 0).operations, [0, 0, 4 * 64 * (1 + 2 + 3 + 4)]);
    }

    #[test]
    fn tiles_are_counted_once_and_twice_as_halves() {
        let of = |kernel| cost(4, kernel, &[Argument::Inputs, Argument::State(0)], &[3], Assumed { depth: 100, active: 0.0 });
        assert_eq!(of(2), Cost { weight_bytes: 0, value_bytes: 4 * 16 + 11 * 128, operations: [2 * 4 * 64 * 4 * 8, 0, 0] });
        assert_eq!(of(3), Cost { weight_bytes: 0, value_bytes: 4 * 16, operations: [0; 3] });
    }

    #[test]
    fn the_longest_of_all_times_is_the_limit() {
        let device = Target::Gfx1103.device().expect("it is on record");
        let memory = Cost { weight_bytes: 89_600, ..Cost::default() };
        assert_eq!(memory.limit(&device), (1e-6, "memory"));
        let busy = Cost { operations: [16_588_800 * 2, 1, 1], ..memory };
        let (seconds, bound) = busy.limit(&device);
        assert!((seconds - 2e-6).abs() < 1e-12 && bound == "matrix", "{seconds} {bound}");
    }
}
