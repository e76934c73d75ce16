//! Containers and streams of the NPU: third-party files, files written here against plain sums and a foreign tool, register names.

mod bootgen;
mod cases;
mod goldens;
mod names;
mod written;
