//! Numbers with units, read as people write them: `"44k/min"`, `"1.8M"`, `"64KiB"`, `"200us"`, `"12:01"`.
//!
//! Every type prints the shortest text that reads back as the same value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Events in a real second. Finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// A whole number of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A length of time, to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lapse(pub Duration);

/// An instant of the simulated clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A time of day, in seconds since midnight.
    Clock(u32),
    /// This long after the start.
    After(Duration),
}

/// A text that is no such quantity: what is wrong, and how one looks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAQuantity(String);

fn not(text: &str, what: &str, example: &str) -> NotAQuantity {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    NotAQuantity(format!("`{shown}` is not {what}, as in {example}"))
}

/// Decimal multiples, largest first.
const MULTIPLES: [(&str, u64); 5] = [
    ("T", 1_000_000_000_000),
    ("B", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
    ("", 1),
];

/// Units of a rate, and their seconds.
const PER: [(&str, f64); 4] = [("s", 1.0), ("min", 60.0), ("h", 3600.0), ("day", 86_400.0)];

/// Units of a size, largest first.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// Units of a time in nanoseconds, largest first. What is written after a number is looked up here and in [`LAPSE_ALIASES`].
const LAPSES: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Other spellings of [`LAPSES`].
const LAPSE_ALIASES: [(&str, &str); 3] = [("µs", "us"), ("min", "m"), ("day", "d")];

/// A number as it is written, without loss: `digits / 10^places`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u128,
    places: u32,
}

impl Decimal {
    /// Splits the number off the front of a text. `None` when there is none, or it has more than 30 digits.
    fn split(text: &str) -> Option<(Decimal, &str)> {
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
            .unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let malformed = |s: &str| s.starts_with('_') || s.ends_with('_') || s.contains('.');
        if whole.is_empty()
            || malformed(whole)
            || malformed(part)
            || (part.is_empty() && number.contains('.'))
        {
            return None;
        }
        let digits: String = [whole, part].concat().replace('_', "");
        if digits.len() > 30 {
            return None;
        }
        let places = part.bytes().filter(u8::is_ascii_digit).count() as u32;
        Some((
            Decimal {
                digits: digits.parse().ok()?,
                places,
            },
            rest,
        ))
    }

    /// The number times `unit`, when that is whole and fits.
    fn whole_times(self, unit: u64) -> Option<u64> {
        let product = self.digits.checked_mul(u128::from(unit))?;
        let scale = 10u128.pow(self.places);
        (product % scale == 0)
            .then(|| product / scale)
            .and_then(|n| n.try_into().ok())
    }

    /// The number times `unit`, rounded.
    fn times(self, unit: f64) -> f64 {
        // Through the text, so that "0.1" is the double that everyone else means by 0.1.
        let number: f64 = format!("{}e-{}", self.digits, self.places)
            .parse()
            .unwrap_or(f64::INFINITY);
        number * unit
    }
}

/// The shortest of the candidates that reads back as `value`; of equals the first, `200us` before `0.2ms`.
fn shortest<T: FromStr + PartialEq>(value: &T, candidates: Vec<String>) -> Option<String> {
    candidates
        .into_iter()
        .filter(|text| text.parse::<T>().is_ok_and(|back| back == *value))
        .min_by_key(|text| (text.len(), text.starts_with("0.")))
}

impl Rate {
    /// A rate; `None` unless finite and not negative.
    pub fn per_second(rate: f64) -> Option<Rate> {
        (rate.is_finite() && rate >= 0.0).then_some(Rate(rate))
    }

    /// Events per real second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Rate, NotAQuantity> {
        let wrong = || not(text, "a rate", "\"9k/s\", \"44k/min\" or \"1.6B/day\"");
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        let (number, multiple) = Decimal::split(count.trim()).ok_or_else(wrong)?;
        let (_, multiple) = MULTIPLES
            .iter()
            .find(|(name, _)| *name == multiple.trim())
            .ok_or_else(wrong)?;
        let (_, seconds) = PER
            .iter()
            .find(|(name, _)| *name == per.trim())
            .ok_or_else(wrong)?;
        Rate::per_second(number.times(*multiple as f64) / seconds).ok_or_else(wrong)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidates = PER
            .iter()
            .flat_map(|(per, seconds)| {
                MULTIPLES.iter().map(move |(name, multiple)| {
                    format!("{}{name}/{per}", self.0 * seconds / *multiple as f64)
                })
            })
            .collect();
        match shortest(self, candidates) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}/s", self.0),
        }
    }
}

