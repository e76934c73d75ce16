//! Single bundles with random operands, encoded, decoded and run in the emulated core, against formulas written here: bits picked one by one, sums and
//! quotients of large integers, matrices as tables. 98,000 of them; floats stand in `emulator_floats`.

mod emulator_common;

use emulator_common::bench::*;
use unicorn_kernels_xdna::isa::{Control, Register};

#[test]
fn scalars() {
    let mut b = Bench::new(1);
    for _ in 0..20_000 {
        let (x, y, z, carry) = (b.random.word(), b.random.word(), b.random.word(), b.random.below(2) as u32);
        let (sx, sy) = (i64::from(x as i32), i64::from(y as i32));
        let (ux, uy) = (u64::from(x), u64::from(y));
        let shift = |of: i128| if sy >= 0 { of << sy.min(64) } else { of >> (-sy).min(100) } as u32;
        let sign_bits = (0..32).rev().take_while(|b| x >> b & 1 == x >> 31).count() as u32;
        let immediate = b.random.below(128) as i64 - 64;
        let table: [(&str, u32, Option<u32>); 28] = [
            ("add r1, r2, r3", (ux + uy) as u32, Some(((ux + uy) >> 32) as u32)),
            ("adc r1, r2, r3", (ux + uy + u64::from(carry)) as u32, Some(((ux + uy + u64::from(carry)) >> 32) as u32)),
            ("sub r1, r2, r3", (sx - sy) as u32, Some(u32::from(ux >= uy))),
            ("sbc r1, r2, r3", (sx - sy - 1 + i64::from(carry)) as u32, Some(u32::from(ux + u64::from(carry) > uy))),
            ("and r1, r2, r3", !(!x | !y), None),
            ("or r1, r2, r3", !(!x & !y), None),
            ("xor r1, r2, r3", (x | y) - (x & y), None),
            ("lshl r1, r2, r3", shift(i128::from(x)), None),
            ("ashl r1, r2, r3", shift(i128::from(sx)), None),
            ("lt r1, r2, r3", u32::from(sx < sy), None),
            ("ltu r1, r2, r3", u32::from(ux < uy), None),
            ("ge r1, r2, r3", u32::from(sx >= sy), None),
            ("geu r1, r2, r3", u32::from(ux >= uy), None),
            ("eq r1, r2, r3", u32::from(sx - sy == 0), None),
            ("ne r1, r2, r3", u32::from(sx - sy != 0), None),
            ("mul r1, r2, r3", (sx * sy) as u32, None),
            ("abs r1, r2", sx.unsigned_abs() as u32, None),
            ("clb r1, r2", sign_bits - 1, None),
            ("clz r1, r2", (0..32).rev().take_while(|b| x >> b & 1 == 0).count() as u32, None),
            ("eqz r1, r2", u32::from(x == 0), None),
            ("nez r1, r2", u32::from(x != 0), None),
            ("extend.s8 r1, r2", ((sx & 255) - if sx & 128 != 0 { 256 } else { 0 }) as u32, None),
            ("extend.s16 r1, r2", ((sx & 65535) - if sx & 32768 != 0 { 65536 } else { 0 }) as u32, None),
            ("extend.u8 r1, r2", x % 256, None),
            ("extend.u16 r1, r2", x % 65536, None),
            ("sel.eqz r1, r2, r3, r27", if z % 2 == 0 { x } else { y }, None),
            ("sel.nez r1, r2, r3, r27", if z % 2 == 0 { y } else { x }, None),
            ("add r1, r2, #IMM", (sx + immediate) as u32, Some(((ux + u64::from(immediate as u32)) >> 32) as u32)),
        ];
        let (text, want, carried) = b.random.pick(&table);
        let text = text.replace("IMM", &immediate.to_string());
        let carry_register = Register::Status(unicorn_kernels_xdna::isa::Status::Carry);
        b.run(&text, &[(Register::R(2), &le(x)), (Register::R(3), &le(y)), (Register::R(27), &le(z % 2)), (carry_register, &le(carry))]);
        assert_eq!(b.scalar(1), want, "{text}: {x:#x} {y:#x}");
        let got = u32::from_le_bytes(b.get(carry_register).try_into().unwrap());
        assert_eq!(got, carried.unwrap_or(carry), "{text}: carry of {x:#x} {y:#x}");
    }
    assert_eq!(b.cases, 20_000);
}

