//! Files as text for people: every command and operation with the tile, the register's name and its fields.

use super::File;
use super::address::Address;
use super::bytes::{Reader, Result, Trace};
use super::cdo::{Cdo, Command, Program};
use super::metadata::{Metadata, Passing};
use super::partition::Partition;
use super::pdi::Pdi;
use super::registers::register;
use super::sections::Body;
use super::txn::{Direction, Op, Txn};
use super::xclbin::{Trailer, Xclbin};
use crate::isa::Bundle;
use std::fmt::Write;

/// How much is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Programs and memory word by word, not only their sizes.
    pub words: bool,
    /// Programs as instructions.
    pub instructions: bool,
}

/// Text about the bytes of a file. A file whose layout or padding would not be written as it is begins with a note that says where.
///
/// # Errors
/// For a file that cannot be read.
pub fn text(bytes: &[u8], options: Options) -> Result<String> {
    let trace = Trace::default();
    let text = dump(&File::parse(Reader::new("file", bytes, &trace))?, options);
    Ok(match File::read(bytes) {
        Ok(_) => text,
        Err(why) => format!("note: {why}\n{text}"),
    })
}

/// Text about a file.
pub fn dump(file: &File, options: Options) -> String {
    let mut out = Dump { out: String::new(), options };
    match file {
        File::Xclbin(file) => out.xclbin(file),
        File::Pdi(file) => out.pdi(file),
        File::Cdo(file) => out.cdo(file),
        File::Txn(file) => out.txn(file),
    }
    out.out
}

struct Dump {
    out: String,
    options: Options,
}

/// Adds a line. Writing to a String cannot fail.
macro_rules! line {
    ($dump:expr, $($text:tt)*) => {{ let _ = writeln!($dump.out, $($text)*); }};
}

impl Dump {
    fn xclbin(&mut self, file: &Xclbin) {
        let (major, minor, patch) = file.version;
        let trailer = match &file.trailer {
            Trailer::Mirror => "derived from the sections".to_owned(),
            Trailer::Kept(bytes) => format!("{} bytes, kept as they are", bytes.len()),
        };
        line!(self, "xclbin");
        line!(self, "  uuid {}  unique id {:#018x}  time {}  version {major}.{minor}.{patch}", uuid(&file.uuid), file.unique_id, file.timestamp);
        line!(self, "  mirror: {trailer}");
        for section in &file.sections {
            let name = if section.name.is_empty() { String::new() } else { format!(" `{}`", section.name) };
            line!(self, "section {}{name}", section.body.kind());
            self.section(&section.body);
        }
    }

    fn section(&mut self, body: &Body) {
        match body {
            Body::MemTopology(memories) | Body::GroupTopology(memories) => {
                for (number, memory) in memories.iter().enumerate() {
                    let (kind, used) = (memory.kind, memory.used);
                    line!(self, "  memory {number} {}: {} KiB at {:#x}, type {kind}, used {used}", memory.tag, memory.kib, memory.base);
                }
            }
            Body::Connectivity(list) | Body::GroupConnectivity(list) => {
                list.iter().for_each(|c| line!(self, "  argument {} of kernel {} in memory {}", c.argument, c.ip, c.memory));
            }
            Body::IpLayout(ips) => {
                for (number, ip) in ips.iter().enumerate() {
                    let (kind, subtype, functional) = (ip.kind, ip.subtype, ip.functional);
                    line!(self, "  kernel {number} {}: id {:#x}, type {kind}, subtype {subtype}, functional {functional}", ip.name, ip.id);
                }
            }
            Body::EmbeddedMetadata(metadata) => self.metadata(metadata),
            Body::AiePartition(partition) => self.partition(partition),
            Body::Kept { bytes, why, .. } => line!(self, "  {} bytes, kept as they are: {why}", bytes.len()),
        }
    }

    fn metadata(&mut self, metadata: &Metadata) {
        let Metadata { kernel, id, functional, subtype, .. } = metadata;
        line!(self, "  kernel {kernel}: id {id:#x}, functional {functional}, subtype {subtype}, instances {}", metadata.instances.join(", "));
        for (number, argument) in metadata.arguments.iter().enumerate() {
            let passing = if argument.passing == Passing::Buffer { "buffer" } else { "value" };
            let (name, kind, size, offset) = (&argument.name, &argument.kind, argument.size, argument.offset);
            line!(self, "  argument {number} {name}: {passing} `{kind}`, {size} bytes at {offset:#x}");
        }
    }

    fn partition(&mut self, partition: &Partition) {
        let (columns, starts, work) = (partition.columns, &partition.start_columns, partition.operations_per_cycle);
        line!(self, "  {columns} columns, from one of {starts:?}; {work} operations per cycle");
        for image in &partition.images {
            line!(self, "  image {}", uuid(&image.uuid));
            for group in &image.groups {
                let kernels: Vec<_> = group.kernels.iter().map(|k| format!("{k:#x}")).collect();
                line!(
                    self,
                    "  group {}: type {}, image {}, kernels {}, after {:x?}",
                    group.name,
                    group.kind,
                    group.pdi,
                    kernels.join(", "),
                    group.before
                );
            }
            self.pdi(&image.pdi);
        }
    }

