//! Apache Kafka through librdkafka: the only importer of rdkafka.

pub mod admin;
pub mod config;
pub mod consumer;
pub mod embedded;
pub mod errors;
mod handle;
mod properties;
pub mod topics;
