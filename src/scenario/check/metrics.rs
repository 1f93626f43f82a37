//! What each metric of an SLO takes: its subject, its limit, quantiles and windows.

use std::time::Duration;

use toml::Spanned;

use super::super::scalar::Amount;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{Every, Limit, Metric};

/// What a metric takes.
pub(super) struct Rules {
    pub metric: Metric,
    /// The place of its word.
    pub at: Span,
    /// How messages call it.
    pub word: &'static str,
    pub about: About,
    pub measured: Measured,
    pub windows: bool,
    /// Compares a quantile, second by second, with `limit`.
    pub compares: bool,
    /// May be counted after an action or spikes.
    pub aftermath: bool,
}

#[derive(PartialEq)]
pub(super) enum About {
    FlowOrEvent,
    Flow,
    Consume,
    ConsumeOrFlow,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Measured {
    /// A time, by quantile.
    Quantile,
    /// The longest time.
    Time,
    /// A stretch of time.
    Lapse,
    /// A number of records.
    Records,
    /// A number of records, or their share.
    RecordsOrShare,
    /// A share that must be reached.
    Reached,
}

/// The rules of a metric.
pub(super) fn rules(metric: &Spanned<wire::Metric>) -> Rules {
    use About::{Consume, ConsumeOrFlow, Flow, FlowOrEvent};
    use Measured::{Lapse, Quantile, Reached, Records, RecordsOrShare};
    let at = metric.span();
    let (metric, word, about, measured, windows) = match *metric.get_ref() {
        wire::Metric::Response => (Metric::Response, "response", FlowOrEvent, Quantile, true),
        wire::Metric::Service => (Metric::Service, "service", Flow, Quantile, true),
        wire::Metric::SendDelay => (Metric::SendDelay, "send_delay", Flow, Quantile, true),
        wire::Metric::EndToEnd => (Metric::EndToEnd, "end_to_end", Consume, Quantile, true),
        wire::Metric::LagRecords => (Metric::LagRecords, "lag_records", Consume, Records, true),
        wire::Metric::LagTime => (Metric::LagTime, "lag_time", Consume, Measured::Time, true),
        wire::Metric::Failed => (Metric::Failed, "failed", Flow, RecordsOrShare, true),
        wire::Metric::Missing => (Metric::Missing, "missing", Consume, RecordsOrShare, false),
        wire::Metric::Corrupt => (Metric::Corrupt, "corrupt", Consume, RecordsOrShare, false),
        wire::Metric::Duplicated => (
            Metric::Duplicated,
            "duplicated",
            Consume,
            RecordsOrShare,
            false,
        ),
        wire::Metric::Reordered => (
            Metric::Reordered,
            "reordered",
            Consume,
            RecordsOrShare,
            false,
        ),
        wire::Metric::Achieved => (Metric::Achieved, "achieved", Flow, Reached, true),
        wire::Metric::Drain => (Metric::Drain, "drain", ConsumeOrFlow, Lapse, false),
        wire::Metric::Recovery => (Metric::Recovery, "recovery", FlowOrEvent, Lapse, false),
        wire::Metric::TimeAbove => (Metric::TimeAbove, "time_above", FlowOrEvent, Lapse, false),
    };
    Rules {
        metric,
        at,
        word,
        about,
        measured,
        windows,
        compares: matches!(metric, Metric::Recovery | Metric::TimeAbove),
        aftermath: matches!(metric, Metric::Drain | Metric::Recovery | Metric::TimeAbove),
    }
}

/// The limit. `None` after an error.
pub(super) fn limit(
    findings: &mut Findings<'_>,
    wire: &wire::Slo,
    rules: &Rules,
    place: &Span,
) -> Option<Limit> {
    let given: Vec<(&str, &Spanned<Amount>)> = [
        ("below", &wire.below),
        ("at_most", &wire.at_most),
        ("at_least", &wire.at_least),
    ]
    .into_iter()
    .filter_map(|(word, amount)| Some((word, amount.as_ref()?)))
    .collect();
    let example = match rules.measured {
        Measured::Quantile | Measured::Time => "a time, as in below = \"100ms\"",
        Measured::Lapse => "a time, as in below = \"30s\"",
        Measured::Records => "a number of records, as in at_most = \"1M\"",
        Measured::RecordsOrShare => "a number of records or a share, as in at_most = 0.001",
        Measured::Reached => "a share, as in at_least = 0.995",
    };
    let (word, amount) = match given.as_slice() {
        [] => {
            let message = format!("this SLO on `{}` has no limit", rules.word);
            findings.error(place.clone(), message).label = format!("expected {example}");
            return None;
        }
        [one] => *one,
        [(first, _), (second, amount), ..] => {
            let message = format!("`{second}` beside `{first}`: an SLO has one limit");
            findings.error(amount.span(), message).label = "leave one out".into();
            return None;
        }
    };
    let limit = match (&rules.measured, word, amount.get_ref()) {
        (
            Measured::Quantile | Measured::Time | Measured::Lapse,
            "below" | "at_most",
            Amount::Time(time),
        ) if *time > Duration::ZERO => Some(Limit::BelowTime(*time)),
        (Measured::Records | Measured::RecordsOrShare, "at_most", Amount::Count(n)) => {
            Some(Limit::AtMostCount(*n))
        }
        (Measured::Records | Measured::RecordsOrShare, "below", Amount::Count(n)) if *n > 0 => {
            Some(Limit::AtMostCount(n - 1))
        }
        (Measured::RecordsOrShare, "at_most" | "below", Amount::Share(x)) if *x <= 1.0 => {
            Some(Limit::AtMostShare(*x))
        }
        (Measured::Reached, "at_least", Amount::Share(x)) if *x <= 1.0 => {
            Some(Limit::AtLeastShare(*x))
        }
        (Measured::Reached, "at_least", Amount::Count(1)) => Some(Limit::AtLeastShare(1.0)),
        _ => None,
    };
    if limit.is_none() {
        let message = format!("this is no limit for `{}`", rules.word);
        findings.error(amount.span(), message).label = format!("expected {example}");
    }
    limit
}

/// The quantile. The outer `None` is after an error.
pub(super) fn quantile(
    findings: &mut Findings<'_>,
    wire: &wire::Slo,
    rules: &Rules,
) -> Option<Option<f64>> {
    match (&wire.quantile, &rules.measured) {
        (Some(q), Measured::Quantile | Measured::Time) => Some(Some(q.get_ref().0)),
        (Some(q), Measured::Lapse) if rules.compares => Some(Some(q.get_ref().0)),
        (Some(q), _) => {
            let message = format!("`{}` has no quantiles", rules.word);
            findings.error(q.span(), message).label = "leave it out".into();
            None
        }
        (None, measured) if *measured == Measured::Quantile || rules.compares => {
            let message = format!("`quantile` is missing in an SLO on `{}`", rules.word);
            findings.error(rules.at.clone(), message).label = "as in quantile = 0.99".into();
            None
        }
        (None, _) => Some(None),
    }
}

/// Judged window by window? The outer `None` is after an error.
pub(super) fn every(
    findings: &mut Findings<'_>,
    wire: &wire::Slo,
    rules: &Rules,
) -> Option<Option<Every>> {
    let Some(every) = &wire.every else {
        if let Some(allow) = &wire.allow {
            findings
                .error(
                    allow.span(),
                    "`allow` counts windows, and there is no `every`",
                )
                .label = "as in every = \"10s\"".into();
            return None;
        }
        return Some(None);
    };
    if !rules.windows {
        let message = format!("`{}` is judged over the whole run", rules.word);
        findings.error(every.span(), message).label = "leave `every` out".into();
        return None;
    }
    let window = every.get_ref().0;
    if window.is_zero() || window.subsec_nanos() != 0 {
        findings
            .error(every.span(), "windows are whole seconds")
            .label = "as in \"10s\"".into();
        return None;
    }
    let allow = wire.allow.as_ref();
    let most = u64::from(u32::MAX);
    Some(Some(Every {
        window,
        allow: super::bounded(findings, allow, "`allow`", 0..=most, 0) as u32,
    }))
}

/// What a quantile is compared with second by second. The outer `None` is after an error.
pub(super) fn above(
    findings: &mut Findings<'_>,
    wire: &wire::Slo,
    rules: &Rules,
) -> Option<Option<Duration>> {
    match &wire.limit {
        Some(limit) if !rules.compares => {
            let message = format!("`{}` has no `limit` beside its own", rules.word);
            findings.error(limit.span(), message).label =
                "only recovery and time_above compare with one".into();
            None
        }
        Some(limit) if limit.get_ref().0.is_zero() => {
            findings
                .error(limit.span(), "the response is never below 0")
                .label = "as in limit = \"100ms\"".into();
            None
        }
        Some(limit) => Some(Some(limit.get_ref().0)),
        None if rules.compares => {
            let message = format!("`limit` is missing in an SLO on `{}`", rules.word);
            findings.error(rules.at.clone(), message).label =
                "what the response is compared with, as in limit = \"100ms\"".into();
            None
        }
        None => Some(None),
    }
}
