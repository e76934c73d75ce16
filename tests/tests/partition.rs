//! Host and GPU share a model in any way, and the logits are the same to the last bit: random partitions, run on two CPU devices that share nothing but
//! what the plan copies ([`Twin`]). The replay that every plan must pass is judged the same way: a changed plan that it lets through must run as well.

use std::path::PathBuf;
use std::sync::OnceLock;
use unicorn_artifact::command::Command;
use unicorn_artifact::file::{Artifact, Manifest, section};
use unicorn_artifact::gpu::{Argument, GpuPlan, Stage};
use unicorn_artifact::plan::{Part, Plan};
use unicorn_artifact::tensor::Format;
use unicorn_artifact::validate;
use unicorn_kernels_gpu::target::Target;
use unicorn_rt::step::{Row, Stepper};
use unicorn_tests::hostile::folder;
use unicorn_tests::twin::Twin;
use unicorn_tests::{Logits, Random, artifact_with, assert_same_bits, open, options, run, threads};
use unicornc::import::{Checkpoint, synthetic};
use unicornc::lower::gpu;
use unicornc::partition::units::Kind;
use unicornc::partition::{Partition, decide};
use unicornc::{driver, schedule};

/// Pebble with few rows a step, and its plan.
fn pebble() -> &'static (PathBuf, Plan) {
    static MADE: OnceLock<(PathBuf, Plan)> = OnceLock::new();
    MADE.get_or_init(|| {
        let some = driver::Options { rows: vec![1, 3, 16], logit_rows: 3, slots: 3, ..options(Format::Q4) };
        let path = artifact_with("q4-small", &some);
        let plan = Artifact::open(&path).and_then(|a| a.manifest()).expect("a sound artifact").plan;
        (path, plan)
    })
}

/// A rule for some of the groups, by chance.
fn rules(random: &mut Random, layers: u32) -> String {
    let device = |random: &mut Random| ["gpu", "host"][random.below(2)];
    let mut text = String::new();
    for _ in 0..random.below(8) {
        let (a, b) = (random.below(layers as usize), random.below(layers as usize));
        let kind = ["", " attention", " ffn", " ple"][random.below(4)];
        text += &format!("layers {}-{}{kind}: {}\n", a.min(b), a.max(b), device(random));
    }
    for kind in [Kind::Embed, Kind::Head] {
        if random.below(2) == 0 {
            text += &format!("{}: {}\n", kind.name(), device(random));
        }
    }
    text + &format!("all: {}\n", device(random))
}

/// The GPU's part for a partition; `None` where it gets nothing.
fn lowered(plan: &Plan, text: &str) -> Option<GpuPlan> {
    let partition = Partition::parse(text).expect("rules");
    let decision = decide(plan, &partition, &[Target::Sm90], None).unwrap_or_else(|why| panic!("{text}{why}")).expect("a target was given");
    let lowered = gpu::lower(plan, &decision.assignment?).unwrap_or_else(|why| panic!("{text}{why}"));
    Some(lowered.plan)
}

/// Two sequences by turns, in steps of one row and of several.
fn talk(stepper: &mut dyn Stepper) -> Logits {
    let tokens = Random(7).tokens(60, 2, 4032);
    let mut all = Logits::new();
    for (slot, start, chunk, range) in [(0, 0, 16, 0..20), (2, 0, 3, 20..27), (0, 20, 1, 27..30), (2, 7, 16, 30..46), (0, 23, 3, 46..60)] {
        let some = run(stepper, slot, start, &tokens[range], chunk, |at| at % 3 != 1);
        all.extend(some.into_iter().map(|(at, logits)| (1000 * slot + at, logits)));
    }
    // Rows of both in one step.
    let row = |slot, position| Row { token: 77, slot, position, logits: true };
    let rows = [row(0, 37), row(2, 23), row(0, 38)];
    stepper.step(&rows, &mut |at, logits| drop(all.insert(5000 + at as u32, logits.to_vec()))).unwrap_or_else(|why| panic!("{why}"));
    all
}

