//! Instructions against plain formulas. The words are those of LLVM's assembler; that they are what the text says is checked by our own printing of them,
//! which `text.rs` holds against LLVM's.

use gfx11::exec::{Fault, Lanes, Reach, Stop, Wave, run};
use gfx11::isa::register::{EXEC, VCC};
use gfx11::program::Program;
use gfx11::space::View;
use half::{bf16, f16};

/// Random words, always the same.
fn random(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 ^ (state >> 11) as u32
    }
}

/// Executes one instruction in a wave, with memory of the workgroup of 1 KiB.
fn execute(text: &str, words: &[u32], wave: &mut Wave, shared: &mut [u8]) -> Result<(), Fault> {
    let program = Program::new(&[words, &[0xBFB0_0000]].concat());
    assert_eq!(program.code[0].to_string(), text);
    // SAFETY: no ranges, no accesses.
    let view = unsafe { View::of(Vec::new()) };
    let stop = run(&program, wave, shared, &mut Reach::new(&view, (1, 0)), &mut vec![0; program.code.len()], 100)?;
    assert_eq!(stop, Stop::End);
    Ok(())
}

fn fresh(seed: u64) -> Wave {
    let mut next = random(seed);
    let mut wave = Wave::new();
    wave.v.iter_mut().flatten().for_each(|value| *value = next());
    wave.s.iter_mut().take(106).for_each(|value| *value = next());
    wave.s[usize::from(EXEC)] = u32::MAX;
    wave
}

#[test]
fn nothing_that_decodes_ends_the_process() {
    let mut faults = 0;
    for line in include_str!("fixtures/instructions.txt").lines().filter(|line| !line.starts_with('#')) {
        let code = line.split('\t').next().unwrap();
        let words: Vec<u32> = code.split_whitespace().map(|word| u32::from_str_radix(word, 16).unwrap()).collect();
        let program = Program::new(&[&words[..], &[0xBFB0_0000]].concat());
        // SAFETY: no ranges, no accesses.
        let view = unsafe { View::of(Vec::new()) };
        for seed in 0..8 {
            let mut wave = fresh(seed);
            wave.watch = Some(Box::default());
            wave.flush = seed % 2 == 1;
            let mut counts = vec![0; program.code.len()];
            faults += u32::from(run(&program, &mut wave, &mut [0; 1024], &mut Reach::new(&view, (1, 0)), &mut counts, 100).is_err());
        }
    }
    eprintln!("{faults} faults");
}

/// What a formula gets: the lane's v0, v1, v2, v3, and its number.
#[derive(Clone, Copy)]
struct In {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
}

/// Holds v3 after an instruction against a formula, in all lanes, with all and with some of them active, for values made by `shape`.
fn lanes_of(text: &str, words: &[u32], shape: fn(u32) -> u32, formula: impl Fn(In) -> u32) {
    for (seed, exec) in [(1, u32::MAX), (2, u32::MAX), (3, 0x8421_F00F), (4, 0)] {
        let mut wave = fresh(seed);
        wave.v.iter_mut().take(4).flatten().for_each(|value| *value = shape(*value));
        wave.s[usize::from(EXEC)] = exec;
        let before = wave.clone();
        execute(text, words, &mut wave, &mut []).unwrap();
        for l in 0..32 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|n: usize| before.v[n][l]);
            let expected = if exec >> l & 1 != 0 { formula(In { a, b, c, d }) } else { d };
            assert_eq!(wave.v[3][l], expected, "{text}: lane {l} of {a:#x} {b:#x} {c:#x} {d:#x}");
        }
    }
}

/// Any bits.
fn any(value: u32) -> u32 {
    value
}

/// Floats of moderate size.
fn float(value: u32) -> u32 {
    ((value as i32 >> 8) as f32 / 65536.0).to_bits()
}

/// Two halves of moderate size.
fn halves(value: u32) -> u32 {
    value & 0xBFFF_BFFF
}

fn f(bits: u32) -> f32 {
    f32::from_bits(bits)
}

