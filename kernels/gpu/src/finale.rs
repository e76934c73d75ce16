//! What the last block of a launch does once all blocks are done: a fused region over one row, which then needs no launch of its own.

use crate::region::{self, Slot};
use crate::text::{Kernel, Parameter};
use unicorn_artifact::region::Region;

/// A region that follows a launch of a one-row entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Finale {
    /// The operations.
    pub region: Region,
    /// How each slot is bound.
    pub slots: Vec<Slot>,
}

/// Where a finale's parameters are.
pub struct Bound<'a> {
    finale: &'a Finale,
    counter: usize,
    places: Vec<(usize, usize)>,
}

impl Finale {
    /// Adds its parameters: a counter, then those of [`region::parameters`].
    pub fn bind<'a>(&'a self, parameters: &mut Vec<Parameter>) -> Bound<'a> {
        let counter = parameters.len();
        parameters.push(Parameter::Buffer);
        Bound { finale: self, counter, places: region::parameters(&self.region, &self.slots, parameters) }
    }
}

impl Bound<'_> {
    /// Brings what it reads nearer; before the wait for the launch ahead.
    pub fn bring(&self, k: &Kernel) {
        let Finale { region, slots } = self.finale;
        region::bring_inputs(k, region.width, region.operands.iter().zip(slots).zip(&self.places).map(|((&o, slot), at)| (o, slot, at.0)));
    }

    /// Runs it in the last of `blocks`. All threads of a block come here.
    pub fn run(&self, k: &Kernel, blocks: u32) {
        let flag = k.shared(4, 4);
        k.when_last(k.parameter(self.counter), blocks, flag, || region::within(k, &self.finale.region, &self.finale.slots, self.places.clone()));
    }
}
