//! What the writers put down, against plain sums and offsets worked out here, and read again.

use crate::cases::{self, Random};
use unicorn_kernels_xdna::container::address::{Address, Kind, Tile};
use unicorn_kernels_xdna::container::cdo::{Cdo, Command};
use unicorn_kernels_xdna::container::pdi::{Pdi, wrap};
use unicorn_kernels_xdna::container::roundtrip::roundtrip;
use unicorn_kernels_xdna::container::sections::Body;
use unicorn_kernels_xdna::container::txn::{Direction, Op, Txn};
use unicorn_kernels_xdna::container::xclbin::{Section, Trailer, Xclbin};
use unicorn_kernels_xdna::container::{File, Why};

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().expect("four bytes"))).collect()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    words(&bytes[at..at + 4])[0]
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn inverted_sum(words: &[u32]) -> u32 {
    !words.iter().fold(0_u32, |sum, word| sum.wrapping_add(*word))
}

/// A core at column 1, row 2: a program of six words, a lock, core on.
fn small() -> Vec<Vec<Command>> {
    let core = Tile { column: 1, row: 2 };
    let program = Command::DmaWrite { address: core.at(0x20000), data: vec![1, 2, 3, 4, 5, 6] };
    let lock = Command::Write { address: core.at(0x1f010), value: 2 };
    let on = Command::MaskWrite { address: core.at(0x32000), mask: 1, value: 1 };
    vec![vec![program], vec![lock], vec![on]]
}

#[test]
fn addresses_are_put_together_and_taken_apart() {
    let tile = Tile { column: 3, row: 4 };
    assert_eq!(tile.at(0xdef), Address(3 * 0x200_0000 + 4 * 0x10_0000 + 0xdef));
    assert_eq!((tile.at(0xf_fffc).tile(), tile.at(0xf_fffc).offset()), (tile, 0xf_fffc));
    let kinds: Vec<_> = (0..4).map(|row| Tile { column: 0, row }.kind()).collect();
    assert_eq!(kinds, [Kind::Shim, Kind::Memory, Kind::Core, Kind::Core]);
}

#[test]
fn a_cdo_is_these_words() {
    let cdo = Cdo::assemble(&small());
    let bytes = cdo.write().expect("it fits");
    let body = [
        // Programs: an empty NOP, and one of three words, so that the data begins at word 12 of the file.
        [0x111, 0x2_0111, 0, 0, 0x8_0105, 0, 0x222_0000, 1, 2, 3, 4, 5, 6].as_slice(),
        // Configuration, then start.
        &[0x111, 0x2_0103, 0x221_f010, 2],
        &[0x111, 0x3_0102, 0x223_2000, 1, 1],
    ]
    .concat();
    let header = [4, 0x004f_4443, 0x200, body.len() as u32];
    let header = [&header[..], &[inverted_sum(&header)]].concat();
    assert_eq!(words(&bytes), [header, body].concat());
    assert_eq!(Cdo::read(&bytes).as_ref(), Ok(&cdo));
    assert_eq!(cdo.groups(), small());
    let programs = cdo.programs();
    assert_eq!((programs.len(), programs[0].tile, programs[0].offset, programs[0].bytes.len()), (1, Tile { column: 1, row: 2 }, 0, 24));
}

/// The word that holds the length of a long command begins at 255 payload words.
#[test]
fn long_commands_have_a_word_for_their_length() {
    let write = |count: usize| {
        let command = Command::DmaWrite { address: Address(0), data: vec![7; count] };
        words(&Cdo { commands: vec![command] }.write().expect("it fits"))[5..9].to_vec()
    };
    assert_eq!(write(252), [254 << 16 | 0x105, 0, 0, 7]);
    assert_eq!(write(253), [255 << 16 | 0x105, 255, 0, 0]);
}

