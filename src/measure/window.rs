//! One second of one flow, as one producer thread saw it.
//!
//! There are two ways to file what happened. By due ([`DueWindow`]): what became of the events that came due in that second,
//! however long it took; latency is filed so, or a stalled second would look empty and good. By instant ([`DuringWindow`]):
//! what happened in that second, whenever it was due; throughput is filed so.

use std::collections::BTreeMap;

use super::account::Account;
use super::histogram::WindowHistogram;
use crate::target::Failure;

/// What a recorder hands over: one window of one flow.
///
/// Each producer thread hands over exactly one of either kind for every second up to its last.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowPart {
    /// Index of the flow.
    pub flow: usize,
    /// The window begins this many seconds after the load did.
    pub second: u32,
    /// What it holds.
    pub filed: Filed,
}

/// The two ways a window is filed.
#[derive(Clone, Debug, PartialEq)]
pub enum Filed {
    /// By the instant events came due.
    Due(DueWindow),
    /// By the instant things happened.
    During(DuringWindow),
}

/// What became of the events that came due in a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DueWindow {
    /// Planned, sent, unsent of the flow. The rest of the account is in `events` until [`DueWindow::account`] adds it.
    pub(super) offered: Account,
    /// Of each event of the flow, in the order of `FlowShape::events`.
    pub events: Vec<EventDue>,
    /// Acknowledged − sent.
    pub service: WindowHistogram,
    /// Sent − due.
    pub send_delay: WindowHistogram,
    /// Whether any of its events waited for room in the client's queue: then its send delay is the cluster's, not ours.
    pub queue_full: bool,
}

/// What became of one kind of event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventDue {
    /// Acknowledged.
    pub acknowledged: u64,
    /// Failed.
    pub failed: u64,
    /// Of the failed ones, those oversized on purpose that the target refused for their size.
    pub refused: u64,
    /// Unresolved.
    pub unresolved: u64,
    /// Acknowledged − due.
    pub response: WindowHistogram,
}

/// What happened in a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DuringWindow {
    /// Taken by the client.
    pub sent: u64,
    /// Failed.
    pub failed: u64,
    /// The same by the target's error.
    pub errors: BTreeMap<Failure, u64>,
    /// Acknowledged, of each event of the flow, in the order of `FlowShape::events`.
    pub events: Vec<EventDuring>,
    /// Acknowledged, by partition of all topics (`RunShape::partition_starts`).
    pub partitions: Vec<PartitionCount>,
}

/// Acknowledgements of one kind of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventDuring {
    /// How many.
    pub acknowledged: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Bytes of their keys.
    pub key_bytes: u64,
}

/// Acknowledgements of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionCount {
    /// How many.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
}

/// What both kinds of window can do.
pub(super) trait Window: Clone {
    /// Forgets everything, keeps its memory.
    fn clear(&mut self);
}

impl DueWindow {
    pub(super) fn new(events: usize) -> DueWindow {
        DueWindow {
            events: vec![EventDue::default(); events],
            ..DueWindow::default()
        }
    }

    /// What became of the flow's events of this window.
    pub fn account(&self) -> Account {
        let mut account = self.offered;
        for event in &self.events {
            account.acknowledged += event.acknowledged;
            account.failed += event.failed;
            account.unresolved += event.unresolved;
        }
        account
    }

    /// Of the failed ones, those oversized on purpose that the target refused for their size.
    pub fn refused(&self) -> u64 {
        self.events.iter().map(|event| event.refused).sum()
    }

    /// The flow's response times: those of its events together.
    pub fn response(&self) -> WindowHistogram {
        let mut all = WindowHistogram::new();
        self.events
            .iter()
            .for_each(|event| all.merge(&event.response));
        all
    }

    /// Adds another part of the same flow and second.
    pub fn merge(&mut self, other: &DueWindow) {
        self.offered += other.offered;
        self.events.resize(
            self.events.len().max(other.events.len()),
            EventDue::default(),
        );
        for (mine, theirs) in self.events.iter_mut().zip(&other.events) {
            mine.merge(theirs);
        }
        self.service.merge(&other.service);
        self.send_delay.merge(&other.send_delay);
        self.queue_full |= other.queue_full;
    }
}

