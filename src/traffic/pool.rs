//! Populations of entities: which id an event is about.

use rand::Rng;

use super::skew::{Law, Ranks, below};
use crate::rng::Stream;
use crate::scenario::Skew;

/// Ids `1..=count` with their skew. Picks in constant time; its memory does not grow with the count (30 kB at most).
#[derive(Clone, Debug)]
pub struct Pool {
    count: u64,
    by: By,
}

#[derive(Clone, Debug)]
enum By {
    /// All alike.
    Even,
    /// A share of the picks goes to the first `ids`.
    Hot {
        share: f64,
        bar: u64,
        ids: u64,
        of: f64,
    },
    /// A falling law.
    Ranks(Ranks),
}

impl Pool {
    /// The pool of `count` ids (at least 1) with this skew.
    pub fn new(count: u64, skew: Skew) -> Pool {
        let by = match skew {
            _ if count == 1 => By::Even,
            Skew::Uniform => By::Even,
            Skew::Zipf(s) => By::Ranks(Ranks::new(count, Law::Zipf(s))),
            Skew::LogNormal(sigma) => By::Ranks(Ranks::new(count, Law::LogNormal(sigma))),
            Skew::Hot { share, of } => {
                let ids = hot_ids(of, count);
                if ids == count {
                    By::Even
                } else {
                    // A cast saturates: a share of 1 is all but one in 2^64.
                    let bar = (share * 2f64.powi(64)) as u64;
                    By::Hot {
                        share,
                        bar,
                        ids,
                        of,
                    }
                }
            }
        };
        Pool { count, by }
    }

    /// How many ids there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Draws an id, `1..=count`.
    #[inline]
    pub fn pick(&self, rng: &mut Stream) -> u64 {
        match &self.by {
            By::Even => 1 + below(rng.next_u64(), self.count),
            By::Hot { bar, ids, .. } => pick_hot(*bar, *ids, self.count, rng),
            By::Ranks(ranks) => ranks.pick(rng),
        }
    }

    /// Draws one of `n` (at least 1, at most as many as there are), `1..=n`, with the skew that a pool of `n` has.
    #[inline]
    pub(super) fn pick_of(&self, n: u64, rng: &mut Stream) -> u64 {
        match &self.by {
            By::Even => 1 + below(rng.next_u64(), n),
            By::Hot { bar, of, .. } => pick_hot(*bar, hot_ids(*of, n), n, rng),
            By::Ranks(ranks) => ranks.pick_of(n, rng),
        }
    }

    /// The share of picks that the first `k` of `n` are expected to get from [`Pool::pick_of`]; 0 for none, 1 for all, never falling.
    pub(super) fn share_up_to(&self, k: u64, n: u64) -> f64 {
        if k >= n {
            return 1.0;
        }
        match &self.by {
            By::Even => k as f64 / n as f64,
            By::Hot { share, of, .. } => {
                let hot = hot_ids(*of, n);
                if hot == n {
                    k as f64 / n as f64
                } else if k <= hot {
                    share * (k as f64 / hot as f64)
                } else {
                    share + (1.0 - share) * ((k - hot) as f64 / (n - hot) as f64)
                }
            }
            By::Ranks(ranks) => ranks.share_up_to(k, n),
        }
    }

    /// The share of picks that `id` is expected to get; zero outside `1..=count`.
    pub fn share(&self, id: u64) -> f64 {
        if id == 0 || id > self.count {
            return 0.0;
        }
        match &self.by {
            By::Even => 1.0 / self.count as f64,
            By::Hot { share, ids, .. } => {
                if id <= *ids {
                    share / *ids as f64
                } else {
                    (1.0 - share) / (self.count - ids) as f64
                }
            }
            By::Ranks(ranks) => ranks.share(id),
        }
    }
}

/// How many of `n` ids are hot when a share `of` them is.
fn hot_ids(of: f64, n: u64) -> u64 {
    ((of * n as f64).round() as u64).clamp(1, n)
}

