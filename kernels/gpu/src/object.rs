//! Linked AMD code objects, read strictly: what a kernel wants as arguments, and what it takes of the device.
//!
//! Layouts after LLVM's "User Guide for AMDGPU Backend": ELF header, kernel descriptor, code object v5 and v6 metadata.

mod metadata;

use crate::{Error, target::Target};
use ::object::{
    LittleEndian as LE, elf,
    read::elf::{FileHeader as _, SectionHeader as _, SectionTable, Sym as _},
};

/// How an argument is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// The address of global memory.
    Pointer,
    /// The value itself.
    Value,
    /// Something the HIP runtime fills in, unseen by the caller.
    Hidden,
}

/// One argument of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Bytes from the start of the argument block.
    pub offset: u32,
    /// Bytes it takes.
    pub size: u32,
    /// How it is passed.
    pub kind: ArgumentKind,
}

/// One kernel of a code object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The symbol a host asks for.
    pub name: String,
    /// Arguments in order of their offsets.
    pub arguments: Vec<Argument>,
    /// Bytes of the argument block.
    pub kernarg_bytes: u32,
    /// Vector registers of a lane.
    pub vgprs: u32,
    /// Scalar registers of a wave.
    pub sgprs: u32,
    /// Vector registers kept in scratch for want of room.
    pub vgpr_spills: u32,
    /// Scalar registers kept elsewhere for want of room.
    pub sgpr_spills: u32,
    /// Scratch memory of a lane.
    pub scratch_bytes: u32,
    /// Shared memory of a block.
    pub lds_bytes: u32,
    /// The most threads a block may have.
    pub workgroup_size: u32,
    /// The block a launch must have, where the kernel fixes it.
    pub required: Option<[u32; 3]>,
    /// Lanes of a wave.
    pub wavefront: u32,
}

/// The code of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its symbol.
    pub name: String,
    /// Its instructions.
    pub code: &'a [u8],
}

const FORM: &str = "AMD code object";
/// Bytes of a kernel descriptor.
const DESCRIPTOR: u64 = 64;
/// `ELFOSABI_AMDGPU_HSA`.
const OS_ABI: u8 = 64;
/// `NT_AMDGPU_METADATA`.
const METADATA: u32 = 32;

fn unreadable(why: impl Into<String>) -> Error {
    Error::Unreadable { form: FORM, why: why.into() }
}

fn elf_error(what: &str) -> impl FnOnce(::object::Error) -> Error {
    move |error| unreadable(format!("{what}: {error}"))
}

type Header = elf::FileHeader64<LE>;

/// An ELF whose header was found good.
struct Reader<'a> {
    bytes: &'a [u8],
    sections: SectionTable<'a, Header>,
    target: Target,
}

struct Symbol {
    name: String,
    address: u64,
    size: u64,
    kind: u8,
    section: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let header = Header::parse(bytes).map_err(elf_error("header"))?;
        let endian = header.endian().map_err(elf_error("header"))?;
        let machine = header.e_machine(endian);
        let flags = header.e_flags(endian);
        let ident = header.e_ident();
        if machine != elf::EM_AMDGPU {
            return Err(unreadable(format!("ELF machine {machine}, not {}", elf::EM_AMDGPU)));
        }
        if ident.os_abi != OS_ABI || header.e_type(endian) != elf::ET_DYN {
            return Err(unreadable("an ELF that is not a linked HSA object"));
        }
        let target = Target::ALL.into_iter().find(|target| target.elf_flags() == Some(flags));
        let target = target.ok_or_else(|| unreadable(format!("ELF flags {flags:#x} name no processor of ours")))?;
        // EI_ABIVERSION counts from code object v2 as 0.
        let version = (u32::from(ident.abi_version) + 2) * 100;
        if target.code_object() != Some(version) {
            return Err(unreadable(format!("code object version {version} for {target}")));
        }
        let sections = header.sections(endian, bytes).map_err(elf_error("sections"))?;
        Ok(Self { bytes, sections, target })
    }

    fn symbols(&self) -> Result<Vec<Symbol>, Error> {
        let table = self.sections.symbols(LE, self.bytes, elf::SHT_DYNSYM).map_err(elf_error("symbols"))?;
        table
            .iter()
            .skip(1)
            .map(|symbol| {
                let name = symbol.name(LE, table.strings()).map_err(elf_error("symbol name"))?;
                let name = str::from_utf8(name).map_err(|_| unreadable("a symbol name that is not UTF-8"))?;
                Ok(Symbol {
                    name: name.into(),
                    address: symbol.st_value(LE),
                    size: symbol.st_size(LE),
                    kind: symbol.st_type(),
                    section: symbol.st_shndx(LE).into(),
                })
            })
            .collect()
    }

    /// The bytes a symbol stands for.
    fn contents(&self, symbol: &Symbol) -> Result<&'a [u8], Error> {
        let section = self.sections.section(::object::SectionIndex(symbol.section)).map_err(elf_error("section of a symbol"))?;
        let data = section.data(LE, self.bytes).map_err(elf_error("section"))?;
        let start = symbol.address.checked_sub(section.sh_addr(LE));
        let range = start.and_then(|start| Some(usize::try_from(start).ok()?..usize::try_from(start.checked_add(symbol.size)?).ok()?));
        range.and_then(|range| data.get(range)).ok_or_else(|| unreadable(format!("symbol {} lies outside its section", symbol.name)))
    }

    fn note(&self) -> Result<&'a [u8], Error> {
        let mut found = None;
        for section in self.sections.iter() {
            let Some(mut notes) = section.notes(LE, self.bytes).map_err(elf_error("notes"))? else { continue };
            while let Some(note) = notes.next().map_err(elf_error("note"))? {
                if note.name() == b"AMDGPU" && note.n_type(LE) == METADATA && found.replace(note.desc()).is_some() {
                    return Err(unreadable("two metadata notes"));
                }
            }
        }
        found.ok_or_else(|| unreadable("no metadata note"))
    }
}

