//! What kernels share: sums over a block, rounding to eight bits, the functions of regions.

use crate::text::{Dialect, Is, Kernel, Type, Value};
use unicorn_artifact::region::{GELU_CUBIC, GELU_FACTOR, TANH_CLAMP, TANH_DENOMINATOR, TANH_NUMERATOR};
use unicorn_artifact::tensor::GROUP;

/// Lanes that run in step.
pub const WARP: u32 = 32;

impl Kernel {
    /// Sum over the `1 << steps` lanes that differ in the low bits, shifted by `from`.
    pub fn lane_sum(&self, value: Value, from: u32, steps: u32) -> Value {
        (from..from + steps).rev().fold(value, |v, bit| self.add(v, self.shuffle_xor(v, 1 << bit)))
    }

    /// Largest over lanes, as [`Kernel::lane_sum`].
    pub fn lane_max(&self, value: Value, from: u32, steps: u32) -> Value {
        (from..from + steps).rev().fold(value, |v, bit| self.max(v, self.shuffle_xor(v, 1 << bit)))
    }

    /// Sums of several values over the `1 << steps` lanes that differ in the bits from `from` on: the `n`th of these lanes gets those of values `n`,
    /// `n + (1 << steps)`, ... Where there are fewer values than lanes, who has none of its own gets some other.
    ///
    /// In each step a lane gives away half of its values for the other half of its partner's.
    pub fn lane_sums(&self, values: &[Value], from: u32, steps: u32) -> Vec<Value> {
        let lane = self.and(self.thread(), self.int(31));
        let mut values = values.to_vec();
        for bit in from..from + steps {
            let upper = (values.len() > 1).then(|| self.is(self.and(lane, self.int(1 << bit)), Is::Equal, self.int(1 << bit)));
            values = values
                .chunks(2)
                .map(|pair| match (pair, upper) {
                    (&[low, high], Some(upper)) => {
                        let (kept, given) = (self.select(upper, high, low), self.select(upper, low, high));
                        self.add(kept, self.shuffle_xor(given, 1 << bit))
                    }
                    _ => self.add(pair[0], self.shuffle_xor(pair[0], 1 << bit)),
                })
                .collect();
        }
        values
    }

    /// Sums over all threads of the block, for several values at once; every thread gets them.
    ///
    /// `shared` holds at least [`Kernel::block_sums_bytes`] and is free again after the next barrier.
    pub fn block_sums(&self, values: &[Value], shared: Value) -> Vec<Value> {
        let warps = self.threads().div_ceil(WARP);
        if warps == 1 {
            return values.iter().map(|&v| self.lane_sum(v, 0, 5)).collect();
        }
        let thread = self.thread();
        let (lane, warp) = (self.and(thread, self.int(31)), self.shr(thread, self.int(5)));
        let count = values.len() as u32;
        // One value's parts lie together, so that four are read at once. More values than lanes come in turns.
        for (turn, some) in values.chunks(WARP as usize).enumerate() {
            let sum = self.lane_sums(some, 0, 5)[0];
            self.when(self.is(lane, Is::Less, self.int(some.len() as i64)), || {
                let at = self.add(self.mul(self.add(lane, self.int(turn as u32 * WARP)), self.int(warps)), warp);
                self.store(sum, self.at(shared, self.mul(at, self.int(4))));
            });
        }
        self.barrier();
        let place = |at: u32| self.at(shared, self.int(4 * at));
        let together = WARP / warps.max(1);
        let reads = count.div_ceil(together.max(1));
        if warps.is_power_of_two() && count > 1 && reads <= warps {
            // A lane reads one part of every `together`-th value; the lanes of a value add theirs.
            let parts: Vec<Value> = (0..reads).map(|n| self.load(self.at(place(n * WARP), self.mul(lane, self.int(4))), Type::F32)).collect();
            let sums = self.lane_sums(&parts, 0, warps.trailing_zeros())[0];
            return (0..count).map(|n| self.shuffle_from(sums, n % together * warps + n / together)).collect();
        }
        let total = |at: u32| {
            let parts: Vec<Value> = if warps.is_multiple_of(4) {
                let fours: Vec<Value> = (0..warps / 4).map(|n| self.load(place(warps * at + 4 * n), Type::Floats(4))).collect();
                fours.iter().flat_map(|&f| (0..4).map(move |n| (f, n))).map(|(f, n)| self.element(f, n)).collect()
            } else {
                (0..warps).map(|n| self.load(place(warps * at + n), Type::F32)).collect()
            };
            self.tree_sum(parts)
        };
        (0..count).map(total).collect()
    }

