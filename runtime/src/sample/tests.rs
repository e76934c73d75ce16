//! Samplers against the formulas they stand for, and against each other.

use super::*;

fn params() -> SamplingParams {
    SamplingParams { seed: Some(7), ..SamplingParams::default() }
}

fn histogram(params: SamplingParams, logits: &[f32], vocabulary: usize, draws: usize) -> Vec<usize> {
    let mut scratch = Scratch::new(vocabulary);
    let mut sampler = Sampler::new(params, vocabulary, &[]).unwrap();
    let mut counts = vec![0; logits.len()];
    for _ in 0..draws {
        counts[sampler.sample(logits, &mut scratch).unwrap().id as usize] += 1;
    }
    counts
}

/// Logits whose softmax is `p`.
fn logits(p: &[f32]) -> Vec<f32> {
    p.iter().map(|x| x.ln()).collect()
}

fn drawn(counts: &[usize]) -> Vec<usize> {
    (0..counts.len()).filter(|&i| counts[i] > 0).collect()
}

#[test]
fn the_distribution_is_the_softmax() {
    let p = [0.4, 0.3, 0.15, 0.1, 0.05];
    let draws = 50_000;
    for (temperature, expected) in [(1.0, p.to_vec()), (0.5, p.iter().map(|x| x * x / 0.285).collect::<Vec<f32>>())] {
        let counts = histogram(SamplingParams { temperature, ..params() }, &logits(&p), 5, draws);
        let chi: f64 = counts
            .iter()
            .zip(&expected)
            .map(|(&n, &p)| {
                let e = f64::from(p) * draws as f64;
                (n as f64 - e).powi(2) / e
            })
            .sum();
        // 99.9 % of true samples stay below 18.5 with four degrees of freedom.
        assert!(chi < 18.5, "chi-square {chi} at temperature {temperature}: {counts:?}");
    }
}

#[test]
fn filters_keep_exactly_their_sets() {
    let x = logits(&[0.05, 0.4, 0.1, 0.3, 0.15]);
    let sets = [
        (SamplingParams { top_k: 2, ..params() }, vec![1, 3]),
        (SamplingParams { top_p: 0.69, ..params() }, vec![1, 3]),
        (SamplingParams { top_p: 0.71, ..params() }, vec![1, 3, 4]),
        (SamplingParams { min_p: 0.3, ..params() }, vec![1, 3, 4]),
        (SamplingParams { top_k: 3, top_p: 0.5, ..params() }, vec![1, 3]),
        (SamplingParams { top_k: 1, ..params() }, vec![1]),
        (SamplingParams { top_p: 1e-6, ..params() }, vec![1]),
        (SamplingParams { top_k: 99, ..params() }, vec![0, 1, 2, 3, 4]),
    ];
    for (params, expected) in sets {
        assert_eq!(drawn(&histogram(params.clone(), &x, 5, 4000)), expected, "{params:?}");
    }
}

#[test]
fn a_wide_nucleus_equals_the_sorted_one() {
    let mut random = Random::new(3);
    let weights: Vec<(f32, u32)> = (0..5000).map(|id| ((random.unit() * 8.0).exp() as f32, id)).collect();
    for top_p in [0.1, 0.5, 0.9, 0.999] {
        let mut quick = weights.clone();
        nucleus(&mut quick, top_p);
        let mut slow = weights.clone();
        slow.sort_by(likelier);
        let total: f64 = slow.iter().map(|w| f64::from(w.0)).sum();
        let mut mass = 0.0;
        let keep = 1 + slow
            .iter()
            .position(|w| {
                mass += f64::from(w.0);
                mass >= f64::from(top_p) * total
            })
            .unwrap();
        assert_eq!(quick, slow[..keep]);
    }
}

