//! The multiplier and the accumulators: matrix products of integers and of bfloat16, and sums of accumulators.
//!
//! The configuration word: bit 0 zeroes the first accumulator; bits 1-2 the accumulator mode (0: 32-bit lanes, 1: 64-bit lanes), 3-4 the operand mode,
//! 5-7 the variant, 8 and 9 the signs of the second and first operand; bits 11, 12, 13 turn the signs of product, first and second accumulator.
//! Matrices lie row by row: first operand rows x inner, second inner x columns, result rows x columns.

use super::lanes::{Vector, get, put};
use crate::isa::meaning::{Accumulate, Number, Term};

/// A 1024-bit accumulator; float32 sums use the first half.
pub(super) type Accumulator = [u8; 128];

/// What is multiplied with what.
#[derive(Clone, Copy)]
enum Shape {
    /// Rows x inner by inner x columns.
    Matrix(usize, usize, usize),
    /// Lane by lane: this many results, each the sum of the products of so many lanes, that far apart.
    Lanes(usize, usize),
}

/// Bits of the factors, and their shape. Source: the configurations that llvm-aie's headers give the intrinsics.
fn integer_shape(config: u32) -> Option<(u32, u32, Shape)> {
    Some(match (config >> 1 & 3, config >> 3 & 3, config >> 5 & 7) {
        (0, 0, 0) => (8, 4, Shape::Matrix(4, 16, 8)),
        (0, 1, 0) => (8, 8, Shape::Matrix(4, 8, 8)),
        (0, 1, 1) => (8, 8, Shape::Lanes(32, 2)),
        (0, 2, 0) => (16, 8, Shape::Matrix(4, 4, 8)),
        (0, 3, 0) => (16, 16, Shape::Matrix(4, 2, 8)),
        (0, 3, 1) => (16, 16, Shape::Lanes(32, 1)),
        (1, 0, 0) => (32, 16, Shape::Matrix(4, 2, 4)),
        (1, 2, 0) => (16, 8, Shape::Matrix(2, 8, 8)),
        (1, 2, 1) => (16, 8, Shape::Matrix(4, 8, 4)),
        (1, 3, 0) => (16, 16, Shape::Matrix(2, 4, 8)),
        (1, 3, 1) => (16, 16, Shape::Matrix(4, 4, 4)),
        (1, 3, 2) => (16, 16, Shape::Lanes(16, 2)),
        _ => return None,
    })
}

/// Signs of product, first and second accumulator after the configuration has turned them; `None` for absent ones.
fn signs(kind: Accumulate, config: u32) -> [Option<bool>; 3] {
    let sign = |term: Term, bit: u32| match term {
        Term::Absent => None,
        Term::Plus => Some(config >> bit & 1 != 0),
        Term::Minus => Some(config >> bit & 1 == 0),
    };
    [sign(kind.product, 11), sign(kind.first, 12), sign(kind.second, 13)]
}

/// A sum of accumulators and a product. `None` for a configuration that is not modelled.
pub(super) fn accumulate(kind: Accumulate, config: u32, x: &Vector, y: &Vector, first: &Accumulator, second: &Accumulator) -> Option<Accumulator> {
    // Shifts by 16 and subtraction masks of single lanes are not modelled.
    if config & !0x3BFF != 0 {
        return None;
    }
    let zero = [0; 128];
    let first = if config & 1 != 0 { &zero } else { first };
    match kind.number {
        Number::Integer => integer(kind, config, x, y, first, second),
        Number::Bf16 => float(kind, config, x, y, first, second),
    }
}

fn integer(kind: Accumulate, config: u32, x: &Vector, y: &Vector, first: &Accumulator, second: &Accumulator) -> Option<Accumulator> {
    let wide = match config >> 1 & 3 {
        0 => 32,
        1 => 64,
        _ => return None,
    };
    let [product, a, b] = signs(kind, config);
    let mut sums = [0i64; 32];
    let mut products = [0i64; 32];
    if let Some(minus) = product {
        let (bx, by, shape) = integer_shape(config)?;
        let (mut p, mut q) = ([0i64; 64], [0i64; 128]);
        spread(x, bx, config >> 9 & 1 != 0, &mut p);
        spread(y, by, config >> 8 & 1 != 0, &mut q);
        match shape {
            Shape::Matrix(4, 16, 8) => product_of::<4, 16, 8>(&p, &q, &mut products),
            Shape::Matrix(4, 8, 8) => product_of::<4, 8, 8>(&p, &q, &mut products),
            Shape::Matrix(4, 4, 8) => product_of::<4, 4, 8>(&p, &q, &mut products),
            Shape::Matrix(4, 2, 8) => product_of::<4, 2, 8>(&p, &q, &mut products),
            Shape::Matrix(4, 2, 4) => product_of::<4, 2, 4>(&p, &q, &mut products),
            Shape::Matrix(2, 8, 8) => product_of::<2, 8, 8>(&p, &q, &mut products),
            Shape::Matrix(4, 8, 4) => product_of::<4, 8, 4>(&p, &q, &mut products),
            Shape::Matrix(2, 4, 8) => product_of::<2, 4, 8>(&p, &q, &mut products),
            Shape::Matrix(4, 4, 4) => product_of::<4, 4, 4>(&p, &q, &mut products),
            Shape::Matrix(..) => return None,
            Shape::Lanes(results, terms) => {
                for i in 0..results {
                    products[i] = (0..terms).map(|k| p[i + k * results] * q[i + k * results]).sum();
                }
            }
        }
        take(&mut sums, &products, minus);
    }
    for (sign, accumulator) in [(a, first), (b, second)] {
        if let Some(minus) = sign {
            take(&mut sums, &numbers(accumulator, wide), minus);
        }
    }
    let mut out = [0; 128];
    if wide == 64 {
        out.chunks_exact_mut(8).zip(sums).for_each(|(o, s)| o.copy_from_slice(&s.to_le_bytes()));
    } else {
        out.chunks_exact_mut(4).zip(sums).for_each(|(o, s)| o.copy_from_slice(&(s as i32).to_le_bytes()));
    }
    Some(out)
}

