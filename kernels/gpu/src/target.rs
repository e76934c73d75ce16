//! The devices kernels are lowered for, and every difference between them in one table.

use crate::Error;
use std::{fmt, str::FromStr};

/// One device architecture a kernel can be lowered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// AMD RDNA3 integrated graphics (Phoenix, Radeon 780M).
    Gfx1103,
    /// AMD RDNA3 desktop cards (Navi 31).
    Gfx1100,
    /// Any AMD RDNA3 or RDNA3.5 device, through a generic code object.
    Gfx11Generic,
    /// NVIDIA Ampere.
    Sm80,
    /// NVIDIA Hopper.
    Sm90,
}

/// Who makes the device: decides the pipeline and the form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    /// Output is a linked ELF code object.
    Amd,
    /// Output is PTX text.
    Nvidia,
}

/// What one kernel may use before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Vector registers of one thread.
    pub registers: u32,
    /// Bytes of memory shared by one block, declared statically.
    pub shared_bytes: u32,
    /// Threads of one block.
    pub threads: u32,
}

/// What one device of a target can do at most, for limits of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Device {
    /// Its name.
    pub name: &'static str,
    /// Bytes a second to and from memory.
    pub bandwidth: f64,
    /// Cycles a second.
    pub clock: f64,
    /// Compute units.
    pub units: f64,
    /// Operations of eight bits that the matrix units of a compute unit do in a cycle; a multiplication and an addition are two.
    pub matrix: f64,
    /// As `matrix`, by dot products of four bytes.
    pub dot: f64,
    /// Operations in singles that a compute unit does in a cycle.
    pub float: f64,
}

impl Device {
    /// Operations a second of all units, of `each` a cycle and unit.
    pub fn rate(&self, each: f64) -> f64 {
        each * self.units * self.clock
    }
}

/// Of an RDNA3 compute unit. Matrix: AMD's table of WMMA rates ("How to accelerate AI applications on RDNA 3 using WMMA"). Dot: one instruction of 32
/// lanes a cycle on each of two SIMDs, eight operations a lane. Float: the same with two operations a lane, paired where the instructions allow it (VOPD).
const RDNA3: Device = Device { name: "", bandwidth: 0.0, clock: 0.0, units: 0.0, matrix: 512.0, dot: 512.0, float: 256.0 };

/// With dual-channel DDR5-5600: 16 bytes times 5.6e9.
const RADEON_780M: Device = Device { name: "Radeon 780M", bandwidth: 89.6e9, clock: 2.7e9, units: 12.0, ..RDNA3 };
const RX_7900_XTX: Device = Device { name: "Radeon RX 7900 XTX", bandwidth: 960e9, clock: 2.5e9, units: 96.0, ..RDNA3 };

struct Facts {
    name: &'static str,
    vendor: Vendor,
    triple: &'static str,
    chip: &'static str,
    /// The chip MLIR's own conversions know; it has no generic ones.
    chipset: &'static str,
    features: &'static str,
    /// Code object version times 100, as LLVM's module flag wants it.
    code_object: u32,
    /// The flags in the ELF header of its code objects.
    elf_flags: u32,
    /// Vector registers a SIMD holds for one lane of wave32, and the granule they are given out in.
    register_file: u32,
    register_granule: u32,
    limits: Limits,
    barrier: &'static str,
}

const AMD: Facts = Facts {
    name: "",
    vendor: Vendor::Amd,
    triple: "amdgcn-amd-amdhsa",
    chip: "",
    chipset: "",
    features: "",
    code_object: 500,
    elf_flags: 0,
    register_file: 1024,
    register_granule: 16,
    limits: Limits { registers: 256, shared_bytes: 65536, threads: 1024 },
    barrier: "amdgpu.lds_barrier",
};

const NVIDIA: Facts = Facts {
    name: "",
    vendor: Vendor::Nvidia,
    triple: "nvptx64-nvidia-cuda",
    chip: "",
    chipset: "",
    features: "",
    code_object: 0,
    elf_flags: 0,
    register_file: 0,
    register_granule: 0,
    limits: Limits { registers: 255, shared_bytes: 49152, threads: 1024 },
    barrier: "gpu.barrier",
};

static GFX1103: Facts = Facts { name: "hip:gfx1103", chip: "gfx1103", chipset: "gfx1103", elf_flags: 0x44, ..AMD };
static GFX1100: Facts =
    Facts { name: "hip:gfx1100", chip: "gfx1100", chipset: "gfx1100", elf_flags: 0x41, register_file: 1536, register_granule: 24, ..AMD };
