//! What was measured of flows and groups, as tables. Pure.

use crate::measure::run::{GroupResult, RunFile};
use crate::measure::summary::Summary;
use crate::measure::units;

use super::super::table::{Align, Cell, Table, Tone, cut, wrap};
use super::super::term::Paint;
use super::super::words::{self, time, warm};
use super::{NAME, ROWS};

/// What was measured of each flow, without the warm-up where there was one.
pub(super) fn flows(run: &RunFile, paint: Paint) -> Vec<String> {
    const R: Align = Align::Right;
    let mut table = Table::new(&[Align::Left, R, R, R, R, R, R, R, R, R]);
    table.head([
        "",
        "",
        "",
        "response",
        "",
        "",
        "",
        "service",
        "send delay",
        "",
    ]);
    table.head([
        "flow", "offered", "achieved", "p50", "p99", "p99.9", "max", "p99", "p99", "bytes",
    ]);
    // Bytes, the service time, the p99.9: the page and `run.json` have them.
    table.spare([9, 7, 5]);
    let more = run.flows.len().saturating_sub(ROWS);
    for (name, flow) in run.flows.iter().take(ROWS) {
        let (response, service, send_delay) = warm(flow);
        let of = |times: Option<&Summary>, pick: fn(&Summary) -> Option<u64>| -> Cell {
            times
                .map_or("-".to_owned(), |times| time(times, pick(times)))
                .into()
        };
        table.row(vec![
            cut(name, NAME).into(),
            units::rate(flow.offered_per_s).into(),
            units::rate(flow.achieved_per_s).into(),
            of(response, |times| times.p50_us),
            of(response, |times| times.p99_us),
            of(response, |times| times.p999_us),
            of(response, |times| times.max_us),
            of(Some(service), |times| times.p99_us),
            of(send_delay, |times| times.p99_us),
            units::bytes(flow.bytes).into(),
        ]);
    }
    let mut lines = table.lines(paint);
    if more > 0 {
        lines.push(format!("and {more} more flows in run.json"));
    }
    for (name, flow) in run.flows.iter().take(ROWS) {
        if let Some(model) = words::model(flow) {
            lines.extend(wrap(&format!("flow {name}: {model}"), paint.width()));
        }
    }
    if let Some(unsteady) = words::unsteady(run) {
        lines.extend(
            wrap(unsteady, paint.width())
                .into_iter()
                .map(|line| paint.yellow(line)),
        );
    }
    lines
}

/// What the consumer groups found.
pub(super) fn groups(run: &RunFile, paint: Paint) -> Vec<String> {
    const R: Align = Align::Right;
    if run.consume.is_empty() {
        return vec![];
    }
    let mut table = Table::new(&[Align::Left, R, R, R, R, R, R, R, R, R]);
    table.head(["", "", "", "", "", "", "", "", "end-to-end", "lag"]);
    table.head([
        "group",
        "consumed",
        "missing",
        "corrupt",
        "reordered",
        "dup.",
        "expired",
        "unread",
        "p99",
        "max",
    ]);
    table.spare(spare_counts(run));
    let more = run.consume.len().saturating_sub(ROWS);
    for (name, group) in run.consume.iter().take(ROWS) {
        let loss = |count: u64| {
            Cell::toned(
                units::count(count),
                if count > 0 { Tone::Bad } else { Tone::Plain },
            )
        };
        table.row(vec![
            cut(name, NAME).into(),
            units::count(group.consumed).into(),
            loss(group.missing),
            loss(group.corrupt),
            loss(group.reordered),
            units::count(group.duplicated).into(),
            units::count(group.expired).into(),
            units::count(group.unread).into(),
            time(&group.end_to_end, group.end_to_end.p99_us).into(),
            units::count(group.lag_records_max).into(),
        ]);
    }
    let mut lines = table.lines(paint);
    if more > 0 {
        lines.push(format!("and {more} more groups in run.json"));
    }
    lines
}

/// Columns of the groups' table that may go: the counts that are zero for all of them, then how far behind they were.
fn spare_counts(run: &RunFile) -> Vec<usize> {
    /// A column, and what stands in it.
    type Column = (usize, fn(&GroupResult) -> u64);
    const COUNTS: [Column; 5] = [
        (5, |group| group.duplicated),
        (6, |group| group.expired),
        (7, |group| group.unread),
        (4, |group| group.reordered),
        (3, |group| group.corrupt),
    ];
    const LAG: usize = 9;
    let is_zero = |of: &fn(&GroupResult) -> u64| run.consume.values().all(|group| of(group) == 0);
    let zero = COUNTS.iter().filter(|(_, of)| is_zero(of));
    zero.map(|(column, _)| *column).chain([LAG]).collect()
}
