//! Instructions of the AIE2 core: table, bundles, assembler, disassembler.

pub mod bundle;
pub mod instruction;
pub mod meaning;
pub mod opcode;
pub mod register;
pub mod table;

pub use bundle::{Bundle, BundleError, DecodeError, Format, decode_program};
pub use instruction::{Instruction, Operand, OperandError, Slot};
pub use meaning::Meaning;
pub use opcode::Opcode;
pub use register::{Control, Register, Status};
pub use table::{Access, Bypass, Stage, Unit};
