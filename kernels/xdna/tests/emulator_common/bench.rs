//! A core to try single bundles on, and numbers taken apart bit by bit.

use std::collections::HashMap;
use unicorn_kernels_xdna::array::Tile;
use unicorn_kernels_xdna::emulator::Npu;
use unicorn_kernels_xdna::isa::{Control, Program, Register};

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 20) % n
    }
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
    /// Words in which all-zero, all-one and edge bytes are frequent.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        let edges = self.below(3) == 0;
        (0..n).map(|_| if edges { self.pick(&[0, 1, 0x7F, 0x80, 0xFF]) } else { self.next() as u8 }).collect()
    }
    pub fn word(&mut self) -> u32 {
        match self.below(4) {
            0 => self.pick(&[0, 1, 31, 32, 0x7FFF_FFFF, 0x8000_0000, u32::MAX, u32::MAX - 31]),
            1 => (self.below(80) as u32).wrapping_sub(40),
            _ => self.next() as u32,
        }
    }
}

/// Lane `i` of so many bits, bit by bit.
pub fn raw(v: &[u8], bits: usize, i: usize) -> u128 {
    (0..bits).fold(0, |x, b| x | u128::from(v[(i * bits + b) / 8] >> ((i * bits + b) % 8) & 1) << b)
}

pub fn signed(x: u128, bits: usize) -> i128 {
    if x >> (bits - 1) & 1 == 1 { x as i128 - (1 << bits) } else { x as i128 }
}

pub fn number(v: &[u8], bits: usize, i: usize, with_sign: bool) -> i128 {
    if with_sign { signed(raw(v, bits, i), bits) } else { raw(v, bits, i) as i128 }
}

/// Lanes put together again, each cut to its bits.
pub fn lanes(bits: usize, values: impl IntoIterator<Item = i128>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    for v in values {
        for b in 0..bits {
            if at % 8 == 0 {
                out.push(0);
            }
            *out.last_mut().unwrap() |= ((v >> b & 1) as u8) << (at % 8);
            at += 1;
        }
    }
    out
}

pub fn flags(bits: impl IntoIterator<Item = bool>) -> u64 {
    bits.into_iter().enumerate().fold(0, |x, (i, b)| x | u64::from(b) << i)
}

/// A core to try bundles on.
pub struct Bench {
    npu: Npu,
    tile: Tile,
    programs: HashMap<String, Vec<u32>>,
    pub random: Random,
    pub cases: u32,
}

impl Bench {
    pub fn new(seed: u64) -> Bench {
        Bench { npu: Npu::new(), tile: Tile::new(0, 3).unwrap(), programs: HashMap::new(), random: Random(seed), cases: 0 }
    }

    /// Runs one bundle and lets its results land.
    pub fn run(&mut self, text: &str, set: &[(Register, &[u8])]) {
        let words = self.programs.entry(text.to_owned()).or_insert_with(|| {
            let mut program = Program::new();
            program.bundle(text).nops(12).bundle("done").nops(2);
            let mut code = program.assemble().unwrap_or_else(|e| panic!("{text}: {e}")).code();
            code.resize(code.len().next_multiple_of(4), 0);
            code.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
        });
        self.npu.write_block(self.tile.address(0x20000), words).unwrap();
        self.npu.write(self.tile.address(0x32000), 2).unwrap();
        self.npu.write(self.tile.address(0x32000), 0).unwrap();
        for (register, bytes) in set {
            self.npu.set_register(self.tile, *register, bytes).unwrap_or_else(|| panic!("{register}"));
        }
        self.npu.write(self.tile.address(0x32000), 1).unwrap();
        self.npu.run_cores().unwrap_or_else(|e| panic!("{text}: {e}"));
        self.cases += 1;
    }

    pub fn get(&self, register: Register) -> Vec<u8> {
        self.npu.register(self.tile, register).unwrap()
    }

    pub fn scalar(&self, n: u8) -> u32 {
        u32::from_le_bytes(self.get(Register::R(n)).try_into().unwrap())
    }

    pub fn pair(&self, n: u8) -> u64 {
        u64::from_le_bytes(self.get(Register::L(n)).try_into().unwrap())
    }
}

pub fn mode(c: Control) -> Register {
    Register::Control(c)
}

pub fn le(x: u32) -> [u8; 4] {
    x.to_le_bytes()
}

/// `value / 2^shift` as an integer, by the words of the rounding mode: the two neighbours and their distances.
pub fn rounded(value: i128, shift: u32, mode: u32) -> i128 {
    let unit = 1i128 << shift;
    let low = value.div_euclid(unit);
    let (below, above) = (value - low * unit, (low + 1) * unit - value);
    if below == 0 {
        return low;
    }
    let (toward, away) = if value < 0 { (low + 1, low) } else { (low, low + 1) };
    let even = if low % 2 == 0 { low } else { low + 1 };
    let tie = match mode {
        0 => return low,
        1 => return low + 1,
        2 => return toward,
        3 => return away,
        8 => low,
        9 => low + 1,
        10 => toward,
        11 => away,
        12 => even,
        _ => 2 * low + 1 - even,
    };
    match below.cmp(&above) {
        std::cmp::Ordering::Less => low,
        std::cmp::Ordering::Greater => low + 1,
        std::cmp::Ordering::Equal => tie,
    }
}

pub fn saturated(x: i128, bits: usize, with_sign: bool, mode: u32) -> i128 {
    let (low, high) = if with_sign { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
    match mode {
        0 => x,
        3 if with_sign => x.max(low + 1).min(high),
        _ => x.max(low).min(high),
    }
}

pub const ROUNDINGS: [u32; 10] = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13];
