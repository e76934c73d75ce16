//! `AIE_PARTITION`, the section of an xclbin that holds the images: how many columns they take, and for which kernels each is. A fixed structure, then
//! what its offsets point to, each thing at a multiple of eight bytes, in the order in which it is met; the list of images comes last.

use super::bytes::{Out, Reader, Result, Why, canonical, word};
use super::pdi::Pdi;
use std::cell::Cell;

const SECTION: &str = "AIE_PARTITION";
/// Bytes of the structure, of an image's and of a group's entry.
const FIXED: usize = 184;
const ENTRY: usize = 96;

/// What a group of commands is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// 1 is the primary one.
    pub kind: u8,
    /// The number of its image.
    pub pdi: u64,
    /// The kernels that run with it.
    pub kernels: Vec<u64>,
    /// Groups that must have been loaded before.
    pub before: Vec<u32>,
}

/// An image and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its identity, which drivers compare to see whether it is loaded already.
    pub uuid: [u8; 16],
    /// The image.
    pub pdi: Pdi,
    /// Its groups.
    pub groups: Vec<Group>,
}

/// The section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name; mostly empty.
    pub name: String,
    /// A measure of the work it can do per cycle, for the driver's planning.
    pub operations_per_cycle: u32,
    /// A number that tells designs apart.
    pub inference_fingerprint: u64,
    /// Another.
    pub pre_post_fingerprint: u64,
    /// Columns it takes.
    pub columns: u16,
    /// Where it may begin.
    pub start_columns: Vec<u16>,
    /// The version of the sources it was made from; mostly empty.
    pub kernel_commit: String,
    /// The images.
    pub images: Vec<Image>,
}

impl Partition {
    /// Reads the section by itself.
    ///
    /// # Errors
    /// For damage, and for what `write` would not give back.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        canonical(SECTION, bytes, Self::parse, Self::write)
    }

    pub(crate) fn parse(whole: Reader) -> Result<Self> {
        let mut head = whole.part(0, FIXED, "aie_partition")?;
        let heap = Heap { whole, left: Cell::new(whole.bytes().len()) };
        head.skip(4)?;
        let name = heap.string(&mut head, "name")?;
        let operations_per_cycle = head.u32("operations per cycle")?;
        head.skip(4)?;
        let (inference_fingerprint, pre_post_fingerprint) = (head.u64("inference fingerprint")?, head.u64("pre- and post-fingerprint")?);
        let columns = head.u16("column width")?;
        head.skip(6)?;
        let mut starts = heap.list(&mut head, 2, "start columns")?;
        let start_columns = (0..starts.left() / 2).map(|_| starts.u16("start columns")).collect::<Result<_>>()?;
        head.skip(72)?;
        let mut entries = heap.list(&mut head, ENTRY, "images")?;
        let kernel_commit = heap.string(&mut head, "kernel commit")?;
        let mut images = Vec::new();
        while entries.left() > 0 {
            images.push(Image::parse(&heap, &mut entries)?);
        }
        Ok(Self { name, operations_per_cycle, inference_fingerprint, pre_post_fingerprint, columns, start_columns, kernel_commit, images })
    }

    /// The section's bytes.
    ///
    /// # Errors
    /// For more than 32 bits of them.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut heap = Out::default();
        heap.zeros(FIXED);
        let name = put_string(&mut heap, &self.name)?;
        let kernel_commit = put_string(&mut heap, &self.kernel_commit)?;
        let starts = put(&mut heap, &self.start_columns.iter().flat_map(|c| c.to_le_bytes()).collect::<Vec<_>>())?;
        let mut entries = Out::default();
        for image in &self.images {
            image.write(&mut heap, &mut entries)?;
        }
        let images = put(&mut heap, &entries.0)?;

        let mut head = Out::default();
        head.words(&[0, name, self.operations_per_cycle, 0]);
        head.u64(self.inference_fingerprint);
        head.u64(self.pre_post_fingerprint);
        head.u16(self.columns);
        head.zeros(6);
        head.words(&[word(self.start_columns.len(), SECTION, "start columns")?, starts]);
        head.zeros(72);
        head.words(&[word(self.images.len(), SECTION, "images")?, images, kernel_commit]);
        heap.0[..head.len()].copy_from_slice(&head.0);
        Ok(heap.0)
    }
}

