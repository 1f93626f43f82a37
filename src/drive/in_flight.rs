//! The events handed to a client and not yet answered: a table whose index travels as the client's token.

use std::collections::VecDeque;

use crate::schedule::{BIN_NS, Identity};

/// What has to be remembered of an event until its acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) id: Identity,
    pub(super) due_ns: u64,
    pub(super) sent_ns: u64,
    pub(super) event: u16,
    pub(super) topic: u16,
    pub(super) partition: u32,
    pub(super) key_bytes: u32,
    pub(super) value_bytes: u32,
}

impl Entry {
    /// The instant its times count from. Without a schedule nothing is due: the time from the actual send is all there is.
    #[inline]
    pub(super) fn timed_from(&self, has_due: bool) -> u64 {
        if has_due { self.due_ns } else { self.sent_ns }
    }
}

/// The table. Grows to the most that was ever open at once; freed places are used again.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// For each bin from `first_bin`: how many events due in it are open, and the earliest due of those that came.
    bins: VecDeque<(u32, u64)>,
    first_bin: u64,
}

impl InFlight {
    /// Keeps an event; the token finds it again.
    #[inline]
    pub(super) fn insert(&mut self, entry: Entry) -> u32 {
        self.open_bin(entry.due_ns);
        match self.free.pop() {
            Some(token) => {
                self.entries[token as usize] = entry;
                token
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        }
    }

    /// Notes when an event was handed over.
    #[inline]
    pub(super) fn mark_sent(&mut self, token: u32, sent_ns: u64) -> &Entry {
        let entry = &mut self.entries[token as usize];
        entry.sent_ns = sent_ns;
        entry
    }

    /// An open event.
    pub(super) fn get(&self, token: u32) -> &Entry {
        &self.entries[token as usize]
    }

    /// Takes an event out; its token may be given to another from now on.
    #[inline]
    pub(super) fn remove(&mut self, token: u32) -> Entry {
        let entry = self.entries[token as usize];
        self.free.push(token);
        let index = (entry.due_ns / BIN_NS - self.first_bin) as usize;
        self.bins[index].0 -= 1;
        while self.bins.len() > 1 && self.bins[0].0 == 0 {
            self.bins.pop_front();
            self.first_bin += 1;
        }
        entry
    }

    /// Takes out all that are open.
    pub(super) fn drain(&mut self) -> Vec<Entry> {
        let mut is_free = vec![false; self.entries.len()];
        for token in self.free.drain(..) {
            is_free[token as usize] = true;
        }
        self.bins.clear();
        let entries = self.entries.drain(..).zip(is_free);
        entries
            .filter_map(|(entry, is_free)| (!is_free).then_some(entry))
            .collect()
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// The due instant of the oldest open event, at most a bin too early.
    pub(super) fn oldest_due_ns(&self) -> Option<u64> {
        self.bins
            .iter()
            .find(|(open, _)| *open > 0)
            .map(|(_, first_due)| *first_due)
    }

    fn open_bin(&mut self, due_ns: u64) {
        let bin = due_ns / BIN_NS;
        if self.bins.is_empty() || (self.len() == 0 && bin > self.first_bin) {
            self.bins.clear();
            self.first_bin = bin;
        }
        while bin < self.first_bin {
            self.bins.push_front((0, u64::MAX));
            self.first_bin -= 1;
        }
        let index = (bin - self.first_bin) as usize;
        while self.bins.len() <= index {
            self.bins.push_back((0, u64::MAX));
        }
        let slot = &mut self.bins[index];
        slot.1 = if slot.0 == 0 {
            due_ns
        } else {
            slot.1.min(due_ns)
        };
        slot.0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(due_ns: u64) -> Entry {
        let id = Identity {
            flow: 0,
            shard: 0,
            bin: (due_ns / BIN_NS) as u32,
            ordinal: 0,
        };
        Entry {
            id,
            due_ns,
            sent_ns: 0,
            event: 0,
            topic: 0,
            partition: 0,
            key_bytes: 0,
            value_bytes: 0,
        }
    }

    #[test]
    fn places_are_used_again_and_the_oldest_is_known() {
        let mut table = InFlight::default();
        let a = table.insert(entry(5));
        let b = table.insert(entry(3 * BIN_NS + 7));
        assert_eq!((table.len(), table.oldest_due_ns()), (2, Some(5)));
        assert_eq!(table.remove(a).due_ns, 5);
        assert_eq!(table.oldest_due_ns(), Some(3 * BIN_NS + 7));
        let c = table.insert(entry(4 * BIN_NS));
        assert_eq!(c, a, "the freed place is used again");
        table.remove(b);
        table.remove(c);
        assert_eq!((table.len(), table.oldest_due_ns()), (0, None));
    }

    #[test]
    fn all_that_is_open_is_taken_out() {
        let mut table = InFlight::default();
        let tokens: Vec<u32> = (0..5)
            .map(|bin| table.insert(entry(bin * BIN_NS)))
            .collect();
        table.remove(tokens[1]);
        table.remove(tokens[4]);
        let bins: Vec<u32> = table.drain().iter().map(|entry| entry.id.bin).collect();
        assert_eq!(bins, [0, 2, 3]);
        assert_eq!((table.len(), table.oldest_due_ns()), (0, None));
        let token = table.insert(entry(7 * BIN_NS));
        assert_eq!(table.remove(token).id.bin, 7, "it can be used again");
    }

    #[test]
    fn an_empty_table_leaps_over_idle_time_without_growing() {
        let mut table = InFlight::default();
        for hour in 0..100 {
            let token = table.insert(entry(hour * 36_000 * BIN_NS));
            table.remove(token);
        }
        assert_eq!(table.bins.len(), 1);
    }

    #[test]
    fn an_earlier_bin_may_come_after_a_later_one() {
        let mut table = InFlight::default();
        let late = table.insert(entry(9 * BIN_NS));
        let early = table.insert(entry(2 * BIN_NS));
        assert_eq!(table.oldest_due_ns(), Some(2 * BIN_NS));
        table.remove(early);
        assert_eq!(table.oldest_due_ns(), Some(9 * BIN_NS));
        table.remove(late);
    }
}
