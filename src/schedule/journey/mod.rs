//! Journeys in the schedule: every arrival of such a flow starts one, and its steps are due when their lags have passed.
//!
//! ```text
//!  starts ──▶ walk ──▶ calendar ──▶ the events of a bin
//!               ▲ chain (law)            ▲
//!  chain ──▶ lags ──▶ convolve (curves)  │
//!               └──▶ owed ───────────────┘
//! ```
//!
//! A journey is a pure function of the seed and of where it starts (flow, shard, bin, ordinal): its id is made of that, and each visit of a
//! state draws from a stream of (id, number of the visit). So the steps are the same for whoever walks the shard.

mod calendar;
mod chain;
mod convolve;
mod lags;
pub(super) mod law;
mod owed;
mod past;
mod pending;
mod session;
#[cfg(test)]
mod tests;
mod walk;

use super::arrivals::Campaigns;
use super::compose::{Composer, clock_s, factor};
use super::curve::Curve;
use super::extended::Extended;
use crate::scenario::{Fixes, FlowJourney, Scenario};
use chain::Chain;
use convolve::Convolved;
use lags::Lags;
use law::Clockwork;
use owed::Debts;
use past::Past;
use session::Sessions;
pub(super) use walk::Walk;

/// The journeys of a flow before it is known how its starts are spaced.
pub(super) struct Course<'a> {
    scenario: &'a Scenario,
    flow: usize,
    clockwork: Clockwork,
    composer: Composer<'a>,
    chain: Chain,
    lags: Lags,
    scale: f64,
}

impl<'a> Course<'a> {
    /// The journeys that flow number `flow` starts; `None` if it starts none, or nothing of it has a due instant.
    pub fn of(scenario: &'a Scenario, flow: usize) -> Option<Course<'a>> {
        let wanted = &scenario.flows[flow];
        let starting = wanted.journey.as_ref()?;
        if !wanted.arrivals.has_due() {
            return None;
        }
        let time = &scenario.time;
        let clockwork = Clockwork {
            compress: time.compress,
            start_s: clock_s(time) + time.play.0.as_secs_f64(),
        };
        let chain = Chain::new(scenario, starting, clockwork);
        let mut course = Course {
            lags: Lags::of(&chain, &starting.visits),
            composer: Composer::new(scenario, flow),
            scenario,
            flow,
            clockwork,
            chain,
            scale: 0.0,
        };
        course.scale = course.scale(starting);
        Some(course)
    }

    /// The rate of starts over the run, as height and shapes have it.
    pub fn curve(&self) -> Curve {
        self.composer.played(self.scale)
    }

    /// [`Course::curve`] with `back` real seconds of what went before the run.
    pub fn with_past(&self, back: f64) -> Extended {
        self.composer.played_with_past(self.scale, back, back)
    }

    /// What the factors of the ordinary day are multiplied by for starts, so that the flow, or those of its events that are meant, have
    /// the height.
    fn scale(&self, starting: &FlowJourney) -> f64 {
        let Some(height) = &self.scenario.flows[self.flow].height else {
            return 0.0;
        };
        if height.of.is_empty() {
            return self.composer.scale();
        }
        if height.fixes != Fixes::Peak {
            let visits = starting.visits.iter();
            let meant = visits.filter(|(event, _)| height.of.contains(event));
            return factor(self.composer.scale(), meant.map(|(_, visits)| visits).sum());
        }
        let time = &self.scenario.time;
        let ordinary = self.composer.ordinary_with_past(self.lags.longest());
        let mut convolved = Convolved::none(time.span.as_secs_f64() / time.compress);
        let meant = |event: u16| height.of.contains(&usize::from(event));
        let cells = self.lags.cells.iter().filter(|cell| meant(cell.event));
        convolved.add(cells, &ordinary, clock_s(time) / time.compress);
        let peak = convolved.curve(&self.composer.ordinary()).peak();
        factor(height.value, peak)
    }

    /// The journeys, started at the rate `run` over the run, by these batches if any. `sent`: how often each event is sent on average.
    pub fn journeys(
        self,
        run: &Curve,
        campaigns: Option<&Campaigns>,
        sent: impl Fn(u16) -> f64,
    ) -> Journeys {
        let (scenario, flow) = (self.scenario, self.flow);
        let time = &scenario.time;
        let history = time.history.as_secs_f64();
        let back = self.lags.longest().max(history);
        let mut journeys = Journeys {
            past: Past::new(
                &self.composer,
                (scenario, flow),
                self.scale,
                (run, campaigns),
                (back, history),
            ),
            sessions: Sessions::new(scenario, flow),
            curves: Vec::new(),
            all: run.clone(),
            chain: self.chain,
            lags: self.lags,
            seed: scenario.seed,
            flow: flow as u16,
            shards: scenario.shards,
            run_ns: time.run_ns(),
            history_ns: i64::try_from(time.history.as_nanos()).unwrap_or(i64::MAX),
            midnight: self.clockwork.start_s / time.compress,
        };
        journeys.convolve(run, sent);
        journeys
    }
}

/// What is the same for all who walk the journeys of a flow.
#[derive(Debug)]
pub(super) struct Journeys {
    chain: Chain,
    lags: Lags,
    sessions: Sessions,
    past: Past,
    /// By event that a journey sends, ascending.
    curves: Vec<(u16, Curve)>,
    all: Curve,
    seed: u64,
    flow: u16,
    shards: u32,
    run_ns: u64,
    history_ns: i64,
    /// Real seconds from some midnight of the simulated clock to the start of the run.
    midnight: f64,
}

impl Journeys {
    /// Fills in the curves.
    fn convolve(&mut self, run: &Curve, sent: impl Fn(u16) -> f64) {
        let end = self.run_ns as f64 / 1e9;
        let mut all = Convolved::none(end);
        for event in self.lags.events() {
            let mut one = Convolved::none(end);
            let cells = self.lags.cells.iter().filter(|cell| cell.event == event);
            one.add(cells, &self.past.starts, self.midnight);
            one.scale(sent(event));
            all.join(&one);
            self.curves.push((event, one.curve(run)));
        }
        self.all = all.curve(run);
    }

    /// The rate of all events over the run.
    pub fn curve(&self) -> &Curve {
        &self.all
    }

    /// The rate of one event over the run; `None` if no journey sends it.
    pub fn event_curve(&self, event: u16) -> Option<&Curve> {
        let found = self
            .curves
            .binary_search_by_key(&event, |(event, _)| *event);
        found.ok().map(|index| &self.curves[index].1)
    }

    fn debts(&self) -> Debts<'_> {
        Debts {
            lags: &self.lags,
            past: &self.past,
            sessions: &self.sessions,
            seed: self.seed,
            flow: self.flow,
            shards: self.shards,
            run_ns: self.run_ns,
            history: self.history_ns as f64 / 1e9,
            midnight: self.midnight,
        }
    }
}
