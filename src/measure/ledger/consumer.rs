//! The consumer's side: what each member of a group reads.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::Ledger;
use super::bin::Bin;
use super::lane::Found;
use crate::schedule::Identity;

/// How many bins of each producer a member keeps at hand; those it reads lie close together. A power of two.
const AT_HAND: usize = 8;

/// What a record turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The group's first sight of the event.
    First,
    /// The event again, at another offset.
    Duplicate,
    /// A record the group had read before: legitimate, after a rebalance.
    Reread,
    /// The stamp names an event that was never planned. Counted as corrupt.
    Unknown,
}

/// Tells the ledger what one member of a group reads. Used by that member's thread.
#[derive(Debug)]
pub struct LedgerConsumer {
    ledger: Arc<Ledger>,
    group: usize,
    /// By lane.
    at_hand: Vec<AtHand>,
}

impl LedgerConsumer {
    pub(super) fn new(ledger: Arc<Ledger>, group: usize) -> LedgerConsumer {
        LedgerConsumer {
            at_hand: ledger.lanes.iter().map(|_| Default::default()).collect(),
            ledger,
            group,
        }
    }

    /// [`Ledger::settled_ns`] of the member's group.
    pub fn settled_ns(&self, timed: &[bool]) -> Option<u64> {
        self.ledger.settled_ns(self.group, timed)
    }

    /// [`Ledger::note_log_start`].
    pub fn note_log_start(&self, topic: u16, partition: u32, start: i64) {
        self.ledger.note_log_start(topic, partition, start);
    }

    /// The group reads a record with a verified stamp.
    #[inline]
    pub fn consumed(&mut self, topic: u16, partition: u32, offset: i64, id: Identity) -> Seen {
        let group = &self.ledger.groups[self.group];
        let Some(place) = self.ledger.partition_of(topic, partition) else {
            return count(&group.corrupt, Seen::Unknown);
        };
        let track = &group.tracks[place];
        let ahead = track.advance(offset);
        let again = || {
            if ahead {
                count(&group.duplicated, Seen::Duplicate)
            } else {
                count(&group.reread, Seen::Reread)
            }
        };
        let (bin, index) = match find(&self.ledger, &mut self.at_hand, id) {
            Place::At(bin, index) => (bin, index),
            Place::Settled => return again(),
            Place::Never if ahead => return count(&group.corrupt, Seen::Unknown),
            Place::Never => return count(&group.reread, Seen::Reread),
        };
        let sight = bin.see(index, self.group);
        if sight.again {
            return again();
        }
        if let Some(low) = sight.acknowledged_at
            && low != offset as u32
        {
            track.seen_elsewhere(nearest(low, offset));
        }
        if ahead && track.is_reordered(id, self.ledger.shards) {
            group.reordered.fetch_add(1, Relaxed);
        }
        Seen::First
    }

    /// The group reads a record that carries our stamp and is not what we sent.
    pub fn corrupt(&mut self, topic: u16, partition: u32, offset: i64) {
        let group = &self.ledger.groups[self.group];
        self.other(topic, partition, offset, &group.corrupt);
    }

    /// The group reads a record that is not of this run.
    pub fn foreign(&mut self, topic: u16, partition: u32, offset: i64) {
        let group = &self.ledger.groups[self.group];
        self.other(topic, partition, offset, &group.foreign);
    }

    fn other(&self, topic: u16, partition: u32, offset: i64, counter: &AtomicU64) {
        let group = &self.ledger.groups[self.group];
        let ahead = self
            .ledger
            .partition_of(topic, partition)
            .is_none_or(|place| group.tracks[place].advance(offset));
        let counter = if ahead { counter } else { &group.reread };
        counter.fetch_add(1, Relaxed);
    }
}

enum Place<'a> {
    At(&'a Bin, usize),
    Settled,
    Never,
}

/// Recently used bins of a lane with their numbers, bin `n` at `n % AT_HAND`.
type AtHand = [Option<(u32, Arc<Bin>)>; AT_HAND];

#[inline]
fn find<'a>(ledger: &Ledger, at_hand: &'a mut [AtHand], id: Identity) -> Place<'a> {
    let Some((lane, cell)) = ledger.cell_of(id.flow, id.shard) else {
        return Place::Never;
    };
    let slot = &mut at_hand[lane][id.bin as usize % AT_HAND];
    if slot.as_ref().is_none_or(|(number, _)| *number != id.bin) {
        match ledger.lanes[lane].find(id.bin) {
            Found::Held(bin) => *slot = Some((id.bin, bin)),
            Found::Settled => return Place::Settled,
            Found::Never => return Place::Never,
        }
    }
    match slot {
        Some((_, bin)) => match bin.index(cell, id.ordinal) {
            Some(index) => Place::At(bin, index),
            None => Place::Never,
        },
        None => Place::Never,
    }
}

#[cold]
fn count(counter: &AtomicU64, seen: Seen) -> Seen {
    counter.fetch_add(1, Relaxed);
    seen
}

/// The offset nearest to `to` whose low half is `low`.
fn nearest(low: u32, to: i64) -> i64 {
    to + i64::from(low.wrapping_sub(to as u32) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_told_by_their_low_half() {
        for to in [0i64, 7, 1 << 32, (1 << 40) + 5] {
            for by in [-5i64, 0, 5, 1_000_000_000] {
                assert_eq!(nearest((to + by) as u32, to), to + by);
            }
        }
    }
}
