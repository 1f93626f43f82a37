//! How many events a journey has: the distribution, as far as it takes to say how often a journey is longer than it may be.
//!
//! Counts are followed exactly up to [`LEVELS`] events. A journey that may have more is followed in units of several events: one
//! event then is a unit with the right probability, which keeps means and adds spread that is small beside that of a journey of
//! thousands of events. A number of repetitions above [`SINGLE`] counts as its mean number of events.

use super::chain::kinds;
use super::{Journey, Times};

/// The most counts that are told apart.
const LEVELS: usize = 2048;

/// Repetitions beyond this are not added one by one.
const SINGLE: usize = 1000;

/// Probabilities below this are nothing.
const NOTHING: f64 = 1e-16;

/// Follow-ups of follow-ups are followed for so many generations; what is left then is less than a loop that must end allows.
const GENERATIONS: usize = 200;

/// Probabilities of 0, 1, 2, ... units. What is missing to 1 lies above the highest level.
type Counts = Vec<f64>;

/// The share of journeys begun at `start` that would have more than [`Journey::at_most`] events. It must not be endless.
pub(super) fn share_above(journey: &Journey, start: usize) -> f64 {
    let most = journey.at_most as usize;
    let top = most.min(LEVELS);
    let ruler = Ruler {
        top,
        unit: most as f64 / top as f64,
    };
    let counts = ruler.of_states(journey);
    (1.0 - ended(journey, start, &counts, top)).max(0.0)
}

/// The probability that a journey ends with at most `top` units.
fn ended(journey: &Journey, start: usize, counts: &[Counts], top: usize) -> f64 {
    let size = journey.states.len();
    let still = still(journey, counts);
    // By level: how likely the journey comes out of a state, or begins, with so many units.
    let mut entering = vec![vec![0.0; size]; top + 1];
    entering[0][start] = 1.0;
    let mut ended = 0.0;
    for level in 0..=top {
        let fresh = std::mem::take(&mut entering[level]);
        for (state, spec) in journey.states.iter().enumerate() {
            let entered: f64 = fresh
                .iter()
                .zip(&still)
                .map(|(f, row)| f * row[state])
                .sum();
            if entered < NOTHING {
                continue;
            }
            for (units, p) in counts[state].iter().enumerate().take(top - level + 1) {
                let mass = entered * p;
                ended += mass * spec.ends();
                // Those without a unit are in `still`.
                if units > 0 && mass > NOTHING {
                    for way in &spec.next {
                        entering[level + units][way.to] += mass * way.p;
                    }
                }
            }
        }
    }
    ended
}

/// How often each state is entered from each without a unit being added: the inverse of I − Q over those visits, by the doubling
/// of its series, (I + Q)(I + Q²)(I + Q⁴)...
fn still(journey: &Journey, counts: &[Counts]) -> Vec<Vec<f64>> {
    let size = journey.states.len();
    let mut power = vec![vec![0.0; size]; size];
    for (from, state) in journey.states.iter().enumerate() {
        for way in &state.next {
            power[from][way.to] += way.p * counts[from].first().copied().unwrap_or(0.0);
        }
    }
    let mut sum: Vec<Vec<f64>> = (0..size)
        .map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    while power.iter().flatten().any(|p| *p > NOTHING) {
        let more = product(&sum, &power);
        for (row, more) in sum.iter_mut().zip(more) {
            row.iter_mut().zip(more).for_each(|(x, m)| *x += m);
        }
        power = product(&power, &power);
    }
    sum
}

fn product(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut product = vec![vec![0.0; b.len()]; a.len()];
    for (row, into) in a.iter().zip(&mut product) {
        for (factor, other) in row.iter().zip(b).filter(|(f, _)| **f > 0.0) {
            into.iter_mut()
                .zip(other)
                .for_each(|(x, o)| *x += factor * o);
        }
    }
    product
}

