//! A journey compiled: what one visit of a state sends, what follows from that, and where the journey goes next.
//!
//! Everything a visit causes is drawn at once, from one stream: its events, all their follow-ups (and the follow-ups of those),
//! and the way on. So nothing of a journey need be remembered but its next visit and the events that are still to come.

use rand::Rng;

use super::law::{Chance, Clockwork, Law, Moment};
use crate::rng::Stream;
use crate::scenario::{FlowJourney, Follow, Scenario, State, Times};
use crate::schedule::{HELD, times};

/// A journey's states and follow-ups, ready to be walked.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub start: u16,
    at_most: u32,
    states: Vec<Stay>,
    /// By event of the scenario.
    follows: Vec<Vec<Consequence>>,
}

/// A state, compiled.
#[derive(Clone, Debug)]
struct Stay {
    emits: Vec<u16>,
    times: Times,
    ways: Vec<Way>,
    after: Law,
    /// By place in the list of pools that some state keeps on: whether this one does.
    keeps: [bool; HELD],
}

/// A way out of a state, compiled. Its chance includes those of the ways before it.
#[derive(Clone, Debug)]
struct Way {
    chance: Chance,
    to: u16,
    after: Law,
}

/// A follow-up, compiled.
#[derive(Clone, Debug)]
struct Consequence {
    emits: Vec<u16>,
    chance: Chance,
    times: Times,
    after: Law,
}

/// A visit of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit<M> {
    pub at: M,
    pub state: u16,
    /// Its number in the journey, from 0.
    pub serial: u32,
    /// How often the state is still visited in a row, this visit included; 0 when it has just been entered.
    pub left: u32,
    /// Events of the journey before this visit.
    pub sent: u32,
}

impl Chain {
    pub fn new(scenario: &Scenario, flow: &FlowJourney, clockwork: Clockwork) -> Chain {
        let journey = &scenario.journeys[flow.journey];
        let held = journey.held();
        let mut follows = vec![Vec::new(); scenario.events.len()];
        for follow in &journey.follows {
            if follow.on >= follows.len() {
                follows.resize(follow.on + 1, Vec::new());
            }
            follows[follow.on].push(consequence(follow, clockwork));
        }
        Chain {
            start: flow.start as u16,
            at_most: journey.at_most,
            states: journey
                .states
                .iter()
                .map(|state| stay(state, &held, clockwork))
                .collect(),
            follows,
        }
    }

    /// The first visit of a journey that begins then.
    pub fn first<M: Moment>(&self, at: M) -> Visit<M> {
        Visit {
            at,
            state: self.start,
            serial: 0,
            left: 0,
            sent: 0,
        }
    }

    /// Whether a state keeps the last draw of a pool, by place in the list of those that some state keeps on.
    #[inline]
    pub fn keeps(&self, state: u16) -> &[bool; HELD] {
        &self.states[usize::from(state)].keeps
    }

    /// Draws all that `visit` causes, and makes it the next one; false if the journey ends. `send` is told of each event: when,
    /// which, and its number among those of the visit; it answers whether later ones matter. `queue` is scratch space.
    #[inline]
    pub fn visit<M: Moment>(
        &self,
        rng: &mut Stream,
        visit: &mut Visit<M>,
        queue: &mut Vec<(M, u16)>,
        mut send: impl FnMut(M, u16, u16) -> bool,
    ) -> bool {
        let stay = &self.states[usize::from(visit.state)];
        let mut budget = self.at_most.saturating_sub(visit.sent);
        let before = budget;
        let mut nth = 0u16;
        queue.clear();
        let mut emit = |at: M, events: &[u16], queue: &mut Vec<(M, u16)>| {
            for &event in events {
                if budget == 0 {
                    return false;
                }
                budget -= 1;
                let matters = send(at, event, nth);
                nth = nth.wrapping_add(1);
                if !matters {
                    return false;
                }
                if !self.follows[usize::from(event)].is_empty() {
                    queue.push((at, event));
                }
            }
            true
        };
        emit(visit.at, &stay.emits, queue);
        let mut done = 0;
        while let Some(&(at, event)) = queue.get(done) {
            done += 1;
            for follow in &self.follows[usize::from(event)] {
                if !follow.chance.falls(rng) {
                    continue;
                }
                let mut at = at;
                for _ in 0..times::draw(&follow.times, rng) as u32 {
                    at = at.later(&follow.after, rng);
                    if !emit(at, &follow.emits, queue) {
                        break;
                    }
                }
            }
        }
        visit.sent += before - budget;
        budget > 0 && stay.leave(rng, visit)
    }
}

impl Stay {
    /// Makes `visit` the one after it; false if there is none.
    #[inline]
    fn leave<M: Moment>(&self, rng: &mut Stream, visit: &mut Visit<M>) -> bool {
        let left = match visit.left {
            0 => times::draw(&self.times, rng) as u32,
            left => left,
        };
        let after = if left > 1 {
            visit.left = left - 1;
            &self.after
        } else {
            let random = rng.next_u64();
            let Some(way) = self.ways.iter().find(|way| way.chance.covers(random)) else {
                return false;
            };
            visit.left = 0;
            visit.state = way.to;
            &way.after
        };
        visit.at = visit.at.later(after, rng);
        visit.serial += 1;
        true
    }
}

fn stay(state: &State, held: &[usize], clockwork: Clockwork) -> Stay {
    let mut keeps = [false; HELD];
    for (keeps, pool) in keeps.iter_mut().zip(held) {
        *keeps = state.keep_on.contains(pool);
    }
    let mut sum = 0.0;
    let ways = state.next.iter().map(|next| {
        sum += next.p;
        Way {
            chance: Chance::new(sum),
            to: next.to as u16,
            after: Law::new(next.after.as_ref().unwrap_or(&state.after), clockwork),
        }
    });
    Stay {
        emits: state.emits.iter().map(|&event| event as u16).collect(),
        times: state.times,
        ways: ways.collect(),
        after: Law::new(&state.after, clockwork),
        keeps,
    }
}

fn consequence(follow: &Follow, clockwork: Clockwork) -> Consequence {
    Consequence {
        emits: follow.emits.iter().map(|&event| event as u16).collect(),
        chance: Chance::new(follow.p),
        times: follow.times,
        after: Law::new(&follow.after, clockwork),
    }
}
