//! What instructions do to registers, locks and streams; memory stands in `access`.

use super::super::dma::Shared;
use super::op::{Arg, Op, What};
use super::registers::{LR, Place, control, status};
use super::{DELAY_SLOTS, RING, State, convert, lanes, mac, scalar};
use crate::array::Tile;
use crate::isa::meaning::{Accumulate, Lane, LaneOp, Last, LoadKind, Resize, ScalarOp, ShapeOp, Sign, Term, Ups};
use crate::isa::{Control, Meaning, Status, bundle};
use std::fmt;

/// Why an instruction cannot be done.
pub(super) enum Fault {
    /// Memory that is not there.
    Access { address: u32, bytes: u32 },
    /// Anything else.
    Why(String),
}

pub(super) type Done = Result<(), Fault>;

pub(super) fn why<T>(text: &str) -> Result<T, Fault> {
    Err(Fault::Why(text.to_owned()))
}

/// What a bundle waits for.
pub(super) enum Block {
    /// A lock.
    Lock { tile: Tile, lock: u8, value: i8, held: u8 },
    /// A stream, and which way.
    Stream(&'static str),
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Block::Lock { tile, lock, value, held } => {
                let how = if *value < 0 { "at least" } else { "exactly" };
                write!(f, "lock {lock} of {tile} to hold {how} {} (it holds {held})", value.unsigned_abs())
            }
            Block::Stream(what) => f.write_str(what),
        }
    }
}

/// The part of an operation that runs when its last operands are read.
pub(super) struct Late {
    op: Op,
    /// Time of issue, from which results count.
    issued: u64,
    early: Early,
}

/// What the first part leaves for the second.
pub(super) enum Early {
    /// Factors and configuration of a product.
    Factors { x: lanes::Vector, y: lanes::Vector, config: u32 },
    /// Bytes loaded.
    Loaded([u8; 32]),
    /// Where a narrow store goes.
    Narrow { memory: usize, at: usize, bytes: u8 },
    /// Nothing.
    Nothing,
}

/// Bytes that reach memory later.
pub(super) struct Pending {
    pub(super) memory: usize,
    pub(super) at: usize,
    pub(super) length: u8,
    pub(super) bytes: [u8; 32],
}

impl State {
    pub(super) fn scalar_of(&self, arg: &Arg) -> Result<u32, Fault> {
        match arg.what {
            What::Immediate(value) => Ok(value as u32),
            What::At(Place::Scalar(n)) => Ok(self.file.scalar(n)),
            _ => why("an operand that is no scalar"),
        }
    }

    /// A scalar or a pair.
    fn wide_of(&self, arg: &Arg) -> Result<u64, Fault> {
        match arg.what {
            What::At(Place::Pair(n)) => Ok(u64::from(self.file.scalar(n)) | u64::from(self.file.scalar(n + 1)) << 32),
            _ => self.scalar_of(arg).map(u64::from),
        }
    }

    pub(super) fn put_scalar(&mut self, arg: &Arg, value: u32) -> Done {
        match arg.what {
            What::At(Place::Scalar(n)) => self.file.write_scalar(n, value, self.time + u64::from(arg.write.0)),
            _ => return why("a result that is no scalar"),
        }
        Ok(())
    }

    fn put_wide(&mut self, arg: &Arg, value: u64) -> Done {
        match arg.what {
            What::At(Place::Pair(n)) => {
                let at = self.time + u64::from(arg.write.0);
                self.file.write_scalar(n, value as u32, at);
                self.file.write_scalar(n + 1, (value >> 32) as u32, at);
                Ok(())
            }
            _ => self.put_scalar(arg, value as u32),
        }
    }

    /// A vector operand, and its bytes.
    pub(super) fn vector_of<const N: usize>(&self, arg: &Arg) -> Result<([u8; N], usize), Fault> {
        match arg.what {
            What::At(Place::Vector(unit, count)) if 32 * usize::from(count) <= N => {
                Ok((self.file.vector(unit, count, arg.read, self.time), 32 * usize::from(count)))
            }
            _ => why("an operand that is no vector, or a sparse one, which is not modelled"),
        }
    }

