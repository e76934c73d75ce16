//! Accesses to the memory of the device: every lane's address is held against what is reserved, then read or written where it is.

use super::fault::Fault;
use super::lds::{merge, part};
use super::wave::Wave;
use crate::float::{max32, min32};
use crate::isa::{Access, Global, Segment, Smem, register};
use crate::space::View;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What the waves of one thread see of the device's memory.
#[derive(Debug)]
pub struct Reach<'a> {
    view: &'a View,
    /// The arguments of the launch, which are nobody's reservation.
    arguments: (u64, u64),
    /// The range of the last access: the next one is mostly in it too.
    last: (u64, u64),
    /// Bytes that active lanes loaded.
    pub loaded: u64,
    /// Bytes that active lanes stored.
    pub stored: u64,
}

impl<'a> Reach<'a> {
    /// The memory of a launch with its arguments at a range of addresses.
    pub const fn new(view: &'a View, arguments: (u64, u64)) -> Self {
        Self { view, arguments, last: (1, 0), loaded: 0, stored: 0 }
    }

    /// A pointer to `bytes` bytes that may be accessed.
    #[inline(always)]
    fn at(&mut self, lane: usize, address: u64, bytes: u64) -> Result<*mut u8, Fault> {
        if address < self.last.0 || address.saturating_add(bytes) > self.last.1 {
            self.find(lane, address, bytes)?;
        }
        Ok(address as *mut u8)
    }

    #[cold]
    fn find(&mut self, lane: usize, address: u64, bytes: u64) -> Result<(), Fault> {
        let end = address.saturating_add(bytes);
        let holds = |(start, stop): (u64, u64)| start <= address && end <= stop;
        let range = if holds(self.arguments) { self.arguments } else { self.view.range(address) };
        if !holds(range) {
            return Err(Fault::Address { lane: lane as u32, address, bytes: bytes as u32 });
        }
        self.last = range;
        Ok(())
    }

    fn word(&mut self, lane: usize, address: u64) -> Result<u32, Fault> {
        let pointer = self.at(lane, address, 4)?;
        // SAFETY: the range is reserved, as was just checked.
        Ok(unsafe { read_word(pointer) })
    }
}

/// Reads a word that other threads may write meanwhile.
///
/// # Safety
/// Four bytes may be read.
#[inline(always)]
unsafe fn read_word(pointer: *mut u8) -> u32 {
    if (pointer as usize).is_multiple_of(4) {
        // SAFETY: aligned; the rest is the caller's promise.
        unsafe { AtomicU32::from_ptr(pointer.cast()) }.load(Ordering::Relaxed)
    } else {
        // SAFETY: the caller's promise.
        unsafe { pointer.cast::<u32>().read_unaligned() }
    }
}

/// Writes a word that other threads may read meanwhile.
///
/// # Safety
/// Four bytes may be written.
#[inline(always)]
unsafe fn write_word(pointer: *mut u8, value: u32) {
    if (pointer as usize).is_multiple_of(4) {
        // SAFETY: aligned; the rest is the caller's promise.
        unsafe { AtomicU32::from_ptr(pointer.cast()) }.store(value, Ordering::Relaxed);
    } else {
        // SAFETY: the caller's promise.
        unsafe { pointer.cast::<u32>().write_unaligned(value) }
    }
}

/// A scalar load.
pub(super) fn smem(w: &mut Wave, reach: &mut Reach<'_>, op: Smem, dst: u8, base: u8, offset: u8, imm: i32) -> Result<(), Fault> {
    let count = match op {
        Smem::LoadB32 => 1,
        Smem::LoadB64 => 2,
        Smem::LoadB128 => 4,
        Smem::LoadB256 => 8,
        Smem::LoadB512 => 16,
        Smem::Gl1Inv | Smem::DcacheInv => return Ok(()),
    };
    // The lowest two bits of the sum do not count.
    let address = w.s64(base).wrapping_add_signed(i64::from(imm)).wrapping_add(u64::from(w.s[usize::from(offset)])) & !3;
    for i in 0..count {
        let value = reach.word(0, address.wrapping_add(4 * u64::from(i)))?;
        w.set_s(dst.wrapping_add(i) & 127, value);
    }
    Ok(())
}

