//! What a driver can refuse, by name.

use super::Vendor;

const GIB: f64 = (1u64 << 30) as f64;

/// What went wrong with a driver or its device, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// There is no driver library.
    #[error("no {vendor} driver library (tried {}): install {remedy}", tried.join(", "))]
    LibraryMissing {
        /// Whose.
        vendor: Vendor,
        /// File names, with the system's word where it is more than that there is no such file.
        tried: Vec<String>,
        /// What to install.
        remedy: &'static str,
    },
    /// The driver library is too old.
    #[error("{library} has no `{symbol}`: install {remedy}")]
    Symbol {
        /// The library.
        library: String,
        /// The function it lacks.
        symbol: &'static str,
        /// What to install.
        remedy: &'static str,
    },
    /// The driver library is here and finds no device.
    #[error("no {vendor} device: {why}")]
    NoDevice {
        /// Whose.
        vendor: Vendor,
        /// As far as one can tell.
        why: String,
    },
    /// Memory that cannot be had.
    #[error("cannot reserve {} for {what}{}", gib(*bytes), free.map(|free| format!(": {} are free on the GPU", gib(free))).unwrap_or_default())]
    OutOfMemory {
        /// What it is for.
        what: &'static str,
        /// How much.
        bytes: u64,
        /// What the device has left; `None` for memory of the host, and where the driver does not say.
        free: Option<u64>,
    },
    /// A kernel image that the device does not take.
    #[error("kernels for {target} cannot be loaded: {why}")]
    Load {
        /// The device's instruction set.
        target: String,
        /// The log of the driver's compiler, or its word.
        why: String,
    },
    /// A driver call failed; the device still works.
    #[error("{function}: {name} (error {code})")]
    Call {
        /// The driver's function.
        function: &'static str,
        /// Its answer.
        code: i32,
        /// The driver's text for it.
        name: String,
    },
    /// The device, or this process's use of it, is lost: every later call says so again, without asking the driver.
    #[error("the GPU is lost: {function}: {name} (error {code})")]
    Lost {
        /// The function that said so first. The cause may lie in any launch before it.
        function: &'static str,
        /// Its answer.
        code: i32,
        /// The driver's text for it.
        name: String,
    },
    /// A range that does not lie in its memory, or is not made of whole words where it must be.
    #[error("{what}: {bytes} bytes at {offset} do not fit in {len}")]
    Range {
        /// The operation.
        what: &'static str,
        /// Its first byte.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// The memory's length.
        len: u64,
    },
    /// A launch with more arguments than there is room for.
    #[error("`{function}`: {count} arguments, at most {} are possible", super::MAX_ARGUMENTS)]
    Arguments {
        /// The kernel.
        function: String,
        /// How many.
        count: usize,
    },
    /// Something that waits, or reserves memory, cannot be recorded in a graph.
    #[error("{what} cannot be part of a graph")]
    Capturing {
        /// The operation.
        what: &'static str,
    },
}

impl DriverError {
    /// Whether the device will answer nothing any more, so that the work belongs elsewhere.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}

fn gib(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{bytes} bytes") } else { format!("{:.2} GiB", bytes as f64 / GIB) }
}
