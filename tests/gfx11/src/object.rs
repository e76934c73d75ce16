//! Code objects: the ELF file that LLVM makes for AMD's GPUs, its kernel descriptors, and the note that says what the arguments are.

use crate::program::Program;
use object::{Object, ObjectSection, ObjectSymbol};
use rmpv::Value;

/// Why an image is no code object that this machine can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not readable as ELF.
    #[error("no ELF file: {0}")]
    Elf(String),
    /// Another machine's.
    #[error("made for machine {machine} with flags {flags:#x}, not for gfx1103")]
    Machine {
        /// `e_machine`.
        machine: u16,
        /// `e_flags`.
        flags: u32,
    },
    /// Something is missing or contradicts itself.
    #[error("{kernel}: {what}")]
    Kernel {
        /// The kernel, or "metadata".
        kernel: String,
        /// What is wrong.
        what: String,
    },
}

fn wrong(kernel: &str, what: impl Into<String>) -> ImageError {
    ImageError::Kernel { kernel: kernel.into(), what: what.into() }
}

/// What fills a piece of the argument block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The caller's next argument.
    Caller,
    /// Workgroups along an axis.
    Blocks(usize),
    /// Lanes of a workgroup along an axis.
    Lanes(usize),
    /// Axes in use.
    Axes,
    /// Bytes of dynamic memory of the workgroup.
    DynamicShared,
    /// Zero: offsets of the grid, remainders, services of the runtime that are not there.
    Zero,
}

/// One argument in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Where.
    pub offset: usize,
    /// How many bytes.
    pub size: usize,
    /// With what.
    pub filled: Filled,
}

/// The registers that a wave begins with, from the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Scalar registers before those of the system.
    pub user: u8,
    /// Where the address of the dispatch packet goes.
    pub dispatch: Option<u8>,
    /// Where the address of the arguments goes.
    pub arguments: Option<u8>,
    /// Which coordinates of the workgroup are given.
    pub group: [bool; 3],
    /// Whether floats lose their denormals.
    pub flush: bool,
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Its code.
    pub program: Program,
    /// How its waves begin.
    pub setup: Setup,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// Bytes of the argument block.
    pub argument_bytes: usize,
    /// Bytes of the workgroup's memory, dynamic ones not counted.
    pub shared: u32,
    /// Bytes of private memory of a lane.
    pub private: u32,
    /// Vector registers.
    pub registers: u8,
    /// Lanes of a workgroup at most.
    pub most_lanes: u32,
}

const EM_AMDGPU: u16 = 224;
/// `EF_AMDGPU_MACH_AMDGCN_GFX1103`.
const GFX1103: u32 = 0x44;
const DESCRIPTOR: usize = 64;

/// Reads all kernels of an image.
///
/// # Errors
/// [`ImageError`], with the kernel and the field.
pub fn read(image: &[u8]) -> Result<Vec<Kernel>, ImageError> {
    let elf = |error: object::Error| ImageError::Elf(error.to_string());
    let file = object::read::elf::ElfFile64::<object::LittleEndian>::parse(image).map_err(elf)?;
    let header = file.elf_header();
    let (machine, flags) = (header.e_machine.get(object::LittleEndian), header.e_flags.get(object::LittleEndian));
    if machine != EM_AMDGPU || flags & 0xFF != GFX1103 {
        return Err(ImageError::Machine { machine, flags });
    }
    let note = metadata(&file)?;
    let root = rmpv::decode::read_value_with_max_depth(&mut &note[..], 16).map_err(|error| wrong("metadata", error.to_string()))?;
    let kernels = get(&root, "amdhsa.kernels").and_then(Value::as_array).ok_or_else(|| wrong("metadata", "no list of kernels"))?;
    kernels.iter().map(|value| kernel(&file, value)).collect()
}

type File<'a> = object::read::elf::ElfFile64<'a, object::LittleEndian>;

fn metadata(file: &File<'_>) -> Result<Vec<u8>, ImageError> {
    let section = file.section_by_name(".note").ok_or_else(|| wrong("metadata", "no section `.note`"))?;
    let data = section.data().map_err(|error| wrong("metadata", error.to_string()))?;
    // One note: lengths of name and text, a type (32 is the metadata's), the name, the text.
    let word = |at: usize| data.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let (Some(name), Some(text), Some(32)) = (word(0), word(4), word(8)) else { return Err(wrong("metadata", "no note of type 32")) };
    let start = 12 + name.next_multiple_of(4);
    start.checked_add(text).and_then(|end| data.get(start..end)).map(<[u8]>::to_vec).ok_or_else(|| wrong("metadata", "cut short"))
}

fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.as_map()?.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
}

fn number(value: &Value, key: &str, kernel: &str) -> Result<u32, ImageError> {
    get(value, key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).ok_or_else(|| wrong(kernel, format!("no number `{key}`")))
}

