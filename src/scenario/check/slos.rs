//! SLOs: what each metric takes, whom it is about, and the three that are always there.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::read::{Read, read};
use super::super::scalar::{Amount, Text};
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{
    Arrivals, Consume, Event, Every, Flow, Limit, Metric, Slo, StampPlace, Subject,
};
use super::{Table, resolve};

/// The scenario that SLOs are about.
pub(super) struct Whole<'a> {
    pub flows: &'a [Table<wire::Flow>],
    pub checked_flows: &'a [Option<Flow>],
    pub events: &'a [Table<wire::Event>],
    pub checked_events: &'a [Option<Event>],
    pub groups: &'a [Table<wire::Consume>],
    pub consumers: &'a [Option<Consume>],
    pub compress: f64,
}

/// Reads `[[slo]]`, and adds what is always there.
pub(super) fn slos(findings: &mut Findings<'_>, root: &DeTable<'_>, whole: &Whole<'_>) -> Vec<Slo> {
    let mut slos = Vec::new();
    if let Some((key, value)) = root.get_key_value("slo") {
        let DeValue::Array(list) = value.get_ref() else {
            findings.error(key.span(), "SLOs are a list").label =
                "expected [[slo]], with two brackets".into();
            return slos;
        };
        for item in list.iter() {
            let wire: Option<Read<wire::Slo>> = read(findings, "[[slo]]", item.span(), item);
            // With parts taken out, the rest would be judged wrongly.
            let wire = wire.filter(|r| r.whole).map(|r| r.value);
            slos.extend(wire.and_then(|wire| slo(findings, whole, &wire, item.span())));
        }
    }
    let mut implied = Vec::new();
    for metric in [Metric::Missing, Metric::Corrupt, Metric::Failed] {
        imply(metric, whole, &slos, &mut implied);
    }
    slos.extend(implied);
    slos
}

/// Adds `metric = 0` for each flow or group that no SLO of the metric is about.
fn imply(metric: Metric, whole: &Whole<'_>, stated: &[Slo], into: &mut Vec<Slo>) {
    let about = |subject: Option<Subject>| {
        stated
            .iter()
            .any(|s| s.metric == metric && s.subject == subject)
    };
    if about(None) {
        return;
    }
    let subjects: Vec<Subject> = match metric {
        Metric::Failed => (0..whole.flows.len()).map(Subject::Flow).collect(),
        _ => (0..whole.groups.len()).map(Subject::Consume).collect(),
    };
    let open: Vec<Subject> = subjects
        .iter()
        .copied()
        .filter(|s| !about(Some(*s)))
        .collect();
    let all = open.len() == subjects.len();
    let named = open.iter().copied().map(Some).collect();
    let left: Vec<Option<Subject>> = match all && !open.is_empty() {
        true => vec![None],
        false => named,
    };
    into.extend(left.into_iter().map(|subject| Slo {
        metric,
        subject,
        quantile: None,
        limit: Limit::AtMostCount(0),
        every: None,
        all: true,
        implied: true,
    }));
}

/// What a metric takes.
struct Rules {
    metric: Metric,
    /// The place of its word.
    at: Span,
    /// How messages call it.
    word: &'static str,
    about: About,
    measured: Measured,
    windows: bool,
}

#[derive(PartialEq)]
enum About {
    FlowOrEvent,
    Flow,
    Consume,
}

#[derive(PartialEq)]
enum Measured {
    /// A time, by quantile.
    Quantile,
    /// The longest time.
    Time,
    /// A number of records.
    Records,
    /// A number of records, or their share.
    RecordsOrShare,
    /// A share that must be reached.
    Reached,
}

/// The rules of a metric; `None` for one that comes later.
fn rules(metric: &Spanned<wire::Metric>) -> Result<Rules, &'static str> {
    use About::{Consume, Flow, FlowOrEvent};
    use Measured::{Quantile, Reached, Records, RecordsOrShare};
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
        wire::Metric::Drain => return Err("drain"),
        wire::Metric::Recovery => return Err("recovery"),
        wire::Metric::TimeAbove => return Err("time_above"),
    };
    Ok(Rules {
        metric,
        at,
        word,
        about,
        measured,
        windows,
    })
}

fn slo(
    findings: &mut Findings<'_>,
    whole: &Whole<'_>,
    wire: &wire::Slo,
    place: Span,
) -> Option<Slo> {
    let Some(metric) = &wire.metric else {
        findings
            .error(place, "`metric` is missing in [[slo]]")
            .label = "needs `metric`".into();
        return None;
    };
    let at = metric.span();
    let rules = match rules(metric) {
        Ok(rules) => rules,
        Err(later) => {
            findings.later(at, &format!("the metric `{later}`"));
            return None;
        }
    };
    let subject = subject(findings, whole, wire, &rules);
    let limit = limit(findings, wire, &rules, &place);
    let quantile = quantile(findings, wire, &rules);
    let every = every(findings, wire, &rules);
    if rules.metric == Metric::LagTime
        && whole.compress > 1.0
        && wire.allow_compressed != Some(true)
    {
        let problem = findings.error(at, "spikes are over in less real time when compressed");
        problem.label = format!("`{}` is not comparable then", rules.word);
        problem.help = Some("say allow_compressed = true if it is meant so".into());
        return None;
    }
    Some(Slo {
        metric: rules.metric,
        subject: subject?,
        quantile: quantile?,
        limit: limit?,
        every: every?,
        all: wire.from == Some(wire::Judged::All),
        implied: false,
    })
}

