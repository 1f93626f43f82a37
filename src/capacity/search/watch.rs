//! A second of a run, as the search sees it: by limit, how many were beyond it.

use std::time::Duration;

use super::{Bound, Settled, Tally};
use crate::capacity::slo::{Question, questions, subject_name};
use crate::measure::health::{CORE_LIMIT, RUN_QUEUE_LIMIT, STEAL_LIMIT};
use crate::measure::histogram::WindowHistogram;
use crate::measure::line::{FlowLine, GeneratorSecond, WindowLine};
use crate::measure::units;
use crate::scenario::{Limit, Metric, Scenario, Subject};

/// The limits of a scenario that can be watched second by second. What only the end of a run tells (missing, duplicated and reordered
/// records) is judged there.
#[derive(Clone, Debug)]
pub struct Limits {
    watched: Vec<(Question, String)>,
    /// Whether the generator may be found to be the limit.
    judges_generator: bool,
    send_delay_limit_us: u64,
}

impl Limits {
    /// Those of a scenario. `judges_generator`: false on a cluster that shares our process. `send_delay_limit_ns`: the p99 above which
    /// the generator is late.
    pub fn of(scenario: &Scenario, judges_generator: bool, send_delay_limit_ns: u64) -> Limits {
        let watched = questions(scenario).into_iter().filter(is_watched);
        Limits {
            watched: watched
                .map(|question| {
                    let name = subject_name(scenario, question.subject).to_owned();
                    (question, name)
                })
                .collect(),
            judges_generator,
            send_delay_limit_us: send_delay_limit_ns / 1_000,
        }
    }

    /// What the search is told of them.
    pub fn bounds(&self) -> Vec<Bound> {
        let bound = |(question, name): &(Question, String)| Bound {
            name: words(question, name),
            allowed: allowed(question),
        };
        self.watched.iter().map(bound).collect()
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

    /// The response limit that is plotted: the first, as (flow or event, quantile, limit in microseconds).
    pub fn plotted(&self) -> Option<(&Question, &str)> {
        let mut responses = self.watched.iter();
        responses
            .find(|(question, _)| {
                question.metric == Metric::Response && question.quantile.is_some()
            })
            .map(|(question, name)| (question, name.as_str()))
    }

    /// A completed second.
    pub fn settled(&self, line: &WindowLine, action: Option<u32>) -> Settled {
        let tally = |(question, name): &(Question, String)| tally(question, name, line);
        Settled {
            action,
            tallies: self.watched.iter().map(tally).collect(),
            throttled: throttled(line),
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

/// Whether a broker asked the client to wait.
fn throttled(line: &WindowLine) -> bool {
    let client = line.client.iter();
    client
        .flat_map(|client| client.brokers.values())
        .any(|broker| broker.throttle_max_us > 0)
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
            | Metric::Corrupt
            | Metric::Achieved => true,
            Metric::Missing | Metric::Duplicated | Metric::Reordered => false,
            // They count from a spike or an action, of which there is none at a constant rate.
            Metric::Drain | Metric::Recovery | Metric::TimeAbove => false,
        }
}

fn allowed(question: &Question) -> f64 {
    match question.limit {
        Limit::AtMostShare(share) => share,
        Limit::AtLeastShare(share) => 1.0 - share,
        Limit::BelowTime(_) | Limit::AtMostCount(_) => question.quantile.map_or(0.0, |q| 1.0 - q),
    }
}

fn words(question: &Question, name: &str) -> String {
    let row = crate::capacity::slo::Row {
        question: question.clone(),
        name: name.to_owned(),
        after: None,
        measured: crate::capacity::slo::Figure::Nothing,
        windows: None,
        held: false,
    };
    format!("{} of {}", row.what(), row.whom())
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
