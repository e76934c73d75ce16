//! Machines that times are foretold for. The machine that compiles is none of them: the same options give the same artifact everywhere.
//!
//! Where the figures come from:
//! - *peak*: the maker's sheet. The 780M's memory is two channels of DDR5-5600, 128 bits x 5.6 GT/s = 89.6 GB/s, shared with the host.
//! - *clpeak*: a public measurement of a Ryzen 7 8745HS with DDR5-5600 (the 780M's silicon): 73 GB/s, 3.0 to 4.7 TFLOPS by power limit.
//! - *H100*: `benches/runs/2026-11-23-h100`. A token of the E2B shape takes 1.80 ms there in some 420 launches; reading takes 0.42 of it, crossing is
//!   taken to be 0.03, and the rest is starting.
//! - *hosts*: two Zen 4 cores read 58 GB/s and multiply 455 G signed bytes a second (an EPYC; the same cores as the 780M's host); a token of Pebble on
//!   two Xeon cores takes 207 us for 246 commands and 6.6 MB (`benches/runs/2026-11-23-xeon-avx512`), which leaves about half a microsecond a command.
//! - *assumed*: nobody has measured it for these kernels.

use unicorn_kernels_gpu::target::Target;

/// What a processor does in a second, at best for work that is large enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Bytes that it reads.
    pub bytes: f64,
    /// Multiply-adds of signed bytes.
    pub macs: f64,
    /// Operations on f32; a multiply-add is two.
    pub flops: f64,
    /// Seconds that a command (on the host) or a launch (on a device) takes beside its work.
    pub start: f64,
}

impl Rates {
    /// Seconds for some work, beside starting it: reading and computing go on at once.
    pub fn seconds(&self, bytes: f64, macs: f64, flops: f64) -> f64 {
        (bytes / self.bytes).max(macs / self.macs + flops / self.flops)
    }
}

/// An NPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Npu {
    /// Cycles of its array in a second.
    pub hertz: f64,
    /// Bytes that memory gives it in a second, if the array asks for as many.
    pub bytes: f64,
    /// Seconds that a call takes beside its work.
    pub start: f64,
}

impl Npu {
    /// Seconds for a call.
    pub fn seconds(&self, cycles: f64, bytes: f64) -> f64 {
        self.start + (cycles / self.hertz).max(bytes / self.bytes)
    }
}

/// The NPU of a Phoenix: 1 GHz, the lower end of what the makers of tools say of it, and 37 us a call, as a public project measured on a Hawk Point from C++.
/// Memory as for the GPU beside it. Nobody has measured the kernels here: these figures only fill the table, no placement depends on them.
pub const NPU1: Npu = Npu { hertz: 1e9, bytes: 73e9, start: 37e-6 };

/// A machine with a GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Its name in tables.
    pub name: &'static str,
    /// The GPU.
    pub gpu: Rates,
    /// Bytes that the GPU can hold.
    pub memory: u64,
    /// The host.
    pub host: Rates,
    /// Seconds that a buffer takes to cross, beside its bytes: a copy, and on the way to the host a wait.
    pub cross: f64,
    /// Bytes that cross in a second.
    pub cross_bytes: f64,
}

/// Two of its cores; see the top.
const HOST: Rates = Rates { bytes: 58e9, macs: 455e9, flops: 230e9, start: 0.5e-6 };

/// clpeak; `v_dot4` on 12 x 64 lanes at 2.7 GHz (peak); start and crossing assumed. Memory: what Linux lets a GPU map of 32 GiB, half.
const R780M: Machine = Machine {
    name: "780m",
    gpu: Rates { bytes: 73e9, macs: 8.3e12, flops: 3.0e12, start: 5e-6 },
    memory: 16 << 30,
    host: HOST,
    cross: 20e-6,
    cross_bytes: 30e9,
};

/// Peak 960 GB/s, of which the share of the 780M is taken; 96 compute units at 2.5 GHz; PCIe 4.0 x16; start and crossing assumed.
const RX7900XTX: Machine = Machine {
    name: "rx7900xtx",
    gpu: Rates { bytes: 780e9, macs: 61e12, flops: 30e12, start: 5e-6 },
    memory: 24 << 30,
    host: HOST,
    cross: 20e-6,
    cross_bytes: 25e9,
};

/// Peak 1555 GB/s, of which the share of the H100 is taken; `dp4a` at peak; start as on the H100; PCIe 4.0 x16, crossing assumed.
const A100: Machine = Machine {
    name: "a100",
    gpu: Rates { bytes: 1400e9, macs: 39e12, flops: 19e12, start: 3.2e-6 },
    memory: 40 << 30,
    host: HOST,
    cross: 15e-6,
    cross_bytes: 25e9,
};

/// H100: a copy within the device moves 3026 GB/s; `dp4a` at peak; start from the token above; PCIe 5.0 x16, crossing assumed.
const H100: Machine = Machine {
    name: "h100",
    gpu: Rates { bytes: 3026e9, macs: 67e12, flops: 60e12, start: 3.2e-6 },
    memory: 80 << 30,
    host: HOST,
    cross: 15e-6,
    cross_bytes: 50e9,
};

/// The machine that an NPU is in.
pub const PHOENIX: &Machine = &R780M;

/// The machine that stands for a target.
pub fn of(target: Target) -> &'static Machine {
    match target {
        Target::Gfx1103 | Target::Gfx11Generic => &R780M,
        Target::Gfx1100 => &RX7900XTX,
        Target::Sm80 => &A100,
        Target::Sm90 => &H100,
    }
}
