//! The first proof: the imported graph of Pebble, evaluated op by op, gives what transformers gave.
//!
//! The error of a tensor is the largest absolute difference divided by the largest magnitude in the reference tensor.

use safetensors::SafeTensors;
use serde::Deserialize;
use std::path::Path;
use unicornc::graph::eval::{Env, eval};
use unicornc::import::{Checkpoint, gemma3n};

const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Prompt {
    name: String,
    ids: Vec<u32>,
    text_nll: Vec<f64>,
    argmax: Vec<usize>,
    top8_ids: Vec<usize>,
    hidden_rms_per_layer: Vec<Vec<f64>>,
}

fn reference(file: &SafeTensors, name: &str) -> Vec<f32> {
    file.tensor(name).unwrap().data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn error(got: &[f32], wanted: &[f32]) -> f64 {
    assert_eq!(got.len(), wanted.len());
    let peak = wanted.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0f32, |m, v| if v.is_nan() { f32::INFINITY } else { m.max(v) });
    f64::from(worst) / f64::from(peak)
}

#[test]
fn the_graph_of_pebble_gives_what_transformers_gave() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/pebble");
    let golden: Golden = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join("golden.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let graph = gemma3n::build(&checkpoint).unwrap();
    let (layers, width) = (checkpoint.config().layers.len(), checkpoint.config().hidden as usize);
    assert_eq!(golden.prompts.len(), 15);
    let mut worst = [0f64; 3];
    for prompt in &golden.prompts {
        let want = |name: &str| name == "hidden" || name.contains(".stream.");
        let run = eval(&graph, &checkpoint, &prompt.ids, &mut Env::default(), want).unwrap();
        let mut check = |which: usize, what: &str, got: &[f32], wanted: &[f32]| {
            let error = error(got, wanted);
            assert!(error < TOLERANCE, "{} {what}: relative error {error:e}", prompt.name);
            worst[which] = worst[which].max(error);
        };
        let streams = reference(&tensors, &format!("{}.streams_last", prompt.name));
        for layer in 0..layers {
            for stream in 0..4 {
                let rows = &run.named[&format!("layers.{layer}.stream.{stream}")];
                let last = &rows[rows.len() - width..];
                let what = format!("layer {layer} stream {stream}");
                check(0, &what, last, &streams[(layer * 4 + stream) * width..][..width]);
                let rms = (last.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / width as f64).sqrt();
                let wanted = prompt.hidden_rms_per_layer[layer][stream];
                assert!((rms - wanted).abs() < 1e-5 + 1e-4 * wanted, "{} {what}: rms {rms}, wanted {wanted}", prompt.name);
            }
        }
        check(1, "final hidden", &run.named["hidden"], &reference(&tensors, &format!("{}.final_hidden", prompt.name)));
        let vocab = checkpoint.config().vocab as usize;
        let rows: Vec<&[f32]> = run.outputs[0].chunks_exact(vocab).collect();
        check(2, "logits", rows[rows.len() - 1], &reference(&tensors, &format!("{}.logits_last", prompt.name)));
        let best = |row: &[f32]| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        assert_eq!(rows.iter().map(|row| best(row)).collect::<Vec<_>>(), prompt.argmax, "{}: argmax", prompt.name);
        let mut order: Vec<usize> = (0..vocab).collect();
        order.sort_by(|a, b| rows[rows.len() - 1][*b].total_cmp(&rows[rows.len() - 1][*a]));
        assert_eq!(order[..8], prompt.top8_ids, "{}: best eight", prompt.name);
        for ((row, id), wanted) in rows.iter().zip(&prompt.ids[1..]).zip(&prompt.text_nll) {
            let peak = f64::from(row[best(row)]);
            let total: f64 = row.iter().map(|v| (f64::from(*v) - peak).exp()).sum();
            let nll = total.ln() + peak - f64::from(row[*id as usize]);
            assert!((nll - wanted).abs() < 5e-4, "{}: nll {nll}, wanted {wanted}", prompt.name);
        }
    }
    println!("largest relative errors: streams {:.1e}, final hidden {:.1e}, logits {:.1e}", worst[0], worst[1], worst[2]);
}
