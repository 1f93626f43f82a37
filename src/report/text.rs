//! The summary at the end of a run: what a person wants to know, on one screen. Pure: a run file in, text out.
//!
//! The verdict and its reason come first, then the limits, then what was measured, then how far it can be trusted.

mod comparison;
mod limits;
mod measured;
mod over_time;
mod trust;

use std::path::Path;

use crate::measure::run::{RunFile, Verdict};

use super::data::{RunData, name_of};
use super::over_time::OverTime;
use super::table::{cut, wrap, wrap_items};
use super::term::Paint;
use super::unfinished::judged;
use super::words;
use limits::limits;
use measured::{flows, groups};
use over_time::over_time;
use trust::trust;

/// Names are cut to this.
const NAME: usize = 16;
/// Rows shown of a kind: the rest is in the run file.
const ROWS: usize = 8;

/// Where the text of a labelled line begins.
const INDENT: usize = 11;

/// What the run file does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The run folder.
    pub folder: Option<&'a Path>,
    /// The page that was written.
    pub page: Option<&'a Path>,
    /// What its windows say.
    pub over_time: Option<&'a OverTime>,
    /// Why what is here is not the whole run.
    pub note: Option<&'a str>,
    /// The run never got to its end, so nothing is known of its generator.
    pub is_unfinished: bool,
}

/// The summary of a run that was read, or the comparison of several; `page` is the page that was written of them.
pub fn report(runs: &[RunData], page: Option<&Path>, paint: Paint) -> String {
    let [data] = runs else {
        return joined(&comparison::comparison(runs, page, paint));
    };
    let over_time = OverTime::of(data);
    let context = Context {
        folder: Some(&data.folder),
        page,
        over_time: Some(&over_time),
        // Of an unfinished run it is the reason of its verdict.
        note: data.note.as_deref().filter(|_| data.run.is_some()),
        is_unfinished: data.run.is_none(),
    };
    summary(&judged(data), &context, paint)
}

/// The whole summary, with a line's end at its end.
pub fn summary(run: &RunFile, context: &Context<'_>, paint: Paint) -> String {
    let sections = [
        headline(run, paint),
        limits(run, paint),
        flows(run, paint),
        groups(run, paint),
        over_time(run, context, paint),
        trust(run, context, paint),
    ];
    joined(&sections)
}

/// Sections with a line between them.
fn joined(sections: &[Vec<String>]) -> String {
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

/// Verdict and reasons, then what was run.
fn headline(run: &RunFile, paint: Paint) -> Vec<String> {
    let verdict = words::verdict(run.verdict);
    let colour = match run.verdict {
        Verdict::Pass => Paint::green,
        Verdict::Fail => Paint::red,
        Verdict::Invalid => Paint::yellow,
    };
    let indent = " ".repeat(verdict.len() + 2);
    let mut lines = wrap(words::reason(run), paint.width() - indent.len());
    lines.extend(
        words::further(run)
            .into_iter()
            .flat_map(|text| wrap(&text, paint.width() - indent.len())),
    );
    let mut lines: Vec<String> = lines
        .into_iter()
        .map(|line| format!("{indent}{line}"))
        .collect();
    if let Some(first) = lines.first_mut() {
        let rest = first.split_off(verdict.len());
        *first = format!("{}{}", colour(paint, paint.bold(verdict)), paint.bold(rest));
    }
    lines.push(paint.dim(cut(&what_was_run(run), paint.width())));
    lines
}

fn what_was_run(run: &RunFile) -> String {
    let (length, place) = (words::length(run), words::place(run));
    let mut parts = vec![name_of(run), format!("{length} of load {place}")];
    if !run.started.is_empty() {
        parts.push(format!("seed {}", run.plan.seed));
        parts.push(run.started.clone());
    }
    parts.join(" · ")
}

/// Lines with a label before each.
struct Labelled {
    paint: Paint,
    lines: Vec<String>,
}

impl Labelled {
    fn new(paint: Paint) -> Labelled {
        let lines = Vec::new();
        Labelled { paint, lines }
    }

    fn say(&mut self, label: &str, text: &str, colour: impl Fn(&str) -> String) {
        for (i, line) in wrap_items(text, self.paint.width() - INDENT)
            .iter()
            .enumerate()
        {
            let label = if i == 0 { label } else { "" };
            let label = self.paint.dim(format!("{label:<INDENT$}"));
            self.lines.push(format!("{label}{}", colour(line)));
        }
    }

    fn plain(&mut self, label: &str, text: &str) {
        self.say(label, text, str::to_owned);
    }

    fn doubtful(&mut self, label: &str, text: &str) {
        let paint = self.paint;
        self.say(label, text, |line| paint.yellow(line));
    }

    fn bad(&mut self, label: &str, text: &str) {
        let paint = self.paint;
        self.say(label, text, |line| paint.red(line));
    }

    fn done(self) -> Vec<String> {
        self.lines
    }
}

#[cfg(test)]
mod tests;
