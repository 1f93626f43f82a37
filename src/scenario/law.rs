//! What numbers that are drawn come to on average, and how often they are large: the closed forms of [`Times`].
//!
//! A number is drawn from a continuous law, rounded to the nearest whole number, and is at least 1.

use statrs::function::erf::erf;
use statrs::function::gamma::gamma_ur;

use super::Times;

/// Up to here the rounded number's mean is summed term by term.
const TERMS: u32 = 1000;

impl Times {
    /// The mean of the rounded number: `1 + Σ P(X ≥ k + 1/2)` over k = 1, 2, ... The terms of a large number are so close to
    /// one another that their sum is an integral, which has a closed form.
    pub fn mean(&self) -> f64 {
        if let Times::Fixed(n) = self {
            return n.round().max(1.0);
        }
        let terms = (1..TERMS).map(|k| self.reaches(f64::from(k) + 0.5));
        1.0 + terms.sum::<f64>() + self.excess(f64::from(TERMS))
    }

    /// The probability that the rounded number is above `n`, a whole number of at least 1.
    pub(super) fn above(&self, n: f64) -> f64 {
        self.reaches(n + 0.5)
    }

    /// P(X ≥ x) of the continuous law, for x > 0.
    fn reaches(&self, x: f64) -> f64 {
        match *self {
            Times::Fixed(n) => f64::from(u8::from(n.round().max(1.0) >= x)),
            Times::Uniform(a, b) => {
                let (a, b) = ends(a, b);
                ((b - x) / (b - a)).clamp(0.0, 1.0)
            }
            Times::Exponential { mean } => (-x / mean).exp(),
            Times::LogNormal { median, sigma, max } => {
                let whole = max.map_or(1.0, |max| below(max, median, sigma));
                (1.0 - below(x, median, sigma) / whole).max(0.0)
            }
            Times::Gamma { mean, cv } => {
                let shape = 1.0 / (cv * cv);
                gamma_ur(shape, x * shape / mean)
            }
        }
    }

    /// E[(X - x)⁺] of the continuous law, the integral of P(X ≥ t) from x on.
    fn excess(&self, x: f64) -> f64 {
        match *self {
            Times::Fixed(n) => (n - x).max(0.0),
            Times::Uniform(a, b) => {
                let (a, b) = ends(a, b);
                let from = x.clamp(a, b);
                (a - x).max(0.0) + ((b - from).powi(2) / (2.0 * (b - a))).max(0.0)
            }
            Times::Exponential { mean } => mean * (-x / mean).exp(),
            Times::LogNormal { median, sigma, max } => {
                // E[X; X < t] is the mean times the distribution function of the same law with its median moved by exp(σ²).
                let shift = (sigma * sigma).exp();
                let mean = median * (sigma * sigma / 2.0).exp();
                let part = |t: f64| mean * below(t, median * shift, sigma);
                let (whole, of_whole) = match max {
                    Some(max) => (below(max, median, sigma), part(max)),
                    None => (1.0, mean),
                };
                let over = (whole - below(x, median, sigma)).max(0.0);
                ((of_whole - part(x)).max(0.0) - x * over).max(0.0) / whole
            }
            Times::Gamma { mean, cv } => {
                let shape = 1.0 / (cv * cv);
                let t = x * shape / mean;
                (mean * gamma_ur(shape + 1.0, t) - x * gamma_ur(shape, t)).max(0.0)
            }
        }
    }
}

/// The ends between which an even number is drawn before it is rounded: so that both ends are as likely as what lies between.
fn ends(a: f64, b: f64) -> (f64, f64) {
    (a - 0.5, b + 0.5)
}

/// P(X ≤ x) of a log-normal law.
fn below(x: f64, median: f64, sigma: f64) -> f64 {
    if sigma == 0.0 {
        return f64::from(u8::from(median <= x));
    }
    let z = (x / median).ln() / sigma;
    0.5 * (1.0 + erf(z / std::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean by definition, term by term.
    fn summed(times: &Times, terms: u32) -> f64 {
        1.0 + (1..terms).map(|n| times.above(f64::from(n))).sum::<f64>()
    }

    /// A law's end within a term costs its integral less than the law's density there over eight: here below 1e-7 of the mean.
    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-7, "{found} {expected}");
    }

    #[test]
    fn small_numbers_are_rounded_and_at_least_one() {
        near(Times::Fixed(3.0).mean(), 3.0);
        near(Times::Uniform(1.0, 3.0).mean(), 2.0);
        near(Times::Uniform(0.0, 1.0).mean(), 1.0);
        // 1 + Σ exp(-(k + 1/2)/m), a geometric series.
        let m: f64 = 2.0;
        let series = (-1.5 / m).exp() / (1.0 - (-1.0 / m).exp());
        near(Times::Exponential { mean: m }.mean(), 1.0 + series);
        // A gamma law whose spread is its mean is exponential.
        let gamma = Times::Gamma { mean: m, cv: 1.0 };
        near(gamma.mean(), 1.0 + series);
        let never = Times::LogNormal {
            median: 1.0,
            sigma: 0.0,
            max: None,
        };
        near(never.mean(), 1.0);
    }

    #[test]
    fn the_tail_of_large_numbers_is_their_integral() {
        for times in [
            Times::Uniform(300.0, 2500.0),
            Times::Exponential { mean: 900.0 },
            Times::LogNormal {
                median: 800.0,
                sigma: 0.6,
                max: None,
            },
            Times::LogNormal {
                median: 800.0,
                sigma: 1.5,
                max: Some(5000.0),
            },
            Times::Gamma {
                mean: 1500.0,
                cv: 0.7,
            },
        ] {
            near(times.mean(), summed(&times, 100_000));
        }
        let millions = Times::LogNormal {
            median: 25e6,
            sigma: 0.5,
            max: None,
        };
        near(millions.mean(), 25e6 * 0.125_f64.exp());
    }

    #[test]
    fn another_law_has_another_mean() {
        let cut = |max| Times::LogNormal {
            median: 10.0,
            sigma: 1.0,
            max,
        };
        assert!(cut(Some(30.0)).mean() < 0.8 * cut(None).mean());
    }
}
