//! What the tests of whole programs share. Not every test uses all of it.
#![allow(dead_code, unused_imports)]

mod cluster;
mod lease;

pub use cluster::{Cluster, Contents};
