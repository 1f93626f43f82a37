//! What one member of a consumer group records. No locks, and no allocation per record once warm.
//!
//! A consumer can't know whether more records of a second are to come: they may lie in another partition, or minutes behind.
//! So a member hands over what it has about once a second, as often as it takes, and says up to which second nothing more
//! will come; the collector adds the parts and holds a second's line until every member has said so.

use std::collections::HashMap;
use std::sync::Arc;

use super::histogram::{WindowHistogram, micros};
use super::shape::{RunShape, second_of};
use super::totals::{EndToEnd, GroupTotals, ReceivedCounts};

/// What a member hands over; parts of the same second add up.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberPart {
    /// Index of the group.
    pub group: usize,
    /// The member's number among all members of all groups.
    pub member: usize,
    /// Windows in which something was recorded since the last part.
    pub windows: Vec<(u32, MemberWindow)>,
    /// Nothing more will come from this member for seconds before this one.
    pub settled: u32,
}

/// What a member saw of one second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberWindow {
    /// Received − due of the events that came due in that second.
    pub end_to_end: WindowHistogram,
    /// How many of these were negative.
    pub negative: u64,
    /// What was received in that second, whenever it was due.
    pub received: ReceivedCounts,
}

impl MemberWindow {
    /// Adds another part of the same group and second.
    pub fn merge(&mut self, other: &MemberWindow) {
        self.end_to_end.merge(&other.end_to_end);
        self.negative += other.negative;
        self.received.add(&other.received);
    }

    fn clear(&mut self) {
        self.end_to_end.clear();
        self.negative = 0;
        self.received = ReceivedCounts::default();
    }
}

/// What a received record turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// An event of ours, seen for the first time; due at this instant, where that is known and was on our clock.
    First {
        /// Nanoseconds since the start of the load.
        due_ns: Option<u64>,
    },
    /// An event of ours that the group had seen: a duplicate or a re-read. Not timed again.
    Again,
    /// Carrying our stamp and not what we sent.
    Corrupt,
    /// Not of this run.
    Foreign,
}

/// Records what one member receives. All instants are nanoseconds since the start of the load.
pub struct ConsumerRecorder {
    group: usize,
    member: usize,
    warm_from_ns: u64,
    received: ReceivedCounts,
    /// Warm-up and the rest.
    phases: [EndToEnd; 2],
    windows: Vec<MemberWindow>,
    /// Where each second's window lies in `windows`, for the seconds touched since the last part.
    places: HashMap<u32, u32>,
    /// The seconds asked for last and where they lie: one for due instants, one for the present.
    last: [(u32, u32); 2],
}

/// No second was asked for yet.
const NOBODY: (u32, u32) = (u32::MAX, 0);

impl ConsumerRecorder {
    /// A recorder for a member of group number `group`; `member` is its number among all members of all groups.
    pub fn new(shape: &Arc<RunShape>, group: usize, member: usize) -> ConsumerRecorder {
        ConsumerRecorder {
            group,
            member,
            warm_from_ns: shape.warm_from_ns(),
            received: ReceivedCounts::default(),
            phases: Default::default(),
            windows: Vec::new(),
            places: HashMap::new(),
            last: [NOBODY; 2],
        }
    }

    /// A record came in at `at_ns`.
    #[inline]
    pub fn received(&mut self, at_ns: u64, value_bytes: u32, what: Received) {
        let counts = ReceivedCounts {
            records: 1,
            bytes: u64::from(value_bytes),
            again: u64::from(what == Received::Again),
            corrupt: u64::from(what == Received::Corrupt),
            foreign: u64::from(what == Received::Foreign),
        };
        self.received.add(&counts);
        self.window(second_of(at_ns), 0).received.add(&counts);
        if let Received::First {
            due_ns: Some(due_ns),
        } = what
        {
            self.time(due_ns, at_ns);
        }
    }

    #[inline]
    fn time(&mut self, due_ns: u64, at_ns: u64) {
        let phase = usize::from(due_ns >= self.warm_from_ns);
        let Some(ns) = at_ns.checked_sub(due_ns) else {
            self.phases[phase].negative += 1;
            self.window(second_of(due_ns), 1).negative += 1;
            return;
        };
        let us = micros(ns);
        self.phases[phase].times.record_us(us);
        self.window(second_of(due_ns), 1).end_to_end.record_us(us);
    }

    #[inline]
    fn window(&mut self, second: u32, kind: usize) -> &mut MemberWindow {
        if self.last[kind].0 != second {
            let next = self.places.len() as u32;
            let place = *self.places.entry(second).or_insert(next);
            if place as usize == self.windows.len() {
                self.windows.push(MemberWindow::default());
            }
            self.last[kind] = (second, place);
        }
        &mut self.windows[self.last[kind].1 as usize]
    }

