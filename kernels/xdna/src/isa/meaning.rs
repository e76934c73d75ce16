//! What each instruction form does, as a closed set of cases.
//! The operands are those of [`Instruction::operands`](super::Instruction::operands), in the order of the printed text. Registers that the text names but
//! nothing chooses (`sp`, `lr`, `r26`..`r31` of some forms, modes) are not among them: [`Instruction::touched`](super::Instruction::touched) has them all.
//!
//! Offsets and steps are bytes. For narrow (8- and 16-bit) loads and stores that is an assumption: llvm-aie prints their immediates unscaled, and no
//! program at hand has one.

/// Whether a narrow value is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Always signed.
    Signed,
    /// Signed if the control register of the unit (`crVaddSign`, `crUPSSign`, `crSRSSign`, `crPackSign`, `crUnpackSign`) is one, else unsigned.
    Dynamic,
}

/// What the lanes of a vector are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// 8-bit integers.
    I8,
    /// 16-bit integers.
    I16,
    /// 32-bit integers.
    I32,
    /// 64-bit integers.
    I64,
    /// bfloat16 numbers.
    Bf16,
}

impl Lane {
    /// Bits of one lane.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::I8 => 8,
            Self::I16 | Self::Bf16 => 16,
            Self::I32 => 32,
            Self::I64 => 64,
        }
    }
}

/// How a memory instruction makes its address from its last operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `[ptr, offset]`: at pointer plus offset (immediate bytes or a `dj` register); the pointer stays.
    Offset,
    /// `[ptr], step`: at the pointer, to which the step (immediate bytes or an `m` register) is added.
    PostModify,
    /// `[ptr], d`: at the pointer, which steps through two dimensions: operand `d` stands for m, dn, dj and dc of its number.
    Post2d,
    /// `[ptr], d`: three dimensions: `d` of number n together with `d` of number n + 4.
    Post3d,
    /// `[sp, offset]`: at the stack pointer plus immediate bytes.
    Stack,
    /// `[ptr]`: at the pointer.
    Pointer,
    /// `[sp], step`: only for pointer arithmetic: the stack pointer steps by immediate bytes.
    StackModify,
}

/// Two-operand scalar arithmetic: `dst, a, b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScalarOp {
    /// Sum, carry out to `srCarry`; `b` may be an immediate.
    Add,
    /// Sum with carry in.
    AddCarry,
    /// Difference, carry out to `srCarry`.
    Sub,
    /// Difference with carry in.
    SubCarry,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Arithmetic shift left by `b`; right where `b` is negative.
    ArithmeticShift,
    /// Logical shift left by `b`; right where `b` is negative.
    LogicalShift,
    /// `a < b`, signed.
    Less,
    /// `a < b`, unsigned.
    LessUnsigned,
    /// `a >= b`, signed.
    GreaterEqual,
    /// `a >= b`, unsigned.
    GreaterEqualUnsigned,
    /// `a == b`.
    Equal,
    /// `a != b`.
    NotEqual,
    /// Low 32 bits of the product.
    Multiply,
}

/// One-operand scalar arithmetic: `dst, a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// Absolute value.
    Abs,
    /// Number of leading bits equal to the sign, less one.
    CountLeadingSignBits,
    /// Number of leading zeros.
    CountLeadingZeros,
    /// `a == 0`.
    IsZero,
    /// `a != 0`.
    IsNotZero,
    /// Sign extension of the low 8 bits.
    SignExtend8,
    /// Sign extension of the low 16 bits.
    SignExtend16,
    /// Zero extension of the low 8 bits.
    ZeroExtend8,
    /// Zero extension of the low 16 bits.
    ZeroExtend16,
}

/// Shift up from lanes to an accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ups {
    /// Bits of a source lane: 8, 16 or 32.
    pub from: u8,
    /// Bits of an accumulator lane: 32 or 64.
    pub to: u8,
    /// Sign of the source.
    pub sign: Sign,
}

/// Shift, round and saturate from an accumulator to lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Srs {
    /// Bits of an accumulator lane: 32 or 64.
    pub from: u8,
    /// Bits of a result lane: 8, 16 or 32.
    pub to: u8,
    /// Sign of the result.
    pub sign: Sign,
}

