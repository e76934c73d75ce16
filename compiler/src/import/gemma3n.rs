//! Gemma 3n's text decoder as a graph of elementary ops: nothing is folded, fused or reordered here; that is what passes are for.
//!
//! Names of values: `embedding`, `altup.{s}` (the streams before layer 0), `per_layer_projection`, `per_layer_embedding`, then for each layer
//! `layers.{i}.` + `predicted.{s}`, `attention.query|key|value|context`, `laurel`, `ffn.input|gate|hidden|output`, `activated`, `per_layer_input`,
//! `stream.{s}` (after the layer); at the end `hidden` and `logits`, which is the only output.

use super::{Checkpoint, Config, Layer, LayerKind};
use crate::error::{Error, Result};
use crate::graph::{Graph, Op, ValueId, WeightRef};
use std::collections::BTreeMap;

/// Floor of the mean square by which AltUp divides.
const ALTUP_FLOOR: f32 = 1e-5;

/// Name and shape of every tensor that a model of these sizes needs, in no particular order. Vectors have one dimension.
pub fn tensors(config: &Config) -> Vec<(String, Vec<usize>)> {
    let size = |n: u32| n as usize;
    let (d, p, head, rank, streams) =
        (size(config.hidden), size(config.ple_width), size(config.head_dim), size(config.laurel_rank), size(config.streams));
    let (q, kv) = (size(config.heads) * head, size(config.kv_heads) * head);
    let per_layer = config.layers.len() * p;
    let mut list = vec![
        ("embed_tokens.weight".to_string(), vec![size(config.vocab), d]),
        ("embed_tokens_per_layer.weight".to_string(), vec![size(config.ple_vocab), per_layer]),
        ("per_layer_model_projection.weight".to_string(), vec![per_layer, d]),
        ("per_layer_projection_norm.weight".to_string(), vec![p]),
        ("norm.weight".to_string(), vec![d]),
    ];
    for i in 0..streams - 1 {
        list.push((format!("altup_projections.{i}.weight"), vec![d, d]));
        list.push((format!("altup_unembed_projections.{i}.weight"), vec![d, d]));
    }
    for (i, layer) in config.layers.iter().enumerate() {
        let mut add = |name: &str, shape: &[usize]| list.push((format!("layers.{i}.{name}"), shape.to_vec()));
        for norm in
            ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm", "post_per_layer_input_norm"]
        {
            add(&format!("{norm}.weight"), &[d]);
        }
        add("self_attn.q_proj.weight", &[q, d]);
        add("self_attn.q_norm.weight", &[head]);
        if layer.donor.is_none() {
            add("self_attn.k_proj.weight", &[kv, d]);
            add("self_attn.v_proj.weight", &[kv, d]);
            add("self_attn.k_norm.weight", &[head]);
        }
        add("self_attn.o_proj.weight", &[d, q]);
        let ffn = size(layer.ffn);
        add("mlp.gate_proj.weight", &[ffn, d]);
        add("mlp.up_proj.weight", &[ffn, d]);
        add("mlp.down_proj.weight", &[d, ffn]);
        add("laurel.linear_left.weight", &[rank, d]);
        add("laurel.linear_right.weight", &[d, rank]);
        add("laurel.post_laurel_norm.weight", &[d]);
        add("altup.router_norm.weight", &[d]);
        add("altup.modality_router.weight", &[streams, d]);
        add("altup.prediction_coefs.weight", &[streams * streams, streams]);
        add("altup.correction_coefs.weight", &[streams, streams]);
        if config.correct_scale {
            add("altup.correct_output_scale", &[d]);
        }
        add("per_layer_input_gate.weight", &[p, d]);
        add("per_layer_projection.weight", &[d, p]);
    }
    list
}

