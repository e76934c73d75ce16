//! Two small kernels as text, for any target.

use unicorn_kernels_gpu::target::{Target, Vendor};

/// Threads of a block of either kernel.
pub const THREADS: u32 = 128;

/// Rows of 2048 weights of four bits times a vector of bytes: registers, dot products and shuffles.
pub fn gemv(target: Target) -> String {
    let text = fill(include_str!("../kernels/gemv.mlir"), target);
    text.lines().map(|line| dot(line, target) + "\n").collect()
}

/// Sums of rows of any length, each number through an intrinsic of one operand: shared memory and a barrier.
pub fn sum(target: Target, intrinsic: &str) -> String {
    fill(include_str!("../kernels/sum.mlir"), target).replace("INTRINSIC", intrinsic)
}

fn fill(text: &str, target: Target) -> String {
    let (mut shuffles, mut last) = (String::new(), "%acc".to_string());
    for (at, distance) in [16, 8, 4, 2, 1].into_iter().enumerate() {
        let next = format!("%s{}", 4 - at);
        shuffles.push_str(&format!(
            "    %o{at} = arith.constant {distance} : i32\n    %f{at}, %v{at} = gpu.shuffle xor {last}, %o{at}, %width : f32\n    \
             {next} = arith.addf {last}, %f{at} : f32\n"
        ));
        last = next;
    }
    text.replace("BLOCK", &target.block(THREADS)).replace("BARRIER", target.barrier()).replace("SHUFFLES\n", &shuffles)
}

fn dot(line: &str, target: Target) -> String {
    let Some((result, operands)) = line.split_once("DOT") else { return line.into() };
    let operands: Vec<&str> = operands.trim_matches(['(', ')']).split(", ").collect();
    let [a, b, c] = operands[..] else { panic!("{line}") };
    match target.vendor() {
        Vendor::Amd => {
            format!("{result}llvm.call_intrinsic \"llvm.amdgcn.sudot4\"(%no, {a}, %yes, {b}, {c}, %no) : (i1, i32, i1, i32, i32, i1) -> i32")
        }
        Vendor::Nvidia => format!("{result}llvm.call_intrinsic \"llvm.nvvm.idp4a.u.s\"({a}, {b}, {c}) : (i32, i32, i32) -> i32"),
    }
}
