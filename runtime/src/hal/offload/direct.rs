//! Calls by the kernel's own interface.

use super::{Engine, PAGE};
use crate::hal::npu::{Buffer, Command, Context, Npu, Result};
use std::time::Duration;

/// A configuration of the array, with what goes in and what comes out.
struct Array {
    context: Context,
    activations: Buffer,
    results: Buffer,
}

/// An NPU behind the kernel module alone.
pub struct Direct {
    // Contexts end before the buffers that their commands write.
    arrays: Vec<Array>,
    commands: Vec<(usize, Command)>,
    weights: Vec<Buffer>,
    npu: Npu,
}

impl Direct {
    /// On an open device.
    pub fn new(npu: Npu) -> Self {
        Self { arrays: Vec::new(), commands: Vec::new(), weights: Vec::new(), npu }
    }
}

impl Engine for Direct {
    fn name(&self) -> String {
        let seat = &self.npu.info().seat;
        seat.name.clone().unwrap_or_else(|| format!("AMD NPU at {}", seat.path.display()))
    }

    fn configure(&mut self, _: &[u8], image: &[u8], columns: u16, activations: usize, results: usize) -> Result<()> {
        let context = self.npu.context(image, columns)?;
        let (activations, results) = (self.npu.buffer("activations", activations)?, self.npu.buffer("results", results)?);
        self.arrays.push(Array { context, activations, results });
        Ok(())
    }

    fn hold(&mut self, codes: &[u8], bytes: usize) -> Result<()> {
        let mut buffer = self.npu.buffer("weights", bytes)?;
        buffer.as_mut_slice()[..codes.len()].copy_from_slice(codes);
        buffer.hand_over(0..codes.len())?;
        self.weights.push(buffer);
        Ok(())
    }

    fn prepare(&mut self, configuration: usize, stream: &[u8], weight: usize) -> Result<()> {
        let array = &self.arrays[configuration];
        let command = self.npu.kernel(stream, &[&self.weights[weight], &array.activations, &array.results])?;
        self.commands.push((configuration, command));
        Ok(())
    }

    fn activations(&mut self, configuration: usize) -> &mut [u8] {
        self.arrays[configuration].activations.as_mut_slice()
    }

    unsafe fn run(&mut self, command: usize, results: usize, limit: Duration) -> Result<&[u8]> {
        let (array, command) = &mut self.commands[command];
        let array = &mut self.arrays[*array];
        array.activations.hand_over(0..array.activations.len())?;
        // SAFETY: the caller's promise. A command that is run again finds the same activations and weights: it writes results alone.
        unsafe { array.context.run(command, limit)? };
        array.results.take_back(0..results)?;
        Ok(&array.results.as_slice()[..results])
    }

    fn bytes(&self) -> u64 {
        let page = |buffer: &Buffer| buffer.len().next_multiple_of(PAGE);
        let arrays: usize = self.arrays.iter().map(|array| page(&array.activations) + page(&array.results)).sum();
        (xrt_sys::HEAP_BYTES + arrays + self.weights.iter().map(page).sum::<usize>() + PAGE * self.commands.len()) as u64
    }
}
