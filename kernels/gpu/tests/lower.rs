//! Every kernel family, over odd and real shapes, is accepted by every target.
#![cfg(feature = "llvm")]

use unicorn_artifact::region::{Operand, Region, RegionOp};
use unicorn_artifact::tensor::Format;
use unicorn_kernels_gpu::epilogue::{Epilogue, Source};
use unicorn_kernels_gpu::finale::Finale;
use unicorn_kernels_gpu::heads::{Goal, Heads, Ring};
use unicorn_kernels_gpu::matvec;
use unicorn_kernels_gpu::mlir::Compiler;
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::region::{self, Slot};
use unicorn_kernels_gpu::target::Target;
use unicorn_kernels_gpu::text::Dialect;
use unicorn_kernels_gpu::{attention, embed, matmul, sparse, top};

fn slot(stride: u32) -> Slot {
    Slot { stride, offset: 0, quantise: false, keep: true }
}

fn norm(width: u32) -> Region {
    use RegionOp::*;
    let ops = vec![Load(0), Mul(0, 0), Sum(1), Imm(1.0 / width as f32), Mul(2, 3), Sqrt(4), Imm(1.0), Div(6, 5), Mul(0, 7), Gelu(8), Store(1, 9)];
    Region { width, operands: vec![Operand::Row, Operand::OutRow], ops }
}

fn gelu_product(width: u32) -> Region {
    use RegionOp::*;
    Region { width, operands: vec![Operand::Row, Operand::Row, Operand::OutRow], ops: vec![Load(0), Gelu(0), Load(1), Mul(1, 2), Store(2, 3)] }
}

fn finale(width: u32) -> Finale {
    Finale { region: norm(width), slots: vec![slot(width), Slot { stride: width, offset: 0, quantise: true, keep: true }] }
}

