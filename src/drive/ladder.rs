//! A load whose rate changes while it runs: schedules that take over from one another at a bin's boundary.
//!
//! Whoever changes the rate makes the next schedule ready on a thread of its own, with a cursor for every producer that stands at its
//! beginning, and leaves it in the producers' inboxes together with the bin it is for. A producer looks into its inbox when it
//! enters a bin, and never waits. What was due before that bin is still sent as the old schedule has it, however late.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::source::Cursor;
use crate::scenario::Scenario;
use crate::schedule::{BIN_NS, FlowSchedule, Shards};

/// The inboxes of a run's producers. Clones share them.
#[derive(Clone)]
pub struct Ladder {
    shards: u32,
    /// By flow, then by producer.
    inboxes: Arc<Vec<Vec<Inbox>>>,
}

/// A schedule with its cursors, ready to take over.
pub struct Rung {
    /// By flow, then by producer.
    cursors: Vec<Vec<Cursor>>,
}

/// What is coming for one producer, in order of the bins.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<Mutex<VecDeque<(u32, Cursor)>>>);

impl Ladder {
    /// Empty inboxes for the producers of this scenario.
    pub fn new(scenario: &Scenario) -> Ladder {
        let producers = |count: u32| (0..count).map(|_| Inbox::default()).collect();
        let flows = scenario.flows.iter();
        Ladder {
            shards: scenario.shards,
            inboxes: Arc::new(flows.map(|flow| producers(flow.producers)).collect()),
        }
    }

    /// Makes schedules ready, one for each flow. Their time 0 is when they take over. Journeys under way then are walked through here,
    /// which takes its time.
    pub fn ready(&self, schedules: &[Arc<FlowSchedule>]) -> Rung {
        let flows = self.inboxes.iter().zip(schedules);
        let cursors = flows.map(|(producers, schedule)| {
            let step = producers.len() as u16;
            (0..step)
                .map(|first| {
                    let end = self.shards;
                    Cursor::new(schedule, Shards { first, step, end })
                })
                .collect()
        });
        Rung {
            cursors: cursors.collect(),
        }
    }

    /// Lets a rung take over from this bin on. Bins of rungs ascend.
    pub fn climb(&self, rung: Rung, bin: u32) {
        for (producers, cursors) in self.inboxes.iter().zip(rung.cursors) {
            for (inbox, cursor) in producers.iter().zip(cursors) {
                inbox.lock().push_back((bin, cursor.at(bin)));
            }
        }
    }

    /// The inbox of a producer of a flow.
    pub(super) fn inbox(&self, flow: usize, index: u32) -> Option<Inbox> {
        self.inboxes.get(flow)?.get(index as usize).cloned()
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(u32, Cursor)>> {
        // Nothing that holds the lock can leave half a value behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cursor that is to take over in this bin, or should have in one before.
    pub(super) fn take(&self, bin: u32) -> Option<Cursor> {
        let mut coming = self.lock();
        let mut taken = None;
        while coming.front().is_some_and(|(from, _)| *from <= bin) {
            taken = coming.pop_front().map(|(_, cursor)| cursor);
        }
        taken
    }

    /// Events expected in [from, to) by `now` and what takes over from it within.
    pub(super) fn expected(&self, now: &Cursor, from_ns: u64, to_ns: u64) -> f64 {
        let coming = self.lock();
        let mut sum = 0.0;
        let (mut cursor, mut at_ns) = (now, from_ns);
        for (bin, next) in coming.iter() {
            let until_ns = (u64::from(*bin) * BIN_NS).clamp(at_ns, to_ns);
            sum += cursor.expected(at_ns, until_ns);
            (cursor, at_ns) = (next, until_ns);
        }
        sum + cursor.expected(at_ns, to_ns)
    }
}
