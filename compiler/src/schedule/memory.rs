//! The static memory plan: an arena offset for every buffer of every entry.
//!
//! Buffers live from the first command that writes them to the last that reads them. Largest first, each takes the lowest address at which it overlaps
//! no buffer whose life crosses its own.

use unicorn_artifact::command::BufferId;
use unicorn_artifact::plan::{ALIGN, Buffer, Entry};
use unicorn_artifact::region::Region;

/// Gives every buffer of `entry` an offset at or above `floor`, but for those in `pinned`, which keep theirs. Returns the end of the highest one.
pub fn place(entry: &mut Entry, regions: &[Region], floor: u64, pinned: &[BufferId]) -> u64 {
    let lives = lives(entry, regions);
    let bytes = |b: &Buffer| (b.row_bytes() * u64::from(entry.rows)).next_multiple_of(ALIGN);
    let sizes: Vec<u64> = entry.buffers.iter().map(bytes).collect();
    let free: Vec<usize> = (0..entry.buffers.len()).filter(|&at| !pinned.contains(&(at as BufferId))).collect();
    let pick = |all: &[u64]| free.iter().map(|&at| all[at]).collect::<Vec<_>>();
    let spans: Vec<(usize, usize)> = free.iter().map(|&at| lives[at]).collect();
    let (offsets, end) = assign(&pick(&sizes), &spans, floor);
    for (&at, offset) in free.iter().zip(offsets) {
        entry.buffers[at].offset = offset;
    }
    end
}

/// A place at or above `floor` for each of several things with a size and a life (first and last moment). Returns the places and the highest end.
pub fn assign(sizes: &[u64], lives: &[(usize, usize)], floor: u64) -> (Vec<u64>, u64) {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(sizes[at]), at));
    let mut offsets = vec![0; sizes.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut end = floor;
    for at in order {
        let mut taken: Vec<(u64, u64)> = placed
            .iter()
            .filter(|&&other| lives[other].0 <= lives[at].1 && lives[at].0 <= lives[other].1)
            .map(|&other| (offsets[other], offsets[other] + sizes[other]))
            .collect();
        taken.sort_unstable();
        let mut offset = floor;
        for (start, stop) in taken {
            if offset + sizes[at] <= start {
                break;
            }
            offset = offset.max(stop);
        }
        offsets[at] = offset;
        end = end.max(offset + sizes[at]);
        placed.push(at);
    }
    (offsets, end)
}

/// First and last command that touch each buffer; the logits live to the end.
fn lives(entry: &Entry, regions: &[Region]) -> Vec<(usize, usize)> {
    let mut lives = vec![(usize::MAX, 0); entry.buffers.len()];
    for (at, command) in entry.commands.iter().enumerate() {
        let (read, written) = command.buffers(regions);
        for id in read.into_iter().chain(written) {
            let life = &mut lives[id as usize];
            *life = (life.0.min(at), at);
        }
    }
    if let Some(logits) = entry.logits {
        lives[logits as usize].1 = entry.commands.len();
    }
    lives
}
