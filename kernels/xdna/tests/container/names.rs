//! The table of registers against the manual's as data. Skipped where that is not at hand.

use std::collections::BTreeMap;
use unicorn_kernels_xdna::container::address::Tile;
use unicorn_kernels_xdna::container::registers::{register, slave};

/// Every register that the table names is named and cut into fields as the manual has it. A table may leave fields out only where it is known to.
#[test]
fn names_and_fields_are_the_manuals() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/aie2-registers.tsv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let mut manual = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let mut next = || columns.next().expect("a column");
        let (module, name, offset, _, fields) = (next(), next(), next(), next(), next());
        let row = ["shim", "memory_tile"].iter().position(|m| *m == module).unwrap_or(2) as u8;
        let offset = u32::from_str_radix(offset.trim_start_matches("0x"), 16).expect("an offset");
        manual.insert((row, offset), (name, fields));
    }
    let mut named = 0;
    for row in 0..3_u8 {
        for offset in (0..0x10_0000).step_by(4) {
            let Some(register) = register(Tile { column: 0, row }.at(offset)) else { continue };
            if register.name.ends_with("_Memory") {
                continue;
            }
            let (name, fields) =
                manual.get(&(row, offset)).unwrap_or_else(|| panic!("row {row}, {offset:#x}: {} is not in the manual", register.name));
            assert_eq!(register.name, *name, "row {row}, {offset:#x}");
            let ours: Vec<_> = register.fields().map(|f| format!("{}[{}:{}]", f.name, f.high, f.low)).collect();
            let theirs = fields.split("; ").map(|f| f.split('=').next().expect("a name").to_owned());
            // Reserved bits are no fields here, and of the core's status only what a configuration can ask for.
            let theirs: Vec<_> = theirs.filter(|f| !f.starts_with("Reserved") && (*name != "Core_Status" || ours.contains(f))).collect();
            assert_eq!(ours, theirs, "row {row}, {offset:#x}: {name}");
            named += 1;
        }
    }
    let wanted = |name: &str| ["DMA_BD", "Stream_Switch_Master_Config", "Stream_Switch_Slave_", "Lock0_value"].iter().any(|w| name.starts_with(w));
    let missing: Vec<_> =
        manual.iter().filter(|(at, (name, _))| wanted(name) && register(Tile { column: 0, row: at.0 }.at(at.1)).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(named > 1000, "{named}");
}

#[test]
fn values_are_told_by_field() {
    let core = Tile { column: 0, row: 3 };
    let text = |offset, value, mask| register(core.at(offset)).expect("a register").describe(value, mask);
    assert_eq!(text(0x1d000 + 0x60, 0x0400_0011, u32::MAX), "Base_Address=4096 Buffer_Length=17");
    assert_eq!(text(0x32000, 0, 1), "Enable=0");
    assert_eq!(text(0x1d014, 127 << 5 | 1 << 18, u32::MAX), "Lock_Rel_Value=1 Lock_Acq_Value=-1");
    assert_eq!(text(0x1f020, 0, u32::MAX), "-");
    assert_eq!(text(0x3f004, 0x8000_0005, u32::MAX), "Master_Enable=1 Configuration=5 (South_0)");
    // A packet-switched master's number is no port.
    assert_eq!(text(0x3f004, 0xc000_0005, u32::MAX), "Master_Enable=1 Packet_Enable=1 Configuration=5");
    assert_eq!(text(0x32000, 0x11, u32::MAX), "Enable=1 other=0x10");
    assert_eq!(register(core.at(0x1d000 + 0x60)).expect("a register").name, "DMA_BD3_0");
    assert_eq!(slave(core.kind(), 22), Some("East_3".into()));
    assert!(register(core.at(0x1d018)).is_none() && slave(core.kind(), 99).is_none());
}
