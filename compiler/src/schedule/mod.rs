//! Commands in order become a plan with addresses: `memory` decides, `check` proves without asking it.

pub mod check;
pub mod memory;
