//! When: rate curves, arrival processes, shards. Pure in (scenario, seed).
//!
//! A flow's shapes ([`mod@shape`]) are composed to one piecewise-linear rate λ(t) with its integral Λ(t) ([`mod@curve`],
//! [`mod@compose`]). Arrivals of a (flow, shard, bin) are a pure function of the seed ([`mod@arrivals`]), so any worker can
//! compute any part alone.
//!
//! ```text
//!  shape ──▶ compose ──▶ curve ──▶ arrivals ──▶ order
//!                          │          ▲  │
//!    draw, times, split, permutation ─┘  │
//!                          ▼             ▼
//!                       extended ──▶ journey
//! ```
//!
//! Where a flow's arrivals start journeys ([`mod@journey`]), their steps are the events, and journeys under way when the run starts
//! began by the curve's extension into the past ([`mod@extended`]).
//!
//! Transcendental functions come from `libm`, not from the C library of the machine: the same seed gives the same instants
//! on every machine.

pub mod arrivals;
pub(crate) mod choice;
mod compose;
pub mod curve;
mod draw;
mod extended;
#[cfg(test)]
mod fixtures;
mod journey;
mod mix;
mod order;
mod origin;
mod permutation;
mod shape;
mod smooth;
mod split;
mod think;
mod times;

pub use arrivals::{Cells, FlowSchedule};
pub use curve::Curve;
pub use mix::Mix;
pub use origin::{Draw, HELD, Origin, Step};
pub use think::Users;

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

impl Identity {
    /// What tells its cell (flow, shard, bin) from every other, in one number.
    #[inline]
    pub(crate) fn cell(self) -> u64 {
        u64::from(self.flow) << 48 | u64::from(self.shard) << 32 | u64::from(self.bin)
    }
}

/// One event's place in the schedule of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arrival {
    /// When it is due: real nanoseconds since the start of the load.
    pub due_ns: u64,
    /// Virtual shard.
    pub shard: u16,
    /// Index of the event in the scenario.
    pub event: u16,
    /// Place among the arrivals of its cell, by due.
    pub ordinal: u32,
}

/// The events of a flow that are due in one bin, ordered by (due, shard).
#[derive(Clone, Debug, Default)]
pub struct Bin {
    /// The events.
    pub arrivals: Vec<Arrival>,
    /// Where each comes from, or empty: all stand alone. A copy comes from where its original does.
    pub origins: Vec<Origin>,
    /// By arrival the ordinal of the event it is the same as: of a copy that of its original in the same cell, else its own. Or
    /// empty: none is a copy.
    pub originals: Vec<u32>,
}

impl Bin {
    /// Where the event at `index` comes from.
    #[inline]
    pub fn origin(&self, index: usize) -> Origin {
        self.origins.get(index).copied().unwrap_or(Origin::Alone)
    }

    /// The ordinal of the event whose key and content the event at `index` has: its own, unless it is sent again on purpose. What
    /// is drawn for an event's identity is drawn for this ordinal; the stamp alone tells a copy from its original.
    #[inline]
    pub fn original(&self, index: usize) -> u32 {
        let own = || self.arrivals[index].ordinal;
        self.originals.get(index).copied().unwrap_or_else(own)
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.arrivals.clear();
        self.origins.clear();
        self.originals.clear();
    }
}

/// A worker's part of a flow: the shards `first`, `first + step`, ... below `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards {
    /// The lowest.
    pub first: u16,
    /// From one to the next; at least 1.
    pub step: u16,
    /// How many shards the flow has at most: the first number that is none of them.
    pub end: u32,
}

impl Shards {
    /// All of a flow's `count` shards.
    pub fn all(count: u32) -> Shards {
        Shards {
            first: 0,
            step: 1,
            end: count,
        }
    }

    /// The lowest of these shards that is `from` or above.
    fn at_or_above(self, from: u32) -> Option<u32> {
        let (first, step) = (u32::from(self.first), u32::from(self.step.max(1)));
        let shard = first + from.saturating_sub(first).div_ceil(step) * step;
        (shard < self.end).then_some(shard)
    }

    /// Whether a shard is one of these.
    #[inline]
    fn contains(self, shard: u32) -> bool {
        let since = shard.wrapping_sub(u32::from(self.first));
        shard < self.end
            && shard >= u32::from(self.first)
            && since.is_multiple_of(u32::from(self.step.max(1)))
    }

    /// These shards, from the lowest.
    fn iter(self) -> impl Iterator<Item = u32> {
        (u32::from(self.first)..self.end).step_by(usize::from(self.step.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_enumerated_from_anywhere() {
        let mine = Shards {
            first: 2,
            step: 3,
            end: 10,
        };
        assert_eq!(mine.iter().collect::<Vec<_>>(), [2, 5, 8]);
        let held: Vec<_> = (0..12).filter(|&shard| mine.contains(shard)).collect();
        assert_eq!(held, [2, 5, 8]);
        let found: Vec<_> = [0, 2, 3, 5, 8, 9, 40].map(|s| mine.at_or_above(s)).into();
        assert_eq!(
            found,
            [Some(2), Some(2), Some(5), Some(5), Some(8), None, None]
        );
    }
}
