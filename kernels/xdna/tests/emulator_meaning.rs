//! Single bundles with random operands, encoded, decoded and run in the emulated core, against formulas written here: bits picked one by one, sums and
//! quotients of large integers, matrices as tables. 100,000 of them.

use std::collections::HashMap;
use unicorn_kernels_xdna::array::Tile;
use unicorn_kernels_xdna::emulator::Npu;
use unicorn_kernels_xdna::isa::{Control, Program, Register};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 20) % n
    }
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
    /// Words in which all-zero, all-one and edge bytes are frequent.
    fn bytes(&mut self, n: usize) -> Vec<u8> {
        let edges = self.below(3) == 0;
        (0..n).map(|_| if edges { self.pick(&[0, 1, 0x7F, 0x80, 0xFF]) } else { self.next() as u8 }).collect()
    }
    fn word(&mut self) -> u32 {
        match self.below(4) {
            0 => self.pick(&[0, 1, 31, 32, 0x7FFF_FFFF, 0x8000_0000, u32::MAX, u32::MAX - 31]),
            1 => (self.below(80) as u32).wrapping_sub(40),
            _ => self.next() as u32,
        }
    }
}

/// Lane `i` of so many bits, bit by bit.
fn raw(v: &[u8], bits: usize, i: usize) -> u128 {
    (0..bits).fold(0, |x, b| x | u128::from(v[(i * bits + b) / 8] >> ((i * bits + b) % 8) & 1) << b)
}

fn signed(x: u128, bits: usize) -> i128 {
    if x >> (bits - 1) & 1 == 1 { x as i128 - (1 << bits) } else { x as i128 }
}

fn number(v: &[u8], bits: usize, i: usize, with_sign: bool) -> i128 {
    if with_sign { signed(raw(v, bits, i), bits) } else { raw(v, bits, i) as i128 }
}

/// Lanes put together again, each cut to its bits.
fn lanes(bits: usize, values: impl IntoIterator<Item = i128>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    for v in values {
        for b in 0..bits {
            if at % 8 == 0 {
                out.push(0);
            }
            *out.last_mut().unwrap() |= ((v >> b & 1) as u8) << (at % 8);
            at += 1;
        }
    }
    out
}

fn flags(bits: impl IntoIterator<Item = bool>) -> u64 {
    bits.into_iter().enumerate().fold(0, |x, (i, b)| x | u64::from(b) << i)
}

/// A core to try bundles on.
struct Bench {
    npu: Npu,
    tile: Tile,
    programs: HashMap<String, Vec<u32>>,
    random: Random,
    cases: u32,
}

impl Bench {
    fn new(seed: u64) -> Bench {
        Bench { npu: Npu::new(), tile: Tile::new(0, 3).unwrap(), programs: HashMap::new(), random: Random(seed), cases: 0 }
    }

    /// Runs one bundle and lets its results land.
    fn run(&mut self, text: &str, set: &[(Register, &[u8])]) {
        let words = self.programs.entry(text.to_owned()).or_insert_with(|| {
            let mut program = Program::new();
            program.bundle(text).nops(12).bundle("done").nops(2);
            let mut code = program.assemble().unwrap_or_else(|e| panic!("{text}: {e}")).code();
            code.resize(code.len().next_multiple_of(4), 0);
            code.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
        });
        self.npu.write_block(self.tile.address(0x20000), words).unwrap();
        self.npu.write(self.tile.address(0x32000), 2).unwrap();
        self.npu.write(self.tile.address(0x32000), 0).unwrap();
        for (register, bytes) in set {
            self.npu.set_register(self.tile, *register, bytes).unwrap_or_else(|| panic!("{register}"));
        }
        self.npu.write(self.tile.address(0x32000), 1).unwrap();
        self.npu.run_cores().unwrap_or_else(|e| panic!("{text}: {e}"));
        self.cases += 1;
    }

    fn get(&self, register: Register) -> Vec<u8> {
        self.npu.register(self.tile, register).unwrap()
    }

    fn scalar(&self, n: u8) -> u32 {
        u32::from_le_bytes(self.get(Register::R(n)).try_into().unwrap())
    }

    fn pair(&self, n: u8) -> u64 {
        u64::from_le_bytes(self.get(Register::L(n)).try_into().unwrap())
    }
}

fn mode(c: Control) -> Register {
    Register::Control(c)
}

fn le(x: u32) -> [u8; 4] {
    x.to_le_bytes()
}

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
            ("abs r1, r2", sx.abs() as u32, None),
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

/// `value / 2^shift` as an integer, by the words of the rounding mode: the two neighbours and their distances.
fn rounded(value: i128, shift: u32, mode: u32) -> i128 {
    let unit = 1i128 << shift;
    let low = value.div_euclid(unit);
    let (below, above) = (value - low * unit, (low + 1) * unit - value);
    if below == 0 {
        return low;
    }
    let (toward, away) = if value < 0 { (low + 1, low) } else { (low, low + 1) };
    let even = if low % 2 == 0 { low } else { low + 1 };
    let tie = match mode {
        0 => return low,
        1 => return low + 1,
        2 => return toward,
        3 => return away,
        8 => low,
        9 => low + 1,
        10 => toward,
        11 => away,
        12 => even,
        _ => 2 * low + 1 - even,
    };
    match below.cmp(&above) {
        std::cmp::Ordering::Less => low,
        std::cmp::Ordering::Greater => low + 1,
        std::cmp::Ordering::Equal => tie,
    }
}

fn saturated(x: i128, bits: usize, with_sign: bool, mode: u32) -> i128 {
    let (low, high) = if with_sign { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
    match mode {
        0 => x,
        3 if with_sign => x.max(low + 1).min(high),
        _ => x.max(low).min(high),
    }
}

const ROUNDINGS: [u32; 10] = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13];

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

/// Names of products, whether product and accumulators are subtracted (nothing: absent).
type Sum = (&'static str, bool, Option<bool>, Option<bool>);

#[test]
fn integer_products() {
    let mut b = Bench::new(7);
    // Configuration modes, bits of the factors, rows, inner, columns, bits of the result's lanes. The last: products lane by lane.
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
        (0, 3, 1, 16, 16, 0, 0, 0, 32),
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
                    0 => product_of(i, i),
                    _ => (0..inner).map(|k| product_of(i / columns * inner + k, k * columns + i % columns)).sum(),
                };
                let kept = first.filter(|_| zero == 0).map_or(0, |s| term(s, 1, number(base, wide, i, true)));
                term(product, 0, dot) + kept + second.map_or(0, |s| term(s, 2, number(&three, wide, i, true)))
            }),
        );
        assert_eq!(b.get(Register::Cm(1)), want, "{name}, configuration {config:#x}");
    }
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
        let table: [(&str, Option<f64>, Option<f64>, Option<f64>); 8] = [
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
