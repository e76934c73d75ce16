//! Weight formats and layouts, and the scalar definition of a quantised group. Every byte layout is described here and only here.

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

/// Elements that share one scale, in quantised weights and quantised activations.
pub const GROUP: usize = 32;
/// Longest row of [`Format::Int8`]: sums of as many products of two signed bytes fit an i32.
pub const MAX_INT8: usize = 1 << 16;
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
    /// Signed byte `c`, value `c * scale`, one f32 scale per row (per output channel). What it is multiplied with has one scale per row, too (per token),
    /// so a product is a sum of integers, exact in any order on any device, and one multiplication by a scale at its end: see [`crate::command::Command::MatMulInt8`].
    Int8,
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
            Self::Int8 => "int8",
            Self::Q4 => "q4",
        }
    }

    /// What a stored code of zero value reads as (the bias that is subtracted); 0 for unquantised formats.
    pub fn bias(self) -> i32 {
        match self {
            Self::F32 | Self::Bf16 | Self::Int8 => 0,
            Self::Q8 => 128,
            Self::Q4 => 8,
        }
    }

    /// Whether elements share a scale per [`GROUP`].
    pub fn is_quantised(self) -> bool {
        matches!(self, Self::Q8 | Self::Q4)
    }

    /// Whether rows must be a multiple of [`GROUP`] long.
    pub fn needs_groups(self) -> bool {
        matches!(self, Self::Q8 | Self::Int8 | Self::Q4)
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
/// * `Matrix`: for `Int8` alone. The codes of all rows one after the other, as an NPU reads them too; then, from [`matrix_scales`] on, an f32 scale per row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layout {
    /// Row-major f32.
    Flat,
    /// Sixteen rows interleaved.
    Panel,
    /// One record per row.
    Rows,
    /// Rows of codes, then the scales of all rows.
    Matrix,
}

impl Layout {
    /// The name used in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Panel => "panel",
            Self::Rows => "rows",
            Self::Matrix => "matrix",
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
        Format::Int8 => PANEL * GROUP,
    }
}

/// Bytes of one whole panel of `cols` columns, `None` on overflow or a shape the format cannot hold.
pub fn panel_bytes(format: Format, cols: usize) -> Option<usize> {
    match format {
        Format::F32 | Format::Int8 => None,
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
        Format::F32 | Format::Int8 => None,
        Format::Bf16 => cols.checked_mul(2),
        Format::Q8 if cols.is_multiple_of(GROUP) => row_groups(cols).checked_mul(2 + GROUP),
        Format::Q4 if cols.is_multiple_of(GROUP) => row_groups(cols).checked_mul(2 + GROUP / 2),
        Format::Q8 | Format::Q4 => None,
    }
}

/// First byte of the scales in [`Layout::Matrix`], a multiple of 64; `None` on overflow or a shape that it cannot hold.
pub fn matrix_scales(rows: usize, cols: usize) -> Option<usize> {
    if cols.is_multiple_of(GROUP) && cols <= MAX_INT8 { rows.checked_mul(cols)?.checked_next_multiple_of(64) } else { None }
}

/// Bytes of a `[rows, cols]` weight, `None` when the layout cannot hold that format or shape, or the size overflows.
pub fn weight_bytes(format: Format, layout: Layout, rows: usize, cols: usize) -> Option<usize> {
    match layout {
        Layout::Flat if format == Format::F32 => rows.checked_mul(cols)?.checked_mul(4),
        Layout::Flat => None,
        Layout::Panel => rows.div_ceil(PANEL).checked_mul(panel_bytes(format, cols)?),
        Layout::Rows => rows.checked_mul(row_bytes(format, cols)?),
        Layout::Matrix if format == Format::Int8 => matrix_scales(rows, cols)?.checked_add(rows.checked_mul(4)?),
        Layout::Matrix => None,
    }
}

/// Quantises one group to [`Format::Q8`] by rounding to nearest: scale = largest magnitude / 127 (at most the largest f16).
pub fn quantise_q8(values: &[f32; GROUP]) -> (f16, [u8; GROUP]) {
    let peak = values.iter().fold(0f32, |m, v| if v.abs() > m { v.abs() } else { m });
    let scale = f16::from_f32((peak / 127.0).min(65504.0));
    let inverse = if scale.to_f32() > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
    (scale, std::array::from_fn(|i| round_within(values[i] * inverse, -127.0, 127.0).wrapping_add(128) as u8))
}