/// bfloat16 as a real number for comparison; `None` for NaN. Minus zero is just below zero.
fn real(x: u128) -> Option<f64> {
    let f = f64::from(f32::from_bits((x as u32) << 16));
    if f.is_nan() {
        None
    } else if x == 0x8000 {
        Some(-f64::MIN_POSITIVE)
    } else {
        Some(f)
    }
}

#[test]
fn lane_by_lane() {
    let mut b = Bench::new(2);
    for _ in 0..25_000 {
        let bits = b.random.pick(&[8usize, 16, 32]);
        let n = 512 / bits;
        let kind = b.random.pick(&["s", "d", "d", "bf"]);
        let dynamic = b.random.below(2) as u32;
        let with_sign = kind == "s" || dynamic == 1;
        let (v, w, s) = (b.random.bytes(64), b.random.bytes(64), b.random.next());
        // Flags go to a pair for 64 lanes, else to one register.
        let (cmp, sel) = if bits == 8 { ("r17:r16", "r19:r18") } else { ("r16", "r18") };
        let set =
            [(Register::X(2), &v[..]), (Register::X(3), &w[..]), (Register::L(1), &s.to_le_bytes()[..]), (mode(Control::VaddSign), &le(dynamic)[..])];
        let both = |with_sign: bool| (0..n).map(|i| (number(&v, bits, i, with_sign), number(&w, bits, i, with_sign))).collect::<Vec<_>>();
        let op = b.random.below(16);
        let (text, vector, bitmap): (String, Option<Vec<u8>>, Option<u64>) = if kind == "bf" {
            let reals: Vec<_> = (0..32).map(|i| (raw(&v, 16, i), raw(&w, 16, i))).collect();
            let less = |&(x, y): &(u128, u128)| matches!((real(x), real(y)), (Some(x), Some(y)) if x < y);
            let geq = |&(x, y): &(u128, u128)| matches!((real(x), real(y)), (Some(x), Some(y)) if x >= y);
            match op % 4 {
                0 => ("vlt.bf16 r16, x2, x3".into(), None, Some(flags(reals.iter().map(less)))),
                1 => ("vge.bf16 r16, x2, x3".into(), None, Some(flags(reals.iter().map(geq)))),
                2 => (
                    "vmax_lt.bf16 x1, r16, x2, x3".into(),
                    Some(lanes(16, reals.iter().map(|p| if less(p) { p.1 } else { p.0 } as i128))),
                    Some(flags(reals.iter().map(less))),
                ),
                _ => (
                    "vmin_ge.bf16 x1, r16, x2, x3".into(),
                    Some(lanes(16, reals.iter().map(|p| if geq(p) { p.1 } else { p.0 } as i128))),
                    Some(flags(reals.iter().map(geq))),
                ),
            }
        } else {
            let p = both(with_sign);
            let all = |f: &dyn Fn(i128, i128) -> i128| Some(lanes(bits, p.iter().map(|&(x, y)| f(x, y))));
            let test = |f: &dyn Fn(i128, i128) -> bool| Some(flags(p.iter().map(|&(x, y)| f(x, y))));
            let chosen = |i: usize| s >> i & 1 == 1;
            let by = |f: &dyn Fn(bool, i128, i128) -> i128| Some(lanes(bits, p.iter().enumerate().map(|(i, &(x, y))| f(chosen(i), x, y))));
            match op {
                0 => (format!("vadd.{bits} x1, x2, x3"), all(&|x, y| x + y), None),
                1 => (format!("vsub.{bits} x1, x2, x3"), all(&|x, y| x - y), None),
                2 => (format!("vaddsub.{bits} x1, x2, x3, {sel}"), by(&|c, x, y| if c { x - y } else { x + y }), None),
                3 => (format!("vsel.{bits} x1, x2, x3, {sel}"), by(&|c, x, y| if c { y } else { x }), None),
                4 => (format!("vlt.{kind}{bits} {cmp}, x2, x3"), None, test(&|x, y| x < y)),
                5 => (format!("vge.{kind}{bits} {cmp}, x2, x3"), None, test(&|x, y| x >= y)),
                6 => (format!("veqz.{bits} {cmp}, x2"), None, test(&|x, _| x == 0)),
                7 => (format!("vmax_lt.{kind}{bits} x1, {cmp}, x2, x3"), all(&|x, y| x.max(y)), test(&|x, y| x < y)),
                8 => (format!("vmin_ge.{kind}{bits} x1, {cmp}, x2, x3"), all(&|x, y| x.min(y)), test(&|x, y| x >= y)),
                9 => (format!("vmaxdiff_lt.{kind}{bits} x1, {cmp}, x2, x3"), all(&|x, y| (x - y).max(0)), test(&|x, y| x < y)),
                10 => (format!("vsub_lt.{kind}{bits} x1, {cmp}, x2, x3"), all(&|x, y| x - y), test(&|x, y| x < y)),
                11 => (format!("vsub_ge.{kind}{bits} x1, {cmp}, x2, x3"), all(&|x, y| x - y), test(&|x, y| x >= y)),
                12 => (format!("vabs_gtz.{kind}{bits} x1, {cmp}, x2"), all(&|x, _| x.abs()), test(&|x, _| x > 0)),
                13 => (format!("vbneg_ltz.s{bits} x1, {cmp}, x2"), all(&|x, _| -1 - x), Some(flags(both(true).iter().map(|p| p.0 < 0)))),
                14 => ("vband x1, x2, x3".into(), Some((0..64).map(|i| v[i] & w[i]).collect()), None),
                _ => ("vbor x1, x2, x3".into(), Some((0..64).map(|i| v[i] | w[i]).collect()), None),
            }
        };
        b.run(&text, &set);
        if let Some(want) = vector {
            assert_eq!(b.get(Register::X(1)), want, "{text}, sign {dynamic}");
        }
        if let Some(want) = bitmap {
            let wide = text.contains("r17:r16");
            let got = if wide { b.pair(0) } else { u64::from(b.scalar(16)) };
            assert_eq!(got, want, "{text}, sign {dynamic}");
        }
    }
}

