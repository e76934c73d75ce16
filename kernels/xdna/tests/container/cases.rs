//! Designs made up from a seed: configurations, containers and streams of every kind of command. Not ones that an array could run.

use unicorn_kernels_xdna::container::address::{Address, Tile};
use unicorn_kernels_xdna::container::cdo::{Cdo, Command};
use unicorn_kernels_xdna::container::pdi::wrap;
use unicorn_kernels_xdna::container::txn::{Direction, Op, Txn};
use unicorn_kernels_xdna::container::xclbin::{Design, Xclbin};

/// SplitMix64, fixed for ever.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn word(&mut self) -> u32 {
        self.bits() as u32
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    pub fn words(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.word()).collect()
    }

    fn address(&mut self) -> Address {
        let tile = Tile { column: self.below(5) as u8, row: self.below(6) as u8 };
        tile.at(self.below(1 << 18) as u32 * 4)
    }
}

/// Three groups of the commands that tools write, among them runs of words at every alignment and around the length at which commands get longer.
pub fn groups(random: &mut Random) -> Vec<Vec<Command>> {
    let command = |random: &mut Random| {
        let address = random.address();
        match random.below(3) {
            0 => Command::Write { address, value: random.word() },
            1 => Command::MaskWrite { address, mask: random.word(), value: random.word() },
            _ => {
                let count = [2 + random.below(12), 2 + random.below(600), 250 + random.below(6)][random.below(3)];
                Command::DmaWrite { address, data: random.words(count) }
            }
        }
    };
    // No group is without commands; the last begins with a plain write, as tools' do.
    let mut groups: Vec<Vec<Command>> = (0..3).map(|_| (0..1 + random.below(12)).map(|_| command(random)).collect()).collect();
    for group in &mut groups {
        group.insert(0, Command::MaskWrite { address: random.address(), mask: 1, value: 0 });
    }
    groups
}

/// A container.
pub fn xclbin(random: &mut Random) -> Xclbin {
    let pdi = wrap(Cdo::assemble(&groups(random)));
    let starts = [1, 2, 3, 4];
    let start_columns = &starts[..1 + random.below(4)];
    Xclbin::npu1(Design { columns: 1, start_columns, pdi, kernel: "MADE_UP", instance: "ONE", buffers: 1 + random.below(5) as u32 }).expect("it fits")
}

/// A stream with every operation.
pub fn txn(random: &mut Random) -> Txn {
    let op = |random: &mut Random| {
        let (address, value, mask) = (random.address(), random.word(), random.word());
        match random.below(9) {
            0 => Op::Write { address, value },
            1 => Op::BlockWrite { tile: (address.tile().column, address.tile().row), address, data: random.words(value as usize % 20) },
            2 => Op::MaskWrite { address, value, mask },
            3 => Op::MaskPoll { address, value, mask },
            4 => Op::Noop,
            5 => Op::Preempt { level: value as u8 },
            6 => Op::LoadPdi { id: value as u16, size: mask, address: random.bits() },
            7 => {
                let direction = [Direction::S2mm, Direction::Mm2s][random.below(2)];
                let [row, column, rows, columns] = value.to_le_bytes();
                Op::Sync { direction, row, column, rows, columns, channel: mask as u8 }
            }
            _ => Op::Patch { register: address, argument: value, offset: random.bits() },
        }
    };
    Txn::npu1((0..1 + random.below(40)).map(|_| op(random)).collect())
}
