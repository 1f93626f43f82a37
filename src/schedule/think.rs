//! Think times of closed users: how long one waits from an answer to the next event.

use super::draw;
use super::journey::law::{At, Clockwork, Law, Moment};
use crate::rng::{Purpose, Stream, stream};
use crate::scenario::{Arrivals, Scenario};

/// Think times are real: a simulated clock at the pace of the real one.
const REAL: Clockwork = Clockwork {
    compress: 1.0,
    start_s: 0.0,
};

/// The users of a flow whom one producer serves, and how they think. All users are alike, so nobody keeps count of who is who.
#[derive(Clone, Debug)]
pub struct Users {
    count: u64,
    think: Law,
    rng: Stream,
}

impl Users {
    /// The users of producer `index` of flow number `flow`: user `u` is served by producer `u` modulo their number. `None`: the flow
    /// has no closed users.
    pub fn new(scenario: &Scenario, flow: usize, index: u32) -> Option<Users> {
        let of = &scenario.flows[flow];
        let Arrivals::Closed { users, think } = &of.arrivals else {
            return None;
        };
        let (producers, index) = (u64::from(of.producers), u64::from(index));
        Some(Users {
            count: users.saturating_sub(index).div_ceil(producers),
            think: Law::new(think, REAL),
            rng: stream(scenario.seed, Purpose::Think, flow as u64, index),
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// When each of them sends first, in real nanoseconds since the start of the load: each is somewhere in a think time of its own, or
    /// all would come at once.
    pub fn first_ns(&mut self) -> Vec<u64> {
        let count = self.count;
        let first = |_| {
            let whole_ns = self.think_ns() as f64;
            (draw::unit(&mut self.rng) * whole_ns) as u64
        };
        (0..count).map(first).collect()
    }

    /// How long the next one thinks, in real nanoseconds.
    #[inline]
    pub fn think_ns(&mut self) -> u64 {
        let At(ns) = At(0).later(&self.think, &mut self.rng);
        ns.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Lag, Length};
    use crate::schedule::fixtures::scenario;

    fn seconds(seconds: f64) -> Length {
        Length {
            seconds,
            real: false,
        }
    }

    #[test]
    fn every_user_has_one_producer_and_starts_within_a_think_time() {
        let think = Lag::Fixed(seconds(2.0));
        let mut scenario = scenario(Arrivals::Closed { users: 100, think }, 1.0);
        for producers in [1, 2, 3, 7] {
            scenario.flows[0].producers = producers;
            let mut firsts = Vec::new();
            for index in 0..producers {
                let mut users = Users::new(&scenario, 0, index).unwrap();
                firsts.extend(users.first_ns());
            }
            assert_eq!(firsts.len(), 100);
            assert!(firsts.iter().all(|first| *first < 2_000_000_000));
            let mean = firsts.iter().sum::<u64>() / 100;
            // Uniform over 2 s: sd 0.577 s, of the mean of 100 0.0577; 4 sd.
            assert!(mean.abs_diff(1_000_000_000) < 231_000_000, "{mean}");
        }
        scenario.flows[0].arrivals = Arrivals::Poisson;
        assert!(Users::new(&scenario, 0, 0).is_none());
    }

    #[test]
    fn think_times_have_their_mean() {
        let think = Lag::Exponential {
            mean: seconds(0.25),
        };
        let scenario = scenario(Arrivals::Closed { users: 1, think }, 1.0);
        let mut users = Users::new(&scenario, 0, 0).unwrap();
        let mean = (0..10_000).map(|_| users.think_ns()).sum::<u64>() / 10_000;
        // Exponential: sd 0.25 s, of the mean of 10,000 2.5 ms; 4 sd.
        assert!(mean.abs_diff(250_000_000) < 10_000_000, "{mean}");
    }
}
