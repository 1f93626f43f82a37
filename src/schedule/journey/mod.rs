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
mod law;
mod owed;
mod pending;
mod session;
#[cfg(test)]
mod tests;
mod walk;

use super::compose::{Composer, clock_s, factor};
use super::curve::Curve;
use super::extended::Extended;
use crate::scenario::{Fixes, FlowJourney, Scenario};
use chain::Chain;
use convolve::Convolved;
use lags::Lags;
use law::Clockwork;
use owed::Debts;
use session::Sessions;
pub(super) use walk::Walk;

/// What is the same for all who walk the journeys of a flow.
#[derive(Debug)]
pub(super) struct Journeys {
    chain: Chain,
    lags: Lags,
    sessions: Sessions,
    /// The rate of starts, from long before the run.
    starts: Extended,
    /// The rate of starts in the run.
    run: Curve,
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
    /// Compiles the journeys that flow number `flow` starts, if it does.
    pub fn compile(scenario: &Scenario, flow: usize) -> Option<Journeys> {
        let starting = scenario.flows[flow].journey.as_ref()?;
        let time = &scenario.time;
        let clockwork = Clockwork {
            compress: time.compress,
            start_s: clock_s(time) + time.play.0.as_secs_f64(),
        };
        let chain = Chain::new(scenario, starting, clockwork);
        let lags = Lags::of(&chain, &starting.visits);
        let composer = Composer::new(scenario, flow);
        let scale = scale(scenario, flow, starting, &composer, &lags);
        let history = time.history.as_secs_f64();
        let run = composer.played(scale);
        let starts = composer.played_with_past(scale, lags.longest().max(history), history);
        let run_ns = time.run_ns();
        let mut journeys = Journeys {
            sessions: Sessions::new(scenario, flow),
            curves: Vec::new(),
            all: run.clone(),
            chain,
            lags,
            starts,
            run,
            seed: scenario.seed,
            flow: flow as u16,
            shards: scenario.shards,
            run_ns,
            history_ns: i64::try_from(time.history.as_nanos()).unwrap_or(i64::MAX),
            midnight: clockwork.start_s / time.compress,
        };
        journeys.convolve();
        Some(journeys)
    }

    /// Fills in the curves.
    fn convolve(&mut self) {
        let end = self.run_ns as f64 / 1e9;
        let mut all = Convolved::none(end);
        for event in self.lags.events() {
            let mut one = Convolved::none(end);
            let cells = self.lags.cells.iter().filter(|cell| cell.event == event);
            one.add(cells, &self.starts, self.midnight);
            all.join(&one);
            self.curves.push((event, one.curve(&self.run)));
        }
        self.all = all.curve(&self.run);
    }

    /// The rate of starts over the run.
    pub fn starts(&self) -> &Curve {
        &self.run
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
            starts: &self.starts,
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

/// What the factors of the ordinary day are multiplied by for starts, so that the flow, or those of its events that are meant, have the height.
fn scale(
    scenario: &Scenario,
    flow: usize,
    starting: &FlowJourney,
    composer: &Composer<'_>,
    lags: &Lags,
) -> f64 {
    let Some(height) = &scenario.flows[flow].height else {
        return 0.0;
    };
    if height.of.is_empty() {
        return composer.scale();
    }
    if height.fixes != Fixes::Peak {
        let visits = starting.visits.iter();
        let meant = visits.filter(|(event, _)| height.of.contains(event));
        return factor(composer.scale(), meant.map(|(_, visits)| visits).sum());
    }
    let compress = scenario.time.compress;
    let meant = |event: u16| height.of.contains(&usize::from(event));
    let ordinary = composer.ordinary_with_past(lags.longest());
    let mut convolved = Convolved::none(scenario.time.span.as_secs_f64() / compress);
    let cells = lags.cells.iter().filter(|cell| meant(cell.event));
    convolved.add(cells, &ordinary, clock_s(&scenario.time) / compress);
    let peak = convolved.curve(&composer.ordinary()).peak();
    factor(height.value, peak)
}
