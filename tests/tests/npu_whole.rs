//! The demo model on an NPU that is not there: what the compiler wrote for `npu:npu1` goes through the runtime and a driver without hardware to the emulated
//! array. So the whole way runs here, from compiling to tokens; what silicon does with it, no test here can say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use unicorn_artifact::file::{Artifact, section};
use unicorn_artifact::plan::Part;
use unicorn_artifact::tensor::Format;
use unicorn_kernels_cpu::{Isa, Kernels};
use unicorn_rt::Error;
use unicorn_rt::generate::{Request, Scheduler};
use unicorn_rt::hal::cpu::{Cpu, Parts, RowInputs, Weights};
use unicorn_rt::hal::npu::{Absence, NpuError};
use unicorn_rt::hal::offload::Offload;
use unicorn_rt::hal::roster::{Kind, OnFailure, Roster, Standing};
use unicorn_rt::load::{DeviceChoice, Loaded, OpenNpu, Options, load_on};
use unicorn_rt::sample::SamplingParams;
use unicorn_rt::step::Stepper;
use unicorn_rt::tokens::Tokenizer;
use unicorn_tests::npu::{self, Configured, Dialect, Fake, Fault, Log, emulated, faulty};
use unicorn_tests::{Logits, Random, artifact_with, assert_same_bits, options, pebble_json, run, session, session_with_tokenizer};
use unicornc::driver;
use unicornc::partition::Partition;
use unicornc::target::Npu;
use xrt_sys::{Ioctl, State};

/// Pebble with its sparse layers' products for the NPU.
fn seed(name: &str, selftest: bool) -> PathBuf {
    let made = driver::Options { npu: Some(Npu::Npu1), partition: Partition::Seed, selftest, rows: vec![1, 4, 64], ..options(Format::Q8) };
    artifact_with(name, &made)
}

/// Without a self-test, so that nothing runs before the first step.
fn untested() -> PathBuf {
    seed("q8-seed", false)
}

fn tested() -> PathBuf {
    seed("q8-seed-tested", true)
}

fn wanting(npu: DeviceChoice) -> Options {
    Options { npu, threads: 2, ..Options::default() }
}

/// Loaded on a device, which must be used.
fn on(path: &PathBuf, fake: &Fake, choice: DeviceChoice) -> Loaded {
    let fake = fake.clone();
    let loaded = load_on(path, wanting(choice), &|| fake.engine()).unwrap_or_else(|why| panic!("{why}"));
    assert!(loaded.session.cpu().npu().is_some(), "{:?}", loaded.notices);
    loaded
}

fn host(path: &PathBuf) -> Loaded {
    load_on(path, wanting(DeviceChoice::Off), &|| panic!("nobody asked for an NPU")).unwrap_or_else(|why| panic!("{why}"))
}

/// Streams that a step's body, or tail, of so many rows takes.
fn streams(loaded: &Loaded, part: Part, rows: usize) -> usize {
    let plan = &loaded.manifest.plan;
    let npu = plan.npu.as_ref().expect("an NPU's part");
    let entry = plan.entries_of(part).find(|(_, e)| e.rows as usize >= rows).expect("an entry").0;
    npu.entries[entry].calls.iter().map(|call| rows.div_ceil(npu.configuration(call.stream).tokens.len())).sum()
}

const PROMPT: usize = 21;

fn prompt() -> Vec<u32> {
    Random(7).tokens(PROMPT, 2, 4032)
}

/// Logits of a prompt at once and of some tokens after it, one by one, two together.
fn steps(stepper: &mut dyn Stepper) -> Logits {
    let mut all = run(stepper, 0, 0, &prompt(), PROMPT, |at| at + 2 >= PROMPT as u32);
    all.extend(run(stepper, 0, PROMPT as u32, &[900, 77], 1, |_| true));
    all.extend(run(stepper, 0, PROMPT as u32 + 2, &[5, 1234], 2, |_| true));
    all
}