#[test]
fn every_command_comes_back() {
    let address = Address(0x223_2000);
    let commands = vec![
        Command::MaskPoll { address, mask: 1, value: 0, timeout: 1000 },
        Command::MaskWrite64 { address, mask: 2, value: 2 },
        Command::Write64 { address, value: 3 },
        Command::Nop { words: 254 },
        Command::DmaWrite { address, data: Vec::new() },
        Command::End,
    ];
    let cdo = Cdo { commands };
    let bytes = cdo.write().expect("it fits");
    assert_eq!(Cdo::read(&bytes).as_ref(), Ok(&cdo));
    assert_eq!(words(&bytes)[5..15], [0x4_0101, 0x223_2000, 1, 0, 1000, 0x4_0107, 0, 0x223_2000, 2, 2]);
    assert!(Cdo { commands: vec![Command::Nop { words: 255 }] }.write().is_err());
}

#[test]
fn an_image_has_three_true_checksums() {
    let pdi = wrap(Cdo::assemble(&small()));
    let (bytes, cdo) = (pdi.write().expect("it fits"), pdi.cdo.write().expect("it fits"));
    let all = words(&bytes);
    assert_eq!(all[..4], [0xdd, 0x1122_3344, 0x5566_7788, 0x99aa_bbcc]);
    for (begin, checksum) in [(0x10, 0x8c), (0x90, 0xcc), (0xd0, 0x14c)] {
        assert_eq!(all[checksum / 4], inverted_sum(&all[begin / 4..checksum / 4]), "{begin:#x}");
    }
    let (length, padded) = (cdo.len() as u32 / 4, bytes.len() as u32 / 4 - 0x54);
    assert_eq!((bytes.len() % 16, padded, length < padded), (0, length.next_multiple_of(4), true));
    assert_eq!(all[0xd0 / 4..][..12], [padded, length, padded, 0, 0, 0, u32::MAX, u32::MAX, 0x54, 0x0200_0006, 1, 0]);
    assert_eq!((&bytes[0x38..0x3c], &bytes[0xa0..0xaa], all[0xb0 / 4]), (&b"IDPP"[..], &b"aie_image\0"[..], 0x1c00_0000));
    assert_eq!((all[0x28 / 4], all[0x3c / 4], all[0x40 / 4], all[0x54 / 4]), (0x14ca_8093, 0x0020_1020, 0x30, 1));
    assert_eq!((&bytes[0x150..0x150 + cdo.len()], Pdi::read(&bytes).as_ref()), (&cdo[..], Ok(&pdi)));
}

#[test]
fn a_container_lies_as_its_headers_say() {
    let file = cases::xclbin(&mut Random(1));
    let bytes = file.write().expect("it fits");
    assert_eq!(u64_at(&bytes, 0x130), bytes.len() as u64);
    assert_eq!((&bytes[..8], u64_at(&bytes, 0x138), u32_at(&bytes, 0x1c0)), (&b"xclbin2\0"[..], 0, 7));
    let header = |n: usize| 0x1c8 + 40 * n;
    let kinds: Vec<_> = (0..7).map(|n| u32_at(&bytes, header(n))).collect();
    assert_eq!(kinds, [6, 32, 2, 8, 7, 27, 26]);
    let mut end = header(7) as u64;
    for n in 0..7 {
        let (offset, size) = (u64_at(&bytes, header(n) + 24), u64_at(&bytes, header(n) + 32));
        assert_eq!(offset, end.next_multiple_of(8));
        end = offset + size;
    }
    assert!(bytes[end as usize..].starts_with(b"XCLBIN_MIRROR_DATA_START{") && bytes.ends_with(b"}XCLBIN_MIRROR_DATA_END"));
    // The image, by the offsets of the partition alone.
    let partition = u64_at(&bytes, header(1) + 24) as usize;
    let entry = partition + u32_at(&bytes, partition + 0x7c) as usize;
    let (length, offset) = (u32_at(&bytes, entry + 16) as usize, u32_at(&bytes, entry + 20) as usize);
    let image = &file.partition().expect("a partition").images[0];
    assert_eq!(bytes[partition + offset..][..length], image.pdi.write().expect("it fits"));
    assert_eq!((&bytes[entry..entry + 16], u32_at(&bytes, partition + 0x78)), (&image.uuid[..], 1));
    // The mirror's other fields are text of a foreign shape: it must at least be the identities' digits.
    let hex: String = file.uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(String::from_utf8_lossy(&bytes).contains(&format!("\"XclBinUUID\":\"{hex}\"")));
}

