//! `report`: what run folders hold, in the form that was asked for.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::exit::Usage;
use crate::capacity::search::file::SEARCH_FILE;
use crate::cli::{OutputArgs, ReportArgs, ReportFormat};
use crate::measure::folder::write_by_rename;
use crate::measure::run::WINDOWS_FILE;
use crate::measure::{line, units};
use crate::report::csv::{CsvError, Writer};
use crate::report::data::{RunData, load};
use crate::report::term::Paint;
use crate::report::unfinished::judged;
use crate::report::{html, json, junit, line as one_line, markdown, plot, text};

/// Reads the run folders and tells what they hold.
///
/// # Errors
/// A folder can't be read, or what was asked for can't be written.
pub fn report(args: &ReportArgs, output: &OutputArgs) -> Result<()> {
    spare_searches(args)?;
    let runs = args
        .runs
        .iter()
        .map(|folder| load(folder))
        .collect::<Result<Vec<RunData>, _>>()?;
    if let Some(folder) = &args.plots {
        let files = plot::files(&runs, folder).map_err(|error| Usage(error.to_string()))?;
        if !output.quiet {
            eprintln!(
                "{} in {}",
                units::counted(files.len() as u64, "plots"),
                folder.display()
            );
        }
    }
    let format = args.format();
    // Who asks for another form has a page already, or wants none.
    let page = match (&args.out, format) {
        (Some(out), _) => Some(out.clone()),
        (None, ReportFormat::Text) => Some(beside(&runs)),
        (None, _) => None,
    };
    if let Some(page) = &page {
        write_by_rename(page, html::page(&runs).as_bytes()).map_err(|error| {
            let page = page.display();
            Usage(format!(
                "can't write the page {page}: {error}; name another with --out"
            ))
        })?;
    }
    let paint = Paint::stdout(super::color(output));
    super::print(&match format {
        ReportFormat::Text => text::report(&runs, page.as_deref(), paint),
        ReportFormat::Md => markdown::report(&runs),
        ReportFormat::Line => lines(&runs),
        ReportFormat::Json => json::report(&runs).context("writing the runs as JSON")? + "\n",
        ReportFormat::Junit => junit::report(&runs).context("writing the runs as JUnit XML")?,
        ReportFormat::Csv => return csv(&runs, io::stdout().lock()),
    })
}

/// A search keeps its seconds as a run does, but has a page of its own, which must not be written over.
fn spare_searches(args: &ReportArgs) -> Result<()> {
    let writes_into_it = args.out.is_none() && args.format() == ReportFormat::Text;
    let mut searches = args
        .runs
        .iter()
        .filter(|folder| folder.join(SEARCH_FILE).is_file());
    match searches.next() {
        Some(folder) if writes_into_it => Err(Usage(format!(
            "{folder} holds a search for capacity, whose page is {folder}/{} and whose result is {SEARCH_FILE}; \
             for its seconds use --format csv, for a page of them name another with --out",
            html::PAGE_FILE,
            folder = folder.display(),
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Where the page of these runs goes: into the folder of one, beside the first folder of several.
fn beside(runs: &[RunData]) -> PathBuf {
    let name = |data: &RunData| match data.folder.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => data.name(),
    };
    let first = &runs[0];
    let rest = match runs {
        [one] => return one.folder.join(html::PAGE_FILE),
        [_, second] => name(second),
        more => format!("{}-more", more.len() - 1),
    };
    let file = format!("{}-and-{rest}.html", name(first));
    first.folder.with_file_name(file)
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
