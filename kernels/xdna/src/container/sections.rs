//! What an xclbin's sections hold: memories, instances of kernels, which argument lies in which memory; images and metadata have files of their own.
//! A section's bytes to values and back; where sections lie stands in `xclbin`.

use super::bytes::{Out, Reader, Result, word};
use super::metadata::Metadata;
use super::partition::Partition;

/// A memory that buffers can lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// 2 is DRAM.
    pub kind: u8,
    /// Whether it is used.
    pub used: u8,
    /// Its KiB.
    pub kib: u64,
    /// Where it begins.
    pub base: u64,
    /// Its name, at most 15 bytes.
    pub tag: String,
}

/// A kernel's instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ip {
    /// 7 is a kernel in software.
    pub kind: u32,
    /// 1 is the NPU.
    pub subtype: u8,
    /// 0 is a kernel of the NPU proper.
    pub functional: u8,
    /// Its number.
    pub id: u16,
    /// Its registers; all ones for none.
    pub base: u64,
    /// Kernel and instance, with a colon between; at most 63 bytes.
    pub name: String,
}

/// Which memory an argument's buffer lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The argument.
    pub argument: u32,
    /// The kernel's place in `IP_LAYOUT`.
    pub ip: u32,
    /// The memory's place in `MEM_TOPOLOGY`.
    pub memory: u32,
}

/// What a section holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Memories.
    MemTopology(Vec<Memory>),
    /// Images.
    AiePartition(Partition),
    /// The kernel.
    EmbeddedMetadata(Metadata),
    /// Instances.
    IpLayout(Vec<Ip>),
    /// Arguments and memories.
    Connectivity(Vec<Connection>),
    /// The same for groups of memories.
    GroupConnectivity(Vec<Connection>),
    /// Groups of memories.
    GroupTopology(Vec<Memory>),
    /// Bytes as they are.
    Kept {
        /// The section's number.
        kind: u32,
        /// What it holds.
        bytes: Vec<u8>,
        /// Why it is not one of the others.
        why: &'static str,
    },
}

impl Body {
    /// The section's number.
    pub fn kind(&self) -> u32 {
        match self {
            Self::EmbeddedMetadata(_) => 2,
            Self::MemTopology(_) => 6,
            Self::Connectivity(_) => 7,
            Self::IpLayout(_) => 8,
            Self::GroupTopology(_) => 26,
            Self::GroupConnectivity(_) => 27,
            Self::AiePartition(_) => 32,
            Self::Kept { kind, .. } => *kind,
        }
    }

    pub(super) fn parse(kind: u32, reader: Reader) -> Result<Self> {
        Ok(match kind {
            2 => match std::str::from_utf8(reader.named("EMBEDDED_METADATA").bytes()).ok().and_then(Metadata::read) {
                Some(metadata) => Self::EmbeddedMetadata(metadata),
                None => Self::Kept { kind, bytes: reader.bytes().to_vec(), why: "the XML is not spelled as it is written here" },
            },
            6 => Self::MemTopology(memories(reader.named("MEM_TOPOLOGY"))?),
            7 => Self::Connectivity(connections(reader.named("CONNECTIVITY"))?),
            8 => Self::IpLayout(ips(reader.named("IP_LAYOUT"))?),
            26 => Self::GroupTopology(memories(reader.named("GROUP_TOPOLOGY"))?),
            27 => Self::GroupConnectivity(connections(reader.named("GROUP_CONNECTIVITY"))?),
            32 => Self::AiePartition(Partition::parse(reader.named("AIE_PARTITION"))?),
            _ => Self::Kept { kind, bytes: reader.bytes().to_vec(), why: "a section that no npu1 container needs" },
        })
    }

    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let mut out = Out::default();
        match self {
            Self::MemTopology(memories) | Self::GroupTopology(memories) => {
                out.words(&[word(memories.len(), "MEM_TOPOLOGY", "count")?, 0]);
                for memory in memories {
                    out.0.extend([memory.kind, memory.used, 0, 0, 0, 0, 0, 0]);
                    out.u64(memory.kib);
                    out.u64(memory.base);
                    out.text(&memory.tag, 16, "MEM_TOPOLOGY", "tag")?;
                }
            }
            Self::AiePartition(partition) => out.0 = partition.write()?,
            Self::EmbeddedMetadata(metadata) => out.0 = metadata.write().into_bytes(),
            Self::IpLayout(ips) => {
                out.words(&[word(ips.len(), "IP_LAYOUT", "count")?, 0]);
                for ip in ips {
                    out.u32(ip.kind);
                    out.u8(ip.subtype);
                    out.u8(ip.functional);
                    out.u16(ip.id);
                    out.u64(ip.base);
                    out.text(&ip.name, 64, "IP_LAYOUT", "name")?;
                }
            }
            Self::Connectivity(connections) | Self::GroupConnectivity(connections) => {
                out.u32(word(connections.len(), "CONNECTIVITY", "count")?);
                connections.iter().for_each(|c| out.words(&[c.argument, c.ip, c.memory]));
            }
            Self::Kept { bytes, .. } => out.0.extend(bytes),
        }
        Ok(out.0)
    }
}

fn memories(mut reader: Reader) -> Result<Vec<Memory>> {
    let count = reader.u32("count")?;
    reader.skip(4)?;
    let memory = |_| {
        let (kind, used) = (reader.u8("type")?, reader.u8("used")?);
        reader.skip(6)?;
        let (kib, base) = (reader.u64("size")?, reader.u64("base")?);
        Ok(Memory { kind, used, kib, base, tag: reader.text(16, "tag")? })
    };
    (0..count).map(memory).collect()
}

fn ips(mut reader: Reader) -> Result<Vec<Ip>> {
    let count = reader.u32("count")?;
    reader.skip(4)?;
    let ip = |_| {
        let (kind, subtype, functional) = (reader.u32("type")?, reader.u8("subtype")?, reader.u8("functional")?);
        let (id, base) = (reader.u16("kernel id")?, reader.u64("base")?);
        Ok(Ip { kind, subtype, functional, id, base, name: reader.text(64, "name")? })
    };
    (0..count).map(ip).collect()
}

fn connections(mut reader: Reader) -> Result<Vec<Connection>> {
    let count = reader.u32("count")?;
    let mut connection = |_| Ok(Connection { argument: reader.u32("argument")?, ip: reader.u32("kernel")?, memory: reader.u32("memory")? });
    (0..count).map(&mut connection).collect()
}
