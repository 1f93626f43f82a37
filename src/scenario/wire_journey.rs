//! The language of scenario files: journeys.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use toml::Spanned;

use super::quantity::Count;
use super::scalar::{Names, Share, Text};
use super::wire_values::Named;
use super::{Lag, Times};

/// `[journey.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Journey {
    pub start: Option<Spanned<Text>>,
    pub keeps: Option<Spanned<Names>>,
    pub at_most: Option<Spanned<Count>>,
    pub state: Option<Named<State>>,
    pub follow: Option<Vec<Spanned<Follow>>>,
}

/// `[journey.X.state.S]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct State {
    pub emits: Option<Spanned<Names>>,
    pub times: Option<Times>,
    pub next: Option<Spanned<Named<Way>>>,
    pub after: Option<Spanned<Lag>>,
    pub keep_on: Option<Spanned<Names>>,
}

/// `[[journey.X.follow]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Follow {
    pub on: Option<Spanned<Text>>,
    pub emits: Option<Spanned<Names>>,
    pub p: Option<Share>,
    pub times: Option<Times>,
    pub after: Option<Lag>,
}

/// A way to the next state: its probability, or that with a time of its own.
#[derive(Debug)]
pub(super) struct Way {
    pub p: f64,
    pub after: Option<Lag>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct WayTable {
    p: Share,
    after: Option<Lag>,
}

impl<'de> Deserialize<'de> for Way {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct WayVisitor;
        impl<'de> Visitor<'de> for WayVisitor {
            type Value = Way;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a probability, as in 0.3 or { p = 0.3, after = \"2m\" }")
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Way, E> {
                self.visit_f64(n as f64)
            }
            fn visit_f64<E: de::Error>(self, p: f64) -> Result<Way, E> {
                match (0.0..=1.0).contains(&p) {
                    true => Ok(Way { p, after: None }),
                    false => Err(E::custom(format!(
                        "expected a probability from 0 to 1, found {p}"
                    ))),
                }
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Way, A::Error> {
                let WayTable { p, after } =
                    WayTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Way { p: p.0, after })
            }
        }
        d.deserialize_any(WayVisitor)
    }
}