/// The scale that events are counted on.
#[derive(Clone, Copy)]
struct Ruler {
    /// The highest level, in units.
    top: usize,
    /// Events in a unit; at least 1.
    unit: f64,
}

impl Ruler {
    /// The events that one stay in each state comes to, follow-ups included.
    fn of_states(&self, journey: &Journey) -> Vec<Counts> {
        let kinds = kinds(journey);
        let events = self.of_events(journey, &kinds);
        let of = |event: &usize| kinds.binary_search(event).ok().map(|kind| &events[kind]);
        let stay = |state: &super::State| {
            let visit = self.all(state.emits.iter().filter_map(of));
            self.repeated(&state.times, &visit)
        };
        journey.states.iter().map(stay).collect()
    }

    /// What one event of each kind comes to: itself and all that follows.
    fn of_events(&self, journey: &Journey, kinds: &[usize]) -> Vec<Counts> {
        let one = match self.unit {
            1.0 => vec![0.0, 1.0],
            unit => vec![1.0 - 1.0 / unit, 1.0 / unit],
        };
        let mut events = vec![one.clone(); kinds.len()];
        for _ in 0..GENERATIONS {
            let mut next = vec![one.clone(); kinds.len()];
            for follow in &journey.follows {
                let of = |event: &usize| kinds.binary_search(event).ok().map(|kind| &events[kind]);
                let Ok(on) = kinds.binary_search(&follow.on) else {
                    continue;
                };
                let caused = self.all(follow.emits.iter().filter_map(of));
                let mut caused = self.repeated(&follow.times, &caused);
                caused.iter_mut().for_each(|p| *p *= follow.p);
                caused[0] += 1.0 - follow.p;
                next[on] = self.both(&next[on], &caused);
            }
            let same = |a: &Counts, b: &Counts| {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < NOTHING)
            };
            let settled = next.iter().zip(&events).all(|(a, b)| same(a, b));
            events = next;
            if settled {
                break;
            }
        }
        events
    }

    /// The sum of two numbers.
    fn both(&self, a: &Counts, b: &Counts) -> Counts {
        let mut sum = vec![0.0; (a.len() + b.len() - 1).min(self.top + 1)];
        for (i, p) in a.iter().enumerate().filter(|(_, p)| **p > NOTHING) {
            let into = sum.iter_mut().skip(i);
            into.zip(b).for_each(|(x, q)| *x += p * q);
        }
        while sum.len() > 1 && sum[sum.len() - 1] <= NOTHING {
            sum.pop();
        }
        sum
    }

    /// The sum of several numbers; 0 for none.
    fn all<'a>(&self, parts: impl Iterator<Item = &'a Counts>) -> Counts {
        parts.fold(vec![1.0], |sum, part| self.both(&sum, part))
    }

    /// The sum of as many numbers of one law as `times` says.
    fn repeated(&self, times: &Times, one: &Counts) -> Counts {
        if *times == Times::Fixed(1.0) || (one.len() == 1 && one[0] > 1.0 - NOTHING) {
            return one.clone();
        }
        let mut sum = vec![0.0; self.top + 1];
        let mut power = vec![1.0];
        // Above n - 1 and not above n; all are above 0.
        let mut above = 1.0;
        for n in 1..=SINGLE {
            power = self.both(&power, one);
            let rest = times.above(n as f64);
            sum.iter_mut()
                .zip(&power)
                .for_each(|(x, p)| *x += (above - rest) * p);
            above = rest;
            // A sum that is surely above the highest level stays there.
            if above <= NOTHING || power.iter().sum::<f64>() <= NOTHING {
                return sum;
            }
        }
        let known: f64 = one.iter().sum();
        let units = |(n, p): (usize, &f64)| n as f64 * p;
        let mean = one.iter().enumerate().map(units).sum::<f64>()
            + (1.0 - known).max(0.0) * (self.top + 1) as f64;
        for (level, into) in sum.iter_mut().enumerate() {
            // As many repetitions as come to at most this level, half a unit more being rounded down to it.
            let n = ((level as f64 + 0.5) / mean).floor();
            if n > SINGLE as f64 {
                let rest = times.above(n);
                *into += (above - rest).max(0.0);
                above = rest;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::{follow, journey, state};
    use super::*;

    /// A state that is left with 1 - p, and its one event.
    fn round(p: f64, at_most: u32) -> Journey {
        let mut round = journey(vec![state(&[0], &[(0, p)])], Vec::new());
        round.at_most = at_most;
        round
    }

    #[track_caller]
    fn near(found: f64, expected: f64, within: f64) {
        let off = (found / expected - 1.0).abs();
        assert!(off < within, "{found} {expected} {off}");
    }

    #[test]
    fn a_round_is_geometric() {
        near(share_above(&round(0.9, 50), 0), 0.9_f64.powi(50), 1e-9);
        let sevens = |at_most| {
            let mut sevens = round(0.9, at_most);
            sevens.states[0].times = Times::Fixed(7.0);
            share_above(&sevens, 0)
        };
        // More than 49 events are more than seven rounds; so are more than 55.
        near(sevens(49), 0.9_f64.powi(7), 1e-9);
        near(sevens(55), 0.9_f64.powi(7), 1e-9);
        near(sevens(56), 0.9_f64.powi(8), 1e-9);
    }

    #[test]
    fn silent_states_count_for_nothing() {
        let states = vec![state(&[], &[(0, 0.5), (1, 0.4)]), state(&[0], &[(0, 0.75)])];
        let mut journey = journey(states, Vec::new());
        journey.at_most = 10;
        // The silent state leads on with 0.8 in the end; each event is followed by another with 0.75 · 0.8.
        near(share_above(&journey, 0), 0.8 * 0.6_f64.powi(10), 1e-9);
        near(share_above(&journey, 1), 0.6_f64.powi(10), 1e-9);
    }

    #[test]
    fn follow_ups_count() {
        // One event, and four of another with 0.25: five or one.
        let mut five = journey(
            vec![state(&[0], &[])],
            vec![follow(0, &[1], 0.25, Times::Fixed(4.0))],
        );
        five.at_most = 4;
        near(share_above(&five, 0), 0.25, 1e-12);
        five.at_most = 5;
        assert!(share_above(&five, 0) < 1e-12);
        // Each event is followed by another of its kind with 0.4.
        let mut again = journey(
            vec![state(&[0], &[])],
            vec![follow(0, &[0], 0.4, Times::Fixed(1.0))],
        );
        again.at_most = 8;
        near(share_above(&again, 0), 0.4_f64.powi(8), 1e-6);
    }

    #[test]
    fn long_journeys_are_near_their_law() {
        // In units of ten events, a geometric law keeps its mean and nearly its tail.
        let p: f64 = 0.9997;
        near(share_above(&round(p, 20_480), 0), p.powi(20_480), 0.01);
        // A number of repetitions is the number of events.
        let repeated = |times: Times, at_most: u32| {
            let mut once = round(0.0, at_most);
            once.states[0].next.clear();
            once.states[0].times = times;
            share_above(&once, 0)
        };
        let mean = 100_000.0;
        let law = Times::Exponential { mean };
        near(repeated(law, 700_000), (-7.0_f64).exp(), 0.02);
        assert!(repeated(Times::Fixed(40_000.0), 50_000) < 1e-9);
        near(repeated(Times::Fixed(60_000.0), 50_000), 1.0, 1e-9);
        let law = Times::LogNormal {
            median: 100.0,
            sigma: 1.0,
            max: None,
        };
        near(repeated(law, 1000), law.above(1000.0), 1e-6);
    }

    #[test]
    fn another_chain_is_cut_off_more_often() {
        assert!(share_above(&round(0.91, 100), 0) > 2.0 * share_above(&round(0.9, 100), 0));
    }
}
