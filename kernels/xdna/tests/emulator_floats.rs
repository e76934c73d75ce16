//! Single bundles on floats with random operands, run in the emulated core, against formulas written here; the bfloat16 neighbours of a number, exact sums.

mod emulator_common;

use emulator_common::bench::*;
use unicorn_kernels_xdna::isa::{Control, Register};

/// The bfloat16 neighbours of a float32 by value, and the choice by the rounding mode's words.
fn bf16_of(x: f32, mode: u32) -> u16 {
    if x.is_nan() {
        let cut = (x.to_bits() >> 16) as u16;
        return if cut & 0x7F == 0 { cut | 1 } else { cut };
    }
    let cut = (x.to_bits() >> 16) as u16;
    if x.is_infinite() || x.to_bits() & 0xFFFF == 0 {
        return cut;
    }
    // Magnitudes in units of the last place of bfloat16: the fraction is the low half.
    let scaled = i128::from(x.to_bits() & 0x7FFF_FFFF) * if x < 0.0 { -1 } else { 1 };
    let whole = rounded(scaled, 16, mode);
    (whole.unsigned_abs() as u16) | if x < 0.0 || cut & 0x8000 != 0 { 0x8000 } else { 0 }
}

#[test]
fn conversions_of_floats() {
    let mut b = Bench::new(6);
    for _ in 0..6_000 {
        let rounding = b.random.pick(&ROUNDINGS);
        let v: Vec<u8> = (0..16)
            .flat_map(|_| {
                let x = b.random.next() as u32;
                // Ties, infinities, NaNs and subnormal numbers now and then.
                match b.random.below(8) {
                    0 => x & 0xFFFF_0000 | 0x8000,
                    1 => x | 0x7F80_0000,
                    2 => x & 0x807F_FFFF,
                    _ => x,
                }
                .to_le_bytes()
            })
            .collect();
        match b.random.below(3) {
            0 => {
                b.run("vconv.bf16.fp32 wl1, bml2", &[(Register::Bml(2), &v), (mode(Control::Rnd), &le(rounding))]);
                let want = lanes(16, (0..16).map(|i| bf16_of(f32::from_bits(raw(&v, 32, i) as u32), rounding).into()));
                assert_eq!(b.get(Register::Wl(1)), want, "rounding {rounding}: {v:02x?}");
            }
            1 => {
                b.run("vconv.fp32.bf16 bmh1, wl2", &[(Register::Wl(2), &v[..32])]);
                let want: Vec<u8> = (0..16).flat_map(|i| [0, 0, v[2 * i], v[2 * i + 1]]).collect();
                assert_eq!(b.get(Register::Bmh(1)), want);
            }
            _ => {
                let shift = b.random.below(64) as u32;
                b.run("vfloor.s32.bf16 x1, wl2, s3", &[(Register::Wl(2), &v[..32]), (Register::S(3), &le(shift))]);
                let want = lanes(32, (0..16).map(|i| floor(raw(&v, 16, i) as u32, shift)));
                assert_eq!(b.get(Register::X(1)), want, "shift {shift}: {v:02x?}");
            }
        }
    }
}

/// Floor of a bfloat16 times a power of two, in whole numbers: mantissa times 2^exponent.
fn floor(x: u32, shift: u32) -> i128 {
    let power = if shift >= 32 { shift as i32 - 64 } else { shift as i32 };
    let (exponent, fraction) = ((x >> 7 & 255) as i32, i128::from(x & 127));
    if exponent == 255 && fraction != 0 {
        return i128::from(i32::MAX);
    }
    let mantissa = if exponent == 0 { fraction } else { fraction + 128 } * if x >> 15 == 1 { -1 } else { 1 };
    let scale = exponent.max(1) - 127 - 7 + power;
    let value = match scale {
        // More than any 32-bit number, with the sign.
        40.. => mantissa.signum() << 40,
        0..40 => mantissa << scale,
        _ => mantissa >> (-scale).min(100),
    };
    value.max(i32::MIN.into()).min(i32::MAX.into())
}

/// A bfloat16 with few bits, of magnitude about one, so that every sum below is exact in the adder.
fn small(r: &mut Random) -> u16 {
    let x = r.next() as u32;
    match r.below(9) {
        0 => 0,
        _ => (x & 0x8000 | (125 + x % 4) << 7 | x >> 16 & 0x70) as u16,
    }
}

fn value(v: &[u8], i: usize) -> f64 {
    f64::from(f32::from_bits((raw(v, 16, i) as u32) << 16))
}

