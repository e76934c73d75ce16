//! Programs: bundles with labels and loops, laid out, checked and encoded.
//!
//! Jump targets, the bundle a call returns to and loop starts lie at multiples of sixteen; the room before them is made by writing earlier bundles in larger
//! formats, which costs no cycle.

use std::collections::BTreeMap;
use std::fmt;

use super::bundle::{Bundle, BundleError, FULL};
use super::flow::{self, DELAY, FlowError, SETUP_DISTANCE};
use super::hazard::{Hazard, InFlight};
use super::instruction::{Instruction, Operand, OperandError, Slot};
use super::meaning::Meaning;
use super::register::Register;
use super::schedule::{Pipelined, Straight};
use super::text::{self, Draft, TextError};

/// Bytes of a core's program memory.
pub const MEMORY: usize = 16 * 1024;

/// Why a program cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// A text that is no instruction.
    #[error("bundle {line}: {source}")]
    Text {
        /// Index of the bundle.
        line: usize,
        /// What is wrong.
        source: TextError,
    },
    /// Instructions that make no bundle.
    #[error("bundle {line}: {source}")]
    Bundle {
        /// Index of the bundle.
        line: usize,
        /// What is wrong.
        source: BundleError,
    },
    /// A label used but not set.
    #[error("bundle {line} names the label {label:?}, which is nowhere")]
    Label {
        /// Index of the bundle.
        line: usize,
        /// The label.
        label: String,
    },
    /// A label set twice.
    #[error("the label {0:?} is set twice")]
    Twice(String),
    /// An address that the instruction cannot hold.
    #[error("bundle {line}: {source}")]
    Address {
        /// Index of the bundle.
        line: usize,
        /// What is wrong.
        source: OperandError,
    },
    /// Loads that meet in a bank.
    #[error("bundle {line}: {first} and {second} touch memory bank {bank} in one cycle")]
    Bank {
        /// Index of the bundle.
        line: usize,
        /// One of them, printed.
        first: String,
        /// The other.
        second: String,
        /// The bank.
        bank: u8,
    },
    /// A program that is too long.
    #[error("the program has {0} bytes; the core's memory holds {MEMORY}")]
    TooLarge(usize),
    /// Jumps or loops that cannot be.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// Broken rules of the pipeline.
    #[error("{} hazards: {}", .0.len(), .0.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Hazards(Vec<Hazard>),
}

/// A bundle to be.
#[derive(Clone, Debug)]
struct Line {
    drafts: Vec<Draft>,
    labels: Vec<String>,
    /// The last bundle of a zero-overhead loop.
    loop_end: bool,
    /// To be written in sixteen bytes.
    full: bool,
    /// What the bundle may read of registers whose write is under way.
    in_flight: InFlight,
}

impl Line {
    fn new(drafts: Vec<Draft>) -> Self {
        Self { drafts, labels: Vec::new(), loop_end: false, full: false, in_flight: InFlight::No }
    }
}

/// A program under construction.
#[derive(Clone, Debug, Default)]
pub struct Program {
    lines: Vec<Line>,
    /// Labels for the next bundle.
    pending: Vec<String>,
    /// The first text that is no instruction: assembly reports it.
    fault: Option<AssemblyError>,
    /// Scheduled loops so far.
    groups: u32,
}

impl Program {
    /// No bundles yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bundles so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no bundles yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Names the next bundle, which will lie at a multiple of sixteen.
    pub fn label(&mut self, name: impl Into<String>) -> &mut Self {
        self.pending.push(name.into());
        self
    }

    /// Adds a bundle from text, its instructions separated by `;`. Where an address may stand, a name stands for that label's. A text that is no
    /// instruction is reported by [`Program::assemble`].
    pub fn bundle(&mut self, text: &str) -> &mut Self {
        match text::instructions(text) {
            Ok(drafts) => self.push(drafts),
            Err(source) => {
                let line = self.lines.len();
                self.fault.get_or_insert(AssemblyError::Text { line, source });
                self
            }
        }
    }

    /// Adds a bundle.
    pub fn push(&mut self, drafts: impl IntoIterator<Item = Draft>) -> &mut Self {
        let mut line = Line::new(drafts.into_iter().collect());
        line.labels.append(&mut self.pending);
        self.lines.push(line);
        self
    }