#[test]
fn identities_follow_from_the_content() {
    let make = |seed| cases::xclbin(&mut Random(seed)).write().expect("it fits");
    assert_eq!(make(5), make(5));
    let (a, b) = (cases::xclbin(&mut Random(5)), cases::xclbin(&mut Random(6)));
    let image = |file: &Xclbin| file.partition().expect("a partition").images[0].uuid;
    assert!(a.uuid != b.uuid && image(&a) != image(&b) && a.unique_id != b.unique_id);
    assert_eq!((a.uuid[6] >> 4, a.uuid[8] >> 6, a.timestamp), (8, 2, 0));
}

#[test]
fn a_stream_is_these_words() {
    let at = |offset| Tile { column: 2, row: 0 }.at(offset);
    let ops = vec![
        Op::BlockWrite { tile: (0, 0), address: at(0x1d000), data: vec![11, 12] },
        Op::Patch { register: at(0x1d004), argument: 1, offset: 0x2_0000_0040 },
        Op::MaskWrite { address: at(0x1d200), value: 0xf00, mask: 0x1f00 },
        Op::MaskPoll { address: at(0x1d220), value: 0, mask: 0x8_0000 },
        Op::Write { address: at(0x1d204), value: 0x8000_0000 },
        Op::Sync { direction: Direction::Mm2s, row: 0, column: 2, rows: 1, columns: 3, channel: 1 },
        Op::Noop,
        Op::Preempt { level: 2 },
        Op::LoadPdi { id: 9, size: 64, address: 0x1_0000_0002 },
    ];
    let want: &[&[u32]] = &[
        &[0x0603_0100, 0x0000_0104, 9, 0],
        &[1, 0, 0x401_d000, 24, 11, 12],
        &[0x81, 48, 0, 0, 0, 0, 0x401_d004, 0, 1, 0, 0x40, 2],
        &[3, 0, 0x401_d200, 0, 0xf00, 0x1f00, 28],
        &[4, 0, 0x401_d220, 0, 0, 0x8_0000, 28],
        &[0, 0, 0x401_d204, 0, 0x8000_0000, 24],
        &[0x80, 16, 0x0002_0001, 0x0103_0100],
        &[5],
        &[0x206],
        &[9 << 16 | 8, 64, 2, 1],
    ];
    let mut want = want.concat();
    want[3] = want.len() as u32 * 4;
    let txn = Txn::npu1(ops);
    let bytes = txn.write().expect("it fits");
    assert_eq!(words(&bytes), want);
    assert_eq!(Txn::read(&bytes), Ok(txn));
}

#[test]
fn made_up_files_come_back() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let groups = cases::groups(&mut random);
        let cdo = Cdo::assemble(&groups);
        assert_eq!(cdo.groups(), groups, "{seed}");
        let bytes = cdo.write().expect("it fits");
        assert_eq!(bytes.len(), cdo.words() * 4, "{seed}");
        let files = [File::Cdo(cdo.clone()), File::Pdi(wrap(cdo)), File::Xclbin(cases::xclbin(&mut random)), File::Txn(cases::txn(&mut random))];
        for file in files {
            let bytes = file.write().expect("it fits");
            assert_eq!(File::read(&bytes).as_ref(), Ok(&file), "{seed}");
            let report = roundtrip(&bytes).expect("as above");
            assert!(report.difference.is_none() && report.parts.iter().all(|part| part.equal), "{seed}");
            assert!(report.padding.is_none_or(|(_, as_assembled)| as_assembled), "{seed}");
        }
    }
}

