//! Text to graph. Every fault names its line; no text makes it panic or allocate beyond the text's own size.

use crate::graph::{Graph, Node, Op, Type, Value, ValueId, WeightRef};
use std::collections::BTreeMap;
use std::str::FromStr;
use unicorn_artifact::region::{MAX_OPS, Operand, Region, RegionOp};
use unicorn_artifact::tensor::Format;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// A sentence.
    pub why: String,
}

type Step<T> = Result<T, String>;

/// Reads what [`super::print`] wrote. Empty lines and lines that begin with `#` are passed over.
///
/// # Errors
/// The first line that cannot be read, or the last if a value is nowhere declared.
pub fn parse(text: &str) -> Result<Graph, ParseError> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
    let mut parser = Parser::default();
    let mut at = 1;
    while let Some((line, content)) = lines.next() {
        at = line;
        let more = parser.line(content).map_err(|why| ParseError { line, why })?;
        let Some(width) = more else { continue };
        let mut region = Region { width, operands: vec![], ops: vec![] };
        loop {
            let Some((line, content)) = lines.next() else { return Err(ParseError { line, why: "the region is not closed by `}`".into() }) };
            at = line;
            if content == "}" {
                break;
            }
            region_line(&mut region, content).map_err(|why| ParseError { line, why })?;
        }
        if let Some(Node { op: Op::Fused(empty), .. }) = parser.nodes.last_mut() {
            *empty = region;
        }
    }
    parser.finish().map_err(|why| ParseError { line: at, why })
}

#[derive(Default)]
struct Parser {
    nodes: Vec<Node>,
    values: BTreeMap<u32, Value>,
    outputs: Option<Vec<ValueId>>,
}

impl Parser {
    /// Reads a line; for one that opens a region, gives its width.
    fn line(&mut self, line: &str) -> Step<Option<u32>> {
        if self.outputs.is_some() {
            return Err("there is more after `outputs`".into());
        }
        let mut c = Cursor { rest: line };
        if let Some(rest) = line.strip_prefix("outputs") {
            c.rest = rest;
            self.outputs = Some(c.values()?);
            c.end()?;
            return Ok(None);
        }
        if let Some(rest) = line.strip_prefix("value ") {
            c.rest = rest;
            self.declare(&mut c)?;
            c.end()?;
            return Ok(None);
        }
        let mut made = Vec::new();
        while !c.eat('=') {
            if !made.is_empty() {
                c.want(',')?;
            }
            made.push(self.declare(&mut c)?);
        }
        let name = c.word()?.to_string();
        let mut settings = Settings { op: name.clone(), given: BTreeMap::new() };
        if c.eat('(') {
            while !c.eat(')') {
                if !settings.given.is_empty() {
                    c.want(',')?;
                }
                let key = c.word()?.to_string();
                c.want('=')?;
                let value = if c.peek() == Some('"') { c.string()? } else { c.word()?.to_string() };
                if settings.given.insert(key.clone(), value).is_some() {
                    return Err(format!("`{key}` is given twice"));
                }
            }
        }
        let op = op(&name, &mut settings)?;
        if let Some(key) = settings.given.keys().next() {
            return Err(format!("`{name}` has no setting `{key}`"));
        }
        let inputs = c.values()?;
        let opens = match &op {
            Op::Fused(region) => {
                c.want('{')?;
                Some(region.width)
            }
            _ => None,
        };
        c.end()?;
        self.nodes.push(Node { op, inputs, outputs: made });
        Ok(opens)
    }

    fn declare(&mut self, c: &mut Cursor) -> Step<ValueId> {
        let id = c.value()?;
        c.want(':')?;
        let kind = c.word()?;
        c.want('[')?;
        let ty = match kind {
            "rows" => Type::Rows(c.number()?),
            "weight" => {
                let rows = c.number()?;
                c.want(',')?;
                Type::Weight(rows, c.number()?)
            }
            other => return Err(format!("`{other}` is no type; `rows` and `weight` are")),
        };
        c.want(']')?;
        let name = if c.peek() == Some('"') { c.string()? } else { String::new() };
        match self.values.insert(id.0, Value { ty, name }) {
            None => Ok(id),
            Some(_) => Err(format!("%{} is declared twice", id.0)),
        }
    }

