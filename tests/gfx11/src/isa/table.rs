//! The macro behind the opcode tables: one row an opcode, from which the enum, its number, its name and its operands come.

/// How an operand is read or written. The width decides registers and inline constants, the type what `neg` and `abs` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Half a register, no float.
    B16,
    /// Half a register, a half float.
    F16,
    /// One register, no float.
    B32,
    /// One register, a float.
    F32,
    /// Two registers, no float.
    B64,
    /// Two registers, a double.
    F64,
    /// One bit a lane, in one scalar register (waves have 32 lanes).
    Mask,
    /// One scalar register.
    Scalar,
    /// Two halves in one register.
    Pair,
    /// Three registers.
    X3,
    /// Four registers.
    X4,
    /// Eight registers.
    X8,
    /// No operand.
    Nil,
}

impl Kind {
    /// Registers of 32 bits.
    pub const fn registers(self) -> u8 {
        match self {
            Self::Nil => 0,
            Self::B16 | Self::F16 | Self::B32 | Self::F32 | Self::Mask | Self::Scalar | Self::Pair => 1,
            Self::B64 | Self::F64 => 2,
            Self::X3 => 3,
            Self::X4 => 4,
            Self::X8 => 8,
        }
    }

    /// Whether it is half of a register, chosen by one bit.
    pub const fn is_half(self) -> bool {
        matches!(self, Self::B16 | Self::F16)
    }

    /// Whether it is a float, so that `neg` and `abs` change its sign.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($code:literal $variant:ident $text:literal $dst:ident [$($src:ident)*];)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl $name {
            /// All rows.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The row of a number.
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its number in the encoding.
            pub const fn code(self) -> u32 {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// Its name in the assembler.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// What it writes.
            pub const fn dst(self) -> $crate::isa::Kind {
                match self {
                    $(Self::$variant => $crate::isa::Kind::$dst,)*
                }
            }

            /// What it reads, in order.
            pub const fn src(self) -> &'static [$crate::isa::Kind] {
                match self {
                    $(Self::$variant => &[$($crate::isa::Kind::$src),*],)*
                }
            }
        }
    };
}

pub(crate) use table;
