//! Third-party containers that ran on silicon: the emulator gives what plain formulas say.

use std::path::PathBuf;
use unicorn_kernels_xdna::container::{txn::Txn, xclbin::Xclbin};
use unicorn_kernels_xdna::emulator::*;

/// Container and stream of a golden; `None`, said aloud, where they are absent.
fn golden(container: &str, stream: &str) -> Option<(Npu, Txn)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/npu");
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    let (Some(container), Some(stream)) = (read(container), read(stream)) else {
        println!("skipped: shared/golden/npu/{container} is not here");
        return None;
    };
    let mut npu = Npu::new();
    npu.load_xclbin(&Xclbin::read(&container).unwrap()).unwrap();
    Some((npu, Txn::read(&stream).unwrap()))
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32
    }
}

fn int16(n: usize, seed: u64) -> Vec<i16> {
    let mut r = Random(seed);
    (0..n).map(|_| r.next() as i16).collect()
}

fn bytes16(v: &[i16]) -> Vec<u8> {
    v.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn words(b: &[u8]) -> Vec<i32> {
    b.chunks_exact(4).map(|c| i32::from_le_bytes(c.try_into().unwrap())).collect()
}

/// Prints a report; programs of a compiler leave the distances that its authors know.
fn show(name: &str, report: &Report, began: std::time::Instant) {
    assert!(report.cores.iter().all(|c| c.hasty == 0), "{name}: {report:?}");
    let seconds = began.elapsed().as_secs_f64();
    let bundles: u64 = report.cores.iter().map(|c| c.bundles).sum();
    let macs: u64 = report.cores.iter().map(|c| c.macs).sum();
    let core_cycles = report.cycles * report.cores.len() as u64;
    println!(
        "{name}: {} cycles, {} cores, {bundles} bundles, {macs} of them multiply ({:.1} % of the cores' cycles), {} host words ({:.1} % of their channels'); \
         {:.1} M core-cycles/s",
        report.cycles,
        report.cores.len(),
        100.0 * report.mac_share(),
        report.host_words(),
        100.0 * report.host_share(),
        core_cycles as f64 / seconds / 1e6
    );
}

#[test]
fn bf16_sums_round_toward_minus_infinity() {
    let Some((mut npu, stream)) = golden("xdna-npu-toolkit/fusion/single-add.xclbin", "xdna-npu-toolkit/fusion/single-add.insts.bin") else { return };
    let mut r = Random(5);
    let mut number = || {
        // Numbers of both signs whose exponents differ by at most 16: every sum of two is exact in float32.
        let x = r.next();
        (x & 0x807F | (119 + (x >> 16) % 17) << 7) as u16
    };
    let a: Vec<u16> = (0..4096).map(|_| number()).collect();
    let b: Vec<u16> = (0..4096).map(|_| number()).collect();
    let bytes = |v: &[u16]| -> Vec<u8> { v.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let (mut ab, mut bb, mut out) = (bytes(&a), bytes(&b), vec![0u8; 8192]);
    let began = std::time::Instant::now();
    let report = npu.run(&stream, &mut [&mut ab, &mut bb, &mut out]).unwrap();
    show("single-add", &report, began);
    let wide = |x: u16| f32::from_bits(u32::from(x) << 16);
    for i in 0..4096 {
        let got = u16::from_le_bytes([out[2 * i], out[2 * i + 1]]);
        // The sum, which is exact, then the largest bfloat16 not above it.
        let sum = wide(a[i]) + wide(b[i]);
        let mut want = (sum.to_bits() >> 16) as u16;
        // Cutting goes toward zero; below zero that is upward.
        if wide(want) > sum {
            want += 1;
        }
        assert_eq!(got, want, "{i}: {} + {} = {sum}", wide(a[i]), wide(b[i]));
    }
}

#[test]
fn int16_matrix_product_of_one_column() {
    let Some((mut npu, stream)) = golden("xdna-npu-toolkit/gemm-256-1col.xclbin", "xdna-npu-toolkit/gemm-256-1col.insts.txt") else { return };
    gemm("gemm-256-1col", &mut npu, &stream, 256);
}

#[test]
fn int16_matrix_product_of_four_columns() {
    let Some((mut npu, stream)) = golden("xdna-npu-toolkit/gemm-512-4col.xclbin", "xdna-npu-toolkit/gemm-512-4col.insts.txt") else { return };
    gemm("gemm-512-4col", &mut npu, &stream, 512);
}

/// Two runs of the stream with other matrices: the array goes on where the first run left it.
fn gemm(name: &str, npu: &mut Npu, stream: &Txn, n: usize) {
    let first = product(name, npu, stream, n, 1);
    let second = product(name, npu, stream, n, 7);
    assert_eq!(first.host_words(), second.host_words());
    let multiplied = |r: &Report| r.cores.iter().map(|c| c.macs).sum::<u64>();
    assert_eq!((multiplied(&first), multiplied(&second)), ((n * n * n / 64) as u64, (n * n * n / 64) as u64));
}

fn product(name: &str, npu: &mut Npu, stream: &Txn, n: usize, seed: u64) -> Report {
    let (a, b) = (int16(n * n, seed), int16(n * n, seed + 1));
    let (mut ab, mut bb, mut out) = (bytes16(&a), bytes16(&b), vec![0u8; 4 * n * n]);
    let began = std::time::Instant::now();
    let report = npu.run(stream, &mut [&mut ab, &mut bb, &mut out]).unwrap();
    show(name, &report, began);
    let got = words(&out);
    for i in 0..n {
        for j in 0..n {
            let sum: i64 = (0..n).map(|k| i64::from(a[i * n + k]) * i64::from(b[k * n + j])).sum();
            assert_eq!(got[i * n + j], sum as i32, "{name} [{i}, {j}]");
        }
    }
    report
}

#[test]
fn int16_matrix_times_vector() {
    let Some((mut npu, stream)) = golden("xdna-npu-toolkit/gemv-288.xclbin", "xdna-npu-toolkit/gemv-288.insts.txt") else { return };
    let n = 288;
    let (a, x) = (int16(n * n, 3), int16(n, 4));
    let (mut ab, mut xb, mut out) = (bytes16(&a), bytes16(&x), vec![0u8; 4 * n]);
    let began = std::time::Instant::now();
    let report = npu.run(&stream, &mut [&mut ab, &mut xb, &mut out]).unwrap();
    show("gemv-288", &report, began);
    let got = words(&out);
    for i in 0..n {
        let sum: i64 = (0..n).map(|k| i64::from(a[i * n + k]) * i64::from(x[k])).sum();
        assert_eq!(got[i], sum as i32, "row {i}");
    }
}

/// Two cores in a chain, the first one's result never leaving the array: (a + b) + c, each sum rounded down.
#[test]
fn fused_bf16_sums() {
    let Some((mut npu, stream)) = golden("xdna-npu-toolkit/fusion/fused-add-add.xclbin", "xdna-npu-toolkit/fusion/fused-add-add.insts.bin") else {
        return;
    };
    let mut r = Random(8);
    // Whole numbers up to 127 in steps of a quarter: the first sum is rounded in some lanes, both are exact in float32.
    let mut number = || ((r.next() % 1023) as f32 - 511.0) / 4.0;
    let v: [Vec<u16>; 3] = std::array::from_fn(|_| (0..4096).map(|_| (number().to_bits() >> 16) as u16).collect());
    let [mut a, mut b, mut c] = v.clone().map(|v| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
    let mut out = vec![0u8; 8192];
    let began = std::time::Instant::now();
    let report = npu.run(&stream, &mut [&mut a, &mut b, &mut c, &mut out]).unwrap();
    show("fused-add-add", &report, began);
    let wide = |x: u16| f32::from_bits(u32::from(x) << 16);
    let down = |sum: f32| {
        let cut = (sum.to_bits() >> 16) as u16;
        if wide(cut) > sum { cut + 1 } else { cut }
    };
    let mut rounded = 0;
    for i in 0..4096 {
        let first = down(wide(v[0][i]) + wide(v[1][i]));
        rounded += usize::from(wide(first) != wide(v[0][i]) + wide(v[1][i]));
        let want = down(wide(first) + wide(v[2][i]));
        assert_eq!(u16::from_le_bytes([out[2 * i], out[2 * i + 1]]), want, "{i}");
    }
    assert!(rounded > 100, "only {rounded} first sums were rounded");
}

/// A kernel by another compiler: copies 16 words and an index byte by byte, and gives the indexed word in all 16 lanes.
#[test]
fn a_word_in_every_lane() {
    let Some((mut npu, stream)) = golden("xdna-emu-add1/aie.xclbin", "xdna-emu-add1/insts.bin") else { return };
    let mut r = Random(9);
    let mut input: Vec<u8> = (0..17).flat_map(|_| r.next().to_le_bytes()).collect();
    let (mut unused, mut out) = (vec![0u8; 4], vec![0u8; 64]);
    let report = npu.run(&stream, &mut [&mut input, &mut unused, &mut out]).unwrap();
    assert_eq!(report.cores[0].hasty, 0);
    let input = words(&input);
    assert_eq!(words(&out), vec![input[input[16] as usize & 15]; 16]);
}
