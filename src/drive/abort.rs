//! Stopping early: the `[abort]` table as a state machine over readings. Pure; the caller brings the instants.

use std::time::Duration;

use crate::measure::units;
use crate::scenario::{Abort, AbortLevel, AbortResponse};

/// What the run looks like at one instant, as `[abort]` needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The quantile `[abort] response` asks for, over the acknowledgements of the last seconds, in nanoseconds; `None`: none came.
    pub response_ns: Option<u64>,
    /// How long the oldest event that is due and unanswered has waited, in nanoseconds; `None`: nothing waits.
    pub oldest_ns: Option<u64>,
    /// Share of failed events among those that ended in the last seconds; `None`: none ended.
    pub errors: Option<f64>,
    /// Events due and not yet acknowledged.
    pub backlog: u64,
}

/// Watches readings and says when to stop. Feed it a few times a second.
#[derive(Clone, Debug)]
pub struct AbortWatch {
    limits: Abort,
    response: Above,
    errors: Above,
    backlog: Above,
}

impl AbortWatch {
    /// A watch for these limits. Without any it never stops a run.
    pub fn new(limits: Abort) -> AbortWatch {
        AbortWatch {
            limits,
            response: Above::default(),
            errors: Above::default(),
            backlog: Above::default(),
        }
    }

    /// The quantile that [`Reading::response_ns`] has to carry; `None` when no limit needs it.
    pub fn quantile(&self) -> Option<f64> {
        self.limits.response.map(|limit| limit.quantile)
    }

    /// Takes the reading of `now_ns` (run time). Returns the reason, a sentence's end, once a level has been exceeded for as long as its limit says.
    pub fn feed(&mut self, now_ns: u64, reading: &Reading) -> Option<String> {
        self.response(now_ns, reading)
            .or_else(|| self.errors(now_ns, reading))
            .or_else(|| self.backlog(now_ns, reading))
    }

    fn response(&mut self, now_ns: u64, reading: &Reading) -> Option<String> {
        let AbortResponse {
            quantile,
            above,
            lasting,
        } = self.limits.response?;
        // A cluster that answers nothing at all has no quantile, and is the one case that must not slip through.
        let waits = match reading.response_ns {
            Some(ns) => ns,
            None => reading.oldest_ns.unwrap_or(0),
        };
        let exceeded = u128::from(waits) > above.as_nanos();
        self.response.since(now_ns, Some(exceeded), lasting)?;
        let shown = match reading.response_ns {
            Some(ns) => format!("{} at the end", units::time_ns(ns)),
            None => format!(
                "no acknowledgements at the end, the oldest event waiting {}",
                units::time_ns(waits)
            ),
        };
        Some(format!(
            "response {} stayed above {} for {} ({shown})",
            units::quantile(quantile),
            duration(above),
            duration(lasting),
        ))
    }

    fn errors(&mut self, now_ns: u64, reading: &Reading) -> Option<String> {
        let AbortLevel { above, lasting } = self.limits.errors?;
        // Nothing ended: that is no evidence either way, so the watch keeps what it knew.
        let exceeded = reading.errors.map(|share| share > above);
        self.errors.since(now_ns, exceeded, lasting)?;
        Some(format!(
            "more than {} of the events failed for {} ({} at the end)",
            units::share(above),
            duration(lasting),
            units::share(reading.errors.unwrap_or(0.0)),
        ))
    }

    fn backlog(&mut self, now_ns: u64, reading: &Reading) -> Option<String> {
        let AbortLevel { above, lasting } = self.limits.backlog?;
        let exceeded = reading.backlog as f64 > above;
        self.backlog.since(now_ns, Some(exceeded), lasting)?;
        Some(format!(
            "the backlog stayed above {} events for {} ({} at the end)",
            units::short(above),
            duration(lasting),
            units::counted(reading.backlog, "events"),
        ))
    }
}

/// Since when a level has been exceeded without a break.
#[derive(Clone, Copy, Debug, Default)]
struct Above(Option<u64>);

impl Above {
    /// `exceeded`: `None` is no evidence. Returns something once it has lasted; only a reading that exceeds can be the last straw.
    fn since(&mut self, now_ns: u64, exceeded: Option<bool>, lasting: Duration) -> Option<()> {
        if !exceeded? {
            self.0 = None;
            return None;
        }
        let start = *self.0.get_or_insert(now_ns);
        (u128::from(now_ns.saturating_sub(start)) >= lasting.as_nanos()).then_some(())
    }
}

