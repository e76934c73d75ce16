//! What a sequence of bundles may not do: an exposed pipeline has no interlocks, so a read finds whatever has been written by its cycle.
//!
//! The rules, along every path; the first three may be waived for bundles that say so ([`InFlight`]), all but writes in one cycle:
//! - a read sees the last write before it, in the order of the bundles;
//! - of two writes to a register the later one lands later, and never two in one cycle;
//! - a late read (the shift of a load, an accumulator) is not overtaken by a later write;
//! - ports and units serve one instruction in a cycle;
//! - memory is left alone from the stall of a lock to the core's resumption.

use super::bundle::Bundle;
use super::instruction::Instruction;
use super::meaning::Memory;
use super::register::Register;
use super::table::{Access, Hold, Need, Stage, TABLE, Unit};

/// Most cycles in which an instruction can still matter: one longer than the longest pipeline.
pub const HORIZON: usize = 12;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hazard {
    /// A read too close behind a write.
    #[error("bundle {reader} reads {register} {actual} bundles behind its write in bundle {writer}; {needed} are needed")]
    Early {
        /// Index of the reading bundle.
        reader: usize,
        /// Index of the writing bundle.
        writer: usize,
        /// The register.
        register: Register,
        /// Bundles that must lie between.
        needed: usize,
        /// Bundles that do.
        actual: usize,
    },
    /// Two writes that land together or in the wrong order.
    #[error("the write of {register} in bundle {second} lands no later than that of bundle {first}")]
    Overtaken {
        /// Index of the first.
        first: usize,
        /// Index of the second.
        second: usize,
        /// The register.
        register: Register,
    },
    /// A write that lands before an older read.
    #[error("bundle {writer} overwrites {register} before bundle {reader} reads it")]
    Clobbered {
        /// Index of the reading bundle.
        reader: usize,
        /// Index of the writing bundle.
        writer: usize,
        /// The register.
        register: Register,
    },
    /// Two holders of a unit.
    #[error("bundles {first} and {second} need {unit:?} in the same cycle")]
    Conflict {
        /// Index of the first.
        first: usize,
        /// Index of the second.
        second: usize,
        /// The unit.
        unit: Unit,
    },
    /// Memory touched too close to a lock.
    #[error("bundle {lock} takes or gives a lock, and bundle {access} touches memory {actual} bundles away; {needed} are needed")]
    Lock {
        /// Index of the bundle with the lock.
        lock: usize,
        /// Index of the other.
        access: usize,
        /// Bundles that must lie between.
        needed: usize,
        /// Bundles that do.
        actual: usize,
    },
}

/// Pipeline cycle at which a lock stalls the core, and that at which the core runs again: what llvm-aie assumes, which says it is on the safe side.
const STALL: usize = 2;
const RESUME: usize = 8;

/// Bundles from a memory access to a lock behind it.
pub(super) fn before_lock(memory: Memory) -> usize {
    usize::from(memory.last) + 1 - STALL
}

/// Bundles from a lock to a memory access behind it.
pub(super) fn behind_lock(memory: Memory) -> usize {
    RESUME + 1 - usize::from(memory.first)
}

/// Which meetings of a bundle with registers whose write is under way are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum InFlight {
    /// None.
    #[default]
    No,
    /// Any: whoever wrote the bundle answers for it.
    Any,
    /// Of writes in bundles with the same number: a scheduler has replayed them.
    Within(u32),
}

impl InFlight {
    fn allows(self, writer: Self) -> bool {
        match self {
            Self::No => false,
            Self::Any => true,
            Self::Within(_) => self == writer,
        }
    }
}

/// A touched register part: the group is taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    pub register: Register,
    pub read: Option<Stage>,
    pub write: Option<Stage>,
}

/// What an instruction touches and holds, taken apart for checks.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    pub touches: Vec<Touch>,
    pub holds: Vec<(Unit, Hold)>,
    pub memory: Option<Memory>,
    pub lock: bool,
}

