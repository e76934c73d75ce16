//! Containers and streams of ours on the emulator of FIM43-Redeye/xdna-emu, written by others from other sources: the results are those of plain integers.
//!
//! It runs where `UNICORN_XDNA_EMU` names a build of its C interface (`libxdna_emu.so`, from `cargo build --release -p xdna-emu-ffi` there). Kernels
//! that need what commit 7380bd56 lacks wait for `UNICORN_XDNA_EMU_TAUGHT`, a build which was taught:
//! - loads that unpack four bits (`vldb.unpack.s8.s4`);
//! - the multiplier's lane-by-lane modes, 32 lanes of 32 bits and 16 lanes of two products in 64;
//! - accumulators added in lanes of 64 bits where the configuration asks for them (0x2), and moves of one 256-bit quarter;
//! - shifts of `VSRS` and `VUPS` read before the bundle's own `mov` to them, not behind it as those of loads are.

mod common;

use std::ffi::{CString, c_char, c_void};

use common::{Fill, gaussian, nibble, reference};
use libloading::Library;
use unicorn_kernels_npu::{
    Kernel, ProductKernel, Scale, Shape, Statistics, SumKernel, SumShape, Threshold, TopKernel, Weights, pack_weights, product,
};
use unicorn_kernels_xdna::container::txn::Txn;
use unicorn_kernels_xdna::container::xclbin::Xclbin;

type Handle = *mut c_void;

/// What a run came to.
#[repr(C)]
#[derive(Debug)]
struct Status {
    result: i32,
    cycles: u64,
    halted: bool,
    reason: i32,
}

/// Cycles in which every run here comes to its end; the emulator takes 100,000 before it looks at the stream.
const LIMIT: u64 = 1_000_000;
/// The first column that the device has for users, and the cores of four.
const COLUMN: u8 = 1;
const CORES: u32 = 16;

struct Emulator(Library);

impl Emulator {
    fn open(variable: &str) -> Option<Self> {
        let Some(path) = std::env::var_os(variable) else {
            println!("skipped: {variable} names no libxdna_emu.so");
            return None;
        };
        // SAFETY: a library has no more on loading than what its own start-up does; the variable's owner vouches for it.
        Some(Self(unsafe { Library::new(&path) }.unwrap_or_else(|e| panic!("{}: {e}", path.display()))))
    }

