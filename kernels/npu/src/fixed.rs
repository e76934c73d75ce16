//! The Gaussian threshold, GELU and the product in integers: what the kernels mean, bit by bit. Plain functions; cores do the same with vectors.
//!
//! A token's gate results `acc[i]` (int32, as the gate kernel leaves them) become `z[i] = floor(acc[i] * m[i] / 2^16)`, `m[i]` being the row's scale as a
//! [`multiplier`](Threshold::multipliers): one real factor for the whole token turns `z` into the gate's real values. It cancels in the threshold, so only
//! GELU asks for it. With `n` neurons, `S` the sum of `z`, `q = floor(S / n)` and `D` the sum of `(z - q)^2`, both exact, the cutoff is
//! `c = q + floor(k * sqrt(D) / sqrt(n))`, the root taken to 16 leading bits and `k / sqrt(n)` likewise: [`Threshold::cutoff`]. A neuron is active if `z > c`,
//! and its value is `gelu(z - c)`: [`Scale::gelu`].
//!
//! The product with the up results: `t[i] = floor(acc[i] * m[i] / 2^16)` again, and 16 leading bits of `value[i]` and of `t[i]`, counted from the largest of
//! them, are multiplied. The products' 16 leading bits times `127 / largest` are bytes: [`product`].
//!
//! Bounds, in units of `z` and with `s` the true standard deviation: the cutoff lies within `2 + k + 2^-13 * k * s` of `mean + k * s`; GELU within
//! `2 + 2^-12 * u` of the true value at `u`. Tests hold them against float64.

use crate::NpuError;

/// Bits below the point of a row's multiplier.
pub(crate) const POINT: u32 = 16;
/// `z` lies between minus and plus two to this power, so that sums of squares fit 64 bits.
pub(crate) const BITS: u32 = 23;
/// The largest multiplier.
pub(crate) const MOST_MULTIPLIER: u16 = 0x7FFF;
/// Most neurons of a layer.
pub(crate) const MOST_NEURONS: usize = 16384;

/// `floor(a * b / 2^16)`: what two products of 16-bit lanes and a shift make.
#[must_use]
pub const fn scaled(a: i32, b: u16) -> i32 {
    ((a as i64 * b as i64) >> POINT) as i32
}

/// The largest `t` below `2^bits` whose `of(t)` is not above `bound`.
fn largest(bits: u32, bound: u32, of: impl Fn(u32) -> u32) -> u32 {
    (0..bits).rev().fold(0, |t, bit| if of(t | 1 << bit) <= bound { t | 1 << bit } else { t })
}

/// Which neurons are active: those above the mean by so many standard deviations (of the population).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Neurons.
    pub neurons: usize,
    /// `deviations / sqrt(neurons)` is this over `2^(16 + shift)`; at least `2^15`, or zero.
    pub(crate) factor: u32,
    pub(crate) shift: i32,
}

impl Threshold {
    /// The deviations above which a twentieth of a Gaussian lies: `sqrt(2) * erfinv(0.9)`, the sparse layers of Gemma 3n.
    pub const TWENTIETH: f64 = 1.644_853_626_951_472_9;

    /// A threshold.
    ///
    /// # Errors
    /// For no neurons or more than 16,384, and for deviations that are neither 0 nor between 0.001 and 8.
    pub fn new(neurons: usize, deviations: f64) -> Result<Self, NpuError> {
        let refused = |why| Err(NpuError::Threshold { neurons, deviations, why });
        if neurons == 0 || neurons > MOST_NEURONS {
            return refused("neurons are 1 to 16384");
        }
        if deviations == 0.0 {
            return Ok(Self { neurons, factor: 0, shift: 0 });
        }
        if !(0.001..=8.0).contains(&deviations) {
            return refused("deviations are 0, or 0.001 to 8");
        }
        let ratio = deviations / (neurons as f64).sqrt();
        let shift = (-ratio.log2().floor()) as i32 - 1;
        // Rounding may reach 2^16, which the multiplication has no room for.
        let factor = ((ratio * f64::from(16 + shift).exp2()).round() as u32).min(0xFFFF);
        Ok(Self { neurons, factor, shift })
    }