/// Every `DMA_WRITE`'s data lies in its group's file where it does modulo 16 in the array.
#[test]
fn data_is_aligned() {
    for seed in 0..200 {
        for group in cases::groups(&mut Random(seed)) {
            let mut at = 5;
            for command in Cdo::assemble(&[group]).commands {
                let words = words(&Cdo { commands: vec![command.clone()] }.write().expect("it fits")).len() - 5;
                if let Command::DmaWrite { address, data } = &command {
                    assert_eq!((at + words - data.len()) % 4, address.0 as usize / 4 % 4, "{seed}");
                }
                at += words;
            }
        }
    }
}

/// What cannot be kept is refused by name and place.
#[test]
fn errors_name_section_offset_and_field() {
    let good = cases::xclbin(&mut Random(2)).write().expect("it fits");
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        let error = Xclbin::read(&bytes).expect_err("it is damaged");
        assert!(error.to_string().contains(error.field) && error.to_string().contains(error.section), "{error}");
        (error.section, error.offset, error.field, error.why)
    };
    let pdi = good.windows(8).position(|w| w == [0xdd, 0, 0, 0, 0x44, 0x33, 0x22, 0x11]).expect("an image");
    let (section, offset, field, why) = refused(&|b| b[pdi + 0x28] ^= 1);
    assert!(matches!(why, Why::Checksum { .. }));
    assert_eq!((section, offset, field), ("PDI", pdi + 0x8c, "image header table"));
    assert_eq!(refused(&|b| b[pdi + 0x150 + 8] = 3).2, "version");
    assert_eq!(refused(&|b| b[pdi + 0x150 + 22] = 9).0, "CDO");
    assert_eq!(refused(&|b| b[0x140] = 1).2, "reserved");
    assert_eq!(refused(&|b| b[0x150] = 1), ("xclbin", 0x150, "interface uuid", Why::NotCanonical { found: Some(1), written: Some(0) }));
    assert_eq!(refused(&|b| b.truncate(100)).3, Why::Short { needs: 256, left: 60 });
    assert_eq!(refused(&|b| b.truncate(2000)).2, "length");
    assert_eq!(refused(&|b| b[8] = 0).2, "signature length");
    let error = File::read(b"\x7fELF....").expect_err("no file of ours");
    assert_eq!((error.field, error.offset), ("magic", 0));
    assert!(File::read(b"").is_err());
}

/// Text that is spelled otherwise, and sections of other kinds, are kept as they are, and say why.
#[test]
fn what_is_not_understood_is_kept_with_a_reason() {
    let mut file = cases::xclbin(&mut Random(3));
    let position = file.sections.iter().position(|s| matches!(s.body, Body::EmbeddedMetadata(_))).expect("metadata");
    file.sections[position].body = Body::Kept { kind: 2, bytes: b"<project/>".to_vec(), why: "" };
    file.sections.push(Section { name: "odd".into(), body: Body::Kept { kind: 99, bytes: vec![1, 2, 3], why: "" } });
    file.trailer = Trailer::Kept(b"more".to_vec());
    let bytes = file.write().expect("it fits");
    let back = Xclbin::read(&bytes).expect("it is kept");
    assert_eq!(back.write().as_ref(), Ok(&bytes));
    let kept: Vec<_> = back.sections.iter().filter_map(|s| if let Body::Kept { why, .. } = &s.body { Some(*why) } else { None }).collect();
    assert!(kept.len() == 2 && kept.iter().all(|why| why.len() > 20), "{kept:?}");
}

#[test]
fn names_that_do_not_fit_are_errors() {
    let mut pdi = wrap(Cdo::default());
    pdi.name = "sixteen letters!".into();
    assert_eq!(pdi.write().expect_err("no room for its zero").why, Why::TooMuch(16, 15));
}
