//! xclbin ("axlf"), the container that XRT registers: a header, section headers, sections at multiples of eight bytes, and behind them a copy of header
//! and section headers as text, which XRT's own tools write and read.

use super::bytes::{Error, Out, Reader, Result, Why, canonical, word};
use super::metadata::Metadata;
use super::mirror::mirror;
use super::partition::{Group, Image, Partition};
use super::pdi::Pdi;
use super::sections::{Body, Connection, Ip, Memory};

/// The first bytes.
pub const MAGIC: &[u8; 8] = b"xclbin2\0";
/// Where the section headers begin, and their bytes.
const SECTIONS: usize = 0x1c8;
const HEADER: usize = 40;
/// Kernel number of the one kernel in an npu1 container, and the kernel flags before its instance's name.
const KERNEL_ID: u16 = 0x901;
/// Instructions are argument 1; the first buffer is argument 3.
const INSTRUCTIONS: u32 = 1;
const FIRST_BUFFER: u32 = 3;

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, at most 15 bytes; mostly empty.
    pub name: String,
    /// What it holds.
    pub body: Body,
}

/// What stands behind the sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// The text that XRT's tools derive from header and sections.
    Mirror,
    /// Bytes as they are: nothing, or text that is not derived as it is here.
    Kept(Vec<u8>),
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xclbin {
    /// A number by which drivers tell containers apart.
    pub unique_id: u64,
    /// When it was made, in seconds since 1970. 0 in what is made here.
    pub timestamp: u64,
    /// Version of the tool that made it: major, minor, patch.
    pub version: (u8, u8, u16),
    /// Its identity.
    pub uuid: [u8; 16],
    /// In the order in which they lie in the file.
    pub sections: Vec<Section>,
    /// What stands behind them.
    pub trailer: Trailer,
}

/// What a container is made from.
#[derive(Clone, Debug)]
pub struct Design<'a> {
    /// Columns that the configuration uses.
    pub columns: u16,
    /// Where it may begin.
    pub start_columns: &'a [u16],
    /// The configuration.
    pub pdi: Pdi,
    /// The kernel's name.
    pub kernel: &'a str,
    /// Its instance's.
    pub instance: &'a str,
    /// Buffers that a run is given.
    pub buffers: u32,
}

impl Xclbin {
    /// A container for npu1 with one image and one kernel. The same design gives the same bytes: the identities are digests of what they name.
    ///
    /// # Errors
    /// For names that do not fit.
    pub fn npu1(design: Design) -> Result<Self> {
        let Design { columns, start_columns, pdi, kernel, instance, buffers } = design;
        let memory = |kib, tag: &str| Memory { kind: 2, used: 1, kib, base: 0x400_0000, tag: tag.into() };
        let memories = vec![memory(0x1_0000, "HOST"), memory(0xc000, "SRAM")];
        let connection = |argument, memory| Connection { argument, ip: 0, memory };
        let connections: Vec<_> = std::iter::once(connection(INSTRUCTIONS, 1)).chain((0..buffers).map(|n| connection(FIRST_BUFFER + n, 0))).collect();
        let group = Group { name: "DPU".into(), kind: 1, pdi: 1, kernels: vec![KERNEL_ID.into()], before: vec![0xc1] };
        let partition = Partition {
            name: String::new(),
            operations_per_cycle: 2048,
            inference_fingerprint: 23423,
            pre_post_fingerprint: 12345,
            columns,
            start_columns: start_columns.to_vec(),
            kernel_commit: String::new(),
            images: vec![Image { uuid: digest(&[&pdi.write()?]), pdi, groups: vec![group] }],
        };
        let name = format!("{kernel}:{instance}");
        let ip = Ip { kind: 7, subtype: 1, functional: 0, id: KERNEL_ID, base: u64::MAX, name };
        let section = |name: &str, body| Section { name: name.into(), body };
        let sections = vec![
            section("main_mem_topolo", Body::MemTopology(memories.clone())),
            section("main_aie_partit", Body::AiePartition(partition)),
            section("", Body::EmbeddedMetadata(Metadata::npu1(kernel, instance, KERNEL_ID.into(), buffers))),
            section("", Body::IpLayout(vec![ip])),
            section("", Body::Connectivity(connections.clone())),
            section("", Body::GroupConnectivity([connections.clone(), connections].concat())),
            section("", Body::GroupTopology(memories)),
        ];
        let bodies = sections.iter().map(|section| section.body.write()).collect::<Result<Vec<_>>>()?;
        let uuid = digest(&bodies.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let unique_id = u64::from_le_bytes(std::array::from_fn(|n| uuid[n]));
        Ok(Self { unique_id, timestamp: 0, version: (2, 21, 75), uuid, sections, trailer: Trailer::Mirror })
    }

    /// Reads a container.
    ///
    /// # Errors
    /// For damage, for signed or other containers than those of an NPU, and for what `write` would not give back.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        canonical("xclbin", bytes, Self::parse, Self::write)
    }

