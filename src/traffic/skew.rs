//! Picking one of millions of ranks by a falling law, in constant time and a few kilobytes.
//!
//! Ranks are cut into blocks: 1 to 128 stand alone, then 64 blocks to each doubling, so a block is at most 1/64 of its rank wide. A
//! block's share comes from the law's closed form, and within a block all ranks are alike: no rank's share is further than 1 % from
//! its law's for any exponent up to 1.2. Blocks are picked with Walker's alias method (as Vose has it, 1991), in whole numbers, so
//! that the same ranks come out on every machine.

use rand::Rng;

use super::normal;
use crate::rng::Stream;

/// A law of popularity: how large a share of the picks each rank gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Law {
    /// Rank `k` in proportion to `k^-s`.
    Zipf(f64),
    /// Weights log-normally distributed with this sigma.
    LogNormal(f64),
}

/// Ranks `1..=count`, picked by a [`Law`].
#[derive(Clone, Debug)]
pub(super) struct Ranks {
    count: u64,
    law: Law,
    /// An alias table with a column for each block. This is all that a pick looks at: 10 kB for millions of ranks.
    columns: Vec<Column>,
    /// For each block, the weight of all ranks up to its end, as whole numbers; what is really picked from.
    ends: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    first: u64,
    len: u64,
}

/// One column of the alias table: below the threshold its own block, else the other.
#[derive(Clone, Copy, Debug)]
struct Column {
    threshold: u32,
    other: u32,
}

impl Ranks {
    pub(super) fn new(count: u64, law: Law) -> Ranks {
        let blocks = cut(count);
        let masses: Vec<f64> = match law {
            Law::Zipf(s) => blocks.iter().map(|block| zipf_mass(block, s)).collect(),
            Law::LogNormal(sigma) => blocks
                .iter()
                .map(|block| log_normal_mass(block, count, sigma))
                .collect(),
        };
        let weights = whole(&masses);
        let mut total = 0;
        let ends = weights
            .iter()
            .map(|weight| {
                total += weight;
                total
            })
            .collect();
        Ranks {
            count,
            law,
            columns: alias(&weights, total),
            ends,
        }
    }

    /// A rank. Always two draws.
    #[inline]
    pub(super) fn pick(&self, rng: &mut Stream) -> u64 {
        let block = self.pick_block(rng);
        block.first + below(rng.next_u64(), block.len)
    }

    #[inline(always)]
    fn pick_block(&self, rng: &mut Stream) -> Block {
        let wide = u128::from(rng.next_u64()) * self.columns.len() as u128;
        let (at, fraction) = ((wide >> 64) as usize, (wide >> 32) as u32);
        let column = self.columns[at];
        // Either is as likely, so a branch here would often be guessed wrong.
        let own = fraction < column.threshold;
        let at = std::hint::select_unpredictable(own, at as u32, column.other);
        block(at, self.count)
    }

    /// A rank of `1..=n`, with the skew that `n` ranks (at most as many as there are) have by this law. Always two draws.
    pub(super) fn pick_of(&self, n: u64, rng: &mut Stream) -> u64 {
        match self.law {
            // The first ranks among themselves are picked by the same law.
            Law::Zipf(_) => {
                let random = below(rng.next_u64(), self.weight_up_to(n));
                let at = self.ends.partition_point(|&end| end <= random);
                let block = block(at as u32, n);
                block.first + below(rng.next_u64(), block.len)
            }
            // Weights are a function of rank ÷ count.
            Law::LogNormal(_) => {
                let block = self.pick_block(rng);
                let within = (rng.next_u64() >> 11) as f64 / 2f64.powi(53);
                let place = (block.first - 1) as f64 + within * block.len as f64;
                let scaled = place * (n as f64 / self.count as f64);
                1 + (scaled as u64).min(n - 1)
            }
        }
    }

    /// The share of picks that the first `k` of `n` ranks are expected to get from [`Ranks::pick_of`]; 0 for none, 1 for all, and
    /// never falling.
    pub(super) fn share_up_to(&self, k: u64, n: u64) -> f64 {
        if k >= n {
            return 1.0;
        }
        match self.law {
            Law::Zipf(_) => self.weight_up_to(k) as f64 / self.weight_up_to(n) as f64,
            Law::LogNormal(_) => {
                let place = k as f64 * (self.count as f64 / n as f64);
                let whole = (place as u64).min(self.count - 1);
                let next = self.weight(block_of(whole + 1)) as f64;
                let len = block(block_of(whole + 1), self.count).len as f64;
                let part = (place - whole as f64) * next / len;
                (self.weight_up_to(whole) as f64 + part) / self.total() as f64
            }
        }
    }

    /// The expected share of picks of a rank.
    pub(super) fn share(&self, rank: u64) -> f64 {
        let at = block_of(rank);
        let len = block(at, self.count).len;
        self.weight(at) as f64 / self.total() as f64 / len as f64
    }

    fn total(&self) -> u64 {
        self.ends[self.ends.len() - 1]
    }

