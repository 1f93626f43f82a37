//! When: rate curves, arrival processes, shards. Pure in (scenario, seed).
//!
//! A flow's curve λ(t) and its integral Λ(t) are piecewise closed forms ([`curve`]). Arrivals of a (flow, shard, bin) are a
//! pure function of the seed, so any worker can compute any part alone.

/// The length of a bin: real nanoseconds.
pub const BIN_NS: u64 = 100_000_000;

/// What tells one event from every other of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Index of the flow in the scenario.
    pub flow: u16,
    /// Virtual shard.
    pub shard: u16,
    /// Time bin: `due / BIN_NS`.
    pub bin: u32,
    /// Place among the events of (flow, shard, bin), by due.
    pub ordinal: u32,
}

/// One event's place in the schedule of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it is due: real nanoseconds since the start of the load.
    pub due_ns: u64,
    /// Virtual shard.
    pub shard: u16,
    /// Place among the arrivals of its cell, by due.
    pub ordinal: u32,
}
