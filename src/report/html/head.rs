//! The top of the page: what was run, what it proved, and the few numbers that say it.

use maud::{Markup, html};

use crate::capacity::verdict::Weight;
use crate::measure::run::{Reason, RunFile, Verdict};
use crate::measure::units;
use crate::report::words::warm;
use crate::report::words::{reason, verdict as word, weight};

use super::Shown;
use super::number::{Pick, count, name, number, quantile, rate};

/// The top of the page.
pub(super) fn head(runs: &[Shown<'_>]) -> Markup {
    html! {
        header {
            p.brand { @if runs.len() > 1 { "highwater · comparison" } @else { "highwater · report of a run" } }
            @match runs {
                [run] => { (one(run)) },
                _ => {
                    h1 { (units::counted(runs.len() as u64, "runs")) " side by side"
                        @if runs.windows(2).all(|pair| pair[0].data.name() == pair[1].data.name()) { ": " (name(&runs[0].data.name())) } }
                    (plans(runs))
                }
            }
        }
        @for run in runs { (verdict(run)) }
        @match runs {
            [run] => { (tiles(run)) },
            _ => { (side_by_side(runs)) }
        }
    }
}

fn one(run: &Shown<'_>) -> Markup {
    html! {
        h1 { (name(&run.data.name())) }
        @if let Some(why) = why(run) { p { (name(&why)) } }
        p.dim { (what(run)) }
    }
}

/// The question the scenario asks.
fn why(run: &Shown<'_>) -> Option<String> {
    let scenario: toml::Table = run.run()?.plan.scenario.parse().ok()?;
    scenario.get("why")?.as_str().map(str::to_owned)
}

/// How long, where, when.
fn what(run: &Shown<'_>) -> Markup {
    let length = units::time_us((run.data.elapsed_s() * 1e6).round() as u64);
    html! {
        (length) " of load"
        @if let Some(file) = run.run() {
            @match file.target.kind.as_str() {
                "embedded" => { " on the embedded cluster" },
                "null" => { " on no cluster" },
                _ => {
                    " on " (name(&file.target.bootstrap.join(", ")))
                    " (" (units::counted(file.target.brokers.len() as u64, "brokers")) ")"
                }
            }
            ", started " (name(&started(&file.started)))
        }
    }
}

/// Without fractions of a second.
fn started(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// Whether the runs may be compared at all.
fn plans(runs: &[Shown<'_>]) -> Markup {
    let files: Vec<&RunFile> = runs.iter().filter_map(Shown::run).collect();
    let same = |of: fn(&RunFile) -> &str| files.windows(2).all(|pair| of(pair[0]) == of(pair[1]));
    let (plan, setup) = (same(|f| &f.plan.hash), same(|f| &f.plan.setup_hash));
    html! {
        @if files.len() < runs.len() {
            p.notice { "Not every run has its run.json: what they were asked to do can't be compared." }
        } @else if !plan {
            p.notice { "The plans differ: these runs did not offer the same load, so their differences are not the cluster's alone. See the plan hashes below." }
        } @else {
            p { "The plan hashes are equal: every run offered the same events at the same instants."
                @if !setup { " The set-ups differ (client, topics, consumers or brokers): that is what is compared." } }
        }
    }
}

/// The verdict and its reasons; notes on what the run can't say.
fn verdict(run: &Shown<'_>) -> Markup {
    let Some(file) = run.run() else {
        let why = run.data.note.as_deref().unwrap_or("run.json is missing");
        return html! {
            div.verdict.invalid {
                p { (run.chip()) strong { "INCOMPLETE" } span { (name(why)) "." } }
            }
        };
    };
    let class = match file.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Invalid => "invalid",
    };
    let (others, notes): (Vec<&Reason>, Vec<&Reason>) = file
        .reasons
        .iter()
        .skip(usize::from(file.verdict != Verdict::Pass))
        .partition(|reason| weight(reason) < Weight::Note);
    html! {
        div.verdict.(class) {
            p {
                (run.chip()) strong { (word(file.verdict)) } span { (sentence(reason(file))) }
                @if run.beside { " " span.dim.small { (name(&run.data.name())) ", " (what(run)) } }
            }
            @if !others.is_empty() {
                ul.small { @for other in others { li { (sentence(&other.text)) } } }
            }
        }
        @if let Some(warning) = warning(file) { p.notice { (run.chip()) (warning) } }
        @if let Some(note) = &run.data.note { p.notice { (run.chip()) (sentence(note)) } }
        @for note in notes { p.notice.small { (run.chip()) (sentence(&note.text)) } }
    }
}

fn warning(file: &RunFile) -> Option<&'static str> {
    match file.target.kind.as_str() {
        "embedded" => Some(
            "This ran on the embedded cluster, which shares the generator's process. It is for learning the tool: these numbers say nothing about Kafka.",
        ),
        "null" => Some("There was no cluster: these numbers are the generator's own."),
        _ => None,
    }
}

/// A clause as a sentence.
fn sentence(text: &str) -> Markup {
    let mut letters = text.chars();
    let text = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect::<String>(),
        None => String::new(),
    };
    let text = text.replace(" %", "\u{A0}%");
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    html! { (name(&text)) (end) }
}

/// The flow whose events waited longest, as the headline.
fn slowest(file: &RunFile) -> Option<&String> {
    let p99 = |name: &&String| {
        let (response, _, _) = warm(&file.flows[*name]);
        response.map(|times| (times.p99_us.unwrap_or(u64::MAX), times.count))
    };
    file.flows
        .keys()
        .filter(|name| p99(name).is_some())
        .max_by_key(p99)
}