    pub(super) fn put_vector(&mut self, arg: &Arg, value: &[u8], issued: u64) -> Done {
        match arg.what {
            What::At(Place::Vector(unit, count)) => {
                self.file.write_vector(unit, count, arg.write.1, value, issued + u64::from(arg.write.0));
                Ok(())
            }
            _ => why("a result that is no vector"),
        }
    }

    pub(super) fn mode(&self, c: Control) -> u32 {
        self.file.scalar(control(c))
    }

    fn signed(&self, sign: Sign, by: Control) -> bool {
        sign == Sign::Signed || self.mode(by) == 1
    }

    /// What a bundle with this operation has to wait for.
    pub(super) fn blocked(&self, op: &Op, shared: &Shared) -> Result<Option<Block>, Fault> {
        Ok(match op.meaning {
            Meaning::Acquire { conditional } if !conditional || self.file.scalar(26) != 0 => {
                let (tile, lock, value) = self.lock(op)?;
                let held = shared.locks[tile.index()][usize::from(lock)];
                let want = value.unsigned_abs();
                let free = if value < 0 { held >= want } else { held == want };
                (!free).then_some(Block::Lock { tile, lock, value, held })
            }
            Meaning::StreamRead { .. } => {
                let empty = self.stream_in.is_none_or(|port| shared.fabric.arrived(port, shared.now).is_none());
                empty.then_some(Block::Stream("a word from its stream"))
            }
            Meaning::StreamWrite { .. } | Meaning::PacketHeader { .. } => {
                let full = self.stream_out.is_none_or(|port| !shared.fabric.can_send(port));
                full.then_some(Block::Stream("room in its stream"))
            }
            _ => None,
        })
    }

    /// Tile, number and change of a lock operation: ids count from the tiles south, west, north, own, sixteen each.
    fn lock(&self, op: &Op) -> Result<(Tile, u8, i8), Fault> {
        let id = self.scalar_of(&op.args[0])?;
        let value = self.scalar_of(&op.args[1])? as i32;
        let tile = self.views.get(id as usize / 16).copied().flatten();
        match (tile, i8::try_from(value)) {
            (Some(tile), Ok(value @ -64..=63)) => Ok((tile, (id % 16) as u8, value)),
            (None, _) => why(&format!("lock {id}, which no tile has")),
            _ => why(&format!("a lock value of {value}, outside -64..=63")),
        }
    }

    /// Runs the late parts of this time.
    pub(super) fn run_late(&mut self) -> Done {
        let slot = self.time as usize % RING;
        if self.late[slot].is_empty() {
            return Ok(());
        }
        let mut list = std::mem::take(&mut self.late[slot]);
        for late in &list {
            self.execute_late(late)?;
        }
        list.clear();
        self.late[slot] = list;
        Ok(())
    }

    /// Puts the bytes of this time into memory.
    pub(super) fn write_pending(&mut self, shared: &mut Shared) {
        let list = &mut self.pending[self.time as usize % RING];
        for p in list.iter() {
            let n = usize::from(p.length);
            shared.memory[p.memory][p.at..p.at + n].copy_from_slice(&p.bytes[..n]);
        }
        list.clear();
    }

    pub(super) fn later(&mut self, op: &Op, early: Early) {
        let slot = (self.time + u64::from(op.late)) as usize % RING;
        self.late[slot].push(Late { op: *op, issued: self.time, early });
    }

