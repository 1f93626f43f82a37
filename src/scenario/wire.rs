//! The language of scenario files, table by table, as serde reads it. Nothing is checked here but types.
//!
//! Fields that must be there are optional here: so the rest of their table is checked when one is missing.
//! No `flatten`, `untagged` or internal tags: they lose the place of errors.

use toml::Spanned;

use super::quantity::{Count, Lapse, Moment, Rate, Size};
use super::scalar::{
    Amount, Names, NonNegative, Number, Positive, Quantile, RealLapse, Share, Text,
};
use super::wire_arrivals::Arrivals;
use super::wire_values::{Mix, Named, Properties, WireField};

/// `[time]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Time {
    pub starts: Option<Spanned<Text>>,
    pub span: Option<Spanned<Lapse>>,
    pub play: Option<Spanned<Vec<Spanned<Moment>>>>,
    pub compress: Option<Positive>,
    pub warmup: Option<Spanned<RealLapse>>,
    pub history: Option<Spanned<RealLapse>>,
    pub settle: Option<RealLapse>,
    pub catch_up: Option<RealLapse>,
}

/// `[load]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Load {
    pub scale: Option<Positive>,
    pub shards: Option<Spanned<Count>>,
    pub lock: Option<Vec<Spanned<Text>>>,
}

/// `[pool.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Pool {
    pub count: Option<Spanned<Count>>,
    pub of: Option<Spanned<Text>>,
    pub skew: Option<Skew>,
    pub fields: Option<Named<Spanned<WireField>>>,
    pub flash: Option<PickFlash>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case", expecting = "a skew, as in { zipf = 1.1 }")]
pub(super) enum Skew {
    Uniform,
    Zipf(NonNegative),
    #[serde(rename = "lognormal")]
    LogNormal(NonNegative),
    Hot(Hot),
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Hot {
    pub share: Share,
    pub of: Spanned<Share>,
}

/// One id that takes a share of all picks for a while.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PickFlash {
    pub id: Spanned<Count>,
    pub share: Spanned<Share>,
    pub at: Spanned<Moment>,
    #[serde(rename = "for")]
    pub lasting: Spanned<Lapse>,
}

/// `[topic.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Topic {
    pub name: Option<Spanned<Text>>,
    pub partitions: Option<Spanned<Count>>,
    pub replication: Option<Spanned<Count>>,
    pub config: Option<Properties>,
}

/// `[event.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Event {
    pub topic: Option<Spanned<Text>>,
    pub key: Option<Spanned<Names>>,
    pub template: Option<Spanned<Text>>,
    pub value: Option<Spanned<Value>>,
    pub headers: Option<Named<Spanned<Text>>>,
    pub stamp: Option<Spanned<Stamp>>,
    pub defects: Option<Spanned<Defects>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Value {
    pub lines: Option<Spanned<Text>>,
    pub bytes: Option<Spanned<Size>>,
    pub compressible: Option<Spanned<Positive>>,
}

#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stamp {
    Payload,
    Header,
    None,
}

