//! From a tree to a checked scenario: every table is read by itself, then the names between them are resolved.

mod arrivals;
mod blanks;
mod client;
mod defects;
mod events;
mod flows;
mod heights;
mod journeys;
mod metrics;
mod pools;
mod shapes;
mod slos;
mod suspicious;
pub(super) mod time;
mod trace;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::extends::Chain;
use super::problem::{Problem, nearest};
use super::quantity::Count;
use super::read::{Read, read, unknown_word};
use super::scalar::{Names, Text};
use super::text::{Findings, Span};
use super::wire;
use super::{Abort, AbortLevel, AbortResponse, Scenario};

/// The tables of things with names.
pub(super) const NAMED: &[&str] = &["pool", "topic", "event", "journey", "flow", "consume"];

/// All words at the top of a file that this version knows.
const TOP: &[&str] = &[
    "name", "why", "seed", "time", "load", "pool", "topic", "event", "journey", "flow", "client",
    "consume", "slo", "abort",
];

/// The word at the top of a file that is read before all others, and stands in no merged tree.
const EXTENDS: &str = "extends";

/// Words at the top that come later.
const LATER: &[&str] = &["action", "watch"];

/// The seed of a scenario that gives none.
const SEED: u64 = 1;

/// How many shards a flow has when nothing is said.
const SHARDS: u32 = 256;

/// A table of the file: `[kind.name]`.
pub(super) struct Table<T> {
    pub name: String,
    /// The place of its name.
    pub span: Span,
    /// How messages call it.
    pub what: String,
    /// `None` when it could not be read; its errors are reported then.
    pub read: Option<Read<T>>,
}

/// Reads a whole tree. `None` when there was an error.
pub(super) fn scenario(
    findings: &mut Findings<'_>,
    root: &DeTable<'_>,
    chain: &Chain,
    effective: String,
) -> Option<Scenario> {
    top_words(findings, root);
    let time = time::check(findings, root);
    let load = load(findings, root);
    let pools = named(findings, root, "pool");
    let pools = pools::parents_first(findings, pools);
    let topics = named(findings, root, "topic");
    let events = named(findings, root, "event");
    let journeys = named(findings, root, "journey");
    let flows = named(findings, root, "flow");
    let groups = named(findings, root, "consume");
    let client = one(findings, root, "client")
        .map(|p: Read<_>| client::producer(findings, &p.value))
        .unwrap_or_default();

    let setting = shapes::Setting {
        time: time.as_ref(),
        chain,
    };
    let mut checked_pools = pools::pools(findings, time.as_ref(), &pools);
    let checked_topics = events::topics(findings, &topics);
    let mut checked_events = events::events(findings, chain, &events, &topics, &pools);
    let ground = journeys::Ground {
        root,
        events: &events,
        pools: &pools,
    };
    let checked_journeys = journeys::journeys(findings, &ground, &journeys);
    let ground = flows::Ground {
        setting,
        events: &events,
        journeys: &journeys,
        checked_journeys: &checked_journeys,
        pools: &pools,
        checked_pools: &checked_pools,
        scale: load.scale,
        shards: load.shards,
    };
    let checked_flows = flows::flows(findings, &ground, &flows);
    let consumers = flows::consumers(findings, &groups, &topics);
    let arrivals = checked_flows.iter().flatten().map(|f| &f.arrivals);
    arrivals::grow(&mut checked_pools, arrivals);
    defects::suit(
        findings,
        (&events, &mut checked_events),
        (&flows, &checked_flows),
    );
    events::keyed(
        findings,
        (&events, &checked_events),
        (&flows, &checked_flows),
    );
    let tables = suspicious::Tables {
        pools: &pools,
        topics: &topics,
        events: &events,
        journeys: &journeys,
    };
    let behaviour = (&*checked_journeys, &*checked_flows);
    suspicious::all(
        findings,
        &tables,
        &checked_pools,
        &checked_events,
        behaviour,
    );
    let whole = slos::Whole {
        flows: &flows,
        checked_flows: &checked_flows,
        events: &events,
        checked_events: &checked_events,
        groups: &groups,
        consumers: &consumers,
        compress: time.as_ref().map_or(1.0, |t| t.compress),
    };
    let slos = slos::slos(findings, root, &whole);
    let abort = abort(findings, root);
    let seed = one(findings, root, "seed").map_or(SEED, |r: Read<Count>| r.value.0);
    let name = name(findings, root, chain.source());
    let why = one(findings, root, "why").map_or_else(String::new, |r: Read<Text>| r.value.0);
    if findings.any_error() {
        return None;
    }
    Some(Scenario {
        name,
        why,
        seed,
        folder: chain.source().folder(),
        effective,
        time: time?,
        shards: load.shards,
        scale: load.scale,
        pools: checked_pools,
        topics: checked_topics,
        events: checked_events.into_iter().collect::<Option<_>>()?,
        journeys: checked_journeys.into_iter().collect::<Option<_>>()?,
        flows: checked_flows.into_iter().collect::<Option<_>>()?,
        client,
        consumers: consumers.into_iter().collect::<Option<_>>()?,
        slos,
        abort,
    })
}

