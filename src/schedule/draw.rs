//! Draws from distributions, written out here because the plan hash promises them for ever: a crate may change its
//! algorithm, and the C library's `exp` and `log` differ between machines in their last bit.

use libm::{exp, floor, lgamma, log, log1p};
use rand::Rng;

use crate::rng::Stream;

/// Uniform in [0, 1), 53 bits.
#[inline]
pub fn unit(rng: &mut Stream) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Uniform in (0, 1).
#[inline]
fn open_unit(rng: &mut Stream) -> f64 {
    unit(rng) + 0.5 / (1u64 << 53) as f64
}

/// Standard normal (Box and Muller 1958).
pub fn normal(rng: &mut Stream) -> f64 {
    let radius = (-2.0 * log(open_unit(rng))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * unit(rng))
}

/// Exponential with mean 1.
pub fn exponential(rng: &mut Stream) -> f64 {
    -log(open_unit(rng))
}

/// Gamma of this shape, above 0, and scale 1: its mean is the shape (Marsaglia and Tsang 2000).
pub fn gamma(rng: &mut Stream, shape: f64) -> f64 {
    if shape < 1.0 {
        // Below what a double can tell from 0 for tiny shapes, and then 0.
        let boost = exp(log(open_unit(rng)) / shape);
        return gamma(rng, shape + 1.0) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v <= 0.0 {
            continue;
        }
        let u = open_unit(rng);
        if log(u) < 0.5 * x * x + d - d * v + d * log(v) {
            return d * v;
        }
    }
}

/// A Poisson distribution, set up once for the many cells of a bin.
#[derive(Clone, Debug, Default)]
pub struct Poisson {
    /// P(N ≤ k) for k = 0, 1, ..., up to where it rounds to 1; empty when the mean is large.
    cumulative: Vec<f64>,
    large: Large,
}

/// Constants of transformed rejection with squeeze, PTRS (Hörmann 1993), for means of 10 and above.
#[derive(Clone, Copy, Debug, Default)]
struct Large {
    mean: f64,
    log_mean: f64,
    a: f64,
    b: f64,
    log_inv_alpha: f64,
    v_r: f64,
}

/// From here on rejection is cheaper than walking the table.
const LARGE_MEAN: f64 = 16.0;

impl Poisson {
    /// Sets it to this mean, reusing the table.
    pub fn set_mean(&mut self, mean: f64) {
        self.cumulative.clear();
        if mean < LARGE_MEAN {
            let mut term = exp(-mean);
            let mut sum = term;
            let mut k = 0.0;
            self.cumulative.push(sum);
            // Past the mode terms fall faster than geometrically; 1e-18 is below what 53 bits can tell.
            while k <= mean || term > 1e-18 {
                k += 1.0;
                term *= mean / k;
                sum += term;
                self.cumulative.push(sum);
            }
        } else {
            let b = 0.931 + 2.53 * mean.sqrt();
            self.large = Large {
                mean,
                log_mean: log(mean),
                a: -0.059 + 0.02483 * b,
                b,
                log_inv_alpha: log(1.1239 + 1.1328 / (b - 3.4)),
                v_r: 0.9277 - 3.6224 / (b - 2.0),
            };
        }
    }

    /// One draw. For small means it costs one uniform number, and one comparison when the answer is 0.
    #[inline]
    pub fn sample(&self, rng: &mut Stream) -> u64 {
        if self.cumulative.is_empty() {
            return self.large.sample(rng);
        }
        let u = unit(rng);
        let found = self.cumulative.iter().position(|&below| u < below);
        found.unwrap_or(self.cumulative.len() - 1) as u64
    }
}

