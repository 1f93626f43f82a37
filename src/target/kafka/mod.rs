//! Apache Kafka through librdkafka: the only importer of rdkafka.

pub mod admin;
pub mod config;
pub mod consumer;
pub mod embedded;
pub mod errors;
mod ffi;
mod handle;
mod mask;
mod names;
pub mod producer;
pub mod property;
mod raw;
mod rebalance;
mod refusals;
pub mod release;
pub mod system;
pub mod topics;
mod unreachable;

/// The version of librdkafka that is built in.
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}
