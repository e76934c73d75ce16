//! The room against a driver without a device, compiled on the spot, and (ignored by default) against an NVIDIA GPU.

mod silicon;

use super::{Argument, Driver, DriverError, Gpu, Launch, Result, Vendor};
use std::process::Command;
use std::sync::Arc;

const ONE: Launch = Launch { grid: [1, 1, 1], block: 32, dynamic_shared: 0, overlap: false };
const COUNT: &[u8] = b".visible .entry count(.param .u64 a, .param .u32 b)";

/// Opens a fake driver compiled with `flags`; `None`, with a word, where there is no C compiler. The library stays open after its file is gone.
fn fake(flags: &[&str]) -> Option<Result<Arc<Driver>>> {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("fake_driver.c"), folder.path().join("libcuda.so.1"));
    std::fs::write(&source, include_str!("fake_driver.c")).unwrap();
    match Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args(flags)
        .arg(&source)
        .arg("-o")
        .arg(&library)
        .output()
    {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(why) => {
            eprintln!("skipped: cc: {why}");
            return None;
        }
    }
    Some(Driver::open_at(Vendor::Nvidia, library.as_os_str()))
}

/// An open fake GPU.
fn gpu(flags: &[&str]) -> Option<Gpu> {
    Some(Gpu::open(&fake(flags)?.unwrap(), 0).unwrap())
}

/// Puts a launch that adds `value` to the first word of `memory`.
fn count(gpu: &Gpu, function: &super::Function, memory: &super::Memory, value: u32, overlap: bool) -> Result<()> {
    // SAFETY: the fake kernel takes an address and a word; the memory lives until each test is over.
    unsafe { gpu.launch(function, Launch { overlap, ..ONE }, &[Argument::Pointer(memory.address()), Argument::U32(value)]) }
}

fn word(gpu: &Gpu, memory: &super::Memory) -> u32 {
    let mut bytes = [0; 4];
    gpu.download(memory, 0, &mut bytes).unwrap();
    u32::from_le_bytes(bytes)
}

#[test]
fn lists_the_device() {
    let Some(driver) = fake(&[]) else { return };
    let devices = driver.unwrap().devices().unwrap();
    assert_eq!(devices.len(), 1);
    let info = &devices[0];
    assert_eq!((info.name.as_str(), info.target.as_str(), info.memory, info.integrated), ("Fake GPU", "sm_90", 1 << 30, false));
    assert_eq!((info.multiprocessors, info.vendor), (4, Vendor::Nvidia));
    assert!(info.driver.contains("CUDA 13.0"), "{}", info.driver);
}

#[test]
fn moves_and_fills() {
    let Some(gpu) = gpu(&[]) else { return };
    let all = gpu.free_memory().unwrap();
    let memory = gpu.allocate("a test", 1000).unwrap();
    assert_eq!(memory.len(), 1000);
    let mut back = vec![1; 1000];
    gpu.download(&memory, 0, &mut back).unwrap();
    assert!(back.iter().all(|b| *b == 0), "memory begins as zeros");
    gpu.upload(&memory, 10, &[1, 2, 3]).unwrap();
    gpu.fill(&memory, 996, 4, 0x0403_0201).unwrap();
    let mut pinned = gpu.pinned(16).unwrap();
    pinned.as_mut_slice().copy_from_slice(&[7; 16]);
    // SAFETY: waited for before either is touched again.
    unsafe {
        gpu.upload_pinned(&memory, 100, &pinned, 0..8).unwrap();
        gpu.download_pinned(&pinned, 8..16, &memory, 992).unwrap();
    }
    gpu.synchronize().unwrap();
    assert_eq!(pinned.as_slice(), [7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 1, 2, 3, 4]);
    gpu.download(&memory, 0, &mut back).unwrap();
    assert_eq!((&back[10..13], back[99], back[100], back[107], back[108]), (&[1, 2, 3][..], 0, 7, 7, 0));
    drop(memory);
    assert_eq!(gpu.free_memory().unwrap(), all);
}

