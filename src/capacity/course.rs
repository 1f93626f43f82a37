//! The course of a run: what recovery, drain, time above and the cost of actions are worked out from, a few numbers for each second of
//! load. Pure.

use std::collections::BTreeMap;

use crate::measure::line::{WatchedLine, WindowLine};
use crate::scenario::{Limit, Metric, Scenario, Subject};

use super::gather::Gathered;
use super::slo::{Figure, Question, holds, questions, subject_name};

/// What was asked of each second, and what came out. Kept only where an action or an SLO needs it.
#[derive(Clone, Debug, Default)]
pub struct Course {
    is_kept: bool,
    asked: Vec<Asked>,
    flows: Vec<Flow>,
    groups: Vec<String>,
    seconds: Vec<Second>,
    /// Records found duplicated and out of order after the load.
    late: (u64, u64),
}

/// A limit that every second is held against.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) name: String,
    /// It is one of the scenario's SLOs. The others are what recovery and time above compare with.
    pub(super) is_slo: bool,
}

#[derive(Clone, Debug)]
struct Flow {
    name: String,
    has_due: bool,
    /// Events due and not yet ended, now.
    open: i64,
}

/// A second of load.
#[derive(Clone, Debug, Default)]
pub(super) struct Second {
    pub(super) is_warm: bool,
    /// By what is asked.
    pub(super) judged: Vec<Judged>,
    /// By flow, events due and not yet ended as it ended.
    pub(super) backlog: Vec<u64>,
    /// By group, records it was behind as it ended; `None`: not sampled.
    pub(super) lag_records: Vec<Option<u64>>,
    pub(super) lag_us: u64,
    /// Of the user's own groups, those the cluster told of.
    pub(super) watched: BTreeMap<String, WatchedLine>,
    pub(super) response_max_us: Option<u64>,
    pub(super) unanswered: u64,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
}

/// How a limit came out in a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judged {
    /// `None`: there was nothing to judge.
    pub(super) held: Option<bool>,
    /// Of a limit on a time: events at or above it.
    pub(super) above: u64,
}

impl Course {
    /// Nothing happened yet.
    pub(super) fn new(scenario: &Scenario) -> Course {
        let all = questions(scenario);
        let is_kept = !scenario.actions.is_empty()
            || all.iter().any(|question| is_of_the_course(question.metric));
        let mut asked: Vec<Asked> = Vec::new();
        for question in all {
            let is_slo = is_judged_by_the_second(question.metric);
            let question = match question.above {
                Some(_) => compared(&question),
                None if is_slo => question,
                None => continue,
            };
            let name = subject_name(scenario, question.subject).to_owned();
            asked.push(Asked {
                question,
                name,
                is_slo,
            });
        }
        let flow = |flow: &crate::scenario::Flow| Flow {
            name: flow.name.clone(),
            has_due: flow.arrivals.has_due(),
            open: 0,
        };
        Course {
            is_kept,
            asked,
            flows: scenario.flows.iter().map(flow).collect(),
            groups: scenario.consumers.iter().map(|g| g.name.clone()).collect(),
            seconds: Vec::new(),
            late: (0, 0),
        }
    }

    /// Takes the next second of load.
    pub(super) fn line(&mut self, line: &WindowLine) {
        if !self.is_kept {
            return;
        }
        let judged = self.asked.iter().map(|asked| asked.judge(line)).collect();
        let mut second = Second {
            is_warm: line.warm,
            judged,
            watched: line.watched.clone(),
            ..Second::default()
        };
        for flow in &mut self.flows {
            if let Some(of) = line.flows.get(&flow.name) {
                flow.open += of.planned as i64;
                flow.open -= (of.during.acknowledged + of.during.failed) as i64;
                let longest = of.response.as_ref().and_then(|times| times.max_us());
                second.response_max_us = second.response_max_us.max(longest);
                if flow.has_due {
                    second.unanswered += of.beyond_response();
                }
                for (name, count) in &of.errors {
                    *second.errors.entry(name.clone()).or_default() += count;
                }
            }
            let open = if flow.has_due { flow.open } else { 0 };
            second.backlog.push(u64::try_from(open).unwrap_or(0));
        }
        for group in &self.groups {
            let of = line.consume.get(group);
            second.lag_records.push(of.and_then(|of| of.lag_records));
            if let Some(of) = of {
                second.lag_us = second.lag_us.max(of.lag_us.unwrap_or(0));
                second.duplicated += of.duplicated;
                second.reordered += of.reordered;
            }
        }
        self.seconds.push(second);
    }

