//! One file for each subcommand.

pub mod clean;
pub mod confirm;
