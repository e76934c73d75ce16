//! Instructions of the AIE2 core: table, bundles, assembler, disassembler.

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

pub use bundle::{Bundle, BundleError, DecodeError, Format, decode_program};
pub use instruction::{Instruction, Operand, OperandError, Slot};
pub use meaning::Meaning;
pub use opcode::Opcode;
pub use program::{Assembled, AssemblyError, Program};
pub use register::{Control, Register, Status};
pub use replay::Mismatch;
pub use table::{Access, Bypass, Stage, Unit};
pub use text::{Draft, TextError};