fn low(bits: u32) -> f32 {
    f16::from_bits(bits as u16).to_f32()
}

fn high(bits: u32) -> f32 {
    f16::from_bits((bits >> 16) as u16).to_f32()
}

fn half(value: f32) -> u32 {
    u32::from(f16::from_f32(value).to_bits())
}

fn dot(a: u32, b: u32, signed: [bool; 2]) -> i64 {
    let part = |byte: u8, signed: bool| if signed { i64::from(byte as i8) } else { i64::from(byte) };
    a.to_le_bytes().into_iter().zip(b.to_le_bytes()).map(|(x, y)| part(x, signed[0]) * part(y, signed[1])).sum()
}

#[test]
fn dot_products() {
    let both = &[0xCC16_4003, 0x7C0A_0300];
    lanes_of("v_dot4_i32_iu8 v3, v0, v1, v2 neg_lo:[1,1,0]", both, any, |x| x.c.wrapping_add(dot(x.a, x.b, [true, true]) as u32));
    let second = &[0xCC16_4003, 0x5C0A_0300];
    lanes_of("v_dot4_i32_iu8 v3, v0, v1, v2 neg_lo:[0,1,0]", second, any, |x| x.c.wrapping_add(dot(x.a, x.b, [false, true]) as u32));
    let clamped = &[0xCC16_C003, 0x7C0A_0300];
    lanes_of(
        "v_dot4_i32_iu8 v3, v0, v1, v2 neg_lo:[1,1,0] clamp",
        clamped,
        |v| v | 0x7FFF_0000,
        |x| i32::try_from(i64::from(x.c as i32) + dot(x.a, x.b, [true, true])).unwrap_or(i32::MAX) as u32,
    );
    lanes_of("v_dot4_u32_u8 v3, v0, v1, v2", &[0xCC17_4003, 0x1C0A_0300], any, |x| x.c.wrapping_add(dot(x.a, x.b, [false; 2]) as u32));
    lanes_of("v_dot8_i32_iu4 v3, v0, v1, v2 neg_lo:[1,1,0]", &[0xCC18_4003, 0x7C0A_0300], any, |x| {
        let nibble = |v: u32, i: u32| ((v << (28 - 4 * i)) as i32) >> 28;
        (0..8).fold(x.c, |sum, i| sum.wrapping_add((nibble(x.a, i) * nibble(x.b, i)) as u32))
    });
    lanes_of(
        "v_dot2_f32_f16 v3, v0, v1, v2",
        &[0xCC13_4003, 0x1C0A_0300],
        |v| halves(v) & 0x3FFF_3FFF,
        |x| {
            let sum = f64::from(f(x.c)) + f64::from(low(x.a)) * f64::from(low(x.b)) + f64::from(high(x.a)) * f64::from(high(x.b));
            (sum as f32).to_bits()
        },
    );
}

