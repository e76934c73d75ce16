//! The decoder against LLVM's: a kept list, and every instruction of all code objects in a folder (`GFX11_OBJECTS`) with `llvm-objdump` beside it.

use gfx11::decode::decode;
use std::path::Path;
use std::process::Command;

fn words(text: &str) -> Vec<u32> {
    text.split_whitespace().map(|word| u32::from_str_radix(word, 16).expect("a hexadecimal word")).collect()
}

fn text(words: &[u32]) -> String {
    match decode(words) {
        Ok((body, used)) if used == words.len() => body.to_string(),
        Ok((body, used)) => format!("{body}, which takes {used} words"),
        Err(unknown) => unknown.to_string(),
    }
}

#[test]
fn kept_list_prints_as_llvm_prints_it() {
    let mut count = 0;
    for line in include_str!("fixtures/instructions.txt").lines().filter(|line| !line.starts_with('#')) {
        let (code, expected) = line.split_once('\t').expect("words, a tab, text");
        assert_eq!(text(&words(code)), expected, "{code}");
        count += 1;
    }
    assert!(count > 1500, "{count}");
}

#[test]
fn words_that_are_none_say_so() {
    assert_eq!(text(&[0xFC00_0000]), "encoding opcode 63 (first six bits), words fc000000");
    assert_eq!(text(&[0xBF87_0000 | 0x7F << 16]), "SOPP opcode 127 (opcode), words bfff0000");
    assert_eq!(text(&[0xD610_0003]), "no words opcode 0 (the code ends within), words d6100003");
    assert_eq!(text(&[]), "no words opcode 0 (the code ends within), words");
    // A source operand that is reserved.
    assert_eq!(text(&[0x7E06_02D5]), "VOP1 opcode 1 (source operand), words 7e0602d5");
}

#[test]
fn any_words_decode_or_are_refused() {
    let mut seed = 1u64;
    for _ in 0..200_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let words = [(seed >> 32) as u32, seed as u32, (seed >> 16) as u32];
        if let Ok((body, used)) = decode(&words) {
            assert!((1..=3).contains(&used));
            let _ = (body.to_string(), gfx11::isa::Uses::of(&body));
        }
    }
}

/// The lines of a disassembly: text and words.
fn lines(disassembly: &str) -> impl Iterator<Item = (&str, &str)> {
    disassembly.lines().filter_map(|line| {
        let (text, rest) = line.strip_prefix('\t')?.rsplit_once("// ")?;
        let (_, code) = rest.split_once(": ")?;
        Some((text.trim(), code.split_once('<').map_or(code, |(code, _)| code).trim()))
    })
}

fn disassemble(path: &Path) -> Option<String> {
    let run = |name: &str| Command::new(name).args(["-d", "--mcpu=gfx1103"]).arg(path).output();
    match run("llvm-objdump-22").or_else(|_| run("llvm-objdump")) {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => panic!("{}: {}", path.display(), String::from_utf8_lossy(&output.stderr)),
        Err(why) => {
            eprintln!("skipped: llvm-objdump-22: {why}");
            None
        }
    }
}

#[test]
fn code_objects_print_as_llvm_prints_them() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/steps.co");
    let mut paths = vec![own];
    match std::env::var_os("GFX11_OBJECTS") {
        Some(folder) => paths.extend(std::fs::read_dir(folder).expect("GFX11_OBJECTS is a folder").map(|entry| entry.expect("an entry").path())),
        None => eprintln!("skipped: no GFX11_OBJECTS names a folder of code objects; only our own is compared"),
    }
    let mut count = 0;
    for path in &paths {
        let Some(disassembly) = disassemble(path) else { return };
        // The word that nobody knows is the fixture's.
        for (expected, code) in lines(&disassembly).filter(|(_, code)| !code.starts_with("FC000000")) {
            assert_eq!(text(&words(code)), expected, "{}: {code}", path.display());
            count += 1;
        }
    }
    eprintln!("{count} instructions of {} files are the same", paths.len());
    assert!(count > 30);
}
