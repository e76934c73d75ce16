//! The table judged as a whole: every row, every word of the short slots, random words of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::bundle::{Bundle, FULL};
use super::hazard::{Effects, InFlight};
use super::instruction::{Instruction, Slot};
use super::opcode::Opcode;
use super::table::{Form, Kind, TABLE};
use super::text::{self, Draft};
use super::{Program, Register, decode_program, flow, replay, schedule};

/// Random numbers that are the same for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A word that the form decodes, with random fields.
fn word(form: &Form, random: &mut Random) -> u64 {
    loop {
        let mut word = form.value;
        for field in &form.fields {
            let value = match field.kind {
                Kind::Class(class) => random.next() % TABLE.classes[class].members.len() as u64,
                Kind::Signed { .. } | Kind::Unsigned { .. } | Kind::Negative { .. } => random.next(),
            };
            word |= field.place(value);
        }
        if Instruction::of(form, word).is_some() {
            return word;
        }
    }
}

#[test]
fn rows_are_sound() {
    assert_eq!(TABLE.forms.len(), Opcode::ALL.len());
    for form in &TABLE.forms {
        let (name, mut taken) = (form.opcode.name(), form.mask);
        assert_eq!(form.mask >> form.slot.width(), 0, "{name}");
        assert_eq!(form.value & !form.mask, 0, "{name}");
        assert!(form.fields.len() <= 5, "{name}");
        for field in &form.fields {
            for piece in &field.pieces {
                let bits = ((1 << piece.count) - 1) << piece.from;
                assert_eq!((taken & bits, bits >> form.slot.width()), (0, 0), "{name}: bits of a field belong to something else");
                taken |= bits;
            }
            let width = field.pieces.iter().map(|piece| piece.count).sum::<u32>();
            match field.kind {
                Kind::Class(class) => assert!(TABLE.classes[class].members.len() <= 1 << width, "{name}: more registers than codes"),
                Kind::Signed { bits, .. } | Kind::Unsigned { bits, .. } | Kind::Negative { bits, .. } => assert_eq!(bits, width, "{name}"),
            }
        }
        assert_eq!(taken, form.covered);
    }
    for class in &TABLE.classes {
        let members: Vec<_> = class.members.iter().flatten().collect();
        assert_eq!(members.iter().collect::<BTreeSet<_>>().len(), members.len(), "a register has two codes");
        assert!(
            members
                .iter()
                .all(|register| register.is_valid() && (register.to_string().parse() == Ok(**register) || register.to_string().starts_with('d')))
        );
    }
}

#[test]
fn formats_are_disjoint_and_full() {
    for (index, format) in TABLE.formats.iter().enumerate() {
        let mut taken = format.mask;
        for &(slot, at) in &format.slots {
            let bits = ((1_u128 << slot.width()) - 1) << at;
            assert_eq!(taken & bits, 0, "{}", format.name);
            taken |= bits;
        }
        assert_eq!(taken, if format.bytes == FULL { u128::MAX } else { (1 << (8 * format.bytes)) - 1 }, "{}", format.name);
        for other in TABLE.formats[..index].iter().filter(|other| other.bytes == format.bytes) {
            assert_ne!((format.value ^ other.value) & format.mask & other.mask, 0, "{} and {} cannot be told apart", format.name, other.name);
        }
    }
}

#[test]
fn no_word_has_two_meanings() {
    for slot in Slot::ALL.into_iter().filter(|slot| slot.width() <= 22) {
        let forms: Vec<&Form> = TABLE.forms.iter().filter(|form| form.slot == slot).collect();
        for word in 0..1_u64 << slot.width() {
            let mut found = forms.iter().filter(|form| word & form.mask == form.value).filter(|form| Instruction::of(form, word).is_some());
            if let (Some(first), Some(second)) = (found.next(), found.next()) {
                panic!("{word:#x} of slot {} is {} and {}", slot.name(), first.opcode.name(), second.opcode.name());
            }
        }
    }
    let mut random = Random(7);
    for slot in [Slot::Vec, Slot::Lng] {
        for form in TABLE.forms.iter().filter(|form| form.slot == slot) {
            for _ in 0..2000 {
                let word = word(form, &mut random);
                let found = TABLE.forms.iter().filter(|other| other.slot == slot && Instruction::of(other, word).is_some()).count();
                assert_eq!(found, 1, "{}", form.opcode.name());
            }
        }
    }
}