#[test]
fn floats_and_their_modifiers() {
    lanes_of("v_fma_f32 v3, v0, -v1, |v2|", &[0xD613_0403, 0x440A_0300], float, |x| f(x.a).mul_add(-f(x.b), f(x.c).abs()).to_bits());
    lanes_of("v_fma_f32 v3, v0, v1, v2 clamp mul:2", &[0xD613_8003, 0x0C0A_0300], float, |x| {
        let twice = f(x.a).mul_add(f(x.b), f(x.c)) * 2.0;
        if twice > 0.0 { twice.min(1.0).to_bits() } else { 0 }
    });
    lanes_of("v_fmac_f32_e32 v3, v0, v1", &[0x5606_0300], float, |x| f(x.a).mul_add(f(x.b), f(x.d)).to_bits());
    lanes_of(
        "v_ldexp_f32 v3, v0, v1",
        &[0xD71C_0003, 0x0002_0300],
        |v| v & 0x8080_001F,
        |x| {
            // Small numbers of either sign: denormal floats times at most 2^31, and 2^-huge.
            ((f64::from(f(x.a)) * 2f64.powi((x.b as i32).clamp(-1000, 1000))) as f32).to_bits()
        },
    );
    lanes_of("v_max3_f32 v3, v0, v1, v2", &[0xD61C_0003, 0x040A_0300], float, |x| f(x.a).max(f(x.b)).max(f(x.c)).to_bits());
    lanes_of("v_min_f32_e32 v3, v0, v1", &[0x1E06_0300], float, |x| f(x.a).min(f(x.b)).to_bits());
    lanes_of("v_rndne_f32_e32 v3, v0", &[0x7E06_4700], float, |x| f(x.a).round_ties_even().to_bits());
    lanes_of("v_cvt_i32_f32_e32 v3, v0", &[0x7E06_1100], any, |x| f(x.a) as i32 as u32);
    lanes_of("v_rcp_f32_e32 v3, v0", &[0x7E06_5500], float, |x| ((1.0 / f64::from(f(x.a))) as f32).to_bits());
    lanes_of("v_exp_f32_e32 v3, v0", &[0x7E06_4B00], |v| (f(float(v)) / 4.0).to_bits(), |x| (f64::from(f(x.a)).exp2() as f32).to_bits());
    lanes_of("v_cvt_f32_ubyte2_e32 v3, v0", &[0x7E06_2700], any, |x| f32::from(x.a.to_le_bytes()[2]).to_bits());
}

#[test]
fn halves_of_registers() {
    let keep = |d: u32, value: u32, high: bool| if high { d & 0xFFFF | value << 16 } else { d & 0xFFFF_0000 | value };
    lanes_of("v_cvt_f16_f32_e32 v3.h, v0", &[0x7F06_1500], any, |x| {
        if f(x.a).is_nan() { keep(x.d, (x.a >> 16 & 0x8000) | 0x7E00 | x.a >> 13 & 0x3FF, true) } else { keep(x.d, half(f(x.a)), true) }
    });
    lanes_of("v_cvt_f32_f16_e32 v3, v0.h", &[0x7E06_1780], halves, |x| high(x.a).to_bits());
    lanes_of("v_add_f16_e32 v3.l, v0.h, v1.l", &[0x6406_0380], halves, |x| keep(x.d, half(high(x.a) + low(x.b)), false));
    lanes_of("v_mul_lo_u16 v3.h, v0.l, v1.h op_sel:[0,1,1]", &[0xD705_5003, 0x0002_0300], any, |x| {
        keep(x.d, (x.a & 0xFFFF).wrapping_mul(x.b >> 16) & 0xFFFF, true)
    });
    lanes_of("v_pk_add_f16 v3, v0, v1", &[0xCC0F_4003, 0x1802_0300], halves, |x| half(low(x.a) + low(x.b)) | half(high(x.a) + high(x.b)) << 16);
    lanes_of(
        "v_pk_fma_f16 v3, v0, v1, v2 op_sel_hi:[1,0,1]",
        &[0xCC0E_4003, 0x0C0A_0300],
        |v| v & 0x3FFF_3FFF,
        |x| {
            let fma = |a: f32, b: f32, c: f32| u32::from(f16::from_f64(f64::from(a).mul_add(f64::from(b), f64::from(c))).to_bits());
            fma(low(x.a), low(x.b), low(x.c)) | fma(high(x.a), low(x.b), high(x.c)) << 16
        },
    );
    lanes_of(
        "v_fma_mix_f32 v3, v0, v1, v2 op_sel:[0,1,0] op_sel_hi:[0,1,1]",
        &[0xCC20_5003, 0x140A_0300],
        |v| v & 0xBFFF_3FFF,
        |x| f(x.a).mul_add(high(x.b), low(x.c)).to_bits(),
    );
    lanes_of(
        "v_fma_mixhi_f16 v3, v0, v1, v2 op_sel_hi:[1,0,0]",
        &[0xCC22_0003, 0x0C0A_0300],
        |v| v & 0x3DFF_3FFF,
        |x| keep(x.d, half(low(x.a).mul_add(f(x.b), f(x.c))), true),
    );
    lanes_of("v_cvt_pk_rtz_f16_f32_e32 v3, v0, v1", &[0x5E06_0300], float, |x| {
        let toward_zero = |v: f32| {
            let near = half(v);
            if f16::from_bits(near as u16).to_f32().abs() > v.abs() { near - 1 } else { near }
        };
        toward_zero(f(x.a)) | toward_zero(f(x.b)) << 16
    });
}

