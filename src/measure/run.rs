//! `run.json`: all that is known of a run, in one file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::account::{Account, Broken, GroupAccount, equal};
use super::folder::write_by_rename;
use super::machine::Machine;
use super::summary::Summary;
use super::sums::WindowSums;
use super::window::PartitionCount;
use super::{line, summary};

/// The file's name in the run folder.
pub const RUN_FILE: &str = "run.json";
/// The name of the windows' file in the run folder.
pub const WINDOWS_FILE: &str = "windows.jsonl";
/// The version of the format.
pub const FORMAT: u32 = 1;

/// The whole file. Times are integers in microseconds and end in `_us`, rates per second end in `_per_s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// [`FORMAT`].
    pub format: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The run's id.
    pub id: String,
    /// When the load began, RFC 3339.
    pub started: String,
    /// How long the load lasted.
    pub elapsed_us: u64,
    /// What was asked for.
    pub plan: Plan,
    /// The machine the load came from.
    pub machine: Machine,
    /// The cluster it went to.
    pub target: Target,
    /// What the run proved.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The limits it was judged by.
    pub slos: Vec<SloResult>,
    /// By flow.
    pub flows: BTreeMap<String, FlowResult>,
    /// By event.
    pub events: BTreeMap<String, EventResult>,
    /// By consumer group.
    pub consume: BTreeMap<String, GroupResult>,
    /// By topic, acknowledged records of each partition.
    pub partitions: BTreeMap<String, Vec<PartitionCount>>,
    /// What was done to the cluster meanwhile.
    pub actions: Vec<serde_json::Value>,
    /// How we fared ourselves.
    pub generator: Generator,
}

/// What wrote the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Tool {
    pub name: String,
    pub version: String,
    pub librdkafka: String,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Of everything that decides which events are offered when: two runs with the same hash had the same load.
    pub hash: String,
    /// Of the rest: client, topic configuration, consumers, brokers.
    pub setup_hash: String,
    /// The effective scenario, as TOML.
    pub scenario: String,
    /// The seed of every draw.
    pub seed: u64,
    /// The offered rate: (seconds since the start of the load, events per second).
    pub curve: Vec<(f64, f64)>,
}

/// The cluster under test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `kafka`, `embedded` or `null`.
    pub kind: String,
    /// The addresses it was reached by.
    pub bootstrap: Vec<String>,
    /// Its brokers.
    pub brokers: Vec<Broker>,
    /// The topics written to, by their key in the scenario.
    pub topics: BTreeMap<String, TopicInfo>,
    /// Producer properties that were set; secrets left out.
    pub client: BTreeMap<String, String>,
}

/// A broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// `host:port`.
    pub address: String,
}

/// A topic as it was on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicInfo {
    /// Its name on the cluster, prefix included.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many replicas, where known.
    pub replication: Option<u16>,
    /// Configuration asked for.
    pub config: BTreeMap<String, String>,
}

/// What a run proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every SLO held.
    Pass,
    /// The cluster missed an SLO, or lost, corrupted or reordered records.
    Fail,
    /// The run proves nothing.
    Invalid,
}

/// One reason of a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A word for programs.
    pub kind: String,
    /// A sentence for people.
    pub text: String,
}

/// A limit and what was measured against it, each in the unit of its metric: exactly one limit is there, and the figure of the
/// same unit is null when it falls among events without an acknowledgement or there was nothing to measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SloResult {
    /// What is measured, as scenario files spell it.
    pub metric: String,
    /// The flow it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The event it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The group it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consume: Option<String>,
    /// The quantile of a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// `warm` or `all`.
    pub from: String,
    /// Of a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_us: Option<u64>,
    /// Of a count or a share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// The time; where it is judged window by window, the worst window's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_us: Option<u64>,
    /// The count or share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// How it came out window by window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<SloWindowsResult>,
    /// Whether the limit held.
    pub held: bool,
}

/// How an SLO came out window by window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SloWindowsResult {
    /// The length of a window.
    pub every_us: u64,
    /// How many may miss.
    pub allow: u32,
    /// How many were judged.
    pub judged: u32,
    /// How many missed.
    pub missed: u32,
}

/// A flow's results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowResult {
    /// What became of its events.
    pub account: Account,
    /// Events due per second of load.
    pub offered_per_s: f64,
    /// Events acknowledged during the load, per second of it.
    pub achieved_per_s: f64,
    /// Bytes of the values of the acknowledged ones.
    pub bytes: u64,
    /// Bytes of their keys.
    pub key_bytes: u64,
    /// Acknowledged − due; left out for unthrottled flows, where nothing is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Summary>,
    /// Acknowledged − sent.
    pub service: Summary,
    /// Sent − due; left out for unthrottled flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_delay: Option<Summary>,
    /// The same without the warm-up; left out when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<WarmResult>,
    /// How often events failed, by the target's name of the error.
    pub errors: BTreeMap<String, u64>,
}

/// A flow's results without the warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of `FlowResult`")]
pub struct WarmResult {
    pub account: Account,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Summary>,
    pub service: Summary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_delay: Option<Summary>,
}

/// The results of one kind of event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventResult {
    /// Acknowledged.
    pub acknowledged: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Acknowledged − due; left out when only unthrottled flows send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Summary>,
}

/// A group's results: its account, and how late it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the first ten fields are those of `GroupAccount`"
)]
pub struct GroupResult {
    pub acknowledged: u64,
    pub consumed: u64,
    pub consumed_unacknowledged: u64,
    pub missing: u64,
    pub expired: u64,
    pub unread: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub corrupt: u64,
    pub foreign: u64,
    /// Received − due.
    pub end_to_end: Summary,
    /// The most records it was behind.
    pub lag_records_max: u64,
}

/// How the generator fared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Cores used, on average.
    pub cpu_cores: f64,
    /// The largest send delay p99 of a flow; null when it falls among events never sent, or nothing was due.
    pub send_delay_p99_us: Option<u64>,
    /// Run-queue delay of the worst thread, as a share of the time.
    pub run_queue_delay: f64,
    /// Memory in RAM at most.
    pub rss_max_bytes: u64,
    /// False: the generator was the limit.
    pub healthy: bool,
}

impl GroupResult {
    /// A group's results.
    pub fn new(account: &GroupAccount, end_to_end: Summary, lag_records_max: u64) -> GroupResult {
        GroupResult {
            acknowledged: account.acknowledged,
            consumed: account.consumed,
            consumed_unacknowledged: account.consumed_unacknowledged,
            missing: account.missing,
            expired: account.expired,
            unread: account.unread,
            duplicated: account.duplicated,
            reordered: account.reordered,
            corrupt: account.corrupt,
            foreign: account.foreign,
            end_to_end,
            lag_records_max,
        }
    }

    /// Its account.
    pub const fn account(&self) -> GroupAccount {
        GroupAccount {
            acknowledged: self.acknowledged,
            consumed: self.consumed,
            consumed_unacknowledged: self.consumed_unacknowledged,
            missing: self.missing,
            expired: self.expired,
            unread: self.unread,
            duplicated: self.duplicated,
            reordered: self.reordered,
            corrupt: self.corrupt,
            foreign: self.foreign,
        }
    }
}

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
            let rest = (a.acknowledged, minus(a.planned, a.acknowledged));
            spread(
                response,
                ["response count", "response beyond"],
                "acknowledged",
                rest,
            );
        }
        let rest = (a.acknowledged, minus(a.sent, a.acknowledged));
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
