//! Against bootgen, the vendor's public tool that makes images from configuration files (Debian: `xilinx-bootgen`). Skipped where it is not on PATH.

use crate::cases::{self, Random};
use std::path::Path;
use std::process::Command as Process;
use unicorn_kernels_xdna::container::cdo::{Cdo, Command};
use unicorn_kernels_xdna::container::pdi::wrap;

fn bootgen(arguments: &[&str], folder: &Path) -> Option<String> {
    match Process::new("bootgen").args(["-arch", "versal"]).args(arguments).current_dir(folder).output() {
        Err(why) => {
            println!("skipped: bootgen: {why}");
            None
        }
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{text}");
            Some(text)
        }
    }
}

/// A group of commands as the file that the array's driver library writes: an empty NOP first, 64-bit addresses, data at multiples of 16 bytes.
fn wide(group: &[Command]) -> Vec<u8> {
    let mut cdo = Cdo { commands: vec![Command::Nop { words: 0 }] };
    for command in group {
        let command = match command.clone() {
            Command::Write { address, value } => Command::Write64 { address, value },
            Command::MaskWrite { address, mask, value } => Command::MaskWrite64 { address, mask, value },
            other => other,
        };
        if let Command::DmaWrite { data, .. } = &command {
            let before = cdo.words() + if data.len() + 2 < 255 { 3 } else { 4 };
            let padding = (4 - before % 4) % 4;
            if padding > 0 {
                cdo.commands.push(Command::Nop { words: padding as u32 - 1 });
            }
        }
        cdo.commands.push(command);
    }
    cdo.write().expect("it fits")
}

#[test]
fn images_are_those_of_bootgen() {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = "id_code = 0x14ca8093 extended_id_code = 0x01";
    let bif = format!("all: {{ {identity} image {{ name=aie_image, id=0x1c000000 {{ type=cdo file=0.bin file=1.bin file=2.bin }} }} }}");
    std::fs::write(folder.path().join("image.bif"), bif).expect("a file");
    for seed in 0..40 {
        let groups = cases::groups(&mut Random(seed));
        for (number, group) in groups.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{number}.bin")), wide(group)).expect("a file");
        }
        if bootgen(&["-image", "image.bif", "-o", "image.pdi", "-w"], folder.path()).is_none() {
            return;
        }
        let theirs = std::fs::read(folder.path().join("image.pdi")).expect("an image");
        assert!(wrap(Cdo::assemble(&groups)).write().expect("it fits") == theirs, "{seed}");
    }
}

/// Bootgen reads an image written here, and tells what is in it.
#[test]
fn bootgen_reads_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let pdi = wrap(Cdo::assemble(&cases::groups(&mut Random(77))));
    let bytes = pdi.write().expect("it fits");
    std::fs::write(folder.path().join("image.pdi"), &bytes).expect("a file");
    let Some(text) = bootgen(&["-read", "image.pdi"], folder.path()) else { return };
    let words = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let expected = [
        ("id_code (0x18)", pdi.id_code),
        ("extended_id_code (0x44)", pdi.extended_id_code),
        ("checksum(0x7c)", words(0x8c)),
        ("id (0x18)", pdi.image),
        ("checksum (0x3c)", words(0xcc)),
        ("unencrypted_length (0x04)", pdi.cdo.words() as u32),
        ("total_length (0x08)", (bytes.len() as u32 - 0x150) / 4),
        ("checksum (0x7c)", words(0x14c)),
    ];
    for (field, value) in expected {
        assert!(text.contains(&format!("{field} : {value:#010x}")), "{field}: {value:#010x} in {text}");
    }
    assert!(text.contains("IMAGE HEADER (aie_image)") && text.contains("partition_type[cdo]"), "{text}");
}
