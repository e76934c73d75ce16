//! Which commands run where: asked for by a word or a file, or found by foretold time.
//!
//! `units` says what can be placed, `costs` what each place costs on a machine of the table in `machine`, `choose` finds the best placement, `rules` reads
//! a file, `table` shows what was decided and why.

mod choose;
mod costs;
pub mod machine;
mod npu;
mod rules;
mod table;
pub mod units;

pub use costs::{Costs, Estimate};
pub use rules::{Device, Rules};
pub use table::{Row, Table};

use crate::lower::gpu::Assignment;
use crate::{Error, Result};
use unicorn_artifact::npu::NpuPlan;
use unicorn_artifact::plan::{Part, Plan};
use unicorn_kernels_gpu::target::Target;
use units::Units;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// What takes the least foretold time.
    #[default]
    Auto,
    /// Everything that a GPU can do goes to it.
    Gpu,
    /// Sparse layers to the NPU, as far as it can do them, dense layers to the GPU where there is one.
    Seed,
    /// Nothing leaves the host.
    Host,
    /// As a file says.
    Rules(Rules),
}

impl Partition {
    /// Whether an NPU is to do what it can of anything at all.
    pub fn wants_npu(&self) -> bool {
        match self {
            Self::Seed => true,
            Self::Rules(rules) => rules.wants(Device::Npu).is_some(),
            Self::Auto | Self::Gpu | Self::Host => false,
        }
    }

    /// Whether an NPU is to do the product with a weight, if it can.
    pub fn on_npu(&self, weight: &str) -> bool {
        match self {
            Self::Seed => true,
            Self::Rules(rules) => units::key_of(weight).and_then(|key| rules.find(key)).is_some_and(|(_, device)| device == Device::Npu),
            Self::Auto | Self::Gpu | Self::Host => false,
        }
    }

    /// Refuses what wants an NPU where none is compiled for.
    ///
    /// # Errors
    /// [`Error::Option`] naming the word or the line.
    pub fn without_npu(&self) -> Result<()> {
        match self {
            Self::Seed => {
                let why = "`seed` needs an NPU target, such as --target phoenix or --target npu:npu1; without one use `auto`, or a file with rules such as `layers 0-9 ffn: host`";
                Err(Error::Option { option: "--partition".into(), why: why.into() })
            }
            Self::Rules(rules) => match rules.wants(Device::Npu) {
                Some(line) => Err(rules::fault(line, "`npu` needs an NPU target, such as --target phoenix or --target npu:npu1".into())),
                None => Ok(()),
            },
            Self::Auto | Self::Gpu | Self::Host => Ok(()),
        }
    }

    /// The words that are no file's name.
    pub const WORDS: [(&str, Self); 4] = [("auto", Self::Auto), ("gpu", Self::Gpu), ("seed", Self::Seed), ("host", Self::Host)];

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`Error::Option`] naming line and word.
    pub fn parse(text: &str) -> Result<Self> {
        Rules::parse(text).map(Self::Rules)
    }

    /// The word, or the rules on one line: for the record.
    pub fn record(&self) -> String {
        match (self, Self::WORDS.iter().find(|(_, partition)| partition == self)) {
            (Self::Rules(rules), _) => rules.record(),
            (_, word) => word.map_or("", |w| w.0).to_owned(),
        }
    }
}

/// Why a group is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its foretold time, and that of what crosses.
    Time,
    /// A word of the command line.
    Asked,
    /// No line of the file fits.
    Default,
    /// A line of the file.
    Line(usize),
    /// The device cannot do it.
    Refused(String),
}

/// A placement.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The commands of the GPU; `None` where it gets none.
    pub assignment: Option<Assignment>,
    /// What was decided, and why.
    pub table: Table,
}

