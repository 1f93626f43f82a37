//! Tables by flow, event, group, topic and partition.

use maud::{Markup, html};

use crate::measure::run::{FlowResult, RunFile};
use crate::measure::units;
use crate::report::plot::{Figure, Part};
use crate::report::words::warm;

use super::Shown;
use super::figure;
use super::number::{Pick, bytes, count, name, quantile, rate};
use super::partitions;

/// All of them.
pub(super) fn tables(runs: &[Shown<'_>]) -> Markup {
    let known: Vec<(Shown<'_>, &RunFile)> = runs
        .iter()
        .filter_map(|run| Some((*run, run.run()?)))
        .collect();
    html! {
        @if !known.is_empty() {
            section {
                h2 { "By flow, event, group and partition" }
                (flows(&known))
                (events(&known))
                (groups(&known))
                (partitions::topics(&known))
            }
        }
    }
}

/// A table's first column names the run where there are several.
pub(super) fn run_head(runs: &[(Shown<'_>, &RunFile)]) -> Markup {
    html! { @if runs.len() > 1 { th { "run" } } }
}

pub(super) fn run_cell(run: &Shown<'_>) -> Markup {
    html! { @if run.beside { td { (run.chip()) } } }
}

fn flows(runs: &[(Shown<'_>, &RunFile)]) -> Markup {
    let is_warm = runs
        .iter()
        .flat_map(|(_, file)| file.flows.values())
        .any(|flow| flow.warm.is_some());
    html! {
        h3 { "Flows" }
        div.scroll { table {
            caption { "Rates and bytes of the whole load; times " (if is_warm { "without the warm-up" } else { "of the whole load" }) "." }
            thead {
                tr { @if runs.len() > 1 { th { "" } } th { "" } th.n { "" } th.n { "" } th.over colspan="6" { span { "response" } } th.over { span { "service" } } th.over { span { "send delay" } } th.n { "" } }
                tr { (run_head(runs)) th { "flow" } th.n { "offered" } th.n { "achieved" } th.n { "p50" } th.n { "p90" } th.n { "p99" } th.n { "p99.9" } th.n { "p99.99" } th.n { "max" }
                     th.n { "p99" } th.n { "p99" } th.n { "bytes" } }
            }
            tbody { @for (run, file) in runs { @for (flow, result) in &file.flows { (flow_row(run, flow, result)) } } }
        } }
    }
}

fn flow_row(run: &Shown<'_>, flow: &str, result: &FlowResult) -> Markup {
    let (response, service, send_delay) = warm(result);
    let steps = |field: &'static str| -> Vec<&str> {
        match result.warm {
            Some(_) => vec!["flows", flow, "warm", field],
            None => vec!["flows", flow, field],
        }
    };
    let at = steps("response");
    html! {
        tr {
            (run_cell(run))
            td.name { (name(flow)) }
            td.n { (rate(run, &["flows", flow, "offered_per_s"], result.offered_per_s)) }
            td.n { (rate(run, &["flows", flow, "achieved_per_s"], result.achieved_per_s)) }
            @for pick in [Pick::P50, Pick::P90, Pick::P99, Pick::P999, Pick::P9999, Pick::Max] {
                td.n { (quantile(run, &at, response, pick)) }
            }
            td.n { (quantile(run, &steps("service"), Some(service), Pick::P99)) }
            td.n { (quantile(run, &steps("send_delay"), send_delay, Pick::P99)) }
            td.n { (bytes(run, &["flows", flow, "bytes"], result.bytes)) }
        }
    }
}

fn events(runs: &[(Shown<'_>, &RunFile)]) -> Markup {
    html! {
        @if runs.iter().any(|(_, file)| !file.events.is_empty()) {
            h3 { "Events" }
            div.scroll { table {
                thead { tr { (run_head(runs)) th { "event" } th.n { "acknowledged" } th.n { "share" } th.n { "bytes" } th.n { "bytes each" } th.n { "response p50" } th.n { "p99" } th.n { "max" } } }
                tbody {
                    @for (run, file) in runs {
                        @let all: u64 = file.events.values().map(|event| event.acknowledged).sum();
                        @for (event, result) in &file.events { tr {
                            (run_cell(run))
                            td.name { (name(event)) }
                            td.n { (count(run, &["events", event, "acknowledged"], result.acknowledged)) }
                            td.n { (units::share(result.acknowledged as f64 / all.max(1) as f64)) }
                            td.n { (bytes(run, &["events", event, "bytes"], result.bytes)) }
                            td.n { (units::bytes(result.bytes / result.acknowledged.max(1))) }
                            @for pick in [Pick::P50, Pick::P99, Pick::Max] {
                                td.n { (quantile(run, &["events", event, "response"], result.response.as_ref(), pick)) }
                            }
                        } }
                    }
                }
            } }
        }
    }
}

fn groups(runs: &[(Shown<'_>, &RunFile)]) -> Markup {
    html! {
        @if runs.iter().any(|(_, file)| !file.consume.is_empty()) {
            h3 { "Consumer groups" }
            div.scroll { table {
                thead { tr { (run_head(runs)) th { "group" } th.n { "end-to-end p50" } th.n { "p99" } th.n { "p99.9" } th.n { "max" } th.n { "lag at most" }
                    th.n { "duplicated" } th.n { "reordered" } th.n { "corrupt" } th.n { "foreign" } } }
                tbody { @for (run, file) in runs { @for (group, result) in &file.consume { tr {
                    (run_cell(run))
                    td.name { (name(group)) }
                    @for pick in [Pick::P50, Pick::P99, Pick::P999, Pick::Max] {
                        td.n { (quantile(run, &["consume", group, "end_to_end"], Some(&result.end_to_end), pick)) }
                    }
                    td.n { (count(run, &["consume", group, "lag_records_max"], result.lag_records_max)) }
                    td.n { (count(run, &["consume", group, "duplicated"], result.duplicated)) }
                    td.n.loss[result.reordered > 0] { (count(run, &["consume", group, "reordered"], result.reordered)) }
                    td.n.loss[result.corrupt > 0] { (count(run, &["consume", group, "corrupt"], result.corrupt)) }
                    td.n { (count(run, &["consume", group, "foreign"], result.foreign)) }
                } } } }
            } }
        }
    }
}

/// What was refused or timed out, by kind and over time.
pub(super) fn errors(runs: &[Shown<'_>], figures: &[Figure]) -> Markup {
    let kinds: Vec<(Shown<'_>, &String, &String, u64)> = runs
        .iter()
        .filter_map(|run| Some((run, run.run()?)))
        .flat_map(|(run, file)| {
            file.flows.iter().flat_map(move |(flow, result)| {
                result
                    .errors
                    .iter()
                    .map(move |(kind, n)| (*run, flow, kind, *n))
            })
        })
        .filter(|(.., n)| *n > 0)
        .collect();
    let plots: Vec<&Figure> = figures
        .iter()
        .filter(|figure| figure.part == Part::Errors)
        .collect();
    html! {
        section {
            h2 { "Errors" }
            @if kinds.is_empty() && plots.is_empty() {
                p { "No event was refused and none timed out." }
            }
            (figure::figures(&plots))
            @if !kinds.is_empty() {
                div.scroll { table {
                    thead { tr { @if runs.len() > 1 { th { "run" } } th { "flow" } th { "error" } th.n { "events" } } }
                    tbody { @for (run, flow, kind, n) in kinds { tr {
                        (run_cell(&run)) td.name { (name(flow)) } td.name { code { (name(kind)) } } td.n { (count(&run, &["flows", flow, "errors", kind], n)) }
                    } } }
                } }
            }
        }
    }
}