impl Image {
    fn parse(heap: &Heap, entry: &mut Reader) -> Result<Self> {
        let uuid = entry.block("image uuid")?;
        let pdi = Pdi::parse(heap.list(entry, 1, "image")?.named("PDI"))?;
        let mut entries = heap.list(entry, ENTRY, "groups")?;
        entry.skip(64)?;
        let mut groups = Vec::new();
        while entries.left() > 0 {
            let name = heap.string(&mut entries, "group name")?;
            let kind = entries.u8("group type")?;
            entries.skip(3)?;
            let pdi = entries.u64("group image")?;
            let mut kernels = heap.list(&mut entries, 8, "kernels")?;
            let mut before = heap.list(&mut entries, 4, "groups before")?;
            entries.skip(64)?;
            let kernels = (0..kernels.left() / 8).map(|_| kernels.u64("kernels")).collect::<Result<_>>()?;
            groups.push(Group { name, kind, pdi, kernels, before: before.words(before.left() / 4, "groups before")? });
        }
        Ok(Self { uuid, pdi, groups })
    }

    fn write(&self, heap: &mut Out, entries: &mut Out) -> Result<()> {
        let pdi = self.pdi.write()?;
        let at = put(heap, &pdi)?;
        let mut groups = Out::default();
        for group in &self.groups {
            let name = put_string(heap, &group.name)?;
            let kernels = put(heap, &group.kernels.iter().flat_map(|k| k.to_le_bytes()).collect::<Vec<_>>())?;
            let before = put(heap, &group.before.iter().flat_map(|g| g.to_le_bytes()).collect::<Vec<_>>())?;
            groups.words(&[name, group.kind.into()]);
            groups.u64(group.pdi);
            groups.words(&[word(group.kernels.len(), SECTION, "kernels")?, kernels]);
            groups.words(&[word(group.before.len(), SECTION, "groups before")?, before]);
            groups.zeros(64);
        }
        let list = put(heap, &groups.0)?;
        entries.0.extend(self.uuid);
        entries.words(&[word(pdi.len(), SECTION, "image")?, at, word(self.groups.len(), SECTION, "groups")?, list]);
        entries.zeros(64);
        Ok(())
    }
}

/// What the offsets point to.
struct Heap<'a> {
    whole: Reader<'a>,
    /// Bytes that may still be pointed to: as nothing is shared, never more than there are. So a small file cannot name a large one again and again.
    left: Cell<usize>,
}

impl<'a> Heap<'a> {
    fn take(&self, offset: usize, length: usize, field: &'static str) -> Result<Reader<'a>> {
        let part = self.whole.part(offset, length, field)?;
        let left = self.left.get();
        self.left.set(left.checked_sub(length).ok_or_else(|| self.whole.fails_at(offset, field, Why::Short { needs: length, left }))?);
        Ok(part)
    }

    /// Text that an offset points to.
    fn string(&self, at: &mut Reader, field: &'static str) -> Result<String> {
        let offset = at.u32(field)? as usize;
        let rest = self.whole.bytes().get(offset..).unwrap_or_default();
        // Without an end it is as long as what is left, and one byte too short.
        let length = rest.iter().position(|b| *b == 0).unwrap_or(rest.len()) + 1;
        self.take(offset, length, field)?.text(length, field)
    }

    /// The elements that a count and an offset point to.
    fn list(&self, at: &mut Reader, size: usize, field: &'static str) -> Result<Reader<'a>> {
        let (count, offset) = (at.u32(field)? as usize, at.u32(field)? as usize);
        self.take(offset, count.saturating_mul(size), field)
    }
}

/// Puts bytes on the heap and says where.
fn put(heap: &mut Out, bytes: &[u8]) -> Result<u32> {
    let at = word(heap.len(), SECTION, "offset")?;
    heap.0.extend(bytes);
    heap.align(8);
    Ok(at)
}

fn put_string(heap: &mut Out, text: &str) -> Result<u32> {
    put(heap, &[text.as_bytes(), &[0]].concat())
}
