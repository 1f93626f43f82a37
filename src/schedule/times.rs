//! Draws of a number: how often, how many, or how long.

use libm::exp;

use super::draw::{exponential, gamma, normal, unit};
use crate::rng::Stream;
use crate::scenario::Times;

/// A draw: a whole number, at least 1. Its mean is [`Times::mean`].
pub fn draw(times: &Times, rng: &mut Stream) -> f64 {
    let number = match *times {
        // Both ends are as likely as what lies between.
        Times::Uniform(low, high) => unrounded(&Times::Uniform(low - 0.5, high + 0.5), rng),
        _ => unrounded(times, rng),
    };
    number.round().max(1.0)
}

/// A draw from the continuous law.
pub fn unrounded(times: &Times, rng: &mut Stream) -> f64 {
    match *times {
        Times::Fixed(number) => number,
        Times::Uniform(low, high) => low + (high - low) * unit(rng),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use libm::{erfc, log};

    /// The mean of [`unrounded`].
    fn unrounded_mean(times: &Times) -> f64 {
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

    #[test]
    fn draws_have_their_means() {
        let cut = |max| Times::LogNormal {
            median: 30.0,
            sigma: 0.8,
            max,
        };
        let laws = [
            Times::Fixed(7.0),
            Times::Uniform(1.0, 3.0),
            Times::Uniform(10.0, 50.0),
            Times::Exponential { mean: 4.0 },
            cut(None),
            cut(Some(50.0)),
            Times::Gamma { mean: 9.0, cv: 0.4 },
            Times::Gamma { mean: 9.0, cv: 2.0 },
        ];
        for (law, i) in laws.iter().zip(0..) {
            let mut rng = stream(1, Purpose::Test, 0, i);
            let whole: Vec<f64> = (0..DRAWS).map(|_| draw(law, &mut rng)).collect();
            assert!(whole.iter().all(|&x| x >= 1.0 && x.fract() == 0.0));
            has_mean(&whole, law.mean(), law);
            let any: Vec<f64> = (0..DRAWS).map(|_| unrounded(law, &mut rng)).collect();
            has_mean(&any, unrounded_mean(law), law);
            if *law == cut(Some(50.0)) {
                assert!(any.iter().all(|&x| x <= 50.0));
                assert!(law.mean() < 0.8 * cut(None).mean(), "the cut is felt");
            }
        }
    }

    const DRAWS: u32 = 100_000;

    fn has_mean(draws: &[f64], mean: f64, law: &Times) {
        let n = f64::from(DRAWS);
        let seen = draws.iter().sum::<f64>() / n;
        let square = |x: &f64| (x - seen).powi(2);
        let sd = (draws.iter().map(square).sum::<f64>() / n).sqrt();
        // Five standard errors, and what adding up a hundred thousand rounds off.
        let error = 5.0 * sd / n.sqrt() + 1e-9;
        assert!((seen - mean).abs() <= error, "{law:?}: {seen} {mean}");
    }
}
