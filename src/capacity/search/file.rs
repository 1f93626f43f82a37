//! `capacity.json`: what a search found, and all it needs to go on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::demand::Demand;
use super::reading::Reading;
use super::{End, Found, Settings, Step};
use crate::measure::folder::write_by_rename;
use crate::measure::machine::Machine;
use crate::measure::run::{Target, Tool};

/// The file's name in the search's folder.
pub const SEARCH_FILE: &str = "capacity.json";
/// The version of its form.
pub const FORMAT: u32 = 1;

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchFile {
    /// The version of this form.
    pub format: u32,
    /// What made it.
    pub tool: Tool,
    /// The search's name.
    pub id: String,
    /// When its load began.
    pub started: String,
    /// How long it took, those it goes on from left out: seconds.
    pub elapsed_s: f64,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's text with what the command line changed.
    pub effective: String,
    /// The hash of the load's plan at the scenario's peak.
    pub plan_hash: String,
    /// The simulated clock that is held.
    pub instant: String,
    /// The scenario's peak at scale 1, in events per second.
    pub peak_per_s: f64,
    /// The headroom that is wanted, as a factor of the peak.
    pub wanted: f64,
    /// Where the load went.
    pub target: Target,
    /// Where it came from.
    pub machine: Machine,
    /// What the search was told; what a demand is searched by has none.
    pub settings: Option<Settings>,
    /// Rates that were held, in order. Those of the searches it goes on from have times below zero.
    pub steps: Vec<Step>,
    /// What was measured in them.
    pub readings: Vec<Reading>,
    /// The limit that the readings' response is held against: (what, quantile, microseconds).
    pub limit: Option<(String, f64, f64)>,
    /// What came out.
    pub found: Option<Found>,
    /// What gave first, where it was seen.
    pub gave: Option<String>,
    /// Records that were lost, damaged or reordered on the way, and parts of the run that are missing: a sentence each.
    pub lost: Vec<String>,
    /// The least numbers of members, where those were searched: one for each group.
    pub demand: Vec<Demand>,
}

/// A `capacity.json` that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SearchFileError {
    /// Not there, or not readable.
    #[error("can't read {path}: {source}; a search's folder is expected")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something else.
    #[error("{path} is no result of a search: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl SearchFile {
    /// Reads that of a folder.
    ///
    /// # Errors
    /// It is not there, or not one.
    pub fn read(folder: &Path) -> Result<SearchFile, SearchFileError> {
        let path = folder.join(SEARCH_FILE);
        let text = std::fs::read(&path).map_err(|source| SearchFileError::Io {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| SearchFileError::Form { path, source })
    }

    /// Writes it into a folder, whole or not at all.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_by_rename(&folder.join(SEARCH_FILE), text.as_bytes())
    }

    /// Rated capacity ÷ the scenario's peak.
    pub fn headroom(&self) -> Option<f64> {
        let rated = self.found.as_ref()?.rated_per_s?;
        (self.peak_per_s > 0.0).then(|| rated / self.peak_per_s)
    }

    /// 0: there is the headroom that was wanted; 1: there is not, or records were lost; 3: the search does not tell.
    pub fn exit(&self) -> u8 {
        if !self.lost.is_empty() {
            return 1;
        }
        if !self.demand.is_empty() {
            let known = self.demand.iter().all(|group| group.members.is_some());
            return if known { 0 } else { 3 };
        }
        let end = self.found.as_ref().and_then(|found| found.end.as_ref());
        match (self.headroom(), end) {
            (Some(headroom), _) if headroom >= self.wanted => 0,
            // More was not offered: it is not known whether it would hold.
            (Some(_), Some(End::Ceiling)) => 3,
            (Some(_), _) | (None, Some(End::Nothing)) => 1,
            (None, _) => 3,
        }
    }

    /// The steps of an earlier search as those of one that goes on from it: their times lie below zero.
    pub fn before(&self) -> (Vec<Step>, Vec<Reading>) {
        let mut steps = self.steps.clone();
        for step in &mut steps {
            step.from_s -= self.elapsed_s;
            step.to_s -= self.elapsed_s;
        }
        (steps, self.readings.clone())
    }
}