    /// Adds empty bundles, each a cycle.
    pub fn nops(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.push([]);
        }
        self
    }

    /// Adds a bundle with a jump and five empty bundles behind it.
    pub fn jump(&mut self, text: &str) -> &mut Self {
        self.bundle(text).nops(DELAY)
    }

    /// Says that the bundle added last is the last of a zero-overhead loop, and names it: `le` is to hold that name's address.
    pub fn loop_end(&mut self, name: impl Into<String>) -> &mut Self {
        if let Some(line) = self.lines.last_mut() {
            line.loop_end = true;
            line.labels.push(name.into());
        }
        self
    }

    /// Says that the bundle added last is to have sixteen bytes.
    pub fn full(&mut self) -> &mut Self {
        self.wide(true);
        self
    }

    /// Says that the bundle added last may read registers whose newest write is still under way, and so finds older values. The reader answers for it.
    pub fn in_flight(&mut self) -> &mut Self {
        if let Some(line) = self.lines.last_mut() {
            line.in_flight = InFlight::Any;
        }
        self
    }

    /// Adds scheduled straight code, with the empty bundles that let its last results land.
    pub fn straight(&mut self, code: Straight) -> &mut Self {
        code.bundles.into_iter().for_each(|bundle| {
            self.push(bundle);
        });
        self.nops(code.tail)
    }

    /// Adds a software-pipelined loop whose kernel is a zero-overhead loop: the loop registers are set up before the prologue, from a register that holds the
    /// number of passes less `stages - 1`, which must be at least one. `name` names the kernel's first bundle.
    pub fn pipelined(&mut self, name: &str, count: Register, code: Pipelined) -> &mut Self {
        let (group, end) = (self.groups, format!("{name}.end"));
        self.groups += 1;
        self.bundle(&format!("movxm ls, {name}")).bundle(&format!("movxm le, {end}")).bundle(&format!("add.nc lc, {count}, #0"));
        // The loop registers must be written a distance before the loop's end: larger bundles make it at no cost in cycles, empty ones if there are too few.
        // The last bundle is where the loop ends, so it does not count.
        let between: Vec<&Vec<Draft>> = code.prologue.iter().chain(&code.kernel[..code.kernel.len().saturating_sub(1)]).collect();
        let wide = between.iter().map(|drafts| smallest(drafts)).sum::<usize>() < SETUP_DISTANCE as usize;
        let missing = (SETUP_DISTANCE as usize / FULL).saturating_sub(between.len());
        self.wide(wide);
        for _ in 0..missing {
            self.nops(1).wide(wide);
        }
        for drafts in code.prologue {
            self.grouped(drafts, group).wide(wide);
        }
        self.label(name);
        for drafts in code.kernel {
            self.grouped(drafts, group).wide(wide);
        }
        self.loop_end(end);
        for drafts in code.epilogue {
            self.grouped(drafts, group);
        }
        self.nops(code.tail)
    }

    fn grouped(&mut self, drafts: Vec<Draft>, group: u32) -> &mut Self {
        self.push(drafts);
        if let Some(line) = self.lines.last_mut() {
            line.in_flight = InFlight::Within(group);
        }
        self
    }

    fn wide(&mut self, wide: bool) {
        if let Some(line) = self.lines.last_mut() {
            line.full |= wide;
        }
    }

    /// Lays out, checks and encodes the program for address zero.
    ///
    /// # Errors
    /// The first fault found; hazards all together.
    pub fn assemble(&self) -> Result<Assembled, AssemblyError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let mut bundles = self.bundles(None)?;
        self.lay_out(&mut bundles);
        let (mut labels, mut addresses, mut at) = (BTreeMap::new(), Vec::new(), 0);
        for (line, bundle) in self.lines.iter().zip(&bundles) {
            for label in &line.labels {
                if labels.insert(label.clone(), at as u32).is_some() {
                    return Err(AssemblyError::Twice(label.clone()));
                }
            }
            addresses.push(at as u32);
            at += bundle.bytes();
        }
        if at > MEMORY {
            return Err(AssemblyError::TooLarge(at));
        }
        let resolved = self.bundles(Some(&labels))?;
        let wide = resolved.iter().zip(&bundles).filter_map(|(now, before)| now.widened(before.bytes()));
        let bundles: Vec<(u32, Bundle)> = addresses.into_iter().zip(wide).collect();
        let graph = flow::graph(&bundles)?;
        let in_flight: Vec<InFlight> = self.lines.iter().map(|line| line.in_flight).collect();
        let hazards = flow::hazards(&bundles, &graph, &in_flight);
        if hazards.is_empty() { Ok(Assembled { bundles, labels }) } else { Err(AssemblyError::Hazards(hazards)) }
    }

    /// The smallest bundles, with the addresses of labels once they are known.
    fn bundles(&self, labels: Option<&BTreeMap<String, u32>>) -> Result<Vec<Bundle>, AssemblyError> {
        self.lines
            .iter()
            .enumerate()
            .map(|(number, line)| {
                let instructions = line.drafts.iter().map(|draft| resolve(number, draft, labels)).collect::<Result<Vec<_>, _>>()?;
                banks(number, line)?;
                Bundle::new(&instructions).map_err(|source| AssemblyError::Bundle { line: number, source })
            })
            .collect()
    }

    /// Whether the bundle must lie at a multiple of sixteen.
    fn aligned(&self, index: usize) -> bool {
        let line = &self.lines[index];
        let returns = index
            .checked_sub(DELAY + 1)
            .is_some_and(|call| self.lines[call].drafts.iter().any(|d| matches!(d.instruction.meaning(), Meaning::Call | Meaning::CallIndirect)));
        !line.labels.is_empty() || line.loop_end || returns
    }

    /// Widens bundles so that those which must be aligned are.
    fn lay_out(&self, bundles: &mut [Bundle]) {
        for (bundle, _) in bundles.iter_mut().zip(&self.lines).filter(|(_, line)| line.full) {
            *bundle = bundle.widened(FULL).unwrap_or(*bundle);
        }
        let mut start = 0;
        for index in 0..bundles.len() {
            if self.aligned(index) {
                align(&mut bundles[start..index]);
                start = index;
            }
            if self.lines[index].loop_end
                && let Some(full) = bundles[index].widened(FULL)
            {
                bundles[index] = full;
                start = index + 1;
            }
        }
    }
}

