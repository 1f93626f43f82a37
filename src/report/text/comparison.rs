//! Two or more runs side by side. Pure.

use std::path::Path;

use super::super::compare::{Row, compare};
use super::super::data::RunData;
use super::super::line::line;
use super::super::plot::letter;
use super::super::table::{Align, Cell, Table, Tone, cut, wrap};
use super::super::term::Paint;
use super::super::unfinished::judged;
use super::{Labelled, NAME};

/// Runs that fit beside each other: on a screen of this width, and on a narrower one.
const RUNS: usize = 3;
const WIDE: usize = 98;
const FEWER: usize = 2;
/// Columns of a value.
const VALUE: usize = 20;
/// Columns of what a value is.
const WHAT: usize = 30;

/// Which runs, why not to believe it, what was measured, and what else differs.
pub(super) fn comparison(runs: &[RunData], page: Option<&Path>, paint: Paint) -> Vec<Vec<String>> {
    let judged: Vec<_> = runs.iter().map(judged).collect();
    let files: Vec<_> = judged.iter().map(AsRef::as_ref).collect();
    let comparison = compare(&files);
    let mut list = Vec::new();
    for (index, (data, run)) in runs.iter().zip(&files).enumerate() {
        let letter = format!("{}  ", letter(index));
        for (i, text) in wrap(&line(run, Some(&data.folder)), paint.width() - letter.len())
            .into_iter()
            .enumerate()
        {
            let label = if i == 0 {
                paint.bold(&letter)
            } else {
                " ".repeat(letter.len())
            };
            list.push(format!("{label}{text}"));
        }
    }
    let warnings = comparison
        .warnings
        .iter()
        .flat_map(|warning| wrap(&format!("warning: {warning}"), paint.width()))
        .map(|line| paint.yellow(line))
        .collect();
    let mut tail = Vec::new();
    let fit = if paint.width() < WIDE { FEWER } else { RUNS };
    if runs.len() > fit {
        tail.push(format!(
            "{} more runs are on the page and in the Markdown form",
            runs.len() - fit
        ));
    }
    let mut files = Labelled::new(paint);
    if let Some(page) = page {
        files.plain("page", &page.display().to_string());
    }
    tail.extend(files.done());
    let columns = runs.len().min(fit);
    let facts = match comparison.facts.as_slice() {
        [] => vec!["set-up and machine are the same".to_owned()],
        facts => table("differs", columns, facts, paint),
    };
    let figures = table("measured", columns, &comparison.figures, paint);
    vec![list, warnings, figures, facts, tail]
}

/// A table whose first column says whose figures follow.
fn table(title: &str, columns: usize, rows: &[Row], paint: Paint) -> Vec<String> {
    let mut aligns = vec![Align::Left, Align::Left];
    aligns.extend(vec![Align::Right; columns]);
    let mut table = Table::new(&aligns);
    let mut head = vec![Cell::toned(title, Tone::Dim), Cell::default()];
    head.extend((0..columns).map(|i| Cell::toned(letter(i), Tone::Dim)));
    table.row(head);
    // Facts are of nobody: they begin in the first column.
    let is_of_nobody = rows.iter().all(|row| row.whom.is_empty());
    let mut last = "";
    for row in rows {
        let whom = if row.whom == last { "" } else { &row.whom };
        last = &row.whom;
        let mut cells: Vec<Cell> = if is_of_nobody {
            vec![cut(&row.what, WHAT).into(), Cell::default()]
        } else {
            vec![cut(whom, NAME).into(), cut(&row.what, NAME).into()]
        };
        let values = row.values.iter().take(columns);
        cells.extend(values.map(|value| Cell::from(cut(value, VALUE))));
        table.row(cells);
    }
    table.lines(paint)
}