impl Large {
    fn sample(&self, rng: &mut Stream) -> u64 {
        loop {
            let u = unit(rng) - 0.5;
            let v = open_unit(rng);
            let us = 0.5 - u.abs();
            let k = floor((2.0 * self.a / us + self.b) * u + self.mean + 0.43);
            if us >= 0.07 && v <= self.v_r {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let under = log(v) + self.log_inv_alpha - log(self.a / (us * us) + self.b);
            if under <= k * self.log_mean - self.mean - lgamma(k + 1.0) {
                return k as u64;
            }
        }
    }
}

/// How many of `n` fall into a part of probability `p`; `p` outside [0, 1] counts as the nearer end,
/// and no number as 0.
pub fn binomial(rng: &mut Stream, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 || p.is_nan() {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if n <= 16 {
        return (0..n).filter(|_| unit(rng) < p).count() as u64;
    }
    if p > 0.5 {
        return n - lower_binomial(rng, n, 1.0 - p);
    }
    lower_binomial(rng, n, p)
}

/// The binomial for `p` up to a half: inversion for small means, else BTRS (Hörmann 1993).
fn lower_binomial(rng: &mut Stream, n: u64, p: f64) -> u64 {
    let (trials, q) = (n as f64, 1.0 - p);
    if trials * p < 10.0 {
        return binomial_by_inversion(rng, n, p);
    }
    let spread = (trials * p * q).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let v_r = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * spread;
    let log_odds = log(p / q);
    let mode = floor((trials + 1.0) * p);
    let at_mode = lgamma(mode + 1.0) + lgamma(trials - mode + 1.0);
    loop {
        let u = unit(rng) - 0.5;
        let v = open_unit(rng);
        let us = 0.5 - u.abs();
        let k = floor((2.0 * a / us + b) * u + trials * p + 0.5);
        if !(0.0..=trials).contains(&k) {
            continue;
        }
        if us >= 0.07 && v <= v_r {
            return k as u64;
        }
        let under = log(v * alpha / (a / (us * us) + b));
        let ratio = at_mode - lgamma(k + 1.0) - lgamma(trials - k + 1.0);
        if under <= ratio + (k - mode) * log_odds {
            return k as u64;
        }
    }
}

/// Walks the probabilities of 0, 1, 2, ...; for means below 10.
fn binomial_by_inversion(rng: &mut Stream, n: u64, p: f64) -> u64 {
    let trials = n as f64;
    let odds = p / (1.0 - p);
    let none = exp(trials * log1p(-p));
    // A draw beyond 110 is a rounding left-over: 100 / sqrt(10) = 31 standard deviations away. Draw again.
    let longest = n.min(110);
    loop {
        let mut u = unit(rng);
        let mut term = none;
        for k in 0..=longest {
            if u < term {
                return k;
            }
            u -= term;
            term *= odds * (trials - k as f64) / (k as f64 + 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, Discrete};

    /// Chi-square of 200,000 draws against exact probabilities; tails with an expectation under 10 are pooled.
    fn p_value(draws: impl Iterator<Item = u64>, pmf: impl Fn(u64) -> f64, top: u64) -> f64 {
        let mut counts = vec![0.0; top as usize + 1];
        let mut n = 0.0;
        for k in draws {
            counts[k.min(top) as usize] += 1.0;
            n += 1.0;
        }
        let (mut chi, mut cells) = (0.0, -1.0);
        let (mut pooled_seen, mut pooled_expected) = (0.0, 0.0);
        for (k, seen) in counts.iter().enumerate() {
            let expected = n * pmf(k as u64);
            if expected < 10.0 {
                pooled_seen += seen;
                pooled_expected += expected;
            } else {
                chi += (seen - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
        if pooled_expected > 0.0 {
            chi += (pooled_seen - pooled_expected).powi(2) / pooled_expected.max(1.0);
            cells += 1.0;
        }
        1.0 - ChiSquared::new(cells).unwrap().cdf(chi)
    }

    const DRAWS: u64 = 200_000;

    #[test]
    fn poisson_has_its_distribution() {
        // Six means with fixed streams: each p-value above 0.001 but for one time in 170, and then for ever or never.
        for (i, mean) in [0.004, 0.4, 3.9, 15.9, 16.1, 390.0].into_iter().enumerate() {
            let mut poisson = Poisson::default();
            poisson.set_mean(mean);
            let mut rng = stream(1, Purpose::Test, 0, i as u64);
            let exact = statrs::distribution::Poisson::new(mean).unwrap();
            let draws = (0..DRAWS).map(|_| poisson.sample(&mut rng));
            let p = p_value(draws, |k| exact.pmf(k), 2000);
            assert!(p > 0.001, "mean {mean}: p = {p}");
        }
    }

    #[test]
    fn the_check_notices_a_mean_two_percent_off() {
        let mut poisson = Poisson::default();
        poisson.set_mean(3.9 * 1.02);
        let mut rng = stream(1, Purpose::Test, 0, 99);
        let exact = statrs::distribution::Poisson::new(3.9).unwrap();
        let draws = (0..DRAWS).map(|_| poisson.sample(&mut rng));
        assert!(p_value(draws, |k| exact.pmf(k), 2000) < 1e-6);
    }

    #[test]
    fn binomial_has_its_distribution() {
        let cases = [
            (1, 0.3),
            (16, 0.9),
            (17, 0.5),
            (1000, 0.004),
            (1000, 0.996),
            (90, 0.4),
            (100_000, 0.5),
            (3000, 0.8),
        ];
        for (i, (n, p)) in cases.into_iter().enumerate() {
            let mut rng = stream(2, Purpose::Test, 1, i as u64);
            let exact = Binomial::new(p, n).unwrap();
            // Shifted, so that the table stays short for large means.
            let low = ((n as f64 * p - 12.0 * (n as f64 * p).sqrt()).max(0.0)) as u64;
            let draws = (0..DRAWS).map(|_| binomial(&mut rng, n, p).saturating_sub(low));
            let p_value = p_value(
                draws,
                |k| {
                    if k + low <= n {
                        exact.pmf(k + low)
                    } else {
                        0.0
                    }
                },
                6000,
            );
            assert!(p_value > 0.001, "n {n}, p {p}: p = {p_value}");
        }
    }

    #[test]
    fn binomial_of_a_certain_thing_is_certain() {
        let mut rng = stream(3, Purpose::Test, 0, 0);
        assert_eq!(binomial(&mut rng, 1 << 40, 0.0), 0);
        assert_eq!(binomial(&mut rng, 1 << 40, 1.0), 1 << 40);
        assert_eq!(binomial(&mut rng, 0, 0.5), 0);
        assert_eq!(binomial(&mut rng, 70, f64::NAN), 0);
    }

    #[test]
    fn gamma_has_its_distribution() {
        let (n, limit) = (50_000u32, 1.949); // Kolmogorov's 0.1 % point.
        let distance = |shape: f64, asked: f64, i: u64| {
            let mut rng = stream(5, Purpose::Test, 0, i);
            let mut draws: Vec<f64> = (0..n).map(|_| gamma(&mut rng, asked)).collect();
            draws.sort_unstable_by(f64::total_cmp);
            let law = statrs::distribution::Gamma::new(shape, 1.0).unwrap();
            // The crate takes what is below 1e-15 for 0. There the law is a power to all digits.
            let cdf = |x: f64| match x < 1e-12 {
                true => x.powf(shape) / statrs::function::gamma::gamma(shape + 1.0),
                false => law.cdf(x),
            };
            let off = draws.iter().zip(0u32..).map(|(&x, i)| {
                let place = |i: u32| f64::from(i) / f64::from(n);
                let p = cdf(x);
                (p - place(i)).abs().max((place(i + 1) - p).abs())
            });
            off.fold(0.0, f64::max) * f64::from(n).sqrt()
        };
        for (shape, i) in [0.04, 0.5, 1.0, 2.5, 900.0].into_iter().zip(0..) {
            let d = distance(shape, shape, i);
            assert!(d < limit, "{shape}: {d}");
        }
        assert!(distance(2.5, 2.6, 9) > limit, "the test can fail");
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut rng = stream(4, Purpose::Test, 0, 0);
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..DRAWS {
            let z = normal(&mut rng);
            sum += z;
            squares += z * z;
        }
        // Standard errors: 1/sqrt(n) = 0.0022 and sqrt(2/n) = 0.0032; four of each.
        let n = DRAWS as f64;
        assert!((sum / n).abs() < 0.009, "{}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.013, "{}", squares / n);
    }
}
