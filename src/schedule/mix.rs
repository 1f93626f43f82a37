//! Which of a flow's events an arrival is, where each arrival is an event.

use super::Identity;
use super::choice::Choice;
use crate::rng::{Purpose, hash};
use crate::scenario::{Flow, Scenario};

/// The events of a flow, by weight.
#[derive(Clone, Debug)]
pub struct Mix {
    seed: u64,
    events: Vec<u16>,
    shares: Vec<f64>,
    choice: Choice,
}

impl Mix {
    /// The mix of flow number `flow`.
    pub fn new(scenario: &Scenario, flow: usize) -> Mix {
        let Flow { mix, .. } = &scenario.flows[flow];
        Mix {
            seed: scenario.seed,
            events: mix.iter().map(|(event, _)| *event as u16).collect(),
            shares: mix.iter().map(|(_, share)| *share).collect(),
            choice: Choice::new(mix.iter().map(|(_, weight)| *weight)),
        }
    }

    /// The share of an event in the flow's.
    pub fn share(&self, event: u16) -> f64 {
        let shares = self.events.iter().zip(&self.shares);
        shares
            .filter(|(of, _)| **of == event)
            .map(|(_, share)| share)
            .sum()
    }

    /// The event that an identity is: index in the scenario. Pure.
    #[inline]
    pub fn event(&self, id: Identity) -> u16 {
        match self.events.as_slice() {
            [event] => *event,
            events => {
                let cell = hash(self.seed, Purpose::Mix, id.cell());
                events[self
                    .choice
                    .of(hash(cell, Purpose::Mix, u64::from(id.ordinal)))]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Arrivals;
    use crate::schedule::fixtures::scenario;

    #[test]
    fn a_flow_keeps_its_mix() {
        let mut scenario = scenario(Arrivals::Poisson, 1.0);
        scenario.flows[0].mix = vec![(0, 0.75), (1, 0.25)];
        let mix = Mix::new(&scenario, 0);
        let id = |ordinal: u32| Identity {
            flow: 0,
            shard: (ordinal % 256) as u16,
            bin: ordinal / 1000,
            ordinal: ordinal % 7,
        };
        let first = (0..10_000).filter(|&n| mix.event(id(n)) == 0).count();
        // Binomial: 7500 ± 43; 5 sd.
        assert!(first.abs_diff(7500) < 217, "{first}");
    }
}