#[test]
fn logits_are_the_hosts_to_the_bit() {
    let path = untested();
    let expected = steps(&mut host(&path).session);
    for (dialect, configured) in [(Dialect::Kernel, Configured::Once), (Dialect::Outside, Configured::Always)] {
        let (fake, log) = emulated(npu::Options { dialect, ..npu::Options::default() }, configured);
        let mut loaded = on(&path, &fake, DeviceChoice::Require);
        assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
        assert_eq!(loaded.session.roster().json(), serde_json::json!({ "device": "npu", "gpu": null, "npu": "RyzenAI-npu1" }));
        assert_same_bits("the NPU", &expected, &steps(&mut loaded.session));
        let body: usize = [PROMPT, 1, 1, 2].iter().map(|rows| streams(&loaded, Part::Body, *rows)).sum();
        let tail: usize = [2, 1, 1, 2].iter().map(|rows| streams(&loaded, Part::Tail, *rows)).sum();
        assert!(body > 0);
        assert_eq!((log.done().0, log.diagnoses()), (body + tail, vec![]), "the NPU did its part, and nothing twice");
        drop(loaded);
        assert_eq!(fake.alive(), (0, 0, 0), "everything was given back");
    }
}

fn greedy(loaded: &mut Loaded, tokenizer: &Arc<Tokenizer>, tokens: usize) -> Vec<u32> {
    let vocabulary = loaded.manifest.plan.model.text_vocabulary as usize;
    let prompt = tokenizer.encode_prompt("Once upon a time there was a").expect("text");
    let mut scheduler = Scheduler::new(Box::new(&mut loaded.session), tokenizer.clone(), vocabulary).expect("a scheduler");
    let request = Request { prompt, params: SamplingParams::greedy(), max_tokens: Some(tokens), ignore_eos: true, ..Request::default() };
    scheduler.generate(request).expect("the prompt fits").map(|token| token.expect("a token").id).collect()
}

#[test]
fn tokens_are_the_hosts() {
    let (path, (_, tokenizer)) = (untested(), session_with_tokenizer(Format::Q8, wanting(DeviceChoice::Auto)));
    let (fake, log) = emulated(npu::Options::default(), Configured::Once);
    let expected = greedy(&mut host(&path), &tokenizer, 64);
    assert_eq!(greedy(&mut on(&path, &fake, DeviceChoice::Require), &tokenizer, 64), expected);
    assert!(log.done().0 > 64 && expected.len() == 64);
}

/// Greedy tokens that are the reference's, each asked for behind the reference's own; all of them; digest of the logits.
fn agreeing(loaded: &mut Loaded) -> (usize, usize, blake3::Hash) {
    let mut hasher = blake3::Hasher::new();
    let golden = pebble_json("golden.json");
    let ids = |list: &serde_json::Value| list.as_array().expect("a list").iter().map(|id| id.as_u64().expect("an id") as u32).collect::<Vec<_>>();
    let (mut same, mut all) = (0, 0);
    for prompt in golden["prompts"].as_array().expect("prompts") {
        let (begin, greedy) = (ids(&prompt["ids"]), ids(&prompt["greedy_ids"]));
        let last = begin.len() as u32 - 1;
        let tokens: Vec<u32> = begin.into_iter().chain(greedy.iter().copied()).collect();
        let most = loaded.session.limits().rows;
        let logits = run(&mut loaded.session, 0, 0, &tokens, most, |at| at >= last);
        same += greedy.iter().enumerate().filter(|(at, id)| unicorn_tests::best(&logits[&(last + *at as u32)]) == **id).count();
        all += greedy.len();
        logits.values().flatten().for_each(|v| _ = hasher.update(&v.to_le_bytes()));
    }
    (same, all, hasher.finalize())
}

/// All goldens on the emulated array, with the host's bits. What int8 with a scale a row costs in the gates of sparse layers is no more than a hundredth of the
/// reference's tokens beyond q8.
#[test]
fn goldens_hold_as_those_of_q8_do() {
    let (q8, all, _) = agreeing(&mut session(Format::Q8, wanting(DeviceChoice::Off)));
    let (path, (fake, log)) = (untested(), emulated(npu::Options::default(), Configured::Once));
    let (seed, same, logits) = agreeing(&mut on(&path, &fake, DeviceChoice::Require));
    assert_eq!(agreeing(&mut host(&path)), (seed, same, logits), "the host alone");
    println!("{} streams, {} array cycles", log.done().0, log.done().1);
    println!("of {all} greedy tokens q8 gives {q8} of the reference, with the NPU's products {seed}");
    assert!(all == same && all > 300);
    assert!(seed + all / 100 >= q8, "of {all} q8 agrees on {q8}, with the NPU's products {seed}");
}

