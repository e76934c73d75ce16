//! Tests of the text form: what is printed reads back, and what is malformed is named by its line.

use super::*;
use crate::graph::{Node, Value, WeightRef};
use crate::import::synthetic::{Options, write};
use crate::import::{Checkpoint, gemma3n};
use unicorn_artifact::tensor::Format;

/// splitmix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u32) -> u32 {
        (self.bits() >> 33) as u32 % n
    }

    fn small(&mut self) -> u16 {
        self.bits() as u16
    }

    /// Any f32 that equals itself.
    fn float(&mut self) -> f32 {
        match self.below(4) {
            0 => [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE, 1e-45, f32::MAX][self.below(7) as usize],
            _ => Some(f32::from_bits(self.bits() as u32)).filter(|x| !x.is_nan()).unwrap_or(1.0),
        }
    }

    fn optional(&mut self) -> Option<f32> {
        if self.below(2) == 0 { None } else { Some(self.float()) }
    }

    fn name(&mut self) -> String {
        let letters = ['a', '.', '"', '\\', ' ', '\n', '\t', '=', '%', '\u{2581}', '\u{2028}', '\0', '#', '}', ':', ','];
        (0..self.below(8)).map(|_| letters[self.below(16) as usize]).collect()
    }

    fn region(&mut self) -> Region {
        let operand = |r: &mut Self| match r.below(6) {
            0 => Operand::Row,
            1 => Operand::Const,
            2 => Operand::Scalars(r.small()),
            3 => Operand::ConstScalars(r.small()),
            4 => Operand::OutRow,
            _ => Operand::OutScalars(r.small()),
        };
        let op = |r: &mut Self| {
            let (a, b, c) = (r.small(), r.small(), r.small());
            match r.below(14) {
                0 => RegionOp::Load(a),
                1 => RegionOp::LoadScalar(a, b),
                2 => RegionOp::Imm(r.float()),
                3 => RegionOp::Add(a, b),
                4 => RegionOp::Sub(a, b),
                5 => RegionOp::Mul(a, b),
                6 => RegionOp::Div(a, b),
                7 => RegionOp::Max(a, b),
                8 => RegionOp::Sqrt(a),
                9 => RegionOp::Tanh(a),
                10 => RegionOp::Gelu(a),
                11 => RegionOp::Sum(a),
                12 => RegionOp::Store(a, b),
                _ => RegionOp::StoreScalar(a, b, c),
            }
        };
        let (slots, ops) = (self.below(6), self.below(20));
        Region { width: self.below(u32::MAX), operands: (0..slots).map(|_| operand(self)).collect(), ops: (0..ops).map(|_| op(self)).collect() }
    }

    fn op(&mut self) -> Op {
        let (a, b, c, d) = (self.below(999), self.below(999), self.below(999), self.bits() as u32);
        match self.below(28) {
            0 | 1 => Op::Weight(WeightRef {
                tensor: self.name(),
                transpose: self.below(2) == 0,
                clamp: self.optional(),
                scale: self.float(),
                format: [Format::F32, Format::Bf16, Format::Q8, Format::Q4][self.below(4) as usize],
            }),
            2 => Op::Handoff(d),
            3 => Op::Embed(self.float()),
            4 => Op::EmbedPerLayer(self.float()),
            5 => Op::MatMul,
            6 => Op::RmsNorm(self.float()),
            7 => Op::HeadNorm { head_dim: a, epsilon: self.float(), theta: self.optional() },
            8 => Op::Attention { kv_heads: a, head_dim: b, window: c, scale: self.float() },
            9 => Op::KvAppend(d),
            10 => Op::CachedAttention { state: d, kv_heads: a, head_dim: b, window: c, scale: self.float() },
            11 => Op::Add,
            12 => Op::Sub,
            13 => Op::Mul,
            14 => Op::Div,
            15 => Op::Scale(self.float()),
            16 => Op::AddImm(self.float()),
            17 => Op::MaxImm(self.float()),
            18 => Op::Clamp(self.float()),
            19 => Op::Transpose,
            20 => Op::Sqrt,
            21 => Op::Tanh,
            22 => Op::Gelu,
            23 => Op::Mean,
            24 => Op::Slice(a, d),
            25 => Op::SparseUp,
            26 => Op::SparseDown,
            _ => Op::Fused(self.region()),
        }
    }

    /// A graph of any form; most break the shape rules, which are none of the text's business.
    fn graph(&mut self) -> Graph {
        let mut graph = Graph::default();
        let count = 1 + self.below(30);
        for _ in 0..count {
            let ty = if self.below(3) == 0 { Type::Weight(self.bits() as u32, self.below(99)) } else { Type::Rows(self.bits() as u32) };
            let name = self.name();
            graph.values.push(Value { ty, name });
        }
        // Values in any order, some never made.
        let mut free: Vec<u32> = (0..count).collect();
        for _ in 0..self.below(20) {
            let inputs = (0..self.below(4)).map(|_| ValueId(self.below(count))).collect();
            let outputs = (0..self.below(3))
                .map_while(|_| (!free.is_empty()).then(|| ValueId(free.swap_remove(self.below(free.len() as u32) as usize))))
                .collect();
            let op = self.op();
            graph.nodes.push(Node { op, inputs, outputs });
        }
        graph.outputs = (0..self.below(3)).map(|_| ValueId(self.below(count))).collect();
        graph
    }
}

