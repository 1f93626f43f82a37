//! A line of `windows.jsonl`: one second of a run.
//!
//! ```text
//! at_us      when the second begins, since the start of the load
//! warm       false: it belongs to the warm-up
//! marks      what happened to the run in it, in words
//! flows      by name:
//!              planned sent unsent lost acknowledged failed unresolved   of the events that came due in this second
//!              refused                                                  of the failed ones, those oversized on purpose and refused
//!                                                                       for their size; left out when 0
//!              queue_full                                               some of them waited for room in the client's queue
//!              during { sent acknowledged failed bytes key_bytes }       in this second, whenever they were due
//!              errors                                                   by name, how many of those that failed in this second failed
//!                                                                       so; left out when none did
//!              response service send_delay                              histograms of the events that came due in this second;
//!                                                                       response and send_delay are null outside the open model
//! events     by name: acknowledged failed refused unresolved, during { acknowledged bytes key_bytes }, response
//! consume    by group: end_to_end, negative (of the events that came due in this second),
//!              during { records bytes again corrupt foreign }, lag_records, lag_us (as the second ended; null: not sampled),
//!              duplicated, reordered, missing (found in this second; left out when 0. Missing: acknowledged, jumped over by the
//!              group, and still in the log; the run's account is exact)
//! watched    groups of the user's, by name: lag_records, lag_us as the second ended; left out when there are none
//! partitions by topic, for each partition [records, bytes] acknowledged in this second
//! client     what the clients told (`ClientFigures`), or null
//! generator  what we used (`GeneratorSecond`), or null
//! ```
//!
//! Histograms are HdrHistogram V2 deflate in base64: 1 µs to 1 h, 2 digits, unit 1 µs, in stored blocks. `bytes` are value bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::client_stats::ClientFigures;
use super::histogram::WindowHistogram;
use super::sampler::Observation;

/// One line. `H` is what its histograms are held as: decoded, or as their text ([`Encoded`](super::codec::Encoded)) where they are
/// only to be added to others; `E` the same of its events', `S` of its service times, which are [`Unread`](super::codec::Unread)
/// where nobody looks at them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct WindowLine<H = WindowHistogram, E = H, S = H> {
    pub at_us: u64,
    pub warm: bool,
    pub marks: Vec<String>,
    pub flows: BTreeMap<String, FlowLine<H, S>>,
    pub events: BTreeMap<String, EventLine<E>>,
    pub consume: BTreeMap<String, GroupLine<H>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watched: BTreeMap<String, WatchedLine>,
    pub partitions: BTreeMap<String, Vec<(u64, u64)>>,
    pub client: Option<ClientFigures>,
    pub generator: Option<GeneratorSecond>,
}

/// Whether a count is left out of a line.
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A flow's part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct FlowLine<H = WindowHistogram, S = H> {
    pub planned: u64,
    pub sent: u64,
    pub unsent: u64,
    pub lost: u64,
    pub acknowledged: u64,
    pub failed: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    pub unresolved: u64,
    pub queue_full: bool,
    pub during: FlowDuring,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u64>,
    pub response: Option<H>,
    pub service: S,
    pub send_delay: Option<H>,
}

impl<H, S> FlowLine<H, S> {
    /// Events that lie above every response time. What is oversized on purpose may be refused: it lies nowhere.
    pub const fn beyond_response(&self) -> u64 {
        self.planned
            .saturating_sub(self.acknowledged + self.refused)
    }

    /// Events that lie above every service time.
    pub const fn beyond_service(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged + self.refused)
    }

    /// Events that lie above every send delay.
    pub const fn beyond_send_delay(&self) -> u64 {
        self.planned.saturating_sub(self.sent)
    }
}

/// What happened to a flow in the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct FlowDuring {
    pub sent: u64,
    pub acknowledged: u64,
    pub failed: u64,
    pub bytes: u64,
    pub key_bytes: u64,
}

/// An event's part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct EventLine<H = WindowHistogram> {
    pub acknowledged: u64,
    pub failed: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    pub unresolved: u64,
    pub during: EventLineDuring,
    pub response: H,
}

impl<H> EventLine<H> {
    /// Events that lie above every response time, without those refused on purpose.
    pub const fn beyond_response(&self) -> u64 {
        self.failed.saturating_sub(self.refused) + self.unresolved
    }
}

/// What happened to an event's kind in the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct EventLineDuring {
    pub acknowledged: u64,
    pub bytes: u64,
    pub key_bytes: u64,
}

/// A group's part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct GroupLine<H = WindowHistogram> {
    pub end_to_end: H,
    pub negative: u64,
    pub during: GroupDuring,
    pub lag_records: Option<u64>,
    pub lag_us: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicated: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reordered: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u64,
}

/// How far a group of the user's was behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct WatchedLine {
    pub lag_records: u64,
    pub lag_us: u64,
}

/// What a group received in the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the module's page says what the fields are")]
pub struct GroupDuring {
    pub records: u64,
    pub bytes: u64,
    pub again: u64,
    pub corrupt: u64,
    pub foreign: u64,
}

/// What the generator used of its machine in the second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorSecond {
    /// Cores used by all its threads.
    pub cpu_cores: f64,
    /// The busiest of its threads.
    pub busiest: String,
    /// Share of a core the busiest used.
    pub busiest_core: f64,
    /// The largest share of the time that one of the producer and consumer threads waited for a core.
    pub run_queue_delay: f64,
    /// How often the cgroup's quota stopped it.
    pub throttled: u64,
    /// Share of the machine's time the hypervisor gave to others.
    pub steal: f64,
    /// Memory in RAM.
    pub rss_bytes: u64,
}

impl GeneratorSecond {
    /// The line's extract of an observation.
    pub fn of(seen: &Observation) -> GeneratorSecond {
        let busiest = seen.threads.iter().max_by(|a, b| a.cpu.total_cmp(&b.cpu));
        GeneratorSecond {
            cpu_cores: rounded(seen.cpu_cores),
            busiest: busiest
                .map(|thread| thread.name.clone())
                .unwrap_or_default(),
            busiest_core: rounded(busiest.map_or(0.0, |thread| thread.cpu)),
            run_queue_delay: rounded(seen.worst_wait()),
            throttled: seen.throttled,
            steal: rounded(seen.steal),
            rss_bytes: seen.rss_bytes,
        }
    }
}

/// Four decimals: more would be noise, in every line of a long file.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// A `windows.jsonl` that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not there, or not readable.
    #[error("can't read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line that is none of ours.
    #[error("{path}, line {line}: {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads a `windows.jsonl` line by line. A last line that was cut short (the run was killed while it was written) is left out.
///
/// # Errors
/// When the file can't be opened; each item is an error when its line can't be read.
pub fn read(path: &Path) -> Result<impl Iterator<Item = Result<WindowLine, ReadError>>, ReadError> {
    let io = {
        let path = path.to_owned();
        move |source| ReadError::Io {
            path: path.clone(),
            source,
        }
    };
    let mut from = BufReader::new(File::open(path).map_err(&io)?);
    let path = path.to_owned();
    let mut number = 0;
    Ok(std::iter::from_fn(move || {
        let mut text = String::new();
        match from.read_line(&mut text) {
            Ok(0) => return None,
            Ok(_) if !text.ends_with('\n') => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(io(error))),
        }
        number += 1;
        Some(
            serde_json::from_str(&text).map_err(|source| ReadError::Line {
                path: path.clone(),
                line: number,
                source,
            }),
        )
    }))
}