    /// Does an operation, or the early part of it. `next` is the address of the following bundle.
    pub(super) fn execute(&mut self, op: &Op, next: u32, program: &[u8], shared: &mut Shared) -> Done {
        if op.late > 0 && !op.splits() {
            return why("an operand that is read late, which is not modelled for this instruction");
        }
        let [a, b, c, d, _] = &op.args;
        match op.meaning {
            Meaning::Nop | Meaning::Event => Ok(()),
            Meaning::Scalar(kind) => self.scalar(kind, a, b, c),
            Meaning::Unary(kind) => {
                let value = scalar::unary(kind, self.scalar_of(b)?);
                self.put_scalar(a, value)
            }
            Meaning::AddNoCarry => {
                let value = self.scalar_of(b)?.wrapping_add(self.scalar_of(c)?);
                self.put_scalar(a, value)
            }
            Meaning::SelectIfZero | Meaning::SelectIfNotZero => {
                let first = (self.file.scalar(27) == 0) == (op.meaning == Meaning::SelectIfZero);
                let value = self.scalar_of(if first { b } else { c })?;
                self.put_scalar(a, value)
            }
            Meaning::DivideStep => why("a division step, which is not modelled,"),
            Meaning::Move => {
                let value = self.wide_of(b)?;
                self.put_wide(a, value)
            }
            Meaning::ReadCounter => self.put_wide(a, shared.now),
            Meaning::Jump
            | Meaning::JumpIndirect
            | Meaning::Call
            | Meaning::CallIndirect
            | Meaning::JumpIfZero
            | Meaning::JumpIfNotZero
            | Meaning::DecrementJump
            | Meaning::Return => self.jump(op, next, program),
            Meaning::Done => {
                self.done = true;
                let now = self.time;
                (now..now + RING as u64).for_each(|t| {
                    self.time = t;
                    self.write_pending(shared);
                });
                self.file.settle(now + 1);
                self.time = now;
                Ok(())
            }
            Meaning::Acquire { conditional } => {
                if !conditional || self.file.scalar(26) != 0 {
                    let (tile, lock, value) = self.lock(op)?;
                    shared.acquire(tile, lock, value);
                    self.guarded = self.time + 4;
                }
                Ok(())
            }
            Meaning::Release { conditional } => {
                if !conditional || self.file.scalar(26) != 0 {
                    let (tile, lock, value) = self.lock(op)?;
                    shared.release(tile, lock, value);
                    self.hasty += u64::from(self.time < self.settled);
                }
                Ok(())
            }
            Meaning::PointerAdd(kind) => self.address(op, 0, kind).map(|_| ()),
            Meaning::Load(kind, address) => self.load(op, kind, address, shared),
            Meaning::Store(kind, address) => self.store(op, kind, address, shared),
            Meaning::StreamRead { blocking: true } => {
                let word = self.stream_in.and_then(|port| shared.fabric.arrived(port, shared.now).map(|(word, _)| (port, word)));
                let Some((port, word)) = word else { return why("a word from an empty stream") };
                shared.fabric.taken(port);
                self.put_scalar(a, word)
            }
            Meaning::StreamWrite { blocking: true, last } => {
                let word = self.scalar_of(a)?;
                self.send(word, last, shared)
            }
            Meaning::PacketHeader { blocking: true, last } => {
                let h =
                    self.scalar_of(a)? & 31 | (self.scalar_of(b)? & 7) << 12 | u32::from(self.tile.row()) << 16 | u32::from(self.tile.column()) << 21;
                self.send(h | u32::from(h.count_ones().is_multiple_of(2)) << 31, last, shared)
            }
            Meaning::Lanes(kind, lane, sign) => self.lanes(op, kind, lane, self.signed(sign, Control::VaddSign)),
            Meaning::VectorAnd | Meaning::VectorOr => {
                let ((x, _), (y, _)) = (self.vector_of::<64>(b)?, self.vector_of::<64>(c)?);
                let and = op.meaning == Meaning::VectorAnd;
                let out: lanes::Vector = std::array::from_fn(|i| if and { x[i] & y[i] } else { x[i] | y[i] });
                self.put_vector(a, &out, self.time)
            }
            Meaning::Shape(kind, lane) => self.shape(op, kind, lane),
            Meaning::Extract(lane, sign) => {
                let (v, _) = self.vector_of::<64>(b)?;
                let index = self.scalar_of(c)? as usize % (512 / lane.bits() as usize);
                let value = lanes::get(&v, lane.bits(), index, self.signed(sign, Control::VaddSign));
                self.put_wide(a, value as u64)
            }
            Meaning::Shift => {
                let ((x, _), (y, _)) = (self.vector_of(b)?, self.vector_of(c)?);
                let out = lanes::shift(&x, &y, self.scalar_of(d)?);
                self.put_vector(a, &out, self.time)
            }
            Meaning::Shuffle => {
                let ((x, _), (y, _)) = (self.vector_of(b)?, self.vector_of(c)?);
                let out = lanes::shuffle(&x, &y, self.scalar_of(d)?);
                self.put_vector(a, &out, self.time)
            }
            Meaning::MoveAccumulator if op.late > 0 => {
                self.later(op, Early::Nothing);
                Ok(())
            }
            Meaning::Move256 | Meaning::Move512 | Meaning::MoveAccumulator => {
                let (v, _) = self.vector_of::<128>(b)?;
                self.put_vector(a, &v, self.time)
            }
            Meaning::ToFloat32 => {
                let (v, _) = self.vector_of::<64>(b)?;
                self.put_vector(a, &convert::widen_floats(&v), self.time)
            }
            Meaning::ToBf16 => {
                let (v, _) = self.vector_of::<64>(b)?;
                let out = convert::narrow_floats(&v, self.mode(Control::Rnd)).ok_or(bad_rounding())?;
                self.put_vector(a, &out, self.time)
            }
            Meaning::Floor => {
                let (v, _) = self.vector_of::<64>(b)?;
                let out = convert::floor(&v, self.scalar_of(c)?);
                self.put_vector(a, &out, self.time)
            }
            Meaning::Pack(kind) => {
                let (v, _) = self.vector_of(b)?;
                let out = self.pack(kind, &v);
                self.put_vector(a, &out, self.time)
            }
            Meaning::Unpack(_) => {
                self.later(op, Early::Nothing);
                Ok(())
            }
            Meaning::Ups(kind) => {
                let (v, _) = self.vector_of::<64>(b)?;
                let shift = self.scalar_of(c)?;
                self.ups(a, kind, &v, shift, self.time)
            }
            Meaning::Srs(kind) => {
                let (v, n) = self.vector_of::<128>(b)?;
                let out = self.srs(kind, &v[..n], c)?;
                self.put_vector(a, &out, self.time)
            }
            Meaning::Accumulate(kind) => {
                let n = usize::from(op.count);
                let config = self.scalar_of(&op.args[n.saturating_sub(1)])?;
                let (x, y) = match (kind.product, n) {
                    (Term::Absent, _) => ([0; 64], [0; 64]),
                    (_, 4..) => (self.vector_of(&op.args[n - 3])?.0, self.vector_of(&op.args[n - 2])?.0),
                    _ => return why("a product without factors"),
                };
                let late = Late { op: *op, issued: self.time, early: Early::Factors { x, y, config } };
                if op.late == 0 {
                    return self.execute_late(&late);
                }
                self.late[(self.time + u64::from(op.late)) as usize % RING].push(late);
                Ok(())
            }
            Meaning::Clear(_) => self.put_vector(a, &[0; 128], self.time),
            Meaning::Gather { .. }
            | Meaning::Sparse(..)
            | Meaning::Compressed(_)
            | Meaning::StreamRead { .. }
            | Meaning::StreamWrite { .. }
            | Meaning::PacketHeader { .. }
            | Meaning::ControlHeader { .. }
            | Meaning::CascadeRead
            | Meaning::CascadeReadLow
            | Meaning::CascadeReadHigh
            | Meaning::CascadeWrite
            | Meaning::ShiftAlign => why("an instruction that is not modelled"),
        }
    }

