//! Telling it: a run file in; text for the terminal, a line, Markdown, CSV, JUnit and JSON out.

pub mod compare;
pub mod csv;
pub mod data;
#[cfg(test)]
mod fixtures;
pub mod json;
pub mod junit;
pub mod line;
pub mod markdown;
pub mod over_time;
pub mod progress;
mod table;
pub mod term;
pub mod text;
pub mod timeline;
pub mod unfinished;
mod words;
