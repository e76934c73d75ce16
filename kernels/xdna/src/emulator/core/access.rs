//! Loads, stores, and pointers on their way through memory.

use super::super::dma::Shared;
use super::execute::{Done, Early, Fault, Pending, bad_rounding, why};
use super::op::{Op, What};
use super::registers::{DC, DJ, DN, M, Place, SP};
use super::{RING, State, convert};
use crate::isa::Control;
use crate::isa::meaning::{Address, LoadKind, StoreKind};

impl State {
    /// The address a memory instruction uses, its operands from `first` on; steps the pointer.
    pub(super) fn address(&mut self, op: &Op, first: usize, kind: Address) -> Result<u32, Fault> {
        let pointer = &op.args[first];
        let step = op.args.get(first + 1);
        let at = self.time + 1;
        let base = match kind {
            Address::Stack | Address::StackModify => self.file.scalar(SP),
            _ => self.scalar_of(pointer)?,
        };
        let second = |state: &State| step.map_or(Ok(0), |s| state.scalar_of(s));
        let (address, stepped) = match kind {
            Address::Offset => (base.wrapping_add(second(self)?), None),
            Address::PostModify => (base, Some(base.wrapping_add(second(self)?))),
            Address::Stack => (base.wrapping_add(self.scalar_of(pointer)?), None),
            Address::Pointer => (base, None),
            Address::StackModify => {
                let value = base.wrapping_add(self.scalar_of(pointer)?);
                self.file.write_scalar(SP, value, at);
                (base, None)
            }
            Address::Post2d => match step.map(|s| s.what) {
                Some(What::At(Place::D(n))) => (base, Some(base.wrapping_add(self.walk(&[n], n)))),
                _ => return why("a dimension that is no modifier group"),
            },
            Address::Post3d => match step.map(|s| s.what) {
                Some(What::At(Place::D3(n))) => (base, Some(base.wrapping_add(self.walk(&[n, n + 4], n)))),
                _ => return why("dimensions that are no modifier groups"),
            },
        };
        if let Some(value) = stepped {
            self.put_scalar(pointer, value)?;
        }
        Ok(address & 0xF_FFFF)
    }

    /// Steps through dimensions, innermost first: a count below its size goes up and the stride is taken; else it starts again and the next dimension
    /// moves; behind the last one the modifier is taken.
    fn walk(&mut self, groups: &[u8], last: u8) -> u32 {
        let at = self.time + 1;
        for &g in groups {
            let count = self.file.scalar(DC + g);
            if (count as i32) < self.file.scalar(DN + g) as i32 {
                self.file.write_scalar(DC + g, count + 1, at);
                return self.file.scalar(DJ + g);
            }
            self.file.write_scalar(DC + g, 0, at);
        }
        self.file.scalar(M + last)
    }

    /// Memory and offset of an address of the core's view, aligned to its size; notes the bank.
    fn locate(&mut self, address: u32, bytes: u32, shared: &Shared) -> Result<(usize, usize), Fault> {
        let quadrant = (address >> 16) as usize;
        let tile = quadrant.checked_sub(4).and_then(|q| self.views.get(q)).copied().flatten();
        let Some(tile) = tile else { return Err(Fault::Access { address, bytes }) };
        if !address.is_multiple_of(bytes) {
            return why(&format!("an access of {bytes} bytes to {address:#x}, which is not aligned,"));
        }
        let offset = (address & 0xFFFF) as usize;
        debug_assert!(offset + bytes as usize <= shared.memory[tile.index()].len());
        self.touched.push((tile.index(), address >> 14 & 3));
        Ok((tile.index(), offset))
    }

    /// An access that reaches memory so many bundles later.
    fn touch(&mut self, later: u64) {
        self.hasty += u64::from(self.time < self.guarded);
        self.settled = self.settled.max(self.time + later);
    }