    /// Takes a second after the load: what the groups that read on found in it.
    pub(super) fn after_load(&mut self, line: &WindowLine) {
        for of in line.consume.values() {
            self.late.0 += of.duplicated;
            self.late.1 += of.reordered;
        }
    }

    /// How many records were found duplicated and out of order after the load.
    pub(super) fn late(&self) -> (u64, u64) {
        self.late
    }

    pub(super) fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    pub(super) fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Whether what a question compares held, second by second.
    pub(super) fn held(&self, question: &Question) -> Vec<Option<bool>> {
        let compared = compared(question);
        let place = self
            .asked
            .iter()
            .position(|asked| asked.question == compared);
        match place {
            Some(place) => self.seconds.iter().map(|s| s.judged[place].held).collect(),
            None => Vec::new(),
        }
    }

    /// Whether every SLO held, second by second; `None` when there is none that can say.
    pub(super) fn all_held(&self) -> Option<Vec<Option<bool>>> {
        let slos: Vec<usize> = (0..self.asked.len())
            .filter(|place| self.asked[*place].is_slo)
            .collect();
        let all = |second: &Second| {
            Some(
                slos.iter()
                    .all(|place| second.judged[*place].held != Some(false)),
            )
        };
        (!slos.is_empty()).then(|| self.seconds.iter().map(all).collect())
    }

    /// A level at the end of each second: the backlog of a flow, or the lag of a group. A second without a reading keeps the one before.
    pub(super) fn level(&self, of: Subject) -> Vec<u64> {
        let mut last = 0;
        let reading = |second: &Second| {
            let now = match of {
                Subject::Flow(flow) => second.backlog.get(flow).copied(),
                Subject::Consume(group) => second.lag_records.get(group).copied().flatten(),
                Subject::Event(_) => None,
            };
            last = now.unwrap_or(last);
            last
        };
        self.seconds.iter().map(reading).collect()
    }
}

impl Asked {
    fn judge(&self, line: &WindowLine) -> Judged {
        let mut of = Gathered::default();
        of.take(&self.question, &self.name, line);
        let figure = of.figure(&self.question, 0);
        Judged {
            held: (figure != Figure::Nothing).then(|| holds(self.question.limit, figure)),
            above: match self.question.limit {
                Limit::BelowTime(limit) if self.question.quantile.is_some() => {
                    of.count_from_us(limit.as_micros() as u64)
                }
                _ => 0,
            },
        }
    }
}

/// Whether an SLO can be held against a single second. A share of what came in is not: it varies from second to second by chance.
fn is_judged_by_the_second(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::Response
            | Metric::Service
            | Metric::EndToEnd
            | Metric::LagRecords
            | Metric::LagTime
            | Metric::Failed
    )
}

/// Whether a metric is worked out from the course.
pub(super) fn is_of_the_course(metric: Metric) -> bool {
    matches!(metric, Metric::Drain | Metric::Recovery | Metric::TimeAbove)
}

/// The limit on the response that recovery and time above compare with.
fn compared(question: &Question) -> Question {
    Question {
        metric: Metric::Response,
        limit: Limit::BelowTime(question.above.unwrap_or_default()),
        above: None,
        after: None,
        every: None,
        all: true,
        ..question.clone()
    }
}
