//! Registers of the core, their names, and what they are made of.

use std::fmt;
use std::str::FromStr;

/// A register or a group of registers, under llvm-aie's names. The number must lie in the range given; [`Register::is_valid`] says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Register {
    /// Scalar register r0..r31, 32 bits.
    R(u8),
    /// Pair of scalar registers: l0 is r17:r16, up to l7, r31:r30.
    L(u8),
    /// Pointer p0..p7, 20 bits.
    P(u8),
    /// Pointer step m0..m7.
    M(u8),
    /// Size of a dimension, dn0..dn7.
    Dn(u8),
    /// Stride of a dimension or offset, dj0..dj7.
    Dj(u8),
    /// Count within a dimension, dc0..dc7.
    Dc(u8),
    /// The m, dn, dj and dc of one number, d0..d7: a second dimension.
    D(u8),
    /// d0..d3 with d4..d7: a second and a third dimension.
    D3(u8),
    /// Shift s0..s3.
    S(u8),
    /// Low half of a vector, wl0..wl11, 256 bits.
    Wl(u8),
    /// High half of a vector, wh0..wh11.
    Wh(u8),
    /// Vector x0..x11, 512 bits.
    X(u8),
    /// Pair of vectors y2..y5: y2 is x4 and x5.
    Y(u8),
    /// Low half of a mask, ql0..ql3, 64 bits: never an operand, only a part.
    Ql(u8),
    /// High half of a mask.
    Qh(u8),
    /// Mask q0..q3, 128 bits.
    Q(u8),
    /// Low half of a vector with its mask, qwl0..qwl3.
    Qwl(u8),
    /// High half of a vector with its mask.
    Qwh(u8),
    /// Vector with its mask, qx0..qx3.
    Qx(u8),
    /// Quarter of an accumulator, lowest 256 bits, amll0..amll8.
    Amll(u8),
    /// Second quarter.
    Amlh(u8),
    /// Third quarter.
    Amhl(u8),
    /// Highest quarter.
    Amhh(u8),
    /// Low half of an accumulator, bml0..bml8, 512 bits.
    Bml(u8),
    /// High half of an accumulator.
    Bmh(u8),
    /// Accumulator cm0..cm8, 1024 bits.
    Cm(u8),
    /// A mode.
    Control(Control),
    /// A flag or flags.
    Status(Status),
    /// Start of the zero-overhead loop.
    Ls,
    /// Address of the last bundle of the zero-overhead loop.
    Le,
    /// Remaining passes of the zero-overhead loop.
    Lc,
    /// Link register.
    Lr,
    /// Stack pointer.
    Sp,
    /// Decompression pointer.
    Dp,
    /// Number of the core, read only.
    CoreId,
}