/// Change of lane width without shift, within vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resize {
    /// Bits of a source lane.
    pub from: u8,
    /// Bits of a result lane.
    pub to: u8,
    /// Sign of the narrow side.
    pub sign: Sign,
}

/// What a load fetches, and into what: `dst, [shift,] address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadKind {
    /// A 32-bit word to a scalar, pointer or modifier register.
    Word,
    /// A byte (8) or half word (16) to a scalar register.
    Narrow {
        /// 8 or 16.
        bits: u8,
        /// Sign or zero extension.
        signed: bool,
    },
    /// A word of the tile's own registers over the processor bus.
    Tile,
    /// 128 bits to a mask register.
    Mask,
    /// 256 bits to a vector register.
    Vector,
    /// 128 bits to a vector register.
    Vector128,
    /// 256 bits to a quarter of an accumulator.
    Accumulator,
    /// 16 bfloat16 to float32 in half an accumulator.
    Float32,
    /// Lanes shifted up to an accumulator.
    Ups(Ups),
    /// Narrow lanes widened into a 512-bit vector.
    Unpack(Resize),
}

/// What a store writes: `src, [shift,] address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// 32 bits of a scalar, pointer or modifier register.
    Word,
    /// The low 8 or 16 bits of a scalar register (read, modified and written back).
    Narrow {
        /// 8 or 16.
        bits: u8,
    },
    /// A word to the tile's own registers.
    Tile,
    /// A 128-bit mask register.
    Mask,
    /// A 256-bit vector register.
    Vector,
    /// The low 128 bits of a vector register.
    Vector128,
    /// A 256-bit quarter of an accumulator.
    Accumulator,
    /// Float32 of half an accumulator as 16 bfloat16.
    Bf16,
    /// An accumulator shifted, rounded and saturated.
    Srs(Srs),
    /// A 512-bit vector narrowed.
    Pack(Resize),
}

/// Lane-wise work on 512-bit vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneOp {
    /// `d = s1 + s2`.
    Add,
    /// `d = s1 - s2`.
    Sub,
    /// `d, s1, s2, sel`: `s1 + s2`, or `s1 - s2` in lanes whose bit of `sel` is set.
    AddSub,
    /// `d, s1, s2, sel`: `s1`, or `s2` in lanes whose bit of `sel` is set.
    Select,
    /// `cmp, s1, s2`: a bit per lane: `s1 < s2`.
    Less,
    /// `cmp, s1, s2`: a bit per lane: `s1 >= s2`.
    GreaterEqual,
    /// `cmp, s`: a bit per lane: `s == 0`.
    IsZero,
    /// `d, cmp, s1, s2`: the larger; bits of `s1 < s2`.
    Max,
    /// `d, cmp, s1, s2`: the smaller; bits of `s1 >= s2`.
    Min,
    /// `d, cmp, s1, s2`: `max(s1 - s2, 0)`; bits of `s1 < s2`.
    MaxDifference,
    /// `d, cmp, s1, s2`: the difference; bits of `s1 < s2`.
    SubLess,
    /// `d, cmp, s1, s2`: the difference; bits of `s1 >= s2`.
    SubGreaterEqual,
    /// `d, cmp, s`: the absolute value; bits of `s > 0`.
    Abs,
    /// `d, cmp, s`: the negative; bits of `s > 0`.
    Negate,
    /// `d, cmp, s`: the bitwise complement; bits of `s < 0`.
    Complement,
}

/// Movement of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShapeOp {
    /// `dst, scalar`: the scalar in every lane.
    Broadcast,
    /// `dst, scalar, r29`: broadcast, then shuffle with the mode in r29.
    BroadcastShuffle,
    /// `dst, src, index`: the lane at the index (register or immediate) in every lane.
    ExtractBroadcast,
    /// `dst, src, r29, scalar`: the vector with one lane, at the index in r29, replaced.
    Insert,
    /// `dst, src, scalar`: shifted by a lane towards lane zero, the scalar in the highest lane.
    PushHigh,
    /// `dst, scalar, src`: shifted by a lane away from lane zero, the scalar in lane zero.
    PushLow,
}

/// The number system of the multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// Integers into 32- or 64-bit accumulator lanes, 1024 bits.
    Integer,
    /// bfloat16 into float32 accumulator lanes, 512 bits.
    Bf16,
}