#[test]
fn ranges_are_checked() {
    let Some(gpu) = gpu(&[]) else { return };
    let memory = gpu.allocate("a test", 16).unwrap();
    let outside = gpu.upload(&memory, 10, &[0; 7]).unwrap_err();
    assert_eq!(outside.to_string(), "upload: 7 bytes at 10 do not fit in 16");
    assert!(matches!(gpu.download(&memory, u64::MAX, &mut [0]), Err(DriverError::Range { .. })));
    assert!(matches!(gpu.fill(&memory, 2, 4, 0), Err(DriverError::Range { .. })));
    let pinned = gpu.pinned(4).unwrap();
    // SAFETY: refused.
    assert!(matches!(unsafe { gpu.upload_pinned(&memory, 0, &pinned, 2..5) }, Err(DriverError::Range { .. })));
    let module = gpu.load(COUNT).unwrap();
    let function = module.function("count").unwrap();
    // SAFETY: refused.
    let many = unsafe { gpu.launch(&function, ONE, &[Argument::U32(0); 33]) };
    assert_eq!(many.unwrap_err().to_string(), "`count`: 33 arguments, at most 32 are possible");
}

#[test]
fn launches_and_graphs() {
    let Some(gpu) = gpu(&[]) else { return };
    let memory = gpu.allocate("a counter", 4).unwrap();
    let function = gpu.load(COUNT).unwrap().function("count").unwrap();
    gpu.set_shared_limit(&function, 100 << 10).unwrap();
    count(&gpu, &function, &memory, 5, false).unwrap();
    count(&gpu, &function, &memory, 5, true).unwrap();
    assert_eq!(word(&gpu, &memory), 10);
    let graph = gpu
        .capture(|gpu| {
            gpu.fill(&memory, 0, 4, 100)?;
            (0..10).try_for_each(|i| count(gpu, &function, &memory, i, i % 2 == 1))
        })
        .unwrap();
    assert_eq!(word(&gpu, &memory), 10, "recorded, not run");
    // SAFETY: memory and function are alive until the wait in `word`.
    unsafe { gpu.run(&graph) }.unwrap();
    assert_eq!(word(&gpu, &memory), 145);
    let (start, end) = (gpu.event().unwrap(), gpu.event().unwrap());
    gpu.record(&start).unwrap();
    gpu.record(&end).unwrap();
    assert!(gpu.elapsed_ms(&start, &end).unwrap() > 0.0);
}

#[test]
fn moves_between_threads() {
    let Some(gpu) = gpu(&[]) else { return };
    let memory = gpu.allocate("a counter", 4).unwrap();
    let function = gpu.load(COUNT).unwrap().function("count").unwrap();
    let gpu = std::thread::spawn(move || {
        count(&gpu, &function, &memory, 3, false).unwrap();
        assert_eq!(word(&gpu, &memory), 3);
        gpu
    });
    gpu.join().unwrap().synchronize().unwrap();
}

#[test]
fn failed_capture_leaves_a_working_stream() {
    let Some(gpu) = gpu(&["-DFAIL_RECORD=4"]) else { return };
    let memory = gpu.allocate("a counter", 4).unwrap();
    let function = gpu.load(COUNT).unwrap().function("count").unwrap();
    // The body gives up.
    let own = DriverError::NoDevice { vendor: Vendor::Amd, why: "a test".into() };
    let failed = gpu.capture(|gpu| count(gpu, &function, &memory, 1, false).and(Err(own.clone())));
    assert_eq!(failed.unwrap_err(), own);
    // What cannot be recorded is refused before the driver hears of it, so that the capture goes on.
    let graph = gpu.capture(|gpu| {
        assert!(matches!(gpu.synchronize(), Err(DriverError::Capturing { .. })));
        assert!(matches!(gpu.upload(&memory, 0, &[0]), Err(DriverError::Capturing { .. })));
        assert!(matches!(gpu.allocate("more", 1), Err(DriverError::Capturing { .. })));
        assert!(matches!(gpu.capture(|_| Ok(())), Err(DriverError::Capturing { .. })));
        count(gpu, &function, &memory, 1, false)
    });
    // SAFETY: memory and function are alive until the wait in `word`.
    unsafe { gpu.run(&graph.unwrap()) }.unwrap();
    assert_eq!(word(&gpu, &memory), 1);
    // The driver gives up: the fourth launch to be recorded.
    let failed = gpu.capture(|gpu| (0..3).try_for_each(|_| count(gpu, &function, &memory, 1, true)));
    let error = failed.unwrap_err();
    assert_eq!(error.to_string(), "cuLaunchKernelEx: operation not permitted when stream is capturing (error 900)");
    assert!(!error.is_lost());
    count(&gpu, &function, &memory, 1, false).unwrap();
    assert_eq!(word(&gpu, &memory), 2);
}

