//! unicorn-benches
