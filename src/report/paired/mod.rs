//! A gate or a comparison, told: text for the terminal, Markdown, JUnit XML and a page. Pure: the file in, texts out.

mod junit;
mod markdown;
mod page;
mod strip;
mod text;

pub use super::compare::change;
pub use junit::junit;
pub use markdown::markdown;
pub use page::page;
pub use text::text;

use crate::capacity::effect::Finding;
use crate::capacity::paired::{FigureResult, PairedFile, SideResult};
use crate::measure::run::Verdict;
use crate::measure::units;

/// What a finding means.
fn finding(figure: &FigureResult) -> &'static str {
    match Finding::from_name(&figure.finding) {
        Some(Finding::Worse) => "WORSE",
        Some(Finding::Better) => "better",
        Some(Finding::Same) => "no difference that matters",
        Some(Finding::NotShown) => "not shown to matter",
        Some(Finding::TooNoisy) => "too noisy to tell",
        Some(Finding::Nothing) => "nothing to compare",
        // Of a later version.
        None => "-",
    }
}

fn is_worse(figure: &FigureResult) -> bool {
    figure.finding == Finding::Worse.name()
}

/// A figure's value: a rate where more of it is better, a time otherwise.
fn value(figure: &FigureResult, value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(per_s) if figure.more_is_better => units::rate(per_s),
        Some(us) if us < 999.5 => format!("{} µs", units::short(us)),
        Some(us) => units::time_us(us.round() as u64),
    }
}

/// The change of a figure from the first side.
fn changed(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), change)
}

/// `−2.1 % to +4.3 %`.
fn interval(figure: &FigureResult) -> String {
    match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!("{} to {}", change(low), change(high)),
        _ => "-".to_owned(),
    }
}

/// The verdict in a word.
fn verdict(file: &PairedFile) -> &'static str {
    let verdict = file.verdict.unwrap_or(Verdict::Invalid);
    match (verdict, file.reasons.first()) {
        (Verdict::Invalid, Some(reason)) if reason.kind == "too_noisy" => "TOO NOISY TO TELL",
        _ => super::words::verdict(verdict),
    }
}

/// Why: the reasons, or what held.
fn reasons(file: &PairedFile) -> Vec<String> {
    if !file.reasons.is_empty() {
        return file
            .reasons
            .iter()
            .map(|reason| reason.text.clone())
            .collect();
    }
    let text = match file.kind.as_str() {
        "compare" => "every round was made",
        "self" => "the noise of this machine is small enough for a gate",
        _ => "nothing is worse by what matters",
    };
    vec![text.to_owned()]
}

/// What was run: `ci-gate · 8 pairs · seed 60 · 2026-...`.
fn what(file: &PairedFile) -> String {
    let steady = file
        .runs
        .iter()
        .filter(|run| !run.unthrottled && run.unusable.is_none());
    let mut turns: Vec<(u32, u32)> = steady.map(|run| (run.look, run.pair)).collect();
    turns.sort_unstable();
    turns.dedup();
    let count = turns.len() as u64;
    let turns = match file.kind.as_str() {
        "compare" => units::counted(count, "rounds"),
        "against" => format!("{} against a stored one", units::counted(count, "runs")),
        "self" => format!(
            "{} of the baseline and itself",
            units::counted(count, "pairs")
        ),
        _ => units::counted(count, "pairs"),
    };
    format!(
        "{} · {turns} · seed {} · {}",
        file.scenario, file.seed, file.started
    )
}

/// The noise of a figure: how much runs scatter, and what would have been found.
fn noise(figure: &FigureResult) -> (String, String) {
    let share = |share: Option<f64>| match share {
        None => "-".to_owned(),
        // Far from a share of anything.
        Some(share) if share >= 10.0 => format!("× {}", units::short(share + 1.0)),
        Some(share) => units::share(share),
    };
    (share(figure.run_to_run), share(figure.smallest_found))
}

/// The columns of the sides' table, and whether a count in it is a loss.
const COUNTS: [(&str, bool); 8] = [
    ("acknowledged", false),
    ("failed", true),
    ("unresolved", false),
    ("consumed", false),
    ("missing", true),
    ("corrupt", true),
    ("duplicated", false),
    ("reordered", true),
];

/// The counts of a side, in the order of [`COUNTS`].
fn counts(side: &SideResult) -> [u64; 8] {
    let (account, records) = (&side.account, &side.records);
    [
        account.acknowledged,
        account.failed,
        account.unresolved,
        records.consumed,
        records.missing,
        records.corrupt,
        records.duplicated,
        records.reordered,
    ]
}

/// What a side costs: a month, and a billion events. Nothing where no side has a price.
fn price(file: &PairedFile, side: &SideResult) -> Vec<String> {
    if file.sides.iter().all(|side| side.price.is_none()) {
        return Vec::new();
    }
    let shown = |price: Option<f64>| price.map_or("-".to_owned(), |price| format!("{price:.2}"));
    vec![shown(side.price), shown(side.price_per_billion)]
}

#[cfg(test)]
mod tests;
