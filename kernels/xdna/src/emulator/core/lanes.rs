//! Lanes of vectors: reading, writing, and everything that works lane by lane or moves lanes. Vectors are little-endian bytes.

use crate::isa::meaning::{Lane, LaneOp, ShapeOp};

/// A 512-bit vector.
pub(super) type Vector = [u8; 64];

/// Lane `i` of `bits` (4, 8, 16, 32, 64), extended to 64 bits.
#[inline]
pub(super) fn get(v: &[u8], bits: u32, i: usize, signed: bool) -> i64 {
    let raw = match bits {
        4 => u64::from(v[i / 2] >> (4 * (i % 2)) & 15),
        8 => u64::from(v[i]),
        16 => u64::from(u16::from_le_bytes([v[2 * i], v[2 * i + 1]])),
        32 => u64::from(u32::from_le_bytes(word(v, 4 * i))),
        _ => u64::from_le_bytes([v[8 * i], v[8 * i + 1], v[8 * i + 2], v[8 * i + 3], v[8 * i + 4], v[8 * i + 5], v[8 * i + 6], v[8 * i + 7]]),
    };
    if signed { (raw << (64 - bits)) as i64 >> (64 - bits) } else { raw as i64 }
}

fn word(v: &[u8], at: usize) -> [u8; 4] {
    [v[at], v[at + 1], v[at + 2], v[at + 3]]
}

/// Puts the low `bits` of a value into lane `i`.
#[inline]
pub(super) fn put(v: &mut [u8], bits: u32, i: usize, value: i64) {
    let bytes = value.to_le_bytes();
    match bits {
        4 => {
            let low = 4 * (i % 2);
            v[i / 2] = v[i / 2] & !(15 << low) | (bytes[0] & 15) << low;
        }
        8 => v[i] = bytes[0],
        16 => v[2 * i..2 * i + 2].copy_from_slice(&bytes[..2]),
        32 => v[4 * i..4 * i + 4].copy_from_slice(&bytes[..4]),
        _ => v[8 * i..8 * i + 8].copy_from_slice(&bytes),
    }
}

/// Order of bfloat16 numbers as the comparators have it: by sign and magnitude, minus zero below plus zero; nothing for NaN.
fn bf16_key(raw: i64) -> Option<i64> {
    let magnitude = raw & 0x7FFF;
    if magnitude > 0x7F80 {
        return None;
    }
    Some(if raw & 0x8000 != 0 { -1 - magnitude } else { magnitude })
}

/// Lane-wise work on two vectors with a selector: the vector, and a bit per lane.
///
/// `None` for an operation on bfloat16 lanes that is not modelled.
pub(super) fn lane_op(op: LaneOp, lane: Lane, signed: bool, a: &Vector, b: &Vector, select: u64) -> Option<(Vector, u64)> {
    let bits = lane.bits();
    let float = lane == Lane::Bf16;
    let mut out = [0; 64];
    let mut flags = 0;
    for i in 0..512 / bits as usize {
        let (x, y) = (get(a, bits, i, signed && !float), get(b, bits, i, signed && !float));
        let less = |x: i64, y: i64| match float {
            false => x < y,
            true => matches!((bf16_key(x), bf16_key(y)), (Some(x), Some(y)) if x < y),
        };
        let at_least = |x: i64, y: i64| match float {
            false => x >= y,
            true => matches!((bf16_key(x), bf16_key(y)), (Some(x), Some(y)) if x >= y),
        };
        let chosen = select >> i & 1 != 0;
        let (value, flag) = match op {
            LaneOp::Select => (if chosen { y } else { x }, false),
            LaneOp::Less => (0, less(x, y)),
            LaneOp::GreaterEqual => (0, at_least(x, y)),
            LaneOp::Max => (if less(x, y) { y } else { x }, less(x, y)),
            LaneOp::Min => (if at_least(x, y) { y } else { x }, at_least(x, y)),
            LaneOp::IsZero => (0, if float { x & 0x7FFF == 0 } else { x == 0 }),
            _ if float => return None,
            LaneOp::Add => (x.wrapping_add(y), false),
            LaneOp::Sub => (x.wrapping_sub(y), false),
            LaneOp::AddSub => (if chosen { x.wrapping_sub(y) } else { x.wrapping_add(y) }, false),
            LaneOp::MaxDifference => (x.wrapping_sub(y).max(0), x < y),
            LaneOp::SubLess => (x.wrapping_sub(y), x < y),
            LaneOp::SubGreaterEqual => (x.wrapping_sub(y), x >= y),
            LaneOp::Abs => (x.wrapping_abs(), x > 0),
            LaneOp::Negate => (x.wrapping_neg(), x > 0),
            LaneOp::Complement => (!x, x < 0),
        };
        put(&mut out, bits, i, value);
        flags |= u64::from(flag) << i;
    }
    Some((out, flags))
}

