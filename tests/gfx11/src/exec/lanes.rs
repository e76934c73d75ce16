//! Reading operands with their changes, lanes of neighbours, and what moves values between lanes.

use super::fault::Fault;
use super::wave::{Lanes, Wave, Wide};
use crate::float;
use crate::isa::{Dpp, Kind, Operands, Source, Vop};

/// A source in all lanes, of at most 32 bits, with its half chosen and its sign changed.
#[inline(always)]
pub fn read<'a>(w: &'a Wave, o: &Operands, i: usize, kind: Kind, flush: bool, room: &'a mut Lanes) -> &'a Lanes {
    let (neg, abs) = (o.neg >> i & 1 != 0, o.abs >> i & 1 != 0);
    let moved = i == 0 && o.dpp.is_some();
    if kind.is_half() {
        let high = o.high >> i & 1 != 0;
        *room = match o.src[i] {
            Source::V(n) => w.v[usize::from(n)],
            Source::S(n) => [w.s[usize::from(n & 127)]; 32],
            other => [w.one16(other); 32],
        };
        if moved {
            *room = neighbours(w, o, room);
        }
        for value in room.iter_mut() {
            *value = if high { *value >> 16 } else { *value & 0xFFFF };
        }
        if kind == Kind::F16 && (neg || abs) {
            for value in room.iter_mut() {
                *value = *value & if abs { 0x7FFF } else { 0xFFFF } ^ if neg { 0x8000 } else { 0 };
            }
        }
        return room;
    }
    let float = kind == Kind::F32;
    if !moved && !(float && (neg || abs || flush)) {
        return w.all32(o.src[i], room);
    }
    *room = match o.src[i] {
        Source::V(n) => w.v[usize::from(n)],
        other => [w.one32(other); 32],
    };
    if moved {
        *room = neighbours(w, o, room);
    }
    if float {
        if flush {
            for value in room.iter_mut() {
                *value = float::flush(f32::from_bits(*value)).to_bits();
            }
        }
        let (and, xor) = (if abs { 0x7FFF_FFFF } else { u32::MAX }, if neg { 0x8000_0000 } else { 0 });
        for value in room.iter_mut() {
            *value = *value & and ^ xor;
        }
    }
    room
}

/// As [`read`], of any width, in 64 bits.
pub fn read_wide(w: &Wave, o: &Operands, i: usize, kind: Kind, flush: bool) -> Wide {
    if kind.registers() != 2 {
        let mut room = [0; 32];
        return read(w, o, i, kind, flush, &mut room).map(u64::from);
    }
    let mut value = w.all64(o.src[i], kind == Kind::F64);
    if kind == Kind::F64 {
        let and = if o.abs >> i & 1 != 0 { i64::MAX as u64 } else { u64::MAX };
        let xor = if o.neg >> i & 1 != 0 { 1 << 63 } else { 0 };
        value = value.map(|bits| bits & and ^ xor);
    }
    value
}

/// The lane that each lane reads; `None` outside of its row.
fn lane_of(dpp: Dpp, l: usize) -> Option<usize> {
    match dpp {
        Dpp::Eight { select, .. } => Some(l & !7 | (select >> (3 * (l & 7)) & 7) as usize),
        Dpp::Row { control, .. } => {
            let (row, at, by) = (l & 16, l & 15, usize::from(control & 15));
            let at = match control {
                0..=0xFF => Some(at & !3 | usize::from(control >> (2 * (at & 3)) & 3)),
                0x101..=0x10F => Some(at + by).filter(|at| *at < 16),
                0x111..=0x11F => at.checked_sub(by),
                0x121..=0x12F => Some((at + 16 - by) & 15),
                0x140 => Some(15 - at),
                0x141 => Some(at ^ 7),
                0x150..=0x15F => Some(by),
                _ => Some(at ^ by),
            };
            at.map(|at| row | at)
        }
    }
}