#[test]
fn moves_of_lanes() {
    let mut b = Bench::new(3);
    for _ in 0..12_000 {
        let bits = b.random.pick(&[8usize, 16, 32, 64]);
        let n = 512 / bits;
        let (v, w) = (b.random.bytes(64), b.random.bytes(64));
        let (s, index) = (b.random.next(), b.random.below(200) as u32);
        let narrow = |x: u128| x as i128;
        let all: Vec<i128> = (0..n).map(|i| narrow(raw(&v, bits, i))).collect();
        let scalar = i128::from(s) & ((1 << bits) - 1);
        let from = if bits == 64 { "r19:r18" } else { "r18" };
        let lane = (index as usize) % n;
        let (text, want): (String, Vec<u8>) = match b.random.below(9) {
            0 => (format!("vbcst.{bits} x1, {from}"), lanes(bits, vec![scalar; n])),
            1 => (format!("vextbcst.{bits} x1, x2, r16"), lanes(bits, vec![all[lane]; n])),
            2 => {
                let fixed = index as usize % 32;
                (format!("vextbcst.{bits} x1, x2, #{fixed}"), lanes(bits, vec![all[fixed % n]; n]))
            }
            3 => (format!("vinsert.{bits} x1, x2, r29, {from}"), lanes(bits, (0..n).map(|i| if i == lane { scalar } else { all[i] }))),
            4 => (format!("vpush.hi.{bits} x1, x2, {from}"), lanes(bits, all[1..].iter().copied().chain([scalar]))),
            5 => (format!("vpush.lo.{bits} x1, {from}, x2"), lanes(bits, [scalar].into_iter().chain(all[..n - 1].iter().copied()))),
            6 => {
                let both: Vec<u8> = [&v[..], &w[..], &[0; 64][..]].concat();
                let by = index as usize % 128;
                ("vshift x1, x2, x3, r16".into(), both[by..by + 64].to_vec())
            }
            7 => ("vmov x1, x2".into(), v.clone()),
            _ => {
                // Into half an accumulator and back in two bundles of their own.
                b.run("vmov bml3, x2", &[(Register::X(2), &v)]);
                assert_eq!(b.get(Register::Bml(3)), v);
                ("vmov x1, bmh2".into(), w.clone())
            }
        };
        b.run(
            &text,
            &[
                (Register::X(2), &v),
                (Register::X(3), &w),
                (Register::Bmh(2), &w),
                (Register::L(1), &s.to_le_bytes()),
                (Register::R(16), &le(index)),
                (Register::R(29), &le(index)),
            ],
        );
        assert_eq!(b.get(Register::X(1)), want, "{text}, index {index}");
    }
    for _ in 0..4_000 {
        let bits = b.random.pick(&[8usize, 16, 32, 64]);
        let sign = b.random.pick(&["s", "d"]);
        let dynamic = b.random.below(2) as u32;
        let v = b.random.bytes(64);
        let index = b.random.below(100) as u32;
        let to = if bits == 64 { "r21:r20" } else { "r20" };
        let text = format!("vextract.{sign}{bits} {to}, x2, r16");
        b.run(&text, &[(Register::X(2), &v), (Register::R(16), &le(index)), (mode(Control::VaddSign), &le(dynamic))]);
        let want = number(&v, bits, index as usize % (512 / bits), sign == "s" || dynamic == 1) as u64;
        let got = if bits == 64 { b.pair(2) } else { u64::from(b.scalar(20)) };
        assert_eq!(got, if bits == 64 { want } else { want & 0xFFFF_FFFF }, "{text}");
    }
}

