//! How far a reader is behind a log: in records, and in time.
//!
//! In records: the log's end minus the position. In time: how long ago the log's end stood where the position is now. That needs the
//! ends of the past, which are kept once a look and interpolated between; it asks nothing of the records, so it is the same for groups
//! of ours and of others.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A reader's lag over all its partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Records, summed.
    pub records: u64,
    /// The longest of the partitions, in nanoseconds.
    pub ns: u64,
}

/// The past ends of the logs a reader reads, by partition.
#[derive(Clone, Debug, Default)]
pub struct LagClock<K> {
    ends: HashMap<K, Ends>,
}

/// The past ends of one log: (nanoseconds, offset), both rising.
#[derive(Clone, Debug, Default)]
struct Ends(VecDeque<(u64, i64)>);

impl<K: Eq + Hash> LagClock<K> {
    /// The reader stands at these positions of logs that end there: (partition, position, end). To be asked in order of time, about
    /// once a second: what passed between two looks is taken to have come evenly. What was written before the first look counts from it.
    pub fn look(&mut self, now_ns: u64, stands: impl IntoIterator<Item = (K, i64, i64)>) -> Lag {
        let mut lag = Lag::default();
        for (partition, position, end) in stands {
            let ends = self.ends.entry(partition).or_default();
            ends.note(now_ns, end);
            lag.records += (end - position).max(0).unsigned_abs();
            lag.ns = lag.ns.max(ends.behind_ns(now_ns, position));
        }
        lag
    }
}

impl Ends {
    fn note(&mut self, now_ns: u64, end: i64) {
        match self.0.back_mut() {
            // Of a log that stands still the last look counts: what comes next came after it.
            Some(last) if last.1 == end => last.0 = now_ns,
            // A log that was cut off begins anew.
            Some(last) if last.1 > end => {
                self.0.clear();
                self.0.push_back((now_ns, end));
            }
            _ => self.0.push_back((now_ns, end)),
        }
    }

    /// How long ago the end stood at `position`; 0 when nothing lies behind it.
    fn behind_ns(&mut self, now_ns: u64, position: i64) -> u64 {
        // Of the ends that the reader has passed only the last is of use.
        while self.0.len() > 1 && self.0[1].1 <= position {
            self.0.pop_front();
        }
        let Some(&(first_ns, first)) = self.0.front() else {
            return 0;
        };
        if self.0.back().is_some_and(|(_, end)| *end <= position) {
            return 0;
        }
        let passed_ns = match self.0.get(1) {
            Some(&(next_ns, next)) if first <= position => {
                let share = (position - first) as f64 / (next - first) as f64;
                first_ns + ((next_ns - first_ns) as f64 * share) as u64
            }
            _ => first_ns,
        };
        now_ns.saturating_sub(passed_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_S;

    /// A log of 100 records a second, and a reader that stands at `position` in each second.
    fn lags(positions: impl IntoIterator<Item = i64>) -> Vec<(u64, f64)> {
        let mut clock = LagClock::default();
        let look = |(second, position): (u64, i64)| {
            let lag = clock.look(
                second * NS_PER_S,
                [((0_u16, 0_u32), position, second as i64 * 100)],
            );
            (lag.records, lag.ns as f64 / NS_PER_S as f64)
        };
        (0_u64..).zip(positions).map(look).collect()
    }

    #[test]
    fn a_reader_that_stands_still_is_as_far_behind_as_it_has_stood() {
        assert_eq!(
            lags([0, 100, 150, 150, 150]),
            [(0, 0.0), (0, 0.0), (50, 0.5), (150, 1.5), (250, 2.5)]
        );
    }

    #[test]
    fn a_reader_that_catches_up_is_behind_by_what_it_has_not_read() {
        assert_eq!(
            lags([0, 0, 0, 150, 400]),
            [(0, 0.0), (100, 1.0), (200, 2.0), (150, 1.5), (0, 0.0)]
        );
    }

    #[test]
    fn a_log_that_was_quiet_ages_from_its_last_quiet_look() {
        let mut clock = LagClock::default();
        let mut at = |second: u64, end: i64| {
            let lag = clock.look(second * NS_PER_S, [(0, 10, end)]);
            (lag.records, lag.ns / NS_PER_S)
        };
        assert_eq!(
            [at(0, 10), at(50, 10), at(51, 11)],
            [(0, 0), (0, 0), (1, 1)]
        );
        // Cut off and written anew, as after an unclean election.
        assert_eq!([at(52, 5), at(53, 12)], [(0, 0), (2, 0)]);
    }

    #[test]
    fn what_was_there_before_counts_from_the_first_look() {
        let mut clock = LagClock::default();
        let mut at = |second: u64| clock.look(second * NS_PER_S, [(0, 3, 1_000)]);
        assert_eq!(at(7).ns, 0);
        assert_eq!((at(9).records, at(9).ns), (997, 0));
        let mut clock = LagClock::default();
        clock.look(7 * NS_PER_S, [(0, 3, 1_000)]);
        assert_eq!(clock.look(9 * NS_PER_S, [(0, 3, 1_100)]).ns, 2 * NS_PER_S);
    }
}