/// The first source as the lanes see it.
fn neighbours(w: &Wave, o: &Operands, source: &Lanes) -> Lanes {
    let Some(dpp) = o.dpp else { return *source };
    let (Dpp::Row { fetch_inactive, .. } | Dpp::Eight { fetch_inactive, .. }) = dpp;
    let readable = if fetch_inactive { u32::MAX } else { w.exec() };
    std::array::from_fn(|l| lane_of(dpp, l).filter(|from| readable >> from & 1 != 0).map_or(0, |from| source[from]))
}

/// The lanes that are written: active ones, less those which the pattern leaves alone.
#[inline(always)]
pub fn written(w: &Wave, o: &Operands) -> u32 {
    match o.dpp {
        None => w.exec(),
        Some(dpp) => w.exec() & allowed(w, dpp),
    }
}

fn allowed(w: &Wave, dpp: Dpp) -> u32 {
    let Dpp::Row { fetch_inactive, zero, rows, banks, .. } = dpp else { return u32::MAX };
    let readable = if fetch_inactive { u32::MAX } else { w.exec() };
    (0..32usize)
        .filter(|l| rows >> (l / 16) & 1 != 0 && banks >> (l % 16 / 4) & 1 != 0)
        .filter(|l| zero || lane_of(dpp, *l).is_some_and(|from| readable >> from & 1 != 0))
        .fold(0, |mask, l| mask | 1 << l)
}

/// Instructions that move values between lanes, or between the scalar registers and one lane. `false` if `op` is none of them.
pub fn moves(w: &mut Wave, op: Vop, o: &Operands) -> Result<bool, Fault> {
    let source = |w: &Wave| match o.src[0] {
        Source::V(n) => w.v[usize::from(n)],
        other => [w.one32(other); 32],
    };
    match op {
        Vop::Nop => {}
        Vop::ReadfirstlaneB32 => {
            let lane = w.exec().trailing_zeros() & 31;
            w.set_s(o.dst, source(w)[lane as usize]);
        }
        Vop::ReadlaneB32 => {
            let lane = w.one32(o.src[1]) & 31;
            w.set_s(o.dst, source(w)[lane as usize]);
        }
        Vop::WritelaneB32 => {
            let lane = w.one32(o.src[1]) & 31;
            w.v[usize::from(o.dst)][lane as usize] = w.one32(o.src[0]);
        }
        Vop::Permlane16B32 | Vop::Permlanex16B32 => {
            let (from, select) = (source(w), u64::from(w.one32(o.src[1])) | u64::from(w.one32(o.src[2])) << 32);
            let across = if op == Vop::Permlanex16B32 { 16 } else { 0 };
            let (fetch_inactive, zero) = (o.high & 1 != 0, o.high & 2 != 0);
            let (exec, old) = (w.exec(), w.v[usize::from(o.dst)]);
            let value = std::array::from_fn(|l| {
                let lane = (l & 16 ^ across) | (select >> (4 * (l & 15)) & 15) as usize;
                match (fetch_inactive || exec >> lane & 1 != 0, zero) {
                    (true, _) => from[lane],
                    (false, true) => 0,
                    (false, false) => old[l],
                }
            });
            w.put32(o.dst, exec, &value);
        }
        Vop::SwapB32 => {
            let Source::V(other) = o.src[0] else { return Err(Fault::Missing("v_swap_b32 of what is no vector register")) };
            let (exec, mine, theirs) = (w.exec(), w.v[usize::from(o.dst)], w.v[usize::from(other)]);
            w.put32(o.dst, exec, &theirs);
            w.put32(other, exec, &mine);
        }
        Vop::SwapB16 => {
            let Source::V(other) = o.src[0] else { return Err(Fault::Missing("v_swap_b16 of what is no vector register")) };
            let (high, other_high) = (o.high & 8 != 0, o.high & 1 != 0);
            let pick = |row: &Lanes, high: bool| row.map(|value| if high { value >> 16 } else { value & 0xFFFF });
            let (exec, mine, theirs) = (w.exec(), pick(&w.v[usize::from(o.dst)], high), pick(&w.v[usize::from(other)], other_high));
            w.put16(o.dst, high, exec, &theirs);
            w.put16(other, other_high, exec, &mine);
        }
        _ => return Ok(false),
    }
    Ok(true)
}
