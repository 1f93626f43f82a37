//! Journeys: their states and follow-ups, and whether they come to an end.

use toml::Spanned;
use toml::de::DeTable;

use super::super::chain;
use super::super::counts;
use super::super::journey::HELD;
use super::super::scalar::Names;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::wire_journey::{
    Follow as WireFollow, Journey as WireJourney, State as WireState,
};
use super::super::{Follow, Journey, Next, Pool, State};
use super::names::{no_such, once, resolve, resolve_all, simple};
use super::{Table, bounded, need};

/// How many events a journey has at most when nothing is said.
const AT_MOST: u32 = 500;

/// The most that may be said.
const MOST_EVENTS: u64 = 1_000_000;

/// The share of journeys that may be cut off.
const MOST_CUT: f64 = 0.001;

/// More states than anyone can think of.
const MOST_STATES: usize = 200;

/// What journeys stand on.
pub(super) struct Ground<'a> {
    pub root: &'a DeTable<'a>,
    pub events: &'a [Table<wire::Event>],
    pub pools: &'a [Table<wire::Pool>],
    pub checked_pools: &'a [Pool],
}

/// Checks the journeys; `None` stands for one with errors.
pub(super) fn journeys(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    tables: &[Table<WireJourney>],
) -> Vec<Option<Journey>> {
    tables
        .iter()
        .map(|table| {
            let journey = journey(findings, ground, table)?;
            let ends = ends(findings, ground, table, &journey);
            (ends && fits(findings, table, &journey, journey.start)).then_some(journey)
        })
        .collect()
}

fn journey(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<WireJourney>,
) -> Option<Journey> {
    let read = table.read.as_ref()?;
    let wire = &read.value;
    // From the tree: a state with errors may have been taken out, and its name is right all the same.
    let names = state_names(ground.root, &table.name);
    if names.is_empty() || names.len() > MOST_STATES {
        let message = match names.is_empty() {
            true => format!("{} has no states", table.what),
            false => format!("{} has more than {MOST_STATES} states", table.what),
        };
        findings.error(table.span.clone(), message).label = match names.is_empty() {
            true => format!("needs a [journey.{}.state.NAME]", table.name),
            false => "several journeys, perhaps".into(),
        };
        return None;
    }
    let start = need(findings, table, "start", &wire.start)
        .and_then(|s| resolve_state(findings, &table.what, &names, &s.get_ref().0, s.span()));
    let keeps = resolve_all(findings, "pool", ground.pools, wire.keeps.as_ref()).map(once);
    let most = wire.at_most.as_ref();
    let at_most = bounded(
        findings,
        most,
        "the events of a journey",
        1..=MOST_EVENTS,
        AT_MOST.into(),
    );
    let given = wire.state.iter().flat_map(|states| &states.0);
    let states: Vec<Option<State>> = given
        .map(|(name, wire)| state(findings, ground, (table, &names), (name, wire)))
        .collect();
    let follows: Vec<Option<Follow>> = wire
        .follow
        .iter()
        .flatten()
        .map(|wire| follow(findings, ground, table, wire))
        .collect();
    if !read.whole {
        return None;
    }
    let mut journey = Journey {
        name: table.name.clone(),
        start: start?,
        keeps: keeps?,
        at_most: at_most as u32,
        states: states.into_iter().collect::<Option<_>>()?,
        follows: follows.into_iter().collect::<Option<_>>()?,
    };
    keep_owners_on(&mut journey, ground.checked_pools);
    (follows_something(findings, ground, wire, &journey) && holds(findings, table, wire, &journey))
        .then_some(journey)
}

/// Where a product stays, its merchant stays: a state that keeps a pool on also keeps on what it is of, if any state keeps that on.
fn keep_owners_on(journey: &mut Journey, pools: &[Pool]) {
    let held = journey.held();
    for state in &mut journey.states {
        for at in 0..state.keep_on.len() {
            let owners = std::iter::successors(pools[state.keep_on[at]].of, |pool| pools[*pool].of);
            for owner in owners.filter(|pool| held.contains(pool)) {
                if !state.keep_on.contains(&owner) {
                    state.keep_on.push(owner);
                }
            }
        }
    }
}

/// The names of a journey's states, whatever is wrong with them.
fn state_names(root: &DeTable<'_>, journey: &str) -> Vec<String> {
    let states = ["journey", journey, "state"]
        .iter()
        .try_fold(root, |table, word| table.get(*word)?.get_ref().as_table());
    let names = states.into_iter().flat_map(|states| states.keys());
    names.map(|name| name.get_ref().to_string()).collect()
}

