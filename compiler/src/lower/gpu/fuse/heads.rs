//! Heads: norms, rotation and storing of keys and values; attention.

use super::Work;
use crate::Result;
use unicorn_artifact::command::{BufferId, Command};
use unicorn_artifact::gpu::Argument;
use unicorn_kernels_gpu::attention::{self, tile};
use unicorn_kernels_gpu::heads::{Goal, Heads, Ring};
use unicorn_kernels_gpu::op::Op;

/// Positions of a key head that one block takes before another is worth its start.
const PART_POSITIONS: u32 = 64;
/// Most blocks that share the positions of a row and key head.
const MOST_PARTS: u32 = 16;
/// Rows of an entry from which on those that follow each other in a slot go to the matrix units, many together. With fewer, tiles are too few for a device.
const TILED_ROWS: u32 = 128;
/// Blocks that a launch wants at least: about one for each unit of a large device.
const WANTED: u32 = 128;

impl Work<'_, '_> {
    /// All head norms that are ready, with the append that follows them.
    pub(super) fn heads(&mut self, at: usize) -> Result<()> {
        let entry = self.entry;
        let ready = |this: &Self, c: usize| !this.done[c] && this.on_gpu[c];
        // The append that reads this norm, or the one that reads a norm standing beside it; a tail has none.
        let beside: Vec<usize> = (at..entry.commands.len())
            .take_while(|&c| matches!(entry.commands[c], Command::HeadNorm { .. } | Command::RopeTable { .. } | Command::KvAppend { .. }))
            .filter(|&c| ready(self, c))
            .collect();
        let append = beside.iter().copied().find(|&c| matches!(entry.commands[c], Command::KvAppend { .. }));
        let goals = match append.map(|c| &entry.commands[c]) {
            Some(Command::KvAppend { state, key, value }) => Some((*state, *key, *value)),
            _ => None,
        };
        let members: Vec<usize> = beside
            .iter()
            .copied()
            .take_while(|&c| append.is_none_or(|a| c < a))
            .filter(|&c| matches!(entry.commands[c], Command::HeadNorm { .. }))
            .collect();
        let mut state = goals.map(|g| g.0);
        let (mut runs, mut arguments) = (vec![], vec![]);
        let (mut commands, mut read, mut written) = (members.clone(), vec![], vec![]);
        let mut table = None;
        let (mut dim, mut eps) = (0, 0.0);
        for &member in &members {
            let Command::HeadNorm { input, head_dim, epsilon, weight, table: rotation, out } = &entry.commands[member] else { continue };
            let goal = match goals {
                Some((_, key, _)) if key == *out => Goal::Keys,
                Some((_, _, value)) if value == *out => Goal::Values,
                _ => Goal::Buffer,
            };
            if goal != Goal::Buffer && self.readers[*out as usize].len() > 1 {
                return Err(self.unsupported(member, "keys or values that are read elsewhere too"));
            }
            if let Some(rotation) = rotation {
                let maker = entry.commands.iter().position(|c| matches!(c, Command::RopeTable { out, .. } if out == rotation));
                let Some((maker, Command::RopeTable { theta, .. })) = maker.map(|m| (m, &entry.commands[m])) else {
                    return Err(self.unsupported(member, "a rotation by something else than a table"));
                };
                commands.push(maker);
                table = Some(*theta);
            }
            (dim, eps) = (*head_dim, *epsilon);
            runs.push(Heads { count: self.width(*input) / head_dim, weighted: weight.is_some(), rotated: rotation.is_some(), goal });
            arguments.push(Argument::Buffer(*input));
            arguments.extend(weight.map(Argument::Weight));
            read.push(*input);
            if goal == Goal::Buffer {
                arguments.push(Argument::Buffer(*out));
                written.push(*out);
            }
        }
        commands.extend(append);
        // A tail writes no state; any serves to fill the parameter.
        if state.is_none() && !self.lowering.plan.states.is_empty() {
            state = Some(0);
        }
        let Some(state) = state else { return Err(self.unsupported(at, "a model without keys and values")) };
        let ring = self.ring(state);
        if dim != ring.head_dim || !dim.is_multiple_of(2) {
            return Err(self.unsupported(at, &format!("heads of {dim} beside keys of {}", ring.head_dim)));
        }
        let table = self.lowering.table(table.unwrap_or(10_000.0), dim);
        let mut list = vec![Argument::Inputs, table, Argument::State(state)];
        list.append(&mut arguments);
        let grid = [runs.iter().map(|r: &Heads| r.count).sum(), entry.rows, 1];
        let op = Op::Heads { runs, ring, epsilon: eps, most: self.most };
        if !self.beside(&op, grid, &list, &commands, &read, &written) {
            self.launch(op, grid, list, &commands, &read, &written);
        }
        Ok(())
    }

    fn ring(&self, state: u32) -> Ring {
        let state = &self.lowering.plan.states[state as usize];
        Ring { heads: state.kv_heads, head_dim: state.head_dim, capacity: state.capacity }
    }

    pub(super) fn attention(&mut self, at: usize, (state, query, out): (u32, BufferId, BufferId), window: u32, scale: f32) -> Result<()> {
        let ring = self.ring(state);
        let heads = self.width(query) / ring.head_dim;
        let (twin, keep) = self.outcome(out);
        let seen = if window == 0 { ring.capacity } else { window.min(ring.capacity) };
        let wanted = WANTED / (self.entry.rows * ring.heads).max(1);
        let parts = wanted.min(seen / PART_POSITIONS).clamp(1, MOST_PARTS);
        let keep = keep || twin.is_none();
        let (rows, most, quantise) = (self.entry.rows, self.most, twin.is_some());
        let mut spec = attention::Spec { ring, heads, window, scale, parts, keep, quantise, rows, most, tiled: false };
        if let Some(why) = spec.refusal() {
            return Err(self.unsupported(at, &why));
        }
        let mut arguments = vec![Argument::Inputs, Argument::Buffer(query), Argument::State(state)];
        let (mut commands, mut written) = (vec![at], vec![]);
        if keep {
            arguments.push(Argument::Buffer(out));
            written.push(out);
        }
        if let Some((quantise, twin)) = twin {
            arguments.push(Argument::Buffer(twin));
            written.push(twin);
            commands.push(quantise);
        }
        if parts > 1 {
            arguments.extend([Argument::Scratch(0), Argument::Counters(0)]);
            let gpu = &mut self.lowering.gpu;
            gpu.scratch_bytes = gpu.scratch_bytes.max(u64::from(spec.scratch_floats()) * 4 * u64::from(self.entry.rows));
            gpu.counter_bytes = gpu.counter_bytes.max(u64::from(ring.heads) * 4 * u64::from(self.entry.rows));
        }
        let mut grid = [parts * ring.heads, rows];
        spec.tiled = rows >= TILED_ROWS && tile::fits(&spec);
        if spec.tiled {
            let [x, y] = tile::grid(&spec);
            self.launch(Op::AttentionTile(spec), [x, y, 1], arguments.clone(), &commands, &[query], &written);
            grid = tile::rest_grid(&spec);
        }
        self.launch(Op::Attention(spec), [grid[0], grid[1], 1], arguments, &commands, &[query], &written);
        Ok(())
    }
}