    fn execute_late(&mut self, late: &Late) -> Done {
        let op = &late.op;
        match (&late.early, op.meaning) {
            (Early::Factors { x, y, config }, Meaning::Accumulate(kind)) => self.accumulate(op, kind, x, y, *config, late.issued),
            (Early::Loaded(bytes), Meaning::Load(LoadKind::Ups(kind), _)) => {
                let shift = self.scalar_of(&op.args[1])?;
                self.ups(&op.args[0], kind, bytes, shift, late.issued)
            }
            (Early::Loaded(bytes), Meaning::Load(LoadKind::Unpack(kind), _)) => {
                let out = convert::unpack(kind, bytes, self.signed(kind.sign, Control::UnpackSign));
                self.put_vector(&op.args[0], &out, late.issued)
            }
            (Early::Nothing, Meaning::MoveAccumulator) => {
                let (v, _) = self.vector_of::<128>(&op.args[1])?;
                self.put_vector(&op.args[0], &v, late.issued)
            }
            (Early::Nothing, Meaning::Unpack(kind)) => {
                let (v, _) = self.vector_of::<64>(&op.args[1])?;
                let out = convert::unpack(kind, &v, self.signed(kind.sign, Control::UnpackSign));
                self.put_vector(&op.args[0], &out, late.issued)
            }
            (&Early::Narrow { memory, at, bytes }, _) => {
                let mut pending = Pending { memory, at, length: bytes, bytes: [0; 32] };
                pending.bytes[..4].copy_from_slice(&self.scalar_of(&op.args[0])?.to_le_bytes());
                self.pending[self.time as usize % RING].push(pending);
                Ok(())
            }
            _ => why("a late part without an early one"),
        }
    }