/// Quantises one row to [`Format::Int8`]: scale = largest magnitude / 127, code = round-half-even(value * (127 / largest magnitude)). A row with values
/// above 1e38 (whose product with the scale might overflow) or too small for the factor becomes zero.
pub fn quantise_int8(values: &[f32], codes: &mut [i8]) -> f32 {
    let peak = values.iter().fold(0u32, |m, v| m.max(v.abs().to_bits()));
    let peak = f32::from_bits(peak);
    let inverse = 127.0 / peak;
    if !inverse.is_finite() || !peak.is_finite() || peak > 1e38 {
        codes.fill(0);
        return 0.0;
    }
    codes.iter_mut().zip(values).for_each(|(code, value)| *code = round_within(value * inverse, -127.0, 127.0) as i8);
    peak / 127.0
}

/// Codes given to a group's largest value by the candidates of [`quantise_q4`].
const Q4_CANDIDATES: [f32; 8] = [-8.0, -7.7, -7.4, -7.1, -6.8, -6.5, -8.3, -8.6];

/// Quantises one group to [`Format::Q4`], choosing among roundings the one with the least squared error.
///
/// Each candidate maps the largest value to a (fractional) code between -8.6 and -6.5, so the scale has the sign opposite to it and the longer side of
/// the range is used. All values are rounded to nearest and clamped; those codes are judged with the scale that fits them best in the least-squares
/// sense. The best candidate's scale serves as one more candidate; the winner's scale is rounded to f16 and the codes are rounded afresh with it.
/// Ties keep the first candidate and all sums have a fixed order, so the result depends on the values alone. A group that is not finite, or too small
/// for an f16 scale, becomes zero.
pub fn quantise_q4(values: &[f32; GROUP]) -> (f16, [u8; GROUP]) {
    let zero = (f16::ZERO, [8; GROUP]);
    let peak = values.iter().copied().fold(0f32, |m, v| if v.abs() > m.abs() { v } else { m });
    // Below this no scale that is not zero exists in f16, and reciprocals stay finite above it.
    if peak.abs() < 1e-9 || !peak.is_finite() {
        return zero;
    }
    let unit = 1.0 / peak;
    let mut best = (0f32, 0f32);
    let consider = |best: &mut (f32, f32), inverse: f32| {
        // The residual of the best fit is sum(v v) - sum(v q)^2 / sum(q q): the larger the last term, the smaller the error.
        let (vq, qq) = q4_sums(values, inverse);
        let gain = vq * (vq / qq);
        if gain > best.0 {
            *best = (gain, vq / qq);
        }
    };
    for code in Q4_CANDIDATES {
        consider(&mut best, code * unit);
    }
    let refined = 1.0 / best.1;
    if refined.is_finite() {
        consider(&mut best, refined);
    }
    let scale = f16::from_f32(best.1.clamp(-65504.0, 65504.0));
    if scale.to_f32() == 0.0 {
        return zero;
    }
    let inverse = 1.0 / scale.to_f32();
    (scale, std::array::from_fn(|i| round_within(values[i] * inverse, -8.0, 7.0).wrapping_add(8) as u8))
}

/// Sums of `v q` and `q q` over a group, `q` being the code of `v` under the scale `1 / inverse`. Eight partial sums, then halves.
fn q4_sums(values: &[f32; GROUP], inverse: f32) -> (f32, f32) {
    let (mut vq, mut qq) = ([0f32; 8], [0f32; 8]);
    for part in values.as_chunks::<8>().0 {
        for l in 0..8 {
            let code = (clamped(part[l] * inverse, -8.0, 7.0) + ROUNDER) - ROUNDER;
            vq[l] += part[l] * code;
            qq[l] += code * code;
        }
    }
    let fold = |s: [f32; 8]| ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    (fold(vq), fold(qq))
}

/// 1.5 * 2^23: adding it rounds an f32 of small magnitude to the nearest integer, ties to even, without the library call that baseline x86-64 needs.
const ROUNDER: f32 = 12_582_912.0;

fn clamped(value: f32, low: f32, high: f32) -> f32 {
    let value = if value > low { value } else { low };
    if value < high { value } else { high }
}

