//! `run.json`: all that is known of a run, in one file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::account::{Account, GroupAccount};
use super::action::{ActionResult, WatchedResult};
use super::calibration::Cited;
use super::health::Limit;
use super::line::is_zero;
use super::machine::Machine;
use super::shape::Model;
use super::summary::Summary;
use super::window::PartitionCount;

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
    /// What was done meanwhile.
    pub actions: Vec<ActionResult>,
    /// The user's own consumer groups that were watched; left out when there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watched: BTreeMap<String, WatchedResult>,
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
    /// By topic, how its load was to spread over its partitions; without topics for which nothing is due.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spread: BTreeMap<String, Spread>,
}

/// How the load of a topic spreads over its partitions, as its keys predict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Each partition's share of the topic's records, of 1.
    pub shares: Vec<f64>,
    /// The hottest partition ÷ the mean of all, with what chance adds where few keys carry much.
    pub hottest: f64,
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
    /// The release of Kafka whose protocol it speaks, inferred from the versions of requests it takes; left out where it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
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
    /// What recovery and time above compare that quantile with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above_us: Option<u64>,
    /// What drain, recovery and time above are counted after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
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
    /// How its load came about; left out for the open model.
    #[serde(default, skip_serializing_if = "is_open")]
    pub model: Model,
    /// What became of its events.
    pub account: Account,
    /// Of the failed ones, those oversized on purpose that the cluster refused for their size: no SLO counts them. Left out when 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// Events due per second of load.
    pub offered_per_s: f64,
    /// Events acknowledged during the load, per second of it.
    pub achieved_per_s: f64,
    /// Bytes of the values of the acknowledged ones.
    pub bytes: u64,
    /// Bytes of their keys.
    pub key_bytes: u64,
    /// Acknowledged − due; left out where the model is not open: nothing is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Summary>,
    /// Acknowledged − sent.
    pub service: Summary,
    /// Sent − due; left out where the model is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_delay: Option<Summary>,
    /// The same without the warm-up; left out when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<WarmResult>,
    /// How often events failed, by the target's name of the error.
    pub errors: BTreeMap<String, u64>,
}

fn is_open(model: &Model) -> bool {
    model.has_due()
}

/// A flow's results without the warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of `FlowResult`")]
pub struct WarmResult {
    pub account: Account,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
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
    /// Acknowledged − due; left out when only flows send it whose model is not open.
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
    /// What the limit was; left out when it was none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// What its machine can generate, as `highwater calibrate` found; left out where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Cited>,
    /// Whether the threads that send and read were scheduled in real time.
    #[serde(default)]
    pub realtime: bool,
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
