//! Telling it: text for the terminal.

pub mod data;
pub mod progress;
mod table;
pub mod term;
pub mod text;
