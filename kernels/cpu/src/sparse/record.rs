//! One weight record of `Layout::Rows`: its dot with input rows, and its values column by column. No loops over neurons here.

#![allow(clippy::needless_range_loop, reason = "an index names the same tile in several arrays")]

use crate::lanes::{LANES, Lanes, prefetch};
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

    /// The dots of `M` records with an input row, as the head of `sparse.rs` defines them. The records at `ahead` are prefetched.
    ///
    /// # Safety
    /// `records` and `input` are whole rows of `cols` columns.
    unsafe fn dots<L: Lanes, const M: usize>(records: [*const u8; M], cols: usize, input: *const u8, ahead: [*const u8; M]) -> [f32; M];

    /// The scales of the groups from `column` (a multiple of [`TILE`]) on, as many as there are; the rest is anything.
    ///
    /// # Safety
    /// `record` is a whole row; `column` lies in it.
    unsafe fn scales<L: Lanes>(record: *const u8, column: usize) -> [f32; LANES];

    /// `vectors` vectors from `column` (a multiple of [`TILE`]) on, with the scales of that pair of groups. The rest is anything.
    ///
    /// # Safety
    /// `record` is a whole row of `cols` columns; `column + 16 * vectors <= cols`; two readable `scales`.
    unsafe fn tile<L: Lanes>(record: *const u8, cols: usize, column: usize, vectors: usize, scales: *const f32) -> [L; 4];

    /// Prefetches what is read for the `width` (at most [`SEGMENT`]) columns from `column`.
    fn prefetch(record: *const u8, cols: usize, column: usize, width: usize);
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
    /// What a code of zero value reads as.
    const BIAS: u8 = 1 << (BITS - 1);

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
    unsafe fn dots<L: Lanes, const M: usize>(records: [*const u8; M], cols: usize, input: *const u8, ahead: [*const u8; M]) -> [f32; M] {
        let groups = cols / GROUP;
        let mut sums = [L::splat(0.0); M];
        let mut first = 0;
        while first < groups {
            let count = (groups - first).min(LANES);
            // SAFETY: the groups exist; pairs of them are whole but for the last group of an odd count, which is copied out.
            unsafe {
                let scales = input.add(cols + 4 * first).cast::<f32>();
                if count == LANES {
                    ahead.into_iter().for_each(|ahead| Self::prefetch(ahead, cols, first * GROUP, SEGMENT));
                    let products = products::<L, Self, M>(records, first, L::load(scales));
                    for pair in 0..LANES / 2 {
                        let input = L::input(input.add((first + 2 * pair) * GROUP).cast(), Self::BIAS);
                        step::<L, BITS, M>(records, cols, first, pair, &products, input, &mut sums);
                    }
                } else {
                    ahead.into_iter().for_each(|ahead| Self::prefetch(ahead, cols, first * GROUP, count * GROUP));
                    let mut part = [0f32; LANES];
                    std::ptr::copy_nonoverlapping(scales.cast::<u8>(), part.as_mut_ptr().cast(), 4 * count);
                    let mut products = products::<L, Self, M>(records, first, L::load(part.as_ptr()));
                    for pair in 0..count / 2 {
                        let input = L::input(input.add((first + 2 * pair) * GROUP).cast(), Self::BIAS);
                        step::<L, BITS, M>(records, cols, first, pair, &products, input, &mut sums);
                    }
                    if !count.is_multiple_of(2) {
                        let mut last = [0i8; TILE];
                        std::ptr::copy_nonoverlapping(input.add((groups - 1) * GROUP).cast(), last.as_mut_ptr(), GROUP);
                        products.iter_mut().for_each(|p| p[count] = 0.0);
                        step::<L, BITS, M>(records, cols, first, count / 2, &products, L::input(last.as_ptr(), Self::BIAS), &mut sums);
                    }
                }
            }
            first += LANES;
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
        // SAFETY: at least two groups follow, so the read ends within their codes.
        unsafe { L::load_f16(record.add(column / GROUP * 2).cast()).store(out.as_mut_ptr()) };
        out
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes>(record: *const u8, cols: usize, column: usize, _: usize, scales: *const f32) -> [L; 4] {
        // SAFETY: the groups of a record are padded to whole tiles.
        unsafe {
            let (even, odd) = (*scales, *scales.add(1));
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
    fn prefetch(record: *const u8, cols: usize, column: usize, width: usize) {
        prefetch(record.wrapping_add(column / GROUP * 2));
        for line in (0..width / TILE * Self::PAIR).step_by(64) {
            prefetch(record.wrapping_add(2 * row_groups(cols) + column / TILE * Self::PAIR + line));
        }
    }
}

/// The scales of `M` records' groups from `first` on, times those of the input.
///
/// # Safety
/// `records` are whole rows that have the group `first`.
#[inline(always)]
unsafe fn products<L: Lanes, R: Record, const M: usize>(records: [*const u8; M], first: usize, scales: L) -> [[f32; LANES]; M] {
    let mut out = [[0f32; LANES]; M];
    for m in 0..M {
        // SAFETY: sixteen writable elements; the caller's promise.
        unsafe { L::load(R::scales::<L>(records[m], first * GROUP).as_ptr()).mul(scales).store(out[m].as_mut_ptr()) };
    }
    out
}

/// Adds the dots of pair `pair` after group `first`.
///
/// # Safety
/// `records` are whole rows of `cols` columns that have those groups; `pair` is less than 8.
#[inline(always)]
unsafe fn step<L: Lanes, const BITS: usize, const M: usize>(
    records: [*const u8; M],
    cols: usize,
    first: usize,
    pair: usize,
    products: &[[f32; LANES]; M],
    input: L::Input,
    sums: &mut [L; M],
) {
    let offset = 2 * row_groups(cols) + (first / 2 + pair) * Quantised::<BITS>::PAIR;
    for m in 0..M {
        // SAFETY: the caller's promise.
        unsafe {
            let scale = products[m].as_ptr().add(2 * pair);
            let dot = L::dot(Quantised::<BITS>::unpack::<L>(records[m].add(offset)), input);
            sums[m] = L::pair(*scale, *scale.add(1)).fma(dot, sums[m]);
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
    unsafe fn dots<L: Lanes, const M: usize>(records: [*const u8; M], cols: usize, input: *const u8, ahead: [*const u8; M]) -> [f32; M] {
        let mut sums = [L::splat(0.0); M];
        for at in (0..cols / LANES * LANES).step_by(LANES) {
            if at.is_multiple_of(SEGMENT) {
                for ahead in ahead {
                    Self::prefetch(ahead, cols, at, SEGMENT.min(cols - at));
                }
            }
            // SAFETY: columns `at .. at + 16` lie in the rows.
            unsafe {
                let x = L::load(input.add(at * 4).cast());
                for m in 0..M {
                    sums[m] = L::load_bf16(records[m].add(at * 2).cast()).fma(x, sums[m]);
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
    unsafe fn tile<L: Lanes>(record: *const u8, _: usize, column: usize, vectors: usize, _: *const f32) -> [L; 4] {
        let mut out = [L::splat(0.0); 4];
        for (v, out) in out.iter_mut().enumerate().take(vectors) {
            // SAFETY: the caller's promise on `vectors`.
            *out = unsafe { L::load_bf16(record.add((column + v * LANES) * 2).cast()) };
        }
        out
    }

    #[inline(always)]
    fn prefetch(record: *const u8, _: usize, column: usize, width: usize) {
        for line in (0..width * 2).step_by(64) {
            prefetch(record.wrapping_add(column * 2 + line));
        }
    }
}