fn expected() -> &'static Logits {
    static MADE: OnceLock<Logits> = OnceLock::new();
    MADE.get_or_init(|| talk(&mut open(&pebble().0, threads(1)).session))
}

#[test]
fn every_partition_passes_the_replay() {
    let plan = &pebble().1;
    let (mut placed, mut crossing) = (0, 0);
    for seed in 0..150 {
        let text = rules(&mut Random(seed), plan.model.layers);
        let Some(gpu) = lowered(plan, &text) else { continue };
        schedule::check::stages(plan, &gpu).unwrap_or_else(|why| panic!("seed {seed}: {why}\n{text}"));
        placed += 1;
        crossing += gpu.entries[0].stages.iter().filter(|s| matches!(s, Stage::Upload(_) | Stage::Download(_))).count();
    }
    println!("{placed} partitions, {crossing} crossings in their entries of one row");
    assert!(placed > 100 && crossing > 5 * placed, "{placed} partitions, {crossing} crossings");
}

#[test]
fn every_partition_gives_the_bits_of_the_host() {
    let (path, plan) = pebble();
    let random = (0..12).map(|seed| rules(&mut Random(seed), plan.model.layers));
    let whole =
        ["all: gpu\n".to_owned(), "layers 2-4: host\n".into(), "layers 5-9: host\nhead: host\n".into(), "layers 0-3: gpu\nall: host\n".into()];
    for text in whole.into_iter().chain(random) {
        let Some(gpu) = lowered(plan, &text) else { continue };
        assert_same_bits(&text, expected(), &talk(&mut Twin::new(path, &gpu)));
    }
}

/// A model large enough that a GPU is worth its launches, and Pebble, which is not.
#[test]
fn auto_takes_the_least_foretold_time() {
    let folder = folder();
    let sizes = synthetic::Options {
        layers: 4,
        sparse: 1,
        hidden: 1024,
        ffn: 4096,
        heads: 8,
        head_dim: 128,
        ple_width: 128,
        laurel_rank: 64,
        ..synthetic::Options::default()
    };
    synthetic::write(folder.path(), &sizes).expect("a checkpoint can be written");
    let out = folder.path().join("large.unicorn");
    let some = driver::Options { context: Some(256), slots: 1, rows: vec![1], limit: None, ..options(Format::Q4) };
    let checkpoint = Checkpoint::open(folder.path()).expect("a sound checkpoint");
    driver::compile(&checkpoint, &out, &driver::Options { selftest: false, hollow: true, ..some }, driver::Stage::Artifact, false, &mut |_| {})
        .expect("it compiles");
    let file = Artifact::open(&out).expect("a file");
    let large = Manifest::decode(file.verified(section::MANIFEST).expect("a section")).expect("a manifest").plan;
    for (plan, target, gpu) in [(&large, Target::Sm90, true), (&pebble().1, Target::Sm90, false), (&pebble().1, Target::Gfx1103, false)] {
        let decided = decide(plan, &Partition::Auto, &[target], None).expect("a placement").expect("a target was given");
        println!("{}", decided.table);
        let (chosen, host, whole) = (decided.table.chosen.seconds, decided.table.host.seconds, decided.table.gpu.expect("a GPU was given").seconds);
        assert!(chosen <= host && chosen <= whole, "{chosen} is more than {host} or {whole}");
        assert_eq!(decided.assignment.is_some(), gpu, "{target}");
        for seed in 0..8 {
            let other = Partition::parse(&rules(&mut Random(seed), plan.model.layers)).expect("rules");
            let other = decide(plan, &other, &[target], None).expect("a placement").expect("a target was given").table.chosen.seconds;
            assert!(chosen <= other * (1.0 + 1e-9), "{target}, seed {seed}: {other} is less than {chosen}");
        }
    }
}

