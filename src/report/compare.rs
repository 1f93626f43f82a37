//! Two or more runs side by side: what differs, and whether they may be compared at all. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::run::{FlowResult, GroupResult, RunFile, Verdict};
use crate::measure::summary::Summary;
use crate::measure::units;

use super::data::name_of;
use super::plot::letter;
use super::words;

/// How much of a hash is shown: enough to tell any two of a person's runs apart.
const HASH: usize = 19;

/// What differs between runs. The first is what the others are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Why not to believe it, a sentence each.
    pub warnings: Vec<String>,
    /// What was asked for and with what: only what differs.
    pub facts: Vec<Row>,
    /// What was measured.
    pub figures: Vec<Row>,
}

/// A line of a comparison: one value for each run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whose value it is: a flow's or group's name; empty for the run's own.
    pub whom: String,
    /// What it is.
    pub what: String,
    /// For each run; `-` where it has none.
    pub values: Vec<String>,
}

/// Compares runs in this order.
pub fn compare(runs: &[&RunFile]) -> Comparison {
    Comparison {
        warnings: warnings(runs),
        facts: facts(runs),
        figures: figures(runs),
    }
}

fn warnings(runs: &[&RunFile]) -> Vec<String> {
    let mut warnings = Vec::new();
    if runs.iter().any(|run| run.plan.hash.is_empty()) {
        let text = "the load of an unfinished run is not recorded: whether these runs had the same is not known";
        warnings.push(text.to_owned());
    } else if differ(runs.iter().map(|run| &run.plan.hash)) {
        let text = "the plan hashes differ: these runs did not have the same load, so what differs between them may be due to that alone";
        warnings.push(text.to_owned());
    }
    if differ(runs.iter().map(|run| run.elapsed_us / 1_000_000)) {
        let text = "the runs are not of the same length";
        warnings.push(text.to_owned());
    }
    for (index, run) in runs.iter().enumerate() {
        if run.verdict == Verdict::Invalid {
            let letter = letter(index);
            warnings.push(format!("{letter} is invalid, so its figures prove nothing"));
        } else if let Some(caveat) = words::caveat(run) {
            warnings.push(format!("{}: {caveat}", letter(index)));
        }
    }
    warnings
}

fn differ<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let first = values.next();
    values.any(|value| Some(value) != first)
}

