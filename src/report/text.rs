//! The summary at the end of a run: what a person wants to know, on one screen. Pure: a run file in, text out.
//!
//! The verdict and its reason come first, then the limits, then what was measured, then how far it can be trusted.

pub(super) mod limits;
pub(super) mod measured;
mod trust;

use std::path::Path;

use crate::capacity::verdict::{Kind, Weight};
use crate::measure::run::{Reason, RunFile, Verdict};
use crate::measure::units;

use super::table::{cut, wrap};
use super::term::Paint;
use limits::limits;
use measured::{flows, groups, time, warm};
pub use trust::ClientTotals;
pub(super) use trust::client_line;
use trust::trust;

/// Nothing is wider.
const WIDTH: usize = 98;
/// Names are cut to this.
const NAME: usize = 16;
/// Rows shown of a kind: the rest is in the run file.
const ROWS: usize = 8;

/// What the run file does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The run folder.
    pub folder: Option<&'a Path>,
    /// librdkafka's own view of the whole run.
    pub client: Option<ClientTotals>,
}

/// The whole summary, with a line's end at its end.
pub fn summary(run: &RunFile, context: &Context<'_>, paint: Paint) -> String {
    let sections = [
        headline(run, paint),
        limits(run, paint),
        flows(run, paint),
        groups(run, paint),
        trust(run, context, paint),
    ];
    let mut text = String::new();
    for section in sections.iter().filter(|lines| !lines.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        for line in section {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The run in one line: for logs and chats.
pub fn line(run: &RunFile, context: &Context<'_>) -> String {
    let offered: f64 = run.flows.values().map(|flow| flow.offered_per_s).sum();
    let achieved: f64 = run.flows.values().map(|flow| flow.achieved_per_s).sum();
    let worst = run
        .flows
        .values()
        .filter_map(|flow| warm(flow).0)
        .max_by_key(|response| response.p99_us.unwrap_or(u64::MAX));
    let mut parts = vec![
        format!("{} {}: {}", word(run.verdict), name(run), reason(run)),
        format!("offered {}", units::rate(offered)),
        format!("achieved {}", units::rate(achieved)),
    ];
    if let Some(response) = worst {
        parts.push(format!("response p99 {}", time(response, response.p99_us)));
    }
    if let Some(folder) = context.folder {
        parts.push(folder.display().to_string());
    }
    parts.join(" · ")
}

pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Invalid => "INVALID",
    }
}

/// The sentence that goes with the verdict.
pub(super) fn reason(run: &RunFile) -> &str {
    match run.reasons.first() {
        Some(first) if run.verdict != Verdict::Pass => &first.text,
        _ => "every limit held",
    }
}

/// The scenario's name; the run's id where there is none.
fn name(run: &RunFile) -> String {
    let scenario: Option<toml::Table> = run.plan.scenario.parse().ok();
    let name = scenario.and_then(|table| table.get("name")?.as_str().map(str::to_owned));
    name.unwrap_or_else(|| run.id.clone())
}

pub(super) fn weight(reason: &Reason) -> Weight {
    // A kind of a later version: it is not for us to weigh, but it is to be read.
    Kind::from_name(&reason.kind).map_or(Weight::Inconclusive, Kind::weight)
}

/// Verdict and reasons, then what was run.
fn headline(run: &RunFile, paint: Paint) -> Vec<String> {
    let verdict = word(run.verdict);
    let colour = match run.verdict {
        Verdict::Pass => Paint::green,
        Verdict::Fail => Paint::red,
        Verdict::Invalid => Paint::yellow,
    };
    let indent = " ".repeat(verdict.len() + 2);
    let mut lines = wrap(reason(run), WIDTH - indent.len());
    lines.extend(
        further(run)
            .into_iter()
            .flat_map(|text| wrap(&text, WIDTH - indent.len())),
    );
    let mut lines: Vec<String> = lines
        .into_iter()
        .map(|line| format!("{indent}{line}"))
        .collect();
    if let Some(first) = lines.first_mut() {
        let rest = first.split_off(verdict.len());
        *first = format!("{}{}", colour(paint, paint.bold(verdict)), paint.bold(rest));
    }
    lines.push(paint.dim(cut(&what_was_run(run), WIDTH)));
    lines
}

/// The other reasons that weigh something. Limits that were missed stand in their table, and the lack of a steady state below the
/// quantiles it spoils.
fn further(run: &RunFile) -> Vec<String> {
    const SHOWN: usize = 3;
    let others: Vec<&Reason> = run
        .reasons
        .iter()
        .skip(usize::from(run.verdict != Verdict::Pass))
        .filter(|reason| weight(reason) < Weight::Note)
        .collect();
    let is_shown_below =
        |reason: &&&Reason| ["slo", "no_steady_state"].contains(&reason.kind.as_str());
    let missed = others.iter().filter(|reason| reason.kind == "slo").count() as u64;
    let mut texts: Vec<String> = others
        .iter()
        .filter(|reason| !is_shown_below(reason))
        .map(|reason| format!("also: {}", reason.text))
        .collect();
    if texts.len() > SHOWN {
        let more = texts.len() - SHOWN;
        texts.truncate(SHOWN);
        texts.push(format!("and {more} more reasons in run.json"));
    }
    if missed > 0 {
        texts.push(format!(
            "{} missed, see below",
            units::counted(missed, "more limits").replace("1 more limit", "one more limit")
        ));
    }
    texts
}

fn what_was_run(run: &RunFile) -> String {
    let length = units::clock_s(run.elapsed_us / 1_000_000);
    let place = match run.target.kind.as_str() {
        "embedded" => "on the embedded cluster".to_owned(),
        "null" => "on no cluster".to_owned(),
        _ => format!(
            "on {} ({})",
            run.target.bootstrap.join(","),
            units::counted(run.target.brokers.len() as u64, "brokers"),
        ),
    };
    format!(
        "{} · {length} of load {place} · seed {} · {}",
        name(run),
        run.plan.seed,
        run.started
    )
}

#[cfg(test)]
mod tests;
