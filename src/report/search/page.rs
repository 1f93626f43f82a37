//! The page of a search.

use std::path::{Path, PathBuf};

use maud::{DOCTYPE, Markup, html};

use crate::capacity::search::file::SearchFile;
use crate::capacity::search::{Bound, Outcome, Purpose, Step};
use crate::measure::folder::write_by_rename;
use crate::measure::units;
use crate::report::html::number::name;
use crate::report::html::{PAGE_FILE, figure, head_of, style};
use crate::report::plot;

use super::{plots, sentences};

/// Writes the page of a search into its folder, by rename. Returns the file.
///
/// # Errors
/// When the file system refuses.
pub fn write_page(file: &SearchFile, folder: &Path) -> std::io::Result<PathBuf> {
    let path = folder.join(PAGE_FILE);
    write_by_rename(&path, page(file).as_bytes())?;
    Ok(path)
}

fn page(file: &SearchFile) -> String {
    let mut sentences = sentences(file).into_iter();
    let answer = sentences.next().unwrap_or_default();
    let plots = plots::figures(file);
    let plots: Vec<&plot::Figure> = plots.iter().collect();
    let word = match file.exit() {
        0 => "pass",
        1 => "fail",
        _ => "invalid",
    };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head_of(&format!("{} · capacity", plot::shown(&file.scenario)), &style(1)))
            body { main {
                header {
                    p.brand { "highwater · search for capacity" }
                    h1 { (name(&file.scenario)) }
                    p.dim { (what(file)) }
                }
                section class=(format!("verdict {word}")) {
                    p { strong { (plot::shown(&answer)) } }
                    @for sentence in sentences { p { (plot::shown(&sentence)) } }
                }
                @if !plots.is_empty() {
                    section { h2 { "The search" } (figure::figures(&plots)) }
                }
                (steps(file))
                (demand(file))
                (set_up(file))
                footer { p {
                    "Made by highwater " (file.tool.version) " from capacity.json. The estimate is the median of what is believed of the capacity \
                     after all steps; rated is the highest rate that passed three confirmations, begun just after an overload."
                } }
            } }
        }
    };
    markup.into_string()
}

fn what(file: &SearchFile) -> Markup {
    html! {
        "held at its highest instant, " (name(&file.instant)) " of its clock (" (units::rate(file.peak_per_s)) " at scale 1); "
        (units::clock_s(file.elapsed_s as u64)) " of load"
        @match file.target.kind.as_str() {
            "embedded" => { " on the embedded cluster: for trying out, not for numbers" },
            "null" => { " on no cluster: what the generator itself can do" },
            _ => { " on " (name(&file.target.bootstrap.join(", "))) },
        }
        ", begun " (name(&file.started))
    }
}

fn steps(file: &SearchFile) -> Markup {
    let throttled = is_throttled(file);
    html! {
        @if !file.steps.is_empty() { section {
            h2 { "Steps" }
            div.scroll { table {
                thead { tr {
                    th { "" } th { "for" } th.n { "rate" } th.n { "offered" } th.n { "acknowledged" } th.n { "from" } th.n { "held" } th.n { "response" } @if throttled { th.n { "throttled" } } th { "what gave, or came closest" }
                } }
                tbody { @for step in &file.steps { (row(file, step)) } }
            } }
        } }
    }
}

/// Whether the cluster ever asked the client to wait.
fn is_throttled(file: &SearchFile) -> bool {
    file.readings.iter().any(|reading| reading.throttled_us > 0)
}

fn row(file: &SearchFile, step: &Step) -> Markup {
    let reading = file.readings.iter().find(|r| r.action == step.action);
    let (class, word) = match step.outcome {
        Outcome::Pass => ("held", "passed"),
        Outcome::Fail => ("missed", "failed"),
        Outcome::Invalid => ("missed", "invalid"),
    };
    let from = match step.from_s < 0.0 {
        true => "before".to_owned(),
        false => units::clock_s(step.from_s as u64),
    };
    html! { tr {
        td class=(class) { (word) }
        td { (purpose(step.purpose)) }
        td.n { (units::rate(step.per_s)) }
        td.n { @if let Some(reading) = reading { (units::rate(reading.offered_per_s)) } }
        td.n { @if let Some(reading) = reading { (units::rate(reading.acknowledged_per_s)) } }
        td.n { (from) }
        td.n { (format!("{:.0} s", step.to_s - step.from_s)) }
        td.n { @match reading.map(|reading| reading.response_us) {
            Some(Some([low, q, high])) => { (units::time_us(q)) " (" (units::time_us(low)) " to " (units::time_us(high)) ")" },
            Some(None) if file.limit.is_some() => { "no answer" },
            _ => {},
        } }
        @if is_throttled(file) {
            td.n { @if let Some(us) = reading.map(|r| r.throttled_us).filter(|us| *us > 0) { (units::time_us(us)) } }
        }
        td.dim[step.outcome == Outcome::Pass] { (plot::shown(&step.reason)) @if !step.clear { ", not clearly" } }
    } }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Bracket => "bracket",
        Purpose::Bisect => "bisection",
        Purpose::Confirm => "confirmation",
        Purpose::Overload => "overload",
        Purpose::Drain => "drain",
        Purpose::Done => "",
    }
}

fn demand(file: &SearchFile) -> Markup {
    html! {
        @if !file.demand.is_empty() { section {
            h2 { "Members tried" }
            div.scroll { table {
                thead { tr { th { "" } th { "group" } th.n { "members" } th.n { "records" } th { "why" } th { "run" } } }
                tbody { @for group in &file.demand { @for trial in &group.trials { tr {
                    @if trial.carried { td.held { "carried" } } @else if !trial.valid { td.missed { "invalid" } } @else { td.missed { "did not" } }
                    td { (name(&group.group)) } td.n { (trial.members) } td.n { (units::rate(group.records_per_s)) }
                    td.line { (plot::shown(&trial.reason)) }
                    td { a href=(format!("{}/{PAGE_FILE}", trial.folder)) { (trial.folder) } }
                } } } }
            } }
        } }
    }
}

/// What may be beyond a limit.
fn allowed(limit: &Bound) -> String {
    let beyond = match limit.per_second {
        false if limit.allowed > 0.0 => {
            format!("at most {} beyond it", units::share(limit.allowed))
        }
        true if limit.allowed > 0.0 => format!("at most {} a second", units::short(limit.allowed)),
        _ => "none beyond it".to_owned(),
    };
    match limit.every {
        None => beyond,
        Some(every) if every.allowed > 0.0 => {
            format!(
                "{beyond}, but for {} of the windows",
                units::share(every.allowed)
            )
        }
        Some(_) => format!("{beyond} in any window"),
    }
}

fn set_up(file: &SearchFile) -> Markup {
    html! {
        section {
            h2 { "What was searched" }
            @if let Some(settings) = &file.settings {
                ul {
                    @for limit in &settings.limits { li { (plot::shown(&limit.name)) ": " (allowed(limit)) } }
                    li { "no backlog and no lag that grows" }
                }
                p.dim {
                    "Precision ± " (units::share(settings.precision)) "; confirmations of " (format!("{:.0} s", settings.confirm_s))
                    "; quota windows of up to " (format!("{:.0} s", settings.credit_s)) "; plan " (name(&file.plan_hash)) "."
                }
            }
            details { summary { "The scenario, with what the command line changed" } pre { (plot::shown(&file.effective)) } }
        }
    }
}