/// Whom it is about. `None` after an error.
fn subject(
    findings: &mut Findings<'_>,
    whole: &Whole<'_>,
    wire: &wire::Slo,
    rules: &Rules,
) -> Option<Option<Subject>> {
    let given: Vec<(&str, &Spanned<Text>)> = [
        ("flow", &wire.flow),
        ("event", &wire.event),
        ("consume", &wire.consume),
    ]
    .into_iter()
    .filter_map(|(word, name)| Some((word, name.as_ref()?)))
    .collect();
    let allowed: &[&str] = match rules.about {
        About::FlowOrEvent => &["flow", "event"],
        About::Flow => &["flow"],
        About::Consume => &["consume"],
    };
    if let Some((word, name)) = given.iter().find(|(word, _)| !allowed.contains(word)) {
        let message = format!("`{}` is not measured by {word}", rules.word);
        findings.error(name.span(), message).label = format!("by {}", allowed.join(" or "));
        return None;
    }
    if rules.about == About::Consume && whole.groups.is_empty() {
        let message = format!("`{}` is measured by consumers", rules.word);
        findings.error(rules.at.clone(), message).label = "this scenario has no [consume.X]".into();
        return None;
    }
    let subject = match given.as_slice() {
        [] => None,
        [(word, name)] => {
            let (text, span) = (name.get_ref().0.as_str(), name.span());
            Some(match *word {
                "flow" => Subject::Flow(resolve(findings, word, whole.flows, text, span)?),
                "event" => Subject::Event(resolve(findings, word, whole.events, text, span)?),
                _ => Subject::Consume(resolve(findings, word, whole.groups, text, span)?),
            })
        }
        [_, (word, name), ..] => {
            findings
                .error(name.span(), "an SLO is about one thing")
                .label = format!("leave `{word}` out, or write a second [[slo]]");
            return None;
        }
    };
    measurable(findings, whole, rules, subject).then_some(subject)
}

/// Whether the subject has what is measured. False after an error.
fn measurable(
    findings: &mut Findings<'_>,
    whole: &Whole<'_>,
    rules: &Rules,
    subject: Option<Subject>,
) -> bool {
    let unthrottled = |flow: &&Flow| flow.arrivals == Arrivals::Unthrottled;
    let needs_due = matches!(
        rules.metric,
        Metric::Response | Metric::SendDelay | Metric::Achieved
    );
    let flow = whole
        .checked_flows
        .iter()
        .enumerate()
        .find(|(index, flow)| {
            let concerned = match subject {
                None => true,
                Some(Subject::Flow(wanted)) => *index == wanted,
                Some(Subject::Event(event)) => flow
                    .as_ref()
                    .is_some_and(|f| f.mix.iter().any(|(e, _)| *e == event)),
                Some(Subject::Consume(_)) => false,
            };
            concerned && flow.as_ref().filter(unthrottled).is_some()
        });
    if let (true, Some((index, _))) = (needs_due, flow) {
        let message = format!(
            "{} is unthrottled: it has no due instants",
            whole.flows[index].what
        );
        let problem = findings.error(rules.at.clone(), message);
        problem.label = format!("no `{}` SLO there", rules.word);
        problem.help = Some("judge `service`, or name another flow".into());
        return false;
    }
    let Some(Subject::Consume(group)) = subject else {
        return true;
    };
    let unstamped = matches!(
        rules.metric,
        Metric::EndToEnd
            | Metric::Missing
            | Metric::Corrupt
            | Metric::Duplicated
            | Metric::Reordered
    ) && whole.consumers[group].as_ref().is_some_and(|c| {
        let mut read = whole
            .checked_events
            .iter()
            .flatten()
            .filter(|e| c.topics.contains(&e.topic));
        read.all(|e| e.stamp == StampPlace::None)
    });
    if unstamped {
        let message = format!("{} reads no event with a stamp", whole.groups[group].what);
        findings.error(rules.at.clone(), message).label =
            format!("`{}` can't be measured without", rules.word);
    }
    !unstamped
}

/// The limit. `None` after an error.
fn limit(
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
        (Measured::Quantile | Measured::Time, "below" | "at_most", Amount::Time(time))
            if *time > Duration::ZERO =>
        {
            Some(Limit::BelowTime(*time))
        }
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
fn quantile(findings: &mut Findings<'_>, wire: &wire::Slo, rules: &Rules) -> Option<Option<f64>> {
    match (&wire.quantile, &rules.measured) {
        (Some(q), Measured::Quantile | Measured::Time) => Some(Some(q.get_ref().0)),
        (Some(q), _) => {
            let message = format!("`{}` has no quantiles", rules.word);
            findings.error(q.span(), message).label = "leave it out".into();
            None
        }
        (None, Measured::Quantile) => {
            let message = format!("`quantile` is missing in an SLO on `{}`", rules.word);
            findings.error(rules.at.clone(), message).label = "as in quantile = 0.99".into();
            None
        }
        (None, _) => Some(None),
    }
}

/// Judged window by window? The outer `None` is after an error.
fn every(findings: &mut Findings<'_>, wire: &wire::Slo, rules: &Rules) -> Option<Option<Every>> {
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