    /// Bytes of shared memory that [`Kernel::block_sums`] of so many values wants: whole reads of a warp.
    pub fn block_sums_bytes(&self, values: u32) -> u32 {
        4 * (self.threads().div_ceil(WARP) * values).next_multiple_of(WARP)
    }

    /// Sum of values by neighbouring pairs: fewer additions wait for each other than in a row.
    fn tree_sum(&self, mut values: Vec<Value>) -> Value {
        while values.len() > 1 {
            values = values.chunks(2).map(|pair| if let [a, b] = *pair { self.add(a, b) } else { pair[0] }).collect();
        }
        values[0]
    }

    /// Runs `body` in the block that is the last of `blocks` to come here, and so sees what all of them have written. `counter` is zero before and after;
    /// `flag` is a word of shared memory.
    ///
    /// On NVIDIA the barriers carry one thread's order to the others (PTX memory model, causality order). On AMD barriers say nothing of device memory, so
    /// each wave orders its own accesses.
    pub fn when_last(&self, counter: Value, blocks: u32, flag: Value, body: impl FnOnce()) {
        let each = self.dialect == Dialect::Amd;
        if each {
            self.fence();
        }
        self.barrier();
        self.when(self.is(self.thread(), Is::Equal, self.int(0)), || {
            let before = self.atomic_add(counter, self.int(1));
            self.when(self.is(before, Is::Equal, self.int(blocks - 1)), || self.store(self.int(0), counter));
            self.store(before, flag);
        });
        self.barrier();
        self.when(self.is(self.load(flag, Type::I32), Is::Equal, self.int(blocks - 1)), || {
            if each {
                self.fence();
            }
            body();
        });
    }

    /// A word whose unsigned order is that of `value`.
    pub fn ordered(&self, value: Value) -> Value {
        let bits = self.bits(value, Type::I32);
        let negative = self.is(bits, Is::Less, self.int(0));
        self.select(negative, self.xor(bits, self.int(-1)), self.xor(bits, self.int(i64::from(i32::MIN))))
    }

    /// A number whose unsigned order is that of `value`, then of the smaller index.
    pub fn order(&self, value: Value, index: Value) -> Value {
        let high = self.shl(self.extend(self.ordered(value), Type::I64), self.long(32));
        self.or(high, self.extend(self.xor(index, self.int(-1)), Type::I64))
    }

    /// How many rows of an entry are live. Of one row that is known: no step is empty.
    pub fn live_rows(&self, entry_rows: u32) -> Value {
        if entry_rows == 1 { self.int(1) } else { self.load(self.parameter(0), Type::I32) }
    }

    /// 1 / x to about one unit in the last place.
    pub fn reciprocal(&self, x: Value) -> Value {
        match self.dialect {
            Dialect::Amd => self.intrinsic("llvm.amdgcn.rcp.f32", &[x], Type::F32),
            Dialect::Nvidia | Dialect::Hopper => self.intrinsic("llvm.nvvm.rcp.approx.ftz.f", &[x], Type::F32),
        }
    }

    /// The square root to about one unit in the last place.
    pub fn root(&self, x: Value) -> Value {
        match self.dialect {
            Dialect::Amd => self.intrinsic("llvm.amdgcn.sqrt.f32", &[x], Type::F32),
            Dialect::Nvidia | Dialect::Hopper => self.intrinsic("llvm.nvvm.sqrt.approx.ftz.f", &[x], Type::F32),
        }
    }

