//! The artifact file: a hardened header, then aligned sections, each with a BLAKE3 digest.
//!
//! ```text
//! 0    magic "UNICORN\0"            8 bytes
//! 8    version                      u32, little-endian like all numbers
//! 12   sections                     u32, at most 32
//! 16   file length                  u64
//! 24   zero                         8 bytes
//! 32   BLAKE3 of bytes 0..32 and the section table: the artifact's digest
//! 64   section table: per section name (24 bytes, zero-padded), offset u64, length u64, BLAKE3 of its bytes
//! 4096 first section; every section begins at the first multiple of 4096 behind the one before, and the last one ends the file
//! ```
//! Bytes between these are zero, so that every byte of the file is covered by a digest or by this rule.
//! The header is read and checked before anything else; a section's bytes are trusted only after [`Artifact::verified`].

use crate::plan::Plan;
use crate::{Error, Result, validate};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// First bytes of every artifact.
pub const MAGIC: [u8; 8] = *b"UNICORN\0";
/// The one version this program reads and writes.
pub const VERSION: u32 = 3;
/// Sections begin at multiples of this.
pub const PAGE: u64 = 4096;
const MAX_SECTIONS: usize = 32;
const HEAD: usize = 64;
const ROW: usize = 72;
/// More than any real manifest takes; a bound for hostile files.
const MAX_MANIFEST: usize = 64 << 20;
/// More tokens than any self-test has.
const MAX_SELFTEST: usize = 4096;

/// Names of the sections.
pub mod section {
    /// Plan and provenance.
    pub const MANIFEST: &str = "manifest";
    /// Weights that are resident at run time.
    pub const WEIGHTS: &str = "weights";
    /// Weights that are read row by row.
    pub const STREAMED: &str = "streamed";
    /// The checkpoint's tokenizer.json.
    pub const TOKENIZER: &str = "tokenizer";
    /// Containers and instruction streams of an NPU, where the plan has such a part.
    pub const NPU: &str = "npu";
    /// Chat template and special tokens, JSON.
    pub const CHAT: &str = "chat";
    /// Expected logits of a short prompt.
    pub const SELFTEST: &str = "selftest";
}

/// What the artifact was made from and how: enough to make it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Compiler name and version.
    pub compiler: String,
    /// Input files by name (without folder), with their BLAKE3 digests in hex.
    pub inputs: Vec<(String, String)>,
    /// Options that change the bytes, as name and value.
    pub options: Vec<(String, String)>,
    /// Notices given while compiling, e.g. what was skipped.
    pub notices: Vec<String>,
}

/// The manifest: what `inspect` shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Origin.
    pub provenance: Provenance,
    /// What runs.
    pub plan: Plan,
}

impl Manifest {
    /// Its bytes.
    ///
    /// # Errors
    /// If it cannot be encoded (never for plans a compiler makes).
    pub fn encode(&self) -> Result<Vec<u8>> {
        bincode::serde::encode_to_vec(self, bincode::config::standard()).map_err(|e| Error::Manifest(e.to_string()))
    }

    /// Reads it back and validates the plan.
    ///
    /// # Errors
    /// [`Error::Manifest`] or [`Error::Plan`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let config = bincode::config::standard().with_limit::<MAX_MANIFEST>();
        let (manifest, read): (Self, usize) = bincode::serde::decode_from_slice(bytes, config).map_err(|e| Error::Manifest(e.to_string()))?;
        if read != bytes.len() {
            return Err(Error::Manifest(format!("{} bytes follow its end", bytes.len() - read)));
        }
        validate::plan(&manifest.plan)?;
        Ok(manifest)
    }
}

/// Logits recorded at compile time by the plain kernels; every kernel gives the same bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// The prompt.
    pub tokens: Vec<u32>,
    /// BLAKE3 of the last position's logits as little-endian f32.
    pub digest: [u8; 32],
    /// The eight largest of them, by id.
    pub top: Vec<(u32, f32)>,
    /// Largest absolute difference to the graph's evaluation in f64 when it was recorded.
    pub difference: f32,
}

impl SelfTest {
    /// Its bytes.
    ///
    /// # Errors
    /// If it cannot be encoded (never for what a compiler makes).
    pub fn encode(&self) -> Result<Vec<u8>> {
        bincode::serde::encode_to_vec(self, bincode::config::standard()).map_err(|e| Error::section(section::SELFTEST, e.to_string()))
    }
}

