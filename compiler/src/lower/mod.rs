//! Graph to commands.
