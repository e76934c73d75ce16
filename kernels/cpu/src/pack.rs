//! Packing of f32 weights into the layouts of `unicorn_artifact::tensor::Layout`, and reading single rows back. Works panel by panel or row by row, so
//! that a tensor of any size can be streamed. Codes come from `tensor::{quantise_q4, quantise_q8}`; no rounding rule may stand here.

use half::{bf16, f16};
use unicorn_artifact::tensor::{
    Format, GROUP, PANEL, matrix_scales, panel_bytes, panel_group_bytes, quantise_int8, quantise_q4, quantise_q8, row_bytes, row_groups,
};

/// Packs one panel: `rows` are 1 to 16 rows of equal length, missing ones count as zeros; `out` is exactly `panel_bytes(format, cols)`.
///
/// # Panics
/// If the format or shape has no panel layout, or `out` has another size: the caller sized both.
pub fn pack_panel(format: Format, rows: &[&[f32]], out: &mut [u8]) {
    assert!((1..=PANEL).contains(&rows.len()), "a panel holds 1 to {PANEL} rows, not {}", rows.len());
    let cols = rows[0].len();
    assert!(rows.iter().all(|r| r.len() == cols), "rows of one panel have one length");
    assert_eq!(Some(out.len()), panel_bytes(format, cols), "bytes of a {} panel of {cols} columns", format.name());
    match format {
        Format::F32 | Format::Int8 => unreachable!("panel_bytes has no size for it"),
        Format::Bf16 => {
            out.fill(0);
            for (lane, row) in rows.iter().enumerate() {
                for (column, value) in row.iter().enumerate() {
                    let at = (column * PANEL + lane) * 2;
                    out[at..at + 2].copy_from_slice(&bf16::from_f32(*value).to_le_bytes());
                }
            }
        }
        Format::Q8 | Format::Q4 => {
            for (group, record) in out.chunks_exact_mut(panel_group_bytes(format)).enumerate() {
                let (scales, codes) = record.split_at_mut(PANEL * 2);
                scales.fill(0);
                codes.fill(if format == Format::Q8 { 128 } else { 0x88 });
                for (lane, row) in rows.iter().enumerate() {
                    let (scale, quantised) = quantise(format, row, group);
                    scales[lane * 2..lane * 2 + 2].copy_from_slice(&scale.to_le_bytes());
                    if format == Format::Q8 {
                        for (i, four) in quantised.as_chunks::<4>().0.iter().enumerate() {
                            codes[(i * PANEL + lane) * 4..][..4].copy_from_slice(four);
                        }
                    } else {
                        for (i, eight) in quantised.as_chunks::<8>().0.iter().enumerate() {
                            let four: [u8; 4] = std::array::from_fn(|b| eight[b] | eight[4 + b] << 4);
                            codes[(i * PANEL + lane) * 4..][..4].copy_from_slice(&four);
                        }
                    }
                }
            }
        }
    }
}

/// Packs row-major `values` `[rows, cols]` into panels.
///
/// # Panics
/// As [`pack_panel`], or if `values` is not `rows * cols` long.
pub fn pack_panels(format: Format, values: &[f32], rows: usize, cols: usize) -> Vec<u8> {
    assert_eq!(values.len(), rows * cols, "values of a [{rows}, {cols}] weight");
    let size = panel_bytes(format, cols).expect("the format has panels of this width");
    let mut out = vec![0; rows.div_ceil(PANEL) * size];
    if size > 0 {
        for (panel, bytes) in out.chunks_exact_mut(size).enumerate() {
            let rows: Vec<&[f32]> = (panel * PANEL..rows.min((panel + 1) * PANEL)).map(|r| &values[r * cols..(r + 1) * cols]).collect();
            pack_panel(format, &rows, bytes);
        }
    }
    out
}

