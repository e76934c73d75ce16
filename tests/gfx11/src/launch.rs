//! Launches: the workgroups of a grid spread over the host's threads, the waves of a workgroup one after the other between barriers.

use crate::exec::{Fault, JUNK, Lanes, Reach, Stop, Wave, run};
use crate::object::{Filled, Kernel};
use crate::space::View;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a workgroup's memory at most.
pub const MOST_SHARED: u32 = 65536;

/// The shape of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Workgroups along the axes.
    pub grid: [u32; 3],
    /// Lanes of a workgroup along the axes.
    pub block: [u32; 3],
    /// Bytes of dynamic memory of a workgroup.
    pub shared: u32,
}

/// How launches run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Threads at most.
    pub threads: usize,
    /// Instructions of one wave at most.
    pub limit: u64,
    /// Whether every use of a register must come behind a wait for what was loaded into it, as on a real device.
    pub strict: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threads: std::thread::available_parallelism().map_or(1, usize::from), limit: 1 << 34, strict: false }
    }
}

/// What a launch did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// How often each instruction was executed, by wave.
    pub executed: Vec<u64>,
    /// Bytes that lanes loaded from the device's memory.
    pub loaded: u64,
    /// Bytes that lanes stored there.
    pub stored: u64,
}

/// Where and why a launch failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kernel `{kernel}`, workgroup {group:?}, wave {wave}, byte {at:#x}: `{text}`: {fault}")]
pub struct Failure {
    /// The kernel.
    pub kernel: String,
    /// The workgroup.
    pub group: [u32; 3],
    /// The wave in it.
    pub wave: usize,
    /// Bytes from the kernel's first instruction.
    pub at: u32,
    /// The instruction.
    pub text: String,
    /// What is wrong.
    pub fault: Fault,
}

/// A launch that cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// No lanes, or more than the kernel was made for.
    #[error("{lanes} lanes in a workgroup; from 1 to {most} are possible")]
    Lanes {
        /// What was asked for.
        lanes: u64,
        /// What the kernel allows.
        most: u32,
    },
    /// No workgroups.
    #[error("no workgroups")]
    Grid,
    /// More memory of the workgroup than there is.
    #[error("{0} bytes of a workgroup's memory; there are {MOST_SHARED}")]
    Shared(u64),
}

/// The argument block of a launch, from the caller's values in order.
///
/// # Safety
/// Each of `values` points to as many bytes as the kernel's next argument has.
pub unsafe fn argument_block(kernel: &Kernel, shape: &Shape, values: &[*const u8]) -> Option<Vec<u64>> {
    let mut block = vec![0u64; kernel.argument_bytes.div_ceil(8).max(1)];
    let mut values = values.iter();
    for argument in &kernel.arguments {
        // SAFETY: reading was checked to be inside the block when the kernel was read.
        let to = unsafe { block.as_mut_ptr().cast::<u8>().add(argument.offset) };
        let put = |value: u32| {
            let bytes = value.to_le_bytes();
            // SAFETY: as above.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), argument.size.min(4)) };
        };
        match argument.filled {
            Filled::Caller => {
                let from = *values.next()?;
                // SAFETY: as above, and the caller's promise.
                unsafe { to.copy_from_nonoverlapping(from, argument.size) };
            }
            Filled::Blocks(axis) => put(shape.grid[axis]),
            Filled::Lanes(axis) => put(shape.block[axis]),
            Filled::Axes => put(3),
            Filled::DynamicShared => put(shape.shared),
            Filled::Zero => {}
        }
    }
    Some(block)
}

/// Checks a launch's shape.
///
/// # Errors
/// [`ShapeError`].
pub fn check(kernel: &Kernel, shape: &Shape) -> Result<(), ShapeError> {
    let lanes = shape.block.iter().map(|n| u64::from(*n)).product::<u64>();
    if lanes == 0 || lanes > u64::from(kernel.most_lanes) {
        return Err(ShapeError::Lanes { lanes, most: kernel.most_lanes });
    }
    if shape.grid.contains(&0) {
        return Err(ShapeError::Grid);
    }
    let shared = u64::from(kernel.shared) + u64::from(shape.shared);
    if shared > u64::from(MOST_SHARED) { Err(ShapeError::Shared(shared)) } else { Ok(()) }
}

/// A launch under way, as all threads see it.
struct Launch<'a> {
    kernel: &'a Kernel,
    shape: &'a Shape,
    view: &'a View,
    /// The argument block, and behind it the packet that a queue would hold, of which only the sizes are filled.
    arguments: Vec<u64>,
    settings: Settings,
    next: AtomicU64,
    groups: u64,
    outcome: Mutex<(Counts, Option<Box<Failure>>)>,
}

