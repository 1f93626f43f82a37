//! A second of a run, as the search sees it: by limit, how many were beyond it.

use std::time::Duration;

use super::{Bound, Settled, Tally, Windowed};
use crate::capacity::paired::is_throttled;
use crate::capacity::slo::{Figure, Question, Row, duration, questions, subject_name};
use crate::measure::health::{CORE_LIMIT, RUN_QUEUE_LIMIT, STEAL_LIMIT};
use crate::measure::histogram::WindowHistogram;
use crate::measure::line::{FlowLine, GeneratorSecond, WindowLine};
use crate::measure::units;
use crate::scenario::{Limit, Metric, Scenario, Subject};

/// The limits of a scenario, watched second by second. Those that count from a spike or an action are left out: at a constant rate there
/// is none.
#[derive(Clone, Debug)]
pub struct Limits {
    watched: Vec<(Question, String)>,
    /// As people say them, of those left out.
    left_out: Vec<String>,
    /// How long the scenario's own run is, without its warm-up: real seconds.
    run_s: f64,
    /// Whether the generator may be found to be the limit.
    judges_generator: bool,
    send_delay_limit_us: u64,
}

impl Limits {
    /// Those of a scenario. `run`: how long its own run is, which counts and windows are allowed for; warm-up left out.
    /// `judges_generator`: false on a cluster that shares our process. `send_delay_limit_ns`: the p99 above which the generator is late.
    pub fn of(
        scenario: &Scenario,
        run: Duration,
        judges_generator: bool,
        send_delay_limit_ns: u64,
    ) -> Limits {
        let named = |question: Question| {
            let name = subject_name(scenario, question.subject).to_owned();
            (question, name)
        };
        let all = questions(scenario).into_iter().map(named);
        let (watched, left_out): (Vec<_>, Vec<_>) =
            all.partition(|(question, _)| is_watched(question));
        Limits {
            watched,
            left_out: left_out.iter().map(|(q, name)| words(q, name)).collect(),
            run_s: run.as_secs_f64().max(1.0),
            judges_generator,
            send_delay_limit_us: send_delay_limit_ns / 1_000,
        }
    }

    /// What the search is told of them.
    pub fn bounds(&self) -> Vec<Bound> {
        let bound = |(question, name): &(Question, String)| bound(question, name, self.run_s);
        self.watched.iter().map(bound).collect()
    }

    /// Limits that a search can't judge, as people say them: `recovery (response p99 < 1 s) of flow shoppers`.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The longest of the windows by which limits are judged; zero: none is judged so.
    pub fn longest_window(&self) -> Duration {
        let windows = self.watched.iter().filter_map(|(q, _)| q.every);
        windows.map(|every| every.window).max().unwrap_or_default()
    }

    /// The longest time that a limit on response times allows; `None`: none limits them.
    pub fn patience(&self) -> Option<Duration> {
        self.times().max()
    }

    /// The shortest.
    pub fn tightest(&self) -> Option<Duration> {
        self.times().min()
    }

    fn times(&self) -> impl Iterator<Item = Duration> {
        let watched = self.watched.iter();
        watched.filter_map(|(question, _)| match (question.metric, question.limit) {
            (Metric::Response | Metric::EndToEnd, Limit::BelowTime(limit)) => Some(limit),
            _ => None,
        })
    }

    /// The response limit that is plotted, the first, and the name of the flow or event it is about.
    pub fn plotted(&self) -> Option<(&Question, &str)> {
        let (question, name) = &self.watched[self.plotted_index()?];
        Some((question, name.as_str()))
    }

    /// Its place among [`Limits::bounds`].
    pub fn plotted_index(&self) -> Option<usize> {
        let is_plotted = |(question, _): &(Question, String)| {
            question.metric == Metric::Response && question.quantile.is_some()
        };
        self.watched.iter().position(is_plotted)
    }

    /// A completed second.
    pub fn settled(&self, line: &WindowLine, action: Option<u32>) -> Settled {
        let tally = |(question, name): &(Question, String)| tally(question, name, line);
        Settled {
            action,
            tallies: self.watched.iter().map(tally).collect(),
            throttled: is_throttled(line),
            complaint: self.complaint(line),
        }
    }

    /// What the generator has to complain of, by the limits of [`health`](crate::measure::health).
    fn complaint(&self, line: &WindowLine) -> Option<String> {
        if !self.judges_generator {
            return None;
        }
        let used = line.generator.as_ref()?;
        busy(used).or_else(|| {
            let mut delays = WindowHistogram::new();
            let with_room = line.flows.values().filter(|flow| !flow.queue_full);
            with_room
                .filter_map(|flow| flow.send_delay.as_ref())
                .for_each(|delay| delays.merge(delay));
            let p99_us = delays
                .quantile_us(0.99, 0)
                .filter(|_| delays.count() >= 100)?;
            (p99_us > self.send_delay_limit_us).then(|| {
                let delay = units::time_us(p99_us);
                format!("the send delay's p99 was {delay} while the client's queue had room")
            })
        })
    }
}

