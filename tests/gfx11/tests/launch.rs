//! Launches of a real code object (`fixtures/steps.s`): through the C functions as our runtime calls them, and through the Rust interface, where a kernel
//! may fail without the device being lost.

use gfx11::exec::Fault;
use gfx11::launch::{Settings, Shape, ShapeError, argument_block, check, launch};
use gfx11::object::{ImageError, Kernel, read};
use gfx11::space::Space;
use object::{Object, ObjectSection};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::process::Command;

const IMAGE: &[u8] = include_bytes!("fixtures/steps.co");

fn kernel(name: &str) -> Kernel {
    read(IMAGE).unwrap().into_iter().find(|kernel| kernel.name == name).unwrap()
}

fn shape(groups: u32, lanes: u32) -> Shape {
    Shape { grid: [groups, 1, 1], block: [lanes, 1, 1], shared: 0 }
}

/// Runs a kernel whose arguments are 64 bits wide or less.
fn start(kernel: &Kernel, shape: Shape, space: &Space, arguments: &[u64], settings: Settings) -> Result<gfx11::launch::Counts, Fault> {
    let values: Vec<*const u8> = arguments.iter().map(|value| std::ptr::from_ref(value).cast()).collect();
    // SAFETY: each argument has at most the eight bytes of its value.
    let block = unsafe { argument_block(kernel, &shape, &values) }.unwrap();
    launch(kernel, &shape, &block, &space.view(), settings).map_err(|failure| failure.fault)
}

#[test]
fn the_image_is_what_its_source_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let assembled = std::env::temp_dir().join(format!("gfx11-steps-{}.o", std::process::id()));
    let mut assemble = Command::new("llvm-mc-22");
    assemble.args(["-triple=amdgcn-amd-amdhsa", "-mcpu=gfx1103", "-filetype=obj"]).arg(folder.join("steps.s")).arg("-o").arg(&assembled);
    match assemble.output() {
        Err(why) => eprintln!("skipped: llvm-mc-22: {why}"),
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let made = std::fs::read(&assembled).unwrap();
            std::fs::remove_file(&assembled).unwrap();
            let text = |image: &[u8]| object::File::parse(image).unwrap().section_by_name(".text").unwrap().data().unwrap().to_vec();
            // Linking fills up what is behind the last kernel.
            assert!(text(&made).len() > 500 && text(IMAGE).starts_with(&text(&made)));
        }
    }
}

#[test]
fn a_failing_kernel_says_where_and_why() {
    let mut space = Space::new(1 << 20);
    let memory = space.reserve(256, true).unwrap();
    let all = Settings::default();
    assert_eq!(start(&kernel("count"), shape(64, 100), &space, &[memory, 3], all).map(|counts| counts.loaded), Ok(0));
    // SAFETY: reserved.
    assert_eq!(unsafe { *((memory + 12) as *const u32) }, 6400);
    let address = memory + 256;
    assert_eq!(start(&kernel("count"), shape(1, 32), &space, &[memory, 64], all), Err(Fault::Address { lane: 0, address, bytes: 4 }));
    let odd = memory + 2;
    assert_eq!(start(&kernel("count"), shape(1, 32), &space, &[odd, 0], all), Err(Fault::Alignment { lane: 0, address: odd, bytes: 4 }));
    let unknown = start(&kernel("puzzle"), shape(1, 32), &space, &[], all).unwrap_err();
    assert_eq!(unknown.to_string(), "encoding opcode 63 (first six bits), words fc000000 bfb00000");
    let short = Settings { limit: 1000, ..all };
    assert!(matches!(start(&kernel("forever"), shape(1, 32), &space, &[], short), Err(Fault::Limit(_))));
    let full = launch(&kernel("puzzle"), &shape(1, 32), &[0], &space.view(), all).unwrap_err();
    assert_eq!((full.kernel.as_str(), full.at, full.group, full.wave), ("puzzle", 4, [0; 3], 0));
}

#[test]
fn missing_waits_are_seen_when_asked_for() {
    let mut space = Space::new(1 << 20);
    let memory = space.reserve(256, true).unwrap();
    let strict = Settings { strict: true, ..Settings::default() };
    assert!(start(&kernel("hasty"), shape(1, 64), &space, &[memory], Settings::default()).is_ok());
    let early = start(&kernel("hasty"), shape(1, 64), &space, &[memory], strict);
    assert_eq!(early, Err(Fault::Wait { register: "v3".into(), counter: "vmcnt", at_most: 0 }));
    let factor = u64::from(2f32.to_bits());
    assert!(start(&kernel("mirror"), shape(1, 64), &space, &[memory, memory, factor], strict).is_ok());
}

#[test]
fn shapes_and_images_are_checked() {
    let kernel = kernel("mirror");
    assert_eq!(check(&kernel, &shape(1, 65)), Err(ShapeError::Lanes { lanes: 65, most: 64 }));
    assert_eq!(check(&kernel, &shape(0, 64)), Err(ShapeError::Grid));
    assert_eq!(check(&kernel, &Shape { shared: 65536, ..shape(1, 64) }), Err(ShapeError::Shared(65792)));
    assert!(matches!(read(b"no ELF"), Err(ImageError::Elf(_))));
    let mut other = IMAGE.to_vec();
    other[48] = 0x41;
    assert_eq!(read(&other), Err(ImageError::Machine { machine: 224, flags: 0x41 }));
    // Whatever byte is wrong, it is an error or other numbers, never a panic.
    for i in 0..IMAGE.len() {
        let mut other = IMAGE.to_vec();
        other[i] ^= 0x55;
        let _ = read(&other);
    }
    for i in 0..IMAGE.len() {
        let _ = read(&IMAGE[..i]);
    }
}

