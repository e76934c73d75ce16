//! The graph: one closed set of ops over rows. Data only; it knows no pass and no device.
//!
//! A graph is a list of nodes in a valid order. A value is either *rows*, f32 `[R, width]` with `R` left open, or a *weight* `[rows, cols]` that is
//! read from the checkpoint when somebody needs it.

pub mod eval;
pub mod text;
pub mod verify;

use unicorn_artifact::region::Region;
use unicorn_artifact::tensor::Format;

/// A value of a graph, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// f32 `[R, width]`.
    Rows(u32),
    /// f32 `[rows, cols]`, the same for all rows.
    Weight(u32, u32),
}

/// A constant: a checkpoint tensor, transposed, clamped and scaled (in this order), then rounded to `format`.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightRef {
    /// Name in the checkpoint without the `model.language_model.` or `model.` prefix.
    pub tensor: String,
    /// Swap rows and columns first.
    pub transpose: bool,
    /// Limit to `[-clamp, clamp]`.
    pub clamp: Option<f32>,
    /// Factor.
    pub scale: f32,
    /// What the values are rounded to; `F32` is exact. Quantised groups run along the rows (after transposition).
    pub format: Format,
}

impl WeightRef {
    /// The tensor as it is.
    pub fn plain(tensor: impl Into<String>) -> Self {
        Self { tensor: tensor.into(), transpose: false, clamp: None, scale: 1.0, format: Format::F32 }
    }
}

/// One operation. `w` operands are weights, all others rows. Elementwise binary ops take two rows values of equal width, or one of width 1 (broadcast
/// over the columns), or one weight `[1, width]` (broadcast over the rows).
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `() -> w`: a constant.
    Weight(WeightRef),
    /// `() -> rows`: a value left by the body, by number. Tail only.
    Handoff(u32),
    /// `(w) -> rows[cols]`: `scale * w[token]`.
    Embed(f32),
    /// `(w) -> rows[cols]`: `scale * w[token]`, row 0 for tokens that the table does not have.
    EmbedPerLayer(f32),
    /// `(x, w) -> rows[w.rows]`: `x * w^T`.
    MatMul,
    /// `(x) or (x, w[1, width]) -> rows[width]`: `x / sqrt(mean(x^2) + epsilon) [* w]`.
    RmsNorm(f32),
    /// `(x) or (x, w[1, head_dim]) -> rows[width]`: RMSNorm per head, then rotation by position with base `theta` if any.
    HeadNorm {
        /// Elements of a head.
        head_dim: u32,
        /// Added to the mean square.
        epsilon: f32,
        /// Rotation base.
        theta: Option<f32>,
    },
    /// `(q, k, v) -> rows[q.width]`: causal softmax attention over all rows of the sequence so far.
    Attention {
        /// Key/value heads; query heads = q.width / head_dim.
        kv_heads: u32,
        /// Elements of a head.
        head_dim: u32,
        /// Positions seen including its own; 0 = all.
        window: u32,
        /// Factor on the scores.
        scale: f32,
    },
    /// `(k, v) -> ()`: remembers keys and values in a state.
    KvAppend(u32),
    /// `(q) -> rows[q.width]`: attention over what a state holds.
    CachedAttention {
        /// Which state.
        state: u32,
        /// Key/value heads.
        kv_heads: u32,
        /// Elements of a head.
        head_dim: u32,
        /// Positions seen including its own; 0 = all.
        window: u32,
        /// Factor on the scores.
        scale: f32,
    },
    /// Elementwise a + b.
    Add,
    /// Elementwise a - b.
    Sub,
    /// Elementwise a * b.
    Mul,
    /// Elementwise a / b.
    Div,
    /// `(x)`: x * constant. On a weight too.
    Scale(f32),
    /// `(x)`: x + constant.
    AddImm(f32),
    /// `(x)`: the larger of x and a constant.
    MaxImm(f32),
    /// `(w) -> w`: limits to `[-c, c]`.
    Clamp(f32),
    /// `(w) -> w`: rows and columns swapped.
    Transpose,
    /// `(w) -> w[len, cols]`: rows `start .. start + len`.
    RowSlice(u32, u32),
    /// `(x)`: square root.
    Sqrt,
    /// `(x)`: hyperbolic tangent.
    Tanh,
    /// `(x)`: GELU, tanh form.
    Gelu,
    /// `(x) -> rows[1]`: mean of the columns.
    Mean,
    /// `(x) -> rows[len]`: columns `start .. start + len`.
    Slice(u32, u32),
    /// `(gate, x, w[F, K]) -> rows[F]`: `gate * (x * w^T)`, computed only where `gate` is not zero.
    SparseUp,
    /// `(hidden, w[F, N]) -> rows[N]`: `hidden * w`, computed only where `hidden` is not zero.
    SparseDown,
    /// `(inputs...) -> (outputs...)`: a fused region. Inputs bind its reading slots in order, outputs its writing slots in order. A `Const` or
    /// `ConstScalars` slot takes a weight, whose elements are read row-major; an `OutScalars(n)` slot yields `rows[n]`.
    Fused(Region),
}