    fn finish(self) -> Step<Graph> {
        let outputs = self.outputs.ok_or("the line `outputs` is missing")?;
        let used = self.nodes.iter().flat_map(|n| &n.inputs).chain(&outputs);
        if let Some(stray) = used.into_iter().find(|v| !self.values.contains_key(&v.0)) {
            return Err(format!("%{} is used but never declared", stray.0));
        }
        if let Some((_, gap)) = (0u32..).zip(self.values.keys()).find(|(at, number)| at != *number) {
            return Err(format!("%{gap} is declared, but not every number below it"));
        }
        Ok(Graph { nodes: self.nodes, values: self.values.into_values().collect(), outputs })
    }
}

struct Settings {
    op: String,
    given: BTreeMap<String, String>,
}

impl Settings {
    fn text(&mut self, key: &str) -> Step<String> {
        self.given.remove(key).ok_or_else(|| format!("`{}` wants `{key}`", self.op))
    }

    fn number<T: FromStr>(&mut self, key: &str) -> Step<T> {
        let text = self.text(key)?;
        text.parse().map_err(|_| format!("`{key}={text}` does not fit"))
    }

    fn float(&mut self, key: &str) -> Step<f32> {
        let text = self.text(key)?;
        float(&text)
    }

    fn optional(&mut self, key: &str) -> Step<Option<f32>> {
        let text = self.text(key)?;
        if text == "none" { Ok(None) } else { float(&text).map(Some) }
    }
}

fn float(text: &str) -> Step<f32> {
    let bits = text.strip_prefix("bits:").map(|hex| u32::from_str_radix(hex, 16).map(f32::from_bits).ok());
    bits.unwrap_or_else(|| text.parse().ok()).ok_or_else(|| format!("`{text}` is no number"))
}

fn op(name: &str, s: &mut Settings) -> Step<Op> {
    Ok(match name {
        "weight" => {
            let format = s.text("format")?;
            let known = [Format::F32, Format::Bf16, Format::Q8, Format::Int8, Format::Q4].into_iter().find(|f| f.name() == format);
            Op::Weight(WeightRef {
                tensor: s.text("tensor")?,
                transpose: s.number("transpose")?,
                clamp: s.optional("clamp")?,
                scale: s.float("scale")?,
                format: known.ok_or_else(|| format!("`{format}` is no format"))?,
            })
        }
        "handoff" => Op::Handoff(s.number("number")?),
        "embed" => Op::Embed(s.float("scale")?),
        "embed_per_layer" => Op::EmbedPerLayer(s.float("scale")?),
        "matmul" => Op::MatMul,
        "rms_norm" => Op::RmsNorm(s.float("epsilon")?),
        "head_norm" => Op::HeadNorm { head_dim: s.number("head_dim")?, epsilon: s.float("epsilon")?, theta: s.optional("theta")? },
        "attention" => {
            Op::Attention { kv_heads: s.number("kv_heads")?, head_dim: s.number("head_dim")?, window: s.number("window")?, scale: s.float("scale")? }
        }
        "kv_append" => Op::KvAppend(s.number("state")?),
        "cached_attention" => Op::CachedAttention {
            state: s.number("state")?,
            kv_heads: s.number("kv_heads")?,
            head_dim: s.number("head_dim")?,
            window: s.number("window")?,
            scale: s.float("scale")?,
        },
        "add" => Op::Add,
        "sub" => Op::Sub,
        "mul" => Op::Mul,
        "div" => Op::Div,
        "scale" => Op::Scale(s.float("by")?),
        "add_imm" => Op::AddImm(s.float("by")?),
        "max_imm" => Op::MaxImm(s.float("by")?),
        "clamp" => Op::Clamp(s.float("by")?),
        "transpose" => Op::Transpose,
        "sqrt" => Op::Sqrt,
        "tanh" => Op::Tanh,
        "gelu" => Op::Gelu,
        "mean" => Op::Mean,
        "slice" => Op::Slice(s.number("start")?, s.number("len")?),
        "row_slice" => Op::RowSlice(s.number("start")?, s.number("len")?),
        "sparse_up" => Op::SparseUp,
        "sparse_down" => Op::SparseDown,
        "fused" => Op::Fused(Region { width: s.number("width")?, operands: vec![], ops: vec![] }),
        other => return Err(format!("`{other}` is no op")),
    })
}

