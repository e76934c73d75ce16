//! Rows in eight bits on the device: codes, then scales, then sums, all group by group, so that a group of neighbouring rows lies side by side.

use crate::text::{Is, Kernel, Type, Value};
use unicorn_artifact::tensor::GROUP;

/// Where the codes, scales and sums of `[rows, cols]` activations are: `codes[cols / 32][rows][32]`, then `scales[cols / 32][rows]`, then `sums[cols / 32][rows]`.
///
/// For one row this is the host's layout ([`unicorn_artifact::tensor::activation_row_bytes`]); the size is the same for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Codes {
    /// Elements of a row.
    pub cols: u32,
    /// Rows of the entry.
    pub rows: u32,
}

impl Codes {
    /// Groups of a row.
    pub fn groups(self) -> u32 {
        self.cols / GROUP as u32
    }

    /// The code at a row and column; those of the same group follow.
    pub fn code(self, k: &Kernel, base: Value, row: Value, column: Value) -> Value {
        if self.rows == 1 {
            return k.at(base, column);
        }
        let (group, inside) = (k.shr(column, k.int(5)), k.and(column, k.int(GROUP as i64 - 1)));
        self.group_codes(k, base, row, group, inside)
    }

    /// The code of a row's group `inside` elements after its first.
    pub fn group_codes(self, k: &Kernel, base: Value, row: Value, group: Value, inside: Value) -> Value {
        k.at(base, k.add(k.mul(k.add(k.mul(group, k.int(self.rows)), row), k.int(GROUP as i64)), inside))
    }

    /// The scale of a row's group; those of following rows follow.
    pub fn scale(self, k: &Kernel, base: Value, row: Value, group: Value) -> Value {
        let at = k.add(k.mul(group, k.int(self.rows)), row);
        k.at(base, k.add(k.int(self.rows * self.cols), k.mul(at, k.int(4))))
    }

    /// The sum of codes of a row's group; those of following rows follow.
    pub fn sum(self, k: &Kernel, base: Value, row: Value, group: Value) -> Value {
        k.at(self.scale(k, base, row, group), k.int(self.rows * self.groups() * 4))
    }

    /// Stores a group's scale and sum from the thread that holds its first column.
    pub fn store_group(self, k: &Kernel, base: Value, (row, column): (Value, Value), scale: Value, sum: Value) {
        k.when(k.is(k.and(column, k.int(31)), Is::Equal, k.int(0)), || {
            let group = k.shr(column, k.int(5));
            k.store(scale, self.scale(k, base, row, group));
            k.store(sum, self.sum(k, base, row, group));
        });
    }

    /// Scale and sum of a row's group.
    pub fn load_group(self, k: &Kernel, base: Value, row: Value, group: Value) -> (Value, Value) {
        (k.load(self.scale(k, base, row, group), Type::F32), k.load(self.sum(k, base, row, group), Type::I32))
    }
}
