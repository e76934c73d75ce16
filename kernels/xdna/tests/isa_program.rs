//! The assembler: layouts, loops, and what it refuses.

use unicorn_kernels_xdna::isa::{AssemblyError, Program, Register, Slot, decode_program, flow::FlowError, hazard::Hazard, schedule, text};

/// Assembles and decodes again.
fn listing(program: &Program) -> String {
    let assembled = program.assemble().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(decode_program(&assembled.code(), 0).unwrap(), assembled.bundles);
    assembled.to_string()
}

fn fault(build: impl FnOnce(&mut Program) -> &mut Program) -> AssemblyError {
    let mut program = Program::new();
    build(&mut program);
    program.assemble().expect_err("to be refused")
}

fn hazards(text: &[&str]) -> Vec<Hazard> {
    match fault(|program| text.iter().fold(program, |program, line| program.bundle(line))) {
        AssemblyError::Hazards(hazards) => hazards,
        other => panic!("{other}"),
    }
}

#[test]
fn a_zero_overhead_loop_is_laid_out() {
    let mut program = Program::new();
    program.bundle("movxm ls, body").bundle("movxm le, last").bundle("mova r0, #8; vbcst.32 x0, r1").bundle("add.nc lc, r0, #0").nops(50);
    program.label("body").bundle("vlda wl2, [p0], #32; vldb wl4, [p1], #32").nops(6);
    program.bundle("vmac cm0, cm0, x2, x4, r1").loop_end("last");
    program.jump("j body");
    let text = listing(&program);
    let assembled = program.assemble().unwrap();
    assert_eq!((assembled.labels["body"] % 16, assembled.labels["last"] % 16), (0, 0), "{text}");
    let last = assembled.bundles.iter().find(|(pc, _)| *pc == assembled.labels["last"]).unwrap();
    assert_eq!(last.1.bytes(), 16);
}

#[test]
fn alignment_costs_bytes_and_no_bundles() {
    let mut program = Program::new();
    program.bundle("mova r0, #1").bundle("mova r1, #2").label("next").jump("jnz r0, next");
    program.bundle("done").nops(5);
    let assembled = program.assemble().unwrap();
    assert_eq!(assembled.bundles.len(), 2 + 6 + 6);
    assert_eq!(assembled.labels["next"], 16);
}

#[test]
fn early_reads_are_named() {
    let found = hazards(&["lda r0, [p0, #0]", "nop", "add r1, r0, r0"]);
    let expected = Hazard::Early { reader: 2, writer: 0, register: Register::R(0), needed: 7, actual: 2 };
    assert_eq!(found, [expected]);
    let mut late = Program::new();
    late.bundle("lda r0, [p0, #0]").nops(6).bundle("add r1, r0, r0");
    listing(&late);
    let mut wanted = Program::new();
    wanted.bundle("lda r0, [p0, #0]").bundle("add r1, r0, r0").in_flight();
    listing(&wanted);
}

#[test]
fn a_jump_carries_hazards_to_its_target() {
    let found = match fault(|p| p.label("top").bundle("add r1, r0, r0").bundle("j top").nops(3).bundle("lda r0, [p0, #0]").bundle("")) {
        AssemblyError::Hazards(found) => found,
        other => panic!("{other}"),
    };
    assert_eq!(found, [Hazard::Early { reader: 0, writer: 5, register: Register::R(0), needed: 7, actual: 2 }]);
}

#[test]
fn results_travel_through_calls_and_returns() {
    let program = |late: usize| {
        let mut program = Program::new();
        program.jump("jl work").bundle("add r1, r0, r0").jump("j work");
        program.label("work").bundle("ret lr").nops(4 - late).bundle("lda r0, [p0, #0]").nops(late);
        program
    };
    let found = program(0).assemble().unwrap_err();
    let expected = Hazard::Early { reader: 6, writer: 18, register: Register::R(0), needed: 7, actual: 1 };
    assert_eq!(found, AssemblyError::Hazards(vec![expected]));
}

