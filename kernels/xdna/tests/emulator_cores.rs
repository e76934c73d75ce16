//! Programs of our own in the emulated cores: the times at which results land, jumps, loops, memory, locks, streams, and diagnoses.

mod emulator_common;

use emulator_common::{BLOCK, adder, container, program, tile};
use unicorn_kernels_xdna::array::*;
use unicorn_kernels_xdna::container::{txn::Txn, xclbin::Xclbin};
use unicorn_kernels_xdna::emulator::*;
use unicorn_kernels_xdna::isa::{Bundle, Instruction, Register, text};

/// A core with a program, enabled, in an array of its own.
fn core_with(code: &[u8]) -> Npu {
    let mut npu = Npu::new();
    let design = Design { cores: vec![Core::new(tile(1, 3), code)], ..Design::default() };
    npu.configure(&design.configure().unwrap()).unwrap();
    npu
}

fn run(lines: &[&str]) -> (Npu, Report) {
    let mut all = lines.to_vec();
    all.extend(["", "", "", "", "", "", "", "", "", "", "", "", "done", "", "", "", "", "", ""]);
    let mut npu = core_with(&program(&all));
    let report = npu.run_cores().unwrap_or_else(|e| panic!("{e}"));
    (npu, report)
}

/// Bundles one after the other, without the assembler's checks: for what it refuses.
fn unchecked(lines: &[&str]) -> Vec<u8> {
    let instructions = |line: &&str| -> Vec<Instruction> { text::instructions(line).unwrap().into_iter().map(|d| d.instruction).collect() };
    lines.iter().flat_map(|line| Bundle::new(&instructions(line)).unwrap().encode()).collect()
}

fn r(npu: &Npu, n: u8) -> u32 {
    u32::from_le_bytes(npu.register(tile(1, 3), Register::R(n)).unwrap().try_into().unwrap())
}

/// A reader `distance` bundles behind a writer: the old value up to the latency, the new one from there on.
#[test]
fn results_land_exactly_when_the_pipeline_says() {
    // Writer, register it writes as a bundle that copies it to r9, latency.
    for (writer, latency) in
        [("add r1, r2, r3", 1usize), ("mul r1, r2, r3", 2), ("lda r1, [p0, #0]", 7), ("lda.s8 r1, [p0, #0]", 7), ("vextract.s32 r1, x2, r16", 2)]
    {
        for distance in 1..10 {
            let mut lines = vec![
                "movxm p0, #0x70100",
                "mova r2, #5",
                "mova r3, #6",
                "mova r1, #77; vbcst.32 x2, r3",
                "mova r16, #1; movx r5, #30",
                "st r5, [p0, #0]",
                "",
                "",
                "",
                "",
                "",
                "",
            ];
            lines.push(writer);
            lines.extend(std::iter::repeat_n("", distance - 1));
            // The reader's result must not want the port that the writer's takes.
            lines.push(if writer.starts_with("mul") { "mov r9, r1" } else { "or r9, r1, r1" });
            let (npu, _) = run(&lines);
            let new = r(&npu, 1);
            assert_ne!(new, 77);
            assert_eq!(r(&npu, 9), if distance >= latency { new } else { 77 }, "{writer} at {distance}");
        }
    }
}