static GFX11_GENERIC: Facts =
    Facts { name: "hip:gfx11-generic", chip: "gfx11-generic", chipset: "gfx1100", elf_flags: 0x0100_0054, code_object: 600, ..AMD };
static SM80: Facts = Facts { name: "cuda:sm_80", chip: "sm_80", features: "+ptx71", ..NVIDIA };
static SM90: Facts = Facts { name: "cuda:sm_90", chip: "sm_90", features: "+ptx80", ..NVIDIA };

impl Target {
    /// All targets, in the order of the `enum`.
    pub const ALL: [Self; 5] = [Self::Gfx1103, Self::Gfx1100, Self::Gfx11Generic, Self::Sm80, Self::Sm90];

    fn facts(self) -> &'static Facts {
        match self {
            Self::Gfx1103 => &GFX1103,
            Self::Gfx1100 => &GFX1100,
            Self::Gfx11Generic => &GFX11_GENERIC,
            Self::Sm80 => &SM80,
            Self::Sm90 => &SM90,
        }
    }

    /// The name users and artifacts know it by, such as `hip:gfx1103`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Who makes it.
    pub fn vendor(self) -> Vendor {
        self.facts().vendor
    }

    /// LLVM's name of the processor.
    pub fn chip(self) -> &'static str {
        self.facts().chip
    }

    /// The chip named to MLIR's conversions; of a generic target, one that stands for the family. Empty on NVIDIA.
    pub fn chipset(self) -> &'static str {
        self.facts().chipset
    }

    /// LLVM's target triple.
    pub fn triple(self) -> &'static str {
        self.facts().triple
    }

    /// LLVM's feature string; on NVIDIA it fixes the PTX version.
    pub fn features(self) -> &'static str {
        self.facts().features
    }

    /// The value of LLVM's module flag `amdhsa_code_object_version`; `None` on NVIDIA.
    pub fn code_object(self) -> Option<u32> {
        (self.vendor() == Vendor::Amd).then_some(self.facts().code_object)
    }

    /// The ELF flags of its code objects: the processor, and the version of a generic one; `None` on NVIDIA.
    pub fn elf_flags(self) -> Option<u32> {
        (self.vendor() == Vendor::Amd).then_some(self.facts().elf_flags)
    }

    /// Vector registers a SIMD holds for each lane of wave32, and the granule they are given out in; `None` on NVIDIA.
    ///
    /// After LLVM's `has1_5xVGPRs` (`AMDGPUBaseInfo`, feature `1_5xVGPRs` of gfx1100 and gfx1101, not of gfx1102, gfx1103 or gfx11-generic).
    pub fn register_file(self) -> Option<(u32, u32)> {
        (self.vendor() == Vendor::Amd).then_some((self.facts().register_file, self.facts().register_granule))
    }

    /// A device that limits of time are given for, where one is on record.
    pub fn device(self) -> Option<Device> {
        match self {
            Self::Gfx1103 => Some(RADEON_780M),
            Self::Gfx1100 => Some(RX_7900_XTX),
            Self::Gfx11Generic | Self::Sm80 | Self::Sm90 => None,
        }
    }

    /// What a kernel may use.
    pub fn limits(self) -> Limits {
        self.facts().limits
    }

    /// The operation that makes a block wait for all its threads and for their accesses to shared memory (not to global memory).
    pub fn barrier(self) -> &'static str {
        self.facts().barrier
    }

    /// Attributes of a `gpu.func` that fix the number of threads of a block, without braces.
    pub fn block(self, threads: u32) -> String {
        let known = format!("gpu.known_block_size = array<i32: {threads}, 1, 1>");
        match self.vendor() {
            Vendor::Amd => {
                format!("{known}, rocdl.flat_work_group_size = \"{threads},{threads}\", rocdl.reqd_work_group_size = array<i32: {threads}, 1, 1>")
            }
            Vendor::Nvidia => format!("{known}, nvvm.reqntid = array<i32: {threads}, 1, 1>"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|target| target.name() == name).ok_or_else(|| Error::UnknownTarget { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_refused_with_the_list() {
        for target in Target::ALL {
            assert_eq!(target.name().parse::<Target>().unwrap(), target);
        }
        let error = "hip:gfx906".parse::<Target>().unwrap_err().to_string();
        assert!(error.contains("hip:gfx906") && Target::ALL.iter().all(|target| error.contains(target.name())), "{error}");
    }
}
