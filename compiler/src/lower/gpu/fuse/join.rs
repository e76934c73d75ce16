//! Launches that take in what would be one of its own: a region that one block could run, or heads that do not wait for the product before them.

use super::{Bound, Work};
use unicorn_artifact::command::BufferId;
use unicorn_artifact::gpu::{Argument, Launch, Stage};
use unicorn_artifact::region::Region;
use unicorn_kernels_gpu::finale::Finale;
use unicorn_kernels_gpu::op::Op;
use unicorn_kernels_gpu::region::Slot;

/// Most arguments of a launch that takes another in; the runtime passes up to 32.
const MOST_ARGUMENTS: usize = 32;
/// A region of more operations than this costs its kernel registers, which the blocks before it would miss if there are more of them than
/// [`MANY_BLOCKS`].
const SMALL_REGION: usize = 24;
/// About as many blocks as run at once when each takes a whole multiprocessor.
const MANY_BLOCKS: u32 = 160;

impl Work<'_, '_> {
    /// Gives a region to the launch just made, if one block could run it and that launch has a place for it. Whatever it reads is there by then: launches
    /// run in order, and its last block runs when all of it is done.
    pub(super) fn absorb(&mut self, region: &Region, slots: &[Slot], grid: [u32; 3], arguments: &[Argument], bound: &Bound) -> bool {
        let ready = bound.read.iter().all(|&id| self.on_device[id as usize]);
        let Some(Stage::Device(launches)) = self.stages.last_mut() else { return false };
        let Some(Launch { kernel, grid: before, arguments: given, commands }) = launches.last_mut() else { return false };
        let crowded = before[0] > MANY_BLOCKS && region.ops.len() > SMALL_REGION;
        if self.entry.rows != 1 || grid != [1, 1, 1] || !ready || crowded || given.len() + arguments.len() >= MOST_ARGUMENTS {
            return false;
        }
        let made = Finale { region: region.clone(), slots: slots.to_vec() };
        match &mut self.ops[*kernel as usize] {
            Op::Matvec(spec) if spec.epilogue.is_none() && spec.finale.is_none() => {
                spec.finale = Some(made);
                before[0] = spec.blocks();
            }
            Op::SparseDown { finale, .. } if finale.is_none() => *finale = Some(made),
            _ => return false,
        }
        given.push(Argument::Counters(0));
        given.extend(arguments);
        commands.extend(bound.commands.iter().map(|&c| c as u32));
        commands.sort_unstable();
        self.lowering.gpu.counter_bytes = self.lowering.gpu.counter_bytes.max(4);
        self.account(arguments, &bound.commands, &bound.written);
        true
    }

    /// Puts heads beside the product just launched, if they read nothing of it and its blocks have as many threads.
    pub(super) fn beside(
        &mut self,
        op: &Op,
        grid: [u32; 3],
        arguments: &[Argument],
        commands: &[usize],
        read: &[BufferId],
        written: &[BufferId],
    ) -> bool {
        let ready = read.iter().all(|&id| self.on_device[id as usize]);
        let Some(Stage::Device(launches)) = self.stages.last_mut() else { return false };
        let Some(launch) = launches.last_mut() else { return false };
        let independent = read.iter().chain(written).all(|&id| launch.arguments.iter().all(|a| a.buffer() != Some(id)));
        let first = &mut self.ops[launch.kernel as usize];
        let fits = self.entry.rows == 1 && first.fits_beside(op) && launch.arguments.len() + arguments.len() <= MOST_ARGUMENTS;
        if !(fits && ready && independent) {
            return false;
        }
        *first = Op::Beside(Box::new((first.clone(), op.clone())));
        launch.grid[0] += grid[0];
        launch.arguments.extend(&arguments[1..]);
        launch.commands.extend(commands.iter().map(|&c| c as u32));
        launch.commands.sort_unstable();
        launch.commands.dedup();
        self.account(arguments, commands, written);
        true
    }

    /// What is used, done and made.
    pub(super) fn account(&mut self, arguments: &[Argument], commands: &[usize], written: &[BufferId]) {
        for argument in arguments {
            match argument {
                Argument::Weight(id) => self.lowering.gpu.weights[*id as usize] = true,
                Argument::State(id) => self.lowering.gpu.states[*id as usize] = true,
                _ => {}
            }
        }
        commands.iter().for_each(|&c| self.done[c] = true);
        for &id in written {
            self.on_device[id as usize] = true;
            self.on_host[id as usize] = false;
        }
    }
}