fn texts(d: Dialect) -> Vec<(String, String)> {
    let mut all = vec![];
    for width in [48, 256, 2048] {
        let slots = [slot(width), Slot { stride: width, offset: 0, quantise: width % 32 == 0, keep: true }];
        all.push((format!("region_{width}"), region::kernel("region", d, &norm(width), &slots, 4)));
    }
    for format in [Format::Q4, Format::Q8, Format::Bf16] {
        for (cols, rows) in [(32, 24), (256, 512), (2048, 2048), (8192, 2048)] {
            for r in [1, 4] {
                let products = vec![matvec::Operand { rows, stride: rows }, matvec::Operand { rows: 64, stride: 64 }];
                let spec = matvec::Spec { cols, format, products, rows: r, entry_rows: r, rounds: false, epilogue: None, finale: None };
                all.push((format!("matvec_{}_{cols}_{rows}_{r}", format.name()), Op::Matvec(spec).text("matvec", d)));
            }
        }
        let products = vec![matvec::Operand { rows: 8192, stride: 8192 }; 2];
        let out = Slot { stride: 8192, offset: 0, quantise: true, keep: false };
        let epilogue = Epilogue { region: gelu_product(8192), slots: vec![Source::Product(0), Source::Product(1), Source::Slot(out)] };
        let spec =
            matvec::Spec { cols: 2048, format, products, rows: 1, entry_rows: 1, rounds: false, epilogue: Some(epilogue.clone()), finale: None };
        all.push((format!("gate_up_{}", format.name()), Op::Matvec(spec).text("gate_up", d)));
        for entry_rows in [16, 64, 1024].into_iter().filter(|_| format.is_quantised()) {
            let products = vec![matvec::Operand { rows: 8192, stride: 8192 }; 2];
            let spec = matmul::Spec { cols: 2048, format, products, entry_rows, epilogue: Some(epilogue.clone()) };
            all.push((format!("matmul_gate_up_{}_{entry_rows}", format.name()), matmul::kernel("matmul", d, &spec)));
            let products = vec![matvec::Operand { rows: 40, stride: 40 }, matvec::Operand { rows: 2048, stride: 2048 }];
            let spec = matmul::Spec { cols: 256, format, products, entry_rows, epilogue: None };
            all.push((format!("matmul_{}_{entry_rows}", format.name()), matmul::kernel("matmul", d, &spec)));
        }
        all.push((format!("up_{}", format.name()), sparse::up("up", d, format, (8192, 2048), 4)));
        all.push((format!("down_{}", format.name()), sparse::down("down", d, format, (8192, 2048), 1, Some(&finale(2048)))));
        all.push((format!("embed_{}", format.name()), embed::embed("embed", d, (format, 2048), 45.25, true, (16, 64))));
    }
    let ring = Ring { heads: 2, head_dim: 256, capacity: 528 };
    let run = |count, weighted, rotated, goal| Heads { count, weighted, rotated, goal };
    let runs = [run(8, true, true, Goal::Buffer), run(2, true, true, Goal::Keys), run(2, false, false, Goal::Values)];
    let heads = Op::Heads { runs: runs.to_vec(), ring, epsilon: 1e-6, most: 64 };
    all.push(("heads".into(), heads.text("heads", d)));
    let products = vec![matvec::Operand { rows: 2048, stride: 2048 }];
    let small = matvec::Spec { cols: 64, format: Format::Q4, products, rows: 1, entry_rows: 1, rounds: false, epilogue: None, finale: None };
    let last = Op::Matvec(matvec::Spec { cols: 256, finale: Some(finale(2048)), ..small.clone() });
    all.push(("finale".into(), last.text("finale", d)));
    assert!(Op::Matvec(small.clone()).fits_beside(&heads));
    all.push(("beside".into(), Op::Beside(Box::new((Op::Matvec(small), heads))).text("beside", d)));
    for (parts, head_dim) in [(1, 64), (1, 256), (8, 256)] {
        let spec = attention::Spec {
            ring: Ring { head_dim, ..ring },
            heads: 8,
            window: 512,
            scale: 1.0,
            parts,
            keep: parts == 1,
            quantise: true,
            rows: 4,
            most: 64,
            tiled: false,
        };
        all.push((format!("attention_{parts}_{head_dim}"), attention::kernel("attention", d, &spec)));
        for heads in [2, 4, 8, 16].into_iter().filter(|_| parts == 1) {
            let (keep, rows, window) = (heads == 2, 64, if heads == 4 { 0 } else { 512 });
            let spec = attention::Spec { heads, rows, keep, window, tiled: heads == 8, ..spec };
            assert_eq!(attention::tile::fits(&spec), head_dim < 256 || heads > 2);
            if !attention::tile::fits(&spec) {
                continue;
            }
            all.push((format!("attention_tile_{heads}_{head_dim}"), Op::AttentionTile(spec).text("tile", d)));
            if spec.tiled {
                all.push((format!("attention_rest_{head_dim}"), Op::Attention(spec).text("rest", d)));
            }
        }
    }
    all.push(("gather".into(), embed::gather("gather", d, &[2048, 7680], 64)));
    all.push(("argmax".into(), embed::argmax("argmax", d, 262_400, 262_144)));
    all.push(("top_count".into(), top::count("top_count", d, (262_400, 262_144))));
    all.push(("top_collect".into(), top::collect("top_collect", d, (262_400, 262_144), 64)));
    all
}

#[test]
fn every_family_lowers_for_every_target() {
    let compiler = Compiler::new().expect("LLVM is linked");
    for target in [Target::Sm90, Target::Gfx1103] {
        for (name, text) in texts(target.into()) {
            let code = compiler.compile(&name, &text, target).unwrap_or_else(|e| panic!("{e}\n{text}"));
            if let Some(folder) = std::env::var_os("UNICORN_DUMP") {
                let end = if target == Target::Sm90 { "ptx" } else { "hsaco" };
                std::fs::write(std::path::Path::new(&folder).join(format!("{name}.{end}")), code).expect("the folder is there");
            }
        }
    }
}