/// One of `n` ids, of which the first `hot` get the picks below the bar.
#[inline(always)]
fn pick_hot(bar: u64, hot: u64, n: u64, rng: &mut Stream) -> u64 {
    let (first, len) = if rng.next_u64() < bar || hot == n {
        (1, hot)
    } else {
        (1 + hot, n - hot)
    };
    first + below(rng.next_u64(), len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    const SKEWS: [Skew; 6] = [
        Skew::Uniform,
        Skew::Zipf(0.8),
        Skew::Zipf(1.0),
        Skew::Zipf(1.5),
        Skew::LogNormal(1.9),
        Skew::Hot {
            share: 0.8,
            of: 0.2,
        },
    ];

    fn counts(pool: &Pool, picks: u64, seed: u64) -> Vec<u64> {
        let mut rng = stream(seed, Purpose::Test, 0, 0);
        let mut counts = vec![0; pool.count() as usize + 1];
        for _ in 0..picks {
            counts[pool.pick(&mut rng) as usize] += 1;
        }
        counts
    }

    #[test]
    fn picks_are_pinned() {
        let mut picks = Vec::new();
        for skew in SKEWS {
            let pool = Pool::new(1_860_000, skew);
            let mut rng = stream(42, Purpose::Test, 1, 2);
            picks.push([(); 4].map(|()| pool.pick(&mut rng)));
        }
        assert_eq!(picks, PINNED, "a plan hash promises these picks for ever");
    }
    const PINNED: [[u64; 4]; 6] = [
        [468030, 190086, 1563438, 479430],
        [525125, 332831, 22, 813],
        [1, 332831, 21, 813],
        [1, 6, 21, 1],
        [143569, 332831, 10084, 813],
        [38018, 755544, 291221, 250482],
    ];

    #[test]
    fn shares_add_up_and_never_rise() {
        for skew in SKEWS {
            for count in [1, 2, 100, 5000] {
                let pool = Pool::new(count, skew);
                let shares: Vec<f64> = (1..=count).map(|id| pool.share(id)).collect();
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                assert!(shares.is_sorted_by(|a, b| *a >= *b - 1e-12), "{skew:?}");
                assert_eq!(pool.share(0), 0.0);
                assert_eq!(pool.share(count + 1), 0.0);
            }
        }
    }

    /// Chi-square over all ids, with as many picks as make every expected count at least 2, and all but a few over 5.
    #[test]
    fn picks_follow_the_shares() {
        for (seed, skew) in SKEWS.into_iter().enumerate() {
            let pool = Pool::new(400, skew);
            let picks = 2_000_000;
            let counts = counts(&pool, picks, seed as u64);
            assert_eq!(counts[0], 0);
            let mut chi = 0.0;
            for id in 1..=400 {
                let expected = pool.share(id) * picks as f64;
                assert!(expected >= 2.0, "{skew:?} {id} {expected}");
                chi += (counts[id as usize] as f64 - expected).powi(2) / expected;
            }
            // 399 degrees of freedom: mean 399, sd 28.2; 4 sd above is 512 (one in 30,000 for right code, and seeds are fixed).
            assert!(chi < 512.0, "{skew:?}: {chi}");
            // And not too good to be random: 4 sd below.
            assert!(chi > 286.0, "{skew:?}: {chi}");
        }
    }

    #[test]
    fn top_ids_of_a_great_pool_follow_the_shares() {
        for (seed, skew) in SKEWS.into_iter().enumerate() {
            let pool = Pool::new(1_860_000, skew);
            let picks = 2_000_000;
            let counts = counts(&pool, picks, 100 + seed as u64);
            for top in [1, 10, 1000, 100_000, 1_000_000] {
                let share: f64 = (1..=top).map(|id| pool.share(id)).sum();
                let got: u64 = counts[..=top as usize].iter().sum();
                let sd = (picks as f64 * share * (1.0 - share)).sqrt();
                let off = (got as f64 - picks as f64 * share).abs();
                // 5 sd of the binomial, and one for where it is far from normal.
                assert!(off <= 5.0 * sd + 1.0, "{skew:?} {top}: {off} {sd}");
            }
        }
    }

    /// Of a real shop's 1.86 M items (the OTTO data set) the median one has 0.17 of the mean's events.
    #[test]
    fn log_normal_is_like_a_real_shop() {
        let count = 1_860_000;
        let pool = Pool::new(count, Skew::LogNormal(1.9));
        let mean = 1.0 / count as f64;
        let median = pool.share(count / 2) / mean;
        // exp(-1.9² / 2) = 0.1645.
        assert!((median - 0.1645).abs() < 0.0015, "{median}");
        let quarter = pool.share(count / 4) / mean;
        // exp(1.9 · 0.6745 - 1.9² / 2) = 0.5925.
        assert!((quarter - 0.5925).abs() < 0.006, "{quarter}");
        let top = pool.share(1);
        // Φ(1.9 + Φ⁻¹(1 / 1.86 M)) = Φ(1.9 - 4.877) = 0.00146.
        assert!((top - 0.00146).abs() < 0.00002, "{top}");
        // Φ(1.9 - 2.326) = 0.335.
        let percent: f64 = (1..=count / 100).map(|id| pool.share(id)).sum();
        assert!((percent - 0.335).abs() < 0.001, "{percent}");
    }

    #[test]
    fn zipf_is_zipf() {
        for s in [0.6, 0.99, 1.2] {
            let pool = Pool::new(5_000_000, Skew::Zipf(s));
            for id in [2u64, 10, 100, 1000, 123_456, 4_999_999] {
                let ratio = pool.share(1) / pool.share(id);
                let law = (id as f64).powf(s);
                assert!((ratio / law - 1.0).abs() < 0.01, "{s} {id} {ratio} {law}");
            }
        }
    }

    /// What is drawn of a few looks like a pool of a few.
    #[test]
    fn a_few_are_picked_as_a_pool_of_a_few() {
        for (seed, skew) in SKEWS.into_iter().enumerate() {
            let pool = Pool::new(1_860_000, skew);
            for n in [1, 2, 57, 300] {
                let picks = 200_000;
                let mut rng = stream(seed as u64, Purpose::Test, n, 3);
                let mut counts = vec![0u64; n as usize + 1];
                for _ in 0..picks {
                    counts[pool.pick_of(n, &mut rng) as usize] += 1;
                }
                let few = Pool::new(n, skew);
                let (mut chi, mut last) = (0.0, 0.0);
                for id in 1..=n {
                    let up_to = pool.share_up_to(id, n);
                    let expected = (up_to - last) * picks as f64;
                    last = up_to;
                    chi += (counts[id as usize] as f64 - expected).powi(2) / expected.max(1e-9);
                    // All ranks of a block are alike, which is felt most where the law falls most steeply: at its end, where
                    // shares are next to nothing.
                    let (share, own) = (expected / picks as f64, few.share(id));
                    let off = share / own - 1.0;
                    let is_slight = (share - own).abs() * (n as f64) < 0.01;
                    assert!(off.abs() < 0.05 || is_slight, "{skew:?} {id} of {n}: {off}");
                }
                assert_eq!((last, counts[0]), (1.0, 0));
                // Chi-square of n - 1 degrees of freedom: sd sqrt(2(n - 1)); 5 sd and one for few degrees.
                let most = n as f64 + 5.0 * (2.0 * n as f64).sqrt() + 5.0;
                assert!(chi < most, "{skew:?} {n}: {chi}");
            }
        }
    }

    #[test]
    fn hot_ids_get_their_share() {
        let skew = Skew::Hot {
            share: 0.9,
            of: 0.01,
        };
        let pool = Pool::new(10_000, skew);
        assert!((pool.share(100) - 0.009).abs() < 1e-12);
        assert!((pool.share(101) - 0.1 / 9900.0).abs() < 1e-12);
        let counts = counts(&pool, 100_000, 7);
        let hot: u64 = counts[..=100].iter().sum();
        // Binomial: 90,000 ± 95; 5 sd are 474.
        assert!(hot.abs_diff(90_000) < 474, "{hot}");
    }
}
