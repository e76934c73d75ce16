//! Third-party containers and streams, read and written: every byte must come back from typed values. Skipped where the files are not at hand.

use std::path::{Path, PathBuf};
use unicorn_kernels_xdna::container::File;
use unicorn_kernels_xdna::container::cdo::{Cdo, Command};
use unicorn_kernels_xdna::container::dump::{Options, dump};
use unicorn_kernels_xdna::container::pdi::{Pdi, wrap};
use unicorn_kernels_xdna::container::roundtrip::roundtrip;
use unicorn_kernels_xdna::container::sections::Body;
use unicorn_kernels_xdna::container::xclbin::{Design, Trailer, Xclbin};

/// The files with their names, sorted, or nothing if they are not there.
fn goldens() -> Option<Vec<(String, Vec<u8>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/npu");
    let mut folders = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: no {}", root.display());
            return None;
        };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let wanted = |path: &PathBuf| path.extension().is_some_and(|e| ["xclbin", "bin", "txt"].iter().any(|wanted| e == *wanted));
    let name = |path: &PathBuf| path.strip_prefix(&root).expect("below the root").to_str().expect("UTF-8").to_owned();
    Some(files.iter().filter(|path| wanted(path)).map(|path| (name(path), std::fs::read(path).expect("a file"))).collect())
}

fn xclbins() -> Vec<(String, Vec<u8>, Xclbin)> {
    let files = goldens().unwrap_or_default();
    let xclbin = |(name, bytes): (String, Vec<u8>)| {
        let file = Xclbin::read(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        (name, bytes, file)
    };
    files.into_iter().filter(|(name, _)| name.ends_with(".xclbin")).map(xclbin).collect()
}

#[test]
fn every_file_comes_back_at_every_level() {
    let Some(files) = goldens() else { return };
    let mut kinds = std::collections::BTreeMap::new();
    for (name, bytes) in &files {
        let file = File::read(bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(file.write().expect("what was read fits") == *bytes, "{name}");
        let report = roundtrip(bytes).expect("as above");
        assert_eq!(report.difference, None, "{name}");
        assert!(report.parts.iter().all(|part| part.equal), "{name}: {report:?}");
        report.parts.iter().for_each(|part| *kinds.entry(part.name).or_insert(0) += 1);
        assert!(dump(&file, Options { words: true, instructions: true }).lines().count() > 2, "{name}");
    }
    for (kind, least) in [("xclbin", 6), ("AIE_PARTITION", 6), ("PDI", 6), ("CDO", 9), ("TXN", 6), ("EMBEDDED_METADATA", 6), ("GROUP_TOPOLOGY", 6)] {
        assert!(kinds.get(kind).is_some_and(|count| *count >= least), "{kind}: {kinds:?}");
    }
}

/// Nothing in them is carried along as bytes: sections, image, configuration and trailer are all values.
#[test]
fn nothing_is_a_mere_copy() {
    for (name, bytes, file) in xclbins() {
        assert_eq!(file.trailer, Trailer::Mirror, "{name}");
        assert!(file.sections.iter().all(|section| !matches!(section.body, Body::Kept { .. })), "{name}");
        // The parts by themselves, as they lie in the file.
        let pdi = &file.partition().expect("a partition").images[0].pdi;
        let (pdi_bytes, cdo_bytes) = (pdi.write().expect("it fits"), pdi.cdo.write().expect("it fits"));
        assert!(bytes.windows(pdi_bytes.len()).any(|window| window == pdi_bytes), "{name}");
        assert_eq!(Pdi::read(&pdi_bytes).as_ref(), Ok(pdi), "{name}");
        assert_eq!(Cdo::read(&cdo_bytes).as_ref(), Ok(&pdi.cdo), "{name}");
        assert_eq!(pdi_bytes[0x150..][..cdo_bytes.len()], cdo_bytes, "{name}");
    }
}

/// The rule for padding is the one that the files were made by: without their NOPs, the commands are laid out as they were.
#[test]
fn padding_follows_from_the_commands() {
    for (name, _, file) in xclbins() {
        let cdo = &file.partition().expect("a partition").images[0].pdi.cdo;
        let groups = cdo.groups();
        assert_eq!(groups.len(), 3, "{name}: programs, configuration, start");
        assert!(groups.iter().flatten().all(|command| !matches!(command, Command::Nop { .. })), "{name}");
        let nops = cdo.commands.len() - groups.iter().map(Vec::len).sum::<usize>();
        assert!(nops > 10, "{name}: {nops}");
        assert!(Cdo::assemble(&groups) == *cdo, "{name}");
    }
}

/// The three files that one of the images was joined from say the same commands with 64-bit addresses.
#[test]
fn the_wide_files_are_the_narrow_groups() {
    let Some(files) = goldens() else { return };
    let find = |end: &str| files.iter().find(|(name, _)| name.ends_with(end)).map(|(_, bytes)| bytes).expect("a golden file");
    let joined = Xclbin::read(find("add1/aie.xclbin")).expect("a container");
    let groups = joined.partition().expect("a partition").images[0].pdi.cdo.groups();
    for (group, file) in groups.iter().zip(["elfs.bin", "init.bin", "enable.bin"]) {
        let narrow = |command: Command| match command {
            Command::Write64 { address, value } => Some(Command::Write { address, value }),
            Command::MaskWrite64 { address, mask, value } => Some(Command::MaskWrite { address, mask, value }),
            Command::Nop { .. } => None,
            other => Some(other),
        };
        let commands: Vec<_> = Cdo::read(find(file)).expect("a CDO").commands.into_iter().filter_map(narrow).collect();
        assert_eq!(&commands, group, "{file}");
    }
}

/// A container made from a golden's configuration differs from it in identities, times and the words of the image header alone.
#[test]
fn a_container_made_anew_is_laid_out_as_the_goldens() {
    for (name, bytes, file) in xclbins() {
        let partition = file.partition().expect("a partition");
        let cdo = Cdo::assemble(&partition.images[0].pdi.cdo.groups());
        let mut pdi = wrap(cdo);
        // The tool's newer version writes another value there.
        pdi.measurement = partition.images[0].pdi.measurement;
        let start_columns = &partition.start_columns;
        let design = Design { columns: partition.columns, start_columns, pdi, kernel: "MLIR_AIE", instance: "MLIRAIE", buffers: 5 };
        let mut made = Xclbin::npu1(design).expect("it fits");
        assert!(made.write().expect("it fits") != bytes, "{name}");
        (made.uuid, made.unique_id, made.timestamp, made.version) = (file.uuid, file.unique_id, file.timestamp, file.version);
        for section in &mut made.sections {
            if let Body::AiePartition(section) = &mut section.body {
                section.images[0].uuid = partition.images[0].uuid;
            }
        }
        assert!(made == file, "{name}");
        assert!(made.write().expect("it fits") == bytes, "{name}");
    }
}

/// Every register that the files name is one that the table knows.
#[test]
fn dumps_name_what_is_written() {
    let Some(files) = goldens() else { return };
    for (name, bytes) in &files {
        let text = dump(&File::read(bytes).expect("as above"), Options::default());
        let unnamed: Vec<_> = text.lines().filter(|line| line.contains(") 0x") && line.contains(" = ")).collect();
        assert!(unnamed.is_empty(), "{name}: {unnamed:?}");
        assert!(!text.contains("other="), "{name}");
    }
}
