//! The language of scenario files: lengths and numbers that are drawn. Impossible laws are refused here, so that what was
//! read can be drawn from.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

use super::quantity::{Count, Lapse, Moment};
use super::scalar::{Figure, NonNegative, Positive, Scalar, refusal};
use super::{Lag, Length, Times};

/// The words of a [`Lag`] with settings. One of them stands, `within` beside `at` alone.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct LagTable {
    uniform: Option<(Length, Length)>,
    exponential: Option<Length>,
    lognormal: Option<LogNormal<Length>>,
    gamma: Option<Gamma<Length>>,
    at: Option<Moment>,
    within: Option<Lapse>,
}

/// The words of [`Times`] with settings. One of them stands.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct TimesTable {
    uniform: Option<(Figure, Figure)>,
    exponential: Option<Figure>,
    lognormal: Option<LogNormal<Figure>>,
    gamma: Option<Gamma<Figure>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct LogNormal<T> {
    median: T,
    sigma: NonNegative,
    max: Option<T>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Gamma<T> {
    mean: T,
    cv: Positive,
}

/// More than anyone does anything.
const MOST_TIMES: f64 = 1e12;

/// A mean or a median: above zero.
fn above_zero(word: &str, value: f64) -> Result<(), String> {
    match value > 0.0 {
        true => Ok(()),
        false => Err(format!("`{word}` must be above 0")),
    }
}

/// Two lengths of one law are counted by the same clock.
fn same_clock(a: Length, b: Length) -> Result<(), String> {
    match a.real == b.real {
        true => Ok(()),
        false => Err("one of these times is real and the other simulated".into()),
    }
}

fn in_order(a: f64, b: f64) -> Result<(), String> {
    match (a > b, b > 0.0) {
        (true, _) => Err("the first number must not be above the second".into()),
        (false, true) => Ok(()),
        (false, false) => Err("the second number must be above 0".into()),
    }
}

/// A law cut off below its median would be drawn in vain most of the time.
fn cut_off(median: f64, max: Option<f64>) -> Result<(), String> {
    match max.is_some_and(|max| max < median) {
        true => Err("`max` is below the median".into()),
        false => Ok(()),
    }
}

impl LagTable {
    fn lag(self) -> Result<Lag, String> {
        let at_least_one =
            "one of `uniform`, `exponential`, `lognormal`, `gamma` or `at` is expected here";
        let within = self.within;
        if let (Some(_), None) = (within, self.at) {
            return Err(
                "`within` stands beside `at`, as in { at = \"22:00\", within = \"4h\" }".into(),
            );
        }
        let mut laws = Vec::new();
        if let Some((a, b)) = self.uniform {
            same_clock(a, b)?;
            in_order(a.seconds, b.seconds)?;
            laws.push(Lag::Uniform(a, b));
        }
        if let Some(mean) = self.exponential {
            above_zero("exponential", mean.seconds)?;
            laws.push(Lag::Exponential { mean });
        }
        if let Some(LogNormal { median, sigma, max }) = self.lognormal {
            above_zero("median", median.seconds)?;
            if let Some(max) = max {
                same_clock(median, max)?;
            }
            cut_off(median.seconds, max.map(|m| m.seconds))?;
            let sigma = sigma.0;
            laws.push(Lag::LogNormal { median, sigma, max });
        }
        if let Some(Gamma { mean, cv }) = self.gamma {
            above_zero("mean", mean.seconds)?;
            laws.push(Lag::Gamma { mean, cv: cv.0 });
        }
        if let Some(at) = self.at {
            let Moment::Clock(clock) = at else {
                return Err("`at` is a clock time here, as in \"22:00\"".into());
            };
            laws.push(Lag::At {
                clock: f64::from(clock),
                within: within.map_or(0.0, |Lapse(w)| w.as_secs_f64()),
            });
        }
        only(laws, at_least_one)
    }
}

impl TimesTable {
    fn times(self) -> Result<Times, String> {
        let mut laws = Vec::new();
        if let Some((Figure(a), Figure(b))) = self.uniform {
            in_order(a, b)?;
            laws.push(Times::Uniform(a, b));
        }
        if let Some(Figure(mean)) = self.exponential {
            above_zero("exponential", mean)?;
            laws.push(Times::Exponential { mean });
        }
        if let Some(LogNormal { median, sigma, max }) = self.lognormal {
            let (median, max) = (median.0, max.map(|m| m.0));
            above_zero("median", median)?;
            cut_off(median, max)?;
            let sigma = sigma.0;
            laws.push(Times::LogNormal { median, sigma, max });
        }
        if let Some(Gamma { mean, cv }) = self.gamma {
            let (mean, cv) = (mean.0, cv.0);
            above_zero("mean", mean)?;
            laws.push(Times::Gamma { mean, cv });
        }
        only(
            laws,
            "one of `uniform`, `exponential`, `lognormal` or `gamma` is expected here",
        )
    }
}

/// The one law of a list.
fn only<T>(mut laws: Vec<T>, expected: &str) -> Result<T, String> {
    match (laws.pop(), laws.is_empty()) {
        (Some(law), true) => Ok(law),
        _ => Err(expected.to_owned()),
    }
}

impl<'de> Deserialize<'de> for Lag {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct LagVisitor;
        impl<'de> Visitor<'de> for LagVisitor {
            type Value = Lag;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time, as in \"5s\" or { exponential = \"40s\" }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Lag, E> {
                Length::from_text(text)
                    .map(Lag::Fixed)
                    .map_err(|refused| refusal(refused, Unexpected::Str(text), &self))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Lag, E> {
                Err(E::custom(format!("a time needs its unit: \"{n}s\"")))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Lag, E> {
                Err(E::custom(format!("a time needs its unit: \"{x}s\"")))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Lag, A::Error> {
                let table = LagTable::deserialize(MapAccessDeserializer::new(map))?;
                table.lag().map_err(de::Error::custom)
            }
        }
        d.deserialize_any(LagVisitor)
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TimesVisitor;
        impl<'de> Visitor<'de> for TimesVisitor {
            type Value = Times;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number, as in 3, \"25M\" or { lognormal = { median = 4, sigma = 1 } }",
                )
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Times, E> {
                let Count(n) = text.parse().map_err(E::custom)?;
                fixed(n as f64)
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Times, E> {
                fixed(n as f64)
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Times, E> {
                fixed(x)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Times, A::Error> {
                let table = TimesTable::deserialize(MapAccessDeserializer::new(map))?;
                table.times().map_err(de::Error::custom)
            }
        }
        d.deserialize_any(TimesVisitor)
    }
}

fn fixed<E: de::Error>(n: f64) -> Result<Times, E> {
    match (1.0..=MOST_TIMES).contains(&n) && n.fract() == 0.0 {
        true => Ok(Times::Fixed(n)),
        false => Err(E::custom(format!(
            "expected a whole number above 0, found {n}"
        ))),
    }
}
