//! Constants to bytes: read in blocks of rows, packed on all threads, written in order. Memory does not grow with the tensor.

use super::weights::Constant;
use crate::graph::WeightRef;
use crate::graph::eval::Weights;
use crate::{Error, Result};
use unicorn_artifact::plan::ALIGN;
use unicorn_artifact::tensor::{Format, Layout, PANEL, matrix_scales, panel_bytes, row_bytes};
use unicorn_kernels_cpu::pack;

/// Elements that are held at a time, about.
const BLOCK: usize = 8 << 20;

/// Squared error and squared size of what was packed, summed in a fixed order.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    error: f64,
    size: f64,
}

impl Measure {
    fn add(self, other: Self) -> Self {
        Self { error: self.error + other.error, size: self.size + other.size }
    }

    fn relative(self) -> f32 {
        if self.size > 0.0 { (self.error / self.size).sqrt() as f32 } else { 0.0 }
    }
}

/// Packs one constant and hands its bytes to `write` in order. Returns the relative root-mean-square error of what is stored.
///
/// # Errors
/// A tensor that cannot be read, or what `write` says.
pub fn pack(constant: &Constant, weights: &dyn Weights, threads: usize, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<f32> {
    let exact = WeightRef { format: Format::F32, ..constant.source.clone() };
    let (rows, cols) = (constant.rows as usize, constant.cols as usize);
    let step = (BLOCK / cols.max(1)).next_multiple_of(PANEL).max(PANEL);
    let mut measure = Measure::default();
    let mut written = 0u64;
    // Of a matrix: they stand behind all codes.
    let mut scales = Vec::new();
    for first in (0..rows).step_by(step) {
        let count = step.min(rows - first);
        let values = weights.rows(&exact, first, count)?;
        if values.len() != count * cols {
            let why = format!("{count} rows hold {} elements, the graph says {cols} columns", values.len());
            return Err(Error::Tensor { tensor: constant.source.tensor.clone(), why });
        }
        // Whole panels to each thread; results come back in order, so bytes and sums do not depend on the number of threads.
        let share = count.div_ceil(PANEL).div_ceil(threads.max(1)) * PANEL * cols.max(1);
        let parts: Vec<Packed> = std::thread::scope(|scope| {
            let jobs: Vec<_> = values.chunks(share.max(1)).map(|part| scope.spawn(move || pack_rows(constant, part, cols))).collect();
            jobs.into_iter().map(|job| job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        for part in parts {
            written += part.bytes.len() as u64;
            write(&part.bytes)?;
            scales.extend(part.scales);
            measure = part.measures.into_iter().fold(measure, Measure::add);
        }
    }
    for tail in [&[][..], &scales] {
        debug_assert!(tail.is_empty() || matrix_scales(rows, cols) == Some(written as usize));
        write(tail)?;
        written += tail.len() as u64;
        let padding = written.next_multiple_of(ALIGN) - written;
        write(&[0; ALIGN as usize][..padding as usize])?;
        written += padding;
    }
    Ok(measure.relative())
}

/// Some packed rows.
#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    /// What stands behind all rows of the constant.
    scales: Vec<u8>,
    /// One a panel.
    measures: Vec<Measure>,
}

/// Packs whole panels (the last may be partial).
fn pack_rows(constant: &Constant, values: &[f32], cols: usize) -> Packed {
    let format = constant.source.format;
    let Packed { mut bytes, mut scales, mut measures } = Packed::default();
    for panel in values.chunks(PANEL * cols) {
        let rows: Vec<&[f32]> = panel.chunks(cols).collect();
        let start = bytes.len();
        match constant.layout {
            Layout::Flat => bytes.extend(panel.iter().flat_map(|v| v.to_le_bytes())),
            Layout::Panel => {
                bytes.resize(start + panel_bytes(format, cols).expect("checked when it was added"), 0);
                pack::pack_panel(format, &rows, &mut bytes[start..]);
            }
            Layout::Rows => {
                let size = row_bytes(format, cols).expect("checked when it was added");
                bytes.resize(start + rows.len() * size, 0);
                rows.iter().zip(bytes[start..].chunks_mut(size)).for_each(|(row, record)| pack::pack_row(format, row, record));
            }
            Layout::Matrix => {
                let matrix = pack::pack_matrix(panel, rows.len(), cols);
                measures.push(measure(constant, &rows, &matrix, cols));
                bytes.extend(&matrix[..panel.len()]);
                scales.extend(&matrix[matrix.len() - 4 * rows.len()..]);
                continue;
            }
        }
        measures.push(measure(constant, &rows, &bytes[start..], cols));
    }
    Packed { bytes, scales, measures }
}

/// Reads back what was packed and compares.
fn measure(constant: &Constant, rows: &[&[f32]], packed: &[u8], cols: usize) -> Measure {
    let format = constant.source.format;
    let mut back = vec![0f32; cols];
    let mut sum = Measure::default();
    for (at, row) in rows.iter().enumerate() {
        match constant.layout {
            Layout::Flat => return Measure { error: 0.0, size: 1.0 },
            Layout::Panel => pack::unpack_panel_row(format, packed, at, &mut back),
            Layout::Matrix => pack::unpack_matrix_row(packed, rows.len(), at, &mut back),
            Layout::Rows => {
                let size = packed.len() / rows.len();
                pack::unpack_row(format, &packed[at * size..(at + 1) * size], &mut back);
            }
        }
        for (exact, stored) in row.iter().zip(&back) {
            let (exact, stored) = (f64::from(*exact), f64::from(*stored));
            sum = sum.add(Measure { error: (exact - stored).powi(2), size: exact * exact });
        }
    }
    sum
}
