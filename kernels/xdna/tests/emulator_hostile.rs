//! Damaged containers, configurations, programs and streams: every run ends with a report or a diagnosis, none hangs or panics.

mod emulator_common;

use emulator_common::{BLOCK, adder, container};
use std::path::PathBuf;
use unicorn_kernels_xdna::container::cdo::{Cdo, Command};
use unicorn_kernels_xdna::container::txn::{Op, Txn};
use unicorn_kernels_xdna::container::xclbin::Xclbin;
use unicorn_kernels_xdna::emulator::*;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
    fn bit(&mut self) -> u32 {
        1 << self.below(32)
    }
}

/// How the runs ended.
#[derive(Debug, Default)]
struct Ends {
    unreadable: u32,
    done: u32,
    deadlock: u32,
    limit: u32,
    bundle: u32,
    access: u32,
    other: u32,
}

impl Ends {
    fn count(&mut self, end: Result<(), Diagnosis>) {
        *match end {
            Ok(()) => &mut self.done,
            Err(Diagnosis::Deadlock { .. }) => &mut self.deadlock,
            Err(Diagnosis::Limit { .. }) => &mut self.limit,
            Err(Diagnosis::Bundle { .. }) => &mut self.bundle,
            Err(Diagnosis::Access { .. }) => &mut self.access,
            Err(_) => &mut self.other,
        } += 1;
    }
}

/// Cycles a run may take; the undamaged adder needs some 5,000.
const LIMIT: u64 = 8_000;

fn run(cdo: &Cdo, stream: &Txn, bytes: usize) -> Result<(), Diagnosis> {
    let mut npu = Npu::new();
    npu.set_limit(LIMIT);
    npu.load_cdo(cdo)?;
    let mut buffers = vec![vec![1u8; bytes]; 3];
    let mut all: Vec<&mut [u8]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
    npu.run(stream, &mut all).map(|_| ())
}

/// Turns a bit of an address or a value of one command.
fn damage_command(command: &mut Command, r: &mut Random) {
    let bit = r.bit();
    match command {
        Command::Write { address, value } | Command::Write64 { address, value } => *if r.below(3) == 0 { &mut address.0 } else { value } ^= bit,
        Command::MaskWrite { address, mask, value } | Command::MaskWrite64 { address, mask, value } => {
            *[&mut address.0, mask, value][r.below(3)] ^= bit;
        }
        Command::DmaWrite { address, data } => {
            let at = r.below(data.len() + 1);
            *data.get_mut(at).unwrap_or(&mut address.0) ^= bit;
        }
        Command::MaskPoll { .. } | Command::End | Command::Nop { .. } => {}
    }
}

fn damage_op(op: &mut Op, r: &mut Random) {
    let bit = r.bit();
    match op {
        Op::Write { address, value } => *if r.below(3) == 0 { &mut address.0 } else { value } ^= bit,
        Op::BlockWrite { address, data, .. } => {
            let at = r.below(data.len() + 1);
            *data.get_mut(at).unwrap_or(&mut address.0) ^= bit;
        }
        Op::MaskWrite { address, value, mask } | Op::MaskPoll { address, value, mask } => *[&mut address.0, value, mask][r.below(3)] ^= bit,
        Op::Sync { row, column, rows, columns, channel, .. } => *[row, column, rows, columns, channel][r.below(5)] ^= bit as u8,
        Op::Patch { register, argument, offset } => match r.below(3) {
            0 => register.0 ^= bit,
            1 => *argument ^= bit,
            _ => *offset ^= u64::from(bit) << r.below(33),
        },
        Op::Noop | Op::Preempt { .. } | Op::LoadPdi { .. } => {}
    }
}

