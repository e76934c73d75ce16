//! Names and fields of the registers that a configuration or an instruction stream writes, after AMD's AM025: buffer descriptors, channels, locks,
//! stream switches, core control. Only for people to read: no reader or writer depends on this table.

use super::address::{Address, Kind, PROGRAM};
use std::fmt::Write;

/// A register, or a run of words that are no registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its name in AM025, of words in memory what memory it is.
    pub name: String,
    /// Its fields as `Name[high:low]`, with spaces between; none for plain words.
    fields: &'static str,
    kind: Kind,
}

/// A field of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in AM025.
    pub name: &'static str,
    /// Its highest bit.
    pub high: u32,
    /// Its lowest bit.
    pub low: u32,
}

impl Field {
    fn mask(self) -> u32 {
        (u32::MAX >> (31 - (self.high - self.low))) << self.low
    }
}

/// `count` registers `stride` bytes apart; `#` in the name is their number.
struct Row(&'static str, u32, u32, u32, &'static str);

const LOCK: &str = "Lock_value[5:0]";
const QUEUE: &str = "Enable_Token_Issue[31:31] Repeat_Count[23:16] Start_BD_ID[3:0]";
const PACKET: &str = "Enable_Compression[31:31] Enable_Packet[30:30] Out_Of_Order_BD_ID[29:24] Packet_ID[23:19] Packet_Type[18:16]";
const LAST: &str = "TLAST_Suppress[31:31] Next_BD[30:27] Use_Next_BD[26:26] Valid_BD[25:25] Lock_Rel_Value[24:18] Lock_Rel_ID[16:13] \
                    Lock_Acq_Enable[12:12] Lock_Acq_Value[11:5] Lock_Acq_ID[3:0]";
const S2MM: &str = "FoT_Mode[17:16] Controller_ID[15:8] Decompression_Enable[4:4] Enable_Out_of_Order[3:3] Reset[1:1]";
const MM2S: &str = "Controller_ID[15:8] Compression_Enable[4:4] Reset[1:1]";
const MASTER: &str = "Master_Enable[31:31] Packet_Enable[30:30] Drop_Header[7:7] Configuration[6:0]";
const SLAVE: &str = "Slave_Enable[31:31] Packet_Enable[30:30]";
const SLOT: &str = "id[28:24] mask[20:16] enable[8:8] msel[5:4] arbit[2:0]";

const CORE: [Row; 16] = [
    Row("DMA_BD#_0", 0x1d000, 16, 0x20, "Base_Address[27:14] Buffer_Length[13:0]"),
    Row("DMA_BD#_1", 0x1d004, 16, 0x20, PACKET),
    Row("DMA_BD#_2", 0x1d008, 16, 0x20, "D1_Stepsize[25:13] D0_Stepsize[12:0]"),
    Row("DMA_BD#_3", 0x1d00c, 16, 0x20, "D1_Wrap[28:21] D0_Wrap[20:13] D2_Stepsize[12:0]"),
    Row("DMA_BD#_4", 0x1d010, 16, 0x20, "Iteration_Current[24:19] Iteration_Wrap[18:13] Iteration_Stepsize[12:0]"),
    Row("DMA_BD#_5", 0x1d014, 16, 0x20, LAST),
    Row("DMA_S2MM_#_Ctrl", 0x1de00, 2, 8, S2MM),
    Row("DMA_S2MM_#_Start_Queue", 0x1de04, 2, 8, QUEUE),
    Row("DMA_MM2S_#_Ctrl", 0x1de10, 2, 8, MM2S),
    Row("DMA_MM2S_#_Start_Queue", 0x1de14, 2, 8, QUEUE),
    Row("Lock#_value", 0x1f000, 16, 0x10, LOCK),
    Row("Core_PC", 0x31100, 1, 4, "Register_Value[19:0]"),
    Row("Core_SP", 0x31120, 1, 4, "Register_Value[19:0]"),
    Row("Core_LR", 0x31130, 1, 4, "Register_Value[19:0]"),
    Row("Core_Control", 0x32000, 1, 4, "Reset[1:1] Enable[0:0]"),
    Row("Core_Status", 0x32004, 1, 4, "Core_Done[20:20] Error_Halt[19:19] Debug_Halt[16:16] Reset[1:1] Enable[0:0]"),
];

