//! Whether a run ended in a steady state: the backlog of its last seconds. Pure.

/// How the backlog stood when the load ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// Events due and not yet acknowledged at the last reading.
    pub events: u64,
    /// The same as a time: how long the offered load needs to bring so many, in seconds.
    pub load_s: f64,
    /// How fast it grew over the last seconds, in events per second; negative: it shrank.
    pub growth_per_s: f64,
    /// Half the 95 % interval of that.
    pub error_per_s: f64,
}

/// Readings older than this many seconds before the last say nothing about the end.
pub(super) const LAST_S: f64 = 15.0;
/// Growth below this share of the offered load is no growth worth a word.
const WORTH_SAYING: f64 = 0.005;

impl Backlog {
    /// From readings (seconds since the load's start, backlog in events) in order of time, at a rate of `offered_per_s` over the same
    /// last seconds. `None` when there are too few readings for a slope (under 5).
    pub fn at_end(readings: &[(f64, u64)], offered_per_s: f64) -> Option<Backlog> {
        let &(end, events) = readings.last()?;
        let first = readings.partition_point(|(at, _)| *at < end - LAST_S);
        let (growth_per_s, error_per_s) = slope(&readings[first..])?;
        Some(Backlog {
            events,
            load_s: if offered_per_s > 0.0 {
                events as f64 / offered_per_s
            } else {
                0.0
            },
            growth_per_s,
            error_per_s,
        })
    }

    /// Whether there was no steady state: over a second of load waits, and it was still growing beyond doubt.
    pub fn unsteady(&self) -> bool {
        let offered_per_s = self.events as f64 / self.load_s;
        self.load_s > 1.0
            && self.growth_per_s - self.error_per_s > 0.0
            && self.growth_per_s > WORTH_SAYING * offered_per_s
    }
}

/// Least squares: events per second, and half its 95 % interval. `None` below 5 readings, or when they share one instant.
pub(super) fn slope(readings: &[(f64, u64)]) -> Option<(f64, f64)> {
    if readings.len() < 5 {
        return None;
    }
    let n = readings.len() as f64;
    let mean_at = readings.iter().map(|(at, _)| at).sum::<f64>() / n;
    let mean = readings
        .iter()
        .map(|(_, backlog)| *backlog as f64)
        .sum::<f64>()
        / n;
    let spread: f64 = readings.iter().map(|(at, _)| (at - mean_at).powi(2)).sum();
    if spread <= 0.0 {
        return None;
    }
    let together: f64 = readings
        .iter()
        .map(|(at, backlog)| (at - mean_at) * (*backlog as f64 - mean))
        .sum();
    let slope = together / spread;
    let rest: f64 = readings
        .iter()
        .map(|(at, backlog)| (*backlog as f64 - mean - slope * (at - mean_at)).powi(2))
        .sum();
    // 3.18 is Student's 97.5 % quantile at 3 degrees of freedom: right for the fewest readings, wide for many.
    Some((slope, 3.18 * (rest / (n - 2.0) / spread).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One reading a second for `n` seconds.
    fn each_second(n: u32, backlog: impl Fn(f64) -> f64) -> Vec<(f64, u64)> {
        (0..n)
            .map(|s| (f64::from(s), backlog(f64::from(s)) as u64))
            .collect()
    }

    #[test]
    fn growth_over_a_second_of_load_is_no_steady_state() {
        // 10,000/s offered, 9,000/s carried: 1,000/s of growth, 30,000 waiting after 30 s, which is 3 s of load.
        let backlog =
            Backlog::at_end(&each_second(31, |t| 1_000.0 * t), 10_000.0).expect("31 readings");
        assert_eq!(backlog.events, 30_000);
        assert!((backlog.load_s - 3.0).abs() < 1e-9);
        assert!((backlog.growth_per_s - 1_000.0).abs() < 1e-6);
        assert!(backlog.unsteady());
    }

    #[test]
    fn a_small_backlog_may_grow() {
        // 5,000 of 10,000/s is half a second of load.
        let backlog =
            Backlog::at_end(&each_second(6, |t| 1_000.0 * t), 10_000.0).expect("6 readings");
        assert!(!backlog.unsteady());
    }

    #[test]
    fn a_large_backlog_that_shrinks_or_stands_is_no_worry() {
        for slope in [-2_000.0, 0.0] {
            let backlog = Backlog::at_end(&each_second(31, |t| 90_000.0 + slope * t), 10_000.0)
                .expect("31 readings");
            assert!(!backlog.unsteady(), "{backlog:?}");
        }
    }

    #[test]
    fn a_backlog_that_swings_has_no_slope() {
        // 15,000 ± 5,000 with a period of 4 s: the last 15 s are nearly whole periods.
        let swing = |t: f64| 15_000.0 + 5_000.0 * (t * std::f64::consts::FRAC_PI_2).sin();
        let backlog = Backlog::at_end(&each_second(60, swing), 10_000.0).expect("60 readings");
        assert!(!backlog.unsteady(), "{backlog:?}");
    }

    #[test]
    fn only_the_end_counts() {
        // Falls for 30 s, then grows for 15 s.
        let vee = |t: f64| {
            if t < 30.0 {
                60_000.0 - 1_500.0 * t
            } else {
                15_000.0 + 1_000.0 * (t - 30.0)
            }
        };
        assert!(
            Backlog::at_end(&each_second(46, vee), 10_000.0)
                .expect("46 readings")
                .unsteady()
        );
    }

    #[test]
    fn too_little_to_say() {
        assert_eq!(Backlog::at_end(&[], 1.0), None);
        assert_eq!(Backlog::at_end(&each_second(4, |t| t), 1.0), None);
        assert_eq!(Backlog::at_end(&[(1.0, 5); 9], 1.0), None);
        let idle = Backlog::at_end(&each_second(9, |_| 0.0), 0.0).expect("9 readings");
        assert!(!idle.unsteady());
    }
}