#[test]
fn greedy_takes_the_lowest_of_equals_and_no_id_beyond_the_text() {
    let mut scratch = Scratch::new(4);
    let mut sampler = Sampler::new(SamplingParams::greedy(), 4, &[]).unwrap();
    assert_eq!(sampler.sample(&[0.0, 2.0, 2.0, 1.0, 9.0], &mut scratch).unwrap().id, 1);
    let counts = histogram(params(), &[0.0, 0.0, 0.0, 0.0, 50.0, 50.0], 4, 1000);
    assert_eq!(drawn(&counts), [0, 1, 2, 3]);
}

#[test]
fn seeds_repeat_and_differ() {
    let x = vec![0.0; 1000];
    let run = |seed| {
        let mut sampler = Sampler::new(SamplingParams { seed, ..params() }, 1000, &[]).unwrap();
        let mut scratch = Scratch::new(1000);
        (0..8).map(|_| sampler.sample(&x, &mut scratch).unwrap().id).collect::<Vec<_>>()
    };
    assert_eq!(run(Some(1)), run(Some(1)));
    assert_ne!(run(Some(1)), run(Some(2)));
    assert_ne!(run(None), run(None));
}

#[test]
fn penalties_and_bias_move_logits() {
    let mut scratch = Scratch::new(3);
    let greedy = |change: fn(&mut SamplingParams)| {
        let mut params = SamplingParams::greedy();
        change(&mut params);
        Sampler::new(params, 3, &[0]).unwrap()
    };
    let x = [1.0, 0.8, -5.0];
    let mut run = |mut sampler: Sampler| (0..3).map(|_| sampler.sample(&x, &mut scratch).unwrap().id).collect::<Vec<_>>();
    assert_eq!(run(greedy(|_| ())), [0, 0, 0]);
    assert_eq!(run(greedy(|p| p.presence_penalty = 0.5)), [0, 1, 0]);
    assert_eq!(run(greedy(|p| p.frequency_penalty = 0.15)), [0, 0, 1]);
    assert_eq!(run(greedy(|p| p.repetition_penalty = 2.0)), [1, 0, 0]);
    assert_eq!(run(greedy(|p| p.logit_bias = vec![(2, 100.0)])), [2, 2, 2]);
    assert_eq!(run(greedy(|p| p.logit_bias = vec![(0, -100.0)])), [1, 1, 1]);
}

#[test]
fn logprobs_are_the_models_own() {
    let mut scratch = Scratch::new(3);
    let x = logits(&[0.5, 0.2, 0.3]);
    let params = SamplingParams { logit_bias: vec![(1, 50.0)], logprobs: Some(2), ..SamplingParams::greedy() };
    let sampled = Sampler::new(params, 3, &[]).unwrap().sample(&x, &mut scratch).unwrap();
    let logprob = sampled.logprob.unwrap();
    assert_eq!(sampled.id, 1);
    assert!((logprob.logprob - 0.2f32.ln()).abs() < 1e-6);
    assert_eq!(logprob.top.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 2]);
    assert!((logprob.top[1].1 - 0.3f32.ln()).abs() < 1e-6);
}

#[test]
fn the_largest_is_found_in_any_block() {
    let mut logits: Vec<f32> = (0..3 * BLOCK + 37).map(|i| (i as f32 * 0.37).sin()).collect();
    for at in [0, 1, 15, BLOCK - 1, BLOCK, 2 * BLOCK + 500, 3 * BLOCK + 36] {
        let before = std::mem::replace(&mut logits[at], 2.0);
        assert_eq!(argmax(&logits) as usize, at);
        assert_eq!(unusable(&logits), None);
        for bad in [f32::NAN, f32::INFINITY] {
            logits[at] = bad;
            assert_eq!(unusable(&logits), Some(at));
        }
        logits[at] = before;
    }
    assert_eq!(argmax(&[f32::NEG_INFINITY; 3 * BLOCK]), 0);
    assert_eq!(argmax(&[]), 0);
}

