//! Fixed-point arithmetic on vectors, and a little on scalars: what programs of cores share that work in the numbers of [`fixed`](crate::fixed).
//!
//! Registers: r8 and r9 are modes of the shuffle network, r24 and r25 of the multiplier; s0 is 16, s1 zero where [`scaled`] stands.

use unicorn_kernels_xdna::isa::Draft;

use crate::NpuError;
use crate::write::{Writer, draft};

/// The multiplier lane by lane, 32 products of 16 bits into 32-bit lanes: the first operand is signed, neither is, both are.
pub(crate) const SIGNED: u32 = 0x238;
pub(crate) const UNSIGNED: u32 = 0x38;
pub(crate) const BOTH_SIGNED: u32 = 0x338;
/// The same for 16 sums of two products into 64-bit lanes.
pub(crate) const SIGNED_64: u32 = 0x25A;
pub(crate) const UNSIGNED_64: u32 = 0x5A;
pub(crate) const BOTH_SIGNED_64: u32 = 0x35A;
/// The shuffle network: low, and high, halves of the 32-bit lanes of two vectors.
const LOW: u32 = 2;
const HIGH: u32 = 3;

/// Shifts right round down and saturate; shifts are unsigned where nothing says that they are signed.
pub(crate) fn modes(w: &mut Writer) -> Result<(), NpuError> {
    w.ops(&format!(
        "mova r1, #0
         movx crSat, r3
         movx crRnd, r1
         movx crSRSSign, r1
         movx crUPSSign, r1
         mova r8, #{LOW}
         mova r9, #{HIGH}
         mov s0, #16"
    ))?;
    Ok(())
}

/// Quarters of an accumulator.
pub(crate) fn quarters(cm: u8) -> [String; 4] {
    ["amll", "amlh", "amhl", "amhh"].map(|part| format!("{part}{cm}"))
}

/// 32 times [`fixed::scaled`](crate::fixed::scaled): `a` in two vectors of 32-bit lanes, `b` in one of 16-bit lanes, into the second accumulator.
/// Uses the first one and x3 to x5.
pub(crate) fn scaled(a: [&str; 2], b: &str, [used, to]: [&str; 2]) -> Result<Vec<Draft>, NpuError> {
    [
        format!("vshuffle x3, {}, {}, r8", a[0], a[1]),
        format!("vshuffle x4, {}, {}, r9", a[0], a[1]),
        format!("vmul {used}, x3, {b}, r25"),
        format!("vsrs.s16.s32 x5, {used}, s0"),
        format!("vups.s32.s16 {to}, x5, s1"),
        format!("vmac {to}, {to}, x4, {b}, r24"),
    ]
    .iter()
    .map(|text| draft(text))
    .collect()
}

/// The largest number of so many bits of which a product is not above an unsigned bound, bit by bit: `product` says what is multiplied with what.
pub(crate) fn largest(w: &mut Writer, to: u8, bits: u32, bound: u8, product: &str) -> Result<(), NpuError> {
    w.ops(&format!("mova r{to}, #0\nmovxm r30, #{}\nmova r31, #-1", 1_u32 << (bits - 1)))?;
    for _ in 0..bits {
        w.ops(&format!(
            "or r28, r{to}, r30
             lshl r30, r30, r31
             mul r29, {product}
             ltu r27, r{bound}, r29
             sel.nez r{to}, r{to}, r28, r27"
        ))?;
    }
    Ok(())
}
