//! Fused regions in the evaluator: the arithmetic that `unicorn_artifact::region` defines, to the last bit.

use unicorn_artifact::region::{LANES, Region, RegionOp, gelu, tanh};

/// Runs a region for `count` rows. `inputs` are its reading slots in order, constants given once; the result are its writing slots in order.
///
/// # Errors
/// A sentence when the region is malformed or an input has the wrong size.
pub fn run(region: &Region, inputs: &[Vec<f32>], count: usize) -> Result<Vec<Vec<f32>>, String> {
    region.kinds()?;
    let mut slots = Vec::new();
    let (mut reads, mut outputs) = (inputs.iter(), Vec::new());
    for operand in &region.operands {
        let size = operand.elements(region.width) as usize;
        if operand.is_output() {
            slots.push((outputs.len(), size));
            outputs.push(vec![0f32; size * count]);
            continue;
        }
        let wanted = if operand.is_const() { size } else { size * count };
        let at = inputs.len() - reads.len();
        let given = reads.next().ok_or("a region's slot has no input")?;
        if given.len() != wanted {
            return Err(format!("a region's slot wants {wanted} elements, has {}", given.len()));
        }
        slots.push((at, size));
    }
    for row in 0..count {
        let read = |slot: u16| {
            let (at, size) = slots[usize::from(slot)];
            let row = if region.operands[usize::from(slot)].is_const() { 0 } else { row };
            &inputs[at][row * size..(row + 1) * size]
        };
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(region.ops.len());
        for op in &region.ops {
            let value = |v: u16| &values[usize::from(v)];
            let each = |v: u16, f: fn(f32) -> f32| value(v).iter().map(|x| f(*x)).collect();
            let both = |a: u16, b: u16, f: fn(f32, f32) -> f32| {
                let (a, b) = (value(a), value(b));
                (0..a.len().max(b.len())).map(|i| f(a[if a.len() == 1 { 0 } else { i }], b[if b.len() == 1 { 0 } else { i }])).collect()
            };
            let made = match *op {
                RegionOp::Load(slot) => read(slot).to_vec(),
                RegionOp::LoadScalar(slot, i) => vec![read(slot)[usize::from(i)]],
                RegionOp::Imm(x) => vec![x],
                RegionOp::Add(a, b) => both(a, b, |a, b| a + b),
                RegionOp::Sub(a, b) => both(a, b, |a, b| a - b),
                RegionOp::Mul(a, b) => both(a, b, |a, b| a * b),
                RegionOp::Div(a, b) => both(a, b, |a, b| a / b),
                RegionOp::Max(a, b) => both(a, b, |a, b| if a > b { a } else { b }),
                RegionOp::Sqrt(a) => each(a, f32::sqrt),
                RegionOp::Tanh(a) => each(a, tanh),
                RegionOp::Gelu(a) => each(a, gelu),
                RegionOp::Sum(a) => vec![sum(value(a))],
                RegionOp::Store(slot, a) => {
                    let (at, size) = slots[usize::from(slot)];
                    outputs[at][row * size..(row + 1) * size].copy_from_slice(value(a));
                    vec![]
                }
                RegionOp::StoreScalar(slot, i, a) => {
                    let (at, size) = slots[usize::from(slot)];
                    outputs[at][row * size + usize::from(i)] = value(a)[0];
                    vec![]
                }
            };
            values.push(made);
        }
    }
    Ok(outputs)
}

fn sum(x: &[f32]) -> f32 {
    let mut parts = [0f32; LANES];
    for chunk in x.chunks_exact(LANES) {
        parts.iter_mut().zip(chunk).for_each(|(p, v)| *p += v);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            parts[lane] += parts[lane + half];
        }
        half /= 2;
    }
    parts[0]
}