    fn scalar(&mut self, kind: ScalarOp, to: &Arg, a: &Arg, b: &Arg) -> Done {
        let (x, y) = (self.scalar_of(a)?, self.scalar_of(b)?);
        let carry_in = self.file.scalar(status(Status::Carry)) & 1;
        let (value, carry) = scalar::binary(kind, x, y, carry_in);
        if let Some(carry) = carry {
            self.file.write_scalar(status(Status::Carry), carry, self.time + 1);
        }
        self.put_scalar(to, value)
    }

    fn jump(&mut self, op: &Op, next: u32, program: &[u8]) -> Done {
        let [a, b, c, ..] = &op.args;
        let (taken, target) = match op.meaning {
            Meaning::JumpIfZero => (self.scalar_of(a)? == 0, self.scalar_of(b)?),
            Meaning::JumpIfNotZero => (self.scalar_of(a)? != 0, self.scalar_of(b)?),
            Meaning::DecrementJump => {
                let left = self.scalar_of(b)?.wrapping_sub(1);
                self.put_scalar(a, left)?;
                (left != 0, self.scalar_of(c)?)
            }
            Meaning::Return => (true, self.file.scalar(LR)),
            _ => (true, self.scalar_of(a)?),
        };
        if matches!(op.meaning, Meaning::Call | Meaning::CallIndirect) {
            // The address behind the delay slots; lr is written in the fourth cycle.
            let mut back = next;
            for _ in 0..DELAY_SLOTS {
                back += program.get(back as usize).map_or(2, |&first| bundle::size(first) as u32);
            }
            self.file.write_scalar(LR, back, self.time + 4);
        }
        if taken {
            if self.jump.is_some() {
                return why("a jump among the delay slots of another, which is not modelled,");
            }
            self.jump = Some((DELAY_SLOTS, target & 0xF_FFFF));
        }
        Ok(())
    }

    fn send(&mut self, word: u32, last: Last, shared: &mut Shared) -> Done {
        let last = match last {
            Last::No => false,
            Last::Yes => true,
            Last::Register => self.file.scalar(28) & 1 != 0,
        };
        match self.stream_out {
            Some(port) => shared.fabric.send(port, word, last, shared.now),
            None => return why("a word to a stream that is not there"),
        }
        Ok(())
    }

