//! `report`: what run folders hold, in the form that was asked for.

use std::io::{self, Write};

use anyhow::{Context, Result};

use crate::cli::{OutputArgs, ReportArgs, ReportFormat};
use crate::measure::line;
use crate::measure::run::WINDOWS_FILE;
use crate::report::csv::{CsvError, Writer};
use crate::report::data::{RunData, load};
use crate::report::term::Paint;
use crate::report::unfinished::judged;
use crate::report::{json, junit, line as one_line, markdown, text};

/// Reads the run folders and tells what they hold.
///
/// # Errors
/// A folder can't be read, or what was asked for can't be written.
pub fn report(args: &ReportArgs, output: &OutputArgs) -> Result<()> {
    let runs = args
        .runs
        .iter()
        .map(|folder| load(folder))
        .collect::<Result<Vec<RunData>, _>>()?;
    let mut out = io::stdout().lock();
    let told = match args.format() {
        ReportFormat::Text => text::report(&runs, None, Paint::stdout(super::color(output))),
        ReportFormat::Md => markdown::report(&runs),
        ReportFormat::Line => lines(&runs),
        ReportFormat::Json => json::report(&runs).context("writing the runs as JSON")? + "\n",
        ReportFormat::Junit => junit::report(&runs).context("writing the runs as JUnit XML")?,
        ReportFormat::Csv => return csv(&runs, out),
    };
    unless_closed(out.write_all(told.as_bytes()).and_then(|()| out.flush()))?;
    Ok(())
}

fn lines(runs: &[RunData]) -> String {
    let line = |data: &RunData| one_line::line(&judged(data), Some(&data.folder)) + "\n";
    runs.iter().map(line).collect()
}

/// Every second of each run, straight from its file: a report holds them merged.
fn csv(runs: &[RunData], out: impl Write) -> Result<()> {
    match windows(runs, out) {
        Err(error) if error.is_broken_pipe() => Ok(()),
        result => Ok(result?),
    }
}

fn windows(runs: &[RunData], out: impl Write) -> Result<(), CsvError> {
    let mut writer = Writer::new(io::BufWriter::new(out))?;
    for data in runs {
        let path = data.folder.join(WINDOWS_FILE);
        if path.is_file() {
            writer.run(&data.folder.display().to_string(), line::read(&path)?)?;
        }
    }
    writer.finish()
}

/// Whoever closes standard output has read enough.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
