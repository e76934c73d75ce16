//! Benches live in `benches/`; raw results in `runs/<date>-<machine>/` with the command that made them. Nothing here is a test.
