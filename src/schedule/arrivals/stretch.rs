//! What the kinds of arrivals share: the bin they fill, and the keys they fill it with.

use super::super::curve::Pieces;
use super::super::order::{self, SHARD_BITS};
use super::super::{BIN_NS, Shards};

/// A bin, or what the end of the run leaves of it, and whose part of it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub bin: u32,
    /// Real nanoseconds.
    pub start_ns: u64,
    pub end_ns: u64,
    /// How long the load lasts; real nanoseconds.
    pub run_ns: u64,
    /// The shards that are asked for.
    pub mine: Shards,
}

impl Stretch {
    /// Bin `bin` of a run of `run_ns`, if it is part of the run.
    pub fn of_bin(bin: u32, run_ns: u64, mine: Shards) -> Option<Stretch> {
        let start_ns = u64::from(bin) * BIN_NS;
        let end_ns = (start_ns + BIN_NS).min(run_ns);
        (start_ns < end_ns).then_some(Stretch {
            bin,
            start_ns,
            end_ns,
            run_ns,
            mine,
        })
    }

    /// Its start; real seconds.
    pub fn from(&self) -> f64 {
        self.start_ns as f64 / 1e9
    }

    /// Its end; real seconds.
    pub fn to(&self) -> f64 {
        self.end_ns as f64 / 1e9
    }

    /// The key of an arrival before which `y` events of the stretch are expected.
    #[inline]
    pub fn key(&self, pieces: &Pieces, y: f64, shard: u32) -> u64 {
        // A product that rounds up must not fall into the next bin.
        let last = (self.end_ns - self.start_ns - 1) as f64;
        let offset = pieces.inverse_ns(y).min(last) as u64;
        (offset << SHARD_BITS) | u64::from(shard)
    }
}

/// The arrivals of a bin before they are numbered: `offset in the bin << SHARD_BITS | shard`, so that one sort orders by
/// (due, shard).
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub keys: Vec<u64>,
    spare: Vec<u64>,
}

impl Keys {
    /// Orders keys that come with shards ascending.
    pub fn sort_by_shard(&mut self) {
        order::sort(&mut self.keys, &mut self.spare);
    }

    /// Orders keys that come nearly in order: but for arrivals within a nanosecond.
    pub fn sort_by_due(&mut self) {
        if !self.keys.is_sorted() {
            self.keys.sort_unstable();
        }
    }
}

/// The arrivals of a bin before they are numbered, where each comes from something: its key, and what tells where from.
#[derive(Clone, Debug, Default)]
pub struct Tagged {
    pub entries: Vec<(u64, u64)>,
}

impl Tagged {
    /// Orders them by (due, shard), and then by where they come from.
    pub fn sort(&mut self) {
        self.entries.sort_unstable();
    }
}
