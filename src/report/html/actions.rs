//! What was done while the load ran and what it cost; how far the user's own groups were behind.

use maud::{Markup, html};

use crate::measure::action::ActionResult;
use crate::report::actions::{
    ActionWords, HEADINGS, LEGEND, above_words, around, deed, notes, slo_name, watched,
};

use super::Shown;
use super::number::name;

/// The section; nothing where nothing was done.
pub(super) fn actions(runs: &[Shown<'_>]) -> Markup {
    let all: Vec<(Shown<'_>, &ActionResult)> = runs
        .iter()
        .filter_map(|run| Some((run, run.run()?)))
        .flat_map(|(run, file)| file.actions.iter().map(|action| (*run, action)))
        .collect();
    html! {
        @if !all.is_empty() {
            section {
                h2 { "What was done, and what it cost" }
                div.scroll { table {
                    caption { (LEGEND) "." }
                    thead { tr {
                        @if runs.len() > 1 { th { "run" } }
                        @for (i, heading) in HEADINGS.iter().enumerate() {
                            @if i == 0 || i == 3 { th { (heading) } } @else { th.n { (heading) } }
                        }
                    } }
                    tbody { @for (run, action) in &all { (row(run, action)) } }
                } }
                @for (run, action) in &all { (details(run, action)) }
            }
        }
        (groups(runs))
    }
}

fn row(run: &Shown<'_>, action: &ActionResult) -> Markup {
    let words = ActionWords::of(action);
    let is_bad = words.is_bad;
    html! { tr {
        @if run.beside { td { (run.chip()) } }
        @for (i, cell) in words.cells().into_iter().enumerate() {
            @if i == 0 { td.name { (name(&cell)) } }
            @else if i == 3 { td.missed[is_bad] { (cell) } }
            @else { td.n { (cell) } }
        }
    } }
}

/// What it did, and what does not fit the table.
fn details(run: &Shown<'_>, action: &ActionResult) -> Markup {
    let slos = action.cost.iter().flat_map(|cost| &cost.slos);
    html! {
        details {
            summary { (run.chip()) (name(&action.name)) }
            p { code { (name(&deed(action))) } }
            @for note in notes(action) { p { (name(&note)) } }
            @if let Some(file) = &action.output { p.dim { "What it wrote: " (name(file)) } }
            ul {
                @for words in around(action) { li { (name(&words)) } }
                @for slo in slos {
                    li { (name(&slo_name(slo))) ": " @if slo.seconds == 0 { "never missed" } @else { "missed for " (above_words(slo)) } }
                }
            }
        }
    }
}

fn groups(runs: &[Shown<'_>]) -> Markup {
    let all: Vec<(Shown<'_>, [String; 4])> = runs
        .iter()
        .filter_map(|run| Some((run, run.run()?)))
        .flat_map(|(run, file)| watched(file).into_iter().map(|row| (*run, row)))
        .collect();
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Groups of yours" }
                div.scroll { table {
                    caption { "By the offsets they committed: records behind the logs' ends, and how long ago those ends stood where the group does." }
                    thead { tr { @if runs.len() > 1 { th { "run" } } th { "group" } th.n { "lag at most" } th.n { "in time" } th.n { "at the end" } } }
                    tbody { @for (run, [group, most, longest, end]) in &all { tr {
                        @if run.beside { td { (run.chip()) } }
                        td.name { (name(group)) } td.n { (most) } td.n { (longest) } td.n { (end) }
                    } } }
                } }
            }
        }
    }
}
