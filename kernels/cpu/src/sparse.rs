//! Products with the active neurons only: `up` gathers rows of a weight, `down` adds them. Weights are in `Layout::Rows`; formats are q4, q8, bf16.
//!
//! # Order of operations
//! * `up`, quantised: sixteen f32 lanes from 0. For pairs of groups ascending, lane `l` (0..8 the even group, 8..16 the odd one) takes
//!   `fma(weight scale * input scale, d, lane)`, where `d` is the exact integer sum over its four columns `4 (l % 8) ..` of `(code - bias) * x`.
//!   A missing odd group has the scale product 0.
//! * `up`, bf16: lane `l` takes `fma(weight[16 i + l], x[16 i + l], lane)`, `i` ascending.
//! * `up` ends by adding halves (+ 8, + 4, + 2, + 1) and multiplies the gate by the sum. A gate of zero is left as it is.
//! * `down`: each column starts at 0 and takes `fma(hidden, weight, column)`, neurons ascending, `weight = (code - bias) * scale` rounded once; at the
//!   end `+ 0` makes a negative zero positive, so that adding inactive neurons (of finite weight) changes nothing.
//!
//! Rows of bf16 weights are multiples of 16 columns.

mod active;
mod down;
mod record;
#[cfg(test)]
mod tests;
mod up;

use crate::lanes::Plain;
#[cfg(target_arch = "x86_64")]
use crate::lanes::wide::{Avx2, Avx512};
use crate::{Isa, SparseDown, SparseUp};
use record::{Bf16, Q4, Q8, Record};

/// The kernels of [`crate::Kernels::sparse_up`] for q4, q8, bf16. Plain where `isa` is not of this architecture.
pub fn select_up(isa: Isa) -> [unsafe fn(&SparseUp); 3] {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => [up_avx512::<Q4>, up_avx512::<Q8>, up_avx512::<Bf16>],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => [up_avx2::<Q4>, up_avx2::<Q8>, up_avx2::<Bf16>],
        _ => [up_plain::<Q4>, up_plain::<Q8>, up_plain::<Bf16>],
    }
}

/// The kernels of [`crate::Kernels::sparse_down`] for q4, q8, bf16. Plain where `isa` is not of this architecture.
pub fn select_down(isa: Isa) -> [unsafe fn(&SparseDown); 3] {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => [down_avx512::<Q4>, down_avx512::<Q8>, down_avx512::<Bf16>],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => [down_avx2::<Q4>, down_avx2::<Q8>, down_avx2::<Bf16>],
        _ => [down_plain::<Q4>, down_plain::<Q8>, down_plain::<Bf16>],
    }
}

unsafe fn up_plain<R: Record>(a: &SparseUp) {
    // SAFETY: the contract of `Kernels`.
    unsafe { up::up::<Plain, R>(a) }
}

unsafe fn down_plain<R: Record>(a: &SparseDown) {
    // SAFETY: the contract of `Kernels`.
    unsafe { down::down::<Plain, R>(a) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn up_avx2<R: Record>(a: &SparseUp) {
    // SAFETY: the contract of `Kernels`.
    unsafe { up::up::<Avx2, R>(a) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn down_avx2<R: Record>(a: &SparseDown) {
    // SAFETY: the contract of `Kernels`.
    unsafe { down::down::<Avx2, R>(a) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn up_avx512<R: Record>(a: &SparseUp) {
    // SAFETY: the contract of `Kernels`.
    unsafe { up::up::<Avx512, R>(a) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn down_avx512<R: Record>(a: &SparseDown) {
    // SAFETY: the contract of `Kernels`.
    unsafe { down::down::<Avx512, R>(a) }
}
