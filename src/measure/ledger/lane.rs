//! The bins of one producer that are not settled yet, and the sums of those that are.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError, RwLock};

use super::bin::{Bin, Tally};

/// The number of a bin that never comes.
pub(super) const NEVER: u32 = u32::MAX;

/// The bins of one producer.
#[derive(Debug)]
pub(super) struct Lane {
    /// The producer's first shard; equal to its index.
    pub first: u32,
    /// How far apart its shards are: how many producers the flow has.
    pub step: u32,
    /// How many shards it has.
    pub cells: usize,
    bins: RwLock<Bins>,
    ended_before: AtomicU32,
}

#[derive(Debug)]
struct Bins {
    /// The number of the bin at the front of `held`.
    first: u32,
    /// Bins without events, and settled ones, are `None`.
    held: VecDeque<Option<Arc<Bin>>>,
    /// By group, what the settled ones came to.
    settled: Vec<Tally>,
}

/// What is known of a bin.
#[derive(Debug)]
pub(super) enum Found {
    /// Something of it is open.
    Held(Arc<Bin>),
    /// All of it was seen by all, or it had no events.
    Settled,
    /// The producer has not come to it.
    Never,
}

impl Lane {
    pub fn new(first: u32, step: u32, shards: u32, groups: usize) -> Lane {
        Lane {
            first,
            step,
            cells: shards.saturating_sub(first).div_ceil(step) as usize,
            bins: RwLock::new(Bins {
                first: 0,
                held: VecDeque::new(),
                settled: vec![Tally::default(); groups],
            }),
            ended_before: AtomicU32::new(0),
        }
    }

    /// Adds the bin of this number, the highest so far. Returns false, and adds nothing, when it is not.
    pub fn open(&self, number: u32, bin: Arc<Bin>) -> bool {
        let mut bins = self.bins.write().unwrap_or_else(PoisonError::into_inner);
        let Some(ahead) = number.checked_sub(bins.first).map(|n| n as usize) else {
            return false;
        };
        if ahead < bins.held.len() {
            return false;
        }
        if bins.held.is_empty() {
            bins.first = number;
        } else {
            bins.held.resize(ahead, None);
        }
        bins.held.push_back(Some(bin));
        true
    }

    /// Looks a bin up.
    pub fn find(&self, number: u32) -> Found {
        let bins = self.bins.read().unwrap_or_else(PoisonError::into_inner);
        let Some(ahead) = number.checked_sub(bins.first) else {
            return Found::Settled;
        };
        match bins.held.get(ahead as usize) {
            Some(Some(bin)) => Found::Held(Arc::clone(bin)),
            Some(None) => Found::Settled,
            None => Found::Never,
        }
    }

    /// Takes a bin out of which nothing more is expected, and keeps its sums.
    pub fn settle(&self, number: u32) {
        let mut bins = self.bins.write().unwrap_or_else(PoisonError::into_inner);
        let bins = &mut *bins;
        let Some(bin) = number
            .checked_sub(bins.first)
            .and_then(|ahead| bins.held.get_mut(ahead as usize))
            .and_then(Option::take)
        else {
            return;
        };
        for (group, sum) in bins.settled.iter_mut().enumerate() {
            *sum += bin.tally(group);
        }
        while let Some(None) = bins.held.front() {
            bins.held.pop_front();
            bins.first += 1;
        }
    }

    /// All events of bins before this one have ended, and their offsets are known to all.
    pub fn ended_before(&self) -> u32 {
        self.ended_before.load(SeqCst)
    }

    /// Notes that all events of bins before this one have ended.
    pub fn end_before(&self, number: u32) {
        self.ended_before.store(number, SeqCst);
    }

    /// All its events, as the group counts them now.
    pub fn tally(&self, group: usize) -> Tally {
        let bins = self.bins.read().unwrap_or_else(PoisonError::into_inner);
        let mut sum = bins.settled[group];
        for bin in bins.held.iter().flatten() {
            sum += bin.tally(group);
        }
        sum
    }

    /// By bin that is not settled, how many of its acknowledged events the group has not seen.
    pub fn unseen(&self, group: usize) -> Vec<(u32, u64)> {
        let bins = self.bins.read().unwrap_or_else(PoisonError::into_inner);
        let numbered = (bins.first..).zip(&bins.held);
        let unseen = |(number, bin): (u32, &Option<Arc<Bin>>)| {
            let tally = bin.as_ref()?.tally(group);
            Some((number, tally.acknowledged - tally.consumed))
        };
        numbered.filter_map(unseen).collect()
    }

    /// How many bins are not settled.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        let bins = self.bins.read().unwrap_or_else(PoisonError::into_inner);
        bins.held.iter().flatten().count()
    }
}
