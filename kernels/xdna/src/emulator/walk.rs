//! The addresses of a transfer, word by word, with the memory tile's zero padding.
//!
//! Padding counts in units of its dimension: words for the innermost, whole padded rows for the next, whole padded planes for the third. The descriptor's
//! length counts padding words too.

use crate::array::Descriptor;

/// Where a transfer stands.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    base: u64,
    step: [u64; 4],
    /// Output positions before a dimension wraps; 0 for never.
    size: [u32; 4],
    before: [u32; 4],
    /// First position after the data.
    after: [u32; 4],
    at: [u32; 4],
    padded: bool,
}

impl Walk {
    /// The walk of one run of a descriptor; `runs` is how often it ran before.
    pub(super) fn new(d: &Descriptor, runs: u32) -> Walk {
        let mut w = Walk {
            base: d.address / 4 + u64::from(d.iteration.step) * u64::from(runs),
            step: d.dims.map(|x| u64::from(x.step)),
            size: [0; 4],
            before: [0; 4],
            after: [u32::MAX; 4],
            at: [0; 4],
            padded: d.before != [0; 3] || d.after != [0; 3],
        };
        for i in 0..3 {
            w.before[i] = d.before[i].into();
            if d.dims[i].wrap != 0 {
                w.after[i] = w.before[i] + d.dims[i].wrap;
                w.size[i] = w.after[i] + u32::from(d.after[i]);
            }
        }
        w
    }

    /// Word address of the next word; `None` for a padding zero.
    #[inline]
    pub(super) fn next(&mut self) -> Option<u64> {
        let here = self.peek();
        for i in 0..4 {
            self.at[i] = self.at[i].wrapping_add(1);
            if self.size[i] == 0 || self.at[i] < self.size[i] {
                break;
            }
            self.at[i] = 0;
        }
        here
    }

    #[inline]
    fn peek(&self) -> Option<u64> {
        if self.padded && (0..3).any(|i| self.at[i] < self.before[i] || self.at[i] >= self.after[i]) {
            return None;
        }
        Some((0..4).fold(self.base, |a, i| a.wrapping_add(u64::from(self.at[i].wrapping_sub(self.before[i])).wrapping_mul(self.step[i]))))
    }
}
