//! unicornc
