//! Fused regions: straight-line row programs over f32, compiled to machine code ahead of time and interpreted where that code may not run.
//!
//! # Meaning
//! A region runs once per row. Every value is either a *vector* of `width` elements or a *scalar*. All arithmetic is IEEE single precision,
//! one rounding per operation, never contracted into fused multiply-adds, so compiled code and interpreter agree bit for bit:
//! * [`RegionOp::Sum`] keeps 16 partial sums, partial `l` adding elements `l, l + 16, l + 32, ...` in that order starting from 0, then adds halves:
//!   `s[l] += s[l + 8]`, `s[l] += s[l + 4]`, `s[l] += s[l + 2]`, `s[0] + s[1]`. Hence `width` is a multiple of 16.
//! * [`RegionOp::Tanh`] is [`tanh`] below, [`RegionOp::Gelu`] is [`gelu`]; compiled code performs the same operations in the same order.
//! * [`RegionOp::Max`] is `if a > b { a } else { b }` (so a NaN in `a` yields `b`).
//!
//! Code without `Sum` is element-wise and may be run on any column range that is a multiple of 16.

use serde::{Deserialize, Serialize};

/// Partial sums of [`RegionOp::Sum`], and the granule of columns.
pub const LANES: usize = 16;

/// Index of an operation; its result is the value of the same number.
pub type ValueId = u16;

/// What an operand slot expects. Slots are bound by the command that calls the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operand {
    /// `width` elements per row, read.
    Row,
    /// `width` elements, the same for every row, read.
    Const,
    /// `count` scalars per row, read.
    Scalars(u16),
    /// `count` scalars, the same for every row, read.
    ConstScalars(u16),
    /// `width` elements per row, written.
    OutRow,
    /// `count` scalars per row, written.
    OutScalars(u16),
}

impl Operand {
    /// Whether the region writes it.
    pub fn is_output(self) -> bool {
        matches!(self, Self::OutRow | Self::OutScalars(_))
    }

    /// Whether it is the same for every row.
    pub fn is_const(self) -> bool {
        matches!(self, Self::Const | Self::ConstScalars(_))
    }

    /// Elements per row.
    pub fn elements(self, width: u32) -> u32 {
        match self {
            Self::Row | Self::Const | Self::OutRow => width,
            Self::Scalars(n) | Self::ConstScalars(n) | Self::OutScalars(n) => u32::from(n),
        }
    }
}

/// One operation. Operands name earlier operations. A binary operation of a vector and a scalar broadcasts the scalar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum RegionOp {
    /// The vector bound to a `Row` or `Const` slot.
    Load(u16),
    /// Scalar `index` of a `Scalars` or `ConstScalars` slot.
    LoadScalar(u16, u16),
    /// A scalar constant.
    Imm(f32),
    /// a + b
    Add(ValueId, ValueId),
    /// a - b
    Sub(ValueId, ValueId),
    /// a * b
    Mul(ValueId, ValueId),
    /// a / b
    Div(ValueId, ValueId),
    /// The larger.
    Max(ValueId, ValueId),
    /// The square root, correctly rounded.
    Sqrt(ValueId),
    /// Hyperbolic tangent, [`tanh`].
    Tanh(ValueId),
    /// GELU in its tanh form, [`gelu`].
    Gelu(ValueId),
    /// Sum of a vector's elements: a scalar.
    Sum(ValueId),
    /// Writes a vector to an `OutRow` slot. Its value may not be used.
    Store(u16, ValueId),
    /// Writes a scalar to element `index` of an `OutScalars` slot. Its value may not be used.
    StoreScalar(u16, u16, ValueId),
}

impl RegionOp {
    /// The values it reads.
    pub fn inputs(self) -> [Option<ValueId>; 2] {
        match self {
            Self::Load(_) | Self::LoadScalar(..) | Self::Imm(_) => [None, None],
            Self::Add(a, b) | Self::Sub(a, b) | Self::Mul(a, b) | Self::Div(a, b) | Self::Max(a, b) => [Some(a), Some(b)],
            Self::Sqrt(a) | Self::Tanh(a) | Self::Gelu(a) | Self::Sum(a) | Self::Store(_, a) | Self::StoreScalar(_, _, a) => [Some(a), None],
        }
    }
}

/// Whether a value is a vector, a scalar, or nothing (stores).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `width` elements.
    Vector,
    /// One element.
    Scalar,
    /// A store: no value.
    Nothing,
}

/// A region: slots and operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Elements of a vector; a multiple of [`LANES`].
    pub width: u32,
    /// Slots, in the order in which a call binds them.
    pub operands: Vec<Operand>,
    /// Operations in order.
    pub ops: Vec<RegionOp>,
}

/// More operations or operands than any sane region has; a bound for hostile files.
pub const MAX_OPS: usize = 4096;