/// Rows by columns, each the sum of `K` products.
fn product_of<const R: usize, const K: usize, const C: usize>(p: &[i64; 64], q: &[i64; 128], out: &mut [i64; 32]) {
    for r in 0..R {
        for k in 0..K {
            for c in 0..C {
                out[r * C + c] += p[r * K + k] * q[k * C + c];
            }
        }
    }
}

fn take(sums: &mut [i64; 32], terms: &[i64; 32], minus: bool) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum = if minus { sum.wrapping_sub(*term) } else { sum.wrapping_add(*term) });
}

/// Lanes of an accumulator.
fn numbers(v: &Accumulator, wide: u32) -> [i64; 32] {
    let mut out = [0; 32];
    if wide == 64 {
        out.iter_mut().zip(v.as_chunks::<8>().0).for_each(|(o, b)| *o = i64::from_le_bytes(*b));
    } else {
        out.iter_mut().zip(v.as_chunks::<4>().0).for_each(|(o, b)| *o = i32::from_le_bytes(*b).into());
    }
    out
}

/// All lanes of a vector as numbers.
#[inline]
fn spread(v: &Vector, bits: u32, signed: bool, out: &mut [i64]) {
    match (bits, signed) {
        (8, true) => v.iter().zip(out).for_each(|(b, o)| *o = i64::from(*b as i8)),
        (16, true) => v.chunks_exact(2).zip(out).for_each(|(b, o)| *o = i64::from(i16::from_le_bytes([b[0], b[1]]))),
        _ => out.iter_mut().enumerate().take(512 / bits as usize).for_each(|(i, o)| *o = get(v, bits, i, signed)),
    }
}

fn float(kind: Accumulate, config: u32, x: &Vector, y: &Vector, first: &Accumulator, second: &Accumulator) -> Option<Accumulator> {
    let [product, a, b] = signs(kind, config);
    let mut out = [0; 128];
    let lane = |v: &[u8], i: usize| get(v, 32, i, false) as u32;
    let turned = |s: Option<bool>, v: &[u8], i: usize| s.map(|minus| lane(v, i) ^ u32::from(minus) << 31);
    for i in 0..16 {
        let accumulators = [turned(a, first, i), turned(b, second, i)];
        let sum = match product {
            None => add(accumulators[0].unwrap_or(0), accumulators[1].unwrap_or(0)),
            Some(minus) => {
                // 4x8x4 of matrices, or lanes i and i + 16 of both operands.
                let at: fn(usize, usize) -> (usize, usize) = match config >> 5 & 7 {
                    0 => |i, k| (i / 4 * 8 + k, k * 4 + i % 4),
                    1 => |i, k| (i + 16 * k, i + 16 * k),
                    _ => return None,
                };
                let terms = if config >> 5 & 7 == 0 { 8 } else { 2 };
                let pairs = (0..terms).map(|k| {
                    let (p, q) = at(i, k);
                    (get(x, 16, p, false) as u32, get(y, 16, q, false) as u32)
                });
                multiply(pairs, minus, accumulators)
            }
        };
        put(&mut out, 32, i, sum.into());
    }
    Some(out)
}

/// A number on its way into the adder: mantissa with its sign, and exponent; an exponent of 0 is nothing.
#[derive(Clone, Copy)]
struct Addend {
    mantissa: i64,
    exponent: i32,
}

/// Flags of special numbers in a sum.
#[derive(Default)]
struct Special {
    nan: bool,
    plus: bool,
    minus: bool,
}

/// Right shift with rounding to nearest, ties to even, of the magnitude.
fn shift_even(value: i64, by: u32) -> i64 {
    if by == 0 {
        return value;
    }
    if by >= 62 {
        return 0;
    }
    let magnitude = value.unsigned_abs();
    let kept = magnitude >> by;
    let half = magnitude >> (by - 1) & 1 != 0;
    let more = magnitude & ((1 << (by - 1)) - 1) != 0;
    let up = kept + u64::from(half && (more || kept & 1 != 0));
    if value < 0 { -(up as i64) } else { up as i64 }
}