fn region_line(region: &mut Region, line: &str) -> Step<()> {
    if region.ops.len() >= MAX_OPS || region.operands.len() >= MAX_OPS {
        return Err(format!("a region has at most {MAX_OPS} slots and operations"));
    }
    let (number, rest) = line.split_once(':').map_or((None, line), |(number, rest)| (Some(number), rest));
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [name, given @ ..] = words.as_slice() else { return Err("is empty".into()) };
    let arg = |at: usize| -> Step<u16> {
        let text = given.get(at).ok_or_else(|| format!("`{name}` wants more operands"))?;
        text.parse().map_err(|_| format!("`{text}` is no small number"))
    };
    let wants = |count: usize| if given.len() == count { Ok(()) } else { Err(format!("`{name}` has {} operands, wants {count}", given.len())) };
    let Some(number) = number else {
        if !region.ops.is_empty() {
            return Err("slots come before operations, which begin with their number".into());
        }
        wants(usize::from(name.ends_with("scalars")))?;
        region.operands.push(match *name {
            "row" => Operand::Row,
            "const" => Operand::Const,
            "scalars" => Operand::Scalars(arg(0)?),
            "const_scalars" => Operand::ConstScalars(arg(0)?),
            "out_row" => Operand::OutRow,
            "out_scalars" => Operand::OutScalars(arg(0)?),
            other => return Err(format!("`{other}` is no slot")),
        });
        return Ok(());
    };
    if number.parse() != Ok(region.ops.len()) {
        return Err(format!("operation {} is next, not {number}", region.ops.len()));
    }
    let (op, count) = match *name {
        "load" => (RegionOp::Load(arg(0)?), 1),
        "load_scalar" => (RegionOp::LoadScalar(arg(0)?, arg(1)?), 2),
        "imm" => (RegionOp::Imm(float(given.first().ok_or("`imm` wants a number")?)?), 1),
        "add" => (RegionOp::Add(arg(0)?, arg(1)?), 2),
        "sub" => (RegionOp::Sub(arg(0)?, arg(1)?), 2),
        "mul" => (RegionOp::Mul(arg(0)?, arg(1)?), 2),
        "div" => (RegionOp::Div(arg(0)?, arg(1)?), 2),
        "max" => (RegionOp::Max(arg(0)?, arg(1)?), 2),
        "sqrt" => (RegionOp::Sqrt(arg(0)?), 1),
        "tanh" => (RegionOp::Tanh(arg(0)?), 1),
        "gelu" => (RegionOp::Gelu(arg(0)?), 1),
        "sum" => (RegionOp::Sum(arg(0)?), 1),
        "store" => (RegionOp::Store(arg(0)?, arg(1)?), 2),
        "store_scalar" => (RegionOp::StoreScalar(arg(0)?, arg(1)?, arg(2)?), 3),
        other => return Err(format!("`{other}` is no operation of a region")),
    };
    wants(count)?;
    region.ops.push(op);
    Ok(())
}

/// What is left of a line.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.rest = &self.rest[c.len_utf8()..];
        }
        found
    }

    fn want(&mut self, c: char) -> Step<()> {
        if self.eat(c) { Ok(()) } else { Err(format!("`{c}` is missing before `{}`", self.rest.chars().take(20).collect::<String>())) }
    }

    fn end(&mut self) -> Step<()> {
        if self.peek().is_none() { Ok(()) } else { Err(format!("`{}` is too much", self.rest.chars().take(20).collect::<String>())) }
    }

    fn word(&mut self) -> Step<&'a str> {
        self.peek();
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-+.:".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if word.is_empty() { Err(format!("a word is missing before `{}`", rest.chars().take(20).collect::<String>())) } else { Ok(word) }
    }

    fn number(&mut self) -> Step<u32> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("`{word}` is no whole number"))
    }

    fn value(&mut self) -> Step<ValueId> {
        self.want('%')?;
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().map(ValueId).map_err(|_| format!("`%{digits}` is no value"))
    }

    fn values(&mut self) -> Step<Vec<ValueId>> {
        let mut values = Vec::new();
        while self.peek() == Some('%') || (!values.is_empty() && self.peek() == Some(',')) {
            if !values.is_empty() {
                self.want(',')?;
            }
            values.push(self.value()?);
        }
        Ok(values)
    }

    fn string(&mut self) -> Step<String> {
        self.want('"')?;
        let mut out = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => out.push(match chars.next() {
                    Some(c @ ('"' | '\\')) => c,
                    Some('u') => {
                        let (hex, rest) =
                            chars.as_str().strip_prefix('{').and_then(|s| s.split_once('}')).ok_or("`\\u` wants `{`, digits and `}`")?;
                        chars = rest.chars();
                        u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).ok_or_else(|| format!("`{hex}` is no character"))?
                    }
                    _ => return Err("an unknown escape in a string".into()),
                }),
                Some(c) => out.push(c),
                None => return Err("a string is not closed".into()),
            }
        }
        self.rest = chars.as_str();
        Ok(out)
    }
}