/// Names of the shuffle modes as AMD's headers have them: T element bits, rows x columns; lo and hi halves of 1024 bits.
const SHUFFLES: &str = "8_64x2_lo 8_64x2_hi 16_32x2_lo 16_32x2_hi 32_16x2_lo 32_16x2_hi 64_8x2_lo 64_8x2_hi 128_4x2_lo 128_4x2_hi 256_2x2_lo 256_2x2_hi \
    128_2x4_lo 128_2x4_hi 64_2x8_lo 64_2x8_hi 32_2x16_lo 32_2x16_hi 16_2x32_lo 16_2x32_hi 8_2x64_lo 8_2x64_hi 512_1x2_lo 512_1x2_hi 16_16x4_lo 16_16x4_hi \
    16_4x16_lo 16_4x16_hi 16_8x4 16_4x8 32_8x4_lo 32_8x4_hi 32_4x8_lo 32_4x8_hi 32_4x4 8_8x8 8_16x4 8_4x16 16_1x2_flip 16_4x4 16_4x2 16_2x4 16_8x2 16_2x8 \
    16_16x2 16_2x16 8_8x4 8_4x8";

#[test]
fn shuffles_transpose() {
    let mut b = Bench::new(4);
    let names: Vec<&str> = SHUFFLES.split_whitespace().collect();
    assert_eq!(names.len(), 48);
    for _ in 0..10_000 {
        let number = b.random.below(48) as usize;
        let (v, w) = (b.random.bytes(64), b.random.bytes(64));
        let parts: Vec<&str> = names[number].split(['_', 'x']).collect();
        let (bits, rows, columns): (usize, usize, usize) = (parts[0].parse().unwrap(), parts[1].parse().unwrap(), parts[2].parse().unwrap());
        let both = [&v[..], &w[..]].concat();
        let elements: Vec<&[u8]> = both.chunks(bits / 8).collect();
        let mut out: Vec<u8> = Vec::new();
        for matrix in elements.chunks(rows * columns) {
            if parts.get(3) == Some(&"flip") {
                out.extend([matrix[1], matrix[0]].concat());
                continue;
            }
            let table: Vec<&[&[u8]]> = matrix.chunks(columns).collect();
            for c in 0..columns {
                table.iter().for_each(|row| out.extend(row[c]));
            }
        }
        let half = usize::from(parts.get(3) == Some(&"hi"));
        let want = &out[64 * half..64 * half + 64];
        b.run("vshuffle x1, x2, x3, r16", &[(Register::X(2), &v), (Register::X(3), &w), (Register::R(16), &le(number as u32))]);
        assert_eq!(b.get(Register::X(1)), want, "{}", names[number]);
    }
}