const MEMORY_QUEUE: &str = "Enable_Token_Issue[31:31] Repeat_Count[23:16] Start_BD_ID[5:0]";
const MEMORY: [Row; 13] = [
    Row("DMA_BD#_0", 0xa0000, 48, 0x20, "Enable_Packet[31:31] Packet_Type[30:28] Packet_ID[27:23] Out_Of_Order_BD_ID[22:17] Buffer_Length[16:0]"),
    Row("DMA_BD#_1", 0xa0004, 48, 0x20, "D0_Zero_Before[31:26] Next_BD[25:20] Use_Next_BD[19:19] Base_Address[18:0]"),
    Row("DMA_BD#_2", 0xa0008, 48, 0x20, "TLAST_Suppress[31:31] D0_Wrap[26:17] D0_Stepsize[16:0]"),
    Row("DMA_BD#_3", 0xa000c, 48, 0x20, "D1_Zero_Before[31:27] D1_Wrap[26:17] D1_Stepsize[16:0]"),
    Row("DMA_BD#_4", 0xa0010, 48, 0x20, "Enable_Compression[31:31] D2_Zero_Before[30:27] D2_Wrap[26:17] D2_Stepsize[16:0]"),
    Row("DMA_BD#_5", 0xa0014, 48, 0x20, "D2_Zero_After[31:28] D1_Zero_After[27:23] D0_Zero_After[22:17] D3_Stepsize[16:0]"),
    Row("DMA_BD#_6", 0xa0018, 48, 0x20, "Iteration_Current[28:23] Iteration_Wrap[22:17] Iteration_Stepsize[16:0]"),
    Row(
        "DMA_BD#_7",
        0xa001c,
        48,
        0x20,
        "Valid_BD[31:31] Lock_Rel_Value[30:24] Lock_Rel_ID[23:16] Lock_Acq_Enable[15:15] Lock_Acq_Value[14:8] Lock_Acq_ID[7:0]",
    ),
    Row("DMA_S2MM_#_Ctrl", 0xa0600, 6, 8, S2MM),
    Row("DMA_S2MM_#_Start_Queue", 0xa0604, 6, 8, MEMORY_QUEUE),
    Row("DMA_MM2S_#_Ctrl", 0xa0630, 6, 8, MM2S),
    Row("DMA_MM2S_#_Start_Queue", 0xa0634, 6, 8, MEMORY_QUEUE),
    Row("Lock#_value", 0xc0000, 64, 0x10, LOCK),
];

const SHIM: [Row; 15] = [
    Row("Lock#_value", 0x14000, 16, 0x10, LOCK),
    Row("DMA_BD#_0", 0x1d000, 16, 0x20, "Buffer_Length[31:0]"),
    Row("DMA_BD#_1", 0x1d004, 16, 0x20, "Base_Address_Low[31:2]"),
    Row("DMA_BD#_2", 0x1d008, 16, 0x20, "Enable_Packet[30:30] Out_Of_Order_BD_ID[29:24] Packet_ID[23:19] Packet_Type[18:16] Base_Address_High[15:0]"),
    Row("DMA_BD#_3", 0x1d00c, 16, 0x20, "Secure_Access[30:30] D0_Wrap[29:20] D0_Stepsize[19:0]"),
    Row("DMA_BD#_4", 0x1d010, 16, 0x20, "Burst_Length[31:30] D1_Wrap[29:20] D1_Stepsize[19:0]"),
    Row("DMA_BD#_5", 0x1d014, 16, 0x20, "SMID[31:28] AxCache[27:24] AxQoS[23:20] D2_Stepsize[19:0]"),
    Row("DMA_BD#_6", 0x1d018, 16, 0x20, "Iteration_Current[31:26] Iteration_Wrap[25:20] Iteration_Stepsize[19:0]"),
    Row("DMA_BD#_7", 0x1d01c, 16, 0x20, LAST),
    Row("DMA_S2MM_#_Ctrl", 0x1d200, 2, 8, "FoT_Mode[17:16] Controller_ID[15:8] Enable_Out_of_Order[3:3] Pause_Stream[2:2] Pause_Mem[1:1]"),
    Row("DMA_S2MM_#_Task_Queue", 0x1d204, 2, 8, QUEUE),
    Row("DMA_MM2S_#_Ctrl", 0x1d210, 2, 8, "Controller_ID[15:8] Pause_Stream[2:2] Pause_Mem[1:1]"),
    Row("DMA_MM2S_#_Task_Queue", 0x1d214, 2, 8, QUEUE),
    Row("Mux_Config", 0x1f000, 1, 4, "South7[15:14] South6[13:12] South3[11:10] South2[9:8]"),
    Row("Demux_Config", 0x1f004, 1, 4, "South5[11:10] South4[9:8] South3[7:6] South2[5:4]"),
];

/// Ports of a stream switch in the order of their registers: a direction, and how many. 0 is a single one without a number.
type Ports = &'static [(&'static str, u32)];
const CORE_MASTERS: Ports = &[("AIE_Core", 1), ("DMA", 2), ("Tile_Ctrl", 0), ("FIFO", 1), ("South", 4), ("West", 4), ("North", 6), ("East", 4)];
const CORE_SLAVES: Ports = &[
    ("AIE_Core", 1),
    ("DMA", 2),
    ("Tile_Ctrl", 0),
    ("FIFO", 1),
    ("South", 6),
    ("West", 4),
    ("North", 4),
    ("East", 4),
    ("AIE_Trace", 0),
    ("Mem_Trace", 0),
];
const MEMORY_MASTERS: Ports = &[("DMA", 6), ("Tile_Ctrl", 0), ("South", 4), ("North", 6)];
const MEMORY_SLAVES: Ports = &[("DMA", 6), ("Tile_Ctrl", 0), ("South", 6), ("North", 4), ("Trace", 0)];
const SHIM_MASTERS: Ports = &[("Tile_Ctrl", 0), ("FIFO", 1), ("South", 6), ("West", 4), ("North", 6), ("East", 4)];
const SHIM_SLAVES: Ports = &[("Tile_Ctrl", 0), ("FIFO", 1), ("South", 8), ("West", 4), ("North", 4), ("East", 4), ("Trace", 0)];