#[test]
fn accumulators_forward_among_integer_sums_only() {
    let mut program = Program::new();
    program.bundle("vmac cm0, cm0, x2, x4, r1").bundle("").bundle("vmac cm0, cm0, x2, x4, r1");
    listing(&program);
    let found = hazards(&["vmac cm0, cm0, x2, x4, r1", "vmac cm0, cm0, x2, x4, r1"]);
    assert!(found.iter().all(|h| matches!(h, Hazard::Early { needed: 2, actual: 1, .. })), "{found:?}");
    let found = hazards(&["vmac.f bml0, bml0, x2, x4, r1", "", "", "vmac.f bml0, bml0, x2, x4, r1"]);
    assert!(found.iter().all(|h| matches!(h, Hazard::Early { needed: 4, actual: 3, .. })), "{found:?}");
}

#[test]
fn writes_and_units_do_not_collide() {
    assert!(matches!(hazards(&["lda r0, [p0, #0]", "", "", "", "", "", "mova r0, #1"])[0], Hazard::Overtaken { first: 0, second: 6, .. }));
    assert!(matches!(hazards(&["lda r0, [p0, #0]", "", "", "", "", "", "mova r1, #1"])[0], Hazard::Conflict { first: 0, second: 6, .. }));
    assert!(matches!(hazards(&["mova r0, #1; movx r0, #2"])[0], Hazard::Overtaken { first: 0, second: 0, .. }));
    assert!(matches!(hazards(&["vlda.ups.s32.s16 bml0, s0, [p0, #0]", "mov s0, r0"])[0], Hazard::Clobbered { reader: 0, writer: 1, .. }));
    assert!(matches!(hazards(&["st r0, [p0, #0]", "acq #48, r1"])[0], Hazard::Lock { lock: 1, access: 0, needed: 4, actual: 1 }));
    assert!(matches!(hazards(&["acq #48, r1", "", "", "lda r0, [p0, #0]"])[0], Hazard::Lock { lock: 0, access: 3, needed: 4, actual: 3 }));
}

#[test]
fn impossible_programs_are_refused() {
    assert!(matches!(fault(|p| p.bundle("vfly x0")), AssemblyError::Text { .. }));
    assert!(matches!(fault(|p| p.bundle("lda r0, [p0, #3]")), AssemblyError::Text { .. }));
    assert!(matches!(fault(|p| p.bundle("movx r0, #1; add r1, r1, r1")), AssemblyError::Bundle { .. }));
    assert!(matches!(fault(|p| p.bundle("movxm r0, #1; add r1, r1, r1")), AssemblyError::Bundle { .. }));
    assert!(matches!(fault(|p| p.jump("j nowhere")), AssemblyError::Label { .. }));
    assert!(matches!(fault(|p| p.label("a").jump("j a").label("a").bundle("")), AssemblyError::Twice(_)));
    assert!(matches!(fault(|p| p.jump("j #8")), AssemblyError::Flow(FlowError::Unaligned { .. })));
    assert!(matches!(fault(|p| p.jump("j #160")), AssemblyError::Flow(FlowError::Target { .. })));
    assert!(matches!(fault(|p| p.label("a").bundle("j a").nops(4)), AssemblyError::Flow(FlowError::Short { .. })));
    assert!(matches!(fault(|p| p.label("a").bundle("j a").nops(4).bundle("j a").nops(5)), AssemblyError::Flow(FlowError::Delay { .. })));
    assert!(matches!(fault(|p| p.nops(8193)), AssemblyError::TooLarge(_)));
    let two = |bank| [text::instruction("vlda wl0, [p0, #0]").unwrap().in_bank(0), text::instruction("vldb wl1, [p1, #0]").unwrap().in_bank(bank)];
    assert!(matches!(fault(|p| p.push(two(0))), AssemblyError::Bank { bank: 0, .. }));
    let mut program = Program::new();
    listing(program.push(two(1)));
}

