//! What the GPU kernels of an artifact are: their code, what it takes of a device, and what their launches must move. What `unicornc inspect` shows.

pub mod cost;
pub mod disassembly;

use crate::{Error, Result};
use unicorn_artifact::file::Artifact;
use unicorn_artifact::gpu::{GpuPlan, Kernel};
use unicorn_artifact::plan::{CodeSpan, Plan};
use unicorn_kernels_gpu::ptxas::is_machine_code;
use unicorn_kernels_gpu::target::{Target, Vendor};
use unicorn_kernels_gpu::{object, ptx};

/// A kernel's code for one target.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// Index into the plan's kernels.
    pub number: usize,
    /// The kernel.
    pub kernel: &'a Kernel,
    /// For whom.
    pub target: Target,
    /// The code object or PTX.
    pub bytes: &'a [u8],
}

/// What a kernel takes of a device; `None` where only the vendor's assembler knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Vector registers of a lane.
    pub vgprs: Option<u32>,
    /// Scalar registers of a wave.
    pub sgprs: Option<u32>,
    /// Memory shared by a block.
    pub shared_bytes: Option<u32>,
    /// Waves of it that a SIMD holds at once, see [`object::occupancy`].
    pub waves: Option<u32>,
    /// Bytes of instructions, or of PTX.
    pub code_bytes: u64,
}

/// The GPU's part of a plan.
///
/// # Errors
/// [`Error::Option`] where the artifact has none.
pub fn gpu(plan: &Plan) -> Result<&GpuPlan> {
    let why = "the artifact holds no GPU kernels; compile it with --target".to_owned();
    plan.gpu.as_ref().ok_or_else(|| Error::Option { option: "--kernels, --disasm".into(), why })
}

/// The code of all kernels by number, for every target of the artifact or the one that is asked for.
///
/// # Errors
/// [`Error::Option`] where there are no kernels, or none for `only`; [`Error::Format`] and [`Error::Artifact`] where the file is damaged.
pub fn codes<'a>(artifact: &'a Artifact, plan: &'a Plan, only: Option<Target>) -> Result<Vec<Code<'a>>> {
    let gpu = gpu(plan)?;
    let mut codes = vec![];
    for image in &gpu.images {
        let target: Target = image.target.parse().map_err(Error::Kernel)?;
        if only.is_some_and(|only| only != target) {
            continue;
        }
        let section = artifact.verified(&image.section)?;
        for (number, (kernel, at)) in gpu.kernels.iter().zip(&image.kernels).enumerate() {
            let outside = || Error::format(artifact.path(), format!("kernel `{}` lies outside section `{}`", kernel.name, image.section));
            codes.push(Code { number, kernel, target, bytes: span(section, at).ok_or_else(outside)? });
        }
    }
    if codes.is_empty() {
        let there = gpu.images.iter().map(|i| i.target.as_str()).collect::<Vec<_>>().join(", ");
        let why = format!("the artifact has no code for {}, only for {there}", only.map_or("any GPU", Target::name));
        return Err(Error::Option { option: "--target".into(), why });
    }
    codes.sort_by_key(|code| code.number);
    Ok(codes)
}

/// The part of a section that a span names, if it lies within.
fn span<'a>(section: &'a [u8], at: &CodeSpan) -> Option<&'a [u8]> {
    let start = usize::try_from(at.offset).ok()?;
    section.get(start..start.checked_add(usize::try_from(at.bytes).ok()?)?)
}

/// What the code says that it takes.
///
/// # Errors
/// [`Error::Kernel`] where the code cannot be read or has no kernel of that name.
pub fn resources(code: &Code<'_>) -> Result<Resources> {
    let missing = |form| Error::Kernel(unicorn_kernels_gpu::Error::Unreadable { form, why: format!("no kernel `{}`", code.kernel.name) });
    match code.target.vendor() {
        Vendor::Amd => {
            let kernels = object::kernels(code.bytes).map_err(Error::Kernel)?;
            let kernel = kernels.iter().find(|k| k.name == code.kernel.name).ok_or_else(|| missing("AMD code object"))?;
            let functions = object::functions(code.bytes).map_err(Error::Kernel)?;
            Ok(Resources {
                vgprs: Some(kernel.vgprs),
                sgprs: Some(kernel.sgprs),
                shared_bytes: Some(kernel.lds_bytes),
                waves: object::occupancy(kernel, code.target),
                code_bytes: functions.iter().map(|f| f.code.len() as u64).sum(),
            })
        }
        // NVIDIA's machine code is not read here.
        Vendor::Nvidia if is_machine_code(code.bytes) => {
            Ok(Resources { vgprs: None, sgprs: None, shared_bytes: None, waves: None, code_bytes: code.bytes.len() as u64 })
        }
        Vendor::Nvidia => {
            let kernels = ptx::kernels(&String::from_utf8_lossy(code.bytes)).map_err(Error::Kernel)?;
            let kernel = kernels.iter().find(|k| k.name == code.kernel.name).ok_or_else(|| missing("PTX module"))?;
            Ok(Resources { vgprs: None, sgprs: None, shared_bytes: Some(kernel.shared_bytes), waves: None, code_bytes: code.bytes.len() as u64 })
        }
    }
}
