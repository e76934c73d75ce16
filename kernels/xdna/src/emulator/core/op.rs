//! Bundles made ready for execution: operands with their places and times.

use super::registers::{Place, place};
use crate::isa::meaning::{LoadKind, StoreKind};
use crate::isa::{Bundle, Bypass, Instruction, Meaning, Operand};

/// What an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Not there.
    None,
    /// A number.
    Immediate(i32),
    /// A register.
    At(Place),
}

/// An operand, and when it is touched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arg {
    pub(super) what: What,
    /// Bypass of its reading.
    pub(super) read: Bypass,
    /// Cycle and bypass of its writing.
    pub(super) write: (u8, Bypass),
}

/// An instruction ready to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Op {
    pub(super) meaning: Meaning,
    pub(super) args: [Arg; 5],
    pub(super) count: u8,
    /// Bundles between issue and the reading of the operands that are read last.
    pub(super) late: u8,
}

/// A bundle ready to run.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) ops: Vec<Op>,
    pub(super) bytes: u32,
    /// It may have to wait for a lock or a stream.
    pub(super) waits: bool,
    /// It multiplies.
    pub(super) mac: bool,
}

impl Packet {
    pub(super) fn new(bundle: &Bundle) -> Packet {
        let ops: Vec<Op> = bundle.instructions().map(Op::new).collect();
        let waits = ops.iter().any(|op| {
            matches!(op.meaning, Meaning::Acquire { .. } | Meaning::StreamRead { .. } | Meaning::StreamWrite { .. } | Meaning::PacketHeader { .. })
        });
        let mac = ops.iter().any(|op| matches!(op.meaning, Meaning::Accumulate(a) if a.product != crate::isa::meaning::Term::Absent));
        Packet { ops, bytes: bundle.bytes() as u32, waits, mac }
    }
}

impl Op {
    fn new(instruction: &Instruction) -> Op {
        let none = Arg { what: What::None, read: Bypass::None, write: (1, Bypass::None) };
        let mut op = Op { meaning: instruction.meaning(), args: [none; 5], count: instruction.operands().len() as u8, late: 0 };
        let mut last = 1;
        for ((arg, operand), access) in op.args.iter_mut().zip(instruction.operands()).zip(instruction.opcode().accesses()) {
            let Operand::Register(register) = *operand else {
                if let Operand::Immediate(value) = *operand {
                    arg.what = What::Immediate(value);
                }
                continue;
            };
            arg.what = What::At(place(register));
            if let Some(stage) = access.read() {
                arg.read = stage.bypass.of(register);
                last = last.max(stage.cycle);
            }
            if let Some(stage) = access.write() {
                arg.write = (stage.cycle, stage.bypass.of(register));
            }
        }
        op.late = last - 1;
        // These read a mode register late, which is no operand.
        if matches!(op.meaning, Meaning::Load(LoadKind::Unpack(_) | LoadKind::Ups(_), _)) {
            op.late = 6;
        }
        op
    }

    /// Whether the operation is split into an early and a late part.
    pub(super) fn splits(&self) -> bool {
        matches!(
            self.meaning,
            Meaning::Accumulate(_)
                | Meaning::Unpack(_)
                | Meaning::Load(LoadKind::Unpack(_) | LoadKind::Ups(_), _)
                | Meaning::Store(StoreKind::Narrow { .. }, _)
        )
    }
}
