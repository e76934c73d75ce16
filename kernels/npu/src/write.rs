//! Writing core programs: straight pieces are scheduled, loops pipelined, jumps put between them.

use unicorn_kernels_xdna::isa::schedule;
use unicorn_kernels_xdna::isa::{Assembled, Draft, Program, Register, text};

use crate::NpuError;

/// A program under construction. Instructions gather in a straight piece until a label, a jump or a loop ends it.
#[derive(Default)]
pub(crate) struct Writer {
    program: Program,
    piece: Vec<Draft>,
}

/// Passes of a loop's kernel: the pipeline's first and last passes run outside of it.
fn kernel_passes(name: &str, passes: usize, code: &schedule::Pipelined) -> Result<usize, NpuError> {
    if passes < code.stages {
        return Err(NpuError::Passes { name: name.into(), passes, stages: code.stages });
    }
    Ok(passes + 1 - code.stages)
}

/// One instruction from text.
pub(crate) fn draft(text: &str) -> Result<Draft, NpuError> {
    Ok(text::instruction(text)?)
}

impl Writer {
    /// Adds an instruction to the piece.
    pub(crate) fn op(&mut self, text: &str) -> Result<&mut Self, NpuError> {
        self.piece.push(draft(text)?);
        Ok(self)
    }

    /// Adds several, one a line.
    pub(crate) fn ops(&mut self, lines: &str) -> Result<&mut Self, NpuError> {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.op(line)?;
        }
        Ok(self)
    }

    /// Adds instructions.
    pub(crate) fn drafts(&mut self, drafts: Vec<Draft>) -> &mut Self {
        self.piece.extend(drafts);
        self
    }

    /// Ends the piece; `nops` more empty bundles stand behind it.
    pub(crate) fn end(&mut self, nops: usize) -> Result<&mut Self, NpuError> {
        if !self.piece.is_empty() {
            self.program.straight(schedule::straight(&std::mem::take(&mut self.piece))?);
        }
        self.program.nops(nops);
        Ok(self)
    }

    /// Names what follows.
    pub(crate) fn label(&mut self, name: &str) -> Result<&mut Self, NpuError> {
        self.end(0)?.program.label(name);
        Ok(self)
    }

    /// A jump with its delay.
    pub(crate) fn jump(&mut self, text: &str) -> Result<&mut Self, NpuError> {
        self.end(0)?.program.jump(text);
        Ok(self)
    }

    /// A loop of `passes` passes over a body, pipelined to `least` bundles a pass or a few more. Uses the scalar register `counter`.
    pub(crate) fn looped(&mut self, name: &str, counter: u8, passes: usize, body: &[Draft], least: usize) -> Result<&mut Self, NpuError> {
        self.end(0)?;
        let code = schedule::modulo(body, least, least + 8)?;
        let kernel = kernel_passes(name, passes, &code)?;
        self.program.bundle(&format!("movxm r{counter}, #{kernel}"));
        self.program.pipelined(name, Register::R(counter), code);
        Ok(self)
    }

    /// The same for a number of passes that the register `passes` holds, never below `fewest`.
    pub(crate) fn looped_by(
        &mut self,
        name: &str,
        counter: u8,
        (passes, fewest): (u8, usize),
        body: &[Draft],
        least: usize,
    ) -> Result<&mut Self, NpuError> {
        self.end(0)?;
        let code = schedule::modulo(body, least, least + 8)?;
        kernel_passes(name, fewest, &code)?;
        self.program.bundle(&format!("add r{counter}, r{passes}, #-{}", code.stages - 1));
        self.program.pipelined(name, Register::R(counter), code);
        Ok(self)
    }

    /// The finished program.
    pub(crate) fn assemble(mut self) -> Result<Assembled, NpuError> {
        self.end(0)?;
        Ok(self.program.assemble()?)
    }
}
