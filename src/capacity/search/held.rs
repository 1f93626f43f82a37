//! A scenario held at its highest instant: the mix, the pools and the clock of that instant, at a constant rate that can be chosen.
//!
//! Every flow keeps its share of the events at that instant. A flow of journeys starts them at the constant rate that gives this
//! share once they have been under way for a while, and history is replayed as always, so there is no ramp. Devices report more
//! often instead of becoming more: there are only so many of them.

use std::sync::Arc;
use std::time::Duration;

use crate::scenario::{Abort, Arrivals, Fixes, Flow, Height, Scenario};
use crate::schedule::FlowSchedule;

/// Length of the schedule by which journeys are calibrated: real time.
const TRIAL: Duration = Duration::from_secs(60);

/// A scenario that can't be held at a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeldError {
    /// A flow whose rate the cluster decides.
    #[error(
        "flow {flow} is {arrivals}: its rate is what the cluster makes it, so none can be searched; give it a mean, or leave it out"
    )]
    NoRate {
        /// The flow.
        flow: String,
        /// How its arrivals are spaced.
        arrivals: &'static str,
    },
    /// Nothing is sent at any instant.
    #[error("the scenario sends nothing within the part that is played")]
    Empty,
}

/// A scenario held.
#[derive(Clone, Debug)]
pub struct Held {
    scenario: Scenario,
    /// By flow, events per second at scale 1.
    rates: Vec<f64>,
    /// The scenario's peak at scale 1: events per second of all flows at its highest instant.
    pub peak_per_s: f64,
    /// The instant, as simulated time since the start of the span.
    pub instant: Duration,
}

impl Held {
    /// Holds a scenario at the highest instant of what it plays. `scale`: the safety factor that its rates were multiplied by and that
    /// does not count, since it is what headroom is held against.
    ///
    /// # Errors
    /// It has a flow without a rate, or sends nothing.
    pub fn of(scenario: &Scenario, scale: f64) -> Result<Held, HeldError> {
        if let Some(flow) = scenario.flows.iter().find(|flow| !flow.arrivals.has_due()) {
            return Err(HeldError::NoRate {
                flow: flow.name.clone(),
                arrivals: flow.arrivals.name(),
            });
        }
        let schedules: Vec<FlowSchedule> = (0..scenario.flows.len())
            .map(|flow| FlowSchedule::compile(scenario, flow))
            .collect();
        let (at_s, highest) = highest(&schedules);
        if highest <= 0.0 {
            return Err(HeldError::Empty);
        }
        let rates = schedules.iter().map(|s| s.curve().rate(at_s) / scale);
        let simulated_s = scenario.time.play.0.as_secs_f64() + at_s * scenario.time.compress;
        let mut held = Held {
            rates: rates.collect(),
            peak_per_s: highest / scale,
            instant: Duration::from_secs_f64(simulated_s),
            scenario: still(scenario, simulated_s),
        };
        held.calibrate();
        Ok(held)
    }

    /// The scenario at this rate of all flows together, lasting so long, its arrivals drawn by another seed for each `draw`.
    pub fn at(&self, per_s: f64, lasting: Duration, draw: u64) -> Scenario {
        let mut scenario = self.scenario.clone();
        scenario.seed = scenario.seed.wrapping_add(draw) & (i64::MAX as u64);
        let time = &mut scenario.time;
        time.play.1 = time.play.0 + lasting.mul_f64(time.compress);
        time.span = time.span.max(time.play.1);
        for flow in &mut scenario.flows {
            scale(flow, per_s / self.peak_per_s);
        }
        scenario
    }

    /// The schedules of [`Held::at`].
    pub fn schedules(&self, per_s: f64, lasting: Duration, draw: u64) -> Vec<Arc<FlowSchedule>> {
        let scenario = self.at(per_s, lasting, draw);
        (0..scenario.flows.len())
            .map(|flow| Arc::new(FlowSchedule::compile(&scenario, flow)))
            .collect()
    }

    /// Makes every flow send what it sent at the highest instant: tried, and corrected by what came out, which is proportional.
    fn calibrate(&mut self) {
        let trial = self.at(self.peak_per_s, TRIAL, 0);
        for (index, wanted) in self.rates.iter().enumerate() {
            let schedule = FlowSchedule::compile(&trial, index);
            let sent = schedule.curve().total() / TRIAL.as_secs_f64();
            let factor = if sent > 0.0 { wanted / sent } else { 0.0 };
            scale(&mut self.scenario.flows[index], factor);
        }
        // A flow that is silent at that instant stays so.
        let silent: Vec<bool> = self.rates.iter().map(|rate| *rate <= 0.0).collect();
        for (flow, silent) in self.scenario.flows.iter_mut().zip(silent) {
            if silent {
                flow.arrivals = Arrivals::Poisson;
                flow.height = Some(mean(0.0));
            }
        }
    }
}

/// When the rate of all flows together is highest, in real seconds since the start of the load, and that rate.
fn highest(schedules: &[FlowSchedule]) -> (f64, f64) {
    let points = schedules.iter().flat_map(|s| s.curve().points());
    let mut instants: Vec<f64> = points.map(|(at, _)| at).collect();
    instants.sort_by(f64::total_cmp);
    instants.dedup();
    // All curves are straight between these instants, so the sum is highest at one of them.
    let rate = |at: f64| schedules.iter().map(|s| s.curve().rate(at)).sum::<f64>();
    instants
        .into_iter()
        .map(|at| (at, rate(at)))
        .fold(
            (0.0, 0.0),
            |best, one| if one.1 > best.1 { one } else { best },
        )
}