/// Loads what cannot have its NPU: the notice, and the error where it is required.
fn refused(path: &PathBuf, options: Options, open: &OpenNpu<'_>) -> (String, String) {
    let mut loaded = load_on(path, options, open).unwrap_or_else(|why| panic!("{why}"));
    assert!(loaded.session.cpu().npu().is_none());
    assert_eq!(loaded.session.roster().standing(Kind::Npu), Standing::Unused);
    assert_eq!(loaded.notices.len(), 1, "{:?}", loaded.notices);
    // The host does it all.
    assert_eq!(run(&mut loaded.session, 0, 0, &[2, 3], 2, |_| true).len(), 2);
    let why = load_on(path, Options { npu: DeviceChoice::Require, ..options }, open).expect_err("it is required");
    assert!(matches!(why, Error::Required { device: "npu", .. }), "{why}");
    (loaded.notices.remove(0), why.to_string())
}

#[test]
fn each_reason_for_no_npu_is_told_with_what_to_do() {
    let path = untested();
    let by = |why: NpuError| refused(&path, wanting(DeviceChoice::Auto), &|| Err(why.clone()));
    let (notice, error) = by(NpuError::Absent(Absence::Module));
    assert!(notice.starts_with("no NPU is used: no NPU: it is here, but its kernel module is not: `modprobe amdxdna`"), "{notice}");
    assert!(notice.ends_with("; the host does its part") && error.starts_with("--require npu: no NPU: it is here"), "{notice} {error}");
    assert!(by(NpuError::Permission { path: "/dev/accel/accel0".into(), group: "render".into() }).0.contains("usermod -aG render"));
    assert!(by(NpuError::Absent(Absence::Refused)).0.contains("update linux-firmware"));

    let on = |options: npu::Options| {
        let (fake, _) = emulated(options, Configured::Once);
        refused(&path, wanting(DeviceChoice::Auto), &|| fake.engine())
    };
    let (notice, error) = on(npu::Options { memlock: Some(8 << 20), ..npu::Options::default() });
    assert!(notice.contains("for the NPU's heap: this process may lock 8 MiB") && notice.contains("ulimit -l"), "{notice}");
    assert!(error.starts_with("--require npu: cannot lock 64 MiB"), "{error}");
    // The heap fits, the weights do not.
    let (notice, _) = on(npu::Options { memlock: Some((64 << 20) + (64 << 10)), ..npu::Options::default() });
    assert!(notice.contains("cannot lock") && !notice.contains("heap"), "{notice}");
    let (notice, _) = on(npu::Options { others: 6, ..npu::Options::default() });
    assert!(notice.contains("all contexts of the NPU are in use (6)"), "{notice}");
    let (notice, _) = on(npu::Options { lacking: vec![Ioctl::GetInfo], ..npu::Options::default() });
    assert!(notice.contains("does not know QUERY_AIE_METADATA") && notice.contains("update the kernel"), "{notice}");

    // Without native code nothing from the file reaches this process's memory.
    let (notice, _) = refused(&path, Options { native: false, ..wanting(DeviceChoice::Auto) }, &|| panic!("it is not opened"));
    assert!(notice.contains("its instruction streams reach all memory of this process"), "{notice}");
    // And an artifact without a part for it.
    let plain = unicorn_tests::artifact(Format::Q8);
    let why = load_on(plain, wanting(DeviceChoice::Require), &|| panic!("it is not opened")).expect_err("it is required").to_string();
    assert_eq!(why, "--require npu: the artifact has no NPU code; compile it with --target npu:npu1 --partition seed");
}

