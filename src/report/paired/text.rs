//! A gate or a comparison on the terminal.

use std::path::Path;

use crate::capacity::paired::PairedFile;
use crate::measure::run::Verdict;
use crate::measure::units;

use super::super::table::{Align, Cell, Table, Tone, wrap};
use super::super::term::Paint;
use super::{
    COUNTS, changed, counts, finding, interval, is_worse, noise, price, reasons, value, verdict,
    what,
};

/// Nothing is wider.
const WIDTH: usize = 98;

/// The summary, with a line's end at its end. `folder` holds everything.
pub fn text(file: &PairedFile, folder: &Path, paint: Paint) -> String {
    let mut sections = vec![headline(file, paint)];
    let names: Vec<&str> = file
        .sides
        .iter()
        .skip(1)
        .map(|side| side.name.as_str())
        .collect();
    for name in &names {
        sections.push(figures(file, name, paint));
    }
    if file.kind == "self" || file.kind == "gate" {
        sections.push(noise_of(file, paint));
    }
    sections.push(sides(file, paint));
    let notes = file.notes.iter().flat_map(|note| {
        let lines = wrap(note, WIDTH - 2).into_iter().enumerate();
        lines.map(|(i, line)| format!("{}{line}", if i == 0 { "- " } else { "  " }))
    });
    sections.push(notes.collect());
    sections.push(vec![format!(
        "{}  {}",
        paint.dim("page"),
        folder.join("report.html").display()
    )]);
    let mut all = String::new();
    for section in sections.iter().filter(|lines| !lines.is_empty()) {
        if !all.is_empty() {
            all.push('\n');
        }
        for line in section {
            all.push_str(line);
            all.push('\n');
        }
    }
    all
}

fn headline(file: &PairedFile, paint: Paint) -> Vec<String> {
    let colour = match file.verdict {
        Some(Verdict::Pass) => Paint::green,
        Some(Verdict::Fail) => Paint::red,
        _ => Paint::yellow,
    };
    let word = verdict(file);
    let mut lines = Vec::new();
    for reason in reasons(file) {
        for line in wrap(&reason, WIDTH - word.len() - 2) {
            let before = match lines.is_empty() {
                true => colour(paint, paint.bold(word)),
                false => " ".repeat(word.len()),
            };
            lines.push(format!("{before}  {line}"));
        }
    }
    lines.push(paint.dim(what(file)));
    lines
}

fn figures(file: &PairedFile, side: &str, paint: Paint) -> Vec<String> {
    let first = file.sides.first().map_or("", |side| side.name.as_str());
    let mut table = Table::new(&[
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Left,
    ]);
    table.head([
        "",
        first,
        side,
        "change",
        "95 % interval",
        "matters",
        "found",
    ]);
    for figure in file.figures.iter().filter(|figure| figure.side == side) {
        let tone = match figure.finding.as_str() {
            _ if is_worse(figure) => Tone::Bad,
            "better" | "same" => Tone::Good,
            _ => Tone::Plain,
        };
        table.row(vec![
            figure.name.as_str().into(),
            value(figure, figure.baseline).into(),
            value(figure, figure.candidate).into(),
            changed(figure.ratio).into(),
            interval(figure).into(),
            units::share(figure.min_effect).into(),
            Cell::toned(finding(figure), tone),
        ]);
    }
    table.lines(paint)
}

fn noise_of(file: &PairedFile, paint: Paint) -> Vec<String> {
    if file.figures.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(&[Align::Left, Align::Right, Align::Right]);
    table.head(["noise", "run to run", "smallest regression that is found"]);
    for figure in &file.figures {
        let (scatter, found) = noise(figure);
        table.row(vec![
            figure.name.as_str().into(),
            scatter.into(),
            found.into(),
        ]);
    }
    table.lines(paint)
}

fn sides(file: &PairedFile, paint: Paint) -> Vec<String> {
    let is_priced = file.sides.iter().any(|side| side.price.is_some());
    let all: Vec<[u64; 8]> = file.sides.iter().map(counts).collect();
    // What nobody has is left out, except what must not be.
    let shown: Vec<usize> = (0..COUNTS.len())
        .filter(|i| {
            ["acknowledged", "missing"].contains(&COUNTS[*i].0)
                || all.iter().any(|counts| counts[*i] > 0)
        })
        .collect();
    let mut columns = vec![Align::Left];
    columns.extend(vec![Align::Right; shown.len() + 2 * usize::from(is_priced)]);
    let mut table = Table::new(&columns);
    let mut head = vec![Cell::toned("records", Tone::Dim)];
    head.extend(shown.iter().map(|i| Cell::toned(COUNTS[*i].0, Tone::Dim)));
    if is_priced {
        head.extend(["a month", "a billion events"].map(|name| Cell::toned(name, Tone::Dim)));
    }
    table.row(head);
    for (side, counts) in file.sides.iter().zip(&all) {
        let mut row: Vec<Cell> = vec![side.name.as_str().into()];
        row.extend(shown.iter().map(|i| {
            let is_loss = COUNTS[*i].1 && counts[*i] > 0;
            Cell::toned(
                units::count(counts[*i]),
                if is_loss { Tone::Bad } else { Tone::Plain },
            )
        }));
        row.extend(price(file, side).into_iter().map(Cell::from));
        table.row(row);
    }
    table.lines(paint)
}
