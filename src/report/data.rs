//! A run folder, read: `run.json` and `windows.jsonl` as typed data, checked.
//!
//! A run of any length is held in at most [`WINDOWS`] windows: while the file is read, neighbours are merged (histograms added, never
//! averaged) as soon as there are more.

mod merge;
mod read;

use std::path::{Path, PathBuf};

use crate::measure::account::Broken;
use crate::measure::line::{ReadError, WindowLine};
use crate::measure::run::{RUN_FILE, RunFile, WINDOWS_FILE};
use crate::measure::run_io::RunFileError;
use crate::measure::sums::WindowSums;
use crate::measure::units;
use read::Wanted;

/// The most windows a run is held in: about one for each point across a page's plot.
pub const WINDOWS: usize = 900;

/// A run folder's content.
#[derive(Clone, Debug)]
pub struct RunData {
    /// The folder.
    pub folder: PathBuf,
    /// `run.json`; `None` when the run never got to write it.
    pub run: Option<RunFile>,
    /// `windows.jsonl`, neighbours merged where there were more than [`WINDOWS`] lines. In order of time. Without the response times by
    /// event, and without service times where there is a `run.json`: nothing shows them over time.
    pub windows: Vec<WindowLine>,
    /// The length of a window, in microseconds: a second, or more where windows were merged. The last may be shorter.
    pub window_us: u64,
    /// Why what is here is not the whole run; a sentence without a full stop.
    pub note: Option<String>,
}

/// A run folder that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is nothing of that name.
    #[error("there is no run folder {0}; `highwater run` prints the name of the folder it wrote")]
    Missing(PathBuf),
    /// Neither file is there.
    #[error(
        "{0} is not a run folder: it has neither {RUN_FILE} nor {WINDOWS_FILE}; give the folder that `highwater run` wrote"
    )]
    Foreign(PathBuf),
    /// Nothing was recorded before the run ended.
    #[error("{0} holds no result: {RUN_FILE} is missing and {WINDOWS_FILE} has no whole line")]
    Empty(PathBuf),
    /// `run.json` can't be read, is of a later version, or does not add up.
    #[error(transparent)]
    Run(#[from] RunFileError),
    /// `windows.jsonl` can't be read.
    #[error(transparent)]
    Windows(#[from] ReadError),
}

impl RunData {
    /// The name a run goes by: its scenario's name, else its id, else its folder's name.
    pub fn name(&self) -> String {
        let named = self.run.as_ref().map(name_of);
        named.unwrap_or_else(|| match self.folder.file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => self.folder.display().to_string(),
        })
    }

    /// How long the load lasted, in seconds: as `run.json` says, else to the end of the last window.
    pub fn elapsed_s(&self) -> f64 {
        let us = match (&self.run, self.windows.last()) {
            (Some(run), _) => run.elapsed_us,
            (None, Some(last)) => last.at_us + self.window_us,
            (None, None) => 0,
        };
        us as f64 / 1e6
    }
}

/// The name of the scenario that was run; the run's id where there is none.
pub fn name_of(run: &RunFile) -> String {
    let scenario: Option<toml::Table> = run.plan.scenario.parse().ok();
    let name = scenario.and_then(|table| table.get("name")?.as_str().map(str::to_owned));
    name.unwrap_or_else(|| run.id.clone())
}

/// Reads a run folder; the name of its `run.json` serves as well.
///
/// # Errors
/// When there is no such folder, when it is none of ours, when a file can't be read or is of a later version, or when the run says
/// `pass` and its files do not add up.
pub fn load(folder: &Path) -> Result<RunData, LoadError> {
    let folder = match folder.file_name() {
        Some(name) if name == RUN_FILE && folder.is_file() => match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        },
        _ => folder,
    };
    if !folder.exists() {
        return Err(LoadError::Missing(folder.to_owned()));
    }
    let has = |name: &str| folder.join(name).is_file();
    let (has_run, has_windows) = (has(RUN_FILE), has(WINDOWS_FILE));
    if !has_run && !has_windows {
        return Err(LoadError::Foreign(folder.to_owned()));
    }
    let run = has_run.then(|| RunFile::read_alone(folder)).transpose()?;
    let (windows, window_us) = match has_windows {
        true => {
            let wanted = match run {
                Some(_) => Wanted::Shown,
                None => Wanted::ShownAndService,
            };
            read::merged(&folder.join(WINDOWS_FILE), WINDOWS, wanted)?
        }
        false => (Vec::new(), 1_000_000),
    };
    if run.is_none() && windows.is_empty() {
        return Err(LoadError::Empty(folder.to_owned()));
    }
    // Counts are only ever added, so the sums of merged windows are those of the lines.
    let mut sums = WindowSums::of_shown_times();
    windows.iter().for_each(|window| sums.add(window));
    let sums = has_windows.then_some(&sums);
    let note = match &run {
        Some(run) => {
            run.refuse_broken(&folder.join(RUN_FILE), sums)?;
            doubt(&run.broken(sums), has_windows)
        }
        None => Some(unfinished(&windows, window_us)),
    };
    Ok(RunData {
        folder: folder.to_owned(),
        run,
        windows,
        window_us,
        note,
    })
}

/// What is wrong with a run that has its `run.json`.
fn doubt(broken: &[Broken], has_windows: bool) -> Option<String> {
    if !has_windows {
        return Some(format!(
            "{WINDOWS_FILE} is missing, so nothing is shown over time"
        ));
    }
    let first = broken.first()?;
    Some(match broken.len() {
        1 => format!("the files do not add up: {first}"),
        n => format!("the files do not add up: {first}; and {} more", n - 1),
    })
}

fn unfinished(windows: &[WindowLine], window_us: u64) -> String {
    let last_us = windows.last().map_or(0, |last| last.at_us + window_us);
    format!(
        "{RUN_FILE} is missing: the run ended before it could be judged; its first {} are shown",
        units::time_us(last_us)
    )
}

#[cfg(test)]
mod tests;