#[test]
fn shifts_up_and_down() {
    let mut b = Bench::new(5);
    for _ in 0..9_000 {
        // Result, source, accumulator, lanes.
        let (to, from, whole) =
            b.random.pick(&[(8usize, 32usize, true), (16, 32, false), (16, 32, true), (16, 64, true), (32, 64, false), (32, 64, true)]);
        let sign = b.random.pick(&["s", "d"]);
        let (dynamic, rounding, saturation) = (b.random.below(2) as u32, b.random.pick(&ROUNDINGS), b.random.pick(&[0u32, 1, 3]));
        let with_sign = sign == "s" || dynamic == 1;
        let mut acc = b.random.bytes(128);
        if b.random.below(2) == 0 {
            // Small numbers, for ties and for results in range.
            acc = lanes(from, (0..1024 / from).map(|_| i128::from(b.random.below(4096)) - 2048));
        }
        let n = if whole { 1024 / from } else { 512 / from };
        let shift = if b.random.below(8) == 0 { b.random.below(64) } else { b.random.below(20) } as u32;
        let result_bits = n * to;
        let (dst, register) = if result_bits == 512 { ("x1", Register::X(1)) } else { ("wl1", Register::Wl(1)) };
        let src = if whole { "cm2" } else { "bml2" };
        let text = format!("vsrs.{sign}{to}.s{from} {dst}, {src}, s1");
        b.run(
            &text,
            &[
                (Register::Cm(2), &acc),
                (Register::S(1), &le(shift)),
                (mode(Control::SrsSign), &le(dynamic)),
                (mode(Control::Rnd), &le(rounding)),
                (mode(Control::Sat), &le(saturation)),
            ],
        );
        let want = lanes(to, (0..n).map(|i| saturated(rounded(number(&acc, from, i, true), shift, rounding), to, with_sign, saturation)));
        assert_eq!(b.get(register), want, "{text}: shift {shift}, rounding {rounding}, saturation {saturation}, sign {dynamic}");
    }
    for _ in 0..6_000 {
        let (from, to, whole) =
            b.random.pick(&[(8usize, 32usize, true), (16, 32, false), (16, 32, true), (16, 64, true), (32, 64, false), (32, 64, true)]);
        let sign = b.random.pick(&["s", "d"]);
        let (dynamic, saturation) = (b.random.below(2) as u32, b.random.pick(&[0u32, 1, 3]));
        let with_sign = sign == "s" || dynamic == 1;
        let v = b.random.bytes(64);
        let shift = b.random.below(40) as u32;
        let n = if whole { 1024 / to } else { 512 / to };
        let src = if n * from == 512 { "x2" } else { "wl2" };
        let (dst, register) = if whole { ("cm3", Register::Cm(3)) } else { ("bmh3", Register::Bmh(3)) };
        let text = format!("vups.s{to}.{sign}{from} {dst}, {src}, s2");
        b.run(
            &text,
            &[(Register::X(2), &v), (Register::S(2), &le(shift)), (mode(Control::UpsSign), &le(dynamic)), (mode(Control::Sat), &le(saturation))],
        );
        let want = lanes(to, (0..n).map(|i| saturated(number(&v, from, i, with_sign) * (1i128 << shift), to, true, saturation)));
        assert_eq!(b.get(register), want, "{text}: shift {shift}, saturation {saturation}, sign {dynamic}");
    }
    for _ in 0..6_000 {
        let (narrow, wide) = b.random.pick(&[(4usize, 8usize), (8, 16)]);
        let sign = b.random.pick(&["s", "d"]);
        let (dynamic, saturation) = (b.random.below(2) as u32, b.random.pick(&[0u32, 1, 3]));
        let with_sign = sign == "s" || dynamic == 1;
        let v = b.random.bytes(64);
        let set = [
            (Register::X(2), &v[..]),
            (mode(Control::PackSign), &le(dynamic)[..]),
            (mode(Control::UnpackSign), &le(dynamic)[..]),
            (mode(Control::Sat), &le(saturation)[..]),
        ];
        if b.random.below(2) == 0 {
            let text = format!("vpack.{sign}{narrow}.{sign}{wide} wl1, x2");
            b.run(&text, &set);
            let want = lanes(narrow, (0..512 / wide).map(|i| saturated(number(&v, wide, i, with_sign), narrow, with_sign, saturation)));
            assert_eq!(b.get(Register::Wl(1)), want, "{text}: saturation {saturation}, sign {dynamic}");
        } else {
            let text = format!("vunpack.{sign}{wide}.{sign}{narrow} x1, wl2");
            b.run(&text, &set);
            let want = lanes(wide, (0..512 / wide).map(|i| number(&v, narrow, i, with_sign)));
            assert_eq!(b.get(Register::X(1)), want, "{text}: sign {dynamic}");
        }
    }
}

