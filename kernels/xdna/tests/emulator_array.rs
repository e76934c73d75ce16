//! The emulated array without cores: data through memory tiles and switches, against plain loops.

use unicorn_kernels_xdna::array::*;
use unicorn_kernels_xdna::emulator::*;

fn tile(column: u32, row: u32) -> Tile {
    Tile::new(column, row).unwrap()
}

fn channel(tile: Tile, direction: Direction, index: u8) -> Channel {
    Channel::new(tile, direction, index).unwrap()
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
}

const OWN: u64 = 0x80000;

/// The commands of one shim transfer: descriptor, patch, queue.
fn transfer(c: Channel, number: u8, d: &Descriptor, argument: u32, offset: u64, repeat: u8, token: bool) -> Vec<Command> {
    let at = c.tile.address(0x1D000 + 32 * u32::from(number));
    let mut out = vec![
        Command::Write(Write::Block { address: at, words: d.pack(c.tile, number).unwrap() }),
        Command::Patch { address: at + 4, argument, offset },
    ];
    if token {
        out.push(Command::Write(Write::Masked { address: c.control(), mask: 0x1F00, value: 0xF00 }));
    }
    let start = Start { channel: c, descriptor: number, repeat, token };
    out.push(Command::Write(Write::Word { address: c.queue(), value: start.pack() }));
    out
}

fn sync(c: Channel) -> Command {
    Command::Sync { direction: c.direction, channel: c.index, columns: (c.tile.column(), 1), rows: (c.tile.row(), 1) }
}