/// A float32 as an addend, its exponent 128 above the product's scale.
fn addend(bits: u32, special: &mut Special) -> Addend {
    let (exponent, fraction) = ((bits >> 23 & 255) as i32, i64::from(bits & 0x7F_FFFF));
    let minus = bits >> 31 != 0;
    if exponent == 255 {
        special.nan |= fraction != 0;
        special.plus |= fraction == 0 && !minus;
        special.minus |= fraction == 0 && minus;
    }
    if exponent == 0 && fraction == 0 {
        return Addend { mantissa: 0, exponent: 0 };
    }
    // Subnormal numbers enter without the leading one.
    let mantissa = if exponent > 0 { fraction | 1 << 23 } else { fraction };
    Addend { mantissa: if minus { -mantissa } else { mantissa }, exponent: exponent.max(1) + 128 }
}

/// Product of two bfloat16, exact: 16 bits of mantissa scaled to 23 below the point.
fn product(x: u32, y: u32, minus: bool, special: &mut Special) -> Addend {
    let split = |v: u32| ((v >> 7 & 255) as i32, i64::from(v & 127));
    let ((ex, fx), (ey, fy)) = (split(x), split(y));
    let minus = minus != ((x ^ y) >> 15 & 1 != 0);
    let zero = ex == 0 && fx == 0 || ey == 0 && fy == 0;
    let infinite = ex == 255 && fx == 0 || ey == 255 && fy == 0;
    special.nan |= ex == 255 && fx != 0 || ey == 255 && fy != 0 || infinite && zero;
    special.plus |= infinite && !minus;
    special.minus |= infinite && minus;
    if zero {
        return Addend { mantissa: 0, exponent: 0 };
    }
    let whole = |e: i32, f: i64| if e > 0 { f | 128 } else { f };
    let mantissa = (whole(ex, fx) * whole(ey, fy)) << 9;
    Addend { mantissa: if minus { -mantissa } else { mantissa }, exponent: ex.max(1) + ey.max(1) + 1 }
}

/// Products and accumulators in one sum: all are aligned to the largest exponent (rounded there), added exactly, and rounded once more.
fn multiply(pairs: impl Iterator<Item = (u32, u32)>, minus: bool, accumulators: [Option<u32>; 2]) -> u32 {
    let mut special = Special::default();
    let mut all = [Addend { mantissa: 0, exponent: 0 }; 10];
    let mut n = 0;
    for (x, y) in pairs {
        all[n] = product(x, y, minus, &mut special);
        n += 1;
    }
    for bits in accumulators.into_iter().flatten() {
        all[n] = addend(bits, &mut special);
        n += 1;
    }
    sum(&all[..n], special)
}

/// Sum of two float32 in the accumulators' adder.
fn add(a: u32, b: u32) -> u32 {
    let mut special = Special::default();
    let all = [addend(a, &mut special), addend(b, &mut special)];
    sum(&all, special)
}

fn sum(all: &[Addend], special: Special) -> u32 {
    let largest = all.iter().map(|a| a.exponent).max().unwrap_or(0);
    let aligned = |a: &Addend| shift_even(a.mantissa, (largest - a.exponent) as u32);
    let total: i64 = all.iter().filter(|a| a.exponent > 0).map(aligned).sum();
    finish(total, largest, &special)
}

/// A sum back to float32: to nearest, ties to even; too small becomes zero, too large infinity.
fn finish(total: i64, largest: i32, special: &Special) -> u32 {
    let nan = special.nan || special.plus && special.minus;
    let magnitude = total.unsigned_abs();
    let mut exponent = 0;
    let mut fraction = 0;
    if magnitude != 0 {
        let top = 63 - magnitude.leading_zeros() as i32;
        let mut rounded = if top <= 23 { (magnitude << (23 - top)) as i64 } else { shift_even(magnitude as i64, (top - 23) as u32) };
        exponent = largest + top - 23 - 128;
        if rounded >> 24 != 0 {
            rounded >>= 1;
            exponent += 1;
        }
        fraction = (rounded & 0x7F_FFFF) as u32;
    }
    let sign = u32::from(total < 0) << 31;
    let out = magnitude != 0 && !(1..255).contains(&exponent);
    if nan {
        // What the adder made stays visible below the NaN's exponent, with bit 0 set.
        return sign | 0x7F80_0000 | if out { 1 } else { fraction | 1 };
    }
    match (special.plus, special.minus) {
        (true, _) => 0x7F80_0000,
        (_, true) => 0xFF80_0000,
        _ if magnitude == 0 => 0,
        _ if exponent <= 0 => sign,
        _ if exponent >= 255 => sign | 0x7F80_0000,
        _ => sign | (exponent as u32) << 23 | fraction,
    }
}
