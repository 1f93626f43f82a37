//! Flows of events, and the groups that read them.

use std::time::Duration;

use toml::Spanned;

use super::super::quantity::{Count, Rate};
use super::super::scalar::Names;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::wire_values::Mix;
use super::super::{Arrivals, Consume, Defects, Fixes, Flow, Height, Shape, Time};
use super::{Table, bounded, client, events::shares, need, resolve, shapes};

/// What flows stand on.
pub(super) struct Ground<'a> {
    pub events: &'a [Table<wire::Event>],
    /// `None` when `[time]` has errors.
    pub time: Option<&'a Time>,
    pub scale: f64,
    pub shards: u32,
}

/// Checks the flows; `None` stands for one with errors.
pub(super) fn flows(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    tables: &[Table<wire::Flow>],
) -> Vec<Option<Flow>> {
    tables
        .iter()
        .map(|table| flow(findings, ground, table))
        .collect()
}

fn flow(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<wire::Flow>,
) -> Option<Flow> {
    let read = table.read.as_ref()?;
    let wire = &read.value;
    let mix =
        need(findings, table, "event", &wire.event).and_then(|event| mix(findings, ground, event));
    let arrivals = arrivals(wire);
    let height = height(findings, ground, table, wire, mix.as_deref());
    let mut factors = |list: &Option<Spanned<Vec<Spanned<wire::Shape>>>>| {
        let list = list.as_ref().map_or(&[][..], |s| s.get_ref().as_slice());
        list.iter()
            .map(|shape| shapes::shape(findings, ground.time, shape, &table.what))
            .collect::<Vec<Option<Shape>>>()
    };
    let (shape, spikes) = (factors(&wire.shape), factors(&wire.spikes));
    let most = u64::from(ground.shards);
    let producers = bounded(findings, wire.producers.as_ref(), "producers", 1..=most, 1);
    let client = wire
        .client
        .as_ref()
        .map(|c| client::producer(findings, c))
        .unwrap_or_default();
    Some(Flow {
        name: table.name.clone(),
        mix: mix?,
        journey: None,
        defects: Defects::default(),
        arrivals,
        height: height?,
        shape: shape.into_iter().collect::<Option<_>>()?,
        spikes: spikes.into_iter().collect::<Option<_>>()?,
        producers: producers as u32,
        client,
    })
}

fn arrivals(wire: &wire::Flow) -> Arrivals {
    match wire.arrivals.as_ref().map(Spanned::get_ref) {
        Some(wire::Arrivals::Even) => Arrivals::Even,
        Some(wire::Arrivals::PoissonExact) => Arrivals::PoissonExact,
        Some(wire::Arrivals::Unthrottled) => Arrivals::Unthrottled,
        // The rest can't be read in this version.
        _ => Arrivals::Poisson,
    }
}

/// The events of a flow with their shares.
fn mix(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    event: &Spanned<Mix>,
) -> Option<Vec<(usize, f64)>> {
    match event.get_ref() {
        Mix::One(name) => {
            let index = resolve(findings, "event", ground.events, name, event.span())?;
            Some(vec![(index, 1.0)])
        }
        Mix::Several(several) => {
            if several.0.is_empty() {
                findings.error(event.span(), "a mix of no events").label =
                    "at least one, as in { a = 3, b = 1 }".into();
                return None;
            }
            let found: Vec<Option<(usize, f64)>> = several
                .0
                .iter()
                .map(|(name, weight)| {
                    let span = name.span();
                    let index = resolve(findings, "event", ground.events, name.get_ref(), span)?;
                    Some((index, weight.0))
                })
                .collect();
            Some(shares(found.into_iter().collect::<Option<_>>()?))
        }
    }
}