/// Vector results forwarded: one bundle earlier among moves and lane work, not to stores; accumulations two bundles apart chain.
#[test]
fn bypasses_are_exact() {
    let setup = ["movxm p0, #0x70100", "mova r1, #1", "vbcst.32 x2, r1", "vbcst.32 x1, r1", "", "", ""];
    for (consumer, needed) in [("vadd.32 x4, x1, x2", 1usize), ("vst wl1, [p0, #0]", 2), ("vups.s32.s16 bml0, wl1, s0", 2)] {
        for distance in 1..5 {
            let mut lines = setup.to_vec();
            lines.push("vadd.32 x1, x2, x2");
            lines.extend(std::iter::repeat_n("", distance - 1));
            lines.push(consumer);
            lines.extend(["", "", "", "", "", "", "", "lda r9, [p0, #0]", "", "", "", "", "", "", ""]);
            lines.push("mova r16, #0; vmov x5, bml0");
            lines.extend(["", "", "vextract.s32 r8, x4, r16", "vextract.s32 r7, x5, r16"]);
            let (npu, _) = run(&lines);
            let got = match consumer.split('.').next().unwrap() {
                "vadd" => r(&npu, 8) - 1,
                "vups" => r(&npu, 7),
                _ => r(&npu, 9),
            };
            assert_eq!(got, if distance >= needed { 2 } else { 1 }, "{consumer} at {distance}");
        }
    }
    // Each product adds 8 to every lane of a zeroed accumulator: int8 of ones, 4 x 8 x 8. Distance 2 accumulates; distance 1 loses the first.
    for (gap, want) in [(0, 8), (1, 16), (2, 16)] {
        let mut lines = vec!["movxm r4, #0x308", "mova r1, #1", "vbcst.8 x2, r1", "vclr cm0", "", "", "", "", "", "", "vmac cm0, cm0, x2, x2, r4"];
        lines.extend(std::iter::repeat_n("", gap));
        lines.extend(["vmac cm0, cm0, x2, x2, r4", "", "", "", "", "", "", "mova r16, #3; vmov x5, bmh0", "", "", "vextract.s32 r9, x5, r16"]);
        assert_eq!(r(&run(&lines).0, 9), want, "gap {gap}");
    }
    // Float accumulation reads in the third cycle and writes in the sixth, without bypass: four bundles apart.
    for (gap, want) in [(2, 8.0f32), (3, 16.0)] {
        let mut lines =
            vec!["mova r4, #0x1c", "movxm r1, #0x3f80", "vbcst.16 x2, r1", "vclr bml0", "", "", "", "", "", "", "", "vmac.f bml0, bml0, x2, x2, r4"];
        lines.extend(std::iter::repeat_n("", gap));
        lines.extend([
            "vmac.f bml0, bml0, x2, x2, r4",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "mova r16, #3; vmov x5, bml0",
            "",
            "",
            "vextract.s32 r9, x5, r16",
        ]);
        assert_eq!(f32::from_bits(r(&run(&lines).0, 9)), want, "gap {gap}");
    }
}

/// Narrowing stores reach memory two bundles later than plain ones; narrow stores read their register six bundles late.
#[test]
fn late_stores() {
    for (distance, want) in [(1, 0), (2, 0), (3, 9)] {
        let mut lines = vec![
            "movxm p0, #0x70200",
            "mova r1, #9",
            "vbcst.32 x2, r1",
            "mova r5, #0",
            "st r5, [p0, #0]; vups.s64.s32 cm0, x2, s0",
            "",
            "",
            "",
            "",
            "",
            "",
        ];
        lines.push("vst.srs.s32.s64 bml0, s0, [p0, #0]");
        lines.extend(std::iter::repeat_n("", distance - 1));
        lines.push("lda r9, [p0, #0]");
        assert_eq!(r(&run(&lines).0, 9), want, "distance {distance}");
    }
    for distance in 3..9 {
        // The register is rewritten `distance` bundles behind the store. The assembler refuses this, so the bundles are put together by hand.
        let mut lines = vec!["movxm p0, #459264", "mova r1, #34", "st.s8 r1, [p0, #0]"];
        lines.extend(std::iter::repeat_n("nop", distance - 1));
        lines.push("mova r1, #51");
        lines.extend(std::iter::repeat_n("nop", 16));
        lines.extend(["lda.u8 r9, [p0, #0]", "nop", "nop", "nop", "nop", "nop", "nop", "nop", "done"]);
        let mut npu = core_with(&unchecked(&lines));
        npu.run_cores().unwrap();
        // Written in cycle 1 of bundle t + distance, read in cycle 7 of bundle t.
        assert_eq!(r(&npu, 9), if distance <= 5 { 51 } else { 34 }, "distance {distance}");
    }
}

