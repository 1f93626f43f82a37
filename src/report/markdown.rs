//! A report as Markdown, for a comment on a pull request: the verdict and the limits in sight, the rest folded away. Pure.
//!
//! GitHub takes comments of 65,536 characters. What may grow without end (limits, flows, groups, properties) is cut to so many rows,
//! and a text to so many columns, that no run comes near it.

mod comparison;
pub(super) mod inert;

use crate::capacity::verdict::Weight;
use crate::measure::run::{RunFile, SloResult};
use crate::measure::units;

use super::data::{RunData, name_of};
use super::over_time::OverTime;
use super::unfinished::judged;
use super::words::{self, SloWords, is_quiet, quiet, time, warm};
use inert::{name, prose};

/// Rows of a table.
const ROWS: usize = 25;
/// Reasons that are written out.
const REASONS: usize = 10;

/// The report of one run, or the comparison of several. Ends with a line's end.
pub fn report(runs: &[RunData]) -> String {
    match runs {
        [run] => single(run),
        runs => comparison::comparison(runs),
    }
}

fn single(data: &RunData) -> String {
    let run = judged(data);
    let over_time = OverTime::of(data);
    let mut page = Page::default();
    headline(&run, &mut page);
    if let (Some(note), true) = (&data.note, data.run.is_some()) {
        page.quote(note);
    }
    slos(&run, &mut page);
    flows(&run, &mut page);
    bars(&run, &over_time, &mut page);
    groups(&run, &mut page);
    trust(&run, &over_time, data.run.is_some(), &mut page);
    setup(&run, &mut page);
    page.text
}

/// Markdown under construction.
#[derive(Default)]
pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    /// A block of its own.
    pub(super) fn block(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A sentence that must not be overlooked.
    fn quote(&mut self, sentence: &str) {
        self.block(&format!("> **{}**", prose(sentence)));
    }

    /// A table of at most [`ROWS`] rows; columns whose heading ends in `:` hold numbers.
    pub(super) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        self.long_table(head, rows, ROWS);
    }

    /// A table of at most `most` rows; the rest is counted.
    fn long_table(&mut self, head: &[&str], rows: &[Vec<String>], most: usize) {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(head.iter().map(|h| h.trim_end_matches(':')).collect());
        let rule = |h: &&str| if h.ends_with(':') { "---:" } else { "---" };
        text.push_str(&line(head.iter().map(rule).collect()));
        for row in rows.iter().take(most) {
            text.push_str(&line(row.iter().map(String::as_str).collect()));
        }
        self.block(&text);
        if rows.len() > most {
            self.block(&format!("and {} more in run.json", rows.len() - most));
        }
    }

    /// What is folded away until somebody asks. The title is ours.
    pub(super) fn details(&mut self, title: &str, inside: impl FnOnce(&mut Page)) {
        self.block(&format!("<details><summary>{title}</summary>"));
        inside(self);
        self.block("</details>");
    }
}

fn headline(run: &RunFile, page: &mut Page) {
    let verdict = words::verdict(run.verdict);
    page.block(&format!("### {verdict}: {}", prose(&name_of(run))));
    page.block(&format!("**{}**", prose(words::reason(run))));
    let others: Vec<String> = words::further(run)
        .iter()
        .map(|text| format!("- {}", prose(text)))
        .collect();
    if !others.is_empty() {
        page.block(&others.join("\n"));
    }
    if let Some(caveat) = words::caveat(run) {
        page.quote(caveat);
    }
    let mut parts = vec![format!(
        "{} of load {}",
        words::length(run),
        words::place(run)
    )];
    if !run.started.is_empty() {
        parts.push(format!("seed {}", run.plan.seed));
        parts.push(run.started.clone());
    }
    page.block(&prose(&parts.join(" · ")));
}

/// The SLOs, those that were missed first.
fn slos(run: &RunFile, page: &mut Page) {
    if run.slos.is_empty() {
        return;
    }
    let mut slos: Vec<&SloResult> = run.slos.iter().filter(|slo| !is_quiet(slo)).collect();
    slos.sort_by_key(|slo| slo.held);
    let rows: Vec<Vec<String>> = slos
        .into_iter()
        .map(|slo| {
            let words = SloWords::of(slo);
            let percent = words.percent().unwrap_or_default();
            vec![
                if slo.held { "held" } else { "**MISSED**" }.to_owned(),
                prose(&words.what),
                words.whom.as_deref().map_or("-".to_owned(), name),
                prose(&words.limit),
                prose(&words.measured),
                match &words.windows {
                    Some(windows) => prose(&format!("{percent} (windows missed: {windows})")),
                    None => percent,
                },
            ]
        })
        .collect();
    let head = ["", "limit on", "of", "limit:", "measured:", "of limit:"];
    if !rows.is_empty() {
        page.table(&head, &rows);
    }
    if let Some(quiet) = quiet(&run.slos) {
        page.block(&format!("held: {}", prose(&quiet)));
    }
}

