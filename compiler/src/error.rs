//! Everything that can go wrong while compiling, by name.

use std::path::PathBuf;

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's own word.
        source: std::io::Error,
    },
    /// A file is not what its name promises.
    #[error("{path}: {why}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A field of `config.json` is missing, of the wrong type, or out of range.
    #[error("{path}: field `{field}`: {why}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The field, as it is written.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// A tensor is missing or has another shape or type than the config demands.
    #[error("tensor `{tensor}`: {why}")]
    Tensor {
        /// Its name in the checkpoint.
        tensor: String,
        /// What is wrong with it.
        why: String,
    },
    /// The model asks for something this compiler cannot lower.
    #[error("unsupported: {place}: {why}")]
    Unsupported {
        /// Layer, op and shape.
        place: String,
        /// Why, and what would work.
        why: String,
    },
    /// An option does not fit the model.
    #[error("option {option}: {why}")]
    Option {
        /// As it is typed.
        option: String,
        /// Why.
        why: String,
    },
    /// A graph breaks a rule. Only a fault of this compiler can cause it.
    #[error("internal: after pass `{pass}`: {why}; please report this with the checkpoint's config.json")]
    Verify {
        /// The pass that made it.
        pass: String,
        /// The rule that is broken.
        why: String,
    },
    /// A GPU kernel cannot be made.
    #[error("GPU kernel: {0}")]
    Kernel(#[source] unicorn_kernels_gpu::Error),
    /// An NPU kernel cannot be made of a shape that it should take. Only a fault of this compiler can cause it.
    #[error("internal: NPU kernel: {0}; please report this with the checkpoint's config.json")]
    Npu(#[source] unicorn_kernels_npu::NpuError),
    /// This build cannot compile GPU kernels.
    #[error(
        "this unicornc was built without LLVM and `{kernel}` for {target} is not in the kernel cache; build it with `--features gpu`, or give --kernel-cache a folder that has it. Host and NPU alone need no LLVM: --target npu:npu1"
    )]
    NoLlvm {
        /// Op and shape.
        kernel: String,
        /// The target.
        target: &'static str,
    },
    /// The artifact cannot be written or read back.
    #[error(transparent)]
    Artifact(#[from] unicorn_artifact::Error),
}

impl Error {
    /// Wraps an I/O error with the path it concerns.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// A file that is not what it should be.
    pub fn format(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Format { path: path.into(), why: why.into() }
    }

    /// A broken graph rule.
    pub fn verify(pass: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Verify { pass: pass.into(), why: why.into() }
    }
}