/// Shim in -> memory tile (own locks 0 and 1) -> shim out, in column `c`. `fill` writes and `drain` reads the memory tile.
fn passthrough(c: u32, fill: Descriptor, drain: Descriptor, depth: u8) -> Design {
    let (shim, mem) = (tile(c, 0), tile(c, 1));
    let mut design = Design::default();
    let lock = |id: u8, value: i8| LockStep { id: 64 + id, value };
    let fill = Descriptor { acquire: Some(lock(0, -1)), release: lock(1, 1), next: Some(0), ..fill };
    let drain = Descriptor { acquire: Some(lock(1, -1)), release: lock(0, 1), next: Some(24), ..drain };
    let (s, m) = (channel(mem, Direction::S2mm, 0), channel(mem, Direction::Mm2s, 1));
    design.locks.push(LockValue { tile: mem, lock: 0, value: depth });
    design.dmas.push(TileDma {
        tile: mem,
        descriptors: vec![(0, fill), (24, drain)],
        starts: vec![Start { channel: s, descriptor: 0, repeat: 0, token: false }, Start { channel: m, descriptor: 24, repeat: 0, token: false }],
    });
    let mut router = Router::new();
    router.stream(channel(shim, Direction::Mm2s, 0), &[s]).unwrap();
    router.stream(m, &[channel(shim, Direction::S2mm, 0)]).unwrap();
    router.tokens(shim).unwrap();
    router.apply(&mut design);
    design
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn numbers(n: u32) -> Vec<u8> {
    (1..=n).flat_map(|i| (i * 0x0101).to_le_bytes()).collect()
}

/// All positions of a nest of loops, innermost first.
fn nest(sizes: [u32; 4]) -> impl Iterator<Item = [u32; 4]> {
    let total: u32 = sizes.iter().product();
    (0..total).map(move |mut i| {
        sizes.map(|s| {
            let at = i % s;
            i /= s;
            at
        })
    })
}

/// Random nests on all three descriptors of the way, several blocks through one buffer, against plain loops.
#[test]
fn data_loops_through_a_memory_tile() {
    let mut r = Random(11);
    for round in 0..60 {
        let column = round % 4;
        let (a, b, c, d) = (1 + r.below(8) as u32, 1 + r.below(6) as u32, 1 + r.below(5) as u32, 1 + r.below(3) as u32);
        let n = a * b * c * d;
        let blocks = 1 + r.below(5) as u32;
        // Rows first in, columns first out: a transposition of (a, b) within (c, d).
        let mut fill = Descriptor::linear(OWN + 0x100, n);
        fill.dims = [Dim { step: 1, wrap: a }, Dim { step: a, wrap: b }, Dim { step: a * b, wrap: c }, Dim { step: a * b * c, wrap: 0 }];
        let mut drain = Descriptor::linear(OWN + 0x100, n);
        drain.dims = [Dim { step: a, wrap: b }, Dim { step: 1, wrap: a }, Dim { step: a * b, wrap: c }, Dim { step: a * b * c, wrap: 0 }];
        let design = passthrough(column, fill, drain, 1);
        let mut npu = Npu::new();
        npu.configure(&design.configure().unwrap()).unwrap();

        let shim = tile(column, 0);
        // The shim reads every second word, blocks one after the other by iteration, and writes densely.
        let mut read = Descriptor::linear(0, n);
        read.dims[0] = Dim { step: 2, wrap: 0 };
        read.iteration = Iteration { step: 2 * n, wrap: blocks, current: 0 };
        let write = Descriptor::linear(0, n * blocks);
        let (m, s) = (channel(shim, Direction::Mm2s, 0), channel(shim, Direction::S2mm, 0));
        let mut commands = transfer(m, 0, &read, 0, 0, blocks as u8 - 1, false);
        commands.extend(transfer(s, 1, &write, 1, 4, 0, true));
        commands.push(sync(s));

        let mut input = numbers(2 * n * blocks);
        let mut output = vec![0u8; 4 * (n * blocks) as usize + 4];
        let report = npu.execute(&commands, &mut [&mut input, &mut output]).unwrap();

        let input = words(&input);
        let mut want = vec![0u32];
        for block in 0..blocks {
            for [y, x, z, w] in nest([b, a, c, d]) {
                let at = x + a * y + a * b * z + a * b * c * w;
                want.push(input[(2 * (block * n + at)) as usize]);
            }
        }
        assert_eq!(words(&output), want, "round {round}");
        assert_eq!(report.host_words(), u64::from(2 * n * blocks));
        assert!(report.cycles >= u64::from(n * blocks), "a word a cycle at most: {report:?}");
    }
}

/// The stream keeps up a word a cycle: two buffers overlap, so a long transfer takes hardly more cycles than words.
#[test]
fn double_buffers_run_at_a_word_a_cycle() {
    let n = 1024;
    let mut cycles = [0; 2];
    for (depth, out) in cycles.iter_mut().enumerate() {
        // One buffer: fill and drain take turns. Two: the iteration walks over both.
        let walk = Iteration { step: n, wrap: 1 + depth as u32, current: 0 };
        let d = Descriptor { iteration: walk, ..Descriptor::linear(OWN, n) };
        let design = passthrough(0, d.clone(), d, 1 + depth as u8);
        let mut npu = Npu::new();
        npu.configure(&design.configure().unwrap()).unwrap();
        let (m, s) = (channel(tile(0, 0), Direction::Mm2s, 0), channel(tile(0, 0), Direction::S2mm, 0));
        let mut commands = transfer(m, 0, &Descriptor::linear(0, 16 * n), 0, 0, 0, false);
        commands.extend(transfer(s, 1, &Descriptor::linear(0, 16 * n), 1, 0, 0, true));
        commands.push(sync(s));
        let mut input = numbers(16 * n);
        let mut output = vec![0u8; input.len()];
        *out = npu.execute(&commands, &mut [&mut input, &mut output]).unwrap().cycles;
        assert_eq!(input, output);
    }
    assert!((32 * 1024..32 * 1024 + 200).contains(&cycles[0]), "{cycles:?}");
    assert!((17 * 1024..17 * 1024 + 200).contains(&cycles[1]), "{cycles:?}");
}

/// Zero padding: words, rows and planes of zeros around the data, against the plain picture.
#[test]
fn memory_tiles_pad_with_zeros() {
    let mut r = Random(5);
    for _ in 0..40 {
        let size = [1 + r.below(5) as u32, 1 + r.below(4) as u32, 1 + r.below(3) as u32];
        let before = [r.below(4) as u8, r.below(3) as u8, r.below(3) as u8];
        let after = [r.below(4) as u8, r.below(3) as u8, r.below(3) as u8];
        let n: u32 = size.iter().product();
        let full: [u32; 3] = std::array::from_fn(|i| u32::from(before[i]) + size[i] + u32::from(after[i]));
        let total: u32 = full.iter().product();
        let mut drain = Descriptor::linear(OWN, total);
        drain.dims[0].wrap = size[0];
        drain.dims[1] = Dim { step: size[0], wrap: size[1] };
        drain.dims[2] = Dim { step: size[0] * size[1], wrap: size[2] };
        (drain.before, drain.after) = (before, after);
        let mut npu = Npu::new();
        npu.configure(&passthrough(2, Descriptor::linear(OWN, n), drain, 1).configure().unwrap()).unwrap();
        let (m, s) = (channel(tile(2, 0), Direction::Mm2s, 0), channel(tile(2, 0), Direction::S2mm, 0));
        let mut commands = transfer(m, 0, &Descriptor::linear(0, n), 0, 0, 0, false);
        commands.extend(transfer(s, 1, &Descriptor::linear(0, total), 1, 0, 0, true));
        commands.push(sync(s));
        let mut input = numbers(n);
        let mut output = vec![0xFFu8; 4 * total as usize];
        npu.execute(&commands, &mut [&mut input, &mut output]).unwrap();
        let input = words(&input);
        let inside = |at: u32, i: usize| at.checked_sub(before[i].into()).filter(|x| *x < size[i]);
        let want: Vec<u32> = nest([full[0], full[1], full[2], 1])
            .map(|[x, y, z, _]| match (inside(x, 0), inside(y, 1), inside(z, 2)) {
                (Some(x), Some(y), Some(z)) => input[(x + size[0] * (y + size[1] * z)) as usize],
                _ => 0,
            })
            .collect();
        assert_eq!(words(&output), want, "{size:?} {before:?} {after:?}");
    }
}

/// A memory tile fills its right neighbour's memory and uses its locks.
#[test]
fn memory_tiles_reach_their_neighbours() {
    let (left, right) = (tile(1, 1), tile(2, 1));
    let s = channel(left, Direction::S2mm, 0);
    let m = channel(right, Direction::Mm2s, 0);
    // 0x100000 is the right neighbour seen from the left one, lock 128 + 3 its lock 3.
    let fill = Descriptor { release: LockStep { id: 131, value: 1 }, ..Descriptor::linear(0x100000 + 0x40, 32) };
    let drain = Descriptor { acquire: Some(LockStep { id: 67, value: -1 }), ..Descriptor::linear(OWN + 0x40, 32) };
    let start = |channel| Start { channel, descriptor: 0, repeat: 0, token: false };
    let mut design = Design {
        dmas: vec![
            TileDma { tile: left, descriptors: vec![(0, fill)], starts: vec![start(s)] },
            TileDma { tile: right, descriptors: vec![(0, drain)], starts: vec![start(m)] },
        ],
        ..Design::default()
    };
    let (i, o) = (channel(tile(1, 0), Direction::Mm2s, 1), channel(tile(2, 0), Direction::S2mm, 1));
    let mut router = Router::new();
    router.stream(i, &[s]).unwrap();
    router.stream(m, &[o]).unwrap();
    router.tokens(tile(2, 0)).unwrap();
    router.apply(&mut design);
    let mut npu = Npu::new();
    npu.configure(&design.configure().unwrap()).unwrap();
    let mut commands = transfer(i, 0, &Descriptor::linear(0, 32), 0, 0, 0, false);
    commands.extend(transfer(o, 0, &Descriptor::linear(0, 32), 1, 0, 0, true));
    commands.push(sync(o));
    let mut input = numbers(32);
    let mut output = vec![0u8; 128];
    npu.execute(&commands, &mut [&mut input, &mut output]).unwrap();
    assert_eq!(input, output);
    assert_eq!(npu.memory(right)[0x40..0x40 + 128], input);
}

/// Two channels send packets into one port by an arbiter; the ids part them again, headers dropped at one end and kept at the other.
#[test]
fn packets_share_a_port_and_part_again() {
    let (mem, shim) = (tile(0, 1), tile(0, 0));
    let mut design = Design::default();
    let (fill, a, b) = (channel(mem, Direction::S2mm, 0), channel(mem, Direction::Mm2s, 0), channel(mem, Direction::Mm2s, 2));
    let packet = |id: u8, at: u64| Descriptor {
        packet: Some(Packet { id, kind: 0 }),
        acquire: Some(LockStep { id: 64, value: -1 }),
        ..Descriptor::linear(OWN + at, 16)
    };
    let all = Descriptor { release: LockStep { id: 64, value: 2 }, ..Descriptor::linear(OWN, 32) };
    let start = |channel, descriptor| Start { channel, descriptor, repeat: 0, token: false };
    design.dmas.push(TileDma {
        tile: mem,
        descriptors: vec![(0, all), (1, packet(3, 0)), (2, packet(9, 64))],
        starts: vec![start(fill, 0), start(a, 1), start(b, 2)],
    });
    let i = channel(shim, Direction::Mm2s, 0);
    let (o, p) = (channel(shim, Direction::S2mm, 0), channel(shim, Direction::S2mm, 1));
    let mut router = Router::new();
    router.stream(i, &[fill]).unwrap();
    router.tokens(shim).unwrap();
    router.apply(&mut design);
    let slot = |tile, slave, slot, id, selector| Link::PacketIn { tile, slave, slot, id, mask: 31, arbiter: 1, selector };
    let out = |tile, master, selectors, drop_header| Link::PacketOut { tile, master, arbiter: 1, selectors, drop_header };
    design.links.extend([
        out(mem, Port::South(0), 1, false),
        slot(mem, Port::Dma(0), 0, 3, 0),
        slot(mem, Port::Dma(2), 0, 9, 0),
        out(shim, Port::South(2), 1, true),
        out(shim, Port::South(3), 2, false),
        slot(shim, Port::North(0), 0, 3, 0),
        slot(shim, Port::North(0), 1, 9, 1),
    ]);
    design.shims.extend([ShimPort { channel: o }, ShimPort { channel: p }]);
    let writes = design.configure().unwrap();
    assert_eq!(Design::read(&writes).unwrap(), design);
    let mut npu = Npu::new();
    npu.configure(&writes).unwrap();
    let mut commands = transfer(i, 0, &Descriptor::linear(0, 32), 0, 0, 0, false);
    commands.extend(transfer(o, 1, &Descriptor::linear(0, 16), 1, 0, 0, true));
    commands.extend(transfer(p, 2, &Descriptor::linear(0, 17), 2, 0, 0, true));
    commands.extend([sync(o), sync(p)]);
    let mut input = numbers(32);
    let (mut first, mut second) = (vec![0u8; 64], vec![0u8; 68]);
    npu.execute(&commands, &mut [&mut input, &mut first, &mut second]).unwrap();
    assert_eq!(first, input[..64]);
    assert_eq!(second[4..], input[64..]);
    let header = words(&second)[0];
    assert_eq!(header & 31, 9);
    assert_eq!(header.count_ones() % 2, 1, "odd parity");
}

#[test]
fn what_cannot_end_is_diagnosed() {
    let n = 64;
    let design = passthrough(0, Descriptor::linear(OWN, n), Descriptor::linear(OWN, n), 1);
    let (m, s) = (channel(tile(0, 0), Direction::Mm2s, 0), channel(tile(0, 0), Direction::S2mm, 0));
    let run = |design: &Design, read: Descriptor, write: Descriptor, buffers: usize| {
        let mut npu = Npu::new();
        npu.configure(&design.configure().unwrap())?;
        npu.set_limit(100_000);
        let mut commands = transfer(m, 0, &read, 0, 0, 0, false);
        commands.extend(transfer(s, 1, &write, 1, 0, 0, true));
        commands.push(sync(s));
        let (mut input, mut output) = (numbers(n), vec![0u8; 4 * n as usize]);
        let mut all: Vec<&mut [u8]> = vec![&mut input, &mut output];
        all.truncate(buffers);
        npu.execute(&commands, &mut all)
    };
    let plain = || Descriptor::linear(0, n);
    run(&design, plain(), plain(), 2).unwrap();

    // Too few words in: the memory tile waits, and so does everybody behind it.
    let Err(Diagnosis::Deadlock { waits, .. }) = run(&design, Descriptor::linear(0, n - 1), plain(), 2) else { panic!() };
    let text: Vec<String> = waits.iter().map(|w| format!("{} waits for {}", w.who, w.what)).collect();
    assert!(text.iter().any(|t| t.contains("S2MM 0, descriptor 0") && t.contains("words from its stream (1 to go)")), "{text:#?}");
    assert!(text.iter().any(|t| t.contains("MM2S 1, descriptor 24") && t.contains("lock 1 of memory tile (0, 1) to hold at least 1 (it holds 0)")));
    assert!(text.iter().any(|t| t.contains("command processor") && t.contains("token")));

    // One word more than is ever sent: the S2MM waits.
    assert!(matches!(run(&design, plain(), Descriptor::linear(0, n + 1), 2), Err(Diagnosis::Deadlock { .. })));
    // Every second word of a buffer that has only half of them.
    let mut far = plain();
    far.dims[0].step = 2;
    assert!(matches!(run(&design, far, plain(), 2), Err(Diagnosis::Access { .. })));
    assert!(matches!(run(&design, plain(), plain(), 1), Err(Diagnosis::Command { .. })));

    // No route for tokens: the wait for one never ends, and the run says so.
    let mut mute = design.clone();
    mute.links.retain(|l| matches!(l, Link::Circuit { .. }));
    assert!(matches!(run(&mute, plain(), plain(), 2), Err(Diagnosis::Deadlock { .. })));
    // A shim channel that no multiplexer joins.
    let mut apart = design.clone();
    apart.shims.clear();
    assert!(matches!(run(&apart, plain(), plain(), 2), Err(Diagnosis::Dma { .. })));
    // An invalid descriptor, and a queue that overflows.
    let invalid = Descriptor { valid: false, ..plain() };
    assert!(matches!(run(&design, invalid, plain(), 2), Err(Diagnosis::Dma { why: "is not valid", .. })));
}

/// Tens of thousands of damaged configurations and streams: every one ends with a report or a diagnosis.
#[test]
fn damaged_configurations_never_hang_or_panic() {
    let n = 32;
    let design = passthrough(0, Descriptor::linear(OWN, n), Descriptor::linear(OWN, n), 1);
    let (m, s) = (channel(tile(0, 0), Direction::Mm2s, 0), channel(tile(0, 0), Direction::S2mm, 0));
    let mut commands: Vec<Command> = design.configure().unwrap().into_iter().map(Command::Write).collect();
    commands.extend(transfer(m, 0, &Descriptor::linear(0, n), 0, 0, 0, false));
    commands.extend(transfer(s, 1, &Descriptor::linear(0, n), 1, 0, 0, true));
    commands.push(sync(s));
    let mut r = Random(23);
    let mut kinds = [0; 2];
    for _ in 0..4_000 {
        let mut damaged = commands.clone();
        for _ in 0..1 + r.below(3) {
            let at = r.below(damaged.len() as u64) as usize;
            let bit = 1u32 << r.below(32);
            match &mut damaged[at] {
                Command::Write(Write::Word { address, value }) => *if r.below(3) == 0 { address } else { value } ^= bit,
                Command::Write(Write::Masked { address, mask, value }) => *[address, mask, value][r.below(3) as usize] ^= bit,
                Command::Write(Write::Block { address, words }) => {
                    let k = r.below(words.len() as u64 + 1) as usize;
                    match words.get_mut(k) {
                        Some(w) => *w ^= bit,
                        None => *address ^= bit,
                    }
                }
                Command::Patch { address, argument, offset } => match r.below(3) {
                    0 => *address ^= bit,
                    1 => *argument ^= bit,
                    _ => *offset ^= u64::from(bit) << r.below(33),
                },
                Command::Sync { channel, columns, rows, .. } => {
                    *[channel, &mut columns.0, &mut columns.1, &mut rows.0, &mut rows.1][r.below(5) as usize] ^= bit as u8
                }
                Command::Poll { .. } | Command::Cores | Command::Noop => {}
            }
        }
        let mut npu = Npu::new();
        npu.set_limit(20_000);
        let (mut input, mut output) = (numbers(n), vec![0u8; 4 * n as usize]);
        let end = npu.execute(&damaged, &mut [&mut input, &mut output]);
        kinds[usize::from(end.is_ok())] += 1;
    }
    assert!(kinds[0] > 500 && kinds[1] > 100, "{kinds:?}");
}
