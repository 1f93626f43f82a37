//! A judged SLO in words: what was limited, whom it is about, and a sentence that says how it was missed.

use std::time::Duration;

use super::{Figure, Question, Row, Windows};
use crate::measure::units;
use crate::scenario::{Limit, Metric, Subject};

impl Row {
    /// What was limited, as people say it: `response p99`, `missing`.
    pub fn what(&self) -> String {
        let metric = metric_words(self.question.metric);
        match (self.question.quantile, self.question.above) {
            (Some(q), Some(above)) => format!(
                "{metric} (response {} < {})",
                units::quantile(q),
                duration(above)
            ),
            (Some(q), None) => format!("{metric} {}", units::quantile(q)),
            (None, _) => metric.to_owned(),
        }
    }

    /// Whom it is about: `flow shoppers`, `group analytics`.
    pub fn whom(&self) -> String {
        match self.question.subject {
            Some(Subject::Flow(_)) => format!("flow {}", self.name),
            Some(Subject::Event(_)) => format!("event {}", self.name),
            Some(Subject::Consume(_)) => format!("group {}", self.name),
            None => "nobody".to_owned(),
        }
    }

    /// What was measured, with its unit. [`Figure::Beyond`] reads `> 30 s`.
    pub fn measured_text(&self) -> String {
        figure_text(self.measured)
    }

    /// The limit, with its sign and unit: `< 100 ms`, `= 0`, `≤ 0.1 %`, `≥ 99.5 %`.
    pub fn limit_text(&self) -> String {
        limit_words(&self.question)
    }

    /// One sentence that says how the limit was missed, or that it could not be judged.
    pub fn sentence(&self) -> String {
        let (what, whom) = (self.what(), self.whom());
        if self.question.subject.is_none() {
            return format!(
                "{what} has a limit, but the scenario has no flow or group to measure it on"
            );
        }
        if let Some(after) = &self.after
            && let Some(sentence) = self.aftermath(after)
        {
            return sentence;
        }
        if self.measured == Figure::Nothing {
            return format!(
                "{what} of {whom} could not be judged: there was nothing to measure it on"
            );
        }
        if let Some(windows) = self.windows {
            let Windows {
                every,
                judged,
                missed,
            } = windows;
            return format!(
                "{what} of {whom} missed {} in {missed} of {judged} windows of {}, {} may; the worst was {}",
                self.limit_text(),
                duration(every.window),
                every.allow,
                self.measured_text(),
            );
        }
        match (self.question.limit, self.measured) {
            (_, Figure::Beyond(us)) => format!(
                "{what} of {whom} is unknown but longer than {}: too many events were never acknowledged; the limit is {}",
                units::time_us(us),
                self.limit_text(),
            ),
            (Limit::AtMostCount(0), Figure::Count(count)) => {
                format!(
                    "{} {}; none may",
                    counted(count, self.question.metric, &whom),
                    state(self.question.metric)
                )
            }
            _ => format!(
                "{what} of {whom} was {}, the limit is {}{}",
                self.measured_text(),
                self.limit_text(),
                self.how_far(),
            ),
        }
    }

    /// The sentence about something that is counted after an action or spikes.
    fn aftermath(&self, after: &str) -> Option<String> {
        let (what, whom) = (self.what(), self.whom());
        match self.measured {
            Figure::Nothing => Some(format!(
                "{what} of {whom} after {after} could not be judged: it did not take place, or too little load came after it"
            )),
            Figure::Beyond(us) => Some(format!(
                "{what} of {whom} did not come within the {} of load after {after}; the limit is {}",
                units::time_us(us),
                self.limit_text(),
            )),
            Figure::Time(_) => Some(format!(
                "{what} of {whom} was {} after {after}, the limit is {}{}",
                self.measured_text(),
                self.limit_text(),
                self.how_far(),
            )),
            _ => None,
        }
    }

    /// How far above a limit, where it is far: `: 4.1 times as much`.
    fn how_far(&self) -> String {
        match self.of_limit() {
            Some(ratio) if ratio >= 2.0 => format!(": {} times as much", units::short(ratio)),
            _ => String::new(),
        }
    }
}

/// The subject of the sentence about a count: `12 records of group audit`.
fn counted(count: u64, metric: Metric, whom: &str) -> String {
    if metric == Metric::Failed {
        return format!("{} of {whom}", units::counted(count, "events"));
    }
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} of {whom} {verb}", units::counted(count, "records"))
}

/// What became of counted events or records.
fn state(metric: Metric) -> &'static str {
    match metric {
        Metric::Failed => "failed",
        Metric::Corrupt => "corrupt",
        Metric::Duplicated => "duplicated",
        Metric::Reordered => "out of order",
        Metric::LagRecords => "behind",
        _ => "missing",
    }
}

/// A metric as prose spells it.
fn metric_words(metric: Metric) -> &'static str {
    match metric {
        Metric::Response => "response",
        Metric::Service => "service",
        Metric::EndToEnd => "end-to-end",
        Metric::SendDelay => "send delay",
        Metric::LagRecords => "lag in records",
        Metric::LagTime => "lag in time",
        Metric::Failed => "failed",
        Metric::Missing => "missing",
        Metric::Corrupt => "corrupt",
        Metric::Duplicated => "duplicated",
        Metric::Reordered => "reordered",
        Metric::Achieved => "achieved",
        Metric::Drain => "time to drain",
        Metric::Recovery => "time to recover",
        Metric::TimeAbove => "time above",
    }
}

/// A question's limit, with its sign and unit.
pub(in crate::capacity) fn limit_words(question: &Question) -> String {
    match question.limit {
        Limit::BelowTime(limit) => format!("< {}", duration(limit)),
        Limit::AtMostCount(0) => "= 0".to_owned(),
        Limit::AtMostCount(limit) => format!("≤ {}", units::count(limit)),
        Limit::AtMostShare(limit) => format!("≤ {}", units::share(limit)),
        Limit::AtLeastShare(limit) => format!("≥ {}", units::share(limit)),
    }
}

/// A figure with its unit.
fn figure_text(figure: Figure) -> String {
    match figure {
        Figure::Time(us) => units::time_us(us),
        Figure::Beyond(us) => format!("> {}", units::time_us(us)),
        Figure::Count(count) => units::count(count),
        Figure::Share(share) => units::share(share),
        Figure::Nothing => "no samples".to_owned(),
    }
}

/// A length of time with its unit.
pub(in crate::capacity) fn duration(length: Duration) -> String {
    units::time_ns(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
}
