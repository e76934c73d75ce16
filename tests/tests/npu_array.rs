//! Real kernels on the emulated array, by way of the runtime's NPU room and a driver without hardware: exact results, hangs with recovery, several contexts
//! at once, a device that goes away.

use std::time::Duration;
use unicorn_kernels_npu::{Kernel, Run, Shape, SumKernel, SumShape, Weights, pack_weights};
use unicorn_kernels_xdna::array::{Channel, Direction, Stream, Tile};
use unicorn_kernels_xdna::container::xclbin::Xclbin;
use unicorn_rt::hal::npu::{Buffer, Command, Context, Npu, NpuError, Result};
use unicorn_tests::Random;
use unicorn_tests::npu::{Addresses, Configured, Dialect, Fake, Log, Options, emulated};
use xrt_sys::Ioctl;

const LIMIT: Duration = Duration::from_secs(5);

/// The image in a container.
fn image(container: &Xclbin) -> Vec<u8> {
    container.partition().expect("a partition").images[0].pdi.write().expect("an image")
}

fn bytes(random: &mut Random, count: usize) -> Vec<i8> {
    (0..count).map(|_| random.bits() as i8).collect()
}

/// A product with its operands, on the device.
struct Product {
    shape: Shape,
    run: Run,
    kernel: Kernel,
    weights: Vec<i8>,
    buffers: [Buffer; 3],
    command: Command,
}

impl Product {
    fn new(npu: &Npu, shape: Shape, outputs: usize, seed: u64) -> Self {
        let kernel = Kernel::new(shape).unwrap();
        let run = kernel.run(outputs).unwrap();
        let weights = bytes(&mut Random(seed), outputs * shape.inputs);
        let mut buffers = run.buffers.map(|bytes| npu.buffer("an argument", bytes).unwrap());
        fill(&mut buffers[0], &pack_weights(&kernel.cut, &weights));
        let command = npu.kernel(&run.stream.write().unwrap(), &[&buffers[0], &buffers[1], &buffers[2]]).unwrap();
        Self { shape, run, kernel, weights, buffers, command }
    }

    fn context(&self, npu: &Npu) -> Context {
        npu.context(&image(&self.kernel.container().unwrap()), 4).unwrap()
    }

    /// New activations, handed over; results are spoiled.
    fn give(&mut self, seed: u64) -> Vec<i8> {
        let values = bytes(&mut Random(seed), self.shape.tokens * self.shape.inputs);
        let packed = self.kernel.activations().pack(&values);
        fill(&mut self.buffers[1], &packed);
        let spoiled = vec![0xA5; self.run.buffers[2]];
        fill(&mut self.buffers[2], &spoiled);
        values
    }

    /// Compares with the product in plain integers.
    #[track_caller]
    fn check(&mut self, activations: &[i8]) {
        self.buffers[2].take_back(0..self.run.buffers[2]).unwrap();
        let got = self.buffers[2].as_slice();
        for (token, x) in activations.chunks(self.shape.inputs).enumerate() {
            for (output, w) in self.weights.chunks(self.shape.inputs).enumerate() {
                let want: i32 = w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum();
                let at = 4 * (token * self.run.row + output);
                assert_eq!(i32::from_le_bytes(got[at..at + 4].try_into().unwrap()), want, "{:?}, token {token}, output {output}", self.shape);
            }
        }
    }

    #[track_caller]
    fn prove(&mut self, context: &Context, seed: u64) {
        let activations = self.give(seed);
        run(context, &mut self.command).unwrap();
        self.check(&activations);
    }
}

fn fill(buffer: &mut Buffer, bytes: &[u8]) {
    buffer.as_mut_slice()[..bytes.len()].copy_from_slice(bytes);
    buffer.hand_over(0..bytes.len()).unwrap();
}

fn run(context: &Context, command: &mut Command) -> Result<()> {
    // SAFETY: the emulated array reaches nothing but the arguments it is given, and it does so during the wait.
    unsafe { context.run(command, LIMIT) }
}

fn submit(context: &Context, command: &mut Command) {
    // SAFETY: as above.
    unsafe { context.submit(command) }.unwrap();
}

const ONE: Shape = Shape { weights: Weights::Int8, inputs: 256, tokens: 1 };
const MANY: Shape = Shape { weights: Weights::Int8, inputs: 256, tokens: 64 };

fn device(configured: Configured) -> (Fake, Log, Npu) {
    let (fake, log) = emulated(Options::default(), configured);
    let npu = fake.open().unwrap();
    (fake, log, npu)
}

#[test]
fn products_are_exact_whatever_the_driver() {
    for dialect in [Dialect::Kernel, Dialect::Outside] {
        for configured in [Configured::Once, Configured::Always] {
            let (fake, log) = emulated(Options { dialect, addresses: Addresses::Own, ..Options::default() }, configured);
            let npu = fake.open().unwrap();
            for (shape, outputs) in [(ONE, 300), (MANY, 100)] {
                let mut product = Product::new(&npu, shape, outputs, 1);
                let context = product.context(&npu);
                // Run after run on an array that keeps its state, or on one that loses it.
                (10..13).for_each(|seed| product.prove(&context, seed));
            }
            assert_eq!((log.done().0, log.diagnoses()), (6, vec![]));
        }
    }
}

