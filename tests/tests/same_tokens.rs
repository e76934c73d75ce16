//! Whatever way the same tokens are stepped, their logits are the same to the last bit: chunks, neighbours, threads, instruction sets, switches.

use std::path::PathBuf;
use unicorn_artifact::plan::Part;
use unicorn_artifact::tensor::Format;
use unicorn_kernels_cpu::Isa;
use unicorn_rt::load::{Loaded, Options, Placement};
use unicorn_rt::step::{Row, Stepper};
use unicorn_tests::{Logits, Random, artifact, artifact_with, assert_same_bits, open, options, run, session, threads};
use unicornc::driver;

/// Tokens of the long prompt: ten windows, and more than two rounds of every ring.
const LONG: usize = 700;

fn prompt(seed: u64, count: usize) -> Vec<u32> {
    Random(seed).tokens(count, 2, 4032)
}

/// The long prompt in the largest chunks on one thread: what the others are held against.
fn reference(format: Format, tokens: &[u32]) -> Logits {
    let mut loaded = session(format, threads(1));
    let most = loaded.session.limits().rows;
    run(&mut loaded.session, 0, 0, tokens, most, |_| true)
}

/// An artifact with few rows a step, whose rings are small and turn often.
fn small_rings() -> PathBuf {
    artifact_with("q4-small", &driver::Options { rows: vec![1, 3, 16], logit_rows: 3, slots: 3, ..options(Format::Q4) })
}

fn smallest_ring(loaded: &Loaded) -> u32 {
    loaded.manifest.plan.states.iter().map(|s| s.capacity).min().expect("the model has states")
}

#[test]
fn a_prompt_at_once_is_the_prompt_in_chunks_is_the_prompt_token_by_token() {
    let tokens = prompt(1, LONG);
    let expected = reference(Format::Q4, &tokens);
    let mut loaded = session(Format::Q4, threads(1));
    assert!(smallest_ring(&loaded) as usize * 2 < LONG, "the rings must turn");
    for chunk in [1, 3, 16, 64, 100] {
        let got = run(&mut loaded.session, 1, 0, &tokens, chunk, |_| true);
        assert_same_bits(&format!("chunks of {chunk}"), &expected, &got);
    }
    // Only the last logits wanted: the tail then runs for one row alone.
    let last = LONG as u32 - 1;
    let got = run(&mut loaded.session, 2, 0, &tokens, 256, |at| at == last);
    let expected = expected.into_iter().filter(|(at, _)| *at == last).collect();
    assert_same_bits("the last position alone", &expected, &got);
}

#[test]
fn formats_agree_with_themselves_in_chunks() {
    for format in [Format::Q8, Format::Bf16] {
        let tokens = prompt(2, 150);
        let expected = reference(format, &tokens);
        let mut loaded = session(format, threads(2));
        for chunk in [1, 5, 64] {
            let got = run(&mut loaded.session, 1, 0, &tokens, chunk, |_| true);
            assert_same_bits(&format!("{}, chunks of {chunk}", format.name()), &expected, &got);
        }
    }
}

#[test]
fn small_rings_that_turn_often_hold_the_same_window() {
    let tokens = prompt(3, LONG);
    let expected = reference(Format::Q4, &tokens);
    let mut loaded = open(&small_rings(), threads(1));
    assert!(smallest_ring(&loaded) as usize * 7 <= LONG, "the rings must turn often");
    for chunk in [1, 2, 16] {
        let got = run(&mut loaded.session, 2, 0, &tokens, chunk, |_| true);
        assert_same_bits(&format!("small rings, chunks of {chunk}"), &expected, &got);
    }
}

#[test]
fn the_tail_may_skip_rows_whose_logits_nobody_wants() {
    let tokens = prompt(4, 300);
    let wanted = |at: u32| at.is_multiple_of(7) || at == 299;
    let mut split = session(Format::Q4, threads(1));
    let mut whole = session(Format::Q4, Options { split: false, ..threads(1) });
    for chunk in [1, 16, 256] {
        let expected = run(&mut whole.session, 0, 0, &tokens, chunk, wanted);
        let got = run(&mut split.session, 0, 0, &tokens, chunk, wanted);
        assert_same_bits(&format!("body and tail, chunks of {chunk}"), &expected, &got);
    }
}

