//! Compiled kernels as files: read as they are, and refused with the right word when anything in them is changed.
//!
//! `objects/` holds `sum` of `kernels/sum.mlir` for three targets, so that readers are tested where there is no LLVM; `UNICORN_BLESS=1` with the feature
//! `llvm` writes them anew. Their bytes are data, not goldens: another LLVM may make others.

#[cfg(feature = "llvm")]
#[allow(dead_code, reason = "half of what is shared")]
mod common;

use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use std::path::{Path, PathBuf};
use unicorn_kernels_gpu::object as reader;
use unicorn_kernels_gpu::object::{Argument, ArgumentKind};
use unicorn_kernels_gpu::target::Target;
use unicorn_kernels_gpu::{Error, ptx};

const TARGETS: [(Target, &str); 3] =
    [(Target::Gfx1103, "sum.gfx1103.hsaco"), (Target::Gfx11Generic, "sum.gfx11-generic.hsaco"), (Target::Sm80, "sum.sm_80.ptx")];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(name)
}

fn stored(target: Target) -> Vec<u8> {
    let (_, name) = TARGETS.into_iter().find(|(t, _)| *t == target).expect("a target of the list");
    std::fs::read(path(name)).expect("the object is there")
}

#[test]
#[cfg(feature = "llvm")]
fn what_llvm_makes_now_says_the_same_of_itself() {
    let compiler = unicorn_kernels_gpu::mlir::Compiler::new().expect("LLVM is linked");
    for (target, name) in TARGETS {
        let code = compiler.compile("sum", &common::sum(target, "llvm.exp2.f32"), target).expect("it compiles");
        if std::env::var_os("UNICORN_BLESS").is_some() {
            std::fs::write(path(name), &code).expect("the object can be written");
        }
        if target == Target::Sm80 {
            let kernels = |code: &[u8]| ptx::kernels(&String::from_utf8_lossy(code)).expect("PTX");
            assert_eq!(kernels(&code), kernels(&stored(target)));
        } else {
            // Registers may change with LLVM; what a caller relies on may not.
            let rely = |code: &[u8]| {
                let Ok([k]) = <[reader::Kernel; 1]>::try_from(reader::kernels(code).expect("a code object")) else { panic!("not one kernel") };
                (k.name, k.arguments, k.kernarg_bytes, k.lds_bytes, k.workgroup_size, k.required, k.wavefront)
            };
            assert_eq!(rely(&code), rely(&stored(target)), "{name}");
        }
    }
}

#[test]
fn an_object_says_what_its_kernel_wants() {
    let argument = |offset, size, kind| Argument { offset, size, kind };
    let (pointer, value) = (ArgumentKind::Pointer, ArgumentKind::Value);
    let arguments = [argument(0, 8, pointer), argument(8, 8, pointer), argument(16, 4, value), argument(20, 4, value)];
    for target in [Target::Gfx1103, Target::Gfx11Generic] {
        let code = stored(target);
        assert_eq!(reader::target(&code).unwrap(), target);
        let [kernel] = &reader::kernels(&code).unwrap()[..] else { panic!("not one kernel") };
        assert_eq!((kernel.name.as_str(), kernel.kernarg_bytes, kernel.lds_bytes, kernel.required), ("sum", 24, 16, Some([128, 1, 1])));
        assert_eq!(kernel.arguments, arguments);
        reader::check(kernel, target).unwrap();
        let [function] = &reader::functions(&code).unwrap()[..] else { panic!("not one function") };
        assert!(function.name == "sum" && function.code.len() > 100 && function.code.len() < code.len());
    }
}

/// The reason for which an object is refused.
#[track_caller]
fn refused(code: &[u8]) -> String {
    match reader::kernels(code) {
        Err(Error::Unreadable { form: "AMD code object", why }) => why,
        other => panic!("{other:?}"),
    }
}

fn changed(code: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut code = code.to_vec();
    code[at..at + bytes.len()].copy_from_slice(bytes);
    code
}

#[test]
fn a_foreign_header_is_refused_by_its_field() {
    let code = stored(Target::Gfx1103);
    for (at, bytes, why) in [
        (0, &b"\x7fFLE"[..], "header"),
        (7, &[0][..], "not a linked HSA object"),
        (8, &[4][..], "code object version 600 for hip:gfx1103"),
        (16, &[1, 0][..], "not a linked HSA object"),
        (18, &[62, 0][..], "ELF machine 62, not 224"),
        (48, &0x41u32.to_le_bytes()[..], "metadata for amdgcn-amd-amdhsa--gfx1103, ELF flags for amdgcn-amd-amdhsa--gfx1100"),
        (48, &0x2fu32.to_le_bytes()[..], "ELF flags 0x2f name no processor of ours"),
    ] {
        let said = refused(&changed(&code, at, bytes));
        assert!(said.contains(why), "byte {at}: {said}");
    }
    for length in [0, 3, 63, 64, code.len() / 2, code.len() - 1] {
        assert!(!refused(&code[..length]).is_empty());
    }
    let generic = stored(Target::Gfx11Generic);
    assert!(refused(&changed(&generic, 8, &[3])).contains("code object version 500 for hip:gfx11-generic"));
    let version = changed(&generic, 51, &[2]);
    assert!(refused(&version).contains("name no processor of ours"), "another version of the generic target");
}

