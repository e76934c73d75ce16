//! Plan as text.