/// Reports words at the top of the file that nobody knows, or only later versions.
fn top_words(findings: &mut Findings<'_>, root: &DeTable<'_>) {
    for (key, _) in root {
        let word = key.get_ref().as_ref();
        if word == EXTENDS {
            let problem = findings.error(key.span(), "no flag can change `extends`");
            problem.help = Some("write a file that extends the other scenario".into());
        } else if LATER.contains(&word) {
            findings.later(key.span(), &format!("`{word}`"));
        } else if !TOP.contains(&word) {
            unknown_word(findings, key.span(), word, "the scenario", TOP);
        }
    }
    if !root.contains_key("flow") {
        let problem = findings.error(0..0, "the scenario has no flow: it would send nothing");
        problem.help =
            Some("add a [flow.X] with an event or a journey, and a mean, peak or total".into());
    }
}

/// Reads a field or table at the top.
fn one<T: serde::de::DeserializeOwned>(
    findings: &mut Findings<'_>,
    root: &DeTable<'_>,
    word: &str,
) -> Option<Read<T>> {
    let (key, value) = root.get_key_value(word)?;
    let what = match value.get_ref() {
        DeValue::Table(_) => format!("[{word}]"),
        _ => format!("`{word}`"),
    };
    read(findings, &what, key.span(), value)
}

/// Reads all tables of a kind.
fn named<T: serde::de::DeserializeOwned>(
    findings: &mut Findings<'_>,
    root: &DeTable<'_>,
    kind: &str,
) -> Vec<Table<T>> {
    let Some((key, value)) = root.get_key_value(kind) else {
        return Vec::new();
    };
    let DeValue::Table(tables) = value.get_ref() else {
        let message = format!("`{kind}` is a table of tables with names");
        findings.error(key.span(), message).label = format!("expected [{kind}.NAME]");
        return Vec::new();
    };
    tables
        .iter()
        .map(|(key, value)| {
            let name = key.get_ref().to_string();
            let what = format!("[{kind}.{name}]");
            check_name(findings, key, kind);
            let read = read(findings, &what, key.span(), value);
            Table {
                name,
                span: key.span(),
                what,
                read,
            }
        })
        .collect()
}

/// Names stand in blanks, flags, files and topics: they are kept simple.
fn check_name(findings: &mut Findings<'_>, key: &Spanned<std::borrow::Cow<'_, str>>, kind: &str) {
    let name = key.get_ref().as_ref();
    if !simple(name) {
        let message = format!("`{name}` can't be the name of a {kind}");
        findings.error(key.span(), message).label = "letters, digits, `_` and `-` only".into();
    }
}

fn simple(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= 100 && name.chars().all(plain)
}

/// A field that must be there.
fn need<'a, F, T>(
    findings: &mut Findings<'_>,
    table: &Table<T>,
    word: &str,
    field: &'a Option<F>,
) -> Option<&'a F> {
    // When parts were taken out, this may have been one of them.
    if field.is_none() && table.read.as_ref().is_some_and(|r| r.whole) {
        let message = format!("`{word}` is missing in {}", table.what);
        findings.error(table.span.clone(), message).label = format!("needs `{word}`");
    }
    field.as_ref()
}

/// The index of the table that a word names; an error with the nearest when there is none.
fn resolve<T>(
    findings: &mut Findings<'_>,
    kind: &str,
    tables: &[Table<T>],
    word: &str,
    span: Span,
) -> Option<usize> {
    let found = tables.iter().position(|t| t.name == word);
    if found.is_none() {
        let names: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
        no_such(findings, kind, word, span, &names);
    }
    found
}