/// The scenario with its clock at that instant, its pools as they are then, and nothing that changes over time.
fn still(scenario: &Scenario, simulated_s: f64) -> Scenario {
    let mut still = scenario.clone();
    let instant = Duration::from_secs_f64(simulated_s);
    still.time.play = (instant, instant);
    still.time.warmup = Duration::ZERO;
    still.abort = Abort::default();
    still.actions.clear();
    still.scale = 1.0;
    for pool in &mut still.pools {
        let held = pool
            .flash
            .filter(|flash| flash.at <= simulated_s && simulated_s < flash.at + flash.lasting);
        pool.flash = held.map(|flash| crate::scenario::PickFlash {
            at: 0.0,
            lasting: 1e12,
            ..flash
        });
    }
    for flow in &mut still.flows {
        flow.shape.clear();
        flow.spikes.clear();
        match &mut flow.arrivals {
            Arrivals::Periodic(_) => {}
            Arrivals::Batch(batch) => {
                // Listed campaigns become campaigns at random instants of the same size.
                batch.at.clear();
                flow.height = Some(mean(1.0));
            }
            _ => flow.height = Some(mean(1.0)),
        }
    }
    still
}

/// A height of so many arrivals a second.
fn mean(per_s: f64) -> Height {
    Height {
        fixes: Fixes::Mean,
        value: per_s,
        of: Vec::new(),
    }
}

/// Multiplies the rate of a flow.
fn scale(flow: &mut Flow, factor: f64) {
    if let Some(height) = &mut flow.height {
        height.value *= factor;
    }
    if let Arrivals::Periodic(periodic) = &mut flow.arrivals
        && factor > 0.0
    {
        // A period of no time at all would never end.
        let least = Duration::from_micros(1);
        periodic.every = periodic.every.div_f64(factor).max(least);
        periodic.jitter = periodic.jitter.div_f64(factor).min(periodic.every);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::scenario::{self, Overrides, Source};

    fn parse(text: &str, overrides: &Overrides) -> Scenario {
        let source = Source::Text {
            name: "held.toml".into(),
            text: text.to_owned(),
            folder: PathBuf::from("scenarios"),
        };
        match scenario::load(&source, overrides) {
            Ok(loaded) => loaded.scenario,
            Err(errors) => panic!("{errors}"),
        }
    }

    const DAY: &str = r#"
[time]
span = "10m"
[pool.user]
count = 100
flash = { id = 7, share = 0.5, at = "+300s", for = "1m" }
[topic.t]
partitions = 3
[event.e]
topic = "t"
key = "user"
value = { bytes = "100B" }
[event.f]
topic = "t"
value = { bytes = "100B" }
[journey.j]
start = "a"
[journey.j.state.a]
emits = "e"
next = { b = 0.5 }
after = "2s"
[journey.j.state.b]
emits = "f"
[flow.steady]
event = "e"
mean = "100/s"
[flow.peaks]
event = "f"
peak = "300/s"
shape = [ { gaussian = { at = "+330s", sd = "1m", height = 10 } } ]
[flow.walkers]
journey = "j"
mean = "90/s"
of = "all"
[flow.devices]
event = "e"
arrivals = { periodic = { devices = 50, every = "500ms" } }
"#;

    fn rates(scenario: &Scenario, seconds: f64) -> Vec<f64> {
        (0..scenario.flows.len())
            .map(|flow| FlowSchedule::compile(scenario, flow).curve().total() / seconds)
            .collect()
    }

    #[test]
    fn the_highest_instant_is_held_at_any_rate() {
        let held = Held::of(&parse(DAY, &Overrides::default()), 1.0).expect("it has rates");
        // 100 + 300 + 90 + 100, where the gaussian is highest.
        assert!((held.peak_per_s - 590.0).abs() < 3.0, "{}", held.peak_per_s);
        // The top is flat: 3 less of the 270 that come and go are 9 s away.
        let instant = held.instant.as_secs_f64();
        assert!((instant - 330.0).abs() < 10.0, "{instant}");
        for factor in [0.01, 1.0, 7.0] {
            let per_s = held.peak_per_s * factor;
            let scenario = held.at(per_s, Duration::from_secs(30), 0);
            assert_eq!(scenario.time.run_ns(), 30_000_000_000);
            let rates = rates(&scenario, 30.0);
            for (rate, wanted) in rates.iter().zip([100.0, 300.0, 90.0, 100.0]) {
                let off = rate / (wanted * factor) - 1.0;
                assert!(off.abs() < 0.01, "{rates:?} at {factor}");
            }
            // The flash of the pool is on at that instant.
            let flash = scenario.pools[0].flash.expect("it is on");
            assert_eq!((flash.id, flash.at), (7, 0.0));
        }
    }

    #[test]
    fn the_safety_factor_does_not_count() {
        let overrides = Overrides {
            scale: Some(1.5),
            ..Overrides::default()
        };
        let scaled = parse(DAY, &overrides);
        let held = Held::of(&scaled, scaled.scale).expect("it has rates");
        let plain = Held::of(&parse(DAY, &Overrides::default()), 1.0).expect("it has rates");
        assert!((held.peak_per_s / plain.peak_per_s - 1.0).abs() < 1e-9);
    }

    #[test]
    fn each_draw_has_other_arrivals() {
        let held = Held::of(&parse(DAY, &Overrides::default()), 1.0).expect("it has rates");
        let seed = |draw| held.at(100.0, TRIAL, draw).seed;
        assert_ne!(seed(0), seed(1));
    }

    #[test]
    fn what_has_no_rate_is_refused() {
        let text = DAY.replace("mean = \"100/s\"", "arrivals = \"unthrottled\"");
        let error = Held::of(&parse(&text, &Overrides::default()), 1.0).expect_err("refused");
        assert!(
            error.to_string().contains("flow steady is unthrottled"),
            "{error}"
        );
    }
}
