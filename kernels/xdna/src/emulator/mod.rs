//! A functional emulator of cores and array.
