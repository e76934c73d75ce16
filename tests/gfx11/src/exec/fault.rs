//! What ends a kernel before its time.

use crate::decode::Unknown;

/// Why a wave cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An address of the device's memory that nobody reserved.
    #[error("lane {lane}: {bytes} bytes at address {address:#x} are not reserved memory")]
    Address {
        /// The first lane that asked.
        lane: u32,
        /// Where.
        address: u64,
        /// How many.
        bytes: u32,
    },
    /// An atomic that is not where its width allows.
    #[error("lane {lane}: an atomic of {bytes} bytes at address {address:#x}")]
    Alignment {
        /// The lane.
        lane: u32,
        /// Where.
        address: u64,
        /// How wide.
        bytes: u32,
    },
    /// An address outside the memory of the workgroup.
    #[error("lane {lane}: {bytes} bytes at {address:#x} of the workgroup's memory, which has {size:#x} bytes")]
    Shared {
        /// The lane.
        lane: u32,
        /// Where.
        address: u32,
        /// How many.
        bytes: u32,
        /// What there is.
        size: u32,
    },
    /// An address outside the private memory of a lane.
    #[error("lane {lane}: {bytes} bytes at {address:#x} of the private memory, which has {size:#x} bytes")]
    Private {
        /// The lane.
        lane: u32,
        /// Where.
        address: i64,
        /// How many.
        bytes: u32,
        /// What there is.
        size: u32,
    },
    /// Words that are no instruction.
    #[error("{0}")]
    Unknown(#[from] Unknown),
    /// An instruction that is read but not executed here, or one of its modifiers.
    #[error("not executed here: {0}")]
    Missing(&'static str),
    /// A branch to what is no instruction of the kernel.
    #[error("a branch to byte {0:#x}, where no instruction of the kernel begins")]
    Branch(i64),
    /// The kernel's last instruction was passed.
    #[error("the code ended without `s_endpgm`")]
    PastEnd,
    /// The two halves of a matrix's rows differ, though the instruction needs them twice.
    #[error("matrix operand {operand}: lanes {lane} and {} differ, but must hold the same", lane + 16)]
    Replica {
        /// Which source.
        operand: usize,
        /// The lower lane.
        lane: usize,
    },
    /// A matrix instruction with inactive lanes.
    #[error("a matrix instruction with active lanes {0:#010x}: all must be")]
    MatrixExec(u32),
    /// A register was used before what was to be loaded into it was waited for.
    #[error("{register} is used while a load into it is under way ({counter} would be {at_most}): a wait is missing")]
    Wait {
        /// The register.
        register: String,
        /// The counter to wait for.
        counter: &'static str,
        /// What it must have come down to.
        at_most: u32,
    },
    /// A wave took more instructions than allowed.
    #[error("{0} instructions in one wave: it waits for what cannot happen, or the limit (GFX11_LIMIT) is too low")]
    Limit(u64),
    /// A barrier was reached while the workgroup's memory was still to be changed.
    #[error("a barrier while stores into the workgroup's memory are under way: a wait (lgkmcnt 0) is missing")]
    Barrier,
    /// A trap.
    #[error("`s_trap {0}`")]
    Trap(u16),
}
