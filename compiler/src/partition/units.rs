//! What is placed as one: the commands of a plan in groups of a layer and a kind, cut where nothing but f32 rows crosses.
//!
//! Some things cannot be torn apart: keys and values stay where they are written, so whoever attends to them comes to them, with the norm of its query;
//! a gathered row is on the side that made it; rows in eight bits are made by the side that reads them. Here that is no rule for later but part of the grouping.

use std::fmt;
use unicorn_artifact::command::{Command, WeightId};
use unicorn_artifact::plan::{Entry, Part, Plan};

/// What a group of commands does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tokens to the streams that enter the first layer.
    Embed,
    /// The rows of the per-layer table, read from the file.
    Lookup,
    /// Queries, keys, values, attention, its output, and the low-rank path beside it.
    Attention,
    /// Gate, up and down.
    FeedForward,
    /// What a layer adds of its own embedding, and the streams for the next one.
    PerLayer,
    /// The streams after the last layer to logits.
    Head,
}

impl Kind {
    /// All, in the order of a layer.
    pub const ALL: [Self; 6] = [Self::Embed, Self::Lookup, Self::Attention, Self::FeedForward, Self::PerLayer, Self::Head];

    /// As written in rules and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Lookup => "lookup",
            Self::Attention => "attention",
            Self::FeedForward => "ffn",
            Self::PerLayer => "ple",
            Self::Head => "head",
        }
    }

    /// Whether each layer has its own.
    pub fn of_layer(self) -> bool {
        matches!(self, Self::Attention | Self::FeedForward | Self::PerLayer)
    }
}

/// Which group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it does.
    pub kind: Kind,
    /// In which layer; 0 for kinds that no layer has.
    pub layer: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind.of_layer() { write!(f, "layer {} {}", self.layer, self.kind.name()) } else { f.write_str(self.kind.name()) }
    }
}

/// The groups of a plan. Commands of all row counts are the same, so body and tail stand here once.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// In the order in which the body, then the tail, comes to them.
    pub keys: Vec<Key>,
    /// By command of the body: its group.
    pub body: Vec<usize>,
    /// By command of the tail: its group.
    pub tail: Vec<usize>,
}

impl Units {
    /// Groups the commands of a plan.
    pub fn new(plan: &Plan) -> Self {
        let mut units = Self::default();
        let of = |part| plan.entries_of(part).next().map(|(_, entry)| entry);
        let (Some(body), Some(tail)) = (of(Part::Body), of(Part::Tail)) else { return units };
        units.body = units.group(plan, body);
        units.tail = units.group(plan, tail);
        units.attract(plan, body, tail);
        units
    }

    /// The group of each command of a part.
    pub fn of(&self, part: Part) -> &[usize] {
        match part {
            Part::Body => &self.body,
            Part::Tail => &self.tail,
        }
    }

    fn number(&mut self, key: Key) -> usize {
        self.keys.iter().position(|k| *k == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        })
    }

    /// Products and norms say by their weights where they belong; what follows one belongs to it, until the next.
    fn group(&mut self, plan: &Plan, entry: &Entry) -> Vec<usize> {
        let named: Vec<Option<Key>> = entry.commands.iter().map(|c| key(plan, c)).collect();
        let mut now = named.iter().flatten().next().copied().unwrap_or(Key { kind: Kind::Embed, layer: 0 });
        let mut groups = vec![];
        for (key, command) in named.iter().zip(&entry.commands) {
            let own = key.unwrap_or(now);
            // A lookup stands alone: what follows it does not read it.
            if !matches!(command, Command::EmbedPerLayer { .. }) {
                now = own;
            }
            groups.push(self.number(own));
        }
        for (at, command) in entry.commands.iter().enumerate() {
            if let Command::Quantize { out, .. } | Command::QuantizeInt8 { out, .. } = command
                && let Some(reader) = entry.commands.iter().position(|c| c.buffers(&plan.regions).0.contains(out))
            {
                groups[at] = groups[reader];
            }
        }
        groups
    }

    fn attract(&mut self, plan: &Plan, body: &Entry, tail: &Entry) {
        for (at, command) in tail.commands.iter().enumerate() {
            match command {
                Command::Attention { state, query, .. } => {
                    let writer = body.commands.iter().position(|c| matches!(c, Command::KvAppend { state: s, .. } if s == state));
                    let Some(owner) = writer.map(|w| self.body[w]) else { continue };
                    self.tail[at] = owner;
                    if let Some(norm) = tail.commands.iter().position(|c| matches!(c, Command::HeadNorm { out, .. } if out == query)) {
                        self.tail[norm] = owner;
                    }
                }
                Command::Gather { handoff, .. } => {
                    if let Some(maker) = maker(plan, body, *handoff) {
                        self.tail[at] = self.body[maker];
                    }
                }
                _ => {}
            }
        }
    }
}

/// The command of the body whose result becomes a handoff.
pub fn maker(plan: &Plan, body: &Entry, handoff: u32) -> Option<usize> {
    let place = &plan.handoffs[handoff as usize];
    body.commands.iter().rposition(|c| {
        let written = c.buffers(&plan.regions).1;
        written.iter().map(|id| &body.buffers[*id as usize]).any(|b| b.offset == place.offset && b.width == place.width)
    })
}

/// Where a command belongs by the names of its weights.
fn key(plan: &Plan, command: &Command) -> Option<Key> {
    let whole = |kind| Some(Key { kind, layer: 0 });
    let weight: WeightId = match command {
        Command::Embed { .. } => return whole(Kind::Embed),
        Command::EmbedPerLayer { .. } => return whole(Kind::Lookup),
        Command::MatMul { products, .. } => products.first()?.weight,
        Command::SparseUp { weight, .. } | Command::SparseDown { weight, .. } | Command::MatMulInt8 { weight, .. } => *weight,
        Command::HeadNorm { weight, .. } => (*weight)?,
        _ => return None,
    };
    key_of(&plan.weights[weight as usize].name)
}

/// Where the product with a weight belongs, by its name.
pub fn key_of(name: &str) -> Option<Key> {
    let whole = |kind| Some(Key { kind, layer: 0 });
    let Some((layer, rest)) = name.split_once("layers.").and_then(|(_, rest)| rest.split_once('.')) else {
        let enters = name.contains("per_layer_model_projection") || name.contains("altup_projections");
        return whole(if enters { Kind::Embed } else { Kind::Head });
    };
    let kind = match rest.split('.').next()? {
        "self_attn" | "laurel" => Kind::Attention,
        "mlp" => Kind::FeedForward,
        "per_layer_input_gate" | "per_layer_projection" => Kind::PerLayer,
        _ => return None,
    };
    Some(Key { kind, layer: layer.parse().ok()? })
}