/// `rounds` damaged copies of a configuration and its stream: in bytes of the files, in commands, in operations, in words of programs.
fn torment(cdo: &Cdo, stream: &Txn, bytes: usize, rounds: u32, seed: u64) -> Ends {
    let mut r = Random(seed);
    let mut ends = Ends::default();
    let (cdo_bytes, stream_bytes) = (cdo.write().unwrap(), stream.write().unwrap());
    for round in 0..rounds {
        let (mut c, mut s) = (cdo.clone(), stream.clone());
        match round % 4 {
            0 => {
                let (mut cb, mut sb) = (cdo_bytes.clone(), stream_bytes.clone());
                let file = if r.below(2) == 0 { &mut cb } else { &mut sb };
                for _ in 0..1 + r.below(3) {
                    let at = r.below(file.len());
                    file[at] ^= 1 << r.below(8);
                }
                let (Ok(cdo), Ok(stream)) = (Cdo::read(&cb), Txn::read(&sb)) else {
                    ends.unreadable += 1;
                    continue;
                };
                (c, s) = (cdo, stream);
            }
            1 => {
                for _ in 0..1 + r.below(3) {
                    let at = r.below(c.commands.len());
                    damage_command(&mut c.commands[at], &mut r);
                }
            }
            2 => {
                for _ in 0..1 + r.below(2) {
                    let at = r.below(s.ops.len());
                    damage_op(&mut s.ops[at], &mut r);
                }
            }
            _ => {
                let long = |c: &Command| matches!(c, Command::DmaWrite { data, .. } if data.len() > 8);
                let programs: Vec<usize> = (0..c.commands.len()).filter(|&i| long(&c.commands[i])).collect();
                let at = programs[r.below(programs.len())];
                if let Command::DmaWrite { data, .. } = &mut c.commands[at] {
                    for _ in 0..1 + r.below(4) {
                        let word = r.below(data.len());
                        data[word] ^= r.bit();
                    }
                }
            }
        }
        ends.count(run(&c, &s, bytes));
    }
    ends
}

#[test]
fn damage_to_our_own_design() {
    let (design, stream) = adder();
    let cdo = design.cdo().unwrap();
    let bytes = 4 * 8 * BLOCK as usize;
    run(&cdo, &stream, bytes).unwrap();
    let ends = torment(&cdo, &stream, bytes, 8_000, 41);
    println!("{ends:?}");
    assert!(ends.done > 500 && ends.deadlock > 200 && ends.bundle > 100 && ends.other > 200 && ends.unreadable > 100, "{ends:?}");
}

/// Bytes of a whole container: what still reads still runs to an end.
#[test]
fn damage_to_our_own_container() {
    let (design, stream) = adder();
    let file = container(&design);
    let mut r = Random(43);
    let mut ends = Ends::default();
    for _ in 0..2_000 {
        let mut damaged = file.clone();
        let at = r.below(damaged.len());
        damaged[at] ^= 1 << r.below(8);
        if r.below(8) == 0 {
            damaged.truncate(at);
        }
        let Ok(container) = Xclbin::read(&damaged) else {
            ends.unreadable += 1;
            continue;
        };
        let mut npu = Npu::new();
        npu.set_limit(LIMIT);
        let (mut a, mut b) = (vec![1u8; 4 * 8 * BLOCK as usize], vec![0u8; 4 * 8 * BLOCK as usize]);
        let end = npu.load_xclbin(&container).and_then(|()| npu.run(&stream, &mut [&mut a, &mut b]).map(|_| ()));
        ends.count(end);
    }
    println!("{ends:?}");
    assert!(ends.unreadable > 500, "{ends:?}");
}

#[test]
fn damage_to_golden_designs() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/npu");
    let goldens = [
        ("xdna-emu-add1/aie.xclbin", "xdna-emu-add1/insts.bin"),
        ("xdna-npu-toolkit/gemm-256-1col.xclbin", "xdna-npu-toolkit/gemm-256-1col.insts.txt"),
    ];
    for (i, (container, stream)) in goldens.into_iter().enumerate() {
        let (Ok(container), Ok(stream)) = (std::fs::read(folder.join(container)), std::fs::read(folder.join(stream))) else {
            println!("skipped: shared/golden/npu/{container} is not here");
            return;
        };
        let container = Xclbin::read(&container).unwrap();
        let cdo = &container.partition().unwrap().images[0].pdi.cdo;
        let ends = torment(cdo, &Txn::read(&stream).unwrap(), 4 * 256 * 256, 1_000, 47 + i as u64);
        println!("{ends:?}");
        assert!(ends.bundle + ends.other > 50, "{ends:?}");
    }
}