#[test]
fn integers() {
    lanes_of(
        "v_perm_b32 v3, v0, v1, v2",
        &[0xD644_0003, 0x040A_0300],
        |v| v & 0x0F0F_0F0F ^ v << 28,
        |x| {
            let bytes = [x.b.to_le_bytes(), x.a.to_le_bytes()].concat();
            x.c.to_le_bytes().into_iter().enumerate().fold(0, |sum, (i, select)| {
                let sign = |n: usize| if bytes[n] & 0x80 != 0 { 0xFF } else { 0 };
                let byte = match select {
                    0..=7 => bytes[usize::from(select)],
                    8 => sign(1),
                    9 => sign(3),
                    10 => sign(5),
                    11 => sign(7),
                    12 => 0,
                    _ => 0xFF,
                };
                sum | u32::from(byte) << (8 * i)
            })
        },
    );
    lanes_of("v_bfe_i32 v3, v0, v1, v2", &[0xD611_0003, 0x040A_0300], any, |x| {
        let (offset, width) = (x.b % 32, x.c % 32);
        let value = i64::from(x.a as i32) >> offset & ((1 << width) - 1);
        if width > 0 && value >> (width - 1) & 1 != 0 { (value - (1 << width)) as u32 } else { value as u32 }
    });
    lanes_of("v_alignbit_b32 v3, v0, v1, 7", &[0xD616_0003, 0x021E_0300], any, |x| x.b >> 7 | x.a << 25);
    lanes_of("v_add3_u32 v3, v0, v1, v2", &[0xD655_0003, 0x040A_0300], any, |x| x.a.wrapping_add(x.b).wrapping_add(x.c));
    lanes_of("v_lshl_add_u32 v3, v0, 3, v2", &[0xD646_0003, 0x0409_0700], any, |x| x.a.wrapping_mul(8).wrapping_add(x.c));
    lanes_of("v_mul_hi_u32 v3, v0, v1", &[0xD72D_0003, 0x0002_0300], any, |x| ((u128::from(x.a) * u128::from(x.b)) >> 32) as u32);
    lanes_of("v_med3_i32 v3, v0, v1, v2", &[0xD620_0003, 0x040A_0300], any, |x| {
        let mut all = [x.a as i32, x.b as i32, x.c as i32];
        all.sort_unstable();
        all[1] as u32
    });
    lanes_of("v_bfi_b32 v3, v0, v1, v2", &[0xD612_0003, 0x040A_0300], any, |x| {
        (0..32).fold(0, |sum, i| sum | (if x.a >> i & 1 != 0 { x.b } else { x.c } & 1 << i))
    });
    lanes_of("v_bcnt_u32_b32 v3, v0, v1", &[0xD71E_0003, 0x0002_0300], any, |x| (0..32).fold(x.b, |sum, i| sum.wrapping_add(x.a >> i & 1)));
}

