//! Buffer descriptors: one type for the three kinds of tiles, packed and unpacked by one table of fields per kind (AM025, DMA_BDn_m).

use super::{ArrayError, Tile, TileKind};

/// One dimension of an access: `wrap` steps of `step` words; a wrap of 0 never wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dim {
    /// Words from one step to the next; at least 1.
    pub step: u32,
    /// Steps before the next dimension moves; 0 for without end.
    pub wrap: u32,
}

impl Default for Dim {
    fn default() -> Dim {
        Dim { step: 1, wrap: 0 }
    }
}

/// What one run of the descriptor adds to the address of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Iteration {
    /// Words from one run to the next; at least 1.
    pub step: u32,
    /// Runs before the offset starts again at 0; at least 1.
    pub wrap: u32,
    /// Runs already made.
    pub current: u32,
}

impl Default for Iteration {
    fn default() -> Iteration {
        Iteration { step: 1, wrap: 1, current: 0 }
    }
}

/// The header that a packet stream gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Stream id, 5 bits.
    pub id: u8,
    /// Packet type, 3 bits.
    pub kind: u8,
}

/// A step on a lock. Acquire: a negative value waits for at least that much and takes it, another waits for exactly that. Release: adds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockStep {
    /// Core and shim: own locks from 0. Memory tile: 0.. west, 64.. own, 128.. east.
    pub id: u8,
    /// -64..=63.
    pub value: i8,
}

/// Fields only the shim has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainShim {
    /// Burst length: 0, 1, 2 for 64, 128, 256 bytes.
    pub burst: u8,
    /// AXI stream id.
    pub smid: u8,
    /// AXI cache attributes.
    pub cache: u8,
    /// AXI quality of service.
    pub qos: u8,
    /// Secure access.
    pub secure: bool,
}

impl PlainShim {
    /// As every known stream has it: longest bursts, cache attribute 2.
    pub const KNOWN: PlainShim = PlainShim { burst: 2, smid: 0, cache: 2, qos: 0, secure: false };
}

/// One transfer of a DMA channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Bytes, a multiple of 4. Core: in the own memory. Memory tile: in three tiles' memory, 0 west, 0x80000 own, 0x100000 east. Shim: host address, 48 bits.
    pub address: u64,
    /// Length in words, before zero padding.
    pub words: u32,
    /// Innermost first. Cores and shims have three, memory tiles four; the last has no wrap.
    pub dims: [Dim; 4],
    /// What repeated runs add.
    pub iteration: Iteration,
    /// Zero words put before each of the inner three dimensions (memory tile, MM2S).
    pub before: [u8; 3],
    /// Zero words put after each of the inner three dimensions (memory tile, MM2S).
    pub after: [u8; 3],
    /// Header, if a packet stream.
    pub packet: Option<Packet>,
    /// Descriptor id carried for out-of-order receivers.
    pub out_of_order: u8,
    /// Compressed (MM2S) or to be decompressed (S2MM).
    pub compress: bool,
    /// No TLAST at the end.
    pub no_last: bool,
    /// Waits before the transfer.
    pub acquire: Option<LockStep>,
    /// Added after the transfer; a value of 0 does nothing.
    pub release: LockStep,
    /// The descriptor that follows.
    pub next: Option<u8>,
    /// May be run.
    pub valid: bool,
    /// The shim's own fields.
    pub shim: PlainShim,
}

impl Descriptor {
    /// `words` words from `address` in one piece, without locks; valid.
    pub fn linear(address: u64, words: u32) -> Descriptor {
        Descriptor {
            address,
            words,
            dims: [Dim::default(); 4],
            iteration: Iteration::default(),
            before: [0; 3],
            after: [0; 3],
            packet: None,
            out_of_order: 0,
            compress: false,
            no_last: false,
            acquire: None,
            release: LockStep { id: 0, value: 0 },
            next: None,
            valid: true,
            shim: PlainShim { burst: 0, smid: 0, cache: 0, qos: 0, secure: false },
        }
    }

    /// One past the last word address that the transfer touches in any of its runs.
    pub fn end(&self) -> u64 {
        let mut left = u64::from(self.words);
        if left == 0 {
            return self.address / 4;
        }
        let mut last = self.address / 4 + u64::from(self.iteration.step) * u64::from(self.iteration.wrap - self.iteration.wrap.min(1));
        for (i, dim) in self.dims.iter().enumerate() {
            let endless = i == 3 || dim.wrap == 0;
            let data = if endless { left } else { left.min(dim.wrap.into()) };
            last += (data - 1) * u64::from(dim.step);
            if endless {
                break;
            }
            let padded = u64::from(dim.wrap) + u64::from(self.before[i]) + u64::from(self.after[i]);
            left = left.div_ceil(padded);
        }
        last + 1
    }

