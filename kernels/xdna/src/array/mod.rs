//! The array as data: tiles, registers, buffers, locks, descriptors, routes.