#[test]
fn carries_go_from_word_to_word() {
    let mut wave = fresh(5);
    wave.v[0][3] = u32::MAX;
    wave.v[1][3] = 1;
    let before = wave.clone();
    execute("v_add_co_u32 v3, vcc_lo, v0, v1", &[0xD700_6A03, 0x0002_0300], &mut wave, &mut []).unwrap();
    wave.pc = 0;
    execute("v_add_co_ci_u32_e64 v4, s6, v2, v2, vcc_lo", &[0xD520_0604, 0x01AA_0502], &mut wave, &mut []).unwrap();
    for l in 0..32 {
        let [a, b, c] = [0, 1, 2].map(|n: usize| u64::from(before.v[n][l]));
        let sum = (c << 32 | a).wrapping_add(c << 32 | b);
        assert_eq!(u64::from(wave.v[3][l]) | u64::from(wave.v[4][l]) << 32, sum, "lane {l}");
        assert_eq!(wave.s[6] >> l & 1, u32::from(u128::from(c << 32 | a) + u128::from(c << 32 | b) > u128::from(u64::MAX)));
    }
    assert_eq!(wave.s[usize::from(VCC)] >> 3 & 1, 1);
    let mut wave = fresh(6);
    let before = wave.clone();
    execute("v_mad_u64_u32 v[3:4], null, v0, v1, v[5:6]", &[0xD6FE_7C03, 0x0416_0300], &mut wave, &mut []).unwrap();
    for l in 0..32 {
        let [a, b, c, d] = [0, 1, 5, 6].map(|n: usize| u64::from(before.v[n][l]));
        assert_eq!(u64::from(wave.v[3][l]) | u64::from(wave.v[4][l]) << 32, (a * b).wrapping_add(c | d << 32));
    }
}

/// Holds v3 of an instruction that moves v0 between lanes against the lane it comes from; `None` leaves the lane alone.
fn moved(text: &str, words: &[u32], exec: u32, from: impl Fn(usize) -> Option<usize>) {
    let mut wave = fresh(7);
    (wave.s[4], wave.s[5], wave.s[usize::from(EXEC)]) = (0x7654_3210, 0x0F1E_2D3C, exec);
    let before = wave.clone();
    execute(text, words, &mut wave, &mut []).unwrap();
    for l in 0..32 {
        let active = exec >> l & 1 != 0;
        let expected = from(l).filter(|from| active && exec >> from & 1 != 0).map_or(before.v[3][l], |from| before.v[0][from]);
        assert_eq!(wave.v[3][l], expected, "{text}: lane {l}");
    }
}

#[test]
fn lanes_of_neighbours() {
    for exec in [u32::MAX, 0xFFF0_0FFF] {
        moved("v_mov_b32_dpp v3, v0 row_shr:1 row_mask:0xf bank_mask:0xf", &[0x7E06_02FA, 0xFF01_1100], exec, |l| (l % 16 != 0).then(|| l - 1));
        moved("v_mov_b32_dpp v3, v0 row_ror:4 row_mask:0xf bank_mask:0xf", &[0x7E06_02FA, 0xFF01_2400], exec, |l| Some(l / 16 * 16 + (l + 12) % 16));
        moved("v_mov_b32_dpp v3, v0 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf", &[0x7E06_02FA, 0xFF00_B100], exec, |l| Some(l ^ 1));
        moved("v_mov_b32_dpp v3, v0 row_xmask:5 row_mask:0xf bank_mask:0xf", &[0x7E06_02FA, 0xFF01_6500], exec, |l| Some(l ^ 5));
        moved("v_mov_b32_dpp v3, v0 row_share:3 row_mask:0x2 bank_mask:0xf", &[0x7E06_02FA, 0x2F01_5300], exec, |l| (l >= 16).then_some(19));
    }
    moved("v_mov_b32_dpp v3, v0 dpp8:[7,6,5,4,3,2,1,0]", &[0x7E06_02E9, 0x0539_7700], u32::MAX, |l| Some(l ^ 7));
    let select = |l: usize| (0x0F1E_2D3C_7654_3210u64 >> (4 * (l % 16)) & 15) as usize;
    moved("v_permlane16_b32 v3, v0, s4, s5", &[0xD65B_0003, 0x0014_0900], u32::MAX, |l| Some(l / 16 * 16 + select(l)));
    moved("v_permlanex16_b32 v3, v0, s4, s5", &[0xD65C_0003, 0x0014_0900], u32::MAX, |l| Some((1 - l / 16) * 16 + select(l)));
    moved("ds_swizzle_b32 v3, v0 offset:4127", &[0xD8D4_101F, 0x0300_0000], u32::MAX, |l| Some(l ^ 4));

    let text = "v_mov_b32_dpp v3, v0 row_shl:2 row_mask:0xf bank_mask:0xf bound_ctrl:1";
    let mut wave = fresh(8);
    let before = wave.clone();
    execute(text, &[0x7E06_02FA, 0xFF09_0200], &mut wave, &mut []).unwrap();
    for l in 0..32 {
        assert_eq!(wave.v[3][l], if l % 16 < 14 { before.v[0][l + 2] } else { 0 });
    }
    let mut wave = fresh(9);
    wave.v.iter_mut().take(2).flatten().for_each(|value| *value = float(*value));
    let before = wave.clone();
    let text = "v_add_f32_dpp v3, v0, v1 row_half_mirror row_mask:0xf bank_mask:0xf";
    execute(text, &[0x0606_02FA, 0xFF01_4100], &mut wave, &mut []).unwrap();
    for l in 0..32 {
        assert_eq!(f(wave.v[3][l]), f(before.v[0][l ^ 7]) + f(before.v[1][l]));
    }
}