/// What fixes the curve's height, for the flow's arrivals and with the scale applied. `None` after an error.
fn height(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<wire::Flow>,
    wire: &wire::Flow,
    mix: Option<&[(usize, f64)]>,
) -> Option<Option<Height>> {
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
    if arrivals(wire) == Arrivals::Unthrottled {
        return unthrottled(findings, wire, &given).then_some(None);
    }
    let whole = table.read.as_ref().is_some_and(|r| r.whole);
    match given.as_slice() {
        [(word, fixes, (figure, span))] => {
            if *figure == 0.0 {
                let message = format!("a {word} of 0 in {}", table.what);
                findings.error(span.clone(), message).label = "above 0".into();
                return None;
            }
            let share = match &wire.of {
                Some(of) => share(findings, ground, of, mix?)?,
                None => 1.0,
            };
            Some(Some(Height {
                fixes: *fixes,
                value: figure / share * ground.scale,
                of: Vec::new(),
            }))
        }
        [] => {
            if whole {
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

/// Arrivals that go as fast as they can have no curve. False after an error.
fn unthrottled(
    findings: &mut Findings<'_>,
    wire: &wire::Flow,
    given: &[(&str, Fixes, (f64, Span))],
) -> bool {
    let heights = given
        .iter()
        .map(|(word, _, (_, span))| (*word, span.clone()));
    let others = [
        wire.of.as_ref().map(|x| ("of", x.span())),
        wire.shape.as_ref().map(|x| ("shape", x.span())),
        wire.spikes.as_ref().map(|x| ("spikes", x.span())),
    ];
    let refused: Vec<_> = heights.chain(others.into_iter().flatten()).collect();
    for (word, span) in &refused {
        let message = format!("`{word}` beside unthrottled arrivals");
        findings.error(span.clone(), message).label = "they go as fast as they can".into();
    }
    refused.is_empty()
}

/// The share of a flow's arrivals that are one of these events.
fn share(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    of: &Spanned<Names>,
    mix: &[(usize, f64)],
) -> Option<f64> {
    let names = &of.get_ref().0;
    if matches!(names.as_slice(), [(name, None)] if name == "all") {
        return Some(1.0);
    }
    let mut counted: Vec<usize> = Vec::new();
    for (name, span) in names {
        let span = span.clone().unwrap_or(of.span());
        let event = resolve(findings, "event", ground.events, name, span.clone())?;
        if !mix.iter().any(|(index, _)| *index == event) {
            findings
                .error(span, format!("the flow does not send `{name}`"))
                .label = "an event of this flow, a list of them, or \"all\"".into();
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
    let of_those = |(index, _): &&(usize, f64)| counted.contains(index);
    Some(mix.iter().filter(of_those).map(|(_, share)| share).sum())
}

/// Checks the consumer groups; `None` stands for one with errors.
pub(super) fn consumers(
    findings: &mut Findings<'_>,
    tables: &[Table<wire::Consume>],
    topics: &[Table<wire::Topic>],
) -> Vec<Option<Consume>> {
    tables
        .iter()
        .map(|table| {
            let wire = &table.read.as_ref()?.value;
            let members = bounded(findings, wire.members.as_ref(), "members", 1..=10_000, 1);
            let client = wire
                .client
                .as_ref()
                .map(|c| client::producer(findings, c))
                .unwrap_or_default();
            let names = need(findings, table, "topics", &wire.topics)?;
            if names.get_ref().0.is_empty() {
                let message = format!("{} reads no topic", table.what);
                findings.error(names.span(), message).label = "at least one topic".into();
            }
            let mut read: Option<Vec<usize>> = Some(Vec::new());
            for (name, span) in &names.get_ref().0 {
                let span = span.clone().unwrap_or(names.span());
                let topic = resolve(findings, "topic", topics, name, span);
                match (&mut read, topic) {
                    (Some(list), Some(topic)) if !list.contains(&topic) => list.push(topic),
                    (Some(_), Some(_)) => {}
                    _ => read = None,
                }
            }
            Some(Consume {
                name: table.name.clone(),
                topics: read?,
                members: members as u32,
                work: wire.work.map_or(Duration::ZERO, |w| w.0),
                client,
            })
        })
        .collect()
}
