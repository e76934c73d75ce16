//! Norms, rotation and attention of the evaluator, over plain slices.

/// How attention is done.
#[derive(Clone, Copy)]
pub struct How {
    pub kv_heads: usize,
    pub head_dim: usize,
    pub window: u32,
    pub scale: f32,
}

/// What a query may look at: `[entries, kv_heads * head_dim]` each.
pub struct Past<'a> {
    pub positions: &'a [u32],
    pub keys: &'a [f32],
    pub values: &'a [f32],
}

/// GELU, tanh form.
pub fn gelu(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + libm::tanh(inner))
}

/// RMSNorm of every `width` elements.
pub fn norm(x: &[f32], width: usize, weight: Option<&[f32]>, epsilon: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for row in x.chunks_exact(width) {
        let mean = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>() / width as f64;
        let factor = 1.0 / (mean + f64::from(epsilon)).sqrt();
        match weight {
            Some(weight) => out.extend(row.iter().zip(weight).map(|(v, w)| (f64::from(*v) * factor * f64::from(*w)) as f32)),
            None => out.extend(row.iter().map(|v| (f64::from(*v) * factor) as f32)),
        }
    }
    out
}

/// Rotates pairs (i, i + head_dim / 2) of every head by `position * theta^(-2 i / head_dim)`; that angle is rounded to f32, as the reference does.
pub fn rotate(x: &mut [f32], width: usize, head_dim: usize, theta: f32, positions: &[u32]) {
    let half = head_dim / 2;
    let speeds: Vec<f32> = (0..half).map(|i| libm::pow(f64::from(theta), -2.0 * i as f64 / head_dim as f64) as f32).collect();
    for (row, position) in x.chunks_exact_mut(width).zip(positions) {
        let turns: Vec<(f64, f64)> = speeds.iter().map(|s| libm::sincos(f64::from(*position as f32 * s))).collect();
        for head in row.chunks_exact_mut(head_dim) {
            for (i, (sin, cos)) in turns.iter().enumerate() {
                let (a, b) = (f64::from(head[i]), f64::from(head[i + half]));
                head[i] = (a * cos - b * sin) as f32;
                head[i + half] = (b * cos + a * sin) as f32;
            }
        }
    }
}

/// Softmax attention: a query sees the entries at its own position and before, within the window. One that sees nothing yields zeros.
pub fn attention(queries: &[f32], positions: &[u32], past: &Past, how: How) -> Vec<f32> {
    let kv_width = how.kv_heads * how.head_dim;
    let width = queries.len() / positions.len().max(1);
    let group = width / kv_width;
    let mut out = vec![0f32; queries.len()];
    for ((row, position), out) in queries.chunks_exact(width.max(1)).zip(positions).zip(out.chunks_exact_mut(width.max(1))) {
        let seen = |p: &u32| p <= position && (how.window == 0 || position - p < how.window);
        let entries: Vec<usize> = (0..past.positions.len()).filter(|e| seen(&past.positions[*e])).collect();
        for (head, (q, out)) in row.chunks_exact(how.head_dim).zip(out.chunks_exact_mut(how.head_dim)).enumerate() {
            let part = |all: &'_ [f32], entry: usize| {
                let start = entry * kv_width + head / group * how.head_dim;
                start..(start + how.head_dim).min(all.len())
            };
            let score = |e: &usize| {
                q.iter().zip(&past.keys[part(past.keys, *e)]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() * f64::from(how.scale)
            };
            let scores: Vec<f64> = entries.iter().map(score).collect();
            let peak = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shares: Vec<f64> = scores.iter().map(|s| libm::exp(s - peak)).collect();
            let total: f64 = shares.iter().sum();
            let mut sums = vec![0f64; how.head_dim];
            for (entry, share) in entries.iter().zip(&shares) {
                for (sum, v) in sums.iter_mut().zip(&past.values[part(past.values, *entry)]) {
                    *sum += share / total * f64::from(*v);
                }
            }
            out.iter_mut().zip(sums).for_each(|(o, s)| *o = s as f32);
        }
    }
    out
}
