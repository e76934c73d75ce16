//! Every GPU kernel of the demo model and of E2B's shape, as compiled, without a GPU: what its code says of itself, what it is made of, and that its
//! arguments are what launches pass. What a Radeon does with it, no test here can say.
//!
//! E2B's weights are holes in a file, so its kernels are compiled and nothing is packed.
#![cfg(feature = "gpu")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use unicorn_artifact::file::{Artifact, Manifest, section};
use unicorn_artifact::gpu::{GpuPlan, Kernel};
use unicorn_artifact::tensor::Format;
use unicorn_kernels_gpu::mlir::{Compiler, Listing, Worker, listings};
use unicorn_kernels_gpu::object::{self, Argument, ArgumentKind};
use unicorn_kernels_gpu::target::{Target, Vendor};
use unicorn_kernels_gpu::{op::Op, ptx, region};
use unicorn_tests::{compile_to, options, output_folder, pebble};
use unicornc::driver::Options;
use unicornc::import::synthetic;
use unicornc::lower::gpu::image::Toolchain;
use unicornc::lower::gpu::launches;
use unicornc::partition::Partition;

type Check = Result<(), String>;

fn tools() -> Toolchain {
    let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_unicornc-under-test")));
    Toolchain { program, cache: Some(output_folder().join("gpu-kernels")), ptxas: None, threads: 2 }
}

/// An artifact without weights: its kernels for `targets`.
fn hollow(name: &str, from: &Path, format: Format, rows: &[u32], targets: &[Target]) -> PathBuf {
    let path = output_folder().join(format!("{name}.{}.hollow", std::process::id()));
    // Whatever is foretold of the time: here it is about the code.
    let partition = Partition::Gpu;
    let options =
        Options { limit: None, hollow: true, partition, rows: rows.to_vec(), slots: 1, targets: targets.to_vec(), tools: tools(), ..options(format) };
    compile_to(from, &path, &options);
    path
}

struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        // A file left in the target folder is no failure.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the launches of a plan pass to each kernel: how many addresses. All launches of a kernel must agree.
fn passed(gpu: &GpuPlan) -> Vec<usize> {
    let mut counts: Vec<Option<usize>> = vec![None; gpu.kernels.len()];
    for launch in gpu.entries.iter().flat_map(|e| launches(e).chain(&e.best).chain(&e.top)) {
        let count = counts[launch.kernel as usize].get_or_insert(launch.arguments.len());
        assert_eq!(*count, launch.arguments.len(), "launches of {} differ", gpu.kernels[launch.kernel as usize].name);
    }
    counts.into_iter().map(|count| count.expect("every kernel is launched")).collect()
}

/// What all targets have in common: one kernel of the plan's name, as many addresses as launches pass, and the plan's block.
fn contract(kernel: &Kernel, passed: usize, name: &str, arguments: &[Argument], required: [u32; 3]) -> Check {
    let expected: Vec<Argument> = (0..passed as u32).map(|n| Argument { offset: 8 * n, size: 8, kind: ArgumentKind::Pointer }).collect();
    if name != kernel.name {
        return Err(format!("is called {name}"));
    }
    if arguments != expected {
        return Err(format!("wants {arguments:?}, launches pass {passed} addresses"));
    }
    if required != [kernel.threads, 1, 1] {
        return Err(format!("wants blocks of {required:?}, launches have {}", kernel.threads));
    }
    Ok(())
}

