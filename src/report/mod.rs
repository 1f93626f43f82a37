//! Telling it: text for the terminal.

pub mod progress;
pub mod term;