#[test]
fn loops_keep_their_rules() {
    let short = fault(|p| {
        p.bundle("movxm ls, body").bundle("movxm le, last").bundle("mova lc, #4");
        p.label("body").bundle("add r0, r0, r1").bundle("").loop_end("last")
    });
    assert!(matches!(short, AssemblyError::Flow(FlowError::Setup { register: Register::Lc, actual, .. }) if actual < 112), "{short}");
    let small = fault(|p| {
        p.bundle("movxm ls, body").bundle("movxm le, last").bundle("mova lc, #4");
        p.nops(60).label("body").bundle("add r0, r0, r1").label("last").bundle("")
    });
    assert!(matches!(small, AssemblyError::Flow(FlowError::Loop { .. })), "{small}");
    let late = fault(|p| {
        p.bundle("movxm ls, body").bundle("movxm le, last").bundle("mova lc, #4").nops(60);
        p.label("body").bundle("jnz r0, body").nops(5).loop_end("last").nops(5)
    });
    assert!(matches!(late, AssemblyError::Flow(FlowError::Loop { .. })), "{late}");
    assert!(matches!(fault(|p| p.bundle("mov le, r0")), AssemblyError::Flow(FlowError::Bounds { .. })));
    assert!(matches!(fault(|p| p.bundle("movxm le, #0")), AssemblyError::Flow(FlowError::Loop { .. })));
}

/// The inner loop of a multiplication: two rows by two columns of tiles, all operands loaded, `unrolled` times with registers of its own.
fn product(unrolled: u8) -> Vec<text::Draft> {
    let mut body = Vec::new();
    let draft = |text: String| text::instruction(&text).unwrap();
    for set in 0..unrolled {
        let x = |n: u8| 4 * set + n;
        for (n, (slot, bank)) in [("vlda", 0), ("vldb", 1), ("vlda", 0), ("vldb", 1)].into_iter().enumerate() {
            for half in ["wl", "wh"] {
                body.push(draft(format!("{slot} {half}{}, [p{n}], #32", x(n as u8))).in_region(u32::from(bank)).in_bank(bank));
            }
        }
        for (accumulator, a, b) in [(0, 0, 1), (1, 0, 3), (2, 2, 1), (3, 2, 3)] {
            body.push(draft(format!("vmac cm{accumulator}, cm{accumulator}, x{}, x{}, r0", x(a), x(b))));
        }
    }
    body
}

#[test]
fn a_product_loop_is_pipelined_to_one_multiplication_a_cycle() {
    let body = product(2);
    let pipelined = schedule::modulo(&body, 1, 32).unwrap();
    assert_eq!(pipelined.interval, 8, "eight multiplications, eight loads of each port");
    assert_eq!(pipelined.kernel.iter().flatten().count(), body.len());
    let mut program = Program::new();
    program.bundle("mova r1, #16").pipelined("kernel", Register::R(1), pipelined).bundle("done").nops(5);
    let text = listing(&program);
    let assembled = program.assemble().unwrap();
    let kernel = assembled.bundles.iter().filter(|(pc, _)| (assembled.labels["kernel"]..=assembled.labels["kernel.end"]).contains(pc));
    assert!(kernel.into_iter().all(|(_, bundle)| bundle.get(Slot::Vec).is_some()), "{text}");
}

/// With one set of registers the two halves of an operand and its two readers do not fit into four cycles, whatever the order.
#[test]
fn registers_bound_the_interval() {
    assert_eq!(schedule::modulo(&product(1), 1, 32).unwrap().interval, 5);
    assert!(matches!(schedule::modulo(&product(1), 1, 4), Err(schedule::ScheduleError::Interval { tried: 4, .. })));
}

#[test]
fn straight_code_keeps_its_sense_and_its_latencies() {
    let straight = schedule::straight(&product(1)).unwrap();
    // The fourth load of each port starts in bundle 3 and has landed in bundle 10; three multiplications wait for one of the two.
    assert_eq!(straight.bundles.len(), 13);
    let mut program = Program::new();
    listing(program.straight(straight));
}