    /// The register words for a tile: 6 for a core, 8 else. `number` only names the descriptor in errors.
    pub fn pack(&self, tile: Tile, number: u8) -> Result<Vec<u32>, ArrayError> {
        let kind = tile.kind();
        let mut words = vec![0u32; usize::from(kind.registers().descriptor_words)];
        if !self.address.is_multiple_of(4) {
            return Err(ArrayError::Lacks { tile, descriptor: number, what: "an address that is no multiple of 4" });
        }
        for &(part, field) in layout(kind) {
            let value = self.get(part);
            let (min, max) = match part {
                Part::AcquireValue | Part::ReleaseValue => (-(1i64 << (field.bits - 1)), (1i64 << (field.bits - 1)) - 1),
                _ => (0, (1i64 << field.bits) - 1),
            };
            if value < min || value > max {
                return Err(ArrayError::Field { tile, descriptor: number, field: field.name, value, min, max });
            }
            words[usize::from(field.word)] |= (value as u32 & mask(field.bits)) << field.low;
        }
        // Whatever this kind has no field for must be left as a linear descriptor has it.
        match Descriptor::unpack(kind, &words) {
            back if back == *self => Ok(words),
            back => Err(ArrayError::Lacks { tile, descriptor: number, what: self.first_lost(&back) }),
        }
    }

    fn first_lost(&self, back: &Descriptor) -> &'static str {
        match () {
            () if self.address != back.address => "this address",
            () if self.dims != back.dims => "a further dimension or its wrap",
            () if self.before != back.before || self.after != back.after => "zero padding",
            () if self.compress != back.compress => "compression",
            () if self.shim != back.shim => "a bus attribute",
            () => "a property",
        }
    }

    /// The descriptor in register words, which must be as many as the kind has.
    ///
    /// # Panics
    /// If there are fewer words.
    pub fn unpack(kind: TileKind, words: &[u32]) -> Descriptor {
        let mut d = Descriptor::linear(0, 0);
        d.valid = false;
        for &(part, field) in layout(kind) {
            let raw = words[usize::from(field.word)] >> field.low & mask(field.bits);
            d.set(part, raw, field.bits);
        }
        d
    }

    /// Names and places of all fields of a kind: AM025's name, word, lowest bit, bits.
    pub fn fields(kind: TileKind) -> impl Iterator<Item = (&'static str, u8, u8, u8)> {
        layout(kind).iter().map(|(_, f)| (f.name, f.word, f.low, f.bits))
    }

    fn get(&self, part: Part) -> i64 {
        let word = (self.address / 4) as i64;
        match part {
            Part::Address => word,
            Part::AddressLow => word & mask(30) as i64,
            Part::AddressHigh => word >> 30,
            Part::Length => self.words.into(),
            Part::PacketOn => self.packet.is_some().into(),
            Part::PacketKind => self.packet.map_or(0, |p| p.kind).into(),
            Part::PacketId => self.packet.map_or(0, |p| p.id).into(),
            Part::OutOfOrder => self.out_of_order.into(),
            Part::Compress => self.compress.into(),
            Part::Step(d) => i64::from(self.dims[d].step) - 1,
            Part::Wrap(d) => self.dims[d].wrap.into(),
            Part::Before(d) => self.before[d].into(),
            Part::After(d) => self.after[d].into(),
            Part::IterationStep => i64::from(self.iteration.step) - 1,
            Part::IterationWrap => i64::from(self.iteration.wrap) - 1,
            Part::IterationNow => self.iteration.current.into(),
            Part::NoLast => self.no_last.into(),
            Part::Next => self.next.unwrap_or(0).into(),
            Part::NextOn => self.next.is_some().into(),
            Part::Valid => self.valid.into(),
            Part::ReleaseValue => self.release.value.into(),
            Part::ReleaseId => self.release.id.into(),
            Part::AcquireOn => self.acquire.is_some().into(),
            Part::AcquireValue => self.acquire.map_or(0, |l| l.value).into(),
            Part::AcquireId => self.acquire.map_or(0, |l| l.id).into(),
            Part::Secure => self.shim.secure.into(),
            Part::Burst => self.shim.burst.into(),
            Part::Smid => self.shim.smid.into(),
            Part::Cache => self.shim.cache.into(),
            Part::Qos => self.shim.qos.into(),
        }
    }

    fn set(&mut self, part: Part, raw: u32, bits: u8) {
        let byte = raw as u8;
        let signed = ((raw << (32 - bits)) as i32 >> (32 - bits)) as i8;
        let on = raw != 0;
        match part {
            Part::Address => self.address = u64::from(raw) * 4,
            Part::AddressLow => self.address = self.address & !0xFFFF_FFFF | u64::from(raw) << 2,
            Part::AddressHigh => self.address = self.address & 0xFFFF_FFFF | u64::from(raw) << 32,
            Part::Length => self.words = raw,
            Part::PacketOn => self.packet = on.then_some(Packet { id: 0, kind: 0 }),
            Part::PacketKind => self.packet.iter_mut().for_each(|p| p.kind = byte),
            Part::PacketId => self.packet.iter_mut().for_each(|p| p.id = byte),
            Part::OutOfOrder => self.out_of_order = byte,
            Part::Compress => self.compress = on,
            Part::Step(d) => self.dims[d].step = raw + 1,
            Part::Wrap(d) => self.dims[d].wrap = raw,
            Part::Before(d) => self.before[d] = byte,
            Part::After(d) => self.after[d] = byte,
            Part::IterationStep => self.iteration.step = raw + 1,
            Part::IterationWrap => self.iteration.wrap = raw + 1,
            Part::IterationNow => self.iteration.current = raw,
            Part::NoLast => self.no_last = on,
            Part::NextOn => self.next = on.then_some(0),
            Part::Next => self.next.iter_mut().for_each(|n| *n = byte),
            Part::Valid => self.valid = on,
            Part::ReleaseValue => self.release.value = signed,
            Part::ReleaseId => self.release.id = byte,
            Part::AcquireOn => self.acquire = on.then_some(LockStep { id: 0, value: 0 }),
            Part::AcquireValue => self.acquire.iter_mut().for_each(|l| l.value = signed),
            Part::AcquireId => self.acquire.iter_mut().for_each(|l| l.id = byte),
            Part::Secure => self.shim.secure = on,
            Part::Burst => self.shim.burst = byte,
            Part::Smid => self.shim.smid = byte,
            Part::Cache => self.shim.cache = byte,
            Part::Qos => self.shim.qos = byte,
        }
    }
}

