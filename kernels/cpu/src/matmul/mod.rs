//! Dense products `out[r][n] = sum over k of weight[n][k] * input[r][k]`, weights in panels. Here: choice of the variant, and the blocking that the wide
//! variants share; no arithmetic.
//!
//! # Order of operations
//! The same for every output, whatever the variant, the number of rows or the range of panels:
//! * quantised: `acc = 0`; for groups ascending `acc = fma(weight scale * activation scale, isum, acc)`, where `isum` is the exact integer sum of
//!   `(code - bias) * activation code` over the group, converted to f32 (exact: below 2^24), and the product of the scales is rounded once;
//! * bf16: `acc = 0`; for columns ascending `acc = fma(weight, x, acc)`.
//!
//! # Blocking
//! A chunk of weights (some panels, some columns) that fits the second-level cache meets one block of rows after the other, so weights come from memory
//! once per call. The block's part of the input is first copied to the stack: contiguous, it fits the first-level cache whatever the row pitch. Between
//! chunks of columns the accumulators rest in `out`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;

use crate::{Isa, MatMul};

/// The `Q4` variant of `isa`. Contract: see [`crate::Kernels`]; `cols` is a multiple of 32.
pub fn select_q4(isa: Isa) -> unsafe fn(&MatMul) {
    match isa {
        Isa::Plain => plain::q4,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::q4,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::q4,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => plain::q4,
    }
}

/// The `Q8` variant of `isa`. Contract: see [`crate::Kernels`]; `cols` is a multiple of 32.
pub fn select_q8(isa: Isa) -> unsafe fn(&MatMul) {
    match isa {
        Isa::Plain => plain::q8,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::q8,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::q8,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => plain::q8,
    }
}

/// The `Bf16` variant of `isa`. Contract: see [`crate::Kernels`]; input is f32.
pub fn select_bf16(isa: Isa) -> unsafe fn(&MatMul) {
    match isa {
        Isa::Plain => plain::bf16,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::bf16,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::bf16,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => plain::bf16,
    }
}

#[cfg(target_arch = "x86_64")]
mod blocking {
    use super::MatMul;
    use std::mem::MaybeUninit;
    use unicorn_artifact::tensor::{Format, GROUP, PANEL, activation_row_bytes, panel_group_bytes};

    /// Most rows of a block.
    pub const ROWS: usize = 16;
    /// Up to this many rows wait for memory more than they compute: then what is fetched ahead lies in the stream that is read, [`AHEAD`] bytes on, and
    /// enters the first-level cache. More rows fetch the next panel's record into the second level while they compute.
    pub const WAITING: usize = 2;
    /// Four records: about what memory needs to answer.
    pub const AHEAD: usize = 1152;
    /// Floats between the rows of a copied f32 block beyond its columns: rows must not fall into the same cache sets.
    const PAD: usize = 16;
    /// Bytes of weights that one chunk may hold.
    const CHUNK: usize = 256 * 1024;
    /// Groups times rows of a block of activations.
    const ROW_GROUPS: usize = 512;
    /// Columns times rows of a block of floats.
    const ROW_COLUMNS: usize = 4096;

    #[repr(align(64))]
    struct Copied([MaybeUninit<u8>; 20 * 1024]);
    const _: () = assert!(ROW_GROUPS * 40 <= size_of::<Copied>() && (ROW_COLUMNS + ROWS * PAD) * 4 <= size_of::<Copied>());

    /// What a variant computes in one go: some rows, panels and columns.
    pub struct Block {
        /// Activations, per group: `rows * 32` codes, `rows` f32 scales, `rows` i32 sums of codes times minus the bias. Or f32 rows.
        pub x: *const u8,
        /// Floats from one row of `x` to the next (f32 only).
        pub x_stride: usize,
        /// Groups, or columns (f32).
        pub depth: usize,
        /// First group or column of the first panel.
        pub weight: *const u8,
        /// Bytes from one panel to the next.
        pub panel_bytes: usize,
        /// Panels.
        pub panels: usize,
        /// Outputs from the first panel's first on (the last panel may be partial).
        pub outputs: usize,
        /// Output row 0, first panel.
        pub out: *mut f32,
        /// Elements from one output row to the next.
        pub out_stride: usize,
        /// Start from zero instead of from `out`.
        pub first: bool,
    }