/// The name of a port: its direction and number, with `between` between them.
fn port(ports: Ports, index: u32, between: &str) -> Option<String> {
    let mut left = index;
    for (direction, count) in ports {
        match count {
            0 if left == 0 => return Some((*direction).to_owned()),
            // The core's one port is spelled the same everywhere.
            1 if left == 0 && *direction == "AIE_Core" => return Some("AIE_Core0".to_owned()),
            count if left < *count => return Some(format!("{direction}{between}{left}")),
            count => left -= (*count).max(1),
        }
    }
    None
}

/// The port from which a stream switch's master takes its data.
pub fn slave(kind: Kind, index: u32) -> Option<String> {
    port(switch(kind).2, index, "_")
}

/// Where the stream switch's registers begin, and its ports.
fn switch(kind: Kind) -> (u32, Ports, Ports) {
    match kind {
        Kind::Shim => (0x3f000, SHIM_MASTERS, SHIM_SLAVES),
        Kind::Memory => (0xb0000, MEMORY_MASTERS, MEMORY_SLAVES),
        Kind::Core => (0x3f000, CORE_MASTERS, CORE_SLAVES),
    }
}

/// Bytes of the data memory that begins each tile.
fn memory(kind: Kind) -> u32 {
    match kind {
        Kind::Shim => 0,
        Kind::Memory => 0x8_0000,
        Kind::Core => 0x1_0000,
    }
}

/// What stands at an address, or nothing for one that this table does not know.
pub fn register(address: Address) -> Option<Register> {
    let (kind, offset) = (address.tile().kind(), address.offset());
    let named = |name: String, fields| Some(Register { name, fields, kind });
    if kind == Kind::Core && PROGRAM.contains(&offset) {
        return named("Program_Memory".into(), "");
    }
    if offset < memory(kind) {
        return named("Data_Memory".into(), "");
    }
    let (begin, masters, slaves) = switch(kind);
    if let Some(at) = offset.checked_sub(begin).filter(|at| at % 4 == 0) {
        let (index, slot) = (at % 0x100 / 4, at.wrapping_sub(0x200) / 4);
        match at {
            0..0x100 => return named(format!("Stream_Switch_Master_Config_{}", port(masters, index, "")?), MASTER),
            0x100..0x200 => return named(format!("Stream_Switch_Slave_Config_{}", port(slaves, index, "_")?), SLAVE),
            0x200..0x400 => return named(format!("Stream_Switch_Slave_{}_Slot{}", port(slaves, slot / 4, "_")?, slot % 4), SLOT),
            _ => {}
        }
    }
    let table: &[Row] = match kind {
        Kind::Shim => &SHIM,
        Kind::Memory => &MEMORY,
        Kind::Core => &CORE,
    };
    let number = |row: &Row| offset.checked_sub(row.1).filter(|at| at % row.3 == 0).map(|at| at / row.3).filter(|number| *number < row.2);
    let (row, number) = table.iter().find_map(|row| number(row).map(|number| (row, number)))?;
    named(row.0.replace('#', &number.to_string()), row.4)
}

impl Register {
    /// The fields, from the highest.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        self.fields.split_whitespace().filter_map(|text| {
            let (name, bits) = text.strip_suffix(']')?.split_once('[')?;
            let (high, low) = bits.split_once(':')?;
            Some(Field { name, high: high.parse().ok()?, low: low.parse().ok()? })
        })
    }

    /// The fields under a mask and their values: those that are not 0, or all of a partial mask. `-` if there is nothing to say.
    pub fn describe(&self, value: u32, mask: u32) -> String {
        let mut out = String::new();
        for field in self.fields().filter(|field| field.mask() & mask != 0) {
            let part = (value & field.mask()) >> field.low;
            if part == 0 && mask == u32::MAX {
                continue;
            }
            let signed = field.name.starts_with("Lock_") && field.name.ends_with("_Value");
            // Writing to a String cannot fail.
            let _ = match field.high - field.low {
                // A lock is released by a signed number; acquiring a negative one waits for at least that much.
                6 if signed => write!(out, "{}={} ", field.name, part as i32 - if part > 63 { 128 } else { 0 }),
                0..16 => write!(out, "{}={part} ", field.name),
                _ => write!(out, "{}={part:#x} ", field.name),
            };
            if field.name == "Configuration" && value & 1 << 30 == 0 {
                let _ = write!(out, "({}) ", slave(self.kind, part).unwrap_or_else(|| "no port".into()));
            }
        }
        let known: u32 = self.fields().fold(0, |known, field| known | field.mask());
        if !self.fields.is_empty() && value & mask & !known != 0 {
            let _ = write!(out, "other={:#x} ", value & mask & !known);
        }
        if out.is_empty() { "-".into() } else { out.trim_end().to_owned() }
    }
}
