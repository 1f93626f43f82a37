//! What the tests of whole programs share. Not every test uses all of it.
#![allow(dead_code, unused_imports)]

pub mod browser;
mod cluster;
mod lease;
pub mod run;

#[allow(unused_imports, reason = "each test binary uses its part")]
pub use cluster::{Cluster, Contents};
