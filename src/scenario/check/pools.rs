//! Pools: populations of entities.

use toml::Spanned;

use super::super::text::Findings;
use super::super::wire;
use super::super::{Field, FieldKind, PickFlash, Pool, Skew, Time};
use super::names::{resolve, simple};
use super::shapes::{positive, within};
use super::{Table, bounded, need};

/// Words that mean something else in a blank.
const RESERVED: &[&str] = &[
    "session", "device", "batch", "uuid", "now", "now_ms", "int", "decimal", "choice", "pad",
];

/// More ids than anyone has of anything.
const MOST_IDS: u64 = 1_000_000_000_000;

/// Brings the pools into an order in which each comes after the one it is `of`; else the order of the file stays. Pools that are
/// of one another in a loop are an error.
pub(super) fn parents_first(
    findings: &mut Findings<'_>,
    mut tables: Vec<Table<wire::Pool>>,
) -> Vec<Table<wire::Pool>> {
    let mut sorted: Vec<Table<wire::Pool>> = Vec::new();
    while !tables.is_empty() {
        // A parent that does not exist is an error of its own.
        let waits = |table: &Table<wire::Pool>| {
            parent(table).is_some_and(|of| tables.iter().any(|t| t.name == of))
        };
        match tables.iter().position(|table| !waits(table)) {
            Some(free) => sorted.push(tables.remove(free)),
            None => {
                loop_of(findings, &tables);
                sorted.append(&mut tables);
            }
        }
    }
    sorted
}

/// The name of the pool that a pool is of.
fn parent(table: &Table<wire::Pool>) -> Option<&str> {
    let of = table.read.as_ref()?.value.of.as_ref()?;
    Some(&of.get_ref().0)
}

/// The error about pools each of which waits for another of them.
fn loop_of(findings: &mut Findings<'_>, tables: &[Table<wire::Pool>]) {
    let mut at = 0;
    let mut path: Vec<usize> = Vec::new();
    while !path.contains(&at) {
        path.push(at);
        let next = parent(&tables[at]).and_then(|of| tables.iter().position(|t| t.name == of));
        at = next.unwrap_or(at);
    }
    // What led to the loop is not in it.
    let round: Vec<usize> = path.into_iter().skip_while(|p| *p != at).collect();
    let mut names: Vec<&str> = round.iter().map(|p| tables[*p].name.as_str()).collect();
    names.push(tables[at].name.as_str());
    let of = tables[at].read.as_ref().and_then(|r| r.value.of.as_ref());
    let span = of.map_or(tables[at].span.clone(), Spanned::span);
    let message = format!("pools can't be of one another: {}", names.join(" of "));
    findings.error(span, message).label = "leads back to where it began".into();
}

/// Checks the pools, which stand with parents first; indices are those of `tables`.
pub(super) fn pools(
    findings: &mut Findings<'_>,
    time: Option<&Time>,
    tables: &[Table<wire::Pool>],
) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    for table in tables {
        if RESERVED.contains(&table.name.as_str()) {
            let message = format!("a pool can't be called `{}`", table.name);
            findings.error(table.span.clone(), message).label =
                "the blank of that name is something else".into();
        }
        let wire = table.read.as_ref().map(|r| &r.value);
        let count = match wire {
            Some(wire) => need(findings, table, "count", &wire.count),
            None => None,
        };
        let count = bounded(findings, count, "the ids of a pool", 1..=MOST_IDS, 1);
        let of = wire.and_then(|w| w.of.as_ref());
        let of = of.and_then(|of| resolve(findings, "pool", tables, &of.get_ref().0, of.span()));
        let flash = wire.and_then(|w| w.flash.as_ref());
        pools.push(Pool {
            name: table.name.clone(),
            count,
            of: of.filter(|parent| *parent < pools.len()),
            skew: skew(findings, wire.and_then(|w| w.skew.as_ref()), &table.what),
            flash: flash.and_then(|f| pick_flash(findings, time, f, count, &table.what)),
            fields: wire.map(|w| fields(findings, w)).unwrap_or_default(),
        });
    }
    pools
}

/// One id that takes a share of the picks. `None` after an error.
fn pick_flash(
    findings: &mut Findings<'_>,
    time: Option<&Time>,
    wire: &wire::PickFlash,
    count: u64,
    what: &str,
) -> Option<PickFlash> {
    let id = bounded(
        findings,
        Some(&wire.id),
        &format!("the id of a flash in {what}"),
        1..=count,
        0,
    );
    let share = wire.share.get_ref().0;
    if share == 0.0 {
        let message = format!("a flash that takes no share of the picks, in {what}");
        findings.error(wire.share.span(), message).label = "above 0, and at most 1".into();
    }
    let at = within(findings, time, &wire.at)?;
    let lasting = positive(findings, &wire.lasting, "`for`")?;
    if let Some(time) = time
        && (at >= time.play.1.as_secs_f64() || at + lasting <= time.play.0.as_secs_f64())
    {
        let message = format!("nothing feels the flash of {what}");
        findings.warn(wire.at.span(), message).label = "outside the part that is played".into();
    }
    (id > 0 && share > 0.0).then_some(PickFlash {
        id,
        share,
        at,
        lasting,
    })
}

fn skew(findings: &mut Findings<'_>, wire: Option<&wire::Skew>, what: &str) -> Skew {
    match wire {
        None | Some(wire::Skew::Uniform) => Skew::Uniform,
        Some(wire::Skew::Zipf(s)) => Skew::Zipf(s.0),
        Some(wire::Skew::LogNormal(sigma)) => Skew::LogNormal(sigma.0),
        Some(wire::Skew::Hot(hot)) => {
            let of = hot.of.get_ref().0;
            if of == 0.0 {
                let message = format!("the hot set is empty in {what}");
                findings.error(hot.of.span(), message).label = "a share above 0".into();
            }
            Skew::Hot {
                share: hot.share.0,
                of,
            }
        }
    }
}

fn fields(findings: &mut Findings<'_>, wire: &wire::Pool) -> Vec<Field> {
    let mut fields = Vec::new();
    for (name, kind) in wire.fields.iter().flat_map(|f| &f.0) {
        if !simple(name.get_ref()) {
            let message = format!("`{}` can't be the name of a field", name.get_ref());
            findings.error(name.span(), message).label = "letters, digits, `_` and `-` only".into();
        }
        let kind = kind.get_ref().0.clone();
        let kind = match kind {
            FieldKind::Choice(choices) => FieldKind::Choice(shares(choices)),
            other => other,
        };
        fields.push(Field {
            name: name.get_ref().clone(),
            kind,
        });
    }
    fields
}

/// Weights that add up to 1.
pub(super) fn shares<T>(weights: Vec<(T, f64)>) -> Vec<(T, f64)> {
    let sum: f64 = weights.iter().map(|(_, w)| w).sum();
    weights.into_iter().map(|(x, w)| (x, w / sum)).collect()
}
