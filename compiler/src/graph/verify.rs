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
        (Op::HeadNorm { head_dim, .. }, [Rows(width), Weight(1, cols)]) if head_dim == cols && *cols > 0 && width.is_multiple_of(*cols) => vec![Rows(*width)],
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