    /// Multipliers for the scales of rows, and what a unit of `z` is then, but for the activations' scale: `scale[i] * 2^16` is `multiplier[i]` such units,
    /// to half of one.
    /// `largest` is what no accumulator's magnitude exceeds: for int8 weights `2^14` times the row's length, for int4 weights `2^10` times.
    ///
    /// # Errors
    /// For another number of scales than there are neurons, scales that are negative or no numbers, and accumulators so large that
    /// fewer than 8 bits are left for multipliers.
    pub fn multipliers(&self, scales: &[f32], largest: u32) -> Result<(Vec<u16>, f64), NpuError> {
        let refused = |why| Err(NpuError::Scales { neurons: self.neurons, scales: scales.len(), why });
        if scales.len() != self.neurons {
            return refused("there is one scale a neuron");
        }
        if scales.iter().any(|scale| !scale.is_finite() || *scale < 0.0) {
            return refused("scales are finite and not negative");
        }
        // |acc * m| <= 2^39 - 2^16 keeps z inside its bits after rounding down.
        let room = ((1_u64 << (BITS + POINT)) - (1 << POINT)) / u64::from(largest.max(1));
        let most = room.min(u64::from(MOST_MULTIPLIER));
        if most < 255 {
            return refused("accumulators beyond 2^31: cut the layer");
        }
        let widest = f64::from(scales.iter().copied().fold(0.0, f32::max));
        let factor = if widest > 0.0 { widest / most as f64 } else { 1.0 };
        let multipliers = scales.iter().map(|scale| (f64::from(*scale) / factor).round() as u16).collect();
        Ok((multipliers, factor * f64::from(1 << POINT)))
    }

    /// The cutoff for a token's `z`, of which there are as many as neurons, each between `-2^23` and `2^23`; for others it means nothing.
    #[must_use]
    pub fn cutoff(&self, z: &[i32]) -> i32 {
        let n = self.neurons as u64;
        // Shifted up, so that nothing is negative.
        let above = |z: i32| (i64::from(z) + (1 << BITS)) as u64;
        let total = |of: &dyn Fn(u64) -> u64| z.iter().fold(0_u64, |sum, z| sum.wrapping_add(of(above(*z))));
        let (sum, squares) = (total(&|w| w), total(&|w| w.wrapping_mul(w)));
        let mean = sum / n;
        // The sum of (w - mean)^2 is that of w^2 less mean * (2 * sum - n * mean), and n * mean is the sum less the rest.
        let deviations = squares.wrapping_sub(mean.wrapping_mul(sum.wrapping_add(sum % n)));
        // An even shift leaves the root's bits.
        let up = deviations.leading_zeros() & !1;
        let root = largest(16, (deviations.checked_shl(up).unwrap_or(0) >> 32) as u32, |t| t * t);
        let down = (self.shift + up as i32 / 2) as u32;
        let above_mean = (root * self.factor).checked_shr(down).unwrap_or(0);
        (mean as i64 - (1 << BITS) + i64::from(above_mean)) as i32
    }

    /// The definition of the threshold kernel for one token: `z`, cutoff, and the active neurons with their values in ascending order.
    #[must_use]
    pub fn active(&self, accumulators: &[i32], multipliers: &[u16], scale: Scale) -> Active {
        let z: Vec<i32> = accumulators.iter().zip(multipliers).map(|(acc, m)| scaled(*acc, *m)).collect();
        let cutoff = self.cutoff(&z);
        let above = z.iter().enumerate().filter(|(_, z)| **z > cutoff);
        let neurons = above.map(|(i, z)| (i as u32, scale.gelu(z.wrapping_sub(cutoff)))).collect();
        Active { cutoff, neurons }
    }
}

/// The active neurons of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// What `z` must exceed.
    pub cutoff: i32,
    /// Neurons with their GELU values, ascending. A value stands for that many times [`Scale::UNIT`] units of `z`.
    pub neurons: Vec<(u32, i32)>,
}

/// How many real units a unit of `z` is, for one token: GELU's argument is `u` times that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    factor: u16,
    /// Shift of `u` before the factor.
    before: u8,
    /// Shift of the product.
    after: u8,
}

/// Steps of the table a unit, as a power of two, and bits of the argument below a step.
const STEP: u32 = 5;
const WITHIN: u32 = 8;
/// Steps of the table: arguments from 0 to 8.
pub(crate) const STEPS: usize = 256;
/// What stands for one in the table.
const ONE: f64 = 32767.0;

impl Scale {
    /// Units of `z` that a unit of a GELU value is: `gelu(u) = u * phi(u)`, and `phi` is at most 32,767 of 65,536.
    pub const UNIT: f64 = 65536.0 / ONE;