/// What is logged.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test of ours panics with it")).into_owned()
    }
}

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test of ours panics with it").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Said {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn lost(roster: &Roster) -> String {
    match roster.standing(Kind::Npu) {
        Standing::Lost { name, why } => format!("{name}: {why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_host_goes_on_where_the_npu_fails() {
    let path = untested();
    let expected = steps(&mut host(&path).session);
    let hang = |from: usize| move |run: usize| (run >= from).then_some(Fault::Ends(State::Running));
    let broken = |run: usize| (run == 4 || run == 5).then_some(Fault::Ends(State::Error));
    let leaves = |after| npu::Options { leaves: Some(after), ..npu::Options::default() };
    let cases: [(&str, (Fake, Log), &str); 5] = [
        ("hangs in the prompt", faulty(npu::Options::default(), Configured::Once, hang(1)), "the NPU did not finish: it took longer than it may"),
        ("hangs in the answer", faulty(npu::Options::default(), Configured::Once, hang(7)), "the NPU did not finish: it took longer than it may"),
        ("fails twice", faulty(npu::Options::default(), Configured::Once, broken), "the NPU did not finish: ERT_CMD_STATE_ERROR"),
        ("leaves in the prompt", emulated(leaves(2), Configured::Once), "the NPU is lost: DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT: No such device"),
        ("leaves in the answer", emulated(leaves(8), Configured::Once), "the NPU is lost: DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT: No such device"),
    ];
    for (what, (fake, log), why) in cases {
        let mut loaded = on(&path, &fake, DeviceChoice::Auto);
        let roster = loaded.session.roster().clone();
        let said = Said::default();
        let listener = tracing_subscriber::fmt().with_writer(said.clone()).finish();
        assert_same_bits(what, &expected, &tracing::subscriber::with_default(listener, || steps(&mut loaded.session)));
        assert_eq!(said.text().matches("the NPU failed, the host goes on without it").count(), 1, "{what}: {}", said.text());
        assert!(loaded.session.cpu().npu().is_none() && log.done().0 > 0, "{what}: the NPU did some, and is let go");
        assert!(lost(&roster).starts_with(&format!("RyzenAI-npu1: {why}")), "{what}: {}", lost(&roster));
        assert_eq!(roster.json()["device"], "cpu", "{what}");
    }
    // Where it is required, the step fails instead, and says why.
    let (fake, _) = emulated(leaves(2), Configured::Once);
    let mut loaded = on(&path, &fake, DeviceChoice::Require);
    let row = unicorn_rt::step::Row { token: 2, slot: 0, position: 0, logits: true };
    loaded.session.step(&[row], &mut |_, _| {}).expect_err("the device has left in the middle of it");
    let why = loaded.session.step(&[row], &mut |_, _| {}).expect_err("it stays away");
    assert!(matches!(&why, Error::Npu(why) if why.is_lost()), "{why}");
}

/// A GPU leaves runs of commands to the host, at other places than in the entry; the NPU's turns come there as well.
#[test]
fn fragments_have_their_calls_too() {
    let path = untested();
    let expected = steps(&mut host(&path).session);
    let artifact = Artifact::open(&path).expect("an artifact");
    let plan = artifact.manifest().expect("a plan").plan;
    let part = plan.npu.clone().expect("an NPU's part");
    // Each entry in pieces of seven commands.
    let all = |entry: usize| (0..plan.entries[entry].commands.len() as u32).collect::<Vec<_>>();
    let fragments: Vec<(usize, Vec<u32>)> =
        (0..plan.entries.len()).flat_map(|entry| all(entry).chunks(7).map(|some| (entry, some.to_vec())).collect::<Vec<_>>()).collect();
    let (fake, log) = emulated(npu::Options::default(), Configured::Once);
    let weights = artifact.verified(section::WEIGHTS).expect("weights");
    let offload =
        Offload::new(fake.engine().expect("a device"), &plan, &part, artifact.verified(section::NPU).expect("code"), weights).expect("room");
    let streamed = (artifact.file().try_clone().expect("a file"), artifact.section(section::STREAMED).expect("the streamed section").offset);
    let (kernels, weights) = (Kernels::new(Isa::detect()), Weights::Mapped(Artifact::open(&path).expect("the artifact again")));
    let made = fragments.clone();
    let parts = Parts { plan: plan.clone(), kernels, threads: 1, weights, streamed, code: None, dense: false, fragments: made, idle_states: false };
    let mut cpu = Cpu::new(parts).expect("memory for a small model");
    cpu.set_npu(offload, OnFailure::Fail);
    let mut split = Pieces { cpu, fragments };
    let logits = split.step(&prompt());
    let last = PROMPT as u32 - 1;
    assert_eq!(logits.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), expected[&last].iter().map(|v| v.to_bits()).collect::<Vec<_>>());
    assert!(log.done().0 > 0);
}