/// The address of every lane.
#[inline(always)]
fn addresses(w: &Wave, a: &Access) -> [u64; 32] {
    let offset = i64::from(a.offset);
    match a.base {
        Some(base) => {
            let base = w.s64(base).wrapping_add_signed(offset);
            let low = &w.v[usize::from(a.address)];
            std::array::from_fn(|l| base.wrapping_add(u64::from(low[l])))
        }
        None => {
            let (low, high) = (&w.v[usize::from(a.address)], &w.v[usize::from(a.address.wrapping_add(1))]);
            std::array::from_fn(|l| (u64::from(low[l]) | u64::from(high[l]) << 32).wrapping_add_signed(offset))
        }
    }
}

/// What a load or store moves: bytes, whether with a sign, and into or from which half.
const fn shape(op: Global) -> Option<(u32, bool, Option<u32>)> {
    use Global::*;
    Some(match op {
        LoadU8 | StoreB8 => (1, false, None),
        LoadI8 => (1, true, None),
        LoadU16 | StoreB16 => (2, false, None),
        LoadI16 => (2, true, None),
        LoadB32 | StoreB32 => (4, false, None),
        LoadB64 | StoreB64 => (8, false, None),
        LoadB96 | StoreB96 => (12, false, None),
        LoadB128 | StoreB128 => (16, false, None),
        LoadD16U8 => (1, false, Some(0)),
        LoadD16I8 => (1, true, Some(0)),
        LoadD16B16 => (2, false, Some(0)),
        LoadD16HiU8 => (1, false, Some(16)),
        LoadD16HiI8 => (1, true, Some(16)),
        LoadD16HiB16 => (2, false, Some(16)),
        StoreD16HiB8 => (1, false, Some(16)),
        StoreD16HiB16 => (2, false, Some(16)),
        _ => return None,
    })
}

/// An access of all active lanes.
pub(super) fn global(w: &mut Wave, reach: &mut Reach<'_>, a: &Access) -> Result<(), Fault> {
    let Some((bytes, signed, half)) = shape(a.op) else {
        return if a.segment == Segment::Scratch { Err(Fault::Missing("an atomic in private memory")) } else { atomic(w, reach, a) };
    };
    let loads = a.op.src().is_empty();
    let count = u64::from(w.exec().count_ones()) * u64::from(bytes);
    if a.segment == Segment::Scratch {
        return scratch(w, a, bytes, signed, half, loads);
    }
    if loads {
        reach.loaded += count;
        load(w, reach, a, bytes, signed, half)
    } else {
        reach.stored += count;
        store(w, reach, a, bytes, half.unwrap_or(0))
    }
}

fn load(w: &mut Wave, reach: &mut Reach<'_>, a: &Access, bytes: u32, signed: bool, half: Option<u32>) -> Result<(), Fault> {
    let (exec, places) = (w.exec(), addresses(w, a));
    for l in (0..32).filter(|l| exec >> l & 1 != 0) {
        let pointer = reach.at(l, places[l], u64::from(bytes))?;
        if bytes >= 4 {
            for i in 0..bytes / 4 {
                // SAFETY: all the bytes are reserved, as was just checked.
                let value = unsafe { read_word(pointer.add(4 * i as usize)) };
                w.v[usize::from(a.dst.wrapping_add(i as u8))][l] = value;
            }
        } else {
            // SAFETY: as above.
            let value = unsafe { if bytes == 1 { u32::from(pointer.read()) } else { u32::from(pointer.cast::<u16>().read_unaligned()) } };
            let old = &mut w.v[usize::from(a.dst)][l];
            *old = merge(*old, part(value, bytes, signed), half);
        }
    }
    Ok(())
}

