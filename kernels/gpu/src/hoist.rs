//! Scalars out of sums: `sum(s * x)` becomes `s * sum(x)`, so that a sum does not wait for the one that `s` comes from, and threads meet once for both.

use std::collections::BTreeMap;
use unicorn_artifact::region::{Kind, Region, RegionOp, ValueId};

/// The same region but for the rounding of sums, with as few sums behind one another as factors allow.
pub fn hoist(region: &Region) -> Region {
    let Ok(kinds) = region.kinds() else { return region.clone() };
    let mut made =
        Hoist { region, kinds, ops: Vec::with_capacity(region.ops.len()), new: Vec::with_capacity(region.ops.len()), split: BTreeMap::new() };
    for (at, &op) in region.ops.iter().enumerate() {
        let value = match op {
            RegionOp::Sum(a) if made.kinds[usize::from(a)] == Kind::Vector => {
                let (factors, vector) = made.split(a);
                let sum = made.push(RegionOp::Sum(vector));
                factors.into_iter().fold(sum, |product, factor| made.push(RegionOp::Mul(product, factor)))
            }
            _ => made.push(renamed(op, |v| made.new[usize::from(v)])),
        };
        debug_assert_eq!(made.new.len(), at);
        made.new.push(value);
    }
    let Hoist { ops, .. } = made;
    without_unused(&Region { width: region.width, operands: region.operands.clone(), ops })
}

struct Hoist<'a> {
    region: &'a Region,
    /// Of the old operations.
    kinds: Vec<Kind>,
    ops: Vec<RegionOp>,
    /// New numbers of the old operations.
    new: Vec<ValueId>,
    /// Of an old vector: its scalar factors and what is left, in new numbers.
    split: BTreeMap<ValueId, (Vec<ValueId>, ValueId)>,
}

impl Hoist<'_> {
    fn push(&mut self, op: RegionOp) -> ValueId {
        self.ops.push(op);
        (self.ops.len() - 1) as ValueId
    }

    fn split(&mut self, vector: ValueId) -> (Vec<ValueId>, ValueId) {
        if let Some(known) = self.split.get(&vector) {
            return known.clone();
        }
        let scalar = |v: ValueId| self.kinds[usize::from(v)] == Kind::Scalar;
        let whole = (vec![], self.new[usize::from(vector)]);
        let parts = match self.region.ops[usize::from(vector)] {
            RegionOp::Mul(a, b) if scalar(a) || scalar(b) => {
                let (factor, rest) = if scalar(a) { (a, b) } else { (b, a) };
                let (mut factors, rest) = self.split(rest);
                factors.push(self.new[usize::from(factor)]);
                (factors, rest)
            }
            RegionOp::Mul(a, b) => {
                let ((mut factors, left), (more, right)) = (self.split(a), self.split(b));
                factors.extend(more);
                if factors.is_empty() { whole } else { (factors, self.push(RegionOp::Mul(left, right))) }
            }
            _ => whole,
        };
        self.split.insert(vector, parts.clone());
        parts
    }
}

fn renamed(op: RegionOp, new: impl Fn(ValueId) -> ValueId) -> RegionOp {
    use RegionOp::*;
    match op {
        Load(_) | LoadScalar(..) | Imm(_) => op,
        Add(a, b) => Add(new(a), new(b)),
        Sub(a, b) => Sub(new(a), new(b)),
        Mul(a, b) => Mul(new(a), new(b)),
        Div(a, b) => Div(new(a), new(b)),
        Max(a, b) => Max(new(a), new(b)),
        Sqrt(a) => Sqrt(new(a)),
        Tanh(a) => Tanh(new(a)),
        Gelu(a) => Gelu(new(a)),
        Sum(a) => Sum(new(a)),
        Store(slot, a) => Store(slot, new(a)),
        StoreScalar(slot, index, a) => StoreScalar(slot, index, new(a)),
    }
}