/// Runs a launch to its end.
///
/// # Errors
/// [`Failure`] of the first wave that failed.
pub fn launch(kernel: &Kernel, shape: &Shape, arguments: &[u64], view: &View, settings: Settings) -> Result<Counts, Box<Failure>> {
    let [x, y, z] = shape.grid.map(u64::from);
    let mut packet = [0; 8];
    let [bx, by, bz] = shape.block.map(u64::from);
    packet[0] = bx << 32 | by << 48;
    packet[1] = bz | (x * bx) << 32;
    packet[2] = (y * by) | ((z * bz) << 32);
    let outcome = Mutex::new((Counts { executed: vec![0; kernel.program.code.len()], ..Counts::default() }, None));
    let arguments = [arguments, &packet].concat();
    let all = Launch { kernel, shape, view, arguments, settings, next: AtomicU64::new(0), groups: x * y * z, outcome };
    let threads = u64::try_from(settings.threads).unwrap_or(1).clamp(1, all.groups);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| all.work());
        }
        all.work();
    });
    let (counts, failure) = all.outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failure.map_or(Ok(counts), Err)
}

impl Launch<'_> {
    /// Takes workgroups until there are none.
    fn work(&self) {
        let start = self.arguments.as_ptr() as u64;
        let mut reach = Reach::new(self.view, (start, start + 8 * self.arguments.len() as u64));
        let lanes = self.shape.block.iter().product::<u32>();
        let mut waves = vec![Wave::new(); lanes.div_ceil(32) as usize];
        let mut lds = vec![0; (self.kernel.shared + self.shape.shared) as usize];
        let mut counts = Counts { executed: vec![0; self.kernel.program.code.len()], ..Counts::default() };
        let mut failed = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.groups {
                break;
            }
            let [x, y] = [self.shape.grid[0], self.shape.grid[1]].map(u64::from);
            let group = [number % x, number / x % y, number / x / y].map(|n| n as u32);
            if let Err(failure) = self.group(group, &mut waves, &mut lds, &mut reach, &mut counts.executed) {
                failed = Some(failure);
                self.next.store(self.groups, Ordering::Relaxed);
                break;
            }
        }
        let mut outcome = self.outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (sum, count) in outcome.0.executed.iter_mut().zip(&counts.executed) {
            *sum += count;
        }
        outcome.0.loaded += reach.loaded;
        outcome.0.stored += reach.stored;
        if outcome.1.is_none() {
            outcome.1 = failed;
        }
    }

    fn group(&self, group: [u32; 3], waves: &mut [Wave], lds: &mut [u8], reach: &mut Reach<'_>, counts: &mut [u64]) -> Result<(), Box<Failure>> {
        for (i, wave) in waves.iter_mut().enumerate() {
            self.begin(group, i, wave);
        }
        lds.fill(0xCD);
        // What each wave last stopped at; the barrier opens when none has a turn left.
        let mut stops = vec![Stop::Turn; waves.len()];
        loop {
            for (i, wave) in waves.iter_mut().enumerate().filter(|(i, _)| stops[*i] == Stop::Turn).collect::<Vec<_>>() {
                stops[i] = run(&self.kernel.program, wave, lds, reach, counts, self.settings.limit).map_err(|fault| {
                    let inst = self.kernel.program.code.get(wave.pc.wrapping_sub(1));
                    let at =
                        inst.map_or_else(|| self.kernel.program.code.last().map_or(0, |last| last.at + 4 * u32::from(last.words)), |inst| inst.at);
                    let text = inst.map_or_else(String::new, ToString::to_string);
                    Box::new(Failure { kernel: self.kernel.name.clone(), group, wave: i, at, text, fault })
                })?;
            }
            if stops.iter().all(|stop| *stop == Stop::End) {
                return Ok(());
            }
            if !stops.contains(&Stop::Turn) {
                stops.iter_mut().filter(|stop| **stop == Stop::Barrier).for_each(|stop| *stop = Stop::Turn);
            }
        }
    }

    /// Registers as the hardware sets them up.
    fn begin(&self, group: [u32; 3], index: usize, wave: &mut Wave) {
        let setup = &self.kernel.setup;
        (wave.pc, wave.scc, wave.flush, wave.steps) = (0, false, setup.flush, 0);
        wave.watch = self.settings.strict.then(Box::default);
        wave.scratch.clear();
        wave.scratch.resize(32 * self.kernel.private as usize, 0);
        wave.s = [0; 128];
        if let Some(n) = setup.dispatch {
            wave.set_s64(n, self.arguments[self.arguments.len() - 8..].as_ptr() as u64);
        }
        if let Some(n) = setup.arguments {
            wave.set_s64(n, self.arguments.as_ptr() as u64);
        }
        let mut next = setup.user;
        for (axis, on) in setup.group.into_iter().enumerate() {
            if on {
                wave.set_s(next, group[axis]);
                next += 1;
            }
        }
        let [x, y, z] = self.shape.block;
        let lanes = x * y * z - 32 * index as u32;
        wave.s[usize::from(crate::isa::register::EXEC)] = if lanes >= 32 { u32::MAX } else { (1 << lanes) - 1 };
        for row in &mut wave.v[..usize::from(self.kernel.registers)] {
            *row = [JUNK; 32];
        }
        let ids: Lanes = std::array::from_fn(|l| {
            let id = 32 * index as u32 + l as u32;
            (id % x) | ((id / x % y) << 10) | (id / x / y) << 20
        });
        wave.v[0] = ids;
    }
}
