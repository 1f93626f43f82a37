//! A gate or a comparison as a page: one file that asks nothing of any network and runs no script.

use maud::{DOCTYPE, Markup, html};

use crate::capacity::paired::{FigureResult, PairedFile, RunRef};
use crate::measure::run::Verdict;
use crate::measure::units;

use super::super::html::head_of;
use super::super::plot::shown;
use super::strip::{CSS, strip};
use super::{
    COUNTS, changed, counts, finding, interval, is_worse, noise, price, reasons, value, verdict,
    what,
};

/// The page.
pub fn page(file: &PairedFile) -> String {
    let title = format!("{} | {}", shown(&file.scenario), verdict(file));
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head_of(&title, CSS))
            body {
                main {
                    (head(file))
                    @for (index, side) in file.sides.iter().enumerate().skip(1) {
                        (figures(file, &side.name, index == 1))
                    }
                    (sides(file))
                    (noises(file))
                    (runs(file))
                    (footer(file))
                }
            }
        }
    };
    markup.into_string()
}

fn head(file: &PairedFile) -> Markup {
    let class = match file.verdict {
        Some(Verdict::Pass) => "pass",
        Some(Verdict::Fail) => "fail",
        _ => "invalid",
    };
    let kind = match file.kind.as_str() {
        "compare" => "comparison of clusters",
        "self" => "noise of this machine",
        "against" => "gate against a stored run",
        _ => "gate",
    };
    let mut reasons = reasons(file).into_iter();
    let first = reasons.next().unwrap_or_default();
    let rest: Vec<String> = reasons.collect();
    html! {
        header {
            p.brand { "highwater · " (kind) }
            h1 { bdi { (shown(&file.scenario)) } }
            @if !file.why.is_empty() { p { bdi { (shown(&file.why)) } } }
            p.dim { (shown(&what(file))) }
        }
        div.verdict.(class) {
            p { strong { (verdict(file)) } span { (shown(&first)) } }
            @if !rest.is_empty() { ul { @for reason in &rest { li { (shown(reason)) } } } }
        }
        @for note in &file.notes { p.notice { (shown(note)) } }
    }
}

fn figures(file: &PairedFile, side: &str, is_first: bool) -> Markup {
    let figures: Vec<&FigureResult> = file
        .figures
        .iter()
        .filter(|figure| figure.side == side)
        .collect();
    let baseline = file.sides.first().map_or("", |side| side.name.as_str());
    html! {
        @if !figures.is_empty() {
            section {
                h2 { bdi { (shown(side)) } " against " bdi { (shown(baseline)) } }
                div.scroll { table {
                    thead { tr { th { "" } th.n { (shown(baseline)) } th.n { (shown(side)) } th.n { "change" } th.n { "95 % interval" } th.n { "matters" } th { "found" } } }
                    tbody { @for figure in &figures { tr {
                        td { (figure.name) }
                        td.n { (value(figure, figure.baseline)) }
                        td.n { (value(figure, figure.candidate)) }
                        td.n { (changed(figure.ratio)) }
                        td.n { (interval(figure)) }
                        td.n { (units::share(figure.min_effect)) }
                        td.missed[is_worse(figure)] { (finding(figure)) }
                    } } }
                } }
                @for figure in figures.iter().filter(|figure| !figure.pairs.is_empty()) {
                    figure {
                        h3 { (figure.name) ": " (finding(figure)) }
                        (strip(figure))
                    }
                }
                @if is_first {
                    p.dim.small { "A dot for each pair, the first at the top; those of a second look in another colour. Below them the Hodges-Lehmann \
                        estimate with its 95 % signed-rank interval. The shaded side is worse by more than what matters." }
                }
            }
        }
    }
}

fn sides(file: &PairedFile) -> Markup {
    let is_priced = file.sides.iter().any(|side| side.price.is_some());
    html! {
        section {
            h2 { "Sides" }
            div.scroll { table {
                thead { tr { th { "side" } @for (name, _) in COUNTS { th.n { (name) } }
                    @if is_priced { th.n { "a month" } th.n { "a billion events" } } } }
                tbody { @for side in &file.sides { tr {
                    td.name { bdi { (shown(&side.name)) } }
                    @for ((_, is_loss), count) in COUNTS.into_iter().zip(counts(side)) {
                        td.n.loss[is_loss && count > 0] { (units::count(count)) }
                    }
                    @for price in price(file, side) { td.n { (price) } }
                } } }
            } }
            div.facts { @for side in &file.sides {
                div {
                    h3 { bdi { (shown(&side.name)) } }
                    dl {
                        dt { "from" } dd { bdi { (shown(&side.source)) } }
                        @if !side.bootstrap.is_empty() { dt { "cluster" } dd { bdi { (shown(&side.bootstrap.join(", "))) } } }
                        dt { "runs" } dd { (side.counted) " counted, " (side.disturbed) " disturbed" }
                        @for (name, value) in &side.client { dt { (shown(name)) } dd { bdi { (shown(value)) } } }
                    }
                }
            } }
        }
    }
}

fn noises(file: &PairedFile) -> Markup {
    html! {
        @if !file.figures.is_empty() {
            section {
                h2 { "How noisy it was" }
                div.scroll { table {
                    caption { "Run to run: how much runs of one side scatter. Found: the smallest regression that two looks would have found in 95 of 100 cases." }
                    thead { tr { th { "" } th { "side" } th.n { "run to run" } th.n { "found" } } }
                    tbody { @for figure in &file.figures {
                        @let (scatter, found) = noise(figure);
                        tr { td { (figure.name) } td.name { bdi { (shown(&figure.side)) } } td.n { (scatter) } td.n { (found) } }
                    } }
                } }
            }
        }
    }
}

fn runs(file: &PairedFile) -> Markup {
    html! {
        section {
            h2 { "Runs" }
            div.scroll { table {
                thead { tr { th { "folder" } th { "side" } th.n { "look" } th.n { "pair" } th { "its own verdict" } th { "held up by" } th { "counts" } } }
                tbody { @for run in &file.runs { (row(run)) } }
            } }
        }
    }
}

fn row(run: &RunRef) -> Markup {
    let limits: Vec<String> = run
        .limits
        .iter()
        .map(|limit| limit.name().replace('_', " "))
        .collect();
    html! {
        tr {
            td.name { (shown(&run.folder)) }
            td { bdi { (shown(&run.side)) } }
            td.n { (run.look) }
            td.n { (run.pair) }
            td { @if let Some(verdict) = run.verdict { (super::super::words::verdict(verdict)) } }
            td { (limits.join(", ")) }
            td { @match &run.unusable { Some(why) => { "no: " (shown(why)) }, None => { "yes" } } }
        }
    }
}

fn footer(file: &PairedFile) -> Markup {
    html! {
        footer {
            p { "Made by highwater " (file.tool.version) ", librdkafka " (file.tool.librdkafka) ", on " (shown(&file.machine.cpu)) ", "
                (units::counted(u64::from(file.machine.cores), "cores")) ", " (shown(&file.machine.kernel)) ". Every run at the scenario's rate had the load "
                code { (file.plan_hash) } ". Ratios are of pairs of runs made one right after the other; quantiles are of all events of a run, never averages." }
        }
    }
}
