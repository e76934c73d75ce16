//! Containers and streams of ours on the emulator of FIM43-Redeye/xdna-emu, written by others from other sources: the results are those of plain integers.
//!
//! It runs where `UNICORN_XDNA_EMU` names a build of its C interface (`libxdna_emu.so`, from `cargo build --release -p xdna-emu-ffi` there). What that
//! emulator does not know stays out: loads that unpack four bits, and the multiplier's lane-by-lane modes.

mod common;

use std::ffi::{CString, c_char, c_void};

use common::{Fill, reference};
use libloading::Library;
use unicorn_kernels_npu::{Kernel, Shape, Statistics, SumKernel, SumShape, Weights, pack_weights};
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
    fn open() -> Option<Self> {
        let Some(path) = std::env::var_os("UNICORN_XDNA_EMU") else {
            println!("skipped: UNICORN_XDNA_EMU names no libxdna_emu.so");
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
        let file = std::env::temp_dir().join(format!("unicorn-xdna-emu-{}.xclbin", std::process::id()));
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
    let Some(emulator) = Emulator::open() else { return };
    // One token, three, tokens of their own for each core, and the many of a prompt.
    for (inputs, tokens, outputs) in [(128, 1, 64), (600, 3, 130), (300, 17, 70), (256, 64, 70), (2048, 1, 128)] {
        let shape = Shape { weights: Weights::Int8, inputs, tokens };
        let kernel = Kernel::new(shape).unwrap();
        let run = kernel.run(outputs).unwrap();
        let (w, x) = (Fill::Random(5).values(outputs * inputs), Fill::Random(6).values(tokens * inputs));
        let buffers = [pack_weights(&kernel.cut, &w), kernel.activations().pack(&x), vec![0xA5; run.buffers[2]]];
        let out = emulator.run(&kernel.container().unwrap(), &run.stream, buffers);
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
    let (shape, rows) = (SumShape { weights: Weights::Int8, outputs: 256, tokens: 1 }, 50);
    let kernel = SumKernel::new(shape).unwrap();
    let run = kernel.run(rows).unwrap();
    let (w, x) = (Fill::Random(5).values(rows * shape.outputs), Fill::Random(6).values(rows));
    let buffers = [kernel.pack_weights(&w), kernel.activations(rows).pack(&x), vec![0xA5; run.buffers[2]]];
    let got = words(&emulator.run(&kernel.container().unwrap(), &run.stream, buffers));
    for column in 0..shape.outputs {
        let want: i32 = (0..rows).map(|row| i32::from(w[row * shape.outputs + column]) * i32::from(x[row])).sum();
        assert_eq!(got[column], want, "{shape:?} x {rows}, column {column}");
    }
}
