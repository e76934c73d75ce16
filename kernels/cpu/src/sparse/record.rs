//! One weight record of `Layout::Rows`: its dot with input rows, and its values column by column. No loops over neurons here.

#![allow(clippy::needless_range_loop, reason = "an index names the same tile in several arrays")]

use super::lanes::{LANES, Lanes, prefetch};
use unicorn_artifact::tensor::{GROUP, activation_row_bytes, row_groups};

/// Columns of a tile: a pair of groups.
pub(super) const TILE: usize = 2 * GROUP;
/// Columns whose scales fill one vector.
pub(super) const SEGMENT: usize = LANES * GROUP;

/// How one weight row is stored.
pub(super) trait Record {
    /// Bytes of a record.
    fn bytes(cols: usize) -> usize;

    /// Bytes of an input row.
    fn input_bytes(cols: usize) -> usize;

    /// The dot of the record with `M` input rows, as the head of `sparse.rs` defines it. The record at `ahead` is prefetched.
    ///
    /// # Safety
    /// `record` and `inputs` are whole rows of `cols` columns.
    unsafe fn dots<L: Lanes, const M: usize>(record: *const u8, cols: usize, inputs: [*const u8; M], ahead: *const u8) -> [f32; M];

    /// The scales of the groups from `column` (a multiple of [`TILE`]) on, as many as there are; the rest is anything.
    ///
    /// # Safety
    /// `record` is a whole row; `column` lies in it.
    unsafe fn scales<L: Lanes>(record: *const u8, column: usize) -> [f32; LANES];

    /// `vectors` vectors from `column` (a multiple of [`TILE`]) on, with the scales of that pair of groups. The rest is anything.
    ///
    /// # Safety
    /// `record` is a whole row of `cols` columns; `column + 16 * vectors <= cols`.
    unsafe fn tile<L: Lanes>(record: *const u8, cols: usize, column: usize, vectors: usize, scales: [f32; 2]) -> [L; 4];

    /// Prefetches what [`Record::tile`] reads for the tile at `column`.
    fn prefetch_tile(record: *const u8, cols: usize, column: usize);
}

/// Quantised records: 4 or 8 bits.
pub(super) struct Quantised<const BITS: usize>;
/// Q4.
pub(super) type Q4 = Quantised<4>;
/// Q8.
pub(super) type Q8 = Quantised<8>;
/// Unquantised records.
pub(super) struct Bf16;

impl<const BITS: usize> Quantised<BITS> {
    /// Bytes of a pair of groups.
    const PAIR: usize = TILE * BITS / 8;

    /// # Safety
    /// A pair of groups at `from`.
    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8) -> L::Codes {
        // SAFETY: the caller's promise.
        unsafe { if BITS == 4 { L::unpack_q4(from) } else { L::unpack_q8(from) } }
    }
}

impl<const BITS: usize> Record for Quantised<BITS> {
    #[inline(always)]
    fn bytes(cols: usize) -> usize {
        row_groups(cols) * 2 + row_groups(cols) / 2 * Self::PAIR
    }

    #[inline(always)]
    fn input_bytes(cols: usize) -> usize {
        activation_row_bytes(cols)
    }

    #[inline(always)]
    unsafe fn dots<L: Lanes, const M: usize>(record: *const u8, cols: usize, inputs: [*const u8; M], ahead: *const u8) -> [f32; M] {
        let (groups, padded) = (cols / GROUP, row_groups(cols));
        let mut sums = [L::splat(0.0); M];
        // SAFETY: pair `p` of the codes lies in the record for every p < padded / 2, and pair p of an input for p < groups / 2; the last group of an
        // odd count is copied out. Reading 16 scales from a group on ends within the codes of that group and those after it.
        unsafe {
            let codes = record.add(2 * padded);
            let mut first = 0;
            while first < groups {
                let count = (groups - first).min(LANES);
                let weight_scales = L::load_f16(record.add(2 * first).cast());
                let mut products = [[0f32; LANES]; M];
                for m in 0..M {
                    let from = inputs[m].add(cols + 4 * first).cast::<f32>();
                    let scales = if count == LANES {
                        L::load(from)
                    } else {
                        let mut part = [0f32; LANES];
                        std::ptr::copy_nonoverlapping(from.cast::<u8>(), part.as_mut_ptr().cast::<u8>(), 4 * count);
                        L::load(part.as_ptr())
                    };
                    weight_scales.mul(scales).store(products[m].as_mut_ptr());
                }
                prefetch(ahead.wrapping_add(padded / 2 * Self::PAIR + 2 * first));
                for pair in 0..count / 2 {
                    let at = first / 2 + pair;
                    if BITS == 8 || at.is_multiple_of(2) {
                        prefetch(ahead.wrapping_add(at * Self::PAIR));
                    }
                    let weight = Self::unpack::<L>(codes.add(at * Self::PAIR));
                    for m in 0..M {
                        let scale = products[m].as_ptr().add(2 * pair);
                        let dot = L::dot(weight, inputs[m].add(at * TILE).cast());
                        sums[m] = L::pair(*scale, *scale.add(1)).fma(dot, sums[m]);
                    }
                }
                if !count.is_multiple_of(2) {
                    let at = groups / 2;
                    let weight = Self::unpack::<L>(codes.add(at * Self::PAIR));
                    for m in 0..M {
                        let mut last = [0i8; TILE];
                        std::ptr::copy_nonoverlapping(inputs[m].add(at * TILE).cast(), last.as_mut_ptr(), GROUP);
                        sums[m] = L::pair(products[m][count - 1], 0.0).fma(L::dot(weight, last.as_ptr()), sums[m]);
                    }
                }
                first += LANES;
            }
        }
        let mut out = [0f32; M];
        for m in 0..M {
            out[m] = sums[m].sum();
        }
        out
    }

