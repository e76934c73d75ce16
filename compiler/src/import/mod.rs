//! Checkpoint to graph.
