//! Picking one of a few by weight.

use rand::Rng;

use crate::rng::Stream;

/// One of a few, by weight. One draw; a pick looks through the few in order, so the likely ones are best first.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// For all but the last: where its part of the 64-bit numbers ends.
    bars: Vec<u64>,
}

impl Choice {
    /// Weights are finite and not negative, and one at least is positive.
    pub(crate) fn new(weights: impl Iterator<Item = f64> + Clone) -> Choice {
        let total: f64 = weights.clone().sum();
        let mut sum = 0.0;
        let mut bars: Vec<u64> = weights
            .map(|weight| {
                sum += weight;
                // A cast saturates, so a sum of 1 is the greatest number.
                (sum / total * 2f64.powi(64)) as u64
            })
            .collect();
        // What rounding leaves over at the end belongs to the last that has a weight: cut there, so that it has no bar.
        let last = bars.iter().position(|&bar| bar == u64::MAX);
        bars.truncate(last.unwrap_or(bars.len() - 1));
        Choice { bars }
    }

    #[inline]
    pub(crate) fn pick(&self, rng: &mut Stream) -> usize {
        self.of(rng.next_u64())
    }

    /// The pick that a random number stands for.
    #[inline]
    pub(crate) fn of(&self, random: u64) -> usize {
        self.bars
            .iter()
            .position(|&bar| random < bar)
            .unwrap_or(self.bars.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn picks_by_weight() {
        for (seed, weights) in [
            vec![1.0],
            vec![65.0, 32.0, 3.0],
            vec![0.0, 1.0, 0.0],
            vec![0.1; 10],
            vec![1e-9, 1.0],
        ]
        .into_iter()
        .enumerate()
        {
            let choice = Choice::new(weights.iter().copied());
            let mut rng = stream(seed as u64, Purpose::Test, 0, 0);
            let mut counts = vec![0u64; weights.len()];
            for _ in 0..100_000 {
                counts[choice.pick(&mut rng)] += 1;
            }
            let total: f64 = weights.iter().sum();
            for (&count, weight) in counts.iter().zip(&weights) {
                let p = weight / total;
                let sd = (100_000.0 * p * (1.0 - p)).sqrt();
                let off = (count as f64 - 100_000.0 * p).abs();
                assert!(off <= 5.0 * sd, "{weights:?} {counts:?}");
            }
        }
    }
}
