//! A gate or a comparison as Markdown, for a comment on a pull request.

use crate::capacity::paired::PairedFile;
use crate::measure::units;

use super::super::markdown::Page;
use super::super::markdown::inert::{name, prose};
use super::{
    COUNTS, changed, counts, finding, interval, is_worse, noise, price, reasons, value, verdict,
    what,
};

/// Reasons and notes that are written out.
const SENTENCES: usize = 12;

/// The result as Markdown. Ends with a line's end.
pub fn markdown(file: &PairedFile) -> String {
    let mut page = Page::default();
    page.block(&format!("### {}: {}", verdict(file), prose(&file.scenario)));
    let reasons: Vec<String> = reasons(file)
        .iter()
        .take(SENTENCES)
        .map(|reason| format!("**{}**", prose(reason)))
        .collect();
    page.block(&reasons.join("\n\n"));
    page.block(&prose(&what(file)));
    figures(file, &mut page);
    sides(file, &mut page);
    if file.kind != "compare" && !file.figures.is_empty() {
        page.details("How noisy it was", |page| {
            let rows: Vec<Vec<String>> = file
                .figures
                .iter()
                .map(|figure| {
                    let (scatter, found) = noise(figure);
                    vec![prose(&figure.name), scatter, found]
                })
                .collect();
            page.table(
                &["", "run to run:", "smallest regression that is found:"],
                &rows,
            );
        });
    }
    let notes: Vec<String> = file
        .notes
        .iter()
        .take(SENTENCES)
        .map(|note| format!("- {}", prose(note)))
        .collect();
    if !notes.is_empty() {
        page.block(&notes.join("\n"));
    }
    page.text
}

fn figures(file: &PairedFile, page: &mut Page) {
    let Some((first, others)) = file.sides.split_first() else {
        return;
    };
    let first = format!("{}:", first.name);
    for side in others {
        let rows: Vec<Vec<String>> = file
            .figures
            .iter()
            .filter(|figure| figure.side == side.name)
            .map(|figure| {
                let found = match is_worse(figure) {
                    true => format!("**{}**", finding(figure)),
                    false => finding(figure).to_owned(),
                };
                vec![
                    prose(&figure.name),
                    value(figure, figure.baseline),
                    value(figure, figure.candidate),
                    changed(figure.ratio),
                    interval(figure),
                    units::share(figure.min_effect),
                    found,
                ]
            })
            .collect();
        if !rows.is_empty() {
            let own = format!("{}:", side.name);
            page.table(
                &[
                    "",
                    &first,
                    &own,
                    "change:",
                    "95 % interval:",
                    "matters:",
                    "found",
                ],
                &rows,
            );
        }
    }
}

fn sides(file: &PairedFile, page: &mut Page) {
    let is_priced = file.sides.iter().any(|side| side.price.is_some());
    let mut head: Vec<String> = vec!["records".to_owned()];
    head.extend(COUNTS.iter().map(|(name, _)| format!("{name}:")));
    if is_priced {
        head.extend(["a month:", "a billion events:"].map(str::to_owned));
    }
    let rows: Vec<Vec<String>> = file
        .sides
        .iter()
        .map(|side| {
            let mut row = vec![name(&side.name)];
            row.extend(counts(side).map(units::count));
            row.extend(price(file, side));
            row
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    page.table(&head, &rows);
}