    /// The weight of a block.
    fn weight(&self, at: u32) -> u64 {
        let at = at as usize;
        self.ends[at] - at.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The weight of the ranks up to `rank`; of a block that it cuts, a part as large as its part of the ranks.
    fn weight_up_to(&self, rank: u64) -> u64 {
        if rank == 0 {
            return 0;
        }
        let at = block_of(rank);
        let block = block(at, self.count);
        let ranks = rank - block.first + 1;
        let part = u128::from(self.weight(at)) * u128::from(ranks) / u128::from(block.len);
        self.ends[at as usize] - self.weight(at) + part as u64
    }
}

/// A whole number below `end`, from 64 random bits. The bias is `end` / 2^64.
#[inline]
pub(super) fn below(random: u64, end: u64) -> u64 {
    ((u128::from(random) * u128::from(end)) >> 64) as u64
}

/// There are 2 to this power blocks to each doubling.
const FINE: u32 = 6;

fn cut(count: u64) -> Vec<Block> {
    (0..=block_of(count)).map(|at| block(at, count)).collect()
}

/// The number of the block that a rank lies in.
fn block_of(rank: u64) -> u32 {
    let octave = rank.ilog2().saturating_sub(FINE);
    (octave << FINE) + (rank >> octave) as u32 - 1
}

/// The block of a number; the last is cut off at `count`.
#[inline(always)]
fn block(number: u32, count: u64) -> Block {
    let octave = ((number + 1) >> FINE).saturating_sub(1);
    let first = u64::from(number + 1 - (octave << FINE)) << octave;
    Block {
        first,
        len: (1 << octave).min(count - first + 1),
    }
}

/// The sum of `k^-s` over a block. Wide blocks begin at rank 128, where the midpoint rule with its first correction is good to 1e-8.
fn zipf_mass(block: &Block, s: f64) -> f64 {
    if block.len == 1 {
        return libm::pow(block.first as f64, -s);
    }
    let a = block.first as f64 - 0.5;
    let b = a + block.len as f64;
    let integral = if (1.0 - s).abs() < 1e-9 {
        libm::log(b / a)
    } else {
        (libm::pow(b, 1.0 - s) - libm::pow(a, 1.0 - s)) / (1.0 - s)
    };
    let slope = |x: f64| -s * libm::pow(x, -s - 1.0);
    integral - (slope(b) - slope(a)) / 24.0
}

/// The share of a block when weights are log-normal.
///
/// The share `u` of the ids with the greatest weights are those whose normal score is above -Φ⁻¹(u). Seen by weight rather than by
/// head, scores are normal around sigma, so those ids together have the share Φ(sigma + Φ⁻¹(u)).
fn log_normal_mass(block: &Block, count: u64, sigma: f64) -> f64 {
    let together = |rank: u64| normal::below(sigma + normal::quantile(rank as f64 / count as f64));
    (together(block.first + block.len - 1) - together(block.first - 1)).max(0.0)
}

/// Weights as whole numbers that add up to about 2^48.
fn whole(masses: &[f64]) -> Vec<u64> {
    let total: f64 = masses.iter().sum();
    let unit = (1u64 << 48) as f64 / total;
    masses.iter().map(|m| (m * unit).round() as u64).collect()
}

fn alias(weights: &[u64], total: u64) -> Vec<Column> {
    let total = u128::from(total);
    // What each column still has to hand out, in units of 1 / (columns * total).
    let mut left: Vec<u128> = weights
        .iter()
        .map(|&w| u128::from(w) * weights.len() as u128)
        .collect();
    // Whoever keeps all of its column is its own other.
    let mut columns: Vec<Column> = (0..weights.len() as u32)
        .map(|other| Column {
            threshold: u32::MAX,
            other,
        })
        .collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..weights.len()).partition(|&i| left[i] < total);
    while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
        columns[poor] = Column {
            threshold: ((left[poor] << 32) / total) as u32,
            other: rich as u32,
        };
        left[rich] -= total - left[poor];
        if left[rich] < total {
            large.pop();
            small.push(rich);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_rank_once() {
        for count in [1, 2, 63, 64, 65, 127, 128, 129, 1000, 12_345, 1_860_000] {
            let blocks = cut(count);
            let mut next = 1;
            for (at, block) in blocks.iter().enumerate() {
                assert_eq!(block.first, next);
                assert_eq!(block_of(block.first) as usize, at);
                assert_eq!(block_of(block.first + block.len - 1) as usize, at);
                next += block.len;
            }
            assert_eq!(next, count + 1);
        }
    }

    #[test]
    fn columns_hand_out_exactly_the_weights() {
        let ranks = Ranks::new(1000, Law::LogNormal(1.9));
        let n = ranks.columns.len();
        let mut got = vec![0.0; n];
        for (at, column) in ranks.columns.iter().enumerate() {
            let own = if column.other as usize == at {
                1.0
            } else {
                f64::from(column.threshold) / 2f64.powi(32)
            };
            got[at] += own / n as f64;
            got[column.other as usize] += (1.0 - own) / n as f64;
        }
        for (at, got) in got.into_iter().enumerate() {
            let asked = ranks.weight(at as u32) as f64 / ranks.total() as f64;
            assert!((got - asked).abs() < 1e-9, "{at}: {got} {asked}");
        }
    }

    #[test]
    fn zipf_masses_are_the_sums() {
        for s in [0.0, 0.5, 0.99, 1.0, 1.3, 3.0] {
            for block in cut(100_000) {
                let sum: f64 = (block.first..block.first + block.len)
                    .map(|k| (k as f64).powf(-s))
                    .sum();
                let mass = zipf_mass(&block, s);
                assert!((mass / sum - 1.0).abs() < 1e-7, "{s} {block:?}");
            }
        }
    }
}