/// Whom a code object is for.
pub fn target(bytes: &[u8]) -> Result<Target, Error> {
    Reader::new(bytes).map(|reader| reader.target)
}

/// The kernels of a code object, in the order of its metadata, after their descriptors agreed with it.
pub fn kernels(bytes: &[u8]) -> Result<Vec<Kernel>, Error> {
    let reader = Reader::new(bytes)?;
    let symbols = reader.symbols()?;
    let find = |name: &str| {
        let mut found = symbols.iter().filter(|symbol| symbol.name == name);
        match (found.next(), found.next()) {
            (Some(symbol), None) => Ok(symbol),
            _ => Err(unreadable(format!("not one symbol {name}"))),
        }
    };
    let entries = metadata::read(reader.note()?, reader.target)?;
    let described = symbols.iter().filter(|symbol| symbol.name.ends_with(".kd")).count();
    if described != entries.len() {
        return Err(unreadable(format!("{described} kernel descriptors, {} kernels in the metadata", entries.len())));
    }
    let mut kernels = Vec::with_capacity(entries.len());
    for (kernel, symbol) in entries {
        let (code, descriptor) = (find(&kernel.name)?, find(&symbol)?);
        if code.kind != elf::STT_FUNC || descriptor.kind != elf::STT_OBJECT || descriptor.size != DESCRIPTOR {
            return Err(unreadable(format!("kernel {}: symbols of the wrong kind", kernel.name)));
        }
        reader.contents(code)?;
        describe(reader.contents(descriptor)?, descriptor.address, code.address, &kernel)?;
        kernels.push(kernel);
    }
    Ok(kernels)
}

/// Checks a kernel descriptor against what the metadata says of the kernel.
fn describe(bytes: &[u8], address: u64, code: u64, kernel: &Kernel) -> Result<(), Error> {
    let wrong = |what: &str| unreadable(format!("kernel {}: descriptor and metadata disagree on {what}", kernel.name));
    let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
    let (Some(lds), Some(scratch), Some(arguments)) = (word(0), word(4), word(8)) else { return Err(wrong("its length")) };
    let (Some(low), Some(high), Some(registers), Some(properties)) = (word(16), word(20), word(48), word(56)) else {
        return Err(wrong("its length"));
    };
    let entry = u64::from(high) << 32 | u64::from(low);
    let wave32 = properties >> 10 & 1 == 1;
    // Eight registers a step for wave32, four for wave64.
    let granted = ((registers & 0x3f) + 1) * if wave32 { 8 } else { 4 };
    if address.wrapping_add(entry) != code {
        return Err(wrong("where the code starts"));
    }
    match () {
        () if lds != kernel.lds_bytes => Err(wrong("shared memory")),
        () if scratch != kernel.scratch_bytes => Err(wrong("scratch memory")),
        () if arguments != kernel.kernarg_bytes => Err(wrong("the argument block")),
        () if wave32 != (kernel.wavefront == 32) => Err(wrong("the lanes of a wave")),
        () if granted < kernel.vgprs => Err(wrong("vector registers")),
        () => Ok(()),
    }
}

