//! The runtime's NPU room against a driver without hardware: the way through, every refusal with its word, and what happens when something hangs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use unicorn_rt::hal::npu::{Buffer, Command, Context, Npu, NpuError, Result};
use unicorn_tests::npu::{Addresses, Dialect, Fake, Options, Work};
use xrt_sys::{Ioctl, State};

const LIMIT: Duration = Duration::from_secs(5);
const PDI: &[u8] = b"a configuration, which this device only compares";
const LEN: usize = 1000;

/// An instruction stream that adds; what the words mean is between it and the device below.
fn stream() -> Vec<u8> {
    (0..37u32).flat_map(|word| (word * 0x0101_0101).to_le_bytes()).collect()
}

fn words(bytes: &[u8]) -> Vec<i32> {
    bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Adds two vectors into a third, if configuration and stream have come over whole.
fn add(work: Work<'_>) -> std::result::Result<(), State> {
    if !work.configuration.starts_with(PDI) || work.stream != stream() || work.columns != 4 {
        return Err(State::Error);
    }
    let Ok([a, b, out]) = <[&mut [u8]; 3]>::try_from(work.arguments) else { return Err(State::Error) };
    for ((a, b), out) in a.chunks_exact(4).zip(b.chunks_exact(4)).zip(out.chunks_exact_mut(4)) {
        out.copy_from_slice(&(words(a)[0] + words(b)[0]).to_le_bytes());
    }
    Ok(())
}

/// A device that adds, but first does to one command each what the list says.
fn moody(moods: &[State]) -> impl FnMut(Work<'_>) -> std::result::Result<(), State> + Send + 'static {
    let mut moods: VecDeque<State> = moods.iter().copied().collect();
    move |work| match moods.pop_front() {
        Some(State::Completed) | None => add(work),
        Some(state) => Err(state),
    }
}

/// Two vectors and room for their sum.
struct Sum {
    a: Buffer,
    b: Buffer,
    out: Buffer,
}

impl Sum {
    fn new(npu: &Npu, seed: i32) -> Self {
        let vector = |factor: i32| {
            let mut buffer = npu.buffer("a vector", 4 * LEN).unwrap();
            for (at, bytes) in buffer.as_mut_slice().chunks_exact_mut(4).enumerate() {
                bytes.copy_from_slice(&(seed + factor * at as i32).to_le_bytes());
            }
            buffer.hand_over(0..4 * LEN).unwrap();
            buffer
        };
        Self { a: vector(3), b: vector(-7), out: npu.buffer("a sum", 4 * LEN).unwrap() }
    }

    fn kernel(&self, npu: &Npu) -> Command {
        npu.kernel(&stream(), &[&self.a, &self.b, &self.out]).unwrap()
    }

    fn check(&mut self, seed: i32) {
        self.out.take_back(0..4 * LEN).unwrap();
        let expected: Vec<i32> = (0..LEN as i32).map(|at| 2 * seed - 4 * at).collect();
        assert_eq!(words(self.out.as_slice()), expected);
    }

    /// Whether nothing was written.
    fn is_blank(&mut self) -> bool {
        self.out.take_back(0..4 * LEN).unwrap();
        self.out.as_slice().iter().all(|byte| *byte == 0)
    }
}

fn run(context: &Context, command: &mut Command) -> Result<()> {
    // SAFETY: the device without hardware writes nowhere but in the arguments it is given, and it does so during the wait.
    unsafe { context.run(command, LIMIT) }
}

fn submit(context: &Context, command: &mut Command) -> Result<()> {
    // SAFETY: as above.
    unsafe { context.submit(command) }
}

#[test]
fn adds_whatever_the_driver_and_its_addresses() {
    for dialect in [Dialect::Kernel, Dialect::Outside] {
        for addresses in [Addresses::Told, Addresses::Silent, Addresses::Own] {
            let fake = Fake::new(Options { dialect, addresses, ..Options::default() }, add);
            let npu = fake.open().unwrap();
            let context = npu.context(PDI, 4).unwrap();
            let mut sum = Sum::new(&npu, 100);
            let mut command = sum.kernel(&npu);
            assert!(sum.is_blank());
            // A buffer is used again and again, by both kinds of command.
            for _ in 0..2 {
                run(&context, &mut command).unwrap();
                sum.check(100);
            }
            let mut other = Sum::new(&npu, -5);
            run(&context, &mut npu.stream(&stream(), &[&other.a, &other.b, &other.out]).unwrap()).unwrap();
            other.check(-5);
            let waits = [fake.count(Ioctl::SyncobjTimelineWait), fake.count(Ioctl::WaitCmd)];
            assert_eq!(waits, if dialect == Dialect::Kernel { [3, 0] } else { [0, 3] });
            drop((context, command, sum, other, npu));
            assert_eq!(fake.alive(), (0, 0, 0), "everything was given back");
        }
    }
}

#[test]
fn says_what_the_device_is() {
    let npu = Fake::new(Options::default(), add).open().unwrap();
    let info = npu.info();
    assert_eq!((info.columns, info.core_rows, info.array, info.contexts), (5, 4, (2, 0), Some(6)));
    assert_eq!((info.firmware.as_str(), info.driver.as_str(), info.seat.name.as_deref()), ("1.5.5.391", "0.6", Some("RyzenAI-npu1")));
    let old = Fake::new(Options { dialect: Dialect::Outside, ..Options::default() }, add).open().unwrap();
    assert_eq!(old.info().contexts, None);
}

#[test]
fn packets_hold_what_the_driver_looks_for() {
    let fake = Fake::new(Options { addresses: Addresses::Own, ..Options::default() }, add);
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let sum = Sum::new(&npu, 1);
    run(&context, &mut sum.kernel(&npu)).unwrap();
    let packet = &fake.packets()[0];
    // Twelve words follow the first: mask, opcode 3, where the stream is (the heap's second piece of 32 KiB), 37 words, three addresses.
    assert_eq!(packet[..7], [0x3000_c001, 1, 3, 0, 0x0400_8000, 0, 37]);
    let addresses: Vec<u64> = packet[7..].chunks_exact(2).map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32).collect();
    assert_eq!(addresses, [sum.a.address(), sum.b.address(), sum.out.address()]);
}

#[test]
fn chains_run_in_one_message() {
    let fake = Fake::new(Options::default(), add);
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let mut sums: Vec<Sum> = (0..24).map(|seed| Sum::new(&npu, seed)).collect();
    let mut chain = npu.chain(sums.iter().map(|sum| sum.kernel(&npu)).collect()).unwrap();
    run(&context, &mut chain).unwrap();
    sums.iter_mut().enumerate().for_each(|(seed, sum)| sum.check(seed as i32));
    assert_eq!(fake.count(Ioctl::ExecCmd), 1);
    assert_eq!(fake.packets().len(), 25, "the chain and its links");

    // Links may work on the same buffers, which the driver must be told of only once.
    let mut twice = npu.chain(vec![sums[0].kernel(&npu), sums[0].kernel(&npu)]).unwrap();
    run(&context, &mut twice).unwrap();

    let word = |links: Vec<Command>| npu.chain(links).unwrap_err().to_string();
    assert_eq!(word(vec![]), "a command for the NPU: a chain of none");
    assert!(word((0..25).map(|_| sums[0].kernel(&npu)).collect()).ends_with("a chain of 25, at most 24 are possible"));
    let mixed = npu.stream(&stream(), &[&sums[0].a]).unwrap();
    assert!(word(vec![sums[0].kernel(&npu), mixed]).ends_with("single commands of one kind"));
    assert!(word(vec![chain]).ends_with("single commands of one kind"));
}

#[test]
fn a_queue_takes_four() {
    let fake = Fake::new(Options::default(), add);
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let mut sums: Vec<Sum> = (0..5).map(|seed| Sum::new(&npu, seed)).collect();
    let mut commands: Vec<Command> = sums.iter().map(|sum| sum.kernel(&npu)).collect();
    for command in &mut commands[..4] {
        submit(&context, command).unwrap();
    }
    assert!(sums[0].is_blank(), "nothing is done before somebody waits");
    assert_eq!(submit(&context, &mut commands[4]).unwrap_err(), NpuError::Full);
    assert_eq!(submit(&context, &mut commands[0]).unwrap_err().to_string(), "the command is in a queue still: wait for it first");
    assert_eq!(context.wait(&mut commands[4], LIMIT).unwrap_err().to_string(), "the command is in no queue");
    // The third being done, so are the two before it.
    context.wait(&mut commands[2], LIMIT).unwrap();
    sums[..3].iter_mut().enumerate().for_each(|(seed, sum)| sum.check(seed as i32));
    assert!(sums[3].is_blank());
    submit(&context, &mut commands[4]).unwrap();
    context.wait(&mut commands[4], LIMIT).unwrap();
    sums[4].check(4);
    // A command that is dropped in the queue goes with the context.
    submit(&context, &mut commands[2]).unwrap();
    drop(commands);
    drop(context);
    assert_eq!(fake.alive().0, 0);
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    let npu = Fake::new(Options::default(), add).open().unwrap();
    let buffers: Vec<Buffer> = (0..14).map(|_| npu.buffer("an argument", 64).unwrap()).collect();
    let all: Vec<&Buffer> = buffers.iter().collect();
    let word = |made: Result<Command>| made.unwrap_err().to_string();
    assert_eq!(word(npu.kernel(&stream(), &all[..8])), "a command for the NPU: 21 words of arguments, at most 19 are possible");
    assert_eq!(word(npu.stream(&stream(), &all)), "a command for the NPU: 28 words of arguments, at most 26 are possible");
    assert_eq!(word(npu.kernel(&[1, 2, 3], &[])), "a command for the NPU: an instruction stream of 3 bytes; whole words are needed");
    assert_eq!(word(npu.kernel(&[], &[])), "a command for the NPU: an instruction stream of 0 bytes; whole words are needed");
    assert_eq!(buffers[0].hand_over(60..70).unwrap_err().to_string(), "handing over: 10 bytes at 60 do not fit in 64");
}

#[test]
fn the_heap_ends() {
    let npu = Fake::new(Options::default(), add).open().unwrap();
    let megabytes = vec![0; 40 << 20];
    let first = npu.kernel(&megabytes, &[]).unwrap();
    assert_eq!(
        npu.kernel(&megabytes, &[]).unwrap_err().to_string(),
        "cannot reserve 40 MiB for an instruction stream: the NPU's heap of 64 MiB is full"
    );
    drop(first);
    npu.kernel(&megabytes, &[]).unwrap();
}

#[test]
fn a_hung_context_is_made_anew() {
    for (mood, word) in [
        (State::Running, "it took longer than it may"),
        (State::Timeout, "ERT_CMD_STATE_TIMEOUT"),
        (State::Abort, "ERT_CMD_STATE_ABORT"),
        (State::Error, "ERT_CMD_STATE_ERROR"),
        (State::NoResponse, "ERT_CMD_STATE_NORESPONSE"),
    ] {
        for dialect in [Dialect::Kernel, Dialect::Outside] {
            // `run` hides one hang, and the packet that the driver spoiled is written again.
            let fake = Fake::new(Options { dialect, ..Options::default() }, moody(&[mood, State::Completed, mood, State::Completed]));
            let npu = fake.open().unwrap();
            let context = npu.context(PDI, 4).unwrap();
            let mut sum = Sum::new(&npu, 8);
            let mut command = sum.kernel(&npu);
            run(&context, &mut command).unwrap();
            sum.check(8);
            assert_eq!((fake.count(Ioctl::CreateHwctx), fake.count(Ioctl::DestroyHwctx)), (2, 1));
            // It finished something since, so it may hang again; who submits is told.
            submit(&context, &mut command).unwrap();
            let why = context.wait(&mut command, LIMIT).unwrap_err();
            assert_eq!(why.to_string(), format!("the NPU did not finish: {word}; its context was made anew"));
            run(&context, &mut command).unwrap();
            assert_eq!(fake.alive().0, 1);
        }
    }
}

#[test]
fn a_context_that_hangs_twice_is_given_up() {
    let fake = Fake::new(Options::default(), moody(&[State::Running, State::Timeout]));
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let mut sum = Sum::new(&npu, 0);
    let mut command = sum.kernel(&npu);
    let why = run(&context, &mut command).unwrap_err();
    assert_eq!(why.to_string(), "the NPU did not finish: ERT_CMD_STATE_TIMEOUT; its context is given up");
    assert_eq!(run(&context, &mut command).unwrap_err(), NpuError::GivenUp);
    assert_eq!((fake.alive().0, fake.alive().2), (0, 0), "nothing is left at the driver");
    // Another context of the same device works.
    run(&npu.context(PDI, 4).unwrap(), &mut command).unwrap();
    sum.check(0);
}

#[test]
fn what_shared_a_queue_with_a_hung_command_is_told() {
    let fake = Fake::new(Options::default(), moody(&[State::Completed, State::Running]));
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let mut sums: Vec<Sum> = (0..3).map(|seed| Sum::new(&npu, seed)).collect();
    let mut commands: Vec<Command> = sums.iter().map(|sum| sum.kernel(&npu)).collect();
    commands.iter_mut().for_each(|command| submit(&context, command).unwrap());
    // The third waits behind the second, which hangs.
    let why = context.wait(&mut commands[2], LIMIT).unwrap_err();
    assert!(matches!(why, NpuError::Hung { renewed: true, .. }), "{why}");
    sums[0].check(0);
    let why = context.wait(&mut commands[1], LIMIT).unwrap_err().to_string();
    assert!(why.starts_with("the command is not in this context's queue"), "{why}");
    run(&context, &mut commands[1]).unwrap();
    sums[1].check(1);
}

#[test]
fn the_failed_link_of_a_chain_is_named() {
    let fake = Fake::new(Options::default(), moody(&[State::Completed, State::Error]));
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let mut sums: Vec<Sum> = (0..3).map(|seed| Sum::new(&npu, seed)).collect();
    let mut chain = npu.chain(sums.iter().map(|sum| sum.kernel(&npu)).collect()).unwrap();
    submit(&context, &mut chain).unwrap();
    let why = context.wait(&mut chain, LIMIT).unwrap_err().to_string();
    assert_eq!(why, "the NPU did not finish command 1 of a chain: ERT_CMD_STATE_ERROR; its context was made anew");
    run(&context, &mut chain).unwrap();
    sums.iter_mut().enumerate().for_each(|(seed, sum)| sum.check(seed as i32));
}

#[test]
fn a_command_the_driver_drops_is_no_hang() {
    let fake = Fake::new(Options { drops: true, ..Options::default() }, add);
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let mut sum = Sum::new(&npu, 0);
    let why = run(&context, &mut sum.kernel(&npu)).unwrap_err();
    assert_eq!(why, NpuError::Unsent);
    assert!(why.to_string().contains("dmesg") && sum.is_blank());
    assert_eq!(fake.count(Ioctl::CreateHwctx), 1, "the context is whole");
}

#[test]
fn a_removed_device_is_lost() {
    let fake = Fake::new(Options::default(), add);
    let npu = fake.open().unwrap();
    let context = npu.context(PDI, 4).unwrap();
    let sum = Sum::new(&npu, 0);
    let (mut command, mut next) = (sum.kernel(&npu), sum.kernel(&npu));
    submit(&context, &mut command).unwrap();
    fake.remove();
    let why = context.wait(&mut command, LIMIT).unwrap_err();
    assert!(why.is_lost() && why.to_string().starts_with("the NPU is lost: DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT: No such device"), "{why}");
    // The first word is repeated, and nobody asks the driver any more.
    let asked = fake.count(Ioctl::CreateBo);
    assert_eq!(npu.buffer("a vector", 64).unwrap_err(), why);
    assert_eq!(npu.context(PDI, 4).unwrap_err(), why);
    assert_eq!(submit(&context, &mut next).unwrap_err(), why);
    assert_eq!(fake.count(Ioctl::CreateBo), asked);
}

#[test]
fn a_device_lost_between_contexts_is_not_taken_for_full() {
    let fake = Fake::new(Options::default(), add);
    let npu = fake.open().unwrap();
    fake.remove();
    let why = npu.context(PDI, 4).unwrap_err();
    assert!(why.is_lost(), "{why}");
}

#[test]
fn six_contexts_and_no_more() {
    for (dialect, word) in [
        (Dialect::Kernel, "all contexts of the NPU are in use (6): end other programs that use it"),
        (Dialect::Outside, "all contexts of the NPU are in use: end other programs that use it"),
    ] {
        let fake = Fake::new(Options { dialect, ..Options::default() }, add);
        let npu = fake.open().unwrap();
        let mut contexts: Vec<Context> = (0..6).map(|_| npu.context(PDI, 4).unwrap()).collect();
        assert_eq!(npu.context(PDI, 4).unwrap_err().to_string(), word);
        contexts.pop();
        contexts.push(npu.context(PDI, 4).unwrap());
        let mut sum = Sum::new(&npu, 3);
        run(&contexts[5], &mut sum.kernel(&npu)).unwrap();
        sum.check(3);
    }
    let fake = Fake::new(Options { others: 6, ..Options::default() }, add);
    assert!(matches!(fake.open().unwrap().context(PDI, 4).unwrap_err(), NpuError::Contexts { most: Some(6) }));
}

#[test]
fn columns_are_shared_by_the_driver_s_rules() {
    let npu = Fake::new(Options::default(), add).open().unwrap();
    for asked in [0, 6] {
        assert_eq!(npu.context(PDI, asked).unwrap_err(), NpuError::Columns { asked, most: 5 });
    }
    let _narrow = npu.context(PDI, 1).unwrap();
    // Four columns begin at the second alone, which the narrow one has; one of another width cannot share it.
    let why = npu.context(PDI, 4).unwrap_err();
    assert_eq!(why.to_string(), "no 4 columns of the NPU are free beside the other contexts: end other programs that use it");
    let _other = npu.context(PDI, 1).unwrap();
}

#[test]
fn locked_memory_has_a_limit() {
    let word = |memlock| Fake::new(Options { memlock, ..Options::default() }, add).open().unwrap_err().to_string();
    let few = word(Some(8 << 20));
    assert!(few.starts_with("cannot lock 64 MiB of memory for the NPU's heap: this process may lock 8 MiB: raise the limit"), "{few}");
    assert!(few.contains("/etc/security/limits.d/99-npu.conf") && few.contains("ulimit -l"), "{few}");
    assert!(word(Some(0)).contains("may lock 0 KiB"), "{}", word(Some(0)));
    // The heap fits, and what comes after it does not.
    let fake = Fake::new(Options { memlock: Some(65 << 20), ..Options::default() }, add);
    let npu = fake.open().unwrap();
    let first = npu.buffer("weights", 1 << 20).unwrap();
    assert!(matches!(npu.buffer("weights", 4096).unwrap_err(), NpuError::Memlock { what: "weights", bytes: 4096, limit: Some(_) }));
    drop(first);
    npu.buffer("weights", 4096).unwrap();
    let (_, buffers, _) = fake.alive();
    assert_eq!(buffers, 1, "a buffer that could not be mapped is given back");
}

#[test]
fn old_and_foreign_drivers_are_named() {
    let open = |options| Fake::new(options, add).open().unwrap_err().to_string();
    let old = open(Options { lacking: vec![Ioctl::GetInfo], ..Options::default() });
    assert!(old.starts_with("the driver (version 0.6) does not know QUERY_AIE_METADATA (Invalid argument"), "{old}");
    assert!(old.ends_with("update the kernel, or install AMD's amdxdna package"), "{old}");
    let foreign = open(Options { name: "intel_vpu", ..Options::default() });
    assert_eq!(foreign, "/dev/accel/fake is no AMD NPU but a device of `intel_vpu`");

    // No timeline and no call to wait: found out at the first wait.
    let lacking = vec![Ioctl::WaitCmd];
    let npu = Fake::new(Options { dialect: Dialect::Outside, lacking, ..Options::default() }, add).open().unwrap();
    let why = run(&npu.context(PDI, 4).unwrap(), &mut Sum::new(&npu, 0).kernel(&npu)).unwrap_err();
    assert!(matches!(why, NpuError::OldDriver { call: "DRM_IOCTL_AMDXDNA_WAIT_CMD", .. }), "{why}");
}

#[test]
fn threads_share_a_device() {
    let running = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&running);
    let fake = Fake::new(Options::default(), move |work: Work<'_>| {
        *counted.lock().unwrap() += 1;
        add(work)
    });
    let npu = fake.open().unwrap();
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let npu = npu.clone();
            scope.spawn(move || {
                let context = npu.context(PDI, 4).unwrap();
                let mut sum = Sum::new(&npu, seed);
                let mut command = sum.kernel(&npu);
                (0..10).for_each(|_| run(&context, &mut command).unwrap());
                sum.check(seed);
            });
        }
    });
    assert_eq!(*running.lock().unwrap(), 30);
}
