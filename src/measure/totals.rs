//! What a whole run adds up to, per flow and per group.

use std::collections::BTreeMap;

use super::account::Account;
use super::histogram::TotalHistogram;
use super::summary::Summary;
use super::window::{PartitionCount, add_partitions};
use crate::target::Failure;

/// What became of a flow's events that came due in one phase of the run: the warm-up, or the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phase {
    /// Planned, sent, unsent; the rest is in `events` until [`Phase::account`] adds it.
    pub(super) offered: Account,
    /// Of each event of the flow, in the order of `FlowShape::events`.
    pub events: Vec<EventTotals>,
    /// Acknowledged − sent.
    pub service: TotalHistogram,
    /// Sent − due.
    pub send_delay: TotalHistogram,
}

/// What became of one kind of event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventTotals {
    /// Acknowledged.
    pub acknowledged: u64,
    /// Failed.
    pub failed: u64,
    /// Of the failed ones, those oversized on purpose that the target refused for their size.
    pub refused: u64,
    /// Unresolved.
    pub unresolved: u64,
    /// Bytes of the values of the acknowledged ones.
    pub bytes: u64,
    /// Bytes of the keys of the acknowledged ones.
    pub key_bytes: u64,
    /// Acknowledged − due. Empty outside the open model.
    pub response: TotalHistogram,
}

impl EventTotals {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &EventTotals) {
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.refused += other.refused;
        self.unresolved += other.unresolved;
        self.bytes += other.bytes;
        self.key_bytes += other.key_bytes;
        self.response.merge(&other.response);
    }

    /// Its response times. Events that were never rendered are of no kind yet, and lie beyond in their flow alone. Those refused as
    /// expected lie nowhere.
    pub fn response(&self) -> Summary {
        Summary::new(
            self.response.clone(),
            self.failed.saturating_sub(self.refused) + self.unresolved,
        )
    }
}

impl Phase {
    pub(super) fn new(events: usize) -> Phase {
        Phase {
            events: vec![EventTotals::default(); events],
            ..Phase::default()
        }
    }

    /// What became of its events.
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

    /// Bytes of the values and of the keys of the acknowledged ones.
    pub fn bytes(&self) -> (u64, u64) {
        self.events.iter().fold((0, 0), |(values, keys), event| {
            (values + event.bytes, keys + event.key_bytes)
        })
    }

    /// Response times: those of its events together; beyond lie all that were planned and not acknowledged, nor refused as expected.
    pub fn response(&self) -> Summary {
        let mut all = TotalHistogram::new();
        self.events
            .iter()
            .for_each(|event| all.merge(&event.response));
        let account = self.account();
        let ended = account.acknowledged + self.refused();
        Summary::new(all, account.planned.saturating_sub(ended))
    }

    /// Service times; beyond lie those sent and not acknowledged, nor refused as expected.
    pub fn service(&self) -> Summary {
        let account = self.account();
        Summary::new(
            self.service.clone(),
            account
                .sent
                .saturating_sub(account.acknowledged + self.refused()),
        )
    }

    /// Send delays; beyond lie those that were never sent.
    pub fn send_delay(&self) -> Summary {
        let account = self.account();
        Summary::new(
            self.send_delay.clone(),
            account.planned.saturating_sub(account.sent),
        )
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Phase) {
        self.offered += other.offered;
        self.events.resize(
            self.events.len().max(other.events.len()),
            EventTotals::default(),
        );
        for (mine, theirs) in self.events.iter_mut().zip(&other.events) {
            mine.merge(theirs);
        }
        self.service.merge(&other.service);
        self.send_delay.merge(&other.send_delay);
    }
}

/// What a flow adds up to: of one producer thread, or of several merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowTotals {
    /// Index of the flow.
    pub flow: usize,
    /// What came due in the warm-up.
    pub warmup: Phase,
    /// What came due after it: what SLOs are judged on by default.
    pub warm: Phase,
    /// Acknowledgements that came in during the warm-up, during the rest of the load, and after it, whenever they were due.
    pub acknowledged_during: [u64; 3],
    /// Acknowledgements by partition of all topics (`RunShape::partition_starts`).
    pub partitions: Vec<PartitionCount>,
    /// How often events failed, and why.
    pub errors: BTreeMap<Failure, u64>,
    /// Where this thread's windows ended: by due, and by instant.
    pub(super) ended: (u32, u32),
}

impl FlowTotals {
    /// The whole run: warm-up and the rest.
    pub fn all(&self) -> Phase {
        let mut all = self.warmup.clone();
        all.merge(&self.warm);
        all
    }

    /// Adds another thread's part of the same flow.
    pub fn merge(&mut self, other: &FlowTotals) {
        self.warmup.merge(&other.warmup);
        self.warm.merge(&other.warm);
        for (mine, theirs) in self
            .acknowledged_during
            .iter_mut()
            .zip(other.acknowledged_during)
        {
            *mine += theirs;
        }
        add_partitions(&mut self.partitions, &other.partitions);
        for (failure, n) in &other.errors {
            *self.errors.entry(*failure).or_default() += n;
        }
        self.ended = (
            self.ended.0.max(other.ended.0),
            self.ended.1.max(other.ended.1),
        );
    }
}

/// What a group adds up to: of one member, or of several merged. What it should have seen, the ledger knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupTotals {
    /// Index of the group.
    pub group: usize,
    /// What its members received.
    pub received: ReceivedCounts,
    /// End-to-end times of events due in the warm-up.
    pub warmup: EndToEnd,
    /// End-to-end times of events due after it.
    pub warm: EndToEnd,
}

/// Records received, by what they turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceivedCounts {
    /// All of them.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Events of ours that the group had seen before: duplicates and re-reads.
    pub again: u64,
    /// Records that carry our stamp and not what we sent.
    pub corrupt: u64,
    /// Records that are not of this run.
    pub foreign: u64,
}

impl ReceivedCounts {
    /// Adds what `other` counted.
    pub const fn add(&mut self, other: &ReceivedCounts) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.again += other.again;
        self.corrupt += other.corrupt;
        self.foreign += other.foreign;
    }
}

/// End-to-end times: received − due.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndToEnd {
    /// The times that are not negative.
    pub times: TotalHistogram,
    /// How many were negative: clocks that disagree, or a bug. Counted, never dropped or clamped.
    pub negative: u64,
}

impl EndToEnd {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &EndToEnd) {
        self.times.merge(&other.times);
        self.negative += other.negative;
    }

    /// Its figures, where `beyond` more events were acknowledged and not seen.
    pub fn summary(&self, beyond: u64) -> Summary {
        Summary::with_negative(self.times.clone(), beyond, self.negative)
    }
}

impl GroupTotals {
    /// The whole run: warm-up and the rest.
    pub fn all(&self) -> EndToEnd {
        let mut all = self.warmup.clone();
        all.merge(&self.warm);
        all
    }

    /// Adds another member's part of the same group.
    pub fn merge(&mut self, other: &GroupTotals) {
        self.received.add(&other.received);
        self.warmup.merge(&other.warmup);
        self.warm.merge(&other.warm);
    }
}
