//! Events that are sent twice on purpose.

use super::super::{Arrival, Bin, Identity};
use crate::rng::{Purpose, hash};
use crate::scenario::Scenario;

/// Which events of a flow are sent twice.
#[derive(Clone, Debug)]
pub struct Copies {
    seed: u64,
    /// By event of the scenario the share that has a copy.
    shares: Vec<f64>,
}

/// Scratch space.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// What the bin held before.
    before: Bin,
    /// By shard, how many copies were put in; zero between calls.
    added: Vec<u32>,
}

impl Copies {
    /// Those of flow number `flow`; none if no event of the scenario has a copy there. An event has one for its flow's sake or for its
    /// own, independently.
    pub fn new(scenario: &Scenario, flow: usize) -> Option<Copies> {
        let of_flow = scenario.flows[flow].defects.duplicate.unwrap_or(0.0);
        let combined = |of_event: f64| 1.0 - (1.0 - of_flow) * (1.0 - of_event);
        let of_events = scenario.events.iter().map(|event| event.defects.duplicate);
        let shares: Vec<f64> = of_events
            .map(|share| combined(share.unwrap_or(0.0)))
            .collect();
        let any = shares.iter().any(|&share| share > 0.0);
        any.then_some(Copies {
            seed: scenario.seed,
            shares,
        })
    }

    /// How many times as many events there are with copies, where events come by these weights.
    pub fn factor(&self, mix: &[(usize, f64)]) -> f64 {
        let total: f64 = mix.iter().map(|(_, weight)| weight).sum();
        let copied: f64 = mix
            .iter()
            .map(|(event, weight)| weight * self.share(*event))
            .sum();
        1.0 + copied / total
    }

    /// The share of an event that has a copy.
    pub fn share(&self, event: usize) -> f64 {
        self.shares.get(event).copied().unwrap_or(0.0)
    }

    /// Puts the copies into a bin that has none yet: each right behind its original, due with it in its shard, under the next
    /// ordinal. Whether an event has a copy depends on its place in the cell before.
    pub fn add(&self, flow: u16, bin: u32, out: &mut Bin, scratch: &mut Scratch) {
        let Scratch { before, added } = scratch;
        std::mem::swap(before, out);
        out.clear();
        for (index, &arrival) in before.arrivals.iter().enumerate() {
            let shard = usize::from(arrival.shard);
            if added.len() <= shard {
                added.resize(shard + 1, 0);
            }
            let ordinal = arrival.ordinal + added[shard];
            let mut put = |ordinal: u32, original: u32| {
                out.arrivals.push(Arrival { ordinal, ..arrival });
                out.originals.push(original);
                out.origins.extend(before.origins.get(index));
            };
            put(ordinal, ordinal);
            let id = Identity {
                flow,
                shard: arrival.shard,
                bin,
                ordinal: arrival.ordinal,
            };
            if self.has_copy(id, arrival.event) {
                put(ordinal + 1, ordinal);
                added[shard] += 1;
            }
        }
        added.fill(0);
    }

    fn has_copy(&self, id: Identity, event: u16) -> bool {
        let share = self.share(usize::from(event));
        if share <= 0.0 {
            return false;
        }
        let cell = hash(self.seed, Purpose::Duplicate, id.cell());
        let random = hash(cell, Purpose::Duplicate, u64::from(id.ordinal));
        // 53 bits, as of every uniform draw: a share of 1 is above all of them.
        ((random >> 11) as f64) < share * (1u64 << 53) as f64
    }
}
