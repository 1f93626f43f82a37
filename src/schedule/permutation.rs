//! A keyed permutation of the first n numbers, in constant time and memory.

use crate::rng::{Purpose, hash};

/// Enough that no trace of the order is left (Luby and Rackoff 1988 prove it for four rounds of ideal functions).
const ROUNDS: u64 = 4;

/// A permutation of 0, 1, ..., n - 1: a Feistel network on the next larger even number of bits, walked until it falls below n
/// (Black and Rogaway 2002), which takes fewer than four steps on average.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    key: u64,
    n: u64,
    /// Bits of one half.
    half: u32,
}

impl Permutation {
    /// The permutation that `key` stands for; `n` at most 2^62.
    pub fn new(key: u64, n: u64) -> Permutation {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        Permutation {
            key,
            n,
            half: bits.div_ceil(2),
        }
    }

    /// Where `index`, below n, goes.
    #[inline]
    pub fn of(&self, index: u64) -> u64 {
        if self.n < 2 {
            return index;
        }
        let mut place = self.once(index);
        while place >= self.n {
            place = self.once(place);
        }
        place
    }

    fn once(&self, place: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (place >> self.half, place & mask);
        for round in 0..ROUNDS {
            let mixed = hash(self.key, Purpose::Device, round << 32 | right) & mask;
            (left, right) = (right, left ^ mixed);
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_hit_once() {
        for n in [1, 2, 3, 7, 64, 1000, 4097] {
            let permutation = Permutation::new(5, n);
            let mut hit = vec![false; n as usize];
            for index in 0..n {
                hit[permutation.of(index) as usize] = true;
            }
            assert!(hit.iter().all(|&hit| hit), "{n}");
        }
    }

    #[test]
    fn keys_give_different_orders_without_a_trace_of_the_first() {
        let n = 10_000u64;
        let order = |key| (0..n).map(move |i| Permutation::new(key, n).of(i));
        // A number stays, or two keys agree on it, about once in a whole permutation: Poisson of mean 1.
        assert!(order(1).zip(0..).filter(|(a, b)| a == b).count() < 8);
        assert!(order(1).zip(order(2)).filter(|(a, b)| a == b).count() < 8);
        // Neighbours are as far apart as any two: a third of n on average, ± n sqrt(1/18 / n).
        let places: Vec<u64> = order(3).collect();
        let far: u64 = places.windows(2).map(|p| p[0].abs_diff(p[1])).sum();
        let mean = far as f64 / (n - 1) as f64;
        assert!((mean - n as f64 / 3.0).abs() < 120.0, "{mean}");
    }
}
