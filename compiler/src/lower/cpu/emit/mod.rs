//! Machine code for fused regions, by Cranelift, for fixed targets: the same bytes on any host. What a region means stands in
//! `unicorn_artifact::region`; how one is cut into loops stands in [`stages`]; the instructions are chosen in [`function`].
//!
//! Nothing here knows the graph, the plan's other commands, or where the code will be mapped.

mod function;
mod stages;

#[cfg(test)]
mod tests;

use crate::{Error, Result};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, isa};
use cranelift_frontend::FunctionBuilderContext;
use unicorn_artifact::plan::CodeSpan;
use unicorn_artifact::region::Region;

/// Alignment of every region's code within a section, in bytes.
pub const CODE_ALIGN: usize = 64;

/// A kind of host that code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// As in `std::env::consts::ARCH`.
    pub arch: &'static str,
    /// CPU features the code uses beyond the architecture's baseline, as named by `std::is_x86_feature_detected!`.
    pub features: &'static [&'static str],
    /// The same in Cranelift's words.
    flags: &'static [&'static str],
}

/// Every target, in the order in which an artifact lists its code.
pub const TARGETS: [Target; 2] = [
    Target {
        arch: "x86_64",
        features: &["sse3", "ssse3", "sse4.1", "sse4.2", "avx"],
        flags: &["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_avx"],
    },
    Target { arch: "aarch64", features: &[], flags: &[] },
];

/// Code of all regions, one after the other, each aligned to [`CODE_ALIGN`], and where each one lies.
/// Each is an `extern "C" fn(*const RegionArg, rows: usize, columns: usize)` in the System V convention of its architecture.
///
/// # Errors
/// [`Error::Unsupported`] naming the region by number where it is malformed or its code would need something outside itself.
pub fn compile(regions: &[Region], target: &Target) -> Result<(Vec<u8>, Vec<CodeSpan>)> {
    let isa = machine(target)?;
    let mut code = Vec::new();
    let mut spans = Vec::with_capacity(regions.len());
    let (mut context, mut builder) = (Context::new(), FunctionBuilderContext::new());
    for (at, region) in regions.iter().enumerate() {
        let unsupported = |why: String| Error::Unsupported { place: format!("region {at} (width {}) for {}", region.width, target.arch), why };
        context.clear();
        context.func.signature = function::signature(isa.default_call_conv());
        function::build(region, &mut context.func, &mut builder, isa.frontend_config()).map_err(unsupported)?;
        let compiled = context.compile(&*isa, &mut ControlPlane::default()).map_err(|e| unsupported(format!("{:?}", e.inner)))?;
        if !compiled.buffer.relocs().is_empty() {
            return Err(unsupported("its code refers to symbols outside itself; use operations that the target has".into()));
        }
        code.resize(code.len().next_multiple_of(CODE_ALIGN), 0);
        spans.push(CodeSpan { offset: code.len() as u64, bytes: compiled.code_buffer().len() as u64 });
        code.extend_from_slice(compiled.code_buffer());
    }
    Ok((code, spans))
}

fn machine(target: &Target) -> Result<OwnedTargetIsa> {
    let fault = |why: String| Error::Unsupported { place: format!("code for {}", target.arch), why };
    let mut shared = settings::builder();
    for (name, value) in
        [("opt_level", "speed"), ("is_pic", "true"), ("enable_probestack", "false"), ("unwind_info", "false"), ("enable_verifier", "true")]
    {
        shared.set(name, value).map_err(|e| fault(format!("setting `{name}`: {e}")))?;
    }
    let mut builder = isa::lookup_by_name(&format!("{}-unknown-linux-gnu", target.arch)).map_err(|e| fault(e.to_string()))?;
    for flag in target.flags {
        builder.enable(flag).map_err(|e| fault(format!("flag `{flag}`: {e}")))?;
    }
    builder.finish(settings::Flags::new(shared)).map_err(|e| fault(e.to_string()))
}
