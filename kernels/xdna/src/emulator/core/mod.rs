//! One AIE2 core.

use super::diagnosis::{CoreReport, Diagnosis, Wait};
use super::dma::Shared;
use crate::array::Tile;

/// A core: program, registers, pipeline.
pub(super) struct Core {
    tile: Tile,
    program: Vec<u8>,
    control: u32,
}

impl Core {
    pub(super) fn new(tile: Tile) -> Core {
        Core { tile, program: vec![0; 0x4000], control: 2 }
    }
    pub(super) fn write_program(&mut self, at: u32, value: u32) {
        self.program[at as usize..at as usize + 4].copy_from_slice(&value.to_le_bytes());
    }
    pub(super) fn read_program(&self, at: u32) -> u32 {
        let at = at as usize;
        u32::from_le_bytes([self.program[at], self.program[at + 1], self.program[at + 2], self.program[at + 3]])
    }
    pub(super) fn control(&mut self, value: u32) {
        self.control = value;
    }
    pub(super) fn control_word(&self) -> u32 {
        self.control
    }
    pub(super) fn status_word(&self) -> u32 {
        0
    }
    pub(super) fn report(&self) -> Option<CoreReport> {
        let _ = self.tile;
        None
    }
    pub(super) fn waits(&self, _shared: &Shared) -> Option<Wait> {
        None
    }
    pub(super) fn step(&mut self, _shared: &mut Shared) -> Result<bool, Diagnosis> {
        Ok(false)
    }
}