#[test]
fn computing_inactive_neurons_changes_nothing() {
    for (format, count) in [(Format::Q4, 200), (Format::Q8, 200), (Format::Bf16, 120)] {
        for native in [true, false] {
            let tokens = prompt(5, if native { count } else { 40 });
            let mut sparse = session(format, Options { native, ..threads(1) });
            let mut dense = session(format, Options { native, dense: true, ..threads(1) });
            for chunk in [1, 4, 64] {
                let expected = run(&mut dense.session, 0, 0, &tokens, chunk, |_| true);
                let got = run(&mut sparse.session, 0, 0, &tokens, chunk, |_| true);
                assert_same_bits(&format!("{} gather, native {native}, chunks of {chunk}", format.name()), &expected, &got);
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for (format, count) in [(Format::Q4, 150), (Format::Q8, 100), (Format::Bf16, 60)] {
        let tokens = prompt(6, count);
        let mut plain = session(format, Options { isa: Some(Isa::Plain), native: false, ..threads(1) });
        let expected = run(&mut plain.session, 0, 0, &tokens, 64, |_| true);
        for isa in [Isa::Plain, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| *isa <= Isa::detect()) {
            let mut loaded = session(format, Options { isa: Some(isa), ..threads(1) });
            for chunk in [1, 4, 64] {
                let got = run(&mut loaded.session, 0, 0, &tokens, chunk, |_| true);
                assert_same_bits(&format!("{} on {}, chunks of {chunk}", format.name(), isa.name()), &expected, &got);
            }
        }
    }
}

#[test]
fn machine_code_of_regions_and_their_interpreter_agree() {
    let tokens = prompt(7, 200);
    let widest = Some(Isa::detect());
    let mut compiled = session(Format::Q4, Options { isa: widest, ..threads(1) });
    let mut interpreted = session(Format::Q4, Options { isa: widest, native: false, ..threads(1) });
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        assert!(compiled.session.cpu().native(), "{:?}", compiled.notices);
    }
    assert!(!interpreted.session.cpu().native());
    for chunk in [1, 4, 64] {
        let expected = run(&mut interpreted.session, 0, 0, &tokens, chunk, |_| true);
        let got = run(&mut compiled.session, 0, 0, &tokens, chunk, |_| true);
        assert_same_bits(&format!("regions, chunks of {chunk}"), &expected, &got);
    }
}

#[test]
fn threads_share_the_work_without_changing_it() {
    let tokens = prompt(8, 200);
    for format in [Format::Q4, Format::Bf16] {
        let expected = reference(format, &tokens);
        for count in [2, 3] {
            let mut loaded = session(format, threads(count));
            // More threads than cores take turns at every meeting, so few single rows.
            for (chunk, tokens) in [(1, 40), (2, 40), (16, 200), (200, 200)] {
                let got = run(&mut loaded.session, 0, 0, &prompt(8, 200)[..tokens], chunk, |_| true);
                let expected = expected.iter().take(tokens).map(|(at, logits)| (*at, logits.clone())).collect();
                assert_same_bits(&format!("{} on {count} threads, chunks of {chunk}", format.name()), &expected, &got);
            }
        }
    }
}

#[test]
fn mapped_weights_are_the_copied_ones() {
    let tokens = prompt(9, 80);
    for format in [Format::Q4, Format::Q8, Format::Bf16] {
        let expected = reference(format, &tokens);
        let mut mapped = session(format, Options { placement: Placement::Map, ..threads(1) });
        let got = run(&mut mapped.session, 0, 0, &tokens, 16, |_| true);
        assert_same_bits(format.name(), &expected, &got);
    }
}

/// Sequences in all slots, advanced by random chunks in random company.
fn interleaved(loaded: &mut Loaded, seed: u64, lengths: &[usize]) {
    let limits = loaded.session.limits();
    assert_eq!(lengths.len(), limits.slots);
    let prompts: Vec<Vec<u32>> = lengths.iter().enumerate().map(|(slot, &count)| prompt(seed + slot as u64, count)).collect();
    let alone: Vec<Logits> = prompts.iter().map(|tokens| run(&mut loaded.session, 0, 0, tokens, limits.rows, |_| true)).collect();
    let mut random = Random(seed);
    let mut done = vec![0; lengths.len()];
    let mut together = vec![Logits::new(); lengths.len()];
    while done.iter().zip(lengths).any(|(done, length)| done < length) {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        let mut rows = Vec::new();
        for slot in order {
            let most = [0, 1, 1, 5, 40][random.below(5)];
            let count = most.min(lengths[slot] - done[slot]).min(limits.rows - rows.len());
            let logits = random.below(3) > 0;
            rows.extend((done[slot]..done[slot] + count).map(|at| Row { token: prompts[slot][at], slot: slot as u32, position: at as u32, logits }));
            done[slot] += count;
        }
        if !rows.is_empty() {
            let step = loaded.session.step(&rows, &mut |at, logits| {
                together[rows[at].slot as usize].insert(rows[at].position, logits.to_vec());
            });
            step.expect("a step");
        }
    }
    for (slot, got) in together.iter().enumerate() {
        let expected = alone[slot].iter().filter(|(at, _)| got.contains_key(at)).map(|(at, logits)| (*at, logits.clone())).collect();
        assert!(got.len() > lengths[slot] / 4, "too few logits were wanted");
        assert_same_bits(&format!("slot {slot} in company, seed {seed}"), &expected, got);
    }
}

#[test]
fn in_company_is_as_alone() {
    let mut loaded = session(Format::Q4, threads(2));
    for seed in 10..13 {
        interleaved(&mut loaded, seed * 100, &[250, 90, 400, 30]);
    }
    let mut loaded = open(&small_rings(), threads(1));
    for seed in 13..16 {
        interleaved(&mut loaded, seed * 100, &[250, 90, 400]);
    }
}

/// Goes back `back` positions from `held`, continues with other tokens, and compares with a slot that never held the old ones.
fn rewound(loaded: &mut Loaded, held: usize, back: usize, chunk: usize) {
    let old = prompt(20, held);
    let start = held - back;
    let new: Vec<u32> = prompt(21, 80);
    run(&mut loaded.session, 0, 0, &old, 16, |_| false);
    let got = run(&mut loaded.session, 0, start as u32, &new, chunk, |_| true);
    let fresh: Vec<u32> = old[..start].iter().chain(&new).copied().collect();
    let expected = run(&mut loaded.session, 1, 0, &fresh, 16, |at| at as usize >= start);
    assert_same_bits(&format!("back by {back} from {held}, chunks of {chunk}"), &expected, &got);
}

#[test]
fn going_back_is_as_never_having_been_there() {
    for path in [artifact(Format::Q4), small_rings()] {
        let mut loaded = open(&path, threads(1));
        let rewind = loaded.session.limits().rewind;
        assert!(rewind > 1, "nothing can be taken back");
        for held in [rewind + 100, LONG] {
            for back in [1, rewind / 2, rewind - 1] {
                for chunk in [1, 16] {
                    rewound(&mut loaded, held, back, chunk);
                }
            }
        }
    }
}

#[test]
fn going_back_too_far_is_refused_also_in_two_goes() {
    let mut loaded = open(&small_rings(), threads(1));
    let (rewind, tokens) = (loaded.session.limits().rewind, prompt(22, 400));
    let row = |position: usize| Row { token: 5, slot: 0, position: position as u32, logits: false };
    run(&mut loaded.session, 0, 0, &tokens, 16, |_| false);
    loaded.session.step(&[row(400 - rewind)], &mut |_, _| {}).expect_err("keys of the window are overwritten");
    loaded.session.step(&[row(401)], &mut |_, _| {}).expect_err("a gap");
    let first = 400 - rewind + 1;
    loaded.session.step(&[row(first)], &mut |_, _| {}).expect("as far as the limit says");
    // The ring still holds what was written up to position 399, so the window before an earlier position is gone all the same.
    loaded.session.step(&[row(first - 1)], &mut |_, _| {}).expect_err("keys of the window are overwritten");
    loaded.session.step(&[row(first + 1)], &mut |_, _| {}).expect("going on");
    loaded.session.step(&[row(0)], &mut |_, _| {}).expect("from the start, always");
}

#[test]
fn entries_are_those_asked_for() {
    let loaded = open(&small_rings(), threads(1));
    let rows = |part| loaded.manifest.plan.entries_of(part).map(|(_, entry)| entry.rows).collect::<Vec<_>>();
    assert_eq!(rows(Part::Body), [1, 3, 16]);
    assert_eq!(rows(Part::Tail), [1, 3]);
}