#[test]
fn permutations_through_the_crossbar() {
    let mut wave = fresh(10);
    wave.s[usize::from(EXEC)] = 0xFFFF_0FFF;
    let before = wave.clone();
    execute("ds_bpermute_b32 v3, v0, v1", &[0xDACC_0000, 0x0300_0100], &mut wave, &mut []).unwrap();
    let active = |l: usize| before.s[usize::from(EXEC)] >> l & 1 != 0;
    for l in 0..32 {
        let from = (before.v[0][l] / 4 % 32) as usize;
        let expected = if active(from) { before.v[1][from] } else { 0 };
        assert_eq!(wave.v[3][l], if active(l) { expected } else { before.v[3][l] });
    }
    let mut wave = fresh(11);
    let before = wave.clone();
    execute("ds_permute_b32 v3, v0, v1", &[0xDAC8_0000, 0x0300_0100], &mut wave, &mut []).unwrap();
    for to in 0..32 {
        let last = (0..32).rev().find(|l| before.v[0][*l] / 4 % 32 == to as u32);
        assert_eq!(wave.v[3][to], last.map_or(0, |l| before.v[1][l]));
    }
    let mut wave = fresh(12);
    let before = wave.clone();
    execute("v_readlane_b32 s6, v0, 17", &[0xD760_0006, 0x0001_2300], &mut wave, &mut []).unwrap();
    wave.pc = 0;
    execute("v_writelane_b32 v3, s4, 9", &[0xD761_0003, 0x0001_1204], &mut wave, &mut []).unwrap();
    assert_eq!((wave.s[6], wave.v[3][9], wave.v[3][8]), (before.v[0][17], before.s[4], before.v[3][8]));
}

#[test]
fn comparisons_and_choices() {
    let mut wave = fresh(13);
    wave.s[usize::from(EXEC)] = 0x0FFF_FFF0;
    wave.v[0][7] = f32::NAN.to_bits();
    let before = wave.clone();
    execute("v_cmp_gt_f32_e32 vcc_lo, v0, v1", &[0x7C28_0300], &mut wave, &mut []).unwrap();
    wave.pc = 0;
    execute("v_cndmask_b32_e64 v3, v0, v1, s4", &[0xD501_0003, 0x0012_0300], &mut wave, &mut []).unwrap();
    wave.pc = 0;
    execute("v_cmp_class_f32_e64 s6, v0, 3", &[0xD47E_0006, 0x0001_0700], &mut wave, &mut []).unwrap();
    wave.pc = 0;
    execute("v_cmpx_lt_i32_e64 v0, v1", &[0xD4C1_007E, 0x0002_0300], &mut wave, &mut []).unwrap();
    for l in 0..32 {
        let active = before.s[usize::from(EXEC)] >> l & 1 != 0;
        let (a, b) = (before.v[0][l], before.v[1][l]);
        assert_eq!(wave.s[usize::from(VCC)] >> l & 1 != 0, active && f(a) > f(b));
        assert_eq!(
            wave.v[3][l],
            if !active {
                before.v[3][l]
            } else if before.s[4] >> l & 1 != 0 {
                b
            } else {
                a
            }
        );
        assert_eq!(wave.s[6] >> l & 1 != 0, active && f(a).is_nan());
        assert_eq!(wave.s[usize::from(EXEC)] >> l & 1 != 0, active && (a as i32) < b as i32);
    }
}

