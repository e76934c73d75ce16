//! Scalar arithmetic.

use crate::isa::meaning::{ScalarOp, UnaryOp};

/// Two operands and the carry: value, and carry where the operation makes one.
pub(super) fn binary(kind: ScalarOp, x: u32, y: u32, carry: u32) -> (u32, Option<u32>) {
    let shifted = |up: u32, down: fn(u32, u32) -> u32| {
        let by = y as i32;
        match by {
            0..32 => up.wrapping_shl(by as u32),
            -31..0 => down(x, by.unsigned_abs()),
            32.. => 0,
            _ => down(x, 31) & if down(u32::MAX, 31) == u32::MAX { u32::MAX } else { 0 },
        }
    };
    let sum = |y: u32, carry: u32| {
        let wide = u64::from(x) + u64::from(y) + u64::from(carry);
        (wide as u32, Some((wide >> 32) as u32))
    };
    let flag = |b: bool| (u32::from(b), None);
    match kind {
        ScalarOp::Add => sum(y, 0),
        ScalarOp::AddCarry => sum(y, carry),
        ScalarOp::Sub => sum(!y, 1),
        ScalarOp::SubCarry => sum(!y, carry),
        ScalarOp::And => (x & y, None),
        ScalarOp::Or => (x | y, None),
        ScalarOp::Xor => (x ^ y, None),
        ScalarOp::ArithmeticShift => (shifted(x, |v, by| (v as i32 >> by) as u32), None),
        ScalarOp::LogicalShift => (shifted(x, |v, by| v >> by), None),
        ScalarOp::Less => flag((x as i32) < y as i32),
        ScalarOp::LessUnsigned => flag(x < y),
        ScalarOp::GreaterEqual => flag(x as i32 >= y as i32),
        ScalarOp::GreaterEqualUnsigned => flag(x >= y),
        ScalarOp::Equal => flag(x == y),
        ScalarOp::NotEqual => flag(x != y),
        ScalarOp::Multiply => (x.wrapping_mul(y), None),
    }
}

pub(super) fn unary(kind: UnaryOp, x: u32) -> u32 {
    match kind {
        UnaryOp::Abs => (x as i32).wrapping_abs() as u32,
        UnaryOp::CountLeadingSignBits => (x ^ (x as i32 >> 31) as u32).leading_zeros() - 1,
        UnaryOp::CountLeadingZeros => x.leading_zeros(),
        UnaryOp::IsZero => u32::from(x == 0),
        UnaryOp::IsNotZero => u32::from(x != 0),
        UnaryOp::SignExtend8 => x as i8 as u32,
        UnaryOp::SignExtend16 => x as i16 as u32,
        UnaryOp::ZeroExtend8 => x & 0xFF,
        UnaryOp::ZeroExtend16 => x & 0xFFFF,
    }
}
