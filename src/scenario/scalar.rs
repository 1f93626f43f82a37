//! Single values of scenario files, each a type that cannot hold an impossible one.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

use super::Length;
use super::quantity::{Count, Lapse, Moment, Rate, Size};

/// What the error of a [`Later`] says; `read` puts the word in its place.
pub(super) const LATER: &str = "later";

/// Why a value was not taken.
pub(super) enum Refused {
    /// It is of another type.
    Type,
    /// It is of the right type; the sentence says what is wrong.
    Value(String),
}

impl<E: fmt::Display> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused::Value(error.to_string())
    }
}

/// A value that is one TOML string or number.
pub(super) trait Scalar: Sized {
    /// What is expected, with an example.
    const EXPECTED: &'static str;

    fn from_text(_: &str) -> Result<Self, Refused> {
        Err(Refused::Type)
    }
    fn from_whole(_: i128) -> Result<Self, Refused> {
        Err(Refused::Type)
    }
    fn from_float(_: f64) -> Result<Self, Refused> {
        Err(Refused::Type)
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

/// Errors are made inside the visitor, since only there toml adds the value's own place.
impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(|r| refusal(r, Unexpected::Str(text), &self))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<T, E> {
        T::from_whole(n.into()).map_err(|r| refusal(r, Unexpected::Signed(n), &self))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<T, E> {
        T::from_whole(n.into()).map_err(|r| refusal(r, Unexpected::Unsigned(n), &self))
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<T, E> {
        T::from_float(x).map_err(|r| refusal(r, Unexpected::Float(x), &self))
    }
}

/// What serde is told of a value that was not taken.
pub(super) fn refusal<E: de::Error>(
    refused: Refused,
    found: Unexpected<'_>,
    expected: &dyn de::Expected,
) -> E {
    match refused {
        Refused::Type => E::invalid_type(found, expected),
        Refused::Value(message) => E::custom(message),
    }
}

macro_rules! scalars {
    ($($t:ty),* $(,)?) => {$(
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any(ScalarVisitor::<$t>(PhantomData))
            }
        }
    )*};
}

scalars!(
    Rate,
    Count,
    Size,
    Lapse,
    Moment,
    RealLapse,
    Length,
    Number,
    Positive,
    NonNegative,
    Figure,
    Share,
    Quantile,
    Whole,
    Amount,
    Text,
);

impl Scalar for Rate {
    const EXPECTED: &'static str = "a rate, as in \"9k/s\", \"44k/min\" or \"1.6B/day\"";
    fn from_text(text: &str) -> Result<Rate, Refused> {
        let rate: Rate = text.parse()?;
        match rate.as_per_second() {
            0.0 => Err("a rate must be above 0".into()),
            r if r > 1e10 => Err("a rate can't be above 10B/s".into()),
            _ => Ok(rate),
        }
    }
    fn from_whole(n: i128) -> Result<Rate, Refused> {
        Err(format!("a rate needs its unit: \"{n}/s\"").into())
    }
    fn from_float(x: f64) -> Result<Rate, Refused> {
        Err(format!("a rate needs its unit: \"{x}/s\"").into())
    }
}

impl Scalar for Count {
    const EXPECTED: &'static str = "a whole number, as in 10_000 or \"1.8M\"";
    fn from_text(text: &str) -> Result<Count, Refused> {
        Ok(text.parse()?)
    }
    fn from_whole(n: i128) -> Result<Count, Refused> {
        match u64::try_from(n) {
            Ok(n) => Ok(Count(n)),
            Err(_) => Err(format!("{n} can't be a number of things").into()),
        }
    }
}

impl Scalar for Size {
    const EXPECTED: &'static str = "a number of bytes, as in \"1.2kB\" or \"64KiB\"";
    fn from_text(text: &str) -> Result<Size, Refused> {
        Ok(text.parse()?)
    }
    fn from_whole(n: i128) -> Result<Size, Refused> {
        match u64::try_from(n) {
            Ok(n) => Ok(Size(n)),
            Err(_) => Err(format!("{n} can't be a number of bytes").into()),
        }
    }
}

impl Scalar for Lapse {
    const EXPECTED: &'static str = "a time, as in \"200us\", \"26s\" or \"24h\"";
    fn from_text(text: &str) -> Result<Lapse, Refused> {
        if text.trim_end().ends_with("real") {
            return Err("this time is simulated: it can't be \"real\"".into());
        }
        Ok(text.parse()?)
    }
    fn from_whole(n: i128) -> Result<Lapse, Refused> {
        Err(format!("a time needs its unit: \"{n}s\"").into())
    }
    fn from_float(x: f64) -> Result<Lapse, Refused> {
        Err(format!("a time needs its unit: \"{x}s\"").into())
    }
}

/// A time that is real in any case; saying so is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RealLapse(pub Duration);

impl Scalar for RealLapse {
    const EXPECTED: &'static str = Lapse::EXPECTED;
    fn from_text(text: &str) -> Result<RealLapse, Refused> {
        let text = text.trim_end();
        let Lapse(time) = text.strip_suffix("real").unwrap_or(text).parse()?;
        Ok(RealLapse(time))
    }
    fn from_whole(n: i128) -> Result<RealLapse, Refused> {
        Lapse::from_whole(n).map(|t| RealLapse(t.0))
    }
    fn from_float(x: f64) -> Result<RealLapse, Refused> {
        Lapse::from_float(x).map(|t| RealLapse(t.0))
    }
}

/// Simulated, unless it says that it is real.
impl Scalar for Length {
    const EXPECTED: &'static str = "a time, as in \"5s\" or \"1.2s real\"";
    fn from_text(text: &str) -> Result<Length, Refused> {
        let real = text.trim_end().ends_with("real");
        let RealLapse(time) = RealLapse::from_text(text)?;
        let seconds = time.as_secs_f64();
        Ok(Length { seconds, real })
    }
    fn from_whole(n: i128) -> Result<Length, Refused> {
        Err(format!("a time needs its unit: \"{n}s\"").into())
    }
    fn from_float(x: f64) -> Result<Length, Refused> {
        Err(format!("a time needs its unit: \"{x}s\"").into())
    }
}

impl Scalar for Moment {
    const EXPECTED: &'static str = "a clock time, as in \"12:01\", or \"+90s\" after the start";
    fn from_text(text: &str) -> Result<Moment, Refused> {
        Ok(text.parse()?)
    }
}

/// Any finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub f64);

/// A number above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Positive(pub f64);

/// A number of 0 or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NonNegative(pub f64);

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub f64);

