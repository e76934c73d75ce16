//! Everything that can go wrong at run time, by name.

use std::path::PathBuf;

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's own word.
        source: std::io::Error,
    },
    /// The artifact is not readable.
    #[error("{path}: {source}")]
    Artifact {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: unicorn_artifact::Error,
    },
    /// Memory that the plan asks for cannot be had.
    #[error("cannot reserve {bytes} bytes for {what}: {source}; free memory, or compile with fewer `--slots` or a shorter `--context`")]
    Memory {
        /// What it is for.
        what: &'static str,
        /// How much.
        bytes: u64,
        /// The system's own word.
        source: std::io::Error,
    },
    /// A GPU cannot be used, or failed.
    #[error("GPU: {0}")]
    Gpu(#[from] crate::hal::gpu::DriverError),
    /// An NPU cannot be used, or failed.
    #[error("NPU: {0}")]
    Npu(#[from] crate::hal::npu::NpuError),
    /// A device was demanded that is not there.
    #[error("--require {device}: {why}")]
    Required {
        /// As it is typed.
        device: &'static str,
        /// Why it is not used, and what to do.
        why: String,
    },
    /// A step was given rows that the plan cannot run.
    #[error("step: {0}")]
    Step(String),
    /// The tokenizer section cannot be used.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The chat template cannot be used, or refuses these messages.
    #[error("chat template: {0}")]
    Template(String),
    /// The prompt and what is to be generated do not fit.
    #[error(
        "the prompt has {prompt} tokens, but the artifact was compiled for a context of {context}; shorten it or compile with a larger `--context`"
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Positions per sequence.
        context: usize,
    },
    /// A request asks for something impossible; names the field.
    #[error("`{field}`: {why}")]
    Request {
        /// The field, as the API names it.
        field: &'static str,
        /// Why it cannot be.
        why: String,
    },
    /// The waiting queue is full.
    #[error("the queue is full ({0} requests are waiting); try again later")]
    Busy(usize),
    /// The engine is shutting down or has failed.
    #[error("the engine has stopped: {0}")]
    Stopped(String),
}

impl Error {
    /// Wraps an I/O error with the path it concerns.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// Wraps what is wrong with an artifact; what the system refused names its file already.
    pub fn artifact(path: impl Into<PathBuf>, source: unicorn_artifact::Error) -> Self {
        match source {
            unicorn_artifact::Error::Io { path, source } => Self::Io { path, source },
            source => Self::Artifact { path: path.into(), source },
        }
    }

    /// A field of a request.
    pub fn request(field: &'static str, why: impl Into<String>) -> Self {
        Self::Request { field, why: why.into() }
    }
}
