//! The laws that lags are drawn from.
//!
//! A normal number is had by inversion, which costs half of what the pair of trigonometric and logarithmic functions does: there is a lag in
//! nearly every step.

use libm::{erfc, exp, log};
use rand::Rng;

use crate::rng::Stream;
use crate::scenario::{Lag, Length};
use crate::schedule::draw::{exponential, gamma, unit};

/// Seconds in a day.
const DAY_S: f64 = 86_400.0;
const NS_PER_S: f64 = 1e9;

/// A number of nanoseconds that is drawn.
#[derive(Clone, Copy, Debug)]
pub(in crate::schedule) enum Draws {
    Fixed(f64),
    Uniform {
        from: f64,
        width: f64,
    },
    Exponential {
        mean: f64,
    },
    /// `mu` and `sigma` of the logarithm; `below`: the probability of what lies under the cut.
    LogNormal {
        mu: f64,
        sigma: f64,
        below: f64,
    },
    Gamma {
        shape: f64,
        scale: f64,
    },
}

impl Draws {
    fn log_normal(median: f64, sigma: f64, max: Option<f64>) -> Draws {
        if median <= 0.0 {
            return Draws::Fixed(0.0);
        }
        let mu = log(median);
        let below = match max {
            Some(max) if sigma > 0.0 => normal_below((log(max) - mu) / sigma),
            _ => 1.0,
        };
        Draws::LogNormal { mu, sigma, below }
    }

    fn gamma(mean: f64, cv: f64) -> Draws {
        if mean <= 0.0 || cv <= 0.0 {
            return Draws::Fixed(mean.max(0.0));
        }
        let variance = cv * cv;
        Draws::Gamma {
            shape: 1.0 / variance,
            scale: mean * variance,
        }
    }

    #[inline]
    fn draw(&self, rng: &mut Stream) -> f64 {
        match *self {
            Draws::Fixed(value) => value,
            Draws::Uniform { from, width } => from + width * unit(rng),
            Draws::Exponential { mean } => mean * exponential(rng),
            Draws::LogNormal { mu, sigma, below } => {
                exp(mu + sigma * normal_quantile(inner_unit(rng) * below))
            }
            Draws::Gamma { shape, scale } => scale * gamma(rng, shape),
        }
    }
}

/// Uniform in (0, 1).
#[inline]
fn inner_unit(rng: &mut Stream) -> f64 {
    unit(rng) + 0.5 / (1u64 << 53) as f64
}

