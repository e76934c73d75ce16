//! The text of one small kernel of each family, word for word, as AMD gets it; and as NVIDIA does, where that is more than other names of intrinsics.
//!
//! The texts stand in `goldens/`; `UNICORN_BLESS=1` writes them anew, and the diff of the tree shows what a change does to the kernels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use unicorn_artifact::region::{Operand, Region, RegionOp};
use unicorn_artifact::tensor::Format;
use unicorn_kernels_gpu::epilogue::{Epilogue, Source};
use unicorn_kernels_gpu::heads::{Goal, Heads, Ring};
use unicorn_kernels_gpu::matvec;
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::region::Slot;
use unicorn_kernels_gpu::text::Dialect;
use unicorn_kernels_gpu::{attention, matmul};

/// `x / sqrt(mean(x^2))`, and the same in eight bits.
fn norm(width: u32) -> Op {
    use RegionOp::*;
    let ops = vec![Load(0), Mul(0, 0), Sum(1), Imm(1.0 / width as f32), Mul(2, 3), Sqrt(4), Imm(1.0), Div(6, 5), Mul(0, 7), Store(1, 8)];
    let slot = |quantise| Slot { stride: width, offset: 0, quantise, keep: true };
    Op::Region { region: Region { width, operands: vec![Operand::Row, Operand::OutRow], ops }, slots: vec![slot(false), slot(true)], rows: 4 }
}

/// `gelu(gate) * up`, only in eight bits.
fn gelu_product(width: u32) -> Epilogue {
    use RegionOp::*;
    let ops = vec![Load(0), Gelu(0), Load(1), Mul(1, 2), Store(2, 3)];
    let out = Slot { stride: width, offset: 0, quantise: true, keep: false };
    let slots = vec![Source::Product(0), Source::Product(1), Source::Slot(out)];
    Epilogue { region: Region { width, operands: vec![Operand::Row, Operand::Row, Operand::OutRow], ops }, slots }
}

fn matvec(format: Format, rows: u32, epilogue: bool) -> Op {
    let products = vec![matvec::Operand { rows: 64, stride: 64 }; if epilogue { 2 } else { 1 }];
    let epilogue = epilogue.then(|| gelu_product(64));
    Op::Matvec(matvec::Spec { cols: 64, format, products, rows, entry_rows: rows, rounds: false, epilogue, finale: None })
}

/// Every family, in shapes that keep the text short, with the dialects beside AMD's.
fn kernels() -> Vec<(&'static str, Op, &'static [Dialect])> {
    let ring = Ring { heads: 1, head_dim: 64, capacity: 32 };
    let run = |count, weighted, rotated, goal| Heads { count, weighted, rotated, goal };
    let runs = vec![run(2, true, true, Goal::Buffer), run(1, true, true, Goal::Keys), run(1, false, false, Goal::Values)];
    let attention = attention::Spec { ring, heads: 2, window: 16, scale: 1.0, parts: 2, keep: false, quantise: true, rows: 1, most: 4, tiled: false };
    let tiles = attention::Spec { parts: 1, rows: 32, most: 32, tiled: true, ..attention };
    let products = vec![matvec::Operand { rows: 64, stride: 64 }];
    let many = matmul::Spec { cols: 128, format: Format::Q4, products, entry_rows: 16, epilogue: None };
    let (q4, neurons, cols) = (Format::Q4, 64, 64);
    vec![
        ("region", norm(64), &[]),
        ("matvec-q4-gelu", matvec(q4, 1, true), &[Dialect::Nvidia]),
        ("matvec-q8", matvec(Format::Q8, 1, false), &[]),
        ("matvec-bf16", matvec(Format::Bf16, 1, false), &[]),
        ("matmul-q4", Op::Matmul(many), &[Dialect::Nvidia]),
        ("heads", Op::Heads { runs, ring, epsilon: 1e-6, most: 4 }, &[]),
        ("attention", Op::Attention(attention), &[]),
        ("attention-rest", Op::Attention(tiles), &[]),
        ("attention-tile", Op::AttentionTile(tiles), &[Dialect::Nvidia]),
        ("sparse-up-q4", Op::SparseUp { format: q4, neurons, cols, rows: 1 }, &[]),
        ("sparse-down-q4", Op::SparseDown { format: q4, neurons, cols, rows: 1, finale: None }, &[]),
        ("embed-q4", Op::Embed { format: q4, cols, scale: 8.0, quantise: true, rows: 1, most: 4 }, &[]),
        ("gather", Op::Gather { widths: vec![64, 32], most: 4 }, &[Dialect::Hopper]),
        ("argmax", Op::Argmax { vocabulary: 512, limit: 500 }, &[]),
        ("top-count", Op::TopCount { vocabulary: 512, limit: 500 }, &[]),
        ("top-collect", Op::TopCollect { vocabulary: 512, limit: 500, most: 4 }, &[]),
    ]
}