    /// The scale of a token: the unit that [`Threshold::multipliers`] gives, times the scale of the token's activations.
    ///
    /// # Errors
    /// For factors that are not above zero, or 4 and more: a unit of `z` is far below one.
    pub fn new(real: f64) -> Result<Self, NpuError> {
        if !(real > 0.0 && real < 4.0) {
            return Err(NpuError::Scale { real });
        }
        // factor * 2^-(14 + shift) = real * 2^13, with a factor of 15 bits; tiny scales have fewer.
        let shift = (-(real.log2().floor()) as i32 - 13).min(24);
        let factor = (real * f64::from(27 + shift).exp2()).round() as u16;
        Ok(Self { factor: factor.min(MOST_MULTIPLIER), before: shift.max(0) as u8, after: (14 + shift.min(0)) as u8 })
    }

    /// The word that tells a core.
    pub(crate) fn word(self) -> u32 {
        u32::from(self.factor) | u32::from(self.before) << 16 | u32::from(self.after) << 24
    }

    /// GELU (its tanh form) of `u` units of `z`, above zero, in units of 2^16 / 32,767 units of `z`.
    #[must_use]
    pub fn gelu(self, u: i32) -> i32 {
        let narrow = (u >> self.before).clamp(0, 0x7FFF) as u32;
        let x = ((narrow * u32::from(self.factor)) >> self.after).min(0xFFFF);
        let word = entry((x >> WITHIN) as usize);
        let phi = (word & 0xFFFF) + (((word >> 16) * (x & 0xFF)) >> WITHIN);
        scaled(u, phi as u16)
    }
}

/// `(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2` at a step.
fn phi(step: usize) -> u32 {
    let x = step as f64 / f64::from(1 << STEP);
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
    (ONE * 0.5 * (1.0 + inner.tanh())).round() as u32
}

/// A word of the table: the value at a step, and above it the rise to the next.
pub(crate) fn entry(step: usize) -> u32 {
    phi(step) | (phi(step + 1) - phi(step)) << 16
}

/// Bits that a magnitude has beyond 15: so far a token's numbers are shifted right to fit 16 bits with a sign.
const fn beyond(largest: u32) -> u32 {
    17_u32.saturating_sub(largest.leading_zeros())
}

/// Shifted right and rounded to the nearest, halves up.
const fn nearest(value: i32, by: u32) -> i32 {
    if by == 0 { value } else { ((value as i64 + (1 << (by - 1))) >> by) as i32 }
}

/// The same into 16 bits: what rounding up makes too large saturates.
fn narrow(value: i32, by: u32) -> i32 {
    nearest(value, by).clamp(-0x8000, 0x7FFF)
}

/// How a token's products became bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Shifts of values and of up results.
    pub before: [u32; 2],
    /// Shift of the products.
    pub product: u32,
    /// Significant bits of the largest product behind that.
    pub bits: u32,
    /// 127 times 2^(7 + bits) over it.
    pub factor: u32,
}

impl Steps {
    /// From the two words that the cores get.
    pub(crate) const fn read([before, after]: [u32; 2]) -> Self {
        Self { before: [before & 31, before >> 8 & 31], product: after >> 16 & 31, bits: after >> 24 & 31, factor: after & 0x7FFF }
    }

    fn unit(self) -> f64 {
        let power = (7 + self.bits + self.product + self.before[0] + self.before[1]) as i32;
        f64::from(power).exp2() / f64::from(self.factor.max(1))
    }
}

/// A token's products as bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// -127 to 127, in the order of the active neurons.
    pub values: Vec<i8>,
    /// What one of them stands for: so many units of a value times a unit of an up result.
    pub unit: f64,
}

impl Quantised {
    pub(crate) fn new(values: Vec<i8>, steps: Steps) -> Self {
        Self { values, unit: steps.unit() }
    }
}

/// The definition of the product kernel: values as [`Active`] has them (0 to 2^23), up results with their multipliers, both for active neurons only.
#[must_use]
pub fn product(values: &[i32], accumulators: &[i32], multipliers: &[u16]) -> Quantised {
    let ups: Vec<i32> = accumulators.iter().zip(multipliers).map(|(acc, m)| scaled(*acc, *m)).collect();
    let most = |all: &[i32]| all.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
    let before = [beyond(most(values)), beyond(most(&ups))];
    let products: Vec<i32> = values.iter().zip(&ups).map(|(v, t)| narrow(*v, before[0]) * narrow(*t, before[1])).collect();
    let all = most(&products);
    let top = all >> beyond(all);
    let bits = 32 - top.leading_zeros();
    let steps = Steps { before, product: beyond(all), bits, factor: largest(15, 127 << (7 + bits), |t| t * top) };
    let byte = |p: &i32| nearest(narrow(*p, steps.product) * steps.factor as i32, 7 + bits).clamp(-128, 127) as i8;
    Quantised::new(products.iter().map(byte).collect(), steps)
}