/// The probability that a standard normal number is below `z`.
fn normal_below(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The number that a standard normal one is below with probability `p`: PPND7 of algorithm AS 241 (Wichura 1988), good to one
/// part in ten million.
#[inline]
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        let over =
            ((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_717_9;
        let under = ((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0;
        return q * over / under;
    }
    let r = log(if q < 0.0 { p } else { 1.0 - p });
    let r = (-r).sqrt();
    let z = if r <= 5.0 {
        let r = r - 1.6;
        let over =
            ((0.170_238_211_03 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7;
        over / ((0.120_211_329_75 * r + 0.737_001_642_50) * r + 1.0)
    } else {
        let r = r - 5.0;
        let over = ((0.017_337_203_997 * r + 0.428_682_943_37) * r + 3.081_226_386_0) * r
            + 6.657_905_115_0;
        over / ((0.012_258_202_635 * r + 0.241_978_942_25) * r + 1.0)
    };
    if q < 0.0 { -z } else { z }
}

/// How long something takes, in real nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(in crate::schedule) enum Law {
    Drawn(Draws),
    Clock(ClockLag),
}

/// Until the next time the simulated clock shows something, and evenly within some time after it.
#[derive(Clone, Copy, Debug)]
pub(in crate::schedule) struct ClockLag {
    /// The time of the day, in real nanoseconds since midnight.
    pub at_ns: f64,
    /// A simulated day.
    pub day_ns: f64,
    pub within_ns: f64,
    /// The time of the day when the run starts.
    pub start_ns: f64,
}

impl ClockLag {
    /// How long until the clock shows it, when it shows `now_ns` since some midnight.
    #[inline]
    pub fn wait_ns(&self, now_ns: f64) -> f64 {
        (self.at_ns - now_ns).rem_euclid(self.day_ns)
    }
}

/// How the simulated clock runs.
#[derive(Clone, Copy, Debug)]
pub(in crate::schedule) struct Clockwork {
    /// Simulated seconds in a real one.
    pub compress: f64,
    /// Simulated seconds from midnight to the start of the run.
    pub start_s: f64,
}

impl Law {
    pub fn new(lag: &Lag, clockwork: Clockwork) -> Law {
        let ns = |length: Length| {
            let seconds = if length.real {
                length.seconds
            } else {
                length.seconds / clockwork.compress
            };
            seconds * NS_PER_S
        };
        let simulated_ns = |seconds: f64| seconds / clockwork.compress * NS_PER_S;
        Law::Drawn(match *lag {
            Lag::Fixed(length) => Draws::Fixed(ns(length)),
            Lag::Uniform(low, high) => Draws::Uniform {
                from: ns(low),
                width: ns(high) - ns(low),
            },
            Lag::Exponential { mean } => Draws::Exponential { mean: ns(mean) },
            Lag::LogNormal { median, sigma, max } => {
                Draws::log_normal(ns(median), sigma, max.map(ns))
            }
            Lag::Gamma { mean, cv } => Draws::gamma(ns(mean), cv),
            Lag::At { clock, within } => {
                return Law::Clock(ClockLag {
                    at_ns: simulated_ns(clock),
                    day_ns: simulated_ns(DAY_S),
                    within_ns: simulated_ns(within),
                    start_ns: simulated_ns(clockwork.start_s),
                });
            }
        })
    }
}

/// An instant of a journey, to which lags are added.
pub(in crate::schedule) trait Moment: Copy {
    /// This much later.
    fn plus(self, ns: f64) -> Self;

    /// When the clock shows what the lag waits for, and `drawn_ns` more.
    fn at_clock(self, lag: &ClockLag, drawn_ns: f64) -> Self;

    /// A lag of this law later.
    #[inline]
    fn later(self, law: &Law, rng: &mut Stream) -> Self {
        match law {
            Law::Drawn(draws) => self.plus(draws.draw(rng)),
            Law::Clock(lag) => self.at_clock(lag, unit(rng) * lag.within_ns),
        }
    }
}

/// An instant of the run: real nanoseconds since the start of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::schedule) struct At(pub i64);

impl At {
    /// In milliseconds; 24 days away it goes no further.
    #[inline]
    pub fn ms(self) -> i32 {
        let ms = self.0.div_euclid(1_000_000);
        ms.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

impl Moment for At {
    #[inline]
    fn plus(self, ns: f64) -> At {
        // The cast saturates: what comes after the end of the run is not kept, however late.
        At(self.0.saturating_add(ns as i64))
    }

    #[inline]
    fn at_clock(self, lag: &ClockLag, drawn_ns: f64) -> At {
        self.plus(lag.wait_ns(lag.start_ns + self.0 as f64) + drawn_ns)
    }
}

/// A chance as a bar that a random number must stay below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub fn new(p: f64) -> Chance {
        // The cast saturates; what is certain fails once in 2^64.
        Chance((p * 2f64.powi(64)) as u64)
    }

    #[inline]
    pub fn falls(self, rng: &mut Stream) -> bool {
        self.covers(rng.next_u64())
    }

    #[inline]
    pub fn covers(self, random: u64) -> bool {
        random < self.0
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, Gamma, LogNormal, Normal};

    use super::*;
    use crate::rng::{Purpose, stream};

    fn simulated(seconds: f64) -> Length {
        Length {
            seconds,
            real: false,
        }
    }

    fn law(lag: &Lag, compress: f64) -> Law {
        let clockwork = Clockwork {
            compress,
            start_s: 0.0,
        };
        Law::new(lag, clockwork)
    }

    /// 20,000 draws, in seconds, ascending.
    fn seconds(law: &Law) -> Vec<f64> {
        let mut rng = stream(1, Purpose::Test, 0, 0);
        let mut draws: Vec<f64> = (0..20_000)
            .map(|_| At(0).later(law, &mut rng).0 as f64 / 1e9)
            .collect();
        draws.sort_unstable_by(f64::total_cmp);
        draws
    }

    /// Kolmogorov and Smirnov's distance times the root of n: above 1.63 once in a hundred tests.
    fn distance(draws: &[f64], below: impl Fn(f64) -> f64) -> f64 {
        let n = draws.len() as f64;
        let off = draws.iter().enumerate().map(|(i, &x)| {
            let p = below(x);
            (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs())
        });
        off.fold(0.0, f64::max) * n.sqrt()
    }

    #[test]
    fn normal_quantiles_are_good_to_one_in_a_million() {
        let normal = Normal::new(0.0, 1.0).unwrap();
        for p in [
            1e-15, 1e-9, 1e-4, 0.02, 0.074, 0.076, 0.3, 0.5, 0.77, 0.95, 0.9999,
        ] {
            let exact = normal.inverse_cdf(p);
            let error = (normal_quantile(p) - exact).abs();
            assert!(error <= 1e-6 * exact.abs().max(1e-3), "{p}: {error}");
        }
    }

    #[test]
    fn lags_follow_their_laws() {
        let log_normal = |max: Option<f64>| Lag::LogNormal {
            median: simulated(22.0),
            sigma: 1.2,
            max: max.map(simulated),
        };
        let gamma = |cv| Lag::Gamma {
            mean: simulated(8.0),
            cv,
        };
        let exponential = Lag::Exponential {
            mean: simulated(40.0),
        };
        let uniform = Lag::Uniform(simulated(2.0), simulated(6.0));
        let by_log_normal = |x: f64| LogNormal::new(22f64.ln(), 1.2).unwrap().cdf(x);
        let cut = by_log_normal(60.0);
        let by_gamma = |cv: f64, x: f64| {
            let shape = 1.0 / (cv * cv);
            Gamma::new(shape, shape / 8.0).unwrap().cdf(x)
        };
        type Below<'a> = &'a dyn Fn(f64) -> f64;
        let cases: [(Lag, Below<'_>); 6] = [
            (log_normal(None), &by_log_normal),
            (log_normal(Some(60.0)), &|x| {
                (by_log_normal(x) / cut).min(1.0)
            }),
            (gamma(0.5), &|x| by_gamma(0.5, x)),
            (gamma(2.0), &|x| by_gamma(2.0, x)),
            (exponential, &|x| 1.0 - (-x / 40.0).exp()),
            (uniform, &|x| ((x - 2.0) / 4.0).clamp(0.0, 1.0)),
        ];
        for (lag, below) in cases {
            let draws = seconds(&law(&lag, 1.0));
            let off = distance(&draws, below);
            assert!(off < 1.63, "{lag:?}: {off}");
            // A tenth slower is noticed.
            let wrong = distance(&draws, |x| below(x / 1.1));
            assert!(
                wrong > 1.63,
                "{lag:?} can't be told from a slower one: {wrong}"
            );
        }
    }

    #[test]
    fn simulated_lags_shrink_and_real_ones_do_not() {
        let real = Lag::Fixed(Length {
            seconds: 3.0,
            real: true,
        });
        let shrinks = Lag::Fixed(simulated(3.0));
        let mut rng = stream(1, Purpose::Test, 0, 0);
        assert_eq!(At(5).later(&law(&real, 10.0), &mut rng), At(3_000_000_005));
        assert_eq!(At(5).later(&law(&shrinks, 10.0), &mut rng), At(300_000_005));
        assert_eq!(At(5).plus(1e30), At(i64::MAX));
    }

    #[test]
    fn clock_times_come_next_and_within() {
        let evening = Lag::At {
            clock: 22.0 * 3600.0,
            within: 3600.0,
        };
        // The run starts at 21:00, a real second plays a simulated minute.
        let clockwork = Clockwork {
            compress: 60.0,
            start_s: 21.0 * 3600.0,
        };
        let law = Law::new(&evening, clockwork);
        let mut rng = stream(1, Purpose::Test, 0, 0);
        for (now_s, expected_s) in [(0, 60), (59, 60), (61, 1500), (-1, 60), (-1500, -1380)] {
            let At(ns) = At(now_s * 1_000_000_000).later(&law, &mut rng);
            let late_s = ns as f64 / 1e9 - f64::from(expected_s);
            assert!((0.0..60.0).contains(&late_s), "{now_s}: {late_s}");
        }
    }

    #[test]
    fn chances_fall_as_often_as_they_should() {
        let mut rng = stream(1, Purpose::Test, 0, 0);
        let chance = Chance::new(0.97);
        let falls = (0..10_000).filter(|_| chance.falls(&mut rng)).count();
        // 9700 ± 17; five of them.
        assert!(falls.abs_diff(9700) < 86, "{falls}");
        assert!(Chance::new(1.0).covers(u64::MAX - 1) && !Chance::new(0.0).covers(0));
    }
}
