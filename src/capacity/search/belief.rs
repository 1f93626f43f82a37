//! What the steps so far say about the capacity: a distribution over the logarithm of the rate.
//!
//! A step at rate r passes with probability ε + (1 - 2ε) / (1 + exp(-(ln c - ln r) / s)) when the capacity is c: `s` says how
//! sharply systems give way around their capacity, ε how often a step misleads altogether. With a uniform prior over the bracket
//! the posterior is the product over the steps; its median is where the next step learns most.

use super::{Outcome, Settings, Step};

/// Points of the grid.
const POINTS: usize = 400;
/// How much further than the outermost steps the grid reaches, in ln(rate).
const MARGIN: f64 = 0.25;
/// ε.
const LAPSE: f64 = 0.02;
/// `s` of a step whose interval lay on one side of the limit, as a share of the rate.
const CLEAR: f64 = 0.012;
/// `s` of a step that did not decide.
const UNCLEAR: f64 = 0.025;

/// Credit that is earned between the end of an overload and the step after it: seconds.
const EARNED_S: f64 = 0.5;

/// What a queue may hold, unseen, at the end of a step: seconds of load.
const BREATH_S: f64 = 0.1;

/// The distribution of the capacity.
#[derive(Clone, Debug)]
pub struct Belief {
    /// ln(events per second) of the first point.
    first: f64,
    /// Between points.
    step: f64,
    /// Probability up to each point.
    cumulative: Vec<f64>,
}

impl Belief {
    /// What these steps say. `None` until one passed and one failed.
    pub fn of(settings: &Settings, steps: &[Step]) -> Option<Belief> {
        let burst = steps.iter().any(|step| step.burst);
        let evidence: Vec<(f64, f64, bool)> = steps
            .iter()
            .filter_map(|step| evidence(settings, step, burst))
            .collect();
        let rates = |passed: bool| {
            let of = evidence.iter().filter(move |(.., pass)| *pass == passed);
            of.map(|(at, ..)| *at)
        };
        let low = rates(true).fold(f64::INFINITY, f64::min);
        let high = rates(false).fold(f64::NEG_INFINITY, f64::max);
        if !low.is_finite() || !high.is_finite() {
            return None;
        }
        // The best pass and the worst failure bound what is worth a grid; a misleading one among them is what the margin is for.
        let passed = rates(true).fold(low, f64::max).min(high);
        let failed = rates(false).fold(high, f64::min).max(low);
        let first = passed.min(failed) - MARGIN;
        let last = passed.max(failed) + MARGIN;
        let step = (last - first) / (POINTS - 1) as f64;
        let log_likelihood = |at: f64| -> f64 {
            let of = |&(rate, softness, passed): &(f64, f64, bool)| {
                let pass = 1.0 / (1.0 + (-(at - rate) / softness).exp());
                let pass = LAPSE + (1.0 - 2.0 * LAPSE) * pass;
                if passed { pass } else { 1.0 - pass }.ln()
            };
            evidence.iter().map(of).sum()
        };
        let logs: Vec<f64> = (0..POINTS)
            .map(|i| log_likelihood(first + step * i as f64))
            .collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = logs
            .iter()
            .map(|log| {
                sum += (log - most).exp();
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|p| *p /= sum);
        Some(Belief {
            first,
            step,
            cumulative,
        })
    }

    /// The capacity's `q` quantile, in events per second.
    pub fn quantile(&self, q: f64) -> f64 {
        let above = self.cumulative.partition_point(|p| *p < q);
        let above = above.min(self.cumulative.len() - 1);
        let high = self.cumulative[above];
        let low = match above {
            0 => 0.0,
            above => self.cumulative[above - 1],
        };
        // The weight of a point is spread over the step around it.
        let within = if high > low {
            (q - low) / (high - low)
        } else {
            0.5
        };
        (self.first + self.step * (above as f64 - 0.5 + within)).exp()
    }

    /// [low, estimate, high]: the median with its 90 % interval.
    pub fn interval(&self) -> [f64; 3] {
        [0.05, 0.5, 0.95].map(|q| self.quantile(q))
    }

    /// Half the width of the interval, as a share of the estimate.
    pub fn half_width(&self) -> f64 {
        let [low, estimate, high] = self.interval();
        (high - low) / 2.0 / estimate
    }
}

/// (ln rate, softness, passed) of a step; `None`: it teaches nothing.
fn evidence(settings: &Settings, step: &Step, burst: bool) -> Option<(f64, f64, bool)> {
    let softness = if step.clear { CLEAR } else { UNCLEAR };
    let per_s = match step.outcome {
        Outcome::Invalid => return None,
        Outcome::Fail => step.per_s,
        Outcome::Pass => step.per_s * carried(settings, step, burst),
    };
    Some((per_s.ln(), softness, step.outcome == Outcome::Pass))
}

/// The share of a passed rate that is proven. Of d seconds at rate r, what waits at the end was not carried yet, and where bursts are
/// granted a step that was not preceded by an overload may have lived on credit, one that was on what it earned since. With b seconds of
/// the capacity c in all, r d <= c (d + b).
pub(super) fn carried(settings: &Settings, step: &Step, burst: bool) -> f64 {
    let lasted = step.to_s - step.from_s;
    // A queue breathes: what is empty at the end may have held as much as the limit lets wait, which is counted up to a tenth of a second.
    let waits = step.waits_s.max(settings.patience_s.min(BREATH_S));
    let credit = match (burst, step.spent) {
        (false, _) => 0.0,
        (true, false) => settings.credit_s,
        (true, true) => EARNED_S,
    };
    lasted / (lasted + waits + credit)
}