fn busy(used: &GeneratorSecond) -> Option<String> {
    let ours = used.busiest.starts_with("hw-")
        || (used.busiest.starts_with("rdk:") && !used.busiest.starts_with("rdk:mock"));
    if ours && used.busiest_core > CORE_LIMIT {
        let share = units::share(used.busiest_core);
        return Some(format!("thread {} used {share} of a core", used.busiest));
    }
    if used.run_queue_delay > RUN_QUEUE_LIMIT {
        let share = units::share(used.run_queue_delay);
        return Some(format!("a thread waited for a core {share} of the time"));
    }
    if used.throttled > 0 {
        return Some("the container's cpu quota stopped us".to_owned());
    }
    (used.steal > STEAL_LIMIT).then(|| "the hypervisor took a part of this machine".to_owned())
}

fn is_watched(question: &Question) -> bool {
    question.subject.is_some()
        && match question.metric {
            Metric::Response
            | Metric::Service
            | Metric::EndToEnd
            | Metric::SendDelay
            | Metric::LagRecords
            | Metric::LagTime
            | Metric::Failed
            | Metric::Missing
            | Metric::Corrupt
            | Metric::Duplicated
            | Metric::Reordered
            | Metric::Achieved => true,
            // They count from a spike or an action, of which there is none at a constant rate.
            Metric::Drain | Metric::Recovery | Metric::TimeAbove => false,
        }
}

/// The limit of a question, in a scenario whose own run lasts `run_s` seconds.
fn bound(question: &Question, name: &str, run_s: f64) -> Bound {
    let every = question.every.map(|every| {
        // As the judge of a run has them: whole seconds, the last window cut short by the end.
        let seconds = u32::try_from(every.window.as_secs()).unwrap_or(u32::MAX);
        let seconds = seconds.max(1);
        let windows = (run_s / f64::from(seconds)).ceil().max(1.0);
        Windowed {
            seconds,
            allowed: (f64::from(every.allow) / windows).min(1.0),
        }
    });
    let is_level = matches!(question.metric, Metric::LagRecords | Metric::LagTime);
    let over_s = every.map_or(run_s, |every| f64::from(every.seconds));
    let (allowed, per_second) = match question.limit {
        Limit::AtMostShare(share) => (share, false),
        Limit::AtLeastShare(share) => (1.0 - share, false),
        Limit::AtMostCount(count) if !is_level => (count as f64 / over_s, true),
        Limit::BelowTime(_) | Limit::AtMostCount(_) => {
            (question.quantile.map_or(0.0, |q| 1.0 - q), false)
        }
    };
    Bound {
        name: words(question, name),
        allowed,
        per_second,
        every,
    }
}

fn words(question: &Question, name: &str) -> String {
    let row = Row {
        question: question.clone(),
        name: name.to_owned(),
        after: None,
        measured: Figure::Nothing,
        windows: None,
        held: false,
    };
    let windows = question.every.map_or_else(String::new, |every| {
        format!(" in windows of {}", duration(every.window))
    });
    format!("{} of {}{windows}", row.what(), row.whom())
}

fn tally(question: &Question, name: &str, line: &WindowLine) -> Tally {
    match question.subject {
        Some(Subject::Flow(_)) => line.flows.get(name).map(|flow| of_flow(question, flow)),
        Some(Subject::Event(_)) => line.events.get(name).map(|event| match question.metric {
            Metric::Failed => {
                let failed = event.failed.saturating_sub(event.refused);
                share(failed, event.acknowledged + event.beyond_response())
            }
            _ => times(question, Some(&event.response), event.beyond_response()),
        }),
        Some(Subject::Consume(_)) => line.consume.get(name).map(|group| match question.metric {
            Metric::EndToEnd => times(question, Some(&group.end_to_end), 0),
            Metric::LagRecords => level(question, group.lag_records),
            Metric::LagTime => level(question, group.lag_us),
            Metric::Missing => share(group.missing, group.during.records + group.missing),
            Metric::Duplicated => share(group.duplicated, group.during.records),
            Metric::Reordered => share(group.reordered, group.during.records),
            _ => share(group.during.corrupt, group.during.records),
        }),
        None => None,
    }
    .unwrap_or_default()
}

fn of_flow(question: &Question, flow: &FlowLine) -> Tally {
    let minus = |count: u64| count.saturating_sub(flow.refused);
    match question.metric {
        Metric::Response => times(question, flow.response.as_ref(), flow.beyond_response()),
        Metric::Service => times(question, Some(&flow.service), flow.beyond_service()),
        Metric::SendDelay => times(question, flow.send_delay.as_ref(), flow.beyond_send_delay()),
        Metric::Failed => share(minus(flow.failed), minus(flow.sent)),
        // Whatever comes due in a second may be answered in the next: only their sums agree.
        _ => Tally {
            over: minus(flow.planned) as f64 - flow.during.acknowledged as f64,
            of: minus(flow.planned) as f64,
        },
    }
}