impl EventDue {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &EventDue) {
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.refused += other.refused;
        self.unresolved += other.unresolved;
        self.response.merge(&other.response);
    }
}

impl Window for DueWindow {
    fn clear(&mut self) {
        self.offered = Account::default();
        for event in &mut self.events {
            (event.acknowledged, event.unresolved) = (0, 0);
            (event.failed, event.refused) = (0, 0);
            event.response.clear();
        }
        self.service.clear();
        self.send_delay.clear();
        self.queue_full = false;
    }
}

impl DuringWindow {
    pub(super) fn new(events: usize, partitions: usize) -> DuringWindow {
        DuringWindow {
            events: vec![EventDuring::default(); events],
            partitions: vec![PartitionCount::default(); partitions],
            ..DuringWindow::default()
        }
    }

    /// Acknowledgements of all its events.
    pub fn all(&self) -> EventDuring {
        let mut all = EventDuring::default();
        self.events.iter().for_each(|event| all.add(event));
        all
    }

    /// Adds another part of the same flow and second.
    pub fn merge(&mut self, other: &DuringWindow) {
        self.sent += other.sent;
        self.failed += other.failed;
        for (failure, n) in &other.errors {
            *self.errors.entry(*failure).or_default() += n;
        }
        self.events.resize(
            self.events.len().max(other.events.len()),
            EventDuring::default(),
        );
        for (mine, theirs) in self.events.iter_mut().zip(&other.events) {
            mine.add(theirs);
        }
        add_partitions(&mut self.partitions, &other.partitions);
    }
}

impl EventDuring {
    /// Adds what `other` counted.
    pub const fn add(&mut self, other: &EventDuring) {
        self.acknowledged += other.acknowledged;
        self.bytes += other.bytes;
        self.key_bytes += other.key_bytes;
    }
}

impl Window for DuringWindow {
    fn clear(&mut self) {
        (self.sent, self.failed) = (0, 0);
        self.errors.clear();
        self.events.fill(EventDuring::default());
        self.partitions.fill(PartitionCount::default());
    }
}

/// Adds partition by partition.
pub(super) fn add_partitions(mine: &mut Vec<PartitionCount>, theirs: &[PartitionCount]) {
    mine.resize(mine.len().max(theirs.len()), PartitionCount::default());
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        mine.records += theirs.records;
        mine.bytes += theirs.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn window()(times in prop::collection::vec((0..2_usize, 0..10_000_000_u64), 0..30), failed in 0..9_u64, full: bool) -> DueWindow {
            let mut w = DueWindow::new(2);
            for (event, us) in times {
                w.offered.planned += 1;
                w.offered.sent += 1;
                w.events[event].acknowledged += 1;
                w.events[event].response.record_us(us);
                w.service.record_us(us / 2);
                w.send_delay.record_us(us / 2);
            }
            w.offered.planned += failed;
            w.offered.sent += failed;
            w.events[0].failed += failed;
            w.queue_full = full;
            w
        }
    }

    proptest! {
        #[test]
        fn merging_is_associative_and_closes(a in window(), b in window(), c in window()) {
            let mut left = a.clone();
            left.merge(&b);
            left.merge(&c);
            let mut tail = b.clone();
            tail.merge(&c);
            let mut right = a.clone();
            right.merge(&tail);
            prop_assert_eq!(&left, &right);
            prop_assert_eq!(left.account().check(), Ok(()));
            prop_assert_eq!(left.response().count(), left.account().acknowledged);
        }
    }

    #[test]
    fn a_cleared_window_is_as_new() {
        let mut w = DueWindow::new(2);
        w.events[1].response.record_us(77);
        w.events[1].unresolved = 3;
        w.send_delay.record_us(1);
        w.queue_full = true;
        w.clear();
        assert_eq!(w, DueWindow::new(2));
        let mut d = DuringWindow::new(1, 2);
        d.partitions[1].records = 9;
        d.sent = 1;
        d.errors.insert(Failure(7), 2);
        d.clear();
        assert_eq!(d, DuringWindow::new(1, 2));
    }
}
