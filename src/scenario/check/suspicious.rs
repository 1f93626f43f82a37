//! What is legal and hardly meant.

use toml::Spanned;

use super::super::chain;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::wire_journey::Journey as WireJourney;
use super::super::{Arrivals, Event, Flow, Journey, KeyPart, Pool, Times};
use super::Table;
use super::blanks;
use super::journeys::state_span;

/// The tables of a file, for the places of warnings.
pub(super) struct Tables<'a> {
    pub pools: &'a [Table<wire::Pool>],
    pub topics: &'a [Table<wire::Topic>],
    pub events: &'a [Table<wire::Event>],
    pub journeys: &'a [Table<WireJourney>],
}

/// What they say.
struct Checked<'a> {
    pools: &'a [Pool],
    events: Vec<&'a Event>,
    journeys: Vec<&'a Journey>,
    flows: Vec<&'a Flow>,
}

/// Warns of everything suspicious in a scenario without errors; with errors much may only seem so.
pub(super) fn all(
    findings: &mut Findings<'_>,
    tables: &Tables<'_>,
    pools: &[Pool],
    events: &[Option<Event>],
    (journeys, flows): (&[Option<Journey>], &[Option<Flow>]),
) {
    let all = (
        events.iter().map(Option::as_ref).collect::<Option<_>>(),
        journeys.iter().map(Option::as_ref).collect::<Option<_>>(),
        flows.iter().map(Option::as_ref).collect::<Option<_>>(),
    );
    if let (Some(events), Some(journeys), Some(flows)) = all {
        let checked = Checked {
            pools,
            events,
            journeys,
            flows,
        };
        unused(findings, tables, &checked);
        unfelt(findings, tables, &checked);
        unreached(findings, tables, &checked);
        idle_words(findings, tables, &checked);
        scattered(findings, tables, &checked);
    }
}

/// Topics without events, and events without flows.
fn unused(findings: &mut Findings<'_>, tables: &Tables<'_>, checked: &Checked<'_>) {
    for (index, table) in tables.topics.iter().enumerate() {
        if !checked.events.iter().any(|e| e.topic == index) {
            let message = format!("no event is written to {}", table.what);
            findings.warn(table.span.clone(), message).label = "it stays empty".into();
        }
    }
    for (index, table) in tables.events.iter().enumerate() {
        let sent = |flow: &&Flow| flow.mix.iter().any(|(event, _)| *event == index);
        if !checked.flows.iter().any(sent) {
            let message = format!("no flow sends {}", table.what);
            findings.warn(table.span.clone(), message).label = "never sent".into();
        }
    }
}

/// Flashes of pools from which no event that is sent takes anything.
fn unfelt(findings: &mut Findings<'_>, tables: &Tables<'_>, checked: &Checked<'_>) {
    for (index, (pool, table)) in checked.pools.iter().zip(tables.pools).enumerate() {
        let wire = table.read.as_ref().and_then(|r| r.value.flash.as_ref());
        let (Some(wire), Some(_)) = (wire, pool.flash) else {
            continue;
        };
        let names = |event: &usize| blanks::names(checked.events[*event], index, pool);
        let mut sent = checked.flows.iter().flat_map(|f| &f.mix).map(|(e, _)| e);
        if !sent.any(names) {
            let message = format!("nothing feels the flash of {}", table.what);
            findings.warn(wire.id.span(), message).label =
                format!("no event has a {} in its key or text", pool.name);
        }
    }
}

/// Journeys that no flow begins, and states that no journey comes to.
fn unreached(findings: &mut Findings<'_>, tables: &Tables<'_>, checked: &Checked<'_>) {
    for (index, (journey, table)) in checked.journeys.iter().zip(tables.journeys).enumerate() {
        let begun = checked.flows.iter().filter_map(|f| f.journey.as_ref());
        let starts: Vec<usize> = begun
            .filter(|j| j.journey == index)
            .map(|j| j.start)
            .collect();
        if starts.is_empty() {
            let message = format!("no flow begins {}", table.what);
            findings.warn(table.span.clone(), message).label = "never begun".into();
            continue;
        }
        for (state, spec) in journey.states.iter().enumerate() {
            if !starts
                .iter()
                .any(|start| chain::reachable(journey, *start)[state])
            {
                let message = format!("no journey comes to the state `{}`", spec.name);
                findings.warn(state_span(table, state), message).label =
                    "in no `next` of a state it could come from".into();
            }
        }
    }
}

