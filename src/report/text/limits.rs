//! The limits of a run, as a table. Pure.

use crate::measure::run::{RunFile, SloResult};

use super::super::table::{Align, Cell, Table, Tone, cut};
use super::super::term::Paint;
use super::super::words::{SloWords, is_quiet, quiet};
use super::{NAME, ROWS};

/// The SLOs: those that were missed first, and those that allow nothing and found nothing in one line.
pub(super) fn limits(run: &RunFile, paint: Paint) -> Vec<String> {
    let mut shown: Vec<&SloResult> = run.slos.iter().filter(|slo| !is_quiet(slo)).collect();
    shown.sort_by_key(|slo| slo.held);
    let mut table = Table::new(&[
        Align::Left,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
    ]);
    // How far off is told by limit and measured as well.
    table.spare([5, 6]);
    let has_windows = shown.iter().any(|slo| slo.windows.is_some());
    let windows = if has_windows { "windows missed" } else { "" };
    table.head([
        "", "limit on", "of", "limit", "measured", "of limit", windows,
    ]);
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
    if let Some(quiet) = quiet(&run.slos) {
        // Under its like: MISSED is wider than held.
        let column = if shown.first().is_some_and(|slo| !slo.held) {
            "MISSED".len()
        } else {
            "held".len()
        };
        let space = " ".repeat(column - "held".len() + 2);
        // A limit of no metric we know may have any name.
        let quiet = cut(&quiet, paint.width() - column - 2);
        lines.push(format!("{}{space}{quiet}", paint.green("held")));
    }
    lines
}

fn slo_row(slo: &SloResult) -> Vec<Cell> {
    let (word, tone) = match slo.held {
        true => ("held", Tone::Good),
        false => ("MISSED", Tone::Bad),
    };
    let words = SloWords::of(slo);
    let percent = words.percent().unwrap_or_default();
    vec![
        Cell::toned(word, tone),
        words.what.into(),
        cut(words.whom.as_deref().unwrap_or("-"), NAME).into(),
        words.limit.into(),
        Cell::toned(
            words.measured,
            if slo.held { Tone::Plain } else { Tone::Bad },
        ),
        percent.into(),
        words.windows.unwrap_or_default().into(),
    ]
}
