//! CPU kernels: one file per op family, plain beside wide. The runtime links this crate; the compiler uses its `pack`.
//!
//! # The rule every kernel keeps
//! A row's result depends on that row alone and is the same to the last bit in every variant (plain, AVX2, AVX-512), for every row count, every
//! division among threads, sparse or dense. Each file defines its order of operations in its header; integer sums are exact, f32 sums have a
//! fixed order, `mul_add` is used in all variants or in none.
//!
//! Kernels take raw pointers because threads write disjoint parts of one buffer; the runtime has validated the plan before it calls one.

pub mod attention;
pub mod cost;
pub mod embed;
pub mod int8;
mod lanes;
pub mod matmul;
pub mod norm;
pub mod pack;
pub mod quantize;
pub mod region;
pub mod sparse;
#[cfg(test)]
mod testing;

pub use int8::MatMulInt8;
use std::ops::Range;

/// Instruction sets that kernels are written for, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// No intrinsics; every host.
    Plain,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL and VNNI (and what `Avx2` needs).
    Avx512,
}

impl Isa {
    /// The name shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512-vnni",
        }
    }

    /// The widest one this host can run.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            if avx2 && avx512 {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Plain
    }
}

/// Arguments of a dense product: rows `0..rows`, panels `panels` of the weight.
#[derive(Clone, Debug)]
pub struct MatMul {
    /// First input row: activations (quantised formats) or f32 (bf16).
    pub input: *const u8,
    /// Input columns, K.
    pub cols: usize,
    /// Input rows.
    pub rows: usize,
    /// First byte of the weight (panel 0), in panels.
    pub weight: *const u8,
    /// Panels to compute.
    pub panels: Range<usize>,
    /// Outputs of the weight, N (the last panel may be partial).
    pub outputs: usize,
    /// First element of output row 0, column 0.
    pub out: *mut f32,
    /// Elements from one output row to the next.
    pub out_stride: usize,
}

/// Arguments of [`Kernels::sparse_up`]: neurons `neurons`, all rows.
#[derive(Clone, Debug)]
pub struct SparseUp {
    /// f32 `[rows, neurons_total]`, read and written.
    pub gate: *mut f32,
    /// Elements from one gate row to the next (F).
    pub gate_stride: usize,
    /// `[rows, cols]`: activations or f32.
    pub input: *const u8,
    /// Input columns, K.
    pub cols: usize,
    /// Rows.
    pub rows: usize,
    /// First byte of the weight `[F, K]` in rows.
    pub weight: *const u8,
    /// Neurons to compute.
    pub neurons: Range<usize>,
    /// Compute every neuron, active or not (for the test that proves the gather exact).
    pub dense: bool,
}

/// Arguments of [`Kernels::sparse_down`]: output columns `columns`, all rows.
#[derive(Clone, Debug)]
pub struct SparseDown {
    /// f32 `[rows, neurons]`.
    pub hidden: *const f32,
    /// Neurons, F (also the row stride of `hidden`).
    pub neurons: usize,
    /// Rows.
    pub rows: usize,
    /// First byte of the weight `[F, N]` in rows.
    pub weight: *const u8,
    /// Output columns of the whole weight, N.
    pub outputs: usize,
    /// Columns to compute: bounds are multiples of 64, or N.
    pub columns: Range<usize>,
    /// f32 `[rows, N]`: `columns` of every row are overwritten.
    pub out: *mut f32,
    /// Add every neuron, active or not.
    pub dense: bool,
}

/// Arguments of [`Kernels::attention`]: one row, one KV head and the query heads that share it.
#[derive(Clone, Debug)]
pub struct Attention {
    /// The row's query, first element of the first query head of this group: f32 `[group, head_dim]`.
    pub query: *const f32,
    /// Query heads that share the KV head.
    pub group: usize,
    /// Elements of a head.
    pub head_dim: usize,
    /// Keys of this slot and KV head: f16 `[capacity / 16][head_dim][16]`.
    pub keys: *const u16,
    /// Values of this slot and KV head: f16 `[capacity][head_dim]`.
    pub values: *const u16,
    /// Places in the ring, a multiple of 16.
    pub capacity: usize,
    /// First position seen.
    pub first: usize,
    /// The row's own position (the last one seen). `last - first < capacity`.
    pub last: usize,
    /// Factor on the scores.
    pub scale: f32,
    /// f32 `[group, head_dim]`.
    pub out: *mut f32,
    /// At least `group * (capacity + 32)` f32.
    pub scratch: *mut f32,
}

/// The kernels of one instruction set. Chosen once, at load.
///
/// Safety contract of every function: all pointers are valid for the ranges that the arguments imply, outputs do not overlap inputs
/// (but for `SparseUp::gate`), no other thread touches the written ranges, and the host has the instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    /// Which set.
    pub isa: Isa,
    /// `(input, cols, out)`: quantises one f32 row to one activation row.
    pub quantize: unsafe fn(*const f32, usize, *mut u8),
    /// Dense product with a `Q4` weight.
    pub matmul_q4: unsafe fn(&MatMul),
    /// Dense product with a `Q8` weight.
    pub matmul_q8: unsafe fn(&MatMul),
    /// Dense product with a `Bf16` weight (f32 input).
    pub matmul_bf16: unsafe fn(&MatMul),
    /// `(input, cols, out)`: quantises one f32 row to one row of int8 activations.
    pub quantize_int8: unsafe fn(*const f32, usize, *mut u8),
    /// Product with an `Int8` weight.
    pub matmul_int8: unsafe fn(&MatMulInt8),
    /// `gate[r][j] *= dot(weight[j], input[r])` where the gate is not zero, by weight format: q4, q8, bf16.
    pub sparse_up: [unsafe fn(&SparseUp); 3],
    /// Sum of the active neurons' records, by weight format: q4, q8, bf16.
    pub sparse_down: [unsafe fn(&SparseDown); 3],
    /// Attention of one row over one KV head.
    pub attention: unsafe fn(&Attention),
}

impl Kernels {
    /// The table of `isa`.
    ///
    /// # Panics
    /// If the host cannot run it; ask [`Isa::detect`] first.
    pub fn new(isa: Isa) -> Self {
        assert!(isa <= Isa::detect(), "this host cannot run {} kernels", isa.name());
        Self {
            isa,
            quantize: quantize::select(isa),
            matmul_q4: matmul::select_q4(isa),
            matmul_q8: matmul::select_q8(isa),
            matmul_bf16: matmul::select_bf16(isa),
            quantize_int8: int8::select_quantize(isa),
            matmul_int8: int8::select_matmul(isa),
            sparse_up: sparse::select_up(isa),
            sparse_down: sparse::select_down(isa),
            attention: attention::select(isa),
        }
    }
}
