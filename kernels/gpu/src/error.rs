//! What can go wrong between a kernel's text and its code.

use crate::target::Target;
use std::fmt;

/// Why a kernel could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such target.
    #[error("unknown GPU target `{name}` (known: {})", Target::ALL.map(Target::name).join(", "))]
    UnknownTarget {
        /// What was asked for.
        name: String,
    },
    /// A kernel's text was refused on its way to code.
    #[error("kernel {name} for {target}: {stage}: {why}")]
    Lower {
        /// Op and shape, as the caller named them.
        name: String,
        /// For whom it was lowered.
        target: Target,
        /// Where it stopped.
        stage: Stage,
        /// What MLIR, LLVM or LLD said.
        why: String,
    },
    /// LLVM ended the process that lowered a kernel.
    #[error("kernel {name} for {target}: the process lowering it died: {why}")]
    Crashed {
        /// Op and shape, as the caller named them.
        name: String,
        /// For whom it was lowered.
        target: Target,
        /// The last lines of its standard error.
        why: String,
    },
    /// The process that lowers kernels cannot be started or spoken to.
    #[error("kernel worker {program}: {why}")]
    Worker {
        /// The program that was started.
        program: String,
        /// What went wrong.
        why: String,
    },
    /// NVIDIA's assembler cannot be run.
    #[error("assembler {program}: {why} (wanted is NVIDIA's `ptxas`)")]
    Assembler {
        /// The program that was started.
        program: String,
        /// What went wrong.
        why: String,
    },
    /// Bytes that should be compiled code are not.
    #[error("not a {form} this can read: {why}")]
    Unreadable {
        /// What they should be.
        form: &'static str,
        /// What is wrong with them.
        why: String,
    },
    /// A kernel takes more than its device has.
    #[error("kernel {kernel} for {target}: {used} {what}, at most {allowed}")]
    Limit {
        /// The symbol of the kernel.
        kernel: String,
        /// The device.
        target: Target,
        /// What is counted.
        what: &'static str,
        /// What the kernel takes.
        used: u64,
        /// What the device gives.
        allowed: u64,
    },
    /// The cache's folder cannot be read or written.
    #[error("kernel cache {path}: {source}")]
    Cache {
        /// File or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A step from text to code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Text to MLIR.
    Parse,
    /// MLIR dialects to the LLVM dialect.
    Convert,
    /// LLVM dialect to LLVM IR.
    Translate,
    /// LLVM IR to better LLVM IR.
    Optimise,
    /// LLVM IR to an object or PTX.
    Generate,
    /// Object to code object.
    Link,
    /// PTX to machine code.
    Assemble,
    /// Code to assembly text.
    Disassemble,
}

impl Stage {
    /// All steps, in order.
    pub const ALL: [Self; 8] =
        [Self::Parse, Self::Convert, Self::Translate, Self::Optimise, Self::Generate, Self::Link, Self::Assemble, Self::Disassemble];

    /// The step in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Convert => "convert",
            Self::Translate => "translate",
            Self::Optimise => "optimise",
            Self::Generate => "generate",
            Self::Link => "link",
            Self::Assemble => "assemble",
            Self::Disassemble => "disassemble",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
