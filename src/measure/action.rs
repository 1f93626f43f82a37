//! What was done while the load ran, and what it cost, as `run.json` has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::line::WatchedLine;

/// An action of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionResult {
    /// Its name.
    pub name: String,
    /// The command, if it is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// The group that paused, if it is a pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// When it began, since the start of the load; null: it never did.
    pub began_us: Option<u64>,
    /// When it ended.
    pub ended_us: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// A sentence about an outcome other than `done`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the command ended with; null when a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What the command wrote: a file in the run folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// How many bytes it wrote; the file may hold fewer.
    #[serde(skip_serializing_if = "super::line::is_zero")]
    pub output_bytes: u64,
    /// Whether its failure stops the load and makes the run invalid.
    #[serde(skip_serializing_if = "is_false")]
    pub stops: bool,
    /// What it cost; null when it never began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// How an action ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it was to do.
    Done,
    /// The command ended with another code than 0, or by a signal that was not ours.
    Failed,
    /// The command could not be started.
    NotStarted,
    /// The command ran longer than its limit, and was killed.
    TimedOut,
    /// The command still ran when the run ended, and was killed.
    CutOff,
    /// The load was over before it was to begin.
    #[default]
    Skipped,
}

impl Outcome {
    /// Whether something was to be done and was not.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Outcome::Failed | Outcome::NotStarted | Outcome::TimedOut | Outcome::CutOff
        )
    }

    /// As people say it.
    pub const fn words(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "FAILED",
            Outcome::NotStarted => "NOT STARTED",
            Outcome::TimedOut => "KILLED after its limit",
            Outcome::CutOff => "KILLED at the end",
            Outcome::Skipped => "not begun",
        }
    }
}

/// What happened from the beginning of an action to the beginning of the next later one, or to the end of the load. Seconds are windows,
/// and events are filed in them by the instant they were due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// From the second in which it began.
    pub from_us: u64,
    /// To here.
    pub to_us: u64,
    /// By SLO that is judged second by second, what missed it.
    pub slos: Vec<SloCost>,
    /// The longest response; null: none came.
    pub response_max_us: Option<u64>,
    /// Events without an acknowledgement: they lie above every response.
    pub unanswered: u64,
    /// Events that failed, by the target's name of the error.
    pub errors: BTreeMap<String, u64>,
    /// The most events due and not yet acknowledged.
    pub backlog_max: u64,
    /// The most records a group was behind.
    pub lag_records_max: u64,
    /// The longest a group was behind.
    pub lag_us_max: u64,
    /// By group of the user's that was watched, the most records and the longest it was behind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub watched: BTreeMap<String, WatchedLine>,
    /// Of the events that came due in it, those acknowledged that a group never saw, over all groups. Null: not known, since some were
    /// lost to a group that has not read to the end, or from a log that has expired.
    pub missing: Option<u64>,
    /// Records that groups saw again, found in it; of the last action also those found after the load.
    pub duplicated: u64,
    /// Records that groups saw in another order, likewise.
    pub reordered: u64,
    /// From its end to the first second from which every SLO holds for 10 s; null: not within the load, or no SLO can say.
    pub recovery_us: Option<u64>,
    /// From its end until backlog and lag are what they were before, of a pause the lag of its group; null: not within the load.
    pub drain_us: Option<u64>,
}

/// What missed an SLO.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SloCost {
    /// What is measured, as scenario files spell it.
    pub metric: String,
    /// Whom it is about: a flow, an event or a group.
    pub of: String,
    /// The quantile of a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// The limit in words.
    pub limit: String,
    /// Seconds that missed it.
    pub seconds: u64,
    /// Of a limit on a time: events above it, those without an acknowledgement included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

/// A consumer group of the user's that was watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchedResult {
    /// Seconds in which the cluster told its positions.
    pub seconds: u64,
    /// The most records it was behind; null: it was never seen.
    pub lag_records_max: Option<u64>,
    /// The longest it was behind.
    pub lag_us_max: Option<u64>,
    /// How far it was behind when it was last seen.
    pub lag_records_end: Option<u64>,
    /// Why the last answer was none; null: it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
