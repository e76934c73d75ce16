//! A file that says what runs where.
//!
//! ```text
//! # The first rule that fits a group counts; a group that none fits is the GPU's where it can do it.
//! layers 0-9 ffn: host
//! layers 0-9: gpu
//! layers 10-11 ffn: npu
//! layer 12: host
//! head: host
//! all: gpu
//! ```
//! `npu` is what an NPU can do of a group; the rest of the group is the host's.

use super::units::{Key, Kind};
use crate::{Error, Result};
use std::ops::RangeInclusive;

/// Where a line wants what it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// All of it on the host.
    Host,
    /// All of it on the GPU.
    Gpu,
    /// On the host, and of that what it can do on the NPU.
    Npu,
}

impl Device {
    const ALL: [(&str, Self); 3] = [("gpu", Self::Gpu), ("host", Self::Host), ("npu", Self::Npu)];

    fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Gpu => "gpu",
            Self::Npu => "npu",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    line: usize,
    layers: Option<RangeInclusive<u32>>,
    kind: Option<Kind>,
    device: Device,
}

/// The rules of a file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`Error::Option`] naming line and word.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim()));
        lines.filter(|(_, line)| !line.is_empty()).map(|(number, line)| rule(number, line)).collect::<Result<_>>().map(Self)
    }

    /// What the file says of a group: its line, and where it wants it.
    pub fn find(&self, key: Key) -> Option<(usize, Device)> {
        let fits = |rule: &&Rule| {
            rule.kind.is_none_or(|kind| kind == key.kind) && rule.layers.as_ref().is_none_or(|l| key.kind.of_layer() && l.contains(&key.layer))
        };
        self.0.iter().find(fits).map(|rule| (rule.line, rule.device))
    }

    /// The first line that wants something on a device.
    pub fn wants(&self, device: Device) -> Option<usize> {
        self.0.iter().find(|rule| rule.device == device).map(|rule| rule.line)
    }

    /// Whether a line names a kind of group, and so means each that it fits: `all` and whole layers mean what can be there.
    pub fn names_kind(&self, line: usize) -> bool {
        self.0.iter().any(|rule| rule.line == line && rule.kind.is_some())
    }

    /// Refuses a rule about layers that a model does not have.
    ///
    /// # Errors
    /// [`Error::Option`] naming line and layer.
    pub fn check(&self, layers: u32) -> Result<()> {
        let beyond = self.0.iter().find_map(|rule| rule.layers.as_ref().filter(|l| *l.end() >= layers).map(|l| (rule.line, *l.end())));
        beyond.map_or(Ok(()), |(line, layer)| Err(fault(line, format!("there is no layer `{layer}`: the model has 0-{}", layers.saturating_sub(1)))))
    }

    /// The rules on one line, without comments: for the record.
    pub fn record(&self) -> String {
        let one = |rule: &Rule| {
            let layers = rule.layers.as_ref().map(|l| format!("layers {}-{}", l.start(), l.end()));
            let words: Vec<String> = layers.into_iter().chain(rule.kind.map(|k| k.name().to_owned())).collect();
            format!("{}: {}", if words.is_empty() { "all".into() } else { words.join(" ") }, rule.device.name())
        };
        self.0.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

/// A line that cannot be met.
pub fn fault(line: usize, why: String) -> Error {
    Error::Option { option: "--partition".into(), why: format!("line {line}: {why}") }
}

fn rule(line: usize, text: &str) -> Result<Rule> {
    let Some((what, device)) = text.split_once(':') else {
        return Err(fault(line, format!("`{text}` has no `: host`, `: gpu` or `: npu` at its end")));
    };
    let Some((_, device)) = Device::ALL.into_iter().find(|(name, _)| *name == device.trim()) else {
        return Err(fault(line, format!("`{}` is no device; say `gpu`, `host` or `npu`", device.trim())));
    };
    let mut rule = Rule { line, layers: None, kind: None, device };
    let mut words = what.split_whitespace();
    match words.next() {
        Some("all") => {}
        Some(word @ ("layer" | "layers")) => {
            let range = words.next().ok_or_else(|| fault(line, format!("`{word}` which? Say `layers 0-9` or `layer 3`")))?;
            rule.layers = Some(layers(range).ok_or_else(|| fault(line, format!("`{range}` is no range of layers such as `0-9`")))?);
            if let Some(word) = words.next() {
                let kind = Kind::ALL.into_iter().find(|k| k.of_layer() && k.name() == word);
                rule.kind = Some(kind.ok_or_else(|| fault(line, format!("`{word}` is no part of a layer; there are {}", names(true))))?);
            }
        }
        Some(word) => {
            let kind = Kind::ALL.into_iter().find(|k| k.name() == word);
            let known = || fault(line, format!("`{word}` is nothing that can be placed; there are all, layers and {}", names(false)));
            rule.kind = Some(kind.ok_or_else(known)?);
        }
        None => return Err(fault(line, "nothing stands before `:`".into())),
    }
    match words.next() {
        None => Ok(rule),
        Some(word) => Err(fault(line, format!("`{word}` is one word too many"))),
    }
}

fn layers(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..=last)
}