/// Words of a state that change nothing.
fn idle_words(findings: &mut Findings<'_>, tables: &Tables<'_>, checked: &Checked<'_>) {
    for (journey, table) in checked.journeys.iter().zip(tables.journeys) {
        let wires = table
            .read
            .iter()
            .flat_map(|r| r.value.state.iter().flat_map(|s| &s.0));
        for (state, (_, wire)) in journey.states.iter().zip(wires) {
            let last = state.next.is_empty() && state.times == Times::default();
            if let (true, Some(after)) = (last, &wire.after) {
                let message = format!("nothing comes after the state `{}`", state.name);
                findings.warn(after.span(), message).label = "it has no `next`".into();
            }
            let kept = state
                .keep_on
                .iter()
                .find(|pool| journey.keeps.contains(pool));
            if let (Some(pool), Some(keep_on)) = (kept, &wire.keep_on) {
                let message = format!(
                    "{} keeps `{}` throughout",
                    table.what, checked.pools[*pool].name
                );
                findings.warn(keep_on.span(), message).label = "kept already".into();
            }
        }
    }
}

/// Events keyed by a pool that their journey draws anew at every visit: one customer's events on many partitions, without an order.
fn scattered(findings: &mut Findings<'_>, tables: &Tables<'_>, checked: &Checked<'_>) {
    for (index, (event, table)) in checked.events.iter().zip(tables.events).enumerate() {
        let key = table.read.as_ref().and_then(|r| r.value.key.as_ref());
        let names = key.iter().flat_map(|key| &key.get_ref().0);
        for (part, (_, span)) in event.key.parts.iter().zip(names) {
            let KeyPart::Pool(pool) = *part else { continue };
            let flow = checked.flows.iter().find(|flow| {
                let sends = flow.mix.iter().any(|(e, _)| *e == index);
                sends && drawn_anew(checked, flow, index, pool)
            });
            let Some(journey) = flow.and_then(|f| f.journey.as_ref()) else {
                continue;
            };
            let span: Option<Span> = span.clone().or(key.map(Spanned::span));
            let name = &checked.pools[pool].name;
            let journey = &tables.journeys[journey.journey].what;
            let message = format!(
                "{journey} draws another {name} at every visit, and {} is keyed by it",
                table.what
            );
            let problem = findings.warn(span.unwrap_or(table.span.clone()), message);
            problem.label = "one journey, several keys".into();
            problem.help = Some(format!(
                "`keeps` or `keep_on` in {journey} holds on to a {name}"
            ));
        }
    }
}

/// Whether the journeys of a flow may send an event with one draw of a pool and be seen with another.
fn drawn_anew(checked: &Checked<'_>, flow: &Flow, event: usize, pool: usize) -> bool {
    let Some(begun) = &flow.journey else {
        return false;
    };
    let journey = checked.journeys[begun.journey];
    let batch = matches!(&flow.arrivals, Arrivals::Batch(batch) if batch.keeps.contains(&pool));
    if batch || journey.keeps.contains(&pool) {
        return false;
    }
    let reached = chain::reachable(journey, begun.start);
    // The states whose visits draw from the pool for an event that shows it.
    let drawing: Vec<(usize, Vec<usize>)> = (0..journey.states.len())
        .filter(|s| reached[*s] && !journey.states[*s].keep_on.contains(&pool))
        .map(|s| (s, caused(journey, s)))
        .filter(|(_, caused)| {
            let shows = |e: &usize| blanks::names(checked.events[*e], pool, &checked.pools[pool]);
            caused.iter().any(shows)
        })
        .collect();
    let again = |state: usize| {
        let mut next = journey.states[state].next.iter();
        journey.states[state].times != Times::default()
            || next.any(|way| chain::reachable(journey, way.to)[state])
    };
    let several = drawing.len() > 1 || drawing.iter().any(|(state, _)| again(*state));
    several && drawing.iter().any(|(_, caused)| caused.contains(&event))
}

/// The events that a visit of a state may cause, follow-ups included.
fn caused(journey: &Journey, state: usize) -> Vec<usize> {
    let mut caused = journey.states[state].emits.clone();
    let mut at = 0;
    while at < caused.len() {
        let follows = journey.follows.iter().filter(|f| f.on == caused[at]);
        let more: Vec<usize> = follows.flat_map(|f| f.emits.clone()).collect();
        for event in more {
            if !caused.contains(&event) {
                caused.push(event);
            }
        }
        at += 1;
    }
    caused
}