/// `value` clamped (not-a-number goes to `low`), then rounded to the nearest integer, ties to even.
fn round_within(value: f32, low: f32, high: f32) -> i32 {
    (clamped(value, low, high) + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32
}

/// The values that a format can hold nearest to `row` (in place): what every kernel reads back. Groups start at index 0.
///
/// # Panics
/// If the format is quantised and the length is not a multiple of [`GROUP`].
pub fn round_trip(format: Format, row: &mut [f32]) {
    match format {
        Format::F32 => {}
        Format::Bf16 => row.iter_mut().for_each(|v| *v = bf16::from_f32(*v).to_f32()),
        Format::Int8 => {
            let mut codes = vec![0; row.len()];
            let scale = quantise_int8(row, &mut codes);
            row.iter_mut().zip(codes).for_each(|(v, c)| *v = f32::from(c) * scale);
        }
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

/// Bytes of one row of int8 activations of `cols` elements: `cols` i8 codes, then one f32 scale. Value of element `k` is `codes[k] * scale`.
///
/// `cols` must be a multiple of [`GROUP`].
pub const fn int8_row_bytes(cols: usize) -> usize {
    cols + 4
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
        assert_eq!(weight_bytes(Format::Int8, Layout::Matrix, 3, 96), Some(5 * 64 + 3 * 4));
        assert_eq!(weight_bytes(Format::Int8, Layout::Matrix, 3, 40), None);
        assert_eq!(weight_bytes(Format::Int8, Layout::Panel, 16, 64), None);
        assert_eq!(weight_bytes(Format::Q8, Layout::Matrix, 16, 64), None);
        assert_eq!(weight_bytes(Format::Int8, Layout::Matrix, usize::MAX / 32, 32), None);
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
    fn a_row_of_int8_has_one_scale_and_rounds_to_its_steps() {
        // Peak 2.54 makes a step of 0.02; 0.05 and 0.07 lie halfway between two, as far as f32 can say.
        let mut row: Vec<f32> = (0..96).map(|i| [0.0, 0.013, -0.02, 0.5, -1.27][i % 5]).collect();
        row[77] = -2.54;
        let mut codes = vec![0; 96];
        let scale = quantise_int8(&row, &mut codes);
        assert_eq!((scale, codes[77]), (2.54 / 127.0, -127));
        for (code, value) in codes.iter().zip(&row) {
            assert!((f64::from(*code) * 0.02 - f64::from(*value)).abs() <= 0.010_001, "{value} became {code}");
        }
        let mut kept = row.clone();
        round_trip(Format::Int8, &mut kept);
        assert!(kept.iter().zip(&codes).all(|(v, c)| *v == f32::from(*c) * scale));
    }

    #[test]
    fn values_that_the_format_holds_are_kept() {
        for format in [Format::Q8, Format::Q4] {
            for (step, peak) in [(0.0078125f32, format.bias()), (-1.5, format.bias()), (0.75, format.bias() - 1)] {
                let peak = if format == Format::Q8 { peak.min(127) } else { peak };
                let values: [f32; GROUP] = std::array::from_fn(|i| ((i as i32 * 5 % (2 * peak)) - peak) as f32 * step);
                let mut kept = values;
                round_trip(format, &mut kept);
                assert_eq!(kept, values, "{} {step}", format.name());
            }
        }
    }

    #[test]
    fn the_four_bit_search_beats_rounding_with_the_plain_scale() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        let (mut found, mut plain) = (0f64, 0f64);
        for _ in 0..500 {
            let values: [f32; GROUP] = std::array::from_fn(|_| random() + random() + random());
            let mut kept = values;
            round_trip(Format::Q4, &mut kept);
            let peak = values.iter().copied().fold(0f32, |m, v| if v.abs() > m.abs() { v } else { m });
            let scale = f16::from_f32(peak / -8.0).to_f32();
            for (v, k) in values.iter().zip(kept) {
                found += f64::from(v - k).powi(2);
                plain += f64::from(v - (v / scale).round_ties_even().clamp(-8.0, 7.0) * scale).powi(2);
            }
        }
        assert!(found < 0.93 * plain, "{found} against {plain}");
    }

    #[test]
    fn hostile_groups_give_finite_values() {
        for peak in [f32::INFINITY, f32::NAN, f32::MAX, -1e9, 1e-9, 1e-30, f32::MIN_POSITIVE / 2.0] {
            for format in [Format::Q8, Format::Int8, Format::Q4] {
                let mut values: [f32; GROUP] = std::array::from_fn(|i| if i == 3 { peak } else { 1e-8 * i as f32 });
                round_trip(format, &mut values);
                assert!(values.iter().all(|v| v.is_finite()), "{} {peak}: {values:?}", format.name());
            }
        }
    }

    #[test]
    fn a_zero_group_stays_zero() {
        for format in [Format::Q4, Format::Q8, Format::Int8] {
            let mut zeros = [0f32; GROUP];
            round_trip(format, &mut zeros);
            assert_eq!(zeros, [0f32; GROUP]);
        }
    }
}
