//! The NPU beside the CPU: which commands of an entry it does, and what the CPU does before, after, and in its place.

use super::{Cpu, RowInputs, Run, Shared};
use crate::hal::npu::Result;
use crate::hal::offload::Offload;
use crate::hal::pool::{Pool, share};
use crate::hal::roster::{Kind, OnFailure, Standing};
use crate::hal::sync::Phases;
use std::time::Instant;
use unicorn_artifact::command::Command;
use unicorn_artifact::tensor::matrix_scales;
use unicorn_kernels_cpu::int8;

/// An NPU that does some commands.
pub(super) struct Npu {
    pub offload: Offload,
    pub on_failure: OnFailure,
    /// By entry, in order.
    pub turns: Vec<Vec<Turn>>,
}

/// A command that the NPU does.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    command: usize,
    /// Its phase, with fewer rows than threads and with at least as many.
    pub phases: [usize; 2],
    /// The offload's number for it.
    call: usize,
}

impl Cpu {
    /// Gives it an NPU that does its calls of every entry; what becomes of a run whose call fails is said by `on_failure`.
    pub fn set_npu(&mut self, offload: Offload, on_failure: OnFailure) {
        let plan = &self.shared.plan;
        let mut turns = Vec::new();
        for (number, entry) in plan.entries.iter().enumerate() {
            // A fragment has some commands of an entry, at other places.
            let (of, kept) = match number.checked_sub(self.own) {
                Some(fragment) => (self.fragments[fragment].0, Some(&self.fragments[fragment].1)),
                None => (number, None),
            };
            let place = |command: u32| kept.map_or(Some(command as usize), |kept| kept.iter().position(|c| *c == command));
            let mut calls: Vec<(usize, usize)> = offload.calls(of).iter().filter_map(|(command, call)| Some((place(*command)?, *call))).collect();
            calls.sort_unstable();
            let alone: Vec<usize> = calls.iter().map(|(command, _)| *command).collect();
            let phases = [false, true].map(|many| Phases::new(plan, entry, many, &alone));
            let phase = |phases: &Phases, command: usize| phases.phases.iter().position(|p| p.commands.contains(&command)).unwrap_or_default();
            let turn = |&(command, call): &(usize, usize)| Turn { command, phases: [0, 1].map(|many| phase(&phases[many], command)), call };
            turns.push(calls.iter().map(turn).collect());
            self.shared.phases[number] = phases;
        }
        let most = self.shared.phases.iter().flatten().map(|p| p.phases.len()).max().unwrap_or(0);
        self.counts.reserve(most.saturating_sub(self.counts.len()));
        self.roster.set(Kind::Npu, Standing::Runs(offload.name().to_owned()));
        self.npu = Some(Npu { offload, on_failure, turns });
    }

    /// What becomes of a run whose call fails, from now on.
    pub fn on_npu_failure(&mut self, on_failure: OnFailure) {
        if let Some(npu) = &mut self.npu {
            npu.on_failure = on_failure;
        }
    }

    /// Goes on without the NPU.
    pub fn without_npu(&mut self) {
        self.npu = None;
        self.roster.set(Kind::Npu, Standing::Unused);
    }

    /// The NPU, if it has one.
    pub fn npu(&self) -> Option<&Offload> {
        self.npu.as_ref().map(|npu| &npu.offload)
    }
}

impl Shared {
    /// What a [`Command::MatMulInt8`] does, its sums by an NPU.
    pub(super) fn product(&self, offload: &mut Offload, number: usize, turn: Turn, rows: usize, pool: &mut Pool) -> Result<()> {
        let entry = &self.plan.entries[number];
        let Command::MatMulInt8 { input, weight, out } = &entry.commands[turn.command] else { return Ok(()) };
        let since = Instant::now();
        let run = Run { device: self, entry, inputs: RowInputs::NONE, rows, part: 0, parts: 1 };
        let ((weight, data), (codes, stride, cols)) = (self.weight(*weight), run.buffer(*input));
        let scales = matrix_scales(weight.rows as usize, weight.cols as usize).unwrap_or(0);
        // SAFETY: a matrix has a scale for each of its rows behind its codes; weights begin at multiples of 64 bytes.
        let scales = unsafe { std::slice::from_raw_parts(data.add(scales).cast::<f32>(), weight.rows as usize) };
        // SAFETY: the row lies in the input, which is validated to have as many codes as the weight has columns; nobody writes it meanwhile.
        let codes = |row: usize| unsafe { std::slice::from_raw_parts(codes.add(row * stride).cast::<i8>(), cols) };
        offload.run(turn.call, rows, codes, |some, sums, step| {
            let parts = pool.threads().min(some.len());
            pool.run(&[parts as u16], &|_, part, _| {
                for at in share(some.len(), 1, part, parts) {
                    let row = some.start + at;
                    // SAFETY: as above; a row's scale follows its codes.
                    let scale = unsafe { run.buffer(*input).0.add(row * stride + cols).cast::<f32>().read_unaligned() };
                    // SAFETY: the row is f32, and this part's alone: the product is a phase of its own.
                    let to = unsafe { run.row_mut(*out, row) };
                    int8::scale(&sums[at * step..][..to.len()], scales, scale, to);
                }
            });
        })?;
        if let Some(profile) = &self.profile {
            profile.offloaded(number, turn.command, since);
        }
        Ok(())
    }
}
