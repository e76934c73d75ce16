//! The same interface against an NVIDIA GPU; ignored by default, for it needs one.

use crate::hal::gpu::{Argument, Driver, Function, Gpu, Launch, Memory, Result, Vendor};

/// `x[i] += y[i]` for `i < n`.
const ADD: &str = r"
.version VERSION
.target TARGET
.address_size 64

.visible .entry add(.param .u64 x, .param .u64 y, .param .u32 n, .param .f32 scale)
{
    .reg .pred %p;
    .reg .b32 %r<6>;
    .reg .f32 %f<5>;
    .reg .b64 %d<6>;
    BEGIN
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.s32 %r4, %r1, %r2, %r3;
    ld.param.u32 %r5, [n];
    setp.ge.u32 %p, %r4, %r5;
    @%p bra END;
    ld.param.u64 %d1, [x];
    ld.param.u64 %d2, [y];
    ld.param.f32 %f4, [scale];
    cvta.to.global.u64 %d1, %d1;
    cvta.to.global.u64 %d2, %d2;
    mul.wide.u32 %d3, %r4, 4;
    add.s64 %d4, %d1, %d3;
    add.s64 %d5, %d2, %d3;
    ld.global.f32 %f1, [%d4];
    ld.global.f32 %f2, [%d5];
    fma.rn.f32 %f3, %f2, %f4, %f1;
    st.global.f32 [%d4], %f3;
END:
    ret;
}
";

const LEN: u32 = 100_000;
const LAUNCHES: usize = 10;

/// Runs on any GPU from sm_80.
fn plain() -> String {
    ADD.replace("VERSION", "7.0").replace("TARGET", "sm_80").replace("BEGIN", "")
}

