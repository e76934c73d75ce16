//! Commands in order become a plan with addresses: `memory` decides, `check` proves without asking it; `reach` proves the same of an NPU.

pub mod check;
pub mod memory;
pub mod reach;
