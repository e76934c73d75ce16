//! Instructions of the AIE2 core: table, bundles, assembler, disassembler.
//!
//! - [`Opcode`] names a form (llvm-aie's names), [`Meaning`] says what it does, `data/aie2.txt` how it is encoded, printed and timed.
//! - [`Instruction`] is a form with operands, [`Bundle`] the instructions of one cycle: both go to bits and text and back.
//! - [`Program`] puts bundles, labels and loops together and refuses what the pipeline would get wrong ([`hazard`], [`flow`]).
//! - [`schedule`] packs straight code and software-pipelines loops; what it makes is replayed against the code's own order.
//!
//! The core has no interlocks: a result is there a fixed number of bundles after its instruction ([`Stage`]), and until then reads find the old value.
//! Encodings, timings and rules come from llvm-aie and from programs that ran on silicon; nothing here was measured on it.
//!
//! ```
//! use unicorn_kernels_xdna::isa::{Bundle, Program};
//!
//! let mut program = Program::new();
//! program.bundle("lda r0, [p0], #4").nops(6).bundle("add r1, r0, #1; mov p1, r0").jump("ret lr");
//! let code = program.assemble()?.code();
//! assert_eq!(Bundle::decode(&code, 0)?.to_string(), "lda r0, [p0], #4");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bundle;
pub mod flow;
pub mod hazard;
pub mod instruction;
pub mod meaning;
pub mod opcode;
pub mod program;
pub mod register;
mod replay;
pub mod schedule;
pub mod table;
pub mod text;

#[cfg(test)]
mod tests;

pub use bundle::{Bundle, BundleError, DecodeError, Format, decode_program};
pub use hazard::{Hazard, InFlight};
pub use instruction::{Instruction, Operand, OperandError, Slot};
pub use meaning::Meaning;
pub use opcode::Opcode;
pub use program::{Assembled, AssemblyError, Program};
pub use register::{Control, Register, Status};
pub use replay::Mismatch;
pub use table::{Access, Bypass, Stage, Unit};
pub use text::{Draft, TextError};