fn names(of_layer: bool) -> String {
    Kind::ALL.into_iter().filter(|k| !of_layer || k.of_layer()).map(Kind::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, layer: u32) -> Key {
        Key { kind, layer }
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = Rules::parse("# sparse layers\nlayers 0-9 ffn: host # up and down\n\nlayers 0-9: gpu\nlayer 12: host\nhead: host\n").unwrap();
        assert_eq!(rules.find(key(Kind::FeedForward, 9)), Some((2, Device::Host)));
        assert_eq!(rules.find(key(Kind::Attention, 9)), Some((4, Device::Gpu)));
        assert_eq!(rules.find(key(Kind::FeedForward, 10)), None);
        assert_eq!(rules.find(key(Kind::PerLayer, 12)), Some((5, Device::Host)));
        assert_eq!(rules.find(key(Kind::Head, 0)), Some((6, Device::Host)));
        assert_eq!(rules.find(key(Kind::Embed, 0)), None);
        assert_eq!(Rules::parse("all: gpu").unwrap().find(key(Kind::Lookup, 0)), Some((1, Device::Gpu)));
        let mixed = Rules::parse("layers 0-4 ffn: npu\nall: host").unwrap();
        assert_eq!(mixed.find(key(Kind::FeedForward, 4)), Some((1, Device::Npu)));
        assert_eq!((mixed.wants(Device::Host), mixed.wants(Device::Gpu)), (Some(2), None));
        assert_eq!(mixed.record(), "layers 0-4 ffn: npu; all: host");
        assert_eq!(rules.record(), "layers 0-9 ffn: host; layers 0-9: gpu; layers 12-12: host; head: host");
        assert_eq!(Rules::parse(&rules.record().replace("; ", "\n")).unwrap().record(), rules.record());
    }

    #[test]
    fn errors_name_line_and_word() {
        for (text, line, word) in [
            ("layers 0-9", 1, "`layers 0-9`"),
            ("all: gpu\nlayers 0-9: fpga", 2, "`fpga`"),
            ("# a\n\nlayers 9-0: gpu", 3, "`9-0`"),
            ("layers x: gpu", 1, "`x`"),
            ("layers: gpu", 1, "`layers`"),
            ("layers 0-9 norm: gpu", 1, "`norm`"),
            ("layers 0-9 head: gpu", 1, "`head`"),
            ("layers 0-9 ffn ple: gpu", 1, "`ple`"),
            ("heads: gpu", 1, "`heads`"),
            (": gpu", 1, "`:`"),
        ] {
            let why = Rules::parse(text).unwrap_err().to_string();
            assert!(why.contains("--partition") && why.contains(&format!("line {line}")) && why.contains(word), "{text:?}: {why}");
        }
        let why = Rules::parse("layers 0-30: gpu").unwrap().check(30).unwrap_err().to_string();
        assert!(why.contains("line 1") && why.contains("`30`") && why.contains("0-29"), "{why}");
    }
}