/// One row of the section table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// BLAKE3 of its bytes.
    #[serde(skip)]
    pub digest: [u8; 32],
}

/// Digest as lowercase hex.
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

/// An open artifact: header checked, file mapped, sections not yet trusted.
#[derive(Debug)]
pub struct Artifact {
    path: PathBuf,
    file: File,
    map: Mmap,
    sections: Vec<Section>,
    digest: [u8; 32],
}

impl Artifact {
    /// Opens and checks the header and the section table.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Header`], or [`Error::Section`] for a section out of bounds.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let file = File::open(&path).map_err(|e| Error::io(&path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io(&path, e))?;
        if !metadata.is_file() {
            return Err(Error::Header { why: "it is not a regular file".into() });
        }
        let length = metadata.len();
        let mut head = vec![0; (HEAD as u64).min(length) as usize];
        file.read_exact_at(&mut head, 0).map_err(|e| Error::io(&path, e))?;
        let count = parse_head(&head, length)?;
        let mut table = vec![0; count * ROW];
        file.read_exact_at(&mut table, HEAD as u64).map_err(|e| Error::io(&path, e))?;
        let digest = blake3::Hasher::new().update(&head[..32]).update(&table).finalize();
        if digest.as_bytes()[..] != head[32..64] {
            return Err(Error::Header { why: "its header does not match its digest".into() });
        }
        let sections = parse_table(&table, length)?;
        // SAFETY: the map is only read; a file that shrinks under us is outside what any reader of mapped files can promise.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(&path, e))?;
        if map.len() as u64 != length {
            return Err(Error::Header { why: "its length changed while it was opened".into() });
        }
        let begins = sections.iter().map(|s| s.offset).chain([length]);
        let ends = std::iter::once((HEAD + table.len()) as u64).chain(sections.iter().map(|s| s.offset + s.length));
        for (end, begin) in ends.zip(begins) {
            if map[end as usize..begin as usize].iter().any(|b| *b != 0) {
                return Err(Error::Header { why: format!("the padding before byte {begin} is not zero: it was damaged") });
            }
        }
        Ok(Self { path, file, map, sections, digest: *digest.as_bytes() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for reads by row.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The digest of the header, which covers the digests of all sections: the artifact's identity.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The section table.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// One row of the table.
    ///
    /// # Errors
    /// [`Error::Section`] if it does not exist.
    pub fn section(&self, name: &str) -> Result<&Section> {
        self.sections.iter().find(|s| s.name == name).ok_or_else(|| Error::section(name, "it is missing"))
    }

    /// Bytes of a section, unverified.
    ///
    /// # Errors
    /// [`Error::Section`] if it does not exist.
    pub fn bytes(&self, name: &str) -> Result<&[u8]> {
        let section = self.section(name)?;
        // In bounds: `parse_table` checked it against the length that was mapped.
        Ok(&self.map[section.offset as usize..(section.offset + section.length) as usize])
    }

    /// Bytes of a section after comparing them with their digest.
    ///
    /// # Errors
    /// [`Error::Section`] if it is missing or damaged.
    pub fn verified(&self, name: &str) -> Result<&[u8]> {
        let bytes = self.bytes(name)?;
        if blake3::hash(bytes).as_bytes() != &self.section(name)?.digest {
            return Err(Error::section(name, "its bytes do not match their digest"));
        }
        Ok(bytes)
    }

    /// The manifest, verified and validated against the sizes of the other sections.
    ///
    /// # Errors
    /// [`Error::Section`], [`Error::Manifest`] or [`Error::Plan`].
    pub fn manifest(&self) -> Result<Manifest> {
        let manifest = Manifest::decode(self.verified(section::MANIFEST)?)?;
        let plan = &manifest.plan;
        for (name, wanted) in [(section::WEIGHTS, plan.weight_bytes), (section::STREAMED, plan.streamed_bytes)] {
            let has = self.section(name)?.length;
            if has != wanted {
                return Err(Error::section(name, format!("it has {has} bytes, the plan says {wanted}")));
            }
        }
        let images = plan.gpu.iter().flat_map(|g| g.images.iter().map(|i| (&i.section, &i.kernels)));
        for (name, spans) in plan.code.iter().map(|c| (&c.section, &c.regions)).chain(images) {
            let has = self.section(name)?.length;
            if let Some(span) = spans.iter().find(|s| s.bytes == 0 || s.offset.checked_add(s.bytes).is_none_or(|end| end > has)) {
                return Err(Error::section(name, format!("code of {} bytes at {} is outside", span.bytes, span.offset)));
            }
        }
        if let Some(npu) = &plan.npu {
            let has = self.section(section::NPU)?.length;
            if has != npu.code_bytes {
                return Err(Error::section(section::NPU, format!("it has {has} bytes, the plan says {}", npu.code_bytes)));
            }
        }
        Ok(manifest)
    }

    /// The recorded logits.
    ///
    /// # Errors
    /// [`Error::Section`] if missing or damaged, or not decodable.
    pub fn selftest(&self) -> Result<SelfTest> {
        let config = bincode::config::standard().with_limit::<MAX_MANIFEST>();
        let bytes = self.verified(section::SELFTEST)?;
        let (test, read): (SelfTest, usize) =
            bincode::serde::decode_from_slice(bytes, config).map_err(|e| Error::section(section::SELFTEST, e.to_string()))?;
        if read != bytes.len() || test.tokens.len() > MAX_SELFTEST {
            let why = format!("{} tokens in {read} of {} bytes", test.tokens.len(), bytes.len());
            return Err(Error::section(section::SELFTEST, why));
        }
        Ok(test)
    }
}

fn parse_head(head: &[u8], length: u64) -> Result<usize> {
    let fault = |why: String| Err(Error::Header { why });
    if head.len() < HEAD || head[..8] != MAGIC {
        return fault("it does not begin with the magic `UNICORN`".into());
    }
    let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let version = u32_at(8);
    if version != VERSION {
        return fault(format!("its format version is {version}, this program reads {VERSION}"));
    }
    let count = u32_at(12) as usize;
    if count > MAX_SECTIONS || (HEAD + count * ROW) as u64 > length {
        return fault(format!("it claims {count} sections"));
    }
    let claimed = u64::from_le_bytes(head[16..24].try_into().expect("eight bytes"));
    if claimed != length {
        return fault(format!("it should have {claimed} bytes and has {length}: it was cut or grown"));
    }
    if head[24..32] != [0; 8] {
        return fault("its reserved bytes are not zero".into());
    }
    Ok(count)
}

fn parse_table(table: &[u8], length: u64) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for row in table.chunks_exact(ROW) {
        let end = row[..24].iter().position(|&b| b == 0).unwrap_or(24);
        let name = std::str::from_utf8(&row[..end]).map_err(|_| Error::Header { why: "a section name is not UTF-8".into() })?.to_owned();
        let u64_at = |at: usize| u64::from_le_bytes(row[at..at + 8].try_into().expect("eight bytes"));
        let (offset, bytes) = (u64_at(24), u64_at(32));
        if offset % PAGE != 0 || offset < PAGE || offset.checked_add(bytes).is_none_or(|end| end > length) {
            return Err(Error::section(name, format!("{bytes} bytes at {offset} do not lie in the file of {length} bytes")));
        }
        let wanted = sections.last().map_or(PAGE, |s| (s.offset + s.length).next_multiple_of(PAGE));
        if offset != wanted || row[end..24].iter().any(|b| *b != 0) {
            return Err(Error::section(name, format!("it begins at {offset}, not at {wanted}, or its name is not padded with zeros")));
        }
        if sections.iter().any(|s| s.name == name) {
            return Err(Error::section(name, "it occurs twice"));
        }
        sections.push(Section { name, offset, length: bytes, digest: row[40..72].try_into().expect("32 bytes") });
    }
    let end = sections.last().map_or(PAGE, |s| s.offset + s.length);
    if end != length {
        return Err(Error::Header { why: format!("its sections end at {end}, the file has {length} bytes") });
    }
    Ok(sections)
}

/// Writes an artifact section by section. The header comes last, so an unfinished file is never taken for an artifact.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    sections: Vec<Section>,
    position: u64,
    hasher: blake3::Hasher,
}