#[test]
fn missing_memory_is_named() {
    let Some(gpu) = gpu(&["-DFAIL_ALLOCATION=2"]) else { return };
    let _first = gpu.allocate("weights", 512 << 20).unwrap();
    let error = gpu.allocate("key-value cache", 300 << 20).unwrap_err();
    assert_eq!(error.to_string(), "cannot reserve 0.29 GiB for key-value cache: 0.50 GiB are free on the GPU");
    assert!(!error.is_lost());
    gpu.allocate("a second try", 1 << 20).unwrap();
    assert!(matches!(gpu.allocate("everything", u64::MAX), Err(DriverError::OutOfMemory { .. })));
}

#[test]
fn lost_stays_lost() {
    let Some(gpu) = gpu(&["-DFAIL_LAUNCH=2"]) else { return };
    let memory = gpu.allocate("a counter", 4).unwrap();
    let pinned = gpu.pinned(4).unwrap();
    let event = gpu.event().unwrap();
    let module = gpu.load(COUNT).unwrap();
    let function = module.function("count").unwrap();
    let graph = gpu.capture(|gpu| count(gpu, &function, &memory, 1, false)).unwrap();
    count(&gpu, &function, &memory, 1, false).unwrap();
    gpu.synchronize().unwrap();
    count(&gpu, &function, &memory, 1, false).unwrap();
    let lost = gpu.synchronize().unwrap_err();
    assert_eq!(lost.to_string(), "the GPU is lost: cuStreamSynchronize: an illegal memory access was encountered (error 700)");
    assert!(lost.is_lost());
    // Any call of the fake driver would end the process from here on, dropping included.
    assert_eq!(gpu.synchronize().unwrap_err(), lost);
    assert_eq!(gpu.free_memory().unwrap_err(), lost);
    assert_eq!(gpu.allocate("more", 1).unwrap_err(), lost);
    assert_eq!(gpu.pinned(1).unwrap_err(), lost);
    assert_eq!(gpu.upload(&memory, 0, &[1]).unwrap_err(), lost);
    assert_eq!(gpu.download(&memory, 0, &mut [1]).unwrap_err(), lost);
    assert_eq!(gpu.fill(&memory, 0, 4, 0).unwrap_err(), lost);
    assert_eq!(gpu.load(COUNT).unwrap_err(), lost);
    assert_eq!(module.function("count").unwrap_err(), lost);
    assert_eq!(gpu.set_shared_limit(&function, 1).unwrap_err(), lost);
    assert_eq!(count(&gpu, &function, &memory, 1, true).unwrap_err(), lost);
    assert_eq!(gpu.capture(|_| Ok(())).unwrap_err(), lost);
    assert_eq!(gpu.event().unwrap_err(), lost);
    assert_eq!(gpu.record(&event).unwrap_err(), lost);
    assert_eq!(gpu.elapsed_ms(&event, &event).unwrap_err(), lost);
    // SAFETY: refused.
    assert_eq!(unsafe { gpu.run(&graph) }.unwrap_err(), lost);
    // SAFETY: refused.
    assert_eq!(unsafe { gpu.upload_pinned(&memory, 0, &pinned, 0..4) }.unwrap_err(), lost);
    // SAFETY: refused.
    assert_eq!(unsafe { gpu.download_pinned(&pinned, 0..4, &memory, 0) }.unwrap_err(), lost);
}

#[test]
fn bad_images_say_why() {
    let Some(gpu) = gpu(&[]) else { return };
    let bad = gpu.load(b"not PTX").unwrap_err();
    assert_eq!(bad.to_string(), "kernels for sm_90 cannot be loaded: a PTX JIT compilation failed (error 218): line 1; fatal: syntax error");
    let absent = gpu.load(COUNT).unwrap().function("other").unwrap_err();
    assert_eq!(absent.to_string(), "kernels for sm_90 cannot be loaded: the image has no kernel `other`");
    assert!(matches!(gpu.load(COUNT).unwrap().function("a\0b"), Err(DriverError::Load { .. })));
}

#[test]
fn missing_parts_say_what_to_install() {
    for vendor in Vendor::ALL {
        let error = Driver::open_at(vendor, "libdriver-that-is-not-there.so".as_ref()).unwrap_err().to_string();
        let expected = format!("no {vendor} driver library (tried libdriver-that-is-not-there.so): install {}", vendor.remedy());
        assert_eq!(error, expected);
    }
    let Some(old) = fake(&["-DNO_LAUNCH_EX"]) else { return };
    let error = old.unwrap_err().to_string();
    assert!(error.ends_with("libcuda.so.1 has no `cuLaunchKernelEx`: install a newer driver (520 or newer)"), "{error}");
    let Some(empty) = fake(&["-DNO_DEVICE"]) else { return };
    assert!(matches!(empty, Err(DriverError::NoDevice { vendor: Vendor::Nvidia, .. })));
}
