//! Shape rules of every op, and the verifier that runs after every pass.

use super::{Graph, Op, Type, ValueId};
use unicorn_artifact::region::Operand;

/// Output types of `op` on inputs of these types.
///
/// # Errors
/// A sentence that names the op and the rule.
pub fn infer(op: &Op, inputs: &[Type]) -> Result<Vec<Type>, String> {
    use Type::{Rows, Weight};
    let bad = |rule: &str| Err(format!("`{}` on {inputs:?}: {rule}", op.name()));
    Ok(match (op, inputs) {
        (Op::Weight(_), []) => return Err("`weight` has its shape from the checkpoint; add it with `Graph::constant`".into()),
        (Op::Handoff(_), []) => return Err("`handoff` has its shape from the body; add it with `Graph::source`".into()),
        (Op::Embed(_) | Op::EmbedPerLayer(_), [Weight(_, cols)]) => vec![Rows(*cols)],
        (Op::MatMul, [Rows(k), Weight(n, cols)]) if k == cols => vec![Rows(*n)],
        (Op::MatMul, _) => return bad("wants rows of the weight's columns, and a weight"),
        (Op::RmsNorm(_), [Rows(width)]) => vec![Rows(*width)],
        (Op::RmsNorm(_), [Rows(width), Weight(1, cols)]) if width == cols => vec![Rows(*width)],
        (Op::HeadNorm { head_dim, .. }, [Rows(width)]) if *head_dim > 0 && width.is_multiple_of(*head_dim) => vec![Rows(*width)],
        (Op::HeadNorm { head_dim, .. }, [Rows(width), Weight(1, cols)]) if head_dim == cols && *cols > 0 && width.is_multiple_of(*cols) => {
            vec![Rows(*width)]
        }
        (Op::Attention { kv_heads, head_dim, .. }, [Rows(q), Rows(k), Rows(v)]) => {
            let kv = kv_heads.saturating_mul(*head_dim);
            if kv == 0 || *k != kv || *v != kv || !q.is_multiple_of(kv) {
                return bad("wants keys and values of kv_heads * head_dim columns, queries of a multiple of that");
            }
            vec![Rows(*q)]
        }
        (Op::KvAppend(_), [Rows(k), Rows(v)]) if k == v => vec![],
        (Op::CachedAttention { kv_heads, head_dim, .. }, [Rows(q)]) => {
            let kv = kv_heads.saturating_mul(*head_dim);
            if kv == 0 || !q.is_multiple_of(kv) {
                return bad("wants queries of a multiple of kv_heads * head_dim columns");
            }
            vec![Rows(*q)]
        }
        (Op::Add | Op::Sub | Op::Mul | Op::Div, [a, b]) => match (a, b) {
            (Rows(a), Rows(b)) if a == b || *a == 1 || *b == 1 => vec![Rows(*a.max(b))],
            (Rows(a), Weight(1, b)) | (Weight(1, b), Rows(a)) if a == b => vec![Rows(*a)],
            _ => return bad("wants equal widths, or one of width 1, or a weight of one row"),
        },
        (Op::Scale(_), [ty]) => vec![*ty],
        (Op::AddImm(_) | Op::MaxImm(_) | Op::Sqrt | Op::Tanh | Op::Gelu, [Rows(width)]) => vec![Rows(*width)],
        (Op::Clamp(_), [Weight(rows, cols)]) => vec![Weight(*rows, *cols)],
        (Op::Transpose, [Weight(rows, cols)]) => vec![Weight(*cols, *rows)],
        (Op::RowSlice(start, len), [Weight(rows, cols)]) if *len > 0 && start.checked_add(*len).is_some_and(|end| end <= *rows) => {
            vec![Weight(*len, *cols)]
        }
        (Op::Mean, [Rows(_)]) => vec![Rows(1)],
        (Op::Slice(start, len), [Rows(width)]) if *len > 0 && start.checked_add(*len).is_some_and(|end| end <= *width) => vec![Rows(*len)],
        (Op::SparseUp, [Rows(f), Rows(k), Weight(rows, cols)]) if f == rows && k == cols => vec![Rows(*f)],
        (Op::SparseDown, [Rows(f), Weight(rows, cols)]) if f == rows => vec![Rows(*cols)],
        (Op::Fused(region), _) => {
            region.kinds().map_err(|why| format!("`fused`: {why}"))?;
            let mut given = inputs.iter();
            let mut outputs = Vec::new();
            for (slot, operand) in region.operands.iter().enumerate() {
                let wanted = operand.elements(region.width);
                match operand {
                    Operand::OutRow | Operand::OutScalars(_) => outputs.push(Rows(wanted)),
                    Operand::Row | Operand::Scalars(_) => match given.next() {
                        Some(Rows(width)) if *width == wanted => {}
                        other => return bad(&format!("slot {slot} wants rows of {wanted}, has {other:?}")),
                    },
                    Operand::Const | Operand::ConstScalars(_) => match given.next() {
                        Some(Weight(rows, cols)) if rows.checked_mul(*cols) == Some(wanted) => {}
                        other => return bad(&format!("slot {slot} wants a weight of {wanted} elements, has {other:?}")),
                    },
                }
            }
            if given.next().is_some() {
                return bad("more inputs than reading slots");
            }
            outputs
        }
        _ => return bad("no rule for operands of these types"),
    })
}