fn mask(bits: u8) -> u32 {
    u32::MAX >> (32 - bits)
}

#[derive(Clone, Copy)]
enum Part {
    Address,
    AddressLow,
    AddressHigh,
    Length,
    PacketOn,
    PacketKind,
    PacketId,
    OutOfOrder,
    Compress,
    Step(usize),
    Wrap(usize),
    Before(usize),
    After(usize),
    IterationStep,
    IterationWrap,
    IterationNow,
    NoLast,
    Next,
    NextOn,
    Valid,
    ReleaseValue,
    ReleaseId,
    AcquireOn,
    AcquireValue,
    AcquireId,
    Secure,
    Burst,
    Smid,
    Cache,
    Qos,
}

#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    word: u8,
    low: u8,
    bits: u8,
}

const fn at(name: &'static str, word: u8, low: u8, bits: u8) -> Field {
    Field { name, word, low, bits }
}

/// Fields of a kind. A switch (PacketOn, NextOn, AcquireOn) stands before the values that it switches on.
fn layout(kind: TileKind) -> &'static [(Part, Field)] {
    use Part::*;
    match kind {
        TileKind::Core => {
            const {
                &[
                    (Address, at("Base_Address", 0, 14, 14)),
                    (Length, at("Buffer_Length", 0, 0, 14)),
                    (Compress, at("Enable_Compression", 1, 31, 1)),
                    (PacketOn, at("Enable_Packet", 1, 30, 1)),
                    (OutOfOrder, at("Out_Of_Order_BD_ID", 1, 24, 6)),
                    (PacketId, at("Packet_ID", 1, 19, 5)),
                    (PacketKind, at("Packet_Type", 1, 16, 3)),
                    (Step(1), at("D1_Stepsize", 2, 13, 13)),
                    (Step(0), at("D0_Stepsize", 2, 0, 13)),
                    (Wrap(1), at("D1_Wrap", 3, 21, 8)),
                    (Wrap(0), at("D0_Wrap", 3, 13, 8)),
                    (Step(2), at("D2_Stepsize", 3, 0, 13)),
                    (IterationNow, at("Iteration_Current", 4, 19, 6)),
                    (IterationWrap, at("Iteration_Wrap", 4, 13, 6)),
                    (IterationStep, at("Iteration_Stepsize", 4, 0, 13)),
                    (NoLast, at("TLAST_Suppress", 5, 31, 1)),
                    (NextOn, at("Use_Next_BD", 5, 26, 1)),
                    (Next, at("Next_BD", 5, 27, 4)),
                    (Valid, at("Valid_BD", 5, 25, 1)),
                    (ReleaseValue, at("Lock_Rel_Value", 5, 18, 7)),
                    (ReleaseId, at("Lock_Rel_ID", 5, 13, 4)),
                    (AcquireOn, at("Lock_Acq_Enable", 5, 12, 1)),
                    (AcquireValue, at("Lock_Acq_Value", 5, 5, 7)),
                    (AcquireId, at("Lock_Acq_ID", 5, 0, 4)),
                ]
            }
        }
        TileKind::Memory => {
            const {
                &[
                    (PacketOn, at("Enable_Packet", 0, 31, 1)),
                    (PacketKind, at("Packet_Type", 0, 28, 3)),
                    (PacketId, at("Packet_ID", 0, 23, 5)),
                    (OutOfOrder, at("Out_Of_Order_BD_ID", 0, 17, 6)),
                    (Length, at("Buffer_Length", 0, 0, 17)),
                    (Before(0), at("D0_Zero_Before", 1, 26, 6)),
                    (NextOn, at("Use_Next_BD", 1, 19, 1)),
                    (Next, at("Next_BD", 1, 20, 6)),
                    (Address, at("Base_Address", 1, 0, 19)),
                    (NoLast, at("TLAST_Suppress", 2, 31, 1)),
                    (Wrap(0), at("D0_Wrap", 2, 17, 10)),
                    (Step(0), at("D0_Stepsize", 2, 0, 17)),
                    (Before(1), at("D1_Zero_Before", 3, 27, 5)),
                    (Wrap(1), at("D1_Wrap", 3, 17, 10)),
                    (Step(1), at("D1_Stepsize", 3, 0, 17)),
                    (Compress, at("Enable_Compression", 4, 31, 1)),
                    (Before(2), at("D2_Zero_Before", 4, 27, 4)),
                    (Wrap(2), at("D2_Wrap", 4, 17, 10)),
                    (Step(2), at("D2_Stepsize", 4, 0, 17)),
                    (After(2), at("D2_Zero_After", 5, 28, 4)),
                    (After(1), at("D1_Zero_After", 5, 23, 5)),
                    (After(0), at("D0_Zero_After", 5, 17, 6)),
                    (Step(3), at("D3_Stepsize", 5, 0, 17)),
                    (IterationNow, at("Iteration_Current", 6, 23, 6)),
                    (IterationWrap, at("Iteration_Wrap", 6, 17, 6)),
                    (IterationStep, at("Iteration_Stepsize", 6, 0, 17)),
                    (Valid, at("Valid_BD", 7, 31, 1)),
                    (ReleaseValue, at("Lock_Rel_Value", 7, 24, 7)),
                    (ReleaseId, at("Lock_Rel_ID", 7, 16, 8)),
                    (AcquireOn, at("Lock_Acq_Enable", 7, 15, 1)),
                    (AcquireValue, at("Lock_Acq_Value", 7, 8, 7)),
                    (AcquireId, at("Lock_Acq_ID", 7, 0, 8)),
                ]
            }
        }
        TileKind::Shim => {
            const {
                &[
                    (Length, at("Buffer_Length", 0, 0, 32)),
                    (AddressLow, at("Base_Address_Low", 1, 2, 30)),
                    (PacketOn, at("Enable_Packet", 2, 30, 1)),
                    (OutOfOrder, at("Out_Of_Order_BD_ID", 2, 24, 6)),
                    (PacketId, at("Packet_ID", 2, 19, 5)),
                    (PacketKind, at("Packet_Type", 2, 16, 3)),
                    (AddressHigh, at("Base_Address_High", 2, 0, 16)),
                    (Secure, at("Secure_Access", 3, 30, 1)),
                    (Wrap(0), at("D0_Wrap", 3, 20, 10)),
                    (Step(0), at("D0_Stepsize", 3, 0, 20)),
                    (Burst, at("Burst_Length", 4, 30, 2)),
                    (Wrap(1), at("D1_Wrap", 4, 20, 10)),
                    (Step(1), at("D1_Stepsize", 4, 0, 20)),
                    (Smid, at("SMID", 5, 28, 4)),
                    (Cache, at("AxCache", 5, 24, 4)),
                    (Qos, at("AxQoS", 5, 20, 4)),
                    (Step(2), at("D2_Stepsize", 5, 0, 20)),
                    (IterationNow, at("Iteration_Current", 6, 26, 6)),
                    (IterationWrap, at("Iteration_Wrap", 6, 20, 6)),
                    (IterationStep, at("Iteration_Stepsize", 6, 0, 20)),
                    (NoLast, at("TLAST_Suppress", 7, 31, 1)),
                    (NextOn, at("Use_Next_BD", 7, 26, 1)),
                    (Next, at("Next_BD", 7, 27, 4)),
                    (Valid, at("Valid_BD", 7, 25, 1)),
                    (ReleaseValue, at("Lock_Rel_Value", 7, 18, 7)),
                    (ReleaseId, at("Lock_Rel_ID", 7, 13, 4)),
                    (AcquireOn, at("Lock_Acq_Enable", 7, 12, 1)),
                    (AcquireValue, at("Lock_Acq_Value", 7, 5, 7)),
                    (AcquireId, at("Lock_Acq_ID", 7, 0, 4)),
                ]
            }
        }
    }
}
