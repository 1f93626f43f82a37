//! highwater: finds out, before the peak, whether a Kafka cluster will carry it.
//!
//! The modules stand in the order data flows; each uses only those above it.
//!
//! ```text
//!  scenario file ──▶ scenario ──▶ schedule (when) ──┐
//!                        └──────▶ traffic (what) ───┤
//!                                                   ▼
//!                        target ◀── drive ──▶ measure ──▶ run folder
//!                        (Kafka)                             │
//!                                                capacity (what it means)
//!                                                            │
//!                                                   report (telling it)
//! ```
#![warn(missing_docs)]

pub mod clock;
pub mod rng;

pub mod scenario;
pub mod schedule;
pub mod traffic;

pub mod target;

pub mod measure;

pub mod drive;

pub mod capacity;

pub mod report;

pub mod cli;
pub mod command;