/// The index of a state; an error with the nearest when there is none.
pub(super) fn resolve_state(
    findings: &mut Findings<'_>,
    what: &str,
    names: &[String],
    word: &str,
    span: Span,
) -> Option<usize> {
    let found = names.iter().position(|name| name == word);
    if found.is_none() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let problem = no_such(findings, "state", word, span, &names);
        problem.message = format!("{what} has no state `{word}`");
    }
    found
}

fn state(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    (table, names): (&Table<WireJourney>, &[String]),
    (name, wire): (&Spanned<String>, &WireState),
) -> Option<State> {
    if !simple(name.get_ref()) {
        let message = format!("`{}` can't be the name of a state", name.get_ref());
        findings.error(name.span(), message).label = "letters, digits, `_` and `-` only".into();
    }
    let emits = resolve_all(findings, "event", ground.events, wire.emits.as_ref());
    let keep_on = resolve_all(findings, "pool", ground.pools, wire.keep_on.as_ref()).map(once);
    let mut next = Some(Vec::new());
    let mut sum = 0.0;
    for (to, way) in wire.next.iter().flat_map(|next| &next.get_ref().0) {
        sum += way.p;
        let state = resolve_state(findings, &table.what, names, to.get_ref(), to.span());
        match (&mut next, state) {
            // A way that is never taken is none.
            (Some(next), Some(to)) if way.p > 0.0 => next.push(Next {
                to,
                p: way.p,
                after: way.after,
            }),
            (Some(_), Some(_)) => {}
            _ => next = None,
        }
    }
    if let Some(ways) = wire.next.as_ref().filter(|_| sum > 1.0 + 1e-9) {
        let message = format!(
            "the probabilities of `next` add up to {} in state `{}`",
            (sum * 1e6).round() / 1e6,
            name.get_ref()
        );
        findings.error(ways.span(), message).label =
            "at most 1: what is left ends the journey".into();
        return None;
    }
    Some(State {
        name: name.get_ref().clone(),
        emits: emits?,
        times: wire.times.unwrap_or_default(),
        next: next?,
        after: wire
            .after
            .as_ref()
            .map(|a| *a.get_ref())
            .unwrap_or_default(),
        keep_on: keep_on?,
    })
}

fn follow(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<WireJourney>,
    wire: &Spanned<WireFollow>,
) -> Option<Follow> {
    let (wire, place) = (wire.get_ref(), wire.span());
    let whole = table.read.as_ref().is_some_and(|r| r.whole);
    let what = format!("[[journey.{}.follow]]", table.name);
    let missing = [("on", wire.on.is_none()), ("emits", wire.emits.is_none())];
    for (word, _) in missing.iter().filter(|(_, missing)| *missing && whole) {
        let message = format!("`{word}` is missing in {what}");
        findings.error(place.clone(), message).label = format!("needs `{word}`");
    }
    let on = wire.on.as_ref();
    let on =
        on.and_then(|on| resolve(findings, "event", ground.events, &on.get_ref().0, on.span()));
    let emits = resolve_all(findings, "event", ground.events, wire.emits.as_ref());
    let p = wire.p.map_or(1.0, |p| p.0);
    Some(Follow {
        on: on?,
        emits: emits.filter(|_| wire.emits.is_some())?,
        p,
        times: wire.times.unwrap_or_default(),
        after: wire.after.unwrap_or_default(),
    })
}