/// Runs entries fragment by fragment.
struct Pieces {
    cpu: Cpu,
    fragments: Vec<(usize, Vec<u32>)>,
}

impl Pieces {
    fn entry(&mut self, part: Part, inputs: RowInputs<'_>) -> usize {
        let entry = self.cpu.plan().entries_of(part).find(|(_, e)| e.rows as usize >= inputs.tokens.len()).expect("an entry").0;
        let whole = self.cpu.whole_entries();
        for (number, _) in self.fragments.iter().enumerate().filter(|(_, (of, _))| *of == entry) {
            self.cpu.run(whole + number, inputs).unwrap_or_else(|why| panic!("{why}"));
        }
        entry
    }

    /// Logits of the last token.
    fn step(&mut self, tokens: &[u32]) -> Vec<f32> {
        let (slots, positions): (Vec<u32>, Vec<u32>) = (vec![0; tokens.len()], (0..tokens.len() as u32).collect());
        self.entry(Part::Body, RowInputs { tokens, slots: &slots, positions: &positions, picks: &positions });
        let last = tokens.len() - 1;
        let inputs = RowInputs { tokens: &tokens[last..], slots: &slots[last..], positions: &positions[last..], picks: &positions[last..] };
        let entry = self.entry(Part::Tail, inputs);
        self.cpu.logits(entry, 0).to_vec()
    }
}

/// A command that hangs once is run again in a context made anew, and nobody needs to know.
#[test]
fn one_hang_is_nobodys_trouble() {
    let path = untested();
    let once = |run: usize| (run == 3).then_some(Fault::Ends(State::Timeout));
    let (fake, _) = faulty(npu::Options::default(), Configured::Once, once);
    let mut loaded = on(&path, &fake, DeviceChoice::Require);
    assert_same_bits("one hang", &steps(&mut host(&path).session), &steps(&mut loaded.session));
    assert!(fake.count(Ioctl::CreateHwctx) > fake.alive().0, "a context was made anew");
}

#[test]
fn the_self_test_tries_the_npu() {
    let path = tested();
    let (fake, log) = emulated(npu::Options::default(), Configured::Once);
    let loaded = on(&path, &fake, DeviceChoice::Require);
    let all = log.done().0;
    assert!(all > 0 && loaded.notices.is_empty());
    drop(loaded);
    // The last streams are those of a single token: a device that computes only these wrong would spoil answers, not prompts.
    let last = streams(&host(&path), Part::Body, 1);
    let wrong = faulty(npu::Options::default(), Configured::Once, move |run| (run >= all - last).then_some(Fault::Wrong));
    let (fake, log) = (wrong.0.clone(), wrong.1.clone());
    let loaded = load_on(&path, wanting(DeviceChoice::Auto), &|| fake.engine()).unwrap_or_else(|why| panic!("{why}"));
    assert!(loaded.session.cpu().npu().is_none() && loaded.notices[0].contains("self-test failed") && log.done().0 == all, "{:?}", loaded.notices);
    // One that computes something else for one layer, and one that fails.
    let wrong = faulty(npu::Options::default(), Configured::Once, |run| (run % 3 == 1).then_some(Fault::Wrong));
    let (notice, error) = refused(&path, wanting(DeviceChoice::Auto), &|| wrong.0.engine());
    assert!(notice.starts_with("no NPU is used: self-test failed: ") && error.starts_with("--require npu: self-test failed: "), "{notice} {error}");
    assert!(notice.contains("it computes something else than the compiler recorded"), "{notice}");
    let broken = faulty(npu::Options::default(), Configured::Once, |_| Some(Fault::Ends(State::Error)));
    let (notice, _) = refused(&path, wanting(DeviceChoice::Auto), &|| broken.0.engine());
    assert!(notice.starts_with("no NPU is used: self-test failed: NPU: the NPU did not finish: ERT_CMD_STATE_ERROR"), "{notice}");
}
