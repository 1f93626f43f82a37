//! Scenarios of one flow of journeys: what benches and tests of the schedule share.

use std::time::Duration;

use highwater::scenario::{
    Fixes, FlowJourney, Follow, Height, Journey, Lag, Length, Next, Scenario, State, Times, Value,
};

use super::shop::{event, shop};

pub fn seconds(seconds: f64) -> Length {
    Length {
        seconds,
        real: false,
    }
}

fn state(emits: usize, ways: &[(usize, f64)], after: Lag) -> State {
    let way = |&(to, p): &(usize, f64)| Next { to, p, after: None };
    State {
        emits: vec![emits],
        next: ways.iter().map(way).collect(),
        after,
        ..State::default()
    }
}

/// Journeys, so many of which start a second for `span` seconds; `visits`: how many of event 0, 1, ... one has.
fn flow(journey: Journey, visits: &[f64], starts_per_s: f64, span: f64) -> Scenario {
    let bytes = || Value::Bytes {
        size: 100,
        compressible: 1.0,
    };
    let events = (0..visits.len()).map(|i| event(&format!("event-{i}"), bytes()));
    let mut scenario = shop(events.collect());
    scenario.time.span = Duration::from_secs_f64(span);
    scenario.time.play = (Duration::ZERO, scenario.time.span);
    scenario.time.compress = 1.0;
    let flow = &mut scenario.flows[0];
    flow.height = Some(Height {
        fixes: Fixes::Mean,
        value: starts_per_s,
        of: Vec::new(),
    });
    flow.journey = Some(FlowJourney {
        journey: 0,
        start: 0,
        visits: visits.iter().copied().enumerate().collect(),
    });
    scenario.journeys = vec![journey];
    scenario
}

/// Two events, the second evenly between two lags behind the first.
pub fn pairs(lag: (f64, f64), starts_per_s: f64, span: f64) -> Scenario {
    let lag = Lag::Uniform(seconds(lag.0), seconds(lag.1));
    let journey = Journey {
        name: "pair".to_owned(),
        at_most: 500,
        states: vec![state(0, &[(1, 1.0)], lag), state(1, &[], Lag::default())],
        ..Journey::default()
    };
    flow(journey, &[1.0, 1.0], starts_per_s, span)
}

/// Shoppers who look at pages, fill carts, and sometimes order and pay: 11.8 events each.
pub fn shoppers(events_per_s: f64, span: f64) -> Scenario {
    let log_normal = |median, sigma, max| Lag::LogNormal {
        median: seconds(median),
        sigma,
        max: Some(seconds(max)),
    };
    let views = log_normal(22.0, 1.2, 1800.0);
    let carts = Lag::Exponential {
        mean: seconds(40.0),
    };
    let journey = Journey {
        name: "shopper".to_owned(),
        at_most: 500,
        states: vec![
            state(0, &[(0, 0.86), (1, 0.087)], views),
            state(1, &[(0, 0.5), (2, 0.3)], carts),
            state(2, &[], Lag::default()),
        ],
        follows: vec![Follow {
            on: 2,
            emits: vec![3],
            p: 0.97,
            times: Times::default(),
            after: log_normal(1.2, 0.6, 30.0),
        }],
        ..Journey::default()
    };
    let visits = [10.362_694, 0.901_554, 0.270_466, 0.262_352];
    let of_one: f64 = visits.iter().sum();
    flow(journey, &visits, events_per_s / of_one, span)
}
