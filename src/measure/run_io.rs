//! `run.json` checked, written and read back.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::account::{Broken, equal};
use super::folder::write_by_rename;
use super::run::{EventResult, FORMAT, FlowResult, RUN_FILE, RunFile, Verdict, WINDOWS_FILE};
use super::summary::Summary;
use super::sums::WindowSums;
use super::{line, summary};

/// A `run.json` that can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// The file system refused.
    #[error("can't {doing} {path}: {source}")]
    Io {
        /// `write` or `read`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a run file.
    #[error("{path} is not a run file of this tool: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Written by a later version.
    #[error(
        "{path} has format {found}, but this version reads format {FORMAT}; use the version that wrote it"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It says `pass` and does not add up.
    #[error("{path} does not add up, so it proves nothing: {}", list(broken))]
    Broken {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        broken: Vec<Broken>,
    },
    /// Its windows can't be read.
    #[error(transparent)]
    Windows(#[from] line::ReadError),
}

fn list(broken: &[Broken]) -> String {
    const SHOWN: usize = 3;
    let mut text = broken
        .iter()
        .take(SHOWN)
        .map(Broken::to_string)
        .collect::<Vec<_>>()
        .join("; ");
    if broken.len() > SHOWN {
        text.push_str(&format!("; and {} more", broken.len() - SHOWN));
    }
    text
}

impl RunFile {
    /// Every equation that does not hold among its totals, and between them and the sums of its windows where these are given.
    /// Whoever makes the verdict asks first: what does not add up is `invalid`.
    pub fn broken(&self, windows: Option<&WindowSums>) -> Vec<Broken> {
        let mut broken = Vec::new();
        for (name, flow) in &self.flows {
            broken.extend(
                flow.broken()
                    .into_iter()
                    .map(|b| b.of(format!("flow {name}"))),
            );
        }
        for (name, group) in &self.consume {
            broken.extend(
                group
                    .account()
                    .check()
                    .err()
                    .map(|b| b.of(format!("group {name}"))),
            );
        }
        let flows = |of: fn(&FlowResult) -> u64| self.flows.values().map(of).sum::<u64>();
        let events = |of: fn(&EventResult) -> u64| self.events.values().map(of).sum::<u64>();
        let partitions = || self.partitions.values().flatten();
        let acknowledged = flows(|flow| flow.account.acknowledged);
        let (bytes, responses) = (
            flows(|flow| flow.bytes),
            flows(|flow| summary::count(&flow.response)),
        );
        let records = partitions().map(|p| p.records).sum();
        let equations = [
            (
                "acknowledged",
                acknowledged,
                "the events' sum",
                events(|event| event.acknowledged),
            ),
            (
                "bytes",
                bytes,
                "the events' sum",
                events(|event| event.bytes),
            ),
            (
                "response count",
                responses,
                "the events' sum",
                events(|event| summary::count(&event.response)),
            ),
            ("acknowledged", acknowledged, "the partitions' sum", records),
            (
                "bytes",
                bytes,
                "the partitions' sum",
                partitions().map(|p| p.bytes).sum(),
            ),
        ];
        for (left, is, right, sum) in equations {
            broken.extend(equal(left, is, right, sum).err().map(|b| b.of("all flows")));
        }
        broken.extend(
            windows
                .into_iter()
                .flat_map(|windows| windows.compare(self)),
        );
        broken
    }

    /// Writes the file by rename, so that it is there whole or not at all.
    ///
    /// # Errors
    /// When the file system refuses, or when it says `pass` and does not add up.
    pub fn write(&self, folder: &Path, windows: Option<&WindowSums>) -> Result<(), RunFileError> {
        let path = folder.join(RUN_FILE);
        self.refuse_broken(&path, windows)?;
        let mut text = serde_json::to_string_pretty(self).map_err(|source| RunFileError::Json {
            path: path.clone(),
            source,
        })?;
        text.push('\n');
        write_by_rename(&path, text.as_bytes()).map_err(|source| RunFileError::Io {
            doing: "write",
            path,
            source,
        })
    }

    /// Reads the file of a run folder, and its windows where they are there, and checks them.
    ///
    /// # Errors
    /// When a file can't be read, or when it says `pass` and does not add up.
    pub fn read(folder: &Path) -> Result<RunFile, RunFileError> {
        let path = folder.join(RUN_FILE);
        let text = fs::read_to_string(&path).map_err(|source| RunFileError::Io {
            doing: "read",
            path: path.clone(),
            source,
        })?;
        let json = |source| RunFileError::Json {
            path: path.clone(),
            source,
        };
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format: found } = serde_json::from_str(&text).map_err(json)?;
        if found != FORMAT {
            return Err(RunFileError::Format { path, found });
        }
        let run: RunFile = serde_json::from_str(&text).map_err(json)?;
        let windows = folder.join(WINDOWS_FILE);
        let sums = if windows.exists() {
            let mut sums = WindowSums::default();
            for line in line::read(&windows)? {
                sums.add(&line?);
            }
            Some(sums)
        } else {
            None
        };
        run.refuse_broken(&path, sums.as_ref())?;
        Ok(run)
    }

    fn refuse_broken(&self, path: &Path, windows: Option<&WindowSums>) -> Result<(), RunFileError> {
        let broken = self.broken(windows);
        if self.verdict == Verdict::Pass && !broken.is_empty() {
            return Err(RunFileError::Broken {
                path: path.to_owned(),
                broken,
            });
        }
        Ok(())
    }
}

impl FlowResult {
    fn broken(&self) -> Vec<Broken> {
        let a = &self.account;
        let mut broken: Vec<Broken> = a.check().err().into_iter().collect();
        let minus = |x: u64, y: u64| x.saturating_sub(y);
        let mut spread = |summary: &Summary,
                          [count, beyond]: [&'static str; 2],
                          right,
                          (is, rest): (u64, u64)| {
            broken.extend(equal(count, summary.count, right, is).err());
            broken.extend(
                equal(
                    count,
                    summary.count,
                    "its histogram's",
                    summary.histogram.count(),
                )
                .err(),
            );
            broken.extend(equal(beyond, summary.beyond, "the rest", rest).err());
        };
        if let Some(response) = &self.response {
            let rest = (
                a.acknowledged,
                minus(a.planned, a.acknowledged + self.refused),
            );
            spread(
                response,
                ["response count", "response beyond"],
                "acknowledged",
                rest,
            );
        }
        let rest = (a.acknowledged, minus(a.sent, a.acknowledged + self.refused));
        spread(
            &self.service,
            ["service count", "service beyond"],
            "acknowledged",
            rest,
        );
        if let Some(send_delay) = &self.send_delay {
            let rest = (a.sent, minus(a.planned, a.sent));
            spread(
                send_delay,
                ["send_delay count", "send_delay beyond"],
                "sent",
                rest,
            );
        }
        broken.extend(
            equal(
                "failed",
                a.failed,
                "the errors' sum",
                self.errors.values().sum(),
            )
            .err(),
        );
        broken
    }
}