/// Places the commands of a plan for some targets; times are foretold for the machine of the first GPU. `None` where nothing is to be placed.
/// What an NPU does of it is already decided: the host's commands for which it has calls.
///
/// # Errors
/// [`Error::Option`] where the wish cannot be met; [`Error::Unsupported`] where a file wants on the GPU what no kernel does.
pub fn decide(plan: &Plan, partition: &Partition, targets: &[Target], npu: Option<&NpuPlan>) -> Result<Option<Decision>> {
    let refuse = |why: &str| Err(Error::Option { option: "--partition".into(), why: why.into() });
    let share = |machine| npu.map(|part| npu::Share::new(plan, part, costs::positions(plan), machine, &machine::NPU1)).unwrap_or_default();
    let units = Units::new(plan);
    if let Partition::Rules(rules) = partition {
        rules.check(plan.model.layers)?;
        fits_npu(plan, rules, &units, npu)?;
    }
    let Some(target) = targets.first() else {
        let gpu = match partition {
            Partition::Gpu => true,
            Partition::Rules(rules) => rules.wants(Device::Gpu).is_some() || rules.wants(Device::Npu).is_none(),
            Partition::Auto | Partition::Host | Partition::Seed => false,
        };
        return match npu {
            _ if gpu => refuse("there is no GPU to place anything on; give --target, for example --target hip:gfx1103"),
            Some(part) => {
                let what = format!("`{}` for {}, times of a phoenix", partition.word(), part.target);
                let table = Table::without_gpu(plan, share(machine::PHOENIX), &what, machine::PHOENIX);
                Ok(Some(Decision { assignment: None, table }))
            }
            None => Ok(None),
        };
    };
    let machine = machine::of(*target);
    let costs = Costs::new(plan, &units, machine)?;
    let (on_gpu, why) = place(partition, &units, &costs)?;
    let npus = npu.map_or(String::new(), |part| format!("{} and ", part.target));
    let what = format!("`{}` for {npus}{target}, times of a {}", partition.word(), machine.name);
    let table = Table::new(&units, &costs, (&on_gpu, &why), &what, plan).with_npu(share(machine));
    let assignment = on_gpu.contains(&true).then(|| costs::assignment(&units, &on_gpu));
    Ok(Some(Decision { assignment, table }))
}

impl Partition {
    /// The word, or that it is a file.
    fn word(&self) -> &'static str {
        Self::WORDS.iter().find(|(_, partition)| partition == self).map_or("file", |w| w.0)
    }
}

/// Refuses a line that wants a kind of group on the NPU which has nothing for one.
fn fits_npu(plan: &Plan, rules: &Rules, units: &Units, npu: Option<&NpuPlan>) -> Result<()> {
    let mut served = vec![false; units.keys.len()];
    let smallest = [Part::Body, Part::Tail].into_iter().filter_map(|part| plan.entries_of(part).next());
    for (number, entry) in smallest {
        let calls = npu.map_or(&[][..], |npu| &npu.entries[number].calls);
        calls.iter().for_each(|call| served[units.of(entry.part)[call.command as usize]] = true);
    }
    let wanted = |key| rules.find(key).filter(|(line, device)| *device == Device::Npu && rules.names_kind(*line));
    let idle = units.keys.iter().zip(&served).find_map(|(key, served)| wanted(*key).filter(|_| !served).map(|(line, _)| (line, key)));
    idle.map_or(Ok(()), |(line, key)| {
        let why = "an NPU does the gates of layers with activation sparsity, and there is none here that it can do".into();
        Err(Error::Unsupported { place: format!("--partition, line {line}: {key} on the NPU"), why })
    })
}

fn place(partition: &Partition, units: &Units, costs: &Costs) -> Result<(Vec<bool>, Vec<Why>)> {
    let refused = |unit: usize| costs.device[unit].as_ref().err().cloned().map(Why::Refused);
    let count = units.keys.len();
    let whole = |gpu: bool| (0..count).map(|u| (gpu && costs.device[u].is_ok(), refused(u).filter(|_| gpu).unwrap_or(Why::Asked))).unzip();
    match partition {
        Partition::Auto => Ok((choose::choose(costs), (0..count).map(|u| refused(u).unwrap_or(Why::Time)).collect())),
        Partition::Gpu | Partition::Seed => Ok(whole(true)),
        Partition::Host => Ok(whole(false)),
        Partition::Rules(rules) => {
            let one = |unit: usize| match (rules.find(units.keys[unit]), &costs.device[unit]) {
                (Some((line, Device::Host | Device::Npu)), _) => Ok((false, Why::Line(line))),
                (Some((line, Device::Gpu)), Ok(_)) => Ok((true, Why::Line(line))),
                (Some((line, Device::Gpu)), Err(why)) if rules.names_kind(line) => {
                    Err(Error::Unsupported { place: format!("--partition, line {line}: {} on the GPU", units.keys[unit]), why: why.clone() })
                }
                (None | Some(_), Err(why)) => Ok((false, Why::Refused(why.clone()))),
                (None, Ok(_)) => Ok((true, Why::Default)),
            };
            (0..count).map(one).collect::<Result<Vec<_>>>().map(|all| all.into_iter().unzip())
        }
    }
}
