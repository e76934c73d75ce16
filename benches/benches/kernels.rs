//! Kernels at E2B's shapes, every instruction set beside the others: `cargo bench -p unicorn-benches`.
//!
//! Dense products read weights of K = 2048, N = 8192; several copies are walked in turn, so that one row is measured against memory and not a cache.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use unicorn_artifact::tensor::{Format, activation_row_bytes, int8_row_bytes};
use unicorn_kernels_cpu::{Attention, Isa, Kernels, MatMul, MatMulInt8, pack};

const K: usize = 2048;
const N: usize = 8192;
const COPIES: usize = 6;

/// Splitmix64, uniform in -1..1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

fn isas() -> impl Iterator<Item = Isa> {
    [Isa::Plain, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| *isa <= Isa::detect())
}

fn matmul(c: &mut Criterion) {
    let mut random = Random(1);
    for format in [Format::Q4, Format::Q8, Format::Bf16] {
        let weights: Vec<Vec<u8>> = (0..COPIES).map(|_| pack::pack_panels(format, &random.values(N * K), N, K)).collect();
        for rows in [1usize, 64] {
            let mut group = c.benchmark_group(format!("matmul-{}-{rows}", format.name()));
            group.throughput(Throughput::Elements((rows * N * K) as u64)).sample_size(10);
            let values = random.values(rows * K);
            let mut out = vec![0f32; rows * N];
            // Plain kernels at 64 rows take most of a second each and say nothing new.
            for isa in isas().filter(|isa| rows == 1 || *isa != Isa::Plain) {
                let kernels = Kernels::new(isa);
                let input: Vec<u8> = if format.is_quantised() {
                    let mut bytes = vec![0u8; rows * activation_row_bytes(K)];
                    for (row, record) in values.chunks(K).zip(bytes.chunks_mut(activation_row_bytes(K))) {
                        // SAFETY: a row of K values and a record of its size.
                        unsafe { (kernels.quantize)(row.as_ptr(), K, record.as_mut_ptr()) };
                    }
                    bytes
                } else {
                    values.iter().flat_map(|v| v.to_le_bytes()).collect()
                };
                let mut turn = 0;
                group.bench_function(BenchmarkId::from_parameter(isa.name()), |b| {
                    b.iter(|| {
                        turn = (turn + 1) % COPIES;
                        let arguments = MatMul {
                            input: input.as_ptr(),
                            cols: K,
                            rows,
                            weight: weights[turn].as_ptr(),
                            panels: 0..N / 16,
                            outputs: N,
                            out: out.as_mut_ptr(),
                            out_stride: N,
                        };
                        let kernel = match format {
                            Format::Q4 => kernels.matmul_q4,
                            Format::Q8 => kernels.matmul_q8,
                            Format::Bf16 | Format::F32 | Format::Int8 => kernels.matmul_bf16,
                        };
                        // SAFETY: buffers of the sizes that the arguments name.
                        unsafe { kernel(&arguments) };
                    });
                });
            }
            group.finish();
        }
    }
}

fn matmul_int8(c: &mut Criterion) {
    let mut random = Random(1);
    let weights: Vec<Vec<u8>> = (0..COPIES).map(|_| pack::pack_matrix(&random.values(N * K), N, K)).collect();
    let scales = random.values(N);
    for rows in [1usize, 64] {
        let mut group = c.benchmark_group(format!("matmul-int8-{rows}"));
        group.throughput(Throughput::Elements((rows * N * K) as u64)).sample_size(10);
        let values = random.values(rows * K);
        let mut out = vec![0f32; rows * N];
        for isa in isas().filter(|isa| rows == 1 || *isa != Isa::Plain) {
            let kernels = Kernels::new(isa);
            let mut input = vec![0u32; rows * int8_row_bytes(K) / 4];
            for (row, record) in values.chunks(K).zip(input.chunks_mut(int8_row_bytes(K) / 4)) {
                // SAFETY: a row of K values and an aligned record of its size.
                unsafe { (kernels.quantize_int8)(row.as_ptr(), K, record.as_mut_ptr().cast()) };
            }
            let mut turn = 0;
            group.bench_function(BenchmarkId::from_parameter(isa.name()), |b| {
                b.iter(|| {
                    turn = (turn + 1) % COPIES;
                    let arguments = MatMulInt8 {
                        input: input.as_ptr().cast(),
                        cols: K,
                        rows,
                        weight: weights[turn].as_ptr().cast(),
                        scales: scales.as_ptr(),
                        outputs: 0..N,
                        out: out.as_mut_ptr(),
                        out_stride: N,
                    };
                    // SAFETY: buffers of the sizes that the arguments name.
                    unsafe { (kernels.matmul_int8)(&arguments) };
                });
            });
        }
        group.finish();
    }
}

fn attention(c: &mut Criterion) {
    const HEAD: usize = 256;
    const POSITIONS: usize = 2048;
    const GROUP: usize = 4;
    let mut random = Random(2);
    let mut halves = |count| (0..count).map(|_| half::f16::from_f32(random.next()).to_bits()).collect::<Vec<u16>>();
    let (keys, values) = (halves(POSITIONS * HEAD), halves(POSITIONS * HEAD));
    let query = random.values(GROUP * HEAD);
    let (mut out, mut scratch) = (vec![0f32; GROUP * HEAD], vec![0f32; GROUP * (POSITIONS + 32)]);
    let mut group = c.benchmark_group("attention-2048x256-group4");
    group.sample_size(10);
    for isa in isas() {
        let kernels = Kernels::new(isa);
        group.bench_function(BenchmarkId::from_parameter(isa.name()), |b| {
            b.iter(|| {
                let arguments = Attention {
                    query: query.as_ptr(),
                    group: GROUP,
                    head_dim: HEAD,
                    keys: keys.as_ptr(),
                    values: values.as_ptr(),
                    capacity: POSITIONS,
                    first: 0,
                    last: POSITIONS - 1,
                    scale: 1.0,
                    out: out.as_mut_ptr(),
                    scratch: scratch.as_mut_ptr(),
                };
                // SAFETY: buffers of the sizes that the arguments name.
                unsafe { (kernels.attention)(&arguments) };
            });
        });
    }
    group.finish();
}

criterion_group!(benches, matmul, matmul_int8, attention);
criterion_main!(benches);
