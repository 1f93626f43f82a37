//! What went before the run: the rate of starts as far back as anything is owed, and the batches they were of.
//!
//! Shapes are evaluated before the run as in it (see `compose`). Batches that are listed are those of the span; before it they came at the
//! mean rate of all of them. Of batches that are drawn the mean rate is known, and of whatever else starts journeys the rate at the start.

use crate::scenario::Arrivals;
use crate::scenario::Scenario;
use crate::schedule::arrivals::Campaigns;
use crate::schedule::compose::Composer;
use crate::schedule::curve::{Curve, Line};
use crate::schedule::extended::Extended;
use crate::schedule::smooth::{self, Even};

/// The starts before the run.
#[derive(Debug)]
pub(super) struct Past {
    pub starts: Extended,
    /// The batches that are listed, by when they begin, and how long each lasts; `None` if starts are of no batches.
    batches: Option<(Vec<(u32, Even)>, f64)>,
}

impl Past {
    /// What went before flow number `flow` of a scenario starts journeys at the rate `run`: `back` real seconds of it, the last
    /// `history` of them in detail. `scale`: what its factors are multiplied by.
    pub fn new(
        composer: &Composer<'_>,
        (scenario, flow): (&Scenario, usize),
        scale: f64,
        (run, campaigns): (&Curve, Option<&Campaigns>),
        (back, history): (f64, f64),
    ) -> Past {
        let composed = || composer.played_with_past(scale, back, history);
        let Some(campaigns) = campaigns else {
            let starts = match scenario.flows[flow].arrivals {
                Arrivals::Periodic(_) => with_flat_past(run, run.rate(0.0), history),
                _ => composed(),
            };
            return Past {
                starts,
                batches: None,
            };
        };
        let within = campaigns.within();
        let listed = campaigns.listed();
        let starts = match &listed {
            Some(listed) => listed_starts(scenario, listed, history),
            None => composed().map(|curve| smooth::smoothed(curve, within)),
        };
        Past {
            starts,
            batches: Some((listed.unwrap_or_default(), within)),
        }
    }

    /// The batch of a start before the run, by when it was. Where none is listed, batches are taken to have followed one another;
    /// they are numbered backwards from the greatest number, where those of the run never get.
    pub fn batch(&self, started_s: f64) -> u32 {
        let Some((listed, within)) = &self.batches else {
            return 0;
        };
        let begun = listed.partition_point(|(_, part)| part.from <= started_s);
        match listed[..begun].last() {
            Some((number, part)) if started_s < part.to => *number,
            _ => u32::MAX - (-started_s / within).max(0.0) as u32,
        }
    }
}

/// The starts of all listed batches.
fn listed_starts(scenario: &Scenario, listed: &[(u32, Even)], history: f64) -> Extended {
    let time = &scenario.time;
    let shift = time.play.0.as_secs_f64() / time.compress;
    let end = shift + time.run_ns() as f64 / 1e9;
    let parts = listed.iter().map(|(_, part)| Even {
        from: part.from + shift,
        to: part.to + shift,
        ..*part
    });
    let span = time.span.as_secs_f64() / time.compress;
    let mean = listed.iter().map(|(_, part)| part.events).sum::<f64>() / span;
    with_flat_past(&smooth::sum(parts, end), mean, (history - shift).max(0.0)).shifted(shift)
}

/// A curve that was flat before it began; `seconds` of that in detail.
fn with_flat_past(curve: &Curve, rate: f64, seconds: f64) -> Extended {
    let flat = Line {
        from: 0.0,
        to: seconds,
        rate_from: rate,
        rate_to: rate,
    };
    let later = curve.lines().map(|line| Line {
        from: line.from + seconds,
        to: line.to + seconds,
        ..line
    });
    let curve = Curve::from_lines([flat].into_iter().chain(later));
    Extended::new(curve, seconds).flat_before(rate)
}