impl Region {
    /// Whether any operation sums over the row (then columns cannot be divided among threads).
    pub fn reduces(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, RegionOp::Sum(_)))
    }

    /// Checks the rules above and gives the kind of every value. The error is a sentence.
    pub fn kinds(&self) -> Result<Vec<Kind>, String> {
        if self.width == 0 || !(self.width as usize).is_multiple_of(LANES) {
            return Err(format!("width {} is not a positive multiple of {LANES}", self.width));
        }
        if self.ops.len() > MAX_OPS || self.operands.len() > MAX_OPS {
            return Err(format!("more than {MAX_OPS} operations or operands"));
        }
        let mut kinds: Vec<Kind> = Vec::with_capacity(self.ops.len());
        for (at, &op) in self.ops.iter().enumerate() {
            let kind = self.kind_of(op, &kinds).map_err(|why| format!("operation {at}: {why}"))?;
            kinds.push(kind);
        }
        Ok(kinds)
    }

    fn kind_of(&self, op: RegionOp, earlier: &[Kind]) -> Result<Kind, String> {
        let slot = |s: u16| self.operands.get(usize::from(s)).copied().ok_or_else(|| format!("slot {s} does not exist"));
        let value = |v: ValueId| match earlier.get(usize::from(v)) {
            None => Err(format!("value {v} is not computed earlier")),
            Some(Kind::Nothing) => Err(format!("value {v} is a store")),
            Some(&kind) => Ok(kind),
        };
        Ok(match op {
            RegionOp::Load(s) => match slot(s)? {
                Operand::Row | Operand::Const => Kind::Vector,
                other => return Err(format!("slot {s} is {other:?}, not a vector to read")),
            },
            RegionOp::LoadScalar(s, i) => match slot(s)? {
                Operand::Scalars(n) | Operand::ConstScalars(n) if i < n => Kind::Scalar,
                other => return Err(format!("slot {s} is {other:?}: no scalar {i} to read")),
            },
            RegionOp::Imm(_) => Kind::Scalar,
            RegionOp::Add(a, b) | RegionOp::Sub(a, b) | RegionOp::Mul(a, b) | RegionOp::Div(a, b) | RegionOp::Max(a, b) => {
                let kinds = [value(a)?, value(b)?];
                if kinds.contains(&Kind::Vector) { Kind::Vector } else { Kind::Scalar }
            }
            RegionOp::Sqrt(a) | RegionOp::Tanh(a) | RegionOp::Gelu(a) => value(a)?,
            RegionOp::Sum(a) => match value(a)? {
                Kind::Vector => Kind::Scalar,
                _ => return Err(format!("value {a} is a scalar and cannot be summed")),
            },
            RegionOp::Store(s, a) => match (slot(s)?, value(a)?) {
                (Operand::OutRow, Kind::Vector) => Kind::Nothing,
                (other, kind) => return Err(format!("cannot store a {kind:?} to slot {s}, which is {other:?}")),
            },
            RegionOp::StoreScalar(s, i, a) => match (slot(s)?, value(a)?) {
                (Operand::OutScalars(n), Kind::Scalar) if i < n => Kind::Nothing,
                (other, kind) => return Err(format!("cannot store a {kind:?} to element {i} of slot {s}, which is {other:?}")),
            },
        })
    }
}

/// Inputs beyond this magnitude give +-1 (to the last bit) in [`tanh`].
pub const TANH_CLAMP: f32 = 7.905_311;
/// Odd numerator coefficients of [`tanh`], highest power first (x^13 .. x^1).
pub const TANH_NUMERATOR: [f32; 7] =
    [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297_1e-8, 1.485_722_4e-5, 6.372_619_4e-4, 4.893_524_6e-3];
/// Even denominator coefficients of [`tanh`], highest power first (x^6 .. x^0).
pub const TANH_DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
/// sqrt(2 / pi), the inner factor of [`gelu`].
pub const GELU_FACTOR: f32 = 0.797_884_6;
/// The cubic coefficient of [`gelu`].
pub const GELU_CUBIC: f32 = 0.044_715;

/// Hyperbolic tangent as a rational function: the 13/6 minimax form known from Eigen's `ptanh`; absolute error below 4e-7.
///
/// Order of operations: clamp (`max` with the lower bound, then `min` with the upper, both as comparisons); `z = x * x`; both polynomials by Horner from
/// their first coefficient, each step `p * z + c` as a product and a sum; `(x * p) / q`.
#[inline]
pub fn tanh(x: f32) -> f32 {
    let x = if x > -TANH_CLAMP { x } else { -TANH_CLAMP };
    let x = if x < TANH_CLAMP { x } else { TANH_CLAMP };
    let z = x * x;
    let horner = |c: &[f32]| c[1..].iter().fold(c[0], |p, c| p * z + c);
    (x * horner(&TANH_NUMERATOR)) / horner(&TANH_DENOMINATOR)
}

/// GELU, tanh approximation: `(0.5 * x) * (1 + tanh(GELU_FACTOR * (x + ((GELU_CUBIC * x) * x) * x)))`.
#[inline]
pub fn gelu(x: f32) -> f32 {
    let inner = GELU_FACTOR * (x + ((GELU_CUBIC * x) * x) * x);
    (0.5 * x) * (1.0 + tanh(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_close_to_the_library() {
        for i in -4000..=4000 {
            let x = i as f32 / 333.0;
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 4e-7, "at {x}: {} against {}", tanh(x), x.tanh());
        }
        assert_eq!(tanh(0.0), 0.0);
        assert!((tanh(1e9) - 1.0).abs() < 2e-7);
    }

    #[test]
    fn malformed_regions_are_named() {
        let region = |ops| Region { width: 32, operands: vec![Operand::Row, Operand::OutRow], ops };
        assert!(region(vec![RegionOp::Load(0), RegionOp::Store(1, 0)]).kinds().is_ok());
        assert!(region(vec![RegionOp::Add(0, 0)]).kinds().unwrap_err().contains("operation 0"));
        assert!(region(vec![RegionOp::Load(0), RegionOp::Add(0, 7)]).kinds().unwrap_err().contains("value 7"));
        assert!(region(vec![RegionOp::Load(0), RegionOp::Store(1, 0), RegionOp::Add(0, 1)]).kinds().unwrap_err().contains("is a store"));
        assert!(region(vec![RegionOp::Load(1)]).kinds().unwrap_err().contains("slot 1"));
        assert!(region(vec![RegionOp::Imm(1.0), RegionOp::Store(1, 0)]).kinds().unwrap_err().contains("cannot store"));
        assert!(Region { width: 8, operands: vec![], ops: vec![] }.kinds().is_err());
    }
}
