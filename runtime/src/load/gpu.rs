//! Finds a GPU that an artifact has code for, and puts the artifact's part on it.

use super::DeviceChoice;
use crate::hal::accelerator::{self, Accelerator};
use crate::hal::gpu::{DeviceInfo, Driver, Gpu, Vendor};
use crate::step::Session;
use crate::{Error, Result};
use unicorn_artifact::command::Command;
use unicorn_artifact::file::{Artifact, SelfTest};
use unicorn_artifact::gpu::{GpuPlan, Image};
use unicorn_artifact::plan::Plan;

/// A device and the code for it.
pub struct Found {
    gpu: Gpu,
    image: Image,
    code: Vec<u8>,
}

/// A device that runs this artifact's code, if one is wanted and there; else why not, in `notices`.
pub fn find(artifact: &Artifact, plan: &Plan, choice: DeviceChoice, notices: &mut Vec<String>) -> Result<Option<Found>> {
    let Some(part) = plan.gpu.as_ref().filter(|_| choice != DeviceChoice::Off) else {
        return match choice {
            DeviceChoice::Require => Err(required("the artifact has no GPU code; compile it with --target".into())),
            DeviceChoice::Auto | DeviceChoice::Off => Ok(None),
        };
    };
    match search(part) {
        Ok((gpu, image)) => {
            let code = artifact.verified(&image.section).map_err(|source| Error::artifact(artifact.path(), source))?.to_vec();
            Ok(Some(Found { gpu, image: image.clone(), code }))
        }
        Err(why) => refused(why, choice, notices),
    }
}

/// Whether the GPU's part leaves the host nothing that reads resident weights.
pub fn does_all(plan: &Plan) -> bool {
    let lookup = |entry: usize, command: u32| matches!(plan.entries[entry].commands[command as usize], Command::EmbedPerLayer { .. });
    plan.gpu.as_ref().is_some_and(|part| accelerator::fragments(part).iter().all(|(entry, commands)| commands.iter().all(|&c| lookup(*entry, c))))
}

/// Puts the GPU's part of the plan on a device; `weights` are the checked bytes of the artifact's resident weights.
pub fn place(found: Found, plan: &Plan, weights: &[u8], choice: DeviceChoice, notices: &mut Vec<String>) -> Result<Option<Accelerator>> {
    let Some(part) = &plan.gpu else { return Ok(None) };
    let name = found.gpu.info().name.clone();
    match Accelerator::new(found.gpu, plan, part, (&found.image, &found.code), weights) {
        Ok(accelerator) => Ok(Some(accelerator)),
        Err(error) => refused(format!("{name}: {error}"), choice, notices),
    }
}

/// Compares the device's logits for the recorded prompt with the recorded ones; a device that computes something else is not used.
pub fn prove(session: &mut Session, test: &SelfTest, choice: DeviceChoice, notices: &mut Vec<String>) -> Result<()> {
    let outcome = crate::selftest::run_close(session, test);
    session.reset();
    if session.gpu().is_none() {
        // The host has finished the test in its place, which says nothing for the device.
        return refused::<()>("it failed in the self-test".into(), choice, notices).map(drop);
    }
    if let Err(error) = outcome {
        session.without_gpu();
        refused::<()>(error.to_string(), choice, notices)?;
    }
    Ok(())
}

fn refused<T>(why: String, choice: DeviceChoice, notices: &mut Vec<String>) -> Result<Option<T>> {
    if choice == DeviceChoice::Require {
        return Err(required(why));
    }
    notices.push(format!("no GPU is used: {why}; everything runs on the host"));
    Ok(None)
}

fn required(why: String) -> Error {
    Error::Required { device: "gpu", why }
}

/// The first device that runs one of the images.
fn search(part: &GpuPlan) -> std::result::Result<(Gpu, &Image), String> {
    let mut reasons = Vec::new();
    for (vendor, prefix) in [(Vendor::Amd, "hip:"), (Vendor::Nvidia, "cuda:")] {
        let images: Vec<&Image> = part.images.iter().filter(|i| i.target.starts_with(prefix)).collect();
        if images.is_empty() {
            continue;
        }
        let devices = Driver::open(vendor).and_then(|driver| Ok((driver.devices()?, driver)));
        let (devices, driver) = match devices {
            Ok(found) => found,
            Err(error) => {
                reasons.push(error.to_string());
                continue;
            }
        };
        for device in devices {
            let best = images.iter().filter_map(|i| Some((fit(&i.target, &device)?, *i))).max_by_key(|(fit, _)| *fit);
            match best {
                None => {
                    let has: Vec<&str> = images.iter().map(|i| i.target.as_str()).collect();
                    reasons.push(format!(
                        "{} is {}, but the artifact has code for {}; compile it with --target",
                        device.name,
                        device.target,
                        has.join(", ")
                    ));
                }
                Some((_, image)) => match Gpu::open(&driver, device.ordinal) {
                    Ok(gpu) => return Ok((gpu, image)),
                    Err(error) => reasons.push(format!("{}: {error}", device.name)),
                },
            }
        }
    }
    Err(if reasons.is_empty() { "the artifact has code for no known vendor".into() } else { reasons.join("; ") })
}

/// How well code for `target` fits a device: higher is better, `None` where it does not run.
fn fit(target: &str, device: &DeviceInfo) -> Option<u32> {
    let (_, chip) = target.split_once(':')?;
    match device.vendor {
        Vendor::Amd if chip == device.target => Some(2),
        Vendor::Amd => (chip == "gfx11-generic" && device.target.starts_with("gfx11")).then_some(1),
        Vendor::Nvidia => {
            let version = |name: &str| name.strip_prefix("sm_")?.parse::<u32>().ok();
            // PTX runs on what it was made for and on what came later.
            version(chip).filter(|code| version(&device.target).is_some_and(|has| *code <= has))
        }
    }
}