/// Names of products, whether product and accumulators are subtracted (nothing: absent).
type Sum = (&'static str, bool, Option<bool>, Option<bool>);

#[test]
fn integer_products() {
    let mut b = Bench::new(7);
    // Configuration modes, bits of the factors, rows, inner, columns, bits of the result's lanes. The last
    // three go lane by lane: no rows, but terms of each sum.
    let shapes = [
        (0u32, 0u32, 0u32, 8usize, 4usize, 4usize, 16usize, 8usize, 32usize),
        (0, 1, 0, 8, 8, 4, 8, 8, 32),
        (0, 2, 0, 16, 8, 4, 4, 8, 32),
        (0, 3, 0, 16, 16, 4, 2, 8, 32),
        (1, 0, 0, 32, 16, 4, 2, 4, 64),
        (1, 2, 0, 16, 8, 2, 8, 8, 64),
        (1, 2, 1, 16, 8, 4, 8, 4, 64),
        (1, 3, 0, 16, 16, 2, 4, 8, 64),
        (1, 3, 1, 16, 16, 4, 4, 4, 64),
        (0, 3, 1, 16, 16, 0, 1, 0, 32),
        (0, 1, 1, 8, 8, 0, 2, 0, 32),
        (1, 3, 2, 16, 16, 0, 2, 0, 64),
    ];
    let sums: [Sum; 8] = [
        ("vmul cm1, x2, x3, r4", false, None, None),
        ("vnegmul cm1, x2, x3, r4", true, None, None),
        ("vmac cm1, cm2, x2, x3, r4", false, Some(false), None),
        ("vmsc cm1, cm2, x2, x3, r4", true, Some(false), None),
        ("vaddmac cm1, cm1, cm3, x2, x3, r4", false, Some(false), Some(false)),
        ("vaddmsc cm1, cm1, cm3, x2, x3, r4", true, Some(false), Some(false)),
        ("vsubmac cm1, cm1, cm3, x2, x3, r4", false, Some(false), Some(true)),
        ("vsubmsc cm1, cm1, cm3, x2, x3, r4", true, Some(false), Some(true)),
    ];
    for _ in 0..10_000 {
        let (amode, bmode, variant, bx, by, rows, inner, columns, wide) = b.random.pick(&shapes);
        let (name, product, first, second) = b.random.pick(&sums);
        let (zero, sx, sy) = (b.random.below(2) as u32, b.random.below(2) as u32, b.random.below(2) as u32);
        let turns = b.random.pick(&[0u32, 0, 1, 2, 4, 7]);
        let config = zero | amode << 1 | bmode << 3 | variant << 5 | sy << 8 | sx << 9 | turns << 11;
        let (x, y) = (b.random.bytes(64), b.random.bytes(64));
        let (one, two, three) = (b.random.bytes(128), b.random.bytes(128), b.random.bytes(128));
        b.run(
            name,
            &[
                (Register::X(2), &x),
                (Register::X(3), &y),
                (Register::R(4), &le(config)),
                (Register::Cm(1), &one),
                (Register::Cm(2), &two),
                (Register::Cm(3), &three),
            ],
        );
        let base = if name.contains("cm1, cm1") { &one } else { &two };
        let term = |subtract: bool, turn: u32, value: i128| if subtract != (turns >> turn & 1 == 1) { -value } else { value };
        let want = lanes(
            wide,
            (0..1024 / wide).map(|i| {
                let product_of = |p: usize, q: usize| number(&x, bx, p, sx == 1) * number(&y, by, q, sy == 1);
                let dot: i128 = match rows {
                    0 => (0..inner).map(|k| product_of(i + k * 1024 / wide, i + k * 1024 / wide)).sum(),
                    _ => (0..inner).map(|k| product_of(i / columns * inner + k, k * columns + i % columns)).sum(),
                };
                let kept = first.filter(|_| zero == 0).map_or(0, |s| term(s, 1, number(base, wide, i, true)));
                term(product, 0, dot) + kept + second.map_or(0, |s| term(s, 2, number(&three, wide, i, true)))
            }),
        );
        assert_eq!(b.get(Register::Cm(1)), want, "{name}, configuration {config:#x}");
    }
}