/// The shape of the multiplier's operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Density {
    /// Two 512-bit vectors.
    Dense,
    /// A 512-bit vector and a sparse vector with its mask.
    SparseNarrow,
    /// A 1024-bit vector and a sparse vector with its mask.
    SparseWide,
}

/// What becomes of a term in a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// Not in the sum.
    Absent,
    /// Added.
    Plus,
    /// Subtracted.
    Minus,
}

/// A sum of accumulators and a product, as the instruction's name says; the configuration register (last operand) can change it further.
/// Operands: `dst, acc1, acc2, s1, s2, config`, without the absent ones; where both accumulators are there, `dst` and `acc1` are one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accumulate {
    /// Number system.
    pub number: Number,
    /// First accumulator.
    pub first: Term,
    /// Second accumulator.
    pub second: Term,
    /// Product, with the shape of its operands.
    pub product: Term,
    /// Shape of the product's operands; without a product it says nothing.
    pub density: Density,
}

/// The steps of the sparse and compressed load streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamStep {
    /// Fill the buffer.
    Fill,
    /// Read without advancing.
    Peek,
    /// Read and advance.
    Pop,
    /// Start afresh.
    Reset,
}

/// How the end of a stream packet is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Last {
    /// Not the last word.
    No,
    /// The last word.
    Yes,
    /// As r28 says.
    Register,
}

/// What an instruction form does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// Nothing.
    Nop,
    /// `dst, a, b`.
    Scalar(ScalarOp),
    /// `dst, a`.
    Unary(UnaryOp),
    /// `dst, a, imm`: a sum that leaves the carry alone; `dst` may be any scalar, pointer, modifier or loop register.
    AddNoCarry,
    /// `dst, a, b`: `a` if r27 is zero, else `b`.
    SelectIfZero,
    /// `dst, a, b`: `a` if r27 is not zero, else `b`.
    SelectIfNotZero,
    /// One step of a division, on r31.
    DivideStep,
    /// `dst, src`: a register or an immediate to a register; the timing says when it arrives.
    Move,
    /// `dst`: the tile's cycle counter to a register pair.
    ReadCounter,
    /// `target`: an absolute jump.
    Jump,
    /// `ptr`: a jump to the address in a pointer.
    JumpIndirect,
    /// `target`: a jump that leaves the address behind its delay slots in `lr`.
    Call,
    /// `ptr`.
    CallIndirect,
    /// `cond, target`.
    JumpIfZero,
    /// `cond, target`.
    JumpIfNotZero,
    /// `dst, src, ptr`: `dst = src - 1`, and a jump to the pointer if that is not zero.
    DecrementJump,
    /// A jump to `lr`.
    Return,
    /// The core stops.
    Done,
    /// `number`: an event for the trace unit.
    Event,
    /// `lock, value`: waits for the lock. `lock` is an immediate or a register.
    Acquire {
        /// Only if r26 is not zero.
        conditional: bool,
    },
    /// `lock, value`.
    Release {
        /// Only if r26 is not zero.
        conditional: bool,
    },
    /// Pointer arithmetic without memory.
    PointerAdd(Address),
    /// A load.
    Load(LoadKind, Address),
    /// A store.
    Store(StoreKind, Address),
    /// `dst, addresses`: a load of lanes from four addresses in a vector register.
    Gather {
        /// Bits of a lane: 16, 32 or 64.
        bits: u8,
        /// The upper half of the addresses.
        high: bool,
    },
    /// Sparse load stream of lanes of so many bits.
    Sparse(StreamStep, u8),
    /// Compressed load stream.
    Compressed(StreamStep),
    /// `dst`: a word from the input stream.
    StreamRead {
        /// Waits for the word.
        blocking: bool,
    },
    /// `src`: a word to the output stream.
    StreamWrite {
        /// Waits for room.
        blocking: bool,
        /// End of packet.
        last: Last,
    },
    /// `id, type`: a packet header to the output stream.
    PacketHeader {
        /// Waits for room.
        blocking: bool,
        /// End of packet.
        last: Last,
    },
    /// `address, words, operation, id`: a control packet header to the output stream.
    ControlHeader {
        /// Waits for room.
        blocking: bool,
        /// End of packet.
        last: Last,
    },
    /// `dst`: from the cascade, 512 bits to a vector or half an accumulator.
    CascadeRead,
    /// `dst`: from the cascade to the low half of an accumulator.
    CascadeReadLow,
    /// `dst`: from the cascade to the high half of an accumulator.
    CascadeReadHigh,
    /// `src`: 512 bits to the cascade.
    CascadeWrite,
    /// Lane-wise work; the sign matters only to comparisons.
    Lanes(LaneOp, Lane, Sign),
    /// `d, s1, s2`: bitwise and of vectors.
    VectorAnd,
    /// `d, s1, s2`: bitwise or of vectors.
    VectorOr,
    /// Movement of lanes.
    Shape(ShapeOp, Lane),
    /// `dst, src, index`: one lane to a scalar register.
    Extract(Lane, Sign),
    /// `d, s1, s2, shift`: bytes from the concatenation of two vectors.
    Shift,
    /// `d, s1, s, s2, shift`: as `Shift`, with an alignment from a shift register.
    ShiftAlign,
    /// `dst, s1, s2, mode`: the shuffle network.
    Shuffle,
    /// `dst, src`: a 256-bit move among vector, accumulator and mask registers.
    Move256,
    /// `dst, src`: a 512-bit move among vectors and halves of accumulators.
    Move512,
    /// `dst, src`: a 1024-bit accumulator move.
    MoveAccumulator,
    /// `dst, src`: bfloat16 lanes to float32 in half an accumulator.
    ToFloat32,
    /// `dst, src`: float32 of half an accumulator to bfloat16 lanes.
    ToBf16,
    /// `dst, src, shift`: bfloat16 lanes to 32-bit integers, rounded down.
    Floor,
    /// `dst, src`: lanes narrowed.
    Pack(Resize),
    /// `dst, src`: lanes widened.
    Unpack(Resize),
    /// `dst, src, shift`: lanes to an accumulator.
    Ups(Ups),
    /// `dst, src, shift`: an accumulator to lanes.
    Srs(Srs),
    /// A sum of accumulators and a product.
    Accumulate(Accumulate),
    /// `dst`: an accumulator set to zero.
    Clear(Number),
}