/// When shifts are read, as llvm-aie's schedule has it (`AIE2Schedule.td`: operand cycle 1 in `VSRS`, `VST_SRS` and `VUPS`, 7 in `VLDA_UPS`): results of
/// the first ones land in cycles 3 and 4, before a seventh cycle comes. A register rewritten in the reader's own bundle gives its old value, but to loads.
#[test]
fn shifts_are_read_first_but_by_loads() {
    // Of 256 by 4, then by 8: reader, how its result comes to x2, both results. Unpacking to accumulators shares the slot of `mov`.
    let readers = [
        ("vsrs.d16.s32 x2, cm1, s3", "nop", [16, 1], 0),
        ("vsrs.s16.s32 wl2, bml1, s3", "nop", [16, 1], 0),
        ("vst.srs.d16.s32 bml1, s3, [p0, #32]", "vlda wl2, [p0, #32]", [16, 1], 0),
        ("vups.s32.d16 bml2, wl1, s3", "vmov x2, bml2", [0x1000, 0x10000], 1),
        ("vlda.ups.s32.d16 bml2, s3, [p0, #0]", "vmov x2, bml2", [0x1000, 0x10000], 0),
    ];
    for (reader, result, [old, new], nearest) in readers {
        for distance in nearest..9 {
            let mut lines = vec!["movxm p0, #459264", "movxm r1, #256", "vbcst.32 x1, r1", "mov s0, #0", "mov s3, #4", "mova r16, #0", "nop"];
            lines.extend(["vst wl1, [p0, #0]", "vups.s32.s16 cm1, x1, s0", "nop", "nop", "nop", "nop"]);
            let together = format!("{reader}; mov s3, #8");
            lines.push(if distance == 0 { &together } else { reader });
            lines.extend(std::iter::repeat_n("nop", distance.max(1) - 1));
            if distance > 0 {
                lines.push("mov s3, #8");
            }
            for line in [result, "vextract.s32 r9, x2, r16", "done"] {
                lines.extend(["nop"; 12]);
                lines.push(line);
            }
            let mut npu = core_with(&unchecked(&lines));
            npu.run_cores().unwrap();
            // Written in cycle 1 of bundle t + distance, read in cycle 7 of bundle t.
            let late = reader.starts_with("vlda") && distance <= 5;
            assert_eq!(r(&npu, 9), if late { new } else { old }, "{reader}: {distance}");
        }
    }
}

#[test]
fn jumps_calls_and_loops() {
    // Five delay slots run, the sixth bundle does not.
    let (npu, _) = run(&[
        "mova r1, #0",
        "j target",
        "add r1, r1, #1",
        "add r1, r1, #2",
        "add r1, r1, #4",
        "add r1, r1, #8",
        "add r1, r1, #16",
        "add r1, r1, #32",
        "target:",
        "or r9, r1, r1",
    ]);
    assert_eq!(r(&npu, 9), 31);
    // A call comes back behind its delay slots.
    let (npu, _) = run(&[
        "mova r1, #1",
        "jl double",
        "",
        "",
        "",
        "",
        "add r1, r1, #1",
        "add r2, r1, #0",
        "j end",
        "",
        "",
        "",
        "",
        "",
        "double:",
        "add r1, r1, r1",
        "ret lr",
        "",
        "",
        "",
        "",
        "add r1, r1, #5",
        "end:",
        "",
    ]);
    assert_eq!(r(&npu, 2), 9);
    // A countdown.
    let (npu, report) = run(&["mova r1, #10", "mova r2, #0", "movxm p0, again", "again:", "add r2, r2, r1", "jnzd r1, r1, p0", "", "", "", "", ""]);
    assert_eq!((r(&npu, 1), r(&npu, 2)), (0, 55));
    assert!(report.cores[0].bundles > 70);
    // A loop without overhead: LC passes of one bundle and no more.
    for passes in [1u32, 2, 7] {
        let count = format!("mova r0, #{passes}");
        let mut lines = vec!["mova r1, #0", "movxm ls, body", "movxm le, last", &count, "add.nc lc, r0, #0"];
        lines.extend(std::iter::repeat_n("", 60));
        lines.extend(["body:", "add r1, r1, #1", "add r1, r1, #16 <- loop last", "or r9, r1, r1"]);
        let (npu, _) = run(&lines);
        assert_eq!(r(&npu, 9), 17 * passes);
    }
}

/// Pointers that walk through two and three dimensions, against loops.
#[test]
fn walks_through_dimensions() {
    let lines = |walk: &str| {
        let mut lines = vec![
            "movxm p0, #0x70000".to_owned(),
            "mova m0, #-40".into(),
            "mova dn0, #2".into(),
            "mova dj0, #8".into(),
            "mova dc0, #0".into(),
            "mova dn4, #1".into(),
            "mova dj4, #100".into(),
            "mova dc4, #0".into(),
        ];
        for n in 1..=14 {
            lines.push(format!("{walk} [p0], d0"));
            lines.push(format!("mov r{n}, p0"));
        }
        lines
    };
    let at = |walk: &str| {
        let text = lines(walk);
        let (npu, _) = run(&text.iter().map(String::as_str).collect::<Vec<_>>());
        (1..=14).map(|n| r(&npu, n)).collect::<Vec<_>>()
    };
    let (mut two, mut three) = (Vec::new(), Vec::new());
    let mut p = 0x70000i32;
    'two: loop {
        for step in [8, 8, -40] {
            p += step;
            two.push(p as u32);
            if two.len() == 14 {
                break 'two;
            }
        }
    }
    assert_eq!(at("padda.2d"), two);
    p = 0x70000;
    'three: loop {
        for step in [8, 8, 100, 8, 8, -40] {
            p += step;
            three.push(p as u32);
            if three.len() == 14 {
                break 'three;
            }
        }
    }
    assert_eq!(at("padda.3d"), three);
}