macro_rules! named {
    ($(#[$doc:meta])* $enum:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $enum { $($(#[$vdoc])* $variant,)* }

        impl $enum {
            /// Every register of the kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// llvm-aie's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

named! {
    /// Mode registers.
    Control {
        /// Signed comparison and extraction.
        VaddSign = "crVaddSign",
        /// Exceptions of float to float.
        F2FMask = "crF2FMask",
        /// Exceptions of float to integer.
        F2IMask = "crF2IMask",
        /// Exceptions of the float multiplier.
        FpMask = "crFPMask",
        /// Output of the cascade.
        McdEn = "crMCDEn",
        /// Signed packing.
        PackSign = "crPackSign",
        /// Rounding mode.
        Rnd = "crRnd",
        /// Input of the cascade.
        ScdEn = "crSCDEn",
        /// Signed shift, round, saturate.
        SrsSign = "crSRSSign",
        /// Saturation mode.
        Sat = "crSat",
        /// Signed shift up.
        UpsSign = "crUPSSign",
        /// Signed unpacking.
        UnpackSign = "crUnpackSign",
    }
}

named! {
    /// Status registers.
    Status {
        /// Carry.
        Carry = "srCarry",
        /// Underflow of the compressed stream.
        ComprUf = "srCompr_uf",
        /// Flags of float to float.
        F2FFlags = "srF2FFlags",
        /// Flags of float to integer.
        F2IFlags = "srF2IFlags",
        /// Flags of the float multiplier.
        FpFlags = "srFPFlags",
        /// Output stream.
        Ms0 = "srMS0",
        /// Overflow of shift, round, saturate.
        SrsOf = "srSRS_of",
        /// Input stream.
        Ss0 = "srSS0",
        /// Overflow of the sparse stream.
        SparseOf = "srSparse_of",
        /// Overflow of shift up.
        UpsOf = "srUPS_of",
    }
}

/// Prefix, constructor, lowest and highest number of the numbered kinds.
type Numbered = (&'static str, fn(u8) -> Register, u8, u8);

const NUMBERED: &[Numbered] = &[
    ("r", Register::R, 0, 31),
    ("l", Register::L, 0, 7),
    ("p", Register::P, 0, 7),
    ("m", Register::M, 0, 7),
    ("dn", Register::Dn, 0, 7),
    ("dj", Register::Dj, 0, 7),
    ("dc", Register::Dc, 0, 7),
    ("d", Register::D, 0, 7),
    ("s", Register::S, 0, 3),
    ("wl", Register::Wl, 0, 11),
    ("wh", Register::Wh, 0, 11),
    ("x", Register::X, 0, 11),
    ("y", Register::Y, 2, 5),
    ("q", Register::Q, 0, 3),
    ("qwl", Register::Qwl, 0, 3),
    ("qwh", Register::Qwh, 0, 3),
    ("qx", Register::Qx, 0, 3),
    ("amll", Register::Amll, 0, 8),
    ("amlh", Register::Amlh, 0, 8),
    ("amhl", Register::Amhl, 0, 8),
    ("amhh", Register::Amhh, 0, 8),
    ("bml", Register::Bml, 0, 8),
    ("bmh", Register::Bmh, 0, 8),
    ("cm", Register::Cm, 0, 8),
];

const SPECIAL: &[(&str, Register)] = &[
    ("ls", Register::Ls),
    ("le", Register::Le),
    ("lc", Register::Lc),
    ("lr", Register::Lr),
    ("sp", Register::Sp),
    ("dp", Register::Dp),
    ("CORE_ID", Register::CoreId),
];

impl Register {
    /// Whether the number lies in the range of its kind.
    #[must_use]
    pub fn is_valid(self) -> bool {
        match self {
            Self::R(n) => n < 32,
            Self::L(n) | Self::P(n) | Self::M(n) | Self::Dn(n) | Self::Dj(n) | Self::Dc(n) | Self::D(n) => n < 8,
            Self::D3(n) | Self::S(n) | Self::Ql(n) | Self::Qh(n) | Self::Q(n) | Self::Qwl(n) | Self::Qwh(n) | Self::Qx(n) => n < 4,
            Self::Wl(n) | Self::Wh(n) | Self::X(n) => n < 12,
            Self::Y(n) => (2..6).contains(&n),
            Self::Amll(n) | Self::Amlh(n) | Self::Amhl(n) | Self::Amhh(n) | Self::Bml(n) | Self::Bmh(n) | Self::Cm(n) => n < 9,
            Self::Control(_) | Self::Status(_) | Self::Ls | Self::Le | Self::Lc | Self::Lr | Self::Sp | Self::Dp | Self::CoreId => true,
        }
    }

    /// Calls `each` with the registers this one is made of; a register which is no group is its own only part.
    pub fn parts(self, each: &mut impl FnMut(Self)) {
        match self {
            Self::L(n) => [Self::R(16 + 2 * n), Self::R(17 + 2 * n)].into_iter().for_each(each),
            Self::D(n) => [Self::M(n), Self::Dn(n), Self::Dj(n), Self::Dc(n)].into_iter().for_each(each),
            Self::D3(n) => {
                Self::D(n).parts(each);
                Self::D(n + 4).parts(each);
            }
            Self::X(n) => [Self::Wl(n), Self::Wh(n)].into_iter().for_each(each),
            Self::Y(n) => {
                Self::X(2 * n).parts(each);
                Self::X(2 * n + 1).parts(each);
            }
            Self::Q(n) => [Self::Ql(n), Self::Qh(n)].into_iter().for_each(each),
            Self::Qwl(n) => [Self::Ql(n), Self::Wl(n)].into_iter().for_each(each),
            Self::Qwh(n) => [Self::Qh(n), Self::Wh(n)].into_iter().for_each(each),
            Self::Qx(n) => {
                Self::X(n).parts(each);
                Self::Q(n).parts(each);
            }
            Self::Bml(n) => [Self::Amll(n), Self::Amlh(n)].into_iter().for_each(each),
            Self::Bmh(n) => [Self::Amhl(n), Self::Amhh(n)].into_iter().for_each(each),
            Self::Cm(n) => {
                Self::Bml(n).parts(each);
                Self::Bmh(n).parts(each);
            }
            Self::R(_)
            | Self::P(_)
            | Self::M(_)
            | Self::Dn(_)
            | Self::Dj(_)
            | Self::Dc(_)
            | Self::S(_)
            | Self::Wl(_)
            | Self::Wh(_)
            | Self::Ql(_)
            | Self::Qh(_)
            | Self::Amll(_)
            | Self::Amlh(_)
            | Self::Amhl(_)
            | Self::Amhh(_)
            | Self::Control(_)
            | Self::Status(_)
            | Self::Ls
            | Self::Le
            | Self::Lc
            | Self::Lr
            | Self::Sp
            | Self::Dp
            | Self::CoreId => each(self),
        }
    }

    /// Whether the register is an accumulator or a part of one.
    #[must_use]
    pub const fn is_accumulator(self) -> bool {
        matches!(self, Self::Amll(_) | Self::Amlh(_) | Self::Amhl(_) | Self::Amhh(_) | Self::Bml(_) | Self::Bmh(_) | Self::Cm(_))
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::R(n) => write!(f, "r{n}"),
            Self::L(n) => write!(f, "r{}:r{}", 17 + 2 * n, 16 + 2 * n),
            Self::P(n) => write!(f, "p{n}"),
            Self::M(n) => write!(f, "m{n}"),
            Self::Dn(n) => write!(f, "dn{n}"),
            Self::Dj(n) => write!(f, "dj{n}"),
            Self::Dc(n) => write!(f, "dc{n}"),
            Self::D(n) | Self::D3(n) => write!(f, "d{n}"),
            Self::S(n) => write!(f, "s{n}"),
            Self::Wl(n) => write!(f, "wl{n}"),
            Self::Wh(n) => write!(f, "wh{n}"),
            Self::X(n) => write!(f, "x{n}"),
            Self::Y(n) => write!(f, "y{n}"),
            Self::Ql(n) => write!(f, "ql{n}"),
            Self::Qh(n) => write!(f, "qh{n}"),
            Self::Q(n) => write!(f, "q{n}"),
            Self::Qwl(n) => write!(f, "qwl{n}"),
            Self::Qwh(n) => write!(f, "qwh{n}"),
            Self::Qx(n) => write!(f, "qx{n}"),
            Self::Amll(n) => write!(f, "amll{n}"),
            Self::Amlh(n) => write!(f, "amlh{n}"),
            Self::Amhl(n) => write!(f, "amhl{n}"),
            Self::Amhh(n) => write!(f, "amhh{n}"),
            Self::Bml(n) => write!(f, "bml{n}"),
            Self::Bmh(n) => write!(f, "bmh{n}"),
            Self::Cm(n) => write!(f, "cm{n}"),
            Self::Control(c) => f.write_str(c.name()),
            Self::Status(s) => f.write_str(s.name()),
            Self::Ls => f.write_str("ls"),
            Self::Le => f.write_str("le"),
            Self::Lc => f.write_str("lc"),
            Self::Lr => f.write_str("lr"),
            Self::Sp => f.write_str("sp"),
            Self::Dp => f.write_str("dp"),
            Self::CoreId => f.write_str("CORE_ID"),
        }
    }
}

/// A text that names no register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no register of the core")]
pub struct UnknownRegister(pub String);

impl FromStr for Register {
    type Err = UnknownRegister;

    /// Reads a printed name, whatever the case of its letters. `d0_3d` stands for the three-dimensional group, which prints like `d0`; `l0` for `r17:r16`.
    fn from_str(text: &str) -> Result<Self, UnknownRegister> {
        let unknown = || UnknownRegister(text.to_owned());
        if let Some(&(_, register)) = SPECIAL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(register);
        }
        if let Some(&control) = Control::ALL.iter().find(|c| c.name().eq_ignore_ascii_case(text)) {
            return Ok(Self::Control(control));
        }
        if let Some(&status) = Status::ALL.iter().find(|s| s.name().eq_ignore_ascii_case(text)) {
            return Ok(Self::Status(status));
        }
        if let Some((_, even)) = text.split_once(':') {
            let pair = match even.parse()? {
                Self::R(n) if n >= 16 && n % 2 == 0 => Self::L((n - 16) / 2),
                _ => return Err(unknown()),
            };
            return if pair.to_string().eq_ignore_ascii_case(text) { Ok(pair) } else { Err(unknown()) };
        }
        if let Some(low) = text.strip_suffix("_3d") {
            return match low.parse()? {
                Self::D(n) if n < 4 => Ok(Self::D3(n)),
                _ => Err(unknown()),
            };
        }
        let digits = text.find(|c: char| c.is_ascii_digit()).ok_or_else(unknown)?;
        let (prefix, number) = text.split_at(digits);
        let n: u8 = number.parse().map_err(|_| unknown())?;
        let &(_, make, low, high) = NUMBERED.iter().find(|(p, ..)| p.eq_ignore_ascii_case(prefix)).ok_or_else(unknown)?;
        if number == n.to_string() && (low..=high).contains(&n) { Ok(make(n)) } else { Err(unknown()) }
    }
}