impl FromStr for Count {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Count, NotAQuantity> {
        let wrong = || not(text, "a whole number", "10_000 or \"1.8M\"");
        let (number, multiple) = Decimal::split(text.trim()).ok_or_else(wrong)?;
        MULTIPLES
            .iter()
            .find(|(name, _)| *name == multiple.trim())
            .and_then(|(_, multiple)| number.whole_times(*multiple))
            .map(Count)
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidates = MULTIPLES
            .iter()
            .map(|(name, multiple)| format!("{}{name}", decimal(self.0, *multiple)))
            .collect();
        match shortest(self, candidates) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Size {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Size, NotAQuantity> {
        let wrong = || {
            not(
                text,
                "a whole number of bytes",
                "\"1.2kB\", \"64KiB\" or \"300B\"",
            )
        };
        let (number, unit) = Decimal::split(text.trim()).ok_or_else(wrong)?;
        SIZES
            .iter()
            .find(|(name, _)| *name == unit.trim())
            .and_then(|(_, unit)| number.whole_times(*unit))
            .map(Size)
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidates = SIZES
            .iter()
            .map(|(name, unit)| format!("{}{name}", decimal(self.0, *unit)))
            .collect();
        match shortest(self, candidates) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// `value / unit` with up to four decimals; what is cut off, [`shortest`] notices.
fn decimal(value: u64, unit: u64) -> String {
    let part = u128::from(value % unit) * 10_000 / u128::from(unit);
    let text = format!("{}.{part:04}", value / unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl FromStr for Lapse {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Lapse, NotAQuantity> {
        let wrong = || {
            not(
                text,
                "a time",
                "\"200us\", \"26s\", \"1m30s\", \"24h\" or \"2d\"",
            )
        };
        let mut rest = text.trim();
        let mut total = 0u64;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let (number, after) = Decimal::split(rest).ok_or_else(wrong)?;
            let after = after.trim_start();
            let end = after
                .find(|c: char| !c.is_alphabetic())
                .unwrap_or(after.len());
            let (unit, next) = after.split_at(end);
            let unit = LAPSE_ALIASES
                .iter()
                .find(|(alias, _)| *alias == unit)
                .map_or(unit, |(_, unit)| unit);
            let (_, unit) = LAPSES
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(wrong)?;
            // Parts go from large to small, so that "30s1m" is not read as what it hardly means.
            if *unit >= last {
                return Err(wrong());
            }
            last = *unit;
            total = number
                .whole_times(*unit)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(wrong)?;
            rest = next.trim_start();
        }
        if last == u64::MAX {
            return Err(wrong());
        }
        Ok(Lapse(Duration::from_nanos(total)))
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        if ns == 0 {
            return f.write_str("0s");
        }
        let mut compound = String::new();
        let mut rest = ns;
        for (name, unit) in LAPSES {
            if rest >= unit {
                compound.push_str(&format!("{}{name}", rest / unit));
                rest %= unit;
            }
        }
        let mut candidates: Vec<String> = LAPSES
            .iter()
            .map(|(name, unit)| format!("{}{name}", decimal(ns, *unit)))
            .collect();
        candidates.push(compound.clone());
        f.write_str(&shortest(self, candidates).unwrap_or(compound))
    }
}

impl FromStr for Moment {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Moment, NotAQuantity> {
        let wrong = || {
            not(
                text,
                "a clock time",
                "\"12:01\", or \"+90s\" for a time after the start",
            )
        };
        let text = text.trim();
        if let Some(after) = text.strip_prefix('+') {
            let Lapse(after) = after.parse().map_err(|_| wrong())?;
            return Ok(Moment::After(after));
        }
        let parts: Vec<&str> = text.split(':').collect();
        let number = |part: &str, below: u32| {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse().ok())
                .flatten()
                .filter(|n: &u32| *n < below)
                .ok_or_else(wrong)
        };
        let [hour, minute, rest @ ..] = parts.as_slice() else {
            return Err(wrong());
        };
        let second = match rest {
            [] => 0,
            [second] => number(second, 60)?,
            _ => return Err(wrong()),
        };
        Ok(Moment::Clock(
            number(hour, 24)? * 3600 + number(minute, 60)? * 60 + second,
        ))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::After(after) => write!(f, "+{}", Lapse(*after)),
            Moment::Clock(s) => {
                write!(f, "{:02}:{:02}", s / 3600, s / 60 % 60)?;
                if s % 60 > 0 {
                    write!(f, ":{:02}", s % 60)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> f64 {
        text.parse::<Rate>().unwrap().as_per_second()
    }

    #[test]
    fn rates_read_as_people_write_them() {
        assert_eq!(rate("9k/s"), 9000.0);
        assert_eq!(rate("44k/min"), 44_000.0 / 60.0);
        assert_eq!(rate("1.6B/day"), 1.6e9 / 86_400.0);
        assert_eq!(rate("120/h"), 120.0 / 3600.0);
        assert_eq!(rate("10_000/s"), 10_000.0);
        assert_eq!(rate("0.5/s"), 0.5);
        for wrong in [
            "9k", "9q/s", "9k/sec", "-1/s", "/s", "9.k/s", "1e3/s", "inf/s", "NaN/s", "1.2.3/s",
            "_1/s", "",
        ] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!("1.8M".parse::<Count>().unwrap(), Count(1_800_000));
        assert_eq!("10_000".parse::<Count>().unwrap(), Count(10_000));
        assert_eq!("1.6B".parse::<Count>().unwrap(), Count(1_600_000_000));
        for wrong in [
            "1.5",
            "0.0001k",
            "-3",
            "3 apples",
            "",
            "99999999999999999999",
        ] {
            assert!(wrong.parse::<Count>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_know_both_kinds_of_multiples() {
        assert_eq!("1.2kB".parse::<Size>().unwrap(), Size(1200));
        assert_eq!("64KiB".parse::<Size>().unwrap(), Size(65_536));
        assert_eq!("1.5 MiB".parse::<Size>().unwrap(), Size(1_572_864));
        for wrong in ["1.2", "12kb", "0.3B", "-1B"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_units() {
        let ns = |text: &str| text.parse::<Lapse>().unwrap().0.as_nanos();
        assert_eq!(ns("200us"), 200_000);
        assert_eq!(ns("200µs"), 200_000);
        assert_eq!(ns("26s"), 26_000_000_000);
        assert_eq!(ns("24h"), 86_400_000_000_000);
        assert_eq!(ns("1m30s"), 90_000_000_000);
        assert_eq!(ns("1.5 h"), 5_400_000_000_000);
        assert_eq!(ns("0s"), 0);
        for wrong in [
            "26",
            "s",
            "",
            "-5s",
            "30s1m",
            "1s1s",
            "5 parsecs",
            "0.1ns",
            "9999999d",
        ] {
            assert!(wrong.parse::<Lapse>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn clock_times_are_of_a_day() {
        assert_eq!("12:01".parse(), Ok(Moment::Clock(43_260)));
        assert_eq!("23:59:59".parse(), Ok(Moment::Clock(86_399)));
        assert_eq!(
            "+90s".parse(),
            Ok(Moment::After(Duration::from_secs(90))),
            "after the start"
        );
        for wrong in ["24:00", "12:60", "12", "1:5", "+", "12:00:00:00", "-90s"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_shortest_text_is_printed() {
        assert_eq!(
            "44k/min".parse::<Rate>().unwrap().to_string(),
            "44k/min",
            "not 733.33…/s"
        );
        assert_eq!(Rate(9000.0).to_string(), "9k/s");
        assert_eq!(Rate(600.0).to_string(), "600/s");
        assert_eq!(Count(1_800_000).to_string(), "1.8M");
        assert_eq!(Count(600).to_string(), "600");
        assert_eq!(Size(65_536).to_string(), "64KiB");
        assert_eq!(Size(1200).to_string(), "1.2kB");
        assert_eq!(Lapse(Duration::from_micros(200)).to_string(), "200us");
        assert_eq!(Lapse(Duration::from_secs(90)).to_string(), "90s");
        assert_eq!(Lapse(Duration::from_millis(1200)).to_string(), "1.2s");
        assert_eq!(Lapse(Duration::from_secs(86_400)).to_string(), "1d");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            rate in 0.0f64..1e13,
            count: u64,
            size: u64,
            ns: u64,
            second in 0u32..86_400,
        ) {
            let rate = Rate(rate);
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            prop_assert_eq!(Count(count).to_string().parse(), Ok(Count(count)));
            prop_assert_eq!(Size(size).to_string().parse(), Ok(Size(size)));
            let lapse = Lapse(Duration::from_nanos(ns));
            prop_assert_eq!(lapse.to_string().parse(), Ok(lapse));
            prop_assert_eq!(Moment::Clock(second).to_string().parse(), Ok(Moment::Clock(second)));
            let after = Moment::After(Duration::from_nanos(ns));
            prop_assert_eq!(after.to_string().parse(), Ok(after));
        }

        #[test]
        fn whatever_is_typed_never_panics(text in ".{0,24}", near in "[0-9._+:/ kMBGTiusmhdnay]{0,12}") {
            for text in [text, near] {
                let _ = text.parse::<Rate>();
                let _ = text.parse::<Count>();
                let _ = text.parse::<Size>();
                let _ = text.parse::<Lapse>();
                let _ = text.parse::<Moment>();
            }
        }
    }
}