fn amd(kernel: &Kernel, passed: usize, target: Target, code: &[u8]) -> Check {
    // The header, read by hand: what LLVM's guide gives for the machine, the HSA system, code object v5 or v6, a linked object, and the processor.
    let (version, flags) = match target {
        Target::Gfx1103 => (3, 0x44u32),
        Target::Gfx1100 => (3, 0x41),
        Target::Gfx11Generic => (4, 0x0100_0054),
        Target::Sm80 | Target::Sm90 => return Err("no code object".into()),
    };
    let header = [&code[..4], &code[7..9], &code[16..20], &code[48..52]].concat();
    if header != [&b"\x7fELF"[..], &[64, version], &[3, 0, 224, 0], &flags.to_le_bytes()].concat() {
        return Err(format!("has the header {header:x?}"));
    }
    let kernels = object::kernels(code).map_err(|e| e.to_string())?;
    let [found] = &kernels[..] else { return Err(format!("is one of {}", kernels.len())) };
    // Not every kernel fixes its block, but all say how large it may be.
    contract(kernel, passed, &found.name, &found.arguments, found.required.unwrap_or([found.workgroup_size, 1, 1]))?;
    if found.kernarg_bytes as usize != 8 * passed || found.workgroup_size != kernel.threads || found.wavefront != 32 {
        return Err(format!(
            "has an argument block of {} bytes, {} threads, waves of {}",
            found.kernarg_bytes, found.workgroup_size, found.wavefront
        ));
    }
    object::check(found, target).map_err(|e| e.to_string())?;
    let taken = [(found.vgprs, 256), (found.sgprs, 108), (found.lds_bytes, 65536), (found.scratch_bytes + found.vgpr_spills + found.sgpr_spills, 0)];
    if taken.iter().any(|(used, most)| used > most) {
        return Err(format!("takes {taken:?} of vector registers, scalar registers, shared memory, scratch and spills"));
    }
    if object::occupancy(found, target).is_none_or(|waves| waves == 0) {
        return Err("does not fit on a SIMD".into());
    }
    let listings = listings(code, target).map_err(|e| e.to_string())?;
    let [listing] = &listings[..] else { return Err(format!("has {} functions", listings.len())) };
    instructions(kernel, listing)
}

/// What the code may be made of, and what the hot families must be made of.
fn instructions(kernel: &Kernel, listing: &Listing) -> Check {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for instruction in &listing.instructions {
        // Two halves of a pair are two instructions.
        for half in instruction.text.split(" :: ") {
            *counts.entry(half.split(' ').next().unwrap_or_default()).or_default() += 1;
        }
    }
    let count = |prefix: &str| counts.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, n)| n).sum::<usize>();
    for bad in ["ds_swizzle", "flat_", "scratch_", "buffer_load", "buffer_store", "s_swappc", "s_setpc"] {
        if count(bad) > 0 {
            return Err(format!("has {bad}"));
        }
    }
    // A barrier that is a full fence empties the nearest cache; only who orders memory by atomics may.
    if count("buffer_gl0_inv") > 0 && count("global_atomic") + count("ds_add") == 0 {
        return Err("has buffer_gl0_inv and no atomics: a barrier that is a full fence".into());
    }
    if count("s_endpgm") == 0 {
        return Err("does not end".into());
    }
    let demand = |what: &str, least: usize| {
        let found = count(what);
        if found < least { Err(format!("has {found} of {what}, not {least} at least")) } else { Ok(()) }
    };
    let narrow = ["global_load_u8", "global_load_i8", "global_load_u16", "global_load_i16"];
    match words(kernel)[..] {
        ["matvec", "q4" | "q8", ..] => {
            demand("global_load_b128", 1)?;
            demand("v_dot4_i32_iu8", 4)?;
            narrow.iter().try_for_each(|name| if count(name) == 0 { Ok(()) } else { Err(format!("has {name}")) })
        }
        ["matmul", "q4" | "q8", ..] => {
            demand("global_load_b128", 1)?;
            demand("v_wmma_i32_16x16x16_iu8", 1)?;
            narrow.iter().try_for_each(|name| if count(name) == 0 { Ok(()) } else { Err(format!("has {name}")) })?;
            // The unit is of no use outside the loop over the groups; eight warps that share eight groups need none.
            let in_loop = |body: &[unicorn_kernels_gpu::mlir::Instruction]| body.iter().any(|i| i.text.starts_with("v_wmma"));
            let cols = kernel.title.split(" x ").nth(1).and_then(|rest| rest.split(']').next()).and_then(|cols| cols.parse::<u32>().ok());
            let few = cols.is_some_and(|cols| cols <= 8 * 32);
            if listing.loops().any(in_loop) || count("v_wmma") > 2 || few { Ok(()) } else { Err("has no loop with v_wmma".into()) }
        }
        ["attention", ..] if kernel.name.starts_with("attention_tile") => demand("v_wmma_f32_16x16x16_f16", 4),
        ["matvec", "bf16", ..] | ["attention", ..] | ["gather", ..] => demand("global_load_b128", 1),
        ["sparse_up", "q4" | "q8", ..] => demand("v_dot4_i32_iu8", 4).and_then(|()| demand("global_load_b128", 1)),
        _ => Ok(()),
    }
}

fn words(kernel: &Kernel) -> Vec<&str> {
    kernel.title.split(' ').collect()
}

