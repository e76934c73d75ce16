//! What the tests of all kernels share: random values, fixed for ever, and the variants that can be compared here.

use crate::Isa;

/// splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Between -1 and 1.
    pub fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }
}

/// The variants that this host can run, plain first; says which it cannot.
pub fn variants() -> Vec<Isa> {
    let (can, cannot): (Vec<Isa>, Vec<Isa>) = [Isa::Plain, Isa::Avx2, Isa::Avx512].into_iter().partition(|isa| *isa <= Isa::detect());
    cannot.iter().for_each(|isa| println!("skipped: this host has no {}", isa.name()));
    can
}
