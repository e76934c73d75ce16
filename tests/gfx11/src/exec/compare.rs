//! Vector comparisons.

use super::fault::Fault;
use super::features::twice;
use super::lanes::{read, read_wide, written};
use super::wave::Wave;
use crate::float::from_half;
use crate::isa::{Compare, Compared, Condition, Operands, register};
use std::cmp::Ordering;

/// Collects a bit of each lane.
#[inline(always)]
fn bits<T: Copy>(a: &[T; 32], b: &[T; 32], f: impl Fn(T, T) -> bool) -> u32 {
    let mut mask = 0;
    for l in 0..32 {
        mask |= u32::from(f(a[l], b[l])) << l;
    }
    mask
}

/// The lanes where a condition holds.
#[inline(always)]
fn holds<T: Copy, U: PartialOrd>(condition: Condition, a: &[T; 32], b: &[T; 32], view: impl Fn(T) -> U) -> u32 {
    use Condition::*;
    let order = |x: T, y: T| view(x).partial_cmp(&view(y));
    match condition {
        False | Class => 0,
        True => u32::MAX,
        Lt => bits(a, b, |x, y| view(x) < view(y)),
        Eq => bits(a, b, |x, y| view(x) == view(y)),
        Le => bits(a, b, |x, y| view(x) <= view(y)),
        Gt => bits(a, b, |x, y| view(x) > view(y)),
        Ge => bits(a, b, |x, y| view(x) >= view(y)),
        Ne => bits(a, b, |x, y| order(x, y).is_some_and(Ordering::is_ne)),
        O => bits(a, b, |x, y| order(x, y).is_some()),
        U => bits(a, b, |x, y| order(x, y).is_none()),
        Nge => !bits(a, b, |x, y| view(x) >= view(y)),
        Nlg => !bits(a, b, |x, y| order(x, y).is_some_and(Ordering::is_ne)),
        Ngt => !bits(a, b, |x, y| view(x) > view(y)),
        Nle => !bits(a, b, |x, y| view(x) <= view(y)),
        Neq => !bits(a, b, |x, y| view(x) == view(y)),
        Nlt => !bits(a, b, |x, y| view(x) < view(y)),
    }
}

/// The bit of a float's class: signalling and quiet NaN, then from -inf to +inf.
fn class(bits: u64, mantissa: u32, exponent: u32) -> u32 {
    let (negative, biased) = (bits >> (mantissa + exponent) & 1 != 0, bits >> mantissa & ((1 << exponent) - 1));
    let fraction = bits & ((1 << mantissa) - 1);
    let by_sign = |minus: u32, plus: u32| if negative { minus } else { plus };
    match (biased == (1 << exponent) - 1, biased, fraction) {
        (true, _, 0) => by_sign(2, 9),
        (true, ..) => u32::from(fraction >> (mantissa - 1) != 0),
        (_, 1.., _) => by_sign(3, 8),
        (_, 0, 0) => by_sign(5, 6),
        (_, 0, _) => by_sign(4, 7),
    }
}

twice! {
    /// Executes a comparison.
    fn compare(w: &mut Wave, op: Compare, o: &Operands) -> Result<(), Fault> {
        let [kind_a, kind_b] = op.src();
        let (mut room_a, mut room_b) = ([0; 32], [0; 32]);
        let answer = if kind_a.registers() == 2 {
            let (a, b) = (read_wide(w, o, 0, kind_a, false), read_wide(w, o, 1, kind_b, false));
            match (op.condition, op.compared) {
                (Condition::Class, _) => bits(&a, &b, |x, y| y >> class(x, 52, 11) & 1 != 0),
                (condition, Compared::I64) => holds(condition, &a, &b, |x| x as i64),
                (condition, Compared::U64) => holds(condition, &a, &b, |x| x),
                (condition, _) => holds(condition, &a, &b, f64::from_bits),
            }
        } else {
            let a = read(w, o, 0, kind_a, w.flush && op.condition != Condition::Class, &mut room_a);
            let b = read(w, o, 1, kind_b, w.flush, &mut room_b);
            match (op.condition, op.compared) {
                (Condition::Class, Compared::F16) => bits(a, b, |x, y| y >> class(u64::from(x), 10, 5) & 1 != 0),
                (Condition::Class, _) => bits(a, b, |x, y| y >> class(u64::from(x), 23, 8) & 1 != 0),
                (condition, Compared::F16) => holds(condition, a, b, from_half),
                (condition, Compared::F32) => holds(condition, a, b, f32::from_bits),
                (condition, Compared::I16) => holds(condition, a, b, |x| x as u16 as i16),
                (condition, Compared::I32) => holds(condition, a, b, |x| x as i32),
                (condition, _) => holds(condition, a, b, |x| x),
            }
        };
        let answer = answer & written(w, o);
        w.set_s(if op.exec { register::EXEC } else { o.dst }, answer);
        Ok(())
    }
}