impl Writer {
    /// Creates the file, truncating what is there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
        let mut writer = Self { file: BufWriter::with_capacity(1 << 20, file), path, sections: vec![], position: 0, hasher: blake3::Hasher::new() };
        writer.raw(&[0; PAGE as usize])?;
        Ok(writer)
    }

    /// Opens a finished artifact to add one more section.
    ///
    /// # Errors
    /// As [`Artifact::open`].
    pub fn reopen(path: impl AsRef<Path>) -> Result<Self> {
        let artifact = Artifact::open(&path)?;
        let path = path.as_ref().to_path_buf();
        let mut file = File::options().write(true).open(&path).map_err(|e| Error::io(&path, e))?;
        let position = file.seek(SeekFrom::End(0)).map_err(|e| Error::io(&path, e))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { file, path, sections: artifact.sections, position, hasher: blake3::Hasher::new() })
    }

    /// Starts a section; what follows by [`Writer::write`] is in it until the next begins.
    ///
    /// # Errors
    /// [`Error::Io`].
    ///
    /// # Panics
    /// If there are too many sections or the name is longer than 24 bytes.
    pub fn begin(&mut self, name: &str) -> Result<()> {
        assert!(name.len() <= 24 && self.sections.len() < MAX_SECTIONS, "a section table has {MAX_SECTIONS} rows with names of 24 bytes");
        self.end();
        let padding = self.position.next_multiple_of(PAGE) - self.position;
        self.raw(&vec![0; padding as usize])?;
        self.hasher.reset();
        self.sections.push(Section { name: name.into(), offset: self.position, length: u64::MAX, digest: [0; 32] });
        Ok(())
    }

    /// Appends bytes to the open section.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.raw(bytes)
    }

    /// Bytes written to the open section.
    pub fn written(&self) -> u64 {
        self.sections.last().map_or(0, |s| self.position - s.offset)
    }

    /// Writes the header and returns the artifact's digest.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<[u8; 32]> {
        self.end();
        let mut head = Vec::with_capacity(32);
        head.extend(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend((self.sections.len() as u32).to_le_bytes());
        head.extend(self.position.to_le_bytes());
        head.extend([0; 8]);
        let table: Vec<u8> = self
            .sections
            .iter()
            .flat_map(|s| {
                let mut row = [0; ROW];
                row[..s.name.len()].copy_from_slice(s.name.as_bytes());
                row[24..32].copy_from_slice(&s.offset.to_le_bytes());
                row[32..40].copy_from_slice(&s.length.to_le_bytes());
                row[40..].copy_from_slice(&s.digest);
                row
            })
            .collect();
        let digest = *blake3::Hasher::new().update(&head).update(&table).finalize().as_bytes();
        let io = |e| Error::io(&self.path, e);
        self.file.seek(SeekFrom::Start(0)).map_err(io)?;
        self.file.write_all(&head).and_then(|()| self.file.write_all(&digest)).and_then(|()| self.file.write_all(&table)).map_err(io)?;
        self.file.flush().map_err(io)?;
        Ok(digest)
    }

    fn end(&mut self) {
        if let Some(open) = self.sections.last_mut().filter(|s| s.length == u64::MAX) {
            open.length = self.position - open.offset;
            open.digest = *self.hasher.finalize().as_bytes();
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::io(&self.path, e))?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(dir: &Path) -> PathBuf {
        let path = dir.join("sample");
        let mut writer = Writer::create(&path).unwrap();
        writer.begin("one").unwrap();
        writer.write(b"first").unwrap();
        writer.begin("two").unwrap();
        writer.finish().unwrap();
        let mut writer = Writer::reopen(&path).unwrap();
        writer.begin("three").unwrap();
        writer.write(&[7; 5000]).unwrap();
        writer.finish().unwrap();
        path
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let artifact = Artifact::open(sample(dir.path())).unwrap();
        assert_eq!(artifact.verified("one").unwrap(), b"first");
        assert_eq!(artifact.verified("two").unwrap(), b"");
        assert_eq!(artifact.verified("three").unwrap(), [7; 5000]);
        assert!(matches!(artifact.verified("four"), Err(Error::Section { .. })));
    }

    #[test]
    fn every_flipped_bit_of_header_or_section_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = sample(dir.path());
        let good = std::fs::read(&path).unwrap();
        let interesting = (0..64 + 4 * ROW).chain(4090..4110).chain(8180..8200).chain([good.len() - 1]);
        for at in interesting {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, bytes).unwrap();
            let found = Artifact::open(&path).and_then(|a| a.sections().iter().try_for_each(|s| a.verified(&s.name).map(|_| ())));
            assert!(found.is_err(), "a flipped bit in byte {at} went unnoticed");
        }
        for cut in [0, 10, 63, 64, 4095, 4100, good.len() - 1] {
            std::fs::write(&path, &good[..cut]).unwrap();
            assert!(Artifact::open(&path).is_err(), "cut at {cut}");
        }
    }
}