    #[inline(always)]
    unsafe fn scales<L: Lanes>(record: *const u8, column: usize) -> [f32; LANES] {
        let mut out = [0f32; LANES];
        // SAFETY: as in `dots`, the read ends within the codes.
        unsafe { L::load_f16(record.add(column / GROUP * 2).cast()).store(out.as_mut_ptr()) };
        out
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes>(record: *const u8, cols: usize, column: usize, _: usize, [even, odd]: [f32; 2]) -> [L; 4] {
        // SAFETY: the groups of a record are padded to whole tiles.
        unsafe {
            let codes = record.add(2 * row_groups(cols) + column / TILE * Self::PAIR);
            if BITS == 4 {
                L::decode_q4(codes, even, odd)
            } else {
                let (third, fourth) = (L::decode_q8(codes.add(32), odd), L::decode_q8(codes.add(48), odd));
                [L::decode_q8(codes, even), L::decode_q8(codes.add(16), even), third, fourth]
            }
        }
    }

    #[inline(always)]
    fn prefetch_tile(record: *const u8, cols: usize, column: usize) {
        let at = column / TILE;
        if at.is_multiple_of(SEGMENT / TILE) {
            prefetch(record.wrapping_add(4 * at));
        }
        if BITS == 8 || at.is_multiple_of(2) {
            prefetch(record.wrapping_add(2 * row_groups(cols) + at * Self::PAIR));
        }
    }
}

impl Record for Bf16 {
    #[inline(always)]
    fn bytes(cols: usize) -> usize {
        cols * 2
    }

    #[inline(always)]
    fn input_bytes(cols: usize) -> usize {
        cols * 4
    }

    #[inline(always)]
    unsafe fn dots<L: Lanes, const M: usize>(record: *const u8, cols: usize, inputs: [*const u8; M], ahead: *const u8) -> [f32; M] {
        let mut sums = [L::splat(0.0); M];
        for at in (0..cols / LANES * LANES).step_by(LANES) {
            if at.is_multiple_of(2 * LANES) {
                prefetch(ahead.wrapping_add(at * 2));
            }
            // SAFETY: columns `at .. at + 16` lie in the rows.
            unsafe {
                let weight = L::load_bf16(record.add(at * 2).cast());
                for m in 0..M {
                    sums[m] = weight.fma(L::load(inputs[m].add(at * 4).cast()), sums[m]);
                }
            }
        }
        let mut out = [0f32; M];
        for m in 0..M {
            out[m] = sums[m].sum();
        }
        out
    }

    #[inline(always)]
    unsafe fn scales<L: Lanes>(_: *const u8, _: usize) -> [f32; LANES] {
        [0.0; LANES]
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes>(record: *const u8, _: usize, column: usize, vectors: usize, _: [f32; 2]) -> [L; 4] {
        let mut out = [L::splat(0.0); 4];
        for (v, out) in out.iter_mut().enumerate().take(vectors) {
            // SAFETY: the caller's promise on `vectors`.
            *out = unsafe { L::load_bf16(record.add((column + v * LANES) * 2).cast()) };
        }
        out
    }

    #[inline(always)]
    fn prefetch_tile(record: *const u8, _: usize, column: usize) {
        prefetch(record.wrapping_add(column * 2));
        prefetch(record.wrapping_add(column * 2 + 64));
    }
}
