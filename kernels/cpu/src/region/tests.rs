use super::*;
use unicorn_artifact::region::Operand;

fn wave(n: usize, step: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * step).sin() * 2.5).collect()
}

fn arg(values: &mut [f32], stride: usize) -> RegionArg {
    RegionArg { pointer: values.as_mut_ptr(), stride: stride * 4 }
}

fn run(region: &Region, args: &[RegionArg], rows: usize, columns: usize) {
    let interpreter = Interpreter::new(region).unwrap();
    // What scratch held before must not matter.
    let mut scratch = vec![f32::NAN; interpreter.scratch_len()];
    // SAFETY: each test binds slices of `rows` rows.
    unsafe { interpreter.run(args, rows, columns, &mut scratch) };
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// The documented sum, written another way.
fn lanes_sum(x: impl Fn(usize) -> f32, width: usize) -> f32 {
    let mut s: Vec<f32> = (0..16).map(|l| (l..width).step_by(16).fold(0.0, |s, i| s + x(i))).collect();
    while s.len() > 1 {
        let half = s.len() / 2;
        s = (0..half).map(|l| s[l] + s[l + half]).collect();
    }
    s[0]
}

#[test]
fn rms_norm_in_place() {
    let (rows, width) = (3, 80);
    let ops = vec![
        RegionOp::Load(0),
        RegionOp::Mul(0, 0),
        RegionOp::Sum(1),
        RegionOp::Imm(width as f32),
        RegionOp::Div(2, 3),
        RegionOp::LoadScalar(2, 1),
        RegionOp::Add(4, 5),
        RegionOp::Sqrt(6),
        RegionOp::Div(0, 7),
        RegionOp::Load(1),
        RegionOp::Mul(8, 9),
        RegionOp::Store(3, 10),
        RegionOp::StoreScalar(4, 0, 7),
    ];
    let operands = vec![Operand::Row, Operand::Const, Operand::ConstScalars(2), Operand::OutRow, Operand::OutScalars(1)];
    let region = Region { width: width as u32, operands, ops };
    let (x, mut weight, mut epsilon, mut norms) = (wave(rows * width, 0.37), wave(width, 0.11), vec![9.0, 1e-6], vec![0f32; rows]);
    let mut data = x.clone();
    let both = arg(&mut data, width);
    run(&region, &[both, arg(&mut weight, 0), arg(&mut epsilon, 0), both, arg(&mut norms, 1)], rows, width);
    for r in 0..rows {
        let x = &x[r * width..][..width];
        let norm = (lanes_sum(|i| x[i] * x[i], width) / width as f32 + 1e-6).sqrt();
        let expected: Vec<f32> = x.iter().zip(&weight).map(|(x, w)| x / norm * w).collect();
        assert_eq!(bits(&data[r * width..][..width]), bits(&expected));
        assert_eq!(norms[r].to_bits(), norm.to_bits());
    }
}

#[test]
fn gated_gelu_by_any_columns() {
    let (rows, width) = (2, 1200);
    let ops = vec![RegionOp::Load(0), RegionOp::Gelu(0), RegionOp::Load(1), RegionOp::Mul(1, 2), RegionOp::Store(2, 3)];
    let region = Region { width: width as u32, operands: vec![Operand::Row, Operand::Row, Operand::OutRow], ops };
    let (mut gate, mut up) = (wave(rows * width, 0.23), wave(rows * width, 0.71));
    let expected: Vec<f32> = gate.iter().zip(&up).map(|(g, u)| gelu(*g) * u).collect();
    for columns in [16, 512, 528, 1200] {
        let mut out = vec![7f32; rows * width];
        run(&region, &[arg(&mut gate, width), arg(&mut up, width), arg(&mut out, width)], rows, columns);
        for r in 0..rows {
            assert_eq!(bits(&out[r * width..][..columns]), bits(&expected[r * width..][..columns]));
            assert!(out[r * width + columns..(r + 1) * width].iter().all(|v| *v == 7.0));
        }
    }
}

#[test]
fn scalars_broadcast_on_both_sides() {
    let (rows, width) = (2, 544);
    // Scalar s and vector x: s - x, x - s, s / x, max(s, x), max(x, s), s * s; the scalar slot is read and written in place.
    let ops = vec![
        RegionOp::LoadScalar(1, 0),
        RegionOp::Load(0),
        RegionOp::Sub(0, 1),
        RegionOp::Sub(1, 0),
        RegionOp::Div(0, 1),
        RegionOp::Max(0, 1),
        RegionOp::Max(1, 0),
        RegionOp::Mul(0, 0),
        RegionOp::StoreScalar(7, 0, 7),
        RegionOp::Store(2, 2),
        RegionOp::Store(3, 3),
        RegionOp::Store(4, 4),
        RegionOp::Store(5, 5),
        RegionOp::Tanh(6),
        RegionOp::Store(6, 13),
    ];
    let mut operands = vec![Operand::Row, Operand::Scalars(1)];
    operands.extend([Operand::OutRow; 5]);
    operands.push(Operand::OutScalars(1));
    let region = Region { width: width as u32, operands, ops };
    let (mut x, s) = (wave(rows * width, 0.51), [0.75f32, -0.5]);
    x[3] = f32::NAN;
    let mut scalars = s;
    let mut outs = vec![vec![0f32; rows * width]; 5];
    let mut args = vec![arg(&mut x, width), arg(&mut scalars, 1)];
    args.extend(outs.iter_mut().map(|o| arg(o, width)));
    args.push(arg(&mut scalars, 1));
    run(&region, &args, rows, width);
    let max = |a: f32, b: f32| if a > b { a } else { b };
    let of = |f: &dyn Fn(f32, f32) -> f32| x.iter().enumerate().map(|(i, x)| f(s[i / width], *x)).collect::<Vec<_>>();
    let expected = [of(&|s, x| s - x), of(&|s, x| x - s), of(&|s, x| s / x), of(&|s, x| max(s, x)), of(&|s, x| tanh(max(x, s)))];
    for (out, expected) in outs.iter().zip(&expected) {
        let differs = out.iter().zip(expected).position(|(a, b)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
        assert_eq!(differs, None);
    }
    assert_eq!(scalars, [0.75 * 0.75, 0.25]);
}

#[test]
fn a_load_after_a_store_still_sees_the_input() {
    // out = x + 1, then (aliasing the same memory) other = x read again.
    let ops = vec![RegionOp::Load(0), RegionOp::Imm(1.0), RegionOp::Add(0, 1), RegionOp::Store(1, 2), RegionOp::Load(0), RegionOp::Store(2, 4)];
    let region = Region { width: 1024, operands: vec![Operand::Row, Operand::OutRow, Operand::OutRow], ops };
    let x = wave(1024, 0.3);
    let (mut data, mut other) = (x.clone(), vec![0f32; 1024]);
    let both = arg(&mut data, 1024);
    run(&region, &[both, both, arg(&mut other, 1024)], 1, 1024);
    assert_eq!(bits(&other), bits(&x));
    assert_eq!(bits(&data), bits(&x.iter().map(|x| x + 1.0).collect::<Vec<_>>()));
}

#[test]
fn scratch_holds_live_values_only() {
    let mut ops = vec![RegionOp::Load(0)];
    ops.extend((0..100).map(|i| RegionOp::Mul(i, i)));
    ops.push(RegionOp::Store(1, 100));
    let region = Region { width: 512, operands: vec![Operand::Row, Operand::OutRow], ops };
    assert_eq!(Interpreter::new(&region).unwrap().scratch_len(), 102 + 2 * 512);
    let malformed = Region { ops: vec![RegionOp::Sum(3)], ..region };
    assert!(Interpreter::new(&malformed).unwrap_err().contains("operation 0"));
}
