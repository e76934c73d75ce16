//! Weight formats and layouts, and the scalar definition of a quantised group. Every byte layout is described here and only here.

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

/// Elements that share one scale, in quantised weights and quantised activations.
pub const GROUP: usize = 32;
/// Output rows interleaved in one panel of [`Layout::Panel`].
pub const PANEL: usize = 16;

/// How one weight element is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// IEEE single.
    F32,
    /// The upper half of an IEEE single.
    Bf16,
    /// Unsigned byte `c`, value `(c - 128) * scale`, one f16 scale per [`GROUP`].
    Q8,
    /// Unsigned nibble `c`, value `(c - 8) * scale`, one f16 scale per [`GROUP`].
    Q4,
}

impl Format {
    /// The name used on command lines and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        }
    }

    /// What a stored code of zero value reads as (the bias that is subtracted); 0 for unquantised formats.
    pub fn bias(self) -> i32 {
        match self {
            Self::F32 | Self::Bf16 => 0,
            Self::Q8 => 128,
            Self::Q4 => 8,
        }
    }

    /// Whether elements share a scale per [`GROUP`].
    pub fn is_quantised(self) -> bool {
        matches!(self, Self::Q8 | Self::Q4)
    }
}

/// How the elements of a `[rows, cols]` weight are arranged.
///
/// * `Flat`: row-major f32, no padding (norm weights, coefficients).
/// * `Panel`: for dense products and for the embedding. Rows are padded with zeros to a multiple of [`PANEL`] and cut into panels of 16.
///   - `F32` is not allowed.
///   - `Bf16`: `[panel][col][16 rows]` of u16.
///   - `Q8`: `[panel][group]` records of 544 bytes: 16 f16 scales, then `codes[8][16][4]`; `codes[i][n][b]` is column `4 i + b` of row `n`.
///   - `Q4`: `[panel][group]` records of 288 bytes: 16 f16 scales, then `codes[4][16][4]`; the low nibble of `codes[i][n][b]` is column `8 i + b`,
///     the high nibble column `8 i + 4 + b`, of row `n`.
/// * `Rows`: each row contiguous, for gathers (active neurons, per-layer embeddings). Rows are not padded; groups are padded to an even count.
///   - `Bf16`: `[row][col]` of u16.
///   - `Q8`: per row: f16 scales of all groups, then the codes in order (padding codes are 128, padding scales 0).
///   - `Q4`: per row: f16 scales of all groups, then 32 bytes per pair of groups; byte `i` holds column `i` of the even group in its low nibble
///     and column `i` of the odd group in its high nibble (padding codes are 8, padding scales 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layout {
    /// Row-major f32.
    Flat,
    /// Sixteen rows interleaved.
    Panel,
    /// One record per row.
    Rows,
}

impl Layout {
    /// The name used in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Panel => "panel",
            Self::Rows => "rows",
        }
    }
}

/// Bytes of one group record of a panel ([`Layout::Panel`]); for `Bf16` the bytes of 32 columns.
pub const fn panel_group_bytes(format: Format) -> usize {
    match format {
        Format::F32 => PANEL * GROUP * 4,
        Format::Bf16 => PANEL * GROUP * 2,
        Format::Q8 => PANEL * 2 + PANEL * GROUP,
        Format::Q4 => PANEL * 2 + PANEL * GROUP / 2,
    }
}

/// Bytes of one whole panel of `cols` columns, `None` on overflow or a shape the format cannot hold.
pub fn panel_bytes(format: Format, cols: usize) -> Option<usize> {
    match format {
        Format::F32 => None,
        Format::Bf16 => cols.checked_mul(PANEL * 2),
        Format::Q8 | Format::Q4 if cols.is_multiple_of(GROUP) => (cols / GROUP).checked_mul(panel_group_bytes(format)),
        Format::Q8 | Format::Q4 => None,
    }
}

/// Groups of one row in [`Layout::Rows`]: padded to an even count.
pub const fn row_groups(cols: usize) -> usize {
    (cols / GROUP).next_multiple_of(2)
}

/// Bytes of one row of `cols` columns in [`Layout::Rows`], `None` on overflow or a shape the format cannot hold.
pub fn row_bytes(format: Format, cols: usize) -> Option<usize> {
    match format {
        Format::F32 => None,
        Format::Bf16 => cols.checked_mul(2),
        Format::Q8 if cols.is_multiple_of(GROUP) => row_groups(cols).checked_mul(2 + GROUP),
        Format::Q4 if cols.is_multiple_of(GROUP) => row_groups(cols).checked_mul(2 + GROUP / 2),
        Format::Q8 | Format::Q4 => None,
    }
}

/// Bytes of a `[rows, cols]` weight, `None` when the layout cannot hold that format or shape, or the size overflows.
pub fn weight_bytes(format: Format, layout: Layout, rows: usize, cols: usize) -> Option<usize> {
    match layout {
        Layout::Flat if format == Format::F32 => rows.checked_mul(cols)?.checked_mul(4),
        Layout::Flat => None,
        Layout::Panel => rows.div_ceil(PANEL).checked_mul(panel_bytes(format, cols)?),
        Layout::Rows => rows.checked_mul(row_bytes(format, cols)?),
    }
}