/// Bytes of the smallest bundle with these instructions.
fn smallest(drafts: &[Draft]) -> usize {
    Bundle::new(&drafts.iter().map(|draft| draft.instruction).collect::<Vec<_>>()).map_or(FULL, |bundle| bundle.bytes())
}

/// Widens bundles, as little as possible and the last ones first, until their sizes add up to a multiple of sixteen.
fn align(bundles: &mut [Bundle]) {
    // `best[r]`: least bytes that the bundles from some point to the end add to a remainder `r`, and the sizes chosen.
    let mut best: Vec<Option<(usize, Vec<Bundle>)>> = vec![None; FULL];
    best[0] = Some((0, Vec::new()));
    for bundle in bundles.iter().rev() {
        let mut next: Vec<Option<(usize, Vec<Bundle>)>> = vec![None; FULL];
        for (remainder, state) in best.iter().enumerate() {
            let Some((total, chosen)) = state else { continue };
            for wider in (bundle.bytes()..=FULL).step_by(2).filter_map(|bytes| bundle.widened(bytes)) {
                let place = &mut next[(remainder + wider.bytes()) % FULL];
                let total = total + wider.bytes();
                if place.as_ref().is_none_or(|(least, _)| total < *least) {
                    let mut chosen = chosen.clone();
                    chosen.push(wider);
                    *place = Some((total, chosen));
                }
            }
        }
        best = next;
    }
    // Sixteen bytes each is always one way, so there is a best one.
    if let Some((_, chosen)) = &best[0] {
        for (bundle, wider) in bundles.iter_mut().zip(chosen.iter().rev()) {
            *bundle = *wider;
        }
    }
}

/// The draft's instruction, its label replaced by the address (or zero).
fn resolve(line: usize, draft: &Draft, labels: Option<&BTreeMap<String, u32>>) -> Result<Instruction, AssemblyError> {
    let (Some((index, name)), Some(labels)) = (&draft.label, labels) else { return Ok(draft.instruction) };
    let address = *labels.get(name).ok_or_else(|| AssemblyError::Label { line, label: name.clone() })?;
    let mut operands = draft.instruction.operands().to_vec();
    operands[*index] = Operand::Immediate(address as i32);
    Instruction::new(draft.instruction.opcode(), &operands).map_err(|source| AssemblyError::Address { line, source })
}

/// Refuses two memory instructions of one bundle that are known to touch one bank.
fn banks(line: usize, content: &Line) -> Result<(), AssemblyError> {
    for (index, first) in content.drafts.iter().enumerate() {
        let Some(bank) = first.bank else { continue };
        if let Some(second) = content.drafts[index + 1..].iter().find(|other| other.bank == Some(bank)) {
            return Err(AssemblyError::Bank { line, first: first.instruction.to_string(), second: second.instruction.to_string(), bank });
        }
    }
    Ok(())
}

/// A finished program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// Every bundle with its address.
    pub bundles: Vec<(u32, Bundle)>,
    /// Addresses of the labels.
    pub labels: BTreeMap<String, u32>,
}

impl Assembled {
    /// The program memory's content from address zero.
    #[must_use]
    pub fn code(&self) -> Vec<u8> {
        self.bundles.iter().flat_map(|(_, bundle)| bundle.encode()).collect()
    }

    /// Instructions that are not nops, per slot: how full the bundles are.
    #[must_use]
    pub fn filled(&self, slot: Slot) -> usize {
        self.bundles.iter().filter(|(_, bundle)| bundle.get(slot).is_some()).count()
    }
}

impl fmt::Display for Assembled {
    /// A listing: addresses, labels, bundles.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pc, bundle) in &self.bundles {
            for (label, _) in self.labels.iter().filter(|(_, at)| *at == pc) {
                writeln!(f, "{label}:")?;
            }
            writeln!(f, "{pc:5x}  {bundle}")?;
        }
        Ok(())
    }
}
