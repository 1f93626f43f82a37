//! A search on the terminal.

use std::path::Path;

use crate::capacity::search::file::SearchFile;
use crate::report::html::PAGE_FILE;
use crate::report::term::Paint;

use super::sentences;

/// The result on one screen: what was found, and where the rest is.
pub fn text(file: &SearchFile, folder: &Path, page: bool, paint: Paint) -> String {
    let mut lines = sentences(file).into_iter();
    let first = lines.next().unwrap_or_default();
    let first = match file.exit() {
        0 => paint.green(&first),
        1 => paint.red(&first),
        _ => paint.yellow(&first),
    };
    let mut text = format!("{first}\n");
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let steps = match file.demand.is_empty() {
        true => file.steps.len(),
        false => file
            .demand
            .iter()
            .map(|group| group.trials.len())
            .max()
            .unwrap_or(0),
    };
    let took = crate::measure::units::clock_s(file.elapsed_s as u64);
    text.push_str(&format!(
        "{} of {} in {took}; {}\n",
        crate::measure::units::counted(steps as u64, "steps"),
        crate::report::plot::shown(&file.scenario),
        match page {
            true => folder.join(PAGE_FILE).display().to_string(),
            false => folder.display().to_string(),
        }
    ));
    text
}
