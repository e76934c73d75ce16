//! Shared by the emulator's tests: small names, programs from text, and a whole design of our own.

#![allow(dead_code)] // Each test file uses its part.

pub mod bench;

use unicorn_kernels_xdna::array::*;
use unicorn_kernels_xdna::container::{
    pdi,
    txn::Txn,
    xclbin::{self, Xclbin},
};
use unicorn_kernels_xdna::isa::Program;

pub fn tile(column: u32, row: u32) -> Tile {
    Tile::new(column, row).unwrap()
}

pub fn channel(tile: Tile, direction: Direction, index: u8) -> Channel {
    Channel::new(tile, direction, index).unwrap()
}

/// A program that may read registers whose newest values are under way: that is what is tested here.
pub fn program(lines: &[&str]) -> Vec<u8> {
    let mut p = Program::new();
    for line in lines {
        // The assembler reads decimal numbers.
        let line = line.split(' ').map(|word| {
            let (number, tail) = word.split_at(word.find([',', ']', ';']).unwrap_or(word.len()));
            match number.strip_prefix("#0x").map(|hex| i64::from_str_radix(hex, 16).unwrap()) {
                Some(value) => format!("#{value}{tail}"),
                None => word.to_owned(),
            }
        });
        let line = line.collect::<Vec<_>>().join(" ");
        let line = line.as_str();
        match line.strip_suffix(':') {
            Some(label) => p.label(label),
            None if line.is_empty() => p.nops(1),
            None => match line.split_once(" <- loop ") {
                Some((text, name)) => p.bundle(text).loop_end(name),
                None => p.bundle(line).in_flight(),
            },
        };
    }
    p.assemble().unwrap_or_else(|e| panic!("{e}")).code()
}

/// Words of a block of [`adder`].
pub const BLOCK: u32 = 32;

/// Eight blocks of words from argument 0 through a core, which adds 100 to each, to argument 1.
pub fn adder() -> (Design, Txn) {
    let (shim, core) = (tile(0, 0), tile(0, 2));
    let n = BLOCK;
    let code = program(&[
        "movxm r8, #8",
        "mova r2, #-1; movx r3, #1",
        "movxm p4, #0x70400",
        "movxm p5, #0x70800",
        "block:",
        "acq #49, r2",
        "",
        "",
        "",
        "acq #50, r2",
        "",
        "",
        "mov p0, p4",
        "mov p1, p5",
        "movxm p2, word",
        "movxm r4, #32",
        "word:",
        "lda r5, [p0], #4",
        "",
        "",
        "",
        "",
        "",
        "",
        "movxm r6, #100",
        "add r5, r5, r6",
        "st r5, [p1], #4",
        "jnzd r4, r4, p2",
        "",
        "",
        "",
        "",
        "",
        "rel #48, r3",
        "",
        "",
        "",
        "rel #51, r3",
        "movxm p3, block",
        "jnzd r8, r8, p3",
        "",
        "",
        "",
        "",
        "",
        "done",
        "",
        "",
        "",
        "",
    ]);
    let channel_of = |t, d| channel(t, d, 0);
    let step = |acquire, release, next, address| Descriptor {
        acquire: Some(LockStep { id: acquire, value: -1 }),
        release: LockStep { id: release, value: 1 },
        next: Some(next),
        ..Descriptor::linear(address, n)
    };
    let start = |d, descriptor| Start { channel: channel_of(core, d), descriptor, repeat: 0, token: false };
    let mut design = Design {
        cores: vec![Core::new(core, &code)],
        buffers: vec![
            Buffer { tile: core, name: "in".into(), offset: 0x400, bytes: 4 * n },
            Buffer { tile: core, name: "out".into(), offset: 0x800, bytes: 4 * n },
        ],
        locks: vec![LockValue { tile: core, lock: 0, value: 1 }, LockValue { tile: core, lock: 2, value: 1 }],
        dmas: vec![TileDma {
            tile: core,
            descriptors: vec![(0, step(0, 1, 0, 0x400)), (1, step(3, 2, 1, 0x800))],
            starts: vec![start(Direction::S2mm, 0), start(Direction::Mm2s, 1)],
        }],
        ..Design::default()
    };
    let mut router = Router::new();
    router.stream(channel_of(shim, Direction::Mm2s), &[channel_of(core, Direction::S2mm)]).unwrap();
    router.stream(channel_of(core, Direction::Mm2s), &[channel_of(shim, Direction::S2mm)]).unwrap();
    router.tokens(shim).unwrap();
    router.apply(&mut design);

    let out = channel_of(shim, Direction::S2mm);
    let mut stream = Stream::new();
    let all = Descriptor { shim: PlainShim::KNOWN, ..Descriptor::linear(0, 8 * n) };
    stream.transfer(channel_of(shim, Direction::Mm2s), 0, &all, 0, 0, false).unwrap();
    stream.transfer(out, 1, &all, 1, 0, true).unwrap().wait(out);
    (design, stream.finish())
}

/// A design of one column in a container.
pub fn container(design: &Design) -> Vec<u8> {
    let pdi = pdi::wrap(design.cdo().unwrap());
    Xclbin::npu1(xclbin::Design { columns: 1, start_columns: &[1], pdi, kernel: "ADD", instance: "add", buffers: 2 }).unwrap().write().unwrap()
}
