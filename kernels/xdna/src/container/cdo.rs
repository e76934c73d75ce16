//! CDO, version 2: the writes that configure the array when a context is made. A header of five words, then commands.
//!
//! The data of a `DMA_WRITE` must lie at a multiple of 16 bytes where the firmware fetches it, so padding commands stand before it. [`Cdo::assemble`]
//! puts them where the public tools do. Those work in two steps, which both leave their padding behind:
//! 1. Each group of commands is a file of its own: five header words, an empty NOP, commands with 64-bit addresses. A NOP goes before a `DMA_WRITE`
//!    whose data would not start at a multiple of four words of that file.
//! 2. The addresses are shortened to 32 bits, which moves everything. Where the data now does not start at a word whose place in the group's file is
//!    the same modulo four as that of its target address, a second NOP follows the first. Then the groups are joined under one header.

use super::address::{Address, Kind, PROGRAM, Tile};
use super::bytes::{Out, Reader, Result, Why, canonical, fits, word};

/// The first word: header words that follow it.
pub const HEADER_WORDS: u32 = 4;
/// The second word, `CDO` and a zero.
pub const IDENT: u32 = 0x004f_4443;
/// The third word.
const VERSION: u32 = 0x200;
/// Words of the header with its first.
const HEADER: usize = 5;
/// A payload of this many words or more has its length in a word of its own.
const LONG: u32 = 255;

/// What the firmware does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ends the commands.
    End,
    /// Waits until the register, under the mask, has the value.
    MaskPoll {
        /// The register.
        address: Address,
        /// Its bits that count.
        mask: u32,
        /// What they must be.
        value: u32,
        /// The longest to wait, in microseconds.
        timeout: u32,
    },
    /// Changes the bits of a register that the mask names.
    MaskWrite {
        /// The register.
        address: Address,
        /// Its bits that change.
        mask: u32,
        /// What they become.
        value: u32,
    },
    /// Writes a register.
    Write {
        /// The register.
        address: Address,
        /// What it becomes.
        value: u32,
    },
    /// Writes a run of words.
    DmaWrite {
        /// The first word's.
        address: Address,
        /// The words.
        data: Vec<u32>,
    },
    /// As `MaskWrite`, in the form with a 64-bit address, before `Cdo::assemble`'s second step.
    MaskWrite64 {
        /// The register.
        address: Address,
        /// Its bits that change.
        mask: u32,
        /// What they become.
        value: u32,
    },
    /// As `Write`, in the form with a 64-bit address.
    Write64 {
        /// The register.
        address: Address,
        /// What it becomes.
        value: u32,
    },
    /// Padding.
    Nop {
        /// Zero words behind the command's own.
        words: u32,
    },
}

impl Command {
    /// Words of the payload.
    fn payload(&self) -> usize {
        match self {
            Self::End => 0,
            Self::Write { .. } => 2,
            Self::MaskWrite { .. } | Self::Write64 { .. } => 3,
            Self::MaskPoll { .. } | Self::MaskWrite64 { .. } => 4,
            Self::DmaWrite { data, .. } => 2 + data.len(),
            Self::Nop { words } => *words as usize,
        }
    }

    /// Words of the command, and those before its data.
    fn words(&self) -> usize {
        self.payload() + if self.payload() < LONG as usize { 1 } else { 2 }
    }

    /// Words in the form with a 64-bit address.
    fn wide(&self) -> usize {
        self.words() + usize::from(matches!(self, Self::MaskPoll { .. } | Self::MaskWrite { .. } | Self::Write { .. }))
    }

    fn opcode(&self) -> u32 {
        match self {
            Self::End => 0x100,
            Self::MaskPoll { .. } => 0x101,
            Self::MaskWrite { .. } => 0x102,
            Self::Write { .. } => 0x103,
            Self::DmaWrite { .. } => 0x105,
            Self::MaskWrite64 { .. } => 0x107,
            Self::Write64 { .. } => 0x108,
            Self::Nop { .. } => 0x111,
        }
    }

