//! Pools whose ids belong to those of another: products to merchants.
//!
//! Every id of the parent owns a range of the child's ids, in order: one, and of the rest a part as large as its share of the picks.
//! A child is picked by picking its parent first, and then one of the parent's range with the child's own skew. So where both are drawn
//! they match, an id has the same parent everywhere, and nothing is kept for each id.
//!
//! Heavier parents own more, and whosever a child is, it is as popular on average. So the skew of all children together is the
//! child's own (nearly; exactly so in the limit of large ranges) where it is uniform, hot or log-normal. By Zipf's law every range has a head of its own instead: the law
//! holds within each parent. Low ids are the popular ones within their parent only.

use super::pool::Pool;
use crate::rng::Stream;

/// The pools of a scenario, and to which each belongs.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    pools: Vec<Pool>,
    parents: Vec<Option<usize>>,
}

/// A parent's part of a child's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    /// How many ids come before it.
    before: u64,
    /// How many it has; at least 1.
    len: u64,
}

impl Pools {
    /// Pools with their parents, each of which comes before its children and has no more ids than they.
    pub(super) fn new(pools: Vec<(Pool, Option<usize>)>) -> Pools {
        let (pools, parents) = pools.into_iter().unzip();
        Pools { pools, parents }
    }

    /// How many pools there are.
    pub(super) fn len(&self) -> usize {
        self.pools.len()
    }

    /// The pool that a pool belongs to.
    pub(super) fn parent(&self, pool: usize) -> Option<usize> {
        self.parents[pool]
    }

    /// How many ids a pool has.
    pub(super) fn count(&self, pool: usize) -> u64 {
        self.pools[pool].count()
    }

    /// Draws an id of a pool; `of` tells the id of its parent, where it has one.
    #[inline(always)]
    pub(super) fn pick(&self, pool: usize, of: Option<u64>, rng: &mut Stream) -> u64 {
        match (self.parents[pool], of) {
            (Some(parent), Some(of)) => {
                let range = self.range(pool, parent, of);
                range.before + self.pools[pool].pick_of(range.len, rng)
            }
            _ => self.pools[pool].pick(rng),
        }
    }

    /// The id of `ancestor` that an id of `pool` belongs to; the id itself if they are the same pool. `None`: no ancestor.
    pub(super) fn owner(&self, pool: usize, id: u64, ancestor: usize) -> Option<u64> {
        if pool == ancestor {
            return Some(id);
        }
        let parent = self.parents[pool]?;
        self.owner(parent, self.parent_of(pool, parent, id), ancestor)
    }

    /// The share of picks that an id is expected to get; zero outside `1..=count`.
    pub(super) fn share(&self, pool: usize, id: u64) -> f64 {
        if self.parents[pool].is_none() {
            return self.pools[pool].share(id);
        }
        if id == 0 || id > self.count(pool) {
            return 0.0;
        }
        self.share_up_to(pool, id) - self.share_up_to(pool, id - 1)
    }

    /// The share of picks that the ids `1..=id` are expected to get; never falling.
    fn share_up_to(&self, pool: usize, id: u64) -> f64 {
        let Some(parent) = self.parents[pool] else {
            return self.pools[pool].share_up_to(id, self.count(pool));
        };
        if id == 0 {
            return 0.0;
        }
        let owner = self.parent_of(pool, parent, id);
        let range = self.range(pool, parent, owner);
        let to = self.share_up_to(parent, owner);
        // Exactly what the next range begins with, and nothing above it: or a rounding error could make a range empty.
        if id == range.before + range.len {
            return to;
        }
        let from = self.share_up_to(parent, owner - 1);
        let within = self.pools[pool].share_up_to(id - range.before, range.len);
        (from + (to - from) * within).min(to)
    }

    #[inline]
    fn range(&self, pool: usize, parent: usize, of: u64) -> Range {
        let before = self.before(pool, parent, of);
        Range {
            before,
            len: self.before(pool, parent, of + 1) - before,
        }
    }

    /// How many ids of `pool` belong to ids of its parent below this one.
    #[inline]
    fn before(&self, pool: usize, parent: usize, of: u64) -> u64 {
        let spare = self.count(pool).saturating_sub(self.count(parent));
        let below = of - 1;
        below + (spare as f64 * self.share_up_to(parent, below)) as u64
    }

    fn parent_of(&self, pool: usize, parent: usize, id: u64) -> u64 {
        let (mut low, mut high) = (1, self.count(parent));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.before(pool, parent, middle + 1) < id {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
