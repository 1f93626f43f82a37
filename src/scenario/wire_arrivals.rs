//! The language of scenario files: how the arrivals of a flow are spaced.

use toml::Spanned;

use super::quantity::{Count, Moment};
use super::scalar::{Names, Positive, RealLapse};
use super::wire_values::Devices;
use super::{Lag, Length, Times};

#[derive(Debug, serde::Deserialize)]
#[serde(
    rename_all = "snake_case",
    expecting = "a kind of arrivals, as in \"poisson\""
)]
pub(super) enum Arrivals {
    Even,
    Poisson,
    PoissonExact,
    Unthrottled,
    Bursty(Bursty),
    Batch(Batch),
    Periodic(Periodic),
    Closed(Closed),
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Bursty {
    pub cv: Positive,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Batch {
    pub size: Times,
    pub within: Spanned<Length>,
    pub at: Option<Spanned<Vec<Spanned<Moment>>>>,
    pub keeps: Option<Spanned<Names>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Periodic {
    pub devices: Spanned<Devices>,
    pub every: Spanned<RealLapse>,
    pub jitter: Option<Spanned<RealLapse>>,
    pub phase: Option<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case", expecting = "\"spread\" or \"aligned\"")]
pub(super) enum Phase {
    Spread,
    Aligned,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Closed {
    pub users: Spanned<Count>,
    pub think: Option<Spanned<Lag>>,
}
