//! Apache Kafka through librdkafka: the only importer of rdkafka.

pub mod admin;
pub mod config;
pub mod consumer;
pub mod embedded;
pub mod errors;
mod ffi;
mod handle;
mod names;
pub mod property;
mod rebalance;
mod refusals;
pub mod topics;
mod unreachable;