fn nvidia(kernel: &Kernel, passed: usize, target: Target, code: &[u8]) -> Check {
    let text = std::str::from_utf8(code).map_err(|e| e.to_string())?;
    let (version, chip) = if target == Target::Sm90 { ("8.0", "sm_90") } else { ("7.1", "sm_80") };
    for line in [format!(".version {version}"), format!(".target {chip}"), ".address_size 64".into(), format!(".visible .entry {}(", kernel.name)] {
        if !text.lines().any(|l| l == line) {
            return Err(format!("has no line `{line}`"));
        }
    }
    let kernels = ptx::kernels(text).map_err(|e| e.to_string())?;
    let [found] = &kernels[..] else { return Err(format!("is one of {}", kernels.len())) };
    contract(kernel, passed, &found.name, &found.arguments, found.required.unwrap_or_default())?;
    ptx::check(found, target).map_err(|e| e.to_string())?;
    if text.contains(".extern") || text.contains("call.uni") {
        return Err("calls something".into());
    }
    let demand = |what: &str| if text.contains(what) { Ok(()) } else { Err(format!("has no {what}")) };
    match words(kernel)[..] {
        ["matvec", "q4" | "q8", ..] => demand("dp4a.").and_then(|()| demand("ld.global.nc.v4")),
        ["matmul", "q4" | "q8", ..] => demand("mma.sync.aligned.m16n8k32").and_then(|()| demand("ld.global.nc.")),
        ["matvec", "bf16", ..] => demand("ld.global.nc.v4"),
        ["attention", ..] if kernel.name.starts_with("attention_tile") => demand("mma.sync.aligned.m16n8k16"),
        ["attention", ..] => demand("ld.global.v4"),
        _ => Ok(()),
    }
}

fn check(kernel: &Kernel, passed: usize, target: Target, code: &[u8]) -> Check {
    match target.vendor() {
        Vendor::Amd => amd(kernel, passed, target, code),
        Vendor::Nvidia => nvidia(kernel, passed, target, code),
    }
}

/// Checks every kernel of every target, and gives how many there are of each family.
fn check_all(path: &Path, targets: &[Target]) -> BTreeMap<String, usize> {
    let file = File(path.into());
    let artifact = Artifact::open(&file.0).expect("it was just made");
    let plan = Manifest::decode(artifact.verified(section::MANIFEST).expect("a manifest")).expect("a plan").plan;
    let gpu = plan.gpu.as_ref().expect("a GPU's part");
    let passed = passed(gpu);
    let codes = unicornc::listing::codes(&artifact, &plan, None).expect("code of all kernels");
    assert_eq!(codes.len(), gpu.kernels.len() * targets.len());
    let (mut families, mut wrong) = (BTreeMap::new(), vec![]);
    for code in codes {
        if let Err(why) = check(code.kernel, passed[code.number], code.target, code.bytes) {
            wrong.push(format!("{} for {} ({}): {why}", code.kernel.name, code.target, code.kernel.title));
        }
        *families.entry(code.kernel.name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_').to_owned()).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{} of {} kernels are wrong:\n{}", wrong.len(), gpu.kernels.len() * targets.len(), wrong.join("\n"));
    println!("{}: {families:?}", file.0.display());
    families
}

const FAMILIES: [&str; 13] = [
    "argmax",
    "attention",
    "beside",
    "embed",
    "gather",
    "heads",
    "matmul",
    "matvec",
    "region",
    "sparse_down",
    "sparse_up",
    "top_collect",
    "top_count",
];

#[test]
fn pebble_for_every_target() {
    for format in [Format::Q4, Format::Q8] {
        let path = hollow(&format!("pebble-{}", format.name()), &pebble(), format, &[1, 16], &Target::ALL);
        assert!(check_all(&path, &Target::ALL).keys().eq(FAMILIES), "a family is missing");
    }
}

#[test]
fn pebble_in_bf16_for_every_target() {
    let path = hollow("pebble-bf16", &pebble(), Format::Bf16, &[1, 16], &Target::ALL);
    let families = check_all(&path, &Target::ALL);
    // Products of bf16 run without matrix units, whatever the rows.
    assert!(families.keys().eq(FAMILIES.iter().filter(|f| **f != "matmul")), "{families:?}");
}

/// A folder with E2B's config and tokenizer, and holes for its weights.
fn e2b() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        synthetic::write(folder.path(), &synthetic::Options { hollow: true, ..synthetic::Options::e2b() }).expect("the checkpoint is written");
        folder
    };
    FOLDER.get_or_init(make).path()
}

