//! A second of the run, all threads together, and its line in `windows.jsonl`.

use std::collections::BTreeMap;

use super::client_stats::ClientFigures;
use super::consumer_recorder::MemberWindow;
use super::histogram::WindowHistogram;
use super::ledger::Faults;
use super::line::{
    EventLine, EventLineDuring, FlowDuring, FlowLine, GeneratorSecond, GroupDuring, GroupLine,
    WatchedLine, WindowLine,
};
use super::live::GroupLag;
use super::sampler::Observation;
use super::shape::{RunShape, WINDOW_NS};
use super::window::{DueWindow, DuringWindow, PartitionCount, add_partitions};
use crate::target::Failure;

/// What is sampled once a second rather than recorded per event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecondSample {
    /// The second that ended.
    pub second: u32,
    /// What we used of the machine in it.
    pub used: Observation,
    /// What the clients told, merged; `None` when they told nothing.
    pub client: Option<ClientFigures>,
    /// How far each group was behind, in the order of `RunShape::groups`.
    pub lag: Vec<GroupLag>,
    /// What each group found in it that should not be.
    pub found: Vec<Faults>,
    /// How far the user's own groups were behind, by name; those the cluster told nothing of are left out.
    pub watched: BTreeMap<String, WatchedLine>,
}

/// The target's names of the failures that occurred.
pub type FailureNames = BTreeMap<Failure, String>;

/// How often events failed, by the target's name of the failure: several may have one name.
pub(super) fn by_name(
    errors: &BTreeMap<Failure, u64>,
    names: &FailureNames,
) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (failure, n) in errors {
        let name = names.get(failure).cloned();
        *named
            .entry(name.unwrap_or_else(|| format!("{failure:?}")))
            .or_default() += n;
    }
    named
}

/// A second of the run, all threads together.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// It begins this many seconds after the load did.
    pub second: u32,
    /// By flow: what became of the events that came due in it.
    pub due: Vec<DueWindow>,
    /// By flow: what happened in it.
    pub during: Vec<DuringWindow>,
    /// By group: what its members saw.
    pub groups: Vec<MemberWindow>,
    /// What was sampled as it ended.
    pub sample: Option<SecondSample>,
    /// What happened to the run in it, in words.
    pub marks: Vec<String>,
    /// Send delays of the producers whose clients had room.
    pub(super) with_room: WindowHistogram,
    pub(super) due_parts: usize,
    pub(super) during_parts: usize,
}

/// The line of a second; `names` are the target's, of its failures.
pub(super) fn line_of(shape: &RunShape, names: &FailureNames, second: Second) -> WindowLine {
    let mut line = WindowLine {
        at_us: u64::from(second.second) * (WINDOW_NS / 1_000),
        warm: shape.is_warm(second.second),
        ..WindowLine::default()
    };
    for name in &shape.events {
        line.events.insert(name.clone(), EventLine::default());
    }
    let mut partitions = Vec::new();
    for ((flow, due), during) in shape.flows.iter().zip(&second.due).zip(&second.during) {
        for (place, event) in flow.events.iter().enumerate() {
            let event = line
                .events
                .entry(shape.events[usize::from(*event)].clone())
                .or_default();
            add_event(event, due, during, place);
        }
        add_partitions(&mut partitions, &during.partitions);
        line.flows.insert(
            flow.name.clone(),
            flow_line(flow.model.has_due(), names, due, during),
        );
    }
    for (group, (name, window)) in shape.groups.iter().zip(second.groups).enumerate() {
        let sample = second.sample.as_ref();
        let lag = sample.and_then(|sample| sample.lag.get(group));
        let found = sample.and_then(|sample| sample.found.get(group).copied());
        let Faults {
            duplicated,
            reordered,
            missing,
        } = found.unwrap_or_default();
        line.consume.insert(
            name.clone(),
            GroupLine {
                duplicated,
                reordered,
                missing,
                ..group_line(window, lag)
            },
        );
    }
    for (topic, start) in shape.topics.iter().zip(shape.partition_starts().0) {
        let counts = (start..start + topic.partitions as usize).map(|index| {
            let count: PartitionCount = partitions.get(index).copied().unwrap_or_default();
            (count.records, count.bytes)
        });
        line.partitions.insert(topic.name.clone(), counts.collect());
    }
    line.marks = second.marks;
    line.generator = second
        .sample
        .as_ref()
        .map(|sample| GeneratorSecond::of(&sample.used));
    if let Some(sample) = second.sample {
        line.client = sample.client;
        line.watched = sample.watched;
    }
    line
}

fn flow_line(
    has_due: bool,
    names: &FailureNames,
    due: &DueWindow,
    during: &DuringWindow,
) -> FlowLine {
    let (account, all) = (due.account(), during.all());
    FlowLine {
        planned: account.planned,
        sent: account.sent,
        unsent: account.unsent,
        lost: account.lost,
        acknowledged: account.acknowledged,
        failed: account.failed,
        refused: due.refused(),
        unresolved: account.unresolved,
        queue_full: due.queue_full,
        during: FlowDuring {
            sent: during.sent,
            acknowledged: all.acknowledged,
            failed: during.failed,
            bytes: all.bytes,
            key_bytes: all.key_bytes,
        },
        errors: by_name(&during.errors, names),
        response: has_due.then(|| due.response()),
        service: due.service.clone(),
        send_delay: has_due.then(|| due.send_delay.clone()),
    }
}

fn add_event(line: &mut EventLine, due: &DueWindow, during: &DuringWindow, place: usize) {
    if let Some(event) = due.events.get(place) {
        line.acknowledged += event.acknowledged;
        line.failed += event.failed;
        line.refused += event.refused;
        line.unresolved += event.unresolved;
        line.response.merge(&event.response);
    }
    if let Some(event) = during.events.get(place) {
        let EventLineDuring {
            acknowledged,
            bytes,
            key_bytes,
        } = &mut line.during;
        *acknowledged += event.acknowledged;
        *bytes += event.bytes;
        *key_bytes += event.key_bytes;
    }
}

fn group_line(window: MemberWindow, lag: Option<&GroupLag>) -> GroupLine {
    let received = window.received;
    GroupLine {
        end_to_end: window.end_to_end,
        negative: window.negative,
        during: GroupDuring {
            records: received.records,
            bytes: received.bytes,
            again: received.again,
            corrupt: received.corrupt,
            foreign: received.foreign,
        },
        lag_records: lag.map(|lag| lag.lag_records),
        lag_us: lag.map(|lag| lag.lag_ns / 1_000),
        ..GroupLine::default()
    }
}