    impl Block {
        /// Outputs that exist of panel `panel` of the block.
        pub fn lanes(&self, panel: usize) -> usize {
            (self.outputs - panel * PANEL).min(PANEL)
        }
    }

    /// Cuts a product into blocks and has `compute` do each; its second argument is the number of rows: 16, 8, 4, 2 or 1.
    ///
    /// # Safety
    /// As [`crate::Kernels`] says for `args` and the weight format, and `compute` stays within the block it is given.
    pub unsafe fn drive(args: &MatMul, format: Format, compute: unsafe fn(&Block, usize)) {
        let unit_bytes = if format.is_quantised() { panel_group_bytes(format) } else { PANEL * 2 };
        let depth = if format.is_quantised() { args.cols / GROUP } else { args.cols };
        let most = args.rows.next_power_of_two().min(ROWS);
        let deep = if format.is_quantised() { ROW_GROUPS } else { ROW_COLUMNS } / most;
        // A single block of rows meets every weight once anyway.
        let wide = if args.rows <= ROWS { usize::MAX } else { (CHUNK / (deep.min(depth.max(1)) * unit_bytes)).max(1) };
        let mut copied = Copied([MaybeUninit::uninit(); _]);
        let mut panel = args.panels.start;
        while panel < args.panels.end {
            let panels = (args.panels.end - panel).min(wide);
            let mut start = 0;
            // Once even without columns: the outputs are zero then.
            while start < depth || start == 0 {
                let length = (depth - start).min(deep);
                let mut row = 0;
                while row < args.rows {
                    let rows = (args.rows - row).min(ROWS);
                    let rows = if rows == ROWS { ROWS } else { 1 << rows.ilog2() };
                    let x = copied.0.as_mut_ptr().cast::<u8>();
                    // SAFETY: `rows` rows from `row` and `length` units from `start` exist in the input and fit the buffer (asserted above), as do the
                    // panels in the weight; `out` is granted for these rows and panels by the caller.
                    unsafe {
                        if format.is_quantised() {
                            copy_activations(args, format.bias(), row..row + rows, start..start + length, x);
                        } else {
                            copy_floats(args, row..row + rows, start..start + length, x.cast());
                        }
                        let block = Block {
                            x,
                            x_stride: length + PAD,
                            depth: length,
                            weight: args.weight.add((panel * depth + start) * unit_bytes),
                            panel_bytes: depth * unit_bytes,
                            panels,
                            outputs: args.outputs - panel * PANEL,
                            out: args.out.add(row * args.out_stride + panel * PANEL),
                            out_stride: args.out_stride,
                            first: start == 0,
                        };
                        compute(&block, rows);
                    }
                    row += rows;
                }
                start += deep;
            }
            panel += panels;
        }
    }

    /// # Safety
    /// The rows and groups exist in the input; `to` has room for 40 bytes for each group of each row.
    unsafe fn copy_activations(args: &MatMul, bias: i32, rows: std::ops::Range<usize>, groups: std::ops::Range<usize>, to: *mut u8) {
        let (pitch, count) = (activation_row_bytes(args.cols), rows.len());
        for (at, row) in rows.enumerate() {
            // SAFETY: granted by the caller; scales and sums follow the codes of a row, all 4-byte aligned.
            unsafe {
                let codes = args.input.add(row * pitch);
                let scales = codes.add(args.cols).cast::<f32>();
                let sums = scales.add(args.cols / GROUP).cast::<i32>();
                for group in groups.clone() {
                    let record = to.add((group - groups.start) * count * (GROUP + 8));
                    record.add(at * GROUP).cast::<[u8; GROUP]>().write(codes.add(group * GROUP).cast::<[u8; GROUP]>().read());
                    record.add(count * GROUP).cast::<f32>().add(at).write(scales.add(group).read());
                    record.add(count * (GROUP + 4)).cast::<i32>().add(at).write(sums.add(group).read().wrapping_mul(-bias));
                }
            }
        }
    }

    /// # Safety
    /// The rows and columns exist in the input; `to` has room for `columns + PAD` floats for each row.
    unsafe fn copy_floats(args: &MatMul, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>, to: *mut f32) {
        for (at, row) in rows.enumerate() {
            // SAFETY: granted by the caller.
            unsafe {
                let from = args.input.cast::<f32>().add(row * args.cols + columns.start);
                std::ptr::copy_nonoverlapping(from, to.add(at * (columns.len() + PAD)), columns.len());
            }
        }
    }
}

#[cfg(test)]
mod tests;
