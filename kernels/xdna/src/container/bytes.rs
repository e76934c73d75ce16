//! Little-endian fields, read with their names and written; the crate's error for files. Every length is checked before anything is reserved for it.

use std::cell::RefCell;

/// `Result` of the container files.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{section}, offset {offset:#x}, field `{field}`: {why}")]
pub struct Error {
    /// The format or the section of it.
    pub section: &'static str,
    /// Bytes from the file's begin; for a value that cannot be written, 0.
    pub offset: usize,
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The file, or the part that the field must lie in, ends before it does.
    #[error("{needs} bytes are needed and {left} are left; the file is cut or its lengths are damaged")]
    Short {
        /// Bytes that the field has.
        needs: usize,
        /// Bytes that there are.
        left: usize,
    },
    /// A value that the format does not allow here.
    #[error("{found:#x} instead of {wants}")]
    Value {
        /// What is there.
        found: u64,
        /// What may be there.
        wants: &'static str,
    },
    /// The sum over a table is not the one written in it.
    #[error("{found:#010x}, but the table adds up to {computed:#010x}; the file is damaged")]
    Checksum {
        /// What is there.
        found: u32,
        /// What it should be.
        computed: u32,
    },
    /// Bytes that are not the text they should be.
    #[error("no {0}")]
    Text(&'static str),
    /// First bytes that are not those of what is wanted.
    #[error("this is not {0}")]
    Unknown(&'static str),
    /// A value that was understood, but that the writer puts down differently, so it would be lost.
    #[error("byte {found:?} is written as {written:?}: this layout, padding or order is not one that is kept")]
    NotCanonical {
        /// The file's byte, or nothing behind its end.
        found: Option<u8>,
        /// The byte that `write` gives.
        written: Option<u8>,
    },
    /// A value that has no room in its field.
    #[error("{0} does not fit; the field takes at most {1}")]
    TooMuch(usize, usize),
}

/// What a reader has read, to name the field at an offset afterwards.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    fields: RefCell<Vec<Span>>,
    parts: RefCell<Vec<Span>>,
}

/// A range of the file and what stands there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub section: &'static str,
    pub field: &'static str,
    pub offset: usize,
    pub length: usize,
}

impl Trace {
    /// What stands at an offset: of all fields that reach over it, the one that was read last.
    pub fn at(&self, offset: usize) -> (&'static str, &'static str) {
        let holds = |span: &&Span| (span.offset..span.offset + span.length).contains(&offset);
        let part = self.parts.borrow().iter().rev().find(holds).map(|span| span.section);
        let field = self.fields.borrow().iter().rev().find(holds).map(|span| (span.section, span.field));
        field.unwrap_or((part.unwrap_or("file"), "padding"))
    }

    /// The formats and sections in the file, in the order in which they were read.
    pub fn parts(&self) -> Vec<Span> {
        self.parts.borrow().clone()
    }
}

/// A part of a file that is read field by field.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    section: &'static str,
    bytes: &'a [u8],
    /// Where `bytes` lies in the file.
    base: usize,
    at: usize,
    trace: &'a Trace,
}

impl<'a> Reader<'a> {
    pub fn new(section: &'static str, bytes: &'a [u8], trace: &'a Trace) -> Self {
        Self { section, bytes, base: 0, at: 0, trace }
    }

    /// The whole part, under its own name.
    pub fn named(mut self, section: &'static str) -> Self {
        self.section = section;
        self.trace.parts.borrow_mut().push(Span { section, field: "", offset: self.base, length: self.bytes.len() });
        self
    }

    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// An error about what stands `offset` bytes into this part.
    pub fn fails_at(&self, offset: usize, field: &'static str, why: Why) -> Error {
        Error { section: self.section, offset: self.base + offset, field, why }
    }

    /// `length` bytes at `offset`, as a part of its own.
    pub fn part(&self, offset: usize, length: usize, field: &'static str) -> Result<Self> {
        let left = self.bytes.len().saturating_sub(offset);
        let bytes = self.bytes.get(offset..).and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or_else(|| self.fails_at(offset.min(self.bytes.len()), field, Why::Short { needs: length, left }))?;
        self.note(offset, length, field);
        Ok(Self { bytes, base: self.base + offset, at: 0, ..*self })
    }

