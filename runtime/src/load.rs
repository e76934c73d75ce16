//! From a file to a session that can step: check everything, reserve everything, then let nothing change.

mod gpu;
mod npu;
mod weights;

pub use npu::NpuDriver;

use crate::hal::accelerator;
use crate::hal::code::{self, CodeMap};
use crate::hal::cpu::{Cpu, Parts, Weights};
use crate::hal::offload::Engine;
use crate::step::{OnFailure, Session};
use crate::tokens::{ChatSpec, Tokenizer};
use crate::{Error, Result};
use std::path::Path;
use unicorn_artifact::file::{Artifact, Manifest, section};
use unicorn_kernels_cpu::{Isa, Kernels};

/// Where the resident weights live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Copied to anonymous memory, in huge pages where they fill one: faster steps.
    #[default]
    Copy,
    /// Where the file is mapped: faster start, shared between processes, slower steps.
    Map,
}

/// Worker threads at most.
pub const MAX_THREADS: usize = 256;

/// How to load.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Worker threads; 0 for one per available core.
    pub threads: usize,
    /// Use wide kernels and the artifact's machine code. Without: plain kernels and the interpreter, the same tokens.
    pub native: bool,
    /// Where the weights live.
    pub placement: Placement,
    /// Compute inactive neurons too (for the test that proves the gather exact).
    pub dense: bool,
    /// Run the tail only for rows whose logits are wanted. Off only for the test that proves it exact.
    pub split: bool,
    /// Kernels to use instead of the widest.
    pub isa: Option<Isa>,
    /// Whether a GPU runs its part.
    pub gpu: DeviceChoice,
    /// Whether an NPU runs its part; without `native`, none does.
    pub npu: DeviceChoice,
    /// How it is reached.
    pub npu_driver: NpuDriver,
}

/// Whether a device is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// If one is there that the artifact has code for; else the host, with a notice.
    #[default]
    Auto,
    /// Never.
    Off,
    /// It is an error if it cannot be used.
    Require,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 0,
            native: true,
            placement: Placement::Copy,
            dense: false,
            split: true,
            isa: None,
            gpu: DeviceChoice::Auto,
            npu: DeviceChoice::Auto,
            npu_driver: NpuDriver::Kernel,
        }
    }
}

/// A loaded artifact.
#[derive(Debug)]
pub struct Loaded {
    /// Runs steps.
    pub session: Session,
    /// Plan and origin.
    pub manifest: Manifest,
    /// The artifact's digest in hex.
    pub digest: String,
    /// What a user should know: why machine code is not used, for example.
    pub notices: Vec<String>,
}

/// How an NPU is opened, if one is wanted.
pub type OpenNpu<'a> = dyn Fn() -> crate::hal::npu::Result<Box<dyn Engine>> + 'a;

/// Opens, checks and places an artifact.
///
/// # Errors
/// [`Error::Artifact`] for a damaged file, [`Error::Memory`] if there is not enough memory, [`Error::Required`] for a device that is demanded and cannot be
/// used, [`Error::Io`].
pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Loaded> {
    load_on(path, options, &|| options.npu_driver.open())
}

/// As [`load`], with an NPU of the caller's.
///
/// # Errors
/// As [`load`].
pub fn load_on(path: impl AsRef<Path>, options: Options, npu: &OpenNpu<'_>) -> Result<Loaded> {
    let path = path.as_ref();
    let wrong = |source| Error::artifact(path, source);
    let artifact = Artifact::open(path).map_err(wrong)?;
    artifact.verified(section::TOKENIZER).map_err(wrong)?;
    artifact.verified(section::CHAT).map_err(wrong)?;
    place(path, options, artifact, npu)
}