/// A text, and the factors of product, first and second accumulator in its sum.
type Sum = (&'static str, Option<f64>, Option<f64>, Option<f64>);

#[test]
fn float_products_and_sums() {
    let mut b = Bench::new(8);
    let short = |r: &mut Random| -> Vec<u8> { (0..32).flat_map(|_| small(r).to_le_bytes()).collect() };
    let sums = |r: &mut Random| -> Vec<u8> { (0..16).flat_map(|_| ((u32::from(small(r)) << 16) & 0xFFF0_0000).to_le_bytes()).collect() };
    for _ in 0..6_000 {
        let (x, y) = (short(&mut b.random), short(&mut b.random));
        let (one, two) = (sums(&mut b.random), sums(&mut b.random));
        let elements = b.random.below(2) as u32;
        let zero = b.random.below(4) / 3;
        let config = 0x1C | elements << 5 | zero as u32;
        let table: [Sum; 8] = [
            ("vmul.f bml1, x2, x3, r4", Some(1.0), None, None),
            ("vnegmul.f bml1, x2, x3, r4", Some(-1.0), None, None),
            ("vmac.f bml1, bml2, x2, x3, r4", Some(1.0), Some(1.0), None),
            ("vmsc.f bml1, bml2, x2, x3, r4", Some(-1.0), Some(1.0), None),
            ("vadd.f bml1, bml2, bmh3, r4", None, Some(1.0), Some(1.0)),
            ("vsub.f bml1, bml2, bmh3, r4", None, Some(1.0), Some(-1.0)),
            ("vnegsub.f bml1, bml2, bmh3, r4", None, Some(-1.0), Some(1.0)),
            ("vneg.f bml1, bml2, r4", None, Some(-1.0), None),
        ];
        let (text, product, first, second) = b.random.pick(&table);
        let set = [
            (Register::X(2), &x[..]),
            (Register::X(3), &y[..]),
            (Register::R(4), &le(config)[..]),
            (Register::Bml(2), &one),
            (Register::Bmh(3), &two),
        ];
        b.run(text, &set);
        let lane = |v: &[u8], i: usize| f64::from(f32::from_bits(raw(v, 32, i) as u32));
        let want: Vec<f32> = (0..16)
            .map(|i| {
                let dot: f64 = match elements {
                    0 => (0..8).map(|k| value(&x, i / 4 * 8 + k) * value(&y, k * 4 + i % 4)).sum(),
                    _ => value(&x, i) * value(&y, i) + value(&x, i + 16) * value(&y, i + 16),
                };
                let sum = product.map_or(0.0, |s| s * dot)
                    + first.filter(|_| zero == 0).map_or(0.0, |s| s * lane(&one, i))
                    + second.map_or(0.0, |s| s * lane(&two, i));
                sum as f32
            })
            .collect();
        let got = b.get(Register::Bml(1));
        for (i, want) in want.into_iter().enumerate() {
            // Zeros are compared without their sign.
            let got = f32::from_bits(raw(&got, 32, i) as u32);
            assert_eq!(got, want, "{text}, configuration {config:#x}, lane {i}");
        }
    }
    assert_eq!(b.cases, 6_000);
}

/// What is special in the adder, by known cases: alignment is rounded before the sum, subnormal results vanish, infinities and NaNs.
#[test]
fn the_float_adder_in_corners() {
    let mut b = Bench::new(9);
    let mut add = |x: f32, y: f32| {
        let fill = |x: f32| x.to_le_bytes().repeat(16);
        let (x, y) = (fill(x), fill(y));
        b.run("vadd.f bml1, bml2, bmh3, r4", &[(Register::Bml(2), &x), (Register::Bmh(3), &y), (Register::R(4), &le(0x1C))]);
        f32::from_bits(raw(&b.get(Register::Bml(1)), 32, 5) as u32)
    };
    // IEEE would give 4095.9998: the small number loses its bits before the sum.
    assert_eq!(add(4096.0, -0.000_161_170_96), 4096.0);
    assert_eq!(add(4096.0, -0.000_161_170_96 * 4.0), 4096.0 - 0.000_488_281_25);
    assert_eq!(add(1.0, f32::EPSILON / 2.0), 1.0);
    // Half a unit is a tie while it is aligned, and goes to the even zero; IEEE would see a tie of the sum and go up.
    assert_eq!(add(1.0 + f32::EPSILON, f32::EPSILON / 2.0), 1.0 + f32::EPSILON);
    assert_eq!(add(f32::MAX, f32::MAX), f32::INFINITY);
    assert_eq!(add(f32::MIN_POSITIVE, -f32::MIN_POSITIVE * 1.5).to_bits(), (-0.0f32).to_bits());
    // Subnormal numbers go in with their bits: two of them make a normal one.
    assert_eq!(add(f32::MIN_POSITIVE * 0.75, f32::MIN_POSITIVE * 0.75), f32::MIN_POSITIVE * 1.5);
    assert_eq!(add(f32::INFINITY, 1.0), f32::INFINITY);
    assert!(add(f32::INFINITY, f32::NEG_INFINITY).is_nan());
    assert!(add(f32::NAN, 1.0).is_nan());
}
