//! PDI: the device image that the NPU's firmware loads. A header table, one image header, one partition header, each with a checksum of its own, and
//! one CDO, filled up to 16 bytes.

use super::bytes::{Error, Out, Reader, Result, Why, canonical, word};
use super::cdo::Cdo;

/// The first word: the bytes by which a boot interface finds out its width.
pub const BUS_WIDTH: u32 = 0xdd;
/// The second word.
pub const BUS_DETECT: u32 = 0x1122_3344;
/// The third and fourth.
const BUS_REST: [u32; 2] = [0x5566_7788, 0x99aa_bbcc];
/// The three tables: where they begin, and their words before the checksum.
const TABLES: [(usize, usize, &str); 3] = [(0x10, 31, "image header table"), (0x90, 15, "image header"), (0xd0, 31, "partition header")];
/// Where the CDO begins.
const DATA: usize = 0x150;
const IDENT: u32 = u32::from_le_bytes(*b"IDPP");
/// Partition type CDO, owner the platform's loader.
const ATTRIBUTES: u32 = 0x0200_0006;

/// A device image with one CDO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdi {
    /// The device's JTAG identity.
    pub id_code: u32,
    /// Its extension.
    pub extended_id_code: u32,
    /// The image's name, at most 15 bytes.
    pub name: String,
    /// The image's number.
    pub image: u32,
    /// A platform register and its index to measure the image into; tools write 0 or all ones.
    pub measurement: u32,
    /// The configuration.
    pub cdo: Cdo,
}

/// A configuration as an image for the NPU, with the identities that npu1 images carry.
pub fn wrap(cdo: Cdo) -> Pdi {
    Pdi { id_code: 0x14ca_8093, extended_id_code: 1, name: "aie_image".into(), image: 0x1c00_0000, measurement: 0, cdo }
}

impl Pdi {
    /// Reads an image.
    ///
    /// # Errors
    /// For damage, for images with other parts than one CDO, and for what `write` would not give back.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        canonical("PDI", bytes, Self::parse, Self::write)
    }

    pub(crate) fn parse(mut reader: Reader) -> Result<Self> {
        for (at, words, table) in TABLES {
            let mut part = reader.part(at, words * 4 + 4, table)?;
            let computed = checksum(&part.words(words, table)?);
            let found = part.u32("checksum")?;
            if found != computed {
                return Err(reader.fails_at(at + words * 4, table, Why::Checksum { found, computed }));
            }
        }
        for (want, field) in
            [BUS_WIDTH, BUS_DETECT, BUS_REST[0], BUS_REST[1]].into_iter().zip(["bus width 0", "bus width 1", "bus width 2", "bus width 3"])
        {
            reader.expect(want, "a byte pattern of the boot interface", field)?;
        }
        reader.expect(0x0004_0000, "version 4", "version")?;
        reader.expect(1, "1 image", "image count")?;
        reader.expect(0x24, "0x24 words", "image header offset")?;
        reader.expect(1, "1 partition", "partition count")?;
        reader.expect(0x34, "0x34 words", "partition header offset")?;
        reader.skip(4)?;
        let id_code = reader.u32("id code")?;
        reader.skip(12)?;
        reader.expect(IDENT, "`IDPP`", "identification")?;
        reader.expect(0x0020_1020, "0x201020", "header sizes")?;
        reader.expect(0x30, "0x30 words", "header length")?;
        reader.skip(16)?;
        let extended_id_code = reader.u32("extended id code")?;
        reader.skip(56)?;

        reader.expect(0x34, "0x34 words", "first partition header")?;
        reader.expect(1, "1 section", "section count")?;
        reader.skip(8)?;
        let name = reader.text(16, "image name")?;
        let image = reader.u32("image id")?;
        reader.skip(20)?;
        let measurement = reader.u32("measurement")?;
        reader.skip(4)?;

        let (padded, length, total) = (reader.u32("padded length")?, reader.u32("length")?, reader.u32("total length")?);
        if padded != total || padded != length.next_multiple_of(4) {
            let why = Why::Value { found: padded.into(), wants: "the length in words, filled up to four, twice" };
            return Err(reader.fails_at(0xd0, "padded length", why));
        }
        reader.skip(12)?;
        reader.expect(u32::MAX, "all ones", "load address, low")?;
        reader.expect(u32::MAX, "all ones", "load address, high")?;
        reader.expect(DATA as u32 / 4, "0x54 words", "data offset")?;
        reader.expect(ATTRIBUTES, "a CDO for the loader", "attributes")?;
        reader.expect(1, "1 section", "section count")?;
        let cdo = Cdo::parse(reader.part(DATA, (length as usize).saturating_mul(4), "CDO")?.named("CDO"))?;
        reader.part(DATA, (padded as usize).saturating_mul(4), "partition")?;
        Ok(Self { id_code, extended_id_code, name, image, measurement, cdo })
    }

    /// The bytes.
    ///
    /// # Errors
    /// For a name of more than 15 bytes, and for what `Cdo::write` refuses.
    pub fn write(&self) -> Result<Vec<u8>> {
        let cdo = self.cdo.write()?;
        let length = word(cdo.len() / 4, "PDI", "length")?;
        let padded = length.checked_next_multiple_of(4).ok_or(Error {
            section: "PDI",
            offset: 0,
            field: "padded length",
            why: Why::TooMuch(length as usize, u32::MAX as usize - 3),
        })?;
        let mut out = Out::default();
        out.words(&[BUS_WIDTH, BUS_DETECT, BUS_REST[0], BUS_REST[1]]);
        out.words(&[0x0004_0000, 1, 0x24, 1, 0x34, 0, self.id_code, 0, 0, 0, IDENT, 0x0020_1020, 0x30, 0, 0, 0, 0, self.extended_id_code]);
        close(&mut out, 0);
        out.words(&[0x34, 1, 0, 0]);
        out.text(&self.name, 16, "PDI", "image name")?;
        out.words(&[self.image, 0, 0, 0, 0, 0, self.measurement]);
        close(&mut out, 1);
        out.words(&[padded, length, padded, 0, 0, 0, u32::MAX, u32::MAX, DATA as u32 / 4, ATTRIBUTES, 1]);
        close(&mut out, 2);
        out.0.extend(cdo);
        out.align(16);
        Ok(out.0)
    }
}

/// Fills a table up and puts its checksum behind it.
fn close(out: &mut Out, table: usize) {
    let (begin, words, _) = TABLES[table];
    out.zeros(begin + words * 4 - out.len());
    let table: Vec<u32> = out.0[begin..].chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    out.u32(checksum(&table));
}

/// Not the sum of all words.
fn checksum(words: &[u32]) -> u32 {
    !words.iter().fold(0_u32, |sum, word| sum.wrapping_add(*word))
}
