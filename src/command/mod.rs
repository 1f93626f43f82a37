//! One file for each subcommand.

pub mod clean;
pub mod confirm;
pub mod completions;
pub mod scenarios;