#[test]
fn every_form_goes_to_bits_and_text_and_back() {
    let mut random = Random(11);
    for form in &TABLE.forms {
        for _ in 0..200 {
            let word = word(form, &mut random);
            let instruction = Instruction::decode(form.slot, word).unwrap();
            assert_eq!((instruction.opcode(), instruction.encode()), (form.opcode, word));
            assert_eq!(Instruction::new(form.opcode, instruction.operands()).unwrap(), instruction);
            let printed = instruction.to_string();
            let read = text::instruction(&printed).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!((read.instruction, read.label), (instruction, None), "{printed}");
            let bundle = Bundle::new(&[instruction]).unwrap();
            for bundle in [2, 4, 6, 8, 10, 12, 14, 16].into_iter().filter_map(|bytes| bundle.widened(bytes)) {
                assert_eq!(Bundle::decode(&bundle.encode(), 0).unwrap(), bundle);
            }
        }
    }
}

#[test]
fn any_bytes_decode_or_say_why_not() {
    let (mut random, mut decoded) = (Random(13), 0);
    for _ in 0..400_000 {
        let bytes = [random.next().to_le_bytes(), random.next().to_le_bytes()].concat();
        let length = random.next() as usize % (FULL + 1);
        if let Ok(bundle) = Bundle::decode(&bytes[..length], 0) {
            decoded += 1;
            assert_eq!(bundle.encode(), bytes[..bundle.bytes()]);
        }
    }
    assert!(decoded > 1000, "{decoded}");
}

