//! The SLOs: limit, measured, held, how far off.

use maud::{Markup, html};

use crate::measure::run::SloResult;
use crate::measure::units;
use crate::report::words::{SloWords, figures, is_quiet};

use super::Shown;
use super::number::{name, number};

/// The table; of several runs, one below the other for each limit.
pub(super) fn limits(runs: &[Shown<'_>]) -> Markup {
    let mut rows: Vec<(Shown<'_>, usize, &SloResult)> = runs
        .iter()
        .filter_map(|run| Some((run, run.run()?)))
        .flat_map(|(run, file)| file.slos.iter().enumerate().map(|(i, slo)| (*run, i, slo)))
        .collect();
    if runs.len() > 1 {
        // The same limit of all runs together, in the order of the first.
        rows.sort_by_key(|(run, i, _)| (*i, run.index));
    } else {
        rows.sort_by_key(|(_, _, slo)| (slo.held, slo.limit == Some(0.0)));
    }
    // What may not happen and did not, in one row.
    let mut quiet: Vec<&str> = Vec::new();
    if runs.len() == 1 {
        rows.retain(|(_, _, slo)| {
            if is_quiet(slo) && !quiet.contains(&slo.metric.as_str()) {
                quiet.push(&slo.metric);
            }
            !is_quiet(slo)
        });
    }
    html! {
        @if !rows.is_empty() || !quiet.is_empty() {
            section {
                h2 { "Limits (SLOs)" }
                div.scroll { table {
                    thead { tr {
                        th { "" } @if runs.len() > 1 { th { "run" } } th { "limit on" } th { "of" } th { "judged" } th.n { "limit" } th.n { "measured" } th.n { "of limit" } th { "" }
                    } }
                    tbody {
                        @for (run, i, slo) in &rows { (row(run, *i, slo)) }
                        @if !quiet.is_empty() { tr {
                            td.held { "held" } td.line { (name(&quiet.join(", "))) } td.name { "all" } td.dim.line { "each by itself" } td.n { "= 0" } td.n { "0" } td {} td {}
                        } }
                    }
                } }
            }
        }
    }
}

fn row(run: &Shown<'_>, index: usize, slo: &SloResult) -> Markup {
    let (limit, measured, ratio) = figures(slo);
    let whom = [&slo.flow, &slo.event, &slo.consume]
        .into_iter()
        .flatten()
        .next();
    let place = index.to_string();
    html! {
        tr {
            td.(if slo.held { "held" } else { "missed" }) { (if slo.held { "held" } else { "MISSED" }) }
            @if run.beside { td { (run.chip()) } }
            td.line { (name(&SloWords::of(slo).what)) }
            td.name { @if let Some(whom) = whom { (name(whom)) } @else { "all" } }
            td.dim.line { (judged(slo)) }
            td.n { (figure(run, &place, ["limit_us", "limit"], (slo.limit_us, slo.limit), &limit)) }
            td.n.missed[!slo.held] { (figure(run, &place, ["measured_us", "measured"], (slo.measured_us, slo.measured), &measured)) }
            td.n { @if let Some(ratio) = ratio { (units::share(round(ratio))) } }
            td { @if let Some(ratio) = ratio { (bar(ratio, slo.held)) } }
        }
    }
}

/// To three digits of a share.
fn round(ratio: f64) -> f64 {
    (ratio * 1e3).round() / 1e3
}

fn figure(
    run: &Shown<'_>,
    place: &str,
    fields: [&str; 2],
    values: (Option<u64>, Option<f64>),
    text: &str,
) -> Markup {
    match values {
        (Some(us), _) => number(run, &["slos", place, fields[0]], us, text),
        (None, Some(value)) => number(run, &["slos", place, fields[1]], value, text),
        (None, None) => html! { (text) },
    }
}

fn judged(slo: &SloResult) -> String {
    let from = match slo.from.as_str() {
        "all" => "the whole run",
        _ => "after the warm-up",
    };
    match slo.windows {
        None => from.to_owned(),
        Some(windows) => format!(
            "every {}: {} of {} missed, {} may",
            units::time_us(windows.every_us),
            windows.missed,
            windows.judged,
            windows.allow
        ),
    }
}

/// How much of the limit was used.
fn bar(ratio: f64, held: bool) -> Markup {
    let width = format!("width:{:.1}%", (ratio * 100.0).clamp(0.0, 100.0));
    html! { span.bar.over[!held] { i style=(width) {} } }
}