/// The bytes at an address of the file's image.
fn bytes_at<'a>(file: &File<'a>, address: u64, length: u64) -> Option<&'a [u8]> {
    file.sections().find_map(|section| section.data_range(address, length).ok().flatten())
}

fn kernel(file: &File<'_>, value: &Value) -> Result<Kernel, ImageError> {
    let name = get(value, ".name").and_then(Value::as_str).ok_or_else(|| wrong("metadata", "a kernel without a name"))?.to_owned();
    let bad = |what: &str| wrong(&name, what);
    let symbol = |wanted: &str| file.symbols().find(|symbol| symbol.name() == Ok(wanted)).ok_or_else(|| bad(&format!("no symbol `{wanted}`")));
    let descriptor_symbol = symbol(&format!("{name}.kd"))?;
    let descriptor = bytes_at(file, descriptor_symbol.address(), DESCRIPTOR as u64).ok_or_else(|| bad("no descriptor"))?;
    let word = |at: usize| u32::from_le_bytes([descriptor[at], descriptor[at + 1], descriptor[at + 2], descriptor[at + 3]]);
    let entry = descriptor_symbol.address().wrapping_add(u64::from(word(16)) | u64::from(word(20)) << 32);
    let code_symbol = symbol(&name)?;
    if code_symbol.address() != entry {
        return Err(bad("its code is not where its descriptor says"));
    }
    let code = bytes_at(file, entry, code_symbol.size()).ok_or_else(|| bad("no code"))?;
    let words: Vec<u32> = code.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let argument_bytes = number(value, ".kernarg_segment_size", &name)? as usize;
    let mut arguments = Vec::new();
    for argument in get(value, ".args").and_then(Value::as_array).map_or(&[][..], Vec::as_slice) {
        let (offset, size) = (number(argument, ".offset", &name)? as usize, number(argument, ".size", &name)? as usize);
        if offset + size > argument_bytes {
            return Err(bad("an argument outside of its block"));
        }
        arguments.push(Argument { offset, size, filled: filled(get(argument, ".value_kind").and_then(Value::as_str).unwrap_or(""), &name)? });
    }
    Ok(Kernel {
        setup: setup(word(48), word(52), word(56) & 0xFFFF).map_err(bad)?,
        program: Program::new(&words),
        arguments,
        argument_bytes,
        shared: word(0),
        private: word(4),
        registers: number(value, ".vgpr_count", &name)?.min(255) as u8,
        most_lanes: number(value, ".max_flat_workgroup_size", &name)?,
        name,
    })
}

fn filled(kind: &str, kernel: &str) -> Result<Filled, ImageError> {
    Ok(match kind {
        "global_buffer" | "by_value" => Filled::Caller,
        "hidden_block_count_x" => Filled::Blocks(0),
        "hidden_block_count_y" => Filled::Blocks(1),
        "hidden_block_count_z" => Filled::Blocks(2),
        "hidden_group_size_x" => Filled::Lanes(0),
        "hidden_group_size_y" => Filled::Lanes(1),
        "hidden_group_size_z" => Filled::Lanes(2),
        "hidden_grid_dims" => Filled::Axes,
        "hidden_dynamic_lds_size" => Filled::DynamicShared,
        other if other.starts_with("hidden_") => Filled::Zero,
        other => return Err(wrong(kernel, format!("an argument passed as `{other}`"))),
    })
}

/// The descriptor's registers 1 and 2 and its properties. Source: LLVM's "User Guide for AMDGPU Backend", kernel descriptor.
fn setup(rsrc1: u32, rsrc2: u32, properties: u32) -> Result<Setup, &'static str> {
    if properties & 1 << 10 == 0 {
        return Err("waves of 64 lanes");
    }
    if rsrc1 >> 12 & 15 != 0 {
        return Err("rounding other than to the nearest");
    }
    if rsrc1 >> 18 & 3 != 3 {
        return Err("halves and doubles without denormals");
    }
    let flush = match rsrc1 >> 16 & 3 {
        0 => true,
        3 => false,
        _ => return Err("denormals allowed on one side only"),
    };
    let mut next = 0u8;
    let mut place = |bit: u32, count: u8| {
        let here = next;
        let on = properties >> bit & 1 != 0;
        next += if on { count } else { 0 };
        on.then_some(here)
    };
    if place(0, 4).is_some() {
        return Err("a buffer of private memory, which gfx11 does not have");
    }
    let dispatch = place(1, 2);
    if place(2, 2).is_some() {
        return Err("the address of the queue");
    }
    let arguments = place(3, 2);
    place(4, 2);
    place(5, 2);
    place(6, 1);
    let user = (rsrc2 >> 1 & 31) as u8;
    if next > user {
        return Err("more registers set than counted");
    }
    Ok(Setup { user, dispatch, arguments, group: [7, 8, 9].map(|bit| rsrc2 >> bit & 1 != 0), flush })
}
