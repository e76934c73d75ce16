//! The code of a kernel or region by name.

use super::{Code, codes, gpu, span};
use crate::lower::gpu::launches;
use crate::{Error, Result};
use std::collections::BTreeMap;
use unicorn_artifact::command::Command;
use unicorn_artifact::file::Artifact;
use unicorn_artifact::gpu::Argument;
use unicorn_artifact::plan::Plan;
use unicorn_kernels_gpu::ptxas::is_machine_code;
use unicorn_kernels_gpu::target::{Target, Vendor};

/// Names shown where a pattern matches nothing.
const NEAR: usize = 6;

/// What a pattern names.
#[derive(Debug)]
pub struct Found<'a> {
    /// Code of kernels, by kernel and target.
    pub kernels: Vec<Code<'a>>,
    /// Code of regions for hosts: region, architecture, bytes.
    pub host: Vec<(usize, &'a str, &'a [u8])>,
}

/// What may be meant by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Kernel(usize),
    Region(usize),
}

/// Everything that has a name: kernels by theirs, by their title and by the weights that they are launched with; regions as `r` and their number.
fn names(plan: &Plan) -> Result<BTreeMap<String, Vec<Subject>>> {
    let gpu = gpu(plan)?;
    let mut names: BTreeMap<String, Vec<Subject>> = BTreeMap::new();
    let mut add = |name: &str, subject| {
        let known = names.entry(name.to_lowercase()).or_default();
        if !known.contains(&subject) {
            known.push(subject);
        }
    };
    for (number, kernel) in gpu.kernels.iter().enumerate() {
        add(&kernel.name, Subject::Kernel(number));
        add(&kernel.title, Subject::Kernel(number));
    }
    for number in 0..plan.regions.len() {
        add(&format!("r{number}"), Subject::Region(number));
    }
    for (entry, made) in plan.entries.iter().zip(&gpu.entries) {
        for launch in launches(made) {
            let kernel = Subject::Kernel(launch.kernel as usize);
            for argument in &launch.arguments {
                if let Argument::Weight(weight) = argument {
                    add(&plan.weights[*weight as usize].name, kernel);
                }
            }
            for command in &launch.commands {
                if let Command::Region { region, .. } = entry.commands[*command as usize] {
                    add(&format!("r{region}"), kernel);
                }
            }
        }
    }
    Ok(names)
}

/// The code that `pattern` names: a kernel, a region (`r12`) or a weight by its whole name, else all whose name, shape or weight holds it.
///
/// # Errors
/// [`Error::Option`] with near names where nothing does; those of [`codes`].
pub fn find<'a>(artifact: &'a Artifact, plan: &'a Plan, pattern: &str, only: Option<Target>) -> Result<Found<'a>> {
    let (names, wanted) = (names(plan)?, pattern.to_lowercase());
    let mut subjects: Vec<Subject> = match names.get(&wanted) {
        Some(exact) => exact.clone(),
        // A region's number is no part of another's.
        None => names
            .iter()
            .filter(|(name, _)| name.contains(&wanted))
            .flat_map(|(_, s)| s)
            .filter(|s| matches!(s, Subject::Kernel(_)))
            .copied()
            .collect(),
    };
    if subjects.is_empty() || wanted.is_empty() {
        let near = near(&wanted, names.keys().map(String::as_str)).join("`, `");
        return Err(Error::Option { option: "--disasm".into(), why: format!("nothing is named `{pattern}`; near are `{near}`") });
    }
    subjects.sort_unstable();
    subjects.dedup();
    let kernels = codes(artifact, plan, only)?.into_iter().filter(|code| subjects.contains(&Subject::Kernel(code.number))).collect();
    let mut host = vec![];
    for code in plan.code.iter().filter(|_| only.is_none()) {
        let section = artifact.verified(&code.section)?;
        for (number, at) in code.regions.iter().enumerate().filter(|(number, _)| subjects.contains(&Subject::Region(*number))) {
            let outside = || Error::format(artifact.path(), format!("region {number} lies outside section `{}`", code.section));
            host.push((number, code.arch.as_str(), span(section, at).ok_or_else(outside)?));
        }
    }
    Ok(Found { kernels, host })
}

/// The names most like `wanted`: those that share most pairs of neighbouring characters with it.
fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let pairs = |text: &str| text.as_bytes().windows(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let own = pairs(wanted);
    let likeness = |name: &str| {
        let theirs = pairs(name);
        let shared = own.iter().filter(|pair| theirs.contains(pair)).count();
        2000 * shared / (own.len() + theirs.len()).max(1)
    };
    let mut scored: Vec<(usize, &str)> = names.map(|name| (likeness(name), name)).collect();
    scored.sort_by_key(|&(likeness, name)| (std::cmp::Reverse(likeness), name));
    scored.into_iter().take(NEAR).map(|(_, name)| name).collect()
}

/// A kernel's code as text: assembly of AMD's, PTX as it is.
///
/// # Errors
/// [`Error::Unsupported`] for AMD in a build without LLVM, and for NVIDIA's machine code; [`Error::Kernel`] where the code cannot be read.
pub fn text(code: &Code<'_>) -> Result<String> {
    match code.target.vendor() {
        Vendor::Nvidia if is_machine_code(code.bytes) => Err(Error::Unsupported {
            place: format!("disassembly of {} for {}", code.kernel.name, code.target),
            why: "it is NVIDIA's machine code, which only NVIDIA's nvdisasm reads; compiled without --ptxas an artifact holds PTX, which is shown"
                .into(),
        }),
        Vendor::Nvidia => Ok(String::from_utf8_lossy(code.bytes).into_owned()),
        Vendor::Amd => assembly(code),
    }
}

#[cfg(feature = "gpu")]
fn assembly(code: &Code<'_>) -> Result<String> {
    unicorn_kernels_gpu::mlir::disassemble(code.bytes, code.target).map_err(Error::Kernel)
}

#[cfg(not(feature = "gpu"))]
fn assembly(code: &Code<'_>) -> Result<String> {
    Err(Error::Unsupported {
        place: format!("disassembly of {}", code.target),
        why: "this unicornc was built without LLVM; build it with `cargo build --release -p unicornc --features gpu` (docs/gpu.md says what that needs)"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first() {
        let names = ["matvec_1", "matmul_2", "region_3", "attention_4", "layers.0.mlp.up_proj.weight"];
        assert_eq!(near("matvek_1", names.into_iter())[0], "matvec_1");
        assert_eq!(near("up_projection", names.into_iter())[0], "layers.0.mlp.up_proj.weight");
        assert_eq!(near("", names.into_iter()).len(), 5);
    }
}