/// A number between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantile(pub f64);

impl Scalar for Number {
    const EXPECTED: &'static str = "a number";
    fn from_whole(n: i128) -> Result<Number, Refused> {
        Ok(Number(n as f64))
    }
    fn from_float(x: f64) -> Result<Number, Refused> {
        match x.is_finite() {
            true => Ok(Number(x)),
            false => Err(format!("{x} is not a number to count with").into()),
        }
    }
}

macro_rules! bounded {
    ($t:ident, $expected:literal, $x:ident, $ok:expr) => {
        impl Scalar for $t {
            const EXPECTED: &'static str = $expected;
            fn from_whole(n: i128) -> Result<$t, Refused> {
                <$t>::from_float(n as f64)
            }
            fn from_float($x: f64) -> Result<$t, Refused> {
                match $x.is_finite() && $ok {
                    true => Ok($t($x)),
                    false => Err(format!("expected {}, found {}", $expected, $x).into()),
                }
            }
        }
    };
}
bounded!(Positive, "a number above 0", x, x > 0.0);
bounded!(NonNegative, "a number of 0 or more", x, x >= 0.0);
bounded!(Share, "a share from 0 to 1", x, (0.0..=1.0).contains(&x));
bounded!(
    Quantile,
    "a quantile between 0 and 1, as in 0.99",
    x,
    x > 0.0 && x < 1.0
);

/// A number of 0 or more; a whole one may be written as counts are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure(pub f64);

impl Scalar for Figure {
    const EXPECTED: &'static str = "a number of 0 or more, as in 2.5 or \"1M\"";
    fn from_text(text: &str) -> Result<Figure, Refused> {
        let Count(n) = text.parse()?;
        Ok(Figure(n as f64))
    }
    fn from_whole(n: i128) -> Result<Figure, Refused> {
        Figure::from_float(n as f64)
    }
    fn from_float(x: f64) -> Result<Figure, Refused> {
        match x.is_finite() && x >= 0.0 {
            true => Ok(Figure(x)),
            false => Err(format!("expected {}, found {x}", Figure::EXPECTED).into()),
        }
    }
}

/// A whole number, of either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub i64);

impl Scalar for Whole {
    const EXPECTED: &'static str = "a whole number";
    fn from_whole(n: i128) -> Result<Whole, Refused> {
        Ok(Whole(i64::try_from(n)?))
    }
}

/// What a limit or a level is: its meaning depends on the metric beside it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Amount {
    /// A whole number.
    Count(u64),
    /// A number with a fraction.
    Share(f64),
    /// A time.
    Time(Duration),
}

impl Scalar for Amount {
    const EXPECTED: &'static str = "a time (\"100ms\"), a count (0, \"1M\") or a share (0.001)";
    fn from_text(text: &str) -> Result<Amount, Refused> {
        if let Ok(RealLapse(time)) = RealLapse::from_text(text) {
            return Ok(Amount::Time(time));
        }
        match text.parse::<Count>() {
            Ok(Count(n)) => Ok(Amount::Count(n)),
            Err(_) => Err(format!("`{text}` is not {}", Amount::EXPECTED).into()),
        }
    }
    fn from_whole(n: i128) -> Result<Amount, Refused> {
        Count::from_whole(n).map(|Count(n)| Amount::Count(n))
    }
    fn from_float(x: f64) -> Result<Amount, Refused> {
        NonNegative::from_float(x).map(|NonNegative(x)| Amount::Share(x))
    }
}

/// A text. Its own type, so that its errors speak our language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub String);

impl Scalar for Text {
    const EXPECTED: &'static str = "a text in quotes";
    fn from_text(text: &str) -> Result<Text, Refused> {
        Ok(Text(text.to_owned()))
    }
}

/// A word that later versions know. Never made: reading it is the error.
#[derive(Clone, Debug)]
pub(super) enum Later {}

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Later, D::Error> {
        d.deserialize_any(LaterVisitor)
    }
}

struct LaterVisitor;

impl<'de> Visitor<'de> for LaterVisitor {
    type Value = Later;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LATER)
    }
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Later, E> {
        Err(E::custom(LATER))
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Later, E> {
        Err(E::custom(LATER))
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Later, E> {
        Err(E::custom(LATER))
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Later, E> {
        Err(E::custom(LATER))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<Later, A::Error> {
        Err(de::Error::custom(LATER))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, _: A) -> Result<Later, A::Error> {
        Err(de::Error::custom(LATER))
    }
}

/// One name, or a list of them, each with its place where it has one of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(pub Vec<(String, Option<Range<usize>>)>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Names, D::Error> {
        d.deserialize_any(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a list of names")
    }
    fn visit_str<E: de::Error>(self, name: &str) -> Result<Names, E> {
        Ok(Names(vec![(name.to_owned(), None)]))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element::<toml::Spanned<Text>>()? {
            let span = name.span();
            names.push((name.into_inner().0, Some(span)));
        }
        Ok(Names(names))
    }
}