    fn pdi(&mut self, pdi: &Pdi) {
        line!(self, "PDI `{}`: image {:#x}, id code {:#x}, extended {:#x}", pdi.name, pdi.image, pdi.id_code, pdi.extended_id_code);
        self.cdo(&pdi.cdo);
    }

    fn cdo(&mut self, cdo: &Cdo) {
        line!(self, "CDO: {} words, {} commands", cdo.words(), cdo.commands.len());
        for command in &cdo.commands {
            match command {
                Command::End => line!(self, "  end"),
                Command::Nop { words } => line!(self, "  nop         {words} words"),
                Command::MaskPoll { address, mask, value, timeout } => {
                    self.register("mask poll", *address, *value, *mask);
                    line!(self, "    at most {timeout} microseconds");
                }
                Command::MaskWrite { address, mask, value } => self.register("mask write", *address, *value, *mask),
                Command::MaskWrite64 { address, mask, value } => self.register("mask write64", *address, *value, *mask),
                Command::Write { address, value } => self.register("write", *address, *value, u32::MAX),
                Command::Write64 { address, value } => self.register("write64", *address, *value, u32::MAX),
                Command::DmaWrite { address, data } => self.block("dma write", *address, data),
            }
        }
        for program in cdo.programs() {
            self.program(&program);
        }
    }

    /// A core's program.
    fn program(&mut self, program: &Program) {
        let Program { tile, offset, bytes } = program;
        line!(self, "program of core {tile} from {offset:#x}: {} bytes", bytes.len());
        if !self.options.instructions {
            return;
        }
        // A program may end in padding that is no instruction; what stands before is told all the same.
        let mut at = 0;
        while at < bytes.len() {
            match Bundle::decode(&bytes[at..], offset.wrapping_add(at as u32)) {
                Ok(bundle) => {
                    line!(self, "  {:#06x}  {bundle}", *offset as usize + at);
                    at += bundle.bytes();
                }
                Err(why) => {
                    line!(self, "  {:#06x}  {why}", *offset as usize + at);
                    return;
                }
            }
        }
    }

    fn register(&mut self, what: &str, address: Address, value: u32, mask: u32) {
        let tile = address.tile();
        let under = if mask == u32::MAX { String::new() } else { format!(" under {mask:#010x}") };
        match register(address) {
            Some(register) => {
                line!(self, "  {what:<11} {tile} {} = {value:#010x}{under}: {}", register.name, register.describe(value, mask));
            }
            None => line!(self, "  {what:<11} {tile} {:#07x} = {value:#010x}{under}", address.offset()),
        }
    }

    /// A run of words: registers one by one, memory only if asked for.
    fn block(&mut self, what: &str, address: Address, data: &[u32]) {
        let (tile, offset) = (address.tile(), address.offset());
        let memory = register(address).filter(|r| r.fields().next().is_none());
        let name = memory.as_ref().map_or(String::new(), |r| format!(" {}", r.name));
        line!(self, "  {what:<11} {tile}{name} {offset:#07x}: {} words", data.len());
        if memory.is_some() {
            if self.options.words {
                for (row, words) in data.chunks(8).enumerate() {
                    let words: Vec<_> = words.iter().map(|word| format!("{word:08x}")).collect();
                    line!(self, "    {:#07x}  {}", offset as usize + 32 * row, words.join(" "));
                }
            }
            return;
        }
        for (at, value) in data.iter().enumerate() {
            let address = Address(address.0.wrapping_add(4 * at as u32));
            match register(address) {
                Some(register) => line!(self, "    {} = {value:#010x}: {}", register.name, register.describe(*value, u32::MAX)),
                None => line!(self, "    {:#07x} = {value:#010x}", address.offset()),
            }
        }
    }

    fn txn(&mut self, txn: &Txn) {
        let Txn { generation, rows, columns, memory_rows, ops } = txn;
        line!(self, "TXN for {generation:?}: {rows} rows, {columns} columns, {memory_rows} memory rows; {} operations", ops.len());
        for op in ops {
            match op {
                Op::Write { address, value } => self.register("write", *address, *value, u32::MAX),
                Op::MaskWrite { address, value, mask } => self.register("mask write", *address, *value, *mask),
                Op::MaskPoll { address, value, mask } => self.register("mask poll", *address, *value, *mask),
                Op::BlockWrite { address, data, .. } => self.block("block write", *address, data),
                Op::Noop => line!(self, "  nothing"),
                Op::Preempt { level } => line!(self, "  preempt     level {level}"),
                Op::LoadPdi { id, size, address } => line!(self, "  load        image {id}, {size} bytes at {address:#x}"),
                Op::Sync { direction, row, column, rows, columns, channel } => {
                    let direction = if *direction == Direction::S2mm { "S2MM" } else { "MM2S" };
                    line!(self, "  sync        ({column}, {row}) and {columns} x {rows} tiles: {direction} {channel}");
                }
                Op::Patch { register: at, argument, offset } => {
                    let name = register(*at).map_or_else(|| format!("{:#07x}", at.offset()), |r| r.name);
                    line!(self, "  patch       {} {name} += address of buffer {argument} + {offset:#x}", at.tile());
                }
            }
        }
    }
}

fn uuid(uuid: &[u8; 16]) -> String {
    uuid.iter().map(|byte| format!("{byte:02x}")).collect()
}