/// Movement of lanes: `index` for extraction and insertion, `scalar` for what is brought in.
pub(super) fn shape(op: ShapeOp, lane: Lane, v: &Vector, index: u32, scalar: u64) -> Vector {
    let bits = lane.bits();
    let n = 512 / bits as usize;
    let bytes = bits as usize / 8;
    let mut out = *v;
    match op {
        ShapeOp::Broadcast => (0..n).for_each(|i| put(&mut out, bits, i, scalar as i64)),
        ShapeOp::BroadcastShuffle => {
            let all = shape(ShapeOp::Broadcast, lane, v, 0, scalar);
            return shuffle(&all, &[0; 64], index);
        }
        ShapeOp::ExtractBroadcast => {
            let value = get(v, bits, index as usize % n, false);
            (0..n).for_each(|i| put(&mut out, bits, i, value));
        }
        ShapeOp::Insert => put(&mut out, bits, index as usize % n, scalar as i64),
        ShapeOp::PushHigh => {
            out.copy_within(bytes.., 0);
            put(&mut out, bits, n - 1, scalar as i64);
        }
        ShapeOp::PushLow => {
            out.copy_within(..64 - bytes, bytes);
            put(&mut out, bits, 0, scalar as i64);
        }
    }
    out
}

/// 64 bytes from the concatenation of two vectors and zeros, from byte `shift % 128`.
pub(super) fn shift(a: &Vector, b: &Vector, shift: u32) -> Vector {
    let by = shift as usize % 128;
    std::array::from_fn(|i| match i + by {
        at @ 0..64 => a[at],
        at @ 64..128 => b[at - 64],
        _ => 0,
    })
}

/// A transposition: element bytes, rows, columns, and which half of the result.
const fn mode(bytes: usize, rows: usize, columns: usize, half: usize) -> (usize, usize, usize, usize) {
    (bytes, rows, columns, half)
}

/// The shuffle network's modes by number; mode 38 swaps pairs of half words instead.
const MODES: [(usize, usize, usize, usize); 48] = [
    mode(1, 64, 2, 0),
    mode(1, 64, 2, 1),
    mode(2, 32, 2, 0),
    mode(2, 32, 2, 1),
    mode(4, 16, 2, 0),
    mode(4, 16, 2, 1),
    mode(8, 8, 2, 0),
    mode(8, 8, 2, 1),
    mode(16, 4, 2, 0),
    mode(16, 4, 2, 1),
    mode(32, 2, 2, 0),
    mode(32, 2, 2, 1),
    mode(16, 2, 4, 0),
    mode(16, 2, 4, 1),
    mode(8, 2, 8, 0),
    mode(8, 2, 8, 1),
    mode(4, 2, 16, 0),
    mode(4, 2, 16, 1),
    mode(2, 2, 32, 0),
    mode(2, 2, 32, 1),
    mode(1, 2, 64, 0),
    mode(1, 2, 64, 1),
    mode(64, 1, 2, 0),
    mode(64, 1, 2, 1),
    mode(2, 16, 4, 0),
    mode(2, 16, 4, 1),
    mode(2, 4, 16, 0),
    mode(2, 4, 16, 1),
    mode(2, 8, 4, 0),
    mode(2, 4, 8, 0),
    mode(4, 8, 4, 0),
    mode(4, 8, 4, 1),
    mode(4, 4, 8, 0),
    mode(4, 4, 8, 1),
    mode(4, 4, 4, 0),
    mode(1, 8, 8, 0),
    mode(1, 16, 4, 0),
    mode(1, 4, 16, 0),
    mode(2, 1, 2, 0),
    mode(2, 4, 4, 0),
    mode(2, 4, 2, 0),
    mode(2, 2, 4, 0),
    mode(2, 8, 2, 0),
    mode(2, 2, 8, 0),
    mode(2, 16, 2, 0),
    mode(2, 2, 16, 0),
    mode(1, 8, 4, 0),
    mode(1, 4, 8, 0),
];

/// The shuffle network: the concatenation of two vectors taken as matrices, row by row, that are transposed; 64 bytes of the result.
/// Modes from 48 on route only the first byte.
pub(super) fn shuffle(a: &Vector, b: &Vector, number: u32) -> Vector {
    let number = (number & 63) as usize;
    let Some(&(bytes, rows, columns, half)) = MODES.get(number) else {
        return std::array::from_fn(|i| if i == 0 { a[0] } else { 0 });
    };
    if number == 38 {
        return std::array::from_fn(|i| a[i ^ 2]);
    }
    let matrix = bytes * rows * columns;
    std::array::from_fn(|i| {
        let at = i + 64 * half;
        let (base, within) = (at / matrix * matrix, at % matrix);
        let (element, byte) = (within / bytes, within % bytes);
        let from = base + (element % rows * columns + element / rows) * bytes + byte;
        if from < 64 { a[from] } else { b[from - 64] }
    })
}