fn find(code: &[u8], text: &[u8]) -> usize {
    code.windows(text.len()).position(|w| w == text).unwrap()
}

/// Where the kernel descriptor lies in the file, found by another reader of the same crate.
fn descriptor(code: &[u8]) -> usize {
    let file = ElfFile64::<object::LittleEndian>::parse(code).unwrap();
    let symbol = file.dynamic_symbols().find(|s| s.name() == Ok("sum.kd")).unwrap();
    let section = file.sections().find(|s| (s.address()..s.address() + s.size()).contains(&symbol.address())).unwrap();
    (section.file_range().unwrap().0 + symbol.address() - section.address()) as usize
}

#[test]
fn a_descriptor_that_disagrees_with_the_metadata_is_refused() {
    for target in [Target::Gfx1103, Target::Gfx11Generic] {
        let code = stored(target);
        let at = descriptor(&code);
        // Offsets and meaning: LLVM's guide, "Kernel Descriptor for GFX6-GFX12".
        for (field, bytes, why) in [
            (0, 32u32.to_le_bytes(), "shared memory"),
            (4, 64u32.to_le_bytes(), "scratch memory"),
            (8, 32u32.to_le_bytes(), "the argument block"),
            (16, 256u32.to_le_bytes(), "where the code starts"),
            (20, 1u32.to_le_bytes(), "where the code starts"),
        ] {
            let said = refused(&changed(&code, at + field, &bytes));
            assert!(said.contains(&format!("descriptor and metadata disagree on {why}")), "{target}, {field}: {said}");
        }
        let word = |field: usize| u32::from_le_bytes(code[at + field..at + field + 4].try_into().unwrap());
        let wave64 = changed(&code, at + 56, &(word(56) & !(1 << 10)).to_le_bytes());
        assert!(refused(&wave64).contains("the lanes of a wave"));
        // The descriptor grants registers by eight; the metadata counts them, here in one byte of msgpack.
        let count = find(&code, b".vgpr_count") + b".vgpr_count".len();
        assert!(code[count] < 100 && (word(48) & 0x3f) * 8 < 100);
        assert!(refused(&changed(&code, count, &[100])).contains("vector registers"));
    }
}

#[test]
fn metadata_that_was_changed_is_refused() {
    let code = stored(Target::Gfx1103);
    for (old, new, why) in [
        (&b".kernarg_segment_size"[..], &b".kernarg_segment_sise"[..], ".kernarg_segment_size is missing"),
        (b"sum.kd", b"sun.kd", "kernel sum with the descriptor sun.kd"),
        (b"global_buffer", b"dynamic_share", "argument passed as dynamic_share"),
        (b"amdgcn-amd-amdhsa--gfx1103", b"amdgcn-amd-amdhsa--gfx1101", "metadata for amdgcn-amd-amdhsa--gfx1101"),
        (b"AMDGPU\0", b"AMDGPV\0", "no metadata note"),
    ] {
        let said = refused(&changed(&code, find(&code, old), new));
        assert!(said.contains(why), "{}: {said}", String::from_utf8_lossy(new));
    }
}

#[test]
fn ptx_that_was_changed_is_refused() {
    let text = String::from_utf8(stored(Target::Sm80)).unwrap();
    assert_eq!(ptx::target(&text).unwrap(), Target::Sm80);
    let [kernel] = &ptx::kernels(&text).unwrap()[..] else { panic!("not one kernel") };
    ptx::check(kernel, Target::Sm80).unwrap();
    for (old, new, why) in [
        (".target sm_80", ".target sm_61", "a processor that is none of ours"),
        (".address_size 64", ".address_size 32", "not expected between kernels"),
        (".visible .entry sum(", ".visible .func sum(", "not expected between kernels"),
        (".visible .entry sum(", ".visible .entry (", "an entry without a name"),
        (".reqntid 128", ".reqntid many", "not a directive"),
        (".param .u64", ".param .v64", "a parameter of a"),
    ] {
        assert!(text.contains(old), "{old}");
        match ptx::kernels(&text.replace(old, new)) {
            Err(Error::Unreadable { form: "PTX module", why: said }) => assert!(said.contains(why), "{new}: {said}"),
            other => panic!("{new}: {other:?}"),
        }
    }
    let spilling = text.replace("{\n", "{\n\t.local .align 4 .b8 \t__local_depot0[64];\n");
    assert!(matches!(ptx::check(&ptx::kernels(&spilling).unwrap()[0], Target::Sm80), Err(Error::Limit { used: 64, allowed: 0, .. })));
}
