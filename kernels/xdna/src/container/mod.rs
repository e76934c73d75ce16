//! The files an XDNA NPU is fed with, read and written: `cdo` (register writes that configure the array), `pdi` (the image a CDO travels in),
//! `partition` and `xclbin` (the container with kernels and memories around it), `txn` (the instruction stream of one run).
//!
//! Every format has one typed value. `read` takes nothing that `write` would not give back byte for byte: what a value cannot hold is an [`Error`] that
//! names section, offset and field. No writer looks at the clock or at chance.
//! Here: the kinds of files and how they are told apart. Nothing of what an address or a program means stands in the format files, see `registers`.

pub mod address;
mod bytes;
pub mod cdo;
pub mod dump;
pub mod metadata;
mod mirror;
pub mod partition;
pub mod pdi;
pub mod registers;
pub mod roundtrip;
pub mod sections;
pub mod txn;
pub mod xclbin;

use bytes::Reader;
pub use bytes::{Error, Result, Why};

/// A file of any of the four kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// A container for XRT.
    Xclbin(xclbin::Xclbin),
    /// A device image.
    Pdi(pdi::Pdi),
    /// Configuration commands.
    Cdo(cdo::Cdo),
    /// An instruction stream.
    Txn(txn::Txn),
}

impl File {
    /// What kind of file this is, by its first bytes: its name, or nothing if it is none of ours.
    pub fn kind(bytes: &[u8]) -> Option<&'static str> {
        let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        match (word(0)?, word(4)?) {
            _ if bytes.starts_with(xclbin::MAGIC) => Some("xclbin"),
            (pdi::BUS_WIDTH, pdi::BUS_DETECT) => Some("PDI"),
            (cdo::HEADER_WORDS, cdo::IDENT) => Some("CDO"),
            (first, _) if first & 0xffff == txn::VERSION && (3..=4).contains(&(first >> 16 & 0xff)) => Some("TXN"),
            _ => None,
        }
    }

    /// Reads a file whose kind its first bytes tell.
    ///
    /// # Errors
    /// For a file of no known kind, one that is damaged, and one that `write` would not give back as it is.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        bytes::canonical("file", bytes, Self::parse, Self::write)
    }

    /// As `read`, but takes files with another layout or padding than `write` gives.
    pub(crate) fn parse(reader: Reader) -> Result<Self> {
        match Self::kind(reader.bytes()) {
            Some("xclbin") => xclbin::Xclbin::parse(reader.named("xclbin")).map(Self::Xclbin),
            Some("PDI") => pdi::Pdi::parse(reader.named("PDI")).map(Self::Pdi),
            Some("CDO") => cdo::Cdo::parse(reader.named("CDO")).map(Self::Cdo),
            Some(_) => txn::Txn::parse(reader.named("TXN")).map(Self::Txn),
            None => Err(reader.fails_at(0, "magic", Why::Unknown("an xclbin, PDI, CDO or TXN file"))),
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// For values that do not fit their fields.
    pub fn write(&self) -> Result<Vec<u8>> {
        match self {
            Self::Xclbin(file) => file.write(),
            Self::Pdi(file) => file.write(),
            Self::Cdo(file) => file.write(),
            Self::Txn(file) => file.write(),
        }
    }

    /// The configuration in it, if there is one: of an xclbin, that of the first image.
    pub fn cdo(&self) -> Option<&cdo::Cdo> {
        match self {
            Self::Xclbin(file) => file.partition().and_then(|partition| partition.images.first()).map(|image| &image.pdi.cdo),
            Self::Pdi(file) => Some(&file.cdo),
            Self::Cdo(file) => Some(file),
            Self::Txn(_) => None,
        }
    }
}