/// What is wrong with events on purpose.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Defects {
    pub late: Option<Delay>,
    pub out_of_order: Option<Delay>,
    pub duplicate: Option<Spanned<OnlyShare>>,
    pub tombstone: Option<Spanned<OnlyShare>>,
    pub oversized: Option<Oversized>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Delay {
    pub share: Share,
    pub by: Spanned<Lapse>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct OnlyShare {
    pub share: Share,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Oversized {
    pub share: Share,
    pub size: Spanned<Size>,
}

/// `[flow.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Flow {
    pub journey: Option<Spanned<Text>>,
    pub start: Option<Spanned<Text>>,
    pub event: Option<Spanned<Mix>>,
    pub arrivals: Option<Spanned<Arrivals>>,
    pub mean: Option<Spanned<Rate>>,
    pub peak: Option<Spanned<Rate>>,
    pub total: Option<Spanned<Count>>,
    pub of: Option<Spanned<Names>>,
    pub shape: Option<Spanned<Vec<Spanned<Shape>>>>,
    pub spikes: Option<Spanned<Vec<Spanned<Shape>>>>,
    pub defects: Option<Spanned<Defects>>,
    pub producers: Option<Spanned<Count>>,
    pub client: Option<Properties>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(
    rename_all = "snake_case",
    expecting = "a shape, as in { flash = { ... } }"
)]
pub(super) enum Shape {
    Ramp(Ramp),
    Stairs(Stairs),
    Hours(Spanned<Vec<NonNegative>>),
    Sine(Sine),
    Gaussian(Gaussian),
    Flash(Flash),
    Square(Square),
    Trace(Trace),
    Noise(Noise),
    Sum(Vec<Spanned<Shape>>),
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Ramp {
    pub from: NonNegative,
    pub to: NonNegative,
    pub at: Option<Spanned<Moment>>,
    pub over: Option<Spanned<Lapse>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Stairs {
    pub from: NonNegative,
    pub step: Spanned<Number>,
    pub every: Spanned<Lapse>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Sine {
    pub period: Spanned<Lapse>,
    pub low: NonNegative,
    pub high: NonNegative,
    pub top_at: Spanned<Moment>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Gaussian {
    pub at: Spanned<Moment>,
    pub sd: Spanned<Lapse>,
    pub height: NonNegative,
    pub base: Option<NonNegative>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Flash {
    pub at: Spanned<Moment>,
    pub height: NonNegative,
    pub base: Option<NonNegative>,
    pub attack: Option<Lapse>,
    pub hold: Option<Lapse>,
    pub decay: Option<Lapse>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Square {
    pub every: Spanned<Lapse>,
    pub on: Spanned<Lapse>,
    pub height: NonNegative,
    pub base: Option<NonNegative>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Noise {
    pub cv: NonNegative,
    pub every: Spanned<Lapse>,
}

/// Rates or counts as a monitoring system exported them.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Trace {
    pub file: Spanned<Text>,
    /// The name of the column of times.
    pub time: Spanned<Text>,
    /// The name of the column of rates.
    pub rate: Option<Spanned<Text>>,
    /// The name of the column of counts.
    pub count: Option<Spanned<Text>>,
    pub gaps: Option<Gaps>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case", expecting = "\"error\" or \"bridge\"")]
pub(super) enum Gaps {
    Error,
    Bridge,
}

/// `[consume.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Consume {
    pub topics: Option<Spanned<Names>>,
    pub members: Option<Spanned<Count>>,
    pub work: Option<RealLapse>,
    pub client: Option<Properties>,
}

/// `[[slo]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Slo {
    pub metric: Option<Spanned<Metric>>,
    pub flow: Option<Spanned<Text>>,
    pub event: Option<Spanned<Text>>,
    pub consume: Option<Spanned<Text>>,
    pub quantile: Option<Spanned<Quantile>>,
    pub below: Option<Spanned<Amount>>,
    pub at_most: Option<Spanned<Amount>>,
    pub at_least: Option<Spanned<Amount>>,
    pub limit: Option<Spanned<RealLapse>>,
    pub after: Option<Spanned<Text>>,
    pub every: Option<Spanned<RealLapse>>,
    pub allow: Option<Spanned<Count>>,
    pub from: Option<Judged>,
    pub allow_compressed: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Metric {
    Response,
    Service,
    EndToEnd,
    SendDelay,
    LagRecords,
    LagTime,
    Failed,
    Missing,
    Corrupt,
    Duplicated,
    Reordered,
    Achieved,
    Drain,
    Recovery,
    TimeAbove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Judged {
    Warm,
    All,
}

/// `[abort]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Abort {
    pub response: Option<AbortResponse>,
    pub errors: Option<AbortShare>,
    pub backlog: Option<AbortCount>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AbortResponse {
    pub quantile: Quantile,
    pub above: RealLapse,
    #[serde(rename = "for")]
    pub lasting: RealLapse,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AbortShare {
    pub above: Share,
    #[serde(rename = "for")]
    pub lasting: RealLapse,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AbortCount {
    pub above: Count,
    #[serde(rename = "for")]
    pub lasting: RealLapse,
}