/// Whether each follow-up follows an event that the journey can send. False after an error.
fn follows_something(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    wire: &WireJourney,
    journey: &Journey,
) -> bool {
    let mut known: Vec<usize> = journey
        .states
        .iter()
        .flat_map(|s| &s.emits)
        .copied()
        .collect();
    loop {
        let follows =
            |f: &&Follow| known.contains(&f.on) && f.emits.iter().any(|e| !known.contains(e));
        let more: Vec<usize> = journey
            .follows
            .iter()
            .filter(follows)
            .flat_map(|f| f.emits.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        known.extend(more);
    }
    let mut right = true;
    let wires = wire.follow.iter().flatten();
    for (follow, wire) in journey.follows.iter().zip(wires) {
        if let (false, Some(on)) = (known.contains(&follow.on), &wire.get_ref().on) {
            let name = &ground.events[follow.on].name;
            let message = format!("the journey `{}` never sends `{name}`", journey.name);
            let sent: Vec<&str> = known
                .iter()
                .map(|e| ground.events[*e].name.as_str())
                .collect();
            let problem = findings.error(on.span(), message);
            problem.label = "nothing can follow it".into();
            problem.help = match sent.is_empty() {
                true => None,
                false => Some(format!("it sends: {}", sent.join(", "))),
            };
            right = false;
        }
    }
    right
}

/// Whether no more pools are kept on than a step can remember. False after an error.
fn holds(
    findings: &mut Findings<'_>,
    table: &Table<WireJourney>,
    wire: &WireJourney,
    journey: &Journey,
) -> bool {
    let held = journey.held();
    if held.len() <= HELD {
        return true;
    }
    let states = wire.state.iter().flat_map(|states| &states.0);
    let last: Option<&Spanned<Names>> = states.filter_map(|(_, s)| s.keep_on.as_ref()).next_back();
    let span = last.map_or(table.span.clone(), Spanned::span);
    let message = format!("{} keeps {} pools on", table.what, held.len());
    let problem = findings.error(span, message);
    problem.label = format!("at most {HELD} in one journey");
    problem.help = Some("`keeps` draws a pool once for the whole journey, without a limit".into());
    false
}

/// Whether every journey and its follow-ups come to an end. False after an error.
fn ends(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<WireJourney>,
    journey: &Journey,
) -> bool {
    if let Some(round) = chain::endless_states(journey) {
        let name = |state: &usize| journey.states[*state].name.as_str();
        let span = state_span(table, round[0]);
        let message = format!("{} never ends: {}", table.what, circle(&round, name));
        let problem = findings.error(span, message);
        problem.label = "no way out from here".into();
        problem.help =
            Some("let the probabilities of a `next` in the loop add up to less than 1".into());
        return false;
    }
    if let Some(round) = chain::endless_follows(journey) {
        let name = |event: &usize| ground.events[*event].name.as_str();
        let follows = table
            .read
            .iter()
            .flat_map(|r| r.value.follow.iter().flatten());
        let first = follows
            .zip(&journey.follows)
            .find(|(_, f)| f.on == round[0]);
        let on = first.and_then(|(wire, _)| wire.get_ref().on.as_ref());
        let span = on.map_or(table.span.clone(), Spanned::span);
        let message = format!("these follow-ups never end: {}", circle(&round, name));
        let problem = findings.error(span, message);
        problem.label = "leads back to itself, once or more on average".into();
        problem.help = Some("a smaller `p` lets it die out".into());
        return false;
    }
    true
}

/// Whether nearly all journeys begun at `start` end before they are cut off. False after an error.
pub(super) fn fits(
    findings: &mut Findings<'_>,
    table: &Table<WireJourney>,
    journey: &Journey,
    start: usize,
) -> bool {
    let cut = counts::share_above(journey, start);
    if cut <= MOST_CUT {
        return true;
    }
    let visits = chain::visits(journey, start);
    let (longest, events) = chain::busiest(journey, &visits);
    let name = &journey.states[longest].name;
    let at_most = table.read.as_ref().and_then(|r| r.value.at_most.as_ref());
    let span = at_most.map_or_else(|| state_span(table, longest), Spanned::span);
    let message = format!(
        "{:.2} % of the journeys of {} would be cut off after {} events, most of them in the state `{name}`",
        cut * 100.0,
        table.what,
        journey.at_most
    );
    let problem = findings.error(span, message);
    problem.label = "`at_most` may cut off 0.1 %".into();
    problem.help = Some(format!(
        "`{name}` comes to {events:.1} events a journey, follow-ups counted: let it end sooner, or raise `at_most`"
    ));
    false
}

/// The place of a state's name.
pub(super) fn state_span(table: &Table<WireJourney>, state: usize) -> Span {
    let states = table.read.as_ref().and_then(|r| r.value.state.as_ref());
    let name = states.and_then(|states| states.0.get(state));
    name.map_or(table.span.clone(), |(name, _)| name.span())
}

/// `a -> b -> a`.
fn circle<'a>(round: &[usize], name: impl Fn(&usize) -> &'a str) -> String {
    let names: Vec<String> = round
        .iter()
        .chain(round.first())
        .map(|at| format!("`{}`", name(at)))
        .collect();
    names.join(" -> ")
}
