//! Telling it: a run file in; a page, plots, text for the terminal, a line, Markdown, CSV, JUnit and JSON out.

pub mod actions;
pub mod calibration;
mod chart;
pub mod compare;
pub mod csv;
pub mod data;
#[cfg(test)]
mod fixtures;
pub mod html;
pub mod json;
pub mod junit;
pub mod line;
mod live;
pub mod markdown;
pub mod over_time;
pub mod paired;
pub mod plan;
pub mod plot;
pub mod progress;
pub mod search;
mod table;
pub mod term;
pub mod text;
pub mod timeline;
pub mod unfinished;
mod words;