#[test]
fn e2b_shapes_for_the_radeon_780m() {
    let path = hollow("e2b-q4", e2b(), Format::Q4, &[1, 4, 16, 64, 256], &[Target::Gfx1103]);
    let families = check_all(&path, &[Target::Gfx1103]);
    // Only here are there entries of rows enough for tiles of attention.
    let tiled = ["attention_rest", "attention_tile"];
    assert!(families.keys().filter(|f| !tiled.contains(&f.as_str())).eq(FAMILIES) && tiled.iter().all(|f| families.contains_key(*f)), "{families:?}");
    // Products of every layer's kind in entries of one and four rows, and of more.
    assert!(families["matvec"] > 15 && families["matmul"] > 15, "{families:?}");
}

/// One op of each family that is small, and the text of its kernel.
fn subset() -> Vec<(&'static str, Op)> {
    use unicorn_artifact::region::{Operand, Region, RegionOp};
    use unicorn_kernels_gpu::{matmul, matvec};
    let slot = |quantise| region::Slot { stride: 64, offset: 0, quantise, keep: true };
    let ops = vec![RegionOp::Load(0), RegionOp::Gelu(0), RegionOp::Sum(1), RegionOp::Mul(0, 2), RegionOp::Store(1, 3)];
    let products = vec![matvec::Operand { rows: 64, stride: 64 }];
    let few = matvec::Spec {
        cols: 128,
        format: Format::Q4,
        products: products.clone(),
        rows: 1,
        entry_rows: 1,
        rounds: false,
        epilogue: None,
        finale: None,
    };
    let many = matmul::Spec { cols: 128, format: Format::Q4, products, entry_rows: 16, epilogue: None };
    vec![
        (
            "region",
            Op::Region {
                region: Region { width: 64, operands: vec![Operand::Row, Operand::OutRow], ops },
                slots: vec![slot(false), slot(true)],
                rows: 1,
            },
        ),
        ("matvec", Op::Matvec(few)),
        ("matmul", Op::Matmul(many)),
        ("sparse_down", Op::SparseDown { format: Format::Q4, neurons: 64, cols: 64, rows: 1, finale: None }),
    ]
}

#[test]
fn two_processes_make_the_same_bytes() {
    let worker = || Worker::new(Path::new(env!("CARGO_BIN_EXE_unicornc-under-test")));
    let (mut first, mut second) = (worker(), worker());
    for target in Target::ALL {
        // In another order, so that nothing of one kernel lives on in the next.
        let ops = subset();
        let made: Vec<Vec<u8>> =
            ops.iter().map(|(name, op)| first.compile(name, &op.text(name, target.into()), target).expect("it compiles")).collect();
        for ((name, op), code) in ops.iter().zip(&made).rev() {
            assert_eq!(second.compile(name, &op.text(name, target.into()), target).expect("it compiles"), *code, "{name} for {target}");
        }
    }
}

#[test]
fn the_checks_refuse_what_they_should() {
    let compiler = Compiler::new().expect("LLVM is linked");
    let target = Target::Gfx1103;
    let refusal = |kernel: &Kernel, passed, target, code: &[u8]| check(kernel, passed, target, code).expect_err("it is wrong");
    let ops = subset();
    let (_, region) = &ops[0];
    let (_, matvec) = &ops[1];
    let kernel = |op: &Op| Kernel { name: op.family().into(), threads: op.threads(), parameters: 0, title: op.title() };
    let make = |op: &Op, target: Target, change: &dyn Fn(String) -> String| {
        compiler.compile("changed", &change(op.text(op.family(), target.into())), target).unwrap_or_else(|e| panic!("{e}"))
    };
    let same = |text: String| text;
    for (op, passed) in [(region, 4), (matvec, 4)] {
        for target in Target::ALL {
            let (kernel, code) = (kernel(op), make(op, target, &same));
            check(&kernel, passed, target, &code).unwrap_or_else(|why| panic!("{} for {target}: {why}", op.title()));
            assert!(refusal(&kernel, passed + 1, target, &code).contains("launches pass"));
            assert!(refusal(&Kernel { threads: kernel.threads + 32, ..kernel.clone() }, passed, target, &code).contains("launches have"));
            assert!(!refusal(&Kernel { name: "other".into(), ..kernel.clone() }, passed, target, &code).is_empty());
        }
        assert!(refusal(&kernel(op), passed, Target::Gfx1100, &make(op, target, &same)).contains("header"));
        assert!(refusal(&kernel(op), passed, Target::Sm90, &make(op, Target::Sm80, &same)).contains(".version 8.0"));
    }
    let fenced = make(matvec, target, &|text| text.replace("amdgpu.lds_barrier", "gpu.barrier"));
    assert!(refusal(&kernel(matvec), 4, target, &fenced).contains("full fence"));
    // A region that claims to be a product has no dot products.
    let named = Kernel { title: matvec.title(), ..kernel(region) };
    assert!(refusal(&named, 4, target, &make(region, target, &same)).contains("v_dot4_i32_iu8"));
    assert!(refusal(&named, 4, Target::Sm80, &make(region, Target::Sm80, &same)).contains("dp4a"));
}

