//! Containers and streams into the emulator: CDO commands as register writes, TXN operations as commands.

use super::Npu;
use super::command::Command;
use super::diagnosis::{Diagnosis, Report};
use crate::array::{Direction, Write};
use crate::container::cdo::{self, Cdo};
use crate::container::txn::{self, Op, Txn};
use crate::container::xclbin::Xclbin;

impl Npu {
    /// Applies a configuration.
    ///
    /// # Errors
    /// Registers that are not modelled, and values that mean nothing there; polls, since nothing runs while a CDO is loaded.
    pub fn load_cdo(&mut self, cdo: &Cdo) -> Result<(), Diagnosis> {
        for (index, command) in cdo.commands.iter().enumerate() {
            match command {
                cdo::Command::End => break,
                cdo::Command::Nop { .. } => {}
                cdo::Command::Write { address, value } | cdo::Command::Write64 { address, value } => self.write(address.0, *value)?,
                cdo::Command::MaskWrite { address, mask, value } | cdo::Command::MaskWrite64 { address, mask, value } => {
                    self.write_masked(address.0, *mask, *value)?
                }
                cdo::Command::DmaWrite { address, data } => self.write_block(address.0, data)?,
                other => return Err(Diagnosis::Command { index, why: format!("{other:?} is not modelled in a CDO") }),
            }
        }
        Ok(())
    }

    /// Applies the configuration of a container: that of its first image.
    ///
    /// # Errors
    /// As [`Npu::load_cdo`], and for a container without an image.
    pub fn load_xclbin(&mut self, xclbin: &Xclbin) -> Result<(), Diagnosis> {
        let image = xclbin.partition().and_then(|p| p.images.first());
        let image = image.ok_or(Diagnosis::Command { index: 0, why: "the container has no AIE partition with an image".to_owned() })?;
        self.load_cdo(&image.pdi.cdo)
    }

    /// Runs an instruction stream over argument buffers to its end. See [`Npu::execute`].
    ///
    /// # Errors
    /// See [`Diagnosis`].
    pub fn run(&mut self, stream: &Txn, buffers: &mut [&mut [u8]]) -> Result<Report, Diagnosis> {
        let commands = stream.ops.iter().enumerate().map(|(i, op)| command(i, op)).collect::<Result<Vec<_>, _>>()?;
        self.execute(&commands, buffers)
    }
}

fn command(index: usize, op: &Op) -> Result<Command, Diagnosis> {
    Ok(match op {
        Op::Write { address, value } => Command::Write(Write::Word { address: address.0, value: *value }),
        Op::BlockWrite { address, data, .. } => Command::Write(Write::Block { address: address.0, words: data.clone() }),
        Op::MaskWrite { address, value, mask } => Command::Write(Write::Masked { address: address.0, mask: *mask, value: *value }),
        Op::MaskPoll { address, value, mask } => Command::Poll { address: address.0, mask: *mask, value: *value },
        Op::Noop | Op::Preempt { .. } => Command::Noop,
        Op::LoadPdi { .. } => return Err(Diagnosis::Command { index, why: "loading an image from a stream is not modelled".to_owned() }),
        Op::Sync { direction, row, column, rows, columns, channel } => Command::Sync {
            direction: match direction {
                txn::Direction::S2mm => Direction::S2mm,
                txn::Direction::Mm2s => Direction::Mm2s,
            },
            channel: *channel,
            columns: (*column, *columns),
            rows: (*row, *rows),
        },
        Op::Patch { register, argument, offset } => Command::Patch { address: register.0, argument: *argument, offset: *offset },
    })
}
