//! Code of all kernels for one target: from the cache, or made by LLVM where this build has it.

use crate::{Error, Result};
use std::path::PathBuf;
use unicorn_artifact::gpu::{Image, Kernel};
use unicorn_artifact::plan::CodeSpan;
use unicorn_kernels_gpu::cache::Cache;
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::ptxas::Assembler;
use unicorn_kernels_gpu::target::{Target, Vendor};

/// Bytes between kernels of an image.
const ALIGN: usize = 256;

/// How kernels are made.
#[derive(Clone, Debug, Default)]
pub struct Toolchain {
    /// A program that lowers kernels when called with the worker's argument (`unicornc` itself): a crash of LLVM ends that process and not this one.
    /// `None` lowers here.
    pub program: Option<PathBuf>,
    /// A folder that remembers what was made.
    pub cache: Option<PathBuf>,
    /// NVIDIA's assembler: kernels for its targets then are machine code and not PTX.
    pub ptxas: Option<Assembler>,
    /// Kernels made at once.
    pub threads: usize,
}

/// Makes the image of `target`.
///
/// # Errors
/// [`Error::Kernel`] naming op, shape and target.
pub fn image(kernels: &[Kernel], ops: &[Op], target: Target, tools: &Toolchain) -> Result<(Image, Vec<u8>)> {
    let cache = tools.cache.as_ref().map(Cache::open).transpose().map_err(Error::Kernel)?;
    let next = std::sync::atomic::AtomicUsize::new(0);
    let made: std::sync::Mutex<Vec<Option<Vec<u8>>>> = std::sync::Mutex::new(vec![None; ops.len()]);
    let work = || -> Result<()> {
        let mut lowering = Lowering::new(tools);
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(op) = ops.get(at) else { return Ok(()) };
            let text = op.text(&kernels[at].name, target.into());
            let code = match cache.as_ref().and_then(|c| c.get(target, &text)) {
                Some(code) => code,
                None => {
                    let code = lowering.compile(&kernels[at].title, &text, target)?;
                    if let Some(cache) = &cache {
                        cache.put(target, &text, &code).map_err(Error::Kernel)?;
                    }
                    code
                }
            };
            check(&code, target).map_err(Error::Kernel)?;
            let code = match tools.ptxas.as_ref().filter(|_| target.vendor() == Vendor::Nvidia) {
                Some(ptxas) => ptxas.assemble(&kernels[at].title, &code, target).map_err(Error::Kernel)?,
                None => code,
            };
            if let Ok(mut made) = made.lock() {
                made[at] = Some(code);
            }
        }
    };
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..tools.threads.clamp(1, 16)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|why| std::panic::resume_unwind(why)))
    })?;
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for code in made.into_inner().unwrap_or_default().into_iter().flatten() {
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        spans.push(CodeSpan { offset: bytes.len() as u64, bytes: code.len() as u64 });
        bytes.extend(code);
    }
    Ok((Image { target: target.name().into(), section: section(target), kernels: spans }, bytes))
}

/// The section of a target's image.
pub fn section(target: Target) -> String {
    format!("gpu.{}", target.name().replace(':', "."))
}

/// Whether every kernel keeps the limits of the target: registers, shared memory, no scratch.
fn check(code: &[u8], target: Target) -> std::result::Result<(), unicorn_kernels_gpu::Error> {
    match target.vendor() {
        Vendor::Amd => unicorn_kernels_gpu::object::kernels(code)?.iter().try_for_each(|k| unicorn_kernels_gpu::object::check(k, target)),
        Vendor::Nvidia => {
            let text = String::from_utf8_lossy(code);
            unicorn_kernels_gpu::ptx::kernels(&text)?.iter().try_for_each(|k| unicorn_kernels_gpu::ptx::check(k, target))
        }
    }
}

#[cfg(feature = "gpu")]
enum Lowering {
    Here(Option<unicorn_kernels_gpu::mlir::Compiler>),
    Worker(unicorn_kernels_gpu::mlir::Worker),
}

#[cfg(feature = "gpu")]
impl Lowering {
    fn new(tools: &Toolchain) -> Self {
        match &tools.program {
            Some(program) => Self::Worker(unicorn_kernels_gpu::mlir::Worker::new(program)),
            None => Self::Here(None),
        }
    }

    fn compile(&mut self, title: &str, text: &str, target: Target) -> Result<Vec<u8>> {
        match self {
            Self::Worker(worker) => worker.compile(title, text, target).map_err(Error::Kernel),
            Self::Here(compiler) => {
                let compiler = match compiler {
                    Some(compiler) => compiler,
                    None => compiler.insert(unicorn_kernels_gpu::mlir::Compiler::new().map_err(Error::Kernel)?),
                };
                compiler.compile(title, text, target).map_err(Error::Kernel)
            }
        }
    }
}

#[cfg(not(feature = "gpu"))]
struct Lowering;

#[cfg(not(feature = "gpu"))]
impl Lowering {
    fn new(_: &Toolchain) -> Self {
        Self
    }

    fn compile(&mut self, title: &str, _: &str, target: Target) -> Result<Vec<u8>> {
        Err(Error::NoLlvm { kernel: title.into(), target: target.name() })
    }
}