fn flows(run: &RunFile, page: &mut Page) {
    let rows: Vec<Vec<String>> = run
        .flows
        .iter()
        .map(|(flow_name, flow)| {
            let (response, service, _) = warm(flow);
            let times = [
                response.map(|s| time(s, s.p50_us)),
                response.map(|s| time(s, s.p99_us)),
                response.map(|s| time(s, s.p999_us)),
                response.map(|s| time(s, s.max_us)),
                Some(time(service, service.p99_us)),
            ];
            let mut row = vec![
                name(flow_name),
                units::rate(flow.offered_per_s),
                units::rate(flow.achieved_per_s),
            ];
            row.extend(times.map(|time| time.map_or("-".to_owned(), |time| prose(&time))));
            row
        })
        .collect();
    let head = [
        "flow",
        "offered:",
        "achieved:",
        "response p50:",
        "p99:",
        "p99.9:",
        "max:",
        "service p99:",
    ];
    page.table(&head, &rows);
    for (flow_name, flow) in run.flows.iter().take(ROWS) {
        if let Some(model) = words::model(flow) {
            page.block(&format!("flow {}: {}", name(flow_name), prose(model)));
        }
    }
    if let Some(unsteady) = words::unsteady(run) {
        page.quote(unsteady);
    }
}

fn bars(run: &RunFile, over_time: &OverTime, page: &mut Page) {
    let lines = over_time.timeline.lines(run.elapsed_us);
    if lines.is_empty() {
        return;
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|(label, spark)| format!("{label:<10}{}  {}", spark.bars, spark.text))
        .collect();
    page.block(&format!("```text\n{}\n```", lines.join("\n")));
}

fn groups(run: &RunFile, page: &mut Page) {
    if run.consume.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = run
        .consume
        .iter()
        .map(|(group_name, group)| {
            let counts = [
                group.consumed,
                group.missing,
                group.corrupt,
                group.reordered,
                group.duplicated,
                group.expired,
                group.unread,
            ];
            let mut row = vec![name(group_name)];
            row.extend(counts.map(units::count));
            row.push(prose(&time(&group.end_to_end, group.end_to_end.p99_us)));
            row.push(units::count(group.lag_records_max));
            row
        })
        .collect();
    let head = [
        "group",
        "consumed:",
        "missing:",
        "corrupt:",
        "reordered:",
        "duplicated:",
        "expired:",
        "unread:",
        "end-to-end p99:",
        "lag max:",
    ];
    page.details("Consumer groups", |page| page.table(&head, &rows));
}

/// How far the numbers can be trusted.
fn trust(run: &RunFile, over_time: &OverTime, is_finished: bool, page: &mut Page) {
    let account = words::account(run);
    let [planned, sent] = words::equations(&account);
    let closes = match account.check() {
        Ok(()) => "",
        Err(_) => ", which DOES NOT CLOSE",
    };
    let mut items = vec![format!("{planned}{closes}"), format!("{sent}{closes}")];
    items.extend(words::errors(run).map(|errors| format!("errors: {errors}")));
    if is_finished {
        items.push(format!("generator: {}", words::generator(run)));
    }
    items.extend(over_time.client.map(|client| words::client(run, &client)));
    let notes = run
        .reasons
        .iter()
        .filter(|reason| words::weight(reason) == Weight::Note);
    items.extend(notes.take(REASONS).map(|note| note.text.clone()));
    page.details("Account and generator", |page| {
        let items: Vec<String> = items
            .iter()
            .map(|item| format!("- {}", prose(item)))
            .collect();
        page.block(&items.join("\n"));
    });
}

/// What it was run with.
fn setup(run: &RunFile, page: &mut Page) {
    if run.plan.hash.is_empty() {
        return;
    }
    let brokers: Vec<&str> = run
        .target
        .brokers
        .iter()
        .map(|b| b.address.as_str())
        .collect();
    let machine = &run.machine;
    let mut rows: Vec<Vec<String>> = [
        ("run", run.id.clone()),
        ("plan hash", run.plan.hash.clone()),
        ("set-up hash", run.plan.setup_hash.clone()),
        ("tool", format!("{} {}", run.tool.name, run.tool.version)),
        ("librdkafka", run.tool.librdkafka.clone()),
        (
            "machine",
            format!(
                "{} · {} · {} · {}",
                machine.cpu,
                units::counted(u64::from(machine.cores), "cores"),
                units::bytes(machine.memory_bytes),
                machine.kernel
            ),
        ),
        ("brokers", brokers.join(" ")),
        ("Kafka", words::releases(run)),
    ]
    .map(|(what, value)| vec![what.to_owned(), prose(&value)])
    .into();
    for topic in run.target.topics.values() {
        let partitions = units::counted(u64::from(topic.partitions), "partitions");
        let replicas = topic
            .replication
            .map_or(String::new(), |n| format!(", replication {n}"));
        rows.push(vec![
            "topic".to_owned(),
            format!("{} {partitions}{replicas}", name(&topic.name)),
        ]);
    }
    for (property, value) in &run.target.client {
        rows.push(vec![
            "client".to_owned(),
            name(&format!("{property}={value}")),
        ]);
    }
    page.details("Set-up", |page| page.table(&["", ""], &rows));
}

#[cfg(test)]
mod tests;