fn store(w: &Wave, reach: &mut Reach<'_>, a: &Access, bytes: u32, shift: u32) -> Result<(), Fault> {
    let (exec, places) = (w.exec(), addresses(w, a));
    for l in (0..32).filter(|l| exec >> l & 1 != 0) {
        let pointer = reach.at(l, places[l], u64::from(bytes))?;
        let value = |i: u32| w.v[usize::from(a.data.wrapping_add(i as u8))][l];
        // SAFETY: all the bytes are reserved, as was just checked.
        unsafe {
            match bytes {
                1 => pointer.write((value(0) >> shift) as u8),
                2 => pointer.cast::<u16>().write_unaligned((value(0) >> shift) as u16),
                _ => (0..bytes / 4).for_each(|i| write_word(pointer.add(4 * i as usize), value(i))),
            }
        }
    }
    Ok(())
}

/// An access to the lanes' private memory, which lies one lane behind the other here.
fn scratch(w: &mut Wave, a: &Access, bytes: u32, signed: bool, half: Option<u32>, loads: bool) -> Result<(), Fault> {
    let (exec, size) = (w.exec(), w.scratch.len() / 32);
    let base = a.base.map_or(0, |base| i64::from(w.s[usize::from(base)] as i32)) + i64::from(a.offset);
    for l in (0..32).filter(|l| exec >> l & 1 != 0) {
        let address = base + if a.vector_address { i64::from(w.v[usize::from(a.address)][l] as i32) } else { 0 };
        let start = usize::try_from(address).ok().filter(|start| start + bytes as usize <= size);
        let start = l * size + start.ok_or(Fault::Private { lane: l as u32, address, bytes, size: size as u32 })?;
        for i in 0..bytes.div_ceil(4) {
            let at = start + 4 * i as usize..start + bytes.min(4 * i + 4) as usize;
            let n = usize::from(if loads { a.dst } else { a.data }.wrapping_add(i as u8));
            if loads {
                let value = w.scratch[at].iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
                let value = if bytes < 4 { part(value, bytes, signed) } else { value };
                w.v[n][l] = merge(w.v[n][l], value, half);
            } else {
                let value = (w.v[n][l] >> half.unwrap_or(0)).to_le_bytes();
                let length = at.len();
                w.scratch[at].copy_from_slice(&value[..length]);
            }
        }
    }
    Ok(())
}

fn atomic(w: &mut Wave, reach: &mut Reach<'_>, a: &Access) -> Result<(), Fault> {
    let (exec, places) = (w.exec(), addresses(w, a));
    let bytes = if a.op.dst().registers() == 2 { 8u32 } else { 4 };
    let back = a.cache[0];
    for l in (0..32).filter(|l| exec >> l & 1 != 0) {
        let address = places[l];
        let pointer = reach.at(l, address, u64::from(bytes))?;
        if address % u64::from(bytes) != 0 {
            return Err(Fault::Alignment { lane: l as u32, address, bytes });
        }
        let data = |i: u8| w.v[usize::from(a.data.wrapping_add(i))][l];
        if bytes == 4 {
            // SAFETY: reserved and aligned, as was just checked.
            let place = unsafe { AtomicU32::from_ptr(pointer.cast()) };
            let old = atomic32(place, a.op, data(0), data(1))?;
            if back {
                w.v[usize::from(a.dst)][l] = old;
            }
        } else {
            let wide = |i: u8| u64::from(data(i)) | u64::from(data(i + 1)) << 32;
            // SAFETY: as above.
            let place = unsafe { AtomicU64::from_ptr(pointer.cast()) };
            let old = atomic64(place, a.op, wide(0), wide(2))?;
            if back {
                w.v[usize::from(a.dst)][l] = old as u32;
                w.v[usize::from(a.dst.wrapping_add(1))][l] = (old >> 32) as u32;
            }
        }
    }
    Ok(())
}