/// Packs one row of the `Rows` layout; `out` is exactly `row_bytes(format, cols)`.
///
/// # Panics
/// If the format or shape has no row layout, or `out` has another size: the caller sized both.
pub fn pack_row(format: Format, row: &[f32], out: &mut [u8]) {
    assert_eq!(Some(out.len()), row_bytes(format, row.len()), "bytes of a {} row of {} columns", format.name(), row.len());
    match format {
        Format::F32 | Format::Int8 => unreachable!("row_bytes has no size for it"),
        Format::Bf16 => {
            for (bytes, value) in out.as_chunks_mut::<2>().0.iter_mut().zip(row) {
                *bytes = bf16::from_f32(*value).to_le_bytes();
            }
        }
        Format::Q8 | Format::Q4 => {
            let (scales, codes) = out.split_at_mut(row_groups(row.len()) * 2);
            scales.fill(0);
            codes.fill(if format == Format::Q8 { 128 } else { 0x88 });
            for group in 0..row.len() / GROUP {
                let (scale, quantised) = quantise(format, row, group);
                scales[group * 2..group * 2 + 2].copy_from_slice(&scale.to_le_bytes());
                if format == Format::Q8 {
                    codes[group * GROUP..(group + 1) * GROUP].copy_from_slice(&quantised);
                } else {
                    let shift = group % 2 * 4;
                    for (byte, code) in codes[group / 2 * GROUP..][..GROUP].iter_mut().zip(quantised) {
                        *byte = *byte & !(0xf << shift) | code << shift;
                    }
                }
            }
        }
    }
}

fn quantise(format: Format, row: &[f32], group: usize) -> (f16, [u8; GROUP]) {
    let values = &row.as_chunks::<GROUP>().0[group];
    if format == Format::Q8 { quantise_q8(values) } else { quantise_q4(values) }
}

fn half_at(bytes: &[u8], index: usize) -> [u8; 2] {
    [bytes[index * 2], bytes[index * 2 + 1]]
}

/// Reads row `lane` (0 to 15) of a packed panel: `out` gets its `cols` values.
///
/// # Panics
/// If `panel` is not `panel_bytes(format, out.len())` long or `lane` is not below 16.
pub fn unpack_panel_row(format: Format, panel: &[u8], lane: usize, out: &mut [f32]) {
    assert!(lane < PANEL, "lane {lane} of a panel");
    assert_eq!(Some(panel.len()), panel_bytes(format, out.len()), "bytes of a {} panel of {} columns", format.name(), out.len());
    match format {
        Format::F32 | Format::Int8 => unreachable!("panel_bytes has no size for it"),
        Format::Bf16 => {
            for (column, value) in out.iter_mut().enumerate() {
                *value = bf16::from_le_bytes(half_at(panel, column * PANEL + lane)).to_f32();
            }
        }
        Format::Q8 | Format::Q4 => {
            for (record, values) in panel.chunks_exact(panel_group_bytes(format)).zip(out.as_chunks_mut::<GROUP>().0) {
                let (scales, codes) = record.split_at(PANEL * 2);
                let scale = f16::from_le_bytes(half_at(scales, lane)).to_f32();
                for (i, value) in values.iter_mut().enumerate() {
                    let code = if format == Format::Q8 {
                        codes[(i / 4 * PANEL + lane) * 4 + i % 4]
                    } else {
                        codes[(i / 8 * PANEL + lane) * 4 + i % 4] >> (i / 4 % 2 * 4) & 0xf
                    };
                    *value = (i32::from(code) - format.bias()) as f32 * scale;
                }
            }
        }
    }
}

/// Packs row-major `values` `[rows, cols]` into a matrix of int8.
///
/// # Panics
/// If `values` is not `rows * cols` long, or the layout cannot hold that shape.
pub fn pack_matrix(values: &[f32], rows: usize, cols: usize) -> Vec<u8> {
    assert_eq!(values.len(), rows * cols, "values of a [{rows}, {cols}] weight");
    let mut scales = matrix_scales(rows, cols).expect("the layout holds this shape");
    let mut out = vec![0; scales + rows * 4];
    let mut codes = vec![0i8; cols];
    for (row, values) in values.chunks_exact(cols.max(1)).enumerate() {
        let scale = quantise_int8(values, &mut codes);
        out[row * cols..(row + 1) * cols].iter_mut().zip(&codes).for_each(|(byte, code)| *byte = *code as u8);
        out[scales..scales + 4].copy_from_slice(&scale.to_le_bytes());
        scales += 4;
    }
    out
}

/// Reads a row of a packed matrix of `rows` rows: `out` gets its `cols` values.
///
/// # Panics
/// If `matrix` is not such a matrix, or has no such row.
pub fn unpack_matrix_row(matrix: &[u8], rows: usize, row: usize, out: &mut [f32]) {
    let scales = matrix_scales(rows, out.len()).expect("the layout holds this shape");
    let scale = f32::from_le_bytes(matrix[scales + row * 4..][..4].try_into().expect("four bytes"));
    let codes = &matrix[row * out.len()..][..out.len()];
    out.iter_mut().zip(codes).for_each(|(value, code)| *value = f32::from(*code as i8) * scale);
}