impl Meaning {
    /// Whether the instruction may change the flow of control, five bundles later.
    #[must_use]
    pub const fn is_jump(self) -> bool {
        matches!(
            self,
            Self::Jump
                | Self::JumpIndirect
                | Self::Call
                | Self::CallIndirect
                | Self::JumpIfZero
                | Self::JumpIfNotZero
                | Self::DecrementJump
                | Self::Return
        )
    }

    /// When and how the instruction touches data memory, if it does.
    #[must_use]
    pub const fn memory(self) -> Option<Memory> {
        match self {
            Self::Load(LoadKind::Tile, _) | Self::Store(StoreKind::Tile, _) => None,
            Self::Load(..) | Self::Gather { .. } | Self::Sparse(..) | Self::Compressed(_) => Some(Memory { first: 5, last: 5, store: false }),
            Self::Store(StoreKind::Narrow { .. }, _) => Some(Memory { first: 5, last: 11, store: true }),
            Self::Store(StoreKind::Srs(_) | StoreKind::Bf16, _) => Some(Memory { first: 7, last: 7, store: true }),
            Self::Store(..) => Some(Memory { first: 5, last: 5, store: true }),
            _ => None,
        }
    }

    /// Whether the instruction waits for or tells others: locks, streams, events, the end.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        matches!(
            self,
            Self::Acquire { .. }
                | Self::Release { .. }
                | Self::Done
                | Self::Event
                | Self::StreamRead { .. }
                | Self::StreamWrite { .. }
                | Self::PacketHeader { .. }
                | Self::ControlHeader { .. }
                | Self::CascadeRead
                | Self::CascadeReadLow
                | Self::CascadeReadHigh
                | Self::CascadeWrite
        )
    }

    /// Whether the instruction takes or gives a lock.
    #[must_use]
    pub const fn is_lock(self) -> bool {
        matches!(self, Self::Acquire { .. } | Self::Release { .. })
    }
}

/// The pipeline cycles in which an instruction touches data memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// First access.
    pub first: u8,
    /// Last access.
    pub last: u8,
    /// Whether memory changes.
    pub store: bool,
}
