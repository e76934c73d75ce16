//! Products without intrinsics: one row, one panel at a time. The slow second voice of the wide variants, so it shares nothing with them but the
//! order of operations in the parent's head.

use crate::MatMul;
use half::f16;
use unicorn_artifact::tensor::{Format, GROUP, PANEL, activation_row_bytes, panel_bytes, panel_group_bytes};

/// # Safety
/// See [`crate::Kernels`]; `cols` is a multiple of 32.
pub unsafe fn q4(args: &MatMul) {
    // SAFETY: the caller's contract.
    unsafe { quantised(args, Format::Q4) }
}

/// # Safety
/// See [`crate::Kernels`]; `cols` is a multiple of 32.
pub unsafe fn q8(args: &MatMul) {
    // SAFETY: the caller's contract.
    unsafe { quantised(args, Format::Q8) }
}

/// # Safety
/// See [`crate::Kernels`]; input is f32.
pub unsafe fn bf16(args: &MatMul) {
    for panel in args.panels.clone() {
        // SAFETY: the caller grants all panels of the range.
        let weight = unsafe { std::slice::from_raw_parts(args.weight.add(panel * args.cols * PANEL * 2), args.cols * PANEL * 2) };
        for row in 0..args.rows {
            // SAFETY: the caller grants `rows` rows of `cols` floats.
            let x = unsafe { std::slice::from_raw_parts(args.input.cast::<f32>().add(row * args.cols), args.cols) };
            let mut acc = [0f32; PANEL];
            for (column, x) in weight.as_chunks::<{ PANEL * 2 }>().0.iter().zip(x) {
                for (acc, w) in acc.iter_mut().zip(column.as_chunks::<2>().0) {
                    *acc = f32::from_bits(u32::from(u16::from_le_bytes(*w)) << 16).mul_add(*x, *acc);
                }
            }
            // SAFETY: the caller grants the outputs of this row and panel.
            unsafe { store(args, row, panel, &acc) };
        }
    }
}

/// # Safety
/// As [`q4`] and [`q8`].
unsafe fn quantised(args: &MatMul, format: Format) {
    let groups = args.cols / GROUP;
    let size = panel_bytes(format, args.cols).expect("a validated weight has panels");
    for panel in args.panels.clone() {
        // SAFETY: the caller grants all panels of the range.
        let weight = unsafe { std::slice::from_raw_parts(args.weight.add(panel * size), size) };
        for row in 0..args.rows {
            // SAFETY: the caller grants `rows` rows of activations: codes, then 4-byte aligned scales (the sums of codes are not needed here).
            let (codes, scales) = unsafe {
                let first = args.input.add(row * activation_row_bytes(args.cols));
                (std::slice::from_raw_parts(first.cast::<i8>(), args.cols), std::slice::from_raw_parts(first.add(args.cols).cast::<f32>(), groups))
            };
            let mut acc = [0f32; PANEL];
            for ((record, x), x_scale) in weight.chunks_exact(panel_group_bytes(format)).zip(codes.as_chunks::<GROUP>().0).zip(scales) {
                let (w_scales, w_codes) = record.split_at(PANEL * 2);
                let sums = if format == Format::Q8 { sums_q8(w_codes, x) } else { sums_q4(w_codes, x) };
                for ((acc, sum), w_scale) in acc.iter_mut().zip(sums).zip(w_scales.as_chunks::<2>().0) {
                    *acc = (f16::from_le_bytes(*w_scale).to_f32() * x_scale).mul_add(sum as f32, *acc);
                }
            }
            // SAFETY: the caller grants the outputs of this row and panel.
            unsafe { store(args, row, panel, &acc) };
        }
    }
}

fn sums_q8(codes: &[u8], x: &[i8; GROUP]) -> [i32; PANEL] {
    let mut sums = [0; PANEL];
    for (codes, x) in codes.as_chunks::<{ PANEL * 4 }>().0.iter().zip(x.as_chunks::<4>().0) {
        for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<4>().0) {
            for (c, x) in codes.iter().zip(x) {
                *sum += (i32::from(*c) - 128) * i32::from(*x);
            }
        }
    }
    sums
}

fn sums_q4(codes: &[u8], x: &[i8; GROUP]) -> [i32; PANEL] {
    let mut sums = [0; PANEL];
    for (codes, x) in codes.as_chunks::<{ PANEL * 4 }>().0.iter().zip(x.as_chunks::<8>().0) {
        for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<4>().0) {
            for (b, c) in codes.iter().enumerate() {
                *sum += (i32::from(c & 15) - 8) * i32::from(x[b]) + (i32::from(c >> 4) - 8) * i32::from(x[4 + b]);
            }
        }
    }
    sums
}

/// # Safety
/// The outputs of this row and panel are granted.
unsafe fn store(args: &MatMul, row: usize, panel: usize, acc: &[f32; PANEL]) {
    let lanes = (args.outputs - panel * PANEL).min(PANEL);
    // SAFETY: `lanes` never reaches past the outputs of the row.
    unsafe { std::ptr::copy_nonoverlapping(acc.as_ptr(), args.out.add(row * args.out_stride + panel * PANEL), lanes) };
}
