//! Picking one of a few by weight, and how many lines an event has.

use rand::Rng;

use crate::rng::Stream;

/// One of a few, by weight. One draw; a pick looks through the few in order, so the likely ones are best first.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// For all but the last: where its part of the 64-bit numbers ends.
    bars: Vec<u64>,
}

impl Choice {
    /// Weights are finite and not negative, and one at least is positive.
    pub(super) fn new(weights: impl Iterator<Item = f64> + Clone) -> Choice {
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
    pub(super) fn pick(&self, rng: &mut Stream) -> usize {
        let random = rng.next_u64();
        self.bars
            .iter()
            .position(|&bar| random < bar)
            .unwrap_or(self.bars.len())
    }
}

/// How many lines: one, and then each time another with the same probability (a geometric law, as baskets nearly are).
#[derive(Clone, Debug)]
pub(super) struct Repeats {
    /// Of the 64-bit numbers, those below the k-th bar make more than k lines.
    bars: Vec<u64>,
}

impl Repeats {
    /// `mean` is at least 1 and at most [`super::template::MOST_LINES`].
    pub(super) fn new(mean: f64) -> Repeats {
        let more = 1.0 - 1.0 / mean;
        let mut bars = Vec::new();
        let mut probability = more;
        while probability * 2f64.powi(64) >= 1.0 {
            bars.push((probability * 2f64.powi(64)) as u64);
            probability *= more;
        }
        Repeats { bars }
    }

    #[inline]
    pub(super) fn pick(&self, rng: &mut Stream) -> usize {
        let random = rng.next_u64();
        1 + self
            .bars
            .iter()
            .position(|&bar| random >= bar)
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

    #[test]
    fn repeats_have_the_mean_asked() {
        for (seed, mean) in [1.0, 1.5, 2.87, 40.0].into_iter().enumerate() {
            let repeats = Repeats::new(mean);
            let mut rng = stream(seed as u64, Purpose::Test, 1, 0);
            let picks = 200_000;
            let sum: usize = (0..picks).map(|_| repeats.pick(&mut rng)).sum();
            // A geometric law's sd is sqrt(mean · (mean - 1)).
            let sd = (mean * (mean - 1.0) / f64::from(picks)).sqrt();
            let got = sum as f64 / f64::from(picks);
            assert!((got - mean).abs() <= 5.0 * sd, "{mean} {got}");
        }
    }
}
