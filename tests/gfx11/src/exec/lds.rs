//! The memory of a workgroup, and what uses its crossbar between lanes. One thread runs a workgroup, so nothing here needs to be atomic.

use super::fault::Fault;
use super::wave::{Lanes, Wave};
use crate::float::{max32, min32};
use crate::isa::Ds;

fn at(lds: &mut [u8], lane: u32, address: u32, bytes: u32) -> Result<&mut [u8], Fault> {
    let size = lds.len() as u32;
    let (start, end) = (address as usize, address as usize + bytes as usize);
    lds.get_mut(start..end).ok_or(Fault::Shared { lane, address, bytes, size })
}

fn word(lds: &mut [u8], lane: u32, address: u32) -> Result<u32, Fault> {
    at(lds, lane, address, 4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn active(exec: u32) -> impl Iterator<Item = usize> {
    (0..32).filter(move |l| exec >> l & 1 != 0)
}

/// Loads `count` words a lane, the first at `offset`.
fn load(w: &mut Wave, lds: &mut [u8], dst: u8, addresses: &Lanes, offset: u32, count: u8) -> Result<(), Fault> {
    let exec = w.exec();
    for i in 0..count {
        let row = &mut w.v[usize::from(dst.wrapping_add(i))];
        for l in active(exec) {
            row[l] = word(lds, l as u32, addresses[l].wrapping_add(offset + 4 * u32::from(i)))?;
        }
    }
    Ok(())
}

fn store(w: &Wave, lds: &mut [u8], data: u8, address: u8, offset: u32, count: u8) -> Result<(), Fault> {
    let (exec, addresses) = (w.exec(), &w.v[usize::from(address)]);
    for i in 0..count {
        let row = &w.v[usize::from(data.wrapping_add(i))];
        for l in active(exec) {
            let to = at(lds, l as u32, addresses[l].wrapping_add(offset + 4 * u32::from(i)), 4)?;
            to.copy_from_slice(&row[l].to_le_bytes());
        }
    }
    Ok(())
}

/// Loads a byte or two; `shift` says into which half, if not the whole register.
fn load_part(w: &mut Wave, lds: &mut [u8], (dst, address, offset): (u8, u8, u32), bytes: u32, signed: bool, shift: Option<u32>) -> Result<(), Fault> {
    let (exec, addresses) = (w.exec(), w.v[usize::from(address)]);
    for l in active(exec) {
        let from = at(lds, l as u32, addresses[l].wrapping_add(offset), bytes)?;
        let value = if bytes == 1 { u32::from(from[0]) } else { u32::from(from[0]) | u32::from(from[1]) << 8 };
        let value = part(value, bytes, signed);
        let old = &mut w.v[usize::from(dst)][l];
        *old = merge(*old, value, shift);
    }
    Ok(())
}

/// A byte or two of memory as the register gets them.
pub(super) const fn part(value: u32, bytes: u32, signed: bool) -> u32 {
    match (bytes, signed) {
        (1, true) => value as i8 as i32 as u32,
        (1, false) => value & 0xFF,
        (_, true) => value as i16 as i32 as u32,
        (_, false) => value & 0xFFFF,
    }
}

/// A value into one half of a register, or all of it.
pub(super) const fn merge(old: u32, value: u32, shift: Option<u32>) -> u32 {
    match shift {
        None => value,
        Some(shift) => old & !(0xFFFF << shift) | (value & 0xFFFF) << shift,
    }
}

fn store_part(w: &Wave, lds: &mut [u8], (data, address, offset): (u8, u8, u32), bytes: u32, shift: u32) -> Result<(), Fault> {
    for l in active(w.exec()) {
        let value = (w.v[usize::from(data)][l] >> shift).to_le_bytes();
        at(lds, l as u32, w.v[usize::from(address)][l].wrapping_add(offset), bytes)?.copy_from_slice(&value[..bytes as usize]);
    }
    Ok(())
}

/// Changes a word of memory and gives back what it was.
fn change(w: &mut Wave, lds: &mut [u8], (dst, address, offset): (u8, u8, u32), back: bool, f: impl Fn(usize, u32) -> u32) -> Result<(), Fault> {
    let (exec, addresses) = (w.exec(), w.v[usize::from(address)]);
    for l in active(exec) {
        let to = at(lds, l as u32, addresses[l].wrapping_add(offset), 4)?;
        let old = u32::from_le_bytes([to[0], to[1], to[2], to[3]]);
        to.copy_from_slice(&f(l, old).to_le_bytes());
        if back {
            w.v[usize::from(dst)][l] = old;
        }
    }
    Ok(())
}

/// As [`change`], of 64 bits.
fn change64(w: &mut Wave, lds: &mut [u8], (dst, address, offset): (u8, u8, u32), back: bool, f: impl Fn(usize, u64) -> u64) -> Result<(), Fault> {
    let (exec, addresses) = (w.exec(), w.v[usize::from(address)]);
    for l in active(exec) {
        let to = at(lds, l as u32, addresses[l].wrapping_add(offset), 8)?;
        let old = to.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        to.copy_from_slice(&f(l, old).to_le_bytes());
        if back {
            w.v[usize::from(dst)][l] = old as u32;
            w.v[usize::from(dst.wrapping_add(1))][l] = (old >> 32) as u32;
        }
    }
    Ok(())
}

pub(super) fn ds(w: &mut Wave, lds: &mut [u8], op: Ds, dst: u8, address: u8, data: [u8; 2], offset: [u8; 2]) -> Result<(), Fault> {
    use Ds::*;
    let whole = u32::from(u16::from_le_bytes(offset));
    let [first, second] = offset.map(u32::from);
    let place = (dst, address, whole);
    let to = (data[0], address, whole);
    // A load may overwrite its own address.
    let addresses = w.v[usize::from(address)];
    match op {
        Nop => Ok(()),
        LoadB32 => load(w, lds, dst, &addresses, whole, 1),
        LoadB64 => load(w, lds, dst, &addresses, whole, 2),
        LoadB96 => load(w, lds, dst, &addresses, whole, 3),
        LoadB128 => load(w, lds, dst, &addresses, whole, 4),
        StoreB32 => store(w, lds, data[0], address, whole, 1),
        StoreB64 => store(w, lds, data[0], address, whole, 2),
        StoreB96 => store(w, lds, data[0], address, whole, 3),
        StoreB128 => store(w, lds, data[0], address, whole, 4),
        Load2addrB32 | Load2addrStride64B32 | Load2addrB64 | Load2addrStride64B64 => {
            let count = op.dst().registers() / 2;
            let step = u32::from(count) * if matches!(op, Load2addrStride64B32 | Load2addrStride64B64) { 256 } else { 4 };
            load(w, lds, dst, &addresses, first * step, count)?;
            load(w, lds, dst.wrapping_add(count), &addresses, second * step, count)
        }
        Store2addrB32 | Store2addrStride64B32 | Store2addrB64 | Store2addrStride64B64 => {
            let count = op.src()[0].registers();
            let step = u32::from(count) * if matches!(op, Store2addrStride64B32 | Store2addrStride64B64) { 256 } else { 4 };
            store(w, lds, data[0], address, first * step, count)?;
            store(w, lds, data[1], address, second * step, count)
        }
        LoadI8 => load_part(w, lds, place, 1, true, None),
        LoadU8 => load_part(w, lds, place, 1, false, None),
        LoadI16 => load_part(w, lds, place, 2, true, None),
        LoadU16 => load_part(w, lds, place, 2, false, None),
        LoadU8D16 => load_part(w, lds, place, 1, false, Some(0)),
        LoadU8D16Hi => load_part(w, lds, place, 1, false, Some(16)),
        LoadI8D16 => load_part(w, lds, place, 1, true, Some(0)),
        LoadI8D16Hi => load_part(w, lds, place, 1, true, Some(16)),
        LoadU16D16 => load_part(w, lds, place, 2, false, Some(0)),
        LoadU16D16Hi => load_part(w, lds, place, 2, false, Some(16)),
        StoreB8 => store_part(w, lds, to, 1, 0),
        StoreB16 => store_part(w, lds, to, 2, 0),
        StoreB8D16Hi => store_part(w, lds, to, 1, 16),
        StoreB16D16Hi => store_part(w, lds, to, 2, 16),
        PermuteB32 | BpermuteB32 | SwizzleB32 => {
            between_lanes(w, op, dst, address, data[0], whole);
            Ok(())
        }
        _ => atomic(w, lds, op, place, data),
    }
}

fn between_lanes(w: &mut Wave, op: Ds, dst: u8, address: u8, data: u8, offset: u32) {
    let exec = w.exec();
    let addresses = w.v[usize::from(address)];
    let mut value: Lanes = [0; 32];
    match op {
        Ds::PermuteB32 => {
            for l in active(exec) {
                value[(addresses[l].wrapping_add(offset) / 4 % 32) as usize] = w.v[usize::from(data)][l];
            }
        }
        Ds::BpermuteB32 => {
            let from = &w.v[usize::from(data)];
            let seen: Lanes = std::array::from_fn(|l| if exec >> l & 1 != 0 { from[l] } else { 0 });
            for l in 0..32 {
                value[l] = seen[(addresses[l].wrapping_add(offset) >> 2 & 31) as usize];
            }
        }
        _ => {
            // The register of the address is what is exchanged.
            for (l, value) in value.iter_mut().enumerate() {
                let lane = swizzled(l, offset);
                *value = if exec >> lane & 1 != 0 { addresses[lane] } else { 0 };
            }
        }
    }
    w.put32(dst, exec, &value);
}

/// The lane that a lane reads in a swizzle.
fn swizzled(l: usize, offset: u32) -> usize {
    let lane = l as u32;
    let from = if offset >= 0xE000 {
        let mask = offset & 31;
        let reversed = lane.reverse_bits() >> 27;
        reversed >> mask.count_ones() | lane & mask
    } else if offset >= 0xC000 {
        let (mask, by) = (offset & 31, offset >> 5 & 31);
        let turned = if offset & 0x400 == 0 { lane + by } else { lane + 32 - by };
        turned & !mask & 31 | lane & mask
    } else if offset & 0x8000 != 0 {
        lane & !3 | offset >> (2 * (lane & 3)) & 3
    } else {
        ((lane & offset & 31) | offset >> 5 & 31) ^ offset >> 10 & 31
    };
    (from & 31) as usize
}

fn atomic(w: &mut Wave, lds: &mut [u8], op: Ds, place: (u8, u8, u32), data: [u8; 2]) -> Result<(), Fault> {
    use Ds::*;
    let (one, two) = (w.v[usize::from(data[0])], w.v[usize::from(data[1])]);
    let back = op.dst().registers() != 0;
    let float = |f: fn(f32, f32) -> f32| move |old: u32, new: u32| f(f32::from_bits(old), f32::from_bits(new)).to_bits();
    macro_rules! with {
        ($f:expr) => {
            change(w, lds, place, back, |l, old| $f(old, one[l]))
        };
    }
    let high = |n: u8| w.v[usize::from(n.wrapping_add(1))];
    let (one_high, two_high) = (high(data[0]), high(data[1]));
    macro_rules! with64 {
        ($f:expr) => {
            change64(w, lds, place, back, |l, old| $f(old, u64::from(one[l]) | u64::from(one_high[l]) << 32))
        };
    }
    match op {
        AddU32 | AddRtnU32 => with!(u32::wrapping_add),
        SubU32 | SubRtnU32 => with!(u32::wrapping_sub),
        RsubU32 | RsubRtnU32 => with!(|old: u32, new: u32| new.wrapping_sub(old)),
        IncU32 | IncRtnU32 => with!(|old: u32, new| if old >= new { 0 } else { old + 1 }),
        DecU32 | DecRtnU32 => with!(|old: u32, new| if old == 0 || old > new { new } else { old - 1 }),
        MinI32 | MinRtnI32 => with!(|old: u32, new| (old as i32).min(new as i32) as u32),
        MaxI32 | MaxRtnI32 => with!(|old: u32, new| (old as i32).max(new as i32) as u32),
        MinU32 | MinRtnU32 => with!(u32::min),
        MaxU32 | MaxRtnU32 => with!(u32::max),
        AndB32 | AndRtnB32 => with!(|old: u32, new| old & new),
        OrB32 | OrRtnB32 => with!(|old: u32, new| old | new),
        XorB32 | XorRtnB32 => with!(|old: u32, new| old ^ new),
        MskorB32 | MskorRtnB32 => change(w, lds, place, back, |l, old| old & !one[l] | two[l]),
        StorexchgRtnB32 => with!(|_, new| new),
        CmpstoreB32 | CmpstoreRtnB32 => change(w, lds, place, back, |l, old| if old == two[l] { one[l] } else { old }),
        MinF32 | MinRtnF32 => with!(float(min32)),
        MaxF32 | MaxRtnF32 => with!(float(max32)),
        AddF32 | AddRtnF32 => with!(float(|a, b| a + b)),
        AddU64 | AddRtnU64 => with64!(u64::wrapping_add),
        SubU64 | SubRtnU64 => with64!(u64::wrapping_sub),
        RsubU64 | RsubRtnU64 => with64!(|old: u64, new: u64| new.wrapping_sub(old)),
        IncU64 | IncRtnU64 => with64!(|old: u64, new| if old >= new { 0 } else { old + 1 }),
        DecU64 | DecRtnU64 => with64!(|old: u64, new| if old == 0 || old > new { new } else { old - 1 }),
        MinI64 | MinRtnI64 => with64!(|old: u64, new| (old as i64).min(new as i64) as u64),
        MaxI64 | MaxRtnI64 => with64!(|old: u64, new| (old as i64).max(new as i64) as u64),
        MinU64 | MinRtnU64 => with64!(u64::min),
        MaxU64 | MaxRtnU64 => with64!(u64::max),
        AndB64 | AndRtnB64 => with64!(|old: u64, new| old & new),
        OrB64 | OrRtnB64 => with64!(|old: u64, new| old | new),
        XorB64 | XorRtnB64 => with64!(|old: u64, new| old ^ new),
        StorexchgRtnB64 => with64!(|_, new| new),
        MskorB64 | MskorRtnB64 | CmpstoreB64 | CmpstoreRtnB64 => {
            let wide = |low: &Lanes, high: &Lanes, l: usize| u64::from(low[l]) | u64::from(high[l]) << 32;
            let compares = matches!(op, CmpstoreB64 | CmpstoreRtnB64);
            change64(w, lds, place, back, |l, old| {
                let (new, other) = (wide(&one, &one_high, l), wide(&two, &two_high, l));
                if !compares {
                    old & !new | other
                } else if old == other {
                    new
                } else {
                    old
                }
            })
        }
        _ => Err(Fault::Missing("this instruction of the workgroup's memory")),
    }
}