/// Loads of one bundle from one 16 KiB bank cost a cycle; from two banks none.
#[test]
fn bank_conflicts_only_cost_time() {
    for (other, stalls) in [("#0x70040", 8), ("#0x74000", 0)] {
        let other = format!("movxm p1, {other}");
        let mut lines = vec!["movxm p0, #0x70000", &other, "mova r1, #3", "st r1, [p0, #0]", "st r1, [p1, #0]", ""];
        lines.extend(std::iter::repeat_n("vlda wl0, [p0, #0]; vldb wl2, [p1, #0]", 8));
        lines.extend(["", "", "", "", "", "", "", "mova r16, #0", "vextract.s32 r9, x2, r16"]);
        let (npu, report) = run(&lines);
        assert_eq!((report.cores[0].bank_stalls, r(&npu, 9)), (stalls, 3));
        let c = report.cores[0];
        assert!(report.cycles - (c.bundles + c.bank_stalls) <= 1, "{report:?}");
    }
}

fn fails(lines: &[&str]) -> Diagnosis {
    let mut npu = core_with(&program(lines));
    npu.set_limit(10_000);
    npu.run_cores().unwrap_err()
}

#[test]
fn bad_programs_are_diagnosed() {
    // South of (1, 3) and west of it are cores, north too; there is nothing below 0x40000.
    let e = fails(&["movxm p0, #0x30000", "lda r1, [p0, #0]", "done", "", "", "", ""]);
    assert!(matches!(e, Diagnosis::Access { address: 0x30000, bytes: 4, .. }), "{e}");
    let e = fails(&["movxm p0, #0x70002", "lda r1, [p0, #0]", "done", "", "", "", ""]);
    assert!(matches!(&e, Diagnosis::Bundle { why, .. } if why.contains("not aligned")), "{e}");
    let e = fails(&["mova r1, #-1", "acq #48, r1", "done", "", "", "", ""]);
    let Diagnosis::Deadlock { waits, .. } = &e else { panic!("{e}") };
    assert_eq!(waits.len(), 1);
    assert!(waits[0].what.contains("lock 0 of core (1, 3) to hold at least 1 (it holds 0)"), "{e}");
    let e = fails(&["again:", "j again", "", "", "", "", ""]);
    assert!(matches!(e, Diagnosis::Limit { cycles: 10_000, .. }), "{e}");
    let e = fails(&["mova r16, #0", "vldb.4x16.lo wl0, wl2", "done", "", "", "", ""]);
    assert!(matches!(&e, Diagnosis::Bundle { pc: 16 | 4, why, .. } if why.contains("not modelled")), "{e}");

    // Bytes that are no bundle: their address and themselves.
    let mut code = program(&["mova r1, #1", "mova r1, #2"]);
    let bad = code.len() as u32;
    code.extend([0x55; 16]);
    let e = core_with(&code).run_cores().unwrap_err();
    let Diagnosis::Bundle { pc, bytes, tile: at, .. } = &e else { panic!("{e}") };
    assert_eq!((*pc, bytes[..4].to_vec(), *at), (bad, vec![0x55; 4], tile(1, 3)));
    // Running off the end of program memory.
    let e = core_with(&[0x01, 0x00].repeat(0x2000)).run_cores().unwrap_err();
    assert!(matches!(&e, Diagnosis::Bundle { pc: 0x4000, why, .. } if why.contains("outside program memory")), "{e}");
}

/// Accesses and lock operations too near to each other are counted: behind an acquire four bundles, before a release as many as the access needs. The
/// assembler refuses such programs, too.
#[test]
fn hasty_accesses_are_counted() {
    for (gap, hasty) in [(0, 2), (2, 2), (3, 0)] {
        let mut lines = vec!["movxm p0, #459008", "mova r2, #-1; movx r3, #1", "rel #48, r3", "nop", "nop", "nop", "nop", "acq #48, r2"];
        lines.extend(std::iter::repeat_n("nop", gap));
        lines.push("st r3, [p0, #0]");
        lines.extend(std::iter::repeat_n("nop", gap));
        lines.extend(["rel #49, r3", "nop", "nop", "nop", "nop", "nop", "nop", "done"]);
        let report = core_with(&unchecked(&lines)).run_cores().unwrap();
        assert_eq!(report.cores[0].hasty, hasty, "gap {gap}");
    }
}

