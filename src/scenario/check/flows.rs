//! Flows of events and of journeys, and the groups that read them.

use std::time::Duration;

use toml::Spanned;

use super::super::chain;
use super::super::text::Findings;
use super::super::wire;
use super::super::wire_values::Mix;
use super::super::{Arrivals, Consume, Flow, FlowJourney, Journey, Pool, Shape};
use super::heights::height;
use super::journeys::{fits, resolve_state};
use super::names::{once, resolve, resolve_all};
use super::pools::shares;
use super::shapes::Setting;
use super::{Table, Tables, arrivals, bounded, client, defects, need, shapes};

/// What flows stand on.
pub(super) struct Ground<'a> {
    pub setting: Setting<'a>,
    pub tables: &'a Tables,
    pub journeys: &'a [Option<Journey>],
    pub pools: &'a [Pool],
    pub scale: f64,
    pub shards: u32,
}

/// Checks the flows; `None` stands for one with errors.
pub(super) fn flows(findings: &mut Findings<'_>, ground: &Ground<'_>) -> Vec<Option<Flow>> {
    ground
        .tables
        .flows
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
    let sends = sends(findings, ground, table, wire);
    let arrivals = arrivals::arrivals(findings, ground, table, wire);
    let takes = arrivals.as_ref().map(arrivals::Takes::of);
    let height = match takes.as_ref().is_some_and(|t| !t.height) {
        true => Some(None),
        false => height(findings, ground, table, (sends.as_ref(), takes.is_some())).map(Some),
    };
    let mut factors = |list: &Option<Spanned<Vec<Spanned<wire::Shape>>>>| {
        let list = list.as_ref().map_or(&[][..], |s| s.get_ref().as_slice());
        list.iter()
            .map(|shape| shapes::shape(findings, &ground.setting, shape, &table.what))
            .collect::<Vec<Option<Shape>>>()
    };
    let (shape, spikes) = (factors(&wire.shape), factors(&wire.spikes));
    let share = match &arrivals {
        Some(Arrivals::Periodic(_)) => arrivals::shares(findings, ground, wire, (&shape, &spikes)),
        _ => true,
    };
    let most = u64::from(ground.shards);
    let producers = bounded(findings, wire.producers.as_ref(), "producers", 1..=most, 1);
    let client = wire
        .client
        .as_ref()
        .map(|c| client::producer(findings, c))
        .unwrap_or_default();
    let defects = defects::defects(findings, wire.defects.as_ref(), &table.what);
    let Sends { mix, journey } = sends.filter(|_| share)?;
    Some(Flow {
        name: table.name.clone(),
        mix,
        journey,
        defects: defects?,
        arrivals: arrivals?,
        height: height?,
        shape: shape.into_iter().collect::<Option<_>>()?,
        spikes: spikes.into_iter().collect::<Option<_>>()?,
        producers: producers as u32,
        client,
    })
}

/// What a flow sends.
pub(super) struct Sends {
    /// The events with their shares.
    pub mix: Vec<(usize, f64)>,
    /// The journeys they are events of.
    pub journey: Option<FlowJourney>,
}

fn sends(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<wire::Flow>,
    wire: &wire::Flow,
) -> Option<Sends> {
    if let (Some(start), None) = (&wire.start, &wire.journey) {
        let message = format!("`start` without a journey in {}", table.what);
        findings.error(start.span(), message).label = "a state of the flow's `journey`".into();
    }
    match (&wire.event, &wire.journey) {
        (Some(_), Some(journey)) => {
            let message = format!("`journey` beside `event` in {}", table.what);
            findings.error(journey.span(), message).label = "one of the two".into();
            None
        }
        (Some(event), None) => Some(Sends {
            mix: mix(findings, ground, event)?,
            journey: None,
        }),
        (None, Some(journey)) => {
            let name = &journey.get_ref().0;
            let index = resolve(
                findings,
                "journey",
                &ground.tables.journeys,
                name,
                journey.span(),
            )?;
            let checked = ground.journeys[index].as_ref()?;
            let start = match &wire.start {
                Some(start) => {
                    let names: Vec<String> =
                        checked.states.iter().map(|s| s.name.clone()).collect();
                    let what = &ground.tables.journeys[index].what;
                    resolve_state(findings, what, &names, &start.get_ref().0, start.span())?
                }
                None => checked.start,
            };
            let own = start == checked.start;
            if !own && !fits(findings, &ground.tables.journeys[index], checked, start) {
                return None;
            }
            journey_sends(findings, (table, journey.span()), checked, (index, start))
        }
        (None, None) => {
            if table.read.as_ref().is_some_and(|r| r.whole) {
                let message = format!("{} sends nothing", table.what);
                findings.error(table.span.clone(), message).label =
                    "needs `event` or `journey`".into();
            }
            None
        }
    }
}

/// What a flow of journeys sends: its events by their expected number.
fn journey_sends(
    findings: &mut Findings<'_>,
    (table, span): (&Table<wire::Flow>, super::Span),
    journey: &Journey,
    (index, start): (usize, usize),
) -> Option<Sends> {
    let kinds = chain::kinds(journey);
    let sent = chain::sent(journey, &kinds, &chain::visits(journey, start));
    let visits: Vec<(usize, f64)> = kinds
        .into_iter()
        .zip(sent)
        .filter(|(_, n)| *n > 0.0)
        .collect();
    if visits.is_empty() {
        let message = format!("the journeys of {} send no event", table.what);
        findings.error(span, message).label = "no state that they reach `emits` one".into();
        return None;
    }
    Some(Sends {
        mix: shares(visits.clone()),
        journey: Some(FlowJourney {
            journey: index,
            start,
            visits,
        }),
    })
}

/// The events of a flow with their shares.
fn mix(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    event: &Spanned<Mix>,
) -> Option<Vec<(usize, f64)>> {
    match event.get_ref() {
        Mix::One(name) => {
            let index = resolve(findings, "event", &ground.tables.events, name, event.span())?;
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
                    let index = resolve(
                        findings,
                        "event",
                        &ground.tables.events,
                        name.get_ref(),
                        span,
                    )?;
                    Some((index, weight.0))
                })
                .collect();
            Some(shares(found.into_iter().collect::<Option<_>>()?))
        }
    }
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
            let read = resolve_all(findings, "topic", topics, Some(names)).map(once);
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
