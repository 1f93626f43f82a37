//! Draws of a whole number, and its mean.

use libm::{erfc, exp, log};

use super::draw::{exponential, gamma, normal, unit};
use crate::rng::Stream;
use crate::scenario::Times;

/// A draw: a whole number, at least 1.
pub fn draw(times: &Times, rng: &mut Stream) -> f64 {
    continuous(times, rng).round().max(1.0)
}

fn continuous(times: &Times, rng: &mut Stream) -> f64 {
    match *times {
        Times::Fixed(number) => number,
        // So that both ends are as likely as what lies between.
        Times::Uniform(low, high) => low - 0.5 + (high - low + 1.0) * unit(rng),
        Times::Exponential { mean } => mean * exponential(rng),
        Times::LogNormal { median, sigma, max } => loop {
            let number = median * exp(sigma * normal(rng));
            if max.is_none_or(|max| number <= max) {
                return number;
            }
        },
        Times::Gamma { mean, cv } => {
            let shape = 1.0 / (cv * cv);
            mean * gamma(rng, shape) / shape
        }
    }
}

/// The mean of what is rounded.
pub fn mean(times: &Times) -> f64 {
    match *times {
        Times::Fixed(number) => number,
        Times::Uniform(low, high) => low.midpoint(high),
        Times::Exponential { mean } | Times::Gamma { mean, .. } => mean,
        Times::LogNormal { median, sigma, max } => {
            let whole = median * exp(sigma * sigma / 2.0);
            // Cut off at z standard deviations: the part of the mean below it over the probability of being below it.
            let below = |z: f64| 0.5 * erfc(-z / std::f64::consts::SQRT_2);
            max.map_or(whole, |max| {
                let z = log(max / median) / sigma;
                whole * below(z - sigma) / below(z)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn draws_have_their_means() {
        let cut = |max| Times::LogNormal {
            median: 300.0,
            sigma: 0.8,
            max,
        };
        let laws = [
            Times::Fixed(7.0),
            Times::Uniform(10.0, 50.0),
            Times::Exponential { mean: 40.0 },
            cut(None),
            cut(Some(500.0)),
            Times::Gamma { mean: 9.0, cv: 0.4 },
            Times::Gamma { mean: 9.0, cv: 2.0 },
        ];
        for (law, i) in laws.iter().zip(0..) {
            let mut rng = stream(1, Purpose::Test, 0, i);
            let n = 100_000;
            let draws: Vec<f64> = (0..n).map(|_| continuous(law, &mut rng)).collect();
            let seen = draws.iter().sum::<f64>() / f64::from(n);
            let square = |x: &f64| (x - seen).powi(2);
            let sd = (draws.iter().map(square).sum::<f64>() / f64::from(n)).sqrt();
            // Five standard errors.
            let off = (seen - mean(law)).abs();
            assert!(
                off <= 5.0 * sd / f64::from(n).sqrt(),
                "{law:?}: {seen} {}",
                mean(law)
            );
            if *law == cut(Some(500.0)) {
                assert!(draws.iter().all(|&x| x <= 500.0));
                assert!(
                    mean(law) < 0.8 * mean(&cut(None)),
                    "the cut is felt: {seen}"
                );
            }
        }
    }
}
