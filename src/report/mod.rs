//! Telling it: text for the terminal.

mod chart;
pub mod plan;
pub mod progress;
mod table;
pub mod term;
pub mod text;