#[test]
fn two_at_once_read_before_they_write() {
    let mut wave = fresh(14);
    wave.v.iter_mut().take(4).flatten().for_each(|value| *value = float(*value));
    let before = wave.clone();
    execute("v_dual_mul_f32 v3, v0, v1 :: v_dual_mov_b32 v0, v3", &[0xC8D0_0300, 0x0300_0103], &mut wave, &mut []).unwrap();
    for l in 0..32 {
        assert_eq!((f(wave.v[3][l]), wave.v[0][l]), (f(before.v[0][l]) * f(before.v[1][l]), before.v[3][l]));
    }
}

#[test]
fn scalars() {
    let mut wave = fresh(15);
    (wave.s[4], wave.s[5], wave.scc) = (0xFFFF_FFF0, 0x0000_0010, true);
    let exec = wave.s[usize::from(EXEC)];
    let mut step = |text: &str, words: &[u32]| {
        wave.pc = 0;
        execute(text, words, &mut wave, &mut []).unwrap();
        (wave.s[6], wave.scc)
    };
    assert_eq!(step("s_addc_u32 s6, s4, s5", &[0x8206_0504]), (1, true));
    assert_eq!(step("s_bfe_i32 s6, s4, 0x80004", &[0x9386_FF04, 0x0008_0004]), (u32::MAX, true));
    assert_eq!(step("s_mul_hi_u32 s6, s4, s5", &[0x9686_0504]), (15, true));
    assert_eq!(step("s_and_saveexec_b32 s6, s4", &[0xBE86_2004]), (exec, true));
    assert_eq!(wave.s[usize::from(EXEC)], 0xFFFF_FFF0);
}

#[test]
fn memory_of_the_workgroup() {
    let mut shared: Vec<u8> = (0..=255u8).cycle().take(1024).collect();
    let at = |shared: &[u8], place: usize| u32::from_le_bytes(shared[place..place + 4].try_into().unwrap());
    let mut wave = fresh(16);
    wave.v[0] = std::array::from_fn(|l| 16 * l as u32);
    let (before, old) = (wave.clone(), shared.clone());
    execute("ds_add_rtn_u32 v3, v0, v1", &[0xD880_0000, 0x0300_0100], &mut wave, &mut shared).unwrap();
    wave.pc = 0;
    execute("ds_store_b64 v0, v[1:2] offset:8", &[0xD934_0008, 0x0000_0100], &mut wave, &mut shared).unwrap();
    for l in 0..32 {
        assert_eq!((wave.v[3][l], at(&shared, 16 * l)), (at(&old, 16 * l), at(&old, 16 * l).wrapping_add(before.v[1][l])));
        assert_eq!((at(&shared, 16 * l + 8), at(&shared, 16 * l + 12)), (before.v[1][l], before.v[2][l]));
    }
    wave.pc = 0;
    execute("ds_load_2addr_b32 v[3:4], v0 offset0:1 offset1:3", &[0xD8DC_0301, 0x0300_0000], &mut wave, &mut shared).unwrap();
    assert_eq!((wave.v[3][5], wave.v[4][5]), (at(&shared, 84), at(&shared, 92)));
    (wave.pc, wave.v[0][20]) = (0, 1017);
    let fault = execute("ds_store_b64 v0, v[1:2] offset:8", &[0xD934_0008, 0x0000_0100], &mut wave, &mut shared);
    assert_eq!(fault, Err(Fault::Shared { lane: 20, address: 1025, bytes: 4, size: 1024 }));
}

