//! The limits of a run, as a table. Pure.

use crate::measure::run::{RunFile, SloResult};
use crate::measure::units;

use super::super::table::{Align, Cell, Table, Tone, cut};
use super::super::term::Paint;
use super::{NAME, ROWS};

/// The SLOs: those that were missed first, and those that allow nothing and found nothing in one line.
pub(super) fn limits(run: &RunFile, paint: Paint) -> Vec<String> {
    let (quiet, mut shown): (Vec<&SloResult>, Vec<&SloResult>) =
        run.slos.iter().partition(|slo| is_quiet(slo));
    shown.sort_by_key(|slo| slo.held);
    let mut table = Table::new(&[
        Align::Left,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Left,
    ]);
    table.head(["", "limit on", "of", "limit", "measured", "of limit", ""]);
    let more = shown.len().saturating_sub(ROWS);
    for slo in &shown[..shown.len() - more] {
        table.row(slo_row(slo));
    }
    let mut lines = if shown.is_empty() {
        vec![]
    } else {
        table.lines(paint)
    };
    if more > 0 {
        let missed = shown[shown.len() - more..]
            .iter()
            .filter(|slo| !slo.held)
            .count();
        lines.push(format!(
            "        and {more} more in run.json, {missed} of them missed"
        ));
    }
    if !quiet.is_empty() {
        let mut metrics: Vec<&str> = Vec::new();
        for slo in quiet {
            if !metrics.contains(&slo.metric.as_str()) {
                metrics.push(&slo.metric);
            }
        }
        // Under its like: MISSED is wider than held.
        let column = if shown.first().is_some_and(|slo| !slo.held) {
            "MISSED".len()
        } else {
            "held".len()
        };
        let rest = format!(
            "{:1$}  nothing {2}",
            "",
            column - "held".len(),
            metrics.join(", ")
        );
        lines.push(format!("{}{rest}", paint.green("held")));
    }
    lines
}

/// A limit of zero that held.
pub(in crate::report) fn is_quiet(slo: &SloResult) -> bool {
    slo.held && slo.limit == Some(0.0) && slo.windows.is_none()
}

fn slo_row(slo: &SloResult) -> Vec<Cell> {
    let (word, tone) = match slo.held {
        true => ("held", Tone::Good),
        false => ("MISSED", Tone::Bad),
    };
    let what = match slo.quantile {
        Some(q) => format!("{} {}", slo.metric, units::quantile(q)),
        None => slo.metric.clone(),
    };
    let whom = [&slo.flow, &slo.event, &slo.consume]
        .into_iter()
        .flatten()
        .next();
    let (limit, measured, ratio) = figures(slo);
    let windows = slo.windows.map_or(String::new(), |windows| {
        let every = units::time_us(windows.every_us);
        format!(
            "{} of {} × {every} missed, {} may",
            windows.missed, windows.judged, windows.allow
        )
    });
    vec![
        Cell::toned(word, tone),
        what.into(),
        cut(whom.map_or("-", String::as_str), NAME).into(),
        limit.into(),
        Cell::toned(measured, if slo.held { Tone::Plain } else { Tone::Bad }),
        ratio.map_or(Cell::default(), |ratio| {
            format!("{} %", (ratio * 100.0).round()).into()
        }),
        windows.into(),
    ]
}

/// Limit and figure in their unit, and their ratio.
pub(in crate::report) fn figures(slo: &SloResult) -> (String, String, Option<f64>) {
    if let Some(limit) = slo.limit_us {
        let measured = slo.measured_us.map_or("unknown".to_owned(), units::time_us);
        let ratio = slo
            .measured_us
            .filter(|_| limit > 0)
            .map(|us| us as f64 / limit as f64);
        return (format!("< {}", units::time_us(limit)), measured, ratio);
    }
    let limit = slo.limit.unwrap_or(0.0);
    // The file does not say whether a number is a share; counts have no fractions.
    let is_share = slo.metric == "achieved"
        || [Some(limit), slo.measured]
            .into_iter()
            .flatten()
            .any(|x| x.fract() != 0.0);
    let show = |x: f64| {
        if is_share {
            units::share(x)
        } else {
            units::count(x as u64)
        }
    };
    let sign = match slo.metric.as_str() {
        "achieved" => "≥",
        _ if limit == 0.0 => "=",
        _ => "≤",
    };
    let measured = slo.measured.map_or("unknown".to_owned(), show);
    let ratio = slo.measured.filter(|_| limit > 0.0).map(|x| x / limit);
    (format!("{sign} {}", show(limit)), measured, ratio)
}
