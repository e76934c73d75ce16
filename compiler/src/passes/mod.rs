//! Graph to graph. Every pass leaves a graph that `graph::verify` accepts and that evaluates to the same values.
