//! What is wrong with a stream on purpose.

use std::time::Duration;

/// Shares of events with something wrong on purpose. The verification knows them and does not blame the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Defects {
    /// The event tells of something that happened long ago: its simulated time is this much before it is due.
    pub late: Option<Delay>,
    /// The event's simulated time is anything up to this before it is due: times in a partition are out of order.
    pub out_of_order: Option<Delay>,
    /// The event is sent twice: the second one has the same key and content, and a stamp of its own.
    pub duplicate: Option<f64>,
    /// The event is a key without a value.
    pub tombstone: Option<f64>,
    /// The event is blown up.
    pub oversized: Option<Oversized>,
}

/// Events that are late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// Share of the events.
    pub share: f64,
    /// Simulated time.
    pub by: Duration,
}

/// Events that are too large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oversized {
    /// Share of the events.
    pub share: f64,
    /// Bytes of the value. A refusal by the cluster for its size is no failure.
    pub size: usize,
}
