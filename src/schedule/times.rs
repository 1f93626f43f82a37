//! Draws of a whole number, whose mean [`Times::mean`] is.

use libm::exp;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

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
            let n = 100_000;
            let draws: Vec<f64> = (0..n).map(|_| draw(law, &mut rng)).collect();
            assert!(draws.iter().all(|&x| x >= 1.0 && x.fract() == 0.0));
            let seen = draws.iter().sum::<f64>() / f64::from(n);
            let square = |x: &f64| (x - seen).powi(2);
            let sd = (draws.iter().map(square).sum::<f64>() / f64::from(n)).sqrt();
            let off = (seen - law.mean()).abs();
            // Five standard errors.
            let error = 5.0 * sd / f64::from(n).sqrt();
            assert!(off <= error, "{law:?}: {seen} {}", law.mean());
            if *law == cut(Some(50.0)) {
                assert!(draws.iter().all(|&x| x <= 50.0));
                assert!(law.mean() < 0.8 * cut(None).mean(), "the cut is felt");
            }
        }
    }
}
