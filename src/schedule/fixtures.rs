//! Scenarios for this stage's tests.

use std::time::Duration;

use crate::scenario::{
    Abort, Arrivals, Defects, Event, Fixes, Flow, Height, Key, Scenario, Shape, StampPlace, Time,
    Value,
};

/// A scenario of one flow of constant rate `mean` for a minute, to be changed.
pub fn scenario(arrivals: impl std::borrow::Borrow<Arrivals>, mean: f64) -> Scenario {
    let span = Duration::from_secs(60);
    let starts = "2026-11-30T00:00:00-05:00[-05:00]".parse();
    Scenario {
        name: "test".into(),
        why: String::new(),
        seed: 1,
        folder: None,
        effective: String::new(),
        time: Time {
            starts: starts.expect("a valid instant"),
            span,
            play: (Duration::ZERO, span),
            compress: 1.0,
            warmup: Duration::ZERO,
            history: Duration::ZERO,
            settle: Duration::ZERO,
            catch_up: Duration::ZERO,
        },
        shards: 256,
        scale: 1.0,
        pools: Vec::new(),
        topics: Vec::new(),
        events: Vec::new(),
        journeys: Vec::new(),
        flows: vec![Flow {
            name: "flow".into(),
            mix: vec![(0, 1.0)],
            arrivals: arrivals.borrow().clone(),
            height: Some(Height {
                fixes: Fixes::Mean,
                value: mean,
                of: Vec::new(),
            }),
            shape: Vec::new(),
            spikes: Vec::new(),
            journey: None,
            defects: Defects::default(),
            producers: 1,
            client: Vec::new(),
        }],
        client: Vec::new(),
        consumers: Vec::new(),
        actions: vec![],
        watched: vec![],
        slos: Vec::new(),
        abort: Abort::default(),
    }
}

/// An event of plain bytes.
pub fn event() -> Event {
    Event {
        name: "event".into(),
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

/// Changes to a scenario of one flow.
pub trait With: Sized {
    /// With this span, all of it played.
    fn spanning(self, seconds: f64) -> Self;
    /// With these shapes.
    fn shaped(self, shape: Vec<Shape>) -> Self;
    /// With these spikes.
    fn spiked(self, spikes: Vec<Shape>) -> Self;
    /// With this height.
    fn fixing(self, fixes: Fixes, value: f64) -> Self;
    /// With this seed.
    fn seeded(self, seed: u64) -> Self;
}

impl With for Scenario {
    fn spanning(mut self, seconds: f64) -> Scenario {
        self.time.span = Duration::from_secs_f64(seconds);
        self.time.play = (Duration::ZERO, self.time.span);
        self
    }

    fn shaped(mut self, shape: Vec<Shape>) -> Scenario {
        self.flows[0].shape = shape;
        self
    }

    fn spiked(mut self, spikes: Vec<Shape>) -> Scenario {
        self.flows[0].spikes = spikes;
        self
    }

    fn fixing(mut self, fixes: Fixes, value: f64) -> Scenario {
        self.flows[0].height = Some(Height {
            fixes,
            value,
            of: Vec::new(),
        });
        self
    }

    fn seeded(mut self, seed: u64) -> Scenario {
        self.seed = seed;
        self
    }
}

/// The shape of a day in a minute: a wave that never stops.
pub fn wave() -> Shape {
    Shape::Sine {
        period: 60.0,
        low: 0.4,
        high: 1.6,
        top_at: 20.0,
    }
}

/// A sale: up at once, down slowly.
pub fn sale() -> Shape {
    Shape::Flash {
        at: 30.0,
        height: 4.0,
        base: 1.0,
        attack: 2.0,
        hold: 3.0,
        decay: 5.0,
    }
}
