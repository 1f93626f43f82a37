//! One file for each subcommand.

pub mod clean;
pub mod completions;
pub mod confirm;
pub mod scenarios;
