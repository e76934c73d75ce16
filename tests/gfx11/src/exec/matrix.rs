//! Products of matrices of 16 by 16, one wave together.
//!
//! Lane `l` holds row `l % 16` of A and column `l % 16` of B, both in lanes 0 to 15 and again in 16 to 31; register `r` of lane `l` of C and D holds row
//! `2 * r + l / 16` and column `l % 16`. The order of the hardware's float additions is not documented; here all are exact enough to be rounded once.

use super::fault::Fault;
use super::wave::{Lanes, Wave};
use crate::float::{double_to_half, from_brain, from_half, to_brain};
use crate::isa::{Operands, Packed, Source};

/// A matrix of rows or columns, 16 values each.
type Matrix<T> = [[T; 16]; 16];

/// Registers of an operand, checked to be the same in both halves of the wave.
fn operand(w: &Wave, o: &Operands, i: usize, registers: usize) -> Result<Vec<Lanes>, Fault> {
    let rows: Vec<Lanes> = match o.src[i] {
        Source::V(n) => (0..registers).map(|r| w.v[usize::from(n.wrapping_add(r as u8))]).collect(),
        other => vec![[w.one32(other); 32]; registers],
    };
    for lane in 0..16 {
        if rows.iter().any(|row| row[lane] != row[lane + 16]) {
            return Err(Fault::Replica { operand: i, lane });
        }
    }
    Ok(rows)
}

fn halves(rows: &[Lanes], neg: u8, neg_high: u8, i: usize, view: fn(u32) -> f32) -> Matrix<f64> {
    let sign = |bits: u8| if bits >> i & 1 != 0 { 0x8000 } else { 0 };
    std::array::from_fn(|lane| {
        std::array::from_fn(|k| {
            let word = rows[k / 2][lane];
            let bits = if k % 2 == 0 { word & 0xFFFF ^ sign(neg) } else { word >> 16 ^ sign(neg_high) };
            f64::from(view(bits))
        })
    })
}

fn integers(rows: &[Lanes], width: usize, signed: bool) -> Matrix<i32> {
    let per = 32 / width;
    std::array::from_fn(|lane| {
        std::array::from_fn(|k| {
            let top = rows[k / per][lane] << (32 - width * (k % per + 1));
            if signed { (top as i32) >> (32 - width) } else { (top >> (32 - width)) as i32 }
        })
    })
}

#[inline(always)]
pub(super) fn wmma(w: &mut Wave, op: Packed, o: &Operands) -> Result<(), Fault> {
    if w.exec() != u32::MAX {
        return Err(Fault::MatrixExec(w.exec()));
    }
    let c: [Lanes; 8] = match o.src[2] {
        Source::V(n) => std::array::from_fn(|r| w.v[usize::from(n.wrapping_add(r as u8))]),
        other => [[w.one32(other); 32]; 8],
    };
    let mut d = [[0; 32]; 8];
    match op {
        Packed::WmmaI32Iu8 | Packed::WmmaI32Iu4 => {
            let (width, registers) = if op == Packed::WmmaI32Iu8 { (8, 4) } else { (4, 2) };
            let a = integers(&operand(w, o, 0, registers)?, width, o.neg & 1 != 0);
            let b = integers(&operand(w, o, 1, registers)?, width, o.neg & 2 != 0);
            for (r, row) in d.iter_mut().enumerate() {
                for (l, value) in row.iter_mut().enumerate() {
                    let sum: i32 = a[2 * r + l / 16].iter().zip(&b[l % 16]).map(|(x, y)| x * y).sum();
                    *value = if o.clamp { (c[r][l] as i32).saturating_add(sum) as u32 } else { c[r][l].wrapping_add(sum as u32) };
                }
            }
        }
        _ => {
            let (half, brain) = (from_half as fn(u32) -> f32, from_brain as fn(u32) -> f32);
            let view = if matches!(op, Packed::WmmaF32F16 | Packed::WmmaF16F16) { half } else { brain };
            let a = halves(&operand(w, o, 0, 8)?, o.neg, o.abs, 0, view);
            let b = halves(&operand(w, o, 1, 8)?, o.neg, o.abs, 1, view);
            let wide = matches!(op, Packed::WmmaF32F16 | Packed::WmmaF32Bf16);
            // Results of 16 bits fill one half of their registers and leave the other.
            let high = o.high & 4 != 0;
            for (r, row) in d.iter_mut().enumerate() {
                for (l, value) in row.iter_mut().enumerate() {
                    let start = if wide {
                        let bits = c[r][l] & if o.abs & 4 != 0 { 0x7FFF_FFFF } else { u32::MAX } ^ if o.neg & 4 != 0 { 0x8000_0000 } else { 0 };
                        f64::from(f32::from_bits(bits))
                    } else {
                        f64::from(view(if high { c[r][l] >> 16 } else { c[r][l] & 0xFFFF }))
                    };
                    let sum = a[2 * r + l / 16].iter().zip(&b[l % 16]).fold(start, |sum, (x, y)| x.mul_add(*y, sum));
                    *value = match op {
                        _ if wide => (sum as f32).to_bits(),
                        Packed::WmmaF16F16 => double_to_half(sum),
                        _ => to_brain(sum as f32),
                    };
                }
            }
            if !wide {
                for (r, row) in d.iter().enumerate() {
                    w.put16(o.dst.wrapping_add(r as u8), high, u32::MAX, row);
                }
                return Ok(());
            }
        }
    }
    for (r, row) in d.iter().enumerate() {
        w.v[usize::from(o.dst.wrapping_add(r as u8))] = *row;
    }
    Ok(())
}