    fn lanes(&mut self, op: &Op, kind: LaneOp, lane: Lane, signed: bool) -> Done {
        let [a, b, c, d, _] = &op.args;
        // Vector result, flags result, first source, second source, selector.
        let (vector, flags, x, y, select) = match kind {
            LaneOp::Add | LaneOp::Sub => (Some(a), None, b, Some(c), None),
            LaneOp::AddSub | LaneOp::Select => (Some(a), None, b, Some(c), Some(d)),
            LaneOp::Less | LaneOp::GreaterEqual => (None, Some(a), b, Some(c), None),
            LaneOp::IsZero => (None, Some(a), b, None, None),
            LaneOp::Max | LaneOp::Min | LaneOp::MaxDifference | LaneOp::SubLess | LaneOp::SubGreaterEqual => (Some(a), Some(b), c, Some(d), None),
            LaneOp::Abs | LaneOp::Negate | LaneOp::Complement => (Some(a), Some(b), c, None, None),
        };
        let (x, _) = self.vector_of::<64>(x)?;
        let y = y.map_or(Ok([0; 64]), |y| self.vector_of::<64>(y).map(|(v, _)| v))?;
        let select = select.map_or(Ok(0), |s| self.wide_of(s))?;
        let signed = signed || matches!(kind, LaneOp::Complement);
        let Some((out, bits)) = lanes::lane_op(kind, lane, signed, &x, &y, select) else {
            return why("bfloat16 lanes in an operation that is not modelled for them");
        };
        if let Some(to) = vector {
            self.put_vector(to, &out, self.time)?;
        }
        flags.map_or(Ok(()), |to| self.put_wide(to, bits))
    }

    fn shape(&mut self, op: &Op, kind: ShapeOp, lane: Lane) -> Done {
        let [a, b, c, ..] = &op.args;
        let r29 = self.file.scalar(29);
        let (source, index, scalar) = match kind {
            ShapeOp::Broadcast | ShapeOp::BroadcastShuffle => (None, r29, self.wide_of(b)?),
            ShapeOp::ExtractBroadcast => (Some(b), self.scalar_of(c)?, 0),
            ShapeOp::Insert | ShapeOp::PushHigh => (Some(b), r29, self.wide_of(c)?),
            ShapeOp::PushLow => (Some(c), r29, self.wide_of(b)?),
        };
        let v = source.map_or(Ok([0; 64]), |s| self.vector_of::<64>(s).map(|(v, _)| v))?;
        let out = lanes::shape(kind, lane, &v, index, scalar);
        self.put_vector(a, &out, self.time)
    }

    fn ups(&mut self, to: &Arg, kind: Ups, from: &[u8], shift: u32, issued: u64) -> Done {
        let What::At(Place::Vector(_, count)) = to.what else { return why("a shift up into no accumulator") };
        let mut out = [0; 128];
        let n = 32 * usize::from(count);
        let signed = self.signed(kind.sign, Control::UpsSign);
        convert::ups(kind, from, shift, signed, self.mode(Control::Sat), &mut out[..n]);
        self.put_vector(to, &out, issued)
    }

    pub(super) fn srs(&self, kind: crate::isa::meaning::Srs, from: &[u8], shift: &Arg) -> Result<lanes::Vector, Fault> {
        let signed = self.signed(kind.sign, Control::SrsSign);
        convert::srs(kind, from, self.scalar_of(shift)?, signed, self.mode(Control::Rnd), self.mode(Control::Sat)).ok_or(bad_rounding())
    }

    pub(super) fn pack(&self, kind: Resize, from: &lanes::Vector) -> lanes::Vector {
        convert::pack(kind, from, self.signed(kind.sign, Control::PackSign), self.mode(Control::Sat))
    }

    fn accumulate(&mut self, op: &Op, kind: Accumulate, x: &lanes::Vector, y: &lanes::Vector, config: u32, issued: u64) -> Done {
        let terms = usize::from(kind.first != Term::Absent) + usize::from(kind.second != Term::Absent);
        let factors = if kind.product == Term::Absent { 0 } else { 2 };
        // Where the result is one operand with the first accumulator, there is one less.
        let merged = usize::from(op.count) == terms + factors + 1;
        let at = |i: usize| &op.args[if merged { i } else { i + 1 }];
        let first = if kind.first == Term::Absent { [0; 128] } else { self.vector_of(at(0))?.0 };
        let second = if kind.second == Term::Absent { [0; 128] } else { self.vector_of(at(1))?.0 };
        match mac::accumulate(kind, config, x, y, &first, &second) {
            Some(out) => self.put_vector(&op.args[0], &out, issued),
            None => why(&format!("the multiplier configuration {config:#x}, which is not modelled,")),
        }
    }
}

pub(super) fn bad_rounding() -> Fault {
    Fault::Why("a rounding mode without meaning".to_owned())
}
