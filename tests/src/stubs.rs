//! Kernels that do nothing, in the place of compiled ones: with a cache full of them a build without LLVM makes whole artifacts with a GPU part.

use std::path::Path;
use unicorn_artifact::file::Artifact;
use unicorn_artifact::gpu::{GpuPlan, Launch};
use unicorn_kernels_gpu::cache::Cache;
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::target::{Target, Vendor};
use unicornc::driver::{self, Stage};
use unicornc::import::Checkpoint;
use unicornc::lower::gpu::{launches, lower};
use unicornc::partition::{Partition, decide};

/// PTX of a kernel with that many pointers for parameters, which returns at once.
pub fn ptx(target: Target, name: &str, parameters: usize) -> String {
    assert_eq!(target.vendor(), Vendor::Nvidia, "code objects need a linker");
    let parameters: Vec<String> = (0..parameters).map(|at| format!("\t.param .u64 .ptr .global .align 1 {name}_param_{at}")).collect();
    let list = if parameters.is_empty() { ")".into() } else { format!("\n{}\n)", parameters.join(",\n")) };
    format!(".version 8.0\n.target {}\n.address_size 64\n.visible .entry {name}({list}\n{{\n\tret;\n}}\n", target.chip())
}

/// Fills a kernel cache for everything that compiling the artifact's checkpoint again, with these targets, asks for. Returns the kernels' titles.
///
/// # Panics
/// If the artifact is not sound, or the partition leaves nothing to the GPU.
pub fn fill(folder: &Path, host_artifact: &Path, partition: &Partition, targets: &[Target]) -> Vec<String> {
    let plan = Artifact::open(host_artifact).and_then(|a| a.manifest()).expect("a sound artifact").plan;
    let decision = decide(&plan, partition, targets, None).unwrap_or_else(|why| panic!("{why}")).expect("there are targets");
    let lowered = lower(&plan, &decision.assignment.expect("something falls to the GPU")).unwrap_or_else(|why| panic!("{why}"));
    let cache = Cache::open(folder).unwrap_or_else(|why| panic!("{why}"));
    for (number, op) in lowered.ops.iter().enumerate() {
        let name = &lowered.plan.kernels[number].name;
        for &target in targets {
            let code = ptx(target, name, parameters(&lowered.plan, number));
            cache.put(target, &text(op, name, target), code.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        }
    }
    lowered.plan.kernels.iter().map(|kernel| kernel.title.clone()).collect()
}

fn text(op: &Op, name: &str, target: Target) -> String {
    op.text(name, target.into())
}

/// How many arguments a kernel is given; one that is never launched has none.
fn parameters(plan: &GpuPlan, kernel: usize) -> usize {
    let all = plan.entries.iter().flat_map(|e| launches(e).chain(&e.best).chain(&e.top));
    all.filter(|l: &&Launch| l.kernel as usize == kernel).map(|l| l.arguments.len()).max().unwrap_or(0)
}

/// Compiles the checkpoint at `from` to `to` for `targets`, with kernels that do nothing.
///
/// # Panics
/// If the compiler fails.
pub fn compile(from: &Path, to: &Path, options: &driver::Options, targets: &[Target]) {
    let checkpoint = Checkpoint::open(from).unwrap_or_else(|why| panic!("{why}"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let make = |options: &driver::Options| {
        driver::compile(&checkpoint, to, options, Stage::Artifact, false, &mut |_| {}).unwrap_or_else(|why| panic!("{why}"));
    };
    make(&driver::Options { targets: vec![], partition: Partition::Host, ..options.clone() });
    fill(folder.path(), to, &options.partition, targets);
    let mut options = driver::Options { targets: targets.to_vec(), ..options.clone() };
    options.tools.cache = Some(folder.path().to_owned());
    make(&options);
}