fn duration(length: Duration) -> String {
    units::time_ns(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn response(above_s: u64, lasting_s: u64) -> AbortWatch {
        AbortWatch::new(Abort {
            response: Some(AbortResponse {
                quantile: 0.99,
                above: Duration::from_secs(above_s),
                lasting: Duration::from_secs(lasting_s),
            }),
            ..Abort::default()
        })
    }

    fn level(above: f64, lasting_s: u64) -> Option<AbortLevel> {
        Some(AbortLevel {
            above,
            lasting: Duration::from_secs(lasting_s),
        })
    }

    fn answered(ns: u64) -> Reading {
        Reading {
            response_ns: Some(ns),
            ..Reading::default()
        }
    }

    #[test]
    fn without_limits_it_never_stops() {
        let mut watch = AbortWatch::new(Abort::default());
        let worst = Reading {
            response_ns: Some(u64::MAX),
            oldest_ns: Some(u64::MAX),
            errors: Some(1.0),
            backlog: u64::MAX,
        };
        for second in 0..10_000 {
            assert_eq!(watch.feed(second * S, &worst), None);
        }
        assert_eq!(watch.quantile(), None);
    }

    #[test]
    fn stops_when_the_response_has_stayed_above_for_so_long() {
        let mut watch = response(10, 60);
        assert_eq!(watch.quantile(), Some(0.99));
        for tenth in 0..600 {
            assert_eq!(watch.feed(5 * S + tenth * S / 10, &answered(12 * S)), None);
        }
        assert_eq!(
            watch.feed(65 * S, &answered(12 * S)).as_deref(),
            Some("response p99 stayed above 10 s for 60 s (12 s at the end)")
        );
    }

    #[test]
    fn one_good_reading_starts_the_wait_anew() {
        let mut watch = response(10, 60);
        assert_eq!(watch.feed(0, &answered(12 * S)), None);
        assert_eq!(
            watch.feed(59 * S, &answered(10 * S)),
            None,
            "10 s is not above 10 s"
        );
        assert_eq!(watch.feed(60 * S, &answered(12 * S)), None);
        assert_eq!(watch.feed(119 * S, &answered(12 * S)), None);
        assert!(watch.feed(120 * S, &answered(12 * S)).is_some());
    }

    #[test]
    fn a_cluster_that_answers_nothing_counts_by_its_oldest_event() {
        let mut watch = response(10, 5);
        let silent = |oldest_s: u64| Reading {
            oldest_ns: Some(oldest_s * S),
            ..Reading::default()
        };
        for second in 0..16 {
            assert_eq!(watch.feed(second * S, &silent(second)), None, "{second}");
        }
        let reason = watch
            .feed(16 * S, &silent(16))
            .expect("11 s to 16 s is 5 s above 10 s");
        assert_eq!(
            reason,
            "response p99 stayed above 10 s for 5 s (no acknowledgements at the end, the oldest event waiting 16 s)"
        );
    }

    #[test]
    fn a_quiet_run_is_not_a_slow_one() {
        let mut watch = response(10, 5);
        for second in 0..100 {
            assert_eq!(watch.feed(second * S, &Reading::default()), None);
        }
    }

    #[test]
    fn errors_survive_seconds_in_which_nothing_ended() {
        let mut watch = AbortWatch::new(Abort {
            errors: level(0.05, 10),
            ..Abort::default()
        });
        let ended = |share: Option<f64>| Reading {
            errors: share,
            ..Reading::default()
        };
        assert_eq!(watch.feed(0, &ended(Some(0.5))), None);
        assert_eq!(watch.feed(9 * S, &ended(None)), None);
        assert_eq!(
            watch.feed(11 * S, &ended(None)),
            None,
            "no evidence stops no run"
        );
        assert_eq!(
            watch.feed(12 * S, &ended(Some(0.25))).as_deref(),
            Some("more than 5 % of the events failed for 10 s (25 % at the end)")
        );
        let mut calm = AbortWatch::new(Abort {
            errors: level(0.05, 10),
            ..Abort::default()
        });
        assert_eq!(calm.feed(0, &ended(Some(0.5))), None);
        assert_eq!(calm.feed(5 * S, &ended(Some(0.05))), None);
        assert_eq!(calm.feed(12 * S, &ended(Some(0.5))), None);
    }

    #[test]
    fn backlog_stops_too() {
        let mut watch = AbortWatch::new(Abort {
            backlog: level(100_000.0, 2),
            ..Abort::default()
        });
        let waiting = |backlog| Reading {
            backlog,
            ..Reading::default()
        };
        assert_eq!(watch.feed(0, &waiting(100_000)), None);
        assert_eq!(watch.feed(S, &waiting(150_000)), None);
        assert_eq!(watch.feed(2 * S, &waiting(150_000)), None);
        assert_eq!(
            watch.feed(3 * S, &waiting(161_000)).as_deref(),
            Some("the backlog stayed above 100k events for 2 s (161,000 events at the end)")
        );
    }
}