    /// e^x for x <= 0.
    pub fn exp(&self, x: Value) -> Value {
        self.math("exp2", self.mul(x, self.float(std::f32::consts::LOG2_E)))
    }

    /// [`unicorn_artifact::region::tanh`], with fused multiply-adds.
    pub fn tanh(&self, x: Value) -> Value {
        let x = self.max(self.min(x, self.float(TANH_CLAMP)), self.float(-TANH_CLAMP));
        let z = self.mul(x, x);
        let horner = |c: &[f32]| c[1..].iter().fold(self.float(c[0]), |p, &c| self.fma(p, z, self.float(c)));
        self.mul(self.mul(x, horner(&TANH_NUMERATOR)), self.reciprocal(horner(&TANH_DENOMINATOR)))
    }

    /// [`unicorn_artifact::region::gelu`], with fused multiply-adds.
    pub fn gelu(&self, x: Value) -> Value {
        let cube = self.mul(self.mul(self.mul(x, self.float(GELU_CUBIC)), x), x);
        let inner = self.mul(self.add(x, cube), self.float(GELU_FACTOR));
        self.mul(self.mul(x, self.float(0.5)), self.add(self.tanh(inner), self.float(1.0)))
    }

    /// Four products of unsigned bytes with signed bytes, added to `sum`.
    pub fn dot4(&self, unsigned: Value, signed: Value, sum: Value) -> Value {
        match self.dialect {
            Dialect::Amd => {
                let (yes, no) = (self.truth(true), self.truth(false));
                self.intrinsic("llvm.amdgcn.sudot4", &[no, unsigned, yes, signed, sum, no], Type::I32)
            }
            Dialect::Nvidia | Dialect::Hopper => self.intrinsic("llvm.nvvm.idp4a.u.s", &[unsigned, signed, sum], Type::I32),
        }
    }

    /// Signed byte codes of values that share `lanes` neighbouring lanes as one group of [`GROUP`]: the codes (as i32), the scale, and the sum of codes.
    ///
    /// As `Command::Quantize` defines it. Each lane brings `GROUP / lanes` values.
    pub fn codes(&self, values: &[Value], lanes: u32) -> (Vec<Value>, Value, Value) {
        let (codes, scale) = self.round(values, 0, lanes);
        let own = codes[1..].iter().fold(codes[0], |s, &c| self.add(s, c));
        let sum = (0..lanes.trailing_zeros()).rev().fold(own, |v, bit| self.add(v, self.shuffle_xor(v, 1 << bit)));
        (codes, scale, sum)
    }

    /// As [`Kernel::codes`], without the sum; the lanes of a group differ in the bits of their number from `from` on.
    pub fn round(&self, values: &[Value], from: u32, lanes: u32) -> (Vec<Value>, Value) {
        assert_eq!(values.len() as u32 * lanes, GROUP as u32, "one group");
        let magnitudes: Vec<Value> = values.iter().map(|&v| self.math("fabs", v)).collect();
        let peak = magnitudes[1..].iter().fold(magnitudes[0], |m, &v| self.max(m, v));
        let peak = self.lane_max(peak, from, lanes.trailing_zeros());
        let some = self.greater(peak, self.float(0.0));
        let inverse = self.select(some, self.div(self.float(127.0), peak), self.float(0.0));
        let scale = self.div(peak, self.float(127.0));
        // Adding 1.5 * 2^23 rounds to the nearest integer, ties to even; its low bits are the code.
        let magic = self.float(12_582_912.0);
        let code = |v: Value| self.sub(self.bits(self.add(self.mul(v, inverse), magic), Type::I32), self.int(0x4B40_0000));
        (values.iter().map(|&v| code(v)).collect(), scale)
    }

    /// Four codes as one word.
    pub fn pack_codes(&self, codes: &[Value]) -> Value {
        let byte = |at: usize| self.shl(self.and(codes[at], self.int(255)), self.int(8 * at as i64));
        self.or(self.or(self.and(codes[0], self.int(255)), byte(1)), self.or(byte(2), byte(3)))
    }
}
