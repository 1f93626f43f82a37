//! Events that are sent twice on purpose.

use super::super::{Arrival, Bin, Identity};
use crate::rng::{Purpose, hash};
use crate::scenario::Scenario;

/// Which events of a flow are sent twice.
#[derive(Clone, Debug)]
pub struct Copies {
    seed: u64,
    /// The share of any event that has a copy, for the flow's sake.
    of_flow: f64,
    /// By event of the scenario the share that has one, for its own sake or the flow's.
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
        let any = of_flow > 0.0 || shares.iter().any(|&share| share > 0.0);
        any.then_some(Copies {
            seed: scenario.seed,
            of_flow,
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
        self.shares.get(event).copied().unwrap_or(self.of_flow)
    }

    /// How often an event is sent on average: once, or twice.
    pub fn sent(&self, event: u16) -> f64 {
        1.0 + self.share(usize::from(event))
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

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::scenario;
    use super::super::tests::{Seen, schedule, seen};
    use super::*;
    use crate::scenario::Arrivals;
    use crate::schedule::Shards;

    fn of_shares(of_flow: Option<f64>, of_event: Option<f64>) -> Scenario {
        let mut scenario = scenario(Arrivals::Even, 1000.0);
        scenario.flows[0].defects.duplicate = of_flow;
        scenario.events = vec![super::super::super::fixtures::event()];
        scenario.events[0].defects.duplicate = of_event;
        scenario
    }

    #[test]
    fn the_share_asked_for_is_sent_twice() {
        for (of_flow, of_event, share) in [
            (None, Some(0.0001), 0.0001f64),
            (Some(0.1), None, 0.1),
            (None, Some(0.1), 0.1),
            (Some(0.5), Some(0.2), 0.6),
            (Some(1.0), None, 1.0),
        ] {
            let schedule = schedule(&of_shares(of_flow, of_event));
            let all = seen(&schedule, Shards::all(256));
            let is_copy = |seen: &&Seen| seen.original != seen.arrival.ordinal;
            let copies = all.iter().filter(is_copy).count() as f64;
            assert_eq!(all.len() as f64 - copies, 60_000.0);
            // Binomial; five standard deviations.
            let (mean, sd) = (60_000.0 * share, (60_000.0 * share * (1.0 - share)).sqrt());
            assert!((copies - mean).abs() <= 5.0 * sd, "{share}: {copies}");
            assert!((schedule.curve().total() - 60_000.0 - mean).abs() < 1e-6);
        }
        assert!(Copies::new(&of_shares(None, Some(0.0)), 0).is_none());
    }

    #[test]
    fn what_is_sent_otherwise_stays_as_it_was() {
        let dues = |scenario: &Scenario| {
            let all = seen(&schedule(scenario), Shards::all(256));
            let own = all.iter().filter(|s| s.original == s.arrival.ordinal);
            own.map(|s| (s.arrival.due_ns, s.arrival.shard, s.arrival.event))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            dues(&of_shares(None, None)),
            dues(&of_shares(Some(0.3), None))
        );
    }
}
