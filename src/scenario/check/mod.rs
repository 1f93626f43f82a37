//! From a tree to a checked scenario: every table is read by itself, then the names between them are resolved.

mod actions;
mod arrivals;
mod blanks;
mod client;
mod defects;
mod events;
mod flows;
mod heights;
mod journeys;
mod metrics;
mod names;
mod pools;
mod shapes;
mod slos;
mod suspicious;
pub(super) mod time;
mod trace;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::extends::Chain;
use super::quantity::Count;
use super::read::{Read, read, unknown_word};
use super::scalar::Text;
use super::text::{Findings, Span};
use super::wire;
use super::wire_journey;
use super::{Abort, AbortLevel, AbortResponse, Event, Flow, Journey, Pool, Scenario};
use names::check_name;

/// The tables of things with names.
pub(super) const NAMED: &[&str] = &["pool", "topic", "event", "journey", "flow", "consume"];

/// All words at the top of a file that this version knows.
const TOP: &[&str] = &[
    "name", "why", "seed", "time", "load", "pool", "topic", "event", "journey", "flow", "client",
    "consume", "action", "watch", "slo", "abort",
];

/// The word at the top of a file that is read before all others, and stands in no merged tree.
const EXTENDS: &str = "extends";

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

/// All tables of things with names, as they were read.
struct Tables {
    /// Parents first.
    pools: Vec<Table<wire::Pool>>,
    topics: Vec<Table<wire::Topic>>,
    events: Vec<Table<wire::Event>>,
    journeys: Vec<Table<wire_journey::Journey>>,
    flows: Vec<Table<wire::Flow>>,
    groups: Vec<Table<wire::Consume>>,
}

impl Tables {
    fn read(findings: &mut Findings<'_>, root: &DeTable<'_>) -> Tables {
        let pools = named(findings, root, "pool");
        Tables {
            pools: pools::parents_first(findings, pools),
            topics: named(findings, root, "topic"),
            events: named(findings, root, "event"),
            journeys: named(findings, root, "journey"),
            flows: named(findings, root, "flow"),
            groups: named(findings, root, "consume"),
        }
    }
}

/// What the tables say about the load; `None` stands for one with errors. Indices are those of [`Tables`].
struct Checked {
    pools: Vec<Pool>,
    events: Vec<Option<Event>>,
    journeys: Vec<Option<Journey>>,
    flows: Vec<Option<Flow>>,
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
    let tables = Tables::read(findings, root);
    let client = one(findings, root, "client")
        .map(|p: Read<_>| client::producer(findings, &p.value))
        .unwrap_or_default();
    let topics = events::topics(findings, &tables.topics);
    let setting = shapes::Setting {
        time: time.as_ref(),
        chain,
    };
    let checked = offered(findings, root, &tables, (setting, &load));
    let consumers = flows::consumers(findings, &tables.groups, &tables.topics);
    let ground = actions::Ground {
        time: time.as_ref(),
        groups: &tables.groups,
    };
    let actions = actions::actions(findings, root, &ground);
    let watched = actions::watched(findings, root);
    let whole = slos::Whole {
        tables: &tables,
        checked: &checked,
        consumers: &consumers,
        actions: actions.as_deref(),
        time: time.as_ref(),
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
        pools: checked.pools,
        topics,
        events: checked.events.into_iter().collect::<Option<_>>()?,
        journeys: checked.journeys.into_iter().collect::<Option<_>>()?,
        flows: checked.flows.into_iter().collect::<Option<_>>()?,
        client,
        consumers: consumers.into_iter().collect::<Option<_>>()?,
        actions: actions?,
        watched,
        slos,
        abort,
    })
}

/// Checks what is offered: pools, events, journeys and flows, and whether they go together.
fn offered(
    findings: &mut Findings<'_>,
    root: &DeTable<'_>,
    tables: &Tables,
    (setting, load): (shapes::Setting<'_>, &Load),
) -> Checked {
    let mut pools = pools::pools(findings, setting.time, &tables.pools);
    let mut events = events::events(findings, setting.chain, tables);
    let ground = journeys::Ground {
        root,
        events: &tables.events,
        pools: &tables.pools,
        checked_pools: &pools,
    };
    let journeys = journeys::journeys(findings, &ground, &tables.journeys);
    let ground = flows::Ground {
        setting,
        tables,
        journeys: &journeys,
        pools: &pools,
        scale: load.scale,
        shards: load.shards,
    };
    let flows = flows::flows(findings, &ground);
    arrivals::grow(&mut pools, flows.iter().flatten().map(|f| &f.arrivals));
    defects::suit(findings, tables, (&mut events, &flows));
    events::keyed(findings, tables, (&events, &flows));
    let checked = Checked {
        pools,
        events,
        journeys,
        flows,
    };
    suspicious::all(findings, tables, &checked);
    checked
}

/// Reports words at the top of the file that nobody knows.
fn top_words(findings: &mut Findings<'_>, root: &DeTable<'_>) {
    for (key, _) in root {
        let word = key.get_ref().as_ref();
        if word == EXTENDS {
            let problem = findings.error(key.span(), "no flag can change `extends`");
            problem.help = Some("write a file that extends the other scenario".into());
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