#[test]
fn bad_logits_and_bad_fields_are_errors() {
    let mut scratch = Scratch::new(2);
    let mut sampler = Sampler::new(params(), 2, &[]).unwrap();
    for x in [&[0.0, f32::NAN][..], &[f32::INFINITY, 0.0], &[0.0]] {
        assert!(matches!(sampler.sample(x, &mut scratch), Err(Error::Step(_))));
    }
    type Change = fn(&mut SamplingParams);
    let wrong: [(&str, Change); 8] = [
        ("temperature", |p| p.temperature = 2.1),
        ("temperature", |p| p.temperature = f32::NAN),
        ("top_p", |p| p.top_p = 0.0),
        ("min_p", |p| p.min_p = 1.5),
        ("presence_penalty", |p| p.presence_penalty = 3.0),
        ("repetition_penalty", |p| p.repetition_penalty = 0.0),
        ("logit_bias", |p| p.logit_bias = vec![(2, 1.0)]),
        ("top_logprobs", |p| p.logprobs = Some(21)),
    ];
    for (name, change) in wrong {
        let mut p = params();
        change(&mut p);
        assert!(matches!(p.check(2), Err(Error::Request { field, .. }) if field == name), "{name}");
    }
}

#[test]
fn the_largest_logits_are_enough_where_top_k_keeps_few() {
    let mut scratch = Scratch::new(4096);
    let mut random = Random::new(7);
    for turn in 0..200u64 {
        // Coarse values, so that some are alike at the edge.
        let logits: Vec<f32> = (0..4096).map(|_| (random.unit() * 40.0).floor() as f32 / 4.0).collect();
        let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let last = all[TOP as usize - 1].1;
        let mut largest: Vec<(u32, f32)> = all.into_iter().filter(|(_, x)| *x >= last).collect();
        largest.reverse();
        let params = SamplingParams {
            temperature: if turn % 5 == 0 { 0.0 } else { 0.5 + turn as f32 / 200.0 },
            top_k: [1, 40, 64, TOP as usize][turn as usize % 4],
            top_p: if turn % 3 == 0 { 0.9 } else { 1.0 },
            min_p: if turn % 7 == 0 { 0.2 } else { 0.0 },
            seed: Some(turn),
            ..SamplingParams::default()
        };
        let mut of_all = Sampler::new(params.clone(), 4096, &[]).unwrap();
        let mut of_few = Sampler::new(params, 4096, &[]).unwrap();
        assert!(of_all.needs() <= Needs::Top);
        for _ in 0..3 {
            assert_eq!(of_all.sample(&logits, &mut scratch).unwrap(), of_few.sample_top(&largest, &mut scratch).unwrap(), "turn {turn}");
        }
    }
}

#[test]
fn what_looks_beyond_the_largest_gets_all() {
    let needs = |params: SamplingParams| Sampler::new(params, 100, &[]).unwrap().needs();
    let top_k = |top_k| SamplingParams { top_k, ..SamplingParams::default() };
    assert_eq!(needs(SamplingParams::greedy()), Needs::Best);
    assert_eq!((needs(top_k(64)), needs(top_k(TOP as usize + 1)), needs(top_k(0))), (Needs::Top, Needs::All, Needs::All));
    assert_eq!(needs(SamplingParams { logprobs: Some(0), ..top_k(64) }), Needs::All);
    assert_eq!(needs(SamplingParams { logit_bias: vec![(1, 1.0)], ..top_k(64) }), Needs::All);
    assert_eq!(needs(SamplingParams { presence_penalty: 1.0, ..SamplingParams::greedy() }), Needs::All);
}

#[test]
fn a_largest_logit_that_is_none_is_a_fault() {
    let mut sampler = Sampler::new(SamplingParams { top_k: 4, ..SamplingParams::default() }, 8, &[]).unwrap();
    let mut scratch = Scratch::new(8);
    for largest in [&[(1, 1.0), (2, f32::INFINITY)][..], &[(9, 1.0)], &[]] {
        assert!(matches!(sampler.sample_top(largest, &mut scratch), Err(Error::Step(_))), "{largest:?}");
    }
}