/// Two cores, one above the other, hand a buffer in the lower one's memory to and fro by its locks.
#[test]
fn neighbours_share_memory_and_locks() {
    let (low, high) = (tile(2, 2), tile(2, 3));
    // The lower core writes 1..=20 and waits for each to be taken; the upper one, which sees it in the south, adds them up.
    let writer = program(&[
        "movxm p0, #0x70400",
        "mova r1, #0; movx r2, #-1; mov r3, #1",
        "mova r4, #20",
        "movxm p1, again",
        "again:",
        "acq #48, r2",
        "",
        "",
        "",
        "add r1, r1, #1",
        "st r1, [p0, #0]",
        "",
        "",
        "",
        "",
        "rel #49, r3",
        "jnzd r4, r4, p1",
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
    let reader = program(&[
        "movxm p0, #0x40400",
        "mova r1, #0; movx r2, #-1; mov r3, #1",
        "mova r4, #20",
        "movxm p1, again",
        "again:",
        "acq #1, r2",
        "",
        "",
        "",
        "lda r5, [p0, #0]",
        "",
        "",
        "",
        "",
        "",
        "",
        "add r1, r1, r5",
        "rel #0, r3",
        "jnzd r4, r4, p1",
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
    let design = Design {
        cores: vec![Core::new(low, &writer), Core::new(high, &reader)],
        locks: vec![LockValue { tile: low, lock: 0, value: 1 }],
        ..Design::default()
    };
    let mut npu = Npu::new();
    npu.configure(&design.configure().unwrap()).unwrap();
    let report = npu.run_cores().unwrap();
    let sum = npu.register(high, Register::R(1)).unwrap();
    assert_eq!(u32::from_le_bytes(sum.try_into().unwrap()), 210);
    assert_eq!((npu.lock(low, 0), npu.lock(low, 1)), (Some(1), Some(0)));
    assert!(report.cores.iter().all(|c| c.lock_stalls > 50 && c.done), "{report:?}");
}

/// A core sends words by its stream to another, which adds them up, waiting where there are none.
#[test]
fn cores_stream_to_each_other() {
    let (from, to) = (tile(0, 2), tile(2, 4));
    let sender = program(
        &[
            "mova r1, #0; movx r4, #9",
            "movxm p1, again",
            "again:",
            "add r1, r1, #3",
            "mov ms, r1",
            "jnzd r4, r4, p1",
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
        ]
        .map(|l| l),
    );
    let taker = program(&[
        "mova r1, #0; movx r4, #9",
        "movxm p1, again",
        "again:",
        "mov r5, SS",
        "",
        "",
        "",
        "",
        "",
        "",
        "add r1, r1, r5",
        "jnzd r4, r4, p1",
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
    let mut design = Design { cores: vec![Core::new(from, &sender), Core::new(to, &taker)], ..Design::default() };
    let mut router = Router::new();
    router.connect((from, Port::Core), &[(to, Port::Core)]).unwrap();
    router.apply(&mut design);
    let mut npu = Npu::new();
    npu.configure(&design.configure().unwrap()).unwrap();
    let report = npu.run_cores().unwrap();
    assert_eq!(u32::from_le_bytes(npu.register(to, Register::R(1)).unwrap().try_into().unwrap()), 3 * 45);
    assert!(report.cores.iter().any(|c| c.stream_stalls > 0), "{report:?}");
}

/// From host to host through a core of our own, in a container of our own: every word plus 100, block by block.
#[test]
fn a_whole_way_of_our_own() {
    let (design, stream) = adder();
    let mut npu = Npu::new();
    npu.load_xclbin(&Xclbin::read(&container(&design)).unwrap()).unwrap();
    let mut input: Vec<u8> = (0..8 * BLOCK).flat_map(|i| (i * i).to_le_bytes()).collect();
    let mut output = vec![0u8; input.len()];
    let report = npu.run(&Txn::read(&stream.write().unwrap()).unwrap(), &mut [&mut input, &mut output]).unwrap();
    for (i, b) in output.chunks_exact(4).enumerate() {
        assert_eq!(u32::from_le_bytes(b.try_into().unwrap()), (i * i) as u32 + 100);
    }
    assert_eq!(report.host_words(), u64::from(16 * BLOCK));
}