    fn parse(reader: &mut Reader) -> Result<Self> {
        let start = reader.at();
        let head = reader.u32("command")?;
        let short = head >> 16 & 0xff;
        let length = if short == LONG { reader.u32("long command length")? } else { short } as usize;
        let mut payload = reader.next(length.saturating_mul(4), "command payload")?;
        let wants = |fits: bool, wants: &'static str| {
            let why = Why::Value { found: length as u64, wants };
            if fits { Ok(()) } else { Err(reader.fails_at(start, "command length", why)) }
        };
        let command = match head & 0xffff {
            0x100 => {
                wants(length == 0, "0 words for END")?;
                Self::End
            }
            0x101 => {
                wants(length == 4, "4 words for MASK_POLL")?;
                let address = narrow(&mut payload)?;
                let (mask, value) = (payload.u32("mask")?, payload.u32("value")?);
                Self::MaskPoll { address, mask, value, timeout: payload.u32("timeout")? }
            }
            0x102 => {
                wants(length == 3, "3 words for MASK_WRITE")?;
                Self::MaskWrite { address: narrow(&mut payload)?, mask: payload.u32("mask")?, value: payload.u32("value")? }
            }
            0x103 => {
                wants(length == 2, "2 words for WRITE")?;
                Self::Write { address: narrow(&mut payload)?, value: payload.u32("value")? }
            }
            0x105 => {
                wants(length >= 2, "2 words or more for DMA_WRITE")?;
                Self::DmaWrite { address: wide(&mut payload)?, data: payload.words(length - 2, "data")? }
            }
            0x107 => {
                wants(length == 4, "4 words for MASK_WRITE64")?;
                Self::MaskWrite64 { address: wide(&mut payload)?, mask: payload.u32("mask")?, value: payload.u32("value")? }
            }
            0x108 => {
                wants(length == 3, "3 words for WRITE64")?;
                Self::Write64 { address: wide(&mut payload)?, value: payload.u32("value")? }
            }
            0x111 => {
                wants(length < LONG as usize, "at most 254 words for NOP")?;
                Self::Nop { words: length as u32 }
            }
            other => {
                let wants = "END, MASK_POLL, MASK_WRITE, WRITE, DMA_WRITE, MASK_WRITE64, WRITE64 or NOP, the commands that configure an array";
                return Err(reader.fails_at(start, "command", Why::Value { found: other.into(), wants }));
            }
        };
        Ok(command)
    }

    fn write(&self, out: &mut Out) -> Result<()> {
        let length = word(self.payload(), "CDO", "command length")?;
        out.u32(length.min(LONG) << 16 | self.opcode());
        if length >= LONG {
            out.u32(length);
        }
        match self {
            Self::End => {}
            Self::MaskPoll { address, mask, value, timeout } => out.words(&[address.0, *mask, *value, *timeout]),
            Self::MaskWrite { address, mask, value } => out.words(&[address.0, *mask, *value]),
            Self::Write { address, value } => out.words(&[address.0, *value]),
            Self::DmaWrite { address, data } => {
                out.words(&[0, address.0]);
                out.words(data);
            }
            Self::MaskWrite64 { address, mask, value } => out.words(&[0, address.0, *mask, *value]),
            Self::Write64 { address, value } => out.words(&[0, address.0, *value]),
            Self::Nop { words } => {
                fits(*words as usize, LONG as usize - 1, "CDO", "NOP length")?;
                out.zeros(*words as usize * 4);
            }
        }
        Ok(())
    }
}

fn narrow(payload: &mut Reader) -> Result<Address> {
    payload.u32("address").map(Address)
}

fn wide(payload: &mut Reader) -> Result<Address> {
    payload.expect(0, "0: addresses of the array have 32 bits", "high half of the address")?;
    narrow(payload)
}

/// A core's program as the configuration loads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The core.
    pub tile: Tile,
    /// Bytes from the begin of its program memory.
    pub offset: u32,
    /// The instructions.
    pub bytes: Vec<u8>,
}

/// Configuration commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cdo {
    /// In the order in which they are done.
    pub commands: Vec<Command>,
}