    pub(super) fn load(&mut self, op: &Op, kind: LoadKind, address: Address, shared: &mut Shared) -> Done {
        let first = 1 + usize::from(matches!(kind, LoadKind::Ups(_)));
        let bytes = match kind {
            LoadKind::Word => 4,
            LoadKind::Narrow { bits, .. } => u32::from(bits) / 8,
            LoadKind::Mask | LoadKind::Vector128 => 16,
            LoadKind::Vector | LoadKind::Accumulator | LoadKind::Float32 | LoadKind::Ups(_) | LoadKind::Unpack(_) => 32,
            LoadKind::Tile => return why("a load over the processor bus, which is not modelled,"),
        };
        // Unpacking doubles lanes up to 512 bits: 256 come from memory.
        let address = self.address(op, first, address)?;
        let (memory, at) = self.locate(address, bytes, shared)?;
        self.touch(4);
        let mut data = [0; 32];
        data[..bytes as usize].copy_from_slice(&shared.memory[memory][at..at + bytes as usize]);
        let word = u32::from_le_bytes([data[0], data[1], data[2], data[3]]);
        match kind {
            LoadKind::Word => self.put_scalar(&op.args[0], word),
            LoadKind::Narrow { bits, signed } => {
                let value = if signed { ((word << (32 - bits)) as i32 >> (32 - bits)) as u32 } else { word };
                self.put_scalar(&op.args[0], value)
            }
            LoadKind::Float32 => self.put_vector(&op.args[0], &convert::widen_floats(&data), self.time),
            LoadKind::Ups(_) | LoadKind::Unpack(_) => {
                self.later(op, Early::Loaded(data));
                Ok(())
            }
            LoadKind::Mask | LoadKind::Vector | LoadKind::Vector128 | LoadKind::Accumulator | LoadKind::Tile => {
                self.put_vector(&op.args[0], &data, self.time)
            }
        }
    }

    pub(super) fn store(&mut self, op: &Op, kind: StoreKind, address: Address, shared: &mut Shared) -> Done {
        let first = 1 + usize::from(matches!(kind, StoreKind::Srs(_)));
        let mut data = [0; 32];
        // Bundles until the bytes are in memory, beyond a plain store's.
        let (bytes, delay): (u32, u64) = match kind {
            StoreKind::Word => (4, 0),
            StoreKind::Narrow { bits } => (u32::from(bits) / 8, 0),
            StoreKind::Mask | StoreKind::Vector128 => (16, 0),
            StoreKind::Vector | StoreKind::Accumulator | StoreKind::Pack(_) => (32, 0),
            StoreKind::Bf16 | StoreKind::Srs(_) => (32, 2),
            StoreKind::Tile => return why("a store over the processor bus, which is not modelled,"),
        };
        let source = &op.args[0];
        match kind {
            StoreKind::Word => data[..4].copy_from_slice(&self.scalar_of(source)?.to_le_bytes()),
            StoreKind::Narrow { .. } | StoreKind::Tile => {}
            StoreKind::Mask | StoreKind::Vector128 | StoreKind::Vector | StoreKind::Accumulator => data = self.vector_of::<32>(source)?.0,
            StoreKind::Bf16 => {
                let (v, _) = self.vector_of::<64>(source)?;
                let out = convert::narrow_floats(&v, self.mode(Control::Rnd)).ok_or(bad_rounding())?;
                data.copy_from_slice(&out[..32]);
            }
            StoreKind::Srs(srs) => {
                let (v, n) = self.vector_of::<128>(source)?;
                data.copy_from_slice(&self.srs(srs, &v[..n], &op.args[1])?[..32]);
            }
            StoreKind::Pack(pack) => {
                let (v, _) = self.vector_of(source)?;
                data.copy_from_slice(&self.pack(pack, &v)[..32]);
            }
        }
        let address = self.address(op, first, address)?;
        let (memory, at) = self.locate(address, bytes, shared)?;
        self.touch(if matches!(kind, StoreKind::Narrow { .. }) { 10 } else { 4 + delay });
        if matches!(kind, StoreKind::Narrow { .. }) {
            self.later(op, Early::Narrow { memory, at, bytes: bytes as u8 });
        } else {
            let pending = Pending { memory, at, length: bytes as u8, bytes: data };
            self.pending[(self.time + delay) as usize % RING].push(pending);
        }
        Ok(())
    }
}