#[test]
fn random_graphs_read_back() {
    let mut random = Random(7);
    for case in 0..2000 {
        let graph = random.graph();
        let text = print(&graph);
        assert_eq!(parse(&text).as_ref(), Ok(&graph), "case {case}:\n{text}");
    }
}

#[test]
fn the_sign_of_zero_is_kept() {
    let mut graph = Graph::default();
    let x = graph.source(Op::Handoff(0), Type::Rows(1));
    graph.push(Op::AddImm(-0.0), &[x]).unwrap();
    graph.push(Op::AddImm(f32::from_bits(0x7fc0_0001)), &[x]).unwrap();
    let back = parse(&print(&graph)).unwrap();
    let bits: Vec<u32> = back.nodes.iter().filter_map(|n| if let Op::AddImm(v) = n.op { Some(v.to_bits()) } else { None }).collect();
    assert_eq!(bits, [0x8000_0000, 0x7fc0_0001]);
}

#[test]
fn whole_models_read_back() {
    let synthetic = tempfile::tempdir().unwrap();
    write(synthetic.path(), &Options::default()).unwrap();
    let pebble = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/pebble");
    for folder in [synthetic.path(), &pebble] {
        let graph = gemma3n::build(&Checkpoint::open(folder).unwrap()).unwrap();
        let text = print(&graph);
        assert_eq!(parse(&text).unwrap(), graph);
        assert!(text.contains("\"layers.0.attention.query\" = head_norm(head_dim="), "{text}");
    }
}

#[test]
fn a_malformed_line_is_named() {
    let good = "# comment\n%0: rows[16] = handoff(number=0)\n%1: rows[16] \"y\" = scale(by=2.0) %0\noutputs %1\n";
    assert_eq!(parse(good).unwrap().nodes.len(), 2);
    let cases = [
        ("handoff(number=0)", "handoff", 2, "wants `number`"),
        ("handoff(number=0)", "handoff(number=-1)", 2, "does not fit"),
        ("handoff(number=0)", "handoff(number=0, more=1)", 2, "no setting `more`"),
        ("handoff(number=0)", "handoff(number=0, number=1)", 2, "given twice"),
        ("handoff(", "handover(", 2, "no op"),
        ("%0: rows[16]", "%0: cols[16]", 2, "no type"),
        ("%0: rows[16]", "%0: rows[99999999999]", 2, "no whole number"),
        ("%0: rows[16]", "%0: rows[16", 2, "`]` is missing"),
        ("%0: rows", "%9999999999: rows", 2, "no value"),
        ("by=2.0", "by=two", 3, "no number"),
        ("\"y\"", "\"y", 3, "not closed"),
        ("\"y\"", "\"\\u{110000}\"", 3, "no character"),
        ("%1: rows[16] \"y\"", "%0: rows[16]", 3, "declared twice"),
        (" %0\n", " %0 {\n", 3, "too much"),
        (" %0\n", " %7\n", 4, "%7 is used but never declared"),
        ("%1", "%4000000000", 4, "not every number below"),
        ("outputs %1\n", "", 3, "`outputs` is missing"),
        ("outputs %1\n", "outputs %1\nvalue %2: rows[1]\n", 5, "after `outputs`"),
        ("scale(by=2.0) %0\noutputs %1\n", "fused(width=16) %0 {\nrow\n", 3, "not closed"),
        ("scale(by=2.0) %0\n", "fused(width=16) %0 {\nrow 3\n}\n", 4, "operands"),
        ("scale(by=2.0) %0\n", "fused(width=16) %0 {\nrow\n1: load 0\n}\n", 5, "operation 0 is next"),
        ("scale(by=2.0) %0\n", "fused(width=16) %0 {\n0: load 70000\n}\n", 4, "no small number"),
        ("scale(by=2.0) %0\n", "fused(width=16) %0 {\n0: add 1\n}\n", 4, "wants more"),
    ];
    for (old, new, line, why) in cases {
        let fault = parse(&good.replace(old, new)).unwrap_err();
        assert!(fault.line == line && fault.why.contains(why), "{old} -> {new}: {fault}");
    }
    assert_eq!(parse("").unwrap_err().line, 1);
}

#[test]
fn damaged_text_never_panics() {
    let mut random = Random(11);
    let letters: Vec<char> = "%[](){}\"\\u=:,. 0129az\n\u{2581}".chars().collect();
    let mut refused = 0;
    for _ in 0..3000 {
        let mut text: Vec<char> = print(&random.graph()).chars().collect();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len() as u32) as usize;
            match random.below(3) {
                0 => text[at] = letters[random.below(letters.len() as u32) as usize],
                1 => text.insert(at, letters[random.below(letters.len() as u32) as usize]),
                _ => text.truncate(at.max(1)),
            }
        }
        refused += usize::from(parse(&text.into_iter().collect::<String>()).is_err());
    }
    assert!(refused > 1500, "{refused}");
}
