//! Reads a file, writes the values again, and compares byte for byte: the whole, and every part of it by name.

use super::bytes::{Reader, Result, Trace, difference};
use super::{File, cdo::Cdo};

/// A part of a file that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The format or section.
    pub name: &'static str,
    /// Bytes from the file's begin.
    pub offset: usize,
    /// Its bytes.
    pub length: usize,
    /// Whether it was written as it was read.
    pub equal: bool,
}

/// The first byte in which a file and what was written again differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Bytes from the file's begin.
    pub offset: usize,
    /// The format or section.
    pub section: &'static str,
    /// The field.
    pub field: &'static str,
    /// The file's byte; nothing behind its end.
    pub read: Option<u8>,
    /// The byte that was written; nothing behind its end.
    pub written: Option<u8>,
}

/// What was compared, and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The whole first, then what lies in it.
    pub parts: Vec<Part>,
    /// If anything differs, where first.
    pub difference: Option<Difference>,
    /// For a configuration: its groups' commands, and whether its padding is what `Cdo::assemble` gives for them.
    pub padding: Option<(Vec<usize>, bool)>,
}

/// Reads, writes, compares.
///
/// # Errors
/// For a file that cannot be read.
pub fn roundtrip(bytes: &[u8]) -> Result<Report> {
    let trace = Trace::default();
    let file = File::parse(Reader::new("file", bytes, &trace))?;
    let padding = file.cdo().map(|cdo| {
        let groups = cdo.groups();
        (groups.iter().map(Vec::len).collect(), Cdo::assemble(&groups) == *cdo)
    });
    Ok(compare(bytes, &file.write()?, &trace, padding))
}

fn compare(bytes: &[u8], back: &[u8], trace: &Trace, padding: Option<(Vec<usize>, bool)>) -> Report {
    let part = |span: super::bytes::Span| {
        let range = span.offset..span.offset + span.length;
        let equal = back.get(range.clone()) == bytes.get(range) && (span.offset != 0 || back.len() == bytes.len());
        Part { name: span.section, offset: span.offset, length: span.length, equal }
    };
    let difference = difference(bytes, back).map(|offset| {
        let (section, field) = trace.at(offset);
        Difference { offset, section, field, read: bytes.get(offset).copied(), written: back.get(offset).copied() }
    });
    Report { parts: trace.parts().into_iter().map(part).collect(), difference, padding }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::address::Tile;
    use crate::container::cdo::Command;
    use crate::container::pdi::wrap;

    /// Files that are understood but not kept: the first difference is named by section and field.
    #[test]
    fn a_difference_is_named() {
        let write = Command::MaskWrite { address: Tile { column: 0, row: 2 }.at(0x3_2000), mask: 1, value: 1 };
        let good = wrap(Cdo { commands: vec![write] }).write().expect("it fits");
        assert!(roundtrip(&good).expect("it is read").difference.is_none());
        let mut filled = good.clone();
        *filled.last_mut().expect("bytes") = 7;
        let report = roundtrip(&filled).expect("padding is no part of any value");
        let found = report.difference.expect("padding differs");
        assert_eq!((found.offset, found.section, found.read, found.written), (filled.len() - 1, "PDI", Some(7), Some(0)));
        assert_eq!(report.parts.iter().map(|p| (p.name, p.equal)).collect::<Vec<_>>(), [("PDI", false), ("CDO", true)]);

        let mut longer = good.clone();
        longer.push(0);
        let found = roundtrip(&longer).expect("as above").difference.expect("one byte more");
        assert_eq!((found.offset, found.read, found.written), (good.len(), Some(0), None));
    }
}
