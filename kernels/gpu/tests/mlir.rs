//! Small kernels through MLIR, LLVM and LLD, and what comes out read back.
#![cfg(feature = "llvm")]

mod common;

use common::{THREADS, gemv, sum};
use std::{ffi::OsStr, path::Path, process::Command};
use unicorn_kernels_gpu::{
    Error, Stage,
    mlir::{Compiler, Worker, disassemble},
    object::{self, Argument, ArgumentKind},
    ptx,
    target::{Target, Vendor},
};

const EXP2: &str = "llvm.exp2.f32";

fn worker() -> Worker {
    Worker::new(Path::new(env!("CARGO_BIN_EXE_lower-kernels")))
}

fn compile(name: &str, text: &str, target: Target) -> Vec<u8> {
    Compiler::new().unwrap().compile(name, text, target).unwrap_or_else(|error| panic!("{error}"))
}

/// The arguments of `sum`: two addresses, a length and a scale.
fn arguments() -> [Argument; 4] {
    let argument = |offset, size, kind| Argument { offset, size, kind };
    let (pointer, value) = (ArgumentKind::Pointer, ArgumentKind::Value);
    [argument(0, 8, pointer), argument(8, 8, pointer), argument(16, 4, value), argument(20, 4, value)]
}

fn made_by(vendor: Vendor) -> impl Iterator<Item = Target> {
    Target::ALL.into_iter().filter(move |target| target.vendor() == vendor)
}

#[test]
fn the_same_text_gives_the_same_bytes_here_and_in_a_worker() {
    let mut worker = worker();
    for target in Target::ALL {
        for (name, text) in [("gemv 2048x2048", gemv(target)), ("sum", sum(target, EXP2))] {
            let first = compile(name, &text, target);
            assert_eq!(first, compile(name, &text, target), "{name} {target}");
            assert_eq!(first, worker.compile(name, &text, target).unwrap(), "{name} {target}");
        }
    }
}

#[test]
fn several_workers_run_at_once() {
    let lower = |target| move || worker().compile("sum", &sum(target, EXP2), target).map(|code| code.len());
    let threads: Vec<_> = Target::ALL.into_iter().map(|target| std::thread::spawn(lower(target))).collect();
    for thread in threads {
        assert!(thread.join().unwrap().unwrap() > 500);
    }
}

#[test]
fn code_objects_say_what_the_text_asked_for() {
    for target in made_by(Vendor::Amd) {
        let code = compile("sum", &sum(target, EXP2), target);
        assert_eq!(object::target(&code).unwrap(), target);
        let [kernel] = &object::kernels(&code).unwrap()[..] else { panic!("not one kernel") };
        assert_eq!((kernel.name.as_str(), kernel.kernarg_bytes, kernel.lds_bytes), ("sum", 24, 16));
        assert_eq!((kernel.workgroup_size, kernel.required, kernel.wavefront), (THREADS, Some([THREADS, 1, 1]), 32));
        assert_eq!(kernel.arguments, arguments());
        object::check(kernel, target).unwrap();
        assert_eq!(object::occupancy(kernel, target), Some(16));
        let text = disassemble(&code, target).unwrap();
        assert!(text.starts_with("sum:\n") && text.contains("s_endpgm"), "{text}");
        assert!(text.contains("s_barrier") && !text.contains("buffer_gl0_inv"), "the barrier is a full fence\n{text}");
        assert!(text.contains("ds_bpermute_b32") && !text.contains("flat_"), "{text}");

        let text = disassemble(&compile("gemv", &gemv(target), target), target).unwrap();
        assert!(text.contains("v_dot4_i32_iu8") && text.contains("global_load_b128"), "{text}");
    }
}

#[test]
fn ptx_says_what_the_text_asked_for_and_assembles() {
    let assembler = std::env::var_os("UNICORN_PTXAS").unwrap_or_else(|| "ptxas".into());
    for target in made_by(Vendor::Nvidia) {
        let text = String::from_utf8(compile("sum", &sum(target, EXP2), target)).unwrap();
        assert_eq!(ptx::target(&text).unwrap(), target);
        let [kernel] = &ptx::kernels(&text).unwrap()[..] else { panic!("not one kernel") };
        assert_eq!((kernel.name.as_str(), kernel.shared_bytes, kernel.required), ("sum", 16, Some([THREADS, 1, 1])));
        assert_eq!(kernel.arguments, arguments());
        ptx::check(kernel, target).unwrap();
        assert!(text.contains("ex2.approx") && text.contains("bar.sync"), "{text}");

        let other = String::from_utf8(compile("gemv", &gemv(target), target)).unwrap();
        assert!(other.contains("dp4a.u32.s32") && other.contains("ld.global.nc.v4"), "{other}");
        for text in [text, other] {
            assemble(&assembler, target, &text);
        }
    }
}

