//! Topics and their partitions: the load that came, beside the load that the keys predict.

use maud::{Markup, html};

use crate::measure::run::{RunFile, Spread};
use crate::measure::units;
use crate::measure::window::PartitionCount;

use super::Shown;
use super::number::{bytes, count, name, number};
use super::tables::{run_cell, run_head};

/// The topics of all runs, and the partitions of each folded below.
pub(super) fn topics(runs: &[(Shown<'_>, &RunFile)]) -> Markup {
    html! {
        @if runs.iter().any(|(_, file)| !file.partitions.is_empty()) {
            h3 { "Topics and partitions" }
            p.small.dim { "Acknowledged records. Hottest ÷ mean says how unevenly the keys load the partitions; what the scenario's keys predict for a whole run stands beside it." }
            div.scroll { table {
                thead {
                    tr { @if runs.len() > 1 { th { "" } } th { "" } th.n { "" } th.n { "" } th.n { "" } th.over colspan="2" { span { "hottest ÷ mean" } } th.n { "" } }
                    tr { (run_head(runs)) th { "topic" } th.n { "partitions" } th.n { "records" } th.n { "bytes" } th.n { "measured" } th.n { "predicted" } th.n { "coldest ÷ mean" } }
                }
                tbody { @for (run, file) in runs { @for (topic, counts) in &file.partitions { (topic_row(run, topic, counts, file.plan.spread.get(topic))) } } }
            } }
            @for (run, file) in runs { @for (topic, counts) in &file.partitions {
                details {
                    summary { (run.chip()) "Partitions of " (name(topic)) }
                    (partitions(run, topic, counts, file.plan.spread.get(topic)))
                }
            } }
        }
    }
}

fn topic_row(
    run: &Shown<'_>,
    topic: &str,
    counts: &[PartitionCount],
    predicted: Option<&Spread>,
) -> Markup {
    let records: u64 = counts.iter().map(|p| p.records).sum();
    let mean = records as f64 / counts.len().max(1) as f64;
    let ratio = |records: Option<u64>| match records {
        Some(records) if mean > 0.0 => format!("{:.2}", records as f64 / mean),
        _ => "-".to_owned(),
    };
    html! {
        tr {
            (run_cell(run))
            td.name { (name(topic)) }
            td.n { (counts.len()) }
            td.n { (units::count(records)) }
            td.n { (units::bytes(counts.iter().map(|p| p.bytes).sum())) }
            td.n { (ratio(counts.iter().map(|p| p.records).max())) }
            td.n {
                @match predicted {
                    Some(spread) => { (number(run, &["plan", "spread", topic, "hottest"], spread.hottest, &format!("{:.2}", spread.hottest))) },
                    None => { "-" }
                }
            }
            td.n { (ratio(counts.iter().map(|p| p.records).min())) }
        }
    }
}

/// A partition's records and their share, with a bar: as long as the share, with a tick where it was predicted.
fn partitions(
    run: &Shown<'_>,
    topic: &str,
    counts: &[PartitionCount],
    predicted: Option<&Spread>,
) -> Markup {
    let all = counts.iter().map(|p| p.records).sum::<u64>().max(1) as f64;
    let shares = counts.iter().map(|p| p.records as f64 / all);
    let foreseen = predicted.into_iter().flat_map(|spread| &spread.shares);
    let most = shares
        .clone()
        .chain(foreseen.copied())
        .fold(f64::MIN_POSITIVE, f64::max);
    let percent = |share: f64| format!("{:.1}%", (share / most * 100.0).clamp(0.0, 100.0));
    html! {
        div.scroll { table {
            thead {
                tr { th.n { "" } th.n { "" } th.over colspan="2" { span { "share of the topic" } } th { "" } th.n { "" } }
                tr { th.n { "partition" } th.n { "records" } th.n { "measured" } th.n { "predicted" } th { "" } th.n { "bytes" } }
            }
            tbody { @for (i, (partition, share)) in counts.iter().zip(shares).enumerate() {
                @let place = i.to_string();
                @let foreseen = predicted.and_then(|spread| spread.shares.get(i)).copied();
                tr {
                    td.n { (i) }
                    td.n { (count(run, &["partitions", topic, &place, "records"], partition.records)) }
                    td.n { (units::share(share)) }
                    td.n { @match foreseen {
                        Some(share) => { (number(run, &["plan", "spread", topic, "shares", &place], share, &units::share(share))) },
                        None => { "-" }
                    } }
                    td { span.bar {
                        i style=(format!("width:{}", percent(share))) {}
                        @if let Some(share) = foreseen { b style=(format!("left:{}", percent(share))) {} }
                    } }
                    td.n { (bytes(run, &["partitions", topic, &place, "bytes"], partition.bytes)) }
                }
            } }
        } }
    }
}