#[test]
fn sums_of_rows_are_exact() {
    let (_fake, _, npu) = device(Configured::Once);
    let shape = SumShape { weights: Weights::Int8, outputs: 256, tokens: 1 };
    let kernel = SumKernel::new(shape).unwrap();
    let context = npu.context(&image(&kernel.container().unwrap()), 4).unwrap();
    let mut random = Random(5);
    for rows in [26, 100, 1] {
        let (weights, activations) = (bytes(&mut random, rows * shape.outputs), bytes(&mut random, rows));
        let run_of = kernel.run(rows).unwrap();
        let mut buffers = run_of.buffers.map(|bytes| npu.buffer("an argument", bytes).unwrap());
        fill(&mut buffers[0], &kernel.pack_weights(&weights));
        fill(&mut buffers[1], &kernel.activations(rows).pack(&activations));
        let mut command = npu.kernel(&run_of.stream.write().unwrap(), &buffers.iter().collect::<Vec<_>>()).unwrap();
        run(&context, &mut command).unwrap();
        buffers[2].take_back(0..run_of.buffers[2]).unwrap();
        for column in 0..shape.outputs {
            let want: i32 = (0..rows).map(|row| i32::from(weights[row * shape.outputs + column]) * i32::from(activations[row])).sum();
            let got = i32::from_le_bytes(buffers[2].as_slice()[4 * column..4 * column + 4].try_into().unwrap());
            assert_eq!(got, want, "{rows} rows, column {column}");
        }
    }
}

/// A stream that waits for a token of a channel to which it gives no task.
fn endless(npu: &Npu) -> Command {
    let mut stream = Stream::new();
    stream.wait(Channel::new(Tile::new(0, 0).unwrap(), Direction::S2mm, 0).unwrap());
    npu.kernel(&stream.finish().write().unwrap(), &[]).unwrap()
}

#[test]
fn a_deadlock_is_a_time_out_and_the_next_command_works() {
    let (fake, log, npu) = device(Configured::Once);
    let mut product = Product::new(&npu, ONE, 100, 1);
    let context = product.context(&npu);
    product.prove(&context, 2);
    let mut endless = endless(&npu);
    submit(&context, &mut endless);
    let why = context.wait(&mut endless, LIMIT).unwrap_err();
    assert_eq!(why.to_string(), "the NPU did not finish: it took longer than it may; its context was made anew");
    let told = log.diagnoses();
    assert!(told.len() == 1 && told[0].starts_with("deadlock after") && told[0].contains("the command processor waits for a token"), "{told:?}");
    // A new life of the context begins with an array as its configuration says.
    product.prove(&context, 3);
    assert_eq!((fake.count(Ioctl::CreateHwctx), fake.count(Ioctl::DestroyHwctx)), (2, 1));
    // By itself it hangs each time, and the context is given up; another one is not.
    assert!(matches!(run(&context, &mut endless).unwrap_err(), NpuError::Hung { renewed: false, .. }));
    assert_eq!(run(&context, &mut product.command).unwrap_err(), NpuError::GivenUp);
    let other = product.context(&npu);
    product.prove(&other, 4);
}

#[test]
fn what_the_array_refuses_is_an_error() {
    let (_fake, log, npu) = device(Configured::Once);
    let mut product = Product::new(&npu, ONE, 100, 1);
    // A buffer that is shorter than what the stream reads.
    let context = product.context(&npu);
    let short = npu.buffer("too short", 4096).unwrap();
    let stream = product.run.stream.write().unwrap();
    let mut command = npu.kernel(&stream, &[&short, &product.buffers[1], &product.buffers[2]]).unwrap();
    let why = run(&context, &mut command).unwrap_err();
    assert!(why.to_string().starts_with("the NPU did not finish: ERT_CMD_STATE_ERROR"), "{why}");
    assert!(log.diagnoses().iter().all(|why| why.contains("outside memory")) && log.diagnoses().len() == 2, "{:?}", log.diagnoses());

    // An image with one bit of its header turned over.
    let mut image = image(&product.kernel.container().unwrap());
    image[0x24] ^= 1;
    let damaged = npu.context(&image, 4).unwrap();
    assert!(matches!(run(&damaged, &mut product.command).unwrap_err(), NpuError::Hung { .. }));
    assert!(log.diagnoses().last().unwrap().contains("the file is damaged"), "{:?}", log.diagnoses());
    // Neither did harm.
    product.prove(&product.context(&npu), 9);
}

#[test]
fn contexts_work_side_by_side() {
    for configured in [Configured::Once, Configured::Always] {
        let (_fake, log, npu) = device(configured);
        let mut one = Product::new(&npu, ONE, 300, 1);
        let mut many = Product::new(&npu, MANY, 64, 2);
        let (first, second) = (one.context(&npu), many.context(&npu));
        for seed in 0..3 {
            let (x, y) = (one.give(seed), many.give(100 + seed));
            submit(&first, &mut one.command);
            submit(&second, &mut many.command);
            second.wait(&mut many.command, LIMIT).unwrap();
            first.wait(&mut one.command, LIMIT).unwrap();
            one.check(&x);
            many.check(&y);
        }
        // And from two threads; the one that hangs is no other's trouble.
        std::thread::scope(|scope| {
            scope.spawn(|| (10..13).for_each(|seed| one.prove(&first, seed)));
            scope.spawn(|| {
                assert!(matches!(run(&second, &mut endless(&npu)), Err(NpuError::Hung { .. })));
                many.prove(&many.context(&npu), 20);
            });
        });
        assert_eq!(log.done().0, 6 + 4);
    }
}

#[test]
fn a_device_that_goes_away_is_lost() {
    let (fake, _, npu) = device(Configured::Once);
    let mut product = Product::new(&npu, ONE, 100, 1);
    let context = product.context(&npu);
    product.prove(&context, 2);
    product.give(3);
    submit(&context, &mut product.command);
    fake.remove();
    let why = context.wait(&mut product.command, LIMIT).unwrap_err();
    assert!(why.is_lost(), "{why}");
    assert_eq!(product.buffers[1].hand_over(0..64).unwrap_err(), why);
    assert_eq!(run(&context, &mut product.command).unwrap_err().to_string(), "the command is in a queue still: wait for it first");
}
