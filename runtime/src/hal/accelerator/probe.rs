//! For tests and diagnosis: contents are placed on the device, single launches run, and what they left is read back. No step uses this.

use super::{Accelerator, Memory, Result, RowInputs, plan};

impl Accelerator {
    /// Fills the whole arena and the working memory with a word: whoever reads what nobody wrote, and whoever writes what is not his, shows.
    ///
    /// # Errors
    /// What the driver says.
    pub fn probe_fill(&mut self, word: u32) -> Result<()> {
        self.gpu.fill(&self.arena, 0, self.arena.len() / 4 * 4, word)?;
        if let Some(scratch) = self.held(self.places.scratch) {
            self.gpu.fill(scratch, 0, scratch.len() / 4 * 4, word)?;
        }
        self.wait()
    }

    /// Writes a buffer of an entry from its first row on.
    ///
    /// # Errors
    /// What the driver says; bytes that reach beyond the arena, too.
    pub fn probe_write(&mut self, entry: usize, buffer: u32, bytes: &[u8]) -> Result<()> {
        self.gpu.upload(&self.arena, self.places.entries[entry].1[buffer as usize] - self.arena.address(), bytes)
    }

    /// Reads a buffer of an entry from its first row on.
    ///
    /// # Errors
    /// As [`Accelerator::probe_write`].
    pub fn probe_read(&mut self, entry: usize, buffer: u32, bytes: &mut [u8]) -> Result<()> {
        self.gpu.download(&self.arena, self.places.entries[entry].1[buffer as usize] - self.arena.address(), bytes)
    }

    /// Writes a handoff from its first row on.
    ///
    /// # Errors
    /// As [`Accelerator::probe_write`].
    pub fn probe_write_handoff(&mut self, handoff: u32, bytes: &[u8]) -> Result<()> {
        self.gpu.upload(&self.arena, self.places.handoffs[handoff as usize] - self.arena.address(), bytes)
    }

    /// Writes keys and values in the device's layout, from a byte of the state on; slots follow each other.
    ///
    /// # Errors
    /// As [`Accelerator::probe_write`].
    pub fn probe_write_state(&mut self, state: u32, offset: u64, bytes: &[u8]) -> Result<()> {
        self.gpu.upload(&self.states, self.places.states[state as usize] - self.states.address() + offset, bytes)
    }

    /// Reads keys and values, as [`Accelerator::probe_write_state`].
    ///
    /// # Errors
    /// As [`Accelerator::probe_write`].
    pub fn probe_read_state(&mut self, state: u32, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.gpu.download(&self.states, self.places.states[state as usize] - self.states.address() + offset, bytes)
    }

    /// Places the rows' tokens, slots, positions and picks in the inputs block of the entry's part.
    ///
    /// # Errors
    /// What the driver says.
    pub fn probe_inputs(&mut self, entry: usize, inputs: RowInputs<'_>) -> Result<()> {
        self.send_inputs(entry, inputs)?;
        self.wait()
    }

    /// Runs one launch of an entry and waits for it.
    ///
    /// # Errors
    /// What the driver says.
    pub fn probe_launch(&mut self, entry: usize, launch: &plan::Launch) -> Result<()> {
        self.kernels.launch(&self.gpu, &self.places, entry, launch)?;
        self.wait()
    }

    /// Runs one launch several times, each alone, and gives the median time in microseconds.
    ///
    /// # Errors
    /// What the driver says.
    pub fn probe_time(&mut self, entry: usize, launch: &plan::Launch, times: usize) -> Result<f32> {
        let (start, end) = (self.gpu.event()?, self.gpu.event()?);
        let mut all = Vec::with_capacity(times);
        for _ in 0..times {
            self.gpu.record(&start)?;
            self.kernels.launch(&self.gpu, &self.places, entry, launch)?;
            self.gpu.record(&end)?;
            all.push(self.gpu.elapsed_ms(&start, &end)? * 1e3);
        }
        self.wait()?;
        all.sort_by(f32::total_cmp);
        Ok(all.get(times / 2).copied().unwrap_or_default())
    }

    /// The counters, all of which are zero between launches.
    ///
    /// # Errors
    /// What the driver says.
    pub fn probe_counters(&mut self) -> Result<Vec<u8>> {
        let Some(counters) = self.held(self.places.counters) else { return Ok(vec![]) };
        let mut bytes = vec![0; counters.len() as usize];
        self.gpu.download(counters, 0, &mut bytes)?;
        Ok(bytes)
    }

    fn held(&self, address: u64) -> Option<&Memory> {
        self._held.iter().find(|memory| memory.address() == address)
    }
}