/// Something small is changed in one entry's stages; `false` if there was nothing to change.
fn change(random: &mut Random, plan: &mut GpuPlan) -> bool {
    let entry = random.below(plan.entries.len());
    let buffers = plan.entries[entry].buffers.len();
    let stages = &mut plan.entries[entry].stages;
    let copies: Vec<usize> = (0..stages.len()).filter(|&at| matches!(stages[at], Stage::Upload(_) | Stage::Download(_))).collect();
    let at = random.below(stages.len());
    match random.below(8) {
        0 | 1 if !copies.is_empty() => drop(stages.remove(copies[random.below(copies.len())])),
        2 if at > 0 => stages.swap(at, at - 1),
        3 => {
            let other = random.below(stages.len());
            stages.swap(at, other);
        }
        4 if !copies.is_empty() => {
            let other = random.below(buffers) as u32;
            match &mut stages[copies[random.below(copies.len())]] {
                Stage::Upload(id) | Stage::Download(id) => *id = other,
                Stage::Host(_) | Stage::Device(_) => return false,
            }
        }
        5 if !copies.is_empty() => {
            let copy = &mut stages[copies[random.below(copies.len())]];
            *copy = match copy {
                Stage::Upload(id) => Stage::Download(*id),
                Stage::Download(id) => Stage::Upload(*id),
                Stage::Host(_) | Stage::Device(_) => return false,
            };
        }
        6 => match &mut stages[at] {
            Stage::Device(launches) if launches.len() > 1 => {
                let one = random.below(launches.len());
                let launch = launches.remove(one);
                let to = random.below(launches.len() + 1);
                launches.insert(to, launch);
            }
            Stage::Host(commands) if commands.len() > 1 => {
                let (a, b) = (random.below(commands.len()), random.below(commands.len()));
                commands.swap(a, b);
            }
            _ => return false,
        },
        _ => match &mut stages[at] {
            Stage::Device(launches) => {
                let one = random.below(launches.len());
                let launch = &mut launches[one];
                let command = random.below(launch.commands.len());
                launch.commands.remove(command);
            }
            Stage::Host(commands) => {
                let command = random.below(commands.len());
                commands.remove(command);
            }
            Stage::Upload(_) | Stage::Download(_) => return false,
        },
    }
    true
}

#[test]
fn a_changed_plan_is_refused_or_runs_all_the_same() {
    let (path, plan) = pebble();
    let (mut refused, mut harmless) = (0, 0);
    let texts = (0..25).map(|seed| rules(&mut Random(seed), plan.model.layers));
    let sound: Vec<(String, GpuPlan)> = texts.filter_map(|text| lowered(plan, &text).map(|gpu| (text, gpu))).collect();
    for seed in 0..1500 {
        let (text, sound) = &sound[seed as usize % sound.len()];
        let mut gpu = sound.clone();
        if !change(&mut Random(seed), &mut gpu) || gpu == *sound {
            continue;
        }
        if validate::gpu(plan, &gpu).is_err() {
            refused += 1;
            continue;
        }
        // What the replay lets through is a matter of order alone; a few dozen of them are run.
        harmless += 1;
        if harmless <= 24 {
            assert_same_bits(&format!("seed {seed}, {text}"), expected(), &talk(&mut Twin::new(path, &gpu)));
        }
    }
    println!("{refused} changed plans refused, {harmless} found harmless");
    assert!(refused > 600, "{refused} refused, {harmless} harmless");
}

/// The first stage of an entry for which `wanted` holds.
fn position(gpu: &GpuPlan, entry: usize, wanted: impl Fn(&Stage) -> bool) -> usize {
    gpu.entries[entry].stages.iter().position(wanted).expect("the partition has such a stage")
}

/// Takes that stage out.
fn without(gpu: &mut GpuPlan, entry: usize, wanted: impl Fn(&Stage) -> bool) -> Stage {
    let at = position(gpu, entry, wanted);
    gpu.entries[entry].stages.remove(at)
}

