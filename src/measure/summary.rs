//! A distribution of times as `run.json` shows it.

use serde::{Deserialize, Serialize};

use super::histogram::{TotalHistogram, rank};

/// The figures of one kind of latency. All in microseconds, from the histogram's buckets (3 significant digits).
///
/// A quantile is null when it falls among the events that lie beyond (those without an acknowledgement), and so is `max_us`
/// whenever there are any. `min_us` and `mean_us` are of the `count` events that have a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Events with a time.
    pub count: u64,
    /// Events without one: they lie above every quantile.
    pub beyond: u64,
    /// Events with a negative time: they lie below every quantile. Never happens on one clock; counted if it does.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub negative: u64,
    /// Events that took over an hour, the histogram's range.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub above: u64,
    /// The smallest.
    pub min_us: Option<u64>,
    /// The mean.
    pub mean_us: Option<u64>,
    /// Median.
    pub p50_us: Option<u64>,
    /// 0.9 quantile.
    pub p90_us: Option<u64>,
    /// 0.99 quantile.
    pub p99_us: Option<u64>,
    /// 0.999 quantile.
    pub p999_us: Option<u64>,
    /// 0.9999 quantile.
    pub p9999_us: Option<u64>,
    /// The largest.
    pub max_us: Option<u64>,
    /// All of it.
    pub histogram: TotalHistogram,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// How many events have a time, where times are kept at all.
pub(super) fn count(summary: &Option<Summary>) -> u64 {
    summary.as_ref().map_or(0, |summary| summary.count)
}

impl Summary {
    /// The figures of `histogram`, with `beyond` events above it.
    pub fn new(histogram: TotalHistogram, beyond: u64) -> Summary {
        Summary::with_negative(histogram, beyond, 0)
    }

    /// The same, with `negative` events below it.
    pub fn with_negative(histogram: TotalHistogram, beyond: u64, negative: u64) -> Summary {
        let q = |q| quantile_us(&histogram, q, beyond, negative);
        Summary {
            count: histogram.count(),
            beyond,
            negative,
            above: histogram.above(),
            min_us: histogram.min_us(),
            mean_us: histogram.mean_us().map(|us| us.round() as u64),
            p50_us: q(0.5),
            p90_us: q(0.9),
            p99_us: q(0.99),
            p999_us: q(0.999),
            p9999_us: q(0.9999),
            max_us: if beyond == 0 {
                histogram.max_us()
            } else {
                None
            },
            histogram,
        }
    }

    /// Any quantile, in microseconds; `None` when it falls among the events beyond.
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        quantile_us(&self.histogram, q, self.beyond, self.negative)
    }
}

/// A quantile among negative times is given as 0: whoever shows it shows `negative` beside it.
fn quantile_us(histogram: &TotalHistogram, q: f64, beyond: u64, negative: u64) -> Option<u64> {
    let rank = rank(q, negative + histogram.count() + beyond)?;
    if rank <= negative {
        return Some(0);
    }
    histogram.at_rank(rank - negative)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousand() -> TotalHistogram {
        let mut h = TotalHistogram::new();
        (1..=1_000).for_each(|us| h.record_us(us));
        h
    }

    #[test]
    fn figures_of_a_known_distribution() {
        let s = Summary::new(thousand(), 0);
        assert_eq!((s.count, s.min_us, s.max_us), (1_000, Some(1), Some(1_000)));
        assert_eq!(
            (s.p50_us, s.p90_us, s.p99_us, s.p999_us),
            (Some(500), Some(900), Some(990), Some(999))
        );
        assert_eq!(s.p9999_us, Some(1_000));
        // The mean is 500.5; buckets below 2,048 µs are exact.
        assert_eq!(s.mean_us, Some(501));
    }

    #[test]
    fn unacknowledged_events_lie_above_every_quantile() {
        let s = Summary::new(thousand(), 5);
        // Rank of 0.99 among 1,005 is 995; of 0.999 is 1,004, beyond.
        assert_eq!((s.p99_us, s.p999_us, s.max_us), (Some(995), None, None));
        assert_eq!(s.min_us, Some(1));
    }

    #[test]
    fn negative_times_lie_below_and_are_kept() {
        let s = Summary::with_negative(thousand(), 0, 1_000);
        assert_eq!(
            (s.quantile_us(0.5), s.quantile_us(0.75)),
            (Some(0), Some(500))
        );
        assert_eq!((s.count, s.negative), (1_000, 1_000));
    }

    #[test]
    fn json_has_the_documented_fields_and_reads_back() {
        let s = Summary::new(thousand(), 2);
        let json = serde_json::to_value(&s).expect("serialises");
        let mut names: Vec<&str> = json
            .as_object()
            .expect("object")
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        let mut expected = [
            "count",
            "beyond",
            "min_us",
            "mean_us",
            "p50_us",
            "p90_us",
            "p99_us",
            "p999_us",
            "p9999_us",
            "max_us",
            "histogram",
        ];
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert!(json["p9999_us"].is_null());
        assert_eq!(
            serde_json::from_value::<Summary>(json).expect("reads back"),
            s
        );
    }

    #[test]
    fn nothing_at_all_has_no_figures() {
        let s = Summary::new(TotalHistogram::new(), 0);
        assert_eq!(
            (s.count, s.p50_us, s.mean_us, s.max_us),
            (0, None, None, None)
        );
    }
}