    /// A function by its name.
    fn function<T: Copy>(&self, name: &str) -> T {
        // SAFETY: every type asked for below is that of the function's declaration in xdna-emu-ffi.
        *unsafe { self.0.get::<T>(name.as_bytes()) }.unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Proves products of matrices against plain integers.
    fn products(&self, weights: Weights, shapes: &[(usize, usize, usize)]) {
        for &(inputs, tokens, outputs) in shapes {
            let shape = Shape { weights, inputs, tokens };
            let kernel = Kernel::new(shape).unwrap();
            let run = kernel.run(outputs).unwrap();
            let (w, x) = (Fill::Random(5).values(outputs * inputs), Fill::Random(6).values(tokens * inputs));
            let buffers = [pack_weights(&kernel.cut, &w), kernel.activations().pack(&x), vec![0xA5; run.buffers[2]]];
            let out = self.run(&kernel.container().unwrap(), &run.stream, buffers);
            let (got, want) = (words(&out), reference(shape, outputs, &w, &x));
            for (token, want) in want.iter().enumerate() {
                assert!(got[token * run.row..][..outputs] == **want, "{shape:?} x {outputs}, token {token}");
            }
            for (token, got) in run.statistics(tokens, &out).iter().enumerate() {
                let sum = want[token].iter().map(|v| i64::from(*v)).sum();
                let squares = want[token].iter().map(|v| i128::from(*v) * i128::from(*v)).sum();
                assert_eq!(*got, Statistics { sum, squares }, "{shape:?} x {outputs}, token {token}");
            }
        }
    }

    /// Proves sums of 50 gathered rows of 256.
    fn sums(&self, weights: Weights) {
        let (shape, rows) = (SumShape { weights, outputs: 256, tokens: 1 }, 50);
        let kernel = SumKernel::new(shape).unwrap();
        let run = kernel.run(rows).unwrap();
        let (w, x) = (Fill::Random(5).values(rows * shape.outputs), Fill::Random(6).values(rows));
        let buffers = [kernel.pack_weights(&w), kernel.activations(rows).pack(&x), vec![0xA5; run.buffers[2]]];
        let got = words(&self.run(&kernel.container().unwrap(), &run.stream, buffers));
        let weight = |at: usize| i32::from(if weights == Weights::Int4 { nibble(w[at]) } else { w[at] });
        for (column, got) in got[..shape.outputs].iter().enumerate() {
            let want: i32 = (0..rows).map(|row| weight(row * shape.outputs + column) * i32::from(x[row])).sum();
            assert_eq!(*got, want, "{shape:?} x {rows}, column {column}");
        }
    }

    /// Runs a stream over buffers, the last of which comes back.
    fn run(&self, container: &Xclbin, stream: &Txn, buffers: [Vec<u8>; 3]) -> Vec<u8> {
        let create: unsafe extern "C" fn() -> Handle = self.function("xdna_emu_create");
        let destroy: unsafe extern "C" fn(Handle) = self.function("xdna_emu_destroy");
        let load: unsafe extern "C" fn(Handle, *const c_char, *mut u8) -> i32 = self.function("xdna_emu_load_xclbin");
        let column: unsafe extern "C" fn(Handle, u8) -> i32 = self.function("xdna_emu_set_start_col");
        let assign: unsafe extern "C" fn(Handle, u8, u32) -> i32 = self.function("xdna_emu_assign_partition");
        let configure: unsafe extern "C" fn(Handle, *const u8, u64) -> i32 = self.function("xdna_emu_load_pdi");
        let region: unsafe extern "C" fn(Handle, *const c_char, u64, u64) -> i32 = self.function("xdna_emu_alloc_host_region");
        let write: unsafe extern "C" fn(Handle, u64, *const u8, u64) -> i32 = self.function("xdna_emu_write_host_memory");
        let read: unsafe extern "C" fn(Handle, u64, *mut u8, u64) -> i32 = self.function("xdna_emu_read_host_memory");
        let submit: unsafe extern "C" fn(Handle, *const u8, u64) -> i32 = self.function("xdna_emu_execute_npu_instructions");
        let limit: unsafe extern "C" fn(Handle, u64) -> i32 = self.function("xdna_emu_set_max_cycles");
        let go: unsafe extern "C" fn(Handle) -> Status = self.function("xdna_emu_run");

        let bytes = container.write().unwrap();
        let file = std::env::temp_dir().join(format!("unicorn-xdna-emu-{}-{:?}.xclbin", std::process::id(), std::thread::current().id()));
        std::fs::write(&file, &bytes).unwrap();
        let path = CString::new(file.to_str().unwrap()).unwrap();
        let pdi = container.partition().unwrap().images[0].pdi.write().unwrap();
        let stream = stream.write().unwrap();
        let mut uuid = [0; 16];
        let mut out = vec![0; buffers[2].len()];
        // SAFETY: handles come from `create` and go to `destroy` once; every pointer is to as many bytes as are told, and none is kept.
        unsafe {
            // The container's own reader, on an array of its own: it takes column 0, where a driver takes the first one for users.
            let one = create();
            assert_eq!(load(one, path.as_ptr(), uuid.as_mut_ptr()), 0, "the container is not read");
            destroy(one);
            assert_eq!(uuid, container.uuid);
            let one = create();
            assert_eq!([column(one, COLUMN), assign(one, COLUMN, CORES), configure(one, pdi.as_ptr(), pdi.len() as u64)], [0; 3]);
            let address = |n: usize| (n as u64 + 1) << 28;
            for (n, buffer) in buffers.iter().enumerate() {
                let size = buffer.len() as u64;
                assert_eq!([region(one, std::ptr::null(), address(n), size), write(one, address(n), buffer.as_ptr(), size)], [0; 2]);
            }
            assert_eq!([submit(one, stream.as_ptr(), stream.len() as u64), limit(one, LIMIT)], [0; 2]);
            let status = go(one);
            assert!(status.result == 0 && status.halted && status.reason == 0, "{status:?}");
            assert_eq!(read(one, address(2), out.as_mut_ptr(), out.len() as u64), 0);
            destroy(one);
            println!("{} cycles", status.cycles);
        }
        std::fs::remove_file(file).unwrap();
        out
    }
}

fn words(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect()
}

#[test]
fn products_and_sums_are_those_of_another_emulator() {
    let Some(emulator) = Emulator::open("UNICORN_XDNA_EMU") else { return };
    // One token, three, tokens of their own for each core, and the many of a prompt.
    emulator.products(Weights::Int8, &[(128, 1, 64), (600, 3, 130), (300, 17, 70), (256, 64, 70), (2048, 1, 128)]);
    emulator.sums(Weights::Int8);
}

#[test]
fn four_bits_lists_and_products_are_those_of_another_emulator() {
    let Some(emulator) = Emulator::open("UNICORN_XDNA_EMU_TAUGHT") else { return };
    emulator.products(Weights::Int4, &[(256, 1, 64), (600, 3, 130), (256, 64, 70)]);
    emulator.sums(Weights::Int4);
    for (neurons, tokens) in [(600, 2), (8192, 1)] {
        let kernel = TopKernel::new(Threshold::new(neurons, Threshold::TWENTIETH).unwrap(), 96).unwrap();
        let run = kernel.run(tokens, neurons).unwrap();
        let multipliers = vec![16383; neurons];
        let scale = Scale::new(1.0 / 5000.0).unwrap();
        let mut setup = kernel.setup(&multipliers).unwrap();
        (0..tokens).for_each(|token| kernel.scale(&mut setup, token, scale));
        let values: Vec<Vec<i32>> = (1..=tokens as u64).map(|seed| gaussian(seed, 40_000, neurons)).collect();
        let mut gate = vec![0x5A; run.buffers[1]];
        values.iter().flatten().zip(gate.as_chunks_mut::<4>().0).for_each(|(value, to)| *to = value.to_le_bytes());
        let records = emulator.run(&kernel.container().unwrap(), &run.stream, [setup, gate, vec![0xA5; run.buffers[2]]]);
        for (token, values) in values.iter().enumerate() {
            let want = kernel.threshold.active(values, &multipliers, scale);
            assert!(want.neurons.len() > neurons / 40, "{} of {neurons}", want.neurons.len());
            assert!(kernel.active(&run, &records, token).unwrap() == want, "{neurons} neurons, token {token}");
        }
    }
    let (kernel, count) = (ProductKernel::new().unwrap(), 410);
    let run = kernel.run(count).unwrap();
    let values: Vec<i32> = gaussian(3, 3000, count).into_iter().map(i32::abs).collect();
    let (ups, multipliers) = (gaussian(4, 300_000, count), vec![16383; count]);
    let packed = run.pack(&values, &multipliers).unwrap();
    let mut given = vec![0x5A; run.buffers[1]];
    ups.iter().zip(given.as_chunks_mut::<4>().0).for_each(|(up, to)| *to = up.to_le_bytes());
    let out = emulator.run(&kernel.container().unwrap(), &run.stream, [packed, given, vec![0xA5; run.buffers[2]]]);
    assert!(run.read(&out).unwrap() == product(&values, &ups, &multipliers));
}
