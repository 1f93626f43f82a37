//! What was done while the load ran, and the user's own groups, as tables. Pure.

use crate::measure::run::RunFile;

use super::super::actions::{ActionWords, notes, watched};
use super::super::table::{Align, Cell, Table, Tone, cut, wrap};
use super::super::term::Paint;
use super::{NAME, ROWS};

/// A screen that has room for every column, in columns.
const WIDE: usize = 92;

/// What each action cost, and what there is to tell of it.
pub(super) fn actions(run: &RunFile, paint: Paint) -> Vec<String> {
    if run.actions.is_empty() {
        return vec![];
    }
    const R: Align = Align::Right;
    let mut table = Table::new(&[Align::Left, R, R, Align::Left, R, R, R, R, R]);
    table.head(["", "", "", "", "longest", "above", "", "", ""]);
    table.head([
        "action",
        "at",
        "took",
        "",
        "response",
        "limit",
        "lag",
        "recovered",
        "drained",
    ]);
    let more = run.actions.len().saturating_sub(ROWS);
    for action in run.actions.iter().take(ROWS) {
        let words = ActionWords::of(action);
        let tone = if words.is_bad { Tone::Bad } else { Tone::Plain };
        // Of what is above a limit the events are told in the page.
        let above = words.above.split(',').next().unwrap_or_default().to_owned();
        // And how far a group was behind in time, where the screen is narrow.
        let lag = match paint.width() < WIDE {
            true => words.lag.split(" (").next().unwrap_or_default().to_owned(),
            false => words.lag,
        };
        table.row(vec![
            cut(&words.name, NAME).into(),
            words.began.into(),
            words.took.into(),
            Cell::toned(words.outcome, tone),
            words.response.into(),
            above.into(),
            lag.into(),
            words.recovery.into(),
            words.drain.into(),
        ]);
    }
    let mut lines = table.lines(paint);
    if more > 0 {
        lines.push(format!("and {more} more actions in run.json"));
    }
    for action in run.actions.iter().take(ROWS) {
        let notes = notes(action);
        if !notes.is_empty() {
            let text = format!("{}: {}", action.name, notes.join(", "));
            lines.extend(wrap(&text, paint.width()));
        }
    }
    lines
}

/// How far the user's own groups were behind.
pub(super) fn watched_groups(run: &RunFile, paint: Paint) -> Vec<String> {
    let rows = watched(run);
    if rows.is_empty() {
        return vec![];
    }
    const R: Align = Align::Right;
    let mut table = Table::new(&[Align::Left, R, R, R]);
    table.head(["group of yours", "lag at most", "in time", "at the end"]);
    let more = rows.len().saturating_sub(ROWS);
    for [name, most, longest, end] in rows.into_iter().take(ROWS) {
        table.row(vec![
            cut(&name, 3 * NAME).into(),
            most.into(),
            longest.into(),
            end.into(),
        ]);
    }
    let mut lines = table.lines(paint);
    if more > 0 {
        lines.push(format!("and {more} more groups in run.json"));
    }
    lines
}