/// Quantises one group to [`Format::Q8`] by rounding to nearest: scale = largest magnitude / 127.
pub fn quantise_q8(values: &[f32; GROUP]) -> (f16, [u8; GROUP]) {
    let peak = values.iter().fold(0f32, |m, v| m.max(v.abs()));
    let scale = f16::from_f32(peak / 127.0);
    let inverse = if scale.to_f32() > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
    (scale, std::array::from_fn(|i| ((values[i] * inverse).round_ties_even().clamp(-127.0, 127.0) + 128.0) as u8))
}

/// Quantises one group to [`Format::Q4`], choosing among scales the one with the least squared error.
///
/// Candidates map the largest value to a code between -8 and -6.5 (so that both signs of the range are tried), rounding to nearest. Ties keep the
/// first candidate, so the result depends on the values alone.
pub fn quantise_q4(values: &[f32; GROUP]) -> (f16, [u8; GROUP]) {
    let peak = values.iter().copied().fold(0f32, |m, v| if v.abs() > m.abs() { v } else { m });
    if peak == 0.0 || !peak.is_finite() {
        return (f16::ZERO, [8; GROUP]);
    }
    let mut best = (f32::INFINITY, f16::ZERO);
    for step in 0..16 {
        for sign in [-1.0f32, 1.0] {
            let scale = f16::from_f32(sign * peak / (8.0 - 0.1 * step as f32));
            let error = q4_error(values, scale);
            if error < best.0 {
                best = (error, scale);
            }
        }
    }
    let codes = q4_codes(values, best.1);
    (best.1, codes)
}

fn q4_codes(values: &[f32; GROUP], scale: f16) -> [u8; GROUP] {
    let scale = scale.to_f32();
    let inverse = if scale != 0.0 { 1.0 / scale } else { 0.0 };
    std::array::from_fn(|i| ((values[i] * inverse).round_ties_even().clamp(-8.0, 7.0) + 8.0) as u8)
}

fn q4_error(values: &[f32; GROUP], scale: f16) -> f32 {
    let codes = q4_codes(values, scale);
    let scale = scale.to_f32();
    values.iter().zip(codes).map(|(v, c)| (v - (f32::from(c) - 8.0) * scale).powi(2)).sum()
}

/// The values that a format can hold nearest to `row` (in place): what every kernel reads back. Groups start at index 0.
///
/// # Panics
/// If the format is quantised and the length is not a multiple of [`GROUP`].
pub fn round_trip(format: Format, row: &mut [f32]) {
    match format {
        Format::F32 => {}
        Format::Bf16 => row.iter_mut().for_each(|v| *v = bf16::from_f32(*v).to_f32()),
        Format::Q8 | Format::Q4 => {
            let (groups, rest) = row.as_chunks_mut::<GROUP>();
            assert!(rest.is_empty(), "a quantised row holds whole groups");
            for group in groups {
                let (scale, codes) = if format == Format::Q8 { quantise_q8(group) } else { quantise_q4(group) };
                let (scale, bias) = (scale.to_f32(), format.bias());
                for (v, c) in group.iter_mut().zip(codes) {
                    *v = (i32::from(c) - bias) as f32 * scale;
                }
            }
        }
    }
}

/// Bytes of one row of quantised activations of `cols` elements: `cols` i8 codes, then per group an f32 scale, then per group an i32 sum of codes.
///
/// Value of element `k` is `codes[k] * scales[k / 32]`. `cols` must be a multiple of [`GROUP`].
pub const fn activation_row_bytes(cols: usize) -> usize {
    cols + cols / GROUP * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(weight_bytes(Format::Q4, Layout::Panel, 17, 64), Some(2 * 2 * 288));
        assert_eq!(weight_bytes(Format::Q8, Layout::Rows, 3, 96), Some(3 * 4 * 34));
        assert_eq!(weight_bytes(Format::Q4, Layout::Rows, 3, 96), Some(3 * 4 * 18));
        assert_eq!(weight_bytes(Format::Q4, Layout::Panel, 16, 16), None);
        assert_eq!(weight_bytes(Format::Bf16, Layout::Flat, 1, 1), None);
        assert_eq!(weight_bytes(Format::F32, Layout::Flat, usize::MAX, 2), None);
    }

    #[test]
    fn rounding_error_is_bounded_by_half_a_step() {
        let values: [f32; GROUP] = std::array::from_fn(|i| ((i * 37 % 64) as f32 - 31.5) / 13.0);
        let peak = 31.5 / 13.0;
        let mut q8 = values;
        round_trip(Format::Q8, &mut q8);
        assert!(values.iter().zip(q8).all(|(a, b)| (a - b).abs() <= peak / 127.0 * 0.51));
        let mut q4 = values;
        round_trip(Format::Q4, &mut q4);
        assert!(values.iter().zip(q4).all(|(a, b)| (a - b).abs() <= peak / 6.5));
    }

    #[test]
    fn a_zero_group_stays_zero() {
        for format in [Format::Q4, Format::Q8] {
            let mut zeros = [0f32; GROUP];
            round_trip(format, &mut zeros);
            assert_eq!(zeros, [0f32; GROUP]);
        }
    }
}
