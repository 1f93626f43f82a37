//! What was measured of flows and groups, as tables. Pure.

use crate::measure::run::{FlowResult, RunFile};
use crate::measure::shape::Model;
use crate::measure::summary::Summary;
use crate::measure::units;

use super::super::table::{Align, Cell, Table, Tone, cut, wrap};
use super::super::term::Paint;
use super::{NAME, ROWS, WIDTH};

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
        let text = match flow.model {
            Model::Open => continue,
            Model::Closed => {
                "users wait for each answer (a closed model): a slow cluster is offered less"
            }
            Model::Unthrottled => "unthrottled: as fast as the cluster takes events",
        };
        let text = format!("flow {name}: {text}; nothing is due, so there is only service time");
        lines.extend(wrap(&text, WIDTH));
    }
    // Where it is the first reason it is said already.
    if let Some(unsteady) = run
        .reasons
        .iter()
        .skip(1)
        .find(|reason| reason.kind == "no_steady_state")
    {
        lines.extend(
            wrap(&unsteady.text, WIDTH)
                .into_iter()
                .map(|line| paint.yellow(line)),
        );
    }
    lines
}

/// Response, service and send delay without the warm-up.
pub(super) fn warm(flow: &FlowResult) -> (Option<&Summary>, &Summary, Option<&Summary>) {
    match &flow.warm {
        Some(warm) => (
            warm.response.as_ref(),
            &warm.service,
            warm.send_delay.as_ref(),
        ),
        None => (
            flow.response.as_ref(),
            &flow.service,
            flow.send_delay.as_ref(),
        ),
    }
}

/// A quantile; `> longest` where it falls among events without a time.
pub(super) fn time(of: &Summary, quantile: Option<u64>) -> String {
    match quantile {
        Some(us) => units::time_us(us),
        None if of.beyond > 0 => of
            .histogram
            .max_us()
            .map_or("never".to_owned(), |us| format!("> {}", units::time_us(us))),
        None => "-".to_owned(),
    }
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