fn assemble(assembler: &OsStr, target: Target, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("kernel.ptx"), folder.path().join("kernel.cubin"));
    std::fs::write(&input, text).unwrap();
    match Command::new(assembler).arg("-arch").arg(target.chip()).arg(&input).arg("-o").arg(&output).output() {
        Ok(done) => assert!(done.status.success(), "{}\n{text}", String::from_utf8_lossy(&done.stderr)),
        Err(error) => eprintln!("PTX not assembled: {}: {error} (UNICORN_PTXAS names the program)", assembler.to_string_lossy()),
    }
}

fn refusal(text: &str, target: Target) -> (Stage, String) {
    match Compiler::new().unwrap().compile("bad", text, target) {
        Err(Error::Lower { name, target: at, stage, why }) if name == "bad" && at == target => (stage, why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bad_text_is_refused_with_the_words_of_mlir_and_llvm() {
    let target = Target::Gfx1103;
    let good = sum(target, EXP2);
    let (stage, why) = refusal(&good.replace("gpu.block_id x", "gpu.block_jd x"), target);
    assert!(stage == Stage::Parse && why.contains("gpu.block_jd"), "{why}");
    let (stage, why) = refusal(&good.replace(EXP2, "llvm.no.such.thing"), target);
    assert!(stage == Stage::Translate && why.contains("llvm.no.such.thing"), "{why}");
    let (stage, why) = refusal(&good.replace("array<4 x f32>", "array<40000 x f32>"), target);
    assert!(stage == Stage::Generate && why.contains("160000"), "{why}");
    let (stage, why) = refusal("module {}", target);
    assert!(stage == Stage::Translate && why.contains("gpu.module"), "{why}");
    for (target, expected) in [(Target::Gfx1103, Stage::Convert), (Target::Sm90, Stage::Link)] {
        let text = sum(target, EXP2).replace("llvm.call_intrinsic \"llvm.exp2.f32\"(%v) : (f32) -> f32", "math.exp2 %v : f32");
        let (stage, why) = refusal(&text, target);
        assert!(stage == expected && why.contains("exp2"), "{why}");
    }
}

#[test]
fn rooms_too_large_for_the_device_are_refused_in_ptx() {
    let text = sum(Target::Sm80, EXP2).replace("array<4 x f32>", "array<12289 x f32>");
    let code = String::from_utf8(compile("sum", &text, Target::Sm80)).unwrap();
    match ptx::check(&ptx::kernels(&code).unwrap()[0], Target::Sm80) {
        Err(Error::Limit { used: 49156, allowed: 49152, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_crash_of_llvm_is_the_error_of_one_kernel() {
    let mut worker = worker();
    // NVPTX has a sine only where the fast-math flag `afn` allows an approximate one.
    match worker.compile("sum of sines", &sum(Target::Sm90, "llvm.sin.f32"), Target::Sm90) {
        Err(Error::Crashed { name, target: Target::Sm90, why }) if name == "sum of sines" => {
            assert!(why.starts_with("LLVM ERROR: Cannot select") && why.contains("fsin"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    worker.compile("sum", &sum(Target::Sm90, EXP2), Target::Sm90).unwrap();
    match worker.compile("nothing", "module {}", Target::Sm80) {
        Err(Error::Lower { name, target: Target::Sm80, stage: Stage::Translate, .. }) if name == "nothing" => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_that_is_no_worker_is_an_error() {
    let text = sum(Target::Sm90, EXP2);
    assert!(matches!(Worker::new(Path::new("/nowhere/at/all")).compile("sum", &text, Target::Sm90), Err(Error::Worker { .. })));
    assert!(matches!(Worker::new(Path::new("true")).compile("sum", &text, Target::Sm90), Err(Error::Crashed { .. })));
}

#[test]
fn spoiled_code_is_refused_or_read_but_never_panics() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let target = Target::Gfx11Generic;
    let good = compile("sum", &sum(target, EXP2), target);
    let mut refused = 0;
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        if random.below(8) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        refused += usize::from(object::kernels(&bytes).is_err_and(|error| !error.to_string().is_empty()));
        // Both may succeed: most bytes are code, names for people or padding.
        let _ = (object::target(&bytes), object::functions(&bytes).map(|functions| functions.len()));
    }
    assert!(refused > 100, "{refused} of 2000 were refused");

    let good = compile("sum", &sum(Target::Sm80, EXP2), Target::Sm80);
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = b" .,;()[]{}/_x0159ab\n"[random.below(20)];
        }
        if let Ok(kernels) = ptx::kernels(&String::from_utf8(bytes).unwrap()) {
            assert!(kernels.len() <= 1);
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