/// One instruction of every form, in a bundle of its own: bytes and text, as `forms.txt` has them. Forms were compared with llvm-aie's own lines when the
/// table was made. `BLESS=1` writes the file anew.
#[test]
fn forms_stay_as_they_were() {
    let (mut random, mut text) = (Random(17), String::new());
    for form in &TABLE.forms {
        let bundle = Bundle::new(&[Instruction::of(form, word(form, &mut random)).unwrap()]).unwrap();
        let bytes: Vec<String> = bundle.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{:<36} {:<18} {bundle}", form.opcode.name(), bytes.join(" ")).unwrap();
        assert_eq!(decode_program(&bundle.encode(), 0).unwrap(), [(0, bundle)]);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/forms.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    for (ours, theirs) in text.lines().zip(expected.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(text.lines().count(), expected.lines().count());
}

/// Random instructions over few registers, so that they meet.
fn code(random: &mut Random, count: usize) -> Vec<Draft> {
    let mut code = Vec::new();
    for _ in 0..count {
        let mut pick = |bound: u64| random.next() % bound;
        let text = match pick(12) {
            0 => format!("lda r{}, [p{}], #4", pick(3), pick(2)),
            1 => format!("add r{}, r{}, r{}", pick(3), pick(3), pick(3)),
            2 => format!("mul r{}, r{}, r{}", pick(3), pick(3), pick(3)),
            3 => format!("mov s0, r{}", pick(3)),
            4 => format!("vlda wl{}, [p{}], #32", pick(2), pick(2)),
            5 => format!("vldb wh{}, [p{}], m0", pick(2), pick(2)),
            6 => format!("vmac cm{}, cm{}, x{}, x{}, r{}", pick(2), pick(2), pick(2), pick(2), pick(3)),
            7 => format!("vshuffle x{}, x{}, x{}, r{}", pick(2), pick(2), pick(2), pick(3)),
            8 => format!("vlda.ups.s32.s16 bml{}, s0, [p{}, #0]", pick(2), pick(2)),
            9 => format!("vsrs.s16.s32 x{}, cm{}, s0", pick(2), pick(2)),
            10 => format!("vadd.32 x{}, x{}, x{}", pick(2), pick(2), pick(2)),
            _ => format!("vst wl{}, [p{}], #32", pick(2), pick(2)),
        };
        code.push(text::instruction(&text).unwrap());
    }
    code
}

fn starts(cycles: &[i64]) -> BTreeMap<(usize, usize), i64> {
    cycles.iter().enumerate().map(|(index, &cycle)| ((index, 0), cycle)).collect()
}

/// Code that the hazard rules let pass means the same with and without a pipeline; what changes meaning is a hazard.
#[test]
fn hazards_and_replay_agree() {
    let (mut random, mut clean, mut changed) = (Random(19), 0, 0);
    for _ in 0..4000 {
        let count = 2 + random.next() as usize % 3;
        let code = code(&mut random, count);
        let mut cycles = vec![0];
        for _ in 1..code.len() {
            cycles.push(cycles[cycles.len() - 1] + 1 + (random.next() % 8) as i64);
        }
        let mut program = vec![Bundle::new(&[]).unwrap(); cycles[cycles.len() - 1] as usize + 1];
        for (draft, &cycle) in code.iter().zip(&cycles) {
            program[cycle as usize] = Bundle::new(&[draft.instruction]).unwrap();
        }
        let program: Vec<(u32, Bundle)> = program.into_iter().enumerate().map(|(index, bundle)| (16 * index as u32, bundle)).collect();
        let found = flow::hazards(&program, &flow::graph(&program).unwrap(), &vec![InFlight::No; program.len()]);
        let effects: Vec<Effects> = code.iter().map(|draft| Effects::of(&draft.instruction)).collect();
        let same = replay::compare(&effects, &starts(&cycles), 1);
        clean += usize::from(found.is_empty());
        changed += usize::from(same.is_err());
        assert!(!found.is_empty() || same.is_ok(), "{code:?} at {cycles:?}: {same:?}");
    }
    assert!(clean > 500 && changed > 500, "{clean} {changed}");
}

/// Schedules are replayed where they are made; here the bundles made of them go through the rules for programs.
#[test]
fn schedules_assemble() {
    let mut random = Random(23);
    for _ in 0..150 {
        let code = code(&mut random, 12);
        let straight = schedule::straight(&code).unwrap();
        assert_eq!(straight.bundles.iter().flatten().count(), code.len());
        let mut program = Program::new();
        program.straight(straight).assemble().unwrap_or_else(|e| panic!("{e}\n{code:?}"));
        let pipelined = schedule::modulo(&code, 1, 120).unwrap();
        assert_eq!(pipelined.kernel.iter().flatten().count(), code.len());
        assert_eq!(pipelined.prologue.iter().chain(&pipelined.kernel).chain(&pipelined.epilogue).flatten().count(), code.len() * pipelined.stages);
        let mut program = Program::new();
        program.bundle("mova r9, #5").pipelined("k", Register::R(9), pipelined).assemble().unwrap_or_else(|e| panic!("{e}\n{code:?}"));
    }
}

/// A replay notices an instruction that is moved to where it finds another value.
#[test]
fn replay_can_fail() {
    let code: Vec<Draft> = ["lda r0, [p0], #4", "add r1, r0, r0"].into_iter().map(|text| text::instruction(text).unwrap()).collect();
    let effects: Vec<Effects> = code.iter().map(|draft| Effects::of(&draft.instruction)).collect();
    assert_eq!(replay::compare(&effects, &starts(&[0, 7]), 1), Ok(()));
    let found = replay::compare(&effects, &starts(&[0, 6]), 1).unwrap_err();
    assert_eq!((found.reader, found.register, found.wanted, found.found), (1, Register::R(0), Some((0, 0)), None));
}
