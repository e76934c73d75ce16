//! What devices do of a scheduled plan: calls of an NPU, launches of a GPU, and the code of both.

use super::{CodeSections, Event, Options};
use crate::lower::gpu::Assignment;
use crate::partition;
use crate::schedule::{check, reach};
use crate::{Error, Result};
use unicorn_artifact::file::section;
use unicorn_artifact::plan::Plan;

/// Fills the plan's parts for devices, where targets were asked for, and adds their sections. Returns what a user should know.
///
/// # Errors
/// A wish that cannot be met, or whatever the lowerings say.
pub fn devices(plan: &mut Plan, sections: &mut CodeSections, options: &Options, report: &mut dyn FnMut(Event<'_>)) -> Result<Vec<String>> {
    let mut notices = npu(plan, sections, options)?;
    let decision = partition::decide(plan, &options.partition, &options.targets, plan.npu.as_ref())?;
    if let Some(decision) = &decision {
        report(Event::Partition(&decision.table));
    }
    if !options.targets.is_empty() {
        match decision.and_then(|d| d.assignment) {
            Some(assignment) => gpu(plan, sections, options, &assignment)?,
            None => notices
                .push("nothing falls to the GPU, so the artifact has no code for one; `--partition gpu` places all that it can do there".to_owned()),
        }
    }
    notices.iter().for_each(|notice| report(Event::Notice(notice)));
    Ok(notices)
}

/// The NPU's part, where one is asked for. Returns what a user should know.
fn npu(plan: &mut Plan, sections: &mut CodeSections, options: &Options) -> Result<Vec<String>> {
    let Some(target) = options.npu else { return Ok(vec![]) };
    if !options.partition.wants_npu() {
        let why = "nothing falls to the NPU, so the artifact has no code for it: only `--partition seed` and files with rules use one, until times have been measured on one";
        return Ok(vec![why.to_owned()]);
    }
    let lowered = crate::lower::npu::lower(plan, target, |weight| options.partition.on_npu(weight))?;
    let named = |(id, why): &(u32, String)| format!("the product with `{}` stays with the host: {why}", plan.weights[*id as usize].name);
    let mut notices: Vec<String> = lowered.refused.iter().map(named).collect();
    if lowered.plan.streams.is_empty() {
        notices.push(
            "nothing falls to the NPU, so the artifact has no code for it: what was asked for holds no gate of a layer with activation sparsity that it can do".into(),
        );
        return Ok(notices);
    }
    reach::reach(&lowered.plan, &lowered.code).map_err(|why| Error::verify("lower to the NPU", why))?;
    sections.push((section::NPU.to_owned(), lowered.code));
    plan.npu = Some(lowered.plan);
    Ok(notices)
}

/// The GPU's part: launches for the plan, code for the sections.
fn gpu(plan: &mut Plan, sections: &mut CodeSections, options: &Options, assignment: &Assignment) -> Result<()> {
    let mut lowered = crate::lower::gpu::lower(plan, assignment)?;
    check::stages(plan, &lowered.plan)?;
    for &target in &options.targets {
        let (image, bytes) = crate::lower::gpu::image::image(&lowered.plan.kernels, &lowered.ops, target, &options.tools)?;
        sections.push((image.section.clone(), bytes));
        lowered.plan.images.push(image);
    }
    plan.gpu = Some(lowered.plan);
    Ok(())
}