/// Reads one record of the `Rows` layout: `out` gets its `cols` values.
///
/// # Panics
/// If `record` is not `row_bytes(format, out.len())` long.
pub fn unpack_row(format: Format, record: &[u8], out: &mut [f32]) {
    assert_eq!(Some(record.len()), row_bytes(format, out.len()), "bytes of a {} row of {} columns", format.name(), out.len());
    match format {
        Format::F32 | Format::Int8 => unreachable!("row_bytes has no size for it"),
        Format::Bf16 => {
            for (bytes, value) in record.as_chunks::<2>().0.iter().zip(out) {
                *value = bf16::from_le_bytes(*bytes).to_f32();
            }
        }
        Format::Q8 | Format::Q4 => {
            let (scales, codes) = record.split_at(row_groups(out.len()) * 2);
            for (group, values) in out.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
                let scale = f16::from_le_bytes(half_at(scales, group)).to_f32();
                let (first, shift, mask) = if format == Format::Q8 { (group * GROUP, 0, 0xff) } else { (group / 2 * GROUP, group % 2 * 4, 0xf) };
                for (value, code) in values.iter_mut().zip(&codes[first..first + GROUP]) {
                    *value = (i32::from(code >> shift & mask) - format.bias()) as f32 * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use unicorn_artifact::tensor::round_trip;

    #[test]
    fn panels_and_rows_read_back_what_the_format_holds() {
        let mut random = Random(1);
        for format in [Format::Bf16, Format::Q8, Format::Q4] {
            for (rows, cols) in [(1, 32), (16, 64), (17, 96), (33, 160), (5, 0)] {
                let cols = if format == Format::Bf16 { cols / 3 + 1 } else { cols };
                let values = random.values(rows * cols);
                let packed = pack_panels(format, &values, rows, cols);
                let size = panel_bytes(format, cols).unwrap();
                for row in 0..rows {
                    let mut expected = values[row * cols..(row + 1) * cols].to_vec();
                    let mut record = vec![0xa5; row_bytes(format, cols).unwrap()];
                    pack_row(format, &expected, &mut record);
                    round_trip(format, &mut expected);
                    let mut read = vec![f32::NAN; cols];
                    unpack_row(format, &record, &mut read);
                    assert_eq!(read, expected, "{} row {row} of [{rows}, {cols}]", format.name());
                    read.fill(f32::NAN);
                    unpack_panel_row(format, &packed[row / PANEL * size..][..size], row % PANEL, &mut read);
                    assert_eq!(read, expected, "{} panel row {row} of [{rows}, {cols}]", format.name());
                }
            }
        }
    }

    #[test]
    fn padding_is_zero() {
        let row: Vec<f32> = (0..96).map(|i| i as f32 - 40.0).collect();
        for (format, code) in [(Format::Q8, 128), (Format::Q4, 0x88)] {
            let panel = pack_panels(format, &row, 1, 96);
            let mut read = vec![f32::NAN; 96];
            unpack_panel_row(format, &panel, 7, &mut read);
            assert_eq!(read, vec![0.0; 96]);
            let mut record = vec![0; row_bytes(format, 96).unwrap()];
            pack_row(format, &row, &mut record);
            assert_eq!(record[6..8], [0, 0], "scale of the padding group");
            let last = *record.last().unwrap();
            assert_eq!(if format == Format::Q8 { last } else { last & 0xf0 | 8 }, code);
        }
    }

    #[test]
    fn documented_places() {
        // Column 13 of row 2 alone is not zero: its code must stand where `Layout` says.
        let mut rows = vec![vec![0f32; 32]; 3];
        rows[2][13] = -8.0;
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let mut q4 = vec![0; 288];
        pack_panel(Format::Q4, &rows, &mut q4);
        assert_eq!(q4[4..6], f16::ONE.to_le_bytes());
        assert_eq!(q4[32 + (16 + 2) * 4 + 1], 0x08, "column 8 * 1 + 4 + 1: high nibble of codes[1][2][1]");
        let mut q8 = vec![0; 544];
        pack_panel(Format::Q8, &rows, &mut q8);
        assert_eq!(q8[32 + (3 * 16 + 2) * 4 + 1], 1, "column 4 * 3 + 1: codes[3][2][1]");
        let mut bf16 = vec![0; 1024];
        pack_panel(Format::Bf16, &rows, &mut bf16);
        assert_eq!(bf16[(13 * 16 + 2) * 2..][..2], [0x00, 0xc1]);
    }
}
