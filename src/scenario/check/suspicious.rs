//! What is legal and hardly meant.

use toml::Spanned;

use super::super::chain;
use super::super::text::{Findings, Span};
use super::super::{Arrivals, Event, Flow, Journey, KeyPart, Pool, Times};
use super::blanks;
use super::journeys::state_span;
use super::{Checked, Tables};

/// What the tables say, without errors.
struct Sound<'a> {
    pools: &'a [Pool],
    events: Vec<&'a Event>,
    journeys: Vec<&'a Journey>,
    flows: Vec<&'a Flow>,
}

/// Warns of everything suspicious in a scenario without errors; with errors much may only seem so.
pub(super) fn all(findings: &mut Findings<'_>, tables: &Tables, checked: &Checked) {
    let all = (
        checked
            .events
            .iter()
            .map(Option::as_ref)
            .collect::<Option<_>>(),
        checked
            .journeys
            .iter()
            .map(Option::as_ref)
            .collect::<Option<_>>(),
        checked
            .flows
            .iter()
            .map(Option::as_ref)
            .collect::<Option<_>>(),
    );
    if let (Some(events), Some(journeys), Some(flows)) = all {
        let sound = Sound {
            pools: &checked.pools,
            events,
            journeys,
            flows,
        };
        unused(findings, tables, &sound);
        unfelt(findings, tables, &sound);
        unheard(findings, tables, &sound);
        unreached(findings, tables, &sound);
        idle_words(findings, tables, &sound);
        scattered(findings, tables, &sound);
    }
}

/// Topics without events, and events without flows.
fn unused(findings: &mut Findings<'_>, tables: &Tables, sound: &Sound<'_>) {
    for (index, table) in tables.topics.iter().enumerate() {
        if !sound.events.iter().any(|e| e.topic == index) {
            let message = format!("no event is written to {}", table.what);
            findings.warn(table.span.clone(), message).label = "it stays empty".into();
        }
    }
    for (index, table) in tables.events.iter().enumerate() {
        let sent = |flow: &&Flow| flow.mix.iter().any(|(event, _)| *event == index);
        if !sound.flows.iter().any(sent) {
            let message = format!("no flow sends {}", table.what);
            findings.warn(table.span.clone(), message).label = "never sent".into();
        }
    }
}

/// Flashes of pools from which no event that is sent takes anything.
fn unfelt(findings: &mut Findings<'_>, tables: &Tables, sound: &Sound<'_>) {
    for (index, (pool, table)) in sound.pools.iter().zip(&tables.pools).enumerate() {
        let wire = table.read.as_ref().and_then(|r| r.value.flash.as_ref());
        let (Some(wire), Some(_)) = (wire, pool.flash) else {
            continue;
        };
        let names = |event: &usize| blanks::names(sound.events[*event], index, pool);
        let mut sent = sound.flows.iter().flat_map(|f| &f.mix).map(|(e, _)| e);
        if !sent.any(names) {
            let message = format!("nothing feels the flash of {}", table.what);
            findings.warn(wire.id.span(), message).label =
                format!("no event has a {} in its key or text", pool.name);
        }
    }
}

/// Flashes that pass by a flow: a batch draws its ids once, when it begins, and the steps of its journeys do not know when that was.
fn unheard(findings: &mut Findings<'_>, tables: &Tables, sound: &Sound<'_>) {
    for (index, (pool, table)) in sound.pools.iter().zip(&tables.pools).enumerate() {
        let wire = table.read.as_ref().and_then(|r| r.value.flash.as_ref());
        let (Some(wire), Some(_)) = (wire, pool.flash) else {
            continue;
        };
        for flow in &sound.flows {
            let names = |event: &usize| blanks::names(sound.events[*event], index, pool);
            let passed_by = kept_by_batches(flow)
                .iter()
                .find(|kept| root(sound.pools, **kept) == root(sound.pools, index))
                .filter(|_| flow.mix.iter().any(|(event, _)| names(event)));
            let Some(kept) = passed_by else { continue };
            let message = format!("the flash of {} passes by flow `{}`", table.what, flow.name);
            let problem = findings.warn(wire.id.span(), message);
            problem.label = "none of its events shows it".into();
            problem.help = Some(format!(
                "its batches keep `{}`, drawn when they begin, and a journey does not know when its batch began; \
                 keep it in the journey instead, or take `journey` from the flow",
                sound.pools[*kept].name
            ));
        }
    }
}

/// The pools that a flow of journeys in batches draws once a batch.
fn kept_by_batches(flow: &Flow) -> &[usize] {
    match (&flow.journey, &flow.arrivals) {
        (Some(_), Arrivals::Batch(batch)) => &batch.keeps,
        _ => &[],
    }
}

/// The pool that an id of this one belongs to in the end: whoever keeps a pool keeps all up to there.
fn root(pools: &[Pool], pool: usize) -> usize {
    std::iter::successors(Some(pool), |at| pools[*at].of)
        .last()
        .unwrap_or(pool)
}

/// Journeys that no flow begins, and states that no journey comes to.
fn unreached(findings: &mut Findings<'_>, tables: &Tables, sound: &Sound<'_>) {
    for (index, (journey, table)) in sound.journeys.iter().zip(&tables.journeys).enumerate() {
        let begun = sound.flows.iter().filter_map(|f| f.journey.as_ref());
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
fn idle_words(findings: &mut Findings<'_>, tables: &Tables, sound: &Sound<'_>) {
    for (journey, table) in sound.journeys.iter().zip(&tables.journeys) {
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
                    table.what, sound.pools[*pool].name
                );
                findings.warn(keep_on.span(), message).label = "kept already".into();
            }
        }
    }
}

/// Events keyed by a pool that their journey draws anew at every visit: one customer's events on many partitions, without an order.
fn scattered(findings: &mut Findings<'_>, tables: &Tables, sound: &Sound<'_>) {
    for (index, (event, table)) in sound.events.iter().zip(&tables.events).enumerate() {
        let key = table.read.as_ref().and_then(|r| r.value.key.as_ref());
        let names = key.iter().flat_map(|key| &key.get_ref().0);
        for (part, (_, span)) in event.key.parts.iter().zip(names) {
            let KeyPart::Pool(pool) = *part else { continue };
            let flow = sound.flows.iter().find(|flow| {
                let sends = flow.mix.iter().any(|(e, _)| *e == index);
                sends && drawn_anew(sound, flow, index, pool)
            });
            let Some(journey) = flow.and_then(|f| f.journey.as_ref()) else {
                continue;
            };
            let span: Option<Span> = span.clone().or(key.map(Spanned::span));
            let name = &sound.pools[pool].name;
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
fn drawn_anew(sound: &Sound<'_>, flow: &Flow, event: usize, pool: usize) -> bool {
    let Some(begun) = &flow.journey else {
        return false;
    };
    let journey = sound.journeys[begun.journey];
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
            let shows = |e: &usize| blanks::names(sound.events[*e], pool, &sound.pools[pool]);
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
