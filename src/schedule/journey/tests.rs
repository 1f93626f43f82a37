//! Journeys as they come out of a flow's schedule, against closed forms.

mod batches;
mod chains;
mod curves;
mod pins;
mod whole;

use std::collections::HashMap;
use std::time::Duration;

use crate::scenario::{
    Arrivals, Defects, Event, Fixes, FlowJourney, Follow, Height, Journey, Key, Lag, Length, Next,
    Scenario, Shape, StampPlace, State, Times, Value,
};
use crate::schedule::fixtures::{With, scenario};
use crate::schedule::{Arrival, Bin, FlowSchedule, Origin, Shards, Step};

/// The events of the shopper.
pub const VIEW: usize = 0;
pub const CART: usize = 1;
pub const ORDER: usize = 2;
pub const PAYMENT: usize = 3;
/// How many of each one journey has: v = 1 + 0.86 v + 0.5 c, c = 0.087 v, o = 0.3 c, p = 0.97 o.
pub const VISITS: [f64; 4] = [10.362_694, 0.901_554, 0.270_466, 0.262_352];

pub fn seconds(seconds: f64) -> Length {
    Length {
        seconds,
        real: false,
    }
}

pub fn fixed(s: f64) -> Lag {
    Lag::Fixed(seconds(s))
}

pub fn exponential(s: f64) -> Lag {
    Lag::Exponential { mean: seconds(s) }
}

pub fn log_normal(median: f64, sigma: f64, max: Option<f64>) -> Lag {
    Lag::LogNormal {
        median: seconds(median),
        sigma,
        max: max.map(seconds),
    }
}

pub fn next(to: usize, p: f64) -> Next {
    Next { to, p, after: None }
}

pub fn state(emits: &[usize], ways: &[Next], after: Lag) -> State {
    State {
        emits: emits.to_vec(),
        next: ways.to_vec(),
        after,
        ..State::default()
    }
}

pub fn follow(on: usize, emits: &[usize], p: f64, after: Lag) -> Follow {
    Follow {
        on,
        emits: emits.to_vec(),
        p,
        times: Times::default(),
        after,
    }
}

/// Views, carts, perhaps an order and its payment.
pub fn shopper() -> Journey {
    let order = Next {
        after: Some(fixed(120.0)),
        ..next(2, 0.3)
    };
    Journey {
        name: "shopper".into(),
        start: 0,
        keeps: Vec::new(),
        at_most: 500,
        states: vec![
            state(
                &[VIEW],
                &[next(0, 0.86), next(1, 0.087)],
                log_normal(22.0, 1.2, Some(1800.0)),
            ),
            state(&[CART], &[next(0, 0.5), order], exponential(40.0)),
            state(&[ORDER], &[], Lag::default()),
        ],
        follows: vec![follow(
            ORDER,
            &[PAYMENT],
            0.97,
            log_normal(1.2, 0.6, Some(30.0)),
        )],
    }
}

pub fn event(name: usize) -> Event {
    Event {
        name: format!("event-{name}"),
        topic: 0,
        key: Key::default(),
        value: Value::Bytes {
            size: 100,
            compressible: 1.0,
        },
        headers: Vec::new(),
        stamp: StampPlace::Payload,
        defects: Defects::default(),
    }
}

/// A flow that starts this journey at `rate` a second for `span` seconds. `visits`: how many of event 0, 1, ... one has.
pub fn of(journey: Journey, visits: &[f64], rate: f64, span: f64) -> Scenario {
    let mut scenario = scenario(Arrivals::Poisson, rate).spanning(span);
    scenario.events = (0..visits.len()).map(event).collect();
    let total: f64 = visits.iter().sum();
    let visits: Vec<(usize, f64)> = visits.iter().copied().enumerate().collect();
    let flow = &mut scenario.flows[0];
    flow.mix = visits.iter().map(|&(e, v)| (e, v / total)).collect();
    flow.journey = Some(FlowJourney {
        journey: 0,
        start: journey.start,
        visits,
    });
    scenario.journeys = vec![journey];
    scenario
}

/// Shoppers, `rate` a second.
pub fn shoppers(rate: f64, span: f64) -> Scenario {
    of(shopper(), &VISITS, rate, span)
}

/// With `history` real seconds of history.
pub fn replaying(mut scenario: Scenario, history: f64) -> Scenario {
    scenario.time.history = Duration::from_secs_f64(history);
    scenario
}

/// Arrivals from the start for `seconds`, and none before or after.
pub fn only_for(seconds: f64) -> Vec<Shape> {
    vec![Shape::Flash {
        at: 0.0,
        height: 1.0,
        base: 0.0,
        attack: 0.0,
        hold: seconds,
        decay: 0.0,
    }]
}

/// The events of some shards, with their steps.
pub fn events(schedule: &FlowSchedule, shards: Shards) -> Vec<(Arrival, Step)> {
    let mut cells = schedule.cells(shards);
    let (mut out, mut all) = (Bin::default(), Vec::new());
    for bin in 0..schedule.bins() {
        cells.bin(bin, &mut out);
        all.extend(steps(&out));
    }
    all
}

/// The events of a bin, with their steps.
pub fn steps(bin: &Bin) -> impl Iterator<Item = (Arrival, Step)> + '_ {
    assert_eq!(bin.arrivals.len(), bin.origins.len());
    let both = bin.arrivals.iter().zip(&bin.origins);
    both.map(|(&arrival, &origin)| match origin {
        Origin::Step(step) => (arrival, step),
        other => panic!("{other:?} is no step"),
    })
}

/// All events of a scenario's flow.
pub fn all(scenario: &Scenario) -> Vec<(Arrival, Step)> {
    let schedule = FlowSchedule::compile(scenario, 0);
    events(&schedule, Shards::all(scenario.shards))
}

/// The events of each journey, in order of visits.
pub fn journeys(events: &[(Arrival, Step)]) -> Vec<Vec<(Arrival, Step)>> {
    let mut by_session: HashMap<u64, Vec<(Arrival, Step)>> = HashMap::new();
    for &(arrival, step) in events {
        by_session
            .entry(step.session)
            .or_default()
            .push((arrival, step));
    }
    let mut journeys: Vec<_> = by_session.into_values().collect();
    for journey in &mut journeys {
        journey.sort_by_key(|(_, step)| (step.visit.serial, step.nth));
    }
    journeys.sort_by_key(|journey| journey[0].1.session);
    journeys
}

/// The mean and its standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// A height that is that of some events.
pub fn height(fixes: Fixes, value: f64, of: &[usize]) -> Option<Height> {
    Some(Height {
        fixes,
        value,
        of: of.to_vec(),
    })
}
