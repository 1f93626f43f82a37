//! What fixes the height of a flow's curve.

use toml::Spanned;

use super::super::quantity::{Count, Rate};
use super::super::scalar::Names;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{Fixes, Height};
use super::Table;
use super::flows::{Ground, Sends};
use super::names::resolve;

/// What fixes the curve's height, with the scale applied. None at all is an error if one is `needed`. `None` after an error.
pub(super) fn height(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<wire::Flow>,
    (sends, needed): (Option<&Sends>, bool),
) -> Option<Height> {
    let read = table.read.as_ref()?;
    let wire = &read.value;
    let rate = |r: &Spanned<Rate>| (r.get_ref().as_per_second(), r.span());
    let total = |c: &Spanned<Count>| (c.get_ref().0 as f64, c.span());
    let given: Vec<(&str, Fixes, (f64, Span))> = [
        wire.mean.as_ref().map(|r| ("mean", Fixes::Mean, rate(r))),
        wire.peak.as_ref().map(|r| ("peak", Fixes::Peak, rate(r))),
        wire.total
            .as_ref()
            .map(|c| ("total", Fixes::Total, total(c))),
    ]
    .into_iter()
    .flatten()
    .collect();
    match given.as_slice() {
        [(word, fixes, (figure, span))] => {
            if *figure == 0.0 {
                let message = format!("a {word} of 0 in {}", table.what);
                findings.error(span.clone(), message).label = "above 0".into();
                return None;
            }
            let sends = sends?;
            let of = match &wire.of {
                Some(of) => events_of(findings, ground, of, sends)?,
                None => Vec::new(),
            };
            // A flow of events has one curve: that of some of them is a share of it.
            let share = match (&sends.journey, of.as_slice()) {
                (Some(_), _) | (None, []) => 1.0,
                (None, of) => share(of, sends),
            };
            Some(Height {
                fixes: *fixes,
                value: figure / share * ground.scale,
                of: of.into_iter().filter(|_| sends.journey.is_some()).collect(),
            })
        }
        [] => {
            if read.whole && needed {
                let message = format!("no height in {}", table.what);
                let problem = findings.error(table.span.clone(), message);
                problem.label = "needs one of `mean`, `peak`, `total`".into();
                problem.help = Some("as in mean = \"500/s\"".into());
            }
            None
        }
        [(first, ..), (second, _, (_, span)), ..] => {
            let message = format!("`{second}` beside `{first}` in {}", table.what);
            findings.error(span.clone(), message).label =
                "exactly one of `mean`, `peak`, `total`".into();
            None
        }
    }
}

/// The share of a flow's events that are one of these.
fn share(of: &[usize], sends: &Sends) -> f64 {
    if of.len() == sends.mix.len() {
        return 1.0;
    }
    let counted = sends.mix.iter().filter(|(event, _)| of.contains(event));
    counted.map(|(_, share)| share).sum()
}

/// The events that `of` names, each once. `None` after an error.
fn events_of(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    of: &Spanned<Names>,
    sends: &Sends,
) -> Option<Vec<usize>> {
    let names = &of.get_ref().0;
    if matches!(names.as_slice(), [(name, None)] if name == "all") {
        return Some(sends.mix.iter().map(|(event, _)| *event).collect());
    }
    let mut counted: Vec<usize> = Vec::new();
    for (name, span) in names {
        let span = span.clone().unwrap_or(of.span());
        let event = resolve(findings, "event", &ground.tables.events, name, span.clone())?;
        if !sends.mix.iter().any(|(index, _)| *index == event) {
            let problem = findings.error(span, format!("the flow does not send `{name}`"));
            problem.label = "an event of this flow, a list of them, or \"all\"".into();
            let sent = sends
                .mix
                .iter()
                .map(|(e, _)| ground.tables.events[*e].name.as_str());
            problem.help = Some(format!("it sends: {}", sent.collect::<Vec<_>>().join(", ")));
            return None;
        }
        if !counted.contains(&event) {
            counted.push(event);
        }
    }
    if counted.is_empty() {
        findings.error(of.span(), "`of` names no event").label = "an event, or \"all\"".into();
        return None;
    }
    Some(counted)
}