/// The facts of one run, by name, in the order they are shown.
fn facts_of(run: &RunFile) -> Vec<(String, String)> {
    let hash = |text: &str| text.chars().take(HASH).collect::<String>();
    let machine = &run.machine;
    let mut facts: Vec<(String, String)> = [
        ("scenario", name_of(run)),
        ("plan hash", hash(&run.plan.hash)),
        ("set-up hash", hash(&run.plan.setup_hash)),
        ("seed", run.plan.seed.to_string()),
        ("length", words::length(run)),
        ("target", run.target.kind.clone()),
        ("brokers", run.target.brokers.len().to_string()),
        ("Kafka", words::releases(run)),
        ("bootstrap", run.target.bootstrap.join(",")),
        ("highwater", run.tool.version.clone()),
        ("librdkafka", run.tool.librdkafka.clone()),
        ("processor", machine.cpu.clone()),
        ("cores", machine.cores.to_string()),
        ("memory", units::bytes(machine.memory_bytes)),
        ("kernel", machine.kernel.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (key, topic) in &run.target.topics {
        let mut fact =
            |what: &str, value: String| facts.push((format!("topic {key} {what}"), value));
        fact("partitions", topic.partitions.to_string());
        let replicas = topic.replication.map(|n| n.to_string());
        fact("replication", replicas.unwrap_or_default());
        for (name, value) in &topic.config {
            fact(name, value.clone());
        }
    }
    for (name, value) in &run.target.client {
        facts.push((format!("client {name}"), value.clone()));
    }
    facts
}

/// The facts that are not the same for all.
fn facts(runs: &[&RunFile]) -> Vec<Row> {
    let all: Vec<Vec<(String, String)>> = runs.iter().map(|run| facts_of(run)).collect();
    let mut seen = BTreeSet::new();
    let names = all.iter().flatten().map(|(name, _)| name);
    let names: Vec<&String> = names.filter(|name| seen.insert(*name)).collect();
    let tables: Vec<BTreeMap<&String, &String>> = all
        .iter()
        .map(|facts| facts.iter().map(|(name, value)| (name, value)).collect())
        .collect();
    names
        .into_iter()
        .filter(|name| differ(tables.iter().map(|facts| facts.get(name))))
        .map(|name| Row {
            whom: String::new(),
            what: name.clone(),
            values: tables
                .iter()
                .map(|facts| match facts.get(name) {
                    Some(value) if !value.is_empty() => (*value).clone(),
                    _ => "-".to_owned(),
                })
                .collect(),
        })
        .collect()
}

/// A figure of a flow or a group: how it is shown, and its size where it can be set against another.
type Shown = (String, Option<f64>);

/// A figure's name and how it is taken from a flow or group.
type Question<T> = (&'static str, fn(&T) -> Shown);

const OF_FLOWS: [Question<FlowResult>; 9] = [
    ("offered", |f| rate(f.offered_per_s)),
    ("achieved", |f| rate(f.achieved_per_s)),
    ("response p50", |f| quantile(words::warm(f).0, |s| s.p50_us)),
    ("response p99", |f| quantile(words::warm(f).0, |s| s.p99_us)),
    ("response p99.9", |f| {
        quantile(words::warm(f).0, |s| s.p999_us)
    }),
    ("response max", |f| quantile(words::warm(f).0, |s| s.max_us)),
    ("service p99", |f| {
        quantile(Some(words::warm(f).1), |s| s.p99_us)
    }),
    ("failed", |f| count(f.account.failed)),
    ("unresolved", |f| count(f.account.unresolved)),
];

const OF_GROUPS: [Question<GroupResult>; 5] = [
    ("end-to-end p50", |g| {
        quantile(Some(&g.end_to_end), |s| s.p50_us)
    }),
    ("end-to-end p99", |g| {
        quantile(Some(&g.end_to_end), |s| s.p99_us)
    }),
    ("lag max", |g| count(g.lag_records_max)),
    ("missing", |g| count(g.missing)),
    ("reordered", |g| count(g.reordered)),
];

fn rate(per_s: f64) -> Shown {
    (units::rate(per_s), Some(per_s))
}

fn count(n: u64) -> Shown {
    (units::count(n), Some(n as f64))
}

fn quantile(of: Option<&Summary>, pick: fn(&Summary) -> Option<u64>) -> Shown {
    match of {
        Some(summary) => {
            let us = pick(summary);
            (words::time(summary, us), us.map(|us| us as f64))
        }
        None => ("-".to_owned(), None),
    }
}

fn figures(runs: &[&RunFile]) -> Vec<Row> {
    let verdicts = Row {
        whom: String::new(),
        what: "verdict".to_owned(),
        values: runs
            .iter()
            .map(|run| words::verdict(run.verdict).to_owned())
            .collect(),
    };
    let flows = tables(runs, |run| &run.flows, &OF_FLOWS);
    let groups = tables(runs, |run| &run.consume, &OF_GROUPS);
    [verdicts].into_iter().chain(flows).chain(groups).collect()
}

/// The figures of all flows, or of all groups. What is nothing in every run is left out.
fn tables<T>(
    runs: &[&RunFile],
    of: fn(&RunFile) -> &BTreeMap<String, T>,
    questions: &[Question<T>],
) -> Vec<Row> {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| of(run).keys()).collect();
    let mut rows = Vec::new();
    for name in names {
        for (what, ask) in questions {
            let shown: Vec<Option<Shown>> =
                runs.iter().map(|run| of(run).get(name).map(ask)).collect();
            let is_nothing = |s: &Option<Shown>| s.as_ref().is_none_or(|s| s.1 == Some(0.0));
            if !shown.iter().all(is_nothing) {
                rows.push(Row {
                    whom: name.clone(),
                    what: (*what).to_owned(),
                    values: with_changes(&shown),
                });
            }
        }
    }
    rows
}

/// The values, those after the first with their change from it.
fn with_changes(shown: &[Option<Shown>]) -> Vec<String> {
    let first = shown.first().and_then(|s| s.as_ref()?.1);
    shown
        .iter()
        .enumerate()
        .map(|(index, shown)| match shown {
            None => "-".to_owned(),
            Some((text, size)) => match (first, size) {
                (Some(first), Some(size)) if index > 0 && first > 0.0 => {
                    format!("{text} ({})", change(size / first))
                }
                _ => text.clone(),
            },
        })
        .collect()
}

/// A ratio as a change: `+12 %`, `−3.4 %`, `same`, `× 14`.
pub fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    match percent {
        p if p.abs() < 0.05 => "same".to_owned(),
        p if p >= 200.0 => format!("× {}", units::short(ratio)),
        p if p >= 10.0 => format!("+{p:.0} %"),
        p if p > 0.0 => format!("+{p:.1} %"),
        p if p > -10.0 => format!("−{:.1} %", -p),
        p => format!("−{:.0} %", -p),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn row<'a>(rows: &'a [Row], whom: &str, what: &str) -> Option<&'a [String]> {
        let found = rows.iter().find(|row| row.whom == whom && row.what == what);
        found.map(|row| row.values.as_slice())
    }

    #[test]
    fn the_same_run_differs_in_nothing() {
        let run = fixtures::good();
        let same = compare(&[&run, &run]);
        assert_eq!((same.warnings.len(), same.facts.len()), (0, 0));
        let p99 = row(&same.figures, "shoppers", "response p99").expect("it is there");
        assert!(p99[1].ends_with("(same)"), "{p99:?}");
        assert_eq!(row(&same.figures, "shoppers", "failed"), None);
    }

    #[test]
    fn what_differs_is_stated_and_another_load_warned_of() {
        let a = fixtures::good();
        let mut b = fixtures::good();
        b.plan.hash = "blake3:other".to_owned();
        b.target.client.insert("acks".to_owned(), "1".to_owned());
        b.machine.cores = 4;
        b.flows
            .insert("shoppers".to_owned(), fixtures::flow(11_111_000, 62_000.0));
        b.flows.remove("robots");
        let all = compare(&[&a, &b]);
        assert!(
            all.warnings[0].contains("plan hashes differ"),
            "{:?}",
            all.warnings
        );
        assert_eq!(
            row(&all.facts, "", "client acks"),
            Some(&["all".into(), "1".into()][..])
        );
        assert_eq!(
            row(&all.facts, "", "cores"),
            Some(&["8".into(), "4".into()][..])
        );
        assert_eq!(row(&all.facts, "", "seed"), None);
        let p99 = row(&all.figures, "shoppers", "response p99").expect("it is there");
        assert!(p99[1].contains("(+9"), "{p99:?}");
        assert_eq!(
            row(&all.figures, "robots", "offered").expect("A has it")[1],
            "-"
        );
    }

    #[test]
    fn an_invalid_run_is_pointed_out() {
        let a = fixtures::good();
        let b = fixtures::interrupted();
        let warnings = compare(&[&a, &b]).warnings;
        assert!(
            warnings.iter().any(|w| w.starts_with("B is invalid")),
            "{warnings:?}"
        );
        assert!(
            warnings.iter().any(|w| w.contains("length")),
            "{warnings:?}"
        );
    }

    #[test]
    fn changes() {
        let shown = [1.0, 1.0004, 1.034, 1.5, 3.0, 14.2, 0.966, 0.5].map(change);
        assert_eq!(
            shown,
            [
                "same", "same", "+3.4 %", "+50 %", "× 3", "× 14.2", "−3.4 %", "−50 %"
            ]
        );
    }
}
