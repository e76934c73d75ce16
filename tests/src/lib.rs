//! unicorn-tests
