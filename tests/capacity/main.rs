//! The search for capacity against systems whose capacity is known: simulated ones in virtual time by the hundred, real Kafka with a
//! quota.

#[path = "../support/mod.rs"]
mod support;

mod kafka;
mod program;
mod simulated;
mod systems;
