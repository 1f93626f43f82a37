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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use crate::scenario::Skew;

    /// Merchants, their products, and the products' variants.
    fn pools(merchants: u64, products: u64, variants: u64, skew: Skew) -> Pools {
        Pools::new(vec![
            (Pool::new(merchants, Skew::LogNormal(2.5)), None),
            (Pool::new(products, skew), Some(0)),
            (Pool::new(variants, skew), Some(1)),
        ])
    }

    const SKEWS: [Skew; 4] = [
        Skew::Uniform,
        Skew::Zipf(0.9),
        Skew::LogNormal(1.9),
        Skew::Hot {
            share: 0.8,
            of: 0.2,
        },
    ];

    #[test]
    fn every_id_belongs_to_whom_it_is_drawn_for() {
        for skew in SKEWS {
            let pools = pools(300, 2_000, 5_000, skew);
            let mut next = 1;
            for merchant in 1..=300 {
                let range = pools.range(1, 0, merchant);
                assert_eq!((range.before + 1, range.len > 0), (next, true), "no gap");
                next += range.len;
                for id in range.before + 1..next {
                    assert_eq!(pools.owner(1, id, 0), Some(merchant));
                }
            }
            assert_eq!(next, 2_001, "all are owned");
            let mut rng = stream(1, Purpose::Test, 0, 0);
            for _ in 0..2_000 {
                let merchant = pools.pick(0, None, &mut rng);
                let product = pools.pick(1, Some(merchant), &mut rng);
                let variant = pools.pick(2, Some(product), &mut rng);
                assert_eq!(pools.owner(1, product, 0), Some(merchant));
                assert_eq!(pools.owner(2, variant, 1), Some(product));
                assert_eq!(pools.owner(2, variant, 0), Some(merchant));
            }
            assert_eq!(pools.owner(0, 1, 2), None);
        }
    }

    #[test]
    fn heavier_parents_own_more() {
        let pools = pools(10_000, 1_800_000, 1_800_000, Skew::Uniform);
        let owned: Vec<u64> = (1..=10_000).map(|id| pools.range(1, 0, id).len).collect();
        // One each, and of the other 1,790,000 their share, rounded.
        for id in [1, 10, 100, 5_000, 10_000] {
            let share = 1.0 + 1_790_000.0 * pools.share(0, id);
            assert!((owned[id as usize - 1] as f64 - share).abs() <= 1.0, "{id}");
        }
        assert!(owned[0] > 1_000 * owned[9_999], "{owned:?}");
    }

    /// Chi-square over all ids of a child.
    #[test]
    fn picks_follow_the_shares() {
        for (seed, skew) in SKEWS.into_iter().enumerate() {
            let pools = pools(20, 400, 400, skew);
            let shares: Vec<f64> = (1..=400).map(|id| pools.share(1, id)).collect();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            assert_eq!((pools.share(1, 0), pools.share(1, 401)), (0.0, 0.0));
            let picks = 1_000_000;
            let mut counts = vec![0u64; 401];
            let mut rng = stream(seed as u64, Purpose::Test, 1, 0);
            for _ in 0..picks {
                let merchant = pools.pick(0, None, &mut rng);
                counts[pools.pick(1, Some(merchant), &mut rng) as usize] += 1;
            }
            let expected = shares.iter().map(|share| share * f64::from(picks));
            let (mut chi, mut ids) = (0.0, 0);
            for (expected, &count) in expected.zip(&counts[1..]).filter(|(e, _)| *e >= 5.0) {
                chi += (count as f64 - expected).powi(2) / expected;
                ids += 1;
            }
            // Mean `ids`, sd sqrt(2 · ids); 4 sd.
            let off = (chi - f64::from(ids)).abs();
            assert!(
                off < 4.0 * f64::from(2 * ids).sqrt(),
                "{skew:?}: {chi} of {ids}"
            );
        }
    }

    /// All products together are as unevenly picked as if they belonged to nobody: the top 1 % get Φ(1.9 - 2.326) = 0.335.
    #[test]
    fn belonging_keeps_a_log_normal_skew() {
        let pools = pools(300, 100_000, 100_000, Skew::LogNormal(1.9));
        let mut shares: Vec<f64> = (1..=100_000).map(|id| pools.share(1, id)).collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        let top: f64 = shares[..1_000].iter().sum();
        // The smallest merchants' few products deviate: 0.33 and not 0.335, and far from the 0.01 of equal ones.
        assert!((top - 0.335).abs() < 0.02, "{top}");
        let median = shares[50_000] * 100_000.0;
        // exp(-1.9² / 2) = 0.1645.
        assert!((median - 0.1645).abs() < 0.02, "{median}");
    }
}