/// May overlap with the launch ahead of it: lets the next begin at once, and waits for the one before.
fn overlapping() -> String {
    ADD.replace("VERSION", "7.8").replace("TARGET", "sm_90").replace("BEGIN", "griddepcontrol.launch_dependents;\n    griddepcontrol.wait;")
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn launch(gpu: &Gpu, add: &Function, x: &Memory, y: &Memory, overlap: bool) -> Result<()> {
    let shape = Launch { grid: [LEN.div_ceil(256), 1, 1], block: 256, dynamic_shared: 0, overlap };
    let arguments = [Argument::Pointer(x.address()), Argument::Pointer(y.address()), Argument::U32(LEN), Argument::F32(1.0)];
    // SAFETY: the parameters of `add`; both memories outlive every run; the overlapping kernel waits for the one before.
    unsafe { gpu.launch(add, shape, &arguments) }
}

/// Records uploads, launches and the download in one graph, and runs it twice: the second run must see its own upload.
fn graph_of_launches(gpu: &Gpu, add: &Function, overlap: bool) -> f32 {
    let size = LEN as usize * 4;
    let x = gpu.allocate("x", size as u64).unwrap();
    let y = gpu.allocate("y", size as u64).unwrap();
    let start: Vec<f32> = (0..LEN).map(|i| i as f32).collect();
    gpu.upload(&y, 0, &bytes(&vec![0.5; LEN as usize])).unwrap();
    let (mut input, mut output) = (gpu.pinned(size).unwrap(), gpu.pinned(size).unwrap());
    input.as_mut_slice().copy_from_slice(&bytes(&start));
    let graph = gpu.capture(|gpu| {
        // SAFETY: all four outlive the graph, and the host touches the pinned ones only after a wait.
        unsafe { gpu.upload_pinned(&x, 0, &input, 0..size)? };
        (0..LAUNCHES).try_for_each(|_| launch(gpu, add, &x, &y, overlap))?;
        // SAFETY: as above.
        unsafe { gpu.download_pinned(&output, 0..size, &x, 0) }
    });
    let graph = graph.unwrap();
    let (begin, end) = (gpu.event().unwrap(), gpu.event().unwrap());
    let mut elapsed = 0.0;
    for round in 0..2 {
        output.as_mut_slice().fill(0xff);
        gpu.record(&begin).unwrap();
        // SAFETY: see the recording.
        unsafe { gpu.run(&graph) }.unwrap();
        gpu.record(&end).unwrap();
        gpu.synchronize().unwrap();
        elapsed = gpu.elapsed_ms(&begin, &end).unwrap();
        for (i, (got, was)) in floats(output.as_slice()).iter().zip(&start).enumerate() {
            assert_eq!(*got, was + 0.5 * LAUNCHES as f32, "round {round}, element {i}, overlap {overlap}");
        }
    }
    elapsed
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn adds_on_an_nvidia_gpu() {
    let driver = match Driver::open(Vendor::Nvidia) {
        Ok(driver) => driver,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let devices = driver.devices().unwrap();
    eprintln!("{devices:#?}");
    let gpu = Gpu::open(&driver, 0).unwrap();
    let before = gpu.free_memory().unwrap();
    eprintln!("{before} bytes free");
    let module = gpu.load(plain().as_bytes()).unwrap();
    let add = module.function("add").unwrap();
    gpu.set_shared_limit(&add, 100 << 10).unwrap();

    // Plain launches first, on the bytes as they come from pageable memory.
    let size = u64::from(LEN) * 4;
    let (x, y) = (gpu.allocate("x", size).unwrap(), gpu.allocate("y", size).unwrap());
    gpu.fill(&y, 0, size, 1.0f32.to_bits()).unwrap();
    gpu.upload(&x, 0, &bytes(&vec![2.0; LEN as usize])).unwrap();
    launch(&gpu, &add, &x, &y, false).unwrap();
    let mut back = vec![0; size as usize];
    gpu.download(&x, 0, &mut back).unwrap();
    assert!(floats(&back).iter().all(|v| *v == 3.0));
    eprintln!("plain launch: ok");

    eprintln!("graph: {} ms", graph_of_launches(&gpu, &add, false));
    let sm: u32 = gpu.info().target.trim_start_matches("sm_").parse().unwrap();
    if sm >= 90 {
        let module = gpu.load(overlapping().as_bytes()).unwrap();
        let add = module.function("add").unwrap();
        launch(&gpu, &add, &x, &y, true).unwrap();
        gpu.download(&x, 0, &mut back).unwrap();
        assert!(floats(&back).iter().all(|v| *v == 4.0));
        eprintln!("graph with overlap: {} ms", graph_of_launches(&gpu, &add, true));
    } else {
        eprintln!("skipped: overlap needs sm_90, this is sm_{sm}");
    }

    // Refusals: a bad image with its log, an absent kernel, too much memory; the device works on after each.
    let bad = gpu.load(plain().replace("fma.rn.f32", "fma.nonsense").as_bytes()).unwrap_err();
    eprintln!("bad PTX: {bad}");
    assert!(bad.to_string().contains("nonsense"), "the log is in the error");
    eprintln!("absent kernel: {}", module.function("absent").unwrap_err());
    let much = gpu.allocate("far too much", 4 << 40).unwrap_err();
    eprintln!("too much: {much}");
    assert!(!much.is_lost());

    // Another thread, and a capture that gives up.
    let gpu = std::thread::spawn(move || gpu.synchronize().map(|()| gpu)).join().unwrap().unwrap();
    let gone = gpu.capture(|gpu| launch(gpu, &add, &x, &y, false).and_then(|()| gpu.synchronize()));
    eprintln!("given up: {}", gone.unwrap_err());
    launch(&gpu, &add, &x, &y, false).unwrap();
    gpu.synchronize().unwrap();
}

/// Set in the process that is to lose its GPU.
const ALONE: &str = "UNICORN_TEST_ASTRAY";

/// In a process of its own: the device is lost to the whole process, so other tests would fail beside it.
#[test]
#[ignore = "needs an NVIDIA GPU"]
fn stray_launch_loses_an_nvidia_gpu() {
    let driver = match Driver::open(Vendor::Nvidia) {
        Ok(driver) => driver,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    if std::env::var_os(ALONE).is_none() {
        let name = "hal::gpu::tests::silicon::stray_launch_loses_an_nvidia_gpu";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let status = alone.args(["--ignored", "--exact", "--nocapture", name]).env(ALONE, "1").status().unwrap();
        return assert!(status.success(), "{status}");
    }
    let gpu = Gpu::open(&driver, 0).unwrap();
    let add = gpu.load(plain().as_bytes()).unwrap().function("add").unwrap();
    let memory = gpu.allocate("x", 4096).unwrap();
    let outside = [Argument::Pointer(64), Argument::Pointer(64), Argument::U32(LEN), Argument::F32(1.0)];
    let shape = Launch { grid: [1, 1, 1], block: 32, dynamic_shared: 0, overlap: false };
    // SAFETY: breaks the promise on purpose: address 64 is nobody's, and the device says so.
    let stray = unsafe { gpu.launch(&add, shape, &outside) }.and_then(|()| gpu.synchronize()).unwrap_err();
    eprintln!("stray: {stray}");
    assert!(stray.is_lost());
    assert_eq!(gpu.free_memory().unwrap_err(), stray);
    assert_eq!(gpu.upload(&memory, 0, &[1]).unwrap_err(), stray);
}