#[test]
fn the_vendors_assembler_takes_every_kernel() {
    let assembler = std::env::var_os("UNICORN_PTXAS").unwrap_or_else(|| "ptxas".into());
    if let Err(why) = Command::new(&assembler).arg("--version").output() {
        println!("PTX not assembled: {}: {why} (UNICORN_PTXAS names the program)", assembler.to_string_lossy());
        return;
    }
    let targets = [Target::Sm80, Target::Sm90];
    let file = File(hollow("pebble-ptxas", &pebble(), Format::Q4, &[1, 16], &targets));
    let artifact = Artifact::open(&file.0).expect("it was just made");
    let plan = Manifest::decode(artifact.verified(section::MANIFEST).expect("a manifest")).expect("a plan").plan;
    let folder = tempfile::tempdir().expect("a temporary folder");
    for code in unicornc::listing::codes(&artifact, &plan, None).expect("code of all kernels") {
        let (input, output) = (folder.path().join("kernel.ptx"), folder.path().join("kernel.cubin"));
        std::fs::write(&input, code.bytes).expect("a file");
        let done = Command::new(&assembler).args(["-v", "-arch", code.target.chip()]).arg(&input).arg("-o").arg(&output).output().expect("it runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{}: {said}", code.kernel.title);
        assert!(said.contains(" 0 bytes spill stores, 0 bytes spill loads"), "{} for {} spills: {said}", code.kernel.title, code.target);
        let registers: u32 = said.split("Used ").nth(1).and_then(|t| t.split(' ').next()).and_then(|n| n.parse().ok()).expect("a count of registers");
        assert!(registers * code.kernel.threads <= 65536, "{} takes {registers} registers for {} threads", code.kernel.title, code.kernel.threads);
    }
}

#[test]
fn the_command_line_shows_assembly_and_limits() {
    let file = File(hollow("pebble-inspect", &pebble(), Format::Q4, &[1], &[Target::Gfx1103]));
    let run = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_unicornc-under-test")).arg("inspect").arg(&file.0).args(more).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let artifact = Artifact::open(&file.0).expect("it was just made");
    let plan = Manifest::decode(artifact.verified(section::MANIFEST).expect("a manifest")).expect("a plan").plan;
    let gpu = plan.gpu.as_ref().expect("a GPU's part");
    // By its own name, one kernel; by a weight, who is launched with it.
    let kernel = gpu.kernels.iter().find(|k| k.name.starts_with("matvec")).expect("a product");
    let text = run(&["--disasm", &kernel.name]);
    assert!(text.starts_with(&format!("# {} for hip:gfx1103: {}\n{}:\n", kernel.name, kernel.title, kernel.name)), "{text}");
    assert!(text.matches("s_endpgm").count() >= 1 && text.matches("\n# ").count() == 0, "{text}");
    assert!(run(&["--disasm", "layers.0.self_attn.o_proj"]).contains("v_dot4_i32_iu8"));

    let text = run(&["--kernels"]);
    assert!(gpu.kernels.iter().all(|k| text.contains(&k.title)), "{text}");
    // One token reads every resident weight once, but one row of the embedding and a share of the neurons.
    let json: serde_json::Value = serde_json::from_str(&run(&["--kernels", "--json", "--active", "1", "--depth", "0"])).expect("JSON");
    let read: u64 = json["entries"].as_array().expect("entries").iter().map(|e| e["cost"]["weight_bytes"].as_u64().expect("bytes")).sum();
    let resident = plan.weights.iter().filter(|w| !w.streamed).map(|w| w.bytes().expect("a size")).sum::<u64>();
    assert!(read > resident * 98 / 100 && read < resident * 105 / 100, "{read} of {resident}");
    let least = resident as f64 / Target::Gfx1103.device().expect("a device").bandwidth;
    let limit = json["tokens_per_second_limit"]["hip:gfx1103"].as_f64().expect("a limit");
    assert!(limit < 1.02 / least && limit > 0.5 / least, "{limit} tokens/s, {} by memory alone", 1.0 / least);
}
