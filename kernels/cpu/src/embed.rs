//! Table look-ups: one row of a resident table in panels, or one record that was read from the file. `out = value * scale`, the stored value first.
//! Element-wise and once per token, so there is only the plain variant.

use crate::pack::{unpack_panel_row, unpack_row};
use unicorn_artifact::tensor::{Format, PANEL, panel_bytes};

/// Writes row `index` of a table in panels, each value times `scale`, to `out` (`cols` elements).
///
/// # Safety
/// `table` holds at least `index / 16 + 1` panels of `cols` columns in `format`, and `out` is valid for `cols` elements and overlaps no part of the table.
///
/// # Panics
/// If the format has no panels of that width, which a validated plan excludes.
pub unsafe fn embed_panel(format: Format, table: *const u8, cols: usize, index: usize, scale: f32, out: *mut f32) {
    let size = panel_bytes(format, cols).expect("a validated table has panels");
    // SAFETY: the caller grants the panel of `index` and `cols` output elements.
    let (panel, out) = unsafe { (std::slice::from_raw_parts(table.add(index / PANEL * size), size), std::slice::from_raw_parts_mut(out, cols)) };
    unpack_panel_row(format, panel, index % PANEL, out);
    out.iter_mut().for_each(|v| *v *= scale);
}

/// Writes one record of a table in rows, each value times `scale`, to `out`.
///
/// # Panics
/// If `record` is not `row_bytes(format, out.len())` long.
pub fn embed_row(format: Format, record: &[u8], scale: f32, out: &mut [f32]) {
    unpack_row(format, record, out);
    out.iter_mut().for_each(|v| *v *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{pack_panels, pack_row};
    use crate::testing::Random;
    use unicorn_artifact::tensor::{round_trip, row_bytes};

    #[test]
    fn both_layouts_give_the_scaled_stored_value() {
        let (rows, cols, scale) = (37, 96, 45.254834);
        let values = Random(7).values(rows * cols);
        for format in [Format::Bf16, Format::Q8, Format::Q4] {
            let table = pack_panels(format, &values, rows, cols);
            for index in [0, 15, 16, 36] {
                let mut expected = values[index * cols..(index + 1) * cols].to_vec();
                let mut record = vec![0; row_bytes(format, cols).unwrap()];
                pack_row(format, &expected, &mut record);
                round_trip(format, &mut expected);
                expected.iter_mut().for_each(|v| *v *= scale);
                let mut out = vec![f32::NAN; cols];
                // SAFETY: the table has 37 rows of `cols` columns and `out` holds `cols` elements.
                unsafe { embed_panel(format, table.as_ptr(), cols, index, scale, out.as_mut_ptr()) };
                assert_eq!(out, expected, "{} row {index} in panels", format.name());
                out.fill(f32::NAN);
                embed_row(format, &record, scale, &mut out);
                assert_eq!(out, expected, "{} row {index} in rows", format.name());
            }
        }
    }
}