/// Checks a whole graph: values made once and before use, types as inferred, outputs made, names unique, indices in range.
///
/// # Errors
/// Every broken rule, a line each.
pub fn verify(graph: &Graph) -> Result<(), String> {
    let mut faults = Vec::new();
    let mut made = vec![false; graph.values.len()];
    let exists = |v: &ValueId| (v.0 as usize) < graph.values.len();
    for (at, node) in graph.nodes.iter().enumerate() {
        let place = format!("node {at} `{}`", node.op.name());
        if let Some(v) = node.inputs.iter().chain(&node.outputs).find(|v| !exists(v)) {
            faults.push(format!("{place}: value %{} does not exist", v.0));
            continue;
        }
        for input in node.inputs.iter().filter(|v| !made[v.0 as usize]) {
            faults.push(format!("{place}: {} is used before it is made", graph.label(*input)));
        }
        let types: Vec<Type> = node.inputs.iter().map(|v| graph.ty(*v)).collect();
        let given: Vec<Type> = node.outputs.iter().map(|v| graph.ty(*v)).collect();
        match &node.op {
            Op::Weight(_) if types.is_empty() && matches!(given[..], [Type::Weight(..)]) => {}
            Op::Handoff(_) if types.is_empty() && matches!(given[..], [Type::Rows(_)]) => {}
            op => match infer(op, &types) {
                Ok(wanted) if wanted == given => {}
                Ok(wanted) => faults.push(format!("{place}: outputs are {given:?}, the rule says {wanted:?}")),
                Err(why) => faults.push(format!("node {at}: {why}")),
            },
        }
        for output in &node.outputs {
            if std::mem::replace(&mut made[output.0 as usize], true) {
                faults.push(format!("{place}: {} is made twice", graph.label(*output)));
            }
        }
    }
    for output in &graph.outputs {
        if !exists(output) || !made[output.0 as usize] {
            faults.push(format!("output %{} is never made", output.0));
        }
    }
    let mut names: Vec<&str> = graph.values.iter().map(|v| v.name.as_str()).filter(|n| !n.is_empty()).collect();
    names.sort_unstable();
    faults.extend(names.windows(2).filter(|w| w[0] == w[1]).map(|w| format!("two values are named `{}`", w[0])));
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Node, WeightRef};
    use unicorn_artifact::region::{Region, RegionOp};

    const R: Type = Type::Rows(64);
    const ONE: Type = Type::Rows(1);

    #[test]
    fn each_op_has_its_types() {
        let w = Type::Weight;
        let head = |head_dim| Op::HeadNorm { head_dim, epsilon: 1e-6, theta: None };
        let attention = |kv_heads, head_dim| Op::Attention { kv_heads, head_dim, window: 0, scale: 1.0 };
        let cached = |kv_heads, head_dim| Op::CachedAttention { state: 0, kv_heads, head_dim, window: 0, scale: 1.0 };
        let good: Vec<(Op, Vec<Type>, Vec<Type>)> = vec![
            (Op::Embed(1.0), vec![w(9, 64)], vec![R]),
            (Op::EmbedPerLayer(1.0), vec![w(9, 64)], vec![R]),
            (Op::MatMul, vec![R, w(7, 64)], vec![Type::Rows(7)]),
            (Op::RmsNorm(0.0), vec![R], vec![R]),
            (Op::RmsNorm(0.0), vec![R, w(1, 64)], vec![R]),
            (head(16), vec![R], vec![R]),
            (head(16), vec![R, w(1, 16)], vec![R]),
            (attention(1, 16), vec![R, Type::Rows(16), Type::Rows(16)], vec![R]),
            (cached(2, 16), vec![R], vec![R]),
            (Op::KvAppend(0), vec![R, R], vec![]),
            (Op::Add, vec![R, ONE], vec![R]),
            (Op::Sub, vec![ONE, R], vec![R]),
            (Op::Mul, vec![w(1, 64), R], vec![R]),
            (Op::Div, vec![R, R], vec![R]),
            (Op::Scale(1.0), vec![w(2, 3)], vec![w(2, 3)]),
            (Op::Clamp(1.0), vec![w(2, 3)], vec![w(2, 3)]),
            (Op::Transpose, vec![w(2, 3)], vec![w(3, 2)]),
            (Op::Mean, vec![R], vec![ONE]),
            (Op::Slice(60, 4), vec![R], vec![Type::Rows(4)]),
            (Op::SparseUp, vec![Type::Rows(9), R, w(9, 64)], vec![Type::Rows(9)]),
            (Op::SparseDown, vec![Type::Rows(9), w(9, 64)], vec![R]),
        ];
        for (op, inputs, outputs) in good {
            assert_eq!(infer(&op, &inputs), Ok(outputs), "{}", op.name());
        }
        let bad: Vec<(Op, Vec<Type>)> = vec![
            (Op::Weight(WeightRef::plain("w")), vec![]),
            (Op::Handoff(0), vec![]),
            (Op::Embed(1.0), vec![R]),
            (Op::MatMul, vec![R, w(7, 63)]),
            (Op::MatMul, vec![R, R]),
            (Op::RmsNorm(0.0), vec![R, w(2, 64)]),
            (Op::RmsNorm(0.0), vec![R, w(1, 63)]),
            (head(48), vec![R]),
            (head(0), vec![R]),
            (head(16), vec![R, w(1, 64)]),
            (attention(2, 16), vec![R, R, Type::Rows(32)]),
            (attention(0, 16), vec![R, Type::Rows(0), Type::Rows(0)]),
            (attention(3, 16), vec![R, Type::Rows(48), Type::Rows(48)]),
            (attention(u32::MAX, 2), vec![R, R, R]),
            (cached(3, 16), vec![R]),
            (Op::KvAppend(0), vec![R, ONE]),
            (Op::Add, vec![R, Type::Rows(2)]),
            (Op::Add, vec![R, w(2, 64)]),
            (Op::Add, vec![w(1, 64), w(1, 64)]),
            (Op::Add, vec![R]),
            (Op::Gelu, vec![w(1, 1)]),
            (Op::Clamp(1.0), vec![R]),
            (Op::Transpose, vec![R]),
            (Op::Mean, vec![R, R]),
            (Op::Slice(61, 4), vec![R]),
            (Op::Slice(0, 0), vec![R]),
            (Op::Slice(u32::MAX, 2), vec![R]),
            (Op::SparseUp, vec![Type::Rows(8), R, w(9, 64)]),
            (Op::SparseDown, vec![R, w(9, 64)]),
        ];
        for (op, inputs) in bad {
            assert!(infer(&op, &inputs).unwrap_err().contains(op.name()), "{} on {inputs:?}", op.name());
        }
    }

    #[test]
    fn a_region_binds_its_slots_in_order() {
        let operands = vec![Operand::OutRow, Operand::Row, Operand::Const, Operand::Scalars(2), Operand::OutScalars(3), Operand::ConstScalars(6)];
        let region = Region { width: 64, operands, ops: vec![RegionOp::Load(1), RegionOp::Store(0, 0)] };
        let inputs = [R, Type::Weight(8, 8), Type::Rows(2), Type::Weight(2, 3)];
        let op = Op::Fused(region.clone());
        assert_eq!(infer(&op, &inputs), Ok(vec![R, Type::Rows(3)]));
        for at in 0..inputs.len() {
            let mut wrong = inputs;
            wrong[at] = Type::Rows(5);
            assert!(infer(&op, &wrong).unwrap_err().contains("slot"), "input {at}");
        }
        assert!(infer(&op, &inputs[..3]).unwrap_err().contains("slot 5"));
        assert!(infer(&op, &[inputs.as_slice(), &[R]].concat()).unwrap_err().contains("more inputs"));
        assert!(infer(&Op::Fused(Region { width: 60, ..region }), &inputs).unwrap_err().contains("60"));
    }

    fn sound() -> Graph {
        let mut graph = Graph::default();
        let w = graph.constant(WeightRef::plain("w"), 5, 64);
        let x = graph.source(Op::Handoff(0), R);
        let y = graph.push(Op::MatMul, &[x, w]).unwrap()[0];
        let z = graph.push(Op::Gelu, &[y]).unwrap()[0];
        graph.outputs = vec![z];
        graph
    }

    #[test]
    fn every_fault_is_found() {
        assert_eq!(verify(&sound()), Ok(()));
        type Break = fn(&mut Graph);
        let faults: [(&str, Break); 10] = [
            ("does not exist", |g| g.nodes[3].inputs[0] = ValueId(9)),
            ("does not exist", |g| g.nodes[3].outputs[0] = ValueId(9)),
            ("used before it is made", |g| g.nodes.swap(2, 3)),
            ("made twice", |g| g.nodes.push(Node { op: Op::Gelu, inputs: vec![ValueId(2)], outputs: vec![ValueId(3)] })),
            ("the rule says", |g| g.values[3].ty = Type::Rows(6)),
            ("the rule says", |g| g.nodes[3].outputs.clear()),
            ("no rule", |g| g.nodes[3].inputs.clear()),
            ("checkpoint", |g| g.values[0].ty = R),
            ("is never made", |g| g.outputs.push(ValueId(7))),
            ("two values are named `x`", |g| g.values.iter_mut().take(2).for_each(|v| v.name = "x".into())),
        ];
        for (wanted, fault) in faults {
            let mut graph = sound();
            fault(&mut graph);
            let why = verify(&graph).unwrap_err();
            assert!(why.contains(wanted), "{wanted}: {why}");
        }
        let mut graph = sound();
        graph.nodes.remove(3);
        assert!(verify(&graph).unwrap_err().contains("output %3 is never made"));
        graph.nodes.truncate(1);
        graph.nodes.push(Node { op: Op::Gelu, inputs: vec![ValueId(1)], outputs: vec![ValueId(2)] });
        assert!(verify(&graph).unwrap_err().lines().count() >= 3);
    }
}
