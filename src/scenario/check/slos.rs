//! SLOs: whom each is about, and the three that are always there.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::read::{Read, read};
use super::super::scalar::Text;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{
    Action, After, Arrivals, Consume, Flow, Limit, Metric, Slo, StampPlace, Subject, Time, spikes,
};
use super::metrics::{About, Rules, above, every, limit, quantile, rules};
use super::names::{no_such, resolve};
use super::{Checked, Tables};

/// The scenario that SLOs are about.
pub(super) struct Whole<'a> {
    pub tables: &'a Tables,
    pub checked: &'a Checked,
    pub consumers: &'a [Option<Consume>],
    /// `None` when some have errors.
    pub actions: Option<&'a [Action]>,
    /// `None` when `[time]` has errors.
    pub time: Option<&'a Time>,
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
        above: None,
        after: None,
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
    let rules = rules(metric);
    let subject = subject(findings, whole, wire, &rules);
    let limit = limit(findings, wire, &rules, &place);
    let quantile = quantile(findings, wire, &rules);
    let every = every(findings, wire, &rules);
    let above = above(findings, wire, &rules);
    let after = after(findings, whole, wire, &rules);
    let needs_real_time = matches!(
        rules.metric,
        Metric::LagTime | Metric::Drain | Metric::Recovery
    );
    if needs_real_time
        && whole.time.is_some_and(|time| time.compress > 1.0)
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
        above: above?,
        after: after?,
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
        About::ConsumeOrFlow => &["consume", "flow"],
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
    // The groups are what drains, unless a flow is named or there are none.
    let of_groups =
        rules.about == About::ConsumeOrFlow && subject.is_none() && !whole.tables.groups.is_empty();
    let needs_due = !of_groups
        && (rules.compares
            || matches!(
                rules.metric,
                Metric::Response | Metric::SendDelay | Metric::Achieved | Metric::Drain
            ));
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

/// What it is counted after. The outer `None` is after an error.
fn after(
    findings: &mut Findings<'_>,
    whole: &Whole<'_>,
    wire: &wire::Slo,
    rules: &Rules,
) -> Option<Option<After>> {
    if !rules.aftermath {
        let Some(after) = &wire.after else {
            return Some(None);
        };
        let message = format!("`{}` is not counted after anything", rules.word);
        findings.error(after.span(), message).label =
            "only drain, recovery and time_above are".into();
        return None;
    }
    let flows: Vec<&Flow> = whole.checked.flows.iter().flatten().collect();
    let all_right = flows.len() == whole.checked.flows.len();
    let (Some(time), Some(actions), true) = (whole.time, whole.actions, all_right) else {
        // What is missing may be what it is counted after.
        return None;
    };
    let has_spikes = spikes::spell(time, flows.into_iter()).is_some();
    let Some(after) = &wire.after else {
        if rules.metric == Metric::TimeAbove {
            return Some(None);
        }
        if actions.is_empty() && !has_spikes {
            let message = format!("`{}`: nothing happens in this scenario", rules.word);
            let problem = findings.error(rules.at.clone(), message);
            problem.label = "after what?".into();
            problem.help =
                Some("add an [[action]], or `spikes` that end to one of the flows".into());
            return None;
        }
        return Some(Some(After::Last));
    };
    match after.get_ref().0.as_str() {
        "spikes" if has_spikes => Some(Some(After::Spikes)),
        "spikes" => {
            let problem = findings.error(after.span(), "no flow has `spikes` that end");
            problem.label = "in the part that is played".into();
            problem.help =
                Some("flash, gaussian and square do; noise, sines and traces do not".into());
            None
        }
        word => match actions.iter().position(|action| action.name == word) {
            Some(index) => Some(Some(After::Action(index))),
            None => {
                let mut names: Vec<&str> = actions.iter().map(|a| a.name.as_str()).collect();
                names.extend(has_spikes.then_some("spikes"));
                no_such(findings, "action", word, after.span(), &names);
                None
            }
        },
    }
}