/// A few numbers, large.
fn tiles(run: &Shown<'_>) -> Markup {
    let Some(file) = run.run() else {
        return html! {};
    };
    let sum =
        |of: fn(&crate::measure::run::FlowResult) -> f64| file.flows.values().map(of).sum::<f64>();
    let (offered, achieved) = (sum(|f| f.offered_per_s), sum(|f| f.achieved_per_s));
    let lost: u64 = file
        .consume
        .values()
        .map(|group| group.missing + group.corrupt + group.reordered)
        .sum();
    let failed: u64 = file
        .flows
        .values()
        .map(|flow| flow.account.planned - flow.account.acknowledged.min(flow.account.planned))
        .sum();
    html! {
        dl.tiles {
            div { dt { "offered" } dd { (units::rate(offered)) small { "events due, all flows" } } }
            div { dt { "achieved" } dd { (units::rate(achieved))
                small { @if offered > 0.0 { (units::share(achieved / offered)) " of offered" } @else { "nothing was due" } } } }
            @if let Some(flow) = slowest(file) {
                @let (steps, times) = response_of(file, flow);
                div { dt { "response p99" } dd { (quantile(run, &steps, times, Pick::P99))
                    small { @if file.flows.len() > 1 { "slowest flow: " (name(flow)) } @else { "acknowledged − due" } } } }
                div { dt { "response p50" } dd { (quantile(run, &steps, times, Pick::P50)) small { "the same flow" } } }
            }
            div { dt { "not acknowledged" } dd { (units::count(failed)) small { "of the events due" } } }
            @if !file.consume.is_empty() {
                div { dt { "lost or damaged" } dd.loss[lost > 0] { (units::count(lost)) small { "missing, corrupt, reordered" } } }
            }
        }
    }
}

/// Where the flow's response times stand and what they are: without the warm-up where there was one.
pub(super) fn response_of<'a>(
    file: &'a RunFile,
    flow: &'a str,
) -> (Vec<&'a str>, Option<&'a crate::measure::summary::Summary>) {
    let result = &file.flows[flow];
    let steps = match result.warm {
        Some(_) => vec!["flows", flow, "warm", "response"],
        None => vec!["flows", flow, "response"],
    };
    (steps, warm(result).0)
}

/// The headline figures of each run, and how they differ from the first's.
fn side_by_side(runs: &[Shown<'_>]) -> Markup {
    let flows: std::collections::BTreeSet<&String> = runs
        .iter()
        .filter_map(Shown::run)
        .flat_map(|file| file.flows.keys())
        .collect();
    html! {
        h2 { "Differences" }
        div.scroll { table {
            thead { tr { th { "" } @for run in runs { th.n { (run.chip()) } @if run.index > 0 { th.n { "against A" } } } } }
            tbody {
                @for flow in flows {
                    (difference(runs, html! { "achieved, " (name(flow)) }, |file| file.flows.get(flow.as_str()).map(|f| f.achieved_per_s),
                        |run, value| rate(run, &["flows", flow, "achieved_per_s"], value)))
                    @for (label, pick, of) in QUANTILES {
                        (difference(runs, html! { "response " (label) ", " (name(flow)) },
                            |file| { file.flows.get(flow.as_str())?; let (_, times) = response_of(file, flow); Some(of(times?)? as f64) },
                            |run, _| match run.run() { Some(file) => { let (steps, times) = response_of(file, flow); quantile(run, &steps, times, pick) }, None => html! { "-" } }))
                    }
                    (difference(runs, html! { "failed, " (name(flow)) }, |file| file.flows.get(flow.as_str()).map(|f| f.account.failed as f64),
                        |run, value| count(run, &["flows", flow, "account", "failed"], value as u64)))
                }
                (difference(runs, html! { "generator's cores" }, |file| Some(file.generator.cpu_cores),
                    |run, value| number(run, &["generator", "cpu_cores"], value, &format!("{value:.2}"))))
            }
        } }
    }
}

type Of = fn(&crate::measure::summary::Summary) -> Option<u64>;

const QUANTILES: [(&str, Pick, Of); 3] = [
    ("p50", Pick::P50, |times| times.p50_us),
    ("p99", Pick::P99, |times| times.p99_us),
    ("p99.9", Pick::P999, |times| times.p999_us),
];

/// A row: a figure of each run, and its ratio to the first's.
fn difference(
    runs: &[Shown<'_>],
    label: Markup,
    of: impl Fn(&RunFile) -> Option<f64>,
    show: impl Fn(&Shown<'_>, f64) -> Markup,
) -> Markup {
    let values: Vec<Option<f64>> = runs.iter().map(|run| run.run().and_then(&of)).collect();
    let first = values.first().copied().flatten();
    html! {
        tr {
            td { (label) }
            @for (run, value) in runs.iter().zip(&values) {
                td.n { @match value { Some(value) => { (show(run, *value)) }, None => { "-" } } }
                @if run.index > 0 { td.n.dim { (against(first, *value)) } }
            }
        }
    }
}

/// How a value differs from the first, in per cent.
fn against(first: Option<f64>, value: Option<f64>) -> String {
    match (first, value) {
        (Some(a), Some(b)) if (a - b).abs() < 1e-12 => "equal".to_owned(),
        (Some(a), Some(b)) if a > 0.0 => {
            let percent = (b / a - 1.0) * 100.0;
            match percent {
                p if p.abs() < 0.05 => "± 0 %".to_owned(),
                p if p.abs() < 10.0 => format!("{p:+.1} %").replace('-', "−"),
                p if p < 1_000.0 => format!("{p:+.0} %").replace('-', "−"),
                _ => format!("× {}", units::short(b / a)),
            }
        }
        _ => String::new(),
    }
}