/// The functions of a code object, kernels and others, by address.
pub fn functions(bytes: &[u8]) -> Result<Vec<Function<'_>>, Error> {
    let reader = Reader::new(bytes)?;
    let mut symbols: Vec<Symbol> = reader.symbols()?.into_iter().filter(|symbol| symbol.kind == elf::STT_FUNC).collect();
    symbols.sort_by_key(|symbol| symbol.address);
    symbols.into_iter().map(|symbol| Ok(Function { code: reader.contents(&symbol)?, name: symbol.name })).collect()
}

/// Waves of this kernel a SIMD can hold at once; `None` on NVIDIA.
///
/// Registers as in [`Target::register_file`]; at most 16 waves. Shared memory: 128 KiB for the four SIMDs of a work-group processor, given out by
/// the kilobyte.
pub fn occupancy(kernel: &Kernel, target: Target) -> Option<u32> {
    const MOST_WAVES: u32 = 16;
    const SIMDS: u32 = 4;
    let (file, granule) = target.register_file()?;
    let by_registers = file / kernel.vgprs.max(1).checked_next_multiple_of(granule)?;
    let by_shared = match kernel.lds_bytes {
        0 => MOST_WAVES,
        bytes => {
            let blocks = 128 * 1024 / bytes.checked_next_multiple_of(1024)?;
            let waves = kernel.workgroup_size.div_ceil(kernel.wavefront.max(1));
            blocks.saturating_mul(waves) / SIMDS
        }
    };
    Some(MOST_WAVES.min(by_registers).min(by_shared))
}

/// Refuses a kernel that spills or takes more than its device has.
pub fn check(kernel: &Kernel, target: Target) -> Result<(), Error> {
    let limits = target.limits();
    for (what, used, allowed) in [
        ("vector registers", kernel.vgprs, limits.registers),
        ("bytes of shared memory", kernel.lds_bytes, limits.shared_bytes),
        ("threads in a block", kernel.workgroup_size, limits.threads),
        ("bytes of scratch memory", kernel.scratch_bytes, 0),
        ("spilled vector registers", kernel.vgpr_spills, 0),
        ("spilled scalar registers", kernel.sgpr_spills, 0),
    ] {
        if used > allowed {
            return Err(Error::Limit { kernel: kernel.name.clone(), target, what, used: used.into(), allowed: allowed.into() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(vgprs: u32, lds_bytes: u32) -> Kernel {
        Kernel {
            name: "k".into(),
            arguments: Vec::new(),
            kernarg_bytes: 0,
            vgprs,
            sgprs: 16,
            vgpr_spills: 0,
            sgpr_spills: 0,
            scratch_bytes: 0,
            lds_bytes,
            workgroup_size: 128,
            required: None,
            wavefront: 32,
        }
    }

    #[test]
    fn occupancy_is_what_llvm_writes_into_its_assembly() {
        for (vgprs, large, small) in [(24, 16, 16), (96, 16, 10), (100, 12, 9), (128, 10, 8), (168, 9, 5), (250, 5, 4)] {
            assert_eq!(occupancy(&kernel(vgprs, 0), Target::Gfx1100), Some(large), "{vgprs}");
            assert_eq!(occupancy(&kernel(vgprs, 0), Target::Gfx1103), Some(small), "{vgprs}");
            assert_eq!(occupancy(&kernel(vgprs, 0), Target::Gfx11Generic), Some(small), "{vgprs}");
        }
        for (lds, waves) in [(16384, 8), (32768, 4), (65536, 2)] {
            assert_eq!(occupancy(&kernel(24, lds), Target::Gfx1103), Some(waves), "{lds}");
        }
        assert_eq!(occupancy(&kernel(24, 0), Target::Sm90), None);
    }

    #[test]
    fn what_spills_or_is_too_large_is_refused() {
        check(&kernel(256, 65536), Target::Gfx1103).unwrap();
        for bad in [
            kernel(257, 0),
            kernel(24, 65537),
            Kernel { scratch_bytes: 4, ..kernel(24, 0) },
            Kernel { vgpr_spills: 1, ..kernel(24, 0) },
            Kernel { sgpr_spills: 1, ..kernel(24, 0) },
            Kernel { workgroup_size: 1025, ..kernel(24, 0) },
        ] {
            assert!(matches!(check(&bad, Target::Gfx1103), Err(Error::Limit { allowed: 0 | 256 | 1024 | 65536, .. })));
        }
    }
}