#[test]
fn each_kind_of_fault_is_named() {
    let plan = &pebble().1;
    let sound = lowered(plan, "layers 2-4: host\nlayers 8: host\n").expect("something is on the GPU");
    let tail = plan.entries.iter().position(|e| e.part == Part::Tail).expect("a tail");
    let refusal = |change: &dyn Fn(&mut GpuPlan)| {
        let mut gpu = sound.clone();
        change(&mut gpu);
        validate::gpu(plan, &gpu).expect_err("a fault").to_string()
    };
    let upload = |s: &Stage| matches!(s, Stage::Upload(_));
    let download = |s: &Stage| matches!(s, Stage::Download(_));
    let why = refusal(&|gpu| drop(without(gpu, 0, upload)));
    assert!(why.contains("gpu entry 0 (Body of 1 rows)") && why.contains("on the device, which does not hold it"), "{why}");
    let why = refusal(&|gpu| drop(without(gpu, 1, download)));
    assert!(why.contains("gpu entry 1 (Body of 3 rows)") && why.contains("on the host, which does not hold it"), "{why}");
    let why = refusal(&|gpu| {
        let at = position(gpu, 0, download);
        gpu.entries[0].stages.swap(at - 1, at);
    });
    assert!(why.contains("is copied from the device, which does not hold it"), "{why}");
    // Two buffers of the device in one place.
    let why = refusal(&|gpu| {
        let Some(Stage::Device(launches)) = gpu.entries[0].stages.iter().find(|s| matches!(s, Stage::Device(l) if l.len() > 4)) else { return };
        let of = |at: usize| launches[at].arguments.iter().rev().find_map(|a| a.buffer().map(|id| id as usize));
        let (a, b) = (of(0).expect("a buffer"), of(1).expect("a buffer"));
        gpu.entries[0].buffers[a] = gpu.entries[0].buffers[b];
    });
    assert!(why.contains("does not hold it") || why.contains("lies over"), "{why}");
    // The tail looks for the logits where they are not.
    let logits = plan.entries[tail].logits.expect("a tail has logits") as usize;
    let host = lowered(plan, "head: host\n").expect("something is on the GPU");
    assert_eq!((host.entries[tail].buffers[logits], &host.entries[tail].best), (None, &None));
    let mut wrong = host.clone();
    wrong.entries[tail].buffers[logits] = Some(0);
    let why = validate::gpu(plan, &wrong).expect_err("a fault").to_string();
    assert!(why.contains("at its end") && why.contains("on the device"), "{why}");
    // A tail that attends on the host to keys and values of the device, with all that it needs brought there and back.
    let mut mixed = lowered(plan, "all: gpu\n").expect("everything is on the GPU");
    let attends = |c: &u32| matches!(plan.entries[tail].commands[*c as usize], Command::Attention { .. });
    let stages = &mut mixed.entries[tail].stages;
    let is_it = |s: &Stage| matches!(s, Stage::Device(list) if list.iter().any(|l| l.commands.iter().any(attends)));
    let at = stages.iter().position(is_it).expect("the tail attends");
    let Stage::Device(mut before) = stages.remove(at) else { panic!("a stage of launches") };
    let mut after = before.split_off(before.iter().position(|l| l.commands.iter().any(attends)).expect("one that attends"));
    let launch = after.remove(0);
    let results: Vec<u32> = launch.arguments[3..].iter().filter_map(|a| if let Argument::Buffer(id) = a { Some(*id) } else { None }).collect();
    let Argument::Buffer(query) = launch.arguments[1] else { panic!("a query") };
    let there = [Stage::Device(before), Stage::Download(query), Stage::Host(launch.commands.clone())];
    let back = results.into_iter().map(Stage::Upload).chain([Stage::Device(after)]);
    stages.splice(at..at, there.into_iter().chain(back));
    let why = validate::gpu(plan, &mixed).expect_err("a fault").to_string();
    assert!(why.contains("keys and values") && why.contains("never cross"), "{why}");
}