impl Effects {
    pub(super) fn of(instruction: &Instruction) -> Self {
        let meaning = instruction.meaning();
        let mut effects = Self { memory: meaning.memory(), lock: meaning.is_lock(), ..Self::default() };
        for (register, access) in instruction.touched() {
            let at = |stage: Stage| Stage { bypass: stage.bypass.of(register), ..stage };
            let (read, write) = (access.read().map(at), access.write().map(at));
            let counted = matches!(register, Register::D(_) | Register::D3(_));
            register.parts(&mut |part| {
                // Of the registers of a dimension only the count changes.
                let write = write.filter(|_| !counted || matches!(part, Register::Dc(_)));
                effects.touches.push(Touch { register: part, read, write });
            });
        }
        for hold in &TABLE.timings[instruction.opcode().form().timing].holds {
            units(*hold, instruction, &mut |unit| effects.holds.push((unit, *hold)));
        }
        effects
    }
}

/// The units behind a need, with the registers at hand.
fn units(hold: Hold, instruction: &Instruction, each: &mut impl FnMut(Unit)) {
    let written = instruction.touched().find(|(_, access)| matches!(access, Access::Write(_))).map(|(register, _)| register);
    let port = |register| match register {
        Register::P(_) => Some(Unit::PointerWrite),
        Register::M(_) => Some(Unit::ModifierWrite),
        Register::Dj(_) => Some(Unit::StrideWrite),
        Register::Dn(_) => Some(Unit::SizeWrite),
        Register::Dc(_) => Some(Unit::CountWrite),
        _ => None,
    };
    match hold.need {
        Need::Unit(unit) => each(unit),
        Need::DestinationM => {
            each(Unit::ScalarWriteM);
            if let Some(unit) = written.and_then(port) {
                each(unit);
            }
        }
        Need::DestinationA => each(written.and_then(port).unwrap_or(Unit::ScalarWriteA)),
        Need::PointerSource => {
            // The value is the first operand that the instruction only reads: a store's pointer stands behind it.
            let value = instruction.touched().find(|(_, access)| matches!(access, Access::Read(_))).map(|(register, _)| register);
            if value.and_then(port).is_some() {
                each(Unit::PointerRead);
            }
        }
        Need::VectorSource => {
            let source = instruction.register(1).is_some_and(Register::is_accumulator);
            if source {
                each(Unit::AccumulatorRead);
            }
        }
        Need::VectorDestination => {
            each(if written.is_some_and(Register::is_accumulator) { Unit::AccumulatorWriteM } else { Unit::VectorWriteM });
        }
    }
}

/// Bundles from a write to the first read that sees it.
pub(super) fn distance(write: Stage, read: Stage) -> usize {
    let plain = usize::from(write.cycle) + 1 - usize::from(read.cycle).min(usize::from(write.cycle) + 1);
    let forwarded = write.bypass == read.bypass && write.bypass != super::Bypass::None;
    plain - usize::from(forwarded && plain > 0)
}

/// A program's bundles as the checks see them.
pub(super) struct Flow<'a> {
    /// What each bundle does.
    pub bundles: &'a [Vec<Effects>],
    /// Bundles that may come next.
    pub next: &'a [Vec<usize>],
    /// What each bundle may read of registers whose write is under way.
    pub in_flight: &'a [InFlight],
}

/// What the instructions of a bundle do.
pub(super) fn effects(bundle: &Bundle) -> Vec<Effects> {
    bundle.instructions().map(Effects::of).collect()
}