/// One lane's atomic; the answer is what was there. Of a compare and swap the first register is the new value, the second what is expected.
fn atomic32(place: &AtomicU32, op: Global, new: u32, expected: u32) -> Result<u32, Fault> {
    use Global::*;
    let float = |f: fn(f32, f32) -> f32| move |old: u32| f(f32::from_bits(old), f32::from_bits(new)).to_bits();
    let update = |f: &dyn Fn(u32) -> u32| place.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |old| Some(f(old))).unwrap_or_else(|old| old);
    Ok(match op {
        AtomicSwapB32 => place.swap(new, Ordering::SeqCst),
        AtomicCmpswapB32 => place.compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst).unwrap_or_else(|old| old),
        AtomicAddU32 => place.fetch_add(new, Ordering::SeqCst),
        AtomicSubU32 => place.fetch_sub(new, Ordering::SeqCst),
        AtomicCsubU32 => update(&|old| old.saturating_sub(new)),
        AtomicMinI32 => update(&|old| (old as i32).min(new as i32) as u32),
        AtomicMinU32 => place.fetch_min(new, Ordering::SeqCst),
        AtomicMaxI32 => update(&|old| (old as i32).max(new as i32) as u32),
        AtomicMaxU32 => place.fetch_max(new, Ordering::SeqCst),
        AtomicAndB32 => place.fetch_and(new, Ordering::SeqCst),
        AtomicOrB32 => place.fetch_or(new, Ordering::SeqCst),
        AtomicXorB32 => place.fetch_xor(new, Ordering::SeqCst),
        AtomicIncU32 => update(&|old| if old >= new { 0 } else { old + 1 }),
        AtomicDecU32 => update(&|old| if old == 0 || old > new { new } else { old - 1 }),
        AtomicCmpswapF32 => update(&|old| if f32::from_bits(old) == f32::from_bits(expected) { new } else { old }),
        AtomicMinF32 => update(&float(min32)),
        AtomicMaxF32 => update(&float(max32)),
        AtomicAddF32 => update(&float(|a, b| a + b)),
        _ => return Err(Fault::Missing("this atomic")),
    })
}

/// As [`atomic32`], of 64 bits.
fn atomic64(place: &AtomicU64, op: Global, new: u64, expected: u64) -> Result<u64, Fault> {
    use Global::*;
    let update = |f: &dyn Fn(u64) -> u64| place.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |old| Some(f(old))).unwrap_or_else(|old| old);
    Ok(match op {
        AtomicSwapB64 => place.swap(new, Ordering::SeqCst),
        AtomicCmpswapB64 => place.compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst).unwrap_or_else(|old| old),
        AtomicAddU64 => place.fetch_add(new, Ordering::SeqCst),
        AtomicSubU64 => place.fetch_sub(new, Ordering::SeqCst),
        AtomicMinI64 => update(&|old| (old as i64).min(new as i64) as u64),
        AtomicMinU64 => place.fetch_min(new, Ordering::SeqCst),
        AtomicMaxI64 => update(&|old| (old as i64).max(new as i64) as u64),
        AtomicMaxU64 => place.fetch_max(new, Ordering::SeqCst),
        AtomicAndB64 => place.fetch_and(new, Ordering::SeqCst),
        AtomicOrB64 => place.fetch_or(new, Ordering::SeqCst),
        AtomicXorB64 => place.fetch_xor(new, Ordering::SeqCst),
        AtomicIncU64 => update(&|old| if old >= new { 0 } else { old + 1 }),
        AtomicDecU64 => update(&|old| if old == 0 || old > new { new } else { old - 1 }),
        _ => return Err(Fault::Missing("this atomic")),
    })
}

const _: () = assert!(register::NULL == 124, "an offset register that is none reads as zero, for nothing writes it");
