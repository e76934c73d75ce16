//! The array as data: tiles, registers, buffers, locks, descriptors, routes.
//!
//! A [`Design`] says what an array shall be; [`configure`](Design::configure) turns it into register [`Write`]s in the order that the known
//! tools emit them, [`Design::read`] takes such writes apart again. [`Router`] finds ways through the switches, [`Stream`] builds the
//! instruction stream of a run. Everything is checked against the
//! width of its field: what does not fit is an [`ArrayError`] that names tile, descriptor, field, value and range. Facts: AMD AM020 (sizes), AM025 (registers).

mod configure;
mod descriptor;
mod design;
mod error;
mod port;
mod read;
mod route;
mod stream;
mod tile;

pub use configure::Write;
pub use descriptor::{Descriptor, Dim, Iteration, LockStep, Packet, PlainShim};
pub use design::{Buffer, Core, Design, Link, LockValue, Segment, ShimPort, Start, TileDma};
pub use error::ArrayError;
pub use port::{Port, PortSide};
pub use route::Router;
pub use stream::Stream;
pub use tile::{COLUMNS, Channel, Direction, ROWS, Registers, Tile, TileKind};