impl Cdo {
    /// Reads a CDO.
    ///
    /// # Errors
    /// For damage, for commands that do not configure an array, and for what `write` would not give back.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        canonical("CDO", bytes, Self::parse, Self::write)
    }

    pub(crate) fn parse(mut reader: Reader) -> Result<Self> {
        reader.expect(HEADER_WORDS, "4", "header words")?;
        reader.expect(IDENT, "`CDO` and a zero", "identification")?;
        reader.expect(VERSION, "version 2.0", "version")?;
        let length = reader.u32("length")?;
        let (found, computed) = (reader.u32("checksum")?, checksum(length));
        if found != computed {
            return Err(reader.fails_at(16, "checksum", Why::Checksum { found, computed }));
        }
        let mut body = reader.part(HEADER * 4, (length as usize).saturating_mul(4), "commands")?;
        let mut commands = Vec::new();
        while body.left() > 0 {
            commands.push(Command::parse(&mut body)?);
        }
        Ok(Self { commands })
    }

    /// The bytes, without what a PDI fills them up with.
    ///
    /// # Errors
    /// For more words than 32 bits count, and for a NOP of more than 254 words.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut out = Out::default();
        out.words(&[HEADER_WORDS, IDENT, VERSION, 0, 0]);
        for command in &self.commands {
            command.write(&mut out)?;
        }
        let length = word(out.len() / 4 - HEADER, "CDO", "length")?;
        out.set_u32(12, length);
        out.set_u32(16, checksum(length));
        Ok(out.0)
    }

    /// Lays groups of commands (programs, then the array's configuration, then starting the cores) out with padding: see above. Padding among the
    /// given commands is left out first.
    pub fn assemble(groups: &[Vec<Command>]) -> Self {
        let mut commands = Vec::new();
        for group in groups {
            // Words so far in the group's own file, with 64-bit addresses and with 32-bit ones.
            let (mut before, mut after) = (HEADER, HEADER);
            let pad = |words: usize, commands: &mut Vec<Command>| {
                if words > 0 {
                    commands.push(Command::Nop { words: words as u32 - 1 });
                }
                words
            };
            after += pad(1, &mut commands);
            before += 1;
            for command in group.iter().filter(|command| !matches!(command, Command::Nop { .. })) {
                if let Command::DmaWrite { address, data } = command {
                    let head = command.words() - data.len();
                    let padding = pad((before + head).wrapping_neg() % 4, &mut commands);
                    before += padding;
                    after += padding;
                    let target = address.0 as usize / 4;
                    after += pad(target.wrapping_sub(after + head) % 4, &mut commands);
                }
                before += command.wide();
                after += command.words();
                commands.push(command.clone());
            }
        }
        Self { commands }
    }

    /// The groups that these commands were assembled from, without padding: a NOP that leads to no `DMA_WRITE` begins one.
    pub fn groups(&self) -> Vec<Vec<Command>> {
        let mut groups: Vec<Vec<Command>> = Vec::new();
        // Backwards, so that a command is met after what it leads to.
        let (mut group, mut data_next) = (Vec::new(), false);
        for command in self.commands.iter().rev() {
            match command {
                Command::Nop { .. } if data_next => {}
                Command::Nop { .. } => groups.push(std::mem::take(&mut group)),
                other => {
                    data_next = matches!(other, Command::DmaWrite { .. });
                    group.push(other.clone());
                }
            }
        }
        if !group.is_empty() {
            groups.push(group);
        }
        groups.reverse();
        groups.iter_mut().for_each(|group| group.reverse());
        groups
    }

    /// The core programs that are loaded, in order: what a disassembler or an emulator starts from.
    pub fn programs(&self) -> Vec<Program> {
        let program = |command: &Command| match command {
            Command::DmaWrite { address, data } if address.tile().kind() == Kind::Core && PROGRAM.contains(&address.offset()) => {
                let bytes = data.iter().flat_map(|word| word.to_le_bytes()).collect();
                Some(Program { tile: address.tile(), offset: address.offset() - PROGRAM.start, bytes })
            }
            _ => None,
        };
        self.commands.iter().filter_map(program).collect()
    }

    /// Words of header and commands.
    pub fn words(&self) -> usize {
        HEADER + self.commands.iter().map(Command::words).sum::<usize>()
    }
}

fn checksum(length: u32) -> u32 {
    !HEADER_WORDS.wrapping_add(IDENT).wrapping_add(VERSION).wrapping_add(length)
}