    fn note(&self, offset: usize, length: usize, field: &'static str) {
        if length > 0 {
            self.trace.fields.borrow_mut().push(Span { section: self.section, field, offset: self.base + offset, length });
        }
    }

    /// The next `length` bytes, as a part of their own.
    pub fn next(&mut self, length: usize, field: &'static str) -> Result<Self> {
        let part = self.part(self.at, length, field)?;
        self.at += length;
        Ok(part)
    }

    pub fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8]> {
        self.next(length, field).map(|part| part.bytes)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, field)?);
        Ok(array)
    }

    pub fn u8(&mut self, field: &'static str) -> Result<u8> {
        self.array(field).map(u8::from_le_bytes)
    }

    pub fn u16(&mut self, field: &'static str) -> Result<u16> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub fn u32(&mut self, field: &'static str) -> Result<u32> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub fn u64(&mut self, field: &'static str) -> Result<u64> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub fn block<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        self.array(field)
    }

    /// A word that can only be one thing.
    pub fn expect(&mut self, want: u32, wants: &'static str, field: &'static str) -> Result<()> {
        let found = self.u32(field)?;
        if found == want { Ok(()) } else { Err(self.fails_at(self.at - 4, field, Why::Value { found: found.into(), wants })) }
    }

    pub fn skip(&mut self, length: usize) -> Result<()> {
        self.take(length, "reserved").map(|_| ())
    }

    /// `count` words.
    pub fn words(&mut self, count: usize, field: &'static str) -> Result<Vec<u32>> {
        let bytes = self.take(count.saturating_mul(4), field)?;
        Ok(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Text in a field of `length` bytes, filled up with zeros.
    pub fn text(&mut self, length: usize, field: &'static str) -> Result<String> {
        let bytes = self.take(length, field)?;
        let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| self.fails_at(self.at - length, field, Why::Text("UTF-8 text")))
    }
}

/// Bytes in the making.
#[derive(Debug, Default)]
pub(crate) struct Out(pub Vec<u8>);

impl Out {
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    pub fn words(&mut self, words: &[u32]) {
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    pub fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    pub fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    /// Text in a field of `length` bytes that keeps a zero behind it.
    pub fn text(&mut self, text: &str, length: usize, section: &'static str, field: &'static str) -> Result<()> {
        fits(text.len(), length - 1, section, field)?;
        self.0.extend(text.bytes());
        self.zeros(length - text.len());
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn set_u32(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

/// An error if `value` is above `limit`.
pub(crate) fn fits(value: usize, limit: usize, section: &'static str, field: &'static str) -> Result<usize> {
    if value <= limit { Ok(value) } else { Err(Error { section, offset: 0, field, why: Why::TooMuch(value, limit) }) }
}

/// A length or an offset as the 32 bits it is written in.
pub(crate) fn word(value: usize, section: &'static str, field: &'static str) -> Result<u32> {
    fits(value, u32::MAX as usize, section, field).map(|value| value as u32)
}

/// The first byte in which two files differ.
pub(crate) fn difference(a: &[u8], b: &[u8]) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a != b).or((a.len() != b.len()).then(|| a.len().min(b.len())))
}

/// Reads a value that `write` gives back byte for byte.
pub(crate) fn canonical<T>(
    section: &'static str,
    bytes: &[u8],
    parse: impl Fn(Reader) -> Result<T>,
    write: impl Fn(&T) -> Result<Vec<u8>>,
) -> Result<T> {
    let trace = Trace::default();
    let value = parse(Reader::new(section, bytes, &trace))?;
    let back = write(&value)?;
    match difference(bytes, &back) {
        None => Ok(value),
        Some(offset) => {
            let (section, field) = trace.at(offset);
            let why = Why::NotCanonical { found: bytes.get(offset).copied(), written: back.get(offset).copied() };
            Err(Error { section, offset, field, why })
        }
    }
}
