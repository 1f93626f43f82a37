//! Which events of one bin were acknowledged, and which each group has seen: bits, shared without a lock.
//!
//! The bits of 64 events stand side by side, so that all that is known of an event lies in a cache line or two:
//!
//! ```text
//! | acknowledged | owed to group 0 | seen by group 0 | owed to group 1 | seen by group 1 | ...
//! ```
//!
//! *Owed* to a group is what may be in a log the group reads: acknowledged, failed or unresolved. The producer's thread alone
//! writes `acknowledged` and `owed`; any member's thread writes `seen`.

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::schedule::Arrival;

/// One bin of one producer's shards.
#[derive(Debug)]
pub(super) struct Bin {
    /// Where each cell's events begin; one more entry than cells.
    base: Box<[u32]>,
    words: Box<[AtomicU64]>,
    /// The low half of each acknowledged event's offset.
    offsets: Box<[AtomicU32]>,
    groups: usize,
}

/// What a member learns as it sees an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// Its group had seen the event before.
    pub again: bool,
    /// The low half of the offset the event was acknowledged at, if that is known by now.
    pub acknowledged_at: Option<u32>,
}

/// Events of a bin, as one group counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub acknowledged: u64,
    pub consumed: u64,
    pub consumed_unacknowledged: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.acknowledged += other.acknowledged;
        self.consumed += other.consumed;
        self.consumed_unacknowledged += other.consumed_unacknowledged;
    }
}

impl Bin {
    /// A bin of these arrivals, whose shards are `step` apart: the cell of shard `s` is `s / step`.
    pub fn new(arrivals: &[Arrival], cells: usize, step: u32, groups: usize) -> Bin {
        let mut base = vec![0u32; cells + 1].into_boxed_slice();
        for arrival in arrivals {
            base[(u32::from(arrival.shard) / step) as usize + 1] += 1;
        }
        for cell in 0..cells {
            base[cell + 1] += base[cell];
        }
        let words = arrivals.len().div_ceil(64) * (1 + 2 * groups);
        Bin {
            base,
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            offsets: (0..arrivals.len()).map(|_| AtomicU32::new(0)).collect(),
            groups,
        }
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The index of an event; `None` when the bin has no such event.
    #[inline]
    pub fn index(&self, cell: u32, ordinal: u32) -> Option<usize> {
        let from = *self.base.get(cell as usize)?;
        let to = *self.base.get(cell as usize + 1)?;
        (ordinal < to - from).then(|| (from + ordinal) as usize)
    }

    /// Notes that the event may be in a log this group reads. Only the producer's thread may.
    #[inline]
    pub fn owe(&self, index: usize, group: usize) {
        let (word, bit) = self.place(index, 1 + 2 * group);
        word.store(word.load(Relaxed) | bit, Relaxed);
    }

    /// Notes the event's acknowledgement. Only the producer's thread may.
    ///
    /// Of two threads that acknowledge and see an event at the same moment at least one learns of the other: each writes
    /// its bit, then reads the other's, all in one total order.
    #[inline]
    pub fn acknowledge(&self, index: usize, offset: i64) {
        self.offsets[index].store(offset as u32, Relaxed);
        let (word, bit) = self.place(index, 0);
        word.fetch_or(bit, SeqCst);
    }

    /// Whether the group has seen the event.
    #[inline]
    pub fn was_seen(&self, index: usize, group: usize) -> bool {
        let (word, bit) = self.place(index, 2 + 2 * group);
        word.load(SeqCst) & bit != 0
    }

    /// Notes that the group sees the event.
    #[inline]
    pub fn see(&self, index: usize, group: usize) -> Sight {
        let (word, bit) = self.place(index, 2 + 2 * group);
        let again = word.fetch_or(bit, SeqCst) & bit != 0;
        let (word, bit) = self.place(index, 0);
        let acknowledged = word.load(SeqCst) & bit != 0;
        Sight {
            again,
            acknowledged_at: acknowledged.then(|| self.offsets[index].load(Relaxed)),
        }
    }

    /// Whether every group has seen all it is owed. `from` is the block to look from, and is moved on: once the producer
    /// knows the end of all events, what is settled stays so.
    pub fn is_settled(&self, from: &mut usize) -> bool {
        let unsettled = |block: &[AtomicU64]| {
            block[1..].chunks_exact(2).any(|pair| {
                let (owed, seen) = (pair[0].load(Relaxed), pair[1].load(Acquire));
                owed & !seen != 0
            })
        };
        for block in self.blocks().skip(*from) {
            if unsettled(block) {
                return false;
            }
            *from += 1;
        }
        true
    }

    /// Its events, as the group counts them now.
    pub fn tally(&self, group: usize) -> Tally {
        let mut tally = Tally::default();
        for block in self.blocks() {
            let acknowledged = block[0].load(Acquire);
            let owed = block[1 + 2 * group].load(Relaxed);
            let seen = block[2 + 2 * group].load(Acquire);
            tally.acknowledged += u64::from((acknowledged & owed).count_ones());
            tally.consumed += u64::from((acknowledged & owed & seen).count_ones());
            tally.consumed_unacknowledged += u64::from((seen & !acknowledged).count_ones());
        }
        tally
    }

    fn blocks(&self) -> impl Iterator<Item = &[AtomicU64]> {
        self.words.chunks_exact(1 + 2 * self.groups)
    }

    #[inline]
    fn place(&self, index: usize, row: usize) -> (&AtomicU64, u64) {
        (
            &self.words[index / 64 * (1 + 2 * self.groups) + row],
            1 << (index % 64),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(groups: usize) -> Bin {
        // Producer 1 of 3 with shards 1, 4, 7: two events in shard 1, none in 4, one hundred in 7.
        let mut arrivals = Vec::new();
        for (shard, count) in [(1, 2), (7, 100)] {
            arrivals.extend((0..count).map(|ordinal| Arrival {
                due_ns: u64::from(ordinal),
                shard,
                event: 0,
                ordinal,
            }));
        }
        Bin::new(&arrivals, 3, 3, groups)
    }

    #[test]
    fn every_event_has_its_own_index() {
        let bin = bin(1);
        let mut indices: Vec<usize> = (0..4)
            .flat_map(|cell| (0..101).map(move |ordinal| (cell, ordinal)))
            .filter_map(|(cell, ordinal)| bin.index(cell, ordinal))
            .collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..102).collect::<Vec<_>>());
    }

    #[test]
    fn a_group_settles_by_what_it_is_owed_alone() {
        let bin = bin(2);
        let mut from = 0;
        assert!(bin.is_settled(&mut from));
        from = 0;
        bin.owe(70, 0);
        assert!(!bin.is_settled(&mut from));
        assert_eq!(from, 1, "the first 64 are done with");
        bin.acknowledge(70, 5);
        bin.see(70, 1);
        assert!(!bin.is_settled(&mut from));
        assert_eq!(
            bin.see(70, 0),
            Sight {
                again: false,
                acknowledged_at: Some(5)
            }
        );
        assert!(bin.see(70, 0).again);
        assert!(bin.is_settled(&mut from));
        assert_eq!(
            bin.tally(0),
            Tally {
                acknowledged: 1,
                consumed: 1,
                consumed_unacknowledged: 0
            }
        );
    }
}
