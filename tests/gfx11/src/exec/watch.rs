//! Whether a wave waits for its loads. Here a load is over at once; on a real device its register holds the old value until a wait has seen the load's
//! counter low enough. A wave that is watched fails where it would have read too early.

use super::fault::Fault;
use crate::isa::{Effect, Registers, Uses};

/// The loads of a wave that nothing has waited for, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Counted by `vmcnt`.
    vector: Vec<Registers>,
    /// Counted by `lgkmcnt`.
    other: Vec<(Effect, Registers)>,
}

fn waiting(now: &Registers, registers: &Registers, counter: &'static str, at_most: usize) -> Result<(), Fault> {
    match now.common(registers) {
        Some(register) => Err(Fault::Wait { register, counter, at_most: at_most as u32 }),
        None => Ok(()),
    }
}

impl Watch {
    /// Looks at the instruction that comes next.
    ///
    /// # Errors
    /// [`Fault::Wait`] if it uses what is not there yet, [`Fault::Barrier`] if it tells others of what is not there yet.
    pub fn step(&mut self, uses: &Uses) -> Result<(), Fault> {
        for (i, pending) in self.vector.iter().enumerate() {
            let at_most = self.vector.len() - 1 - i;
            waiting(&uses.now, pending, "vmcnt", at_most)?;
            // What comes back in order may come into the same register.
            if uses.effect != Effect::Vector {
                waiting(&uses.later, pending, "vmcnt", at_most)?;
            }
        }
        let unordered = self.other.iter().any(|(effect, _)| matches!(effect, Effect::Scalar | Effect::Flat));
        for (i, (effect, pending)) in self.other.iter().enumerate() {
            let at_most = if unordered { 0 } else { self.other.len() - 1 - i };
            waiting(&uses.now, pending, "lgkmcnt", at_most)?;
            let in_order = |effect| matches!(effect, Effect::Shared | Effect::SharedStore);
            if !(in_order(*effect) && in_order(uses.effect)) {
                waiting(&uses.later, pending, "lgkmcnt", at_most)?;
            }
        }
        match uses.effect {
            Effect::None => {}
            Effect::Vector => self.vector.push(uses.later),
            Effect::Flat => {
                self.vector.push(uses.later);
                self.other.push((uses.effect, uses.later));
            }
            Effect::Shared | Effect::SharedStore | Effect::Scalar => self.other.push((uses.effect, uses.later)),
            Effect::Wait(vector, other) => {
                let over = self.vector.len().saturating_sub(usize::from(vector));
                self.vector.drain(..over);
                if other == 0 {
                    self.other.clear();
                } else if !unordered {
                    let over = self.other.len().saturating_sub(usize::from(other));
                    self.other.drain(..over);
                }
            }
            Effect::Barrier => {
                if self.other.iter().any(|(effect, _)| *effect == Effect::SharedStore) {
                    return Err(Fault::Barrier);
                }
            }
        }
        Ok(())
    }
}
