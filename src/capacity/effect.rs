//! What two sides are compared by, which difference matters, and what an interval says about it. Pure.
//!
//! Differences are natural logarithms of ratios, candidate ÷ baseline: ln 1.1 is a tenth more. The smallest effect that matters is a
//! share of the baseline, and lies on the worse side: 10 % of a response time is ×1.1, 3 % of throughput is ×0.97.

use crate::measure::units;

use super::signed_rank::{Interval, hodges_lehmann, prediction};

/// Confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;
/// The largest ratio that is told apart, either way. A quantile among events that were never acknowledged counts as this much worse.
pub const LARGEST_RATIO: f64 = 1_000.0;

/// A figure that two sides are compared by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compared {
    /// A quantile of the response times of all flows together, at the scenario's own rate.
    Response(f64),
    /// A quantile of the end-to-end latencies of all groups together, at the scenario's own rate.
    EndToEnd(f64),
    /// Events acknowledged per second in the unthrottled phase.
    Throughput,
    /// Processor time of the generator for an acknowledged event, its Kafka client's included.
    Cpu,
}

impl Compared {
    /// As tables name it.
    pub fn name(self) -> String {
        match self {
            Compared::Response(q) => format!("response {}", units::quantile(q)),
            Compared::EndToEnd(q) => format!("end-to-end {}", units::quantile(q)),
            Compared::Throughput => "throughput".to_owned(),
            Compared::Cpu => "cpu per event".to_owned(),
        }
    }

    /// The word for it in `--min-effect`.
    pub const fn word(self) -> &'static str {
        match self {
            Compared::Response(_) => "response",
            Compared::EndToEnd(_) => "end_to_end",
            Compared::Throughput => "throughput",
            Compared::Cpu => "cpu",
        }
    }

    /// The smallest effect that matters, unless said otherwise.
    pub const fn usual_effect(self) -> f64 {
        match self {
            Compared::Throughput => 0.03,
            _ => 0.10,
        }
    }

    /// Whether less of it is worse.
    pub const fn more_is_better(self) -> bool {
        matches!(self, Compared::Throughput)
    }

    /// A value with its unit: microseconds, events per second, or microseconds of processor time.
    pub fn shown(self, value: f64) -> String {
        match self {
            Compared::Throughput => units::rate(value),
            Compared::Cpu => units::time_ns((value * 1e3).round() as u64),
            Compared::Response(_) | Compared::EndToEnd(_) => units::time_us(value.round() as u64),
        }
    }
}

/// What a difference is taken from, which decides how wide its interval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Two runs, one right after the other.
    Pairs,
    /// A run of the candidate, and one of the baseline that was made once, another time: its own noise is in every difference.
    Stored,
}

impl Evidence {
    /// The interval of the log ratio; `None` of no difference.
    pub fn interval(self, differences: &[f64]) -> Option<Interval> {
        match self {
            Evidence::Pairs => hodges_lehmann(differences, CONFIDENCE),
            Evidence::Stored => prediction(differences, CONFIDENCE),
        }
    }

    /// The standard error of the estimate from `n` differences that scatter with this standard deviation. The Hodges-Lehmann
    /// estimate's is √(π/3) of the mean's where noise is normal; a stored run adds a whole deviation of its own.
    fn error(self, deviation: f64, n: f64) -> f64 {
        match self {
            Evidence::Pairs => deviation * (std::f64::consts::PI / 3.0 / n).sqrt(),
            Evidence::Stored => deviation * (1.0 + 1.0 / n).sqrt(),
        }
    }

    /// How much a run is off from the next of the same side, of the standard deviation of its differences.
    pub fn run_to_run(self, deviation: f64) -> f64 {
        match self {
            Evidence::Pairs => deviation / 2_f64.sqrt(),
            Evidence::Stored => deviation,
        }
    }
}

/// A figure with the smallest change of it that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// The figure.
    pub of: Compared,
    /// A share of the baseline, between 0 and 1.
    pub min_effect: f64,
}

/// What an interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// All of it lies beyond the smallest effect that matters, on the worse side.
    Worse,
    /// All of it lies beyond the same distance on the better side.
    Better,
    /// None of it is worse by what matters.
    Same,
    /// It holds the smallest effect that matters, and is narrow: if there is a regression it is about as small as one that
    /// matters can be.
    NotShown,
    /// It holds the smallest effect that matters and is wider than twice that: no change and one that matters look alike.
    TooNoisy,
    /// There was too little to compare.
    Nothing,
}

impl Finding {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Finding::Worse => "worse",
            Finding::Better => "better",
            Finding::Same => "same",
            Finding::NotShown => "not_shown",
            Finding::TooNoisy => "too_noisy",
            Finding::Nothing => "nothing",
        }
    }

    /// The finding of this name.
    pub fn from_name(name: &str) -> Option<Finding> {
        [
            Finding::Worse,
            Finding::Better,
            Finding::Same,
            Finding::NotShown,
            Finding::TooNoisy,
            Finding::Nothing,
        ]
        .into_iter()
        .find(|finding| finding.name() == name)
    }

    /// No further pair is needed to know this.
    pub const fn is_settled(self) -> bool {
        matches!(self, Finding::Worse | Finding::Better | Finding::Same)
    }
}

impl Question {
    /// The smallest effect that matters as a logarithm: how far from 0 it lies.
    pub fn margin(&self) -> f64 {
        match self.of.more_is_better() {
            true => -(1.0 - self.min_effect).ln(),
            false => (1.0 + self.min_effect).ln(),
        }
    }

