//! The constants that commands name, each once per layout, and their places in the file.

use crate::graph::WeightRef;
use crate::{Error, Result};
use unicorn_artifact::plan::{ALIGN, Weight};
use unicorn_artifact::tensor::{Format, Layout, weight_bytes};

/// A constant in a layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Values.
    pub source: WeightRef,
    /// Shape after transposition.
    pub rows: u32,
    /// Shape after transposition.
    pub cols: u32,
    /// Arrangement.
    pub layout: Layout,
    /// Read row by row from the file.
    pub streamed: bool,
}

/// Constants by number, in order of first use.
#[derive(Debug, Default)]
pub struct Table(Vec<Constant>);

impl Table {
    /// The number of a constant, added if it is new.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the layout cannot hold the format or the shape.
    pub fn add(&mut self, source: &WeightRef, rows: u32, cols: u32, layout: Layout, streamed: bool) -> Result<u32> {
        let constant = Constant { source: source.clone(), rows, cols, layout, streamed };
        if let Some(known) = self.0.iter().position(|c| *c == constant) {
            return Ok(known as u32);
        }
        if weight_bytes(source.format, layout, rows as usize, cols as usize).is_none() {
            return Err(Error::Unsupported {
                place: format!("tensor `{}` [{rows}, {cols}]", source.tensor),
                why: format!("{} cannot be stored in {}", source.format.name(), layout.name()),
            });
        }
        self.0.push(constant);
        Ok(self.0.len() as u32 - 1)
    }

    /// The format of a constant.
    pub fn format(&self, id: u32) -> Format {
        self.0[id as usize].source.format
    }

    /// All of them.
    pub fn constants(&self) -> &[Constant] {
        &self.0
    }

    /// Descriptions with places, and the sizes of the resident and the streamed section.
    pub fn place(&self) -> (Vec<Weight>, u64, u64) {
        let (mut resident, mut streamed) = (0u64, 0u64);
        let weights = self
            .0
            .iter()
            .map(|c| {
                let end = if c.streamed { &mut streamed } else { &mut resident };
                let offset = end.next_multiple_of(ALIGN);
                let bytes = weight_bytes(c.source.format, c.layout, c.rows as usize, c.cols as usize).expect("checked when it was added");
                *end = offset + bytes as u64;
                Weight {
                    name: if c.source.transpose { format!("{} (transposed)", c.source.tensor) } else { c.source.tensor.clone() },
                    format: c.source.format,
                    layout: c.layout,
                    rows: c.rows,
                    cols: c.cols,
                    streamed: c.streamed,
                    offset,
                    error: 0.0,
                }
            })
            .collect();
        (weights, resident.next_multiple_of(ALIGN), streamed.next_multiple_of(ALIGN))
    }
}
