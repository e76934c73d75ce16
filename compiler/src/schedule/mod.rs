//! Order and memory.
