//! Core programs that others' tools made and that ran on silicon: every bundle decodes, and encodes to the same bytes.

use std::path::{Path, PathBuf};

use unicorn_kernels_xdna::isa::hazard::{Hazard, InFlight};
use unicorn_kernels_xdna::isa::{Bundle, decode_program, flow};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/npu").join(path);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The program memory that a CDO within `bytes` fills, per core: a command-stream walk that knows block writes and skips all else.
fn programs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
    for start in (0..bytes.len().saturating_sub(20)).step_by(4) {
        if word(bytes, start) != 4 || word(bytes, start + 4) != 0x004f_4443 {
            continue;
        }
        let (mut at, end) = (start + 20, start + 20 + 4 * word(bytes, start + 12) as usize);
        while at < end {
            let command = word(bytes, at);
            let (mut length, mut body) = ((command >> 16 & 0xff) as usize, at + 4);
            if length == 255 {
                length = word(bytes, body) as usize;
                body += 4;
            }
            if command & 0xffff == 0x105 {
                let address = u64::from(word(bytes, body)) << 32 | u64::from(word(bytes, body + 4));
                if (0x20000..0x24000).contains(&(address & 0xf_ffff)) {
                    let data = &bytes[body + 8..body + 4 * length];
                    match found.last_mut() {
                        Some((next, program)) if *next == address => program.extend(data),
                        _ => found.push((address, data.to_vec())),
                    }
                    found.last_mut().unwrap().0 = address + data.len() as u64;
                }
            }
            at = body + 4 * length;
        }
    }
    found.into_iter().map(|(_, program)| program).collect()
}

/// The loadable code of an ELF32 file: its sections with instructions.
fn text(elf: &[u8]) -> Vec<Vec<u8>> {
    let (table, size) = (word(elf, 32) as usize, usize::from(u16::from_le_bytes(elf[46..48].try_into().unwrap())));
    let count = usize::from(u16::from_le_bytes(elf[48..50].try_into().unwrap()));
    let sections = (0..count).map(|i| table + i * size).filter(|&at| word(elf, at + 8) & 4 != 0 && word(elf, at + 4) == 1);
    sections.map(|at| elf[word(elf, at + 16) as usize..][..word(elf, at + 20) as usize].to_vec()).collect()
}

/// Decodes a program and encodes it again; how many bundles it has. Its compiler read registers in flight, but knew ports, units, locks and loops.
fn check(name: &str, program: &[u8]) -> usize {
    let bundles = decode_program(program, 0).unwrap_or_else(|e| panic!("{name}: {e}"));
    for (pc, bundle) in &bundles {
        assert_eq!(bundle.encode(), program[*pc as usize..][..bundle.bytes()], "{name} at {pc:#x}: {bundle:?}");
        let again = Bundle::in_format(bundle.format(), &bundle.instructions().copied().collect::<Vec<_>>()).unwrap();
        assert_eq!(again, *bundle);
    }
    let graph = flow::graph(&bundles).unwrap_or_else(|e| panic!("{name}: {e}"));
    let found: Vec<Hazard> = flow::hazards(&bundles, &graph, &vec![InFlight::Any; bundles.len()]);
    assert_eq!(found, [], "{name}");
    bundles.len()
}

#[test]
fn containers_and_elf_files_round_trip() {
    let (mut cores, mut bundles) = (0, 0);
    for name in [
        "xdna-emu-add1/aie.xclbin",
        "xdna-emu-add1/main_aie_cdo_elfs.bin",
        "xdna-npu-toolkit/gemm-256-1col.xclbin",
        "xdna-npu-toolkit/gemm-512-4col.xclbin",
        "xdna-npu-toolkit/gemv-288.xclbin",
        "xdna-npu-toolkit/fusion/fused-add-add.xclbin",
        "xdna-npu-toolkit/fusion/single-add.xclbin",
    ] {
        let Some(path) = shared(name) else { return };
        let found = programs(&std::fs::read(path).unwrap());
        assert!(!found.is_empty(), "{name} has no core program");
        for program in found {
            cores += 1;
            bundles += check(name, &program);
        }
    }
    let Some(path) = shared("xdna-emu-add1/main_core_0_2.elf") else { return };
    for section in text(&std::fs::read(path).unwrap()) {
        cores += 1;
        bundles += check("main_core_0_2.elf", &section);
    }
    println!("{cores} programs, {bundles} bundles");
}