/// As [`load`], with the tokenizer, which is built while the weights are read.
///
/// # Errors
/// As [`load`] and [`Tokenizer::from_parts`]; [`Error::Template`] when the chat section is not what it should be.
pub fn load_with_tokenizer(path: impl AsRef<Path>, options: Options) -> Result<(Loaded, Tokenizer)> {
    let path = path.as_ref();
    let wrong = |source| Error::artifact(path, source);
    let artifact = Artifact::open(path).map_err(wrong)?;
    let text = artifact.verified(section::TOKENIZER).map_err(wrong)?.to_vec();
    let chat = artifact.verified(section::CHAT).map_err(wrong)?.to_vec();
    std::thread::scope(|scope| {
        let build = || {
            let chat: ChatSpec = serde_json::from_slice(&chat).map_err(|e| Error::Template(format!("section `chat`: {e}")))?;
            Tokenizer::from_parts(&text, &chat)
        };
        let tokenizer = std::thread::Builder::new().spawn_scoped(scope, build).map_err(|source| Error::Memory {
            what: "the thread that builds the tokenizer",
            bytes: 0,
            source,
        })?;
        let loaded = place(path, options, artifact, &|| options.npu_driver.open());
        let tokenizer = tokenizer.join().unwrap_or_else(|why| std::panic::resume_unwind(why));
        Ok((loaded?, tokenizer?))
    })
}

fn place(path: &Path, options: Options, artifact: Artifact, open: &OpenNpu<'_>) -> Result<Loaded> {
    let wrong = |source| Error::artifact(path, source);
    if options.threads > MAX_THREADS {
        return Err(Error::request("threads", format!("{} are asked for; at most {MAX_THREADS} are of use", options.threads)));
    }
    let manifest = artifact.manifest().map_err(wrong)?;
    let plan = &manifest.plan;
    let mut notices = Vec::new();
    let code = match (options.native, code::choose(plan)) {
        (false, _) => None,
        (true, Ok(code)) => Some(CodeMap::load(&artifact, code)?),
        (true, Err(why)) => {
            notices.push(format!("fused regions are interpreted: {why}"));
            None
        }
    };
    let isa = options.isa.unwrap_or(if options.native { Isa::detect() } else { Isa::Plain });
    let threads = if options.threads > 0 { options.threads } else { std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS) };
    let streamed_at = artifact.section(section::STREAMED).map_err(wrong)?.offset;
    let streamed = (artifact.file().try_clone().map_err(|e| Error::io(path, e))?, streamed_at);
    let digest = unicorn_artifact::file::hex(artifact.digest());
    // Artifacts compiled with --no-selftest have none.
    let selftest = artifact.selftest().ok();
    let found = gpu::find(&artifact, plan, options.gpu, &mut notices)?;
    let array = npu::find(&artifact, plan, &options, open, &mut notices)?;
    let weights = match options.placement {
        // The device has its own copy, and the host's would be read only if the device is lost.
        Placement::Copy if found.is_some() && gpu::does_all(plan) => {
            weights::check(&artifact, path, threads)?;
            Weights::Mapped(artifact)
        }
        Placement::Copy => Weights::Copied(weights::copy(&artifact, path, threads)?),
        Placement::Map => {
            artifact.verified(section::WEIGHTS).map_err(wrong)?;
            Weights::Mapped(artifact)
        }
    };
    let accelerator = match found {
        Some(found) => gpu::place(found, plan, weights.bytes(), options.gpu, &mut notices)?,
        None => None,
    };
    let offload = match array {
        Some(found) => npu::place(found, plan, weights.bytes(), options.npu, &mut notices)?,
        None => None,
    };
    let fragments = accelerator.as_ref().map(|_| plan.gpu.iter().flat_map(accelerator::fragments).collect()).unwrap_or_default();
    let idle_states = accelerator.is_some();
    let parts = Parts {
        plan: manifest.plan.clone(),
        kernels: Kernels::new(isa),
        threads,
        weights,
        streamed,
        code,
        dense: options.dense,
        fragments,
        idle_states,
    };
    let mut session = Session::new(Cpu::new(parts)?, options.split);
    let on_failure = |choice| if choice == DeviceChoice::Require { OnFailure::Fail } else { OnFailure::GoOn };
    if let Some(offload) = offload {
        session.cpu_mut().set_npu(offload, OnFailure::Fail);
        if let Some(test) = &selftest {
            npu::prove(&mut session, test, options.npu, &mut notices)?;
        }
        session.cpu_mut().on_npu_failure(on_failure(options.npu));
    }
    if let Some(accelerator) = accelerator {
        session = session.with_gpu(accelerator, on_failure(options.gpu));
        if let Some(test) = &selftest {
            gpu::prove(&mut session, test, options.gpu, &mut notices)?;
        }
    }
    Ok(Loaded { session, manifest, digest, notices })
}
