//! How many lines an event has.

use rand::Rng;

use crate::rng::Stream;

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