    /// What the interval of log ratios says.
    pub fn finding(&self, interval: Option<Interval>) -> Finding {
        let Some(interval) = interval else {
            return Finding::Nothing;
        };
        if !interval.half_width().is_finite() {
            return Finding::TooNoisy;
        }
        // Turned so that worse is above 0.
        let harm = match self.of.more_is_better() {
            true => interval.negated(),
            false => interval,
        };
        let margin = self.margin();
        if harm.low > margin {
            Finding::Worse
        } else if harm.high < -margin {
            Finding::Better
        } else if harm.high <= margin {
            Finding::Same
        } else if harm.half_width() <= margin {
            Finding::NotShown
        } else {
            Finding::TooNoisy
        }
    }

    /// The smallest regression that two looks of `pairs` pairs each would find in 95 of 100 cases, as a share of the baseline, where
    /// a pair's log ratio has this standard deviation. `None` where it can't be told.
    ///
    /// Each look must find it in √0.95 = 97.5 % of all cases. It does when the estimate is 1.96 standard errors above the lower end
    /// of an interval that begins at the margin: margin + (t(0.975, n - 1) + 1.96) × error.
    pub fn smallest_found(&self, deviation: f64, pairs: usize, evidence: Evidence) -> Option<f64> {
        use statrs::distribution::{ContinuousCDF, StudentsT};
        if pairs < 2 || !deviation.is_finite() {
            return None;
        }
        let n = pairs as f64;
        let error = evidence.error(deviation, n);
        let student = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
        let found = self.margin() + (student.inverse_cdf(0.975) + 1.96) * error;
        Some(match self.of.more_is_better() {
            true => 1.0 - (-found).exp(),
            false => found.exp_m1(),
        })
    }
}

/// The log ratio of a pair of values, the second over the first. `None`: a quantile among events that were never acknowledged,
/// which lies above every other. Ratios beyond [`LARGEST_RATIO`] count as that.
pub fn log_ratio(baseline: Option<f64>, candidate: Option<f64>) -> f64 {
    let most = LARGEST_RATIO.ln();
    match (baseline, candidate) {
        (Some(a), Some(b)) if a > 0.0 && b > 0.0 => (b / a).ln().clamp(-most, most),
        (Some(a), Some(b)) if a == b => 0.0,
        (Some(a), Some(b)) => {
            if b > a {
                most
            } else {
                -most
            }
        }
        (None, None) => 0.0,
        (None, Some(_)) => -most,
        (Some(_), None) => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(of: Compared, min_effect: f64, low: f64, high: f64) -> Finding {
        let (low, high) = (f64::ln(low), f64::ln(high));
        let estimate = f64::midpoint(low, high);
        Question { of, min_effect }.finding(Some(Interval {
            estimate,
            low,
            high,
        }))
    }

    #[test]
    fn findings_of_times() {
        let of = |low, high| found(Compared::Response(0.99), 0.1, low, high);
        assert_eq!(of(1.11, 1.40), Finding::Worse);
        assert_eq!(of(0.97, 1.09), Finding::Same);
        assert_eq!(
            of(0.50, 1.09),
            Finding::Same,
            "wide, and none of it matters"
        );
        assert_eq!(of(0.70, 0.85), Finding::Better);
        assert_eq!(of(1.02, 1.15), Finding::NotShown);
        assert_eq!(of(0.90, 1.30), Finding::TooNoisy);
        assert_eq!(of(0.0, f64::INFINITY), Finding::TooNoisy);
    }

    #[test]
    fn findings_of_throughput_are_turned_round() {
        let of = |low, high| found(Compared::Throughput, 0.03, low, high);
        assert_eq!(of(0.90, 0.96), Finding::Worse);
        assert_eq!(of(0.98, 1.20), Finding::Same);
        assert_eq!(of(1.05, 1.20), Finding::Better);
        assert_eq!(of(0.96, 1.01), Finding::NotShown);
        assert_eq!(of(0.90, 1.10), Finding::TooNoisy);
    }

    #[test]
    fn what_never_came_lies_above_everything() {
        assert_eq!(log_ratio(Some(5.0), Some(5.0)), 0.0);
        assert_eq!(log_ratio(None, None), 0.0);
        assert!((log_ratio(Some(5.0), None) - 1_000_f64.ln()).abs() < 1e-12);
        assert!((log_ratio(None, Some(5.0)) + 1_000_f64.ln()).abs() < 1e-12);
        assert!((log_ratio(Some(0.0), Some(5.0)) - 1_000_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_smallest_regression_that_is_found() {
        // Pairs without noise show what matters, no less.
        let throughput = Question {
            of: Compared::Throughput,
            min_effect: 0.03,
        };
        assert!(
            (throughput
                .smallest_found(0.0, 12, Evidence::Pairs)
                .expect("known")
                - 0.03)
                .abs()
                < 1e-9
        );
        // 0.0305 + (2.201 + 1.96) * 0.036 * sqrt(1.0472 / 12) = 0.0747, and 1 - exp(-0.0747) = 0.072.
        let found = throughput
            .smallest_found(0.036, 12, Evidence::Pairs)
            .expect("known");
        assert!((found - 0.072).abs() < 1e-3, "{found}");
    }

    #[test]
    fn names_come_back() {
        for finding in [Finding::Worse, Finding::Nothing, Finding::NotShown] {
            assert_eq!(Finding::from_name(finding.name()), Some(finding));
        }
    }
}
