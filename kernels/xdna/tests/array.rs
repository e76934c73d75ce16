//! Descriptors, designs and routes: fields against AMD's register list, register writes there and back, refusals, ways through the switches.

use std::path::PathBuf;
use unicorn_kernels_xdna::array::*;
use unicorn_kernels_xdna::container::{cdo::Cdo, txn::Txn, xclbin::Xclbin};
use unicorn_kernels_xdna::emulator::Npu;

/// A file that is not part of the tree; `None`, said aloud, where it is absent.
fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if !path.exists() {
        println!("skipped: shared/{name} is not here");
        return None;
    }
    Some(path)
}

fn tile(column: u32, row: u32) -> Tile {
    Tile::new(column, row).unwrap()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let x = (self.0 >> 33 ^ self.0) >> 11;
        x.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Every field of the three descriptor tables stands where AM025 has it, and no field of AM025 is missing.
#[test]
fn descriptor_fields_are_those_of_the_register_list() {
    let Some(path) = shared("data/aie2-registers.tsv") else { return };
    let list = std::fs::read_to_string(path).unwrap();
    for (kind, module) in [(TileKind::Core, "memory"), (TileKind::Memory, "memory_tile"), (TileKind::Shim, "shim")] {
        let mut theirs: Vec<(String, u8, u8, u8)> = Vec::new();
        for line in list.lines() {
            let cells: Vec<&str> = line.split('\t').collect();
            let Some(word) = cells.get(1).and_then(|n| n.strip_prefix("DMA_BD0_")) else { continue };
            if cells[0] != module {
                continue;
            }
            let offset = u32::from_str_radix(cells[2].trim_start_matches("0x"), 16).unwrap();
            assert_eq!(offset, kind.registers().descriptor + 4 * word.parse::<u32>().unwrap(), "{line}");
            for field in cells[4].split("; ") {
                let (name, rest) = field.split_once('[').unwrap();
                let (high, low) = rest.split_once(']').unwrap().0.split_once(':').unwrap();
                let (high, low): (u8, u8) = (high.parse().unwrap(), low.parse().unwrap());
                if name != "Reserved" {
                    theirs.push((name.to_owned(), word.parse().unwrap(), low, high - low + 1));
                }
            }
        }
        let mut ours: Vec<_> = Descriptor::fields(kind).map(|(n, w, l, b)| (n.to_owned(), w, l, b)).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{kind:?}");
    }
}

/// Offsets of locks, channels, switch ports against AM025.
#[test]
fn register_offsets_are_those_of_the_register_list() {
    let Some(path) = shared("data/aie2-registers.tsv") else { return };
    let list = std::fs::read_to_string(path).unwrap();
    let offset = |module: &str, name: &str| -> u32 {
        let line = list.lines().find(|l| l.starts_with(&format!("{module}\t{name}\t"))).unwrap_or_else(|| panic!("{module} {name}"));
        u32::from_str_radix(line.split('\t').nth(2).unwrap().trim_start_matches("0x"), 16).unwrap()
    };
    for (place, module, locks) in [(tile(0, 2), "memory", 16), (tile(0, 1), "memory_tile", 64), (tile(0, 0), "shim", 16)] {
        let kind = place.kind();
        let queue = if kind == TileKind::Shim { "Task_Queue" } else { "Start_Queue" };
        for n in 0..locks {
            assert_eq!(offset(module, &format!("Lock{n}_value")), kind.registers().lock + 16 * n);
        }
        for (direction, name) in [(Direction::S2mm, "S2MM"), (Direction::Mm2s, "MM2S")] {
            for index in 0..kind.registers().channels {
                let channel = Channel::new(place, direction, index).unwrap();
                assert_eq!(channel.control() & 0xFFFFF, offset(module, &format!("DMA_{name}_{index}_Ctrl")));
                assert_eq!(channel.queue() & 0xFFFFF, offset(module, &format!("DMA_{name}_{index}_{queue}")));
            }
        }
        let switch = if kind == TileKind::Core { "core" } else { module };
        for (side, word, base) in [(PortSide::Master, "Master", 0), (PortSide::Slave, "Slave", 0x100)] {
            let prefix = format!("{switch}\tStream_Switch_{word}_Config_");
            let count = list.lines().filter(|l| l.starts_with(&prefix)).count();
            assert_eq!(Port::all(kind, side).count(), count, "{kind:?} {word}");
            for (n, port) in Port::all(kind, side).enumerate() {
                let here = kind.registers().switch + base + 4 * n as u32;
                let line = list.lines().find(|l| l.starts_with(&prefix) && l.contains(&format!("{here:#012X}").replace("0X", "0x"))).unwrap();
                let name = line.split('\t').nth(1).unwrap().to_lowercase().replace('_', "");
                let want = match port {
                    Port::Core => "core0".to_owned(),
                    Port::Dma(n) => format!("dma{n}"),
                    Port::Control => "tilectrl".to_owned(),
                    Port::Fifo => "fifo0".to_owned(),
                    Port::South(n) => format!("south{n}"),
                    Port::West(n) => format!("west{n}"),
                    Port::North(n) => format!("north{n}"),
                    Port::East(n) => format!("east{n}"),
                    Port::Trace(_) => "trace".to_owned(),
                };
                assert!(name.contains(&want), "{port:?} is {name}");
            }
        }
    }
}

fn random_descriptor(r: &mut Random, kind: TileKind) -> Descriptor {
    let (address, words, step, wrap, dims, locks) = match kind {
        TileKind::Core => (1 << 14, 1 << 14, 1 << 13, 1 << 8, 3, 16),
        TileKind::Memory => (1 << 19, 1 << 17, 1 << 17, 1 << 10, 4, 192),
        TileKind::Shim => (1 << 46, 1 << 32, 1 << 20, 1 << 10, 3, 16),
    };
    let mut d = Descriptor::linear(r.below(address) * 4, r.below(words) as u32);
    for i in 0..dims {
        d.dims[i].step = r.below(step) as u32 + 1;
        if i + 1 < dims {
            d.dims[i].wrap = r.below(wrap) as u32;
        }
    }
    d.iteration = Iteration { step: r.below(step) as u32 + 1, wrap: r.below(64) as u32 + 1, current: r.below(64) as u32 };
    if kind == TileKind::Memory {
        d.before = [r.below(64) as u8, r.below(32) as u8, r.below(16) as u8];
        d.after = [r.below(64) as u8, r.below(32) as u8, r.below(16) as u8];
    }
    if kind == TileKind::Shim {
        d.shim =
            PlainShim { burst: r.below(4) as u8, smid: r.below(16) as u8, cache: r.below(16) as u8, qos: r.below(16) as u8, secure: r.below(2) == 1 };
    } else {
        d.compress = r.below(2) == 1;
    }
    d.packet = (r.below(2) == 1).then(|| Packet { id: r.below(32) as u8, kind: r.below(8) as u8 });
    d.out_of_order = r.below(64) as u8;
    d.no_last = r.below(2) == 1;
    let lock = |r: &mut Random| LockStep { id: r.below(locks) as u8, value: r.below(128) as i8 - 64 };
    d.acquire = (r.below(2) == 1).then(|| lock(r));
    d.release = lock(r);
    d.next = (r.below(2) == 1).then(|| r.below(16) as u8);
    d.valid = r.below(2) == 1;
    d
}

#[test]
fn descriptors_come_back_from_their_words() {
    let mut r = Random(7);
    for place in [tile(0, 0), tile(1, 1), tile(2, 4)] {
        for _ in 0..20_000 {
            let d = random_descriptor(&mut r, place.kind());
            let words = d.pack(place, 3).unwrap();
            assert_eq!(Descriptor::unpack(place.kind(), &words), d);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let core = tile(1, 3);
    let mut d = Descriptor::linear(0, 0x4000);
    let Err(ArrayError::Field { field, value, max, descriptor, tile: at, .. }) = d.pack(core, 5) else { panic!("length fits") };
    assert_eq!((field, value, max, descriptor, at), ("Buffer_Length", 0x4000, 0x3FFF, 5, core));
    d.words = 4;
    d.dims[0].step = 0;
    assert!(matches!(d.pack(core, 0), Err(ArrayError::Field { field: "D0_Stepsize", value: -1, .. })));
    d.dims[0].step = 1;
    d.before[0] = 1;
    assert!(matches!(d.pack(core, 0), Err(ArrayError::Lacks { what: "zero padding", .. })));
    assert!(d.pack(tile(1, 1), 0).is_ok());
    d.before[0] = 0;
    d.acquire = Some(LockStep { id: 0, value: -65 });
    assert!(matches!(d.pack(core, 0), Err(ArrayError::Field { field: "Lock_Acq_Value", value: -65, min: -64, max: 63, .. })));
    d.acquire = None;
    d.address = 2;
    assert!(matches!(d.pack(core, 0), Err(ArrayError::Lacks { .. })));
    assert!(Tile::new(4, 0).is_err() && Tile::new(0, 6).is_err());
}

/// A small design with everything in it: core, buffers, locks, chains, routes, tokens.
fn small() -> Design {
    let (shim, mem, core) = (tile(1, 0), tile(1, 1), tile(1, 2));
    let channel = |t, d, i| Channel::new(t, d, i).unwrap();
    let mut a = Descriptor::linear(0x400, 64);
    a.acquire = Some(LockStep { id: 0, value: -1 });
    a.release = LockStep { id: 1, value: 1 };
    a.next = Some(1);
    let mut b = a.clone();
    b.address = 0x800;
    b.next = Some(0);
    let mut design = Design {
        cores: vec![Core::new(core, &[0x01, 0x00, 0x55])],
        buffers: vec![Buffer { tile: core, name: "in".into(), offset: 0x400, bytes: 0x800 }],
        locks: vec![LockValue { tile: core, lock: 0, value: 2 }, LockValue { tile: mem, lock: 5, value: 1 }],
        dmas: vec![TileDma {
            tile: core,
            descriptors: vec![(0, a), (1, b)],
            starts: vec![Start { channel: channel(core, Direction::S2mm, 0), descriptor: 0, repeat: 3, token: false }],
        }],
        ..Design::default()
    };
    let mut router = Router::new();
    router.stream(channel(shim, Direction::Mm2s, 0), &[channel(mem, Direction::S2mm, 0)]).unwrap();
    router.stream(channel(mem, Direction::Mm2s, 3), &[channel(core, Direction::S2mm, 0), channel(tile(3, 5), Direction::S2mm, 1)]).unwrap();
    router.stream(channel(core, Direction::Mm2s, 1), &[channel(shim, Direction::S2mm, 1)]).unwrap();
    router.tokens(shim).unwrap();
    router.apply(&mut design);
    design
}

#[test]
fn a_design_comes_back_from_its_writes() {
    let design = small();
    let writes = design.configure().unwrap();
    let again = Design::read(&writes).unwrap();
    assert_eq!(again.configure().unwrap(), writes);
    assert_eq!(Design { buffers: design.buffers.clone(), ..again }, design);
}

/// Each single change of a word of a configuration either says something else when read, or is refused.
#[test]
fn changed_writes_are_read_differently_or_refused() {
    let design = small();
    let writes = design.configure().unwrap();
    let mut r = Random(3);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut w = writes.clone();
        let at = r.below(w.len() as u64) as usize;
        let bit = 1u32 << r.below(32);
        match &mut w[at] {
            Write::Word { address, value } => *if r.below(4) == 0 { address } else { value } ^= bit,
            Write::Masked { address, mask, value } => *[address, mask, value][r.below(3) as usize] ^= bit,
            Write::Block { address, words } => {
                let n = words.len() as u64;
                match words.get_mut(r.below(n.max(1)) as usize) {
                    Some(word) if r.below(4) > 0 => *word ^= bit,
                    _ => *address ^= bit,
                }
            }
        }
        match Design::read(&w) {
            Err(_) => refused += 1,
            Ok(other) => {
                // What reads must be consistent or be refused by the check; it never panics.
                let _ = other.configure();
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn designs_that_cannot_be_are_refused() {
    let spoil = |f: &dyn Fn(&mut Design)| {
        let mut d = small();
        f(&mut d);
        d.configure().unwrap_err()
    };
    assert!(matches!(spoil(&|d| d.dmas[0].descriptors[1].1.next = Some(9)), ArrayError::Missing { descriptor: 9, .. }));
    assert!(matches!(spoil(&|d| d.dmas[0].descriptors.truncate(1)), ArrayError::Missing { descriptor: 1, .. }));
    assert!(matches!(spoil(&|d| d.buffers.push(Buffer { tile: tile(1, 2), name: "x".into(), offset: 0x7FF, bytes: 1 })), ArrayError::Overlap { .. }));
    assert!(matches!(spoil(&|d| d.buffers[0].bytes = 0x10000), ArrayError::Range { what: "end of buffer", .. }));
    // 64 words from 0x400 end at 0x500; a step of 0x100 words carries the last one to the end of memory, four bytes more beyond it.
    let far = |address: u64| move |d: &mut Design| (d.dmas[0].descriptors[0].1.address, d.dmas[0].descriptors[0].1.dims[0].step) = (address, 0x100);
    let mut fits = small();
    far(0x3FC)(&mut fits);
    assert_eq!(fits.dmas[0].descriptors[0].1.end(), 0xFF + 63 * 0x100 + 1);
    fits.check().unwrap();
    assert!(matches!(spoil(&far(0x400)), ArrayError::Range { what: "end of a descriptor's data", .. }));
    assert!(matches!(spoil(&|d| d.locks[0].value = 64), ArrayError::Range { what: "lock value", .. }));
    assert!(matches!(spoil(&|d| d.locks[0].lock = 16), ArrayError::Range { what: "lock", .. }));
    assert!(matches!(spoil(&|d| d.cores[0].segments[0].words = vec![0; 4097]), ArrayError::Range { what: "end of program", .. }));
    let twice = spoil(&|d| {
        let first = d.links[0];
        d.links.push(first);
    });
    assert!(matches!(twice, ArrayError::Taken { side: "master", .. }));
    let mem = tile(0, 1);
    let odd = Start { channel: Channel::new(mem, Direction::Mm2s, 1).unwrap(), descriptor: 3, repeat: 0, token: false };
    let bank = spoil(&|d| d.dmas.push(TileDma { tile: mem, descriptors: vec![(3, Descriptor::linear(0, 4))], starts: vec![odd] }));
    assert!(matches!(bank, ArrayError::Bank { descriptor: 3, .. }));
}

/// Follows the links of a design from a slave to all ends.
fn ends(links: &[Link], tile: Tile, slave: Port) -> Vec<(Tile, Port)> {
    let mut out = Vec::new();
    for link in links {
        if let Link::Circuit { tile: t, slave: s, master } = *link
            && (t, s) == (tile, slave)
        {
            match master.across(t) {
                Some((there, port)) => out.extend(ends(links, there, port)),
                None => out.push((t, master)),
            }
        }
    }
    out
}

#[test]
fn routes_lead_where_they_should_until_ports_run_out() {
    let design = small();
    let mem = tile(1, 1);
    let mut reached = ends(&design.links, mem, Port::Dma(3));
    reached.sort();
    assert_eq!(reached, [(tile(1, 2), Port::Dma(0)), (tile(3, 5), Port::Dma(1))]);
    assert_eq!(ends(&design.links, tile(1, 0), Port::South(3)), [(mem, Port::Dma(0))]);
    assert_eq!(ends(&design.links, tile(1, 2), Port::Dma(1)), [(tile(1, 0), Port::South(3))]);

    // A memory tile has six ports north; its six channels take them all.
    let mut router = Router::new();
    for k in 0..6u8 {
        let to = Channel::new(tile(u32::from(k) % 4, 2 + u32::from(k) / 4), Direction::S2mm, 0).unwrap();
        router.stream(Channel::new(mem, Direction::Mm2s, k).unwrap(), &[to]).unwrap();
    }
    let seventh = router.stream(Channel::new(tile(1, 0), Direction::Mm2s, 0).unwrap(), &[Channel::new(tile(1, 5), Direction::S2mm, 1).unwrap()]);
    // The shim can go around by its own row; the column's own way is full.
    seventh.unwrap();
    let again = router.stream(Channel::new(mem, Direction::Mm2s, 0).unwrap(), &[Channel::new(tile(1, 5), Direction::S2mm, 0).unwrap()]);
    assert!(matches!(again, Err(ArrayError::Taken { side: "slave", .. })));
}

#[test]
fn a_full_array_has_no_way_left() {
    // Row 1 has 4 x 6 ports upward; 4 x 2 shim channels never fill them, memory tiles' 24 channels do.
    let mut router = Router::new();
    let mut sent = 0;
    for c in 0..4 {
        for k in 0..6u8 {
            let target = Channel::new(tile(c, 2 + u32::from(k) / 2), Direction::S2mm, k % 2).unwrap();
            router.stream(Channel::new(tile(c, 1), Direction::Mm2s, k).unwrap(), &[target]).unwrap();
            sent += 1;
        }
    }
    assert_eq!(sent, 24);
    let full = format!("{router:?}");
    let more = router.stream(Channel::new(tile(0, 0), Direction::Mm2s, 0).unwrap(), &[Channel::new(tile(0, 5), Direction::S2mm, 0).unwrap()]);
    assert!(matches!(more, Err(ArrayError::NoWay { .. })), "{more:?}");
    assert_eq!(full, format!("{router:?}"), "a refused stream leaves nothing behind");
}

/// Configuration and stream of a golden; nothing where they are absent.
fn golden(name: &str) -> Option<(Cdo, Vec<u8>)> {
    let container = shared(&format!("golden/npu/{name}.xclbin"))?;
    let xclbin = Xclbin::read(&std::fs::read(container).unwrap()).unwrap();
    let stream = ["insts.txt", "insts.bin"].iter().find_map(|end| shared(&format!("golden/npu/{name}.{end}")));
    let stream = stream.map_or(Vec::new(), |path| std::fs::read(path).unwrap());
    Some((xclbin.partition().unwrap().images[0].pdi.cdo.clone(), stream))
}

/// Reading a golden configuration and writing it again gives its bytes, padding and all.
#[test]
fn golden_configurations_come_back() {
    for name in [
        "xdna-emu-add1/aie",
        "xdna-npu-toolkit/fusion/single-add",
        "xdna-npu-toolkit/fusion/fused-add-add",
        "xdna-npu-toolkit/gemm-256-1col",
        "xdna-npu-toolkit/gemm-512-4col",
        "xdna-npu-toolkit/gemv-288",
    ] {
        let Some((cdo, _)) = golden(name) else { return };
        let design = Design::read_cdo(&cdo).unwrap();
        assert!(design.cdo().unwrap() == cdo, "{name}");
        assert!(!design.cores.is_empty() && !design.links.is_empty() && !design.shims.is_empty(), "{name}");
    }
}

/// The golden 256 x 256 x 256 int16 product on one column, written from data of our own: three streams through the memory tile, each with two buffers,
/// the memory tile cutting 32 x 32 blocks into the kernel's 4 x 4 tiles and C's back. Only the program's words are the golden's.
fn gemm_256(program: &[u32]) -> Design {
    use Direction::{Mm2s, S2mm};
    let (shim, mem, core) = (tile(0, 0), tile(0, 1), tile(0, 2));
    let channel = |t, d, i| Channel::new(t, d, i).unwrap();
    let start = |t, d, i, descriptor| Start { channel: channel(t, d, i), descriptor, repeat: 0, token: false };

    // Room and filled of each stream and tile. C: locks 4 of core, 0 of the memory tile; B: 2 and 4; A: 0 and 2. The shim's are never taken.
    let pairs = [(shim, 4, 0), (mem, 4, 2), (core, 4, 2), (core, 2, 2), (mem, 2, 2), (shim, 2, 0), (core, 0, 2), (mem, 0, 2), (shim, 0, 0)];
    let locks =
        pairs.iter().flat_map(|&(tile, lock, value)| [LockValue { tile, lock, value }, LockValue { tile, lock: lock + 1, value: 0 }]).collect();

    // One buffer of a pair: it takes from one lock, gives to another, and the other buffer follows.
    let half = |acquire: u8, release: u8, next: u8, address: u64, words: u32| Descriptor {
        acquire: Some(LockStep { id: acquire, value: -1 }),
        release: LockStep { id: release, value: 1 },
        next: Some(next),
        ..Descriptor::linear(address, words)
    };
    let dims = |d: Descriptor, inner: [(u32, u32); 3], outer: u32| Descriptor {
        dims: [inner[0], inner[1], inner[2], (outer, 0)].map(|(step, wrap)| Dim { step, wrap }),
        ..d
    };
    // Rows of 16 words (32 int16): two words of a tile, its four rows, eight tiles beside, eight below.
    let cut = |d| dims(d, [(1, 2), (16, 4), (2, 8)], 64);
    // Tiles of 4 x 4 int32 come one after the other, 16 words each: a row of four, eight tiles beside, four rows, eight below.
    let join = |d| dims(d, [(1, 4), (16, 8), (4, 4)], 128);

    let (a, b, c) = (512, 512, 1024);
    let core_dma = TileDma {
        tile: core,
        descriptors: vec![
            (0, half(0, 1, 1, 0x3D00, a)),
            (2, half(2, 3, 3, 0x2D00, b)),
            (4, half(5, 4, 5, 0x0D00, c)),
            (5, half(5, 4, 4, 0x1D00, c)),
            (3, half(2, 3, 2, 0x3500, b)),
            (1, half(0, 1, 0, 0x4500, a)),
        ],
        starts: vec![start(core, S2mm, 0, 0), start(core, S2mm, 1, 2), start(core, Mm2s, 0, 4)],
    };
    let own = |bytes: u64| 0x80000 + bytes;
    let mem_dma = TileDma {
        tile: mem,
        descriptors: vec![
            (0, half(66, 67, 1, own(0x3000), a)),
            (2, cut(half(67, 66, 3, own(0x3000), a))),
            (24, half(68, 69, 25, own(0x2000), b)),
            (26, cut(half(69, 68, 27, own(0x2000), b))),
            (4, half(64, 65, 5, own(0), c)),
            (6, join(half(65, 64, 7, own(0), c))),
            (7, join(half(65, 64, 6, own(0x1000), c))),
            (5, half(64, 65, 4, own(0x1000), c)),
            (27, cut(half(69, 68, 26, own(0x2800), b))),
            (25, half(68, 69, 24, own(0x2800), b)),
            (3, cut(half(67, 66, 2, own(0x3800), a))),
            (1, half(66, 67, 0, own(0x3800), a)),
        ],
        starts: (0..3).flat_map(|i| [start(mem, S2mm, i, [0, 24, 4][usize::from(i)]), start(mem, Mm2s, i, [2, 26, 6][usize::from(i)])]).collect(),
    };
    Design {
        cores: vec![Core { tile: core, segments: vec![Segment { offset: 0x20000, words: program.to_vec() }] }],
        buffers: Vec::new(),
        locks,
        dmas: vec![core_dma, mem_dma],
        links: Vec::new(),
        shims: vec![
            ShimPort { channel: channel(shim, Mm2s, 0) },
            ShimPort { channel: channel(shim, Mm2s, 1) },
            ShimPort { channel: channel(shim, S2mm, 0) },
        ],
    }
}

/// The ports that the golden's tool chose for its streams; our router chooses others for the same ends.
fn golden_links() -> Vec<Link> {
    use Port::{Control, Dma, North, South};
    let (shim, mem, core) = (tile(0, 0), tile(0, 1), tile(0, 2));
    let join = |tile, slave, master| Link::Circuit { tile, slave, master };
    vec![
        join(shim, South(3), North(3)),
        join(shim, South(7), North(5)),
        join(shim, North(2), South(2)),
        Link::PacketOut { tile: shim, master: South(0), arbiter: 5, selectors: 8, drop_header: false },
        Link::PacketIn { tile: shim, slave: Control, slot: 0, id: 15, mask: 31, arbiter: 5, selector: 3 },
        join(mem, South(3), Dma(0)),
        join(mem, Dma(0), North(1)),
        join(mem, South(5), Dma(1)),
        join(mem, Dma(1), North(5)),
        join(mem, North(1), Dma(2)),
        join(mem, Dma(2), South(2)),
        join(core, South(1), Dma(0)),
        join(core, South(5), Dma(1)),
        join(core, Dma(0), South(1)),
    ]
}

/// The design above gives every command of the golden configuration: the same bytes, padding included.
#[test]
fn a_golden_configuration_is_written_from_design_data() {
    let Some((cdo, stream)) = golden("xdna-npu-toolkit/gemm-256-1col") else { return };
    let program: Vec<u32> = cdo.programs()[0].bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
    let design = Design { links: golden_links(), ..gemm_256(&program) };
    assert_eq!(design.cdo().unwrap().write().unwrap(), cdo.write().unwrap());
    assert_eq!(Design::read_cdo(&cdo).unwrap(), design);

    // The same with the router's own ports: other switch settings, the same product.
    let mut routed = gemm_256(&program);
    routed.shims.clear();
    let channel = |row, d, i| Channel::new(tile(0, row), d, i).unwrap();
    use Direction::{Mm2s, S2mm};
    let mut router = Router::new();
    for (from, to) in [((0, 0), (1, 0)), ((0, 1), (1, 1)), ((1, 0), (2, 0)), ((1, 1), (2, 1)), ((2, 0), (1, 2)), ((1, 2), (0, 0))] {
        router.stream(channel(from.0, Mm2s, from.1), &[channel(to.0, S2mm, to.1)]).unwrap();
    }
    router.tokens(tile(0, 0)).unwrap();
    router.apply(&mut routed);
    assert_ne!(routed.cdo().unwrap(), cdo);
    let mut npu = Npu::new();
    npu.load_cdo(&routed.cdo().unwrap()).unwrap();
    let number = |i: usize, k: usize| ((i * k) % 251) as i16 - 125;
    let matrix = |k: usize| -> Vec<u8> { (0..256 * 256).flat_map(|i| number(i, k).to_le_bytes()).collect() };
    let (mut a, mut b, mut c) = (matrix(7), matrix(13), vec![0u8; 4 * 256 * 256]);
    npu.run(&Txn::read(&stream).unwrap(), &mut [&mut a, &mut b, &mut c]).unwrap();
    for (at, got) in c.chunks_exact(4).enumerate() {
        let (i, j) = (at / 256, at % 256);
        let want: i32 = (0..256).map(|k| i32::from(number(i * 256 + k, 7)) * i32::from(number(k * 256 + j, 13))).sum();
        assert_eq!(i32::from_le_bytes(got.try_into().unwrap()), want, "[{i}, {j}]");
    }
}

/// The streams whose S2MM tasks do not repeat, written by our builder: the goldens' bytes.
#[test]
fn golden_streams_are_written() {
    let shim = |c| tile(c, 0);
    let ins = |c, i| Channel::new(shim(c), Direction::Mm2s, i).unwrap();
    let out = Channel::new(shim(0), Direction::S2mm, 0).unwrap();
    let plain = |words| Descriptor { shim: PlainShim::KNOWN, ..Descriptor::linear(0, words) };

    if let Some((_, golden)) = golden("xdna-npu-toolkit/fusion/single-add") {
        let mut s = Stream::new();
        s.transfer(ins(0, 0), 0, &plain(2048), 0, 0, false).unwrap();
        s.transfer(ins(0, 1), 1, &plain(2048), 1, 0, false).unwrap();
        s.transfer(out, 2, &plain(2048), 2, 0, true).unwrap().wait(out);
        assert_eq!(s.finish().write().unwrap(), golden);
    }
    if let Some((_, golden)) = golden("xdna-npu-toolkit/fusion/fused-add-add") {
        let mut s = Stream::new();
        s.transfer(ins(0, 0), 0, &plain(2048), 0, 0, false).unwrap();
        s.transfer(ins(0, 1), 1, &plain(2048), 1, 0, false).unwrap();
        s.transfer(ins(1, 0), 0, &plain(2048), 2, 0, false).unwrap();
        s.transfer(out, 2, &plain(2048), 3, 0, true).unwrap().wait(out);
        assert_eq!(s.finish().write().unwrap(), golden);
    }
    if let Some((_, golden)) = golden("xdna-npu-toolkit/gemv-288") {
        // The matrix in nine runs of 32 rows: 16 words of a row, 32 rows, then the next 16 words.
        let mut rows = plain(32 * 144);
        rows.dims[0].wrap = 16;
        rows.dims[1] = Dim { step: 144, wrap: 32 };
        rows.dims[2].step = 16;
        rows.iteration = Iteration { step: 32 * 144, wrap: 9, current: 0 };
        let mut s = Stream::new();
        s.transfer(ins(0, 1), 0, &plain(144), 1, 8, false).unwrap();
        s.transfer(ins(0, 0), 1, &rows, 0, 8, false).unwrap();
        s.transfer(out, 2, &plain(288), 2, 0, true).unwrap().wait(out);
        assert_eq!(s.finish().write().unwrap(), golden);
    }
    let refused = Stream::new().transfer(out, 2, &plain(4), 0, 1, true).map(|_| ());
    assert!(matches!(refused, Err(ArrayError::Lacks { what: "an S2MM task that repeats", .. })));
}