fn times(question: &Question, times: Option<&WindowHistogram>, beyond: u64) -> Tally {
    let Limit::BelowTime(limit) = question.limit else {
        return Tally::default();
    };
    // The limit itself is beyond: what is asked for lies below it.
    let highest_us = (limit.as_nanos() as u64).saturating_sub(1) / 1_000;
    let (over, of) = times.map_or((0, 0), |times| {
        (times.count_above_us(highest_us), times.count())
    });
    share(over + beyond, of + beyond)
}

fn level(question: &Question, level: Option<u64>) -> Tally {
    let highest = match question.limit {
        Limit::AtMostCount(count) => count,
        Limit::BelowTime(limit) => (limit.as_nanos() as u64).saturating_sub(1) / 1_000,
        _ => return Tally::default(),
    };
    level.map_or_else(Tally::default, |level| share(u64::from(level > highest), 1))
}

fn share(over: u64, of: u64) -> Tally {
    Tally {
        over: over as f64,
        of: of as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::tests::scenario;
    use crate::measure::line::{GroupDuring, GroupLine};
    use crate::scenario::{Every, Slo};

    fn slo(metric: Metric, limit: Limit) -> Slo {
        Slo {
            metric,
            subject: None,
            quantile: None,
            limit,
            every: None,
            above: None,
            after: None,
            all: true,
            implied: false,
        }
    }

    /// The limits of a scenario whose own run lasts a minute.
    fn limits(slos: Vec<Slo>) -> Limits {
        let scenario = Scenario { slos, ..scenario() };
        Limits::of(&scenario, Duration::from_secs(60), true, 1_000_000)
    }

    #[test]
    fn what_groups_find_is_judged_second_by_second() {
        let metrics = [
            Metric::Missing,
            Metric::Corrupt,
            Metric::Duplicated,
            Metric::Reordered,
        ];
        let limits = limits(metrics.map(|m| slo(m, Limit::AtMostCount(0))).into());
        let names: Vec<String> = limits.bounds().into_iter().map(|b| b.name).collect();
        assert_eq!(names.len(), 8, "of two groups each: {names:?}");
        assert_eq!(names[0], "missing of group analytics");
        let mut line = WindowLine::default();
        line.consume.insert(
            "audit".to_owned(),
            GroupLine {
                during: GroupDuring {
                    records: 100,
                    corrupt: 2,
                    ..GroupDuring::default()
                },
                missing: 1,
                duplicated: 3,
                reordered: 4,
                ..GroupLine::default()
            },
        );
        let tallies = limits.settled(&line, Some(7)).tallies;
        let of_audit: Vec<(f64, f64)> = tallies
            .iter()
            .skip(1)
            .step_by(2)
            .map(|tally| (tally.over, tally.of))
            .collect();
        assert_eq!(
            of_audit,
            [(1.0, 101.0), (2.0, 100.0), (3.0, 100.0), (4.0, 100.0)]
        );
    }

    #[test]
    fn counts_and_windows_are_those_of_the_scenarios_own_run() {
        let mut failed = slo(Metric::Failed, Limit::AtMostCount(30));
        let per_run = limits(vec![failed.clone()]).bounds();
        assert_eq!((per_run[0].allowed, per_run[0].per_second), (0.5, true));
        // Every 8 s, 2 may: of eight windows, the last of which is cut short.
        failed.every = Some(Every {
            window: Duration::from_secs(8),
            allow: 2,
        });
        let limits = limits(vec![failed]);
        let windowed = &limits.bounds()[0];
        assert_eq!(windowed.allowed, 30.0 / 8.0, "30 in each window");
        let every = windowed.every.expect("it has windows");
        assert_eq!((every.seconds, every.allowed), (8, 0.25));
        assert_eq!(windowed.name, "failed of flow shoppers in windows of 8 s");
        assert_eq!(limits.longest_window(), Duration::from_secs(8));
    }

    #[test]
    fn a_lag_is_a_level_and_what_counts_from_a_spike_is_left_out() {
        let lag = slo(Metric::LagRecords, Limit::AtMostCount(500));
        let drain = slo(Metric::Drain, Limit::BelowTime(Duration::from_secs(30)));
        let limits = limits(vec![lag, drain]);
        let bounds = limits.bounds();
        assert_eq!(bounds.len(), 2);
        assert!(bounds.iter().all(|b| b.allowed == 0.0 && !b.per_second));
        assert_eq!(limits.left_out().len(), 2);
        assert_eq!(limits.left_out()[0], "time to drain of group analytics");
    }
}