/// File name to text.
fn written() -> BTreeMap<String, String> {
    let of = |name: &str, op: &Op, dialect: Dialect| {
        let file = format!("{name}.{}.mlir", format!("{dialect:?}").to_lowercase());
        (file, op.text(op.family(), dialect))
    };
    kernels().iter().flat_map(|(name, op, more)| [Dialect::Amd].iter().chain(*more).map(|d| of(name, op, *d))).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

fn recorded() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder()).expect("the folder of goldens").map(|entry| entry.expect("an entry").path());
    let named = |path: PathBuf| (path.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read_to_string(&path).expect("UTF-8"));
    files.map(named).collect()
}

/// The first line in which two texts differ, with a few lines before it.
fn difference(expected: &str, got: &str) -> Option<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let at = (0..old.len().max(new.len())).find(|&at| old.get(at) != new.get(at))?;
    let before: String = old[at.saturating_sub(3)..at].iter().map(|line| format!("    {line}\n")).collect();
    let side = |lines: &[&str]| lines.get(at).map_or("(the end)".into(), |line| (*line).to_owned());
    Some(format!("line {}:\n{before}  - {}\n  + {}", at + 1, side(&old), side(&new)))
}

#[test]
fn texts_are_as_recorded() {
    let written = written();
    if std::env::var_os("UNICORN_BLESS").is_some() {
        for name in recorded().keys().filter(|name| !written.contains_key(*name)) {
            std::fs::remove_file(folder().join(name)).expect("a golden can be removed");
        }
        for (name, text) in &written {
            std::fs::write(folder().join(name), text).expect("a golden can be written");
        }
    }
    let recorded = recorded();
    let mut wrong = vec![];
    for (name, text) in &written {
        match recorded.get(name).map(|old| difference(old, text)) {
            Some(None) => {}
            Some(Some(line)) => wrong.push(format!("{name}, {line}")),
            None => wrong.push(format!("{name} is not recorded")),
        }
    }
    wrong.extend(recorded.keys().filter(|name| !written.contains_key(*name)).map(|name| format!("{name} is recorded but nothing writes it")));
    assert!(
        wrong.is_empty(),
        "kernels have another text than recorded; if that is meant, run this test again with UNICORN_BLESS=1\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_family_is_recorded() {
    let mut families: Vec<_> = kernels().iter().map(|(_, op, _)| op.family()).collect();
    families.dedup();
    let rest = ["sparse_up", "sparse_down", "embed", "gather", "argmax", "top_count", "top_collect"];
    assert_eq!(families, [&["region", "matvec", "matmul", "heads", "attention", "attention_rest", "attention_tile"], &rest[..]].concat());
}

#[test]
fn a_difference_is_shown_by_its_line() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n").as_deref(), Some("line 2:\n    a\n  - b\n  + x"));
    assert_eq!(difference("a\n", "a\nb\n").as_deref(), Some("line 2:\n    a\n  - (the end)\n  + b"));
}