/// The graph of a checkpoint's text decoder, from token ids to capped logits.
///
/// # Errors
/// A tied head that cannot be read; see [`Checkpoint::head`].
pub fn build(checkpoint: &Checkpoint) -> Result<Graph> {
    let config = checkpoint.config();
    let shapes = tensors(config).into_iter().chain([("lm_head.weight".into(), vec![config.vocab as usize, config.hidden as usize])]).collect();
    let mut builder = Builder { graph: Graph::default(), config, shapes, weights: BTreeMap::new() };
    builder.model(checkpoint.head()?).map_err(|why| Error::verify("import", why))?;
    crate::graph::verify::verify(&builder.graph).map_err(|why| Error::verify("import", why))?;
    Ok(builder.graph)
}

type Step<T = ValueId> = std::result::Result<T, String>;

struct Builder<'a> {
    graph: Graph,
    config: &'a Config,
    shapes: BTreeMap<String, Vec<usize>>,
    weights: BTreeMap<String, ValueId>,
}

impl Builder<'_> {
    fn model(&mut self, head: &str) -> Step<()> {
        let (d, p, streams) = (self.config.hidden as f32, self.config.ple_width, self.config.streams);
        let embedding = self.with("embed_tokens.weight", Op::Embed(d.sqrt()), &[])?;
        self.name(embedding, "embedding");
        let projection = self.matmul(embedding, "per_layer_model_projection.weight")?;
        let projection = self.op(Op::Scale(1.0 / d.sqrt()), &[projection])?;
        self.name(projection, "per_layer_projection");
        let lookup = self.with("embed_tokens_per_layer.weight", Op::EmbedPerLayer((p as f32).sqrt()), &[])?;
        self.name(lookup, "per_layer_embedding");

        let mut h = vec![embedding];
        for s in 1..streams {
            let u = self.matmul(embedding, &format!("altup_projections.{}.weight", s - 1))?;
            let u = self.like(embedding, u)?;
            self.name(u, &format!("altup.{s}"));
            h.push(u);
        }
        let mut caches: BTreeMap<u32, (ValueId, ValueId)> = BTreeMap::new();
        let layers = &self.config.layers;
        for (i, layer) in (0u32..).zip(layers) {
            let projected = self.op(Op::Slice(i * p, p), &[projection])?;
            let projected = self.norm(projected, "per_layer_projection_norm.weight")?;
            let looked_up = self.op(Op::Slice(i * p, p), &[lookup])?;
            let sum = self.op(Op::Add, &[projected, looked_up])?;
            let input = self.op(Op::Scale(0.5f32.sqrt()), &[sum])?;
            self.name(input, &format!("layers.{i}.per_layer_input"));
            h = self.layer(i, layer, &h, input, &mut caches)?;
        }
        let mut sum = h[0];
        for s in 1..streams {
            let u = self.matmul(h[s as usize], &format!("altup_unembed_projections.{}.weight", s - 1))?;
            let u = self.like(h[0], u)?;
            sum = self.op(Op::Add, &[sum, u])?;
        }
        let mean = self.op(Op::Scale(1.0 / streams as f32), &[sum])?;
        let hidden = self.norm(mean, "norm.weight")?;
        self.name(hidden, "hidden");
        let mut logits = self.matmul(hidden, head)?;
        if let Some(cap) = self.config.softcap {
            logits = self.op(Op::Scale(1.0 / cap), &[logits])?;
            logits = self.op(Op::Tanh, &[logits])?;
            logits = self.op(Op::Scale(cap), &[logits])?;
        }
        self.name(logits, "logits");
        self.graph.outputs = vec![logits];
        Ok(())
    }

    /// `u` with the root mean square of `base`.
    fn like(&mut self, base: ValueId, u: ValueId) -> Step {
        let mean_square = |b: &mut Self, x| {
            let square = b.op(Op::Mul, &[x, x])?;
            b.op(Op::Mean, &[square])
        };
        let target = mean_square(self, base)?;
        let target = self.op(Op::Sqrt, &[target])?;
        let own = mean_square(self, u)?;
        let own = self.op(Op::MaxImm(ALTUP_FLOOR), &[own])?;
        let own = self.op(Op::Sqrt, &[own])?;
        let ratio = self.op(Op::Div, &[target, own])?;
        self.op(Op::Mul, &[u, ratio])
    }

    fn layer(
        &mut self,
        i: u32,
        layer: &Layer,
        h: &[ValueId],
        per_layer: ValueId,
        caches: &mut BTreeMap<u32, (ValueId, ValueId)>,
    ) -> Step<Vec<ValueId>> {
        let at = |name: &str| format!("layers.{i}.{name}");
        let predicted = self.predict(i, h)?;
        let a = predicted[0];
        let n = self.norm(a, &at("input_layernorm.weight"))?;
        let low = self.matmul(n, &at("laurel.linear_left.weight"))?;
        let low = self.matmul(low, &at("laurel.linear_right.weight"))?;
        let low = self.norm(low, &at("laurel.post_laurel_norm.weight"))?;
        let laurel = self.op(Op::Add, &[n, low])?;
        self.name(laurel, &at("laurel"));

        let context = self.attention(i, layer, n, caches)?;
        let attended = self.matmul(context, &at("self_attn.o_proj.weight"))?;
        let attended = self.norm(attended, &at("post_attention_layernorm.weight"))?;
        let g = self.op(Op::Add, &[a, attended])?;
        let x = self.op(Op::Add, &[g, laurel])?;
        let x = self.op(Op::Scale(0.5f32.sqrt()), &[x])?;
        let f = self.norm(x, &at("pre_feedforward_layernorm.weight"))?;
        self.name(f, &at("ffn.input"));
        let f = self.feed_forward(i, layer, f)?;
        self.name(f, &at("ffn.output"));
        let f = self.norm(f, &at("post_feedforward_layernorm.weight"))?;
        let y = self.op(Op::Add, &[x, f])?;
        self.name(y, &at("activated"));

        let mut new = self.correct(i, &predicted, y)?;
        let mut s = new[0];
        if self.config.correct_scale {
            s = self.with(&at("altup.correct_output_scale"), Op::Mul, &[s])?;
        }
        let s = self.matmul(s, &at("per_layer_input_gate.weight"))?;
        let s = self.op(Op::Gelu, &[s])?;
        let s = self.op(Op::Mul, &[s, per_layer])?;
        let s = self.matmul(s, &at("per_layer_projection.weight"))?;
        let s = self.norm(s, &at("post_per_layer_input_norm.weight"))?;
        for stream in new.iter_mut().skip(1) {
            *stream = self.op(Op::Add, &[*stream, s])?;
        }
        for (number, stream) in new.iter().enumerate() {
            self.name(*stream, &at(&format!("stream.{number}")));
        }
        Ok(new)
    }

    /// One coefficient a stream for each row.
    fn router(&mut self, i: u32, x: ValueId) -> Step {
        let n = self.norm(x, &format!("layers.{i}.altup.router_norm.weight"))?;
        let n = self.op(Op::Scale(1.0 / self.config.hidden as f32), &[n])?;
        let m = self.matmul(n, &format!("layers.{i}.altup.modality_router.weight"))?;
        self.op(Op::Tanh, &[m])
    }

    fn predict(&mut self, i: u32, h: &[ValueId]) -> Step<Vec<ValueId>> {
        let m = self.router(i, h[0])?;
        let v = self.matmul(m, &format!("layers.{i}.altup.prediction_coefs.weight"))?;
        let streams = self.config.streams;
        let mut predicted = Vec::new();
        for out in 0..streams {
            let mut sum = h[out as usize];
            for (j, stream) in (0u32..).zip(h) {
                let factor = self.op(Op::Slice(streams * out + j, 1), &[v])?;
                let part = self.op(Op::Mul, &[*stream, factor])?;
                sum = self.op(Op::Add, &[sum, part])?;
            }
            self.name(sum, &format!("layers.{i}.predicted.{out}"));
            predicted.push(sum);
        }
        Ok(predicted)
    }

    fn correct(&mut self, i: u32, predicted: &[ValueId], y: ValueId) -> Step<Vec<ValueId>> {
        let m = self.router(i, y)?;
        let mut coefs = self.weight(&format!("layers.{i}.altup.correction_coefs.weight"))?;
        if let Some(clip) = self.config.coef_clip {
            coefs = self.op(Op::Clamp(clip), &[coefs])?;
        }
        let c = self.op(Op::MatMul, &[m, coefs])?;
        let c = self.op(Op::AddImm(1.0), &[c])?;
        let innovation = self.op(Op::Sub, &[y, predicted[0]])?;
        (0u32..)
            .zip(predicted)
            .map(|(s, stream)| {
                let factor = self.op(Op::Slice(s, 1), &[c])?;
                let part = self.op(Op::Mul, &[innovation, factor])?;
                self.op(Op::Add, &[*stream, part])
            })
            .collect()
    }

    fn attention(&mut self, i: u32, layer: &Layer, n: ValueId, caches: &mut BTreeMap<u32, (ValueId, ValueId)>) -> Step {
        let at = |name: &str| format!("layers.{i}.{name}");
        let Config { kv_heads, head_dim, epsilon, .. } = *self.config;
        let head_norm = |theta| Op::HeadNorm { head_dim, epsilon, theta };
        let q = self.matmul(n, &at("self_attn.q_proj.weight"))?;
        let q = self.with(&at("self_attn.q_norm.weight"), head_norm(Some(layer.theta)), &[q])?;
        self.name(q, &at("attention.query"));
        if layer.donor.is_none() {
            let k = self.matmul(n, &at("self_attn.k_proj.weight"))?;
            let k = self.with(&at("self_attn.k_norm.weight"), head_norm(Some(layer.theta)), &[k])?;
            self.name(k, &at("attention.key"));
            let v = self.matmul(n, &at("self_attn.v_proj.weight"))?;
            let v = self.op(head_norm(None), &[v])?;
            self.name(v, &at("attention.value"));
            caches.insert(i, (k, v));
        }
        let owner = layer.donor.unwrap_or(i);
        let (k, v) = *caches.get(&owner).ok_or_else(|| format!("layer {i} shares the keys of layer {owner}, which has none"))?;
        let window = if layer.kind == LayerKind::Sliding { self.config.window } else { 0 };
        let context = self.op(Op::Attention { kv_heads, head_dim, window, scale: 1.0 }, &[q, k, v])?;
        self.name(context, &at("attention.context"));
        Ok(context)
    }

    fn feed_forward(&mut self, i: u32, layer: &Layer, x: ValueId) -> Step {
        let at = |name: &str| format!("layers.{i}.{name}");
        let z = self.matmul(x, &at("mlp.gate_proj.weight"))?;
        if layer.sparsity == 0.0 {
            let gate = self.op(Op::Gelu, &[z])?;
            self.name(gate, &at("ffn.gate"));
            let up = self.matmul(x, &at("mlp.up_proj.weight"))?;
            let hidden = self.op(Op::Mul, &[gate, up])?;
            self.name(hidden, &at("ffn.hidden"));
            return self.matmul(hidden, &at("mlp.down_proj.weight"));
        }
        let mean = self.op(Op::Mean, &[z])?;
        let spread = self.op(Op::Sub, &[z, mean])?;
        let spread = self.op(Op::Mul, &[spread, spread])?;
        let spread = self.op(Op::Mean, &[spread])?;
        let spread = self.op(Op::Sqrt, &[spread])?;
        let spread = self.op(Op::Scale(inverse_normal(layer.sparsity) as f32), &[spread])?;
        let cutoff = self.op(Op::Add, &[mean, spread])?;
        let gate = self.op(Op::Sub, &[z, cutoff])?;
        let gate = self.op(Op::MaxImm(0.0), &[gate])?;
        let gate = self.op(Op::Gelu, &[gate])?;
        self.name(gate, &at("ffn.gate"));
        let up = self.weight(&at("mlp.up_proj.weight"))?;
        let hidden = self.op(Op::SparseUp, &[gate, x, up])?;
        self.name(hidden, &at("ffn.hidden"));
        let down = self.weight(&at("mlp.down_proj.weight"))?;
        let down = self.op(Op::Transpose, &[down])?;
        self.op(Op::SparseDown, &[hidden, down])
    }

    fn op(&mut self, op: Op, inputs: &[ValueId]) -> Step {
        let outputs = self.graph.push(op, inputs)?;
        outputs.first().copied().ok_or_else(|| "an op without a value was used as one".into())
    }

    /// An op whose last operand is a tensor.
    fn with(&mut self, tensor: &str, op: Op, inputs: &[ValueId]) -> Step {
        let weight = self.weight(tensor)?;
        self.op(op, &[inputs, &[weight]].concat())
    }

    fn matmul(&mut self, x: ValueId, tensor: &str) -> Step {
        self.with(tensor, Op::MatMul, &[x])
    }

    fn norm(&mut self, x: ValueId, tensor: &str) -> Step {
        self.with(tensor, Op::RmsNorm(self.config.epsilon), &[x])
    }

    /// The constant of a tensor, made once.
    fn weight(&mut self, tensor: &str) -> Step {
        if let Some(known) = self.weights.get(tensor) {
            return Ok(*known);
        }
        let (rows, cols) = match self.shapes.get(tensor).map(Vec::as_slice) {
            Some([n]) => (1, *n),
            Some([rows, cols]) => (*rows, *cols),
            _ => return Err(format!("tensor `{tensor}` is not among those that are checked")),
        };
        let fits = |n: usize| u32::try_from(n).map_err(|_| format!("tensor `{tensor}` is too large"));
        let value = self.graph.constant(WeightRef::plain(tensor), fits(rows)?, fits(cols)?);
        self.weights.insert(tensor.into(), value);
        Ok(value)
    }

    fn name(&mut self, value: ValueId, name: &str) {
        self.graph.values[value.0 as usize].name = name.into();
    }
}

