//! What `--target` names: GPUs, an NPU, and machines that have both.

use crate::{Error, Result};
use unicorn_kernels_gpu::target::Target;

/// An NPU that containers and streams are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Npu {
    /// AMD's first: Phoenix and Hawk Point (Ryzen 7040 and 8040), four columns.
    Npu1,
}

impl Npu {
    /// As typed, and as the artifact names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Npu1 => "npu:npu1",
        }
    }
}

/// Everything that is compiled for beside the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// In the order in which they were named; times are foretold for the first.
    pub gpus: Vec<Target>,
    /// At most one: there is one kind.
    pub npu: Option<Npu>,
}

/// A machine: its NPU and its GPU.
const PHOENIX: (&str, Npu, Target) = ("phoenix", Npu::Npu1, Target::Gfx1103);

impl Targets {
    /// Reads names; one that comes again, or that a machine brings, counts once.
    ///
    /// # Errors
    /// [`Error::Option`] with the names that there are.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut targets = Self::default();
        let mut gpu = |target| {
            if !targets.gpus.contains(&target) {
                targets.gpus.push(target);
            }
        };
        for name in names {
            if name == PHOENIX.0 {
                targets.npu = Some(PHOENIX.1);
                gpu(PHOENIX.2);
            } else if name == Npu::Npu1.name() {
                targets.npu = Some(Npu::Npu1);
            } else {
                let known = name.parse().map_err(|why| Error::Option {
                    option: "--target".into(),
                    why: format!("{why}; and `{}`, and `{}` for `{}` with {}", Npu::Npu1.name(), PHOENIX.0, PHOENIX.1.name(), PHOENIX.2),
                })?;
                gpu(known);
            }
        }
        Ok(targets)
    }

    /// Their names, for the record; empty where there is none.
    pub fn record(&self) -> String {
        let npu = self.npu.map(Npu::name).into_iter();
        npu.chain(self.gpus.iter().map(|t| t.name())).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_its_npu_and_its_gpu() {
        let of = |names: &[&str]| Targets::parse(names.iter().copied()).unwrap();
        assert_eq!(of(&["phoenix"]).record(), "npu:npu1,hip:gfx1103");
        assert_eq!(of(&["phoenix"]), of(&["hip:gfx1103", "npu:npu1"]));
        assert_eq!(of(&["cuda:sm_90", "phoenix", "hip:gfx1103"]).gpus, [Target::Sm90, Target::Gfx1103]);
        assert_eq!((of(&["npu:npu1"]).gpus, of(&["npu:npu1"]).record()), (vec![], "npu:npu1".to_owned()));
        assert_eq!(of(&[]), Targets::default());
        let why = Targets::parse(["npu:npu4"]).unwrap_err().to_string();
        assert!(["--target", "npu:npu4", "hip:gfx1103", "npu:npu1", "phoenix"].iter().all(|word| why.contains(word)), "{why}");
    }
}
