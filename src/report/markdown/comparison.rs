//! Two or more runs side by side, as Markdown. Pure.

use super::super::compare::{Row, compare};
use super::super::data::RunData;
use super::super::line::line;
use super::super::plot::letter;
use super::super::table::cut;
use super::super::unfinished::judged;
use super::Page;
use super::inert::{name, prose};

/// Runs that fit beside each other.
const RUNS: usize = 6;
/// Rows of a table: ten flows have some seventy figures.
const ROWS: usize = 80;
/// Values are cut to this many columns.
const VALUE: usize = 40;

/// Which runs, why not to believe it, what was measured, and what else differs.
pub(super) fn comparison(runs: &[RunData]) -> String {
    let judged: Vec<_> = runs.iter().map(judged).collect();
    let files: Vec<_> = judged.iter().map(AsRef::as_ref).collect();
    let comparison = compare(&files);
    let mut page = Page::default();
    page.block(&format!("### {} runs compared", runs.len()));
    let list: Vec<String> = runs
        .iter()
        .zip(&files)
        .enumerate()
        .take(RUNS)
        .map(|(i, (data, run))| {
            format!(
                "- **{}** {}",
                letter(i),
                prose(&line(run, Some(&data.folder)))
            )
        })
        .collect();
    page.block(&list.join("\n"));
    if runs.len() > RUNS {
        page.block(&format!("and {} more", runs.len() - RUNS));
    }
    for warning in comparison.warnings.iter().take(RUNS) {
        page.quote(warning);
    }
    let columns = runs.len().min(RUNS);
    table(&mut page, columns, &comparison.figures);
    if comparison.facts.is_empty() {
        page.block("Set-up and machine are the same.");
    } else {
        page.details("What else differs", |page| {
            table(page, columns, &comparison.facts);
        });
    }
    page.text
}

fn table(page: &mut Page, columns: usize, rows: &[Row]) {
    let letters: Vec<String> = (0..columns).map(|i| format!("{}:", letter(i))).collect();
    let mut head = vec!["", ""];
    head.extend(letters.iter().map(String::as_str));
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let whom = match row.whom.as_str() {
                "" => String::new(),
                whom => name(whom),
            };
            let mut cells = vec![whom, prose(&row.what)];
            cells.extend(
                row.values
                    .iter()
                    .take(columns)
                    .map(|value| prose(&cut(value, VALUE))),
            );
            cells
        })
        .collect();
    page.long_table(&head, &rows, ROWS);
}