    /// Hands over what was recorded since the last call; about once a second. No event that was due before `settled_ns` will
    /// be seen by the group for the first time any more: ask the ledger *before* this call. Without stamps, that is the present.
    pub fn close(&mut self, now_ns: u64, settled_ns: u64, sink: &mut dyn FnMut(MemberPart)) {
        self.hand_over(second_of(settled_ns.min(now_ns)), sink);
    }

    /// Hands over the rest and yields the totals.
    pub fn finish(mut self, sink: &mut dyn FnMut(MemberPart)) -> GroupTotals {
        self.hand_over(u32::MAX, sink);
        let [warmup, warm] = self.phases;
        GroupTotals {
            group: self.group,
            received: self.received,
            warmup,
            warm,
        }
    }

    fn hand_over(&mut self, settled: u32, sink: &mut dyn FnMut(MemberPart)) {
        let windows = &mut self.windows;
        let mut parts: Vec<(u32, MemberWindow)> = self
            .places
            .drain()
            .map(|(second, place)| {
                let window = &mut windows[place as usize];
                let part = window.clone();
                window.clear();
                (second, part)
            })
            .collect();
        parts.sort_unstable_by_key(|(second, _)| *second);
        self.last = [NOBODY; 2];
        sink(MemberPart {
            group: self.group,
            member: self.member,
            windows: parts,
            settled,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_S;

    fn recorder() -> ConsumerRecorder {
        let shape = RunShape {
            warmup_ns: NS_PER_S,
            ..RunShape::default()
        };
        ConsumerRecorder::new(&Arc::new(shape), 3, 7)
    }

    fn first(due_ns: u64) -> Received {
        Received::First {
            due_ns: Some(due_ns),
        }
    }

    #[test]
    fn times_are_filed_by_due_and_counts_by_receipt() {
        let mut r = recorder();
        r.received(2_500_000_000, 100, first(500_000_000));
        r.received(2_600_000_000, 100, first(2_000_000_000));
        let mut parts = Vec::new();
        r.close(3 * NS_PER_S, 600_000_000, &mut |part| parts.push(part));
        r.received(3_100_000_000, 50, first(2_900_000_000));
        let totals = r.finish(&mut |part| parts.push(part));
        assert_eq!(
            parts.iter().map(|p| p.settled).collect::<Vec<_>>(),
            [0, u32::MAX]
        );
        let mut by_second: HashMap<u32, MemberWindow> = HashMap::new();
        for (second, window) in parts.iter().flat_map(|p| &p.windows) {
            by_second.entry(*second).or_default().merge(window);
        }
        let figures = |s: u32| {
            (
                by_second[&s].end_to_end.count(),
                by_second[&s].received.records,
                by_second[&s].received.bytes,
            )
        };
        assert_eq!(
            [figures(0), figures(2), figures(3)],
            [(1, 0, 0), (2, 2, 200), (0, 1, 50)]
        );
        assert_eq!(
            (totals.warmup.times.count(), totals.warm.times.count()),
            (1, 2)
        );
        assert_eq!((totals.received.records, totals.received.bytes), (3, 250));
    }

    #[test]
    fn zero_and_negative_times_are_counted_and_not_clamped() {
        let mut r = recorder();
        r.received(NS_PER_S, 1, first(NS_PER_S));
        r.received(NS_PER_S, 1, first(NS_PER_S + 400));
        r.received(NS_PER_S, 1, first(4 * NS_PER_S));
        let totals = r.finish(&mut |_| {});
        let all = totals.all();
        assert_eq!(
            (all.times.count(), all.times.zeros(), all.negative),
            (1, 1, 2)
        );
        let summary = all.summary(0);
        assert_eq!((summary.count, summary.negative), (1, 2));
    }

    #[test]
    fn what_is_not_a_first_sight_is_counted_and_not_timed() {
        let mut r = recorder();
        for what in [
            Received::Again,
            Received::Corrupt,
            Received::Foreign,
            Received::First { due_ns: None },
        ] {
            r.received(0, 10, what);
        }
        let totals = r.finish(&mut |_| {});
        let expected = ReceivedCounts {
            records: 4,
            bytes: 40,
            again: 1,
            corrupt: 1,
            foreign: 1,
        };
        assert_eq!(totals.received, expected);
        assert!(totals.all().times.is_empty());
    }

    #[test]
    fn windows_are_reused() {
        let mut r = recorder();
        for second in 0..500_u64 {
            r.received(second * NS_PER_S + 5, 1, first(second * NS_PER_S));
            r.received(
                (second + 1) * NS_PER_S - 1,
                1,
                first(second.saturating_sub(2) * NS_PER_S),
            );
            r.close((second + 1) * NS_PER_S, second * NS_PER_S, &mut |_| {});
        }
        assert!(r.windows.len() <= 3, "{} windows", r.windows.len());
    }
}
