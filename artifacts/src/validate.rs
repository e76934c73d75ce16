//! Rules a plan must keep.
