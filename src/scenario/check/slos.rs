//! SLOs: whom each is about, and the three that are always there.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::read::{Read, read};
use super::super::scalar::Text;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{Arrivals, Consume, Flow, Limit, Metric, Slo, StampPlace, Subject};
use super::metrics::{About, Rules, every, limit, quantile, rules};
use super::names::resolve;
use super::{Checked, Tables};

/// The scenario that SLOs are about.
pub(super) struct Whole<'a> {
    pub tables: &'a Tables,
    pub checked: &'a Checked,
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
        Metric::Failed => (0..whole.tables.flows.len()).map(Subject::Flow).collect(),
        _ => (0..whole.tables.groups.len())
            .map(Subject::Consume)
            .collect(),
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
    if rules.about == About::Consume && whole.tables.groups.is_empty() {
        let message = format!("`{}` is measured by consumers", rules.word);
        findings.error(rules.at.clone(), message).label = "this scenario has no [consume.X]".into();
        return None;
    }
    let subject = match given.as_slice() {
        [] => None,
        [(word, name)] => {
            let (text, span) = (name.get_ref().0.as_str(), name.span());
            Some(match *word {
                "flow" => Subject::Flow(resolve(findings, word, &whole.tables.flows, text, span)?),
                "event" => {
                    Subject::Event(resolve(findings, word, &whole.tables.events, text, span)?)
                }
                _ => Subject::Consume(resolve(findings, word, &whole.tables.groups, text, span)?),
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
    let without_due = |flow: &&Flow| !flow.arrivals.has_due();
    let needs_due = matches!(
        rules.metric,
        Metric::Response | Metric::SendDelay | Metric::Achieved
    );
    let flow = whole
        .checked
        .flows
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
            concerned && flow.as_ref().filter(without_due).is_some()
        });
    if let (true, Some((index, _))) = (needs_due, flow) {
        let closed =
            matches!(&whole.checked.flows[index], Some(f) if f.arrivals != Arrivals::Unthrottled);
        let message = format!(
            "{} is {}: it has no due instants",
            whole.tables.flows[index].what,
            if closed { "closed" } else { "unthrottled" }
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
            .checked
            .events
            .iter()
            .flatten()
            .filter(|e| c.topics.contains(&e.topic));
        read.all(|e| e.stamp == StampPlace::None)
    });
    if unstamped {
        let message = format!(
            "{} reads no event with a stamp",
            whole.tables.groups[group].what
        );
        findings.error(rules.at.clone(), message).label =
            format!("`{}` can't be measured without", rules.word);
    }
    !unstamped
}
