//! unicorn-rt