impl Flow<'_> {
    /// Every broken rule, in the order of the first bundle.
    pub(super) fn check(&self) -> Vec<Hazard> {
        let mut found = Vec::new();
        for start in 0..self.bundles.len() {
            self.within(start, &mut found);
            let mut path = vec![start];
            self.walk(&mut path, &mut found);
        }
        found.dedup();
        found
    }

    /// Every path of bundles from the first, as far as they matter.
    fn walk(&self, path: &mut Vec<usize>, found: &mut Vec<Hazard>) {
        if path.len() > HORIZON {
            return;
        }
        let last = path[path.len() - 1];
        for &next in &self.next[last] {
            path.push(next);
            self.pair(path, found);
            self.walk(path, found);
            path.pop();
        }
    }

    /// The rules within one bundle.
    fn within(&self, index: usize, found: &mut Vec<Hazard>) {
        let bundle = &self.bundles[index];
        let wanted = self.in_flight[index].allows(self.in_flight[index]);
        for (i, first) in bundle.iter().enumerate() {
            for second in &bundle[i + 1..] {
                for (a, b) in pairs(first, second) {
                    if let (Some(one), Some(two)) = (a.write, b.write)
                        && (one.cycle == two.cycle || !wanted)
                    {
                        found.push(Hazard::Overtaken { first: index, second: index, register: a.register });
                    }
                    for (reader, writer) in [(a, b), (b, a)] {
                        if let (Some(read), Some(write)) = (reader.read, writer.write)
                            && !wanted
                            && clobbers(read, write, 0)
                        {
                            found.push(Hazard::Clobbered { reader: index, writer: index, register: a.register });
                        }
                    }
                }
                conflicts(first, second, 0, |unit| found.push(Hazard::Conflict { first: index, second: index, unit }));
                if let Some((lock, access, needed)) = locked(first, second, index, index) {
                    found.push(Hazard::Lock { lock, access, needed, actual: 0 });
                }
            }
        }
    }

    /// The rules between the first and the last bundle of a path.
    fn pair(&self, path: &[usize], found: &mut Vec<Hazard>) {
        let (first, last, apart) = (path[0], path[path.len() - 1], path.len() - 1);
        for one in &self.bundles[first] {
            for two in &self.bundles[last] {
                for (a, b) in pairs(one, two) {
                    let register = a.register;
                    if let (Some(write), Some(read)) = (a.write, b.read)
                        && apart < distance(write, read)
                        && !self.in_flight[last].allows(self.in_flight[first])
                        && !self.written_between(path, register)
                    {
                        found.push(Hazard::Early { reader: last, writer: first, register, needed: distance(write, read), actual: apart });
                    }
                    if let (Some(older), Some(newer)) = (a.write, b.write)
                        && apart + usize::from(newer.cycle) <= usize::from(older.cycle)
                        && (!self.in_flight[last].allows(self.in_flight[first]) || apart + usize::from(newer.cycle) == usize::from(older.cycle))
                    {
                        found.push(Hazard::Overtaken { first, second: last, register });
                    }
                    if let (Some(read), Some(write)) = (a.read, b.write)
                        && !self.in_flight[last].allows(self.in_flight[first])
                        && clobbers(read, write, apart)
                    {
                        found.push(Hazard::Clobbered { reader: first, writer: last, register });
                    }
                }
                conflicts(one, two, apart, |unit| found.push(Hazard::Conflict { first, second: last, unit }));
                if let Some((lock, access, needed)) = locked(one, two, first, last).filter(|&(.., needed)| apart < needed) {
                    found.push(Hazard::Lock { lock, access, needed, actual: apart });
                }
            }
        }
    }

    fn written_between(&self, path: &[usize], register: Register) -> bool {
        let between = &path[1..path.len() - 1];
        between.iter().flat_map(|&index| &self.bundles[index]).flat_map(|e| &e.touches).any(|t| t.register == register && t.write.is_some())
    }
}

/// If one instruction is a lock and the other touches memory: their bundles, and how far apart they must be.
fn locked(one: &Effects, two: &Effects, first: usize, last: usize) -> Option<(usize, usize, usize)> {
    match (one.lock, one.memory, two.lock, two.memory) {
        (true, _, _, Some(memory)) => Some((first, last, behind_lock(memory))),
        (_, Some(memory), true, _) => Some((last, first, before_lock(memory))),
        _ => None,
    }
}

/// Touches of the same register by two instructions.
fn pairs<'a>(first: &'a Effects, second: &'a Effects) -> impl Iterator<Item = (&'a Touch, &'a Touch)> {
    first.touches.iter().flat_map(|a| second.touches.iter().filter(move |b| a.register == b.register).map(move |b| (a, b)))
}

/// Whether a write `apart` bundles behind a read is already seen by it.
fn clobbers(read: Stage, write: Stage, apart: usize) -> bool {
    let forwarded = write.bypass == read.bypass && write.bypass != super::Bypass::None;
    apart + usize::from(write.cycle) + usize::from(!forwarded) <= usize::from(read.cycle)
}

/// Units that both hold in one cycle, the second instruction being `apart` bundles behind the first.
pub(super) fn conflicts(first: &Effects, second: &Effects, apart: usize, mut each: impl FnMut(Unit)) {
    for (unit, a) in &first.holds {
        for (other, b) in &second.holds {
            let (from, to) = (usize::from(b.from) + apart, usize::from(b.to) + apart);
            if unit == other && !(a.weak && b.weak) && from <= usize::from(a.to) && usize::from(a.from) <= to {
                each(*unit);
            }
        }
    }
}
