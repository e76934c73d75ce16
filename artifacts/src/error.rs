//! Everything a file can do wrong, by name.

use std::path::PathBuf;

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with an artifact, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file that was asked for.
        path: PathBuf,
        /// The system's own word.
        source: std::io::Error,
    },
    /// Not an artifact at all, or one of another version.
    #[error("not a Unicorn artifact this program can read: {why}; compile the checkpoint again with this version's `unicornc`")]
    Header {
        /// What the header says.
        why: String,
    },
    /// A section is missing, out of bounds, or its bytes differ from its digest.
    #[error("section `{section}`: {why}; the file is damaged or cut: copy or compile it again")]
    Section {
        /// The section's name.
        section: String,
        /// What is wrong with it.
        why: String,
    },
    /// The manifest cannot be decoded.
    #[error("section `manifest`: {0}; the file is damaged or was written by another version")]
    Manifest(String),
    /// The plan is well-formed but says something no kernel may do.
    #[error("plan: {place}: {why}")]
    Plan {
        /// Entry, command, region, weight or state at fault.
        place: String,
        /// The rule it breaks.
        why: String,
    },
}

impl Error {
    /// Wraps an I/O error with the path it concerns.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// A broken rule at `place`.
    pub fn plan(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Plan { place: place.into(), why: why.into() }
    }

    /// A damaged section.
    pub fn section(section: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Section { section: section.into(), why: why.into() }
    }
}