/// Leaves out operations that nothing stored depends on.
fn without_unused(region: &Region) -> Region {
    let mut used = vec![false; region.ops.len()];
    for (at, op) in region.ops.iter().enumerate().rev() {
        used[at] |= matches!(op, RegionOp::Store(..) | RegionOp::StoreScalar(..));
        if used[at] {
            op.inputs().into_iter().flatten().for_each(|input| used[usize::from(input)] = true);
        }
    }
    let mut new = Vec::with_capacity(region.ops.len());
    let mut ops = Vec::new();
    for (at, &op) in region.ops.iter().enumerate() {
        new.push(ops.len() as ValueId);
        if used[at] {
            ops.push(renamed(op, |v| new[usize::from(v)]));
        }
    }
    Region { width: region.width, operands: region.operands.clone(), ops }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicorn_artifact::region::Operand;

    const WIDTH: usize = 32;

    /// What a region stores, in double precision; slot `n` holds `sin(n + column)`.
    fn run(region: &Region) -> Vec<f64> {
        use RegionOp::*;
        let input = |slot: u16, at: usize| (f64::from(slot) + 0.37 * at as f64).sin();
        let (mut values, mut stored): (Vec<Vec<f64>>, Vec<f64>) = (vec![], vec![]);
        for op in &region.ops {
            let get = |v: ValueId, e: usize| values[usize::from(v)][e];
            let each = |f: &dyn Fn(usize) -> f64| (0..WIDTH).map(f).collect::<Vec<_>>();
            let value = match *op {
                Load(slot) => each(&|e| input(slot, e)),
                LoadScalar(slot, at) => vec![input(slot, usize::from(at)); WIDTH],
                Imm(x) => vec![f64::from(x); WIDTH],
                Add(a, b) => each(&|e| get(a, e) + get(b, e)),
                Sub(a, b) => each(&|e| get(a, e) - get(b, e)),
                Mul(a, b) => each(&|e| get(a, e) * get(b, e)),
                Div(a, b) => each(&|e| get(a, e) / get(b, e)),
                Max(a, b) => each(&|e| get(a, e).max(get(b, e))),
                Sqrt(a) => each(&|e| get(a, e).sqrt()),
                Tanh(a) | Gelu(a) => each(&|e| get(a, e).tanh()),
                Sum(a) => vec![values[usize::from(a)].iter().sum(); WIDTH],
                Store(_, a) | StoreScalar(_, _, a) => {
                    stored.extend(&values[usize::from(a)]);
                    vec![]
                }
            };
            values.push(value);
        }
        stored
    }

    fn depth(region: &Region) -> usize {
        crate::region::levels(region).into_iter().max().unwrap_or(0)
    }

    /// A router as AltUp has it: a norm, then two products of what it gives, and a norm of a value that depends on them.
    fn router() -> Region {
        use RegionOp::*;
        let ops = vec![
            Load(0),
            Mul(0, 0),
            Sum(1),
            Imm(1.0 / WIDTH as f32),
            Mul(2, 3),
            Sqrt(4),
            Imm(1.0),
            Div(6, 5),
            Mul(0, 7),
            Load(1),
            Mul(8, 9),
            Mul(10, 3),
            Load(2),
            Mul(11, 12),
            Sum(13),
            Load(3),
            Mul(15, 11),
            Sum(16),
            Tanh(14),
            Add(18, 17),
            Mul(0, 19),
            Mul(20, 20),
            Sum(21),
            Store(4, 20),
            StoreScalar(5, 0, 22),
        ];
        let operands = vec![Operand::Row, Operand::Const, Operand::Const, Operand::Const, Operand::OutRow, Operand::OutScalars(1)];
        Region { width: WIDTH as u32, operands, ops }
    }

    #[test]
    fn sums_come_side_by_side_and_mean_the_same() {
        let before = router();
        let after = hoist(&before);
        after.kinds().expect("a valid region");
        assert_eq!((depth(&before), depth(&after)), (3, 1));
        for (a, b) in run(&before).into_iter().zip(run(&after)) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{a} and {b}");
        }
    }

    #[test]
    fn a_region_without_such_sums_stays() {
        let region = Region {
            width: WIDTH as u32,
            operands: vec![Operand::Row, Operand::OutRow],
            ops: vec![RegionOp::Load(0), RegionOp::Mul(0, 0), RegionOp::Sum(1), RegionOp::Mul(0, 2), RegionOp::Store(1, 3)],
        };
        assert_eq!(hoist(&region), region);
    }
}