    pub(crate) fn parse(mut reader: Reader) -> Result<Self> {
        let whole = reader;
        if reader.take(8, "magic")? != MAGIC {
            return Err(reader.fails_at(0, "magic", Why::Unknown("an xclbin")));
        }
        reader.expect(u32::MAX, "-1: unsigned", "signature length")?;
        reader.take(28, "reserved")?;
        reader.take(256, "key block")?;
        let unique_id = reader.u64("unique id")?;
        let length = reader.u64("length")?;
        if length != reader.bytes().len() as u64 {
            return Err(reader.fails_at(0x130, "length", Why::Value { found: length, wants: "the file's length" }));
        }
        let timestamp = reader.u64("timestamp")?;
        reader.skip(8)?;
        let patch = reader.u16("patch")?;
        let version = (reader.u8("major")?, reader.u8("minor")?, patch);
        reader.take(4, "mode")?;
        reader.take(16, "interface uuid")?;
        reader.take(64, "platform name")?;
        let uuid = reader.block("uuid")?;
        reader.take(16, "debug file")?;
        let count = reader.u32("section count")? as usize;
        reader.skip(4)?;
        let mut headers = reader.part(SECTIONS, count.saturating_mul(HEADER), "section headers")?;
        let mut sections = Vec::new();
        let mut end = SECTIONS + count * HEADER;
        for _ in 0..count {
            let kind = headers.u32("section kind")?;
            let name = headers.text(16, "section name")?;
            headers.skip(4)?;
            let at = headers.at();
            let (offset, size) = (headers.u64("section offset")?, headers.u64("section size")?);
            let why = Why::Value { found: offset, wants: "an offset behind what comes before" };
            let offset = usize::try_from(offset).ok().filter(|offset| *offset >= end);
            let offset = offset.ok_or_else(|| reader.fails_at(SECTIONS + at, "section offset", why))?;
            let body = whole.part(offset, usize::try_from(size).unwrap_or(usize::MAX), "section")?;
            end = offset + body.bytes().len();
            sections.push(Section { name, body: Body::parse(kind, body)? });
        }
        let rest = whole.part(end, whole.bytes().len() - end, "mirror")?.bytes();
        let mut file = Self { unique_id, timestamp, version, uuid, sections, trailer: Trailer::Mirror };
        if mirror(&file, &file.layout()?).is_none_or(|text| text.as_bytes() != rest) {
            file.trailer = Trailer::Kept(rest.to_vec());
        }
        Ok(file)
    }

    /// The file.
    ///
    /// # Errors
    /// For names and counts that do not fit.
    pub fn write(&self) -> Result<Vec<u8>> {
        let layout = self.layout()?;
        let mut out = Out::default();
        out.0.extend(MAGIC);
        out.0.resize(0x128, 0xff);
        out.u64(self.unique_id);
        out.u64(0);
        out.u64(self.timestamp);
        out.u64(0);
        let (major, minor, patch) = self.version;
        out.u16(patch);
        out.0.extend([major, minor]);
        out.zeros(84);
        out.0.extend(self.uuid);
        out.zeros(16);
        out.words(&[word(self.sections.len(), "xclbin", "section count")?, 0]);
        for (section, (offset, bytes)) in self.sections.iter().zip(&layout) {
            out.u32(section.body.kind());
            out.text(&section.name, 16, "xclbin", "section name")?;
            out.u32(0);
            out.u64(*offset as u64);
            out.u64(bytes.len() as u64);
        }
        for (offset, bytes) in &layout {
            out.zeros(offset - out.len());
            out.0.extend(bytes);
        }
        match &self.trailer {
            Trailer::Mirror => {
                let why = Why::Text("text can be derived from these sections; keep the bytes instead");
                let error = Error { section: "xclbin", offset: out.len(), field: "mirror", why };
                out.0.extend(mirror(self, &layout).ok_or(error)?.bytes());
            }
            Trailer::Kept(bytes) => out.0.extend(bytes),
        }
        let length = out.len() as u64;
        out.0[0x130..0x138].copy_from_slice(&length.to_le_bytes());
        Ok(out.0)
    }

    /// Offset and bytes of every section.
    fn layout(&self) -> Result<Vec<(usize, Vec<u8>)>> {
        let mut end = SECTIONS + self.sections.len() * HEADER;
        let place = |section: &Section| {
            let (bytes, offset) = (section.body.write()?, end.next_multiple_of(8));
            end = offset + bytes.len();
            Ok((offset, bytes))
        };
        self.sections.iter().map(place).collect()
    }

    /// The images, if it has any.
    pub fn partition(&self) -> Option<&Partition> {
        self.sections.iter().find_map(|section| match &section.body {
            Body::AiePartition(partition) => Some(partition),
            _ => None,
        })
    }
}

/// An identity that follows from what it names, marked as of a private kind (version 8, RFC 9562).
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut uuid = std::array::from_fn(|n| digest.as_bytes()[n]);
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}
