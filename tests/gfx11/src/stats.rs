//! Instruction statistics: what launches executed, by class. Instructions are counted by wave, so one of a full wave works on 32 lanes.

use crate::isa::{Body, Packed, Segment, Sopp};
use crate::launch::{Counts, Shape};
use crate::object::Kernel;
use std::time::Duration;

/// What an instruction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Scalar arithmetic.
    Scalar,
    /// Scalar loads.
    ScalarLoad,
    /// Branches.
    Branch,
    /// Barriers.
    Barrier,
    /// Waits, hints, the end.
    Control,
    /// Vector arithmetic; two at once are one.
    Vector,
    /// Dot products.
    Dot,
    /// Products of matrices.
    Matrix,
    /// Loads of 16 bytes a lane from the device's memory.
    WideLoad,
    /// Other loads from there.
    Load,
    /// Stores there.
    Store,
    /// Atomics there.
    Atomic,
    /// Accesses to the workgroup's memory, exchanges between lanes included.
    Shared,
    /// Accesses to private memory: spills.
    Private,
}

impl Class {
    /// All, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::Vector,
        Self::Dot,
        Self::Matrix,
        Self::Shared,
        Self::WideLoad,
        Self::Load,
        Self::Store,
        Self::Atomic,
        Self::Scalar,
        Self::ScalarLoad,
        Self::Branch,
        Self::Barrier,
        Self::Control,
        Self::Private,
    ];

    /// The class of an instruction.
    pub const fn of(body: &Body) -> Self {
        match body {
            Body::Sop2(..) | Body::Sop1(..) | Body::Sopc(..) | Body::Sopk(..) => Self::Scalar,
            Body::Smem(..) => Self::ScalarLoad,
            Body::Sopp(op, _) => match op {
                Sopp::Barrier => Self::Barrier,
                Sopp::Branch
                | Sopp::CbranchScc0
                | Sopp::CbranchScc1
                | Sopp::CbranchVccz
                | Sopp::CbranchVccnz
                | Sopp::CbranchExecz
                | Sopp::CbranchExecnz => Self::Branch,
                _ => Self::Control,
            },
            Body::Vop(..) | Body::Compare(..) | Body::Dual(..) => Self::Vector,
            Body::Packed(op, _) => match op {
                Packed::Dot2F32F16 | Packed::Dot2F32Bf16 | Packed::Dot4I32Iu8 | Packed::Dot4U32U8 | Packed::Dot8I32Iu4 | Packed::Dot8U32U4 => {
                    Self::Dot
                }
                Packed::WmmaF32F16 | Packed::WmmaF32Bf16 | Packed::WmmaF16F16 | Packed::WmmaBf16Bf16 | Packed::WmmaI32Iu8 | Packed::WmmaI32Iu4 => {
                    Self::Matrix
                }
                _ => Self::Vector,
            },
            Body::Ds(..) => Self::Shared,
            Body::Global(access) => match (access.segment, access.op.is_atomic(), access.op.src().is_empty()) {
                (Segment::Scratch, ..) => Self::Private,
                (_, true, _) => Self::Atomic,
                (_, _, false) => Self::Store,
                (..) => {
                    if access.op.dst().registers() == 4 {
                        Self::WideLoad
                    } else {
                        Self::Load
                    }
                }
            },
            Body::Invalidate(_) => Self::Control,
        }
    }
}

/// What all launches of a kernel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Launches.
    pub launches: u64,
    /// Workgroups.
    pub groups: u64,
    /// Waves.
    pub waves: u64,
    /// Instructions by wave, in the order of [`Class::ALL`].
    pub executed: [u64; Class::ALL.len()],
    /// Bytes that lanes loaded from the device's memory.
    pub loaded: u64,
    /// Bytes that lanes stored there.
    pub stored: u64,
    /// Time of the host.
    pub time: Duration,
}

impl Stats {
    /// The line above the rows.
    pub const HEADING: &str = "launches   groups    waves |    vector       dot    matrix    shared   load128      load     store    atomic |    scalar  \
         sload    branch   barrier   control   private | loaded bytes stored bytes   host ms kernel";

    /// Adds a launch.
    pub fn add(&mut self, kernel: &Kernel, shape: &Shape, counts: &Counts, time: Duration) {
        let groups = shape.grid.iter().map(|n| u64::from(*n)).product::<u64>();
        self.launches += 1;
        self.groups += groups;
        self.waves += groups * u64::from(shape.block.iter().product::<u32>().div_ceil(32));
        for (inst, count) in kernel.program.code.iter().zip(&counts.executed) {
            let class = Class::of(&inst.body);
            if let Some(place) = Class::ALL.iter().position(|c| *c == class) {
                self.executed[place] += count;
            }
        }
        self.loaded += counts.loaded;
        self.stored += counts.stored;
        self.time += time;
    }

    /// Adds what another kernel did.
    pub fn sum(&mut self, other: &Self) {
        self.launches += other.launches;
        self.groups += other.groups;
        self.waves += other.waves;
        for (mine, theirs) in self.executed.iter_mut().zip(other.executed) {
            *mine += theirs;
        }
        self.loaded += other.loaded;
        self.stored += other.stored;
        self.time += other.time;
    }

    /// How many instructions of a class, by wave.
    pub fn of(&self, class: Class) -> u64 {
        Class::ALL.iter().position(|c| *c == class).map_or(0, |place| self.executed[place])
    }

    /// A row of the table.
    pub fn row(&self, name: &str) -> String {
        let mut text = format!("{:8} {:8} {:8} |", self.launches, self.groups, self.waves);
        for (i, count) in self.executed.iter().enumerate() {
            text += &format!(" {count:9}{}", if i == 7 { " |" } else { "" });
        }
        text + &format!(" | {:12} {:12} {:9.2} {name}", self.loaded, self.stored, self.time.as_secs_f64() * 1e3)
    }
}