/// Lanes 16 to 31 of some registers become copies of lanes 0 to 15, as matrix operands must be.
fn copied(wave: &mut Wave, registers: std::ops::Range<usize>) {
    for row in &mut wave.v[registers] {
        row.copy_within(0..16, 16);
    }
}

/// Row and column of the result that register `r` of lane `l` holds.
fn place(r: usize, l: usize) -> (usize, usize) {
    (2 * r + l / 16, l % 16)
}

#[test]
fn matrices_of_integers() {
    for (text, words, signed) in [
        ("v_wmma_i32_16x16x16_iu8 v[40:47], v[8:11], v[16:19], v[24:31] neg_lo:[1,1,0]", [0xCC44_4028, 0x7C62_2108], true),
        ("v_wmma_i32_16x16x16_iu8 v[40:47], v[8:11], v[16:19], v[24:31] neg_lo:[0,1,0]", [0xCC44_4028, 0x5C62_2108], false),
    ] {
        let mut wave = fresh(17);
        copied(&mut wave, 8..12);
        copied(&mut wave, 16..20);
        let before = wave.clone();
        execute(text, &words, &mut wave, &mut []).unwrap();
        let byte = |rows: &[Lanes], lane: usize, k: usize| rows[k / 4][lane].to_le_bytes()[k % 4];
        for (r, l) in (0..8).flat_map(|r| (0..32).map(move |l| (r, l))) {
            let (row, column) = place(r, l);
            let sum: i32 = (0..16)
                .map(|k| {
                    let a = byte(&before.v[8..12], row, k);
                    let a = if signed { i32::from(a as i8) } else { i32::from(a) };
                    a * i32::from(byte(&before.v[16..20], column, k) as i8)
                })
                .sum();
            assert_eq!(wave.v[40 + r][l], before.v[24 + r][l].wrapping_add(sum as u32), "{text}: {row} {column}");
        }
        wave.pc = 0;
        wave.v[9][3] ^= 1;
        assert_eq!(execute(text, &words, &mut wave, &mut []), Err(Fault::Replica { operand: 0, lane: 3 }));
        (wave.pc, wave.s[usize::from(EXEC)]) = (0, 0xFFFF);
        assert_eq!(execute(text, &words, &mut wave, &mut []), Err(Fault::MatrixExec(0xFFFF)));
    }
}

#[test]
fn matrices_of_floats() {
    let as_half = |bits: u16| f16::from_bits(bits & 0xBFFF).to_f64();
    let as_brain = |bits: u16| bf16::from_bits(bits & 0xBFFF).to_f64();
    for (text, words, view) in [
        ("v_wmma_f32_16x16x16_f16 v[40:47], v[8:15], v[16:23], v[24:31]", [0xCC40_4028, 0x1C62_2108], as_half as fn(u16) -> f64),
        ("v_wmma_f32_16x16x16_bf16 v[40:47], v[8:15], v[16:23], v[24:31]", [0xCC41_4028, 0x1C62_2108], as_brain),
    ] {
        let mut wave = fresh(18);
        wave.v[8..24].iter_mut().flatten().for_each(|value| *value &= 0xBFFF_BFFF);
        wave.v[24..32].iter_mut().flatten().for_each(|value| *value = float(*value));
        copied(&mut wave, 8..24);
        let before = wave.clone();
        execute(text, &words, &mut wave, &mut []).unwrap();
        let value = |rows: &[Lanes], lane: usize, k: usize| view((rows[k / 2][lane] >> (16 * (k % 2))) as u16);
        for (r, l) in (0..8).flat_map(|r| (0..32).map(move |l| (r, l))) {
            let (row, column) = place(r, l);
            let products = (0..16).map(|k| value(&before.v[8..16], row, k) * value(&before.v[16..24], column, k));
            let exact = products.sum::<f64>() + f64::from(f(before.v[24 + r][l]));
            let error = (f64::from(f(wave.v[40 + r][l])) - exact).abs();
            assert!(error <= exact.abs() * 1e-6 + 1e-6, "{text}: {row} {column}: {} for {exact}", f(wave.v[40 + r][l]));
        }
    }
}
