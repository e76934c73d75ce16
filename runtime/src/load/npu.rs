//! Finds an NPU that an artifact has code for, and puts the artifact's part on it.

use super::{DeviceChoice, OpenNpu, Options};
use crate::hal::npu::{self, Npu};
use crate::hal::offload::{Direct, Engine, Offload};
use crate::step::Session;
use crate::{Error, Result, selftest};
use unicorn_artifact::file::{Artifact, SelfTest, section};
use unicorn_artifact::plan::Plan;

/// Why there is none with plain kernels.
const UNTRUSTED: &str =
    "its instruction streams reach all memory of this process, and without native code nothing from the file is trusted with that";

/// What reaches an NPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serve", derive(clap::ValueEnum))]
pub enum NpuDriver {
    /// The kernel module's own interface; nothing else is needed.
    #[default]
    Kernel,
    /// AMD's XRT library, in programs built with it.
    Xrt,
}

impl NpuDriver {
    /// Opens the first NPU.
    ///
    /// # Errors
    /// Why there is none, or why it cannot be used; [`NoXrt`](npu::NpuError::NoXrt) in a program without XRT.
    pub fn open(self) -> npu::Result<Box<dyn Engine>> {
        match self {
            Self::Kernel => Ok(Box::new(Direct::new(Npu::open(None)?))),
            #[cfg(feature = "xrt")]
            Self::Xrt => Ok(Box::new(crate::hal::offload::Xrt::open()?)),
            #[cfg(not(feature = "xrt"))]
            Self::Xrt => Err(npu::NpuError::NoXrt),
        }
    }
}

/// A device, and the code for it.
pub struct Found {
    npu: Box<dyn Engine>,
    code: Vec<u8>,
}

/// The NPU, if one is wanted and can be used; else why not, in `notices`.
pub fn find(artifact: &Artifact, plan: &Plan, options: &Options, open: &OpenNpu<'_>, notices: &mut Vec<String>) -> Result<Option<Found>> {
    let choice = options.npu;
    if plan.npu.is_none() || choice == DeviceChoice::Off {
        return match choice {
            DeviceChoice::Require => Err(required("the artifact has no NPU code; compile it with --target npu:npu1 --partition seed".into())),
            DeviceChoice::Auto | DeviceChoice::Off => Ok(None),
        };
    }
    if !options.native {
        return refused(UNTRUSTED.into(), choice, notices);
    }
    match open() {
        Ok(npu) => {
            let code = artifact.verified(section::NPU).map_err(|source| Error::artifact(artifact.path(), source))?.to_vec();
            Ok(Some(Found { npu, code }))
        }
        Err(why) => refused(why.to_string(), choice, notices),
    }
}

/// Puts the NPU's part of the plan on it; `weights` are the checked bytes of the artifact's resident weights.
pub fn place(found: Found, plan: &Plan, weights: &[u8], choice: DeviceChoice, notices: &mut Vec<String>) -> Result<Option<Offload>> {
    let Some(part) = &plan.npu else { return Ok(None) };
    match Offload::new(found.npu, plan, part, &found.code, weights) {
        Ok(offload) => Ok(Some(offload)),
        Err(why) => refused(why.to_string(), choice, notices),
    }
}

/// Demands the recorded logits, to the bit: sums of an NPU are exact, so nothing else than the host's result can be right. One that computes something else,
/// or fails meanwhile, is not used.
pub fn prove(session: &mut Session, test: &SelfTest, choice: DeviceChoice, notices: &mut Vec<String>) -> Result<()> {
    let mut differs = |apart| match selftest::difference(session, test, apart) {
        Ok(None) => None,
        Ok(Some(what)) => Some(format!("self-test failed: {what}: it computes something else than the compiler recorded")),
        Err(error) => Some(format!("self-test failed: {error}")),
    };
    let why = differs(false).or_else(|| differs(true));
    session.reset();
    if let Some(why) = why {
        session.cpu_mut().without_npu();
        refused::<()>(why, choice, notices)?;
    }
    Ok(())
}

fn refused<T>(why: String, choice: DeviceChoice, notices: &mut Vec<String>) -> Result<Option<T>> {
    if choice == DeviceChoice::Require {
        return Err(required(why));
    }
    notices.push(format!("no NPU is used: {why}; the host does its part"));
    Ok(None)
}

fn required(why: String) -> Error {
    Error::Required { device: "npu", why }
}
