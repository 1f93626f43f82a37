//! The ids of journeys: one number for each (flow, shard, bin, ordinal), and others for journeys that began before the history.

use crate::rng::{Purpose, hash};
use crate::scenario::Scenario;
use crate::schedule::BIN_NS;

/// Makes the ids of a flow's journeys. No two of a run are the same: (flow, shard, bin, ordinal) are packed side by side into 63
/// bits and then mixed by a bijection of 64.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sessions {
    seed: u64,
    flow: u64,
    /// How far each of these is shifted; the ordinal has what is left below.
    flow_shift: u32,
    shard_shift: u32,
    bin_shift: u32,
    /// Added to bins so that those before the run are positive.
    bin_offset: i64,
}

/// The bit of journeys that began before the history.
const PAST: u64 = 1 << 63;
/// Bits for flow, shard and bin, so that most scenarios share a layout and a new flow or a longer run leaves the ids as they were:
/// 256 flows and shards, nine days either way, and 8 million journeys in each cell.
const FLOW_BITS: u32 = 8;
const SHARD_BITS: u32 = 8;
const BIN_BITS: u32 = 24;

/// Bits for numbers below `count`, at least `least`.
fn bits(count: u64, least: u32) -> u32 {
    (u64::BITS - count.saturating_sub(1).leading_zeros()).max(least)
}

impl Sessions {
    pub fn new(scenario: &Scenario, flow: usize) -> Sessions {
        let history = scenario.time.history.as_nanos() as u64;
        let longest = scenario.time.run_ns().max(history).div_ceil(BIN_NS) + 1;
        let bin_bits = bits(2 * longest, BIN_BITS);
        let shard_bits = bits(u64::from(scenario.shards), SHARD_BITS);
        let flow_bits = bits(scenario.flows.len() as u64, FLOW_BITS);
        let bin_shift = 63u32.saturating_sub(flow_bits + shard_bits + bin_bits);
        Sessions {
            seed: scenario.seed,
            flow: flow as u64,
            flow_shift: bin_shift + bin_bits + shard_bits,
            shard_shift: bin_shift + bin_bits,
            bin_shift,
            bin_offset: 1 << (bin_bits - 1),
        }
    }

    /// The id of the journey that is start `ordinal` of a cell. Bins before the run are negative.
    #[inline]
    pub fn start(&self, shard: u16, bin: i64, ordinal: u32) -> u64 {
        hash(self.seed, Purpose::Journey, self.pack(shard, bin, ordinal))
    }

    /// The id of the journey that began before the history and owes late step `ordinal` of a cell.
    #[inline]
    pub fn past(&self, shard: u16, bin: i64, ordinal: u32) -> u64 {
        let packed = PAST | self.pack(shard, bin, ordinal);
        hash(self.seed, Purpose::Journey, packed)
    }

    #[inline]
    fn pack(&self, shard: u16, bin: i64, ordinal: u32) -> u64 {
        let bin = (bin + self.bin_offset).cast_unsigned();
        (self.flow << self.flow_shift)
            | (u64::from(shard) << self.shard_shift)
            | (bin << self.bin_shift)
            | u64::from(ordinal)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::scenario::Arrivals;
    use crate::schedule::fixtures::scenario;

    #[test]
    fn ids_are_unique_over_flows_cells_and_the_past() {
        for (shards, flows, days) in [(256, 2, 1), (65_536, 300, 300)] {
            let mut big = scenario(Arrivals::Poisson, 1.0);
            big.shards = shards;
            big.flows = vec![big.flows[0].clone(); flows];
            big.time.history = Duration::from_secs(days * 86_400);
            let bins = [-864_000 * days as i64, -1, 0, 1, 599];
            let mut seen = HashSet::new();
            let mut made = 0;
            for flow in [0, 1, flows - 1] {
                if flow == 1 && flows == 2 {
                    continue;
                }
                let sessions = Sessions::new(&big, flow);
                for shard in [0, 1, (shards - 1) as u16] {
                    for bin in bins {
                        for ordinal in 0..100 {
                            seen.insert(sessions.start(shard, bin, ordinal));
                            seen.insert(sessions.past(shard, bin, ordinal));
                            made += 2;
                        }
                    }
                }
            }
            assert_eq!(seen.len(), made);
        }
    }

    #[test]
    fn a_longer_run_and_another_flow_leave_ids_as_they_were() {
        let small = scenario(Arrivals::Poisson, 1.0);
        let mut large = small.clone();
        large.flows.push(small.flows[0].clone());
        large.time.play.1 = Duration::from_secs(86_400);
        let id = |scenario| Sessions::new(scenario, 0).start(3, -5, 7);
        assert_eq!(id(&small), id(&large));
    }
}