/// The x below which a standard normal variable falls with probability `p` in (0, 1): Wichura's AS 241, good to about 1e-16.
pub fn inverse_normal(p: f64) -> f64 {
    let ratio = |r: f64, top: [f64; 8], bottom: [f64; 8]| {
        let horner = |c: [f64; 8]| c.into_iter().fold(0.0, |sum, c| sum * r + c);
        horner(top) / horner(bottom)
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180625 - q * q, CENTRE[0], CENTRE[1]);
    }
    let r = (-libm::log(p.min(1.0 - p))).sqrt();
    let x = if r <= 5.0 { ratio(r - 1.6, MIDDLE[0], MIDDLE[1]) } else { ratio(r - 5.0, TAIL[0], TAIL[1]) };
    if q < 0.0 { -x } else { x }
}

/// Coefficients of AS 241, highest power first: numerator, denominator.
#[rustfmt::skip]
const CENTRE: [[f64; 8]; 2] = [
    [2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065514, 133.14166789178438, 3.3871328727963665],
    [5226.495278852546, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579, 42.31333070160091, 1.0],
];
#[rustfmt::skip]
const MIDDLE: [[f64; 8]; 2] = [
    [7.745450142783414e-4, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835],
    [1.0507500716444169e-9, 5.475938084995345e-4, 0.015198666563616457, 0.14810397642748008, 0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0],
];
#[rustfmt::skip]
const TAIL: [[f64; 8]; 2] = [
    [2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.2965605718285049, 1.7848265399172913, 5.463784911164114, 6.657904643501103],
    [2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 7.868691311456133e-4, 0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_normal_hits_the_tables() {
        let table = [
            (0.5, 0.0),
            (0.95, 1.6448536269514722),
            (0.975, 1.959963984540054),
            (0.999, 3.090232306167813),
            (0.8, 0.8416212335729143),
            (1e-10, -6.361340902404056),
            (1e-12, -7.034483825301132),
        ];
        for (p, x) in table {
            assert!((inverse_normal(p) - x).abs() < 1e-9, "{p}: {}", inverse_normal(p));
            assert!((inverse_normal(1.0 - p) + x).abs() < 1e-3);
        }
    }
}