/// The error about a name that nothing has, with the nearest that something has.
fn no_such<'f>(
    findings: &'f mut Findings<'_>,
    kind: &str,
    word: &str,
    span: Span,
    names: &[&str],
) -> &'f mut Problem {
    let near = nearest(word, names.iter().copied());
    let problem = findings.error(span, format!("there is no {kind} `{word}`"));
    problem.label = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("not a {kind} of this scenario"),
    };
    problem.help = Some(match names.is_empty() {
        true => format!("this scenario has no [{kind}.NAME] at all"),
        false => format!("known here: {}", names.join(", ")),
    });
    problem
}

/// A list without repetitions.
fn once(list: Vec<usize>) -> Vec<usize> {
    let mut once = Vec::new();
    for item in list {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

/// The indices of the tables that a list of words names. `None` after an error.
fn resolve_all<T>(
    findings: &mut Findings<'_>,
    kind: &str,
    tables: &[Table<T>],
    names: Option<&Spanned<Names>>,
) -> Option<Vec<usize>> {
    let mut indices = Some(Vec::new());
    let Some(names) = names else {
        return indices;
    };
    for (name, span) in &names.get_ref().0 {
        let span = span.clone().unwrap_or(names.span());
        let found = resolve(findings, kind, tables, name, span);
        match (&mut indices, found) {
            (Some(list), Some(index)) => list.push(index),
            _ => indices = None,
        }
    }
    indices
}

/// A count within bounds, or the default; an error when it is outside.
fn bounded(
    findings: &mut Findings<'_>,
    count: Option<&Spanned<Count>>,
    what: &str,
    bounds: std::ops::RangeInclusive<u64>,
    default: u64,
) -> u64 {
    let Some(count) = count else {
        return default;
    };
    let Count(n) = *count.get_ref();
    if bounds.contains(&n) {
        return n;
    }
    let message = format!("{n} is impossible for {what}");
    findings.error(count.span(), message).label = format!(
        "from {} to {}",
        Count(*bounds.start()),
        Count(*bounds.end())
    );
    default
}

struct Load {
    scale: f64,
    shards: u32,
}

fn load(findings: &mut Findings<'_>, root: &DeTable<'_>) -> Load {
    let wire: wire::Load = one(findings, root, "load")
        .map(|r: Read<_>| r.value)
        .unwrap_or_default();
    let shards = bounded(
        findings,
        wire.shards.as_ref(),
        "shards",
        1..=65_536,
        SHARDS.into(),
    );
    for lock in wire.lock.iter().flatten() {
        check_lock(findings, root, lock);
    }
    Load {
        scale: wire.scale.map_or(1.0, |s| s.0),
        shards: shards as u32,
    }
}

/// A lock that locks nothing is a trap: its first words must exist.
fn check_lock(findings: &mut Findings<'_>, root: &DeTable<'_>, lock: &Spanned<Text>) {
    let path = lock.get_ref().0.as_str();
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or_default();
    if !TOP.contains(&first) {
        return unknown_word(findings, lock.span(), first, "`lock`", TOP);
    }
    let tables = root.get(first).and_then(|v| v.get_ref().as_table());
    if let (true, Some(name), Some(tables)) = (NAMED.contains(&first), parts.next(), tables)
        && !tables.contains_key(name)
    {
        let names: Vec<&str> = tables.keys().map(|k| k.get_ref().as_ref()).collect();
        unknown_word(findings, lock.span(), name, "`lock`", &names);
    }
}

fn name(findings: &mut Findings<'_>, root: &DeTable<'_>, source: &super::Source) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let given: Option<Read<Spanned<Text>>> = one(findings, root, "name");
    let Some(given) = given else {
        let stem = source.stem();
        let name: String = stem
            .chars()
            .map(|c| if plain(c) { c } else { '-' })
            .collect();
        return name.trim_start_matches('.').to_owned();
    };
    let name = given.value.get_ref().0.clone();
    if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
        let message = format!("`{name}` can't be the name of a run folder");
        findings.error(given.value.span(), message).label =
            "letters, digits, `.`, `_` and `-` only".into();
    }
    name
}

fn abort(findings: &mut Findings<'_>, root: &DeTable<'_>) -> Abort {
    let wire: wire::Abort = one(findings, root, "abort")
        .map(|r: Read<_>| r.value)
        .unwrap_or_default();
    Abort {
        response: wire.response.map(|r| AbortResponse {
            quantile: r.quantile.0,
            above: r.above.0,
            lasting: r.lasting.0,
        }),
        errors: wire.errors.map(|r| AbortLevel {
            above: r.above.0,
            lasting: r.lasting.0,
        }),
        backlog: wire.backlog.map(|r| AbortLevel {
            above: r.above.0 as f64,
            lasting: r.lasting.0,
        }),
    }
}