// The C functions, as a program sees them that is linked to the library.
unsafe extern "C" {
    fn hipInit(flags: c_uint) -> c_int;
    fn hipGetErrorString(error: c_int) -> *const c_char;
    fn hipMalloc(address: *mut u64, bytes: usize) -> c_int;
    fn hipFree(address: u64) -> c_int;
    fn hipMemGetInfo(free: *mut usize, total: *mut usize) -> c_int;
    fn hipMemcpyHtoDAsync(to: u64, from: *const c_void, bytes: usize, stream: *mut c_void) -> c_int;
    fn hipMemcpyDtoHAsync(to: *mut c_void, from: u64, bytes: usize, stream: *mut c_void) -> c_int;
    fn hipStreamCreateWithFlags(stream: *mut *mut c_void, flags: c_uint) -> c_int;
    fn hipStreamSynchronize(stream: *mut c_void) -> c_int;
    fn hipStreamBeginCapture(stream: *mut c_void, mode: c_int) -> c_int;
    fn hipStreamEndCapture(stream: *mut c_void, graph: *mut *mut c_void) -> c_int;
    fn hipGraphInstantiateWithFlags(exec: *mut *mut c_void, graph: *mut c_void, flags: u64) -> c_int;
    fn hipGraphLaunch(exec: *mut c_void, stream: *mut c_void) -> c_int;
    fn hipModuleLoadData(module: *mut *mut c_void, image: *const c_void) -> c_int;
    fn hipModuleGetFunction(function: *mut *mut c_void, module: *mut c_void, name: *const c_char) -> c_int;
    fn hipModuleLaunchKernel(
        function: *mut c_void,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        shared: c_uint,
        stream: *mut c_void,
        parameters: *mut *mut c_void,
        extra: *mut *mut c_void,
    ) -> c_int;
}

/// One test, for the device behind the C functions is one, and it is lost at the end.
#[test]
fn the_c_functions_run_a_kernel_and_then_lose_the_device() {
    let ok = |code: c_int| assert_eq!(code, 0);
    let none = std::ptr::null_mut::<c_void>();
    let [mut stream, mut module, mut function, mut graph, mut exec] = [none; 5];
    let (mut from, mut to) = (0u64, 0u64);
    let input: Vec<f32> = (0..256u16).map(f32::from).collect();
    let mut output = vec![0f32; 256];
    // SAFETY: every pointer is to a value of its type; streams run at once, so all of them outlive their use.
    unsafe {
        ok(hipInit(0));
        ok(hipStreamCreateWithFlags(&mut stream, 1));
        ok(hipMalloc(&mut from, 1024));
        ok(hipMalloc(&mut to, 1024));
        let (mut free, mut total) = (0, 0);
        ok(hipMemGetInfo(&mut free, &mut total));
        assert_eq!(total - free, 2048);
        assert_eq!(hipMalloc(&mut 0, total), 2);
        ok(hipModuleLoadData(&mut module, IMAGE.as_ptr().cast()));
        assert_eq!(hipModuleGetFunction(&mut function, module, c"other".as_ptr()), 500);
        ok(hipModuleGetFunction(&mut function, module, c"mirror".as_ptr()));
        ok(hipMemcpyHtoDAsync(from, input.as_ptr().cast(), 1024, stream));

        let mut launch = |out: u64, factor: f32, lanes: c_uint| {
            let mut parameters: [*mut c_void; 3] =
                [(&raw const out).cast_mut().cast(), (&raw mut from).cast(), (&raw const factor).cast_mut().cast()];
            hipModuleLaunchKernel(function, 4, 1, 1, lanes, 1, 1, 0, stream, parameters.as_mut_ptr(), std::ptr::null_mut())
        };
        // Kept, not run.
        ok(hipStreamBeginCapture(stream, 2));
        ok(launch(to, 0.5, 64));
        assert_eq!(hipStreamSynchronize(stream), 900);
        ok(hipStreamEndCapture(stream, &mut graph));
        ok(hipMemcpyDtoHAsync(output.as_mut_ptr().cast(), to, 1024, stream));
        assert_eq!(output, [0.0; 256]);
        ok(hipGraphInstantiateWithFlags(&mut exec, graph, 0));
        ok(hipGraphLaunch(exec, stream));
        ok(hipMemcpyDtoHAsync(output.as_mut_ptr().cast(), to, 1024, stream));
        let expected: Vec<f32> = (0..256).map(|i| 0.5 * input[i / 64 * 64 + 63 - i % 64]).collect();
        assert_eq!(output, expected);
        // Refused; nothing is lost.
        assert_eq!(launch(to, 1.0, 128), 9);
        assert_eq!(hipMemcpyHtoDAsync(to + 1000, input.as_ptr().cast(), 100, stream), 1);
        ok(hipStreamSynchronize(stream));
        // The launch itself goes well; then the device is lost.
        ok(launch(to + 256, 1.0, 64));
        assert_eq!(hipStreamSynchronize(stream), 700);
        assert_eq!((hipFree(to), hipMalloc(&mut from, 1)), (700, 700));
        let text = CStr::from_ptr(hipGetErrorString(700)).to_string_lossy().into_owned();
        assert!(text.starts_with("an illegal memory access was encountered: kernel `mirror`, workgroup ["), "{text}");
        assert!(text.contains("`global_store_b32 v2, v5, s[4:5]`: lane 0: 4 bytes at address 0x"), "{text}");
    }
}
