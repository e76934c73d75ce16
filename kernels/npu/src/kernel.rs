//! A kernel: the container for a length of rows and a number of tokens.

use unicorn_kernels_xdna::array::Design;
use unicorn_kernels_xdna::container::pdi;
use unicorn_kernels_xdna::container::xclbin::{self, Xclbin};

use crate::call::{Cut, Shape};
use crate::layout::Activations;
use crate::run::{self, Run, Window};
use crate::{NpuError, array, dot};

/// Everything that does not depend on the number of rows.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The shape, and how it is cut.
    pub cut: Cut,
    /// What configuration makes of the array.
    pub design: Design,
}

/// The container of a design: four columns, three argument buffers.
pub(crate) fn container(design: &Design) -> Result<Xclbin, NpuError> {
    let pdi = pdi::wrap(design.cdo()?);
    Ok(Xclbin::npu1(xclbin::Design { columns: 4, start_columns: &[0], pdi, kernel: "MLIR_AIE", instance: "MLIRAIE", buffers: 3 })?)
}

impl Kernel {
    /// The kernel for a shape.
    ///
    /// # Errors
    /// For shapes that do not fit; see [`NpuError::Unsupported`].
    pub fn new(shape: Shape) -> Result<Self, NpuError> {
        let cut = Cut::new(shape)?;
        let programs = array::programs(|row| dot::program(&cut, row))?;
        Ok(Self { cut, design: array::design(&cut.flow(), &programs)? })
    }

    /// The container.
    ///
    /// # Errors
    /// For containers that cannot be written: a fault here.
    pub fn container(&self) -> Result<Xclbin, NpuError> {
        container(&self.design)
    }

    /// The instruction stream for a number of rows of weights.
    ///
    /// # Errors
    /// For no rows, or more than one run can take.
    pub fn run(&self, outputs: usize) -> Result<Run, NpuError> {
        run::run(&self.cut, outputs, Window { row: self.cut.row(), begin: 0 })
    }

    /// The same where the weights are columns of a wider matrix. A product over more inputs than a kernel takes is the sum of such runs.
    ///
    /// # Errors
    /// As [`Kernel::run`], and for rows that do not begin at multiples of four bytes or lie too far apart for a descriptor.
    pub fn run_within(&self, outputs: usize, window: Window) -> Result<Run, NpuError> {
        run::run(&self.cut, outputs, window)
    }

    /// The program of the core in a row of cores, 0 the lowest, for reading.
    ///
    /// # Errors
    /// None for a kernel that was made: its programs are those of the design.
    pub fn listing(&self, row: usize) -> Result<String, NpuError> {
        Ok(dot::program(&self.cut, row)?.to_string())
    }

    /// Most rows of a run.
    #[must_use]
    pub const fn most_outputs(&self) -> usize {
        run::MOST
    }

    /// Where activations lie in their buffer.
    #[must_use]
    pub fn activations(&self) -> Activations {
        Activations::new(&self.cut)
    }
}
