//! Telling it: text for the terminal.

mod chart;
pub mod data;
pub mod html;
pub mod plan;
pub mod plot;
pub mod progress;
mod table;
pub mod term;
pub mod text;