impl Op {
    /// Its name in listings and in the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Weight(_) => "weight",
            Self::Handoff(_) => "handoff",
            Self::Embed(_) => "embed",
            Self::EmbedPerLayer(_) => "embed_per_layer",
            Self::MatMul => "matmul",
            Self::RmsNorm(_) => "rms_norm",
            Self::HeadNorm { .. } => "head_norm",
            Self::Attention { .. } => "attention",
            Self::KvAppend(_) => "kv_append",
            Self::CachedAttention { .. } => "cached_attention",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::Scale(_) => "scale",
            Self::AddImm(_) => "add_imm",
            Self::MaxImm(_) => "max_imm",
            Self::Clamp(_) => "clamp",
            Self::Transpose => "transpose",
            Self::RowSlice(..) => "row_slice",
            Self::Sqrt => "sqrt",
            Self::Tanh => "tanh",
            Self::Gelu => "gelu",
            Self::Mean => "mean",
            Self::Slice(..) => "slice",
            Self::SparseUp => "sparse_up",
            Self::SparseDown => "sparse_down",
            Self::Fused(_) => "fused",
        }
    }
}

/// An op applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is done.
    pub op: Op,
    /// To what.
    pub inputs: Vec<ValueId>,
    /// Yielding what.
    pub outputs: Vec<ValueId>,
}

/// Type and name of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub ty: Type,
    /// A name for people, unique within the graph if not empty: `layers.3.attention.query`. Passes keep the names of values they keep.
    pub name: String,
}

/// Nodes in order, values by number, and the values that must be there at the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// In a valid order: a value is computed before it is used.
    pub nodes: Vec<Node>,
    /// By number.
    pub values: Vec<Value>,
    /// What the graph is run for, in order. In a tail the only output is the logits; in a body, the handoffs.
    pub outputs: Vec<ValueId>,
}

impl Graph {
    /// Appends a node whose outputs are new values of the types that [`verify::infer`] gives.
    ///
    /// # Errors
    /// The sentence of the shape rule that is broken.
    pub fn push(&mut self, op: Op, inputs: &[ValueId]) -> Result<Vec<ValueId>, String> {
        let types: Vec<Type> = inputs.iter().map(|v| self.ty(*v)).collect();
        let outputs = verify::infer(&op, &types)?
            .into_iter()
            .map(|ty| {
                self.values.push(Value { ty, name: String::new() });
                ValueId(self.values.len() as u32 - 1)
            })
            .collect::<Vec<_>>();
        self.nodes.push(Node { op, inputs: inputs.to_vec(), outputs: outputs.clone() });
        Ok(outputs)
    }

    /// The type of a value.
    pub fn ty(&self, value: ValueId) -> Type {
        self.values[value.0 as usize].ty
    }

    /// Columns of a rows value, or of a weight.
    pub fn width(&self, value: ValueId) -> u32 {
        match self.ty(value) {
            Type::Rows(width) | Type::Weight(_, width) => width,
        }
    }

    /// The name of a value, or its number.
    pub fn label(&self, value: ValueId) -> String {
        let name = &self.values[value.0 as usize].name;
        if name.is_empty() { format!("%{}", value.0) } else { name.clone() }
    }

    /// Index of the node that makes each value.
    pub fn makers(&self) -> Vec<Option<usize>> {
        let mut makers = vec![None; self.values.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            for output in &node.outputs {
                makers[output.0 as usize] = Some(at);
            }
        }
        makers
    }

    /// Nodes that use each value.
    pub fn users(&self) -> Vec<Vec<usize>> {
        let mut users = vec![Vec::new(); self.values.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                users[input.0 as usize].push(at);
            }
        }
        users
    }

    /// The constant behind a value, if it is one.
    pub fn weight(&self, value: ValueId) -> Option<&WeightRef> {
        self.nodes.iter().find(|n| n.outputs.contains(&value)).and_then(|n| match &n.op {
            Op::Weight(w) => Some(w),
            _ => None,
        })
    }
}

impl Graph {
    /// Adds a constant of `rows` by `cols`.
    pub fn constant(&mut self, weight: WeightRef, rows: u32, cols: u32) -> ValueId {
        self.source(Op::Weight(weight), Type::Weight(rows, cols))
    }

    /// Adds a node without inputs whose type is not inferred (a constant or a handoff).
    pub fn source(&mut self, op: Op, ty: Type) -> ValueId {
        self.values.push(Value { ty, name: String::new() });
        let value = ValueId(self.values.len() as u32 - 1);
        self.nodes.push(Node { op, inputs: vec![], outputs: vec![value] });
        value
    }
}
